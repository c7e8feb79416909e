/* The local journal as its users see it, on disks that work, fill up and fail. */
#include "base/log.h"
#include "tests/collector/journal/faults.h"
#include "tests/collector/journal/numbers.h"
#include "tests/collector/journal/place.h"

#include <pthread.h>

TEST(what_was_appended_is_read_in_order_with_positions_that_join) {
    place_t place;
    journal_t *journal;
    journal_record_t record;
    place_init(&place);
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    CHECK(append_range(journal, 0, 100));
    uint64_t position = 0;
    for (int n = 0; n < 100; n++) {
        REQUIRE(journal_next(journal, SECOND, &record) == ERR_OK);
        CHECK_EQUAL(number_of(&record), n);
        CHECK_EQUAL(record.position, position);
        position = record.next;
    }
    CHECK_EQUAL(journal_end(journal), position);
    CHECK_EQUAL(counters_get(&place.counters, COUNTER_JOURNAL_RECORDS), 100);
    journal_close(journal);
    place_fini(&place);
}

TEST(after_a_restart_reading_goes_on_at_the_checkpoint) {
    place_t place;
    journal_t *journal;
    journal_record_t record;
    place_init(&place);
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    CHECK(append_range(journal, 0, 50));
    for (int n = 0; n < 20; n++) REQUIRE(journal_next(journal, SECOND, &record) == ERR_OK);
    uint64_t checkpoint = record.next;
    journal_close(journal);
    REQUIRE(place_open(&place, checkpoint, &journal) == ERR_OK);
    CHECK(append_range(journal, 50, 60));
    check_range(journal, 20, 60);
    CHECK_EQUAL(counters_get(&place.counters, COUNTER_JOURNAL_REPLAYED), 30);
    CHECK_EQUAL(counters_get(&place.counters, COUNTER_JOURNAL_TORN), 0);
    journal_close(journal);
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    check_range(journal, 0, 60);
    journal_close(journal);
    place_fini(&place);
}

TEST(segments_are_cut_by_size_and_go_when_released_but_never_the_last) {
    place_t place;
    journal_t *journal;
    journal_record_t record;
    place_init(&place);
    place.config.segment_bytes = 500;
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    for (uint64_t n = 0; n < 100; n++) CHECK(append_range(journal, n, n + 1));
    int files = place_files(&place);
    CHECK(files > 10);
    for (int n = 0; n < 50; n++) REQUIRE(journal_next(journal, SECOND, &record) == ERR_OK);
    journal_release(journal, record.next);
    journal_make_room(journal);
    CHECK(place_files(&place) < files && place_files(&place) > 1);
    uint64_t checkpoint = record.next;
    journal_close(journal);
    REQUIRE(place_open(&place, checkpoint, &journal) == ERR_OK);
    check_range(journal, 50, 100);
    journal_release(journal, journal_end(journal)); /* what an earlier process left is not kept */
    CHECK_EQUAL(place_files(&place), 1);
    uint64_t end = journal_end(journal);
    journal_close(journal);
    REQUIRE(place_open(&place, end, &journal) == ERR_OK);
    CHECK_EQUAL(journal_end(journal), end);
    CHECK(append_range(journal, 100, 101));
    check_range(journal, 100, 101);
    journal_close(journal);
    CHECK_EQUAL(counters_get(&place.counters, COUNTER_JOURNAL_CORRUPT), 0);
    place_fini(&place);
}

TEST(positions_never_go_back_behind_the_store) {
    place_t place;
    journal_t *journal;
    journal_record_t record;
    place_init(&place);
    REQUIRE(place_open(&place, 123456, &journal) == ERR_OK);
    CHECK_EQUAL(journal_end(journal), 123456);
    CHECK(append_range(journal, 0, 3));
    REQUIRE(journal_next(journal, SECOND, &record) == ERR_OK);
    CHECK_EQUAL(record.position, 123456);
    uint64_t end = journal_end(journal);
    journal_close(journal);
    REQUIRE(place_open(&place, end + 5000, &journal) == ERR_OK); /* the store knows more than the journal kept */
    CHECK(append_range(journal, 3, 5));
    REQUIRE(journal_next(journal, SECOND, &record) == ERR_OK);
    CHECK_EQUAL(record.position, end + 5000);
    journal_close(journal);
    REQUIRE(place_open(&place, 123456, &journal) == ERR_OK);
    check_range(journal, 0, 5);
    journal_close(journal);
    place_fini(&place);
}

TEST(beyond_queue_bytes_appends_are_refused_until_the_reader_catches_up) {
    place_t place;
    journal_t *journal;
    journal_record_t record;
    answers_t answers = {0};
    place_init(&place);
    place.config.queue_bytes = 4000;
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    int accepted = 0;
    while (accepted < 1000 && append_number(journal, (uint64_t)accepted, &answers) == ERR_OK) accepted++;
    CHECK(accepted > 5 && accepted < 50);
    CHECK_EQUAL(append_number(journal, (uint64_t)accepted, &answers), ERR_FULL);
    wait_answers(&answers, accepted);
    for (int n = 0; n < accepted; n++) REQUIRE(journal_next(journal, SECOND, &record) == ERR_OK);
    CHECK_EQUAL(journal_next(journal, 0, &record), ERR_NOT_FOUND);
    CHECK_EQUAL(append_number(journal, 1, NULL), ERR_OK);
    buffer_t large = {0};
    memset(buffer_reserve(&large, 100000), 7, 100000);
    large.len = 100000;
    CHECK_EQUAL(journal_append(journal, 0, 0, &large, NULL, NULL), ERR_FULL);
    CHECK_EQUAL(large.len, 100000); /* a refused payload stays the caller's */
    while (journal_next(journal, SECOND / 10, &record) == ERR_OK) continue;
    CHECK_EQUAL(journal_append(journal, 0, 0, &large, NULL, NULL), ERR_OK); /* alone, even the largest is taken */
    REQUIRE(journal_next(journal, SECOND, &record) == ERR_OK);
    CHECK_EQUAL(record.payload.len, 100000);
    buffer_fini(&large);
    journal_close(journal);
    place_fini(&place);
}

static void *wake_soon(void *context) {
    (void)nanosleep(&(struct timespec){0, 20000000}, NULL);
    journal_wake(context);
    return NULL;
}

TEST(a_waiting_reader_is_woken) {
    place_t place;
    journal_t *journal;
    journal_record_t record;
    pthread_t waker;
    place_init(&place);
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    CHECK_EQUAL(journal_next(journal, SECOND / 100, &record), ERR_NOT_FOUND);
    REQUIRE(pthread_create(&waker, NULL, wake_soon, journal) == 0);
    CHECK_EQUAL(journal_next(journal, 600 * SECOND, &record), ERR_NOT_FOUND);
    (void)pthread_join(waker, NULL);
    journal_close(journal);
    place_fini(&place);
}

typedef struct {
    journal_t *journal;
    answers_t answers;
    uint64_t first, count;
} appender_t;

static void *append_many(void *context) {
    appender_t *appender = context;
    for (uint64_t n = appender->first; n < appender->first + appender->count;) {
        if (append_number(appender->journal, n, &appender->answers) == ERR_OK)
            n++;
        else
            (void)nanosleep(&(struct timespec){0, 100000}, NULL);
    }
    return NULL;
}

TEST(appends_of_many_threads_are_all_read_once_and_in_each_threads_order) {
    enum { THREADS = 4, EACH = 3000 };
    place_t place;
    journal_t *journal;
    journal_record_t record;
    appender_t appenders[THREADS];
    pthread_t threads[THREADS];
    place_init(&place);
    place.config.queue_bytes = 1 << 16;
    place.config.segment_bytes = 1 << 16;
    place.config.group_wait_us = 50;
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    for (uint64_t i = 0; i < THREADS; i++) {
        appenders[i] = (appender_t){.journal = journal, .first = i * EACH, .count = EACH};
        REQUIRE(pthread_create(&threads[i], NULL, append_many, &appenders[i]) == 0);
    }
    uint64_t seen[THREADS] = {0};
    for (int i = 0; i < THREADS * EACH; i++) {
        REQUIRE(journal_next(journal, 20 * SECOND, &record) == ERR_OK);
        int64_t n = number_of(&record);
        REQUIRE(n >= 0 && n < THREADS * EACH);
        CHECK_EQUAL(seen[n / EACH], n % EACH);
        seen[n / EACH]++;
        if (i % 500 == 499) journal_release(journal, record.next);
    }
    for (int i = 0; i < THREADS; i++) (void)pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(atomic_load(&appenders[i].answers.fine), EACH);
    journal_close(journal);
    place_fini(&place);
}

/* ---- the disk fails ---- */

TEST(a_full_disk_refuses_and_recovers_by_itself_without_a_trace) {
    place_t place;
    journal_t *journal;
    faults_t faults;
    answers_t answers = {0};
    place_init(&place);
    faults_init(&faults);
    place.config.files = &faults.files;
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    CHECK(append_range(journal, 0, 5));
    for (long room = 0; room < 60; room++) {
        atomic_store(&faults.room, room); /* the group breaks off at every byte of it */
        REQUIRE(append_number(journal, 1000, &answers) == ERR_OK);
        wait_answers(&answers, (int)room + 1);
        CHECK_EQUAL(journal_state(journal), ERR_FULL);
    }
    CHECK_EQUAL(atomic_load(&answers.failed), 60);
    atomic_store(&faults.room, -1);
    CHECK(append_range(journal, 5, 10));
    CHECK_EQUAL(journal_state(journal), ERR_OK);
    check_range(journal, 0, 10);
    journal_close(journal);
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    check_range(journal, 0, 10);
    CHECK_EQUAL(counters_get(&place.counters, COUNTER_JOURNAL_TORN), 0);
    CHECK_EQUAL(counters_get(&place.counters, COUNTER_JOURNAL_CORRUPT), 0);
    journal_close(journal);
    place_fini(&place);
}

TEST(a_full_disk_at_the_change_of_segments_recovers_too) {
    place_t place;
    journal_t *journal;
    faults_t faults;
    answers_t answers = {0};
    place_init(&place);
    faults_init(&faults);
    place.config.files = &faults.files;
    place.config.segment_bytes = 100;
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    CHECK(append_range(journal, 0, 3));
    atomic_store(&faults.room, 10); /* not even a header */
    REQUIRE(append_number(journal, 1000, &answers) == ERR_OK);
    wait_answers(&answers, 1);
    CHECK_EQUAL(atomic_load(&answers.failed), 1);
    atomic_store(&faults.room, -1);
    CHECK(append_range(journal, 3, 6));
    journal_close(journal);
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    check_range(journal, 0, 6);
    journal_close(journal);
    place_fini(&place);
}

TEST(short_writes_change_nothing) {
    place_t place;
    journal_t *journal;
    faults_t faults;
    place_init(&place);
    faults_init(&faults);
    place.config.files = &faults.files;
    atomic_store(&faults.piece, 7);
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    CHECK(append_range(journal, 0, 50));
    journal_close(journal);
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    check_range(journal, 0, 50);
    journal_close(journal);
    place_fini(&place);
}

/* Fails the k-th call of one kind with EIO while appending one by one; nothing acknowledged may be missing afterwards,
 * and after the failure nothing may be acknowledged. Returns false when k was beyond the last call. */
static bool fail_kth_call(call_t call, int k) {
    place_t place;
    journal_t *journal;
    faults_t faults;
    place_init(&place);
    faults_init(&faults);
    place.config.files = &faults.files;
    place.config.durability = DURABILITY_DISK;
    place.config.segment_bytes = 300;
    atomic_store(&faults.fail_at[call], k);
    int acknowledged = 0;
    bool failed = false;
    if (place_open(&place, 0, &journal) == ERR_OK) {
        for (uint64_t n = 0; n < 20; n++) {
            bool fine = append_range(journal, n, n + 1);
            CHECK(!(failed && fine)); /* no acknowledgement after a failure */
            if (!fine)
                failed = true;
            else
                acknowledged++;
        }
        CHECK_EQUAL(journal_state(journal), failed ? ERR_IO : ERR_OK);
        journal_close(journal);
    } else {
        CHECK(place.why[0] != '\0');
        failed = true;
    }
    faults_init(&faults);
    if (place_open(&place, 0, &journal) == ERR_OK) {
        journal_record_t record;
        int read = 0;
        while (journal_next(journal, 0, &record) == ERR_OK) CHECK_EQUAL(number_of(&record), read++);
        CHECK(read >= acknowledged);
        CHECK(append_range(journal, 20, 25)); /* opened anew, it works again */
        journal_close(journal);
    } else {
        CHECK_TEXT(place.why, "opens again");
    }
    place_fini(&place);
    return failed;
}

TEST(after_any_failed_write_or_sync_nothing_is_acknowledged_and_nothing_acknowledged_is_lost) {
    static const call_t calls[] = {CALL_WRITE, CALL_SYNC, CALL_SYNC_DIRECTORY, CALL_OPEN};
    log_set_level(LOG_ERROR + 1);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        int k = 1;
        while (fail_kth_call(calls[i], k)) k++;
        CHECK(k > 5);
    }
    log_set_level(LOG_ERROR);
}

TEST(each_group_is_synced_once_when_durable_and_never_otherwise) {
    for (int durable = 0; durable < 2; durable++) {
        place_t place;
        journal_t *journal;
        faults_t faults;
        place_init(&place);
        faults_init(&faults);
        place.config.files = &faults.files;
        place.config.durability = durable ? DURABILITY_DISK : DURABILITY_PROCESS;
        REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
        for (uint64_t n = 0; n < 10; n++) CHECK(append_range(journal, n, n + 1));
        CHECK_EQUAL(atomic_load(&faults.calls[CALL_SYNC]), durable ? 10 : 0);
        CHECK_EQUAL(atomic_load(&faults.calls[CALL_SYNC_DIRECTORY]), durable ? 1 : 0);
        journal_close(journal);
        place_fini(&place);
    }
}

TEST(a_file_that_cannot_be_deleted_is_deleted_later) {
    place_t place;
    journal_t *journal;
    faults_t faults;
    place_init(&place);
    faults_init(&faults);
    place.config.files = &faults.files;
    place.config.segment_bytes = 100;
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    for (uint64_t n = 0; n < 20; n++) CHECK(append_range(journal, n, n + 1));
    journal_close(journal);
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    check_range(journal, 0, 20);
    atomic_store(&faults.fail_at[CALL_REMOVE], 1);
    journal_release(journal, journal_end(journal));
    CHECK(place_files(&place) > 1);
    journal_release(journal, journal_end(journal));
    CHECK_EQUAL(place_files(&place), 1);
    journal_close(journal);
    place_fini(&place);
}

/* ---- foreign files ---- */

TEST(somebody_elses_files_are_refused_by_name_and_left_alone) {
    place_t place;
    journal_t *journal = NULL;
    place_init(&place);
    place_write(&place, "holiday.jpg", "x", 1);
    CHECK_EQUAL(place_open(&place, 0, &journal), ERR_FOREIGN);
    CHECK(strstr(place.why, "holiday.jpg") != NULL);
    place_clear(&place);
    place_write(&place, FIRST, "#!/bin/sh\necho a script of somebody\n", 36);
    CHECK_EQUAL(place_open(&place, 0, &journal), ERR_FOREIGN);
    CHECK(strstr(place.why, FIRST) != NULL);
    CHECK_EQUAL(place_files(&place), 1);
    place_fini(&place);
}

TEST(an_unusable_directory_is_said_in_a_sentence) {
    place_t place;
    journal_t *journal = NULL;
    place_init(&place);
    place.config.directory = "/proc/seismesh/journal";
    CHECK_EQUAL(place_open(&place, 0, &journal), ERR_IO);
    CHECK(strstr(place.why, "/proc/seismesh/journal") != NULL);
    place.config.directory = "/dev/null";
    CHECK_EQUAL(place_open(&place, 0, &journal), ERR_IO);
    place_fini(&place);
}

TEST_MAIN(TEST_CASE(what_was_appended_is_read_in_order_with_positions_that_join),
          TEST_CASE(after_a_restart_reading_goes_on_at_the_checkpoint),
          TEST_CASE(segments_are_cut_by_size_and_go_when_released_but_never_the_last),
          TEST_CASE(positions_never_go_back_behind_the_store),
          TEST_CASE(beyond_queue_bytes_appends_are_refused_until_the_reader_catches_up),
          TEST_CASE(a_waiting_reader_is_woken),
          TEST_CASE(appends_of_many_threads_are_all_read_once_and_in_each_threads_order),
          TEST_CASE(a_full_disk_refuses_and_recovers_by_itself_without_a_trace),
          TEST_CASE(a_full_disk_at_the_change_of_segments_recovers_too), TEST_CASE(short_writes_change_nothing),
          TEST_CASE(after_any_failed_write_or_sync_nothing_is_acknowledged_and_nothing_acknowledged_is_lost),
          TEST_CASE(each_group_is_synced_once_when_durable_and_never_otherwise),
          TEST_CASE(a_file_that_cannot_be_deleted_is_deleted_later),
          TEST_CASE(somebody_elses_files_are_refused_by_name_and_left_alone),
          TEST_CASE(an_unusable_directory_is_said_in_a_sentence))
