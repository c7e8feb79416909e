#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int system_open(const files_t *files, const char *path, int flags) {
    (void)files;
    return open(path, flags | O_CLOEXEC, 0640);
}

static int system_close(const files_t *files, int fd) {
    (void)files;
    return close(fd);
}

static ssize_t system_pwritev(const files_t *files, int fd, const struct iovec *parts, int count, uint64_t offset) {
    (void)files;
    return pwritev(fd, parts, count, (off_t)offset);
}

static ssize_t system_pread(const files_t *files, int fd, void *data, size_t len, uint64_t offset) {
    (void)files;
    return pread(fd, data, len, (off_t)offset);
}

static int64_t system_size(const files_t *files, int fd) {
    (void)files;
    struct stat info;
    return fstat(fd, &info) == 0 ? info.st_size : -1;
}

static int system_truncate(const files_t *files, int fd, uint64_t size) {
    (void)files;
    return ftruncate(fd, (off_t)size);
}

static int system_sync(const files_t *files, int fd) {
    (void)files;
    return fdatasync(fd);
}

static int system_rename(const files_t *files, const char *from, const char *to) {
    (void)files;
    return rename(from, to);
}

static int system_remove(const files_t *files, const char *path) {
    (void)files;
    return unlink(path);
}

static int system_sync_directory(const files_t *files, const char *path) {
    (void)files;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -1;
    int result = fsync(fd), error = errno;
    (void)close(fd);
    errno = error;
    return result;
}

const files_t files_system = {.open = system_open,
                              .close = system_close,
                              .pwritev = system_pwritev,
                              .pread = system_pread,
                              .size = system_size,
                              .truncate = system_truncate,
                              .sync = system_sync,
                              .rename = system_rename,
                              .remove = system_remove,
                              .sync_directory = system_sync_directory};
