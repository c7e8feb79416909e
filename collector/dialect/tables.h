/* tables: the built-in dialects, one mesh per file, for list.c. */
#ifndef SEISMESH_DIALECT_TABLES_H
#define SEISMESH_DIALECT_TABLES_H

#include "collector/dialect/dialect.h"

extern const dialect_t dialect_istio, dialect_linkerd, dialect_consul, dialect_kuma, dialect_app_mesh,
    dialect_app_mesh_envoy, dialect_osm, dialect_osm_envoy, dialect_google, dialect_grpc, dialect_traefik, dialect_nsm,
    dialect_envoy, dialect_spanmetrics, dialect_opentelemetry;

#endif
