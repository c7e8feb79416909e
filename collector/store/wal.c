#include "collector/store/wal.h"

/* Pages of 4 KiB from which the WAL is copied into the file, and from which readers are waited for so that it can begin
 * anew: at most, and for a small store at least. */
enum {
    PAGE_BYTES = 4096,
    COPY_PAGES = 1024,
    RESTART_PAGES = 65536,
    RESTART_PAGES_MIN = 128,
    STORE_SHARE = 32, /* of the store's bytes */
    KEPT_BYTES = 64 << 20,
    RESTART_WAIT_MS = 200,
    BUSY_WAIT_MS = 10000
};

static int remember(void *context, sqlite3 *db, const char *name, int pages) {
    (void)db;
    (void)name;
    ((wal_t *)context)->pages = pages;
    return SQLITE_OK;
}

err_t wal_watch(sqlite3 *db, uint64_t store_bytes, wal_t *wal) {
    uint64_t share = store_bytes / STORE_SHARE, pages = share / PAGE_BYTES;
    *wal = (wal_t){.restart_pages = RESTART_PAGES};
    if (store_bytes > 0 && pages < RESTART_PAGES)
        wal->restart_pages = pages < RESTART_PAGES_MIN ? RESTART_PAGES_MIN : (int)pages;
    (void)sqlite3_wal_hook(db, remember, wal);
    if (store_bytes == 0 || share >= KEPT_BYTES) return ERR_OK;
    char text[64]; /* what is left of the file when it begins anew */
    (void)sqlite3_snprintf(sizeof text, text, "PRAGMA journal_size_limit=%lld", (long long)share);
    return sql_exec(db, text);
}

err_t wal_copy(sqlite3 *db, int mode) {
    int rc = sqlite3_wal_checkpoint_v2(db, NULL, mode, NULL, NULL);
    return (rc & 0xff) == SQLITE_BUSY ? ERR_OK : sql_result(rc);
}

err_t wal_tend(sqlite3 *db, const wal_t *wal) {
    if (wal->pages < COPY_PAGES && wal->pages < wal->restart_pages / 2) return ERR_OK;
    if (wal->pages < wal->restart_pages) return wal_copy(db, SQLITE_CHECKPOINT_PASSIVE);
    (void)sqlite3_busy_timeout(db, RESTART_WAIT_MS);
    err_t err = wal_copy(db, SQLITE_CHECKPOINT_RESTART);
    (void)sqlite3_busy_timeout(db, BUSY_WAIT_MS);
    return err;
}
