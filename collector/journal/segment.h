/* segment: one file of the local journal: its format, and a reader that survives whatever is in it.
 *
 *     segment_reader_t reader;
 *     segment_reader_init(&reader, files, fd, start, limit);
 *     while (segment_next(&reader, &record)) use(&record);     // damaged ones are skipped and counted in
 * reader.corrupt segment_reader_fini(&reader);
 *
 * A record's position is the number of record bytes before it in the whole log, over all segments: it only grows. The
 * layout is described in segment.c. */
#ifndef SEISMESH_JOURNAL_SEGMENT_H
#define SEISMESH_JOURNAL_SEGMENT_H

#include "base/buffer.h"
#include "base/err.h"
#include "base/files.h"
#include "collector/journal/journal.h"

enum {
    SEGMENT_VERSION = 1,
    SEGMENT_HEADER_BYTES = 32,
    SEGMENT_RECORD_HEADER_BYTES = 36, /* of an end mark, too */
    SEGMENT_PAYLOAD_MAX = 1 << 30,    /* far above any limit of requests: bounds what a length can claim */
    SEGMENT_NAME_BYTES = 24,          /* "0123456789abcdef.segment", without the terminator */
};

/* File name of the segment that starts at `start`. */
void segment_name(uint64_t start, char name[SEGMENT_NAME_BYTES + 1]);

/* Reads a start position out of a file name; false when it is not the name of a segment. */
bool segment_name_read(const char *name, uint64_t *start);

void segment_header_write(uint64_t start, uint8_t header[SEGMENT_HEADER_BYTES]);

typedef enum {
    SEGMENT_FINE,
    SEGMENT_DAMAGED, /* ours, but the header is cut short, all zeros, has a wrong bit, or is that of another segment (of
                      * which this file was, before it was taken for this one): its records may be good */
    SEGMENT_NEWER,   /* of a later version */
    SEGMENT_FOREIGN, /* another program's file under our name */
} segment_state_t;

/* Judges the first bytes of a file (`len` may be less than a header) whose name says `start`. */
segment_state_t segment_header_read(slice_t bytes, uint64_t start);

/* Checksum of a payload, to be given to segment_record_write. */
uint32_t segment_payload_crc(slice_t payload);

void segment_record_write(uint64_t position, uint8_t kind, int64_t arrival_ns, uint32_t payload_len,
                          uint32_t payload_crc, uint8_t header[SEGMENT_RECORD_HEADER_BYTES]);

/* The end mark for a log that ends at `position`; the next record is written over it. */
void segment_end_write(uint64_t position, uint8_t mark[SEGMENT_RECORD_HEADER_BYTES]);

typedef struct {
    const files_t *files;
    int fd;
    uint64_t start;     /* position of the first record byte */
    uint64_t at;        /* position that is read next */
    uint64_t limit;     /* position at which reading ends */
    uint64_t valid_end; /* position behind the last good record */
    uint64_t corrupt;   /* damaged places skipped: a record, or a stretch without any good one */
    uint64_t unread;    /* of these: stretches that the disk refused to read */
    bool damaged;       /* the stretch from valid_end on holds no good record so far */
    bool until_mark;    /* to be set by who does not know the end: an end mark is the limit. Else one is damage */
    buffer_t window;    /* bytes of the file from window_at on */
    uint64_t window_at;
} segment_reader_t;

/* Reads records from position `start` up to `limit`; set reader->at to begin later. Borrows `fd`. */
void segment_reader_init(segment_reader_t *reader, const files_t *files, int fd, uint64_t start, uint64_t limit);
void segment_reader_fini(segment_reader_t *reader);

/* The next good record, in order; false at the end. The payload is borrowed until the next call. What follows the last
 * good record counts as one damaged place when it is not empty (reader->damaged says so as well: a torn tail). With
 * until_mark the end is a clean one when valid_end is the limit. */
bool segment_next(segment_reader_t *reader, journal_record_t *record);

#endif
