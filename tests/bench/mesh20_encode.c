/* mesh20_encode: a round as OTLP protobuf bodies, and the patching of what differs from round to round.
 *
 * Field numbers are OpenTelemetry's (trace.proto): ExportTraceServiceRequest.resource_spans 1; ResourceSpans.resource
 * 1, scope_spans 2; ScopeSpans.scope 1, spans 2; Span.trace_id 1, span_id 2, parent_span_id 4, name 5, kind 6, start 7,
 * end 8, attributes 9, status 15. Fields are written in the order of their numbers, as SDKs do. */
#include "tests/bench/mesh20_round.h"

#include <stdio.h>
#include <stdlib.h>

enum { SERVER = 2, CLIENT = 3, STATUS_ERROR = 2, UNIQUE_DIGITS = 16 };

static const char *const routes[MESH_OPERATIONS][2] = {
    {"GET", "/shop/items/{id}"},     {"POST", "/shop/items"},        {"GET", "/shop/carts/{id}"},
    {"PUT", "/shop/carts/{id}"},     {"POST", "/shop/orders"},       {"GET", "/shop/orders/{id}"},
    {"GET", "/shop/customers/{id}"}, {"DELETE", "/shop/carts/{id}"}, {"GET", "/shop/stock/{id}"},
    {"POST", "/shop/payments"},
};

void mesh20_operation(uint8_t operation, char *text) {
    (void)snprintf(text, 64, "%s %s", routes[operation][0], routes[operation][1]);
}

static void put_tag(buffer_t *out, uint32_t number, uint32_t type) {
    buffer_varint(out, number << 3 | type);
}

static void put_text(buffer_t *out, uint32_t number, const char *text) {
    put_tag(out, number, 2);
    buffer_varint(out, strlen(text));
    buffer_text(out, text);
}

static void put_number(buffer_t *out, uint32_t number, uint64_t value) {
    put_tag(out, number, 0);
    buffer_varint(out, value);
}

/* A field of so many bytes to be patched; returns their offset. */
static uint32_t put_blank(buffer_t *out, uint32_t number, uint32_t type, uint32_t len) {
    put_tag(out, number, type);
    if (type == 2) buffer_varint(out, len);
    uint32_t offset = (uint32_t)out->len;
    memset(buffer_reserve(out, len), 0, len);
    out->len += len;
    return offset;
}

static size_t varint_size(size_t value) {
    size_t size = 1;
    for (; value >= 0x80; value >>= 7) size++;
    return size;
}

/* KeyValue { key 1, AnyValue value 2 { string 1 } } as field `number`. */
static void put_attribute(buffer_t *out, uint32_t number, const char *key, const char *value) {
    size_t key_len = strlen(key), value_len = strlen(value);
    size_t any = 1 + varint_size(value_len) + value_len;
    put_tag(out, number, 2);
    buffer_varint(out, 1 + varint_size(key_len) + key_len + 1 + varint_size(any) + any);
    put_text(out, 1, key);
    put_tag(out, 2, 2);
    buffer_varint(out, any);
    put_text(out, 1, value);
}

/* The same with an integer: AnyValue.int_value 3. */
static void put_integer(buffer_t *out, uint32_t number, const char *key, uint64_t value) {
    size_t key_len = strlen(key), any = 1 + varint_size(value);
    put_tag(out, number, 2);
    buffer_varint(out, 1 + varint_size(key_len) + key_len + 1 + varint_size(any) + any);
    put_text(out, 1, key);
    put_tag(out, 2, 2);
    buffer_varint(out, any);
    put_number(out, 3, value);
}

static uint32_t number_of(uint8_t group, uint8_t service) {
    return group * (uint32_t)MESH_SERVICES + service;
}

static void put_resource(buffer_t *out, const span_t *span) {
    char name[32], pod_name[64], host[32];
    uint32_t service = number_of(span->group, span->service);
    uint8_t pod = span->pod;
    (void)snprintf(name, sizeof name, "service-%02u", service);
    (void)snprintf(pod_name, sizeof pod_name, "service-%02u-6d5f7c9b8d-%c%u%cqz", service, 'k' + pod, pod, 'w' - pod);
    (void)snprintf(host, sizeof host, "node-%u.mesh20.internal", (service * 3U + pod) % 6);
    put_attribute(out, 1, "service.name", name);
    put_attribute(out, 1, "service.version", "1.4.2");
    put_attribute(out, 1, "k8s.pod.name", pod_name);
    put_attribute(out, 1, "k8s.namespace.name", "mesh20");
    put_attribute(out, 1, "host.name", host);
    put_attribute(out, 1, "telemetry.sdk.language", "java");
    put_attribute(out, 1, "telemetry.sdk.name", "opentelemetry");
}

/* url.full ends in digits that no other span has; returns the offset of these. */
static uint32_t put_url(buffer_t *out, const char *before) {
    char url[160];
    (void)snprintf(url, sizeof url, "%s%0*d", before, UNIQUE_DIGITS, 0);
    put_attribute(out, 9, "url.full", url);
    return (uint32_t)out->len - UNIQUE_DIGITS;
}

/* "/shop/items/{id}", of a wide mesh also "/shop/items/{id}/part-3" */
static void put_route(const call_t *call, char *out, size_t size) {
    char part[16] = "";
    if (call->part > 0) (void)snprintf(part, sizeof part, "/part-%u", call->part);
    (void)snprintf(out, size, "%.40s%s", routes[call->operation][1], part);
}

static uint32_t put_http_attributes(buffer_t *out, const call_t *call, bool server) {
    const char *method = routes[call->operation][0];
    char peer[64], before[128], route[64];
    put_route(call, route, sizeof route);
    (void)snprintf(peer, sizeof peer, "service-%02u", number_of(call->callee_group, call->callee));
    (void)snprintf(before, sizeof before, "http://%s:8080/shop?request=", peer);
    put_attribute(out, 9, "http.request.method", method);
    put_integer(out, 9, "http.response.status_code", call->error ? 503 : 200);
    put_attribute(out, 9, "http.route", route);
    if (!server && call->callee % 2 == 0)
        put_attribute(out, 9, "peer.service", peer);
    else
        put_attribute(out, 9, "server.address", peer);
    uint32_t url = put_url(out, before);
    put_attribute(out, 9, "network.protocol.version", "1.1");
    put_integer(out, 9, "http.response.body.size", 200 + call->duration_ns % 30000);
    put_attribute(out, 9, "user_agent.original", "shop-client/2.3 (okhttp 4.12.0)");
    return url;
}

static uint32_t put_database_attributes(buffer_t *out, const call_t *call) {
    put_attribute(out, 9, "db.system.name", "postgresql");
    put_attribute(out, 9, "db.namespace", "orders");
    put_attribute(out, 9, "db.operation.name", "SELECT");
    put_attribute(out, 9, "server.address", "orders-db");
    put_integer(out, 9, "server.port", 5432);
    uint32_t url = put_url(out, "postgresql://orders-db:5432/orders?statement=");
    put_attribute(out, 9, "network.protocol.version", "3.0");
    put_integer(out, 9, "db.response.returned_rows", call->duration_ns % 100);
    return url;
}

/* The name, as instrumentation gives it; with unique_names, ended by digits, whose offset is returned. */
static uint32_t put_name(const mesh20_t *mesh, const call_t *call, bool server, buffer_t *out) {
    char operation[80], name[128], route[64];
    put_route(call, route, sizeof route);
    (void)snprintf(operation, sizeof operation, "%s %s", routes[call->operation][0], route);
    const char *usual = call->callee == MESH_DATABASE ? "SELECT orders"
                        : server                      ? operation
                                                      : routes[call->operation][0];
    (void)snprintf(name, sizeof name, "%s /%0*d", usual, UNIQUE_DIGITS, 0);
    put_text(out, 5, mesh->options.unique_names ? name : usual);
    return mesh->options.unique_names ? (uint32_t)out->len - UNIQUE_DIGITS : 0;
}

static void put_more_attributes(const mesh20_t *mesh, const span_t *span, buffer_t *out) {
    for (uint32_t i = 0; i < mesh->options.attributes; i++) {
        char key[32], value[64];
        (void)snprintf(key, sizeof key, "app.shop.attribute.%02u", i);
        (void)snprintf(value, sizeof value, "of no use to anybody, as it is often %05u", (span->id * 31 + i) % 100000);
        put_attribute(out, 9, key, value);
    }
}

/* Writes a Span message; the patch's offsets count from the start of `out`. */
static void put_span(const mesh20_t *mesh, const span_t *span, buffer_t *out, patch_t *patch) {
    const call_t *call = &mesh->calls[span->call];
    bool root = span->server && call->caller == MESH_NOBODY;
    *patch = (patch_t){.trace = span->call / TRACE_CALLS, .id = span->id, .call = span->call, .server = span->server};
    patch->start_ns = call->start_ns - (span->server ? 0 : call->before_ns);
    uint32_t maker = span->call - span->call % TRACE_CALLS + call->parent;
    patch->parent = span->server ? mesh->span_of[span->call][0] : mesh->span_of[maker][1];
    patch->trace_id = put_blank(out, 1, 2, 16);
    patch->span_id = put_blank(out, 2, 2, 8);
    if (!root) patch->parent_id = put_blank(out, 4, 2, 8);
    bool database = call->callee == MESH_DATABASE;
    patch->name = put_name(mesh, call, span->server, out);
    put_number(out, 6, span->server ? SERVER : CLIENT);
    patch->start = put_blank(out, 7, 1, 8);
    patch->end = put_blank(out, 8, 1, 8);
    patch->url = database ? put_database_attributes(out, call) : put_http_attributes(out, call, span->server);
    put_more_attributes(mesh, span, out);
    if (!call->error) return;
    put_tag(out, 15, 2); /* Status { code 3 } */
    buffer_varint(out, 2);
    put_number(out, 3, STATUS_ERROR);
}

static void shift_patches(patch_t *patches, uint32_t count, uint32_t by) {
    for (uint32_t i = 0; i < count; i++) {
        patch_t *p = &patches[i];
        p->trace_id += by, p->span_id += by, p->start += by, p->end += by, p->url += by;
        if (p->parent_id != 0) p->parent_id += by;
        if (p->name != 0) p->name += by;
    }
}

/* Appends `inner` to `out` as field `number` and shifts the patches of what is in it. */
static void put_nested(buffer_t *out, uint32_t number, const buffer_t *inner, patch_t *patches, uint32_t count) {
    put_tag(out, number, 2);
    buffer_varint(out, inner->len);
    shift_patches(patches, count, (uint32_t)out->len);
    buffer_append(out, inner->data, inner->len);
}

/* One ResourceSpans of `count` spans of one resource. */
static void put_resource_spans(mesh20_t *mesh, request_t *request, const span_t *const *spans, uint32_t count) {
    buffer_t resource = {0}, span = {0}, scope_spans = {0}, resource_spans = {0};
    patch_t *patches = &request->patches[request->count];
    put_resource(&resource, spans[0]);
    put_text(&span, 1, "io.opentelemetry.http"); /* InstrumentationScope { name 1 } */
    put_nested(&scope_spans, 1, &span, NULL, 0);
    for (uint32_t i = 0; i < count; i++) {
        buffer_clear(&span);
        put_span(mesh, spans[i], &span, &patches[i]);
        put_nested(&scope_spans, 2, &span, &patches[i], 1);
    }
    put_nested(&resource_spans, 1, &resource, NULL, 0);
    put_nested(&resource_spans, 2, &scope_spans, patches, count);
    put_nested(&request->body, 1, &resource_spans, patches, count);
    request->count += count;
    buffer_fini(&resource), buffer_fini(&span), buffer_fini(&scope_spans), buffer_fini(&resource_spans);
}

/* The spans of one request, gathered block by block; a block that holds two resources becomes two. */
static void encode_request(mesh20_t *mesh, uint32_t number) {
    request_t *request = &mesh->requests[number];
    const span_t *run[REQUEST_SPANS];
    uint32_t count = 0, block = 0;
    for (uint32_t i = 0; i < ROUND_SPANS; i++) {
        const span_t *span = &mesh->spans[i];
        if (span->request != number) continue;
        if (count > 0 && (i / BLOCK_SPANS != block || run[0]->service != span->service ||
                          run[0]->group != span->group || run[0]->pod != span->pod)) {
            put_resource_spans(mesh, request, run, count);
            count = 0;
        }
        block = i / BLOCK_SPANS;
        run[count++] = span;
    }
    put_resource_spans(mesh, request, run, count);
}

void mesh20_encode(mesh20_t *mesh) {
    for (uint32_t r = 0; r < ROUND_REQUESTS; r++) {
        mesh->requests[r].patches = calloc(REQUEST_SPANS, sizeof(patch_t));
        if (mesh->requests[r].patches == NULL) abort();
        encode_request(mesh, r);
    }
}

size_t mesh20_size(const mesh20_t *mesh, uint32_t request) {
    return mesh->requests[request].body.len;
}

static uint64_t span_number(const mesh20_t *mesh, uint64_t round, uint32_t id) {
    return mesh20_mix(mesh->seed + (round * ROUND_SPANS + id) * 2 + 1);
}

void mesh20_trace_id(const mesh20_t *mesh, uint64_t round, uint32_t trace, uint8_t id[16]) {
    uint64_t number = round * ROUND_TRACES + trace;
    uint64_t parts[2] = {mesh20_mix(mesh->seed + number * 2), mesh20_mix(~mesh->seed + number)};
    memcpy(id, parts, 16);
}

static void put_digits(uint8_t *out, uint64_t value) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < UNIQUE_DIGITS; i++, value >>= 4) out[i] = (uint8_t)digits[value & 15];
}

static void patch_span(const mesh20_t *mesh, uint64_t round, int64_t time_ns, const patch_t *patch, uint8_t *out) {
    const call_t *call = &mesh->calls[patch->call];
    uint64_t id = span_number(mesh, round, patch->id);
    uint64_t start = (uint64_t)(time_ns + patch->start_ns);
    uint64_t end = start + mesh20_duration(mesh, round, patch->call);
    if (!patch->server) end += call->before_ns + call->after_ns;
    mesh20_trace_id(mesh, round, patch->trace, out + patch->trace_id);
    memcpy(out + patch->span_id, &id, 8);
    if (patch->parent_id != 0) {
        uint64_t parent = span_number(mesh, round, patch->parent);
        memcpy(out + patch->parent_id, &parent, 8);
    }
    memcpy(out + patch->start, &start, 8);
    memcpy(out + patch->end, &end, 8);
    put_digits(out + patch->url, id);
    if (patch->name != 0) put_digits(out + patch->name, id);
}

void mesh20_write(const mesh20_t *mesh, uint64_t round, uint32_t request, int64_t time_ns, uint8_t *out) {
    const request_t *from = &mesh->requests[request];
    memcpy(out, from->body.data, from->body.len);
    for (uint32_t i = 0; i < from->count; i++) patch_span(mesh, round, time_ns, &from->patches[i], out);
}
