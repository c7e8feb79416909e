/* event_time: when a batch of telemetry happened: what replay paces itself by, what several files are merged by, and
 * how a recording is moved to another time. */
#ifndef SEISMESH_CLI_EVENT_TIME_H
#define SEISMESH_CLI_EVENT_TIME_H

#include "collector/fold/otlp.h"

typedef struct {
    int64_t first_ns, last_ns; /* of what is inside: ends of spans, times of points and logs; 0 when there is none */
    uint64_t items;            /* spans, data points or log records */
} event_span_t;

/* Reads an OTLP request. False when it is not protobuf of this kind's shape as far as it was looked at. */
bool event_time_read(otlp_kind_t kind, slice_t body, event_span_t *span);

/* Adds `ns` to every time in an OTLP request: of spans and their events, points and their exemplars, log records. Times
 * of 0 (not known) stay. False as above; what was moved by then is moved. */
bool event_time_move(otlp_kind_t kind, uint8_t *body, size_t len, int64_t ns);

#endif
