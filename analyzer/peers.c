#include "analyzer/peers.h"

#include <math.h>

enum { LATELY_BUCKETS = 12, REQUESTS_MIN = 5, SILENT_BUCKETS = 2, SILENT_REQUESTS = 20, SILENT_MAX_S = 1800 };

static const double CLEAR_EVIDENCE = 3, SHARE_MIN = 0.01, FACTOR_MIN = 1.5, EXCESS_MIN_S = 0.01;
static const double PRECISION = 50; /* how alike healthy peers are: shares of 2 % scatter by 2 points */
static const double EVIDENCE_MAX = 12;
static const double TAKEN_OVER = 0.5; /* of what fell silent: others that got more than this part of it serve it */

/* Since when a flow that should have had requests has had none. */
static double silent_for(const flow_t *flow, int64_t now, double usual_rate) {
    if (flow->recent_count == 0 || !(usual_rate > 0)) return 0;
    int64_t missed = now - flow->recent[flow->recent_count - 1].bucket;
    double seconds = (double)(missed * BUCKET_SECONDS), late = fmax(flow->period_s - (double)BUCKET_SECONDS, 0) * 1.5;
    if (missed < SILENT_BUCKETS || seconds > SILENT_MAX_S || (seconds - late) * usual_rate < SILENT_REQUESTS) return 0;
    return seconds;
}

static bool collect(const flow_t *flow, int64_t now, peer_t *peer) {
    double covered_s = 0;
    for (uint32_t i = 0; i < flow->recent_count; i++) {
        const flow_bucket_t *bucket = &flow->recent[i];
        if (now - bucket->bucket >= LATELY_BUCKETS) continue;
        peer->requests += bucket->requests;
        peer->errors += bucket->errors;
        flow_recent_add(flow, i, TRACK_LATENCY, &peer->latency);
        flow_recent_add(flow, i, TRACK_CLIENT_LATENCY, &peer->waits);
        covered_s += flow->period_s;
    }
    flow_latencies(flow, flow->recent_count, TRACK_LATENCY, &peer->usual);
    peer->usual_rate = flow->buckets > 0 && flow->period_s > 0 ? flow->requests / (flow->buckets * flow->period_s) : 0;
    peer->silent_s = silent_for(flow, now, peer->usual_rate);
    peer->rate = covered_s > 0 && peer->silent_s <= 0 ? peer->requests / covered_s : 0;
    peer->highest_rate = fmax(flow->highest_rate, peer->rate);
    return peer->requests > 0 || peer->silent_s > 0;
}

static double requests_since(const flow_t *flow, int64_t bucket) {
    double sum = 0;
    for (uint32_t i = 0; i < flow->recent_count; i++)
        if (flow->recent[i].bucket > bucket) sum += flow->recent[i].requests;
    return sum;
}

/* Siblings share what comes, be it much or, while their callers hang, little: what one should have had since its last
 * request is its usual part of what they had. */
static double missed_by(const analyzer_t *analyzer, const peers_t *peers, uint32_t silent) {
    const flow_t *flow = analyzer->subjects[peers->items[silent].subject].flow;
    int64_t last = flow->recent[flow->recent_count - 1].bucket;
    double had = 0, usual = 0;
    for (uint32_t i = 0; i < peers->count; i++) {
        const peer_t *peer = &peers->items[i];
        if (i == silent || peer->silent_s > 0) continue;
        had += requests_since(analyzer->subjects[peer->subject].flow, last);
        usual += peer->usual_rate;
    }
    return usual > 0 ? had * peers->items[silent].usual_rate / usual : 0;
}

void peers_collect(const analyzer_t *analyzer, uint32_t service, entity_kind_t kind, peers_t *peers) {
    peers->count = 0;
    for (uint32_t i = 0; i < analyzer->subject_count && peers->count < PEERS_MAX; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        if (subject->key.kind != kind || subject->key.service != service || subject->flow == NULL) continue;
        peer_t *peer = &peers->items[peers->count];
        *peer = (peer_t){.subject = i};
        if (collect(subject->flow, analyzer->last_bucket, peer)) peers->count++;
    }
    for (uint32_t i = 0; i < peers->count; i++)
        if (peers->items[i].silent_s > 0) peers->items[i].missed = missed_by(analyzer, peers, i);
}

void peers_add(peer_t *sum, const peer_t *peer) {
    sum->requests += peer->requests;
    sum->errors += peer->errors;
    sum->missed += peer->missed;
    sum->rate += peer->rate;
    sum->usual_rate += peer->usual_rate;
    histogram_add(&sum->latency, &peer->latency);
    histogram_add(&sum->waits, &peer->waits);
    histogram_add(&sum->usual, &peer->usual);
}

static peer_t others_of(const peers_t *peers, uint32_t without, uint32_t also_without) {
    peer_t sum = {0};
    for (uint32_t i = 0; i < peers->count; i++)
        if (i != without && i != also_without) peers_add(&sum, &peers->items[i]);
    return sum;
}

peer_t peers_others(const peers_t *peers, uint32_t without) {
    return others_of(peers, without, without);
}

double peers_lost_share(const peers_t *instances) {
    peer_t silent = {0}, speaking = {0};
    for (uint32_t i = 0; i < instances->count; i++) {
        const peer_t *peer = &instances->items[i];
        if (peer->silent_s <= 0 || peer->missed >= SILENT_REQUESTS)
            peers_add(peer->silent_s > 0 ? &silent : &speaking, peer);
    }
    double usual = silent.usual_rate + speaking.usual_rate;
    if (!(silent.usual_rate > 0)) return 0;
    bool taken_over = speaking.rate - speaking.usual_rate > TAKEN_OVER * silent.usual_rate;
    return taken_over ? 0 : silent.usual_rate / usual;
}

/* Evidence that one is worse than the rest, by each measure. */
typedef struct {
    double by[BY_SILENCE + 1];
} verdicts_of_peer_t;

static double slower(const histogram_t *one, const histogram_t *rest) {
    double n = histogram_total(one), m = histogram_total(rest);
    double now = histogram_quantile(one, 0.9), then = histogram_quantile(rest, 0.9);
    if (n < REQUESTS_MIN || m < REQUESTS_MIN || now < then * FACTOR_MIN || now - then < EXCESS_MIN_S) return 0;
    int cut = histogram_cut(rest, 0.9);
    share_t share = {(histogram_above(rest, cut) + 0.5) / (m + 1), fmin(PRECISION, m + 1)};
    return stats_excess(histogram_above(one, cut), n, share);
}

static verdicts_of_peer_t compare(const peer_t *one, const peer_t *rest) {
    verdicts_of_peer_t result = {{0}};
    result.by[BY_SILENCE] = fmin(one->missed * M_LOG10E, EVIDENCE_MAX);
    if (one->silent_s > 0 || one->requests < REQUESTS_MIN || rest->requests < REQUESTS_MIN) return result;
    share_t share = {(rest->errors + 0.5) / (rest->requests + 1), fmin(PRECISION, rest->requests + 1)};
    if (one->errors / one->requests - rest->errors / rest->requests >= SHARE_MIN)
        result.by[BY_ERRORS] = stats_excess(one->errors, one->requests, share);
    result.by[BY_LATENCY] = slower(&one->latency, &rest->latency);
    /* the way to it, only where its answers themselves take no longer */
    if (result.by[BY_LATENCY] <= 0) result.by[BY_WAITS] = slower(&one->waits, &rest->waits);
    return result;
}

static uint8_t strongest(const verdicts_of_peer_t *verdicts) {
    uint8_t best = BY_ERRORS;
    for (uint8_t by = BY_ERRORS; by <= BY_SILENCE; by++)
        if (verdicts->by[by] > verdicts->by[best]) best = by;
    return best;
}

double peers_worse(const peer_t *one, const peer_t *rest) {
    verdicts_of_peer_t verdicts = compare(one, rest);
    return verdicts.by[strongest(&verdicts)];
}

contrast_t peers_contrast(const peers_t *peers) {
    contrast_t best = {0};
    if (peers->count < 2) return best;
    for (uint32_t i = 0; i < peers->count; i++) {
        peer_t rest = peers_others(peers, i);
        verdicts_of_peer_t verdicts = compare(&peers->items[i], &rest);
        uint8_t by = strongest(&verdicts);
        double evidence = verdicts.by[by] - log10(2.0 * peers->count);
        if (i > 0 && evidence <= best.evidence) continue;
        best = (contrast_t){.worst = i, .by = by, .evidence = evidence};
    }
    best.clear = best.evidence >= CLEAR_EVIDENCE;
    /* Among three or more, a second one as bad as the worst means that it is not this one that is sick. */
    for (uint32_t i = 0; i < peers->count && peers->count > 2 && best.clear; i++) {
        if (i == best.worst) continue;
        peer_t rest = others_of(peers, i, best.worst);
        if (peers_worse(&peers->items[i], &rest) >= CLEAR_EVIDENCE) best.others++;
    }
    if (best.others > 0) best.clear = false;
    double seen = best.evidence + log10(2.0 * peers->count); /* evidence grows about in proportion to the requests */
    if (!best.clear && best.evidence < CLEAR_EVIDENCE && seen > 0.3)
        best.wanted = peers->items[best.worst].requests * ((CLEAR_EVIDENCE + log10(2.0 * peers->count)) / seen - 1);
    return best;
}
