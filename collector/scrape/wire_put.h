/* wire_put: protobuf fields written where there is room already. Each returns where the next one goes. */
#ifndef SEISMESH_SCRAPE_WIRE_PUT_H
#define SEISMESH_SCRAPE_WIRE_PUT_H

#include "base/buffer.h"

static inline size_t varint_length(size_t value) {
    size_t len = 1;
    for (; value > 127; value >>= 7) len++;
    return len;
}

static inline uint8_t *put_varint(uint8_t *at, size_t value) {
    for (; value > 127; value >>= 7) *at++ = (uint8_t)(value | 128);
    *at++ = (uint8_t)value;
    return at;
}

static inline uint8_t *put_block(uint8_t *at, slice_t bytes) {
    at = put_varint(at, bytes.len);
    if (bytes.len > 0) memcpy(at, bytes.data, bytes.len);
    return at + bytes.len;
}

/* KeyValue { key 1, value 2 { string_value 1 } } as field `number` (below 16). */
static inline void put_pair(buffer_t *out, uint32_t number, slice_t prefix, slice_t key, slice_t value) {
    size_t key_len = prefix.len + key.len, any = 1 + varint_length(value.len) + value.len;
    size_t pair = 1 + varint_length(key_len) + key_len + 1 + varint_length(any) + any;
    uint8_t *begin = buffer_reserve(out, 1 + varint_length(pair) + pair), *at = begin;
    *at++ = (uint8_t)(number << 3 | 2);
    at = put_varint(at, pair);
    *at++ = 1 << 3 | 2;
    at = put_varint(at, key_len);
    if (prefix.len > 0) memcpy(at, prefix.data, prefix.len);
    memcpy(at + prefix.len, key.data, key.len);
    at += key_len;
    *at++ = 2 << 3 | 2;
    at = put_varint(at, any);
    *at++ = 1 << 3 | 2;
    at = put_block(at, value);
    out->len += (size_t)(at - begin);
}

static inline uint8_t *put_fixed(uint8_t *at, uint32_t number, uint64_t value) {
    *at++ = (uint8_t)(number << 3 | 1);
    memcpy(at, &value, 8); /* little-endian hosts only, as all of seismesh */
    return at + 8;
}

static inline uint8_t *put_double(uint8_t *at, uint32_t number, double value) {
    uint64_t bits;
    memcpy(&bits, &value, 8);
    return put_fixed(at, number, bits);
}

#endif
