/* Cumulative histograms, found by the hash of who reports them and a key. */
#include "analyzer/simulate/otlp_write.h"
#include "analyzer/simulate/voice.h"
#include "base/table.h"

#include <stdlib.h>

struct series_set {
    const double *bounds;
    uint32_t bound_count;
    table_t index;
    series_t *items;
    uint32_t count, capacity;
    uint32_t *first; /* by instance: index + 1 */
    uint32_t instances;
};

series_set_t *series_new(const double *bounds, uint32_t bound_count) {
    series_set_t *set = memory_new(1, sizeof *set);
    set->bounds = bounds;
    set->bound_count = bound_count;
    return set;
}

void series_free(series_set_t *set) {
    table_fini(&set->index);
    free(set->items);
    free(set->first);
    free(set);
}

static series_t *add(series_set_t *set, uint32_t instance, uint64_t key, uint64_t hash) {
    if (set->count == set->capacity) {
        set->capacity = set->capacity == 0 ? 256 : 2 * set->capacity;
        set->items = memory_resize(set->items, set->capacity * sizeof *set->items);
    }
    if (instance >= set->instances) {
        uint32_t more = instance + 64;
        set->first = memory_resize(set->first, more * sizeof *set->first);
        memset(set->first + set->instances, 0, (more - set->instances) * sizeof *set->first);
        set->instances = more;
    }
    series_t *series = &set->items[set->count];
    *series = (series_t){.instance = instance, .key = key, .next = set->first[instance]};
    set->first[instance] = ++set->count;
    table_insert(&set->index, hash, set->count - 1);
    return series;
}

static series_t *find(series_set_t *set, uint32_t instance, uint64_t key) {
    uint64_t hash = random_mix(key ^ random_mix(instance));
    for (table_probe_t p = table_probe(&set->index, hash); table_next(&set->index, &p);)
        if (set->items[p.index].key == key && set->items[p.index].instance == instance) return &set->items[p.index];
    return add(set, instance, key, hash);
}

void series_add(series_set_t *set, uint32_t instance, uint64_t key, double value) {
    series_t *series = find(set, instance, key);
    uint32_t bucket = 0;
    while (bucket < set->bound_count && value > set->bounds[bucket]) bucket++;
    series->buckets[bucket]++;
    series->count++;
    series->sum += value;
}

const series_t *series_first(const series_set_t *set, uint32_t instance) {
    return instance >= set->instances || set->first[instance] == 0 ? NULL : &set->items[set->first[instance] - 1];
}

const series_t *series_next(const series_set_t *set, const series_t *series) {
    return series->next == 0 ? NULL : &set->items[series->next - 1];
}

/* HistogramDataPoint: start 2, time 3, count 4, sum 5, bucket_counts 6 (packed), explicit_bounds 7 (packed). */
void series_histogram(buffer_t *out, const series_set_t *set, const series_t *series, int64_t start_ns,
                      int64_t time_ns) {
    put_fixed(out, 2, (uint64_t)start_ns);
    put_fixed(out, 3, (uint64_t)time_ns);
    put_fixed(out, 4, series->count);
    put_real(out, 5, series->sum);
    size_t counts = put_begin(out, 6);
    for (uint32_t i = 0; i <= set->bound_count; i++) buffer_u64(out, series->buckets[i]);
    put_end(out, counts);
    size_t bounds = put_begin(out, 7);
    for (uint32_t i = 0; i < set->bound_count; i++) buffer_f64(out, set->bounds[i]);
    put_end(out, bounds);
}
