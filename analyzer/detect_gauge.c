/* A gauge that somebody else computed: level and spread of its history by median and quantiles, in logarithms, because
 * latencies and ratios of failures move by factors. The tail of the residual is Student's, with few degrees of freedom
 * while the history is short; until then a wide prior spread keeps a young series from crying. */
#include "analyzer/state.h"

#include <math.h>

enum { HISTORY_MIN = 2, GAP_PERIODS = 3, PRIOR_POINTS = 3, DEGREES_MAX = 8 };

static const double SUSPICIOUS = 2;
static const double BETWEEN_POINTS = 0.15; /* log time that a latency wanders from point to point, beside chance */

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

/* Standard error of a statistic of n requests' latencies, in log time, if those are spread by a factor of e: a 99th
 * percentile of a hundred requests hangs on one of them, and a median on none. */
static double sampling_error(uint8_t quantile, double n) {
    static const struct {
        uint8_t quantile;
        double once; /* of one request: sqrt(q (1 - q)) / density of the normal distribution at its quantile q */
    } statistics[] = {{0, 1.31}, {50, 1.25}, {90, 1.71}, {95, 2.11}, {99, 3.73}};
    double once = statistics[0].once;
    for (size_t i = 0; i < sizeof statistics / sizeof statistics[0]; i++)
        if (statistics[i].quantile == quantile) once = statistics[i].once;
    return once / sqrt(fmax(n, 1));
}

/* Spread that is expected before it was seen; `n`: requests behind a point, NAN when not known. */
static double prior_spread(const track_t *track, double n) {
    bool latency = track->role == TRACK_LATENCY || track->role == TRACK_CLIENT_LATENCY;
    if (!latency || isnan(n)) return readings[track->role].prior;
    return hypot(BETWEEN_POINTS, sampling_error(track->quantile, n));
}

/* The values that are usual: those accepted, and the newest one unless it is strange. */
static bool pending_is_usual(const gauge_track_t *gauge) {
    return !isnan(gauge->pending) && !gauge->pending_suspicious && !gauge->held;
}

static uint32_t usual_values(const gauge_track_t *gauge, double values[static GAUGE_HISTORY + 1]) {
    uint32_t count = 0;
    for (; count < gauge->count; count++) values[count] = gauge->history[count];
    if (pending_is_usual(gauge)) values[count++] = gauge->pending;
    return count;
}

/* `requests` behind a point of a latency, NAN when not known. False while there are too few values. */
static bool level_of(const track_t *track, double requests, level_t *level) {
    double values[GAUGE_HISTORY + 1], deviations[GAUGE_HISTORY + 1];
    uint32_t count = usual_values(track->gauge, values);
    if (count < HISTORY_MIN) return false;
    double median = stats_quantile(values, count, 0.5);
    double upper = (stats_quantile(values, count, 0.9) - median) / 1.28;
    double tail = (values[count - 1] - median) / 2.5; /* sorted by now; a rare jump is this series' habit */
    if (count >= 8 && tail > upper) upper = tail;
    for (uint32_t i = 0; i < count; i++) deviations[i] = fabs(values[i] - median);
    double spread = 1.4826 * stats_quantile(deviations, count, 0.5);
    if (upper > spread) spread = upper;
    if (spread < readings[track->role].floor) spread = readings[track->role].floor;
    double n = count, prior = prior_spread(track, requests);
    spread = sqrt((n * spread * spread + PRIOR_POINTS * prior * prior) / (n + PRIOR_POINTS) * (1 + 1 / n));
    *level = (level_t){median, spread, n};
    return true;
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

/* The least change worth telling, in the signal's own terms and in requests per minute; `rate` NAN when not known. */
static bool worth_telling(const analyzer_t *analyzer, const track_t *track, const verdict_t *verdict, double rate) {
    double sensitivity = analyzer->config.sensitivity;
    return verdict->effect * sensitivity >= readings[track->role].effect &&
           verdict->excess * sensitivity >= readings[track->role].excess &&
           (isnan(rate) || filling(track->role) ||
            verdict->affected_per_minute * sensitivity >= analyzer->config.minimum_rate);
}

/* False when the value cannot be worth telling, whatever the spread: most of what is usual lies so near below it, or
 * above, that the median does, too. That much is seen by counting, without putting the history in order. */
static bool may_stand_out(const analyzer_t *analyzer, const track_t *track, double read) {
    const gauge_track_t *gauge = track->gauge;
    float limit = (float)(read - readings[track->role].effect / analyzer->config.sensitivity + 1e-5 * (1 + fabs(read)));
    uint32_t near = 0, count = gauge->count;
    for (uint32_t i = 0; i < gauge->count; i++) near += gauge->history[i] > limit;
    if (pending_is_usual(gauge)) {
        near += gauge->pending > (double)limit;
        count++;
    }
    return near < count / 2 + 1;
}

/* True when the value is suspicious even alone. */
static bool judge(analyzer_t *analyzer, uint32_t subject, uint32_t index, double value, double rate) {
    const track_t *track = &analyzer->subjects[subject].tracks[index];
    gauge_track_t *gauge = track->gauge;
    uint8_t role = track->role;
    double n = isnan(rate) ? NAN : rate / 60 * gauge->period_s; /* requests behind the point */
    if (gauge->count + (pending_is_usual(gauge) ? 1U : 0U) < HISTORY_MIN) return false;
    bool opens =
        readings[role].opens && (role != TRACK_CLIENT_LATENCY || analyzer->subjects[subject].key.kind == ENTITY_EDGE);
    track_asked(analyzer, subject, role, opens);
    track_judged(analyzer, subject, index);
    gauge->streak = (uint8_t)(gauge->streak << 1);
    double read = read_value(role, value);
    level_t level;
    if (!may_stand_out(analyzer, track, read) || !level_of(track, n, &level)) return false;
    double z = (read - level.median) / level.spread;
    if (!(z > 0)) return false;
    double expected = value_of(role, level.median), observed = role == TRACK_GAUGE_FAILURES ? 1 - value : value;
    verdict_t verdict = {
        .subject = subject,
        .track = index,
        .effect = read - level.median,
        .excess = observed - expected > 0 ? observed - expected : 0,
        .observed = observed,
        .expected = expected,
        .period_s = gauge->period_s,
        .window_s = gauge->period_s,
        .requests = isnan(rate) ? 0 : rate * gauge->period_s / 60,
        .opens = opens,
    };
    double share = role == TRACK_GAUGE_FAILURES ? verdict.excess
                   : track->quantile != 0       ? 1 - track->quantile / 100.0
                                                : 0.5;
    verdict.affected_per_minute = isnan(rate) ? 0 : rate * share;
    if (!worth_telling(analyzer, track, &verdict, rate)) return false;
    verdict.low = fmax(value_of(role, level.median - 2 * level.spread), 0);
    verdict.high = value_of(role, level.median + 2 * level.spread);
    verdict.alone = verdict.evidence = stats_residual(z, fmin(level.count - 1 + PRIOR_POINTS, DEGREES_MAX));
    verdict.suspicious = verdict.evidence >= SUSPICIOUS;
    *verdict_add(analyzer, subject, index) = verdict;
    return verdict.suspicious;
}

void detect_gauge(analyzer_t *analyzer, uint32_t subject, uint32_t index, double value, int64_t time_ns, double rate) {
    track_t *track = &analyzer->subjects[subject].tracks[index];
    gauge_track_t *gauge = track->gauge;
    if (!isfinite(value) || time_ns <= gauge->last_ns) return;
    if (gauge->period_s > 0 && (double)(time_ns - gauge->last_ns) * 1e-9 > GAP_PERIODS * gauge->period_s)
        gauge->streak = 0;
    learn_period(gauge, time_ns);
    gauge->last_ns = time_ns;
    bool again = judge(analyzer, subject, index, value, rate);
    accept(gauge, again);
    gauge->before_suspicious = gauge->pending_suspicious;
    gauge->pending = read_value(track->role, value);
    gauge->pending_suspicious = gauge->held = false;
}

bool gauge_band(const track_t *track, double *low, double *expected, double *high) {
    level_t level;
    if (!level_of(track, NAN, &level)) return false;
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
