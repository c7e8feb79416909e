/* encoding: gzip for what is sent, both ways: answers are compressed for clients that say they take it, and embedded
 * files, which are kept compressed, are inflated for those that do not. */
#ifndef SEISMESH_WEB_ENCODING_H
#define SEISMESH_WEB_ENCODING_H

#include "base/buffer.h"
#include "base/err.h"

/* Whether an Accept-Encoding header (NULL = absent) takes gzip: RFC 9110 section 12.5.3, weights included. */
bool encoding_takes_gzip(const char *accept_encoding);

/* Appends the gzip form of `plain`. */
err_t encoding_deflate(slice_t plain, buffer_t *out);

/* Appends what `packed` (gzip) holds. ERR_MALFORMED, or ERR_TOO_LARGE beyond `most` bytes. */
err_t encoding_inflate(slice_t packed, size_t most, buffer_t *out);

#endif
