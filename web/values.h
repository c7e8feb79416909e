/* values: numbers, times, names and cells as the API writes them (docs/api.md: Conventions, Shapes). Each function
 * gives a new reference. */
#ifndef SEISMESH_WEB_VALUES_H
#define SEISMESH_WEB_VALUES_H

#include "collector/store/query.h"

#include <jansson.h>

json_t *value_number(double value);   /* null when it is no finite number */
json_t *value_ms(int64_t ns);         /* null for INT64_MIN */
json_t *value_text(slice_t text);     /* bytes that are not UTF-8 become U+FFFD */
json_t *value_name(const char *name); /* null for "" */
json_t *value_id(uint64_t id);        /* null for 0 */
json_t *value_hex(const uint8_t *bytes, size_t len);

json_t *value_latency(const sketch_t *sketch); /* null when empty */

/* Golden of a cell that counted for `seconds` (0: no rates). */
json_t *value_golden(const query_t *query, const cell_t *cell, observer_t observer, double seconds);

/* Golden without any request. */
json_t *value_golden_none(void);

json_t *value_range(int64_t start_ns, int64_t end_ns);

/* Seconds of a range that the store can know: from its oldest frame to its newest event, buckets whole. */
double covered_seconds(const query_status_t *status, int64_t start_ns, int64_t end_ns);

/* The parts of a service id "namespace/name@cluster"; namespace and cluster may be empty. */
typedef struct {
    slice_t name, namespace_name, cluster;
} service_parts_t;

service_parts_t service_parts(const char *id);

/* Whether a name is that of a service or of either end of an edge (other names have ids too). */
bool service_is_known(query_t *query, uint32_t name);

#endif
