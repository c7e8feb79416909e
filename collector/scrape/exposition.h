/* exposition: the two text formats of a Prometheus endpoint, read in place, line by line: text 0.0.4 and
 * OpenMetrics 1.0 (https://prometheus.io/docs/instrumenting/exposition_formats/,
 * https://prometheus.io/docs/specs/om/open_metrics_spec/). Nothing is allocated or copied: names, labels and values are
 * slices of the page.
 *
 *     exposition_t page;
 *     exposition_sample_t sample;
 *     exposition_begin(&page, text, openmetrics);
 *     for (exposition_item_t item; (item = exposition_next(&page, &sample)) != EXPOSITION_END;)
 *         if (item == EXPOSITION_WRONG) return refuse(page.line, page.why);
 *         else if (item == EXPOSITION_FAMILY && !wanted(page.family)) exposition_skip(&page);
 *         else if (item == EXPOSITION_SAMPLE) use(&page, &sample);
 *
 * Most lines of a proxy's page are nobody's: those of a family that was skipped cost one comparison and the search for
 * the end of the line, and are not checked. */
#ifndef SEISMESH_SCRAPE_EXPOSITION_H
#define SEISMESH_SCRAPE_EXPOSITION_H

#include "base/slice.h"

typedef enum {
    FAMILY_UNKNOWN, /* "untyped" in 0.0.4, or no TYPE at all */
    FAMILY_COUNTER,
    FAMILY_GAUGE,
    FAMILY_HISTOGRAM,
    FAMILY_SUMMARY,
    FAMILY_INFO,
    FAMILY_STATESET,
    FAMILY_GAUGEHISTOGRAM,
    FAMILY_TYPES
} family_type_t;

/* What a sample is in its family, by the end of its name. */
typedef enum { PART_VALUE, PART_BUCKET, PART_SUM, PART_COUNT, PART_CREATED } family_part_t;

typedef enum {
    EXPOSITION_END,
    EXPOSITION_FAMILY, /* page.family and page.type are new: what follows belongs to it */
    EXPOSITION_SAMPLE,
    EXPOSITION_WRONG, /* page.why says what line page.line has that no page may have */
} exposition_item_t;

typedef struct {
    slice_t name;   /* with its ending */
    slice_t labels; /* what stands between the braces, as written; for exposition_label */
    family_part_t part;
    double value;
    int64_t time_ns; /* 0 = not told */
    bool again;    /* name and labels are those of the sample before but for the value of `le`, which is the last label
                    * of both, and is `bound` here */
    slice_t bound; /* of `le` where it is the last label, as written; else empty */
} exposition_sample_t;

typedef struct {
    slice_t text;
    size_t at;
    uint32_t line;    /* of what was returned last, from 1 */
    uint64_t samples; /* so far, skipped ones included */
    bool openmetrics, ended, pending, skipping;
    slice_t family, unit; /* the unit is OpenMetrics' alone; it may come after EXPOSITION_FAMILY, before any sample */
    family_type_t type;
    slice_t repeated; /* the last sample from its first byte up to the value of a last label `le`, else empty */
    exposition_sample_t last;
    const char *why;
} exposition_t;

void exposition_begin(exposition_t *page, slice_t text, bool openmetrics);

/* After EXPOSITION_WRONG and EXPOSITION_END there is nothing more. */
exposition_item_t exposition_next(exposition_t *page, exposition_sample_t *sample);

/* Passes over the samples of the current family. */
void exposition_skip(exposition_t *page);

/* Takes the next label off `rest` (of a sample's `labels`). False at the end; the labels of a sample are well-formed.
 * `value` is as written: see exposition_unescape. */
bool exposition_label(slice_t *rest, slice_t *name, slice_t *value);

/* Writes what an escaped label value means (\\, \", \n; another character after a backslash stands with it) to `out`,
 * which has room for value.len bytes. Returns the length. */
size_t exposition_unescape(slice_t value, uint8_t *out);

/* A number as both formats have it: decimal, with an exponent, or NaN, +Inf, -Inf in any case; hexadecimal, too, as
 * Prometheus takes it. */
bool exposition_number(slice_t text, double *value);

#endif
