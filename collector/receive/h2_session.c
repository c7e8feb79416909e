/* What nghttp2 tells us, as verbs of streams; and what we tell the peer first. nghttp2 itself answers PING and
 * SETTINGS, opens windows again, and refuses what breaks HTTP/2. */
#include "base/log.h"
#include "collector/receive/h2.h"

enum {
    CREDIT_MAX = 10000,
    /* gRPC for Go sends a PING with every answer that it gets while it measures bandwidth, and a window update now and
     * then: each whole request earns what such company costs. */
    CREDIT_PER_REQUEST = 6,
};

void h2_connection_charge(h2_connection_t *connection, int32_t cost) {
    connection->credit -= cost;
    if (connection->credit > CREDIT_MAX) connection->credit = CREDIT_MAX;
    if (connection->credit >= 0 || connection->drain == DRAIN_LAST) return;
    connection->drain = DRAIN_LAST;
    (void)nghttp2_session_terminate_session(connection->session, NGHTTP2_ENHANCE_YOUR_CALM);
    counters_add(connection->loop->service->intake->counters, COUNTER_CLOSED_FLOOD, 1);
}

/* An id may only grow (RFC 9113, 5.1.1). nghttp2 ignores a HEADERS frame with a smaller one, since it cannot tell a
 * stream that was never opened from one that was and is forgotten. The ids that the newest stream skipped can be told
 * by two numbers, and so can the peer that mixes its streams up. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *header, void *context) {
    h2_connection_t *connection = context;
    if (header->type != NGHTTP2_HEADERS) return 0;
    if (header->stream_id > connection->newest_id) {
        connection->older_id = connection->newest_id;
        connection->newest_id = header->stream_id;
    } else if (header->stream_id > connection->older_id && header->stream_id < connection->newest_id) {
        return nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR);
    }
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
    h2_connection_t *connection = context;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    grpc_stream_t *stream = grpc_stream_new(connection, frame->hd.stream_id);
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *context) {
    (void)flags;
    grpc_stream_t *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream == NULL || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    /* One byte of HPACK can name a header of kilobytes: what is beyond the limit costs as much as a frame. */
    if (!grpc_stream_header(stream, slice_of(name, name_len), slice_of(value, value_len)))
        h2_connection_charge(context, 1);
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t len,
                         void *context) {
    (void)flags;
    (void)context;
    grpc_stream_t *stream = nghttp2_session_get_stream_user_data(session, stream_id);
    if (stream != NULL) grpc_stream_data(stream, slice_of(data, len));
    return 0;
}

static void on_settings_or_ping(h2_connection_t *connection, const nghttp2_frame *frame) {
    bool acknowledges = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
    if (frame->hd.type == NGHTTP2_SETTINGS) connection->spoke = true;
    if (frame->hd.type != NGHTTP2_PING || !acknowledges) return;
    connection->ping_ns = 0;
    if (connection->drain == DRAIN_NOTICED) connection->drain_ns = 0; /* what was on its way has come */
}

static int32_t cost_of(const nghttp2_frame *frame) {
    return frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0 ? 0 : 1;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
    h2_connection_t *connection = context;
    h2_connection_charge(connection, cost_of(frame));
    on_settings_or_ping(connection, frame);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    grpc_stream_t *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream == NULL) return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        grpc_stream_headers_done(stream);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        connection->worked = true;
        h2_connection_charge(connection, -CREDIT_PER_REQUEST);
        grpc_stream_end(stream);
    }
    return 0;
}

/* An answer before the request's end: the rest is not wanted (RFC 9113, 8.1). */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
    (void)context;
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    const grpc_stream_t *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream != NULL && !stream->whole)
        (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code, void *context) {
    (void)error_code;
    (void)context;
    grpc_stream_t *stream = nghttp2_session_get_stream_user_data(session, stream_id);
    if (stream == NULL) return 0;
    (void)nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    grpc_stream_closed(stream);
    return 0;
}

nghttp2_session_callbacks *h2_session_callbacks_new(void) {
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) return NULL;
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    return callbacks;
}

bool h2_session_begin(h2_connection_t *connection) {
    h2_service_t *service = connection->loop->service;
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, H2_FRAME_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADER_BYTES_MAX},
    };
    if (nghttp2_session_server_new2(&connection->session, service->callbacks, connection, service->options) != 0)
        return false;
    connection->credit = CREDIT_MAX;
    return nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings,
                                   sizeof settings / sizeof settings[0]) == 0 &&
           nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, H2_CONNECTION_WINDOW) == 0;
}
