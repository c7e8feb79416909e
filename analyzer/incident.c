/* From verdicts to incidents. A verdict has to be unlikely even for the number of questions that were asked in this
 * tick (Bonferroni: simple, and the price of a thousand questions is only three decades of evidence), or twice in three
 * judgements less so. Then it opens an incident, or joins one that touches the same part of the call graph. */
#include "analyzer/state.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

static const double OPEN_EVIDENCE = 4.0;  /* log10(1/p) after the correction, looking every bucket: … */
static const double GAUGE_EVIDENCE = 1.8; /* … more for a point of a gauge: nobody knows what it stands for */
static const double REPEAT_EVIDENCE =
    2.8;                                  /* twice in three judgements of gauges; less where looks are rare, as above */
static const double ALONE_EVIDENCE = 0.7; /* of one bucket or point by itself, to count as deviating */
static const double JOIN_EVIDENCE = 1.0;  /* to join what is open already */
static const double ENTER_EVIDENCE = 2.0; /* the same, when it was open before this tick */
static const double STRENGTH_MAX = 12;
enum { HOPS = 2, QUIET_S = 120, OPEN_MAX = 64, LEARN_ANEW_S = 3600, YOUNG_S = 180 };

/* Services within HOPS calls (in either direction) of an incident, by name id. */
static bool *neighbourhood(const analyzer_t *analyzer, uint64_t incident, uint32_t names) {
    bool *near = memory_new(names + 1, sizeof *near);
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        for (uint32_t t = 0; t < subject->track_count; t++)
            if (subject->tracks[t].trouble.incident == incident)
                near[subject->key.service] = near[subject->key.caller] = true;
    }
    near[0] = false;
    for (int hop = 0; hop < HOPS; hop++) {
        bool *next = memory_new(names + 1, sizeof *next);
        memcpy(next, near, (names + 1) * sizeof *next);
        for (uint32_t i = 0; i < analyzer->subject_count; i++) {
            const subject_key_t *key = &analyzer->subjects[i].key;
            if (key->kind == ENTITY_EDGE && (near[key->caller] || near[key->service]))
                next[key->caller] = next[key->service] = true;
        }
        free(near);
        near = next;
    }
    return near;
}

static bool in_graph(const analyzer_t *analyzer, uint32_t service) {
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_key_t *key = &analyzer->subjects[i].key;
        if (key->kind == ENTITY_EDGE && (key->service == service || key->caller == service)) return true;
    }
    return false;
}

/* True when `service` calls the incident's first suspect, directly or through others: it may be its victim. */
static bool may_be_victim(const analyzer_t *analyzer, const incident_t *incident, uint32_t service) {
    bool *above = memory_new(analyzer->names_bound + 1, sizeof *above);
    if (incident->suspect_count > 0) above[incident->suspects[0].service] = true;
    for (bool grown = true; grown && !above[service];) {
        grown = false;
        for (uint32_t i = 0; i < analyzer->subject_count; i++) {
            const subject_key_t *key = &analyzer->subjects[i].key;
            if (key->kind != ENTITY_EDGE || !above[key->service] || above[key->caller]) continue;
            above[key->caller] = grown = true;
        }
    }
    bool yes = above[service];
    free(above);
    return yes;
}

/* True when the service itself, or calls to it, deviate in the incident. */
static bool shows(const analyzer_t *analyzer, uint64_t incident, uint32_t service) {
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        if (subject->key.service != service) continue;
        for (uint32_t t = 0; t < subject->track_count; t++)
            if (subject->tracks[t].trouble.incident == incident) return true;
    }
    return false;
}

/* What an incident that is no longer young takes in: more of what it has, and victims. Else a second fault beside an
 * old one would never be told. */
static bool takes(const analyzer_t *analyzer, const incident_t *incident, const subject_key_t *key, double period_s,
                  int64_t now_ns) {
    double young_s = fmax(YOUNG_S, 2.2 * period_s);
    if ((double)(now_ns - incident->opened_ns) <= young_s * 1e9) return true;
    bool of_suspect =
        key->kind == ENTITY_EDGE && incident->suspect_count > 0 && key->caller == incident->suspects[0].service;
    return of_suspect || shows(analyzer, incident->id, key->service) || may_be_victim(analyzer, incident, key->service);
}

/* The open incident that a subject in trouble belongs to: near in the graph, or, where no call of the service was ever
 * seen, simply the newest. 0 = none. */
static uint64_t related(const analyzer_t *analyzer, const subject_key_t *key, double period_s, int64_t now_ns) {
    uint32_t names = analyzer->names_bound;
    for (uint32_t i = analyzer->open_count; i-- > 0;) {
        const incident_t *incident = &analyzer->open[i];
        if (!takes(analyzer, incident, key, period_s, now_ns)) continue;
        bool *near = neighbourhood(analyzer, incident->id, names);
        bool yes = near[key->service] || (key->caller != 0 && near[key->caller]);
        free(near);
        if (yes) return incident->id;
    }
    if (analyzer->open_count == 0 || in_graph(analyzer, key->service)) return 0;
    const incident_t *newest = &analyzer->open[analyzer->open_count - 1];
    return takes(analyzer, newest, key, period_s, now_ns) ? newest->id : 0;
}

static incident_t *incident_by_id(analyzer_t *analyzer, uint64_t id) {
    for (uint32_t i = 0; i < analyzer->open_count; i++)
        if (analyzer->open[i].id == id) return &analyzer->open[i];
    return NULL;
}

static uint64_t open_incident(analyzer_t *analyzer, int64_t now_ns) {
    if (analyzer->open_count >= OPEN_MAX) return analyzer->open[analyzer->open_count - 1].id;
    analyzer->open = memory_resize(analyzer->open, (analyzer->open_count + 1) * sizeof *analyzer->open);
    analyzer->open[analyzer->open_count++] = (incident_t){
        .id = analyzer->next_incident++, .opened_ns = now_ns, .updated_ns = now_ns, .first_failure_ns = now_ns};
    return analyzer->open[analyzer->open_count - 1].id;
}

static track_t *track_of(analyzer_t *analyzer, const verdict_t *verdict) {
    return &analyzer->subjects[verdict->subject].tracks[verdict->track];
}

/* Enters a verdict into its track's trouble. */
static void enter(track_t *track, const verdict_t *verdict, uint64_t incident, int64_t now_ns) {
    trouble_t *trouble = &track->trouble;
    if (trouble->incident != incident) {
        *trouble = (trouble_t){.incident = incident, .onset_ns = now_ns};
        trouble->onset_ns -=
            (int64_t)(fmin(verdict->window_s, verdict->period_s > 0 ? 2 * verdict->period_s : 1e9) * 1e9);
        trouble->excess = (float)verdict->excess;
    }
    trouble->last_ns = now_ns;
    trouble->excess += 0.5F * ((float)verdict->excess - trouble->excess);
    float strength = (float)fmin(verdict->evidence, STRENGTH_MAX), effect = (float)verdict->effect;
    if (strength * effect < trouble->strength * trouble->effect) return;
    trouble->strength = strength;
    trouble->effect = effect;
    trouble->observed = (float)verdict->observed;
    trouble->expected = (float)verdict->expected;
    trouble->low = (float)verdict->low;
    trouble->high = (float)verdict->high;
    trouble->requests = (float)verdict->requests;
    trouble->affected_per_minute = (float)verdict->affected_per_minute;
    trouble->window_s = (float)verdict->window_s;
}

/* What it says is what the verdict says; the rest of the account is the incident's. */
static char *explain_anomaly(const analyzer_t *analyzer, const verdict_t *verdict, const incident_t *incident) {
    account_t account;
    account_deviation(analyzer, incident, verdict->subject, verdict->track, &account);
    account.said.seen = verdict->observed;
    account.said.low = verdict->low;
    account.said.high = verdict->high;
    account.said.requests = verdict->requests;
    account.said.window_s = verdict->window_s;
    json_t *document = explain_document(&account.said);
    char *json = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
    json_decref(document);
    return json;
}

static void tell_anomaly(analyzer_t *analyzer, const verdict_t *verdict, uint64_t incident, int64_t now_ns) {
    const subject_t *subject = &analyzer->subjects[verdict->subject];
    if (analyzer->sink.anomaly == NULL) return;
    char *explanation = explain_anomaly(analyzer, verdict, incident_by_id(analyzer, incident));
    anomaly_t anomaly = {
        .time_ns = now_ns,
        .entity = subject->entity,
        .signal = track_signal(analyzer, &subject->tracks[verdict->track]),
        .score = 1 - pow(10, -verdict->evidence / 3),
        .observed = verdict->observed,
        .expected = verdict->expected,
        .low = verdict->low,
        .high = verdict->high,
        .incident = incident,
        .explanation = explanation == NULL ? "" : explanation,
    };
    analyzer->sink.anomaly(analyzer->sink.context, &anomaly);
    free(explanation);
}

/* Takes the price of all questions off the evidence, and remembers what is suspicious. */
static void correct(analyzer_t *analyzer) {
    uint32_t asked = analyzer->verdicts.asked;
    double price = asked > 1 ? log10(asked) : 0;
    for (uint32_t i = 0; i < analyzer->verdicts.count; i++) {
        verdict_t *verdict = &analyzer->verdicts.items[i];
        verdict->evidence -= price;
        if (verdict->alone >= ALONE_EVIDENCE)
            *track_streak(&analyzer->subjects[verdict->subject], track_of(analyzer, verdict)) |= 1;
    }
}

/* How sure a verdict must be. Counted requests: strong evidence, and not from one bucket alone, since a pause of ten
 * seconds is nobody's incident. Gauges: one very strong point, or a weaker one that comes again. */
static bool stands(const analyzer_t *analyzer, const verdict_t *verdict) {
    const subject_t *subject = &analyzer->subjects[verdict->subject];
    const track_t *track = &subject->tracks[verdict->track];
    uint8_t streak = *track_streak(subject, track);
    bool now = (streak & 1) != 0, again = now && (streak & 6) != 0;
    bool long_enough = again || (now && verdict->period_s >= 60);             /* a minute of counts is no pause */
    double rare = log10(fmax(verdict->period_s / (double)BUCKET_SECONDS, 1)); /* who looks less often errs less often */
    if (track->gauge == NULL) return verdict->evidence >= OPEN_EVIDENCE - rare && long_enough;
    if (verdict->evidence >= REPEAT_EVIDENCE - rare && again) return true;
    return verdict->evidence >= OPEN_EVIDENCE + GAUGE_EVIDENCE - rare && track->role != TRACK_GAUGE_PROCESSOR;
}

static uint64_t home_of(analyzer_t *analyzer, const verdict_t *verdict, int64_t now_ns) {
    track_t *track = track_of(analyzer, verdict);
    if (track->trouble.incident != 0 && incident_by_id(analyzer, track->trouble.incident) != NULL)
        return track->trouble.incident;
    uint64_t incident = related(analyzer, &analyzer->subjects[verdict->subject].key, verdict->period_s, now_ns);
    if (incident != 0) return incident;
    return verdict->opens && stands(analyzer, verdict) ? open_incident(analyzer, now_ns) : 0;
}

static int stronger_first(const void *a, const void *b) {
    const verdict_t *x = a, *y = b;
    if (x->evidence != y->evidence) return x->evidence < y->evidence ? 1 : -1;
    if (x->subject != y->subject) return x->subject < y->subject ? -1 : 1;
    return x->track < y->track ? -1 : x->track > y->track;
}

/* Those that matter to the front, the others are forgotten. */
static uint32_t keep_strong(verdicts_t *verdicts) {
    uint32_t strong = 0;
    for (uint32_t i = 0; i < verdicts->count; i++) {
        if (verdicts->items[i].evidence < JOIN_EVIDENCE) continue;
        verdict_t verdict = verdicts->items[i];
        verdicts->items[i] = verdicts->items[strong];
        verdicts->items[strong++] = verdict;
    }
    return strong;
}

static void join(analyzer_t *analyzer, int64_t now_ns) {
    uint64_t before = analyzer->next_incident;
    verdicts_t *verdicts = &analyzer->verdicts;
    uint32_t strong = keep_strong(verdicts);
    if (strong == 0) return;
    qsort(verdicts->items, strong, sizeof *verdicts->items, stronger_first);
    for (uint32_t i = 0; i < strong; i++) {
        const verdict_t *verdict = &verdicts->items[i];
        uint64_t home = home_of(analyzer, verdict, now_ns);
        if (home == 0) continue;
        bool member = track_of(analyzer, verdict)->trouble.incident == home;
        if (!member && verdict->evidence < ENTER_EVIDENCE && home < before) continue;
        enter(track_of(analyzer, verdict), verdict, home, now_ns);
        if (verdict->opens && stands(analyzer, verdict)) tell_anomaly(analyzer, verdict, home, now_ns);
    }
}

/* Services in an incident, by name id, unless it has lasted so long that it is the new normal. */
static bool *find_sick(analyzer_t *analyzer, int64_t now_ns) {
    bool *sick = memory_new(analyzer->names_bound + 1, sizeof *sick);
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        for (uint32_t t = 0; t < subject->track_count; t++) {
            if (subject->tracks[t].trouble.incident == 0) continue;
            const incident_t *incident = incident_by_id(analyzer, subject->tracks[t].trouble.incident);
            if (incident != NULL && now_ns - incident->opened_ns < LEARN_ANEW_S * INT64_C(1000000000))
                sick[subject->key.service] = true;
        }
    }
    return sick;
}

/* What belongs to a service in an incident is not learned. */
static void hold(analyzer_t *analyzer, const bool *sick) {
    for (uint32_t i = 0; i < analyzer->judged_count; i++) {
        const judged_t *judged = &analyzer->judged[i];
        subject_t *subject = &analyzer->subjects[judged->subject];
        if (!sick[subject->key.service]) continue;
        if (judged->track != NO_INDEX)
            subject->tracks[judged->track].gauge->held = true;
        else
            subject->flow->recent[subject->flow->recent_count - 1].held = true;
    }
}

/* Nor is what is suspicious. */
static void suspect(const analyzer_t *analyzer, const verdict_t *verdict, bool sick) {
    const subject_t *subject = &analyzer->subjects[verdict->subject];
    gauge_track_t *gauge = subject->tracks[verdict->track].gauge;
    if (gauge != NULL) {
        gauge->pending_suspicious |= verdict->suspicious;
        return;
    }
    flow_bucket_t *end = &subject->flow->recent[subject->flow->recent_count];
    end[-1].suspicious |= verdict->suspicious;
    /* The buckets that the verdict is about are of the incident, too, also those before it was opened: else the first
     * of them, strange and alone, would become a habit of the series. */
    for (uint32_t b = 1; sick && b <= verdict->strange; b++) end[-(int64_t)b].held = true;
    /* Sparse calls are strange together before one bucket of them is. */
    for (uint32_t b = 1; verdict->alone >= ALONE_EVIDENCE && b <= verdict->strange; b++)
        end[-(int64_t)b].suspicious = true;
}

static void hold_back(analyzer_t *analyzer, int64_t now_ns) {
    bool *sick = analyzer->open_count > 0 ? find_sick(analyzer, now_ns) : NULL;
    if (sick != NULL) hold(analyzer, sick);
    for (uint32_t i = 0; i < analyzer->verdicts.count; i++) {
        const verdict_t *verdict = &analyzer->verdicts.items[i];
        suspect(analyzer, verdict, sick != NULL && sick[analyzer->subjects[verdict->subject].key.service]);
    }
    free(sick);
}

static void tell_incident(const analyzer_t *analyzer, const incident_t *incident) {
    if (analyzer->sink.incident == NULL) return;
    char *json = incident_document(analyzer, incident);
    if (json == NULL) return;
    analyzer->sink.incident(analyzer->sink.context, incident->id, incident->opened_ns, incident->updated_ns,
                            incident->closed_ns, json);
    free(json);
}

static void tell_report(const analyzer_t *analyzer, const incident_t *incident, int64_t now_ns) {
    suspect_t suspects[SUSPECTS_MAX];
    for (uint32_t i = 0; i < incident->suspect_count; i++) {
        const blame_t *blame = &incident->suspects[i];
        const track_t *track = &analyzer->subjects[blame->subject].tracks[blame->track];
        suspects[i] =
            (suspect_t){blame->service, blame->version, blame->instance, track_signal(analyzer, track), blame->score};
    }
    if (analyzer->sink.report != NULL)
        analyzer->sink.report(analyzer->sink.context, incident->id, now_ns, suspects, incident->suspect_count);
}

/* Sums up the impact: the service (or entry) that shows it most; adding services up would count requests twice. */
static void weigh(analyzer_t *analyzer, incident_t *incident) {
    incident->affected_per_minute = incident->time_lost_s_per_minute = incident->evidence = 0;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        for (uint32_t t = 0; t < subject->track_count; t++) {
            const trouble_t *trouble = &subject->tracks[t].trouble;
            if (trouble->incident != incident->id) continue;
            incident->evidence = fmax(incident->evidence, trouble->strength);
            if (trouble->onset_ns < incident->first_failure_ns) incident->first_failure_ns = trouble->onset_ns;
            incident->affected_per_minute = fmax(incident->affected_per_minute, trouble->affected_per_minute);
            uint8_t role = subject->tracks[t].role;
            if ((role == TRACK_LATENCY || role == TRACK_CLIENT_LATENCY) && trouble->window_s > 0)
                incident->time_lost_s_per_minute = fmax(incident->time_lost_s_per_minute,
                                                        trouble->excess * trouble->requests / trouble->window_s * 60);
        }
    }
}

static bool rank_again(analyzer_t *analyzer, incident_t *incident) {
    blame_t ranked[RANKED_MAX];
    bool established;
    uint32_t count = culprit_rank(analyzer, incident, ranked, &established);
    if (count > 0 && answers_clear(analyzer, incident->id, ranked[0].service)) established = false;
    if (count > SUSPECTS_MAX) count = SUSPECTS_MAX;
    bool changed = count != incident->suspect_count || established != incident->established;
    for (uint32_t i = 0; i < count && !changed; i++)
        changed = i < 3 && (ranked[i].service != incident->suspects[i].service ||
                            ranked[i].instance != incident->suspects[i].instance);
    memcpy(incident->suspects, ranked, count * sizeof *ranked);
    incident->suspect_count = count;
    incident->established = established;
    return changed;
}

/* The last moment at which what users feel deviated in the incident, made later by what its slowest reporter needs. */
static int64_t quiet_from(const analyzer_t *analyzer, const incident_t *of) {
    int64_t until = INT64_MIN;
    uint64_t incident = of->id;
    double least_s = fmax(QUIET_S, flapping_quiet_s(analyzer, of));
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        for (uint32_t t = 0; t < subject->track_count; t++) {
            const track_t *track = &subject->tracks[t];
            if (track->trouble.incident != incident || !track_is_felt(track)) continue;
            double quiet_s = least_s,
                   period_s = track->gauge != NULL ? track->gauge->period_s : subject->flow->period_s;
            if (2.2 * period_s > quiet_s) quiet_s = 2.2 * period_s;
            int64_t at = track->trouble.last_ns + (int64_t)(quiet_s * 1e9);
            if (at > until) until = at;
        }
    }
    return until;
}

static void close_incident(analyzer_t *analyzer, uint32_t index, int64_t now_ns) {
    incident_t *incident = &analyzer->open[index];
    incident->closed_ns = incident->updated_ns = now_ns;
    tell_incident(analyzer, incident);
    flapping_closed(analyzer, incident);
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        subject_t *subject = &analyzer->subjects[i];
        for (uint32_t t = 0; t < subject->track_count; t++)
            if (subject->tracks[t].trouble.incident == incident->id) subject->tracks[t].trouble = (trouble_t){0};
    }
    memmove(incident, incident + 1, (analyzer->open_count - index - 1) * sizeof *incident);
    analyzer->open_count--;
}

/* Whether anything in the incident deviated since it was last told: more services may be hurt, or more requests. */
static bool has_news(const analyzer_t *analyzer, const incident_t *incident) {
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        for (uint32_t t = 0; t < subject->track_count; t++) {
            const trouble_t *trouble = &subject->tracks[t].trouble;
            if (trouble->incident == incident->id && trouble->last_ns > incident->updated_ns) return true;
        }
    }
    return false;
}

/* True when what people say of it is news. */
static bool note_answers(const analyzer_t *analyzer, incident_t *incident, int64_t now_ns, bool *settled) {
    answer_kind_t answered = answers_of(analyzer, incident->id, now_ns, settled);
    bool news = answered != incident->answered;
    incident->answered = (uint8_t)answered;
    return news;
}

void incidents_gap(analyzer_t *analyzer) {
    for (uint32_t i = analyzer->open_count; i-- > 0;) {
        int64_t until = quiet_from(analyzer, &analyzer->open[i]), updated_ns = analyzer->open[i].updated_ns;
        if (until >= bucket_end_ns(analyzer->last_bucket)) continue;
        close_incident(analyzer, i, until > updated_ns ? until : updated_ns);
    }
}

void incidents_tick(analyzer_t *analyzer, int64_t now_ns) {
    uint64_t before = analyzer->next_incident;
    answers_apply(analyzer, now_ns);
    correct(analyzer);
    join(analyzer, now_ns);
    hold_back(analyzer, now_ns);
    for (uint32_t i = analyzer->open_count; i-- > 0;) {
        incident_t *incident = &analyzer->open[i];
        bool settled, answered = note_answers(analyzer, incident, now_ns, &settled);
        if (settled || quiet_from(analyzer, incident) < now_ns) {
            close_incident(analyzer, i, now_ns);
            continue;
        }
        bool changed = rank_again(analyzer, incident);
        if (incident->id >= before) changed = true;
        suggest(analyzer, incident, now_ns, changed);
        if (!changed && !answered && !has_news(analyzer, incident)) continue;
        weigh(analyzer, incident);
        incident->updated_ns = now_ns;
        if (changed) tell_report(analyzer, incident, now_ns);
        tell_incident(analyzer, incident);
    }
}
