/* partition: the fold of one Kafka partition, on a node with `role: worker`. Its state is a function of the partition's
 * records up to an offset, and so is what it has to say (rollup_log.h): a worker that takes a partition over goes on
 * from the last state that was kept, folds the records behind it again, and says nothing that was not said, or is
 * recognised as said before.
 *
 *     partition_record(partition, &record);                  // in order of offsets
 *     while (partition_message(partition, &first, &message)) send(&message);
 *     partition_save(partition, &bytes);                     // with partition_offset: where to go on
 */
#ifndef SEISMESH_CLUSTER_PARTITION_H
#define SEISMESH_CLUSTER_PARTITION_H

#include "collector/cluster/rollup_log.h"
#include "collector/journal/journal.h"

enum { PARTITION_MESSAGE_BYTES = 256 << 10 }; /* brokers take 1 MB unless told otherwise */

typedef struct {
    fold_config_t fold; /* pairing_window_ns: how long a half waits here before it goes to those who see all */
    const dialect_set_t *dialects;
    counters_t *counters;
    /* Who keeps spans: told of each request, and of its spans, with names as ids of `names`. NULL = nobody. */
    void *context;
    void (*request)(void *context, otlp_kind_t kind, slice_t body);
    void (*span)(void *context, const folded_span_t *span);
    names_t *names;
} partition_config_t;

typedef struct partition partition_t;

/* A fold that begins with nothing, at an offset. The configuration is copied; what it points at is borrowed. */
partition_t *partition_new(const partition_config_t *config, const char *topic, int32_t number, uint64_t offset);
void partition_free(partition_t *partition);

/* Folds the next record; one of an offset that was folded before is left out. */
void partition_record(partition_t *partition, const journal_record_t *record);

/* The next message, if there is anything new to say: it is appended, *first is the number of its first item. Messages
 * are not longer than PARTITION_MESSAGE_BYTES by much. */
bool partition_message(partition_t *partition, uint64_t *first, buffer_t *message);

/* A message of full length waits. */
bool partition_is_full(const partition_t *partition);

/* Nothing waits: neither half of a call, nor open bucket. */
bool partition_settled(const partition_t *partition);

int64_t partition_event_ns(const partition_t *partition); /* newest event time seen; INT64_MIN before the first */
uint64_t partition_offset(const partition_t *partition);  /* of the record that is folded next */

/* Everything, as canonical bytes; nothing may wait to be said (partition_message first). */
void partition_save(const partition_t *partition, buffer_t *out);

/* ERR_MALFORMED, ERR_FOREIGN: another version, or of another partition; then the partition is not to be used. Only for
 * one that is new. */
err_t partition_load(partition_t *partition, slice_t bytes);

#endif
