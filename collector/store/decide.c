/* A person's decision on a suggestion, and its withdrawal: written at once, by a connection of its own, beside the
 * checkpoints. */
#include "collector/store/sql.h"
#include "collector/store/store.h"

/* ERR_INVALID unless the suggestion has not expired and is decided, or not, as `decided` says. */
static err_t check(sqlite3 *db, int64_t suggestion, bool decided) {
    sqlite3_stmt *statement;
    err_t err = sql_prepare(db,
                            "SELECT (d.suggestion IS NOT NULL)=?2 AND s.expires_ns >"
                            " coalesce((SELECT value FROM meta WHERE key='event_ns'), 0)"
                            " FROM suggestion s LEFT JOIN decision d ON d.suggestion=s.id WHERE s.id=?1",
                            &statement);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(statement, 1, suggestion);
    (void)sqlite3_bind_int(statement, 2, decided);
    err = sql_row(statement);
    if (err == ERR_OK && sqlite3_column_int(statement, 0) == 0) err = ERR_INVALID;
    (void)sqlite3_finalize(statement);
    return err;
}

static err_t put_decision(sqlite3 *db, int64_t suggestion, const char *decision, const char *reason, int64_t time_ns) {
    sqlite3_stmt *statement;
    err_t err = sql_prepare(db, "INSERT INTO decision VALUES(?,?,?,?)", &statement);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(statement, 1, suggestion);
    (void)sqlite3_bind_int64(statement, 2, time_ns);
    (void)sqlite3_bind_text(statement, 3, decision, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 4, reason, -1, SQLITE_STATIC);
    err = sql_run(statement);
    (void)sqlite3_finalize(statement);
    return err;
}

static err_t drop_decision(sqlite3 *db, int64_t suggestion) {
    sqlite3_stmt *statement;
    err_t err = sql_prepare(db, "DELETE FROM decision WHERE suggestion=?", &statement);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(statement, 1, suggestion);
    err = sql_run(statement);
    (void)sqlite3_finalize(statement);
    return err;
}

err_t store_decide(store_t *store, uint64_t suggestion, const char *decision, const char *reason, int64_t time_ns) {
    if (strcmp(decision, "accepted") != 0 && strcmp(decision, "dismissed") != 0) return ERR_INVALID;
    sqlite3 *db;
    err_t err = sql_begin(store_path(store), &db);
    if (err != ERR_OK) return err;
    err = check(db, (int64_t)suggestion, false);
    if (err == ERR_OK) err = put_decision(db, (int64_t)suggestion, decision, reason, time_ns);
    return sql_end(db, err);
}

err_t store_reopen(store_t *store, uint64_t suggestion) {
    sqlite3 *db;
    err_t err = sql_begin(store_path(store), &db);
    if (err != ERR_OK) return err;
    err = check(db, (int64_t)suggestion, true);
    if (err == ERR_OK) err = drop_decision(db, (int64_t)suggestion);
    return sql_end(db, err);
}
