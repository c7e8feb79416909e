/* A version that is worse than the others in the same minute gets no traffic any more. Where it is the old one that is
 * worse, the same change is a promotion of the new one. */
#include "analyzer/phrase.h"
#include "analyzer/routing/routing.h"

#include <math.h>
#include <stdio.h>

/* All to the receiver, none to the others. Of more versions than an action holds, the two that matter. */
static bool add_versions(const analyzer_t *analyzer, const peers_t *peers, uint32_t worst, plan_t *plan) {
    bool all = peers->count <= ACTION_TARGETS_MAX;
    uint32_t receiver = plan->effect.receiver;
    if (!action_add_target(&plan->action, routing_name(analyzer, peers_part(analyzer, peers, receiver)), WEIGHT_WHOLE))
        return false;
    for (uint32_t i = 0; i < peers->count; i++) {
        if (i == receiver || (!all && i != worst)) continue;
        if (!action_add_target(&plan->action, routing_name(analyzer, peers_part(analyzer, peers, i)), 0) && i == worst)
            return false;
    }
    return action_valid(&plan->action, NULL);
}

/* True when the receiver is the younger one: versions are found in order of first sight. */
static bool promotes(const peers_t *peers, uint32_t worst, uint32_t receiver) {
    return peers->items[receiver].subject > peers->items[worst].subject &&
           peers->items[worst].usual_rate > peers->items[receiver].usual_rate;
}

bool plan_versions(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan) {
    (void)incident;
    peers_t peers;
    peers_collect(analyzer, blame->service, ENTITY_VERSION, &peers);
    contrast_t contrast = peers_contrast(&peers);
    routing_action_t *action = &plan->action;
    action->kind = ACTION_SHIFT_VERSIONS;
    if (!contrast.clear || !action_set_service(action, routing_name(analyzer, blame->service))) return false;
    plan_moves(analyzer, &peers, &contrast, false, plan);
    const char *drop = routing_name(analyzer, peers_part(analyzer, &peers, contrast.worst));
    const char *keep = routing_name(analyzer, peers_part(analyzer, &peers, plan->effect.receiver));
    if (!add_versions(analyzer, &peers, contrast.worst, plan)) return false;
    bool promotion = promotes(&peers, contrast.worst, plan->effect.receiver);
    plan->kind = promotion ? KIND_PROMOTE : KIND_ROLL_BACK;
    plan->service = blame->service;
    plan->version = peers_part(analyzer, &peers, contrast.worst);
    (void)snprintf(plan->title, sizeof plan->title,
                   promotion ? "Promote %2$s of %1$s: send it all traffic, none to %3$s"
                             : "Send all traffic of %1$s to %2$s, none to %3$s",
                   action->service, keep, drop);
    plan_contrast_words(analyzer, &peers, &contrast, plan->sentence, sizeof plan->sentence);
    phrase_t moved;
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius,
                   "every caller of %s inside the mesh; %s requests/s change their version", action->service,
                   phrase_count(&moved, plan->load[contrast.worst].now));
    plan->wrong_if[0] = "an object that splits this service's traffic exists already: then hand it in and change that "
                        "one (seismesh suggestions show ID --against FILE)";
    plan->wrong_if[1] = "the pods are not told apart by a label version with these values";
    plan->wrong_if[2] = "the two versions get different kinds of requests, so that the comparison is unfair";
    return true;
}
