#include "collector/journal/kafka_key.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Fields of OTLP (proto/otlp.proto): the same numbers in all three kinds of request. */
enum { REQUEST_RESOURCE_ITEMS = 1, ITEMS_RESOURCE = 1, ITEMS_SCOPE = 2, SCOPE_SPANS = 2, SPAN_TRACE_ID = 1 };

/* The first block of this number in a message; empty when there is none. */
static slice_t first_block(slice_t message, uint32_t number) {
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field))
        if (field.number == number && field.type == WIRE_BLOCK) return field.block;
    return slice_of(NULL, 0);
}

void kafka_key(otlp_kind_t kind, slice_t body, uint8_t key[KAFKA_KEY_BYTES]) {
    slice_t items = first_block(body, REQUEST_RESOURCE_ITEMS), one;
    if (kind == OTLP_TRACES) {
        one = first_block(first_block(first_block(items, ITEMS_SCOPE), SCOPE_SPANS), SPAN_TRACE_ID);
        if (one.len == KAFKA_KEY_BYTES) {
            memcpy(key, one.data, KAFKA_KEY_BYTES);
            return;
        }
    }
    one = kind == OTLP_TRACES ? body : first_block(items, ITEMS_RESOURCE);
    if (one.len == 0) one = body;
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(one.data, one.len));
    memcpy(key, canonical.digest, KAFKA_KEY_BYTES);
}

bool kafka_key_part(slice_t *rest, slice_t *part) {
    bytes_t in = bytes_of(*rest);
    wire_field_t field;
    if (!wire_next(&in, &field)) return false;
    size_t left = bytes_left(&in);
    *part = slice_of(rest->data, rest->len - left);
    *rest = slice_of(rest->data + part->len, left);
    return true;
}
