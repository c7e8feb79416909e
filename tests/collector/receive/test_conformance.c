/* What the OTLP specification wants of a server and no other test shows; README.md beside this file has them all. */
#include "tests/collector/receive/house.h"
#include "tests/collector/receive/http_expect.h"
#include "tests/collector/receive/sample.h"

static const char *const paths[OTLP_KINDS] = {"/v1/traces", "/v1/metrics", "/v1/logs"};

static uint64_t far_future_ns(void) {
    return (uint64_t)clock_wall_ns(&clock_system) + UINT64_C(86400) * NS_PER_S;
}

/* --- partial success --- */

/* The field of the rejected items in partial_success, as a message of this kind has it; -1 without partial_success. */
static int64_t rejected_in(otlp_kind_t kind, const buffer_t *body) {
    int64_t rejected = -1;
    if (kind == OTLP_TRACES) {
        Otlp__ExportTraceServiceResponse *got =
            otlp__export_trace_service_response__unpack(NULL, body->len, body->data);
        if (got != NULL && got->partial_success != NULL) rejected = got->partial_success->rejected_spans;
        otlp__export_trace_service_response__free_unpacked(got, NULL);
    } else if (kind == OTLP_METRICS) {
        Otlp__ExportMetricsServiceResponse *got =
            otlp__export_metrics_service_response__unpack(NULL, body->len, body->data);
        if (got != NULL && got->partial_success != NULL) rejected = got->partial_success->rejected_data_points;
        otlp__export_metrics_service_response__free_unpacked(got, NULL);
    } else {
        Otlp__ExportLogsServiceResponse *got = otlp__export_logs_service_response__unpack(NULL, body->len, body->data);
        if (got != NULL && got->partial_success != NULL) rejected = got->partial_success->rejected_log_records;
        otlp__export_logs_service_response__free_unpacked(got, NULL);
    }
    return rejected;
}

TEST(each_signal_says_in_its_own_field_how_much_was_rejected) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    buffer_t bodies[OTLP_KINDS] = {sample_traces(3, 1), sample_metrics_at(far_future_ns()),
                                   sample_logs_at(far_future_ns())};
    for (int kind = 0; kind < OTLP_KINDS; kind++) {
        http_reply_t reply = client_request(house.port, "POST", paths[kind], PROTOBUF, buffer_slice(&bodies[kind]));
        CHECK_EQUAL(reply.status, 200);
        CHECK_EQUAL(rejected_in((otlp_kind_t)kind, &reply.body), 1);
        buffer_fini(&reply.body);
        buffer_fini(&bodies[kind]);
    }
    static const char json[] = "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":\"%llu\"}]}]}]}";
    buffer_t body = {0};
    buffer_format(&body, json, (unsigned long long)far_future_ns());
    http_reply_t reply = client_request(house.port, "POST", "/v1/logs", JSON, buffer_slice(&body));
    CHECK_EQUAL(reply.status, 200);
    CHECK(strstr((const char *)reply.body.data, "{\"partialSuccess\":{\"rejectedLogRecords\":\"1\",") != NULL);
    buffer_fini(&reply.body);
    buffer_fini(&body);
    house_close(&house);
}

/* --- other versions of the protocol --- */

TEST(fields_of_later_versions_are_ignored) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    /* field 1000 as varint, fixed64, block and fixed32 */
    static const char unknown[] = "\xc0\x3e\x05\xc1\x3e\1\2\3\4\5\6\7\x08\xc2\x3e\3abc\xc5\x3e\1\2\3\4";
    buffer_t body = sample_traces(4, 0), resource = {0};
    buffer_append(&body, unknown, sizeof unknown - 1);
    buffer_append(&resource, unknown, sizeof unknown - 1);
    buffer_byte(&body, 1 << 3 | 2); /* a ResourceSpans of nothing else */
    buffer_block(&body, buffer_slice(&resource));
    http_reply_t reply = client_request(house.port, "POST", "/v1/traces", PROTOBUF, buffer_slice(&body));
    CHECK_EQUAL(reply.status, 200);
    CHECK_EQUAL(reply.body.len, 0);
    CHECK_EQUAL(counter(&house, COUNTER_ACCEPTED_SPANS), 4);
    buffer_fini(&reply.body);
    buffer_fini(&resource);
    buffer_fini(&body);
    house_close(&house);
}

#define SPAN_JSON(members)                                                                                             \
    "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"5B8EFFF798038103D269B633813FC60C\",\"spanId\":"   \
    "\"eEe19b7EC3c1B174\",\"startTimeUnixNano\":1700000000000000000,\"endTimeUnixNano\":"                              \
    "\"1700000000000000001\"" members "}]}]}]}"

TEST(json_takes_ids_in_hex_of_any_case_numbers_both_ways_and_names_it_does_not_know) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    static const char body[] = SPAN_JSON(",\"kind\":2,\"later\":{\"a\":[1,{\"b\":null}]},\"parent_span_id\":7");
    expect(client_request(house.port, "POST", "/v1/traces", JSON, slice_text(body)), 200);
    REQUIRE(fake_journal_count(house.journal) == 1);
    slice_t bytes = buffer_slice(&house.journal->records[0].payload);
    Otlp__ExportTraceServiceRequest *got = otlp__export_trace_service_request__unpack(NULL, bytes.len, bytes.data);
    REQUIRE(got != NULL);
    const Otlp__Span *span = got->resource_spans[0]->scope_spans[0]->spans[0];
    CHECK(slice_equal(slice_of(span->trace_id.data, span->trace_id.len),
                      slice_of("\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c", 16)));
    CHECK(
        slice_equal(slice_of(span->span_id.data, span->span_id.len), slice_of("\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74", 8)));
    CHECK_EQUAL(span->parent_span_id.len, 0);
    CHECK_EQUAL(span->kind, 2);
    CHECK_EQUAL(span->start_time_unix_nano + 1, span->end_time_unix_nano);
    otlp__export_trace_service_request__free_unpacked(got, NULL);
    house_close(&house);
}

TEST(json_enums_are_numbers_and_their_names_are_bad_data) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    static const char body[] = SPAN_JSON(",\"kind\":\"SPAN_KIND_SERVER\"");
    expect_refusal(client_request(house.port, "POST", "/v1/traces", JSON, slice_text(body)), 400, 3, false, true);
    CHECK_EQUAL(fake_journal_count(house.journal), 0);
    house_close(&house);
}

/* --- failures --- */

TEST(every_refusal_is_a_status_in_the_content_type_of_its_request) {
    static const struct {
        const char *method, *path, *headers;
        size_t body_len;
        int status, code;
    } cases[] = {
        {"POST", "/v1/traces", "", 1, 400, 3},
        {"POST", "/", "", 1, 404, 12},
        {"PUT", "/v1/traces", "", 1, 405, 12},
        {"POST", "/v1/metrics", "", 3000, 413, 8},
        {"POST", "/v1/logs", "Content-Encoding: br\r\n", 1, 415, 12},
    };
    static char body[3000];
    memset(body, 'x', sizeof body);
    house_t house = {.config = {.request_bytes = 2000}};
    house_open(&house, otlp_http_start);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int json = 0; json < 2; json++) {
            char headers[200];
            (void)snprintf(headers, sizeof headers, "%s%s", json ? JSON : PROTOBUF, cases[i].headers);
            http_reply_t reply =
                client_request(house.port, cases[i].method, cases[i].path, headers, slice_of(body, cases[i].body_len));
            expect_refusal(reply, cases[i].status, cases[i].code, false, json);
        }
    house_close(&house);
}

TEST_MAIN(TEST_CASE(each_signal_says_in_its_own_field_how_much_was_rejected),
          TEST_CASE(fields_of_later_versions_are_ignored),
          TEST_CASE(json_takes_ids_in_hex_of_any_case_numbers_both_ways_and_names_it_does_not_know),
          TEST_CASE(json_enums_are_numbers_and_their_names_are_bad_data),
          TEST_CASE(every_refusal_is_a_status_in_the_content_type_of_its_request))
