/* /api/v1/canary and its gate, over a store in which v1 of shop/cart is fine, v2 is like it, v3 fails more, v4 is slow,
 * and a version with an attack for a name has had one request. */
#define _GNU_SOURCE /* strcasestr */
#include "tests/web/served.h"

enum { BUCKETS = 60 };

typedef struct {
    const char *name;
    int requests, fail_each, client_each; /* of a bucket; every so manieth fails, 0 = none */
    uint64_t ms;
} made_t;

static void fill_version(filled_t *filled, int64_t bucket, const made_t *made) {
    entity_key_t key = {.kind = ENTITY_VERSION,
                        .observer = OBSERVER_PROXY_SERVER,
                        .service = filled->cart,
                        .version = filled_name(filled, made->name)};
    cell_t *cell = shard_cell(&filled->shard, shard_entity(&filled->shard, &key), bucket);
    for (int i = 0; i < made->requests; i++) {
        int at = i + (int)(bucket % 7) * 3;
        bool fails = made->fail_each > 0 && at % made->fail_each == 0;
        bool refused = made->client_each > 0 && at % made->client_each == 1;
        cell_request(cell,
                     fails     ? FAILURE_SERVER
                     : refused ? FAILURE_CLIENT
                               : FAILURE_NONE,
                     made->ms * 1000000 + (uint64_t)(at % 10) * 100000);
    }
}

static bool start(server_t *server) {
    static const made_t versions[] = {{"v1", 60, 100, 0, 20},
                                      {"v2", 40, 100, 3, 20},
                                      {"v3", 40, 12, 0, 20},
                                      {"v4", 40, 100, 0, 60},
                                      {FILLED_ATTACK, 0, 0, 0, 20}};
    if (!server_start(server, false, 0)) return false;
    filled_t *filled = &server->filled;
    filled->cart = filled_name(filled, "shop/cart");
    entity_key_t service = {.kind = ENTITY_SERVICE, .observer = OBSERVER_PROXY_SERVER, .service = filled->cart};
    for (int64_t i = 0; i < BUCKETS; i++) {
        int64_t bucket = filled_start_ns / BUCKET_NS + i;
        cell_request(shard_cell(&filled->shard, shard_entity(&filled->shard, &service), bucket), FAILURE_NONE, 1000);
        for (size_t v = 0; v < sizeof versions / sizeof versions[0]; v++) fill_version(filled, bucket, &versions[v]);
    }
    made_t one = versions[4];
    one.requests = 1;
    fill_version(filled, filled_start_ns / BUCKET_NS + 30, &one);
    return filled_checkpoint(filled, 1000) == ERR_OK;
}

static json_t *verdict_of(const server_t *server, const char *baseline, const char *candidate, const char *more) {
    char target[1024], *escaped = curl_easy_escape(NULL, candidate, 0);
    (void)snprintf(target, sizeof target, "/api/v1/canary?service=shop/cart&baseline=%s&canary=%s%s", baseline, escaped,
                   more);
    curl_free(escaped);
    return get_json(server, target, 200);
}

TEST(two_versions_get_a_verdict_with_numbers) {
    const struct {
        const char *baseline, *candidate, *verdict, *signal, *words;
    } cases[] = {
        {"v1", "v2", "pass", "", "v2 of shop/cart passes: it failed "},
        {"v1", "v3", "fail", "errors", "v3 of shop/cart fails: it failed "},
        {"v3", "v1", "pass", "", "v1 of shop/cart passes"},
        {"v1", "v4", "fail", "p50", "v4 of shop/cart fails: its "},
        {"v4", "v1", "pass", "", "passes"},
        {"v1", "v9", "not_enough_data", "", "Not enough data on v9 of shop/cart: it has had no requests; about "},
        {"v9", "v1", "not_enough_data", "", "v9, to compare it with, has had no requests"},
        {"v1", FILLED_ATTACK, "not_enough_data", "", "it has had 1 requests beside 60 to v1"},
    };
    server_t server;
    REQUIRE(start(&server));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *answer = verdict_of(&server, cases[i].baseline, cases[i].candidate, "");
        CHECK_TEXT(text_at(answer, "verdict"), cases[i].verdict);
        if (cases[i].signal[0] != 'p') CHECK_TEXT(text_at(answer, "signal"), cases[i].signal);
        bool said = strstr(text_at(answer, "sentence"), cases[i].words) != NULL;
        if (!said) (void)json_dumpf(answer, stderr, 0);
        CHECK(said);
        CHECK_TEXT(text_at(json_object_get(answer, "canary"), "version"), cases[i].candidate);
        bool decided = strcmp(cases[i].verdict, "not_enough_data") != 0;
        CHECK(json_is_null(json_object_get(answer, "more_requests")) == decided);
        json_decref(answer);
    }
    server_stop(&server);
}

TEST(client_errors_are_no_errors) {
    server_t server;
    REQUIRE(start(&server));
    json_t *answer = verdict_of(&server, "v1", "v2", "");
    const json_t *canary = json_object_get(answer, "canary");
    CHECK(json_number_value(json_object_get(canary, "client_error_ratio")) > 0.2);
    CHECK(json_number_value(json_object_get(canary, "error_ratio")) < 0.03);
    CHECK(strstr(text_at(answer, "sentence"), "(4xx), which do not count") != NULL);
    json_decref(answer);
    server_stop(&server);
}

TEST(the_range_and_the_settings_are_taken) {
    server_t server;
    REQUIRE(start(&server));
    json_t *answer = verdict_of(&server, "v1", "v2", "&start=-60s");
    CHECK_EQUAL(json_integer_value(json_object_get(answer, "buckets")), 6);
    json_decref(answer);
    answer = verdict_of(&server, "v1", "v3", "&error_points=50&latency_factor=3.5");
    CHECK_TEXT(text_at(answer, "verdict"), "pass"); /* 7 points more are tolerated now */
    const json_t *settings = json_object_get(answer, "settings");
    CHECK(json_number_value(json_object_get(settings, "error_points")) == 50);
    CHECK(json_number_value(json_object_get(settings, "latency_factor")) == 3.5);
    json_decref(answer);
    answer = verdict_of(&server, "v1", "v2", "&start=0"); /* still buckets of 10 s */
    CHECK_TEXT(text_at(answer, "verdict"), "pass");
    CHECK_EQUAL(json_integer_value(json_object_get(answer, "buckets")), BUCKETS);
    json_decref(answer);
    answer = verdict_of(&server, "v1", "v2", "&start=1600000000&end=1600000600"); /* before there was anything */
    CHECK_TEXT(text_at(answer, "verdict"), "not_enough_data");
    json_decref(answer);
    server_stop(&server);
}

TEST(wrong_questions_are_refused_by_name) {
    const struct {
        const char *query;
        long status;
        const char *parameter;
    } cases[] = {
        {"service=shop/cart&baseline=v1", 400, "canary"},
        {"baseline=v1&canary=v2", 400, "service"},
        {"service=shop/cart&canary=v2", 400, "baseline"},
        {"service=shop/cart&baseline=v1&canary=v1", 400, "canary"},
        {"service=shop/cart&baseline=v1&canary=v2&alpha=nan", 400, "alpha"},
        {"service=shop/cart&baseline=v1&canary=v2&alpha=1e-3", 400, "alpha"},
        {"service=shop/cart&baseline=v1&canary=v2&alpha=0", 400, "alpha"},
        {"service=shop/cart&baseline=v1&canary=v2&confidence=1", 400, "confidence"},
        {"service=shop/cart&baseline=v1&canary=v2&error_points=-5", 400, "error_points"},
        {"service=shop/cart&baseline=v1&canary=v2&latency_factor=1", 400, "latency_factor"},
        {"service=shop/cart&baseline=v1&canary=v2&latency_factor=99999999999999999999999999", 400, "latency_factor"},
        {"service=shop/cart&baseline=v1&canary=v2&open=pass", 400, "open"}, /* the gate's */
        {"service=nobody&baseline=v1&canary=v2", 404, ""},
        {"service=v1&baseline=v1&canary=v2", 404, ""}, /* a name, but of no service */
    };
    server_t server;
    REQUIRE(start(&server));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char target[512];
        (void)snprintf(target, sizeof target, "/api/v1/canary?%s", cases[i].query);
        json_t *answer = get_json(&server, target, cases[i].status);
        CHECK_TEXT(text_at(json_object_get(answer, "error"), "parameter"), cases[i].parameter);
        json_decref(answer);
    }
    server_stop(&server);
}

TEST(the_gate_speaks_in_status_codes_to_any_webhook) {
    const struct {
        const char *candidate, *open;
        long status;
    } cases[] = {{"v2", "", 200},
                 {"v3", "", 409},
                 {"v9", "", 409},
                 {"v2", "&open=unless_fail", 200},
                 {"v3", "&open=unless_fail", 409},
                 {"v9", "&open=unless_fail", 200},
                 {"v2", "&open=on_fail", 409},
                 {"v3", "&open=on_fail", 200},
                 {"v9", "&open=on_fail", 409}};
    server_t server;
    reply_t reply;
    REQUIRE(start(&server));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char target[512];
        (void)snprintf(target, sizeof target, "/api/v1/canary/gate?service=shop/cart&baseline=v1&canary=%s%s",
                       cases[i].candidate, cases[i].open);
        ask(&server, "POST", target, "Content-Type: application/json",
            "{\"name\":\"cart\",\"namespace\":\"shop\",\"phase\":\"Progressing\",\"metadata\":{}}", &reply);
        CHECK_EQUAL(reply.status, cases[i].status);
        CHECK(has_header(&reply, "content-type: text/plain"));
        CHECK(strstr(body_of(&reply), "of shop/cart") != NULL);
        reply_fini(&reply);
    }
    ask(&server, "GET", "/api/v1/canary/gate?service=shop/cart&baseline=v1&canary=v2", NULL, NULL, &reply);
    CHECK_EQUAL(reply.status, 405);
    reply_fini(&reply);
    ask(&server, "POST", "/api/v1/suggestions/1/accept", NULL, "",
        &reply); /* what changes something is still guarded */
    CHECK_EQUAL(reply.status, 403);
    reply_fini(&reply);
    server_stop(&server);
}

TEST(an_empty_store_knows_no_service) {
    server_t server;
    REQUIRE(server_start(&server, false, 0));
    json_decref(get_json(&server, "/api/v1/canary?service=shop/cart&baseline=v1&canary=v2", 404));
    server_stop(&server);
}

TEST_MAIN(TEST_CASE(two_versions_get_a_verdict_with_numbers), TEST_CASE(client_errors_are_no_errors),
          TEST_CASE(the_range_and_the_settings_are_taken), TEST_CASE(wrong_questions_are_refused_by_name),
          TEST_CASE(the_gate_speaks_in_status_codes_to_any_webhook), TEST_CASE(an_empty_store_knows_no_service))
