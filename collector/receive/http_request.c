#include "collector/receive/http_request.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    DRAIN_BYTES_MAX = 1024 * 1024, /* a refused body up to this size is read, to keep the connection */
    RESERVE_BYTES_MAX = 256 * 1024 /* believed of a Content-Length before any byte came */
};

typedef enum { STAGE_READING, STAGE_WAITING, STAGE_ANSWERED } stage_t;

struct http_request {
    ticket_t ticket; /* first: the ticket's callbacks get the request from it */
    http_service_t *service;
    struct MHD_Connection *connection;
    http_connection_t *peer;
    http_request_t *next, *previous; /* in service->waiting */
    format_t format;
    coding_t coding;
    stage_t stage;
    bool refused;
    uint64_t declared; /* Content-Length, 0 when there is none */
    uint64_t received;
    buffer_t body;
    _Atomic int references; /* libmicrohttpd and, while it owes an answer, the journal */
};

static void request_unref(http_request_t *request) {
    if (atomic_fetch_sub(&request->references, 1) == 1) free(request);
}

/* --- the headers --- */

static slice_t header(struct MHD_Connection *connection, const char *name) {
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return value == NULL ? slice_of(NULL, 0) : slice_text(value);
}

static slice_t trimmed(slice_t text) {
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) text.len--;
    return text;
}

/* "application/json; charset=utf-8" is application/json. */
static bool format_of(slice_t content_type, format_t *format) {
    const uint8_t *parameters = content_type.len == 0 ? NULL : memchr(content_type.data, ';', content_type.len);
    if (parameters != NULL) content_type.len = (size_t)(parameters - content_type.data);
    content_type = trimmed(content_type);
    for (int i = 0; i < FORMAT_COUNT; i++) {
        const char *name = format_media_types[i];
        if (strlen(name) == content_type.len &&
            strncasecmp(name, (const char *)content_type.data, content_type.len) == 0) {
            *format = (format_t)i;
            return true;
        }
    }
    return false;
}

static bool kind_of(const char *url, otlp_kind_t *kind) {
    static const char *const paths[OTLP_KINDS] = {"/v1/traces", "/v1/metrics", "/v1/logs"};
    for (int i = 0; i < OTLP_KINDS; i++)
        if (strcmp(url, paths[i]) == 0) {
            *kind = (otlp_kind_t)i;
            return true;
        }
    return false;
}

static void refuse_too_large(http_request_t *request) {
    answer_set(&request->ticket.answer, SITUATION_TOO_LARGE, "the body is larger than the limit of %" PRIu64 " bytes",
               request->service->config.request_bytes);
}

/* True when the body is worth reading; else ticket.answer says why not. */
static bool judge_headers(http_request_t *request, const char *method, bool known, bool typed) {
    answer_t *answer = &request->ticket.answer;
    const http_service_t *service = request->service;
    if (!known)
        answer_set(answer, SITUATION_NOT_FOUND, "send to /v1/traces, /v1/metrics or /v1/logs");
    else if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
        answer_set(answer, SITUATION_METHOD, NULL);
    else if (!typed)
        answer_set(answer, SITUATION_MEDIA_TYPE, NULL);
    else if (request->coding == CODING_UNKNOWN)
        answer_set(answer, SITUATION_CODING, NULL);
    else if (request->declared > service->config.request_bytes)
        refuse_too_large(request);
    else if (atomic_load_explicit(&service->draining, memory_order_relaxed))
        answer_set(answer, SITUATION_DRAINING, NULL);
    else if (!intake_admits(service->intake, &service->config, request->declared))
        answer_set(answer, SITUATION_OVERLOAD, NULL);
    else
        return true;
    return false;
}

/* --- the answer --- */

static void add_headers(http_request_t *request, struct MHD_Response *response, bool last) {
    const answer_t *answer = &request->ticket.answer;
    const situation_info_t *info = &situation_info[answer->situation];
    char seconds[8];
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, format_media_types[request->format]);
    if (info->retry_s > 0) {
        (void)snprintf(seconds, sizeof seconds, "%u", info->retry_s);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (answer->situation == SITUATION_METHOD)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, MHD_HTTP_METHOD_POST);
    if (answer->situation == SITUATION_CODING)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ACCEPT_ENCODING, "gzip, zstd, identity");
    if (last) (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

/* `last`: the connection ends with this answer. */
static enum MHD_Result request_answer(http_request_t *request, bool last) {
    http_service_t *service = request->service;
    const answer_t *answer = &request->ticket.answer;
    request->stage = STAGE_ANSWERED;
    http_connection_phase(request->peer, &service->connections, PHASE_ANSWER);
    if (answer->situation != SITUATION_ACCEPTED)
        intake_count_refusal(service->intake, answer->situation);
    else if (answer->rejected == 0)
        return MHD_queue_response(request->connection, MHD_HTTP_OK, service->accepted[request->format]);

    buffer_t body = {0};
    answer_encode(answer, request->format, &body);
    struct MHD_Response *response = MHD_create_response_from_buffer(body.len, body.data, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        buffer_fini(&body);
        return MHD_NO; /* cuts the connection: the sender will try again */
    }
    add_headers(request, response, last || answer->situation == SITUATION_DRAINING);
    enum MHD_Result result = MHD_queue_response(request->connection, situation_info[answer->situation].http, response);
    MHD_destroy_response(response);
    return result;
}

/* --- waiting for the journal --- */

static void waiting_add(http_service_t *service, http_request_t *request) {
    (void)pthread_mutex_lock(&service->lock);
    request->previous = NULL;
    request->next = service->waiting;
    if (service->waiting != NULL) service->waiting->previous = request;
    service->waiting = request;
    service->owed++;
    (void)pthread_mutex_unlock(&service->lock);
}

static void waiting_remove(http_service_t *service, http_request_t *request) {
    if (request->previous == NULL)
        service->waiting = request->next;
    else
        request->previous->next = request->next;
    if (request->next != NULL) request->next->previous = request->previous;
}

/* In a thread of the journal. The service lives until `owed` is 0, so that is the last thing touched. */
static void request_answered(ticket_t *ticket) {
    http_request_t *request = (http_request_t *)ticket;
    http_service_t *service = request->service;
    (void)pthread_mutex_lock(&service->lock);
    waiting_remove(service, request);
    (void)pthread_mutex_unlock(&service->lock);
    MHD_resume_connection(request->connection);
    request_unref(request);
    (void)pthread_mutex_lock(&service->lock);
    service->owed--;
    (void)pthread_cond_signal(&service->changed);
    (void)pthread_mutex_unlock(&service->lock);
}

/* In a thread of the journal, perhaps long after the service is gone. */
static void request_forgotten(ticket_t *ticket) {
    request_unref((http_request_t *)ticket);
}

void http_requests_abandon(http_service_t *service) {
    (void)pthread_mutex_lock(&service->lock);
    for (http_request_t *request = service->waiting, *next; request != NULL; request = next) {
        next = request->next;
        if (!ticket_abandon(&request->ticket)) continue; /* its answer is just coming */
        waiting_remove(service, request);
        service->owed--;
        request->ticket.answer.rejected = 0;
        answer_set(&request->ticket.answer, SITUATION_DRAINING, NULL);
        MHD_resume_connection(request->connection);
    }
    (void)pthread_mutex_unlock(&service->lock);
}

/* --- from the first byte to the last --- */

static http_request_t *request_begin(http_service_t *service, struct MHD_Connection *connection, const char *url,
                                     const char *method) {
    http_request_t *request = memory_new(1, sizeof *request);
    otlp_kind_t kind = OTLP_TRACES;
    format_t format = FORMAT_JSON; /* for those that name none that we know */
    bool known = kind_of(url, &kind);
    bool typed = format_of(header(connection, MHD_HTTP_HEADER_CONTENT_TYPE), &format);
    slice_t length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);

    ticket_init(&request->ticket, service->intake, &service->config, kind, request_answered, request_forgotten);
    request->service = service;
    request->connection = connection;
    request->peer = http_connection_of(connection);
    request->format = format;
    request->coding = coding_named(trimmed(header(connection, MHD_HTTP_HEADER_CONTENT_ENCODING)));
    request->declared = length.len == 0 ? 0 : strtoull((const char *)length.data, NULL, 10);
    request->references = 1;
    request->refused = !judge_headers(request, method, known, typed);
    http_connection_phase(request->peer, &service->connections, PHASE_BODY);
    if (known) counters_add(service->intake->counters, COUNTER_REQUESTS_HTTP, 1);
    (void)pthread_mutex_lock(&service->lock);
    service->active++;
    (void)pthread_mutex_unlock(&service->lock);
    return request;
}

/* Whoever asks before sending ("100-continue"), or has much to send, is told at once. */
static bool refuse_at_once(const http_request_t *request) {
    return request->refused &&
           (request->declared > DRAIN_BYTES_MAX || header(request->connection, MHD_HTTP_HEADER_EXPECT).len > 0);
}

static void body_forget(http_request_t *request) {
    request->refused = true;
    buffer_fini(&request->body);
    ticket_release(&request->ticket);
}

/* Once the Content-Length is believed as far as RESERVE_BYTES_MAX, later as far as the body has come. */
static void body_reserve(http_request_t *request, size_t len) {
    buffer_t *body = &request->body;
    if (body->capacity - body->len >= len) return;
    uint64_t expected = request->declared > body->len ? request->declared - body->len : 0;
    uint64_t believed = body->len < RESERVE_BYTES_MAX ? RESERVE_BYTES_MAX : body->len;
    uint64_t more = expected < believed ? expected : believed;
    (void)buffer_reserve(body, more > len ? (size_t)more : len);
}

/* False: enough is enough, cut the connection. */
static bool request_receive(http_request_t *request, const char *data, size_t len) {
    uint64_t limit = request->service->config.request_bytes;
    request->received += len;
    counters_add(request->service->intake->counters, COUNTER_BYTES_HTTP, len);
    http_connection_progress(request->peer, len);
    if (request->refused) return request->received <= limit * 2 + DRAIN_BYTES_MAX;
    if (request->received > limit) {
        refuse_too_large(request);
        body_forget(request);
    } else if (!ticket_hold(&request->ticket, len)) {
        answer_set(&request->ticket.answer, SITUATION_OVERLOAD, NULL);
        body_forget(request);
    } else {
        body_reserve(request, len);
        buffer_append(&request->body, data, len);
    }
    return true;
}

/* The body is complete: to the journal with it. The connection is suspended first, since the journal may be faster. */
static enum MHD_Result request_submit(http_request_t *request) {
    http_service_t *service = request->service;
    http_connection_phase(request->peer, &service->connections, PHASE_WAITING);
    if (request->refused || !intake_prepare(&request->ticket, request->format, request->coding, &request->body))
        return request_answer(request, false);
    request->stage = STAGE_WAITING;
    atomic_fetch_add(&request->references, 1);
    waiting_add(service, request);
    MHD_suspend_connection(request->connection);
    intake_commit(&request->ticket, &request->body);
    return MHD_YES;
}

enum MHD_Result http_request_handle(void *context, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *upload, size_t *upload_len,
                                    void **state) {
    (void)version;
    http_request_t *request = *state;
    if (request == NULL) {
        *state = request = request_begin(context, connection, url, method);
        return refuse_at_once(request) ? request_answer(request, true) : MHD_YES;
    }
    if (*upload_len > 0) {
        size_t len = *upload_len;
        *upload_len = 0;
        return request_receive(request, upload, len) ? MHD_YES : MHD_NO;
    }
    return request->stage == STAGE_WAITING ? request_answer(request, false) : request_submit(request);
}

void http_request_completed(void *context, struct MHD_Connection *connection, void **state,
                            enum MHD_RequestTerminationCode code) {
    http_service_t *service = context;
    http_request_t *request = *state;
    (void)connection;
    (void)code;
    if (request == NULL) return;
    *state = NULL;
    http_connection_phase(request->peer, &service->connections, PHASE_IDLE);
    buffer_fini(&request->body);
    ticket_release(&request->ticket);
    request_unref(request);
    (void)pthread_mutex_lock(&service->lock);
    service->active--;
    (void)pthread_cond_signal(&service->changed);
    (void)pthread_mutex_unlock(&service->lock);
}
