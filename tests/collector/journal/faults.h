/* faults: the system's files with a failure at the k-th call of one kind, and disks that are full or have room again.
 */
#ifndef SEISMESH_TESTS_JOURNAL_FAULTS_H
#define SEISMESH_TESTS_JOURNAL_FAULTS_H

#include "base/files.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

typedef enum { CALL_OPEN, CALL_WRITE, CALL_TRUNCATE, CALL_SYNC, CALL_REMOVE, CALL_SYNC_DIRECTORY, CALL_KINDS } call_t;

typedef struct {
    files_t files;
    _Atomic int calls[CALL_KINDS];   /* seen so far */
    _Atomic int fail_at[CALL_KINDS]; /* 1 = the next call fails, counting down; 0 = never */
    _Atomic int error;               /* errno of the failure */
    _Atomic long room;               /* bytes that may still be written; less than 0 = no limit */
    _Atomic int piece;               /* a write takes at most so many bytes; 0 = all */
} faults_t;

static inline int faults_strike(const files_t *files, call_t call) {
    faults_t *faults = (faults_t *)(uintptr_t)files;
    atomic_fetch_add(&faults->calls[call], 1);
    if (atomic_load(&faults->fail_at[call]) == 0 || atomic_fetch_sub(&faults->fail_at[call], 1) != 1) return 0;
    errno = atomic_load(&faults->error);
    return -1;
}

static inline int faults_open(const files_t *files, const char *path, int flags) {
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

static inline ssize_t faults_writev(const files_t *files, int fd, const struct iovec *parts, int count) {
    faults_t *faults = (faults_t *)(uintptr_t)files;
    if (faults_strike(files, CALL_WRITE) != 0) return -1;
    size_t wanted = 0;
    for (int i = 0; i < count; i++) wanted += parts[i].iov_len;
    size_t allowed = faults_room(faults, wanted), done = 0;
    if (allowed == wanted) return files_system.writev(files, fd, parts, count);
    if (allowed == 0) {
        errno = ENOSPC;
        return -1;
    }
    for (int i = 0; i < count && done < allowed; i++) {
        struct iovec part = parts[i];
        if (part.iov_len > allowed - done) part.iov_len = allowed - done;
        ssize_t wrote = files_system.writev(files, fd, &part, 1);
        if (wrote < 0) return -1;
        done += (size_t)wrote;
    }
    return (ssize_t)done;
}

static inline ssize_t faults_pread(const files_t *files, int fd, void *data, size_t len, uint64_t offset) {
    return files_system.pread(files, fd, data, len, offset);
}

static inline int64_t faults_size(const files_t *files, int fd) {
    return files_system.size(files, fd);
}

static inline int faults_truncate(const files_t *files, int fd, uint64_t size) {
    return faults_strike(files, CALL_TRUNCATE) != 0 ? -1 : files_system.truncate(files, fd, size);
}

static inline int faults_sync(const files_t *files, int fd) {
    (void)fd; /* tests do not lose power: the call is counted, not made */
    return faults_strike(files, CALL_SYNC);
}

static inline int faults_remove(const files_t *files, const char *path) {
    return faults_strike(files, CALL_REMOVE) != 0 ? -1 : files_system.remove(files, path);
}

static inline int faults_sync_directory(const files_t *files, const char *path) {
    (void)path;
    return faults_strike(files, CALL_SYNC_DIRECTORY);
}

static inline void faults_init(faults_t *faults) {
    *faults = (faults_t){.files = {faults_open, faults_close, faults_writev, faults_pread, faults_size, faults_truncate,
                                   faults_sync, faults_remove, faults_sync_directory},
                         .error = EIO,
                         .room = -1};
}

#endif
