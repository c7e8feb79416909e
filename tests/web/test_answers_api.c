#define _GNU_SOURCE
#include "tests/web/served.h"

static const char own[] = "X-Seismesh: 1\nContent-Type: application/json";

static json_t *ask_json(const server_t *server, const char *method, const char *path, const char *headers,
                        const char *body, long *status) {
    reply_t reply;
    ask(server, method, path, headers, body, &reply);
    *status = reply.status;
    json_t *document = json_loads(body_of(&reply), 0, NULL);
    reply_fini(&reply);
    return document;
}

static const char *text(const json_t *object, const char *key) {
    const char *value = json_string_value(json_object_get(object, key));
    return value == NULL ? "" : value;
}

static bool level_is(const server_t *server, const char *level) {
    long status;
    json_t *document = ask_json(server, "GET", "/api/v1/status", NULL, NULL, &status);
    bool same = strcmp(text(json_object_get(document, "health"), "level"), level) == 0;
    json_decref(document);
    return same;
}

static bool health_says(const server_t *server, const char *words) {
    long status;
    json_t *document = ask_json(server, "GET", "/api/v1/status", NULL, NULL, &status);
    bool says = strstr(text(json_object_get(document, "health"), "sentence"), words) != NULL;
    json_decref(document);
    return says;
}

static long answer(const server_t *server, const char *body) {
    long status;
    json_decref(ask_json(server, "POST", "/api/v1/incidents/1/answer", own, body, &status));
    return status;
}

TEST(an_answered_incident_does_not_count_until_it_is_taken_back) {
    static const char *const answers[] = {"expected", "wrong", "mute"};
    server_t server;
    long status;
    REQUIRE(server_start(&server, true, 0));
    CHECK(level_is(&server, "critical"));
    for (size_t i = 0; i < 3; i++) {
        char body[100], path[64];
        (void)snprintf(body, sizeof body, "{\"answer\":\"%s\",\"note\":\"a sale\",\"who\":\"ada\"}", answers[i]);
        json_t *given = ask_json(&server, "POST", "/api/v1/incidents/1/answer", own, body, &status);
        CHECK_EQUAL(status, 200);
        CHECK_TEXT(text(given, "answer"), answers[i]);
        CHECK_TEXT(text(given, "note"), "a sale");
        CHECK_TEXT(text(given, "who"), "ada");
        CHECK_EQUAL(json_array_size(json_object_get(given, "targets")), 1);
        CHECK(json_is_null(json_object_get(given, "until_ms")) == (strcmp(answers[i], "mute") != 0));
        CHECK(level_is(&server, "ok"));
        CHECK(health_says(&server, "1 known incident is not counted."));
        json_t *incident = ask_json(&server, "GET", "/api/v1/incidents/1", NULL, NULL, &status);
        CHECK_TEXT(text(incident, "answered"), answers[i]);
        CHECK_EQUAL(json_array_size(json_object_get(incident, "answers")), 1);
        (void)snprintf(path, sizeof path, "/api/v1/answers/%lld", json_integer_value(json_object_get(given, "id")));
        json_decref(ask_json(&server, "DELETE", path, own, NULL, &status));
        CHECK_EQUAL(status, 200);
        CHECK(level_is(&server, "critical"));
        json_decref(ask_json(&server, "DELETE", path, own, NULL, &status));
        CHECK_EQUAL(status, 409);
        json_decref(incident);
        json_decref(given);
    }
    server_stop(&server);
}

TEST(a_wrong_culprit_leaves_the_incident_in_the_count) {
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    CHECK_EQUAL(answer(&server, "{\"answer\":\"wrong\",\"culprit\":\"shop/cart\"}"), 200);
    CHECK(level_is(&server, "critical"));
    server_stop(&server);
}

TEST(no_other_site_can_answer_or_take_back) {
    server_t server;
    long status;
    REQUIRE(server_start(&server, true, 0));
    CHECK_EQUAL(answer(&server, "{\"answer\":\"mute\"}"), 200);
    static const char *const headers[] = {NULL, "Content-Type: application/json",
                                          "X-Seismesh: 1\nOrigin: http://elsewhere.example",
                                          "X-Seismesh: 1\nSec-Fetch-Site: cross-site"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        json_decref(
            ask_json(&server, "POST", "/api/v1/incidents/1/answer", headers[i], "{\"answer\":\"wrong\"}", &status));
        CHECK_EQUAL(status, 403);
        json_decref(ask_json(&server, "DELETE", "/api/v1/answers/1", headers[i], NULL, &status));
        CHECK_EQUAL(status, 403);
    }
    json_t *list = ask_json(&server, "GET", "/api/v1/answers?state=all", NULL, NULL, &status);
    CHECK_EQUAL(json_array_size(json_object_get(list, "answers")), 1);
    CHECK(json_is_true(json_object_get(json_array_get(json_object_get(list, "answers"), 0), "in_force")));
    json_decref(list);
    server_stop(&server);
}

TEST(what_is_no_answer_is_refused) {
    static const char *const bodies[] = {"",
                                         "[]",
                                         "{}",
                                         "{\"answer\":1}",
                                         "{\"answer\":\"maybe\"}",
                                         "{\"answer\":\"mute\",\"until\":\"yesterday\"}",
                                         "{\"answer\":\"mute\",\"until\":\"-2h\"}",
                                         "{\"answer\":\"mute\",\"until\":\"2001-01-01T00:00:00Z\"}",
                                         "{\"answer\":\"mute\",\"culprit\":\"shop/cart\"}",
                                         "{\"answer\":\"mute\",\"colour\":\"red\"}",
                                         "{\"answer\":\"mute\",\"answer\":\"wrong\"}",
                                         "{\"answer\":\"mute\",\"note\":7}"};
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) CHECK_EQUAL(answer(&server, bodies[i]), 400);
    char *body = malloc(4000);
    REQUIRE(body != NULL);
    memset(body, 'x', 4000);
    (void)memcpy(body, "{\"answer\":\"mute\",\"note\":\"", 25);
    (void)memcpy(body + 3990, "\"}", 3);
    CHECK_EQUAL(answer(&server, body), 400);
    free(body);
    CHECK_EQUAL(server.answers, 0);
    server_stop(&server);
}

TEST(why_is_the_same_for_an_incident_and_for_its_anomalies) {
    server_t server;
    long status;
    REQUIRE(server_start(&server, true, 0));
    json_t *incident = ask_json(&server, "GET", "/api/v1/incidents/1", NULL, NULL, &status);
    json_t *why = ask_json(&server, "GET", "/api/v1/why/1", NULL, NULL, &status);
    CHECK_EQUAL(status, 200);
    CHECK_TEXT(text(why, "sentence"), text(json_object_get(incident, "explanation"), "sentence"));
    CHECK(json_equal(json_object_get(why, "suspects"), json_object_get(incident, "suspects")));
    json_t *anomaly = json_array_get(json_object_get(incident, "anomalies"), 0);
    char path[64];
    (void)snprintf(path, sizeof path, "/api/v1/why/%s", text(anomaly, "id"));
    json_t *other = ask_json(&server, "GET", path, NULL, NULL, &status);
    CHECK_EQUAL(status, 200);
    CHECK_TEXT(text(other, "sentence"), text(anomaly, "sentence"));
    CHECK_TEXT(text(other, "about"), "anomaly");
    CHECK_EQUAL(json_integer_value(json_object_get(other, "incident")), 1);
    static const char *const nothing[] = {"0", "a", "a0", "aa1", "12345", "a99999", "x", "-1", "1a", "2"};
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        (void)snprintf(path, sizeof path, "/api/v1/why/%s", nothing[i]);
        json_decref(ask_json(&server, "GET", path, NULL, NULL, &status));
        CHECK_EQUAL(status, 404);
    }
    json_decref(other);
    json_decref(why);
    json_decref(incident);
    server_stop(&server);
}

TEST(answers_that_are_over_make_room_in_the_store) {
    server_t server;
    long status;
    REQUIRE(server_start(&server, true, 0));
    for (uint64_t id = 1; id <= STORE_ANSWERS_MAX + 20; id++) {
        store_answer_t given = {
            .id = id, .incident = 1, .given_ns = (int64_t)id, .since_ns = 100, .until_ns = 50, .json = "{}"};
        if (id == 1) given.until_ns = INT64_MAX; /* in force: it stays */
        CHECK_EQUAL(store_answer(server.filled.store, &given), ERR_OK);
    }
    size_t kept = 0;
    bool first = false;
    char path[400] = "/api/v1/answers?state=all&limit=1000";
    for (int page = 0; page < 3 && path[0] != '\0'; page++) {
        json_t *list = ask_json(&server, "GET", path, NULL, NULL, &status), *answers = json_object_get(list, "answers");
        kept += json_array_size(answers);
        for (size_t i = 0; i < json_array_size(answers); i++)
            first |= json_integer_value(json_object_get(json_array_get(answers, i), "id")) == 1;
        const char *next = text(list, "next");
        (void)snprintf(path, sizeof path, next[0] == '\0' ? "" : "/api/v1/answers?state=all&limit=1000&cursor=%s",
                       next);
        json_decref(list);
    }
    CHECK_EQUAL(kept, STORE_ANSWERS_MAX);
    CHECK(first);
    server_stop(&server);
}

TEST_MAIN(TEST_CASE(an_answered_incident_does_not_count_until_it_is_taken_back),
          TEST_CASE(a_wrong_culprit_leaves_the_incident_in_the_count), TEST_CASE(no_other_site_can_answer_or_take_back),
          TEST_CASE(what_is_no_answer_is_refused), TEST_CASE(why_is_the_same_for_an_incident_and_for_its_anomalies),
          TEST_CASE(answers_that_are_over_make_room_in_the_store))
