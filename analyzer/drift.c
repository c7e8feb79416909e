/* Slow drift: what rises by so little from hour to hour that the usual of the last hours follows it, and no tick ever
 * shows a deviation. Once an hour the last six hours of a service are looked at, and the same hour of the last four
 * days (season.h): where each is no less than the one before, and the last is half as much again as the first, it is
 * told as an anomaly. Six figures rise in order by chance once in 720 times; that they rise by half, and beyond what
 * the hour had on both of the last two days, is asked besides. Nobody feels the difference at any moment, so no
 * incident is opened. */
#include "analyzer/habits.h"

#include <math.h>

enum { HOURS = 6, DAYS = 4, DAY = 24, HOUR_S = 3600 };

static const double STEADY = 0.95, GROWN = 1.5, BEYOND_SEASON = 1.3; /* times the one before; the first; the season's */
static const double SHARE_GROWN = 0.01;                              /* of requests failing, more than the first */
static const double LATENCY_GROWN_S = 0.005;

/* True when the figures, oldest first, rise steadily and far enough. */
static bool rises(const double *values, int count, season_figure_t figure) {
    double first = values[0], last = values[count - 1];
    for (int i = 0; i < count; i++)
        if (isnan(values[i]) || (i > 0 && values[i] < values[i - 1] * STEADY)) return false;
    if (figure == SEASON_ERRORS) return last - first >= SHARE_GROWN;
    return last >= first * GROWN && last - first >= LATENCY_GROWN_S;
}

static bool drifts(const season_t *season, int64_t hour, season_figure_t figure, double *seen, double *expected,
                   int64_t *since_hour) {
    double hours[HOURS], days[DAYS], lasting = season_lasting(season, hour, figure);
    for (int i = 0; i < HOURS; i++) hours[i] = season_value(season, hour - HOURS + 1 + i, figure);
    for (int i = 0; i < DAYS; i++) days[i] = season_value(season, hour - DAY * (DAYS - 1 - i), figure);
    *seen = hours[HOURS - 1];
    if (rises(hours, HOURS, figure) && !(*seen <= lasting * BEYOND_SEASON)) {
        *expected = hours[0];
        *since_hour = hour - HOURS + 1;
        return true;
    }
    *expected = days[0];
    *since_hour = hour - DAY * (DAYS - 1);
    return rises(days, DAYS, figure);
}

static void tell(const analyzer_t *analyzer, const habit_t *habit, int64_t hour, season_figure_t figure) {
    static const char *const signals[] = {"errors", "latency", "client latency"};
    double seen, expected;
    int64_t since_hour;
    if (!drifts(&habit->season, hour, figure, &seen, &expected, &since_hour)) return;
    explanation_t said = {.signal = signals[figure],
                          .unit = figure == SEASON_ERRORS ? UNIT_RATIO : UNIT_SECONDS,
                          .seen = seen,
                          .low = expected / BEYOND_SEASON,
                          .high = expected * BEYOND_SEASON,
                          .requests = habit->season.hour_requests,
                          .window_s = HOUR_S,
                          .history_windows = (double)(hour - since_hour),
                          .began_ns = since_hour * HOUR_BUCKETS * BUCKET_NS};
    habit_tell(analyzer, habit, &said, expected, (hour + 1) * HOUR_BUCKETS * BUCKET_NS);
}

void drift_tell(const analyzer_t *analyzer, const habit_t *habit, int64_t hour) {
    const subject_t *subject = &analyzer->subjects[habit->subject];
    for (uint32_t t = 0; t < subject->track_count; t++)
        if (subject->tracks[t].trouble.incident != 0) return; /* that is told already */
    for (int figure = 0; figure < SEASON_FIGURES; figure++) tell(analyzer, habit, hour, (season_figure_t)figure);
}
