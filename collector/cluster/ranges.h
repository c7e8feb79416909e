/* ranges: which numbers of a sequence have been seen. Usually all up to one number: one range. A compacted topic gives
 * what was said again in the place where it was said last, so now and then numbers come late, and there are two or
 * more. Bounded: when there are too many, the gap between the two oldest is taken for seen. */
#ifndef SEISMESH_CLUSTER_RANGES_H
#define SEISMESH_CLUSTER_RANGES_H

#include <stdbool.h>
#include <stdint.h>

enum { RANGES_MAX = 32 };

typedef struct {
    struct {
        uint64_t from, to;   /* to is not in it */
    } items[RANGES_MAX + 1]; /* ascending, apart from each other */
    uint32_t count;
} ranges_t;

bool ranges_has(const ranges_t *ranges, uint64_t number);

/* How many of from … to - 1 are there. */
uint64_t ranges_overlap(const ranges_t *ranges, uint64_t from, uint64_t to);

/* Adds from … to - 1. */
void ranges_add(ranges_t *ranges, uint64_t from, uint64_t to);

/* One behind the largest number; 0 when empty. */
uint64_t ranges_end(const ranges_t *ranges);

#endif
