/* Segments that are written over again: what they held before never comes back, whenever the process dies. */
#include "base/log.h"
#include "collector/journal/segment.h"
#include "tests/collector/journal/faults.h"
#include "tests/collector/journal/numbers.h"
#include "tests/collector/journal/place.h"

/* A journal that is read and released as it is written. */
typedef struct {
    place_t place;
    faults_t faults;
    journal_t *journal;
    uint64_t written, read; /* numbers below these */
    uint64_t position;      /* of number `read` */
} stream_t;

static bool stream_init(stream_t *stream, uint64_t segment_bytes) {
    *stream = (stream_t){0};
    place_init(&stream->place);
    faults_init(&stream->faults);
    stream->place.config.files = &stream->faults.files;
    stream->place.config.segment_bytes = segment_bytes;
    return place_open(&stream->place, 0, &stream->journal) == ERR_OK;
}

static void stream_fini(stream_t *stream) {
    journal_close(stream->journal);
    place_fini(&stream->place);
}

/* Writes `count` numbers, each a group of its own. */
static bool stream_write(stream_t *stream, uint64_t count) {
    for (; count > 0; count--, stream->written++)
        if (!append_range(stream->journal, stream->written, stream->written + 1)) return false;
    return true;
}

/* Reads all but the last `keep` numbers, and releases them. */
static void stream_release(stream_t *stream, uint64_t keep) {
    journal_record_t record;
    while (stream->read + keep < stream->written) {
        REQUIRE(journal_next(stream->journal, SECOND, &record) == ERR_OK);
        CHECK_EQUAL(number_of(&record), stream->read);
        stream->read++;
        stream->position = record.next;
    }
    journal_release(stream->journal, stream->position);
}

/* Goes on until every file was written over at least `lives` times. */
static void stream_age(stream_t *stream, int lives) {
    for (int round = 0; round < 1000; round++) {
        REQUIRE(stream_write(stream, 10));
        stream_release(stream, 3);
        if (atomic_load(&stream->faults.calls[CALL_RENAME]) >= lives * place_files(&stream->place)) return;
    }
    CHECK(!"files are written over");
}

/* Opens what is in `place` and reads from `position` on: numbers `from`, …, in order, none missing; gives the last one
 * plus 1. Then the journal must take more. */
static uint64_t recovered(place_t *place, uint64_t position, uint64_t from) {
    journal_t *journal;
    journal_record_t record;
    place->config.files = NULL;
    if (place_open(place, position, &journal) != ERR_OK) return 0;
    for (; journal_next(journal, 0, &record) == ERR_OK; from++) CHECK_EQUAL(number_of(&record), from);
    CHECK(append_range(journal, 7, 9));
    check_range(journal, 7, 9);
    journal_close(journal);
    return from;
}

/* Name of the last segment. */
static void last_name(const place_t *place, char name[64]) {
    DIR *directory = opendir(place->path);
    name[0] = '\0';
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, name) > 0) (void)strcpy(name, entry->d_name);
    if (directory != NULL) (void)closedir(directory);
}

static void first_name(const place_t *place, char name[64]) {
    DIR *directory = opendir(place->path);
    (void)strcpy(name, "~");
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, name) < 0) (void)strcpy(name, entry->d_name);
    if (directory != NULL) (void)closedir(directory);
}

TEST(released_segments_are_written_over_and_read_back) {
    stream_t stream;
    place_t found;
    REQUIRE(stream_init(&stream, 500));
    place_init(&found);
    stream_age(&stream, 1);
    int files = place_files(&stream.place), opened = atomic_load(&stream.faults.calls[CALL_OPEN]);
    int renamed = atomic_load(&stream.faults.calls[CALL_RENAME]);
    for (int round = 0; round < 50; round++) {
        REQUIRE(stream_write(&stream, 10));
        stream_release(&stream, 3);
        place_copy(&stream.place, &found);
        CHECK_EQUAL(recovered(&found, stream.position, stream.read), stream.written);
        CHECK_EQUAL(counters_get(&found.counters, COUNTER_JOURNAL_TORN), 0);
        CHECK_EQUAL(counters_get(&found.counters, COUNTER_JOURNAL_CORRUPT), 0);
        CHECK(place_files(&stream.place) <= files + 1);
    }
    opened = atomic_load(&stream.faults.calls[CALL_OPEN]) - opened;
    renamed = atomic_load(&stream.faults.calls[CALL_RENAME]) - renamed;
    CHECK(renamed > 30);
    CHECK(opened - renamed <= 2); /* new files are the exception */
    place_fini(&found);
    stream_fini(&stream);
}

TEST(spares_become_fewer_when_less_is_written_and_none_are_left_at_the_end) {
    stream_t stream;
    REQUIRE(stream_init(&stream, 200));
    REQUIRE(stream_write(&stream, 60));
    int files = place_files(&stream.place);
    CHECK(files > 10);
    stream_release(&stream, 0);
    CHECK_EQUAL(place_files(&stream.place), files); /* nothing is deleted, and nothing is added */
    for (int i = 0; i < 5; i++) stream_release(&stream, 0);
    CHECK(place_files(&stream.place) < files && place_files(&stream.place) > 2);
    for (int i = 0; i < files; i++) stream_release(&stream, 0);
    CHECK_EQUAL(place_files(&stream.place), 2); /* the last segment and one spare */
    journal_close(stream.journal);
    CHECK_EQUAL(place_files(&stream.place), 1);
    REQUIRE(place_open(&stream.place, stream.position, &stream.journal) == ERR_OK);
    CHECK_EQUAL(journal_end(stream.journal), stream.position);
    stream_fini(&stream);
}

TEST(a_group_torn_at_any_byte_over_old_records_is_cut_off) {
    stream_t stream;
    place_t before, found;
    uint64_t start;
    size_t old_len = 0, new_len = 0;
    char name[64];
    REQUIRE(stream_init(&stream, 2000));
    place_init(&before);
    place_init(&found);
    log_set_level(LOG_ERROR);
    stream_age(&stream, 2);
    int renamed = atomic_load(&stream.faults.calls[CALL_RENAME]);
    while (atomic_load(&stream.faults.calls[CALL_RENAME]) == renamed) {
        stream_release(&stream, 3);
        REQUIRE(stream_write(&stream, 1));
    }
    REQUIRE(stream_write(&stream, 3)); /* now in a segment with old records behind the end */
    place_copy(&stream.place, &before);
    last_name(&before, name);
    REQUIRE(segment_name_read(name, &start));
    uint64_t first = journal_end(stream.journal) - start + SEGMENT_HEADER_BYTES, written = stream.written, most = 0;
    REQUIRE(stream_write(&stream, 4));
    uint64_t end = journal_end(stream.journal) - start + SEGMENT_HEADER_BYTES;
    uint8_t *old = place_read(&before, name, &old_len), *new = place_read(&stream.place, name, &new_len);
    REQUIRE(old != NULL && new != NULL &&old_len == new_len &&end + 100 < old_len);
    for (uint64_t at = first; at <= end + SEGMENT_RECORD_HEADER_BYTES + 50; at++) {
        place_copy(&before, &found);
        memcpy(old, new, at);
        place_write(&found, name, old, old_len);
        uint64_t last = recovered(&found, stream.position, stream.read);
        CHECK(last >= written && last <= written + 4 && last >= most);
        CHECK(counters_get(&found.counters, COUNTER_JOURNAL_TORN) <= 1);
        CHECK_EQUAL(counters_get(&found.counters, COUNTER_JOURNAL_CORRUPT), 0);
        most = last;
    }
    CHECK_EQUAL(most, written + 4);
    CHECK_EQUAL(counters_get(&found.counters, COUNTER_JOURNAL_TORN), 0);
    free(old);
    free(new);
    place_fini(&before);
    place_fini(&found);
    stream_fini(&stream);
}

/* Writes and releases at random until the process dies; numbers below the result were acknowledged before. */
static uint64_t stream_until_death(stream_t *stream, uint64_t *state) {
    uint64_t acknowledged = stream->written;
    while (!faults_dead(&stream->faults.files)) {
        answers_t answers = {0};
        uint64_t count = 1 + test_random(state) % 6;
        for (uint64_t i = 0; i < count; i++)
            if (append_number(stream->journal, stream->written + i, &answers) != ERR_OK) abort();
        wait_answers(&answers, (int)count);
        stream->written += count;
        if (!faults_dead(&stream->faults.files)) acknowledged = stream->written;
        if (!faults_dead(&stream->faults.files) && test_random(state) % 4 == 0)
            stream_release(stream, test_random(state) % 40);
    }
    return acknowledged;
}

TEST(whatever_the_files_held_before_and_wherever_the_process_dies_only_what_was_appended_is_read) {
    uint64_t seed = (uint64_t)time(NULL), state = seed;
    (void)printf("     seed %llu\n", (unsigned long long)seed);
    log_set_level(LOG_ERROR);
    int renamed = 0;
    for (int round = 0; round < 8; round++) {
        stream_t stream;
        REQUIRE(stream_init(&stream, 200 + test_random(&state) % 6000));
        for (int death = 0; death < 25; death++) {
            atomic_store(&stream.faults.life, 1 + (long)(test_random(&state) % 1000000));
            uint64_t acknowledged = stream_until_death(&stream, &state);
            journal_close(stream.journal);
            renamed += atomic_load(&stream.faults.calls[CALL_RENAME]);
            faults_init(&stream.faults);
            REQUIRE(place_open(&stream.place, stream.position, &stream.journal) == ERR_OK);
            journal_record_t record;
            for (; journal_next(stream.journal, 0, &record) == ERR_OK; stream.position = record.next) {
                CHECK_EQUAL(number_of(&record), stream.read);
                stream.read++;
            }
            CHECK(stream.read >= acknowledged && stream.read <= stream.written);
            stream.written = stream.read; /* those that nobody was told of may be there */
        }
        CHECK_EQUAL(counters_get(&stream.place.counters, COUNTER_JOURNAL_CORRUPT), 0);
        stream_fini(&stream);
    }
    CHECK(renamed > 20);
}

TEST(death_between_the_new_name_and_the_new_header_leaves_an_empty_segment) {
    stream_t stream;
    place_t found;
    char first[64], name[SEGMENT_NAME_BYTES + 1], from[400], to[400];
    REQUIRE(stream_init(&stream, 500));
    place_init(&found);
    log_set_level(LOG_ERROR);
    stream_age(&stream, 2);
    stream_release(&stream, 3);
    place_copy(&stream.place, &found);
    first_name(&found, first);
    segment_name(journal_end(stream.journal), name);
    (void)snprintf(from, sizeof from, "%s/%s", found.path, first);
    (void)snprintf(to, sizeof to, "%s/%s", found.path, name);
    REQUIRE(strcmp(first, name) < 0 && rename(from, to) == 0);
    CHECK_EQUAL(recovered(&found, stream.position, stream.read), stream.written);
    CHECK_EQUAL(counters_get(&found.counters, COUNTER_JOURNAL_TORN), 1);
    CHECK_EQUAL(counters_get(&found.counters, COUNTER_JOURNAL_CORRUPT), 0);
    place_fini(&found);
    stream_fini(&stream);
}

TEST(a_spare_with_the_header_of_its_next_life_costs_nothing_but_itself) {
    stream_t stream;
    place_t found;
    char first[64], last[64];
    size_t first_len, last_len;
    REQUIRE(stream_init(&stream, 500));
    place_init(&found);
    log_set_level(LOG_ERROR);
    stream_age(&stream, 2);
    stream_release(&stream, 3);
    place_copy(&stream.place, &found);
    first_name(&found, first);
    last_name(&found, last);
    REQUIRE(strcmp(first, last) < 0);
    uint8_t *old = place_read(&found, first, &first_len), *new = place_read(&found, last, &last_len);
    REQUIRE(old != NULL && new != NULL);
    place_write(&found, first, new, last_len);
    CHECK_EQUAL(recovered(&found, stream.position, stream.read), stream.written);
    CHECK_EQUAL(counters_get(&found.counters, COUNTER_JOURNAL_CORRUPT), 1);
    free(old);
    free(new);
    place_fini(&found);
    stream_fini(&stream);
}

TEST(what_a_power_failure_took_back_is_gone_for_good) {
    place_t place;
    journal_t *journal;
    size_t len = 0;
    place_init(&place);
    log_set_level(LOG_ERROR);
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    REQUIRE(append_range(journal, 0, 5));
    uint64_t end = journal_end(journal);
    REQUIRE(append_range(journal, 5, 300));
    uint8_t *bytes = place_read(&place, FIRST, &len);
    journal_close(journal);
    REQUIRE(bytes != NULL && len > 10000);
    segment_end_write(end, bytes + end + SEGMENT_HEADER_BYTES); /* this block is as it was, those behind it are not */
    place_write(&place, FIRST, bytes, len);
    free(bytes);
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    check_range(journal, 0, 5);
    REQUIRE(append_range(journal, 5, 6));
    end = journal_end(journal);
    bytes = place_read(&place, FIRST, &len);
    journal_close(journal);
    REQUIRE(bytes != NULL && len > end + SEGMENT_HEADER_BYTES);
    bytes[end + SEGMENT_HEADER_BYTES] ^= 1; /* what is behind is looked at */
    place_write(&place, FIRST, bytes, len);
    free(bytes);
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    check_range(journal, 0, 6);
    journal_close(journal);
    place_fini(&place);
}

/* ---- the disk fails ---- */

TEST(on_a_full_disk_spares_go_before_anything_is_refused) {
    stream_t stream;
    REQUIRE(stream_init(&stream, 2000));
    log_set_level(LOG_ERROR + 1);
    stream_age(&stream, 1);
    REQUIRE(stream_write(&stream, 60));
    stream_release(&stream, 3);
    int files = place_files(&stream.place), removed = atomic_load(&stream.faults.calls[CALL_REMOVE]);
    REQUIRE(files > 2);
    atomic_store(&stream.faults.room_freed, 100000);
    atomic_store(&stream.faults.room, 10);
    CHECK(stream_write(&stream, 3));
    CHECK_EQUAL(journal_state(stream.journal), ERR_OK);
    CHECK(place_files(&stream.place) < files);
    CHECK(atomic_load(&stream.faults.calls[CALL_REMOVE]) > removed);
    atomic_store(&stream.faults.room, 10); /* and now there is nothing left to give */
    answers_t answers = {0};
    REQUIRE(append_number(stream.journal, 1000, &answers) == ERR_OK);
    wait_answers(&answers, 1);
    CHECK_EQUAL(atomic_load(&answers.failed), 1);
    CHECK_EQUAL(journal_state(stream.journal), ERR_FULL);
    atomic_store(&stream.faults.room, -1);
    CHECK(stream_write(&stream, 3));
    uint64_t position = stream.position;
    journal_close(stream.journal);
    CHECK_EQUAL(recovered(&stream.place, position, stream.read), stream.written);
    CHECK_EQUAL(counters_get(&stream.place.counters, COUNTER_JOURNAL_CORRUPT), 0);
    place_fini(&stream.place);
}

/* Puts a wrong bit into the end mark of the log in `place`, so that good records are looked for behind it. */
static void damage_end_mark(const place_t *place, uint64_t end) {
    char name[64];
    uint64_t start;
    size_t len = 0;
    last_name(place, name);
    uint8_t *bytes = place_read(place, name, &len);
    REQUIRE(bytes != NULL && segment_name_read(name, &start) && end - start + SEGMENT_HEADER_BYTES < len);
    bytes[end - start + SEGMENT_HEADER_BYTES] ^= 1;
    place_write(place, name, bytes, len);
    free(bytes);
}

TEST(of_a_group_that_was_refused_no_record_comes_back) {
    stream_t stream;
    place_t found;
    answers_t answers = {0};
    REQUIRE(stream_init(&stream, 30000));
    journal_close(stream.journal);
    stream.place.config.group_wait_us = 5000; /* groups of several records */
    REQUIRE(place_open(&stream.place, 0, &stream.journal) == ERR_OK);
    place_init(&found);
    log_set_level(LOG_ERROR + 1);
    for (int round = 0; round < 40; round++) {
        REQUIRE(append_range(stream.journal, stream.written, stream.written + 60));
        stream.written += 60;
        stream_release(&stream, 3);
        journal_make_room(stream.journal);
        atomic_store(&stream.faults.room, 9000 + 10 * round); /* for some records, but not for all of the group */
        for (uint64_t i = 0; i < 150; i++) REQUIRE(append_number(stream.journal, 100000 + i, &answers) == ERR_OK);
        wait_answers(&answers, 150 * (round + 1));
        atomic_store(&stream.faults.room, -1);
        REQUIRE(stream_write(&stream, 1));
        place_copy(&stream.place, &found);
        damage_end_mark(&found, journal_end(stream.journal));
        CHECK_EQUAL(recovered(&found, stream.position, stream.read), stream.written);
        CHECK_EQUAL(counters_get(&found.counters, COUNTER_JOURNAL_CORRUPT), 0);
    }
    place_fini(&found);
    stream_fini(&stream);
}

TEST(a_spare_that_cannot_be_renamed_is_replaced_by_a_new_file) {
    stream_t stream;
    REQUIRE(stream_init(&stream, 500));
    log_set_level(LOG_ERROR + 1);
    for (int round = 0; round < 20; round++) {
        atomic_store(&stream.faults.fail_at[CALL_RENAME], 1 + round % 3);
        REQUIRE(stream_write(&stream, 20));
        stream_release(&stream, 3);
        CHECK_EQUAL(journal_state(stream.journal), ERR_OK);
    }
    uint64_t position = stream.position;
    journal_close(stream.journal);
    CHECK_EQUAL(recovered(&stream.place, position, stream.read), stream.written);
    place_fini(&stream.place);
}

TEST(names_are_synced_before_anything_is_written_under_them) {
    stream_t stream;
    REQUIRE(stream_init(&stream, 500));
    journal_close(stream.journal);
    place_clear(&stream.place);
    stream.place.config.durability = DURABILITY_DISK;
    REQUIRE(place_open(&stream.place, 0, &stream.journal) == ERR_OK);
    stream_age(&stream, 2);
    /* The sync of a renamed file's directory fails: nothing may be acknowledged from then on. */
    log_set_level(LOG_ERROR + 1);
    int renamed = atomic_load(&stream.faults.calls[CALL_RENAME]);
    atomic_store(&stream.faults.fail_at[CALL_SYNC_DIRECTORY], 1);
    bool fine = true;
    for (int i = 0; i < 100 && fine; i++) fine = stream_write(&stream, 1);
    CHECK(!fine);
    CHECK_EQUAL(atomic_load(&stream.faults.calls[CALL_RENAME]), renamed + 1);
    CHECK_EQUAL(journal_state(stream.journal), ERR_IO);
    uint64_t position = stream.position;
    journal_close(stream.journal);
    CHECK_EQUAL(recovered(&stream.place, position, stream.read), stream.written);
    place_fini(&stream.place);
}

TEST_MAIN(TEST_CASE(released_segments_are_written_over_and_read_back),
          TEST_CASE(spares_become_fewer_when_less_is_written_and_none_are_left_at_the_end),
          TEST_CASE(a_group_torn_at_any_byte_over_old_records_is_cut_off),
          TEST_CASE(whatever_the_files_held_before_and_wherever_the_process_dies_only_what_was_appended_is_read),
          TEST_CASE(death_between_the_new_name_and_the_new_header_leaves_an_empty_segment),
          TEST_CASE(a_spare_with_the_header_of_its_next_life_costs_nothing_but_itself),
          TEST_CASE(what_a_power_failure_took_back_is_gone_for_good),
          TEST_CASE(on_a_full_disk_spares_go_before_anything_is_refused),
          TEST_CASE(of_a_group_that_was_refused_no_record_comes_back),
          TEST_CASE(a_spare_that_cannot_be_renamed_is_replaced_by_a_new_file),
          TEST_CASE(names_are_synced_before_anything_is_written_under_them))
