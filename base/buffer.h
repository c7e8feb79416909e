/* buffer: bytes that grow at the end; owns its memory. All writers of formats use it.
 * Running out of memory ends the process with a message: a daemon of bounded size has no better answer. */
#ifndef SEISMESH_BASE_BUFFER_H
#define SEISMESH_BASE_BUFFER_H

#include "base/slice.h"

typedef struct {
    uint8_t *data;
    size_t len;
    size_t capacity;
} buffer_t;

/* A zeroed buffer_t is an empty buffer. */
void buffer_fini(buffer_t *buffer);

/* Makes room for `more` further bytes and returns where they go; the caller adds what it wrote to `len`. */
uint8_t *buffer_reserve(buffer_t *buffer, size_t more);

void buffer_append(buffer_t *buffer, const void *data, size_t len);
void buffer_text(buffer_t *buffer, const char *text);
void buffer_format(buffer_t *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_byte(buffer_t *buffer, uint8_t byte);
void buffer_u32(buffer_t *buffer, uint32_t value);    /* little-endian */
void buffer_u64(buffer_t *buffer, uint64_t value);    /* little-endian */
void buffer_f64(buffer_t *buffer, double value);      /* IEEE 754 bits, little-endian */
void buffer_varint(buffer_t *buffer, uint64_t value); /* base-128, as protobuf */
void buffer_zigzag(buffer_t *buffer, int64_t value);  /* signed varint, as protobuf sint64 */
void buffer_block(buffer_t *buffer, slice_t bytes);   /* varint length, then the bytes */

static inline slice_t buffer_slice(const buffer_t *buffer) {
    return slice_of(buffer->data, buffer->len);
}
static inline void buffer_clear(buffer_t *buffer) {
    buffer->len = 0;
}

#endif
