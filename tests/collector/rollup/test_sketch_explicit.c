#include "collector/rollup/sketch_explicit.h"

#include "tests/test.h"

#include <math.h>

/* Istio's buckets, in milliseconds. */
static const double bounds[] = {0.5,  1,    5,     10,    25,    50,     100,    250,     500,    1000,
                                2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000};
enum { BOUNDS = sizeof bounds / sizeof *bounds, POINTS = 2000 };

static double uniform(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(*seed >> 11) + 0.5) * 0x1p-53;
}

static double lognormal_ms(uint64_t *seed, double median_ms, double sigma) {
    double radius = sqrt(-2 * log(uniform(seed))), angle = 6.283185307179586 * uniform(seed);
    return median_ms * exp(sigma * radius * cos(angle));
}

/* The 99th percentile, in ms, of so many points of `each` requests. The exact one is median * exp(2.3263 * sigma). */
static double p99_ms(double median_ms, double sigma, int each) {
    uint64_t seed = 7;
    sketch_t sketch;
    sketch_init(&sketch);
    uint64_t since[BOUNDS + 1] = {0};
    for (int p = 0; p < POINTS; p++) {
        uint64_t counts[BOUNDS + 1] = {0};
        for (int i = 0; i < each; i++) {
            double ms = lognormal_ms(&seed, median_ms, sigma);
            uint32_t at = 0;
            while (at < BOUNDS && ms > bounds[at]) at++;
            counts[at]++;
            since[at]++;
        }
        explicit_histogram_t histogram = {.bounds = bounds,
                                          .bound_count = BOUNDS,
                                          .counts = counts,
                                          .shape = since,
                                          .bucket_count = BOUNDS + 1,
                                          .unit_ns = 1e6,
                                          .chance = (uint64_t)p * UINT64_C(0x9E3779B97F4A7C15)};
        sketch_add_explicit(&sketch, &histogram);
    }
    CHECK_EQUAL(sketch.count, (uint64_t)POINTS * (uint64_t)each);
    double found = sketch_quantile(&sketch, 0.99) * 1e3;
    sketch_fini(&sketch);
    return found;
}

TEST(a_tail_is_found_where_it_is_in_buckets_that_are_far_wider) {
    static const double medians[] = {3, 8, 20, 45, 130};
    static const double sigmas[] = {0.5, 0.65, 0.8};
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 3; j++) {
            double exact = medians[i] * exp(2.3263 * sigmas[j]);
            CHECK(fabs(log(p99_ms(medians[i], sigmas[j], 200) / exact)) < 0.15);
            CHECK(fabs(log(p99_ms(medians[i], sigmas[j], 5) / exact)) < 0.30); /* little traffic: shapes are unknown */
        }
}

static void add(sketch_t *sketch, const double *some, uint32_t bound_count, const uint64_t *counts) {
    sketch_add_explicit(sketch, &(explicit_histogram_t){.bounds = some,
                                                        .bound_count = bound_count,
                                                        .counts = counts,
                                                        .shape = counts,
                                                        .bucket_count = bound_count + 1,
                                                        .unit_ns = 1e6});
}

TEST(buckets_without_bounds_and_without_ends_count_all_the_same) {
    sketch_t sketch;
    sketch_init(&sketch);
    add(&sketch, NULL, 0, (uint64_t[]){4});
    CHECK_EQUAL(sketch.count, 4);
    add(&sketch, (double[]){10}, 1, (uint64_t[]){3, 2});
    CHECK_EQUAL(sketch.count, 9);
    add(&sketch, (double[]){0, 10, INFINITY}, 3, (uint64_t[]){1, 1, 1, 1});
    CHECK_EQUAL(sketch.count, 13);
    add(&sketch, (double[]){-5, 0, 1e300}, 3, (uint64_t[]){1, 0, UINT64_C(1) << 40, 1});
    CHECK_EQUAL(sketch.count, 13 + 2 + (UINT64_C(1) << 40));
    uint64_t total = sketch.zeros;
    for (uint32_t i = 0; i < sketch.buckets; i++) total += sketch_at(&sketch, i);
    CHECK(total > 13); /* a count beyond 32 bits stays at its end */
    sketch_fini(&sketch);
}

TEST(the_same_point_gives_the_same_sketch_and_remainders_fall_everywhere) {
    uint64_t one[] = {0, 1, 0};
    double two[] = {100, 250};
    sketch_t sketch;
    sketch_init(&sketch);
    for (uint64_t i = 0; i < 1000; i++)
        sketch_add_explicit(&sketch, &(explicit_histogram_t){.bounds = two,
                                                             .bound_count = 2,
                                                             .counts = one,
                                                             .shape = one,
                                                             .bucket_count = 3,
                                                             .unit_ns = 1e6,
                                                             .chance = i * UINT64_C(0x9E3779B97F4A7C15)});
    CHECK_EQUAL(sketch.buckets, 11);
    for (uint32_t i = 0; i < sketch.buckets; i++) CHECK(sketch_at(&sketch, i) >= 80 && sketch_at(&sketch, i) <= 102);
    sketch_fini(&sketch);
}

TEST_MAIN(TEST_CASE(a_tail_is_found_where_it_is_in_buckets_that_are_far_wider),
          TEST_CASE(buckets_without_bounds_and_without_ends_count_all_the_same),
          TEST_CASE(the_same_point_gives_the_same_sketch_and_remainders_fall_everywhere))
