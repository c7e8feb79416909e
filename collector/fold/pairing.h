/* pairing: brings the client and the server span of one call together, in any order, over any number of requests.
 * Key: trace id and the client's span id (= the server's parent). A fixed number wait; the oldest is pushed out by a
 * newer one, and everything is settled when event time has moved past its window. */
#ifndef SEISMESH_FOLD_PAIRING_H
#define SEISMESH_FOLD_PAIRING_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/err.h"
#include "collector/rollup/shard.h"

/* One end of a call, as long as the other has not been seen. */
typedef struct {
    uint8_t trace_id[16];
    uint8_t call_id[8]; /* span id of the client span = parent id of the server span */
    int64_t end_ns;
    int64_t seen_ns; /* event time when it began to wait */
    uint64_t duration_ns;
    uint32_t service;       /* who reports */
    uint32_t peer;          /* the other end as this one names it; 0 = not told */
    uint32_t version, zone; /* server: its own; client: the peer's as told */
    uint8_t server;         /* 1 = server or consumer side */
    uint8_t failure;        /* failure_t */
    uint8_t protocol;       /* protocol_t */
    uint8_t observer;       /* OBSERVER_SPAN or OBSERVER_PROXY_SPAN */
    uint32_t retries;
    uint64_t request_bytes, response_bytes;
} half_t;

typedef struct pairing pairing_t;

pairing_t *pairing_new(uint32_t spans_max);
void pairing_free(pairing_t *pairing);

/* Brings what pairing_meet will look at first into the cache. */
void pairing_prefetch(const pairing_t *pairing, const half_t *half);

/* Looks for the other half. True: it was waiting, is copied to *other and waits no more. False: `half` waits now;
 * when the table was full, the oldest was pushed out into *other and *evicted is true. */
bool pairing_meet(pairing_t *pairing, const half_t *half, half_t *other, bool *evicted);

/* Takes out the oldest half that began to wait before `before_ns`; false when there is none. */
bool pairing_expire(pairing_t *pairing, int64_t before_ns, half_t *out);

uint32_t pairing_waiting(const pairing_t *pairing);

/* Wire form of a half: 16 + 8 bytes of ids, zigzag end, zigzag seen, varint duration, service, peer, version, zone,
 * four bytes (server, failure, protocol, observer), varint retries, request bytes, response bytes. */
void half_save(const half_t *half, buffer_t *out);
bool half_load(half_t *half, bytes_t *in); /* false on malformed bytes */

void pairing_save(const pairing_t *pairing, buffer_t *out); /* in order of waiting: canonical */
err_t pairing_load(pairing_t *pairing, bytes_t *in);        /* ERR_MALFORMED */

#endif
