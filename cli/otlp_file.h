/* otlp_file: writes OTLP requests to a file that replay and backtest read. The name decides the form: .jsonl or .json
 * is OTLP/JSON, a request a line; any other is protobuf with a varint length before each request. A .gz or .zst behind
 * that packs it. */
#ifndef SEISMESH_CLI_OTLP_FILE_H
#define SEISMESH_CLI_OTLP_FILE_H

#include "base/buffer.h"
#include "base/err.h"
#include "collector/fold/otlp.h"

typedef struct otlp_file otlp_file_t;

/* "-" is standard output. ERR_IO with a sentence. */
err_t otlp_file_open(const char *path, otlp_file_t **out, char *why, size_t why_size);

/* False when the system does not take it; otlp_file_close says so too. */
bool otlp_file_add(otlp_file_t *file, otlp_kind_t kind, slice_t body);
uint64_t otlp_file_bytes(const otlp_file_t *file); /* before packing */

/* ERR_IO (errno) when something could not be written. */
err_t otlp_file_close(otlp_file_t *file);

/* Appends a request as OTLP/JSON, without the end of the line: lowerCamel names, ids in hexadecimal, 64-bit integers
 * as texts, enums as numbers (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding"). False when malformed. */
bool otlp_json_append(buffer_t *out, otlp_kind_t kind, slice_t body);

#endif
