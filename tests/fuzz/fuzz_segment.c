/* A segment file with any content at all: read to the end without a wrong access, and nothing that fails its own
 * checksum or is not where it says comes out. The first 32 bytes are the file header. */
#include "base/crc32c.h"
#include "collector/journal/segment.h"

#include <stdlib.h>

typedef struct {
    files_t files;
    slice_t bytes;
} memory_file_t;

static ssize_t memory_pread(const files_t *files, int fd, void *data, size_t len, uint64_t offset) {
    const memory_file_t *file = (const memory_file_t *)(const void *)files;
    (void)fd;
    if (offset >= file->bytes.len) return 0;
    if (len > file->bytes.len - offset) len = file->bytes.len - (size_t)offset;
    memcpy(data, file->bytes.data + offset, len);
    return (ssize_t)len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    memory_file_t file = {{.pread = memory_pread}, slice_of(data, size)};
    uint64_t start = 4096;
    (void)segment_header_read(file.bytes, start);
    segment_reader_t reader;
    journal_record_t record;
    segment_reader_init(&reader, &file.files, 0, start,
                        start + (size > SEGMENT_HEADER_BYTES ? size - SEGMENT_HEADER_BYTES : 0));
    uint64_t at = start;
    while (segment_next(&reader, &record)) {
        if (record.position < at || record.next > reader.limit) abort();
        size_t offset = (size_t)(record.position - start) + SEGMENT_HEADER_BYTES;
        uint32_t crc;
        memcpy(&crc, data + offset + 28, 4);
        if (crc != crc32c(0, record.payload.data, record.payload.len)) abort();
        at = record.next;
    }
    segment_reader_fini(&reader);
    return 0;
}
