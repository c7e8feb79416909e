#include "base/log.h"
#include "base/memory.h"
#include "collector/receive/h2.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READS_PER_ROUND = 4,    /* one busy connection must not keep the others waiting */
    DRAIN_NOTICE_MS = 1000, /* the second GOAWAY does not wait longer for the ping's answer */
    CREDIT_PER_TICK = 200,
    PROGRESS_BYTES_PER_S = 32 * 1024,
};

static void link_in(h2_loop_t *loop, h2_connection_t *connection) {
    connection->previous = loop->last;
    if (loop->last == NULL)
        loop->first = connection;
    else
        loop->last->next = connection;
    loop->last = connection;
    (void)atomic_fetch_add(&loop->service->connections, 1);
}

static void link_out(h2_loop_t *loop, h2_connection_t *connection) {
    if (connection->previous == NULL)
        loop->first = connection->next;
    else
        connection->previous->next = connection->next;
    if (connection->next == NULL)
        loop->last = connection->previous;
    else
        connection->next->previous = connection->previous;
    (void)atomic_fetch_sub(&loop->service->connections, 1);
}

bool h2_connection_open(h2_loop_t *loop, int fd) {
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    h2_connection_t *connection = memory_new(1, sizeof *connection);
    *connection = (h2_connection_t){
        .loop = loop, .fd = fd, .interest = EPOLLIN, .opened_ns = loop->now_ns, .heard_ns = loop->now_ns};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    link_in(loop, connection);
    if (!h2_session_begin(connection) || epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        h2_connection_close(connection);
        return false;
    }
    h2_connection_flush(connection);
    return true;
}

/* The memory stays until the end of the round: events of this round may still name it. */
void h2_connection_close(h2_connection_t *connection) {
    if (connection->closed) return;
    h2_loop_t *loop = connection->loop;
    connection->closed = true;
    while (connection->streams != NULL) grpc_stream_closed(connection->streams);
    (void)close(connection->fd);
    link_out(loop, connection);
    connection->next = loop->dead;
    loop->dead = connection;
}

void h2_connection_free(h2_connection_t *connection) {
    nghttp2_session_del(connection->session);
    buffer_fini(&connection->out);
    free(connection);
}

static void set_interest(h2_connection_t *connection, uint32_t events) {
    if (connection->interest == events) return;
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(connection->loop->epoll, EPOLL_CTL_MOD, connection->fd, &event) == 0) connection->interest = events;
}

/* Serialises frames until there are enough; false when the session is broken. */
static bool fill_out(h2_connection_t *connection) {
    connection->filled = false;
    while (connection->out.len - connection->out_sent < H2_OUT_BYTES_MAX) {
        const uint8_t *data;
        ssize_t len = nghttp2_session_mem_send(connection->session, &data);
        if (len < 0) return false;
        if (len == 0) return true;
        buffer_append(&connection->out, data, (size_t)len);
        connection->filled = true;
    }
    return true;
}

/* The peer does not read for now. What it has read is forgotten, so that `out` stays bounded. */
static void note_blocked(h2_connection_t *connection) {
    buffer_t *out = &connection->out;
    if (connection->blocked_ns == 0) connection->blocked_ns = connection->loop->now_ns;
    memmove(out->data, out->data + connection->out_sent, out->len - connection->out_sent);
    out->len -= connection->out_sent;
    connection->out_sent = 0;
}

/* False when the socket is broken. */
static bool send_out(h2_connection_t *connection) {
    buffer_t *out = &connection->out;
    while (connection->out_sent < out->len) {
        ssize_t n = send(connection->fd, out->data + connection->out_sent, out->len - connection->out_sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            note_blocked(connection);
            return true;
        }
        if (n < 0) return false;
        connection->out_sent += (size_t)n;
        /* a peer that reads a byte now and then is not one that reads */
        if (connection->blocked_ns != 0) connection->blocked_ns += (int64_t)n * NS_PER_S / PROGRESS_BYTES_PER_S;
    }
    buffer_clear(out);
    connection->out_sent = 0;
    connection->blocked_ns = 0;
    return true;
}

void h2_connection_flush(h2_connection_t *connection) {
    if (connection->closed) return;
    for (;;) {
        if (!fill_out(connection) || !send_out(connection)) {
            h2_connection_close(connection);
            return;
        }
        if (connection->out.len > 0 || !connection->filled) break; /* blocked, or nothing more to say */
    }
    if (connection->out.len == 0 && !nghttp2_session_want_read(connection->session)) {
        h2_connection_close(connection);
        return;
    }
    bool blocked = connection->out.len > 0, full = connection->out.len - connection->out_sent >= H2_OUT_BYTES_MAX;
    set_interest(connection, (full ? 0 : EPOLLIN) | (blocked ? EPOLLOUT : 0));
}

/* False when the connection is to be closed. */
static bool take_input(h2_connection_t *connection) {
    h2_loop_t *loop = connection->loop;
    for (int i = 0; i < READS_PER_ROUND; i++) {
        ssize_t n = recv(connection->fd, loop->input, H2_READ_BYTES, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return true;
        if (n <= 0) return false;
        connection->heard_ns = loop->now_ns;
        ssize_t used = nghttp2_session_mem_recv(connection->session, loop->input, (size_t)n);
        if (used < 0) {
            log_debug("otlp_grpc: %s", nghttp2_strerror((int)used));
            counters_add(loop->service->intake->counters, COUNTER_CLOSED_PROTOCOL, 1);
            return false;
        }
        if (n < H2_READ_BYTES) return true;
    }
    return true;
}

void h2_connection_mark(h2_connection_t *connection) {
    if (connection->pending) return;
    connection->pending = true;
    connection->next_pending = connection->loop->pending;
    connection->loop->pending = connection;
}

void h2_connection_ready(h2_connection_t *connection, uint32_t events) {
    if (connection->closed) return;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0) {
        h2_connection_close(connection);
        return;
    }
    if ((events & EPOLLIN) != 0 && !take_input(connection)) {
        h2_connection_flush(connection); /* a GOAWAY that says why, if there is one */
        h2_connection_close(connection);
        return;
    }
    h2_connection_flush(connection);
}

void h2_connection_drain(h2_connection_t *connection) {
    static const uint8_t opaque[8] = "draining";
    if (connection->drain != DRAIN_NONE) return;
    connection->drain = DRAIN_NOTICED;
    connection->drain_ns = connection->loop->now_ns;
    (void)nghttp2_submit_shutdown_notice(connection->session);
    (void)nghttp2_submit_ping(connection->session, NGHTTP2_FLAG_NONE, opaque);
    h2_connection_flush(connection);
}

static void drain_second_step(h2_connection_t *connection) {
    if (connection->drain != DRAIN_NOTICED ||
        connection->loop->now_ns - connection->drain_ns < DRAIN_NOTICE_MS * NS_PER_MS)
        return;
    connection->drain = DRAIN_LAST;
    (void)nghttp2_submit_goaway(connection->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(connection->session), NGHTTP2_NO_ERROR, NULL,
                                0);
}

/* Pings a peer that has been silent for long. False when it did not answer the last ping. */
static bool keep_alive(h2_connection_t *connection) {
    int64_t now = connection->loop->now_ns;
    if (connection->ping_ns != 0) return now - connection->ping_ns < H2_KEEPALIVE_ANSWER_S * NS_PER_S;
    if (now - connection->heard_ns < H2_KEEPALIVE_S * NS_PER_S) return true;
    connection->ping_ns = now;
    return nghttp2_submit_ping(connection->session, NGHTTP2_FLAG_NONE, NULL) == 0;
}

/* The peer neither begins, nor reads, nor answers. */
static bool overdue(h2_connection_t *connection, counter_t *reason) {
    const receiver_config_t *config = &connection->loop->service->config;
    int64_t now = connection->loop->now_ns;
    *reason = COUNTER_CLOSED_SLOW;
    if (!connection->spoke && now - connection->opened_ns > config->header_timeout_s * NS_PER_S) return true;
    if (connection->blocked_ns != 0 && now - connection->blocked_ns > config->body_timeout_s * NS_PER_S) return true;
    for (const grpc_stream_t *s = connection->streams; s != NULL; s = s->next)
        if (s->stage == CALL_HEADERS && now > s->overdue_ns) return true; /* a header block that does not end */
    *reason = COUNTER_CLOSED_IDLE;
    return !keep_alive(connection);
}

void h2_connection_tick(h2_connection_t *connection) {
    counter_t reason;
    if (overdue(connection, &reason)) {
        counters_add(connection->loop->service->intake->counters, reason, 1);
        h2_connection_close(connection);
        return;
    }
    for (grpc_stream_t *s = connection->streams, *next; s != NULL; s = next) {
        next = s->next;
        grpc_stream_tick(s);
    }
    drain_second_step(connection);
    h2_connection_charge(connection, -CREDIT_PER_TICK);
    h2_connection_flush(connection);
}
