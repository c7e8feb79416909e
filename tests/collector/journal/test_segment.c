/* The format of segment files, against bytes written down once (golden.segment), and against hostile content. */
#include "collector/journal/segment.h"
#include "tests/test.h"

#include <stdlib.h>

/* A file that is only memory. */
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

static memory_file_t memory_file(slice_t bytes) {
    return (memory_file_t){{.pread = memory_pread}, bytes};
}

static void put_record(buffer_t *file, uint64_t start, uint8_t kind, int64_t arrival_ns, slice_t payload) {
    uint8_t *header = buffer_reserve(file, SEGMENT_RECORD_HEADER_BYTES);
    segment_record_write(start + file->len - SEGMENT_HEADER_BYTES, kind, arrival_ns, (uint32_t)payload.len,
                         segment_payload_crc(payload), header);
    file->len += SEGMENT_RECORD_HEADER_BYTES;
    buffer_append(file, payload.data, payload.len);
}

static void put_header(buffer_t *file, uint64_t start) {
    segment_header_write(start, buffer_reserve(file, SEGMENT_HEADER_BYTES));
    file->len += SEGMENT_HEADER_BYTES;
}

static buffer_t example(void) {
    buffer_t file = {0};
    put_header(&file, 4096);
    put_record(&file, 4096, 0, INT64_C(1700000000123456789), slice_text("the first record"));
    put_record(&file, 4096, 3, -1, slice_text(""));
    put_record(&file, 4096, 2, 0, slice_text("the third"));
    return file;
}

TEST(the_format_is_the_golden_file) {
    buffer_t file = example();
    uint8_t golden[512];
    FILE *in = fopen("tests/collector/journal/golden.segment", "rb");
    REQUIRE(in != NULL);
    size_t len = fread(golden, 1, sizeof golden, in);
    (void)fclose(in);
    CHECK_EQUAL(len, file.len);
    CHECK(len == file.len && memcmp(golden, file.data, len) == 0);
    buffer_fini(&file);
}

TEST(the_golden_file_is_read) {
    uint8_t golden[512];
    FILE *in = fopen("tests/collector/journal/golden.segment", "rb");
    REQUIRE(in != NULL);
    memory_file_t file = memory_file(slice_of(golden, fread(golden, 1, sizeof golden, in)));
    (void)fclose(in);
    CHECK_EQUAL(segment_header_read(file.bytes, 4096), SEGMENT_FINE);
    segment_reader_t reader;
    journal_record_t record;
    segment_reader_init(&reader, &file.files, 0, 4096, 4096 + file.bytes.len - SEGMENT_HEADER_BYTES);
    REQUIRE(segment_next(&reader, &record));
    CHECK_EQUAL(record.position, 4096);
    CHECK_EQUAL(record.arrival_ns, INT64_C(1700000000123456789));
    CHECK(slice_is(record.payload, "the first record"));
    REQUIRE(segment_next(&reader, &record));
    CHECK_EQUAL(record.kind, 3);
    CHECK_EQUAL(record.arrival_ns, -1);
    REQUIRE(segment_next(&reader, &record));
    CHECK(slice_is(record.payload, "the third"));
    CHECK(!segment_next(&reader, &record));
    CHECK_EQUAL(reader.corrupt, 0);
    segment_reader_fini(&reader);
}

TEST(headers_are_judged) {
    uint8_t header[SEGMENT_HEADER_BYTES];
    segment_header_write(77, header);
    slice_t bytes = slice_of(header, sizeof header);
    CHECK_EQUAL(segment_header_read(bytes, 77), SEGMENT_FINE);
    CHECK_EQUAL(segment_header_read(bytes, 78), SEGMENT_FOREIGN);
    CHECK_EQUAL(segment_header_read(slice_of(header, 31), 77), SEGMENT_DAMAGED);
    CHECK_EQUAL(segment_header_read(slice_of(header, 0), 77), SEGMENT_DAMAGED);
    for (size_t bit = 0; bit < sizeof header * 8; bit++) {
        header[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK_EQUAL(segment_header_read(bytes, 77), SEGMENT_DAMAGED);
        header[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    memset(header, 0, sizeof header);
    CHECK_EQUAL(segment_header_read(bytes, 77), SEGMENT_DAMAGED);
    memset(header, 'x', sizeof header);
    CHECK_EQUAL(segment_header_read(bytes, 77), SEGMENT_FOREIGN);
}

TEST(names_are_start_positions) {
    char name[SEGMENT_NAME_BYTES + 1];
    uint64_t start;
    segment_name(UINT64_C(0x1234abcd), name);
    CHECK_TEXT(name, "000000001234abcd.segment");
    CHECK(segment_name_read(name, &start));
    CHECK_EQUAL(start, 0x1234abcd);
    CHECK(!segment_name_read("000000001234ABCD.segment", &start));
    CHECK(!segment_name_read("000000001234abcd.segmen", &start));
    CHECK(!segment_name_read("000000001234abcd.segment~", &start));
    CHECK(!segment_name_read("../../../../etc/.segment", &start));
    CHECK(!segment_name_read("", &start));
}

TEST(a_journal_inside_a_payload_is_never_taken_for_records) {
    buffer_t inner = {0}, outer = {0};
    put_header(&inner, 0);
    for (int i = 0; i < 1000; i++) put_record(&inner, 0, 1, i, slice_text("forged"));
    put_header(&outer, 0);
    put_record(&outer, 0, 0, 1, buffer_slice(&inner));
    put_record(&outer, 0, 0, 2, slice_text("behind"));
    outer.data[SEGMENT_HEADER_BYTES] ^= 1; /* its mark is damaged: the next good one is looked for inside */
    memory_file_t file = memory_file(buffer_slice(&outer));
    segment_reader_t reader;
    journal_record_t record;
    segment_reader_init(&reader, &file.files, 0, 0, outer.len - SEGMENT_HEADER_BYTES);
    REQUIRE(segment_next(&reader, &record));
    CHECK(slice_is(record.payload, "behind"));
    CHECK(!segment_next(&reader, &record));
    CHECK_EQUAL(reader.corrupt, 1);
    segment_reader_fini(&reader);
    buffer_fini(&inner);
    buffer_fini(&outer);
}

TEST(records_larger_than_the_window_and_across_it_are_read) {
    buffer_t file = {0};
    uint8_t *payload = malloc(3 << 20);
    REQUIRE(payload != NULL);
    for (size_t i = 0; i < 3 << 20; i++) payload[i] = (uint8_t)(i * 31 + (i >> 8));
    put_header(&file, 0);
    for (size_t len = 1; len < 3 << 20; len = len * 3 + 1000)
        put_record(&file, 0, 0, (int64_t)len, slice_of(payload, len));
    memory_file_t memory = memory_file(buffer_slice(&file));
    segment_reader_t reader;
    journal_record_t record;
    segment_reader_init(&reader, &memory.files, 0, 0, file.len - SEGMENT_HEADER_BYTES);
    for (size_t len = 1; len < 3 << 20; len = len * 3 + 1000) {
        REQUIRE(segment_next(&reader, &record));
        CHECK(slice_equal(record.payload, slice_of(payload, len)));
    }
    CHECK(!segment_next(&reader, &record));
    CHECK_EQUAL(reader.corrupt, 0);
    segment_reader_fini(&reader);
    buffer_fini(&file);
    free(payload);
}

TEST(a_limit_beyond_the_file_ends_reading_at_the_file) {
    buffer_t file = example();
    memory_file_t memory = memory_file(buffer_slice(&file));
    segment_reader_t reader;
    journal_record_t record;
    segment_reader_init(&reader, &memory.files, 0, 4096, UINT64_MAX);
    int count = 0;
    while (segment_next(&reader, &record)) count++;
    CHECK_EQUAL(count, 3);
    segment_reader_fini(&reader);
    buffer_fini(&file);
}

TEST_MAIN(TEST_CASE(the_format_is_the_golden_file), TEST_CASE(the_golden_file_is_read), TEST_CASE(headers_are_judged),
          TEST_CASE(names_are_start_positions), TEST_CASE(a_journal_inside_a_payload_is_never_taken_for_records),
          TEST_CASE(records_larger_than_the_window_and_across_it_are_read),
          TEST_CASE(a_limit_beyond_the_file_ends_reading_at_the_file))
