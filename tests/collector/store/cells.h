/* cells: made-up cells, by seed, of every kind that a chunk may meet. */
#ifndef SEISMESH_TESTS_STORE_CELLS_H
#define SEISMESH_TESTS_STORE_CELLS_H

#include "collector/rollup/cell.h"
#include "tests/test.h"

#include <math.h>

static uint64_t cells_below(uint64_t *seed, uint64_t limit) {
    return test_random(seed) % limit;
}

static void cells_requests(cell_t *cell, uint64_t *seed, int64_t bucket) {
    uint64_t count = cells_below(seed, 4) == 0 ? cells_below(seed, 3000) : cells_below(seed, 40);
    for (uint64_t i = 0; i < count; i++) {
        double octaves = (double)cells_below(seed, 1000) / 100 + (double)cells_below(seed, 1000) / 200;
        uint64_t duration = cells_below(seed, 500) == 0 ? cells_below(seed, 2) : (uint64_t)(1e5 * exp2(octaves));
        failure_t failure = cells_below(seed, 20) == 0 ? (failure_t)cells_below(seed, FAILURE_CLASSES) : FAILURE_NONE;
        cell_request(cell, failure, duration);
        exemplar_t exemplar = {.duration_ns = duration, .end_ns = bucket * 10000000000 + (int64_t)i};
        uint64_t id = test_random(seed);
        memcpy(exemplar.trace_id, &id, sizeof id);
        cell_exemplar(cell, failure, &exemplar);
        if (i % 2 == 0) sketch_add(&cell->client, duration + 100000, 1);
        cell->response_bytes += cells_below(seed, 5000);
    }
    cell->request_bytes = count * 300;
    cell->retries = cells_below(seed, 3);
}

static void cells_gauges(cell_t *cell, uint64_t *seed, int64_t bucket) {
    for (uint32_t signal = 2; signal < 9; signal++)
        for (uint64_t samples = cells_below(seed, 4); samples > 0; samples--) {
            double value = signal % 2 == 0 ? (double)cells_below(seed, 100000) / 1000 : sqrt((double)test_random(seed));
            (void)cell_gauge(cell, signal * 7, value, bucket * 10000000000 + (int64_t)cells_below(seed, 1000000));
        }
}

/* What the scheme of chunks has to leave to the wire form, and edges of what numbers can be. */
static void cells_odd(cell_t *cell, uint64_t *seed) {
    switch (cells_below(seed, 8)) {
    case 0:
        sketch_add(&cell->ok, UINT64_MAX, UINT64_C(1) << 40);
        break; /* a full bucket */
    case 1:
        sketch_add_exponential(&cell->ok, -2, 3, 7, 1e9);
        break; /* a scale below 0 */
    case 2:
        sketch_add_range(&cell->failed, 0, UINT64_MAX, 3, 0, 0.5);
        break;
    case 3:
        sketch_add(&cell->ok, 0, 5);
        break;
    case 4:
        sketch_add(&cell->client, 1, 1);
        break; /* the lowest bucket there is */
    case 5:
        cell->requests = UINT64_MAX;
        break;
    case 6:
        cell->response_bytes = UINT64_MAX;
        break;
    default:
        sketch_add(&cell->ok, UINT64_C(1) << 63, 1);
        break;
    }
}

static inline void cells_make(cell_t *cell, uint64_t *seed, int64_t bucket) {
    cell_init(cell);
    uint64_t kind = cells_below(seed, 10);
    if (kind < 7) cells_requests(cell, seed, bucket);
    if (kind > 4) cells_gauges(cell, seed, bucket);
    if (kind == 4) cells_odd(cell, seed);
}

static inline bool cells_equal(const cell_t *a, const cell_t *b) {
    buffer_t x = {0}, y = {0};
    cell_encode(a, &x);
    cell_encode(b, &y);
    bool equal = slice_equal(buffer_slice(&x), buffer_slice(&y));
    buffer_fini(&x);
    buffer_fini(&y);
    return equal;
}

#endif
