/* calls: what spans say about one call becomes an edge's cell. A call is counted once: where both halves meet, the
 * callee's view is the authoritative one and the caller adds what it alone can know (its waiting time, a request that
 * never arrived); where one half stays alone, it counts with the peer that its attributes name. */
#ifndef SEISMESH_FOLD_CALLS_H
#define SEISMESH_FOLD_CALLS_H

#include "collector/fold/worker.h"

/* Takes one half of a call: pairs it, lets it wait, or counts it at once. `alone`: nobody else will report this call
 * (a database, say). `span_id` is the half's own span, for exemplars. */
void calls_half(fold_t *fold, const half_t *half, bool alone);

/* Settles halves that began to wait before `before_ns`. */
void calls_expire(fold_t *fold, int64_t before_ns);

/* Notes that a service reports server spans itself, so that its callers' halves are worth waiting for. */
void calls_reporter(fold_t *fold, uint32_t service);

/* Notes that metrics or logs speak of a service under this name. */
void calls_named(fold_t *fold, uint32_t service);

/* Whether spans, metrics or logs speak of a service under this name. */
bool calls_known(fold_t *fold, uint32_t service);

/* The one known service that a name of several joined parts can mean, in this cluster; NAME_NONE when there is none, or
 * more than one. */
uint32_t calls_split(fold_t *fold, slice_t name, split_t split, slice_t cluster);

/* Notes that a proxy's router sends to a service by this name. */
void calls_routed(fold_t *fold, uint32_t service);

/* Whom a proxy sends to, where it counts that under `name`, of which `service` was made. A router may name only a
 * choice between services; the one chosen is then a version of it if it goes by the choice's name, a '-' and the
 * version. Such a name is not routed to by itself, nobody sends anything to the choice's own, and nothing speaks for
 * it: its
 * `*version` is set (a port behind it left out) and the choice is returned. Else `service`. */
uint32_t calls_sent(fold_t *fold, uint32_t service, slice_t name, slice_t cluster, slice_t *version);

/* The callee as the rest of the mesh calls it: a bare name that nobody goes by is looked for in the caller's namespace
 * and cluster, a qualified one in its cluster. */
uint32_t calls_peer(fold_t *fold, uint32_t caller, uint32_t peer);

void calls_save(const fold_t *fold, buffer_t *out);
err_t calls_load(fold_t *fold, bytes_t *in);

#endif
