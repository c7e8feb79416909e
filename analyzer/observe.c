/* A bucket's cells become observations of subjects: counts of the one observer that has authority, joined over
 * protocols (and, for edges, over the callee's versions and zones). Gauges go straight to their tracks. */
#include "analyzer/state.h"
#include "base/memory.h"
#include "collector/dialect/dialect.h"

#include <math.h>
#include <stdlib.h>

/* The subject that an entity belongs to; false for kinds that are not followed. */
static bool key_of(const entity_key_t *entity, subject_key_t *key) {
    *key = (subject_key_t){.kind = entity->kind, .service = entity->service};
    if (entity->service == NAME_OVERFLOW || entity->service == NAME_NONE) return false;
    switch (entity->kind) {
    case ENTITY_SERVICE:
        return !entity_is_mark(entity);
    case ENTITY_EDGE:
        key->caller = entity->caller;
        return entity->caller != NAME_NONE;
    case ENTITY_VERSION:
        key->part = entity->version;
        return entity->version != NAME_NONE;
    case ENTITY_INSTANCE:
        key->part = entity->instance;
        key->version = entity->version;
        return entity->instance != NAME_NONE;
    default:
        return false;
    }
}

static uint32_t subject_of(analyzer_t *analyzer, uint32_t entity) {
    if (entity >= analyzer->by_entity_count) {
        uint32_t count = analyzer->shard->entity_count > entity ? analyzer->shard->entity_count : entity + 1;
        analyzer->by_entity = memory_resize(analyzer->by_entity, count * sizeof *analyzer->by_entity);
        memset(analyzer->by_entity + analyzer->by_entity_count, 0,
               (count - analyzer->by_entity_count) * sizeof *analyzer->by_entity);
        analyzer->by_entity_count = count;
    }
    uint32_t *known = &analyzer->by_entity[entity];
    if (*known == NO_INDEX) return NO_INDEX;
    if (*known != 0) return *known - 1;
    subject_key_t key;
    if (!key_of(&analyzer->shard->entities[entity], &key)) {
        *known = NO_INDEX;
        return NO_INDEX;
    }
    uint32_t subject = subject_intern(analyzer, &key);
    if (subject == NO_INDEX) return NO_INDEX; /* full: asked again next time */
    *known = subject + 1;
    if (analyzer->subjects[subject].entity == 0) analyzer->subjects[subject].entity = entity;
    if (key.version != 0) analyzer->subjects[subject].key.version = key.version;
    return subject;
}

static observation_t *observation_of(analyzer_t *analyzer, uint32_t subject) {
    uint32_t *slot = &analyzer->slots[subject];
    if (*slot != 0) return &analyzer->observations[*slot - 1];
    if (analyzer->observation_count == analyzer->observation_capacity) {
        analyzer->observation_capacity = analyzer->observation_capacity == 0 ? 64 : analyzer->observation_capacity * 2;
        analyzer->observations =
            memory_resize(analyzer->observations, analyzer->observation_capacity * sizeof *analyzer->observations);
    }
    observation_t *observation = &analyzer->observations[analyzer->observation_count++];
    *slot = analyzer->observation_count;
    *observation = (observation_t){.subject = subject, .observer = OBSERVERS, .period_s = (double)BUCKET_SECONDS};
    return observation;
}

/* Adds a cell's counts if its observer has at least the authority of what is there. */
static void add_counts(observation_t *observation, uint8_t observer, uint32_t entity, const cell_t *cell) {
    if (observer > observation->observer) return;
    if (observer < observation->observer)
        *observation = (observation_t){
            .subject = observation->subject, .entity = entity, .observer = observer, .period_s = observation->period_s};
    observation->requests += (double)cell->requests;
    observation->errors += (double)cell_errors(cell);
    histogram_add_sketch(&observation->server, &cell->ok);
    histogram_add_sketch(&observation->client, &cell->client);
}

/* What all callers of a service wait, together: each of many ways to it may carry too few calls to tell. */
static void add_waits(analyzer_t *analyzer, const entity_key_t *edge, const cell_t *cell) {
    subject_key_t key = {.kind = ENTITY_SERVICE, .service = edge->service};
    uint32_t service = edge->caller == edge->service ? NO_INDEX : subject_find(analyzer, &key);
    if (service == NO_INDEX || analyzer->slots[service] == 0) return;
    histogram_add_sketch(&analyzer->observations[analyzer->slots[service] - 1].client, &cell->client);
}

static double gauge_mean(const gauge_t *gauge) {
    return fixed_value(gauge->sum) / gauge->count;
}

/* Requests per minute as the cell's own gauges tell it; NAN when they don't. */
static double gauge_rate(analyzer_t *analyzer, uint32_t subject, const cell_t *cell) {
    for (uint32_t i = 0; i < cell->gauge_count; i++) {
        const gauge_t *gauge = &cell->gauges[i];
        const char *name = names_cstr(&analyzer->shard->names, gauge->signal);
        if (strcmp(name, "request_rate") == 0) return gauge_mean(gauge) * 60;
        if (strcmp(name, "request_count") != 0) continue;
        const track_t *track = subject_gauge(analyzer, &analyzer->subjects[subject], gauge->signal);
        if (track != NULL && track->gauge->period_s > 0) return gauge_mean(gauge) / track->gauge->period_s * 60;
    }
    return NAN;
}

/* A success ratio that comes with the number of requests is a count in disguise, and is judged as one. */
static bool gauge_counts(analyzer_t *analyzer, uint32_t subject, const cell_t *cell) {
    double ratio = NAN, requests = NAN, period_s = 0;
    for (uint32_t i = 0; i < cell->gauge_count; i++) {
        const char *name = names_cstr(&analyzer->shard->names, cell->gauges[i].signal);
        if (strcmp(name, "success_ratio") == 0) ratio = gauge_mean(&cell->gauges[i]);
        if (strcmp(name, "request_count") != 0) continue;
        const track_t *track = subject_gauge(analyzer, &analyzer->subjects[subject], cell->gauges[i].signal);
        requests = gauge_mean(&cell->gauges[i]);
        if (track != NULL) period_s = track->gauge->period_s;
    }
    if (!(requests >= 1) || !(ratio >= 0 && ratio <= 1)) return false;
    observation_t *observation = observation_of(analyzer, subject);
    if (observation->observer != OBSERVERS && observation->requests > 0) return true; /* real counts are better */
    observation->observer = OBSERVER_NONE;
    observation->requests = round(requests);
    observation->errors = round(requests * (1 - ratio));
    observation->period_s = period_s > 0 ? period_s : (double)BUCKET_SECONDS;
    return true;
}

static void add_gauges(analyzer_t *analyzer, uint32_t subject, const cell_t *cell) {
    double rate = gauge_rate(analyzer, subject, cell);
    bool counted = gauge_counts(analyzer, subject, cell);
    for (uint32_t i = 0; i < cell->gauge_count; i++) {
        const gauge_t *gauge = &cell->gauges[i];
        track_t *track = subject_gauge(analyzer, &analyzer->subjects[subject], gauge->signal);
        if (track == NULL || (counted && track->role == TRACK_GAUGE_FAILURES)) continue;
        detect_gauge(analyzer, subject, (uint32_t)(track - analyzer->subjects[subject].tracks), gauge_mean(gauge),
                     gauge->last_ns, rate);
    }
}

typedef struct {
    uint32_t entity, place;
} cell_place_t;

static int by_entity(const void *a, const void *b) {
    uint32_t x = ((const cell_place_t *)a)->entity, y = ((const cell_place_t *)b)->entity;
    return (x > y) - (x < y);
}

static int by_subject(const void *a, const void *b) {
    uint32_t x = ((const observation_t *)a)->subject, y = ((const observation_t *)b)->subject;
    return (x > y) - (x < y);
}

/* Edges for calls that the configuration tells, once both ends have been seen. */
static void add_known_calls(analyzer_t *analyzer) {
    const names_t *names = &analyzer->shard->names;
    if (analyzer->config.dialects == NULL || names->count == analyzer->names_known) return;
    analyzer->names_known = names->count;
    for (const dialect_t *const *dialect = analyzer->config.dialects; *dialect != NULL; dialect++) {
        for (const dialect_call_t *call = (*dialect)->calls; call != NULL && call->caller != NULL; call++) {
            uint32_t caller = names_find(names, slice_text(call->caller));
            uint32_t callee = names_find(names, slice_text(call->callee));
            subject_key_t key = {.kind = ENTITY_EDGE, .service = callee, .caller = caller};
            if (caller != UINT32_MAX && callee != UINT32_MAX) (void)subject_intern(analyzer, &key);
        }
    }
}

void observe(analyzer_t *analyzer, int64_t bucket, const bucket_t *cells) {
    analyzer->observation_count = 0;
    cell_place_t *order = memory_new(cells->count + 1, sizeof *order);
    for (uint32_t i = 0; i < cells->count; i++) order[i] = (cell_place_t){cells->entities[i], i};
    qsort(order, cells->count, sizeof *order, by_entity);
    for (uint32_t i = 0; i < cells->count; i++) (void)subject_of(analyzer, order[i].entity);
    add_known_calls(analyzer);
    analyzer->slots = memory_resize(analyzer->slots, (analyzer->subject_count + 1) * sizeof *analyzer->slots);
    memset(analyzer->slots, 0, (analyzer->subject_count + 1) * sizeof *analyzer->slots);
    for (uint32_t i = 0; i < cells->count; i++) {
        const cell_t *cell = cells->cells[order[i].place];
        uint32_t subject = subject_of(analyzer, order[i].entity);
        if (subject == NO_INDEX) continue;
        if (analyzer->subjects[subject].last_bucket == INT64_MIN) analyzer->subjects[subject].first_bucket = bucket;
        analyzer->subjects[subject].last_bucket = bucket;
        uint8_t observer = analyzer->shard->entities[order[i].entity].observer;
        if (cell->requests > 0) add_counts(observation_of(analyzer, subject), observer, order[i].entity, cell);
    }
    for (uint32_t i = 0; i < cells->count; i++) {
        const cell_t *cell = cells->cells[order[i].place];
        const entity_key_t *entity = &analyzer->shard->entities[order[i].entity];
        if (entity->kind == ENTITY_EDGE && cell->requests > 0) add_waits(analyzer, entity, cell);
    }
    for (uint32_t i = 0; i < cells->count; i++) {
        const cell_t *cell = cells->cells[order[i].place];
        uint32_t subject = subject_of(analyzer, order[i].entity);
        if (subject != NO_INDEX && cell->gauge_count > 0) add_gauges(analyzer, subject, cell);
    }
    if (analyzer->observation_count > 0)
        qsort(analyzer->observations, analyzer->observation_count, sizeof *analyzer->observations, by_subject);
    free(order);
}
