/* Changes of routing and of scale, given in the scenario or while it runs. */
#include "analyzer/simulate/world_internal.h"

#include <stdio.h>

typedef struct {
    world_t *world;
    const action_t *action;
    char *what;
    size_t size;
} doing_t;

static service_t *service_named(const doing_t *d, const char *name) {
    return &d->world->services[scenario_service(d->world->scenario, name)];
}

static double weight_for(const list_t *weights, const char *name) {
    for (uint32_t i = 0; i < weights->count; i++) {
        const weight_spec_t *weight = &((const weight_spec_t *)weights->items)[i];
        if (strcmp(weight->name, name) == 0) return weight->weight;
    }
    return 0;
}

static void move_weight(world_t *world, version_t *version, double to, int64_t over_ns) {
    version->weight_from = version->weight;
    version->weight_to = to;
    version->moves_ns = world->now_ns;
    version->moved_ns = world->now_ns + over_ns;
    if (over_ns == 0) version->weight = to;
}

void actions_tick(world_t *world) {
    for (uint32_t s = 0; s < world->scenario->services.count; s++)
        for (uint32_t v = 0; v < world->services[s].version_count; v++) {
            version_t *version = &world->services[s].versions[v];
            double whole = (double)(version->moved_ns - version->moves_ns);
            double share = whole > 0 ? (double)(world->now_ns - version->moves_ns) / whole : 1;
            if (share > 1) share = 1;
            version->weight = version->weight_from + (version->weight_to - version->weight_from) * share;
        }
}

static err_t shift_versions(const doing_t *d) {
    service_t *service = service_named(d, d->action->service);
    for (uint32_t v = 0; v < service->version_count; v++)
        move_weight(d->world, &service->versions[v], weight_for(&d->action->weights, service->versions[v].spec->name),
                    d->action->over_ns);
    (void)snprintf(d->what, d->size, "versions of %s have new weights", d->action->service);
    return ERR_OK;
}

static err_t shift_zones(const doing_t *d) {
    service_t *service = service_named(d, d->action->service);
    const scenario_t *scenario = d->world->scenario;
    for (uint32_t z = 0; z < scenario->zones.count; z++)
        service->zone_weights[z] = weight_for(&d->action->weights, ((const char **)scenario->zones.items)[z]);
    service->zone_weighted = true;
    (void)snprintf(d->what, d->size, "zones of %s have new weights", d->action->service);
    return ERR_OK;
}

static err_t drain_instance(const doing_t *d) {
    uint32_t number = instances_find(d->world, d->action->instance);
    if (number == NONE) {
        (void)snprintf(d->what, d->size, "%s is not running", d->action->instance);
        return ERR_NOT_FOUND;
    }
    instance_t *instance = &d->world->instances[number];
    instance->ejected_by_hand = true;
    balance_rebuild(d->world, &d->world->services[instance->service].versions[instance->version]);
    (void)snprintf(d->what, d->size, "%s gets no traffic", d->action->instance);
    return ERR_OK;
}

static err_t tighten_ejection(const doing_t *d) {
    service_named(d, d->action->service)->outlier =
        (outlier_spec_t){.consecutive_errors = d->action->consecutive_errors,
                         .ejection_ns = (int64_t)(d->action->ejection_s * (double)SECOND_NS),
                         .max_share = d->action->max_ejection_percent / 100};
    (void)snprintf(d->what, d->size, "instances of %s are ejected after %u errors in a row", d->action->service,
                   d->action->consecutive_errors);
    return ERR_OK;
}

static err_t circuit_breaker(const doing_t *d) {
    service_named(d, d->action->service)->max_requests = d->action->in_flight;
    (void)snprintf(d->what, d->size, "each service has at most %u requests to %s in flight", d->action->in_flight,
                   d->action->service);
    return ERR_OK;
}

/* Timeouts and retries, of one caller or of all. */
static err_t set_pairs(const doing_t *d) {
    const action_t *action = d->action;
    uint32_t caller = scenario_service(d->world->scenario, action->caller), pairs = 0;
    uint32_t callee = scenario_service(d->world->scenario, action->service);
    for (uint32_t i = 0; i < d->world->edge_count; i++) {
        edge_t *edge = &d->world->edges[i];
        if (edge->callee != callee || edge->caller == NONE || (caller != NONE && edge->caller != caller)) continue;
        pairs++;
        if (action->timeout_s > 0) calls_new_timeout(d->world, edge, (int64_t)(action->timeout_s * (double)SECOND_NS));
        if (action->kind == DO_CUT_RETRIES) edge->retries = action->attempts;
    }
    if (pairs > 0)
        (void)snprintf(d->what, d->size, "%s of calls to %s: set for %u callers",
                       action->kind == DO_CUT_RETRIES ? "retries" : "timeout", action->service, pairs);
    else
        (void)snprintf(d->what, d->size, "nobody%s%s calls %s", caller == NONE ? "" : " named ",
                       caller == NONE ? "" : action->caller, action->service);
    return pairs > 0 ? ERR_OK : ERR_NOT_FOUND;
}

static err_t rate_limit(const doing_t *d) {
    service_t *service = service_named(d, d->action->service);
    service->rate_limit = d->action->requests_per_s;
    service->tokens = 0;
    service->tokens_ns = d->world->now_ns;
    (void)snprintf(d->what, d->size, "%s takes %g requests per second", d->action->service, d->action->requests_per_s);
    return ERR_OK;
}

static err_t fail_over(const doing_t *d) {
    service_t *service = service_named(d, d->action->service);
    for (uint32_t z = 0; z < ZONES_MAX && !service->zone_weighted; z++) service->zone_weights[z] = 1;
    service->zone_weights[scenario_zone(d->world->scenario, d->action->from_zone)] = 0;
    service->zone_weighted = true;
    (void)snprintf(d->what, d->size, "%s gets no traffic in zone %s", d->action->service, d->action->from_zone);
    return ERR_OK;
}

static err_t scale(const doing_t *d) {
    service_t *service = service_named(d, d->action->service);
    uint32_t version = d->action->version == NULL ? 0 : service_version(service->spec, d->action->version);
    int64_t start_ns = d->world->now_ns > 0 ? 10 * SECOND_NS : 0;
    instances_scale(d->world, &service->versions[version], d->action->instances, start_ns);
    (void)snprintf(d->what, d->size, "%s scales to %u", d->action->service, d->action->instances);
    return ERR_OK;
}

/* Routing to a service as the scenario has it. Its number of instances stays. */
static err_t reset(const doing_t *d) {
    world_t *world = d->world;
    uint32_t number = scenario_service(world->scenario, d->action->service);
    service_t *service = &world->services[number];
    service->outlier = service->spec->outlier;
    if (service->spec->outlier.head.line == 0) service->outlier.consecutive_errors = 0;
    service->max_requests = service->spec->max_requests;
    service->rate_limit = service->spec->rate_limit;
    service->zone_weighted = false;
    for (uint32_t i = 0; i < world->instance_count; i++)
        if (world->instances[i].service == number) world->instances[i].ejected_by_hand = false;
    for (uint32_t v = 0; v < service->version_count; v++) {
        move_weight(world, &service->versions[v], service->versions[v].spec->weight, 0);
        balance_rebuild(world, &service->versions[v]);
    }
    for (uint32_t i = 0; i < world->edge_count; i++) {
        edge_t *edge = &world->edges[i];
        if (edge->callee != number) continue;
        if (edge->timeout_ns != edge->first_timeout_ns) calls_new_timeout(world, edge, edge->first_timeout_ns);
        edge->retries = edge->first_retries;
    }
    (void)snprintf(d->what, d->size, "routing to %s is as it was in the beginning", d->action->service);
    return ERR_OK;
}

err_t world_act(world_t *world, const action_t *action, char *what, size_t size) {
    static err_t (*const kinds[DO_KINDS])(const doing_t *) = {
        [DO_SHIFT_VERSIONS] = shift_versions,
        [DO_SHIFT_ZONES] = shift_zones,
        [DO_DRAIN_INSTANCE] = drain_instance,
        [DO_TIGHTEN_EJECTION] = tighten_ejection,
        [DO_CIRCUIT_BREAKER] = circuit_breaker,
        [DO_RATE_LIMIT] = rate_limit,
        [DO_CUT_RETRIES] = set_pairs,
        [DO_SET_TIMEOUT] = set_pairs,
        [DO_FAIL_OVER] = fail_over,
        [DO_SCALE] = scale,
        [DO_RESET] = reset,
    };
    const doing_t doing = {world, action, what, size};
    return kinds[action->kind](&doing);
}
