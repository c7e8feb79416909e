/* What changes chunks that are there: points that came late, and age. */
#include "collector/rollup/frame.h"
#include "collector/store/chunk.h"
#include "collector/store/compaction.h"

enum { COARSEN_CHUNKS = 64 }; /* in one transaction: some 50 ms */

/* The cells of an entity in a span; none when there is no chunk, or when it does not read back (which is counted). */
static err_t get_chunk(compactor_t *compactor, int resolution, uint32_t entity, int64_t span, chunk_item_t *items,
                       uint32_t *count) {
    sqlite3_stmt *get;
    *count = 0;
    err_t err = sql_prepare(compactor->db, "SELECT bytes FROM chunk WHERE resolution=? AND entity=? AND span=?", &get);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(get, 1, resolution_seconds[resolution]);
    (void)sqlite3_bind_int64(get, 2, entity);
    (void)sqlite3_bind_int64(get, 3, span);
    err = sql_row(get);
    if (err == ERR_OK && chunk_decode(sql_column(get, 0), CHUNK_WHOLE, items, count) != ERR_OK)
        counters_add(compactor->counters, COUNTER_STORE_DAMAGED, 1);
    (void)sqlite3_finalize(get);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static err_t put_chunk(compactor_t *compactor, int resolution, uint32_t entity, int64_t span, chunk_item_t *items,
                       uint32_t count) {
    sqlite3_stmt *put;
    err_t err = sql_prepare(compactor->db, "INSERT OR REPLACE INTO chunk VALUES(?,?,?,?)", &put);
    if (err != ERR_OK) return err;
    buffer_clear(&compactor->bytes);
    chunk_encode(items, count, &compactor->bytes);
    (void)sqlite3_bind_int64(put, 1, resolution_seconds[resolution]);
    (void)sqlite3_bind_int64(put, 2, entity);
    (void)sqlite3_bind_int64(put, 3, span);
    (void)sqlite3_bind_blob64(put, 4, compactor->bytes.data, compactor->bytes.len, SQLITE_STATIC);
    err = sql_run(put);
    (void)sqlite3_finalize(put);
    return err;
}

/* --- late points --- */

/* Merges a cell into its place among the items, which have room for it. */
static void merge_item(chunk_item_t *items, uint32_t *count, int64_t bucket, const cell_t *cell) {
    uint32_t at = 0;
    while (at < *count && items[at].bucket < bucket) at++;
    if (at == *count || items[at].bucket != bucket) {
        memmove(&items[at + 1], &items[at], (*count - at) * sizeof *items);
        *count += 1;
        items[at].bucket = bucket;
        cell_init(&items[at].cell);
    }
    cell_merge(&items[at].cell, cell);
}

static bool is_coarse(const bounds_t *bounds, int resolution, int64_t bucket, uint32_t entity) {
    if (resolution != 0 || bucket >= bounds->coarse) return false;
    return bucket < bounds->coarse - CHUNK_BUCKETS || (int64_t)entity < bounds->coarse_entity;
}

static err_t merge_late(compactor_t *compactor, int resolution, int64_t bucket, uint32_t entity, const cell_t *cell,
                        const bounds_t *bounds) {
    chunk_item_t items[CHUNK_BUCKETS + 1];
    uint32_t count;
    int64_t span = floor_div(bucket, CHUNK_BUCKETS);
    err_t err = get_chunk(compactor, resolution, entity, span, items, &count);
    if (err == ERR_OK) {
        merge_item(items, &count, bucket, cell);
        if (is_coarse(bounds, resolution, bucket, entity))
            for (uint32_t i = 0; i < count; i++) cell_coarsen(&items[i].cell);
        err = put_chunk(compactor, resolution, entity, span, items, count);
    }
    chunk_free_items(items, count);
    return err;
}

static err_t merge_frame(compactor_t *compactor, int resolution, int64_t bucket, slice_t bytes,
                         const bounds_t *bounds) {
    frame_t frame;
    if (frame_open(&frame, bytes) != ERR_OK) {
        counters_add(compactor->counters, COUNTER_STORE_DAMAGED, 1);
        return ERR_OK;
    }
    err_t err = ERR_OK;
    for (uint32_t at = 0; at < frame.count && err == ERR_OK; at++) {
        cell_t cell;
        if (frame_cell(&frame, at, &cell) == ERR_OK)
            err = merge_late(compactor, resolution, bucket, frame_entity(&frame, at), &cell, bounds);
        else
            counters_add(compactor->counters, COUNTER_STORE_DAMAGED, 1);
        cell_fini(&cell);
    }
    return err;
}

err_t compact_late(compactor_t *compactor, int resolution, int64_t bucket, const bounds_t *bounds) {
    sqlite3_stmt *get;
    char text[128];
    buffer_t bytes = {0};
    err_t err = sql_exec(compactor->db, "BEGIN IMMEDIATE");
    if (err == ERR_OK)
        err = sql_prepare(compactor->db, "SELECT bytes FROM frame WHERE resolution=? AND bucket=?", &get);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(get, 1, resolution_seconds[resolution]);
    (void)sqlite3_bind_int64(get, 2, bucket);
    err = sql_row(get);
    if (err == ERR_OK) {
        slice_t found = sql_column(get, 0);
        buffer_append(&bytes, found.data, found.len);
    }
    (void)sqlite3_finalize(get);
    if (err == ERR_OK) err = merge_frame(compactor, resolution, bucket, buffer_slice(&bytes), bounds);
    buffer_fini(&bytes);
    (void)sqlite3_snprintf(sizeof text, text, "DELETE FROM frame WHERE resolution=%d AND bucket=%lld",
                           (int)resolution_seconds[resolution], (long long)bucket);
    if (err == ERR_OK || err == ERR_NOT_FOUND) err = sql_exec(compactor->db, text);
    return err == ERR_OK ? sql_exec(compactor->db, "COMMIT") : err;
}

/* --- age --- */

typedef struct {
    uint32_t entities[COARSEN_CHUNKS];
    uint32_t count;
} batch_t;

static err_t next_batch(compactor_t *compactor, const bounds_t *bounds, int64_t span, batch_t *batch) {
    sqlite3_stmt *rows;
    batch->count = 0;
    err_t err = sql_prepare(compactor->db,
                            "SELECT entity FROM chunk INDEXED BY chunk_span WHERE resolution=10 AND span=? AND"
                            " entity>=? ORDER BY entity LIMIT ?",
                            &rows);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(rows, 1, span);
    (void)sqlite3_bind_int64(rows, 2, bounds->coarse_entity);
    (void)sqlite3_bind_int(rows, 3, COARSEN_CHUNKS);
    while ((err = sql_row(rows)) == ERR_OK) batch->entities[batch->count++] = (uint32_t)sqlite3_column_int64(rows, 0);
    (void)sqlite3_finalize(rows);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static err_t coarsen_chunk(compactor_t *compactor, uint32_t entity, int64_t span) {
    chunk_item_t items[CHUNK_BUCKETS];
    uint32_t count;
    err_t err = get_chunk(compactor, 0, entity, span, items, &count);
    for (uint32_t i = 0; i < count; i++) cell_coarsen(&items[i].cell);
    if (err == ERR_OK && count > 0) err = put_chunk(compactor, 0, entity, span, items, count);
    chunk_free_items(items, count);
    return err;
}

err_t compact_coarsen(compactor_t *compactor, bounds_t *bounds) {
    int64_t span = floor_div(bounds->coarse, CHUNK_BUCKETS) - 1;
    batch_t batch;
    err_t err = sql_exec(compactor->db, "BEGIN IMMEDIATE");
    if (err == ERR_OK) err = next_batch(compactor, bounds, span, &batch);
    for (uint32_t i = 0; err == ERR_OK && i < batch.count; i++) err = coarsen_chunk(compactor, batch.entities[i], span);
    if (err != ERR_OK) return err;
    bounds->coarse_entity = batch.count == COARSEN_CHUNKS ? (int64_t)batch.entities[COARSEN_CHUNKS - 1] + 1 : INT64_MAX;
    err = bounds_save(compactor->db, bounds);
    return err == ERR_OK ? sql_exec(compactor->db, "COMMIT") : err;
}
