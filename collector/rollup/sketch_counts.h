/* sketch_counts: the counts of a sketch's buckets, 1, 2 or 4 bytes each, for sketch*.c only. */
#ifndef SEISMESH_ROLLUP_SKETCH_COUNTS_H
#define SEISMESH_ROLLUP_SKETCH_COUNTS_H

#include "collector/rollup/sketch.h"

/* Room for so many counts at the sketch's width. Those that are there stay, new ones are not set. */
void counts_make_room(sketch_t *sketch, uint32_t buckets);

/* Makes every count at least so wide. */
void counts_widen(sketch_t *sketch, count_width_t width);

/* Sets a count that fits the width. */
static inline void counts_put(sketch_t *sketch, uint32_t at, uint32_t count) {
    uint8_t *place = sketch_place(sketch, at);
    uint32_t word, most = sketch_most(sketch);
    memcpy(&word, place, sizeof word);
    word = (word & ~most) | count;
    memcpy(place, &word, sizeof word);
}

/* Adds to a count: stops at UINT32_MAX, so that any order and grouping gives the same; 4 billion observations within
 * 1 % in one cell are not to be had from one process. */
void counts_add(sketch_t *sketch, uint32_t at, uint64_t count);

/* The same for one observation, with no branch that depends on the width: if the count's bits are not all set, what is
 * added stays among them. */
static inline void counts_increment(sketch_t *sketch, uint32_t at) {
    uint8_t *place = sketch_place(sketch, at);
    uint32_t word, most = sketch_most(sketch);
    memcpy(&word, place, sizeof word);
    if (__builtin_expect((word & most) == most, 0)) {
        counts_add(sketch, at, 1);
        return;
    }
    word++;
    memcpy(place, &word, sizeof word);
}

/* Adds all of `from` to as many buckets from `at` on; the count of `into` has those of `from` already. */
void counts_add_all(sketch_t *into, uint32_t at, const sketch_t *from);

#endif
