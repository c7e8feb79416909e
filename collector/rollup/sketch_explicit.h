/* sketch_explicit: histograms with explicit buckets (OTLP Histogram, Prometheus) added to a sketch.
 *
 * Meshes report latencies in buckets as wide as 100 to 250 ms. Where inside of one its observations lie is estimated:
 * the logarithm of their density over log-time runs straight through a bucket, as steeply as from the bucket below it
 * to the one above it. So a long tail stays at the lower end of its wide buckets, where it mostly is. The steepness is
 * that of all that its stream counted, since a few requests have no shape. */
#ifndef SEISMESH_ROLLUP_SKETCH_EXPLICIT_H
#define SEISMESH_ROLLUP_SKETCH_EXPLICIT_H

#include "collector/rollup/sketch.h"

typedef struct {
    const double *bounds; /* ascending upper bounds, in units of unit_ns; borrowed */
    uint32_t bound_count;
    const uint64_t *counts; /* counts[i] lie in (bounds[i - 1], bounds[i]]; one behind the last bound lies above it */
    const uint64_t *shape;  /* bucket_count of them: what its stream counted since it began, or just `counts` */
    uint32_t bucket_count;
    double unit_ns;
    uint64_t chance; /* decides where remainders fall; the same for the same counts, different from point to point */
} explicit_histogram_t;

/* The sum is the caller's to add. */
void sketch_add_explicit(sketch_t *sketch, const explicit_histogram_t *histogram);

#endif
