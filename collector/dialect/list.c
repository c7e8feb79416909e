/* The dialects that are built in. Where two know the same attribute key, the earlier one decides: those of meshes come
 * before the proxy that they share, that before what everybody says. */
#include "collector/dialect/tables.h"

const dialect_t *const dialect_list[] = {
    &dialect_istio,    &dialect_linkerd,        &dialect_consul,        &dialect_kuma,
    &dialect_app_mesh, &dialect_app_mesh_envoy, &dialect_osm,           &dialect_osm_envoy,
    &dialect_google,   &dialect_grpc,           &dialect_traefik,       &dialect_nsm,
    &dialect_envoy,    &dialect_spanmetrics,    &dialect_opentelemetry, NULL,
};
