/* Latency as a distribution: how many of the newest requests lie above the baseline's median, 90th and 99th percentile
 * is a count with a known expectation, whatever the distribution's shape. Evidence comes from the counts, the effect
 * from the same quantile now against then; both must be there. */
#include "analyzer/state.h"

#include <math.h>

static const double FACTOR_MIN = 1.5;     /* slowdown below which nobody is told … */
static const double EXCESS_MIN_S = 0.010; /* … and in seconds */
static const double LOST_S = 1;           /* a request that waits this much longer is affected as one that fails */
static const double TRIES = 1.2;          /* log10 of the sixteen windows and cuts tried */
static const double TAIL_PRIOR = 0.5;     /* spread of a tail (in log time) before any was learned */
static const double SCATTER_PRIOR = 0.1;  /* correlation within a bucket before any was learned */
static const double SUSPICIOUS = 2;

typedef struct {
    analyzer_t *analyzer;
    const flow_t *flow;
    const histogram_t *before, *now;
    double window_s;
    uint32_t window;
    uint8_t side; /* 0 server's view, 1 caller's */
} comparison_t;

/* Share of the baseline that lies at or above a bin. Where hardly any does, the tail above the 90th percentile goes on
 * as a power law (peaks over threshold; its exponent by Hill's estimator), so that ten times the longest time ever seen
 * is rarer than twice that. */
static double share_above(const histogram_t *before, double baseline_n, int bin) {
    enum { PLENTY = 5, TAIL_PRIOR_N = 2 };
    double above = histogram_above(before, bin), mean = (above + 0.5) / (baseline_n + 1);
    int start = histogram_cut(before, 0.9);
    if (above >= PLENTY || bin <= start) return mean;
    double tail = histogram_above(before, start), reach = 0;
    for (int i = start; i < HISTOGRAM_BINS; i++) reach += before->count[i] * (i - start + 0.5) * HISTOGRAM_BIN_LOG;
    double spread = (reach + TAIL_PRIOR_N * TAIL_PRIOR) / (tail + TAIL_PRIOR_N);
    return fmin(mean, (tail + 0.5) / (baseline_n + 1) * exp(-(bin - start) * HISTOGRAM_BIN_LOG / spread));
}

/* Compares at a quantile of the baseline; at 0, at the newest requests' own lower quartile. */
static void compare(const comparison_t *c, double quantile, verdict_t *best) {
    double n = histogram_total(c->now), baseline_n = histogram_total(c->before);
    bool beyond = quantile <= 0;
    int cut = beyond ? histogram_cut(c->now, 0.75) : histogram_cut(c->before, quantile);
    if (beyond) {
        quantile = 0.5;
        for (double rest = histogram_above(c->now, cut); cut > 0 && rest < 0.75 * n;
             rest = histogram_above(c->now, cut))
            cut--;
    }
    double mean = share_above(c->before, baseline_n, cut);
    double k = histogram_above(c->now, cut);
    double precision = flow_precision(c->flow->tail_lumps[c->side], c->flow->tail_weight[c->side], SCATTER_PRIOR,
                                      c->window, baseline_n);
    double evidence = stats_excess(k, n, (share_t){mean, precision}) - TRIES;
    double seen = quantile < 0.95 ? quantile : 0.95; /* a 99th percentile of few requests is one request */
    double now = histogram_quantile(c->now, seen), then = histogram_quantile(c->before, seen);
    double excess = histogram_mean(c->now) - histogram_mean(c->before);
    double lost = excess * n / c->window_s * 60; /* seconds a minute */
    double affected = (k - n * mean) / c->window_s * 60, sensitivity = c->analyzer->config.sensitivity;
    if (now < then * (1 + (FACTOR_MIN - 1) / sensitivity) || now - then < EXCESS_MIN_S / sensitivity ||
        affected * sensitivity < c->analyzer->config.minimum_rate ||
        lost * sensitivity < c->analyzer->config.minimum_rate * LOST_S)
        evidence = 0;
    if (c->window == 1) {
        if (evidence != 0) best->alone = fmax(best->alone, evidence + TRIES);
        best->suspicious |= evidence > SUSPICIOUS;
    }
    if (evidence > SUSPICIOUS && c->window > best->strange) best->strange = c->window;
    if (best->requests > 0 && evidence <= best->evidence) return;
    best->evidence = evidence > 0 ? evidence : 0;
    best->effect = now > then ? log(now / then) : 0;
    best->excess = excess > 0 ? excess : 0;
    best->observed = now;
    best->expected = then;
    best->low = histogram_quantile(c->before, seen > 0.5 ? 0.5 : 0.1);
    best->high = histogram_quantile(c->before, seen > 0.5 ? 0.99 : 0.9);
    best->requests = n;
    best->window_s = c->window_s;
    best->affected_per_minute = affected > 0 ? affected : 0;
}

static void judge(analyzer_t *analyzer, const flow_t *flow, uint8_t role, uint32_t window, verdict_t *best) {
    static const double quantiles[] = {0.5, 0.9, 0.99, 0};
    baseline_t baseline;
    if (!flow_baseline(flow, window, &baseline)) return;
    histogram_t now = {{0}};
    for (uint32_t i = flow->recent_count - window; i < flow->recent_count; i++)
        histogram_add(&now, role == TRACK_LATENCY ? &flow->recent[i].server : &flow->recent[i].client);
    const histogram_t *before = role == TRACK_LATENCY ? &baseline.server : &baseline.client;
    if (histogram_total(&now) < 1 || histogram_total(before) < 8) return;
    comparison_t comparison = {
        analyzer, flow, before, &now, window * flow->period_s, window, role == TRACK_LATENCY ? 0 : 1};
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) compare(&comparison, quantiles[i], best);
}

void detect_latency(analyzer_t *analyzer, uint32_t subject, uint8_t role) {
    static const uint32_t windows[] = {1, 2, 3, 6};
    const flow_t *flow = analyzer->subjects[subject].flow;
    verdict_t best = {.subject = subject,
                      .track = subject_track(&analyzer->subjects[subject], role),
                      .opens = true,
                      .period_s = flow->period_s};
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++)
        if (windows[i] <= flow->recent_count) judge(analyzer, flow, role, windows[i], &best);
    if (best.requests > 0) *verdict_add(analyzer, subject, best.track) = best;
}
