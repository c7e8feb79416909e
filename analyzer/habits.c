#include "analyzer/habits.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

habits_t *habits_new(void) {
    return memory_new(1, sizeof(habits_t));
}

void habits_free(habits_t *habits) {
    for (uint32_t i = 0; habits != NULL && i < habits->count; i++) season_fini(&habits->items[i].season);
    if (habits != NULL) free(habits->items);
    free(habits);
}

/* Services that are new among the subjects. */
static void find_services(analyzer_t *analyzer) {
    habits_t *habits = analyzer->habits;
    for (; habits->subjects_seen < analyzer->subject_count; habits->subjects_seen++) {
        if (analyzer->subjects[habits->subjects_seen].key.kind != ENTITY_SERVICE) continue;
        if (habits->count == habits->capacity) {
            habits->capacity = habits->capacity == 0 ? 16 : habits->capacity * 2;
            habits->items = memory_resize(habits->items, habits->capacity * sizeof *habits->items);
        }
        habit_t *habit = &habits->items[habits->count++];
        *habit = (habit_t){.subject = habits->subjects_seen, .traffic.last_bucket = INT64_MIN};
        season_init(&habit->season);
    }
}

const habit_t *habits_of(const analyzer_t *analyzer, uint32_t service) {
    subject_key_t key = {.kind = ENTITY_SERVICE, .service = service};
    uint32_t subject = subject_find(analyzer, &key), low = 0, high = analyzer->habits->count;
    while (subject != NO_INDEX && low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (analyzer->habits->items[middle].subject < subject)
            low = middle + 1;
        else
            high = middle;
    }
    const habit_t *habit = low < analyzer->habits->count ? &analyzer->habits->items[low] : NULL;
    return habit != NULL && habit->subject == subject ? habit : NULL;
}

static uint64_t incident_of(const subject_t *subject) {
    for (uint32_t t = 0; t < subject->track_count; t++)
        if (subject->tracks[t].trouble.incident != 0) return subject->tracks[t].trouble.incident;
    return 0;
}

void habit_tell(const analyzer_t *analyzer, const habit_t *habit, explanation_t *said, double expected,
                int64_t now_ns) {
    const subject_t *subject = &analyzer->subjects[habit->subject];
    said->kind = entity_kind_names[ENTITY_SERVICE];
    said->service = names_cstr(&analyzer->shard->names, subject->key.service);
    if (analyzer->sink.anomaly == NULL ||
        answers_quiet(analyzer, subject->key.service, said->signal, said->seen, now_ns))
        return;
    json_t *document = explain_document(said);
    char *json = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
    json_decref(document);
    anomaly_t anomaly = {.time_ns = now_ns,
                         .entity = subject->entity,
                         .signal = said->signal,
                         .score = 1 - exp(-fabs(log((said->seen + said->high / 100) / (expected + said->high / 100)))),
                         .observed = said->seen,
                         .expected = expected,
                         .low = said->low,
                         .high = said->high,
                         .incident = incident_of(subject),
                         .explanation = json == NULL ? "" : json};
    analyzer->sink.anomaly(analyzer->sink.context, &anomaly);
    free(json);
}

/* ---- a tick ---- */

static void count_hour(const analyzer_t *analyzer, habit_t *habit, const flow_t *flow, int64_t bucket) {
    const flow_bucket_t *newest = &flow->recent[flow->recent_count - 1];
    season_sums_t sums = {.requests = newest->requests, .errors = newest->errors};
    for (int view = 0; view < VIEWS; view++) {
        sums.count[view] = newest->count[view];
        sums.seconds[view] = newest->seconds[view];
    }
    bool first = habit->season.block == INT64_MIN;
    int64_t before = first ? 0 : season_last_hour(&habit->season);
    season_add(&habit->season, bucket / (HOUR_BUCKETS / SEASON_BLOCKS), &sums);
    int64_t last = season_last_hour(&habit->season);
    if (!first && last > before) drift_tell(analyzer, habit, last);
}

/* Where most services are silent at once, it is the telemetry that stopped. */
static void find_silent(const analyzer_t *analyzer, int64_t bucket) {
    enum { ACTIVE_BUCKETS = 60 };
    habits_t *habits = analyzer->habits;
    uint32_t silent = 0, active = 0;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < habits->count; i++) {
            habit_t *habit = &habits->items[i];
            const flow_t *flow = analyzer->subjects[habit->subject].flow;
            if (flow == NULL) continue;
            bool misses = traffic_misses(&habit->traffic, &habit->season, (double)flow->period_s, bucket);
            if (pass == 0) {
                silent += misses;
                active += !misses && habit->traffic.last_bucket >= bucket - ACTIVE_BUCKETS;
            } else if (misses && silent <= active) {
                traffic_silent(&habit->traffic, &habit->season, bucket);
            }
        }
}

void habits_tick(analyzer_t *analyzer, int64_t bucket) {
    find_services(analyzer);
    habits_t *habits = analyzer->habits;
    for (uint32_t i = 0; i < habits->count; i++) {
        habit_t *habit = &habits->items[i];
        const flow_t *flow = analyzer->subjects[habit->subject].flow;
        if (flow == NULL || flow->recent_count == 0 || flow->recent[flow->recent_count - 1].bucket != bucket) continue;
        count_hour(analyzer, habit, flow, bucket);
        double requests = (double)flow->recent[flow->recent_count - 1].requests;
        traffic_arrive(&habit->traffic, &habit->season, &analyzer->config, requests, bucket);
    }
    find_silent(analyzer, bucket);
    for (uint32_t i = 0; i < habits->count; i++) {
        explanation_t said = {0};
        const habit_t *habit = &habits->items[i];
        if (traffic_says(&habit->traffic, bucket, &said))
            habit_tell(analyzer, habit, &said, (double)habit->traffic.expected, bucket_end_ns(bucket));
    }
}

/* ---- state ---- */

void habits_walk(walk_t *walk, analyzer_t *analyzer) {
    enum { VERSION_HABITS = 5 };
    if (walk->in != NULL) find_services(analyzer);
    if (walk->version < VERSION_HABITS) return; /* learned anew */
    uint32_t count = analyzer->habits->count;
    walk_u32(walk, &count, UINT32_MAX);
    if (count != analyzer->habits->count) walk->ok = false;
    for (uint32_t i = 0; i < count && walk->ok; i++) {
        habit_t *habit = &analyzer->habits->items[i];
        traffic_walk(walk, &habit->traffic);
        season_walk(walk, &habit->season);
        walk_u16(walk, &habit->flapping.times, UINT16_MAX);
        if (habit->flapping.times == 0) continue;
        walk_instant(walk, &habit->flapping.since_ns, 1);
        walk_instant(walk, &habit->flapping.closed_ns, 1);
    }
}
