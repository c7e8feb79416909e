/* grpc_call: calls of OTLP/gRPC and what is expected of their answers, for the tests of that receiver. */
#ifndef SEISMESH_TESTS_GRPC_CALL_H
#define SEISMESH_TESTS_GRPC_CALL_H

#include "tests/collector/receive/h2_client.h"
#include "tests/collector/receive/house.h"

#define TRACES  "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
#define METRICS "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
#define LOGS    "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

/* The headers of a call; `more` may add up to three. */
static inline void headers_of(h2_header_t out[12], const char *path, const h2_header_t *more) {
    static const h2_header_t usual[] = {{":method", "POST"},     {":scheme", "http"},
                                        {":path", NULL},         {":authority", "localhost"},
                                        {"te", "trailers"},      {"content-type", "application/grpc"},
                                        {"user-agent", "test/1"}};
    size_t count = sizeof usual / sizeof usual[0];
    memcpy(out, usual, sizeof usual);
    out[2].value = path;
    for (; more != NULL && more->name != NULL; more++) {
        bool replaced = false;
        for (size_t i = 0; i < count; i++)
            if (strcmp(out[i].name, more->name) == 0) {
                out[i].value = more->value;
                replaced = true;
            }
        if (!replaced) out[count++] = *more;
    }
    out[count] = (h2_header_t){NULL, NULL};
}

static inline void begin(h2_client_t *client, const char *path, const h2_header_t *more, slice_t wire, call_t *call) {
    h2_header_t headers[12];
    headers_of(headers, path, more);
    call->body = wire;
    h2_client_begin(client, headers, call);
}

/* One call on a connection of its own, with these very bytes as its data. */
static inline call_t call_raw(uint16_t port, const char *path, const h2_header_t *more, slice_t wire) {
    call_t call = {0};
    h2_client_t *client = h2_client_open(port);
    begin(client, path, more, wire, &call);
    h2_client_finish(client, &call);
    h2_client_close(client);
    return call;
}

static inline buffer_t framed(slice_t message, bool compressed) {
    buffer_t wire = {0};
    buffer_byte(&wire, compressed);
    for (int shift = 24; shift >= 0; shift -= 8) buffer_byte(&wire, (uint8_t)(message.len >> shift));
    buffer_append(&wire, message.data, message.len);
    return wire;
}

static inline call_t call_message(uint16_t port, const char *path, const h2_header_t *more, slice_t message,
                                  bool compressed) {
    buffer_t wire = framed(message, compressed);
    call_t call = call_raw(port, path, more, buffer_slice(&wire));
    buffer_fini(&wire);
    return call;
}

static inline void expect_success(call_t call) {
    CHECK_EQUAL(call.http_status, 200);
    CHECK_EQUAL(call.grpc_status, 0);
    CHECK(!call.trailers_only);
    CHECK(slice_equal(buffer_slice(&call.data), slice_of("\0\0\0\0\0", 5)));
    buffer_fini(&call.data);
}

/* Trailers only, with RetryInfo in the details or without details at all. */
static inline void expect_refusal(call_t call, int grpc_status, bool retry) {
    CHECK_EQUAL(call.http_status, 200);
    CHECK_EQUAL(call.grpc_status, grpc_status);
    CHECK(call.trailers_only);
    CHECK_EQUAL(call.data.len, 0);
    CHECK(call.message[0] != '\0');
    CHECK_EQUAL(call.details[0] != '\0', retry);
    CHECK_TEXT(call.content_type, "application/grpc");
    buffer_fini(&call.data);
}

#endif
