/* The keys of a scenario, as docs/simulate.md documents them. Times have their limits in seconds. */
#include "analyzer/simulate/scenario_schema.h"

#include <stddef.h>

#define DAY  86400.0
#define YEAR (366 * DAY)

#define AT(type, field) .at = offsetof(type, field)
#define TEXT(type, key, field)                                                                                         \
    { key, READ_TEXT, AT(type, field) }
#define FLAG(type, key, field)                                                                                         \
    { key, READ_FLAG, AT(type, field) }
#define SHARE(type, key, field)                                                                                        \
    { key, READ_SHARE, AT(type, field), .min = 0, .max = 1 }
#define TIME(type, key, field, low, high)                                                                              \
    { key, READ_TIME, AT(type, field), .min = low, .max = high }
#define REAL(type, key, field, low, high)                                                                              \
    { key, READ_REAL, AT(type, field), .min = low, .max = high }
#define COUNT(type, key, field, low, high)                                                                             \
    { key, READ_COUNT, AT(type, field), .min = low, .max = high }
#define WORD(type, key, field, list)                                                                                   \
    { key, READ_WORD, AT(type, field), .words = list }
#define OBJECT(type, key, field, schema)                                                                               \
    { key, READ_OBJECT, AT(type, field), .inner = schema }
#define LIST(type, key, field, schema, n)                                                                              \
    { key, READ_LIST, AT(type, field), .inner = schema, .max = n }
#define MAP(type, key, field, schema, n)                                                                               \
    { key, READ_MAP, AT(type, field), .inner = schema, .max = n }
#define END                                                                                                            \
    { .key = NULL }

const char *const action_names[DO_KINDS + 1] = {
    [DO_SHIFT_VERSIONS] = "shift_versions",
    [DO_SHIFT_ZONES] = "shift_zones",
    [DO_DRAIN_INSTANCE] = "drain_instance",
    [DO_TIGHTEN_EJECTION] = "tighten_ejection",
    [DO_CIRCUIT_BREAKER] = "circuit_breaker",
    [DO_RATE_LIMIT] = "rate_limit",
    [DO_CUT_RETRIES] = "cut_retries",
    [DO_SET_TIMEOUT] = "set_timeout",
    [DO_FAIL_OVER] = "fail_over",
    [DO_SCALE] = "scale",
    [DO_RESET] = "reset",
    NULL,
};

static const char *const shapes[] = {"lognormal", "exponential", "constant", NULL};
static const char *const balances[] = {"round_robin", "random", "least_request", NULL};
static const char *const denials[] = {"no", "policy", "certificate", NULL};
static const char *const alarms[] = {"must", "must_not", NULL};

static const field_t duration_fields[] = {
    TIME(duration_t, "median", median_ns, 0, 3600), TIME(duration_t, "p99", p99_ns, 0, 3600),
    TIME(duration_t, "mean", mean_ns, 0, 3600), WORD(duration_t, "shape", shape, shapes), END};
static const schema_t schema_duration = {.what = "a time", .size = sizeof(duration_t), .fields = duration_fields};

static void call_defaults(void *item) {
    call_spec_t *call = item;
    call->probability = 1;
    call->times = 1;
    call->backoff_ns = 25 * INT64_C(1000000);
    call->service = call->op = NONE;
}

static const field_t call_fields[] = {{"to", READ_TEXT, AT(call_spec_t, to), .needed = true},
                                      TEXT(call_spec_t, "operation", operation),
                                      SHARE(call_spec_t, "probability", probability),
                                      COUNT(call_spec_t, "times", times, 1, CALLS_MAX),
                                      FLAG(call_spec_t, "optional", optional),
                                      FLAG(call_spec_t, "together", together),
                                      TIME(call_spec_t, "timeout", timeout_ns, 0.001, 3600),
                                      COUNT(call_spec_t, "retries", retries, 0, 20),
                                      TIME(call_spec_t, "backoff", backoff_ns, 0, 60),
                                      SHARE(call_spec_t, "retry_budget", retry_budget),
                                      COUNT(call_spec_t, "pool", pool, 1, 100000),
                                      END};
static const field_t call_scalar = {.reading = READ_TEXT, AT(call_spec_t, to)};
static const schema_t schema_call = {.what = "a call",
                                     .size = sizeof(call_spec_t),
                                     .fields = call_fields,
                                     .scalar = &call_scalar,
                                     .defaults = call_defaults};

static void operation_defaults(void *item) {
    ((operation_spec_t *)item)->share = 1;
}

static const field_t operation_fields[] = {REAL(operation_spec_t, "share", share, 0, 1e6),
                                           SHARE(operation_spec_t, "errors", errors),
                                           OBJECT(operation_spec_t, "time", time, &schema_duration),
                                           LIST(operation_spec_t, "calls", calls, &schema_call, CALLS_MAX), END};
static const schema_t schema_operation = {.what = "an operation",
                                          .size = sizeof(operation_spec_t),
                                          .name_at = offsetof(operation_spec_t, name),
                                          .fields = operation_fields,
                                          .defaults = operation_defaults};

static void version_defaults(void *item) {
    version_spec_t *version = item;
    version->weight = 100;
    version->instances = NONE; /* as many as the service says */
}

static const field_t version_fields[] = {
    REAL(version_spec_t, "weight", weight, 0, 1e6), COUNT(version_spec_t, "instances", instances, 0, INSTANCES_MAX),
    SHARE(version_spec_t, "errors", errors), OBJECT(version_spec_t, "time", time, &schema_duration), END};
static const schema_t schema_version = {.what = "a version",
                                        .size = sizeof(version_spec_t),
                                        .name_at = offsetof(version_spec_t, name),
                                        .fields = version_fields,
                                        .defaults = version_defaults};

static void outlier_defaults(void *item) {
    outlier_spec_t *outlier = item;
    outlier->consecutive_errors = 5;
    outlier->ejection_ns = 30 * INT64_C(1000000000);
    outlier->max_share = 0.5;
}

static const field_t outlier_fields[] = {COUNT(outlier_spec_t, "consecutive_errors", consecutive_errors, 1, 1000),
                                         TIME(outlier_spec_t, "ejection", ejection_ns, 1, DAY),
                                         SHARE(outlier_spec_t, "max_share", max_share), END};
static const schema_t schema_outlier = {.what = "outlier detection",
                                        .size = sizeof(outlier_spec_t),
                                        .fields = outlier_fields,
                                        .defaults = outlier_defaults};

static void autoscale_defaults(void *item) {
    autoscale_spec_t *autoscale = item;
    autoscale->min = 1;
    autoscale->max = 10;
    autoscale->target = 0.6;
    autoscale->every_ns = 15 * INT64_C(1000000000);
    autoscale->start_ns = 20 * INT64_C(1000000000);
}

static const field_t autoscale_fields[] = {COUNT(autoscale_spec_t, "min", min, 1, INSTANCES_MAX),
                                           COUNT(autoscale_spec_t, "max", max, 1, INSTANCES_MAX),
                                           {"target", READ_SHARE, AT(autoscale_spec_t, target), .min = 0.01, .max = 1},
                                           TIME(autoscale_spec_t, "every", every_ns, 1, 3600),
                                           TIME(autoscale_spec_t, "start", start_ns, 0, 3600),
                                           END};
static const schema_t schema_autoscale = {.what = "autoscaling",
                                          .size = sizeof(autoscale_spec_t),
                                          .fields = autoscale_fields,
                                          .defaults = autoscale_defaults};

static void service_defaults(void *item) {
    service_spec_t *service = item;
    service->instances = 3;
    service->concurrency = 32;
    service->queue = 1000;
    service->memory_mb = 256;
}

static const field_t service_fields[] = {
    TEXT(service_spec_t, "namespace", namespace_name),
    COUNT(service_spec_t, "instances", instances, 0, INSTANCES_MAX),
    COUNT(service_spec_t, "concurrency", concurrency, 1, 100000),
    COUNT(service_spec_t, "queue", queue, 0, 1000000),
    COUNT(service_spec_t, "cores", cores, 1, 1024),
    FLAG(service_spec_t, "releases", releases),
    FLAG(service_spec_t, "local", local),
    OBJECT(service_spec_t, "time", time, &schema_duration),
    SHARE(service_spec_t, "errors", errors),
    REAL(service_spec_t, "rate_limit", rate_limit, 0.001, 1e7),
    REAL(service_spec_t, "memory_mb", memory_mb, 1, 1e6),
    WORD(service_spec_t, "balance", balance, balances),
    COUNT(service_spec_t, "max_requests", max_requests, 1, 1000000),
    LIST(service_spec_t, "zones", zones, NULL, ZONES_MAX),
    LIST(service_spec_t, "telemetry", telemetry, NULL, 16),
    MAP(service_spec_t, "versions", versions, &schema_version, VERSIONS_MAX),
    MAP(service_spec_t, "operations", operations, &schema_operation, OPERATIONS_MAX),
    LIST(service_spec_t, "calls", calls, &schema_call, CALLS_MAX),
    OBJECT(service_spec_t, "outlier_detection", outlier, &schema_outlier),
    OBJECT(service_spec_t, "autoscale", autoscale, &schema_autoscale),
    END};
static const schema_t schema_service = {.what = "a service",
                                        .size = sizeof(service_spec_t),
                                        .name_at = offsetof(service_spec_t, name),
                                        .fields = service_fields,
                                        .defaults = service_defaults};

static void traffic_defaults(void *item) {
    traffic_spec_t *traffic = item;
    traffic->patience_ns = 10 * INT64_C(1000000000);
    traffic->peak_ns = 15 * INT64_C(3600000000000);
    traffic->service = traffic->op = NONE;
}

static const field_t traffic_fields[] = {
    {"to", READ_TEXT, AT(traffic_spec_t, to), .needed = true},
    {"rate", READ_REAL, AT(traffic_spec_t, rate), .min = 0, .max = 1e7, .needed = true},
    TEXT(traffic_spec_t, "name", name),
    TEXT(traffic_spec_t, "operation", operation),
    SHARE(traffic_spec_t, "daily", daily),
    TIME(traffic_spec_t, "peak", peak_ns, 0, DAY),
    SHARE(traffic_spec_t, "weekly", weekly),
    SHARE(traffic_spec_t, "noise", noise),
    SHARE(traffic_spec_t, "client_errors", client_errors),
    TIME(traffic_spec_t, "patience", patience_ns, 0.001, 3600),
    COUNT(traffic_spec_t, "retries", retries, 0, 20),
    TIME(traffic_spec_t, "every", period_ns, 1, 7 * DAY),
    TIME(traffic_spec_t, "on", on_ns, 0.1, 7 * DAY),
    END};
static const schema_t schema_traffic = {.what = "a source of traffic",
                                        .size = sizeof(traffic_spec_t),
                                        .fields = traffic_fields,
                                        .defaults = traffic_defaults};

static void event_defaults(void *item) {
    event_spec_t *event = item;
    event->slower = event->surge = event->places = 1;
    event->status = 500;
    event->sampling = -1;
    event->retries = NONE;
    event->who = (who_t){NONE, NONE, NONE, NONE, NONE, NONE, NONE};
}

static const field_t event_fields[] = {
    {"at", READ_TIME, AT(event_spec_t, at_ns), .min = 0, .max = YEAR, .needed = true},
    TIME(event_spec_t, "for", for_ns, 0.001, YEAR),
    TIME(event_spec_t, "ramp", ramp_ns, 0, YEAR),
    TIME(event_spec_t, "flap", flap_ns, 0.1, DAY),
    TEXT(event_spec_t, "service", service),
    TEXT(event_spec_t, "version", version),
    TEXT(event_spec_t, "instance", instance),
    TEXT(event_spec_t, "zone", zone),
    TEXT(event_spec_t, "to_zone", to_zone),
    TEXT(event_spec_t, "node", node),
    TEXT(event_spec_t, "from", from),
    TEXT(event_spec_t, "operation", operation),
    TEXT(event_spec_t, "traffic", traffic),
    SHARE(event_spec_t, "above_load", above_load),
    SHARE(event_spec_t, "errors", errors),
    COUNT(event_spec_t, "status", status, 400, 599),
    REAL(event_spec_t, "slower", slower, 0.001, 1e6),
    TIME(event_spec_t, "delay", delay_ns, 0, 3600),
    TIME(event_spec_t, "pause", pause_ns, 0, 3600),
    TIME(event_spec_t, "pause_every", pause_every_ns, 0.01, 3600),
    SHARE(event_spec_t, "loss", loss),
    SHARE(event_spec_t, "places", places),
    WORD(event_spec_t, "deny", deny, denials),
    FLAG(event_spec_t, "blackhole", blackhole),
    FLAG(event_spec_t, "crash", crash),
    REAL(event_spec_t, "leak_mb_per_minute", leak_mb_per_minute, 0, 1e6),
    REAL(event_spec_t, "pool_leak_per_minute", pool_leak_per_minute, 0, 1e6),
    TIME(event_spec_t, "timeout", timeout_ns, 0.001, 3600),
    COUNT(event_spec_t, "retries", retries, 0, 20),
    REAL(event_spec_t, "surge", surge, 0, 1e4),
    SHARE(event_spec_t, "client_errors", client_errors),
    SHARE(event_spec_t, "sampling", sampling),
    FLAG(event_spec_t, "silent", silent),
    TIME(event_spec_t, "clock_skew", clock_skew_ns, -3600, 3600),
    END};
static const schema_t schema_event = {
    .what = "an event", .size = sizeof(event_spec_t), .fields = event_fields, .defaults = event_defaults};

static const field_t weight_fields[] = {TEXT(weight_spec_t, "name", name),
                                        REAL(weight_spec_t, "weight_percent", weight, 0, 1e6), END};
static const field_t weight_scalar = {.reading = READ_REAL, AT(weight_spec_t, weight), .min = 0, .max = 1e6};
static const schema_t schema_weight = {.what = "a weight",
                                       .size = sizeof(weight_spec_t),
                                       .name_at = offsetof(weight_spec_t, name),
                                       .fields = weight_fields,
                                       .scalar = &weight_scalar};
/* In a list, where a plain value would be a weight of nobody. */
static const field_t target_fields[] = {
    {"name", READ_TEXT, AT(weight_spec_t, name), .needed = true},
    {"weight_percent", READ_REAL, AT(weight_spec_t, weight), .min = 0, .max = 100, .needed = true},
    END};
static const schema_t schema_target = {.what = "a target", .size = sizeof(weight_spec_t), .fields = target_fields};

static void action_defaults(void *item) {
    action_t *action = item;
    action->instances = NONE;
    action->consecutive_errors = 5;
    action->max_ejection_percent = 50;
    action->ejection_s = 30;
}

static const field_t action_fields[] = {TIME(action_t, "at", at_ns, 0, YEAR),
                                        TIME(action_t, "over", over_ns, 0, YEAR),
                                        {"kind", READ_WORD, AT(action_t, kind), .words = action_names, .needed = true},
                                        {"service", READ_TEXT, AT(action_t, service), .needed = true},
                                        TEXT(action_t, "namespace", namespace_name),
                                        TEXT(action_t, "caller", caller),
                                        TEXT(action_t, "protocol", protocol),
                                        TEXT(action_t, "version", version),
                                        TEXT(action_t, "instance", instance),
                                        TEXT(action_t, "from_zone", from_zone),
                                        TEXT(action_t, "to_zone", to_zone),
                                        MAP(action_t, "weights", weights, &schema_weight, VERSIONS_MAX),
                                        LIST(action_t, "targets", weights, &schema_target, VERSIONS_MAX),
                                        COUNT(action_t, "port", port, 1, 65535),
                                        COUNT(action_t, "consecutive_errors", consecutive_errors, 0, 1000),
                                        REAL(action_t, "max_ejection_percent", max_ejection_percent, 1, 100),
                                        REAL(action_t, "interval_s", interval_s, 0.001, DAY),
                                        REAL(action_t, "ejection_s", ejection_s, 0.001, DAY),
                                        COUNT(action_t, "in_flight", in_flight, 0, 1000000),
                                        COUNT(action_t, "pending", pending, 1, 1000000),
                                        REAL(action_t, "requests_per_s", requests_per_s, 0, 1e7),
                                        COUNT(action_t, "attempts", attempts, 0, 20),
                                        REAL(action_t, "timeout_s", timeout_s, 0, 3600),
                                        COUNT(action_t, "instances", instances, 0, INSTANCES_MAX),
                                        END};
const schema_t schema_action = {
    .what = "an action", .size = sizeof(action_t), .fields = action_fields, .defaults = action_defaults};

static const field_t culprit_fields[] = {
    TEXT(culprit_spec_t, "service", service), TEXT(culprit_spec_t, "version", version),
    TEXT(culprit_spec_t, "instance", instance), TEXT(culprit_spec_t, "zone", zone), END};
static const schema_t schema_culprit = {.what = "a culprit", .size = sizeof(culprit_spec_t), .fields = culprit_fields};

static const field_t objective_fields[] = {TEXT(objective_t, "service", service), SHARE(objective_t, "errors", errors),
                                           TIME(objective_t, "p99", p99_ns, 0, 3600), END};
static const schema_t schema_objective = {
    .what = "an objective", .size = sizeof(objective_t), .fields = objective_fields};

static const field_t truth_fields[] = {{"alarm", READ_WORD, AT(truth_t, alarm), .words = alarms, .needed = true},
                                       {"kind", READ_TEXT, AT(truth_t, kind), .needed = true},
                                       OBJECT(truth_t, "culprit", culprit, &schema_culprit),
                                       LIST(truth_t, "also", also, NULL, 16),
                                       TIME(truth_t, "from", from_ns, 0, YEAR),
                                       TIME(truth_t, "until", until_ns, 0, YEAR),
                                       FLAG(truth_t, "routing_heals", routing_heals),
                                       LIST(truth_t, "cure", cure, &schema_action, 8),
                                       OBJECT(truth_t, "objective", objective, &schema_objective),
                                       END};
static const schema_t schema_truth = {.what = "the truth", .size = sizeof(truth_t), .fields = truth_fields};

static const field_t network_fields[] = {TIME(network_spec_t, "same_zone", same_zone_ns, 0, 10),
                                         TIME(network_spec_t, "cross_zone", cross_zone_ns, 0, 10), END};
static const schema_t schema_network = {
    .what = "the network", .size = sizeof(network_spec_t), .fields = network_fields};

static void scenario_defaults(void *item) {
    scenario_t *scenario = item;
    scenario->seed = 1;
    scenario->nodes_per_zone = 4;
    scenario->duration_ns = 15 * INT64_C(60000000000);
    scenario->start_ns = INT64_C(1767600000) * 1000000000; /* Monday 2026-01-05, 08:00 UTC */
    scenario->report_ns = 15 * INT64_C(1000000000);
    scenario->sampling = 1;
    scenario->network.same_zone_ns = 200000;
    scenario->network.cross_zone_ns = 800000;
}

static const field_t scenario_fields[] = {
    {"name", READ_TEXT, AT(scenario_t, name), .needed = true},
    TEXT(scenario_t, "about", about),
    COUNT(scenario_t, "seed", seed, 0, 4294967295),
    TIME(scenario_t, "duration", duration_ns, 1, YEAR),
    {"start", READ_MOMENT, AT(scenario_t, start_ns)},
    LIST(scenario_t, "telemetry", telemetry, NULL, 16),
    TIME(scenario_t, "report", report_ns, 1, 3600),
    SHARE(scenario_t, "sampling", sampling),
    LIST(scenario_t, "zones", zones, NULL, ZONES_MAX),
    COUNT(scenario_t, "nodes_per_zone", nodes_per_zone, 1, 100),
    OBJECT(scenario_t, "network", network, &schema_network),
    {"services", READ_MAP, AT(scenario_t, services), .inner = &schema_service, .max = SERVICES_MAX, .needed = true},
    {"traffic", READ_LIST, AT(scenario_t, traffic), .inner = &schema_traffic, .max = TRAFFIC_MAX, .needed = true},
    LIST(scenario_t, "events", events, &schema_event, EVENTS_MAX),
    LIST(scenario_t, "actions", actions, &schema_action, ACTIONS_MAX),
    OBJECT(scenario_t, "truth", truth, &schema_truth),
    END};
const schema_t schema_scenario = {
    .what = "a scenario", .size = sizeof(scenario_t), .fields = scenario_fields, .defaults = scenario_defaults};
