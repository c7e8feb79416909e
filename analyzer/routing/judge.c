#include "analyzer/routing/judge.h"

#include <math.h>

/* Sure (two-sided 1 % by chance), and large enough to be felt; before the window is over, surer. */
static const double Z_CLEAR = 2.58, Z_AT_ONCE = 4, POINTS_MIN = 0.005, FACTOR_MIN = 1.25, SECONDS_MIN = 0.01;
static const double SHARE_EXACT = 1e-9;    /* Wilson's interval of no errors at all begins at a rounding error */
static const double QUANTILE_EXACT = 0.04; /* of a quantile read from bins of 19 %, between which it is interpolated */
enum { AT_ONCE_REQUESTS = 100 };

/* Standard deviations between two shares, pooled; above 0 when the second is larger. */
static double share_z(double k0, double n0, double k1, double n1) {
    if (!(n0 > 0) || !(n1 > 0)) return 0;
    double p = (k0 + k1 + 1) / (n0 + n1 + 2);
    return (k1 / n1 - k0 / n0) / sqrt(p * (1 - p) * (1 / n0 + 1 / n1));
}

static int direction(double z, double z_clear) {
    return z >= z_clear ? 1 : z <= -z_clear ? -1 : 0;
}

static figure_t judge_errors(const trial_t *trial, double z_clear) {
    const fare_t *before = &trial->before, *after = &trial->after;
    figure_t figure = {.told = trial->errors.told,
                       .before = before->requests > 0 ? before->errors / before->requests : NAN,
                       .observed = after->requests > 0 ? after->errors / after->requests : NAN};
    double z = share_z(before->errors, before->requests, after->errors, after->requests);
    if (fabs(figure.observed - figure.before) >= POINTS_MIN) figure.change = direction(z, z_clear);
    figure.inside = figure.told && figure.observed >= trial->errors.low - SHARE_EXACT &&
                    figure.observed <= trial->errors.high + SHARE_EXACT;
    if (figure.change > 0 && figure.told && figure.observed <= trial->errors.high) figure.change = 0;
    return figure;
}

/* The two distributions are compared by the shares above the geometric mean of their 99th percentiles. */
static figure_t judge_p99(const trial_t *trial, double z_clear) {
    const histogram_t *before = &trial->before.latency, *after = &trial->after.latency;
    figure_t figure = {.told = trial->p99_s.told,
                       .before = histogram_quantile(before, 0.99),
                       .observed = histogram_quantile(after, 0.99)};
    if (isnan(figure.before) || isnan(figure.observed)) return figure;
    double factor = figure.observed / figure.before, middle = sqrt(figure.observed * figure.before);
    int bin = 0;
    while (bin < HISTOGRAM_BINS && histogram_seconds(bin) < middle) bin++;
    double z = share_z(histogram_above(before, bin), histogram_total(before), histogram_above(after, bin),
                       histogram_total(after));
    bool felt = fmax(factor, 1 / factor) >= FACTOR_MIN && fabs(figure.observed - figure.before) >= SECONDS_MIN;
    if (felt) figure.change = direction(z, z_clear);
    figure.inside = figure.told && figure.observed >= trial->p99_s.low * (1 - QUANTILE_EXACT) &&
                    figure.observed <= trial->p99_s.high * (1 + QUANTILE_EXACT);
    if (figure.change > 0 && figure.told && figure.observed <= trial->p99_s.high) figure.change = 0;
    return figure;
}

static void compare(const trial_t *trial, double z_clear, judgement_t *judgement) {
    figure_t errors = judge_errors(trial, z_clear), p99_s = judge_p99(trial, z_clear);
    bool harmed = errors.change > 0 || (p99_s.change > 0 && errors.change >= 0);
    bool helped = errors.change < 0 || p99_s.change < 0;
    *judgement = (judgement_t){harmed ? OUTCOME_HARMED : helped ? OUTCOME_HELPED : OUTCOME_NO_EFFECT, errors, p99_s};
}

void judge(const trial_t *trial, judgement_t *judgement) {
    compare(trial, Z_CLEAR, judgement);
}

bool judge_harm(const trial_t *trial) {
    judgement_t judgement;
    if (trial->after.requests < AT_ONCE_REQUESTS) return false;
    compare(trial, Z_AT_ONCE, &judgement);
    return judgement.outcome == OUTCOME_HARMED;
}
