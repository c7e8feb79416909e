/* spanblock: spans on disk. A block is the request bodies (opentelemetry.proto ExportTraceServiceRequest) of some
 * journal records, one behind the other, which is itself a valid TracesData message; compressed.
 *
 * Bytes: magic "SMB1", u32 CRC32C of all that follows, u64 raw length, zstd frame (level 1). Little-endian. */
#ifndef SEISMESH_STORE_SPANBLOCK_H
#define SEISMESH_STORE_SPANBLOCK_H

#include "base/buffer.h"
#include "base/err.h"

#define SPANBLOCK_RAW_MAX (UINT64_C(1) << 29) /* no block is longer than this when unpacked */

/* Compresses. `raw` has at most SPANBLOCK_RAW_MAX bytes. */
void spanblock_pack(slice_t raw, buffer_t *out);

/* ERR_MALFORMED: magic, checksum, length or zstd are wrong; then nothing is added to `out`. */
err_t spanblock_unpack(slice_t bytes, buffer_t *out);

/* Calls back for each span of an unpacked block whose trace id is `trace_id` (NULL: of all traces), in order, with the
 * encoded Resource, InstrumentationScope (empty when absent) and Span. false from the callback ends the walk.
 * ERR_MALFORMED when the bytes are not TracesData; spans before that place were given. */
err_t spanblock_each(slice_t raw, const uint8_t *trace_id,
                     bool (*span)(void *context, slice_t resource, slice_t scope, slice_t span), void *context);

#endif
