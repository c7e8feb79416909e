/* fold: bytes of OTLP requests become cells. One fold belongs to one thread and is a deterministic function of the
 * records it is given, in their order: two folds that are given the same records have the same state, bit for bit,
 * and so has one that was saved and loaded in between. Nothing here reads a clock: time is event time, and the arrival
 * time that the journal wrote beside each record. */
#ifndef SEISMESH_FOLD_FOLD_H
#define SEISMESH_FOLD_FOLD_H

#include "base/counters.h"
#include "collector/dialect/dialect.h"
#include "collector/fold/otlp.h"
#include "collector/fold/pairing.h"

typedef struct {
    shard_limits_t shard;
    uint32_t pairing_spans;         /* spans that may wait for their other half */
    int64_t pairing_window_ns;      /* how long they may, in event time */
    int64_t late_ns;                /* what ended more than this before the newest is dropped from the rollups */
    int64_t grace_ns;               /* a bucket is closed when event time is this far behind its end */
    uint32_t metric_streams;        /* cumulative streams remembered */
    int64_t metric_stream_idle_ns;  /* and forgotten after so long without a point */
    uint32_t auxiliary_per_service; /* auxiliary metrics (names) kept per service */
} fold_config_t;

void fold_config_defaults(fold_config_t *config);

/* A span as it was counted, for those who keep spans. Borrowed for the call. */
typedef struct {
    const uint8_t *trace_id; /* 16 bytes */
    const uint8_t *span_id;  /* 8 bytes */
    bool root;               /* has no parent */
    bool error;
    uint32_t service, operation; /* name ids */
    int64_t start_ns, end_ns;
} folded_span_t;

typedef struct {
    void *context;
    /* A request that is new (no retry of one seen before), before it is folded. NULL = nobody wants it. */
    void (*request)(void *context, otlp_kind_t kind, slice_t body);
    void (*span)(void *context, const folded_span_t *span); /* NULL = nobody keeps spans */
    /* Called once for every closed bucket, in order. Buckets without cells come as NULL; a gap of more than 6
     * minutes is left out (a gap in a recording, not an outage). */
    void (*closed)(void *context, shard_t *shard, int64_t bucket, bucket_t *cells);
    /* A half of a call that somebody who sees more than this fold has to judge: its other half did not come, or what
     * its peer is called depends on whom else the mesh knows (`alone`: nobody else reports it). NULL = judged here. */
    void (*half)(void *context, const half_t *half, bool alone);
} fold_sink_t;

typedef struct fold fold_t;

fold_t *fold_new(const fold_config_t *config, const dialect_set_t *dialects, counters_t *counters, fold_sink_t sink);
void fold_free(fold_t *fold);

/* Folds one request body that otlp_check accepted. ERR_MALFORMED (state unchanged up to the malformed part) when it
 * turns out malformed all the same. */
err_t fold_record(fold_t *fold, otlp_kind_t kind, int64_t arrival_ns, slice_t body);

/* Tells that wall time went on without records: pending pairs and open buckets older than their windows are settled.
 * Comes out of the journal too, as a tick record, so that it is part of the replay. */
void fold_tick(fold_t *fold, int64_t arrival_ns);

/* The end of a recording: settles all pending pairs and closes all buckets. */
void fold_finish(fold_t *fold);

/* True when nothing waits: no half of a call, no open bucket. No tick is needed then. */
bool fold_settled(const fold_t *fold);

shard_t *fold_shard(fold_t *fold);
int64_t fold_event_ns(const fold_t *fold);      /* newest event time seen; INT64_MIN before the first */
int64_t fold_clock_ns(const fold_t *fold);      /* event time, running on with ticks; INT64_MIN before the first */
int64_t fold_closed_before(const fold_t *fold); /* buckets below this one are closed */

/* Closed buckets were taken out of the shard (shard_drop) before a checkpoint did: what is remembered of them is not
 * true any more. */
void fold_dropped(fold_t *fold);

/* --- what other folds have counted is taken in (import.c) --- */

/* Adds a cell of an entity (an id of this fold's shard). ERR_INVALID: the bucket lies in the future; ERR_FULL: more
 * buckets are open than there are in a day. */
err_t fold_take_cell(fold_t *fold, uint32_t entity, int64_t bucket, const cell_t *cell, int64_t arrival_ns);

/* Takes a half that another fold gave to its sink; its name ids are this shard's. ERR_INVALID: from the future. */
err_t fold_take_half(fold_t *fold, const half_t *half, bool alone, int64_t arrival_ns);

/* Everything that ended before `event_ns`, but for stragglers, has been taken: settles what that leaves behind. */
void fold_advance(fold_t *fold, int64_t event_ns, int64_t arrival_ns);

/* State beyond the shard's names, entities and cells: pending pairs, metric streams, recent requests, event time. */
void fold_save(const fold_t *fold, buffer_t *out);
err_t fold_load(fold_t *fold, slice_t bytes); /* ERR_MALFORMED, ERR_FOREIGN (other version) */

#endif
