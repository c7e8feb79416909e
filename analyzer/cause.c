/* What changed before a suspect began to deviate. Slowness and failures are symptoms and never a cause; these are:
 *
 *   deploy         a version of it was first seen shortly before, and deviates; the service had been there
 *   weights        the version that deviates takes a clearly larger part of the requests than it used to
 *   configuration  a change that seismesh had suggested for it was seen to be made shortly before
 *   surge          it, and one of those that call it, got far more requests than usual (traffic.h) before
 *   saturation     its processor or memory filled up no later
 *   silence        an instance of it that had its part of the requests answers none since about then
 *
 * in this order: what people did explains what the machine does. Where only its own requests grew, callers may be
 * trying again because of it; where only one of its versions deviates, it is no surge but that version. */
#include "analyzer/habits.h"
#include "analyzer/peers.h"
#include "analyzer/phrase.h"
#include "analyzer/routing/verify.h"
#include "analyzer/state.h"

#include <math.h>
#include <stdio.h>

enum {
    OLDER_BUCKETS = 6,    /* a service that was there so long before its version was not new itself */
    CHANGED_BUCKETS = 90, /* a change further back explains nothing */
    ONSET_SLACK_S = 30,   /* how exactly an onset is known: it is the start of the window that showed it */
    SILENT_SLACK_S = 60   /* the same of an instance's last request */
};

static const double WEIGHT_GROWN = 1.5, WEIGHT_ADDED = 0.1; /* times its part before; and of all requests */

static bool shortly_before(int64_t changed_ns, int64_t began_ns) {
    double before_s = (double)(began_ns - changed_ns) * 1e-9;
    return before_s >= -ONSET_SLACK_S && before_s <= CHANGED_BUCKETS * (double)BUCKET_SECONDS;
}

static bool deployed(const analyzer_t *analyzer, const subject_t *version, int64_t began_ns, account_t *out) {
    subject_key_t key = {.kind = ENTITY_SERVICE, .service = version->key.service};
    uint32_t service = subject_find(analyzer, &key);
    if (service == NO_INDEX || version->first_bucket == INT64_MIN) return false;
    int64_t older = analyzer->subjects[service].first_bucket, first_ns = version->first_bucket * BUCKET_NS;
    if (older == INT64_MIN || version->first_bucket - older < OLDER_BUCKETS) return false;
    if (!shortly_before(first_ns, began_ns)) return false;
    phrase_t first;
    (void)snprintf(out->cause, sizeof out->cause, "the deployment of version %s of %s, first seen %s",
                   names_cstr(&analyzer->shard->names, version->key.part),
                   names_cstr(&analyzer->shard->names, version->key.service), phrase_time(&first, first_ns));
    out->said.cause_kind = "deploy";
    return true;
}

/* A version's part of its service's requests: in the newest buckets, and before them. */
static bool parts_of(const analyzer_t *analyzer, const subject_t *version, double *now, double *usual) {
    peers_t versions;
    double rate = 0, usual_rate = 0, own = 0, usual_own = 0;
    peers_collect(analyzer, version->key.service, ENTITY_VERSION, &versions);
    for (uint32_t i = 0; i < versions.count; i++) {
        const peer_t *peer = &versions.items[i];
        rate += peer->rate;
        usual_rate += peer->usual_rate;
        if (&analyzer->subjects[peer->subject] != version) continue;
        own = peer->rate;
        usual_own = peer->usual_rate;
    }
    *now = own / rate;
    *usual = usual_own / usual_rate;
    return versions.count > 1 && rate > 0 && usual_own > 0;
}

static bool weighed(const analyzer_t *analyzer, const subject_t *version, account_t *out) {
    double now, usual;
    phrase_t part, before;
    if (!parts_of(analyzer, version, &now, &usual)) return false;
    if (now < usual * WEIGHT_GROWN || now - usual < WEIGHT_ADDED) return false;
    (void)snprintf(out->cause, sizeof out->cause, "version %s of %s takes %s of its requests, %s before",
                   names_cstr(&analyzer->shard->names, version->key.part),
                   names_cstr(&analyzer->shard->names, version->key.service), phrase_share(&part, now),
                   phrase_share(&before, usual));
    out->said.cause_kind = "weights";
    return true;
}

static bool configured(const analyzer_t *analyzer, const blame_t *blame, int64_t began_ns, account_t *out) {
    const char *service = names_cstr(&analyzer->shard->names, blame->service);
    for (uint32_t i = analyzer->verifier->trial_count; i-- > 0;) {
        const trial_t *trial = analyzer->verifier->trials[i];
        if (trial->phase != TRIAL_SEEN || strcmp(trial->service, service) != 0) continue;
        if (!shortly_before(trial->since_ns, began_ns)) continue;
        phrase_t when;
        (void)snprintf(out->cause, sizeof out->cause, "the change of suggestion %llu to %s, made about %s",
                       (unsigned long long)trial->id, service, phrase_time(&when, trial->since_ns));
        out->said.cause_kind = "configuration";
        return true;
    }
    return false;
}

static const traffic_t *surge_of(const analyzer_t *analyzer, uint32_t service, int64_t began_ns) {
    const habit_t *habit = habits_of(analyzer, service);
    bool surges = habit != NULL && habit->traffic.state == TRAFFIC_SURGE;
    return surges && shortly_before(habit->traffic.since_ns, began_ns) ? &habit->traffic : NULL;
}

/* Whether more is asked of a caller, too; a service without callers is asked from outside. */
static bool callers_surge(const analyzer_t *analyzer, uint32_t service, int64_t began_ns) {
    bool called = false;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_key_t *key = &analyzer->subjects[i].key;
        if (key->kind != ENTITY_EDGE || key->service != service || key->caller == service) continue;
        const habit_t *caller = habits_of(analyzer, key->caller);
        if (caller == NULL || caller->traffic.last_bucket == INT64_MIN) continue; /* it only calls */
        called = true;
        if (surge_of(analyzer, key->caller, began_ns) != NULL) return true;
    }
    return !called;
}

static bool surged(const analyzer_t *analyzer, const blame_t *blame, int64_t began_ns, account_t *out) {
    const traffic_t *surge = surge_of(analyzer, blame->service, began_ns);
    if (surge == NULL || !callers_surge(analyzer, blame->service, began_ns)) return false;
    phrase_t seen, low, high, when;
    (void)snprintf(out->cause, sizeof out->cause, "a surge of requests to %s: %s/s since %s, expected %s–%s/s",
                   names_cstr(&analyzer->shard->names, blame->service), phrase_count(&seen, surge->seen),
                   phrase_time(&when, surge->since_ns), phrase_count(&low, surge->low),
                   phrase_count(&high, surge->high));
    out->said.cause_kind = "surge";
    return true;
}

const track_t *cause_resource(const analyzer_t *analyzer, const incident_t *incident, uint32_t service,
                              uint32_t *subject, uint32_t *track) {
    for (; *subject < analyzer->subject_count; (*subject)++, *track = 0) {
        const subject_t *at = &analyzer->subjects[*subject];
        if (at->key.service != service) continue;
        while (*track < at->track_count) {
            const track_t *candidate = &at->tracks[(*track)++];
            bool filled = candidate->role == TRACK_GAUGE_SATURATION || candidate->role == TRACK_GAUGE_PROCESSOR;
            if (filled && candidate->trouble.incident == incident->id) return candidate;
        }
    }
    return NULL;
}

static bool said_itself(const explanation_t *said, const analyzer_t *analyzer, const track_t *track) {
    return strcmp(said->signal, track_said(analyzer, track)) == 0;
}

static bool ran_out(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, int64_t began_ns,
                    account_t *out) {
    uint32_t subject = 0, at = 0;
    for (const track_t *track; (track = cause_resource(analyzer, incident, blame->service, &subject, &at)) != NULL;) {
        double slack_s = fmax(ONSET_SLACK_S, track->gauge->period_s);
        if (said_itself(&out->said, analyzer, track)) continue; /* nothing is its own cause */
        if ((double)(track->trouble.onset_ns - began_ns) * 1e-9 > slack_s) continue;
        phrase_t seen, low, high;
        (void)snprintf(out->cause, sizeof out->cause, "%s of %s at %s, expected %s–%s", track_signal(analyzer, track),
                       names_cstr(&analyzer->shard->names, blame->service),
                       phrase_share(&seen, track->trouble.observed), phrase_share(&low, track->trouble.low),
                       phrase_share(&high, track->trouble.high));
        out->said.cause_kind = "saturation";
        return true;
    }
    return false;
}

static bool fell_silent(const analyzer_t *analyzer, const blame_t *blame, int64_t began_ns, account_t *out) {
    peers_t instances;
    const peer_t *longest = NULL;
    peers_collect(analyzer, blame->service, ENTITY_INSTANCE, &instances);
    if (!(peers_lost_share(&instances) > 0)) return false;
    for (uint32_t i = 0; i < instances.count; i++)
        if (instances.items[i].silent_s > (longest == NULL ? 0 : longest->silent_s)) longest = &instances.items[i];
    if (longest == NULL) return false;
    int64_t since_ns = bucket_end_ns(analyzer->last_bucket) - (int64_t)(longest->silent_s * 1e9);
    if (fabs((double)(since_ns - began_ns) * 1e-9) > SILENT_SLACK_S) return false;
    phrase_t when, rate;
    (void)snprintf(out->cause, sizeof out->cause, "instance %s of %s answers nothing since %s, and had %s requests/s",
                   names_cstr(&analyzer->shard->names, analyzer->subjects[longest->subject].key.part),
                   names_cstr(&analyzer->shard->names, blame->service), phrase_time(&when, since_ns),
                   phrase_count(&rate, longest->usual_rate));
    out->said.cause_kind = "silence";
    return true;
}

bool cause_find(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, const subject_t *version,
                bool only, int64_t began_ns, account_t *out) {
    if (version != NULL && (deployed(analyzer, version, began_ns, out) || weighed(analyzer, version, out))) return true;
    if (configured(analyzer, blame, began_ns, out)) return true;
    /* More requests come to all versions. */
    return (!(version != NULL && only) && surged(analyzer, blame, began_ns, out)) ||
           ran_out(analyzer, incident, blame, began_ns, out) || fell_silent(analyzer, blame, began_ns, out);
}
