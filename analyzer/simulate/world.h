/* world: a mesh in a box. A discrete-event simulation of the services of a scenario: requests queue for places in
 * instances, work takes its time, calls go through balancing, circuit breakers, pools, timeouts and retries, and
 * everything that happens comes out of the seed. Time is in nanoseconds from the scenario's start.
 *
 *     world_t *world = world_new(scenario, seed, listener);
 *     world_run(world, scenario->duration_ns);             // or step by step, with world_act in between
 *     world_free(world);
 */
#ifndef SEISMESH_SIMULATE_WORLD_H
#define SEISMESH_SIMULATE_WORLD_H

#include "analyzer/simulate/scenario.h"

#include <stdbool.h>

typedef struct world world_t;
struct call;

/* Told what proxies and applications see. Any may be NULL. */
typedef struct {
    void *context;
    void (*called)(void *context, const world_t *world, const struct call *call); /* the caller's side has ended */
    void (*served)(void *context, const world_t *world, const struct call *call); /* the callee's side has ended */
    void (*report)(void *context, const world_t *world);                          /* every report_ns */
} world_listener_t;

/* `scenario` must live as long as the world. */
world_t *world_new(const scenario_t *scenario, uint64_t seed, world_listener_t listener);
void world_free(world_t *world);

/* Lets everything happen that is due before `until_ns`; then it is that time. */
void world_run(world_t *world, int64_t until_ns);
int64_t world_now(const world_t *world);

/* Does an action now (its `at` is not looked at). `what` gets a sentence: what was done, or, with ERR_NOT_FOUND, why
 * not (an instance that is not there). */
err_t world_act(world_t *world, const action_t *action, char *what, size_t size);

/* Every request and call is in one of these. */
typedef struct {
    uint64_t requests, requests_ended, requests_failed;       /* that came from outside */
    uint64_t calls, calls_ended, calls_failed, calls_expired; /* attempts, those of requests included */
    uint64_t turned_away, sent, lost;             /* never left the caller; left it; of these, lost on the way there */
    uint64_t arrived, served, refused, swallowed; /* at instances: refused = queue full, crashed, denied, limited */
    uint64_t retries, overflowed;                 /* overflowed: not made, since too many were on the way */
    uint64_t events;                              /* things that happened */
} world_totals_t;
world_totals_t world_totals(const world_t *world);
uint64_t world_live_calls(const world_t *world); /* not over yet on one of their sides */

/* What requests came to, window by window. */
typedef struct {
    uint64_t requests, errors; /* errors: 5xx, timeouts, 429 */
    double p50_s, p99_s;       /* 4 % exact; 0 without requests */
} outcome_t;
int64_t world_window_ns(const world_t *world);

/* Requests from outside to one service (NONE = to any), as users saw them, in the windows that lie in [from, to). */
outcome_t world_outcome(const world_t *world, uint32_t service, int64_t from_ns, int64_t to_ns);

/* All that instances of a service served, as they saw it; latencies are those of successes. Not kept, and empty, where
 * it would take too much memory (hundreds of services over hundreds of windows). */
outcome_t world_served(const world_t *world, uint32_t service, int64_t from_ns, int64_t to_ns);

#endif
