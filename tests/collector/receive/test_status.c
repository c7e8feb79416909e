#include "collector/receive/status.h"
#include "otlp.pb-c.h"
#include "tests/test.h"

static buffer_t encoded(const answer_t *answer, format_t format) {
    buffer_t out = {0};
    answer_encode(answer, format, &out);
    buffer_byte(&out, 0);
    out.len--;
    return out;
}

/* The codes that a conforming client repeats, and those that it gives up at (opentelemetry.io/docs/specs/otlp). */
static bool http_retryable(int code) {
    return code == 429 || code == 502 || code == 503 || code == 504;
}
static bool grpc_retryable(int code) {
    return code == 1 || code == 4 || code == 10 || code == 11 || code == 14 || code == 15;
}

TEST(the_situations_have_the_codes_that_decide_about_data_loss) {
    static const struct {
        situation_t situation;
        int http, grpc;
        bool retry_delay;
    } rows[] = {
        {SITUATION_ACCEPTED, 200, 0, false},  {SITUATION_MALFORMED, 400, 3, false},
        {SITUATION_TOO_LARGE, 413, 8, false}, {SITUATION_UNAUTHENTICATED, 401, 16, false},
        {SITUATION_FORBIDDEN, 403, 7, false}, {SITUATION_OVERLOAD, 503, 14, true},
        {SITUATION_DRAINING, 503, 14, true},  {SITUATION_STORAGE, 503, 14, true},
        {SITUATION_DEADLINE, 504, 4, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const situation_info_t *info = &situation_info[rows[i].situation];
        CHECK_EQUAL(info->http, rows[i].http);
        CHECK_EQUAL(info->grpc, rows[i].grpc);
        CHECK_EQUAL(info->retry_s > 0, rows[i].retry_delay);
    }
    CHECK(situation_info[SITUATION_STORAGE].retry_s >= 10 * situation_info[SITUATION_OVERLOAD].retry_s);
}

TEST(both_transports_agree_on_what_is_worth_a_retry) {
    for (int i = 1; i < SITUATION_COUNT; i++) {
        CHECK_EQUAL(http_retryable(situation_info[i].http), grpc_retryable(situation_info[i].grpc));
        if (situation_info[i].grpc == 8) CHECK_EQUAL(situation_info[i].retry_s, 0);
    }
}

TEST(a_full_success_is_an_empty_message) {
    answer_t answer = {.situation = SITUATION_ACCEPTED, .kind = OTLP_METRICS};
    buffer_t protobuf = encoded(&answer, FORMAT_PROTOBUF), json = encoded(&answer, FORMAT_JSON);
    CHECK_EQUAL(protobuf.len, 0);
    CHECK_TEXT((char *)json.data, "{}");
    buffer_fini(&protobuf);
    buffer_fini(&json);
}

TEST(a_partial_success_names_the_rejected_items_of_its_kind) {
    static const char *const json[OTLP_KINDS] = {
        "{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"say \\\"why\\\"\"}}",
        "{\"partialSuccess\":{\"rejectedDataPoints\":\"3\",\"errorMessage\":\"say \\\"why\\\"\"}}",
        "{\"partialSuccess\":{\"rejectedLogRecords\":\"3\",\"errorMessage\":\"say \\\"why\\\"\"}}"};
    for (int kind = 0; kind < OTLP_KINDS; kind++) {
        answer_t answer = {.kind = (otlp_kind_t)kind, .rejected = 3};
        answer_set(&answer, SITUATION_ACCEPTED, "say \"why\"");
        buffer_t text = encoded(&answer, FORMAT_JSON), bytes = encoded(&answer, FORMAT_PROTOBUF);
        CHECK_TEXT((char *)text.data, json[kind]);
        Otlp__ExportLogsServiceResponse *logs =
            otlp__export_logs_service_response__unpack(NULL, bytes.len, bytes.data); /* all three look alike */
        CHECK(logs != NULL && logs->partial_success != NULL);
        CHECK_EQUAL(logs->partial_success->rejected_log_records, 3);
        CHECK_TEXT(logs->partial_success->error_message, "say \"why\"");
        otlp__export_logs_service_response__free_unpacked(logs, NULL);
        buffer_fini(&text);
        buffer_fini(&bytes);
    }
}

TEST(a_refusal_that_may_be_retried_carries_retry_info_and_others_do_not) {
    for (int i = 1; i < SITUATION_COUNT; i++) {
        answer_t answer = {0};
        answer_set(&answer, (situation_t)i, NULL);
        buffer_t bytes = encoded(&answer, FORMAT_PROTOBUF);
        Otlp__RpcStatus *status = otlp__rpc_status__unpack(NULL, bytes.len, bytes.data);
        REQUIRE(status != NULL);
        CHECK_EQUAL(status->code, situation_info[i].grpc);
        CHECK_TEXT(status->message, situation_info[i].words);
        CHECK_EQUAL(status->n_details, situation_info[i].retry_s > 0);
        if (status->n_details == 1) {
            CHECK_TEXT(status->details[0]->type_url, "type.googleapis.com/google.rpc.RetryInfo");
            Otlp__RetryInfo *retry =
                otlp__retry_info__unpack(NULL, status->details[0]->value.len, status->details[0]->value.data);
            CHECK(retry != NULL && retry->retry_delay->seconds == situation_info[i].retry_s);
            otlp__retry_info__free_unpacked(retry, NULL);
        }
        otlp__rpc_status__free_unpacked(status, NULL);
        buffer_fini(&bytes);
    }
}

TEST(a_refusal_in_json_is_a_google_rpc_status) {
    answer_t answer = {0};
    answer_set(&answer, SITUATION_OVERLOAD, "busy");
    buffer_t text = encoded(&answer, FORMAT_JSON);
    CHECK_TEXT((char *)text.data,
               "{\"code\":14,\"message\":\"busy\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
               "\"retryDelay\":\"1s\"}]}");
    buffer_fini(&text);
}

TEST(texts_from_outside_become_printable_ascii_of_bounded_length) {
    answer_t answer = {0};
    char endless[1000];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    answer_set(&answer, SITUATION_MALFORMED, "a\r\nb\xc3\xa4\x7f%s", endless);
    CHECK_EQUAL(strlen(answer_text(&answer)), ANSWER_TEXT_MAX - 1);
    CHECK(strncmp(answer_text(&answer), "a??b???xx", 9) == 0);
}

TEST(rejected_items_are_read_as_they_are_written) {
    static const uint64_t counts[] = {0, 1, 300, INT64_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        answer_t answer = {.situation = SITUATION_ACCEPTED, .kind = OTLP_TRACES, .rejected = counts[i]};
        answer_set(&answer, SITUATION_ACCEPTED, "why");
        buffer_t bytes = {0};
        slice_t why;
        answer_encode(&answer, FORMAT_PROTOBUF, &bytes);
        CHECK_EQUAL(answer_rejected(buffer_slice(&bytes), &why), counts[i]);
        CHECK(slice_is(why, "why"));
        if (counts[i] > 0) CHECK_EQUAL(answer_rejected(slice_of(bytes.data, bytes.len - 1), NULL), 0);
        buffer_fini(&bytes);
    }
    CHECK_EQUAL(answer_rejected(slice_text("<html>200</html>"), NULL), 0);
}

TEST_MAIN(TEST_CASE(rejected_items_are_read_as_they_are_written),
          TEST_CASE(the_situations_have_the_codes_that_decide_about_data_loss),
          TEST_CASE(both_transports_agree_on_what_is_worth_a_retry), TEST_CASE(a_full_success_is_an_empty_message),
          TEST_CASE(a_partial_success_names_the_rejected_items_of_its_kind),
          TEST_CASE(a_refusal_that_may_be_retried_carries_retry_info_and_others_do_not),
          TEST_CASE(a_refusal_in_json_is_a_google_rpc_status),
          TEST_CASE(texts_from_outside_become_printable_ascii_of_bounded_length))
