/* The promise itself: a process that appends is killed at a random moment, and what it had acknowledged is there. */
#include "base/log.h"
#include "tests/collector/journal/numbers.h"
#include "tests/collector/journal/place.h"

#include <signal.h>
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

/* The child: appends from `first` on, as fast as it can, and reports what was acknowledged. Never returns. */
static void append_until_killed(place_t *place, uint64_t first, int pipe_end) {
    journal_t *journal;
    if (place_open(place, 0, &journal) != ERR_OK) _exit(4);
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
        while (journal_next(journal, 0, &record) == ERR_OK) continue;
    }
}

/* Lets a child append for a while and kills it; returns the last number it had acknowledged (0 = none). */
static uint64_t kill_one(place_t *place, uint64_t first, int64_t after_ns) {
    int ends[2];
    uint64_t n, last = 0;
    if (pipe(ends) != 0) return 0;
    pid_t child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        append_until_killed(place, first, ends[1]);
    }
    (void)close(ends[1]);
    struct timespec start, now;
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    bool killed = false;
    while (read(ends[0], &n, sizeof n) == sizeof n) {
        last = n;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        if (!killed && (now.tv_sec - start.tv_sec) * SECOND + now.tv_nsec - start.tv_nsec > after_ns) {
            (void)kill(child, SIGKILL);
            killed = true;
        }
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
        uint64_t last = kill_one(&place, next, (int64_t)(test_random(&state) % 30) * 1000000);
        journal_t *journal;
        journal_record_t record;
        REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
        uint64_t expected = 1;
        while (journal_next(journal, 0, &record) == ERR_OK) {
            CHECK_EQUAL(number_of(&record), expected);
            expected++;
        }
        CHECK(expected > last);
        next = expected; /* unacknowledged ones may be there */
        journal_close(journal);
    }
    CHECK_EQUAL(counters_get(&place.counters, COUNTER_JOURNAL_CORRUPT), 0);
    CHECK(next > 20);
    place_fini(&place);
}

TEST_MAIN(TEST_CASE(what_was_acknowledged_before_a_kill_is_read_back_in_order_and_once))
