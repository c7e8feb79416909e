/* The life of a call:
 *
 *   issue ─► dispatch ─► (pool) ─► send ─► arrive ─► (queue) ─► begin ─► work ─► calls of its own ─► work ─► finish ─►
 * answer │                    │        │ └── turned away ─────┴────────┴── refused ─► answer
 *
 * The caller's side ends at the answer or at the deadline, whichever is first; the callee's side goes on without a
 * caller, as real services do. A failed call is tried again as its edge says; then its parent learns of it. Nothing
 * here ends a caller's side at once: refusals too are answers a moment later, so that there is no recursion. */
#include "analyzer/simulate/world_internal.h"

#include <math.h>

static const int64_t REFUSAL_NS = 100000;
static const double LONGEST_NS = 3e16; /* about a year: the tail of a wide lognormal has no end */

static call_t *call_at(world_t *world, uint32_t call) {
    return &world->calls[call];
}

static uint32_t call_new(world_t *world) {
    uint32_t index = world->free_call;
    if (index != NONE) {
        uint32_t generation = world->calls[index].generation;
        world->free_call = world->calls[index].next;
        world->calls[index] = (call_t){.generation = generation};
    } else {
        if (world->call_count >= CALLS_LIVE_MAX) return NONE;
        if (world->call_count == world->call_capacity) {
            world->call_capacity = world->call_capacity == 0 ? 1024 : 2 * world->call_capacity;
            world->calls = memory_resize(world->calls, world->call_capacity * sizeof *world->calls);
        }
        index = world->call_count++;
        world->calls[index] = (call_t){0};
    }
    world->live_calls++;
    return index;
}

static void release(world_t *world, uint32_t index) {
    call_t *call = call_at(world, index);
    if (!call->caller_over || !call->callee_over) return;
    call->generation++;
    call->next = world->free_call;
    world->free_call = index;
    world->live_calls--;
}

/* ---- deadlines: those of one edge come in order, so that only the first of them is in the agenda ---- */

static void deadlines_push(deadlines_t *deadlines, deadline_t deadline) {
    if (deadlines->count == deadlines->capacity) {
        uint32_t capacity = deadlines->capacity == 0 ? 64 : 2 * deadlines->capacity;
        deadline_t *items = memory_new(capacity, sizeof *items);
        for (uint32_t i = 0; i < deadlines->count; i++)
            items[i] = deadlines->items[(deadlines->first + i) & (deadlines->capacity - 1)];
        free(deadlines->items);
        *deadlines = (deadlines_t){items, 0, deadlines->count, capacity, deadlines->armed};
    }
    deadlines->items[(deadlines->first + deadlines->count++) & (deadlines->capacity - 1)] = deadline;
}

static void deadlines_arm(world_t *world, uint32_t which) {
    deadlines_t *deadlines = &world->edges[which / 2].deadlines[which % 2];
    if (deadlines->armed || deadlines->count == 0) return;
    deadlines->armed = true;
    world_plan(world, deadlines->items[deadlines->first].deadline_ns, WHAT_DEADLINE, which);
}

static void set_deadline(world_t *world, uint32_t index) {
    call_t *call = call_at(world, index);
    edge_t *edge = &world->edges[call->edge];
    deadlines_push(&edge->deadlines[0], (deadline_t){world->now_ns + edge->timeout_ns, index, call->generation});
    deadlines_arm(world, call->edge * 2);
}

static int earlier_first(const void *a, const void *b) {
    const deadline_t *x = a, *y = b;
    if (x->deadline_ns != y->deadline_ns) return x->deadline_ns < y->deadline_ns ? -1 : 1;
    return x->call < y->call ? -1 : x->call > y->call;
}

/* A new timeout begins a new row of deadlines; those of before are sorted into the other row. */
void calls_new_timeout(world_t *world, edge_t *edge, int64_t timeout_ns) {
    deadlines_t *now = &edge->deadlines[0], *before = &edge->deadlines[1];
    uint32_t number = (uint32_t)(edge - world->edges);
    edge->timeout_ns = timeout_ns;
    for (uint32_t i = 0; i < now->count; i++)
        deadlines_push(before, now->items[(now->first + i) & (now->capacity - 1)]);
    now->count = 0;
    now->armed = before->armed = false; /* further entries in the agenda do no harm */
    if (before->count == 0) return;
    deadline_t *sorted = memory_new(before->capacity, sizeof *sorted);
    for (uint32_t i = 0; i < before->count; i++)
        sorted[i] = before->items[(before->first + i) & (before->capacity - 1)];
    qsort(sorted, before->count, sizeof *sorted, earlier_first);
    free(before->items);
    before->items = sorted;
    before->first = 0;
    deadlines_arm(world, number * 2 + 1);
}

/* ---- the caller's side ---- */

static void send(world_t *world, uint32_t index);

/* Refused before or at the instance: an answer without work. */
static void refuse(world_t *world, uint32_t index, uint16_t status, flag_t flag) {
    call_t *call = call_at(world, index);
    call->served_status = status;
    call->flag = (uint8_t)flag;
    world_plan(world, world->now_ns + REFUSAL_NS, WHAT_ANSWER, index);
}

static void turn_away(world_t *world, uint32_t index, flag_t flag) {
    world->totals.turned_away++;
    refuse(world, index, 503, flag);
}

static pool_t *pool_of(world_t *world, const call_t *call) {
    const edge_t *edge = &world->edges[call->edge];
    return edge->pool == 0 || call->caller == NONE ? NULL : &world->instances[call->caller].pools[edge->pool_slot];
}

static void wait_for_pool(world_t *world, pool_t *pool, uint32_t index) {
    call_t *call = call_at(world, index);
    call->next = NONE;
    if (pool->head == NONE)
        pool->head = index;
    else
        call_at(world, pool->tail)->next = index;
    pool->tail = index;
    world->instances[call->caller].pending_pool++;
}

/* Gives free connections to those that wait and have not given up. */
static void pool_serve(world_t *world, const edge_t *edge, pool_t *pool) {
    while (pool->head != NONE && pool->active < effects_pool(world, edge)) {
        uint32_t index = pool->head;
        call_t *call = call_at(world, index);
        pool->head = call->next;
        world->instances[call->caller].pending_pool--;
        if (call->caller_over) {
            call->callee_over = true;
            release(world, index);
            continue;
        }
        pool->active++;
        call->pooled = true;
        send(world, index);
    }
}

void calls_dispatch(world_t *world, uint32_t index) {
    call_t *call = call_at(world, index);
    edge_t *edge = &world->edges[call->edge];
    call->start_ns = world->now_ns;
    set_deadline(world, index);
    uint32_t limit = world->services[edge->callee].max_requests;
    if (effects_denial(world, call) == DENY_CERTIFICATE) {
        turn_away(world, index, FLAG_CONNECTION);
        return;
    }
    if (limit > 0 && edge->active >= limit && edge->caller != NONE) {
        turn_away(world, index, FLAG_OVERFLOW);
        return;
    }
    pool_t *pool = pool_of(world, call);
    if (pool != NULL && (pool->head != NONE || pool->active >= effects_pool(world, edge))) {
        wait_for_pool(world, pool, index);
        return;
    }
    if (pool != NULL) {
        pool->active++;
        call->pooled = true;
    }
    send(world, index);
}

static void send(world_t *world, uint32_t index) {
    call_t *call = call_at(world, index);
    edge_t *edge = &world->edges[call->edge];
    call->instance = balance_pick(world, edge, call->caller);
    if (call->instance == NONE) {
        turn_away(world, index, FLAG_NO_HEALTHY);
        return;
    }
    call->passed = true;
    edge->active++;
    world->totals.sent++;
    int64_t way_ns = effects_way(world, call, false);
    if (way_ns >= 0) {
        world_plan(world, world->now_ns + way_ns, WHAT_ARRIVE, index);
        return;
    }
    world->totals.lost++;
    call->callee_over = true; /* nobody will ever answer; the deadline ends it */
}

/* A new attempt, to be dispatched now or after a pause; NONE when there are too many. */
static uint32_t issue(world_t *world, const call_t *like, int64_t pause_ns) {
    const call_t model = *like; /* it may lie in the memory that grows */
    uint32_t index = call_new(world);
    if (index == NONE) {
        world->totals.overflowed++;
        return NONE;
    }
    call_t *call = call_at(world, index);
    call->parent = model.parent;
    call->edge = model.edge;
    call->operation = model.operation;
    call->caller = model.caller;
    call->trace = model.trace;
    call->sampled = model.sampled;
    call->optional = model.optional;
    call->rejected = model.rejected;
    call->attempt = model.attempt;
    call->instance = NONE;
    call->next = NONE;
    world->next_span += 2;
    call->span = world->next_span;
    world->totals.calls++;
    if (pause_ns > 0)
        world_plan(world, world->now_ns + pause_ns, WHAT_DISPATCH, index);
    else
        calls_dispatch(world, index);
    return index;
}

static uint32_t any_operation(world_t *world, uint32_t service) {
    const service_t *one = &world->services[service];
    if (one->operation_count == 1) return one->first_operation;
    double at = random_unit(&world->random) * one->share_sum;
    uint32_t op = one->first_operation, last = op + one->operation_count - 1;
    while (op < last && world->operations[op].share_until <= at) op++;
    return op;
}

void calls_request(world_t *world, uint32_t number) {
    source_t *source = &world->sources[number];
    const traffic_spec_t *spec = source->spec;
    uint32_t service = spec->service;
    world->totals.requests++;
    call_t like = {.parent = NONE, .caller = NONE, .edge = source->edge, .trace = ++world->next_trace};
    like.operation =
        spec->op != NONE ? world->services[service].first_operation + spec->op : any_operation(world, service);
    like.rejected = random_unit(&source->random) < effects_client_errors(world, source);
    double lot = (double)(random_mix(world->seed ^ like.trace * 3) >> 11) * 0x1p-53;
    like.sampled = lot < world->sampling;
    if (issue(world, &like, 0) == NONE) {
        world->totals.requests_ended++;
        world->totals.requests_failed++;
    }
}

/* The calls that begin now for a call at work; false when there are none left. */
static bool call_others(world_t *world, uint32_t index) {
    call_t like = *call_at(world, index);
    const operation_t *operation = &world->operations[like.operation];
    uint32_t step = like.step;
    do {
        const step_t *next = &world->steps[operation->first_step + step++];
        if (next->probability < 1 && random_unit(&world->random) >= next->probability) continue;
        uint32_t callee = world->edges[next->edge].callee;
        call_t child = {.parent = index,
                        .caller = like.instance,
                        .edge = next->edge,
                        .trace = like.trace,
                        .sampled = like.sampled,
                        .optional = next->optional};
        child.operation = next->operation != NONE ? next->operation : any_operation(world, callee);
        call_at(world, index)->waiting++;
        if (issue(world, &child, 0) != NONE) continue;
        call_at(world, index)->waiting--;
        call_at(world, index)->child_failed |= !next->optional;
    } while (step < operation->step_count && world->steps[operation->first_step + step].together);
    call_at(world, index)->step = (uint8_t)step;
    return call_at(world, index)->waiting > 0;
}

static void finish(world_t *world, uint32_t index);

/* A call that waits for others frees its place meanwhile where its service works like that. */
static void leave_place(world_t *world, call_t *call) {
    uint32_t instance = call->instance;
    if (!call->begun || !service_of_instance(world, instance)->releases) return;
    call->begun = false;
    world->instances[instance].active--;
    calls_fill_places(world, instance);
}

static void proceed(world_t *world, uint32_t index) {
    for (;;) {
        call_t *call = call_at(world, index);
        if (call->child_failed) {
            finish(world, index);
            return;
        }
        if (call->step >= world->operations[call->operation].step_count) break;
        if (!call_others(world, index)) continue;
        leave_place(world, call_at(world, index));
        return;
    }
    call_t *call = call_at(world, index);
    call->working_last = true;
    world_plan(world, world->now_ns + call->rest_ns, WHAT_WORK, index);
}

static void child_ended(world_t *world, uint32_t parent, const call_t *child, bool failed) {
    call_t *call = call_at(world, parent);
    call->waiting--;
    if (failed && !child->optional) {
        call->child_failed = true;
        call->child_expired |= child->flag == FLAG_TIMEOUT;
    }
    if (call->waiting == 0) proceed(world, parent);
}

static bool may_retry(const edge_t *edge, const call_t *call) {
    if (call->status < 500 || call->attempt >= edge->retries) return false;
    return edge->retry_budget <= 0 || edge->retrying < 1 + edge->retry_budget * edge->active;
}

static bool retry(world_t *world, const call_t *call) {
    edge_t *edge = &world->edges[call->edge];
    if (!may_retry(edge, call)) return false;
    call_t like = *call;
    double pause = (double)edge->backoff_ns * ldexp(0.5 + random_unit(&world->random), call->attempt);
    like.attempt++;
    if (issue(world, &like, 1 + (int64_t)pause) == NONE) return false;
    edge->retrying++;
    world->totals.retries++;
    return true;
}

static void leave_edge(world_t *world, call_t *call) {
    edge_t *edge = &world->edges[call->edge];
    if (call->passed) edge->active--;
    if (call->attempt > 0) edge->retrying--;
    if (!call->pooled) return;
    pool_t *pool = pool_of(world, call);
    call->pooled = false;
    pool->active--;
    pool_serve(world, edge, pool);
}

/* The caller's side is over. */
static void end_caller(world_t *world, uint32_t index, uint16_t status, flag_t flag) {
    call_t *call = call_at(world, index);
    call->caller_over = true;
    call->end_ns = world->now_ns;
    call->status = status;
    call->flag = (uint8_t)flag;
    bool failed = status >= 500 || status == 429 || status == 403;
    world->totals.calls_ended++;
    world->totals.calls_failed += failed;
    world->totals.calls_expired += flag == FLAG_TIMEOUT;
    if (call->instance != NONE) balance_result(world, call->instance, status >= 500);
    leave_edge(world, call);
    call = call_at(world, index);
    if (world->listener.called != NULL) world->listener.called(world->listener.context, world, call);
    if (!retry(world, call)) {
        call_t ended = *call_at(world, index);
        if (ended.parent == NONE)
            traffic_outcome(world, &ended);
        else
            child_ended(world, ended.parent, &ended, failed);
    }
    release(world, index);
}

void calls_answer(world_t *world, uint32_t index) {
    call_t *call = call_at(world, index);
    call->callee_over = true;
    if (call->caller_over)
        release(world, index);
    else
        end_caller(world, index, call->served_status, (flag_t)call->flag);
}

void calls_deadline(world_t *world, uint32_t which) {
    deadlines_t *deadlines = &world->edges[which / 2].deadlines[which % 2];
    deadlines->armed = false;
    while (deadlines->count > 0) {
        deadline_t first = deadlines->items[deadlines->first];
        const call_t *call = call_at(world, first.call);
        bool waits = call->generation == first.generation && !call->caller_over;
        if (waits && first.deadline_ns > world->now_ns) break;
        deadlines->first = (deadlines->first + 1) & (deadlines->capacity - 1);
        deadlines->count--;
        if (waits) end_caller(world, first.call, 504, FLAG_TIMEOUT);
    }
    deadlines_arm(world, which);
}

/* ---- the callee's side ---- */

static void tell_served(world_t *world, call_t *call) {
    call->end_ns = world->now_ns;
    traffic_served(world, call);
    if (world->listener.served != NULL) world->listener.served(world->listener.context, world, call);
}

/* How long the work of a call takes by itself. */
static double own_time(world_t *world, const call_t *call) {
    const operation_spec_t *operation = world->operations[call->operation].spec;
    const version_t *version = version_of_instance(world, call->instance);
    bool by_operation = operation->time.head.line > 0;
    const duration_t *time = by_operation ? &operation->time : &version->spec->time;
    double speed = by_operation ? version->speed : 1;
    switch ((shape_t)time->shape) {
    case SHAPE_CONSTANT:
        return (double)time->mean_ns * speed;
    case SHAPE_EXPONENTIAL:
        return (double)time->mean_ns * speed * random_exponential(&world->random);
    default: {
        /* the 99th percentile lies 2.3263 standard deviations above the median */
        double sigma = log((double)time->p99_ns / (double)time->median_ns) / 2.3263478740408408;
        return (double)time->median_ns * speed * exp(sigma * random_normal(&world->random));
    }
    }
}

static void begin(world_t *world, uint32_t index) {
    call_t *call = call_at(world, index);
    instance_t *instance = &world->instances[call->instance];
    const version_t *version = version_of_instance(world, call->instance);
    const operation_t *operation = &world->operations[call->operation];
    uint32_t cores = service_of_instance(world, call->instance)->cores;
    work_effect_t effect = {.factor = 1, .status = 500};
    instance->active++;
    call->begun = true;
    if (instance->events != 0) effects_on_work(world, call, &effect);
    double time = own_time(world, call) * effect.factor;
    if (cores > 0 && instance->active > cores) time *= (double)instance->active / cores;
    time = fmin(time, LONGEST_NS);
    double errors = version->spec->errors + operation->spec->errors + effect.errors;
    call->failing = call->rejected || (errors > 0 && random_unit(&world->random) < errors);
    call->served_status = call->rejected ? 404 : call->failing ? effect.status : 200;
    bool whole = call->failing || operation->step_count == 0;
    call->working_last = whole;
    int64_t work_ns = (int64_t)time;
    instance->busy_ns += work_ns;
    int64_t first_ns = whole ? work_ns : work_ns / 2;
    call->rest_ns = work_ns - first_ns;
    world_plan(world, world->now_ns + first_ns + effect.delay_ns, WHAT_WORK, index);
}

void calls_fill_places(world_t *world, uint32_t number) {
    for (;;) {
        instance_t *instance = &world->instances[number];
        if (instance->head == NONE || instance->active >= instance->places) return;
        uint32_t index = instance->head;
        instance->head = call_at(world, index)->next;
        instance->queued--;
        begin(world, index);
    }
}

static void finish(world_t *world, uint32_t index) {
    call_t *call = call_at(world, index);
    uint32_t instance = call->instance;
    if (call->child_failed) call->served_status = call->child_expired ? 504 : 500;
    world->totals.served++;
    tell_served(world, call);
    if (call->begun) {
        call->begun = false;
        world->instances[instance].active--;
        calls_fill_places(world, instance);
    }
    if (world->instances[instance].state == INSTANCE_DRAINING) instances_idle(world, instance);
    call = call_at(world, index);
    int64_t way_ns = call->caller_over ? -1 : effects_way(world, call, true);
    if (way_ns >= 0) {
        world_plan(world, world->now_ns + way_ns, WHAT_ANSWER, index);
        return;
    }
    call->callee_over = true; /* the caller has given up, or will */
    release(world, index);
}

void calls_work(world_t *world, uint32_t index) {
    call_t *call = call_at(world, index);
    int64_t pause_ns = effects_pause_left(world, &world->instances[call->instance]);
    if (pause_ns > 0)
        world_plan(world, world->now_ns + pause_ns, WHAT_WORK, index);
    else if (call->failing || call->working_last)
        finish(world, index);
    else
        proceed(world, index);
}

/* The instance's own proxy or the application answers without work. */
static void refuse_at_instance(world_t *world, uint32_t index, uint16_t status, flag_t flag, bool told) {
    call_t *call = call_at(world, index);
    world->totals.refused++;
    call->served_status = status;
    call->flag = (uint8_t)flag;
    if (told) tell_served(world, call);
    refuse(world, index, status, flag);
}

void calls_arrive(world_t *world, uint32_t index) {
    call_t *call = call_at(world, index);
    instance_t *instance = &world->instances[call->instance];
    service_t *service = &world->services[instance->service];
    world->totals.arrived++;
    call->arrive_ns = world->now_ns;
    if (instance->state == INSTANCE_GONE || effects_crashed(world, instance)) {
        refuse_at_instance(world, index, 503, FLAG_CONNECTION, false);
    } else if (effects_swallows(world, instance)) {
        world->totals.swallowed++;
        call->callee_over = true;
        release(world, index);
    } else if (effects_denial(world, call) == DENY_POLICY) {
        refuse_at_instance(world, index, 403, FLAG_DENIED, true);
    } else if (!balance_admit(world, service)) {
        refuse_at_instance(world, index, 429, FLAG_LIMITED, true);
    } else if (instance->active < instance->places) {
        begin(world, index);
    } else if (instance->queued >= service->spec->queue) {
        refuse_at_instance(world, index, 503, FLAG_NONE, true);
    } else {
        call->next = NONE;
        if (instance->head == NONE)
            instance->head = index;
        else
            call_at(world, instance->tail)->next = index;
        instance->tail = index;
        instance->queued++;
    }
}
