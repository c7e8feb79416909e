/* voice: what each file of a dialect gives, for the files of this folder only. */
#ifndef SEISMESH_SIMULATE_VOICE_H
#define SEISMESH_SIMULATE_VOICE_H

#include "analyzer/simulate/emit.h"
#include "analyzer/simulate/world_internal.h"
#include "base/buffer.h"

struct emit {
    const scenario_t *scenario;
    uint64_t seed;
    emit_sink_t sink;
    bool failed;
    struct speaker *speakers;
    uint32_t count;
};

/* Hands over one request. */
void emit_request(emit_t *emit, otlp_kind_t kind, const buffer_t *body, uint64_t items);

/* All but `name`, `kind`, `open` and `close` may be NULL. `state` is what `open` returned. `called` is asked for calls
 * of instances whose service has this voice, `served` for calls to such; `report` and `flush` for all. */
typedef struct {
    const char *name;
    otlp_kind_t kind;
    void *(*open)(emit_t *emit);
    void (*close)(void *state);
    void (*called)(void *state, const world_t *world, const call_t *call);
    void (*served)(void *state, const world_t *world, const call_t *call);
    void (*report)(void *state, const world_t *world);
    void (*flush)(void *state, const world_t *world);
} voice_t;

extern const voice_t voice_otel_spans, voice_otel_gauges, voice_otel_metrics, voice_istio_spans, voice_istio_metrics,
    voice_linkerd_metrics;

/* Whether a service has this voice. Where it has not, what others say of it knows less. */
bool emit_speaks(const emit_t *emit, const voice_t *voice, uint32_t service);

/* How a dialect writes spans; the rest is common (spans.c). */
typedef struct {
    /* Attributes of the resource, field 1 of Resource. */
    void (*resource)(buffer_t *out, const world_t *world, uint32_t instance);
    /* Attributes that each span of an instance repeats, field 9 of Span; NULL = none. */
    void (*own)(buffer_t *out, const world_t *world, uint32_t instance);
    /* Name, kind, attributes and status of a span: a function of operation, side, status and flag only. */
    void (*words)(buffer_t *out, const world_t *world, const call_t *call, bool server, uint16_t status, flag_t flag);
} span_words_t;

void *spans_open(emit_t *emit, const span_words_t *words);
void spans_close(void *state);
void spans_called(void *state, const world_t *world, const call_t *call);
void spans_served(void *state, const world_t *world, const call_t *call);
void spans_flush(void *state, const world_t *world);

/* One cumulative histogram with its count, told apart by a key of the dialect's own (series.c). */
enum { SERIES_BOUNDS_MAX = 25 };
typedef struct {
    uint32_t instance; /* who reports it */
    uint64_t key;
    uint64_t count;
    double sum;
    uint64_t buckets[SERIES_BOUNDS_MAX + 1];
    uint32_t next; /* of the same instance */
} series_t;

typedef struct series_set series_set_t;
series_set_t *series_new(const double *bounds, uint32_t bound_count);
void series_free(series_set_t *set);
void series_add(series_set_t *set, uint32_t instance, uint64_t key, double value);
/* The series of an instance: for (s = series_first(set, instance); s != NULL; s = series_next(set, s)). */
const series_t *series_first(const series_set_t *set, uint32_t instance);
const series_t *series_next(const series_set_t *set, const series_t *series);
/* HistogramDataPoint without its attributes. */
void series_histogram(buffer_t *out, const series_set_t *set, const series_t *series, int64_t start_ns,
                      int64_t time_ns);

/* How a mesh's proxies write the metrics of calls, as a scraper passes them on; the rest is common (proxy_metrics.c).
 */
typedef struct {
    const voice_t *voice;             /* whose words they are */
    const char *requests, *durations; /* names of the counter and of the histogram, which is in milliseconds */
    const char *job, *network, *port; /* resource: service.name, and service.instance.id "NETWORK.x.y:PORT" */
    const double *bounds_ms;
    uint32_t bound_count;
    /* What tells the series of one proxy apart, `server` being the side of the callee … */
    uint64_t (*key)(const emit_t *emit, const world_t *world, const call_t *call, bool server);
    /* … and its attributes, as field `number` of a data point. */
    void (*labels)(buffer_t *out, uint32_t number, const world_t *world, const series_t *series);
} proxy_words_t;

void *proxy_open(emit_t *emit, const proxy_words_t *words);
void proxy_close(void *state);
void proxy_called(void *state, const world_t *world, const call_t *call);
void proxy_served(void *state, const world_t *world, const call_t *call);
void proxy_report(void *state, const world_t *world);

/* "GET /cart" as method and route; false for "shop.Cart/Get", which is gRPC. */
bool operation_is_http(const char *name, char method[16], const char **route);
uint32_t grpc_status(uint16_t http_status);
/* Kubernetes' name for it where the scenario has none. */
const char *service_namespace(const service_spec_t *service);
/* Name of a service with its namespace behind a dot, as hosts have it. */
void service_host(const service_spec_t *service, char *out, size_t size);

#endif
