/* extremes: how far a number lies outside of all that was seen before, for several lengths of "before". It is the one
 * currency in which the detector's different measures of a series are counted. */
#ifndef SEISMESH_ANALYZER_SERIES_EXTREMES_H
#define SEISMESH_ANALYZER_SERIES_EXTREMES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    EXTREMES_BLOCK = 50,   /* numbers whose extremes are kept as one */
    EXTREMES_BLOCKS = 120, /* blocks remembered */
    EXTREMES_MEMORIES = 5  /* lengths of "before", beside "ever" */
};

typedef struct {
    double low, high;
} range_t;

/* What is asked of a measure. */
typedef struct {
    bool downwards;  /* unusually small counts as well as unusually large */
    bool long_unit;  /* margins in units of the range within the longest memory; else of the range compared with */
    double unit_min; /* the least unit, for measures that have a natural one: what hardly varies is not precise */
    uint32_t learn;  /* numbers to see before the first answer */
} extremes_rule_t;

typedef struct {
    range_t blocks[EXTREMES_BLOCKS];     /* ring of closed blocks */
    range_t closed[EXTREMES_MEMORIES];   /* what the closed blocks of each memory span */
    range_t open, ever;                  /* the block being filled; everything */
    uint32_t count, block_count, filled; /* numbers seen, blocks closed, numbers in the open one */
} extremes_t;

void extremes_init(extremes_t *extremes);

/* Evidence (0..1) that `value` is outside of what came before it; then learns it. NaN is no evidence, and not learned.
 * `value`
 * must be finite, and far enough from the largest double that differences are too. */
double extremes_add(extremes_t *extremes, const extremes_rule_t *rule, double value);

#endif
