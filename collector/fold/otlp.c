#include "collector/fold/otlp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *const otlp_kind_names[OTLP_KINDS] = {"traces", "metrics", "logs"};

const char *span_fault_text(span_fault_t fault) {
    switch (fault) {
    case SPAN_ZERO_ID:
        return "a trace or span id is missing, all zeros, or of a wrong length";
    case SPAN_NEGATIVE:
        return "a span ends before it starts";
    case SPAN_FUTURE:
        return "a timestamp is more than 5 minutes ahead of this server's clock";
    default:
        return "";
    }
}

/* Reads one AnyValue; the last field of the oneof wins, as in protobuf. */
bool otlp_any_value(slice_t message, otlp_value_t *value) {
    enum { STRING_TAG = 0x0a };
    if (message.len >= 2 && message.len < 0x80 && message.data[0] == STRING_TAG &&
        message.data[1] == message.len - 2) { /* nothing but a short text: nearly always */
        *value = (otlp_value_t){.type = VALUE_TEXT, .text = slice_of(message.data + 2, message.len - 2)};
        return true;
    }
    *value = (otlp_value_t){.type = VALUE_NONE};
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        switch (field.number) {
        case 1:
            *value = (otlp_value_t){.type = VALUE_TEXT, .text = field.block};
            break;
        case 2:
            *value = (otlp_value_t){.type = VALUE_BOOL, .integer = field.value != 0};
            break;
        case 3:
            *value = (otlp_value_t){.type = VALUE_INT, .integer = (int64_t)field.value};
            break;
        case 4:
            *value = (otlp_value_t){.type = VALUE_DOUBLE};
            memcpy(&value->number, &field.value, sizeof value->number);
            break;
        case 5:
        case 6:
        case 7:
            *value = (otlp_value_t){.type = VALUE_OTHER};
            break;
        default:
            break;
        }
    }
    return bytes_done(&in);
}

bool otlp_key_value(slice_t message, slice_t *key, otlp_value_t *value) {
    *key = slice_of(NULL, 0);
    *value = (otlp_value_t){.type = VALUE_NONE};
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        if (field.type != WIRE_BLOCK) continue;
        if (field.number == 1) *key = field.block;
        if (field.number == 2 && !otlp_any_value(field.block, value)) return false;
    }
    return bytes_done(&in);
}

slice_t otlp_value_text(const otlp_value_t *value, char *space) {
    int len = 0;
    switch (value->type) {
    case VALUE_TEXT:
        return value->text;
    case VALUE_BOOL:
        return slice_text(value->integer ? "true" : "false");
    case VALUE_INT:
        len = snprintf(space, 32, "%lld", (long long)value->integer);
        break;
    case VALUE_DOUBLE:
        len = snprintf(space, 32, "%.15g", value->number);
        break;
    default:
        break;
    }
    return slice_of(space, (size_t)len);
}

bool otlp_value_number(const otlp_value_t *value, double *number) {
    char text[40], *end;
    switch (value->type) {
    case VALUE_INT:
        *number = (double)value->integer;
        return true;
    case VALUE_DOUBLE:
        *number = value->number;
        return isfinite(*number);
    case VALUE_TEXT:
        if (value->text.len == 0 || value->text.len >= sizeof text) return false;
        memcpy(text, value->text.data, value->text.len);
        text[value->text.len] = '\0';
        *number = strtod(text, &end);
        return *end == '\0' && isfinite(*number);
    default:
        return false;
    }
}
