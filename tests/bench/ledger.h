/* ledger: what the server must know after a run, computed from what it acknowledged, exactly: every edge's, service's
 * and operation's counts and errors, and the order statistics around p50, p90 and p99 of all durations. */
#ifndef SEISMESH_TESTS_BENCH_LEDGER_H
#define SEISMESH_TESTS_BENCH_LEDGER_H

#include "tests/bench/mesh20.h"

#include <stdio.h>

/* What became of a request. */
typedef enum { FATE_PENDING, FATE_ACKNOWLEDGED, FATE_REFUSED } fate_t;

typedef struct {
    const char *protocol;
    uint64_t seed, requests;
    const uint8_t *fates; /* one per request: fate_t */
    uint64_t retried;     /* sent again because the server asked for it */
    uint64_t lost;        /* sent again because the connection was lost: maybe counted already, to be counted once */
    int64_t first_ns, last_ns; /* range of event time */
    double seconds, cpu_seconds;
    uint32_t *latency_us; /* `answered` of them; gets sorted */
    uint64_t answered;
} run_t;

/* Writes the ledger as JSON. */
void ledger_write(const mesh20_t *mesh, run_t *run, FILE *out);

/* Acknowledgement latency below which a share of the requests lies, in ms. run->latency_us must be sorted. */
double run_latency_ms(const run_t *run, double share);
void run_sort(run_t *run);

#endif
