#include "analyzer/histogram.h"

#include <math.h>

/* A bucket wider than a bin counts where its middle lies. */
int histogram_bin_of_wide(int32_t index, int scale) {
    double at = floor((index + 0.5) * ldexp(1, HISTOGRAM_SCALE - scale)) - HISTOGRAM_BIN_0;
    return at < 0 ? 0 : at >= HISTOGRAM_BINS ? HISTOGRAM_BINS - 1 : (int)at;
}

const double histogram_middle_s[1 << HISTOGRAM_SCALE] = {/* 2^12 ns * 2^((i + 0.5) / 4) */
                                                         4.4667196729968961e-06, 5.3118548158505354e-06,
                                                         6.3168955408709260e-06, 7.5120971219326668e-06};

double histogram_middle(int bin) {
    return histogram_middle_s[bin % (1 << HISTOGRAM_SCALE)] * (double)(UINT64_C(1) << (bin >> HISTOGRAM_SCALE));
}

/* Lower bound in seconds of (a real-valued) bin. */
double histogram_seconds(double bin) {
    return exp2((bin + HISTOGRAM_BIN_0) / (1 << HISTOGRAM_SCALE)) * 1e-9;
}

void histogram_add_sketch(histogram_t *histogram, const sketch_t *sketch) {
    histogram->count[0] += (float)sketch->zeros;
    for (uint32_t i = 0; i < sketch->buckets; i++)
        histogram->count[histogram_bin(sketch->offset + (int32_t)i, sketch->scale)] += (float)sketch_at(sketch, i);
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
        sum += histogram->count[i] * histogram_seconds(i + 0.5);
        total += histogram->count[i];
    }
    return total > 0 ? sum / total : NAN;
}

double histogram_quantile(const histogram_t *histogram, double q) {
    double total = histogram_total(histogram), below = 0;
    if (!(total > 0)) return NAN;
    for (int i = 0; i < HISTOGRAM_BINS; i++) {
        double here = histogram->count[i];
        if (here > 0 && below + here >= q * total) return histogram_seconds(i + (q * total - below) / here);
        below += here;
    }
    return histogram_seconds(HISTOGRAM_BINS);
}

int histogram_cut(const histogram_t *histogram, double q) {
    double allowed = (1 - q) * histogram_total(histogram), above = 0;
    int bin = HISTOGRAM_BINS;
    while (bin > 0 && above + histogram->count[bin - 1] <= allowed) above += histogram->count[--bin];
    return bin;
}

void profile_of(const histogram_t *histogram, profile_t *profile) {
    profile_of_part(histogram, 0, HISTOGRAM_BINS, profile);
}

void profile_of_part(const histogram_t *histogram, int first, int end, profile_t *profile) {
    double above = 0;
    for (int i = end; i <= HISTOGRAM_BINS; i++) profile->above[i] = 0;
    for (int i = end; i-- > first;) profile->above[i] = above += histogram->count[i];
    for (int i = 0; i < first; i++) profile->above[i] = above;
}

/* The first bin above whose end at most `rest` lie: how many bins have more than that at or above them. No branch can
 * be foretold here, so there is none. */
static int first_with_rest(const profile_t *profile, double rest) {
    int low = 0; /* all before it have more */
    for (int step = 64; step > 0; step /= 2) {
        int next = low + step;
        if (next <= HISTOGRAM_BINS && profile->above[next - 1] > rest) low = next;
    }
    return low;
}

double profile_place(const profile_t *profile, double q) {
    double total = profile->above[0], wanted = q * total;
    int end = first_with_rest(profile, total - wanted); /* the quantile lies in the bin before it */
    if (end == 0) return 0;
    double here = profile->above[end - 1] - profile->above[end], below = total - profile->above[end - 1];
    return end - 1 + (here > 0 ? fmin((wanted - below) / here, 1) : 1);
}

int profile_cut(const profile_t *profile, double q) {
    return first_with_rest(profile, (1 - q) * profile->above[0]);
}
