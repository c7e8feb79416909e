/* gRPC's small formats: the first byte is the size of the pieces in which the rest is fed as a message; the same bytes
 * are read as a timeout and written as a trailer. */
#include "collector/receive/grpc_frame.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void feed(slice_t wire, size_t piece) {
    enum { LIMIT = 1024 };
    grpc_message_t message = {0};
    err_t err = ERR_OK;
    for (size_t at = 0; err == ERR_OK && at < wire.len; at += piece) {
        size_t size = wire.len - at < piece ? wire.len - at : piece;
        err = grpc_message_feed(&message, slice_of(wire.data + at, size), LIMIT);
        assert(message.body.len <= LIMIT);
    }
    if (err == ERR_OK && grpc_message_complete(&message))
        assert(message.body.len == message.length && message.prefix[0] <= 1);
    assert(grpc_message_compressed(&message) == (message.prefix[0] == 1));
    grpc_message_fini(&message);
}

/* Any text, framed by ourselves, comes back. */
static void frame(slice_t text) {
    buffer_t wire = {0};
    grpc_message_t message = {0};
    grpc_prefix(&wire, text.len);
    buffer_append(&wire, text.data, text.len);
    err_t err = grpc_message_feed(&message, buffer_slice(&wire), text.len);
    assert(err == ERR_OK && grpc_message_complete(&message) && !grpc_message_compressed(&message));
    assert(slice_equal(buffer_slice(&message.body), text));
    grpc_message_fini(&message);
    buffer_fini(&wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len < 1) return 0;
    slice_t text = slice_of(data + 1, len - 1);
    feed(text, (size_t)data[0] + 1);
    frame(text);
    int64_t timeout_ns;
    if (grpc_timeout_parse(text, &timeout_ns)) assert(timeout_ns >= 0);
    buffer_t out = {0};
    grpc_percent_encode(text, &out);
    for (size_t i = 0; i < out.len; i++) assert(out.data[i] >= ' ' && out.data[i] <= '~');
    buffer_clear(&out);
    grpc_base64(text, &out);
    assert(out.len == (text.len * 4 + 2) / 3);
    buffer_fini(&out);
    return 0;
}
