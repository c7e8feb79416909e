/* What comes every night is usual for its hour, and for no other. */
#include "analyzer/season.h"
#include "tests/analyzer/mesh.h"

#include <math.h>

enum { HOUR = 360, DAY_BUCKETS = 24 * HOUR };

static void block(season_t *season, int64_t at, double rate, double errors, double mean_s) {
    season_sums_t sums = {.requests = (float)(rate * 300),
                          .errors = (float)(errors * rate * 300),
                          .count = {(float)(rate * 300)},
                          .seconds = {(float)(mean_s * rate * 300)}};
    season_add(season, at, &sums);
}

/* Five minutes of the hour are so, the others as usual. */
static void hour(season_t *season, int64_t at, double rate, double errors, double mean_s) {
    for (int i = 0; i < SEASON_BLOCKS; i++)
        block(season, at * SEASON_BLOCKS + i, i == 3 ? rate : 10, i == 3 ? errors : 0, i == 3 ? mean_s : 0.01);
}

static void near(double value, double wanted, double part) {
    CHECK(fabs(value - wanted) <= part * wanted);
}

TEST(what_both_of_two_days_showed_lasts) {
    season_t season;
    season_init(&season);
    CHECK(isnan(season_lasting(&season, 5, SEASON_MEAN)));
    for (int64_t at = 0; at < 72; at++) {
        bool night = at % 24 == 2, once = at == 30;
        hour(&season, at, night ? 30 : 10, once ? 0.5 : night ? 0.05 : 0.001, night ? 0.8 : 0.1);
    }
    near(season_lasting(&season, 74, SEASON_MEAN), 0.8, 0.1);
    near(season_lasting(&season, 75, SEASON_MEAN), 0.8, 0.1); /* an hour late */
    near(season_lasting(&season, 76, SEASON_MEAN), 0.1, 0.1);
    near(season_lasting(&season, 74, SEASON_ERRORS), 0.05, 0.1);
    near(season_lasting(&season, 78, SEASON_ERRORS), 0.001, 0.3); /* it was bad there once */
    CHECK(isnan(season_lasting(&season, 74, SEASON_MEAN_CALLER)));
    double low, high;
    REQUIRE(season_rates(&season, 74, &low, &high));
    near(low, 10, 0.01);
    near(high, 30, 0.01);
    season_fini(&season);
}

TEST(what_a_weekday_showed_in_two_weeks_lasts) {
    season_t season;
    season_init(&season);
    for (int64_t at = 0; at < 14 * 24 + 12; at++) hour(&season, at, 10, 0, at % 168 == 9 ? 10 : 0.1);
    near(season_lasting(&season, 2 * 168 + 4, SEASON_MEAN), 0.1, 0.1);
    near(season_lasting(&season, 2 * 168 + 9, SEASON_MEAN), 10, 0.1);
    season_fini(&season);
}

TEST(gaps_are_not_known_and_a_long_one_forgets_all) {
    season_t season;
    season_init(&season);
    for (int64_t at = 0; at < 48; at++)
        if (at % 24 < 12) hour(&season, at, 10, 0, 0.1);
    CHECK(isnan(season_lasting(&season, 48 + 15, SEASON_MEAN)));
    near(season_lasting(&season, 48 + 5, SEASON_MEAN), 0.1, 0.1);
    hour(&season, 5000, 10, 0, 0.1);
    hour(&season, 5001, 10, 0, 0.1);
    CHECK(isnan(season_lasting(&season, 48 + 5, SEASON_MEAN)));
    CHECK(season.count <= 2);
    season_fini(&season);
}

TEST(it_keeps_two_weeks_and_no_more) {
    season_t season;
    season_init(&season);
    for (int64_t at = 0; at < 2000; at++) hour(&season, at, 10, 0, 1 + (double)(at % 24));
    CHECK(season.count <= SEASON_HOURS && season.room <= SEASON_HOURS);
    near(season_lasting(&season, 2000, SEASON_MEAN), 1 + 2001 % 24, 0.1); /* the neighbour is higher */
    season_fini(&season);
}

/* Two services; one of them is slow for twenty minutes every night. */
static void a_day(testmesh_t *mesh, bool noon, uint32_t *night_incidents, uint32_t *noon_incidents) {
    for (int b = 0; b < DAY_BUCKETS; b++) {
        uint32_t before = mesh->reports;
        bool night = b >= 2 * HOUR && b < 2 * HOUR + 120;
        bool slow = night || (noon && b >= 12 * HOUR && b < 12 * HOUR + 60);
        if (b % 3 == 0 || night || slow) {
            mesh_calls(mesh, "web", "stock", "v1", "a", 20, 0, slow ? 80 : 10, slow ? 82 : 12);
            mesh_calls(mesh, "", "web", "v1", "w", 20, 0, slow ? 90 : 20, slow ? 92 : 22);
        }
        mesh_tick(mesh);
        uint32_t told = mesh->reports - before;
        *(b < 6 * HOUR ? night_incidents : noon_incidents) += told;
    }
}

TEST(a_nightly_job_alarms_until_its_hour_is_known_and_noon_alarms_still) {
    testmesh_t *mesh = mesh_new();
    uint32_t night[5] = {0}, noon[5] = {0};
    mesh->bucket = mesh->bucket / DAY_BUCKETS * DAY_BUCKETS;
    for (int day = 0; day < 5; day++) {
        if (day == 3) { /* a restart learns nothing anew */
            buffer_t saved = {0}, again = {0};
            analyzer_save(mesh->analyzer, &saved);
            CHECK_EQUAL(analyzer_load(mesh->analyzer, buffer_slice(&saved)), ERR_OK);
            analyzer_save(mesh->analyzer, &again);
            CHECK(saved.len == again.len && memcmp(saved.data, again.data, saved.len) == 0);
            buffer_fini(&saved);
            buffer_fini(&again);
        }
        a_day(mesh, day == 4, &night[day], &noon[day]);
    }
    CHECK(night[0] > 0 && night[1] > 0);
    CHECK_EQUAL(night[2], 0);
    CHECK_EQUAL(night[3], 0);
    CHECK_EQUAL(night[4], 0);
    CHECK_EQUAL(noon[2] + noon[3], 0);
    CHECK(noon[4] > 0);
    mesh_free(mesh);
}

/* --- slow drift --- */

static void hours_of(testmesh_t *mesh, int hours, double from_ms, double to_ms) {
    for (int b = 0; b < hours * HOUR; b++) {
        double ms = from_ms + (to_ms - from_ms) * b / (hours * HOUR);
        mesh_calls(mesh, "web", "stock", "v1", "a", 12, 0, ms, ms + 2);
        mesh_tick(mesh);
    }
}

TEST(a_latency_that_creeps_is_told_though_no_tick_shows_it) {
    testmesh_t *mesh = mesh_new();
    mesh->bucket = mesh->bucket / DAY_BUCKETS * DAY_BUCKETS;
    hours_of(mesh, 12, 20, 20);
    CHECK_EQUAL(mesh->anomalies, 0);
    hours_of(mesh, 10, 20, 60);
    CHECK(mesh->anomalies > 0 && mesh->anomalies < 20); /* an hour, a signal */
    CHECK_EQUAL(mesh->reports, 0);
    CHECK(strstr(mesh->anomaly_told, "stock client latency is") != NULL);
    CHECK(strstr(mesh->anomaly_told, "requests in 60 min, 5 windows of history") != NULL);
    mesh_free(mesh);
}

TEST(a_latency_that_wanders_is_not) {
    testmesh_t *mesh = mesh_new();
    uint64_t seed = 3;
    mesh->bucket = mesh->bucket / DAY_BUCKETS * DAY_BUCKETS;
    for (int i = 0; i < 72; i++) {
        double ms = 20 + (double)(test_random(&seed) % 1000) / 200;
        hours_of(mesh, 1, ms, ms);
    }
    CHECK_EQUAL(mesh->anomalies, 0);
    mesh_free(mesh);
}

TEST_MAIN(TEST_CASE(what_both_of_two_days_showed_lasts), TEST_CASE(what_a_weekday_showed_in_two_weeks_lasts),
          TEST_CASE(gaps_are_not_known_and_a_long_one_forgets_all), TEST_CASE(it_keeps_two_weeks_and_no_more),
          TEST_CASE(a_nightly_job_alarms_until_its_hour_is_known_and_noon_alarms_still),
          TEST_CASE(a_latency_that_creeps_is_told_though_no_tick_shows_it), TEST_CASE(a_latency_that_wanders_is_not))
