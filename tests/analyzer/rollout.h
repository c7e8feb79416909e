/* rollout: a canary rollout by chance, request by request, for tests of verdicts: two versions, each with an error
 * ratio and a latency, which scatter from bucket to bucket, for both at once and for each alone. */
#ifndef SEISMESH_TESTS_ANALYZER_ROLLOUT_H
#define SEISMESH_TESTS_ANALYZER_ROLLOUT_H

#include "analyzer/canary.h"
#include "tests/test.h"

#include <math.h>

/* Log2 of a latency in seconds = a hump's middle, and a normal spread; the slowest may be stretched. */
typedef struct {
    double median_s, sigma;           /* lognormal, sigma in natural logarithms */
    double slow_share, slow_median_s; /* a second hump */
    double worst_share, worst_factor; /* the slowest of these take so many times as long */
} latency_t;

typedef struct {
    double errors; /* mean ratio */
    latency_t latency;
    double requests; /* mean per 10 s */
} version_t;

typedef struct {
    version_t baseline, candidate;
    double error_scatter;   /* squared coefficient of variation of each version's error ratio, bucket by bucket */
    double common_scatter;  /* the same, hitting both at once */
    double latency_scatter; /* standard deviation of each version's log-latency, bucket by bucket */
    double common_latency;
} rollout_t;

enum { ROLLOUT_TABLE = 1 << 14 };

typedef struct {
    float log2_s[ROLLOUT_TABLE]; /* by rank: one of them, at random, is a request's latency */
} latency_table_t;

static inline double chance(uint64_t *seed) {
    return (double)(test_random(seed) >> 11) * 0x1p-53;
}

static inline double chance_normal(uint64_t *seed) {
    return sqrt(-2 * log(1 - chance(seed))) * cos(2 * 3.14159265358979 * chance(seed));
}

/* Marsaglia and Tsang 2000, with the usual boost for shapes below 1. */
static inline double chance_gamma(uint64_t *seed, double shape) {
    if (shape < 1) return chance_gamma(seed, shape + 1) * pow(1 - chance(seed), 1 / shape);
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = chance_normal(seed), v = 1 + c * x;
        if (v <= 0) continue;
        v = v * v * v;
        if (log(1 - chance(seed)) < 0.5 * x * x + d - d * v + d * log(v)) return d * v;
    }
}

static inline uint32_t chance_poisson(uint64_t *seed, double mean) {
    if (mean > 60) {
        double value = mean + sqrt(mean) * chance_normal(seed) + 0.5;
        return value < 0 ? 0 : (uint32_t)value;
    }
    double limit = exp(-mean), product = 1 - chance(seed);
    uint32_t count = 0;
    for (; product > limit; count++) product *= 1 - chance(seed);
    return count;
}

/* A factor with mean 1 and this squared coefficient of variation. */
static inline double chance_factor(uint64_t *seed, double scatter) {
    return scatter <= 0 ? 1 : chance_gamma(seed, 1 / scatter) * scatter;
}

static inline int rising_floats(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static inline void latency_table(const latency_t *latency, latency_table_t *table) {
    uint64_t seed = 11; /* the same for all, so that equal latencies have equal tables */
    for (int i = 0; i < ROLLOUT_TABLE; i++) {
        bool slow = (i + 0.5) / ROLLOUT_TABLE < latency->slow_share;
        table->log2_s[i] = (float)(log2(slow ? latency->slow_median_s : latency->median_s) +
                                   latency->sigma / log(2) * chance_normal(&seed));
    }
    qsort(table->log2_s, ROLLOUT_TABLE, sizeof table->log2_s[0], rising_floats);
    for (int i = (int)(ROLLOUT_TABLE * (1 - latency->worst_share)); i < ROLLOUT_TABLE; i++)
        table->log2_s[i] += (float)(latency->worst_factor > 0 ? log2(latency->worst_factor) : 0);
}

static inline void rollout_side(uint64_t *seed, const version_t *version, const latency_table_t *table, double errors,
                                double shift, canary_bucket_t *bucket) {
    *bucket = (canary_bucket_t){0};
    uint32_t requests = chance_poisson(seed, version->requests);
    bucket->requests = requests;
    for (uint32_t i = 0; i < requests; i++) {
        if (chance(seed) < errors) {
            bucket->errors++;
            continue;
        }
        double log2_s = table->log2_s[test_random(seed) % ROLLOUT_TABLE] + shift / log(2);
        int bin = (int)floor(4 * (log2_s + log2(1e9) - 12)); /* analyzer/histogram.h: quarter octaves from 2^12 ns */
        bucket->latency.count[bin < 0 ? 0 : bin >= HISTOGRAM_BINS ? HISTOGRAM_BINS - 1 : bin]++;
    }
}

/* One bucket of 10 s. */
static inline void rollout_bucket(const rollout_t *rollout, uint64_t *seed, const latency_table_t *baseline_table,
                                  const latency_table_t *candidate_table, canary_bucket_t *baseline,
                                  canary_bucket_t *candidate) {
    double common = chance_factor(seed, rollout->common_scatter);
    double shift = rollout->common_latency * chance_normal(seed);
    rollout_side(seed, &rollout->baseline, baseline_table,
                 rollout->baseline.errors * common * chance_factor(seed, rollout->error_scatter),
                 shift + rollout->latency_scatter * chance_normal(seed), baseline);
    rollout_side(seed, &rollout->candidate, candidate_table,
                 rollout->candidate.errors * common * chance_factor(seed, rollout->error_scatter),
                 shift + rollout->latency_scatter * chance_normal(seed), candidate);
}

#endif
