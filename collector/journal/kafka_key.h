/* kafka_key: into which partition a request belongs. What is counted together should be folded together: spans by their
 * trace, metrics and logs by the resource that they speak of (a cumulative stream makes sense in its order only). */
#ifndef SEISMESH_JOURNAL_KAFKA_KEY_H
#define SEISMESH_JOURNAL_KAFKA_KEY_H

#include "collector/fold/otlp.h"

enum { KAFKA_KEY_BYTES = 16 };

/* The key of a request: the trace id of its first span, or a hash of its first resource; a hash of the whole body when
 * there is neither. The same bytes have the same key, so a request that is sent again meets what remembers it. */
void kafka_key(otlp_kind_t kind, slice_t body, uint8_t key[KAFKA_KEY_BYTES]);

/* Cuts the first resource with what belongs to it off a request: *part is a request of its own, *rest what follows.
 * False when there is nothing left, or what is left is malformed. */
bool kafka_key_part(slice_t *rest, slice_t *part);

#endif
