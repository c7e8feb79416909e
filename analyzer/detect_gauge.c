/* A gauge that somebody else computed: level and spread of its history by median and quantiles, in logarithms, because
 * latencies and ratios of failures move by factors. The tail of the residual is Student's, with few degrees of freedom
 * while the history is short; until then a wide prior spread keeps a young series from crying. */
#include "analyzer/state.h"

#include <math.h>

enum { HISTORY_MIN = 2, GAP_PERIODS = 3 };

static const double SUSPICIOUS = 2;

/* How a role is read: value added before the logarithm (so that zero is a value), the spread below which scatter is
 * called rounding, the spread expected before any was seen, and the least change worth telling. What fills up is read
 * as its headroom: waiting goes with 1 / headroom, so from 10 % to 30 % is nothing and from 80 % to 95 % much. */
static const struct {
    double offset, floor, prior, effect, excess;
    bool opens; /* felt by users: may open an incident */
} readings[TRACK_ROLES] = {
    [TRACK_LATENCY] = {1e-5, 0.1, 0.4, 0.405, 0.010, true},
    [TRACK_CLIENT_LATENCY] = {1e-5, 0.1, 0.4, 0.405, 0.010, true},
    [TRACK_GAUGE_FAILURES] = {0.005, 0.25, 0.5, 0.69, 0.01, true},
    [TRACK_GAUGE_SATURATION] = {0.02, 0.2, 0.5, 0.69, 0.1, false},
    [TRACK_GAUGE_PROCESSOR] = {0.02, 0.2, 0.5, 0.69, 0.1, true},
    [TRACK_GAUGE_OTHER] = {1e-6, 0.2, 0.5, 1.0, 0, false},
};

static bool filling(uint8_t role) {
    return role == TRACK_GAUGE_SATURATION || role == TRACK_GAUGE_PROCESSOR;
}

static double read_value(uint8_t role, double value) {
    if (filling(role)) return -log(fmax(1 - value, 0) + readings[role].offset);
    if (role == TRACK_GAUGE_FAILURES) value = 1 - value;
    return log((value > 0 ? value : 0) + readings[role].offset);
}

static double value_of(uint8_t role, double read) {
    if (filling(role)) return 1 + readings[role].offset - exp(-read);
    return exp(read) - readings[role].offset;
}

typedef struct {
    double median, spread, count;
} level_t;

static level_t level_of(const track_t *track) {
    double values[GAUGE_HISTORY], deviations[GAUGE_HISTORY];
    const gauge_track_t *gauge = track->gauge;
    for (uint16_t i = 0; i < gauge->count; i++) values[i] = gauge->history[i];
    double median = stats_quantile(values, gauge->count, 0.5);
    double upper = (stats_quantile(values, gauge->count, 0.9) - median) / 1.28;
    double tail = (values[gauge->count - 1] - median) / 2.5; /* sorted by now; a rare jump is this series' habit */
    if (gauge->count >= 8 && tail > upper) upper = tail;
    for (uint16_t i = 0; i < gauge->count; i++) deviations[i] = fabs(gauge->history[i] - median);
    double spread = 1.4826 * stats_quantile(deviations, gauge->count, 0.5);
    if (upper > spread) spread = upper;
    if (spread < readings[track->role].floor) spread = readings[track->role].floor;
    double n = gauge->count, prior = readings[track->role].prior;
    spread = sqrt((n * spread * spread + 3 * prior * prior) / (n + 3) * (1 + 1 / n));
    return (level_t){median, spread, n};
}

/* A value is accepted when the next one has come: one strange value between two usual ones is the series' habit and
 * belongs to its baseline, or a rare jump would never become usual; two in a row are not. */
static void accept(gauge_track_t *gauge, bool again) {
    if (isnan(gauge->pending)) return;
    bool blip = gauge->pending_suspicious && !gauge->before_suspicious && !again;
    if (blip || (!gauge->pending_suspicious && !gauge->held)) {
        gauge->history[gauge->next] = (float)gauge->pending;
        gauge->next = (uint16_t)((gauge->next + 1) % GAUGE_HISTORY);
        if (gauge->count < GAUGE_HISTORY) gauge->count++;
    }
    gauge->pending = NAN;
}

static void learn_period(gauge_track_t *gauge, int64_t time_ns) {
    if (gauge->last_ns == INT64_MIN || time_ns <= gauge->last_ns) return;
    double spacing = (double)(time_ns - gauge->last_ns) * 1e-9;
    if (gauge->period_s <= 0 || spacing < 0.7 * gauge->period_s)
        gauge->period_s = spacing;
    else if (spacing < 1.5 * gauge->period_s)
        gauge->period_s += (spacing - gauge->period_s) * 0.2;
}

/* True when the value is suspicious even alone. */
static bool judge(analyzer_t *analyzer, uint32_t subject, uint32_t index, double value, double rate) {
    const track_t *track = &analyzer->subjects[subject].tracks[index];
    uint8_t role = track->role;
    level_t level = level_of(track);
    double read = read_value(role, value), z = (read - level.median) / level.spread;
    double degrees = level.count - 1 < 1 ? 1 : level.count - 1 > 8 ? 8 : level.count - 1;
    double expected = value_of(role, level.median), observed = role == TRACK_GAUGE_FAILURES ? 1 - value : value;
    verdict_t *verdict = verdict_add(analyzer, subject, index);
    verdict->effect = read - level.median > 0 ? read - level.median : 0;
    verdict->excess = observed - expected > 0 ? observed - expected : 0;
    verdict->observed = observed;
    verdict->expected = expected;
    verdict->low = fmax(value_of(role, level.median - 2 * level.spread), 0);
    verdict->high = value_of(role, level.median + 2 * level.spread);
    verdict->period_s = verdict->window_s = track->gauge->period_s;
    verdict->requests = isnan(rate) ? 0 : rate * verdict->window_s / 60;
    double share = role == TRACK_GAUGE_FAILURES ? verdict->excess
                   : track->quantile != 0       ? 1 - track->quantile / 100.0
                                                : 0.5;
    verdict->affected_per_minute = isnan(rate) ? 0 : rate * share;
    double sensitivity = analyzer->config.sensitivity;
    bool enough =
        verdict->effect * sensitivity >= readings[role].effect &&
        verdict->excess * sensitivity >= readings[role].excess &&
        (isnan(rate) || filling(role) || verdict->affected_per_minute * sensitivity >= analyzer->config.minimum_rate);
    verdict->evidence = enough ? stats_residual(z, degrees) : 0;
    verdict->opens =
        readings[role].opens && (role != TRACK_CLIENT_LATENCY || analyzer->subjects[subject].key.kind == ENTITY_EDGE);
    verdict->alone = verdict->evidence;
    verdict->suspicious = verdict->evidence >= SUSPICIOUS;
    return verdict->suspicious;
}

void detect_gauge(analyzer_t *analyzer, uint32_t subject, uint32_t index, double value, int64_t time_ns, double rate) {
    track_t *track = &analyzer->subjects[subject].tracks[index];
    gauge_track_t *gauge = track->gauge;
    if (!isfinite(value) || time_ns <= gauge->last_ns) return;
    if (gauge->period_s > 0 && (double)(time_ns - gauge->last_ns) * 1e-9 > GAP_PERIODS * gauge->period_s)
        track->trouble.streak = 0;
    learn_period(gauge, time_ns);
    gauge->last_ns = time_ns;
    bool again = gauge->count >= HISTORY_MIN && judge(analyzer, subject, index, value, rate);
    accept(gauge, again);
    gauge->before_suspicious = gauge->pending_suspicious;
    gauge->pending = read_value(track->role, value);
    gauge->pending_suspicious = gauge->held = false;
}

bool gauge_band(const track_t *track, double *low, double *expected, double *high) {
    if (track->gauge->count < HISTORY_MIN) return false;
    level_t level = level_of(track);
    *expected = value_of(track->role, level.median);
    *low = fmax(value_of(track->role, level.median - 2 * level.spread), 0);
    *high = value_of(track->role, level.median + 2 * level.spread);
    if (track->role != TRACK_GAUGE_FAILURES) return true;
    double swap = 1 - *low; /* the gauge tells successes */
    *low = fmax(1 - *high, 0);
    *high = swap;
    *expected = 1 - *expected;
    return true;
}
