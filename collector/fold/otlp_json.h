/* otlp_json: OTLP/JSON mapped through the protobuf-c descriptors to OTLP protobuf bytes, so that everything behind it
 * knows one format. Rules: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding (hex ids, enums as
 * integers, lowerCamelCase keys, unknown keys ignored, 64-bit integers as text or number, base64 bytes). */
#ifndef SEISMESH_FOLD_OTLP_JSON_H
#define SEISMESH_FOLD_OTLP_JSON_H

#include "base/buffer.h"
#include "base/err.h"
#include "collector/fold/otlp.h"

/* Appends the request as protobuf bytes. ERR_MALFORMED: not JSON, or not of the request's shape; ERR_TOO_LARGE: the
 * result is over `limit` bytes or nested deeper than 64. `why` (may be NULL) gets one sentence that names the place. */
err_t otlp_json_decode(otlp_kind_t kind, slice_t json, size_t limit, buffer_t *out, char *why, size_t why_size);

#endif
