/* Chunks: what goes in comes out, in fewer bytes, the same on every machine. */
#include "base/range_coder.h"
#include "collector/store/chunk.h"
#include "tests/collector/store/cells.h"

enum { SERIES = 200 };

static uint32_t make_series(chunk_item_t *items, uint64_t *seed) {
    uint32_t count = 0;
    int64_t bucket = 170000000 + (int64_t)(test_random(seed) % 100000);
    for (int i = 0; i < CHUNK_BUCKETS; i++) {
        if (test_random(seed) % 5 == 0 && (i > 0 || count > 0)) continue;
        items[count].bucket = bucket + i;
        cells_make(&items[count++].cell, seed, bucket + i);
    }
    return count;
}

/* The series of a seed, and its chunk. */
static uint32_t make_chunk(chunk_item_t *items, uint64_t seed, buffer_t *bytes) {
    uint32_t count = make_series(items, &seed);
    chunk_encode(items, count, bytes);
    return count;
}

static void check_same(const chunk_item_t *a, const chunk_item_t *b, uint32_t count, uint64_t seed) {
    for (uint32_t i = 0; i < count; i++) {
        if (a[i].bucket == b[i].bucket && cells_equal(&a[i].cell, &b[i].cell)) continue;
        test_failures++;
        (void)fprintf(stderr, "cell %u of seed %llu came back changed\n", i, (unsigned long long)seed);
    }
}

TEST(every_series_reads_back_as_it_was) {
    for (uint64_t first = 1; first <= SERIES; first++) {
        chunk_item_t items[CHUNK_BUCKETS], again[CHUNK_BUCKETS];
        buffer_t bytes = {0};
        uint32_t count = make_chunk(items, first, &bytes), got;
        CHECK_EQUAL(chunk_decode(buffer_slice(&bytes), CHUNK_WHOLE, again, &got), ERR_OK);
        CHECK_EQUAL(got, count);
        if (got == count) check_same(items, again, count, first);
        buffer_t twice = {0};
        chunk_encode(again, got, &twice);
        CHECK(slice_equal(buffer_slice(&bytes), buffer_slice(&twice)));
        chunk_free_items(again, got);
        chunk_free_items(items, count);
        buffer_fini(&bytes);
        buffer_fini(&twice);
    }
}

/* Log-normal latencies, as services have them: median 12 ms, sigma 1.1, from sums of uniform numbers. */
static uint64_t latency(uint64_t *seed) {
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += (double)(test_random(seed) >> 11) * 0x1p-53;
    return (uint64_t)(12e6 * exp(1.1 * sum));
}

TEST(a_coarse_cell_of_a_steady_service_takes_at_most_40_bytes) {
    uint64_t seed = 5;
    chunk_item_t items[CHUNK_BUCKETS];
    size_t wire = 0;
    for (int i = 0; i < CHUNK_BUCKETS; i++) {
        items[i].bucket = 1000 + i;
        cell_init(&items[i].cell);
        uint64_t requests = 120 + test_random(&seed) % 40;
        for (uint64_t r = 0; r < requests; r++)
            cell_request(&items[i].cell, test_random(&seed) % 50 == 0 ? FAILURE_SERVER : FAILURE_NONE, latency(&seed));
        items[i].cell.response_bytes = requests * (4000 + test_random(&seed) % 200);
        cell_coarsen(&items[i].cell);
        buffer_t bytes = {0};
        cell_encode(&items[i].cell, &bytes);
        wire += bytes.len;
        buffer_fini(&bytes);
    }
    buffer_t bytes = {0};
    chunk_encode(items, CHUNK_BUCKETS, &bytes);
    (void)printf("# %.1f bytes a cell, %.1f in a frame\n", (double)bytes.len / CHUNK_BUCKETS,
                 (double)wire / CHUNK_BUCKETS);
    CHECK(bytes.len <= 40 * CHUNK_BUCKETS);
    chunk_free_items(items, CHUNK_BUCKETS);
    buffer_fini(&bytes);
}

TEST(coarsening_before_a_merge_after_it_or_both_gives_the_same_bits) {
    for (uint64_t first = 1; first <= SERIES; first++) {
        uint64_t seed = first;
        cell_t a, b, both, early;
        cells_make(&a, &seed, 7);
        cells_make(&b, &seed, 7);
        cell_init(&both);
        cell_merge(&both, &a);
        cell_merge(&both, &b);
        uint64_t requests = both.requests, sum = both.ok.sum_ns, count = both.ok.count;
        cell_coarsen(&both);
        CHECK(both.requests == requests && both.ok.sum_ns == sum && both.ok.count == count);
        cell_init(&early);
        cell_merge(&early, &a);
        cell_coarsen(&early);
        cell_merge(&early, &b);
        cell_coarsen(&early);
        CHECK(cells_equal(&both, &early));
        cell_t *const all[] = {&a, &b, &both, &early};
        for (int i = 0; i < 4; i++) cell_fini(all[i]);
    }
}

TEST(coarse_quantiles_are_within_the_error_that_they_declare) {
    uint64_t seed = 3;
    sketch_t fine, coarse;
    sketch_init(&fine);
    for (int i = 0; i < 5000; i++) sketch_add(&fine, latency(&seed), 1);
    sketch_init(&coarse);
    sketch_merge(&coarse, &fine);
    sketch_coarsen(&coarse, CELL_COARSE_BUCKETS);
    CHECK(coarse.scale < fine.scale && coarse.scale >= 2);
    for (double q = 0.01; q < 1; q += 0.01) {
        double exact = sketch_quantile(&fine, q), told = sketch_quantile(&coarse, q);
        CHECK(fabs(told - exact) <= exact * (sketch_error(&coarse) + sketch_error(&fine)) * 1.0001);
    }
    CHECK(coarse.min_ns <= fine.min_ns && (double)coarse.min_ns >= (double)fine.min_ns * 0.992);
    CHECK(coarse.max_ns >= fine.max_ns && (double)coarse.max_ns <= (double)fine.max_ns * 1.008);
    sketch_fini(&fine);
    sketch_fini(&coarse);
}

TEST(one_wrong_bit_anywhere_is_found) {
    uint64_t seed = 11;
    chunk_item_t items[CHUNK_BUCKETS], again[CHUNK_BUCKETS];
    uint32_t count = make_series(items, &seed), got;
    buffer_t bytes = {0};
    chunk_encode(items, count, &bytes);
    for (size_t bit = 0; bit < bytes.len * 8; bit += 1 + bit / 500) {
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_EQUAL(chunk_decode(buffer_slice(&bytes), CHUNK_WHOLE, again, &got), ERR_MALFORMED);
        CHECK_EQUAL(chunk_check(buffer_slice(&bytes)), ERR_MALFORMED);
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < bytes.len; len += 1 + len / 50)
        CHECK_EQUAL(chunk_decode(slice_of(bytes.data, len), CHUNK_WHOLE, again, &got), ERR_MALFORMED);
    chunk_free_items(items, count);
    buffer_fini(&bytes);
}

/* tests/collector/store/golden/chunk_2.hex holds what this version writes, chunk_1.hex what was written before; stores
 * in the field are full of both. */
static bool golden_bytes(const char *name, buffer_t *out) {
    char path[80];
    (void)snprintf(path, sizeof path, "tests/collector/store/golden/%s.hex", name);
    FILE *file = fopen(path, "r");
    unsigned byte;
    while (file != NULL && fscanf(file, "%2x", &byte) == 1) buffer_byte(out, (uint8_t)byte);
    if (file != NULL) (void)fclose(file);
    return out->len > 0;
}

static void check_reads(const buffer_t *golden, const chunk_item_t *items, uint32_t count) {
    chunk_item_t again[CHUNK_BUCKETS];
    uint32_t got;
    CHECK_EQUAL(chunk_decode(buffer_slice(golden), CHUNK_WHOLE, again, &got), ERR_OK);
    CHECK_EQUAL(got, count);
    if (got == count) check_same(items, again, count, 1);
    chunk_free_items(again, got);
}

TEST(the_format_is_that_of_the_golden_file_and_the_older_one_is_read) {
    uint64_t seed = 1;
    chunk_item_t items[CHUNK_BUCKETS];
    uint32_t count = make_series(items, &seed);
    for (uint32_t i = 12; i < count; i++) cell_fini(&items[i].cell);
    count = 12;
    buffer_t golden = {0}, older = {0}, bytes = {0};
    chunk_encode(items, count, &bytes);
    REQUIRE(golden_bytes("chunk_2", &golden) && golden_bytes("chunk_1", &older));
    CHECK(slice_equal(buffer_slice(&golden), buffer_slice(&bytes)));
    check_reads(&golden, items, count);
    check_reads(&older, items, count);
    chunk_free_items(items, count);
    buffer_fini(&golden);
    buffer_fini(&older);
    buffer_fini(&bytes);
}

TEST(without_the_callers_sketches_all_else_reads_back) {
    for (uint64_t first = 1; first <= SERIES; first++) {
        chunk_item_t items[CHUNK_BUCKETS], again[CHUNK_BUCKETS];
        buffer_t bytes = {0};
        uint32_t count = make_chunk(items, first, &bytes), got;
        CHECK_EQUAL(chunk_decode(buffer_slice(&bytes), CHUNK_WITHOUT_CLIENT, again, &got), ERR_OK);
        CHECK_EQUAL(got, count);
        for (uint32_t i = 0; i < count; i++) {
            sketch_fini(&items[i].cell.client);
            CHECK_EQUAL(again[i].cell.client.count, 0);
        }
        if (got == count) check_same(items, again, count, first);
        chunk_free_items(again, got);
        chunk_free_items(items, count);
        buffer_fini(&bytes);
    }
}

TEST(the_range_coder_gives_back_what_it_was_given) {
    static range_number_t put, get;
    range_bit_t put_bit = {0}, get_bit = {0};
    buffer_t bytes = {0};
    range_encoder_t encoder = range_encoder(&bytes);
    uint64_t seed = 9;
    for (int i = 0; i < 20000; i++) {
        uint64_t value = test_random(&seed);
        range_put_number(&encoder, &put, value >> (value & 63));
        range_put_bit(&encoder, &put_bit, value % 100 == 0);
        range_put_raw(&encoder, value, (unsigned)(value % 65));
        range_put_signed(&encoder, &put, (int64_t)(value << 3));
    }
    range_finish(&encoder);
    range_decoder_t decoder = range_decoder(buffer_slice(&bytes));
    seed = 9;
    for (int i = 0; i < 20000; i++) {
        uint64_t value = test_random(&seed);
        unsigned bits = (unsigned)(value % 65);
        CHECK(range_get_number(&decoder, &get) == value >> (value & 63));
        CHECK(range_get_bit(&decoder, &get_bit) == (value % 100 == 0));
        CHECK(range_get_raw(&decoder, bits) == (bits == 64 ? value : value & ((UINT64_C(1) << bits) - 1)));
        CHECK(range_get_signed(&decoder, &get) == (int64_t)(value << 3));
    }
    CHECK(range_done(&decoder));
    buffer_fini(&bytes);
}

TEST_MAIN(TEST_CASE(every_series_reads_back_as_it_was),
          TEST_CASE(a_coarse_cell_of_a_steady_service_takes_at_most_40_bytes),
          TEST_CASE(coarsening_before_a_merge_after_it_or_both_gives_the_same_bits),
          TEST_CASE(coarse_quantiles_are_within_the_error_that_they_declare),
          TEST_CASE(one_wrong_bit_anywhere_is_found),
          TEST_CASE(the_format_is_that_of_the_golden_file_and_the_older_one_is_read),
          TEST_CASE(without_the_callers_sketches_all_else_reads_back),
          TEST_CASE(the_range_coder_gives_back_what_it_was_given))
