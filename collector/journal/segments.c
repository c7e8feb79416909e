/* Segments are written over again. Most of what appending to a new file costs is finding pages and blocks for it, and
 * deleting it gives them all back: 140 ms of CPU per 411 MB (a million spans) in groups of 210 KB, against 40 ms when a
 * file that is there is written over; and fdatasync of a group takes half the time, since neither blocks nor size
 * change (ext4, Linux 6.18). So a released segment stays where it is, a spare, until the next segment begins: then it
 * gets that one's name, and is written from offset 0 on. What is behind the end is of its earlier life: it began at a
 * smaller position then, so that nothing in it is taken for a record of this one (segment.c). That needs positions that
 * only grow, as they do while the process lives, but for groups that failed: these are cut off. A power failure may
 * take positions back: so files of an earlier process are deleted instead of written over, and what is behind the end
 * of its last one is cut off, too.
 *
 * The price: with durability `process`, files used to be deleted before the kernel had written them; now what is dirty
 * for half a minute is written, in a steady load the live segments and the spares once each time.
 *
 * All that is written ends with an end mark and zeros up to the end of a page: pages are written whole, so that the
 * kernel need not read one of an old file from the disk first. Only the page that the last group ended in is written in
 * part, and that one is in memory.
 *
 * How many spares: one more than the log grew by between two releases, so that a steady load always finds one; one less
 * at every release when there is less to do. All are files that were live a moment before: a release makes the journal
 * smaller or leaves it as it is. When there is no room on the disk they go first.
 *
 * What is on disk when the power fails, with `durable` (a group is acknowledged when fdatasync has said that it is):
 *
 *   renamed, the directory not synced   the spare, under either name: what it held is in a checkpoint
 *   synced, nothing written             the new name over old header and records: an empty segment. The directory is
 *                                       synced before the first write, so that no acknowledged group has the old name
 *   while a group is written            any of its blocks over old bytes, in any order. The first holds the end of the
 *                                       group before, too, but the same bytes as before. Nobody was told of this group:
 *                                       it is found, or cut off as a torn tail, or the mark before it still stands
 *   after fdatasync                     the group and the mark behind it; a size that grew is synced with the data
 *
 * With durability `process` any of this may be there and the rest not, which that setting accepts: each record says by
 * its checksums whether it is whole and in its place. When only the process dies, all writes are in the kernel, in
 * order: rename, header, groups; of the last one a part, which is a torn tail. */
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
    s->begun++;
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

/* ---- spares; all of it under the lock ---- */

static void list_drop_first(segments_t *s) {
    s->count--;
    if (s->found > 0) s->found--;
    memmove(s->list, s->list + 1, s->count * sizeof *s->list);
}

/* Deletes the oldest spares until `most` are left. */
static void spares_trim(segments_t *s, size_t most) {
    while (s->spares > most) {
        char *path = segments_path(s, s->list[0].start);
        bool gone = s->files->remove(s->files, path) == 0 || errno == ENOENT;
        if (!gone) log_warn("journal: %s cannot be deleted, will try again: %s", path, strerror(errno));
        free(path);
        if (!gone) break;
        list_drop_first(s);
        s->spares--;
    }
}

/* Gives the oldest spare the name `path`; false when there is none. One that cannot be renamed is given up. */
static bool spare_take(segments_t *s, const char *path) {
    bool taken = false;
    while (s->spares > 0 && s->found == 0 && !taken) {
        char *old = segments_path(s, s->list[0].start);
        taken = s->files->rename(s->files, old, path) == 0;
        if (!taken) {
            log_warn("journal: %s cannot be renamed to be written over: %s", old, strerror(errno));
            (void)s->files->remove(s->files, old); /* else it is found, and released, at the next start */
        }
        free(old);
        list_drop_first(s);
        s->spares--;
    }
    return taken;
}

bool segments_make_room(segments_t *s) {
    int error = errno;
    (void)pthread_mutex_lock(&s->lock);
    size_t before = s->spares;
    spares_trim(s, 0);
    bool any = s->spares < before;
    (void)pthread_mutex_unlock(&s->lock);
    errno = error;
    return any;
}

/* ---- writing ---- */

/* Writes all of `parts` at `offset`, which may take several calls: a write may be short, and spares make room. */
static int write_all(segments_t *s, int fd, struct iovec *parts, int count, uint64_t offset) {
    while (count > 0) {
        ssize_t wrote = s->files->pwritev(s->files, fd, parts, count, offset);
        if (wrote < 0 && (errno == EINTR || (no_room(errno) && segments_make_room(s)))) continue;
        if (wrote < 0) return -1;
        size_t left = (size_t)wrote;
        offset += left;
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

/* The end mark for a log that will end at `position`, which is at `offset`, with zeros up to the next page. */
static struct iovec tail_of(segments_t *s, uint64_t position, uint64_t offset) {
    uint64_t end = offset + SEGMENT_RECORD_HEADER_BYTES;
    segment_end_write(position, s->tail);
    return (struct iovec){s->tail, SEGMENT_RECORD_HEADER_BYTES +
                                       (SEGMENT_PAGE_BYTES - end % SEGMENT_PAGE_BYTES) % SEGMENT_PAGE_BYTES};
}

/* Opens a spare under the name `path`, or else a new file. */
static int open_next(segments_t *s, const char *path) {
    (void)pthread_mutex_lock(&s->lock);
    bool taken = spare_take(s, path);
    (void)pthread_mutex_unlock(&s->lock);
    return s->files->open(s->files, path, taken ? O_RDWR : O_RDWR | O_CREAT | O_TRUNC);
}

/* A file that is left over from a failed try under this name is replaced or emptied. */
err_t segments_begin(segments_t *s) {
    char *path = segments_path(s, s->end);
    uint8_t header[SEGMENT_HEADER_BYTES];
    segment_header_write(s->end, header);
    struct iovec parts[2] = {{header, sizeof header}, tail_of(s, s->end, sizeof header)};
    int fd = open_next(s, path);
    err_t err = fd >= 0 ? ERR_OK : no_room(errno) ? ERR_FULL : ERR_IO;
    /* Without its name on disk a segment is lost in a power failure with everything in it. */
    if (err == ERR_OK && s->durable && s->files->sync_directory(s->files, s->directory) != 0) err = ERR_IO;
    if (err == ERR_OK && write_all(s, fd, parts, 2, 0) != 0) err = no_room(errno) ? ERR_FULL : ERR_IO;
    int error = errno;
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

/* Where in the last file the log ends. */
static uint64_t end_offset(segments_t *s) {
    return s->end - last_start(s) + SEGMENT_HEADER_BYTES;
}

/* Takes what a failed write left behind `end` off again, with all that was there before. errno stays what it was. */
static bool cut_back(segments_t *s) {
    int error = errno;
    bool cut = s->files->truncate(s->files, s->fd, end_offset(s)) == 0;
    errno = error;
    return cut;
}

err_t segments_write(segments_t *s, struct iovec *parts, int count, uint64_t bytes) {
    if (s->fd < 0 || s->end - last_start(s) >= s->segment_bytes) {
        err_t err = segments_begin(s);
        if (err != ERR_OK) return err;
    }
    uint64_t offset = end_offset(s);
    parts[count++] = tail_of(s, s->end + bytes, offset + bytes);
    if (write_all(s, s->fd, parts, count, offset) != 0) {
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

/* ---- releasing ---- */

static size_t spares_most(const segments_t *s) {
    uint64_t most = s->spare_bytes / s->segment_bytes;
    return most < 1 ? 1 : most > SEGMENT_SPARES_MAX ? SEGMENT_SPARES_MAX : (size_t)most;
}

void segments_release(segments_t *s, uint64_t position) {
    (void)pthread_mutex_lock(&s->lock);
    while (s->spares + 1 < s->count && s->list[s->spares].end <= position) s->spares++;
    size_t most = spares_most(s), less = s->wanted > 1 ? s->wanted - 1 : 1;
    s->wanted = s->begun + 1 > less ? s->begun + 1 : less;
    if (s->wanted > most) s->wanted = most;
    s->begun = 0;
    size_t own = s->spares > s->found ? s->spares - s->found : 0;
    spares_trim(s, own < s->wanted ? own : s->wanted);
    (void)pthread_mutex_unlock(&s->lock);
}

void segments_close(segments_t *s) {
    (void)segments_make_room(s);
    if (s->fd >= 0) {
        (void)cut_back(s);
        (void)s->files->close(s->files, s->fd);
    }
    (void)pthread_mutex_destroy(&s->lock);
    free(s->list);
    free(s->directory);
    *s = (segments_t){.fd = -1};
}
