#include "collector/store/spanblock.h"

#include "base/bytes.h"
#include "base/crc32c.h"

#include <assert.h>
#include <zstd.h>

enum { HEAD_BYTES = 16, LEVEL = 1 };

/* Field numbers of opentelemetry.proto: TracesData, ResourceSpans, ScopeSpans, Span. */
enum {
    DATA_RESOURCE_SPANS = 1,
    RESOURCE_SPANS_RESOURCE = 1,
    RESOURCE_SPANS_SCOPE_SPANS = 2,
    SCOPE_SPANS_SCOPE = 1,
    SCOPE_SPANS_SPANS = 2,
    SPAN_TRACE_ID = 1
};

void spanblock_pack(slice_t raw, buffer_t *out) {
    assert(raw.len <= SPANBLOCK_RAW_MAX);
    size_t start = out->len, bound = ZSTD_compressBound(raw.len);
    buffer_append(out, "SMB1", 4);
    buffer_u32(out, 0);
    buffer_u64(out, raw.len);
    uint8_t *to = buffer_reserve(out, bound);
    size_t packed = ZSTD_compress(to, bound, raw.data, raw.len, LEVEL);
    assert(!ZSTD_isError(packed)); /* there is room for the worst case */
    out->len += packed;
    uint32_t crc = crc32c(0, out->data + start + 8, out->len - start - 8);
    memcpy(out->data + start + 4, &crc, sizeof crc);
}

err_t spanblock_unpack(slice_t bytes, buffer_t *out) {
    bytes_t in = bytes_of(bytes);
    slice_t magic, checked, frame;
    uint32_t crc;
    uint64_t raw;
    if (!bytes_take(&in, 4, &magic) || !slice_is(magic, "SMB1") || !bytes_u32(&in, &crc)) return ERR_MALFORMED;
    bytes_t rest = in;
    if (!bytes_take(&rest, bytes_left(&rest), &checked)) return ERR_MALFORMED;
    if (crc32c(0, checked.data, checked.len) != crc) return ERR_MALFORMED;
    if (!bytes_u64(&in, &raw) || raw > SPANBLOCK_RAW_MAX) return ERR_MALFORMED;
    if (!bytes_take(&in, bytes_left(&in), &frame)) return ERR_MALFORMED;
    if (ZSTD_getFrameContentSize(frame.data, frame.len) != raw) return ERR_MALFORMED;
    uint8_t *to = buffer_reserve(out, (size_t)raw + 1); /* never NULL */
    size_t got = ZSTD_decompress(to, (size_t)raw, frame.data, frame.len);
    if (ZSTD_isError(got) || got != raw) return ERR_MALFORMED;
    out->len += got;
    return ERR_OK;
}

typedef struct {
    const uint8_t *trace_id;
    bool (*span)(void *context, slice_t resource, slice_t scope, slice_t span);
    void *context;
    bool stopped;
} walk_t;

/* The last occurrence of a block field in a message, as protobuf has it; empty when absent. */
static slice_t find_block(slice_t message, uint32_t number) {
    bytes_t in = bytes_of(message);
    wire_field_t field;
    slice_t found = slice_of(NULL, 0);
    while (wire_next(&in, &field))
        if (field.number == number && field.type == WIRE_BLOCK) found = field.block;
    return found;
}

/* The trace id is the first field in every encoder's output: reads on only when it is not. */
static bool is_of_trace(slice_t span, const uint8_t *trace_id) {
    if (trace_id == NULL) return true;
    if (span.len >= 18 && span.data[0] == (SPAN_TRACE_ID << 3 | WIRE_BLOCK) && span.data[1] == 16 &&
        memcmp(span.data + 2, trace_id, 16) != 0 && (span.len == 18 || span.data[18] != span.data[0]))
        return false;
    slice_t id = find_block(span, SPAN_TRACE_ID);
    return id.len == 16 && memcmp(id.data, trace_id, 16) == 0;
}

static err_t walk_scope(walk_t *walk, slice_t resource, slice_t message) {
    slice_t scope = find_block(message, SCOPE_SPANS_SCOPE);
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (!walk->stopped && wire_next(&in, &field)) {
        if (field.number != SCOPE_SPANS_SPANS || field.type != WIRE_BLOCK) continue;
        if (is_of_trace(field.block, walk->trace_id))
            walk->stopped = !walk->span(walk->context, resource, scope, field.block);
    }
    return walk->stopped || bytes_done(&in) ? ERR_OK : ERR_MALFORMED;
}

static err_t walk_resource(walk_t *walk, slice_t message) {
    slice_t resource = find_block(message, RESOURCE_SPANS_RESOURCE);
    bytes_t in = bytes_of(message);
    wire_field_t field;
    err_t err = ERR_OK;
    while (err == ERR_OK && !walk->stopped && wire_next(&in, &field))
        if (field.number == RESOURCE_SPANS_SCOPE_SPANS && field.type == WIRE_BLOCK)
            err = walk_scope(walk, resource, field.block);
    return err != ERR_OK || walk->stopped || bytes_done(&in) ? err : ERR_MALFORMED;
}

err_t spanblock_each(slice_t raw, const uint8_t *trace_id,
                     bool (*span)(void *context, slice_t resource, slice_t scope, slice_t span), void *context) {
    walk_t walk = {trace_id, span, context, false};
    bytes_t in = bytes_of(raw);
    wire_field_t field;
    err_t err = ERR_OK;
    while (err == ERR_OK && !walk.stopped && wire_next(&in, &field))
        if (field.number == DATA_RESOURCE_SPANS && field.type == WIRE_BLOCK) err = walk_resource(&walk, field.block);
    return err != ERR_OK || walk.stopped || bytes_done(&in) ? err : ERR_MALFORMED;
}
