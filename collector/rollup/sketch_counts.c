#include "collector/rollup/sketch_counts.h"

#include "base/memory.h"

/* Their memory was written at any width. */
typedef uint16_t __attribute__((may_alias)) pair_t;
typedef uint32_t __attribute__((may_alias)) word_t;

enum { SLACK = sizeof(uint32_t) - 1 }; /* the last count, too, is read and written as 32 bits */

void counts_make_room(sketch_t *sketch, uint32_t buckets) {
    enum { ROOM_MIN = 64 };
    size_t wanted = (size_t)buckets << sketch->width, capacity = sketch->capacity == 0 ? ROOM_MIN : sketch->capacity;
    if (wanted <= sketch->capacity) return;
    while (capacity < wanted) capacity *= 2;
    sketch->counts = memory_resize(sketch->counts, capacity + SLACK);
    sketch->capacity = (uint32_t)capacity;
}

static count_width_t width_of(uint64_t count) {
    return count <= UINT8_MAX ? COUNT_BYTE : count <= UINT16_MAX ? COUNT_PAIR : COUNT_WORD;
}

void counts_widen(sketch_t *sketch, count_width_t width) {
    uint32_t counts[SKETCH_BUCKETS_MAX];
    if (width <= sketch->width) return;
    sketch_read(sketch, counts);
    sketch->width = (uint8_t)width;
    counts_make_room(sketch, sketch->buckets);
    for (uint32_t i = 0; i < sketch->buckets; i++) counts_put(sketch, i, counts[i]);
}

void counts_add(sketch_t *sketch, uint32_t at, uint64_t count) {
    uint64_t sum = sketch_at(sketch, at) + (count > UINT32_MAX ? UINT32_MAX : count);
    if (sum > UINT32_MAX) sum = UINT32_MAX;
    counts_widen(sketch, width_of(sum));
    counts_put(sketch, at, (uint32_t)sum);
}

void sketch_read(const sketch_t *sketch, uint32_t *out) {
    if (sketch->width == COUNT_BYTE)
        for (uint32_t i = 0; i < sketch->buckets; i++) out[i] = ((const uint8_t *)sketch->counts)[i];
    else if (sketch->width == COUNT_PAIR)
        for (uint32_t i = 0; i < sketch->buckets; i++) out[i] = ((const pair_t *)sketch->counts)[i];
    else
        memcpy(out, sketch->counts, sketch->buckets * sizeof *out);
}

void sketch_set(sketch_t *sketch, const uint32_t *counts, uint32_t buckets) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < buckets; i++) most |= counts[i];
    sketch->width = (uint8_t)width_of(most);
    counts_make_room(sketch, buckets);
    sketch->buckets = buckets;
    for (uint32_t i = 0; i < buckets; i++) counts_put(sketch, i, counts[i]);
}

/* Of counts at two widths: whether all sums fit the wider, and the sums. */
#define SUMS(name, wide_t, narrow_t)                                                                                   \
    static bool name##_fit(const wide_t *into, const narrow_t *from, uint32_t buckets) {                               \
        wide_t over = 0;                                                                                               \
        for (uint32_t i = 0; i < buckets; i++) over |= (wide_t)(into[i] + from[i]) < from[i];                          \
        return over == 0;                                                                                              \
    }                                                                                                                  \
    static void name(wide_t *restrict into, const narrow_t *restrict from, uint32_t buckets) {                         \
        for (uint32_t i = 0; i < buckets; i++) into[i] = (wide_t)(into[i] + from[i]);                                  \
    }

SUMS(bytes, uint8_t, uint8_t)
SUMS(pairs, pair_t, pair_t)
SUMS(words, word_t, word_t)
SUMS(bytes_to_pairs, pair_t, uint8_t)
SUMS(bytes_to_words, word_t, uint8_t)
SUMS(pairs_to_words, word_t, pair_t)

/* For each width of `into`, and each of `from` up to that. */
static bool sums_fit(const sketch_t *into, uint32_t at, const sketch_t *from) {
    if (into->count <= counts_most(into->width)) return true; /* those of `from` are among them already */
    const void *to = counts_place(into, at), *counts = from->counts;
    uint32_t buckets = from->buckets;
    switch (into->width) {
    case COUNT_BYTE:
        return bytes_fit(to, counts, buckets);
    case COUNT_PAIR:
        return from->width == COUNT_BYTE ? bytes_to_pairs_fit(to, counts, buckets) : pairs_fit(to, counts, buckets);
    default:
        return from->width == COUNT_BYTE   ? bytes_to_words_fit(to, counts, buckets)
               : from->width == COUNT_PAIR ? pairs_to_words_fit(to, counts, buckets)
                                           : words_fit(to, counts, buckets);
    }
}

static void add_fitting(sketch_t *into, uint32_t at, const sketch_t *from) {
    void *to = counts_place(into, at);
    uint32_t buckets = from->buckets;
    if (into->width == COUNT_BYTE)
        bytes(to, from->counts, buckets);
    else if (into->width == COUNT_PAIR && from->width == COUNT_BYTE)
        bytes_to_pairs(to, from->counts, buckets);
    else if (into->width == COUNT_PAIR)
        pairs(to, from->counts, buckets);
    else if (from->width == COUNT_BYTE)
        bytes_to_words(to, from->counts, buckets);
    else if (from->width == COUNT_PAIR)
        pairs_to_words(to, from->counts, buckets);
    else
        words(to, from->counts, buckets);
}

void counts_add_all(sketch_t *into, uint32_t at, const sketch_t *from) {
    counts_widen(into, from->width);
    while (into->width < COUNT_WORD && !sums_fit(into, at, from)) counts_widen(into, into->width + 1U);
    if (sums_fit(into, at, from))
        add_fitting(into, at, from);
    else
        for (uint32_t i = 0; i < from->buckets; i++) counts_add(into, at + i, sketch_at(from, i));
}
