#include "base/memory.h"
#include "collector/receive/h2.h"

#include <inttypes.h>
#include <stdlib.h>

enum { HEADER_OVERHEAD_BYTES = 32 /* RFC 9113, 6.5.2 */, PROGRESS_BYTES_PER_S = 32 * 1024 };

static void stream_unref(grpc_stream_t *stream) {
    if (atomic_fetch_sub(&stream->references, 1) == 1) free(stream);
}

/* In a thread of the journal. */
static void stream_answered(ticket_t *ticket) {
    grpc_stream_t *stream = (grpc_stream_t *)ticket;
    h2_loop_answered(stream->loop, stream);
}

/* In a thread of the journal, perhaps long after the loop is gone. */
static void stream_forgotten(ticket_t *ticket) {
    stream_unref((grpc_stream_t *)ticket);
}

static int64_t seconds_from_now(const grpc_stream_t *stream, int64_t seconds) {
    return stream->loop->now_ns + seconds * NS_PER_S;
}

grpc_stream_t *grpc_stream_new(h2_connection_t *connection, int32_t id) {
    h2_service_t *service = connection->loop->service;
    grpc_stream_t *stream = memory_new(1, sizeof *stream);
    ticket_init(&stream->ticket, service->intake, &service->config, OTLP_TRACES, stream_answered, stream_forgotten);
    stream->loop = connection->loop;
    stream->connection = connection;
    stream->id = id;
    stream->references = 1;
    stream->deadline_ns = INT64_MAX;
    stream->overdue_ns = seconds_from_now(stream, service->config.header_timeout_s);
    stream->next = connection->streams;
    if (stream->next != NULL) stream->next->previous = stream;
    connection->streams = stream;
    return stream;
}

void grpc_stream_closed(grpc_stream_t *stream) {
    if (stream->previous == NULL)
        stream->connection->streams = stream->next;
    else
        stream->previous->next = stream->next;
    if (stream->next != NULL) stream->next->previous = stream->previous;
    stream->connection = NULL;
    grpc_message_fini(&stream->message);
    buffer_fini(&stream->response);
    ticket_release(&stream->ticket);
    stream_unref(stream);
}

/* --- the headers --- */

static void header_path(grpc_stream_t *stream, slice_t path) {
    static const char *const methods[OTLP_KINDS] = {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    };
    for (int i = 0; i < OTLP_KINDS; i++)
        if (slice_is(path, methods[i])) {
            stream->known_path = true;
            stream->ticket.kind = stream->ticket.answer.kind = (otlp_kind_t)i;
        }
}

/* "application/grpc", "application/grpc+proto", either with parameters. */
static void header_content_type(grpc_stream_t *stream, slice_t type) {
    static const char *const types[] = {"application/grpc", "application/grpc+proto"};
    const uint8_t *parameters = type.len == 0 ? NULL : memchr(type.data, ';', type.len);
    if (parameters != NULL) type.len = (size_t)(parameters - type.data);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (slice_is(type, types[i])) stream->is_grpc = true;
}

static void header_timeout(grpc_stream_t *stream, slice_t text) {
    int64_t timeout_ns;
    if (grpc_timeout_parse(text, &timeout_ns))
        stream->deadline_ns = stream->loop->now_ns + timeout_ns;
    else
        stream->bad_timeout = true;
}

bool grpc_stream_header(grpc_stream_t *stream, slice_t name, slice_t value) {
    stream->header_bytes += name.len + value.len + HEADER_OVERHEAD_BYTES;
    if (stream->header_bytes > H2_HEADER_BYTES_MAX) return false;
    if (slice_is(name, ":path"))
        header_path(stream, value);
    else if (slice_is(name, ":method")) {
        stream->is_post = slice_is(value, "POST");
        stream->is_head = slice_is(value, "HEAD");
    } else if (slice_is(name, "content-type"))
        header_content_type(stream, value);
    else if (slice_is(name, "grpc-encoding"))
        stream->coding = coding_named(value);
    else if (slice_is(name, "grpc-timeout"))
        header_timeout(stream, value);
    return true;
}

static void refuse(grpc_stream_t *stream, situation_t situation, const char *text) {
    answer_t answer = {0};
    if (text == NULL)
        answer_set(&answer, situation, NULL);
    else
        answer_set(&answer, situation, "%s", text);
    grpc_answer(stream, &answer);
}

static void refuse_at_end(grpc_stream_t *stream, situation_t situation) {
    answer_set(&stream->ticket.answer, situation, NULL);
    stream->stage = CALL_PLAIN;
}

void grpc_stream_headers_done(grpc_stream_t *stream) {
    h2_service_t *service = stream->loop->service;
    stream->stage = CALL_BODY;
    stream->overdue_ns = seconds_from_now(stream, service->config.body_timeout_s);
    if (stream->header_bytes > H2_HEADER_BYTES_MAX)
        refuse(stream, SITUATION_HEADERS, NULL);
    else if (!stream->is_post)
        refuse_at_end(stream, SITUATION_METHOD);
    else if (!stream->is_grpc)
        refuse_at_end(stream, SITUATION_MEDIA_TYPE);
    else if (!stream->known_path)
        refuse(stream, SITUATION_NOT_FOUND, "only Export of OTLP's trace, metrics and logs services is known here");
    else if (stream->bad_timeout)
        refuse(stream, SITUATION_FRAMING, "grpc-timeout is malformed");
    else if (!intake_admits(service->intake, &service->config, 1))
        refuse(stream, SITUATION_OVERLOAD, NULL);
}

/* --- the message --- */

static void refuse_too_large(grpc_stream_t *stream) {
    answer_t answer = {0};
    answer_set(&answer, SITUATION_TOO_LARGE, "the message is larger than the limit of %" PRIu64 " bytes",
               stream->loop->service->config.request_bytes);
    grpc_answer(stream, &answer);
}

void grpc_stream_data(grpc_stream_t *stream, slice_t bytes) {
    h2_service_t *service = stream->loop->service;
    if (stream->stage != CALL_BODY) return; /* it is refused */
    counters_add(service->intake->counters, COUNTER_BYTES_GRPC, bytes.len);
    stream->overdue_ns += (int64_t)bytes.len * NS_PER_S / PROGRESS_BYTES_PER_S;
    if (!ticket_hold(&stream->ticket, bytes.len)) {
        refuse(stream, SITUATION_OVERLOAD, NULL);
        return;
    }
    err_t err = grpc_message_feed(&stream->message, bytes, service->config.request_bytes);
    if (err == ERR_TOO_LARGE)
        refuse_too_large(stream);
    else if (err != ERR_OK)
        refuse(stream, SITUATION_FRAMING, "an unknown flag before the message, or bytes after it");
}

static void waiting_add(grpc_stream_t *stream) {
    h2_loop_t *loop = stream->loop;
    stream->previous_waiting = NULL;
    stream->next_waiting = loop->waiting;
    if (loop->waiting != NULL) loop->waiting->previous_waiting = stream;
    loop->waiting = stream;
}

static void waiting_remove(grpc_stream_t *stream) {
    if (stream->previous_waiting == NULL)
        stream->loop->waiting = stream->next_waiting;
    else
        stream->previous_waiting->next_waiting = stream->next_waiting;
    if (stream->next_waiting != NULL) stream->next_waiting->previous_waiting = stream->previous_waiting;
}

static void submit(grpc_stream_t *stream, coding_t coding) {
    if (!intake_prepare(&stream->ticket, FORMAT_PROTOBUF, coding, &stream->message.body)) {
        grpc_answer(stream, &stream->ticket.answer);
        return;
    }
    stream->stage = CALL_WAITING;
    atomic_fetch_add(&stream->references, 1);
    waiting_add(stream);
    intake_commit(&stream->ticket, &stream->message.body);
}

void grpc_stream_end(grpc_stream_t *stream) {
    stream->whole = true;
    if (stream->stage == CALL_PLAIN) grpc_answer(stream, &stream->ticket.answer);
    if (stream->stage != CALL_BODY) return;
    counters_add(stream->loop->service->intake->counters, COUNTER_REQUESTS_GRPC, 1);
    bool compressed = grpc_message_compressed(&stream->message);
    if (!grpc_message_complete(&stream->message))
        refuse(stream, SITUATION_FRAMING, "the message is missing or cut short");
    else if (compressed && stream->coding == CODING_IDENTITY)
        refuse(stream, SITUATION_FRAMING, "the message is marked as compressed, but grpc-encoding names no coding");
    else if (compressed && stream->coding == CODING_UNKNOWN)
        refuse(stream, SITUATION_CODING, NULL);
    else
        submit(stream, compressed ? stream->coding : CODING_IDENTITY);
}

/* --- the answer --- */

void grpc_stream_resume(grpc_stream_t *stream) {
    waiting_remove(stream);
    if (stream->connection != NULL && stream->stage == CALL_WAITING) grpc_answer(stream, &stream->ticket.answer);
    stream_unref(stream); /* the journal's */
}

void grpc_stream_abandon(grpc_stream_t *stream) {
    waiting_remove(stream);
    if (stream->connection != NULL && stream->stage == CALL_WAITING) refuse(stream, SITUATION_DRAINING, NULL);
}

void grpc_stream_tick(grpc_stream_t *stream) {
    int64_t now = stream->loop->now_ns;
    if (stream->stage == CALL_HEADERS) return; /* the connection's own timer looks after these */
    if (stream->stage == CALL_ANSWERED) {
        if (now > stream->overdue_ns) /* a window that stays shut */
            (void)nghttp2_submit_rst_stream(stream->connection->session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
    } else if (stream->stage == CALL_PLAIN) {
        if (now > stream->overdue_ns) grpc_answer(stream, &stream->ticket.answer);
    } else if (now > stream->deadline_ns) {
        refuse(stream, SITUATION_DEADLINE, NULL);
    } else if (stream->stage == CALL_BODY && now > stream->overdue_ns) {
        counters_add(stream->loop->service->intake->counters, COUNTER_CLOSED_SLOW, 1);
        refuse(stream, SITUATION_DEADLINE, "the message came too slowly");
    }
}
