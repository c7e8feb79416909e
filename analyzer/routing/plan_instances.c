/* One instance is worse than its siblings. If it fails, the proxies can find that out by themselves and leave it out
 * for a while, again and again (ejection); that heals itself when the instance does. If it is slow, silent, or fails
 * too seldom for them to notice, it has to be taken out by name (drained). */
#include "analyzer/phrase.h"
#include "analyzer/routing/routing.h"

#include <math.h>
#include <stdio.h>

enum { IN_A_ROW = 3, EJECTION_S = 60 };
static const double OF_NO_USE = 0.3; /* an instance that fails so many of its requests */

/* Whether the last one that remains may get everything: it is known to bear it, or the other is of no use anyway. */
static bool one_will_do(const peers_t *peers, const contrast_t *contrast, const effect_t *effect) {
    const peer_t *worst = &peers->items[contrast->worst];
    return effect->capacity != CAPACITY_UNKNOWN || worst->silent_s > 0 || worst->errors > OF_NO_USE * worst->requests;
}

static bool find(const analyzer_t *analyzer, const blame_t *blame, peers_t *peers, contrast_t *contrast, plan_t *plan) {
    peers_collect(analyzer, blame->service, ENTITY_INSTANCE, peers);
    *contrast = peers_contrast(peers);
    if (!contrast->clear) return false;
    if (!action_set_service(&plan->action, routing_name(analyzer, blame->service))) return false;
    plan->service = blame->service;
    plan->instance = peers_part(analyzer, peers, contrast->worst);
    plan->version = analyzer->subjects[peers->items[contrast->worst].subject].key.version;
    plan->action.consecutive_errors = IN_A_ROW; /* of a drain, too: where a mesh cannot name instances, it ejects */
    plan->action.interval_s = 10;
    plan->action.ejection_s = EJECTION_S;
    plan->action.max_ejection_percent = (100 + peers->count - 1) / peers->count;
    plan_moves(analyzer, peers, contrast, true, plan);
    if (peers->count == 2 && !one_will_do(peers, contrast, &plan->effect)) return false;
    plan_contrast_words(analyzer, peers, contrast, plan->sentence, sizeof plan->sentence);
    return true;
}

/* The share of time that an instance which fails a share `q` of its requests at random still gets traffic: until
 * IN_A_ROW failures have come in a row, which takes (1 - q^n) / ((1 - q) q^n) requests on average. */
static double still_in(double q, double rate) {
    if (q <= 0 || rate <= 0) return 1;
    double row = pow(q, IN_A_ROW), requests = q < 1 ? (1 - row) / ((1 - q) * row) : IN_A_ROW;
    double seconds = requests / rate;
    return seconds / (seconds + EJECTION_S);
}

/* What the worst one still does while it is in. */
static void add_residue(const analyzer_t *analyzer, const blame_t *blame, const peers_t *peers,
                        const contrast_t *contrast, effect_t *effect) {
    const peer_t *worst = &peers->items[contrast->worst];
    lately_t since;
    double q = worst->errors / worst->requests, all = worst->rate + peers_others(peers, contrast->worst).rate;
    if (lately_of(analyzer->subjects[worst->subject].flow, blame->onset_ns, &since)) q = since.errors / since.requests;
    double residue = still_in(q, worst->rate) * q * worst->rate / fmax(all, 1e-9);
    effect->errors.predicted = fmin(effect->errors.predicted + residue, 1);
    effect->errors.high = fmin(effect->errors.high + 2 * residue, 1);
    effect->harm.predicted += residue;
    effect->harm.worst += 2 * residue;
}

bool plan_ejection(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan) {
    (void)incident;
    peers_t peers;
    contrast_t contrast;
    if (!find(analyzer, blame, &peers, &contrast, plan) || contrast.by != BY_ERRORS) return false;
    routing_action_t *action = &plan->action;
    add_residue(analyzer, blame, &peers, &contrast, &plan->effect);
    plan->kind = KIND_EJECT;
    action->kind = ACTION_TIGHTEN_EJECTION;
    (void)snprintf(plan->title, sizeof plan->title, "Let the proxies eject %s of %s",
                   routing_name(analyzer, plan->instance), action->service);
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius,
                   "every caller of %s inside the mesh; at most one of %u instances is taken out at a time",
                   action->service, (unsigned)peers.count);
    plan->wrong_if[0] = "an object with rules for this service exists already: then hand it in and change that one "
                        "(seismesh suggestions show ID --against FILE)";
    plan->wrong_if[1] = "the failures are not HTTP 5xx or connection failures: the proxies do not count others";
    plan->wrong_if[2] = "this instance alone gets a kind of request that fails everywhere";
    return true;
}

bool plan_drain(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan) {
    (void)incident;
    peers_t peers;
    contrast_t contrast;
    if (!find(analyzer, blame, &peers, &contrast, plan)) return false;
    routing_action_t *action = &plan->action;
    const char *instance = routing_name(analyzer, plan->instance);
    plan->kind = KIND_DRAIN;
    action->kind = ACTION_DRAIN_INSTANCE;
    (void)snprintf(action->instance, sizeof action->instance, "%s", instance);
    if (!action_valid(action, NULL)) return false;
    (void)snprintf(plan->title, sizeof plan->title, "Take %s of %s out of service", instance, action->service);
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius,
                   "every caller of %s inside the mesh; one of %u instances gets no more requests until somebody puts "
                   "it back",
                   action->service, (unsigned)peers.count);
    plan->wrong_if[0] = "this instance alone gets a kind of request that is slow or fails everywhere";
    plan->wrong_if[1] = "what ails it is its node or zone, and its siblings there will follow";
    plan->wrong_if[2] =
        contrast.by == BY_SILENCE ? "it was stopped on purpose, or only its telemetry is missing" : NULL;
    return true;
}
