/* The promise itself: a process that appends is killed at a random moment, and what it had acknowledged is there. */
#include "base/log.h"
#include "tests/collector/journal/numbers.h"
#include "tests/collector/journal/place.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

typedef struct {
    uint64_t n;
    int pipe;
} report_t;

static void report_number(void *context, err_t result) {
    report_t *report = context;
    if (result == ERR_OK && write(report->pipe, &report->n, sizeof report->n) != sizeof report->n) _exit(3);
    free(report);
}

enum { KEPT = 3000 }; /* so many of the last numbers are not released */

typedef struct {
    uint64_t position, number; /* records before `position` may be gone; the first that may not has `number` */
} mark_t;

/* What a checkpoint would know, in memory that outlives the child. It is changed in one step, as a checkpoint is. */
typedef struct {
    mark_t marks[2], next;
    _Atomic int current;
} released_t;

/* Releases all but the last KEPT, now and then. */
static void release_some(journal_t *journal, const journal_record_t *record, released_t *released) {
    int64_t n = number_of(record);
    if (n < 0 || n % KEPT != 0) return;
    if (released->next.position > 0) {
        int other = 1 - released->current;
        released->marks[other] = released->next;
        released->current = other;
        journal_release(journal, released->next.position);
    }
    released->next = (mark_t){record->next, (uint64_t)n + 1};
}

/* The child: appends from `first` on, as fast as it can, reports what was acknowledged, and releases what is older when
 * `released` is given. Never returns. */
static void append_until_killed(place_t *place, uint64_t first, released_t *released, int pipe_end) {
    journal_t *journal;
    if (place_open(place, released == NULL ? 0 : released->marks[released->current].position, &journal) != ERR_OK)
        _exit(4);
    for (uint64_t n = first;;) {
        buffer_t payload = {0};
        buffer_u64(&payload, n);
        for (uint64_t i = 0; i < n * 7 % 61; i++) buffer_byte(&payload, (uint8_t)(n + i));
        report_t *report = malloc(sizeof *report);
        if (report == NULL) _exit(5);
        *report = (report_t){n, pipe_end};
        journal_record_t record;
        if (journal_append(journal, (uint8_t)(n % 4), (int64_t)n * 1000, &payload, report_number, report) == ERR_OK) {
            n++;
        } else {
            free(report);
            buffer_fini(&payload);
        }
        while (journal_next(journal, 0, &record) == ERR_OK)
            if (released != NULL) release_some(journal, &record, released);
    }
}

/* Lets a child append and kills it when `count` were acknowledged; returns the last number that was (0 = none). */
static uint64_t kill_one(place_t *place, uint64_t first, released_t *released, uint64_t count) {
    int ends[2];
    uint64_t n, last = 0;
    if (pipe(ends) != 0) return 0;
    pid_t child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        append_until_killed(place, first, released, ends[1]);
    }
    (void)close(ends[1]);
    for (uint64_t acknowledged = 1; read(ends[0], &n, sizeof n) == sizeof n; acknowledged++) {
        last = n;
        if (acknowledged == count) (void)kill(child, SIGKILL);
    }
    (void)waitpid(child, NULL, 0);
    (void)close(ends[0]);
    return last;
}

TEST(what_was_acknowledged_before_a_kill_is_read_back_in_order_and_once) {
    uint64_t seed = (uint64_t)time(NULL), state = seed, next = 1;
    (void)printf("     seed %llu\n", (unsigned long long)seed);
    place_t place;
    place_init(&place);
    log_set_level(LOG_ERROR);
    place.config.segment_bytes = 1 << 14;
    for (int round = 0; round < 20; round++) {
        place.config.durability = round % 2 == 0 ? DURABILITY_PROCESS : DURABILITY_DISK;
        uint64_t last = kill_one(&place, next, NULL, 1 + test_random(&state) % 8000);
        journal_t *journal;
        journal_record_t record;
        REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
        uint64_t expected = 1;
        while (journal_next(journal, 0, &record) == ERR_OK) {
            CHECK_EQUAL(number_of(&record), expected);
            expected++;
        }
        CHECK(last > 0 && expected > last);
        next = expected; /* unacknowledged ones may be there */
        journal_close(journal);
    }
    CHECK_EQUAL(counters_get(&place.counters, COUNTER_JOURNAL_CORRUPT), 0);
    place_fini(&place);
}

TEST(so_it_is_when_released_segments_are_written_over) {
    uint64_t seed = (uint64_t)time(NULL), state = seed, next = 1;
    (void)printf("     seed %llu\n", (unsigned long long)seed);
    released_t *released = mmap(NULL, sizeof *released, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(released != MAP_FAILED);
    released->marks[0] = (mark_t){0, 1};
    place_t place;
    place_init(&place);
    log_set_level(LOG_ERROR);
    place.config.segment_bytes = 1 << 16;
    for (int round = 0; round < 20; round++) {
        place.config.durability = round % 4 == 3 ? DURABILITY_DISK : DURABILITY_PROCESS;
        uint64_t last = kill_one(&place, next, released, 1 + test_random(&state) % 20000);
        journal_t *journal;
        journal_record_t record;
        mark_t mark = released->marks[released->current];
        REQUIRE(place_open(&place, mark.position, &journal) == ERR_OK);
        for (next = mark.number; journal_next(journal, 0, &record) == ERR_OK; next++)
            CHECK_EQUAL(number_of(&record), next);
        CHECK(last > 0 && next > last);
        journal_close(journal);
    }
    CHECK_EQUAL(counters_get(&place.counters, COUNTER_JOURNAL_CORRUPT), 0);
    CHECK(released->marks[released->current].number > 1);
    place_fini(&place);
    (void)munmap(released, sizeof *released);
}

TEST_MAIN(TEST_CASE(what_was_acknowledged_before_a_kill_is_read_back_in_order_and_once),
          TEST_CASE(so_it_is_when_released_segments_are_written_over))
