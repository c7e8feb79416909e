/* fake_journal: a journal in memory that tests can make slow, full, failing or silent. */
#ifndef SEISMESH_TESTS_FAKE_JOURNAL_H
#define SEISMESH_TESTS_FAKE_JOURNAL_H

#include "base/memory.h"
#include "collector/journal/journal.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { FAKE_RECORDS_MAX = 4096 };

typedef struct {
    uint8_t kind;
    buffer_t payload;
} fake_record_t;

typedef struct {
    journal_done_fn done;
    void *context;
} fake_waiter_t;

typedef struct {
    journal_t journal; /* first */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool stopping;
    bool silent;         /* takes records and does not answer */
    err_t append_result; /* of append itself */
    err_t done_result;   /* told later */
    unsigned delay_us;   /* of each group */
    size_t count;        /* records taken; only the first FAKE_RECORDS_MAX are kept */
    fake_record_t records[FAKE_RECORDS_MAX];
    fake_waiter_t waiters[FAKE_RECORDS_MAX];
    size_t waiting;
} fake_journal_t;

static inline err_t fake_append(journal_t *journal, uint8_t kind, int64_t arrival_ns, buffer_t *payload,
                                journal_done_fn done, void *context) {
    fake_journal_t *fake = (fake_journal_t *)journal;
    (void)arrival_ns;
    (void)pthread_mutex_lock(&fake->lock);
    err_t result = fake->waiting == FAKE_RECORDS_MAX ? ERR_FULL : fake->append_result;
    if (result == ERR_OK) {
        if (fake->count < FAKE_RECORDS_MAX)
            fake->records[fake->count] = (fake_record_t){kind, *payload};
        else
            free(payload->data);
        fake->count++;
        *payload = (buffer_t){0};
        fake->waiters[fake->waiting++] = (fake_waiter_t){done, context};
        (void)pthread_cond_broadcast(&fake->changed);
    }
    (void)pthread_mutex_unlock(&fake->lock);
    return result;
}

static inline void *fake_answer(void *context) {
    fake_journal_t *fake = context;
    (void)pthread_mutex_lock(&fake->lock);
    while (!fake->stopping || fake->waiting > 0) {
        if (fake->waiting == 0 || (fake->silent && !fake->stopping)) {
            (void)pthread_cond_wait(&fake->changed, &fake->lock);
            continue;
        }
        static _Thread_local fake_waiter_t group[FAKE_RECORDS_MAX];
        size_t size = fake->waiting;
        memcpy(group, fake->waiters, size * sizeof *group);
        fake->waiting = 0;
        err_t result = fake->done_result;
        unsigned delay_us = fake->delay_us;
        (void)pthread_mutex_unlock(&fake->lock);
        if (delay_us > 0) (void)usleep(delay_us);
        for (size_t i = 0; i < size; i++) group[i].done(group[i].context, result);
        (void)pthread_mutex_lock(&fake->lock);
    }
    (void)pthread_mutex_unlock(&fake->lock);
    return NULL;
}

static const journal_ops_t fake_ops = {.name = "fake", .append = fake_append};

static inline fake_journal_t *fake_journal_open(void) {
    fake_journal_t *fake = memory_new(1, sizeof *fake);
    fake->journal.ops = &fake_ops;
    (void)pthread_mutex_init(&fake->lock, NULL);
    (void)pthread_cond_init(&fake->changed, NULL);
    (void)pthread_create(&fake->thread, NULL, fake_answer, fake);
    return fake;
}

static inline void fake_journal_set(fake_journal_t *fake, bool silent, err_t append_result, err_t done_result) {
    (void)pthread_mutex_lock(&fake->lock);
    fake->silent = silent;
    fake->append_result = append_result;
    fake->done_result = done_result;
    (void)pthread_cond_broadcast(&fake->changed);
    (void)pthread_mutex_unlock(&fake->lock);
}

static inline size_t fake_journal_count(fake_journal_t *fake) {
    (void)pthread_mutex_lock(&fake->lock);
    size_t count = fake->count;
    (void)pthread_mutex_unlock(&fake->lock);
    return count;
}

/* Answers what is outstanding, as journal_close does. */
static inline void fake_journal_close(fake_journal_t *fake) {
    (void)pthread_mutex_lock(&fake->lock);
    fake->stopping = true;
    (void)pthread_cond_broadcast(&fake->changed);
    (void)pthread_mutex_unlock(&fake->lock);
    (void)pthread_join(fake->thread, NULL);
    size_t kept = fake->count < FAKE_RECORDS_MAX ? fake->count : FAKE_RECORDS_MAX;
    for (size_t i = 0; i < kept; i++) buffer_fini(&fake->records[i].payload);
    (void)pthread_cond_destroy(&fake->changed);
    (void)pthread_mutex_destroy(&fake->lock);
    free(fake);
}

#endif
