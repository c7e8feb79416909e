/* Workers and a view over librdkafka's own broker, in one thread: who speaks and who dies is the test's to say. */
#include "base/clock.h"
#include "base/memory.h"
#include "collector/cluster/view.h"
#include "collector/cluster/worker.h"
#include "tests/bench/mesh20.h"
#include "tests/bench/same_cells.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <time.h>

enum { PARTITIONS = 4, ROUNDS = 2, REQUESTS = ROUNDS * ROUND_REQUESTS, WORKERS = 3, PATIENCE_S = 240 };

/* The test's broker lets a group wait for its members for about as long as their session lasts. */
#define QUICK  "session.timeout.ms=2500; heartbeat.interval.ms=200; topic.metadata.refresh.interval.ms=500"
#define SECOND INT64_C(1000000000)

/* Records were produced an hour ago, so that the first tick closes what they left open. */
static int64_t start_ns;

typedef struct {
    journal_t *journal;
    worker_t *worker;
    view_t *view;
    uint64_t read;
} node_t;

typedef struct {
    rd_kafka_t *host, *producer;
    rd_kafka_mock_cluster_t *cluster;
    mesh20_t *mesh;
    dialect_set_t *dialects;
    counters_t *counters;
    fold_config_t config;
    fold_t *one, *all;
    names_t names;
    node_t workers[WORKERS], view;
    journal_kafka_config_t kafka[WORKERS + 1];
    uint8_t *body;
    uint32_t sent;
    uint64_t seed;
} world_t;

static rd_kafka_t *producer_new(const char *brokers) {
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (brokers != NULL) (void)rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (client == NULL) abort();
    return client;
}

static void world_init(world_t *w) {
    memset(w, 0, sizeof *w);
    start_ns = ((int64_t)time(NULL) - 3600) * SECOND;
    w->host = producer_new(NULL);
    w->cluster = rd_kafka_mock_cluster_new(w->host, 1);
    const char *const topics[] = {"spans", "metrics", "logs", "rollups", "state"};
    for (int i = 0; i < 5; i++) (void)rd_kafka_mock_topic_create(w->cluster, topics[i], i == 0 ? PARTITIONS : 1, 1);
    w->producer = producer_new(rd_kafka_mock_cluster_bootstraps(w->cluster));
    w->mesh = mesh20_new(1, (mesh20_options_t){0});
    w->dialects = dialect_set_new(NULL);
    w->counters = memory_new(1, sizeof *w->counters);
    w->body = memory_new(1, 1 << 20);
    w->seed = 1;
    fold_config_defaults(&w->config);
    w->config.shard.names = w->config.shard.entities = 10000;
    w->config.pairing_spans = 100000;
    w->one = fold_new(&w->config, w->dialects, w->counters, (fold_sink_t){0});
    w->all = fold_new(&w->config, w->dialects, w->counters, (fold_sink_t){0});
    names_init(&w->names, 10000, w->counters);
}

static journal_kafka_config_t *kafka_of(world_t *w, int number, const char *group) {
    w->kafka[number] = (journal_kafka_config_t){.brokers = rd_kafka_mock_cluster_bootstraps(w->cluster),
                                                .group = group,
                                                .topics = {"spans", "metrics", "logs"},
                                                .properties = QUICK,
                                                .queue_bytes = 64 << 20,
                                                .request_bytes = 1 << 20};
    return &w->kafka[number];
}

static void start_worker(world_t *w, int number) {
    char why[256] = "";
    journal_kafka_config_t *kafka = kafka_of(w, number, "group");
    worker_config_t config = {.partition = {.fold = w->config, .dialects = w->dialects, .counters = w->counters},
                              .log = {.kafka = kafka, .rollups = "rollups", .state = "state"},
                              .keep_ns = SECOND / 2,
                              .silence_ns = SECOND,
                              .node = "node",
                              .url = "http://node:7117",
                              .clock = &clock_system};
    config.partition.fold.pairing_window_ns = SECOND;
    node_t *node = &w->workers[number];
    CHECK_EQUAL(worker_open(&config, &node->worker, why, sizeof why), ERR_OK);
    kafka->holder = worker_holder(node->worker);
    CHECK_EQUAL(journal_open_kafka(kafka, 0, slice_of(NULL, 0), w->counters, &node->journal, why, sizeof why), ERR_OK);
    worker_attach(node->worker, node->journal);
    CHECK_TEXT(why, "");
}

static void start_view(world_t *w) {
    char why[256] = "";
    journal_kafka_config_t *kafka = kafka_of(w, WORKERS, "view");
    kafka->rollups = "rollups";
    w->view.view = view_new(w->all, w->counters, 7200 * SECOND);
    CHECK_EQUAL(journal_open_kafka(kafka, 0, slice_of(NULL, 0), w->counters, &w->view.journal, why, sizeof why),
                ERR_OK);
}

static void keep_nothing(void *context, bool lost) {
    (void)context, (void)lost;
}

/* In good order, or as a crash would end it: what it did not say and keep is gone. */
static void end_worker(world_t *w, int number, bool crash) {
    node_t *node = &w->workers[number];
    if (node->worker == NULL) return;
    if (crash) worker_holder(node->worker)->give_back = keep_nothing;
    journal_close(node->journal);
    worker_close(node->worker);
    *node = (node_t){0};
}

static void world_fini(world_t *w) {
    for (int i = 0; i < WORKERS; i++) end_worker(w, i, true);
    journal_close(w->view.journal);
    view_free(w->view.view);
    fold_free(w->one);
    fold_free(w->all);
    names_fini(&w->names);
    dialect_set_free(w->dialects);
    mesh20_free(w->mesh);
    free(w->counters);
    free(w->body);
    rd_kafka_destroy(w->producer);
    rd_kafka_mock_cluster_destroy(w->cluster);
    rd_kafka_destroy(w->host);
}

/* The next requests, each to a partition by chance, and to the one fold that all is compared with. */
static void send_until(world_t *w, uint32_t until) {
    for (; w->sent < until; w->sent++) {
        uint32_t round = w->sent / ROUND_REQUESTS, request = w->sent % ROUND_REQUESTS;
        int64_t time_ns = start_ns + (int64_t)round * 3 * SECOND, arrival_ns = time_ns + request * (SECOND / 100);
        mesh20_write(w->mesh, round, request, time_ns, w->body);
        slice_t body = slice_of(w->body, mesh20_size(w->mesh, request));
        CHECK_EQUAL(fold_record(w->one, OTLP_TRACES, arrival_ns, body), ERR_OK);
        CHECK(rd_kafka_producev(w->producer, RD_KAFKA_V_TOPIC("spans"),
                                RD_KAFKA_V_PARTITION((int32_t)(test_random(&w->seed) % PARTITIONS)),
                                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(w->body, body.len),
                                RD_KAFKA_V_TIMESTAMP(arrival_ns / 1000000),
                                RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    CHECK(rd_kafka_flush(w->producer, 10000) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* Everybody does what there is to do. */
static void pump(world_t *w) {
    journal_record_t record;
    for (int i = 0; i < WORKERS; i++) {
        node_t *node = &w->workers[i];
        if (node->worker == NULL) continue;
        if (journal_next(node->journal, SECOND / 200, &record) == ERR_OK &&
            worker_record(node->worker, &record) == ERR_OK)
            node->read++;
        worker_turn(node->worker);
    }
    if (journal_next(w->view.journal, SECOND / 200, &record) == ERR_OK && record.kind == JOURNAL_ROLLUP)
        view_message(w->view.view, record.arrival_ns, record.payload);
}

static bool pump_until_read(world_t *w, int worker, uint64_t records) {
    for (time_t end = time(NULL) + PATIENCE_S; w->workers[worker].read < records && time(NULL) < end;) pump(w);
    return w->workers[worker].read >= records;
}

static bool all_settled(const world_t *w) {
    uint32_t read = 0;
    for (int i = 0; i < WORKERS; i++) {
        if (w->workers[i].worker == NULL) continue;
        for (int32_t p = 0; p < PARTITIONS; p++) read += journal_kafka_at_end(w->workers[i].journal, "spans", p);
        if (!worker_settled(w->workers[i].worker)) return false;
    }
    return read == PARTITIONS && view_partitions(w->view.view) >= PARTITIONS && !view_expects(w->view.view) &&
           view_complete_ns(w->view.view) > start_ns + 1000 * SECOND;
}

/* Until time has gone on in all partitions, and the view has heard of it; then both folds end. */
static bool pump_until_settled(world_t *w) {
    time_t end = time(NULL) + PATIENCE_S;
    while (!all_settled(w) && time(NULL) < end) pump(w);
    for (int i = 0; i < 100; i++) pump(w);
    fold_finish(w->one);
    fold_finish(w->all);
    return all_settled(w);
}

static void check_exact(world_t *w) {
    check_same_cells(fold_shard(w->one), fold_shard(w->all));
    CHECK_EQUAL(counters_get(w->counters, COUNTER_CLUSTER_MISSING), 0);
}

TEST(three_workers_and_a_view_count_what_one_fold_counts) {
    world_t world;
    world_init(&world);
    for (int i = 0; i < WORKERS; i++) start_worker(&world, i);
    start_view(&world);
    send_until(&world, REQUESTS);
    CHECK(pump_until_settled(&world));
    check_exact(&world);
    world_fini(&world);
}

/* One crashes and never comes back, one joins late, one leaves in good order. */
TEST(a_worker_that_never_comes_back_a_late_one_and_one_that_leaves_change_nothing) {
    world_t world;
    world_init(&world);
    start_worker(&world, 0);
    start_worker(&world, 1);
    start_view(&world);
    send_until(&world, REQUESTS / 3);
    CHECK(pump_until_read(&world, 0, 20));
    end_worker(&world, 0, true);
    send_until(&world, REQUESTS / 3 * 2);
    start_worker(&world, 2);
    CHECK(pump_until_read(&world, 2, 20));
    end_worker(&world, 1, false);
    send_until(&world, REQUESTS);
    CHECK(pump_until_settled(&world));
    check_exact(&world);
    world_fini(&world);
}

static void count_node(void *context, const char *id, const char *url) {
    CHECK_TEXT(id, "node");
    CHECK_TEXT(url, "http://node:7117");
    ++*(int *)context;
}

TEST(a_view_knows_where_the_workers_are) {
    world_t world;
    int nodes = 0;
    world_init(&world);
    start_worker(&world, 0);
    start_view(&world);
    for (time_t end = time(NULL) + PATIENCE_S; nodes == 0 && time(NULL) < end;) {
        pump(&world);
        view_nodes(world.view.view, count_node, &nodes);
    }
    for (time_t end = time(NULL) + PATIENCE_S; worker_partitions(world.workers[0].worker) == 0 && time(NULL) < end;)
        pump(&world);
    CHECK_EQUAL(nodes, 1);
    world_fini(&world);
}

#ifdef __SANITIZE_THREAD__
/* librdkafka starts its threads by thrd_create(), of which ThreadSanitizer does not know: it ends the process. */
__attribute__((unused)) static void (*const untested[])(void) = {
    three_workers_and_a_view_count_what_one_fold_counts,
    a_worker_that_never_comes_back_a_late_one_and_one_that_leaves_change_nothing,
    a_view_knows_where_the_workers_are,
};
int main(void) {
    (void)puts("0 passed, 0 failed");
    return 0;
}
#else
TEST_MAIN(TEST_CASE(three_workers_and_a_view_count_what_one_fold_counts),
          TEST_CASE(a_worker_that_never_comes_back_a_late_one_and_one_that_leaves_change_nothing),
          TEST_CASE(a_view_knows_where_the_workers_are))
#endif
