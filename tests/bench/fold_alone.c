/* fold_alone: the workload through the fold and nothing else, on one thread: what of a server's cost is the fold's.
 *
 *   fold_alone [SPANS] */
#include "collector/fold/fold.h"
#include "tests/bench/mesh20.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t cpu_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void bucket_closed(void *context, shard_t *shard, int64_t bucket, bucket_t *cells) {
    (void)shard, (void)bucket;
    *(uint64_t *)context += cells != NULL;
}

int main(int argc, char **argv) {
    uint64_t spans = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000, closed = 0;
    counters_t *counters = calloc(1, sizeof *counters);
    dialect_set_t *dialects = dialect_set_new(NULL);
    fold_config_t config;
    fold_config_defaults(&config);
    fold_t *fold = fold_new(&config, dialects, counters, (fold_sink_t){.context = &closed, .closed = bucket_closed});
    mesh20_t *mesh = mesh20_new(1, (mesh20_options_t){0});
    uint8_t *body = malloc(1 << 20);
    int64_t time_ns = INT64_C(1700000000000000000), folding = 0, generating = 0;
    for (uint64_t n = 0; n * REQUEST_SPANS < spans; n++) {
        uint32_t request = (uint32_t)(n % ROUND_REQUESTS);
        int64_t at = time_ns + (int64_t)(n / ROUND_REQUESTS) * 100000000, began = cpu_ns();
        mesh20_write(mesh, n / ROUND_REQUESTS, request, at, body);
        int64_t written = cpu_ns();
        if (fold_record(fold, OTLP_TRACES, at, slice_of(body, mesh20_size(mesh, request))) != ERR_OK) return 1;
        generating += written - began;
        folding += cpu_ns() - written;
    }
    (void)printf("%llu spans: fold %.3f CPU-s per million spans (generator %.3f), %llu buckets closed\n",
                 (unsigned long long)spans, (double)folding / 1e3 / (double)spans,
                 (double)generating / 1e3 / (double)spans, (unsigned long long)closed);
    fold_free(fold);
    dialect_set_free(dialects);
    mesh20_free(mesh);
    free(counters);
    free(body);
    return 0;
}
