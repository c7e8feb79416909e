#include "collector/rollup/sketch_explicit.h"

#include <math.h>

static const double FIRST = 1.3862943611198906;   /* ln 4: the lowest bucket is taken to begin at a fourth of its end */
static const double PRIOR = 0.5;                  /* observations, so that an empty neighbour has a logarithm */
static const double STEEPEST = 8;                 /* beyond e^8 from end to end nothing can be told */
static const double GOLDEN = 0.61803398874989485; /* phases of a point's buckets lie apart (Weyl sequence) */

static double bound_ns(const explicit_histogram_t *histogram, uint32_t bucket) {
    return bucket < histogram->bound_count ? histogram->bounds[bucket] * histogram->unit_ns : INFINITY;
}

/* Of a bucket, in log-time. The one without an upper bound counts as wide as the one below it. */
static double width(const explicit_histogram_t *histogram, uint32_t bucket) {
    if (bucket > 0 && bucket >= histogram->bound_count) bucket = histogram->bound_count - 1;
    double low = bucket > 0 ? bound_ns(histogram, bucket - 1) : 0, high = bound_ns(histogram, bucket);
    return low > 0 && high > low && isfinite(high) ? log(high / low) : FIRST;
}

static double log_density(const explicit_histogram_t *histogram, uint32_t bucket, double wide) {
    return log(((double)histogram->shape[bucket] + PRIOR) / wide);
}

/* Slope of the log-density through a bucket, times its width: central difference, one-sided at either end. */
static double steepness(const explicit_histogram_t *histogram, uint32_t bucket) {
    uint32_t below = bucket > 0 ? bucket - 1 : bucket,
             above = bucket + 1 < histogram->bucket_count ? bucket + 1 : bucket;
    double wide = width(histogram, bucket), low = width(histogram, below), high = width(histogram, above);
    double apart = (below < bucket ? (low + wide) / 2 : 0) + (above > bucket ? (wide + high) / 2 : 0);
    if (!(apart > 0)) return 0;
    double rise = log_density(histogram, above, high) - log_density(histogram, below, low);
    return fmax(fmin(wide * rise / apart, STEEPEST), -STEEPEST);
}

static uint64_t whole_ns(double ns) {
    return !(ns > 0) ? 0 : ns >= 0x1p63 ? UINT64_MAX : (uint64_t)llround(ns);
}

void sketch_add_explicit(sketch_t *sketch, const explicit_histogram_t *histogram) {
    double phase = (double)(histogram->chance >> 11) * 0x1p-53;
    for (uint32_t i = 0; i < histogram->bucket_count; i++) {
        phase += GOLDEN;
        phase -= floor(phase);
        if (histogram->counts[i] == 0) continue;
        uint64_t low = i > 0 ? whole_ns(bound_ns(histogram, i - 1)) : 0, high = whole_ns(bound_ns(histogram, i));
        sketch_add_range(sketch, low, high, histogram->counts[i], steepness(histogram, i), phase);
    }
}
