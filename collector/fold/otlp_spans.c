/* Spans read in place. A server span counts for its service, version, zone, instance and operation at once; a client
 * span and a server span that has a parent are halves of a call (calls.h). Attributes are matched by key against one
 * table of wanted keys, and only the wanted values are read. */
#include "collector/fold/calls.h"
#include "collector/fold/meshes.h"
#include "collector/fold/otlp_walk.h"
#include "collector/fold/span.h"

static uint32_t join_names(names_t *names, slice_t first, char between, slice_t second) {
    char space[2 * NAME_BYTES_MAX + 1];
    if (first.len == 0 || second.len == 0) return names_intern(names, first.len == 0 ? second : first);
    if (first.len > NAME_BYTES_MAX) first.len = NAME_BYTES_MAX;
    if (second.len > NAME_BYTES_MAX) second.len = NAME_BYTES_MAX;
    memcpy(space, first.data, first.len);
    space[first.len] = between;
    memcpy(space + first.len + 1, second.data, second.len);
    return names_intern(names, slice_of(space, first.len + 1 + second.len));
}

/* "GET /cart/{id}", "shop.Cart/Get", or the span's name; a proxy's span name says nothing about the operation. */
static uint32_t operation_of(names_t *names, const span_t *span) {
    slice_t method = span_text(span, ROLE_METHOD), route = span_text(span, ROLE_ROUTE);
    if (span_has(span, ROLE_OPERATION)) return names_intern(names, span_text(span, ROLE_OPERATION));
    if (route.len > 0) return join_names(names, method, ' ', route);
    if (span_has(span, ROLE_RPC_METHOD))
        return join_names(names, span_text(span, ROLE_RPC_SERVICE), '/', span_text(span, ROLE_RPC_METHOD));
    if (span->by_proxy) return names_intern(names, method);
    return names_intern(names, span->name);
}

static uint32_t span_entity(fold_t *fold, entity_kind_t kind, observer_t observer, const resource_t *r,
                            uint32_t operation) {
    bool finer = kind == ENTITY_INSTANCE;
    entity_key_t key = {
        .kind = (uint8_t)kind,
        .observer = (uint8_t)observer,
        .service = r->service,
        .version = finer || kind == ENTITY_VERSION ? r->version : 0,
        .zone = finer || kind == ENTITY_ZONE ? r->zone : 0,
        .instance = finer ? r->instance : 0,
        .operation = operation,
    };
    return shard_entity(&fold->shard, &key);
}

/* The mesh that speaks: by a key that it alone uses, by its resource, by its scope, by the shape of an Envoy cluster's
 * name. */
static mesh_t mesh_of(const fold_t *fold, const resource_t *resource, const dialect_t *scope, const span_t *span) {
    for (uint64_t told = span->present & fold->dialects->span_evidence; told != 0; told &= told - 1) {
        mesh_t mesh = (mesh_t)span->rows[__builtin_ctzll(told)]->mesh;
        if (mesh != MESH_NONE) return mesh;
    }
    if (resource->mesh != MESH_NONE) return (mesh_t)resource->mesh;
    if (scope != NULL && scope->mesh != MESH_NONE) return scope->mesh;
    return span->by_proxy ? span_name(span, ROLE_PEER).mesh : MESH_NONE;
}

/* A span between a proxy and its own application, of a proxy that tells on which side it is: not the call itself. */
static bool is_relay(const span_t *span) {
    if (!span->by_proxy || !span_has(span, ROLE_REPORTER)) return false;
    side_t side = dialect_side(span_text(span, ROLE_REPORTER));
    return (side == SIDE_CALLER && span_is_server(span)) || (side == SIDE_CALLEE && span_is_client(span));
}

static void note_mesh(fold_t *fold, mesh_t mesh, const resource_t *r, const span_t *span) {
    if (mesh == MESH_NONE) return;
    meshes_note(fold, mesh, r->service, (int64_t)span->end_ns);
    if (span_is_server(span)) meshes_count(fold, mesh, MESH_SERVER_SPANS);
    if (span_is_client(span)) meshes_count(fold, mesh, MESH_CLIENT_SPANS);
}

/* A waypoint's server span names the callee that it stands before: that one has served, not the waypoint. */
static void answer_for_callee(fold_t *fold, const span_t *span, resource_t *space) {
    names_t *names = &fold->shard.names;
    dialect_name_t callee = span_name(span, ROLE_CALLEE);
    if (callee.namespace_name.len == 0) callee.namespace_name = span_name(span, ROLE_CALLEE_NAMESPACE).name;
    if (callee.namespace_name.len == 0) callee.namespace_name = names_text(names, space->namespace_name);
    space->service =
        identity_service(fold->identity, callee.name, callee.namespace_name, span_name(span, ROLE_CALLEE_CLUSTER).name);
    space->version = names_intern(names, span_name(span, ROLE_CALLEE_VERSION).name);
    space->zone = names_intern(names, span_name(span, ROLE_CALLEE_ZONE).name);
    space->instance = names_intern(names, span_name(span, ROLE_CALLEE_INSTANCE).name);
}

/* The reporter of one span: its resource, with what a proxy's own tags put over it (a mesh's span names the workload,
 * its resource may name the proxy). */
static const resource_t *reporter_of(fold_t *fold, const resource_t *resource, const span_t *span, resource_t *space) {
    const uint64_t mask = UINT64_C(1) << ROLE_SERVICE | UINT64_C(1) << ROLE_NAMESPACE | UINT64_C(1) << ROLE_VERSION |
                          UINT64_C(1) << ROLE_ZONE | UINT64_C(1) << ROLE_INSTANCE | UINT64_C(1) << ROLE_CLUSTER;
    bool for_callee = span_is_server(span) && span_name(span, ROLE_CALLEE).name.len > 0;
    if ((span->present & mask) == 0 && !for_callee) return resource;
    names_t *names = &fold->shard.names;
    roles_t roles;
    roles_clear(&roles);
    for (role_t role = ROLE_SERVICE; role <= ROLE_INSTANCE; role++)
        if (span_has(span, role)) roles_set(&roles, span->rows[role], span_text(span, role));
    *space = *resource;
    space->span_service = space->span_version = space->span_zone = space->span_instance = 0;
    if (roles.text[ROLE_SERVICE].len > 0) {
        slice_t namespace_name = roles.text[ROLE_NAMESPACE].len > 0 ? roles.text[ROLE_NAMESPACE]
                                                                    : names_text(names, resource->namespace_name);
        slice_t cluster = roles.text[ROLE_CLUSTER];
        if (cluster.len == 0) cluster = names_text(names, resource->cluster);
        space->service = identity_service(fold->identity, roles.text[ROLE_SERVICE], namespace_name, cluster);
    }
    if (roles.text[ROLE_VERSION].len > 0) space->version = names_intern(names, roles.text[ROLE_VERSION]);
    if (roles.text[ROLE_ZONE].len > 0) space->zone = names_intern(names, roles.text[ROLE_ZONE]);
    if (roles.text[ROLE_INSTANCE].len > 0) space->instance = names_intern(names, roles.text[ROLE_INSTANCE]);
    if (for_callee) answer_for_callee(fold, span, space);
    return space;
}

typedef struct {
    observer_t observer;
    failure_t failure;
    protocol_t protocol;
    uint32_t operation;
    int64_t bucket;
    uint64_t duration_ns;
    int32_t index; /* of the duration, for the sketches */
    uint64_t request_bytes, response_bytes;
    exemplar_t exemplar;
} request_t;

enum { SPAN_CELLS = 5 }; /* service, version, zone, instance, operation */

/* A span that was read and whose cells are on their way into the cache while the next one is read: a latency bucket is
 * seldom there already, and waiting for five of them took a fifth of the fold's time. */
typedef struct {
    request_t request;
    cell_t *cells[SPAN_CELLS]; /* of a server span: the service's first, the operation's last */
    uint32_t cell_count;       /* 0: no server span */
    uint32_t service;
    bool is_half; /* of a call, as `half` says */
    bool alone;
    half_t half;
} pending_t;

/* What the spans of one request have in common. */
typedef struct {
    fold_t *fold;
    int64_t arrival_ns;
    resource_t *resource;
    const dialect_t *scope; /* whose instrumentation scope this is; NULL = nobody's */
    pending_t pending;
} batch_t;

/* Entity ids of a plain resource are remembered beside it; those of a proxy's tags are looked up. */
static uint32_t remembered(fold_t *fold, uint32_t *memo, entity_kind_t kind, const request_t *request,
                           const resource_t *r) {
    if (request->observer != OBSERVER_SPAN) return span_entity(fold, kind, request->observer, r, 0);
    if (*memo == 0) *memo = span_entity(fold, kind, OBSERVER_SPAN, r, 0);
    return *memo;
}

static uint32_t operation_entity(fold_t *fold, const request_t *request, const resource_t *r) {
    uint32_t slot = (r->service * 0x9e3779b1u + request->operation * 0x85ebca6bu + request->observer) >> 21;
    _Static_assert(OPERATION_MEMOS == 1 << (32 - 21), "as many as the hash has bits");
    operation_memo_t *memo = &fold->operations[slot];
    if (memo->entity == 0 || memo->service != r->service || memo->operation != request->operation ||
        memo->observer != (uint32_t)request->observer)
        *memo = (operation_memo_t){r->service, request->operation,
                                   span_entity(fold, ENTITY_OPERATION, request->observer, r, request->operation),
                                   (uint32_t)request->observer};
    return memo->entity;
}

static void find_cell(fold_t *fold, uint32_t entity, pending_t *pending) {
    const request_t *request = &pending->request;
    cell_t *cell = shard_cell(&fold->shard, entity, request->bucket);
    cell_prefetch(cell, request->failure, request->index);
    pending->cells[pending->cell_count++] = cell;
}

static void find_cells(fold_t *fold, resource_t *memo, const resource_t *r, pending_t *pending) {
    const request_t *request = &pending->request;
    resource_t scratch = {0};
    if (r != memo) memo = &scratch; /* not this resource's own ids */
    find_cell(fold, remembered(fold, &memo->span_service, ENTITY_SERVICE, request, r), pending);
    if (r->version != 0) find_cell(fold, remembered(fold, &memo->span_version, ENTITY_VERSION, request, r), pending);
    if (r->zone != 0) find_cell(fold, remembered(fold, &memo->span_zone, ENTITY_ZONE, request, r), pending);
    if (r->instance != 0) find_cell(fold, remembered(fold, &memo->span_instance, ENTITY_INSTANCE, request, r), pending);
    find_cell(fold, operation_entity(fold, request, r), pending);
}

static void count_server(fold_t *fold, const pending_t *pending) {
    const request_t *request = &pending->request;
    for (uint32_t i = 0; i < pending->cell_count; i++)
        cell_request_at(pending->cells[i], request->failure, request->duration_ns, request->index);
    cell_t *service = pending->cells[0], *operation = pending->cells[pending->cell_count - 1];
    service->request_bytes += request->request_bytes;
    service->response_bytes += request->response_bytes;
    cell_exemplar(service, request->failure, &request->exemplar);
    cell_exemplar(operation, request->failure, &request->exemplar);
    calls_reporter(fold, pending->service);
}

/* Counts the span that waits, if any. */
static void count_pending(batch_t *batch) {
    pending_t *pending = &batch->pending;
    if (pending->cell_count > 0) count_server(batch->fold, pending);
    if (pending->is_half) calls_half(batch->fold, &pending->half, pending->alone);
    pending->cell_count = 0;
    pending->is_half = false;
}

/* The callee as a client span names it: the mesh's own word first, then peer.service, a database's name, a host. */
static uint32_t peer_of(fold_t *fold, const span_t *span, uint32_t *version) {
    static const role_t order[] = {ROLE_CALLEE, ROLE_PEER, ROLE_PEER_HOST, ROLE_DATABASE, ROLE_MESSAGING};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        dialect_name_t parts = span_name(span, order[i]);
        if (parts.name.len == 0) continue;
        if (parts.namespace_name.len == 0) parts.namespace_name = span_name(span, ROLE_CALLEE_NAMESPACE).name;
        if (parts.version.len == 0) parts.version = span_name(span, ROLE_CALLEE_VERSION).name;
        *version = names_intern(&fold->shard.names, parts.version);
        return identity_service(fold->identity, parts.name, parts.namespace_name,
                                span_name(span, ROLE_CALLEE_CLUSTER).name);
    }
    return NAME_NONE;
}

/* The caller, where the callee's side names it (a proxy that was told, a waypoint). */
static uint32_t caller_of(fold_t *fold, const span_t *span) {
    dialect_name_t parts = span_name(span, ROLE_CALLER);
    if (parts.namespace_name.len == 0) parts.namespace_name = span_name(span, ROLE_CALLER_NAMESPACE).name;
    return identity_service(fold->identity, parts.name, parts.namespace_name,
                            span_name(span, ROLE_CALLER_CLUSTER).name);
}

static void find_half(fold_t *fold, const resource_t *r, const span_t *span, bool server, pending_t *pending) {
    const request_t *request = &pending->request;
    half_t *half = &pending->half;
    *half = (half_t){.end_ns = (int64_t)span->end_ns,
                     .seen_ns = fold->event_ns,
                     .duration_ns = request->duration_ns,
                     .service = r->service,
                     .server = server,
                     .failure = (uint8_t)request->failure,
                     .protocol = (uint8_t)request->protocol,
                     .observer = (uint8_t)request->observer,
                     .retries = (uint32_t)span_number(span, ROLE_RETRIES),
                     .request_bytes = request->request_bytes,
                     .response_bytes = request->response_bytes};
    memcpy(half->trace_id, span->trace_id.data, sizeof half->trace_id);
    slice_t call_id = server && span->parent_id.len == sizeof half->call_id ? span->parent_id : span->span_id;
    memcpy(half->call_id, call_id.data, sizeof half->call_id);
    if (server) {
        half->version = r->version;
        half->zone = r->zone;
        half->peer = caller_of(fold, span);
    } else {
        half->peer = peer_of(fold, span, &half->version);
    }
    pending->alone = server ? span->parent_id.len != sizeof half->call_id : span_has(span, ROLE_DATABASE);
    pending->is_half = true;
    pairing_prefetch(fold->pairing, half);
}

static bool is_zero(slice_t id) {
    for (size_t i = 0; i < id.len; i++)
        if (id.data[i] != 0) return false;
    return true;
}

static void tell_span(fold_t *fold, const span_t *span, const resource_t *r, const request_t *request) {
    if (fold->sink.span == NULL) return;
    folded_span_t folded = {.trace_id = span->trace_id.data,
                            .span_id = span->span_id.data,
                            .root = is_zero(span->parent_id),
                            .error = request->failure != FAILURE_NONE && request->failure != FAILURE_CLIENT,
                            .service = r->service,
                            .operation = request->operation,
                            .start_ns = (int64_t)span->start_ns,
                            .end_ns = (int64_t)span->end_ns};
    fold->sink.span(fold->sink.context, &folded);
}

static bool faulty(fold_t *fold, const span_t *span, int64_t arrival_ns) {
    static const counter_t counter_of[SPAN_FAULTS] = {[SPAN_ZERO_ID] = COUNTER_DROPPED_SPAN_ZERO_ID,
                                                      [SPAN_NEGATIVE] = COUNTER_DROPPED_SPAN_NEGATIVE,
                                                      [SPAN_FUTURE] = COUNTER_DROPPED_SPAN_FUTURE};
    span_fault_t fault = otlp_span_fault(span->trace_id, span->span_id, span->start_ns, span->end_ns, arrival_ns);
    if (fault == SPAN_FINE) return false;
    counters_add(fold->counters, counter_of[fault], 1);
    return true;
}

static request_t request_of(fold_t *fold, const span_t *span) {
    request_t request = {.observer = span->by_proxy ? OBSERVER_PROXY_SPAN : OBSERVER_SPAN,
                         .failure = span_failure(span),
                         .protocol = span_protocol(span),
                         .operation = operation_of(&fold->shard.names, span),
                         .bucket = bucket_of((int64_t)span->end_ns),
                         .duration_ns = span->end_ns - span->start_ns,
                         .request_bytes = span_number(span, ROLE_REQUEST_BYTES),
                         .response_bytes = span_number(span, ROLE_RESPONSE_BYTES)};
    if (request.duration_ns > 0) request.index = sketch_index(request.duration_ns, SKETCH_SCALE_MAX);
    request.exemplar = (exemplar_t){.duration_ns = request.duration_ns, .end_ns = (int64_t)span->end_ns};
    memcpy(request.exemplar.trace_id, span->trace_id.data, sizeof request.exemplar.trace_id);
    memcpy(request.exemplar.span_id, span->span_id.data, sizeof request.exemplar.span_id);
    return request;
}

static bool fold_span(void *context, slice_t message) {
    batch_t *batch = context;
    fold_t *fold = batch->fold;
    resource_t *resource = batch->resource;
    pending_t *pending = &batch->pending;
    span_t span;
    if (!span_read(&fold->dialects->span, message, &span)) return false;
    fold->spans_folded++;
    if (faulty(fold, &span, batch->arrival_ns)) return true;
    resource_t space;
    const resource_t *r = reporter_of(fold, resource, &span, &space);
    span.by_proxy = resource->mesh != MESH_NONE || span_is_proxy(&span);
    request_t request = request_of(fold, &span);
    tell_span(fold, &span, r, &request);
    count_pending(batch);
    if (fold_admit(fold, (int64_t)span.end_ns, batch->arrival_ns) != ADMITTED) {
        counters_add(fold->counters, COUNTER_DROPPED_SPAN_LATE, 1);
        return true;
    }
    if (is_relay(&span)) return true;
    note_mesh(fold, mesh_of(fold, resource, batch->scope, &span), r, &span);
    pending->request = request;
    pending->service = r->service;
    bool server = span_is_server(&span);
    if (server) find_cells(fold, resource, r, pending);
    if (span.parent_id.len != 8 || is_zero(span.parent_id)) span.parent_id = slice_of(NULL, 0);
    if (span_is_client(&span) || (server && (span.parent_id.len > 0 || span_has(&span, ROLE_CALLER))))
        find_half(fold, r, &span, server, pending);
    if (batch->scope != NULL && batch->scope->addressed && dialect_is_address(span_name(&span, ROLE_PEER_HOST).name))
        pending->half.peer = NAME_NONE;
    return true;
}

static bool begin_scope(void *context, slice_t scope) {
    batch_t *batch = context;
    slice_t name;
    if (!otlp_first_field(scope, &name)) return false;
    batch->scope = dialect_of_scope(batch->fold->dialects, name);
    return true;
}

static bool begin_resource(void *context, slice_t resource) {
    batch_t *batch = context;
    batch->resource = identity_resource(batch->fold->identity, resource);
    return true;
}

err_t fold_spans(fold_t *fold, int64_t arrival_ns, slice_t body) {
    static const otlp_visitor_t visitor = {.resource = begin_resource, .scope = begin_scope, .item = fold_span};
    batch_t batch = {.fold = fold, .arrival_ns = arrival_ns};
    err_t err = otlp_walk(body, &visitor, &batch);
    count_pending(&batch);
    /* once per request: a shared counter costs as much as an attribute */
    counters_add(fold->counters, COUNTER_FOLDED_SPANS, fold->spans_folded);
    counters_add(fold->counters, COUNTER_PAIRED_SPANS, fold->spans_paired);
    fold->spans_folded = fold->spans_paired = 0;
    return err;
}
