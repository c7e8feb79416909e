#include "analyzer/routing/routing.h"

#include <math.h>

enum { REQUESTS_MIN = 20, USUAL_MIN = 30 };
static const double MISSED_MIN = 10; /* calls that should have taken longer: by chance none do once in 20,000 times */
static const double PILED_MIN = 0.4; /* of the calls that usually take longer */

bool lately_of(const flow_t *flow, int64_t since_ns, lately_t *lately) {
    double covered_s = 0;
    *lately = (lately_t){.requests = 0};
    if (flow == NULL || !flow_baseline(flow, flow->recent_count, &lately->usual)) return false;
    flow_latencies(flow, flow->recent_count, TRACK_LATENCY, &lately->usual_latency);
    flow_latencies(flow, flow->recent_count, TRACK_CLIENT_LATENCY, &lately->usual_waits);
    for (uint32_t i = 0; i < flow->recent_count; i++) {
        const flow_bucket_t *bucket = &flow->recent[i];
        if (bucket_end_ns(bucket->bucket) <= since_ns) continue;
        lately->requests += bucket->requests;
        lately->errors += bucket->errors;
        lately->late += bucket->late / 255.0 * bucket->requests;
        lately->refused += bucket->refused / 255.0 * bucket->requests;
        flow_recent_add(flow, i, TRACK_LATENCY, &lately->latency);
        flow_recent_add(flow, i, TRACK_CLIENT_LATENCY, &lately->waits);
        covered_s += flow->period_s;
    }
    lately->late /= fmax(lately->requests, 1);
    lately->refused /= fmax(lately->requests, 1);
    lately->rate = covered_s > 0 ? lately->requests / covered_s : 0;
    lately->usual_rate = flow->period_s > 0 ? lately->usual.requests / (lately->usual.buckets * flow->period_s) : 0;
    lately->usual_errors = lately->usual.errors / lately->usual.requests;
    lately->highest_rate = flow->highest_rate;
    lately->coarse = flow->coarse;
    return lately->requests >= REQUESTS_MIN && lately->usual.requests >= USUAL_MIN;
}

double lately_capped(const lately_t *calls, int *bin) {
    const histogram_t *waits = &calls->waits, *usual = &calls->usual_waits;
    double total = histogram_total(waits), before = histogram_total(usual);
    int top = HISTOGRAM_BINS - 1;
    while (top > 1 && waits->count[top] <= 0) top--;
    if (!(total > 0) || !(before > 0)) return 0;
    /* the limit lies somewhere in a bin, or on the border of two */
    double here = (waits->count[top] + waits->count[top - 1]) / total;
    double there = (usual->count[top] + usual->count[top - 1]) / before,
           beyond = histogram_above(usual, top + 1) / before;
    *bin = waits->count[top - 1] > waits->count[top] ? top - 1 : top;
    if (beyond * total < MISSED_MIN) return 0;
    return here - there >= PILED_MIN * beyond ? fmax(here - there, 0) : 0;
}
