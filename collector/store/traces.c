#include "collector/store/traces.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/memory.h"

#include <stdlib.h>

uint64_t trace_hash(const uint8_t trace_id[16]) {
    return XXH3_64bits(trace_id, 16);
}

void traces_fini(traces_t *traces) {
    free(traces->rows);
    free(traces->nodes);
    table_fini(&traces->index);
    *traces = (traces_t){0};
}

void traces_clear(traces_t *traces) {
    table_clear(&traces->index);
    traces->count = 0;
    traces->node_count = 0;
    traces->recent = 0;
}

static uint32_t new_node(traces_t *traces, uint32_t next) {
    if (traces->node_count == 0) traces->node_count = 1;
    if (traces->node_count >= traces->node_capacity) {
        traces->node_capacity = traces->node_capacity == 0 ? 1024 : traces->node_capacity * 2;
        traces->nodes = memory_resize(traces->nodes, traces->node_capacity * sizeof *traces->nodes);
    }
    uint32_t at = traces->node_count++;
    traces->nodes[at].next = next;
    traces->nodes[at].count = 0;
    return at;
}

/* Lists are full but for their first node, so a new item goes there, or into a new first node. */
static trace_node_t *open_node(traces_t *traces, uint32_t *first) {
    if (*first == 0 || traces->nodes[*first].count == TRACE_NODE_ITEMS) *first = new_node(traces, *first);
    return &traces->nodes[*first];
}

/* The list is full: the new pair takes the place of the largest, if it is smaller. */
static void replace_largest(traces_t *traces, trace_delta_t *row, trace_pair_t pair) {
    trace_pair_t *largest = NULL;
    for (uint32_t at = row->pairs; at != 0; at = traces->nodes[at].next)
        for (uint32_t i = 0; i < traces->nodes[at].count; i++) {
            trace_pair_t *here = &traces->nodes[at].pairs[i];
            if (largest == NULL || trace_pair_rank(*here) > trace_pair_rank(*largest)) largest = here;
        }
    row->pairs_cut = true;
    if (largest != NULL && trace_pair_rank(pair) < trace_pair_rank(*largest)) *largest = pair;
}

static void add_pair(traces_t *traces, trace_delta_t *row, trace_pair_t pair) {
    for (uint32_t at = row->pairs; at != 0; at = traces->nodes[at].next)
        for (uint32_t i = 0; i < traces->nodes[at].count; i++)
            if (trace_pair_rank(traces->nodes[at].pairs[i]) == trace_pair_rank(pair)) return;
    if (row->pair_count == TRACE_PAIRS_MAX) {
        replace_largest(traces, row, pair);
        return;
    }
    trace_node_t *node = open_node(traces, &row->pairs);
    node->pairs[node->count++] = pair;
    row->pair_count++;
}

/* Blocks come in ascending order, so the first TRACE_BLOCKS_MAX are the smallest. */
static void add_block(traces_t *traces, trace_delta_t *row, uint64_t block) {
    if (row->blocks != 0 && row->last_block == block) return;
    row->last_block = block;
    if (row->block_count == TRACE_BLOCKS_MAX) {
        row->blocks_cut = true;
        return;
    }
    trace_node_t *node = open_node(traces, &row->blocks);
    node->blocks[node->count++] = block;
    row->block_count++;
}

static trace_delta_t *new_row(traces_t *traces, const trace_span_t *span, uint64_t hash) {
    if (traces->count == traces->capacity) {
        traces->capacity = traces->capacity == 0 ? 1024 : traces->capacity * 2;
        traces->rows = memory_resize(traces->rows, traces->capacity * sizeof *traces->rows);
    }
    table_insert(&traces->index, hash, traces->count);
    traces->recent = traces->count;
    trace_delta_t *row = &traces->rows[traces->count++];
    *row = (trace_delta_t){.hash = hash, .start_ns = span->start_ns, .end_ns = span->end_ns};
    memcpy(row->id, span->trace_id, sizeof row->id);
    return row;
}

static trace_delta_t *find_row(traces_t *traces, const trace_span_t *span) {
    if (traces->recent < traces->count && memcmp(traces->rows[traces->recent].id, span->trace_id, 16) == 0)
        return &traces->rows[traces->recent];
    uint64_t hash = trace_hash(span->trace_id);
    for (table_probe_t p = table_probe(&traces->index, hash); table_next(&traces->index, &p);) {
        if (memcmp(traces->rows[p.index].id, span->trace_id, 16) != 0) continue;
        traces->recent = p.index;
        return &traces->rows[p.index];
    }
    return new_row(traces, span, hash);
}

void traces_add(traces_t *traces, const trace_span_t *span) {
    trace_delta_t *row = find_row(traces, span);
    trace_root_t root = {
        .root = span->root, .start_ns = span->start_ns, .service = span->service, .operation = span->operation};
    memcpy(root.span_id, span->span_id, sizeof root.span_id);
    if (row->spans == 0 || trace_root_before(&root, &row->root)) row->root = root;
    if (span->start_ns < row->start_ns) row->start_ns = span->start_ns;
    if (span->end_ns > row->end_ns) row->end_ns = span->end_ns;
    row->spans++;
    row->errors += span->error;
    add_pair(traces, row, (trace_pair_t){span->service, span->operation});
    add_block(traces, row, span->block);
}

void traces_row(const traces_t *traces, uint32_t at, tracerow_t *row) {
    const trace_delta_t *delta = &traces->rows[at];
    row->start_ns = delta->start_ns;
    row->end_ns = delta->end_ns;
    row->spans = delta->spans;
    row->errors = delta->errors;
    row->root = delta->root;
    row->pairs_cut = delta->pairs_cut;
    row->blocks_cut = delta->blocks_cut;
    row->pair_count = row->block_count = 0;
    for (uint32_t n = delta->pairs; n != 0; n = traces->nodes[n].next)
        for (uint32_t i = 0; i < traces->nodes[n].count; i++) tracerow_add_pair(row, traces->nodes[n].pairs[i]);
    for (uint32_t n = delta->blocks; n != 0; n = traces->nodes[n].next)
        for (uint32_t i = 0; i < traces->nodes[n].count; i++) tracerow_add_block(row, traces->nodes[n].blocks[i]);
}

size_t traces_bytes(const traces_t *traces) {
    return traces->count * sizeof *traces->rows + traces->node_count * sizeof *traces->nodes;
}
