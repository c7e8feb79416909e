#include "analyzer/histogram.h"

#include <math.h>

enum {
    BIN_SCALE = 2,               /* 2^2 bins an octave */
    FIRST_BIN = 12 << BIN_SCALE, /* index of 2^12 ns at that scale */
};

static int bin_of(int32_t index, int scale) {
    double at;
    if (scale >= BIN_SCALE)
        at = index >> (scale - BIN_SCALE);
    else
        at = floor((index + 0.5) * ldexp(1, BIN_SCALE - scale)); /* the middle of a wider bucket */
    at -= FIRST_BIN;
    return at < 0 ? 0 : at >= HISTOGRAM_BINS ? HISTOGRAM_BINS - 1 : (int)at;
}

/* Lower bound in seconds of (a real-valued) bin. */
static double bin_seconds(double bin) {
    return exp2((bin + FIRST_BIN) / (1 << BIN_SCALE)) * 1e-9;
}

void histogram_add_sketch(histogram_t *histogram, const sketch_t *sketch) {
    histogram->count[0] += (float)sketch->zeros;
    for (uint32_t i = 0; i < sketch->buckets; i++)
        if (sketch->counts[i] != 0)
            histogram->count[bin_of(sketch->offset + (int32_t)i, sketch->scale)] += (float)sketch->counts[i];
}

void histogram_add(histogram_t *histogram, const histogram_t *other) {
    for (int i = 0; i < HISTOGRAM_BINS; i++) histogram->count[i] += other->count[i];
}

void histogram_scale(histogram_t *histogram, double factor) {
    for (int i = 0; i < HISTOGRAM_BINS; i++) histogram->count[i] = (float)(histogram->count[i] * factor);
}

double histogram_above(const histogram_t *histogram, int bin) {
    double sum = 0;
    for (int i = bin; i < HISTOGRAM_BINS; i++) sum += histogram->count[i];
    return sum;
}

double histogram_total(const histogram_t *histogram) {
    return histogram_above(histogram, 0);
}

double histogram_mean(const histogram_t *histogram) {
    double sum = 0, total = 0;
    for (int i = 0; i < HISTOGRAM_BINS; i++) {
        if (histogram->count[i] <= 0) continue;
        sum += histogram->count[i] * bin_seconds(i + 0.5);
        total += histogram->count[i];
    }
    return total > 0 ? sum / total : NAN;
}

double histogram_quantile(const histogram_t *histogram, double q) {
    double total = histogram_total(histogram), below = 0;
    if (!(total > 0)) return NAN;
    for (int i = 0; i < HISTOGRAM_BINS; i++) {
        double here = histogram->count[i];
        if (here > 0 && below + here >= q * total) return bin_seconds(i + (q * total - below) / here);
        below += here;
    }
    return bin_seconds(HISTOGRAM_BINS);
}

int histogram_cut(const histogram_t *histogram, double q) {
    double allowed = (1 - q) * histogram_total(histogram), above = 0;
    int bin = HISTOGRAM_BINS;
    while (bin > 0 && above + histogram->count[bin - 1] <= allowed) above += histogram->count[--bin];
    return bin;
}
