/* Versions or instances of one service, side by side over the same minute, so that what hits all of them cancels out.
 */
#include "analyzer/routing/routing.h"

#include <math.h>

enum { LATELY_BUCKETS = 12, REQUESTS_MIN = 5 };

static const double CLEAR_EVIDENCE = 3, SHARE_MIN = 0.01, FACTOR_MIN = 1.5, EXCESS_MIN_S = 0.01;
static const double PRECISION = 50; /* how alike healthy peers are: shares of 2 % scatter by 2 points */

static bool collect(const flow_t *flow, int64_t now, peer_t *peer) {
    double covered_s = 0;
    for (uint32_t i = 0; i < flow->recent_count; i++) {
        const flow_bucket_t *bucket = &flow->recent[i];
        if (now - bucket->bucket >= LATELY_BUCKETS) continue;
        peer->requests += bucket->requests;
        peer->errors += bucket->errors;
        flow_recent_add(flow, i, TRACK_LATENCY, &peer->latency);
        covered_s += flow->period_s;
    }
    peer->rate = covered_s > 0 ? peer->requests / covered_s : 0;
    peer->highest_rate = fmax(flow->highest_rate, peer->rate);
    return peer->requests > 0;
}

void peers_collect(const analyzer_t *analyzer, uint32_t service, entity_kind_t kind, peers_t *peers) {
    *peers = (peers_t){.count = 0};
    for (uint32_t i = 0; i < analyzer->subject_count && peers->count < PEERS_MAX; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        if (subject->key.kind != kind || subject->key.service != service || subject->flow == NULL) continue;
        peer_t *peer = &peers->items[peers->count];
        *peer = (peer_t){.subject = i};
        if (collect(subject->flow, analyzer->last_bucket, peer)) peers->count++;
    }
}

static peer_t others_of(const peers_t *peers, uint32_t without, uint32_t also_without) {
    peer_t sum = {0};
    for (uint32_t i = 0; i < peers->count; i++) {
        if (i == without || i == also_without) continue;
        sum.requests += peers->items[i].requests;
        sum.errors += peers->items[i].errors;
        histogram_add(&sum.latency, &peers->items[i].latency);
    }
    return sum;
}

typedef struct {
    double errors, latency; /* evidence that one is worse than the rest */
} verdicts_of_peer_t;

static verdicts_of_peer_t compare(const peer_t *one, const peer_t *rest) {
    verdicts_of_peer_t result = {0, 0};
    if (one->requests < REQUESTS_MIN || rest->requests < REQUESTS_MIN) return result;
    share_t share = {(rest->errors + 0.5) / (rest->requests + 1), fmin(PRECISION, rest->requests + 1)};
    if (one->errors / one->requests - rest->errors / rest->requests >= SHARE_MIN)
        result.errors = stats_excess(one->errors, one->requests, share);
    double n = histogram_total(&one->latency), m = histogram_total(&rest->latency);
    double now = histogram_quantile(&one->latency, 0.9), then = histogram_quantile(&rest->latency, 0.9);
    if (n < REQUESTS_MIN || m < REQUESTS_MIN || now < then * FACTOR_MIN || now - then < EXCESS_MIN_S) return result;
    int cut = histogram_cut(&rest->latency, 0.9);
    share = (share_t){(histogram_above(&rest->latency, cut) + 0.5) / (m + 1), fmin(PRECISION, m + 1)};
    result.latency = stats_excess(histogram_above(&one->latency, cut), n, share);
    return result;
}

contrast_t peers_contrast(const peers_t *peers) {
    contrast_t best = {0};
    if (peers->count < 2) return best;
    for (uint32_t i = 0; i < peers->count; i++) {
        peer_t rest = others_of(peers, i, i);
        verdicts_of_peer_t verdict = compare(&peers->items[i], &rest);
        double evidence = fmax(verdict.errors, verdict.latency) - log10(2.0 * peers->count);
        if (i > 0 && evidence <= best.evidence) continue;
        best = (contrast_t){.worst = i, .by_errors = verdict.errors >= verdict.latency, .evidence = evidence};
    }
    best.clear = best.evidence >= CLEAR_EVIDENCE;
    /* Among three or more, a second one as bad as the worst means that it is not this one that is sick. */
    for (uint32_t i = 0; i < peers->count && peers->count > 2 && best.clear; i++) {
        if (i == best.worst) continue;
        peer_t rest = others_of(peers, i, best.worst);
        verdicts_of_peer_t verdict = compare(&peers->items[i], &rest);
        if (fmax(verdict.errors, verdict.latency) >= CLEAR_EVIDENCE) best.clear = false;
    }
    double seen = best.evidence + log10(2.0 * peers->count); /* evidence grows about in proportion to the requests */
    if (!best.clear && best.evidence < CLEAR_EVIDENCE && seen > 0.3)
        best.wanted = peers->items[best.worst].requests * ((CLEAR_EVIDENCE + log10(2.0 * peers->count)) / seen - 1);
    return best;
}
