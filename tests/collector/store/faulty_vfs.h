/* faulty_vfs: SQLite's own file layer, with writes and syncs that fail from the k-th on, or once, as a full or dying
 * disk does. Installed as the default VFS of the process; the shipped store code runs unchanged on it. */
#ifndef SEISMESH_TESTS_STORE_FAULTY_VFS_H
#define SEISMESH_TESTS_STORE_FAULTY_VFS_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    _Atomic long countdown; /* writes and syncs until the first failure; <= 0 = failing now */
    _Atomic long failures;  /* how many fail then; the disk is well again afterwards */
    _Atomic long failed;    /* how many have failed */
    _Atomic bool keep;      /* the failing operation is done all the same, as when only its answer is an error */
    _Atomic int code;       /* SQLITE_FULL, SQLITE_IOERR_WRITE … */
} faulty_t;

static faulty_t faulty = {.countdown = 1000000000, .failures = 0, .code = SQLITE_IOERR_WRITE};

static bool faulty_fails(void) {
    if (atomic_fetch_sub(&faulty.countdown, 1) > 1) return false;
    if (atomic_fetch_sub(&faulty.failures, 1) <= 0) return false;
    atomic_fetch_add(&faulty.failed, 1);
    return true;
}

/* The real file lies behind ours in memory. */
typedef struct {
    sqlite3_file base;
} faulty_file_t;

static sqlite3_file *faulty_real(sqlite3_file *file) {
    return (sqlite3_file *)((faulty_file_t *)file + 1);
}

#define FAULTY_FORWARD(call) faulty_real(file)->pMethods->call

static int faulty_close(sqlite3_file *file) {
    return FAULTY_FORWARD(xClose)(faulty_real(file));
}
static int faulty_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at) {
    return FAULTY_FORWARD(xRead)(faulty_real(file), to, n, at);
}
static int faulty_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at) {
    if (!faulty_fails()) return FAULTY_FORWARD(xWrite)(faulty_real(file), from, n, at);
    /* a torn write: the first half arrives */
    (void)FAULTY_FORWARD(xWrite)(faulty_real(file), from, faulty.keep ? n : n / 2, at);
    return faulty.code;
}
static int faulty_truncate(sqlite3_file *file, sqlite3_int64 size) {
    return FAULTY_FORWARD(xTruncate)(faulty_real(file), size);
}
static int faulty_sync(sqlite3_file *file, int flags) {
    if (faulty_fails()) return faulty.code == SQLITE_FULL ? SQLITE_FULL : SQLITE_IOERR_FSYNC;
    return FAULTY_FORWARD(xSync)(faulty_real(file), flags);
}
static int faulty_size(sqlite3_file *file, sqlite3_int64 *size) {
    return FAULTY_FORWARD(xFileSize)(faulty_real(file), size);
}
static int faulty_lock(sqlite3_file *file, int kind) {
    return FAULTY_FORWARD(xLock)(faulty_real(file), kind);
}
static int faulty_unlock(sqlite3_file *file, int kind) {
    return FAULTY_FORWARD(xUnlock)(faulty_real(file), kind);
}
static int faulty_reserved(sqlite3_file *file, int *out) {
    return FAULTY_FORWARD(xCheckReservedLock)(faulty_real(file), out);
}
static int faulty_control(sqlite3_file *file, int op, void *argument) {
    return FAULTY_FORWARD(xFileControl)(faulty_real(file), op, argument);
}
static int faulty_sector(sqlite3_file *file) {
    return FAULTY_FORWARD(xSectorSize)(faulty_real(file));
}
static int faulty_traits(sqlite3_file *file) {
    return FAULTY_FORWARD(xDeviceCharacteristics)(faulty_real(file));
}
static int faulty_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out) {
    return FAULTY_FORWARD(xShmMap)(faulty_real(file), page, size, extend, out);
}
static int faulty_shm_lock(sqlite3_file *file, int offset, int n, int flags) {
    return FAULTY_FORWARD(xShmLock)(faulty_real(file), offset, n, flags);
}
static void faulty_shm_barrier(sqlite3_file *file) {
    FAULTY_FORWARD(xShmBarrier)(faulty_real(file));
}
static int faulty_shm_unmap(sqlite3_file *file, int delete) {
    return FAULTY_FORWARD(xShmUnmap)(faulty_real(file), delete);
}

static const sqlite3_io_methods faulty_methods = {
    .iVersion = 2,
    .xClose = faulty_close,
    .xRead = faulty_read,
    .xWrite = faulty_write,
    .xTruncate = faulty_truncate,
    .xSync = faulty_sync,
    .xFileSize = faulty_size,
    .xLock = faulty_lock,
    .xUnlock = faulty_unlock,
    .xCheckReservedLock = faulty_reserved,
    .xFileControl = faulty_control,
    .xSectorSize = faulty_sector,
    .xDeviceCharacteristics = faulty_traits,
    .xShmMap = faulty_shm_map,
    .xShmLock = faulty_shm_lock,
    .xShmBarrier = faulty_shm_barrier,
    .xShmUnmap = faulty_shm_unmap,
};

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
    sqlite3_vfs *real = vfs->pAppData;
    int rc = real->xOpen(real, name, faulty_real(file), flags, out_flags);
    file->pMethods = rc == SQLITE_OK ? &faulty_methods : NULL;
    return rc;
}

/* For the life of the process. */
static void faulty_install(void) {
    static sqlite3_vfs vfs;
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    vfs = *real;
    vfs.zName = "faulty";
    vfs.pAppData = real;
    vfs.szOsFile = (int)sizeof(faulty_file_t) + real->szOsFile;
    vfs.xOpen = faulty_open;
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK) abort();
}

/* From the k-th write or sync on, `failures` of them fail. */
static void faulty_arm(long k, long failures, int code, bool keep) {
    atomic_store(&faulty.failed, 0);
    atomic_store(&faulty.code, code);
    atomic_store(&faulty.keep, keep);
    atomic_store(&faulty.failures, failures);
    atomic_store(&faulty.countdown, k);
}

static void faulty_disarm(void) {
    atomic_store(&faulty.countdown, 1000000000);
    atomic_store(&faulty.failures, 0);
}

#endif
