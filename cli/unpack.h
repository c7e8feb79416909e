/* unpack: bytes of a file, plain, gzip or zstd, as a stream of plain bytes. */
#ifndef SEISMESH_CLI_UNPACK_H
#define SEISMESH_CLI_UNPACK_H

#include "base/buffer.h"
#include "base/err.h"

typedef struct unpack unpack_t;

/* Opens a file ("-" is standard input). NULL, with errno, when it cannot be opened. */
unpack_t *unpack_open(const char *path);
void unpack_close(unpack_t *unpack);

/* Appends some more plain bytes to `out`. ERR_NOT_FOUND: the end; ERR_IO (errno); ERR_MALFORMED: damaged or cut short.
 */
err_t unpack_more(unpack_t *unpack, buffer_t *out);

uint64_t unpack_size(const unpack_t *unpack); /* of the file; 0 when unknown */
uint64_t unpack_read(const unpack_t *unpack); /* bytes of it taken so far */

#endif
