#include "analyzer/tally.h"

#include <math.h>
#include <string.h>

void tally_clear(tally_t *tally) {
    if (tally->first < tally->end)
        memset(&tally->count[tally->first], 0, (size_t)(tally->end - tally->first) * sizeof tally->count[0]);
    tally->first = tally->end = 0;
}

static void widen(tally_t *tally, int first, int end) {
    bool empty = tally->first == tally->end;
    if (empty || first < tally->first) tally->first = first;
    if (empty || end > tally->end) tally->end = end;
}

/* The sketch's buckets are read bin by bin: those of a bin are neighbours. */
void tally_add_sketch(tally_t *tally, const sketch_t *sketch) {
    if (sketch->zeros > 0) {
        tally->count[0] += sketch->zeros;
        widen(tally, 0, 1);
    }
    int first = HISTOGRAM_BINS, last = 0;
    for (uint32_t i = 0, end; i < sketch->buckets; i = end) {
        int bin = histogram_bin(sketch->offset + (int32_t)i, sketch->scale);
        end = i + histogram_bin_buckets(sketch->offset + (int32_t)i, sketch->scale);
        if (end > sketch->buckets) end = sketch->buckets;
        uint64_t sum = 0;
        for (uint32_t k = i; k < end; k++) sum += sketch->counts[k];
        if (sum == 0) continue;
        tally->count[bin] += sum;
        if (bin < first) first = bin;
        last = bin;
    }
    if (first < HISTOGRAM_BINS) widen(tally, first, last + 1);
}

void tally_add_histogram(tally_t *tally, const histogram_t *histogram) {
    for (int i = 0; i < HISTOGRAM_BINS; i++) {
        float count = histogram->count[i];
        if (!(count >= 0.5F)) continue;
        tally->count[i] += count < 1e18F ? (uint64_t)lroundf(count) : (uint64_t)1e18;
        widen(tally, i, i + 1);
    }
}

double tally_count(const tally_t *tally) {
    uint64_t sum = 0;
    for (int i = tally->first; i < tally->end; i++) sum += tally->count[i];
    return (double)sum;
}

double tally_seconds(const tally_t *tally) {
    double sum = 0;
    for (int i = tally->first; i < tally->end; i++) sum += (double)tally->count[i] * histogram_middle(i);
    return sum;
}

size_t tally_pack(const tally_t *tally, uint8_t out[static PACKED_BYTES_MAX]) {
    if (tally->first == tally->end) return 0;
    uint8_t *at = out;
    *at++ = (uint8_t)tally->first;
    for (int i = tally->first; i < tally->end; i++) {
        uint64_t count = tally->count[i];
        for (; count >= 0x80; count >>= 7) *at++ = (uint8_t)(count | 0x80);
        *at++ = (uint8_t)count;
    }
    return (size_t)(at - out);
}

void packed_read(const uint8_t *packed, size_t bytes, stretch_t *out) {
    const uint8_t *end = packed + bytes;
    out->width = 0;
    out->first = bytes > 0 ? *packed++ : 0;
    while (packed < end) {
        uint64_t count = *packed & 0x7f;
        for (unsigned shift = 7; *packed++ >= 0x80; shift += 7) count |= (uint64_t)(*packed & 0x7f) << shift;
        out->count[out->width++] = (float)count;
    }
}

void packed_add(const uint8_t *packed, size_t bytes, histogram_t *into) {
    stretch_t stretch;
    packed_read(packed, bytes, &stretch);
    for (int i = 0; i < stretch.width; i++) into->count[stretch.first + i] += stretch.count[i];
}
