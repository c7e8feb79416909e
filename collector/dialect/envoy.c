/* envoy: the tags of Envoy's spans, its access logs as OTLP, and its own stats, in the dotted names of the OTLP stats
 * sink and in Prometheus spelling ("envoy_" in front). Each request is told by four counters: `upstream_rq` by status
 * code is the one that counts, `_xx`, `_total` (attempts) and `_completed` repeat it. Only the server's side has no
 * counter by code, there `_xx` counts. Stats named internal_, external_ and canary_ repeat a part of the plain ones. */
#include "collector/dialect/tables.h"

static const dialect_attribute_t span[] = {
    {"component", ROLE_PROXY, FORM_TEXT, 5},
    {"node_id", ROLE_INSTANCE, FORM_ISTIO_NODE, 5},
    {"zone", ROLE_ZONE, FORM_TEXT, 1},
    {"upstream_cluster", ROLE_PEER, FORM_ISTIO_CLUSTER, 9},
    {"upstream_cluster.name", ROLE_PEER, FORM_ISTIO_CLUSTER, 8},
    {"downstream_cluster", ROLE_CALLER, FORM_NAME_NAMESPACE, 3},
    {"response_flags", ROLE_RESPONSE_FLAGS, FORM_TEXT, 5},
    {"error", ROLE_ERROR, FORM_TEXT, 5},
    {"grpc.status_code", ROLE_GRPC_STATUS, FORM_TEXT, 8},
    {"grpc.authority", ROLE_PEER_HOST, FORM_HOST, 4},
    {"request_size", ROLE_REQUEST_BYTES, FORM_TEXT, 5},
    {"response_size", ROLE_RESPONSE_BYTES, FORM_TEXT, 5},
    {"retry.count", ROLE_RETRIES, FORM_TEXT, 5},
    {NULL, ROLE_NONE, FORM_TEXT, 0},
};

static const dialect_attribute_t label[] = {
    {"envoy.cluster_name", ROLE_PEER, FORM_ISTIO_CLUSTER, 9},
    {"cluster_name", ROLE_PEER, FORM_ISTIO_CLUSTER, 8},
    {"envoy.response_code", ROLE_HTTP_STATUS, FORM_TEXT, 9},
    {"response_code", ROLE_HTTP_STATUS, FORM_TEXT, 8},
    {"envoy.response_code_class", ROLE_STATUS_CLASS, FORM_TEXT, 9},
    {"response_code_class", ROLE_STATUS_CLASS, FORM_TEXT, 8},
    {"envoy.http_conn_manager_prefix", ROLE_REPORTER, FORM_TEXT, 9},
    {"http_conn_manager_prefix", ROLE_REPORTER, FORM_TEXT, 8},
    {"local_cluster", ROLE_SERVICE, FORM_NAME_NAMESPACE, 5},
    {"pod", ROLE_INSTANCE, FORM_TEXT, 5},
    {"namespace", ROLE_NAMESPACE, FORM_TEXT, 5},
    {NULL, ROLE_NONE, FORM_TEXT, 0},
};

/* Keys as people name Envoy's and Istio's format operators (%RESPONSE_CODE%, %DURATION% …) when they send access logs
 * as attributes, and as Istio's JSON logs spell them. */
static const dialect_attribute_t access_log[] = {
    {"response_code", ROLE_HTTP_STATUS, FORM_TEXT, 9},
    {"status", ROLE_HTTP_STATUS, FORM_TEXT, 3},
    {"status_code", ROLE_HTTP_STATUS, FORM_TEXT, 4},
    {"grpc_status", ROLE_GRPC_STATUS, FORM_TEXT, 5},
    {"grpc_status_number", ROLE_GRPC_STATUS, FORM_TEXT, 6},
    {"response_flags", ROLE_RESPONSE_FLAGS, FORM_TEXT, 9},
    {"duration", ROLE_DURATION_MS, FORM_TEXT, 9},
    {"duration_ms", ROLE_DURATION_MS, FORM_TEXT, 9},
    {"bytes_received", ROLE_REQUEST_BYTES, FORM_TEXT, 9},
    {"bytes_sent", ROLE_RESPONSE_BYTES, FORM_TEXT, 9},
    {"method", ROLE_METHOD, FORM_TEXT, 5},
    {"request_method", ROLE_METHOD, FORM_TEXT, 6},
    {"protocol", ROLE_PROTOCOL, FORM_TEXT, 5},
    {"upstream_cluster", ROLE_PEER, FORM_ISTIO_CLUSTER, 9},
    {"requested_server_name", ROLE_PEER_HOST, FORM_ISTIO_SNI, 9},
    {"authority", ROLE_PEER_HOST, FORM_HOST, 5},
    {"source_canonical_service", ROLE_CALLER, FORM_KNOWN, 9},
    {"source_workload", ROLE_CALLER, FORM_KNOWN, 7},
    {"source_namespace", ROLE_CALLER_NAMESPACE, FORM_KNOWN, 9},
    {"source_workload_namespace", ROLE_CALLER_NAMESPACE, FORM_KNOWN, 9},
    {"destination_canonical_service", ROLE_CALLEE, FORM_KNOWN, 9},
    {"destination_workload", ROLE_CALLEE, FORM_KNOWN, 7},
    {"destination_namespace", ROLE_CALLEE_NAMESPACE, FORM_KNOWN, 9},
    {"destination_workload_namespace", ROLE_CALLEE_NAMESPACE, FORM_KNOWN, 9},
    {"destination_canonical_revision", ROLE_CALLEE_VERSION, FORM_KNOWN, 9},
    {"reporter", ROLE_REPORTER, FORM_TEXT, 9},
    {"node_name", ROLE_INSTANCE, FORM_ISTIO_NODE, 5},
    {"pod", ROLE_INSTANCE, FORM_TEXT, 6},
    {"pod_name", ROLE_INSTANCE, FORM_TEXT, 7},
    {NULL, ROLE_NONE, FORM_TEXT, 0},
};

#define REST(signal) signal, 0, OBSERVER_PROXY_STATS, ENTITY_EDGE, NULL, ROLE_NONE
#define GAUGE(name)  SIGNAL_GAUGE, 0, OBSERVER_PROXY_STATS, ENTITY_EDGE, name, ROLE_NONE
#define OWN(name)    SIGNAL_GAUGE, 0, OBSERVER_PROXY_STATS, ENTITY_SERVICE, name, ROLE_NONE
#define IGNORED      SIGNAL_IGNORED, 0, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_NONE

static const dialect_metric_t metrics[] = {
    {"cluster.upstream_rq", REST(SIGNAL_REQUESTS)},
    {"cluster.upstream_rq_xx", IGNORED},
    {"cluster.upstream_rq_total", IGNORED},
    {"cluster.upstream_rq_completed", IGNORED},
    {"cluster.upstream_rq_time", SIGNAL_LATENCY, 0.001, OBSERVER_PROXY_STATS, ENTITY_EDGE, NULL, ROLE_NONE},
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
    {"http.downstream_rq_xx", SIGNAL_REQUESTS, 0, OBSERVER_PROXY_STATS, ENTITY_SERVICE, NULL, ROLE_NONE},
    {"http.downstream_rq_total", IGNORED},
    {"http.downstream_rq_completed", IGNORED},
    {"http.downstream_rq_time", SIGNAL_LATENCY, 0.001, OBSERVER_PROXY_STATS, ENTITY_SERVICE, NULL, ROLE_NONE},
    {"http.downstream_rq_active", OWN("inflight")},
    {"http.downstream_cx_active", OWN("connections")},
    {NULL, IGNORED},
};

const dialect_t dialect_envoy = {
    .name = "envoy", .strip = "envoy_", .span = span, .label = label, .log = access_log, .metrics = metrics};
