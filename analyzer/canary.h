/* canary: is one version of a service worse than another that serves the same minutes? No rollout object, no baseline
 * from history: bucket by bucket the requests of both are compared, and after each bucket there is a verdict.
 *
 *     canary_t *canary = canary_new(&settings);
 *     canary_add(canary, &baseline, &candidate);          for every 10 s bucket, in order
 *     canary_judge(canary, &result);                      as often as one likes
 *     canary_free(canary);
 *
 * fail: the canary has more failures, or is slower, than chance explains (excess.h; over the whole rollout, however
 * often one looks, at most `alpha` of the rollouts of an identical version get it), and by at least half of what is
 * tolerated. Once failed it stays failed, for the same start.
 * pass: with `confidence`, the canary fails less than `error_points` more of its requests than the baseline does,
 * answers on average (in log-time) less than `latency_factor` times as slowly, and its p99 is below `latency_factor`
 * times the baseline's. These bounds hold however often one looks, too (beta-binomial and normal mixtures, Robbins
 * 1970; Howard et al. 2021), with counts taken down by the overdispersion that was seen. not enough data: neither yet,
 * with an estimate of the requests that are missing. Failures of class FAILURE_CLIENT (4xx) count for neither; they are
 * reported. */
#ifndef SEISMESH_ANALYZER_CANARY_H
#define SEISMESH_ANALYZER_CANARY_H

#include "analyzer/histogram.h"
#include "base/buffer.h"
#include "collector/rollup/cell.h"

typedef struct {
    double alpha;          /* of identical versions that are failed, per rollout */
    double confidence;     /* of a pass */
    double error_points;   /* tolerated: a difference of shares, 0.05 = 5 points */
    double latency_factor; /* tolerated: of p99 and of the average answer; in steps of 19 % for p99 */
} canary_settings_t;

extern const canary_settings_t canary_defaults;

/* NULL when the settings can be used; else a sentence on what `*which` must be. */
const char *canary_settings_wrong(const canary_settings_t *settings, const char **which);

/* One version in one bucket. */
typedef struct {
    double requests, errors, client_errors;
    histogram_t latency;   /* of successes */
    const sketch_t *exact; /* the same for quantiles that are shown, borrowed for the call; NULL = as good as above */
} canary_bucket_t;

void canary_bucket_of(const cell_t *cell, canary_bucket_t *bucket); /* all but `exact` */

typedef struct canary canary_t;

canary_t *canary_new(const canary_settings_t *settings);
void canary_free(canary_t *canary);

/* The next `seconds`. Either may be without requests; the comparison uses only buckets in which both have some. */
void canary_add(canary_t *canary, const canary_bucket_t *baseline, const canary_bucket_t *candidate, double seconds);

typedef enum { CANARY_PASS, CANARY_FAIL, CANARY_NOT_ENOUGH_DATA } canary_verdict_t;
extern const char *const canary_verdict_names[]; /* "pass", "fail", "not_enough_data" */

/* What is compared. */
typedef enum { CANARY_ERRORS, CANARY_P50, CANARY_P90, CANARY_P99, CANARY_TAIL, CANARY_SIGNALS } canary_signal_t;
extern const char *const canary_signal_names[]; /* "errors", "p50", "p90", "p99", "p999" */

/* One version, over the buckets that were compared. NaN where nothing is known. */
typedef struct {
    double seen; /* requests in all buckets, compared or not */
    double requests, errors, client_errors, error_ratio, client_ratio;
    double p50_s, p90_s, p99_s;
} canary_side_t;

typedef struct {
    canary_verdict_t verdict;
    canary_signal_t signal; /* of a fail: which one */
    canary_side_t baseline, candidate;
    double seconds; /* that were compared */
    uint32_t buckets;
    double difference;      /* of error ratios, the baseline weighted by the canary's traffic in time; NaN = unknown */
    double difference_high; /* with `confidence` no more than this */
    bool errors_pass, body_pass, tail_pass;
    double evidence[CANARY_SIGNALS]; /* 1 = fails; logarithmic: log(e-value) over what is needed */
    double more_requests;            /* to the canary, until a verdict can be expected; NaN = cannot be told */
    double more_seconds;             /* at its present rate; NaN = cannot be told */
} canary_result_t;

void canary_judge(const canary_t *canary, canary_result_t *result);

/* The verdict in one sentence with numbers, NUL-terminated. */
void canary_sentence(const canary_result_t *result, const canary_settings_t *settings, const char *service,
                     const char *baseline, const char *candidate, buffer_t *out);

#endif
