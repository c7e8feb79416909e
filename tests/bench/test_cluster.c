/* The workload W0, folded partition by partition by workers that die, and put together by a view, against one fold of
 * the same requests: equal to the bit. No broker here: the logs are arrays. */
#include "base/memory.h"
#include "collector/cluster/partition.h"
#include "collector/cluster/view.h"
#include "tests/bench/mesh20.h"
#include "tests/bench/same_cells.h"

enum { PARTITIONS = 4, ROUNDS = 4, REQUESTS = ROUNDS * ROUND_REQUESTS, TICKS = 40 };

#define START_NS INT64_C(1700000000000000000)
#define SECOND   INT64_C(1000000000)

/* One partition of the topic, what its worker has said, and the last state that was kept. */
typedef struct {
    uint32_t requests[REQUESTS + TICKS];
    uint32_t count;
    partition_t *worker;
    buffer_t state;
    uint64_t kept;
} topic_t;

typedef struct {
    mesh20_t *mesh;
    dialect_set_t *dialects;
    counters_t *counters;
    fold_config_t config;
    partition_config_t worker;
    topic_t topics[PARTITIONS];
    fold_t *mesh_fold, *one;
    view_t *view;
    buffer_t *log; /* the rollup topic */
    uint32_t log_count, read;
    uint8_t *body;
} world_t;

static int64_t time_of(uint32_t request) {
    return START_NS + (int64_t)(request / ROUND_REQUESTS) * 3 * SECOND + request % ROUND_REQUESTS * (SECOND / 100);
}

static void world_init(world_t *w, int64_t waiting_ns) {
    memset(w, 0, sizeof *w);
    w->mesh = mesh20_new(1, (mesh20_options_t){0});
    w->dialects = dialect_set_new(NULL);
    w->counters = memory_new(1, sizeof *w->counters);
    w->body = memory_new(1, 1 << 20);
    w->log = memory_new(1 << 16, sizeof *w->log);
    fold_config_defaults(&w->config);
    w->config.shard.names = w->config.shard.entities = 10000;
    w->config.pairing_spans = 100000;
    w->worker = (partition_config_t){.fold = w->config, .dialects = w->dialects, .counters = w->counters};
    w->worker.fold.pairing_window_ns = waiting_ns;
    w->mesh_fold = fold_new(&w->config, w->dialects, w->counters, (fold_sink_t){0});
    w->one = fold_new(&w->config, w->dialects, w->counters, (fold_sink_t){0});
    w->view = view_new(w->mesh_fold, w->counters, VIEW_PATIENCE_NS);
    for (int p = 0; p < PARTITIONS; p++) w->topics[p].worker = partition_new(&w->worker, "spans", p, 0);
}

static void world_fini(world_t *w) {
    for (int p = 0; p < PARTITIONS; p++) {
        partition_free(w->topics[p].worker);
        buffer_fini(&w->topics[p].state);
    }
    for (uint32_t i = 0; i < w->log_count; i++) buffer_fini(&w->log[i]);
    view_free(w->view);
    fold_free(w->mesh_fold);
    fold_free(w->one);
    dialect_set_free(w->dialects);
    mesh20_free(w->mesh);
    free(w->counters);
    free(w->body);
    free(w->log);
}

static slice_t body_of(world_t *w, uint32_t request) {
    uint32_t in_round = request % ROUND_REQUESTS;
    mesh20_write(w->mesh, request / ROUND_REQUESTS, in_round,
                 START_NS + (int64_t)(request / ROUND_REQUESTS) * 3 * SECOND, w->body);
    return slice_of(w->body, mesh20_size(w->mesh, in_round));
}

/* Folds the records of a partition from where its worker is up to `until`. */
static void work(world_t *w, int p, uint64_t until) {
    topic_t *topic = &w->topics[p];
    while (partition_offset(topic->worker) < until) {
        uint64_t offset = partition_offset(topic->worker);
        uint32_t request = topic->requests[offset];
        journal_record_t record = {.offset = offset, .partition = p};
        if (request >= REQUESTS) {
            record.kind = JOURNAL_TICK;
            record.arrival_ns = time_of(REQUESTS) + (int64_t)(request - REQUESTS) * 5 * SECOND;
        } else {
            record.arrival_ns = time_of(request);
            record.payload = body_of(w, request);
        }
        partition_record(topic->worker, &record);
    }
}

static void say(world_t *w, int p) {
    uint64_t first;
    while (partition_message(w->topics[p].worker, &first, &w->log[w->log_count])) w->log_count++;
}

static void keep(world_t *w, int p) {
    topic_t *topic = &w->topics[p];
    say(w, p);
    buffer_clear(&topic->state);
    partition_save(topic->worker, &topic->state);
    topic->kept = partition_offset(topic->worker);
}

/* The worker is gone with all that it did not say; another one begins where the last state was kept. */
static void die(world_t *w, int p) {
    topic_t *topic = &w->topics[p];
    partition_free(topic->worker);
    topic->worker = partition_new(&w->worker, "spans", p, 0);
    if (topic->state.len > 0) CHECK_EQUAL(partition_load(topic->worker, buffer_slice(&topic->state)), ERR_OK);
    CHECK_EQUAL(partition_offset(topic->worker), topic->kept);
}

static void view_reads(world_t *w) {
    for (; w->read < w->log_count; w->read++)
        view_message(w->view, time_of(REQUESTS) + 1000 * SECOND, buffer_slice(&w->log[w->read]));
}

/* Time goes on in all partitions until nothing waits anywhere. */
static void settle(world_t *w) {
    for (uint32_t i = 0; i < TICKS; i++) {
        for (int p = 0; p < PARTITIONS; p++) {
            topic_t *topic = &w->topics[p];
            topic->requests[topic->count++] = REQUESTS + i;
            work(w, p, topic->count);
            say(w, p);
        }
        view_reads(w);
    }
    for (int p = 0; p < PARTITIONS; p++) CHECK(partition_settled(w->topics[p].worker));
    fold_finish(w->mesh_fold);
    fold_finish(w->one);
}

static void check_equal(world_t *w) {
    check_same_cells(fold_shard(w->one), fold_shard(w->mesh_fold));
    CHECK_EQUAL(counters_get(w->counters, COUNTER_CLUSTER_MISSING), counters_get(w->counters, COUNTER_CLUSTER_FOUND));
}

/* Every request goes to a partition by chance; workers die, keep and speak by chance. */
static void run(world_t *w, uint64_t seed, bool deaths) {
    for (uint32_t request = 0; request < REQUESTS; request++) {
        int p = (int)(test_random(&seed) % PARTITIONS);
        CHECK_EQUAL(fold_record(w->one, OTLP_TRACES, time_of(request), body_of(w, request)), ERR_OK);
        w->topics[p].requests[w->topics[p].count++] = request;
        if (test_random(&seed) % 8 == 0) work(w, p, w->topics[p].count);
        if (test_random(&seed) % 16 == 0) say(w, p);
        if (test_random(&seed) % 64 == 0) keep(w, p);
        if (deaths && test_random(&seed) % 32 == 0) die(w, p);
        if (test_random(&seed) % 8 == 0) view_reads(w);
    }
}

TEST(a_view_over_partitions_is_equal_to_one_fold_of_everything) {
    world_t world;
    world_init(&world, SECOND);
    run(&world, 1, false);
    settle(&world);
    check_equal(&world);
    CHECK_EQUAL(counters_get(world.counters, COUNTER_CLUSTER_REPEATED), 0);
    world_fini(&world);
}

TEST(workers_that_die_change_nothing) {
    uint64_t repeated = 0;
    for (uint64_t seed = 2; seed < 8; seed++) {
        world_t world;
        world_init(&world, SECOND);
        run(&world, seed, true);
        settle(&world);
        check_equal(&world);
        repeated += counters_get(world.counters, COUNTER_CLUSTER_REPEATED);
        world_fini(&world);
    }
    CHECK(repeated > 0);
}

TEST(it_does_not_matter_how_long_halves_wait_in_their_partition) {
    world_t world;
    world_init(&world, 0);
    run(&world, 9, true);
    settle(&world);
    check_equal(&world);
    world_fini(&world);
}

/* Compaction leaves of messages with one key the last, in its place. */
TEST(a_view_that_reads_the_compacted_topic_knows_the_same) {
    world_t world;
    world_init(&world, SECOND);
    run(&world, 10, true);
    for (int p = 0; p < PARTITIONS; p++) work(&world, p, world.topics[p].count);
    settle(&world);
    fold_t *late_fold = fold_new(&world.config, world.dialects, world.counters, (fold_sink_t){0});
    view_t *late = view_new(late_fold, world.counters, VIEW_PATIENCE_NS);
    for (uint32_t i = 0; i < world.log_count; i++) {
        rollup_head_t head, other;
        slice_t items;
        bool replaced = false;
        CHECK_EQUAL(rollup_head_read(buffer_slice(&world.log[i]), &head, &items), ERR_OK);
        for (uint32_t j = i + 1; j < world.log_count && !replaced; j++)
            replaced = rollup_head_read(buffer_slice(&world.log[j]), &other, &items) == ERR_OK &&
                       other.partition == head.partition && other.first == head.first;
        if (!replaced) view_message(late, time_of(REQUESTS) + 1000 * SECOND, buffer_slice(&world.log[i]));
    }
    fold_finish(late_fold);
    view_free(world.view);
    fold_free(world.mesh_fold);
    world.view = late;
    world.mesh_fold = late_fold;
    memset(world.counters, 0, sizeof *world.counters);
    check_equal(&world);
    world_fini(&world);
}

TEST(a_state_is_the_same_after_saving_and_loading) {
    world_t world;
    world_init(&world, SECOND);
    run(&world, 11, false);
    work(&world, 0, world.topics[0].count);
    keep(&world, 0);
    buffer_t again = {0};
    die(&world, 0);
    partition_save(world.topics[0].worker, &again);
    CHECK(slice_equal(buffer_slice(&again), buffer_slice(&world.topics[0].state)));
    buffer_fini(&again);
    world_fini(&world);
}

TEST_MAIN({"a_view_over_partitions_is_equal_to_one_fold_of_everything",
           a_view_over_partitions_is_equal_to_one_fold_of_everything},
          TEST_CASE(workers_that_die_change_nothing),
          {"it_does_not_matter_how_long_halves_wait_in_their_partition",
           it_does_not_matter_how_long_halves_wait_in_their_partition},
          {"a_view_that_reads_the_compacted_topic_knows_the_same",
           a_view_that_reads_the_compacted_topic_knows_the_same},
          TEST_CASE(a_state_is_the_same_after_saving_and_loading))
