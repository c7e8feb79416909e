/* kafka_offsets: how far each partition of each topic has been handed out: what a checkpoint keeps, so that state and
 * offsets are one transaction. Also remembers the offsets of the last few checkpoints that were begun, until one of
 * them is known to be on disk: only then may the consumer group hear of them. Belongs to one thread. */
#ifndef SEISMESH_JOURNAL_KAFKA_OFFSETS_H
#define SEISMESH_JOURNAL_KAFKA_OFFSETS_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/err.h"

enum { KAFKA_TOPIC_BYTES_MAX = 249, KAFKA_SNAPSHOTS_MAX = 8, KAFKA_PARTITIONS_MAX = 100000 };

typedef struct {
    char topic[KAFKA_TOPIC_BYTES_MAX + 1];
    int32_t partition;
    int64_t next; /* offset of the message that is to be handed out next */
} kafka_offset_t;

typedef struct {
    kafka_offset_t *items;
    uint32_t count, capacity;
} kafka_offsets_t;

void kafka_offsets_fini(kafka_offsets_t *offsets);

/* The entry of a partition; NULL when there is none. */
kafka_offset_t *kafka_offsets_find(const kafka_offsets_t *offsets, const char *topic, int32_t partition);

/* Sets where a partition goes on. ERR_FULL: more than KAFKA_PARTITIONS_MAX; ERR_INVALID: no topic's name. */
err_t kafka_offsets_set(kafka_offsets_t *offsets, const char *topic, int32_t partition, int64_t next);

void kafka_offsets_remove(kafka_offsets_t *offsets, const char *topic, int32_t partition);

/* Replaces `to`, which must be initialised. */
void kafka_offsets_copy(kafka_offsets_t *to, const kafka_offsets_t *from);

/* Wire form: version 1, count, then for each: block topic, varint partition, varint next. */
void kafka_offsets_encode(const kafka_offsets_t *offsets, buffer_t *out);
err_t kafka_offsets_decode(kafka_offsets_t *offsets, slice_t bytes); /* ERR_MALFORMED, ERR_FOREIGN; then empty */

/* Offsets as they were at positions of checkpoints, oldest first. */
typedef struct {
    struct {
        uint64_t position;
        kafka_offsets_t offsets;
    } items[KAFKA_SNAPSHOTS_MAX];
    uint32_t count;
} kafka_snapshots_t;

void kafka_snapshots_fini(kafka_snapshots_t *snapshots);

/* When there are too many, the oldest is forgotten: a later one stands for it. */
void kafka_snapshots_add(kafka_snapshots_t *snapshots, uint64_t position, const kafka_offsets_t *offsets);

/* Takes the newest one at or before `position` out into `offsets` (initialised), and all before it. False when there is
 * none. */
bool kafka_snapshots_take(kafka_snapshots_t *snapshots, uint64_t position, kafka_offsets_t *offsets);

#endif
