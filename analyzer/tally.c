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

static void add(tally_t *tally, int bin, uint64_t more) {
    uint64_t sum = tally->count[bin] + more;
    tally->count[bin] = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

/* A sketch of full resolution has sixteen buckets in a bin. They are added four at a time in 32 bits, which holds while
 * all of them are small. */
typedef uint32_t four_t __attribute__((vector_size(16)));
enum { WHOLE = 16, SMALL_BITS = 28 };

static uint64_t sum_of(const uint32_t *counts, uint32_t count) {
    uint64_t sum = 0;
    if (count == WHOLE) {
        four_t four[4];
        memcpy(four, counts, sizeof four);
        four_t all = (four[0] | four[1]) | (four[2] | four[3]), sums = (four[0] + four[1]) + (four[2] + four[3]);
        if (((all[0] | all[1] | all[2] | all[3]) >> SMALL_BITS) == 0)
            return (uint64_t)sums[0] + sums[1] + sums[2] + sums[3];
    }
    for (uint32_t i = 0; i < count; i++) sum += counts[i];
    return sum;
}

/* The sketch's buckets are read bin by bin: those of a bin are neighbours. */
void tally_add_sketch(tally_t *tally, const sketch_t *sketch) {
    if (sketch->zeros > 0) {
        add(tally, 0, sketch->zeros);
        widen(tally, 0, 1);
    }
    int first = HISTOGRAM_BINS, last = 0;
    const uint32_t *counts = sketch->counts;
    for (uint32_t i = 0, here; i < sketch->buckets; i += here) {
        int32_t index = sketch->offset + (int32_t)i;
        here = histogram_bin_buckets(index, sketch->scale);
        if (here > sketch->buckets - i) here = sketch->buckets - i;
        uint64_t sum = sum_of(counts + i, here);
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
