/* spanmetrics: metrics that somebody else made of spans: the Collector's spanmetrics connector (and the processor
 * before it), its servicegraph connector, and Tempo's metrics generator. Spans of clients count on edges where the
 * peer is a dimension, spans within a service not at all. `failed` on the requests of the service graph makes its
 * counter of failures a repetition (see SIGNAL_FAILURES). */
#include "collector/dialect/tables.h"

static const dialect_attribute_t label[] = {
    {"service.name", ROLE_SERVICE, FORM_KNOWN, 9},
    {"service", ROLE_SERVICE, FORM_KNOWN, 8},
    {"service.namespace", ROLE_NAMESPACE, FORM_TEXT, 9},
    {"k8s.namespace.name", ROLE_NAMESPACE, FORM_TEXT, 8},
    {"service.version", ROLE_VERSION, FORM_TEXT, 9},
    {"service.instance.id", ROLE_INSTANCE, FORM_TEXT, 8},
    {"k8s.pod.name", ROLE_INSTANCE, FORM_TEXT, 9},
    {"span.name", ROLE_OPERATION, FORM_TEXT, 9},
    {"operation", ROLE_OPERATION, FORM_TEXT, 8},
    {"span.kind", ROLE_SPAN_KIND, FORM_TEXT, 9},
    {"status.code", ROLE_ERROR, FORM_TEXT, 9},
    {"failed", ROLE_ERROR, FORM_TEXT, 8},
    {"http.response.status_code", ROLE_HTTP_STATUS, FORM_TEXT, 9},
    {"http.status_code", ROLE_HTTP_STATUS, FORM_TEXT, 8},
    {"rpc.grpc.status_code", ROLE_GRPC_STATUS, FORM_TEXT, 9},
    {"peer.service", ROLE_PEER, FORM_TEXT, 9},
    {"server.address", ROLE_PEER_HOST, FORM_HOST, 9},
    {"db.system", ROLE_DATABASE, FORM_TEXT, 8},
    {"db.system.name", ROLE_DATABASE, FORM_TEXT, 9},
    {"client", ROLE_CALLER, FORM_TEXT, 9},
    {"server", ROLE_CALLEE, FORM_TEXT, 9},
    {"client_service.namespace", ROLE_CALLER_NAMESPACE, FORM_TEXT, 9},
    {"client_k8s.namespace.name", ROLE_CALLER_NAMESPACE, FORM_TEXT, 8},
    {"server_service.namespace", ROLE_CALLEE_NAMESPACE, FORM_TEXT, 9},
    {"server_k8s.namespace.name", ROLE_CALLEE_NAMESPACE, FORM_TEXT, 8},
    {"server_service.version", ROLE_CALLEE_VERSION, FORM_TEXT, 9},
    {"connection_type", ROLE_PROTOCOL, FORM_TEXT, 9},
    {NULL, ROLE_NONE, FORM_TEXT, 0},
};

#define SPANS(signal, scale) signal, scale, OBSERVER_DERIVED, ENTITY_SERVICE, NULL, ROLE_SPAN_KIND
#define GRAPH(signal)        signal, 0, OBSERVER_DERIVED, ENTITY_EDGE, NULL, ROLE_CALLEE
#define IGNORED              SIGNAL_IGNORED, 0, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_NONE

static const dialect_metric_t metrics[] = {
    {"traces.span.metrics.calls", SPANS(SIGNAL_REQUESTS, 0)},
    {"traces.span.metrics.duration", SPANS(SIGNAL_LATENCY, 0)},
    {"traces.span.metrics.events", IGNORED},
    {"traces_spanmetrics_calls_total", SPANS(SIGNAL_REQUESTS, 0)},
    {"traces_spanmetrics_latency", SPANS(SIGNAL_LATENCY, 0)},
    {"traces_spanmetrics_size_total", IGNORED},
    {"traces_target_info", IGNORED},
    {"calls", SPANS(SIGNAL_REQUESTS, 0)},
    {"duration", SPANS(SIGNAL_LATENCY, 0)},
    {"latency", SPANS(SIGNAL_LATENCY, 0.001)},
    {"traces_service_graph_request_total", GRAPH(SIGNAL_REQUESTS)},
    {"traces_service_graph_request_failed_total", GRAPH(SIGNAL_FAILURES)},
    {"traces_service_graph_request_server", GRAPH(SIGNAL_LATENCY)},
    {"traces_service_graph_request_client", GRAPH(SIGNAL_CLIENT_LATENCY)},
    {"traces_service_graph_request_server_seconds", GRAPH(SIGNAL_LATENCY)},
    {"traces_service_graph_request_client_seconds", GRAPH(SIGNAL_CLIENT_LATENCY)},
    {"traces_service_graph_request_messaging_system_seconds", IGNORED},
    {"traces_service_graph_request_messaging_system", IGNORED},
    {"traces_service_graph_unpaired_spans_total", IGNORED},
    {"traces_service_graph_dropped_spans_total", IGNORED},
    {"traces_service_graph_connection_info", IGNORED},
    {NULL, IGNORED},
};

const dialect_t dialect_spanmetrics = {.name = "spanmetrics", .label = label, .metrics = metrics};
