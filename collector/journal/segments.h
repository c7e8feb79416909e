/* segments: the files of the local journal as one log: found and judged at start, written at the end, released at the
 * beginning, and what was released is written over again. One thread writes; finding, releasing and making room may be
 * called by others at the same time. */
#ifndef SEISMESH_JOURNAL_SEGMENTS_H
#define SEISMESH_JOURNAL_SEGMENTS_H

#include "base/counters.h"
#include "base/err.h"
#include "collector/journal/segment.h"

#include <pthread.h>

enum {
    SEGMENT_PAGE_BYTES = 4096, /* the kernel's page, or a part of it */
    SEGMENT_SPARES_MAX = 64,
    SEGMENT_SPARES_MIB = 1024, /* all spares together unless told otherwise; one is kept however large */
};

typedef struct {
    uint64_t start, end; /* positions; the last one's `end` is of the moment it was opened */
} segment_span_t;

typedef struct {
    const files_t *files;
    char *directory;
    uint64_t segment_bytes;
    uint64_t spare_bytes; /* all spares together; may be changed behind segments_open */
    bool durable;         /* sync what is written, and the directory when names change */
    counters_t *counters;
    pthread_mutex_t lock; /* of what follows */
    segment_span_t *list; /* in order */
    size_t count, capacity;
    size_t spares; /* so many of the first are released: the next segments are written over them */
    size_t found;  /* so many of the first are of an earlier process: deleted when released, never written over */
    size_t wanted; /* so many spares the last release kept, had there been as many */
    size_t begun;  /* segments begun since then */
    /* of the writing thread */
    int fd;       /* of the last one; -1: the next write starts a new one */
    uint64_t end; /* position behind what is written */
    uint8_t tail[SEGMENT_RECORD_HEADER_BYTES + SEGMENT_PAGE_BYTES]; /* end mark, then zeros */
} segments_t;

/* Makes the directory when absent, judges every file in it, cuts off what is behind the end of the last one. New
 * records will have positions from `position` on, or behind the last one there is. ERR_IO; ERR_FOREIGN; `why` gets a
 * sentence. */
err_t segments_open(segments_t *segments, const files_t *files, const char *directory, uint64_t segment_bytes,
                    bool durable, uint64_t position, counters_t *counters, char *why, size_t why_size);

/* Leaves no spares, and nothing behind the end of the last segment. */
void segments_close(segments_t *segments);

/* Starts a new last segment at `end`. Errors as segments_write. */
err_t segments_begin(segments_t *segments);

/* Writes `bytes` bytes of whole records, and syncs them when durable. `parts` has room for one more than `count`, and
 * is changed. ERR_FULL: no room on the disk; nothing of it is in the log, try again later. ERR_IO: what is on the disk
 * is not known; this log must be opened anew. */
err_t segments_write(segments_t *segments, struct iovec *parts, int count, uint64_t bytes);

/* The segment that holds `position`, else the first one behind it; false when there is none. One that is released may
 * be gone, or be another, before it is opened: no record in it is taken for one of the position it had. */
bool segments_find(segments_t *segments, uint64_t position, segment_span_t *span);

/* Path of the segment that starts at `start`, to be freed. */
char *segments_path(const segments_t *segments, uint64_t start);

/* Releases the segments that end at or before `position`, but never the last one. Of these so many are kept to be
 * written over: one more than were begun since the last release, or one less than were wanted then, whichever is more.
 */
void segments_release(segments_t *segments, uint64_t position);

/* Deletes what is kept to be written over; true when there was any. */
bool segments_make_room(segments_t *segments);

#endif
