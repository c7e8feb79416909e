/* numbers: records that carry their number, and a content that follows from it: order, loss, doubling and damage are
 * all seen when they are read. */
#ifndef SEISMESH_TESTS_JOURNAL_NUMBERS_H
#define SEISMESH_TESTS_JOURNAL_NUMBERS_H

#include "collector/journal/journal.h"
#include "tests/test.h"

#include <stdatomic.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define FIRST  "0000000000000000.segment"

typedef struct {
    _Atomic int fine, failed;
} answers_t;

static inline void count_answer(void *context, err_t result) {
    answers_t *answers = context;
    atomic_fetch_add(result == ERR_OK ? &answers->fine : &answers->failed, 1);
}

static inline void wait_answers(answers_t *answers, int count) {
    for (int i = 0; i < 200000 && atomic_load(&answers->fine) + atomic_load(&answers->failed) < count; i++)
        (void)nanosleep(&(struct timespec){0, 50000}, NULL);
}

/* Appends record number `n`: its payload is the number and some bytes that follow from it. */
static inline err_t append_number(journal_t *journal, uint64_t n, answers_t *answers) {
    buffer_t payload = {0};
    buffer_u64(&payload, n);
    for (uint64_t i = 0; i < n * 7 % 61; i++) buffer_byte(&payload, (uint8_t)(n + i));
    err_t err =
        journal_append(journal, (uint8_t)(n % 4), (int64_t)n * 1000, &payload, answers ? count_answer : NULL, answers);
    buffer_fini(&payload);
    return err;
}

/* The number of a record, or -1 when its content is not exactly what append_number wrote. */
static inline int64_t number_of(const journal_record_t *record) {
    uint64_t n;
    if (record->payload.len < 8) return -1;
    memcpy(&n, record->payload.data, 8);
    if (record->payload.len != 8 + n * 7 % 61 || record->kind != n % 4 || record->arrival_ns != (int64_t)n * 1000)
        return -1;
    for (uint64_t i = 0; i < n * 7 % 61; i++)
        if (record->payload.data[8 + i] != (uint8_t)(n + i)) return -1;
    return (int64_t)n;
}

/* Appends numbers from..to - 1, waits for all answers; true when all were fine. */
static inline bool append_range(journal_t *journal, uint64_t from, uint64_t to) {
    answers_t answers = {0};
    for (uint64_t n = from; n < to; n++)
        if (append_number(journal, n, &answers) != ERR_OK) return false;
    wait_answers(&answers, (int)(to - from));
    return atomic_load(&answers.fine) == (int)(to - from);
}

/* Reads all there is and checks that it is from..to - 1, each once and in order. */
static inline void check_range(journal_t *journal, uint64_t from, uint64_t to) {
    journal_record_t record;
    for (uint64_t n = from; n < to; n++) {
        REQUIRE(journal_next(journal, SECOND, &record) == ERR_OK);
        CHECK_EQUAL(number_of(&record), n);
    }
    CHECK_EQUAL(journal_next(journal, 0, &record), ERR_NOT_FOUND);
}

#endif
