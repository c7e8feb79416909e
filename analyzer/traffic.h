/* traffic: whether a service gets as many requests as it should: a surge, a drop, or none at all. More or fewer
 * requests are nobody's failure, so they open no incident: they are told as anomalies, and as the cause of what follows
 * them (cause.h).
 *
 * Expected is what was usual for the last hours (a mean that forgets with a half-life of two hours), and what the same
 * hour had yesterday and a week ago (season.h): what one of them knows is no deviation. Requests come in clusters; by
 * how much more than chance their number scatters is learned from the counts (sum of chi-square - 1 over the expected).
 */
#ifndef SEISMESH_ANALYZER_TRAFFIC_H
#define SEISMESH_ANALYZER_TRAFFIC_H

#include "analyzer/season.h"
#include "analyzer/state.h"

enum { TRAFFIC_RECENT = 3 }; /* arrivals of counts that are judged together: half a minute */

typedef enum { TRAFFIC_USUAL, TRAFFIC_SURGE, TRAFFIC_DROP, TRAFFIC_SILENCE, TRAFFIC_STATES } traffic_state_t;

/* Rates in requests/s. */
typedef struct {
    float requests, elapsed_s;                             /* behind the usual rate, decayed */
    float lumps, lump_weight;                              /* of their scatter */
    float counts[TRAFFIC_RECENT], spans_s[TRAFFIC_RECENT]; /* newest last */
    uint8_t recent;
    uint32_t arrivals;   /* learned, at most 65535 */
    float pace;          /* median of the buckets from one arrival of counts to the next, tracked */
    float gap_usual;     /* longest time without requests that was usual, in buckets; shrinks slowly */
    int64_t last_bucket; /* with requests */
    uint8_t state;       /* traffic_state_t */
    int64_t since_ns;    /* of the state, when it is not the usual one */
    float seen, expected, low, high, window_s; /* newest, in that state */
} traffic_t;

/* Incidents of which the service was the first suspect, each less than half an hour after the one before. */
typedef struct {
    uint16_t times;              /* 0 = none yet */
    int64_t since_ns, closed_ns; /* when the first was opened, and the last closed */
} flapping_t;

/* What is remembered of one service besides its subject. */
typedef struct {
    uint32_t subject; /* of the service */
    traffic_t traffic;
    season_t season;
    flapping_t flapping;
} habit_t;

typedef struct habits {
    habit_t *items; /* in order of their subjects */
    uint32_t count, capacity;
    uint32_t subjects_seen;
} habits_t;

habits_t *habits_new(void);
void habits_free(habits_t *habits);

/* The service's habits; NULL when it has none. */
const habit_t *habits_of(const analyzer_t *analyzer, uint32_t service);

/* Takes one closed bucket with data, after it was observed; tells what deviates. */
void traffic_tick(analyzer_t *analyzer, int64_t bucket);

/* Tells the sink of an anomaly of a service. */
void habit_tell(const analyzer_t *analyzer, const habit_t *habit, const explanation_t *said, double expected,
                int64_t now_ns);

/* drift.c: tells what rose slowly until that hour. */
void drift_tell(const analyzer_t *analyzer, const habit_t *habit, int64_t hour);

/* Verdicts on what is usual for the hour are taken back (season.h). */
void season_apply(analyzer_t *analyzer, int64_t bucket);

/* The habits' part of the analyzer's state, in both directions; the subjects are known. */
void habits_walk(walk_t *walk, analyzer_t *analyzer);

#endif
