/* slice: borrowed bytes (pointer and length). A slice never owns what it points at and never outlives it. */
#ifndef SEISMESH_BASE_SLICE_H
#define SEISMESH_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const uint8_t *data;
    size_t len;
} slice_t;

static inline slice_t slice_of(const void *data, size_t len) {
    return (slice_t){(const uint8_t *)data, len};
}

/* The bytes of a C string, without its terminator. */
static inline slice_t slice_text(const char *text) {
    return slice_of(text, strlen(text));
}

static inline bool slice_equal(slice_t a, slice_t b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_is(slice_t a, const char *text) {
    return slice_equal(a, slice_text(text));
}

static inline bool slice_starts(slice_t a, const char *prefix) {
    size_t len = strlen(prefix);
    return a.len >= len && memcmp(a.data, prefix, len) == 0;
}

#endif
