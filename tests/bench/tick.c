/* What the analyzer costs: a mesh of SERVICES services in a ring, each called by two others, every series with counts
 * in every bucket and four gauges a minute; healthy, then with one service slow. Services differ in rate (0.05 to 100
 * requests a second), latency (medians of 2 to 200 ms, spread by a factor of e) and share of errors (none to 1 %), and
 * all of it is drawn anew in every bucket. A series is one signal of one subject that is judged: errors, latency,
 * latency as callers see it, a gauge. Prints CPU time per series and tick, and memory per series.
 *
 *     build/release/tests/bench/tick [SERVICES] */
#include "analyzer/analyzer.h"
#include "base/counters.h"

#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    TICKS_WARM = 60,
    TICKS_QUIET = 60,
    TICKS_SICK = 20,
    GAUGES = 4,
    SERIES = 2 * 3 + 3 + 2 + 2 + GAUGES /* of two edges, the service, its version, its instance */
};

typedef struct {
    shard_t shard;
    analyzer_t *analyzer;
    uint32_t services;
    uint32_t *names;
    int64_t bucket;
    uint64_t random;
} bench_t;

static double uniform(bench_t *bench) {
    uint64_t z = (bench->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

static double normal(bench_t *bench) {
    return sqrt(-2 * log(uniform(bench))) * cos(2 * 3.14159265358979 * uniform(bench));
}

/* Something between 0 and 1 that belongs to a service. */
static double trait(uint32_t service, uint32_t which) {
    uint32_t mixed = (service * 2654435761U) ^ (which * 2246822519U);
    mixed ^= mixed >> 15;
    mixed *= 2654435761U;
    return (double)(mixed >> 8) / (1 << 24);
}

static int64_t cpu_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static cell_t *cell_of(bench_t *bench, entity_key_t key) {
    key.observer = OBSERVER_SPAN;
    return shard_cell(&bench->shard, shard_entity(&bench->shard, &key), bench->bucket);
}

static uint64_t poisson(bench_t *bench, double mean) {
    if (mean > 30) return (uint64_t)fmax(round(mean + sqrt(mean) * normal(bench)), 0);
    uint64_t count = 0;
    for (double left = uniform(bench), limit = exp(-mean); left > limit; left *= uniform(bench)) count++;
    return count;
}

/* Log-normal latencies, drawn slice by slice of the normal distribution, a quarter of its deviation wide. */
static void calls(bench_t *bench, cell_t *cell, uint32_t service, double slowdown, bool edge) {
    enum { SLICES = 28 };
    double mean = 10 * 0.05 * pow(2000, trait(service, 1)) * (edge ? 0.5 : 1);
    double median_ns = 2e6 * pow(100, trait(service, 2)) * slowdown, failing = trait(service, 3) * 0.01;
    for (int i = -SLICES / 2; i < SLICES / 2; i++) {
        uint64_t count = poisson(bench, mean * 0.5 * (erf((i + 1) / 4.0 * M_SQRT1_2) - erf(i / 4.0 * M_SQRT1_2)));
        if (count == 0) continue;
        uint64_t duration_ns = (uint64_t)(median_ns * exp((i + uniform(bench)) / 4.0));
        cell->requests += count;
        sketch_add(&cell->ok, duration_ns, count);
        if (edge) sketch_add(&cell->client, duration_ns + 1000000, count);
    }
    uint64_t failures = poisson(bench, mean * failing);
    cell->requests += failures;
    cell->failures[FAILURE_SERVER] += failures;
    if (failures > 0) sketch_add(&cell->failed, (uint64_t)median_ns, failures);
}

static void fill(bench_t *bench, uint32_t sick) {
    static const char *const gauges[GAUGES] = {"cpu.utilization", "memory.utilization", "latency.p90", "request_rate"};
    for (uint32_t s = 0; s < bench->services; s++) {
        uint32_t name = bench->names[s];
        double slowdown = s == sick ? 40 : 1;
        for (uint32_t c = 1; c <= 2; c++)
            calls(bench,
                  cell_of(bench, (entity_key_t){.kind = ENTITY_EDGE,
                                                .service = name,
                                                .caller = bench->names[(s + c) % bench->services]}),
                  s, slowdown, true);
        calls(bench, cell_of(bench, (entity_key_t){.kind = ENTITY_SERVICE, .service = name}), s, slowdown, false);
        calls(bench, cell_of(bench, (entity_key_t){.kind = ENTITY_VERSION, .service = name, .version = name}), s,
              slowdown, false);
        cell_t *pod = cell_of(bench, (entity_key_t){.kind = ENTITY_INSTANCE, .service = name, .instance = name});
        calls(bench, pod, s, slowdown, false);
        for (uint32_t g = 0; g < GAUGES && (bench->bucket + s) % 6 == 0; g++)
            (void)cell_gauge(pod, names_intern(&bench->shard.names, slice_text(gauges[g])),
                             (0.1 + 0.3 * trait(s, 4 + g)) * exp(0.1 * normal(bench)), bench->bucket * BUCKET_NS);
    }
}

/* What the analyzer holds is what is allocated when all cells are gone, less what was before it. */
static size_t allocated(void) {
    return mallinfo2().uordblks + mallinfo2().hblkhd;
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
    *bench = (bench_t){.services = services, .bucket = 170000000, .random = 1};
    shard_limits_t limits = {
        .names = 10 * services, .entities = 10 * services, .operations_per_service = 10, .idle_buckets = 1 << 20};
    shard_init(&bench->shard, &limits, counters);
    name_services(bench);
    analyzer_config_t config;
    analyzer_config_defaults(&config);
    config.series = 1000 * services;
    bench->analyzer = analyzer_new(&config, (analyzer_sink_t){0});
    int64_t warm = 0, quiet = 0, sick = 0;
    for (int i = 0; i < TICKS_WARM; i++) tick(bench, UINT32_MAX, &warm);
    for (int i = 0; i < TICKS_QUIET; i++) tick(bench, UINT32_MAX, &quiet);
    for (int i = 0; i < TICKS_SICK; i++) tick(bench, 1, &sick);
    double series = services * (double)SERIES;
    size_t with = allocated();
    analyzer_free(bench->analyzer);
    (void)printf("%.0f series: %.0f ns per series and tick when quiet, %.0f with an incident; %.0f bytes per series\n",
                 series, (double)quiet / TICKS_QUIET / series, (double)sick / TICKS_SICK / series,
                 (double)(with - allocated()) / series);
    shard_fini(&bench->shard);
    free(bench->names);
    free(counters);
    free(bench);
    return 0;
}
