/* mesh20: the workload W0, a mesh of 20 services, as OTLP request bodies whose every byte is known beforehand.
 *
 * Services service-00 (the gateway) to service-19 form a fixed graph of 45 edges; the deep ones also ask a database.
 * One trace is 20 spans: a SERVER root in the gateway, nine CLIENT/SERVER pairs down the graph, one CLIENT of the
 * database. Durations are log-normal (median 12 ms, sigma 1.1), 2 in 100 calls fail.
 *
 * Spans are made in rounds of 1,000 traces = 200 requests of 100 spans in 5 ResourceSpans (some have 6 or 7). A round
 * is encoded once; sending request `n` copies one of its 200 bodies and patches ids, times, durations and the unique
 * part of url.full in place: every span ever sent is new, at the price of a copy. Which spans travel together is
 * shuffled by the seed in blocks of one service, as SDKs export: the two ends of a call come in different requests, and
 * in half of the calls the callee's end comes first. A round whose requests all arrived has all pairs complete.
 *
 * Everything is a function of (seed, round, position in the round): the ledger can be computed afterwards. */
#ifndef SEISMESH_TESTS_BENCH_MESH20_H
#define SEISMESH_TESTS_BENCH_MESH20_H

#include "base/buffer.h"

enum {
    MESH_SERVICES = 20,
    MESH_EDGES = 45,
    MESH_OPERATIONS = 10,
    MESH_DATABASE = MESH_SERVICES, /* as a callee: the database */
    MESH_NOBODY = 255,             /* as a caller: the root's */
    ROUND_TRACES = 1000,
    TRACE_SPANS = 20,
    TRACE_CALLS = 11, /* root, nine pairs, database */
    ROUND_CALLS = ROUND_TRACES * TRACE_CALLS,
    ROUND_SPANS = ROUND_TRACES * TRACE_SPANS,
    REQUEST_SPANS = 100,
    ROUND_REQUESTS = ROUND_SPANS / REQUEST_SPANS
};

/* One call of the round: its callee's end (SERVER) and its caller's (CLIENT); the root has no caller's end, the call
 * to the database no callee's. */
typedef struct {
    uint8_t caller, callee, operation, error;
    uint8_t parent;                          /* which call of the trace makes this one */
    uint8_t caller_group, callee_group;      /* 0 unless the mesh is wide; the database has its caller's */
    uint8_t part;                            /* of the operation: 0 unless the mesh is wide */
    uint16_t client_request, server_request; /* of the round, in which the ends travel; UINT16_MAX = no such end */
    uint32_t before_ns, after_ns;            /* the caller's end is longer by these */
    uint64_t duration_ns;                    /* of the callee's end (database: the caller's), before mesh_duration */
    int64_t start_ns;                        /* of the callee's end, relative to the round's time: negative */
} call_t;

typedef struct mesh20 mesh20_t;

/* How a mesh differs from W0. */
typedef struct {
    uint32_t attributes; /* more of them on every span, 70 bytes each: 22 make W5's 2 KB */
    bool unique_names;   /* W7: no two spans have the same name */
    bool wide;           /* W4: 25 groups of the services, 500 in all, of 40 operations each, with about 5,000 edges */
} mesh20_options_t;

mesh20_t *mesh20_new(uint64_t seed, mesh20_options_t options);
void mesh20_free(mesh20_t *mesh);

const call_t *mesh20_calls(const mesh20_t *mesh);           /* ROUND_CALLS */
size_t mesh20_size(const mesh20_t *mesh, uint32_t request); /* bytes of a body, the same in every round */

/* Writes the body of a request of a round to `out` (mesh20_size bytes). The round's spans end at or before time_ns. */
void mesh20_write(const mesh20_t *mesh, uint64_t round, uint32_t request, int64_t time_ns, uint8_t *out);

/* Duration of a call's callee's end in a round. The caller's end: + before_ns + after_ns. */
uint64_t mesh20_duration(const mesh20_t *mesh, uint64_t round, uint32_t call);

void mesh20_trace_id(const mesh20_t *mesh, uint64_t round, uint32_t trace, uint8_t id[16]);

/* Names as the API has them: "mesh20/service-07", "orders-db"; "GET /shop/items/{id}". `text` holds 64 bytes. */
void mesh20_service_id(uint8_t service, char *text);
void mesh20_operation(uint8_t operation, char *text);

bool mesh20_is_wide(const mesh20_t *mesh); /* then calls of many services have the same `caller` and `callee` */

/* Share of the round's pairs whose callee's end travels in an earlier request. */
double mesh20_server_first_ratio(const mesh20_t *mesh);

#endif
