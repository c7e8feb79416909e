/* tally: the latencies of one subject in one bucket of time, counted in the histogram's bins while the bucket is read,
 * and packed to be remembered: the counts from the first bin that is not empty to the last one, in as many bytes each
 * as the largest of them needs (1, 2 or 4). What is packed is unpacked many at a time, which varints cannot be. */
#ifndef SEISMESH_ANALYZER_TALLY_H
#define SEISMESH_ANALYZER_TALLY_H

#include "analyzer/histogram.h"

enum { PACKED_BYTES_MAX = HISTOGRAM_BINS * 4, PACKED_SLACK = 12 };

typedef struct {
    uint32_t count[HISTOGRAM_BINS]; /* 0 outside [first, end); at most UINT32_MAX */
    int first, end;                 /* equal when empty */
    bool coarse;                    /* some came out of wide explicit buckets (sketch.h) */
} tally_t;

/* A zeroed tally is empty. */
void tally_clear(tally_t *tally);
void tally_add_sketch(tally_t *tally, const sketch_t *sketch);
/* The counts of a histogram, rounded. */
void tally_add_histogram(tally_t *tally, const histogram_t *histogram);

double tally_count(const tally_t *tally);
double tally_seconds(const tally_t *tally); /* all of them together, each as the middle of its bin */

/* Which bins are packed, and in how many bytes each. */
typedef struct {
    uint8_t first, width, size;
} packing_t;

static inline size_t packing_bytes(packing_t packing) {
    return (size_t)packing.width * packing.size;
}

packing_t tally_pack(const tally_t *tally, uint8_t out[static PACKED_BYTES_MAX]);

/* Counts of a stretch of bins. */
typedef struct {
    float count[HISTOGRAM_BINS]; /* the first is that of bin `first` */
    int first, width;
} stretch_t;

/* Counts are read four at a time: up to PACKED_SLACK bytes behind the last are read, too. */
void packed_read(packing_t packing, const uint8_t *packed, stretch_t *out);
uint64_t packed_above(packing_t packing, const uint8_t *packed, int bin); /* how many lie in this bin or above it */
void packed_add(packing_t packing, const uint8_t *packed, histogram_t *into);

#endif
