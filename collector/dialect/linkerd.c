/* linkerd: the proxies' own metrics and spans. Every call is counted twice, outbound at the caller and inbound at the
 * callee (`direction`), and a hop has up to four spans: only an outbound CLIENT and an inbound SERVER are the call, the
 * other two are the proxy between its application and itself. Who reports is told by the labels that a scraper adds, by
 * the proxy's resource for spans (all of which are called "linkerd-proxy"). An inbound point knows its caller by the
 * certificate alone, whose account is a service only where one of that name is known.
 *
 * response_latency_ms is the time to the first byte, the durations of routes are times to the end: the former is what
 * counts, the latter only on the routes' own series, beside it (OBSERVER_PROXY_STATS), where a backend is a version.
 * Sources: linkerd2-proxy app/core/src/metrics.rs, app/outbound policy/route metrics, opentelemetry/src/lib.rs. */
#include "collector/dialect/tables.h"

static const dialect_attribute_t resource[] = {
    {"app", ROLE_WORKLOAD, FORM_TEXT, 9, MESH_NONE},
    {"linkerd.io/proxy-deployment", ROLE_WORKLOAD, FORM_TEXT, 8, MESH_LINKERD},
    {"linkerd.io/proxy-statefulset", ROLE_WORKLOAD, FORM_TEXT, 8, MESH_LINKERD},
    {"linkerd.io/proxy-daemonset", ROLE_WORKLOAD, FORM_TEXT, 8, MESH_LINKERD},
    {"linkerd.io/proxy-job", ROLE_WORKLOAD, FORM_TEXT, 7, MESH_LINKERD},
    {"linkerd.io/workload-ns", ROLE_NAMESPACE, FORM_TEXT, 6, MESH_LINKERD},
    {"linkerd.io/control-plane-ns", ROLE_EVIDENCE, FORM_TEXT, 5, MESH_LINKERD},
    {"pod-template-hash", ROLE_VERSION, FORM_TEXT, 5, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

static const dialect_attribute_t span[] = {
    {"direction", ROLE_REPORTER, FORM_TEXT, 5, MESH_NONE}, /* of spans whose resource is a proxy's */
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

static const dialect_attribute_t label[] = {
    {"direction", ROLE_REPORTER, FORM_TEXT, 9, MESH_NONE},
    {"app", ROLE_SERVICE, FORM_TEXT, 9, MESH_NONE},
    {"app_kubernetes_io_name", ROLE_SERVICE, FORM_TEXT, 8, MESH_NONE},
    {"deployment", ROLE_SERVICE, FORM_TEXT, 7, MESH_NONE},
    {"statefulset", ROLE_SERVICE, FORM_TEXT, 6, MESH_NONE},
    {"daemonset", ROLE_SERVICE, FORM_TEXT, 6, MESH_NONE},
    {"k8s_job", ROLE_SERVICE, FORM_TEXT, 5, MESH_NONE},
    {"namespace", ROLE_NAMESPACE, FORM_TEXT, 9, MESH_NONE},
    {"pod", ROLE_INSTANCE, FORM_TEXT, 9, MESH_NONE},
    {"pod_template_hash", ROLE_VERSION, FORM_TEXT, 9, MESH_NONE},
    {"cluster", ROLE_CLUSTER, FORM_KNOWN, 5, MESH_NONE},
    {"client_id", ROLE_CALLER_IDENTITY, FORM_LINKERD_IDENTITY, 9, MESH_NONE},
    {"dst_service", ROLE_CALLEE, FORM_TEXT, 9, MESH_NONE},
    {"dst_deployment", ROLE_CALLEE, FORM_TEXT, 7, MESH_NONE},
    {"dst_statefulset", ROLE_CALLEE, FORM_TEXT, 6, MESH_NONE},
    {"dst_daemonset", ROLE_CALLEE, FORM_TEXT, 6, MESH_NONE},
    {"dst_namespace", ROLE_CALLEE_NAMESPACE, FORM_TEXT, 9, MESH_NONE},
    {"dst_pod_template_hash", ROLE_CALLEE_VERSION, FORM_TEXT, 5, MESH_NONE},
    {"dst_pod", ROLE_CALLEE_INSTANCE, FORM_TEXT, 9, MESH_NONE},
    {"dst_zone", ROLE_CALLEE_ZONE, FORM_TEXT, 9, MESH_NONE},
    {"authority", ROLE_PEER_HOST, FORM_HOST, 5, MESH_NONE},
    {"parent_name", ROLE_CALLEE, FORM_TEXT, 8, MESH_NONE},
    {"parent_namespace", ROLE_CALLEE_NAMESPACE, FORM_TEXT, 8, MESH_NONE},
    {"backend_name", ROLE_CALLEE_VERSION, FORM_TEXT, 9, MESH_NONE},
    {"status_code", ROLE_HTTP_STATUS, FORM_TEXT, 9, MESH_NONE},
    {"http_status", ROLE_HTTP_STATUS, FORM_TEXT, 8, MESH_NONE},
    {"grpc_status", ROLE_GRPC_STATUS, FORM_TEXT, 9, MESH_NONE}, /* a number, on routes a name */
    {"classification", ROLE_SUCCESS, FORM_TEXT, 9, MESH_NONE},
    {"error", ROLE_ERROR, FORM_TEXT, 9, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

/* Names that others might use as well need `direction`; those of routes are nobody else's. */
#define ENDS(signal) signal, 0, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_REPORTER, ROLE_NONE, NULL
#define BACKEND(signal, scale)                                                                                         \
    signal, scale, OBSERVER_PROXY_STATS, ENTITY_EDGE, NULL, ROLE_CALLEE, ROLE_REPORTER, "outbound"
#define RETRIED SIGNAL_RETRIES, 0, OBSERVER_PROXY_CLIENT, ENTITY_EDGE, NULL, ROLE_CALLEE, ROLE_REPORTER, "outbound"
#define IGNORED SIGNAL_IGNORED, 0, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_NONE, ROLE_NONE, NULL

static const dialect_metric_t metrics[] = {
    {"request_total", ENDS(SIGNAL_IGNORED)}, /* begun; response_total counts the ended */
    {"response_total", ENDS(SIGNAL_REQUESTS)},
    {"response_latency_ms", SIGNAL_LATENCY, 0.001, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_REPORTER, ROLE_NONE, NULL},
    {"route_request_total", ENDS(SIGNAL_IGNORED)}, /* ServiceProfile: repeats the above by route */
    {"route_response_total", ENDS(SIGNAL_IGNORED)},
    {"route_response_latency_ms", ENDS(SIGNAL_IGNORED)},
    {"route_actual_request_total", ENDS(SIGNAL_IGNORED)},
    {"route_actual_response_total", ENDS(SIGNAL_IGNORED)},
    {"route_actual_response_latency_ms", ENDS(SIGNAL_IGNORED)},
    {"outbound_http_route_backend_response_statuses_total", BACKEND(SIGNAL_REQUESTS, 0)},
    {"outbound_grpc_route_backend_response_statuses_total", BACKEND(SIGNAL_REQUESTS, 0)},
    {"outbound_http_route_backend_response_duration_seconds", BACKEND(SIGNAL_LATENCY, 1)},
    {"outbound_grpc_route_backend_response_duration_seconds", BACKEND(SIGNAL_LATENCY, 1)},
    {"outbound_http_route_retry_requests_total", RETRIED},
    {"outbound_grpc_route_retry_requests_total", RETRIED},
    {"outbound_http_route_backend_requests_total", IGNORED},
    {"outbound_grpc_route_backend_requests_total", IGNORED},
    {"outbound_http_route_request_duration_seconds", IGNORED},
    {"outbound_grpc_route_request_duration_seconds", IGNORED},
    {"outbound_http_route_request_statuses_total", IGNORED},
    {"outbound_grpc_route_request_statuses_total", IGNORED},
    {"outbound_http_balancer_endpoints", IGNORED},
    {"inbound_http_requests_total", IGNORED},
    {"inbound_grpc_requests_total", IGNORED},
    {"inbound_http_statuses_total", IGNORED},
    {"inbound_grpc_statuses_total", IGNORED},
    {"inbound_http_request_duration_seconds", IGNORED},
    {"inbound_grpc_request_duration_seconds", IGNORED},
    {"inbound_http_response_duration_seconds", IGNORED},
    {"inbound_grpc_response_duration_seconds", IGNORED},
    {"tcp_open_total", ENDS(SIGNAL_IGNORED)}, /* of requests as well: no traffic of their own */
    {"tcp_close_total", ENDS(SIGNAL_IGNORED)},
    {"tcp_open_connections", ENDS(SIGNAL_IGNORED)},
    {"tcp_read_bytes_total", ENDS(SIGNAL_IGNORED)},
    {"tcp_write_bytes_total", ENDS(SIGNAL_IGNORED)},
    {NULL, IGNORED},
};

const dialect_t dialect_linkerd = {.name = "linkerd",
                                   .mesh = MESH_LINKERD,
                                   .sidecars = true,
                                   .resource = resource,
                                   .span = span,
                                   .label = label,
                                   .metrics = metrics};
