/* Linkerd proxies: response_total and response_latency_ms of both directions, as an OpenTelemetry Collector's
 * prometheus receiver passes them on with the labels of the pod (cumulative, all labels text, the resource is the
 * scrape job). The outbound side knows the pod that was called, the inbound side its caller's certificate. A service
 * outside the mesh has neither: its calls come without identity, and calls to it are known by authority alone. */
#include "analyzer/simulate/otlp_write.h"
#include "analyzer/simulate/voice.h"

#include <stdio.h>
#include <stdlib.h>

/* linkerd2-proxy's own, in milliseconds. */
static const double bounds_ms[] = {1,   2,   3,    4,    5,    10,   20,   30,    40,    50,    100,   200,  300,
                                   400, 500, 1000, 2000, 3000, 4000, 5000, 10000, 20000, 30000, 40000, 50000};
_Static_assert(sizeof bounds_ms / sizeof bounds_ms[0] <= SERIES_BOUNDS_MAX, "a series holds so many");

/* The service called, and the other end: the pod called (outbound) or the service that calls (inbound). */
static uint64_t key_of(const emit_t *emit, const world_t *world, const call_t *call, bool inbound) {
    char method[16];
    const char *route;
    bool grpc = !operation_is_http(operation_name(world, call->operation), method, &route);
    uint32_t other = inbound ? call->caller : call->instance;
    uint16_t status = inbound ? call->served_status : call->status;
    if (other != NONE && !emit_speaks(emit, &voice_linkerd_metrics, world->instances[other].service)) other = NONE;
    if (inbound && other != NONE) other = world->instances[other].service;
    return (uint64_t)inbound | (uint64_t)grpc << 1 | (uint64_t)status << 2 |
           (uint64_t)(world->operations[call->operation].service & 0xffff) << 14 | (uint64_t)other << 30;
}

static void put_pod_labels(buffer_t *out, uint32_t field, const world_t *world, uint32_t pod) {
    const service_spec_t *service = service_of_instance(world, pod);
    put_attribute(out, field, "namespace", service_namespace(service));
    put_attribute(out, field, "app", service->name);
    put_attribute(out, field, "deployment", service->name);
    put_attribute(out, field, "pod", world->instances[pod].name);
    put_attribute(out, field, "pod_template_hash", version_of_instance(world, pod)->spec->name);
}

static void put_target(buffer_t *out, uint32_t field, const world_t *world, uint32_t pod) {
    const service_spec_t *service = service_of_instance(world, pod);
    put_attribute(out, field, "dst_service", service->name);
    put_attribute(out, field, "dst_namespace", service_namespace(service));
    put_attribute(out, field, "dst_deployment", service->name);
    put_attribute(out, field, "dst_pod_template_hash", version_of_instance(world, pod)->spec->name);
    put_attribute(out, field, "dst_pod", world->instances[pod].name);
    put_attribute(out, field, "dst_zone", ((const char **)world->scenario->zones.items)[world->instances[pod].zone]);
}

static void put_labels(buffer_t *out, uint32_t field, const world_t *world, const series_t *series) {
    uint64_t key = series->key;
    bool inbound = (key & 1) != 0, grpc = (key >> 1 & 1) != 0;
    uint16_t status = (uint16_t)(key >> 2 & 0xfff);
    uint32_t other = (uint32_t)(key >> 30);
    const service_spec_t *callee = service_at(world->scenario, (uint32_t)(key >> 14 & 0xffff));
    char text[3 * SCHEMA_TEXT_MAX];
    put_pod_labels(out, field, world, series->instance);
    put_attribute(out, field, "direction", inbound ? "inbound" : "outbound");
    put_attribute(out, field, "tls", other != NONE ? "true" : "no_identity");
    (void)snprintf(text, sizeof text, "%s.%s.svc.cluster.local:8080", callee->name, service_namespace(callee));
    put_attribute(out, field, "authority", text);
    if (!inbound && other != NONE) put_target(out, field, world, other);
    if (inbound && other != NONE) {
        const service_spec_t *caller = service_at(world->scenario, other);
        (void)snprintf(text, sizeof text, "%s.%s.serviceaccount.identity.linkerd.cluster.local", caller->name,
                       service_namespace(caller));
        put_attribute(out, field, "client_id", text);
    }
    (void)snprintf(text, sizeof text, "%u", grpc && status < 600 ? 200U : status);
    put_attribute(out, field, "status_code", text);
    (void)snprintf(text, sizeof text, "%u", grpc_status(status));
    if (grpc) put_attribute(out, field, "grpc_status", text);
    put_attribute(out, field, "classification", status >= 500 ? "failure" : "success");
}

static const proxy_words_t proxy_words = {.requests = "response_total",
                                          .durations = "response_latency_ms",
                                          .job = "linkerd-proxy",
                                          .network = "10.1",
                                          .port = "4191",
                                          .bounds_ms = bounds_ms,
                                          .bound_count = sizeof bounds_ms / sizeof bounds_ms[0],
                                          .key = key_of,
                                          .labels = put_labels};

static void *open_metrics(emit_t *emit) {
    return proxy_open(emit, &proxy_words);
}

const voice_t voice_linkerd_metrics = {.name = "linkerd_metrics",
                                       .kind = OTLP_METRICS,
                                       .open = open_metrics,
                                       .close = proxy_close,
                                       .called = proxy_called,
                                       .served = proxy_served,
                                       .report = proxy_report};
