/* opentelemetry: the semantic conventions, stable names and the older ones that SDKs still send. With
 * OTEL_SEMCONV_STABILITY_OPT_IN=http/dup both come at once: attributes of one span then fill the same role, and the
 * older metrics are counted by an observer of their own (OBSERVER_APP_OLD), which is read only where the newer are
 * absent. */
#include "collector/dialect/tables.h"

static const dialect_attribute_t resource[] = {
    {"service.name", ROLE_SERVICE, FORM_SERVICE, 9, MESH_NONE},
    {"k8s.deployment.name", ROLE_WORKLOAD, FORM_TEXT, 5, MESH_NONE},
    {"k8s.statefulset.name", ROLE_WORKLOAD, FORM_TEXT, 4, MESH_NONE},
    {"k8s.daemonset.name", ROLE_WORKLOAD, FORM_TEXT, 4, MESH_NONE},
    {"k8s.container.name", ROLE_WORKLOAD, FORM_TEXT, 2, MESH_NONE},
    {"service.namespace", ROLE_NAMESPACE, FORM_TEXT, 9, MESH_NONE},
    {"k8s.namespace.name", ROLE_NAMESPACE, FORM_TEXT, 5, MESH_NONE},
    {"service.version", ROLE_VERSION, FORM_TEXT, 9, MESH_NONE},
    {"k8s.pod.label.version", ROLE_VERSION, FORM_TEXT, 5, MESH_NONE},
    {"k8s.pod.labels.version", ROLE_VERSION, FORM_TEXT, 5, MESH_NONE},
    {"k8s.pod.name", ROLE_INSTANCE, FORM_TEXT, 9, MESH_NONE},
    {"service.instance.id", ROLE_INSTANCE, FORM_TEXT, 7, MESH_NONE},
    {"host.name", ROLE_INSTANCE, FORM_TEXT, 3, MESH_NONE},
    {"cloud.availability_zone", ROLE_ZONE, FORM_TEXT, 9, MESH_NONE},
    {"topology.kubernetes.io/zone", ROLE_ZONE, FORM_TEXT, 8, MESH_NONE},
    {"k8s.node.label.topology.kubernetes.io/zone", ROLE_ZONE, FORM_TEXT, 8, MESH_NONE},
    {"k8s.node.labels.topology.kubernetes.io/zone", ROLE_ZONE, FORM_TEXT, 8, MESH_NONE},
    {"cloud.zone", ROLE_ZONE, FORM_TEXT, 7, MESH_NONE},
    {"cloud.region", ROLE_ZONE, FORM_TEXT, 3, MESH_NONE},
    {"k8s.cluster.name", ROLE_CLUSTER, FORM_KNOWN, 9, MESH_NONE},
    {"url.scheme", ROLE_SCRAPED, FORM_TEXT, 9, MESH_NONE}, /* a Prometheus receiver's, as are the older two */
    {"http.scheme", ROLE_SCRAPED, FORM_TEXT, 8, MESH_NONE},
    {"net.host.port", ROLE_SCRAPED, FORM_TEXT, 8, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

static const dialect_attribute_t span[] = {
    {"http.response.status_code", ROLE_HTTP_STATUS, FORM_TEXT, 9, MESH_NONE},
    {"http.status_code", ROLE_HTTP_STATUS, FORM_TEXT, 5, MESH_NONE},
    {"http.request.method", ROLE_METHOD, FORM_TEXT, 9, MESH_NONE},
    {"http.method", ROLE_METHOD, FORM_TEXT, 5, MESH_NONE},
    {"http.route", ROLE_ROUTE, FORM_TEXT, 9, MESH_NONE},
    {"rpc.system.name", ROLE_RPC_SYSTEM, FORM_TEXT, 9, MESH_NONE},
    {"rpc.system", ROLE_RPC_SYSTEM, FORM_TEXT, 5, MESH_NONE},
    {"rpc.service", ROLE_RPC_SERVICE, FORM_TEXT, 9, MESH_NONE},
    {"rpc.method", ROLE_RPC_METHOD, FORM_TEXT, 9, MESH_NONE},
    {"rpc.status_code", ROLE_GRPC_STATUS, FORM_TEXT, 5, MESH_NONE},
    {"rpc.response.status_code", ROLE_GRPC_STATUS, FORM_TEXT, 7, MESH_NONE},
    {"rpc.grpc.status_code", ROLE_GRPC_STATUS, FORM_TEXT, 9, MESH_NONE},
    {"error.type", ROLE_ERROR, FORM_TEXT, 9, MESH_NONE},
    {"peer.service", ROLE_PEER, FORM_TEXT, 5, MESH_NONE},
    {"service.peer.name", ROLE_PEER, FORM_TEXT, 6, MESH_NONE},
    {"server.address", ROLE_PEER_HOST, FORM_HOST, 9, MESH_NONE},
    {"net.peer.name", ROLE_PEER_HOST, FORM_HOST, 5, MESH_NONE},
    {"network.peer.address", ROLE_PEER_HOST, FORM_HOST, 3, MESH_NONE},
    {"net.sock.peer.name", ROLE_PEER_HOST, FORM_HOST, 4, MESH_NONE},
    {"net.sock.peer.addr", ROLE_PEER_HOST, FORM_HOST, 2, MESH_NONE},
    {"net.peer.ip", ROLE_PEER_HOST, FORM_HOST, 2, MESH_NONE},
    {"db.system.name", ROLE_DATABASE, FORM_TEXT, 9, MESH_NONE},
    {"db.system", ROLE_DATABASE, FORM_TEXT, 5, MESH_NONE},
    {"messaging.system", ROLE_MESSAGING, FORM_TEXT, 9, MESH_NONE},
    {"http.request.resend_count", ROLE_RETRIES, FORM_TEXT, 9, MESH_NONE},
    {"http.resend_count", ROLE_RETRIES, FORM_TEXT, 5, MESH_NONE},
    {"http.request.body.size", ROLE_REQUEST_BYTES, FORM_TEXT, 9, MESH_NONE},
    {"http.request.size", ROLE_REQUEST_BYTES, FORM_TEXT, 8, MESH_NONE},
    {"http.request_content_length", ROLE_REQUEST_BYTES, FORM_TEXT, 5, MESH_NONE},
    {"http.response.body.size", ROLE_RESPONSE_BYTES, FORM_TEXT, 9, MESH_NONE},
    {"http.response.size", ROLE_RESPONSE_BYTES, FORM_TEXT, 8, MESH_NONE},
    {"http.response_content_length", ROLE_RESPONSE_BYTES, FORM_TEXT, 5, MESH_NONE},
    {"network.protocol.name", ROLE_PROTOCOL, FORM_TEXT, 5, MESH_NONE},
    {"net.protocol.name", ROLE_PROTOCOL, FORM_TEXT, 3, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

static const dialect_attribute_t label[] = {
    {"http.response.status_code", ROLE_HTTP_STATUS, FORM_TEXT, 9, MESH_NONE},
    {"http.status_code", ROLE_HTTP_STATUS, FORM_TEXT, 5, MESH_NONE},
    {"http.request.method", ROLE_METHOD, FORM_TEXT, 9, MESH_NONE},
    {"http.method", ROLE_METHOD, FORM_TEXT, 5, MESH_NONE},
    {"http.route", ROLE_ROUTE, FORM_TEXT, 9, MESH_NONE},
    {"rpc.system.name", ROLE_RPC_SYSTEM, FORM_TEXT, 9, MESH_NONE},
    {"rpc.system", ROLE_RPC_SYSTEM, FORM_TEXT, 5, MESH_NONE},
    {"rpc.service", ROLE_RPC_SERVICE, FORM_TEXT, 9, MESH_NONE},
    {"rpc.method", ROLE_RPC_METHOD, FORM_TEXT, 9, MESH_NONE},
    {"rpc.status_code", ROLE_GRPC_STATUS, FORM_TEXT, 5, MESH_NONE},
    {"rpc.response.status_code", ROLE_GRPC_STATUS, FORM_TEXT, 7, MESH_NONE},
    {"rpc.grpc.status_code", ROLE_GRPC_STATUS, FORM_TEXT, 9, MESH_NONE},
    {"error.type", ROLE_ERROR, FORM_TEXT, 9, MESH_NONE},
    {"peer.service", ROLE_PEER, FORM_TEXT, 9, MESH_NONE},
    {"server.address", ROLE_PEER_HOST, FORM_HOST, 9, MESH_NONE},
    {"net.peer.name", ROLE_PEER_HOST, FORM_HOST, 5, MESH_NONE},
    {"db.system.name", ROLE_DATABASE, FORM_TEXT, 9, MESH_NONE},
    {"db.system", ROLE_DATABASE, FORM_TEXT, 5, MESH_NONE},
    {"messaging.system", ROLE_MESSAGING, FORM_TEXT, 9, MESH_NONE},
    {"network.protocol.name", ROLE_PROTOCOL, FORM_TEXT, 5, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

#define SERVED(signal, scale, observer)                                                                                \
    signal, scale, OBSERVER_##observer, ENTITY_SERVICE, NULL, ROLE_NONE, ROLE_NONE, NULL
#define CALLED(signal, scale, observer)                                                                                \
    signal, scale, OBSERVER_##observer, ENTITY_EDGE, NULL, ROLE_NONE, ROLE_NONE, NULL
#define OWN(name) SIGNAL_GAUGE, 0, OBSERVER_APP, ENTITY_SERVICE, name, ROLE_NONE, ROLE_NONE, NULL
#define IGNORED   SIGNAL_IGNORED, 0, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_NONE, ROLE_NONE, NULL

static const dialect_metric_t metrics[] = {
    {"http.server.request.duration", SERVED(SIGNAL_LATENCY_REQUESTS, 0, APP)},
    {"http.server.duration", SERVED(SIGNAL_LATENCY_REQUESTS, 0.001, APP_OLD)},
    {"http.server.request.body.size", SERVED(SIGNAL_REQUEST_BYTES, 0, APP)},
    {"http.server.response.body.size", SERVED(SIGNAL_RESPONSE_BYTES, 0, APP)},
    {"http.server.request.size", SERVED(SIGNAL_REQUEST_BYTES, 0, APP_OLD)},
    {"http.server.response.size", SERVED(SIGNAL_RESPONSE_BYTES, 0, APP_OLD)},
    {"http.server.active_requests", OWN("inflight")},
    {"http.client.request.duration", CALLED(SIGNAL_LATENCY_REQUESTS, 0, APP)},
    {"http.client.duration", CALLED(SIGNAL_LATENCY_REQUESTS, 0.001, APP_OLD)},
    {"http.client.request.body.size", CALLED(SIGNAL_REQUEST_BYTES, 0, APP)},
    {"http.client.response.body.size", CALLED(SIGNAL_RESPONSE_BYTES, 0, APP)},
    {"http.client.request.size", CALLED(SIGNAL_REQUEST_BYTES, 0, APP_OLD)},
    {"http.client.response.size", CALLED(SIGNAL_RESPONSE_BYTES, 0, APP_OLD)},
    {"http.client.active_requests", OWN("client.inflight")},
    {"http.client.open_connections", OWN("client.connections")},
    {"rpc.server.call.duration", SERVED(SIGNAL_LATENCY_REQUESTS, 0, APP)},
    {"rpc.server.duration", SERVED(SIGNAL_LATENCY_REQUESTS, 0.001, APP_OLD)},
    {"rpc.client.call.duration", CALLED(SIGNAL_LATENCY_REQUESTS, 0, APP)},
    {"rpc.client.duration", CALLED(SIGNAL_LATENCY_REQUESTS, 0.001, APP_OLD)},
    {"db.client.operation.duration", CALLED(SIGNAL_LATENCY_REQUESTS, 0, APP)},
    {"db.client.connection.pending_requests", OWN("pool.pending")},
    {"db.client.connections.pending_requests", OWN("pool.pending")},
    {"db.client.connection.timeouts", OWN("pool.timeouts")},
    {"db.client.connections.timeouts", OWN("pool.timeouts")},
    {"process.cpu.utilization", OWN("cpu.utilization")},
    {"jvm.cpu.recent_utilization", OWN("cpu.utilization")},
    {"container.cpu.utilization", OWN("cpu.utilization")},
    {"k8s.pod.cpu_limit_utilization", OWN("cpu.utilization")},
    {"k8s.pod.cpu.usage", OWN("cpu.usage")},
    {"container.cpu.usage", OWN("cpu.usage")},
    {"process.memory.usage", OWN("memory.usage")},
    {"container.memory.usage", OWN("memory.usage")},
    {"k8s.pod.memory.usage", OWN("memory.usage")},
    {"k8s.pod.memory_limit_utilization", OWN("memory.utilization")},
    {"k8s.node.cpu.utilization", OWN("node.cpu.utilization")},
    {"up", IGNORED}, /* what a Prometheus receiver says of each scrape: its job is no service for that */
    {"scrape_duration_seconds", IGNORED},
    {"scrape_samples_scraped", IGNORED},
    {"scrape_samples_post_metric_relabeling", IGNORED},
    {"scrape_series_added", IGNORED},
    {NULL, IGNORED},
};

const dialect_t dialect_opentelemetry = {
    .name = "opentelemetry", .resource = resource, .span = span, .label = label, .log = span, .metrics = metrics};
