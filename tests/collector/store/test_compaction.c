/* Compaction: whatever it has done so far, and however often it was killed, the answers stay the same. */
#include "collector/store/chunk.h"
#include "collector/store/compaction.h"
#include "tests/collector/store/cells.h"
#include "tests/collector/store/support.h"

#include <signal.h>
#include <sys/wait.h>

enum { RECORDS = 6000, EVERY = 60 };

/* Records 5 s apart: eight hours, with points that are hours late in between. */
static void open_fold(support_fold_t *fold, const char *directory) {
    store_config_t config = support_config(directory);
    config.keep_spans = false;
    memset(fold, 0, sizeof *fold);
    CHECK_EQUAL(support_open(fold, &config), ERR_OK);
    fold->record_ns = 5000000000;
}

static void compact(const char *path, int64_t full_10s_s, bool all, counters_t *counters) {
    compactor_t compactor;
    REQUIRE(compactor_open(&compactor, path, full_10s_s, 0, counters) == ERR_OK);
    for (bool worked = true; worked;) {
        err_t err = compactor_step(&compactor, all, &worked);
        CHECK_EQUAL(err, ERR_OK);
        if (err != ERR_OK) break;
    }
    compactor_close(&compactor);
}

static int64_t number(const char *path, const char *sql) {
    sqlite3 *db;
    int64_t value = -1;
    if (sqlite3_open(path, &db) != SQLITE_OK) abort();
    sqlite3_stmt *rows;
    if (sqlite3_prepare_v2(db, sql, -1, &rows, NULL) == SQLITE_OK && sqlite3_step(rows) == SQLITE_ROW)
        value = sqlite3_column_int64(rows, 0);
    (void)sqlite3_finalize(rows);
    (void)sqlite3_close(db);
    return value;
}

/* --- all answers of a store as one number --- */

static bool hash_cell(void *context, int64_t start_ns, uint32_t entity, const entity_key_t *key, const cell_t *cell) {
    XXH3_state_t *state = context;
    buffer_t bytes = {0};
    (void)key;
    buffer_u64(&bytes, (uint64_t)start_ns);
    buffer_u32(&bytes, entity);
    cell_encode(cell, &bytes);
    (void)XXH3_64bits_update(state, bytes.data, bytes.len);
    buffer_fini(&bytes);
    return true;
}

static uint64_t hash_cells(const char *path, uint32_t step_s, uint32_t kinds) {
    query_t *query = query_open(path);
    query_filter_t filter = query_filter_any(kinds);
    XXH3_state_t *state = XXH3_createState();
    (void)XXH3_64bits_reset(state);
    CHECK_EQUAL(query_cells(query, INT64_MIN, INT64_MAX, step_s, &filter, hash_cell, state), ERR_OK);
    CHECK_EQUAL(query_damaged(query), 0);
    uint64_t hash = XXH3_64bits_digest(state);
    (void)XXH3_freeState(state);
    query_close(query);
    return hash;
}

static uint64_t hash_totals(const char *path, int64_t start_ns, int64_t end_ns) {
    query_t *query = query_open(path);
    query_filter_t filter = query_filter_any(0);
    query_total_t *totals;
    uint32_t count;
    XXH3_state_t *state = XXH3_createState();
    (void)XXH3_64bits_reset(state);
    CHECK_EQUAL(query_totals(query, start_ns, end_ns, &filter, &totals, &count), ERR_OK);
    for (uint32_t i = 0; i < count; i++) (void)hash_cell(state, 0, totals[i].entity, NULL, &totals[i].cell);
    uint64_t hash = XXH3_64bits_digest(state);
    query_totals_free(totals, count);
    (void)XXH3_freeState(state);
    query_close(query);
    return hash;
}

#define ODD_START (SUPPORT_START_NS + 1234 * INT64_C(1000000000)) /* within a minute and a ten-minute span */
#define ODD_END   (SUPPORT_START_NS + 20035 * INT64_C(1000000000))

static void check_same_answers(const char *a, const char *b) {
    static const uint32_t steps[] = {10, 60, 3600};
    for (int i = 0; i < 3; i++) {
        CHECK(hash_cells(a, steps[i], 0) == hash_cells(b, steps[i], 0));
        CHECK(hash_cells(a, steps[i], 1u << ENTITY_SERVICE) == hash_cells(b, steps[i], 1u << ENTITY_SERVICE));
    }
    CHECK(hash_totals(a, INT64_MIN, INT64_MAX) == hash_totals(b, INT64_MIN, INT64_MAX));
    CHECK(hash_totals(a, ODD_START, ODD_END) == hash_totals(b, ODD_START, ODD_END));
}

typedef struct {
    char directory[128], path[160];
    support_fold_t fold;
} place_t;

static void place_open(place_t *place, const char *name) {
    (void)strcpy(place->directory, support_directory(name));
    open_fold(&place->fold, place->directory);
    (void)snprintf(place->path, sizeof place->path, "%s/seismesh.sqlite", place->directory);
}

static void place_fill(place_t *place) {
    support_run(&place->fold, RECORDS, EVERY);
    CHECK_EQUAL(support_finish(&place->fold), ERR_OK);
}

static void place_close(place_t *place) {
    support_close(&place->fold);
    support_remove(place->directory);
}

/* --- claims --- */

TEST(chunks_answer_as_the_frames_did_that_they_are_made_of) {
    place_t frames, chunks;
    place_open(&frames, "frames");
    place_open(&chunks, "chunks");
    place_fill(&frames);
    place_fill(&chunks);
    int64_t before = number(chunks.path, "SELECT sum(length(bytes)) FROM frame WHERE resolution=10");
    compact(chunks.path, 0, true, &chunks.fold.counters);
    int64_t after = number(chunks.path, "SELECT sum(length(bytes)) FROM chunk WHERE resolution=10");
    CHECK(number(chunks.path, "SELECT count(*) FROM chunk WHERE resolution=10") > 1000);
    CHECK(number(chunks.path, "SELECT count(*) FROM chunk WHERE resolution=60") > 100);
    CHECK(number(chunks.path, "SELECT count(*) FROM frame WHERE resolution=10") <= 60);
    CHECK(after > 0 && after < before);
    check_same_answers(frames.path, chunks.path);
    place_close(&frames);
    place_close(&chunks);
}

TEST(late_points_reach_chunks_and_what_is_in_the_end_does_not_depend_on_when) {
    place_t frames, once, often;
    place_open(&frames, "frames");
    place_open(&once, "once");
    place_open(&often, "often");
    place_fill(&frames);
    place_fill(&once);
    compact(once.path, 3600, true, &once.fold.counters);
    while (often.fold.position < RECORDS) {
        support_run(&often.fold, often.fold.position + 300, EVERY);
        CHECK_EQUAL(store_flush(often.fold.store), ERR_OK);
        compact(often.path, 3600, often.fold.position % 900 == 0, &often.fold.counters);
    }
    CHECK_EQUAL(support_finish(&often.fold), ERR_OK);
    CHECK(number(often.path, "SELECT count(*) FROM frame f, meta m WHERE f.resolution=10 AND m.key='chunked_10' AND"
                             " f.bucket<m.value") > 0);
    CHECK(hash_cells(often.path, 60, 0) == hash_cells(frames.path, 60, 0));
    compact(often.path, 3600, true, &often.fold.counters);
    check_same_answers(once.path, often.path);
    CHECK(number(once.path, "SELECT count(*) FROM chunk") == number(often.path, "SELECT count(*) FROM chunk"));
    CHECK(counters_get(&often.fold.counters, COUNTER_STORE_DAMAGED) == 0);
    place_close(&frames);
    place_close(&once);
    place_close(&often);
}

typedef struct {
    uint64_t requests, sum_ns, exemplars, cells;
} count_t;

static bool count_cell(void *context, int64_t start_ns, uint32_t entity, const entity_key_t *key, const cell_t *cell) {
    count_t *count = context;
    (void)start_ns, (void)entity, (void)key;
    count->requests += cell->requests;
    count->sum_ns += cell->ok.sum_ns + cell->failed.sum_ns;
    count->exemplars += (uint64_t)(cell->slow_count + cell->bad_count);
    count->cells++;
    return true;
}

static count_t count_cells(const char *path, int64_t end_ns) {
    query_t *query = query_open(path);
    query_filter_t filter = query_filter_any(0);
    count_t count = {0};
    CHECK_EQUAL(query_cells(query, SUPPORT_START_NS, end_ns, 10, &filter, count_cell, &count), ERR_OK);
    query_close(query);
    return count;
}

TEST(old_cells_keep_counts_and_sums_and_long_ranges_keep_everything) {
    place_t whole, coarse;
    place_open(&whole, "whole");
    place_open(&coarse, "coarse");
    place_fill(&whole);
    place_fill(&coarse);
    compact(coarse.path, 3600, true, &coarse.fold.counters);
    int64_t old = SUPPORT_START_NS + 3600 * INT64_C(1000000000);
    count_t a = count_cells(whole.path, old), b = count_cells(coarse.path, old);
    CHECK(a.requests == b.requests && a.sum_ns == b.sum_ns && a.cells == b.cells);
    CHECK(a.exemplars > 0 && b.exemplars == 0);
    CHECK(hash_cells(whole.path, 60, 0) == hash_cells(coarse.path, 60, 0));
    CHECK(hash_cells(whole.path, 3600, 0) == hash_cells(coarse.path, 3600, 0));
    int64_t minute = INT64_C(60) * 1000000000, start = ODD_START / minute * minute, end = ODD_END / minute * minute;
    CHECK(hash_totals(whole.path, start, end) == hash_totals(coarse.path, start, end));
    CHECK(hash_totals(coarse.path, start + 1, end) == hash_totals(coarse.path, start, end)); /* minutes count whole */
    place_close(&whole);
    place_close(&coarse);
}

TEST(kill_9_at_any_moment_of_compaction_loses_nothing) {
    place_t frames, killed;
    place_open(&frames, "frames");
    place_open(&killed, "killed");
    place_fill(&frames);
    place_fill(&killed);
    support_close(&killed.fold);
    compact(frames.path, 3600, true, &frames.fold.counters);
    uint64_t seed = 21;
    int kills = 0;
    for (int status = -1; status != 0;) {
        pid_t child = fork();
        if (child == 0) {
            static counters_t counters;
            compact(killed.path, 3600, true, &counters);
            _exit(test_failures != 0);
        }
        (void)usleep((useconds_t)(2000 + test_random(&seed) % 60000 * (unsigned)(1 + kills / 10)));
        (void)kill(child, SIGKILL);
        (void)waitpid(child, &status, 0);
        kills += status != 0;
        sqlite3 *db;
        sqlite3_stmt *rows;
        CHECK(sqlite3_open(killed.path, &db) == SQLITE_OK);
        CHECK(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &rows, NULL) == SQLITE_OK);
        CHECK(sqlite3_step(rows) == SQLITE_ROW);
        CHECK_TEXT((const char *)sqlite3_column_text(rows, 0), "ok");
        (void)sqlite3_finalize(rows);
        (void)sqlite3_close(db);
    }
    (void)printf("# killed %d times\n", kills);
    CHECK(kills > 0);
    check_same_answers(frames.path, killed.path);
    open_fold(&killed.fold, killed.directory); /* and it goes on */
    place_close(&frames);
    place_close(&killed);
}

TEST(the_thread_compacts_behind_the_checkpoints_and_what_it_leaves_comes_later) {
    place_t frames;
    place_open(&frames, "frames");
    place_fill(&frames);
    compact(frames.path, 3600, true, &frames.fold.counters);
    char *directory = support_directory("thread");
    char path[200];
    store_config_t config = support_config(directory);
    config.keep_spans = false;
    config.compact = true;
    config.full_10s_s = 3600;
    support_fold_t fold = {0};
    CHECK_EQUAL(support_open(&fold, &config), ERR_OK);
    fold.record_ns = 5000000000;
    support_run(&fold, RECORDS, EVERY);
    CHECK_EQUAL(support_finish(&fold), ERR_OK);
    (void)snprintf(path, sizeof path, "%s/seismesh.sqlite", directory);
    support_close(&fold);
    CHECK(number(path, "SELECT count(*) FROM chunk") > 0);
    compact(path, 3600, true, &fold.counters); /* at its end the thread has some seconds, not all the time it likes */
    check_same_answers(frames.path, path);
    CHECK(number(path, "SELECT count(*) FROM frame WHERE resolution=10") <= 60);
    support_remove(directory);
    place_close(&frames);
}

TEST(a_frame_that_does_not_read_back_is_left_out_and_counted) {
    place_t place;
    place_open(&place, "damaged");
    place_fill(&place);
    CHECK_EQUAL(number(place.path,
                       "UPDATE frame SET bytes=zeroblob(length(bytes)) WHERE resolution=10 AND bucket="
                       "(SELECT bucket FROM frame WHERE resolution=10 ORDER BY bucket LIMIT 1 OFFSET 3) RETURNING 7"),
                7);
    compact(place.path, 0, true, &place.fold.counters);
    CHECK_EQUAL(counters_get(&place.fold.counters, COUNTER_STORE_DAMAGED), 1);
    CHECK_EQUAL(number(place.path, "UPDATE chunk SET bytes=zeroblob(9) WHERE resolution=10 AND span="
                                   "(SELECT max(span) FROM chunk WHERE resolution=10) RETURNING 7"),
                7);
    query_t *query = query_open(place.path);
    query_filter_t filter = query_filter_any(0);
    count_t count = {0};
    CHECK_EQUAL(query_cells(query, INT64_MIN, INT64_MAX, 10, &filter, count_cell, &count), ERR_OK);
    CHECK(query_damaged(query) > 0 && count.cells > 1000);
    query_close(query);
    place_close(&place);
}

TEST_MAIN(TEST_CASE(chunks_answer_as_the_frames_did_that_they_are_made_of),
          TEST_CASE(late_points_reach_chunks_and_what_is_in_the_end_does_not_depend_on_when),
          TEST_CASE(old_cells_keep_counts_and_sums_and_long_ranges_keep_everything),
          TEST_CASE(kill_9_at_any_moment_of_compaction_loses_nothing),
          TEST_CASE(the_thread_compacts_behind_the_checkpoints_and_what_it_leaves_comes_later),
          TEST_CASE(a_frame_that_does_not_read_back_is_left_out_and_counted))
