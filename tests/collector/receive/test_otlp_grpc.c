#include "tests/collector/receive/grpc_call.h"
#include "tests/collector/receive/sample.h"

TEST(all_three_signals_are_accepted_and_journaled_as_they_came) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    buffer_t bodies[] = {sample_traces(5, 0), sample_metrics(), sample_logs()};
    const char *paths[] = {TRACES, METRICS, LOGS};
    for (size_t i = 0; i < 3; i++) {
        expect_success(call_message(house.port, paths[i], NULL, buffer_slice(&bodies[i]), false));
        REQUIRE(fake_journal_count(house.journal) == i + 1);
        CHECK_EQUAL(house.journal->records[i].kind, i);
        CHECK(slice_equal(buffer_slice(&house.journal->records[i].payload), buffer_slice(&bodies[i])));
        buffer_fini(&bodies[i]);
    }
    CHECK_EQUAL(counter(&house, COUNTER_ACCEPTED_SPANS), 5);
    CHECK_EQUAL(counter(&house, COUNTER_ACCEPTED_POINTS), 1);
    CHECK_EQUAL(counter(&house, COUNTER_ACCEPTED_LOGS), 1);
    CHECK_EQUAL(counter(&house, COUNTER_REQUESTS_GRPC), 3);
    house_close(&house);
}

TEST(compressed_messages_are_journaled_inflated) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    buffer_t raw = sample_traces(50, 0);
    buffer_t packed[] = {sample_gzip(buffer_slice(&raw)), sample_zstd(buffer_slice(&raw))};
    const h2_header_t codings[][2] = {{{"grpc-encoding", "gzip"}, {0}}, {{"grpc-encoding", "zstd"}, {0}}};
    for (size_t i = 0; i < 2; i++) {
        expect_success(call_message(house.port, TRACES, codings[i], buffer_slice(&packed[i]), true));
        REQUIRE(fake_journal_count(house.journal) == i + 1);
        CHECK(slice_equal(buffer_slice(&house.journal->records[i].payload), buffer_slice(&raw)));
        buffer_fini(&packed[i]);
    }
    /* a message that is not marked is not compressed, whatever the header says */
    expect_success(call_message(house.port, TRACES, codings[0], buffer_slice(&raw), false));
    buffer_fini(&raw);
    house_close(&house);
}

TEST(content_types_of_grpc_are_known_and_others_are_415) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    static const h2_header_t good[][2] = {{{"content-type", "application/grpc+proto"}, {0}},
                                          {{"content-type", "application/grpc;charset=x"}, {0}}};
    static const h2_header_t bad[][2] = {{{"content-type", "application/json"}, {0}},
                                         {{"content-type", "application/grpc-web"}, {0}},
                                         {{"content-type", "application/grpc+json"}, {0}}};
    for (size_t i = 0; i < 2; i++) expect_success(call_message(house.port, TRACES, good[i], slice_of(NULL, 0), false));
    for (size_t i = 0; i < 3; i++) {
        call_t call = call_message(house.port, TRACES, bad[i], slice_of(NULL, 0), false);
        CHECK_EQUAL(call.http_status, 415);
        CHECK_EQUAL(call.grpc_status, -1);
        buffer_fini(&call.data);
    }
    house_close(&house);
}

/* Everything that was sent before has been dealt with when this returns. */
static void round_trip(h2_client_t *client) {
    int acks = client->ping_acks;
    (void)nghttp2_submit_ping(client->session, 0, NULL);
    while (client->ping_acks == acks && h2_client_step(client, 100)) continue;
}

TEST(plain_http_gets_a_sentence_when_the_request_is_whole) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    static const h2_header_t put[] = {{":method", "PUT"}, {0}}, head[] = {{":method", "HEAD"}, {0}};
    h2_client_t *client = h2_client_open(house.port);
    call_t call = {.keep_open = true};
    begin(client, TRACES, put, slice_text("abc"), &call);
    round_trip(client);
    CHECK_EQUAL(call.http_status, 0);
    call.keep_open = false;
    (void)nghttp2_session_resume_data(client->session, call.id);
    h2_client_finish(client, &call);
    CHECK_EQUAL(call.http_status, 405);
    CHECK_TEXT(call.allow, "POST");
    CHECK_TEXT(call.content_type, "text/plain; charset=utf-8");
    CHECK(call.data.len > 20);
    call_t asked = {0};
    begin(client, TRACES, head, slice_of(NULL, 0), &asked);
    h2_client_finish(client, &asked);
    CHECK_EQUAL(asked.http_status, 405);
    CHECK_EQUAL(asked.data.len, 0);
    CHECK_EQUAL(counter(&house, COUNTER_REFUSED_NOT_FOUND), 2);
    buffer_fini(&call.data);
    h2_client_close(client);
    house_close(&house);
}

TEST(an_empty_request_succeeds_and_is_not_journaled) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    expect_success(call_message(house.port, TRACES, NULL, slice_of(NULL, 0), false));
    CHECK_EQUAL(fake_journal_count(house.journal), 0);
    house_close(&house);
}

TEST(bad_spans_are_named_by_a_partial_success) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    buffer_t body = sample_traces(10, 3);
    call_t call = call_message(house.port, TRACES, NULL, buffer_slice(&body), false);
    CHECK_EQUAL(call.grpc_status, 0);
    REQUIRE(call.data.len > 5);
    Otlp__ExportTraceServiceResponse *got =
        otlp__export_trace_service_response__unpack(NULL, call.data.len - 5, call.data.data + 5);
    REQUIRE(got != NULL && got->partial_success != NULL);
    CHECK_EQUAL(got->partial_success->rejected_spans, 3);
    otlp__export_trace_service_response__free_unpacked(got, NULL);
    buffer_fini(&call.data);
    buffer_fini(&body);
    house_close(&house);
}

TEST(unknown_services_and_profiles_are_unimplemented) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    static const char *const paths[] = {"/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
                                        "/opentelemetry.proto.collector.trace.v1.TraceService/Import", "/"};
    for (size_t i = 0; i < 3; i++)
        expect_refusal(call_message(house.port, paths[i], NULL, slice_of(NULL, 0), false), 12, false);
    house_close(&house);
}

TEST(malformed_bodies_are_invalid_argument) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    static const h2_header_t gzip[] = {{"grpc-encoding", "gzip"}, {0}};
    slice_t garbage = slice_text("\x0a\xff\xff\xff");
    expect_refusal(call_message(house.port, TRACES, NULL, garbage, false), 3, false);
    expect_refusal(call_message(house.port, TRACES, gzip, garbage, true), 3, false);
    CHECK_EQUAL(counter(&house, COUNTER_REFUSED_MALFORMED), 2);
    house_close(&house);
}

TEST(broken_framing_is_internal) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    static const h2_header_t timeout[] = {{"grpc-timeout", "soon"}, {0}};
    expect_refusal(call_message(house.port, TRACES, NULL, slice_text("x"), true), 13, false); /* no grpc-encoding */
    expect_refusal(call_raw(house.port, TRACES, NULL, slice_of(NULL, 0)), 13, false);         /* no message */
    expect_refusal(call_raw(house.port, TRACES, NULL, slice_of("\0\0\0\0\5abc", 8)), 13, false);
    expect_refusal(call_raw(house.port, TRACES, NULL, slice_of("\0\0\0\0\0\0\0\0\0\0", 10)), 13, false);
    expect_refusal(call_raw(house.port, TRACES, NULL, slice_of("\7\0\0\0\0", 5)), 13, false);
    expect_refusal(call_message(house.port, TRACES, timeout, slice_of(NULL, 0), false), 13, false);
    house_close(&house);
}

TEST(an_unknown_coding_is_unimplemented_and_the_known_ones_are_named) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    static const h2_header_t coding[] = {{"grpc-encoding", "lzma"}, {0}};
    call_t call = call_message(house.port, TRACES, coding, slice_text("x"), true);
    CHECK_TEXT(call.accept_encoding, "identity,gzip,zstd");
    expect_refusal(call, 12, false);
    house_close(&house);
}

TEST(too_large_is_resource_exhausted_without_retry_info_and_at_once) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    call_t call = {.keep_open = true};
    h2_client_t *client = h2_client_open(house.port);
    begin(client, TRACES, NULL, slice_of("\0\x10\0\0\0", 5), &call); /* announces 256 MiB and sends nothing */
    h2_client_finish(client, &call);
    CHECK(call.closed);
    CHECK_EQUAL(call.error_code, NGHTTP2_NO_ERROR);
    expect_refusal(call, 8, false);
    h2_client_close(client);

    static const h2_header_t gzip[] = {{"grpc-encoding", "gzip"}, {0}};
    buffer_t zeros = {0};
    memset(buffer_reserve(&zeros, 8 * LIMIT), 0, 8 * LIMIT);
    zeros.len = 8 * LIMIT;
    buffer_t bomb = sample_gzip(buffer_slice(&zeros));
    expect_refusal(call_message(house.port, TRACES, gzip, buffer_slice(&bomb), true), 8, false);
    buffer_fini(&bomb);
    buffer_fini(&zeros);
    house_close(&house);
}

TEST(large_messages_fit_through_the_windows) {
    house_t house = {.config = {.request_bytes = 64 * LIMIT, .memory_bytes = 128 * LIMIT}};
    house_open(&house, otlp_grpc_start);
    Otlp__ExportTraceServiceRequest request = OTLP__EXPORT_TRACE_SERVICE_REQUEST__INIT;
    Otlp__ResourceSpans resource = OTLP__RESOURCE_SPANS__INIT, *resources[] = {&resource};
    size_t url_bytes = 40 * LIMIT;
    char *url = malloc(url_bytes + 1);
    memset(url, 'u', url_bytes);
    url[url_bytes] = '\0';
    resource.schema_url = url;
    request.resource_spans = resources;
    request.n_resource_spans = 1;
    buffer_t body = {0};
    uint8_t *at = buffer_reserve(&body, otlp__export_trace_service_request__get_packed_size(&request));
    body.len = otlp__export_trace_service_request__pack(&request, at);
    expect_success(call_message(house.port, TRACES, NULL, buffer_slice(&body), false));
    CHECK_EQUAL(counter(&house, COUNTER_BYTES_GRPC), body.len + 5);
    free(url);
    buffer_fini(&body);
    house_close(&house);
}

TEST(nothing_is_acknowledged_before_the_journal_says_so) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    fake_journal_set(house.journal, true, ERR_OK, ERR_OK);
    buffer_t body = sample_traces(3, 0), wire = framed(buffer_slice(&body), false);
    h2_client_t *client = h2_client_open(house.port);
    call_t waiting = {0}, other = {0};
    begin(client, TRACES, NULL, buffer_slice(&wire), &waiting);
    begin(client, TRACES, NULL, slice_of("\0\0\0\0\0", 5), &other);
    h2_client_finish(client, &other);
    expect_success(other); /* streams do not wait for one another */
    for (int i = 0; i < 3; i++) (void)h2_client_step(client, 50);
    CHECK(!waiting.closed);
    CHECK_EQUAL(counter(&house, COUNTER_ACCEPTED_SPANS), 0);
    fake_journal_set(house.journal, false, ERR_OK, ERR_OK);
    h2_client_finish(client, &waiting);
    expect_success(waiting);
    h2_client_close(client);
    buffer_fini(&wire);
    buffer_fini(&body);
    house_close(&house);
}

TEST(a_full_or_failing_journal_is_unavailable_with_retry_info) {
    static const struct {
        err_t append, done;
    } rows[] = {{ERR_FULL, ERR_OK}, {ERR_IO, ERR_OK}, {ERR_CLOSED, ERR_OK}, {ERR_OK, ERR_IO}, {ERR_OK, ERR_CLOSED}};
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    buffer_t body = sample_traces(3, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fake_journal_set(house.journal, false, rows[i].append, rows[i].done);
        expect_refusal(call_message(house.port, TRACES, NULL, buffer_slice(&body), false), 14, true);
    }
    CHECK_EQUAL(counter(&house, COUNTER_ACCEPTED_SPANS), 0);
    CHECK_EQUAL(counter(&house, COUNTER_REFUSED_STORAGE), 2);
    buffer_fini(&body);
    house_close(&house);
}

TEST(over_the_memory_budget_is_unavailable) {
    house_t house = {.config = {.memory_bytes = 100000}};
    house_open(&house, otlp_grpc_start);
    static char space[200000];
    expect_refusal(call_message(house.port, TRACES, NULL, slice_of(space, sizeof space), false), 14, true);
    CHECK_EQUAL(house.intake.held_bytes, 0);
    CHECK_EQUAL(counter(&house, COUNTER_REFUSED_OVERLOAD), 1);
    house_close(&house);
}

TEST(a_passed_deadline_is_deadline_exceeded) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    fake_journal_set(house.journal, true, ERR_OK, ERR_OK);
    static const h2_header_t timeout[] = {{"grpc-timeout", "200m"}, {0}};
    buffer_t body = sample_traces(3, 0);
    expect_refusal(call_message(house.port, TRACES, timeout, buffer_slice(&body), false), 4, false); /* journal slow */
    call_t call = {.keep_open = true};
    h2_client_t *client = h2_client_open(house.port);
    begin(client, TRACES, timeout, slice_of("\0\0", 2), &call); /* sender slow */
    h2_client_finish(client, &call);
    expect_refusal(call, 4, false);
    h2_client_close(client);
    CHECK_EQUAL(counter(&house, COUNTER_REFUSED_DEADLINE), 2);
    fake_journal_set(house.journal, false, ERR_OK, ERR_OK);
    buffer_fini(&body);
    house_close(&house);
}

TEST(a_client_that_leaves_while_the_journal_works_is_no_harm) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    fake_journal_set(house.journal, true, ERR_OK, ERR_OK);
    buffer_t body = sample_traces(3, 0), wire = framed(buffer_slice(&body), false);
    h2_client_t *clients[2];
    call_t calls[2] = {0};
    for (int i = 0; i < 2; i++) {
        clients[i] = h2_client_open(house.port);
        begin(clients[i], TRACES, NULL, buffer_slice(&wire), &calls[i]);
        while (fake_journal_count(house.journal) <= (size_t)i) (void)h2_client_step(clients[i], 10);
    }
    h2_client_close(clients[0]);
    (void)nghttp2_submit_rst_stream(clients[1]->session, 0, calls[1].id, NGHTTP2_CANCEL);
    (void)h2_client_step(clients[1], 100);
    fake_journal_set(house.journal, false, ERR_OK, ERR_OK);
    expect_success(call_message(house.port, TRACES, NULL, buffer_slice(&body), false));
    h2_client_close(clients[1]);
    buffer_fini(&wire);
    buffer_fini(&body);
    house_close(&house);
}

TEST(pings_are_answered_while_a_call_waits) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    fake_journal_set(house.journal, true, ERR_OK, ERR_OK);
    buffer_t body = sample_traces(3, 0), wire = framed(buffer_slice(&body), false);
    h2_client_t *client = h2_client_open(house.port);
    call_t call = {0};
    begin(client, TRACES, NULL, buffer_slice(&wire), &call);
    for (int i = 0; i < 3; i++) (void)nghttp2_submit_ping(client->session, 0, NULL);
    for (int i = 0; i < 50 && client->ping_acks < 3; i++) (void)h2_client_step(client, 100);
    CHECK_EQUAL(client->ping_acks, 3);
    fake_journal_set(house.journal, false, ERR_OK, ERR_OK);
    h2_client_finish(client, &call);
    expect_success(call);
    h2_client_close(client);
    buffer_fini(&wire);
    buffer_fini(&body);
    house_close(&house);
}

static void *stop(void *context) {
    house_t *house = context;
    receiver_stop(house->receiver);
    return NULL;
}

TEST(a_stop_says_goaway_twice_and_answers_what_is_in_flight) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    fake_journal_set(house.journal, true, ERR_OK, ERR_OK);
    buffer_t body = sample_traces(3, 0), wire = framed(buffer_slice(&body), false);
    h2_client_t *client = h2_client_open(house.port);
    call_t call = {0};
    begin(client, TRACES, NULL, buffer_slice(&wire), &call);
    while (fake_journal_count(house.journal) == 0) (void)h2_client_step(client, 10);
    pthread_t stopper;
    (void)pthread_create(&stopper, NULL, stop, &house);
    while (client->goaways < 2 && h2_client_step(client, 100)) continue;
    CHECK_EQUAL(client->goaway_ids[0], INT32_MAX);
    CHECK_EQUAL(client->goaway_ids[1], call.id);
    CHECK_EQUAL(client->goaway_error, NGHTTP2_NO_ERROR);
    fake_journal_set(house.journal, false, ERR_OK, ERR_OK);
    h2_client_finish(client, &call);
    expect_success(call);
    while (h2_client_step(client, 100)) continue;
    CHECK(client->eof);
    (void)pthread_join(stopper, NULL);
    h2_client_close(client);
    fake_journal_close(house.journal);
    buffer_fini(&wire);
    buffer_fini(&body);
}

TEST(a_stop_gives_up_on_a_silent_journal_with_a_retryable_answer) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    fake_journal_set(house.journal, true, ERR_OK, ERR_OK);
    buffer_t body = sample_traces(3, 0), wire = framed(buffer_slice(&body), false);
    h2_client_t *client = h2_client_open(house.port);
    call_t call = {0};
    begin(client, TRACES, NULL, buffer_slice(&wire), &call);
    while (fake_journal_count(house.journal) == 0) (void)h2_client_step(client, 10);
    pthread_t stopper;
    (void)pthread_create(&stopper, NULL, stop, &house);
    h2_client_finish(client, &call);
    expect_refusal(call, 14, true);
    (void)pthread_join(stopper, NULL);
    h2_client_close(client);
    fake_journal_close(house.journal); /* the journal answers only now, when the receiver is gone */
    buffer_fini(&wire);
    buffer_fini(&body);
}

TEST(a_taken_port_is_said_in_one_sentence_with_the_cure) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    char why[256] = "";
    receiver_t *second = NULL;
    receiver_config_t config = house.config;
    config.port = house.port;
    CHECK_EQUAL(otlp_grpc_start(&config, &house.intake, &second, why, sizeof why), ERR_BUSY);
    CHECK(strstr(why, "another process") != NULL && strstr(why, "listen.otlp_grpc") != NULL);
    house_close(&house);
}

typedef struct {
    uint16_t port;
    slice_t wire;
    int failed;
} sender_t;

static void *send_many(void *context) {
    enum { ROUNDS = 20, STREAMS = 10 };
    sender_t *sender = context;
    h2_client_t *client = h2_client_open(sender->port);
    for (int i = 0; i < ROUNDS; i++) {
        call_t calls[STREAMS] = {0};
        for (int j = 0; j < STREAMS; j++) begin(client, TRACES, NULL, sender->wire, &calls[j]);
        for (int j = 0; j < STREAMS; j++) {
            h2_client_finish(client, &calls[j]);
            sender->failed += calls[j].grpc_status != 0;
            buffer_fini(&calls[j].data);
        }
    }
    h2_client_close(client);
    return NULL;
}

TEST(many_streams_of_many_connections_are_all_answered) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    buffer_t body = sample_traces(100, 0), wire = framed(buffer_slice(&body), false);
    pthread_t threads[8];
    sender_t senders[8];
    for (int i = 0; i < 8; i++) {
        senders[i] = (sender_t){house.port, buffer_slice(&wire), 0};
        (void)pthread_create(&threads[i], NULL, send_many, &senders[i]);
    }
    for (int i = 0; i < 8; i++) {
        (void)pthread_join(threads[i], NULL);
        CHECK_EQUAL(senders[i].failed, 0);
    }
    CHECK_EQUAL(fake_journal_count(house.journal), 1600);
    CHECK_EQUAL(counter(&house, COUNTER_ACCEPTED_SPANS), 160000);
    buffer_fini(&wire);
    buffer_fini(&body);
    house_close(&house);
}

TEST_MAIN(
    TEST_CASE(all_three_signals_are_accepted_and_journaled_as_they_came),
    TEST_CASE(compressed_messages_are_journaled_inflated),
    TEST_CASE(content_types_of_grpc_are_known_and_others_are_415),
    TEST_CASE(plain_http_gets_a_sentence_when_the_request_is_whole),
    TEST_CASE(an_empty_request_succeeds_and_is_not_journaled), TEST_CASE(bad_spans_are_named_by_a_partial_success),
    TEST_CASE(unknown_services_and_profiles_are_unimplemented), TEST_CASE(malformed_bodies_are_invalid_argument),
    TEST_CASE(broken_framing_is_internal), TEST_CASE(an_unknown_coding_is_unimplemented_and_the_known_ones_are_named),
    TEST_CASE(too_large_is_resource_exhausted_without_retry_info_and_at_once),
    TEST_CASE(large_messages_fit_through_the_windows), TEST_CASE(nothing_is_acknowledged_before_the_journal_says_so),
    TEST_CASE(a_full_or_failing_journal_is_unavailable_with_retry_info),
    TEST_CASE(over_the_memory_budget_is_unavailable), TEST_CASE(a_passed_deadline_is_deadline_exceeded),
    TEST_CASE(a_client_that_leaves_while_the_journal_works_is_no_harm),
    TEST_CASE(pings_are_answered_while_a_call_waits), TEST_CASE(a_stop_says_goaway_twice_and_answers_what_is_in_flight),
    TEST_CASE(a_stop_gives_up_on_a_silent_journal_with_a_retryable_answer),
    TEST_CASE(a_taken_port_is_said_in_one_sentence_with_the_cure),
    TEST_CASE(many_streams_of_many_connections_are_all_answered))
