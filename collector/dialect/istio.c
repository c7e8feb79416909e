/* istio: the standard metrics of sidecars, gateways, waypoints and ztunnel, and Istio's own span tags. The same call
 * comes from both ends (`reporter`), so the two are different observers. The scraped resource is the job, never a
 * workload: both ends come from labels, of which any may have been configured away. Connections (tcp) count on edges
 * only: behind ztunnel they carry the very requests that waypoints count. */
#include "collector/dialect/tables.h"

static const dialect_attribute_t span[] = {
    {"istio.canonical_service", ROLE_SERVICE, FORM_KNOWN, 9, MESH_ISTIO},
    {"istio.namespace", ROLE_NAMESPACE, FORM_KNOWN, 9, MESH_ISTIO},
    {"istio.canonical_revision", ROLE_VERSION, FORM_KNOWN, 9, MESH_ISTIO},
    {"istio.cluster_id", ROLE_CLUSTER, FORM_KNOWN, 9, MESH_ISTIO},
    {"istio.source_canonical_service", ROLE_CALLER, FORM_KNOWN, 9, MESH_ISTIO},
    {"istio.source_workload", ROLE_CALLER, FORM_KNOWN, 7, MESH_ISTIO},
    {"istio.source_app", ROLE_CALLER, FORM_KNOWN, 6, MESH_ISTIO},
    {"istio.source_namespace", ROLE_CALLER_NAMESPACE, FORM_KNOWN, 9, MESH_ISTIO},
    {"istio.source_cluster_id", ROLE_CALLER_CLUSTER, FORM_KNOWN, 9, MESH_ISTIO},
    {"istio.destination_canonical_service", ROLE_CALLEE, FORM_KNOWN, 9, MESH_ISTIO},
    {"istio.destination_workload", ROLE_CALLEE, FORM_KNOWN, 7, MESH_ISTIO},
    {"istio.destination_app", ROLE_CALLEE, FORM_KNOWN, 6, MESH_ISTIO},
    {"istio.destination_namespace", ROLE_CALLEE_NAMESPACE, FORM_KNOWN, 9, MESH_ISTIO},
    {"istio.destination_cluster_id", ROLE_CALLEE_CLUSTER, FORM_KNOWN, 9, MESH_ISTIO},
    {"istio.destination_canonical_revision", ROLE_CALLEE_VERSION, FORM_KNOWN, 9, MESH_ISTIO},
    {"istio.destination_app_version", ROLE_CALLEE_VERSION, FORM_KNOWN, 7, MESH_ISTIO},
    {"istio.destination_instance_name", ROLE_CALLEE_INSTANCE, FORM_KNOWN, 9, MESH_ISTIO},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

static const dialect_attribute_t label[] = {
    {"reporter", ROLE_REPORTER, FORM_TEXT, 9, MESH_NONE},
    {"source_canonical_service", ROLE_CALLER, FORM_KNOWN, 9, MESH_NONE},
    {"source_workload", ROLE_CALLER, FORM_KNOWN, 7, MESH_NONE},
    {"source_app", ROLE_CALLER, FORM_KNOWN, 6, MESH_NONE},
    {"source_workload_namespace", ROLE_CALLER_NAMESPACE, FORM_KNOWN, 9, MESH_NONE},
    {"source_cluster", ROLE_CALLER_CLUSTER, FORM_KNOWN, 9, MESH_NONE},
    {"destination_canonical_service", ROLE_CALLEE, FORM_KNOWN, 9, MESH_NONE},
    {"destination_service_name", ROLE_CALLEE, FORM_KNOWN, 8, MESH_NONE},
    {"destination_workload", ROLE_CALLEE, FORM_KNOWN, 7, MESH_NONE},
    {"destination_app", ROLE_CALLEE, FORM_KNOWN, 6, MESH_NONE},
    {"destination_workload_namespace", ROLE_CALLEE_NAMESPACE, FORM_KNOWN, 9, MESH_NONE},
    {"destination_service_namespace", ROLE_CALLEE_NAMESPACE, FORM_KNOWN, 8, MESH_NONE},
    {"destination_cluster", ROLE_CALLEE_CLUSTER, FORM_KNOWN, 9, MESH_NONE},
    {"destination_canonical_revision", ROLE_CALLEE_VERSION, FORM_KNOWN, 9, MESH_NONE},
    {"destination_version", ROLE_CALLEE_VERSION, FORM_KNOWN, 8, MESH_NONE},
    {"destination_zone", ROLE_CALLEE_ZONE, FORM_KNOWN, 9, MESH_NONE},
    {"request_protocol", ROLE_PROTOCOL, FORM_TEXT, 9, MESH_NONE},
    {"response_code", ROLE_HTTP_STATUS, FORM_TEXT, 9, MESH_NONE},
    {"grpc_response_status", ROLE_GRPC_STATUS, FORM_TEXT, 9, MESH_NONE},
    {"response_flags", ROLE_RESPONSE_FLAGS, FORM_TEXT, 9, MESH_NONE},
    {"pod", ROLE_INSTANCE, FORM_TEXT, 9, MESH_NONE},
    {"pod_name", ROLE_INSTANCE, FORM_TEXT, 8, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

#define ALL(signal)  signal, 0, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_NONE, ROLE_NONE, NULL
#define TIME         SIGNAL_LATENCY, 0.001, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_NONE, ROLE_NONE, NULL
#define EDGE(signal) signal, 0, OBSERVER_NONE, ENTITY_EDGE, NULL, ROLE_NONE, ROLE_NONE, NULL

static const dialect_metric_t metrics[] = {
    {"istio_requests_total", ALL(SIGNAL_REQUESTS)},
    {"istio_request_duration_milliseconds", TIME},
    {"istio_request_bytes", ALL(SIGNAL_REQUEST_BYTES)},
    {"istio_response_bytes", ALL(SIGNAL_RESPONSE_BYTES)},
    {"istio_request_messages_total", ALL(SIGNAL_IGNORED)},
    {"istio_response_messages_total", ALL(SIGNAL_IGNORED)},
    {"istio_tcp_connections_opened_total", EDGE(SIGNAL_REQUESTS)},
    {"istio_tcp_connections_closed_total", ALL(SIGNAL_IGNORED)},
    {"istio_tcp_connections_failed_total", EDGE(SIGNAL_FAILURES)},
    {"istio_tcp_received_bytes_total", EDGE(SIGNAL_REQUEST_BYTES)},
    {"istio_tcp_sent_bytes_total", EDGE(SIGNAL_RESPONSE_BYTES)},
    {"istio_tcp_sockets_open", ALL(SIGNAL_IGNORED)},
    {"istio_on_demand_dns_total", ALL(SIGNAL_IGNORED)},
    {"istio_build", ALL(SIGNAL_IGNORED)},
    {NULL, ALL(SIGNAL_IGNORED)},
};

const dialect_t dialect_istio = {.name = "istio",
                                 .mesh = MESH_ISTIO,
                                 .strip = "istiocustom.",
                                 .labels_only = true,
                                 .span = span,
                                 .label = label,
                                 .metrics = metrics};
