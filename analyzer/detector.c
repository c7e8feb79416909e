/* One series, three ideas, after what does well in published comparisons (see Lavin and Ahmad 2015 for the benchmark):
 *
 *  1. Context novelty. The newest eight points, on a scale that squeezes outliers (asinh of the distance from the
 * median, in units of the spread), are compared with every run of eight seen before; the distance to the nearest is how
 * new this shape is. A jump, a frozen line and a missing peak are all new shapes.
 *  2. Likelihood. Novelty is judged against its own long mean and deviation, so that a noisy series is not always new
 * and one threshold serves all series. A value outside everything ever seen, by three hundredths of the range, counts
 * as new at once.
 *  3. Silence after a report, unless it gets worse, so that one event costs one flag.
 *
 * The history is bounded (HISTORY points), the cost per point is HISTORY * CONTEXT subtractions, most of them cut
 * short. */
#include "analyzer/detector.h"

#include "analyzer/stats.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    HISTORY = 4096,    /* points remembered */
    CONTEXT = 8,       /* points that make a shape */
    SMOOTH = 2,        /* novelties averaged before they are judged */
    LEARN = 150,       /* points before the first score */
    SETTLED_EVERY = 50 /* points between two looks at the scale */
};

static const double QUIET = 120;          /* points of silence after a report */
static const double MEMORY = 2000;        /* points behind the long mean */
static const double OUTSIDE = 0.03;       /* of the range, beyond which a value is outside of it */
static const double OUTSIDE_WEIGHT = 100; /* what being outside is worth, in deviations */
static const double SPREAD_MIN = 0.2;     /* of the range: spread below which a series counts as flat with spikes */
static const double REPORT = 0.3;         /* score from which a report begins silence */

struct detector {
    double values[HISTORY]; /* ring, raw */
    double scaled[HISTORY]; /* the same on the present scale */
    double novelty[SMOOTH];
    uint64_t count; /* points seen */
    double median, spread;
    double lowest, highest;
    double sum, squares, weight; /* of novelty, decayed */
    double peak;                 /* score that began the silence */
    double silence;              /* points left of it */
    int64_t last_ns;
    double period_s;
};

detector_t *detector_new(double period_s) {
    detector_t *detector = memory_new(1, sizeof *detector);
    detector->period_s = period_s;
    detector->last_ns = INT64_MIN;
    detector->lowest = INFINITY;
    detector->highest = -INFINITY;
    return detector;
}

void detector_free(detector_t *detector) {
    free(detector);
}

static double scale_value(const detector_t *detector, double value) {
    return asinh((value - detector->median) / detector->spread);
}

/* Takes median and spread anew from the history and rescales it. */
static void settle_scale(detector_t *detector) {
    size_t have = detector->count < HISTORY ? (size_t)detector->count : HISTORY;
    double *sorted = memory_new(have, sizeof *sorted);
    memcpy(sorted, detector->values, have * sizeof *sorted);
    detector->median = stats_quantile(sorted, have, 0.5);
    detector->spread = (stats_quantile(sorted, have, 0.9) - stats_quantile(sorted, have, 0.1)) / 2;
    double least = (sorted[have - 1] - sorted[0]) * SPREAD_MIN;
    if (detector->spread < least) detector->spread = least;
    if (!(detector->spread > 0)) detector->spread = fabs(detector->median) * 0.01 + 1e-9;
    free(sorted);
    for (size_t i = 0; i < have; i++) detector->scaled[i] = scale_value(detector, detector->values[i]);
}

/* Distance from the newest context to the nearest earlier one that does not overlap it. */
static double nearest(const detector_t *detector) {
    uint64_t newest = detector->count - 1, oldest = detector->count > HISTORY ? detector->count - HISTORY : 0;
    double best = INFINITY;
    if (newest < oldest + 2 * CONTEXT) return 0;
    for (uint64_t end = oldest + CONTEXT; end <= newest - CONTEXT; end++) {
        double sum = 0;
        for (uint64_t back = 0; back < CONTEXT && sum < best; back++)
            sum += fabs(detector->scaled[(newest - back) % HISTORY] - detector->scaled[(end - back) % HISTORY]);
        if (sum < best) best = sum;
    }
    return best / CONTEXT;
}

/* How many of its own deviations the newest novelty lies above its mean; then joins it to the memory. */
static double likelihood(detector_t *detector, double novelty) {
    detector->novelty[detector->count % SMOOTH] = novelty;
    double now = 0;
    for (int i = 0; i < SMOOTH; i++) now += detector->novelty[i] / SMOOTH;
    double mean = detector->weight > 0 ? detector->sum / detector->weight : 0;
    double variance = detector->weight > 0 ? detector->squares / detector->weight - mean * mean : 1;
    double deviations = (now - mean) / (sqrt(variance > 1e-12 ? variance : 1e-12) + 1e-6);
    double keep = 1 - 1 / MEMORY;
    detector->sum = detector->sum * keep + novelty;
    detector->squares = detector->squares * keep + novelty * novelty;
    detector->weight = detector->weight * keep + 1;
    return deviations > 0 ? deviations : 0;
}

/* The same currency for a value outside of all that was seen. */
static double outside(const detector_t *detector, double value) {
    double range = detector->highest - detector->lowest;
    if (!(range > 0)) return value == detector->highest || detector->count < 2 ? 0 : OUTSIDE_WEIGHT;
    double over = fmax(value - detector->highest, detector->lowest - value) / range;
    return over > OUTSIDE ? OUTSIDE_WEIGHT * (1 + over) : 0;
}

static double hush(detector_t *detector, double score) {
    if (score <= detector->peak) {
        if (--detector->silence <= 0) detector->peak = 0;
        return 0;
    }
    if (score > REPORT) {
        detector->peak = score;
        detector->silence = QUIET;
    }
    return score;
}

/* A gap of more than half the history's worth of time makes no shape: the ring goes on, only the order counts. */
double detector_add(detector_t *detector, int64_t time_ns, double value) {
    if (!isfinite(value) || (detector->count > 0 && time_ns < detector->last_ns)) return 0;
    if (fabs(value) > 1e300) value = value > 0 ? 1e300 : -1e300; /* the range stays finite */
    detector->last_ns = time_ns;
    double beyond = outside(detector, value);
    detector->values[detector->count % HISTORY] = value;
    detector->count++;
    if (detector->count <= 100 || detector->count % SETTLED_EVERY == 1)
        settle_scale(detector);
    else
        detector->scaled[(detector->count - 1) % HISTORY] = scale_value(detector, value);
    detector->lowest = fmin(detector->lowest, value);
    detector->highest = fmax(detector->highest, value);
    if (detector->count <= 2 * CONTEXT + 1) return 0;
    double strange = likelihood(detector, nearest(detector));
    if (detector->count <= LEARN) return 0;
    strange = fmax(strange, beyond);
    return hush(detector, strange / (strange + 10));
}
