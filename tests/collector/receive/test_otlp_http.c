#include "tests/collector/receive/house.h"
#include "tests/collector/receive/http_expect.h"
#include "tests/collector/receive/sample.h"

TEST(all_three_signals_are_accepted_and_journaled_as_they_came) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    buffer_t bodies[] = {sample_traces(5, 0), sample_metrics(), sample_logs()};
    const char *paths[] = {"/v1/traces", "/v1/metrics", "/v1/logs"};
    for (size_t i = 0; i < 3; i++) {
        http_reply_t reply = client_request(house.port, "POST", paths[i], PROTOBUF, buffer_slice(&bodies[i]));
        CHECK_EQUAL(reply.status, 200);
        CHECK_EQUAL(reply.body.len, 0);
        CHECK_TEXT(reply_header(&reply, "Content-Type"), "application/x-protobuf");
        buffer_fini(&reply.body);
        REQUIRE(fake_journal_count(house.journal) == i + 1);
        CHECK_EQUAL(house.journal->records[i].kind, i);
        CHECK(slice_equal(buffer_slice(&house.journal->records[i].payload), buffer_slice(&bodies[i])));
        buffer_fini(&bodies[i]);
    }
    CHECK_EQUAL(counter(&house, COUNTER_ACCEPTED_SPANS), 5);
    CHECK_EQUAL(counter(&house, COUNTER_ACCEPTED_POINTS), 1);
    CHECK_EQUAL(counter(&house, COUNTER_ACCEPTED_LOGS), 1);
    CHECK_EQUAL(counter(&house, COUNTER_REQUESTS_HTTP), 3);
    house_close(&house);
}

TEST(compressed_bodies_are_journaled_inflated) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    buffer_t raw = sample_traces(50, 0);
    buffer_t packed[] = {sample_gzip(buffer_slice(&raw)), sample_zstd(buffer_slice(&raw))};
    const char *headers[] = {PROTOBUF "Content-Encoding: gzip\r\n", PROTOBUF "Content-Encoding: zstd\r\n"};
    for (size_t i = 0; i < 2; i++) {
        expect(client_request(house.port, "POST", "/v1/traces", headers[i], buffer_slice(&packed[i])), 200);
        REQUIRE(fake_journal_count(house.journal) == i + 1);
        CHECK(slice_equal(buffer_slice(&house.journal->records[i].payload), buffer_slice(&raw)));
        buffer_fini(&packed[i]);
    }
    expect(
        client_request(house.port, "POST", "/v1/traces", PROTOBUF "Content-Encoding: identity\r\n", buffer_slice(&raw)),
        200);
    buffer_fini(&raw);
    house_close(&house);
}

TEST(json_becomes_protobuf_and_is_answered_in_json) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    http_reply_t reply = client_request(house.port, "POST", "/v1/traces",
                                        "Content-Type: application/json; charset=utf-8\r\n", slice_text(SAMPLE_JSON));
    CHECK_EQUAL(reply.status, 200);
    CHECK_TEXT((char *)reply.body.data, "{}");
    CHECK_TEXT(reply_header(&reply, "Content-Type"), "application/json");
    buffer_fini(&reply.body);
    REQUIRE(fake_journal_count(house.journal) == 1);
    slice_t journaled = buffer_slice(&house.journal->records[0].payload);
    Otlp__ExportTraceServiceRequest *got =
        otlp__export_trace_service_request__unpack(NULL, journaled.len, journaled.data);
    CHECK(got != NULL && got->n_resource_spans == 1 && got->resource_spans[0]->n_scope_spans == 1);
    otlp__export_trace_service_request__free_unpacked(got, NULL);
    house_close(&house);
}

TEST(an_empty_request_succeeds_and_is_not_journaled) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    expect(client_request(house.port, "POST", "/v1/traces", PROTOBUF, slice_of(NULL, 0)), 200);
    expect(client_request(house.port, "POST", "/v1/logs", JSON, slice_text("{}")), 200);
    CHECK_EQUAL(fake_journal_count(house.journal), 0);
    house_close(&house);
}

TEST(bad_spans_are_named_by_a_partial_success) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    buffer_t body = sample_traces(10, 3);
    http_reply_t reply = client_request(house.port, "POST", "/v1/traces", PROTOBUF, buffer_slice(&body));
    CHECK_EQUAL(reply.status, 200);
    Otlp__ExportTraceServiceResponse *got =
        otlp__export_trace_service_response__unpack(NULL, reply.body.len, reply.body.data);
    REQUIRE(got != NULL && got->partial_success != NULL);
    CHECK_EQUAL(got->partial_success->rejected_spans, 3);
    CHECK(got->partial_success->error_message[0] != '\0');
    otlp__export_trace_service_response__free_unpacked(got, NULL);
    CHECK_EQUAL(counter(&house, COUNTER_ACCEPTED_SPANS), 7);
    CHECK_EQUAL(counter(&house, COUNTER_REJECTED_SPANS), 3);
    buffer_fini(&reply.body);
    buffer_fini(&body);
    house_close(&house);
}

TEST(what_is_malformed_is_400_in_the_format_of_the_request) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    slice_t garbage = slice_text("\x0a\xff\xff\xff");
    expect_refusal(client_request(house.port, "POST", "/v1/traces", PROTOBUF, garbage), 400, 3, false, false);
    expect_refusal(client_request(house.port, "POST", "/v1/metrics", JSON, slice_text("[1,")), 400, 3, false, true);
    expect_refusal(client_request(house.port, "POST", "/v1/logs", PROTOBUF "Content-Encoding: gzip\r\n", garbage), 400,
                   3, false, false);
    CHECK_EQUAL(counter(&house, COUNTER_REFUSED_MALFORMED), 3);
    CHECK_EQUAL(fake_journal_count(house.journal), 0);
    house_close(&house);
}

TEST(what_is_not_otlp_is_refused_with_its_own_code) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    slice_t body = slice_text("x");
    expect_refusal(client_request(house.port, "POST", "/v1/other", PROTOBUF, body), 404, 12, false, false);
    expect_refusal(client_request(house.port, "POST", "/v1development/profiles", JSON, body), 404, 12, false, true);
    expect_refusal(client_request(house.port, "POST", "/v1/traces", "Content-Type: text/plain\r\n", body), 415, 3,
                   false, true);
    expect_refusal(client_request(house.port, "POST", "/v1/traces", PROTOBUF "Content-Encoding: br\r\n", body), 415, 12,
                   false, false);
    http_reply_t reply = client_request(house.port, "GET", "/v1/traces", "", slice_of(NULL, 0));
    CHECK_TEXT(reply_header(&reply, "Allow"), "POST");
    expect_refusal(reply, 405, 12, false, true);
    expect(client_request(house.port, "PUT", "/v1/traces", PROTOBUF, body), 405);
    house_close(&house);
}

TEST(a_body_over_the_limit_is_413_before_it_is_sent) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    int fd = client_connect(house.port);
    CHECK(client_send(fd, slice_text("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n" PROTOBUF
                                     "Content-Length: 100000000\r\n\r\n")));
    expect_refusal(client_reply(fd), 413, 8, false, false);
    (void)close(fd);
    house_close(&house);
}

TEST(a_chunked_body_over_the_limit_is_413_too) {
    house_t house = {.config = {.request_bytes = 50000}};
    house_open(&house, otlp_http_start);
    int fd = client_connect(house.port);
    static char chunk[10000];
    CHECK(client_send(fd, slice_text("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n" PROTOBUF
                                     "Transfer-Encoding: chunked\r\n\r\n")));
    for (int i = 0; i < 6; i++)
        CHECK(client_send(fd, slice_text("2710\r\n")) && client_send(fd, slice_of(chunk, sizeof chunk)) &&
              client_send(fd, slice_text("\r\n")));
    CHECK(client_send(fd, slice_text("0\r\n\r\n")));
    expect_refusal(client_reply(fd), 413, 8, false, false);
    (void)close(fd);
    house_close(&house);
}

TEST(a_bomb_is_413_and_its_memory_is_given_back) {
    house_t house = {.config = {.request_bytes = 16 * LIMIT}};
    house_open(&house, otlp_http_start);
    buffer_t zeros = {0};
    memset(buffer_reserve(&zeros, 32 * LIMIT), 0, 32 * LIMIT);
    zeros.len = 32 * LIMIT;
    buffer_t bomb = sample_zstd(buffer_slice(&zeros));
    expect_refusal(
        client_request(house.port, "POST", "/v1/traces", PROTOBUF "Content-Encoding: zstd\r\n", buffer_slice(&bomb)),
        413, 8, false, false);
    CHECK_EQUAL(counter(&house, COUNTER_REFUSED_TOO_LARGE), 1);
    buffer_fini(&bomb);
    buffer_fini(&zeros);
    house_close(&house);
}

TEST(nothing_is_acknowledged_before_the_journal_says_so) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    fake_journal_set(house.journal, true, ERR_OK, ERR_OK);
    buffer_t body = sample_traces(3, 0);
    int fd = client_connect(house.port);
    struct timeval shortly = {.tv_usec = 200000};
    buffer_t request = {0};
    buffer_format(&request, "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" PROTOBUF "Content-Length: %zu\r\n\r\n", body.len);
    buffer_append(&request, body.data, body.len);
    CHECK(client_send(fd, buffer_slice(&request)));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &shortly, sizeof shortly);
    CHECK_EQUAL(client_reply(fd).status, 0);
    CHECK_EQUAL(counter(&house, COUNTER_ACCEPTED_SPANS), 0);
    /* the connection waits alone: others are served */
    expect(client_request(house.port, "POST", "/v1/traces", PROTOBUF, slice_of(NULL, 0)), 200);
    fake_journal_set(house.journal, false, ERR_OK, ERR_OK);
    shortly.tv_sec = 10;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &shortly, sizeof shortly);
    expect(client_reply(fd), 200);
    CHECK_EQUAL(counter(&house, COUNTER_ACCEPTED_SPANS), 3);
    (void)close(fd);
    buffer_fini(&request);
    buffer_fini(&body);
    house_close(&house);
}

TEST(a_full_or_failing_journal_is_503_with_a_delay_and_never_400_or_500) {
    static const struct {
        err_t append, done;
        const char *retry_after;
    } rows[] = {
        {ERR_FULL, ERR_OK, "1"}, {ERR_IO, ERR_OK, "30"},    {ERR_CLOSED, ERR_OK, "2"},
        {ERR_OK, ERR_IO, "30"},  {ERR_OK, ERR_CLOSED, "2"},
    };
    house_t house = {0};
    house_open(&house, otlp_http_start);
    buffer_t body = sample_traces(3, 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fake_journal_set(house.journal, false, rows[i].append, rows[i].done);
        http_reply_t reply = client_request(house.port, "POST", "/v1/traces", PROTOBUF, buffer_slice(&body));
        CHECK_TEXT(reply_header(&reply, "Retry-After"), rows[i].retry_after);
        expect_refusal(reply, 503, 14, true, false);
    }
    CHECK_EQUAL(counter(&house, COUNTER_ACCEPTED_SPANS), 0);
    CHECK_EQUAL(counter(&house, COUNTER_REFUSED_OVERLOAD), 1);
    CHECK_EQUAL(counter(&house, COUNTER_REFUSED_STORAGE), 2);
    CHECK_EQUAL(counter(&house, COUNTER_REFUSED_DRAINING), 2);
    buffer_fini(&body);
    house_close(&house);
}

TEST(over_the_memory_budget_is_503_before_the_body_is_read) {
    house_t house = {.config = {.memory_bytes = 100000}};
    house_open(&house, otlp_http_start);
    int fd = client_connect(house.port);
    CHECK(client_send(fd, slice_text("POST /v1/traces HTTP/1.1\r\nHost: x\r\n" PROTOBUF
                                     "Expect: 100-continue\r\nContent-Length: 200000\r\n\r\n")));
    http_reply_t reply = client_reply(fd);
    CHECK_TEXT(reply_header(&reply, "Retry-After"), "1");
    expect_refusal(reply, 503, 14, true, false);
    (void)close(fd);
    house_close(&house);
}

TEST(an_announced_body_that_does_not_come_holds_no_budget) {
    house_t house = {.config = {.memory_bytes = LIMIT}};
    house_open(&house, otlp_http_start);
    int fds[8];
    for (int i = 0; i < 8; i++) {
        fds[i] = client_connect(house.port);
        CHECK(client_send(
            fds[i], slice_text("POST /v1/traces HTTP/1.1\r\nHost: x\r\n" PROTOBUF "Content-Length: 1000000\r\n\r\nx")));
    }
    buffer_t body = sample_traces(100, 0);
    expect(client_request(house.port, "POST", "/v1/traces", PROTOBUF, buffer_slice(&body)), 200);
    /* the answered request gives its share back a moment after its answer */
    for (int i = 0; i < 5000 && house.intake.held_bytes >= 100; i++) (void)usleep(1000);
    CHECK(house.intake.held_bytes < 100);
    for (int i = 0; i < 8; i++) (void)close(fds[i]);
    buffer_fini(&body);
    house_close(&house);
}

TEST(many_requests_go_over_one_connection_even_after_a_refusal) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    buffer_t body = sample_traces(20, 0);
    int fd = client_connect(house.port);
    for (int i = 0; i < 50; i++) {
        expect(client_exchange(fd, "POST", "/v1/traces", PROTOBUF, buffer_slice(&body)), 200);
        if (i % 10 == 0) expect(client_exchange(fd, "POST", "/v1/nothing", PROTOBUF, buffer_slice(&body)), 404);
    }
    CHECK_EQUAL(fake_journal_count(house.journal), 50);
    (void)close(fd);
    buffer_fini(&body);
    house_close(&house);
}

TEST(slow_senders_are_cut_and_counted) {
    house_t house = {.config = {.header_timeout_s = 1, .body_timeout_s = 1}};
    house_open(&house, otlp_http_start);
    int header = client_connect(house.port), body = client_connect(house.port);
    CHECK(client_send(header, slice_text("POST /v1/tra")));
    CHECK(client_send(
        body, slice_text("POST /v1/traces HTTP/1.1\r\nHost: x\r\n" PROTOBUF "Content-Length: 1000\r\n\r\nabc")));
    CHECK_EQUAL(client_reply(header).status, 0);
    CHECK_EQUAL(client_reply(body).status, 0);
    CHECK_EQUAL(counter(&house, COUNTER_CLOSED_SLOW), 2);
    (void)close(header);
    (void)close(body);
    house_close(&house);
}

TEST(over_the_connection_limit_the_oldest_silent_one_gives_way) {
    house_t house = {.config = {.connections = 4}};
    house_open(&house, otlp_http_start);
    int silent[4];
    for (int i = 0; i < 4; i++) silent[i] = client_connect(house.port);
    (void)usleep(100000);
    buffer_t body = sample_traces(2, 0);
    expect(client_request(house.port, "POST", "/v1/traces", PROTOBUF, buffer_slice(&body)), 200);
    CHECK_EQUAL(client_reply(silent[0]).status, 0);
    for (int i = 0; i < 4; i++) (void)close(silent[i]);
    buffer_fini(&body);
    house_close(&house);
}

TEST(byte_after_byte_is_no_excuse) {
    house_t house = {.config = {.header_timeout_s = 1, .body_timeout_s = 1}};
    house_open(&house, otlp_http_start);
    static const char head[] = "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" PROTOBUF "Content-Length: 1000\r\n\r\n";
    static char body[100];
    int slow_header = client_connect(house.port), slow_body = client_connect(house.port);
    CHECK(client_dribble(slow_header, slice_text(head)));
    CHECK(client_send(slow_body, slice_text(head)));
    CHECK(client_dribble(slow_body, slice_of(body, sizeof body)));
    CHECK_EQUAL(counter(&house, COUNTER_CLOSED_SLOW), 2);
    (void)close(slow_header);
    (void)close(slow_body);
    house_close(&house);
}

TEST(who_does_not_read_answers_is_cut) {
    house_t house = {.config = {.body_timeout_s = 1}};
    house_open(&house, otlp_http_start);
    CHECK(
        client_never_reads(house.port, "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" PROTOBUF "Content-Length: 0\r\n\r\n"));
    CHECK_EQUAL(counter(&house, COUNTER_CLOSED_SLOW), 1);
    house_close(&house);
}

TEST(over_the_connection_limit_the_idle_give_way_and_the_busy_stay) {
    house_t house = {.config = {.connections = 2}};
    house_open(&house, otlp_http_start);
    buffer_t body = sample_traces(3, 0), request = {0};
    int busy = client_connect(house.port), idle = client_connect(house.port);
    expect(client_exchange(idle, "POST", "/v1/traces", PROTOBUF, slice_of(NULL, 0)), 200);
    fake_journal_set(house.journal, true, ERR_OK, ERR_OK);
    buffer_format(&request, "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" PROTOBUF "Content-Length: %zu\r\n\r\n", body.len);
    buffer_append(&request, body.data, body.len);
    CHECK(client_send(busy, buffer_slice(&request)));
    while (fake_journal_count(house.journal) == 0) (void)usleep(1000);
    /* both are at work, or were a moment ago */
    http_reply_t refused = client_request(house.port, "POST", "/v1/traces", PROTOBUF, slice_of(NULL, 0));
    CHECK_EQUAL(refused.status, 0);
    CHECK_EQUAL(counter(&house, COUNTER_REFUSED_CONNECTIONS), 1);
    (void)usleep(1200000);
    expect(client_request(house.port, "POST", "/v1/traces", PROTOBUF, slice_of(NULL, 0)), 200);
    CHECK_EQUAL(client_reply(idle).status, 0);
    CHECK_EQUAL(counter(&house, COUNTER_CLOSED_IDLE), 1);
    fake_journal_set(house.journal, false, ERR_OK, ERR_OK);
    expect(client_reply(busy), 200);
    (void)close(busy);
    (void)close(idle);
    buffer_fini(&request);
    buffer_fini(&body);
    house_close(&house);
}

TEST(over_the_connection_limit_slow_bodies_give_way) {
    house_t house = {.config = {.connections = 3}};
    house_open(&house, otlp_http_start);
    int slow[3];
    for (int i = 0; i < 3; i++) {
        slow[i] = client_connect(house.port);
        CHECK(client_send(
            slow[i], slice_text("POST /v1/traces HTTP/1.1\r\nHost: x\r\n" PROTOBUF "Content-Length: 1000\r\n\r\nabc")));
    }
    (void)usleep(3500000);
    expect(client_request(house.port, "POST", "/v1/traces", PROTOBUF, slice_of(NULL, 0)), 200);
    CHECK_EQUAL(counter(&house, COUNTER_CLOSED_SLOW), 1);
    for (int i = 0; i < 3; i++) (void)close(slow[i]);
    house_close(&house);
}

TEST(a_stop_answers_what_is_in_flight) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    house.journal->delay_us = 300000;
    buffer_t body = sample_traces(3, 0), request = {0};
    int fd = client_connect(house.port);
    buffer_format(&request, "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" PROTOBUF "Content-Length: %zu\r\n\r\n", body.len);
    buffer_append(&request, body.data, body.len);
    CHECK(client_send(fd, buffer_slice(&request)));
    while (fake_journal_count(house.journal) == 0) (void)usleep(1000);
    house_close(&house);
    expect(client_reply(fd), 200);
    (void)close(fd);
    buffer_fini(&request);
    buffer_fini(&body);
}

TEST(a_stop_gives_up_on_a_silent_journal_with_a_retryable_answer) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    fake_journal_set(house.journal, true, ERR_OK, ERR_OK);
    buffer_t body = sample_traces(3, 0), request = {0};
    int fd = client_connect(house.port);
    buffer_format(&request, "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" PROTOBUF "Content-Length: %zu\r\n\r\n", body.len);
    buffer_append(&request, body.data, body.len);
    CHECK(client_send(fd, buffer_slice(&request)));
    while (fake_journal_count(house.journal) == 0) (void)usleep(1000);
    house_close(&house); /* the journal answers only now, when the receiver is gone */
    expect_refusal(client_reply(fd), 503, 14, true, false);
    (void)close(fd);
    buffer_fini(&request);
    buffer_fini(&body);
}

TEST(a_taken_port_is_said_in_one_sentence_with_the_cure) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    char why[256] = "";
    receiver_t *second = NULL;
    receiver_config_t config = house.config;
    config.port = house.port;
    CHECK_EQUAL(otlp_http_start(&config, &house.intake, &second, why, sizeof why), ERR_BUSY);
    CHECK(strstr(why, "another process") != NULL && strstr(why, "listen.otlp_http") != NULL);
    config.host = "no such host";
    CHECK_EQUAL(otlp_http_start(&config, &house.intake, &second, why, sizeof why), ERR_INVALID);
    config.host = "192.0.2.1"; /* TEST-NET-1: never ours */
    CHECK_EQUAL(otlp_http_start(&config, &house.intake, &second, why, sizeof why), ERR_INVALID);
    house_close(&house);
}

typedef struct {
    house_t *house;
    uint64_t seed;
} sender_t;

static void *send_many(void *context) {
    sender_t *sender = context;
    int fd = client_connect(sender->house->port);
    for (int i = 0; i < 100; i++) {
        size_t spans = 1 + test_random(&sender->seed) % 50;
        buffer_t body = {0};
        static pthread_mutex_t sample_lock = PTHREAD_MUTEX_INITIALIZER; /* the sample is built in static memory */
        (void)pthread_mutex_lock(&sample_lock);
        body = sample_traces(spans, 0);
        (void)pthread_mutex_unlock(&sample_lock);
        http_reply_t reply = client_exchange(fd, "POST", "/v1/traces", PROTOBUF, buffer_slice(&body));
        if (reply.status != 200) {
            CHECK_EQUAL(reply.status, 200);
            break;
        }
        buffer_fini(&reply.body);
        buffer_fini(&body);
    }
    (void)close(fd);
    return NULL;
}

TEST(many_senders_at_once_are_all_answered) {
    house_t house = {0};
    house_open(&house, otlp_http_start);
    pthread_t threads[8];
    sender_t senders[8];
    for (uint64_t i = 0; i < 8; i++) {
        senders[i] = (sender_t){&house, i + 1};
        (void)pthread_create(&threads[i], NULL, send_many, &senders[i]);
    }
    for (int i = 0; i < 8; i++) (void)pthread_join(threads[i], NULL);
    CHECK_EQUAL(fake_journal_count(house.journal), 800);
    house_close(&house);
}

TEST_MAIN(
    TEST_CASE(all_three_signals_are_accepted_and_journaled_as_they_came),
    TEST_CASE(compressed_bodies_are_journaled_inflated), TEST_CASE(json_becomes_protobuf_and_is_answered_in_json),
    TEST_CASE(an_empty_request_succeeds_and_is_not_journaled), TEST_CASE(bad_spans_are_named_by_a_partial_success),
    TEST_CASE(what_is_malformed_is_400_in_the_format_of_the_request),
    TEST_CASE(what_is_not_otlp_is_refused_with_its_own_code), TEST_CASE(a_body_over_the_limit_is_413_before_it_is_sent),
    TEST_CASE(a_chunked_body_over_the_limit_is_413_too), TEST_CASE(a_bomb_is_413_and_its_memory_is_given_back),
    TEST_CASE(nothing_is_acknowledged_before_the_journal_says_so),
    TEST_CASE(a_full_or_failing_journal_is_503_with_a_delay_and_never_400_or_500),
    TEST_CASE(over_the_memory_budget_is_503_before_the_body_is_read),
    TEST_CASE(an_announced_body_that_does_not_come_holds_no_budget),
    TEST_CASE(many_requests_go_over_one_connection_even_after_a_refusal), TEST_CASE(slow_senders_are_cut_and_counted),
    TEST_CASE(over_the_connection_limit_the_oldest_silent_one_gives_way), TEST_CASE(byte_after_byte_is_no_excuse),
    TEST_CASE(who_does_not_read_answers_is_cut),
    TEST_CASE(over_the_connection_limit_the_idle_give_way_and_the_busy_stay),
    TEST_CASE(over_the_connection_limit_slow_bodies_give_way), TEST_CASE(a_stop_answers_what_is_in_flight),
    TEST_CASE(a_stop_gives_up_on_a_silent_journal_with_a_retryable_answer),
    TEST_CASE(a_taken_port_is_said_in_one_sentence_with_the_cure), TEST_CASE(many_senders_at_once_are_all_answered))
