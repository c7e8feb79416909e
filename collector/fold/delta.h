/* delta: cumulative metric streams become increments. A stream is identified by a 128-bit hash of resource, scope,
 * metric name, type, temporality and attributes (data model: "identity"). Rules for resets, gaps, unknown start times,
 * duplicates and points out of order: OpenTelemetry metrics data model, "Temporality" and "Resets and Gaps".
 *
 * What the first point of a stream means depends on what was known before. When other streams of its family (same
 * resource and metric, other attributes) were seen at an earlier time, this one began since then, and all of its value
 * is new: so the first failures of a service count at once. When nothing is known, and it does not say that it began
 * a short while ago, it is a baseline only. */
#ifndef SEISMESH_FOLD_DELTA_H
#define SEISMESH_FOLD_DELTA_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/counters.h"
#include "base/err.h"

typedef struct delta delta_t;

typedef struct {
    uint64_t low, high;
} stream_id_t;

enum { DELTA_BUCKETS_MAX = 2048 };

/* A point of a stream. delta_cumulative turns what was counted since the start into what was counted since the point
 * before, in place. */
typedef struct {
    int64_t start_ns; /* 0 = not told */
    int64_t time_ns;
    bool whole;            /* of a number: `count` is valid, not `sum` */
    uint64_t count;        /* of a number: its value; of a distribution: observations */
    double sum;            /* of a number that is not whole: its value; of a distribution: sum of observations */
    uint64_t zeros;        /* exponential histograms */
    uint64_t bounds;       /* hash of explicit bounds; streams whose bounds change start anew */
    int32_t scale, offset; /* exponential histograms */
    bool exponential;
    uint32_t bucket_count;
    uint64_t *buckets; /* borrowed, room for DELTA_BUCKETS_MAX */
} delta_point_t;

delta_t *delta_new(uint32_t streams_max, int64_t idle_ns, counters_t *counters);
void delta_free(delta_t *delta);

/* Takes a point of a monotonic cumulative stream. True: *point holds the increment now, and *since_ns when it began
 * (0 = not known). False: nothing to count (a baseline, a duplicate, out of order, beyond the cap), counted there. */
bool delta_cumulative(delta_t *delta, stream_id_t family, stream_id_t stream, delta_point_t *point, int64_t *since_ns);

/* Takes a point of a delta stream, whose values are increments already. False when it is the same interval again. */
bool delta_interval(delta_t *delta, stream_id_t stream, const delta_point_t *point);

/* Says whether auxiliary metric `signal` of `service` (name ids) is among the first `limit` ones of that service, and
 * remembers it when there is room. Those that are idle give their place to others. */
bool delta_auxiliary(delta_t *delta, uint32_t service, uint32_t signal, uint32_t limit, int64_t time_ns);

/* Forgets streams whose last point is older than the idle time before `event_ns`. */
void delta_expire(delta_t *delta, int64_t event_ns);

uint32_t delta_streams(const delta_t *delta);

void delta_save(const delta_t *delta, buffer_t *out); /* canonical */
err_t delta_load(delta_t *delta, bytes_t *in);        /* ERR_MALFORMED */

#endif
