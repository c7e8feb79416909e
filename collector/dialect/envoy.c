/* envoy: the tags of Envoy's spans, its access logs as OTLP, and its own stats, in the dotted names of the OTLP stats
 * sink and in Prometheus spelling ("envoy_" in front). Each request is told by four counters: `upstream_rq` by status
 * code is the one that counts, `_xx`, `_total` (attempts) and `_completed` repeat it. Only the server's side has no
 * counter by code, there `_xx` counts. Stats named internal_, external_ and canary_ repeat a part of the plain ones.
 * The sink's resource has the SDK's name "envoy", and nothing of whose proxy it is unless the bootstrap says more. */
#include "collector/dialect/tables.h"

static const dialect_attribute_t resource[] = {
    {"telemetry.sdk.name", ROLE_SENDER, FORM_TEXT, 9, MESH_NONE},
    {"log_name", ROLE_NODE_LOG, FORM_TEXT, 9, MESH_NONE},
    {"cluster_name", ROLE_NODE_CLUSTER, FORM_KNOWN, 9, MESH_NONE},
    {"node_name", ROLE_INSTANCE, FORM_ISTIO_NODE, 2, MESH_NONE},
    {"zone_name", ROLE_ZONE, FORM_TEXT, 1, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

static const dialect_attribute_t span[] = {
    {"component", ROLE_PROXY, FORM_TEXT, 5, MESH_NONE},
    {"node_id", ROLE_INSTANCE, FORM_ISTIO_NODE, 5, MESH_NONE},
    {"zone", ROLE_ZONE, FORM_TEXT, 1, MESH_NONE},
    {"upstream_cluster", ROLE_PEER, FORM_ISTIO_CLUSTER, 9, MESH_NONE},
    {"upstream_cluster.name", ROLE_PEER, FORM_ISTIO_CLUSTER, 8, MESH_NONE},
    {"downstream_cluster", ROLE_CALLER, FORM_NAME_NAMESPACE, 3, MESH_NONE},
    {"response_flags", ROLE_RESPONSE_FLAGS, FORM_TEXT, 5, MESH_NONE},
    {"error", ROLE_ERROR, FORM_TEXT, 5, MESH_NONE},
    {"grpc.status_code", ROLE_GRPC_STATUS, FORM_TEXT, 8, MESH_NONE},
    {"grpc.authority", ROLE_PEER_HOST, FORM_HOST, 4, MESH_NONE},
    {"request_size", ROLE_REQUEST_BYTES, FORM_TEXT, 5, MESH_NONE},
    {"response_size", ROLE_RESPONSE_BYTES, FORM_TEXT, 5, MESH_NONE},
    {"retry.count", ROLE_RETRIES, FORM_TEXT, 5, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

static const dialect_attribute_t label[] = {
    {"envoy.cluster_name", ROLE_PEER, FORM_ISTIO_CLUSTER, 9, MESH_NONE},
    {"cluster_name", ROLE_PEER, FORM_ISTIO_CLUSTER, 8, MESH_NONE},
    {"envoy.response_code", ROLE_HTTP_STATUS, FORM_TEXT, 9, MESH_NONE},
    {"response_code", ROLE_HTTP_STATUS, FORM_TEXT, 8, MESH_NONE},
    {"envoy.response_code_class", ROLE_STATUS_CLASS, FORM_TEXT, 9, MESH_NONE},
    {"response_code_class", ROLE_STATUS_CLASS, FORM_TEXT, 8, MESH_NONE},
    {"envoy.http_conn_manager_prefix", ROLE_REPORTER, FORM_TEXT, 9, MESH_NONE},
    {"http_conn_manager_prefix", ROLE_REPORTER, FORM_TEXT, 8, MESH_NONE},
    {"local_cluster", ROLE_SERVICE, FORM_NAME_NAMESPACE, 5, MESH_NONE},
    {"pod", ROLE_INSTANCE, FORM_TEXT, 5, MESH_NONE},
    {"namespace", ROLE_NAMESPACE, FORM_TEXT, 5, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

/* Keys as people name Envoy's and Istio's format operators (%RESPONSE_CODE%, %DURATION% …) when they send access logs
 * as attributes, and as Istio's JSON logs spell them. */
static const dialect_attribute_t access_log[] = {
    {"response_code", ROLE_HTTP_STATUS, FORM_TEXT, 9, MESH_NONE},
    {"status", ROLE_HTTP_STATUS, FORM_TEXT, 3, MESH_NONE},
    {"status_code", ROLE_HTTP_STATUS, FORM_TEXT, 4, MESH_NONE},
    {"grpc_status", ROLE_GRPC_STATUS, FORM_TEXT, 5, MESH_NONE},
    {"grpc_status_number", ROLE_GRPC_STATUS, FORM_TEXT, 6, MESH_NONE},
    {"response_flags", ROLE_RESPONSE_FLAGS, FORM_TEXT, 9, MESH_NONE},
    {"duration", ROLE_DURATION_MS, FORM_TEXT, 9, MESH_NONE},
    {"duration_ms", ROLE_DURATION_MS, FORM_TEXT, 9, MESH_NONE},
    {"bytes_received", ROLE_REQUEST_BYTES, FORM_TEXT, 9, MESH_NONE},
    {"bytes_sent", ROLE_RESPONSE_BYTES, FORM_TEXT, 9, MESH_NONE},
    {"method", ROLE_METHOD, FORM_TEXT, 5, MESH_NONE},
    {"request_method", ROLE_METHOD, FORM_TEXT, 6, MESH_NONE},
    {"protocol", ROLE_PROTOCOL, FORM_TEXT, 5, MESH_NONE},
    {"upstream_cluster", ROLE_PEER, FORM_ISTIO_CLUSTER, 9, MESH_NONE},
    {"requested_server_name", ROLE_PEER_HOST, FORM_ISTIO_SNI, 9, MESH_NONE},
    {"authority", ROLE_PEER_HOST, FORM_HOST, 5, MESH_NONE},
    {"source_canonical_service", ROLE_CALLER, FORM_KNOWN, 9, MESH_NONE},
    {"source_workload", ROLE_CALLER, FORM_KNOWN, 7, MESH_NONE},
    {"source_namespace", ROLE_CALLER_NAMESPACE, FORM_KNOWN, 9, MESH_NONE},
    {"source_workload_namespace", ROLE_CALLER_NAMESPACE, FORM_KNOWN, 9, MESH_NONE},
    {"destination_canonical_service", ROLE_CALLEE, FORM_KNOWN, 9, MESH_NONE},
    {"destination_workload", ROLE_CALLEE, FORM_KNOWN, 7, MESH_NONE},
    {"destination_namespace", ROLE_CALLEE_NAMESPACE, FORM_KNOWN, 9, MESH_NONE},
    {"destination_workload_namespace", ROLE_CALLEE_NAMESPACE, FORM_KNOWN, 9, MESH_NONE},
    {"destination_canonical_revision", ROLE_CALLEE_VERSION, FORM_KNOWN, 9, MESH_NONE},
    {"reporter", ROLE_REPORTER, FORM_TEXT, 9, MESH_NONE},
    {"node_name", ROLE_INSTANCE, FORM_ISTIO_NODE, 5, MESH_NONE},
    {"pod", ROLE_INSTANCE, FORM_TEXT, 6, MESH_NONE},
    {"pod_name", ROLE_INSTANCE, FORM_TEXT, 7, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

#define REST(signal) signal, 0, OBSERVER_PROXY_STATS, ENTITY_EDGE, NULL, ROLE_NONE, ROLE_NONE, NULL
/* Times have no status that would tell it: without a protocol they would be an edge beside that of the requests. */
#define TIME(entity) SIGNAL_LATENCY, 0.001, OBSERVER_PROXY_STATS, entity, NULL, ROLE_NONE, ROLE_PROTOCOL, "http"
#define SERVED       SIGNAL_REQUESTS, 0, OBSERVER_PROXY_STATS, ENTITY_SERVICE, NULL, ROLE_NONE, ROLE_NONE, NULL
#define GAUGE(name)  SIGNAL_GAUGE, 0, OBSERVER_PROXY_STATS, ENTITY_EDGE, name, ROLE_NONE, ROLE_NONE, NULL
#define OWN(name)    SIGNAL_GAUGE, 0, OBSERVER_PROXY_STATS, ENTITY_SERVICE, name, ROLE_NONE, ROLE_NONE, NULL
#define IGNORED      SIGNAL_IGNORED, 0, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_NONE, ROLE_NONE, NULL

static const dialect_metric_t metrics[] = {
    {"cluster.upstream_rq", REST(SIGNAL_REQUESTS)},
    {"cluster.upstream_rq_xx", IGNORED},
    {"cluster.upstream_rq_total", IGNORED},
    {"cluster.upstream_rq_completed", IGNORED},
    {"cluster.upstream_rq_time", TIME(ENTITY_EDGE)},
    {"cluster.upstream_rq_retry", REST(SIGNAL_RETRIES)},
    {"cluster.retry.upstream_rq", IGNORED},
    {"cluster.retry_upstream_rq", IGNORED},
    {"cluster.upstream_rq_active", GAUGE("inflight")},
    {"cluster.upstream_rq_pending_active", GAUGE("pending")},
    {"cluster.upstream_cx_active", GAUGE("connections")},
    {"cluster.upstream_rq_pending_overflow", GAUGE("overflow.pending")},
    {"cluster.upstream_rq_active_overflow", GAUGE("overflow.requests")},
    {"cluster.upstream_cx_overflow", GAUGE("overflow.connections")},
    {"cluster.upstream_rq_retry_overflow", GAUGE("overflow.retries")},
    {"cluster.circuit_breakers.default.cx_open", GAUGE("breaker.connections")},
    {"cluster.circuit_breakers.default.rq_open", GAUGE("breaker.requests")},
    {"cluster.circuit_breakers.default.rq_pending_open", GAUGE("breaker.pending")},
    {"cluster.circuit_breakers.default.rq_retry_open", GAUGE("breaker.retries")},
    {"cluster.outlier_detection.ejections_active", GAUGE("ejections")},
    {"cluster.outlier_detection.ejections_enforced_total", GAUGE("ejections.rate")},
    {"cluster.membership_healthy", GAUGE("members.healthy")},
    {"cluster.membership_total", GAUGE("members.total")},
    {"cluster.membership_degraded", GAUGE("members.degraded")},
    {"cluster.membership_excluded", GAUGE("members.excluded")},
    {"cluster.lb_healthy_panic", GAUGE("panic")},
    {"cluster.upstream_rq_timeout", GAUGE("timeouts")},
    {"cluster.upstream_rq_per_try_timeout", GAUGE("timeouts.per_try")},
    {"cluster.upstream_rq_rx_reset", GAUGE("resets.received")},
    {"cluster.upstream_rq_tx_reset", GAUGE("resets.sent")},
    {"cluster.upstream_rq_retry_success", GAUGE("retries.succeeded")},
    {"cluster.upstream_cx_connect_fail", GAUGE("connects.failed")},
    {"cluster.upstream_cx_connect_timeout", GAUGE("connects.timeouts")},
    {"cluster.internal.upstream_rq", IGNORED},
    {"cluster.internal.upstream_rq_xx", IGNORED},
    {"cluster.internal.upstream_rq_completed", IGNORED},
    {"cluster.internal.upstream_rq_time", IGNORED},
    {"cluster.external.upstream_rq", IGNORED},
    {"cluster.external.upstream_rq_xx", IGNORED},
    {"cluster.external.upstream_rq_completed", IGNORED},
    {"cluster.external.upstream_rq_time", IGNORED},
    {"cluster.canary.upstream_rq", IGNORED},
    {"cluster.canary.upstream_rq_xx", IGNORED},
    {"cluster.canary.upstream_rq_completed", IGNORED},
    {"cluster.canary.upstream_rq_time", IGNORED},
    {"http.downstream_rq_xx", SERVED},
    {"http.downstream_rq_total", IGNORED},
    {"http.downstream_rq_completed", IGNORED},
    {"http.downstream_rq_time", TIME(ENTITY_SERVICE)},
    {"http.downstream_rq_active", OWN("inflight")},
    {"http.downstream_cx_active", OWN("connections")},
    {NULL, IGNORED},
};

const dialect_t dialect_envoy = {.name = "envoy",
                                 .strip = "envoy_",
                                 .sidecars = true,
                                 .resource = resource,
                                 .span = span,
                                 .label = label,
                                 .log = access_log,
                                 .metrics = metrics};
