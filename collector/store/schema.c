#include "collector/store/schema.h"

#include "base/log.h"
#include "collector/store/migrate.h"

#include <stdio.h>

/* Version 5. Numbers are 64-bit; times are nanoseconds since 1970; ids of names and entities are those of the shard.
 *
 * A trace has one row, appended in order of arrival (`key`), so that new rows fill the last page and the time index
 * grows at its end. Only the index over `hash` (XXH3 of the id) is hit at random, and it is small: 16 bytes an entry,
 * against the 150 of a table that is ordered by trace id (version 1). `services` and `blocks`: see tracerow.h.
 *
 * Frames and chunks are found by an index beside the table: in a table ordered by its key (WITHOUT ROWID, up to version
 * 4) SQLite reads the whole row, 200 KB of a large mesh's minute, for every key that it compares on its way. */
static const char tables[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE state(name TEXT PRIMARY KEY, bytes BLOB NOT NULL);"
    "CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL);"
    "CREATE TABLE entity(id INTEGER PRIMARY KEY, kind, observer, protocol, service, caller, version, zone, instance,"
    " operation);"
    "CREATE TABLE frame(resolution INTEGER NOT NULL, bucket INTEGER NOT NULL, bytes BLOB NOT NULL,"
    " PRIMARY KEY(resolution, bucket));"
    "CREATE TABLE chunk(resolution INTEGER NOT NULL, entity INTEGER NOT NULL, span INTEGER NOT NULL,"
    " bytes BLOB NOT NULL, PRIMARY KEY(resolution, entity, span));"
    "CREATE INDEX chunk_span ON chunk(resolution, span, entity);"
    "CREATE TABLE span_block(id INTEGER PRIMARY KEY, start_ns, end_ns, spans, raw_bytes, bytes BLOB NOT NULL);"
    "CREATE INDEX span_block_end ON span_block(end_ns);"
    "CREATE TABLE trace(key INTEGER PRIMARY KEY, hash INTEGER NOT NULL, id BLOB NOT NULL, start_ns INTEGER NOT NULL,"
    " end_ns INTEGER NOT NULL, spans, errors, rooted, root_service, root_operation, root_start_ns, root_span BLOB,"
    " blocks BLOB, services BLOB);"
    "CREATE INDEX trace_hash ON trace(hash);"
    "CREATE INDEX trace_start ON trace(start_ns);"
    "CREATE TABLE anomaly(id INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, entity, incident, signal TEXT, score,"
    " observed, expected, low, high, explanation);"
    "CREATE INDEX anomaly_time ON anomaly(time_ns);"
    "CREATE INDEX anomaly_incident ON anomaly(incident);"
    "CREATE TABLE incident(id INTEGER PRIMARY KEY, opened_ns INTEGER NOT NULL, updated_ns, closed_ns, json TEXT);"
    "CREATE INDEX incident_opened ON incident(opened_ns);"
    "CREATE TABLE suggestion(id INTEGER PRIMARY KEY, incident, created_ns INTEGER NOT NULL, expires_ns, json TEXT);"
    "CREATE INDEX suggestion_created ON suggestion(created_ns);"
    "CREATE TABLE decision(suggestion INTEGER PRIMARY KEY, time_ns, decision TEXT, reason TEXT);"
    "CREATE TABLE answer(id INTEGER PRIMARY KEY, incident, given_ns, since_ns, until_ns, revoked_ns, json TEXT);"
    "CREATE INDEX answer_incident ON answer(incident);";

err_t schema_tune(sqlite3 *db) {
    (void)sqlite3_busy_timeout(db, 10000); /* first: another connection may be opening, too */
    /* The WAL is synced at every commit: what store_position() promises survives a power cut. */
    return sql_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
                        "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY;");
}

static err_t create(sqlite3 *db) {
    err_t err = sql_exec(db, "BEGIN IMMEDIATE");
    if (err == ERR_OK) err = sql_exec(db, tables);
    char *identity = sqlite3_mprintf("PRAGMA application_id=%d; PRAGMA user_version=%d;"
                                     "INSERT INTO meta VALUES('application','seismesh'),('schema_version',%d)",
                                     SCHEMA_APPLICATION, SCHEMA_VERSION, SCHEMA_VERSION);
    if (err == ERR_OK) err = identity == NULL ? ERR_NOMEM : sql_exec(db, identity);
    sqlite3_free(identity);
    if (err == ERR_OK) err = sql_exec(db, "COMMIT");
    if (err != ERR_OK && sqlite3_get_autocommit(db) == 0) (void)sql_exec(db, "ROLLBACK");
    return err;
}

typedef struct {
    int64_t application, version, tables;
} identity_t;

static err_t identify(sqlite3 *db, identity_t *identity) {
    err_t err = sql_number(db, "PRAGMA application_id", 0, &identity->application);
    if (err == ERR_OK) err = sql_number(db, "PRAGMA user_version", 0, &identity->version);
    if (err == ERR_OK) err = sql_number(db, "SELECT count(*) FROM sqlite_schema", 0, &identity->tables);
    return err;
}

err_t schema_check(sqlite3 *db) {
    identity_t identity;
    err_t err = identify(db, &identity);
    if (err != ERR_OK) return err;
    return identity.application == SCHEMA_APPLICATION && identity.version == SCHEMA_VERSION ? ERR_OK : ERR_FOREIGN;
}

static err_t say(char *why, size_t size, err_t err, const char *path, const char *what) {
    (void)snprintf(why, size, "%s %s", path, what);
    return err;
}

static err_t upgrade(sqlite3 *db, const char *path, int64_t version, char *why, size_t why_size) {
    err_t err = ERR_OK;
    if (version < SCHEMA_VERSION)
        log_info("store: %s is brought from version %lld to %d, which copies its counts", path, (long long)version,
                 SCHEMA_VERSION);
    for (int64_t at = version; at < SCHEMA_VERSION && err == ERR_OK; at++) err = migrate_step(db, (int)at);
    if (err != ERR_OK)
        (void)snprintf(why, why_size, "%s could not be brought from version %lld to %d (%s); it is as it was before",
                       path, (long long)version, SCHEMA_VERSION, sqlite3_errmsg(db));
    return err;
}

err_t schema_prepare(sqlite3 *db, const char *path, char *why, size_t why_size) {
    identity_t identity;
    err_t err = identify(db, &identity);
    if (err == ERR_FOREIGN)
        return say(why, why_size, err, path, "is not a seismesh store; give another --data directory");
    if (err == ERR_BUSY) return say(why, why_size, err, path, "is locked by another program; end that first");
    if (err != ERR_OK) return say(why, why_size, err, path, "cannot be read; check the disk and its permissions");
    if (identity.application == 0 && identity.tables == 0) {
        err = schema_tune(db);
        if (err == ERR_OK) err = create(db);
        if (err != ERR_OK)
            return say(why, why_size, err, path, "cannot be written; check the disk and its permissions");
        return ERR_OK;
    }
    if (identity.application != SCHEMA_APPLICATION)
        return say(why, why_size, ERR_FOREIGN, path, "belongs to another program; give another --data directory");
    if (identity.version > SCHEMA_VERSION)
        return say(why, why_size, ERR_FOREIGN, path,
                   "was written by a newer seismesh; use that one, or give another --data directory");
    if (schema_tune(db) != ERR_OK)
        return say(why, why_size, ERR_IO, path, "cannot be written; check the disk and its permissions");
    return upgrade(db, path, identity.version, why, why_size);
}
