/* What workers tell views: the wire form, and who has seen what. */
#include "base/memory.h"
#include "collector/cluster/cluster_log.h"
#include "collector/cluster/ranges.h"
#include "collector/cluster/rollup_log.h"
#include "collector/cluster/view.h"
#include "tests/test.h"

#define BUCKET INT64_C(170000000)

typedef struct {
    counters_t counters;
    shard_t shard;
    rollup_writer_t writer;
} speaker_t;

static speaker_t *speaker_new(void) {
    static const shard_limits_t limits = {.names = 100, .entities = 100, .operations_per_service = 10};
    speaker_t *speaker = memory_new(1, sizeof *speaker);
    shard_init(&speaker->shard, &limits, &speaker->counters);
    rollup_writer_init(&speaker->writer, 7);
    return speaker;
}

static void speaker_free(speaker_t *speaker) {
    rollup_writer_fini(&speaker->writer);
    shard_fini(&speaker->shard);
    free(speaker);
}

static uint32_t name(speaker_t *speaker, const char *text) {
    return names_intern(&speaker->shard.names, slice_text(text));
}

/* A service with requests and two gauges, and a half of a call. */
static void speak(speaker_t *speaker, buffer_t *message) {
    entity_key_t key = {.kind = ENTITY_SERVICE, .observer = OBSERVER_SPAN, .service = name(speaker, "shop/cart")};
    cell_t cell;
    cell_init(&cell);
    cell_request(&cell, FAILURE_NONE, 12000000);
    cell_request(&cell, FAILURE_SERVER, 34000000);
    (void)cell_gauge(&cell, name(speaker, "cpu.utilization"), 0.5, 1);
    (void)cell_gauge(&cell, name(speaker, "memory.used"), 1024, 2);
    rollup_writer_cell(&speaker->writer, &speaker->shard, BUCKET, shard_entity(&speaker->shard, &key), &cell);
    cell_fini(&cell);
    half_t half = {.trace_id = {1}, .call_id = {2}, .end_ns = 3, .duration_ns = 4, .service = key.service};
    half.peer = name(speaker, "shop/prices");
    rollup_writer_half(&speaker->writer, &speaker->shard, &half, true);
    rollup_head_t head = {
        .topic = slice_text("otlp_spans"), .partition = 3, .epoch = 5, .complete_ns = -6, .settled = true};
    rollup_writer_finish(&speaker->writer, &head, message);
    CHECK_EQUAL(head.first, 7);
    CHECK_EQUAL(head.count, 2);
}

/* What was heard, as a listener with names of its own. */
typedef struct {
    shard_t shard;
    counters_t counters;
    uint64_t passed_over;
    int cells, halves;
} listener_t;

static bool wanted(void *context, uint64_t number) {
    return number != ((listener_t *)context)->passed_over;
}

static void on_cell(void *context, uint32_t entity, int64_t bucket, const cell_t *cell) {
    listener_t *listener = context;
    listener->cells++;
    CHECK_EQUAL(bucket, BUCKET);
    CHECK_TEXT(names_cstr(&listener->shard.names, listener->shard.entities[entity].service), "shop/cart");
    CHECK_EQUAL(cell->requests, 2);
    CHECK_EQUAL(cell->gauge_count, 2);
    const gauge_t *memory = cell_find_gauge(cell, names_find(&listener->shard.names, slice_text("memory.used")));
    CHECK(memory != NULL && memory->last == 1024);
}

static void on_half(void *context, const half_t *half, bool alone) {
    listener_t *listener = context;
    listener->halves++;
    CHECK(alone);
    CHECK_EQUAL(half->duration_ns, 4);
    CHECK_TEXT(names_cstr(&listener->shard.names, half->peer), "shop/prices");
}

static err_t listen_to(listener_t *listener, slice_t message) {
    const rollup_visitor_t visitor = {.context = listener, .wanted = wanted, .cell = on_cell, .half = on_half};
    rollup_head_t head;
    slice_t items;
    err_t err = rollup_head_read(message, &head, &items);
    return err != ERR_OK ? err : rollup_items(&head, items, &listener->shard, &visitor);
}

static listener_t *listener_new(void) {
    static const shard_limits_t limits = {.names = 100, .entities = 100, .operations_per_service = 10};
    listener_t *listener = memory_new(1, sizeof *listener);
    listener->passed_over = UINT64_MAX;
    shard_init(&listener->shard, &limits, &listener->counters);
    /* other numbers for the same names, in another order */
    (void)names_intern(&listener->shard.names, slice_text("memory.used"));
    (void)names_intern(&listener->shard.names, slice_text("cpu.utilization"));
    return listener;
}

static void listener_free(listener_t *listener) {
    shard_fini(&listener->shard);
    free(listener);
}

TEST(what_was_said_is_heard_under_the_listeners_own_names) {
    speaker_t *speaker = speaker_new();
    listener_t *listener = listener_new();
    buffer_t message = {0};
    speak(speaker, &message);
    CHECK_EQUAL(listen_to(listener, buffer_slice(&message)), ERR_OK);
    CHECK_EQUAL(listener->cells, 1);
    CHECK_EQUAL(listener->halves, 1);
    listener->passed_over = 7;
    CHECK_EQUAL(listen_to(listener, buffer_slice(&message)), ERR_OK);
    CHECK_EQUAL(listener->cells, 1);
    CHECK_EQUAL(listener->halves, 2);
    buffer_fini(&message);
    listener_free(listener);
    speaker_free(speaker);
}

TEST(the_wire_form_is_that_of_the_golden_file) {
    speaker_t *speaker = speaker_new();
    buffer_t message = {0};
    uint8_t golden[1024];
    speak(speaker, &message);
    FILE *file = fopen("tests/collector/cluster/golden.rollup", "rb");
    REQUIRE(file != NULL);
    size_t len = fread(golden, 1, sizeof golden, file);
    (void)fclose(file);
    CHECK(slice_equal(slice_of(golden, len), buffer_slice(&message)));
    buffer_fini(&message);
    speaker_free(speaker);
}

TEST(every_cut_and_every_flipped_byte_is_heard_in_part_or_refused_never_more) {
    speaker_t *speaker = speaker_new();
    buffer_t message = {0};
    speak(speaker, &message);
    for (size_t len = 0; len < message.len; len++) {
        fold_config_t config;
        fold_config_defaults(&config);
        config.shard.names = config.shard.entities = config.pairing_spans = 100;
        dialect_set_t *dialects = dialect_set_new(NULL);
        fold_t *fold = fold_new(&config, dialects, &speaker->counters, (fold_sink_t){0});
        view_t *view = view_new(fold, &speaker->counters, VIEW_PATIENCE_NS);
        uint64_t before = counters_get(&speaker->counters, COUNTER_JOURNAL_CORRUPT);
        view_message(view, BUCKET * BUCKET_NS, slice_of(message.data, len));
        CHECK_EQUAL(counters_get(&speaker->counters, COUNTER_JOURNAL_CORRUPT), before + 1);
        message.data[len] ^= 0x55;
        view_message(view, BUCKET * BUCKET_NS, buffer_slice(&message));
        message.data[len] ^= 0x55;
        view_free(view);
        fold_free(fold);
        dialect_set_free(dialects);
    }
    buffer_fini(&message);
    speaker_free(speaker);
}

TEST(a_node_and_a_piece_of_a_state_survive_their_wire_form) {
    buffer_t message = {0};
    slice_t id, url;
    rollup_node_write("host/7117", "http://host:7117", &message);
    CHECK_EQUAL(rollup_node_read(buffer_slice(&message), &id, &url), ERR_OK);
    CHECK(slice_is(id, "host/7117") && slice_is(url, "http://host:7117"));
    message.data[3] = 9;
    CHECK_EQUAL(rollup_node_read(buffer_slice(&message), &id, &url), ERR_FOREIGN);
    buffer_clear(&message);
    state_piece_t piece = {slice_text("otlp_spans"), 2, 77, 1, 3, slice_text("bytes")}, read;
    state_piece_write(&piece, &message);
    CHECK_EQUAL(state_piece_read(buffer_slice(&message), &read), ERR_OK);
    CHECK(slice_is(read.topic, "otlp_spans") && slice_is(read.bytes, "bytes"));
    CHECK_EQUAL(read.partition, 2);
    CHECK_EQUAL(read.next, 77);
    CHECK_EQUAL(read.piece, 1);
    CHECK_EQUAL(read.pieces, 3);
    piece.pieces = 1;
    buffer_clear(&message);
    state_piece_write(&piece, &message);
    CHECK_EQUAL(state_piece_read(buffer_slice(&message), &read), ERR_MALFORMED);
    buffer_fini(&message);
}

/* Against an array of flags. */
TEST(ranges_know_what_was_added_in_any_order) {
    uint64_t seed = 3;
    for (int turn = 0; turn < 200; turn++) {
        ranges_t ranges = {0};
        bool seen[200] = {false};
        for (int i = 0; i < 20; i++) {
            uint64_t from = test_random(&seed) % 190, to = from + test_random(&seed) % 10, overlap = 0;
            for (uint64_t n = from; n < to; n++) overlap += seen[n];
            CHECK_EQUAL(ranges_overlap(&ranges, from, to), overlap);
            ranges_add(&ranges, from, to);
            for (uint64_t n = from; n < to; n++) seen[n] = true;
        }
        for (uint64_t n = 0; n < 200; n++) CHECK_EQUAL(ranges_has(&ranges, n), seen[n]);
        for (uint32_t i = 1; i < ranges.count; i++) CHECK(ranges.items[i - 1].to < ranges.items[i].from);
    }
}

TEST(ranges_are_bounded_by_taking_the_oldest_gap_for_seen) {
    ranges_t ranges = {0};
    for (uint64_t n = 0; n <= RANGES_MAX; n++) ranges_add(&ranges, n * 10, n * 10 + 1);
    CHECK_EQUAL(ranges.count, RANGES_MAX);
    CHECK(ranges_has(&ranges, 5));
    CHECK(!ranges_has(&ranges, 15));
    CHECK_EQUAL(ranges_end(&ranges), RANGES_MAX * 10 + 1);
}

TEST_MAIN(TEST_CASE(what_was_said_is_heard_under_the_listeners_own_names),
          TEST_CASE(the_wire_form_is_that_of_the_golden_file),
          TEST_CASE(every_cut_and_every_flipped_byte_is_heard_in_part_or_refused_never_more),
          TEST_CASE(a_node_and_a_piece_of_a_state_survive_their_wire_form),
          TEST_CASE(ranges_know_what_was_added_in_any_order),
          TEST_CASE(ranges_are_bounded_by_taking_the_oldest_gap_for_seen))
