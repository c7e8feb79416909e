/* job: what one checkpoint writes. The folding thread collects spans and events in one job while the writing thread
 * writes the other; at a checkpoint the names, entities, frames and states are added and the two change places. All
 * memory is kept for the next round. */
#ifndef SEISMESH_STORE_JOB_H
#define SEISMESH_STORE_JOB_H

#include "base/buffer.h"
#include "collector/rollup/shard.h"
#include "collector/store/meta.h"
#include "collector/store/packer.h"
#include "collector/store/traces.h"

/* Rows that the analyzer makes. Numbers, text, values and document are the columns, in this order. */
typedef enum { EVENT_ANOMALY, EVENT_INCIDENT, EVENT_SUGGESTION, EVENT_KINDS } event_kind_t;
enum { EVENT_NUMBERS = 4, EVENT_VALUES = 5 };

typedef struct {
    event_kind_t kind;
    int64_t numbers[EVENT_NUMBERS];
    double values[EVENT_VALUES];
    size_t text, document; /* offsets into job.text, NUL-terminated; not every kind has a document */
} job_event_t;

typedef struct {
    int64_t bucket;
    bool whole;
    size_t offset, len; /* in job.frame_bytes */
} job_frame_t;

typedef struct {
    size_t name, offset, len; /* in job.text and job.state_bytes */
} job_state_t;

typedef struct {
    /* collected while folding */
    traces_t traces;
    packed_block_t **blocks; /* full ones, or on their way to be packed */
    uint32_t block_count, block_capacity;
    int64_t spans; /* added since the last checkpoint */
    job_event_t *events;
    uint32_t event_count, event_capacity;
    buffer_t text;
    /* added at the checkpoint */
    int64_t sequence; /* number of this checkpoint: tells whether it reached the disk */
    int64_t position, closed_before, event_ns;
    open_block_t open; /* copy of the one that is being filled; written when open_changed */
    bool open_changed;
    uint32_t first_name, name_count;
    buffer_t names; /* NUL-terminated texts */
    uint32_t first_entity, entity_count;
    buffer_t entities;   /* entity_key_t */
    job_frame_t *frames; /* in order of bucket */
    uint32_t frame_count, frame_capacity;
    buffer_t frame_bytes;
    job_state_t *states;
    uint32_t state_count, state_capacity;
    buffer_t state_bytes;
} job_t;

/* A zeroed job_t is an empty one. */
void job_fini(job_t *job);
void job_clear(job_t *job);         /* keeps the memory, but that of span blocks */
size_t job_bytes(const job_t *job); /* while it is collected */

void job_add_block(job_t *job, packed_block_t *block); /* takes it over */
void job_add_event(job_t *job, const job_event_t *event, const char *text, const char *document);
void job_add_frame(job_t *job, bucket_t *bucket); /* encodes it */
void job_add_state(job_t *job, const char *name, slice_t bytes);
void job_add_names(job_t *job, const names_t *names, uint32_t from);
void job_add_entities(job_t *job, const shard_t *shard, uint32_t from);

#endif
