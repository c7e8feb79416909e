/* sighting: whom a metric point or an access log speaks of, and from which side. What the callee's side saw counts for
 * the edge and for the callee's service, version, zone, instance and operation, each once; what the caller's side saw
 * counts for the edge alone; only where no proxy stands beside callees (SIDE_BEFORE) does it count for the callee too,
 * by an observer of its own (OBSERVER_CALLERS), since there may be callers whom that proxy does not see. */
#ifndef SEISMESH_FOLD_SIGHTING_H
#define SEISMESH_FOLD_SIGHTING_H

#include "collector/fold/worker.h"

typedef struct {
    observer_t observer;
    protocol_t protocol;
    bool edge_only;
    uint32_t caller, callee;                     /* service name ids; 0 = not told */
    uint32_t version, zone, instance, operation; /* of the callee */
    uint32_t own;                                /* the reporter's service */
    uint32_t own_version, own_zone, own_instance;
    bool by_caller; /* the caller's side speaks */
    bool before;    /* and for the callee, too */
    bool named;     /* both ends were named by labels */
    mesh_t mesh;    /* whose proxy speaks */
} sighting_t;

/* What is known beforehand, by the metric's rule or the kind of log. */
typedef struct {
    observer_t observer; /* OBSERVER_NONE = by the reporter's side */
    bool edge_only;      /* counts for edges alone, and the reporter is the caller where nothing else is told */
    bool labels_only;    /* the resource is never an end of a call (a scrape job, say) */
    bool sidecars;       /* a scrape job is never the reporter's service */
    mesh_t mesh;         /* whose proxy speaks, where labels do not tell */
} manner_t;

void sighting_read(fold_t *fold, const resource_t *resource, const roles_t *roles, manner_t manner,
                   sighting_t *sighting);

/* The cells of the bucket of `time_ns` that this sighting counts in (at most ENTITY_KINDS); 0 when it names nobody. */
uint32_t sighting_cells(fold_t *fold, const sighting_t *sighting, int64_t time_ns, cell_t *cells[ENTITY_KINDS]);

/* Learns anew which edges have requests, and where instances are: after entities were restored, or expired. */
void sighting_learn(fold_t *fold);

/* The cells for a gauge: of the edge when both ends were named, else of the reporter's service and instance (`kind`
 * ENTITY_INSTANCE or ENTITY_EDGE: of these only). Gauges have no observer. An edge's gauges
 * of OBSERVER_PROXY_STATS count where requests were counted between the two. */
uint32_t sighting_gauge_cells(fold_t *fold, const sighting_t *sighting, entity_kind_t kind, int64_t time_ns,
                              cell_t *cells[ENTITY_KINDS]);

#endif
