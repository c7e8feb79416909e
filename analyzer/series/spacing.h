/* spacing: the usual distance between the points of a series, learned from its latest ones. */
#ifndef SEISMESH_ANALYZER_SERIES_SPACING_H
#define SEISMESH_ANALYZER_SERIES_SPACING_H

#include <stdint.h>

enum { SPACING_GAPS = 63 };

typedef struct {
    int64_t gaps_ns[SPACING_GAPS]; /* ring */
    uint64_t count;
    int64_t last_ns, usual_ns; /* usual: 0 while unknown */
} spacing_t;

/* `known_ns`: the spacing, or 0 to learn it. */
void spacing_init(spacing_t *spacing, int64_t known_ns);

/* The time of the next point, not before the last one's. */
void spacing_add(spacing_t *spacing, int64_t time_ns);

/* Points in a day; 0 while unknown. */
uint64_t spacing_day(const spacing_t *spacing);

#endif
