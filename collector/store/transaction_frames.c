/* How cells reach the three resolutions. A minute is made from its 10 s frames when the last of them is closed, an hour
 * from its minutes. What comes later is merged into the 10 s frame and into the coarser ones that are there already;
 * since merging is exact and grouping does not matter, that gives the same bits as making them anew, and it also
 * works when retention has taken the finer frames. So the frames depend on the cells folded, not on where checkpoints
 * fell. */
#include "collector/rollup/frame.h"
#include "collector/store/transaction.h"

static err_t put_frame(connection_t *connection, int resolution, int64_t bucket, slice_t bytes) {
    sqlite3_stmt *put = connection->statements[PUT_FRAME];
    (void)sqlite3_bind_int64(put, 1, resolution_seconds[resolution]);
    (void)sqlite3_bind_int64(put, 2, bucket);
    (void)sqlite3_bind_blob64(put, 3, bytes.data, bytes.len, SQLITE_STATIC);
    return sql_run(put);
}

/* Merges a frame into the row on disk, or makes it the row. A damaged row is counted and gives way. */
static err_t merge_frame(connection_t *connection, int resolution, int64_t bucket, slice_t bytes) {
    sqlite3_stmt *get = connection->statements[GET_FRAME];
    buffer_t *merged = &connection->scratch[0];
    buffer_clear(merged);
    (void)sqlite3_bind_int64(get, 1, resolution_seconds[resolution]);
    (void)sqlite3_bind_int64(get, 2, bucket);
    err_t found = sql_row(get);
    if (found == ERR_OK) {
        const slice_t both[] = {sql_column(get, 0), bytes};
        if (frame_merge(both, 2, merged) == ERR_OK)
            bytes = buffer_slice(merged);
        else
            counters_add(connection->counters, COUNTER_STORE_DAMAGED, 1);
    }
    (void)sqlite3_reset(get);
    if (found != ERR_OK && found != ERR_NOT_FOUND) return found;
    return put_frame(connection, resolution, bucket, bytes);
}

/* Closed by the checkpoints before this one? */
static bool was_closed(const connection_t *connection, int resolution, int64_t coarse) {
    return coarse < floor_div(connection->meta.closed_before, resolution_buckets[resolution]);
}

static err_t write_late(connection_t *connection, int64_t bucket, slice_t bytes) {
    err_t err = ERR_OK;
    counters_add(connection->counters, COUNTER_FRAMES_MERGED_LATE, 1);
    for (int r = 0; r < RESOLUTIONS && err == ERR_OK; r++) {
        int64_t at = floor_div(bucket, resolution_buckets[r]);
        if (at < connection->meta.kept[r] || (r > 0 && !was_closed(connection, r, at))) continue;
        err = merge_frame(connection, r, at, bytes);
    }
    return err;
}

/* Frames of the finer resolution that make one coarser frame. Each is copied: SQLite's bytes go with its next row. */
enum { PARTS_MAX = 60 };

typedef struct {
    int64_t bucket; /* of the coarser frame */
    size_t count;
    size_t offsets[PARTS_MAX], lens[PARTS_MAX];
    buffer_t *bytes;
} parts_t;

static err_t flush_parts(connection_t *connection, int resolution, parts_t *parts) {
    if (parts->count == 0) return ERR_OK;
    slice_t frames[PARTS_MAX];
    size_t whole = 0;
    for (size_t i = 0; i < parts->count; i++) {
        slice_t bytes = slice_of(parts->bytes->data + parts->offsets[i], parts->lens[i]);
        frame_t frame;
        if (frame_open(&frame, bytes) == ERR_OK)
            frames[whole++] = bytes;
        else
            counters_add(connection->counters, COUNTER_STORE_DAMAGED, 1);
    }
    buffer_t *merged = &connection->scratch[0];
    buffer_clear(merged);
    err_t err = whole == 0 ? ERR_MALFORMED : frame_merge(frames, whole, merged);
    parts->count = 0;
    buffer_clear(parts->bytes);
    if (err == ERR_OK) return put_frame(connection, resolution, parts->bucket, buffer_slice(merged));
    if (whole > 0) counters_add(connection->counters, COUNTER_STORE_DAMAGED, 1);
    return ERR_OK; /* what is damaged stays so: the next hour must not wait for it */
}

/* Makes the frames of a resolution that became closed with this checkpoint. */
static err_t close_frames(connection_t *connection, int resolution, const meta_t *next) {
    int64_t ratio = resolution_buckets[resolution] / resolution_buckets[resolution - 1];
    int64_t from = floor_div(connection->meta.closed_before, resolution_buckets[resolution]);
    int64_t to = floor_div(next->closed_before, resolution_buckets[resolution]);
    if (from >= to) return ERR_OK;
    /* INT64_MIN stands for "never closed anything" and must not overflow */
    int64_t first = from < INT64_MIN / ratio ? INT64_MIN : from * ratio;
    sqlite3_stmt *list = connection->statements[LIST_FRAMES];
    (void)sqlite3_bind_int64(list, 1, resolution_seconds[resolution - 1]);
    (void)sqlite3_bind_int64(list, 2, first);
    (void)sqlite3_bind_int64(list, 3, to * ratio);
    parts_t parts = {.bytes = &connection->scratch[1]};
    buffer_clear(parts.bytes);
    err_t err;
    while ((err = sql_row(list)) == ERR_OK) {
        int64_t coarse = floor_div(sqlite3_column_int64(list, 0), ratio);
        if (coarse != parts.bucket) err = flush_parts(connection, resolution, &parts);
        if (err != ERR_OK) break;
        slice_t bytes = sql_column(list, 1);
        parts.bucket = coarse;
        parts.offsets[parts.count] = parts.bytes->len;
        parts.lens[parts.count++] = bytes.len;
        buffer_append(parts.bytes, bytes.data, bytes.len);
    }
    (void)sqlite3_reset(list);
    if (err == ERR_NOT_FOUND) err = flush_parts(connection, resolution, &parts);
    return err;
}

err_t transaction_frames(connection_t *connection, const job_t *job, const meta_t *next) {
    err_t err = ERR_OK;
    for (uint32_t i = 0; i < job->frame_count && err == ERR_OK; i++) {
        const job_frame_t *frame = &job->frames[i];
        slice_t bytes = slice_of(job->frame_bytes.data + frame->offset, frame->len);
        err = frame->whole ? put_frame(connection, 0, frame->bucket, bytes)
                           : write_late(connection, frame->bucket, bytes);
    }
    for (int r = 1; r < RESOLUTIONS && err == ERR_OK; r++) err = close_frames(connection, r, next);
    return err;
}
