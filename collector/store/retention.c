#include "collector/store/retention.h"

#include "base/clock.h"
#include "collector/store/chunk.h"
#include "collector/store/directory.h"

enum { HOUR_S = 3600, BUCKETS_PER_HOUR = 360 };

/* Rows that one step takes from each table: some milliseconds of work. */
enum { STEP_FRAMES = 64, STEP_CHUNKS = 1000, STEP_BLOCKS = 16, STEP_TRACES = 2000, STEP_EVENTS = 1000 };

/* Start of the hour that is `age_s` before the end of the closed buckets, in seconds. */
static bool hour_before(int64_t closed_before, int64_t age_s, int64_t *second) {
    if (closed_before <= 0 || age_s <= 0) return false; /* nothing closed, or kept for ever */
    *second = floor_div(closed_before * BUCKET_SECONDS - age_s, HOUR_S) * HOUR_S;
    return true;
}

void retention_bounds(const store_config_t *config, int64_t closed_before, int64_t kept[RESOLUTIONS]) {
    const int64_t ages[RESOLUTIONS] = {config->retention_10s_s, config->retention_1m_s, config->retention_1h_s};
    for (int r = 0; r < RESOLUTIONS; r++) {
        int64_t second;
        if (!hour_before(closed_before, ages[r], &second)) continue;
        int64_t bound = floor_div(second, resolution_seconds[r]);
        if (bound > kept[r]) kept[r] = bound;
    }
}

/* Runs a DELETE with one bound and a row limit; says how many rows went. */
static err_t delete_rows(connection_t *connection, const char *text, int64_t first, int64_t bound, int limit,
                         int64_t *gone) {
    sqlite3_stmt *statement;
    err_t err = sql_prepare(connection->db, text, &statement);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(statement, 1, first);
    (void)sqlite3_bind_int64(statement, 2, bound);
    (void)sqlite3_bind_int(statement, 3, limit);
    err = sql_run(statement);
    (void)sqlite3_finalize(statement);
    *gone = err == ERR_OK ? sqlite3_changes64(connection->db) : 0;
    return err;
}

static err_t delete_frames(connection_t *connection, const meta_t *meta, int64_t *total) {
    err_t err = ERR_OK;
    for (int r = 0; r < RESOLUTIONS && err == ERR_OK; r++) {
        int64_t gone = 0;
        err = delete_rows(connection,
                          "DELETE FROM frame WHERE resolution=?1 AND bucket IN (SELECT bucket FROM frame WHERE"
                          " resolution=?1 AND bucket<?2 ORDER BY bucket LIMIT ?3)",
                          resolution_seconds[r], meta->kept[r], STEP_FRAMES, &gone);
        counters_add(connection->counters, COUNTER_RETENTION_FRAMES, (uint64_t)gone);
        *total += gone;
    }
    return err;
}

/* A chunk goes when its last bucket is out of bounds. */
static err_t delete_chunks(connection_t *connection, const meta_t *meta, int64_t *total) {
    err_t err = ERR_OK;
    for (int r = 0; r < RESOLUTIONS && err == ERR_OK; r++) {
        int64_t gone = 0;
        err = delete_rows(connection,
                          "DELETE FROM chunk WHERE (resolution, entity, span) IN (SELECT resolution, entity, span FROM"
                          " chunk INDEXED BY chunk_span WHERE resolution=?1 AND span<?2 ORDER BY span LIMIT ?3)",
                          resolution_seconds[r], floor_div(meta->kept[r], CHUNK_BUCKETS), STEP_CHUNKS, &gone);
        counters_add(connection->counters, COUNTER_RETENTION_CHUNKS, (uint64_t)gone);
        *total += gone;
    }
    return err;
}

/* Deletes the blocks that a condition on (?1, ?2) chooses, and takes their spans off the count. */
static err_t delete_blocks(connection_t *connection, meta_t *meta, const char *choice, int64_t bound, int limit,
                           int64_t *total) {
    char *text = sqlite3_mprintf("DELETE FROM span_block WHERE id IN (SELECT id FROM span_block WHERE id<?1 AND %s"
                                 " LIMIT ?3) RETURNING spans",
                                 choice);
    sqlite3_stmt *statement = NULL;
    err_t err = text == NULL ? ERR_NOMEM : sql_prepare(connection->db, text, &statement);
    sqlite3_free(text);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(statement, 1, meta->open_block);
    (void)sqlite3_bind_int64(statement, 2, bound);
    (void)sqlite3_bind_int(statement, 3, limit);
    int64_t gone = 0;
    for (; (err = sql_row(statement)) == ERR_OK; gone++) meta->spans -= sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    counters_add(connection->counters, COUNTER_RETENTION_BLOCKS, (uint64_t)gone);
    *total += gone;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static err_t delete_traces(connection_t *connection, meta_t *meta, int64_t before_ns, int64_t *total) {
    int64_t gone = 0;
    err_t err = delete_rows(connection,
                            "DELETE FROM trace WHERE key IN (SELECT key FROM trace WHERE start_ns<?2 AND end_ns<?2 AND"
                            " start_ns>=?1 ORDER BY start_ns LIMIT ?3)",
                            INT64_MIN, before_ns, STEP_TRACES, &gone);
    counters_add(connection->counters, COUNTER_RETENTION_TRACES, (uint64_t)gone);
    meta->traces -= gone;
    *total += gone;
    return err;
}

static err_t delete_spans(connection_t *connection, meta_t *meta, int64_t age_s, int64_t *total) {
    int64_t second, before_ns = meta->kept_spans_ns;
    err_t err = ERR_OK;
    if (hour_before(meta->closed_before, age_s, &second)) {
        err = delete_blocks(connection, meta, "end_ns<?2", second * NS_PER_S, STEP_BLOCKS, total);
        if (second * NS_PER_S > before_ns) before_ns = second * NS_PER_S;
    }
    if (err == ERR_OK && before_ns > INT64_MIN) err = delete_traces(connection, meta, before_ns, total);
    return err;
}

/* Anomalies are kept as long as minutes, closed incidents as long as hours; suggestions, the engine's track record, for
 * ever. */
static err_t delete_events(connection_t *connection, const meta_t *meta, const store_config_t *config, int64_t *total) {
    static const char *const texts[] = {
        "DELETE FROM anomaly WHERE id IN (SELECT id FROM anomaly WHERE time_ns>=?1 AND time_ns<?2 LIMIT ?3)",
        "DELETE FROM incident WHERE id IN (SELECT id FROM incident WHERE opened_ns>=?1 AND opened_ns<?2 AND"
        " closed_ns<?2 AND closed_ns>0 LIMIT ?3)"};
    const int64_t ages[] = {config->retention_1m_s, config->retention_1h_s};
    err_t err = ERR_OK;
    for (int i = 0; i < 2 && err == ERR_OK; i++) {
        int64_t second, gone = 0;
        if (!hour_before(meta->closed_before, ages[i], &second)) continue;
        err = delete_rows(connection, texts[i], INT64_MIN, second * NS_PER_S, STEP_EVENTS, &gone);
        *total += gone;
    }
    return err;
}

static err_t used_bytes(sqlite3 *db, int64_t *bytes) {
    int64_t pages = 0, unused = 0, size = 0;
    err_t err = sql_number(db, "PRAGMA page_count", 0, &pages);
    if (err == ERR_OK) err = sql_number(db, "PRAGMA freelist_count", 0, &unused);
    if (err == ERR_OK) err = sql_number(db, "PRAGMA page_size", 0, &size);
    *bytes = (pages - unused) * size;
    return err;
}

/* Gives up the oldest hour of a resolution, as long as it is below the hour that is still open. */
static err_t raise_bound(connection_t *connection, meta_t *meta, int r, int64_t *total) {
    char text[192];
    (void)sqlite3_snprintf(sizeof text, text,
                           "SELECT min(bucket) FROM (SELECT min(bucket) AS bucket FROM frame WHERE resolution=%d UNION"
                           " ALL SELECT min(span)*%d FROM chunk WHERE resolution=%d)",
                           (int)resolution_seconds[r], CHUNK_BUCKETS, (int)resolution_seconds[r]);
    int64_t oldest, per_hour = HOUR_S / resolution_seconds[r];
    err_t err = sql_number(connection->db, text, INT64_MAX, &oldest);
    if (err != ERR_OK || oldest == INT64_MAX) return err;
    int64_t hour = floor_div(oldest, per_hour) + 1;
    if (hour > floor_div(meta->closed_before, BUCKETS_PER_HOUR)) return ERR_OK;
    if (hour * per_hour > meta->kept[r]) meta->kept[r] = hour * per_hour;
    *total += 1;
    return ERR_OK;
}

/* What the pages in use may have. */
static int64_t bytes_for_store(connection_t *connection, const store_config_t *config) {
    int64_t beside = directory_bytes_beside(config->directory, "seismesh.sqlite");
    if (beside > connection->beside_bytes) connection->beside_bytes = beside;
    int64_t limit = (int64_t)config->retention_bytes;
    return connection->beside_bytes < limit / 2 ? limit - connection->beside_bytes : limit / 2;
}

static err_t delete_for_bytes(connection_t *connection, meta_t *meta, int64_t limit, int64_t *total) {
    int64_t bytes = 0, before = *total;
    err_t err = used_bytes(connection->db, &bytes);
    if (err != ERR_OK || bytes <= limit) return err;
    err = delete_blocks(connection, meta, "id>?2 ORDER BY id", INT64_MIN, STEP_BLOCKS, total);
    int64_t oldest = INT64_MIN;
    if (err == ERR_OK && *total > before)
        err = sql_number(connection->db, "SELECT start_ns FROM span_block ORDER BY id LIMIT 1", INT64_MIN, &oldest);
    if (oldest > meta->kept_spans_ns) meta->kept_spans_ns = oldest;
    for (int r = 0; r < RESOLUTIONS - 1 && err == ERR_OK && *total == before; r++)
        err = raise_bound(connection, meta, r, total);
    return err;
}

/* One small transaction; *total tells how much it found to do. */
static err_t step(connection_t *connection, const store_config_t *config, int64_t limit, int64_t *total) {
    meta_t next = connection->meta;
    err_t err = sql_exec(connection->db, "BEGIN IMMEDIATE");
    if (err != ERR_OK) return err;
    err = delete_frames(connection, &next, total);
    if (err == ERR_OK) err = delete_chunks(connection, &next, total);
    if (err == ERR_OK) err = delete_spans(connection, &next, config->retention_spans_s, total);
    if (err == ERR_OK) err = delete_events(connection, &next, config, total);
    if (err == ERR_OK && *total == 0) err = delete_for_bytes(connection, &next, limit, total);
    if (err == ERR_OK && *total > 0) err = meta_save(connection->db, &next);
    if (err == ERR_OK) err = sql_exec(connection->db, "COMMIT");
    if (err == ERR_OK)
        connection->meta = next;
    else if (sqlite3_get_autocommit(connection->db) == 0)
        (void)sql_exec(connection->db, "ROLLBACK");
    return err;
}

err_t retention_run(connection_t *connection, const store_config_t *config) {
    int64_t limit = config->retention_bytes == 0 ? INT64_MAX : bytes_for_store(connection, config);
    for (int i = 0; i < RETENTION_STEPS; i++) {
        int64_t total = 0;
        err_t err = step(connection, config, limit, &total);
        if (err != ERR_OK || total == 0) return err;
    }
    return ERR_OK;
}
