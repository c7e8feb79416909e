#include "base/bytes.h"

enum { GROUP_DEPTH_MAX = 16, WIRE_GROUP_START = 3, WIRE_GROUP_END = 4 };

static bool skip_value(bytes_t *b, unsigned type) {
    uint64_t value;
    uint32_t word;
    slice_t block;
    switch (type) {
    case WIRE_VARINT:
        return bytes_varint(b, &value);
    case WIRE_FIXED64:
        return bytes_u64(b, &value);
    case WIRE_BLOCK:
        return bytes_block(b, &block);
    case WIRE_FIXED32:
        return bytes_u32(b, &word);
    default:
        return bytes_fail(b);
    }
}

bool wire_skip_group(bytes_t *b, uint32_t number) {
    uint32_t open[GROUP_DEPTH_MAX] = {number};
    unsigned depth = 1;
    while (depth > 0) {
        uint64_t tag;
        if (!bytes_varint(b, &tag)) return false;
        uint32_t field = (uint32_t)(tag >> 3);
        unsigned type = (unsigned)(tag & 7);
        if (tag >> 32 || field == 0) return bytes_fail(b);
        if (type == WIRE_GROUP_START) {
            if (depth == GROUP_DEPTH_MAX) return bytes_fail(b);
            open[depth++] = field;
        } else if (type == WIRE_GROUP_END) {
            if (open[--depth] != field) return bytes_fail(b);
        } else if (!skip_value(b, type)) {
            return false;
        }
    }
    return true;
}

bool wire_next_rare(bytes_t *b, wire_field_t *field) {
    while (b->at != b->end) {
        uint64_t tag;
        const uint8_t *start = b->at;
        if (!bytes_varint(b, &tag)) return false;
        if (tag >> 32 || tag < 8 || b->at - start > 5) return bytes_fail(b); /* longer tags: refused by others too */
        field->number = (uint32_t)(tag >> 3);
        field->type = (uint8_t)(tag & 7);
        if (field->type != WIRE_GROUP_START) return wire_value(b, field);
        if (!wire_skip_group(b, field->number)) return false;
    }
    return false;
}
