/* spanmetrics: metrics that somebody else made of spans: the Collector's spanmetrics connector (and the processor
 * before it), its servicegraph connector, and Tempo's metrics generator. Spans of clients count on edges where the
 * peer is a dimension, spans within a service not at all. `failed` on the requests of the service graph makes its
 * counter of failures a repetition (see SIGNAL_FAILURES). */
#include "collector/dialect/tables.h"

static const dialect_attribute_t label[] = {
    {"service.name", ROLE_SERVICE, FORM_KNOWN, 9, MESH_NONE},
    {"service", ROLE_SERVICE, FORM_KNOWN, 8, MESH_NONE},
    {"service.namespace", ROLE_NAMESPACE, FORM_TEXT, 9, MESH_NONE},
    {"k8s.namespace.name", ROLE_NAMESPACE, FORM_TEXT, 8, MESH_NONE},
    {"service.version", ROLE_VERSION, FORM_TEXT, 9, MESH_NONE},
    {"service.instance.id", ROLE_INSTANCE, FORM_TEXT, 8, MESH_NONE},
    {"k8s.pod.name", ROLE_INSTANCE, FORM_TEXT, 9, MESH_NONE},
    {"span.name", ROLE_OPERATION, FORM_TEXT, 9, MESH_NONE},
    {"operation", ROLE_OPERATION, FORM_TEXT, 8, MESH_NONE},
    {"span.kind", ROLE_SPAN_KIND, FORM_TEXT, 9, MESH_NONE},
    {"status.code", ROLE_ERROR, FORM_TEXT, 9, MESH_NONE},
    {"failed", ROLE_ERROR, FORM_TEXT, 8, MESH_NONE},
    {"http.response.status_code", ROLE_HTTP_STATUS, FORM_TEXT, 9, MESH_NONE},
    {"http.status_code", ROLE_HTTP_STATUS, FORM_TEXT, 8, MESH_NONE},
    {"rpc.grpc.status_code", ROLE_GRPC_STATUS, FORM_TEXT, 9, MESH_NONE},
    {"peer.service", ROLE_PEER, FORM_TEXT, 9, MESH_NONE},
    {"server.address", ROLE_PEER_HOST, FORM_HOST, 9, MESH_NONE},
    {"db.system", ROLE_DATABASE, FORM_TEXT, 8, MESH_NONE},
    {"db.system.name", ROLE_DATABASE, FORM_TEXT, 9, MESH_NONE},
    {"client", ROLE_CALLER, FORM_TEXT, 9, MESH_NONE},
    {"server", ROLE_CALLEE, FORM_TEXT, 9, MESH_NONE},
    {"client_service.namespace", ROLE_CALLER_NAMESPACE, FORM_TEXT, 9, MESH_NONE},
    {"client_k8s.namespace.name", ROLE_CALLER_NAMESPACE, FORM_TEXT, 8, MESH_NONE},
    {"server_service.namespace", ROLE_CALLEE_NAMESPACE, FORM_TEXT, 9, MESH_NONE},
    {"server_k8s.namespace.name", ROLE_CALLEE_NAMESPACE, FORM_TEXT, 8, MESH_NONE},
    {"server_service.version", ROLE_CALLEE_VERSION, FORM_TEXT, 9, MESH_NONE},
    {"connection_type", ROLE_PROTOCOL, FORM_TEXT, 9, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

#define SPANS(signal, scale) signal, scale, OBSERVER_DERIVED, ENTITY_SERVICE, NULL, ROLE_SPAN_KIND, ROLE_NONE, NULL
#define GRAPH(signal)        signal, 0, OBSERVER_DERIVED, ENTITY_EDGE, NULL, ROLE_CALLEE, ROLE_NONE, NULL
#define IGNORED              SIGNAL_IGNORED, 0, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_NONE, ROLE_NONE, NULL

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
