/* cell: the golden signals of one entity in one time bucket. Cells merge: counts add, sketches merge, gauges widen.
 * Everything is integers or order-free, so a merge in any order gives the same bits. */
#ifndef SEISMESH_ROLLUP_CELL_H
#define SEISMESH_ROLLUP_CELL_H

#include "collector/rollup/sketch.h"

/* Why a request failed. Each failed request is in exactly one class. */
typedef enum {
    FAILURE_CLIENT,     /* HTTP 4xx, gRPC statuses that are the caller's fault: does not count against the callee */
    FAILURE_SERVER,     /* HTTP 5xx, gRPC statuses that are the server's fault, span status ERROR without a code */
    FAILURE_CONNECTION, /* never got there or was cut: refused, reset, no healthy host, no route */
    FAILURE_TIMEOUT,    /* deadline, 408, 504 */
    FAILURE_RATE,       /* 429, resource exhausted, rate limited */
    FAILURE_DENIED,     /* 401, 403, policy */
    FAILURE_CLASSES,
    FAILURE_NONE = FAILURE_CLASSES
} failure_t;

extern const char *const failure_names[FAILURE_CLASSES]; /* "client", "server", … as the API spells them */

/* Fixed-point sum of doubles with 2^-30 resolution: exact addition, so grouping does not matter. */
__extension__ typedef __int128 fixed_t;
fixed_t fixed_of(double value); /* clamps to ±2^90; NaN gives 0 */
double fixed_value(fixed_t value);

/* A sampled value: saturation, a ratio or quantile that somebody else computed, or an auxiliary metric. */
typedef struct {
    uint32_t signal; /* name id: "cpu.utilization", "latency.p99", "aux/jvm.gc.duration" … */
    uint32_t count;
    double min, max, last;
    int64_t last_ns; /* event time of `last`; the larger value wins a tie */
    fixed_t sum;
} gauge_t;

enum { CELL_EXEMPLARS = 2, CELL_GAUGES_MAX = 64 };

/* A trace worth opening. */
typedef struct {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint64_t duration_ns;
    int64_t end_ns;
} exemplar_t;

typedef struct {
    /* first what most requests touch: two cache lines */
    uint64_t requests;      /* all, failed ones included */
    sketch_t ok;            /* latency of successes, as the authoritative end saw it */
    uint64_t slow_floor_ns; /* what is faster is no exemplar: the last of `slow` when that is full, else 0 */
    uint64_t failures[FAILURE_CLASSES]; /* of the requests */
    uint64_t retries;                   /* attempts beyond the first */
    uint64_t request_bytes, response_bytes;
    sketch_t failed; /* latency of failures */
    sketch_t client; /* edges: latency as the caller saw it, where the callee's own view is in ok/failed */
    gauge_t *gauges; /* owned, sorted by signal */
    uint32_t gauge_count;
    uint8_t slow_count, bad_count;
    exemplar_t slow[CELL_EXEMPLARS]; /* longest first */
    exemplar_t bad[CELL_EXEMPLARS];  /* failed, earliest first */
} cell_t;

/* A cell of its own, in cache lines of its own; cell_free(NULL) does nothing. */
cell_t *cell_new(void);
void cell_free(cell_t *cell);

/* The same for embedded ones. */
void cell_init(cell_t *cell);
void cell_fini(cell_t *cell);
void cell_clear(cell_t *cell); /* empties it; its sketches' memory stays, for what comes next */
void cell_merge(cell_t *into, const cell_t *from);

/* Leaves of an old cell what is still asked for: the counts and sums as they are, latency in at most
 * CELL_COARSE_BUCKETS used buckets a sketch (see sketch_coarsen), no exemplars. Before or after a merge: the same bits.
 */
enum { CELL_COARSE_BUCKETS = 64 };
void cell_coarsen(cell_t *cell);

/* One request. Failures go to `failed`, others to `ok`. */
void cell_request(cell_t *cell, failure_t failure, uint64_t duration_ns);

/* The same, with the duration's sketch_index at SKETCH_SCALE_MAX (any number when the duration is 0). */
void cell_request_at(cell_t *cell, failure_t failure, uint64_t duration_ns, int32_t index);

/* Brings the bucket that cell_request_at will count in into the cache. */
static inline void cell_prefetch(const cell_t *cell, failure_t failure, int32_t index) {
    sketch_prefetch(failure == FAILURE_NONE ? &cell->ok : &cell->failed, index);
}

/* Keeps the exemplar if it is slower, or a failure and earlier, than those kept. */
void cell_exemplar(cell_t *cell, failure_t failure, const exemplar_t *exemplar);

/* Adds a sample to a gauge; false when the cell has CELL_GAUGES_MAX of them already. NaN is refused too. */
bool cell_gauge(cell_t *cell, uint32_t signal, double value, int64_t time_ns);
const gauge_t *cell_find_gauge(const cell_t *cell, uint32_t signal); /* NULL when absent */

/* Failures that count against the callee: all but FAILURE_CLIENT; at most its requests, though callers may have given
 * up more calls than it has counted yet. */
uint64_t cell_errors(const cell_t *cell);

/* Canonical wire form (equal cells give equal bytes); layout in cell_codec.c. */
void cell_encode(const cell_t *cell, buffer_t *out);
bool cell_decode(cell_t *cell, bytes_t *in); /* initialises *cell; false on malformed bytes; then the cell is empty */
bool cell_decode_over(cell_t *cell,
                      bytes_t *in); /* the same over one that is initialised, whose memory is used again */

#endif
