/* Every row of every table: its checksum, whether it decodes, and whether what it refers to is there. */
#include "collector/rollup/frame.h"
#include "collector/store/check.h"
#include "collector/store/chunk.h"
#include "collector/store/spanblock.h"
#include "collector/store/tracerow.h"

/* Calls `take` for each row of a query. */
static err_t each(check_t *check, const char *text, void (*take)(check_t *check, sqlite3_stmt *row)) {
    sqlite3_stmt *rows;
    err_t err = sql_prepare(check->db, text, &rows);
    while (err == ERR_OK && (err = sql_row(rows)) == ERR_OK) take(check, rows);
    (void)sqlite3_finalize(rows);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* --- names and entities: ids are given in order, and all else refers to them --- */

static void take_name(check_t *check, sqlite3_stmt *row) {
    int64_t id = sqlite3_column_int64(row, 0);
    if (id != check->names)
        check_tell(check, CHECK_DAMAGE, "names %lld to %lld are missing: the server will not start; restore a backup",
                   (long long)check->names, (long long)id - 1);
    check->names = id + 1;
}

static void take_entity(check_t *check, sqlite3_stmt *row) {
    int64_t id = sqlite3_column_int64(row, 0);
    bool fine = id == check->entities && sqlite3_column_int64(row, 1) < ENTITY_KINDS &&
                sqlite3_column_int64(row, 2) < OBSERVERS && sqlite3_column_int64(row, 3) < PROTOCOLS;
    for (int i = 4; i < 10; i++)
        fine = fine && sqlite3_column_int64(row, i) >= 0 && sqlite3_column_int64(row, i) < check->names;
    if (!fine)
        check_tell(check, CHECK_DAMAGE,
                   "entity %lld is out of place or has a name that is not there: the server will not start; restore a "
                   "backup",
                   (long long)id);
    check->entities = id + 1;
}

/* --- cells --- */

static const char *cell_text(const cell_t *cell, const check_t *check) {
    for (uint32_t i = 0; i < cell->gauge_count; i++)
        if (cell->gauges[i].signal >= check->names) return "a gauge without a name";
    return NULL;
}

static void take_frame(check_t *check, sqlite3_stmt *row) {
    long long step = sqlite3_column_int64(row, 0), bucket = sqlite3_column_int64(row, 1);
    const char *wrong = NULL;
    frame_t frame;
    check->frames++;
    if (frame_open(&frame, sql_column(row, 2)) != ERR_OK) wrong = "its checksum is wrong";
    for (uint32_t at = 0; wrong == NULL && at < frame.count; at++) {
        cell_t cell;
        check->cells++;
        uint32_t entity = frame_entity(&frame, at);
        if (frame_cell(&frame, at, &cell) != ERR_OK)
            wrong = "a cell does not decode";
        else
            wrong =
                entity == 0 || entity >= check->entities ? "it has a cell of no known entity" : cell_text(&cell, check);
        cell_fini(&cell);
    }
    if (wrong != NULL)
        check_tell(
            check, CHECK_DAMAGE,
            "the frame of %lld s from %lld (seconds since 1970): %s: it is left out of answers; restore a backup "
            "if it is needed",
            step, bucket * step, wrong);
}

static void take_chunk(check_t *check, sqlite3_stmt *row) {
    long long step = sqlite3_column_int64(row, 0), entity = sqlite3_column_int64(row, 1),
              span = sqlite3_column_int64(row, 2);
    chunk_item_t items[CHUNK_BUCKETS];
    uint32_t count;
    const char *wrong = NULL;
    check->chunks++;
    if (chunk_decode(sql_column(row, 3), CHUNK_WHOLE, items, &count) != ERR_OK) wrong = "it does not read back";
    if (wrong == NULL && (entity <= 0 || entity >= check->entities)) wrong = "there is no such entity";
    for (uint32_t i = 0; i < count; i++) {
        if (wrong == NULL && floor_div(items[i].bucket, CHUNK_BUCKETS) != span) wrong = "it belongs to another time";
        if (wrong == NULL) wrong = cell_text(&items[i].cell, check);
    }
    check->cells += count;
    chunk_free_items(items, count);
    if (wrong != NULL)
        check_tell(check, CHECK_DAMAGE,
                   "the chunk of entity %lld, %lld s cells from %lld (seconds since 1970): %s: it is left out of "
                   "answers; restore a backup if it is needed",
                   entity, step, span * CHUNK_BUCKETS * step, wrong);
}

static err_t note_unswapped(check_t *check) {
    static const char *const texts[] = {"SELECT count(*) FROM chunk WHERE resolution=10 AND span*60>=",
                                        "SELECT count(*) FROM chunk WHERE resolution=60 AND span*60>=",
                                        "SELECT count(*) FROM chunk WHERE resolution=3600 AND span*60>="};
    int64_t count = 0, all = 0;
    err_t err = ERR_OK;
    for (int r = 0; r < RESOLUTIONS && err == ERR_OK; r++) {
        char text[128];
        (void)sqlite3_snprintf(sizeof text, text, "%s%lld", texts[r], (long long)check->bounds.chunked[r]);
        err = sql_number(check->db, text, 0, &count);
        all += count;
    }
    if (all > 0)
        check_tell(check, CHECK_NOTE, "%lld chunks of an interrupted compaction: they are not read, and made again",
                   (long long)all);
    return err;
}

/* --- spans --- */

static bool count_span(void *context, slice_t resource, slice_t scope, slice_t span) {
    (void)resource, (void)scope, (void)span;
    ++*(int64_t *)context;
    return true;
}

static void take_block(check_t *check, sqlite3_stmt *row) {
    long long id = sqlite3_column_int64(row, 0), spans = 0;
    buffer_t raw = {0};
    const char *wrong = NULL;
    int64_t found = 0;
    check->blocks++;
    if (spanblock_unpack(sql_column(row, 2), &raw) != ERR_OK)
        wrong = "it does not read back";
    else if (spanblock_each(buffer_slice(&raw), NULL, count_span, &found) != ERR_OK)
        wrong = "it holds something else than spans";
    else if (found < (spans = sqlite3_column_int64(row, 1)))
        wrong = "it has lost spans";
    else if (id > check->meta.open_block)
        wrong = "nobody can have written it yet";
    check->spans += (uint64_t)spans;
    buffer_fini(&raw);
    if (wrong != NULL)
        check_tell(check, CHECK_DAMAGE,
                   "span block %lld: %s: its spans are missing in traces; restore a backup if they are needed", id,
                   wrong);
}

static void take_trace(check_t *check, sqlite3_stmt *row) {
    tracerow_t lists;
    lists.pair_count = lists.block_count = 0;
    check->traces++;
    if (sqlite3_column_bytes(row, 1) == 16 && tracerow_decode_blocks(&lists, sql_column(row, 2)) &&
        tracerow_decode_services(&lists, sql_column(row, 3)))
        return;
    check_tell(check, CHECK_DAMAGE,
               "trace row %lld does not read back: that trace is not found any more; restore a backup if it is needed",
               (long long)sqlite3_column_int64(row, 0));
}

/* --- the rest --- */

static err_t check_counts(check_t *check) {
    if ((int64_t)check->traces != check->meta.traces)
        check_tell(check, CHECK_DAMAGE, "%llu traces are there, %lld should be: rows are missing; restore a backup",
                   (unsigned long long)check->traces, (long long)check->meta.traces);
    if ((int64_t)check->spans != check->meta.spans)
        check_tell(check, CHECK_DAMAGE, "%llu spans are there, %lld should be: blocks are missing; restore a backup",
                   (unsigned long long)check->spans, (long long)check->meta.spans);
    int64_t states = 0;
    err_t err = sql_number(check->db, "SELECT count(*) FROM state WHERE name='fold' AND length(bytes)>0", 0, &states);
    if (err == ERR_OK && check->meta.position > 0 && states == 0)
        check_tell(check, CHECK_DAMAGE, "the fold's state is missing: counts would go wrong; restore a backup");
    return err;
}

err_t check_tables(check_t *check) {
    check->names = 2; /* "" and "__overflow__" are in every store */
    check->entities = 1;
    err_t err = each(check, "SELECT id FROM name ORDER BY id", take_name);
    if (err == ERR_OK)
        err =
            each(check,
                 "SELECT id, kind, observer, protocol, service, caller, version, zone, instance, operation FROM entity"
                 " ORDER BY id",
                 take_entity);
    if (err == ERR_OK) err = each(check, "SELECT resolution, bucket, bytes FROM frame", take_frame);
    if (err == ERR_OK) err = each(check, "SELECT resolution, entity, span, bytes FROM chunk", take_chunk);
    if (err == ERR_OK) err = note_unswapped(check);
    if (err == ERR_OK) err = each(check, "SELECT id, spans, bytes FROM span_block", take_block);
    if (err == ERR_OK) err = each(check, "SELECT key, id, blocks, services FROM trace", take_trace);
    return err == ERR_OK ? check_counts(check) : err;
}
