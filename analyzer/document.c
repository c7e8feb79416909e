/* An incident as the document that the API serves (docs/api.md: Incident). What is said of its deviations, and of what
 * may have caused them, is gathered by account.c and put into words by explain.c. */
#include "analyzer/explain.h"
#include "analyzer/phrase.h"
#include "analyzer/state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SENTENCE_BYTES = 1024, AFFECTED_MAX = 50, TITLE_NAME_BYTES = 400, SIBLING_BUCKETS = 60 };

static const char *name_of(const analyzer_t *analyzer, uint32_t id) {
    return names_cstr(&analyzer->shard->names, id);
}

static json_t *text_or_null(const analyzer_t *analyzer, uint32_t id) {
    json_t *text = id == 0 ? NULL : json_string(name_of(analyzer, id));
    return text != NULL ? text : json_null();
}

/* A number, or null where it is none. */
static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static const char *quantity(phrase_t *phrase, const track_t *track, double value) {
    return track->role == TRACK_GAUGE_OTHER ? phrase_count(phrase, value) : phrase_share(phrase, value);
}

/* Whether a version or instance has others beside it, so that what it shows is not its service's. */
static bool has_siblings(const analyzer_t *analyzer, const subject_t *subject) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *other = &analyzer->subjects[i];
        bool seen = analyzer->last_bucket - other->last_bucket < SIBLING_BUCKETS;
        if (other->key.kind == subject->key.kind && other->key.service == subject->key.service && seen) count++;
    }
    return count > 1;
}

/* Who shows it: the service, or the one of its versions or instances that does. */
static void title_name(const analyzer_t *analyzer, const subject_t *subject, uint32_t service, char *out, size_t size) {
    bool part = (subject->key.kind == ENTITY_VERSION || subject->key.kind == ENTITY_INSTANCE) &&
                has_siblings(analyzer, subject);
    (void)snprintf(out, size, "%s%s%s", name_of(analyzer, service), part ? " " : "",
                   part ? name_of(analyzer, subject->key.part) : "");
}

static void title_words(const analyzer_t *analyzer, const blame_t *blame, char *out, size_t size) {
    const subject_t *subject = &analyzer->subjects[blame->subject];
    const track_t *track = &subject->tracks[blame->track];
    const trouble_t *trouble = &track->trouble;
    char service[TITLE_NAME_BYTES];
    title_name(analyzer, subject, blame->service, service, sizeof service);
    phrase_t first, second;
    if (account_silent(analyzer, blame->subject, blame->track)) {
        (void)snprintf(out, size, "%s answers no more", service);
        return;
    }
    double factor = trouble->observed / fmax(trouble->expected, 1e-6);
    switch (track->role) {
    case TRACK_ERRORS:
    case TRACK_GAUGE_FAILURES:
        (void)snprintf(out, size, "%s fails %s of its requests, usually %s", service,
                       phrase_share(&first, trouble->observed), phrase_share(&second, trouble->expected));
        return;
    case TRACK_LATENCY:
        (void)snprintf(out, size, "%s answers %s slower than usual", service, phrase_factor(&first, factor));
        return;
    case TRACK_CLIENT_LATENCY:
        if (subject->key.kind == ENTITY_EDGE && subject->key.caller == blame->service)
            (void)snprintf(out, size, "%s waits %s longer than usual for what it calls", service,
                           phrase_factor(&first, factor));
        else
            (void)snprintf(out, size, "calls to %s take %s longer than usual", service, phrase_factor(&first, factor));
        return;
    default:
        (void)snprintf(out, size, "%s of %s is at %s, usually %s", track_signal(analyzer, track), service,
                       quantity(&first, track, trouble->observed), quantity(&second, track, trouble->expected));
    }
}

static json_t *suspect_of(const analyzer_t *analyzer, const incident_t *incident, uint32_t rank) {
    account_t account;
    const blame_t *blame = &incident->suspects[rank];
    account_suspect(analyzer, incident, blame, &account);
    json_t *explanation = explain_document(&account.said);
    json_t *evidence = json_incref(json_object_get(explanation, "evidence"));
    json_decref(explanation);
    return json_pack("{si,so,so,so,ss,so,so,so,sb,so}", "rank", (int)rank + 1, "service",
                     text_or_null(analyzer, blame->service), "version", text_or_null(analyzer, blame->version),
                     "instance", text_or_null(analyzer, blame->instance), "signal",
                     track_signal(analyzer, &analyzer->subjects[blame->subject].tracks[blame->track]), "score",
                     number(blame->score), "parts",
                     json_pack("{so,so,so}", "own", number(blame->own), "network", number(blame->network), "saturation",
                               number(blame->saturation)),
                     "onset_ms", json_integer(account.said.began_ns / 1000000), "cleared",
                     answers_clear(analyzer, incident->id, blame->service) ? 1 : 0, "evidence", evidence);
}

static void reason_words(const analyzer_t *analyzer, const incident_t *incident, char *out, size_t size) {
    const blame_t *first = &incident->suspects[0], *second = &incident->suspects[1];
    phrase_t share;
    if (incident->suspect_count == 0)
        (void)snprintf(out, size, "nothing in the call graph explains it");
    else if (answers_clear(analyzer, incident->id, first->service))
        (void)snprintf(out, size, "not established: a person says that it was not %s",
                       name_of(analyzer, first->service));
    else if (!incident->established && incident->suspect_count > 1 && first->score > 0)
        (void)snprintf(out, size,
                       "not established: %s weighs %s of what the first suspect does, too much to be cleared",
                       name_of(analyzer, second->service), phrase_share(&share, second->score / first->score));
    else if (!incident->established)
        (void)snprintf(out, size, "not established: what each service calls explains what it shows");
    else if (first->network > fmax(first->own, first->saturation))
        (void)snprintf(out, size, "its callers wait longer than it works");
    else if (first->saturation > first->own)
        (void)snprintf(out, size, "it ran out of processor or memory when it began");
    else
        (void)snprintf(out, size, "its own part of the deviation is the largest");
}

static json_t *culprit_of(const analyzer_t *analyzer, const incident_t *incident) {
    const blame_t *blame = &incident->suspects[0];
    char reason[SENTENCE_BYTES];
    bool known = incident->suspect_count > 0;
    reason_words(analyzer, incident, reason, sizeof reason);
    return json_pack("{so,so,so,sb,ss}", "service", text_or_null(analyzer, known ? blame->service : 0), "version",
                     text_or_null(analyzer, known ? blame->version : 0), "instance",
                     text_or_null(analyzer, known ? blame->instance : 0), "established", incident->established ? 1 : 0,
                     "reason", reason);
}

static json_t *suspects_of(const analyzer_t *analyzer, const incident_t *incident) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < incident->suspect_count; i++)
        (void)json_array_append_new(list, suspect_of(analyzer, incident, i));
    return list;
}

static json_t *affected_of(const analyzer_t *analyzer, const incident_t *incident) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < analyzer->subject_count && json_array_size(list) < AFFECTED_MAX; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        const char *service = name_of(analyzer, subject->key.service);
        bool hurt = false, listed = false;
        for (uint32_t t = 0; t < subject->track_count; t++)
            hurt |=
                subject->tracks[t].trouble.incident == incident->id && subject->tracks[t].role < TRACK_GAUGE_SATURATION;
        for (size_t k = 0; hurt && k < json_array_size(list); k++)
            listed |= strcmp(json_string_value(json_array_get(list, k)), service) == 0;
        if (hurt && !listed) (void)json_array_append_new(list, json_string(service));
    }
    return list;
}

/* The worst of each signal of each service, over its versions, instances and the calls to it: what a person's answer to
 * this incident is about (answers.h). */
static json_t *deviations_of(const analyzer_t *analyzer, const incident_t *incident) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        for (uint32_t t = 0; t < analyzer->subjects[i].track_count; t++) {
            explanation_t said = {0};
            if (analyzer->subjects[i].tracks[t].trouble.incident != incident->id) continue;
            account_figures(analyzer, i, t, &said);
            answers_note(list, &said);
        }
    }
    return list;
}

static void add_moment(json_t *list, int64_t time_ns, const char *text) {
    (void)json_array_append_new(list, json_pack("{sI,ss}", "time_ms", (json_int_t)(time_ns / 1000000), "text", text));
}

static json_t *recurrence_of(const analyzer_t *analyzer, const incident_t *incident) {
    int64_t since_ns;
    uint32_t times = flapping_times(analyzer, incident, &since_ns);
    return times < 2 ? json_null()
                     : json_pack("{sI,sI}", "times", (json_int_t)times, "since_ms", (json_int_t)(since_ns / 1000000));
}

static json_t *timeline_of(const analyzer_t *analyzer, const incident_t *incident, const char *first) {
    json_t *list = json_array();
    char text[SENTENCE_BYTES];
    add_moment(list, incident->first_failure_ns, first);
    int64_t since_ns;
    phrase_t since;
    uint32_t times = flapping_times(analyzer, incident, &since_ns);
    if (times > 1)
        (void)snprintf(text, sizeof text, "incident opened: %u times since %s, it comes and goes", times,
                       phrase_time(&since, since_ns));
    add_moment(list, incident->opened_ns, times > 1 ? text : "incident opened");
    if (incident->updated_ns > incident->opened_ns && incident->suspect_count > 0) {
        (void)snprintf(text, sizeof text, "first suspect: %s", name_of(analyzer, incident->suspects[0].service));
        add_moment(list, incident->updated_ns, text);
    }
    if (incident->closed_ns != 0)
        add_moment(list, incident->closed_ns,
                   incident->answered == ANSWER_EXPECTED ? "a person says that this is as it should be: closed"
                   : incident->answered == ANSWER_WRONG  ? "a person says that this was no incident: closed"
                                                         : "nothing deviates any more: closed");
    return list;
}

/* The deviation that began first, strongest where several did: where the story starts. */
static bool first_failure(const analyzer_t *analyzer, const incident_t *incident, uint32_t *subject, uint32_t *track) {
    const trouble_t *first = NULL;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        for (uint32_t t = 0; t < analyzer->subjects[i].track_count; t++) {
            const track_t *candidate = &analyzer->subjects[i].tracks[t];
            const trouble_t *trouble = &candidate->trouble;
            if (trouble->incident != incident->id || candidate->role == TRACK_GAUGE_SATURATION ||
                candidate->role == TRACK_GAUGE_OTHER)
                continue;
            if (first != NULL && (trouble->onset_ns > first->onset_ns ||
                                  (trouble->onset_ns == first->onset_ns && trouble->strength <= first->strength)))
                continue;
            first = trouble;
            *subject = i;
            *track = t;
        }
    }
    return first != NULL;
}

/* The strongest deviation of a suspect that requests show: its resources are why, not what. */
static void requests_of(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, uint32_t *subject,
                        uint32_t *track) {
    double strongest = 0;
    *subject = blame->subject;
    *track = blame->track;
    if (analyzer->subjects[*subject].tracks[*track].role <= TRACK_GAUGE_FAILURES) return;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *at = &analyzer->subjects[i];
        for (uint32_t t = 0; at->key.service == blame->service && t < at->track_count; t++) {
            const trouble_t *trouble = &at->tracks[t].trouble;
            if (at->tracks[t].role > TRACK_GAUGE_FAILURES || trouble->incident != incident->id) continue;
            if (trouble->strength * trouble->effect <= strongest) continue;
            strongest = trouble->strength * trouble->effect;
            *subject = i;
            *track = t;
        }
    }
}

/* What the sentence is about: the culprit's strongest deviation; while there is none, where the story starts. */
json_t *incident_explanation(const analyzer_t *analyzer, const incident_t *incident) {
    account_t account;
    uint32_t subject = 0, track = 0;
    bool any = true;
    if (incident->established && incident->suspect_count > 0)
        requests_of(analyzer, incident, &incident->suspects[0], &subject, &track);
    else
        any = first_failure(analyzer, incident, &subject, &track);
    if (!any) return json_null();
    account_deviation(analyzer, incident, subject, track, &account);
    account.said.began_ns = incident->first_failure_ns;
    return explain_document(&account.said);
}

char *incident_document(const analyzer_t *analyzer, const incident_t *incident) {
    char title[SENTENCE_BYTES] = "something deviates", first[EXPLAIN_EVIDENCE_BYTES] = "", id[24];
    uint32_t subject, track;
    if (incident->suspect_count > 0) title_words(analyzer, &incident->suspects[0], title, sizeof title);
    if (first_failure(analyzer, incident, &subject, &track)) {
        explanation_t said = {0};
        account_figures(analyzer, subject, track, &said);
        explain_deviation(&said, first, sizeof first);
    }
    json_t *explanation = incident_explanation(analyzer, incident);
    const char *sentence = json_string_value(json_object_get(explanation, "sentence"));
    (void)snprintf(id, sizeof id, "%" PRIu64, incident->id);
    json_t *closed = incident->closed_ns == 0 ? json_null() : json_integer(incident->closed_ns / 1000000);
    const char *answered = answer_names[incident->answered];
    json_t *document = json_pack(
        "{ss,ss,sI,sI,so,ss,ss,ss,so,so,so,so,s{so,so},sI,so,so,so,so}", "id", id, "state",
        incident->closed_ns == 0 ? "open" : "closed", "opened_ms", (json_int_t)(incident->opened_ns / 1000000),
        "updated_ms", (json_int_t)(incident->updated_ns / 1000000), "closed_ms", closed, "severity",
        incident->evidence >= 6 && incident->affected_per_minute >= 10 ? "critical" : "warning", "title", title,
        "sentence", sentence == NULL ? title : sentence, "explanation", explanation, "culprit",
        culprit_of(analyzer, incident), "suspects", suspects_of(analyzer, incident), "affected",
        affected_of(analyzer, incident), "impact", "requests_per_minute", number(incident->affected_per_minute),
        "time_lost_s_per_minute", number(incident->time_lost_s_per_minute), "first_failure_ms",
        (json_int_t)(incident->first_failure_ns / 1000000), "timeline", timeline_of(analyzer, incident, first),
        "deviations", deviations_of(analyzer, incident), "answered",
        answered == NULL ? json_null() : json_string(answered), "recurrence", recurrence_of(analyzer, incident));
    char *text = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
    json_decref(document);
    return text;
}
