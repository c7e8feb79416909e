#include "collector/store/attributes.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* opentelemetry.proto: KeyValue and AnyValue. */
enum { KEY_VALUE_KEY = 1, KEY_VALUE_VALUE = 2, ANY_STRING = 1, ANY_BOOL = 2, ANY_INT = 3, ANY_DOUBLE = 4 };

static bool equals_double(uint64_t bits, slice_t text) {
    char space[64], *end;
    double value;
    if (text.len == 0 || text.len >= sizeof space) return false;
    memcpy(space, text.data, text.len);
    space[text.len] = '\0';
    memcpy(&value, &bits, sizeof value);
    double wanted = strtod(space, &end);
    return *end == '\0' && wanted <= value && wanted >= value;
}

static bool equals_value(slice_t any, slice_t text) {
    bytes_t in = bytes_of(any);
    wire_field_t field;
    bool equal = false; /* the last member of a oneof counts */
    while (wire_next(&in, &field)) {
        char number[24];
        if (field.number == ANY_STRING && field.type == WIRE_BLOCK) equal = slice_equal(field.block, text);
        if (field.number == ANY_BOOL && field.type == WIRE_VARINT)
            equal = slice_is(text, field.value != 0 ? "true" : "false");
        if (field.number == ANY_INT && field.type == WIRE_VARINT) {
            (void)snprintf(number, sizeof number, "%" PRId64, (int64_t)field.value);
            equal = slice_is(text, number);
        }
        if (field.number == ANY_DOUBLE && field.type == WIRE_FIXED64) equal = equals_double(field.value, text);
    }
    return equal;
}

static uint32_t found_in(slice_t key_value, const query_attribute_t *wanted, uint32_t count) {
    bytes_t in = bytes_of(key_value);
    wire_field_t field;
    slice_t key = slice_of(NULL, 0), value = slice_of(NULL, 0);
    while (wire_next(&in, &field)) {
        if (field.type != WIRE_BLOCK) continue;
        if (field.number == KEY_VALUE_KEY) key = field.block;
        if (field.number == KEY_VALUE_VALUE) value = field.block;
    }
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++)
        if (slice_equal(key, wanted[i].key) && equals_value(value, wanted[i].value)) found |= 1u << i;
    return found;
}

uint32_t attributes_found(slice_t message, uint32_t field_number, const query_attribute_t *wanted, uint32_t count) {
    bytes_t in = bytes_of(message);
    wire_field_t field;
    uint32_t found = 0;
    while (wire_next(&in, &field))
        if (field.number == field_number && field.type == WIRE_BLOCK) found |= found_in(field.block, wanted, count);
    return found;
}
