/* The check before the acknowledgement: one walk over the whole body, driven by a table of the OTLP messages (numbers
 * and types as in proto/otlp.proto). Attributes, which are most of the bytes, have a short way of their own. */
#include "collector/fold/otlp.h"

enum { FIELDS_MAX = 17 }; /* highest field number of OTLP + 1 */

/* How a field must look on the wire. */
typedef enum {
    FREE,    /* unknown to us: anything goes */
    VARINT,  /* int, bool, enum */
    FIXED64, /* fixed64, double */
    FIXED32,
    BLOCK,   /* string, bytes, or the message `child` */
    DOUBLES, /* repeated fixed64 or double, packed or not */
    VARINTS, /* repeated varints, packed or not */
} shape_t;

typedef enum {
    PLAIN,
    ANY_VALUE,
    ARRAY,
    KEY_VALUE_LIST,
    KEY_VALUE,
    RESOURCE,
    SCOPE,
    TRACES,
    RESOURCE_SPANS,
    SCOPE_SPANS,
    SPAN,
    SPAN_EVENT,
    SPAN_LINK,
    STATUS,
    METRICS,
    RESOURCE_METRICS,
    SCOPE_METRICS,
    METRIC,
    NUMBERS,
    HISTOGRAM,
    EXPONENTIAL,
    SUMMARY,
    NUMBER_POINT,
    HISTOGRAM_POINT,
    EXPONENTIAL_POINT,
    BUCKETS,
    SUMMARY_POINT,
    QUANTILE,
    EXEMPLAR,
    LOGS,
    RESOURCE_LOGS,
    SCOPE_LOGS,
    LOG_RECORD,
    ENTITY_REF,
    MESSAGES
} message_t;

typedef struct {
    uint8_t shape; /* shape_t */
    uint8_t child; /* message_t, PLAIN for none */
} rule_t;

static const rule_t rules[MESSAGES][FIELDS_MAX] = {
    [ANY_VALUE] = {[1] = {BLOCK, PLAIN},
                   [2] = {VARINT, PLAIN},
                   [3] = {VARINT, PLAIN},
                   [4] = {FIXED64, PLAIN},
                   [5] = {BLOCK, ARRAY},
                   [6] = {BLOCK, KEY_VALUE_LIST},
                   [7] = {BLOCK, PLAIN},
                   [8] = {VARINT, PLAIN}},
    [ARRAY] = {[1] = {BLOCK, ANY_VALUE}},
    [KEY_VALUE_LIST] = {[1] = {BLOCK, KEY_VALUE}},
    [KEY_VALUE] = {[1] = {BLOCK, PLAIN}, [2] = {BLOCK, ANY_VALUE}, [3] = {VARINT, PLAIN}},
    [RESOURCE] = {[1] = {BLOCK, KEY_VALUE}, [2] = {VARINT, PLAIN}, [3] = {BLOCK, ENTITY_REF}},
    [ENTITY_REF] = {[1] = {BLOCK, PLAIN}, [2] = {BLOCK, PLAIN}, [3] = {BLOCK, PLAIN}, [4] = {BLOCK, PLAIN}},
    [SCOPE] = {[1] = {BLOCK, PLAIN}, [2] = {BLOCK, PLAIN}, [3] = {BLOCK, KEY_VALUE}, [4] = {VARINT, PLAIN}},
    [TRACES] = {[1] = {BLOCK, RESOURCE_SPANS}},
    [RESOURCE_SPANS] = {[1] = {BLOCK, RESOURCE}, [2] = {BLOCK, SCOPE_SPANS}, [3] = {BLOCK, PLAIN}},
    [SCOPE_SPANS] = {[1] = {BLOCK, SCOPE}, [2] = {BLOCK, SPAN}, [3] = {BLOCK, PLAIN}},
    [SPAN] = {[1] = {BLOCK, PLAIN},
              [2] = {BLOCK, PLAIN},
              [3] = {BLOCK, PLAIN},
              [4] = {BLOCK, PLAIN},
              [5] = {BLOCK, PLAIN},
              [6] = {VARINT, PLAIN},
              [7] = {FIXED64, PLAIN},
              [8] = {FIXED64, PLAIN},
              [9] = {BLOCK, KEY_VALUE},
              [10] = {VARINT, PLAIN},
              [11] = {BLOCK, SPAN_EVENT},
              [12] = {VARINT, PLAIN},
              [13] = {BLOCK, SPAN_LINK},
              [14] = {VARINT, PLAIN},
              [15] = {BLOCK, STATUS},
              [16] = {FIXED32, PLAIN}},
    [SPAN_EVENT] = {[1] = {FIXED64, PLAIN}, [2] = {BLOCK, PLAIN}, [3] = {BLOCK, KEY_VALUE}, [4] = {VARINT, PLAIN}},
    [SPAN_LINK] = {[1] = {BLOCK, PLAIN},
                   [2] = {BLOCK, PLAIN},
                   [3] = {BLOCK, PLAIN},
                   [4] = {BLOCK, KEY_VALUE},
                   [5] = {VARINT, PLAIN},
                   [6] = {FIXED32, PLAIN}},
    [STATUS] = {[2] = {BLOCK, PLAIN}, [3] = {VARINT, PLAIN}},
    [METRICS] = {[1] = {BLOCK, RESOURCE_METRICS}},
    [RESOURCE_METRICS] = {[1] = {BLOCK, RESOURCE}, [2] = {BLOCK, SCOPE_METRICS}, [3] = {BLOCK, PLAIN}},
    [SCOPE_METRICS] = {[1] = {BLOCK, SCOPE}, [2] = {BLOCK, METRIC}, [3] = {BLOCK, PLAIN}},
    [METRIC] = {[1] = {BLOCK, PLAIN},
                [2] = {BLOCK, PLAIN},
                [3] = {BLOCK, PLAIN},
                [5] = {BLOCK, NUMBERS},
                [7] = {BLOCK, NUMBERS},
                [9] = {BLOCK, HISTOGRAM},
                [10] = {BLOCK, EXPONENTIAL},
                [11] = {BLOCK, SUMMARY},
                [12] = {BLOCK, KEY_VALUE}},
    [NUMBERS] = {[1] = {BLOCK, NUMBER_POINT}, [2] = {VARINT, PLAIN}, [3] = {VARINT, PLAIN}},
    [HISTOGRAM] = {[1] = {BLOCK, HISTOGRAM_POINT}, [2] = {VARINT, PLAIN}},
    [EXPONENTIAL] = {[1] = {BLOCK, EXPONENTIAL_POINT}, [2] = {VARINT, PLAIN}},
    [SUMMARY] = {[1] = {BLOCK, SUMMARY_POINT}},
    [NUMBER_POINT] = {[2] = {FIXED64, PLAIN},
                      [3] = {FIXED64, PLAIN},
                      [4] = {FIXED64, PLAIN},
                      [5] = {BLOCK, EXEMPLAR},
                      [6] = {FIXED64, PLAIN},
                      [7] = {BLOCK, KEY_VALUE},
                      [8] = {VARINT, PLAIN}},
    [HISTOGRAM_POINT] = {[2] = {FIXED64, PLAIN},
                         [3] = {FIXED64, PLAIN},
                         [4] = {FIXED64, PLAIN},
                         [5] = {FIXED64, PLAIN},
                         [6] = {DOUBLES, PLAIN},
                         [7] = {DOUBLES, PLAIN},
                         [8] = {BLOCK, EXEMPLAR},
                         [9] = {BLOCK, KEY_VALUE},
                         [10] = {VARINT, PLAIN},
                         [11] = {FIXED64, PLAIN},
                         [12] = {FIXED64, PLAIN}},
    [EXPONENTIAL_POINT] = {[1] = {BLOCK, KEY_VALUE},
                           [2] = {FIXED64, PLAIN},
                           [3] = {FIXED64, PLAIN},
                           [4] = {FIXED64, PLAIN},
                           [5] = {FIXED64, PLAIN},
                           [6] = {VARINT, PLAIN},
                           [7] = {FIXED64, PLAIN},
                           [8] = {BLOCK, BUCKETS},
                           [9] = {BLOCK, BUCKETS},
                           [10] = {VARINT, PLAIN},
                           [11] = {BLOCK, EXEMPLAR},
                           [12] = {FIXED64, PLAIN},
                           [13] = {FIXED64, PLAIN},
                           [14] = {FIXED64, PLAIN}},
    [BUCKETS] = {[1] = {VARINT, PLAIN}, [2] = {VARINTS, PLAIN}},
    [SUMMARY_POINT] = {[2] = {FIXED64, PLAIN},
                       [3] = {FIXED64, PLAIN},
                       [4] = {FIXED64, PLAIN},
                       [5] = {FIXED64, PLAIN},
                       [6] = {BLOCK, QUANTILE},
                       [7] = {BLOCK, KEY_VALUE},
                       [8] = {VARINT, PLAIN}},
    [QUANTILE] = {[1] = {FIXED64, PLAIN}, [2] = {FIXED64, PLAIN}},
    [EXEMPLAR] = {[2] = {FIXED64, PLAIN},
                  [3] = {FIXED64, PLAIN},
                  [4] = {BLOCK, PLAIN},
                  [5] = {BLOCK, PLAIN},
                  [6] = {FIXED64, PLAIN},
                  [7] = {BLOCK, KEY_VALUE}},
    [LOGS] = {[1] = {BLOCK, RESOURCE_LOGS}},
    [RESOURCE_LOGS] = {[1] = {BLOCK, RESOURCE}, [2] = {BLOCK, SCOPE_LOGS}, [3] = {BLOCK, PLAIN}},
    [SCOPE_LOGS] = {[1] = {BLOCK, SCOPE}, [2] = {BLOCK, LOG_RECORD}, [3] = {BLOCK, PLAIN}},
    [LOG_RECORD] = {[1] = {FIXED64, PLAIN},
                    [2] = {VARINT, PLAIN},
                    [3] = {BLOCK, PLAIN},
                    [5] = {BLOCK, ANY_VALUE},
                    [6] = {BLOCK, KEY_VALUE},
                    [7] = {VARINT, PLAIN},
                    [8] = {FIXED32, PLAIN},
                    [9] = {BLOCK, PLAIN},
                    [10] = {BLOCK, PLAIN},
                    [11] = {FIXED64, PLAIN},
                    [12] = {BLOCK, PLAIN}},
};

typedef struct {
    otlp_summary_t *summary;
    int64_t arrival_ns;
    unsigned depth; /* of nested AnyValues */
} check_t;

static bool check_message(check_t *check, message_t message, slice_t bytes);
static bool check_plain(check_t *check, message_t message, slice_t bytes);

static bool packed_varints(slice_t block) {
    bytes_t in = bytes_of(block);
    uint64_t value;
    while (bytes_left(&in) > 0)
        if (!bytes_varint(&in, &value)) return false;
    return true;
}

static bool fits(shape_t shape, const wire_field_t *field) {
    switch (shape) {
    case FREE:
        return true;
    case VARINT:
        return field->type == WIRE_VARINT;
    case FIXED64:
        return field->type == WIRE_FIXED64;
    case FIXED32:
        return field->type == WIRE_FIXED32;
    case BLOCK:
        return field->type == WIRE_BLOCK;
    case DOUBLES:
        return field->type == WIRE_FIXED64 || (field->type == WIRE_BLOCK && field->block.len % 8 == 0);
    case VARINTS:
        return field->type == WIRE_VARINT || (field->type == WIRE_BLOCK && packed_varints(field->block));
    }
    return false;
}

static bool check_field(check_t *check, const rule_t *rule, const wire_field_t *field) {
    if (!fits((shape_t)rule->shape, field)) return false;
    return rule->child == PLAIN || check_message(check, (message_t)rule->child, field->block);
}

/* An AnyValue that is just a short text, a number or a boolean. */
static bool simple_value(slice_t value) {
    enum { TEXT = 1 << 3 | WIRE_BLOCK, BOOL = 2 << 3, INT = 3 << 3, DOUBLE = 4 << 3 | WIRE_FIXED64, VARINT_MAX = 9 };
    const uint8_t *at = value.data;
    if (value.len < 2) return false;
    if (at[0] == TEXT) return at[1] == value.len - 2 && value.len < 0x80;
    if (at[0] == DOUBLE) return value.len == 9;
    if ((at[0] != INT && at[0] != BOOL) || value.len > 1 + VARINT_MAX) return false;
    for (size_t i = 1; i + 1 < value.len; i++)
        if (at[i] < 0x80) return false;
    return at[value.len - 1] < 0x80;
}

/* A KeyValue of such a value: most of the bytes of most requests. */
static bool simple_key_value(slice_t bytes) {
    slice_t key, value;
    return wire_short_pair(bytes, &key, &value) && simple_value(value);
}

static void reject(check_t *check, span_fault_t fault) {
    if (check->summary->rejected++ == 0) check->summary->fault = fault;
}

static bool is_id(slice_t id, size_t len) {
    if (id.len != len) return false;
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++) any |= id.data[i];
    return any != 0;
}

/* A field of a span that is not one of its usual ones in their usual type. */
static bool check_span_rarity(check_t *check, const wire_field_t *field) {
    return field->number >= FIELDS_MAX || check_field(check, &rules[SPAN][field->number], field);
}

#define TAG(number, type) ((number) << 3 | (type))

/* The same as the table says, written out: spans are what there is most of. */
static bool check_span(check_t *check, slice_t bytes) {
    slice_t trace = {0}, span = {0};
    uint64_t start = 0, end = 0;
    bytes_t in = bytes_of(bytes);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        switch (TAG(field.number, field.type)) {
        case TAG(1, WIRE_BLOCK):
            trace = field.block;
            break;
        case TAG(2, WIRE_BLOCK):
            span = field.block;
            break;
        case TAG(3, WIRE_BLOCK):
        case TAG(4, WIRE_BLOCK):
        case TAG(5, WIRE_BLOCK):
        case TAG(6, WIRE_VARINT):
        case TAG(16, WIRE_FIXED32):
            break;
        case TAG(7, WIRE_FIXED64):
            start = field.value;
            break;
        case TAG(8, WIRE_FIXED64):
            end = field.value;
            break;
        case TAG(9, WIRE_BLOCK):
            if (!simple_key_value(field.block) && !check_plain(check, KEY_VALUE, field.block)) return false;
            break;
        default:
            if (!check_span_rarity(check, &field)) return false;
        }
    }
    check->summary->items++;
    span_fault_t fault = otlp_span_fault(trace, span, start, end, check->arrival_ns);
    if (fault != SPAN_FINE) reject(check, fault);
    return bytes_done(&in);
}

span_fault_t otlp_span_fault(slice_t trace_id, slice_t span_id, uint64_t start_ns, uint64_t end_ns,
                             int64_t arrival_ns) {
    if (!is_id(trace_id, 16) || !is_id(span_id, 8)) return SPAN_ZERO_ID;
    if (end_ns < start_ns) return SPAN_NEGATIVE;
    return otlp_in_future(end_ns, arrival_ns) ? SPAN_FUTURE : SPAN_FINE;
}

/* Points and log records: their own time, in the field of that number, must not be in the future. */
static bool check_item(check_t *check, message_t message, slice_t bytes) {
    uint32_t time_field = message == LOG_RECORD ? 1 : 3;
    uint64_t time = 0;
    bytes_t in = bytes_of(bytes);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        if (field.number >= FIELDS_MAX) continue;
        if (!check_field(check, &rules[message][field.number], &field)) return false;
        if (field.number == time_field) time = field.value;
    }
    check->summary->items++;
    if (otlp_in_future(time, check->arrival_ns)) reject(check, SPAN_FUTURE);
    return bytes_done(&in);
}

static bool check_plain(check_t *check, message_t message, slice_t bytes) {
    bytes_t in = bytes_of(bytes);
    wire_field_t field;
    while (wire_next(&in, &field))
        if (field.number < FIELDS_MAX && !check_field(check, &rules[message][field.number], &field)) return false;
    return bytes_done(&in);
}

static bool check_message(check_t *check, message_t message, slice_t bytes) {
    switch (message) {
    case SPAN:
        return check_span(check, bytes);
    case NUMBER_POINT:
    case HISTOGRAM_POINT:
    case EXPONENTIAL_POINT:
    case SUMMARY_POINT:
    case LOG_RECORD:
        return check_item(check, message, bytes);
    case ANY_VALUE: {
        if (check->depth == OTLP_VALUE_DEPTH_MAX) return false;
        check->depth++;
        bool fine = check_plain(check, message, bytes);
        check->depth--;
        return fine;
    }
    default:
        return check_plain(check, message, bytes);
    }
}

err_t otlp_check(otlp_kind_t kind, slice_t body, int64_t arrival_ns, otlp_summary_t *summary) {
    static const message_t top[OTLP_KINDS] = {TRACES, METRICS, LOGS};
    *summary = (otlp_summary_t){0};
    check_t check = {.summary = summary, .arrival_ns = arrival_ns};
    return check_message(&check, top[kind], body) ? ERR_OK : ERR_MALFORMED;
}
