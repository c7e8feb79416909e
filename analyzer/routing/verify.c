#include "analyzer/routing/verify.h"

#include "analyzer/routing/judge.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Four decades of evidence, of which one step gives at most 1.4: no lump in the telemetry is a change by itself. */
static const double SEEN_EVIDENCE = 4, STEP_EVIDENCE_MAX = 1.4;
static const double REMEMBER = 0.9; /* per step, of what was before the change */

/* A window ends with many requests after a minute, or with enough after five; without enough it goes on for FOLLOW_S.
 */
enum { WINDOW_S = 60, WINDOW_LONG_S = 300, REQUESTS_MANY = 1000, REQUESTS_ENOUGH = 300, FOLLOW_S = 6 * 3600 };
enum { STEP_BUCKETS_MAX = 12, LATE_S = 120, TELL_AGAIN_S = 300, REQUEST_BUCKETS_RECENT = 60 };

static int64_t ns(int64_t seconds) {
    return seconds * INT64_C(1000000000);
}

verifier_t *verifier_new(void) {
    return memory_new(1, sizeof(verifier_t));
}

static void trial_free(trial_t *trial) {
    free(trial->json);
    free(trial);
}

void verifier_free(verifier_t *verifier) {
    if (verifier == NULL) return;
    for (uint32_t i = 0; i < verifier->trial_count; i++) trial_free(verifier->trials[i]);
    free(verifier);
}

/* --- the track record --- */

static track_record_t *record_of(verifier_t *verifier, const char *kind) {
    for (uint32_t i = 0; i < verifier->record_count; i++)
        if (strcmp(verifier->records[i].kind, kind) == 0) return &verifier->records[i];
    if (verifier->record_count == RECORD_KINDS_MAX) return &verifier->records[RECORD_KINDS_MAX - 1];
    track_record_t *record = &verifier->records[verifier->record_count++];
    *record = (track_record_t){.proposed = 0};
    (void)snprintf(record->kind, sizeof record->kind, "%s", kind);
    return record;
}

uint32_t analyzer_track_record(const analyzer_t *analyzer, track_record_t *records, uint32_t max) {
    const verifier_t *verifier = analyzer->verifier;
    for (uint32_t i = 0; i < verifier->record_count && i < max; i++) records[i] = verifier->records[i];
    return verifier->record_count;
}

static void count_judgement(track_record_t *record, const judgement_t *judgement) {
    record->helped += judgement->outcome == OUTCOME_HELPED;
    record->no_effect += judgement->outcome == OUTCOME_NO_EFFECT;
    record->harmed += judgement->outcome == OUTCOME_HARMED;
    const figure_t *figures[] = {&judgement->errors, &judgement->p99_s};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        record->compared += figures[i]->told && !isnan(figures[i]->observed);
        record->inside += figures[i]->inside;
    }
}

/* --- beginning --- */

static void copy(char *out, size_t size, const json_t *text) {
    const char *from = json_string_value(text);
    (void)snprintf(out, size, "%s", from == NULL ? "" : from);
}

static foretold_t read_foretold(const json_t *effect, const char *name) {
    const json_t *figure = json_object_get(effect, name);
    foretold_t foretold = {.told = json_is_object(figure),
                           .now = json_number_value(json_object_get(figure, "now")),
                           .predicted = json_number_value(json_object_get(figure, "predicted")),
                           .low = json_number_value(json_object_get(figure, "low")),
                           .high = json_number_value(json_object_get(figure, "high"))};
    return foretold;
}

static void read_loads(trial_t *trial, const json_t *loads) {
    size_t index;
    json_t *load;
    trial->load_count = 0;
    json_array_foreach(loads, index, load) {
        if (index == ACTION_TARGETS_MAX) break;
        foretold_load_t *foretold = &trial->loads[trial->load_count++];
        const json_t *rate = json_object_get(load, "predicted_rate");
        copy(foretold->name, sizeof foretold->name, json_object_get(load, "target"));
        foretold->predicted_rate = json_is_number(rate) ? json_number_value(rate) : NAN;
        foretold->highest_rate = json_number_value(json_object_get(load, "highest_seen_rate"));
    }
}

bool trial_read(trial_t *trial) {
    json_t *document = json_loads(trial->json, 0, NULL);
    const json_t *target = json_object_get(document, "target"), *effect = json_object_get(document, "effect");
    bool fine = action_from_json(json_object_get(document, "action"), &trial->action) &&
                recogniser_of(trial->action.kind) != NULL;
    copy(trial->kind, sizeof trial->kind, json_object_get(document, "kind"));
    copy(trial->service, sizeof trial->service, json_object_get(target, "service"));
    copy(trial->instance, sizeof trial->instance, json_object_get(target, "instance"));
    if (trial->instance[0] == '\0')
        (void)snprintf(trial->instance, sizeof trial->instance, "%s", trial->action.instance);
    trial->errors = read_foretold(effect, "error_ratio");
    trial->p99_s = read_foretold(effect, "p99_s");
    read_loads(trial, json_object_get(effect, "load"));
    json_decref(document);
    return fine && trial->service[0] != '\0';
}

/* Proxies may report every 15 s or every minute, each at its own time: a bucket without the requests of one part says
 * nothing then. The longest gap between the newest buckets of the service and its parts makes a step. */
static uint32_t step_of(const analyzer_t *analyzer, const char *service) {
    uint32_t id = names_find(&analyzer->shard->names, slice_text(service));
    int64_t step = 1;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        if (subject->key.service != id || subject->flow == NULL) continue;
        if (analyzer->last_bucket - subject->last_bucket > REQUEST_BUCKETS_RECENT) continue;
        for (uint32_t b = 1; b < subject->flow->recent_count; b++) {
            int64_t gap = subject->flow->recent[b].bucket - subject->flow->recent[b - 1].bucket;
            if (gap > step) step = gap;
        }
    }
    return (uint32_t)(step > STEP_BUCKETS_MAX ? STEP_BUCKETS_MAX : step);
}

static trial_t *trial_find(const verifier_t *verifier, uint64_t id) {
    for (uint32_t i = 0; i < verifier->trial_count; i++)
        if (verifier->trials[i]->id == id) return verifier->trials[i];
    return NULL;
}

static void forget(verifier_t *verifier, uint32_t index) {
    trial_free(verifier->trials[index]);
    verifier->trial_count--;
    memmove(&verifier->trials[index], &verifier->trials[index + 1],
            (verifier->trial_count - index) * sizeof verifier->trials[0]);
}

static void give_up(verifier_t *verifier, uint32_t index) {
    const trial_t *trial = verifier->trials[index];
    track_record_t *record = record_of(verifier, trial->kind);
    if (trial->phase == TRIAL_SEEN)
        record->undecided++;
    else if (!trial->counted_seen)
        record->expired++;
    forget(verifier, index);
}

void verify_propose(analyzer_t *analyzer, uint64_t id, uint64_t incident, int64_t created_ns, int64_t expires_ns,
                    const char *json) {
    verifier_t *verifier = analyzer->verifier;
    trial_t *known = trial_find(verifier, id), *trial = memory_new(1, sizeof *trial);
    *trial = (trial_t){.id = id, .incident = incident, .created_ns = created_ns, .expires_ns = expires_ns};
    trial->json = memory_text(json);
    if (!trial_read(trial) || (known != NULL && known->phase != TRIAL_PROPOSED)) {
        trial_free(trial);
        return;
    }
    trial->step_buckets = step_of(analyzer, trial->service);
    if (known != NULL) {
        trial->counted_seen = known->counted_seen;
        for (uint32_t i = 0; i < verifier->trial_count; i++)
            if (verifier->trials[i] == known) verifier->trials[i] = trial;
        trial_free(known);
        return;
    }
    record_of(verifier, trial->kind)->proposed++;
    if (verifier->trial_count == TRIALS_MAX) give_up(verifier, 0);
    verifier->trials[verifier->trial_count++] = trial;
}

/* --- following --- */

static void tell(const analyzer_t *analyzer, const trial_t *trial, int64_t now_ns, const judgement_t *judgement,
                 double wanted) {
    char *json = trial_document(trial, now_ns, judgement, wanted);
    if (json != NULL && analyzer->sink.suggestion != NULL)
        analyzer->sink.suggestion(analyzer->sink.context, trial->id, trial->incident, trial->created_ns,
                                  trial->expires_ns, json);
    free(json);
}

static void fare_add(fare_t *into, const fare_t *from, double keep) {
    into->requests = into->requests * keep + from->requests;
    into->errors = into->errors * keep + from->errors;
    histogram_scale(&into->latency, keep);
    histogram_add(&into->latency, &from->latency);
}

static void add_parts(double *into, const double *parts, double keep) {
    for (uint32_t i = 0; i < PARTS_MAX; i++) into[i] = into[i] * keep + parts[i];
}

static double sum_of(const double *parts) {
    double sum = 0;
    for (uint32_t i = 0; i < PARTS_MAX; i++) sum += parts[i];
    return sum;
}

/* What looked changed was not, or was before the change: it is part of what is usual. */
static void take_as_usual(trial_t *trial) {
    add_parts(trial->usual, trial->moved, REMEMBER);
    fare_add(&trial->before, &trial->pending, REMEMBER);
    memset(trial->moved, 0, sizeof trial->moved);
    trial->pending = (fare_t){.requests = 0};
    trial->evidence = 0;
}

static void begin_measuring(const analyzer_t *analyzer, trial_t *trial, int64_t now_ns) {
    const recogniser_t *recogniser = recogniser_of(trial->action.kind);
    trial->phase = TRIAL_SEEN;
    trial->seen_ns = now_ns;
    trial->from_ns = trial->since_ns + ns(recogniser->settle_s);
    if (trial->from_ns < now_ns) trial->from_ns = now_ns;
    trial->until_ns = trial->from_ns;
    trial->pending = trial->after = (fare_t){.requests = 0};
    memset(trial->load, 0, sizeof trial->load);
    trial->against = 0;
    if (!trial->counted_seen) record_of(analyzer->verifier, trial->kind)->seen++;
    trial->counted_seen = true;
    tell(analyzer, trial, now_ns, NULL, REQUESTS_ENOUGH);
}

/* One step while the change is looked for. */
static void look(const analyzer_t *analyzer, trial_t *trial, int64_t now_ns) {
    const recogniser_t *recogniser = recogniser_of(trial->action.kind);
    bool first = sum_of(trial->usual) <= 0;
    double found = first ? 0 : recognise(recogniser, trial, trial->usual, trial->step, trial->part_count);
    if (trial->evidence <= 0) trial->since_ns = now_ns - (int64_t)trial->step_buckets * BUCKET_NS;
    trial->evidence += fmin(found, STEP_EVIDENCE_MAX);
    add_parts(trial->moved, trial->step, 1);
    if (trial->evidence <= 0)
        take_as_usual(trial);
    else if (trial->evidence >= SEEN_EVIDENCE)
        begin_measuring(analyzer, trial, now_ns);
}

/* One step while its effect is measured; true when it was taken back. */
static bool look_back(trial_t *trial) {
    const recogniser_t *recogniser = recogniser_of(trial->action.kind);
    double found = recognise(recogniser, trial, trial->usual, trial->step, trial->part_count);
    add_parts(trial->moved, trial->step, 1);
    trial->against = fmax(0, trial->against + fmin(-found, STEP_EVIDENCE_MAX));
    return recogniser->lasts && trial->against >= SEEN_EVIDENCE;
}

static void undo(const analyzer_t *analyzer, trial_t *trial, int64_t now_ns) {
    record_of(analyzer->verifier, trial->kind)->undone++;
    trial->phase = TRIAL_PROPOSED;
    memset(trial->moved, 0, sizeof trial->moved);
    trial->pending = trial->after = (fare_t){.requests = 0};
    trial->evidence = trial->against = 0;
    tell(analyzer, trial, now_ns, NULL, 0);
}

static double wanted(const trial_t *trial) {
    double have = trial->after.requests;
    if (trial->p99_s.told) have = fmin(have, histogram_total(&trial->after.latency));
    return fmax(0, REQUESTS_ENOUGH - have);
}

static bool window_over(const trial_t *trial) {
    int64_t window_ns = trial->until_ns - trial->from_ns;
    if (wanted(trial) > 0) return false;
    return (window_ns >= ns(WINDOW_S) && trial->after.requests >= REQUESTS_MANY) || window_ns >= ns(WINDOW_LONG_S);
}

/* Adds a bucket to the window; true when the trial is over. */
static bool measure(const analyzer_t *analyzer, trial_t *trial, const scene_t *scene, const fare_t *fare,
                    int64_t now_ns) {
    const recogniser_t *recogniser = recogniser_of(trial->action.kind);
    judgement_t judgement;
    if (now_ns - BUCKET_NS >= trial->from_ns) {
        fare_add(&trial->after, fare, 1);
        for (uint32_t i = 0; i < trial->load_count; i++)
            trial->load[i] += scene_target(scene, recogniser->targets, trial->loads[i].name);
        trial->until_ns = now_ns;
    }
    if (window_over(trial) || judge_harm(trial)) {
        judge(trial, &judgement);
        count_judgement(record_of(analyzer->verifier, trial->kind), &judgement);
        tell(analyzer, trial, now_ns, &judgement, 0);
        return true;
    }
    if ((now_ns - trial->seen_ns) % ns(TELL_AGAIN_S) == 0) tell(analyzer, trial, now_ns, NULL, wanted(trial));
    return false;
}

/* One bucket of one trial; true when it was judged. */
static bool follow(const analyzer_t *analyzer, trial_t *trial, const bucket_t *cells, int64_t now_ns) {
    const recogniser_t *recogniser = recogniser_of(trial->action.kind);
    static const bucket_t nothing = {0};
    double parts[PARTS_MAX] = {0};
    fare_t fare = {.requests = 0};
    scene_t scene;
    scene_of(trial, analyzer->shard, cells == NULL ? &nothing : cells, &scene);
    trial->part_count = recogniser->count(trial, &scene, parts);
    (void)scene_fare(&scene, recogniser->errors_of, recogniser->latency_of, &fare);
    add_parts(trial->step, parts, 1);
    if (trial->phase == TRIAL_PROPOSED) fare_add(&trial->pending, &fare, 1);
    bool over = trial->phase == TRIAL_SEEN && measure(analyzer, trial, &scene, &fare, now_ns);
    if (!over && ++trial->step_done >= trial->step_buckets) {
        if (trial->phase == TRIAL_PROPOSED)
            look(analyzer, trial, now_ns);
        else if (look_back(trial))
            undo(analyzer, trial, now_ns);
        memset(trial->step, 0, sizeof trial->step);
        trial->step_done = 0;
    }
    free(scene.items);
    return over;
}

void verify_tick(analyzer_t *analyzer, int64_t bucket, const bucket_t *cells) {
    verifier_t *verifier = analyzer->verifier;
    int64_t now_ns = bucket_end_ns(bucket);
    for (uint32_t i = 0; i < verifier->trial_count;) {
        trial_t *trial = verifier->trials[i];
        if (follow(analyzer, trial, cells, now_ns))
            forget(verifier, i);
        else if (trial->phase == TRIAL_SEEN ? now_ns - trial->seen_ns >= ns(FOLLOW_S)
                                            : now_ns - trial->expires_ns >= ns(LATE_S))
            give_up(verifier, i);
        else
            i++;
    }
}
