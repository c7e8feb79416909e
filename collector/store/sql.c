#include "collector/store/sql.h"

err_t sql_result(int rc) {
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return ERR_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_NOTADB:
        return ERR_FOREIGN;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    default:
        return ERR_IO;
    }
}

err_t sql_open(const char *path, int flags, sqlite3 **db) {
    int rc = sqlite3_open_v2(path, db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        (void)sqlite3_close(*db);
        *db = NULL;
        return sql_result(rc);
    }
    (void)sqlite3_extended_result_codes(*db, 1);
    return ERR_OK;
}

err_t sql_exec(sqlite3 *db, const char *text) {
    return sql_result(sqlite3_exec(db, text, NULL, NULL, NULL));
}

err_t sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **statement) {
    return sql_result(sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL));
}

err_t sql_run(sqlite3_stmt *statement) {
    int rc;
    do rc = sqlite3_step(statement);
    while (rc == SQLITE_ROW);
    (void)sqlite3_reset(statement); /* gives the step's error again */
    (void)sqlite3_clear_bindings(statement);
    return sql_result(rc);
}

err_t sql_row(sqlite3_stmt *statement) {
    int rc = sqlite3_step(statement);
    return rc == SQLITE_DONE ? ERR_NOT_FOUND : sql_result(rc);
}

err_t sql_number(sqlite3 *db, const char *text, int64_t otherwise, int64_t *number) {
    *number = otherwise;
    sqlite3_stmt *statement;
    err_t err = sql_prepare(db, text, &statement);
    if (err != ERR_OK) return err;
    err = sql_row(statement);
    if (err == ERR_OK && sqlite3_column_type(statement, 0) != SQLITE_NULL) *number = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

slice_t sql_column(sqlite3_stmt *statement, int column) {
    const void *data = sqlite3_column_blob(statement, column); /* before the length, as SQLite asks for */
    return slice_of(data, (size_t)sqlite3_column_bytes(statement, column));
}

enum { BEGIN_WAIT_MS = 5000 };

err_t sql_begin(const char *path, sqlite3 **db) {
    err_t err = sql_open(path, SQLITE_OPEN_READWRITE, db);
    if (err != ERR_OK) return err;
    (void)sqlite3_busy_timeout(*db, BEGIN_WAIT_MS);
    err = sql_exec(*db, "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; BEGIN IMMEDIATE");
    if (err == ERR_OK) return ERR_OK;
    (void)sqlite3_close(*db);
    *db = NULL;
    return err;
}

err_t sql_end(sqlite3 *db, err_t err) {
    if (err == ERR_OK) err = sql_exec(db, "COMMIT");
    if (sqlite3_get_autocommit(db) == 0) (void)sql_exec(db, "ROLLBACK");
    (void)sqlite3_close(db);
    return err;
}
