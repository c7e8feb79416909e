/* Builds a world out of a scenario, and lets it run. */
#include "analyzer/simulate/world_internal.h"

#include <math.h>

static const traffic_spec_t *traffic_at(const world_t *world, uint32_t i) {
    return &((const traffic_spec_t *)world->scenario->traffic.items)[i];
}

static const int64_t USUAL_TIMEOUT_NS = 15 * SECOND_NS; /* of calls that have none; Envoy's */

/* ---- building ---- */

static uint32_t edge_between(world_t *world, uint32_t caller, uint32_t callee, const call_spec_t *call) {
    uint32_t index = 0;
    while (index < world->edge_count && (world->edges[index].caller != caller || world->edges[index].callee != callee))
        index++;
    edge_t *edge = &world->edges[index];
    if (index == world->edge_count) {
        world->edge_count++;
        *edge = (edge_t){.caller = caller, .callee = callee, .timeout_ns = USUAL_TIMEOUT_NS};
    }
    /* the pair's properties: what any of its calls says */
    if (call->timeout_ns > 0 && (edge->timeout_ns == USUAL_TIMEOUT_NS || call->timeout_ns < edge->timeout_ns))
        edge->timeout_ns = call->timeout_ns;
    if (call->retries > edge->retries) edge->retries = call->retries;
    if (call->retry_budget > edge->retry_budget) edge->retry_budget = call->retry_budget;
    edge->backoff_ns = call->backoff_ns;
    edge->first_timeout_ns = edge->timeout_ns;
    edge->first_retries = edge->retries;
    if (call->pool > 0 && edge->pool == 0) edge->pool_slot = world->services[caller].pool_count++;
    if (call->pool > 0) edge->pool = call->pool;
    return index;
}

static void add_steps(world_t *world, uint32_t service, list_t calls, operation_t *operation) {
    for (uint32_t i = 0; i < calls.count; i++) {
        const call_spec_t *call = &((const call_spec_t *)calls.items)[i];
        uint32_t edge = edge_between(world, service, call->service, call);
        for (uint32_t n = 0; n < call->times; n++) {
            world->steps[world->step_count++] = (step_t){
                .edge = edge,
                .operation = call->op == NONE ? NONE : world->services[call->service].first_operation + call->op,
                .probability = call->probability,
                .optional = call->optional,
                .together = call->together && n == 0};
            operation->step_count++;
        }
    }
}

static double typical(const duration_t *time) {
    return (double)(time->mean_ns > 0 ? time->mean_ns : time->median_ns);
}

static void build_service(world_t *world, uint32_t number) {
    const service_spec_t *spec = service_at(world->scenario, number);
    service_t *service = &world->services[number];
    *service = (service_t){.spec = spec,
                           .version_count = spec->versions.count,
                           .first_operation = world->operation_count,
                           .operation_count = spec->operations.count,
                           .outlier = spec->outlier,
                           .max_requests = spec->max_requests,
                           .rate_limit = spec->rate_limit};
    if (spec->outlier.head.line == 0) service->outlier.consecutive_errors = 0;
    for (uint32_t v = 0; v < service->version_count; v++) {
        const version_spec_t *version = &((const version_spec_t *)spec->versions.items)[v];
        double speed = typical(&version->time) / typical(&spec->time);
        service->versions[v] = (version_t){.spec = version,
                                           .service = number,
                                           .weight = version->weight,
                                           .weight_from = version->weight,
                                           .weight_to = version->weight,
                                           .speed = isfinite(speed) ? speed : 1};
    }
    for (uint32_t o = 0; o < spec->operations.count; o++) {
        const operation_spec_t *operation = &((const operation_spec_t *)spec->operations.items)[o];
        service->share_sum += operation->share;
        world->operations[world->operation_count++] =
            (operation_t){.spec = operation, .service = number, .share_until = service->share_sum};
    }
}

static void count(const scenario_t *scenario, uint32_t *operations, uint32_t *steps) {
    *operations = *steps = 0;
    for (uint32_t s = 0; s < scenario->services.count; s++) {
        *operations += service_at(scenario, s)->operations.count;
        *steps += service_at(scenario, s)->operations.count * CALLS_MAX;
    }
}

static void build_services(world_t *world) {
    const scenario_t *scenario = world->scenario;
    uint32_t operations, steps;
    count(scenario, &operations, &steps);
    world->services = memory_new(scenario->services.count, sizeof *world->services);
    world->operations = memory_new(operations, sizeof *world->operations);
    world->steps = memory_new(steps, sizeof *world->steps);
    world->edges = memory_new(steps + scenario->traffic.count + 1, sizeof *world->edges);
    for (uint32_t s = 0; s < scenario->services.count; s++) build_service(world, s);
    for (uint32_t o = 0; o < world->operation_count; o++) {
        operation_t *operation = &world->operations[o];
        operation->first_step = world->step_count;
        add_steps(world, operation->service, world->services[operation->service].spec->calls, operation);
        add_steps(world, operation->service, operation->spec->calls, operation);
    }
}

static void build_traffic(world_t *world) {
    uint32_t sources = world->scenario->traffic.count;
    world->sources = memory_new(sources + 1, sizeof *world->sources);
    for (uint32_t i = 0; i < sources; i++) {
        const traffic_spec_t *spec = traffic_at(world, i);
        source_t *source = &world->sources[i];
        source->spec = spec;
        source->edge = world->edge_count++;
        source->rate_second = -1;
        random_seed(&source->random, world->seed, 1000 + i);
        world->edges[source->edge] = (edge_t){.caller = NONE,
                                              .callee = spec->service,
                                              .traffic = i,
                                              .timeout_ns = spec->patience_ns,
                                              .first_timeout_ns = spec->patience_ns,
                                              .backoff_ns = SECOND_NS / 2,
                                              .retries = spec->retries,
                                              .first_retries = spec->retries};
    }
    int64_t minutes = world->scenario->duration_ns / WINDOWS_MAX / (60 * SECOND_NS) + 1;
    world->window_ns = world->scenario->duration_ns < 3600 * SECOND_NS ? 10 * SECOND_NS : minutes * 60 * SECOND_NS;
    world->window_count = (uint32_t)(world->scenario->duration_ns / world->window_ns) + 2;
    world->windows = memory_new((size_t)world->window_count * (sources + 1), sizeof *world->windows);
    uint32_t services = world->scenario->services.count;
    if (services * world->window_count <= SERVED_MAX)
        world->served = memory_new((size_t)world->window_count * services, sizeof *world->served);
}

static void plan_all(world_t *world) {
    const scenario_t *scenario = world->scenario;
    for (uint32_t i = 0; i < scenario->events.count; i++) {
        const event_spec_t *event = &((const event_spec_t *)scenario->events.items)[i];
        world_plan(world, event->at_ns, WHAT_BEGIN, i);
        if (event->for_ns > 0) world_plan(world, event->at_ns + event->for_ns, WHAT_END, i);
    }
    for (uint32_t i = 0; i < scenario->actions.count; i++)
        world_plan(world, ((const action_t *)scenario->actions.items)[i].at_ns, WHAT_ACTION, i);
    for (uint32_t s = 0; s < scenario->services.count; s++) {
        for (uint32_t v = 0; v < world->services[s].version_count; v++)
            instances_scale(world, &world->services[s].versions[v], world->services[s].versions[v].spec->instances, 0);
        if (service_at(scenario, s)->autoscale.head.line > 0)
            world_plan(world, service_at(scenario, s)->autoscale.every_ns, WHAT_SCALE, s);
    }
    world_plan(world, scenario->report_ns, WHAT_REPORT, 0);
    world_plan(world, SECOND_NS, WHAT_TICK, 0);
    for (uint32_t i = 0; i < scenario->traffic.count; i++) traffic_plan(world, i);
}

world_t *world_new(const scenario_t *scenario, uint64_t seed, world_listener_t listener) {
    world_t *world = memory_new(1, sizeof *world);
    world->scenario = scenario;
    world->listener = listener;
    world->seed = random_mix(seed);
    world->free_call = NONE;
    world->sampling = scenario->sampling;
    random_seed(&world->random, seed, 1);
    build_services(world);
    build_traffic(world);
    plan_all(world);
    return world;
}

void world_free(world_t *world) {
    if (world == NULL) return;
    for (uint32_t i = 0; i < world->instance_count; i++) {
        free(world->instances[i].name);
        free(world->instances[i].pools);
    }
    for (uint32_t s = 0; s < world->scenario->services.count; s++)
        for (uint32_t v = 0; v < world->services[s].version_count; v++) {
            free(world->services[s].versions[v].instances);
            free(world->services[s].versions[v].ready);
        }
    for (uint32_t i = 0; i < world->edge_count; i++) {
        free(world->edges[i].deadlines[0].items);
        free(world->edges[i].deadlines[1].items);
    }
    agenda_fini(&world->agenda);
    free(world->calls);
    free(world->services);
    free(world->operations);
    free(world->steps);
    free(world->edges);
    free(world->instances);
    free(world->sources);
    free(world->windows);
    free(world->served);
    free(world);
}

/* ---- running ---- */

static void report(world_t *world) {
    if (world->listener.report != NULL) world->listener.report(world->listener.context, world);
    world_plan(world, world->now_ns + world->scenario->report_ns, WHAT_REPORT, 0);
}

static void tick(world_t *world) {
    actions_tick(world);
    effects_tick(world);
    world_plan(world, world->now_ns + SECOND_NS, WHAT_TICK, 0);
}

static void act(world_t *world, uint32_t action) {
    char what[200];
    (void)world_act(world, &((const action_t *)world->scenario->actions.items)[action], what, sizeof what);
}

static void happen(world_t *world, what_t kind, uint32_t index) {
    switch (kind) {
    case WHAT_ARRIVE:
        calls_arrive(world, index);
        break;
    case WHAT_WORK:
        calls_work(world, index);
        break;
    case WHAT_ANSWER:
        calls_answer(world, index);
        break;
    case WHAT_DISPATCH:
        calls_dispatch(world, index);
        break;
    case WHAT_DEADLINE:
        calls_deadline(world, index);
        break;
    case WHAT_TRAFFIC:
        traffic_next(world, index);
        break;
    case WHAT_BEGIN:
        effects_begin(world, index);
        break;
    case WHAT_END:
        effects_end(world, index);
        break;
    case WHAT_ACTION:
        act(world, index);
        break;
    case WHAT_READMIT:
        balance_readmit(world, index);
        break;
    case WHAT_UP:
        instances_up(world, index);
        break;
    case WHAT_SCALE:
        instances_autoscale(world, index);
        break;
    case WHAT_REPORT:
        report(world);
        break;
    case WHAT_TICK:
        tick(world);
        break;
    }
}

void world_run(world_t *world, int64_t until_ns) {
    while (world->agenda.count > 0 && world->agenda.entries[0].at_ns < until_ns) {
        entry_t entry = agenda_take(&world->agenda);
        world->now_ns = entry.at_ns;
        world->totals.events++;
        happen(world, (what_t)(entry.what >> WHAT_SHIFT), entry.what & WHAT_INDEX);
    }
    if (until_ns > world->now_ns) world->now_ns = until_ns;
}

int64_t world_now(const world_t *world) {
    return world->now_ns;
}

world_totals_t world_totals(const world_t *world) {
    return world->totals;
}

uint64_t world_live_calls(const world_t *world) {
    return world->live_calls;
}
