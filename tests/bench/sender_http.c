/* OTLP/HTTP: POST /v1/traces over HTTP/1.1 keep-alive, headers made once per size. */
#include "base/bytes.h"
#include "tests/bench/sender.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct sender {
    int fd;
    char authority[128];
    char head[256];
    size_t head_len, sent; /* sent: of head and body together */
    slice_t body;
    bool busy;
    size_t received;
    char answer[8192];
};

static sender_t *http_open(int fd, const char *authority) {
    sender_t *s = calloc(1, sizeof *s);
    if (s == NULL) abort();
    s->fd = fd;
    (void)snprintf(s->authority, sizeof s->authority, "%s", authority);
    return s;
}

static void http_submit(sender_t *s, slice_t body, const char *coding) {
    s->head_len =
        (size_t)snprintf(s->head, sizeof s->head,
                         "POST /v1/traces HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-protobuf\r\n"
                         "%s%s%sContent-Length: %zu\r\n\r\n",
                         s->authority, coding == NULL ? "" : "Content-Encoding: ", coding == NULL ? "" : coding,
                         coding == NULL ? "" : "\r\n", body.len);
    s->body = body;
    s->sent = s->received = 0;
    s->busy = true;
}

/* False when the connection is gone. */
static bool http_write(sender_t *s) {
    while (s->sent < s->head_len + s->body.len) {
        size_t from_head = s->sent < s->head_len ? s->sent : s->head_len, from_body = s->sent - from_head;
        struct iovec parts[2] = {{s->head + from_head, s->head_len - from_head},
                                 {(void *)(uintptr_t)(s->body.data + from_body), s->body.len - from_body}};
        ssize_t wrote = writev(s->fd, parts, 2);
        if (wrote < 0) return errno == EAGAIN || errno == EINTR;
        s->sent += (size_t)wrote;
    }
    return true;
}

/* Value of a header in the answer's head, or NULL. */
static const char *http_header(const char *head, const char *name) {
    size_t len = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') return line + len + 1;
    }
    return NULL;
}

bool sender_partial(slice_t response) {
    bytes_t in = bytes_of(response);
    wire_field_t field = {0};
    while (wire_next(&in, &field)) {
        if (field.number != 1 || field.type != WIRE_BLOCK) continue;
        bytes_t partial = bytes_of(field.block);
        wire_field_t inner = {0};
        while (wire_next(&partial, &inner))
            if (inner.number == 1 && inner.type == WIRE_VARINT && inner.value != 0) return true;
    }
    return !bytes_done(&in);
}

static answer_t http_judge(int status, slice_t body) {
    if (status == 200) return sender_partial(body) ? ANSWER_REFUSED : ANSWER_ACCEPTED;
    return status == 429 || status == 502 || status == 503 || status == 504 ? ANSWER_RETRY : ANSWER_REFUSED;
}

static answer_t http_parse(sender_t *s) {
    s->answer[s->received] = 0;
    char *end = strstr(s->answer, "\r\n\r\n");
    if (end == NULL) return s->received + 1 < sizeof s->answer ? ANSWER_NONE : ANSWER_LOST;
    *end = 0; /* the head as a string */
    const char *length = http_header(s->answer, "Content-Length");
    size_t head_len = (size_t)(end - s->answer) + 4, body_len = length == NULL ? 0 : strtoul(length, NULL, 10);
    if (s->received < head_len + body_len) {
        *end = '\r';
        return ANSWER_NONE;
    }
    const char *status = strchr(s->answer, ' ');
    const char *connection = http_header(s->answer, "Connection");
    answer_t answer =
        http_judge(status == NULL ? 0 : atoi(status), slice_of((uint8_t *)s->answer + head_len, body_len));
    s->busy = false;
    if (connection != NULL && strncasecmp(connection, " close", 6) == 0) (void)shutdown(s->fd, SHUT_RDWR);
    return answer;
}

static answer_t http_work(sender_t *s) {
    if (s->busy && !http_write(s)) return ANSWER_LOST;
    for (;;) {
        ssize_t got = read(s->fd, s->answer + s->received, sizeof s->answer - 1 - s->received);
        if (got == 0) return ANSWER_LOST;
        if (got < 0) return errno == EAGAIN || errno == EINTR ? ANSWER_NONE : ANSWER_LOST;
        if (!s->busy) return ANSWER_LOST; /* an answer to nothing */
        s->received += (size_t)got;
        answer_t answer = http_parse(s);
        if (answer != ANSWER_NONE) return answer;
    }
}

static bool http_wants_write(const sender_t *s) {
    return s->busy && s->sent < s->head_len + s->body.len;
}

static void http_close(sender_t *s) {
    (void)close(s->fd);
    free(s);
}

const sender_ops_t sender_http = {"http", http_open, http_submit, http_work, http_wants_write, http_close};
