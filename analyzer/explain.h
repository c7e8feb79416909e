/* explain: a deviation said by one fixed grammar, so that people learn to read it; the same object is in the API, on
 * the command line and on the page:
 *
 *   <edge or service> <signal> is <seen>, expected <low>–<high> for this time (<n> requests in <window>, <m> windows of
 *   history); began <time>; <k> of <j> versions; likely cause <state change>, <n> pieces of evidence.
 *
 * Where nobody counts requests it says "requests not counted", where no version is told "versions not told". A cause is
 * something that changed (a deployment, a surge, a resource that ran out); slowness and failures are symptoms, and
 * where nothing is known to have changed, or the suspects cannot be told apart, the cause is "not established". */
#ifndef SEISMESH_ANALYZER_EXPLAIN_H
#define SEISMESH_ANALYZER_EXPLAIN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { EXPLAIN_EVIDENCE_MAX = 12, EXPLAIN_EVIDENCE_BYTES = 1280, EXPLAIN_SENTENCE_BYTES = 4096 };

typedef enum { UNIT_SECONDS, UNIT_RATIO, UNIT_RATE, UNIT_NONE } explain_unit_t;

extern const char *const explain_units[]; /* "s", "ratio", "1/s", "" */

/* Texts are borrowed. */
typedef struct {
    const char *kind;                                  /* "service", "edge", "version", "instance" */
    const char *service, *caller, *version, *instance; /* NULL = none */
    const char *signal; /* "errors", "latency", "client latency", "traffic", or a gauge's name */
    explain_unit_t unit;
    double seen, low, high;
    double requests, window_s; /* the sample; requests 0 = nobody counts them */
    double history_windows;    /* behind the expected range */
    int64_t began_ns;
    uint32_t versions_affected, versions;     /* of the service, running now; 0 = none is told */
    const char *cause_kind, *cause_text;      /* cause.c; NULL = not established */
    char (*evidence)[EXPLAIN_EVIDENCE_BYTES]; /* sentences with numbers, without a full stop */
    uint32_t evidence_count;
} explanation_t;

/* Writes the sentence; cut where `out` ends. */
void explain_sentence(const explanation_t *explanation, char *out, size_t size);

/* Its first part, up to the bracket that closes: what is said of further deviations. */
void explain_deviation(const explanation_t *explanation, char *out, size_t size);

/* docs/api.md: Explanation, the sentence among its members. A new reference. */
json_t *explain_document(const explanation_t *explanation);

#endif
