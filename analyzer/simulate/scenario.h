/* scenario: a mesh, what happens to it, and what is true about that, as one YAML file (docs/simulate.md is its
 * documentation). Here are the file's structs, with names resolved to indices; world.h makes them run.
 *
 *     scenario_t *scenario;
 *     if (scenario_read(text, &scenario, why, sizeof why) == ERR_OK) …   // else why is "line N: sentence with the
 * cure"
 */
#ifndef SEISMESH_SIMULATE_SCENARIO_H
#define SEISMESH_SIMULATE_SCENARIO_H

#include "analyzer/simulate/schema.h"

enum {
    SERVICES_MAX = 200,
    VERSIONS_MAX = 8,
    OPERATIONS_MAX = 32,
    CALLS_MAX = 32,
    INSTANCES_MAX = 64, /* of a version */
    ZONES_MAX = 8,
    TRAFFIC_MAX = 64,
    EVENTS_MAX = 64,
    ACTIONS_MAX = 64,
    NONE = UINT32_MAX
};

/* How long work takes: lognormal by its median and 99th percentile, or exponential or constant by its mean. */
typedef enum { SHAPE_LOGNORMAL, SHAPE_EXPONENTIAL, SHAPE_CONSTANT } shape_t;
typedef struct {
    head_t head;
    int64_t median_ns, p99_ns, mean_ns;
    uint32_t shape; /* shape_t */
} duration_t;

typedef struct {
    head_t head;
    const char *to, *operation;
    double probability;
    uint32_t times;
    bool optional; /* its failure does not fail the caller */
    bool together; /* begins together with the call written before it */
    /* of the pair of services, not only of this call */
    int64_t timeout_ns, backoff_ns;
    uint32_t retries, pool;
    double retry_budget;
    /* resolved */
    uint32_t service, op; /* op: index in the callee's operations; NONE = by their shares */
} call_spec_t;

typedef struct {
    head_t head;
    const char *name;
    double share, errors;
    duration_t time;
    list_t calls; /* call_spec_t */
} operation_spec_t;

typedef struct {
    head_t head;
    const char *name;
    double weight, errors;
    uint32_t instances;
    duration_t time;
} version_spec_t;

typedef struct {
    head_t head;
    uint32_t consecutive_errors;
    int64_t ejection_ns;
    double max_share;
} outlier_spec_t;

typedef struct {
    head_t head;
    uint32_t min, max;
    double target;
    int64_t every_ns, start_ns;
} autoscale_spec_t;

typedef enum { BALANCE_ROUND_ROBIN, BALANCE_RANDOM, BALANCE_LEAST_REQUEST } balance_t;

typedef struct {
    head_t head;
    const char *name, *namespace_name;
    uint32_t instances, concurrency, queue, cores;
    bool releases; /* the place is free while it waits for callees */
    bool local;    /* callers prefer instances in their own zone */
    duration_t time;
    double errors, rate_limit, memory_mb;
    uint32_t balance; /* balance_t */
    uint32_t max_requests;
    list_t zones;      /* const char *; those of the scenario where empty */
    list_t telemetry;  /* const char *, names of emit.h; those of the scenario where empty */
    list_t versions;   /* version_spec_t */
    list_t operations; /* operation_spec_t */
    list_t calls;      /* call_spec_t: of every operation, before its own */
    outlier_spec_t outlier;
    autoscale_spec_t autoscale;
} service_spec_t;

typedef struct {
    head_t head;
    const char *to, *operation, *name;
    double rate, daily, weekly, noise, client_errors;
    int64_t peak_ns, patience_ns, period_ns, on_ns;
    uint32_t retries;
    uint32_t service, op;
} traffic_spec_t;

/* Who or what an event is about; absent parts are all. */
typedef struct {
    uint32_t service, version, from, op, zone, to_zone, traffic;
} who_t;

typedef enum { DENY_NO, DENY_POLICY, DENY_CERTIFICATE } deny_t;

typedef struct {
    head_t head;
    int64_t at_ns, for_ns, ramp_ns, flap_ns;
    const char *service, *version, *instance, *zone, *to_zone, *node, *from, *operation, *traffic;
    double above_load;
    /* effects */
    double errors, slower, loss, surge, client_errors, leak_mb_per_minute, pool_leak_per_minute, sampling, places;
    uint32_t status, deny, retries;
    int64_t delay_ns, pause_ns, pause_every_ns, timeout_ns, clock_skew_ns;
    bool blackhole, crash, silent;
    who_t who;
} event_spec_t;

/* The abstract changes of routing, in the words of analyzer/routing's suggestions, and two more. */
typedef enum {
    DO_SHIFT_VERSIONS,
    DO_SHIFT_ZONES,
    DO_DRAIN_INSTANCE,
    DO_TIGHTEN_EJECTION,
    DO_CIRCUIT_BREAKER,
    DO_RATE_LIMIT,
    DO_CUT_RETRIES,
    DO_SET_TIMEOUT,
    DO_FAIL_OVER,
    DO_SCALE,
    DO_RESET, /* to what the scenario says */
    DO_KINDS
} do_t;

extern const char *const action_names[DO_KINDS + 1]; /* "shift_versions", …, NULL */

typedef struct {
    head_t head;
    const char *name;
    double weight;
} weight_spec_t;

/* A change of routing, or of scale: what people or their tools do to a mesh. */
typedef struct {
    head_t head;
    int64_t at_ns, over_ns;
    uint32_t kind; /* do_t */
    const char *service, *namespace_name, *caller, *protocol, *version, *instance, *from_zone, *to_zone;
    list_t weights; /* weight_spec_t: of versions or zones */
    uint32_t consecutive_errors, in_flight, pending, attempts, instances, port;
    double max_ejection_percent, interval_s, ejection_s, requests_per_s, timeout_s;
} action_t;

typedef enum { ALARM_MUST, ALARM_MUST_NOT } alarm_t;

typedef struct {
    head_t head;
    const char *service, *version, *instance, *zone;
} culprit_spec_t;

typedef struct {
    head_t head;
    const char *service;
    double errors;
    int64_t p99_ns;
} objective_t;

typedef struct {
    head_t head;
    uint32_t alarm; /* alarm_t */
    const char *kind;
    culprit_spec_t culprit;
    list_t also; /* const char *: services that may be named as well */
    int64_t from_ns, until_ns;
    bool routing_heals;
    list_t cure; /* action_t without times: what heals it */
    objective_t objective;
} truth_t;

typedef struct {
    head_t head;
    int64_t same_zone_ns, cross_zone_ns;
} network_spec_t;

typedef struct {
    head_t head;
    const char *name, *about;
    uint32_t seed, nodes_per_zone;
    int64_t duration_ns, start_ns, report_ns;
    double sampling;
    list_t telemetry; /* const char *, names of emit.h */
    list_t zones;     /* const char * */
    network_spec_t network;
    list_t services; /* service_spec_t */
    list_t traffic;  /* traffic_spec_t */
    list_t events;   /* event_spec_t */
    list_t actions;  /* action_t */
    truth_t truth;
    schema_document_t *document;
} scenario_t;

/* ERR_INVALID with "line N: sentence". */
err_t scenario_read(slice_t text, scenario_t **out, char *why, size_t why_size);
void scenario_free(scenario_t *scenario);

/* One action, as YAML in a line, so as JSON too; its names are checked against the scenario. `*document` owns its
 * texts. ERR_INVALID with a sentence. */
err_t action_read(slice_t text, const scenario_t *scenario, action_t *action, schema_document_t **document, char *why,
                  size_t why_size);

/* Index of a service, or NONE; of a version, operation of a service, or NONE. */
uint32_t scenario_service(const scenario_t *scenario, const char *name);
uint32_t service_version(const service_spec_t *service, const char *name);
uint32_t service_operation(const service_spec_t *service, const char *name);
uint32_t scenario_zone(const scenario_t *scenario, const char *name);

static inline const service_spec_t *service_at(const scenario_t *scenario, uint32_t index) {
    return &((const service_spec_t *)scenario->services.items)[index];
}

#endif
