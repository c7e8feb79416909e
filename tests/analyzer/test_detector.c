#include "analyzer/detector.h"
#include "tests/test.h"

#include <math.h>

static double wave(int i) {
    return 100 + 30 * sin(i * 0.0654) + (double)(i * 7919 % 11) * 0.3;
}

TEST(a_spike_outside_everything_is_flagged_once) {
    detector_t *detector = detector_new(300);
    int flags = 0, at = 0;
    for (int i = 0; i < 1500; i++) {
        double score = detector_add(detector, (int64_t)i * 300000000000, i >= 1200 && i < 1210 ? 400 : wave(i));
        if (i >= 600 && score > 0.5) {
            flags++;
            at = i;
        }
    }
    CHECK_EQUAL(flags, 1);
    CHECK_EQUAL(at, 1200);
    detector_free(detector);
}

TEST(a_score_never_depends_on_later_points) {
    detector_t *whole = detector_new(0), *prefix = detector_new(0);
    double scores[900];
    for (int i = 0; i < 900; i++) scores[i] = detector_add(whole, i, wave(i) + (i > 700 ? 60 : 0));
    for (int i = 0; i < 800; i++) CHECK(detector_add(prefix, i, wave(i) + (i > 700 ? 60 : 0)) == scores[i]);
    detector_free(whole);
    detector_free(prefix);
}

TEST(no_value_breaks_it) {
    static const double values[] = {NAN, INFINITY, -INFINITY, 1e308, -1e308, 0, 5e-324};
    detector_t *detector = detector_new(0);
    uint64_t seed = 7;
    for (int i = 0; i < 5000; i++) {
        double score = detector_add(detector, i - (i % 97 == 0 ? 50 : 0), values[test_random(&seed) % 7]);
        CHECK(score >= 0 && score <= 1);
    }
    detector_free(detector);
}

TEST_MAIN(TEST_CASE(a_spike_outside_everything_is_flagged_once), TEST_CASE(a_score_never_depends_on_later_points),
          TEST_CASE(no_value_breaks_it))
