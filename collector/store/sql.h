/* sql: the little that this folder wants from SQLite's C interface, with the project's results. */
#ifndef SEISMESH_STORE_SQL_H
#define SEISMESH_STORE_SQL_H

#include "base/err.h"
#include "base/slice.h"

#include <sqlite3.h>

/* ERR_OK, ERR_BUSY (locked by somebody else), ERR_FOREIGN (not a database), ERR_NOMEM, else ERR_IO. */
err_t sql_result(int rc);

/* A transaction by a connection of its own, beside the checkpoints: what people decide is on disk when they are told
 * so. sql_end commits, or, when `err` is not ERR_OK, takes back; it closes the connection and returns the result. */
err_t sql_begin(const char *path, sqlite3 **db);
err_t sql_end(sqlite3 *db, err_t err);

/* Opens a connection that one thread uses. `flags` as of sqlite3_open_v2. *db is NULL when it fails. */
err_t sql_open(const char *path, int flags, sqlite3 **db);

/* Runs statements separated by ';' that give no rows that matter. */
err_t sql_exec(sqlite3 *db, const char *text);

err_t sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **statement);

/* Runs a statement with the parameters bound so far to its end, and makes it ready for the next use. */
err_t sql_run(sqlite3_stmt *statement);

/* One step: ERR_OK = a row is there, ERR_NOT_FOUND = no more. */
err_t sql_row(sqlite3_stmt *statement);

/* First column of the first row of a query as a number; `otherwise` when there is no row. */
err_t sql_number(sqlite3 *db, const char *text, int64_t otherwise, int64_t *number);

/* Borrowed until the statement moves on. */
slice_t sql_column(sqlite3_stmt *statement, int column);

#endif
