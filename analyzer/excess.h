/* excess: does one of two groups of requests, watched side by side, have more than its share of some event (a failure,
 * an answer slower than a limit)? It may be asked after every bucket of time, for as long as one likes, without the
 * error growing: `evidence` is the logarithm of an e-process, and for two groups that are alike the probability that it
 * ever reaches ln(1/alpha) is at most alpha (Ville's inequality).
 *
 * How. In each bucket the events of both groups together, K, are taken as given; alike groups share them by their
 * requests. What makes events more frequent for both at once (a surge, a slow database, a rising weight of the canary
 * at a bad hour) thereby cancels out, exactly, and no rate has to be known. The canary's part of K is binomial, or,
 * since events come in clusters, what two negative binomial counts leave given their sum: `scatter` is the squared
 * coefficient of variation of each group's own rate from bucket to bucket. The e-process is a ratio of likelihoods:
 * above, a mixture over how many times more frequent the events are (and over the scatter, and over when it began, so
 * that a canary that turns bad late is not protected by its past); below, no difference, with the scatter that explains
 * the data best. Such a ratio, mixture over maximum, is valid for every scatter (universal inference: Wasserman,
 * Ramdas, Balakrishnan 2020); one discount goes beyond it (log_alike in excess.c), and how often alike groups are told
 * apart is therefore measured in tests. */
#ifndef SEISMESH_ANALYZER_EXCESS_H
#define SEISMESH_ANALYZER_EXCESS_H

#include <stdint.h>

enum { EXCESS_FACTORS = 6, EXCESS_SCATTERS_NULL = 11, EXCESS_SCATTERS = 3 };

/* Sums of one group's counts over the buckets, with and without events. */
typedef struct {
    double buckets, k, n, kk, kn, nn;
} excess_series_t;

typedef struct {
    excess_series_t series[2];
    excess_series_t beside;                        /* all buckets of the one beside, with and without the other */
    double alike[EXCESS_SCATTERS_NULL];            /* log-likelihood without a difference, by scatter */
    double begun[EXCESS_FACTORS][EXCESS_SCATTERS]; /* log of the mixture over onsets, by factor and scatter */
    double alike_mixed[EXCESS_SCATTERS];           /* log-likelihood without a difference, scatters of the mixture */
    double waiting;                                /* prior probability that nothing has begun yet */
    uint32_t buckets;
    double evidence; /* ln of the e-process, now */
} excess_t;

void excess_init(excess_t *excess);

/* One bucket: k of n of the one watched, other_k of other_n of the one beside it. Buckets in which one of them has
 * no request, or none has an event, say nothing. Counts may be fractions; k <= n. */
void excess_add(excess_t *excess, double k, double n, double other_k, double other_n);

/* One bucket of the one beside, whether the one watched had requests or not: also excess_add's. How evenly its events
 * come says how much scatter there can be, also before the other one begins. */
void excess_beside(excess_t *excess, double other_k, double other_n);

/* The scatter, estimated: the lesser of what explains the parts best without a difference (a difference makes that too
 * large) and of what the groups' own counts vary over time (what hits both makes that too large). */
double excess_scatter(const excess_t *excess);

#endif
