/* Span blocks from a damaged disk. First byte: 0 = the rest is a block as stored; 1 = the rest is packed first, so that
 * the walk behind the checksum is reached; 2 = the lists of a trace row. */
#include "collector/store/attributes.h"
#include "collector/store/spanblock.h"
#include "collector/store/tracerow.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool touch(void *context, slice_t resource, slice_t scope, slice_t span) {
    const query_attribute_t wanted[2] = {{slice_text("a"), slice_text("1")}, {slice_text("b"), slice_text("true")}};
    uint64_t *sum = context;
    for (size_t i = 0; i < span.len; i++) *sum += span.data[i];
    *sum += resource.len + scope.len + attributes_found(resource, 1, wanted, 2) + attributes_found(span, 9, wanted, 2);
    return *sum % 97 != 0;
}

static void walk(slice_t raw) {
    const uint8_t trace_id[16] = {1};
    uint64_t sum = 0;
    (void)spanblock_each(raw, NULL, touch, &sum);
    (void)spanblock_each(raw, trace_id, touch, &sum);
}

static void rows(slice_t bytes) {
    tracerow_t row = {0};
    buffer_t again = {0};
    if (tracerow_decode_services(&row, bytes)) tracerow_encode_services(&row, &again);
    if (tracerow_decode_blocks(&row, bytes)) tracerow_encode_blocks(&row, &again);
    buffer_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    slice_t rest = slice_of(data + 1, size - 1);
    buffer_t packed = {0}, raw = {0};
    if (data[0] == 1) spanblock_pack(rest, &packed);
    err_t err = spanblock_unpack(data[0] == 1 ? buffer_slice(&packed) : rest, &raw);
    if (data[0] == 1 && (err != ERR_OK || !slice_equal(buffer_slice(&raw), rest))) abort();
    if (err == ERR_OK) walk(buffer_slice(&raw));
    if (data[0] == 2) rows(rest);
    buffer_fini(&packed);
    buffer_fini(&raw);
    return 0;
}
