/* sender: an OTLP/HTTP client for commands: one connection that is kept, protobuf bodies, retries as the protocol wants
 * them (429, 502, 503, 504 and lost connections, with Retry-After or growing pauses). */
#ifndef SEISMESH_CLI_SENDER_H
#define SEISMESH_CLI_SENDER_H

#include "base/err.h"
#include "collector/fold/otlp.h"

typedef struct sender sender_t;

typedef struct {
    uint64_t requests, items[OTLP_KINDS]; /* accepted */
    uint64_t rejected[OTLP_KINDS];        /* items that a partial success refused */
    uint64_t refused_requests;            /* answered with an error that no retry helps */
    uint64_t retries;
    char first_refusal[300]; /* what was said at the first rejected item or refused request */
} sender_totals_t;

/* `url` is the server's base ("http://127.0.0.1:4318"; without a scheme http:// is meant). `pause` waits so many
 * nanoseconds (0: does not wait) and returns false when the work is to end. ERR_INVALID with a sentence. */
err_t sender_open(const char *url, bool (*pause)(void *context, int64_t ns), void *context, sender_t **out, char *why,
                  size_t why_size);
void sender_close(sender_t *sender);

/* Sends one request of `items` items. ERR_OK also when it was refused for good (the totals say so); ERR_CLOSED when
 * `pause` ended it; ERR_IO, with a sentence, when the server cannot be reached or did not take it for 5 minutes. */
err_t sender_send(sender_t *sender, otlp_kind_t kind, slice_t body, uint64_t items, char *why, size_t why_size);

const sender_totals_t *sender_totals(const sender_t *sender);

#endif
