#include "collector/store/migrate.h"

#include "collector/store/traces.h"

enum { STEPS = 4 };

/* What a step is made of: statements, and the version that they lead to (its place in the list, counted from 2). The
 * SQL function trace_hash(id) is there for them. */
static const char *const steps[STEPS] = {
    /* 1 -> 2: traces in order of arrival with a small hash index, instead of ordered by their random ids; services in
     * the row, instead of in rows of their own; the store's own counts. */
    "CREATE TABLE trace2(key INTEGER PRIMARY KEY, hash INTEGER NOT NULL, id BLOB NOT NULL, start_ns INTEGER NOT NULL,"
    " end_ns INTEGER NOT NULL, spans, errors, rooted, root_service, root_operation, root_start_ns, root_span BLOB,"
    " blocks BLOB, services BLOB);"
    "INSERT INTO trace2(hash, id, start_ns, end_ns, spans, errors, rooted, root_service, root_operation,"
    " root_start_ns, root_span, blocks, services) SELECT trace_hash(id), id, start_ns, end_ns, spans, errors, 0,"
    " root_service, root_operation, root_start_ns, root_span, blocks, services FROM trace ORDER BY start_ns, id;"
    "DROP TABLE trace; DROP TABLE trace_service;"
    "ALTER TABLE trace2 RENAME TO trace;"
    "CREATE INDEX span_block_end ON span_block(end_ns);"
    "CREATE INDEX trace_hash ON trace(hash);"
    "CREATE INDEX trace_start ON trace(start_ns);"
    "INSERT OR REPLACE INTO meta VALUES"
    " ('spans', (SELECT coalesce(sum(spans), 0) FROM span_block)),"
    " ('traces', (SELECT count(*) FROM trace)),"
    " ('open_block', (SELECT coalesce(max(id), 0) + 1 FROM span_block));",
    /* 2 -> 3: why an anomaly is one; what people say of incidents. */
    "ALTER TABLE anomaly ADD COLUMN explanation;"
    "CREATE TABLE answer(id INTEGER PRIMARY KEY, incident, given_ns, since_ns, until_ns, revoked_ns, json TEXT);"
    "CREATE INDEX answer_incident ON answer(incident);",
    /* 3 -> 4: chunks. The frames stay as they are; compaction makes chunks of them. */
    "CREATE TABLE chunk(resolution INTEGER, entity INTEGER, span INTEGER, bytes BLOB NOT NULL,"
    " PRIMARY KEY(resolution, entity, span)) WITHOUT ROWID;"
    "CREATE INDEX chunk_span ON chunk(resolution, span);",
    /* 4 -> 5: frames and chunks found by an index, instead of ordered by their keys (schema.c). */
    "CREATE TABLE frame2(resolution INTEGER NOT NULL, bucket INTEGER NOT NULL, bytes BLOB NOT NULL,"
    " PRIMARY KEY(resolution, bucket));"
    "INSERT INTO frame2 SELECT resolution, bucket, bytes FROM frame ORDER BY resolution, bucket;"
    "DROP TABLE frame;"
    "ALTER TABLE frame2 RENAME TO frame;"
    "CREATE TABLE chunk2(resolution INTEGER NOT NULL, entity INTEGER NOT NULL, span INTEGER NOT NULL,"
    " bytes BLOB NOT NULL, PRIMARY KEY(resolution, entity, span));"
    "INSERT INTO chunk2 SELECT resolution, entity, span, bytes FROM chunk ORDER BY resolution, span, entity;"
    "DROP TABLE chunk;"
    "ALTER TABLE chunk2 RENAME TO chunk;"
    "CREATE INDEX chunk_span ON chunk(resolution, span, entity);",
};

static void sql_trace_hash(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    uint8_t id[16] = {0};
    const void *bytes = sqlite3_value_blob(values[0]);
    if (bytes != NULL && sqlite3_value_bytes(values[0]) == (int)sizeof id) memcpy(id, bytes, sizeof id);
    sqlite3_result_int64(context, (sqlite3_int64)trace_hash(id));
}

static err_t set_version(sqlite3 *db, int version) {
    char *text = sqlite3_mprintf("PRAGMA user_version=%d; INSERT OR REPLACE INTO meta VALUES('schema_version',%d)",
                                 version, version);
    err_t err = text == NULL ? ERR_NOMEM : sql_exec(db, text);
    sqlite3_free(text);
    return err;
}

err_t migrate_step(sqlite3 *db, int version) {
    if (version < 1 || version > STEPS) return ERR_UNSUPPORTED;
    err_t err = sql_result(sqlite3_create_function(db, "trace_hash", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                                   sql_trace_hash, NULL, NULL));
    if (err == ERR_OK) err = sql_exec(db, "BEGIN IMMEDIATE");
    if (err == ERR_OK) err = sql_exec(db, steps[version - 1]);
    if (err == ERR_OK) err = set_version(db, version + 1);
    if (err == ERR_OK) err = sql_exec(db, "COMMIT");
    if (err != ERR_OK && sqlite3_get_autocommit(db) == 0) (void)sql_exec(db, "ROLLBACK");
    return err;
}
