#include "analyzer/tally.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

void tally_clear(tally_t *tally) {
    if (tally->first < tally->end)
        memset(&tally->count[tally->first], 0, (size_t)(tally->end - tally->first) * sizeof tally->count[0]);
    tally->first = tally->end = 0;
    tally->coarse = false;
}

static void widen(tally_t *tally, int first, int end) {
    bool empty = tally->first == tally->end;
    if (empty || first < tally->first) tally->first = first;
    if (empty || end > tally->end) tally->end = end;
}

static void add(tally_t *tally, int bin, uint64_t more) {
    uint64_t sum = tally->count[bin] + more;
    tally->count[bin] = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

/* Sixteen counts, the buckets of a bin in a sketch of full resolution: many at a time in the lanes of 64-bit words,
 * which have room for their sums (of 32-bit counts as long as all fit in 32 bits together). */
static uint64_t sum_of_16(const sketch_t *sketch, uint32_t at) {
    const uint8_t *counts = (const uint8_t *)sketch->counts + ((size_t)at << sketch->width);
    uint64_t words[8], sum = 0;
    if (sketch->width == COUNT_BYTE) {
        const uint64_t evens = UINT64_C(0x00ff00ff00ff00ff);
        memcpy(words, counts, 2 * sizeof *words);
        for (int i = 0; i < 2; i++) sum += (words[i] & evens) + (words[i] >> 8 & evens);
        return sum * UINT64_C(0x0001000100010001) >> 48;
    }
    if (sketch->width == COUNT_PAIR) {
        const uint64_t evens = UINT64_C(0x0000ffff0000ffff);
        memcpy(words, counts, 4 * sizeof *words);
        for (int i = 0; i < 4; i++) sum += (words[i] & evens) + (words[i] >> 16 & evens);
    } else {
        memcpy(words, counts, 8 * sizeof *words);
        for (int i = 0; i < 8; i++) sum += words[i];
    }
    return (sum & UINT32_MAX) + (sum >> 32);
}

/* The sketch's buckets are read bin by bin: those of a bin are neighbours. */
void tally_add_sketch(tally_t *tally, const sketch_t *sketch) {
    enum { WHOLE = 16 };
    int first = HISTOGRAM_BINS, last = 0;
    tally->coarse |= sketch->coarse;
    if (sketch->zeros > 0) {
        add(tally, 0, sketch->zeros);
        first = 0;
    }
    bool small = sketch->count <= UINT32_MAX;
    for (uint32_t i = 0, here; i < sketch->buckets; i += here) {
        int32_t index = sketch->offset + (int32_t)i;
        uint64_t sum = 0;
        here = histogram_bin_buckets(index, sketch->scale);
        if (here > sketch->buckets - i) here = sketch->buckets - i;
        if (here == WHOLE && small)
            sum = sum_of_16(sketch, i);
        else
            for (uint32_t k = i; k < i + here; k++) sum += sketch_at(sketch, k);
        if (sum == 0) continue;
        int bin = histogram_bin(index, sketch->scale);
        add(tally, bin, sum);
        if (bin < first) first = bin;
        last = bin;
    }
    if (first < HISTOGRAM_BINS) widen(tally, first, last + 1);
}

void tally_add_histogram(tally_t *tally, const histogram_t *histogram) {
    for (int i = 0; i < HISTOGRAM_BINS; i++) {
        float count = histogram->count[i];
        if (!(count >= 0.5F)) continue;
        add(tally, i, count < 1e10F ? (uint64_t)llroundf(count) : UINT32_MAX);
        widen(tally, i, i + 1);
    }
}

double tally_count(const tally_t *tally) {
    uint64_t sum = 0;
    for (int i = tally->first; i < tally->end; i++) sum += tally->count[i];
    return (double)sum;
}

/* Bins of one octave are the same multiples of its beginning, and octaves double: from the last to the first. */
double tally_seconds(const tally_t *tally) {
    enum { OCTAVE = 4 };
    const double middle[OCTAVE] = {histogram_middle(0), histogram_middle(1), histogram_middle(2), histogram_middle(3)};
    double sum = 0;
    int octave = (tally->end + OCTAVE - 1) / OCTAVE;
    while (octave-- > 0) {
        const uint32_t *count = &tally->count[octave * OCTAVE];
        sum = 2 * sum + ((count[0] * middle[0] + count[1] * middle[1]) + (count[2] * middle[2] + count[3] * middle[3]));
        if (octave * OCTAVE <= tally->first) break;
    }
    return octave > 0 ? ldexp(sum, octave) : sum;
}

packing_t tally_pack(const tally_t *tally, uint8_t out[static PACKED_BYTES_MAX]) {
    const uint32_t *count = &tally->count[tally->first];
    int width = tally->end - tally->first;
    uint32_t most = 0;
    for (int i = 0; i < width; i++) most |= count[i];
    packing_t packing = {(uint8_t)tally->first, (uint8_t)width, most <= UINT8_MAX ? 1 : most <= UINT16_MAX ? 2 : 4};
    if (packing.size == 1)
        for (int i = 0; i < width; i++) out[i] = (uint8_t)count[i];
    else if (packing.size == 2)
        for (int i = 0; i < width; i++) {
            uint16_t narrow = (uint16_t)count[i];
            memcpy(&out[2 * i], &narrow, sizeof narrow);
        }
    else
        memcpy(out, count, (size_t)width * sizeof *count);
    return packing;
}

void packed_read(packing_t packing, const uint8_t *packed, stretch_t *out) {
    out->first = packing.first;
    out->width = packing.width;
    for (int i = 0; packing.size == 1 && i < packing.width; i++) out->count[i] = (float)packed[i];
    for (int i = 0; packing.size == 2 && i < packing.width; i++) {
        uint16_t count;
        memcpy(&count, &packed[2 * i], sizeof count);
        out->count[i] = (float)count;
    }
    for (int i = 0; packing.size == 4 && i < packing.width; i++) {
        uint32_t count;
        memcpy(&count, &packed[4 * i], sizeof count);
        out->count[i] = (float)count;
    }
}

void packed_add(packing_t packing, const uint8_t *packed, histogram_t *into) {
    stretch_t stretch;
    packed_read(packing, packed, &stretch);
    for (int i = 0; i < stretch.width; i++) into->count[stretch.first + i] += stretch.count[i];
}
