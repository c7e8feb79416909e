/* habits: what is remembered of each service besides its subject: what it usually gets (traffic.h), what its hours are
 * like (season.h), and whether its incidents come and go (flapping.c). */
#ifndef SEISMESH_ANALYZER_HABITS_H
#define SEISMESH_ANALYZER_HABITS_H

#include "analyzer/traffic.h"

/* Incidents of which the service was the first suspect, each less than half an hour after the one before. */
typedef struct {
    uint16_t times;              /* 0 = none yet */
    int64_t since_ns, closed_ns; /* when the first was opened, and the last closed */
} flapping_t;

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
void habits_tick(analyzer_t *analyzer, int64_t bucket);

/* Tells the sink of an anomaly of a service, unless people called it expected or muted it; fills in the subject. */
void habit_tell(const analyzer_t *analyzer, const habit_t *habit, explanation_t *said, double expected, int64_t now_ns);

/* drift.c: tells what rose slowly until that hour. */
void drift_tell(const analyzer_t *analyzer, const habit_t *habit, int64_t hour);

/* usual_hour.c: takes back verdicts on what is usual for the hour. */
void usual_hour_apply(analyzer_t *analyzer, int64_t bucket);

/* The habits' part of the analyzer's state, in both directions; the subjects are known. */
void habits_walk(walk_t *walk, analyzer_t *analyzer);

#endif
