/* The web server's walls over a small store: every way to ask wrongly, limits, headers, files, streams. */
#define _GNU_SOURCE /* strcasestr */
#include "tests/web/served.h"
#include "web/internal.h"

#include <pthread.h>
#include <time.h>

/* --- wrong questions --- */

TEST(wrong_questions_get_the_documented_error) {
    static const struct {
        const char *method, *target, *headers, *body;
        long status;
        const char *code, *parameter;
    } cases[] = {
        {"GET", "/api/v1/status?x=1", NULL, NULL, 400, "unknown_parameter", "x"},
        {"GET", "/api/v1/services?start=yesterday", NULL, NULL, 400, "invalid_parameter", "start"},
        {"GET", "/api/v1/services?end=1700000000123456", NULL, NULL, 400, "invalid_parameter", "end"},
        {"GET", "/api/v1/services?start=1700000000&end=1600000000", NULL, NULL, 400, "invalid_parameter", "start"},
        {"GET", "/api/v1/services?limit=0", NULL, NULL, 400, "invalid_parameter", "limit"},
        {"GET", "/api/v1/services?limit=1001", NULL, NULL, 400, "invalid_parameter", "limit"},
        {"GET", "/api/v1/services?limit=-1", NULL, NULL, 400, "invalid_parameter", "limit"},
        {"GET", "/api/v1/services?limit=", NULL, NULL, 400, "invalid_parameter", "limit"},
        {"GET", "/api/v1/services?limit=5&limit=6", NULL, NULL, 400, "invalid_parameter", "limit"},
        {"GET", "/api/v1/services?cursor=x", NULL, NULL, 400, "invalid_parameter", "cursor"},
        {"GET", "/api/v1/incidents?cursor=x", NULL, NULL, 400, "invalid_parameter", "cursor"},
        {"GET", "/api/v1/incidents?state=opened", NULL, NULL, 400, "invalid_parameter", "state"},
        {"GET", "/api/v1/incidents?state=", NULL, NULL, 400, "invalid_parameter", "state"},
        {"GET", "/api/v1/suggestions?state=ope", NULL, NULL, 400, "invalid_parameter", "state"},
        {"GET", "/api/v1/series", NULL, NULL, 400, "invalid_parameter", "service"},
        {"GET", "/api/v1/series?service=a&edge=a%3Eb", NULL, NULL, 400, "invalid_parameter", "service"},
        {"GET", "/api/v1/series?edge=shop/cart", NULL, NULL, 400, "invalid_parameter", "edge"},
        {"GET", "/api/v1/series?service=shop/cart&version=v1&zone=eu-1a", NULL, NULL, 400, "invalid_parameter", "zone"},
        {"GET", "/api/v1/series?edge=shop/front%3Eshop/cart&version=v1", NULL, NULL, 400, "invalid_parameter",
         "version"},
        {"GET", "/api/v1/series?service=shop/cart&step=11", NULL, NULL, 400, "invalid_parameter", "step"},
        {"GET", "/api/v1/series?service=shop/cart&step=10&start=0", NULL, NULL, 400, "invalid_parameter", "step"},
        {"GET", "/api/v1/series?service=nobody", NULL, NULL, 404, "not_found", NULL},
        {"GET", "/api/v1/series?service=shop/cart&version=nine", NULL, NULL, 404, "not_found", NULL},
        {"GET", "/api/v1/services/nobody", NULL, NULL, 404, "not_found", NULL},
        {"GET", "/api/v1/services/v1", NULL, NULL, 404, "not_found", NULL}, /* a name, but no service's */
        {"GET", "/api/v1/services/shop/cart", NULL, NULL, 404, "not_found", NULL},
        {"GET", "/api/v1/services/", NULL, NULL, 404, "not_found", NULL},
        {"GET", "/api/v1/incidents/99", NULL, NULL, 404, "not_found", NULL},
        {"GET", "/api/v1/incidents/x", NULL, NULL, 404, "not_found", NULL},
        {"GET", "/api/v1/suggestions/18446744073709551616", NULL, NULL, 404, "not_found", NULL},
        {"GET", "/api/v1/traces/zz", NULL, NULL, 400, "invalid_parameter", "id"},
        {"GET", "/api/v1/traces/ffffffffffffffffffffffffffffffff", NULL, NULL, 404, "not_found", NULL},
        {"GET", "/api/v1/traces?attribute=novalue", NULL, NULL, 400, "invalid_parameter", "attribute"},
        {"GET", "/api/v1/traces?min_duration=5", NULL, NULL, 400, "invalid_parameter", "min_duration"},
        {"GET", "/api/v1/traces?max_duration=-5s", NULL, NULL, 400, "invalid_parameter", "max_duration"},
        {"GET", "/api/v1/traces?error=maybe", NULL, NULL, 400, "invalid_parameter", "error"},
        {"GET", "/api/v1/traces?operation=", NULL, NULL, 400, "invalid_parameter", "operation"},
        {"GET", "/api/v1/nothing", NULL, NULL, 404, "not_found", NULL},
        {"GET", "/api", NULL, NULL, 404, "not_found", NULL},
        {"GET", "/api/v1/services/%ff", NULL, NULL, 400, "invalid_target", NULL},
        {"GET", "/api/v1/services?search=%zz", NULL, NULL, 400, "invalid_target", NULL},
        {"GET", "/metrics?x=1", NULL, NULL, 400, "unknown_parameter", "x"},
        {"POST", "/api/v1/status", "X-Seismesh: 1", "", 405, "method_not_allowed", NULL},
        {"DELETE", "/api/v1/incidents/1", NULL, NULL, 405, "method_not_allowed", NULL},
        {"OPTIONS", "/api/v1/services", NULL, NULL, 405, "method_not_allowed", NULL},
        {"PUT", "/index.html", NULL, NULL, 405, "method_not_allowed", NULL},
        {"GET", "/api/v1/suggestions/1/accept", NULL, NULL, 405, "method_not_allowed", NULL},
        {"GET", "/api/v1/status", "Host: evil.example", NULL, 421, "wrong_host", NULL},
        {"POST", "/api/v1/suggestions/1/accept", "Host: evil.example\nX-Seismesh: 1", "", 421, "wrong_host", NULL},
        {"POST", "/api/v1/suggestions/1/accept", NULL, "", 403, "forbidden", NULL},
        {"POST", "/api/v1/suggestions/1/accept", "X-Seismesh: 1\nOrigin: http://evil.example", "", 403, "forbidden",
         NULL},
        {"POST", "/api/v1/suggestions/1/accept", "X-Seismesh: 1\nSec-Fetch-Site: cross-site", "", 403, "forbidden",
         NULL},
        {"POST", "/api/v1/suggestions/1/accept?reason=x", "X-Seismesh: 1", "", 400, "unknown_parameter", "reason"},
        {"POST", "/api/v1/suggestions/1/accept", "X-Seismesh: 1", "{", 400, "invalid_body", NULL},
        {"POST", "/api/v1/suggestions/1/accept", "X-Seismesh: 1", "[]", 400, "invalid_body", NULL},
        {"POST", "/api/v1/suggestions/1/accept", "X-Seismesh: 1", "null", 400, "invalid_body", NULL},
        {"POST", "/api/v1/suggestions/1/accept", "X-Seismesh: 1", "{\"reason\":7}", 400, "invalid_body", NULL},
        {"POST", "/api/v1/suggestions/1/accept", "X-Seismesh: 1", "{\"reason\":\"a\",\"reason\":\"b\"}", 400,
         "invalid_body", NULL},
        {"POST", "/api/v1/suggestions/1/accept", "X-Seismesh: 1", "{\"why\":\"a\"}", 400, "invalid_body", NULL},
        {"POST", "/api/v1/suggestions/99/accept", "X-Seismesh: 1", "", 404, "not_found", NULL},
        {"POST", "/api/v1/suggestions/-1/dismiss", "X-Seismesh: 1", "", 404, "not_found", NULL},
    };
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reply_t reply;
        ask(&server, cases[i].method, cases[i].target, cases[i].headers, cases[i].body, &reply);
        json_t *document = json_loads(body_of(&reply), 0, NULL);
        const json_t *error = json_object_get(document, "error");
        bool right = reply.status == cases[i].status && strcmp(text_at(error, "code"), cases[i].code) == 0 &&
                     strcmp(text_at(error, "parameter"), cases[i].parameter == NULL ? "" : cases[i].parameter) == 0 &&
                     text_at(error, "message")[0] != '\0' && has_header(&reply, "application/json");
        if (!right)
            (void)fprintf(stderr, "%s %s: %ld %s\n", cases[i].method, cases[i].target, reply.status, body_of(&reply));
        CHECK(right);
        CHECK(reply.status != 405 || has_header(&reply, "allow:"));
        json_decref(document);
        reply_fini(&reply);
    }
    server_stop(&server);
}

TEST(sizes_are_limited) {
    server_t server;
    reply_t reply;
    REQUIRE(server_start(&server, true, 0));
    static char big[80000];
    (void)snprintf(big, sizeof big, "{\"reason\":\"");
    memset(big + strlen(big), 'x', 70000);
    ask(&server, "POST", "/api/v1/suggestions/1/accept", "X-Seismesh: 1", big, &reply);
    CHECK_EQUAL(reply.status, 413);
    reply_fini(&reply);
    ask(&server, "POST", "/api/v1/suggestions/1/accept", "X-Seismesh: 1\nTransfer-Encoding: chunked", big, &reply);
    CHECK_EQUAL(reply.status, 413);
    reply_fini(&reply);
    static char longer[9000];
    memset(longer, 'a', sizeof longer - 1);
    memcpy(longer, "/api/v1/services?search=", strlen("/api/v1/services?search="));
    ask(&server, "GET", longer, NULL, NULL, &reply);
    CHECK_EQUAL(reply.status, 414);
    reply_fini(&reply);
    server_stop(&server);
}

/* --- headers --- */

TEST(every_answer_carries_the_security_headers) {
    static const char *const targets[] = {"/",
                                          "/services/shop%2Fcart",
                                          "/app.js",
                                          "/healthz",
                                          "/readyz",
                                          "/metrics",
                                          "/api/v1/status",
                                          "/api/v1/services",
                                          "/api/v1/services/nobody",
                                          "/api/v1/graph",
                                          "/api/v1/series?service=shop/cart",
                                          "/api/v1/anomalies",
                                          "/api/v1/incidents",
                                          "/api/v1/incidents/1",
                                          "/api/v1/suggestions",
                                          "/api/v1/suggestions/1",
                                          "/api/v1/suggestions/1/accept",
                                          "/api/v1/traces",
                                          "/api/v1/traces/00",
                                          "/api/v1/openapi.yaml",
                                          "/api/v1/nothing",
                                          "/%"};
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        reply_t reply;
        ask(&server, "GET", targets[i], NULL, NULL, &reply);
        CHECK(has_header(&reply, "content-security-policy: default-src 'none'; script-src 'self'"));
        CHECK(has_header(&reply, "frame-ancestors 'none'"));
        CHECK(!has_header(&reply, "unsafe-"));
        CHECK(has_header(&reply, "x-content-type-options: nosniff"));
        CHECK(has_header(&reply, "referrer-policy: no-referrer"));
        CHECK(has_header(&reply, "cross-origin-opener-policy: same-origin"));
        CHECK(has_header(&reply, "cross-origin-resource-policy: same-origin"));
        CHECK(has_header(&reply, "cache-control:"));
        CHECK(!has_header(&reply, "access-control-allow"));
        reply_fini(&reply);
    }
    server_stop(&server);
}

TEST(answers_are_compressed_for_those_who_take_it) {
    server_t server;
    reply_t plain, packed;
    REQUIRE(server_start(&server, true, 0));
    ask(&server, "GET", "/api/v1/services/shop%2Fcart", NULL, NULL, &plain);
    ask(&server, "GET", "/api/v1/services/shop%2Fcart", "Accept-Encoding: gzip", NULL, &packed);
    CHECK(!has_header(&plain, "content-encoding"));
    CHECK(has_header(&packed, "content-encoding: gzip"));
    CHECK(packed.body.len < plain.body.len / 2);
    reply_fini(&plain);
    reply_fini(&packed);
    ask(&server, "HEAD", "/api/v1/status", NULL, NULL, &plain);
    CHECK_EQUAL(plain.status, 200);
    CHECK_EQUAL(plain.body.len, 1);
    reply_fini(&plain);
    server_stop(&server);
}

TEST(embedded_files_are_served_packed_and_unpacked_and_revalidated) {
    server_t server;
    reply_t plain, packed;
    REQUIRE(server_start(&server, false, 0));
    ask(&server, "GET", "/api/v1/openapi.yaml", NULL, NULL, &plain);
    ask(&server, "GET", "/api/v1/openapi.yaml", "Accept-Encoding: gzip", NULL, &packed);
    CHECK_EQUAL(plain.status, 200);
    CHECK(strstr(body_of(&plain), "openapi: 3.1.0") != NULL);
    CHECK(has_header(&plain, "application/yaml"));
    CHECK(has_header(&packed, "content-encoding: gzip"));
    CHECK(packed.body.len < plain.body.len);
    reply_fini(&plain);
    reply_fini(&packed);
    ask(&server, "GET", "/services/any%2Fname", NULL, NULL, &plain);
    if (plain.status == 404) {
        (void)printf("     (no page in this build: its files are not tested here)\n");
    } else {
        CHECK(has_header(&plain, "text/html"));
        const char *etag = strstr((const char *)plain.head.data, "W/\"");
        REQUIRE(etag != NULL);
        char condition[64];
        (void)snprintf(condition, sizeof condition, "If-None-Match: %.20s", etag);
        ask(&server, "GET", "/", condition, NULL, &packed);
        CHECK_EQUAL(packed.status, 304);
        reply_fini(&packed);
    }
    reply_fini(&plain);
    server_stop(&server);
}

/* --- streams --- */

typedef struct {
    const server_t *server;
    buffer_t text;
    _Atomic size_t seen;
    _Atomic bool leave;
    long status;
    pthread_t thread;
} listener_t;

static size_t hear(char *data, size_t size, size_t count, void *argument) {
    listener_t *listener = argument;
    buffer_append(&listener->text, data, size * count);
    listener->seen = listener->text.len;
    return listener->leave ? 0 : size * count;
}

static void *listen_to_stream(void *argument) {
    listener_t *listener = argument;
    char url[128];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/api/v1/stream", (unsigned)web_port(listener->server->web));
    CURL *curl = curl_easy_init();
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, hear);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, listener);
    (void)curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &listener->status);
    curl_easy_cleanup(curl);
    return NULL;
}

static void listener_start(listener_t *listener, const server_t *server) {
    *listener = (listener_t){.server = server};
    (void)pthread_create(&listener->thread, NULL, listen_to_stream, listener);
}

/* Waits (bounded) until the listener has heard more than `bytes`. */
static bool heard_more_than(listener_t *listener, size_t bytes) {
    for (int i = 0; i < 1000 && listener->seen <= bytes; i++) {
        struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
        (void)nanosleep(&pause, NULL);
    }
    return listener->seen > bytes;
}

static const char *listener_end(listener_t *listener) {
    (void)pthread_join(listener->thread, NULL);
    buffer_byte(&listener->text, 0);
    return (const char *)listener->text.data;
}

TEST(a_stream_tells_checkpoints_and_changes_and_ends_with_the_server) {
    server_t server;
    listener_t listener;
    REQUIRE(server_start(&server, true, 0));
    listener_start(&listener, &server);
    CHECK(heard_more_than(&listener, 0)); /* the greeting */
    size_t greeting = listener.seen;
    char changed[sizeof filled_incident + 16];
    (void)snprintf(changed, sizeof changed, "%s", filled_incident);
    char *title = strstr(changed, "25 %");
    memcpy(title, "35 %", 4);
    store_incident(server.filled.store, 1, INT64_C(1700000400) * NS_PER_S, INT64_C(1700000600) * NS_PER_S, 0, changed);
    CHECK_EQUAL(filled_checkpoint(&server.filled, 1001), ERR_OK);
    web_notify(server.web);
    CHECK(heard_more_than(&listener, greeting + strlen(changed) + 200)); /* more than the incident: the checkpoint */
    web_stop(server.web);
    const char *text = listener_end(&listener);
    CHECK_EQUAL(listener.status, 200);
    CHECK(strncmp(text, "event: checkpoint\ndata: {", 25) == 0);
    const char *incident = strstr(text, "event: incident\ndata: {");
    CHECK(incident != NULL);
    CHECK(incident != NULL && strstr(incident, "fails 35 %") != NULL);
    CHECK(incident != NULL && strstr(incident, "event: checkpoint") != NULL);
    CHECK(incident != NULL && strstr(incident + 1, "event: incident") == NULL); /* the other did not change */
    CHECK(strstr(text, "event: suggestion") == NULL);
    buffer_fini(&listener.text);
    filled_close(&server.filled);
}

TEST(a_quiet_stream_is_kept_alive_by_comments) {
    server_t server;
    listener_t listener;
    REQUIRE(server_start(&server, false, 0));
    listener_start(&listener, &server);
    CHECK(heard_more_than(&listener, 0));
    CHECK(heard_more_than(&listener, listener.seen));
    listener.leave = true;
    CHECK(strstr(listener_end(&listener), ": still here\n\n") != NULL);
    buffer_fini(&listener.text);
    server_stop(&server);
}

TEST(streams_are_limited_and_their_places_are_given_back) {
    server_t server;
    listener_t first, second;
    reply_t reply;
    REQUIRE(server_start(&server, false, 1));
    listener_start(&first, &server);
    CHECK(heard_more_than(&first, 0));
    ask(&server, "GET", "/api/v1/stream", NULL, NULL, &reply);
    CHECK_EQUAL(reply.status, 503);
    CHECK(strstr(body_of(&reply), "too_many_streams") != NULL);
    reply_fini(&reply);
    first.leave = true;
    (void)listener_end(&first); /* leaves with the next comment */
    listener_start(&second, &server);
    bool heard = heard_more_than(&second, 0);
    for (int i = 0; i < 10 && second.status == 503; i++) { /* the server may not have noticed yet */
        (void)listener_end(&second);
        buffer_fini(&second.text);
        struct timespec pause = {.tv_sec = 1};
        (void)nanosleep(&pause, NULL);
        listener_start(&second, &server);
        heard = heard_more_than(&second, 0);
    }
    CHECK(heard);
    web_stop(server.web);
    CHECK(strstr(listener_end(&second), "event: checkpoint") != NULL);
    buffer_fini(&first.text);
    buffer_fini(&second.text);
    filled_close(&server.filled);
}

TEST(a_taken_port_and_a_name_are_refused_with_the_cure) {
    server_t server;
    char why[256] = "";
    web_t *second = NULL;
    REQUIRE(server_start(&server, false, 0));
    web_config_t config = {.host = "127.0.0.1", .port = web_port(server.web)};
    CHECK_EQUAL(web_start(&config, &server.web->context, &second, why, sizeof why), ERR_BUSY);
    CHECK(strstr(why, "listen.web") != NULL);
    config.host = "example.org";
    CHECK_EQUAL(web_start(&config, &server.web->context, &second, why, sizeof why), ERR_INVALID);
    web_context_t context = server.web->context;
    context.store_path = "/tmp/seismesh-there-is-no-such-store";
    config.host = "127.0.0.1";
    config.port = 0;
    CHECK_EQUAL(web_start(&config, &context, &second, why, sizeof why), ERR_FOREIGN);
    server_stop(&server);
}

TEST_MAIN(TEST_CASE(wrong_questions_get_the_documented_error), TEST_CASE(sizes_are_limited),
          TEST_CASE(every_answer_carries_the_security_headers), TEST_CASE(answers_are_compressed_for_those_who_take_it),
          TEST_CASE(embedded_files_are_served_packed_and_unpacked_and_revalidated),
          TEST_CASE(a_stream_tells_checkpoints_and_changes_and_ends_with_the_server),
          TEST_CASE(a_quiet_stream_is_kept_alive_by_comments),
          TEST_CASE(streams_are_limited_and_their_places_are_given_back),
          TEST_CASE(a_taken_port_and_a_name_are_refused_with_the_cure))
