#include "base/memory.h"
#include "collector/store/attributes.h"
#include "collector/store/query_internal.h"
#include "collector/store/spanblock.h"
#include "collector/store/traces.h"

#include <stdlib.h>

enum { SCAN_TRACES = 200000, SCAN_BLOCKS = 64, RESOURCE_ATTRIBUTES = 1, SPAN_ATTRIBUTES = 9, SPAN_TRACE_ID = 1 };

#define TRACE_COLUMNS "start_ns, key, id, end_ns, spans, errors, rooted, root_service, root_operation, services, blocks"

static bool load_block(query_t *query, uint64_t id, buffer_t *raw) {
    sqlite3_stmt *rows;
    if (sql_prepare(query->db, "SELECT bytes FROM span_block WHERE id=?", &rows) != ERR_OK) return false;
    (void)sqlite3_bind_int64(rows, 1, (sqlite3_int64)id);
    buffer_clear(raw);
    err_t err = sql_row(rows);
    if (err == ERR_OK && (err = spanblock_unpack(sql_column(rows, 0), raw)) != ERR_OK) query->damaged++;
    (void)sqlite3_finalize(rows);
    return err == ERR_OK; /* a block that retention took is no damage */
}

/* --- attributes: the traces of a block that have a span with all of them; each block is opened once per search --- */

typedef struct {
    uint64_t block;
    uint8_t (*ids)[16];
    uint32_t count, capacity;
} matches_t;

typedef struct {
    query_t *query;
    const query_traces_t *ask;
    matches_t *blocks;
    uint32_t block_count, block_limit;
    bool exhausted;   /* another block would have been needed */
    slice_t resource; /* the one looked at last, and what it has */
    uint32_t resource_found;
} scan_t;

static slice_t span_trace_id(slice_t span) {
    bytes_t in = bytes_of(span);
    wire_field_t field;
    slice_t id = slice_of(NULL, 0);
    while (wire_next(&in, &field))
        if (field.number == SPAN_TRACE_ID && field.type == WIRE_BLOCK) id = field.block;
    return id;
}

static bool match_span(void *context, slice_t resource, slice_t scope, slice_t span) {
    scan_t *scan = context;
    const query_traces_t *ask = scan->ask;
    (void)scope;
    if (scan->resource.data != resource.data || scan->resource.len != resource.len) {
        scan->resource = resource;
        scan->resource_found = attributes_found(resource, RESOURCE_ATTRIBUTES, ask->attributes, ask->attribute_count);
    }
    uint32_t all = (1u << ask->attribute_count) - 1;
    uint32_t found = scan->resource_found;
    if (found != all) found |= attributes_found(span, SPAN_ATTRIBUTES, ask->attributes, ask->attribute_count);
    slice_t id = span_trace_id(span);
    if (found != all || id.len != 16) return true;
    matches_t *matches = &scan->blocks[scan->block_count - 1];
    if (matches->count > 0 && memcmp(matches->ids[matches->count - 1], id.data, 16) == 0) return true;
    if (matches->count == matches->capacity) {
        matches->capacity = matches->capacity == 0 ? 64 : matches->capacity * 2;
        matches->ids = memory_resize(matches->ids, matches->capacity * sizeof *matches->ids);
    }
    memcpy(matches->ids[matches->count++], id.data, 16);
    return true;
}

static int by_id(const void *a, const void *b) {
    return memcmp(a, b, 16);
}

/* The matches of a block; NULL when no more blocks may be opened. */
static const matches_t *scan_block(scan_t *scan, uint64_t block) {
    for (uint32_t i = scan->block_count; i > 0; i--)
        if (scan->blocks[i - 1].block == block) return &scan->blocks[i - 1];
    if (scan->block_count == scan->block_limit) {
        scan->exhausted = true;
        return NULL;
    }
    matches_t *matches = &scan->blocks[scan->block_count++];
    *matches = (matches_t){.block = block};
    scan->resource = slice_of(NULL, 0);
    scan->resource_found =
        attributes_found(scan->resource, RESOURCE_ATTRIBUTES, scan->ask->attributes, scan->ask->attribute_count);
    buffer_t *raw = &scan->query->scratch[0];
    if (load_block(scan->query, block, raw) &&
        spanblock_each(buffer_slice(raw), NULL, match_span, scan) == ERR_MALFORMED)
        scan->query->damaged++;
    if (matches->count > 0) qsort(matches->ids, matches->count, sizeof *matches->ids, by_id);
    return matches;
}

static bool has_attributes(scan_t *scan, const uint8_t *trace_id, const tracerow_t *row) {
    for (uint32_t i = 0; i < row->block_count; i++) {
        const matches_t *matches = scan_block(scan, row->blocks[i]);
        if (matches == NULL) return false;
        if (matches->count > 0 && bsearch(trace_id, matches->ids, matches->count, 16, by_id) != NULL) return true;
    }
    return false;
}

static void scan_fini(scan_t *scan) {
    for (uint32_t i = 0; i < scan->block_count; i++) free(scan->blocks[i].ids);
    free(scan->blocks);
}

/* --- rows --- */

static bool has_pair(const tracerow_t *row, uint32_t service, uint32_t operation) {
    for (uint32_t i = 0; i < row->pair_count; i++)
        if ((service == QUERY_ANY || row->pairs[i].service == service) &&
            (operation == QUERY_ANY || row->pairs[i].operation == operation))
            return true;
    return false;
}

/* The cheap tests first; `row` gets the lists only when they are needed. */
static bool wanted(scan_t *scan, sqlite3_stmt *rows, tracerow_t *row) {
    const query_traces_t *ask = scan->ask;
    int64_t duration_ns = sqlite3_column_int64(rows, 3) - sqlite3_column_int64(rows, 0);
    int64_t errors = sqlite3_column_int64(rows, 5);
    if (duration_ns < ask->min_duration_ns || duration_ns > ask->max_duration_ns) return false;
    if (ask->error >= 0 && (errors > 0) != (ask->error > 0)) return false;
    if (!tracerow_decode_services(row, sql_column(rows, 9))) scan->query->damaged++;
    if ((ask->service != QUERY_ANY || ask->operation != QUERY_ANY) && !has_pair(row, ask->service, ask->operation))
        return false;
    if (ask->attribute_count == 0) return true;
    if (!tracerow_decode_blocks(row, sql_column(rows, 10))) scan->query->damaged++;
    slice_t id = sql_column(rows, 2);
    return id.len == 16 && has_attributes(scan, id.data, row);
}

static query_trace_t trace_of(sqlite3_stmt *rows, const tracerow_t *row, uint32_t services[TRACE_PAIRS_MAX]) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < row->pair_count; i++)
        if (count == 0 || services[count - 1] != row->pairs[i].service) services[count++] = row->pairs[i].service;
    return (query_trace_t){.trace_id = sql_column(rows, 2).data,
                           .start_ns = sqlite3_column_int64(rows, 0),
                           .end_ns = sqlite3_column_int64(rows, 3),
                           .spans = (uint32_t)sqlite3_column_int64(rows, 4),
                           .errors = (uint32_t)sqlite3_column_int64(rows, 5),
                           .root_service = (uint32_t)sqlite3_column_int64(rows, 7),
                           .root_operation = (uint32_t)sqlite3_column_int64(rows, 8),
                           .rooted = sqlite3_column_int(rows, 6) != 0,
                           .services = services,
                           .service_count = count};
}

static query_cursor_t cursor_at(sqlite3_stmt *rows) {
    return (query_cursor_t){true, sqlite3_column_int64(rows, 0), (uint64_t)sqlite3_column_int64(rows, 1), {0}};
}

/* Goes through the rows until the limit or a bound is met; leaves the cursor where to go on. */
static err_t walk_traces(scan_t *scan, query_traces_t *ask, sqlite3_stmt *rows,
                         bool (*trace)(void *context, const query_trace_t *trace), void *context) {
    uint32_t given = 0, scan_limit = ask->scan_traces == 0 ? SCAN_TRACES : ask->scan_traces;
    query_cursor_t last = ask->cursor;
    err_t err;
    ask->cursor.set = false;
    while ((err = sql_row(rows)) == ERR_OK) {
        tracerow_t row;
        row.pair_count = row.block_count = 0;
        if (given == ask->limit || ask->searched == scan_limit) {
            ask->cursor = last;
            ask->complete = given == ask->limit;
            break;
        }
        bool take = wanted(scan, rows, &row);
        if (scan->exhausted) { /* this row is undecided: the next call begins with it, unless it is too much for any */
            ask->cursor = ask->searched == 0 ? cursor_at(rows) : last;
            ask->complete = false;
            break;
        }
        ask->searched++;
        last = cursor_at(rows);
        if (!take) continue;
        uint32_t services[TRACE_PAIRS_MAX];
        query_trace_t found = trace_of(rows, &row, services);
        given++;
        if (!trace(context, &found)) break;
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

err_t query_traces(query_t *query, query_traces_t *ask, bool (*trace)(void *context, const query_trace_t *trace),
                   void *context) {
    ask->searched = 0;
    ask->complete = true;
    if (ask->attribute_count > QUERY_ATTRIBUTES_MAX) return ERR_INVALID;
    bool own;
    err_t err = query_enter(query, &own);
    if (err != ERR_OK) return err;
    sqlite3_stmt *rows;
    err = sql_prepare(query->db,
                      "SELECT " TRACE_COLUMNS " FROM trace INDEXED BY trace_start WHERE start_ns>=?1 AND start_ns<?2"
                      " AND start_ns<=?3 AND (start_ns<?3 OR key<?4) ORDER BY start_ns DESC, key DESC",
                      &rows);
    if (err == ERR_OK) {
        (void)sqlite3_bind_int64(rows, 1, ask->start_ns);
        (void)sqlite3_bind_int64(rows, 2, ask->end_ns);
        (void)sqlite3_bind_int64(rows, 3, ask->cursor.set ? ask->cursor.time_ns : INT64_MAX);
        (void)sqlite3_bind_int64(rows, 4, ask->cursor.set ? (int64_t)ask->cursor.id : INT64_MAX);
        uint32_t limit = ask->scan_blocks == 0 ? SCAN_BLOCKS : ask->scan_blocks;
        scan_t scan = {.query = query, .ask = ask, .block_limit = limit};
        scan.blocks = memory_new(limit, sizeof *scan.blocks);
        err = walk_traces(&scan, ask, rows, trace, context);
        scan_fini(&scan);
        (void)sqlite3_finalize(rows);
    }
    query_leave(query, own);
    return err;
}

/* --- one trace --- */

static err_t find_trace(query_t *query, const uint8_t trace_id[16], tracerow_t *row,
                        void (*give)(void *context, const query_trace_t *trace), void *context) {
    sqlite3_stmt *rows;
    err_t err = sql_prepare(query->db, "SELECT " TRACE_COLUMNS " FROM trace WHERE hash=? AND id=?", &rows);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(rows, 1, (sqlite3_int64)trace_hash(trace_id));
    (void)sqlite3_bind_blob(rows, 2, trace_id, 16, SQLITE_STATIC);
    err = sql_row(rows);
    if (err == ERR_OK) {
        bool whole = tracerow_decode_services(row, sql_column(rows, 9));
        if (!tracerow_decode_blocks(row, sql_column(rows, 10)) || !whole) query->damaged++;
        uint32_t services[TRACE_PAIRS_MAX];
        query_trace_t trace = trace_of(rows, row, services);
        if (give != NULL) give(context, &trace);
    }
    (void)sqlite3_finalize(rows);
    return err;
}

typedef struct {
    bool (*span)(void *context, slice_t resource, slice_t scope, slice_t span);
    void *context;
    bool stopped;
} spans_t;

static bool give_span(void *context, slice_t resource, slice_t scope, slice_t span) {
    spans_t *spans = context;
    spans->stopped = !spans->span(spans->context, resource, scope, span);
    return !spans->stopped;
}

err_t query_trace(query_t *query, const uint8_t trace_id[16], void (*row)(void *context, const query_trace_t *trace),
                  bool (*span)(void *context, slice_t resource, slice_t scope, slice_t span), void *context) {
    bool own;
    err_t err = query_enter(query, &own);
    if (err != ERR_OK) return err;
    tracerow_t found;
    err = find_trace(query, trace_id, &found, row, context);
    spans_t spans = {span, context, false};
    for (uint32_t i = 0; err == ERR_OK && i < found.block_count && !spans.stopped; i++) {
        buffer_t *raw = &query->scratch[0];
        if (!load_block(query, found.blocks[i], raw)) continue;
        if (spanblock_each(buffer_slice(raw), trace_id, give_span, &spans) == ERR_MALFORMED) query->damaged++;
    }
    query_leave(query, own);
    return err;
}
