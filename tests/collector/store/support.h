/* support: a stand-in for the fold that feeds a store with a deterministic sequence of records, and a dump of what is
 * in a store, hashed table by table in an order that does not depend on how it got there. */
#ifndef SEISMESH_TESTS_STORE_SUPPORT_H
#define SEISMESH_TESTS_STORE_SUPPORT_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "collector/store/query.h"
#include "collector/store/store.h"
#include "tests/test.h"

#include <sqlite3.h>
#include <unistd.h>

#define MAYBE_UNUSED __attribute__((unused))

enum { SUPPORT_SERVICES = 8, SUPPORT_OPERATIONS = 4 };
#define SUPPORT_START_NS (INT64_C(1700000000) * 1000000000)

/* --- directories --- */

MAYBE_UNUSED static char *support_directory(const char *name) {
    static char path[128];
    /* in memory where there is such a place: thousands of checkpoints would wait for the disk */
    const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(path, sizeof path, "%s/seismesh-test-store-%ld-%s", root, (long)getpid(), name);
    char command[300];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", path);
    if (system(command) != 0) abort();
    return path;
}

MAYBE_UNUSED static void support_remove(const char *path) {
    char command[300];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", path);
    if (system(command) != 0) abort();
}

MAYBE_UNUSED static store_config_t support_config(const char *directory) {
    return (store_config_t){.directory = directory,
                            .keep_spans = true,
                            .span_block_bytes = 20000,
                            .retention_10s_s = 86400,
                            .retention_1m_s = 14 * 86400,
                            .retention_1h_s = 400 * 86400,
                            .retention_spans_s = 3 * 86400,
                            .retention_bytes = UINT64_C(1) << 34};
}

/* --- the stand-in for the fold --- */

typedef struct {
    shard_t shard;
    counters_t counters;
    store_t *store;
    uint64_t position; /* records folded */
    int64_t closed_before, event_ns;
    int64_t record_ns; /* event time from one record to the next */
    char why[300];
} support_fold_t;

MAYBE_UNUSED static err_t support_open(support_fold_t *fold, const store_config_t *config) {
    static const shard_limits_t limits = {
        .names = 10000, .entities = 10000, .operations_per_service = 100, .idle_buckets = 360};
    memset(&fold->counters, 0, sizeof fold->counters);
    fold->record_ns = 500000000;
    fold->closed_before = fold->event_ns = INT64_MIN;
    shard_init(&fold->shard, &limits, &fold->counters);
    err_t err = store_open(config, &fold->counters, &fold->store, fold->why, sizeof fold->why);
    if (err != ERR_OK) return err;
    err = store_load(fold->store, &fold->shard, &fold->position, &fold->closed_before);
    slice_t state = slice_of(NULL, 0);
    if (err == ERR_OK) err = store_state(fold->store, "fold", &state);
    if (err != ERR_OK || state.len == 0) return err;
    bytes_t in = bytes_of(state);
    uint64_t event = 0;
    if (!bytes_u64(&in, &event) || !shard_load(&fold->shard, &in)) return ERR_MALFORMED;
    fold->event_ns = (int64_t)event;
    return ERR_OK;
}

MAYBE_UNUSED static void support_close(support_fold_t *fold) {
    if (fold->store != NULL) store_close(fold->store);
    shard_fini(&fold->shard);
}

MAYBE_UNUSED static err_t support_checkpoint(support_fold_t *fold) {
    buffer_t state = {0};
    buffer_u64(&state, (uint64_t)fold->event_ns);
    shard_save(&fold->shard, &state);
    store_state_t states[] = {{"fold", buffer_slice(&state)}, {NULL, {NULL, 0}}};
    err_t err =
        store_checkpoint(fold->store, &fold->shard, fold->position, fold->closed_before, fold->event_ns, states);
    buffer_fini(&state);
    return err;
}

MAYBE_UNUSED static err_t support_finish(support_fold_t *fold) {
    (void)store_flush(fold->store);
    err_t err = support_checkpoint(fold);
    return err == ERR_OK ? store_flush(fold->store) : err;
}

static uint32_t support_name(support_fold_t *fold, const char *kind, uint64_t n) {
    char text[40];
    (void)snprintf(text, sizeof text, "%s-%02u", kind, (unsigned)n);
    return names_intern(&fold->shard.names, slice_text(text));
}

/* A protobuf field of block type. */
static void support_field(buffer_t *out, uint32_t number, slice_t bytes) {
    buffer_varint(out, number << 3 | 2);
    buffer_block(out, bytes);
}

static void support_attribute(buffer_t *out, uint32_t number, const char *key, const char *text) {
    buffer_t value = {0}, both = {0};
    support_field(&value, 1, slice_text(text));
    support_field(&both, 1, slice_text(key));
    support_field(&both, 2, buffer_slice(&value));
    support_field(out, number, buffer_slice(&both));
    buffer_fini(&value);
    buffer_fini(&both);
}

typedef struct {
    uint8_t trace_id[16], span_id[8];
    bool root, error;
    unsigned service, operation;
    int64_t start_ns, end_ns;
} support_span_t;

static void support_encode_span(buffer_t *out, const support_span_t *span) {
    buffer_t message = {0};
    char number[24];
    support_field(&message, 1, slice_of(span->trace_id, 16));
    support_field(&message, 2, slice_of(span->span_id, 8));
    (void)snprintf(number, sizeof number, "operation-%02u", span->operation);
    support_field(&message, 5, slice_text(number));
    buffer_varint(&message, 7 << 3 | 1);
    buffer_u64(&message, (uint64_t)span->start_ns);
    buffer_varint(&message, 8 << 3 | 1);
    buffer_u64(&message, (uint64_t)span->end_ns);
    (void)snprintf(number, sizeof number, "%u", span->span_id[0] % 50u);
    support_attribute(&message, 9, "customer", number);
    support_field(out, 2, buffer_slice(&message));
    buffer_fini(&message);
}

/* One request body of spans of one service. */
static void support_encode(buffer_t *body, const support_span_t *spans, size_t count) {
    buffer_t scope = {0}, resource = {0}, resource_spans = {0};
    char service[24];
    (void)snprintf(service, sizeof service, "service-%02u", spans[0].service);
    support_attribute(&resource, 1, "service.name", service);
    for (size_t i = 0; i < count; i++) support_encode_span(&scope, &spans[i]);
    support_field(&resource_spans, 1, buffer_slice(&resource));
    support_field(&resource_spans, 2, buffer_slice(&scope));
    support_field(body, 1, buffer_slice(&resource_spans));
    buffer_fini(&scope);
    buffer_fini(&resource);
    buffer_fini(&resource_spans);
}

/* Spans of record `i`: traces spread over some records; now and then one is hours late. */
static size_t support_spans(const support_fold_t *fold, uint64_t i, support_span_t spans[8]) {
    uint64_t random = i * 7919 + 1;
    size_t count = 1 + test_random(&random) % 8;
    int64_t now = SUPPORT_START_NS + (int64_t)i * fold->record_ns;
    if (test_random(&random) % 20 == 0) now -= (int64_t)(test_random(&random) % 9000) * 1000000000;
    unsigned service = (unsigned)(test_random(&random) % SUPPORT_SERVICES);
    for (size_t s = 0; s < count; s++) {
        uint64_t trace = i / 3 + test_random(&random) % 4;
        support_span_t *span = &spans[s];
        *span = (support_span_t){.service = service, .operation = (unsigned)(test_random(&random) % 4)};
        uint64_t words[2] = {trace * UINT64_C(0x9e3779b97f4a7c15), trace};
        memcpy(span->trace_id, words, sizeof words);
        uint64_t id = test_random(&random);
        memcpy(span->span_id, &id, 8);
        span->root = id % 5 == 0;
        span->error = id % 11 == 0;
        span->start_ns = now - (int64_t)(test_random(&random) % 3000000000);
        span->end_ns = span->start_ns + (int64_t)(test_random(&random) % 2000000000);
    }
    return count;
}

static void support_count(support_fold_t *fold, const support_span_t *span) {
    uint32_t service = support_name(fold, "service", span->service);
    uint32_t operation = support_name(fold, "operation", span->operation);
    uint32_t caller = support_name(fold, "service", (span->service + 1) % SUPPORT_SERVICES);
    const entity_key_t keys[] = {
        {.kind = ENTITY_SERVICE, .observer = OBSERVER_SPAN, .service = service},
        {.kind = ENTITY_OPERATION, .observer = OBSERVER_SPAN, .service = service, .operation = operation},
        {.kind = ENTITY_EDGE,
         .observer = OBSERVER_SPAN,
         .protocol = PROTOCOL_HTTP,
         .service = service,
         .caller = caller},
    };
    failure_t failure = span->error ? FAILURE_SERVER : FAILURE_NONE;
    exemplar_t exemplar = {.duration_ns = (uint64_t)(span->end_ns - span->start_ns), .end_ns = span->end_ns};
    memcpy(exemplar.trace_id, span->trace_id, 16);
    memcpy(exemplar.span_id, span->span_id, 8);
    for (size_t k = 0; k < 3; k++) {
        cell_t *cell = shard_cell(&fold->shard, shard_entity(&fold->shard, &keys[k]), bucket_of(span->end_ns));
        cell_request(cell, failure, exemplar.duration_ns);
        cell_exemplar(cell, failure, &exemplar);
    }
    store_span(fold->store, span->trace_id, span->span_id, span->root, span->error, service, operation, span->start_ns,
               span->end_ns);
}

static void support_events(support_fold_t *fold, uint64_t i) {
    char json[64];
    (void)snprintf(json, sizeof json, "{\"record\":%u}", (unsigned)i);
    if (i % 50 == 0)
        store_anomaly(fold->store, fold->event_ns, 1 + (uint32_t)(i % 7), "errors", 0.5, (double)i, 1, 0, 2, i / 500,
                      "{}");
    if (i % 100 == 0) store_incident(fold->store, 1 + i / 500, fold->event_ns, fold->event_ns, 0, json);
    if (i % 500 == 0)
        store_suggestion(fold->store, 1 + i / 500, 1 + i / 500, fold->event_ns, fold->event_ns + 3600000000000, json);
}

MAYBE_UNUSED static void support_record(support_fold_t *fold) {
    uint64_t i = fold->position;
    support_span_t spans[8];
    size_t count = support_spans(fold, i, spans);
    buffer_t body = {0};
    support_encode(&body, spans, count);
    store_spans(fold->store, buffer_slice(&body));
    buffer_fini(&body);
    for (size_t s = 0; s < count; s++) {
        support_count(fold, &spans[s]);
        if (spans[s].end_ns > fold->event_ns) fold->event_ns = spans[s].end_ns;
    }
    int64_t closed = bucket_of(fold->event_ns - 10000000000);
    if (closed > fold->closed_before) fold->closed_before = closed;
    shard_close_before(&fold->shard, fold->closed_before);
    support_events(fold, i);
    fold->position = i + 1;
}

/* --- the dump --- */

static const char *const support_dump_sql[] = {
    "SELECT key, value FROM meta WHERE key NOT IN ('checkpoints') ORDER BY key",
    "SELECT * FROM state ORDER BY name",
    "SELECT * FROM name ORDER BY id",
    "SELECT * FROM entity ORDER BY id",
    "SELECT * FROM frame WHERE resolution=10 ORDER BY bucket",
    "SELECT * FROM frame WHERE resolution=60 ORDER BY bucket",
    "SELECT * FROM frame WHERE resolution=3600 ORDER BY bucket",
    "SELECT * FROM span_block ORDER BY id",
    "SELECT hash, id, start_ns, end_ns, spans, errors, rooted, root_service, root_operation, root_start_ns, root_span,"
    " blocks, services FROM trace ORDER BY id",
    "SELECT time_ns, entity, incident, signal, score, observed, expected, low, high FROM anomaly ORDER BY id",
    "SELECT * FROM incident ORDER BY id",
    "SELECT * FROM suggestion ORDER BY id",
    "SELECT * FROM decision ORDER BY suggestion",
};
enum { SUPPORT_TABLES = sizeof support_dump_sql / sizeof support_dump_sql[0] };

typedef struct {
    uint64_t hash[SUPPORT_TABLES], rows[SUPPORT_TABLES];
} support_dump_t;

MAYBE_UNUSED static support_dump_t support_dump(const char *directory) {
    support_dump_t dump = {{0}, {0}};
    char path[200];
    sqlite3 *db;
    (void)snprintf(path, sizeof path, "%s/seismesh.sqlite", directory);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) abort();
    for (int t = 0; t < SUPPORT_TABLES; t++) {
        sqlite3_stmt *rows;
        if (sqlite3_prepare_v2(db, support_dump_sql[t], -1, &rows, NULL) != SQLITE_OK) abort();
        XXH3_state_t *state = XXH3_createState();
        (void)XXH3_64bits_reset(state);
        for (; sqlite3_step(rows) == SQLITE_ROW; dump.rows[t]++)
            for (int c = 0; c < sqlite3_column_count(rows); c++) {
                int type = sqlite3_column_type(rows, c);
                const void *bytes = sqlite3_column_blob(rows, c);
                int len = sqlite3_column_bytes(rows, c);
                (void)XXH3_64bits_update(state, &type, sizeof type);
                (void)XXH3_64bits_update(state, &len, sizeof len);
                if (len > 0) (void)XXH3_64bits_update(state, bytes, (size_t)len);
            }
        dump.hash[t] = XXH3_64bits_digest(state);
        (void)XXH3_freeState(state);
        (void)sqlite3_finalize(rows);
    }
    (void)sqlite3_close(db);
    return dump;
}

/* Compares; says which table differs. */
MAYBE_UNUSED static bool support_same(const support_dump_t *a, const support_dump_t *b) {
    bool same = true;
    for (int t = 0; t < SUPPORT_TABLES; t++) {
        if (a->hash[t] == b->hash[t]) continue;
        same = false;
        (void)fprintf(stderr, "differs (%llu and %llu rows): %s\n", (unsigned long long)a->rows[t],
                      (unsigned long long)b->rows[t], support_dump_sql[t]);
    }
    return same;
}

/* Folds up to `end`, with a checkpoint every `every` records. */
MAYBE_UNUSED static void support_run(support_fold_t *fold, uint64_t end, uint64_t every) {
    while (fold->position < end) {
        support_record(fold);
        if (fold->position % every == 0) (void)support_checkpoint(fold);
    }
}

#endif
