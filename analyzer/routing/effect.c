/* What happens when one peer gets no traffic any more: its requests fare as those of the others do now.
 *
 * The intervals say where the figure will lie that is measured after the change, not where its mean lies, and have
 * three parts that are independent, so that their squares add: chance in the requests behind the forecast and in those
 * that will be measured (Wilson for the share, order statistics for the quantile), the others' own ups and downs from
 * bucket to bucket (a bootstrap over the recent buckets), and what is not known about load: where the others get more
 * than they ever bore, their answers may slow down as those of a queue do. The interval is that of a few servers for
 * one queue (M/M/c by Sakasegawa, An Approximation Formula L_q = alpha rho^beta / (1 - rho), 1977); whether a change
 * may harm is judged by the bad end, a single one (M/M/1: in proportion to 1 / (1 - use)). */
#include "analyzer/routing/routing.h"

#include <math.h>

enum { RESAMPLES = 200 };
static const double Z = 1.645;         /* 90 % */
static const double BOTH_ENDS = 1.1;   /* sqrt(1 + 60 s / 300 s): what is measured afterwards has its chance, too */
static const double RESOLUTION = 0.04; /* of a quantile out of a histogram, in log time */
/* How far a quantile estimated inside a wide explicit bucket may be off, in log time: rather too high than too low,
 * since a tail falls more steeply than a straight line through its buckets (sketch_explicit.h; lognormal latencies in
 * Istio's, Linkerd's and OpenTelemetry's buckets). */
static const double COARSE_BELOW = 0.08, COARSE_ABOVE = 0.02;
static const double USE_ASSUMED = 0.3; /* of processors, where nobody tells */
static const double SERVERS = 4;       /* that share a queue: an instance works at several requests */

/* All others, bucket by bucket. */
typedef struct {
    int64_t bucket[RECENT_BUCKETS];
    double requests[RECENT_BUCKETS], errors[RECENT_BUCKETS];
    histogram_t latency[RECENT_BUCKETS];
    uint32_t count;
    bool coarse; /* any flow's */
} buckets_t;

static bool receives(uint32_t index, uint32_t worst, bool spread, uint32_t receiver) {
    return spread ? index != worst : index == receiver;
}

static void add_bucket(buckets_t *all, const flow_t *flow, uint32_t recent) {
    const flow_bucket_t *bucket = &flow->recent[recent];
    uint32_t at = 0;
    while (at < all->count && all->bucket[at] != bucket->bucket) at++;
    all->coarse |= flow->coarse;
    if (at == RECENT_BUCKETS) return;
    if (at == all->count) all->bucket[all->count++] = bucket->bucket;
    all->requests[at] += bucket->requests;
    all->errors[at] += bucket->errors;
    flow_recent_add(flow, recent, TRACK_LATENCY, &all->latency[at]);
}

static uint64_t next_random(uint64_t *state) { /* xorshift64*, Vigna 2016; the same forecast for the same buckets */
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

/* Standard deviations, from bucket to bucket, of the share of errors and of the logarithm of the 99th percentile over
 * as many buckets as there are; a small sample's bootstrap is too narrow by sqrt((n - 1) / n). */
static void bootstrap(const buckets_t *all, double *share_sd, double *log_p99_sd) {
    uint64_t state = UINT64_C(0x9E3779B97F4A7C15);
    double sums[4] = {0};
    for (int r = 0; r < RESAMPLES; r++) {
        histogram_t latency = {{0}};
        double requests = 0, errors = 0;
        for (uint32_t i = 0; i < all->count; i++) {
            uint32_t pick = (uint32_t)(next_random(&state) >> 33) % all->count;
            requests += all->requests[pick];
            errors += all->errors[pick];
            histogram_add(&latency, &all->latency[pick]);
        }
        double share = requests > 0 ? errors / requests : 0, p99 = histogram_quantile(&latency, 0.99);
        double place = isnan(p99) ? 0 : log(p99);
        sums[0] += share;
        sums[1] += share * share;
        sums[2] += place;
        sums[3] += place * place;
    }
    double correct = all->count > 1 ? all->count / (all->count - 1.0) : 1;
    *share_sd = sqrt(fmax(sums[1] / RESAMPLES - pow(sums[0] / RESAMPLES, 2), 0) * correct);
    *log_p99_sd = sqrt(fmax(sums[3] / RESAMPLES - pow(sums[2] / RESAMPLES, 2), 0) * correct);
}

static double quantile_within(const histogram_t *histogram, double q) {
    return histogram_quantile(histogram, fmin(fmax(q, 0), 1));
}

/* How long a request is there, in units of its service time, with `servers` for the queue of which `use` are busy. */
static double sojourn(double use, double servers) {
    return 1 + pow(use, sqrt(2 * (servers + 1)) - 1) / (servers * (1 - use));
}

/* By how much (in log time) answers may get slower where the receivers get more than they bore. */
static double slowdown(const effect_t *effect, double servers) {
    if (effect->capacity == CAPACITY_BORNE || !(effect->highest > 0)) return 0;
    double after = effect->processor, growth = effect->rate / effect->highest;
    if (isnan(after)) after = fmin(USE_ASSUMED * growth, 0.9);
    return after < 1 ? fmax(log(sojourn(after, servers) / sojourn(after / growth, servers)), 0) : 0;
}

static void forecast_errors(const buckets_t *all, const peer_t *rest, forecast_t *errors) {
    double share_sd, ignored, low, high;
    bootstrap(all, &share_sd, &ignored);
    double predicted = rest->requests > 0 ? rest->errors / rest->requests : 0;
    stats_wilson(rest->errors, rest->requests, Z * BOTH_ENDS, &low, &high);
    errors->predicted = predicted;
    errors->low = fmax(predicted - hypot(predicted - low, Z * share_sd), 0);
    errors->high = fmin(predicted + hypot(high - predicted, Z * share_sd), 1);
}

/* How far (in log time) the next filled bins are from the one at `seconds`: what was reported in few wide buckets tells
 * a quantile no better than that. */
static void coarseness(const histogram_t *histogram, double seconds, bool coarse, double *below, double *above) {
    int bin = 0, down, up;
    while (bin + 1 < HISTOGRAM_BINS && histogram_seconds(bin + 1) <= seconds) bin++;
    for (down = bin - 1; down >= 0 && histogram->count[down] <= 0;) down--;
    for (up = bin + 1; up < HISTOGRAM_BINS && histogram->count[up] <= 0;) up++;
    *below = (down < 0 ? 0 : (bin - 1 - down) * HISTOGRAM_BIN_LOG) + (coarse ? COARSE_BELOW : 0);
    *above = (up >= HISTOGRAM_BINS ? 0 : (up - 1 - bin) * HISTOGRAM_BIN_LOG) + (coarse ? COARSE_ABOVE : 0);
}

static void forecast_p99(const buckets_t *all, const histogram_t *latency, double slower, forecast_t *p99) {
    double ignored, sd, below, above, n = histogram_total(latency),
                                      half = Z * BOTH_ENDS * sqrt(0.99 * 0.01 / fmax(n, 1));
    p99->predicted = histogram_quantile(latency, 0.99);
    if (isnan(p99->predicted)) return;
    bootstrap(all, &ignored, &sd);
    coarseness(latency, p99->predicted, all->coarse, &below, &above);
    double down = log(p99->predicted / quantile_within(latency, 0.99 - half));
    double up = log(quantile_within(latency, 0.99 + half) / p99->predicted);
    p99->low = p99->predicted * exp(-hypot(hypot(down, Z * sd), RESOLUTION) - below);
    p99->high = p99->predicted * exp(hypot(hypot(up, Z * sd), RESOLUTION) + above + slower);
}

/* Rates after the change; the receiver that is shown is the one with the least proof, or the only one. */
static void pick_receiver(const analyzer_t *analyzer, const peers_t *peers, uint32_t worst, bool spread,
                          effect_t *effect) {
    const peer_t *moved = &peers->items[worst];
    peer_t rest = peers_others(peers, worst);
    double all = moved->silent_s > 0 ? 0 : moved->rate, most = -1;
    entity_kind_t kind = (entity_kind_t)analyzer->subjects[moved->subject].key.kind;
    if (moved->silent_s > 0) all = rest.usual_rate > 0 ? moved->usual_rate * rest.rate / rest.usual_rate : 0;
    for (uint32_t i = 0; i < peers->count; i++) {
        const peer_t *peer = &peers->items[i];
        if (i == worst) continue;
        double rate = spread ? peer->rate * (1 + all / fmax(rest.rate, 1e-9)) : rest.rate + all, processor;
        double proof = spread ? rate / fmax(peer->highest_rate, 1e-9) : peer->requests;
        if (proof <= most || (spread && peer->silent_s > 0)) continue;
        most = proof;
        effect->receiver = i;
        effect->rate = rate;
        effect->highest = peer->highest_rate;
        effect->capacity = capacity_of(analyzer, peer, kind, rate, &processor);
        effect->processor = processor;
    }
}

double effect_cost(double errors, const histogram_t *latency) {
    double mean = histogram_mean(latency);
    return errors + (isnan(mean) ? 0 : mean / PATIENCE_S);
}

effect_t effect_without(const analyzer_t *analyzer, const peers_t *peers, const contrast_t *contrast, bool spread) {
    effect_t effect = {.processor = NAN};
    buckets_t buckets = {.count = 0};
    peer_t all = {0}, rest = {0};
    bool waits = contrast->by == BY_WAITS;
    pick_receiver(analyzer, peers, contrast->worst, spread, &effect);
    for (uint32_t i = 0; i < peers->count; i++) {
        const peer_t *peer = &peers->items[i];
        const flow_t *flow = analyzer->subjects[peer->subject].flow;
        peer_t *sums[] = {&all, receives(i, contrast->worst, spread, effect.receiver) ? &rest : NULL};
        for (size_t s = 0; s < 2 && sums[s] != NULL && peer->silent_s <= 0; s++) {
            sums[s]->requests += peer->requests;
            sums[s]->errors += peer->errors;
            histogram_add(&sums[s]->latency, &peer->latency);
            histogram_add(&sums[s]->waits, &peer->waits);
        }
        for (uint32_t b = 0; b < flow->recent_count && sums[1] != NULL; b++) add_bucket(&buckets, flow, b);
        histogram_add(&all.usual, &peer->usual);
    }
    double lost = contrast->by == BY_SILENCE ? peers_lost_share(peers) : 0, usual_errors = 0;
    const flow_t *service = routing_flow(analyzer, analyzer->subjects[peers->items[0].subject].key.service);
    if (service != NULL && service->requests > 0) usual_errors = service->errors / service->requests;
    effect.errors.now = all.requests > 0 ? lost + (1 - lost) * all.errors / all.requests : lost;
    effect.p99_s.now = histogram_quantile(&all.latency, 0.99);
    forecast_errors(&buckets, &rest, &effect.errors);
    forecast_p99(&buckets, &rest.latency, slowdown(&effect, SERVERS), &effect.p99_s);
    histogram_t usual_waits = {{0}};
    if (waits && service != NULL) flow_latencies(service, service->recent_count, TRACK_CLIENT_LATENCY, &usual_waits);
    effect.harm.usual = effect_cost(usual_errors, waits ? &usual_waits : &all.usual);
    effect.harm.now = effect_cost(effect.errors.now, waits ? &all.waits : &all.latency);
    effect.harm.predicted = effect_cost(effect.errors.predicted, waits ? &rest.waits : &rest.latency);
    double wait = effect.harm.predicted - effect.errors.predicted;
    double stretch = effect.p99_s.predicted > 0 ? effect.p99_s.high / effect.p99_s.predicted : 1;
    stretch *= exp(slowdown(&effect, 1) - slowdown(&effect, SERVERS));
    effect.harm.worst = effect.errors.high + wait * stretch;
    return effect;
}

static double quantile_or(const histogram_t *histogram, double q, double otherwise) {
    double value = quantile_within(histogram, q);
    return isnan(value) ? otherwise : value;
}

void effect_usual(const lately_t *lately, double widen, effect_t *effect) {
    double n = lately->usual.requests, total = histogram_total(&lately->usual_latency), below = 0, above = 0;
    double z = Z * BOTH_ENDS * widen, half = z * sqrt(0.99 * 0.01 / fmax(fmin(total, lately->requests), 1));
    forecast_t *errors = &effect->errors, *p99 = &effect->p99_s;
    *errors = (forecast_t){.now = lately->errors / lately->requests, .predicted = lately->usual_errors};
    stats_wilson(lately->usual_errors * fmin(n, lately->requests), fmin(n, lately->requests), z, &errors->low,
                 &errors->high);
    p99->now = histogram_quantile(&lately->latency, 0.99);
    p99->predicted = histogram_quantile(&lately->usual_latency, 0.99);
    if (!isnan(p99->predicted)) coarseness(&lately->usual_latency, p99->predicted, lately->coarse, &below, &above);
    p99->low = quantile_or(&lately->usual_latency, 0.99 - half, p99->predicted) * exp(-RESOLUTION * widen - below);
    p99->high = quantile_or(&lately->usual_latency, 0.99 + half, p99->predicted) * exp(RESOLUTION * widen + above);
    double usual = effect_cost(lately->usual_errors, &lately->usual_latency);
    double stretch = p99->predicted > 0 ? p99->high / p99->predicted : 1;
    effect->harm = (harm_t){.usual = usual,
                            .now = effect_cost(errors->now, &lately->latency),
                            .predicted = usual,
                            .worst = errors->high + (usual - lately->usual_errors) * stretch};
}
