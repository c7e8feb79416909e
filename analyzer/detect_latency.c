/* Latency as a distribution: how many of the newest requests lie above the baseline's median, 90th and 99th percentile
 * is a count with a known expectation, whatever the distribution's shape. Evidence comes from the counts, the effect
 * from the same quantile now against then; both must be there. */
#include "analyzer/state.h"

#include <math.h>

static const double FACTOR_MIN = 1.5;     /* slowdown below which nobody is told … */
static const double EXCESS_MIN_S = 0.010; /* … and in seconds */
enum { BASELINE_N_MIN = 8 };

static const double LOST_S = 1;          /* a request that waits this much longer is affected as one that fails */
static const double TRIES = 1.2;         /* log10 of the sixteen windows and cuts tried */
static const double TAIL_PRIOR = 0.5;    /* spread of a tail (in log time) before any was learned */
static const double SCATTER_PRIOR = 0.1; /* correlation within a bucket before any was learned */
static const double SUSPICIOUS = 2;

typedef struct {
    analyzer_t *analyzer;
    const flow_t *flow;
    const profile_t *before, *now;
    double window_s, slowdown_log; /* least slowdown */
    uint32_t window;
    uint8_t side; /* 0 server's view, 1 caller's */
} comparison_t;

/* Share of the baseline that lies at or above a bin. Where hardly any does, the tail above the 90th percentile goes on
 * as a power law (peaks over threshold; its exponent by Hill's estimator), so that ten times the longest time ever seen
 * is rarer than twice that. */
static double share_above(const profile_t *before, int bin) {
    enum { PLENTY = 5, TAIL_PRIOR_N = 2 };
    double all = before->above[0] + 1, mean = (before->above[bin] + 0.5) / all;
    int start = profile_cut(before, 0.9);
    if (before->above[bin] >= PLENTY || bin <= start) return mean;
    double tail = before->above[start], reach = tail / 2;
    for (int i = start + 1; i < HISTOGRAM_BINS; i++) reach += before->above[i];
    double spread = (reach * HISTOGRAM_BIN_LOG + TAIL_PRIOR_N * TAIL_PRIOR) / (tail + TAIL_PRIOR_N);
    return fmin(mean, (tail + 0.5) / all * exp(-(bin - start) * HISTOGRAM_BIN_LOG / spread));
}

/* The highest bin at or above which three quarters of the newest lie. */
static int lower_quartile(const profile_t *now) {
    int cut = profile_cut(now, 0.75);
    while (cut > 0 && now->above[cut] < 0.75 * now->above[0]) cut--;
    return cut;
}

/* Where this quantile of n requests usually lies: what is seen is one figure of many requests, and is told beside the
 * range of that figure, not of single requests: two standard errors of its rank, clusters allowed for, within the
 * quarters beside it. */
static void expect(const profile_t *before, double quantile, double n, double precision, verdict_t *best) {
    double half = fmin(2 * sqrt(quantile * (1 - quantile) * (1 / n + 1 / (precision + 1))), 0.25);
    best->low = histogram_seconds(profile_place(before, fmax(quantile - half, 0.01)));
    best->high = histogram_seconds(profile_place(before, fmin(quantile + half, 0.995)));
}

/* Compares at a quantile of the baseline; at 0, at the newest requests' own lower quartile. */
static void compare(const comparison_t *c, double quantile, verdict_t *best) {
    double n = c->now->above[0], sensitivity = c->analyzer->config.sensitivity;
    double seen = quantile <= 0 ? 0.5 : fmin(quantile, 0.95); /* a 99th percentile of few requests is one request */
    double place = profile_place(c->now, seen), before = profile_place(c->before, seen);
    if ((place - before) * HISTOGRAM_BIN_LOG < c->slowdown_log) return;
    double now = histogram_seconds(place), then = histogram_seconds(before);
    int cut = quantile <= 0 ? lower_quartile(c->now) : profile_cut(c->before, quantile);
    double mean = share_above(c->before, cut), k = c->now->above[cut];
    double excess = profile_mean(c->now) - profile_mean(c->before);
    double lost = excess * n / c->window_s * 60, affected = (k - n * mean) / c->window_s * 60; /* a minute */
    double least = c->analyzer->config.minimum_rate / sensitivity;
    if (now - then < EXCESS_MIN_S / sensitivity || affected < least || lost < least * LOST_S) return;
    double precision = flow_precision(c->flow->tail_lumps[c->side], c->flow->tail_weight[c->side], SCATTER_PRIOR,
                                      c->window, c->before->above[0]);
    double evidence = stats_excess(k, n, (share_t){mean, precision}) - TRIES;
    if (c->window == 1) {
        best->alone = fmax(best->alone, evidence + TRIES);
        best->suspicious |= evidence > SUSPICIOUS;
    }
    if (evidence > SUSPICIOUS && c->window > best->strange) best->strange = c->window;
    if (evidence <= best->evidence) return;
    best->evidence = evidence;
    best->effect = (place - before) * HISTOGRAM_BIN_LOG;
    best->excess = fmax(excess, 0);
    best->observed = now;
    best->expected = then;
    expect(c->before, seen, n, precision, best);
    best->requests = n;
    best->window_s = c->window_s;
    best->affected_per_minute = affected;
}

/* True when there was enough to judge. */
static bool judge(analyzer_t *analyzer, const flow_t *flow, uint8_t role, uint32_t window, verdict_t *best) {
    static const double quantiles[] = {0.5, 0.9, 0.99, 0};
    baseline_t baseline;
    if (!flow_baseline(flow, window, &baseline)) return false;
    histogram_t latencies = {{0}};
    profile_t now, before;
    for (uint32_t i = flow->recent_count - window; i < flow->recent_count; i++)
        histogram_add(&latencies, role == TRACK_LATENCY ? &flow->recent[i].server : &flow->recent[i].client);
    profile_of(&latencies, &now);
    if (now.above[0] < 1) return false;
    flow_latencies(flow, window, role, &latencies);
    profile_of(&latencies, &before);
    if (before.above[0] < BASELINE_N_MIN) return false;
    comparison_t comparison = {.analyzer = analyzer,
                               .flow = flow,
                               .before = &before,
                               .now = &now,
                               .window_s = window * flow->period_s,
                               .slowdown_log = log1p((FACTOR_MIN - 1) / analyzer->config.sensitivity),
                               .window = window,
                               .side = role == TRACK_LATENCY ? 0 : 1};
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) compare(&comparison, quantiles[i], best);
    return true;
}

void detect_latency(analyzer_t *analyzer, uint32_t subject, uint8_t role) {
    static const uint32_t windows[] = {1, 2, 3, 6};
    const flow_t *flow = analyzer->subjects[subject].flow;
    verdict_t best = {.subject = subject,
                      .track = subject_track(&analyzer->subjects[subject], role),
                      .opens = true,
                      .period_s = flow->period_s};
    bool judged = false;
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++)
        if (windows[i] <= flow->recent_count) judged |= judge(analyzer, flow, role, windows[i], &best);
    if (judged) *verdict_add(analyzer, subject, best.track) = best;
}
