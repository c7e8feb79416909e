#include "collector/rollup/sketch.h"

#include "tests/test.h"

#include <math.h>

static uint64_t lognormal(uint64_t *seed) { /* around 12 ms, three decades wide */
    double sum = 0;
    for (int i = 0; i < 12; i++) sum += (double)(test_random(seed) >> 11) * 0x1p-53;
    return (uint64_t)(12e6 * exp(1.1 * (sum - 6)));
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool same_bytes(const sketch_t *a, const sketch_t *b) {
    buffer_t x = {0}, y = {0};
    sketch_encode(a, &x);
    sketch_encode(b, &y);
    bool same = slice_equal(buffer_slice(&x), buffer_slice(&y));
    buffer_fini(&x);
    buffer_fini(&y);
    return same;
}

/* Whether 2^(i/64) < v <= 2^((i+1)/64), decided without rounding: v^64 against 2^i in integers of 64 * 64 bits would
 * be exact but slow; long double log2 with a margin is exact enough to tell all but the tightest cases apart. */
TEST(every_value_lies_in_its_bucket) {
    uint64_t seed = 1;
    for (int i = 0; i < 200000; i++) {
        uint64_t value = (test_random(&seed) >> (test_random(&seed) % 64)) | 1;
        int32_t index = sketch_index(value, 6);
        long double exact = log2l((long double)value) * 64;
        CHECK((long double)index < exact + 1e-12L && exact <= (long double)(index + 1) + 1e-12L);
        if (test_failures > 0) return;
    }
}

TEST(a_power_of_two_lies_in_the_bucket_below_at_every_scale) {
    for (int scale = -10; scale <= 6; scale++)
        for (int power = 0; power < 64; power++) {
            int32_t expected = scale >= 0 ? power * (1 << scale) - 1 : (power - 1) >> -scale;
            if (scale < 0 && power == 0) expected = -1;
            CHECK_EQUAL(sketch_index(UINT64_C(1) << power, scale), expected);
        }
}

TEST(coarser_scales_nest_exactly) {
    uint64_t seed = 2;
    for (int i = 0; i < 100000; i++) {
        uint64_t value = (test_random(&seed) >> (test_random(&seed) % 64)) | 1;
        for (int scale = -10; scale < 6; scale++)
            CHECK_EQUAL(sketch_index(value, scale), sketch_index(value, scale + 1) >> 1);
        if (test_failures > 0) return;
    }
}

TEST(quantiles_are_within_the_declared_error_of_an_exact_sort) {
    enum { N = 20000 };
    static uint64_t values[N];
    uint64_t seed = 3;
    sketch_t sketch;
    sketch_init(&sketch);
    for (int i = 0; i < N; i++) sketch_add(&sketch, values[i] = lognormal(&seed), 1);
    qsort(values, N, sizeof values[0], by_value);
    for (double q = 0; q <= 1; q += 0.001) {
        double exact = (double)values[(size_t)(q * (N - 1))] * 1e-9;
        CHECK(fabs(sketch_quantile(&sketch, q) - exact) <= exact * sketch_error(&sketch) * 1.000001);
    }
    CHECK(sketch_error(&sketch) < 0.00542);
    sketch_fini(&sketch);
}

TEST(merging_in_any_order_and_grouping_equals_adding_all_values) {
    for (uint64_t round = 0; round < 50; round++) {
        uint64_t seed = 100 + round;
        sketch_t all, parts[4], left, right;
        sketch_init(&all);
        sketch_init(&left);
        sketch_init(&right);
        for (int p = 0; p < 4; p++) sketch_init(&parts[p]);
        for (int i = 0; i < 500; i++) {
            /* wide enough to force lower scales, zeros included */
            uint64_t value = round % 2
                                 ? test_random(&seed) >> (test_random(&seed) % 65 == 64 ? 63 : test_random(&seed) % 64)
                                 : lognormal(&seed);
            sketch_add(&all, value, 1 + (uint64_t)i % 3);
            sketch_add(&parts[test_random(&seed) % 4], value, 1 + (uint64_t)i % 3);
        }
        for (int p = 0; p < 4; p++) sketch_merge(&left, &parts[p]);
        sketch_merge(&right, &parts[3]);
        sketch_merge(&parts[1], &parts[2]);
        sketch_merge(&right, &parts[1]);
        sketch_merge(&right, &parts[0]);
        CHECK(same_bytes(&all, &left));
        CHECK(same_bytes(&all, &right));
        sketch_fini(&all);
        sketch_fini(&left);
        sketch_fini(&right);
        for (int p = 0; p < 4; p++) sketch_fini(&parts[p]);
    }
}

TEST(downscaling_keeps_every_observation) {
    uint64_t seed = 5;
    sketch_t sketch;
    sketch_init(&sketch);
    for (int i = 0; i < 1000; i++) sketch_add(&sketch, lognormal(&seed), 1);
    for (int scale = 5; scale >= -10; scale--) {
        sketch_downscale(&sketch, scale);
        uint64_t total = 0;
        for (uint32_t i = 0; i < sketch.buckets; i++) total += sketch_at(&sketch, i);
        CHECK_EQUAL(total, 1000);
        CHECK_EQUAL(sketch.scale, scale);
    }
    sketch_fini(&sketch);
}

/* Bucket by bucket against sums of 64 bits that stop at the end of 32. */
static bool has_counts(const sketch_t *sketch, const uint64_t *sums, int32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (uint32_t)(first + (int32_t)i - sketch->offset);
        uint64_t here = at < sketch->buckets ? sketch_at(sketch, at) : 0;
        if (here != (sums[i] < UINT32_MAX ? sums[i] : UINT32_MAX)) return false;
    }
    return true;
}

TEST(counts_grow_wider_and_merge_whatever_the_widths) {
    enum { SPAN = 96, ROUNDS = 400, WIDTHS = 3, LIMITS = 5 };
    static const uint64_t limits[LIMITS] = {10, 200, 1000, 50000,
                                            UINT32_MAX}; /* the second goes over a byte at times */
    int32_t first = sketch_index(1000000, SKETCH_SCALE_MAX);
    uint64_t seed = 7;
    bool merged[WIDTHS][WIDTHS] = {{false}};
    for (int round = 0; round < ROUNDS; round++) {
        sketch_t into, from, back;
        uint64_t sums[SPAN] = {0};
        sketch_init(&into);
        sketch_init(&from);
        sketch_init(&back);
        for (int side = 0; side < 2; side++) {
            sketch_t *sketch = side == 0 ? &into : &from;
            uint64_t limit = limits[test_random(&seed) % LIMITS];
            for (int i = 0; i < 60; i++) {
                uint64_t at = test_random(&seed) % SPAN, count = 1 + test_random(&seed) % limit;
                uint64_t value = sketch_bound_floor(first + (int32_t)at, SKETCH_SCALE_MAX) + 1;
                sums[at] += count;
                if (count > 1000)
                    sketch_add(sketch, value, count);
                else
                    while (count-- > 0) sketch_add_at(sketch, value, first + (int32_t)at);
            }
        }
        merged[into.width][from.width] = true;
        sketch_merge(&into, &from);
        CHECK(has_counts(&into, sums, first, SPAN));
        buffer_t out = {0};
        sketch_encode(&into, &out);
        bytes_t in = bytes_of(buffer_slice(&out));
        CHECK(sketch_decode(&back, &in) && bytes_done(&in) && has_counts(&back, sums, first, SPAN));
        CHECK(same_bytes(&into, &back));
        buffer_fini(&out);
        sketch_fini(&into);
        sketch_fini(&from);
        sketch_fini(&back);
        if (test_failures > 0) return;
    }
    for (int i = 0; i < WIDTHS * WIDTHS; i++) CHECK(merged[i / WIDTHS][i % WIDTHS]);
}

TEST(encoding_and_decoding_gives_the_same_sketch_and_malformed_bytes_none) {
    uint64_t seed = 6;
    sketch_t sketch, back;
    sketch_init(&sketch);
    sketch_init(&back);
    for (int i = 0; i < 300; i++) sketch_add(&sketch, i % 17 == 0 ? 0 : lognormal(&seed), 1);
    buffer_t out = {0};
    sketch_encode(&sketch, &out);
    bytes_t in = bytes_of(buffer_slice(&out));
    CHECK(sketch_decode(&back, &in) && bytes_done(&in));
    in = bytes_of(buffer_slice(&out)); /* once more, over what is there */
    CHECK(sketch_decode(&back, &in) && bytes_done(&in));
    CHECK(same_bytes(&sketch, &back));
    sketch_fini(&back);
    for (size_t len = 0; len < out.len; len++) {
        in = bytes_of(slice_of(out.data, len));
        CHECK(!sketch_decode(&back, &in) && back.count == 0 && back.counts == NULL);
    }
    buffer_fini(&out);
    sketch_fini(&sketch);
}

TEST(a_range_is_spread_in_whole_numbers_and_marked_coarse) {
    sketch_t sketch;
    sketch_init(&sketch);
    sketch_add_range(&sketch, 1000000, 5000000, 97, 0, 0.5);
    sketch_add_range(&sketch, 10000000000, UINT64_MAX, 3, 0, 0.5);
    CHECK_EQUAL(sketch.count, 100);
    CHECK(sketch.coarse);
    CHECK(sketch_quantile(&sketch, 0.5) > 0.0015 && sketch_quantile(&sketch, 0.5) < 0.0035);
    CHECK(sketch_quantile(&sketch, 0.99) > 9);
    uint64_t total = 0;
    for (uint32_t i = 0; i < sketch.buckets; i++) total += sketch_at(&sketch, i);
    CHECK_EQUAL(total, 100);
    sketch_fini(&sketch);
}

TEST(an_exponential_histogram_in_seconds_keeps_its_own_precision) {
    sketch_t sketch;
    sketch_init(&sketch);
    sketch_add_exponential(&sketch, 3, -8, 10, 1e9); /* (0.5 s, 0.545 s] */
    CHECK_EQUAL(sketch.scale, 3);
    CHECK(fabs(sketch_quantile(&sketch, 0.5) - 0.522) < 0.05);
    sketch_fini(&sketch);
}

TEST_MAIN(TEST_CASE(every_value_lies_in_its_bucket), TEST_CASE(a_power_of_two_lies_in_the_bucket_below_at_every_scale),
          TEST_CASE(coarser_scales_nest_exactly), TEST_CASE(quantiles_are_within_the_declared_error_of_an_exact_sort),
          TEST_CASE(merging_in_any_order_and_grouping_equals_adding_all_values),
          TEST_CASE(downscaling_keeps_every_observation), TEST_CASE(counts_grow_wider_and_merge_whatever_the_widths),
          TEST_CASE(encoding_and_decoding_gives_the_same_sketch_and_malformed_bytes_none),
          TEST_CASE(a_range_is_spread_in_whole_numbers_and_marked_coarse),
          TEST_CASE(an_exponential_histogram_in_seconds_keeps_its_own_precision))
