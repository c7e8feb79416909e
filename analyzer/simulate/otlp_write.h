/* otlp_write: protobuf fields into a buffer, and the attributes of OTLP. Field numbers are OpenTelemetry's. */
#ifndef SEISMESH_SIMULATE_OTLP_WRITE_H
#define SEISMESH_SIMULATE_OTLP_WRITE_H

#include "base/buffer.h"

static inline void put_tag(buffer_t *out, uint32_t number, uint32_t type) {
    buffer_varint(out, number << 3 | type);
}

static inline void put_text(buffer_t *out, uint32_t number, const char *text) {
    put_tag(out, number, 2);
    buffer_block(out, slice_text(text));
}

static inline void put_number(buffer_t *out, uint32_t number, uint64_t value) {
    put_tag(out, number, 0);
    buffer_varint(out, value);
}

static inline void put_fixed(buffer_t *out, uint32_t number, uint64_t value) {
    put_tag(out, number, 1);
    buffer_u64(out, value);
}

static inline void put_real(buffer_t *out, uint32_t number, double value) {
    put_tag(out, number, 1);
    buffer_f64(out, value);
}

/* A nested message: begin, write its fields, end. The length goes in front when it is known. */
static inline size_t put_begin(buffer_t *out, uint32_t number) {
    put_tag(out, number, 2);
    return out->len;
}

static inline void put_end(buffer_t *out, size_t begin) {
    uint8_t length[10];
    size_t size = out->len - begin, digits = 0;
    for (size_t rest = size; digits == 0 || rest > 0; rest >>= 7)
        length[digits++] = (uint8_t)((rest & 127) | (rest > 127 ? 128 : 0));
    (void)buffer_reserve(out, digits);
    memmove(out->data + begin + digits, out->data + begin, size);
    memcpy(out->data + begin, length, digits);
    out->len += digits;
}

/* KeyValue { key 1, value 2 { string 1 } } as field `number`. */
static inline void put_attribute(buffer_t *out, uint32_t number, const char *key, const char *value) {
    size_t pair = put_begin(out, number);
    put_text(out, 1, key);
    size_t any = put_begin(out, 2);
    put_text(out, 1, value);
    put_end(out, any);
    put_end(out, pair);
}

/* The same with int_value 3. */
static inline void put_integer(buffer_t *out, uint32_t number, const char *key, uint64_t value) {
    size_t pair = put_begin(out, number);
    put_text(out, 1, key);
    size_t any = put_begin(out, 2);
    put_number(out, 3, value);
    put_end(out, any);
    put_end(out, pair);
}

#endif
