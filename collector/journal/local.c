/* local: the journal in segment files. Three parties meet here under one lock:
 *
 *   appenders  put records into the queue, after computing the payload's checksum themselves
 *   writer     one thread: takes all that is queued (up to a bound), writes it with pwritev straight from the payloads,
 *              syncs once, calls every `done`, and hands the same memory on to the reader. While it syncs, the next
 *              group gathers: the slower the disk, the larger the groups
 *   reader     after a start first the records on disk from its position on, then what the writer hands over, by
 *              pointer: what was just written is never read again
 *
 * Memory: a payload counts against queue_bytes from its append until the reader asks for the one behind it. During the
 * replay at start nothing is taken out of the queue, so a long replay pushes back on senders as a slow fold does. */
#include "base/log.h"
#include "base/memory.h"
#include "collector/journal/segments.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    GROUP_RECORDS_MAX = 511,    /* two parts of a pwritev each, and the end mark: IOV_MAX is 1024 */
    GROUP_BYTES_MAX = 16 << 20, /* so that a segment is never much larger than configured */
};

typedef struct entry entry_t;
struct entry {
    entry_t *next;
    buffer_t payload;
    journal_done_fn done;
    void *context;
    int64_t arrival_ns;
    uint64_t position;
    uint32_t payload_crc;
    uint8_t kind;
    uint8_t header[SEGMENT_RECORD_HEADER_BYTES];
};

typedef struct {
    entry_t *head, **tail;
} list_t;

typedef struct {
    journal_t base;
    segments_t segments;
    counters_t *counters;
    uint64_t queue_bytes;
    uint32_t group_wait_us;
    _Atomic uint64_t held_bytes; /* payloads from append until the reader is done with them */
    _Atomic uint64_t end;
    _Atomic err_t state;

    pthread_mutex_t lock;
    pthread_cond_t work, ready;
    list_t queue;   /* appended */
    list_t durable; /* for the reader */
    bool writer_waits, reader_waits, closing, woken;
    pthread_t writer;

    /* of the writer */
    struct iovec parts[2 * GROUP_RECORDS_MAX + 1];

    /* of the reader */
    list_t taken;
    entry_t *lent;
    uint64_t replay_at, replay_end; /* still to be read from disk */
    segment_reader_t replay;
    int replay_fd; /* -1: no segment is open for replay */
} local_t;

static void list_init(list_t *list) {
    *list = (list_t){NULL, &list->head};
}

static void list_add(list_t *list, entry_t *entry) {
    entry->next = NULL;
    *list->tail = entry;
    list->tail = &entry->next;
}

static entry_t *list_take(list_t *list) {
    entry_t *entry = list->head;
    if (entry == NULL) return NULL;
    list->head = entry->next;
    if (list->head == NULL) list->tail = &list->head;
    return entry;
}

static void list_move(list_t *to, list_t *from) {
    if (from->head == NULL) return;
    *to->tail = from->head;
    to->tail = from->tail;
    list_init(from);
}

/* What an entry counts against queue_bytes: a flood of empty records is bounded too. */
static uint64_t weight(uint64_t payload_len) {
    return payload_len + sizeof(entry_t);
}

static void entry_free(local_t *local, entry_t *entry) {
    atomic_fetch_sub_explicit(&local->held_bytes, weight(entry->payload.len), memory_order_relaxed);
    buffer_fini(&entry->payload);
    free(entry);
}

static void list_free(local_t *local, list_t *list) {
    for (entry_t *entry; (entry = list_take(list)) != NULL;) entry_free(local, entry);
}

/* ---- appenders ---- */

/* Admits one payload at least, however large, so that no limit can stop everything for ever. */
static bool hold(local_t *local, uint64_t bytes) {
    uint64_t before = atomic_fetch_add_explicit(&local->held_bytes, bytes, memory_order_relaxed);
    if (before == 0 || before + bytes <= local->queue_bytes) return true;
    atomic_fetch_sub_explicit(&local->held_bytes, bytes, memory_order_relaxed);
    return false;
}

static err_t enqueue(local_t *local, entry_t *entry) {
    (void)pthread_mutex_lock(&local->lock);
    err_t state = atomic_load_explicit(&local->state, memory_order_relaxed);
    err_t err = local->closing ? ERR_CLOSED : state == ERR_IO ? ERR_IO : ERR_OK;
    if (err == ERR_OK) {
        list_add(&local->queue, entry);
        if (local->writer_waits) (void)pthread_cond_signal(&local->work);
    }
    (void)pthread_mutex_unlock(&local->lock);
    return err;
}

static err_t local_append(journal_t *journal, uint8_t kind, int64_t arrival_ns, buffer_t *payload, journal_done_fn done,
                          void *context) {
    local_t *local = (local_t *)journal;
    if (payload->len > SEGMENT_PAYLOAD_MAX) return ERR_TOO_LARGE;
    if (!hold(local, weight(payload->len))) return ERR_FULL;
    entry_t *entry = memory_new(1, sizeof *entry);
    *entry = (entry_t){.payload = *payload,
                       .done = done,
                       .context = context,
                       .arrival_ns = arrival_ns,
                       .payload_crc = segment_payload_crc(buffer_slice(payload)),
                       .kind = kind};
    /* Emptied before the entry is visible: `done` may run, and reuse the caller's buffer, before enqueue returns. */
    buffer_t given = *payload;
    *payload = (buffer_t){0};
    err_t err = enqueue(local, entry);
    if (err != ERR_OK) {
        *payload = given;
        atomic_fetch_sub_explicit(&local->held_bytes, weight(given.len), memory_order_relaxed);
        free(entry);
    }
    return err;
}

/* ---- writer ---- */

/* Moves a group from the queue; false when the journal is closing and nothing is left. */
static bool group_take(local_t *local, list_t *group) {
    uint64_t bytes = 0;
    (void)pthread_mutex_lock(&local->lock);
    while (local->queue.head == NULL && !local->closing) {
        local->writer_waits = true;
        (void)pthread_cond_wait(&local->work, &local->lock);
        local->writer_waits = false;
    }
    if (local->group_wait_us > 0 && !local->closing) {
        (void)pthread_mutex_unlock(&local->lock);
        struct timespec pause = {local->group_wait_us / 1000000, (long)(local->group_wait_us % 1000000) * 1000};
        (void)nanosleep(&pause, NULL);
        (void)pthread_mutex_lock(&local->lock);
    }
    for (int n = 0; n < GROUP_RECORDS_MAX && local->queue.head != NULL && bytes < GROUP_BYTES_MAX; n++) {
        bytes += local->queue.head->payload.len;
        list_add(group, list_take(&local->queue));
    }
    (void)pthread_mutex_unlock(&local->lock);
    return group->head != NULL;
}

static err_t group_write(local_t *local, const list_t *group) {
    uint64_t at = local->segments.end, records = 0, payload_bytes = 0;
    int count = 0;
    for (entry_t *entry = group->head; entry != NULL; entry = entry->next) {
        uint32_t len = (uint32_t)entry->payload.len;
        entry->position = at;
        segment_record_write(at, entry->kind, entry->arrival_ns, len, entry->payload_crc, entry->header);
        local->parts[count++] = (struct iovec){entry->header, sizeof entry->header};
        if (len > 0) local->parts[count++] = (struct iovec){entry->payload.data, len};
        at += sizeof entry->header + len;
        payload_bytes += len;
        records++;
    }
    err_t err = segments_write(&local->segments, local->parts, count, at - local->segments.end);
    if (err != ERR_OK) return err;
    counters_add(local->counters, COUNTER_JOURNAL_RECORDS, records);
    counters_add(local->counters, COUNTER_JOURNAL_BYTES, payload_bytes);
    counters_add(local->counters, COUNTER_JOURNAL_GROUPS, 1);
    return ERR_OK;
}

/* Remembers the disk's state and tells the person once per change. */
static void state_set(local_t *local, err_t state) {
    err_t before = atomic_exchange(&local->state, state);
    if (state == before) return;
    if (state == ERR_FULL)
        log_error(
            "journal: no room on the disk of %s: senders are told to come back; make room, nothing else is needed",
            local->segments.directory);
    else if (state == ERR_IO)
        log_error("journal: writing to %s failed (%s): nothing is acknowledged from now on; mend the disk and restart",
                  local->segments.directory, strerror(errno));
    else
        log_info("journal: there is room on the disk again");
}

static void group_answer(const list_t *group, err_t result) {
    for (entry_t *entry = group->head; entry != NULL; entry = entry->next)
        if (entry->done != NULL) entry->done(entry->context, result);
}

static void group_hand_out(local_t *local, list_t *group) {
    (void)pthread_mutex_lock(&local->lock);
    list_move(&local->durable, group);
    if (local->reader_waits) (void)pthread_cond_signal(&local->ready);
    (void)pthread_mutex_unlock(&local->lock);
}

static void *writer_main(void *context) {
    local_t *local = context;
    list_t group;
    list_init(&group);
    while (group_take(local, &group)) {
        /* After a failure nothing is written any more: what was queued before it was seen is refused as well. */
        err_t err = atomic_load(&local->state) == ERR_IO ? ERR_IO : group_write(local, &group);
        state_set(local, err);
        if (err == ERR_OK) {
            atomic_store(&local->end, local->segments.end);
            group_answer(&group, ERR_OK);
            group_hand_out(local, &group);
        } else {
            group_answer(&group, err);
            list_free(local, &group);
        }
    }
    return NULL;
}

/* ---- reader ---- */

static void replay_close(local_t *local) {
    if (local->replay_fd < 0) return;
    segment_reader_fini(&local->replay);
    (void)local->segments.files->close(local->segments.files, local->replay_fd);
    local->replay_fd = -1;
}

/* Opens the segment that holds replay_at; false when there is nothing more to replay. */
static bool replay_open(local_t *local) {
    segment_span_t span;
    while (local->replay_at < local->replay_end && segments_find(&local->segments, local->replay_at, &span) &&
           span.start < local->replay_end) {
        char *path = segments_path(&local->segments, span.start);
        local->replay_fd = local->segments.files->open(local->segments.files, path, O_RDONLY);
        if (local->replay_fd < 0) {
            log_error("journal: %s cannot be opened, its records are skipped: %s", path, strerror(errno));
            counters_add(local->counters, COUNTER_JOURNAL_CORRUPT, 1);
            local->replay_at = span.end;
        }
        free(path);
        if (local->replay_fd < 0) continue;
        uint64_t limit = span.end < local->replay_end ? span.end : local->replay_end;
        segment_reader_init(&local->replay, local->segments.files, local->replay_fd, span.start, limit);
        if (span.start < local->replay_at) {
            local->replay.at = local->replay.valid_end = local->replay_at;
        } else if (span.start > local->replay_at) {
            log_warn("journal: there is no record from %" PRIu64 " to %" PRIu64, local->replay_at, span.start);
            if (local->replay_at > 0) counters_add(local->counters, COUNTER_JOURNAL_CORRUPT, 1);
        }
        return true;
    }
    local->replay_at = local->replay_end;
    return false;
}

/* The next record on disk that was there at the start. */
static bool replay_next(local_t *local, journal_record_t *record) {
    while (local->replay_fd >= 0 || replay_open(local)) {
        uint64_t limit = local->replay.limit, corrupt = local->replay.corrupt, unread = local->replay.unread;
        bool found = segment_next(&local->replay, record);
        corrupt = local->replay.corrupt - corrupt + local->replay.unread - unread;
        if (corrupt > 0) {
            log_warn("journal: %" PRIu64 " damaged records skipped, before position %" PRIu64, corrupt,
                     found ? record->position : limit);
            counters_add(local->counters, COUNTER_JOURNAL_CORRUPT, corrupt);
        }
        if (found) {
            counters_add(local->counters, COUNTER_JOURNAL_REPLAYED, 1);
            local->replay_at = record->next;
            return true;
        }
        local->replay_at = limit;
        replay_close(local);
    }
    return false;
}

static struct timespec deadline_in(int64_t timeout_ns) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ns = now.tv_nsec + timeout_ns % NS_PER_S;
    return (struct timespec){now.tv_sec + timeout_ns / NS_PER_S + ns / NS_PER_S, ns % NS_PER_S};
}

/* Takes over everything that became durable, waiting for it if need be. */
static err_t take_durable(local_t *local, int64_t timeout_ns) {
    struct timespec deadline = {0};
    int waited = 0;
    (void)pthread_mutex_lock(&local->lock);
    while (local->durable.head == NULL && !local->woken && waited == 0 && timeout_ns > 0) {
        if (deadline.tv_sec == 0) deadline = deadline_in(timeout_ns);
        local->reader_waits = true;
        waited = pthread_cond_timedwait(&local->ready, &local->lock, &deadline);
        local->reader_waits = false;
    }
    bool any = local->durable.head != NULL;
    if (!any) local->woken = false;
    list_move(&local->taken, &local->durable);
    (void)pthread_mutex_unlock(&local->lock);
    return any ? ERR_OK : ERR_NOT_FOUND;
}

static err_t local_next(journal_t *journal, int64_t timeout_ns, journal_record_t *record) {
    local_t *local = (local_t *)journal;
    if (local->lent != NULL) entry_free(local, local->lent);
    local->lent = NULL;
    if (local->replay_at < local->replay_end && replay_next(local, record)) return ERR_OK;
    if (local->taken.head == NULL) {
        err_t err = take_durable(local, timeout_ns);
        if (err != ERR_OK) return err;
    }
    entry_t *entry = local->lent = list_take(&local->taken);
    *record = (journal_record_t){.position = entry->position,
                                 .next = entry->position + SEGMENT_RECORD_HEADER_BYTES + entry->payload.len,
                                 .arrival_ns = entry->arrival_ns,
                                 .kind = entry->kind,
                                 .payload = buffer_slice(&entry->payload)};
    return ERR_OK;
}

static void local_wake(journal_t *journal) {
    local_t *local = (local_t *)journal;
    (void)pthread_mutex_lock(&local->lock);
    local->woken = true;
    (void)pthread_cond_signal(&local->ready);
    (void)pthread_mutex_unlock(&local->lock);
}

/* ---- the rest ---- */

static void local_release(journal_t *journal, uint64_t position) {
    segments_release(&((local_t *)journal)->segments, position);
}

static void local_make_room(journal_t *journal) {
    (void)segments_make_room(&((local_t *)journal)->segments);
}

static uint64_t local_end(journal_t *journal) {
    return atomic_load(&((local_t *)journal)->end);
}

static err_t local_state(journal_t *journal) {
    return atomic_load(&((local_t *)journal)->state);
}

static void local_free(local_t *local) {
    replay_close(local);
    if (local->lent != NULL) entry_free(local, local->lent);
    list_free(local, &local->taken);
    list_free(local, &local->durable);
    (void)pthread_cond_destroy(&local->work);
    (void)pthread_cond_destroy(&local->ready);
    (void)pthread_mutex_destroy(&local->lock);
    segments_close(&local->segments);
    free(local);
}

static void local_close(journal_t *journal) {
    local_t *local = (local_t *)journal;
    (void)pthread_mutex_lock(&local->lock);
    local->closing = true;
    (void)pthread_cond_signal(&local->work);
    (void)pthread_mutex_unlock(&local->lock);
    (void)pthread_join(local->writer, NULL);
    local_free(local);
}

static const journal_ops_t local_ops = {.name = "local",
                                        .append = local_append,
                                        .next = local_next,
                                        .release = local_release,
                                        .make_room = local_make_room,
                                        .end = local_end,
                                        .state = local_state,
                                        .wake = local_wake,
                                        .close = local_close};

static void local_init(local_t *local, const journal_config_t *config, uint64_t position) {
    local->base.ops = &local_ops;
    local->queue_bytes = config->queue_bytes;
    local->group_wait_us = config->group_wait_us;
    local->end = local->segments.end;
    local->replay_at = position;
    local->replay_end = local->segments.end;
    local->replay_fd = -1;
    list_init(&local->queue);
    list_init(&local->durable);
    list_init(&local->taken);
    (void)pthread_mutex_init(&local->lock, NULL);
    (void)pthread_cond_init(&local->work, NULL);
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&local->ready, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

err_t journal_open_local(const journal_config_t *config, uint64_t position, const clock_source_t *clock,
                         counters_t *counters, journal_t **out, char *why, size_t why_size) {
    local_t *local = memory_new(1, sizeof *local);
    int64_t start_ns = clock_monotonic_ns(clock);
    local->counters = counters;
    err_t err =
        segments_open(&local->segments, config->files != NULL ? config->files : &files_system, config->directory,
                      config->segment_bytes, config->durability == DURABILITY_DISK, position, counters, why, why_size);
    if (err != ERR_OK) {
        free(local);
        return err;
    }
    if (config->spare_bytes > 0) local->segments.spare_bytes = config->spare_bytes;
    local_init(local, config, position);
    int failed = pthread_create(&local->writer, NULL, writer_main, local);
    if (failed != 0) {
        (void)snprintf(why, why_size, "no thread can be started for the journal: %s", strerror(failed));
        local_free(local);
        return ERR_IO;
    }
    log_debug("journal: %zu segments up to position %" PRIu64 ", opened in %" PRId64 " us", local->segments.count,
              local->segments.end, (clock_monotonic_ns(clock) - start_ns) / 1000);
    *out = &local->base;
    return ERR_OK;
}
