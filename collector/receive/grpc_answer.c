/* Answers of gRPC. A success is HEADERS, one DATA with the framed message, and HEADERS with the status ("trailers"); a
 * refusal is a single HEADERS that holds all ("trailers-only"). Whoever does not speak gRPC gets a plain HTTP code and
 * a sentence. */
#include "collector/receive/h2.h"

#include <stdio.h>

enum { FIELDS_MAX = 8 };

#define FIXED (NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE)

typedef struct {
    nghttp2_nv fields[FIELDS_MAX];
    size_t count;
} fields_t;

static void add(fields_t *fields, const char *name, slice_t value, uint8_t flags) {
    /* nghttp2's struct is not const, though it only reads or copies */
    fields->fields[fields->count++] =
        (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value.data, strlen(name), value.len, flags};
}

static void add_fixed(fields_t *fields, const char *name, const char *value) {
    add(fields, name, slice_text(value), FIXED);
}

static void add_copied(fields_t *fields, const char *name, slice_t value) {
    add(fields, name, value, NGHTTP2_NV_FLAG_NO_COPY_NAME);
}

/* The next piece of stream->response; `*whole` when it is the last. */
static ssize_t take_response(grpc_stream_t *stream, uint8_t *out, size_t room, bool *whole) {
    size_t len = stream->response.len - stream->response_sent;
    if (len > room) len = room;
    memcpy(out, stream->response.data + stream->response_sent, len);
    stream->response_sent += len;
    *whole = stream->response_sent == stream->response.len;
    return (ssize_t)len;
}

static ssize_t read_message(nghttp2_session *session, int32_t stream_id, uint8_t *out, size_t room, uint32_t *flags,
                            nghttp2_data_source *source, void *context) {
    (void)context;
    bool whole;
    ssize_t len = take_response(source->ptr, out, room, &whole);
    if (whole) {
        fields_t trailers = {0};
        add_fixed(&trailers, "grpc-status", "0");
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (nghttp2_submit_trailer(session, stream_id, trailers.fields, trailers.count) != 0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return len;
}

static ssize_t read_words(nghttp2_session *session, int32_t stream_id, uint8_t *out, size_t room, uint32_t *flags,
                          nghttp2_data_source *source, void *context) {
    (void)session;
    (void)stream_id;
    (void)context;
    bool whole;
    ssize_t len = take_response(source->ptr, out, room, &whole);
    if (whole) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return len;
}

static void submit(grpc_stream_t *stream, const fields_t *fields, const nghttp2_data_provider *data) {
    nghttp2_session *session = stream->connection->session;
    if (nghttp2_submit_response(session, stream->id, fields->fields, fields->count, data) != 0)
        (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_INTERNAL_ERROR);
}

static void answer_success(grpc_stream_t *stream, const answer_t *answer) {
    buffer_t message = {0};
    answer_encode(answer, FORMAT_PROTOBUF, &message);
    grpc_prefix(&stream->response, message.len);
    buffer_append(&stream->response, message.data, message.len);
    buffer_fini(&message);
    fields_t fields = {0};
    add_fixed(&fields, ":status", "200");
    add_fixed(&fields, "content-type", "application/grpc");
    nghttp2_data_provider data = {.source.ptr = stream, .read_callback = read_message};
    submit(stream, &fields, &data);
}

static void answer_refusal(grpc_stream_t *stream, const answer_t *answer) {
    const situation_info_t *info = &situation_info[answer->situation];
    buffer_t message = {0}, packed = {0}, details = {0};
    char code[8];
    fields_t fields = {0};
    (void)snprintf(code, sizeof code, "%u", info->grpc);
    grpc_percent_encode(slice_text(answer_text(answer)), &message);
    add_fixed(&fields, ":status", "200");
    add_fixed(&fields, "content-type", "application/grpc");
    add_copied(&fields, "grpc-status", slice_text(code));
    add_copied(&fields, "grpc-message", buffer_slice(&message));
    if (info->retry_s > 0) {
        answer_encode(answer, FORMAT_PROTOBUF, &packed);
        grpc_base64(buffer_slice(&packed), &details);
        add_copied(&fields, "grpc-status-details-bin", buffer_slice(&details));
    }
    if (answer->situation == SITUATION_CODING) add_fixed(&fields, "grpc-accept-encoding", "identity,gzip,zstd");
    submit(stream, &fields, NULL);
    buffer_fini(&message);
    buffer_fini(&packed);
    buffer_fini(&details);
}

/* For what is not gRPC at all: a person with the wrong port, most likely. */
static void answer_http(grpc_stream_t *stream, situation_t situation) {
    static const char words[] =
        "This port speaks OTLP over gRPC only (POST, application/grpc); OTLP over HTTP has its own.\n";
    char code[8];
    fields_t fields = {0};
    (void)snprintf(code, sizeof code, "%u", situation_info[situation].http);
    add_copied(&fields, ":status", slice_text(code));
    add_fixed(&fields, "content-type", "text/plain; charset=utf-8");
    if (situation == SITUATION_METHOD) add_fixed(&fields, "allow", "POST");
    buffer_text(&stream->response, words);
    nghttp2_data_provider data = {.source.ptr = stream, .read_callback = read_words};
    submit(stream, &fields, stream->is_head ? NULL : &data);
}

void grpc_answer(grpc_stream_t *stream, const answer_t *answer) {
    h2_service_t *service = stream->loop->service;
    stream->stage = CALL_ANSWERED;
    stream->overdue_ns = stream->loop->now_ns + service->config.body_timeout_s * NS_PER_S;
    grpc_message_fini(&stream->message);
    ticket_release(&stream->ticket);
    if (answer->situation == SITUATION_ACCEPTED) {
        answer_success(stream, answer);
        return;
    }
    intake_count_refusal(service->intake, answer->situation);
    if (stream->is_grpc && stream->is_post)
        answer_refusal(stream, answer);
    else
        answer_http(stream, answer->situation);
}
