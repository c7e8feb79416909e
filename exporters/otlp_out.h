/* otlp_out: forwards trace requests, byte for byte as they came, to another OTLP/HTTP receiver (Jaeger, a Collector).
 *
 *     err_t err = otlp_out_start("http://127.0.0.1:4318/v1/traces", counters, &out);
 *     otlp_out_push(out, body);    copies; never waits
 *     otlp_out_stop(out);          sends what is queued for up to 5 s, then drops the rest
 *
 * A thread of its own sends, one request at a time. 429, 502, 503, 504 and failed connections are tried again with
 * growing pauses (Retry-After is obeyed), up to OTLP_OUT_TRIES times; other answers are final, as OTLP says. What is
 * not delivered is counted by reason: the queue was full, the peer refused it, it stayed unreachable, or we stopped. */
#ifndef SEISMESH_EXPORTERS_OTLP_OUT_H
#define SEISMESH_EXPORTERS_OTLP_OUT_H

#include "base/counters.h"
#include "base/err.h"
#include "base/slice.h"

enum { OTLP_OUT_QUEUE_BYTES = 64 << 20, OTLP_OUT_TRIES = 8 };

typedef struct otlp_out otlp_out_t;

/* ERR_INVALID: the URL is neither http:// nor https://. */
err_t otlp_out_start(const char *url, counters_t *counters, otlp_out_t **out);

/* Queues a copy of a TracesData / ExportTraceServiceRequest body; when OTLP_OUT_QUEUE_BYTES are waiting it is dropped
 * and counted. Any thread. */
void otlp_out_push(otlp_out_t *out, slice_t body);

void otlp_out_stop(otlp_out_t *out);

#endif
