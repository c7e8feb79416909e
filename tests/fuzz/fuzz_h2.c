/* A whole connection of the OTLP/gRPC receiver over a socket pair, without threads: the input is what the peer sends
 * behind the HTTP/2 preface. The journal says yes, "full", "failed" or nothing yet, by the first byte. */
#include "base/memory.h"
#include "collector/receive/h2.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

typedef struct {
    journal_t journal;
    uint8_t mode;
    journal_done_fn done[256];
    void *context[256];
    size_t waiting;
} journal_mock_t;

static err_t append(journal_t *journal, uint8_t kind, int64_t arrival_ns, buffer_t *payload, journal_done_fn done,
                    void *context) {
    journal_mock_t *mock = (journal_mock_t *)journal;
    (void)kind;
    (void)arrival_ns;
    if (mock->mode == 0) return ERR_FULL;
    if (mock->mode == 1) return ERR_IO;
    if (mock->waiting == 256) return ERR_FULL;
    buffer_fini(payload);
    mock->done[mock->waiting] = done;
    mock->context[mock->waiting++] = context;
    return ERR_OK;
}

static const journal_ops_t ops = {.name = "mock", .append = append};

static void answer_all(journal_mock_t *mock) {
    for (size_t i = 0; i < mock->waiting; i++) mock->done[i](mock->context[i], ERR_OK);
    mock->waiting = 0;
}

static void resume_answered(h2_loop_t *loop) {
    while (loop->answered != NULL) {
        grpc_stream_t *stream = loop->answered;
        loop->answered = stream->next_answered;
        grpc_stream_resume(stream);
    }
}

static void converse(h2_loop_t *loop, journal_mock_t *mock, int peer, slice_t input) {
    static const char preface[] = NGHTTP2_CLIENT_MAGIC "\0\0\0\4\0\0\0\0\0";
    uint8_t answer[4096];
    h2_connection_t *connection = loop->first;
    (void)send(peer, preface, sizeof preface - 1, MSG_NOSIGNAL);
    while (input.len > 0 && !connection->closed) {
        size_t piece = input.len < 3000 ? input.len : 3000;
        (void)send(peer, input.data, piece, MSG_NOSIGNAL | MSG_DONTWAIT);
        input = slice_of(input.data + piece, input.len - piece);
        h2_connection_ready(connection, EPOLLIN);
        if (mock->mode == 2) answer_all(mock);
        resume_answered(loop);
        h2_connection_flush(connection);
        while (recv(peer, answer, sizeof answer, MSG_DONTWAIT) > 0) continue;
    }
    loop->now_ns += 3600 * NS_PER_S; /* every timer is due */
    if (!connection->closed) h2_connection_tick(connection);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static h2_service_t service;
    static counters_t counters;
    if (len < 1) return 0;
    journal_mock_t mock = {.journal = {&ops}, .mode = data[0] % 4};
    intake_t intake = {.journal = &mock.journal, .clock = &clock_system, .counters = &counters};
    if (service.callbacks == NULL) {
        service.callbacks = h2_session_callbacks_new();
        service.options = h2_options_new();
        service.config = (receiver_config_t){.request_bytes = 1 << 16,
                                             .memory_bytes = 1 << 18,
                                             .connections = 10,
                                             .header_timeout_s = 10,
                                             .body_timeout_s = 30};
    }
    service.intake = &intake;
    h2_loop_t loop = {.service = &service,
                      .epoll = epoll_create1(0),
                      .wake = eventfd(0, EFD_NONBLOCK),
                      .listener = -1,
                      .input = memory_new(1, H2_READ_BYTES),
                      .now_ns = 1,
                      .lock = PTHREAD_MUTEX_INITIALIZER};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) abort();
    if (h2_connection_open(&loop, pair[0])) converse(&loop, &mock, pair[1], slice_of(data + 1, len - 1));

    while (loop.first != NULL) h2_connection_close(loop.first);
    while (loop.dead != NULL) {
        h2_connection_t *connection = loop.dead;
        loop.dead = connection->next;
        h2_connection_free(connection);
    }
    answer_all(&mock);
    resume_answered(&loop);
    assert(loop.waiting == NULL && service.connections == 0);
    assert(intake.held_bytes == 0);
    (void)close(pair[1]);
    (void)close(loop.epoll);
    (void)close(loop.wake);
    free(loop.input);
    return 0;
}
