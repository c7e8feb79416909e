/* Layout of a segment file, all numbers little-endian. The file is named after its start position, 16 hex digits and
 * ".segment", so that names in alphabetical order are the log in order.
 *
 *   header, 32 bytes                           record header, 36 bytes, then the payload
 *      0  8  "SEISMLOG"                           0  4  mark 0xa1 'R' 'E' 'C'
 *      8  4  version, 1                           4  4  payload length
 *     12  4  0                                    8  8  position of this record
 *     16  8  start position                      16  8  arrival, ns since 1970, signed
 *     24  4  0                                   24  1  kind, then three zero bytes
 *     28  4  CRC32C of bytes 0..27               28  4  CRC32C of the payload
 *                                                32  4  CRC32C of bytes 0..31
 *
 * Behind the last record comes the end of the file, or an end mark and then anything: 0xa1 'E' 'N' 'D', and as in a
 * record header the position at 8, the checksum at 32; zeros else. Whatever is written ends with one, and the next
 * record is written over it.
 *
 * Positions count record bytes only: a record at file offset o of the segment with start s has position s + o - 32, and
 * the record behind it has the position that this one's length says. Each record carries its position under its own
 * checksum. So a record is good only where it was written: what looks like one inside a payload (somebody may send us a
 * journal) is at a place that it cannot know, and is never taken for one when we look for the next good record behind
 * a damaged one. With its own checksum over the header a length can be believed: a damaged payload costs one record,
 * and a lying length nothing. The payload's checksum comes apart from the header's because it is computed by the
 * appending thread, before the position is known, while the bytes are still in that core's cache.
 *
 * Files are written over again (segments.c), so that behind the end there may be whole good records of an earlier life
 * of the file. They cannot come back: in that life the file began at a smaller position, so that what it has at offset
 * o says a smaller position than s + o - 32; the same holds for its end marks. What the end mark is needed for is
 * telling a clean end, where nothing is missing and nothing has to be looked for, from damage, behind which good
 * records may come. A reader that does not know where the log ends takes the first mark for it. One that does (from the
 * name of the next segment) looks for good records behind a mark that comes before: there, a block with an old mark in
 * it was not written before the power failed, but later ones were.
 *
 * Version 1 had no end marks at first. A reader of those days finds in one a damaged place without a good record behind
 * it, which is what a torn tail is: it cuts it off, and loses nothing. */
#define _GNU_SOURCE /* memmem */
#include "collector/journal/segment.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const uint8_t segment_magic[8] = "SEISMLOG";
static const uint8_t record_mark[4] = {0xa1, 'R', 'E', 'C'};
static const uint8_t end_mark[4] = {0xa1, 'E', 'N', 'D'};

enum { WINDOW_BYTES = 1 << 20 }; /* read at once; grows to hold one whole record */

void segment_name(uint64_t start, char name[SEGMENT_NAME_BYTES + 1]) {
    (void)snprintf(name, SEGMENT_NAME_BYTES + 1, "%016" PRIx64 ".segment", start);
}

bool segment_name_read(const char *name, uint64_t *start) {
    if (strlen(name) != SEGMENT_NAME_BYTES || strcmp(name + 16, ".segment") != 0) return false;
    uint64_t value = 0;
    for (int i = 0; i < 16; i++) {
        unsigned char c = (unsigned char)name[i];
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) return false;
        value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *start = value;
    return true;
}

static void put_u32(uint8_t *at, uint32_t value) {
    memcpy(at, &value, 4);
}
static void put_u64(uint8_t *at, uint64_t value) {
    memcpy(at, &value, 8);
}

void segment_header_write(uint64_t start, uint8_t header[SEGMENT_HEADER_BYTES]) {
    memset(header, 0, SEGMENT_HEADER_BYTES);
    memcpy(header, segment_magic, sizeof segment_magic);
    put_u32(header + 8, SEGMENT_VERSION);
    put_u64(header + 16, start);
    put_u32(header + 28, crc32c(0, header, 28));
}

static bool all_zero(slice_t bytes) {
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] != 0) return false;
    return true;
}

segment_state_t segment_header_read(slice_t bytes, uint64_t start) {
    bytes_t in = bytes_of(bytes);
    slice_t magic, checked;
    uint32_t version, zero, crc;
    uint64_t named;
    if (bytes.len < SEGMENT_HEADER_BYTES) return SEGMENT_DAMAGED;
    if (!bytes_take(&in, 8, &magic) || !bytes_u32(&in, &version) || !bytes_u32(&in, &zero) || !bytes_u64(&in, &named) ||
        !bytes_u32(&in, &zero) || !bytes_u32(&in, &crc))
        return SEGMENT_DAMAGED;
    checked = slice_of(bytes.data, 28);
    bool ours = slice_equal(magic, slice_of(segment_magic, 8));
    if (ours && crc == crc32c(0, checked.data, checked.len)) {
        if (version != SEGMENT_VERSION) return SEGMENT_NEWER;
        return named == start ? SEGMENT_FINE : SEGMENT_DAMAGED; /* its records are not at the positions they say */
    }
    return ours || named == start || all_zero(checked) ? SEGMENT_DAMAGED : SEGMENT_FOREIGN;
}

uint32_t segment_payload_crc(slice_t payload) {
    return crc32c(0, payload.data, payload.len);
}

void segment_record_write(uint64_t position, uint8_t kind, int64_t arrival_ns, uint32_t payload_len,
                          uint32_t payload_crc, uint8_t header[SEGMENT_RECORD_HEADER_BYTES]) {
    memcpy(header, record_mark, sizeof record_mark);
    put_u32(header + 4, payload_len);
    put_u64(header + 8, position);
    put_u64(header + 16, (uint64_t)arrival_ns);
    put_u32(header + 24, kind);
    put_u32(header + 28, payload_crc);
    put_u32(header + 32, crc32c(0, header, 32));
}

void segment_end_write(uint64_t position, uint8_t mark[SEGMENT_RECORD_HEADER_BYTES]) {
    memset(mark, 0, SEGMENT_RECORD_HEADER_BYTES);
    memcpy(mark, end_mark, sizeof end_mark);
    put_u64(mark + 8, position);
    put_u32(mark + 32, crc32c(0, mark, 32));
}

void segment_reader_init(segment_reader_t *reader, const files_t *files, int fd, uint64_t start, uint64_t limit) {
    *reader = (segment_reader_t){
        .files = files, .fd = fd, .start = start, .at = start, .limit = limit, .valid_end = start, .window_at = start};
}

void segment_reader_fini(segment_reader_t *reader) {
    buffer_fini(&reader->window);
}

/* Fills the window with bytes from position `at` on, `len` of them if the segment has so many. */
static bool window_fill(segment_reader_t *reader, uint64_t at, size_t len) {
    buffer_clear(&reader->window);
    reader->window_at = at;
    uint8_t *data = buffer_reserve(&reader->window, len);
    while (reader->window.len < len) {
        uint64_t offset = at - reader->start + SEGMENT_HEADER_BYTES + reader->window.len;
        ssize_t got = reader->files->pread(reader->files, reader->fd, data + reader->window.len,
                                           len - reader->window.len, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return false;
        if (got == 0) break;
        reader->window.len += (size_t)got;
    }
    return true;
}

/* Bytes of the file from position `at` on, at least `want` of them unless the segment ends before. */
static slice_t window_at(segment_reader_t *reader, uint64_t at, size_t want) {
    uint64_t left = at < reader->limit ? reader->limit - at : 0;
    if (want > left) want = (size_t)left;
    uint64_t end = reader->window_at + reader->window.len;
    if (at < reader->window_at || at + want > end) {
        size_t len = want > WINDOW_BYTES ? want : WINDOW_BYTES;
        if (len > left) len = (size_t)left;
        if (!window_fill(reader, at, len)) {
            reader->unread++;
            reader->limit = at; /* nothing behind a place that the disk cannot read is trusted to come */
            buffer_clear(&reader->window);
            return slice_of(NULL, 0);
        }
        end = reader->window_at + reader->window.len;
        if (end < reader->limit && len > reader->window.len) reader->limit = end; /* the file is shorter than said */
    }
    size_t skip = (size_t)(at - reader->window_at);
    return slice_of(reader->window.data + skip, reader->window.len - skip);
}

/* Reads the header at the start of `bytes`, which is at position `at`. False when it is not a good one. */
static bool header_read(slice_t bytes, uint64_t at, journal_record_t *record, uint32_t *len, uint32_t *crc) {
    bytes_t in = bytes_of(bytes);
    slice_t mark;
    uint64_t position, arrival;
    uint32_t kind, header_crc;
    if (!bytes_take(&in, 4, &mark) || !bytes_u32(&in, len) || !bytes_u64(&in, &position) || !bytes_u64(&in, &arrival) ||
        !bytes_u32(&in, &kind) || !bytes_u32(&in, crc) || !bytes_u32(&in, &header_crc))
        return false;
    if (!slice_equal(mark, slice_of(record_mark, 4)) || position != at || kind > UINT8_MAX ||
        *len > SEGMENT_PAYLOAD_MAX || header_crc != crc32c(0, bytes.data, 32))
        return false;
    *record = (journal_record_t){.position = at,
                                 .next = at + SEGMENT_RECORD_HEADER_BYTES + *len,
                                 .arrival_ns = (int64_t)arrival,
                                 .kind = (uint8_t)kind};
    return true;
}

/* Is the end of the log marked at `at`? */
static bool end_marked(segment_reader_t *reader, uint64_t at) {
    uint8_t mark[SEGMENT_RECORD_HEADER_BYTES];
    slice_t bytes = window_at(reader, at, sizeof mark);
    segment_end_write(at, mark);
    return bytes.len >= sizeof mark && memcmp(bytes.data, mark, sizeof mark) == 0;
}

typedef enum { RECORD_GOOD, RECORD_BAD_PAYLOAD, RECORD_BAD } record_state_t;

static record_state_t record_at(segment_reader_t *reader, uint64_t at, journal_record_t *record) {
    uint32_t len, crc;
    if (!header_read(window_at(reader, at, SEGMENT_RECORD_HEADER_BYTES), at, record, &len, &crc)) return RECORD_BAD;
    if (record->next > reader->limit) return RECORD_BAD; /* cut short */
    slice_t whole = window_at(reader, at, SEGMENT_RECORD_HEADER_BYTES + (size_t)len);
    if (whole.len < SEGMENT_RECORD_HEADER_BYTES + (size_t)len) return RECORD_BAD;
    record->payload = slice_of(whole.data + SEGMENT_RECORD_HEADER_BYTES, len);
    return segment_payload_crc(record->payload) == crc ? RECORD_GOOD : RECORD_BAD_PAYLOAD;
}

/* Position of the next place behind `at` that carries the mark, or the limit. */
static uint64_t next_mark(segment_reader_t *reader, uint64_t at) {
    for (at++; at < reader->limit;) {
        slice_t bytes = window_at(reader, at, SEGMENT_RECORD_HEADER_BYTES);
        if (bytes.len < SEGMENT_RECORD_HEADER_BYTES) break;
        const uint8_t *found = memmem(bytes.data, bytes.len, record_mark, sizeof record_mark);
        if (found != NULL) return at + (uint64_t)(found - bytes.data);
        at += bytes.len - sizeof record_mark + 1;
    }
    return reader->limit;
}

bool segment_next(segment_reader_t *reader, journal_record_t *record) {
    while (reader->at < reader->limit) {
        record_state_t state = record_at(reader, reader->at, record);
        if (state == RECORD_GOOD) {
            reader->at = reader->valid_end = record->next;
            reader->damaged = false;
            return true;
        }
        if (state == RECORD_BAD && reader->until_mark && end_marked(reader, reader->at)) {
            reader->limit = reader->at;
            return false;
        }
        /* One stretch of damage counts once, however many bytes are tried in it; a good header with a bad payload is
         * a record of its own. */
        if (!reader->damaged || state == RECORD_BAD_PAYLOAD) reader->corrupt++;
        reader->damaged = state != RECORD_BAD_PAYLOAD || record->next >= reader->limit;
        reader->at = state == RECORD_BAD_PAYLOAD ? record->next : next_mark(reader, reader->at);
    }
    return false;
}
