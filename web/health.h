/* health: who is hurt at a moment, judged by the incidents that are open then: the culprit is as bad as its incident,
 * the affected are warned of. Everything else that gets requests is fine, and what gets none is idle. */
#ifndef SEISMESH_WEB_HEALTH_H
#define SEISMESH_WEB_HEALTH_H

#include "base/err.h"
#include "collector/store/query.h"

typedef enum { HEALTH_IDLE, HEALTH_OK, HEALTH_WARNING, HEALTH_CRITICAL } health_t;

extern const char *const health_names[]; /* "idle", "ok", … */

typedef struct {
    uint32_t service; /* name id */
    health_t level;   /* warning or critical */
    bool culprit;
    uint64_t incident;
    int64_t opened_ns;
    char *title; /* the incident's; owned */
} hurt_t;

typedef struct {
    hurt_t *items; /* worst first; one per service */
    uint32_t count, capacity;
    uint32_t answered; /* open incidents that people know of: they hurt nobody here */
} hurt_list_t;

/* The hurt as of `at_ns`. */
err_t health_load(query_t *query, int64_t at_ns, hurt_list_t *list);
void health_fini(hurt_list_t *list);

const hurt_t *health_find(const hurt_list_t *list, uint32_t service); /* NULL: not hurt */

/* Of a service with this many requests in the range. */
health_t health_of(const hurt_list_t *list, uint32_t service, uint64_t requests);

#endif
