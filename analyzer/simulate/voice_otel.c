/* OpenTelemetry SDKs: spans by the stable semantic conventions (HTTP, or gRPC for operations that are not written
 * "METHOD /route"), duration histograms, and the gauges of a runtime and of Kubernetes. */
#include "analyzer/simulate/otlp_write.h"
#include "analyzer/simulate/voice.h"

#include <stdio.h>
#include <stdlib.h>

enum { SERVER = 2, CLIENT = 3, STATUS_ERROR = 2, CUMULATIVE = 2 };

static void put_resource(buffer_t *out, const world_t *world, uint32_t number) {
    const instance_t *instance = &world->instances[number];
    const service_spec_t *service = service_of_instance(world, number);
    const char *zone = ((const char **)world->scenario->zones.items)[instance->zone];
    char node[SCHEMA_TEXT_MAX + 20];
    (void)snprintf(node, sizeof node, "node-%s-%u", zone, instance->node + 1);
    put_attribute(out, 1, "service.name", service->name);
    if (service->namespace_name != NULL) put_attribute(out, 1, "service.namespace", service->namespace_name);
    put_attribute(out, 1, "service.version", version_of_instance(world, number)->spec->name);
    put_attribute(out, 1, "k8s.pod.name", instance->name);
    put_attribute(out, 1, "k8s.node.name", node);
    put_attribute(out, 1, "cloud.availability_zone", zone);
}

/* ---- spans ---- */

static void put_http(buffer_t *out, const char *method, const char *route, bool server, uint16_t status) {
    char name[SCHEMA_TEXT_MAX + 20];
    (void)snprintf(name, sizeof name, "%s %s", method, route);
    put_text(out, 5, server ? name : method);
    put_attribute(out, 9, "http.request.method", method);
    if (server) put_attribute(out, 9, "http.route", route);
    if (status > 0) put_integer(out, 9, "http.response.status_code", status);
}

static void put_grpc(buffer_t *out, const char *name, uint16_t status) {
    char service[SCHEMA_TEXT_MAX + 1];
    const char *slash = strrchr(name, '/');
    (void)snprintf(service, sizeof service, "%.*s", slash == NULL ? 0 : (int)(slash - name), name);
    put_text(out, 5, name);
    put_attribute(out, 9, "rpc.system", "grpc");
    if (service[0] != '\0') put_attribute(out, 9, "rpc.service", service);
    put_attribute(out, 9, "rpc.method", slash == NULL ? name : slash + 1);
    if (status > 0) put_integer(out, 9, "rpc.grpc.status_code", grpc_status(status));
}

static void put_words(buffer_t *out, const world_t *world, const call_t *call, bool server, uint16_t status,
                      flag_t flag) {
    const char *operation = operation_name(world, call->operation), *route = "";
    char method[16], host[2 * SCHEMA_TEXT_MAX + 2];
    bool silent = !server && (flag == FLAG_TIMEOUT || flag == FLAG_CONNECTION);
    bool failed = silent || status >= (server ? 500 : 400);
    if (operation_is_http(operation, method, &route))
        put_http(out, method, route, server, silent ? 0 : status);
    else
        put_grpc(out, operation, silent ? 0 : status);
    put_number(out, 6, server ? SERVER : CLIENT);
    if (!server) {
        service_host(service_at(world->scenario, world->operations[call->operation].service), host, sizeof host);
        put_attribute(out, 9, "server.address", host);
    }
    if (silent) put_attribute(out, 9, "error.type", flag == FLAG_TIMEOUT ? "timeout" : "connection_refused");
    if (!failed) return;
    size_t state = put_begin(out, 15);
    put_number(out, 3, STATUS_ERROR);
    put_end(out, state);
}

static const span_words_t words = {put_resource, NULL, put_words};

static void *open_spans(emit_t *emit) {
    return spans_open(emit, &words);
}

const voice_t voice_otel_spans = {.name = "otel_spans",
                                  .kind = OTLP_TRACES,
                                  .open = open_spans,
                                  .close = spans_close,
                                  .called = spans_called,
                                  .served = spans_served,
                                  .flush = spans_flush};

/* ---- metrics ---- */

typedef struct {
    emit_t *emit;
    buffer_t body;
    series_set_t *series; /* of durations; NULL for gauges */
    int64_t *busy_before_ns;
    uint32_t known;
} metrics_t;

static const double bounds[] = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10};

static void *open_gauges(emit_t *emit) {
    metrics_t *metrics = memory_new(1, sizeof *metrics);
    metrics->emit = emit;
    return metrics;
}

static void *open_metrics(emit_t *emit) {
    metrics_t *metrics = open_gauges(emit);
    metrics->series = series_new(bounds, sizeof bounds / sizeof bounds[0]);
    return metrics;
}

static void close_metrics(void *state) {
    metrics_t *metrics = state;
    if (metrics->series != NULL) series_free(metrics->series);
    buffer_fini(&metrics->body);
    free(metrics->busy_before_ns);
    free(metrics);
}

static int64_t wall_of(const world_t *world, uint32_t instance) {
    return world->scenario->start_ns + world->now_ns + effects_clock_skew(world, instance);
}

/* Metric { name 1, unit 3, gauge 5 { data_points 1 { time 3, as_double 4 } } } */
static void put_gauge(buffer_t *out, const char *name, const char *unit, int64_t time_ns, double value) {
    size_t metric = put_begin(out, 2);
    put_text(out, 1, name);
    put_text(out, 3, unit);
    size_t gauge = put_begin(out, 5), point = put_begin(out, 1);
    put_fixed(out, 3, (uint64_t)time_ns);
    put_real(out, 4, value);
    put_end(out, point);
    put_end(out, gauge);
    put_end(out, metric);
}

/* Work begun since the last report over what the cores could do. */
static double cpu_of(metrics_t *metrics, const world_t *world, uint32_t number) {
    const instance_t *instance = &world->instances[number];
    const service_spec_t *service = service_of_instance(world, number);
    if (number >= metrics->known) {
        uint32_t more = world->instance_capacity;
        metrics->busy_before_ns = memory_resize(metrics->busy_before_ns, more * sizeof(int64_t));
        memset(metrics->busy_before_ns + metrics->known, 0, (more - metrics->known) * sizeof(int64_t));
        metrics->known = more;
    }
    int64_t busy_ns = instance->busy_ns - metrics->busy_before_ns[number];
    metrics->busy_before_ns[number] = instance->busy_ns;
    double cores = service->cores > 0 ? service->cores : service->concurrency;
    double cpu = (double)busy_ns / ((double)world->scenario->report_ns * cores);
    return cpu > 1 ? 1 : cpu;
}

/* Garbage collection makes memory go up and down a little. */
static double memory_of(const world_t *world, uint32_t number) {
    const service_spec_t *service = service_of_instance(world, number);
    uint64_t report = (uint64_t)(world->now_ns / world->scenario->report_ns);
    double lot = (double)(random_mix(report * 7919 + number) >> 11) * 0x1p-53;
    return service->memory_mb * (0.97 + 0.06 * lot) + effects_leaked_mb(world, &world->instances[number]);
}

static uint64_t put_gauges(metrics_t *metrics, const world_t *world, uint32_t number, int64_t time_ns) {
    const instance_t *instance = &world->instances[number];
    const service_t *service = &world->services[instance->service];
    double memory_mb = memory_of(world, number), limit_mb = 2 * service->spec->memory_mb;
    buffer_t *out = &metrics->body;
    put_gauge(out, "process.cpu.utilization", "1", time_ns, cpu_of(metrics, world, number));
    put_gauge(out, "process.memory.usage", "By", time_ns, memory_mb * 1048576);
    put_gauge(out, "k8s.pod.memory_limit_utilization", "1", time_ns, memory_mb > limit_mb ? 1 : memory_mb / limit_mb);
    put_gauge(out, "http.server.active_requests", "{request}", time_ns, instance->active + instance->queued);
    if (service->pool_count == 0) return 4;
    put_gauge(out, "db.client.connection.pending_requests", "{request}", time_ns, instance->pending_pool);
    return 5;
}

/* Key of a duration: operation and status. Metric { name 1, unit 3, histogram 9 { data_points 1, temporality 2 } } */
static uint64_t put_durations(metrics_t *metrics, const world_t *world, uint32_t number, int64_t time_ns) {
    buffer_t *out = &metrics->body;
    uint64_t items = 0;
    const series_t *series = series_first(metrics->series, number);
    if (series == NULL) return 0;
    int64_t start_ns = world->scenario->start_ns + world->instances[number].since_ns;
    size_t metric = put_begin(out, 2);
    put_text(out, 1, "http.server.request.duration");
    put_text(out, 3, "s");
    size_t histogram = put_begin(out, 9);
    put_number(out, 2, CUMULATIVE);
    for (; series != NULL; series = series_next(metrics->series, series), items++) {
        const char *operation = operation_name(world, (uint32_t)(series->key >> 16)), *route = operation;
        char method[16] = "POST";
        (void)operation_is_http(operation, method, &route);
        size_t point = put_begin(out, 1);
        put_attribute(out, 9, "http.request.method", method);
        put_attribute(out, 9, "http.route", route);
        put_integer(out, 9, "http.response.status_code", series->key & 0xffff);
        series_histogram(out, metrics->series, series, start_ns, time_ns);
        put_end(out, point);
    }
    put_end(out, histogram);
    put_end(out, metric);
    return items;
}

static void report(void *state, const world_t *world) {
    metrics_t *metrics = state;
    uint64_t items = 0;
    buffer_t *out = &metrics->body;
    buffer_clear(out);
    for (uint32_t i = 0; i < world->instance_count; i++) {
        uint8_t life = world->instances[i].state;
        if (life == INSTANCE_STARTING || life == INSTANCE_GONE || effects_silent(world, i)) continue;
        const voice_t *voice = metrics->series == NULL ? &voice_otel_gauges : &voice_otel_metrics;
        if (!emit_speaks(metrics->emit, voice, world->instances[i].service)) continue;
        size_t resource_metrics = put_begin(out, 1), resource = put_begin(out, 1);
        put_resource(out, world, i);
        put_end(out, resource);
        size_t scope = put_begin(out, 2);
        items += metrics->series == NULL ? put_gauges(metrics, world, i, wall_of(world, i))
                                         : put_durations(metrics, world, i, wall_of(world, i));
        put_end(out, scope);
        put_end(out, resource_metrics);
    }
    emit_request(metrics->emit, OTLP_METRICS, out, items);
}

static void count_served(void *state, const world_t *world, const call_t *call) {
    (void)world;
    metrics_t *metrics = state;
    if (call->flag == FLAG_DENIED || call->flag == FLAG_LIMITED) return;
    series_add(metrics->series, call->instance, (uint64_t)call->operation << 16 | call->served_status,
               (double)(call->end_ns - call->arrive_ns) * 1e-9);
}

const voice_t voice_otel_gauges = {
    .name = "otel_gauges", .kind = OTLP_METRICS, .open = open_gauges, .close = close_metrics, .report = report};

const voice_t voice_otel_metrics = {.name = "otel_metrics",
                                    .kind = OTLP_METRICS,
                                    .open = open_metrics,
                                    .close = close_metrics,
                                    .served = count_served,
                                    .report = report};
