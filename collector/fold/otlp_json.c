/* JSON is read once, front to back, and each member is written as wire bytes at once, guided by the message's
 * protobuf-c descriptor. The length of a nested message is not known before its end: one byte is kept free for it, and
 * the message moves up when its length needs more. Members come in the same order again and again, so the search for a
 * member's field begins behind the field found last; mostly the first comparison hits. */
#include "collector/fold/otlp_json.h"

#include "collector/fold/json_scan.h"
#include "otlp.pb-c.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* One step of the way to where we are, for error messages. */
typedef struct {
    slice_t key;
    size_t index; /* of an element; SIZE_MAX within an object */
} step_t;

typedef struct {
    json_scan_t scan;
    buffer_t *out;
    size_t base, limit;
    bool too_large;
    step_t steps[JSON_DEPTH_MAX + 1];
    unsigned step_count;
} mapper_t;

static bool wrong(mapper_t *m, const char *fault) {
    return json_fail(&m->scan, fault);
}

static inline uint8_t *room(mapper_t *m, size_t bytes) {
    buffer_t *out = m->out;
    return out->capacity - out->len >= bytes ? out->data + out->len : buffer_reserve(out, bytes);
}

static inline void put_varint(mapper_t *m, uint64_t value) {
    uint8_t *at = room(m, 10);
    size_t len = 0;
    for (; value >= 0x80; value >>= 7) at[len++] = (uint8_t)(value | 0x80);
    at[len++] = (uint8_t)value;
    m->out->len += len;
}

static inline void put_raw(mapper_t *m, const void *bytes, size_t len) {
    memcpy(room(m, len + 1), bytes, len); /* + 1: also for none */
    m->out->len += len;
}

static void put_tag(mapper_t *m, const ProtobufCFieldDescriptor *field, wire_type_t type) {
    put_varint(m, (uint64_t)field->id << 3 | type);
}

/* Leaves one byte for a length; returns where what it measures begins. */
static size_t begin_block(mapper_t *m, const ProtobufCFieldDescriptor *field) {
    put_tag(m, field, WIRE_BLOCK);
    (void)room(m, 1);
    return ++m->out->len;
}

static bool end_block(mapper_t *m, size_t from) {
    size_t len = m->out->len - from, more = 0;
    for (size_t rest = len >> 7; rest > 0; rest >>= 7) more++;
    if (more > 0) {
        (void)room(m, more);
        memmove(m->out->data + from + more, m->out->data + from, len);
    }
    m->out->len = from - 1;
    put_varint(m, len);
    m->out->len += len;
    if (m->out->len - m->base <= m->limit) return true;
    m->too_large = true;
    return wrong(m, "the request is too large");
}

/* Whether `key` is the lowerCamelCase spelling of a field's name. */
static bool is_camel(const char *name, slice_t key) {
    for (size_t i = 0; i < key.len; i++, name++) {
        char expected = *name;
        if (expected == '_') {
            expected = *++name;
            if (expected >= 'a' && expected <= 'z') expected = (char)(expected - 'a' + 'A');
        }
        if (expected == '\0' || (uint8_t)expected != key.data[i]) return false;
    }
    return *name == '\0';
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type, slice_t key, unsigned *hint) {
    for (unsigned tried = 0; tried < type->n_fields; tried++) {
        unsigned at = *hint < type->n_fields ? *hint : 0;
        *hint = at + 1;
        if (is_camel(type->fields[at].name, key)) return &type->fields[at];
    }
    return NULL;
}

static bool is_null(mapper_t *m) {
    return json_peek(&m->scan) == 'n' && json_word(&m->scan, "null");
}

/* A number, or a text that holds one. */
static bool number_text(mapper_t *m, slice_t *text) {
    bool escaped;
    if (json_peek(&m->scan) != '"') return json_number(&m->scan, text);
    return json_quoted(&m->scan, text, &escaped) && (text->len > 0 || wrong(m, "not a number"));
}

static bool parse_double(slice_t text, double *value) {
    char space[400], *end;
    if (text.len == 0 || text.len >= sizeof space) return false;
    if (slice_is(text, "NaN") || slice_is(text, "Infinity") || slice_is(text, "-Infinity")) {
        *value = text.data[0] == 'N' ? (double)NAN : text.data[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    for (size_t i = 0; i < text.len; i++)
        if (strchr("+-.0123456789eE", text.data[i]) == NULL || text.data[i] == 0) return false;
    memcpy(space, text.data, text.len);
    space[text.len] = '\0';
    *value = strtod(space, &end);
    return *end == '\0';
}

/* "1.0" and "1e3" are whole numbers too. */
static bool whole_double(slice_t text, bool *negative, uint64_t *size) {
    double value;
    if (!parse_double(text, &value) || !(fabs(value) <= 0x1p53) || value != floor(value)) return false;
    *negative = value < 0;
    *size = (uint64_t)fabs(value);
    return true;
}

/* A whole number as sign and size. */
static bool parse_whole(slice_t text, bool *negative, uint64_t *size) {
    size_t at = 0;
    *negative = text.len > 0 && text.data[0] == '-';
    *size = 0;
    if (*negative) at = 1;
    if (at == text.len) return false;
    for (; at < text.len; at++) {
        uint8_t digit = (uint8_t)(text.data[at] - '0');
        if (digit > 9) return whole_double(text, negative, size);
        if (*size > (UINT64_MAX - digit) / 10) return false;
        *size = *size * 10 + digit;
    }
    return true;
}

static bool read_unsigned(mapper_t *m, uint64_t max, uint64_t *value) {
    slice_t text;
    bool negative;
    if (!number_text(m, &text)) return false;
    if (!parse_whole(text, &negative, value)) return wrong(m, "not a whole number");
    return (*value <= max && !(negative && *value > 0)) || wrong(m, "out of the type's range");
}

static bool read_signed(mapper_t *m, int64_t max, int64_t *value) {
    slice_t text;
    bool negative;
    uint64_t size;
    if (!number_text(m, &text)) return false;
    if (!parse_whole(text, &negative, &size)) return wrong(m, "not a whole number");
    if (size > (uint64_t)max + negative) return wrong(m, "out of the type's range");
    *value = negative ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}

static bool read_double(mapper_t *m, double *value) {
    slice_t text;
    return number_text(m, &text) && (parse_double(text, value) || wrong(m, "not a number"));
}

static bool read_bool(mapper_t *m, bool *value) {
    uint8_t next = json_peek(&m->scan);
    *value = next == 't';
    if (next != 't' && next != 'f') return wrong(m, "not true or false");
    return json_word(&m->scan, *value ? "true" : "false");
}

static wire_type_t wire_type_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_FIXED32;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BLOCK;
    default:
        return WIRE_VARINT;
    }
}

/* Reads a scalar as the bits that its wire form carries. */
static bool read_scalar(mapper_t *m, ProtobufCType type, uint64_t *bits) {
    int64_t number = 0;
    double real;
    bool truth;
    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return read_unsigned(m, UINT32_MAX, bits);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return read_unsigned(m, UINT64_MAX, bits);
    case PROTOBUF_C_TYPE_ENUM:
        if (json_peek(&m->scan) == '"') return wrong(m, "an enum must be a number");
        __attribute__((fallthrough));
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        if (!read_signed(m, INT32_MAX, &number)) return false;
        break;
    case PROTOBUF_C_TYPE_SINT32:
        if (!read_signed(m, INT32_MAX, &number)) return false;
        number = (number * 2) ^ (number >> 63);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        if (!read_signed(m, INT64_MAX, &number)) return false;
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        if (!read_double(m, &real)) return false;
        memcpy(bits, &real, sizeof real);
        return true;
    case PROTOBUF_C_TYPE_BOOL:
        if (!read_bool(m, &truth)) return false;
        number = truth;
        break;
    default:
        return wrong(m, "of a type that OTLP does not use");
    }
    *bits = (uint64_t)number;
    return true;
}

static void put_scalar(mapper_t *m, wire_type_t wire, uint64_t bits) {
    if (wire == WIRE_VARINT)
        put_varint(m, bits);
    else
        put_raw(m, &bits, wire == WIRE_FIXED64 ? 8 : 4); /* little-endian hosts */
}

/* Outside a oneof, a default value is the same as none, and is left out. */
static bool has_presence(const ProtobufCFieldDescriptor *field) {
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 || field->label == PROTOBUF_C_LABEL_REPEATED;
}

static bool map_scalar(mapper_t *m, const ProtobufCFieldDescriptor *field) {
    uint64_t bits;
    if (!read_scalar(m, field->type, &bits)) return false;
    if (bits == 0 && !has_presence(field)) return true;
    put_tag(m, field, wire_type_of(field->type));
    put_scalar(m, wire_type_of(field->type), bits);
    return true;
}

static bool map_string(mapper_t *m, const ProtobufCFieldDescriptor *field) {
    slice_t raw;
    bool escaped;
    if (!json_quoted(&m->scan, &raw, &escaped)) return false;
    if (raw.len == 0 && !has_presence(field)) return true;
    if (escaped) {
        size_t from = begin_block(m, field);
        m->out->len += json_unescape(raw, room(m, raw.len));
        return end_block(m, from);
    }
    put_tag(m, field, WIRE_BLOCK);
    put_varint(m, raw.len);
    put_raw(m, raw.data, raw.len);
    return true;
}

/* Value of a character among the 64 of base64 (either alphabet), or of the 16 of hex; 255 = none. */
static uint8_t digit_of(uint8_t c, bool hex) {
    if (c >= '0' && c <= '9') return (uint8_t)(c - '0' + (hex ? 0 : 52));
    if (hex) return (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (uint8_t)((c | 0x20) - 'a' + 10) : 255;
    if (c >= 'A' && c <= 'Z') return (uint8_t)(c - 'A');
    if (c >= 'a' && c <= 'z') return (uint8_t)(c - 'a' + 26);
    if (c == '+' || c == '-') return 62;
    return c == '/' || c == '_' ? 63 : 255;
}

/* Packs digits of 4 or 6 bits into bytes; false when there is another character, or half a byte too much. */
static bool unpack_digits(slice_t text, bool hex, uint8_t *out, size_t *out_len) {
    uint32_t bits = 0, have = 0;
    *out_len = 0;
    while (!hex && text.len > 0 && text.data[text.len - 1] == '=') text.len--;
    if (hex ? text.len % 2 != 0 : text.len % 4 == 1) return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t digit = digit_of(text.data[i], hex);
        if (digit == 255) return false;
        bits = bits << (hex ? 4 : 6) | digit;
        have += hex ? 4 : 6;
        if (have < 8) continue;
        have -= 8;
        out[(*out_len)++] = (uint8_t)(bits >> have);
    }
    return true;
}

/* Ids are hex, all other bytes base64. */
static bool is_id(const char *name) {
    size_t len = strlen(name);
    return len > 3 && strcmp(name + len - 3, "_id") == 0;
}

static bool map_bytes(mapper_t *m, const ProtobufCFieldDescriptor *field) {
    slice_t raw;
    bool escaped, hex = is_id(field->name);
    if (!json_quoted(&m->scan, &raw, &escaped)) return false;
    if (raw.len == 0 && !has_presence(field)) return true;
    size_t from = begin_block(m, field), len;
    uint8_t *at = room(m, raw.len + 1);
    if (escaped) { /* "\/" stands in base64 of some writers */
        raw.len = json_unescape(raw, at);
        raw.data = at; /* decoding in place: the output never overtakes the input */
    }
    if (!unpack_digits(raw, hex, at, &len)) return wrong(m, hex ? "not hexadecimal" : "not base64");
    m->out->len += len;
    return end_block(m, from);
}

static bool map_members(mapper_t *m, const ProtobufCMessageDescriptor *type);

static bool map_message(mapper_t *m, const ProtobufCFieldDescriptor *field) {
    size_t from = begin_block(m, field);
    return map_members(m, field->descriptor) && end_block(m, from);
}

static bool map_one(mapper_t *m, const ProtobufCFieldDescriptor *field) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return map_message(m, field);
    case PROTOBUF_C_TYPE_STRING:
        return map_string(m, field);
    case PROTOBUF_C_TYPE_BYTES:
        return map_bytes(m, field);
    default:
        return map_scalar(m, field);
    }
}

/* Numbers are packed, all else is repeated with its tag. */
static bool map_elements(mapper_t *m, const ProtobufCFieldDescriptor *field) {
    wire_type_t wire = wire_type_of(field->type);
    bool first = true, packed = wire != WIRE_BLOCK;
    if (!json_open(&m->scan, '[')) return false;
    step_t *step = &m->steps[m->step_count - 1];
    size_t from = packed ? begin_block(m, field) : 0, empty = m->out->len;
    for (step->index = 0; json_more(&m->scan, ']', &first); step->index++) {
        uint64_t bits;
        if (packed && !read_scalar(m, field->type, &bits)) return false;
        if (packed)
            put_scalar(m, wire, bits);
        else if (!map_one(m, field))
            return false;
    }
    step->index = SIZE_MAX;
    if (m->scan.fault != NULL) return false;
    if (packed && m->out->len == empty)
        m->out->len -= 2; /* an empty list: tags of repeated numbers have one byte */
    else if (packed)
        return end_block(m, from);
    return true;
}

static bool map_value(mapper_t *m, const ProtobufCFieldDescriptor *field) {
    if (is_null(m)) return true;
    return field->label == PROTOBUF_C_LABEL_REPEATED ? map_elements(m, field) : map_one(m, field);
}

/* Names with escapes are rare, and none of ours is longer than the space. */
static slice_t plain_key(slice_t raw, bool escaped, uint8_t space[64]) {
    if (!escaped || raw.len > 64) return raw;
    return slice_of(space, json_unescape(raw, space));
}

static bool map_members(mapper_t *m, const ProtobufCMessageDescriptor *type) {
    slice_t raw;
    bool escaped, first = true;
    unsigned hint = 0;
    uint8_t space[64];
    if (!json_open(&m->scan, '{')) return false;
    step_t *step = &m->steps[m->step_count++];
    *step = (step_t){.index = SIZE_MAX};
    while (json_more(&m->scan, '}', &first) && json_key(&m->scan, &raw, &escaped)) {
        step->key = raw;
        const ProtobufCFieldDescriptor *field = find_field(type, plain_key(raw, escaped, space), &hint);
        if (field == NULL ? !json_skip(&m->scan) : !map_value(m, field)) return false;
    }
    if (m->scan.fault != NULL) return false;
    m->step_count--;
    return true;
}

/* Appends to a text of bounded size; what does not fit is left out. */
static void explain(char *why, size_t size, size_t *len, const char *format, slice_t text, size_t number) {
    if (*len + 1 >= size) return;
    int room_left = (int)(text.len < 80 ? text.len : 80);
    int written = snprintf(why + *len, size - *len, format, room_left, (const char *)text.data, number);
    if (written > 0) *len += (size_t)written < size - *len ? (size_t)written : size - *len - 1;
}

/* "$.resourceSpans[0].scopeSpans[2].spans[7].kind: an enum must be a number (byte 812)" */
static void tell_why(const mapper_t *m, char *why, size_t size) {
    size_t len = 0, size_of_way = size > 192 ? size - 96 : size; /* a long way must leave room for the reason */
    if (why == NULL || size == 0) return;
    explain(why, size_of_way, &len, "$%.*s", slice_text(""), 0);
    for (unsigned i = 0; i < m->step_count; i++) {
        const step_t *step = &m->steps[i];
        if (step->key.len > 0) explain(why, size_of_way, &len, ".%.*s", step->key, 0);
        if (step->index != SIZE_MAX) explain(why, size_of_way, &len, "%.*s[%zu]", slice_text(""), step->index);
    }
    explain(why, size, &len, ": %.*s (byte %zu)", slice_text(m->scan.fault), m->scan.at);
    for (char *c = why; *c != '\0'; c++)
        if ((uint8_t)*c < 0x20 || (uint8_t)*c > 0x7e) *c = '?';
}

err_t otlp_json_decode(otlp_kind_t kind, slice_t json, size_t limit, buffer_t *out, char *why, size_t why_size) {
    const ProtobufCMessageDescriptor *const types[OTLP_KINDS] = {&otlp__export_trace_service_request__descriptor,
                                                                 &otlp__export_metrics_service_request__descriptor,
                                                                 &otlp__export_logs_service_request__descriptor};
    mapper_t m = {.scan = json_scan_of(json), .out = out, .base = out->len, .limit = limit};
    if (map_members(&m, types[kind]) && json_end(&m.scan)) return ERR_OK;
    tell_why(&m, why, why_size);
    out->len = m.base;
    return m.too_large || m.scan.too_deep ? ERR_TOO_LARGE : ERR_MALFORMED;
}
