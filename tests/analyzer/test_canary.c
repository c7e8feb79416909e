/* Verdicts on canaries, by simulated rollouts: how often an identical version is failed, and how soon a bad one. */
#include "analyzer/excess.h"
#include "tests/analyzer/rollout.h"

#include <stdlib.h>

static const latency_t plain = {.median_s = 0.02, .sigma = 0.5};
static const latency_t two_humped = {.median_s = 0.002, .sigma = 0.4, .slow_share = 0.3, .slow_median_s = 0.08};
static latency_table_t baseline_table, candidate_table;

typedef struct {
    canary_result_t result;
    double requests; /* to the canary until it was failed, or the end */
} ending_t;

/* Runs a rollout, after so many `alone` buckets of the baseline, until the canary is failed or has had `limit`
 * requests. A failed one stays failed, and canary_add decides after every bucket: judging once at the end is what
 * watching every 10 s would have come to. */
static ending_t run_rollout(const rollout_t *rollout, int alone, uint64_t *seed, double limit) {
    ending_t ending = {.requests = 0};
    canary_t *canary = canary_new(&canary_defaults);
    for (int i = 0; i < alone; i++) {
        canary_bucket_t baseline, candidate;
        rollout_bucket(rollout, seed, &baseline_table, &candidate_table, &baseline, &candidate);
        candidate = (canary_bucket_t){0};
        canary_add(canary, &baseline, &candidate, 10);
    }
    for (int buckets = 0; buckets < 5000; buckets++) {
        canary_bucket_t baseline, candidate;
        rollout_bucket(rollout, seed, &baseline_table, &candidate_table, &baseline, &candidate);
        if (ending.requests + candidate.requests > limit) break;
        ending.requests += candidate.requests;
        canary_add(canary, &baseline, &candidate, 10);
    }
    canary_judge(canary, &ending.result);
    canary_free(canary);
    return ending;
}

/* How many of `runs` end with this verdict. */
static int count_after(const char *name, const rollout_t *rollout, int alone, int runs, double limit,
                       canary_verdict_t verdict) {
    uint64_t seed = 20;
    int count = 0;
    latency_table(&rollout->baseline.latency, &baseline_table);
    latency_table(&rollout->candidate.latency, &candidate_table);
    for (int i = 0; i < runs; i++) count += run_rollout(rollout, alone, &seed, limit).result.verdict == verdict;
    (void)printf("     %s: %d of %d %s\n", name, count, runs, canary_verdict_names[verdict]);
    return count;
}

static int count_verdicts(const char *name, const rollout_t *rollout, int runs, double limit,
                          canary_verdict_t verdict) {
    return count_after(name, rollout, 0, runs, limit, verdict);
}

/* --- fail --- */

TEST(evidence_of_two_alike_groups_seldom_ever_reaches_its_bound) {
    uint64_t seed = 5;
    int reached = 0;
    for (int run = 0; run < 600; run++) {
        excess_t excess;
        double most = 0;
        excess_init(&excess);
        for (int i = 0; i < 100; i++) {
            double common = chance_factor(&seed, 1); /* what hits both cancels out */
            excess_add(&excess, chance_poisson(&seed, 2 * common), 20, chance_poisson(&seed, 6 * common), 60);
            most = fmax(most, excess.evidence);
        }
        reached += most >= log(20);
    }
    CHECK(reached <= 30); /* 5 % */
}

TEST(evidence_of_a_difference_grows_without_end) {
    excess_t excess;
    excess_init(&excess);
    for (int i = 0; i < 20; i++) excess_add(&excess, 4, 20, 1, 20);
    double before = excess.evidence;
    CHECK(before > 5);
    for (int i = 0; i < 20; i++) excess_add(&excess, 4, 20, 1, 20);
    CHECK(excess.evidence > 1.5 * before);
    excess_init(&excess);
    for (int i = 0; i < 20; i++) excess_add(&excess, 1, 20, 4, 20);
    CHECK(excess.evidence < 0); /* fewer are no excess */
}

TEST(identical_versions_are_failed_in_at_most_one_percent_of_rollouts) {
    const struct {
        const char *name;
        rollout_t rollout;
    } cases[] = {
        {"plain", {{0.01, plain, 33}, {0.01, plain, 33}, 0, 0, 0, 0}},
        {"canary of 10 %", {{0.001, plain, 180}, {0.001, plain, 20}, 0, 0, 0, 0}},
        {"errors in clusters", {{0.01, plain, 33}, {0.01, plain, 33}, 3, 0, 0.05, 0}},
        {"errors in clusters, many", {{0.05, plain, 33}, {0.05, plain, 33}, 1, 0, 0.1, 0}},
        {"errors in clusters, canary of 10 %", {{0.05, plain, 180}, {0.05, plain, 20}, 1, 0, 0.1, 0}},
        {"bad minutes for both", {{0.01, plain, 100}, {0.01, plain, 100}, 0.3, 10, 0.02, 0.5}},
        {"two humps", {{0.01, two_humped, 33}, {0.01, two_humped, 33}, 0, 0, 0, 0}},
        {"two humps that scatter", {{0.01, two_humped, 100}, {0.01, two_humped, 50}, 0.3, 0, 0.1, 0.1}},
    };
    enum { RUNS = 100 };
    int failed = 0, runs = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++, runs += RUNS)
        failed += count_verdicts(cases[i].name, &cases[i].rollout, RUNS, 10000, CANARY_FAIL);
    CHECK(failed * 100 <= runs);
}

TEST(identical_versions_are_seldom_failed_when_much_is_known_of_the_baseline) {
    const struct {
        const char *name;
        rollout_t rollout;
    } cases[] = {
        {"plain", {{0.01, plain, 900}, {0.01, plain, 300}, 0, 0, 0, 0}},
        {"errors in clusters", {{0.05, plain, 900}, {0.05, plain, 300}, 1, 0, 0.1, 0}},
        {"errors in small clusters", {{0.05, plain, 600}, {0.05, plain, 600}, 0.1, 0, 0.05, 0.1}},
        {"bad minutes for both", {{0.01, plain, 600}, {0.01, plain, 600}, 0.3, 10, 0.02, 0.5}},
    };
    enum { RUNS = 50 };
    int failed = 0, runs = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++, runs += RUNS)
        failed += count_after(cases[i].name, &cases[i].rollout, 30, RUNS, 6000, CANARY_FAIL);
    CHECK(failed * 100 <= runs);
}

static latency_t with_sigma(latency_t latency, double sigma) {
    latency.sigma = sigma;
    return latency;
}

static latency_t with_factor(latency_t latency, double factor) {
    latency.median_s *= factor;
    latency.slow_median_s *= factor;
    return latency;
}

static latency_t with_worst(latency_t latency, double share, double factor) {
    latency.worst_share = share;
    latency.worst_factor = factor;
    return latency;
}

TEST(a_bad_canary_is_failed_with_at_most_2000_requests_to_it) {
    const double doubled_p99 = 0.5 + 0.6931 / 2.326; /* 2.326: the normal's 99 % */
    const struct {
        const char *name;
        double errors, more_errors;
        latency_t baseline, candidate;
    } cases[] = {
        {"5 points on 0.1 %", 0.001, 0.05, plain, plain},
        {"5 points on 1 %", 0.01, 0.05, plain, plain},
        {"5 points on 5 %", 0.05, 0.05, plain, plain},
        {"p99 doubled by a wider body", 0.01, 0, plain, with_sigma(plain, doubled_p99)},
        {"p99 doubled, the slowest tenth", 0.01, 0, plain, with_worst(plain, 0.1, 2)},
        {"median +50 %", 0.01, 0, plain, with_factor(plain, 1.5)},
        {"two humps, +50 %", 0.01, 0, two_humped, with_factor(two_humped, 1.5)},
    };
    /* Per bucket of the baseline and of the canary, and for how many the baseline had been seen before. */
    const double traffic[][3] = {{33, 33, 0}, {90, 10, 0}, {300, 33, 0}, {900, 300, 30}, {2700, 600, 30}};
    enum { RUNS = 20, TRAFFICS = sizeof traffic / sizeof traffic[0] };
    int failed = 0, runs = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int here = 0;
        for (size_t t = 0; t < TRAFFICS; t++) {
            rollout_t rollout = {{cases[i].errors, cases[i].baseline, traffic[t][0]},
                                 {cases[i].errors + cases[i].more_errors, cases[i].candidate, traffic[t][1]},
                                 0,
                                 0,
                                 0,
                                 0};
            here += count_after(cases[i].name, &rollout, (int)traffic[t][2], RUNS, 2000, CANARY_FAIL);
        }
        CHECK(here * 100 >= TRAFFICS * RUNS * 95);
        failed += here;
        runs += TRAFFICS * RUNS;
    }
    (void)printf("     in all: %d of %d\n", failed, runs);
}

TEST(errors_that_rise_for_both_while_the_canary_gets_more_traffic_fail_nobody) {
    uint64_t seed = 3;
    int failed = 0;
    double ratio = 0, other_ratio = 0;
    latency_table(&plain, &baseline_table);
    for (int run = 0; run < 40; run++) {
        canary_t *canary = canary_new(&canary_defaults);
        canary_result_t result;
        for (int i = 0; i < 60; i++) {
            double errors = 0.005 + 0.1 * i / 60,
                   part = 0.02 + 0.5 * i / 60; /* pooled, the canary looks twice as bad */
            rollout_t rollout = {{errors, plain, 100 * (1 - part)}, {errors, plain, 100 * part}, 0, 0, 0, 0};
            canary_bucket_t baseline, candidate;
            rollout_bucket(&rollout, &seed, &baseline_table, &baseline_table, &baseline, &candidate);
            canary_add(canary, &baseline, &candidate, 10);
        }
        canary_judge(canary, &result);
        ratio += result.candidate.error_ratio;
        other_ratio += result.baseline.error_ratio;
        failed += result.verdict == CANARY_FAIL;
        canary_free(canary);
    }
    CHECK_EQUAL(failed, 0);
    CHECK(ratio > 1.3 * other_ratio); /* it is a trap */
}

TEST(a_canary_that_turns_bad_late_is_failed_all_the_same_and_stays_failed) {
    uint64_t seed = 9;
    latency_table(&plain, &baseline_table);
    canary_t *canary = canary_new(&canary_defaults);
    canary_result_t result;
    for (int i = 0; i < 150 + 60 + 60; i++) { /* 5,000 good requests, 2,000 bad ones, good again */
        bool bad = i >= 150 && i < 210;
        rollout_t rollout = {{0.01, plain, 100}, {bad ? 0.06 : 0.01, plain, 33}, 0, 0, 0, 0};
        canary_bucket_t baseline, candidate;
        rollout_bucket(&rollout, &seed, &baseline_table, &baseline_table, &baseline, &candidate);
        canary_add(canary, &baseline, &candidate, 10);
        canary_judge(canary, &result);
        if (i == 149) CHECK_EQUAL(result.verdict, CANARY_PASS);
    }
    CHECK_EQUAL(result.verdict, CANARY_FAIL);
    CHECK_EQUAL(result.signal, CANARY_ERRORS);
    canary_free(canary);
}

/* --- pass --- */

TEST(a_version_like_the_baseline_passes_soon) {
    rollout_t rollout = {{0.01, plain, 100}, {0.01, plain, 33}, 0, 0, 0, 0};
    CHECK(count_verdicts("identical", &rollout, 20, 4000, CANARY_PASS) >= 19);
}

TEST(a_pass_is_within_what_is_tolerated) {
    /* Exactly at the limit: a pass is wrong, and there may be 5 %. */
    rollout_t errors = {{0.01, plain, 100}, {0.06, plain, 33}, 0, 0, 0, 0};
    rollout_t tail = {{0.01, plain, 100}, {0.01, with_worst(plain, 0.02, 2), 33}, 0, 0, 0, 0};
    rollout_t body = {{0.01, plain, 100}, {0.01, with_factor(plain, 2), 33}, 0, 0, 0, 0};
    CHECK(count_verdicts("5 points more", &errors, 40, 300, CANARY_PASS) <= 2);
    CHECK(count_verdicts("p99 twice as long", &tail, 40, 1000, CANARY_PASS) <= 2);
    CHECK(count_verdicts("all twice as long", &body, 40, 300, CANARY_PASS) <= 2);
}

TEST(a_canary_that_is_better_passes) {
    rollout_t rollout = {{0.08, with_factor(plain, 2), 60}, {0.01, plain, 60}, 0, 0, 0, 0};
    CHECK_EQUAL(count_verdicts("swapped", &rollout, 10, 6000, CANARY_PASS), 10);
}

TEST(client_errors_decide_nothing_and_are_said) {
    uint64_t seed = 4;
    latency_table(&plain, &baseline_table);
    canary_t *canary = canary_new(&canary_defaults);
    canary_result_t result;
    rollout_t rollout = {{0.01, plain, 60}, {0.01, plain, 60}, 0, 0, 0, 0};
    for (int i = 0; i < 60; i++) {
        canary_bucket_t baseline, candidate;
        rollout_bucket(&rollout, &seed, &baseline_table, &baseline_table, &baseline, &candidate);
        candidate.client_errors = candidate.requests / 2;
        canary_add(canary, &baseline, &candidate, 10);
    }
    canary_judge(canary, &result);
    buffer_t text = {0};
    canary_sentence(&result, &canary_defaults, "shop/cart", "v1", "v2", &text);
    CHECK_EQUAL(result.verdict, CANARY_PASS);
    CHECK(strstr((const char *)text.data, "v2 of shop/cart passes: ") == (const char *)text.data);
    CHECK(strstr((const char *)text.data, "(4xx), which do not count, are 50 % of its requests against 0 %.") != NULL);
    buffer_fini(&text);
    canary_free(canary);
}

/* --- not enough data --- */

static bool sane(const canary_result_t *result) {
    buffer_t text = {0};
    canary_sentence(result, &canary_defaults, "s", "v1", "v2", &text);
    bool good = strstr((const char *)text.data, "nan") == NULL && strstr((const char *)text.data, "inf") == NULL;
    for (int i = 0; i < CANARY_SIGNALS; i++) good = good && isfinite(result->evidence[i]);
    if (!good) (void)fprintf(stderr, "%s\n", (const char *)text.data);
    buffer_fini(&text);
    return good && isfinite(result->seconds) && !isinf(result->difference) && !isinf(result->more_requests);
}

TEST(three_requests_a_minute_are_not_enough_data_and_never_nan) {
    uint64_t seed = 1;
    latency_table(&plain, &baseline_table);
    for (int run = 0; run < 10; run++) {
        canary_t *canary = canary_new(&canary_defaults);
        canary_result_t result;
        rollout_t rollout = {{0.01, plain, run < 5 ? 0.5 : 20}, {0.01, plain, 0.5}, 0, 0, 0, 0};
        for (int i = 0; i < 180; i++) { /* half an hour */
            canary_bucket_t baseline, candidate;
            rollout_bucket(&rollout, &seed, &baseline_table, &baseline_table, &baseline, &candidate);
            canary_add(canary, &baseline, &candidate, 10);
            canary_judge(canary, &result);
            CHECK(result.verdict == CANARY_NOT_ENOUGH_DATA && sane(&result));
        }
        CHECK(result.candidate.requests > 40);
        CHECK(result.more_requests > 10 && result.more_requests < 5000);
        CHECK(result.more_seconds > 60 && result.more_seconds < 86400);
        canary_free(canary);
    }
}

TEST(the_forecast_is_about_right) {
    uint64_t seed = 6;
    double sum = 0, forecast = 0;
    latency_table(&plain, &baseline_table);
    for (int run = 0; run < 10; run++) {
        canary_t *canary = canary_new(&canary_defaults);
        canary_result_t result = {.verdict = CANARY_NOT_ENOUGH_DATA};
        rollout_t rollout = {{0.01, plain, 100}, {0.01, plain, 20}, 0, 0, 0, 0};
        for (int i = 0; i < 400 && result.verdict == CANARY_NOT_ENOUGH_DATA; i++) {
            canary_bucket_t baseline, candidate;
            rollout_bucket(&rollout, &seed, &baseline_table, &baseline_table, &baseline, &candidate);
            canary_add(canary, &baseline, &candidate, 10);
            canary_judge(canary, &result);
            if (i == 9) forecast += result.candidate.requests + result.more_requests;
        }
        CHECK_EQUAL(result.verdict, CANARY_PASS);
        sum += result.candidate.requests;
        canary_free(canary);
    }
    CHECK(forecast > sum / 3 && forecast < sum * 3);
}

TEST(one_version_alone_or_none_is_not_enough_data) {
    const canary_bucket_t none = {0};
    canary_bucket_t some = {.requests = 50, .errors = 1};
    some.latency.count[40] = 49;
    const canary_bucket_t *pairs[][2] = {{&none, &none}, {&some, &none}, {&none, &some}};
    static const char *const words[] = {"it has had no requests", "it has had no requests",
                                        "v1, to compare it with, has had no requests"};
    for (size_t p = 0; p < 3; p++) {
        canary_t *canary = canary_new(&canary_defaults);
        canary_result_t result;
        for (int i = 0; i < 20; i++) {
            canary_judge(canary, &result);
            CHECK(result.verdict == CANARY_NOT_ENOUGH_DATA && sane(&result));
            canary_add(canary, pairs[p][0], pairs[p][1], 10);
        }
        canary_judge(canary, &result);
        CHECK(sane(&result));
        CHECK(result.more_requests > 100 && result.more_requests < 5000);
        buffer_t text = {0};
        canary_sentence(&result, &canary_defaults, "s", "v1", "v2", &text);
        CHECK(strstr((const char *)text.data, words[p]) != NULL);
        buffer_fini(&text);
        canary_free(canary);
    }
}

TEST(traffic_that_seldom_meets_in_ten_seconds_is_compared_within_a_minute) {
    canary_bucket_t none = {0}, one = {.requests = 1};
    one.latency.count[40] = 1;
    canary_t *canary = canary_new(&canary_defaults);
    canary_result_t result;
    for (int i = 0; i < 60; i++) canary_add(canary, i % 4 == 0 ? &one : &none, i % 4 == 2 ? &one : &none, 10);
    canary_judge(canary, &result);
    CHECK(result.candidate.requests == 15 && result.baseline.requests == 15);
    canary_free(canary);
    canary = canary_new(&canary_defaults);
    for (int i = 0; i < 60; i++) canary_add(canary, i < 20 ? &one : &none, i >= 40 ? &one : &none, 10);
    canary_judge(canary, &result);
    CHECK(result.buckets == 0 && result.candidate.seen == 20); /* never in the same minutes */
    canary_free(canary);
}

/* --- bad input --- */

TEST(extreme_counts_give_finite_numbers) {
    const double counts[] = {1, 7, 1e4, 1e9, 1e15};
    for (size_t a = 0; a < 5; a++)
        for (size_t b = 0; b < 5; b++)
            for (int failing = 0; failing < 4; failing++) {
                canary_t *canary = canary_new(&canary_defaults);
                canary_result_t result;
                canary_bucket_t baseline = {.requests = counts[a], .errors = failing & 1 ? counts[a] : 0};
                canary_bucket_t candidate = {.requests = counts[b], .errors = failing & 2 ? counts[b] : 0};
                baseline.latency.count[0] = failing & 1 ? 0 : (float)counts[a];
                candidate.latency.count[HISTOGRAM_BINS - 1] = failing & 2 ? 0 : (float)counts[b];
                for (int i = 0; i < 12; i++) canary_add(canary, &baseline, &candidate, 10);
                canary_judge(canary, &result);
                CHECK(sane(&result));
                canary_free(canary);
            }
}

TEST(settings_out_of_range_are_named) {
    const struct {
        canary_settings_t settings;
        const char *which;
    } cases[] = {{{NAN, 0.95, 0.05, 2}, "alpha"},         {{0, 0.95, 0.05, 2}, "alpha"},
                 {{0.01, 1, 0.05, 2}, "confidence"},      {{0.01, 0.95, 0, 2}, "error_points"},
                 {{0.01, 0.95, 1.01, 2}, "error_points"}, {{0.01, 0.95, 0.05, 1}, "latency_factor"}};
    const char *which;
    CHECK(canary_settings_wrong(&canary_defaults, &which) == NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *wrong = canary_settings_wrong(&cases[i].settings, &which);
        CHECK(wrong != NULL && strstr(wrong, cases[i].which) != NULL);
        CHECK_TEXT(which, cases[i].which);
    }
}

TEST_MAIN(TEST_CASE(evidence_of_two_alike_groups_seldom_ever_reaches_its_bound),
          TEST_CASE(evidence_of_a_difference_grows_without_end),
          TEST_CASE(identical_versions_are_failed_in_at_most_one_percent_of_rollouts),
          TEST_CASE(identical_versions_are_seldom_failed_when_much_is_known_of_the_baseline),
          TEST_CASE(a_bad_canary_is_failed_with_at_most_2000_requests_to_it),
          TEST_CASE(errors_that_rise_for_both_while_the_canary_gets_more_traffic_fail_nobody),
          TEST_CASE(a_canary_that_turns_bad_late_is_failed_all_the_same_and_stays_failed),
          TEST_CASE(a_version_like_the_baseline_passes_soon), TEST_CASE(a_pass_is_within_what_is_tolerated),
          TEST_CASE(a_canary_that_is_better_passes), TEST_CASE(client_errors_decide_nothing_and_are_said),
          TEST_CASE(three_requests_a_minute_are_not_enough_data_and_never_nan), TEST_CASE(the_forecast_is_about_right),
          TEST_CASE(one_version_alone_or_none_is_not_enough_data),
          TEST_CASE(traffic_that_seldom_meets_in_ten_seconds_is_compared_within_a_minute),
          TEST_CASE(extreme_counts_give_finite_numbers), TEST_CASE(settings_out_of_range_are_named))
