#include "base/crc32c.h"
#include "collector/rollup/frame.h"

#include "tests/test.h"

static counters_t counters;

static shard_limits_t limits(void) {
    return (shard_limits_t){.names = 1000, .entities = 64, .operations_per_service = 4, .idle_buckets = 10};
}

static entity_key_t operation(uint32_t service, uint32_t name) {
    return (entity_key_t){.kind = ENTITY_OPERATION, .observer = OBSERVER_SPAN, .service = service, .operation = name};
}

static void random_cell(cell_t *cell, uint64_t *seed, int requests) {
    for (int i = 0; i < requests; i++) {
        uint64_t duration = test_random(seed) % 1000000000;
        failure_t failure =
            test_random(seed) % 5 == 0 ? (failure_t)(test_random(seed) % FAILURE_CLASSES) : FAILURE_NONE;
        cell_request(cell, failure, duration);
        exemplar_t exemplar = {.duration_ns = duration, .end_ns = (int64_t)(test_random(seed) % 1000)};
        memcpy(exemplar.trace_id, seed, 8);
        cell_exemplar(cell, failure, &exemplar);
        (void)cell_gauge(cell, 1 + (uint32_t)(test_random(seed) % 5), (double)duration * 0.1, exemplar.end_ns);
    }
}

static buffer_t bytes_of_cell(const cell_t *cell) {
    buffer_t out = {0};
    cell_encode(cell, &out);
    return out;
}

TEST(crc32c_gives_the_published_check_value_at_every_length_and_split) {
    CHECK_EQUAL(crc32c(0, "123456789", 9), 0xe3069283);
    static uint8_t data[20000];
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)test_random(&seed);
    uint32_t whole = crc32c(0, data, sizeof data);
    for (size_t cut = 0; cut <= sizeof data; cut += 997)
        CHECK_EQUAL(crc32c(crc32c(0, data, cut), data + cut, sizeof data - cut), whole);
}

TEST(merging_cells_in_any_order_gives_the_same_bytes) {
    for (uint64_t round = 0; round < 30; round++) {
        uint64_t seed = round;
        cell_t parts[3], forth, back;
        cell_init(&forth);
        cell_init(&back);
        for (int i = 0; i < 3; i++) {
            cell_init(&parts[i]);
            random_cell(&parts[i], &seed, 40);
        }
        for (int i = 0; i < 3; i++) cell_merge(&forth, &parts[i]);
        for (int i = 2; i >= 0; i--) cell_merge(&back, &parts[i]);
        buffer_t a = bytes_of_cell(&forth), b = bytes_of_cell(&back);
        CHECK(slice_equal(buffer_slice(&a), buffer_slice(&b)));
        bytes_t in = bytes_of(buffer_slice(&a));
        cell_t decoded;
        CHECK(cell_decode(&decoded, &in) && bytes_done(&in));
        buffer_t c = bytes_of_cell(&decoded);
        CHECK(slice_equal(buffer_slice(&a), buffer_slice(&c)));
        cell_fini(&decoded);
        for (size_t len = 0; len < a.len; len++) {
            in = bytes_of(slice_of(a.data, len));
            CHECK(!cell_decode(&decoded, &in));
        }
        buffer_fini(&a);
        buffer_fini(&b);
        buffer_fini(&c);
        for (int i = 0; i < 3; i++) cell_fini(&parts[i]);
        cell_fini(&forth);
        cell_fini(&back);
    }
}

TEST(a_client_error_does_not_count_against_the_callee) {
    cell_t cell;
    cell_init(&cell);
    cell_request(&cell, FAILURE_CLIENT, 5);
    cell_request(&cell, FAILURE_SERVER, 5);
    CHECK_EQUAL(cell.requests, 2);
    CHECK_EQUAL(cell_errors(&cell), 1);
    cell_fini(&cell);
}

TEST(names_are_mended_cut_and_capped_and_every_time_counted) {
    counters_t own = {0};
    names_t names;
    names_init(&names, 6, &own);
    uint32_t a = names_intern(&names, slice_text("cart"));
    CHECK_EQUAL(names_intern(&names, slice_text("cart")), a);
    uint32_t bad = names_intern(&names, slice_of("c\xff\x00rt", 5));
    CHECK_TEXT(names_cstr(&names, bad), "c\xef\xbf\xbd\xef\xbf\xbdrt");
    char big[1000];
    memset(big, 'x', sizeof big);
    CHECK_EQUAL(names_text(&names, names_intern(&names, slice_of(big, sizeof big))).len, NAME_BYTES_MAX);
    (void)names_intern(&names, slice_text("fourth"));
    CHECK_EQUAL(names_intern(&names, slice_text("one too many")), NAME_OVERFLOW);
    CHECK_EQUAL(names_intern(&names, slice_text("cart")), a);
    CHECK_EQUAL(counters_get(&own, COUNTER_NAMES_NOT_UTF8), 1);
    CHECK_EQUAL(counters_get(&own, COUNTER_NAMES_TRUNCATED), 1);
    CHECK_EQUAL(counters_get(&own, COUNTER_NAMES_OVERFLOW), 1);
    names_fini(&names);
}

TEST(operations_beyond_the_cap_share_one_overflow_entity) {
    shard_t shard;
    shard_limits_t caps = limits();
    shard_init(&shard, &caps, &counters);
    uint32_t last = 0;
    for (uint32_t i = 0; i < 20; i++) {
        entity_key_t key = operation(2, 10 + i);
        uint32_t id = shard_entity(&shard, &key);
        if (i > 4) CHECK_EQUAL(id, last);
        last = id;
    }
    CHECK_EQUAL(shard.entities[last].operation, NAME_OVERFLOW);
    shard_fini(&shard);
}

TEST(absurd_cardinality_is_contained_in_overflow_entities) {
    shard_t shard;
    shard_limits_t caps = limits();
    shard_init(&shard, &caps, &counters);
    for (uint32_t i = 2; i < 5000; i++) {
        entity_key_t key = {.kind = (uint8_t)(i % ENTITY_KINDS), .service = i};
        if (key.kind == ENTITY_EDGE) key.caller = i + 1;
        if (key.kind == ENTITY_OPERATION) key.operation = i;
        cell_request(shard_cell(&shard, shard_entity(&shard, &key), 7), FAILURE_NONE, 1);
    }
    CHECK(shard.live <= caps.entities + caps.entities / 8 + 2 * ENTITY_KINDS);
    uint64_t counted = 0;
    bucket_t *bucket = shard_bucket(&shard, 7);
    for (uint32_t i = 0; i < bucket->count; i++) counted += bucket->cells[i]->requests;
    CHECK_EQUAL(counted, 5000 - 2);
    shard_fini(&shard);
}

TEST(idle_entities_give_their_place_to_new_ones) {
    shard_t shard;
    shard_limits_t caps = limits();
    shard_init(&shard, &caps, &counters);
    for (uint32_t i = 0; i < 60; i++) {
        entity_key_t key = {.kind = ENTITY_SERVICE, .service = 10 + i};
        (void)shard_cell(&shard, shard_entity(&shard, &key), i < 50 ? 100 : 200);
    }
    shard_expire(&shard, 205);
    CHECK_EQUAL(shard.live, 10);
    entity_key_t old = {.kind = ENTITY_SERVICE, .service = 10};
    CHECK_EQUAL(shard_entity(&shard, &old), 61);
    shard_fini(&shard);
}

TEST(a_frame_gives_back_its_cells_and_no_damage_goes_unnoticed) {
    shard_t shard, other;
    shard_limits_t caps = limits();
    shard_init(&shard, &caps, &counters);
    shard_init(&other, &caps, &counters);
    uint64_t seed = 9;
    for (uint32_t i = 20; i > 0; i--) {
        entity_key_t key = {.kind = ENTITY_SERVICE, .service = 10 + i};
        uint32_t id = shard_entity(&shard, &key);
        shard_restore_entity(&other, id, &key);
        random_cell(shard_cell(&shard, id, 5), &seed, 10);
    }
    buffer_t out = {0}, again = {0};
    frame_encode(shard_bucket(&shard, 5), &out);
    CHECK_EQUAL(frame_load(buffer_slice(&out), &other, 5), ERR_OK);
    frame_encode(shard_bucket(&other, 5), &again);
    CHECK(slice_equal(buffer_slice(&out), buffer_slice(&again)));
    frame_t frame;
    CHECK_EQUAL(frame_open(&frame, buffer_slice(&out)), ERR_OK);
    CHECK_EQUAL(frame.count, 20);
    CHECK_EQUAL(frame_entity(&frame, frame_find(&frame, 7)), 7);
    CHECK_EQUAL(frame_find(&frame, 21), UINT32_MAX);
    for (size_t i = 0; i < out.len; i++) {
        out.data[i] ^= (uint8_t)(1u << (i % 8));
        CHECK(frame_open(&frame, buffer_slice(&out)) == ERR_MALFORMED);
        out.data[i] ^= (uint8_t)(1u << (i % 8));
    }
    buffer_fini(&out);
    buffer_fini(&again);
    shard_fini(&shard);
    shard_fini(&other);
}

TEST(merging_frames_equals_merging_their_cells) {
    shard_t shard;
    shard_limits_t caps = limits();
    shard_init(&shard, &caps, &counters);
    uint64_t seed = 11;
    buffer_t frames[3] = {{0}}, merged = {0}, expected = {0};
    slice_t slices[3];
    for (int64_t b = 0; b < 3; b++) {
        for (uint32_t i = 0; i < 10; i++) {
            if (test_random(&seed) % 3 == 0) continue;
            entity_key_t key = {.kind = ENTITY_SERVICE, .service = 10 + i};
            uint32_t id = shard_entity(&shard, &key);
            random_cell(shard_cell(&shard, id, b), &seed, 5);
            cell_merge(shard_cell(&shard, id, 99), shard_cell(&shard, id, b));
        }
        frame_encode(shard_bucket(&shard, b), &frames[b]);
        slices[b] = buffer_slice(&frames[b]);
    }
    CHECK_EQUAL(frame_merge(slices, 3, &merged), ERR_OK);
    frame_encode(shard_bucket(&shard, 99), &expected);
    CHECK(slice_equal(buffer_slice(&merged), buffer_slice(&expected)));
    for (int b = 0; b < 3; b++) buffer_fini(&frames[b]);
    buffer_fini(&merged);
    buffer_fini(&expected);
    shard_fini(&shard);
}

TEST_MAIN(TEST_CASE(crc32c_gives_the_published_check_value_at_every_length_and_split),
          TEST_CASE(merging_cells_in_any_order_gives_the_same_bytes),
          TEST_CASE(a_client_error_does_not_count_against_the_callee),
          TEST_CASE(names_are_mended_cut_and_capped_and_every_time_counted),
          TEST_CASE(operations_beyond_the_cap_share_one_overflow_entity),
          TEST_CASE(absurd_cardinality_is_contained_in_overflow_entities),
          TEST_CASE(idle_entities_give_their_place_to_new_ones),
          TEST_CASE(a_frame_gives_back_its_cells_and_no_damage_goes_unnoticed),
          TEST_CASE(merging_frames_equals_merging_their_cells))
