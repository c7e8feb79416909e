/* Clients that send slowly, read slowly or do nothing, over real sockets: they are cut, and others are served. */
#define _GNU_SOURCE /* strcasestr */
#include "tests/collector/receive/http_client.h"
#include "tests/web/served.h"

#define HOST "Host: localhost\r\n"

static uint64_t count_of(const server_t *server, counter_t which) {
    return counters_get(&server->filled.counters, which);
}

TEST(byte_after_byte_is_no_excuse) {
    server_t server;
    REQUIRE(server_start_with(&server, false, (web_config_t){.header_timeout_s = 1, .body_timeout_s = 1}));
    static const char head[] = "POST /api/v1/suggestions/1/accept HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n";
    static char body[100];
    int header = client_connect(web_port(server.web)), slow_body = client_connect(web_port(server.web));
    CHECK(client_dribble(header, slice_text(head)));
    CHECK(client_send(slow_body, slice_text(head)));
    CHECK(client_dribble(slow_body, slice_of(body, sizeof body)));
    CHECK_EQUAL(count_of(&server, COUNTER_CLOSED_SLOW), 2);
    (void)close(header);
    (void)close(slow_body);
    server_stop(&server);
}

TEST(who_does_not_read_answers_is_cut) {
    server_t server;
    REQUIRE(server_start_with(&server, false, (web_config_t){.body_timeout_s = 1}));
    CHECK(client_never_reads(web_port(server.web), "GET /api/v1/openapi.yaml HTTP/1.1\r\n" HOST "\r\n"));
    CHECK(count_of(&server, COUNTER_CLOSED_SLOW) == 1);
    reply_t reply;
    ask(&server, "GET", "/healthz", NULL, NULL, &reply);
    CHECK_EQUAL(reply.status, 200);
    reply_fini(&reply);
    server_stop(&server);
}

TEST(those_who_do_nothing_give_way_to_others) {
    server_t server;
    REQUIRE(server_start_with(&server, false, (web_config_t){.connections = 8, .header_timeout_s = 60}));
    int silent[8];
    for (int i = 0; i < 8; i++) {
        silent[i] = client_connect(web_port(server.web));
        CHECK(client_send(silent[i], slice_text("GET /healthz HT")));
    }
    (void)usleep(100000);
    for (int i = 0; i < 20; i++) {
        reply_t reply;
        ask(&server, "GET", "/healthz", NULL, NULL, &reply);
        CHECK_EQUAL(reply.status, 200);
        reply_fini(&reply);
    }
    CHECK(count_of(&server, COUNTER_CLOSED_SLOW) >= 1);
    for (int i = 0; i < 8; i++) (void)close(silent[i]);
    server_stop(&server);
}

TEST(a_silent_event_stream_outlives_every_deadline) {
    server_t server;
    REQUIRE(server_start_with(&server, false,
                              (web_config_t){.header_timeout_s = 1, .body_timeout_s = 1, .stream_comment_s = 60}));
    int fd = client_connect(web_port(server.web));
    CHECK(client_send(fd, slice_text("GET /api/v1/stream HTTP/1.1\r\n" HOST "\r\n")));
    static char text[65536];
    ssize_t n = recv(fd, text, sizeof text, 0);
    CHECK(n > 0);
    (void)usleep(2500000);
    while (recv(fd, text, sizeof text, MSG_DONTWAIT) > 0) continue; /* the greeting */
    web_notify(server.web);
    n = recv(fd, text, sizeof text - 1, 0);
    text[n < 0 ? 0 : n] = '\0';
    CHECK(strstr(text, "event: checkpoint") != NULL);
    CHECK_EQUAL(count_of(&server, COUNTER_CLOSED_SLOW), 0);
    (void)close(fd);
    server_stop(&server);
}

TEST_MAIN(TEST_CASE(byte_after_byte_is_no_excuse), TEST_CASE(who_does_not_read_answers_is_cut),
          TEST_CASE(those_who_do_nothing_give_way_to_others), TEST_CASE(a_silent_event_stream_outlives_every_deadline))
