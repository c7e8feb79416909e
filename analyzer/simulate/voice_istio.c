/* Istio sidecars: the standard metrics of both ends as an OpenTelemetry Collector's prometheus receiver passes them on
 * (cumulative, all labels text, the resource is the scrape job), and the spans of Envoy's OpenTelemetry tracer. */
#include "analyzer/simulate/otlp_write.h"
#include "analyzer/simulate/voice.h"

#include <stdio.h>
#include <stdlib.h>

enum { SERVER = 2, CLIENT = 3, STATUS_ERROR = 2, NOBODY = 0xffff };

static const char *const flags[FLAGS] = {
    [FLAG_NONE] = "-",     [FLAG_CONNECTION] = "UF", [FLAG_NO_HEALTHY] = "UH", [FLAG_OVERFLOW] = "UO",
    [FLAG_TIMEOUT] = "UT", [FLAG_LIMITED] = "RL",    [FLAG_DENIED] = "-",
};

/* ---- spans ---- */

static void put_resource(buffer_t *out, const world_t *world, uint32_t instance) {
    const service_spec_t *service = service_of_instance(world, instance);
    char name[2 * SCHEMA_TEXT_MAX + 2], node[4 * SCHEMA_TEXT_MAX];
    (void)snprintf(name, sizeof name, "%s.%s", service->name, service_namespace(service));
    (void)snprintf(node, sizeof node, "sidecar~10.0.%u.%u~%s.%s~%s.svc.cluster.local", instance / 250,
                   instance % 250 + 1, world->instances[instance].name, service_namespace(service),
                   service_namespace(service));
    put_attribute(out, 1, "service.name", name);
    put_attribute(out, 1, "node_id", node);
    put_attribute(out, 1, "k8s.pod.name", world->instances[instance].name);
    put_attribute(out, 1, "cloud.availability_zone",
                  ((const char **)world->scenario->zones.items)[world->instances[instance].zone]);
}

static void put_own(buffer_t *out, const world_t *world, uint32_t instance) {
    put_attribute(out, 9, "istio.canonical_service", service_of_instance(world, instance)->name);
    put_attribute(out, 9, "istio.canonical_revision", version_of_instance(world, instance)->spec->name);
    put_attribute(out, 9, "istio.namespace", service_namespace(service_of_instance(world, instance)));
}

static void put_words(buffer_t *out, const world_t *world, const call_t *call, bool server, uint16_t status,
                      flag_t flag) {
    const service_spec_t *callee = service_at(world->scenario, world->operations[call->operation].service);
    char text[4 * SCHEMA_TEXT_MAX], method[16] = "POST";
    const char *route = "/";
    (void)operation_is_http(operation_name(world, call->operation), method, &route);
    (void)snprintf(text, sizeof text, "%s.%s.svc.cluster.local:8080/*", callee->name, service_namespace(callee));
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
        (void)snprintf(text, sizeof text, "outbound|8080||%s.%s.svc.cluster.local", callee->name,
                       service_namespace(callee));
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

/* One end of a call: service and version. 16 bits each would be too many for one key of 64, so versions have 4. */
typedef struct {
    uint32_t service, version; /* NOBODY, 15 = not known */
} end_t;

/* Who is not in the mesh has no sidecar that would tell more than the host that was called. */
static end_t end_of(const emit_t *emit, const world_t *world, uint32_t instance) {
    if (instance == NONE) return (end_t){NOBODY, 15};
    uint32_t service = world->instances[instance].service;
    bool meshed = emit_speaks(emit, &voice_istio_metrics, service);
    return meshed ? (end_t){service, world->instances[instance].version} : (end_t){NOBODY, 15};
}

static uint64_t key_of(const emit_t *emit, const world_t *world, const call_t *call, bool server) {
    end_t source = end_of(emit, world, call->caller), target = end_of(emit, world, call->instance);
    char method[16];
    const char *route;
    bool grpc = !operation_is_http(operation_name(world, call->operation), method, &route);
    uint16_t status = server ? call->served_status : call->status;
    flag_t flag = (flag_t)call->flag;
    if (server && flag != FLAG_LIMITED && flag != FLAG_DENIED) flag = FLAG_NONE;
    target.service = world->operations[call->operation].service;
    return (uint64_t)server | (uint64_t)grpc << 1 | (uint64_t)flag << 2 | (uint64_t)status << 6 |
           (uint64_t)(source.version & 15) << 18 | (uint64_t)(target.version & 15) << 22 |
           (uint64_t)(source.service & 0xffff) << 26 | (uint64_t)(target.service & 0xffff) << 42;
}

/* Labels of one end; `name` is "source" or "destination". */
static void put_end_labels(buffer_t *out, uint32_t field, const world_t *world, const char *name, uint64_t service,
                           uint64_t version) {
    char key[64];
    bool known = service != NOBODY && version != 15;
    const service_spec_t *spec = known ? service_at(world->scenario, (uint32_t)service) : NULL;
    const char *app = known ? spec->name : "unknown";
    const char *revision = known ? world->services[service].versions[version].spec->name : "unknown";
    const struct {
        const char *suffix, *value;
    } labels[] = {{"workload", app},
                  {"workload_namespace", known ? service_namespace(spec) : "unknown"},
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
    (void)snprintf(text, sizeof text, "%s.%s.svc.cluster.local", callee->name, service_namespace(callee));
    put_attribute(out, field, "destination_service", text);
    put_attribute(out, field, "destination_service_name", callee->name);
    put_attribute(out, field, "destination_service_namespace", service_namespace(callee));
    put_attribute(out, field, "request_protocol", grpc ? "grpc" : "http");
    (void)snprintf(text, sizeof text, "%u", grpc && status < 600 && (key >> 2 & 15) == FLAG_NONE ? 200U : status);
    put_attribute(out, field, "response_code", text);
    (void)snprintf(text, sizeof text, "%u", grpc_status(status));
    if (grpc) put_attribute(out, field, "grpc_response_status", text);
    put_attribute(out, field, "response_flags", flags[key >> 2 & 15]);
    put_attribute(out, field, "connection_security_policy", server ? "mutual_tls" : "unknown");
    put_attribute(out, field, "pod", world->instances[series->instance].name);
    put_attribute(out, field, "namespace", service_namespace(service_of_instance(world, series->instance)));
}

static const proxy_words_t proxy_words = {.requests = "istio_requests_total",
                                          .durations = "istio_request_duration_milliseconds",
                                          .job = "istio-mesh",
                                          .network = "10.0",
                                          .port = "15020",
                                          .bounds_ms = bounds_ms,
                                          .bound_count = sizeof bounds_ms / sizeof bounds_ms[0],
                                          .key = key_of,
                                          .labels = put_labels};

static void *open_metrics(emit_t *emit) {
    return proxy_open(emit, &proxy_words);
}

const voice_t voice_istio_metrics = {.name = "istio_metrics",
                                     .kind = OTLP_METRICS,
                                     .open = open_metrics,
                                     .close = proxy_close,
                                     .called = proxy_called,
                                     .served = proxy_served,
                                     .report = proxy_report};
