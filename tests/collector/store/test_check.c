/* check finds what is damaged, and nothing else; a backup is a store at one position, whatever goes on meanwhile. */
#include "collector/journal/segment.h"
#include "collector/store/backup.h"
#include "collector/store/check.h"
#include "collector/store/compaction.h"
#include "tests/collector/store/support.h"

#include <pthread.h>
#include <sys/stat.h>

enum { RECORDS = 3000, EVERY = 60, FULL_10S_S = 3600 };

typedef struct {
    unsigned damages, notes;
    char first[600];
} said_t;

static void hear(void *context, check_kind_t kind, const char *text) {
    said_t *said = context;
    if (kind == CHECK_DAMAGE && said->damages++ == 0) (void)snprintf(said->first, sizeof said->first, "%s", text);
    said->notes += kind == CHECK_NOTE;
}

static said_t look(const char *directory, check_t *check) {
    said_t said = {0};
    char why[700] = "";
    CHECK_EQUAL(check_store(directory, hear, &said, check, why, sizeof why), ERR_OK);
    CHECK_EQUAL(check->damages, said.damages);
    return said;
}

static void change(const char *directory, const char *sql) {
    char path[200];
    sqlite3 *db;
    (void)snprintf(path, sizeof path, "%s/seismesh.sqlite", directory);
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    (void)sqlite3_close(db);
}

/* What a store that closes leaves undone where there is no time: the same on every machine. */
static void compact(const char *directory) {
    char path[200];
    static counters_t counters;
    compactor_t compactor = {0};
    (void)snprintf(path, sizeof path, "%s/seismesh.sqlite", directory);
    CHECK_EQUAL(compactor_open(&compactor, path, FULL_10S_S, 0, &counters), ERR_OK);
    for (bool worked = true; worked;) CHECK_EQUAL(compactor_step(&compactor, true, &worked), ERR_OK);
    compactor_close(&compactor);
}

/* A store with frames, chunks, coarse chunks, spans and events. */
static void make_store(const char *directory) {
    store_config_t config = support_config(directory);
    config.compact = true;
    config.full_10s_s = FULL_10S_S;
    support_fold_t fold = {0};
    CHECK_EQUAL(support_open(&fold, &config), ERR_OK);
    fold.record_ns = 5000000000;
    support_run(&fold, RECORDS, EVERY);
    CHECK_EQUAL(support_finish(&fold), ERR_OK);
    support_close(&fold);
}

/* A segment of three records, that begins at `start`. */
static void make_segment(const char *directory, uint64_t start) {
    char name[SEGMENT_NAME_BYTES + 1], path[300];
    uint8_t header[SEGMENT_HEADER_BYTES], record[SEGMENT_RECORD_HEADER_BYTES];
    (void)snprintf(path, sizeof path, "%s/journal", directory);
    (void)mkdir(path, 0750);
    segment_name(start, name);
    (void)snprintf(path, sizeof path, "%s/journal/%s", directory, name);
    FILE *file = fopen(path, "w");
    if (file == NULL) abort();
    segment_header_write(start, header);
    (void)fwrite(header, sizeof header, 1, file);
    for (int i = 0; i < 3; i++) {
        slice_t payload = slice_text("a payload of twenty-eight.");
        segment_record_write(start, 0, 0, (uint32_t)payload.len, segment_payload_crc(payload), record);
        (void)fwrite(record, sizeof record, 1, file);
        (void)fwrite(payload.data, payload.len, 1, file);
        start += sizeof record + payload.len;
    }
    segment_end_write(start, record);
    (void)fwrite(record, sizeof record, 1, file);
    (void)fclose(file);
}

TEST(a_whole_store_has_nothing_to_complain_about) {
    char *directory = support_directory("whole");
    make_store(directory);
    compact(directory);
    make_segment(directory, RECORDS - 10);
    check_t check;
    said_t said = look(directory, &check);
    CHECK_EQUAL(said.damages, 0);
    CHECK_TEXT(said.first, "");
    CHECK(check.frames > 10 && check.chunks > 1000 && check.cells > 10000 && check.blocks > 10 && check.traces > 100);
    CHECK_EQUAL(check.segments, 1);
    CHECK_EQUAL(check.records, 3);
    support_remove(directory);
}

TEST(each_kind_of_damage_is_found_and_named) {
    static const struct {
        const char *sql, *word;
    } damages[] = {
        {"UPDATE frame SET bytes=zeroblob(length(bytes)) WHERE resolution=3600 AND bucket=(SELECT max(bucket) FROM "
         "frame"
         " WHERE resolution=3600)",
         "frame"},
        {"UPDATE chunk SET bytes=substr(bytes,1,length(bytes)-1) WHERE resolution=10 AND entity=3 AND span=(SELECT"
         " min(span) FROM chunk WHERE resolution=10 AND entity=3)",
         "chunk"},
        {"UPDATE chunk SET span=span-1000 WHERE resolution=10 AND entity=2 AND span=(SELECT min(span) FROM chunk WHERE"
         " resolution=10 AND entity=2)",
         "another time"},
        {"UPDATE chunk SET entity=99999 WHERE resolution=10 AND entity=2", "no such entity"},
        {"UPDATE span_block SET bytes=zeroblob(100) WHERE id=3", "span block 3"},
        {"DELETE FROM span_block WHERE id=4", "spans are there"},
        {"UPDATE trace SET blocks=x'00ff' WHERE key=7", "trace row 7"},
        {"DELETE FROM trace WHERE key=8", "traces are there"},
        {"DELETE FROM name WHERE id=5", "names 5"},
        {"UPDATE entity SET service=100000 WHERE id=3", "entity 3"},
        {"DELETE FROM state WHERE name='fold'", "state"},
    };
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        char *directory = support_directory("damaged");
        make_store(directory);
        change(directory, damages[i].sql);
        check_t check;
        said_t said = look(directory, &check);
        CHECK(said.damages >= 1);
        if (strstr(said.first, damages[i].word) == NULL) CHECK_TEXT(said.first, damages[i].word);
        support_remove(directory);
    }
}

/* Flips a bit at random places of a file without free pages. What is in blobs has checksums, what is in the tree's
 * pages SQLite knows; the plain columns of a row (a time, a count, a text) have neither. */
TEST(most_flipped_bits_anywhere_in_the_file_are_found) {
    char *directory = support_directory("flips"), path[200];
    make_store(directory);
    change(directory, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
    (void)snprintf(path, sizeof path, "%s/seismesh.sqlite", directory);
    struct stat about;
    CHECK(stat(path, &about) == 0);
    uint64_t seed = 77;
    unsigned found = 0;
    for (int i = 0; i < 60; i++) {
        FILE *file = fopen(path, "r+");
        REQUIRE(file != NULL);
        long at = 4096 + (long)(test_random(&seed) % (uint64_t)(about.st_size - 4096));
        (void)fseek(file, at, SEEK_SET);
        int byte = fgetc(file);
        (void)fseek(file, at, SEEK_SET);
        (void)fputc(byte ^ 0x10, file);
        (void)fflush(file);
        said_t said = {0};
        check_t check;
        char why[700];
        err_t err = check_store(directory, hear, &said, &check, why, sizeof why);
        found += err != ERR_OK || said.damages > 0;
        (void)fseek(file, at, SEEK_SET);
        (void)fputc(byte, file);
        (void)fclose(file);
    }
    (void)printf("# %u of 60 flipped bits were found\n", found);
    CHECK(found >= 30);
    check_t check;
    CHECK_EQUAL(look(directory, &check).damages, 0);
    support_remove(directory);
}

TEST(a_journal_with_a_gap_or_damage_is_told_with_what_it_costs) {
    char *directory = support_directory("journal"), path[300];
    make_store(directory);
    check_t check;
    make_segment(directory, RECORDS + 500);
    said_t said = look(directory, &check);
    CHECK_EQUAL(said.damages, 1);
    CHECK(strstr(said.first, "the journal begins at 3500") != NULL);
    (void)snprintf(path, sizeof path, "rm -r %s/journal", directory);
    CHECK_EQUAL(system(path), 0);
    make_segment(directory, 0);
    make_segment(directory, RECORDS - 5); /* behind a hole, but the store has all that was in it */
    said = look(directory, &check);
    CHECK_EQUAL(said.damages, 0);
    CHECK(said.notes > 0);
    (void)snprintf(path, sizeof path,
                   "printf 'x' | dd of=%s/journal/%016x.segment bs=1 seek=80 conv=notrunc status=none", directory,
                   RECORDS - 5);
    CHECK_EQUAL(system(path), 0);
    said = look(directory, &check);
    CHECK_EQUAL(said.damages, 1);
    CHECK(strstr(said.first, "1 damaged places") != NULL);
    support_remove(directory);
}

TEST(what_is_no_store_cannot_be_checked) {
    check_t check;
    char why[700] = "", *directory = support_directory("none");
    CHECK_EQUAL(check_store(directory, hear, NULL, &check, why, sizeof why), ERR_NOT_FOUND);
    CHECK(strstr(why, "--data") != NULL);
    make_store(directory);
    change(directory, "PRAGMA user_version=2");
    CHECK_EQUAL(check_store(directory, hear, NULL, &check, why, sizeof why), ERR_FOREIGN);
    CHECK(strstr(why, "version 2") != NULL);
    support_remove(directory);
}

/* --- backup --- */

typedef struct {
    support_fold_t fold;
    _Atomic bool stop;
} load_t;

static void *keep_folding(void *context) {
    load_t *load = context;
    while (!load->stop) support_run(&load->fold, load->fold.position + EVERY, EVERY);
    return NULL;
}

/* The store that folding `end` records makes. */
static support_dump_t made_of(uint64_t end) {
    char *directory = support_directory("made");
    store_config_t config = support_config(directory);
    support_fold_t fold = {0};
    CHECK_EQUAL(support_open(&fold, &config), ERR_OK);
    support_run(&fold, end, 1000000);
    CHECK_EQUAL(support_finish(&fold), ERR_OK);
    support_close(&fold);
    support_dump_t dump = support_dump(directory);
    support_remove(directory);
    return dump;
}

TEST(backups_under_load_are_the_store_at_the_position_they_state) {
    char *directory = support_directory("load");
    char source[128], copy[160];
    (void)strcpy(source, directory);
    store_config_t config = support_config(source);
    load_t *load = calloc(1, sizeof *load);
    CHECK_EQUAL(support_open(&load->fold, &config), ERR_OK);
    pthread_t thread;
    CHECK_EQUAL(pthread_create(&thread, NULL, keep_folding, load), 0);
    backup_t backup, last = {0};
    for (int i = 0; i < 3; i++) {
        while (store_position(load->fold.store) <= (uint64_t)last.meta.position + 200) (void)usleep(1000);
        char why[700] = "";
        (void)snprintf(copy, sizeof copy, "%s-copy%d", source, i);
        CHECK_EQUAL(backup_take(source, copy, NULL, NULL, &backup, why, sizeof why), ERR_OK);
        CHECK_TEXT(why, "");
        CHECK(backup.meta.position > last.meta.position && backup.bytes > 0);
        last = backup;
        check_t check;
        CHECK_EQUAL(look(copy, &check).damages, 0);
        support_dump_t a = support_dump(copy), b = made_of((uint64_t)backup.meta.position);
        CHECK(support_same(&a, &b));
    }
    load->stop = true;
    (void)pthread_join(thread, NULL);
    support_close(&load->fold);
    support_fold_t restored = {0}; /* and the copy goes on where it stands */
    store_config_t again = support_config(copy);
    CHECK_EQUAL(support_open(&restored, &again), ERR_OK);
    CHECK_EQUAL(restored.position, last.meta.position);
    support_run(&restored, restored.position + 300, EVERY);
    CHECK_EQUAL(support_finish(&restored), ERR_OK);
    uint64_t end = restored.position;
    support_close(&restored);
    support_dump_t a = support_dump(copy), b = made_of(end);
    CHECK(support_same(&a, &b));
    free(load);
    (void)snprintf(copy, sizeof copy, "%s*", source);
    char command[200];
    (void)snprintf(command, sizeof command, "rm -rf %s", copy);
    CHECK_EQUAL(system(command), 0);
}

TEST(a_backup_that_cannot_be_taken_says_why_and_leaves_nothing) {
    char *directory = support_directory("refused"), why[700] = "", place[200];
    backup_t backup;
    CHECK_EQUAL(backup_take(directory, "/nowhere/at/all", NULL, NULL, &backup, why, sizeof why), ERR_NOT_FOUND);
    make_store(directory);
    CHECK_EQUAL(backup_take(directory, "/nowhere/at/all", NULL, NULL, &backup, why, sizeof why), ERR_IO);
    CHECK(strstr(why, "cannot be made") != NULL);
    CHECK_EQUAL(backup_take(directory, directory, NULL, NULL, &backup, why, sizeof why), ERR_BUSY);
    change(directory, "PRAGMA user_version=2");
    (void)snprintf(place, sizeof place, "%s/copy", directory);
    CHECK_EQUAL(backup_take(directory, place, NULL, NULL, &backup, why, sizeof why), ERR_FOREIGN);
    CHECK(access(place, F_OK) != 0);
    support_remove(directory);
}

TEST_MAIN(TEST_CASE(a_whole_store_has_nothing_to_complain_about), TEST_CASE(each_kind_of_damage_is_found_and_named),
          TEST_CASE(most_flipped_bits_anywhere_in_the_file_are_found),
          TEST_CASE(a_journal_with_a_gap_or_damage_is_told_with_what_it_costs),
          TEST_CASE(what_is_no_store_cannot_be_checked),
          TEST_CASE(backups_under_load_are_the_store_at_the_position_they_state),
          TEST_CASE(a_backup_that_cannot_be_taken_says_why_and_leaves_nothing))
