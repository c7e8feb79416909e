#include "analyzer/detector.h"
#include "tests/test.h"

#include <math.h>

enum { DAY = 96, MINUTES_15 = 900 };

static const double NOTABLE = 0.5;

/* Even noise in -1..1, the same for every run. */
static double noise(int i) {
    uint64_t seed = (uint64_t)i;
    return (double)(test_random(&seed) % 2001) / 1000 - 1;
}

/* A day of load: a hump at noon over noise, quarter of an hour by quarter of an hour. */
static double load(int i) {
    return 100 + 60 * fmax(0, sin((i % DAY) * 6.2832 / DAY - 1.5708)) + 3 * noise(i);
}

static int64_t moment(int i) {
    return (int64_t)i * MINUTES_15 * INT64_C(1000000000);
}

/* Feeds points `from` up to `to`; returns how many were notable and where the first of them was (-1: nowhere). */
typedef struct {
    int notable, first;
} seen_t;

static seen_t feed(detector_t *detector, int from, int to, double (*value)(int)) {
    seen_t seen = {0, -1};
    for (int i = from; i < to; i++) {
        double score = detector_add(detector, moment(i), value(i));
        CHECK(score >= 0 && score <= 1);
        if (score < NOTABLE) continue;
        if (seen.notable++ == 0) seen.first = i;
    }
    return seen;
}

static double spiked(int i) {
    return i >= 1200 && i < 1210 ? 400 : load(i);
}

TEST(a_spike_outside_everything_is_flagged_once) {
    detector_t *detector = detector_new(MINUTES_15);
    (void)feed(detector, 0, 1100, spiked);
    seen_t seen = feed(detector, 1100, 1700, spiked);
    CHECK_EQUAL(seen.notable, 1);
    CHECK_EQUAL(seen.first, 1200);
    detector_free(detector);
}

TEST(an_ordinary_season_is_hardly_ever_notable) {
    detector_t *detector = detector_new(0);
    (void)feed(detector, 0, 10 * DAY, load);
    CHECK(feed(detector, 10 * DAY, 100 * DAY, load).notable <= 3);
    detector_free(detector);
}

static double stepped(int i) {
    return load(i) + (i >= 2000 ? 90 : 0);
}

TEST(a_step_is_flagged_when_it_leaves_the_known_range) {
    detector_t *detector = detector_new(0);
    (void)feed(detector, 0, 2000, stepped);
    seen_t seen = feed(detector, 2000, 2000 + DAY, stepped);
    CHECK(seen.first >= 2000 && seen.first < 2000 + DAY);
    CHECK(seen.notable <= 3);
    detector_free(detector);
}

static double without_noon(int i) {
    return i / DAY == 20 ? 100 + 3 * noise(i) : load(i);
}

TEST(a_missing_peak_is_flagged_though_no_value_is_unusual) {
    detector_t *detector = detector_new(0);
    (void)feed(detector, 0, 20 * DAY, without_noon);
    CHECK(feed(detector, 20 * DAY, 21 * DAY, without_noon).notable > 0);
    detector_free(detector);
}

static double frozen(int i) {
    return i >= 3000 && i < 3100 ? load(2999) : load(i);
}

TEST(a_frozen_line_is_flagged) {
    detector_t *detector = detector_new(0);
    (void)feed(detector, 0, 3000, frozen);
    CHECK(feed(detector, 3000, 3100, frozen).notable > 0);
    detector_free(detector);
}

/* In pure noise no run resembles another, so a line that freezes amidst it is no new shape; it is only still. */
TEST(noise_that_has_gone_is_evidence) {
    detector_t *detector = detector_new(0);
    double most = 0;
    for (int i = 0; i < 3000; i++) (void)detector_add(detector, moment(i), noise(i));
    for (int i = 3000; i < 3100; i++) most = fmax(most, detector_add(detector, moment(i), 0));
    CHECK(most > 0.3);
    detector_free(detector);
}

static double twice_a_day(int i) {
    return i < 20 * DAY ? load(i) : load(i * 2);
}

TEST(a_season_of_another_length_is_flagged) {
    detector_t *detector = detector_new(0);
    (void)feed(detector, 0, 20 * DAY, twice_a_day);
    CHECK(feed(detector, 20 * DAY, 22 * DAY, twice_a_day).notable > 0);
    detector_free(detector);
}

static double perfect(int i) {
    return sin((i % DAY) * 6.2832 / DAY) + 1e-4 * noise(i);
}

TEST(rounding_of_a_perfect_wave_is_no_event) {
    detector_t *detector = detector_new(0);
    (void)feed(detector, 0, 10 * DAY, perfect);
    CHECK_EQUAL(feed(detector, 10 * DAY, 40 * DAY, perfect).notable, 0);
    detector_free(detector);
}

static double freakish(int i) {
    return i == 0 ? 1e300 : load(i);
}

TEST(a_freak_at_the_start_does_not_blind_it) {
    detector_t *detector = detector_new(0);
    (void)feed(detector, 0, 6500, freakish);
    CHECK(feed(detector, 6500, 8500, freakish).notable <= 2);
    CHECK(detector_add(detector, moment(8500), 400) >= NOTABLE);
    detector_free(detector);
}

static double counting(int i) {
    return 4e12 + spiked(i);
}

TEST(a_large_level_does_not_hide_small_changes) {
    detector_t *detector = detector_new(0);
    (void)feed(detector, 0, 1100, counting);
    CHECK_EQUAL(feed(detector, 1100, 1700, counting).first, 1200);
    detector_free(detector);
}

static double flat(int i) {
    (void)i;
    return 7;
}

TEST(a_flat_line_is_silent_until_it_moves) {
    detector_t *detector = detector_new(0);
    CHECK_EQUAL(feed(detector, 0, 5000, flat).notable, 0);
    CHECK(detector_add(detector, moment(5000), 7.5) >= NOTABLE);
    detector_free(detector);
}

TEST(a_gap_and_missing_readings_are_no_event) {
    detector_t *detector = detector_new(0);
    (void)feed(detector, 0, 20 * DAY, load);
    for (int i = 20 * DAY; i < 21 * DAY; i++) CHECK(detector_add(detector, moment(i), NAN) == 0);
    CHECK_EQUAL(feed(detector, 21 * DAY, 22 * DAY, load).notable, 0);
    CHECK_EQUAL(feed(detector, 29 * DAY, 30 * DAY, load).notable, 0);
    detector_free(detector);
}

TEST(points_from_the_past_change_nothing) {
    detector_t *one = detector_new(0), *other = detector_new(0);
    for (int i = 0; i < 1500; i++) {
        double score = detector_add(one, moment(i), spiked(i));
        CHECK(detector_add(other, moment(i), spiked(i)) == score);
        if (i % 7 == 3) CHECK(detector_add(other, moment(i - 3), 1e6) == 0);
    }
    detector_free(one);
    detector_free(other);
}

/* Past the first move of the history within its buffer, and past its end. */
TEST(a_score_never_depends_on_later_points) {
    enum { ALL = 6000 };
    static double scores[ALL];
    detector_t *whole = detector_new(0);
    for (int i = 0; i < ALL; i++) scores[i] = detector_add(whole, moment(i), stepped(i));
    detector_free(whole);
    static const int prefixes[] = {1, 99, 101, 600, 2001, 4500, ALL - 1};
    for (size_t p = 0; p < sizeof prefixes / sizeof prefixes[0]; p++) {
        detector_t *prefix = detector_new(0);
        for (int i = 0; i < prefixes[p]; i++) CHECK(detector_add(prefix, moment(i), stepped(i)) == scores[i]);
        CHECK(detector_add(prefix, moment(prefixes[p]), 1e9) >= 0); /* another future */
        detector_free(prefix);
    }
}

TEST(the_unit_of_the_values_does_not_matter) {
    detector_t *one = detector_new(0), *other = detector_new(0);
    for (int i = 0; i < 3000; i++) {
        double value = round(stepped(i) * 16) / 16, large = ldexp(value, 20);
        CHECK(detector_add(one, moment(i), value) == detector_add(other, moment(i), large));
    }
    detector_free(one);
    detector_free(other);
}

TEST(no_value_and_no_clock_breaks_it) {
    static const double values[] = {NAN, INFINITY, -INFINITY, 1e308, -1e308, 0, 5e-324, 1e37, -3};
    static const int64_t jumps[] = {0, 1, -50, 3600000000000, INT64_MAX / 4000, -1000000};
    uint64_t seed = 7;
    for (int run = 0; run < 4; run++) {
        detector_t *detector = detector_new(run == 0 ? 1e-9 : run == 1 ? 1e8 : 0);
        int64_t now = run == 3 ? INT64_MIN : 0;
        for (int i = 0; i < 5000; i++) {
            int64_t jump = jumps[test_random(&seed) % 6];
            if (jump < 0 || now < INT64_MAX - jump) now += now > INT64_MIN + 1000000 || jump > 0 ? jump : 0;
            double score = detector_add(detector, now, values[test_random(&seed) % 9]);
            CHECK(score >= 0 && score <= 1);
        }
        detector_free(detector);
    }
}

TEST_MAIN(TEST_CASE(a_spike_outside_everything_is_flagged_once), TEST_CASE(an_ordinary_season_is_hardly_ever_notable),
          TEST_CASE(a_step_is_flagged_when_it_leaves_the_known_range),
          TEST_CASE(a_missing_peak_is_flagged_though_no_value_is_unusual), TEST_CASE(a_frozen_line_is_flagged),
          TEST_CASE(noise_that_has_gone_is_evidence), TEST_CASE(a_season_of_another_length_is_flagged),
          TEST_CASE(rounding_of_a_perfect_wave_is_no_event), TEST_CASE(a_freak_at_the_start_does_not_blind_it),
          TEST_CASE(a_large_level_does_not_hide_small_changes), TEST_CASE(a_flat_line_is_silent_until_it_moves),
          TEST_CASE(a_gap_and_missing_readings_are_no_event), TEST_CASE(points_from_the_past_change_nothing),
          TEST_CASE(a_score_never_depends_on_later_points), TEST_CASE(the_unit_of_the_values_does_not_matter),
          TEST_CASE(no_value_and_no_clock_breaks_it))
