/* rollup_log: what the fold of one partition has to say to the nodes that see the whole mesh: cells of closed buckets,
 * and halves of calls whose other half it did not meet. Messages of the compacted rollup topic.
 *
 * A partition's fold is a deterministic function of the partition's records, so what it says is a sequence that every
 * worker would say alike: its items are numbered from 0, and a reader that has item N takes N + 1 next, whoever says
 * it and however the items are cut into messages. That is all that is needed to count nothing twice and to notice
 * what is missing. The layout is described in rollup_log.c.
 *
 *     rollup_writer_cell(&writer, shard, bucket, entity, cell);
 *     rollup_writer_half(&writer, shard, &half, false);
 *     rollup_writer_finish(&writer, &head, &message);      // the writer is empty, and goes on counting
 */
#ifndef SEISMESH_CLUSTER_ROLLUP_LOG_H
#define SEISMESH_CLUSTER_ROLLUP_LOG_H

#include "collector/fold/fold.h"

enum { ROLLUP_TOPIC_BYTES_MAX = 249 };

typedef enum { ROLLUP_ITEMS, ROLLUP_NODE } rollup_type_t;

/* Who speaks, and how far it is. */
typedef struct {
    slice_t topic; /* of the partition that was folded; at most ROLLUP_TOPIC_BYTES_MAX */
    int32_t partition;
    uint64_t epoch;      /* offset at which the fold began with nothing: another one, another sequence */
    uint64_t first;      /* number of the first item */
    uint64_t count;      /* of items */
    int64_t complete_ns; /* all that ended before, but for stragglers, has been said; INT64_MIN = nothing yet */
    bool settled;        /* nothing waits in this fold */
} rollup_head_t;

typedef struct {
    buffer_t items, scratch;
    uint64_t first, count;
    uint32_t *names, *entities; /* by id: the message (its turn) in which it was told */
    uint32_t names_capacity, entities_capacity;
    uint32_t turn;
} rollup_writer_t;

/* The first item will have this number. */
void rollup_writer_init(rollup_writer_t *writer, uint64_t first);
void rollup_writer_fini(rollup_writer_t *writer);

void rollup_writer_cell(rollup_writer_t *writer, const shard_t *shard, int64_t bucket, uint32_t entity,
                        const cell_t *cell);
void rollup_writer_half(rollup_writer_t *writer, const shard_t *shard, const half_t *half, bool alone);

/* Appends a message with everything written since the last one. Of `head`, first and count are filled in here. */
void rollup_writer_finish(rollup_writer_t *writer, rollup_head_t *head, buffer_t *out);

/* A node says where its page and API are. */
void rollup_node_write(const char *id, const char *url, buffer_t *out);

/* The type of a message. ERR_MALFORMED; ERR_FOREIGN: of a later version. */
err_t rollup_type(slice_t message, rollup_type_t *type);

/* ERR_MALFORMED; slices are borrowed from the message. */
err_t rollup_node_read(slice_t message, slice_t *id, slice_t *url);

/* `items` is what rollup_items wants. */
err_t rollup_head_read(slice_t message, rollup_head_t *head, slice_t *items);

typedef struct {
    void *context;
    bool (*wanted)(void *context, uint64_t number); /* false: this item is passed over */
    void (*cell)(void *context, uint32_t entity, int64_t bucket, const cell_t *cell);
    void (*half)(void *context, const half_t *half, bool alone);
} rollup_visitor_t;

/* Gives the items that are wanted, with names and entities as ids of `shard`. ERR_MALFORMED: items before that place
 * were given. */
err_t rollup_items(const rollup_head_t *head, slice_t items, shard_t *shard, const rollup_visitor_t *visitor);

#endif
