/* A zone in which the service is worse, or worse to reach, than in its others gets none of its traffic any more: by
 * weights, or, where the mesh has no weights for zones and the zone fails altogether, by failing over. */
#include "analyzer/phrase.h"
#include "analyzer/routing/routing.h"

#include <math.h>
#include <stdio.h>

static const double FAILS_ALTOGETHER = 0.8, BEYOND_EVIDENCE = 2;

/* Where the mesh's own language cannot say it, the suggestion says so, with the nearest; whoever chose a language wants
 * what it can say. */
static bool writes(const analyzer_t *analyzer, action_kind_t kind) {
    const routing_language_ops *language = routing_language_set(analyzer);
    return language == NULL || language->rows[kind].write != NULL;
}

/* The others share by their rates; what rounding leaves goes to the first of them. */
static bool add_zones(const analyzer_t *analyzer, const peers_t *peers, uint32_t worst, routing_action_t *action) {
    double whole = peers_others(peers, worst).rate;
    uint32_t given = 0, first = NO_INDEX;
    if (peers->count > ACTION_TARGETS_MAX || !(whole > 0)) return false;
    for (uint32_t i = 0; i < peers->count; i++) {
        uint32_t weight = i == worst ? 0 : (uint32_t)(peers->items[i].rate / whole * WEIGHT_WHOLE);
        if (first == NO_INDEX && i != worst) first = i;
        if (!action_add_target(action, routing_name(analyzer, peers_part(analyzer, peers, i)), weight)) return false;
        given += weight;
    }
    action->targets[first].weight += WEIGHT_WHOLE - given;
    return true;
}

static bool add_failover(const analyzer_t *analyzer, const peers_t *peers, uint32_t worst, plan_t *plan) {
    const char *from = routing_name(analyzer, peers_part(analyzer, peers, worst));
    const char *to = routing_name(analyzer, peers_part(analyzer, peers, plan->effect.receiver));
    plan->action.kind = ACTION_FAIL_OVER;
    (void)snprintf(plan->action.from_zone, sizeof plan->action.from_zone, "%s", from);
    (void)snprintf(plan->action.to_zone, sizeof plan->action.to_zone, "%s", to);
    return true;
}

/* Whether the zone is worse even without the instance that is worst of all: else that one is to be seen to. */
static bool beyond_one(const analyzer_t *analyzer, uint32_t service, uint32_t zone) {
    peers_t instances;
    peer_t here = {0}, elsewhere = {0};
    peers_collect(analyzer, service, ENTITY_INSTANCE, &instances);
    uint32_t worst = peers_contrast(&instances).worst;
    for (uint32_t i = 0; i < instances.count; i++) {
        uint32_t entity = analyzer->subjects[instances.items[i].subject].entity;
        bool inside = entity < analyzer->shard->entity_count && analyzer->shard->entities[entity].zone == zone;
        if (inside && i == worst) continue;
        peers_add(inside ? &here : &elsewhere, &instances.items[i]);
        if (inside) here.silent_s = fmax(here.silent_s, instances.items[i].silent_s);
    }
    return peers_worse(&here, &elsewhere) >= BEYOND_EVIDENCE;
}

bool plan_zones(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan) {
    (void)incident;
    peers_t peers;
    peers_collect(analyzer, blame->service, ENTITY_ZONE, &peers);
    contrast_t contrast = peers_contrast(&peers);
    routing_action_t *action = &plan->action;
    if (!contrast.clear || !action_set_service(action, routing_name(analyzer, blame->service))) return false;
    plan->zone = peers_part(analyzer, &peers, contrast.worst);
    bool way = contrast.by == BY_WAITS;
    if (!way && !beyond_one(analyzer, blame->service, plan->zone)) return false;
    plan_moves(analyzer, &peers, &contrast, true, plan);
    const peer_t *worst = &peers.items[contrast.worst];
    bool fails = worst->silent_s > 0 || worst->errors > FAILS_ALTOGETHER * worst->requests;
    bool over = fails && writes(analyzer, ACTION_FAIL_OVER) && !writes(analyzer, ACTION_SHIFT_ZONES);
    action->kind = ACTION_SHIFT_ZONES;
    if (!(over ? add_failover(analyzer, &peers, contrast.worst, plan)
               : add_zones(analyzer, &peers, contrast.worst, action)) ||
        !action_valid(action, NULL))
        return false;
    plan->kind = over ? KIND_FAIL_OVER : KIND_SHIFT_ZONES;
    plan->service = blame->service;
    const char *zone = routing_name(analyzer, plan->zone);
    (void)snprintf(plan->title, sizeof plan->title,
                   over ? "Let calls to %s fail over from zone %s" : "Send no traffic of %s to zone %s",
                   action->service, zone);
    plan_contrast_words(analyzer, &peers, &contrast, plan->sentence, sizeof plan->sentence);
    phrase_t moved;
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius,
                   "every caller of %s inside the mesh; %s requests/s change their zone, and calls between zones take "
                   "longer and may cost money",
                   action->service, phrase_count(&moved, plan->load[contrast.worst].now));
    plan->wrong_if[0] = "an object that spreads this service's traffic over zones exists already: then hand it in and "
                        "change that one (seismesh suggestions show ID --against FILE)";
    plan->wrong_if[1] = "the other zones share what is broken, such as a database, and the zone only shows it first";
    plan->wrong_if[2] = "data or rules demand that requests stay in their zone";
    return true;
}
