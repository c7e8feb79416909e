/* Recordings in every packing give the same requests; several files come merged; damage is named. */
#include "cli/event_time.h"
#include "cli/recording.h"
#include "cli/source.h"
#include "tests/test.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static char why[700];

typedef struct {
    char path[64];
} temporary_t;

static temporary_t temporary(slice_t bytes, const char *suffix) {
    temporary_t file;
    (void)snprintf(file.path, sizeof file.path, "/tmp/seismesh-rec-XXXXXX%s", suffix);
    int fd = mkstemps(file.path, (int)strlen(suffix));
    if (fd < 0 || write(fd, bytes.data, bytes.len) != (ssize_t)bytes.len) abort();
    (void)close(fd);
    return file;
}

static void put_fixed64(buffer_t *out, uint32_t field, uint64_t value) {
    buffer_varint(out, field << 3 | WIRE_FIXED64);
    buffer_u64(out, value);
}

static void put_block(buffer_t *out, uint32_t field, buffer_t *content) {
    buffer_varint(out, field << 3 | WIRE_BLOCK);
    buffer_block(out, buffer_slice(content));
    buffer_fini(content);
}

/* A traces request with one span that ends then, and a name of `size` bytes. */
static buffer_t request(uint64_t end_ns, size_t size) {
    buffer_t span = {0}, name = {0}, scope = {0}, resource = {0}, out = {0};
    for (size_t i = 0; i < size; i++) buffer_byte(&name, 'x');
    put_block(&span, 5, &name);
    put_fixed64(&span, 7, end_ns - 1);
    put_fixed64(&span, 8, end_ns);
    put_block(&scope, 2, &span);
    put_block(&resource, 2, &scope);
    put_block(&out, 1, &resource);
    return out;
}

static void put_line(buffer_t *out, uint64_t end_ns, size_t size) {
    buffer_format(out, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"");
    for (size_t i = 0; i < size; i++) buffer_byte(out, 'x');
    buffer_format(out, "\",\"startTimeUnixNano\":\"%llu\",\"endTimeUnixNano\":\"%llu\"}]}]}]}\n",
                  (unsigned long long)(end_ns - 1), (unsigned long long)end_ns);
}

static void put_delimited(buffer_t *out, uint64_t end_ns, size_t size) {
    buffer_t body = request(end_ns, size);
    buffer_block(out, buffer_slice(&body));
    buffer_fini(&body);
}

enum { COUNT = 300 };
static size_t size_of(uint64_t n) {
    return n % 50 == 7 ? 200000 : 1 + n * 37 % 300; /* never empty: JSON leaves empty names out */
}

/* Reads the whole recording: requests 1..COUNT, each at its time. */
static void check_all(const char *path) {
    recording_t *recording;
    recorded_t item;
    REQUIRE(recording_open(&path, 1, &recording, why, sizeof why) == ERR_OK);
    for (uint64_t n = 1; n <= COUNT; n++) {
        REQUIRE(recording_next(recording, &item, why, sizeof why) == ERR_OK);
        buffer_t expected = request(n * 1000, size_of(n));
        CHECK_EQUAL(item.kind, OTLP_TRACES);
        CHECK_EQUAL(item.event_ns, n * 1000);
        CHECK_EQUAL(item.items, 1);
        CHECK_EQUAL(item.line, n);
        CHECK(slice_equal(item.payload, buffer_slice(&expected)));
        buffer_fini(&expected);
    }
    CHECK_EQUAL(recording_next(recording, &item, why, sizeof why), ERR_NOT_FOUND);
    CHECK_EQUAL(recording_next(recording, &item, why, sizeof why), ERR_NOT_FOUND);
    CHECK_EQUAL(recording_bytes_read(recording), recording_bytes(recording));
    recording_close(recording);
}

static buffer_t gzipped(slice_t plain) {
    buffer_t out = {0};
    z_stream z = {0};
    if (deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) abort();
    z.next_in = (Bytef *)(uintptr_t)plain.data;
    z.avail_in = (uInt)plain.len;
    z.avail_out = (uInt)deflateBound(&z, plain.len);
    z.next_out = buffer_reserve(&out, z.avail_out);
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) abort();
    out.len = z.total_out;
    (void)deflateEnd(&z);
    return out;
}

static buffer_t zstd_packed(slice_t plain) {
    buffer_t out = {0};
    size_t bound = ZSTD_compressBound(plain.len);
    out.len = ZSTD_compress(buffer_reserve(&out, bound), bound, plain.data, plain.len, 3);
    if (ZSTD_isError(out.len)) abort();
    return out;
}

TEST(every_packing_gives_the_same_requests) {
    buffer_t lines = {0}, delimited = {0};
    for (uint64_t n = 1; n <= COUNT; n++) {
        put_line(&lines, n * 1000, size_of(n));
        put_delimited(&delimited, n * 1000, size_of(n));
    }
    const buffer_t *const plain[] = {&lines, &delimited};
    for (int framing = 0; framing < 2; framing++) {
        slice_t bytes = buffer_slice(plain[framing]);
        buffer_t gz = gzipped(bytes), zst = zstd_packed(bytes);
        /* Two members, or frames, one behind the other. */
        buffer_t parts = gzipped(slice_of(bytes.data, bytes.len / 3)),
                 rest = gzipped(slice_of(bytes.data + bytes.len / 3, bytes.len - bytes.len / 3));
        buffer_append(&parts, rest.data, rest.len);
        const slice_t files[] = {bytes, buffer_slice(&gz), buffer_slice(&zst), buffer_slice(&parts)};
        for (size_t i = 0; i < 4; i++) {
            temporary_t file = temporary(files[i], framing == 0 ? ".data" : ".traces.pb");
            check_all(file.path);
            (void)unlink(file.path);
        }
        buffer_fini(&gz);
        buffer_fini(&zst);
        buffer_fini(&parts);
        buffer_fini(&rest);
    }
    buffer_fini(&lines);
    buffer_fini(&delimited);
}

TEST(several_files_come_merged_by_event_time) {
    uint64_t seed = 42;
    enum { FILES = 7 };
    buffer_t contents[FILES] = {0};
    temporary_t files[FILES];
    const char *paths[FILES];
    for (uint64_t n = 1; n <= COUNT; n++) put_line(&contents[test_random(&seed) % FILES], n * 1000, 3);
    for (int i = 0; i < FILES; i++) {
        files[i] = temporary(buffer_slice(&contents[i]), ".jsonl");
        paths[i] = files[i].path;
        buffer_fini(&contents[i]);
    }
    recording_t *recording;
    recorded_t item;
    REQUIRE(recording_open(paths, FILES, &recording, why, sizeof why) == ERR_OK);
    for (int64_t n = 1; n <= COUNT; n++) {
        REQUIRE(recording_next(recording, &item, why, sizeof why) == ERR_OK);
        CHECK_EQUAL(item.event_ns, n * 1000);
    }
    CHECK_EQUAL(recording_next(recording, &item, why, sizeof why), ERR_NOT_FOUND);
    recording_close(recording);
    for (int i = 0; i < FILES; i++) (void)unlink(paths[i]);
}

TEST(a_recording_can_be_left_at_any_moment) {
    buffer_t lines = {0};
    for (uint64_t n = 1; n <= COUNT; n++) put_line(&lines, n * 1000, 10);
    temporary_t file = temporary(buffer_slice(&lines), ".jsonl");
    const char *path = file.path;
    for (int read = 0; read < 60; read += 7) {
        recording_t *recording;
        recorded_t item;
        REQUIRE(recording_open(&path, 1, &recording, why, sizeof why) == ERR_OK);
        for (int i = 0; i < read; i++) CHECK_EQUAL(recording_next(recording, &item, why, sizeof why), ERR_OK);
        recording_close(recording);
    }
    (void)unlink(path);
    buffer_fini(&lines);
}

/* Opens and reads to the end; what ended it. */
static err_t read_out(slice_t bytes, const char *suffix) {
    temporary_t file = temporary(bytes, suffix);
    const char *path = file.path;
    recording_t *recording;
    recorded_t item;
    why[0] = '\0';
    err_t err = recording_open(&path, 1, &recording, why, sizeof why);
    if (err == ERR_OK) {
        while ((err = recording_next(recording, &item, why, sizeof why)) == ERR_OK) continue;
        recording_close(recording);
    }
    (void)unlink(path);
    return err;
}

TEST(a_file_cut_anywhere_is_named_or_shorter) {
    buffer_t lines = {0}, delimited = {0};
    for (uint64_t n = 1; n <= 3; n++) {
        put_line(&lines, n * 1000, 3);
        put_delimited(&delimited, n * 1000, 3);
    }
    buffer_t gz = gzipped(buffer_slice(&lines)), zst = zstd_packed(buffer_slice(&lines));
    const slice_t whole[] = {buffer_slice(&lines), buffer_slice(&delimited), buffer_slice(&gz), buffer_slice(&zst)};
    for (int i = 0; i < 4; i++) {
        for (size_t cut = 1; cut <= whole[i].len; cut++) {
            err_t err = read_out(slice_of(whole[i].data, cut), ".traces");
            CHECK(err == ERR_NOT_FOUND || (err == ERR_MALFORMED && strstr(why, "/tmp/seismesh-rec-") != NULL));
            CHECK(cut < whole[i].len || err == ERR_NOT_FOUND);
        }
    }
    buffer_fini(&lines);
    buffer_fini(&delimited);
    buffer_fini(&gz);
    buffer_fini(&zst);
}

TEST(an_empty_file_is_an_empty_recording) {
    CHECK_EQUAL(read_out(slice_text(""), ".jsonl"), ERR_NOT_FOUND);
    CHECK_EQUAL(read_out(slice_text("\n\n \n"), ".jsonl"), ERR_NOT_FOUND);
}

TEST(the_time_of_a_batch_is_that_of_the_latest_in_it) {
    event_span_t span;
    buffer_t point = {0}, gauge = {0}, metric = {0}, scope = {0}, resource = {0}, metrics = {0};
    put_fixed64(&point, 2, 5);
    put_fixed64(&point, 3, 70);
    put_block(&gauge, 1, &point);
    put_fixed64(&point, 3, 50);
    put_block(&gauge, 1, &point);
    put_block(&metric, 5, &gauge);
    put_block(&scope, 2, &metric);
    put_block(&resource, 2, &scope);
    put_block(&metrics, 1, &resource);
    CHECK(event_time_read(OTLP_METRICS, buffer_slice(&metrics), &span));
    CHECK_EQUAL(span.first_ns, 50);
    CHECK_EQUAL(span.last_ns, 70);
    CHECK_EQUAL(span.items, 2);
    CHECK(event_time_read(OTLP_METRICS, slice_text(""), &span) && span.items == 0 && span.last_ns == 0);
    CHECK(!event_time_read(OTLP_METRICS, slice_of(metrics.data, metrics.len - 1), &span));
    buffer_fini(&metrics);
}

/* One request of each kind with all the times that OTLP has, `ns` later than 1000; a time that is not known stays so.
 */
static buffer_t everything(otlp_kind_t kind, uint64_t ns) {
    buffer_t part = {0}, thing = {0}, inner = {0}, metric = {0}, scope = {0}, resource = {0}, out = {0};
    switch (kind) {
    case OTLP_TRACES:
        put_fixed64(&part, 1, 1000 + ns);
        put_fixed64(&thing, 7, 2000 + ns);
        put_fixed64(&thing, 8, 3000 + ns);
        put_block(&thing, 11, &part);
        break;
    case OTLP_METRICS: /* a histogram: its sum is fixed64, too, and no time */
        put_fixed64(&part, 2, 1000 + ns);
        put_fixed64(&part, 3, 17);
        put_fixed64(&inner, 2, 0);
        put_fixed64(&inner, 3, 3000 + ns);
        put_fixed64(&inner, 4, 12);
        put_fixed64(&inner, 5, 99);
        put_block(&inner, 8, &part);
        put_block(&metric, 1, &inner);
        put_block(&thing, 9, &metric);
        break;
    default:
        put_fixed64(&thing, 1, 1000 + ns);
        put_fixed64(&thing, 11, 2000 + ns);
    }
    put_block(&scope, 2, &thing);
    put_block(&resource, 2, &scope);
    put_block(&out, 1, &resource);
    return out;
}

TEST(every_time_in_a_request_moves_and_nothing_else) {
    const otlp_kind_t kinds[] = {OTLP_TRACES, OTLP_METRICS, OTLP_LOGS};
    for (int k = 0; k < 3; k++) {
        buffer_t then = everything(kinds[k], 0), later = everything(kinds[k], 600);
        CHECK(event_time_move(kinds[k], then.data, then.len, 600));
        CHECK(slice_equal(buffer_slice(&then), buffer_slice(&later)));
        CHECK(event_time_move(kinds[k], then.data, then.len, -600));
        CHECK(!slice_equal(buffer_slice(&then), buffer_slice(&later)));
        CHECK(!event_time_move(kinds[k], then.data, then.len - 1, 600));
        buffer_fini(&then);
        buffer_fini(&later);
    }
}

TEST_MAIN(TEST_CASE(every_time_in_a_request_moves_and_nothing_else), TEST_CASE(every_packing_gives_the_same_requests),
          TEST_CASE(several_files_come_merged_by_event_time), TEST_CASE(a_recording_can_be_left_at_any_moment),
          TEST_CASE(a_file_cut_anywhere_is_named_or_shorter), TEST_CASE(an_empty_file_is_an_empty_recording),
          TEST_CASE(the_time_of_a_batch_is_that_of_the_latest_in_it))
