#include "tests/collector/receive/h2_client.h"
#include "tests/collector/receive/house.h"
#include "tests/collector/receive/sample.h"

#define TRACES  "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
#define METRICS "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
#define LOGS    "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

/* The headers of a call; `more` may add up to three. */
static void headers_of(h2_header_t out[12], const char *path, const h2_header_t *more) {
    static const h2_header_t usual[] = {{":method", "POST"},     {":scheme", "http"},
                                        {":path", NULL},         {":authority", "localhost"},
                                        {"te", "trailers"},      {"content-type", "application/grpc"},
                                        {"user-agent", "test/1"}};
    size_t count = sizeof usual / sizeof usual[0];
    memcpy(out, usual, sizeof usual);
    out[2].value = path;
    for (; more != NULL && more->name != NULL; more++) {
        bool replaced = false;
        for (size_t i = 0; i < count; i++)
            if (strcmp(out[i].name, more->name) == 0) {
                out[i].value = more->value;
                replaced = true;
            }
        if (!replaced) out[count++] = *more;
    }
    out[count] = (h2_header_t){NULL, NULL};
}

static void begin(h2_client_t *client, const char *path, const h2_header_t *more, slice_t wire, call_t *call) {
    h2_header_t headers[12];
    headers_of(headers, path, more);
    call->body = wire;
    h2_client_begin(client, headers, call);
}

/* One call on a connection of its own, with these very bytes as its data. */
static call_t call_raw(uint16_t port, const char *path, const h2_header_t *more, slice_t wire) {
    call_t call = {0};
    h2_client_t *client = h2_client_open(port);
    begin(client, path, more, wire, &call);
    h2_client_finish(client, &call);
    h2_client_close(client);
    return call;
}

static buffer_t framed(slice_t message, bool compressed) {
    buffer_t wire = {0};
    buffer_byte(&wire, compressed);
    for (int shift = 24; shift >= 0; shift -= 8) buffer_byte(&wire, (uint8_t)(message.len >> shift));
    buffer_append(&wire, message.data, message.len);
    return wire;
}

static call_t call_message(uint16_t port, const char *path, const h2_header_t *more, slice_t message, bool compressed) {
    buffer_t wire = framed(message, compressed);
    call_t call = call_raw(port, path, more, buffer_slice(&wire));
    buffer_fini(&wire);
    return call;
}

static void expect_success(call_t call) {
    CHECK_EQUAL(call.http_status, 200);
    CHECK_EQUAL(call.grpc_status, 0);
    CHECK(!call.trailers_only);
    CHECK(slice_equal(buffer_slice(&call.data), slice_of("\0\0\0\0\0", 5)));
    buffer_fini(&call.data);
}

/* Trailers only, with RetryInfo in the details or without details at all. */
static void expect_refusal(call_t call, int grpc_status, bool retry) {
    CHECK_EQUAL(call.http_status, 200);
    CHECK_EQUAL(call.grpc_status, grpc_status);
    CHECK(call.trailers_only);
    CHECK_EQUAL(call.data.len, 0);
    CHECK(call.message[0] != '\0');
    CHECK_EQUAL(call.details[0] != '\0', retry);
    CHECK_TEXT(call.content_type, "application/grpc");
    buffer_fini(&call.data);
}

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

static bool cut_within(h2_client_t *client, int rounds) {
    for (int i = 0; i < rounds; i++)
        if (!h2_client_step(client, 100)) return true;
    return false;
}

TEST(slow_peers_are_cut) {
    house_t house = {.config = {.header_timeout_s = 1, .body_timeout_s = 1}};
    house_open(&house, otlp_grpc_start);
    int mute = client_connect(house.port); /* never says a word of HTTP/2 */
    h2_client_t *client = h2_client_open(house.port);
    call_t call = {.keep_open = true};
    begin(client, TRACES, NULL, slice_of("\0\0\0\1\0abc", 8), &call);
    h2_client_finish(client, &call);
    expect_refusal(call, 4, false);
    char byte;
    while (recv(mute, &byte, 1, 0) == 1) continue;
    CHECK_EQUAL(counter(&house, COUNTER_CLOSED_SLOW), 2);
    (void)close(mute);
    h2_client_close(client);
    house_close(&house);
}

/* POST http / as application/grpc on the stream with this id: refused by HEADERS, which no window holds back. */
static void refused_call(buffer_t *out, uint32_t id) {
    static const char fields[] = "\x83\x86\x84\x0f\x10\x10"
                                 "application/grpc";
    static const uint8_t head[] = {0, 0, sizeof fields - 1, NGHTTP2_HEADERS, 5};
    buffer_append(out, head, sizeof head);
    for (int shift = 24; shift >= 0; shift -= 8) buffer_byte(out, (uint8_t)(id >> shift));
    buffer_append(out, fields, sizeof fields - 1);
}

TEST(who_does_not_read_answers_is_cut) {
    house_t house = {.config = {.body_timeout_s = 1}};
    house_open(&house, otlp_grpc_start);
    int fd = client_connect(house.port);
    struct timeval patience = {.tv_sec = 20};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    CHECK(client_send(fd, slice_text(NGHTTP2_CLIENT_MAGIC)));
    CHECK(client_send(fd, slice_of("\0\0\0\4\0\0\0\0\0", 9)));
    bool cut = false;
    for (uint32_t id = 1; id < 20000000 && !cut;) {
        buffer_t calls = {0};
        for (int i = 0; i < 100; i++, id += 2) refused_call(&calls, id);
        cut = !client_send(fd, buffer_slice(&calls));
        buffer_fini(&calls);
    }
    CHECK(cut && errno != EAGAIN && errno != EWOULDBLOCK); /* its patience ended, not ours */
    CHECK_EQUAL(counter(&house, COUNTER_CLOSED_SLOW), 1);
    CHECK_EQUAL(counter(&house, COUNTER_CLOSED_FLOOD), 0);
    (void)close(fd);
    house_close(&house);
}

TEST(a_rapid_reset_ends_the_connection_and_not_the_server) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    h2_client_t *client = h2_client_open(house.port);
    bool cut = false;
    static call_t calls[20000];
    for (size_t i = 0; i < 20000 && !cut; i += 100) {
        for (size_t j = i; j < i + 100; j++) {
            calls[j].keep_open = true;
            begin(client, TRACES, NULL, slice_of(NULL, 0), &calls[j]);
            cut = nghttp2_session_send(client->session) != 0;
            (void)nghttp2_submit_rst_stream(client->session, 0, calls[j].id, NGHTTP2_CANCEL);
        }
        cut = !h2_client_step(client, 0) || client->goaways > 0;
    }
    CHECK(cut || cut_within(client, 20));
    h2_client_close(client);
    expect_success(call_message(house.port, TRACES, NULL, slice_of(NULL, 0), false));
    house_close(&house);
}

TEST(floods_of_cheap_frames_end_the_connection) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    static const struct {
        const char *what;
        uint8_t frame[17];
        size_t len;
    } floods[] = {
        {"ping", {0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, 17},
        {"settings", {0, 0, 0, 4, 0, 0, 0, 0, 0}, 9},
        {"window update", {0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 13},
        {"priority", {0, 0, 5, 2, 0, 0, 0, 0, 9, 0, 0, 0, 0, 1}, 14},
    };
    for (size_t i = 0; i < sizeof floods / sizeof floods[0]; i++) {
        h2_client_t *client = h2_client_open(house.port);
        (void)h2_client_step(client, 100);
        buffer_t many = {0};
        for (int j = 0; j < 1000; j++) buffer_append(&many, floods[i].frame, floods[i].len);
        bool cut = false;
        for (int j = 0; j < 100 && !cut; j++)
            cut = !client_send(client->fd, buffer_slice(&many)) || !h2_client_step(client, 0) || client->goaways > 0;
        cut = cut || cut_within(client, 20);
        if (!cut) (void)fprintf(stderr, "not cut: %s\n", floods[i].what);
        CHECK(cut);
        buffer_fini(&many);
        h2_client_close(client);
    }
    expect_success(call_message(house.port, TRACES, NULL, slice_of(NULL, 0), false));
    house_close(&house);
}

TEST(what_is_not_http2_is_cut_and_counted) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    http_reply_t reply = client_request(house.port, "POST", "/v1/traces", "", slice_text("hello"));
    CHECK_EQUAL(reply.status, 0);
    buffer_fini(&reply.body);
    CHECK_EQUAL(counter(&house, COUNTER_CLOSED_PROTOCOL), 1);
    house_close(&house);
}

/* The error code of the GOAWAY that ends the connection; -1 when there is none. */
static long goaway_error(int fd) {
    long error = -1;
    uint8_t head[9], payload[16384];
    while (recv(fd, head, sizeof head, MSG_WAITALL) == (ssize_t)sizeof head) {
        size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (len > sizeof payload || (len > 0 && recv(fd, payload, len, MSG_WAITALL) != (ssize_t)len)) break;
        if (head[3] == NGHTTP2_GOAWAY && len >= 8) error = payload[7];
    }
    return error;
}

TEST(a_stream_with_an_id_that_was_skipped_is_a_protocol_error) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    static const uint8_t settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
    /* HEADERS, END_STREAM and END_HEADERS: GET http / of authority x */
    static const uint8_t get[] = {0, 0, 6, 1, 5, 0, 0, 0, 0, 0x82, 0x86, 0x84, 0x41, 1, 'x'};
    static const uint8_t ids[] = {1, 7, 5};
    int fd = client_connect(house.port);
    CHECK(client_send(fd, slice_text(NGHTTP2_CLIENT_MAGIC)));
    CHECK(client_send(fd, slice_of(settings, sizeof settings)));
    for (size_t i = 0; i < sizeof ids; i++) {
        uint8_t frame[sizeof get];
        memcpy(frame, get, sizeof get);
        frame[8] = ids[i];
        CHECK(client_send(fd, slice_of(frame, sizeof frame)));
    }
    CHECK_EQUAL(goaway_error(fd), NGHTTP2_PROTOCOL_ERROR);
    (void)close(fd);
    house_close(&house);
}

TEST(endless_headers_are_refused) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    static char value[20000];
    memset(value, 'v', sizeof value - 1);
    const h2_header_t more[] = {{"x-long", value}, {0}};
    expect_refusal(call_message(house.port, TRACES, more, slice_of(NULL, 0), false), 8, false);
    house_close(&house);
}

TEST(over_the_connection_limit_silent_ones_give_way_and_working_ones_stay) {
    house_t house = {.config = {.connections = 3, .threads = 1}};
    house_open(&house, otlp_grpc_start);
    h2_client_t *working = h2_client_open(house.port);
    call_t first = {0}, second = {0};
    begin(working, TRACES, NULL, slice_of("\0\0\0\0\0", 5), &first);
    h2_client_finish(working, &first);
    int silent[2] = {client_connect(house.port), client_connect(house.port)};
    (void)usleep(50000);
    expect_success(call_message(house.port, TRACES, NULL, slice_of(NULL, 0), false));
    begin(working, TRACES, NULL, slice_of("\0\0\0\0\0", 5), &second);
    h2_client_finish(working, &second);
    expect_success(first);
    expect_success(second);
    CHECK(counter(&house, COUNTER_CLOSED_SLOW) >= 1);
    for (int i = 0; i < 2; i++) (void)close(silent[i]);
    h2_client_close(working);
    house_close(&house);
}

TEST(over_the_connection_limit_the_idle_give_way_with_a_goaway_and_the_busy_stay) {
    house_t house = {.config = {.connections = 2, .threads = 1}};
    house_open(&house, otlp_grpc_start);
    buffer_t body = sample_traces(3, 0), wire = framed(buffer_slice(&body), false);
    h2_client_t *busy = h2_client_open(house.port), *idle = h2_client_open(house.port);
    call_t waiting = {0}, done = {0};
    begin(idle, TRACES, NULL, slice_of("\0\0\0\0\0", 5), &done);
    h2_client_finish(idle, &done);
    expect_success(done);
    fake_journal_set(house.journal, true, ERR_OK, ERR_OK);
    begin(busy, TRACES, NULL, buffer_slice(&wire), &waiting);
    while (fake_journal_count(house.journal) == 0) (void)h2_client_step(busy, 10);
    (void)usleep(1200000);
    expect_success(call_message(house.port, TRACES, NULL, slice_of(NULL, 0), false));
    CHECK(cut_within(idle, 20));
    CHECK_EQUAL(idle->goaways, 1);
    CHECK_EQUAL(idle->goaway_error, NGHTTP2_NO_ERROR);
    CHECK_EQUAL(counter(&house, COUNTER_CLOSED_IDLE), 1);
    fake_journal_set(house.journal, false, ERR_OK, ERR_OK);
    h2_client_finish(busy, &waiting);
    expect_success(waiting);
    h2_client_close(busy);
    h2_client_close(idle);
    buffer_fini(&wire);
    buffer_fini(&body);
    house_close(&house);
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
    TEST_CASE(a_stop_gives_up_on_a_silent_journal_with_a_retryable_answer), TEST_CASE(slow_peers_are_cut),
    TEST_CASE(who_does_not_read_answers_is_cut), TEST_CASE(a_rapid_reset_ends_the_connection_and_not_the_server),
    TEST_CASE(floods_of_cheap_frames_end_the_connection), TEST_CASE(what_is_not_http2_is_cut_and_counted),
    TEST_CASE(a_stream_with_an_id_that_was_skipped_is_a_protocol_error), TEST_CASE(endless_headers_are_refused),
    TEST_CASE(over_the_connection_limit_silent_ones_give_way_and_working_ones_stay),
    TEST_CASE(over_the_connection_limit_the_idle_give_way_with_a_goaway_and_the_busy_stay),
    TEST_CASE(a_taken_port_is_said_in_one_sentence_with_the_cure),
    TEST_CASE(many_streams_of_many_connections_are_all_answered))
