/* Counted requests of a subject: the newest buckets wait, so that a fault is not learned before it is seen; older ones
 * join a baseline that forgets with a half-life of two hours of data. */
#include "analyzer/state.h"

#include <math.h>

enum { BASELINE_S = 60, BASELINE_BUCKETS_MIN = 2, BASELINE_REQUESTS_MIN = 8, STALE_S = 3600, STALE_PERIODS = 60 };

static const double PRIOR_WEIGHT = 100;
static const double FORGET = 0.99904; /* 2^(-1/720): per bucket learned */

/* A minute of counts makes the first baseline: six buckets, or two points of what counts by the minute or longer. */
static double buckets_needed(const flow_t *flow) {
    return flow->period_s > 0 ? fmax(BASELINE_S / flow->period_s, BASELINE_BUCKETS_MIN) : BASELINE_BUCKETS_MIN;
}

static void learn_tail(const histogram_t *baseline, const histogram_t *bucket, double *lumps, double *weight) {
    double n = histogram_total(bucket);
    if (n < 2) return;
    profile_t usual;
    profile_of(baseline, &usual);
    double total = usual.above[0];
    if (total < BASELINE_REQUESTS_MIN) return;
    int cut = profile_cut(&usual, 0.9);
    double p = (usual.above[cut] + 0.5) / (total + 1);
    double k = histogram_above(bucket, cut);
    *lumps = *lumps * FORGET + ((k - n * p) * (k - n * p) / (n * p * (1 - p)) - 1);
    *weight = *weight * FORGET + (n - 1);
}

/* How much more the error share and the tail share scatter than a binomial would: from the chi-square of every bucket
 * that is learned, against the baseline before it. */
static void learn_scatter(flow_t *flow, const flow_bucket_t *bucket) {
    double n = bucket->requests;
    if (n < 2 || flow->buckets < buckets_needed(flow)) return;
    double p = (flow->errors + 0.5) / (flow->requests + 1);
    double chi2 = (bucket->errors - n * p) * (bucket->errors - n * p) / (n * p * (1 - p));
    double told =
        fmin(1, n * p); /* a bucket in which no error was to be expected says nothing about how they cluster */
    flow->lumps = flow->lumps * FORGET + told * (chi2 - 1);
    flow->lump_weight = flow->lump_weight * FORGET + told * (n - 1);
    learn_tail(&flow->server, &bucket->server, &flow->tail_lumps[0], &flow->tail_weight[0]);
    learn_tail(&flow->client, &bucket->client, &flow->tail_lumps[1], &flow->tail_weight[1]);
}

static void learn(flow_t *flow, const flow_bucket_t *bucket) {
    learn_scatter(flow, bucket);
    flow->requests = flow->requests * FORGET + bucket->requests;
    flow->errors = flow->errors * FORGET + bucket->errors;
    flow->buckets = flow->buckets * FORGET + 1;
    histogram_scale(&flow->server, FORGET);
    histogram_add(&flow->server, &bucket->server);
    histogram_scale(&flow->client, FORGET);
    histogram_add(&flow->client, &bucket->client);
    if (flow->period_s > 0 && bucket->requests / flow->period_s > flow->highest_rate)
        flow->highest_rate = bucket->requests / flow->period_s;
}

static void settle_oldest(flow_t *flow) {
    /* One strange bucket between usual ones is a habit to be learned; two in a row are not. */
    bool again = flow->before_suspicious || (flow->recent_count > 1 && flow->recent[1].suspicious);
    bool blip = flow->recent[0].suspicious && !again && flow->recent_count > 1;
    if (blip || (!flow->recent[0].suspicious && !flow->recent[0].held))
        learn(flow, &flow->recent[0]);
    else if (!flow->recent[0].held)
        learn_scatter(flow, &flow->recent[0]); /* strange, and yet no incident: the habit of this series */
    flow->before_suspicious = flow->recent[0].suspicious;
    flow->recent_count--;
    memmove(&flow->recent[0], &flow->recent[1], flow->recent_count * sizeof flow->recent[0]);
}

/* After a long time unseen, what was usual then may be so no more (a deployment, another hour of the day): it counts as
 * a quarter of what a baseline needs, and the rest has to be learned anew. */
static void weaken(flow_t *flow) {
    double keep = buckets_needed(flow) / 4 / flow->buckets;
    if (!(keep < 1)) return;
    flow->requests *= keep;
    flow->errors *= keep;
    flow->buckets *= keep;
    histogram_scale(&flow->server, keep);
    histogram_scale(&flow->client, keep);
}

bool flow_push(flow_t *flow, const observation_t *observation, int64_t bucket) {
    flow->period_s = observation->period_s;
    int64_t newest = flow->recent_count > 0 ? flow->recent[flow->recent_count - 1].bucket : bucket;
    /* What is judged together must be near in time: older buckets, as after a gap, are settled. */
    double reach_s = fmax(RECENT_BUCKETS * 3 * (double)BUCKET_SECONDS, RECENT_BUCKETS * flow->period_s);
    while (flow->recent_count == RECENT_BUCKETS ||
           (flow->recent_count > 0 && (double)((bucket - flow->recent[0].bucket) * BUCKET_SECONDS) > reach_s))
        settle_oldest(flow);
    if ((double)((bucket - newest) * BUCKET_SECONDS) > fmax(STALE_S, STALE_PERIODS * flow->period_s)) weaken(flow);
    flow->recent[flow->recent_count++] = (flow_bucket_t){
        .bucket = bucket,
        .requests = observation->requests,
        .errors = observation->errors,
        .server = observation->server,
        .client = observation->client,
    };
    return (double)((bucket - newest) * BUCKET_SECONDS) > reach_s;
}

bool flow_baseline(const flow_t *flow, uint32_t window, baseline_t *out) {
    *out = (baseline_t){flow->requests, flow->errors, flow->buckets};
    for (uint32_t i = 0; i + window < flow->recent_count; i++) {
        const flow_bucket_t *bucket = &flow->recent[i];
        if (bucket->suspicious || bucket->held) continue;
        out->requests += bucket->requests;
        out->errors += bucket->errors;
        out->buckets++;
    }
    return out->buckets >= buckets_needed(flow) && out->requests >= BASELINE_REQUESTS_MIN;
}

void flow_latencies(const flow_t *flow, uint32_t window, uint8_t role, histogram_t *out) {
    bool server = role == TRACK_LATENCY;
    *out = server ? flow->server : flow->client;
    for (uint32_t i = 0; i + window < flow->recent_count; i++) {
        const flow_bucket_t *bucket = &flow->recent[i];
        if (!bucket->suspicious && !bucket->held) histogram_add(out, server ? &bucket->server : &bucket->client);
    }
}

void flow_recent_add(const flow_t *flow, uint32_t recent, uint8_t role, histogram_t *into) {
    const flow_bucket_t *bucket = &flow->recent[recent];
    histogram_add(into, role == TRACK_LATENCY ? &bucket->server : &bucket->client);
}

double flow_precision(double lumps, double weight, double prior, uint32_t window, double baseline_n) {
    double correlation = (lumps + prior * PRIOR_WEIGHT) / (weight + PRIOR_WEIGHT);
    correlation = fmin(fmax(correlation, 0.002), 0.5);
    return fmin((1 / correlation - 1) * window, baseline_n + 1);
}

bool flow_band(const flow_t *flow, uint8_t role, double *low, double *expected, double *high) {
    baseline_t baseline;
    if (!flow_baseline(flow, 1, &baseline)) return false;
    if (role == TRACK_ERRORS) {
        *expected = baseline.errors / baseline.requests;
        stats_wilson(baseline.errors, baseline.requests, 2, low, high);
        return true;
    }
    histogram_t latencies;
    flow_latencies(flow, 1, role, &latencies);
    *low = histogram_quantile(&latencies, 0.1);
    *expected = histogram_quantile(&latencies, 0.5);
    *high = histogram_quantile(&latencies, 0.95);
    return !isnan(*expected);
}
