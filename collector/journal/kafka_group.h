/* kafka_group: the inside of the journal in Kafka, for its own files, and its part in the consumer group: partitions
 * that are given to us, where each is read on, and what the group is told of it. */
#ifndef SEISMESH_JOURNAL_KAFKA_GROUP_H
#define SEISMESH_JOURNAL_KAFKA_GROUP_H

#include "collector/journal/kafka_offsets.h"
#include "collector/journal/kafka_producer.h"

#include <stdatomic.h>

typedef struct {
    journal_t base;
    counters_t *counters;
    kafka_producer_t *producer;
    rd_kafka_t *consumer;
    char *topics[OTLP_KINDS];
    uint64_t request_bytes;
    err_t (*checkpoint)(void *context);
    void *context;
    journal_holder_t *holder; /* NULL: one state for all */
    bool rollups;             /* the first topic holds rollups, and we are the only member */
    _Atomic int64_t tick_ns;  /* 0 = none waits */
    _Atomic uint64_t end;     /* what was handed out, and the lag in about as many bytes */
    _Atomic bool unreachable, failed;
    bool closing;

    /* of the reading thread */
    bool joined;    /* the group has told us which partitions are ours, if any */
    bool was_given; /* it once did */
    kafka_offsets_t offsets, released;
    kafka_offsets_t kept; /* with a holder: what checkpoints of our own have had */
    kafka_snapshots_t snapshots;
    uint64_t position, handed, handed_bytes, malformed;
    uint64_t lag; /* messages; at least 1 while it is not known */
    rd_kafka_message_t *lent;
    buffer_t mapped; /* of a JSON message */
    int64_t probed_s;
    uint32_t polled;
} kafka_t;

/* Partitions are assigned or taken away: a callback of librdkafka. */
void kafka_group_changed(rd_kafka_t *client, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *partitions,
                         void *kafka);

/* Tells the group how far `offsets` go, for the partitions that are ours. */
void kafka_group_tell(kafka_t *kafka, const kafka_offsets_t *offsets, bool wait);

#endif
