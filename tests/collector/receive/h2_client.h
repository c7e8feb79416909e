/* h2_client: a gRPC client over nghttp2, blocking, that shows everything it was told. */
#ifndef SEISMESH_TESTS_H2_CLIENT_H
#define SEISMESH_TESTS_H2_CLIENT_H

#include "base/buffer.h"
#include "tests/collector/receive/http_client.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>

typedef struct {
    int32_t id;
    bool closed;
    uint32_t error_code;
    int http_status;
    int grpc_status; /* -1: none came */
    char message[512];
    char details[512];        /* grpc-status-details-bin */
    char accept_encoding[64]; /* grpc-accept-encoding */
    char content_type[64];
    char allow[16];
    bool trailers_only; /* status and grpc-status in one HEADERS frame */
    buffer_t data;
    /* what is sent */
    slice_t body;
    size_t sent;
    bool keep_open; /* no END_STREAM after the body */
} call_t;

typedef struct {
    int fd;
    nghttp2_session *session;
    bool eof;
    int goaways;
    uint32_t goaway_error;
    int32_t goaway_ids[4];
    int ping_acks;
    int32_t header_frames; /* on the running stream */
} h2_client_t;

static inline ssize_t h2c_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags, void *context) {
    h2_client_t *client = context;
    (void)session;
    (void)flags;
    ssize_t n = send(client->fd, data, len, MSG_NOSIGNAL);
    return n < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : n;
}

static inline ssize_t h2c_read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t room, uint32_t *flags,
                                    nghttp2_data_source *source, void *context) {
    call_t *call = source->ptr;
    (void)session;
    (void)id;
    (void)context;
    size_t len = call->body.len - call->sent;
    if (len == 0 && call->keep_open) return NGHTTP2_ERR_DEFERRED;
    if (len > room) len = room;
    if (len > 0) memcpy(out, call->body.data + call->sent, len);
    call->sent += len;
    if (call->sent == call->body.len && !call->keep_open) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)len;
}

static inline void h2c_copy(char *out, size_t room, const uint8_t *value, size_t len) {
    (void)snprintf(out, room, "%.*s", (int)len, (const char *)value);
}

static inline int h2c_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                                size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *context) {
    call_t *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    slice_t key = slice_of(name, name_len);
    char number[16];
    (void)flags;
    (void)context;
    if (call == NULL) return 0;
    h2c_copy(number, sizeof number, value, len);
    if (slice_is(key, ":status"))
        call->http_status = atoi(number);
    else if (slice_is(key, "grpc-status")) {
        call->grpc_status = atoi(number);
        call->trailers_only = frame->headers.cat == NGHTTP2_HCAT_RESPONSE;
    } else if (slice_is(key, "grpc-message"))
        h2c_copy(call->message, sizeof call->message, value, len);
    else if (slice_is(key, "grpc-status-details-bin"))
        h2c_copy(call->details, sizeof call->details, value, len);
    else if (slice_is(key, "grpc-accept-encoding"))
        h2c_copy(call->accept_encoding, sizeof call->accept_encoding, value, len);
    else if (slice_is(key, "content-type"))
        h2c_copy(call->content_type, sizeof call->content_type, value, len);
    else if (slice_is(key, "allow"))
        h2c_copy(call->allow, sizeof call->allow, value, len);
    return 0;
}

static inline int h2c_on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                              void *context) {
    call_t *call = nghttp2_session_get_stream_user_data(session, id);
    (void)flags;
    (void)context;
    if (call != NULL) buffer_append(&call->data, data, len);
    return 0;
}

static inline int h2c_on_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *context) {
    call_t *call = nghttp2_session_get_stream_user_data(session, id);
    (void)context;
    if (call == NULL) return 0;
    call->closed = true;
    call->error_code = error_code;
    return 0;
}

static inline int h2c_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
    h2_client_t *client = context;
    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        client->goaway_ids[client->goaways++ & 3] = frame->goaway.last_stream_id;
        client->goaway_error = frame->goaway.error_code;
    }
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) client->ping_acks++;
    return 0;
}

static inline h2_client_t *h2_client_open(uint16_t port) {
    h2_client_t *client = calloc(1, sizeof *client);
    nghttp2_session_callbacks *callbacks;
    client->fd = client_connect(port);
    if (client->fd < 0 || nghttp2_session_callbacks_new(&callbacks) != 0) abort();
    nghttp2_session_callbacks_set_send_callback(callbacks, h2c_send);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, h2c_on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2c_on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2c_on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, h2c_on_frame);
    (void)nghttp2_session_client_new(&client->session, callbacks, client);
    nghttp2_session_callbacks_del(callbacks);
    (void)nghttp2_submit_settings(client->session, 0, NULL, 0);
    return client;
}

static inline void h2_client_close(h2_client_t *client) {
    nghttp2_session_del(client->session);
    (void)close(client->fd);
    free(client);
}

/* False, and the end of the connection, when the peer has cut it while we were still sending. */
static inline bool h2_client_send(h2_client_t *client) {
    client->eof = client->eof || nghttp2_session_send(client->session) != 0;
    return !client->eof;
}

/* Sends what is to be sent, and takes what comes within `patience_ms`. False at the end of the connection. */
static inline bool h2_client_step(h2_client_t *client, int patience_ms) {
    static _Thread_local uint8_t input[65536];
    struct pollfd wait = {.fd = client->fd, .events = POLLIN};
    if (!h2_client_send(client)) return false;
    if (poll(&wait, 1, patience_ms) <= 0) return true;
    ssize_t n = recv(client->fd, input, sizeof input, 0);
    if (n <= 0 || nghttp2_session_mem_recv(client->session, input, (size_t)n) < 0) {
        client->eof = true;
        return false;
    }
    return h2_client_send(client);
}

typedef struct {
    const char *name, *value;
} h2_header_t;

/* Begins a call. `headers` end with a NULL name and stand for all, pseudo ones included. */
static inline void h2_client_begin(h2_client_t *client, const h2_header_t *headers, call_t *call) {
    nghttp2_nv fields[64];
    size_t count = 0;
    for (; headers[count].name != NULL; count++)
        fields[count] =
            (nghttp2_nv){(uint8_t *)(uintptr_t)headers[count].name, (uint8_t *)(uintptr_t)headers[count].value,
                         strlen(headers[count].name), strlen(headers[count].value), 0};
    nghttp2_data_provider data = {.source.ptr = call, .read_callback = h2c_read_body};
    call->grpc_status = -1;
    call->id = nghttp2_submit_request(client->session, NULL, fields, count, &data, call);
}

/* Until the call is closed, the connection ends, or ten seconds have passed. */
static inline void h2_client_finish(h2_client_t *client, call_t *call) {
    for (int i = 0; i < 100 && !call->closed; i++)
        if (!h2_client_step(client, 100)) return;
}

#endif
