/* The last minutes under other weights: what must hold whatever the data are. */
#include "analyzer/routing/dry_run.h"
#include "tests/test.h"

#include <math.h>

typedef struct {
    dry_point_t points[100];
    int count;
    dry_point_t total;
    bool any;
} replayed_t;

static void keep(void *context, const dry_point_t *point) {
    replayed_t *replayed = context;
    replayed->points[replayed->count++] = *point;
}

typedef struct {
    const char *target;
    uint64_t requests, failed;
    double ms;
} row_t;

static void fill(cell_t *cell, const row_t *row) {
    cell_init(cell);
    for (uint64_t i = 0; i < row->requests; i++)
        cell_request(cell, i < row->failed ? FAILURE_SERVER : FAILURE_NONE, (uint64_t)(row->ms * 1e6));
}

/* The same rows in each of `buckets` buckets of ten seconds. */
static dry_run_t *replay(const trial_t *trial, const row_t *rows, size_t count, int buckets, replayed_t *replayed) {
    dry_run_t *run = dry_run_new(trial, 10);
    *replayed = (replayed_t){.count = 0};
    for (int pass = 0; pass < 2; pass++)
        for (int b = 0; b < buckets; b++)
            for (size_t i = 0; i < count; i++) {
                cell_t cell;
                fill(&cell, &rows[i]);
                if (pass == 0)
                    dry_run_learn(run, rows[i].target, &cell);
                else
                    dry_run_add(run, b * BUCKET_NS + 1, rows[i].target, &cell, keep, replayed);
                cell_fini(&cell);
            }
    replayed->any = dry_run_end(run, keep, replayed, &replayed->total);
    return run;
}

static trial_t shift(uint32_t v1, uint32_t v2) {
    trial_t trial = {.action = {.kind = ACTION_SHIFT_VERSIONS}};
    (void)action_add_target(&trial.action, "v1", v1);
    (void)action_add_target(&trial.action, "v2", v2);
    return trial;
}

static const row_t mixed[] = {{"v1", 80, 1, 10}, {"v2", 20, 10, 100}};

TEST(under_the_weights_that_were_nothing_changes) {
    trial_t trial = shift(8000, 2000);
    replayed_t replayed;
    dry_run_t *run = replay(&trial, mixed, 2, 30, &replayed);
    CHECK(replayed.any && dry_run_missing(run) == NULL);
    CHECK_EQUAL(replayed.count, 30);
    CHECK(fabs(replayed.total.errors.value - replayed.total.errors_before) < 1e-9);
    CHECK(fabs(replayed.total.p99_s.value / replayed.total.p99_before_s - 1) < 0.05);
    CHECK(!replayed.total.beyond);
    dry_run_free(run);
}

TEST(all_to_one_version_is_what_that_version_did) {
    trial_t trial = shift(10000, 0);
    trial.load_count = 1;
    (void)snprintf(trial.loads[0].name, sizeof trial.loads[0].name, "v1");
    trial.loads[0].highest_rate = 12; /* it has borne more than the ten a second that it would get */
    replayed_t replayed;
    dry_run_t *run = replay(&trial, mixed, 2, 30, &replayed);
    CHECK(fabs(replayed.total.errors_before - 0.11) < 1e-9);
    CHECK(fabs(replayed.total.errors.value - 1.0 / 80) < 1e-9);
    CHECK(replayed.total.errors.low < 1.0 / 80 && replayed.total.errors.high > 1.0 / 80);
    CHECK(replayed.total.errors.high < 0.02);
    CHECK(replayed.total.p99_s.value < 0.02 && replayed.total.p99_before_s > 0.09);
    CHECK(!replayed.total.beyond);
    dry_run_free(run);
}

TEST(beyond_what_a_target_bore_the_interval_goes_up_and_the_value_does_not) {
    trial_t trial = shift(0, 10000); /* v2 had 2 requests/s and would get 10 */
    replayed_t replayed;
    dry_run_t *run = replay(&trial, mixed, 2, 30, &replayed);
    CHECK(replayed.total.beyond);
    CHECK(fabs(replayed.total.errors.value - 0.5) < 1e-9);
    CHECK(replayed.total.errors.high == 1); /* nobody knows of four fifths of them */
    CHECK(replayed.total.p99_s.high > 4 * replayed.total.p99_s.value);
    CHECK(dry_run_target(run, 1)->highest_rate == 2 && dry_run_target(run, 1)->highest_dealt == 10);
    dry_run_free(run);
}

TEST(an_instance_that_is_left_out_leaves_its_requests_to_the_others) {
    static const row_t rows[] = {{"a", 40, 0, 10}, {"b", 40, 30, 10}, {"c", 20, 0, 10}};
    trial_t trial = {.action = {.kind = ACTION_TIGHTEN_EJECTION}, .instance = "b"};
    replayed_t replayed;
    dry_run_t *run = replay(&trial, rows, 3, 10, &replayed);
    CHECK(replayed.total.errors.value == 0 && replayed.total.errors.low == 0 && replayed.total.errors.high > 0);
    CHECK(fabs(dry_run_target(run, 0)->dealt - 1000 * 2.0 / 3) < 1e-6);
    CHECK(dry_run_target(run, 1)->dealt == 0);
    dry_run_free(run);
}

TEST(a_zone_that_fails_over_gives_its_requests_to_the_one_named) {
    static const row_t rows[] = {{"a", 50, 25, 10}, {"b", 30, 0, 10}, {"c", 20, 0, 10}};
    trial_t trial = {.action = {.kind = ACTION_FAIL_OVER, .from_zone = "a", .to_zone = "c"}};
    replayed_t replayed;
    dry_run_t *run = replay(&trial, rows, 3, 10, &replayed);
    for (uint32_t i = 0; i < dry_run_target_count(run); i++) {
        const dry_target_t *target = dry_run_target(run, i);
        double expected = strcmp(target->name, "a") == 0 ? 0 : strcmp(target->name, "b") == 0 ? 300 : 700;
        CHECK(fabs(target->dealt - expected) < 1e-6);
    }
    dry_run_free(run);
}

TEST(a_receiver_without_requests_is_named_and_kinds_without_targets_say_why) {
    trial_t trial = shift(0, 10000);
    replayed_t replayed;
    dry_run_t *run = replay(&trial, mixed, 1, 5, &replayed);
    CHECK_TEXT(dry_run_missing(run), "v2");
    dry_run_free(run);
    for (uint8_t kind = 0; kind < ACTION_KINDS; kind++) {
        bool moves = kind == ACTION_SHIFT_VERSIONS || kind == ACTION_SHIFT_ZONES || kind == ACTION_DRAIN_INSTANCE ||
                     kind == ACTION_TIGHTEN_EJECTION || kind == ACTION_FAIL_OVER;
        CHECK((dry_run_cannot(kind) == NULL) == moves);
    }
}

TEST(no_bucket_gives_anything_that_is_no_number) {
    uint64_t seed = 11;
    (void)printf("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 300; i++) {
        row_t rows[2] = {{"v1", test_random(&seed) % 4, 0, 10}, {"v2", test_random(&seed) % 4, 0, 20}};
        for (int k = 0; k < 2; k++)
            rows[k].failed = rows[k].requests == 0 ? 0 : test_random(&seed) % (rows[k].requests + 1);
        uint32_t weight = (uint32_t)(test_random(&seed) % 10001);
        trial_t trial = shift(weight, 10000 - weight);
        replayed_t replayed;
        dry_run_t *run = replay(&trial, rows, 2, 3, &replayed);
        for (int p = 0; p < replayed.count; p++) {
            const range_t *errors = &replayed.points[p].errors;
            CHECK(errors->low >= 0 && errors->low <= errors->value + 1e-9 && errors->value <= errors->high + 1e-9 &&
                  errors->high <= 1);
        }
        dry_run_free(run);
    }
}

TEST_MAIN(TEST_CASE(under_the_weights_that_were_nothing_changes),
          TEST_CASE(all_to_one_version_is_what_that_version_did),
          TEST_CASE(beyond_what_a_target_bore_the_interval_goes_up_and_the_value_does_not),
          TEST_CASE(an_instance_that_is_left_out_leaves_its_requests_to_the_others),
          TEST_CASE(a_zone_that_fails_over_gives_its_requests_to_the_one_named),
          TEST_CASE(a_receiver_without_requests_is_named_and_kinds_without_targets_say_why),
          TEST_CASE(no_bucket_gives_anything_that_is_no_number))
