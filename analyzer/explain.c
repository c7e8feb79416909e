/* Incidents in words and as documents. The sentence has one grammar, so that people learn to read it:
 *
 *   <edge or service> <signal> is <seen>, expected <low> to <high> (<n> requests in <window>, <history>); began <time>;
 *   likely cause <service>: <evidence> | likely cause not established
 *
 * No score without its range, no symptom called a cause. */
#include "analyzer/phrase.h"
#include "analyzer/state.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SENTENCE_BYTES = 1024, AFFECTED_MAX = 50 };

const char *track_signal(const analyzer_t *analyzer, const track_t *track) {
    static const char *const counted[] = {"errors", "latency", "client latency"};
    if (track->gauge == NULL) return counted[track->role];
    return analyzer->shard == NULL ? "gauge" : names_cstr(&analyzer->shard->names, track->gauge->signal);
}

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

static bool is_share(const track_t *track) {
    return track->role == TRACK_ERRORS || (track->role >= TRACK_GAUGE_FAILURES && track->role < TRACK_GAUGE_OTHER);
}

static const char *quantity(phrase_t *phrase, const track_t *track, double value) {
    if (track->role == TRACK_GAUGE_OTHER) return phrase_count(phrase, value);
    return is_share(track) ? phrase_share(phrase, value) : phrase_seconds(phrase, value);
}

static const char *signal_words(const track_t *track) {
    switch (track->role) {
    case TRACK_ERRORS:
    case TRACK_GAUGE_FAILURES:
        return "share of failed requests";
    case TRACK_LATENCY:
        return "latency";
    case TRACK_CLIENT_LATENCY:
        return "latency as the caller sees it";
    default:
        return NULL;
    }
}

static void subject_words(const analyzer_t *analyzer, const subject_t *subject, char *out, size_t size) {
    const char *service = name_of(analyzer, subject->key.service);
    if (subject->key.kind == ENTITY_EDGE)
        (void)snprintf(out, size, "%s > %s", name_of(analyzer, subject->key.caller), service);
    else if (subject->key.part != 0)
        (void)snprintf(out, size, "%s (%s)", service, name_of(analyzer, subject->key.part));
    else
        (void)snprintf(out, size, "%s", service);
}

static void history_words(const subject_t *subject, const track_t *track, char *out, size_t size) {
    if (track->gauge != NULL) {
        (void)snprintf(out, size, "%u points of history%s", (unsigned)track->gauge->count,
                       track->gauge->count < 10 ? ", still learning" : "");
        return;
    }
    double buckets = subject->flow->buckets;
    for (uint32_t i = 0; i < subject->flow->recent_count; i++)
        if (!subject->flow->recent[i].suspicious && !subject->flow->recent[i].held) buckets++;
    (void)snprintf(out, size, "%.0f windows of history%s", buckets, buckets < 30 ? ", still learning" : "");
}

/* "<subject> <signal> is <seen>, expected <low> to <high> (<n> requests in <window>, <history>)" */
static void deviation_words(const analyzer_t *analyzer, uint32_t index, uint32_t t, char *out, size_t size) {
    const subject_t *subject = &analyzer->subjects[index];
    const track_t *track = &subject->tracks[t];
    const trouble_t *trouble = &track->trouble;
    char who[2 * NAME_BYTES_MAX + 8], history[64], sample[128] = "";
    phrase_t seen, low, high, count, window;
    subject_words(analyzer, subject, who, sizeof who);
    history_words(subject, track, history, sizeof history);
    if (trouble->requests >= 1)
        (void)snprintf(sample, sizeof sample, "%s requests in %s, ", phrase_count(&count, trouble->requests),
                       phrase_seconds(&window, trouble->window_s));
    const char *words = signal_words(track);
    (void)snprintf(out, size, "%s %s is %s, expected %s to %s (%s%s)", who,
                   words != NULL ? words : track_signal(analyzer, track), quantity(&seen, track, trouble->observed),
                   quantity(&low, track, trouble->low), quantity(&high, track, trouble->high), sample, history);
}

static void title_words(const analyzer_t *analyzer, const blame_t *blame, char *out, size_t size) {
    const subject_t *subject = &analyzer->subjects[blame->subject];
    const track_t *track = &subject->tracks[blame->track];
    const trouble_t *trouble = &track->trouble;
    const char *service = name_of(analyzer, blame->service);
    phrase_t first, second;
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

/* What speaks against a suspect, in sentences. */
static json_t *evidence_of(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame) {
    json_t *list = json_array();
    char text[SENTENCE_BYTES];
    deviation_words(analyzer, blame->subject, blame->track, text, sizeof text);
    (void)json_array_append_new(list, json_string(text));
    if (blame->network > 0)
        (void)json_array_append_new(list, json_string("callers wait longer than the service itself needs to answer: "
                                                      "the time is lost on the way or in a queue before it"));
    if (blame->own > 0 && blame->network <= 0)
        (void)json_array_append_new(list, json_string("what its own callees take does not explain it"));
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        if (subject->key.service != blame->service) continue;
        for (uint32_t t = 0; t < subject->track_count; t++) {
            const track_t *track = &subject->tracks[t];
            bool filled = track->role == TRACK_GAUGE_SATURATION || track->role == TRACK_GAUGE_PROCESSOR;
            if (!filled || track->trouble.incident != incident->id) continue;
            if (i == blame->subject && t == blame->track) continue;
            deviation_words(analyzer, i, t, text, sizeof text);
            (void)json_array_append_new(list, json_string(text));
        }
    }
    return list;
}

static json_t *suspects_of(const analyzer_t *analyzer, const incident_t *incident) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < incident->suspect_count; i++) {
        const blame_t *blame = &incident->suspects[i];
        const track_t *track = &analyzer->subjects[blame->subject].tracks[blame->track];
        (void)json_array_append_new(list, json_pack("{si,so,so,so,ss,so,so}", "rank", (int)i + 1, "service",
                                                    text_or_null(analyzer, blame->service), "version",
                                                    text_or_null(analyzer, blame->version), "instance",
                                                    text_or_null(analyzer, blame->instance), "signal",
                                                    track_signal(analyzer, track), "score", number(blame->score),
                                                    "evidence", evidence_of(analyzer, incident, blame)));
    }
    return list;
}

static json_t *culprit_of(const analyzer_t *analyzer, const incident_t *incident) {
    const blame_t *blame = &incident->suspects[0];
    const char *reason = incident->suspect_count == 0 ? "nothing in the call graph explains it"
                         : !incident->established ? "not established: the first suspects are too close to each other"
                         : blame->network > fmax(blame->own, blame->saturation)
                             ? "its callers wait longer than it works"
                         : blame->saturation > blame->own ? "it ran out of processor or memory when it began"
                                                          : "its own part of the deviation is the largest";
    bool known = incident->suspect_count > 0;
    return json_pack("{so,so,so,sb,ss}", "service", text_or_null(analyzer, known ? blame->service : 0), "version",
                     text_or_null(analyzer, known ? blame->version : 0), "instance",
                     text_or_null(analyzer, known ? blame->instance : 0), "established", incident->established ? 1 : 0,
                     "reason", reason);
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

static void add_moment(json_t *list, int64_t time_ns, const char *text) {
    (void)json_array_append_new(list, json_pack("{sI,ss}", "time_ms", (json_int_t)(time_ns / 1000000), "text", text));
}

static json_t *timeline_of(const analyzer_t *analyzer, const incident_t *incident, const char *first) {
    json_t *list = json_array();
    char text[SENTENCE_BYTES];
    add_moment(list, incident->first_failure_ns, first);
    add_moment(list, incident->opened_ns, "incident opened");
    if (incident->updated_ns > incident->opened_ns && incident->suspect_count > 0) {
        (void)snprintf(text, sizeof text, "first suspect: %s", name_of(analyzer, incident->suspects[0].service));
        add_moment(list, incident->updated_ns, text);
    }
    if (incident->closed_ns != 0) add_moment(list, incident->closed_ns, "nothing deviates any more: closed");
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

static void sentence_of(const analyzer_t *analyzer, const incident_t *incident, const char *deviation, char *out,
                        size_t size) {
    phrase_t began;
    char cause[SENTENCE_BYTES / 2] = "not established";
    if (incident->established && incident->suspect_count > 0)
        title_words(analyzer, &incident->suspects[0], cause, sizeof cause);
    (void)snprintf(out, size, "%s; began %s; likely cause %s.", deviation,
                   phrase_time(&began, incident->first_failure_ns), cause);
}

char *explain_incident(const analyzer_t *analyzer, const incident_t *incident) {
    char title[SENTENCE_BYTES] = "something deviates", deviation[SENTENCE_BYTES] = "",
         sentence[2 * SENTENCE_BYTES] = "", id[24];
    uint32_t subject, track;
    if (incident->suspect_count > 0) title_words(analyzer, &incident->suspects[0], title, sizeof title);
    if (first_failure(analyzer, incident, &subject, &track))
        deviation_words(analyzer, subject, track, deviation, sizeof deviation);
    sentence_of(analyzer, incident, deviation, sentence, sizeof sentence);
    (void)snprintf(id, sizeof id, "%" PRIu64, incident->id);
    json_t *closed = incident->closed_ns == 0 ? json_null() : json_integer(incident->closed_ns / 1000000);
    json_t *document = json_pack(
        "{ss,ss,sI,sI,so,ss,ss,ss,so,so,so,s{so,so},sI,so}", "id", id, "state",
        incident->closed_ns == 0 ? "open" : "closed", "opened_ms", (json_int_t)(incident->opened_ns / 1000000),
        "updated_ms", (json_int_t)(incident->updated_ns / 1000000), "closed_ms", closed, "severity",
        incident->evidence >= 6 && incident->affected_per_minute >= 10 ? "critical" : "warning", "title", title,
        "sentence", sentence, "culprit", culprit_of(analyzer, incident), "suspects", suspects_of(analyzer, incident),
        "affected", affected_of(analyzer, incident), "impact", "requests_per_minute",
        number(incident->affected_per_minute), "time_lost_s_per_minute", number(incident->time_lost_s_per_minute),
        "first_failure_ms", (json_int_t)(incident->first_failure_ns / 1000000), "timeline",
        timeline_of(analyzer, incident, deviation));
    char *text = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
    json_decref(document);
    return text;
}
