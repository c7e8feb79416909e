#include "collector/journal/segments.h"

#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Adds a last segment; only now is it known where the one before ends. */
static void segments_add(segments_t *s, uint64_t start) {
    (void)pthread_mutex_lock(&s->lock);
    if (s->fd >= 0) s->list[s->count - 1].end = start;
    if (s->count == s->capacity) {
        s->capacity = s->capacity == 0 ? 16 : 2 * s->capacity;
        s->list = memory_resize(s->list, s->capacity * sizeof *s->list);
    }
    s->list[s->count++] = (segment_span_t){start, UINT64_MAX};
    (void)pthread_mutex_unlock(&s->lock);
}

char *segments_path(const segments_t *s, uint64_t start) {
    char name[SEGMENT_NAME_BYTES + 1];
    segment_name(start, name);
    size_t size = strlen(s->directory) + sizeof name + 1;
    char *path = memory_new(1, size);
    (void)snprintf(path, size, "%s/%s", s->directory, name);
    return path;
}

bool segments_find(segments_t *s, uint64_t position, segment_span_t *span) {
    bool found = false;
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count && !found; i++) {
        found = position < s->list[i].end;
        if (found) *span = s->list[i];
    }
    (void)pthread_mutex_unlock(&s->lock);
    return found;
}

static bool no_room(int error) {
    return error == ENOSPC || error == EDQUOT;
}

/* Writes all of `parts`, which a short write may take several calls. */
static int write_all(const files_t *files, int fd, struct iovec *parts, int count) {
    while (count > 0) {
        ssize_t wrote = files->writev(files, fd, parts, count);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return -1;
        size_t left = (size_t)wrote;
        while (count > 0 && left >= parts->iov_len) {
            left -= parts->iov_len;
            parts++;
            count--;
        }
        if (count == 0) break;
        parts->iov_base = (uint8_t *)parts->iov_base + left;
        parts->iov_len -= left;
    }
    return 0;
}

/* A file that is left over from a failed try under this name is overwritten. */
err_t segments_begin(segments_t *s) {
    char *path = segments_path(s, s->end);
    uint8_t header[SEGMENT_HEADER_BYTES];
    segment_header_write(s->end, header);
    struct iovec part = {header, sizeof header};
    int fd = s->files->open(s->files, path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND);
    err_t err = fd >= 0 && write_all(s->files, fd, &part, 1) == 0 ? ERR_OK : no_room(errno) ? ERR_FULL : ERR_IO;
    int error = errno;
    /* Without its name on disk a segment is lost in a power failure with everything in it. */
    if (err == ERR_OK && s->durable && s->files->sync_directory(s->files, s->directory) != 0) {
        error = errno;
        err = ERR_IO;
    }
    if (err == ERR_OK) {
        segments_add(s, s->end);
        if (s->fd >= 0) (void)s->files->close(s->files, s->fd);
        s->fd = fd;
    } else if (fd >= 0) {
        (void)s->files->close(s->files, fd);
        (void)s->files->remove(s->files, path); /* else it is overwritten next time, or cut at the next start */
    }
    free(path);
    errno = error;
    return err;
}

static uint64_t last_start(segments_t *s) {
    (void)pthread_mutex_lock(&s->lock);
    uint64_t start = s->list[s->count - 1].start;
    (void)pthread_mutex_unlock(&s->lock);
    return start;
}

/* Takes what a failed write left behind `end` off again. errno stays what it was. */
static bool cut_back(segments_t *s) {
    int error = errno;
    uint64_t size = s->end - last_start(s) + SEGMENT_HEADER_BYTES;
    bool cut = s->files->truncate(s->files, s->fd, size) == 0;
    errno = error;
    return cut;
}

err_t segments_write(segments_t *s, struct iovec *parts, int count, uint64_t bytes) {
    if (s->fd < 0 || s->end - last_start(s) >= s->segment_bytes) {
        err_t err = segments_begin(s);
        if (err != ERR_OK) return err;
    }
    if (write_all(s->files, s->fd, parts, count) != 0) {
        bool full = no_room(errno);
        return cut_back(s) && full ? ERR_FULL : ERR_IO;
    }
    /* A failed sync is final: the kernel drops the dirty pages and calls them clean, so that a second sync would say
     * yes to bytes that are lost (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020). */
    if (s->durable && s->files->sync(s->files, s->fd) != 0) {
        (void)cut_back(s); /* nobody was told that it is there: better gone than found again */
        return ERR_IO;
    }
    s->end += bytes;
    return ERR_OK;
}

void segments_release(segments_t *s, uint64_t position) {
    size_t gone = 0;
    (void)pthread_mutex_lock(&s->lock);
    while (gone + 1 < s->count && s->list[gone].end <= position) {
        char *path = segments_path(s, s->list[gone].start);
        int result = s->files->remove(s->files, path);
        if (result != 0 && errno != ENOENT)
            log_warn("journal: %s cannot be deleted, will try again: %s", path, strerror(errno));
        free(path);
        if (result != 0 && errno != ENOENT) break;
        gone++;
    }
    s->count -= gone;
    if (gone > 0) memmove(s->list, s->list + gone, s->count * sizeof *s->list);
    (void)pthread_mutex_unlock(&s->lock);
}

void segments_close(segments_t *s) {
    if (s->fd >= 0) (void)s->files->close(s->files, s->fd);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->list);
    free(s->directory);
    *s = (segments_t){.fd = -1};
}
