/* A fault that comes and goes is one incident after a while, and told as what it is. */
#include "tests/analyzer/mesh.h"

#include <jansson.h>

enum { QUIET = 120, PERIOD = 36, FAILS = 6 };

static json_int_t times_of(const testmesh_t *mesh) {
    json_t *incident = json_loads(mesh->incident, 0, NULL);
    json_int_t times = json_integer_value(json_object_get(json_object_get(incident, "recurrence"), "times"));
    json_decref(incident);
    return times;
}

static json_int_t id_of(const testmesh_t *mesh) {
    json_t *incident = json_loads(mesh->incident, 0, NULL);
    json_int_t id = atoi(json_string_value(json_object_get(incident, "id")));
    json_decref(incident);
    return id;
}

static void run(testmesh_t *mesh, int buckets, bool flaps) {
    for (int i = 0; i < buckets; i++) {
        mesh_calls(mesh, "web", "stock", "v1", "a", 60, flaps && i % PERIOD < FAILS ? 40 : 0, 5, 6);
        mesh_tick(mesh);
    }
}

TEST(a_service_that_flaps_has_three_incidents_and_no_more) {
    testmesh_t *mesh = mesh_new();
    run(mesh, QUIET, false);
    run(mesh, PERIOD, true);
    CHECK_EQUAL(id_of(mesh), 1);
    CHECK_EQUAL(times_of(mesh), 0);
    run(mesh, PERIOD, true);
    CHECK_EQUAL(id_of(mesh), 2);
    CHECK_EQUAL(times_of(mesh), 2);
    run(mesh, 10 * PERIOD, true);
    CHECK_EQUAL(id_of(mesh), 3);
    CHECK_EQUAL(times_of(mesh), 3);
    CHECK(strstr(mesh->incident, "3 times since") != NULL);
    run(mesh, 4 * PERIOD, false);
    CHECK(strstr(mesh->incident, "\"state\":\"closed\"") != NULL ||
          strstr(mesh->incident, "\"state\": \"closed\"") != NULL);
    mesh_free(mesh);
}

TEST(two_faults_far_apart_are_no_flapping) {
    testmesh_t *mesh = mesh_new();
    run(mesh, QUIET, false);
    run(mesh, PERIOD, true);
    run(mesh, 6 * PERIOD, false);
    run(mesh, PERIOD, true);
    CHECK_EQUAL(id_of(mesh), 2);
    CHECK_EQUAL(times_of(mesh), 0);
    mesh_free(mesh);
}

TEST(a_restart_goes_on_counting) {
    testmesh_t *mesh = mesh_new();
    buffer_t saved = {0};
    run(mesh, QUIET, false);
    run(mesh, PERIOD, true);
    analyzer_save(mesh->analyzer, &saved);
    CHECK_EQUAL(analyzer_load(mesh->analyzer, buffer_slice(&saved)), ERR_OK);
    run(mesh, PERIOD, true);
    CHECK_EQUAL(times_of(mesh), 2);
    buffer_fini(&saved);
    mesh_free(mesh);
}

TEST_MAIN(TEST_CASE(a_service_that_flaps_has_three_incidents_and_no_more),
          TEST_CASE(two_faults_far_apart_are_no_flapping), TEST_CASE(a_restart_goes_on_counting))
