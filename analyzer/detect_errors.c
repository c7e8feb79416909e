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

static void judge(analyzer_t *analyzer, const flow_t *flow, uint32_t window, verdict_t *best) {
    baseline_t baseline;
    if (!flow_baseline(flow, window, &baseline)) return;
    double k = 0, n = 0;
    for (uint32_t i = flow->recent_count - window; i < flow->recent_count; i++) {
        k += flow->recent[i].errors;
        n += flow->recent[i].requests;
    }
    double scatter = fmin((CLUSTER_PRIOR - 1) / fmax(baseline.requests / baseline.buckets - 1, 1), SCATTER_MAX);
    share_t share = {(baseline.errors + 0.5) / (baseline.requests + 1),
                     flow_precision(flow->lumps, flow->lump_weight, scatter, window, baseline.requests)};
    double evidence = stats_excess(k, n, share) - 0.6; /* four windows are tried */
    double added = n > 0 ? k / n - baseline.errors / baseline.requests : 0;
    double window_s = window * flow->period_s;
    double affected = (k - n * share.mean) / window_s * 60;
    if (window == 1) {
        best->alone = evidence;
        best->suspicious = evidence > SUSPICIOUS;
    }
    if (evidence > SUSPICIOUS) best->strange = window;
    if (best->requests > 0 && evidence <= best->evidence) return;
    if (added * analyzer->config.sensitivity < SHARE_MIN ||
        affected * FAILED_WEIGHT * analyzer->config.sensitivity < analyzer->config.minimum_rate)
        evidence = 0;
    best->evidence = evidence > 0 ? evidence : 0;
    best->effect = best->excess = added > 0 ? added : 0;
    best->observed = n > 0 ? k / n : 0;
    best->expected = baseline.errors / baseline.requests;
    stats_wilson(baseline.errors, baseline.requests, 2, &best->low, &best->high);
    best->requests = n;
    best->window_s = window_s;
    best->affected_per_minute = affected > 0 ? affected : 0;
}

void detect_errors(analyzer_t *analyzer, uint32_t subject) {
    static const uint32_t windows[] = {1, 2, 3, 6};
    const flow_t *flow = analyzer->subjects[subject].flow;
    verdict_t best = {.subject = subject,
                      .track = subject_track(&analyzer->subjects[subject], TRACK_ERRORS),
                      .opens = true,
                      .period_s = flow->period_s};
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++)
        if (windows[i] <= flow->recent_count) judge(analyzer, flow, windows[i], &best);
    if (best.requests > 0) *verdict_add(analyzer, subject, best.track) = best;
}
