#include "analyzer/stats.h"

#include <math.h>
#include <stdlib.h>

static double log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign); /* lgamma() writes a global */
}

static double log_beta(double a, double b) {
    return log_gamma(a) + log_gamma(b) - log_gamma(a + b);
}

/* Sums the tail term by term from the observed count outwards. Terms fall fast there, so few are needed; the ratio of
 * neighbours is exact and saves the gamma functions. Returns log10(1/p). */
static double upper_tail(double k, double n, double alpha, double beta) {
    double first = log_gamma(n + 1) - log_gamma(k + 1) - log_gamma(n - k + 1) + log_beta(k + alpha, n - k + beta) -
                   log_beta(alpha, beta);
    double sum = 1, term = 1;
    for (double x = k; x < n && term > sum * 1e-9; x++) {
        term *= (n - x) / (x + 1) * (x + alpha) / (n - x - 1 + beta);
        sum += term;
    }
    double evidence = -(first + log(sum)) / log(10);
    return evidence > 0 ? evidence : 0;
}

double stats_excess(double k, double n, share_t share) {
    if (!(n > 0) || !(k > 0) || share.mean >= 1 || k <= n * share.mean) return 0;
    double mean = share.mean < 1e-9 ? 1e-9 : share.mean;
    double precision = share.precision > 1e9 ? 1e9 : share.precision;
    return upper_tail(k, n, mean * precision, (1 - mean) * precision);
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
