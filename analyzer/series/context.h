/* context: the recent history of a series, and how new its latest stretch is: the distance to the most similar stretch
 * before it, anywhere or at the same time of earlier days. */
#ifndef SEISMESH_ANALYZER_SERIES_CONTEXT_H
#define SEISMESH_ANALYZER_SERIES_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

enum {
    CONTEXT_HISTORY = 4096, /* points back that the beginning of a similar stretch may lie: 14 days of 5 minutes */
    CONTEXT_LENGTHS = 2,    /* lengths of "latest stretch" */
    CONTEXT_LONGEST = 64,   /* points in the longest */
    CONTEXT_ROOM = 256,     /* points between two moves of the history within its buffer */
    CONTEXT_BUFFER = CONTEXT_HISTORY + CONTEXT_LONGEST + 1 + CONTEXT_ROOM
};

typedef struct {
    double raw[CONTEXT_BUFFER];                          /* from `start` on, newest first; zero where nothing was */
    int16_t scaled[CONTEXT_BUFFER];                      /* the same on the present scale */
    int16_t distances[CONTEXT_LENGTHS][CONTEXT_HISTORY]; /* [length][lag - 1] */
    size_t start;
    uint64_t count; /* points seen */
    uint64_t settle_at;
    double median, spread; /* the scale */
} context_t;

void context_init(context_t *context);

/* The next point: finite, and far enough from the largest double that differences are too. */
void context_add(context_t *context, double value);

/* Points seen, newest first; how many of them are kept. */
const double *context_values(const context_t *context, size_t *count);

/* Mean distance per point between the latest stretch of length number `which` and the nearest one that does not overlap
 * it, in units of the series' spread. NaN while the series is too short. */
double context_novelty(const context_t *context, size_t which);

/* The same among those stretches only that lie a whole number of `day` points back, or a few points beside that. NaN
 * before two days are known, and where two days exceed the history. */
double context_novelty_in_season(const context_t *context, size_t which, uint64_t day);

#endif
