/* What events do. When one begins or ends, the instances, pairs and sources that it is about get its bit; those without
 * any bit, nearly all, cost one comparison on the way of a call. How strong an event is just now (ramp, flapping) is
 * computed when it is asked for. */
#include "analyzer/simulate/world_internal.h"

#include <stdio.h>

enum { TRANSMISSIONS = 6 };
static const int64_t RETRANSMIT_NS = 200000000; /* TCP's first; doubles each time */

static const event_spec_t *event_at(const world_t *world, uint32_t event) {
    return &((const event_spec_t *)world->scenario->events.items)[event];
}

/* The lowest event of a set, taken out of it. */
static uint32_t take(uint64_t *events) {
    uint32_t event = (uint32_t)__builtin_ctzll(*events);
    *events &= *events - 1;
    return event;
}

double effects_intensity(const world_t *world, uint32_t number) {
    const event_spec_t *event = event_at(world, number);
    int64_t since_ns = world->now_ns - event->at_ns;
    if (!world->events[number].active) return 0;
    if (event->flap_ns > 0 && since_ns / event->flap_ns % 2 == 1) return 0;
    return since_ns < event->ramp_ns ? (double)since_ns / (double)event->ramp_ns : 1;
}

static bool on_path(const event_spec_t *event) {
    return event->loss > 0 || event->deny != DENY_NO || event->to_zone != NULL;
}

/* ---- whom an event is about ---- */

static bool about_node(const world_t *world, const char *node, const instance_t *instance) {
    char name[SCHEMA_TEXT_MAX + 20];
    const char *zone = ((const char **)world->scenario->zones.items)[instance->zone];
    (void)snprintf(name, sizeof name, "node-%s-%u", zone, instance->node + 1);
    return strcmp(name, node) == 0;
}

static bool about_instance(const world_t *world, const event_spec_t *event, const instance_t *instance) {
    const who_t *who = &event->who;
    if (on_path(event) || event->surge != 1 || event->client_errors > 0) return false;
    if (who->service != NONE && who->service != instance->service) return false;
    if (who->version != NONE && who->version != instance->version) return false;
    if (who->zone != NONE && who->zone != instance->zone) return false;
    if (event->instance != NULL && strcmp(event->instance, instance->name) != 0) return false;
    return event->node == NULL || about_node(world, event->node, instance);
}

void effects_of_instance(world_t *world, instance_t *instance) {
    double places = service_of_instance(world, (uint32_t)(instance - world->instances))->concurrency;
    instance->events = 0;
    for (uint32_t e = 0; e < world->scenario->events.count; e++) {
        const event_spec_t *event = event_at(world, e);
        if (!world->events[e].active || !about_instance(world, event, instance)) continue;
        instance->events |= UINT64_C(1) << e;
        places *= 1 - (1 - event->places) * effects_intensity(world, e);
    }
    instance->places = places < 1 ? 1 : (uint32_t)places;
}

static void of_instances(world_t *world) {
    for (uint32_t i = 0; i < world->instance_count; i++) {
        uint32_t before = world->instances[i].places;
        if (world->instances[i].state == INSTANCE_GONE) continue;
        effects_of_instance(world, &world->instances[i]);
        if (world->instances[i].places > before) calls_fill_places(world, i);
    }
}

static bool about_pair(const event_spec_t *event, const edge_t *edge) {
    return event->who.from == edge->caller && event->who.service == edge->callee;
}

static bool about_source(const event_spec_t *event, const source_t *source, uint32_t number) {
    const who_t *who = &event->who;
    if (who->traffic != NONE) return who->traffic == number;
    if (who->service != NONE && who->service != source->spec->service) return false;
    return event->surge != 1 || event->client_errors > 0;
}

static void spread(world_t *world) {
    world->path_events = 0;
    for (uint32_t i = 0; i < world->edge_count; i++) world->edges[i].events = 0;
    for (uint32_t i = 0; i < world->scenario->traffic.count; i++) world->sources[i].events = 0;
    for (uint32_t e = 0; e < world->scenario->events.count; e++) {
        const event_spec_t *event = event_at(world, e);
        uint64_t bit = UINT64_C(1) << e;
        if (!world->events[e].active) continue;
        if (on_path(event)) world->path_events |= bit;
        for (uint32_t i = 0; i < world->edge_count && event->pool_leak_per_minute > 0; i++)
            if (about_pair(event, &world->edges[i])) world->edges[i].events |= bit;
        for (uint32_t i = 0; i < world->scenario->traffic.count; i++)
            if (about_source(event, &world->sources[i], i)) world->sources[i].events |= bit;
    }
    of_instances(world);
}

/* A timeout or a number of retries is configuration: it stays as it is when the event ends and somebody else has
 * changed it meanwhile. */
static void configure(world_t *world, uint32_t number, bool begins) {
    const event_spec_t *event = event_at(world, number);
    event_state_t *state = &world->events[number];
    for (uint32_t i = 0; i < world->edge_count; i++) {
        edge_t *edge = &world->edges[i];
        if (!about_pair(event, edge)) continue;
        if (event->timeout_ns > 0 && begins) {
            state->timeout_ns = edge->timeout_ns;
            calls_new_timeout(world, edge, event->timeout_ns);
        } else if (event->timeout_ns > 0 && edge->timeout_ns == event->timeout_ns) {
            calls_new_timeout(world, edge, state->timeout_ns);
        }
        if (event->retries != NONE && begins) {
            state->retries = edge->retries;
            edge->retries = event->retries;
        } else if (event->retries != NONE && edge->retries == event->retries) {
            edge->retries = state->retries;
        }
    }
}

void effects_begin(world_t *world, uint32_t event) {
    world->events[event].active = true;
    if (event_at(world, event)->sampling >= 0) world->sampling = event_at(world, event)->sampling;
    configure(world, event, true);
    spread(world);
}

void effects_end(world_t *world, uint32_t event) {
    world->events[event].active = false;
    if (event_at(world, event)->sampling >= 0) world->sampling = world->scenario->sampling;
    configure(world, event, false);
    spread(world);
}

/* Places shrink and grow with a ramp or with flapping. */
void effects_tick(world_t *world) {
    bool moving = false;
    for (uint32_t e = 0; e < world->scenario->events.count; e++)
        moving |= world->events[e].active && event_at(world, e)->places < 1;
    if (moving) of_instances(world);
}

/* ---- work ---- */

static bool about_call(const world_t *world, const event_spec_t *event, const call_t *call) {
    const instance_t *instance = &world->instances[call->instance];
    const who_t *who = &event->who;
    if (who->op != NONE && world->services[instance->service].first_operation + who->op != call->operation)
        return false;
    if (who->from != NONE && (call->caller == NONE || world->instances[call->caller].service != who->from))
        return false;
    return event->above_load <= 0 || instance->active > event->above_load * instance->places;
}

void effects_on_work(const world_t *world, const call_t *call, work_effect_t *effect) {
    uint64_t events = world->instances[call->instance].events;
    while (events != 0) {
        uint32_t number = take(&events);
        const event_spec_t *event = event_at(world, number);
        double intensity = effects_intensity(world, number);
        if (intensity <= 0 || !about_call(world, event, call)) continue;
        effect->factor *= 1 + (event->slower - 1) * intensity;
        effect->delay_ns += (int64_t)((double)event->delay_ns * intensity);
        effect->errors += event->errors * intensity;
        if (event->errors > 0) effect->status = (uint16_t)event->status;
    }
}

int64_t effects_pause_left(const world_t *world, const instance_t *instance) {
    uint64_t events = instance->events;
    while (events != 0) {
        uint32_t number = take(&events);
        const event_spec_t *event = event_at(world, number);
        if (event->pause_ns == 0) continue;
        double share = (double)(random_mix((uint64_t)(instance - world->instances)) >> 11) * 0x1p-53;
        int64_t shift_ns = (int64_t)(share * (double)event->pause_every_ns); /* not all at once */
        int64_t phase_ns = (world->now_ns - event->at_ns + shift_ns) % event->pause_every_ns;
        int64_t left_ns = (int64_t)((double)event->pause_ns * effects_intensity(world, number)) - phase_ns;
        if (left_ns > 0) return left_ns;
    }
    return 0;
}

bool effects_crashed(world_t *world, const instance_t *instance) {
    uint64_t events = instance->events;
    while (events != 0) {
        uint32_t number = take(&events);
        if (event_at(world, number)->crash && effects_intensity(world, number) > 0) return true;
    }
    return false;
}

bool effects_swallows(world_t *world, const instance_t *instance) {
    uint64_t events = instance->events;
    while (events != 0) {
        uint32_t number = take(&events);
        if (event_at(world, number)->blackhole && random_unit(&world->random) < effects_intensity(world, number))
            return true;
    }
    return false;
}

double effects_leaked_mb(const world_t *world, const instance_t *instance) {
    double leaked = 0;
    uint64_t events = instance->events;
    while (events != 0) {
        const event_spec_t *event = event_at(world, take(&events));
        int64_t from_ns = event->at_ns > instance->since_ns ? event->at_ns : instance->since_ns;
        leaked += event->leak_mb_per_minute * (double)(world->now_ns - from_ns) / 60e9;
    }
    return leaked;
}

/* ---- paths ---- */

static bool about_ends(const world_t *world, const event_spec_t *event, const call_t *call) {
    const who_t *who = &event->who;
    const edge_t *edge = &world->edges[call->edge];
    if (who->service != NONE && who->service != edge->callee) return false;
    return who->from == NONE || who->from == edge->caller;
}

/* Between `zone` and `to_zone`, in either direction; with `zone` alone, between it and all others. */
static bool about_way(const world_t *world, const event_spec_t *event, const call_t *call) {
    const who_t *who = &event->who;
    if (!about_ends(world, event, call)) return false;
    if (who->zone == NONE) return true;
    if (call->caller == NONE || call->instance == NONE) return false;
    uint32_t a = world->instances[call->caller].zone, b = world->instances[call->instance].zone;
    if (who->to_zone == NONE) return (a == who->zone) != (b == who->zone);
    return (a == who->zone && b == who->to_zone) || (b == who->zone && a == who->to_zone);
}

deny_t effects_denial(const world_t *world, const call_t *call) {
    uint64_t events = world->path_events;
    while (events != 0) {
        uint32_t number = take(&events);
        const event_spec_t *event = event_at(world, number);
        if (event->deny != DENY_NO && effects_intensity(world, number) > 0 && about_ends(world, event, call))
            return (deny_t)event->deny;
    }
    return DENY_NO;
}

int64_t effects_way(world_t *world, const call_t *call, bool back) {
    (void)back; /* both ways are alike */
    const network_spec_t *network = &world->scenario->network;
    bool same = call->caller == NONE || world->instances[call->caller].zone == world->instances[call->instance].zone;
    double base = (double)(same ? network->same_zone_ns : network->cross_zone_ns);
    int64_t way_ns = (int64_t)(base * (0.75 + 0.5 * random_unit(&world->random)));
    uint64_t events = world->path_events;
    while (events != 0) {
        uint32_t number = take(&events);
        const event_spec_t *event = event_at(world, number);
        double intensity = effects_intensity(world, number);
        if (intensity <= 0 || event->deny != DENY_NO || !about_way(world, event, call)) continue;
        way_ns += (int64_t)((double)event->delay_ns * intensity);
        for (int tries = 0; event->loss > 0 && random_unit(&world->random) < event->loss * intensity; tries++) {
            if (tries == TRANSMISSIONS - 1) return -1;
            way_ns += RETRANSMIT_NS << tries;
        }
    }
    return way_ns;
}

uint32_t effects_pool(const world_t *world, const edge_t *edge) {
    double pool = edge->pool;
    uint64_t events = edge->events;
    while (events != 0) {
        const event_spec_t *event = event_at(world, take(&events));
        pool -= event->pool_leak_per_minute * (double)(world->now_ns - event->at_ns) / 60e9;
    }
    return pool < 1 ? 1 : (uint32_t)pool;
}

/* ---- traffic ---- */

double effects_surge(const world_t *world, const source_t *source) {
    double factor = 1;
    uint64_t events = source->events;
    while (events != 0) {
        uint32_t number = take(&events);
        factor *= 1 + (event_at(world, number)->surge - 1) * effects_intensity(world, number);
    }
    return factor;
}

double effects_client_errors(const world_t *world, const source_t *source) {
    double share = source->spec->client_errors;
    uint64_t events = source->events;
    while (events != 0) {
        uint32_t number = take(&events);
        share += event_at(world, number)->client_errors * effects_intensity(world, number);
    }
    return share;
}

/* ---- telemetry ---- */

bool effects_silent(const world_t *world, uint32_t instance) {
    uint64_t events = world->instances[instance].events;
    while (events != 0) {
        uint32_t number = take(&events);
        if (event_at(world, number)->silent && effects_intensity(world, number) > 0) return true;
    }
    return false;
}

int64_t effects_clock_skew(const world_t *world, uint32_t instance) {
    int64_t skew_ns = 0;
    uint64_t events = world->instances[instance].events;
    while (events != 0) {
        uint32_t number = take(&events);
        skew_ns += (int64_t)((double)event_at(world, number)->clock_skew_ns * effects_intensity(world, number));
    }
    return skew_ns;
}
