/* canary_parts: what canary.c adds up and canary_pass.c draws bounds from. Nobody else includes it. */
#ifndef SEISMESH_ANALYZER_CANARY_PARTS_H
#define SEISMESH_ANALYZER_CANARY_PARTS_H

#include "analyzer/canary.h"

/* How many events came together: the mean size of the bucket that an event is in is squares / sum. */
typedef struct {
    double sum, squares;
} clusters_t;

/* Both versions over some buckets. The baseline is weighted bucket by bucket with the canary's traffic, so that a bad
 * hour counts the same for both when the canary's weight changes; `thinness` (sum of n^2 / baseline's n) says how many
 * requests of the baseline that is worth: n^2 / thinness. */
typedef struct {
    double n, errors;    /* of the canary */
    double other_errors; /* of the baseline, had it had the canary's traffic */
    double thinness;
    double ok, other_thinness;          /* the same for successes, whose latency is known */
    histogram_t latency, other_latency; /* both of `ok` requests */
} pair_t;

typedef struct {
    pair_t pair;
    double errors_inflation[2], body_inflation[2], tail_inflation[2]; /* canary, baseline: variance over binomial */
} known_t;

typedef struct {
    bool errors, body, tail;
    double difference_high;
} within_t;

/* What is within the tolerated difference, with the stated confidence. */
within_t canary_within(const known_t *known, const canary_settings_t *settings);

/* So many requests more to the canary, and all would be within it, if things go on as they are; NaN = more than a
 * million, or never. */
double canary_requests_to_pass(const known_t *known, const canary_settings_t *settings);

#endif
