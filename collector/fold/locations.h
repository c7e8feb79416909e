/* locations: in which zone an instance is. Its own metrics often do not tell (a Prometheus job is not in a zone), while
 * its callers' (Linkerd's dst_zone) or its gauges do: what anyone tells counts for whoever speaks of it. */
#ifndef SEISMESH_FOLD_LOCATIONS_H
#define SEISMESH_FOLD_LOCATIONS_H

#include "base/table.h"
#include "collector/rollup/shard.h"

enum { LOCATIONS_MAX = 65536 }; /* then it begins anew: everybody is told again within a report or two */

typedef struct {
    uint32_t service, instance, zone; /* name ids */
} location_t;

typedef struct {
    location_t *items; /* owned */
    uint32_t count, capacity;
    table_t table;
} locations_t;

void locations_fini(locations_t *locations);

/* The zone, told (and remembered) or remembered; NAME_NONE when nobody told. All are name ids. */
uint32_t locations_zone(locations_t *locations, uint32_t service, uint32_t instance, uint32_t told);

/* Anew, from the instances that are known: after entities were restored, or expired. */
void locations_learn(locations_t *locations, const shard_t *shard);

#endif
