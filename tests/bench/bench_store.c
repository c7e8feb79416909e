/* What keeping spans costs: store_spans + store_span in the folding thread, and the writing thread's CPU time, for
 * traces of 20 spans whose spans come in 5 bodies each (as services send them), 415 B a span with random ids.
 * Usage: bench_store DIRECTORY [MILLION_SPANS]. The directory is made and left behind. */
#include "collector/store/query.h"
#include "collector/store/store.h"
#include "tests/test.h"

#include <sys/resource.h>
#include <time.h>

enum { TRACE_SPANS = 20, BODY_SPANS = 100, CHECKPOINT_SPANS = 200000, SPAN_BYTES = 415 };

static double cpu_s(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A body's bytes: text that repeats, ids that do not. */
static void fill_body(uint8_t *body, uint64_t *seed) {
    for (int s = 0; s < BODY_SPANS; s++) {
        uint8_t *span = body + s * SPAN_BYTES;
        for (int i = 0; i < SPAN_BYTES; i++) span[i] = (uint8_t)("http.request.method=GET;route=/cart/{id}"[i % 40]);
        for (int i = 0; i < 32; i += 8) {
            uint64_t r = test_random(seed);
            memcpy(span + i, &r, 8);
        }
    }
}

static void keep_body(store_t *store, slice_t body, uint64_t first_trace, unsigned service) {
    store_spans(store, body);
    for (unsigned s = 0; s < BODY_SPANS; s++) {
        uint64_t trace = first_trace + s / 4, seed = trace; /* four spans of each of 25 traces */
        uint64_t words[2] = {test_random(&seed), test_random(&seed)}, span = test_random(&seed) + s;
        int64_t start = INT64_C(1700000000000000000) + (int64_t)trace * 40000;
        store_span(store, (const uint8_t *)words, (const uint8_t *)&span, service == 0 && s % 4 == 0, s == 7,
                   service * 4 + s % 4, 100 + s % 10, start + s, start + 5000000);
    }
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    uint64_t wanted = (argc > 2 ? strtoull(argv[2], NULL, 10) : 2) * 1000000;
    static counters_t counters;
    static uint8_t body[BODY_SPANS * SPAN_BYTES];
    store_config_t config = {.directory = argv[1], .keep_spans = true, .span_block_bytes = 1 << 20};
    shard_limits_t limits = {.names = 1000, .entities = 1000, .operations_per_service = 100, .idle_buckets = 360};
    store_t *store;
    shard_t shard;
    char why[300];
    shard_init(&shard, &limits, &counters);
    if (store_open(&config, &counters, &store, why, sizeof why) != ERR_OK) return fprintf(stderr, "%s\n", why), 1;
    uint64_t seed = 1, spans = 0, position = 0;
    double folding = 0, encoding = 0, start_cpu = cpu_s(CLOCK_PROCESS_CPUTIME_ID), start = cpu_s(CLOCK_MONOTONIC);
    double filling = 0;
    for (uint64_t group = 0; spans < wanted; group++) {
        for (unsigned service = 0; service < TRACE_SPANS / 4; service++, spans += BODY_SPANS) {
            double a = cpu_s(CLOCK_THREAD_CPUTIME_ID);
            fill_body(body, &seed);
            double b = cpu_s(CLOCK_THREAD_CPUTIME_ID);
            keep_body(store, slice_of(body, sizeof body), group * 25, service);
            filling += b - a;
            folding += cpu_s(CLOCK_THREAD_CPUTIME_ID) - b;
        }
        if (spans % CHECKPOINT_SPANS != 0) continue;
        double a = cpu_s(CLOCK_THREAD_CPUTIME_ID);
        (void)store_flush(store);
        if (store_checkpoint(store, &shard, ++position, 0, 0, NULL) != ERR_OK) return 1;
        encoding += cpu_s(CLOCK_THREAD_CPUTIME_ID) - a;
    }
    if (store_flush(store) != ERR_OK) return 1;
    double n = (double)spans, wall = cpu_s(CLOCK_MONOTONIC) - start;
    double writing = cpu_s(CLOCK_PROCESS_CPUTIME_ID) - start_cpu - folding - encoding - filling;
    (void)printf("spans %.0f: folding thread %.3f us/span, checkpoints %.3f us/span, writing thread %.3f us/span, "
                 "wall %.2f s\n",
                 n, folding / n * 1e6, encoding / n * 1e6, writing / n * 1e6, wall);
    query_t *query = query_open(store_path(store));
    query_status_t status;
    if (query == NULL || query_status(query, &status) != ERR_OK) return 1;
    (void)printf("traces %llu, store %.1f B/span\n", (unsigned long long)status.traces, (double)status.bytes / n);
    query_close(query);
    store_close(store);
    shard_fini(&shard);
    return 0;
}
