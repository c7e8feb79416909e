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

/* The counts of a bin in a sketch of full resolution are sixteen neighbours: many at a time in the lanes of 64-bit
 * words, which have room for their sums (of 32-bit counts as long as all of a sketch fit in 32 bits together). */
enum { FULL_BIN = 1 << (SKETCH_SCALE_MAX - HISTOGRAM_SCALE) };

static inline __attribute__((always_inline)) uint64_t sum_of_bin(const uint8_t *counts, count_width_t width) {
    uint64_t words[FULL_BIN / 2], sum = 0;
    if (width == COUNT_BYTE) {
        const uint64_t evens = UINT64_C(0x00ff00ff00ff00ff);
        memcpy(words, counts, FULL_BIN);
        for (int i = 0; i < FULL_BIN / 8; i++) sum += (words[i] & evens) + (words[i] >> 8 & evens);
        return sum * UINT64_C(0x0001000100010001) >> 48;
    }
    if (width == COUNT_PAIR) {
        const uint64_t evens = UINT64_C(0x0000ffff0000ffff);
        memcpy(words, counts, 2 * FULL_BIN);
        for (int i = 0; i < FULL_BIN / 4; i++) sum += (words[i] & evens) + (words[i] >> 16 & evens);
    } else {
        memcpy(words, counts, 4 * FULL_BIN);
        for (int i = 0; i < FULL_BIN / 2; i++) sum += words[i];
    }
    return (sum & UINT32_MAX) + (sum >> 32);
}

static inline __attribute__((always_inline)) void add_bins(uint32_t *bin, uint32_t bins, const uint8_t *counts,
                                                           count_width_t width) {
    for (uint32_t i = 0; i < bins; i++, counts += (size_t)FULL_BIN << width) {
        uint64_t sum = bin[i] + sum_of_bin(counts, width);
        bin[i] = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
    }
}

/* Adds whole bins, from the sketch's bucket `at` and the tally's bin `bin` on. */
static void add_full_bins(tally_t *tally, int bin, uint32_t bins, const sketch_t *sketch, uint32_t at) {
    const uint8_t *counts = sketch_place(sketch, at);
    if (sketch->width == COUNT_BYTE)
        add_bins(&tally->count[bin], bins, counts, COUNT_BYTE);
    else if (sketch->width == COUNT_PAIR)
        add_bins(&tally->count[bin], bins, counts, COUNT_PAIR);
    else
        add_bins(&tally->count[bin], bins, counts, COUNT_WORD);
}

/* Adds the buckets [at, end), bin by bin: those of a bin are neighbours. */
static void add_buckets(tally_t *tally, const sketch_t *sketch, uint32_t at, uint32_t end) {
    for (uint32_t here; at < end; at += here) {
        int32_t index = sketch->offset + (int32_t)at;
        uint64_t sum = 0;
        here = histogram_bin_buckets(index, sketch->scale);
        if (here > end - at) here = end - at;
        for (uint32_t i = at; i < at + here; i++) sum += sketch_at(sketch, i);
        add(tally, histogram_bin(index, sketch->scale), sum);
    }
}

/* How many whole bins from the sketch's bucket `at` on, the first of a bin; 0 when not all are the histogram's. */
static uint32_t full_bins(const sketch_t *sketch, uint32_t at) {
    if (sketch->scale != SKETCH_SCALE_MAX || sketch->count > UINT32_MAX || at > sketch->buckets) return 0;
    uint32_t bins = (sketch->buckets - at) / FULL_BIN;
    int first = (sketch->offset + (int32_t)at) / FULL_BIN - HISTOGRAM_BIN_0;
    return first >= 0 && first + (int)bins <= HISTOGRAM_BINS ? bins : 0;
}

void tally_add_sketch(tally_t *tally, const sketch_t *sketch) {
    tally->coarse |= sketch->coarse;
    if (sketch->zeros > 0) {
        add(tally, 0, sketch->zeros);
        widen(tally, 0, 1);
    }
    if (sketch->buckets == 0) return;
    uint32_t part = -(uint32_t)sketch->offset % FULL_BIN, bins = full_bins(sketch, part);
    if (bins == 0) part = 0;
    int first = histogram_bin(sketch->offset, sketch->scale);
    int last = histogram_bin(sketch->offset + (int32_t)sketch->buckets - 1, sketch->scale);
    int next = histogram_bin(sketch->offset + (int32_t)part, sketch->scale);
    add_buckets(tally, sketch, 0, part);
    if (bins > 0) add_full_bins(tally, next, bins, sketch, part);
    add_buckets(tally, sketch, part + bins * FULL_BIN, sketch->buckets);
    while (first < last && tally->count[first] == 0) first++;
    while (first < last && tally->count[last] == 0) last--;
    if (tally->count[first] > 0) widen(tally, first, last + 1);
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
    if (tally->first == tally->end) return 0;
    uint64_t sum = 0;
    for (int i = tally->first; i < tally->end; i++) sum += tally->count[i];
    return (double)sum;
}

/* Bins of one octave are the same multiples of its beginning, and octaves double: from the last to the first. */
double tally_seconds(const tally_t *tally) {
    enum { OCTAVE = 4 };
    const double *middle = histogram_middle_s;
    if (tally->first == tally->end) return 0;
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

/* Four at a time; what is read behind the last is of no bin. */
void packed_read(packing_t packing, const uint8_t *restrict packed, stretch_t *restrict out) {
    enum { FOUR = 4 };
    int width = packing.width;
    out->first = packing.first;
    out->width = width;
    if (packing.size == 1)
        for (int i = 0; i < width; i += FOUR)
            for (int k = 0; k < FOUR; k++) out->count[i + k] = (float)packed[i + k];
    else if (packing.size == 2)
        for (int i = 0; i < width; i += FOUR) {
            uint16_t counts[FOUR];
            memcpy(counts, &packed[2 * i], sizeof counts);
            for (int k = 0; k < FOUR; k++) out->count[i + k] = (float)counts[k];
        }
    else
        for (int i = 0; i < width; i += FOUR) {
            uint32_t counts[FOUR];
            memcpy(counts, &packed[4 * i], sizeof counts);
            for (int k = 0; k < FOUR; k++) out->count[i + k] = (float)counts[k];
        }
}

uint64_t packed_above(packing_t packing, const uint8_t *packed, int bin) {
    uint64_t sum = 0;
    uint32_t most = packing.width > 0 ? UINT32_MAX >> (32 - 8 * packing.size) : 0;
    for (int i = bin > packing.first ? bin - packing.first : 0; i < packing.width; i++) {
        uint32_t word;
        memcpy(&word, &packed[i * packing.size], sizeof word);
        sum += word & most;
    }
    return sum;
}

void packed_add(packing_t packing, const uint8_t *packed, histogram_t *into) {
    stretch_t stretch;
    packed_read(packing, packed, &stretch);
    float *count = &into->count[stretch.first];
    for (int i = 0; i < stretch.width; i++) count[i] += stretch.count[i];
}
