/* A bucket's cells become observations of subjects: counts of the one observer that has authority, joined over
 * protocols (and, for edges, over the callee's versions and zones). Gauges go straight to their tracks. */
#include "analyzer/state.h"
#include "base/memory.h"
#include "collector/dialect/dialect.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

enum { AHEAD = 8, CACHE_LINE = 64 }; /* cells and subjects whose memory is fetched while others are read */
enum { WAITS_MAX = 3 };              /* that one cell of an edge is part of */

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
    case ENTITY_ZONE:
        key->part = entity->zone;
        return entity->zone != NAME_NONE;
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
    uint32_t *shown = &analyzer->subjects[subject].entity;
    const entity_key_t *entities = analyzer->shard->entities;
    if (*shown == 0 || *shown >= analyzer->shard->entity_count ||
        (entities[*shown].zone == NAME_NONE && entities[entity].zone != NAME_NONE))
        *shown = entity;
    if (key.version != 0) analyzer->subjects[subject].key.version = key.version;
    return subject;
}

static source_t *source_of(analyzer_t *analyzer, uint32_t subject) {
    return &analyzer->sources[subject];
}

/* Puts a cell at the head of a chain: the order of those in one chain does not matter. */
static void link_cell(analyzer_t *analyzer, uint32_t *chain, uint32_t place) {
    analyzer->links[analyzer->link_count++] = (link_t){place, *chain};
    *chain = analyzer->link_count;
}

/* Enters a cell with counts, if its observer has at least the authority of those before it. */
static void add_source(analyzer_t *analyzer, uint32_t subject, uint8_t observer, uint32_t place) {
    source_t *source = source_of(analyzer, subject);
    if (source->chain != 0 && observer > source->observer) return;
    if (source->chain != 0 && observer < source->observer) source->chain = 0;
    source->observer = observer;
    link_cell(analyzer, &source->chain, place);
}

/* What all callers of a service wait, together: each of many ways to it may carry too few calls to tell. The same for
 * its zones and versions, of which a way may be slow while the other ways are not. */
static void add_waits(analyzer_t *analyzer, const entity_key_t *edge, uint32_t place) {
    const subject_key_t keys[WAITS_MAX] = {{.kind = ENTITY_SERVICE, .service = edge->service},
                                           {.kind = ENTITY_ZONE, .service = edge->service, .part = edge->zone},
                                           {.kind = ENTITY_VERSION, .service = edge->service, .part = edge->version}};
    if (edge->caller == edge->service) return;
    for (size_t i = 0; i < WAITS_MAX; i++) {
        uint32_t subject = subject_find(analyzer, &keys[i]);
        if (subject != NO_INDEX) link_cell(analyzer, &source_of(analyzer, subject)->waits, place);
    }
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

/* Position + 1 of a new one. */
static uint32_t told_new(analyzer_t *analyzer) {
    if (analyzer->told_count == analyzer->told_capacity) {
        analyzer->told_capacity = analyzer->told_capacity == 0 ? 64 : analyzer->told_capacity * 2;
        analyzer->told = memory_resize(analyzer->told, analyzer->told_capacity * sizeof *analyzer->told);
    }
    return ++analyzer->told_count;
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
    source_t *source = source_of(analyzer, subject);
    if (source->chain != 0) return true; /* real counts are better */
    if (source->told == 0) source->told = told_new(analyzer);
    analyzer->told[source->told - 1] = (told_t){.requests = round(requests),
                                                .errors = round(requests * (1 - ratio)),
                                                .period_s = period_s > 0 ? period_s : (double)BUCKET_SECONDS};
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

static void make_room(analyzer_t *analyzer, uint32_t cells) {
    if (cells > analyzer->cell_capacity) {
        analyzer->cell_capacity = cells;
        analyzer->cell_subjects = memory_resize(analyzer->cell_subjects, cells * sizeof *analyzer->cell_subjects);
    }
    uint32_t links = (2 + WAITS_MAX) * cells; /* a cell is a source, and may be waits and callers' view */
    if (links > analyzer->link_capacity) {
        analyzer->link_capacity = links;
        analyzer->links = memory_resize(analyzer->links, analyzer->link_capacity * sizeof *analyzer->links);
    }
}

/* Whose each cell is, in ascending order of entities: the subjects' order is that of first sight. */
static void find_subjects(analyzer_t *analyzer, const bucket_t *cells, int64_t bucket) {
    for (uint32_t i = 0; i < cells->count; i++) {
        uint32_t subject = subject_of(analyzer, cells->entities[i]);
        analyzer->cell_subjects[i] = subject;
        if (subject == NO_INDEX) continue;
        if (analyzer->subjects[subject].last_bucket == INT64_MIN) analyzer->subjects[subject].first_bucket = bucket;
        analyzer->subjects[subject].last_bucket = bucket;
    }
    add_known_calls(analyzer);
    if (analyzer->source_capacity < analyzer->subject_count) {
        analyzer->source_capacity = analyzer->subject_capacity;
        analyzer->sources = memory_resize(analyzer->sources, analyzer->source_capacity * sizeof *analyzer->sources);
    }
    memset(analyzer->sources, 0, analyzer->subject_count * sizeof *analyzer->sources);
}

static void find_sources(analyzer_t *analyzer, const bucket_t *cells) {
    for (uint32_t i = 0; i < cells->count; i++) {
        if (i + AHEAD < cells->count) __builtin_prefetch(cells->cells[i + AHEAD]);
        if (cells->cells[i]->requests == 0) continue;
        const entity_key_t *entity = &analyzer->shard->entities[cells->entities[i]];
        uint32_t subject = analyzer->cell_subjects[i];
        if (subject != NO_INDEX) add_source(analyzer, subject, entity->observer, i);
        if (entity->kind == ENTITY_EDGE) add_waits(analyzer, entity, i);
        if (entity->kind == ENTITY_EDGE && entity->observer == OBSERVER_PROXY_CLIENT && subject != NO_INDEX)
            link_cell(analyzer, &source_of(analyzer, subject)->waits, i);
    }
}

static void add_counts(const cell_t *cell, observation_t *into) {
    into->requests += (double)cell->requests;
    into->errors += (double)cell_errors(cell);
    into->late += (double)cell->failures[FAILURE_TIMEOUT];
    into->refused += (double)(cell->failures[FAILURE_DENIED] + cell->failures[FAILURE_CONNECTION]);
}

/* What only callers know (observer.h): how long they waited, and, of an edge whose callee's proxy has the say, which
 * calls never arrived or were given up. What fails is as much as the one that sees more of it says: a refused
 * connection has no name of its own in every mesh. */
static void observe_callers(analyzer_t *analyzer, const source_t *source, const bucket_t *cells) {
    observation_t *observation = &analyzer->observation, callers = {0};
    for (uint32_t at = source->waits; at != 0; at = analyzer->links[at - 1].next) {
        uint32_t place = analyzer->links[at - 1].place;
        const cell_t *cell = cells->cells[place];
        bool proxy = analyzer->shard->entities[cells->entities[place]].observer == OBSERVER_PROXY_CLIENT;
        if (proxy && source->observer != OBSERVER_PROXY_SERVER) continue; /* counted already, or of another kind */
        tally_add_sketch(&observation->latencies[VIEW_CALLER], proxy ? &cell->ok : &cell->client);
        if (proxy) add_counts(cell, &callers);
    }
    if (!(callers.errors > 0) || analyzer->shard->entities[observation->entity].kind != ENTITY_EDGE) return;
    observation->requests = fmax(observation->requests, callers.requests);
    observation->errors = fmax(observation->errors, callers.errors);
    observation->late = fmax(observation->late, callers.late);
    observation->refused = fmax(observation->refused, callers.refused);
}

static void observe_cells(analyzer_t *analyzer, const source_t *source, const bucket_t *cells) {
    observation_t *observation = &analyzer->observation;
    for (uint32_t at = source->chain; at != 0; at = analyzer->links[at - 1].next) {
        uint32_t place = analyzer->links[at - 1].place;
        const cell_t *cell = cells->cells[place];
        observation->entity = cells->entities[place];
        add_counts(cell, observation);
        tally_add_sketch(&observation->latencies[VIEW_SERVER], &cell->ok);
        tally_add_sketch(&observation->latencies[VIEW_CALLER], &cell->client);
    }
    if (source->chain != 0 && source->waits != 0) observe_callers(analyzer, source, cells);
}

static void observation_reset(observation_t *observation) {
    observation->entity = 0;
    observation->requests = observation->errors = observation->late = observation->refused = 0;
    observation->period_s = (double)BUCKET_SECONDS;
    for (int view = 0; view < VIEWS; view++) tally_clear(&observation->latencies[view]);
}

/* What lies behind pointers is far away in memory: first the subject's and the cells' own fields are brought near, some
 * subjects later what those point to. */
static void fetch_near(const analyzer_t *analyzer, uint32_t subject, const bucket_t *cells) {
    const source_t *source = &analyzer->sources[subject];
    if (source->chain == 0) return;
    const char *flow = (const char *)analyzer->subjects[subject].flow;
    for (size_t at = 0; flow != NULL && at < sizeof(flow_t); at += CACHE_LINE) __builtin_prefetch(flow + at, 1);
    const char *cell = (const char *)cells->cells[analyzer->links[source->chain - 1].place];
    for (size_t at = 0; at < offsetof(cell_t, gauges); at += CACHE_LINE) __builtin_prefetch(cell + at);
}

static void fetch_counts(const sketch_t *sketch) {
    enum { LINES = 12 }; /* then the processor has understood */
    const char *counts = (const char *)sketch->counts;
    size_t bytes = (size_t)sketch->buckets << sketch->width;
    for (size_t at = 0; at < bytes && at < LINES * CACHE_LINE; at += CACHE_LINE) __builtin_prefetch(counts + at);
}

static void fetch_far(const analyzer_t *analyzer, uint32_t subject, const bucket_t *cells) {
    const source_t *source = &analyzer->sources[subject];
    if (source->chain == 0) return;
    const cell_t *cell = cells->cells[analyzer->links[source->chain - 1].place];
    fetch_counts(&cell->ok);
    fetch_counts(&cell->client);
    const flow_t *flow = analyzer->subjects[subject].flow;
    if (flow == NULL) return;
    for (size_t at = 0; at < flow->packed_bytes; at += CACHE_LINE) __builtin_prefetch(flow->packed + at, 1);
    for (int view = 0; view < VIEWS; view++)
        for (size_t at = 0; at < flow->usual[view].width * sizeof(float); at += CACHE_LINE)
            __builtin_prefetch((const char *)flow->usual[view].bins + at, 1);
}

/* Subject by subject, so that what is learned about one depends on no other's place in the bucket. */
static void observe_subjects(analyzer_t *analyzer, const bucket_t *cells, int64_t bucket, observation_tick_t *tick) {
    observation_t *observation = &analyzer->observation;
    for (uint32_t subject = 0; subject < analyzer->subject_count; subject++) {
        const source_t *source = source_of(analyzer, subject);
        if (subject + 2 * AHEAD < analyzer->subject_count) fetch_near(analyzer, subject + 2 * AHEAD, cells);
        if (subject + AHEAD < analyzer->subject_count) fetch_far(analyzer, subject + AHEAD, cells);
        if (source->chain == 0 && source->told == 0) continue;
        observation_reset(observation);
        observe_cells(analyzer, source, cells);
        if (source->told != 0) {
            const told_t *told = &analyzer->told[source->told - 1];
            observation->requests = told->requests;
            observation->errors = told->errors;
            observation->period_s = told->period_s;
        }
        tick(analyzer, subject, observation, bucket);
    }
}

void observe(analyzer_t *analyzer, int64_t bucket, const bucket_t *cells, observation_tick_t *tick) {
    analyzer->link_count = analyzer->told_count = 0;
    make_room(analyzer, cells->count);
    find_subjects(analyzer, cells, bucket);
    find_sources(analyzer, cells);
    for (uint32_t i = 0; i < cells->count; i++)
        if (analyzer->cell_subjects[i] != NO_INDEX && cells->cells[i]->gauge_count > 0)
            add_gauges(analyzer, analyzer->cell_subjects[i], cells->cells[i]);
    observe_subjects(analyzer, cells, bucket, tick);
}
