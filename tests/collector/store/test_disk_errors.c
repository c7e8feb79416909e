/* A disk that fails: nothing is lost, nothing is counted twice, and the store goes on by itself when it is well again.
 */
#include "tests/collector/store/faulty_vfs.h"
#include "tests/collector/store/support.h"

#include "base/log.h"

enum { RECORDS = 300, EVERY = 60 };

/* Folds everything while the disk is as armed; checkpoints are tried until they succeed. The number of failed
 * checkpoints. */
static uint64_t run_to_the_end(support_fold_t *fold) {
    support_run(fold, RECORDS, EVERY);
    for (int i = 0; i < 1000; i++) {
        if (store_flush(fold->store) == ERR_OK && store_position(fold->store) == RECORDS) break;
        (void)support_checkpoint(fold);
    }
    CHECK_EQUAL(store_flush(fold->store), ERR_OK);
    CHECK_EQUAL(store_position(fold->store), RECORDS);
    return counters_get(&fold->counters, COUNTER_CHECKPOINT_FAILURES);
}

/* As above, but a failed checkpoint ends the process, as it were: all connections close, and what comes back is what
 * SQLite finds in the files, maybe with the transaction whose COMMIT reported an error. */
static uint64_t run_with_restarts(support_fold_t *fold, const store_config_t *config) {
    uint64_t restarts = 0;
    while (fold->position < RECORDS || store_position(fold->store) < RECORDS) {
        if (fold->position < RECORDS)
            support_run(fold, fold->position + EVERY, EVERY);
        else
            (void)support_checkpoint(fold);
        if (store_flush(fold->store) == ERR_OK) continue;
        support_close(fold);
        memset(fold, 0, sizeof *fold);
        CHECK_EQUAL(support_open(fold, config), ERR_OK);
        restarts++;
    }
    return restarts;
}

static support_dump_t undisturbed(void) {
    char *directory = support_directory("well");
    store_config_t config = support_config(directory);
    support_fold_t fold = {0};
    CHECK_EQUAL(support_open(&fold, &config), ERR_OK);
    CHECK_EQUAL(run_to_the_end(&fold), 0);
    support_close(&fold);
    support_dump_t dump = support_dump(directory);
    support_remove(directory);
    return dump;
}

static void check_integrity(const char *directory) {
    char path[200];
    (void)snprintf(path, sizeof path, "%s/seismesh.sqlite", directory);
    sqlite3 *db;
    sqlite3_stmt *rows;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &rows, NULL) == SQLITE_OK);
    CHECK(sqlite3_step(rows) == SQLITE_ROW);
    CHECK_TEXT((const char *)sqlite3_column_text(rows, 0), "ok");
    (void)sqlite3_finalize(rows);
    (void)sqlite3_close(db);
}

/* Every k-th write or sync fails once, for k = 1, 2, … until a run meets no failure any more. */
static void fail_at_every_place(const char *name, int code, bool keep, long failures, long stride, bool restart) {
    support_dump_t well = undisturbed();
    uint64_t failed_checkpoints = 0;
    for (long k = 1;; k += stride) {
        char *directory = support_directory(name);
        store_config_t config = support_config(directory);
        support_fold_t fold = {0};
        CHECK_EQUAL(support_open(&fold, &config), ERR_OK);
        faulty_arm(k, failures, code, keep);
        failed_checkpoints += restart ? run_with_restarts(&fold, &config) : run_to_the_end(&fold);
        long failed = atomic_load(&faulty.failed);
        faulty_disarm();
        support_close(&fold);
        support_dump_t dump = support_dump(directory);
        bool same = support_same(&well, &dump);
        if (!same) (void)fprintf(stderr, "write or sync %ld (%s)\n", k, name);
        CHECK(same);
        check_integrity(directory);
        support_remove(directory);
        if (failed == 0 || !same) break;
    }
    CHECK(failed_checkpoints > 0);
}

TEST(every_failed_write_or_sync_is_made_good) {
    fail_at_every_place("eio", SQLITE_IOERR_WRITE, false, 1, 3, false);
}

TEST(a_restart_after_a_failed_commit_counts_nothing_twice) {
    fail_at_every_place("kept", SQLITE_IOERR_WRITE, true, 1, 3, true);
}

TEST(a_full_disk_loses_nothing_and_is_resumed) {
    fail_at_every_place("full", SQLITE_FULL, false, 40, 11, false);
}

TEST(while_the_disk_is_full_readers_read_and_checkpoints_are_refused) {
    char *directory = support_directory("reading");
    store_config_t config = support_config(directory);
    support_fold_t fold = {0};
    CHECK_EQUAL(support_open(&fold, &config), ERR_OK);
    support_run(&fold, 100, 1000);
    CHECK_EQUAL(support_finish(&fold), ERR_OK);
    faulty_arm(1, 1000000, SQLITE_FULL, false);
    support_run(&fold, 200, 1000);
    CHECK_EQUAL(support_checkpoint(&fold), ERR_OK);
    CHECK_EQUAL(store_flush(fold.store), ERR_IO);
    for (int i = 0; i < 5; i++) {
        CHECK_EQUAL(support_checkpoint(&fold), ERR_IO);
        CHECK_EQUAL(store_flush(fold.store), ERR_IO);
    }
    CHECK_EQUAL(store_position(fold.store), 100);
    query_t *query = query_open(store_path(fold.store));
    REQUIRE(query != NULL);
    query_status_t status;
    CHECK_EQUAL(query_status(query, &status), ERR_OK);
    CHECK_EQUAL(status.position, 100);
    query_close(query);
    faulty_disarm();
    CHECK_EQUAL(support_checkpoint(&fold), ERR_IO); /* tries the one that failed */
    CHECK_EQUAL(store_flush(fold.store), ERR_OK);
    CHECK_EQUAL(store_position(fold.store), 200);
    support_close(&fold);
    support_remove(directory);
}

TEST(a_store_that_cannot_be_made_says_so) {
    char *directory = support_directory("unmade");
    store_config_t config = support_config(directory);
    counters_t counters = {0};
    store_t *store;
    char why[300] = "";
    faulty_arm(1, 1000000, SQLITE_FULL, false);
    CHECK(store_open(&config, &counters, &store, why, sizeof why) != ERR_OK);
    CHECK(strstr(why, "check the disk") != NULL);
    faulty_disarm();
    CHECK_EQUAL(store_open(&config, &counters, &store, why, sizeof why), ERR_OK);
    store_close(store);
    support_remove(directory);
}

int main(int argc, char **argv) {
    static const test_case_t cases[] = {
        TEST_CASE(every_failed_write_or_sync_is_made_good),
        TEST_CASE(a_restart_after_a_failed_commit_counts_nothing_twice),
        TEST_CASE(a_full_disk_loses_nothing_and_is_resumed),
        TEST_CASE(while_the_disk_is_full_readers_read_and_checkpoints_are_refused),
        TEST_CASE(a_store_that_cannot_be_made_says_so),
    };
    faulty_install();
    log_set_level(LOG_ERROR + 1);
    return test_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
