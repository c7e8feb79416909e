/* worker: a node with `role: worker`. It folds those partitions that the consumer group gives it, each by itself
 * (partition.h), and says what comes of it to the rollup topic. The state of each partition is kept in the state topic
 * every few seconds, and the group's offset of the partition is always that of a kept state, with where it lies as its
 * note. So whoever has the partition next goes on from there, and folds again what was folded since: that says the same
 * once more, under the same numbers, and nobody counts it twice.
 *
 *     worker_open(&config, &worker, …); journal = …(config.holder = worker_holder(worker)); worker_attach(worker,
 * journal); for (;;) { if (journal_next(…) == ERR_OK) worker_record(worker, &record); worker_turn(worker); }
 *     journal_close(journal);      // keeps all states, and tells the group
 *     worker_close(worker); */
#ifndef SEISMESH_CLUSTER_WORKER_H
#define SEISMESH_CLUSTER_WORKER_H

#include "collector/cluster/cluster_log.h"
#include "collector/cluster/partition.h"

typedef struct worker worker_t;

typedef struct {
    partition_config_t partition;
    cluster_log_config_t log;
    int64_t keep_ns;    /* a state is kept so often */
    int64_t silence_ns; /* after so long without a record, time is written into a partition in which something waits */
    const char *node, *url; /* what others may call us, and where our page is; "" = not told */
    const clock_source_t *clock;
    /* Puts the spans of all records folded so far on disk, before the group hears that they were. NULL = nobody keeps
     * spans. */
    err_t (*checkpoint)(void *context);
    void *context;
} worker_config_t;

/* ERR_INVALID with `why`. The configuration is copied; what it points at is borrowed. */
err_t worker_open(const worker_config_t *config, worker_t **out, char *why, size_t why_size);
void worker_close(worker_t *worker);

journal_holder_t *worker_holder(worker_t *worker);
void worker_attach(worker_t *worker, journal_t *journal);

/* Folds one record. ERR_NOT_FOUND: of a partition that is not ours. */
err_t worker_record(worker_t *worker, const journal_record_t *record);

/* Says, keeps and ticks what is due. Call it often. */
void worker_turn(worker_t *worker);

int64_t worker_event_ns(const worker_t *worker); /* newest event time of its partitions; INT64_MIN = none */
bool worker_settled(const worker_t *worker);     /* nothing waits in any of them */
uint32_t worker_partitions(const worker_t *worker);

/* ERR_OK; ERR_IO: nothing is folded any more, the log says why. */
err_t worker_state(const worker_t *worker);

#endif
