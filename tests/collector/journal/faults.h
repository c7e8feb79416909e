/* faults: the system's files with a failure at the k-th call of one kind, disks that are full or have room again, and a
 * process that dies at any byte it writes: from then on nothing that it does changes a file. */
#ifndef SEISMESH_TESTS_JOURNAL_FAULTS_H
#define SEISMESH_TESTS_JOURNAL_FAULTS_H

#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum {
    CALL_OPEN,
    CALL_WRITE,
    CALL_TRUNCATE,
    CALL_SYNC,
    CALL_RENAME,
    CALL_REMOVE,
    CALL_SYNC_DIRECTORY,
    CALL_KINDS
} call_t;

typedef struct {
    files_t files;
    _Atomic int calls[CALL_KINDS];   /* seen so far */
    _Atomic int fail_at[CALL_KINDS]; /* 1 = the next call fails, counting down; 0 = never */
    _Atomic int error;               /* errno of the failure */
    _Atomic long room;               /* bytes that may still be written; less than 0 = no limit */
    _Atomic long room_freed;         /* bytes that there is more room for when a file is deleted */
    _Atomic long life;               /* bytes written and names changed until death; less than 0 = no limit */
    _Atomic int piece;               /* a write takes at most so many bytes; 0 = all */
} faults_t;

static inline int faults_strike(const files_t *files, call_t call) {
    faults_t *faults = (faults_t *)(uintptr_t)files;
    atomic_fetch_add(&faults->calls[call], 1);
    if (atomic_load(&faults->fail_at[call]) == 0 || atomic_fetch_sub(&faults->fail_at[call], 1) != 1) return 0;
    errno = atomic_load(&faults->error);
    return -1;
}

static inline bool faults_dead(const files_t *files) {
    return atomic_load(&((faults_t *)(uintptr_t)files)->life) == 0;
}

/* So much of `wanted` happens before death. */
static inline size_t faults_live(const files_t *files, size_t wanted) {
    faults_t *faults = (faults_t *)(uintptr_t)files;
    long life = atomic_load(&faults->life);
    if (life >= 0 && wanted > (size_t)life) wanted = (size_t)life;
    if (life >= 0) atomic_fetch_sub(&faults->life, (long)wanted);
    return wanted;
}

static inline int faults_open(const files_t *files, const char *path, int flags) {
    if (faults_dead(files)) return files_system.open(files, "/dev/null", O_RDWR);
    return faults_strike(files, CALL_OPEN) != 0 ? -1 : files_system.open(files, path, flags);
}

static inline int faults_close(const files_t *files, int fd) {
    return files_system.close(files, fd);
}

/* Bytes of this write that there is room for. */
static inline size_t faults_room(faults_t *faults, size_t wanted) {
    int piece = atomic_load(&faults->piece);
    if (piece > 0 && wanted > (size_t)piece) wanted = (size_t)piece;
    long room = atomic_load(&faults->room);
    if (room >= 0 && wanted > (size_t)room) wanted = (size_t)room;
    if (room >= 0) atomic_fetch_sub(&faults->room, (long)wanted);
    return wanted;
}

static inline ssize_t faults_pwritev(const files_t *files, int fd, const struct iovec *parts, int count,
                                     uint64_t offset) {
    faults_t *faults = (faults_t *)(uintptr_t)files;
    if (faults_strike(files, CALL_WRITE) != 0) return -1;
    size_t wanted = 0;
    for (int i = 0; i < count; i++) wanted += parts[i].iov_len;
    size_t claimed = faults_room(faults, wanted), allowed = faults_live(files, claimed), done = 0;
    if (allowed == wanted) return files_system.pwritev(files, fd, parts, count, offset);
    if (claimed == 0) {
        errno = ENOSPC;
        return -1;
    }
    for (int i = 0; i < count && done < allowed; i++) {
        struct iovec part = parts[i];
        if (part.iov_len > allowed - done) part.iov_len = allowed - done;
        ssize_t wrote = files_system.pwritev(files, fd, &part, 1, offset + done);
        if (wrote < 0) return -1;
        done += (size_t)wrote;
    }
    return (ssize_t)claimed;
}

static inline ssize_t faults_pread(const files_t *files, int fd, void *data, size_t len, uint64_t offset) {
    return files_system.pread(files, fd, data, len, offset);
}

static inline int64_t faults_size(const files_t *files, int fd) {
    return files_system.size(files, fd);
}

static inline int faults_truncate(const files_t *files, int fd, uint64_t size) {
    if (faults_strike(files, CALL_TRUNCATE) != 0) return -1;
    return faults_live(files, 1) == 0 ? 0 : files_system.truncate(files, fd, size);
}

static inline int faults_sync(const files_t *files, int fd) {
    (void)fd; /* tests do not lose power: the call is counted, not made */
    return faults_strike(files, CALL_SYNC);
}

static inline int faults_rename(const files_t *files, const char *from, const char *to) {
    if (faults_strike(files, CALL_RENAME) != 0) return -1;
    return faults_live(files, 1) == 0 ? 0 : files_system.rename(files, from, to);
}

static inline int faults_remove(const files_t *files, const char *path) {
    faults_t *faults = (faults_t *)(uintptr_t)files;
    if (faults_strike(files, CALL_REMOVE) != 0) return -1;
    if (faults_live(files, 1) == 0) return 0;
    if (files_system.remove(files, path) != 0) return -1;
    if (atomic_load(&faults->room) >= 0) atomic_fetch_add(&faults->room, atomic_load(&faults->room_freed));
    return 0;
}

static inline int faults_sync_directory(const files_t *files, const char *path) {
    (void)path;
    return faults_strike(files, CALL_SYNC_DIRECTORY);
}

static inline void faults_init(faults_t *faults) {
    *faults = (faults_t){.files = {.open = faults_open,
                                   .close = faults_close,
                                   .pwritev = faults_pwritev,
                                   .pread = faults_pread,
                                   .size = faults_size,
                                   .truncate = faults_truncate,
                                   .sync = faults_sync,
                                   .rename = faults_rename,
                                   .remove = faults_remove,
                                   .sync_directory = faults_sync_directory},
                         .error = EIO,
                         .room = -1,
                         .life = -1};
}

#endif
