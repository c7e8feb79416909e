#include "base/memory.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *memory_check(void *memory, size_t size) {
    if (memory == NULL && size > 0) {
        (void)fprintf(stderr, "seismesh: out of memory (asked for %zu bytes); lower the limits in the configuration\n",
                      size);
        abort();
    }
    return memory;
}

void *memory_new(size_t count, size_t size) {
    return memory_check(calloc(count, size), count * size);
}

void *memory_resize(void *memory, size_t size) {
    return memory_check(realloc(memory, size), size);
}

void memory_keep_freed(void) {
    (void)mallopt(M_TRIM_THRESHOLD, 16 << 20);
    (void)mallopt(M_MMAP_THRESHOLD, 4 << 20); /* no longer found by itself, once the other is set */
}

char *memory_text(const char *text) {
    size_t len = strlen(text) + 1;
    return memcpy(memory_new(1, len), text, len);
}
