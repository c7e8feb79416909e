/* What a newer program makes of an older one's state, and what it makes of bad input: it goes on, quietly. */
#include "tests/analyzer/mesh.h"

#include <math.h>

enum { GOLDEN_QUIET = 400, GOLDEN_SICK = 5, MINUTE = 6 };

static void gauge(testmesh_t *mesh, const char *name, double value) {
    cell_t *cell = mesh_cell(mesh, ENTITY_INSTANCE, "", "web", "", "web-1");
    (void)cell_gauge(cell, mesh_name(mesh, name), value, mesh->bucket * BUCKET_NS);
}

/* gate > web > stock, one request in forty failing at web, and once a minute two gauges. */
static void tick(testmesh_t *mesh, double stock_ms, uint64_t failed) {
    mesh_calls(mesh, "gate", "web", "v1", "web-1", 40, 1 + failed, 20 + stock_ms, 22 + stock_ms);
    mesh_calls(mesh, "web", "stock", "v1", "stock-1", 40, failed, stock_ms, stock_ms + 2);
    if (mesh->bucket % MINUTE == 0) {
        gauge(mesh, "cpu.utilization", 0.1 + 0.01 * (double)(mesh->bucket % 5));
        gauge(mesh, "latency.p90", 0.030 + 0.001 * (double)(mesh->bucket % 7));
    }
    mesh_tick(mesh);
}

/* Replaces the analyzer by one with another's state; the shard, and so all names, stay. */
static void restart(testmesh_t *mesh, slice_t state) {
    analyzer_config_t config;
    analyzer_config_defaults(&config);
    analyzer_free(mesh->analyzer);
    mesh->analyzer = analyzer_new(&config, mesh_sink(mesh));
    CHECK_EQUAL(analyzer_load(mesh->analyzer, state), ERR_OK);
    mesh->reports = 0;
    buffer_clear(&mesh->told);
}

static bool told(testmesh_t *mesh, const char *words) {
    buffer_byte(&mesh->told, '\0');
    bool yes = strstr((const char *)mesh->told.data, words) != NULL;
    mesh->told.len--;
    return yes;
}

/* The state was written by version 2 of the codec, in the middle of an incident, after the same 405 buckets. */
static testmesh_t *upgraded(void) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < GOLDEN_QUIET; i++) tick(mesh, 5, 0);
    for (int i = 0; i < GOLDEN_SICK; i++) tick(mesh, 200, 0);
    buffer_t state = mesh_state("tests/analyzer/golden/state-v2.bin");
    CHECK(state.len > 0);
    restart(mesh, buffer_slice(&state));
    buffer_fini(&state);
    return mesh;
}

TEST(an_upgrade_goes_on_with_the_open_incident_and_opens_no_other) {
    testmesh_t *mesh = upgraded();
    for (int i = 0; i < 40; i++) tick(mesh, 5, 0);
    CHECK(told(mesh, "incident 1 "));
    CHECK(strstr(mesh->incident, "\"state\":\"closed\"") != NULL);
    CHECK(!told(mesh, "incident 2 "));
    CHECK_EQUAL(mesh->reports, 0);
    mesh_free(mesh);
}

TEST(an_upgrade_does_not_learn_anew) {
    testmesh_t *mesh = upgraded();
    uint64_t have, need;
    analyzer_learning(mesh->analyzer, &have, &need);
    CHECK_EQUAL(have, need);
    for (int i = 0; i < 40; i++) tick(mesh, 5, 0);
    for (int i = 0; i < 3; i++) tick(mesh, 5, 20);
    CHECK(told(mesh, "incident 2 "));
    CHECK_TEXT(mesh->first, "stock");
    mesh_free(mesh);
}

TEST(an_upgraded_state_is_written_as_this_version_writes_it) {
    testmesh_t *mesh = upgraded();
    buffer_t saved = {0}, again = {0};
    analyzer_save(mesh->analyzer, &saved);
    restart(mesh, buffer_slice(&saved));
    analyzer_save(mesh->analyzer, &again);
    CHECK(slice_equal(buffer_slice(&saved), buffer_slice(&again)));
    buffer_fini(&saved);
    buffer_fini(&again);
    mesh_free(mesh);
}

static bool finite_text(testmesh_t *mesh) {
    return !told(mesh, "nan") && !told(mesh, "NaN") && !told(mesh, "inf\"") && !told(mesh, ":inf") &&
           !told(mesh, "-inf");
}

TEST(figures_that_are_no_numbers_are_neither_learned_nor_told) {
    static const double bad[] = {NAN, INFINITY, -INFINITY, -1, 1e300, -1e300, 0};
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 600; i++) {
        if (i % MINUTE == 0 && i > 300)
            for (size_t k = 0; k < 3; k++) /* finite ones are values; these are not */
                gauge(mesh, k == 0 ? "cpu.utilization" : k == 1 ? "latency.p90" : "success_ratio", bad[(size_t)i % 3]);
        tick(mesh, 5, 0);
    }
    CHECK_EQUAL(mesh->reports, 0);
    for (int i = 0; i < 120; i++) {
        gauge(mesh, "latency.p99", bad[(size_t)i % (sizeof bad / sizeof bad[0])]);
        gauge(mesh, "request_count", bad[(size_t)(i + 1) % (sizeof bad / sizeof bad[0])]);
        gauge(mesh, "success_ratio", bad[(size_t)(i + 2) % (sizeof bad / sizeof bad[0])]);
        gauge(mesh, "request_rate", bad[(size_t)(i + 3) % (sizeof bad / sizeof bad[0])]);
        tick(mesh, i > 60 ? 300 : 5, 0);
    }
    CHECK(mesh->reports > 0);
    CHECK(finite_text(mesh));
    mesh_free(mesh);
}

TEST(counts_beyond_all_reason_are_borne) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 60; i++) {
        cell_t *cell = mesh_cell(mesh, ENTITY_SERVICE, "", "web", "", "");
        cell->requests = i % 7 == 0 ? UINT64_MAX : UINT64_C(1) << (i % 64);
        cell->failures[FAILURE_SERVER] = cell->requests / 2;
        sketch_add(&cell->ok, i % 5 == 0 ? UINT64_MAX : UINT64_C(1) << (i % 64), UINT64_C(1) << (63 - i % 64));
        tick(mesh, 5, 0);
    }
    buffer_t saved = {0};
    analyzer_save(mesh->analyzer, &saved);
    restart(mesh, buffer_slice(&saved));
    for (int i = 0; i < 30; i++) tick(mesh, 5, 0);
    CHECK(finite_text(mesh));
    buffer_fini(&saved);
    mesh_free(mesh);
}

TEST(a_clock_that_jumps_raises_no_alarm) {
    static const int64_t jumps[] = {1, 60, -60, 8640, -8640, 100000, -100000};
    testmesh_t *mesh = mesh_new();
    for (size_t j = 0; j < sizeof jumps / sizeof jumps[0]; j++) {
        for (int i = 0; i < 100; i++) tick(mesh, 5, 0);
        mesh->bucket += jumps[j];
    }
    for (int i = 0; i < 100; i++) tick(mesh, 5, 0);
    CHECK_EQUAL(mesh->reports, 0);
    mesh_free(mesh);
}

/* A new caller of the same service with every bucket, each seen once or a few times and never again. */
TEST(series_that_come_and_go_raise_no_alarm_and_stay_within_the_cap) {
    testmesh_t *mesh = mesh_new();
    uint64_t seed = 20261126;
    (void)printf("seed %llu\n", (unsigned long long)seed);
    analyzer_config_t config;
    analyzer_config_defaults(&config);
    config.series = 400;
    analyzer_free(mesh->analyzer);
    mesh->analyzer = analyzer_new(&config, mesh_sink(mesh));
    for (int i = 0; i < 900; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "job-%d", i / (1 + (int)(test_random(&seed) % 4)));
        mesh_calls(mesh, name, "stock", "v1", "stock-1", 1 + test_random(&seed) % 30, 0, 5, 7);
        tick(mesh, 5, 0);
    }
    CHECK_EQUAL(mesh->reports, 0);
    for (int i = 0; i < 3; i++) tick(mesh, 200, 0); /* and those known before are watched all the same */
    CHECK_TEXT(mesh->first, "stock");
    mesh_free(mesh);
}

TEST_MAIN(TEST_CASE(an_upgrade_goes_on_with_the_open_incident_and_opens_no_other),
          TEST_CASE(an_upgrade_does_not_learn_anew), TEST_CASE(an_upgraded_state_is_written_as_this_version_writes_it),
          TEST_CASE(figures_that_are_no_numbers_are_neither_learned_nor_told),
          TEST_CASE(counts_beyond_all_reason_are_borne), TEST_CASE(a_clock_that_jumps_raises_no_alarm),
          TEST_CASE(series_that_come_and_go_raise_no_alarm_and_stay_within_the_cap))
