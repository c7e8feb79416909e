#include "collector/store/transaction.h"

#include "collector/store/schema.h"
#include "collector/store/spanblock.h"

static const char *const texts[STATEMENTS] = {
    [PUT_NAME] = "INSERT OR REPLACE INTO name VALUES(?,?)",
    [PUT_ENTITY] = "INSERT OR REPLACE INTO entity VALUES(?,?,?,?,?,?,?,?,?,?)",
    [PUT_STATE] = "INSERT OR REPLACE INTO state VALUES(?,?)",
    [GET_FRAME] = "SELECT bytes FROM frame WHERE resolution=? AND bucket=?",
    [PUT_FRAME] = "INSERT OR REPLACE INTO frame VALUES(?,?,?)",
    [LIST_FRAMES] = "SELECT bucket, bytes FROM frame WHERE resolution=? AND bucket>=? AND bucket<? ORDER BY bucket",
    [PUT_BLOCK] = "INSERT OR REPLACE INTO span_block VALUES(?,?,?,?,?,?)",
    [FIND_TRACE] = "SELECT key, start_ns, end_ns, spans, errors, rooted, root_service, root_operation, root_start_ns,"
                   " root_span, blocks, services FROM trace WHERE hash=? AND id=?",
    [ADD_TRACE] = "INSERT INTO trace(start_ns, end_ns, spans, errors, rooted, root_service, root_operation,"
                  " root_start_ns, root_span, blocks, services, hash, id) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [CHANGE_TRACE] = "UPDATE trace SET start_ns=?, end_ns=?, spans=?, errors=?, rooted=?, root_service=?,"
                     " root_operation=?, root_start_ns=?, root_span=?, blocks=?, services=? WHERE key=?",
    [PUT_ANOMALY] = "INSERT INTO anomaly(time_ns, entity, incident, signal, score, observed, expected, low, high,"
                    " explanation) VALUES(?,?,?,?,?,?,?,?,?,?)",
    [PUT_INCIDENT] = "INSERT OR REPLACE INTO incident(id, opened_ns, updated_ns, closed_ns, json) VALUES(?,?,?,?,?)",
    [PUT_SUGGESTION] =
        "INSERT OR REPLACE INTO suggestion(id, incident, created_ns, expires_ns, json) VALUES(?,?,?,?,?)",
};

/* How many numbers and values each kind of event has, and whether it has a document behind them. */
static const struct {
    statement_t statement;
    int numbers, values;
    bool document;
} event_rows[EVENT_KINDS] = {
    [EVENT_ANOMALY] = {PUT_ANOMALY, 3, 5, true},
    [EVENT_INCIDENT] = {PUT_INCIDENT, 4, 0, false},
    [EVENT_SUGGESTION] = {PUT_SUGGESTION, 4, 0, false},
};

err_t connection_open(connection_t *connection, const char *path, uint64_t store_bytes, counters_t *counters) {
    connection->counters = counters;
    err_t err = sql_open(path, SQLITE_OPEN_READWRITE, &connection->db);
    if (err == ERR_OK) err = schema_tune(connection->db);
    if (err == ERR_OK) err = meta_load(connection->db, &connection->meta);
    for (int i = 0; i < STATEMENTS && err == ERR_OK; i++)
        err = sql_prepare(connection->db, texts[i], &connection->statements[i]);
    if (err == ERR_OK) err = wal_watch(connection->db, store_bytes, &connection->wal);
    if (err != ERR_OK) connection_close(connection);
    return err;
}

void connection_close(connection_t *connection) {
    for (int i = 0; i < STATEMENTS; i++) (void)sqlite3_finalize(connection->statements[i]);
    if (connection->db != NULL) (void)sqlite3_close(connection->db);
    for (size_t i = 0; i < 2; i++) buffer_fini(&connection->scratch[i]);
    *connection = (connection_t){0};
}

static err_t write_names(connection_t *connection, const job_t *job) {
    sqlite3_stmt *put = connection->statements[PUT_NAME];
    const char *text = (const char *)job->names.data;
    err_t err = ERR_OK;
    for (uint32_t i = 0; i < job->name_count && err == ERR_OK; i++) {
        size_t len = strlen(text);
        (void)sqlite3_bind_int64(put, 1, (sqlite3_int64)job->first_name + i);
        (void)sqlite3_bind_text(put, 2, text, (int)len, SQLITE_STATIC);
        err = sql_run(put);
        text += len + 1;
    }
    return err;
}

static err_t write_entities(connection_t *connection, const job_t *job) {
    sqlite3_stmt *put = connection->statements[PUT_ENTITY];
    err_t err = ERR_OK;
    for (uint32_t i = 0; i < job->entity_count && err == ERR_OK; i++) {
        entity_key_t key;
        memcpy(&key, job->entities.data + i * sizeof key, sizeof key);
        const uint32_t columns[] = {job->first_entity + i, key.kind,     key.observer, key.protocol,
                                    key.service,           key.caller,   key.version,  key.zone,
                                    key.instance,          key.operation};
        for (int column = 0; column < 10; column++) (void)sqlite3_bind_int64(put, column + 1, columns[column]);
        err = sql_run(put);
    }
    return err;
}

static err_t write_states(connection_t *connection, const job_t *job) {
    sqlite3_stmt *put = connection->statements[PUT_STATE];
    err_t err = ERR_OK;
    for (uint32_t i = 0; i < job->state_count && err == ERR_OK; i++) {
        const job_state_t *state = &job->states[i];
        (void)sqlite3_bind_text(put, 1, (const char *)job->text.data + state->name, -1, SQLITE_STATIC);
        const void *bytes = state->len == 0 ? (const void *)"" : job->state_bytes.data + state->offset;
        (void)sqlite3_bind_blob64(put, 2, bytes, state->len, SQLITE_STATIC);
        err = sql_run(put);
    }
    return err;
}

static err_t write_block(connection_t *connection, const open_block_t *block, uint64_t raw_bytes,
                         const buffer_t *packed) {
    sqlite3_stmt *put = connection->statements[PUT_BLOCK];
    const int64_t columns[] = {block->id, block->start_ns, block->end_ns, block->spans, (int64_t)raw_bytes};
    for (int column = 0; column < 5; column++) (void)sqlite3_bind_int64(put, column + 1, columns[column]);
    (void)sqlite3_bind_blob64(put, 6, packed->data, packed->len, SQLITE_STATIC);
    return sql_run(put);
}

static err_t write_blocks(connection_t *connection, const job_t *job, meta_t *next) {
    err_t err = ERR_OK;
    for (uint32_t i = 0; i < job->block_count && err == ERR_OK; i++) {
        packed_block_t *full = job->blocks[i];
        packer_wait(full);
        err = write_block(connection, &full->open, full->raw_bytes, &full->packed);
    }
    if (err == ERR_OK && job->open_changed) {
        buffer_t *packed = &connection->scratch[0];
        buffer_clear(packed);
        spanblock_pack(buffer_slice(&job->open.raw), packed);
        err = write_block(connection, &job->open, job->open.raw.len, packed);
    }
    next->open_block = job->open.id;
    next->spans += job->spans;
    return err;
}

static err_t write_events(connection_t *connection, const job_t *job) {
    err_t err = ERR_OK;
    for (uint32_t i = 0; i < job->event_count && err == ERR_OK; i++) {
        const job_event_t *event = &job->events[i];
        sqlite3_stmt *put = connection->statements[event_rows[event->kind].statement];
        int column = 0;
        for (int n = 0; n < event_rows[event->kind].numbers; n++)
            (void)sqlite3_bind_int64(put, ++column, event->numbers[n]);
        (void)sqlite3_bind_text(put, ++column, (const char *)job->text.data + event->text, -1, SQLITE_STATIC);
        for (int v = 0; v < event_rows[event->kind].values; v++)
            (void)sqlite3_bind_double(put, ++column, event->values[v]);
        if (event_rows[event->kind].document)
            (void)sqlite3_bind_text(put, ++column, (const char *)job->text.data + event->document, -1, SQLITE_STATIC);
        err = sql_run(put);
    }
    return err;
}

static err_t write_rows(connection_t *connection, const job_t *job, meta_t *next) {
    err_t err = write_names(connection, job);
    if (err == ERR_OK) err = write_entities(connection, job);
    if (err == ERR_OK) err = write_states(connection, job);
    if (err == ERR_OK) err = transaction_frames(connection, job, next);
    if (err == ERR_OK) err = write_blocks(connection, job, next);
    if (err == ERR_OK) err = transaction_traces(connection, job, next);
    if (err == ERR_OK) err = write_events(connection, job);
    return err;
}

err_t transaction_write(connection_t *connection, const job_t *job, const int64_t kept[RESOLUTIONS]) {
    meta_t next = connection->meta;
    next.position = job->position;
    next.checkpoints = job->sequence;
    next.closed_before = job->closed_before;
    next.event_ns = job->event_ns;
    err_t err = sql_exec(connection->db, "BEGIN IMMEDIATE");
    if (err != ERR_OK) return err;
    err = write_rows(connection, job, &next);
    for (int i = 0; i < RESOLUTIONS; i++)
        if (kept[i] > next.kept[i]) next.kept[i] = kept[i]; /* after the frames: late ones went by the old bounds */
    if (err == ERR_OK) err = meta_save(connection->db, &next);
    if (err == ERR_OK) err = sql_exec(connection->db, "COMMIT");
    if (err == ERR_OK)
        connection->meta = next;
    else if (sqlite3_get_autocommit(connection->db) == 0)
        (void)sql_exec(connection->db, "ROLLBACK");
    return err;
}
