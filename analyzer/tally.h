/* tally: the latencies of one subject in one bucket of time, counted in the histogram's bins while the bucket is read,
 * and packed into few bytes to be remembered: the first bin that is not empty, then the counts from there to the last
 * one, as varints. No latencies are no bytes. */
#ifndef SEISMESH_ANALYZER_TALLY_H
#define SEISMESH_ANALYZER_TALLY_H

#include "analyzer/histogram.h"

enum { PACKED_BYTES_MAX = 1 + HISTOGRAM_BINS * 10 };

typedef struct {
    uint64_t count[HISTOGRAM_BINS]; /* 0 outside [first, end) */
    int first, end;                 /* equal when empty */
} tally_t;

/* A zeroed tally is empty. */
void tally_clear(tally_t *tally);
void tally_add_sketch(tally_t *tally, const sketch_t *sketch);
/* The counts of a histogram, rounded. */
void tally_add_histogram(tally_t *tally, const histogram_t *histogram);

double tally_count(const tally_t *tally);
double tally_seconds(const tally_t *tally); /* all of them together, each as the middle of its bin */

size_t tally_pack(const tally_t *tally, uint8_t out[static PACKED_BYTES_MAX]); /* bytes written */

/* Counts of a stretch of bins. */
typedef struct {
    float count[HISTOGRAM_BINS]; /* the first is that of bin `first` */
    int first, width;
} stretch_t;

void packed_read(const uint8_t *packed, size_t bytes, stretch_t *out);
void packed_add(const uint8_t *packed, size_t bytes, histogram_t *into);

#endif
