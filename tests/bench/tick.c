/* What the analyzer costs: a mesh of SERVICES services in a ring, each called by two others, every series with counts
 * in every bucket and four gauges a minute; healthy, then with one service slow. Prints CPU time per series and tick.
 *
 *     build/release/tests/bench/tick [SERVICES] */
#include "analyzer/analyzer.h"
#include "base/counters.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TICKS_QUIET = 60, TICKS_SICK = 20, CALLS = 20, SUBJECTS = 5, TRACKS = 3, GAUGES = 4 };

typedef struct {
    shard_t shard;
    analyzer_t *analyzer;
    uint32_t services;
    uint32_t *names;
    int64_t bucket;
} bench_t;

static int64_t cpu_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static cell_t *cell_of(bench_t *bench, entity_key_t key) {
    key.observer = OBSERVER_SPAN;
    return shard_cell(&bench->shard, shard_entity(&bench->shard, &key), bench->bucket);
}

static void calls(cell_t *cell, uint64_t ms, bool edge) {
    for (uint64_t i = 0; i < CALLS; i++) {
        uint64_t duration_ns = ms * (800000 + 20000 * i);
        cell_request(cell, FAILURE_NONE, duration_ns);
        if (edge) (void)sketch_add(&cell->client, duration_ns + 1000000, 1);
    }
}

static void fill(bench_t *bench, uint32_t sick) {
    static const char *const gauges[GAUGES] = {"cpu.utilization", "memory.utilization", "latency.p90", "request_rate"};
    for (uint32_t s = 0; s < bench->services; s++) {
        uint32_t name = bench->names[s];
        uint64_t ms = s == sick ? 400 : 10 + s % 7;
        for (uint32_t c = 1; c <= 2; c++)
            calls(cell_of(bench, (entity_key_t){.kind = ENTITY_EDGE,
                                                .service = name,
                                                .caller = bench->names[(s + c) % bench->services]}),
                  ms, true);
        calls(cell_of(bench, (entity_key_t){.kind = ENTITY_SERVICE, .service = name}), ms, false);
        calls(cell_of(bench, (entity_key_t){.kind = ENTITY_VERSION, .service = name, .version = name}), ms, false);
        cell_t *pod = cell_of(bench, (entity_key_t){.kind = ENTITY_INSTANCE, .service = name, .instance = name});
        calls(pod, ms, false);
        for (size_t g = 0; g < GAUGES && bench->bucket % 6 == 0; g++)
            (void)cell_gauge(pod, names_intern(&bench->shard.names, slice_text(gauges[g])), 0.2 + 0.001 * (s % 9),
                             bench->bucket * BUCKET_NS);
    }
}

static void tick(bench_t *bench, uint32_t sick, int64_t *spent_ns) {
    fill(bench, sick);
    bucket_t *cells = shard_bucket(&bench->shard, bench->bucket);
    shard_sort(cells);
    int64_t began = cpu_ns();
    analyzer_bucket(bench->analyzer, &bench->shard, bench->bucket, cells);
    *spent_ns += cpu_ns() - began;
    shard_drop(&bench->shard, bench->bucket++);
}

static void name_services(bench_t *bench) {
    bench->names = calloc(bench->services, sizeof *bench->names);
    for (uint32_t s = 0; s < bench->services; s++) {
        char name[32];
        (void)snprintf(name, sizeof name, "shop/service-%u", s);
        bench->names[s] = names_intern(&bench->shard.names, slice_text(name));
    }
}

int main(int argc, char **argv) {
    uint32_t services = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 500;
    if (services < 3) return 2;
    bench_t *bench = calloc(1, sizeof *bench);
    counters_t *counters = calloc(1, sizeof *counters);
    *bench = (bench_t){.services = services, .bucket = 170000000};
    shard_limits_t limits = {
        .names = 10 * services, .entities = 10 * services, .operations_per_service = 10, .idle_buckets = 1 << 20};
    shard_init(&bench->shard, &limits, counters);
    name_services(bench);
    analyzer_config_t config;
    analyzer_config_defaults(&config);
    bench->analyzer = analyzer_new(&config, (analyzer_sink_t){0});
    int64_t warm = 0, quiet = 0, sick = 0;
    for (int i = 0; i < TICKS_QUIET; i++) tick(bench, UINT32_MAX, i < TICKS_QUIET / 2 ? &warm : &quiet);
    for (int i = 0; i < TICKS_SICK; i++) tick(bench, 1, &sick);
    double series = services * (double)(SUBJECTS * TRACKS + GAUGES);
    (void)printf("%.0f series: %.0f ns per series and tick when quiet, %.0f with an incident\n", series,
                 (double)quiet / (TICKS_QUIET / 2) / series, (double)sick / TICKS_SICK / series);
    analyzer_free(bench->analyzer);
    shard_fini(&bench->shard);
    free(bench->names);
    free(counters);
    free(bench);
    return 0;
}
