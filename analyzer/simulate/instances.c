/* Instances come up, drain and go; an autoscaler as Kubernetes has it asks for more or fewer of them. An instance that
 * is gone keeps its number: calls on the way may still know it. */
#include "analyzer/simulate/world_internal.h"

#include <math.h>
#include <stdio.h>

enum { QUIET_TICKS = 20 }; /* looks of the autoscaler at too many instances before some go */

uint32_t instances_running(const world_t *world, const version_t *version) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < version->instance_count; i++)
        count += world->instances[version->instances[i]].state <= INSTANCE_UP;
    return count;
}

static pool_t *new_pools(uint32_t count) {
    if (count == 0) return NULL;
    pool_t *pools = memory_new(count, sizeof *pools);
    for (uint32_t i = 0; i < count; i++) pools[i] = (pool_t){0, NONE, NONE};
    return pools;
}

/* Zones take turns; so do the nodes of a zone, over all services. */
static void place(const world_t *world, const service_spec_t *service, uint32_t number, instance_t *instance) {
    const char *zone = ((const char **)service->zones.items)[number % service->zones.count];
    instance->zone = scenario_zone(world->scenario, zone);
    uint32_t offset = instance->service;
    instance->node = (number / service->zones.count + offset) % world->scenario->nodes_per_zone;
}

static uint32_t add(world_t *world, version_t *version) {
    if (world->instance_count == world->instance_capacity) {
        world->instance_capacity = world->instance_capacity == 0 ? 64 : 2 * world->instance_capacity;
        world->instances = memory_resize(world->instances, world->instance_capacity * sizeof *world->instances);
    }
    if (version->instance_count == version->instance_capacity) {
        version->instance_capacity = version->instance_capacity == 0 ? 8 : 2 * version->instance_capacity;
        version->instances = memory_resize(version->instances, version->instance_capacity * sizeof(uint32_t));
        version->ready = memory_resize(version->ready, version->instance_capacity * sizeof(uint32_t));
    }
    const service_t *service = &world->services[version->service];
    uint32_t index = world->instance_count++;
    char name[SCHEMA_TEXT_MAX * 2];
    (void)snprintf(name, sizeof name, "%s-%s-%u", service->spec->name, version->spec->name, ++version->next_number);
    instance_t *instance = &world->instances[index];
    *instance = (instance_t){.name = memory_text(name),
                             .service = version->service,
                             .version = (uint32_t)(version - service->versions),
                             .head = NONE,
                             .tail = NONE,
                             .places = service->spec->concurrency,
                             .pools = new_pools(service->pool_count),
                             .since_ns = world->now_ns};
    place(world, service->spec, version->next_number - 1, instance);
    version->instances[version->instance_count++] = index;
    return index;
}

void instances_up(world_t *world, uint32_t number) {
    instance_t *instance = &world->instances[number];
    if (instance->state != INSTANCE_STARTING) return;
    instance->state = INSTANCE_UP;
    instance->since_ns = world->now_ns;
    effects_of_instance(world, instance);
    balance_rebuild(world, &world->services[instance->service].versions[instance->version]);
}

void instances_idle(world_t *world, uint32_t number) {
    instance_t *instance = &world->instances[number];
    if (instance->active > 0 || instance->queued > 0) return;
    instance->state = INSTANCE_GONE;
    version_t *version = &world->services[instance->service].versions[instance->version];
    for (uint32_t i = 0; i < version->instance_count; i++)
        if (version->instances[i] == number) {
            version->instances[i] = version->instances[--version->instance_count];
            break;
        }
}

void instances_scale(world_t *world, version_t *version, uint32_t count, int64_t start_ns) {
    uint32_t running = instances_running(world, version);
    for (; running < count; running++) {
        uint32_t index = add(world, version);
        if (start_ns > 0)
            world_plan(world, world->now_ns + start_ns, WHAT_UP, index);
        else
            instances_up(world, index);
    }
    while (running > count) { /* the newest go first */
        uint32_t newest = 0;
        for (uint32_t i = 0; i < version->instance_count; i++)
            if (world->instances[version->instances[i]].state <= INSTANCE_UP && version->instances[i] >= newest)
                newest = version->instances[i];
        world->instances[newest].state = INSTANCE_DRAINING;
        running--;
        instances_idle(world, newest);
    }
    balance_rebuild(world, version);
}

static int64_t busy_of(const world_t *world, uint32_t service) {
    int64_t busy_ns = 0;
    for (uint32_t i = 0; i < world->instance_count; i++)
        if (world->instances[i].service == service) busy_ns += world->instances[i].busy_ns;
    return busy_ns;
}

/* The version that has most of the traffic is scaled. */
void instances_autoscale(world_t *world, uint32_t number) {
    service_t *service = &world->services[number];
    const autoscale_spec_t *spec = &service->spec->autoscale;
    version_t *version = &service->versions[0];
    for (uint32_t i = 1; i < service->version_count; i++)
        if (service->versions[i].weight > version->weight) version = &service->versions[i];
    uint32_t running = instances_running(world, version);
    uint32_t places = service->spec->cores > 0 ? service->spec->cores : service->spec->concurrency;
    int64_t busy_ns = busy_of(world, number);
    double load = (double)(busy_ns - service->busy_before_ns) / (double)spec->every_ns / places;
    service->busy_before_ns = busy_ns;
    double wanted = ceil(load / spec->target - 0.1);
    uint32_t count = wanted < spec->min ? spec->min : wanted > spec->max ? spec->max : (uint32_t)wanted;
    service->quiet_ticks = count < running ? service->quiet_ticks + 1 : 0;
    if (count > running || service->quiet_ticks >= QUIET_TICKS) {
        instances_scale(world, version, count, spec->start_ns);
        service->quiet_ticks = 0;
    }
    world_plan(world, world->now_ns + spec->every_ns, WHAT_SCALE, number);
}

uint32_t instances_find(const world_t *world, const char *name) {
    for (uint32_t i = 0; i < world->instance_count; i++)
        if (world->instances[i].state != INSTANCE_GONE && strcmp(world->instances[i].name, name) == 0) return i;
    return NONE;
}
