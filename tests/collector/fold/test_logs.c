/* Access logs as requests, in the forms in which Envoy and Istio send them. */
#include "kit.h"

#define LOG              "{'resourceLogs':[{'resource':{'attributes':[%s]},'scopeLogs':[{'logRecords':[%s]}]}]}"
#define TEXT(key, value) "{'key':'" key "','value':{'stringValue':'" value "'}}"
#define FRONT            TEXT("service.name", "front") "," TEXT("service.namespace", "shop")

/* A record with a body; quotes within the line are \". */
static void feed_line(kit_t *kit, const char *resource, const char *line) {
    char record[4096];
    (void)snprintf(record, sizeof record, "{'timeUnixNano':'%lld','body':{'stringValue':'%s'}}",
                   (long long)(KIT_TIME * KIT_SECOND), line);
    kit_feed(kit, OTLP_LOGS, LOG, resource, record);
}

TEST(istios_default_line_of_the_caller_counts_for_the_edge) {
    kit_t kit = kit_new(NULL, NULL);
    feed_line(&kit, FRONT,
              "[2023-11-14T22:13:20.000Z] \\\"GET /reviews/1 HTTP/1.1\\\" 503 UF,URX "
              "upstream_reset_before_response_started - "
              "\\\"TLS error\\\" 17 91 12 - \\\"-\\\" \\\"curl/8.0 (x)\\\" \\\"6b1-a\\\" \\\"reviews:9080\\\" "
              "\\\"10.0.0.9:9080\\\" outbound|9080|v2|reviews.shop.svc.cluster.local - 10.1.1.1:9080 10.0.0.3:4242 - "
              "default\\n");
    const cell_t *cell = kit_total(&kit, ENTITY_EDGE, OBSERVER_LOG, "shop/reviews", "shop/front", "v2");
    CHECK_EQUAL(cell->requests, 1);
    CHECK_EQUAL(cell->failures[FAILURE_CONNECTION], 1);
    CHECK_EQUAL(cell->failed.sum_ns, 12000000);
    CHECK_EQUAL(cell->request_bytes, 17);
    CHECK_EQUAL(cell->response_bytes, 91);
    CHECK_EQUAL(kit_entities(&kit, ENTITY_SERVICE, OBSERVER_LOG), 0);
    kit_free(&kit);
}

TEST(istios_default_line_of_the_callee_counts_for_its_service_even_without_a_resource) {
    kit_t kit = kit_new(NULL, NULL);
    feed_line(&kit, "",
              "[2023-11-14T22:13:20.000Z] \\\"GET /reviews/1 HTTP/1.1\\\" 200 - via_upstream - \\\"-\\\" 0 91 12 11 "
              "\\\"-\\\" "
              "\\\"curl\\\" \\\"6b1-a\\\" \\\"reviews.shop:9080\\\" \\\"10.0.0.9:9080\\\" inbound|9080|| 127.0.0.6:1 "
              "10.0.0.9:9080 10.0.0.3:4242 outbound_.9080_.v2_.reviews.shop.svc.cluster.local default");
    const cell_t *cell = kit_total(&kit, ENTITY_SERVICE, OBSERVER_LOG, "shop/reviews", NULL, NULL);
    CHECK_EQUAL(cell->requests, 1);
    CHECK_EQUAL(cell->ok.count, 1);
    CHECK_EQUAL(kit_total(&kit, ENTITY_VERSION, OBSERVER_LOG, "shop/reviews", NULL, "v2")->requests, 1);
    CHECK_EQUAL(kit_total(&kit, ENTITY_SERVICE, OBSERVER_LOG, "unknown", NULL, NULL)->requests, 0);
    kit_free(&kit);
}

TEST(envoys_default_line_counts_for_its_own_service) {
    kit_t kit = kit_new(NULL, NULL);
    feed_line(
        &kit, FRONT,
        "[2023-11-14T22:13:20.000Z] \\\"POST /buy HTTP/2\\\" 429 RL 154 0 226 100 \\\"10.0.35.28\\\" \\\"agent [1]\\\" "
        "\\\"cc21d9b0\\\" \\\"shop.example\\\" \\\"tcp://10.0.2.1:80\\\"\\n");
    const cell_t *cell = kit_total(&kit, ENTITY_SERVICE, OBSERVER_LOG, "shop/front", NULL, NULL);
    CHECK_EQUAL(cell->requests, 1);
    CHECK_EQUAL(cell->failures[FAILURE_RATE], 1);
    CHECK_EQUAL(cell->failed.sum_ns, 226000000);
    kit_free(&kit);
}

TEST(attributes_a_structured_body_and_json_in_the_body_are_read_alike) {
    static const char *const records[] = {
        "{'observedTimeUnixNano':'1700000000000000000','attributes':[" TEXT("response_code", "200") "," TEXT(
            "duration", "7") "," TEXT("upstream_cluster", "outbound|80||cart.shop.svc.cluster.local") "]}",
        "{'observedTimeUnixNano':'1700000000000000000','body':{'kvlistValue':{'values':[" TEXT(
            "response_code", "200") ","
                                    "{'key':'duration','value':{'intValue':'7'}}," TEXT(
                                        "upstream_cluster", "outbound|80||cart.shop.svc.cluster.local") "]}}}",
        "{'observedTimeUnixNano':'1700000000000000000','body':{'stringValue':'{\\\"duration\\\":7,\\\"x\\\":[1,{}],"
        "\\\"upstream_cluster\\\":\\\"outbound|80||cart.shop.svc.cluster.local\\\",\\\"response_code\\\":200}'}}"};
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        kit_t kit = kit_new(NULL, NULL);
        kit_feed(&kit, OTLP_LOGS, LOG, FRONT, records[i]);
        const cell_t *cell = kit_total(&kit, ENTITY_EDGE, OBSERVER_LOG, "shop/cart", "shop/front", NULL);
        CHECK_EQUAL(cell->requests, 1);
        CHECK_EQUAL(cell->ok.sum_ns, 7000000);
        kit_free(&kit);
    }
}

TEST(trace_ids_of_access_logs_are_exemplars) {
    kit_t kit = kit_new(NULL, NULL);
    kit_feed(&kit, OTLP_LOGS, LOG, FRONT,
             "{'timeUnixNano':'1700000000000000000','traceId':'0102030405060708090a0b0c0d0e0f10','spanId':'"
             "0102030405060708',"
             "'attributes':[" TEXT("response_code", "500") "," TEXT("duration", "7") "]}");
    const cell_t *cell = kit_total(&kit, ENTITY_SERVICE, OBSERVER_LOG, "shop/front", NULL, NULL);
    CHECK_EQUAL(cell->bad_count, 1);
    CHECK_EQUAL(cell->bad[0].trace_id[15], 0x10);
    kit_free(&kit);
}

TEST(connections_without_requests_count_on_edges_only) {
    kit_t kit = kit_new(NULL, NULL);
    feed_line(&kit, FRONT,
              "[2023-11-14T22:13:20.000Z] \\\"- - -\\\" 0 - - - \\\"-\\\" 170 91 1200 - \\\"-\\\" \\\"-\\\" \\\"-\\\" "
              "\\\"-\\\" "
              "\\\"10.0.0.9:6379\\\" outbound|6379||redis.shop.svc.cluster.local - 10.1.1.1:6379 10.0.0.3:4242 - -");
    const cell_t *cell = kit_total(&kit, ENTITY_EDGE, OBSERVER_LOG, "shop/redis", "shop/front", NULL);
    CHECK_EQUAL(cell->requests, 1);
    CHECK_EQUAL(cell_errors(cell), 0);
    kit_free(&kit);
}

TEST(other_logs_are_dropped_and_counted) {
    static const char *const lines[] = {"hello",
                                        "[12:00] started",
                                        "[x] \\\"GET / HTTP/1.1\\\" abc - 1 2 3 4",
                                        "[",
                                        "[]",
                                        "[x] \\\"a b\\\" 200 - 1 2 3",
                                        "{\\\"response_code\\\":200}",
                                        "{\\\"duration\\\":5,",
                                        "{",
                                        "",
                                        "[x] \\\"GET / HTTP/1.1\\\" 200 - via - \\\"-\\\" x 9 9"};
    kit_t kit = kit_new(NULL, NULL);
    uint64_t count = sizeof lines / sizeof lines[0];
    for (size_t i = 0; i < count; i++) feed_line(&kit, FRONT, lines[i]);
    CHECK_EQUAL(kit_count(&kit, COUNTER_FOLDED_LOGS), count);
    CHECK_EQUAL(kit_count(&kit, COUNTER_DROPPED_LOG_NO_REQUEST), count);
    kit_free(&kit);
}

TEST_MAIN(TEST_CASE(istios_default_line_of_the_caller_counts_for_the_edge),
          TEST_CASE(istios_default_line_of_the_callee_counts_for_its_service_even_without_a_resource),
          TEST_CASE(envoys_default_line_counts_for_its_own_service),
          TEST_CASE(attributes_a_structured_body_and_json_in_the_body_are_read_alike),
          TEST_CASE(trace_ids_of_access_logs_are_exemplars),
          TEST_CASE(connections_without_requests_count_on_edges_only), TEST_CASE(other_logs_are_dropped_and_counted))
