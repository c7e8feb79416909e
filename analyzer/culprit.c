/* Who did it. For every service that deviates:
 *
 *   own      its serving side got slower or fails more, less the part that its callees' deviations explain
 *   network  callers wait longer for it than it takes to serve: the way to it, or its queue. Where more ways
 *            out of the caller got slower than ways into the callee, the caller itself is slow to send and to receive,
 *            and carries the blame.
 *   saturation  its processor or memory filled up at the same time
 *   silence  some of its instances stopped answering, while its others go on: calls to them get lost
 *
 * each as evidence (capped, so that volume alone does not convict) times effect (log of the slowdown). Victims are
 * those whose deviation disappears when the callees' is subtracted. */
#include "analyzer/peers.h"
#include "analyzer/state.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

static const double EVIDENCE_FULL = 6; /* evidence beyond which more of it convinces no further */
static const double EFFECT_MAX = 5;
static const double OTHER_END = 0.3; /* of the blame for a slow way stays with the end that is less likely */
enum { SILENT_LATELY_S = 1800 };
static const double CASCADE_EFFECT = 1.1, CASCADE_LEFT = 0.2; /* three times slower; of the blame that stays */
static const double SILENCE_ALIKE_S = 60; /* an instance that fell silent so much earlier or later has another reason */
static const double LOST_S = 1;           /* what a lost call costs its caller, where nobody tells */
static const double ESTABLISHED = 1.25;   /* the best must lead the next by this factor */

/* A deviation of one side of a call or service. */
typedef struct {
    double weight; /* evidence times effect; 0 = does not deviate */
    double excess; /* seconds, or share of requests */
    uint32_t subject, track;
} deviation_t;

static double weight_of(const track_t *track) {
    const trouble_t *trouble = &track->trouble;
    bool share = track->role == TRACK_ERRORS || track->role == TRACK_GAUGE_FAILURES;
    double effect = share ? log1p(trouble->excess / 0.02) : trouble->effect;
    return fmin(trouble->strength / EVIDENCE_FULL, 1) * fmin(effect, EFFECT_MAX);
}

/* The share of requests for which a track speaks: a 90th percentile for the slowest tenth. */
static double share_of(const track_t *track) {
    return track->gauge != NULL && track->quantile > 0 ? 1 - track->quantile / 100.0 : 1;
}

/* Harm per minute that a track shows: seconds lost, or requests failed; NAN when nobody counts its requests. */
static double harm_of(const track_t *track) {
    const trouble_t *trouble = &track->trouble;
    if (!(trouble->requests > 0) || !(trouble->window_s > 0)) return NAN;
    return trouble->excess * trouble->requests * share_of(track) / trouble->window_s * 60;
}

/* The strongest deviation of a subject's tracks of one kind. */
static deviation_t deviation_of(const analyzer_t *analyzer, uint32_t index, uint64_t incident, uint8_t role) {
    deviation_t best = {0};
    const subject_t *subject = &analyzer->subjects[index];
    for (uint32_t t = 0; t < subject->track_count; t++) {
        const track_t *track = &subject->tracks[t];
        bool same = track->role == role || (role == TRACK_ERRORS && track->role == TRACK_GAUGE_FAILURES);
        if (!same || track->trouble.incident != incident) continue;
        double weight = weight_of(track);
        if (weight > best.weight) best = (deviation_t){weight, track->trouble.excess, index, t};
    }
    return best;
}

static uint32_t service_subject(const analyzer_t *analyzer, uint32_t service) {
    subject_key_t key = {.kind = ENTITY_SERVICE, .service = service};
    return subject_find(analyzer, &key);
}

/* Where a call is known and not seen, the callee's own figures stand for it: at most it serves nobody else. */
static const subject_t *measured(const analyzer_t *analyzer, const subject_t *edge) {
    if (edge->track_count > 0) return edge;
    uint32_t callee = service_subject(analyzer, edge->key.service);
    return callee == NO_INDEX ? edge : &analyzer->subjects[callee];
}

static double calls_per_request(const analyzer_t *analyzer, const subject_t *edge) {
    uint32_t caller = service_subject(analyzer, edge->key.caller);
    const flow_t *calls = measured(analyzer, edge)->flow;
    const flow_t *requests = caller == NO_INDEX ? NULL : analyzer->subjects[caller].flow;
    if (calls == NULL || requests == NULL || requests->requests <= 0) return 1;
    return calls->requests / requests->requests;
}

/* What a callee's gauges say about the same statistic as `like`, a median by a median; 0 when nothing. */
static double excess_like(const subject_t *callee, uint64_t incident, const track_t *like) {
    for (uint32_t t = 0; t < callee->track_count; t++) {
        const track_t *track = &callee->tracks[t];
        bool same = track->role == like->role && track->quantile == like->quantile &&
                    (like->gauge != NULL) == (track->gauge != NULL);
        if (same && track->trouble.incident == incident) return track->trouble.excess;
    }
    return 0;
}

/* The share of the calls to a service that get lost on instances which fell silent (peers.h) as the incident began. */
typedef struct {
    uint32_t service, subject; /* subject: of the instance that was silent longest */
    double share;
} lost_t;

enum { LOST_MAX = 16 };

/* What is the same for all suspects of a ranking. */
typedef struct {
    lost_t lost[LOST_MAX];
    uint32_t lost_count;
    double largest_harm[TRACK_ROLES]; /* that any service shows, besides those that only wait for places */
} ranking_t;

static lost_t lost_on(const analyzer_t *analyzer, const incident_t *incident, uint32_t service) {
    peers_t instances;
    lost_t lost = {.service = service};
    double silent_s = 0, since_s;
    peers_collect(analyzer, service, ENTITY_INSTANCE, &instances);
    for (uint32_t i = 0; i < instances.count; i++) {
        if (instances.items[i].silent_s <= silent_s) continue;
        silent_s = instances.items[i].silent_s;
        lost.subject = instances.items[i].subject;
    }
    since_s = (double)(bucket_end_ns(analyzer->last_bucket) - incident->first_failure_ns) * 1e-9;
    if (silent_s > 0 && fabs(silent_s - since_s) <= SILENCE_ALIKE_S) lost.share = peers_lost_share(&instances);
    return lost;
}

static lost_t lost_of(const ranking_t *ranking, uint32_t service) {
    for (uint32_t i = 0; i < ranking->lost_count; i++)
        if (ranking->lost[i].service == service) return ranking->lost[i];
    return (lost_t){.service = service};
}

/* Of all services: looked at are those with an instance that has missed a bucket. */
static void losses_of(const analyzer_t *analyzer, const incident_t *incident, ranking_t *ranking) {
    for (uint32_t i = 0; i < analyzer->subject_count && ranking->lost_count < LOST_MAX; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        const flow_t *flow = subject->flow;
        if (subject->key.kind != ENTITY_INSTANCE || flow == NULL || flow->recent_count == 0) continue;
        int64_t missed = analyzer->last_bucket - flow->recent[flow->recent_count - 1].bucket;
        if (missed == 0 || missed * BUCKET_SECONDS > SILENT_LATELY_S) continue;
        if (lost_of(ranking, subject->key.service).share > 0) continue;
        lost_t lost = lost_on(analyzer, incident, subject->key.service);
        if (lost.share > 0) ranking->lost[ranking->lost_count++] = lost;
    }
}

/* What all callers of a service together wait longer: each of many ways to it may carry too few calls to tell. */
static deviation_t all_wait(const analyzer_t *analyzer, uint64_t incident, uint32_t service) {
    uint32_t index = service_subject(analyzer, service);
    return index == NO_INDEX ? (deviation_t){0} : deviation_of(analyzer, index, incident, TRACK_CLIENT_LATENCY);
}

/* Calls for each of the caller's requests that `like` speaks for. Where the calls are fewer than its requests, a
 * callee's delay is met in full by all of the slowest tenth as soon as a tenth of the requests makes the call. */
static double calls_felt(const analyzer_t *analyzer, const subject_t *edge, const track_t *like) {
    double calls = calls_per_request(analyzer, edge);
    return calls < 1 ? fmin(calls / share_of(like), 1) : calls;
}

/* Seconds (or share) per request of `service` that its callees' deviations explain of what `like` shows. */
static double explained(const analyzer_t *analyzer, const incident_t *incident, const ranking_t *ranking,
                        uint32_t service, const track_t *like) {
    double sum = 0;
    uint8_t role = like->role == TRACK_LATENCY ? TRACK_LATENCY : TRACK_ERRORS;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *edge = &analyzer->subjects[i], *callee = measured(analyzer, edge);
        if (edge->key.kind != ENTITY_EDGE || edge->key.caller != service || edge->key.service == service) continue;
        uint32_t index = (uint32_t)(callee - analyzer->subjects);
        deviation_t waits =
            deviation_of(analyzer, index, incident->id, role == TRACK_LATENCY ? TRACK_CLIENT_LATENCY : TRACK_ERRORS);
        if (waits.weight <= 0) waits = deviation_of(analyzer, index, incident->id, role);
        if (waits.weight <= 0 && role == TRACK_LATENCY) waits = all_wait(analyzer, incident->id, edge->key.service);
        double excess = callee == edge ? 0 : excess_like(callee, incident->id, like);
        double lost = waits.weight > 0 ? 0 : lost_of(ranking, edge->key.service).share;
        sum += lost * (role == TRACK_LATENCY ? LOST_S : 1) * calls_per_request(analyzer, edge);
        if (waits.weight > 0) sum += (excess > 0 ? excess : waits.excess) * calls_felt(analyzer, edge, like);
    }
    return sum;
}

double culprit_explained(const analyzer_t *analyzer, const incident_t *incident, uint32_t service,
                         const track_t *track) {
    double shown = track->trouble.excess;
    ranking_t ranking = {.lost_count = 0};
    losses_of(analyzer, incident, &ranking);
    return shown > 0 ? fmin(explained(analyzer, incident, &ranking, service, track) / shown, 1) : NAN;
}

static void add_part(blame_t *blame, double *part, double value, const deviation_t *deviation) {
    if (value <= 0) return;
    double leading = fmax(blame->own, fmax(blame->network, blame->saturation));
    if (value > leading || blame->score <= 0) {
        blame->subject = deviation->subject;
        blame->track = deviation->track;
    }
    if (value > *part) *part = value;
    blame->score = blame->own + blame->network + blame->saturation;
}

/* Whether one instance or version of a service fails more than the others: their callees are the same. */
static bool fails_in_parts(const analyzer_t *analyzer, uint32_t service) {
    static const entity_kind_t kinds[] = {ENTITY_INSTANCE, ENTITY_VERSION};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        peers_t parts;
        peers_collect(analyzer, service, kinds[k], &parts);
        contrast_t contrast = peers_contrast(&parts);
        if (contrast.clear && contrast.by == BY_ERRORS) return true;
    }
    return false;
}

/* Whether a callee became much slower before what a track of the service shows (where all calls to it fail, its callers
 * tell), or loses calls, which hang: then the service's own time is mostly waiting for places that its waiting requests
 * hold (Little's law), even where that is more than it waits for the callee, and its failures are of those that waited
 * too long. */
static bool cascades(const analyzer_t *analyzer, const incident_t *incident, const ranking_t *ranking, uint32_t service,
                     const track_t *shown) {
    bool latency = shown->role == TRACK_LATENCY;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_key_t *key = &analyzer->subjects[i].key;
        if (key->kind != ENTITY_EDGE || key->caller != service || key->service == service) continue;
        uint32_t callee = service_subject(analyzer, key->service);
        if (callee == NO_INDEX) continue;
        if (lost_of(ranking, key->service).share > 0) return true;
        deviation_t seen = deviation_of(analyzer, callee, incident->id, TRACK_LATENCY);
        bool fails = deviation_of(analyzer, callee, incident->id, TRACK_ERRORS).weight > 0;
        if (seen.weight <= 0 && fails) seen = deviation_of(analyzer, i, incident->id, TRACK_CLIENT_LATENCY);
        if (seen.weight <= 0) continue;
        const trouble_t *trouble = &analyzer->subjects[seen.subject].tracks[seen.track].trouble;
        int64_t ahead_ns = shown->trouble.onset_ns - trouble->onset_ns;
        if (trouble->effect < CASCADE_EFFECT || ahead_ns < (latency ? -BUCKET_NS : 0)) continue;
        if (latency || ahead_ns >= BUCKET_NS || !fails_in_parts(analyzer, service)) return true;
    }
    return false;
}

static void largest_harms(const analyzer_t *analyzer, const incident_t *incident, ranking_t *ranking) {
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        for (uint32_t t = 0; t < subject->track_count; t++) {
            const track_t *track = &subject->tracks[t];
            if (track->trouble.incident != incident->id ||
                cascades(analyzer, incident, ranking, subject->key.service, track))
                continue;
            ranking->largest_harm[track->role] = fmax(ranking->largest_harm[track->role], harm_of(track));
        }
    }
}

/* What the serving side shows, over all subjects of the service: each view is reduced by what the callees explain, and
 * the view that leaves least decides, since it saw the calls best. */
static void blame_own(const analyzer_t *analyzer, const incident_t *incident, const ranking_t *ranking,
                      blame_t *blame) {
    static const uint8_t roles[] = {TRACK_LATENCY, TRACK_ERRORS};
    for (size_t r = 0; r < sizeof roles; r++) {
        deviation_t best = {0};
        double share = 1;
        for (uint32_t i = 0; i < analyzer->subject_count; i++) {
            if (analyzer->subjects[i].key.service != blame->service) continue;
            deviation_t seen = deviation_of(analyzer, i, incident->id, roles[r]);
            if (seen.weight <= 0) continue;
            double waits = explained(analyzer, incident, ranking, blame->service,
                                     &analyzer->subjects[seen.subject].tracks[seen.track]);
            double left = seen.excess > 0 ? fmax(1 - waits / seen.excess, 0) : 0;
            if (left < share) share = left;
            if (seen.weight > best.weight) best = seen;
        }
        if (best.weight <= 0) continue;
        const track_t *track = &analyzer->subjects[best.subject].tracks[best.track];
        double harm = harm_of(track);
        double part = isnan(harm) ? 1 : fmin(sqrt(harm / fmax(ranking->largest_harm[track->role], 1e-9)), 1);
        if (cascades(analyzer, incident, ranking, blame->service, track)) part *= CASCADE_LEFT;
        add_part(blame, &blame->own, best.weight * share * part, &best);
    }
}

static void blame_saturation(const analyzer_t *analyzer, const incident_t *incident, blame_t *blame) {
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        if (analyzer->subjects[i].key.service != blame->service) continue;
        for (uint8_t role = TRACK_GAUGE_SATURATION; role <= TRACK_GAUGE_PROCESSOR; role++) {
            deviation_t seen = deviation_of(analyzer, i, incident->id, role);
            add_part(blame, &blame->saturation, seen.weight, &seen);
        }
    }
}

/* As strong as failures of that share would be: they are, where the callers tell them in time. */
static void blame_silence(const ranking_t *ranking, blame_t *blame) {
    lost_t lost = lost_of(ranking, blame->service);
    if (lost.share <= 0) return;
    deviation_t seen = {log1p(lost.share / 0.02), lost.share, lost.subject, 0};
    add_part(blame, &blame->own, seen.weight, &seen);
}

/* Callers' waits are of all calls, the serving side's times of those that it answered well: slow calls that failed are
 * in the first only, and no matter of the way. The part of the slow calls that did not fail, where most of them did. */
static double slow_but_answered(const subject_t *edge) {
    const flow_t *flow = edge->flow;
    double slow, failed = 0;
    if (flow == NULL) return 1;
    histogram_t usual, lately = {{0}};
    flow_latencies(flow, flow->recent_count, TRACK_CLIENT_LATENCY, &usual);
    for (uint32_t i = 0; i < flow->recent_count; i++) {
        flow_recent_add(flow, i, TRACK_CLIENT_LATENCY, &lately);
        failed += flow->recent[i].errors;
    }
    slow = histogram_above(&lately, histogram_cut(&usual, 0.99)) - 0.01 * histogram_total(&lately);
    return slow > 0 && failed > slow / 2 ? fmax(1 - failed / slow, 0) : 1;
}

/* The part of what callers wait longer that the callee's own serving time does not show; `called`: an edge or service.
 */
static double network_share(const analyzer_t *analyzer, const incident_t *incident, uint32_t called, double waited) {
    double served = deviation_of(analyzer, called, incident->id, TRACK_LATENCY).excess;
    if (served <= 0) {
        uint32_t service = service_subject(analyzer, analyzer->subjects[called].key.service);
        if (service != NO_INDEX) served = deviation_of(analyzer, service, incident->id, TRACK_LATENCY).excess;
    }
    return waited > 0 ? fmax(1 - served / waited, 0) * slow_but_answered(&analyzer->subjects[called]) : 0;
}

/* The ways out of a caller, or into a callee, that got slower. */
typedef struct {
    uint32_t slow; /* ways */
    double share;  /* of the calls */
} ways_t;

static ways_t ways_of(const analyzer_t *analyzer, const incident_t *incident, uint32_t service, bool out) {
    double all = 0, calls_slow = 0;
    ways_t ways = {0};
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *edge = &analyzer->subjects[i];
        if (edge->key.kind != ENTITY_EDGE || (out ? edge->key.caller : edge->key.service) != service) continue;
        double calls = edge->flow != NULL ? edge->flow->requests : 1;
        deviation_t waits = deviation_of(analyzer, i, incident->id, TRACK_CLIENT_LATENCY);
        all += calls;
        if (waits.weight <= 0 || network_share(analyzer, incident, i, waits.excess) <= 0.5) continue;
        calls_slow += calls;
        ways.slow++;
    }
    ways.share = all > 0 ? calls_slow / all : 0;
    return ways;
}

/* Whether a service is slow in one of its zones only: then so are calls out of it that are slow on the way. */
static bool slow_in_one_zone(const analyzer_t *analyzer, uint32_t service) {
    peers_t zones;
    peers_collect(analyzer, service, ENTITY_ZONE, &zones);
    contrast_t contrast = peers_contrast(&zones);
    return contrast.clear && contrast.by == BY_LATENCY;
}

/* True when a slow way is rather its caller's fault: one end that explains more slow ways than the other is the simpler
 * story; where both explain as many, the one of whose calls a larger share is slow. */
static bool caller_is_slow(const analyzer_t *analyzer, const incident_t *incident, const subject_key_t *edge) {
    if (slow_in_one_zone(analyzer, edge->caller)) return true;
    ways_t out = ways_of(analyzer, incident, edge->caller, true);
    ways_t in = ways_of(analyzer, incident, edge->service, false);
    return out.slow != in.slow ? out.slow > in.slow : out.share > in.share;
}

/* The ways to and from the service; where no single one carries enough calls to tell, all ways to it together. */
static void blame_network(const analyzer_t *analyzer, const incident_t *incident, blame_t *blame) {
    bool told = false;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *edge = &analyzer->subjects[i];
        if (edge->key.kind != ENTITY_EDGE || edge->key.caller == edge->key.service) continue;
        bool incoming = edge->key.service == blame->service, outgoing = edge->key.caller == blame->service;
        if (!incoming && !outgoing) continue;
        deviation_t waits = deviation_of(analyzer, i, incident->id, TRACK_CLIENT_LATENCY);
        if (waits.weight <= 0) continue;
        told |= incoming;
        double part = incoming == caller_is_slow(analyzer, incident, &edge->key) ? OTHER_END : 1;
        add_part(blame, &blame->network, part * waits.weight * network_share(analyzer, incident, i, waits.excess),
                 &waits);
    }
    deviation_t waits = all_wait(analyzer, incident->id, blame->service);
    if (waits.weight > 0 && !told)
        add_part(blame, &blame->network, waits.weight * network_share(analyzer, incident, waits.subject, waits.excess),
                 &waits);
}

/* The instance and version of the service that deviate most; where there is only one instance, that one. */
static void name_instance(const analyzer_t *analyzer, const incident_t *incident, const ranking_t *ranking,
                          blame_t *blame) {
    double best = 0;
    uint32_t instances = 0, only = 0, only_version = 0;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        if (subject->key.kind != ENTITY_INSTANCE || subject->key.service != blame->service) continue;
        if (analyzer->last_bucket - subject->last_bucket > 60) continue; /* of an earlier deployment */
        instances++;
        only = subject->key.part;
        only_version = subject->key.version;
        double weight = 0;
        for (uint8_t role = 0; role < TRACK_GAUGE_OTHER; role++)
            weight = fmax(weight, deviation_of(analyzer, i, incident->id, role).weight);
        if (weight <= best) continue;
        best = weight;
        blame->instance = subject->key.part;
        blame->version = subject->key.version;
    }
    lost_t lost = lost_of(ranking, blame->service);
    if (lost.share > 0) {
        blame->instance = analyzer->subjects[lost.subject].key.part;
        blame->version = analyzer->subjects[lost.subject].key.version;
    }
    if (blame->instance == 0 && instances == 1) {
        blame->instance = only;
        blame->version = only_version;
    }
}

static int worse_first(const void *a, const void *b) {
    const blame_t *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    if (x->shown != y->shown) return x->shown < y->shown ? 1 : -1;
    if (x->onset_ns != y->onset_ns) return x->onset_ns < y->onset_ns ? -1 : 1;
    return x->service < y->service ? -1 : x->service > y->service;
}

/* The largest deviation of any kind that a service shows, explained or not. */
static double shown_by(const analyzer_t *analyzer, const incident_t *incident, uint32_t service) {
    double most = 0;
    for (uint32_t i = 0; i < analyzer->subject_count; i++)
        for (uint8_t role = 0; analyzer->subjects[i].key.service == service && role < TRACK_GAUGE_OTHER; role++)
            most = fmax(most, deviation_of(analyzer, i, incident->id, role).weight);
    return most;
}

/* Services that are called by those in the incident, and lose calls without a deviation of their own. */
static uint32_t silent_candidates(const analyzer_t *analyzer, const incident_t *incident, const ranking_t *ranking,
                                  bool *seen, blame_t *ranked, uint32_t count) {
    for (uint32_t l = 0; l < ranking->lost_count && count < RANKED_MAX; l++) {
        const lost_t *lost = &ranking->lost[l];
        bool called = false;
        for (uint32_t i = 0; i < analyzer->subject_count && !seen[lost->service]; i++) {
            const subject_key_t *key = &analyzer->subjects[i].key;
            called |= key->kind == ENTITY_EDGE && key->service == lost->service && seen[key->caller];
        }
        if (!called) continue;
        seen[lost->service] = true;
        ranked[count++] =
            (blame_t){.service = lost->service, .subject = lost->subject, .onset_ns = incident->first_failure_ns};
    }
    return count;
}

/* The services that an incident touches. */
static uint32_t candidates(const analyzer_t *analyzer, const incident_t *incident, const ranking_t *ranking,
                           blame_t *ranked) {
    uint32_t names = analyzer->names_bound, count = 0;
    bool *seen = memory_new(names + 1, sizeof *seen);
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        for (uint32_t t = 0; t < subject->track_count; t++) {
            const track_t *track = &subject->tracks[t];
            if (track->trouble.incident != incident->id || track->role == TRACK_GAUGE_OTHER) continue;
            uint32_t both[] = {subject->key.service, subject->key.caller};
            for (size_t s = 0; s < 2; s++) {
                if (both[s] == 0 || seen[both[s]] || count >= RANKED_MAX) continue;
                seen[both[s]] = true;
                ranked[count++] =
                    (blame_t){.service = both[s], .subject = i, .track = t, .onset_ns = track->trouble.onset_ns};
            }
        }
    }
    count = silent_candidates(analyzer, incident, ranking, seen, ranked, count);
    free(seen);
    return count;
}

uint32_t culprit_rank(const analyzer_t *analyzer, const incident_t *incident, blame_t *ranked, bool *established) {
    ranking_t ranking = {.lost_count = 0};
    losses_of(analyzer, incident, &ranking);
    largest_harms(analyzer, incident, &ranking);
    uint32_t count = candidates(analyzer, incident, &ranking, ranked);
    for (uint32_t i = 0; i < count; i++) {
        blame_own(analyzer, incident, &ranking, &ranked[i]);
        blame_network(analyzer, incident, &ranked[i]);
        blame_saturation(analyzer, incident, &ranked[i]);
        blame_silence(&ranking, &ranked[i]);
        name_instance(analyzer, incident, &ranking, &ranked[i]);
        ranked[i].shown = shown_by(analyzer, incident, ranked[i].service);
    }
    qsort(ranked, count, sizeof *ranked, worse_first);
    while (count > SUSPECTS_MIN && ranked[count - 1].score <= 0) count--; /* explained away, but better than none */
    *established = count > 0 && ranked[0].score > 0 && (count == 1 || ranked[0].score >= ranked[1].score * ESTABLISHED);
    return count;
}
