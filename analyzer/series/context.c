/* What published detectors that do well share is that they score how new a *context* is, a short run of values, and not
 * the value: Burnaev and Ishimtsev 2016 ("Conformalized density- and distance-based anomaly detection in time-series
 * data") by its nearest neighbours among earlier runs, Smirnov's CAD OSE by sets of quantised left contexts, Numenta's
 * by a sequence memory. Here it is the plain nearest neighbour in the mean absolute difference. A jump, a frozen line,
 * a missing peak and a holiday are all runs without a like.
 *
 * Every lag is compared at every point, and yet a point costs the same however long the run is: the distance between
 * the run that ends now and the one that ended `lag` points ago,
 *
 *      D(now, lag) = sum over k < length of |y(now - k) - y(now - k - lag)|,
 *
 * loses one term and wins one when `now` moves on (the diagonal of the matrix profile: Yeh et al. 2016). Values are
 * integers, so nothing drifts, and 16 bits wide, so that a vector register holds eight.
 *
 * The scale is asinh of the distance from the median in spreads: linear near it, logarithmic far out, so that one huge
 * spike costs a run no more than a few points of plain difference. The spread is half the distance between the first
 * and the last decile, but at least a twentieth of the range: a series that is flat but for spikes has none. The scale
 * is taken anew when the history has grown by a sixteenth, or is renewed by as much, and then all distances are. */
#include "analyzer/series/context.h"

#include "analyzer/stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    NEEDED = CONTEXT_BUFFER - CONTEXT_ROOM, /* values that the distances are made of */
    SHORT = 20,                             /* points in a run */
    LONG = CONTEXT_LONGEST,
    STEPS = 32,   /* of the scale in one spread */
    LIMIT = 255,  /* the farthest step: 64 * 2 * 255 fits 16 bits */
    SAMPLE = 256, /* values from which the scale is taken */
    BESIDE = 3,   /* points beside a whole number of days */
    DAYS_MIN = 2  /* days known before there is a season */
};

_Static_assert(2 * LIMIT * CONTEXT_LONGEST <= INT16_MAX, "a distance fits its type");

static const size_t lengths[CONTEXT_LENGTHS] = {SHORT, LONG};
static const double SPREAD_MIN = 0.05; /* of the range */

void context_init(context_t *context) {
    memset(context, 0, sizeof *context);
    context->start = CONTEXT_ROOM;
    context->spread = 1;
}

static size_t kept(const context_t *context) {
    return context->count < NEEDED ? (size_t)context->count : NEEDED;
}

const double *context_values(const context_t *context, size_t *count) {
    *count = kept(context);
    return context->raw + context->start;
}

static int16_t scale(const context_t *context, double value) {
    double steps = STEPS * asinh((value - context->median) / context->spread);
    return (int16_t)lrint(fmax(-LIMIT, fmin(LIMIT, steps)));
}

/* As the larger of a number and its negative, which is one vector instruction. */
static inline int16_t magnitude(int16_t number) {
    int16_t negative = (int16_t)-number;
    return number > negative ? number : negative;
}

/* Adds the difference between `here` and each value of `there` to the distance of its lag. */
static void add_differences(int16_t *restrict distances, int16_t here, const int16_t *restrict there) {
    for (size_t i = 0; i < CONTEXT_HISTORY; i++)
        distances[i] = (int16_t)(distances[i] + magnitude((int16_t)(here - there[i])));
}

/* Moves the distances of all lags on by one point. `newest` is the history with the point that joined; the one that
 * leaves a run is as many points back as the run is long. */
static void move_on(context_t *restrict context, const int16_t *restrict newest) {
    const int16_t *restrict end_short = newest + SHORT, *restrict end_long = newest + LONG;
    int16_t joins = newest[0], leaves_short = end_short[0], leaves_long = end_long[0];
    int16_t *restrict distances_short = context->distances[0], *restrict distances_long = context->distances[1];
    for (size_t i = 0; i < CONTEXT_HISTORY; i++) {
        int16_t more = magnitude((int16_t)(joins - newest[i + 1]));
        int16_t less_short = magnitude((int16_t)(leaves_short - end_short[i + 1]));
        int16_t less_long = magnitude((int16_t)(leaves_long - end_long[i + 1]));
        distances_short[i] = (int16_t)(distances_short[i] + more - less_short);
        distances_long[i] = (int16_t)(distances_long[i] + more - less_long);
    }
}

static void take_scale(context_t *context) {
    double sample[SAMPLE];
    const double *values = context->raw + context->start;
    size_t have = kept(context), step = (have + SAMPLE - 1) / SAMPLE, count = 0;
    double low = values[0], high = values[0];
    for (size_t i = 0; i < have; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
        if (i % step == 0) sample[count++] = values[i];
    }
    context->median = stats_quantile(sample, count, 0.5);
    double inner = (stats_quantile(sample, count, 0.9) - stats_quantile(sample, count, 0.1)) / 2;
    context->spread = fmax(inner, SPREAD_MIN * (high - low));
    if (!(context->spread > 0)) context->spread = 1;
}

static void settle(context_t *context) {
    take_scale(context);
    int16_t *scaled = context->scaled + context->start;
    for (size_t i = 0; i < kept(context); i++) scaled[i] = scale(context, context->raw[context->start + i]);
    int16_t *distances_short = context->distances[0], *distances_long = context->distances[1];
    memset(distances_long, 0, sizeof context->distances[1]);
    for (size_t k = 0; k < LONG; k++) {
        if (k == SHORT) memcpy(distances_short, distances_long, sizeof context->distances[0]);
        add_differences(distances_long, scaled[k], scaled + k + 1);
    }
    uint64_t pause = context->count < NEEDED ? context->count / 8 : NEEDED / 8;
    context->settle_at = context->count + (pause > 0 ? pause : 1);
}

void context_add(context_t *context, double value) {
    assert(isfinite(value));
    if (context->start == 0) {
        context->start = CONTEXT_ROOM + 1;
        memmove(context->raw + context->start, context->raw, (NEEDED - 1) * sizeof *context->raw);
        memmove(context->scaled + context->start, context->scaled, (NEEDED - 1) * sizeof *context->scaled);
    }
    context->start--;
    context->count++;
    context->raw[context->start] = value;
    if (context->count >= context->settle_at) {
        settle(context);
        return;
    }
    int16_t *scaled = context->scaled + context->start;
    scaled[0] = scale(context, value);
    move_on(context, scaled);
}

/* The longest lag at which a whole run lies within what was seen. */
static size_t lag_max(const context_t *context, size_t which) {
    uint64_t count = context->count, length = lengths[which];
    if (count <= length) return 0;
    return count - length < CONTEXT_HISTORY ? (size_t)(count - length) : CONTEXT_HISTORY;
}

/* The least distance among the lags `from` to `to`. */
static int16_t least(const int16_t *distances, size_t from, size_t to) {
    int16_t found = INT16_MAX;
    for (size_t lag = from; lag <= to; lag++) found = distances[lag - 1] < found ? distances[lag - 1] : found;
    return found;
}

static double per_point(size_t which, int16_t distance) {
    return (double)distance / STEPS / (double)lengths[which];
}

double context_novelty(const context_t *context, size_t which) {
    size_t length = lengths[which], most = lag_max(context, which);
    return most < length + 2 ? NAN : per_point(which, least(context->distances[which], length, most));
}

double context_novelty_in_season(const context_t *context, size_t which, uint64_t day) {
    size_t most = lag_max(context, which);
    if (day <= 2 * BESIDE || day > CONTEXT_HISTORY || most < DAYS_MIN * day) return NAN;
    int16_t found = INT16_MAX;
    for (size_t lag = (size_t)day; lag <= most + BESIDE; lag += (size_t)day) {
        size_t to = lag + BESIDE < most ? lag + BESIDE : most;
        int16_t nearest = least(context->distances[which], lag - BESIDE, to);
        found = nearest < found ? nearest : found;
    }
    return per_point(which, found);
}
