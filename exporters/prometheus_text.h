/* prometheus_text: the Prometheus text exposition format, version 0.0.4, of what seismesh counts of itself and of the
 * mesh's golden signals in the last complete minute. */
#ifndef SEISMESH_EXPORTERS_PROMETHEUS_TEXT_H
#define SEISMESH_EXPORTERS_PROMETHEUS_TEXT_H

#include "base/buffer.h"
#include "base/counters.h"
#include "collector/store/query.h"

#define PROMETHEUS_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Services, edges and anomalies beyond these are left out of one exposition, and counted in
 * seismesh_exposition_left_out. */
enum { PROMETHEUS_SERVICES_MAX = 2000, PROMETHEUS_EDGES_MAX = 5000, PROMETHEUS_ANOMALIES_MAX = 500 };

/* Every counter as seismesh_<name>_total, one HELP and TYPE for each family. */
void prometheus_counters(const counters_t *counters, buffer_t *out);

/* Memory, CPU seconds, descriptors and start time of this process, under the usual process_* names. */
void prometheus_process(buffer_t *out);

/* Golden signals by service and edge in the last complete minute, anomaly scores, open incidents. */
err_t prometheus_mesh(query_t *query, buffer_t *out);

/* name{labels} value; `labels` as in the exposition, without braces. NaN and infinities as the format spells them. */
void prometheus_sample(buffer_t *out, const char *name, const char *labels, double value);
void prometheus_family(buffer_t *out, const char *name, const char *type, const char *help);

/* key="value" with the value escaped; a comma before it unless it is the first. */
void prometheus_label(buffer_t *out, const char *key, const char *value);

#endif
