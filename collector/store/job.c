#include "collector/store/job.h"

#include "base/memory.h"
#include "collector/rollup/frame.h"

#include <stdatomic.h>
#include <stdlib.h>

static void free_blocks(job_t *job) {
    for (uint32_t i = 0; i < job->block_count; i++) packed_block_free(job->blocks[i]);
    job->block_count = 0;
}

void job_fini(job_t *job) {
    free_blocks(job);
    free(job->blocks);
    free(job->events);
    free(job->frames);
    free(job->states);
    traces_fini(&job->traces);
    buffer_t *const buffers[] = {&job->text,     &job->open.raw,    &job->names,
                                 &job->entities, &job->frame_bytes, &job->state_bytes};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) buffer_fini(buffers[i]);
    *job = (job_t){0};
}

void job_clear(job_t *job) {
    free_blocks(job);
    traces_clear(&job->traces);
    buffer_t *const buffers[] = {&job->text,     &job->open.raw,    &job->names,
                                 &job->entities, &job->frame_bytes, &job->state_bytes};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) buffer_clear(buffers[i]);
    job->event_count = job->frame_count = job->state_count = job->name_count = job->entity_count = 0;
    job->spans = 0;
    job->open_changed = false;
}

size_t job_bytes(const job_t *job) {
    size_t bytes = traces_bytes(&job->traces) + job->event_count * sizeof *job->events + job->text.len;
    for (uint32_t i = 0; i < job->block_count; i++)
        bytes += atomic_load_explicit(&job->blocks[i]->bytes, memory_order_relaxed);
    return bytes;
}

/* Room for one more item in an array that grows by doubling. */
static void *grow(void *items, uint32_t count, uint32_t *capacity, size_t size) {
    if (count < *capacity) return items;
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    return memory_resize(items, *capacity * size);
}

void job_add_block(job_t *job, packed_block_t *block) {
    job->blocks = grow(job->blocks, job->block_count, &job->block_capacity, sizeof(packed_block_t *));
    job->blocks[job->block_count++] = block;
}

static size_t add_text(job_t *job, const char *text) {
    size_t offset = job->text.len;
    buffer_append(&job->text, text, strlen(text) + 1);
    return offset;
}

void job_add_event(job_t *job, const job_event_t *event, const char *text, const char *document) {
    job->events = grow(job->events, job->event_count, &job->event_capacity, sizeof *job->events);
    job->events[job->event_count] = *event;
    job->events[job->event_count].text = add_text(job, text);
    job->events[job->event_count++].document = add_text(job, document);
}

void job_add_frame(job_t *job, bucket_t *bucket) {
    job->frames = grow(job->frames, job->frame_count, &job->frame_capacity, sizeof *job->frames);
    size_t offset = job->frame_bytes.len;
    frame_encode(bucket, &job->frame_bytes);
    job->frames[job->frame_count++] =
        (job_frame_t){bucket->bucket, bucket->whole, offset, job->frame_bytes.len - offset};
}

void job_add_state(job_t *job, const char *name, slice_t bytes) {
    job->states = grow(job->states, job->state_count, &job->state_capacity, sizeof *job->states);
    job_state_t state = {add_text(job, name), job->state_bytes.len, bytes.len};
    buffer_append(&job->state_bytes, bytes.data, bytes.len);
    job->states[job->state_count++] = state;
}

void job_add_names(job_t *job, const names_t *names, uint32_t from) {
    job->first_name = from;
    job->name_count = names->count - from;
    for (uint32_t id = from; id < names->count; id++)
        buffer_append(&job->names, names->texts[id], names->lengths[id] + (size_t)1);
}

void job_add_entities(job_t *job, const shard_t *shard, uint32_t from) {
    job->first_entity = from;
    job->entity_count = shard->entity_count - from;
    if (job->entity_count > 0)
        buffer_append(&job->entities, &shard->entities[from], job->entity_count * sizeof(entity_key_t));
}
