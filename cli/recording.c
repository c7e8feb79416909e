#include "cli/recording.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "cli/event_time.h"
#include "cli/source.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { AHEAD_RECORDS = 32, AHEAD_BYTES = 32 << 20, WHY_BYTES = 600 };

typedef struct {
    recorded_t told; /* without the payload */
    buffer_t payload;
} item_t;

typedef struct {
    source_t *source; /* NULL when it has ended */
    item_t head;      /* its next request */
} input_t;

struct recording {
    input_t *inputs;
    size_t count;
    uint64_t bytes;
    _Atomic uint64_t bytes_read;
    uint64_t ended_bytes; /* of inputs that are closed */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t room, ready;
    item_t ring[AHEAD_RECORDS]; /* first, then `filled` of them round the ring */
    size_t first, filled, ahead_bytes;
    item_t lent;
    bool stop;
    err_t end; /* ERR_OK while there is more to come */
    char why[WHY_BYTES];
};

/* Reads the next request of an input into its head; closes it at its end. */
static err_t advance(recording_t *r, input_t *input, char *why, size_t why_size) {
    item_t *head = &input->head;
    err_t err = source_next(input->source, &head->told.kind, &head->told.line, &head->payload, why, why_size);
    if (err == ERR_NOT_FOUND) {
        r->ended_bytes += source_read(input->source);
        source_close(input->source);
        input->source = NULL;
        return ERR_OK;
    }
    if (err != ERR_OK) return err;
    event_span_t span;
    if (!event_time_read(head->told.kind, buffer_slice(&head->payload), &span)) {
        (void)snprintf(why, why_size, "%s:%" PRIu64 ": not an OTLP %s request", head->told.file, head->told.line,
                       otlp_kind_names[head->told.kind]);
        return ERR_MALFORMED;
    }
    head->told.items = span.items;
    if (span.last_ns > head->told.event_ns) head->told.event_ns = span.last_ns;
    return ERR_OK;
}

/* The input whose head happened first; NULL at the end of all. A scan: files are few and requests large. */
static input_t *earliest(recording_t *r) {
    input_t *best = NULL;
    for (size_t i = 0; i < r->count; i++) {
        input_t *input = &r->inputs[i];
        if (input->source == NULL) continue;
        if (best == NULL || input->head.told.event_ns < best->head.told.event_ns) best = input;
    }
    return best;
}

static void note_progress(recording_t *r) {
    uint64_t read = r->ended_bytes;
    for (size_t i = 0; i < r->count; i++)
        if (r->inputs[i].source != NULL) read += source_read(r->inputs[i].source);
    atomic_store_explicit(&r->bytes_read, read, memory_order_relaxed);
}

/* Waits for room and puts the request into the ring; the memory that was there goes back into `item`, to be used again.
 * False when the reader does not want any more. */
static bool put(recording_t *r, item_t *item) {
    (void)pthread_mutex_lock(&r->lock);
    while (!r->stop && r->filled > 0 && (r->filled == AHEAD_RECORDS || r->ahead_bytes >= AHEAD_BYTES))
        (void)pthread_cond_wait(&r->room, &r->lock);
    bool wanted = !r->stop;
    if (wanted) {
        item_t *slot = &r->ring[(r->first + r->filled++) % AHEAD_RECORDS];
        buffer_t spare = slot->payload;
        *slot = *item;
        r->ahead_bytes += item->payload.len;
        item->payload = spare;
        buffer_clear(&item->payload);
        (void)pthread_cond_signal(&r->ready);
    }
    (void)pthread_mutex_unlock(&r->lock);
    return wanted;
}

static void *merge_main(void *context) {
    recording_t *r = context;
    char why[WHY_BYTES] = "";
    err_t err = ERR_OK;
    for (input_t *input; err == ERR_OK;) {
        input = earliest(r);
        if (input == NULL)
            err = ERR_NOT_FOUND;
        else if (!put(r, &input->head))
            err = ERR_CLOSED;
        else
            err = advance(r, input, why, sizeof why);
        note_progress(r);
    }
    (void)pthread_mutex_lock(&r->lock);
    r->end = err;
    (void)memcpy(r->why, why, sizeof why);
    (void)pthread_cond_signal(&r->ready);
    (void)pthread_mutex_unlock(&r->lock);
    return NULL;
}

static void free_inputs(recording_t *r) {
    for (size_t i = 0; i < r->count; i++) {
        if (r->inputs[i].source != NULL) source_close(r->inputs[i].source);
        buffer_fini(&r->inputs[i].head.payload);
    }
    free(r->inputs);
    free(r);
}

static err_t open_inputs(recording_t *r, const char *const *paths, size_t count, char *why, size_t why_size) {
    err_t err = ERR_OK;
    for (; err == ERR_OK && r->count < count; r->count++)
        err = source_open(paths[r->count], &r->inputs[r->count].source, why, why_size);
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        r->bytes += source_size(r->inputs[i].source);
        r->inputs[i].head.told.file = paths[i];
        err = advance(r, &r->inputs[i], why, why_size);
    }
    return err;
}

err_t recording_open(const char *const *paths, size_t count, recording_t **out, char *why, size_t why_size) {
    recording_t *r = memory_new(1, sizeof *r);
    r->inputs = memory_new(count, sizeof *r->inputs);
    err_t err = open_inputs(r, paths, count, why, why_size);
    if (err == ERR_OK) {
        (void)pthread_mutex_init(&r->lock, NULL);
        (void)pthread_cond_init(&r->room, NULL);
        (void)pthread_cond_init(&r->ready, NULL);
        int failed = pthread_create(&r->thread, NULL, merge_main, r);
        if (failed == 0) {
            *out = r;
            return ERR_OK;
        }
        (void)snprintf(why, why_size, "no thread can be started: %s", strerror(failed));
        err = ERR_IO;
    }
    free_inputs(r);
    return err;
}

void recording_close(recording_t *r) {
    (void)pthread_mutex_lock(&r->lock);
    r->stop = true;
    (void)pthread_cond_signal(&r->room);
    (void)pthread_mutex_unlock(&r->lock);
    (void)pthread_join(r->thread, NULL);
    for (size_t i = 0; i < AHEAD_RECORDS; i++) buffer_fini(&r->ring[i].payload);
    buffer_fini(&r->lent.payload);
    (void)pthread_mutex_destroy(&r->lock);
    (void)pthread_cond_destroy(&r->room);
    (void)pthread_cond_destroy(&r->ready);
    free_inputs(r);
}

err_t recording_next(recording_t *r, recorded_t *item, char *why, size_t why_size) {
    (void)pthread_mutex_lock(&r->lock);
    while (r->filled == 0 && r->end == ERR_OK) (void)pthread_cond_wait(&r->ready, &r->lock);
    err_t err = r->filled > 0 ? ERR_OK : r->end;
    if (err == ERR_OK) {
        item_t *slot = &r->ring[r->first];
        item_t spare = r->lent;
        r->lent = *slot;
        *slot = spare;
        r->first = (r->first + 1) % AHEAD_RECORDS;
        r->filled--;
        r->ahead_bytes -= r->lent.payload.len;
        (void)pthread_cond_signal(&r->room);
    } else {
        (void)snprintf(why, why_size, "%s", r->why);
    }
    (void)pthread_mutex_unlock(&r->lock);
    if (err != ERR_OK) return err;
    *item = r->lent.told;
    item->payload = buffer_slice(&r->lent.payload);
    return ERR_OK;
}

uint64_t recording_bytes(const recording_t *r) {
    return r->bytes;
}

uint64_t recording_bytes_read(const recording_t *r) {
    return atomic_load_explicit(&r->bytes_read, memory_order_relaxed);
}
