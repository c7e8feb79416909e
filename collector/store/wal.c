#include "collector/store/wal.h"

/* Pages (4 KiB each) from which the WAL is copied into the file, and from which readers are waited for so that it can
 * begin anew. */
enum { COPY_PAGES = 1024, RESTART_PAGES = 65536, RESTART_WAIT_MS = 200, BUSY_WAIT_MS = 10000 };

static int remember(void *context, sqlite3 *db, const char *name, int pages) {
    (void)db;
    (void)name;
    *(int *)context = pages;
    return SQLITE_OK;
}

void wal_watch(sqlite3 *db, int *pages) {
    *pages = 0;
    (void)sqlite3_wal_hook(db, remember, pages);
}

err_t wal_copy(sqlite3 *db, int mode) {
    int rc = sqlite3_wal_checkpoint_v2(db, NULL, mode, NULL, NULL);
    return (rc & 0xff) == SQLITE_BUSY ? ERR_OK : sql_result(rc);
}

err_t wal_tend(sqlite3 *db, int pages) {
    if (pages < COPY_PAGES) return ERR_OK;
    if (pages < RESTART_PAGES) return wal_copy(db, SQLITE_CHECKPOINT_PASSIVE);
    (void)sqlite3_busy_timeout(db, RESTART_WAIT_MS);
    err_t err = wal_copy(db, SQLITE_CHECKPOINT_RESTART);
    (void)sqlite3_busy_timeout(db, BUSY_WAIT_MS);
    return err;
}
