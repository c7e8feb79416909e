#include "web/spans.h"

#include "base/memory.h"
#include "collector/fold/identity.h"
#include "otlp.pb-c.h"
#include "web/values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_BYTES_MAX = 16384, NAMES_MAX = 10000, DEPTH_MAX = 16 };

struct span_reader {
    counters_t counters;  /* of the names below; nobody else's */
    shard_t shard;        /* identity wants one to keep names in */
    identity_t *identity; /* NULL without dialects */
    buffer_t last;        /* the resource read last, and what it said: spans of one request share it */
    json_t *last_attributes;
    char *last_service;
};

span_reader_t *span_reader_new(const dialect_set_t *dialects) {
    span_reader_t *reader = memory_new(1, sizeof *reader);
    shard_limits_t limits = {NAMES_MAX, NAMES_MAX, NAMES_MAX, 1};
    shard_init(&reader->shard, &limits, &reader->counters);
    if (dialects != NULL) reader->identity = identity_new(&reader->shard, dialects);
    return reader;
}

void span_reader_free(span_reader_t *reader) {
    if (reader->identity != NULL) identity_free(reader->identity);
    shard_fini(&reader->shard);
    buffer_fini(&reader->last);
    json_decref(reader->last_attributes);
    free(reader->last_service);
    free(reader);
}

static json_t *text_of(const char *text) {
    size_t len = text == NULL ? 0 : strnlen(text, TEXT_BYTES_MAX);
    return value_text(slice_of(text, len));
}

/* Beyond 2^53 a number would lose digits in JavaScript, so it is given as text. */
static json_t *integer_of(int64_t value) {
    if (value <= INT64_C(9007199254740992) && value >= -INT64_C(9007199254740992)) return json_integer(value);
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    return json_string(text);
}

static json_t *value_of(const Otlp__AnyValue *value, int depth);

static json_t *attributes_of(Otlp__KeyValue *const *attributes, size_t count, int depth) {
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *key = text_of(attributes[i]->key);
        json_object_set_new(object, json_string_value(key), value_of(attributes[i]->value, depth));
        json_decref(key);
    }
    return object;
}

static json_t *array_of(const Otlp__ArrayValue *values, int depth) {
    json_t *array = json_array();
    for (size_t i = 0; values != NULL && i < values->n_values; i++)
        json_array_append_new(array, value_of(values->values[i], depth));
    return array;
}

static json_t *value_of(const Otlp__AnyValue *value, int depth) {
    if (value == NULL || depth > DEPTH_MAX) return json_null();
    switch (value->value_case) {
    case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
        return text_of(value->string_value);
    case OTLP__ANY_VALUE__VALUE_BOOL_VALUE:
        return json_boolean(value->bool_value);
    case OTLP__ANY_VALUE__VALUE_INT_VALUE:
        return integer_of(value->int_value);
    case OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE:
        return value_number(value->double_value);
    case OTLP__ANY_VALUE__VALUE_ARRAY_VALUE:
        return array_of(value->array_value, depth + 1);
    case OTLP__ANY_VALUE__VALUE_KVLIST_VALUE:
        if (value->kvlist_value == NULL) return json_object();
        return attributes_of(value->kvlist_value->values, value->kvlist_value->n_values, depth + 1);
    case OTLP__ANY_VALUE__VALUE_BYTES_VALUE: {
        char text[48];
        (void)snprintf(text, sizeof text, "(%zu bytes)", value->bytes_value.len);
        return json_string(text);
    }
    case OTLP__ANY_VALUE__VALUE_STRING_VALUE_STRINDEX:
    case OTLP__ANY_VALUE__VALUE__NOT_SET:
    default:
        return json_null();
    }
}

/* --- whose span --- */

static const char *attribute_text(const Otlp__Resource *resource, const char *key) {
    for (size_t i = 0; i < resource->n_attributes; i++) {
        const Otlp__KeyValue *pair = resource->attributes[i];
        if (pair->key != NULL && strcmp(pair->key, key) == 0 && pair->value != NULL &&
            pair->value->value_case == OTLP__ANY_VALUE__VALUE_STRING_VALUE)
            return pair->value->string_value;
    }
    return "";
}

static char *plain_service(const Otlp__Resource *resource) {
    const char *name = attribute_text(resource, "service.name");
    const char *namespace_name = attribute_text(resource, "service.namespace");
    buffer_t text = {0};
    if (namespace_name[0] != '\0' && strchr(name, '/') == NULL) buffer_format(&text, "%s/", namespace_name);
    buffer_format(&text, "%s", name[0] == '\0' ? "unknown" : name);
    buffer_byte(&text, 0);
    return (char *)text.data;
}

/* Reads a resource that is not the last one; false when it does not decode. */
static bool read_resource(span_reader_t *reader, slice_t bytes) {
    Otlp__Resource *resource = otlp__resource__unpack(NULL, bytes.len, bytes.data);
    if (resource == NULL) return false;
    json_decref(reader->last_attributes);
    free(reader->last_service);
    reader->last_attributes = attributes_of(resource->attributes, resource->n_attributes, 0);
    if (reader->identity == NULL) {
        reader->last_service = plain_service(resource);
    } else {
        const resource_t *who = identity_resource(reader->identity, bytes);
        reader->last_service = memory_text(names_cstr(&reader->shard.names, who->service));
    }
    otlp__resource__free_unpacked(resource, NULL);
    buffer_clear(&reader->last);
    buffer_append(&reader->last, bytes.data, bytes.len);
    return true;
}

/* --- the document --- */

static json_t *ns_text(uint64_t ns) {
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, ns);
    return json_string(text);
}

static json_t *id_of(const ProtobufCBinaryData *id) {
    return id->len == 0 ? json_null() : value_hex(id->data, id->len);
}

static json_t *events_of(const Otlp__Span *span) {
    json_t *events = json_array();
    for (size_t i = 0; i < span->n_events; i++) {
        const Otlp__SpanEvent *event = span->events[i];
        json_array_append_new(events, json_pack("{so,so,so}", "time_ns", ns_text(event->time_unix_nano), "name",
                                                text_of(event->name), "attributes",
                                                attributes_of(event->attributes, event->n_attributes, 0)));
    }
    return events;
}

static json_t *links_of(const Otlp__Span *span) {
    json_t *links = json_array();
    for (size_t i = 0; i < span->n_links; i++)
        json_array_append_new(links, json_pack("{so,so}", "trace_id", id_of(&span->links[i]->trace_id), "span_id",
                                               id_of(&span->links[i]->span_id)));
    return links;
}

static const char *kind_name(Otlp__SpanKind kind) {
    static const char *const names[] = {"unspecified", "internal", "server", "client", "producer", "consumer"};
    unsigned at = (unsigned)kind;
    return at < sizeof names / sizeof names[0] ? names[at] : "unspecified";
}

static const char *status_name(const Otlp__Span *span) {
    if (span->status == NULL) return "unset";
    return span->status->code == OTLP__STATUS_CODE__STATUS_CODE_ERROR ? "error"
           : span->status->code == OTLP__STATUS_CODE__STATUS_CODE_OK  ? "ok"
                                                                      : "unset";
}

static json_t *document_of(const span_reader_t *reader, const Otlp__Span *span) {
    uint64_t start = span->start_time_unix_nano, end = span->end_time_unix_nano;
    return json_pack("{so,so,so,ss,so,so,so,ss,so,so,sO,so,so}", "span_id", id_of(&span->span_id), "parent_span_id",
                     id_of(&span->parent_span_id), "name", text_of(span->name), "kind", kind_name(span->kind),
                     "service", text_of(reader->last_service), "start_ns", ns_text(start), "duration_ns",
                     ns_text(end > start ? end - start : 0), "status", status_name(span), "status_message",
                     text_of(span->status == NULL ? "" : span->status->message), "attributes",
                     attributes_of(span->attributes, span->n_attributes, 0), "resource", reader->last_attributes,
                     "events", events_of(span), "links", links_of(span));
}

json_t *span_document(span_reader_t *reader, slice_t resource, slice_t bytes) {
    bool known = reader->last_service != NULL && slice_equal(resource, buffer_slice(&reader->last));
    if (!known && !read_resource(reader, resource)) return NULL;
    Otlp__Span *span = otlp__span__unpack(NULL, bytes.len, bytes.data);
    if (span == NULL) return NULL;
    json_t *document = document_of(reader, span);
    otlp__span__free_unpacked(span, NULL);
    return document;
}
