/* Who is to blame, where the strongest deviation is somebody else's. */
#include "collector/dialect/dialect.h"
#include "tests/analyzer/mesh.h"

enum { QUIET = 30 };

/* Three services called by one, each by it alone. */
static void fan_out(testmesh_t *mesh, double way_ms) {
    mesh_calls(mesh, "gate", "shop/hub", "v1", "hub-1", 100, 0, 40 + way_ms, 42 + way_ms);
    mesh_calls(mesh, "shop/hub", "shop/a", "v1", "a-1", 100, 0, 5, 7 + way_ms);
    mesh_calls(mesh, "shop/hub", "shop/b", "v1", "b-1", 60, 0, 5, 7 + way_ms);
    mesh_calls(mesh, "shop/hub", "shop/c", "v1", "c-1", 30, 0, 5, 7 + way_ms);
    mesh_tick(mesh);
}

TEST(one_slow_caller_is_the_simpler_story_than_three_slow_callees) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < QUIET; i++) fan_out(mesh, 0);
    for (int i = 0; i < 4; i++) fan_out(mesh, 300);
    CHECK(mesh->reports > 0);
    CHECK_TEXT(mesh->first, "shop/hub");
    mesh_free(mesh);
}

/* Many callers with a call now and then: no single way to the leaf carries enough of them to be judged. */
static void fan_in(testmesh_t *mesh, double way_ms) {
    enum { CALLERS = 12 };
    for (int64_t i = 0; i < CALLERS; i++) {
        char caller[32];
        (void)snprintf(caller, sizeof caller, "shop/caller-%d", (int)i);
        if ((mesh->bucket + 2 * i) % (CALLERS * 2) == 0)
            mesh_calls(mesh, caller, "shop/leaf", "v1", "leaf-1", 1, 0, 5, 7 + way_ms);
    }
    mesh_tick(mesh);
}

TEST(callers_that_each_call_seldom_blame_the_callee_together) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 4 * QUIET; i++) fan_in(mesh, 0);
    for (int i = 0; i < 12; i++) fan_in(mesh, 2000);
    CHECK(mesh->reports > 0);
    CHECK_TEXT(mesh->first, "shop/leaf");
    CHECK(strstr(mesh->incident, "\"established\":true") != NULL);
    mesh_free(mesh);
}

static void failing(testmesh_t *mesh, uint64_t failed) {
    mesh_calls(mesh, "gate", "shop/cart", "v1", "cart-1", 800, failed, 10, 12);
    mesh_tick(mesh);
}

TEST(an_incidents_first_bucket_does_not_become_a_habit) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < QUIET; i++) failing(mesh, i % 10 == 0);
    failing(mesh, 14);
    for (int i = 0; i < 6; i++) failing(mesh, 80);
    for (int i = 0; i < 3 * QUIET; i++) failing(mesh, i % 10 == 0);
    CHECK(strstr(mesh->incident, "\"state\":\"closed\"") != NULL);
    uint32_t before = mesh->reports;
    for (int i = 0; i < 6; i++) failing(mesh, 12);
    CHECK(mesh->reports > before);
    mesh_free(mesh);
}

static const dialect_call_t told_calls[] = {{"shop/web", "shop/pay"}, {NULL, NULL}};
static const dialect_t told = {.name = "told", .calls = told_calls};
static const dialect_t *const told_dialects[] = {&told, NULL};

static void told_service(testmesh_t *mesh, const char *service, int requests, const char *quantile, double latency_s) {
    cell_t *cell = mesh_cell(mesh, ENTITY_SERVICE, "", service, "", "");
    for (int i = 0; i < requests; i++) cell_request(cell, FAILURE_NONE, 10000000);
    (void)cell_gauge(cell, mesh_name(mesh, quantile), latency_s, mesh->bucket * BUCKET_NS);
}

/* A third of the requests to web goes on to pay, which nobody counts by itself; both tell quantiles only. */
static void quantiles(testmesh_t *mesh, double slow_s) {
    double noise = 1 + 0.05 * (double)(mesh->bucket * 7 % 5);
    told_service(mesh, "shop/web", 100, "latency.p90", 0.24 * noise + slow_s);
    told_service(mesh, "shop/pay", 33, "latency.p50", 0.6 * noise + slow_s);
    mesh_tick(mesh);
}

TEST(a_callee_of_a_third_of_the_requests_explains_all_of_the_slowest_tenth) {
    testmesh_t *mesh = mesh_new();
    analyzer_free(mesh->analyzer);
    analyzer_config_t config;
    analyzer_config_defaults(&config);
    config.dialects = told_dialects;
    mesh->analyzer = analyzer_new(&config, mesh_sink(mesh));
    for (int i = 0; i < 4 * QUIET; i++) quantiles(mesh, 0);
    for (int i = 0; i < 6; i++) quantiles(mesh, 1);
    CHECK(mesh->reports > 0);
    CHECK_TEXT(mesh->first, "shop/pay");
    mesh_free(mesh);
}

TEST_MAIN(TEST_CASE(one_slow_caller_is_the_simpler_story_than_three_slow_callees),
          TEST_CASE(callers_that_each_call_seldom_blame_the_callee_together),
          TEST_CASE(an_incidents_first_bucket_does_not_become_a_habit),
          TEST_CASE(a_callee_of_a_third_of_the_requests_explains_all_of_the_slowest_tenth))
