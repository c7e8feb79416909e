/* store: state on disk, one SQLite file (WAL). A checkpoint writes, in one transaction, everything that folding up to a
 * journal position made: names, entities, frames, span blocks, trace rows, incidents, and the fold's own state. After a
 * crash the journal is replayed from that position. Readers (query.h) see the last checkpoint, whole.
 *
 * Tables (schema.c has the statements; older versions are brought up by migrate.c):
 *   meta(key, value)            application 'seismesh', schema_version, and the store's own numbers (meta.h): position,
 *                               closed_before, event_ns, bounds of retention, counts
 *   state(name, bytes)          'fold', 'analyzer', …
 *   name(id, text)
 *   entity(id, kind, observer, protocol, service, caller, version, zone, instance, operation)
 *   frame(resolution, bucket, bytes)     resolution in seconds: 10, 60, 3600; bucket in units of it
 *   chunk(resolution, entity, span, bytes)     what compaction made of frames; span in units of 60 buckets; chunk.h
 *   span_block(id, start_ns, end_ns, spans, raw_bytes, bytes)     zstd; see spanblock.h
 *   trace(key, hash, id, start_ns, end_ns, spans, errors, rooted, root_service, root_operation, root_start_ns,
 *         root_span, blocks, services)     one row per trace; see tracerow.h
 *   anomaly(id, time_ns, entity, incident, signal, score, observed, expected, low, high, explanation)
 *   incident(id, opened_ns, updated_ns, closed_ns, json)
 *   suggestion(id, incident, created_ns, expires_ns, json)
 *   decision(suggestion, time_ns, decision, reason)     accepted | dismissed, by a person; not part of the fold
 *   answer(id, incident, given_ns, since_ns, until_ns, revoked_ns, json)     what people said of incidents; likewise
 *
 * What is in the tables (but for `decision`, `answer`, for trace.key, and for what retention by bytes took) is a
 * function of the records folded and of the state they met: it does not depend on where checkpoints fell, nor on
 * crashes in between. */
#ifndef SEISMESH_STORE_STORE_H
#define SEISMESH_STORE_STORE_H

#include "base/counters.h"
#include "base/err.h"
#include "collector/rollup/shard.h"

typedef struct {
    const char *directory; /* the data directory; made when absent */
    bool keep_spans;
    uint64_t span_block_bytes; /* raw bytes of a block before it is closed (1 MiB) */
    int64_t retention_10s_s, retention_1m_s, retention_1h_s, retention_spans_s;
    uint64_t retention_bytes; /* of the whole store; oldest spans go first, then the finest frames */
    bool compact;             /* frames become chunks, in a thread of its own (compaction.h) */
    int64_t full_10s_s;       /* older 10 s cells are made coarse; 0 = never */
} store_config_t;

typedef struct store store_t;

/* Opens or makes the store and takes the directory's lock. ERR_BUSY: another process has it; ERR_FOREIGN: not a
 * seismesh store, or of a newer version; ERR_IO. `why` gets one sentence with the cure. */
err_t store_open(const store_config_t *config, counters_t *counters, store_t **out, char *why, size_t why_size);
void store_close(store_t *store);

const char *store_path(const store_t *store); /* of the SQLite file, for readers */

/* Recovery. Fills the shard with names, entities and the frames of buckets that are still open; gives the journal
 * position (0 when new), and the bytes of a named state (empty when none; valid until the next call). */
err_t store_load(store_t *store, shard_t *shard, uint64_t *position, int64_t *closed_before);
err_t store_state(store_t *store, const char *name, slice_t *bytes);

/* --- called by the folding thread while it folds: cheap, in memory --- */

/* Keeps a request body's spans: appends it to the open block. `position` is the record's. */
void store_spans(store_t *store, slice_t body);

/* Adds a span to its trace's row. Call it for each span of the body given to store_spans before. */
void store_span(store_t *store, const uint8_t trace_id[16], const uint8_t span_id[8], bool root, bool error,
                uint32_t service, uint32_t operation, int64_t start_ns, int64_t end_ns);

void store_anomaly(store_t *store, int64_t time_ns, uint32_t entity, const char *signal, double score, double observed,
                   double expected, double low, double high, uint64_t incident, const char *explanation);
void store_incident(store_t *store, uint64_t id, int64_t opened_ns, int64_t updated_ns, int64_t closed_ns,
                    const char *json);
void store_suggestion(store_t *store, uint64_t id, uint64_t incident, int64_t created_ns, int64_t expires_ns,
                      const char *json);

/* Bytes of full span blocks, traces and events collected since the last checkpoint: 0 behind one. When this outgrows
 * what the caller can spare, it makes a checkpoint, and, as long as that is refused, folds no further. */
size_t store_pending_bytes(const store_t *store);

/* --- checkpoint --- */

/* Hands everything new to the writing thread as one transaction: the dirty buckets of the shard (as frames), new names
 * and entities, the above, and `states` (name and bytes pairs, ended by a NULL name). Buckets below `closed_before` are
 * dropped from the shard afterwards; when a minute or hour is closed, its coarser frame is merged from the finer ones.
 * Returns at once, with nothing done: ERR_BUSY while the previous checkpoint is still being written, ERR_IO when it
 * failed and is now being tried again. */
typedef struct {
    const char *name;
    slice_t bytes;
} store_state_t;

err_t store_checkpoint(store_t *store, shard_t *shard, uint64_t position, int64_t closed_before, int64_t event_ns,
                       const store_state_t *states);

/* Whether the previous checkpoint is still being written, so that the next would be refused. */
bool store_busy(store_t *store);

/* Waits until the writing thread is idle. ERR_IO when its last transaction failed (it is tried again by the next
 * checkpoint, with nothing lost). */
err_t store_flush(store_t *store);

/* Journal position of the last checkpoint that is on disk. */
uint64_t store_position(const store_t *store);

/* A person's decision on a suggestion. Any thread. ERR_NOT_FOUND, ERR_INVALID (not open any more). */
err_t store_decide(store_t *store, uint64_t suggestion, const char *decision, const char *reason, int64_t time_ns);
/* Takes a decision back: the suggestion is open again. Any thread. ERR_NOT_FOUND, ERR_INVALID (not decided, or expired
 * since). */
err_t store_reopen(store_t *store, uint64_t suggestion);

/* What a person said of an incident (analyzer/answers.h says what it does). It is written at once; the oldest that are
 * over are deleted beyond STORE_ANSWERS_MAX. Any thread. */
enum { STORE_ANSWERS_MAX = 1000 };

typedef struct {
    uint64_t id, incident;
    int64_t given_ns;           /* wall time */
    int64_t since_ns, until_ns; /* event time in which it is in force; INT64_MAX = for ever */
    const char *json;           /* docs/api.md: Answer */
} store_answer_t;

err_t store_answer(store_t *store, const store_answer_t *answer);

/* ERR_NOT_FOUND; ERR_INVALID: it is over already. */
err_t store_answer_revoke(store_t *store, uint64_t id, int64_t until_ns, int64_t revoked_ns);

#endif
