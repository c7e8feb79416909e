/* Most series, in most ticks, have nothing unusual, and this is seen without looking at their distributions. A window
 * of the newest requests is compared with the baseline exactly (detect_latency.c) only if it passes two conditions that
 * whatever is told there has to meet:
 *
 *   the time lost in a minute may be worth telling: known from the means;
 *   one of the quantiles may have moved as far as is worth telling. A quantile of a mixture lies between the least and
 *   the greatest of its parts', so that of the window is at most the greatest of its buckets', and that of what was
 *   before at least the least among the baseline's and the older buckets'. Where that leaves it open, as it does by
 *   chance among few requests, requests are counted on either side.
 *
 * Quantiles of the parts are kept as bytes: PLACE_STEPS a bin, rounded down. Both conditions leave room for rounding.
 */
#include "analyzer/state.h"

#include <math.h>

static const double PLACE_STEPS = 2.6; /* 96 bins fit in a byte */
enum { PLACE_SLACK = 2, PLACE_WIDE = 254, PLACE_UNKNOWN = 255 };
static const double ROUNDING = 1e-5;
static const double quantiles[PLACES] = {0.5, 0.9, 0.95}; /* those compared; see compare() */

void screen_forget(places_t *places) {
    memset(places->at, PLACE_UNKNOWN, sizeof places->at);
}

/* A walk through the counts of a distribution, from the last bin down. */
typedef struct {
    const float *count;
    int first, at;
    double above;
} descent_t;

/* The place, in steps, above which a share `rest` lies: more than at the last call. */
static double descend(descent_t *descent, double rest) {
    while (descent->at > 0 && descent->above + descent->count[descent->at - 1] <= rest)
        descent->above += descent->count[--descent->at];
    if (descent->at == 0) return 0;
    double inside = (rest - descent->above) / descent->count[descent->at - 1];
    return (descent->first + descent->at - inside) * PLACE_STEPS;
}

/* Both ends of what rounding may make of a quantile; where they are apart, as at the gap between two humps, it is
 * nowhere. */
static void find(places_t *places, const float *count, int first, int width, double total) {
    descent_t descent = {count, first, width, 0};
    for (int q = PLACES; q-- > 0;) {
        double rest = (1 - quantiles[q]) * total;
        int high = (int)descend(&descent, rest - ROUNDING * total);
        int low = (int)descend(&descent, rest + ROUNDING * total);
        places->at[q] = high - low < PLACE_SLACK ? (uint8_t)low : PLACE_WIDE;
    }
}

static const places_t *places_of_usual(usual_t *usual) {
    if (usual->places.at[0] == PLACE_UNKNOWN)
        find(&usual->places, usual->bins, usual->first, usual->width, usual->count);
    return &usual->places;
}

static const places_t *places_of_recent(flow_t *flow, uint32_t recent, int view) {
    flow_bucket_t *bucket = &flow->recent[recent];
    if (bucket->places[view].at[0] == PLACE_UNKNOWN) {
        stretch_t latencies;
        flow_recent_read(flow, recent, (uint8_t)view, &latencies);
        find(&bucket->places[view], latencies.count, latencies.first, latencies.width, bucket->count[view]);
    }
    return &bucket->places[view];
}

static bool may_have_lost(const analyzer_t *analyzer, const flow_t *flow, const window_t *window, int view) {
    double usual = window->now.count[view] * (window->before.seconds[view] / window->before.count[view]);
    double lost = window->now.seconds[view] - usual, margin = ROUNDING * (window->now.seconds[view] + usual);
    return !(lost + margin < analyzer->least_lost_s * window->buckets * (double)flow->period_s / 60);
}

/* What the window holds, and what was before it, in a bin or above it. */
static double above_now(const flow_t *flow, const window_t *window, int view, int bin) {
    double above = 0;
    for (uint32_t i = flow->recent_count - window->buckets; i < flow->recent_count; i++)
        above += flow_recent_above(flow, i, (uint8_t)view, bin);
    return above;
}

static double above_before(const flow_t *flow, const window_t *window, int view, int bin) {
    const usual_t *usual = &flow->usual[view];
    double above = 0;
    for (int i = bin > usual->first ? bin - usual->first : 0, width = usual->width; i < width; i++)
        above += usual->bins[i];
    for (uint32_t i = 0; i + window->buckets < flow->recent_count; i++)
        if (flow_accepted(&flow->recent[i])) above += flow_recent_above(flow, i, (uint8_t)view, bin);
    return above;
}

/* Whether a quantile may be as far up as is worth telling, by counts: of the window's requests enough lie so far above
 * the least that the quantile was before, and of those before hardly any so near the greatest that it is now. */
static bool may_be_far(const analyzer_t *analyzer, const flow_t *flow, const window_t *window, int view, int q,
                       int before, int now) {
    double rest = 1 - quantiles[q], far = analyzer->slower_bins;
    if (now != PLACE_WIDE) {
        int bin = (int)ceil((now + PLACE_SLACK) / PLACE_STEPS - far);
        double all = window->before.count[view];
        if (above_before(flow, window, view, bin) > (rest + ROUNDING) * all) return false;
    }
    int bin = (int)((before - PLACE_SLACK) / PLACE_STEPS + far);
    return above_now(flow, window, view, bin) >= (rest - ROUNDING) * window->now.count[view];
}

static bool may_have_moved(const analyzer_t *analyzer, flow_t *flow, const window_t *window, int view) {
    int greatest[PLACES] = {0}, least[PLACES] = {PLACE_WIDE, PLACE_WIDE, PLACE_WIDE};
    uint32_t begin = flow->recent_count - window->buckets;
    for (uint32_t i = 0; i < flow->recent_count; i++) {
        const flow_bucket_t *bucket = &flow->recent[i];
        if (!(bucket->count[view] > 0) || (i < begin && !flow_accepted(bucket))) continue;
        const places_t *places = places_of_recent(flow, i, view);
        for (int q = 0; q < PLACES; q++) {
            int at = places->at[q];
            if (i >= begin && at > greatest[q]) greatest[q] = at;
            if (i < begin && (at < least[q] || at == PLACE_WIDE)) least[q] = at == PLACE_WIDE ? 0 : at;
        }
    }
    const places_t *usual = flow->usual[view].count > 0 ? places_of_usual(&flow->usual[view]) : NULL;
    double needed = analyzer->slower_bins * PLACE_STEPS - PLACE_SLACK;
    for (int q = 0; q < PLACES; q++) {
        int before = least[q];
        if (usual != NULL) before = usual->at[q] == PLACE_WIDE ? 0 : usual->at[q] < before ? usual->at[q] : before;
        bool open = greatest[q] == PLACE_WIDE || greatest[q] - before >= needed;
        if (open && may_be_far(analyzer, flow, window, view, q, before, greatest[q])) return true;
    }
    return false;
}

bool screen_latency(const analyzer_t *analyzer, flow_t *flow, const window_t *window, int view) {
    return may_have_lost(analyzer, flow, window, view) && may_have_moved(analyzer, flow, window, view);
}
