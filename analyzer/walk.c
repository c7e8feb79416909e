#include "analyzer/walk.h"

#include <string.h>

void walk_u64(walk_t *walk, uint64_t *value) {
    if (walk->out != NULL)
        buffer_varint(walk->out, *value);
    else
        walk->ok = walk->ok && bytes_varint(walk->in, value);
}

/* Varint that must not be above `max`. */
void walk_u32(walk_t *walk, uint32_t *value, uint32_t max) {
    uint64_t wide = *value;
    walk_u64(walk, &wide);
    if (wide > max) walk->ok = false;
    *value = walk->ok ? (uint32_t)wide : 0;
}

void walk_u16(walk_t *walk, uint16_t *value, uint16_t max) {
    uint32_t wide = *value;
    walk_u32(walk, &wide, max);
    *value = (uint16_t)wide;
}

void walk_u8(walk_t *walk, uint8_t *value, uint8_t max) {
    uint32_t wide = *value;
    walk_u32(walk, &wide, max);
    *value = (uint8_t)wide;
}

void walk_bool(walk_t *walk, bool *value) {
    uint8_t byte = *value ? 1 : 0;
    walk_u8(walk, &byte, 1);
    *value = byte != 0;
}

void walk_i64(walk_t *walk, int64_t *value) {
    if (walk->out != NULL)
        buffer_zigzag(walk->out, *value);
    else
        walk->ok = walk->ok && bytes_zigzag(walk->in, value);
}

static bool within_reach(int64_t value, int64_t unit_ns) {
    int64_t most = INT64_MAX / 2 / unit_ns;
    return value >= -most && value <= most;
}

void walk_instant(walk_t *walk, int64_t *value, int64_t unit_ns) {
    walk_i64(walk, value);
    if (walk->in != NULL && !within_reach(*value, unit_ns)) walk->ok = false;
}

void walk_instant_or_none(walk_t *walk, int64_t *value, int64_t unit_ns) {
    walk_i64(walk, value);
    if (walk->in != NULL && *value != INT64_MIN && !within_reach(*value, unit_ns)) walk->ok = false;
}

void walk_f64(walk_t *walk, double *value) {
    if (walk->out != NULL)
        buffer_f64(walk->out, *value);
    else
        walk->ok = walk->ok && bytes_f64(walk->in, value);
}

void walk_f32(walk_t *walk, float *value) {
    uint32_t bits;
    memcpy(&bits, value, 4);
    if (walk->out != NULL)
        buffer_u32(walk->out, bits);
    else
        walk->ok = walk->ok && bytes_u32(walk->in, &bits);
    memcpy(value, &bits, 4);
}

/* Most bins are empty: runs of zeros as their length. */
void walk_histogram(walk_t *walk, histogram_t *histogram) {
    for (uint32_t i = 0; i < HISTOGRAM_BINS && walk->ok; i++) {
        uint32_t zeros = 0;
        while (walk->out != NULL && i + zeros < HISTOGRAM_BINS && histogram->count[i + zeros] == 0) zeros++;
        walk_u32(walk, &zeros, HISTOGRAM_BINS - i);
        i += zeros;
        if (i < HISTOGRAM_BINS) walk_f32(walk, &histogram->count[i]);
    }
}

uint32_t walk_count(walk_t *walk, size_t least) {
    uint32_t count = 0;
    walk_u32(walk, &count, UINT32_MAX);
    if (walk->ok && count > bytes_left(walk->in) / least) walk->ok = false;
    return walk->ok ? count : 0;
}
