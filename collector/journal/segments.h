/* segments: the files of the local journal as one log: found and judged at start, written at the end, deleted at the
 * beginning. One thread writes; finding and releasing may be called by others at the same time. */
#ifndef SEISMESH_JOURNAL_SEGMENTS_H
#define SEISMESH_JOURNAL_SEGMENTS_H

#include "base/counters.h"
#include "base/err.h"
#include "collector/journal/segment.h"

#include <pthread.h>

typedef struct {
    uint64_t start, end; /* positions; the last one's `end` is of the moment it was opened */
} segment_span_t;

typedef struct {
    const files_t *files;
    char *directory;
    uint64_t segment_bytes;
    bool durable; /* sync what is written, and the directory when names change */
    counters_t *counters;
    pthread_mutex_t lock; /* of the list below */
    segment_span_t *list; /* in order */
    size_t count, capacity;
    int fd;       /* of the last one; -1: the next write starts a new one */
    uint64_t end; /* position behind what is written. Of the writing thread, as is fd */
} segments_t;

/* Makes the directory when absent, judges every file in it, cuts the torn tail of the last one. New records will have
 * positions from `position` on, or behind the last one there is. ERR_IO; ERR_FOREIGN; `why` gets a sentence. */
err_t segments_open(segments_t *segments, const files_t *files, const char *directory, uint64_t segment_bytes,
                    bool durable, uint64_t position, counters_t *counters, char *why, size_t why_size);
void segments_close(segments_t *segments);

/* Starts a new last segment at `end`. Errors as segments_write. */
err_t segments_begin(segments_t *segments);

/* Writes `bytes` bytes of whole records, and syncs them when durable. ERR_FULL: no room on the disk; nothing of it is
 * in the log, try again later. ERR_IO: what is on the disk is not known; this log must be opened anew. Changes
 * `parts`. */
err_t segments_write(segments_t *segments, struct iovec *parts, int count, uint64_t bytes);

/* The segment that holds `position`, else the first one behind it; false when there is none. */
bool segments_find(segments_t *segments, uint64_t position, segment_span_t *span);

/* Path of the segment that starts at `start`, to be freed. */
char *segments_path(const segments_t *segments, uint64_t start);

/* Deletes the segments that end at or before `position`, but never the last one. */
void segments_release(segments_t *segments, uint64_t position);

#endif
