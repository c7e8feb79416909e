/* wal: SQLite's write-ahead log, copied into the database file between transactions: neither folding nor readers wait
 * for it. For the two connections that write, the writer's and compaction's. */
#ifndef SEISMESH_STORE_WAL_H
#define SEISMESH_STORE_WAL_H

#include "collector/store/sql.h"

typedef struct {
    int pages;         /* its length as of the last commit of this connection */
    int restart_pages; /* about as long as it may become */
} wal_t;

/* Keeps an eye on the WAL from now on; `wal` stays where it is as long as the connection. The WAL is to be a small part
 * of `store_bytes`, what the whole store may hold (0 = no bound). */
err_t wal_watch(sqlite3 *db, uint64_t store_bytes, wal_t *wal);

/* Copies the WAL when it is long, and lets it begin anew when it is very long. `mode` of wal_copy: SQLITE_CHECKPOINT_…;
 * that a reader holds on is no error, the next one will do it. */
err_t wal_tend(sqlite3 *db, const wal_t *wal);
err_t wal_copy(sqlite3 *db, int mode);

#endif
