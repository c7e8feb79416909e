/* memory: allocation that cannot fail quietly. Never used per span or point. */
#ifndef SEISMESH_BASE_MEMORY_H
#define SEISMESH_BASE_MEMORY_H

#include <stddef.h>

/* Zeroed memory for `count` things of `size` bytes; the process ends with a message when there is none. */
void *memory_new(size_t count, size_t size);

/* As realloc; the new part is not zeroed. */
void *memory_resize(void *memory, size_t size);

/* For a daemon, once at its start: keeps up to 16 MiB that was freed at the end of each heap instead of giving it back
 * to the kernel, which must clear and map it again for the next request's body: 0.1 CPU-s per million spans. What is
 * smaller than 4 MiB comes from the heaps, too: a frame of the store, read for an answer, is not worth 50 page faults,
 * nor is a batch that the Kafka client unpacks. */
void memory_keep_freed(void);

/* A copy of a C string, to be freed. */
char *memory_text(const char *text);

#endif
