/* Reading chunks. What lies below the bound of a resolution (bounds_t) is in chunks, but for late points, which wait in
 * frames until compaction merges them; both are given here. */
#include "base/memory.h"
#include "collector/store/chunk.h"
#include "collector/store/query_internal.h"

#include <stdlib.h>

enum {
    FIND_INSTEAD_OF_WALK = 64, /* the chunks of so few entities are looked up one by one */
    SORTED_CELLS_MAX = 16384   /* so many are held in memory to be put in order */
};

typedef struct {
    query_t *query;
    int resolution;
    int64_t from, to; /* buckets, within one span */
    const selection_t *selection;
    query_cell_fn *cell;
    void *context;
    bool stopped;
} visit_t;

static void give_chunk(visit_t *visit, uint32_t entity, slice_t bytes) {
    chunk_item_t items[CHUNK_BUCKETS];
    uint32_t count;
    if (chunk_decode(bytes, visit->selection->parts, items, &count) != ERR_OK) {
        visit->query->damaged++;
        return;
    }
    for (uint32_t i = 0; i < count && !visit->stopped; i++)
        if (items[i].bucket >= visit->from && items[i].bucket < visit->to)
            visit->stopped = !visit->cell(visit->context, items[i].bucket, entity, &items[i].cell);
    chunk_free_items(items, count);
}

static err_t visit_few(visit_t *visit, int64_t span) {
    sqlite3_stmt *row;
    err_t err =
        sql_prepare(visit->query->db, "SELECT bytes FROM chunk WHERE resolution=? AND entity=? AND span=?", &row);
    for (uint32_t i = 0; err == ERR_OK && i < visit->selection->count && !visit->stopped; i++) {
        (void)sqlite3_bind_int64(row, 1, resolution_seconds[visit->resolution]);
        (void)sqlite3_bind_int64(row, 2, visit->selection->ids[i]);
        (void)sqlite3_bind_int64(row, 3, span);
        err = sql_row(row);
        if (err == ERR_OK) give_chunk(visit, visit->selection->ids[i], sql_column(row, 0));
        if (err == ERR_NOT_FOUND) err = ERR_OK;
        (void)sqlite3_reset(row);
    }
    (void)sqlite3_finalize(row);
    return err;
}

static err_t visit_many(visit_t *visit, int64_t span) {
    sqlite3_stmt *rows;
    err_t err = sql_prepare(visit->query->db,
                            "SELECT entity, bytes FROM chunk INDEXED BY chunk_span WHERE resolution=? AND span=?"
                            " ORDER BY entity",
                            &rows);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(rows, 1, resolution_seconds[visit->resolution]);
    (void)sqlite3_bind_int64(rows, 2, span);
    while (!visit->stopped && (err = sql_row(rows)) == ERR_OK) {
        int64_t entity = sqlite3_column_int64(rows, 0);
        if (entity > 0 && entity < visit->query->entity_count && visit->selection->wanted[entity])
            give_chunk(visit, (uint32_t)entity, sql_column(rows, 1));
    }
    (void)sqlite3_finalize(rows);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static bool give_late(void *context, int64_t bucket, slice_t bytes) {
    visit_t *visit = context;
    visit->stopped = !query_frame_cells(visit->query, visit->selection, bucket, bytes, visit->cell, visit->context);
    return !visit->stopped;
}

static err_t visit_span(visit_t *visit, int64_t span) {
    err_t err = visit->selection->count <= FIND_INSTEAD_OF_WALK ? visit_few(visit, span) : visit_many(visit, span);
    if (err != ERR_OK || visit->stopped) return err;
    return query_stored_frames(visit->query, visit->resolution, visit->from, visit->to, give_late, visit);
}

/* The first span from `span` on that has chunks, or frames below the bound; INT64_MAX = none. */
static err_t next_span(const visit_t *visit, sqlite3_stmt *rows, int64_t span, int64_t *next) {
    (void)sqlite3_bind_int64(rows, 1, resolution_seconds[visit->resolution]);
    (void)sqlite3_bind_int64(rows, 2, span);
    (void)sqlite3_bind_int64(rows, 3, span * CHUNK_BUCKETS);
    (void)sqlite3_bind_int64(rows, 4, visit->query->bounds.chunked[visit->resolution]);
    err_t err = sql_row(rows);
    if (err == ERR_OK) {
        *next = sqlite3_column_type(rows, 0) == SQLITE_NULL ? INT64_MAX : sqlite3_column_int64(rows, 0);
        int64_t late = floor_div(sqlite3_column_int64(rows, 1), CHUNK_BUCKETS);
        if (sqlite3_column_type(rows, 1) != SQLITE_NULL && late < *next) *next = late;
    }
    (void)sqlite3_reset(rows);
    return err;
}

static err_t visit_range(visit_t *visit, int64_t from, int64_t to, err_t (*each)(visit_t *visit, int64_t span)) {
    int64_t bound = visit->query->bounds.chunked[visit->resolution];
    if (to > bound) to = bound;
    int64_t lowest = INT64_MIN / CHUNK_BUCKETS / 2, span = floor_div(from, CHUNK_BUCKETS);
    if (span < lowest) span = lowest;
    if (from >= to) return ERR_OK;
    sqlite3_stmt *next;
    err_t err = sql_prepare(visit->query->db,
                            "SELECT (SELECT min(span) FROM chunk WHERE resolution=?1 AND span>=?2), (SELECT min(bucket)"
                            " FROM frame WHERE resolution=?1 AND bucket>=?3 AND bucket<?4)",
                            &next);
    if (err != ERR_OK) return err;
    for (; !visit->stopped; span++) {
        err = next_span(visit, next, span, &span);
        if (err != ERR_OK || span == INT64_MAX || span * CHUNK_BUCKETS >= to) break;
        visit->from = span * CHUNK_BUCKETS > from ? span * CHUNK_BUCKETS : from;
        visit->to = (span + 1) * CHUNK_BUCKETS < to ? (span + 1) * CHUNK_BUCKETS : to;
        err = each(visit, span);
        if (err != ERR_OK) break;
    }
    (void)sqlite3_finalize(next);
    return err;
}

err_t query_chunks(query_t *query, int resolution, int64_t from, int64_t to, const selection_t *selection,
                   query_cell_fn *cell, void *context) {
    visit_t visit = {query, resolution, 0, 0, selection, cell, context, false};
    return visit_range(&visit, from, to, visit_span);
}

/* --- in order --- */

typedef struct {
    int64_t bucket;
    uint32_t entity;
    cell_t *cell;
} kept_t;

typedef struct {
    kept_t *cells;
    size_t count, capacity;
    query_cell_fn *cell;
    void *context;
} sorter_t;

static bool keep_cell(void *context, int64_t bucket, uint32_t entity, cell_t *cell) {
    sorter_t *sorter = context;
    if (sorter->count == sorter->capacity) {
        sorter->capacity = sorter->capacity == 0 ? 256 : sorter->capacity * 2;
        sorter->cells = memory_resize(sorter->cells, sorter->capacity * sizeof *sorter->cells);
    }
    cell_t *kept = cell_new();
    cell_t empty = *kept;
    *kept = *cell; /* takes its memory over */
    *cell = empty;
    sorter->cells[sorter->count++] = (kept_t){bucket, entity, kept};
    return true;
}

static int by_bucket(const void *x, const void *y) {
    const kept_t *a = x, *b = y;
    if (a->bucket != b->bucket) return a->bucket < b->bucket ? -1 : 1;
    return (a->entity > b->entity) - (a->entity < b->entity);
}

/* Gives what was kept, and empties the sorter. False when nobody wants more. */
static bool give_sorted(sorter_t *sorter) {
    bool go_on = true;
    if (sorter->count > 0) qsort(sorter->cells, sorter->count, sizeof *sorter->cells, by_bucket);
    for (size_t i = 0; i < sorter->count; i++) {
        kept_t *one = &sorter->cells[i];
        const kept_t *next = i + 1 < sorter->count ? one + 1 : NULL;
        if (next != NULL && next->bucket == one->bucket && next->entity == one->entity)
            cell_merge(next->cell, one->cell);
        else if (go_on)
            go_on = sorter->cell(sorter->context, one->bucket, one->entity, one->cell);
        cell_free(one->cell);
    }
    sorter->count = 0;
    return go_on;
}

/* A span with more cells than are to be held is gone through several times, for some of its buckets each. */
static err_t sort_span(visit_t *visit, int64_t span) {
    uint32_t entities = visit->selection->count > 0 ? visit->selection->count : 1;
    int64_t width = SORTED_CELLS_MAX / entities > 0 ? SORTED_CELLS_MAX / entities : 1, end = visit->to;
    err_t err = ERR_OK;
    for (int64_t at = visit->from; at < end && err == ERR_OK && !visit->stopped; at += width) {
        visit->from = at;
        visit->to = at + width < end ? at + width : end;
        err = visit_span(visit, span);
        visit->stopped = !give_sorted(visit->context);
    }
    return err;
}

err_t query_chunks_sorted(query_t *query, int resolution, int64_t from, int64_t to, const selection_t *selection,
                          query_cell_fn *cell, void *context) {
    sorter_t sorter = {.cell = cell, .context = context};
    visit_t visit = {query, resolution, 0, 0, selection, keep_cell, &sorter, false};
    err_t err = visit_range(&visit, from, to, sort_span);
    free(sorter.cells);
    return err;
}
