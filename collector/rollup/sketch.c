#include "collector/rollup/sketch_counts.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

void sketch_init(sketch_t *sketch) {
    *sketch = (sketch_t){.scale = SKETCH_SCALE_MAX};
}

void sketch_fini(sketch_t *sketch) {
    free(sketch->counts);
    sketch_init(sketch);
}

void sketch_clear(sketch_t *sketch) {
    *sketch = (sketch_t){.scale = SKETCH_SCALE_MAX, .counts = sketch->counts, .capacity = sketch->capacity};
}

void sketch_downscale(sketch_t *sketch, int scale) {
    if (scale < SKETCH_SCALE_MIN) scale = SKETCH_SCALE_MIN;
    if (scale >= sketch->scale) return;
    int shift = sketch->scale - scale;
    sketch->scale = (int8_t)scale;
    if (sketch->buckets == 0) return;
    int32_t offset = sketch->offset >> shift;
    uint32_t buckets = (uint32_t)(((sketch->offset + (int32_t)sketch->buckets - 1) >> shift) - offset) + 1;
    for (uint32_t i = 0; i < sketch->buckets; i++) {
        uint32_t to = (uint32_t)(((sketch->offset + (int32_t)i) >> shift) - offset);
        uint32_t count = sketch_at(sketch, i);
        counts_put(sketch, i, 0); /* to <= i: what was there has been moved already */
        counts_add(sketch, to, count);
    }
    sketch->offset = offset;
    sketch->buckets = buckets;
}

/* Widens the buckets to hold indices low..high; halves the resolution until they fit. The caller's indices are at the
 * sketch's scale before the call; returns by how many bits they are to be shifted. */
static int cover(sketch_t *sketch, int32_t low, int32_t high) {
    if (sketch->buckets > 0) {
        if (sketch->offset < low) low = sketch->offset;
        int32_t last = sketch->offset + (int32_t)sketch->buckets - 1;
        if (last > high) high = last;
    }
    int shift = 0;
    while ((high >> shift) - (low >> shift) >= SKETCH_BUCKETS_MAX) shift++;
    if (shift > 0) sketch_downscale(sketch, sketch->scale - shift);
    low >>= shift;
    high >>= shift;
    uint32_t wanted = (uint32_t)(high - low) + 1;
    counts_make_room(sketch, wanted);
    size_t before = sketch->buckets > 0 ? (size_t)(sketch->offset - low) << sketch->width : 0;
    size_t used = (size_t)sketch->buckets << sketch->width, all = (size_t)wanted << sketch->width;
    uint8_t *counts = sketch->counts;
    if (before > 0) {
        memmove(counts + before, counts, used);
        memset(counts, 0, before);
    }
    memset(counts + before + used, 0, all - before - used);
    sketch->offset = low;
    sketch->buckets = wanted;
    return shift;
}

/* The bucket of an index at the sketch's scale. */
static uint32_t bucket_of(sketch_t *sketch, int32_t index) {
    uint32_t at = (uint32_t)(index - sketch->offset);
    if (at < sketch->buckets) return at;
    int shift = cover(sketch, index, index);
    return (uint32_t)((index >> shift) - sketch->offset);
}

static void add_index(sketch_t *sketch, int32_t index, uint64_t count) {
    counts_add(sketch, bucket_of(sketch, index), count);
}

static void widen(sketch_t *sketch, uint64_t min_ns, uint64_t max_ns) {
    if (sketch->count == 0 || min_ns < sketch->min_ns) sketch->min_ns = min_ns;
    if (sketch->count == 0 || max_ns > sketch->max_ns) sketch->max_ns = max_ns;
}

void sketch_add_sum(sketch_t *sketch, uint64_t sum_ns) {
    if (__builtin_add_overflow(sketch->sum_ns, sum_ns, &sketch->sum_ns)) sketch->sum_ns = UINT64_MAX;
}

void sketch_add(sketch_t *sketch, uint64_t value_ns, uint64_t count) {
    if (count == 0) return;
    widen(sketch, value_ns, value_ns);
    uint64_t sum;
    if (__builtin_mul_overflow(value_ns, count, &sum)) sum = UINT64_MAX;
    sketch_add_sum(sketch, sum);
    sketch->count += count;
    if (value_ns == 0)
        sketch->zeros += count;
    else
        add_index(sketch, sketch_index(value_ns, sketch->scale), count);
}

void sketch_add_at(sketch_t *sketch, uint64_t value_ns, int32_t index) {
    widen(sketch, value_ns, value_ns);
    sketch_add_sum(sketch, value_ns);
    sketch->count++;
    if (value_ns == 0)
        sketch->zeros++;
    else
        counts_increment(sketch, bucket_of(sketch, index >> (SKETCH_SCALE_MAX - sketch->scale)));
}

void sketch_add_exponential(sketch_t *sketch, int scale, int32_t index, uint64_t count, double unit_ns) {
    if (count == 0) return;
    double middle = exp2(((double)index + 0.5) / exp2(scale)) * unit_ns;
    if (!(middle >= 0)) return;
    uint64_t value = middle >= 0x1p63 ? UINT64_C(1) << 63 : (uint64_t)middle;
    sketch_downscale(sketch, scale);
    widen(sketch, value, value);
    sketch->count += count;
    if (value == 0)
        sketch->zeros += count;
    else
        add_index(sketch, sketch_index(value, sketch->scale), count);
}

/* How many of `count` lie in the first `i` of `bins`. */
static uint64_t below(uint64_t count, uint64_t i, uint64_t bins, double steepness, double phase) {
    if (i == bins) return count;
    double share = fabs(steepness) < 1e-6 ? (double)i / (double)bins
                                          : expm1(steepness * (double)i / (double)bins) / expm1(steepness);
    double whole = floor((double)count * share + phase);
    return whole >= (double)count ? count : (uint64_t)whole;
}

void sketch_add_range(sketch_t *sketch, uint64_t low_ns, uint64_t high_ns, uint64_t count, double steepness,
                      double phase) {
    enum { RANGE_SCALE = 3 };
    if (count == 0) return;
    if (high_ns == UINT64_MAX || high_ns <= low_ns) high_ns = low_ns; /* unbounded above: all we know is "at least" */
    if (low_ns == 0) low_ns = high_ns / 4;
    sketch->coarse = true;
    sketch_downscale(sketch, RANGE_SCALE);
    widen(sketch, low_ns, high_ns);
    sketch->count += count;
    if (high_ns == 0) {
        sketch->zeros += count;
        return;
    }
    int32_t last = sketch_index(high_ns, sketch->scale);
    int32_t first = low_ns == 0 ? last : sketch_index(low_ns, sketch->scale) + 1;
    if (first > last) first = last;
    int shift = cover(sketch, first, last);
    first >>= shift;
    last >>= shift;
    uint64_t bins = (uint64_t)(last - first) + 1, before = 0;
    for (uint64_t i = 0; i < bins && before < count; i++) {
        uint64_t up_to = below(count, i + 1, bins, steepness, phase);
        counts_add(sketch, (uint32_t)((uint64_t)(first - sketch->offset) + i), up_to - before);
        before = up_to;
    }
    while (sketch->buckets > 0 && sketch_at(sketch, sketch->buckets - 1) == 0) sketch->buckets--;
    uint32_t empty = 0;
    while (empty < sketch->buckets && sketch_at(sketch, empty) == 0) empty++;
    if (empty > 0) { /* canonical: the first and last bucket are never empty */
        sketch->buckets -= empty;
        sketch->offset += (int32_t)empty;
        memmove(sketch->counts, sketch_place(sketch, empty), (size_t)sketch->buckets << sketch->width);
    }
}

void sketch_merge(sketch_t *into, const sketch_t *from) {
    into->coarse = into->coarse || from->coarse;
    sketch_downscale(into, from->scale);
    if (from->count == 0) return;
    widen(into, from->min_ns, from->max_ns);
    into->count += from->count;
    into->zeros += from->zeros;
    sketch_add_sum(into, from->sum_ns);
    if (from->buckets == 0) return;
    int shift = from->scale - into->scale;
    int32_t low = from->offset >> shift, high = (from->offset + (int32_t)from->buckets - 1) >> shift;
    shift += cover(into, low, high);
    if (shift == 0) {
        counts_add_all(into, (uint32_t)(from->offset - into->offset), from);
        return;
    }
    for (uint32_t i = 0; i < from->buckets; i++)
        counts_add(into, (uint32_t)(((from->offset + (int32_t)i) >> shift) - into->offset), sketch_at(from, i));
}

static uint32_t used_buckets(const sketch_t *sketch) {
    uint32_t used = 0;
    for (uint32_t i = 0; i < sketch->buckets; i++) used += sketch_at(sketch, i) != 0;
    return used;
}

enum { COARSE_BITS = 8 };

/* Number of low bits of a value that are behind its COARSE_BITS leading ones. */
static int spare_bits(uint64_t value) {
    int bits = value == 0 ? 0 : 64 - __builtin_clzll(value);
    return bits > COARSE_BITS ? bits - COARSE_BITS : 0;
}

void sketch_coarsen(sketch_t *sketch, uint32_t used) {
    while (used_buckets(sketch) > used && sketch->scale > SKETCH_SCALE_MIN) sketch_downscale(sketch, sketch->scale - 1);
    uint64_t low = (UINT64_C(1) << spare_bits(sketch->min_ns)) - 1,
             high = (UINT64_C(1) << spare_bits(sketch->max_ns)) - 1;
    sketch->min_ns &= ~low;
    if (sketch->max_ns <= UINT64_MAX - high) sketch->max_ns = (sketch->max_ns + high) & ~high;
}

double sketch_bound_ns(int32_t index, int scale) {
    return exp2((double)index / exp2(scale));
}

double sketch_error(const sketch_t *sketch) {
    double base = exp2(exp2(-sketch->scale));
    return (base - 1) / (base + 1);
}

double sketch_quantile(const sketch_t *sketch, double q) {
    if (sketch->count == 0) return NAN;
    if (!(q > 0)) return (double)sketch->min_ns * 1e-9;
    if (q >= 1) return (double)sketch->max_ns * 1e-9;
    uint64_t rank = (uint64_t)(q * (double)(sketch->count - 1)), seen = sketch->zeros;
    if (rank < seen) return 0;
    for (uint32_t i = 0; i < sketch->buckets; i++) {
        seen += sketch_at(sketch, i);
        if (rank >= seen) continue;
        double low = sketch_bound_ns(sketch->offset + (int32_t)i, sketch->scale);
        double high = sketch_bound_ns(sketch->offset + (int32_t)i + 1, sketch->scale);
        double value = 2 * low * high / (low + high); /* the point whose relative error is least at worst */
        return fmin(fmax(value, (double)sketch->min_ns), (double)sketch->max_ns) * 1e-9;
    }
    return (double)sketch->max_ns * 1e-9;
}

double sketch_rank(const sketch_t *sketch, uint64_t value_ns) {
    if (sketch->count == 0) return NAN;
    uint64_t below = sketch->zeros;
    if (value_ns > 0) {
        int64_t last = (int64_t)sketch_index(value_ns, sketch->scale) - sketch->offset;
        for (int64_t i = 0; i <= last && i < (int64_t)sketch->buckets; i++) below += sketch_at(sketch, (uint32_t)i);
    }
    return (double)below / (double)sketch->count;
}
