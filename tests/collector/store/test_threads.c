/* One thread folds, the store's own writes, others read: every answer is one checkpoint, whole. Run it under TSan. */
#include "tests/collector/store/support.h"

#include <pthread.h>
#include <stdatomic.h>

enum { RECORDS = 3000, READERS = 2 };

typedef struct {
    const char *path;
    _Atomic bool stop;
    _Atomic long answers, broken;
} readers_t;

static bool add_requests(void *context, int64_t start_ns, const entity_key_t *key, observer_t observer,
                         const cell_t *cell) {
    (void)start_ns;
    (void)key;
    (void)observer;
    *(uint64_t *)context += cell->requests;
    return true;
}

static bool add_spans(void *context, const query_trace_t *trace) {
    *(uint64_t *)context += trace->spans;
    return true;
}

/* Requests of all services, spans of all traces, and the store's own count must agree in one snapshot. */
static bool agrees(query_t *query) {
    query_status_t status;
    uint64_t requests = 0, spans = 0;
    query_filter_t filter = query_filter_any(1u << ENTITY_SERVICE);
    query_traces_t ask = {.start_ns = INT64_MIN,
                          .end_ns = INT64_MAX,
                          .service = QUERY_ANY,
                          .operation = QUERY_ANY,
                          .max_duration_ns = INT64_MAX,
                          .error = -1,
                          .limit = 1000000};
    err_t err = query_status(query, &status);
    if (err == ERR_OK)
        err = query_golden(query, INT64_MIN, INT64_MAX, UINT32_MAX, &filter, GROUP_SERVICE, add_requests, &requests);
    if (err == ERR_OK) err = query_traces(query, &ask, add_spans, &spans);
    return err == ERR_OK && requests == status.spans && spans == status.spans;
}

static void *read_all(void *argument) {
    readers_t *readers = argument;
    query_t *query = query_open(readers->path);
    while (query != NULL && !atomic_load(&readers->stop)) {
        bool whole = query_begin(query) == ERR_OK && agrees(query);
        query_end(query);
        atomic_fetch_add(&readers->answers, 1);
        if (!whole) atomic_fetch_add(&readers->broken, 1);
    }
    if (query == NULL)
        atomic_fetch_add(&readers->broken, 1);
    else
        query_close(query);
    return NULL;
}

TEST(readers_see_whole_checkpoints_while_others_are_written) {
    char *directory = support_directory("threads");
    store_config_t config = support_config(directory);
    config.retention_10s_s = 600; /* retention works beside them, too */
    support_fold_t fold = {0};
    CHECK_EQUAL(support_open(&fold, &config), ERR_OK);
    readers_t readers = {.path = store_path(fold.store)};
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++) CHECK(pthread_create(&threads[i], NULL, read_all, &readers) == 0);
    support_run(&fold, RECORDS, 50);
    CHECK_EQUAL(support_finish(&fold), ERR_OK);
    while (atomic_load(&readers.answers) < 2 * READERS) (void)usleep(1000);
    atomic_store(&readers.stop, true);
    for (int i = 0; i < READERS; i++) (void)pthread_join(threads[i], NULL);
    CHECK_EQUAL(atomic_load(&readers.broken), 0);
    support_close(&fold);
    support_remove(directory);
}

TEST_MAIN(TEST_CASE(readers_see_whole_checkpoints_while_others_are_written))
