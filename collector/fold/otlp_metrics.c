/* Metrics read in place: a metric's name finds its rule among the dialects, the rule says which label plays which role
 * and what the numbers mean, cumulative numbers become increments (delta.h), and these go into the cells of whom the
 * labels name (sighting.h). An increment belongs to the bucket in which its interval ended. What no dialect knows is
 * kept as an auxiliary gauge of its service and instance. */
#include "collector/fold/calls.h"
#include "collector/fold/meshes.h"
#include "collector/fold/otlp_walk.h"
#include "collector/fold/points.h"
#include "collector/fold/sighting.h"
#include "collector/fold/status.h"
#include "collector/rollup/sketch_explicit.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    fold_t *fold;
    int64_t arrival_ns;
    const resource_t *resource;
    stream_id_t resource_id, scope_id;
    const dialect_t *scope; /* whose instrumentation scope this is; NULL = nobody's */
    metric_t metric;
    const dialect_metric_t *rule; /* of the point; NULL = auxiliary */
    sighting_t sighting;
    int64_t since_ns; /* when the increment began; 0 = not known */
    point_t point;
} reader_t;

static void drop(const reader_t *r, counter_t counter) {
    counters_add(r->fold->counters, counter, 1);
}

static int64_t time_of(const reader_t *r) {
    return r->point.increment.time_ns;
}

/* Seconds of a metric as nanoseconds. */
static uint64_t nanoseconds(double seconds) {
    double ns = seconds * 1e9;
    return ns >= 1 ? ns >= 0x1p63 ? (uint64_t)1 << 63 : (uint64_t)llround(ns) : 0;
}

/* ---- gauges ---- */

static void add_gauge(const reader_t *r, entity_kind_t kind, slice_t name, double value) {
    cell_t *cells[ENTITY_KINDS];
    if (!isfinite(value)) {
        drop(r, COUNTER_DROPPED_POINT_INVALID);
        return;
    }
    uint32_t count = sighting_gauge_cells(r->fold, &r->sighting, kind, time_of(r), cells);
    uint32_t signal = names_intern(&r->fold->shard.names, name);
    if (count == 0) drop(r, COUNTER_DROPPED_POINT_IGNORED);
    for (uint32_t i = 0; i < count; i++)
        if (!cell_gauge(cells[i], signal, value, time_of(r))) drop(r, COUNTER_GAUGES_OVERFLOW);
}

/* The suffix of a statistic: "p50" of quantile 0.5 or of statistic "p50", "avg" of "Average". */
static void statistic_suffix(const roles_t *roles, char suffix[16]) {
    static const struct {
        const char *name, *suffix;
    } statistics[] = {{"Average", "avg"}, {"average", "avg"}, {"avg", "avg"},     {"mean", "avg"}, {"Maximum", "max"},
                      {"maximum", "max"}, {"max", "max"},     {"Minimum", "min"}, {"min", "min"},  {"Sum", "sum"}};
    slice_t statistic = roles->text[ROLE_STATISTIC];
    otlp_value_t quantile = {.type = VALUE_TEXT, .text = roles->text[ROLE_QUANTILE]};
    double q;
    (void)snprintf(suffix, 16, "avg");
    if (otlp_value_number(&quantile, &q)) (void)snprintf(suffix, 16, "p%g", q * 100);
    if (statistic.len > 0)
        (void)snprintf(suffix, 16, "%.*s", (int)(statistic.len < 15 ? statistic.len : 15),
                       (const char *)statistic.data);
    for (size_t i = 0; i < sizeof statistics / sizeof statistics[0]; i++)
        if (slice_is(statistic, statistics[i].name)) (void)snprintf(suffix, 16, "%s", statistics[i].suffix);
}

static void add_latency_gauge(const reader_t *r, const char *suffix, double seconds) {
    char name[NAME_BYTES_MAX];
    const char *base = r->rule->gauge != NULL ? r->rule->gauge : r->sighting.by_caller ? "client.latency" : "latency";
    (void)snprintf(name, sizeof name, "%s.%s", base, suffix);
    add_gauge(r, r->rule->entity, slice_text(name), seconds);
}

static void add_auxiliary(const reader_t *r, double value) {
    char name[NAME_BYTES_MAX];
    slice_t own = r->metric.name;
    (void)snprintf(name, sizeof name, "aux/%.*s", (int)(own.len < 240 ? own.len : 240), (const char *)own.data);
    uint32_t signal = names_intern(&r->fold->shard.names, slice_text(name));
    if (!delta_auxiliary(r->fold->delta, r->sighting.own, signal, r->fold->config.auxiliary_per_service, time_of(r)))
        drop(r, COUNTER_DROPPED_POINT_AUX_CAP);
    else
        add_gauge(r, ENTITY_SERVICE, slice_text(name), value);
}

/* ---- what a point amounts to, as one number ---- */

static double rate_of(const reader_t *r, double increment) {
    int64_t length_ns = time_of(r) - r->since_ns;
    return r->since_ns > 0 && length_ns > 0 ? increment / ((double)length_ns * 1e-9) : (double)NAN;
}

/* The number of a gauge, the rate of a counter, the mean of a distribution; false when it has none (no observation). */
static bool plain_value(const reader_t *r, double *value) {
    const delta_point_t *increment = &r->point.increment;
    switch (r->metric.type) {
    case METRIC_GAUGE:
        *value = r->point.value;
        return true;
    case METRIC_SUM:
        *value = r->metric.monotonic ? rate_of(r, increment->whole ? (double)increment->count : increment->sum)
                                     : r->point.value;
        return !isnan(*value);
    default:
        *value = increment->count > 0 ? increment->sum / (double)increment->count : 0;
        return increment->count > 0 && r->point.has_sum;
    }
}

/* Whole things counted by a sum or a distribution. */
static bool count_value(const reader_t *r, uint64_t *count) {
    const delta_point_t *increment = &r->point.increment;
    if (r->metric.type == METRIC_GAUGE || (r->metric.type == METRIC_SUM && !r->metric.monotonic)) return false;
    bool real = r->metric.type == METRIC_SUM && !increment->whole;
    *count = !real                      ? increment->count
             : increment->sum >= 0x1p53 ? (uint64_t)1 << 53
                                        : (uint64_t)llround(increment->sum);
    return true;
}

/* ---- distributions into sketches ---- */

static void add_explicit(const reader_t *r, sketch_t *sketch) {
    const point_t *point = &r->point;
    bool cumulative = r->metric.temporality == TEMPORALITY_CUMULATIVE;
    const uint64_t *shape = cumulative ? point->told : point->buckets;
    /* Of the counts alone where they grow: a page that is scraped, and the same through a Collector, give the same. */
    uint64_t chance = XXH3_64bits_withSeed(shape, point->increment.bucket_count * sizeof *shape,
                                           cumulative ? 0 : (uint64_t)point->increment.time_ns);
    sketch_add_explicit(sketch, &(explicit_histogram_t){.bounds = point->bounds,
                                                        .bound_count = point->bound_count,
                                                        .counts = point->buckets,
                                                        .shape = shape,
                                                        .bucket_count = point->increment.bucket_count,
                                                        .unit_ns = r->metric.scale * 1e9,
                                                        .chance = chance});
}

static void add_exponential(const reader_t *r, sketch_t *sketch) {
    const delta_point_t *increment = &r->point.increment;
    if (increment->zeros > 0) sketch_add(sketch, 0, increment->zeros);
    for (uint32_t i = 0; i < increment->bucket_count; i++)
        if (increment->buckets[i] > 0)
            sketch_add_exponential(sketch, increment->scale, increment->offset + (int32_t)i, increment->buckets[i],
                                   r->metric.scale * 1e9);
}

static void add_latencies(const reader_t *r, cell_t *cell, bool failed) {
    bool client = r->rule->signal == SIGNAL_CLIENT_LATENCY;
    sketch_t *sketch = client ? &cell->client : failed ? &cell->failed : &cell->ok;
    if (r->metric.type == METRIC_HISTOGRAM) add_explicit(r, sketch);
    if (r->metric.type == METRIC_EXPONENTIAL) add_exponential(r, sketch);
    bool any = r->point.increment.bucket_count > 0 || r->point.increment.zeros > 0;
    if (r->point.has_sum && any) sketch_add_sum(sketch, nanoseconds(r->point.increment.sum * r->metric.scale));
}

/* Quantiles that somebody computed already, and distributions without buckets, cannot be merged: they are gauges. */
static void add_summary(const reader_t *r) {
    char suffix[16];
    const delta_point_t *increment = &r->point.increment;
    for (uint32_t i = 0; i < r->point.quantile_count; i++) {
        (void)snprintf(suffix, sizeof suffix, "p%g", r->point.quantiles[i].quantile * 100);
        if (isfinite(r->point.quantiles[i].value))
            add_latency_gauge(r, suffix, r->point.quantiles[i].value * r->metric.scale);
    }
    if (r->point.has_sum && increment->count > 0)
        add_latency_gauge(r, "avg", increment->sum / (double)increment->count * r->metric.scale);
}

/* ---- signals ---- */

static bool is_distribution(const reader_t *r) {
    return r->metric.type == METRIC_HISTOGRAM || r->metric.type == METRIC_EXPONENTIAL ||
           r->metric.type == METRIC_SUMMARY;
}

static void drop_nameless(const reader_t *r) {
    drop(r, COUNTER_DROPPED_POINT_IGNORED);
    if (r->sighting.own == NAME_NONE) meshes_count(r->fold, r->sighting.mesh, MESH_NAMELESS);
}

static void count_requests_of_mesh(const reader_t *r) {
    meshes_count(r->fold, r->sighting.mesh, r->sighting.by_caller ? MESH_CLIENT_REQUESTS : MESH_SERVER_REQUESTS);
}

static void count_latency(const reader_t *r) {
    cell_t *cells[ENTITY_KINDS];
    if (!is_distribution(r)) {
        drop(r, COUNTER_DROPPED_POINT_IGNORED);
        return;
    }
    if (r->point.increment.count == 0) return; /* no traffic: no edge to a cluster that nobody used */
    uint32_t count = sighting_cells(r->fold, &r->sighting, time_of(r), cells);
    if (count == 0) drop_nameless(r);
    meshes_count(r->fold, r->sighting.mesh, MESH_LATENCY);
    failure_t failure = roles_failure(&r->point.roles);
    for (uint32_t i = 0; i < count; i++) {
        add_latencies(r, cells[i], failure != FAILURE_NONE);
        if (r->rule->signal != SIGNAL_LATENCY_REQUESTS) continue;
        if (i == 0) count_requests_of_mesh(r);
        cells[i]->requests += r->point.increment.count;
        if (failure != FAILURE_NONE) cells[i]->failures[failure] += r->point.increment.count;
    }
    bool bare = r->point.increment.bucket_count == 0 && r->point.increment.zeros == 0;
    if (count > 0 && bare) add_summary(r);
}

/* What one increment of `amount` adds to one cell. */
static void add_amount(const reader_t *r, cell_t *cell, failure_t failure, uint64_t amount) {
    switch (r->rule->signal) {
    case SIGNAL_REQUESTS:
        cell->requests += amount;
        if (failure != FAILURE_NONE) cell->failures[failure] += amount;
        break;
    case SIGNAL_FAILURES:
        cell->failures[failure == FAILURE_NONE ? FAILURE_SERVER : failure] += amount;
        break;
    case SIGNAL_RETRIES:
        cell->retries += amount;
        break;
    case SIGNAL_REQUEST_BYTES:
        cell->request_bytes += amount;
        break;
    case SIGNAL_RESPONSE_BYTES:
        cell->response_bytes += amount;
        break;
    default:
        break;
    }
}

static void count_amount(const reader_t *r) {
    cell_t *cells[ENTITY_KINDS];
    uint64_t amount = 0;
    signal_t signal = r->rule->signal;
    bool bytes = signal == SIGNAL_REQUEST_BYTES || signal == SIGNAL_RESPONSE_BYTES;
    bool usable = count_value(r, &amount);
    if (bytes && is_distribution(r)) {
        usable = r->point.has_sum;
        amount = nanoseconds(r->point.increment.sum * r->metric.scale * 1e-9);
    }
    if (signal == SIGNAL_FAILURES && roles_has(&r->point.roles, ROLE_ERROR)) usable = false;
    if (usable && amount == 0) return; /* no traffic: no edge to a cluster that nobody used */
    uint32_t count = usable ? sighting_cells(r->fold, &r->sighting, time_of(r), cells) : 0;
    if (count == 0 && usable)
        drop_nameless(r);
    else if (count == 0)
        drop(r, COUNTER_DROPPED_POINT_IGNORED);
    else if (signal == SIGNAL_REQUESTS)
        count_requests_of_mesh(r);
    failure_t failure = roles_failure(&r->point.roles);
    for (uint32_t i = 0; i < count; i++) add_amount(r, cells[i], failure, amount);
}

static void count_gauge(const reader_t *r) {
    char suffix[16];
    double value;
    if (!plain_value(r, &value)) return;
    value *= r->metric.scale;
    switch (r->rule->signal) {
    case SIGNAL_LATENCY_STATISTIC:
        statistic_suffix(&r->point.roles, suffix);
        add_latency_gauge(r, suffix, value);
        break;
    case SIGNAL_SUCCESS_RATIO:
        add_gauge(r, r->rule->entity, slice_text("success_ratio"), value);
        break;
    case SIGNAL_REQUEST_RATE:
        add_gauge(r, r->rule->entity, slice_text("request_rate"), value);
        break;
    case SIGNAL_REQUEST_COUNT:
        add_gauge(r, r->rule->entity, slice_text("request_count"), value);
        break;
    default:
        if (r->rule->gauge != NULL) add_gauge(r, r->rule->entity, slice_text(r->rule->gauge), value);
        break;
    }
}

/* What is told by the metric's name and by whose metric it is, where no label does. */
static void read_untold(reader_t *r) {
    const dialect_t *dialect = r->metric.rule.dialect;
    roles_t *roles = &r->point.roles;
    const dialect_attribute_t told = {.key = "", .role = r->rule->told, .rank = 9};
    const dialect_attribute_t before = {.key = "", .role = dialect->before, .rank = 9};
    const dialect_attribute_t side = {.key = "", .role = ROLE_REPORTER, .rank = 1};
    if (r->rule->as != NULL) roles_set(roles, &told, slice_text(r->rule->as));
    if (dialect->before != ROLE_NONE) roles_set(roles, &before, r->metric.rule.before);
    if (dialect->side != NULL && !roles_has(roles, ROLE_REPORTER)) roles_set(roles, &side, slice_text(dialect->side));
    if (roles->mesh == MESH_NONE && dialect->mesh == MESH_NONE && r->scope != NULL) roles->mesh = r->scope->mesh;
}

static void count_point(reader_t *r) {
    double value;
    const dialect_t *dialect = r->metric.rule.dialect;
    if (r->rule != NULL) read_untold(r);
    manner_t manner = {.observer = r->rule == NULL ? OBSERVER_APP : r->rule->observer,
                       .edge_only = r->rule != NULL && r->rule->entity == ENTITY_EDGE,
                       .labels_only = r->rule != NULL && dialect->labels_only,
                       .sidecars = r->rule != NULL && dialect->sidecars,
                       .mesh = r->rule != NULL ? dialect->mesh : MESH_NONE};
    sighting_read(r->fold, r->resource, &r->point.roles, manner, &r->sighting);
    if (r->rule == NULL) {
        if (plain_value(r, &value)) add_auxiliary(r, value);
        return;
    }
    switch (r->rule->signal) {
    case SIGNAL_LATENCY:
    case SIGNAL_LATENCY_REQUESTS:
    case SIGNAL_CLIENT_LATENCY:
        count_latency(r);
        break;
    case SIGNAL_REQUESTS:
    case SIGNAL_FAILURES:
    case SIGNAL_RETRIES:
    case SIGNAL_REQUEST_BYTES:
    case SIGNAL_RESPONSE_BYTES:
        count_amount(r);
        break;
    case SIGNAL_ROUTES:
        if (r->sighting.callee != NAME_NONE) calls_routed(r->fold, r->sighting.callee);
        break;
    default:
        count_gauge(r);
        break;
    }
}

/* ---- points ---- */

static void mix(stream_id_t *id, slice_t bytes, uint64_t salt) {
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.len > 0 ? (const void *)bytes.data : "", bytes.len, salt);
    id->low += hash.low64;
    id->high += hash.high64;
}

/* False when the point is not to be counted for its time. */
static bool admitted(const reader_t *r) {
    switch (fold_admit(r->fold, time_of(r), r->arrival_ns)) {
    case ADMITTED:
        return true;
    case TOO_LATE:
        drop(r, COUNTER_DROPPED_POINT_LATE);
        return false;
    default:
        drop(r, COUNTER_DROPPED_POINT_FUTURE);
        return false;
    }
}

/* Envoys whose sinks name nobody would be one stream; when each of them began tells them apart. */
static void tell_apart(const reader_t *r, stream_id_t *family, stream_id_t *stream) {
    int64_t start_ns = r->point.increment.start_ns;
    slice_t start = slice_of(&start_ns, sizeof start_ns);
    *family = r->metric.id;
    *stream = r->point.id;
    if (!r->resource->envoy || start_ns == 0) return;
    mix(family, start, 5);
    mix(stream, start, 5);
}

/* Makes the point an increment. False when there is nothing to count. */
static bool to_increment(reader_t *r) {
    stream_id_t family, stream;
    delta_point_t *increment = &r->point.increment;
    tell_apart(r, &family, &stream);
    r->since_ns = increment->start_ns;
    if (r->metric.type == METRIC_GAUGE) return true;
    if (r->metric.temporality == TEMPORALITY_DELTA) {
        if (r->metric.type == METRIC_SUM && !r->metric.monotonic) {
            drop(r, COUNTER_DROPPED_POINT_IGNORED); /* changes of a level that nobody told */
            return false;
        }
        return delta_interval(r->fold->delta, stream, increment);
    }
    if (r->metric.type == METRIC_SUM && !r->metric.monotonic) return true;
    if (r->metric.temporality != TEMPORALITY_CUMULATIVE) {
        drop(r, COUNTER_DROPPED_POINT_INVALID);
        return false;
    }
    if (r->metric.type == METRIC_HISTOGRAM)
        memcpy(r->point.told, r->point.buckets, increment->bucket_count * sizeof *r->point.told);
    return delta_cumulative(r->fold->delta, family, stream, increment, &r->since_ns);
}

static bool fold_point(reader_t *r, slice_t message) {
    if (!point_read(&r->metric, message, &r->point)) return false;
    drop(r, COUNTER_FOLDED_POINTS);
    if (r->point.stale)
        drop(r, COUNTER_POINT_STALE);
    else if (r->point.invalid)
        drop(r, COUNTER_DROPPED_POINT_INVALID);
    if (r->point.stale || r->point.invalid || !admitted(r)) return true;
    r->rule = r->metric.rule.metric;
    if (r->rule != NULL && r->rule->needs != ROLE_NONE && !roles_has(&r->point.roles, r->rule->needs)) r->rule = NULL;
    bool others = r->rule == NULL && r->resource->envoy; /* of Envoy's own stats, those that no row names */
    if (others || (r->rule != NULL && r->rule->signal == SIGNAL_IGNORED))
        drop(r, COUNTER_DROPPED_POINT_IGNORED);
    else if (to_increment(r))
        count_point(r);
    return true;
}

static void identify(reader_t *r) {
    metric_t *metric = &r->metric;
    metric->id = (stream_id_t){r->resource_id.low + 3 * r->scope_id.low, r->resource_id.high + 3 * r->scope_id.high};
    mix(&metric->id, metric->name, 1);
    mix(&metric->id, metric->unit, 2);
    uint8_t kind[3] = {(uint8_t)metric->type, (uint8_t)metric->temporality, metric->monotonic};
    mix(&metric->id, slice_of(kind, sizeof kind), 3);
}

static bool fold_metric(void *context, slice_t message) {
    reader_t *r = context;
    if (!metric_read(message, &r->metric)) return false;
    if (r->metric.type == 0) return true;
    r->metric.rule = dialect_metric(r->fold->dialects, r->scope, r->metric.name);
    r->metric.scale =
        r->metric.rule.metric == NULL ? 1 : dialect_scale(r->metric.rule.metric, r->metric.name, r->metric.unit);
    identify(r);
    bytes_t in = bytes_of(r->metric.data);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        if (field.number != 1 || field.type != WIRE_BLOCK) continue;
        if (!fold_point(r, field.block)) return false;
    }
    return bytes_done(&in);
}

/* Name, version and attributes of a scope tell streams apart; its name can be evidence of a dialect. */
static bool begin_scope(void *context, slice_t scope) {
    reader_t *r = context;
    slice_t name;
    r->scope_id = (stream_id_t){0, 0};
    r->scope = NULL;
    if (scope.len == 0) return true;
    mix(&r->scope_id, scope, 4);
    if (!otlp_first_field(scope, &name)) return false;
    r->scope = dialect_of_scope(r->fold->dialects, name);
    return true;
}

static bool begin_resource(void *context, slice_t resource) {
    reader_t *r = context;
    r->resource_id = (stream_id_t){0, 0};
    if (!attributes_hash(resource, 1, &r->resource_id)) return false;
    r->resource = identity_resource(r->fold->identity, resource);
    return true;
}

err_t fold_metrics(fold_t *fold, int64_t arrival_ns, slice_t body) {
    static const otlp_visitor_t visitor = {.resource = begin_resource, .scope = begin_scope, .item = fold_metric};
    reader_t reader;
    reader.fold = fold;
    reader.arrival_ns = arrival_ns;
    return otlp_walk(body, &visitor, &reader);
}
