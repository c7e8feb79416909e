#include "analyzer/histogram.h"
#include "analyzer/stats.h"
#include "analyzer/tally.h"
#include "tests/test.h"

#include <math.h>

static bool near(double a, double b, double tolerance) {
    return fabs(a - b) <= tolerance;
}

TEST(the_tail_of_a_binomial_is_exact) {
    /* 5 of 10 at 0.1: p = 0.0016349374 */
    CHECK(near(stats_excess(5, 10, (share_t){0.1, 1e12}), -log10(0.0016349374), 1e-3));
    CHECK(stats_excess(1, 10, (share_t){0.1, 1e12}) == 0); /* not above the mean */
}

TEST(scatter_weakens_evidence) {
    double tight = stats_excess(30, 100, (share_t){0.1, 1e6}), loose = stats_excess(30, 100, (share_t){0.1, 10});
    CHECK(tight > 6 && loose < 2 && loose > 0);
}

/* Whole counts from just above the mean to three deviations above it. */
TEST(evidence_that_is_enough_is_exact_and_what_is_not_stays_below) {
    static const double least[] = {0.3, 0.7, 1.3, 3};
    long enough = 0;
    for (double n = 1; n < 1e6; n = ceil(n * 1.9))
        for (double mean = 1e-4; mean < 0.6; mean *= 1.7)
            for (double precision = 1; precision < 1e7; precision *= 2.3)
                for (double z = 0.05; z < 3; z += 0.25) {
                    share_t share = {mean, precision};
                    double variance = n * mean * (1 - mean) * (n + precision) / (1 + precision);
                    double k = floor(n * mean + z * sqrt(variance)), exact = stats_excess(k, n, share);
                    for (size_t i = 0; i < sizeof least / sizeof *least; i++) {
                        double told = stats_excess_over(k, n, share, least[i]);
                        enough += exact >= least[i];
                        CHECK(exact >= least[i] ? near(told, exact, 1e-9) : told < least[i]);
                    }
                    if (test_failures > 0) return;
                }
    CHECK(enough > 10000);
}

TEST(a_share_of_one_is_judged_from_below) {
    CHECK(stats_deficit(50, 100, (share_t){0.9, 1e6}) > 10);
    CHECK(stats_deficit(95, 100, (share_t){0.9, 1e6}) == 0);
}

TEST(extreme_counts_give_finite_evidence) {
    double counts[] = {0, 1, 1e3, 1e9};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++)
            CHECK(isfinite(
                stats_excess(counts[i] < counts[j] ? counts[i] : counts[j], counts[j], (share_t){1e-12, 1e15})));
}

TEST(a_wilson_interval_holds_its_share_and_stays_within_bounds) {
    double low, high;
    stats_wilson(0, 10, 1.96, &low, &high);
    CHECK(low == 0 && high > 0.2 && high < 0.4);
    stats_wilson(0, 0, 1.96, &low, &high);
    CHECK(low == 0 && high == 1);
}

TEST(histograms_of_sketches_keep_counts_and_quantiles_within_a_bin) {
    sketch_t sketch;
    sketch_init(&sketch);
    for (uint64_t ms = 1; ms <= 1000; ms++) sketch_add(&sketch, ms * 1000000, 1);
    histogram_t histogram = {{0}};
    histogram_add_sketch(&histogram, &sketch);
    CHECK(histogram_total(&histogram) == 1000);
    CHECK(near(log(histogram_quantile(&histogram, 0.5) / 0.5), 0, 0.1));
    int cut = histogram_cut(&histogram, 0.9);
    CHECK(histogram_above(&histogram, cut) <= 100 && histogram_above(&histogram, cut - 1) > 100);
    sketch_fini(&sketch);
}

/* Through the whole bins' sums, the parts of bins at either end, below and above the histogram, at every width. */
TEST(a_tally_has_a_sketchs_counts_bin_by_bin) {
    static const uint64_t most[] = {3, 2000, 50000};
    uint64_t seed = 20260402;
    static const uint64_t lows[] = {1000, 3900, 4096, 5000, 2000000, 40000000000};
    for (int round = 0; round < 600; round++) {
        sketch_t sketch;
        sketch_init(&sketch);
        uint64_t low = lows[round % 6], spread = 1 + (uint64_t)(round % 7) * (uint64_t)(round % 7) * 40;
        for (int i = 0; i < 1 + round % 300; i++)
            sketch_add(&sketch, low + low * (test_random(&seed) % (spread * 100)) / 100,
                       1 + test_random(&seed) % most[round % 3]);
        if (round % 10 == 0) sketch_downscale(&sketch, 5 - round % 8);
        if (round % 10 == 1) sketch_add(&sketch, 0, 7);
        histogram_t expected = {{0}};
        tally_t tally = {0};
        double seconds = 0;
        histogram_add_sketch(&expected, &sketch);
        tally_add_sketch(&tally, &sketch);
        for (int bin = 0; bin < HISTOGRAM_BINS; bin++) {
            CHECK((float)tally.count[bin] == expected.count[bin]);
            CHECK(tally.count[bin] == 0 || (bin >= tally.first && bin < tally.end));
            seconds += tally.count[bin] * histogram_middle(bin);
        }
        CHECK(tally.count[tally.first] > 0 && tally.count[tally.end - 1] > 0);
        CHECK(near(tally_seconds(&tally), seconds, 1e-9 * seconds));
        uint8_t packed[PACKED_BYTES_MAX + PACKED_SLACK] = {0};
        packing_t packing = tally_pack(&tally, packed);
        histogram_t back = {{0}};
        packed_add(packing, packed, &back);
        for (int bin = 0; bin < HISTOGRAM_BINS; bin++) {
            CHECK(back.count[bin] == expected.count[bin]);
            CHECK(near((double)packed_above(packing, packed, bin), histogram_above(&expected, bin), 1));
        }
        sketch_fini(&sketch);
        if (test_failures > 0) return;
    }
}

TEST(a_profile_answers_as_its_histogram_does) {
    uint64_t seed = 20260401;
    (void)printf("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 200; round++) {
        histogram_t histogram = {{0}};
        for (int i = 0; i < 1 + round % 9; i++)
            histogram.count[test_random(&seed) % HISTOGRAM_BINS] +=
                (float)(1 + test_random(&seed) % 1000) * 0.0173F; /* no ties with q */
        profile_t profile;
        profile_of(&histogram, &profile);
        for (int bin = 0; bin <= HISTOGRAM_BINS; bin += 7)
            CHECK(near(profile.above[bin], histogram_above(&histogram, bin), 1e-9));
        for (double q = 0.05; q < 1; q += 0.1) {
            double value = histogram_quantile(&histogram, q);
            CHECK(fabs(histogram_seconds(profile_place(&profile, q)) - value) <= 1e-6 * value);
            CHECK_EQUAL(profile_cut(&profile, q), histogram_cut(&histogram, q));
        }
    }
}

TEST_MAIN(TEST_CASE(a_tally_has_a_sketchs_counts_bin_by_bin), TEST_CASE(a_profile_answers_as_its_histogram_does),
          TEST_CASE(the_tail_of_a_binomial_is_exact), TEST_CASE(scatter_weakens_evidence),
          TEST_CASE(evidence_that_is_enough_is_exact_and_what_is_not_stays_below),
          TEST_CASE(a_share_of_one_is_judged_from_below), TEST_CASE(extreme_counts_give_finite_evidence),
          TEST_CASE(a_wilson_interval_holds_its_share_and_stays_within_bounds),
          TEST_CASE(histograms_of_sketches_keep_counts_and_quantiles_within_a_bin))
