#include "collector/rollup/cell.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

const char *const failure_names[FAILURE_CLASSES] = {"client", "server", "connection", "timeout", "rate", "denied"};

fixed_t fixed_of(double value) {
    if (isnan(value)) return 0;
    double scaled = fmin(fmax(value, -0x1p90), 0x1p90) * 0x1p30;
    return (fixed_t)scaled;
}

double fixed_value(fixed_t value) {
    return (double)value * 0x1p-30;
}

void cell_init(cell_t *cell) {
    memset(cell, 0, sizeof *cell);
    sketch_init(&cell->ok);
    sketch_init(&cell->failed);
    sketch_init(&cell->client);
}

cell_t *cell_new(void) {
    enum { CACHE_LINE = 64 };
    size_t size = (sizeof(cell_t) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    cell_t *cell = aligned_alloc(CACHE_LINE, size);
    if (cell == NULL) cell = memory_new(1, size); /* says so and ends the process, if that fails too */
    cell_init(cell);
    return cell;
}

void cell_free(cell_t *cell) {
    if (cell == NULL) return;
    cell_fini(cell);
    free(cell);
}

void cell_fini(cell_t *cell) {
    sketch_fini(&cell->ok);
    sketch_fini(&cell->failed);
    sketch_fini(&cell->client);
    free(cell->gauges);
    cell_init(cell);
}

void cell_clear(cell_t *cell) {
    sketch_clear(&cell->ok);
    sketch_clear(&cell->failed);
    sketch_clear(&cell->client);
    free(cell->gauges);
    *cell = (cell_t){.ok = cell->ok, .failed = cell->failed, .client = cell->client};
}

void cell_request_at(cell_t *cell, failure_t failure, uint64_t duration_ns, int32_t index) {
    cell->requests++;
    if (failure == FAILURE_NONE) {
        sketch_add_at(&cell->ok, duration_ns, index);
    } else {
        cell->failures[failure]++;
        sketch_add_at(&cell->failed, duration_ns, index);
    }
}

void cell_request(cell_t *cell, failure_t failure, uint64_t duration_ns) {
    cell_request_at(cell, failure, duration_ns, duration_ns == 0 ? 0 : sketch_index(duration_ns, SKETCH_SCALE_MAX));
}

uint64_t cell_errors(const cell_t *cell) {
    uint64_t errors = 0;
    for (int i = 0; i < FAILURE_CLASSES; i++) errors += i == FAILURE_CLIENT ? 0 : cell->failures[i];
    return errors < cell->requests ? errors : cell->requests;
}

static int by_identity(const exemplar_t *a, const exemplar_t *b) {
    int order = memcmp(a->trace_id, b->trace_id, sizeof a->trace_id);
    return order != 0 ? order : memcmp(a->span_id, b->span_id, sizeof a->span_id);
}

static int slower_first(const exemplar_t *a, const exemplar_t *b) {
    if (a->duration_ns != b->duration_ns) return a->duration_ns > b->duration_ns ? -1 : 1;
    return by_identity(a, b);
}

static int earlier_first(const exemplar_t *a, const exemplar_t *b) {
    if (a->end_ns != b->end_ns) return a->end_ns < b->end_ns ? -1 : 1;
    return by_identity(a, b);
}

/* Keeps the first CELL_EXEMPLARS of all that were ever given, in order: the same whatever the order of giving. */
static void keep(exemplar_t kept[CELL_EXEMPLARS], uint8_t *count, const exemplar_t *one,
                 int (*order)(const exemplar_t *, const exemplar_t *)) {
    uint8_t at = 0;
    while (at < *count && order(&kept[at], one) < 0) at++;
    if (at == CELL_EXEMPLARS || (at < *count && order(&kept[at], one) == 0)) return;
    if (*count < CELL_EXEMPLARS) (*count)++;
    for (uint8_t i = (uint8_t)(*count - 1); i > at; i--) kept[i] = kept[i - 1];
    kept[at] = *one;
}

static void keep_slow(cell_t *cell, const exemplar_t *exemplar) {
    keep(cell->slow, &cell->slow_count, exemplar, slower_first);
    if (cell->slow_count == CELL_EXEMPLARS) cell->slow_floor_ns = cell->slow[CELL_EXEMPLARS - 1].duration_ns;
}

void cell_exemplar(cell_t *cell, failure_t failure, const exemplar_t *exemplar) {
    if (exemplar->duration_ns >= cell->slow_floor_ns) keep_slow(cell, exemplar);
    if (failure != FAILURE_NONE && failure != FAILURE_CLIENT)
        keep(cell->bad, &cell->bad_count, exemplar, earlier_first);
}

/* Position of the first gauge whose signal is not below. */
static uint32_t gauge_place(const cell_t *cell, uint32_t signal) {
    uint32_t at = 0;
    while (at < cell->gauge_count && cell->gauges[at].signal < signal) at++;
    return at;
}

const gauge_t *cell_find_gauge(const cell_t *cell, uint32_t signal) {
    uint32_t at = gauge_place(cell, signal);
    return at < cell->gauge_count && cell->gauges[at].signal == signal ? &cell->gauges[at] : NULL;
}

/* Wraps, instead of being undefined, for sums that no sample made (bytes from a damaged disk). */
static fixed_t add_fixed(fixed_t a, fixed_t b) {
    __extension__ typedef unsigned __int128 bits_t;
    return (fixed_t)((bits_t)a + (bits_t)b);
}

static bool add_gauge(cell_t *cell, const gauge_t *more) {
    uint32_t at = gauge_place(cell, more->signal);
    if (at == cell->gauge_count || cell->gauges[at].signal != more->signal) {
        if (cell->gauge_count == CELL_GAUGES_MAX) return false;
        cell->gauges = memory_resize(cell->gauges, (cell->gauge_count + 1) * sizeof *cell->gauges);
        memmove(cell->gauges + at + 1, cell->gauges + at, (cell->gauge_count - at) * sizeof *cell->gauges);
        cell->gauges[at] = *more;
        cell->gauge_count++;
        return true;
    }
    gauge_t *gauge = &cell->gauges[at];
    gauge->count += more->count;
    gauge->min = fmin(gauge->min, more->min);
    gauge->max = fmax(gauge->max, more->max);
    gauge->sum = add_fixed(gauge->sum, more->sum);
    if (more->last_ns > gauge->last_ns || (more->last_ns == gauge->last_ns && more->last > gauge->last)) {
        gauge->last_ns = more->last_ns;
        gauge->last = more->last;
    }
    return true;
}

bool cell_gauge(cell_t *cell, uint32_t signal, double value, int64_t time_ns) {
    if (!isfinite(value)) return false;
    gauge_t one = {.signal = signal,
                   .count = 1,
                   .min = value,
                   .max = value,
                   .last = value,
                   .last_ns = time_ns,
                   .sum = fixed_of(value)};
    return add_gauge(cell, &one);
}

void cell_merge(cell_t *into, const cell_t *from) {
    into->requests += from->requests;
    for (int i = 0; i < FAILURE_CLASSES; i++) into->failures[i] += from->failures[i];
    into->retries += from->retries;
    into->request_bytes += from->request_bytes;
    into->response_bytes += from->response_bytes;
    sketch_merge(&into->ok, &from->ok);
    sketch_merge(&into->failed, &from->failed);
    sketch_merge(&into->client, &from->client);
    for (uint32_t i = 0; i < from->gauge_count; i++) (void)add_gauge(into, &from->gauges[i]);
    for (uint8_t i = 0; i < from->slow_count; i++) keep_slow(into, &from->slow[i]);
    for (uint8_t i = 0; i < from->bad_count; i++) keep(into->bad, &into->bad_count, &from->bad[i], earlier_first);
}

void cell_coarsen(cell_t *cell) {
    sketch_t *const sketches[] = {&cell->ok, &cell->failed, &cell->client};
    for (size_t i = 0; i < sizeof sketches / sizeof sketches[0]; i++) sketch_coarsen(sketches[i], CELL_COARSE_BUCKETS);
    cell->slow_count = cell->bad_count = 0;
    cell->slow_floor_ns = 0;
}
