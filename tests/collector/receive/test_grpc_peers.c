/* gRPC peers that are slow, hostile or too many: they are cut or give way, and others are served. */
#include "tests/collector/receive/grpc_call.h"
#include "tests/collector/receive/sample.h"

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

/* Eight headers go into the peer's table; then single bytes name one of them, 4,000 times in every request. */
TEST(a_bomb_of_indexed_headers_ends_the_connection) {
    house_t house = {0};
    house_open(&house, otlp_grpc_start);
    h2_client_t *client = h2_client_open(house.port);
    (void)h2_client_step(client, 100);
    bool cut = false;
    for (uint8_t id = 1; id < 120 && !cut; id += 2) {
        buffer_t block = {0}, frame = {0};
        buffer_append(&block, "\x83\x86\x84", 3); /* POST, http, / */
        for (int i = 0; i < 8; i++) {
            buffer_append(&block, "\x40\x03x-a\x60", 6);
            for (int j = 0; j < 96; j++) buffer_byte(&block, 'a');
        }
        for (int i = 0; i < 4000; i++) buffer_byte(&block, 0xbe);
        const uint8_t head[] = {0, (uint8_t)(block.len >> 8), (uint8_t)block.len, 1, 4, 0, 0, 0, id};
        buffer_append(&frame, head, sizeof head);
        buffer_append(&frame, block.data, block.len);
        cut = !client_send(client->fd, buffer_slice(&frame)) || !h2_client_step(client, 0) || client->goaways > 0;
        buffer_fini(&frame);
        buffer_fini(&block);
    }
    CHECK(cut || cut_within(client, 20));
    CHECK(counter(&house, COUNTER_CLOSED_FLOOD) == 1);
    h2_client_close(client);
    expect_success(call_message(house.port, TRACES, NULL, slice_of(NULL, 0), false));
    house_close(&house);
}

TEST_MAIN(TEST_CASE(slow_peers_are_cut), TEST_CASE(who_does_not_read_answers_is_cut),
          TEST_CASE(a_rapid_reset_ends_the_connection_and_not_the_server),
          TEST_CASE(floods_of_cheap_frames_end_the_connection), TEST_CASE(what_is_not_http2_is_cut_and_counted),
          TEST_CASE(a_stream_with_an_id_that_was_skipped_is_a_protocol_error), TEST_CASE(endless_headers_are_refused),
          TEST_CASE(a_bomb_of_indexed_headers_ends_the_connection),
          TEST_CASE(over_the_connection_limit_silent_ones_give_way_and_working_ones_stay),
          TEST_CASE(over_the_connection_limit_the_idle_give_way_with_a_goaway_and_the_busy_stay))
