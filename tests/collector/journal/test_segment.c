/* The format of segment files, against bytes written down once (golden.segment: a file that was closed;
 * golden-reused.segment: one that is being written over an older one), and against hostile content. */
#include "collector/journal/segment.h"
#include "tests/test.h"

#include <stdlib.h>
#include <time.h>

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

static void put_end(buffer_t *file, uint64_t start) {
    segment_end_write(start + file->len - SEGMENT_HEADER_BYTES, buffer_reserve(file, SEGMENT_RECORD_HEADER_BYTES));
    file->len += SEGMENT_RECORD_HEADER_BYTES;
}

/* Puts `file` over the beginning of `old`, as it is when a file is written over again. */
static void put_over(buffer_t *file, slice_t old) {
    if (file->len < old.len) buffer_append(file, old.data + file->len, old.len - file->len);
}

/* A segment of two records and an end mark over one of five records that began at 4096. */
static buffer_t example_reused(void) {
    buffer_t file = {0}, old = {0};
    put_header(&old, 4096);
    for (int i = 0; i < 5; i++) put_record(&old, 4096, 1, i, slice_text("of an earlier life"));
    put_end(&old, 4096);
    put_header(&file, 8192);
    put_record(&file, 8192, 0, INT64_C(1700000000123456789), slice_text("the first record"));
    put_record(&file, 8192, 2, 0, slice_text("the second"));
    put_end(&file, 8192);
    for (int i = 0; i < 20; i++) buffer_byte(&file, 0);
    put_over(&file, buffer_slice(&old));
    buffer_fini(&old);
    return file;
}

static void compare_golden(const char *path, buffer_t file) {
    uint8_t golden[512];
    FILE *in = fopen(path, "rb");
    REQUIRE(in != NULL);
    size_t len = fread(golden, 1, sizeof golden, in);
    (void)fclose(in);
    CHECK_EQUAL(len, file.len);
    CHECK(len == file.len && memcmp(golden, file.data, len) == 0);
    buffer_fini(&file);
}

TEST(the_format_is_the_golden_files) {
    compare_golden("tests/collector/journal/golden.segment", example());
    compare_golden("tests/collector/journal/golden-reused.segment", example_reused());
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
    CHECK_EQUAL(segment_header_read(bytes, 78), SEGMENT_DAMAGED); /* taken for another segment, header not written */
    CHECK_EQUAL(segment_header_read(bytes, 76), SEGMENT_DAMAGED);
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

TEST(an_end_mark_ends_reading_and_nothing_behind_it_is_damage) {
    buffer_t file = example_reused();
    memory_file_t memory = memory_file(buffer_slice(&file));
    segment_reader_t reader;
    journal_record_t record;
    segment_reader_init(&reader, &memory.files, 0, 8192, 8192 + file.len - SEGMENT_HEADER_BYTES);
    reader.until_mark = true;
    REQUIRE(segment_next(&reader, &record));
    CHECK(slice_is(record.payload, "the first record"));
    REQUIRE(segment_next(&reader, &record));
    CHECK(slice_is(record.payload, "the second"));
    CHECK(!segment_next(&reader, &record));
    CHECK_EQUAL(reader.corrupt, 0);
    CHECK_EQUAL(reader.valid_end, 8192 + 36 + 16 + 36 + 10);
    CHECK_EQUAL(reader.limit, reader.valid_end);
    segment_reader_fini(&reader);
    buffer_fini(&file);
}

TEST(who_knows_the_end_finds_the_records_behind_a_mark_that_was_not_written_over) {
    buffer_t file = {0};
    put_header(&file, 0);
    put_record(&file, 0, 0, 1, slice_text("before"));
    size_t lost = file.len;
    put_record(&file, 0, 0, 2, slice_text("in a block that never reached the disk"));
    put_record(&file, 0, 0, 3, slice_text("behind"));
    segment_end_write(lost - SEGMENT_HEADER_BYTES, file.data + lost);
    memory_file_t memory = memory_file(buffer_slice(&file));
    for (int until_mark = 0; until_mark < 2; until_mark++) {
        segment_reader_t reader;
        journal_record_t record;
        segment_reader_init(&reader, &memory.files, 0, 0, file.len - SEGMENT_HEADER_BYTES);
        reader.until_mark = until_mark != 0;
        REQUIRE(segment_next(&reader, &record));
        CHECK(slice_is(record.payload, "before"));
        CHECK_EQUAL(segment_next(&reader, &record), !until_mark);
        CHECK(until_mark || slice_is(record.payload, "behind"));
        CHECK(!segment_next(&reader, &record));
        CHECK_EQUAL(reader.corrupt, until_mark ? 0 : 1);
        segment_reader_fini(&reader);
    }
    buffer_fini(&file);
}

TEST(an_end_mark_elsewhere_or_with_a_wrong_bit_is_none) {
    buffer_t file = example_reused();
    size_t mark = SEGMENT_HEADER_BYTES + 36 + 16 + 36 + 10;
    memory_file_t memory = memory_file(buffer_slice(&file));
    for (size_t bit = 0; bit < SEGMENT_RECORD_HEADER_BYTES * 8; bit++) {
        segment_reader_t reader;
        journal_record_t record;
        file.data[mark + bit / 8] ^= (uint8_t)(1 << bit % 8);
        segment_reader_init(&reader, &memory.files, 0, 8192, 8192 + file.len - SEGMENT_HEADER_BYTES);
        reader.until_mark = true;
        int count = 0;
        while (segment_next(&reader, &record)) count++;
        CHECK_EQUAL(count, 2);
        CHECK_EQUAL(reader.corrupt, 1);
        CHECK(reader.valid_end < reader.limit);
        segment_reader_fini(&reader);
        file.data[mark + bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    buffer_fini(&file);
}

static void put_random_records(buffer_t *file, uint64_t start, size_t bytes, int64_t life, uint64_t *state) {
    uint8_t payload[300];
    while (file->len < bytes) {
        size_t len = test_random(state) % sizeof payload;
        memset(payload, (int)life, len);
        put_record(file, start, (uint8_t)(test_random(state) % 4), life, slice_of(payload, len));
    }
    put_end(file, start);
}

TEST(records_of_an_earlier_life_of_the_file_are_never_read_however_it_is_cut_up) {
    uint64_t seed = (uint64_t)time(NULL), state = seed;
    (void)printf("     seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 500; round++) {
        buffer_t file = {0};
        uint64_t start = 0;
        for (int64_t life = 1; life <= 4; life++) {
            buffer_t next = {0};
            start += test_random(&state) % 2 == 0 ? 1 + test_random(&state) % 50 : test_random(&state) % 100000 + 1;
            put_header(&next, start);
            put_random_records(&next, start, test_random(&state) % 8000, life, &state);
            if (test_random(&state) % 2 == 0) next.len = test_random(&state) % (next.len + 1); /* torn */
            put_over(&next, buffer_slice(&file));
            buffer_fini(&file);
            file = next;
        }
        for (int hurt = (int)(test_random(&state) % 4); hurt > 0; hurt--)
            file.data[test_random(&state) % file.len] ^= (uint8_t)(1 + test_random(&state) % 255);
        memory_file_t memory = memory_file(buffer_slice(&file));
        segment_reader_t reader;
        journal_record_t record;
        segment_reader_init(&reader, &memory.files, 0, start, start + file.len);
        reader.until_mark = test_random(&state) % 2 == 0;
        while (segment_next(&reader, &record)) CHECK_EQUAL(record.arrival_ns, 4);
        segment_reader_fini(&reader);
        buffer_fini(&file);
    }
}

TEST_MAIN(TEST_CASE(the_format_is_the_golden_files), TEST_CASE(the_golden_file_is_read), TEST_CASE(headers_are_judged),
          TEST_CASE(names_are_start_positions), TEST_CASE(a_journal_inside_a_payload_is_never_taken_for_records),
          TEST_CASE(records_larger_than_the_window_and_across_it_are_read),
          TEST_CASE(a_limit_beyond_the_file_ends_reading_at_the_file),
          TEST_CASE(an_end_mark_ends_reading_and_nothing_behind_it_is_damage),
          TEST_CASE(who_knows_the_end_finds_the_records_behind_a_mark_that_was_not_written_over),
          TEST_CASE(an_end_mark_elsewhere_or_with_a_wrong_bit_is_none),
          TEST_CASE(records_of_an_earlier_life_of_the_file_are_never_read_however_it_is_cut_up))
