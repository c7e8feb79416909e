#include "base/memory.h"
#include "collector/rollup/frame.h"
#include "collector/store/query_internal.h"

#include <stdlib.h>

enum { HOUR_S = 3600, AUTO_10S_MAX_S = 2 * HOUR_S, AUTO_60S_MAX_S = 48 * HOUR_S };

int query_resolution(uint32_t step_s) {
    for (int r = 0; r < RESOLUTIONS; r++)
        if (resolution_seconds[r] == step_s) return r;
    return -1;
}

uint32_t query_step(query_t *query, int64_t start_ns, int64_t end_ns) {
    bool own;
    double length_s = ((double)end_ns - (double)start_ns) / 1e9;
    int r = length_s <= AUTO_10S_MAX_S ? 0 : length_s <= AUTO_60S_MAX_S ? 1 : 2;
    if (query_enter(query, &own) != ERR_OK) return (uint32_t)resolution_seconds[r];
    while (r < RESOLUTIONS - 1 && bucket_floor(start_ns, resolution_seconds[r]) < query->meta.kept[r]) r++;
    query_leave(query, own);
    return (uint32_t)resolution_seconds[r];
}

/* --- frames --- */

/* First bucket of a resolution whose frame is not made yet. */
static int64_t unclosed(const query_t *query, int r) {
    return r == 0 ? INT64_MAX : floor_div(query->meta.closed_before, resolution_buckets[r]);
}

typedef struct {
    query_t *query;
    bool (*frame)(void *context, int64_t bucket, slice_t bytes);
    void *context;
    bool stopped;
} frames_t;

/* Calls back for the rows of a resolution with from <= bucket < to. */
static err_t stored_frames(frames_t *frames, int r, int64_t from, int64_t to) {
    sqlite3_stmt *rows;
    err_t err = sql_prepare(frames->query->db,
                            "SELECT bucket, bytes FROM frame WHERE resolution=? AND bucket>=? AND bucket<?"
                            " ORDER BY bucket",
                            &rows);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(rows, 1, resolution_seconds[r]);
    (void)sqlite3_bind_int64(rows, 2, from);
    (void)sqlite3_bind_int64(rows, 3, to);
    while (!frames->stopped && (err = sql_row(rows)) == ERR_OK)
        frames->stopped = !frames->frame(frames->context, sqlite3_column_int64(rows, 0), sql_column(rows, 1));
    (void)sqlite3_finalize(rows);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* Parts of a coarse frame that is not made yet: their bytes, one behind the other. */
typedef struct {
    buffer_t *bytes;
    size_t *lens;
    size_t count, capacity;
} parts_t;

static bool add_part(void *context, int64_t bucket, slice_t bytes) {
    parts_t *parts = context;
    (void)bucket;
    if (parts->count == parts->capacity) {
        parts->capacity = parts->capacity == 0 ? 64 : parts->capacity * 2;
        parts->lens = memory_resize(parts->lens, parts->capacity * sizeof *parts->lens);
    }
    parts->lens[parts->count++] = bytes.len;
    buffer_append(parts->bytes, bytes.data, bytes.len);
    return true;
}

static err_t merge_parts(query_t *query, const parts_t *parts, buffer_t *out) {
    slice_t *whole = memory_new(parts->count + 1, sizeof *whole);
    size_t count = 0, at = 0;
    for (size_t i = 0; i < parts->count; at += parts->lens[i++]) {
        frame_t frame;
        slice_t bytes = slice_of(parts->bytes->data + at, parts->lens[i]);
        if (frame_open(&frame, bytes) == ERR_OK)
            whole[count++] = bytes;
        else
            query->damaged++;
    }
    buffer_clear(out);
    err_t err = count == 0 ? ERR_NOT_FOUND : frame_merge(whole, count, out);
    free(whole);
    return err;
}

/* One coarse frame from what is there: minutes that are closed, 10 s for the rest. */
static err_t assemble(frames_t *frames, int r, int64_t bucket) {
    query_t *query = frames->query;
    parts_t parts = {.bytes = &query->scratch[0]};
    buffer_clear(parts.bytes);
    frames_t collect = {query, add_part, &parts, false};
    int64_t first = bucket * resolution_buckets[r], end = first + resolution_buckets[r];
    err_t err = ERR_OK;
    if (r == 2) { /* minutes below the first that is not made; the 10 s frames of these are not asked for */
        int64_t minutes = unclosed(query, 1);
        err =
            stored_frames(&collect, 1, floor_div(first, 6), minutes < floor_div(end, 6) ? minutes : floor_div(end, 6));
        if (minutes > floor_div(first, 6)) first = minutes * 6;
    }
    if (err == ERR_OK && first < end) err = stored_frames(&collect, 0, first, end);
    if (err == ERR_OK) err = merge_parts(query, &parts, &query->scratch[1]);
    free(parts.lens);
    if (err == ERR_OK) frames->stopped = !frames->frame(frames->context, bucket, buffer_slice(&query->scratch[1]));
    if (err == ERR_MALFORMED) query->damaged++;
    return err == ERR_NOT_FOUND || err == ERR_MALFORMED ? ERR_OK : err;
}

/* Where there are 10 s frames that are in no coarser one. */
static err_t unclosed_range(query_t *query, int64_t from, int64_t *first, int64_t *last) {
    char text[128];
    (void)sqlite3_snprintf(sizeof text, text, "SELECT min(bucket) FROM frame WHERE resolution=10 AND bucket>=%lld",
                           (long long)from);
    err_t err = sql_number(query->db, text, INT64_MAX, first);
    if (err != ERR_OK) return err;
    return sql_number(query->db, "SELECT max(bucket) FROM frame WHERE resolution=10", INT64_MIN, last);
}

static err_t unclosed_frames(frames_t *frames, int r, int64_t from, int64_t to) {
    query_t *query = frames->query;
    int64_t open = unclosed(query, r), first, last, ratio = resolution_buckets[r];
    if (from < open) from = open;
    if (from >= to) return ERR_OK;
    err_t err = unclosed_range(query, open < INT64_MIN / ratio ? INT64_MIN : open * ratio, &first, &last);
    if (err != ERR_OK || first > last) return err;
    /* An hour that is open also has minutes that are closed; those begin no earlier than the hour's first 10 s. */
    if (from < floor_div(first, ratio)) from = floor_div(first, ratio);
    if (to > floor_div(last, ratio) + 1) to = floor_div(last, ratio) + 1;
    for (int64_t bucket = from; bucket < to && err == ERR_OK && !frames->stopped; bucket++)
        err = assemble(frames, r, bucket);
    return err;
}

err_t query_frames(query_t *query, int resolution, int64_t from, int64_t to,
                   bool (*frame)(void *context, int64_t bucket, slice_t bytes), void *context) {
    frames_t frames = {query, frame, context, false};
    int64_t open = unclosed(query, resolution);
    err_t err = stored_frames(&frames, resolution, from, to < open ? to : open);
    if (err == ERR_OK && resolution > 0 && !frames.stopped) err = unclosed_frames(&frames, resolution, from, to);
    return err;
}

err_t query_stored_frames(query_t *query, int resolution, int64_t from, int64_t to,
                          bool (*frame)(void *context, int64_t bucket, slice_t bytes), void *context) {
    frames_t frames = {query, frame, context, false};
    return stored_frames(&frames, resolution, from, to);
}

/* --- cells --- */

static bool give_cell(query_t *query, const frame_t *frame, uint32_t at, int64_t bucket, query_cell_fn *give,
                      void *context) {
    if (frame_cell_over(frame, at, &query->cell) != ERR_OK) {
        query->damaged++;
        return true;
    }
    return give(context, bucket, frame_entity(frame, at), &query->cell);
}

enum { FIND_INSTEAD_OF_WALK = 16 }; /* so few entities are looked up in a frame's index, more are met by walking it */

bool query_frame_cells(query_t *query, const selection_t *selection, int64_t bucket, slice_t bytes, query_cell_fn *cell,
                       void *context) {
    frame_t frame;
    if (frame_open(&frame, bytes) != ERR_OK) {
        query->damaged++;
        return true;
    }
    if (selection->count <= FIND_INSTEAD_OF_WALK) {
        for (uint32_t i = 0; i < selection->count; i++) {
            uint32_t at = frame_find(&frame, selection->ids[i]);
            if (at != UINT32_MAX && !give_cell(query, &frame, at, bucket, cell, context)) return false;
        }
        return true;
    }
    for (uint32_t at = 0; at < frame.count; at++) {
        uint32_t entity = frame_entity(&frame, at);
        if (entity >= query->entity_count || !selection->wanted[entity]) continue;
        if (!give_cell(query, &frame, at, bucket, cell, context)) return false;
    }
    return true;
}

typedef struct {
    query_t *query;
    const selection_t *selection;
    query_cell_fn *cell;
    void *context;
    bool stopped;
} cells_t;

static bool give_cells(void *context, int64_t bucket, slice_t bytes) {
    cells_t *cells = context;
    cells->stopped = !query_frame_cells(cells->query, cells->selection, bucket, bytes, cells->cell, cells->context);
    return !cells->stopped;
}

/* Those that are in no chunk. */
static err_t frames_cells(query_t *query, int r, int64_t from, int64_t to, const selection_t *selection,
                          query_cell_fn *cell, void *context) {
    cells_t cells = {query, selection, cell, context, false};
    if (from < query->bounds.chunked[r]) from = query->bounds.chunked[r];
    return from < to ? query_frames(query, r, from, to, give_cells, &cells) : ERR_OK;
}

typedef struct {
    int64_t step_ns;
    query_taker_fn *take;
    void *context;
    bool stopped;
} walk_t;

static bool walk_cell(void *context, int64_t bucket, uint32_t entity, cell_t *cell) {
    walk_t *walk = context;
    walk->stopped = !walk->take(walk->context, bucket * walk->step_ns, entity, cell);
    return !walk->stopped;
}

err_t query_take_cells(query_t *query, int64_t start_ns, int64_t end_ns, uint32_t step_s, const query_filter_t *filter,
                       query_taker_fn *take, void *context) {
    bool own;
    err_t err = query_enter(query, &own);
    if (err != ERR_OK) return err;
    int r = query_resolution(step_s == 0 ? query_step(query, start_ns, end_ns) : step_s);
    if (r < 0) err = ERR_INVALID;
    if (err == ERR_OK) {
        selection_t selection;
        selection_init(&selection, query, filter);
        int64_t seconds = resolution_seconds[r];
        walk_t walk = {seconds * 1000000000, take, context, false};
        int64_t from = bucket_floor(start_ns, seconds), to = bucket_ceil(end_ns, seconds);
        err = query_chunks_sorted(query, r, from, to, &selection, walk_cell, &walk);
        if (err == ERR_OK && !walk.stopped) err = frames_cells(query, r, from, to, &selection, walk_cell, &walk);
        selection_fini(&selection);
    }
    query_leave(query, own);
    return err;
}

typedef struct {
    const query_t *query;
    bool (*cell)(void *context, int64_t start_ns, uint32_t entity, const entity_key_t *key, const cell_t *cell);
    void *context;
} lender_t;

static bool lend_cell(void *context, int64_t start_ns, uint32_t entity, cell_t *cell) {
    const lender_t *lender = context;
    return lender->cell(lender->context, start_ns, entity, &lender->query->entities[entity], cell);
}

err_t query_cells(query_t *query, int64_t start_ns, int64_t end_ns, uint32_t step_s, const query_filter_t *filter,
                  bool (*cell)(void *context, int64_t start_ns, uint32_t entity, const entity_key_t *key,
                               const cell_t *cell),
                  void *context) {
    lender_t lender = {query, cell, context};
    return query_take_cells(query, start_ns, end_ns, step_s, filter, lend_cell, &lender);
}

/* --- totals --- */

typedef struct {
    cell_t **cells; /* by entity id */
    uint32_t count;
} sums_t;

static bool add_to_sum(void *context, int64_t bucket, uint32_t entity, cell_t *cell) {
    sums_t *sums = context;
    (void)bucket;
    if (sums->cells[entity] == NULL) {
        sums->cells[entity] = memory_new(1, sizeof(cell_t));
        cell_init(sums->cells[entity]);
        sums->count++;
    }
    cell_merge(sums->cells[entity], cell);
    return true;
}

/* Is there nothing finer, at a moment, than a resolution? Retention took it, or left 10 s cells that are coarse. */
static bool is_finest(const query_t *query, int r, int64_t second) {
    int64_t bucket = floor_div(second, resolution_seconds[r - 1]);
    return bucket < query->meta.kept[r - 1] || (r == 1 && bucket < query->bounds.coarse);
}

/* The resolution to go on with at `second`, and where it ends: the coarsest that starts here, ends in the range and is
 * made already. Where there is nothing finer one counts whole, if it only overlaps. */
static int next_stretch(const query_t *query, int64_t *second, int64_t end, int64_t *stop) {
    for (int r = RESOLUTIONS - 1; r > 0; r--) {
        int64_t step = resolution_seconds[r], made = unclosed(query, r);
        bool finer_gone = is_finest(query, r, *second);
        int64_t first = floor_div(*second, step), last = floor_div(end, step) < made ? floor_div(end, step) : made;
        if (finer_gone && last <= first) last = first + 1;
        if ((!finer_gone && first * step != *second) || first >= last) continue;
        *second = first * step;
        *stop = r == RESOLUTIONS - 1 ? last * step : (floor_div(*second, HOUR_S) + 1) * HOUR_S;
        if (*stop > last * step) *stop = last * step;
        return r;
    }
    int64_t minute = (floor_div(*second, 60) + 1) * 60;
    *stop = floor_div(*second, 60) < unclosed(query, 1) && minute < end ? minute : end;
    return 0;
}

static err_t sum_range(query_t *query, int64_t second, int64_t end, const selection_t *selection, sums_t *sums) {
    err_t err = ERR_OK;
    while (second < end && err == ERR_OK) {
        int64_t stop;
        int r = next_stretch(query, &second, end, &stop);
        int64_t from = second / resolution_seconds[r], to = stop / resolution_seconds[r];
        err = query_chunks(query, r, from, to, selection, add_to_sum, sums);
        if (err == ERR_OK) err = frames_cells(query, r, from, to, selection, add_to_sum, sums);
        second = stop;
    }
    return err;
}

static query_total_t *take_sums(query_t *query, sums_t *sums) {
    query_total_t *totals = memory_new(sums->count + 1u, sizeof *totals);
    uint32_t used = 0;
    for (uint32_t id = 1; id < query->entity_count; id++) {
        if (sums->cells[id] == NULL) continue;
        totals[used++] = (query_total_t){id, &query->entities[id], *sums->cells[id]};
        free(sums->cells[id]);
    }
    return totals;
}

err_t query_totals(query_t *query, int64_t start_ns, int64_t end_ns, const query_filter_t *filter,
                   query_total_t **totals, uint32_t *count) {
    bool own;
    *totals = NULL;
    *count = 0;
    err_t err = query_enter(query, &own);
    if (err != ERR_OK) return err;
    int64_t first_ns;
    err = query_first_ns(query, &first_ns);
    if (err == ERR_OK && first_ns > start_ns) start_ns = first_ns;
    selection_t selection;
    selection_init(&selection, query, filter);
    sums_t sums = {memory_new(query->entity_count, sizeof(cell_t *)), 0};
    if (err == ERR_OK && first_ns != INT64_MIN)
        err = sum_range(query, bucket_floor(start_ns, 10) * 10, bucket_ceil(end_ns, 10) * 10, &selection, &sums);
    *totals = take_sums(query, &sums);
    *count = sums.count;
    free(sums.cells);
    selection_fini(&selection);
    query_leave(query, own);
    if (err == ERR_OK) return ERR_OK;
    query_totals_free(*totals, *count);
    *totals = NULL;
    *count = 0;
    return err;
}

void query_totals_free(query_total_t *totals, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) cell_fini(&totals[i].cell);
    free(totals);
}
