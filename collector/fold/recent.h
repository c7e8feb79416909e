/* recent: the hashes of the last requests, so that a request that was journaled, not acknowledged in time, and sent
 * again by its sender, byte for byte as OTLP clients do, is not counted twice. */
#ifndef SEISMESH_FOLD_RECENT_H
#define SEISMESH_FOLD_RECENT_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/err.h"

typedef struct recent recent_t;

recent_t *recent_new(void);
void recent_free(recent_t *recent);

/* True when a request of this kind with these bytes was among the last ones; else remembers it. */
bool recent_seen(recent_t *recent, uint8_t kind, slice_t body);

void recent_save(const recent_t *recent, buffer_t *out); /* oldest first: canonical */
err_t recent_load(recent_t *recent, bytes_t *in);        /* ERR_MALFORMED */

#endif
