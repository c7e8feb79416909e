/* OTLP/JSON out of protobuf, driven by protobuf-c's descriptors: nothing here knows a message by name. */
#include "cli/otlp_file.h"

#include "otlp.pb-c.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef union {
    const void *at;
    const uint32_t *u32;
    const int32_t *i32;
    const uint64_t *u64;
    const int64_t *i64;
    const float *f32;
    const double *f64;
    const protobuf_c_boolean *flag;
    char *const *text;
    const ProtobufCBinaryData *bytes;
    ProtobufCMessage *const *message;
} member_t;

static void put_message(buffer_t *out, const ProtobufCMessage *message);

static void put_quoted(buffer_t *out, const char *text) {
    buffer_byte(out, '"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            buffer_format(out, "\\%c", c);
        else if (c < 0x20)
            buffer_format(out, "\\u%04x", c);
        else
            buffer_byte(out, c);
    }
    buffer_byte(out, '"');
}

static void put_hexadecimal(buffer_t *out, const ProtobufCBinaryData *bytes) {
    buffer_byte(out, '"');
    for (size_t i = 0; i < bytes->len; i++) buffer_format(out, "%02x", bytes->data[i]);
    buffer_byte(out, '"');
}

static void put_real(buffer_t *out, double value) {
    if (isfinite(value))
        buffer_format(out, "%.17g", value);
    else
        buffer_text(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

static void put_value(buffer_t *out, const ProtobufCFieldDescriptor *field, member_t m) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        put_message(out, *m.message);
        break;
    case PROTOBUF_C_TYPE_STRING:
        put_quoted(out, *m.text == NULL ? "" : *m.text);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        put_hexadecimal(out, m.bytes);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        buffer_text(out, *m.flag ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        put_real(out, *m.f64);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        put_real(out, (double)*m.f32);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        buffer_format(out, "\"%" PRId64 "\"", *m.i64);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        buffer_format(out, "\"%" PRIu64 "\"", *m.u64);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        buffer_format(out, "%" PRIu32, *m.u32);
        break;
    default: /* the signed ones of 32 bits, and enums */
        buffer_format(out, "%" PRId32, *m.i32);
        break;
    }
}

static size_t size_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_MESSAGE:
    case PROTOBUF_C_TYPE_STRING:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return 8;
    default:
        return 4;
    }
}

/* Whether a field that is not repeated is there: set, and not what is left out anyhow. */
static bool is_there(const ProtobufCFieldDescriptor *field, const char *message, member_t m) {
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t chosen;
        memcpy(&chosen, message + field->quantifier_offset, sizeof chosen);
        return chosen == field->id;
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) return *m.message != NULL;
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_STRING) {
        protobuf_c_boolean has;
        memcpy(&has, message + field->quantifier_offset, sizeof has);
        return has != 0;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) return *m.text != NULL && **m.text != '\0';
    if (field->type == PROTOBUF_C_TYPE_BYTES) return m.bytes->len > 0;
    static const uint64_t zero;
    return memcmp(m.at, &zero, size_of(field->type)) != 0;
}

static void put_name(buffer_t *out, const char *name) {
    buffer_byte(out, '"');
    for (; *name != '\0'; name++) {
        bool raise = name[0] == '_' && name[1] != '\0';
        if (raise) name++;
        buffer_byte(out, (uint8_t)(raise ? toupper((unsigned char)*name) : *name));
    }
    buffer_text(out, "\":");
}

static void put_list(buffer_t *out, const ProtobufCFieldDescriptor *field, const char *items, size_t count) {
    buffer_byte(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buffer_byte(out, ',');
        put_value(out, field, (member_t){.at = items + i * size_of(field->type)});
    }
    buffer_byte(out, ']');
}

static void put_message(buffer_t *out, const ProtobufCMessage *message) {
    const char *base = (const char *)message;
    bool any = false;
    buffer_byte(out, '{');
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        member_t m = {.at = base + field->offset};
        size_t count = 0;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) memcpy(&count, base + field->quantifier_offset, sizeof count);
        if (field->label == PROTOBUF_C_LABEL_REPEATED ? count == 0 : !is_there(field, base, m)) continue;
        if (any) buffer_byte(out, ',');
        any = true;
        put_name(out, field->name);
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            put_list(out, field, *(char *const *)m.at, count);
        else
            put_value(out, field, m);
    }
    buffer_byte(out, '}');
}

bool otlp_json_append(buffer_t *out, otlp_kind_t kind, slice_t body) {
    static const ProtobufCMessageDescriptor *const kinds[OTLP_KINDS] = {
        [OTLP_TRACES] = &otlp__traces_data__descriptor,
        [OTLP_METRICS] = &otlp__metrics_data__descriptor,
        [OTLP_LOGS] = &otlp__logs_data__descriptor,
    };
    ProtobufCMessage *message = protobuf_c_message_unpack(kinds[kind], NULL, body.len, body.data);
    if (message == NULL) return false;
    put_message(out, message);
    protobuf_c_message_free_unpacked(message, NULL);
    return true;
}
