/* The API's answers over a small store, and against their description for machines. */
#define _GNU_SOURCE /* strcasestr */
#include "tests/web/served.h"
#include "web/routes.h"

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
    CHECK_EQUAL(json_array_size(json_object_get(cart, "meshes")), 1);
    CHECK_TEXT(json_string_value(json_array_get(json_object_get(cart, "meshes"), 0)), "istio");
    CHECK_EQUAL(json_array_size(json_object_get(json_array_get(services, 2), "meshes")), 0);
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
    CHECK_EQUAL(walk(&server, "/api/v1/suggestions", "suggestions", 1), 4);
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

TEST(a_decision_is_kept_until_it_is_taken_back) {
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
    ask(&server, "POST", "/api/v1/suggestions/1/reopen", "", "", &reply);
    CHECK_EQUAL(reply.status, 403);
    reply_fini(&reply);
    ask(&server, "POST", "/api/v1/suggestions/1/reopen", "X-Seismesh: 1", "", &reply);
    CHECK_EQUAL(reply.status, 200);
    CHECK(strstr(body_of(&reply), "\"state\":\"open\"") != NULL);
    reply_fini(&reply);
    ask(&server, "POST", "/api/v1/suggestions/1/reopen", "X-Seismesh: 1", "", &reply);
    CHECK_EQUAL(reply.status, 409);
    reply_fini(&reply);
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

TEST(status_says_in_words_what_a_mesh_does_not_send) {
    static const struct {
        counter_t counters[3];
        const char *mesh, *words;
    } cases[] = {
        {{COUNTER_MESH_LINKERD_CLIENT_REQUESTS, COUNTER_MESH_LINKERD_LATENCY, COUNTER_MESH_LINKERD_SERVER_SPANS},
         "linkerd",
         "callees' proxies"},
        {{COUNTER_MESH_ISTIO_SERVER_REQUESTS, COUNTER_MESH_ISTIO_LATENCY, COUNTER_MESH_ISTIO_SERVER_SPANS},
         "istio",
         "never arrive"},
        {{COUNTER_MESH_OSM_CLIENT_REQUESTS, COUNTER_MESH_OSM_LATENCY, COUNTER_MESH_OSM_LATENCY}, "osm", "No spans"},
        {{COUNTER_MESH_CONSUL_SERVER_REQUESTS, COUNTER_MESH_CONSUL_CLIENT_REQUESTS, COUNTER_MESH_CONSUL_SERVER_SPANS},
         "consul",
         "no histogram"},
        {{COUNTER_MESH_KUMA_SERVER_SPANS, COUNTER_MESH_KUMA_CLIENT_SPANS, COUNTER_MESH_KUMA_LOGS},
         "kuma",
         "no metrics"},
        {{COUNTER_MESH_LINKERD_NAMELESS, COUNTER_MESH_LINKERD_NAMELESS, COUNTER_MESH_LINKERD_NAMELESS},
         "linkerd",
         "which workload"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        server_t server;
        REQUIRE(server_start(&server, true, 0));
        for (int c = 0; c < 3; c++) counters_add(&server.filled.counters, cases[i].counters[c], 1);
        json_t *status = get_json(&server, "/api/v1/status", 200);
        json_t *meshes = json_object_get(status, "meshes"), *mesh = json_array_get(meshes, 0);
        CHECK_EQUAL(json_array_size(meshes), 1);
        CHECK_TEXT(text_at(mesh, "mesh"), cases[i].mesh);
        json_t *missing = json_object_get(mesh, "missing");
        CHECK_EQUAL(json_array_size(missing), 1);
        const char *sentence = json_string_value(json_array_get(missing, 0));
        CHECK(sentence != NULL && strstr(sentence, cases[i].words) != NULL);
        json_decref(status);
        server_stop(&server);
    }
}

TEST(status_says_that_two_meshes_share_a_name) {
    server_t server;
    REQUIRE(server_start(&server, false, 0));
    filled_t *filled = &server.filled;
    REQUIRE(filled_fill(filled));
    entity_key_t mark = {.kind = ENTITY_SERVICE, .service = filled->cart, .operation = filled_name(filled, "linkerd")};
    (void)shard_cell(&filled->shard, shard_entity(&filled->shard, &mark), filled_start_ns / BUCKET_NS + FILLED_BUCKETS);
    CHECK_EQUAL(filled_checkpoint(filled, 1001), ERR_OK);
    counters_add(&filled->counters, COUNTER_MESH_LINKERD_SERVER_REQUESTS, 1);
    json_t *status = get_json(&server, "/api/v1/status", 200);
    json_t *missing = json_object_get(json_array_get(json_object_get(status, "meshes"), 0), "missing");
    const char *last = json_string_value(json_array_get(missing, json_array_size(missing) - 1));
    CHECK(last != NULL && strstr(last, "1 service (shop/cart, say) is reported by another mesh") != NULL);
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

TEST(what_came_of_a_suggestion_is_its_state_and_goes_before_expiry) {
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    json_t *list = get_json(&server, "/api/v1/suggestions?state=verified", 200);
    json_t *found = json_object_get(list, "suggestions");
    CHECK_EQUAL(json_array_size(found), 1);
    CHECK_EQUAL(json_integer_value(json_object_get(json_array_get(found, 0), "id")), 3);
    json_t *expired = get_json(&server, "/api/v1/suggestions?state=expired", 200);
    CHECK_EQUAL(json_array_size(json_object_get(expired, "suggestions")), 1); /* the abstention */
    json_t *open = get_json(&server, "/api/v1/suggestions/1", 200);
    CHECK(json_is_null(json_object_get(open, "seen")) && json_is_null(json_object_get(open, "verified")));
    json_decref(list);
    json_decref(expired);
    json_decref(open);
    server_stop(&server);
}

TEST(the_last_minutes_are_replayed_under_the_suggested_weights) {
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    /* both versions of the store have 20 requests a bucket, and in its second half fail a quarter of them alike */
    json_t *run = get_json(&server, "/api/v1/suggestions/1/dry-run?minutes=10", 200);
    CHECK(json_is_true(json_object_get(run, "possible")));
    json_t *points = json_object_get(run, "points"), *total = json_object_get(run, "total");
    CHECK_EQUAL(json_array_size(points), FILLED_BUCKETS);
    CHECK_EQUAL(json_integer_value(json_object_get(total, "requests")), FILLED_BUCKETS * FILLED_PER_BUCKET * 2);
    double before = json_number_value(json_object_get(json_object_get(total, "before"), "error_ratio"));
    json_t *after = json_object_get(json_object_get(total, "after"), "error_ratio");
    CHECK(before == 0.125);
    CHECK(json_number_value(json_object_get(after, "low")) < 0.125);
    CHECK(json_number_value(json_object_get(after, "high")) > 0.125);
    /* v1 would get twice of what it was ever seen to bear */
    CHECK(json_is_true(json_object_get(total, "beyond")));
    CHECK(strstr(json_string_value(json_object_get(run, "sentence")),
                 "v1 would have got up to 4 requests/s and was seen") != NULL);
    json_t *none = get_json(&server, "/api/v1/suggestions/4/dry-run", 200);
    CHECK(json_is_false(json_object_get(none, "possible")));
    CHECK(strstr(json_string_value(json_object_get(none, "why")), "nothing to replay") != NULL);
    json_t *long_ago = get_json(&server, "/api/v1/suggestions/1/dry-run?minutes=5&end=1600000000", 200);
    CHECK(json_is_false(json_object_get(long_ago, "possible")));
    json_t *wrong = get_json(&server, "/api/v1/suggestions/1/dry-run?minutes=1441", 400);
    json_t *absent = get_json(&server, "/api/v1/suggestions/77/dry-run", 404);
    json_decref(run);
    json_decref(none);
    json_decref(long_ago);
    json_decref(wrong);
    json_decref(absent);
    server_stop(&server);
}

TEST(the_track_record_is_told_by_kind_and_in_one_sentence) {
    server_t server;
    reply_t reply;
    REQUIRE(server_start(&server, true, 0));
    json_t *record = get_json(&server, "/api/v1/track-record", 200), *total = json_object_get(record, "total");
    CHECK_EQUAL(json_array_size(json_object_get(record, "kinds")), 1);
    CHECK_EQUAL(json_integer_value(json_object_get(total, "verified")), 3);
    CHECK_TEXT(json_string_value(json_object_get(record, "sentence")),
               "5 suggested, 4 seen in the telemetry, 3 verified: 2 helped, 0 had no clear effect, 1 did harm; 5 of 6 "
               "predicted figures came out inside their 90 % interval");
    ask(&server, "GET", "/metrics", NULL, NULL, &reply);
    CHECK(strstr(body_of(&reply), "seismesh_suggestions_total{kind=\"roll_back_version\",outcome=\"harmed\"} 1\n") !=
          NULL);
    CHECK(strstr(body_of(&reply), "seismesh_suggestion_figures_total{kind=\"roll_back_version\",outcome=\"outside\"} "
                                  "1\n") != NULL);
    reply_fini(&reply);
    json_decref(record);
    server_stop(&server);
}

TEST(a_suggestion_is_written_again_in_the_language_that_is_asked_for) {
    server_t server;
    REQUIRE(server_start(&server, true, 0));
    json_t *stored = get_json(&server, "/api/v1/suggestions/1", 200);
    CHECK_TEXT(json_string_value(json_object_get(stored, "mesh")), "istio");
    CHECK(json_is_null(json_object_get(stored, "beside")) && json_is_array(json_object_get(stored, "limits")));
    json_t *consul = get_json(&server, "/api/v1/suggestions/1?as=consul", 200);
    CHECK_TEXT(json_string_value(json_object_get(consul, "mesh")), "consul");
    CHECK(strstr(json_string_value(json_object_get(consul, "apply")), "Kind = \"service-splitter\"") != NULL);
    CHECK(json_equal(json_object_get(stored, "action"), json_object_get(consul, "action")));
    json_t *osm = get_json(&server, "/api/v1/suggestions/1?as=osm", 200);
    CHECK_TEXT(json_string_value(json_object_get(json_object_get(osm, "beside"), "mesh")), "gateway-api");
    json_t *unknown = get_json(&server, "/api/v1/suggestions/1?as=cobol", 400);
    json_decref(stored);
    json_decref(consul);
    json_decref(osm);
    json_decref(unknown);
    server_stop(&server);
}

TEST_MAIN(TEST_CASE(golden_signals_add_up), TEST_CASE(series_have_a_point_for_each_bucket),
          TEST_CASE(lists_go_on_where_they_ended), TEST_CASE(findings_are_served_with_what_belongs_to_them),
          TEST_CASE(a_decision_is_kept_until_it_is_taken_back),
          TEST_CASE(what_came_of_a_suggestion_is_its_state_and_goes_before_expiry),
          TEST_CASE(the_last_minutes_are_replayed_under_the_suggested_weights),
          TEST_CASE(the_track_record_is_told_by_kind_and_in_one_sentence),
          TEST_CASE(a_suggestion_is_written_again_in_the_language_that_is_asked_for),
          TEST_CASE(traces_are_found_and_shown_whole), TEST_CASE(an_attack_as_a_name_stays_data),
          TEST_CASE(the_sentence_says_how_the_mesh_is), TEST_CASE(status_says_in_words_what_a_mesh_does_not_send),
          TEST_CASE(status_says_that_two_meshes_share_a_name), TEST_CASE(an_empty_store_answers_everything),
          TEST_CASE(readiness_says_why_not), TEST_CASE(openapi_routes_and_live_answers_agree),
          TEST_CASE(metrics_pass_promtool))
