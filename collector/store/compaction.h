/* compaction: turns the frames of buckets that are settled, time-major, into chunks, series-major, behind the
 * checkpoints: smaller, and a series over hours is a few rows instead of hundreds. Has its own connection and thread;
 * ingestion does not wait for it, nor it for ingestion.
 *
 * Per resolution there is a bound (bounds_t): buckets below are in chunks, those above in frames. One transaction puts
 * the chunks of a span of CHUNK_BUCKETS buckets, deletes its frames and raises the bound: a crash leaves the span as it
 * was or as it is to be. Where a span has more cells than memory is to hold, chunks of some of its entities are put
 * beforehand; nobody reads them while they are above the bound, and they are put again.
 *
 * Late points come as frames below the bound; readers add them up (query_chunks.c), and compaction merges them into
 * their chunks, each frame in one transaction. 10 s cells that are older than `full_10s_s` are made coarse
 * (cell_coarsen): minutes and hours keep exemplars and full resolution.
 *
 * What is in the end in the store depends on the cells alone, not on when they were compacted. */
#ifndef SEISMESH_STORE_COMPACTION_H
#define SEISMESH_STORE_COMPACTION_H

#include "base/buffer.h"
#include "base/counters.h"
#include "collector/store/meta.h"
#include "collector/store/wal.h"

typedef struct {
    sqlite3 *db; /* NULL: not open */
    counters_t *counters;
    int64_t full_10s_s; /* 0 = for ever */
    wal_t wal;
    buffer_t bytes; /* scratch */
} compactor_t;

/* `store_bytes`: what the whole store may hold, 0 = no bound. */
err_t compactor_open(compactor_t *compactor, const char *path, int64_t full_10s_s, uint64_t store_bytes,
                     counters_t *counters);
void compactor_close(compactor_t *compactor);

/* One piece of work: a span to chunks, a late frame merged, or some coarse cells; *worked is false when nothing is due.
 * `all`: late frames of the last hour, too, which otherwise wait for company. On an error the store is as it was, and
 * the compactor must be closed and opened again. */
err_t compactor_step(compactor_t *compactor, bool all, bool *worked);

/* Its parts. */
err_t compact_span(compactor_t *compactor, int resolution, int64_t span);
err_t compact_late(compactor_t *compactor, int resolution, int64_t bucket, const bounds_t *bounds);
err_t compact_coarsen(compactor_t *compactor, bounds_t *bounds);

typedef struct compaction compaction_t;

/* The thread. It looks for work every second. */
compaction_t *compaction_start(const char *path, int64_t full_10s_s, uint64_t store_bytes, counters_t *counters);

/* Does what is still due, for some seconds at most, and ends the thread. */
void compaction_stop(compaction_t *compaction);

#endif
