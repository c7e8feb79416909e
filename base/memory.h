/* memory: allocation that cannot fail quietly. Never used per span or point. */
#ifndef SEISMESH_BASE_MEMORY_H
#define SEISMESH_BASE_MEMORY_H

#include <stddef.h>

/* Zeroed memory for `count` things of `size` bytes; the process ends with a message when there is none. */
void *memory_new(size_t count, size_t size);

/* As realloc; the new part is not zeroed. */
void *memory_resize(void *memory, size_t size);

/* A copy of a C string, to be freed. */
char *memory_text(const char *text);

#endif
