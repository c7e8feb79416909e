#include "analyzer/traffic.h"

#include <math.h>
#include <string.h>

static const float FORGET = 0.99904F; /* 2^(-1/720): per bucket; half-life two hours */
static const double SCATTER_PRIOR = 0.01, SCATTER_PRIOR_WEIGHT = 200;
static const double SURGE = 2, SLIGHT = 1.5; /* times the usual: of three arrivals together, of each of them */
static const double BEYOND_SEASON = 1.3;     /* times what the hour had before */
static const double SIGMAS = 5;
static const double AFFECTED = 10;        /* times the least rate that is told: requests are not failures */
static const double SILENT_REQUESTS = 20; /* that should have come */
static const double GAP_SHRINKS = 0.999;
enum {
    ARRIVALS_MIN = 30,
    GAP_MIN = 3,
    SPAN_MAX = 60,
    NEW_NORMAL_S = 3600,
    SILENCE_TOLD_S = 600,
    TOLD_BUCKETS = 6 /* after the first, every minute */
};

/* ---- what is usual ---- */

static double usual_rate(const traffic_t *traffic) {
    return traffic->elapsed_s > 0 ? traffic->requests / traffic->elapsed_s : 0;
}

static double scatter_of(const traffic_t *traffic) {
    double lumps = traffic->lumps + SCATTER_PRIOR * SCATTER_PRIOR_WEIGHT;
    return fmax(lumps / (traffic->lump_weight + SCATTER_PRIOR_WEIGHT), 0);
}

static void learn(traffic_t *traffic, double requests, double elapsed_s) {
    float fade = powf(FORGET, (float)(elapsed_s / (double)BUCKET_SECONDS));
    double mean = usual_rate(traffic) * elapsed_s;
    if (mean > 0) {
        traffic->lumps = traffic->lumps * fade + (float)((requests - mean) * (requests - mean) / mean - 1);
        traffic->lump_weight = traffic->lump_weight * fade + (float)mean;
    }
    traffic->requests = traffic->requests * fade + (float)requests;
    traffic->elapsed_s = traffic->elapsed_s * fade + (float)elapsed_s;
    if (traffic->arrivals < UINT16_MAX) traffic->arrivals++;
}

/* The range that is usual for the window's time: of the last hours, widened by chance, and of the hour's own past. */
static void expect(traffic_t *into, const season_t *season, int64_t hour, double window_s) {
    double rate = usual_rate(into), mean = rate * window_s, low, high;
    double spread = 2 * sqrt(mean + scatter_of(into) * mean * mean / TRAFFIC_RECENT) / window_s;
    into->expected = (float)rate;
    into->low = (float)fmax(rate - spread, 0);
    into->high = (float)(rate + spread);
    into->window_s = (float)window_s;
    if (!season_rates(season, hour, &low, &high)) return;
    into->low = (float)fmin(into->low, low);
    into->high = (float)fmax(into->high, high);
}

/* ---- what deviates ---- */

/* Whether every one of the recent arrivals has at least (or most) so many times what is usual. */
static bool all_beyond(const traffic_t *traffic, double factor, bool above) {
    for (int i = 0; i < TRAFFIC_RECENT; i++) {
        double wanted = factor * usual_rate(traffic) * traffic->spans_s[i];
        if (above ? traffic->counts[i] < wanted : traffic->counts[i] > wanted) return false;
    }
    return true;
}

static traffic_state_t judge(const traffic_t *traffic, const season_t *season, const analyzer_config_t *config,
                             int64_t hour) {
    double seen = 0, window_s = 0, rate = usual_rate(traffic), low, high;
    if (traffic->arrivals < ARRIVALS_MIN || traffic->recent < TRAFFIC_RECENT || !(rate > 0)) return TRAFFIC_USUAL;
    for (int i = 0; i < TRAFFIC_RECENT; i++) {
        seen += traffic->counts[i];
        window_s += traffic->spans_s[i];
    }
    double mean = rate * window_s, added = seen - mean;
    double sigma = sqrt(mean + scatter_of(traffic) * mean * mean / TRAFFIC_RECENT);
    double least = AFFECTED * config->minimum_rate / 60 * window_s;
    if (fabs(added) * config->sensitivity < fmax(SIGMAS * sigma, least)) return TRAFFIC_USUAL;
    bool known = season_rates(season, hour, &low, &high);
    if (seen > SURGE * mean && all_beyond(traffic, SLIGHT, true) && !(known && seen < BEYOND_SEASON * high * window_s))
        return TRAFFIC_SURGE;
    if (seen < mean / SURGE && all_beyond(traffic, 1 / SLIGHT, false) &&
        !(known && seen * BEYOND_SEASON > low * window_s))
        return TRAFFIC_DROP;
    return TRAFFIC_USUAL;
}

static void enter_state(traffic_t *traffic, const season_t *season, traffic_state_t state, double seen, double window_s,
                        int64_t bucket) {
    int64_t now_ns = bucket_end_ns(bucket);
    traffic->entered = state != traffic->state && state != TRAFFIC_USUAL;
    if (traffic->entered) traffic->since_ns = now_ns - (int64_t)(window_s * 1e9);
    traffic->state = (uint8_t)state;
    if (state == TRAFFIC_USUAL) return;
    traffic->seen = (float)seen;
    expect(traffic, season, bucket / HOUR_BUCKETS, window_s);
}

/* The buckets that counts stand for: those since the last ones, where counts come at some pace (as scrapes do); a pause
 * between bursts is no low rate. */
static double pace(traffic_t *traffic, int64_t gap) {
    enum { REGULAR = 2 };
    static const float STEP = 1.1F;
    double since = (double)(gap > SPAN_MAX ? SPAN_MAX : gap);
    traffic->pace = fminf(fmaxf(traffic->pace * (since > traffic->pace ? STEP : 1 / STEP), 1), SPAN_MAX);
    return since <= REGULAR * traffic->pace ? since : fmax(round(traffic->pace), 1);
}

/* Judged together with the two before them, and learned, unless they deviate; what has deviated for an hour is the new
 * normal. */
void traffic_arrive(traffic_t *traffic, const season_t *season, const analyzer_config_t *config, double requests,
                    int64_t bucket) {
    int64_t gap = traffic->last_bucket == INT64_MIN ? 1 : bucket - traffic->last_bucket;
    bool pause = gap > SPAN_MAX || traffic->state == TRAFFIC_SILENCE;
    double span_s = pace(traffic, gap) * (double)BUCKET_SECONDS;
    if (traffic->recent == TRAFFIC_RECENT) {
        memmove(traffic->counts, traffic->counts + 1, sizeof traffic->counts - sizeof *traffic->counts);
        memmove(traffic->spans_s, traffic->spans_s + 1, sizeof traffic->spans_s - sizeof *traffic->spans_s);
        traffic->recent--;
    }
    traffic->counts[traffic->recent] = (float)requests;
    traffic->spans_s[traffic->recent++] = (float)span_s;
    traffic->last_bucket = bucket;
    traffic->gap_usual = fmaxf(traffic->gap_usual * (float)GAP_SHRINKS, (float)(gap - 1));
    if (pause) traffic->recent = 1, traffic->counts[0] = (float)requests, traffic->spans_s[0] = (float)span_s;
    double seen = 0, window_s = 0;
    for (uint32_t i = 0; i < traffic->recent; i++) {
        seen += traffic->counts[i];
        window_s += traffic->spans_s[i];
    }
    traffic_state_t state = judge(traffic, season, config, bucket / HOUR_BUCKETS);
    enter_state(traffic, season, state, seen / window_s, window_s, bucket);
    bool old = state != TRAFFIC_USUAL && bucket_end_ns(bucket) - traffic->since_ns > NEW_NORMAL_S * INT64_C(1000000000);
    if (traffic->state == TRAFFIC_USUAL || old) learn(traffic, requests, span_s);
}

/* No requests, where so many should have come that this is no chance, and where such a pause is not usual. */
bool traffic_misses(const traffic_t *traffic, const season_t *season, double period_s, int64_t bucket) {
    if (traffic->last_bucket == INT64_MIN || traffic->last_bucket >= bucket) return false;
    double gap = (double)(bucket - traffic->last_bucket), gap_s = gap * (double)BUCKET_SECONDS, low, high;
    if (traffic->arrivals < ARRIVALS_MIN || gap < GAP_MIN || gap_s < 3 * period_s) return false;
    if (season_rates(season, bucket / HOUR_BUCKETS, &low, &high) && !(low > 0)) return false;
    double lost = usual_rate(traffic) * gap_s;
    return gap > 2 * traffic->gap_usual + 1 && lost / (1 + scatter_of(traffic)) >= SILENT_REQUESTS;
}

void traffic_silent(traffic_t *traffic, const season_t *season, int64_t bucket) {
    double gap_s = (double)(bucket - traffic->last_bucket) * (double)BUCKET_SECONDS;
    enter_state(traffic, season, TRAFFIC_SILENCE, 0, gap_s, bucket);
}

bool traffic_says(const traffic_t *traffic, int64_t bucket, explanation_t *said) {
    int64_t while_s = traffic->state == TRAFFIC_SILENCE ? SILENCE_TOLD_S : NEW_NORMAL_S;
    if (traffic->state == TRAFFIC_USUAL || (!traffic->entered && bucket % TOLD_BUCKETS != 0)) return false;
    if (bucket_end_ns(bucket) - traffic->since_ns > while_s * INT64_C(1000000000)) return false;
    said->signal = "traffic";
    said->unit = UNIT_RATE;
    said->seen = traffic->seen;
    said->low = traffic->low;
    said->high = traffic->high;
    said->requests = traffic->seen * traffic->window_s;
    said->window_s = traffic->window_s;
    said->history_windows = traffic->arrivals;
    said->began_ns = traffic->since_ns;
    return true;
}

void traffic_walk(walk_t *walk, traffic_t *traffic) {
    float *reals[] = {&traffic->requests,    &traffic->elapsed_s, &traffic->lumps,
                      &traffic->lump_weight, &traffic->pace,      &traffic->gap_usual};
    float *wide[] = {&traffic->seen, &traffic->expected, &traffic->low, &traffic->high, &traffic->window_s};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) walk_f32(walk, reals[i]);
    walk_u32(walk, &traffic->arrivals, UINT16_MAX);
    walk_instant_or_none(walk, &traffic->last_bucket, BUCKET_NS);
    walk_u8(walk, &traffic->recent, TRAFFIC_RECENT);
    for (uint32_t i = 0; i < traffic->recent; i++) {
        walk_f32(walk, &traffic->counts[i]);
        walk_f32(walk, &traffic->spans_s[i]);
    }
    walk_u8(walk, &traffic->state, TRAFFIC_STATES - 1);
    if (traffic->state == TRAFFIC_USUAL) return;
    walk_instant(walk, &traffic->since_ns, 1);
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) walk_f32(walk, wide[i]);
}
