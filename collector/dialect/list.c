/* The dialects that are built in. Where two know the same attribute key, the earlier one decides. */
#include "collector/dialect/tables.h"

const dialect_t *const dialect_list[] = {
    &dialect_istio, &dialect_envoy, &dialect_spanmetrics, &dialect_opentelemetry, NULL,
};
