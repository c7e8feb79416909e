/* status: what the sender is told. One table maps each situation to its HTTP code, gRPC code and retry delay; all
 * answers of both receivers are built from it here.
 *
 * The mapping decides whether data is lost: an OTLP client must drop what it sent at 400 or 500, and send it again at
 * 429, 502, 503, 504, UNAVAILABLE, DEADLINE_EXCEEDED, or RESOURCE_EXHAUSTED with RetryInfo
 * (https://opentelemetry.io/docs/specs/otlp/, "Failures"). So whatever may go better later is 503 or UNAVAILABLE with
 * a delay, and whatever can never go well is not. */
#ifndef SEISMESH_RECEIVE_STATUS_H
#define SEISMESH_RECEIVE_STATUS_H

#include "base/buffer.h"
#include "base/counters.h"
#include "collector/fold/otlp.h"

/* X(situation, HTTP code, gRPC code, retry after so many seconds (0 = never), counter, words)
 * The gRPC codes: 3 INVALID_ARGUMENT, 4 DEADLINE_EXCEEDED, 7 PERMISSION_DENIED, 8 RESOURCE_EXHAUSTED,
 * 12 UNIMPLEMENTED, 13 INTERNAL, 14 UNAVAILABLE, 16 UNAUTHENTICATED. */
#define SITUATION_LIST(X)                                                                                              \
    X(MALFORMED, 400, 3, 0, REFUSED_MALFORMED, "the body is not a valid request")                                      \
    X(FRAMING, 400, 13, 0, REFUSED_MALFORMED, "the message is not framed as gRPC wants it")                            \
    X(UNAUTHENTICATED, 401, 16, 0, REFUSED_UNSUPPORTED, "no valid credentials")                                        \
    X(FORBIDDEN, 403, 7, 0, REFUSED_UNSUPPORTED, "these credentials do not allow it")                                  \
    X(NOT_FOUND, 404, 12, 0, REFUSED_NOT_FOUND, "no such service here")                                                \
    X(METHOD, 405, 12, 0, REFUSED_NOT_FOUND, "only POST is possible here")                                             \
    X(TOO_LARGE, 413, 8, 0, REFUSED_TOO_LARGE, "the request is larger than the limit")                                 \
    X(MEDIA_TYPE, 415, 3, 0, REFUSED_UNSUPPORTED, "send application/x-protobuf or application/json")                   \
    X(CODING, 415, 12, 0, REFUSED_UNSUPPORTED, "compress with gzip or zstd, or not at all")                            \
    X(HEADERS, 431, 8, 0, REFUSED_TOO_LARGE, "the request's headers are too large")                                    \
    X(OVERLOAD, 503, 14, 1, REFUSED_OVERLOAD, "too much at once; send it again a little later")                        \
    X(DRAINING, 503, 14, 2, REFUSED_DRAINING, "shutting down; send it again a little later")                           \
    X(STORAGE, 503, 14, 30, REFUSED_STORAGE, "the storage has failed and nothing can be accepted until it is mended")  \
    X(DEADLINE, 504, 4, 0, REFUSED_DEADLINE, "the deadline passed before the data was safe")

typedef enum {
    SITUATION_ACCEPTED, /* durable; perhaps with rejected items (partial success) */
#define SITUATION_ENUM(id, http, grpc, retry, counter, words) SITUATION_##id,
    SITUATION_LIST(SITUATION_ENUM)
#undef SITUATION_ENUM
        SITUATION_COUNT
} situation_t;

typedef struct {
    uint16_t http;
    uint8_t grpc;
    uint8_t retry_s;
    counter_t counter; /* not meant for SITUATION_ACCEPTED */
    const char *words;
} situation_info_t;

extern const situation_info_t situation_info[SITUATION_COUNT];

typedef enum { FORMAT_PROTOBUF, FORMAT_JSON, FORMAT_COUNT } format_t;

extern const char *const format_media_types[FORMAT_COUNT];

enum { ANSWER_TEXT_MAX = 240 };

typedef struct {
    situation_t situation;
    otlp_kind_t kind;
    uint64_t rejected;          /* items refused of an accepted request */
    char text[ANSWER_TEXT_MAX]; /* printable ASCII only; empty: the words of the table */
} answer_t;

/* An answer with a text of its own, or with the table's (format NULL). Everything but printable ASCII is replaced, so
 * that the text is safe in a header, in JSON and in a protobuf string. */
void answer_set(answer_t *answer, situation_t situation, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The text for the sender; never NULL, empty for a full success. */
const char *answer_text(const answer_t *answer);

/* Appends the response body: Export…ServiceResponse for an accepted request (empty on full success, with
 * partial_success when something was rejected), else google.rpc.Status, with RetryInfo where a retry makes sense. */
void answer_encode(const answer_t *answer, format_t format, buffer_t *out);

/* As a client: the rejected items that an Export…ServiceResponse tells of, and in `message` (may be NULL) why; 0 when
 * it tells of none or is no such message. */
uint64_t answer_rejected(slice_t response, slice_t *message);

#endif
