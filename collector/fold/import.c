/* import: what other folds have counted comes into this one, as it does where many workers fold partitions and one node
 * judges the whole. Cells merge; halves of calls that met nobody in their own fold meet here. */
#include "collector/fold/calls.h"

enum { OPEN_BUCKETS_MAX = 8640 };

/* A fold's own records tell calls.c who reports; here the cells that those records became do. */
static void note_reporter(fold_t *fold, const entity_key_t *key) {
    if (key->kind != ENTITY_SERVICE || entity_is_mark(key)) return;
    if (key->observer == OBSERVER_PROXY_SPAN || key->observer == OBSERVER_SPAN)
        calls_reporter(fold, key->service);
    else if (key->observer != OBSERVER_NONE)
        calls_named(fold, key->service);
}

static void note_time(fold_t *fold, int64_t time_ns, int64_t arrival_ns) {
    if (time_ns > fold->newest_ns) fold->newest_ns = time_ns;
    if (arrival_ns > fold->arrival_ns) fold->arrival_ns = arrival_ns;
}

err_t fold_take_cell(fold_t *fold, uint32_t entity, int64_t bucket, const cell_t *cell, int64_t arrival_ns) {
    if (bucket < 0 || bucket > bucket_of(arrival_ns + OTLP_FUTURE_NS)) return ERR_INVALID;
    if (fold->shard.bucket_count >= OPEN_BUCKETS_MAX && shard_bucket(&fold->shard, bucket) == NULL) return ERR_FULL;
    note_time(fold, (bucket + 1) * BUCKET_NS - 1, arrival_ns);
    note_reporter(fold, &fold->shard.entities[entity]);
    cell_merge(shard_cell(&fold->shard, entity, bucket), cell);
    return ERR_OK;
}

err_t fold_take_half(fold_t *fold, const half_t *half, bool alone, int64_t arrival_ns) {
    if (half->end_ns < 0 || otlp_in_future((uint64_t)half->end_ns, arrival_ns)) return ERR_INVALID;
    half_t here = *half;
    note_time(fold, half->end_ns, arrival_ns);
    here.seen_ns = fold->event_ns == INT64_MIN ? half->end_ns : fold->event_ns;
    calls_half(fold, &here, alone);
    return ERR_OK;
}

void fold_advance(fold_t *fold, int64_t event_ns, int64_t arrival_ns) {
    if (event_ns <= fold->event_ns) return;
    fold->event_ns = event_ns;
    if (arrival_ns > fold->arrival_ns) fold->arrival_ns = arrival_ns;
    if (fold->closed_before == INT64_MIN) {
        fold->closed_before = bucket_of(event_ns - fold->config.grace_ns);
        if (fold->shard.bucket_count > 0 && fold->shard.buckets[0]->bucket < fold->closed_before)
            fold->closed_before = fold->shard.buckets[0]->bucket;
        shard_close_before(&fold->shard, fold->closed_before);
    }
    fold_settle(fold);
    counters_add(fold->counters, COUNTER_PAIRED_SPANS, fold->spans_paired);
    fold->spans_paired = 0;
}
