#include "collector/dialect/dialect.h"
#include "tests/analyzer/mesh.h"

enum { QUIET = 36, MINUTE = 6 };

static void gauge(testmesh_t *mesh, entity_kind_t kind, const char *service, const char *instance, const char *name,
                  double value) {
    cell_t *cell = mesh_cell(mesh, kind, "", service, "", instance);
    (void)cell_gauge(cell, mesh_name(mesh, name), value, mesh->bucket * BUCKET_NS);
}

/* web > stock as usual, and once a minute what web-1's host says of itself. */
static void tick(testmesh_t *mesh, double stock_ms, double processor, double memory, double host) {
    mesh_calls(mesh, "gate", "web", "v1", "web-1", 40, 0, 20 + stock_ms, 22 + stock_ms);
    mesh_calls(mesh, "web", "stock", "v1", "stock-1", 40, 0, stock_ms, stock_ms + 2);
    if (mesh->bucket % MINUTE == 0) {
        gauge(mesh, ENTITY_INSTANCE, "web", "web-1", "cpu.utilization", processor);
        gauge(mesh, ENTITY_INSTANCE, "web", "web-1", "memory.utilization", memory);
        gauge(mesh, ENTITY_INSTANCE, "web", "web-1", "node.cpu.utilization", host);
    }
    mesh_tick(mesh);
}

static void settle(testmesh_t *mesh) {
    for (int i = 0; i < QUIET; i++) tick(mesh, 5, 0.1 + 0.01 * (i % 3), 0.4, 0.2);
}

TEST(a_processor_without_headroom_is_told_when_it_stays_so) {
    testmesh_t *mesh = mesh_new();
    settle(mesh);
    for (int i = 0; i < MINUTE; i++) tick(mesh, 5, 0.99, 0.4, 0.2);
    CHECK_EQUAL(mesh->reports, 0); /* one minute may be a start-up */
    for (int i = 0; i < MINUTE; i++) tick(mesh, 5, 0.99, 0.4, 0.2);
    CHECK(mesh->reports > 0);
    CHECK_TEXT(mesh->first, "web");
    CHECK(strstr(mesh->incident, "cpu.utilization") != NULL);
    mesh_free(mesh);
}

TEST(busier_with_headroom_left_and_full_memory_are_nobodys_incident) {
    testmesh_t *mesh = mesh_new();
    settle(mesh);
    for (int i = 0; i < 8 * MINUTE; i++) tick(mesh, 5, 0.45, 0.97, 0.9);
    CHECK_EQUAL(mesh->reports, 0);
    mesh_free(mesh);
}

TEST(what_users_do_not_feel_keeps_no_incident_open) {
    testmesh_t *mesh = mesh_new();
    settle(mesh);
    for (int i = 0; i < 4; i++) tick(mesh, 200, 0.1, 0.97, 0.9);
    CHECK_TEXT(mesh->first, "stock");
    for (int i = 0; i < 5 * MINUTE; i++) tick(mesh, 5, 0.1, 0.97, 0.9);
    CHECK(strstr(mesh->incident, "\"state\":\"closed\"") != NULL);
    mesh_free(mesh);
}

TEST(few_calls_on_each_of_many_ways_are_judged_together) {
    static const char *const callers[] = {"a", "b", "c", "d", "e", "f"};
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 12 * MINUTE; i++) { /* each caller calls once a minute */
        double way_ms = i >= 10 * MINUTE ? 2000 : 1;
        mesh_calls(mesh, callers[i % 6], "rare", "v1", "rare-1", 1, 0, 20, 20 + way_ms);
        mesh_tick(mesh);
    }
    CHECK(mesh->reports > 0);
    CHECK_TEXT(mesh->first, "rare");
    CHECK(strstr(mesh->incident, "on the way") != NULL);
    mesh_free(mesh);
}

TEST(a_second_fault_beside_an_old_one_is_told_apart) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < QUIET + 40; i++) {
        double stock_ms = i >= QUIET ? 200 : 5, mail_ms = i >= QUIET + 30 ? 300 : 5;
        mesh_calls(mesh, "gate", "web", "v1", "web-1", 40, 0, 20 + stock_ms, 22 + stock_ms);
        mesh_calls(mesh, "web", "stock", "v1", "stock-1", 40, 0, stock_ms, stock_ms + 2);
        mesh_calls(mesh, "web", "mail", "v1", "mail-1", 40, 0, mail_ms, mail_ms + 2);
        mesh_tick(mesh);
        if (i == QUIET + 29) CHECK_TEXT(mesh->first, "stock");
    }
    CHECK_TEXT(mesh->first, "mail");
    buffer_byte(&mesh->told, '\0');
    CHECK(strstr((const char *)mesh->told.data, "\nincident 2 ") != NULL);
    mesh_free(mesh);
}

/* Its callers are hurt later than itself: the document says so, though the ranking is the same. */
TEST(an_open_incident_is_told_again_while_it_goes_on) {
    testmesh_t *mesh = mesh_new();
    char opened[65536] = "";
    for (int i = 0; i < QUIET + 20; i++) {
        double stock_ms = i >= QUIET ? 200 : 5;
        mesh_calls(mesh, "web", "stock", "v1", "stock-1", 40, 0, stock_ms, stock_ms + 2);
        mesh_tick(mesh);
        if (opened[0] == '\0' && mesh->reports > 0) (void)snprintf(opened, sizeof opened, "%s", mesh->incident);
    }
    CHECK(opened[0] != '\0');
    CHECK(strcmp(opened, mesh->incident) != 0);
    mesh_free(mesh);
}

TEST(after_a_long_absence_another_level_is_learned_and_not_told) {
    testmesh_t *mesh = mesh_new();
    settle(mesh);
    mesh->bucket += 24 * 360;
    for (int i = 0; i < QUIET; i++) tick(mesh, 40, 0.1, 0.4, 0.2);
    CHECK_EQUAL(mesh->reports, 0);
    for (int i = 0; i < 3; i++) tick(mesh, 900, 0.1, 0.4, 0.2);
    CHECK_TEXT(mesh->first, "stock");
    mesh_free(mesh);
}

/* front > middle > back report no calls, only a latency every five minutes; back gets slow and all of them show it. */
static testmesh_t *figures_only(const dialect_t *const *dialects) {
    testmesh_t *mesh = mesh_new();
    analyzer_config_t config;
    analyzer_config_defaults(&config);
    config.dialects = dialects;
    analyzer_free(mesh->analyzer);
    mesh->analyzer = analyzer_new(&config, mesh_sink(mesh));
    static const char *const names[] = {"front", "middle", "back"};
    static const double usual_s[] = {0.030, 0.022, 0.020};
    for (int i = 0; i < 14 * 30; i++) {
        for (size_t s = 0; s < 3 && i % 30 == 0; s++) {
            double value = usual_s[s] * (1 + 0.02 * ((i / 30 + (int)s) % 3)) + (i >= 12 * 30 ? 0.3 : 0);
            gauge(mesh, ENTITY_SERVICE, names[s], "", "latency.avg", value);
            gauge(mesh, ENTITY_SERVICE, names[s], "", "request_count", 500);
            gauge(mesh, ENTITY_SERVICE, names[s], "", "success_ratio", 1);
        }
        mesh_tick(mesh);
    }
    return mesh;
}

TEST(told_calls_find_the_last_in_a_chain_of_figures) {
    static const dialect_call_t calls[] = {{"front", "middle"}, {"middle", "back"}, {"middle", "nobody"}, {NULL, NULL}};
    static const dialect_t dialect = {.name = "test", .calls = calls};
    static const dialect_t *const dialects[] = {&dialect, NULL};
    testmesh_t *told = figures_only(dialects), *untold = figures_only(NULL);
    CHECK(told->reports > 0);
    CHECK(untold->reports > 0);
    CHECK_TEXT(told->first, "back");
    mesh_free(told);
    mesh_free(untold);
}

/* Calls and gauges with faults in both, over `buckets` buckets; saved and loaded in front of each when `reload`. */
static testmesh_t *story(int buckets, bool reload) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < buckets; i++) {
        gauge(mesh, ENTITY_SERVICE, "mail", "", "latency.p90", i > 60 && i < 75 ? 1.5 : 0.1 + 0.01 * (i % 4));
        tick(mesh, i > 40 && i < 48 ? 180 : 5, i > 80 && i < 100 ? 0.99 : 0.1, 0.4, 0.2);
        if (!reload) continue;
        buffer_t saved = {0};
        analyzer_save(mesh->analyzer, &saved);
        analyzer_config_t config;
        analyzer_config_defaults(&config);
        analyzer_t *loaded = analyzer_new(&config, mesh_sink(mesh));
        CHECK_EQUAL(analyzer_load(loaded, buffer_slice(&saved)), ERR_OK);
        analyzer_free(mesh->analyzer);
        mesh->analyzer = loaded;
        buffer_fini(&saved);
    }
    return mesh;
}

TEST(no_report_depends_on_what_comes_after_it) {
    testmesh_t *whole = story(120, false);
    CHECK(whole->reports >= 3);
    for (int buckets = 1; buckets < 120; buckets += 7) {
        testmesh_t *prefix = story(buckets, false);
        CHECK(prefix->told.len <= whole->told.len);
        CHECK(prefix->told.len == 0 || memcmp(prefix->told.data, whole->told.data, prefix->told.len) == 0);
        mesh_free(prefix);
    }
    mesh_free(whole);
}

TEST(gauges_that_are_saved_and_loaded_tell_the_same_bytes) {
    testmesh_t *straight = story(120, false), *restarted = story(120, true);
    CHECK(slice_equal(buffer_slice(&straight->told), buffer_slice(&restarted->told)));
    mesh_free(straight);
    mesh_free(restarted);
}

/* state-2.golden is what version 2 saved after these calls; without gauges, version 1 saved the same. */
TEST(states_of_versions_1_and_2_are_read_and_a_later_one_refused) {
    static uint8_t golden[65536];
    FILE *in = fopen("tests/analyzer/state-2.golden", "rb");
    REQUIRE(in != NULL);
    size_t len = fread(golden, 1, sizeof golden, in);
    (void)fclose(in);
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < QUIET; i++) {
        mesh_calls(mesh, "web", "stock", "v1", "stock-1", 40, 0, 5, 7);
        mesh_tick(mesh);
    }
    buffer_t saved = {0};
    analyzer_save(mesh->analyzer, &saved);
    for (uint8_t version = 1; version <= 2; version++) {
        golden[0] = version;
        CHECK_EQUAL(analyzer_load(mesh->analyzer, slice_of(golden, len)), ERR_OK);
    }
    saved.data[0] = 4;
    CHECK_EQUAL(analyzer_load(mesh->analyzer, buffer_slice(&saved)), ERR_FOREIGN);
    for (int i = 0; i < 3; i++) {
        mesh_calls(mesh, "web", "stock", "v1", "stock-1", 40, 0, 200, 202);
        mesh_tick(mesh);
    }
    CHECK_TEXT(mesh->first, "stock");
    buffer_fini(&saved);
    mesh_free(mesh);
}

TEST_MAIN(TEST_CASE(a_processor_without_headroom_is_told_when_it_stays_so),
          TEST_CASE(busier_with_headroom_left_and_full_memory_are_nobodys_incident),
          TEST_CASE(what_users_do_not_feel_keeps_no_incident_open),
          TEST_CASE(few_calls_on_each_of_many_ways_are_judged_together),
          TEST_CASE(a_second_fault_beside_an_old_one_is_told_apart),
          TEST_CASE(an_open_incident_is_told_again_while_it_goes_on),
          TEST_CASE(after_a_long_absence_another_level_is_learned_and_not_told),
          TEST_CASE(told_calls_find_the_last_in_a_chain_of_figures),
          TEST_CASE(no_report_depends_on_what_comes_after_it),
          TEST_CASE(gauges_that_are_saved_and_loaded_tell_the_same_bytes),
          TEST_CASE(states_of_versions_1_and_2_are_read_and_a_later_one_refused))
