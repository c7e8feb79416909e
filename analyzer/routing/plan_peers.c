/* Plans that come from comparing peers: a version that is worse than another one in the same minute gets no traffic any
 * more; proxies may leave out the instance that fails more than its siblings. */
#include "analyzer/phrase.h"
#include "analyzer/routing/routing.h"

#include <math.h>
#include <stdio.h>

static uint32_t part_of(const analyzer_t *analyzer, const peers_t *peers, uint32_t index) {
    return analyzer->subjects[peers->items[index].subject].key.part;
}

/* "v2 fails 12 % of 340 requests in the last minute, the others 0.3 % of 3,100" */
static void contrast_words(const analyzer_t *analyzer, const peers_t *peers, const contrast_t *contrast, char *out,
                           size_t size) {
    const peer_t *worst = &peers->items[contrast->worst];
    peer_t rest = {0};
    for (uint32_t i = 0; i < peers->count; i++) {
        if (i == contrast->worst) continue;
        rest.requests += peers->items[i].requests;
        rest.errors += peers->items[i].errors;
        histogram_add(&rest.latency, &peers->items[i].latency);
    }
    phrase_t a, b, c, d;
    const char *name = routing_name(analyzer, part_of(analyzer, peers, contrast->worst));
    if (contrast->by_errors)
        (void)snprintf(out, size, "%s fails %s of %s requests in the last minute, the others %s of %s", name,
                       phrase_share(&a, worst->errors / worst->requests), phrase_count(&b, worst->requests),
                       phrase_share(&c, rest.errors / rest.requests), phrase_count(&d, rest.requests));
    else
        (void)snprintf(
            out, size, "%s needs %s at the 90th percentile of %s requests in the last minute, the others %s of %s",
            name, phrase_seconds(&a, histogram_quantile(&worst->latency, 0.9)), phrase_count(&b, worst->requests),
            phrase_seconds(&c, histogram_quantile(&rest.latency, 0.9)), phrase_count(&d, rest.requests));
}

static void capacity_words(const analyzer_t *analyzer, plan_t *plan) {
    phrase_t rate, highest;
    const char *name = routing_name(analyzer, part_of(analyzer, plan->peers, plan->effect.receiver));
    (void)snprintf(plan->capacity, sizeof plan->capacity,
                   plan->effect.fits
                       ? "%s would get %s requests/s and has borne %s before"
                       : "%s would get %s requests/s, more than the %s that it was ever seen to bear: add "
                         "instances first",
                   name, phrase_count(&rate, plan->effect.rate), phrase_count(&highest, plan->effect.highest));
}

static void weigh(plan_t *plan) {
    plan->confidence = (1 - pow(10, -plan->contrast.evidence / 3)) * (plan->effect.fits ? 1 : 0.6);
}

/* All to the receiver, none to the others. Of more versions than an action holds, the two that matter. */
static bool add_versions(const analyzer_t *analyzer, const peers_t *peers, plan_t *plan) {
    bool all = peers->count <= ACTION_TARGETS_MAX;
    uint32_t receiver = plan->effect.receiver, worst = plan->contrast.worst;
    if (!action_add_target(&plan->action, routing_name(analyzer, part_of(analyzer, peers, receiver)), WEIGHT_WHOLE))
        return false;
    for (uint32_t i = 0; i < peers->count; i++) {
        if (i == receiver || (!all && i != worst)) continue;
        if (!action_add_target(&plan->action, routing_name(analyzer, part_of(analyzer, peers, i)), 0) && i == worst)
            return false;
    }
    return action_valid(&plan->action, NULL);
}

bool plan_roll_back(const analyzer_t *analyzer, const blame_t *blame, peers_t *peers, plan_t *plan) {
    peers_collect(analyzer, blame->service, ENTITY_VERSION, peers);
    plan->peers = peers;
    plan->contrast = peers_contrast(peers);
    routing_action_t *action = &plan->action;
    action->kind = ACTION_SHIFT_VERSIONS;
    if (!plan->contrast.clear || !action_set_service(action, routing_name(analyzer, blame->service))) return false;
    plan->effect = effect_without(peers, plan->contrast.worst, false);
    const char *drop = routing_name(analyzer, part_of(analyzer, peers, plan->contrast.worst));
    const char *keep = routing_name(analyzer, part_of(analyzer, peers, plan->effect.receiver));
    if (!add_versions(analyzer, peers, plan)) return false;
    plan->kind = KIND_ROLL_BACK;
    plan->service = blame->service;
    plan->version = part_of(analyzer, peers, plan->contrast.worst);
    (void)snprintf(plan->title, sizeof plan->title, "Send all traffic of %s to %s, none to %s", action->service, keep,
                   drop);
    contrast_words(analyzer, peers, &plan->contrast, plan->sentence, sizeof plan->sentence);
    capacity_words(analyzer, plan);
    phrase_t moved;
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius,
                   "every caller of %s inside the mesh; %s requests/s change their version", action->service,
                   phrase_count(&moved, peers->items[plan->contrast.worst].rate));
    plan->wrong_if[0] = "an object that splits this service's traffic exists already: then hand it in and change that "
                        "one (seismesh suggestions show ID --against FILE)";
    plan->wrong_if[1] = "the pods are not told apart by a label version with these values";
    plan->wrong_if[2] = "the two versions get different kinds of requests, so that the comparison is unfair";
    weigh(plan);
    return true;
}

bool plan_eject(const analyzer_t *analyzer, const blame_t *blame, peers_t *peers, plan_t *plan) {
    peers_collect(analyzer, blame->service, ENTITY_INSTANCE, peers);
    plan->peers = peers;
    plan->contrast = peers_contrast(peers);
    routing_action_t *action = &plan->action;
    /* Proxies eject what fails, not what is slow; and one of two cannot be told from the other's healthy self. */
    if (peers->count < 3 || !plan->contrast.clear || !plan->contrast.by_errors) return false;
    if (!action_set_service(action, routing_name(analyzer, blame->service))) return false;
    plan->effect = effect_without(peers, plan->contrast.worst, true);
    plan->kind = KIND_EJECT;
    plan->service = blame->service;
    plan->instance = part_of(analyzer, peers, plan->contrast.worst);
    plan->version = analyzer->subjects[peers->items[plan->contrast.worst].subject].key.version;
    action->kind = ACTION_TIGHTEN_EJECTION;
    action->consecutive_errors = 3;
    action->interval_s = 10;
    action->ejection_s = 60;
    action->max_ejection_percent = (100 + peers->count - 1) / peers->count;
    (void)snprintf(plan->title, sizeof plan->title, "Let the proxies eject %s of %s",
                   routing_name(analyzer, plan->instance), action->service);
    contrast_words(analyzer, peers, &plan->contrast, plan->sentence, sizeof plan->sentence);
    capacity_words(analyzer, plan);
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius,
                   "every caller of %s inside the mesh; at most one of %u instances is taken out at a time",
                   action->service, (unsigned)peers->count);
    plan->wrong_if[0] = "an object with rules for this service exists already: then hand it in and change that one "
                        "(seismesh suggestions show ID --against FILE)";
    plan->wrong_if[1] = "the failures are not HTTP 5xx or connection failures: the proxies do not count others";
    plan->wrong_if[2] = "this instance alone gets a kind of request that fails everywhere";
    weigh(plan);
    return true;
}
