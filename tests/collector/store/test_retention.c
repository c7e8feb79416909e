#include "collector/store/directory.h"
#include "tests/collector/store/support.h"

enum { RECORDS = 9000 };

static int64_t number(const char *directory, const char *text) {
    char path[200];
    sqlite3 *db;
    sqlite3_stmt *rows;
    (void)snprintf(path, sizeof path, "%s/seismesh.sqlite", directory);
    if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_prepare_v2(db, text, -1, &rows, NULL) != SQLITE_OK) abort();
    int64_t value = sqlite3_step(rows) == SQLITE_ROW ? sqlite3_column_int64(rows, 0) : -1;
    (void)sqlite3_finalize(rows);
    (void)sqlite3_close(db);
    return value;
}

static void fill(support_fold_t *fold, const store_config_t *config) {
    CHECK_EQUAL(support_open(fold, config), ERR_OK);
    fold->record_ns = 5000000000; /* 12.5 hours in all */
    support_run(fold, RECORDS, 300);
    CHECK_EQUAL(support_finish(fold), ERR_OK);
}

TEST(age_takes_frames_by_resolution_spans_traces_and_anomalies) {
    char *directory = support_directory("age");
    store_config_t config = support_config(directory);
    config.retention_10s_s = 2 * 3600;
    config.retention_1m_s = 5 * 3600;
    config.retention_1h_s = 9 * 3600;
    config.retention_spans_s = 3600;
    support_fold_t fold = {0};
    fill(&fold, &config);
    int64_t now_s = fold.closed_before * 10;
    support_close(&fold);
    const int64_t ages[] = {2, 5, 9}, steps[] = {10, 60, 3600};
    for (int r = 0; r < 3; r++) {
        char text[100];
        (void)snprintf(text, sizeof text, "SELECT min(bucket)*%d FROM frame WHERE resolution=%d", (int)steps[r],
                       (int)steps[r]);
        int64_t oldest_s = number(directory, text);
        CHECK(oldest_s >= now_s - (ages[r] + 1) * 3600);
        CHECK(oldest_s <= now_s - (ages[r] - 1) * 3600);
    }
    CHECK(number(directory, "SELECT min(end_ns) FROM trace") / 1000000000 >= now_s - 2 * 3600);
    CHECK(number(directory, "SELECT min(end_ns) FROM span_block") / 1000000000 >= now_s - 2 * 3600);
    CHECK(number(directory, "SELECT min(time_ns) FROM anomaly") / 1000000000 >= now_s - 6 * 3600);
    CHECK_EQUAL(number(directory, "SELECT count(*) FROM suggestion"), RECORDS / 500);
    CHECK_EQUAL(number(directory, "SELECT value FROM meta WHERE key='traces'"),
                number(directory, "SELECT count(*) FROM trace"));
    CHECK_EQUAL(number(directory, "SELECT value FROM meta WHERE key='spans'"),
                number(directory, "SELECT sum(spans) FROM span_block"));
    support_remove(directory);
}

TEST(bytes_take_the_oldest_spans_first_then_the_finest_frames) {
    char *directory = support_directory("bytes");
    store_config_t config = support_config(directory);
    config.retention_bytes = 6 << 20;
    support_fold_t fold = {0};
    fill(&fold, &config);
    CHECK(counters_get(&fold.counters, COUNTER_RETENTION_BLOCKS) > 0);
    CHECK(counters_get(&fold.counters, COUNTER_RETENTION_TRACES) > 0);
    support_close(&fold);
    CHECK(number(directory, "SELECT min(id) FROM span_block") > 1);
    int64_t used = (number(directory, "PRAGMA page_count") - number(directory, "PRAGMA freelist_count")) *
                   number(directory, "PRAGMA page_size");
    CHECK(used <= (6 << 20) + (1 << 20));

    directory = support_directory("few-bytes");
    config = support_config(directory);
    config.retention_bytes = 1 << 20; /* not even all frames have room */
    memset(&fold, 0, sizeof fold);
    fill(&fold, &config);
    CHECK(counters_get(&fold.counters, COUNTER_RETENTION_FRAMES) > 0);
    support_close(&fold);
    CHECK(number(directory, "SELECT count(*) FROM span_block") <= 1);
    CHECK(number(directory, "SELECT count(*) FROM frame WHERE resolution=3600") >= 10);
    support_remove(directory);
    support_remove(support_directory("bytes"));
}

static bool any_span(void *context, slice_t resource, slice_t scope, slice_t span) {
    (void)context, (void)resource, (void)scope, (void)span;
    return true;
}

/* A body of spans that no compression makes smaller, of the trace `n`. */
static void keep_random_body(support_fold_t *fold, uint64_t n) {
    enum { BODY_BYTES = 20000 };
    static uint8_t bytes[BODY_BYTES];
    uint64_t seed = n, id[2] = {n, n * 7}, span = n;
    for (size_t i = 0; i < sizeof bytes; i += 8) {
        uint64_t word = test_random(&seed);
        memcpy(bytes + i, &word, 8);
    }
    buffer_t body = {0};
    support_field(&body, 15, slice_of(bytes, sizeof bytes));
    store_spans(fold->store, buffer_slice(&body));
    buffer_fini(&body);
    int64_t start = SUPPORT_START_NS + (int64_t)n * 1000000000;
    store_span(fold->store, (const uint8_t *)id, (const uint8_t *)&span, true, false, 2, 3, start, start + 1000);
    fold->event_ns = start;
    fold->position = n + 1;
}

TEST(the_whole_data_directory_stays_within_5_percent_of_its_limit_and_uses_it) {
    const int64_t limit = 16 << 20;
    char *directory = support_directory("folder"), path[400];
    store_config_t config = support_config(directory);
    config.retention_bytes = (uint64_t)limit;
    support_fold_t fold = {0};
    REQUIRE(support_open(&fold, &config) == ERR_OK);
    (void)snprintf(path, sizeof path, "mkdir '%s/journal' && head -c 1500000 /dev/zero >'%s/journal/segment'",
                   directory, directory);
    CHECK_EQUAL(system(path), 0); /* stands for segments that are still needed */
    int64_t most = 0, now = 0;
    for (uint64_t n = 0; n < 3000; n++) {
        keep_random_body(&fold, n);
        if (n % 15 != 14) continue;
        CHECK_EQUAL(support_finish(&fold), ERR_OK);
        now = directory_bytes_beside(directory, "");
        if (now > most) most = now;
    }
    (void)printf("# at most %.1f %% of the limit, at the end %.1f %%\n", 100.0 * (double)most / (double)limit,
                 100.0 * (double)now / (double)limit);
    CHECK(most <= limit + limit / 20);
    CHECK(now >= limit - limit / 20);
    query_t *query = query_open(store_path(fold.store));
    const uint64_t first[2] = {0, 0}, last[2] = {2980, 2980 * 7};
    CHECK_EQUAL(query_trace(query, (const uint8_t *)first, NULL, any_span, NULL), ERR_NOT_FOUND);
    CHECK_EQUAL(query_trace(query, (const uint8_t *)last, NULL, any_span, NULL), ERR_OK);
    query_close(query);
    support_close(&fold);
    support_remove(directory);
}

TEST(age_takes_chunks_too_when_their_last_bucket_is_too_old) {
    char *directory = support_directory("chunks");
    store_config_t config = support_config(directory);
    config.retention_10s_s = 2 * 3600;
    config.compact = true;
    support_fold_t fold = {0};
    fill(&fold, &config);
    support_close(&fold); /* finishes compaction */
    CHECK(number(directory, "SELECT count(*) FROM chunk WHERE resolution=10") > 0);
    int64_t before = number(directory, "SELECT min(span) FROM chunk WHERE resolution=10");
    CHECK_EQUAL(support_open(&fold, &config), ERR_OK);
    fold.record_ns = 5000000000;
    support_run(&fold, fold.position + 2400, 100);
    CHECK_EQUAL(support_finish(&fold), ERR_OK);
    support_close(&fold);
    CHECK(number(directory, "SELECT min(span) FROM chunk WHERE resolution=10") > before);
    CHECK(number(directory, "SELECT count(*) FROM chunk, meta WHERE resolution=10 AND key='kept_10' AND"
                            " (span+1)*60<=value") == 0);
    support_remove(directory);
}

TEST(totals_of_long_ranges_do_not_change_when_fine_frames_go) {
    char first[128], second[128];
    (void)strcpy(first, support_directory("all"));
    (void)strcpy(second, support_directory("coarse"));
    store_config_t a = support_config(first), b = support_config(second);
    b.retention_10s_s = 3600;
    b.retention_1m_s = 3 * 3600;
    support_fold_t one = {0}, two = {0};
    fill(&one, &a);
    fill(&two, &b);
    query_t *queries[2] = {query_open(store_path(one.store)), query_open(store_path(two.store))};
    query_filter_t filter = query_filter_any(0);
    query_total_t *totals[2];
    uint32_t counts[2];
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(query_totals(queries[i], INT64_MIN, INT64_MAX, &filter, &totals[i], &counts[i]), ERR_OK);
    CHECK(counts[0] > 40);
    CHECK_EQUAL(counts[0], counts[1]);
    for (uint32_t i = 0; i < counts[0] && counts[0] == counts[1]; i++) {
        buffer_t x = {0}, y = {0};
        cell_encode(&totals[0][i].cell, &x);
        cell_encode(&totals[1][i].cell, &y);
        CHECK(slice_equal(buffer_slice(&x), buffer_slice(&y)));
        buffer_fini(&x);
        buffer_fini(&y);
    }
    for (int i = 0; i < 2; i++) {
        query_totals_free(totals[i], counts[i]);
        query_close(queries[i]);
    }
    support_close(&one);
    support_close(&two);
    support_remove(first);
    support_remove(second);
}

TEST_MAIN(TEST_CASE(the_whole_data_directory_stays_within_5_percent_of_its_limit_and_uses_it),
          TEST_CASE(age_takes_chunks_too_when_their_last_bucket_is_too_old),
          TEST_CASE(age_takes_frames_by_resolution_spans_traces_and_anomalies),
          TEST_CASE(bytes_take_the_oldest_spans_first_then_the_finest_frames),
          TEST_CASE(totals_of_long_ranges_do_not_change_when_fine_frames_go))
