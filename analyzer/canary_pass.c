#include "analyzer/canary_parts.h"

#include <math.h>

static const double TAIL = 0.99;                   /* the quantile whose growth is bounded */
static const double PRIOR = 0.5;                   /* Jeffreys' */
static const double NORMAL_MIXTURE_REQUESTS = 200; /* where the normal bound is tightest */
static const double SHRINK_REQUESTS = 200;         /* the baseline is worth so many requests in a forecast */
static const double FORECAST_MAX = 1e6;

static double log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

/* Log of the martingale that a share of `q` would make of k events in n: the beta mixture over its likelihood. With a
 * true share of q it ever exceeds ln(1/alpha) with a probability of at most alpha. */
static double log_against(double k, double n, double q) {
    double mixture = log_gamma(k + PRIOR) + log_gamma(n - k + PRIOR) - log_gamma(n + 2 * PRIOR) - 2 * log_gamma(PRIOR) +
                     log_gamma(2 * PRIOR);
    double likelihood = (k > 0 ? k * log(q) : 0) + (n - k > 0 ? (n - k) * log1p(-q) : 0);
    return mixture - likelihood;
}

static bool surely_below(double k, double n, double q, double alpha) {
    return k < q * n && log_against(k, n, q) >= -log(alpha);
}

static bool surely_above(double k, double n, double q, double alpha) {
    return k > q * n && log_against(k, n, q) >= -log(alpha);
}

/* The share on that side of k/n which is only just not ruled out. */
static double bound(double k, double n, bool upper, double alpha) {
    double inside = n > 0 ? k / n : upper ? 0 : 1, outside = upper ? 1 : 0;
    if (!(n > 0)) return outside;
    for (int i = 0; i < 40; i++) {
        double middle = (inside + outside) / 2;
        bool ruled_out = upper ? surely_below(k, n, middle, alpha) : surely_above(k, n, middle, alpha);
        *(ruled_out ? &outside : &inside) = middle;
    }
    return outside;
}

/* Requests that the baseline's weighted numbers are worth. */
static double worth(double n, double thinness) {
    return thinness > 0 ? n * n / thinness : 0;
}

/* With overdispersion, n requests know as much as n / inflation independent ones. */
static double difference_high(const known_t *known, double alpha) {
    const pair_t *pair = &known->pair;
    double n = pair->n / known->errors_inflation[0];
    double other_n = worth(pair->n, pair->thinness) / known->errors_inflation[1];
    double ratio = pair->n > 0 ? pair->errors / pair->n : 0, other = pair->n > 0 ? pair->other_errors / pair->n : 0;
    return bound(ratio * n, n, true, alpha / 2) - bound(other * other_n, other_n, false, alpha / 2);
}

/* Mean and variance of the logarithm of the latency. */
static void log_moments(const histogram_t *histogram, double *mean, double *variance) {
    double sum = 0, first = 0, second = 0, width = log(2) / 4; /* a bin is a quarter octave */
    for (int i = 0; i < HISTOGRAM_BINS; i++) {
        double count = histogram->count[i], at = i * width;
        sum += count;
        first += count * at;
        second += count * at * at;
    }
    *mean = first / sum;
    *variance = second / sum - *mean * *mean + width * width / 12;
}

/* Average slowdown in log-time: normal mixture bound. It is defined for two-humped latencies, where a median is not. */
static bool body_within(const known_t *known, double log_factor, double alpha) {
    const pair_t *pair = &known->pair;
    double n = pair->ok / known->body_inflation[0];
    double other_n = worth(pair->ok, pair->other_thinness) / known->body_inflation[1];
    if (n < 2 || other_n < 2) return false;
    double mean, variance, other_mean, other_variance;
    log_moments(&pair->latency, &mean, &variance);
    log_moments(&pair->other_latency, &other_mean, &other_variance);
    double grown = 1 + n / NORMAL_MIXTURE_REQUESTS;
    double square = (variance / n + other_variance / other_n) * (1 + NORMAL_MIXTURE_REQUESTS / n) *
                    (log(grown) + 2 * log(1 / alpha));
    return mean - other_mean + sqrt(square) < log_factor;
}

/* The canary's p99 is below `factor` times the baseline's, if surely less than 1 % of its answers are slower than
 * `factor` times a time which surely more than 1 % of the baseline's exceed. */
static bool tail_within(const known_t *known, double factor, double alpha) {
    const pair_t *pair = &known->pair;
    double other_ok = histogram_total(&pair->other_latency), ok = histogram_total(&pair->latency);
    double n = ok / known->tail_inflation[0];
    double other_n = worth(pair->ok, pair->other_thinness) / known->tail_inflation[1];
    if (!(ok > 0) || !(other_ok > 0) || !(other_n > 0)) return false;
    int bin = HISTOGRAM_BINS;
    while (bin > 0 &&
           !surely_above(histogram_above(&pair->other_latency, bin) / other_ok * other_n, other_n, 1 - TAIL, alpha / 2))
        bin--;
    bin += (int)floor(4 * log2(factor) + 1e-9);
    double above = bin < HISTOGRAM_BINS ? histogram_above(&pair->latency, bin) : 0;
    return bin > 0 && surely_below(above / ok * n, n, 1 - TAIL, alpha / 2);
}

within_t canary_within(const known_t *known, const canary_settings_t *settings) {
    double alpha = 1 - settings->confidence;
    within_t within = {.difference_high = difference_high(known, alpha)};
    within.errors = known->pair.n > 0 && within.difference_high < settings->error_points;
    within.body = body_within(known, log(settings->latency_factor), alpha);
    within.tail = tail_within(known, settings->latency_factor, alpha);
    return within;
}

/* --- forecast --- */

/* Latencies of `more` requests: as the canary's were, with some of the baseline's while it has had few. */
static void grow_latency(histogram_t *latency, const histogram_t *own, const histogram_t *other, double more) {
    double total = histogram_total(own), other_total = histogram_total(other);
    double shrink = other_total > 0 ? SHRINK_REQUESTS : 0;
    *latency = *own;
    if (!(total + shrink > 0)) {
        latency->count[HISTOGRAM_BINS / 2] = (float)more; /* nothing is known of either: all alike */
        return;
    }
    for (int i = 0; i < HISTOGRAM_BINS; i++) {
        double share = (own->count[i] + (shrink > 0 ? shrink * other->count[i] / other_total : 0)) / (total + shrink);
        latency->count[i] += (float)(more * share);
    }
}

static known_t grown(const known_t *known, double more) {
    known_t later = *known;
    const pair_t *now = &known->pair;
    pair_t *pair = &later.pair;
    double other_ratio = now->n > 0 ? now->other_errors / now->n : 0;
    double ratio = (now->errors + SHRINK_REQUESTS * other_ratio) / (now->n + SHRINK_REQUESTS);
    pair->n = now->n + more;
    pair->errors = now->errors + more * ratio;
    pair->other_errors = pair->n * other_ratio;
    pair->thinness = pair->n * (now->n > 0 ? now->thinness / now->n : 1);
    pair->ok = now->ok + more * (1 - ratio);
    pair->other_thinness = pair->ok * (now->ok > 0 ? now->other_thinness / now->ok : 1);
    grow_latency(&pair->latency, &now->latency, &now->other_latency, more * (1 - ratio));
    if (histogram_total(&now->other_latency) > 0)
        histogram_scale(&pair->other_latency, pair->ok / histogram_total(&now->other_latency));
    else
        pair->other_latency = pair->latency;
    return later;
}

double canary_requests_to_pass(const known_t *known, const canary_settings_t *settings) {
    for (double more = 1; more < FORECAST_MAX; more = ceil(more * 1.15)) {
        known_t later = grown(known, more);
        within_t within = canary_within(&later, settings);
        if (within.errors && within.body && within.tail) return more;
    }
    return NAN;
}
