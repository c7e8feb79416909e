/* files: what the journal asks of the operating system, as a table of functions, so that a test can fail the k-th call,
 * write less than asked, or have no disk at all. Results and errno are those of the system calls. */
#ifndef SEISMESH_BASE_FILES_H
#define SEISMESH_BASE_FILES_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef struct files files_t;
struct files {
    int (*open)(const files_t *files, const char *path, int flags);
    int (*close)(const files_t *files, int fd);
    ssize_t (*pwritev)(const files_t *files, int fd, const struct iovec *parts, int count, uint64_t offset);
    ssize_t (*pread)(const files_t *files, int fd, void *data, size_t len, uint64_t offset);
    int64_t (*size)(const files_t *files, int fd); /* -1 when it cannot be told */
    int (*truncate)(const files_t *files, int fd, uint64_t size);
    int (*sync)(const files_t *files, int fd);                             /* data and what is needed to read it back */
    int (*rename)(const files_t *files, const char *from, const char *to); /* replaces what `to` names */
    int (*remove)(const files_t *files, const char *path);
    int (*sync_directory)(const files_t *files, const char *path); /* makes changed names durable */
};

/* The machine's own. */
extern const files_t files_system;

#endif
