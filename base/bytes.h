/* bytes: the bounded reader of bytes from outside. It is the only place that does pointer arithmetic on input:
 * every read checks what is left and says false when there is not enough. Inline, since the fold lives on it.
 *
 *     bytes_t body = bytes_of(slice);
 *     wire_field_t field;
 *     while (wire_next(&body, &field)) if (field.number == 1 && field.type == WIRE_BLOCK) use(field.block);
 *     if (!bytes_done(&body)) return ERR_MALFORMED;
 */
#ifndef SEISMESH_BASE_BYTES_H
#define SEISMESH_BASE_BYTES_H

#include "base/slice.h"

typedef struct {
    const uint8_t *at;  /* next byte; NULL after a failed read, so that bytes_done() is false */
    const uint8_t *end; /* one behind the last byte */
} bytes_t;

static inline bytes_t bytes_of(slice_t s) {
    static const uint8_t none[1] = {0};
    return s.len == 0 ? (bytes_t){none, none} : (bytes_t){s.data, s.data + s.len};
}
static inline size_t bytes_left(const bytes_t *b) {
    return b->at == NULL ? 0 : (size_t)(b->end - b->at);
}

/* True when everything was read and nothing was malformed. */
static inline bool bytes_done(const bytes_t *b) {
    return b->at != NULL && b->at == b->end;
}

static inline bool bytes_fail(bytes_t *b) {
    b->at = NULL;
    b->end = NULL;
    return false;
}

/* Base-128 varint of at most 10 bytes; bits above the 64th are refused. */
static inline bool bytes_varint(bytes_t *b, uint64_t *value) {
    const uint8_t *p = b->at;
    if (p == b->end) return bytes_fail(b);
    if (*p < 0x80) {
        *value = *p;
        b->at = p + 1;
        return true;
    }
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 64 && p < b->end; shift += 7, p++) {
        result |= (uint64_t)(*p & 0x7f) << shift;
        if (*p < 0x80) {
            if (shift == 63 && *p > 1) break;
            *value = result;
            b->at = p + 1;
            return true;
        }
    }
    return bytes_fail(b);
}

static inline bool bytes_zigzag(bytes_t *b, int64_t *value) {
    uint64_t raw;
    if (!bytes_varint(b, &raw)) return false;
    *value = (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
    return true;
}

static inline bool bytes_u64(bytes_t *b, uint64_t *value) {
    if (bytes_left(b) < 8) return bytes_fail(b);
    memcpy(value, b->at, 8); /* little-endian hosts only: checked by an assertion at start */
    b->at += 8;
    return true;
}

static inline bool bytes_u32(bytes_t *b, uint32_t *value) {
    if (bytes_left(b) < 4) return bytes_fail(b);
    memcpy(value, b->at, 4);
    b->at += 4;
    return true;
}

static inline bool bytes_f64(bytes_t *b, double *value) {
    uint64_t bits;
    if (!bytes_u64(b, &bits)) return false;
    memcpy(value, &bits, 8);
    return true;
}

static inline bool bytes_byte(bytes_t *b, uint8_t *value) {
    if (bytes_left(b) < 1) return bytes_fail(b);
    *value = *b->at++;
    return true;
}

static inline bool bytes_take(bytes_t *b, uint64_t len, slice_t *out) {
    if (len > bytes_left(b)) return bytes_fail(b);
    *out = slice_of(b->at, (size_t)len);
    b->at += len;
    return true;
}

/* Varint length, then that many bytes. */
static inline bool bytes_block(bytes_t *b, slice_t *out) {
    uint64_t len;
    return bytes_varint(b, &len) && bytes_take(b, len, out);
}

/* Protobuf wire format: https://protobuf.dev/programming-guides/encoding/ */
typedef enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BLOCK = 2, WIRE_FIXED32 = 5 } wire_type_t;

typedef struct {
    uint32_t number;
    uint8_t type;   /* wire_type_t */
    uint64_t value; /* of varint, fixed64 and fixed32 */
    slice_t block;  /* of WIRE_BLOCK */
} wire_field_t;

/* Skips a group (deprecated wire types 3 and 4) whose start tag was just read. At most 16 groups deep. */
bool wire_skip_group(bytes_t *b, uint32_t number);

/* The rest of a field behind its tag, of which the type is known to be one of the four. */
static inline bool wire_value(bytes_t *b, wire_field_t *field) {
    uint32_t word;
    field->value = 0; /* a reader that expects another type finds nothing, not what was there before */
    field->block = slice_of(NULL, 0);
    switch (field->type) {
    case WIRE_VARINT:
        return bytes_varint(b, &field->value);
    case WIRE_FIXED64:
        return bytes_u64(b, &field->value);
    case WIRE_BLOCK:
        return bytes_block(b, &field->block);
    case WIRE_FIXED32:
        if (!bytes_u32(b, &word)) return false;
        field->value = word;
        return true;
    default:
        return bytes_fail(b);
    }
}

/* wire_next for tags of several bytes, groups, and what is malformed. */
bool wire_next_rare(bytes_t *b, wire_field_t *field);

/* Reads the next field; groups are skipped. False at the end, or, with bytes_done() false, at malformed bytes. */
static inline bool wire_next(bytes_t *b, wire_field_t *field) {
    if (b->at == b->end) return false;
    uint8_t tag = *b->at, type = tag & 7;
    if (tag >= 0x80 || tag < 8 || type == 3) return wire_next_rare(b, field);
    b->at++;
    field->number = tag >> 3;
    field->type = type;
    return wire_value(b, field);
}

/* The next eight bytes, the first of them lowest, without reading them; false when there are fewer. */
static inline bool bytes_peek_u64(const bytes_t *b, uint64_t *value) {
    if (bytes_left(b) < sizeof *value) return false;
    memcpy(value, b->at, sizeof *value);
    return true;
}

/* Reads `count` of the bytes that were peeked at. */
static inline void bytes_peeked(bytes_t *b, size_t count) {
    b->at += count;
}

/* A message that is exactly two blocks shorter than 128 bytes, of fields 1 and 2, as nearly every OTLP attribute is:
 * the short way for those. False says only that it looks otherwise. */
static inline bool wire_short_pair(slice_t message, slice_t *first, slice_t *second) {
    const uint8_t *p = message.data;
    if (message.len < 4 || message.len >= 0x80 || p[0] != (1 << 3 | WIRE_BLOCK)) return false;
    size_t len = p[1];
    if (len + 4 > message.len || p[2 + len] != (2 << 3 | WIRE_BLOCK) || p[3 + len] != message.len - len - 4)
        return false;
    *first = slice_of(p + 2, len);
    *second = slice_of(p + 4 + len, message.len - len - 4);
    return true;
}

#endif
