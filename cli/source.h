/* source: one recorded file as OTLP requests in protobuf, whatever it is packed in: JSON lines or messages with a
 * varint length before each; plain, gzip or zstd, told by the first bytes and not by the name. */
#ifndef SEISMESH_CLI_SOURCE_H
#define SEISMESH_CLI_SOURCE_H

#include "base/buffer.h"
#include "base/err.h"
#include "collector/fold/otlp.h"

typedef struct source source_t;

enum { SOURCE_RECORD_MAX = 256 << 20 }; /* one line or message */

/* Opens a file ("-" is standard input). ERR_IO with a sentence. */
err_t source_open(const char *path, source_t **out, char *why, size_t why_size);
void source_close(source_t *source);

/* The next request and its line (or number of the message, from 1); `payload` is emptied and filled. ERR_NOT_FOUND at
 * the end; ERR_IO, ERR_MALFORMED and ERR_TOO_LARGE with a sentence that names file and line. */
err_t source_next(source_t *source, otlp_kind_t *kind, uint64_t *line, buffer_t *payload, char *why, size_t why_size);

/* Bytes of the file, and how many of them were read. */
uint64_t source_size(const source_t *source);
uint64_t source_read(const source_t *source);

#endif
