/* delta: cumulative metric streams become increments. A stream is identified by a 128-bit hash of resource, scope,
 * metric name, type, temporality and attributes (data model: "identity"). Rules for resets, gaps, unknown start times,
 * duplicates and points out of order: OpenTelemetry metrics data model, "Temporality" and "Resets and Gaps". */
#ifndef SEISMESH_FOLD_DELTA_H
#define SEISMESH_FOLD_DELTA_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/counters.h"
#include "base/err.h"

typedef struct delta delta_t;

delta_t *delta_new(uint32_t streams_max, int64_t idle_ns, counters_t *counters);
void delta_free(delta_t *delta);

/* Forgets streams whose last point is older than the idle time before `event_ns`. */
void delta_expire(delta_t *delta, int64_t event_ns);

void delta_save(const delta_t *delta, buffer_t *out); /* canonical */
err_t delta_load(delta_t *delta, bytes_t *in);        /* ERR_MALFORMED */

#endif
