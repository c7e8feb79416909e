#include "analyzer/answers.h"

#include "analyzer/state.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

static const double EXPECTED_ROOM = 1.5;                         /* times what was answered is normal, too */
static const double WRONG_ROOM = 1.25;                           /* times what was answered does not alarm … */
static const double WRONG_FACTOR_MAX = 4, WRONG_SHARE_MAX = 0.5; /* … but beyond these it does */
static const double WRONG_EVIDENCE = 1;                          /* decades that each answer asks for more … */
enum { WRONG_MAX = 3 };                                          /* … of so many */

const char *const answer_names[ANSWER_KINDS] = {NULL, "expected", "wrong", "mute"};

typedef struct {
    char *service, *signal;
    uint32_t service_id; /* UINT32_MAX = the name was not seen yet */
    double seen, high;
} target_t;

struct standing_answer {
    uint64_t id, incident;
    answer_kind_t kind;
    int64_t since_ns, until_ns;
    char *culprit; /* NULL = the incident itself */
    target_t *targets;
    uint32_t count, names_known; /* names of the shard when targets were last looked for */
};

answer_kind_t answer_kind(const char *name) {
    for (int kind = ANSWER_EXPECTED; kind < ANSWER_KINDS; kind++)
        if (name != NULL && strcmp(answer_names[kind], name) == 0) return (answer_kind_t)kind;
    return ANSWER_NONE;
}

/* --- given and taken back --- */

static void answer_fini(standing_answer_t *answer) {
    for (uint32_t i = 0; i < answer->count; i++) {
        free(answer->targets[i].service);
        free(answer->targets[i].signal);
    }
    free(answer->targets);
    free(answer->culprit);
}

void answers_fini(analyzer_t *analyzer) {
    for (uint32_t i = 0; i < analyzer->answer_count; i++) answer_fini(&analyzer->answers[i]);
    free(analyzer->answers);
}

static bool read_target(const json_t *document, target_t *target) {
    const char *service = json_string_value(json_object_get(document, "service"));
    const char *signal = json_string_value(json_object_get(document, "signal"));
    const json_t *seen = json_object_get(document, "seen"), *high = json_object_get(document, "high");
    if (service == NULL || signal == NULL || !json_is_number(seen) || !json_is_number(high)) return false;
    *target = (target_t){memory_text(service), memory_text(signal), UINT32_MAX, json_number_value(seen),
                         json_number_value(high)};
    return true;
}

static bool read_answer(const char *json, standing_answer_t *answer) {
    json_t *document = json_loads(json, 0, NULL);
    const json_t *targets = json_object_get(document, "targets");
    const char *culprit = json_string_value(json_object_get(document, "culprit"));
    size_t count = json_array_size(targets);
    answer->kind = answer_kind(json_string_value(json_object_get(document, "answer")));
    bool ok = answer->kind != ANSWER_NONE && json_is_array(targets) && count <= ANSWER_TARGETS_MAX;
    if (ok && culprit != NULL) answer->culprit = memory_text(culprit);
    answer->targets = memory_new(count + 1, sizeof *answer->targets);
    for (size_t i = 0; ok && i < count; i++) {
        ok = read_target(json_array_get(targets, i), &answer->targets[answer->count]);
        if (ok) answer->count++;
    }
    json_decref(document);
    return ok;
}

int64_t analyzer_seen_until(const analyzer_t *analyzer) {
    return analyzer->last_bucket == INT64_MIN ? 0 : bucket_end_ns(analyzer->last_bucket);
}

static void remove_at(analyzer_t *analyzer, uint32_t at) {
    answer_fini(&analyzer->answers[at]);
    analyzer->answer_count--;
    memmove(&analyzer->answers[at], &analyzer->answers[at + 1],
            (analyzer->answer_count - at) * sizeof *analyzer->answers);
}

void analyzer_forget(analyzer_t *analyzer, uint64_t id) {
    for (uint32_t i = analyzer->answer_count; i-- > 0;)
        if (analyzer->answers[i].id == id) remove_at(analyzer, i);
}

void analyzer_revoke(analyzer_t *analyzer, uint64_t id, int64_t until_ns) {
    for (uint32_t i = 0; i < analyzer->answer_count; i++) {
        standing_answer_t *answer = &analyzer->answers[i];
        if (answer->id == id && until_ns < answer->until_ns) answer->until_ns = until_ns;
    }
}

err_t analyzer_answer(analyzer_t *analyzer, uint64_t id, uint64_t incident, int64_t *since_ns, int64_t until_ns,
                      const char *json) {
    standing_answer_t answer = {.id = id, .incident = incident, .until_ns = until_ns};
    analyzer_forget(analyzer, id);
    for (uint32_t i = analyzer->answer_count; i-- > 0;)
        if (analyzer->answers[i].until_ns <= analyzer_seen_until(analyzer)) remove_at(analyzer, i);
    bool read = read_answer(json, &answer);
    if (!read || analyzer->answer_count >= ANSWERS_MAX) {
        answer_fini(&answer);
        return read ? ERR_FULL : ERR_MALFORMED;
    }
    if (*since_ns == INT64_MIN) *since_ns = analyzer_seen_until(analyzer);
    answer.since_ns = *since_ns;
    analyzer->answers = memory_resize(analyzer->answers, (analyzer->answer_count + 1) * sizeof *analyzer->answers);
    analyzer->answers[analyzer->answer_count++] = answer;
    return ERR_OK;
}

void answers_note(json_t *targets, const explanation_t *said) {
    size_t index;
    json_t *target;
    if (!isfinite(said->seen) || !isfinite(said->high)) return;
    json_array_foreach(targets, index, target) {
        if (strcmp(json_string_value(json_object_get(target, "service")), said->service) != 0 ||
            strcmp(json_string_value(json_object_get(target, "signal")), said->signal) != 0)
            continue;
        if (said->seen <= json_number_value(json_object_get(target, "seen"))) return;
        (void)json_object_set_new(target, "seen", json_real(said->seen));
        (void)json_object_set_new(target, "low", json_real(said->low));
        (void)json_object_set_new(target, "high", json_real(said->high));
        return;
    }
    if (json_array_size(targets) >= ANSWER_TARGETS_MAX) return;
    (void)json_array_append_new(targets, json_pack("{ss,ss,ss,sf,sf,sf}", "service", said->service, "signal",
                                                   said->signal, "unit", explain_units[said->unit], "seen", said->seen,
                                                   "low", said->low, "high", said->high));
}

/* --- honoured --- */

static void resolve(const analyzer_t *analyzer, standing_answer_t *answer) {
    const names_t *names = &analyzer->shard->names;
    if (answer->names_known == names->count) return;
    answer->names_known = names->count;
    for (uint32_t i = 0; i < answer->count; i++) {
        target_t *target = &answer->targets[i];
        if (target->service_id == UINT32_MAX) target->service_id = names_find(names, slice_text(target->service));
    }
}

static bool in_force(const standing_answer_t *answer, int64_t now_ns) {
    return answer->since_ns < now_ns && now_ns <= answer->until_ns;
}

/* The target of an answer that is about this signal of this service; NULL when it says nothing about it. */
static const target_t *target_of(const standing_answer_t *answer, uint32_t service, const char *signal) {
    for (uint32_t i = 0; i < answer->count; i++)
        if (answer->targets[i].service_id == service && strcmp(answer->targets[i].signal, signal) == 0)
            return &answer->targets[i];
    return NULL;
}

static double wrong_level(const target_t *target, const track_t *track) {
    double most = track_is_share(track) ? WRONG_SHARE_MAX : WRONG_FACTOR_MAX * target->high;
    return fmin(target->seen * WRONG_ROOM, most);
}

/* What the answers in force say of a deviation of this size: the kind that covers it. *raised: decades that are asked
 * of it beside. */
static answer_kind_t covered(const analyzer_t *analyzer, uint32_t service, const track_t *track, double observed,
                             int64_t now_ns, double *raised) {
    answer_kind_t by = ANSWER_NONE;
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < analyzer->answer_count; i++) {
        const standing_answer_t *answer = &analyzer->answers[i];
        if (answer->kind == ANSWER_MUTE || answer->culprit != NULL || !in_force(answer, now_ns)) continue;
        const target_t *target = target_of(answer, service, track_said(analyzer, track));
        if (target == NULL) continue;
        if (answer->kind == ANSWER_WRONG && wrong < WRONG_MAX) wrong++;
        double level = answer->kind == ANSWER_EXPECTED ? target->seen * EXPECTED_ROOM : wrong_level(target, track);
        if (observed <= level && by != ANSWER_EXPECTED) by = answer->kind;
    }
    *raised = wrong * WRONG_EVIDENCE;
    return by;
}

static bool muted(const analyzer_t *analyzer, uint32_t service, const track_t *track, int64_t now_ns) {
    for (uint32_t i = 0; i < analyzer->answer_count; i++) {
        const standing_answer_t *answer = &analyzer->answers[i];
        if (answer->kind == ANSWER_MUTE && in_force(answer, now_ns) &&
            target_of(answer, service, track_said(analyzer, track)) != NULL)
            return true;
    }
    return false;
}

bool answers_quiet(const analyzer_t *analyzer, uint32_t service, const char *signal, double observed, int64_t now_ns) {
    for (uint32_t i = 0; i < analyzer->answer_count; i++) {
        const standing_answer_t *answer = &analyzer->answers[i];
        const target_t *target = in_force(answer, now_ns) ? target_of(answer, service, signal) : NULL;
        if (target == NULL || answer->culprit != NULL) continue;
        bool alike = observed <= target->seen * EXPECTED_ROOM && observed * EXPECTED_ROOM >= target->seen;
        if (answer->kind == ANSWER_MUTE || alike) return true;
    }
    return false;
}

void answers_apply(analyzer_t *analyzer, int64_t now_ns) {
    if (analyzer->answer_count == 0) return;
    for (uint32_t i = 0; i < analyzer->answer_count; i++) resolve(analyzer, &analyzer->answers[i]);
    bool *about = memory_new(analyzer->names_bound + 1, sizeof *about);
    for (uint32_t i = 0; i < analyzer->answer_count; i++)
        for (uint32_t t = 0; t < analyzer->answers[i].count; t++)
            if (analyzer->answers[i].targets[t].service_id < analyzer->names_bound)
                about[analyzer->answers[i].targets[t].service_id] = true;
    for (uint32_t i = 0; i < analyzer->verdicts.count; i++) {
        verdict_t *verdict = &analyzer->verdicts.items[i];
        const subject_t *subject = &analyzer->subjects[verdict->subject];
        double raised = 0;
        if (!about[subject->key.service]) continue;
        if (covered(analyzer, subject->key.service, &subject->tracks[verdict->track], verdict->observed, now_ns,
                    &raised) != ANSWER_NONE) {
            verdict->evidence = verdict->alone = 0;
            verdict->suspicious = false;
            verdict->strange = 0;
        }
        verdict->evidence = fmax(verdict->evidence - raised, 0);
    }
    free(about);
}

/* A false alarm stays one until it ends, however large. */
static bool called_wrong(const analyzer_t *analyzer, uint64_t incident, int64_t now_ns) {
    for (uint32_t i = 0; i < analyzer->answer_count; i++) {
        const standing_answer_t *answer = &analyzer->answers[i];
        if (answer->incident == incident && answer->kind == ANSWER_WRONG && answer->culprit == NULL &&
            in_force(answer, now_ns))
            return true;
    }
    return false;
}

answer_kind_t answers_of(const analyzer_t *analyzer, uint64_t incident, int64_t now_ns, bool *settled) {
    answer_kind_t covers = ANSWER_NONE;
    bool any = false, all_covered = true, all_quiet = true;
    *settled = false;
    for (uint32_t i = 0; i < analyzer->subject_count && analyzer->answer_count > 0; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        for (uint32_t t = 0; t < subject->track_count; t++) {
            const track_t *track = &subject->tracks[t];
            double raised;
            if (track->trouble.incident != incident || !track_is_felt(track)) continue;
            answer_kind_t by = covered(analyzer, subject->key.service, track, track->trouble.observed, now_ns, &raised);
            all_covered = all_covered && by != ANSWER_NONE;
            all_quiet = all_quiet && (by != ANSWER_NONE || muted(analyzer, subject->key.service, track, now_ns));
            if (covers != ANSWER_EXPECTED && by != ANSWER_NONE) covers = by;
            any = true;
        }
    }
    if (!any || !all_quiet) return called_wrong(analyzer, incident, now_ns) ? ANSWER_WRONG : ANSWER_NONE;
    *settled = all_covered;
    return all_covered ? covers : ANSWER_MUTE;
}

bool answers_clear(const analyzer_t *analyzer, uint64_t incident, uint32_t service) {
    int64_t now_ns = analyzer_seen_until(analyzer);
    for (uint32_t i = 0; i < analyzer->answer_count; i++) {
        const standing_answer_t *answer = &analyzer->answers[i];
        if (answer->culprit != NULL && answer->incident == incident && in_force(answer, now_ns) &&
            strcmp(answer->culprit, names_cstr(&analyzer->shard->names, service)) == 0)
            return true;
    }
    return false;
}
