/* span: one OTLP span read in place: its fields, and of its attributes those that some dialect wants. Everything is
 * borrowed from the request's bytes. */
#ifndef SEISMESH_FOLD_SPAN_H
#define SEISMESH_FOLD_SPAN_H

#include "collector/dialect/dialect.h"
#include "collector/fold/otlp.h"

enum { SPAN_KIND_SERVER = 2, SPAN_KIND_CLIENT = 3, SPAN_KIND_PRODUCER = 4, SPAN_KIND_CONSUMER = 5 };

typedef struct {
    slice_t trace_id, span_id, parent_id, name;
    uint64_t kind, start_ns, end_ns, status;
    uint64_t present; /* bit per role */
    bool by_proxy;    /* not read, but found out: a mesh's proxy sends this, not the application */
    const dialect_attribute_t *rows[ROLES];
    otlp_value_t values[ROLES]; /* valid where `present` says so */
} span_t;

_Static_assert(ROLES <= 64, "one bit per role");

/* Reads a Span message; `keys` are the wanted attributes. False when malformed. */
bool span_read(const dialect_keys_t *keys, slice_t message, span_t *span);

static inline bool span_has(const span_t *span, role_t role) {
    return (span->present >> role & 1) != 0;
}

/* The attribute of a role: as text, empty when absent or no text; as a whole number, 0 when absent, negative or none.
 */
static inline slice_t span_text(const span_t *span, role_t role) {
    bool is_text = span_has(span, role) && span->values[role].type == VALUE_TEXT;
    return is_text ? span->values[role].text : slice_of(NULL, 0);
}
uint64_t span_number(const span_t *span, role_t role);

/* A text in its row's form, whose words for "not known" are absent. */
static inline dialect_name_t span_name(const span_t *span, role_t role) {
    return span_has(span, role) ? dialect_read(span->rows[role]->form, span_text(span, role)) : (dialect_name_t){0};
}

/* Other things than proxies have a `component` too. */
static inline bool span_is_proxy(const span_t *span) {
    return slice_is(span_text(span, ROLE_PROXY), "proxy");
}
static inline bool span_is_server(const span_t *span) {
    return span->kind == SPAN_KIND_SERVER || span->kind == SPAN_KIND_CONSUMER;
}
static inline bool span_is_client(const span_t *span) {
    return span->kind == SPAN_KIND_CLIENT || span->kind == SPAN_KIND_PRODUCER;
}

failure_t span_failure(const span_t *span);
protocol_t span_protocol(const span_t *span);

#endif
