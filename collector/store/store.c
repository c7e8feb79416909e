#include "collector/store/store.h"

#include "base/memory.h"
#include "collector/store/compaction.h"
#include "collector/store/directory.h"
#include "collector/store/recovery.h"
#include "collector/store/schema.h"
#include "collector/store/spanblock.h"
#include "collector/store/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct store {
    store_config_t config;
    counters_t *counters;
    char *path;
    int lock;
    sqlite3 *db; /* the folding thread's own: recovery */
    buffer_t state;
    writer_t *writer;
    packer_t *packer;
    compaction_t *compaction; /* NULL: not wanted */
    job_t job;                /* being collected */
    open_block_t open;        /* the span block that is being filled */
    bool open_changed;        /* since the last checkpoint */
    int64_t sequence;         /* of the last checkpoint handed over */
    uint32_t names_saved, entities_saved;
};

static err_t open_file(store_t *store, char *why, size_t why_size) {
    err_t err = sql_open(store->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &store->db);
    if (err != ERR_OK) {
        (void)snprintf(why, why_size, "%s cannot be opened; check the disk and its permissions", store->path);
        return err;
    }
    return schema_prepare(store->db, store->path, why, why_size);
}

err_t store_open(const store_config_t *config, counters_t *counters, store_t **out, char *why, size_t why_size) {
    store_t *store = memory_new(1, sizeof *store);
    *out = NULL;
    store->config = *config;
    if (store->config.span_block_bytes > SPANBLOCK_RAW_MAX / 4) store->config.span_block_bytes = SPANBLOCK_RAW_MAX / 4;
    store->counters = counters;
    size_t size = strlen(config->directory) + sizeof "/seismesh.sqlite";
    store->path = memory_new(1, size);
    (void)snprintf(store->path, size, "%s/seismesh.sqlite", config->directory);
    meta_t meta = {0};
    err_t err = directory_lock(config->directory, &store->lock, why, why_size);
    if (err == ERR_OK) err = open_file(store, why, why_size);
    if (err == ERR_OK && (err = meta_load(store->db, &meta)) != ERR_OK)
        (void)snprintf(why, why_size, "%s cannot be read (%s); check the disk", store->path, sqlite3_errmsg(store->db));
    if (err != ERR_OK) {
        store_close(store);
        return err;
    }
    store->sequence = meta.checkpoints;
    store->open.id = meta.open_block;
    store->names_saved = 2; /* "" and "__overflow__" are in every names_t */
    store->entities_saved = 1;
    store->packer = packer_new();
    store->writer = writer_new(&store->config, store->path, &meta, counters);
    if (config->compact)
        store->compaction = compaction_start(store->path, config->full_10s_s, config->retention_bytes, counters);
    *out = store;
    return ERR_OK;
}

void store_close(store_t *store) {
    if (store->db != NULL) (void)sqlite3_close(store->db); /* before the writer's, which then copies the WAL */
    if (store->writer != NULL) (void)writer_wait(store->writer);
    if (store->compaction != NULL) compaction_stop(store->compaction); /* finds all that the last checkpoint closed */
    if (store->packer != NULL) packer_free(store->packer);
    if (store->writer != NULL) writer_free(store->writer);
    if (store->lock >= 0) (void)close(store->lock);
    job_fini(&store->job);
    buffer_fini(&store->open.raw);
    buffer_fini(&store->state);
    free(store->path);
    free(store);
}

/* --- recovery --- */

err_t store_load(store_t *store, shard_t *shard, uint64_t *position, int64_t *closed_before) {
    meta_t meta;
    err_t err = meta_load(store->db, &meta);
    if (err == ERR_OK) err = recovery_load(store->db, &meta, shard, &store->open, store->counters);
    if (err != ERR_OK) return err;
    store->names_saved = shard->names.count;
    store->entities_saved = shard->entity_count;
    *position = (uint64_t)meta.position;
    *closed_before = meta.closed_before;
    return ERR_OK;
}

err_t store_state(store_t *store, const char *name, slice_t *bytes) {
    sqlite3_stmt *statement;
    buffer_clear(&store->state);
    *bytes = slice_of(NULL, 0);
    err_t err = sql_prepare(store->db, "SELECT bytes FROM state WHERE name=?", &statement);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    err = sql_row(statement);
    if (err == ERR_OK) {
        slice_t found = sql_column(statement, 0);
        buffer_append(&store->state, found.data, found.len);
        *bytes = buffer_slice(&store->state);
    }
    (void)sqlite3_finalize(statement);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

const char *store_path(const store_t *store) {
    return store->path;
}

uint64_t store_position(const store_t *store) {
    return writer_position(store->writer);
}

size_t store_pending_bytes(const store_t *store) {
    return job_bytes(&store->job);
}

/* --- while folding --- */

static void start_block(store_t *store) {
    int64_t next = store->open.id + 1;
    job_add_block(&store->job, packer_give(store->packer, &store->open));
    store->open = (open_block_t){.id = next, .raw = store->open.raw};
}

void store_spans(store_t *store, slice_t body) {
    if (!store->config.keep_spans || body.len == 0) return;
    if (body.len > SPANBLOCK_RAW_MAX / 2) {
        counters_add(store->counters, COUNTER_SPANS_NOT_KEPT, 1);
        return;
    }
    /* Cut before a body, not behind it: store_span() tells about the body that was given last. */
    if (store->open.raw.len >= store->config.span_block_bytes) start_block(store);
    buffer_append(&store->open.raw, body.data, body.len);
    store->open_changed = true;
}

void store_span(store_t *store, const uint8_t trace_id[16], const uint8_t span_id[8], bool root, bool error,
                uint32_t service, uint32_t operation, int64_t start_ns, int64_t end_ns) {
    if (!store->config.keep_spans) return;
    open_block_t *block = &store->open;
    if (block->spans == 0 || start_ns < block->start_ns) block->start_ns = start_ns;
    if (block->spans == 0 || end_ns > block->end_ns) block->end_ns = end_ns;
    block->spans++;
    store->job.spans++;
    store->open_changed = true;
    traces_add(&store->job.traces, &(trace_span_t){trace_id, span_id, root, error, service, operation, start_ns, end_ns,
                                                   (uint64_t)block->id});
}

void store_anomaly(store_t *store, int64_t time_ns, uint32_t entity, const char *signal, double score, double observed,
                   double expected, double low, double high, uint64_t incident, const char *explanation) {
    job_add_event(
        &store->job,
        &(job_event_t){
            EVENT_ANOMALY, {time_ns, entity, (int64_t)incident, 0}, {score, observed, expected, low, high}, 0, 0},
        signal, explanation);
}

void store_incident(store_t *store, uint64_t id, int64_t opened_ns, int64_t updated_ns, int64_t closed_ns,
                    const char *json) {
    job_add_event(&store->job,
                  &(job_event_t){EVENT_INCIDENT, {(int64_t)id, opened_ns, updated_ns, closed_ns}, {0}, 0, 0}, json, "");
}

void store_suggestion(store_t *store, uint64_t id, uint64_t incident, int64_t created_ns, int64_t expires_ns,
                      const char *json) {
    job_add_event(&store->job,
                  &(job_event_t){EVENT_SUGGESTION, {(int64_t)id, (int64_t)incident, created_ns, expires_ns}, {0}, 0, 0},
                  json, "");
}

/* --- checkpoint --- */

/* Encodes the buckets that changed and lets go of those that are closed. */
static void add_frames(store_t *store, shard_t *shard, int64_t closed_before) {
    for (uint32_t i = 0; i < shard->bucket_count;) {
        bucket_t *bucket = shard->buckets[i];
        if (bucket->dirty) job_add_frame(&store->job, bucket);
        bucket->dirty = false;
        if (bucket->bucket < closed_before || !bucket->whole)
            shard_drop(shard, bucket->bucket);
        else
            i++;
    }
}

static void add_open_block(store_t *store) {
    job_t *job = &store->job;
    job->open.id = store->open.id;
    job->open_changed = store->open_changed;
    store->open_changed = false;
    if (!job->open_changed) return;
    job->open.start_ns = store->open.start_ns;
    job->open.end_ns = store->open.end_ns;
    job->open.spans = store->open.spans;
    buffer_append(&job->open.raw, store->open.raw.data, store->open.raw.len);
}

err_t store_checkpoint(store_t *store, shard_t *shard, uint64_t position, int64_t closed_before, int64_t event_ns,
                       const store_state_t *states) {
    writer_status_t status = writer_status(store->writer);
    if (status == WRITER_WORKING) return ERR_BUSY;
    if (status == WRITER_FAILED) {
        writer_retry(store->writer);
        return ERR_IO;
    }
    job_t *job = &store->job;
    job->sequence = ++store->sequence;
    job->position = (int64_t)position;
    job->closed_before = closed_before;
    job->event_ns = event_ns;
    job_add_names(job, &shard->names, store->names_saved);
    job_add_entities(job, shard, store->entities_saved);
    store->names_saved = shard->names.count;
    store->entities_saved = shard->entity_count;
    add_frames(store, shard, closed_before);
    add_open_block(store);
    for (; states != NULL && states->name != NULL; states++) job_add_state(job, states->name, states->bytes);
    writer_give(store->writer, job);
    return ERR_OK;
}

bool store_busy(store_t *store) {
    return writer_status(store->writer) == WRITER_WORKING;
}

err_t store_flush(store_t *store) {
    return writer_wait(store->writer) == WRITER_FAILED ? ERR_IO : ERR_OK;
}
