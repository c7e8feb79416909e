/* stats: the few distributions that the detectors need. Evidence is always log10(1/p): 3 means one in a thousand. */
#ifndef SEISMESH_ANALYZER_STATS_H
#define SEISMESH_ANALYZER_STATS_H

#include <stddef.h>

/* A share that varies from bucket to bucket more than a binomial would: mean and precision of the beta distribution
 * that each bucket's share is drawn from. An infinite precision is the plain binomial. */
typedef struct {
    double mean, precision;
} share_t;

/* Evidence against "k or more of n happen by chance at this share" (beta-binomial upper tail). 0 when k is not above
 * the mean. */
double stats_excess(double k, double n, share_t share);

/* The same for those to whom evidence below `least` is none: then what is returned is below it, too, but not exact. */
double stats_excess_over(double k, double n, share_t share, double least);

/* The same for "k or fewer". */
double stats_deficit(double k, double n, share_t share);

/* Evidence of a standardised residual under Student's t: its tail is heavy when few points are behind it. */
double stats_residual(double z, double degrees);

/* Interval of a share from k of n (Wilson), z standard deviations wide. n = 0 gives 0..1. */
void stats_wilson(double k, double n, double z, double *low, double *high);

/* Quantile q of the `count` values, which are sorted in place; interpolates. NaN when there are none. */
double stats_quantile(double *values, size_t count, double q);

#endif
