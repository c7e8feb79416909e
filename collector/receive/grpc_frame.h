/* grpc_frame: the small formats of gRPC over HTTP/2 (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md): the message with its
 * five-byte prefix, the timeout, and what may stand in a trailer. Pure functions; the sockets are elsewhere. */
#ifndef SEISMESH_RECEIVE_GRPC_FRAME_H
#define SEISMESH_RECEIVE_GRPC_FRAME_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/err.h"

enum { GRPC_PREFIX_BYTES = 5 };

/* One message: a flag byte (1 = compressed), its length as 4 bytes big-endian, and so many bytes. A zeroed one is
 * ready. */
typedef struct {
    uint8_t prefix[GRPC_PREFIX_BYTES];
    uint8_t prefix_len;
    uint32_t length; /* announced; valid when the prefix is whole */
    buffer_t body;   /* what of it has come */
} grpc_message_t;

/* Takes bytes in, as they come. ERR_MALFORMED: an unknown flag, or more bytes after the message (a unary call has one);
 * ERR_TOO_LARGE: the announced length is over the limit. The body grows with what comes, not with what is announced. */
err_t grpc_message_feed(grpc_message_t *message, slice_t bytes, uint64_t limit);
bool grpc_message_complete(const grpc_message_t *message);
bool grpc_message_compressed(const grpc_message_t *message);
void grpc_message_fini(grpc_message_t *message);

/* Appends a prefix for an uncompressed message of `len` bytes. */
void grpc_prefix(buffer_t *out, size_t len);

/* "10S", "250m" …: at most 8 digits and one unit of H M S m u n. False when it is not. */
bool grpc_timeout_parse(slice_t text, int64_t *timeout_ns);

/* Appends text as grpc-message wants it: bytes outside of printable ASCII, and '%', as %XX. */
void grpc_percent_encode(slice_t text, buffer_t *out);

/* Appends base64 without padding, as -bin headers want it. */
void grpc_base64(slice_t bytes, buffer_t *out);

#endif
