/* Flapping: a fault that comes and goes. An incident whose first suspect had one that closed less than half an hour
 * before is told as the second, third … of a series; from the third on an incident stays open through ten quiet
 * minutes, so that what goes on flapping is one incident, not one every few minutes. */
#include "analyzer/habits.h"

enum { AGAIN_S = 1800, FLAPS = 3, FLAPPING_QUIET_S = 600 };

static bool follows(const flapping_t *flapping, int64_t opened_ns) {
    return flapping->times > 0 && opened_ns >= flapping->closed_ns &&
           opened_ns - flapping->closed_ns <= AGAIN_S * INT64_C(1000000000);
}

static const habit_t *habit_of(const analyzer_t *analyzer, const incident_t *incident) {
    return incident->suspect_count > 0 ? habits_of(analyzer, incident->suspects[0].service) : NULL;
}

uint32_t flapping_times(const analyzer_t *analyzer, const incident_t *incident, int64_t *since_ns) {
    const habit_t *habit = habit_of(analyzer, incident);
    *since_ns = incident->opened_ns;
    if (habit == NULL || !follows(&habit->flapping, incident->opened_ns)) return 1;
    *since_ns = habit->flapping.since_ns;
    return habit->flapping.times + 1;
}

double flapping_quiet_s(const analyzer_t *analyzer, const incident_t *incident) {
    int64_t since_ns;
    return flapping_times(analyzer, incident, &since_ns) >= FLAPS ? FLAPPING_QUIET_S : 0;
}

void flapping_closed(analyzer_t *analyzer, const incident_t *incident) {
    const habit_t *known = habit_of(analyzer, incident);
    if (known == NULL) return;
    flapping_t *flapping = &analyzer->habits->items[known - analyzer->habits->items].flapping;
    bool again = follows(flapping, incident->opened_ns);
    flapping->times = again ? (uint16_t)(flapping->times + (flapping->times < UINT16_MAX)) : 1;
    if (!again) flapping->since_ns = incident->opened_ns;
    flapping->closed_ns = incident->closed_ns;
}
