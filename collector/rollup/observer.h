/* observer: who counts. The same request may be seen by the callee's proxy, the caller's proxy, a connector, the
 * application, an access log and a span. They are kept apart in the cells (entity_key_t.observer); here one of them is
 * chosen for each edge or service, so that every request counts once.
 *
 * The first of PROXY_SERVER, PROXY_CLIENT, DERIVED, APP, LOG, SPAN that saw any request is the authority: the callee's
 * proxy knows what was answered, and sees what no sampling hides; spans, which may be sampled, come last. What only
 * the caller can know is added to it: failures that never reached the callee (FAILURE_CONNECTION of PROXY_CLIENT),
 * calls that it gave up while the callee went on (FAILURE_TIMEOUT; they are requests of the callee's already), retries,
 * and, for edges, the latency as the caller saw it. Gauges are no requests: everybody's are kept. */
#ifndef SEISMESH_ROLLUP_OBSERVER_H
#define SEISMESH_ROLLUP_OBSERVER_H

#include "collector/rollup/shard.h"

/* What each observer saw of one edge or service, over a range. */
typedef struct {
    uint64_t requests[OBSERVERS];
} observer_tally_t;

void observer_count(observer_tally_t *tally, observer_t observer, const cell_t *cell);

/* The authority; OBSERVER_NONE when nobody saw a request. */
observer_t observer_choose(const observer_tally_t *tally);

/* Adds to `into` what the cell of `observer` contributes, when `authority` was chosen. Any order, any grouping. */
void observer_merge(cell_t *into, observer_t authority, observer_t observer, const cell_t *cell);

#endif
