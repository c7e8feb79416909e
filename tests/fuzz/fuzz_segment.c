/* A segment file with any content at all: read to the end without a wrong access, and nothing that fails its own
 * checksum or is not where it says comes out; what is read up to an end mark is the beginning of what is read beyond
 * it. The first 32 bytes are the file header. Where the disk refuses to read, nothing behind it comes out. And the same
 * bytes, written as a record, come back. */
#include "base/crc32c.h"
#include "collector/journal/segment.h"

#include <stdlib.h>

typedef struct {
    files_t files;
    slice_t bytes;
    uint64_t bad; /* the disk cannot read the byte here; UINT64_MAX = it can read all */
} memory_file_t;

static ssize_t memory_pread(const files_t *files, int fd, void *data, size_t len, uint64_t offset) {
    const memory_file_t *file = (const memory_file_t *)(const void *)files;
    (void)fd;
    if (offset >= file->bytes.len) return 0;
    if (len > file->bytes.len - offset) len = file->bytes.len - (size_t)offset;
    if (file->bad >= offset && file->bad - offset < len) return -1;
    memcpy(data, file->bytes.data + offset, len);
    return (ssize_t)len;
}

enum { START = 4096 };

/* Reads the file, and stops behind `most` records; gives the position behind the last one. */
static uint64_t read_file(const memory_file_t *file, bool until_mark, uint64_t most, uint64_t *count) {
    uint64_t size = file->bytes.len, at = START;
    segment_reader_t reader;
    journal_record_t record;
    segment_reader_init(&reader, &file->files, 0, START,
                        START + (size > SEGMENT_HEADER_BYTES ? size - SEGMENT_HEADER_BYTES : 0));
    reader.until_mark = until_mark;
    for (*count = 0; *count < most && segment_next(&reader, &record); ++*count) {
        if (record.position < at || record.next > reader.limit) abort();
        size_t offset = (size_t)(record.position - START) + SEGMENT_HEADER_BYTES;
        uint32_t crc;
        memcpy(&crc, file->bytes.data + offset + 28, 4);
        if (crc != crc32c(0, record.payload.data, record.payload.len)) abort();
        at = record.next;
    }
    if (reader.valid_end > reader.limit) abort();
    if (reader.unread > 0 && file->bad == UINT64_MAX) abort();
    segment_reader_fini(&reader);
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file of one record with this payload, and its end mark. */
static void write_and_read(slice_t payload) {
    enum { HEAD = SEGMENT_HEADER_BYTES + SEGMENT_RECORD_HEADER_BYTES };
    size_t size = HEAD + payload.len + SEGMENT_RECORD_HEADER_BYTES;
    uint8_t *bytes = malloc(size);
    segment_header_write(START, bytes);
    segment_record_write(START, 1, -7, (uint32_t)payload.len, segment_payload_crc(payload),
                         bytes + SEGMENT_HEADER_BYTES);
    if (payload.len > 0) memcpy(bytes + HEAD, payload.data, payload.len);
    segment_end_write(START + SEGMENT_RECORD_HEADER_BYTES + payload.len, bytes + HEAD + payload.len);
    memory_file_t file = {{.pread = memory_pread}, slice_of(bytes, size), UINT64_MAX};
    segment_reader_t reader;
    journal_record_t record;
    if (segment_header_read(file.bytes, START) != SEGMENT_FINE) abort();
    segment_reader_init(&reader, &file.files, 0, START, START + size - SEGMENT_HEADER_BYTES);
    reader.until_mark = true;
    if (!segment_next(&reader, &record) || record.position != START || record.kind != 1 || record.arrival_ns != -7 ||
        !slice_equal(record.payload, payload))
        abort();
    if (segment_next(&reader, &record) || reader.corrupt > 0 || reader.damaged || reader.valid_end != reader.limit)
        abort();
    segment_reader_fini(&reader);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    memory_file_t file = {{.pread = memory_pread}, slice_of(data, size), UINT64_MAX};
    uint64_t marked, all, start;
    char name[SEGMENT_NAME_BYTES + 1] = "", again[SEGMENT_NAME_BYTES + 1];
    if (size > 0) memcpy(name, data, size < SEGMENT_NAME_BYTES ? size : SEGMENT_NAME_BYTES);
    if (segment_name_read(name, &start)) {
        segment_name(start, again);
        if (strcmp(name, again) != 0) abort();
    }
    (void)segment_header_read(file.bytes, START);
    uint64_t end = read_file(&file, true, UINT64_MAX, &marked);
    if (read_file(&file, false, marked, &all) != end || all != marked) abort();
    (void)read_file(&file, false, UINT64_MAX, &all);
    file.bad = size / 2;
    if (read_file(&file, false, UINT64_MAX, &marked) > START + size || marked > all) abort();
    write_and_read(slice_of(data, size));
    return 0;
}
