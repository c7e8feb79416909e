/* http_expect: what the tests of the HTTP receiver expect of an answer. */
#ifndef SEISMESH_TESTS_HTTP_EXPECT_H
#define SEISMESH_TESTS_HTTP_EXPECT_H

#include "tests/collector/receive/http_client.h"
#include "tests/test.h"

#include "otlp.pb-c.h"

#define PROTOBUF "Content-Type: application/x-protobuf\r\n"
#define JSON     "Content-Type: application/json\r\n"

static inline void expect(http_reply_t reply, int status) {
    CHECK_EQUAL(reply.status, status);
    buffer_fini(&reply.body);
}

/* A google.rpc.Status of this gRPC code in the format of the request. */
static inline void expect_refusal(http_reply_t reply, int status, int code, bool retry, bool json) {
    CHECK_EQUAL(reply.status, status);
    CHECK_EQUAL(reply_header(&reply, "Retry-After")[0] != '\0', retry);
    CHECK_TEXT(reply_header(&reply, "Content-Type"), json ? "application/json" : "application/x-protobuf");
    if (json) {
        char start[32];
        (void)snprintf(start, sizeof start, "{\"code\":%d,\"message\":\"", code);
        CHECK(reply.body.len > 0 && strncmp((char *)reply.body.data, start, strlen(start)) == 0);
    } else {
        Otlp__RpcStatus *got = otlp__rpc_status__unpack(NULL, reply.body.len, reply.body.data);
        CHECK(got != NULL && got->code == code && got->message[0] != '\0');
        CHECK(got != NULL && got->n_details == (retry ? 1 : 0));
        if (got != NULL) otlp__rpc_status__free_unpacked(got, NULL);
    }
    buffer_fini(&reply.body);
}

#endif
