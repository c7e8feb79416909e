/* receiver: bytes in, acknowledgement out. Both OTLP receivers share one intake: inflate, map JSON, check, append to
 * the journal, and answer when the record is durable. */
#ifndef SEISMESH_RECEIVE_RECEIVER_H
#define SEISMESH_RECEIVE_RECEIVER_H

#include "collector/fold/otlp.h"
#include "collector/journal/journal.h"

typedef struct {
    const char *host;       /* "127.0.0.1", "::1", "0.0.0.0" … */
    uint16_t port;          /* 0 = any free one; see receiver_port */
    uint64_t request_bytes; /* limit on the wire and after inflating */
    uint64_t memory_bytes;  /* all request bodies in flight together; beyond it: 503, UNAVAILABLE */
    uint32_t connections;
    uint32_t header_timeout_s, body_timeout_s;
    uint32_t threads;
} receiver_config_t;

/* Shared by the receivers of a process, so that memory_bytes counts all bodies of all of them. */
typedef struct {
    journal_t *journal;
    const clock_source_t *clock;
    counters_t *counters;
    _Atomic uint64_t held_bytes; /* the receivers' own account of bodies in flight; starts at 0 */
} intake_t;

typedef struct receiver receiver_t;

/* Starts listening in threads of its own. ERR_BUSY: the port is taken; ERR_INVALID: no such address; `why` gets one
 * sentence with the cure. The intake is borrowed until receiver_stop returns. */
err_t otlp_http_start(const receiver_config_t *config, intake_t *intake, receiver_t **out, char *why, size_t why_size);
err_t otlp_grpc_start(const receiver_config_t *config, intake_t *intake, receiver_t **out, char *why, size_t why_size);

uint16_t receiver_port(const receiver_t *receiver);

/* Stops accepting, answers what is in flight (gRPC: GOAWAY in two steps), then frees. Waits at most 5 s. Call it before
 * closing the journal. */
void receiver_stop(receiver_t *receiver);

#endif
