#include "analyzer/stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Stirling's series, from 8 on, where what is left out is below 1e-11; below, by x Gamma(x) = Gamma(x + 1). The
 * library's lgamma() is right to the last bit and takes five times as long, and a tick needs it often. */
static double log_gamma(double x) {
    double product = 1;
    for (; x < 8; x++) product *= x;
    double r = 1 / x, rr = r * r;
    double series = r * (1.0 / 12 - rr * (1.0 / 360 - rr * (1.0 / 1260 - rr * (1.0 / 1680))));
    double result = (x - 0.5) * log(x) - x + 0.91893853320467274 + series;
    return product == 1 ? result : result - log(product);
}

static double log_beta(double a, double b) {
    return log_gamma(a) + log_gamma(b) - log_gamma(a + b);
}

/* Log-probability of exactly k. Of a few, by the product of k ratios in place of most of the gamma functions. */
static double log_exactly(double k, double n, double alpha, double beta) {
    enum { FEW = 12 }; /* the products stay finite */
    if (k > FEW || k != floor(k))
        return log_gamma(n + 1) - log_gamma(k + 1) - log_gamma(n - k + 1) + log_beta(k + alpha, n - k + beta) -
               log_beta(alpha, beta);
    double above = 1, below = 1;
    int whole = (int)k;
    for (int i = 0; i < whole; i++) {
        above *= (n - i) * (alpha + i);
        below *= i + 1;
    }
    return log(above / below) + log_gamma(n - k + beta) - log_gamma(n + alpha + beta) + log_gamma(alpha + beta) -
           log_gamma(beta);
}

/* Sums the tail term by term from the observed count outwards. Terms fall fast there, so few are needed; the ratio of
 * neighbours is exact and saves the gamma functions. Each term can only lower the evidence: once it is below `least`
 * it stays so. Where counts are so large that many terms would be needed, the rest is taken as falling no faster than
 * it does there, which makes the evidence a little less. Returns log10(1/p). */
static double upper_tail(double k, double n, double alpha, double beta, double least) {
    enum { TERMS_MAX = 1000 };
    static const double LN_10 = 2.302585092994046;
    double first = log_exactly(k, n, alpha, beta);
    double sum = 1, term = 1, ratio = 0, enough = exp(fmin(-least * LN_10 - first, 700));
    int i = 0;
    for (; i < TERMS_MAX && k + i < n && term > sum * 1e-9 && sum <= enough; i++) {
        double x = k + i;
        ratio = (n - x) * (x + alpha) / ((x + 1) * (n - x - 1 + beta));
        term *= ratio;
        sum += term;
    }
    if (i == TERMS_MAX) sum += ratio < 1 ? term * ratio / (1 - ratio) : INFINITY;
    double evidence = -(first + log(sum)) / LN_10;
    return evidence > 0 ? evidence : 0;
}

/* Whether k is so near above the mean that the evidence is below `least` whatever the exact tail. With an alpha of at
 * least 1 the tail at z standard deviations, up to 1.5, is no thinner than an exponential's, e^-(1 + z), or than a
 * normal's, which at 1.5 is thinner by 0.09: seen over a grid of counts, shares and precisions (test_stats.c). */
static bool is_usual(double k, double n, double mean, double precision, double least) {
    static const double Z_MAX = 1.5, LOG10_E = 0.4342944819032518, NORMAL = 0.1;
    if (mean * precision < 1 || k < 1) return false;
    double off = k - n * mean, variance = n * mean * (1 - mean) * (n + precision) / (1 + precision);
    double z_most = fmin((least - NORMAL) / LOG10_E - 1, Z_MAX);
    return z_most > 0 && off * off < z_most * z_most * variance;
}

double stats_excess_over(double k, double n, share_t share, double least) {
    if (!(n > 0) || !(k > 0) || share.mean >= 1 || k <= n * share.mean) return 0;
    double mean = share.mean < 1e-9 ? 1e-9 : share.mean;
    double precision = fmin(fmax(share.precision, 1e-9), 1e9); /* the gamma function is of numbers above 0 */
    if (is_usual(k, n, mean, precision, least)) return 0;
    return upper_tail(fmin(k, n), n, mean * precision, (1 - mean) * precision, least);
}

double stats_excess(double k, double n, share_t share) {
    return stats_excess_over(k, n, share, 0);
}

double stats_deficit(double k, double n, share_t share) {
    return stats_excess(n - k, n, (share_t){1 - share.mean, share.precision});
}

double stats_residual(double z, double degrees) {
    return z <= 0 ? 0 : (degrees + 1) / 2 * log10(1 + z * z / degrees);
}

void stats_wilson(double k, double n, double z, double *low, double *high) {
    if (!(n > 0)) {
        *low = 0;
        *high = 1;
        return;
    }
    double p = k / n, zz = z * z;
    double middle = (p + zz / (2 * n)) / (1 + zz / n);
    double half = z / (1 + zz / n) * sqrt(p * (1 - p) / n + zz / (4 * n * n));
    *low = middle - half > 0 ? middle - half : 0;
    *high = middle + half < 1 ? middle + half : 1;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double stats_quantile(double *values, size_t count, double q) {
    if (count == 0) return NAN;
    qsort(values, count, sizeof *values, ascending);
    double at = q * (double)(count - 1);
    size_t low = (size_t)at;
    size_t high = low + 1 < count ? low + 1 : low;
    return values[low] + (values[high] - values[low]) * (at - (double)low);
}
