/* wal: SQLite's write-ahead log, copied into the database file between transactions: neither folding nor readers wait
 * for it. For the two connections that write, the writer's and compaction's. */
#ifndef SEISMESH_STORE_WAL_H
#define SEISMESH_STORE_WAL_H

#include "collector/store/sql.h"

/* Keeps the WAL's length in pages, as of the last commit of this connection, in *pages. */
void wal_watch(sqlite3 *db, int *pages);

/* Copies the WAL when it is long, and lets it begin anew when it is very long. `mode` of wal_copy: SQLITE_CHECKPOINT_…;
 * that a reader holds on is no error, the next one will do it. */
err_t wal_tend(sqlite3 *db, int pages);
err_t wal_copy(sqlite3 *db, int mode);

#endif
