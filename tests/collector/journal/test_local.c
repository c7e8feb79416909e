/* The local journal as its users see it. Records carry their number, so that order, loss and doubling are seen. */
#include "tests/collector/journal/faults.h"
#include "tests/collector/journal/place.h"
#include "tests/test.h"

#include "base/log.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define FIRST  "0000000000000000.segment"

typedef struct {
    _Atomic int fine, failed;
} answers_t;

static void count_answer(void *context, err_t result) {
    answers_t *answers = context;
    atomic_fetch_add(result == ERR_OK ? &answers->fine : &answers->failed, 1);
}

static void wait_answers(answers_t *answers, int count) {
    for (int i = 0; i < 10000 && atomic_load(&answers->fine) + atomic_load(&answers->failed) < count; i++)
        (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
}

/* Appends record number `n`: its payload is the number and some bytes that follow from it. */
static err_t append_number(journal_t *journal, uint64_t n, answers_t *answers) {
    buffer_t payload = {0};
    buffer_u64(&payload, n);
    for (uint64_t i = 0; i < n * 7 % 61; i++) buffer_byte(&payload, (uint8_t)(n + i));
    err_t err =
        journal_append(journal, (uint8_t)(n % 4), (int64_t)n * 1000, &payload, answers ? count_answer : NULL, answers);
    buffer_fini(&payload);
    return err;
}

/* The number of a record, or -1 when its content is not exactly what append_number wrote. */
static int64_t number_of(const journal_record_t *record) {
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
static bool append_range(journal_t *journal, uint64_t from, uint64_t to) {
    answers_t answers = {0};
    for (uint64_t n = from; n < to; n++)
        if (append_number(journal, n, &answers) != ERR_OK) return false;
    wait_answers(&answers, (int)(to - from));
    return atomic_load(&answers.fine) == (int)(to - from);
}

/* Reads all there is and checks that it is from..to - 1, each once and in order. */
static void check_range(journal_t *journal, uint64_t from, uint64_t to) {
    journal_record_t record;
    for (uint64_t n = from; n < to; n++) {
        REQUIRE(journal_next(journal, SECOND, &record) == ERR_OK);
        CHECK_EQUAL(number_of(&record), n);
    }
    CHECK_EQUAL(journal_next(journal, 0, &record), ERR_NOT_FOUND);
}

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

TEST(segments_are_cut_by_size_and_deleted_when_released_but_never_the_last) {
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
    CHECK(place_files(&place) < files && place_files(&place) > 1);
    uint64_t checkpoint = record.next;
    journal_close(journal);
    REQUIRE(place_open(&place, checkpoint, &journal) == ERR_OK);
    check_range(journal, 50, 100);
    journal_release(journal, journal_end(journal));
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
        CHECK(!"opens again");
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

/* ---- damage on disk ---- */

/* Writes `count` records and gives the bytes of the one segment. */
static uint8_t *small_journal(place_t *place, uint64_t count, size_t *len) {
    journal_t *journal;
    if (place_open(place, 0, &journal) != ERR_OK || !append_range(journal, 0, count)) return NULL;
    journal_close(journal);
    return place_read(place, FIRST, len);
}

/* Opens what is there and reads it: every record must be one that was written, in order and once. */
static int count_good(place_t *place) {
    journal_t *journal;
    journal_record_t record;
    int count = 0;
    int64_t last = -1;
    if (place_open(place, 0, &journal) != ERR_OK) return -1;
    while (journal_next(journal, 0, &record) == ERR_OK) {
        int64_t n = number_of(&record);
        CHECK(n > last);
        last = n;
        count++;
    }
    CHECK(append_range(journal, 500, 501)); /* and it can be written again */
    journal_close(journal);
    return count;
}

static uint64_t damage_counted(const place_t *place) {
    return counters_get(&place->counters, COUNTER_JOURNAL_CORRUPT) +
           counters_get(&place->counters, COUNTER_JOURNAL_TORN);
}

TEST(a_flipped_bit_anywhere_costs_at_most_one_record_and_is_counted) {
    uint64_t state = 1;
    place_t place;
    size_t len;
    place_init(&place);
    log_set_level(LOG_ERROR);
    uint8_t *bytes = small_journal(&place, 6, &len);
    REQUIRE(bytes != NULL);
    for (size_t at = 0; at < len; at++) {
        size_t bit = at * 8 + test_random(&state) % 8;
        place_clear(&place);
        memset(&place.counters, 0, sizeof place.counters);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        place_write(&place, FIRST, bytes, len);
        int good = count_good(&place);
        CHECK_EQUAL(good, bit < 32 * 8 ? 6 : 5);
        CHECK_EQUAL(damage_counted(&place), 1);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(bytes);
    place_fini(&place);
}

TEST(a_file_cut_anywhere_gives_the_records_before_the_cut) {
    place_t place;
    size_t len;
    place_init(&place);
    log_set_level(LOG_ERROR);
    uint8_t *bytes = small_journal(&place, 6, &len);
    REQUIRE(bytes != NULL);
    int before = 0;
    for (size_t cut = 0; cut <= len; cut++) {
        place_clear(&place);
        memset(&place.counters, 0, sizeof place.counters);
        place_write(&place, FIRST, bytes, cut);
        int good = count_good(&place);
        CHECK(good == before || good == before + 1);
        before = good;
        CHECK(damage_counted(&place) <= 1);
    }
    CHECK_EQUAL(before, 6);
    free(bytes);
    place_fini(&place);
}

TEST(random_damage_never_gives_a_wrong_record) {
    place_t place;
    size_t len;
    uint64_t seed = (uint64_t)time(NULL), state = seed;
    place_init(&place);
    log_set_level(LOG_ERROR);
    uint8_t *bytes = small_journal(&place, 40, &len), *hurt = malloc(len);
    REQUIRE(bytes != NULL && hurt != NULL);
    (void)printf("     seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 400; round++) {
        place_clear(&place);
        memset(&place.counters, 0, sizeof place.counters);
        memcpy(hurt, bytes, len);
        size_t at = test_random(&state) % len, size = 1 + test_random(&state) % 300;
        if (size > len - at) size = len - at;
        switch (test_random(&state) % 3) {
        case 0:
            memset(hurt + at, 0, size);
            break;
        case 1:
            memmove(hurt + test_random(&state) % (len - size), hurt + at, size);
            break;
        default:
            for (size_t i = 0; i < size; i++) hurt[at + i] = (uint8_t)test_random(&state);
        }
        place_write(&place, FIRST, hurt, len - test_random(&state) % 3);
        int good = count_good(&place);
        CHECK(good >= 25 || good == -1); /* -1: magic and start both gone, taken for another program's file */
        CHECK(good >= 40 || good == -1 || damage_counted(&place) > 0);
    }
    free(bytes);
    free(hurt);
    place_fini(&place);
}

TEST(a_missing_segment_in_the_middle_is_counted) {
    place_t place;
    journal_t *journal;
    place_init(&place);
    place.config.segment_bytes = 100;
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    for (uint64_t n = 0; n < 10; n++) CHECK(append_range(journal, n, n + 1));
    journal_record_t record;
    for (int n = 0; n < 5; n++) REQUIRE(journal_next(journal, SECOND, &record) == ERR_OK);
    journal_close(journal);
    DIR *directory = opendir(place.path);
    REQUIRE(directory != NULL);
    char hidden[256] = "", path[400];
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] == '0' && strcmp(entry->d_name, FIRST) > 0 &&
            (hidden[0] == '\0' || strcmp(entry->d_name, hidden) < 0))
            (void)strcpy(hidden, entry->d_name);
    (void)closedir(directory);
    (void)snprintf(path, sizeof path, "%s/%s", place.path, hidden);
    REQUIRE(unlink(path) == 0);
    log_set_level(LOG_ERROR);
    CHECK(count_good(&place) < 10);
    CHECK_EQUAL(counters_get(&place.counters, COUNTER_JOURNAL_CORRUPT), 1);
    place_fini(&place);
}

/* ---- kill -9 ---- */

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

TEST_MAIN(TEST_CASE(what_was_appended_is_read_in_order_with_positions_that_join),
          TEST_CASE(after_a_restart_reading_goes_on_at_the_checkpoint),
          TEST_CASE(segments_are_cut_by_size_and_deleted_when_released_but_never_the_last),
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
          TEST_CASE(an_unusable_directory_is_said_in_a_sentence),
          TEST_CASE(a_flipped_bit_anywhere_costs_at_most_one_record_and_is_counted),
          TEST_CASE(a_file_cut_anywhere_gives_the_records_before_the_cut),
          TEST_CASE(random_damage_never_gives_a_wrong_record), TEST_CASE(a_missing_segment_in_the_middle_is_counted),
          TEST_CASE(what_was_acknowledged_before_a_kill_is_read_back_in_order_and_once))
