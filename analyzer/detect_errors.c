/* Error share as counts: k failures of n requests against the baseline's share, whose own scatter from bucket to bucket
 * is learned. A few errors among few requests are weak evidence by arithmetic, not by a rule. */
#include "analyzer/state.h"

#include <math.h>

static const double SHARE_MIN = 0.01; /* added share of failing requests below which nobody is told */
/* Errors come in clusters, since one broken trace fails many calls: before more was learned, in clusters of so many,
 * but a bucket of a young series is never less than some observations. */
static const double CLUSTER_PRIOR = 3, SCATTER_MAX = 0.2;
static const double FAILED_WEIGHT = 2; /* a request that fails is as bad as two that are late */
static const double SUSPICIOUS = 2;
static const double NOTHING = 0.7; /* evidence that joins no incident, and makes no bucket suspicious or deviating */
static const double TRIES = 0.6;   /* log10 of the four windows tried */

static double evidence_of(const flow_t *flow, const window_t *window) {
    const sums_t *before = &window->before;
    double scatter = fmin((CLUSTER_PRIOR - 1) / fmax(before->requests / window->before_buckets - 1, 1), SCATTER_MAX);
    share_t share = {(before->errors + 0.5) / (before->requests + 1),
                     flow_precision(flow->lumps, flow->lump_weight, scatter, window->buckets, before->requests)};
    return stats_excess_over(window->now.errors, window->now.requests, share, NOTHING + TRIES) - TRIES;
}

static void judge(const analyzer_t *analyzer, const flow_t *flow, const window_t *window, double evidence,
                  verdict_t *best) {
    const sums_t *before = &window->before;
    double k = window->now.errors, n = window->now.requests, mean = (before->errors + 0.5) / (before->requests + 1);
    double usual = before->errors / before->requests, added = n > 0 ? k / n - usual : 0;
    double window_s = window->buckets * (double)flow->period_s, affected = (k - n * mean) / window_s * 60;
    if (window->buckets == 1) {
        best->alone = evidence;
        best->suspicious = evidence > SUSPICIOUS;
    }
    if (evidence > SUSPICIOUS) best->strange = window->buckets;
    if (best->requests > 0 && evidence <= best->evidence) return;
    if (added * analyzer->config.sensitivity < SHARE_MIN ||
        affected * FAILED_WEIGHT * analyzer->config.sensitivity < analyzer->config.minimum_rate)
        evidence = 0;
    best->evidence = evidence > 0 ? evidence : 0;
    best->effect = best->excess = added > 0 ? added : 0;
    best->observed = n > 0 ? k / n : 0;
    best->expected = usual;
    stats_wilson(before->errors, before->requests, 2, &best->low, &best->high);
    best->requests = n;
    best->window_s = window_s;
    best->affected_per_minute = affected > 0 ? affected : 0;
}

void detect_errors(analyzer_t *analyzer, uint32_t subject, const window_t *windows, uint32_t count) {
    flow_t *flow = analyzer->subjects[subject].flow;
    double evidence[WINDOWS], most = 0;
    bool any = false;
    for (uint32_t w = 0; w < count; w++) {
        evidence[w] = 0;
        if (!windows[w].enough) continue;
        any = true;
        if (windows[w].now.errors > 0) evidence[w] = evidence_of(flow, &windows[w]);
        most = fmax(most, evidence[w]);
    }
    if (!any) return;
    track_asked(analyzer, subject, TRACK_ERRORS, true);
    flow->streak[TRACK_ERRORS] = (uint8_t)(flow->streak[TRACK_ERRORS] << 1);
    if (most < NOTHING) return;
    verdict_t best = {.subject = subject,
                      .track = subject_track(&analyzer->subjects[subject], TRACK_ERRORS),
                      .opens = true,
                      .period_s = flow->period_s};
    for (uint32_t w = 0; w < count; w++)
        if (windows[w].enough) judge(analyzer, flow, &windows[w], evidence[w], &best);
    *verdict_add(analyzer, subject, best.track) = best;
}
