#include "collector/store/transaction.h"

/* Order of the columns from start_ns to services in the statements of transaction.c. */
static void bind_row(connection_t *connection, sqlite3_stmt *put, const tracerow_t *row) {
    buffer_t *blocks = &connection->scratch[0], *services = &connection->scratch[1];
    buffer_clear(blocks);
    buffer_clear(services);
    tracerow_encode_blocks(row, blocks);
    tracerow_encode_services(row, services);
    const int64_t columns[] = {row->start_ns,  row->end_ns,       (int64_t)row->spans, (int64_t)row->errors,
                               row->root.root, row->root.service, row->root.operation, row->root.start_ns};
    for (int column = 0; column < 8; column++) (void)sqlite3_bind_int64(put, column + 1, columns[column]);
    (void)sqlite3_bind_blob(put, 9, row->root.span_id, sizeof row->root.span_id, SQLITE_STATIC);
    (void)sqlite3_bind_blob64(put, 10, blocks->data, blocks->len, SQLITE_STATIC);
    (void)sqlite3_bind_blob64(put, 11, services->data, services->len, SQLITE_STATIC);
}

/* False when the row's lists are damaged; what could be read is there. */
static bool read_row(sqlite3_stmt *found, tracerow_t *row) {
    row->start_ns = sqlite3_column_int64(found, 1);
    row->end_ns = sqlite3_column_int64(found, 2);
    row->spans = (uint64_t)sqlite3_column_int64(found, 3);
    row->errors = (uint64_t)sqlite3_column_int64(found, 4);
    row->root = (trace_root_t){.root = sqlite3_column_int(found, 5) != 0,
                               .service = (uint32_t)sqlite3_column_int64(found, 6),
                               .operation = (uint32_t)sqlite3_column_int64(found, 7),
                               .start_ns = sqlite3_column_int64(found, 8)};
    slice_t span = sql_column(found, 9);
    if (span.len == sizeof row->root.span_id) memcpy(row->root.span_id, span.data, span.len);
    bool blocks = tracerow_decode_blocks(row, sql_column(found, 10));
    bool services = tracerow_decode_services(row, sql_column(found, 11));
    return blocks && services;
}

static err_t add_trace(connection_t *connection, const trace_delta_t *delta, const tracerow_t *row, meta_t *next) {
    sqlite3_stmt *add = connection->statements[ADD_TRACE];
    bind_row(connection, add, row);
    (void)sqlite3_bind_int64(add, 12, (sqlite3_int64)delta->hash);
    (void)sqlite3_bind_blob(add, 13, delta->id, sizeof delta->id, SQLITE_STATIC);
    next->traces++;
    return sql_run(add);
}

static err_t write_trace(connection_t *connection, const traces_t *traces, uint32_t at, meta_t *next) {
    const trace_delta_t *delta = &traces->rows[at];
    tracerow_t row, old;
    traces_row(traces, at, &row);
    sqlite3_stmt *find = connection->statements[FIND_TRACE];
    (void)sqlite3_bind_int64(find, 1, (sqlite3_int64)delta->hash);
    (void)sqlite3_bind_blob(find, 2, delta->id, sizeof delta->id, SQLITE_STATIC);
    err_t found = sql_row(find);
    sqlite3_int64 key = 0;
    if (found == ERR_OK) {
        if (!read_row(find, &old)) counters_add(connection->counters, COUNTER_STORE_DAMAGED, 1);
        key = sqlite3_column_int64(find, 0);
        tracerow_merge(&row, &old);
    }
    (void)sqlite3_reset(find);
    if (row.pairs_cut || row.blocks_cut) counters_add(connection->counters, COUNTER_TRACES_OVERFLOW, 1);
    if (found == ERR_NOT_FOUND) return add_trace(connection, delta, &row, next);
    if (found != ERR_OK) return found;
    sqlite3_stmt *change = connection->statements[CHANGE_TRACE];
    bind_row(connection, change, &row);
    (void)sqlite3_bind_int64(change, 12, key);
    return sql_run(change);
}

err_t transaction_traces(connection_t *connection, const job_t *job, meta_t *next) {
    err_t err = ERR_OK;
    for (uint32_t i = 0; i < job->traces.count && err == ERR_OK; i++)
        err = write_trace(connection, &job->traces, i, next);
    return err;
}
