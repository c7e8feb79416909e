/* tables: the built-in dialects, one per file, for list.c. */
#ifndef SEISMESH_DIALECT_TABLES_H
#define SEISMESH_DIALECT_TABLES_H

#include "collector/dialect/dialect.h"

extern const dialect_t dialect_istio, dialect_envoy, dialect_spanmetrics, dialect_opentelemetry;

#endif
