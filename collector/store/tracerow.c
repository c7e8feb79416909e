#include "collector/store/tracerow.h"

bool trace_root_before(const trace_root_t *a, const trace_root_t *b) {
    if (a->root != b->root) return a->root;
    if (a->start_ns != b->start_ns) return a->start_ns < b->start_ns;
    int order = memcmp(a->span_id, b->span_id, sizeof a->span_id);
    if (order != 0) return order < 0;
    /* the same span twice, told differently: any rule will do that does not ask for the order of arrival */
    return trace_pair_rank((trace_pair_t){a->service, a->operation}) <
           trace_pair_rank((trace_pair_t){b->service, b->operation});
}

void tracerow_add_pair(tracerow_t *row, trace_pair_t pair) {
    uint32_t at = row->pair_count;
    while (at > 0 && trace_pair_rank(row->pairs[at - 1]) >= trace_pair_rank(pair)) at--;
    if (at < row->pair_count && trace_pair_rank(row->pairs[at]) == trace_pair_rank(pair)) return;
    if (row->pair_count == TRACE_PAIRS_MAX) {
        row->pairs_cut = true;
        if (at == TRACE_PAIRS_MAX) return;
        row->pair_count--;
    }
    memmove(row->pairs + at + 1, row->pairs + at, (row->pair_count - at) * sizeof row->pairs[0]);
    row->pairs[at] = pair;
    row->pair_count++;
}

void tracerow_add_block(tracerow_t *row, uint64_t block) {
    uint32_t at = row->block_count;
    while (at > 0 && row->blocks[at - 1] >= block) at--;
    if (at < row->block_count && row->blocks[at] == block) return;
    if (row->block_count == TRACE_BLOCKS_MAX) {
        row->blocks_cut = true;
        if (at == TRACE_BLOCKS_MAX) return;
        row->block_count--;
    }
    memmove(row->blocks + at + 1, row->blocks + at, (row->block_count - at) * sizeof row->blocks[0]);
    row->blocks[at] = block;
    row->block_count++;
}

void tracerow_merge(tracerow_t *into, const tracerow_t *from) {
    if (from->start_ns < into->start_ns) into->start_ns = from->start_ns;
    if (from->end_ns > into->end_ns) into->end_ns = from->end_ns;
    into->spans += from->spans;
    into->errors += from->errors;
    if (trace_root_before(&from->root, &into->root)) into->root = from->root;
    for (uint32_t i = 0; i < from->pair_count; i++) tracerow_add_pair(into, from->pairs[i]);
    for (uint32_t i = 0; i < from->block_count; i++) tracerow_add_block(into, from->blocks[i]);
    into->pairs_cut = into->pairs_cut || from->pairs_cut;
    into->blocks_cut = into->blocks_cut || from->blocks_cut;
}

void tracerow_encode_services(const tracerow_t *row, buffer_t *out) {
    trace_pair_t before = {0, 0};
    buffer_byte(out, row->pairs_cut ? 1 : 0);
    for (uint32_t i = 0; i < row->pair_count; i++) {
        trace_pair_t pair = row->pairs[i];
        buffer_varint(out, pair.service - before.service);
        buffer_varint(out, pair.service == before.service ? pair.operation - before.operation : pair.operation);
        before = pair;
    }
}

void tracerow_encode_blocks(const tracerow_t *row, buffer_t *out) {
    uint64_t before = 0;
    buffer_byte(out, row->blocks_cut ? 1 : 0);
    for (uint32_t i = 0; i < row->block_count; i++) {
        buffer_varint(out, row->blocks[i] - before);
        before = row->blocks[i];
    }
}

bool tracerow_decode_services(tracerow_t *row, slice_t bytes) {
    bytes_t in = bytes_of(bytes);
    uint8_t flags;
    row->pair_count = 0;
    if (!bytes_byte(&in, &flags)) return false;
    row->pairs_cut = (flags & 1) != 0;
    trace_pair_t before = {0, 0};
    while (bytes_left(&in) > 0 && row->pair_count < TRACE_PAIRS_MAX) {
        uint64_t service, operation;
        if (!bytes_varint(&in, &service) || !bytes_varint(&in, &operation)) return false;
        if (service > UINT32_MAX || operation > UINT32_MAX) return false;
        trace_pair_t pair = {before.service + (uint32_t)service,
                             (uint32_t)operation + (service == 0 ? before.operation : 0)};
        row->pairs[row->pair_count++] = before = pair;
    }
    return bytes_done(&in);
}

bool tracerow_decode_blocks(tracerow_t *row, slice_t bytes) {
    bytes_t in = bytes_of(bytes);
    uint8_t flags;
    row->block_count = 0;
    if (!bytes_byte(&in, &flags)) return false;
    row->blocks_cut = (flags & 1) != 0;
    uint64_t before = 0;
    while (bytes_left(&in) > 0 && row->block_count < TRACE_BLOCKS_MAX) {
        uint64_t distance;
        if (!bytes_varint(&in, &distance)) return false;
        row->blocks[row->block_count++] = before += distance;
    }
    return bytes_done(&in);
}
