/* osm: Open Service Mesh and the AKS add-on made of it. Its WASM metrics come from the caller's proxy only, and name
 * both ends, so they speak for the callee too; the histogram tells no status. Without them there are Envoy's own stats,
 * on which the scraper puts who reports (source_*), with clusters named namespace/service|port (clusters.c). Spans are
 * Envoy's, by way of a Zipkin receiver.
 * Sources: openservicemesh/osm wasm/stats.cc, pkg/constants/constants.go. */
#include "collector/dialect/tables.h"

static const dialect_attribute_t label[] = {
    {"source_name", ROLE_CALLER, FORM_KNOWN, 9, MESH_NONE},
    {"source_namespace", ROLE_CALLER_NAMESPACE, FORM_KNOWN, 9, MESH_NONE},
    {"destination_name", ROLE_CALLEE, FORM_KNOWN, 9, MESH_NONE},
    {"destination_namespace", ROLE_CALLEE_NAMESPACE, FORM_KNOWN, 9, MESH_NONE},
    {"destination_pod", ROLE_CALLEE_INSTANCE, FORM_KNOWN, 9, MESH_NONE},
    {"response_code", ROLE_HTTP_STATUS, FORM_TEXT, 9, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

#define CALLS(signal, scale) signal, scale, OBSERVER_PROXY_CLIENT, ENTITY_SERVICE, NULL, ROLE_CALLEE, ROLE_NONE, NULL

static const dialect_metric_t metrics[] = {
    {"osm_request_total", CALLS(SIGNAL_REQUESTS, 0)},
    {"osm_request_duration_ms", CALLS(SIGNAL_LATENCY, 0.001)},
    {NULL, CALLS(SIGNAL_IGNORED, 0)},
};

static const dialect_attribute_t scraped[] = {
    {"source_service", ROLE_SERVICE, FORM_KNOWN, 9, MESH_NONE},
    {"source_workload_name", ROLE_SERVICE, FORM_KNOWN, 8, MESH_OSM},
    {"source_workload_kind", ROLE_EVIDENCE, FORM_TEXT, 5, MESH_OSM},
    {"source_namespace", ROLE_NAMESPACE, FORM_KNOWN, 9, MESH_NONE},
    {"source_pod_name", ROLE_INSTANCE, FORM_KNOWN, 9, MESH_OSM},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

const dialect_t dialect_osm = {.name = "osm",
                               .mesh = MESH_OSM,
                               .strip = "envoy_wasm_",
                               .side = "before",
                               .sidecars = true,
                               .labels_only = true,
                               .label = label,
                               .metrics = metrics};

const dialect_t dialect_osm_envoy = {
    .name = "osm_envoy", .mesh = MESH_OSM, .sidecars = true, .beside = &dialect_envoy, .label = scraped};
