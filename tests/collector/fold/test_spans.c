#include "collector/fold/fold.h"
#include "collector/rollup/frame.h"
#include "tests/otlp_build.h"
#include "tests/test.h"

#define S INT64_C(1000000000)
enum { SERVER = 2, CLIENT = 3 };
static const int64_t NOW = 1700000000 * S;

typedef struct {
    counters_t counters;
    dialect_set_t *dialects;
    fold_t *fold;
    folded_span_t last;
    unsigned spans, closed;
} world_t;

static void on_span(void *context, const folded_span_t *span) {
    world_t *world = context;
    world->last = *span;
    world->spans++;
}

static void on_closed(void *context, shard_t *shard, int64_t bucket, bucket_t *cells) {
    (void)shard;
    (void)bucket;
    (void)cells;
    ((world_t *)context)->closed++;
}

static void open_world(world_t *world) {
    *world = (world_t){0};
    fold_config_t config;
    fold_config_defaults(&config);
    config.pairing_spans = 1000;
    world->dialects = dialect_set_new(NULL);
    world->fold = fold_new(&config, world->dialects, &world->counters,
                           (fold_sink_t){.context = world, .span = on_span, .closed = on_closed});
}

static void close_world(world_t *world) {
    fold_free(world->fold);
    dialect_set_free(world->dialects);
}

static uint64_t counted(const world_t *world, counter_t which) {
    return counters_get(&world->counters, which);
}

static err_t give(world_t *world, const build_span_t *spans, size_t count) {
    buffer_t body = {0};
    for (size_t i = 0; i < count; i++) build_request(&body, &spans[i]);
    otlp_summary_t summary;
    CHECK_EQUAL(otlp_check(OTLP_TRACES, buffer_slice(&body), NOW, &summary), ERR_OK);
    CHECK_EQUAL(summary.items, count);
    err_t err = fold_record(world->fold, OTLP_TRACES, NOW, buffer_slice(&body));
    buffer_fini(&body);
    return err;
}

/* All cells of a kind, for a service and (edges) a caller, over all open buckets, merged. */
static cell_t total(world_t *world, entity_kind_t kind, const char *caller, const char *service) {
    cell_t sum;
    cell_init(&sum);
    shard_t *shard = fold_shard(world->fold);
    uint32_t who = names_find(&shard->names, slice_text(service)), from = names_find(&shard->names, slice_text(caller));
    for (uint32_t b = 0; b < shard->bucket_count; b++)
        for (uint32_t i = 0; i < shard->buckets[b]->count; i++) {
            const entity_key_t *key = &shard->entities[shard->buckets[b]->entities[i]];
            if (key->kind == kind && key->service == who && (kind != ENTITY_EDGE || key->caller == from))
                cell_merge(&sum, shard->buckets[b]->cells[i]);
        }
    return sum;
}

static uint64_t requests(world_t *world, entity_kind_t kind, const char *caller, const char *service) {
    cell_t sum = total(world, kind, caller, service);
    uint64_t n = sum.requests;
    cell_fini(&sum);
    return n;
}

static build_span_t client_span(uint64_t trace) {
    return (build_span_t){.service = "web",
                          .namespace_name = "shop",
                          .trace = trace,
                          .span = 10,
                          .name = "call",
                          .peer = "cart",
                          .kind = CLIENT,
                          .start_ns = (uint64_t)(NOW - 20 * S),
                          .end_ns = (uint64_t)(NOW - 20 * S) + 9000000};
}

static build_span_t server_span(uint64_t trace) {
    return (build_span_t){.service = "cart",
                          .namespace_name = "shop",
                          .version = "v2",
                          .pod = "cart-1",
                          .trace = trace,
                          .span = 11,
                          .parent = 10,
                          .name = "get",
                          .route = "/cart/{id}",
                          .kind = SERVER,
                          .start_ns = (uint64_t)(NOW - 20 * S) + 1000000,
                          .end_ns = (uint64_t)(NOW - 20 * S) + 8000000};
}

TEST(a_call_is_counted_once_whatever_order_its_halves_come_in) {
    for (int order = 0; order < 3; order++) {
        world_t world;
        open_world(&world);
        build_span_t both[2] = {client_span(1), server_span(1)}, turned[2] = {server_span(1), client_span(1)};
        if (order == 0) CHECK_EQUAL(give(&world, both, 2), ERR_OK);
        for (int i = 0; order == 1 && i < 2; i++) CHECK_EQUAL(give(&world, &both[i], 1), ERR_OK);
        for (int i = 0; order == 2 && i < 2; i++) CHECK_EQUAL(give(&world, &turned[i], 1), ERR_OK);
        cell_t edge = total(&world, ENTITY_EDGE, "shop/web", "shop/cart");
        CHECK_EQUAL(edge.requests, 1);
        CHECK_EQUAL(edge.ok.min_ns, 7000000);     /* the callee's own view */
        CHECK_EQUAL(edge.client.min_ns, 9000000); /* and how long the caller waited */
        cell_fini(&edge);
        CHECK_EQUAL(requests(&world, ENTITY_SERVICE, "", "shop/cart"), 1);
        CHECK_EQUAL(requests(&world, ENTITY_VERSION, "", "shop/cart"), 1);
        CHECK_EQUAL(requests(&world, ENTITY_INSTANCE, "", "shop/cart"), 1);
        CHECK_EQUAL(requests(&world, ENTITY_OPERATION, "", "shop/cart"), 1);
        CHECK_EQUAL(requests(&world, ENTITY_SERVICE, "", "shop/web"), 0);
        CHECK_EQUAL(counted(&world, COUNTER_PAIRED_SPANS), 2);
        CHECK_EQUAL(world.spans, 2);
        close_world(&world);
    }
}

TEST(a_call_whose_callee_says_nothing_counts_with_the_peer_that_the_caller_names) {
    world_t world;
    open_world(&world);
    build_span_t client = client_span(1);
    CHECK_EQUAL(give(&world, &client, 1), ERR_OK);
    CHECK_EQUAL(requests(&world, ENTITY_EDGE, "shop/web", "cart"), 0);
    fold_finish(world.fold);
    CHECK_EQUAL(requests(&world, ENTITY_EDGE, "shop/web", "cart"), 1);
    CHECK_EQUAL(counted(&world, COUNTER_UNPAIRED_CLIENT), 1);
    close_world(&world);
}

TEST(a_bare_peer_name_is_found_in_the_callers_namespace) {
    world_t world;
    open_world(&world);
    build_span_t server = server_span(1), client = client_span(2);
    CHECK_EQUAL(give(&world, &server, 1), ERR_OK);
    CHECK_EQUAL(give(&world, &client, 1), ERR_OK);
    fold_finish(world.fold);
    CHECK_EQUAL(requests(&world, ENTITY_EDGE, "shop/web", "shop/cart"), 1);
    close_world(&world);
}

TEST(a_database_call_counts_at_once) {
    world_t world;
    open_world(&world);
    build_span_t client = client_span(1);
    client.peer = "orders-db";
    client.database = "postgresql";
    CHECK_EQUAL(give(&world, &client, 1), ERR_OK);
    CHECK_EQUAL(requests(&world, ENTITY_EDGE, "shop/web", "orders-db"), 1);
    close_world(&world);
}

TEST(event_time_settles_what_waits_and_closes_buckets_while_nothing_comes) {
    world_t world;
    open_world(&world);
    build_span_t client = client_span(1);
    CHECK_EQUAL(give(&world, &client, 1), ERR_OK);
    CHECK(!fold_settled(world.fold));
    fold_tick(world.fold, NOW + 120 * S);
    CHECK(fold_settled(world.fold));
    CHECK_EQUAL(requests(&world, ENTITY_EDGE, "shop/web", "cart"), 1);
    CHECK(world.closed > 0);
    close_world(&world);
}

TEST(what_cannot_be_counted_is_counted_as_such) {
    world_t world;
    open_world(&world);
    build_span_t fine = server_span(1), zero = server_span(0), negative = server_span(2), future = server_span(3),
                 past = server_span(4);
    zero.trace = 0;
    negative.end_ns = negative.start_ns - 1;
    future.start_ns += (uint64_t)(86400 * S);
    future.end_ns += (uint64_t)(86400 * S);
    past.start_ns -= (uint64_t)(86400 * S);
    past.end_ns -= (uint64_t)(86400 * S);
    build_span_t all[5] = {fine, zero, negative, future, past};
    CHECK_EQUAL(give(&world, all, 5), ERR_OK);
    CHECK_EQUAL(requests(&world, ENTITY_SERVICE, "", "shop/cart"), 1);
    CHECK_EQUAL(counted(&world, COUNTER_FOLDED_SPANS), 5);
    CHECK_EQUAL(counted(&world, COUNTER_DROPPED_SPAN_ZERO_ID), 1);
    CHECK_EQUAL(counted(&world, COUNTER_DROPPED_SPAN_NEGATIVE), 1);
    CHECK_EQUAL(counted(&world, COUNTER_DROPPED_SPAN_FUTURE), 1);
    CHECK_EQUAL(counted(&world, COUNTER_DROPPED_SPAN_LATE), 1);
    close_world(&world);
}

TEST(a_request_sent_again_byte_for_byte_is_not_counted_twice) {
    world_t world;
    open_world(&world);
    build_span_t server = server_span(1);
    CHECK_EQUAL(give(&world, &server, 1), ERR_OK);
    CHECK_EQUAL(give(&world, &server, 1), ERR_OK);
    CHECK_EQUAL(requests(&world, ENTITY_SERVICE, "", "shop/cart"), 1);
    CHECK_EQUAL(counted(&world, COUNTER_DUPLICATE_BATCHES), 1);
    close_world(&world);
}

TEST(status_tells_who_is_at_fault) {
    static const struct {
        int http;
        bool error;
        failure_t expected;
    } rows[] = {{200, false, FAILURE_NONE},    {404, true, FAILURE_CLIENT}, {503, false, FAILURE_SERVER},
                {504, false, FAILURE_TIMEOUT}, {429, false, FAILURE_RATE},  {403, false, FAILURE_DENIED},
                {0, true, FAILURE_SERVER},     {0, false, FAILURE_NONE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world_t world;
        open_world(&world);
        build_span_t server = server_span(1);
        server.http_status = rows[i].http;
        server.error = rows[i].error;
        CHECK_EQUAL(give(&world, &server, 1), ERR_OK);
        cell_t cell = total(&world, ENTITY_SERVICE, "", "shop/cart");
        for (int f = 0; f < FAILURE_CLASSES; f++) CHECK_EQUAL(cell.failures[f], f == (int)rows[i].expected);
        cell_fini(&cell);
        close_world(&world);
    }
}

static build_span_t random_span(uint64_t *seed) {
    static const char *const services[] = {"a", "b", "c", "d"};
    build_span_t span =
        test_random(seed) % 2 ? client_span(1 + test_random(seed) % 400) : server_span(1 + test_random(seed) % 400);
    span.service = services[test_random(seed) % 4];
    span.peer = services[test_random(seed) % 4];
    uint64_t shift = test_random(seed) % 200 * (uint64_t)S;
    span.start_ns -= 200 * (uint64_t)S - shift;
    span.end_ns -= 200 * (uint64_t)S - shift;
    span.http_status = test_random(seed) % 10 == 0 ? 503 : 200;
    return span;
}

static void dump(world_t *world, buffer_t *out) {
    shard_t *shard = fold_shard(world->fold);
    fold_save(world->fold, out);
    for (uint32_t b = 0; b < shard->bucket_count; b++) frame_encode(shard->buckets[b], out);
}

/* Names, entities and open buckets go through the store in the daemon; here they are copied. */
static void move_shard(shard_t *from, shard_t *to) {
    for (uint32_t id = 2; id < from->names.count; id++) (void)names_intern(&to->names, names_text(&from->names, id));
    for (uint32_t id = 1; id < from->entity_count; id++) shard_restore_entity(to, id, &from->entities[id]);
    for (uint32_t b = 0; b < from->bucket_count; b++) {
        buffer_t frame = {0};
        frame_encode(from->buckets[b], &frame);
        CHECK_EQUAL(frame_load(buffer_slice(&frame), to, from->buckets[b]->bucket), ERR_OK);
        buffer_fini(&frame);
    }
}

/* Closes `from` after bringing all of its state into the fresh world `to`. */
static void hand_over(world_t *from, world_t *to) {
    buffer_t state = {0};
    open_world(to);
    fold_save(from->fold, &state);
    move_shard(fold_shard(from->fold), fold_shard(to->fold));
    CHECK_EQUAL(fold_load(to->fold, buffer_slice(&state)), ERR_OK);
    buffer_fini(&state);
    close_world(from);
}

TEST(saving_and_loading_in_the_middle_changes_not_one_bit) {
    enum { RECORDS = 400 };
    world_t straight, broken[2];
    unsigned at = 0;
    open_world(&straight);
    open_world(&broken[at]);
    uint64_t seed = 42;
    for (int i = 0; i < RECORDS; i++) {
        build_span_t span = random_span(&seed);
        CHECK_EQUAL(give(&straight, &span, 1), ERR_OK);
        CHECK_EQUAL(give(&broken[at], &span, 1), ERR_OK);
        if (i % 67 != 66) continue;
        hand_over(&broken[at], &broken[1 - at]);
        at = 1 - at;
        buffer_t one = {0}, two = {0};
        dump(&straight, &one);
        dump(&broken[at], &two);
        CHECK(slice_equal(buffer_slice(&one), buffer_slice(&two)));
        buffer_fini(&one);
        buffer_fini(&two);
    }
    close_world(&straight);
    close_world(&broken[at]);
}

TEST(the_in_place_reader_agrees_with_protobuf_c) {
    uint64_t seed = 5;
    for (int i = 0; i < 500; i++) {
        world_t world;
        open_world(&world);
        build_span_t span = random_span(&seed);
        buffer_t body = {0};
        build_request(&body, &span);
        Otlp__TracesData *oracle = otlp__traces_data__unpack(NULL, body.len, body.data);
        REQUIRE(oracle != NULL);
        const Otlp__Span *expected = oracle->resource_spans[0]->scope_spans[0]->spans[0];
        CHECK_EQUAL(fold_record(world.fold, OTLP_TRACES, NOW, buffer_slice(&body)), ERR_OK);
        REQUIRE(world.spans == 1);
        CHECK_EQUAL(world.last.start_ns, expected->start_time_unix_nano);
        CHECK_EQUAL(world.last.end_ns, expected->end_time_unix_nano);
        CHECK_EQUAL(world.last.root, expected->parent_span_id.len == 0);
        CHECK(memcmp(world.last.trace_id, expected->trace_id.data, 16) == 0);
        CHECK(memcmp(world.last.span_id, expected->span_id.data, 8) == 0);
        otlp__traces_data__free_unpacked(oracle, NULL);
        /* every cut is refused by the check, or is a whole message of its own to protobuf-c as well */
        for (size_t len = 0; len < body.len; len++) {
            otlp_summary_t summary;
            err_t err = otlp_check(OTLP_TRACES, slice_of(body.data, len), NOW, &summary);
            Otlp__TracesData *cut = otlp__traces_data__unpack(NULL, len, body.data);
            CHECK_EQUAL(err == ERR_OK, cut != NULL);
            if (cut != NULL) otlp__traces_data__free_unpacked(cut, NULL);
        }
        buffer_fini(&body);
        close_world(&world);
    }
}

TEST(values_nested_deeper_than_the_limit_are_malformed) {
    buffer_t value = {0}, next = {0};
    for (int depth = 0; depth < 40; depth++) { /* AnyValue{array{values: …}} */
        buffer_clear(&next);
        buffer_byte(&next, 0x0a);
        buffer_block(&next, buffer_slice(&value));
        buffer_clear(&value);
        buffer_byte(&value, 0x2a);
        buffer_block(&value, buffer_slice(&next));
        buffer_t body = {0}, part = {0};
        static const uint8_t path[] = {0x12, 0x0a, 0x0a, 0x0a}; /* value, attributes, resource, resource_spans */
        buffer_append(&body, value.data, value.len);
        for (size_t i = 0; i < sizeof path; i++) {
            buffer_clear(&part);
            buffer_byte(&part, path[i]);
            buffer_block(&part, buffer_slice(&body));
            buffer_clear(&body);
            buffer_append(&body, part.data, part.len);
        }
        otlp_summary_t summary;
        err_t err = otlp_check(OTLP_TRACES, buffer_slice(&body), NOW, &summary);
        CHECK_EQUAL(err, depth + 1 < OTLP_VALUE_DEPTH_MAX ? ERR_OK : ERR_MALFORMED);
        buffer_fini(&body);
        buffer_fini(&part);
    }
    buffer_fini(&value);
    buffer_fini(&next);
}

TEST(a_known_field_of_a_wrong_wire_type_is_malformed) {
    static const uint8_t name_as_varint[] = {0x0a, 0x06, 0x12, 0x04, 0x12, 0x02, 0x28, 0x01};
    otlp_summary_t summary;
    CHECK_EQUAL(otlp_check(OTLP_TRACES, slice_of(name_as_varint, sizeof name_as_varint), NOW, &summary), ERR_MALFORMED);
}

TEST_MAIN(TEST_CASE(a_call_is_counted_once_whatever_order_its_halves_come_in),
          TEST_CASE(a_call_whose_callee_says_nothing_counts_with_the_peer_that_the_caller_names),
          TEST_CASE(a_bare_peer_name_is_found_in_the_callers_namespace), TEST_CASE(a_database_call_counts_at_once),
          TEST_CASE(event_time_settles_what_waits_and_closes_buckets_while_nothing_comes),
          TEST_CASE(what_cannot_be_counted_is_counted_as_such),
          TEST_CASE(a_request_sent_again_byte_for_byte_is_not_counted_twice), TEST_CASE(status_tells_who_is_at_fault),
          TEST_CASE(saving_and_loading_in_the_middle_changes_not_one_bit),
          TEST_CASE(the_in_place_reader_agrees_with_protobuf_c),
          TEST_CASE(values_nested_deeper_than_the_limit_are_malformed),
          TEST_CASE(a_known_field_of_a_wrong_wire_type_is_malformed))
