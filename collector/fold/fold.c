#include "collector/fold/fold.h"

#include "base/memory.h"
#include "collector/fold/calls.h"
#include "collector/fold/meshes.h"
#include "collector/fold/recent.h"
#include "collector/fold/sighting.h"

#include <stdlib.h>

enum { FOLD_STATE_VERSION = 1, GAP_BUCKETS = 36 };

void fold_config_defaults(fold_config_t *config) {
    *config = (fold_config_t){
        .shard = {.names = 1000000, .entities = 200000, .operations_per_service = 200, .idle_buckets = 8640},
        .pairing_spans = 1000000,
        .pairing_window_ns = INT64_C(45) * 1000000000,
        .late_ns = INT64_C(3600) * 1000000000,
        .grace_ns = INT64_C(10) * 1000000000,
        .metric_streams = 1000000,
        .metric_stream_idle_ns = INT64_C(3600) * 1000000000,
        .auxiliary_per_service = 48,
    };
}

fold_t *fold_new(const fold_config_t *config, const dialect_set_t *dialects, counters_t *counters, fold_sink_t sink) {
    fold_t *fold = memory_new(1, sizeof *fold);
    fold->config = *config;
    fold->sink = sink;
    fold->dialects = dialects;
    fold->counters = counters;
    shard_init(&fold->shard, &config->shard, counters);
    fold->identity = identity_new(&fold->shard, dialects);
    fold->pairing = pairing_new(config->pairing_spans);
    fold->delta = delta_new(config->metric_streams, config->metric_stream_idle_ns, counters);
    fold->operations = memory_new(OPERATION_MEMOS, sizeof *fold->operations);
    fold->recent = recent_new();
    fold->event_ns = fold->newest_ns = fold->arrival_ns = INT64_MIN;
    fold->closed_before = INT64_MIN;
    return fold;
}

void fold_free(fold_t *fold) {
    if (fold == NULL) return;
    recent_free(fold->recent);
    free(fold->operations);
    delta_free(fold->delta);
    pairing_free(fold->pairing);
    identity_free(fold->identity);
    shard_fini(&fold->shard);
    free(fold->peers);
    free(fold->seen_in);
    table_fini(&fold->edges);
    locations_fini(&fold->locations);
    free(fold);
}

shard_t *fold_shard(fold_t *fold) {
    return &fold->shard;
}
int64_t fold_event_ns(const fold_t *fold) {
    return fold->newest_ns;
}
int64_t fold_clock_ns(const fold_t *fold) {
    return fold->event_ns;
}
int64_t fold_closed_before(const fold_t *fold) {
    return fold->closed_before;
}

bool fold_settled(const fold_t *fold) {
    return pairing_waiting(fold->pairing) == 0 &&
           (fold->newest_ns == INT64_MIN || bucket_of(fold->newest_ns) < fold->closed_before);
}

admission_t fold_admit(fold_t *fold, int64_t time_ns, int64_t arrival_ns) {
    if (time_ns < 0 || otlp_in_future((uint64_t)time_ns, arrival_ns)) return IN_FUTURE;
    if (fold->event_ns != INT64_MIN && time_ns < fold->event_ns - fold->config.late_ns) return TOO_LATE;
    /* A sender's clock may be ahead of ours: it must not close buckets for the others. */
    int64_t event_ns = time_ns < arrival_ns ? time_ns : arrival_ns;
    if (event_ns > fold->event_ns) fold->event_ns = event_ns;
    if (time_ns > fold->newest_ns) fold->newest_ns = time_ns;
    if (fold->closed_before == INT64_MIN) {
        fold->closed_before = bucket_of(fold->event_ns - fold->config.grace_ns);
        shard_close_before(&fold->shard, fold->closed_before);
    }
    return ADMITTED;
}

/* The first bucket at or behind `from` that is in memory; `target` when there is none before it. */
static int64_t next_bucket(const fold_t *fold, int64_t from, int64_t target) {
    for (uint32_t i = 0; i < fold->shard.bucket_count; i++) {
        int64_t bucket = fold->shard.buckets[i]->bucket;
        if (bucket >= from) return bucket < target ? bucket : target;
    }
    return target;
}

/* Closes all buckets below `target`, in order. A long gap is skipped: it is a gap in the recording, not an outage. */
static void close_before(fold_t *fold, int64_t target) {
    while (fold->closed_before < target) {
        int64_t bucket = fold->closed_before, next = next_bucket(fold, bucket, target);
        if (next - bucket > GAP_BUCKETS) bucket = next;
        if (bucket >= target) {
            fold->closed_before = target;
            break;
        }
        bucket_t *cells = shard_bucket(&fold->shard, bucket);
        fold->closed_before = bucket + 1;
        if (fold->sink.closed != NULL) fold->sink.closed(fold->sink.context, &fold->shard, bucket, cells);
    }
    shard_close_before(&fold->shard, fold->closed_before);
}

void fold_settle(fold_t *fold) {
    if (fold->event_ns == INT64_MIN) return;
    calls_expire(fold, fold->event_ns - fold->config.pairing_window_ns);
    int64_t target = bucket_of(fold->event_ns - fold->config.grace_ns);
    if (target <= fold->closed_before) return;
    close_before(fold, target);
    delta_expire(fold->delta, fold->event_ns);
    uint32_t live = fold->shard.live;
    shard_expire(&fold->shard, target);
    if (fold->shard.live == live) return;
    identity_forget(fold->identity);
    meshes_forget(fold);
    sighting_learn(fold);
    memset(fold->operations, 0, OPERATION_MEMOS * sizeof *fold->operations);
}

err_t fold_record(fold_t *fold, otlp_kind_t kind, int64_t arrival_ns, slice_t body) {
    static err_t (*const folders[OTLP_KINDS])(fold_t *, int64_t, slice_t) = {fold_spans, fold_metrics, fold_logs};
    if (recent_seen(fold->recent, (uint8_t)kind, body)) {
        counters_add(fold->counters, COUNTER_DUPLICATE_BATCHES, 1);
        return ERR_OK;
    }
    if (fold->sink.request != NULL) fold->sink.request(fold->sink.context, kind, body);
    err_t err = folders[kind](fold, arrival_ns, body);
    meshes_flush(fold);
    if (arrival_ns > fold->arrival_ns) fold->arrival_ns = arrival_ns;
    fold_settle(fold);
    return err;
}

void fold_tick(fold_t *fold, int64_t arrival_ns) {
    if (fold->event_ns == INT64_MIN || arrival_ns <= fold->arrival_ns) return;
    fold->event_ns += arrival_ns - fold->arrival_ns; /* event time runs on at the pace of wall time */
    fold->arrival_ns = arrival_ns;
    fold_settle(fold);
}

void fold_dropped(fold_t *fold) {
    meshes_forget(fold);
}

void fold_finish(fold_t *fold) {
    if (fold->event_ns == INT64_MIN) return;
    calls_expire(fold, INT64_MAX);
    close_before(fold, bucket_of(fold->newest_ns) + 1);
}

void fold_save(const fold_t *fold, buffer_t *out) {
    buffer_varint(out, FOLD_STATE_VERSION);
    buffer_u64(out, (uint64_t)fold->event_ns);
    buffer_u64(out, (uint64_t)fold->newest_ns);
    buffer_u64(out, (uint64_t)fold->arrival_ns);
    buffer_u64(out, (uint64_t)fold->closed_before);
    shard_save(&fold->shard, out);
    calls_save(fold, out);
    recent_save(fold->recent, out);
    delta_save(fold->delta, out);
}

static bool load_times(fold_t *fold, bytes_t *in) {
    uint64_t event, newest, arrival, closed;
    if (!bytes_u64(in, &event) || !bytes_u64(in, &newest) || !bytes_u64(in, &arrival) || !bytes_u64(in, &closed))
        return false;
    fold->event_ns = (int64_t)event;
    fold->newest_ns = (int64_t)newest;
    fold->arrival_ns = (int64_t)arrival;
    fold->closed_before = (int64_t)closed;
    shard_close_before(&fold->shard, fold->closed_before);
    return true;
}

err_t fold_load(fold_t *fold, slice_t bytes) {
    bytes_t in = bytes_of(bytes);
    uint64_t version;
    if (!bytes_varint(&in, &version)) return ERR_MALFORMED;
    if (version != FOLD_STATE_VERSION) return ERR_FOREIGN;
    if (!load_times(fold, &in) || !shard_load(&fold->shard, &in)) return ERR_MALFORMED;
    sighting_learn(fold);
    err_t err = calls_load(fold, &in);
    if (err == ERR_OK) err = recent_load(fold->recent, &in);
    if (err == ERR_OK) err = delta_load(fold->delta, &in);
    return err == ERR_OK && !bytes_done(&in) ? ERR_MALFORMED : err;
}
