/* translate: a scraped page as an OTLP metrics request, in the shape that a Collector's prometheus receiver gives it
 * (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/): names as they are, every label
 * an attribute, counters as monotonic cumulative sums, buckets told apart instead of added up, job and instance as the
 * resource. So everything behind it, the journal first, is the same as for a page that a Collector scraped. Families
 * that no dialect reads are left out.
 *
 *     translator_t *translator = translator_new(dialects, 64 << 20);
 *     err_t err = translate_page(translator, text, &origin, &request, &result);
 *
 * One translator per thread. */
#ifndef SEISMESH_SCRAPE_TRANSLATE_H
#define SEISMESH_SCRAPE_TRANSLATE_H

#include "base/buffer.h"
#include "base/err.h"
#include "collector/dialect/dialect.h"

/* A label that the target adds to all of its series. Texts are not escaped. */
typedef struct {
    const char *name, *value;
} origin_label_t;

/* Where a page comes from. Everything is borrowed. */
typedef struct {
    const char *job;  /* service.name, unless the page has a target_info that knows better */
    slice_t resource; /* further attributes: `attributes` fields of a Resource message (see origin_attribute) */
    const origin_label_t *labels; /* ended by a name of NULL; may be NULL */
    bool honor_labels;            /* a label of the page wins over one of the target; else it becomes exported_NAME */
    bool honor_timestamps;
    bool openmetrics;
    int64_t time_ns;  /* of the scrape */
    int64_t start_ns; /* since when the counters count, where the page does not tell; 0 = not known */
} origin_t;

typedef struct {
    uint64_t samples;  /* lines with a value, those of families that nobody reads included */
    uint64_t points;   /* in the request; a histogram's lines are one */
    uint64_t unusable; /* series left out: buckets that fall, counts that are no whole numbers */
    uint32_t line;     /* of ERR_MALFORMED */
    const char *why;   /* what that line has */
} page_result_t;

typedef struct translator translator_t;

/* The set is borrowed. `bytes_max` is for a request, and for what is gathered on the way to it: a page of short lines
 * may become much more than it is. */
translator_t *translator_new(const dialect_set_t *dialects, uint64_t bytes_max);
void translator_free(translator_t *translator);

/* Appends one ExportMetricsServiceRequest to `out`; nothing when the page has no series that anybody reads.
 * ERR_MALFORMED: the page breaks its format, ERR_TOO_LARGE: it is over `bytes_max`; nothing of it is used then. */
err_t translate_page(translator_t *translator, slice_t text, const origin_t *origin, buffer_t *out,
                     page_result_t *result);

/* Appends one text attribute of a resource; an empty value is none. */
void origin_attribute(buffer_t *resource, const char *key, const char *value);

#endif
