#include "base/buffer.h"

#include "base/memory.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buffer_fini(buffer_t *buffer) {
    free(buffer->data);
    *buffer = (buffer_t){0};
}

uint8_t *buffer_reserve(buffer_t *buffer, size_t more) {
    if (more > buffer->capacity - buffer->len) {
        size_t wanted = buffer->len + more;
        size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
        while (capacity < wanted) capacity += capacity / 2;
        buffer->data = memory_resize(buffer->data, capacity);
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->len;
}

void buffer_append(buffer_t *buffer, const void *data, size_t len) {
    if (len == 0) return;
    memcpy(buffer_reserve(buffer, len), data, len);
    buffer->len += len;
}

void buffer_text(buffer_t *buffer, const char *text) {
    buffer_append(buffer, text, strlen(text));
}

void buffer_format(buffer_t *buffer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    char *at = (char *)buffer_reserve(buffer, (size_t)len + 1);
    va_start(args, format);
    (void)vsnprintf(at, (size_t)len + 1, format, args);
    va_end(args);
    buffer->len += (size_t)len;
}

void buffer_byte(buffer_t *buffer, uint8_t byte) {
    *buffer_reserve(buffer, 1) = byte;
    buffer->len++;
}

void buffer_u32(buffer_t *buffer, uint32_t value) {
    uint8_t *at = buffer_reserve(buffer, 4);
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
    buffer->len += 4;
}

void buffer_u64(buffer_t *buffer, uint64_t value) {
    uint8_t *at = buffer_reserve(buffer, 8);
    for (int i = 0; i < 8; i++) at[i] = (uint8_t)(value >> (8 * i));
    buffer->len += 8;
}

void buffer_f64(buffer_t *buffer, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    buffer_u64(buffer, bits);
}

void buffer_varint(buffer_t *buffer, uint64_t value) {
    uint8_t *at = buffer_reserve(buffer, 10);
    size_t len = 0;
    while (value >= 0x80) {
        at[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    at[len++] = (uint8_t)value;
    buffer->len += len;
}

void buffer_zigzag(buffer_t *buffer, int64_t value) {
    buffer_varint(buffer, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

void buffer_block(buffer_t *buffer, slice_t bytes) {
    buffer_varint(buffer, bytes.len);
    buffer_append(buffer, bytes.data, bytes.len);
}
