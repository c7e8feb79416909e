/* google: Cloud Service Mesh, where it does not speak Istio's dialect (in-cluster Istio does). Its managed form keeps
 * the standard metrics in Cloud Monitoring, from where a Collector can fetch them: the two sides are in the name
 * (server, client), not in `reporter`. Proxyless gRPC sends OTLP itself, with gRPC's own metrics: the other end is
 * csm.remote_*, the callee of a client's attempt and the caller of a server's call. Attempts are what servers see as
 * calls, so they are counted, where no server does (OBSERVER_APP_OLD); the calls that they belong to tell no callee.
 * Sources: istio/api telemetry.proto (metric names), gRPC proposals A66 and A79, grpc-go stats/opentelemetry/csm. */
#include "collector/dialect/tables.h"

static const dialect_attribute_t label[] = {
    {"source_canonical_service_name", ROLE_CALLER, FORM_KNOWN, 9, MESH_NONE},
    {"source_workload_name", ROLE_CALLER, FORM_KNOWN, 7, MESH_NONE},
    {"source_canonical_service_namespace", ROLE_CALLER_NAMESPACE, FORM_KNOWN, 9, MESH_NONE},
    {"source_workload_namespace", ROLE_CALLER_NAMESPACE, FORM_KNOWN, 7, MESH_NONE},
    {"source_cluster", ROLE_CALLER_CLUSTER, FORM_KNOWN, 9, MESH_NONE},
    {"destination_canonical_service_name", ROLE_CALLEE, FORM_KNOWN, 9, MESH_NONE},
    {"destination_service_name", ROLE_CALLEE, FORM_KNOWN, 8, MESH_NONE},
    {"destination_workload_name", ROLE_CALLEE, FORM_KNOWN, 7, MESH_NONE},
    {"destination_canonical_service_namespace", ROLE_CALLEE_NAMESPACE, FORM_KNOWN, 9, MESH_NONE},
    {"destination_service_namespace", ROLE_CALLEE_NAMESPACE, FORM_KNOWN, 8, MESH_NONE},
    {"destination_workload_namespace", ROLE_CALLEE_NAMESPACE, FORM_KNOWN, 7, MESH_NONE},
    {"destination_cluster", ROLE_CALLEE_CLUSTER, FORM_KNOWN, 9, MESH_NONE},
    {"destination_canonical_revision", ROLE_CALLEE_VERSION, FORM_KNOWN, 9, MESH_NONE},
    {"request_protocol", ROLE_PROTOCOL, FORM_TEXT, 9, MESH_NONE},
    {"response_code", ROLE_HTTP_STATUS, FORM_TEXT, 9, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

#define SERVER(signal, scale) signal, scale, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_NONE, ROLE_REPORTER, "server"
#define CLIENT(signal, scale) signal, scale, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_NONE, ROLE_REPORTER, "client"

static const dialect_metric_t metrics[] = {
    {"istio.io/service/server/request_count", SERVER(SIGNAL_REQUESTS, 0)},
    {"istio.io/service/server/response_latencies", SERVER(SIGNAL_LATENCY, 0.001)},
    {"istio.io/service/server/request_bytes", SERVER(SIGNAL_REQUEST_BYTES, 0)},
    {"istio.io/service/server/response_bytes", SERVER(SIGNAL_RESPONSE_BYTES, 0)},
    {"istio.io/service/client/request_count", CLIENT(SIGNAL_REQUESTS, 0)},
    {"istio.io/service/client/roundtrip_latencies", CLIENT(SIGNAL_LATENCY, 0.001)},
    {"istio.io/service/client/request_bytes", CLIENT(SIGNAL_REQUEST_BYTES, 0)},
    {"istio.io/service/client/response_bytes", CLIENT(SIGNAL_RESPONSE_BYTES, 0)},
    {"istio.io/service/server/connection_open_count", SERVER(SIGNAL_IGNORED, 0)},
    {"istio.io/service/server/connection_close_count", SERVER(SIGNAL_IGNORED, 0)},
    {"istio.io/service/client/connection_open_count", CLIENT(SIGNAL_IGNORED, 0)},
    {"istio.io/service/client/connection_close_count", CLIENT(SIGNAL_IGNORED, 0)},
    {NULL, SERVER(SIGNAL_IGNORED, 0)},
};

static const dialect_attribute_t grpc_label[] = {
    {"grpc.method", ROLE_OPERATION, FORM_TEXT, 9, MESH_NONE},
    {"grpc.status", ROLE_GRPC_STATUS, FORM_TEXT, 9, MESH_NONE},
    {"grpc.target", ROLE_PEER_HOST, FORM_TARGET, 5, MESH_NONE},
    {"csm.mesh_id", ROLE_EVIDENCE, FORM_TEXT, 9, MESH_GOOGLE},
    {"csm.workload_canonical_service", ROLE_SERVICE, FORM_KNOWN, 9, MESH_GOOGLE},
    {"csm.remote_workload_canonical_service", ROLE_OTHER, FORM_KNOWN, 9, MESH_GOOGLE},
    {"csm.remote_workload_name", ROLE_OTHER, FORM_KNOWN, 7, MESH_GOOGLE},
    {"csm.remote_workload_namespace_name", ROLE_OTHER_NAMESPACE, FORM_KNOWN, 9, MESH_GOOGLE},
    {"csm.remote_workload_cluster_name", ROLE_OTHER_CLUSTER, FORM_KNOWN, 9, MESH_GOOGLE},
    {"csm.service_name", ROLE_PEER, FORM_KNOWN, 5, MESH_GOOGLE},
    {"csm.service_namespace_name", ROLE_CALLEE_NAMESPACE, FORM_KNOWN, 5, MESH_GOOGLE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

#define SERVED(signal) signal, 0, OBSERVER_APP, ENTITY_SERVICE, NULL, ROLE_NONE, ROLE_REPORTER, "server"
#define TRIED(signal)  signal, 0, OBSERVER_APP_OLD, ENTITY_EDGE, NULL, ROLE_NONE, ROLE_REPORTER, "client"

static const dialect_metric_t grpc_metrics[] = {
    {"grpc.server.call.duration", SERVED(SIGNAL_LATENCY_REQUESTS)},
    {"grpc.server.call.rcvd_total_compressed_message_size", SERVED(SIGNAL_REQUEST_BYTES)},
    {"grpc.server.call.sent_total_compressed_message_size", SERVED(SIGNAL_RESPONSE_BYTES)},
    {"grpc.server.call.started", SERVED(SIGNAL_IGNORED)},
    {"grpc.client.attempt.duration", TRIED(SIGNAL_LATENCY_REQUESTS)},
    {"grpc.client.attempt.sent_total_compressed_message_size", TRIED(SIGNAL_REQUEST_BYTES)},
    {"grpc.client.attempt.rcvd_total_compressed_message_size", TRIED(SIGNAL_RESPONSE_BYTES)},
    {"grpc.client.attempt.started", TRIED(SIGNAL_IGNORED)},
    {"grpc.client.call.duration", TRIED(SIGNAL_IGNORED)},
    {NULL, TRIED(SIGNAL_IGNORED)},
};

const dialect_t dialect_google = {
    .name = "google", .mesh = MESH_GOOGLE, .labels_only = true, .label = label, .metrics = metrics};

const dialect_t dialect_grpc = {.name = "grpc", .label = grpc_label, .metrics = grpc_metrics};
