/* otlp_build: OTLP trace requests for tests, through the protobuf-c messages (so that the encoder is not ours). */
#ifndef SEISMESH_TESTS_OTLP_BUILD_H
#define SEISMESH_TESTS_OTLP_BUILD_H

#include "base/buffer.h"
#include "base/memory.h"
#include "otlp.pb-c.h"

#include <string.h>

enum { BUILD_MAX = 64 };

/* What a test says about a span; ids are small numbers, 0 = none. */
typedef struct {
    const char *service, *namespace_name, *version, *pod;
    uint64_t trace, span, parent;
    const char *name, *peer, *route, *database;
    int kind; /* Otlp__SpanKind */
    uint64_t start_ns, end_ns;
    int http_status; /* 0 = none */
    bool error;
} build_span_t;

typedef struct {
    Otlp__AnyValue value;
    Otlp__KeyValue pair;
} build_attribute_t;

static inline void build_attribute(build_attribute_t *space, Otlp__KeyValue **list, size_t *count, const char *key,
                                   const char *text, int64_t number) {
    if (text == NULL && number == 0) return;
    build_attribute_t *one = &space[*count];
    otlp__any_value__init(&one->value);
    otlp__key_value__init(&one->pair);
    if (text != NULL) {
        one->value.value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
        one->value.string_value = (char *)(uintptr_t)text;
    } else {
        one->value.value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
        one->value.int_value = number;
    }
    one->pair.key = (char *)(uintptr_t)key;
    one->pair.value = &one->value;
    list[(*count)++] = &one->pair;
}

/* Appends a ResourceSpans with this one span to a request. */
static inline void build_request(buffer_t *out, const build_span_t *s) {
    build_attribute_t space[16];
    Otlp__KeyValue *resource_list[8], *span_list[8];
    size_t resource_count = 0, span_count = 0;
    uint8_t trace[16] = {0}, span[8] = {0}, parent[8] = {0};
    for (int i = 0; i < 8; i++) {
        trace[15 - i] = (uint8_t)(s->trace >> (8 * i));
        span[7 - i] = (uint8_t)(s->span >> (8 * i));
        parent[7 - i] = (uint8_t)(s->parent >> (8 * i));
    }
    build_attribute(space, resource_list, &resource_count, "service.name", s->service, 0);
    build_attribute(space, resource_list, &resource_count, "service.namespace", s->namespace_name, 0);
    build_attribute(space, resource_list, &resource_count, "service.version", s->version, 0);
    build_attribute(space, resource_list, &resource_count, "k8s.pod.name", s->pod, 0);
    build_attribute_t *more = space + 8;
    build_attribute(more, span_list, &span_count, "peer.service", s->peer, 0);
    build_attribute(more, span_list, &span_count, "http.route", s->route, 0);
    build_attribute(more, span_list, &span_count, "db.system", s->database, 0);
    build_attribute(more, span_list, &span_count, "http.response.status_code", NULL, s->http_status);
    Otlp__Status status = OTLP__STATUS__INIT;
    status.code = OTLP__STATUS_CODE__STATUS_CODE_ERROR;
    Otlp__Span one = OTLP__SPAN__INIT;
    one.trace_id = (ProtobufCBinaryData){16, trace};
    one.span_id = (ProtobufCBinaryData){8, span};
    if (s->parent != 0) one.parent_span_id = (ProtobufCBinaryData){8, parent};
    one.name = (char *)(uintptr_t)(s->name == NULL ? "" : s->name);
    one.kind = (Otlp__SpanKind)s->kind;
    one.start_time_unix_nano = s->start_ns;
    one.end_time_unix_nano = s->end_ns;
    one.attributes = span_list;
    one.n_attributes = span_count;
    one.status = s->error ? &status : NULL;
    Otlp__Span *spans[1] = {&one};
    Otlp__ScopeSpans scope = OTLP__SCOPE_SPANS__INIT;
    scope.spans = spans;
    scope.n_spans = 1;
    Otlp__ScopeSpans *scopes[1] = {&scope};
    Otlp__Resource resource = OTLP__RESOURCE__INIT;
    resource.attributes = resource_list;
    resource.n_attributes = resource_count;
    Otlp__ResourceSpans group = OTLP__RESOURCE_SPANS__INIT;
    group.resource = &resource;
    group.scope_spans = scopes;
    group.n_scope_spans = 1;
    Otlp__ResourceSpans *groups[1] = {&group};
    Otlp__TracesData request = OTLP__TRACES_DATA__INIT;
    request.resource_spans = groups;
    request.n_resource_spans = 1;
    out->len += otlp__traces_data__pack(&request, buffer_reserve(out, otlp__traces_data__get_packed_size(&request)));
}

#endif
