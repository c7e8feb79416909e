/* OTLP/gRPC: TraceService/Export over HTTP/2 without TLS (prior knowledge), framed by nghttp2. */
#include "base/buffer.h"
#include "tests/bench/sender.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STATUS_OK = 0, STATUS_RESOURCE_EXHAUSTED = 8, STATUS_UNAVAILABLE = 14, STATUS_NONE = -1, OUT_BYTES = 1 << 18 };

struct sender {
    int fd;
    const char *authority;
    nghttp2_session *session;
    slice_t body;
    size_t given;      /* of prefix and body, to nghttp2 */
    uint8_t prefix[5]; /* gRPC: compressed or not, length */
    int status;        /* grpc-status, STATUS_NONE until told */
    bool busy, done;   /* the stream is open; it was closed */
    buffer_t response;
    uint8_t out[OUT_BYTES]; /* frames that the socket did not take yet */
    size_t out_len, out_sent;
};

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *context) {
    (void)session, (void)frame, (void)flags;
    sender_t *s = context;
    if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0 && value_len < 4) {
        s->status = 0;
        for (size_t i = 0; i < value_len; i++) s->status = s->status * 10 + (value[i] - '0');
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t len,
                   void *context) {
    (void)session, (void)flags, (void)stream;
    buffer_append(&((sender_t *)context)->response, data, len);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error, void *context) {
    (void)session, (void)stream, (void)error;
    ((sender_t *)context)->done = true;
    return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *out, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *context) {
    (void)session, (void)stream, (void)source;
    sender_t *s = context;
    size_t total = sizeof s->prefix + s->body.len, n = 0;
    while (n < room && s->given < sizeof s->prefix) out[n++] = s->prefix[s->given++];
    size_t rest = total - s->given, part = rest < room - n ? rest : room - n;
    memcpy(out + n, s->body.data + (s->given - sizeof s->prefix), part);
    s->given += part;
    if (s->given == total) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)(n + part);
}

static sender_t *grpc_open(int fd, const char *authority) {
    sender_t *s = calloc(1, sizeof *s);
    nghttp2_session_callbacks *callbacks;
    if (s == NULL || nghttp2_session_callbacks_new(&callbacks) != 0) abort();
    s->fd = fd;
    s->authority = authority;
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    if (nghttp2_session_client_new(&s->session, callbacks, s) != 0) abort();
    nghttp2_session_callbacks_del(callbacks);
    (void)nghttp2_submit_settings(s->session, NGHTTP2_FLAG_NONE, NULL, 0);
    return s;
}

static nghttp2_nv header(const char *name, const char *value) {
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value),
                        NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

static void grpc_submit(sender_t *s, slice_t body, const char *coding) {
    s->body = body;
    s->given = 0;
    s->prefix[0] = coding != NULL;
    for (int i = 0; i < 4; i++) s->prefix[1 + i] = (uint8_t)(body.len >> (24 - 8 * i));
    s->status = STATUS_NONE;
    s->done = false;
    buffer_clear(&s->response);
    nghttp2_nv headers[] = {header(":method", "POST"),
                            header(":scheme", "http"),
                            header(":path", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"),
                            header(":authority", s->authority),
                            header("content-type", "application/grpc"),
                            header("te", "trailers"),
                            header("user-agent", "seismesh-loadgen"),
                            header("grpc-encoding", coding == NULL ? "identity" : coding)};
    nghttp2_data_provider provider = {.read_callback = read_body};
    s->busy =
        nghttp2_submit_request(s->session, NULL, headers, sizeof headers / sizeof headers[0], &provider, NULL) > 0;
}

static bool write_out(sender_t *s) {
    while (s->out_sent < s->out_len) {
        ssize_t wrote = send(s->fd, s->out + s->out_sent, s->out_len - s->out_sent, MSG_NOSIGNAL);
        if (wrote < 0) return errno == EAGAIN || errno == EINTR;
        s->out_sent += (size_t)wrote;
    }
    s->out_len = s->out_sent = 0;
    return true;
}

/* Gathers frames, so that a request of several frames is one system call. False when the connection is gone. */
static bool grpc_write(sender_t *s) {
    for (;;) {
        if (!write_out(s)) return false;
        if (s->out_len > 0) return true;
        for (;;) {
            const uint8_t *data;
            ssize_t len = nghttp2_session_mem_send(s->session, &data);
            if (len < 0 || (size_t)len > OUT_BYTES - s->out_len) return false;
            if (len == 0) break;
            memcpy(s->out + s->out_len, data, (size_t)len);
            s->out_len += (size_t)len;
            if (s->out_len > OUT_BYTES - 32768) break; /* a frame is at most 16 KiB and 9 bytes */
        }
        if (s->out_len == 0) return true;
    }
}

static answer_t grpc_judge(sender_t *s) {
    s->busy = false;
    if (s->status == STATUS_NONE) return ANSWER_LOST; /* the stream was reset, or no trailers came */
    if (s->status == STATUS_UNAVAILABLE || s->status == STATUS_RESOURCE_EXHAUSTED) return ANSWER_RETRY;
    if (s->status != STATUS_OK || s->response.len < sizeof s->prefix) return ANSWER_REFUSED;
    slice_t message = slice_of(s->response.data + sizeof s->prefix, s->response.len - sizeof s->prefix);
    return sender_partial(message) ? ANSWER_REFUSED : ANSWER_ACCEPTED;
}

static answer_t grpc_work(sender_t *s) {
    if (!grpc_write(s)) return ANSWER_LOST;
    uint8_t in[16384];
    for (;;) {
        ssize_t got = recv(s->fd, in, sizeof in, 0);
        if (got == 0) return ANSWER_LOST;
        if (got < 0) break;
        if (nghttp2_session_mem_recv(s->session, in, (size_t)got) < 0) return ANSWER_LOST;
    }
    if (errno != EAGAIN && errno != EINTR) return ANSWER_LOST;
    if (!grpc_write(s)) return ANSWER_LOST;
    if (s->busy && s->done) return grpc_judge(s);
    if (!nghttp2_session_want_read(s->session) && !nghttp2_session_want_write(s->session)) return ANSWER_LOST;
    return ANSWER_NONE;
}

static bool grpc_wants_write(const sender_t *s) {
    return s->out_len > 0;
}

static void grpc_close(sender_t *s) {
    nghttp2_session_del(s->session);
    buffer_fini(&s->response);
    (void)close(s->fd);
    free(s);
}

const sender_ops_t sender_grpc = {"grpc", grpc_open, grpc_submit, grpc_work, grpc_wants_write, grpc_close};
