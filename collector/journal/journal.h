/* journal: the truth. A record is appended, becomes durable, and only then is acknowledged; the fold reads records in
 * the same order. Records have positions that only grow; a position is all that a checkpoint needs to remember.
 *
 * Two members: local segment files (local.c), and Kafka partitions with offsets (kafka.c). A member fills in
 * journal_ops_t. */
#ifndef SEISMESH_JOURNAL_JOURNAL_H
#define SEISMESH_JOURNAL_JOURNAL_H

#include "base/buffer.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/err.h"
#include "base/files.h"
#include "collector/fold/otlp.h"

/* Kinds 0..2 are otlp_kind_t; a tick says that wall time went on; a rollup is what a worker's fold has to say
 * (collector/cluster/rollup_log.h). */
enum { JOURNAL_TICK = 3, JOURNAL_ROLLUP = 4 };

typedef enum { DURABILITY_DISK, DURABILITY_PROCESS } durability_t;

typedef struct {
    const char *directory; /* made when absent */
    durability_t durability;
    uint64_t segment_bytes; /* a segment is closed when it is larger (64 MiB) */
    uint64_t spare_bytes;   /* of released segments that are kept to be written over; 0 = 1 GiB */
    uint64_t queue_bytes;   /* appended and not yet read by the fold; beyond it journal_append says ERR_FULL */
    uint32_t group_wait_us; /* how long the first record of a group waits for company (0 = not at all) */
    const files_t *files;   /* NULL = the machine's own */
} journal_config_t;

/* Somebody who keeps a state of each partition, elsewhere than in the one state that a checkpoint writes. Called by the
 * reading thread, within journal_next and journal_close. */
typedef struct {
    void *context;
    /* A partition is ours. `committed` (-1 = nothing) and `note` are what the last member told the group, `oldest` is
     * the oldest offset there is. Gives the offset at which reading begins; -1: it cannot be read, nothing is. */
    int64_t (*take)(void *context, const char *topic, int32_t partition, int64_t committed, const char *note,
                    int64_t oldest);
    /* Partitions go to other members; `lost`: they are gone already. Then `drop` for each of them. */
    void (*give_back)(void *context, bool lost);
    void (*drop)(void *context, const char *topic, int32_t partition);
} journal_holder_t;

typedef struct {
    const char *brokers; /* "host:9092,host:9092" */
    const char *group;   /* consumer group: its members share the partitions */
    const char *topics[OTLP_KINDS];
    const char *rollups;      /* NULL; else the one topic that is read, instead of those, by a group of one member */
    journal_holder_t *holder; /* NULL: the state is one */
    const char *properties;   /* "NAME=VALUE; NAME=VALUE" for librdkafka, "" for none */
    uint64_t queue_bytes;     /* appended and not yet delivered; and as much fetched and not yet folded */
    uint64_t request_bytes;   /* largest message once it is protobuf */
    /* Makes a checkpoint of all that was handed out, and waits until it is on disk: partitions are about to go to
     * another member of the group. Called by the reading thread, within journal_next. ERR_OK when it is there. */
    err_t (*checkpoint)(void *context);
    void *context;
} journal_kafka_config_t;

typedef struct {
    uint64_t position; /* of this record */
    uint64_t next;     /* of the one behind it: what a checkpoint stores after folding this one */
    int64_t arrival_ns;
    uint8_t kind;
    bool json;         /* Kafka: it came as JSON */
    bool known;        /* Kafka with a holder: a checkpoint of our own had this record already */
    int32_t partition; /* Kafka: where it comes from; the topic is that of the kind that was appended */
    uint64_t offset;
    const char *topic;
    slice_t payload; /* borrowed until the next journal_next */
} journal_record_t;

/* Called once per append, from a thread of the journal: ERR_OK when durable; ERR_FULL when there is no room on the disk
 * (goes away by itself once there is); ERR_IO when the disk failed (nothing will be acknowledged from then on until the
 * journal has been opened again). */
typedef void (*journal_done_fn)(void *context, err_t result);

typedef struct journal journal_t;

typedef struct {
    const char *name; /* "local" */
    bool elsewhere;   /* what has not been read yet is kept by others: a stop need not wait for it */
    err_t (*append)(journal_t *journal, uint8_t kind, int64_t arrival_ns, buffer_t *payload, journal_done_fn done,
                    void *context);
    err_t (*next)(journal_t *journal, int64_t timeout_ns, journal_record_t *record);
    void (*release)(journal_t *journal, uint64_t position);
    void (*make_room)(journal_t *journal); /* NULL: nothing is kept */
    uint64_t (*end)(journal_t *journal);
    err_t (*state)(journal_t *journal);
    void (*wake)(journal_t *journal);
    void (*save)(journal_t *journal, buffer_t *out); /* NULL: a position says it all */
    void (*close)(journal_t *journal);
} journal_ops_t;

struct journal {
    const journal_ops_t *ops;
};

/* Opens or makes the local journal, cuts a torn tail, and will hand out records from `position` on (0 = the oldest
 * there is). ERR_IO; ERR_FOREIGN (`why` names the file). */
err_t journal_open_local(const journal_config_t *config, uint64_t position, const clock_source_t *clock,
                         counters_t *counters, journal_t **out, char *why, size_t why_size);

/* Joins the group and will hand out each partition's messages from where `state` (of journal_save; empty = new) or the
 * group says, whichever is further. `position` is where counting goes on. Nothing is connected yet on return. A message
 * is one export request, as protobuf or JSON. ERR_INVALID, ERR_FOREIGN, ERR_MALFORMED, ERR_NOMEM, with `why`.
 *
 * Counted once: offsets are part of the state and go to disk in its transaction; the group hears of them afterwards.
 * Where a partition changes hands in good order, the one that gives it up makes a checkpoint first. One that is killed
 * keeps what it counted; it goes on there when it comes back, but a member that takes over in the meantime begins where
 * the group last heard, which may be a checkpoint earlier. */
err_t journal_open_kafka(const journal_kafka_config_t *config, uint64_t position, slice_t state, counters_t *counters,
                         journal_t **out, char *why, size_t why_size);

/* How far the holder's state of a partition goes. */
typedef struct {
    const char *topic;
    int32_t partition;
    int64_t next;
    char note[64]; /* given to whoever takes the partition next */
} journal_commit_t;

/* Tells the group. Kafka with a holder; the reading thread. ERR_IO: it was not heard, or did not want to. */
err_t journal_kafka_commit(journal_t *journal, const journal_commit_t *commits, size_t count);

/* Appends a tick to one partition, so that it is read in its place by whoever folds that partition; `json`: what is in
 * the topic is JSON. ERR_FULL. Kafka with a holder. */
err_t journal_kafka_tick(journal_t *journal, const char *topic, int32_t partition, bool json, int64_t arrival_ns);

/* Whether the reader is at the end of a partition, as far as the broker has told. Kafka; the reading thread. */
bool journal_kafka_at_end(journal_t *journal, const char *topic, int32_t partition);

/* Appends one record; takes the payload's memory over (the buffer is empty afterwards) unless it fails. ERR_FULL: over
 * queue_bytes; ERR_TOO_LARGE: over 1 GiB; ERR_IO: the disk failed before; ERR_CLOSED. `done` (may be NULL) is called
 * only when this said ERR_OK. Any thread. */
static inline err_t journal_append(journal_t *j, uint8_t kind, int64_t arrival_ns, buffer_t *payload,
                                   journal_done_fn done, void *context) {
    return j->ops->append(j, kind, arrival_ns, payload, done, context);
}

/* The next durable record, in order; waits at most timeout_ns. ERR_NOT_FOUND: none came in time, or journal_wake was
 * called; ERR_CLOSED. One reading thread. */
static inline err_t journal_next(journal_t *j, int64_t timeout_ns, journal_record_t *record) {
    return j->ops->next(j, timeout_ns, record);
}

/* Records before `position` are in a checkpoint: their segments may go, or be written over. */
static inline void journal_release(journal_t *j, uint64_t position) {
    j->ops->release(j, position);
}

/* Gives back what disk space is kept only to be written over: for when somebody else's write failed. Any thread. */
static inline void journal_make_room(journal_t *j) {
    if (j->ops->make_room != NULL) j->ops->make_room(j);
}

/* Position behind the last durable record. */
static inline uint64_t journal_end(journal_t *j) {
    return j->ops->end(j);
}

/* ERR_OK; ERR_FULL: the last write found no room on the disk; ERR_IO: the disk failed. For /readyz. */
static inline err_t journal_state(journal_t *j) {
    return j->ops->state(j);
}

/* Makes a waiting journal_next return. */
static inline void journal_wake(journal_t *j) {
    j->ops->wake(j);
}

/* What a checkpoint keeps beside the position, of all that was handed out. Called by the reading thread. */
static inline void journal_save(journal_t *j, buffer_t *out) {
    if (j->ops->save != NULL) j->ops->save(j, out);
}

/* Writes what was accepted, calls all outstanding `done`, and frees. */
static inline void journal_close(journal_t *j) {
    j->ops->close(j);
}

#endif
