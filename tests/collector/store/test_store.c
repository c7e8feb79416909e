#include "base/clock.h"
#include "tests/collector/store/support.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { RECORDS = 12000 };

static support_dump_t undisturbed(const store_config_t *config, uint64_t every) {
    support_fold_t fold = {0};
    CHECK(support_open(&fold, config) == ERR_OK);
    support_run(&fold, RECORDS, every);
    CHECK(support_finish(&fold) == ERR_OK);
    CHECK_EQUAL(store_position(fold.store), RECORDS);
    support_close(&fold);
    return support_dump(config->directory);
}

TEST(where_checkpoints_fall_makes_no_difference) {
    char first[128], second[128];
    (void)strcpy(first, support_directory("first"));
    (void)strcpy(second, support_directory("second"));
    store_config_t a = support_config(first), b = support_config(second);
    a.retention_10s_s = b.retention_10s_s = 3600; /* so that late cells also meet minutes without 10 s frames */
    a.retention_1m_s = b.retention_1m_s = 7200;
    support_dump_t one = undisturbed(&a, 50), two = undisturbed(&b, 3001);
    CHECK(support_same(&one, &two));
    CHECK(one.rows[4] > 300);  /* 10 s */
    CHECK(one.rows[5] > 60);   /* 1 min */
    CHECK(one.rows[6] >= 1);   /* 1 h */
    CHECK(one.rows[7] > 20);   /* span blocks */
    CHECK(one.rows[8] > 1000); /* traces */
    support_remove(first);
    support_remove(second);
}

TEST(totals_over_three_resolutions_count_every_span_once) {
    char *directory = support_directory("coarse");
    store_config_t config = support_config(directory);
    (void)undisturbed(&config, 100);
    char path[200];
    (void)snprintf(path, sizeof path, "%s/seismesh.sqlite", directory);
    query_t *query = query_open(path);
    REQUIRE(query != NULL);
    query_filter_t filter = query_filter_any(0);
    query_total_t *coarse;
    uint32_t coarse_count;
    /* from the middle of an hour: 10 s, minutes, hours, minutes, 10 s */
    int64_t start = SUPPORT_START_NS - 9000000000000, end = SUPPORT_START_NS + 6100000000000;
    CHECK(query_totals(query, start, end, &filter, &coarse, &coarse_count) == ERR_OK);
    uint64_t requests = 0;
    for (uint32_t i = 0; i < coarse_count; i++)
        if (coarse[i].key->kind == ENTITY_SERVICE) requests += coarse[i].cell.requests;
    query_totals_free(coarse, coarse_count);
    query_status_t status;
    CHECK(query_status(query, &status) == ERR_OK);
    CHECK_EQUAL(requests, status.spans);
    CHECK_EQUAL(status.position, RECORDS);
    CHECK(status.closed_before_ns > SUPPORT_START_NS);
    query_close(query);
    support_remove(directory);
}

/* --- crashes --- */

static void child(const store_config_t *config, uint64_t every) {
    support_fold_t fold = {0};
    if (support_open(&fold, config) != ERR_OK) _exit(3);
    support_run(&fold, RECORDS, every);
    _exit(support_finish(&fold) == ERR_OK ? 0 : 4);
}

/* True when it came to its end before it was killed. */
static bool run_child(const store_config_t *config, uint64_t every, long after_us) {
    pid_t pid = fork();
    if (pid == 0) child(config, every);
    if (after_us >= 0) {
        (void)usleep((useconds_t)after_us);
        (void)kill(pid, SIGKILL);
    }
    int status = 0;
    (void)waitpid(pid, &status, 0);
    if (WIFEXITED(status)) CHECK_EQUAL(WEXITSTATUS(status), 0);
    return WIFEXITED(status);
}

TEST(killed_at_random_instants_it_ends_in_the_same_state) {
    char first[128], second[128];
    (void)strcpy(first, support_directory("whole"));
    (void)strcpy(second, support_directory("killed"));
    store_config_t a = support_config(first), b = support_config(second);
    /* Spans are kept longer than the latest one is late: a trace that gets spans after its row has expired begins a new
     * row, and when it expired depends on where checkpoints fell. */
    a.retention_10s_s = b.retention_10s_s = 3600;
    int64_t begun = clock_monotonic_ns(&clock_system);
    support_dump_t whole = undisturbed(&a, 400);
    uint64_t seed = (uint64_t)time(NULL), took_us = (uint64_t)(clock_monotonic_ns(&clock_system) - begun) / 1000;
    (void)printf("seed %llu\n", (unsigned long long)seed);
    int kills = 0;
    for (int i = 0; i < 10; i++) {
        uint64_t every = 20 + test_random(&seed) % 300;
        if (run_child(&b, every, (long)(test_random(&seed) % (took_us / 3 + 1)))) break;
        kills++;
    }
    CHECK(run_child(&b, 211, -1));
    support_dump_t killed = support_dump(second);
    CHECK(support_same(&whole, &killed));
    CHECK(kills >= 3);
    support_remove(first);
    support_remove(second);
}

/* --- the directory --- */

static err_t try_open(const char *directory, char why[300]) {
    store_config_t config = support_config(directory);
    counters_t counters = {0};
    store_t *store;
    why[0] = '\0';
    err_t err = store_open(&config, &counters, &store, why, 300);
    if (err == ERR_OK) store_close(store);
    return err;
}

TEST(a_directory_in_use_is_refused_with_the_pid) {
    char *directory = support_directory("busy");
    support_fold_t fold = {0};
    store_config_t config = support_config(directory);
    CHECK(support_open(&fold, &config) == ERR_OK);
    char why[300], pid[30];
    CHECK_EQUAL(try_open(directory, why), ERR_BUSY);
    (void)snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
    CHECK(strstr(why, pid) != NULL);
    support_close(&fold);
    CHECK_EQUAL(try_open(directory, why), ERR_OK);
    support_remove(directory);
}

static void put_file(const char *directory, const char *name, const char *text) {
    char path[300];
    (void)mkdir(directory, 0700);
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    if (file == NULL) abort();
    (void)fputs(text, file);
    (void)fclose(file);
}

TEST(foreign_directories_and_files_are_refused_and_left_alone) {
    char why[300], path[200];
    char *directory = support_directory("foreign");
    put_file(directory, "thesis.txt", "precious");
    CHECK_EQUAL(try_open(directory, why), ERR_FOREIGN);
    CHECK(strstr(why, "thesis.txt") != NULL);

    directory = support_directory("garbage");
    put_file(directory, "seismesh.sqlite", "this is no database at all, but long enough to be looked at..............");
    CHECK_EQUAL(try_open(directory, why), ERR_FOREIGN);
    CHECK(strstr(why, "--data") != NULL);
    support_remove(directory);

    directory = support_directory("others");
    (void)mkdir(directory, 0700);
    (void)snprintf(path, sizeof path, "%s/seismesh.sqlite", directory);
    sqlite3 *db;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, "CREATE TABLE addresses(name)", NULL, NULL, NULL) == SQLITE_OK);
    (void)sqlite3_close(db);
    CHECK_EQUAL(try_open(directory, why), ERR_FOREIGN);
    support_remove(directory);

    directory = support_directory("file");
    FILE *file = fopen(directory, "w");
    REQUIRE(file != NULL);
    (void)fclose(file);
    CHECK_EQUAL(try_open(directory, why), ERR_IO);
    CHECK(strstr(why, "Not a directory") != NULL);
    support_remove(directory);
    support_remove(support_directory("foreign"));
}

TEST(what_was_not_checkpointed_is_not_there) {
    char *directory = support_directory("uncommitted");
    store_config_t config = support_config(directory);
    support_fold_t fold = {0};
    CHECK(support_open(&fold, &config) == ERR_OK);
    CHECK_EQUAL(fold.position, 0);
    support_run(&fold, 100, 1000);
    CHECK(store_pending_bytes(fold.store) > 0);
    support_close(&fold);
    memset(&fold, 0, sizeof fold);
    CHECK(support_open(&fold, &config) == ERR_OK);
    CHECK_EQUAL(fold.position, 0);
    CHECK_EQUAL(fold.shard.names.count, 2);
    support_close(&fold);
    support_remove(directory);
}

/* Whoever waits for less to be collected waits for ever otherwise. */
TEST(behind_a_checkpoint_nothing_is_pending_though_a_block_is_open) {
    char *directory = support_directory("pending");
    store_config_t config = support_config(directory);
    support_fold_t fold = {0};
    CHECK(support_open(&fold, &config) == ERR_OK);
    support_run(&fold, 100, 1000);
    CHECK_EQUAL(support_checkpoint(&fold), ERR_OK);
    CHECK_EQUAL(store_pending_bytes(fold.store), 0);
    support_close(&fold);
    support_remove(directory);
}

TEST(a_checkpoint_under_way_makes_the_next_one_busy) {
    char *directory = support_directory("twice");
    store_config_t config = support_config(directory);
    support_fold_t fold = {0};
    CHECK(support_open(&fold, &config) == ERR_OK);
    sqlite3 *other; /* holds the write lock, so that the writing thread has to wait */
    CHECK(sqlite3_open(store_path(fold.store), &other) == SQLITE_OK);
    CHECK(sqlite3_busy_timeout(other, 10000) == SQLITE_OK); /* the first retention may still hold it */
    CHECK(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
    support_run(&fold, 300, 10000);
    CHECK(support_checkpoint(&fold) == ERR_OK);
    support_run(&fold, 301, 10000);
    CHECK(support_checkpoint(&fold) == ERR_BUSY);
    CHECK_EQUAL(store_position(fold.store), 0);
    CHECK(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
    (void)sqlite3_close(other);
    CHECK(store_flush(fold.store) == ERR_OK);
    CHECK_EQUAL(store_position(fold.store), 300);
    CHECK(support_finish(&fold) == ERR_OK);
    CHECK_EQUAL(store_position(fold.store), 301);
    support_close(&fold);
    support_remove(directory);
}

TEST_MAIN(TEST_CASE(where_checkpoints_fall_makes_no_difference),
          TEST_CASE(totals_over_three_resolutions_count_every_span_once),
          TEST_CASE(killed_at_random_instants_it_ends_in_the_same_state),
          TEST_CASE(a_directory_in_use_is_refused_with_the_pid),
          TEST_CASE(foreign_directories_and_files_are_refused_and_left_alone),
          TEST_CASE(what_was_not_checkpointed_is_not_there),
          TEST_CASE(behind_a_checkpoint_nothing_is_pending_though_a_block_is_open),
          TEST_CASE(a_checkpoint_under_way_makes_the_next_one_busy))
