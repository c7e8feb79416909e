/* The frames of one span become chunks. Its cells are gathered entity by entity, for as many entities at a time as
 * GROUP_BYTES of encoded cells have room for; a frame's cells are in order of entity, so each group is one stretch of
 * every frame. */
#include "base/memory.h"
#include "collector/rollup/frame.h"
#include "collector/store/chunk.h"
#include "collector/store/compaction.h"

#include <stdlib.h>

enum { GROUP_BYTES = 16 << 20 };

typedef struct {
    uint32_t entity;
    int32_t offset; /* of the bucket in the span */
    size_t at, len; /* in the group's bytes */
} row_t;

typedef struct {
    int64_t first; /* bucket of the span */
    int resolution;
    uint32_t from, to; /* entities, `to` excluded; UINT32_MAX = to the end */
    buffer_t bytes;
    row_t *rows;
    size_t count, capacity;
    uint64_t seen; /* checksum of the frames read: tells whether they are still the same */
} group_t;

static err_t list_frames(sqlite3 *db, const group_t *group, const char *columns, const char *order,
                         sqlite3_stmt **rows) {
    char *text =
        sqlite3_mprintf("SELECT %s FROM frame WHERE resolution=%d AND bucket>=%lld AND bucket<%lld ORDER BY %s",
                        columns, (int)resolution_seconds[group->resolution], (long long)group->first,
                        (long long)group->first + CHUNK_BUCKETS, order);
    err_t err = text == NULL ? ERR_NOMEM : sql_prepare(db, text, rows);
    sqlite3_free(text);
    return err;
}

/* Where a group that begins at `from` has to end: as the largest frame has it, which stands for all of them. */
static err_t choose_end(compactor_t *compactor, group_t *group) {
    sqlite3_stmt *rows;
    err_t err = list_frames(compactor->db, group, "bytes", "length(bytes) DESC LIMIT 1", &rows);
    if (err != ERR_OK) return err;
    group->to = UINT32_MAX;
    frame_t frame;
    err = sql_row(rows);
    if (err == ERR_OK && frame_open(&frame, sql_column(rows, 0)) == ERR_OK) {
        size_t bytes = 0;
        for (uint32_t at = frame_find_from(&frame, group->from); at < frame.count; at++) {
            if (bytes > GROUP_BYTES / CHUNK_BUCKETS) {
                group->to = frame_entity(&frame, at);
                break;
            }
            bytes += frame_cell_bytes(&frame, at).len;
        }
    }
    (void)sqlite3_finalize(rows);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* The last four bytes of a frame are its CRC. */
static uint64_t add_to_checksum(uint64_t sum, int64_t bucket, slice_t bytes) {
    uint32_t crc = 0;
    if (bytes.len >= sizeof crc) memcpy(&crc, bytes.data + bytes.len - sizeof crc, sizeof crc);
    return (sum ^ (uint64_t)bucket ^ (uint64_t)bytes.len << 32 ^ crc) * UINT64_C(0x9e3779b97f4a7c15);
}

static void add_cells(group_t *group, const frame_t *frame, int64_t bucket) {
    for (uint32_t at = frame_find_from(frame, group->from); at < frame->count; at++) {
        uint32_t entity = frame_entity(frame, at);
        if (group->to != UINT32_MAX && entity >= group->to) break;
        if (group->count == group->capacity) {
            group->capacity = group->capacity == 0 ? 4096 : group->capacity * 2;
            group->rows = memory_resize(group->rows, group->capacity * sizeof *group->rows);
        }
        slice_t cell = frame_cell_bytes(frame, at);
        group->rows[group->count++] = (row_t){entity, (int32_t)(bucket - group->first), group->bytes.len, cell.len};
        buffer_append(&group->bytes, cell.data, cell.len);
    }
}

/* All cells of the group's entities. Frames that do not read back are counted, once, and left out. */
static err_t gather(compactor_t *compactor, group_t *group) {
    sqlite3_stmt *rows;
    err_t err = list_frames(compactor->db, group, "bucket, bytes", "bucket", &rows);
    if (err != ERR_OK) return err;
    buffer_clear(&group->bytes);
    group->count = 0;
    group->seen = 0;
    while ((err = sql_row(rows)) == ERR_OK) {
        int64_t bucket = sqlite3_column_int64(rows, 0);
        slice_t bytes = sql_column(rows, 1);
        frame_t frame;
        group->seen = add_to_checksum(group->seen, bucket, bytes);
        if (frame_open(&frame, bytes) == ERR_OK)
            add_cells(group, &frame, bucket);
        else if (group->from == 0)
            counters_add(compactor->counters, COUNTER_STORE_DAMAGED, 1);
    }
    (void)sqlite3_finalize(rows);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static int by_entity(const void *x, const void *y) {
    const row_t *a = x, *b = y;
    if (a->entity != b->entity) return a->entity < b->entity ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* Chunk of the rows of one entity; nothing when none of them decodes. */
static void encode_rows(compactor_t *compactor, const group_t *group, const row_t *rows, size_t count, buffer_t *out) {
    chunk_item_t items[CHUNK_BUCKETS];
    uint32_t used = 0;
    for (size_t i = 0; i < count; i++) {
        bytes_t in = bytes_of(slice_of(group->bytes.data + rows[i].at, rows[i].len));
        chunk_item_t *item = &items[used];
        item->bucket = group->first + rows[i].offset;
        if (cell_decode(&item->cell, &in) && bytes_done(&in)) {
            used++;
            continue;
        }
        cell_fini(&item->cell);
        counters_add(compactor->counters, COUNTER_STORE_DAMAGED, 1);
    }
    if (used > 0) chunk_encode(items, used, out);
    chunk_free_items(items, used);
}

typedef struct {
    uint32_t entity;
    size_t at, len;
} made_t;

/* The chunks of a group: one behind the other in compactor->bytes. */
static size_t encode_group(compactor_t *compactor, group_t *group, made_t **made) {
    if (group->count > 0) qsort(group->rows, group->count, sizeof *group->rows, by_entity);
    buffer_clear(&compactor->bytes);
    *made = memory_new(group->count + 1, sizeof **made);
    size_t chunks = 0;
    for (size_t i = 0, end; i < group->count; i = end) {
        for (end = i + 1; end < group->count && group->rows[end].entity == group->rows[i].entity;) end++;
        size_t at = compactor->bytes.len;
        encode_rows(compactor, group, &group->rows[i], end - i, &compactor->bytes);
        if (compactor->bytes.len > at)
            (*made)[chunks++] = (made_t){group->rows[i].entity, at, compactor->bytes.len - at};
    }
    return chunks;
}

static err_t put_chunks(compactor_t *compactor, const group_t *group, const made_t *made, size_t count) {
    sqlite3_stmt *put;
    err_t err = sql_prepare(compactor->db, "INSERT OR REPLACE INTO chunk VALUES(?,?,?,?)", &put);
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        (void)sqlite3_bind_int64(put, 1, resolution_seconds[group->resolution]);
        (void)sqlite3_bind_int64(put, 2, made[i].entity);
        (void)sqlite3_bind_int64(put, 3, floor_div(group->first, CHUNK_BUCKETS));
        (void)sqlite3_bind_blob64(put, 4, compactor->bytes.data + made[i].at, made[i].len, SQLITE_STATIC);
        err = sql_run(put);
    }
    (void)sqlite3_finalize(put);
    return err;
}

/* ERR_BUSY when the frames are no longer those that were read: a late point came in between. */
static err_t check_unchanged(compactor_t *compactor, const group_t *group) {
    sqlite3_stmt *rows;
    err_t err = list_frames(compactor->db, group, "bucket, bytes", "bucket", &rows);
    if (err != ERR_OK) return err;
    uint64_t now = 0;
    while ((err = sql_row(rows)) == ERR_OK)
        now = add_to_checksum(now, sqlite3_column_int64(rows, 0), sql_column(rows, 1));
    (void)sqlite3_finalize(rows);
    if (err != ERR_NOT_FOUND) return err;
    return now == group->seen ? ERR_OK : ERR_BUSY;
}

static err_t swap(compactor_t *compactor, const group_t *group) {
    bounds_t bounds;
    char text[160];
    err_t err = check_unchanged(compactor, group);
    if (err == ERR_OK) err = bounds_load(compactor->db, &bounds);
    if (err != ERR_OK) return err;
    bounds.chunked[group->resolution] = group->first + CHUNK_BUCKETS;
    (void)sqlite3_snprintf(sizeof text, text, "DELETE FROM frame WHERE resolution=%d AND bucket>=%lld AND bucket<%lld",
                           (int)resolution_seconds[group->resolution], (long long)group->first,
                           (long long)group->first + CHUNK_BUCKETS);
    err = sql_exec(compactor->db, text);
    return err == ERR_OK ? bounds_save(compactor->db, &bounds) : err;
}

static err_t compact_group(compactor_t *compactor, group_t *group) {
    made_t *made = NULL;
    err_t err = choose_end(compactor, group);
    uint64_t seen = group->seen;
    if (err == ERR_OK) err = gather(compactor, group);
    if (err == ERR_OK && group->from > 0 && group->seen != seen) err = ERR_BUSY;
    if (err != ERR_OK) return err;
    size_t chunks = encode_group(compactor, group, &made);
    err = sql_exec(compactor->db, "BEGIN IMMEDIATE");
    if (err == ERR_OK) err = put_chunks(compactor, group, made, chunks);
    if (err == ERR_OK && group->to == UINT32_MAX) err = swap(compactor, group);
    if (err == ERR_OK) err = sql_exec(compactor->db, "COMMIT");
    free(made);
    if (err == ERR_OK) counters_add(compactor->counters, COUNTER_CHUNKS, chunks);
    return err;
}

err_t compact_span(compactor_t *compactor, int resolution, int64_t span) {
    group_t group = {.first = span * CHUNK_BUCKETS, .resolution = resolution};
    err_t err = ERR_OK;
    do {
        group.from = group.to;
        err = compact_group(compactor, &group);
    } while (err == ERR_OK && group.to != UINT32_MAX);
    if (sqlite3_get_autocommit(compactor->db) == 0) (void)sql_exec(compactor->db, "ROLLBACK");
    buffer_fini(&group.bytes);
    free(group.rows);
    return err == ERR_BUSY ? ERR_OK : err; /* it is tried again */
}
