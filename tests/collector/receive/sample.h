/* sample: small OTLP requests for the receivers' tests, and compressed forms of any bytes. */
#ifndef SEISMESH_TESTS_SAMPLE_H
#define SEISMESH_TESTS_SAMPLE_H

#include "base/buffer.h"
#include "otlp.pb-c.h"

#include <stdlib.h>
#include <time.h>
#include <zlib.h>
#include <zstd.h>

enum { SAMPLE_SPANS_MAX = 1000 };

#define SAMPLE_JSON                                                                                                    \
    "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":"         \
    "\"shop\"}}]},\"scopeSpans\":[{\"spans\":[{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":"           \
    "\"0102030405060708\",\"name\":\"GET /\",\"kind\":2,\"startTimeUnixNano\":\"1700000000000000000\","                \
    "\"endTimeUnixNano\":\"1700000000100000000\"}]}]}]}"

/* `count` spans of which the first `bad` have an all-zero trace id. */
static inline buffer_t sample_traces(size_t count, size_t bad) {
    static uint8_t trace_id[16] = {1, 2, 3}, span_id[8] = {4, 5, 6}, zero[16];
    static Otlp__Span spans[SAMPLE_SPANS_MAX], *span_list[SAMPLE_SPANS_MAX];
    for (size_t i = 0; i < count; i++) {
        otlp__span__init(&spans[i]);
        spans[i].trace_id = (ProtobufCBinaryData){16, i < bad ? zero : trace_id};
        spans[i].span_id = (ProtobufCBinaryData){8, span_id};
        spans[i].name = (char *)"GET /cart";
        spans[i].start_time_unix_nano = UINT64_C(1700000000000000000);
        spans[i].end_time_unix_nano = UINT64_C(1700000000000000000) + i;
        span_list[i] = &spans[i];
    }
    Otlp__ScopeSpans scope = OTLP__SCOPE_SPANS__INIT, *scopes[] = {&scope};
    Otlp__ResourceSpans resource = OTLP__RESOURCE_SPANS__INIT, *resources[] = {&resource};
    Otlp__ExportTraceServiceRequest request = OTLP__EXPORT_TRACE_SERVICE_REQUEST__INIT;
    scope.spans = span_list;
    scope.n_spans = count;
    resource.scope_spans = scopes;
    resource.n_scope_spans = 1;
    request.resource_spans = resources;
    request.n_resource_spans = 1;
    buffer_t out = {0};
    uint8_t *at = buffer_reserve(&out, otlp__export_trace_service_request__get_packed_size(&request));
    out.len = otlp__export_trace_service_request__pack(&request, at);
    return out;
}

#define SAMPLE_TIME_NS UINT64_C(1700000000000000000)

/* One point of one gauge. */
static inline buffer_t sample_metrics_at(uint64_t time_ns) {
    Otlp__NumberDataPoint point = OTLP__NUMBER_DATA_POINT__INIT, *points[] = {&point};
    Otlp__Gauge gauge = OTLP__GAUGE__INIT;
    Otlp__Metric metric = OTLP__METRIC__INIT, *metrics[] = {&metric};
    Otlp__ScopeMetrics scope = OTLP__SCOPE_METRICS__INIT, *scopes[] = {&scope};
    Otlp__ResourceMetrics resource = OTLP__RESOURCE_METRICS__INIT, *resources[] = {&resource};
    Otlp__ExportMetricsServiceRequest request = OTLP__EXPORT_METRICS_SERVICE_REQUEST__INIT;
    point.time_unix_nano = time_ns;
    point.value_case = OTLP__NUMBER_DATA_POINT__VALUE_AS_DOUBLE;
    point.as_double = 0.5;
    gauge.data_points = points;
    gauge.n_data_points = 1;
    metric.name = (char *)"cpu";
    metric.data_case = OTLP__METRIC__DATA_GAUGE;
    metric.gauge = &gauge;
    scope.metrics = metrics;
    scope.n_metrics = 1;
    resource.scope_metrics = scopes;
    resource.n_scope_metrics = 1;
    request.resource_metrics = resources;
    request.n_resource_metrics = 1;
    buffer_t out = {0};
    uint8_t *at = buffer_reserve(&out, otlp__export_metrics_service_request__get_packed_size(&request));
    out.len = otlp__export_metrics_service_request__pack(&request, at);
    return out;
}

static inline buffer_t sample_metrics(void) {
    return sample_metrics_at(SAMPLE_TIME_NS);
}

static inline buffer_t sample_logs_at(uint64_t time_ns) {
    Otlp__LogRecord record = OTLP__LOG_RECORD__INIT, *records[] = {&record};
    Otlp__ScopeLogs scope = OTLP__SCOPE_LOGS__INIT, *scopes[] = {&scope};
    Otlp__ResourceLogs resource = OTLP__RESOURCE_LOGS__INIT, *resources[] = {&resource};
    Otlp__ExportLogsServiceRequest request = OTLP__EXPORT_LOGS_SERVICE_REQUEST__INIT;
    record.time_unix_nano = time_ns;
    scope.log_records = records;
    scope.n_log_records = 1;
    resource.scope_logs = scopes;
    resource.n_scope_logs = 1;
    request.resource_logs = resources;
    request.n_resource_logs = 1;
    buffer_t out = {0};
    uint8_t *at = buffer_reserve(&out, otlp__export_logs_service_request__get_packed_size(&request));
    out.len = otlp__export_logs_service_request__pack(&request, at);
    return out;
}

static inline buffer_t sample_logs(void) {
    return sample_logs_at(SAMPLE_TIME_NS);
}

static inline buffer_t sample_gzip(slice_t raw) {
    z_stream z = {0};
    buffer_t out = {0};
    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) abort();
    size_t room = deflateBound(&z, raw.len) + 32;
    z.next_in = (z_const Bytef *)raw.data;
    z.avail_in = (uInt)raw.len;
    z.next_out = buffer_reserve(&out, room);
    z.avail_out = (uInt)room;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) abort();
    out.len = room - z.avail_out;
    (void)deflateEnd(&z);
    return out;
}

static inline buffer_t sample_zstd(slice_t raw) {
    buffer_t out = {0};
    size_t room = ZSTD_compressBound(raw.len);
    out.len = ZSTD_compress(buffer_reserve(&out, room), room, raw.data, raw.len, 3);
    return out;
}

#endif
