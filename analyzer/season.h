/* season: what each hour of the last two weeks was like for one service, so that what comes every night, or every
 * Monday, is usual for its hour. Hours are of UTC; since clocks are set twice a year and jobs are late, an hour counts
 * as seen when it or one of its neighbours was so. A day that was bad by accident must not excuse the next: what lasts
 * is what both of the last two days showed, or the same weekday in both of the last two weeks.
 *
 * Of an hour, its worst five minutes are kept (a job of ten minutes would drown in the hour's mean): eight bytes an
 * hour, nothing before the first hour is over. */
#ifndef SEISMESH_ANALYZER_SEASON_H
#define SEISMESH_ANALYZER_SEASON_H

#include "analyzer/walk.h"

/* Two weeks ago with its neighbours must be among what is left when the oldest day is dropped. */
enum { SEASON_HOURS = 16 * 24, SEASON_VIEWS = 2, SEASON_BLOCKS = 12 /* in an hour */ };

/* An hour, in logarithms (season.c); 0 = not known. The rate of the block with the fewest and with the most requests,
 * and the largest share of errors and mean latency of any block. */
typedef struct {
    uint16_t rate_low, rate_high;
    uint8_t errors, mean[SEASON_VIEWS];
} season_hour_t;

/* What is counted in five minutes. */
typedef struct {
    float requests, errors, count[SEASON_VIEWS], seconds[SEASON_VIEWS];
} season_sums_t;

typedef struct {
    season_hour_t *hours; /* owned: of `count` hours, the last one is hour `hour - 1` */
    uint16_t count, room;
    int64_t block;     /* that is counted, since the epoch; INT64_MIN before the first request */
    season_hour_t now; /* of its hour, the blocks before it */
    season_sums_t sums;
    float requests, hour_requests; /* of this hour so far; of the last one */
} season_t;

typedef enum { SEASON_ERRORS, SEASON_MEAN, SEASON_MEAN_CALLER, SEASON_FIGURES } season_figure_t;

void season_init(season_t *season);
void season_fini(season_t *season);

/* Counts that belong to that block of five minutes since the epoch; blocks only grow. */
void season_add(season_t *season, int64_t block, const season_sums_t *sums);

/* The highest that the figure was at this hour of the day in both of the last two days, or at this hour of the week in
 * both of the last two weeks: share of requests, or seconds. NAN when it was in neither. */
double season_lasting(const season_t *season, int64_t hour, season_figure_t figure);

/* The range of the rate around this hour yesterday and a week ago; false when neither is known. */
bool season_rates(const season_t *season, int64_t hour, double *low, double *high);

/* What one hour that is over showed; NAN when it is not known. */
double season_value(const season_t *season, int64_t hour, season_figure_t figure);

/* The hour that was over last. */
int64_t season_last_hour(const season_t *season);

void season_walk(walk_t *walk, season_t *season);

#endif
