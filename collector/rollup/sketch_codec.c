#include "base/memory.h"
#include "collector/rollup/sketch.h"

void sketch_encode(const sketch_t *sketch, buffer_t *out) {
    buffer_byte(out, sketch->coarse ? 1 : 0);
    buffer_zigzag(out, sketch->scale);
    buffer_varint(out, sketch->count);
    if (sketch->count == 0) return;
    buffer_varint(out, sketch->zeros);
    buffer_varint(out, sketch->sum_ns);
    buffer_varint(out, sketch->min_ns);
    buffer_varint(out, sketch->max_ns - sketch->min_ns);
    buffer_zigzag(out, sketch->offset);
    buffer_varint(out, sketch->buckets);
    for (uint32_t i = 0; i < sketch->buckets;) {
        uint32_t skip = i, end;
        while (skip < sketch->buckets && sketch->counts[skip] == 0) skip++;
        for (end = skip; end < sketch->buckets && sketch->counts[end] != 0;) end++;
        buffer_varint(out, skip - i);
        buffer_varint(out, end - skip);
        for (i = skip; i < end; i++) buffer_varint(out, sketch->counts[i]);
    }
}

static bool decode_buckets(sketch_t *sketch, bytes_t *in, uint64_t expected) {
    uint64_t total = 0;
    for (uint64_t at = 0; at < sketch->buckets;) {
        uint64_t skip, run, count;
        if (!bytes_varint(in, &skip) || !bytes_varint(in, &run)) return false;
        if (skip > sketch->buckets - at || run > sketch->buckets - at - skip || run == 0) return false;
        for (at += skip; run > 0; run--, at++) {
            if (!bytes_varint(in, &count) || count == 0 || count > UINT32_MAX) return false;
            total += count; /* at most SKETCH_BUCKETS_MAX of 32 bits */
            sketch->counts[at] = (uint32_t)count;
        }
    }
    return total <= expected; /* less only where a full bucket stopped */
}

static bool decode_rest(sketch_t *sketch, bytes_t *in) {
    uint64_t span, buckets;
    int64_t offset;
    if (!bytes_varint(in, &sketch->zeros) || !bytes_varint(in, &sketch->sum_ns) || !bytes_varint(in, &sketch->min_ns) ||
        !bytes_varint(in, &span) || !bytes_zigzag(in, &offset) || !bytes_varint(in, &buckets))
        return false;
    if (sketch->zeros > sketch->count || __builtin_add_overflow(sketch->min_ns, span, &sketch->max_ns)) return false;
    if (offset < -8192 || offset > 8192 || buckets > SKETCH_BUCKETS_MAX) return false;
    sketch->offset = (int32_t)offset;
    sketch->buckets = (uint32_t)buckets;
    if (buckets > 0) {
        sketch->capacity = sketch->buckets;
        sketch->counts = memory_new(sketch->capacity, sizeof *sketch->counts);
    }
    return decode_buckets(sketch, in, sketch->count - sketch->zeros);
}

bool sketch_decode(sketch_t *sketch, bytes_t *in) {
    sketch_init(sketch);
    uint8_t flags;
    int64_t scale;
    if (!bytes_byte(in, &flags) || flags > 1 || !bytes_zigzag(in, &scale) || scale < SKETCH_SCALE_MIN ||
        scale > SKETCH_SCALE_MAX || !bytes_varint(in, &sketch->count))
        return bytes_fail(in);
    sketch->coarse = flags == 1;
    sketch->scale = (int8_t)scale;
    if (sketch->count == 0 || decode_rest(sketch, in)) return true;
    sketch_fini(sketch);
    return bytes_fail(in);
}
