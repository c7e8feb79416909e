/* Latency as a distribution: how many of the newest requests lie above the baseline's median, 90th and 99th percentile
 * is a count with a known expectation, whatever the distribution's shape. Evidence comes from the counts, the effect
 * from the same quantile now against then; both must be there. */
#include "analyzer/state.h"

#include <math.h>

static const double FACTOR_MIN = 1.5;     /* slowdown below which nobody is told … */
static const double EXCESS_MIN_S = 0.010; /* … and in seconds */
static const double TRIES = 1.08;         /* log10 of the twelve windows and quantiles tried */
static const double SCATTER_PRIOR = 0.05; /* correlation within a bucket before any was learned */
static const double SUSPICIOUS = 2;

typedef struct {
    analyzer_t *analyzer;
    const flow_t *flow;
    const histogram_t *before, *now;
    double window_s;
    uint32_t window;
    uint8_t side; /* 0 server's view, 1 caller's */
} comparison_t;

static void compare(const comparison_t *c, double quantile, verdict_t *best) {
    double n = histogram_total(c->now), baseline_n = histogram_total(c->before);
    int cut = histogram_cut(c->before, quantile);
    double mean = (histogram_above(c->before, cut) + 0.5) / (baseline_n + 1);
    double k = histogram_above(c->now, cut);
    double precision = flow_precision(c->flow->tail_lumps[c->side], c->flow->tail_weight[c->side], SCATTER_PRIOR,
                                      c->window, baseline_n);
    double evidence = stats_excess(k, n, (share_t){mean, precision}) - TRIES;
    double seen = quantile < 0.95 ? quantile : 0.95; /* a 99th percentile of few requests is one request */
    double now = histogram_quantile(c->now, seen), then = histogram_quantile(c->before, seen);
    double affected = (k - n * mean) / c->window_s * 60, sensitivity = c->analyzer->config.sensitivity;
    if (now < then * (1 + (FACTOR_MIN - 1) / sensitivity) || now - then < EXCESS_MIN_S / sensitivity ||
        affected * sensitivity < c->analyzer->config.minimum_rate)
        evidence = 0;
    if (c->window == 1) {
        if (evidence != 0) best->alone = fmax(best->alone, evidence + TRIES);
        best->suspicious |= evidence > SUSPICIOUS;
    }
    if (best->requests > 0 && evidence <= best->evidence) return;
    best->evidence = evidence > 0 ? evidence : 0;
    best->effect = now > then ? log(now / then) : 0;
    double excess = histogram_mean(c->now) - histogram_mean(c->before);
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
    static const double quantiles[] = {0.5, 0.9, 0.99};
    baseline_t baseline;
    if (!flow_baseline(flow, window, &baseline)) return;
    histogram_t now = {{0}};
    for (uint32_t i = flow->recent_count - window; i < flow->recent_count; i++)
        histogram_add(&now, role == TRACK_LATENCY ? &flow->recent[i].server : &flow->recent[i].client);
    const histogram_t *before = role == TRACK_LATENCY ? &baseline.server : &baseline.client;
    if (histogram_total(&now) < 2 || histogram_total(before) < 8) return;
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
