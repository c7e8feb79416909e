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
    if (sketch->width >= width) return;
    sketch_read(sketch, counts);
    sketch->width = (uint8_t)width;
    counts_make_room(sketch, sketch->buckets);
    for (uint32_t i = 0; i < sketch->buckets; i++) counts_put(sketch, i, counts[i]);
}

void counts_add(sketch_t *sketch, uint32_t at, uint64_t count) {
    uint64_t sum = sketch_at(sketch, at) + (count > UINT32_MAX ? UINT32_MAX : count);
    if (sum > UINT32_MAX) sum = UINT32_MAX;
    if (sum > sketch_most(sketch)) counts_widen(sketch, width_of(sum));
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

/* Adds counts to others that are as wide or wider, many at a time; false, and nothing is added, when a sum does not fit
 * there. `sure`: all fit. */
typedef bool add_t(void *into, const void *from, uint32_t buckets, bool sure);

#define ADD(name, wide_t, narrow_t)                                                                                    \
    static bool name(void *into, const void *from, uint32_t buckets, bool sure) {                                      \
        wide_t *restrict to = into, over = 0;                                                                          \
        const narrow_t *restrict more = from;                                                                          \
        for (uint32_t i = 0; !sure && i < buckets; i++) over |= (wide_t)(to[i] + more[i]) < more[i];                   \
        for (uint32_t i = 0; over == 0 && i < buckets; i++) to[i] = (wide_t)(to[i] + more[i]);                         \
        return over == 0;                                                                                              \
    }

ADD(bytes, uint8_t, uint8_t)
ADD(bytes_to_pairs, pair_t, uint8_t)
ADD(bytes_to_words, word_t, uint8_t)
ADD(pairs, pair_t, pair_t)
ADD(pairs_to_words, word_t, pair_t)
ADD(words, word_t, word_t)

static add_t *const add[][COUNT_WORD + 1] = {/* by the width of `into`, and of `from` */
                                             [COUNT_BYTE] = {bytes},
                                             [COUNT_PAIR] = {bytes_to_pairs, pairs},
                                             [COUNT_WORD] = {bytes_to_words, pairs_to_words, words}};

void counts_add_all(sketch_t *into, uint32_t at, const sketch_t *from) {
    counts_widen(into, from->width);
    for (;; counts_widen(into, into->width + 1U)) {
        bool sure = into->count <= sketch_most(into); /* what is in `from` is among them already */
        if (add[into->width][from->width](sketch_place(into, at), from->counts, from->buckets, sure)) return;
        if (into->width == COUNT_WORD) break;
    }
    for (uint32_t i = 0; i < from->buckets; i++) counts_add(into, at + i, sketch_at(from, i));
}
