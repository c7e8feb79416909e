/* world_internal: the parts of a world, for the files of this folder only.
 *
 * A call is one attempt of one caller at one callee. It has two sides that end by themselves: the caller's (answer,
 * timeout, refusal) and the callee's (work done, or never begun); its memory is free when both have ended. A request
 * from outside is a call without parent. */
#ifndef SEISMESH_SIMULATE_WORLD_INTERNAL_H
#define SEISMESH_SIMULATE_WORLD_INTERNAL_H

#include "analyzer/simulate/agenda.h"
#include "analyzer/simulate/random.h"
#include "analyzer/simulate/world.h"

#define SECOND_NS INT64_C(1000000000)

enum { CALLS_LIVE_MAX = 2000000, EVENT_BITS = 64, OUTCOME_BUCKETS = 400, WINDOWS_MAX = 500, SERVED_MAX = 20000 };

/* Why a call failed, as Envoy's response flags have it. */
typedef enum {
    FLAG_NONE,
    FLAG_CONNECTION, /* UF */
    FLAG_NO_HEALTHY, /* UH */
    FLAG_OVERFLOW,   /* UO */
    FLAG_TIMEOUT,    /* UT */
    FLAG_LIMITED,    /* RL */
    FLAG_DENIED,     /* policy */
    FLAGS
} flag_t;

typedef struct call {
    int64_t start_ns, arrive_ns, end_ns;        /* end: of the side that ended last */
    int64_t rest_ns;                            /* own work after the calls */
    uint64_t trace, span;                       /* numbers; span is the caller's, span + 1 the callee's */
    uint32_t parent;                            /* call, or NONE */
    uint32_t edge, operation, instance, caller; /* instance, caller: NONE where there is none */
    uint32_t next;                              /* in a queue, or of free ones */
    uint32_t generation;
    uint16_t status, served_status; /* HTTP; 0 = no answer */
    uint16_t waiting;               /* calls of this one that have not ended */
    uint8_t step, attempt, flag;
    bool caller_over, callee_over; /* the side has ended */
    bool working_last;             /* the work after the calls has begun */
    bool failing;                  /* decided when its work began */
    bool child_failed, child_expired;
    bool rejected; /* the client's own fault: 404 */
    bool sampled;
    bool optional; /* the parent does not mind */
    bool pooled;   /* holds a connection of the caller's pool */
    bool begun;    /* has a place at its instance */
    bool passed;   /* left its caller: counts as active on its edge */
} call_t;

typedef struct {
    int64_t deadline_ns;
    uint32_t call, generation;
} deadline_t;

typedef struct {
    deadline_t *items; /* round; capacity is a power of two */
    uint32_t first, count, capacity;
    bool armed; /* the agenda has it */
} deadlines_t;

typedef struct {
    uint32_t caller, callee; /* services; caller NONE = from outside */
    uint32_t traffic;        /* source, where caller is NONE */
    int64_t timeout_ns, backoff_ns;
    uint32_t retries, pool, pool_slot;
    double retry_budget;
    int64_t first_timeout_ns; /* as the scenario has it, for reset */
    uint32_t first_retries;
    uint32_t active, retrying;
    deadlines_t deadlines[2]; /* of the timeout in force; of those before */
    uint64_t events;          /* in force and about this pair */
} edge_t;

typedef struct {
    uint32_t edge, operation; /* operation: NONE = by shares */
    double probability;
    bool optional, together;
} step_t;

typedef struct {
    const operation_spec_t *spec;
    uint32_t service, first_step, step_count;
    double share_until; /* of the service's shares, this one's included */
} operation_t;

/* Connections of one instance to one callee. */
typedef struct {
    uint32_t active, head, tail;
} pool_t;

typedef enum { INSTANCE_STARTING, INSTANCE_UP, INSTANCE_DRAINING, INSTANCE_GONE } instance_state_t;

typedef struct {
    char *name;
    uint32_t service, version, zone, node;
    uint8_t state;
    bool ejected, ejected_by_hand;
    uint32_t errors_in_row, ejections;
    uint32_t active, queued, head, tail; /* places taken; calls that wait for one */
    uint32_t places;
    uint64_t events; /* in force and about this instance */
    pool_t *pools;
    int64_t busy_ns, since_ns; /* work begun; when it came up */
    uint32_t pending_pool;     /* calls that wait for a connection */
} instance_t;

typedef struct {
    const version_spec_t *spec;
    uint32_t service;
    double weight, weight_from, weight_to; /* now; while it moves */
    int64_t moves_ns, moved_ns;            /* when that began, and ends */
    double speed;                          /* its times over those of the service */
    uint32_t *instances, instance_count, instance_capacity, next_number;
    uint32_t *ready;                   /* sorted by zone */
    uint32_t zone_from[ZONES_MAX + 1]; /* in ready */
    uint32_t turn;
} version_t;

typedef struct {
    const service_spec_t *spec;
    version_t versions[VERSIONS_MAX];
    uint32_t version_count, first_operation, operation_count, pool_count;
    double share_sum, zone_weights[ZONES_MAX];
    bool zone_weighted;
    outlier_spec_t outlier; /* consecutive_errors 0 = off */
    uint32_t max_requests;
    double rate_limit, tokens;
    int64_t tokens_ns, busy_before_ns;
    uint32_t quiet_ticks; /* of the autoscaler: fewer instances would do */
} service_t;

typedef struct {
    const traffic_spec_t *spec;
    random_t random;
    uint32_t edge;
    bool arrives;        /* the next entry is a request, not just a look at the rate */
    int64_t rate_second; /* for which `rate` holds */
    double rate;
    uint64_t events;
} source_t;

typedef struct {
    uint64_t requests, errors;
    uint32_t buckets[OUTCOME_BUCKETS];
} window_t;

typedef struct {
    int64_t timeout_ns; /* what the event replaced */
    uint32_t retries;
    bool active;
} event_state_t;

struct world {
    const scenario_t *scenario;
    world_listener_t listener;
    int64_t now_ns;
    uint64_t seed, next_trace, next_span;
    random_t random;
    agenda_t agenda;
    call_t *calls;
    uint32_t call_count, call_capacity, free_call, live_calls;
    service_t *services;
    operation_t *operations;
    step_t *steps;
    edge_t *edges;
    uint32_t edge_count, operation_count, step_count;
    instance_t *instances;
    uint32_t instance_count, instance_capacity;
    source_t *sources;
    event_state_t events[EVENTS_MAX];
    uint64_t path_events; /* in force and about paths between zones, or calls to or from */
    double sampling;
    world_totals_t totals;
    window_t *windows; /* by traffic source, then time */
    window_t *served;  /* by service, then time; NULL = not kept */
    uint32_t window_count;
    int64_t window_ns;
};

/* Kinds of agenda entries. */
typedef enum {
    WHAT_ARRIVE,   /* call: at its instance */
    WHAT_WORK,     /* call: a part of its own work is done */
    WHAT_ANSWER,   /* call: the answer is back at the caller */
    WHAT_DISPATCH, /* call: a retry whose pause is over */
    WHAT_DEADLINE, /* edge * 2 + which of its deadlines */
    WHAT_TRAFFIC,  /* source */
    WHAT_BEGIN,    /* event */
    WHAT_END,      /* event */
    WHAT_ACTION,   /* action */
    WHAT_READMIT,  /* instance */
    WHAT_UP,       /* instance */
    WHAT_SCALE,    /* service: the autoscaler looks */
    WHAT_REPORT,
    WHAT_TICK /* every second: what grows and moves */
} what_t;

enum { WHAT_SHIFT = 28, WHAT_INDEX = (1 << WHAT_SHIFT) - 1 };

static inline void world_plan(world_t *world, int64_t at_ns, what_t kind, uint32_t index) {
    agenda_add(&world->agenda, at_ns, (uint32_t)kind << WHAT_SHIFT | index);
}

/* calls.c */
void calls_request(world_t *world, uint32_t source); /* from outside */
void calls_arrive(world_t *world, uint32_t call);
void calls_work(world_t *world, uint32_t call);
void calls_answer(world_t *world, uint32_t call);
void calls_dispatch(world_t *world, uint32_t call);
void calls_deadline(world_t *world, uint32_t which);
void calls_new_timeout(world_t *world, edge_t *edge, int64_t timeout_ns);
void calls_fill_places(world_t *world, uint32_t instance); /* after places were added */

/* balance.c */
uint32_t balance_pick(world_t *world, const edge_t *edge, uint32_t caller); /* instance, or NONE */
void balance_result(world_t *world, uint32_t instance, bool failed);        /* as outlier detection sees it */
void balance_rebuild(world_t *world, version_t *version);
void balance_readmit(world_t *world, uint32_t instance);
bool balance_admit(world_t *world, service_t *service); /* rate limit */

/* instances.c */
void instances_scale(world_t *world, version_t *version, uint32_t count, int64_t start_ns);
void instances_up(world_t *world, uint32_t instance);
void instances_idle(world_t *world, uint32_t instance); /* a draining one has nothing to do any more */
void instances_autoscale(world_t *world, uint32_t service);
uint32_t instances_find(const world_t *world, const char *name); /* NONE */
uint32_t instances_running(const world_t *world, const version_t *version);

/* effects.c */
void effects_begin(world_t *world, uint32_t event);
void effects_end(world_t *world, uint32_t event);
void effects_tick(world_t *world);
void effects_of_instance(world_t *world, instance_t *instance); /* a new one */
double effects_intensity(const world_t *world, uint32_t event);
/* What happens to work that begins. */
typedef struct {
    double factor, errors;
    int64_t delay_ns;
    uint16_t status;
} work_effect_t;
void effects_on_work(const world_t *world, const call_t *call, work_effect_t *effect);
int64_t effects_pause_left(const world_t *world, const instance_t *instance);
bool effects_crashed(world_t *world, const instance_t *instance);
bool effects_swallows(world_t *world, const instance_t *instance); /* black hole */
deny_t effects_denial(const world_t *world, const call_t *call);
/* Time on the way; negative: lost for good. */
int64_t effects_way(world_t *world, const call_t *call, bool back);
uint32_t effects_pool(const world_t *world, const edge_t *edge);
double effects_surge(const world_t *world, const source_t *source);
double effects_client_errors(const world_t *world, const source_t *source);
double effects_leaked_mb(const world_t *world, const instance_t *instance);
/* For emitters. */
bool effects_silent(const world_t *world, uint32_t instance);
int64_t effects_clock_skew(const world_t *world, uint32_t instance);

/* traffic.c */
void traffic_plan(world_t *world, uint32_t source);
void traffic_next(world_t *world, uint32_t source);
void traffic_outcome(world_t *world, const call_t *call); /* a request from outside has ended */
void traffic_served(world_t *world, const call_t *call);  /* an instance has answered */

/* actions.c */
void actions_tick(world_t *world); /* weights that move */

static inline const char *operation_name(const world_t *world, uint32_t operation) {
    return world->operations[operation].spec->name;
}
static inline const service_spec_t *service_of_instance(const world_t *world, uint32_t instance) {
    return world->services[world->instances[instance].service].spec;
}
static inline const version_t *version_of_instance(const world_t *world, uint32_t instance) {
    const instance_t *one = &world->instances[instance];
    return &world->services[one->service].versions[one->version];
}

#endif
