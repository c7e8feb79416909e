/* worker: the inside of a fold, for the files of this folder only. */
#ifndef SEISMESH_FOLD_WORKER_H
#define SEISMESH_FOLD_WORKER_H

#include "collector/fold/delta.h"
#include "collector/fold/fold.h"
#include "collector/fold/identity.h"
#include "collector/fold/locations.h"
#include "collector/fold/pairing.h"

/* The operation entity found last under a slot: saves hashing a whole key for each span. */
typedef struct {
    uint32_t service, operation, entity; /* entity 0 = empty */
    uint32_t observer;
} operation_memo_t;

enum { OPERATION_MEMOS = 2048 };

/* The meshes that a service was seen in, in the bucket in which it was seen last. */
typedef struct {
    int64_t bucket;
    uint32_t meshes; /* bit per mesh_t */
} seen_in_t;

struct fold {
    fold_config_t config;
    fold_sink_t sink;
    const dialect_set_t *dialects;
    counters_t *counters;
    shard_t shard;
    identity_t *identity;
    pairing_t *pairing;
    delta_t *delta;
    operation_memo_t *operations;            /* OPERATION_MEMOS; cleared when entities expire */
    struct recent *recent;                   /* hashes of recent requests, against counting a retry twice */
    uint64_t spans_folded, spans_paired;     /* of the request being folded, for the counters */
    uint64_t mesh_items[MESHES][MESH_ITEMS]; /* of the request being folded, for the counters */
    seen_in_t *seen_in;                      /* by name id of the service; a memo, cleared when entities expire */
    uint32_t seen_in_capacity;
    table_t edges; /* of proxies' requests, by caller and callee: an entity of the edge; learnt from the shard */
    locations_t locations; /* of instances; learnt from the shard, and from whoever tells */
    uint8_t *peers;        /* what is known of a callee, by its name id: see calls.c */
    uint32_t peer_capacity;
    int64_t event_ns;      /* event time: the newest seen, running on with wall time while nothing comes */
    int64_t newest_ns;     /* newest event time seen; all of these INT64_MIN before the first */
    int64_t arrival_ns;    /* newest arrival time seen */
    int64_t closed_before; /* bucket */
};

typedef enum { ADMITTED, TOO_LATE, IN_FUTURE } admission_t;

/* Says whether something of this event time is counted, and moves event time on. */
admission_t fold_admit(fold_t *fold, int64_t time_ns, int64_t arrival_ns);

/* Settles what event time has left behind. */
void fold_settle(fold_t *fold);

err_t fold_spans(fold_t *fold, int64_t arrival_ns, slice_t body);   /* otlp_spans.c */
err_t fold_metrics(fold_t *fold, int64_t arrival_ns, slice_t body); /* otlp_metrics.c */
err_t fold_logs(fold_t *fold, int64_t arrival_ns, slice_t body);    /* otlp_logs.c */

#endif
