/* Which instance gets a call: a version by the weights, a zone by the zone weights or by nearness, an instance by the
 * service's way of balancing. Instances that are ejected are left out, unless all of a version are: then those that
 * outlier detection ejected get traffic again (Envoy's panic), but not those that a person ejected. */
#include "analyzer/simulate/world_internal.h"

void balance_rebuild(world_t *world, version_t *version) {
    for (int panic = 0; panic < 2; panic++) {
        uint32_t count = 0;
        for (uint32_t zone = 0; zone < ZONES_MAX; zone++) {
            version->zone_from[zone] = count;
            for (uint32_t i = 0; i < version->instance_count; i++) {
                const instance_t *instance = &world->instances[version->instances[i]];
                bool ready =
                    instance->state == INSTANCE_UP && !instance->ejected_by_hand && (!instance->ejected || panic == 1);
                if (ready && instance->zone == zone) version->ready[count++] = version->instances[i];
            }
        }
        version->zone_from[ZONES_MAX] = count;
        if (count > 0) return;
    }
}

static version_t *pick_version(world_t *world, service_t *service) {
    if (service->version_count == 1) return &service->versions[0];
    double sum = 0;
    for (uint32_t i = 0; i < service->version_count; i++) sum += service->versions[i].weight;
    double at = random_unit(&world->random) * sum;
    for (uint32_t i = 0; i < service->version_count; i++) {
        at -= service->versions[i].weight;
        if (at < 0 && service->versions[i].weight > 0) return &service->versions[i];
    }
    return &service->versions[service->version_count - 1];
}

static uint32_t pick_zone(world_t *world, const service_t *service, const version_t *version) {
    double sum = 0, weights[ZONES_MAX];
    for (uint32_t zone = 0; zone < ZONES_MAX; zone++) {
        bool any = version->zone_from[zone + 1] > version->zone_from[zone];
        weights[zone] = any ? service->zone_weights[zone] : 0;
        sum += weights[zone];
    }
    double at = random_unit(&world->random) * sum;
    for (uint32_t zone = 0; zone < ZONES_MAX; zone++) {
        at -= weights[zone];
        if (at < 0 && weights[zone] > 0) return zone;
    }
    return NONE;
}

/* The candidates within `version`: all, or those of one zone. */
static void narrow(world_t *world, const service_t *service, const version_t *version, uint32_t caller, uint32_t *from,
                   uint32_t *count) {
    uint32_t zone = NONE;
    *from = 0;
    *count = version->zone_from[ZONES_MAX];
    if (service->zone_weighted)
        zone = pick_zone(world, service, version);
    else if (service->spec->local && caller != NONE)
        zone = world->instances[caller].zone;
    if (zone == NONE || version->zone_from[zone + 1] == version->zone_from[zone]) return;
    *from = version->zone_from[zone];
    *count = version->zone_from[zone + 1] - *from;
}

uint32_t balance_pick(world_t *world, const edge_t *edge, uint32_t caller) {
    service_t *service = &world->services[edge->callee];
    version_t *version = pick_version(world, service);
    uint32_t from, count;
    narrow(world, service, version, caller, &from, &count);
    if (count == 0) return NONE;
    const uint32_t *ready = version->ready + from;
    switch ((balance_t)service->spec->balance) {
    case BALANCE_RANDOM:
        return ready[random_below(&world->random, count)];
    case BALANCE_LEAST_REQUEST: {
        const uint32_t a = ready[random_below(&world->random, count)], b = ready[random_below(&world->random, count)];
        const instance_t *x = &world->instances[a], *y = &world->instances[b];
        return x->active + x->queued <= y->active + y->queued ? a : b;
    }
    default:
        return ready[version->turn++ % count];
    }
}

void balance_result(world_t *world, uint32_t number, bool failed) {
    instance_t *instance = &world->instances[number];
    service_t *service = &world->services[instance->service];
    const outlier_spec_t *outlier = &service->outlier;
    instance->errors_in_row = failed ? instance->errors_in_row + 1 : 0;
    if (outlier->consecutive_errors == 0 || instance->errors_in_row < outlier->consecutive_errors) return;
    if (instance->ejected || instance->state != INSTANCE_UP) return;
    version_t *version = &service->versions[instance->version];
    uint32_t ejected = 1, all = 0;
    for (uint32_t i = 0; i < version->instance_count; i++) {
        const instance_t *other = &world->instances[version->instances[i]];
        all += other->state == INSTANCE_UP;
        ejected += other->state == INSTANCE_UP && other->ejected;
    }
    if (ejected > 1 && ejected > outlier->max_share * all) return;
    instance->ejected = true;
    instance->errors_in_row = 0;
    instance->ejections++;
    world_plan(world, world->now_ns + outlier->ejection_ns * instance->ejections, WHAT_READMIT, number);
    balance_rebuild(world, version);
}

void balance_readmit(world_t *world, uint32_t number) {
    instance_t *instance = &world->instances[number];
    instance->ejected = false;
    balance_rebuild(world, &world->services[instance->service].versions[instance->version]);
}

/* A bucket that holds one second's worth. */
bool balance_admit(world_t *world, service_t *service) {
    if (service->rate_limit <= 0) return true;
    double passed = (double)(world->now_ns - service->tokens_ns) / (double)SECOND_NS;
    double most = service->rate_limit > 1 ? service->rate_limit : 1;
    service->tokens += passed * service->rate_limit;
    if (service->tokens > most) service->tokens = most;
    service->tokens_ns = world->now_ns;
    if (service->tokens < 1) return false;
    service->tokens -= 1;
    return true;
}
