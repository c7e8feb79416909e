#include "analyzer/answers.h"
#include "tests/analyzer/mesh.h"

#include <jansson.h>

enum { QUIET = 40, OVER = 30 };

static void calls(testmesh_t *mesh, double stock_ms, uint64_t failed) {
    mesh_calls(mesh, "gate", "web", "v1", "web-1", 60, failed, 20 + stock_ms, 22 + stock_ms);
    mesh_calls(mesh, "web", "stock", "v1", "stock-1", 60, failed, stock_ms, stock_ms + 2);
    mesh_tick(mesh);
}

static void run(testmesh_t *mesh, int buckets, double stock_ms, uint64_t failed) {
    for (int i = 0; i < buckets; i++) calls(mesh, stock_ms, failed);
}

static uint32_t incidents(testmesh_t *mesh) {
    uint32_t most = 0;
    buffer_byte(&mesh->told, '\0');
    mesh->told.len--;
    for (const char *at = (const char *)mesh->told.data; (at = strstr(at, "incident ")) != NULL; at++) {
        unsigned id = 0;
        if (sscanf(at, "incident %u ", &id) == 1 && id > most) most = id;
    }
    return most;
}

static bool says(const testmesh_t *mesh, const char *words) {
    return strstr(mesh->incident, words) != NULL;
}

/* Answers the incident told last, for its own deviations. */
static err_t answer(testmesh_t *mesh, uint64_t id, const char *what, const char *culprit, int64_t until_ns) {
    json_t *incident = json_loads(mesh->incident, 0, NULL);
    json_t *document = json_pack("{ss,ss*,sO}", "answer", what, "culprit", culprit, "targets",
                                 json_object_get(incident, "deviations"));
    char *json = json_dumps(document, JSON_COMPACT);
    int64_t since_ns = INT64_MIN;
    err_t err = analyzer_answer(mesh->analyzer, id, incidents(mesh), &since_ns, until_ns, json);
    free(json);
    json_decref(document);
    json_decref(incident);
    return err;
}

/* An incident of a slow stock, still open. */
static testmesh_t *slow(double ms) {
    testmesh_t *mesh = mesh_new();
    run(mesh, QUIET, 5, 0);
    run(mesh, 6, ms, 0);
    return mesh;
}

TEST(without_an_answer_it_comes_again) {
    testmesh_t *mesh = slow(200);
    CHECK_EQUAL(incidents(mesh), 1);
    run(mesh, OVER, 5, 0);
    CHECK(says(mesh, "\"state\":\"closed\""));
    run(mesh, 6, 200, 0);
    CHECK_EQUAL(incidents(mesh), 2);
    mesh_free(mesh);
}

TEST(what_is_expected_is_closed_and_does_not_come_again) {
    testmesh_t *mesh = slow(200);
    CHECK_EQUAL(answer(mesh, 1, "expected", NULL, INT64_MAX), ERR_OK);
    run(mesh, 1, 200, 0);
    CHECK(says(mesh, "\"state\":\"closed\""));
    CHECK(says(mesh, "\"answered\":\"expected\""));
    run(mesh, OVER, 5, 0);
    run(mesh, OVER, 200, 0);
    CHECK_EQUAL(incidents(mesh), 1);
    mesh_free(mesh);
}

TEST(much_worse_than_expected_is_told) {
    testmesh_t *mesh = slow(200);
    CHECK_EQUAL(answer(mesh, 1, "expected", NULL, INT64_MAX), ERR_OK);
    run(mesh, 10, 5, 0);
    run(mesh, 6, 1000, 0);
    CHECK_EQUAL(incidents(mesh), 2);
    mesh_free(mesh);
}

TEST(another_signal_than_the_expected_is_told) {
    testmesh_t *mesh = slow(200);
    CHECK_EQUAL(answer(mesh, 1, "expected", NULL, INT64_MAX), ERR_OK);
    run(mesh, 10, 200, 0);
    run(mesh, 6, 200, 30);
    CHECK_EQUAL(incidents(mesh), 2);
    CHECK(says(mesh, "error ratio"));
    mesh_free(mesh);
}

TEST(what_is_expected_is_learned) {
    testmesh_t *mesh = slow(200);
    CHECK_EQUAL(answer(mesh, 1, "expected", NULL, INT64_MAX), ERR_OK);
    run(mesh, 200, 200, 0);
    analyzer_revoke(mesh->analyzer, 1, analyzer_seen_until(mesh->analyzer));
    run(mesh, 30, 200, 0);
    CHECK_EQUAL(incidents(mesh), 1);
    mesh_free(mesh);
}

TEST(an_answer_that_is_taken_back_counts_no_more) {
    testmesh_t *mesh = slow(200);
    CHECK_EQUAL(answer(mesh, 1, "expected", NULL, INT64_MAX), ERR_OK);
    run(mesh, OVER, 5, 0);
    analyzer_revoke(mesh->analyzer, 1, analyzer_seen_until(mesh->analyzer));
    run(mesh, 6, 200, 0);
    CHECK_EQUAL(incidents(mesh), 2);
    mesh_free(mesh);
}

TEST(an_answer_ends_when_it_says) {
    testmesh_t *mesh = slow(200);
    CHECK_EQUAL(answer(mesh, 1, "expected", NULL, (mesh->bucket + 10) * BUCKET_NS), ERR_OK);
    run(mesh, OVER, 5, 0);
    run(mesh, 6, 200, 0);
    CHECK_EQUAL(incidents(mesh), 2);
    mesh_free(mesh);
}

TEST(a_mute_is_recorded_and_ends) {
    testmesh_t *mesh = slow(200);
    CHECK_EQUAL(answer(mesh, 1, "mute", NULL, (mesh->bucket + 60) * BUCKET_NS), ERR_OK);
    run(mesh, 2, 200, 0);
    CHECK(says(mesh, "\"state\":\"open\""));
    CHECK(says(mesh, "\"answered\":\"mute\""));
    run(mesh, OVER, 5, 0);
    run(mesh, 6, 200, 0); /* a new one, about the same */
    CHECK_EQUAL(incidents(mesh), 2);
    CHECK(says(mesh, "\"answered\":\"mute\""));
    run(mesh, OVER, 200, 0);
    CHECK(says(mesh, "\"state\":\"open\""));
    CHECK(says(mesh, "\"answered\":null"));
    mesh_free(mesh);
}

TEST(more_than_what_is_muted_is_told) {
    testmesh_t *mesh = slow(200);
    CHECK_EQUAL(answer(mesh, 1, "mute", NULL, INT64_MAX), ERR_OK);
    run(mesh, 2, 200, 0);
    CHECK(says(mesh, "\"answered\":\"mute\""));
    run(mesh, 6, 200, 30); /* fails, too */
    CHECK(says(mesh, "\"answered\":null"));
    mesh_free(mesh);
}

TEST(a_false_alarm_raises_the_bar_and_the_extreme_alarms_all_the_same) {
    testmesh_t *mesh = slow(16);
    CHECK_EQUAL(incidents(mesh), 1);
    CHECK_EQUAL(answer(mesh, 1, "wrong", NULL, INT64_MAX), ERR_OK);
    run(mesh, 1, 16, 0);
    CHECK(says(mesh, "\"state\":\"closed\""));
    run(mesh, OVER, 5, 0);
    run(mesh, 6, 16, 0);
    CHECK_EQUAL(incidents(mesh), 1);
    run(mesh, OVER, 5, 0);
    run(mesh, 6, 500, 0);
    CHECK_EQUAL(incidents(mesh), 2);
    mesh_free(mesh);
}

TEST(calling_it_wrong_again_and_again_never_hides_the_extreme) {
    testmesh_t *mesh = slow(500);
    for (uint64_t id = 1; id <= 50; id++) CHECK_EQUAL(answer(mesh, id, "wrong", NULL, INT64_MAX), ERR_OK);
    run(mesh, 2, 500, 0);
    CHECK(says(mesh, "\"answered\":\"wrong\"")); /* this one: a person knows it */
    run(mesh, OVER, 5, 0);
    CHECK(says(mesh, "\"state\":\"closed\""));
    run(mesh, 6, 500, 0);
    CHECK_EQUAL(incidents(mesh), 2);
    CHECK(says(mesh, "\"answered\":null"));
    mesh_free(mesh);
}

TEST(a_culprit_that_is_wrong_is_not_established) {
    testmesh_t *mesh = slow(200);
    CHECK(says(mesh, "\"established\":true"));
    CHECK_EQUAL(answer(mesh, 1, "wrong", "stock", INT64_MAX), ERR_OK);
    run(mesh, 2, 200, 0);
    CHECK(says(mesh, "\"established\":false"));
    CHECK(says(mesh, "a person says that it was not stock"));
    CHECK(says(mesh, "\"answered\":null"));
    mesh_free(mesh);
}

/* The state is saved at any bucket, and the answers come out of the store again: the same is told. */
TEST(after_a_restart_it_goes_on_as_if_nothing_had_happened) {
    buffer_t told[2] = {{0}, {0}};
    for (int restart = 0; restart < 2; restart++) {
        testmesh_t *mesh = slow(200);
        CHECK_EQUAL(answer(mesh, 1, "mute", NULL, (mesh->bucket + 20) * BUCKET_NS), ERR_OK);
        run(mesh, 5, 200, 0);
        if (restart == 1) {
            buffer_t state = {0};
            analyzer_config_t config;
            analyzer_config_defaults(&config);
            analyzer_save(mesh->analyzer, &state);
            int64_t since_ns = (mesh->bucket - 5) * BUCKET_NS;
            json_t *incident = json_loads(mesh->incident, 0, NULL);
            json_t *document =
                json_pack("{ss,sO}", "answer", "mute", "targets", json_object_get(incident, "deviations"));
            char *json = json_dumps(document, JSON_COMPACT);
            analyzer_free(mesh->analyzer);
            mesh->analyzer = analyzer_new(&config, mesh_sink(mesh));
            CHECK_EQUAL(analyzer_answer(mesh->analyzer, 1, 1, &since_ns, (mesh->bucket + 15) * BUCKET_NS, json),
                        ERR_OK);
            CHECK_EQUAL(analyzer_load(mesh->analyzer, buffer_slice(&state)), ERR_OK);
            buffer_fini(&state);
            free(json);
            json_decref(document);
            json_decref(incident);
        }
        run(mesh, 40, 200, 0);
        buffer_append(&told[restart], mesh->told.data, mesh->told.len);
        mesh_free(mesh);
    }
    CHECK_EQUAL(told[0].len, told[1].len);
    CHECK(told[0].len == told[1].len && memcmp(told[0].data, told[1].data, told[0].len) == 0);
    buffer_fini(&told[0]);
    buffer_fini(&told[1]);
}

TEST(answers_are_bounded_and_those_that_are_over_make_room) {
    testmesh_t *mesh = slow(200);
    int64_t soon = (mesh->bucket + 2) * BUCKET_NS;
    for (uint64_t id = 1; id <= ANSWERS_MAX; id++) CHECK_EQUAL(answer(mesh, id, "mute", NULL, soon), ERR_OK);
    CHECK_EQUAL(answer(mesh, ANSWERS_MAX + 1, "mute", NULL, soon), ERR_FULL);
    CHECK_EQUAL(answer(mesh, 1, "mute", NULL, soon), ERR_OK); /* in place of itself */
    run(mesh, 3, 200, 0);
    CHECK_EQUAL(answer(mesh, ANSWERS_MAX + 1, "mute", NULL, INT64_MAX), ERR_OK);
    mesh_free(mesh);
}

TEST(what_is_no_answer_is_refused) {
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"answer\":\"perhaps\",\"targets\":[]}",
        "{\"answer\":\"mute\"}",
        "{\"answer\":\"mute\",\"targets\":[{\"service\":\"a\"}]}",
        "{\"answer\":\"mute\",\"targets\":[{\"service\":1,\"signal\":\"errors\",\"seen\":1,\"high\":1}]}",
        "{\"answer\":\"expected\",\"targets\":[{\"service\":\"a\",\"signal\":\"errors\",\"seen\":\"x\",\"high\":1}]}"};
    testmesh_t *mesh = mesh_new();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t since_ns = INT64_MIN;
        CHECK_EQUAL(analyzer_answer(mesh->analyzer, 1, 1, &since_ns, INT64_MAX, bad[i]), ERR_MALFORMED);
    }
    mesh_free(mesh);
}

TEST_MAIN(TEST_CASE(without_an_answer_it_comes_again), TEST_CASE(what_is_expected_is_closed_and_does_not_come_again),
          TEST_CASE(much_worse_than_expected_is_told), TEST_CASE(another_signal_than_the_expected_is_told),
          TEST_CASE(what_is_expected_is_learned), TEST_CASE(an_answer_that_is_taken_back_counts_no_more),
          TEST_CASE(an_answer_ends_when_it_says), TEST_CASE(a_mute_is_recorded_and_ends),
          TEST_CASE(more_than_what_is_muted_is_told),
          TEST_CASE(a_false_alarm_raises_the_bar_and_the_extreme_alarms_all_the_same),
          TEST_CASE(calling_it_wrong_again_and_again_never_hides_the_extreme),
          TEST_CASE(a_culprit_that_is_wrong_is_not_established),
          TEST_CASE(after_a_restart_it_goes_on_as_if_nothing_had_happened),
          TEST_CASE(answers_are_bounded_and_those_that_are_over_make_room), TEST_CASE(what_is_no_answer_is_refused))
