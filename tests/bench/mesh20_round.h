/* mesh20_round: the inside of a round, for mesh20.c (what happens) and mesh20_encode.c (its bytes) only. */
#ifndef SEISMESH_TESTS_BENCH_MESH20_ROUND_H
#define SEISMESH_TESTS_BENCH_MESH20_ROUND_H

#include "tests/bench/mesh20.h"

/* Spans of one resource travel in blocks, each a ResourceSpans of its own. */
enum { BLOCK_SPANS = 20 };

/* One end of a call. */
typedef struct {
    uint32_t id; /* of the span in the round; mesh->spans is sorted by resource, so it is not the index */
    uint32_t call;
    uint16_t request;
    uint8_t service, group, pod;
    bool server;
} span_t;

/* Where in a body a span has the bytes that differ from round to round. */
typedef struct {
    uint32_t trace_id, span_id, parent_id, start, end, url; /* offsets; parent_id 0 = a root */
    uint32_t name;                                          /* offset of its unique digits, 0 = it has none */
    uint32_t trace, id, parent;                             /* numbers in the round */
    uint32_t call;
    int64_t start_ns;
    bool server;
} patch_t;

typedef struct {
    buffer_t body;
    patch_t *patches; /* REQUEST_SPANS */
    uint32_t count;
} request_t;

struct mesh20 {
    uint64_t seed;
    mesh20_options_t options;
    call_t calls[ROUND_CALLS];
    span_t spans[ROUND_SPANS];
    uint32_t span_of[ROUND_CALLS][2]; /* span id of the client and the server end */
    request_t requests[ROUND_REQUESTS];
};

/* A bijective mixer (splitmix64's): different numbers give different ids. */
uint64_t mesh20_mix(uint64_t value);

void mesh20_encode(mesh20_t *mesh);

#endif
