/* otlp: the three kinds of OTLP export request, and the check that a body is well formed before it is acknowledged. */
#ifndef SEISMESH_FOLD_OTLP_H
#define SEISMESH_FOLD_OTLP_H

#include "base/bytes.h"
#include "base/err.h"

typedef enum { OTLP_TRACES, OTLP_METRICS, OTLP_LOGS, OTLP_KINDS } otlp_kind_t;

extern const char *const otlp_kind_names[OTLP_KINDS]; /* "traces", "metrics", "logs" */

/* Clocks differ: what ended more than this after it arrived is refused. */
#define OTLP_FUTURE_NS (INT64_C(300) * 1000000000)

enum { OTLP_VALUE_DEPTH_MAX = 16 }; /* nesting of AnyValue */

/* Why a span cannot be counted. */
typedef enum { SPAN_FINE, SPAN_ZERO_ID, SPAN_NEGATIVE, SPAN_FUTURE, SPAN_FAULTS } span_fault_t;

typedef struct {
    uint64_t items;     /* spans, points or log records */
    uint64_t rejected;  /* of these: zero ids, negative durations, ends in the future */
    span_fault_t fault; /* of the first rejected one; SPAN_FUTURE stands for points and logs from the future too */
} otlp_summary_t;

/* Walks the whole body. ERR_MALFORMED: not protobuf of this request (a wrong wire type for a known field counts), or
 * values nested deeper than OTLP_VALUE_DEPTH_MAX. `arrival_ns`: wall time of the request. */
err_t otlp_check(otlp_kind_t kind, slice_t body, int64_t arrival_ns, otlp_summary_t *summary);

/* Why a span cannot be counted, if so. The fold asks the same question again, with the same answer. */
span_fault_t otlp_span_fault(slice_t trace_id, slice_t span_id, uint64_t start_ns, uint64_t end_ns, int64_t arrival_ns);

static inline bool otlp_in_future(uint64_t time_ns, int64_t arrival_ns) {
    return time_ns > (uint64_t)(arrival_ns + OTLP_FUTURE_NS);
}

/* A sentence for a partial success ("12 spans with an all-zero trace or span id"). */
const char *span_fault_text(span_fault_t fault);

/* KeyValue and AnyValue in place. */
typedef enum { VALUE_NONE, VALUE_TEXT, VALUE_BOOL, VALUE_INT, VALUE_DOUBLE, VALUE_OTHER } value_type_t;

typedef struct {
    value_type_t type;
    slice_t text;    /* VALUE_TEXT */
    int64_t integer; /* VALUE_INT, VALUE_BOOL */
    double number;   /* VALUE_DOUBLE */
} otlp_value_t;

/* Reads one AnyValue message; false when malformed. */
bool otlp_any_value(slice_t message, otlp_value_t *value);

/* Reads one KeyValue message; false when malformed. */
bool otlp_key_value(slice_t message, slice_t *key, otlp_value_t *value);

/* Value as text: numbers are written into `space` (at least 32 bytes). */
slice_t otlp_value_text(const otlp_value_t *value, char *space);

/* Value as a number ("200" too); false when it is none. */
bool otlp_value_number(const otlp_value_t *value, double *number);

#endif
