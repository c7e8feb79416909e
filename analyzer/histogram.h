/* histogram: a latency distribution small enough to be remembered for every series: 96 bins of a quarter octave (19 %)
 * from 4 us to 69 s. Baselines decay, so the counts are real numbers. Made from sketches, whose buckets nest in the
 * bins, so nothing is lost but resolution. */
#ifndef SEISMESH_ANALYZER_HISTOGRAM_H
#define SEISMESH_ANALYZER_HISTOGRAM_H

#include "collector/rollup/sketch.h"

enum { HISTOGRAM_BINS = 96 };
#define HISTOGRAM_BIN_LOG 0.17328679513998632 /* width of a bin in natural logarithms: ln 2 / 4 */
enum {
    HISTOGRAM_SCALE = 2,                     /* 2^2 bins an octave */
    HISTOGRAM_BIN_0 = 12 << HISTOGRAM_SCALE, /* index of 2^12 ns at that scale */
};

typedef struct {
    float count[HISTOGRAM_BINS];
} histogram_t;

/* The bin of a sketch's bucket, and how many buckets from it on, itself included, lie in the same bin. */
int histogram_bin_of_wide(int32_t index, int scale);
static inline int histogram_bin(int32_t index, int scale) {
    if (scale < HISTOGRAM_SCALE) return histogram_bin_of_wide(index, scale);
    int bin = (index >> (scale - HISTOGRAM_SCALE)) - HISTOGRAM_BIN_0;
    return bin < 0 ? 0 : bin >= HISTOGRAM_BINS ? HISTOGRAM_BINS - 1 : bin;
}
static inline uint32_t histogram_bin_buckets(int32_t index, int scale) {
    if (scale <= HISTOGRAM_SCALE) return 1;
    uint32_t all = 1U << (scale - HISTOGRAM_SCALE);
    return all - ((uint32_t)index & (all - 1));
}
extern const double histogram_middle_s[1 << HISTOGRAM_SCALE]; /* histogram_middle of the first octave's bins */
double histogram_middle(int bin); /* seconds, of an observation that is known to be in the bin */

void histogram_add_sketch(histogram_t *histogram, const sketch_t *sketch);
void histogram_add(histogram_t *histogram, const histogram_t *other);
void histogram_scale(histogram_t *histogram, double factor);

double histogram_total(const histogram_t *histogram);
double histogram_mean(const histogram_t *histogram); /* seconds; NaN when empty */
double histogram_quantile(const histogram_t *histogram,
                          double q); /* seconds, interpolated in log-time; NaN when empty */

/* The first bin above which at most a share 1 - q lies (0 .. HISTOGRAM_BINS), and how many lie at or above a bin. */
int histogram_cut(const histogram_t *histogram, double q);
double histogram_above(const histogram_t *histogram, int bin);

/* A histogram summed up once, for many questions: how many lie at or above each bin. */
typedef struct {
    double above[HISTOGRAM_BINS + 1]; /* the last is 0 */
} profile_t;
void profile_of(const histogram_t *histogram, profile_t *profile);
/* The same where only the bins first .. end - 1 can hold any. */
void profile_of_part(const histogram_t *histogram, int first, int end, profile_t *profile);

/* The quantile as a real-valued bin (a bin is HISTOGRAM_BIN_LOG wide), and a bin as seconds. The profile is not empty.
 */
double profile_place(const profile_t *profile, double q);
double histogram_seconds(double bin);

int profile_cut(const profile_t *profile, double q); /* as histogram_cut */

#endif
