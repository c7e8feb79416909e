/* The whole web server over a small store: every route, every way to ask wrongly, headers, streams. */
#define _GNU_SOURCE /* strcasestr */
#include "web/server.h"

#include "tests/web/filled.h"
#include "web/internal.h"
#include "web/routes.h"

#include <curl/curl.h>
#include <pthread.h>
#include <time.h>

/* --- a server --- */

typedef struct {
    filled_t filled;
    web_t *web;
    bool ready;
} server_t;

static void fill_status(void *context, web_status_t *status) {
    server_t *server = context;
    *status = (web_status_t){.ready = server->ready,
                             .journal_end = 1200,
                             .journal_folded = 1100,
                             .journal_behind_bytes = 100,
                             .event_ns = INT64_MIN,
                             .checkpoint_position = 1000,
                             .checkpoint_count = 1,
                             .checkpoint_age_s = 0.5,
                             .learning_done = false,
                             .learning_have_buckets = 12,
                             .learning_need_buckets = 30};
    (void)snprintf(status->reason, sizeof status->reason, "replaying the journal");
}

static bool give_band(void *context, uint32_t entity, const char *signal, double *low, double *expected, double *high) {
    (void)context;
    (void)entity;
    *low = 0;
    *expected = 0.01;
    *high = 0.02;
    return strcmp(signal, "traffic") != 0;
}

static bool server_start(server_t *server, bool fill, uint32_t streams) {
    static const char *const dialects[] = {"otel", "istio", NULL};
    char why[256] = "";
    *server = (server_t){.ready = true};
    if (!filled_open(&server->filled)) return false;
    if (fill && !filled_fill(&server->filled)) return false;
    web_config_t config = {.host = "127.0.0.1", .streams = streams, .stream_comment_s = 1};
    web_context_t context = {.store_path = store_path(server->filled.store),
                             .store = server->filled.store,
                             .counters = &server->filled.counters,
                             .clock = &clock_system,
                             .version = "0.1.0",
                             .listen_otlp_grpc = "127.0.0.1:4317",
                             .listen_otlp_http = "127.0.0.1:4318",
                             .listen_web = "127.0.0.1:7117",
                             .dialects = dialects,
                             .status = {server, fill_status, give_band}};
    err_t err = web_start(&config, &context, &server->web, why, sizeof why);
    if (err != ERR_OK) (void)fprintf(stderr, "web_start: %s %s\n", err_text(err), why);
    return err == ERR_OK;
}

static void server_stop(server_t *server) {
    web_stop(server->web);
    filled_close(&server->filled);
}

/* --- a client --- */

typedef struct {
    long status;
    buffer_t head, body;
} reply_t;

static size_t collect(char *data, size_t size, size_t count, void *buffer) {
    buffer_append(buffer, data, size * count);
    return size * count;
}

/* `headers`: lines separated by '\n', or NULL; `body` NULL = none. */
static void ask(const server_t *server, const char *method, const char *target, const char *headers, const char *body,
                reply_t *reply) {
    char url[16384];
    *reply = (reply_t){0};
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u%s", (unsigned)web_port(server->web), target);
    CURL *curl = curl_easy_init();
    struct curl_slist *list = NULL;
    char *lines = headers == NULL ? NULL : strdup(headers), *rest = lines;
    for (char *line; rest != NULL && (line = strsep(&rest, "\n")) != NULL;) list = curl_slist_append(list, line);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_NOBODY, strcmp(method, "HEAD") == 0 ? 1L : 0L);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    if (body != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, collect);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &reply->head);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply->body);
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) (void)fprintf(stderr, "%s %s: %s\n", method, target, curl_easy_strerror(code));
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(list);
    free(lines);
    buffer_byte(&reply->head, 0);
    buffer_byte(&reply->body, 0);
}

static void reply_fini(reply_t *reply) {
    buffer_fini(&reply->head);
    buffer_fini(&reply->body);
}

static const char *body_of(const reply_t *reply) {
    return (const char *)reply->body.data;
}
static bool has_header(const reply_t *reply, const char *line) {
    return strcasestr((const char *)reply->head.data, line) != NULL;
}

static json_t *get_json(const server_t *server, const char *target, long status) {
    reply_t reply;
    ask(server, "GET", target, NULL, NULL, &reply);
    if (reply.status != status) (void)fprintf(stderr, "%s: %s\n", target, body_of(&reply));
    CHECK_EQUAL(reply.status, status);
    json_t *document = json_loads(body_of(&reply), 0, NULL);
    CHECK(document != NULL);
    reply_fini(&reply);
    return document;
}

static const char *text_at(const json_t *document, const char *key) {
    const char *text = json_string_value(json_object_get(document, key));
    return text == NULL ? "" : text;
}

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

/* --- right questions --- */

TEST(golden_signals_add_up) {
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    json_t *list = get_json(&server, "/api/v1/services", 200);
    json_t *services = json_object_get(list, "services");
    CHECK_EQUAL(json_array_size(services), 3);
    CHECK_TEXT(text_at(json_array_get(services, 0), "id"), FILLED_ATTACK);
    json_t *cart = json_array_get(services, 1);
    CHECK_TEXT(text_at(cart, "id"), "shop/cart");
    CHECK_TEXT(text_at(cart, "name"), "cart");
    CHECK_TEXT(text_at(cart, "namespace"), "shop");
    CHECK_TEXT(text_at(cart, "health"), "critical");
    CHECK_TEXT(text_at(json_array_get(services, 2), "health"), "warning");
    CHECK_TEXT(text_at(json_array_get(services, 0), "health"), "ok");
    CHECK_EQUAL(json_array_size(json_object_get(cart, "versions")), 2);
    json_t *golden = json_object_get(cart, "golden");
    CHECK_EQUAL(json_integer_value(json_object_get(golden, "requests")), FILLED_BUCKETS * FILLED_PER_BUCKET);
    CHECK_EQUAL(json_integer_value(json_object_get(golden, "errors")), FILLED_BUCKETS / 2 * FILLED_PER_BUCKET / 4);
    double rate = json_real_value(json_object_get(golden, "request_rate"));
    CHECK(rate > 1.99 && rate < 2.01); /* over the ten minutes that there are, not over the hour asked for */
    json_decref(list);

    json_t *graph = get_json(&server, "/api/v1/graph", 200);
    CHECK_EQUAL(json_array_size(json_object_get(graph, "nodes")), 3);
    json_t *edge = json_array_get(json_object_get(graph, "edges"), 0);
    CHECK_TEXT(text_at(edge, "id"), "shop/front>shop/cart");
    CHECK_EQUAL(json_array_size(json_object_get(edge, "versions")), 2);
    CHECK_EQUAL(json_array_size(json_object_get(edge, "protocols")), 2);
    CHECK_EQUAL(json_integer_value(json_object_get(json_object_get(edge, "golden"), "requests")),
                2 * FILLED_BUCKETS * FILLED_PER_BUCKET);
    json_decref(graph);
    graph = get_json(&server, "/api/v1/graph?limit=1", 200);
    CHECK(json_is_true(json_object_get(graph, "truncated")));
    json_decref(graph);
    server_stop(&server);
}

TEST(series_have_a_point_for_each_bucket) {
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    json_t *series = get_json(&server, "/api/v1/series?service=shop/cart&version=v2&step=10", 200);
    CHECK_EQUAL(json_array_size(json_object_get(series, "points")), FILLED_BUCKETS);
    CHECK_EQUAL(json_integer_value(json_object_get(series, "step_s")), 10);
    CHECK(json_is_object(json_object_get(json_object_get(series, "bands"), "latency")));
    CHECK(json_is_null(json_object_get(json_object_get(series, "bands"), "request_rate")));
    CHECK_EQUAL(json_array_size(json_object_get(series, "incidents")), 1);
    CHECK(json_array_size(json_object_get(series, "exemplars")) > 0);
    json_decref(series);
    series = get_json(&server, "/api/v1/series?edge=shop/front%3Eshop/cart&step=60&start=-5m", 200);
    CHECK_EQUAL(json_array_size(json_object_get(series, "points")), 5);
    json_decref(series);
    series = get_json(&server, "/api/v1/series?service=shop/cart&start=1700000200&end=1700000300", 200);
    CHECK_EQUAL(json_array_size(json_object_get(series, "points")), 10);
    CHECK_EQUAL(json_array_size(json_object_get(json_object_get(series, "gauges"), "cpu.utilization")), 10);
    json_decref(series);
    server_stop(&server);
}

/* Walks a list by its cursor, `limit` at a time, and returns how many there were. */
static size_t walk(const server_t *server, const char *path, const char *key, size_t limit) {
    size_t count = 0;
    char target[1024];
    (void)snprintf(target, sizeof target, "%s?limit=%zu", path, limit);
    for (int page = 0; page < 50; page++) {
        json_t *list = get_json(server, target, 200);
        size_t here = json_array_size(json_object_get(list, key));
        count += here;
        const char *next = json_string_value(json_object_get(list, "next"));
        if (next != NULL) {
            char *escaped = curl_easy_escape(NULL, next, 0);
            (void)snprintf(target, sizeof target, "%s?limit=%zu&cursor=%s", path, limit, escaped);
            curl_free(escaped);
            CHECK_EQUAL(here, limit);
        }
        json_decref(list);
        if (next == NULL) return count;
    }
    return SIZE_MAX;
}

TEST(lists_go_on_where_they_ended) {
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    CHECK_EQUAL(walk(&server, "/api/v1/services", "services", 1), 3);
    CHECK_EQUAL(walk(&server, "/api/v1/services", "services", 2), 3);
    CHECK_EQUAL(walk(&server, "/api/v1/anomalies", "anomalies", 7), 20);
    CHECK_EQUAL(walk(&server, "/api/v1/incidents", "incidents", 1), 2);
    CHECK_EQUAL(walk(&server, "/api/v1/suggestions", "suggestions", 1), 2);
    CHECK_EQUAL(walk(&server, "/api/v1/traces", "traces", 1), 2);
    server_stop(&server);
}

TEST(findings_are_served_with_what_belongs_to_them) {
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    json_t *list = get_json(&server, "/api/v1/incidents?state=open", 200);
    CHECK_EQUAL(json_array_size(json_object_get(list, "incidents")), 1);
    json_decref(list);
    json_t *incident = get_json(&server, "/api/v1/incidents/1", 200);
    CHECK_TEXT(text_at(incident, "title"), "shop/cart fails 25 % of its requests");
    CHECK_EQUAL(json_array_size(json_object_get(incident, "anomalies")), 20);
    CHECK_EQUAL(json_array_size(json_object_get(incident, "suggestions")), 2);
    json_decref(incident);
    json_t *anomalies = get_json(&server, "/api/v1/anomalies?service=shop/front", 200);
    CHECK_EQUAL(json_array_size(json_object_get(anomalies, "anomalies")), 0);
    json_decref(anomalies);
    server_stop(&server);
}

TEST(a_decision_is_kept_and_final) {
    server_t server;
    reply_t reply;
    REQUIRE(server_start(&server, true, 0));
    ask(&server, "POST", "/api/v1/suggestions/1/accept", "X-Seismesh: 1\nContent-Type: application/json",
        "{\"reason\":\"it helps\"}", &reply);
    CHECK_EQUAL(reply.status, 200);
    CHECK(strstr(body_of(&reply), "\"state\":\"accepted\"") != NULL);
    CHECK(strstr(body_of(&reply), "\"reason\":\"it helps\"") != NULL);
    reply_fini(&reply);
    ask(&server, "POST", "/api/v1/suggestions/1/dismiss", "X-Seismesh: 1", "", &reply);
    CHECK_EQUAL(reply.status, 409);
    CHECK(strstr(body_of(&reply), "not_open") != NULL);
    reply_fini(&reply);
    json_t *list = get_json(&server, "/api/v1/suggestions?state=accepted", 200);
    CHECK_EQUAL(json_array_size(json_object_get(list, "suggestions")), 1);
    json_decref(list);
    list = get_json(&server, "/api/v1/suggestions?state=open", 200);
    CHECK_EQUAL(json_array_size(json_object_get(list, "suggestions")), 1);
    json_decref(list);
    server_stop(&server);
}

TEST(traces_are_found_and_shown_whole) {
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    static const struct {
        const char *query;
        size_t count;
    } searches[] = {{"", 2},
                    {"service=shop/cart", 2},
                    {"service=nobody", 0},
                    {"error=true", 2},
                    {"error=false", 0},
                    {"min_duration=250ms", 2},
                    {"min_duration=251ms", 0},
                    {"max_duration=0.2s", 0},
                    {"operation=POST+/cart/%7Bid%7D&service=shop/cart", 2},
                    {"attribute=service.namespace:shop", 2},
                    {"attribute=service.namespace:shop&attribute=big:9007199254740993", 2},
                    {"attribute=big:1", 0}};
    for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++) {
        char target[256];
        (void)snprintf(target, sizeof target, "/api/v1/traces?%s", searches[i].query);
        json_t *list = get_json(&server, target, 200);
        size_t count = json_array_size(json_object_get(list, "traces"));
        if (count != searches[i].count) (void)fprintf(stderr, "%s: %zu\n", target, count);
        CHECK_EQUAL(count, searches[i].count);
        json_decref(list);
    }
    json_t *trace = get_json(&server, "/api/v1/traces/0102030405060708090A0B0C0D0E0F10", 200);
    json_t *span = json_array_get(json_object_get(trace, "spans"), 0);
    CHECK_EQUAL(json_array_size(json_object_get(trace, "spans")), 1);
    CHECK_TEXT(text_at(span, "service"), "shop/cart");
    CHECK_TEXT(text_at(span, "kind"), "server");
    CHECK_TEXT(text_at(span, "status"), "error");
    CHECK_TEXT(text_at(span, "status_message"), "boom");
    CHECK_TEXT(text_at(span, "duration_ns"), "250000000");
    CHECK_TEXT(text_at(json_object_get(span, "attributes"), "http.route"), FILLED_ATTACK);
    CHECK_TEXT(text_at(json_object_get(span, "attributes"), "big"), "9007199254740993");
    json_decref(trace);
    server_stop(&server);
}

TEST(an_attack_as_a_name_stays_data) {
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    char target[512], *escaped = curl_easy_escape(NULL, FILLED_ATTACK, 0);
    (void)snprintf(target, sizeof target, "/api/v1/services/%s", escaped);
    json_t *service = get_json(&server, target, 200);
    CHECK_TEXT(text_at(service, "id"), FILLED_ATTACK);
    CHECK_EQUAL(json_array_size(json_object_get(service, "callers")), 1);
    json_decref(service);
    (void)snprintf(target, sizeof target, "/api/v1/series?service=%s", escaped);
    json_t *series = get_json(&server, target, 200);
    CHECK_TEXT(text_at(json_object_get(series, "subject"), "service"), FILLED_ATTACK);
    json_decref(series);
    reply_t reply;
    ask(&server, "GET", target, NULL, NULL, &reply);
    CHECK(has_header(&reply, "content-type: application/json"));
    reply_fini(&reply);
    curl_free(escaped);
    server_stop(&server);
}

/* --- health --- */

TEST(the_sentence_says_how_the_mesh_is) {
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    json_t *status = get_json(&server, "/api/v1/status", 200);
    const json_t *health = json_object_get(status, "health");
    CHECK_TEXT(text_at(health, "level"), "critical");
    CHECK_TEXT(text_at(health, "sentence"),
               "2 of 3 services are hurt: shop/cart fails 25 % of its requests, started 4 min ago.");
    json_decref(status);
    server_stop(&server);
}

TEST(an_empty_store_answers_everything) {
    server_t server;
    REQUIRE(server_start(&server, false, 0));
    json_t *status = get_json(&server, "/api/v1/status", 200);
    const char *sentence = text_at(json_object_get(status, "health"), "sentence");
    CHECK(strstr(sentence, "No telemetry yet. Point an OpenTelemetry exporter at http://127.0.0.1:4318") == sentence);
    CHECK(json_is_null(json_object_get(status, "event_time_ms")));
    json_decref(status);
    static const char *const targets[] = {"services", "graph", "anomalies", "incidents", "suggestions", "traces"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char target[64];
        (void)snprintf(target, sizeof target, "/api/v1/%s", targets[i]);
        json_decref(get_json(&server, target, 200));
    }
    reply_t reply;
    ask(&server, "GET", "/metrics", NULL, NULL, &reply);
    CHECK_EQUAL(reply.status, 200);
    CHECK(strstr(body_of(&reply), "seismesh_folded_items_total{signal=\"traces\"} 0\n") != NULL);
    reply_fini(&reply);
    server_stop(&server);
}

TEST(readiness_says_why_not) {
    server_t server;
    reply_t reply;
    REQUIRE(server_start(&server, false, 0));
    ask(&server, "GET", "/readyz", NULL, NULL, &reply);
    CHECK_EQUAL(reply.status, 200);
    CHECK_TEXT(body_of(&reply), "ready\n");
    reply_fini(&reply);
    server.ready = false;
    ask(&server, "GET", "/readyz", NULL, NULL, &reply);
    CHECK_EQUAL(reply.status, 503);
    CHECK_TEXT(body_of(&reply), "replaying the journal\n");
    CHECK(has_header(&reply, "retry-after:"));
    reply_fini(&reply);
    ask(&server, "GET", "/healthz", NULL, NULL, &reply);
    CHECK_EQUAL(reply.status, 200);
    reply_fini(&reply);
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
    CHECK(heard_more_than(&listener, greeting + 500));
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

/* --- against the description for machines, in Python --- */

static void write_routes(const char *path) {
    json_t *list = json_array();
    for (const route_t *route = web_routes; route->path != NULL; route++) {
        json_t *parameters = json_array();
        for (int i = 0; i < ROUTE_PARAMETERS_MAX && route->parameters[i].name != NULL; i++)
            json_array_append_new(parameters, json_string(route->parameters[i].name));
        json_array_append_new(
            list, json_pack("{ss,ss,so}", "method", route->method, "path", route->path, "parameters", parameters));
    }
    CHECK_EQUAL(json_dump_file(list, path, 0), 0);
    json_decref(list);
}

TEST(openapi_routes_and_live_answers_agree) {
    if (system("python3 -c 'import yaml, jsonschema' 2>/dev/null") != 0) {
        (void)printf("     (SKIPPED: needs python3-yaml and python3-jsonschema)\n");
        return;
    }
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    char routes[128], command[512];
    (void)snprintf(routes, sizeof routes, "%s/routes.json", server.filled.directory);
    write_routes(routes);
    (void)snprintf(command, sizeof command, "python3 tests/web/check_openapi.py %s http://127.0.0.1:%u", routes,
                   (unsigned)web_port(server.web));
    (void)fflush(stdout);
    CHECK_EQUAL(system(command), 0);
    server_stop(&server);
}

TEST(metrics_pass_promtool) {
    if (system("command -v promtool >/dev/null") != 0) {
        (void)printf("     (SKIPPED: needs promtool, in Debian's package prometheus)\n");
        return;
    }
    server_t server;
    reply_t reply;
    REQUIRE(server_start(&server, true, 0));
    ask(&server, "GET", "/metrics", NULL, NULL, &reply);
    FILE *promtool = popen("promtool check metrics", "w");
    REQUIRE(promtool != NULL);
    CHECK(fwrite(reply.body.data, 1, reply.body.len - 1, promtool) == reply.body.len - 1);
    CHECK_EQUAL(pclose(promtool), 0);
    CHECK(has_header(&reply, "text/plain; version=0.0.4"));
    CHECK(strstr(body_of(&reply), "seismesh_service_request_rate{service=\"shop/cart\"} 2\n") != NULL);
    CHECK(strstr(body_of(&reply), "seismesh_edge_error_ratio{caller=\"shop/front\",callee=\"shop/cart\"} 0.25\n") !=
          NULL);
    CHECK(strstr(body_of(&reply), "seismesh_incidents_open 1\n") != NULL);
    CHECK(strstr(body_of(&reply), "{service=\"<img src=x onerror=alert(1)>\\\"'`") != NULL);
    reply_fini(&reply);
    server_stop(&server);
}

TEST_MAIN(TEST_CASE(wrong_questions_get_the_documented_error), TEST_CASE(sizes_are_limited),
          TEST_CASE(every_answer_carries_the_security_headers), TEST_CASE(answers_are_compressed_for_those_who_take_it),
          TEST_CASE(embedded_files_are_served_packed_and_unpacked_and_revalidated), TEST_CASE(golden_signals_add_up),
          TEST_CASE(series_have_a_point_for_each_bucket), TEST_CASE(lists_go_on_where_they_ended),
          TEST_CASE(findings_are_served_with_what_belongs_to_them), TEST_CASE(a_decision_is_kept_and_final),
          TEST_CASE(traces_are_found_and_shown_whole), TEST_CASE(an_attack_as_a_name_stays_data),
          TEST_CASE(the_sentence_says_how_the_mesh_is), TEST_CASE(an_empty_store_answers_everything),
          TEST_CASE(readiness_says_why_not), TEST_CASE(a_stream_tells_checkpoints_and_changes_and_ends_with_the_server),
          TEST_CASE(a_quiet_stream_is_kept_alive_by_comments),
          TEST_CASE(streams_are_limited_and_their_places_are_given_back),
          TEST_CASE(a_taken_port_and_a_name_are_refused_with_the_cure),
          TEST_CASE(openapi_routes_and_live_answers_agree), TEST_CASE(metrics_pass_promtool))
