/* Istio sidecars: the standard metrics of both ends as an OpenTelemetry Collector's prometheus receiver passes them on
 * (cumulative, all labels text, the resource is the scrape job), and the spans of Envoy's OpenTelemetry tracer. */
#include "analyzer/simulate/otlp_write.h"
#include "analyzer/simulate/voice.h"

#include <stdio.h>
#include <stdlib.h>

enum { SERVER = 2, CLIENT = 3, STATUS_ERROR = 2, CUMULATIVE = 2, NOBODY = 0xffff };

static const char *const flags[FLAGS] = {
    [FLAG_NONE] = "-",     [FLAG_CONNECTION] = "UF", [FLAG_NO_HEALTHY] = "UH", [FLAG_OVERFLOW] = "UO",
    [FLAG_TIMEOUT] = "UT", [FLAG_LIMITED] = "RL",    [FLAG_DENIED] = "-",
};

static const char *namespace_of(const service_spec_t *service) {
    return service->namespace_name == NULL ? "default" : service->namespace_name;
}

/* ---- spans ---- */

static void put_resource(buffer_t *out, const world_t *world, uint32_t instance) {
    const service_spec_t *service = service_of_instance(world, instance);
    char name[2 * SCHEMA_TEXT_MAX + 2], node[4 * SCHEMA_TEXT_MAX];
    (void)snprintf(name, sizeof name, "%s.%s", service->name, namespace_of(service));
    (void)snprintf(node, sizeof node, "sidecar~10.0.%u.%u~%s.%s~%s.svc.cluster.local", instance / 250,
                   instance % 250 + 1, world->instances[instance].name, namespace_of(service), namespace_of(service));
    put_attribute(out, 1, "service.name", name);
    put_attribute(out, 1, "node_id", node);
    put_attribute(out, 1, "k8s.pod.name", world->instances[instance].name);
    put_attribute(out, 1, "cloud.availability_zone",
                  ((const char **)world->scenario->zones.items)[world->instances[instance].zone]);
}

static void put_own(buffer_t *out, const world_t *world, uint32_t instance) {
    put_attribute(out, 9, "istio.canonical_service", service_of_instance(world, instance)->name);
    put_attribute(out, 9, "istio.canonical_revision", version_of_instance(world, instance)->spec->name);
    put_attribute(out, 9, "istio.namespace", namespace_of(service_of_instance(world, instance)));
}

static void put_words(buffer_t *out, const world_t *world, const call_t *call, bool server, uint16_t status,
                      flag_t flag) {
    const service_spec_t *callee = service_at(world->scenario, world->operations[call->operation].service);
    char text[4 * SCHEMA_TEXT_MAX], method[16] = "POST";
    const char *route = "/";
    (void)operation_is_http(operation_name(world, call->operation), method, &route);
    (void)snprintf(text, sizeof text, "%s.%s.svc.cluster.local:8080/*", callee->name, namespace_of(callee));
    put_text(out, 5, text);
    put_number(out, 6, server ? SERVER : CLIENT);
    put_attribute(out, 9, "component", "proxy");
    put_attribute(out, 9, "http.method", method);
    (void)snprintf(text, sizeof text, "%u", flag == FLAG_CONNECTION ? 503 : status);
    put_attribute(out, 9, "http.status_code", text);
    put_attribute(out, 9, "response_flags", flags[flag]);
    if (server)
        (void)snprintf(text, sizeof text, "inbound|8080||");
    else
        (void)snprintf(text, sizeof text, "outbound|8080||%s.%s.svc.cluster.local", callee->name, namespace_of(callee));
    put_attribute(out, 9, "upstream_cluster", text);
    if (status < (server ? 500 : 400)) return;
    size_t state = put_begin(out, 15);
    put_number(out, 3, STATUS_ERROR);
    put_end(out, state);
}

static const span_words_t words = {put_resource, put_own, put_words};

static void *open_spans(emit_t *emit) {
    return spans_open(emit, &words);
}

const voice_t voice_istio_spans = {.name = "istio_spans",
                                   .kind = OTLP_TRACES,
                                   .open = open_spans,
                                   .close = spans_close,
                                   .called = spans_called,
                                   .served = spans_served,
                                   .flush = spans_flush};

/* ---- metrics ---- */

static const double bounds_ms[] = {0.5,  1,    5,     10,    25,    50,     100,    250,     500,    1000,
                                   2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000};

typedef struct {
    emit_t *emit;
    series_set_t *series;
    buffer_t body;
} metrics_t;

static void *open_metrics(emit_t *emit) {
    metrics_t *metrics = memory_new(1, sizeof *metrics);
    metrics->emit = emit;
    metrics->series = series_new(bounds_ms, sizeof bounds_ms / sizeof bounds_ms[0]);
    return metrics;
}

static void close_metrics(void *state) {
    metrics_t *metrics = state;
    series_free(metrics->series);
    buffer_fini(&metrics->body);
    free(metrics);
}

/* One end of a call: service and version. 16 bits each would be too many for one key of 64, so versions have 4. */
typedef struct {
    uint32_t service, version; /* NOBODY, 15 = not known */
} end_t;

static uint64_t key_of(bool server, bool grpc, end_t source, end_t target, uint16_t status, flag_t flag) {
    return (uint64_t)server | (uint64_t)grpc << 1 | (uint64_t)flag << 2 | (uint64_t)status << 6 |
           (uint64_t)(source.version & 15) << 18 | (uint64_t)(target.version & 15) << 22 |
           (uint64_t)(source.service & 0xffff) << 26 | (uint64_t)(target.service & 0xffff) << 42;
}

static end_t end_of(const world_t *world, uint32_t instance) {
    if (instance == NONE) return (end_t){NOBODY, 15};
    return (end_t){world->instances[instance].service, world->instances[instance].version};
}

static void count(metrics_t *metrics, const world_t *world, const call_t *call, bool server) {
    end_t source = end_of(world, call->caller), target = end_of(world, call->instance);
    char method[16];
    const char *route;
    bool grpc = !operation_is_http(operation_name(world, call->operation), method, &route);
    flag_t flag = (flag_t)call->flag;
    if (server && flag != FLAG_LIMITED && flag != FLAG_DENIED) flag = FLAG_NONE;
    target.service = world->operations[call->operation].service;
    int64_t took_ns = call->end_ns - (server ? call->arrive_ns : call->start_ns);
    series_add(metrics->series, server ? call->instance : call->caller,
               key_of(server, grpc, source, target, server ? call->served_status : call->status, flag),
               (double)took_ns * 1e-6);
}

static void called(void *state, const world_t *world, const call_t *call) {
    if (call->caller != NONE) count(state, world, call, false);
}

static void served(void *state, const world_t *world, const call_t *call) {
    count(state, world, call, true);
}

/* Labels of one end; `name` is "source" or "destination". */
static void put_end_labels(buffer_t *out, uint32_t field, const world_t *world, const char *name, uint64_t service,
                           uint64_t version) {
    char key[64];
    bool known = service != NOBODY;
    const service_spec_t *spec = known ? service_at(world->scenario, (uint32_t)service) : NULL;
    const char *app = known && version != 15 ? spec->name : "unknown";
    const char *revision = known && version != 15 ? world->services[service].versions[version].spec->name : "unknown";
    const struct {
        const char *suffix, *value;
    } labels[] = {{"workload", app},
                  {"workload_namespace", known ? namespace_of(spec) : "unknown"},
                  {"app", app},
                  {"version", revision},
                  {"canonical_service", app},
                  {"canonical_revision", revision}};
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        (void)snprintf(key, sizeof key, "%s_%s", name, labels[i].suffix);
        put_attribute(out, field, key, labels[i].value);
    }
}

static void put_labels(buffer_t *out, uint32_t field, const world_t *world, const series_t *series) {
    uint64_t key = series->key, target = key >> 42 & 0xffff;
    bool server = (key & 1) != 0, grpc = (key >> 1 & 1) != 0;
    const service_spec_t *callee = service_at(world->scenario, (uint32_t)target);
    uint16_t status = (uint16_t)(key >> 6 & 0xfff);
    char text[3 * SCHEMA_TEXT_MAX];
    put_attribute(out, field, "reporter", server ? "destination" : "source");
    put_end_labels(out, field, world, "source", key >> 26 & 0xffff, key >> 18 & 15);
    put_end_labels(out, field, world, "destination", target, key >> 22 & 15);
    (void)snprintf(text, sizeof text, "%s.%s.svc.cluster.local", callee->name, namespace_of(callee));
    put_attribute(out, field, "destination_service", text);
    put_attribute(out, field, "destination_service_name", callee->name);
    put_attribute(out, field, "destination_service_namespace", namespace_of(callee));
    put_attribute(out, field, "request_protocol", grpc ? "grpc" : "http");
    (void)snprintf(text, sizeof text, "%u", grpc && status < 600 && (key >> 2 & 15) == FLAG_NONE ? 200U : status);
    put_attribute(out, field, "response_code", text);
    (void)snprintf(text, sizeof text, "%u", grpc_status(status));
    if (grpc) put_attribute(out, field, "grpc_response_status", text);
    put_attribute(out, field, "response_flags", flags[key >> 2 & 15]);
    put_attribute(out, field, "connection_security_policy", server ? "mutual_tls" : "unknown");
    put_attribute(out, field, "pod", world->instances[series->instance].name);
    put_attribute(out, field, "namespace", namespace_of(service_of_instance(world, series->instance)));
}

/* Metric { name 1, sum 7 { data_points 1 { start 2, time 3, as_double 4, attributes 7 }, temporality 2, monotonic 3 } }
 * and Metric { name 1, histogram 9 { data_points 1 { …, attributes 9 }, temporality 2 } } */
static uint64_t put_pod(metrics_t *metrics, const world_t *world, uint32_t pod) {
    buffer_t *out = &metrics->body;
    int64_t start_ns = world->scenario->start_ns + world->instances[pod].since_ns;
    int64_t time_ns = world->scenario->start_ns + world->now_ns;
    uint64_t items = 0;
    size_t metric = put_begin(out, 2);
    put_text(out, 1, "istio_requests_total");
    size_t sum = put_begin(out, 7);
    put_number(out, 2, CUMULATIVE);
    put_number(out, 3, 1);
    for (const series_t *s = series_first(metrics->series, pod); s != NULL; s = series_next(metrics->series, s)) {
        size_t point = put_begin(out, 1);
        put_fixed(out, 2, (uint64_t)start_ns);
        put_fixed(out, 3, (uint64_t)time_ns);
        put_real(out, 4, (double)s->count);
        put_labels(out, 7, world, s);
        put_end(out, point);
        items++;
    }
    put_end(out, sum);
    put_end(out, metric);
    metric = put_begin(out, 2);
    put_text(out, 1, "istio_request_duration_milliseconds");
    size_t histogram = put_begin(out, 9);
    put_number(out, 2, CUMULATIVE);
    for (const series_t *s = series_first(metrics->series, pod); s != NULL; s = series_next(metrics->series, s)) {
        size_t point = put_begin(out, 1);
        series_histogram(out, metrics->series, s, start_ns, time_ns);
        put_labels(out, 9, world, s);
        put_end(out, point);
        items++;
    }
    put_end(out, histogram);
    put_end(out, metric);
    return items;
}

static void report(void *state, const world_t *world) {
    metrics_t *metrics = state;
    uint64_t items = 0;
    char address[64];
    buffer_t *out = &metrics->body;
    buffer_clear(out);
    for (uint32_t i = 0; i < world->instance_count; i++) {
        bool there = world->instances[i].state == INSTANCE_UP || world->instances[i].state == INSTANCE_DRAINING;
        if (!there || effects_silent(world, i) || series_first(metrics->series, i) == NULL) continue;
        size_t resource_metrics = put_begin(out, 1), resource = put_begin(out, 1);
        (void)snprintf(address, sizeof address, "10.0.%u.%u:15020", i / 250, i % 250 + 1);
        put_attribute(out, 1, "service.name", "istio-mesh");
        put_attribute(out, 1, "service.instance.id", address);
        put_end(out, resource);
        size_t scope = put_begin(out, 2);
        items += put_pod(metrics, world, i);
        put_end(out, scope);
        put_end(out, resource_metrics);
    }
    emit_request(metrics->emit, OTLP_METRICS, out, items);
}

const voice_t voice_istio_metrics = {.name = "istio_metrics",
                                     .kind = OTLP_METRICS,
                                     .open = open_metrics,
                                     .close = close_metrics,
                                     .called = called,
                                     .served = served,
                                     .report = report};
