/* The state of the files after a crash, and what is made of it:
 *   a name that is not a segment's, or a whole header that is not ours   refused: somebody else's directory
 *   a damaged header, or one of another segment (the machine went down   counted; its records are read all the same
 *   before the header of a file that is written over was on disk)
 *   bytes behind the end mark of the last segment                        of the file's earlier life: cut off
 *   bytes that are no end mark behind its last good record               a torn tail: cut off, counted
 *   a damaged record elsewhere                                           stays; skipped and counted when it is read
 *   the last segment ends before the store's position (possible with     a new segment starts at that position, so that
 *   durability `process` after a power failure)                          positions never go backwards */
#include "base/log.h"
#include "base/memory.h"
#include "collector/journal/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

typedef struct {
    char *text;
    size_t size;
} why_t;

static err_t make_directory(const char *path) {
    if (mkdir(path, 0750) == 0 || errno == EEXIST) return ERR_OK;
    const char *slash = strrchr(path, '/');
    if (errno != ENOENT || slash == NULL || slash == path) return ERR_IO;
    char *parent = memory_text(path);
    parent[slash - path] = '\0';
    err_t err = make_directory(parent);
    free(parent);
    return err == ERR_OK && mkdir(path, 0750) == 0 ? ERR_OK : ERR_IO;
}

static int by_start(const void *a, const void *b) {
    const segment_span_t *left = a, *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

/* Fills the list with the starts that the directory's names say. */
static err_t list_names(segments_t *s, why_t why) {
    DIR *directory = opendir(s->directory);
    if (directory == NULL) {
        (void)snprintf(why.text, why.size, "the journal's directory %s cannot be read: %s", s->directory,
                       strerror(errno));
        return ERR_IO;
    }
    err_t err = ERR_OK;
    for (struct dirent *entry; err == ERR_OK && (entry = readdir(directory)) != NULL;) {
        uint64_t start;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (segment_name_read(entry->d_name, &start)) {
            if (s->count == s->capacity) {
                s->capacity = s->capacity == 0 ? 16 : 2 * s->capacity;
                s->list = memory_resize(s->list, s->capacity * sizeof *s->list);
            }
            s->list[s->count++] = (segment_span_t){start, start};
        } else {
            char quoted[128];
            (void)snprintf(why.text, why.size,
                           "%s/%s is not a file of seismesh's journal: move it away, or choose another data directory",
                           s->directory, log_quote(quoted, sizeof quoted, slice_text(entry->d_name)));
            err = ERR_FOREIGN;
        }
    }
    (void)closedir(directory);
    if (s->count > 1) qsort(s->list, s->count, sizeof *s->list, by_start);
    return err;
}

static size_t read_start(const files_t *files, int fd, uint8_t *bytes, size_t size) {
    ssize_t got;
    do got = files->pread(files, fd, bytes, size, 0);
    while (got < 0 && errno == EINTR);
    return got < 0 ? 0 : (size_t)got;
}

static err_t cannot(const char *path, const char *what, why_t why) {
    (void)snprintf(why.text, why.size, "the journal's file %s cannot be %s: %s", path, what, strerror(errno));
    return ERR_IO;
}

/* Judges one file by its header and sets where it ends. */
static err_t judge(segments_t *s, segment_span_t *span, uint64_t next_start, const char *path, int fd,
                   segment_state_t *state, why_t why) {
    uint8_t header[SEGMENT_HEADER_BYTES];
    int64_t size = s->files->size(s->files, fd);
    if (size < 0) return cannot(path, "measured", why);
    *state = segment_header_read(slice_of(header, read_start(s->files, fd, header, sizeof header)), span->start);
    if (*state == SEGMENT_FOREIGN || *state == SEGMENT_NEWER) {
        (void)snprintf(
            why.text, why.size,
            *state == SEGMENT_NEWER
                ? "%s was written by a newer version of seismesh: run that one, or choose another data directory"
                : "%s is not a file of seismesh's journal: move it away, or choose another data directory",
            path);
        return ERR_FOREIGN;
    }
    span->end = span->start + (size > SEGMENT_HEADER_BYTES ? (uint64_t)size - SEGMENT_HEADER_BYTES : 0);
    if (span->end > next_start) span->end = next_start;
    return ERR_OK;
}

/* Reads a segment whose end no successor tells up to its end mark, and sets its end; `torn` gets what is no record and
 * no end mark behind it. */
static err_t find_end(segments_t *s, segment_span_t *span, const char *path, int fd, uint64_t *torn, why_t why) {
    segment_reader_t reader;
    journal_record_t record;
    segment_reader_init(&reader, s->files, fd, span->start, span->end);
    reader.until_mark = true;
    while (segment_next(&reader, &record)) continue;
    segment_reader_fini(&reader);
    if (reader.unread > 0) return cannot(path, "read", why);
    span->end = reader.valid_end;
    *torn = reader.limit - reader.valid_end;
    return ERR_OK;
}

/* Only in the last segment can an interrupted write have left its half. What is behind the end is cut off even if it is
 * only of the file's earlier life: positions that a power failure took back are given out again, and no record that had
 * one of them before may be left there. */
static err_t cut_tail(segments_t *s, segment_span_t *span, segment_state_t state, const char *path, int fd, why_t why) {
    uint64_t torn = 0, file_end = span->end;
    err_t err = find_end(s, span, path, fd, &torn, why);
    if (err != ERR_OK || span->end == file_end) return err;
    if (torn > 0 && (state == SEGMENT_FINE || span->end > span->start)) { /* else all of it is damaged: said already */
        log_warn("journal: %" PRIu64
                 " bytes behind the last whole record of %s are cut off: a write was interrupted there",
                 torn, path);
        counters_add(s->counters, COUNTER_JOURNAL_TORN, 1);
    }
    if (s->files->truncate(s->files, fd, span->end - span->start + SEGMENT_HEADER_BYTES) != 0)
        return cannot(path, "cut", why);
    return ERR_OK;
}

/* The last segment goes on being written, unless its header is damaged. What it holds may not have been synced when
 * the last process died: it is now, before anything in it is folded. */
static err_t open_last(segments_t *s, segment_span_t *span, segment_state_t state, const char *path, int fd,
                       why_t why) {
    err_t err = cut_tail(s, span, state, path, fd, why);
    if (err == ERR_OK && s->durable && s->files->sync(s->files, fd) != 0) err = cannot(path, "synced", why);
    if (err != ERR_OK) return err;
    s->end = span->end;
    if (state == SEGMENT_FINE) {
        s->fd = fd;
        return ERR_OK;
    }
    (void)s->files->close(s->files, fd);
    if (span->end == span->start) { /* nothing in it: its successor takes the same name */
        if (s->files->remove(s->files, path) != 0) return cannot(path, "removed", why);
        s->count--;
    }
    return ERR_OK;
}

static err_t open_one(segments_t *s, size_t index, why_t why) {
    bool last = index + 1 == s->count;
    segment_span_t *span = &s->list[index];
    char *path = segments_path(s, span->start);
    segment_state_t state = SEGMENT_FINE;
    int fd = s->files->open(s->files, path, last ? O_RDWR : O_RDONLY);
    err_t err = fd < 0 ? cannot(path, "opened", why)
                       : judge(s, span, last ? UINT64_MAX : s->list[index + 1].start, path, fd, &state, why);
    if (err == ERR_OK && state == SEGMENT_DAMAGED)
        log_warn("journal: the header of %s is damaged, cut short or another segment's", path);
    if (err == ERR_OK && last) {
        err = open_last(s, span, state, path, fd, why);
        if (err == ERR_OK) fd = -1; /* handed over */
    }
    if (err == ERR_OK && state == SEGMENT_DAMAGED)
        counters_add(s->counters, last && span->end == span->start ? COUNTER_JOURNAL_TORN : COUNTER_JOURNAL_CORRUPT, 1);
    if (fd >= 0) (void)s->files->close(s->files, fd);
    free(path);
    return err;
}

/* Brings the end to `position` when the log ends before it. */
static err_t begin_writing(segments_t *s, uint64_t position, why_t why) {
    if (position > s->end) {
        if (s->count > 0)
            log_warn("journal: the store knows %" PRIu64 " bytes more than the journal holds; going on from there",
                     position - s->end);
        s->end = position;
        if (s->fd >= 0) (void)s->files->close(s->files, s->fd);
        s->fd = -1;
    }
    if (s->fd >= 0) return ERR_OK;
    err_t err = segments_begin(s);
    if (err == ERR_OK || err == ERR_FULL) return ERR_OK; /* a full disk is no reason not to start: writes try again */
    (void)snprintf(why.text, why.size, "no file can be written in the journal's directory %s: %s", s->directory,
                   strerror(errno));
    return err;
}

err_t segments_open(segments_t *s, const files_t *files, const char *directory, uint64_t segment_bytes, bool durable,
                    uint64_t position, counters_t *counters, char *why, size_t why_size) {
    *s = (segments_t){.files = files,
                      .directory = memory_text(directory),
                      .segment_bytes = segment_bytes,
                      .spare_bytes = (uint64_t)SEGMENT_SPARES_MIB << 20,
                      .durable = durable,
                      .counters = counters,
                      .fd = -1};
    (void)pthread_mutex_init(&s->lock, NULL);
    why_t reason = {why, why_size};
    err_t err = make_directory(directory);
    if (err != ERR_OK)
        (void)snprintf(why, why_size, "the journal's directory %s cannot be made: %s", directory, strerror(errno));
    if (err == ERR_OK) err = list_names(s, reason);
    for (size_t i = 0, count = s->count; err == ERR_OK && i < count; i++) err = open_one(s, i, reason);
    s->found = s->count;
    if (err == ERR_OK) err = begin_writing(s, position, reason);
    if (err != ERR_OK) segments_close(s);
    return err;
}
