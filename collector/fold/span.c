#include "collector/fold/span.h"

enum { STATUS_ERROR = 2 };

static bool number(const span_t *span, role_t role, double *value) {
    return span_has(span, role) && otlp_value_number(&span->values[role], value);
}

uint64_t span_number(const span_t *span, role_t role) {
    double value;
    return number(span, role, &value) && value >= 0 && value < 0x1p62 ? (uint64_t)value : 0;
}

static void keep(span_t *span, const dialect_attribute_t *row, const otlp_value_t *value) {
    if (value->type == VALUE_NONE || value->type == VALUE_OTHER) return;
    if (span_has(span, row->role) && span->rows[row->role]->rank >= row->rank) return;
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

bool span_read(const dialect_keys_t *keys, slice_t message, span_t *span) {
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
    if (!span_has(span, role)) return false;
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
    bool has_grpc = dialect_grpc_number(span_text(span, ROLE_GRPC_STATUS), &grpc);
    if (!has_grpc && number(span, ROLE_GRPC_STATUS, &number_of_grpc) && number_of_grpc >= 0 && number_of_grpc < 1000) {
        grpc = (uint64_t)number_of_grpc;
        has_grpc = true;
    }
    *failure = has_grpc ? dialect_grpc_failure(grpc) : FAILURE_NONE;
    if (*failure == FAILURE_NONE && has_http) *failure = dialect_http_failure((uint64_t)http);
    return has_http || has_grpc;
}

/* Statuses, then error marks and the span's own status, which old proxies never set. A caller that got no status may
 * say why. A proxy's flags say why, not whether, except where there is no status at all: a client may leave (DC) after
 * a 200. */
failure_t span_failure(const span_t *span) {
    failure_t failure;
    bool told = status_of(span, &failure);
    if (failure == FAILURE_NONE && (span->status == STATUS_ERROR || is_true(span, ROLE_ERROR)))
        failure = told || span->kind != SPAN_KIND_CLIENT ? FAILURE_SERVER
                                                         : dialect_error_failure(span_text(span, ROLE_ERROR));
    failure_t why = dialect_flags_failure(span_text(span, ROLE_RESPONSE_FLAGS));
    return why != FAILURE_NONE && (failure != FAILURE_NONE || !told) ? why : failure;
}

protocol_t span_protocol(const span_t *span) {
    if (span_has(span, ROLE_DATABASE)) return PROTOCOL_DATABASE;
    if (span_has(span, ROLE_MESSAGING) || span->kind >= SPAN_KIND_PRODUCER) return PROTOCOL_MESSAGING;
    if (span_has(span, ROLE_GRPC_STATUS) || slice_is(span_text(span, ROLE_RPC_SYSTEM), "grpc")) return PROTOCOL_GRPC;
    if (span_has(span, ROLE_RPC_METHOD) || span_has(span, ROLE_RPC_SERVICE)) return PROTOCOL_GRPC;
    if (span_has(span, ROLE_METHOD) || span_has(span, ROLE_HTTP_STATUS) || span_has(span, ROLE_ROUTE))
        return PROTOCOL_HTTP;
    return PROTOCOL_UNKNOWN;
}
