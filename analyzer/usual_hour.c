/* What a service showed at this hour on earlier days is usual for it (season.h), and what its versions, instances and
 * callers show of it then is, too: up to that much, with some room, a verdict is taken back. Slowness of the hour is
 * compared with the last hours' usual, as the verdict is. */
#include "analyzer/habits.h"

#include <math.h>

static const double USUAL_ROOM = 1.3;   /* times what lasts */
static const double USUAL_LEAST = 1.2;  /* times the usual of the last hours: less is no unusual hour */
static const double USUAL_SHARE = 0.01; /* the same of requests failing, more than usual */

/* What the service's hour usually adds to what is usual for the service, in the verdict's terms; 0 = nothing. */
static double usual_effect(const habit_t *habit, const flow_t *flow, uint8_t role, int64_t hour) {
    if (role == TRACK_ERRORS) {
        double share = season_lasting(&habit->season, hour, SEASON_ERRORS);
        double added = share - flow->errors / fmax(flow->requests, 1);
        return added >= USUAL_SHARE ? added : 0;
    }
    int view = role == TRACK_CLIENT_LATENCY ? VIEW_CALLER : VIEW_SERVER;
    const usual_t *usual = &flow->usual[view];
    double mean = season_lasting(&habit->season, hour, (season_figure_t)((int)SEASON_MEAN + view));
    double factor = usual->count > 0 && usual->seconds > 0 ? mean / (usual->seconds / usual->count) : NAN;
    return factor >= USUAL_LEAST ? log(factor) : 0;
}

void usual_hour_apply(analyzer_t *analyzer, int64_t bucket) {
    for (uint32_t i = 0; i < analyzer->verdicts.count; i++) {
        verdict_t *verdict = &analyzer->verdicts.items[i];
        const subject_t *subject = &analyzer->subjects[verdict->subject];
        const track_t *track = &subject->tracks[verdict->track];
        uint8_t role = track->role;
        if (verdict->evidence <= 0 || track->gauge != NULL || subject->flow->recent_count == 0) continue;
        const habit_t *habit = habits_of(analyzer, subject->key.service);
        if (habit == NULL || habit->season.count == 0) continue;
        const flow_t *flow = analyzer->subjects[habit->subject].flow;
        double usual = flow == NULL ? 0 : usual_effect(habit, flow, role, bucket / HOUR_BUCKETS);
        double room = role == TRACK_ERRORS ? usual * USUAL_ROOM : usual + log(USUAL_ROOM);
        if (usual <= 0 || verdict->effect > room) continue;
        verdict->evidence = verdict->alone = 0;
        /* Of this hour, not of the others: it is no part of what is usual for the last hours. */
        subject->flow->recent[subject->flow->recent_count - 1].held = true;
    }
}
