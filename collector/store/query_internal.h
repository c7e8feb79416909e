/* query_internal: what the files of query share. */
#ifndef SEISMESH_STORE_QUERY_INTERNAL_H
#define SEISMESH_STORE_QUERY_INTERNAL_H

#include "collector/store/chunk.h"
#include "collector/store/meta.h"
#include "collector/store/query.h"

struct query {
    sqlite3 *db;
    bool reading; /* between query_begin and query_end */
    meta_t meta;  /* of the transaction */
    bounds_t bounds;
    names_t names;          /* all up to now; they never change */
    entity_key_t *entities; /* by id */
    uint32_t entity_count, entity_capacity;
    counters_t counters; /* of `names`; nobody asks */
    uint64_t damaged;
    buffer_t scratch[2];
    cell_t cell; /* the last one read of a frame; its memory serves the next */
};

/* Begins a transaction unless one is open already; *own tells query_leave whether to end it. */
err_t query_enter(query_t *query, bool *own);
void query_leave(query_t *query, bool own);

/* When the first stored bucket begins; INT64_MIN when there is none. */
err_t query_first_ns(query_t *query, int64_t *first_ns);

/* Entities that match a filter, as a flag per id. */
typedef struct {
    bool *wanted;  /* by entity id */
    uint32_t *ids; /* ascending */
    uint32_t count;
    chunk_parts_t parts;
} selection_t;

void selection_init(selection_t *selection, const query_t *query, const query_filter_t *filter);
void selection_fini(selection_t *selection);

/* The frames of buckets from <= b < to of a resolution, in order: query_stored_frames those that are there; with
 * query_frames those that are not closed yet are merged from finer
 * ones. Damaged ones are counted and left out. A callback that returns false ends the walk. */
err_t query_stored_frames(query_t *query, int resolution, int64_t from, int64_t to,
                          bool (*frame)(void *context, int64_t bucket, slice_t bytes), void *context);
err_t query_frames(query_t *query, int resolution, int64_t from, int64_t to,
                   bool (*frame)(void *context, int64_t bucket, slice_t bytes), void *context);

/* The selected entities' cells in the chunks of buckets from <= b < to, entity by entity, and in the frames that came
 * late for them: an entity may have several cells of one bucket, to be merged. `cell` may be changed. A callback that
 * returns false ends the walk. query_frame_cells: those of one frame; false when the walk was ended. */
typedef bool query_cell_fn(void *context, int64_t bucket, uint32_t entity, cell_t *cell);
bool query_frame_cells(query_t *query, const selection_t *selection, int64_t bucket, slice_t bytes, query_cell_fn *cell,
                       void *context);
err_t query_chunks(query_t *query, int resolution, int64_t from, int64_t to, const selection_t *selection,
                   query_cell_fn *cell, void *context);

/* The same in order of bucket, then entity, each once. */
err_t query_chunks_sorted(query_t *query, int resolution, int64_t from, int64_t to, const selection_t *selection,
                          query_cell_fn *cell, void *context);

/* query_cells for those who keep cells: the callback may take a cell's memory over, and leaves an initialised one. */
typedef bool query_taker_fn(void *context, int64_t start_ns, uint32_t entity, cell_t *cell);
err_t query_take_cells(query_t *query, int64_t start_ns, int64_t end_ns, uint32_t step_s, const query_filter_t *filter,
                       query_taker_fn *take, void *context);

/* 0, 1, 2 for a step of 10, 60, 3600 seconds; -1 for another. */
int query_resolution(uint32_t step_s);

/* Nanoseconds to buckets: of that moment, and the first that begins at or after it. */
static inline int64_t bucket_floor(int64_t time_ns, int64_t seconds) {
    return floor_div(time_ns, seconds * 1000000000);
}
static inline int64_t bucket_ceil(int64_t time_ns, int64_t seconds) {
    return bucket_floor(time_ns, seconds) + (time_ns % (seconds * 1000000000) != 0 ? 1 : 0);
}

#endif
