/* traces: what the traces of the spans since the last checkpoint have to add to their rows. A table in the folding
 * thread's memory; nothing is allocated per span once it has grown to the size of a checkpoint's traffic. */
#ifndef SEISMESH_STORE_TRACES_H
#define SEISMESH_STORE_TRACES_H

#include "base/table.h"
#include "collector/store/tracerow.h"

enum { TRACE_NODE_ITEMS = 7 };

/* Part of a list, in the pool of all lists; 64 bytes, a cache line. */
typedef struct {
    uint32_t next; /* 0 = last */
    uint32_t count;
    union {
        trace_pair_t pairs[TRACE_NODE_ITEMS];
        uint64_t blocks[TRACE_NODE_ITEMS];
    };
} trace_node_t;

typedef struct {
    uint8_t id[16];
    uint64_t hash;
    int64_t start_ns, end_ns;
    uint64_t spans, errors;
    trace_root_t root;
    uint64_t last_block;
    uint32_t pairs, blocks; /* first nodes, 0 = none */
    uint16_t pair_count, block_count;
    bool pairs_cut, blocks_cut;
} trace_delta_t;

typedef struct {
    trace_delta_t *rows;
    uint32_t count, capacity;
    table_t index;
    trace_node_t *nodes; /* node 0 is unused */
    uint32_t node_count, node_capacity;
    uint32_t recent; /* the row used last: spans of one trace come together */
} traces_t;

/* A zeroed traces_t is empty. */
void traces_fini(traces_t *traces);
void traces_clear(traces_t *traces); /* keeps the memory */

uint64_t trace_hash(const uint8_t trace_id[16]);

typedef struct {
    const uint8_t *trace_id; /* 16 bytes */
    const uint8_t *span_id;  /* 8 bytes */
    bool root, error;
    uint32_t service, operation;
    int64_t start_ns, end_ns;
    uint64_t block;
} trace_span_t;

void traces_add(traces_t *traces, const trace_span_t *span);

/* The delta as a row, for merging. */
void traces_row(const traces_t *traces, uint32_t at, tracerow_t *row);

size_t traces_bytes(const traces_t *traces); /* in use */

#endif
