/* mesh20: making a round. See mesh20_encode.c for its bytes. */
#include "tests/bench/mesh20_round.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The graph, in five layers: each caller's callees, ended by 0 (nobody calls the gateway). */
static const uint8_t callees_of[MESH_SERVICES][5] = {
    {1, 2, 3, 4}, {5, 6, 7, 10}, {6, 7, 8, 11}, {7, 8, 9, 12}, {8, 9, 5, 13}, {10, 11, 12}, {11, 12, 13},
    {12, 13, 14}, {13, 14, 10},  {14, 10, 11},  {15, 16},      {16, 17},      {17, 18},     {18, 19},
    {19, 15},     {0},           {0},           {0},           {0},           {0},
};

static const double duration_median_ns = 12e6, duration_sigma = 1.1, error_ratio = 0.02;
static const int64_t spread_ns = 100000000; /* the traces of a round end within so long */

uint64_t mesh20_mix(uint64_t value) {
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static uint64_t draw(uint64_t *state) {
    return mesh20_mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

static uint32_t draw_below(uint64_t *state, uint32_t limit) {
    return (uint32_t)((draw(state) >> 32) * limit >> 32);
}

static double draw_unit(uint64_t *state) {
    return ((double)(draw(state) >> 11) + 0.5) * 0x1p-53;
}

static double draw_normal(uint64_t *state) {
    double radius = sqrt(-2.0 * log(draw_unit(state)));
    return radius * cos(2.0 * M_PI * draw_unit(state));
}

/* Draws what is the same for all kinds of calls. A call begins a little after the one that makes it. */
static call_t draw_call(uint64_t *state, uint8_t caller, uint8_t callee, int64_t caller_start_ns) {
    call_t call = {.caller = caller, .callee = callee, .client_request = UINT16_MAX, .server_request = UINT16_MAX};
    call.operation = (uint8_t)draw_below(state, MESH_OPERATIONS);
    call.error = draw_unit(state) < error_ratio;
    call.before_ns = 200000 + draw_below(state, 1800000);
    call.after_ns = 200000 + draw_below(state, 1800000);
    call.duration_ns = (uint64_t)(duration_median_ns * exp(duration_sigma * draw_normal(state)));
    call.start_ns = caller_start_ns + call.before_ns + draw_below(state, 3000000);
    return call;
}

/* One more call out of a trace: mostly deeper from the last callee, else from any that has calls left. */
static call_t draw_next(uint64_t *state, const call_t *calls, uint32_t made, uint8_t *used) {
    for (;;) {
        uint32_t from = draw_unit(state) < 0.6 ? made - 1 : draw_below(state, made);
        uint8_t caller = calls[from].callee;
        uint8_t at = used[from];
        if (at >= 5 || callees_of[caller][at] == 0) continue;
        used[from]++;
        /* The order in which a caller's edges are used differs from trace to trace. */
        uint32_t fan = 0;
        while (fan < 5 && callees_of[caller][fan] != 0) fan++;
        uint8_t callee = callees_of[caller][(at + (uint32_t)calls[0].duration_ns) % fan];
        call_t call = draw_call(state, caller, callee, calls[from].start_ns);
        call.parent = (uint8_t)from;
        return call;
    }
}

/* Moves a trace so that its last span ends `before_ns` ahead of the round's time, whatever mesh20_duration adds. */
static void settle_trace(call_t *calls, int64_t before_ns) {
    int64_t last = 0;
    for (uint32_t i = 0; i < TRACE_CALLS; i++) {
        int64_t end =
            calls[i].start_ns + (int64_t)(calls[i].duration_ns + calls[i].duration_ns / 4) + calls[i].after_ns;
        if (end > last) last = end;
    }
    for (uint32_t i = 0; i < TRACE_CALLS; i++) calls[i].start_ns -= last + before_ns;
}

static void draw_trace(uint64_t *state, call_t *calls) {
    uint8_t used[TRACE_CALLS] = {0};
    calls[0] = draw_call(state, MESH_NOBODY, 0, 0);
    for (uint32_t i = 1; i < TRACE_CALLS - 1; i++) calls[i] = draw_next(state, calls, i, used);
    uint32_t deepest = 0;
    for (uint32_t i = 1; i < TRACE_CALLS - 1; i++)
        if (calls[i].callee > calls[deepest].callee) deepest = i;
    calls[TRACE_CALLS - 1] = draw_call(state, calls[deepest].callee, MESH_DATABASE, calls[deepest].start_ns);
    calls[TRACE_CALLS - 1].parent = (uint8_t)deepest;
    settle_trace(calls, (int64_t)draw_below(state, (uint32_t)spread_ns));
}

/* Which group's services a trace meets: from one, each callee is in one of six. */
static void spread_trace(uint64_t seed, uint32_t trace, call_t *calls) {
    enum { GROUPS = 25, CHOICES = 6, PARTS = 4 };
    for (uint32_t i = 0; i < TRACE_CALLS; i++) {
        uint64_t chance = mesh20_mix(seed ^ (trace * TRACE_CALLS + i + 1) * UINT64_C(0x9e3779b97f4a7c15));
        call_t *call = &calls[i];
        uint32_t from = i == 0 ? 0 : calls[call->parent].callee_group;
        uint32_t choice = (uint32_t)(chance % CHOICES), other = (from * 7 + call->callee * 3U + choice * 4) % GROUPS;
        call->caller_group = (uint8_t)from;
        call->callee_group = (uint8_t)(i == 0 ? chance % GROUPS : call->callee == MESH_DATABASE ? from : other);
        call->part = (uint8_t)((chance >> 32) % PARTS);
    }
}

static int by_resource(const void *left, const void *right) {
    const span_t *a = left, *b = right;
    if (a->service != b->service) return a->service < b->service ? -1 : 1;
    if (a->group != b->group) return a->group < b->group ? -1 : 1;
    if (a->pod != b->pod) return a->pod < b->pod ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* The spans of all calls: a trace's root first, then client and server ends, the database's client last. */
static void list_spans(mesh20_t *mesh) {
    uint32_t count = 0;
    for (uint32_t c = 0; c < ROUND_CALLS; c++) {
        const call_t *call = &mesh->calls[c];
        for (int server = 0; server < 2; server++) {
            if (server ? call->callee == MESH_DATABASE : call->caller == MESH_NOBODY) continue;
            span_t *span = &mesh->spans[count];
            *span = (span_t){.id = count, .call = c, .server = server != 0};
            span->service = server ? call->callee : call->caller;
            span->group = server ? call->callee_group : call->caller_group;
            span->pod = (uint8_t)(mesh20_mix(mesh->seed ^ (c / TRACE_CALLS * 64 + span->service)) % 3);
            mesh->span_of[c][server] = count++;
        }
    }
}

/* Cuts the spans, sorted by resource, into blocks of 20 and deals them out to requests in shuffled order. */
static void deal_blocks(mesh20_t *mesh, uint64_t *state) {
    enum { BLOCKS = ROUND_SPANS / BLOCK_SPANS };
    static const uint32_t per_request = REQUEST_SPANS / BLOCK_SPANS;
    uint32_t order[BLOCKS];
    for (uint32_t i = 0; i < BLOCKS; i++) order[i] = i;
    for (uint32_t i = BLOCKS - 1; i > 0; i--) {
        uint32_t other = draw_below(state, i + 1), held = order[i];
        order[i] = order[other];
        order[other] = held;
    }
    qsort(mesh->spans, ROUND_SPANS, sizeof mesh->spans[0], by_resource);
    for (uint32_t i = 0; i < BLOCKS; i++)
        for (uint32_t k = 0; k < BLOCK_SPANS; k++) {
            span_t *span = &mesh->spans[order[i] * BLOCK_SPANS + k];
            span->request = (uint16_t)(i / per_request);
            call_t *call = &mesh->calls[span->call];
            *(span->server ? &call->server_request : &call->client_request) = span->request;
        }
}

mesh20_t *mesh20_new(uint64_t seed, mesh20_options_t options) {
    mesh20_t *mesh = calloc(1, sizeof *mesh);
    if (mesh == NULL) abort();
    mesh->seed = mesh20_mix(seed + 1);
    mesh->options = options;
    uint64_t state = mesh->seed;
    for (uint32_t t = 0; t < ROUND_TRACES; t++) draw_trace(&state, &mesh->calls[t * TRACE_CALLS]);
    for (uint32_t t = 0; t < ROUND_TRACES && options.wide; t++)
        spread_trace(mesh->seed, t, &mesh->calls[t * TRACE_CALLS]);
    list_spans(mesh);
    deal_blocks(mesh, &state);
    mesh20_encode(mesh);
    return mesh;
}

void mesh20_free(mesh20_t *mesh) {
    for (uint32_t r = 0; r < ROUND_REQUESTS; r++) {
        buffer_fini(&mesh->requests[r].body);
        free(mesh->requests[r].patches);
    }
    free(mesh);
}

bool mesh20_is_wide(const mesh20_t *mesh) {
    return mesh->options.wide;
}

const call_t *mesh20_calls(const mesh20_t *mesh) {
    return mesh->calls;
}

uint64_t mesh20_duration(const mesh20_t *mesh, uint64_t round, uint32_t call) {
    uint64_t duration = mesh->calls[call].duration_ns;
    return duration + (mesh20_mix(mesh->seed ^ (round * ROUND_CALLS + call)) & 0xffff) * (duration / 4) / 0x10000;
}

double mesh20_server_first_ratio(const mesh20_t *mesh) {
    uint32_t pairs = 0, server_first = 0;
    for (uint32_t c = 0; c < ROUND_CALLS; c++) {
        const call_t *call = &mesh->calls[c];
        if (call->client_request == UINT16_MAX || call->server_request == UINT16_MAX) continue;
        pairs++;
        server_first += call->server_request < call->client_request;
    }
    return (double)server_first / pairs;
}

void mesh20_service_id(uint8_t service, char *text) {
    if (service == MESH_DATABASE)
        (void)snprintf(text, 64, "orders-db");
    else
        (void)snprintf(text, 64, "mesh20/service-%02u", service);
}
