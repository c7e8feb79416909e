/* The parts of the one-series detector, each against the plain way of computing the same. */
#include "analyzer/series/context.h"
#include "analyzer/series/extremes.h"
#include "analyzer/series/spacing.h"
#include "tests/test.h"

#include <math.h>

static double uniform(uint64_t *seed) {
    return (double)(test_random(seed) >> 11) / 9007199254740992.0;
}

/* ---- extremes ---- */

static double beyond(double value, const double *seen, int from, int to, double unit) {
    double low = INFINITY, high = -INFINITY;
    for (int i = from < 0 ? 0 : from; i < to; i++) {
        low = fmin(low, seen[i]);
        high = fmax(high, seen[i]);
    }
    double margin = fmax(value - high, low - value);
    return margin > 0 ? margin / (margin + 0.02 * (unit > 0 ? unit : high - low)) : 0;
}

TEST(extremes_are_those_of_each_memory) {
    enum { ALL = 9000 };
    static double seen[ALL];
    static const int blocks[] = {8, 15, 30, 60, 120};
    static const extremes_rule_t rule = {.downwards = true, .learn = 100};
    static extremes_t extremes;
    extremes_init(&extremes);
    uint64_t seed = 11;
    for (int i = 0; i < ALL; i++) {
        seen[i] = uniform(&seed) * 10 + (i % 1000 == 999 ? 5 * uniform(&seed) : 0);
        double found = extremes_add(&extremes, &rule, seen[i]), expected = 0;
        if (i >= 100) {
            for (int m = 0; m < 5; m++) expected += beyond(seen[i], seen, (i / 50 - blocks[m]) * 50, i, 0) / 6;
            expected += beyond(seen[i], seen, 0, i, 0) / 6;
        }
        CHECK(fabs(found - expected) < 1e-9);
    }
}

TEST(evidence_grows_with_the_margin_and_with_the_time_that_a_record_stood) {
    static const extremes_rule_t rule = {.long_unit = true, .learn = 100};
    double before = 0;
    for (int length = 500; length <= 8000; length *= 2) {
        extremes_t extremes;
        extremes_init(&extremes);
        (void)extremes_add(&extremes, &rule, 2); /* stood since the beginning */
        for (int i = 1; i < length; i++) (void)extremes_add(&extremes, &rule, i % 10 / 9.0);
        extremes_t copy = extremes;
        double small = extremes_add(&extremes, &rule, 1.5), large = extremes_add(&copy, &rule, 2.5);
        CHECK(small >= before && large > small && large <= 1);
        before = small;
    }
    CHECK(before > 0.5);
}

TEST(one_sided_extremes_ignore_the_other_side) {
    static const extremes_rule_t rule = {.learn = 10};
    extremes_t extremes;
    extremes_init(&extremes);
    for (int i = 0; i < 50; i++) (void)extremes_add(&extremes, &rule, i % 5);
    CHECK(extremes_add(&extremes, &rule, -100) == 0);
    CHECK(extremes_add(&extremes, &rule, NAN) == 0);
    CHECK(extremes_add(&extremes, &rule, 1000) > 0.9);
}

/* ---- context ---- */

static double plain_distance(const int16_t *newest, size_t length, size_t lag) {
    int sum = 0;
    for (size_t k = 0; k < length; k++) sum += abs(newest[k] - newest[k + lag]);
    return sum / 32.0 / (double)length;
}

static double plain_novelty(const context_t *context, size_t length) {
    double found = INFINITY;
    for (size_t lag = length; lag <= CONTEXT_HISTORY && lag + length <= context->count; lag++)
        found = fmin(found, plain_distance(context->scaled + context->start, length, lag));
    return found;
}

static double plain_season(const context_t *context, size_t length, size_t day) {
    double found = INFINITY;
    for (size_t lag = day - 3; lag <= CONTEXT_HISTORY && lag + length <= context->count; lag++)
        if ((lag + 3) % day <= 6) found = fmin(found, plain_distance(context->scaled + context->start, length, lag));
    return found;
}

TEST(distances_that_move_on_equal_distances_computed_anew) {
    static const size_t lengths[] = {20, 64};
    enum { PERIOD = 100 };
    static context_t context;
    context_init(&context);
    uint64_t seed = 5;
    for (int i = 0; i < 9000; i++) {
        context_add(&context, (sin(i * 6.2832 / PERIOD) * 10 + uniform(&seed) + (i % 700 == 0 ? 1e6 : 0)));
        if (i % 97 != 0) continue;
        for (size_t which = 0; which < 2; which++) {
            double novelty = context_novelty(&context, which);
            double season = context_novelty_in_season(&context, which, PERIOD);
            if (context.count < 2 * lengths[which] + 2)
                CHECK(isnan(novelty));
            else
                CHECK(fabs(novelty - plain_novelty(&context, lengths[which])) < 1e-9);
            if (context.count < 2 * PERIOD + lengths[which])
                CHECK(isnan(season));
            else
                CHECK(fabs(season - plain_season(&context, lengths[which], PERIOD)) < 1e-9);
        }
    }
}

TEST(the_history_is_kept_newest_first) {
    static context_t context;
    context_init(&context);
    for (int i = 0; i < 10000; i++) context_add(&context, i);
    size_t count;
    const double *values = context_values(&context, &count);
    CHECK_EQUAL(count, CONTEXT_HISTORY + CONTEXT_LONGEST + 1);
    for (size_t i = 0; i < count; i++) CHECK((size_t)values[i] == 9999 - i);
}

TEST(a_repeated_run_is_not_new_and_a_flat_one_neither) {
    static context_t context;
    context_init(&context);
    for (int i = 0; i < 600; i++) context_add(&context, i % 50);
    CHECK(context_novelty(&context, 0) == 0);
    CHECK(context_novelty(&context, 1) == 0);
    context_add(&context, 500);
    CHECK(context_novelty(&context, 0) > 0);
    context_init(&context);
    for (int i = 0; i < 600; i++) context_add(&context, 3);
    CHECK(context_novelty(&context, 0) == 0);
}

TEST(there_is_no_season_without_two_days_of_it) {
    static context_t context;
    context_init(&context);
    for (int i = 0; i < 5000; i++) context_add(&context, i % 50);
    CHECK(isnan(context_novelty_in_season(&context, 0, 0)));
    CHECK(isnan(context_novelty_in_season(&context, 0, 6)));
    CHECK(isnan(context_novelty_in_season(&context, 0, CONTEXT_HISTORY / 2 + 1)));
    CHECK(isnan(context_novelty_in_season(&context, 0, UINT64_MAX)));
    CHECK(context_novelty_in_season(&context, 0, CONTEXT_HISTORY / 2) == 0);
}

/* ---- spacing ---- */

TEST(spacing_is_the_median_and_follows_a_change) {
    spacing_t spacing;
    spacing_init(&spacing, 0);
    int64_t now = -1000;
    for (int i = 0; i < 200; i++) {
        if (i < 16) CHECK_EQUAL(spacing_day(&spacing), 0);
        spacing_add(&spacing, now);
        now += i % 5 == 0 ? INT64_C(7200000000000) : i % 5 == 1 ? 0 : INT64_C(300000000000);
    }
    CHECK_EQUAL(spacing_day(&spacing), 288);
    for (int i = 0; i < 200; i++) spacing_add(&spacing, now += INT64_C(3600000000000));
    CHECK_EQUAL(spacing_day(&spacing), 24);
}

TEST(a_spacing_that_makes_no_day_is_none) {
    spacing_t spacing;
    spacing_init(&spacing, INT64_C(60000000000));
    CHECK_EQUAL(spacing_day(&spacing), 1440);
    spacing_init(&spacing, INT64_C(86400000000001));
    CHECK_EQUAL(spacing_day(&spacing), 0);
    spacing_init(&spacing, 0);
    for (int i = 0; i < 100; i++) spacing_add(&spacing, 5);
    CHECK_EQUAL(spacing_day(&spacing), 0);
    spacing_init(&spacing, 0);
    spacing_add(&spacing, INT64_MIN);
    for (int i = 0; i < 100; i++) spacing_add(&spacing, INT64_MAX);
    CHECK_EQUAL(spacing_day(&spacing), 0);
}

TEST_MAIN(TEST_CASE(extremes_are_those_of_each_memory),
          TEST_CASE(evidence_grows_with_the_margin_and_with_the_time_that_a_record_stood),
          TEST_CASE(one_sided_extremes_ignore_the_other_side),
          TEST_CASE(distances_that_move_on_equal_distances_computed_anew), TEST_CASE(the_history_is_kept_newest_first),
          TEST_CASE(a_repeated_run_is_not_new_and_a_flat_one_neither),
          TEST_CASE(there_is_no_season_without_two_days_of_it), TEST_CASE(spacing_is_the_median_and_follows_a_change),
          TEST_CASE(a_spacing_that_makes_no_day_is_none))
