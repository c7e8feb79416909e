/* otlp_out: forwards trace requests, byte for byte as they came, to another OTLP/HTTP receiver (Jaeger, a Collector).
 *
 *     err_t err = otlp_out_start("http://127.0.0.1:4318/v1/traces", 64 << 20, counters, &out);
 *     otlp_out_push(out, body);    copies; never waits
 *     otlp_out_stop(out);          sends what is queued for up to 5 s, then drops the rest
 *
 * A thread of its own sends, one request at a time. While the peer cannot be reached, requests wait, for as long as the
 * queue has room: a peer that is restarted gets all of them. 429, 502, 503 and 504 are tried again with growing pauses
 * (Retry-After is obeyed) for OTLP_OUT_BUSY_S; other answers are final, as OTLP says. What is not delivered is counted
 * by reason, in requests and in spans: the queue was full, the peer refused it, rejected some of it (a partial
 * success), stayed too busy, or we stopped. */
#ifndef SEISMESH_EXPORTERS_OTLP_OUT_H
#define SEISMESH_EXPORTERS_OTLP_OUT_H

#include "base/counters.h"
#include "base/err.h"
#include "base/slice.h"

enum { OTLP_OUT_BUSY_S = 300 };

typedef struct otlp_out otlp_out_t;

/* ERR_INVALID: the URL is neither http:// nor https://. */
err_t otlp_out_start(const char *url, uint64_t queue_bytes, counters_t *counters, otlp_out_t **out);

/* Queues a copy of a TracesData / ExportTraceServiceRequest body; when queue_bytes are waiting it is dropped and
 * counted. Any thread. */
void otlp_out_push(otlp_out_t *out, slice_t body);

void otlp_out_stop(otlp_out_t *out);

#endif
