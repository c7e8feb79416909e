/* The median of the latest gaps, taken anew each time as many have come: holes and repeated stamps are outvoted, and a
 * series that changes its spacing for good is followed. */
#include "analyzer/series/spacing.h"

#include <stdlib.h>
#include <string.h>

enum { EARLY = 15 }; /* gaps for a first guess */

static const int64_t DAY_NS = INT64_C(86400000000000);

void spacing_init(spacing_t *spacing, int64_t known_ns) {
    memset(spacing, 0, sizeof *spacing);
    spacing->usual_ns = known_ns;
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t median_gap(const spacing_t *spacing, size_t count) {
    int64_t sorted[SPACING_GAPS];
    memcpy(sorted, spacing->gaps_ns, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, ascending);
    return sorted[count / 2];
}

void spacing_add(spacing_t *spacing, int64_t time_ns) {
    uint64_t gap = (uint64_t)time_ns - (uint64_t)spacing->last_ns; /* unsigned: the ends of time do not overflow */
    spacing->last_ns = time_ns;
    if (spacing->count++ == 0) return;
    uint64_t gaps = spacing->count - 1;
    spacing->gaps_ns[(gaps - 1) % SPACING_GAPS] = gap > INT64_MAX ? INT64_MAX : (int64_t)gap;
    if (gaps == EARLY || gaps % SPACING_GAPS == 0)
        spacing->usual_ns = median_gap(spacing, gaps < SPACING_GAPS ? (size_t)gaps : SPACING_GAPS);
}

uint64_t spacing_day(const spacing_t *spacing) {
    if (spacing->usual_ns <= 0 || spacing->usual_ns > DAY_NS) return 0;
    return (uint64_t)((DAY_NS + spacing->usual_ns / 2) / spacing->usual_ns);
}
