/* translator: what the parts of translate share: the page at hand, and the series of the family that is being read. */
#ifndef SEISMESH_SCRAPE_TRANSLATOR_H
#define SEISMESH_SCRAPE_TRANSLATOR_H

#include "base/table.h"
#include "collector/scrape/exposition.h"
#include "collector/scrape/translate.h"

enum { STEP_NONE = UINT32_MAX };

/* A bucket (bound, cumulative count) or a quantile (quantile, value). */
typedef struct {
    double at, value;
    uint32_t next;
} step_t;

typedef struct {
    slice_t labels; /* of its first line, `le` or `quantile` included */
    slice_t plain;  /* the same without a last `le`, to know lines of the same series by; NULL when it cannot be cut */
    double value, count, created;
    bool has_value, has_count; /* the value of a counter, or a sum */
    int64_t time_ns;
    uint32_t first, last, steps;
} series_t;

struct translator {
    const dialect_set_t *dialects;
    uint64_t bytes_max;
    bool full;     /* bytes_max is reached: the page is given up */
    uint64_t seed; /* hashes must not be guessed by those who write pages */
    table_t known; /* hash of a family's name -> whether somebody reads it */
    const origin_t *origin;
    page_result_t *result;
    exposition_t page;
    series_t *series;
    step_t *steps;
    uint32_t series_count, series_capacity, step_count, step_capacity, current;
    table_t index; /* of the family's series, by the hash of their labels */
    buffer_t attributes, points, metrics, info, text;
    slice_t name; /* of the metric that is gathered; empty until its first sample */
    slice_t unit;
    family_type_t type;
    slice_t service; /* of a target_info */
};

/* The value without escapes; borrowed from the page, or from t->text until the next call. */
slice_t translate_value(translator_t *t, slice_t value);

/* When counting began: what the page says (seconds since 1970), else the target; 0 when neither is before `time_ns`. */
int64_t translate_start(const translator_t *t, double created, int64_t time_ns);

/* Append a point to t->points, as field 1 of a metric's data. The last two are false when the lines are none of a
 * histogram or summary: counts that fall or are no whole numbers, a bound twice, more than 2,048 of them. */
void put_number_point(translator_t *t, slice_t labels, double value, int64_t time_ns, int64_t start_ns);
bool put_histogram_point(translator_t *t, const series_t *series);
bool put_summary_point(translator_t *t, const series_t *series);

#endif
