/* Metrics that proxies count by call, cumulative, one counter and one histogram for each series, told at every report
 * for each pod that is there: the part that no mesh's words change. */
#include "analyzer/simulate/otlp_write.h"
#include "analyzer/simulate/voice.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { CUMULATIVE = 2 };

typedef struct {
    emit_t *emit;
    const proxy_words_t *words;
    series_set_t *series;
    buffer_t body;
} proxies_t;

void *proxy_open(emit_t *emit, const proxy_words_t *words) {
    proxies_t *proxies = memory_new(1, sizeof *proxies);
    proxies->emit = emit;
    proxies->words = words;
    proxies->series = series_new(words->bounds_ms, words->bound_count);
    return proxies;
}

void proxy_close(void *state) {
    proxies_t *proxies = state;
    series_free(proxies->series);
    buffer_fini(&proxies->body);
    free(proxies);
}

static void count(proxies_t *proxies, const world_t *world, const call_t *call, bool server) {
    int64_t took_ns = call->end_ns - (server ? call->arrive_ns : call->start_ns);
    series_add(proxies->series, server ? call->instance : call->caller,
               proxies->words->key(proxies->emit, world, call, server), (double)took_ns * 1e-6);
}

void proxy_called(void *state, const world_t *world, const call_t *call) {
    count(state, world, call, false);
}

void proxy_served(void *state, const world_t *world, const call_t *call) {
    count(state, world, call, true);
}

/* Metric { name 1, sum 7 { data_points 1 { start 2, time 3, as_double 4, attributes 7 }, temporality 2, monotonic 3 } }
 */
static uint64_t put_counts(proxies_t *proxies, const world_t *world, uint32_t pod, int64_t start_ns, int64_t time_ns) {
    buffer_t *out = &proxies->body;
    uint64_t items = 0;
    size_t metric = put_begin(out, 2);
    put_text(out, 1, proxies->words->requests);
    size_t sum = put_begin(out, 7);
    put_number(out, 2, CUMULATIVE);
    put_number(out, 3, 1);
    for (const series_t *s = series_first(proxies->series, pod); s != NULL; s = series_next(proxies->series, s)) {
        size_t point = put_begin(out, 1);
        put_fixed(out, 2, (uint64_t)start_ns);
        put_fixed(out, 3, (uint64_t)time_ns);
        put_real(out, 4, (double)s->count);
        proxies->words->labels(out, 7, world, s);
        put_end(out, point);
        items++;
    }
    put_end(out, sum);
    put_end(out, metric);
    return items;
}

/* Metric { name 1, histogram 9 { data_points 1 { …, attributes 9 }, temporality 2 } } */
static uint64_t put_durations(proxies_t *proxies, const world_t *world, uint32_t pod, int64_t start_ns,
                              int64_t time_ns) {
    buffer_t *out = &proxies->body;
    uint64_t items = 0;
    size_t metric = put_begin(out, 2);
    put_text(out, 1, proxies->words->durations);
    size_t histogram = put_begin(out, 9);
    put_number(out, 2, CUMULATIVE);
    for (const series_t *s = series_first(proxies->series, pod); s != NULL; s = series_next(proxies->series, s)) {
        size_t point = put_begin(out, 1);
        series_histogram(out, proxies->series, s, start_ns, time_ns);
        proxies->words->labels(out, 9, world, s);
        put_end(out, point);
        items++;
    }
    put_end(out, histogram);
    put_end(out, metric);
    return items;
}

static uint64_t put_pod(proxies_t *proxies, const world_t *world, uint32_t pod) {
    const proxy_words_t *words = proxies->words;
    buffer_t *out = &proxies->body;
    int64_t start_ns = world->scenario->start_ns + world->instances[pod].since_ns;
    int64_t time_ns = world->scenario->start_ns + world->now_ns;
    char address[64];
    (void)snprintf(address, sizeof address, "%s.%u.%u:%s", words->network, pod / 250, pod % 250 + 1, words->port);
    size_t resource_metrics = put_begin(out, 1), resource = put_begin(out, 1);
    put_attribute(out, 1, "service.name", words->job);
    put_attribute(out, 1, "service.instance.id", address);
    put_end(out, resource);
    size_t scope = put_begin(out, 2);
    uint64_t items = put_counts(proxies, world, pod, start_ns, time_ns);
    items += put_durations(proxies, world, pod, start_ns, time_ns);
    put_end(out, scope);
    put_end(out, resource_metrics);
    return items;
}

void proxy_report(void *state, const world_t *world) {
    proxies_t *proxies = state;
    uint64_t items = 0;
    buffer_clear(&proxies->body);
    for (uint32_t i = 0; i < world->instance_count; i++) {
        bool there = world->instances[i].state == INSTANCE_UP || world->instances[i].state == INSTANCE_DRAINING;
        if (there && !effects_silent(world, i) && series_first(proxies->series, i) != NULL)
            items += put_pod(proxies, world, i);
    }
    emit_request(proxies->emit, OTLP_METRICS, &proxies->body, items);
}
