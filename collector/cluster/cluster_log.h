/* cluster_log: the two compacted topics that the nodes of a cluster have in common. To the rollup topic workers write
 * what their folds have to say (rollup_log.h), under the key "TOPIC/PARTITION/FIRST ITEM", so that what is said again
 * takes the place of what it repeats. To the state topic they write the state of each partition (partition.h), in
 * pieces, under "TOPIC/PARTITION/PIECE": the next one takes the place of the one before. Both have one partition: what
 * is said later is read later, whoever says it.
 *
 * Delivery is not given up as long as the process lives: when brokers are away, the queue fills, and writing waits.
 * Belongs to one thread. The layout of a piece is described in cluster_log.c. */
#ifndef SEISMESH_CLUSTER_CLUSTER_LOG_H
#define SEISMESH_CLUSTER_CLUSTER_LOG_H

#include "collector/journal/journal.h"

typedef struct cluster_log cluster_log_t;

typedef struct {
    const journal_kafka_config_t *kafka; /* brokers, properties */
    const char *rollups, *state;         /* topics */
} cluster_log_config_t;

/* Nothing is connected yet on return. ERR_INVALID with `why`. The configuration is borrowed. */
err_t cluster_log_open(const cluster_log_config_t *config, cluster_log_t **out, char *why, size_t why_size);
void cluster_log_close(cluster_log_t *log);

/* Makes the topics with the settings that they need, where they are not there yet. What the broker says against it is
 * logged: somebody may have to make them. */
void cluster_log_make_topics(cluster_log_t *log);

/* Takes the message's memory over. Waits while the queue is full. ERR_IO: see cluster_log_state_of. */
err_t cluster_log_rollup(cluster_log_t *log, const char *key, buffer_t *message);

/* Writes a state in pieces; *offset is that of the first one once cluster_log_flush has said ERR_OK. */
err_t cluster_log_save(cluster_log_t *log, const char *topic, int32_t partition, uint64_t next, slice_t state,
                       int64_t *offset);

/* Waits until everything is delivered. ERR_FULL: not in time; ERR_IO. */
err_t cluster_log_flush(cluster_log_t *log, int timeout_ms);

/* Takes delivery reports; never waits. */
void cluster_log_poll(cluster_log_t *log);

/* ERR_OK; ERR_IO: something was refused for good and will not be said: only folding it again helps. */
err_t cluster_log_state_of(const cluster_log_t *log);

/* The newest whole state of a partition among what was written at `offset` or behind it. ERR_NOT_FOUND: there is none;
 * ERR_IO: the topic could not be read to its end. */
err_t cluster_log_load(cluster_log_t *log, const char *topic, int32_t partition, int64_t offset, buffer_t *state);

/* One piece of a state. */
typedef struct {
    slice_t topic; /* of the partition */
    int32_t partition;
    uint64_t next; /* offset at which the state ends */
    uint32_t piece, pieces;
    slice_t bytes; /* of the compressed state */
} state_piece_t;

void state_piece_write(const state_piece_t *piece, buffer_t *out);
err_t state_piece_read(slice_t message, state_piece_t *piece); /* ERR_MALFORMED, ERR_FOREIGN; slices are borrowed */

#endif
