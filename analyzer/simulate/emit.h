/* emit: what the proxies and applications of a world say, as OTLP requests, in the voices chosen: one file per voice,
 * one list of them (emit.c).
 *
 *     emit_t *emit = emit_new(scenario, seed, sink, why, sizeof why);
 *     world_t *world = world_new(scenario, seed, emit_listener(emit));
 *     … world_run(world, t); emit_flush(emit, world); …
 */
#ifndef SEISMESH_SIMULATE_EMIT_H
#define SEISMESH_SIMULATE_EMIT_H

#include "analyzer/simulate/world.h"
#include "collector/fold/otlp.h"

/* Gets one request, as an exporter would send it; `body` is borrowed for the call. Returns false when it cannot take
 * any more: then nothing is said any more (emit_failed). */
typedef struct {
    void *context;
    bool (*request)(void *context, otlp_kind_t kind, slice_t body, uint64_t items);
} emit_sink_t;

typedef struct emit emit_t;

/* ERR_INVALID with a sentence: the scenario names a voice that there is not. */
err_t emit_new(const scenario_t *scenario, uint64_t seed, emit_sink_t sink, emit_t **out, char *why, size_t why_size);
void emit_free(emit_t *emit);

world_listener_t emit_listener(emit_t *emit);

/* Sends what was gathered; to be called every few simulated seconds. */
void emit_flush(emit_t *emit, const world_t *world);
bool emit_failed(const emit_t *emit);

/* Kinds of requests that it will send, as bits. */
uint32_t emit_kinds(const emit_t *emit);

#endif
