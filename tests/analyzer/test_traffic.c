/* More requests than usual, fewer, or none: when it is told, and when it is the cause of what follows. */
#include "analyzer/habits.h"
#include "tests/analyzer/mesh.h"

#include <jansson.h>

enum { QUIET = 120, HOUR = 360, DAY_BUCKETS = 24 * HOUR };

/* The web is asked so often in ten seconds, and asks the stock. */
static void requests(testmesh_t *mesh, uint64_t count, uint64_t failed) {
    if (count > 0) mesh_calls(mesh, "", "web", "v1", "w", count, 0, 20, 22);
    if (count > 0) mesh_calls(mesh, "web", "stock", "v1", "s", count, failed, 5, 6);
    mesh_tick(mesh);
}

static void quiet(testmesh_t *mesh, int buckets, uint64_t count) {
    for (int i = 0; i < buckets; i++) requests(mesh, count + (uint64_t)(i * 7 % 5), 0);
}

static const char *cause_of(const testmesh_t *mesh, char *text, size_t size) {
    static char kind[32];
    json_t *incident = json_loads(mesh->incident, 0, NULL);
    const json_t *cause = json_object_get(json_object_get(incident, "explanation"), "cause");
    const char *said = json_string_value(json_object_get(cause, "kind"));
    (void)snprintf(kind, sizeof kind, "%s", said == NULL ? "" : said);
    said = json_string_value(json_object_get(cause, "text"));
    (void)snprintf(text, size, "%s", said == NULL ? "" : said);
    json_decref(incident);
    return kind;
}

TEST(a_surge_is_told_without_an_incident) {
    testmesh_t *mesh = mesh_new();
    quiet(mesh, QUIET, 60);
    CHECK_EQUAL(mesh->traffic, 0);
    quiet(mesh, 6, 200);
    CHECK(mesh->traffic > 0);
    CHECK(strstr(mesh->traffic_told, "traffic is 20/s, expected 4") != NULL);
    CHECK_EQUAL(mesh->reports, 0);
    uint32_t told = mesh->traffic;
    quiet(mesh, 3, 60);
    told = mesh->traffic;
    quiet(mesh, 20, 60);
    CHECK_EQUAL(mesh->traffic, told);
    mesh_free(mesh);
}

TEST(a_drop_is_told_and_after_an_hour_it_is_usual) {
    testmesh_t *mesh = mesh_new();
    quiet(mesh, QUIET, 200);
    quiet(mesh, 6, 40);
    CHECK(mesh->traffic > 0);
    CHECK(strstr(mesh->traffic_told, "traffic is 4.") != NULL);
    quiet(mesh, 3 * HOUR, 40);
    uint32_t told = mesh->traffic;
    quiet(mesh, HOUR, 40);
    CHECK_EQUAL(mesh->traffic, told);
    CHECK_EQUAL(mesh->reports, 0);
    mesh_free(mesh);
}

TEST(a_slow_rise_is_none) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 6 * HOUR; i++) requests(mesh, (uint64_t)(60 + 300 * i / (6 * HOUR)), 0);
    CHECK_EQUAL(mesh->traffic, 0);
    mesh_free(mesh);
}

TEST(a_service_that_is_asked_no_more_is_told_while_others_go_on) {
    testmesh_t *mesh = mesh_new();
    quiet(mesh, QUIET, 60);
    for (int i = 0; i < 12; i++) {
        mesh_calls(mesh, "", "web", "v1", "w", 60, 0, 20, 22);
        mesh_tick(mesh);
    }
    CHECK(mesh->traffic > 0);
    CHECK(strstr(mesh->traffic_told, "\"service\": \"stock\"") != NULL ||
          strstr(mesh->traffic_told, "\"service\":\"stock\"") != NULL);
    CHECK(strstr(mesh->traffic_told, "traffic is 0/s") != NULL);
    mesh_free(mesh);
}

TEST(when_all_fall_silent_the_telemetry_stopped) {
    testmesh_t *mesh = mesh_new();
    quiet(mesh, QUIET, 60);
    for (int i = 0; i < 60; i++) requests(mesh, 0, 0);
    for (int i = 0; i < 12; i++) {
        mesh_calls(mesh, "", "other", "v1", "o", 60, 0, 20, 22); /* something is there, two of three are not */
        mesh_tick(mesh);
    }
    CHECK_EQUAL(mesh->traffic, 0);
    quiet(mesh, 20, 60);
    CHECK_EQUAL(mesh->traffic, 0);
    mesh_free(mesh);
}

TEST(a_job_that_runs_now_and_then_is_never_silent_nor_a_surge) {
    testmesh_t *mesh = mesh_new();
    uint32_t before = 0;
    for (int i = 0; i < 20 * HOUR; i++) {
        mesh_calls(mesh, "", "web", "v1", "w", 60, 0, 20, 22);
        if (i / 12 % 5 == 0) mesh_calls(mesh, "", "job", "v1", "j", 100, 0, 5, 6);
        mesh_tick(mesh);
        if (i == 3 * HOUR) before = mesh->traffic;
    }
    CHECK_EQUAL(mesh->traffic, before);
    mesh_free(mesh);
}

TEST(what_the_hour_had_yesterday_is_no_surge) {
    testmesh_t *mesh = mesh_new();
    mesh->bucket = mesh->bucket / DAY_BUCKETS * DAY_BUCKETS;
    uint32_t told[3];
    for (int day = 0; day < 3; day++) {
        uint32_t before = mesh->traffic;
        for (int b = 0; b < DAY_BUCKETS; b++) requests(mesh, b >= 9 * HOUR && b < 10 * HOUR ? 150 : 40, 0);
        told[day] = mesh->traffic - before;
    }
    CHECK(told[0] > 0);
    CHECK_EQUAL(told[1], 0);
    CHECK_EQUAL(told[2], 0);
    mesh_free(mesh);
}

TEST(a_muted_service_is_quiet) {
    testmesh_t *mesh = mesh_new();
    quiet(mesh, QUIET, 60);
    int64_t since = INT64_MIN;
    CHECK_EQUAL(analyzer_answer(mesh->analyzer, 1, 0, &since, INT64_MAX,
                                "{\"answer\":\"mute\",\"culprit\":null,\"targets\":[{\"service\":\"stock\",\"signal\":"
                                "\"traffic\",\"seen\":20,\"low\":5,\"high\":7},{\"service\":\"web\",\"signal\":"
                                "\"traffic\",\"seen\":20,\"low\":5,\"high\":7}]}"),
                ERR_OK);
    quiet(mesh, 6, 200);
    CHECK_EQUAL(mesh->traffic, 0);
    mesh_free(mesh);
}

/* --- causes --- */

TEST(a_surge_that_came_before_the_failures_is_their_cause) {
    testmesh_t *mesh = mesh_new();
    char text[1280];
    quiet(mesh, QUIET, 60);
    quiet(mesh, 4, 200);
    for (int i = 0; i < 6; i++) requests(mesh, 200, 90);
    CHECK_TEXT(mesh->first, "stock");
    CHECK_TEXT(cause_of(mesh, text, sizeof text), "surge");
    CHECK(strstr(text, "a surge of requests to stock: 20/s since") != NULL);
    mesh_free(mesh);
}

/* Failing calls are tried again: the stock is asked three times as often, the web is not. */
TEST(more_calls_because_of_failures_are_no_cause) {
    testmesh_t *mesh = mesh_new();
    char text[1280];
    quiet(mesh, QUIET, 60);
    for (int i = 0; i < 8; i++) {
        mesh_calls(mesh, "", "web", "v1", "w", 60, 0, 20, 22);
        mesh_calls(mesh, "web", "stock", "v1", "s", 180, 150, 5, 6);
        mesh_tick(mesh);
    }
    CHECK_TEXT(mesh->first, "stock");
    CHECK_TEXT(cause_of(mesh, text, sizeof text), "");
    mesh_free(mesh);
}

TEST(a_version_that_is_given_more_of_the_requests_is_the_cause) {
    testmesh_t *mesh = mesh_new();
    char text[1280];
    for (int i = 0; i < QUIET + 8; i++) {
        uint64_t share = i < QUIET ? 10 : 60;
        mesh_calls(mesh, "web", "stock", "v1", "a", 100 - share, 0, 5, 6);
        mesh_calls(mesh, "web", "stock", "v2", "b", share, i < QUIET ? 0 : 30, 5, 6);
        mesh_tick(mesh);
    }
    CHECK_TEXT(cause_of(mesh, text, sizeof text), "weights");
    CHECK(strstr(text, "version v2 of stock takes 60 % of its requests, 10 % before") != NULL);
    mesh_free(mesh);
}

/* One of two instances of the stock takes calls no more; they are lost until their callers give up. */
TEST(an_instance_that_answers_no_more_is_the_cause_and_is_said_so) {
    testmesh_t *mesh = mesh_new();
    char text[1280];
    for (int i = 0; i < QUIET + 12; i++) {
        bool silent = i >= QUIET;
        mesh_calls(mesh, "", "web", "v1", "w", 60, silent ? 28 : 0, silent ? 900 : 20, silent ? 902 : 22);
        mesh_calls(mesh, "web", "stock", "v1", "a", 30, 0, 5, 6);
        if (!silent) mesh_calls(mesh, "web", "stock", "v1", "b", 30, 0, 5, 6);
        mesh_tick(mesh);
    }
    CHECK_TEXT(mesh->first, "stock");
    CHECK_TEXT(cause_of(mesh, text, sizeof text), "silence");
    CHECK(strstr(text, "instance b of stock answers nothing since") != NULL);
    CHECK(strstr(mesh->incident, "stock b answers no more") != NULL);
    CHECK(strstr(mesh->incident, "stock (b) traffic is 0/s, expected") != NULL);
    mesh_free(mesh);
}

TEST(a_surge_explains_no_failures_of_one_version_alone) {
    testmesh_t *mesh = mesh_new();
    char text[1280];
    for (int i = 0; i < QUIET + 12; i++) {
        uint64_t times = i < QUIET ? 1 : 4;
        mesh_calls(mesh, "", "web", "v1", "w", 60 * times, 0, 20, 22);
        mesh_calls(mesh, "web", "stock", "v1", "a", 30 * times, 0, 5, 6);
        mesh_calls(mesh, "web", "stock", "v2", "b", 30 * times, i < QUIET + 3 ? 0 : 60, 5, 6);
        mesh_tick(mesh);
    }
    CHECK_TEXT(mesh->first, "stock");
    CHECK_TEXT(cause_of(mesh, text, sizeof text), "");
    mesh_free(mesh);
}

TEST_MAIN(TEST_CASE(a_surge_is_told_without_an_incident), TEST_CASE(a_drop_is_told_and_after_an_hour_it_is_usual),
          TEST_CASE(a_slow_rise_is_none), TEST_CASE(a_service_that_is_asked_no_more_is_told_while_others_go_on),
          TEST_CASE(when_all_fall_silent_the_telemetry_stopped),
          TEST_CASE(a_job_that_runs_now_and_then_is_never_silent_nor_a_surge),
          TEST_CASE(what_the_hour_had_yesterday_is_no_surge), TEST_CASE(a_muted_service_is_quiet),
          TEST_CASE(a_surge_that_came_before_the_failures_is_their_cause),
          TEST_CASE(more_calls_because_of_failures_are_no_cause),
          TEST_CASE(a_version_that_is_given_more_of_the_requests_is_the_cause),
          TEST_CASE(an_instance_that_answers_no_more_is_the_cause_and_is_said_so),
          TEST_CASE(a_surge_explains_no_failures_of_one_version_alone))
