/* Stores of earlier versions, as their own programs made them. */
#include "collector/store/compaction.h"
#include "collector/store/migrate.h"
#include "collector/store/schema.h"
#include "collector/store/traces.h"
#include "tests/collector/store/support.h"

#include <signal.h>
#include <sys/wait.h>

/* Version 1, word for word. */
static const char version_1[] =
    "PRAGMA application_id=1397049683; PRAGMA user_version=1;"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE state(name TEXT PRIMARY KEY, bytes BLOB NOT NULL);"
    "CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL);"
    "CREATE TABLE entity(id INTEGER PRIMARY KEY, kind, observer, protocol, service, caller, version, zone, instance,"
    " operation);"
    "CREATE TABLE frame(resolution INTEGER, bucket INTEGER, bytes BLOB NOT NULL, PRIMARY KEY(resolution, bucket))"
    " WITHOUT ROWID;"
    "CREATE TABLE span_block(id INTEGER PRIMARY KEY, start_ns, end_ns, spans, raw_bytes, bytes BLOB NOT NULL);"
    "CREATE TABLE trace(id BLOB PRIMARY KEY, start_ns, end_ns, spans, errors, root_service, root_operation,"
    " root_start_ns, root_span BLOB, blocks BLOB, services BLOB) WITHOUT ROWID;"
    "CREATE INDEX trace_time ON trace(start_ns);"
    "CREATE TABLE trace_service(service, start_ns, trace_id BLOB, operation, duration_ns, error);"
    "CREATE TABLE anomaly(id INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, entity, incident, signal TEXT, score,"
    " observed, expected, low, high);"
    "CREATE INDEX anomaly_time ON anomaly(time_ns);"
    "CREATE INDEX anomaly_incident ON anomaly(incident);"
    "CREATE TABLE incident(id INTEGER PRIMARY KEY, opened_ns INTEGER NOT NULL, updated_ns, closed_ns, json TEXT);"
    "CREATE INDEX incident_opened ON incident(opened_ns);"
    "CREATE TABLE suggestion(id INTEGER PRIMARY KEY, incident, created_ns INTEGER NOT NULL, expires_ns, json TEXT);"
    "CREATE INDEX suggestion_created ON suggestion(created_ns);"
    "CREATE TABLE decision(suggestion INTEGER PRIMARY KEY, time_ns, decision TEXT, reason TEXT);"
    "INSERT INTO meta VALUES('application','seismesh'),('schema_version',1),('position',4711),"
    " ('closed_before',170000000),('event_ns',1700000000000000000),('checkpoints',9);"
    "INSERT INTO name VALUES(2,'cart'),(3,'checkout');"
    "INSERT INTO entity VALUES(1,0,6,0,2,0,0,0,0,0);"
    "INSERT INTO span_block VALUES(1,10,20,5,100,x'00'),(2,10,20,7,100,x'00');"
    "INSERT INTO trace VALUES(x'000102030405060708090a0b0c0d0e0f',1700000000000000000,1700000001000000000,3,1,2,3,"
    " 1700000000000000000,x'0001020304050607',x'0001',x'000203');"
    "INSERT INTO suggestion VALUES(5,1,100,200,'{}');"
    "INSERT INTO decision VALUES(5,150,'accepted','sure');";

static const uint8_t trace_id[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static sqlite3 *make_version_1(const char *directory) {
    char command[300], path[200];
    (void)snprintf(command, sizeof command, "mkdir -p '%s'", directory);
    if (system(command) != 0) abort();
    (void)snprintf(path, sizeof path, "%s/seismesh.sqlite", directory);
    sqlite3 *db;
    if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, version_1, NULL, NULL, NULL) != SQLITE_OK) abort();
    return db;
}

static int64_t number(sqlite3 *db, const char *text) {
    int64_t value;
    CHECK_EQUAL(sql_number(db, text, -1, &value), ERR_OK);
    return value;
}

TEST(a_store_of_version_1_is_brought_up_with_nothing_lost) {
    char *directory = support_directory("v1");
    (void)sqlite3_close(make_version_1(directory));
    store_config_t config = support_config(directory);
    support_fold_t fold = {0};
    CHECK_EQUAL(support_open(&fold, &config), ERR_OK);
    CHECK_EQUAL(fold.position, 4711);
    CHECK_EQUAL(fold.shard.names.count, 4);
    CHECK_EQUAL(fold.shard.entity_count, 2);
    query_t *query = query_open(store_path(fold.store));
    REQUIRE(query != NULL);
    query_status_t status;
    CHECK_EQUAL(query_status(query, &status), ERR_OK);
    CHECK_EQUAL(status.spans, 12);
    CHECK_EQUAL(status.traces, 1);
    CHECK_EQUAL(status.checkpoints, 9);
    query_close(query);
    sqlite3 *db;
    CHECK(sqlite3_open(store_path(fold.store), &db) == SQLITE_OK);
    CHECK_EQUAL(number(db, "PRAGMA user_version"), SCHEMA_VERSION);
    CHECK_EQUAL(number(db, "SELECT value FROM meta WHERE key='schema_version'"), SCHEMA_VERSION);
    CHECK_EQUAL(number(db, "SELECT hash FROM trace"), (int64_t)trace_hash(trace_id));
    CHECK_EQUAL(number(db, "SELECT time_ns FROM decision"), 150);
    CHECK_EQUAL(number(db, "SELECT value FROM meta WHERE key='open_block'"), 3);
    (void)sqlite3_close(db);
    support_close(&fold);
    support_remove(directory);
}

/* The statements of a new store, as SQLite keeps them, without their spelling. */
static void schema_text(sqlite3 *db, char *text, size_t size) {
    sqlite3_stmt *rows;
    size_t used = 0;
    CHECK(sqlite3_prepare_v2(db, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name", -1, &rows,
                             NULL) == SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW)
        for (const char *c = (const char *)sqlite3_column_text(rows, 1); *c != '\0' && used + 1 < size; c++)
            if (*c != ' ' && *c != '"') text[used++] = *c;
    text[used] = '\0';
    (void)sqlite3_finalize(rows);
}

TEST(a_migrated_store_has_the_schema_of_a_new_one) {
    static char old[16384], new[16384];
    char *directory = support_directory("schema");
    sqlite3 *db = make_version_1(directory), *fresh;
    char why[300] = "";
    CHECK_EQUAL(schema_prepare(db, "store", why, sizeof why), ERR_OK);
    CHECK(sqlite3_open(":memory:", &fresh) == SQLITE_OK);
    CHECK_EQUAL(schema_prepare(fresh, "store", why, sizeof why), ERR_OK);
    schema_text(db, old, sizeof old);
    schema_text(fresh, new, sizeof new);
    CHECK_TEXT(old, new);
    (void)sqlite3_close(db);
    (void)sqlite3_close(fresh);
    support_remove(directory);
}

static int interrupt(void *context) {
    return --*(int *)context == 0 ? 1 : 0;
}

TEST(a_migration_interrupted_anywhere_leaves_the_store_as_it_was) {
    char *directory = support_directory("torn");
    sqlite3 *db = make_version_1(directory);
    int interrupted = 0;
    for (int steps = 1;; steps += 7) {
        int left = steps;
        sqlite3_progress_handler(db, 1, interrupt, &left);
        err_t err = migrate_step(db, 1);
        sqlite3_progress_handler(db, 0, NULL, NULL);
        if (err == ERR_OK) break;
        interrupted++;
        CHECK_EQUAL(number(db, "PRAGMA user_version"), 1);
        CHECK_EQUAL(number(db, "SELECT value FROM meta WHERE key='schema_version'"), 1);
        CHECK_EQUAL(number(db, "SELECT count(*) FROM trace"), 1);
        CHECK_EQUAL(number(db, "SELECT count(*) FROM trace_service"), 0);
    }
    CHECK(interrupted > 20);
    CHECK_EQUAL(number(db, "PRAGMA user_version"), 2);
    (void)sqlite3_close(db);
    support_remove(directory);
}

/* --- version 2, as the program of its day wrote it: 90 traces of one span in half an hour, across a full hour --- */

static char *read_text(const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL) return NULL;
    (void)fseek(file, 0, SEEK_END);
    long size = ftell(file);
    char *text = calloc((size_t)size + 1, 1);
    rewind(file);
    if (fread(text, 1, (size_t)size, file) != (size_t)size) abort();
    (void)fclose(file);
    return text;
}

static void make_version_2(const char *directory) {
    char command[300], path[200];
    (void)snprintf(command, sizeof command, "rm -rf '%s' && mkdir -p '%s'", directory, directory);
    if (system(command) != 0) abort();
    (void)snprintf(path, sizeof path, "%s/seismesh.sqlite", directory);
    sqlite3 *db;
    char *text = read_text("tests/collector/store/golden/store_2.sql");
    REQUIRE(text != NULL);
    if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) abort();
    (void)sqlite3_close(db);
    free(text);
}

static bool add_requests(void *context, int64_t start_ns, uint32_t entity, const entity_key_t *key,
                         const cell_t *cell) {
    (void)start_ns, (void)entity;
    if (key->kind == ENTITY_SERVICE) *(uint64_t *)context += cell->requests;
    return true;
}

static bool any_span(void *context, slice_t resource, slice_t scope, slice_t span) {
    (void)resource, (void)scope, (void)span;
    ++*(unsigned *)context;
    return true;
}

static void check_version_2_answers(const char *path) {
    query_t *query = query_open(path);
    REQUIRE(query != NULL);
    query_filter_t filter = query_filter_any(0);
    for (uint32_t step = 10; step <= 3600; step *= step == 10 ? 6 : 60) {
        uint64_t requests = 0;
        CHECK_EQUAL(query_cells(query, INT64_MIN, INT64_MAX, step, &filter, add_requests, &requests), ERR_OK);
        CHECK_EQUAL(requests, 90);
    }
    unsigned spans = 0;
    const uint8_t id[16] = {[15] = 0x2a};
    CHECK_EQUAL(query_trace(query, id, NULL, any_span, &spans), ERR_OK);
    CHECK_EQUAL(spans, 1);
    CHECK_EQUAL(query_damaged(query), 0);
    query_close(query);
}

TEST(a_store_of_version_2_answers_as_before_and_its_frames_become_chunks) {
    char *directory = support_directory("v2");
    make_version_2(directory);
    store_config_t config = support_config(directory);
    support_fold_t fold = {0};
    CHECK(support_open(&fold, &config) != ERR_FOREIGN); /* the fold's state is the daemon's, not this stand-in's */
    CHECK(fold.position > 0);
    check_version_2_answers(store_path(fold.store));
    support_close(&fold);
    compactor_t compactor;
    char path[200];
    static counters_t counters;
    (void)snprintf(path, sizeof path, "%s/seismesh.sqlite", directory);
    CHECK_EQUAL(compactor_open(&compactor, path, 0, 0, &counters), ERR_OK);
    for (bool worked = true; worked;) CHECK_EQUAL(compactor_step(&compactor, true, &worked), ERR_OK);
    compactor_close(&compactor);
    sqlite3 *db;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(number(db, "SELECT count(*) FROM chunk") > 0);
    CHECK_EQUAL(number(db, "PRAGMA user_version"), SCHEMA_VERSION);
    (void)sqlite3_close(db);
    check_version_2_answers(path);
    support_remove(directory);
}

TEST(kill_9_within_a_migration_leaves_the_old_store_or_the_new_one) {
    char *directory = support_directory("killed"), path[200], why[300];
    int old = 0, new = 0;
    uint64_t seed = 8;
    (void)snprintf(path, sizeof path, "%s/seismesh.sqlite", directory);
    for (int i = 0; i < 40; i++) {
        make_version_2(directory);
        pid_t child = fork();
        if (child == 0) {
            sqlite3 *db;
            if (sql_open(path, SQLITE_OPEN_READWRITE, &db) == ERR_OK) (void)schema_prepare(db, path, why, sizeof why);
            _exit(0);
        }
        (void)usleep((useconds_t)(test_random(&seed) % 4000));
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        sqlite3 *db;
        CHECK(sqlite3_open(path, &db) == SQLITE_OK);
        int64_t version = number(db, "PRAGMA user_version");
        CHECK(version >= 2 && version <= SCHEMA_VERSION);
        CHECK_EQUAL(number(db, "SELECT value FROM meta WHERE key='schema_version'"), version);
        CHECK_EQUAL(number(db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'chunk%'"), version >= 4 ? 2 : 0);
        old += version < SCHEMA_VERSION;
        new += version == SCHEMA_VERSION;
        CHECK_EQUAL(schema_prepare(db, path, why, sizeof why), ERR_OK); /* and the next start brings it up */
        (void)sqlite3_close(db);
        check_version_2_answers(path);
    }
    (void)printf("# killed 40 times: %d times not or half way there, %d times migrated\n", old, new);
    CHECK(old + new == 40);
    support_remove(directory);
}

TEST(a_newer_store_is_refused_and_not_touched) {
    char *directory = support_directory("newer");
    sqlite3 *db = make_version_1(directory);
    CHECK(sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL) == SQLITE_OK);
    char why[300] = "";
    CHECK_EQUAL(schema_prepare(db, "store", why, sizeof why), ERR_FOREIGN);
    CHECK(strstr(why, "newer") != NULL);
    CHECK_EQUAL(number(db, "SELECT count(*) FROM trace_service"), 0);
    CHECK_EQUAL(migrate_step(db, SCHEMA_VERSION), ERR_UNSUPPORTED);
    (void)sqlite3_close(db);
    support_remove(directory);
}

TEST_MAIN(TEST_CASE(a_store_of_version_1_is_brought_up_with_nothing_lost),
          TEST_CASE(a_migrated_store_has_the_schema_of_a_new_one),
          TEST_CASE(a_migration_interrupted_anywhere_leaves_the_store_as_it_was),
          TEST_CASE(a_store_of_version_2_answers_as_before_and_its_frames_become_chunks),
          TEST_CASE(kill_9_within_a_migration_leaves_the_old_store_or_the_new_one),
          TEST_CASE(a_newer_store_is_refused_and_not_touched))
