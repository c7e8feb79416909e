/* app_mesh: AWS App Mesh, whose support ended on 2026-09-30. Two shapes: the metrics extension, which counts targets
 * (the callee is a virtual service, its version a virtual node) beside what a node itself took in, and Envoy's own
 * stats with tags of the mesh. Statuses are in the names of four counters, their sum is RequestCountPerTarget. Targets
 * are seen by the callers' proxies only, so these speak for the callee too. The mesh's name tells meshes apart as a
 * cluster's does. Nodes made on Kubernetes are "name_namespace", others may hold a '_' of their own (split_t).
 * Sources: App Mesh user guide, metrics and Envoy metrics; walkthroughs/howto-k8s-metrics-extension. */
#include "collector/dialect/tables.h"

static const dialect_attribute_t label[] = {
    {"Mesh", ROLE_CLUSTER, FORM_KNOWN, 5, MESH_NONE},
    {"VirtualNode", ROLE_SERVICE, FORM_APP_MESH_NODE, 9, MESH_NONE},
    {"VirtualGateway", ROLE_SERVICE, FORM_APP_MESH_NODE, 8, MESH_NONE},
    {"TargetVirtualService", ROLE_CALLEE, FORM_HOST, 9, MESH_NONE},
    {"TargetVirtualNode", ROLE_CALLEE_VERSION, FORM_TEXT, 9, MESH_NONE},
    {"pod", ROLE_INSTANCE, FORM_TEXT, 5, MESH_NONE},
    {"namespace", ROLE_NAMESPACE, FORM_TEXT, 5, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

#define TARGET(signal, scale) signal, scale, OBSERVER_PROXY_CLIENT, ENTITY_SERVICE, NULL, ROLE_CALLEE, ROLE_NONE, NULL
#define ANSWERED(class)                                                                                                \
    SIGNAL_REQUESTS, 0, OBSERVER_PROXY_CLIENT, ENTITY_SERVICE, NULL, ROLE_CALLEE, ROLE_STATUS_CLASS, class
#define OWN(name) SIGNAL_GAUGE, 0, OBSERVER_PROXY_STATS, ENTITY_SERVICE, name, ROLE_NONE, ROLE_NONE, NULL
#define IGNORED   SIGNAL_IGNORED, 0, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_NONE, ROLE_NONE, NULL

static const dialect_metric_t metrics[] = {
    {"envoy_appmesh_HTTPCode_Target_2XX_Count", ANSWERED("2xx")},
    {"envoy_appmesh_HTTPCode_Target_3XX_Count", ANSWERED("3xx")},
    {"envoy_appmesh_HTTPCode_Target_4XX_Count", ANSWERED("4xx")},
    {"envoy_appmesh_HTTPCode_Target_5XX_Count", ANSWERED("5xx")},
    {"envoy_appmesh_TargetResponseTime", TARGET(SIGNAL_LATENCY, 0.001)},
    {"envoy_appmesh_TargetProcessedBytes", TARGET(SIGNAL_RESPONSE_BYTES, 0)},
    {"envoy_appmesh_RequestCountPerTarget", IGNORED},
    {"envoy_appmesh_RequestCount", IGNORED}, /* without statuses, under a node's name */
    {"envoy_appmesh_GrpcRequestCount", IGNORED},
    {"envoy_appmesh_ProcessedBytes", IGNORED},
    {"envoy_appmesh_ActiveConnectionCount", OWN("connections")},
    {"envoy_appmesh_NewConnectionCount", IGNORED},
    {NULL, IGNORED},
};

static const dialect_attribute_t tag[] = {
    {"appmesh.mesh", ROLE_CLUSTER, FORM_KNOWN, 5, MESH_APP_MESH},
    {"appmesh.virtual_node", ROLE_SERVICE, FORM_APP_MESH_NODE, 9, MESH_APP_MESH},
    {"appmesh.virtual_gateway", ROLE_SERVICE, FORM_APP_MESH_NODE, 8, MESH_APP_MESH},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

const dialect_t dialect_app_mesh = {
    .name = "app_mesh", .mesh = MESH_APP_MESH, .side = "before", .sidecars = true, .label = label, .metrics = metrics};

const dialect_t dialect_app_mesh_envoy = {
    .name = "app_mesh_envoy", .mesh = MESH_APP_MESH, .sidecars = true, .beside = &dialect_envoy, .label = tag};
