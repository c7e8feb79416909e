/* What is known of a deviation, gathered for explain.h: the range it left, since when, in which versions, what changed
 * before it (cause.c), and what speaks against the suspect. */
#include "analyzer/state.h"

#include "analyzer/phrase.h"

#include <math.h>
#include <stdio.h>

enum {
    RUNNING_BUCKETS = 30, /* a version that had no request for longer runs no more */
    SENTENCE_PART_BYTES = 800
};

const char *track_signal(const analyzer_t *analyzer, const track_t *track) {
    static const char *const counted[] = {"errors", "latency", "client latency"};
    if (track->gauge == NULL) return counted[track->role];
    return analyzer->shard == NULL ? "gauge" : names_cstr(&analyzer->shard->names, track->gauge->signal);
}

const char *track_said(const analyzer_t *analyzer, const track_t *track) {
    return track->role == TRACK_GAUGE_FAILURES ? "errors" : track_signal(analyzer, track);
}

bool track_is_share(const track_t *track) {
    return track->role == TRACK_ERRORS || (track->role >= TRACK_GAUGE_FAILURES && track->role < TRACK_GAUGE_OTHER);
}

bool track_is_felt(const track_t *track) {
    return track->role != TRACK_GAUGE_SATURATION && track->role != TRACK_GAUGE_OTHER;
}

static const char *name_or_null(const analyzer_t *analyzer, uint32_t id) {
    return id == NAME_NONE ? NULL : names_cstr(&analyzer->shard->names, id);
}

static explain_unit_t unit_of(const track_t *track) {
    if (track_is_share(track)) return UNIT_RATIO;
    return track->role == TRACK_GAUGE_OTHER ? UNIT_NONE : UNIT_SECONDS;
}

static double history_of(const subject_t *subject, const track_t *track) {
    if (track->gauge != NULL) return track->gauge->count;
    double buckets = subject->flow->buckets;
    for (uint32_t i = 0; i < subject->flow->recent_count; i++)
        if (!subject->flow->recent[i].suspicious && !subject->flow->recent[i].held) buckets++;
    return buckets;
}

bool account_silent(const analyzer_t *analyzer, uint32_t index, uint32_t t) {
    const subject_t *subject = &analyzer->subjects[index];
    return subject->key.kind == ENTITY_INSTANCE && subject->flow != NULL && subject->flow->recent_count > 0 &&
           subject->tracks[t].trouble.incident == 0;
}

/* --- versions --- */

/* Whether a version shows what `like` shows of its service: by its own track, or, since a version that was bad from the
 * start deviates from no past of its own, by the range that is expected of the service. */
static bool version_shows(const subject_t *version, const track_t *like, uint64_t incident) {
    for (uint32_t t = 0; t < version->track_count; t++)
        if (version->tracks[t].role == like->role && version->tracks[t].trouble.incident == incident) return true;
    if (version->flow == NULL || like->gauge != NULL || like->role == TRACK_CLIENT_LATENCY) return false;
    double requests = 0, errors = 0;
    histogram_t latencies = {{0}};
    for (uint32_t i = 0; i < version->flow->recent_count; i++) {
        requests += version->flow->recent[i].requests;
        errors += version->flow->recent[i].errors;
        flow_recent_add(version->flow, i, TRACK_LATENCY, &latencies);
    }
    if (like->role == TRACK_ERRORS) return requests > 0 && errors / requests > like->trouble.high;
    double median = histogram_quantile(&latencies, 0.5);
    return !isnan(median) && median > like->trouble.high;
}

/* Whether a version could show it: calls to it have a caller's view only together. */
static bool comparable(const subject_t *version, const track_t *like) {
    if (like->gauge == NULL) return version->flow != NULL && like->role != TRACK_CLIENT_LATENCY;
    for (uint32_t t = 0; t < version->track_count; t++)
        if (version->tracks[t].gauge != NULL && version->tracks[t].gauge->signal == like->gauge->signal) return true;
    return false;
}

static bool runs(const analyzer_t *analyzer, const subject_t *version, uint32_t service) {
    return version->key.kind == ENTITY_VERSION && version->key.service == service &&
           analyzer->last_bucket - version->last_bucket <= RUNNING_BUCKETS;
}

/* Counts the running versions of a service and those that show it; returns one of these, NULL when there is none. */
static const subject_t *count_versions(const analyzer_t *analyzer, const track_t *like, uint32_t service,
                                       explanation_t *said) {
    const subject_t *shows = NULL;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *version = &analyzer->subjects[i];
        if (!runs(analyzer, version, service) || !comparable(version, like)) continue;
        said->versions++;
        if (!version_shows(version, like, like->trouble.incident)) continue;
        said->versions_affected++;
        shows = version;
    }
    return shows;
}

/* --- evidence --- */

static void add_evidence(account_t *out, const char *text) {
    if (out->said.evidence_count == EXPLAIN_EVIDENCE_MAX) return;
    (void)snprintf(out->evidence[out->said.evidence_count++], EXPLAIN_EVIDENCE_BYTES, "%s", text);
}

static void add_deviation(const analyzer_t *analyzer, uint32_t subject, uint32_t track, account_t *out) {
    char text[EXPLAIN_EVIDENCE_BYTES];
    explanation_t said = {0};
    account_figures(analyzer, subject, track, &said);
    explain_deviation(&said, text, sizeof text);
    add_evidence(out, text);
}

/* Onset of what a service shows in the incident; INT64_MAX when it shows nothing. */
static int64_t onset_of(const analyzer_t *analyzer, uint64_t incident, uint32_t service) {
    int64_t onset = INT64_MAX;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        for (uint32_t t = 0; subject->key.service == service && t < subject->track_count; t++) {
            const trouble_t *trouble = &subject->tracks[t].trouble;
            if (trouble->incident == incident && trouble->onset_ns < onset) onset = trouble->onset_ns;
        }
    }
    return onset;
}

/* Since when the suspect deviates, or its instance is silent; INT64_MAX when neither is so. */
static int64_t began_of(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame) {
    const flow_t *flow = analyzer->subjects[blame->subject].flow;
    if (!account_silent(analyzer, blame->subject, blame->track))
        return onset_of(analyzer, incident->id, blame->service);
    return bucket_end_ns(flow->recent[flow->recent_count - 1].bucket);
}

static void add_onset(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, account_t *out) {
    char text[SENTENCE_PART_BYTES];
    phrase_t when, after;
    int64_t onset = began_of(analyzer, incident, blame);
    if (onset == INT64_MAX) return;
    double late_s = (double)(onset - incident->first_failure_ns) * 1e-9;
    if (late_s < (double)BUCKET_SECONDS)
        (void)snprintf(text, sizeof text, "it deviates since %s, no later than anything else in the incident",
                       phrase_time(&when, onset));
    else
        (void)snprintf(text, sizeof text, "it deviates since %s, %s after the first in the incident",
                       phrase_time(&when, onset), phrase_seconds(&after, late_s));
    add_evidence(out, text);
}

static void add_parts(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, account_t *out) {
    char text[SENTENCE_PART_BYTES];
    phrase_t share, lost;
    const track_t *track = &analyzer->subjects[blame->subject].tracks[blame->track];
    double explained = culprit_explained(analyzer, incident, blame->service, track);
    if (!isnan(explained) && track->role <= TRACK_GAUGE_FAILURES && track->role != TRACK_CLIENT_LATENCY) {
        (void)snprintf(text, sizeof text, "what it calls explains %s of it", phrase_share(&share, explained));
        add_evidence(out, text);
    }
    if (blame->network > 0 && track->role == TRACK_CLIENT_LATENCY) {
        (void)snprintf(text, sizeof text,
                       "callers wait %s longer than usual, and longer than the service itself needs to answer: the "
                       "time is lost on the way or in a queue before it",
                       phrase_seconds(&lost, track->trouble.excess));
        add_evidence(out, text);
    }
}

static void add_resources(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame,
                          account_t *out) {
    uint32_t subject = 0, at = 0;
    const char *told = track_signal(analyzer, &analyzer->subjects[blame->subject].tracks[blame->track]);
    for (const track_t *track; (track = cause_resource(analyzer, incident, blame->service, &subject, &at)) != NULL;) {
        if (strcmp(told, track_signal(analyzer, track)) == 0) continue; /* the service's, and again its instance's */
        told = track_signal(analyzer, track);
        add_deviation(analyzer, subject, at - 1, out);
    }
}

static void add_versions(const analyzer_t *analyzer, const explanation_t *counted, const subject_t *shows,
                         account_t *out) {
    char text[SENTENCE_PART_BYTES];
    if (shows == NULL || counted->versions < 2 || counted->versions_affected == counted->versions) return;
    (void)snprintf(text, sizeof text, "%u of %u versions show%s %s", counted->versions_affected, counted->versions,
                   counted->versions_affected == 1 ? "s it:" : " it, among them",
                   names_cstr(&analyzer->shard->names, shows->key.part));
    add_evidence(out, text);
}

static void suspect_evidence(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame,
                             account_t *out) {
    explanation_t counted = {0};
    const track_t *track = &analyzer->subjects[blame->subject].tracks[blame->track];
    const subject_t *shows = count_versions(analyzer, track, blame->service, &counted);
    int64_t began_ns = began_of(analyzer, incident, blame);
    add_deviation(analyzer, blame->subject, blame->track, out);
    add_onset(analyzer, incident, blame, out);
    add_parts(analyzer, incident, blame, out);
    add_resources(analyzer, incident, blame, out);
    add_versions(analyzer, &counted, shows, out);
    if (began_ns == INT64_MAX) return;
    if (!cause_find(analyzer, incident, blame, shows, counted.versions_affected < counted.versions, began_ns, out))
        return;
    if (strcmp(out->said.cause_kind, "saturation") != 0) add_evidence(out, out->cause); /* that is there already */
    out->said.cause_text = out->cause;
}

/* What an instance shows that answers no more: it deviates in nothing but that. */
static void figures_of_silence(const analyzer_t *analyzer, const flow_t *flow, explanation_t *said) {
    int64_t last = flow->recent[flow->recent_count - 1].bucket;
    double period_s = fmax((double)flow->period_s, (double)BUCKET_SECONDS), buckets = fmax((double)flow->buckets, 1);
    double mean = flow->requests / buckets, spread = 2 * sqrt(mean);
    said->signal = "traffic";
    said->unit = UNIT_RATE;
    said->seen = said->requests = 0;
    said->low = fmax(mean - spread, 0) / period_s;
    said->high = (mean + spread) / period_s;
    said->window_s = (double)(analyzer->last_bucket - last) * (double)BUCKET_SECONDS;
    said->began_ns = bucket_end_ns(last);
}

void account_figures(const analyzer_t *analyzer, uint32_t index, uint32_t t, explanation_t *said) {
    const subject_t *subject = &analyzer->subjects[index];
    const track_t *track = &subject->tracks[t];
    const trouble_t *trouble = &track->trouble;
    bool instance = subject->key.kind == ENTITY_INSTANCE;
    said->kind = entity_kind_names[subject->key.kind];
    said->service = name_or_null(analyzer, subject->key.service);
    said->caller = name_or_null(analyzer, subject->key.caller);
    said->version = name_or_null(analyzer, instance ? subject->key.version : subject->key.part);
    said->instance = instance ? name_or_null(analyzer, subject->key.part) : NULL;
    said->signal = track_said(analyzer, track);
    said->unit = unit_of(track);
    said->seen = trouble->observed;
    said->low = trouble->low;
    said->high = trouble->high;
    said->requests = trouble->requests;
    said->window_s = trouble->window_s;
    said->history_windows = history_of(subject, track);
    said->began_ns = trouble->onset_ns;
    if (account_silent(analyzer, index, t)) figures_of_silence(analyzer, subject->flow, said);
}

void account_suspect(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, account_t *out) {
    out->said = (explanation_t){.evidence = out->evidence};
    account_figures(analyzer, blame->subject, blame->track, &out->said);
    suspect_evidence(analyzer, incident, blame, out);
}

void account_deviation(const analyzer_t *analyzer, const incident_t *incident, uint32_t subject, uint32_t track,
                       account_t *out) {
    out->said = (explanation_t){.evidence = out->evidence};
    account_figures(analyzer, subject, track, &out->said);
    const track_t *shown = &analyzer->subjects[subject].tracks[track];
    (void)count_versions(analyzer, shown, analyzer->subjects[subject].key.service, &out->said);
    if (incident->suspect_count > 0)
        suspect_evidence(analyzer, incident, &incident->suspects[0], out);
    else
        add_deviation(analyzer, subject, track, out);
    if (!incident->established) out->said.cause_kind = out->said.cause_text = NULL;
}
