#include "tests/analyzer/mesh.h"

enum { QUIET = 30 };

/* web > cart > stock, as usual, with a factor on each way. */
static void tick(testmesh_t *mesh, double cart_ms, double cart_way_ms, uint64_t stock_failed, double stock_ms) {
    double cart = 4 + cart_ms + stock_ms;
    mesh_calls(mesh, "gate", "shop/web", "v1", "web-1", 100, stock_failed, 10 + cart + cart_way_ms,
               12 + cart + cart_way_ms);
    mesh_calls(mesh, "shop/web", "shop/cart", "v1", "cart-1", 100, stock_failed, cart, cart + 2 + cart_way_ms);
    mesh_calls(mesh, "shop/cart", "shop/stock", "v1", "stock-1", 100, stock_failed, stock_ms, stock_ms + 2);
    mesh_tick(mesh);
}

static void settle(testmesh_t *mesh) {
    for (int i = 0; i < QUIET; i++) tick(mesh, 0, 0, 0, 5);
}

TEST(a_steady_mesh_is_left_alone) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 400; i++) tick(mesh, 0.2 * (i % 7), 0.1 * (i % 3), i % 10 == 0 ? 1 : 0, 5 + 0.3 * (i % 5));
    CHECK_EQUAL(mesh->reports, 0);
    mesh_free(mesh);
}

TEST(a_slow_leaf_is_blamed_and_not_its_callers) {
    testmesh_t *mesh = mesh_new();
    settle(mesh);
    for (int i = 0; i < 3; i++) tick(mesh, 0, 0, 0, 200);
    CHECK(mesh->reports > 0); /* within 30 s */
    CHECK_TEXT(mesh->first, "shop/stock");
    CHECK(strstr(mesh->incident, "\"established\":true") != NULL);
    mesh_free(mesh);
}

TEST(a_slow_service_in_the_middle_is_blamed_for_its_own_time) {
    testmesh_t *mesh = mesh_new();
    settle(mesh);
    for (int i = 0; i < 3; i++) tick(mesh, 150, 0, 0, 5);
    CHECK_TEXT(mesh->first, "shop/cart");
    mesh_free(mesh);
}

TEST(callers_that_wait_longer_than_the_callee_works_blame_the_way_to_it) {
    testmesh_t *mesh = mesh_new();
    settle(mesh);
    for (int i = 0; i < 3; i++) tick(mesh, 0, 300, 0, 5);
    CHECK_TEXT(mesh->first, "shop/cart");
    CHECK(strstr(mesh->incident, "on the way") != NULL);
    mesh_free(mesh);
}

TEST(errors_are_blamed_on_where_they_arise) {
    testmesh_t *mesh = mesh_new();
    settle(mesh);
    for (int i = 0; i < 4; i++) tick(mesh, 0, 0, 30, 5);
    CHECK_TEXT(mesh->first, "shop/stock");
    CHECK(strstr(mesh->incident, "shop/stock fails 30 % of its requests") != NULL);
    mesh_free(mesh);
}

TEST(one_bad_bucket_is_nobodys_incident) {
    testmesh_t *mesh = mesh_new();
    settle(mesh);
    tick(mesh, 0, 0, 0, 200);
    for (int i = 0; i < 20; i++) tick(mesh, 0, 0, 0, 5);
    CHECK_EQUAL(mesh->reports, 0);
    mesh_free(mesh);
}

TEST(a_gap_in_the_data_is_no_incident) {
    testmesh_t *mesh = mesh_new();
    settle(mesh);
    for (int i = 0; i < 36; i++) mesh_tick(mesh);
    mesh->bucket += 5000;
    settle(mesh);
    CHECK_EQUAL(mesh->reports, 0);
    mesh_free(mesh);
}

TEST(an_incident_closes_when_nothing_deviates_any_more) {
    testmesh_t *mesh = mesh_new();
    settle(mesh);
    for (int i = 0; i < 6; i++) tick(mesh, 0, 0, 0, 200);
    for (int i = 0; i < 30; i++) tick(mesh, 0, 0, 0, 5);
    CHECK(strstr(mesh->incident, "\"state\":\"closed\"") != NULL);
    mesh_free(mesh);
}

TEST(a_handful_of_requests_is_not_enough) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 60; i++) {
        if (i % 6 == 0) mesh_calls(mesh, "gate", "shop/rare", "v1", "rare-1", 1, i == 54 ? 1 : 0, 10, 12);
        mesh_tick(mesh);
    }
    CHECK_EQUAL(mesh->reports, 0);
    mesh_free(mesh);
}

/* A story with a fault in it, and a save and load in front of every bucket when `reload` is set. */
static testmesh_t *story(bool reload) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 80; i++) {
        tick(mesh, 0, 0, i == 50 ? 20 : 0, i > 40 && i < 48 ? 180 : 5);
        if (!reload) continue;
        buffer_t saved = {0}, again = {0};
        analyzer_save(mesh->analyzer, &saved);
        analyzer_config_t config;
        analyzer_config_defaults(&config);
        analyzer_t *loaded = analyzer_new(&config, mesh_sink(mesh));
        CHECK_EQUAL(analyzer_load(loaded, buffer_slice(&saved)), ERR_OK);
        analyzer_save(loaded, &again);
        CHECK(slice_equal(buffer_slice(&saved), buffer_slice(&again)));
        analyzer_free(mesh->analyzer);
        mesh->analyzer = loaded;
        buffer_fini(&saved);
        buffer_fini(&again);
    }
    return mesh;
}

TEST(a_run_that_is_saved_and_loaded_tells_the_same_bytes) {
    testmesh_t *straight = story(false), *restarted = story(true);
    CHECK(straight->told.len > 1000);
    CHECK(slice_equal(buffer_slice(&straight->told), buffer_slice(&restarted->told)));
    mesh_free(straight);
    mesh_free(restarted);
}

TEST(a_damaged_state_is_refused_or_harmless) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 12; i++) tick(mesh, 0, 0, 0, i > 9 ? 180 : 5);
    buffer_t saved = {0};
    analyzer_save(mesh->analyzer, &saved);
    uint64_t seed = 20240711;
    (void)printf("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 400; i++) {
        buffer_t bad = {0};
        buffer_append(&bad, saved.data, i % 2 == 0 ? saved.len : test_random(&seed) % saved.len);
        for (int k = 0; k < 3 && bad.len > 0; k++) bad.data[test_random(&seed) % bad.len] = (uint8_t)test_random(&seed);
        analyzer_config_t config;
        analyzer_config_defaults(&config);
        analyzer_t *loaded = analyzer_new(&config, mesh_sink(mesh));
        if (analyzer_load(loaded, buffer_slice(&bad)) == ERR_OK) {
            analyzer_t *whole = mesh->analyzer;
            mesh->analyzer = loaded;
            for (int t = 0; t < 3; t++) tick(mesh, 0, 0, 0, 180);
            mesh->analyzer = whole;
        }
        analyzer_free(loaded);
        buffer_fini(&bad);
    }
    buffer_fini(&saved);
    mesh_free(mesh);
}

TEST(gauges_alone_name_the_service_that_changed) {
    testmesh_t *mesh = mesh_new();
    uint32_t p90 = mesh_name(mesh, "latency.p90");
    for (int i = 0; i < 240; i++) {
        for (int s = 0; s < 3 && i % 6 == 0; s++) {
            const char *names[] = {"a", "b", "c"};
            double value = 0.02 * (1 + 0.05 * ((i * 7 + s * 3) % 5));
            if (s == 1 && i >= 200) value *= 15;
            (void)cell_gauge(mesh_cell(mesh, ENTITY_SERVICE, "", names[s], "", ""), p90, value,
                             mesh->bucket * BUCKET_NS);
        }
        mesh_tick(mesh);
    }
    CHECK(mesh->reports > 0);
    CHECK_TEXT(mesh->first, "b");
    mesh_free(mesh);
}

TEST_MAIN(TEST_CASE(a_steady_mesh_is_left_alone), TEST_CASE(a_slow_leaf_is_blamed_and_not_its_callers),
          TEST_CASE(a_slow_service_in_the_middle_is_blamed_for_its_own_time),
          TEST_CASE(callers_that_wait_longer_than_the_callee_works_blame_the_way_to_it),
          TEST_CASE(errors_are_blamed_on_where_they_arise), TEST_CASE(one_bad_bucket_is_nobodys_incident),
          TEST_CASE(a_gap_in_the_data_is_no_incident), TEST_CASE(an_incident_closes_when_nothing_deviates_any_more),
          TEST_CASE(a_handful_of_requests_is_not_enough),
          TEST_CASE(a_run_that_is_saved_and_loaded_tells_the_same_bytes),
          TEST_CASE(a_damaged_state_is_refused_or_harmless), TEST_CASE(gauges_alone_name_the_service_that_changed))
