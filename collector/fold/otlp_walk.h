/* otlp_walk: the frame that all three OTLP requests have in common: resources, each with scopes, each with items
 * (spans, metrics or log records; in all three messages the numbers of the fields are the same). Inline, so that a
 * caller's functions become part of its own loop. */
#ifndef SEISMESH_FOLD_OTLP_WALK_H
#define SEISMESH_FOLD_OTLP_WALK_H

#include "base/bytes.h"
#include "base/err.h"

/* Each returns false when what it is given is malformed, which ends the walk. */
typedef struct {
    bool (*resource)(void *context, slice_t resource); /* Resource message; empty when there is none */
    bool (*scope)(void *context, slice_t scope);       /* InstrumentationScope message; NULL: nobody asks */
    bool (*item)(void *context, slice_t item);
} otlp_visitor_t;

/* The last block field 1 of a message, wherever it stands in it. */
static inline bool otlp_first_field(slice_t message, slice_t *block) {
    *block = slice_of(NULL, 0);
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field))
        if (field.number == 1 && field.type == WIRE_BLOCK) *block = field.block;
    return bytes_done(&in);
}

static inline bool otlp_walk_scope(slice_t message, const otlp_visitor_t *visitor, void *context) {
    slice_t scope;
    if (visitor->scope != NULL && !(otlp_first_field(message, &scope) && visitor->scope(context, scope))) return false;
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field))
        if (field.number == 2 && field.type == WIRE_BLOCK && !visitor->item(context, field.block)) return false;
    return bytes_done(&in);
}

static inline bool otlp_walk_resource(slice_t message, const otlp_visitor_t *visitor, void *context) {
    slice_t resource;
    if (!otlp_first_field(message, &resource) || !visitor->resource(context, resource)) return false;
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field))
        if (field.number == 2 && field.type == WIRE_BLOCK && !otlp_walk_scope(field.block, visitor, context))
            return false;
    return bytes_done(&in);
}

/* Visits a whole request in order. ERR_MALFORMED; what was visited before stays visited. */
static inline err_t otlp_walk(slice_t body, const otlp_visitor_t *visitor, void *context) {
    bytes_t in = bytes_of(body);
    wire_field_t field;
    while (wire_next(&in, &field))
        if (field.number == 1 && field.type == WIRE_BLOCK && !otlp_walk_resource(field.block, visitor, context))
            return ERR_MALFORMED;
    return bytes_done(&in) ? ERR_OK : ERR_MALFORMED;
}

#endif
