/* sender: one keep-alive connection to an OTLP receiver, one request in flight. Two members, HTTP/1.1 framed by hand
 * and gRPC over nghttp2; each is a table of functions. */
#ifndef SEISMESH_TESTS_BENCH_SENDER_H
#define SEISMESH_TESTS_BENCH_SENDER_H

#include "base/slice.h"

typedef enum {
    ANSWER_NONE,     /* not yet */
    ANSWER_ACCEPTED, /* success, without a word of partial success */
    ANSWER_RETRY,    /* the server asks for the same bytes again, later: 429, 502, 503, 504, UNAVAILABLE … */
    ANSWER_REFUSED,  /* for good, or in part */
    ANSWER_LOST      /* the connection is gone: whether it was accepted is not known */
} answer_t;

typedef struct sender sender_t;

typedef struct {
    const char *name; /* "http" or "grpc" */
    /* Takes over a connected, non-blocking socket. */
    sender_t *(*open)(int fd, const char *authority);
    /* Begins to send a body, which stays where it is until the answer. `coding`: "gzip" or "zstd", NULL = as it is. */
    void (*submit)(sender_t *sender, slice_t body, const char *coding);
    /* Writes and reads what the socket allows, and says whether the answer is there. */
    answer_t (*work)(sender_t *sender);
    /* True when there is more to write than the socket took. */
    bool (*wants_write)(const sender_t *sender);
    void (*close)(sender_t *sender);
} sender_ops_t;

extern const sender_ops_t sender_http, sender_grpc;

/* True when an Export…ServiceResponse says that something was rejected. */
bool sender_partial(slice_t response);

#endif
