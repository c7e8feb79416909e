/* Spans read in place. A server span counts for its service, version, zone, instance and operation at once; a client
 * span and a server span that has a parent are halves of a call (calls.h). Attributes are matched by key against one
 * table of wanted keys, and only the wanted values are read. */
#include "collector/fold/calls.h"

#include <math.h>
#include <stdio.h>

enum { KIND_SERVER = 2, KIND_CLIENT = 3, KIND_PRODUCER = 4, KIND_CONSUMER = 5, STATUS_ERROR = 2 };

typedef struct {
    slice_t trace_id, span_id, parent_id, name;
    uint64_t kind, start_ns, end_ns, status;
    uint64_t present; /* bit per role */
    const dialect_attribute_t *rows[ROLES];
    otlp_value_t values[ROLES]; /* valid where `present` says so */
} span_t;

_Static_assert(ROLES <= 64, "one bit per role");

static bool has(const span_t *span, role_t role) {
    return (span->present >> role & 1) != 0;
}

static slice_t text(const span_t *span, role_t role) {
    bool is_text = has(span, role) && span->values[role].type == VALUE_TEXT;
    return is_text ? span->values[role].text : slice_of(NULL, 0);
}

static bool number(const span_t *span, role_t role, double *value) {
    return has(span, role) && otlp_value_number(&span->values[role], value);
}

static uint64_t whole_number(const span_t *span, role_t role) {
    double value;
    return number(span, role, &value) && value >= 0 && value < 0x1p62 ? (uint64_t)value : 0;
}

static void keep(span_t *span, const dialect_attribute_t *row, const otlp_value_t *value) {
    if (value->type == VALUE_NONE || value->type == VALUE_OTHER) return;
    if (has(span, row->role) && span->rows[row->role]->rank >= row->rank) return;
    span->present |= UINT64_C(1) << row->role;
    span->rows[row->role] = row;
    span->values[row->role] = *value;
}

/* A key that nobody wants costs no look at its value. */
static bool read_attribute(const dialect_keys_t *keys, slice_t message, span_t *span) {
    otlp_value_t value;
    slice_t key, any;
    bool usual = wire_short_pair(message, &key, &any);
    if (!usual && !otlp_key_value(message, &key, &value)) return false;
    const dialect_attribute_t *row = key.len > 0 ? dialect_find(keys, key) : NULL;
    if (row == NULL) return true;
    if (usual && !otlp_any_value(any, &value)) return false;
    keep(span, row, &value);
    return true;
}

static bool read_status(slice_t message, span_t *span) {
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field))
        if (field.number == 3 && field.type == WIRE_VARINT) span->status = field.value;
    return bytes_done(&in);
}

static bool read_span(const dialect_keys_t *keys, slice_t message, span_t *span) {
    span->trace_id = span->span_id = span->parent_id = span->name = slice_of(NULL, 0);
    span->kind = span->start_ns = span->end_ns = span->status = span->present = 0;
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        switch (field.number << 3 | field.type) {
        case 1 << 3 | WIRE_BLOCK:
            span->trace_id = field.block;
            break;
        case 2 << 3 | WIRE_BLOCK:
            span->span_id = field.block;
            break;
        case 4 << 3 | WIRE_BLOCK:
            span->parent_id = field.block;
            break;
        case 5 << 3 | WIRE_BLOCK:
            span->name = field.block;
            break;
        case 6 << 3 | WIRE_VARINT:
            span->kind = field.value;
            break;
        case 7 << 3 | WIRE_FIXED64:
            span->start_ns = field.value;
            break;
        case 8 << 3 | WIRE_FIXED64:
            span->end_ns = field.value;
            break;
        case 9 << 3 | WIRE_BLOCK:
            if (!read_attribute(keys, field.block, span)) return false;
            break;
        case 15 << 3 | WIRE_BLOCK:
            if (!read_status(field.block, span)) return false;
            break;
        default:
            break;
        }
    }
    return bytes_done(&in);
}

static bool is_true(const span_t *span, role_t role) {
    if (!has(span, role)) return false;
    const otlp_value_t *value = &span->values[role];
    if (value->type == VALUE_BOOL || value->type == VALUE_INT) return value->integer != 0;
    slice_t word = value->type == VALUE_TEXT ? value->text : slice_of(NULL, 0);
    return word.len > 0 && !slice_is(word, "false") && !slice_is(word, "0");
}

/* Whether any status was told, and what it means: gRPC's rides on an HTTP 200. */
static bool status_of(const span_t *span, failure_t *failure) {
    double http, number_of_grpc;
    uint64_t grpc = 0;
    bool has_http = number(span, ROLE_HTTP_STATUS, &http) && http >= 0 && http < 1000;
    bool has_grpc = dialect_grpc_number(text(span, ROLE_GRPC_STATUS), &grpc);
    if (!has_grpc && number(span, ROLE_GRPC_STATUS, &number_of_grpc) && number_of_grpc >= 0 && number_of_grpc < 1000) {
        grpc = (uint64_t)number_of_grpc;
        has_grpc = true;
    }
    *failure = has_grpc ? dialect_grpc_failure(grpc) : FAILURE_NONE;
    if (*failure == FAILURE_NONE && has_http) *failure = dialect_http_failure((uint64_t)http);
    return has_http || has_grpc;
}

/* Statuses, then error marks and the span's own status, which old proxies never set. A proxy's flags say why, not
 * whether, except where there is no status at all: a client may leave (DC) after a 200. */
static failure_t failure_of(const span_t *span) {
    failure_t failure;
    bool told = status_of(span, &failure);
    if (failure == FAILURE_NONE && (span->status == STATUS_ERROR || is_true(span, ROLE_ERROR)))
        failure = FAILURE_SERVER;
    failure_t why = dialect_flags_failure(text(span, ROLE_RESPONSE_FLAGS));
    return why != FAILURE_NONE && (failure != FAILURE_NONE || !told) ? why : failure;
}

/* Other things than proxies have a `component` too. */
static bool is_proxy(const span_t *span) {
    return slice_is(text(span, ROLE_PROXY), "proxy");
}

/* A text in its row's form, whose words for "not known" are absent. */
static dialect_name_t parts_of(const span_t *span, role_t role) {
    return has(span, role) ? dialect_read(span->rows[role]->form, text(span, role)) : (dialect_name_t){0};
}

static protocol_t protocol_of(const span_t *span) {
    if (has(span, ROLE_DATABASE)) return PROTOCOL_DATABASE;
    if (has(span, ROLE_MESSAGING) || span->kind >= KIND_PRODUCER) return PROTOCOL_MESSAGING;
    if (has(span, ROLE_GRPC_STATUS) || slice_is(text(span, ROLE_RPC_SYSTEM), "grpc")) return PROTOCOL_GRPC;
    if (has(span, ROLE_RPC_METHOD) || has(span, ROLE_RPC_SERVICE)) return PROTOCOL_GRPC;
    if (has(span, ROLE_METHOD) || has(span, ROLE_HTTP_STATUS) || has(span, ROLE_ROUTE)) return PROTOCOL_HTTP;
    return PROTOCOL_UNKNOWN;
}

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
    slice_t method = text(span, ROLE_METHOD), route = text(span, ROLE_ROUTE);
    if (has(span, ROLE_OPERATION)) return names_intern(names, text(span, ROLE_OPERATION));
    if (route.len > 0) return join_names(names, method, ' ', route);
    if (has(span, ROLE_RPC_METHOD))
        return join_names(names, text(span, ROLE_RPC_SERVICE), '/', text(span, ROLE_RPC_METHOD));
    if (is_proxy(span)) return names_intern(names, method);
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

/* A waypoint's server span names the callee that it stands before: that one has served, not the waypoint. */
static void answer_for_callee(fold_t *fold, const span_t *span, resource_t *space) {
    names_t *names = &fold->shard.names;
    dialect_name_t callee = parts_of(span, ROLE_CALLEE);
    if (callee.namespace_name.len == 0) callee.namespace_name = parts_of(span, ROLE_CALLEE_NAMESPACE).name;
    if (callee.namespace_name.len == 0) callee.namespace_name = names_text(names, space->namespace_name);
    space->service =
        identity_service(fold->identity, callee.name, callee.namespace_name, parts_of(span, ROLE_CALLEE_CLUSTER).name);
    space->version = names_intern(names, parts_of(span, ROLE_CALLEE_VERSION).name);
    space->zone = names_intern(names, parts_of(span, ROLE_CALLEE_ZONE).name);
    space->instance = names_intern(names, parts_of(span, ROLE_CALLEE_INSTANCE).name);
}

static bool is_server(const span_t *span) {
    return span->kind == KIND_SERVER || span->kind == KIND_CONSUMER;
}

/* The reporter of one span: its resource, with what a proxy's own tags put over it (a mesh's span names the workload,
 * its resource may name the proxy). */
static const resource_t *reporter_of(fold_t *fold, const resource_t *resource, const span_t *span, resource_t *space) {
    const uint64_t mask = UINT64_C(1) << ROLE_SERVICE | UINT64_C(1) << ROLE_NAMESPACE | UINT64_C(1) << ROLE_VERSION |
                          UINT64_C(1) << ROLE_ZONE | UINT64_C(1) << ROLE_INSTANCE | UINT64_C(1) << ROLE_CLUSTER;
    bool for_callee = is_server(span) && parts_of(span, ROLE_CALLEE).name.len > 0;
    if ((span->present & mask) == 0 && !for_callee) return resource;
    names_t *names = &fold->shard.names;
    roles_t roles;
    roles_clear(&roles);
    for (role_t role = ROLE_SERVICE; role <= ROLE_INSTANCE; role++)
        if (has(span, role)) roles_set(&roles, span->rows[role], text(span, role));
    *space = *resource;
    space->span_service = space->span_version = space->span_zone = space->span_instance = 0;
    if (roles.text[ROLE_SERVICE].len > 0) {
        slice_t namespace_name = roles.text[ROLE_NAMESPACE].len > 0 ? roles.text[ROLE_NAMESPACE]
                                                                    : names_text(names, resource->namespace_name);
        space->service = identity_service(fold->identity, roles.text[ROLE_SERVICE], namespace_name,
                                          names_text(names, resource->cluster));
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
    exemplar_t exemplar;
} request_t;

static cell_t *count_in(fold_t *fold, uint32_t entity, const request_t *request) {
    cell_t *cell = shard_cell(&fold->shard, entity, request->bucket);
    cell_request_at(cell, request->failure, request->duration_ns, request->index);
    return cell;
}

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

static void count_server(fold_t *fold, resource_t *memo, const resource_t *r, const span_t *span,
                         const request_t *request) {
    resource_t scratch = {0};
    if (r != memo) memo = &scratch; /* not this resource's own ids */
    cell_t *cell = count_in(fold, remembered(fold, &memo->span_service, ENTITY_SERVICE, request, r), request);
    cell->request_bytes += whole_number(span, ROLE_REQUEST_BYTES);
    cell->response_bytes += whole_number(span, ROLE_RESPONSE_BYTES);
    cell_exemplar(cell, request->failure, &request->exemplar);
    if (r->version != 0)
        (void)count_in(fold, remembered(fold, &memo->span_version, ENTITY_VERSION, request, r), request);
    if (r->zone != 0) (void)count_in(fold, remembered(fold, &memo->span_zone, ENTITY_ZONE, request, r), request);
    if (r->instance != 0)
        (void)count_in(fold, remembered(fold, &memo->span_instance, ENTITY_INSTANCE, request, r), request);
    cell = count_in(fold, operation_entity(fold, request, r), request);
    cell_exemplar(cell, request->failure, &request->exemplar);
    calls_reporter(fold, r->service);
}

/* The callee as a client span names it: the mesh's own word first, then peer.service, a database's name, a host. */
static uint32_t peer_of(fold_t *fold, const span_t *span, uint32_t *version) {
    static const role_t order[] = {ROLE_CALLEE, ROLE_PEER, ROLE_PEER_HOST, ROLE_DATABASE, ROLE_MESSAGING};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        dialect_name_t parts = parts_of(span, order[i]);
        if (parts.name.len == 0) continue;
        if (parts.namespace_name.len == 0) parts.namespace_name = parts_of(span, ROLE_CALLEE_NAMESPACE).name;
        if (parts.version.len == 0) parts.version = parts_of(span, ROLE_CALLEE_VERSION).name;
        *version = names_intern(&fold->shard.names, parts.version);
        return identity_service(fold->identity, parts.name, parts.namespace_name,
                                parts_of(span, ROLE_CALLEE_CLUSTER).name);
    }
    return NAME_NONE;
}

/* The caller, where the callee's side names it (a proxy that was told, a waypoint). */
static uint32_t caller_of(fold_t *fold, const span_t *span) {
    dialect_name_t parts = parts_of(span, ROLE_CALLER);
    if (parts.namespace_name.len == 0) parts.namespace_name = parts_of(span, ROLE_CALLER_NAMESPACE).name;
    return identity_service(fold->identity, parts.name, parts.namespace_name, parts_of(span, ROLE_CALLER_CLUSTER).name);
}

static void count_half(fold_t *fold, const resource_t *r, const span_t *span, const request_t *request, bool server) {
    half_t half = {.end_ns = (int64_t)span->end_ns,
                   .seen_ns = fold->event_ns,
                   .duration_ns = request->duration_ns,
                   .service = r->service,
                   .server = server,
                   .failure = (uint8_t)request->failure,
                   .protocol = (uint8_t)request->protocol,
                   .observer = (uint8_t)request->observer,
                   .retries = (uint32_t)whole_number(span, ROLE_RETRIES),
                   .request_bytes = whole_number(span, ROLE_REQUEST_BYTES),
                   .response_bytes = whole_number(span, ROLE_RESPONSE_BYTES)};
    memcpy(half.trace_id, span->trace_id.data, sizeof half.trace_id);
    slice_t call_id = server && span->parent_id.len == sizeof half.call_id ? span->parent_id : span->span_id;
    memcpy(half.call_id, call_id.data, sizeof half.call_id);
    if (server) {
        half.version = r->version;
        half.zone = r->zone;
        half.peer = caller_of(fold, span);
    } else {
        half.peer = peer_of(fold, span, &half.version);
    }
    bool alone = server ? span->parent_id.len != sizeof half.call_id : has(span, ROLE_DATABASE);
    calls_half(fold, &half, alone);
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

static err_t fold_span(fold_t *fold, int64_t arrival_ns, resource_t *resource, slice_t message) {
    span_t span;
    if (!read_span(&fold->dialects->span, message, &span)) return ERR_MALFORMED;
    fold->spans_folded++;
    if (faulty(fold, &span, arrival_ns)) return ERR_OK;
    resource_t space;
    const resource_t *r = reporter_of(fold, resource, &span, &space);
    request_t request = {.observer = is_proxy(&span) ? OBSERVER_PROXY_SPAN : OBSERVER_SPAN,
                         .failure = failure_of(&span),
                         .protocol = protocol_of(&span),
                         .operation = operation_of(&fold->shard.names, &span),
                         .bucket = bucket_of((int64_t)span.end_ns),
                         .duration_ns = span.end_ns - span.start_ns};
    tell_span(fold, &span, r, &request);
    if (fold_admit(fold, (int64_t)span.end_ns, arrival_ns) != ADMITTED) {
        counters_add(fold->counters, COUNTER_DROPPED_SPAN_LATE, 1);
        return ERR_OK;
    }
    bool server = is_server(&span);
    if (server) {
        if (request.duration_ns > 0) request.index = sketch_index(request.duration_ns, SKETCH_SCALE_MAX);
        request.exemplar = (exemplar_t){.duration_ns = request.duration_ns, .end_ns = (int64_t)span.end_ns};
        memcpy(request.exemplar.trace_id, span.trace_id.data, sizeof request.exemplar.trace_id);
        memcpy(request.exemplar.span_id, span.span_id.data, sizeof request.exemplar.span_id);
        count_server(fold, resource, r, &span, &request);
    }
    bool client = span.kind == KIND_CLIENT || span.kind == KIND_PRODUCER;
    if (span.parent_id.len != 8 || is_zero(span.parent_id)) span.parent_id = slice_of(NULL, 0);
    if (client || (server && (span.parent_id.len > 0 || has(&span, ROLE_CALLER))))
        count_half(fold, r, &span, &request, server);
    return ERR_OK;
}

static err_t fold_scope(fold_t *fold, int64_t arrival_ns, resource_t *resource, slice_t message) {
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        if (field.number != 2 || field.type != WIRE_BLOCK) continue;
        err_t err = fold_span(fold, arrival_ns, resource, field.block);
        if (err != ERR_OK) return err;
    }
    return bytes_done(&in) ? ERR_OK : ERR_MALFORMED;
}

static err_t fold_resource(fold_t *fold, int64_t arrival_ns, slice_t message) {
    slice_t resource = slice_of(NULL, 0);
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field))
        if (field.number == 1 && field.type == WIRE_BLOCK) resource = field.block;
    if (!bytes_done(&in)) return ERR_MALFORMED;
    resource_t *known = identity_resource(fold->identity, resource);
    in = bytes_of(message);
    while (wire_next(&in, &field)) {
        if (field.number != 2 || field.type != WIRE_BLOCK) continue;
        err_t err = fold_scope(fold, arrival_ns, known, field.block);
        if (err != ERR_OK) return err;
    }
    return ERR_OK;
}

static err_t fold_all(fold_t *fold, int64_t arrival_ns, slice_t body) {
    bytes_t in = bytes_of(body);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        if (field.number != 1 || field.type != WIRE_BLOCK) continue;
        err_t err = fold_resource(fold, arrival_ns, field.block);
        if (err != ERR_OK) return err;
    }
    return bytes_done(&in) ? ERR_OK : ERR_MALFORMED;
}

err_t fold_spans(fold_t *fold, int64_t arrival_ns, slice_t body) {
    err_t err = fold_all(fold, arrival_ns, body);
    /* once per request: a shared counter costs as much as an attribute */
    counters_add(fold->counters, COUNTER_FOLDED_SPANS, fold->spans_folded);
    counters_add(fold->counters, COUNTER_PAIRED_SPANS, fold->spans_paired);
    fold->spans_folded = fold->spans_paired = 0;
    return err;
}
