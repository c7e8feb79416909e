/* points: metric points of all five types, read in place into one form. Nothing is allocated: numbers go into the
 * caller's point_t, texts stay where they are. */
#ifndef SEISMESH_FOLD_POINTS_H
#define SEISMESH_FOLD_POINTS_H

#include "collector/fold/delta.h"
#include "collector/fold/identity.h"

/* Numbers are the fields of the oneof in Metric. */
typedef enum {
    METRIC_GAUGE = 5,
    METRIC_SUM = 7,
    METRIC_HISTOGRAM = 9,
    METRIC_EXPONENTIAL = 10,
    METRIC_SUMMARY = 11
} metric_type_t;

typedef enum { TEMPORALITY_UNTOLD, TEMPORALITY_DELTA, TEMPORALITY_CUMULATIVE } temporality_t;

typedef struct {
    slice_t name, unit;
    slice_t data; /* the message of the type: its points */
    metric_type_t type;
    temporality_t temporality;
    bool monotonic;
    dialect_rule_t rule;
    double scale;
    stream_id_t id; /* of resource, scope, name, unit and kind; attributes are not in it */
} metric_t;

enum { POINT_QUANTILES_MAX = 16, POINT_TEXT_MAX = 32 };

typedef struct {
    delta_point_t increment; /* what it holds before and after delta_cumulative */
    stream_id_t id;          /* metric's and attributes' */
    bool stale, has_value, has_sum, invalid;
    double value; /* of a number */
    uint32_t bound_count, quantile_count;
    roles_t roles; /* by the labels of the metric's rule */
    double bounds[DELTA_BUCKETS_MAX];
    uint64_t buckets[DELTA_BUCKETS_MAX];
    uint64_t told[DELTA_BUCKETS_MAX]; /* of a cumulative explicit histogram: its buckets before delta_cumulative */
    struct {
        double quantile, value;
    } quantiles[POINT_QUANTILES_MAX];
    char texts[ROLES][POINT_TEXT_MAX]; /* of labels that are numbers */
} point_t;

/* Reads a Metric message up to its points; false when malformed. metric->type is 0 when it has no data. */
bool metric_read(slice_t message, metric_t *metric);

/* Reads one point. False when malformed; point->invalid when its numbers do not fit together. */
bool point_read(const metric_t *metric, slice_t message, point_t *point);

/* A hash of attributes that does not depend on their order. */
bool attributes_hash(slice_t message, uint32_t field_number, stream_id_t *id);

#endif
