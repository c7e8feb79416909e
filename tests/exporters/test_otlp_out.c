#define _GNU_SOURCE /* strcasestr */
#include "exporters/otlp_out.h"

#include "base/clock.h"
#include "tests/collector/receive/sample.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE_BYTES = 64 << 20 };

/* A peer that answers the n-th request with the n-th of a list of answers, the last one for ever after. */
typedef struct {
    int listener;
    uint16_t port;
    pthread_t thread;
    const char *answers[8];
    int answer_count;
    _Atomic int requests;
    _Atomic size_t body_bytes;
    _Atomic bool protobuf, stop;
} sink_t;

static size_t content_length(const char *head) {
    const char *at = strcasestr(head, "content-length:");
    return at == NULL ? 0 : strtoul(at + strlen("content-length:"), NULL, 10);
}

static bool read_request(sink_t *sink, int connection) {
    char head[4096];
    size_t have = 0;
    char *body = NULL;
    while (body == NULL) {
        ssize_t got = recv(connection, head + have, sizeof head - 1 - have, 0);
        if (got <= 0) return false;
        have += (size_t)got;
        head[have] = '\0';
        body = strstr(head, "\r\n\r\n");
    }
    size_t left = content_length(head), early = have - (size_t)(body + 4 - head);
    sink->protobuf = strstr(head, "Content-Type: application/x-protobuf") != NULL;
    sink->body_bytes += left;
    for (left -= early; left > 0;) {
        char rest[65536];
        ssize_t got = recv(connection, rest, left < sizeof rest ? left : sizeof rest, 0);
        if (got <= 0) return false;
        left -= (size_t)got;
    }
    return true;
}

static void *serve(void *argument) {
    sink_t *sink = argument;
    for (;;) {
        int connection = accept(sink->listener, NULL, NULL);
        if (connection < 0 || sink->stop) {
            if (connection >= 0) (void)close(connection);
            return NULL;
        }
        while (read_request(sink, connection)) {
            int at = sink->requests++;
            const char *answer = sink->answers[at < sink->answer_count ? at : sink->answer_count - 1];
            if (strcmp(answer, "hang") == 0) break;
            if (send(connection, answer, strlen(answer), MSG_NOSIGNAL) < 0) break;
        }
        (void)close(connection);
    }
}

/* On sink->port, or on any free one when that is 0. */
static void sink_start(sink_t *sink) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int on = 1;
    address.sin_port = htons(sink->port);
    sink->listener = socket(AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(sink->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    (void)bind(sink->listener, (struct sockaddr *)&address, sizeof address);
    (void)listen(sink->listener, 8);
    (void)getsockname(sink->listener, (struct sockaddr *)&address, &len);
    sink->port = ntohs(address.sin_port);
    (void)pthread_create(&sink->thread, NULL, serve, sink);
}

static void sink_stop(sink_t *sink) {
    sink->stop = true;
    (void)shutdown(sink->listener, SHUT_RDWR);
    (void)pthread_join(sink->thread, NULL);
    (void)close(sink->listener);
}

#define ANSWER(status, headers) "HTTP/1.1 " status "\r\n" headers "Content-Length: 0\r\n\r\n"

static otlp_out_t *start(uint16_t port, counters_t *counters) {
    char url[64];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/traces", (unsigned)port);
    otlp_out_t *out = NULL;
    CHECK_EQUAL(otlp_out_start(url, QUEUE_BYTES, counters, &out), ERR_OK);
    return out;
}

TEST(what_is_pushed_arrives_as_it_was) {
    sink_t sink = {.answers = {ANSWER("200 OK", "")}, .answer_count = 1};
    counters_t counters = {0};
    sink_start(&sink);
    otlp_out_t *out = start(sink.port, &counters);
    char body[100000];
    memset(body, 7, sizeof body);
    for (int i = 0; i < 20; i++) otlp_out_push(out, slice_of(body, sizeof body));
    otlp_out_stop(out);
    sink_stop(&sink);
    CHECK_EQUAL(sink.requests, 20);
    CHECK_EQUAL(sink.body_bytes, 20 * sizeof body);
    CHECK(sink.protobuf);
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARDED_REQUESTS), 20);
}

TEST(retryable_answers_are_tried_again) {
    sink_t sink = {.answers = {ANSWER("503 Busy", ""), ANSWER("429 Slower", "Retry-After: 1\r\n"),
                               ANSWER("502 Bad", ""), "hang", ANSWER("200 OK", "")},
                   .answer_count = 5};
    counters_t counters = {0};
    sink_start(&sink);
    otlp_out_t *out = start(sink.port, &counters);
    otlp_out_push(out, slice_text("spans"));
    otlp_out_stop(out);
    sink_stop(&sink);
    CHECK_EQUAL(sink.requests, 5);
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARDED_REQUESTS), 1);
}

TEST(only_four_codes_are_worth_another_try) {
    static const struct {
        const char *answer;
        bool again;
    } cases[] = {
        {ANSWER("400 x", ""), false}, {ANSWER("401 x", ""), false}, {ANSWER("403 x", ""), false},
        {ANSWER("404 x", ""), false}, {ANSWER("408 x", ""), false}, {ANSWER("413 x", ""), false},
        {ANSWER("415 x", ""), false}, {ANSWER("425 x", ""), false}, {ANSWER("429 x", ""), true},
        {ANSWER("500 x", ""), false}, {ANSWER("501 x", ""), false}, {ANSWER("502 x", ""), true},
        {ANSWER("503 x", ""), true},  {ANSWER("504 x", ""), true},  {ANSWER("505 x", ""), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sink_t sink = {.answers = {cases[i].answer, ANSWER("200 OK", "")}, .answer_count = 2};
        counters_t counters = {0};
        sink_start(&sink);
        otlp_out_t *out = start(sink.port, &counters);
        otlp_out_push(out, slice_text("spans"));
        otlp_out_stop(out);
        sink_stop(&sink);
        CHECK_EQUAL(sink.requests, cases[i].again ? 2 : 1);
        CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARDED_REQUESTS), cases[i].again);
        CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARD_REFUSED), !cases[i].again);
    }
}

TEST(a_final_answer_is_not_tried_again) {
    sink_t sink = {.answers = {ANSWER("400 No", ""), ANSWER("301 Elsewhere", "Location: http://127.0.0.1:1/\r\n"),
                               ANSWER("200 OK", "")},
                   .answer_count = 3};
    counters_t counters = {0};
    sink_start(&sink);
    otlp_out_t *out = start(sink.port, &counters);
    for (int i = 0; i < 3; i++) otlp_out_push(out, slice_text("spans"));
    otlp_out_stop(out);
    sink_stop(&sink);
    CHECK_EQUAL(sink.requests, 3);
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARD_REFUSED), 2);
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARDED_REQUESTS), 1);
}

TEST(everything_that_an_absent_peer_did_not_get_is_counted) {
    sink_t sink = {.answers = {"hang"}, .answer_count = 1};
    counters_t counters = {0};
    sink_start(&sink);
    sink_stop(&sink); /* its port is free again: connections are refused */
    otlp_out_t *out = start(sink.port, &counters);
    static char big[16 << 20];
    for (int i = 0; i < 6; i++) otlp_out_push(out, slice_of(big, sizeof big));
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARD_QUEUE_FULL), 2);
    otlp_out_stop(out);
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARD_STOPPED), 4);
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARDED_REQUESTS), 0);
}

TEST(a_peer_that_comes_back_gets_all_that_waited) {
    sink_t sink = {.answers = {ANSWER("200 OK", "")}, .answer_count = 1};
    counters_t counters = {0};
    sink_start(&sink);
    sink_stop(&sink);
    otlp_out_t *out = start(sink.port, &counters);
    buffer_t body = sample_traces(5, 0);
    for (int i = 0; i < 20; i++) otlp_out_push(out, buffer_slice(&body));
    (void)usleep(400000); /* it has tried, and failed, more than once */
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARDED_REQUESTS), 0);
    sink.stop = false;
    sink_start(&sink);
    otlp_out_stop(out);
    sink_stop(&sink);
    CHECK_EQUAL(sink.requests, 20);
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARDED_REQUESTS), 20);
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARD_SPANS_STOPPED), 0);
    buffer_fini(&body);
}

TEST(what_is_lost_is_counted_in_spans_too) {
    sink_t sink = {.answers = {ANSWER("400 No", ""), ANSWER("503 Busy", "")}, .answer_count = 2};
    counters_t counters = {0};
    sink_start(&sink);
    otlp_out_t *out = start(sink.port, &counters);
    buffer_t five = sample_traces(5, 0), seven = sample_traces(7, 0);
    otlp_out_push(out, buffer_slice(&five));
    otlp_out_push(out, buffer_slice(&seven));
    otlp_out_stop(out);
    sink_stop(&sink);
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARD_SPANS_REFUSED), 5);
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARD_SPANS_STOPPED), 7);
    buffer_fini(&five);
    buffer_fini(&seven);
}

#define PARTIAL(rejected)                                                                                              \
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 4\r\n\r\n\x0a\x02\x08" rejected

TEST(a_partial_success_is_not_sent_again_and_its_losses_are_counted) {
    sink_t sink = {.answers = {PARTIAL("\x03"), PARTIAL("\x7f")}, .answer_count = 2};
    counters_t counters = {0};
    sink_start(&sink);
    otlp_out_t *out = start(sink.port, &counters);
    buffer_t body = sample_traces(5, 0);
    otlp_out_push(out, buffer_slice(&body)); /* 3 of 5 rejected */
    otlp_out_push(out, buffer_slice(&body)); /* 127 of 5: cannot be */
    otlp_out_stop(out);
    sink_stop(&sink);
    CHECK_EQUAL(sink.requests, 2);
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARDED_REQUESTS), 2);
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARD_SPANS_REJECTED), 3 + 5);
    buffer_fini(&body);
}

TEST(an_endless_answer_is_not_read_to_its_end) {
    static char endless[300000];
    int head = snprintf(endless, sizeof endless, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    memset(endless + head, 'x', sizeof endless - 1 - (size_t)head);
    sink_t sink = {.answers = {endless, ANSWER("200 OK", "")}, .answer_count = 2};
    counters_t counters = {0};
    sink_start(&sink);
    otlp_out_t *out = start(sink.port, &counters);
    otlp_out_push(out, slice_text("spans"));
    otlp_out_push(out, slice_text("spans"));
    otlp_out_stop(out);
    sink_stop(&sink);
    CHECK_EQUAL(sink.requests, 2);
    CHECK_EQUAL(counters_get(&counters, COUNTER_FORWARDED_REQUESTS), 2);
}

TEST(only_http_addresses_are_taken) {
    counters_t counters = {0};
    otlp_out_t *out = NULL;
    CHECK_EQUAL(otlp_out_start("file:///etc/passwd", QUEUE_BYTES, &counters, &out), ERR_INVALID);
    CHECK_EQUAL(otlp_out_start("127.0.0.1:4317", QUEUE_BYTES, &counters, &out), ERR_INVALID);
}

TEST_MAIN(TEST_CASE(what_is_pushed_arrives_as_it_was), TEST_CASE(retryable_answers_are_tried_again),
          TEST_CASE(a_final_answer_is_not_tried_again), TEST_CASE(only_four_codes_are_worth_another_try),
          TEST_CASE(a_peer_that_comes_back_gets_all_that_waited), TEST_CASE(what_is_lost_is_counted_in_spans_too),
          TEST_CASE(a_partial_success_is_not_sent_again_and_its_losses_are_counted),
          TEST_CASE(everything_that_an_absent_peer_did_not_get_is_counted),
          TEST_CASE(an_endless_answer_is_not_read_to_its_end), TEST_CASE(only_http_addresses_are_taken))
