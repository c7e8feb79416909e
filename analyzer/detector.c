/* One series, four measures of it, one currency.
 *
 *      value      the number itself                            both ways
 *      novelty    of the latest 20 and 64 points, anywhere     series/context.c
 *      season     of the same, at this time of earlier days    series/context.c
 *      stillness  of the latest 24 and 48 points               noise that has gone, a line that froze
 *
 * Each number is judged only by what the same measure has been before (series/extremes.c): how far outside, and for how
 * long nothing was so far outside. So a noisy series is not always new, one threshold serves all series, and no measure
 * has a unit to tune. The evidence is added, each measure once (stillness half: a quiet hour is often only that), the
 * lengths of one measure averaged; hence one measure that is very sure, or two that agree, make a report.
 *
 * After a report the bar stands above it and sinks to nothing within QUIET points: one event costs one flag, and a
 * worse one gets through. */
#include "analyzer/detector.h"

#include "analyzer/series/context.h"
#include "analyzer/series/extremes.h"
#include "analyzer/series/spacing.h"
#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { LENGTHS = CONTEXT_LENGTHS, QUIET = 150 };

static const extremes_rule_t value_rule = {.downwards = true, .long_unit = true, .learn = 100};
static const extremes_rule_t novelty_rule = {.unit_min = 0.1, .learn = 150}; /* in spreads */
static const extremes_rule_t season_rule = {.unit_min = 0.1, .learn = 300};  /* or a day, if that is less */
static const extremes_rule_t stillness_rule = {.unit_min = 0.1, .learn = 100};

static const size_t still_points[LENGTHS] = {24, 48};
static const double STILL_FLOOR = 0.05; /* of the deviation overall: less scatter than this is all the same */
static const double STILL_WEIGHT = 0.5;
static const double ABOVE = 1.35;      /* times a report: where the bar stands after it */
static const double NOTABLE = 0.5;     /* evidence that is half of the score's scale */
static const double VALUE_MAX = 1e140; /* so that squares and ranges stay finite */

struct detector {
    context_t context;
    extremes_t value, novelty[LENGTHS], season[LENGTHS], stillness[LENGTHS];
    spacing_t spacing;
    double mean, squares; /* of all values, after Welford 1962 */
    double count;
    double reported; /* evidence of the last report */
    uint32_t quiet;  /* points until the bar is down again */
};

detector_t *detector_new(double period_s) {
    detector_t *detector = memory_new(1, sizeof *detector);
    context_init(&detector->context);
    extremes_init(&detector->value);
    for (int i = 0; i < LENGTHS; i++) {
        extremes_init(&detector->novelty[i]);
        extremes_init(&detector->season[i]);
        extremes_init(&detector->stillness[i]);
    }
    spacing_init(&detector->spacing, period_s > 0 && period_s < 1e9 ? (int64_t)(period_s * 1e9) : 0);
    return detector;
}

void detector_free(detector_t *detector) {
    free(detector);
}

/* Minus the logarithm of the latest points' deviation, against that of all. NaN without either. */
static double stillness(const detector_t *detector, size_t points) {
    size_t have;
    const double *values = context_values(&detector->context, &have);
    double overall = sqrt(detector->squares / detector->count);
    if (have <= points || !(overall > 0)) return NAN;
    double mean = 0, squares = 0;
    for (size_t i = 0; i < points; i++) mean += values[i] / (double)points;
    for (size_t i = 0; i < points; i++) squares += (values[i] - mean) * (values[i] - mean);
    return -log(sqrt(squares / (double)points) / overall + STILL_FLOOR);
}

static void learn_deviation(detector_t *detector, double value) {
    detector->count++;
    double off = value - detector->mean;
    detector->mean += off / detector->count;
    detector->squares += off * (value - detector->mean);
}

static double evidence(detector_t *detector, double value) {
    uint64_t day = spacing_day(&detector->spacing);
    extremes_rule_t in_season = season_rule;
    if (day < in_season.learn) in_season.learn = (uint32_t)day;
    double sum = extremes_add(&detector->value, &value_rule, value);
    for (size_t i = 0; i < LENGTHS; i++) {
        double novelty = context_novelty(&detector->context, i);
        double season = context_novelty_in_season(&detector->context, i, day);
        double still = stillness(detector, still_points[i]);
        sum += extremes_add(&detector->novelty[i], &novelty_rule, novelty) / LENGTHS;
        sum += extremes_add(&detector->season[i], &in_season, season) / LENGTHS;
        sum += extremes_add(&detector->stillness[i], &stillness_rule, still) / LENGTHS * STILL_WEIGHT;
    }
    return sum;
}

/* Lets evidence through that is above the bar, which it then raises. */
static double hush(detector_t *detector, double found) {
    double bar = 0;
    if (detector->quiet > 0) bar = detector->reported * ABOVE * --detector->quiet / QUIET;
    if (!(found > bar)) return 0;
    detector->reported = found;
    detector->quiet = QUIET;
    return found;
}

double detector_add(detector_t *detector, int64_t time_ns, double value) {
    bool first = detector->count < 1;
    if (!isfinite(value) || (!first && time_ns < detector->spacing.last_ns)) return 0;
    value = fmax(-VALUE_MAX, fmin(VALUE_MAX, value));
    spacing_add(&detector->spacing, time_ns);
    learn_deviation(detector, value);
    context_add(&detector->context, value);
    double found = hush(detector, evidence(detector, value));
    return found / (found + NOTABLE);
}
