/* tracerow: what the store remembers of a trace, in one row. Rows merge: earliest start, latest end, sums, the root
 * that is first by (has no parent, start, span id), the union of (service, operation) pairs and of span blocks. Both
 * unions keep their smallest members only (TRACE_PAIRS_MAX, TRACE_BLOCKS_MAX), so the result does not depend on the
 * order or grouping of merges.
 *
 * Bytes of `services`: flags u8 (bit 0: some pairs were cut), then for each pair in ascending order: varint of the
 * service's distance from the one before; varint of the operation, or, when the distance is 0, its distance.
 * Bytes of `blocks`: flags u8 (bit 0: cut), then varint distances of ascending block ids. */
#ifndef SEISMESH_STORE_TRACEROW_H
#define SEISMESH_STORE_TRACEROW_H

#include "base/buffer.h"
#include "base/bytes.h"

enum { TRACE_PAIRS_MAX = 64, TRACE_BLOCKS_MAX = 256 };

typedef struct {
    uint32_t service, operation; /* name ids */
} trace_pair_t;

static inline uint64_t trace_pair_rank(trace_pair_t pair) {
    return (uint64_t)pair.service << 32 | pair.operation;
}

/* The span that stands for the trace. */
typedef struct {
    bool root; /* has no parent */
    int64_t start_ns;
    uint8_t span_id[8];
    uint32_t service, operation;
} trace_root_t;

typedef struct {
    int64_t start_ns, end_ns;
    uint64_t spans, errors;
    trace_root_t root;
    bool pairs_cut, blocks_cut;
    uint32_t pair_count, block_count;
    trace_pair_t pairs[TRACE_PAIRS_MAX]; /* ascending */
    uint64_t blocks[TRACE_BLOCKS_MAX];   /* ascending */
} tracerow_t;

/* True when `a` is the better root. */
bool trace_root_before(const trace_root_t *a, const trace_root_t *b);

void tracerow_add_pair(tracerow_t *row, trace_pair_t pair);
void tracerow_add_block(tracerow_t *row, uint64_t block);
void tracerow_merge(tracerow_t *into, const tracerow_t *from);

void tracerow_encode_services(const tracerow_t *row, buffer_t *out);
void tracerow_encode_blocks(const tracerow_t *row, buffer_t *out);

/* ERR-free decoders: false on malformed bytes, with what was read until then. */
bool tracerow_decode_services(tracerow_t *row, slice_t bytes);
bool tracerow_decode_blocks(tracerow_t *row, slice_t bytes);

#endif
