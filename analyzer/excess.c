#include "analyzer/excess.h"

#include <math.h>

/* Factors that are looked for, with equal weight: dense where a small one needs all the data to be seen. */
static const double factors[EXCESS_FACTORS] = {1.5, 2, 3, 6, 20, 200};

/* Scatters allowed without a difference: from none to events that come in one group's bucket all at once. */
static const double scatters_alike[EXCESS_SCATTERS_NULL] = {0, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 2, 4, 10, 30};
static const struct { double scatter, weight; } scatters[EXCESS_SCATTERS] = {{0, 0.6}, {0.1, 0.3}, {1, 0.1}};

/* Most of the mixture is a difference from the first bucket on; the rest begins in later ones, 20 minutes on average.
 */
static const double FROM_THE_START = 0.8, ONSET = 1.0 / 120;

/* With scatter, more events than so many in a bucket say little more; they are taken as so many. */
enum { EVENTS_MAX = 600 };

static double log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

static double log_choose(double all, double k) {
    return log_gamma(all + 1) - log_gamma(k + 1) - log_gamma(all - k + 1);
}

static double log_sum(double a, double b) {
    double high = a > b ? a : b, low = a > b ? b : a;
    return low == -INFINITY ? high : high + log1p(exp(low - high));
}

void excess_init(excess_t *excess) {
    *excess = (excess_t){.waiting = 1};
    for (int f = 0; f < EXCESS_FACTORS; f++)
        for (int s = 0; s < EXCESS_SCATTERS; s++) excess->begun[f][s] = -INFINITY;
}

/* The part of a bucket that one group has: `all` events, of which k are its own. */
typedef struct {
    double k, all, n, other_n;
    double level; /* events for each request, as far as this bucket's scatter is concerned */
} part_t;

/* Log of t[k] / sum of t, where t[j + 1] / t[j] = odds * (all - j) (shape + j) / ((j + 1) (shape + all - j - 1)). */
static double log_tilted(int k, int all, double shape, double odds) {
    double term = 1, sum = 1, own = k == 0 ? 1 : 0;
    for (int j = 0; j < all; j++) {
        term *= odds * (all - j) * (shape + j) / ((j + 1) * (shape + all - j - 1));
        sum += term;
        if (j + 1 == k) own = term;
        if (sum < 1e200) continue;
        term *= 1e-200;
        sum *= 1e-200;
        own *= 1e-200;
    }
    return own > 1e-290 ? log(own / sum) : -660;
}

/* Log-probability of k among `all` events when this group's are `factor` times as frequent: without scatter binomial.
 * With scatter each group's count is negative binomial, and
 * given their sum the part is a symmetric beta-binomial, tilted: by the requests' odds while events are rare, and less
 * and less when they come in clusters, since then one cluster of the smaller group makes a bucket's events. */
static double log_part(const part_t *part, double factor, double scatter) {
    double own = part->n * factor, both = own + part->other_n;
    if (scatter <= 0)
        return log_choose(part->all, part->k) + part->k * log(own / both) +
               (part->all - part->k) * log(part->other_n / both);
    double shape = 1 / scatter, rate = part->level * (part->n + part->other_n) / both;
    double mean = rate * own, other_mean = rate * part->other_n;
    double odds = mean / (mean + shape) / (other_mean / (other_mean + shape));
    int all = (int)fmin(part->all, EVENTS_MAX), k = (int)(part->k * all / part->all);
    return log_tilted(k, all, shape, odds) + log(all / part->all); /* one of `all` stands for several */
}

/* Moves what begins with this bucket from `waiting` into the mixture, then lets all that has begun see the bucket. */
static void add_to_mixture(excess_t *excess, const part_t *part) {
    double begins = excess->buckets == 0 ? FROM_THE_START : excess->waiting * ONSET;
    for (int f = 0; f < EXCESS_FACTORS; f++) {
        for (int s = 0; s < EXCESS_SCATTERS; s++) {
            double onset = excess->alike_mixed[s] + log(begins);
            excess->begun[f][s] = log_sum(excess->begun[f][s], onset) + log_part(part, factors[f], scatters[s].scatter);
        }
    }
    excess->waiting -= begins;
    for (int s = 0; s < EXCESS_SCATTERS; s++) excess->alike_mixed[s] += log_part(part, 1, scatters[s].scatter);
}

static double log_mixture(const excess_t *excess) {
    double sum = -INFINITY;
    for (int s = 0; s < EXCESS_SCATTERS; s++) {
        double here = excess->alike_mixed[s] + log(excess->waiting);
        for (int f = 0; f < EXCESS_FACTORS; f++) here = log_sum(here, excess->begun[f][s] - log(EXCESS_FACTORS));
        sum = log_sum(sum, here + log(scatters[s].weight));
    }
    return sum;
}

static void series_add(excess_series_t *series, double k, double n) {
    series->buckets++;
    series->k += k;
    series->n += n;
    series->kk += k * k;
    series->kn += k * n;
    series->nn += n * n;
}

/* Sum of squares around the group's own rate. */
static double series_squares(const excess_series_t *series) {
    double rate = series->k / series->n;
    return series->kk - 2 * rate * series->kn + rate * rate * series->nn;
}

/* How badly so much scatter fits a group's own counts, which vary too little for it: Chernoff's bound of the chi-square
 * distribution's lower tail, in nats. */
static double too_even(const excess_series_t *series, double scatter) {
    double degrees = series->buckets - 1;
    if (degrees < 1 || !(series->k > 0)) return 0;
    double rate = series->k / series->n;
    double expected = (series->k + scatter * rate * rate * series->nn) * degrees / series->buckets;
    double part = fmax(series_squares(series), series->k / 20) / expected; /* a full bucket does not vary at all */
    return part < 1 ? degrees / 2 * (part - 1 - log(part)) : 0;
}

static double too_even_by(const excess_series_t *series, double scatter) {
    return fmax(too_even(series, scatter) - too_even(series, 0), 0);
}

/* Of two versions alike, the one with more requests has more instances, and scatters less. */
static double beside_part(const excess_t *excess) {
    const excess_series_t *own = &excess->series[0], *beside = &excess->beside;
    double n = own->n / own->buckets, other_n = beside->n / beside->buckets;
    return other_n > n ? n / other_n : 1;
}

/* Log-likelihood without a difference. A scatter that the groups' own counts speak against is worth less by as much:
 * else few buckets of many requests each could not tell one bad version from luck. Theory does not cover this discount;
 * simulations do (tests/analyzer/test_canary.c), with scatters far beyond what services show. */
static double log_alike(const excess_t *excess, int s) {
    double scatter = scatters_alike[s];
    return excess->alike[s] - too_even_by(&excess->series[0], scatter) -
           too_even_by(&excess->beside, scatter * beside_part(excess));
}

static int best_scatter(const excess_t *excess) {
    int best = 0;
    for (int s = 1; s < EXCESS_SCATTERS_NULL; s++)
        if (log_alike(excess, s) > log_alike(excess, best)) best = s;
    return best;
}

void excess_add(excess_t *excess, double k, double n, double other_k, double other_n) {
    double all = k + other_k;
    if (!(n > 0) || !(other_n > 0)) return;
    series_add(&excess->series[0], k, n);
    series_add(&excess->series[1], other_k, other_n);
    if (!(all > 0)) return;
    double usual = (excess->series[0].k + excess->series[1].k) / (excess->series[0].n + excess->series[1].n);
    part_t part = {k, all, n, other_n, fmax(usual, all / (n + other_n))};
    add_to_mixture(excess, &part);
    for (int s = 0; s < EXCESS_SCATTERS_NULL; s++) excess->alike[s] += log_part(&part, 1, scatters_alike[s]);
    excess->buckets++;
    excess->evidence = log_mixture(excess) - log_alike(excess, best_scatter(excess));
}

void excess_beside(excess_t *excess, double other_k, double other_n) {
    if (other_n > 0) series_add(&excess->beside, other_k, other_n);
}

/* By moments: what a group's counts vary beyond Poisson's law. */
static double own_scatter(const excess_series_t *series) {
    if (series->buckets < 2 || !(series->k > 0)) return 0;
    double rate = series->k / series->n;
    double beyond = series_squares(series) * series->buckets / (series->buckets - 1) - series->k;
    return beyond > 0 ? beyond / (rate * rate * series->nn) : 0;
}

double excess_scatter(const excess_t *excess) {
    double own = fmax(own_scatter(&excess->series[0]), own_scatter(&excess->series[1]));
    return fmin(own, scatters_alike[best_scatter(excess)]);
}
