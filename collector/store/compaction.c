#include "collector/store/compaction.h"

#include "base/background.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "collector/rollup/shard.h"
#include "collector/store/chunk.h"
#include "collector/store/schema.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { LATE_WAIT_BUCKETS = 360, LOOK_AGAIN_S = 1, FINISH_S = 5 };

/* How long settled buckets stay frames, in buckets of 10 s. What is asked of 10 s cells are mostly single series, which
 * chunks give ten times as fast; of recent minutes and hours it is the whole map, which frames give. */
static const int64_t frames_stay[RESOLUTIONS] = {0, 6 * 360, 72 * 360};

err_t compactor_open(compactor_t *compactor, const char *path, int64_t full_10s_s, uint64_t store_bytes,
                     counters_t *counters) {
    *compactor = (compactor_t){.counters = counters, .full_10s_s = full_10s_s};
    err_t err = sql_open(path, SQLITE_OPEN_READWRITE, &compactor->db);
    if (err == ERR_OK) err = schema_tune(compactor->db);
    /* It reads through what it compacts once: a large cache would only hold what is about to go. */
    if (err == ERR_OK) err = sql_exec(compactor->db, "PRAGMA cache_size=-4096");
    if (err == ERR_OK) err = wal_watch(compactor->db, store_bytes, &compactor->wal);
    if (err != ERR_OK) compactor_close(compactor);
    return err;
}

void compactor_close(compactor_t *compactor) {
    if (compactor->db != NULL) (void)sqlite3_close(compactor->db);
    buffer_fini(&compactor->bytes);
    compactor->db = NULL;
}

/* --- what is due --- */

/* The first bucket of a resolution that has a frame, from `from` on or below `to`; INT64_MAX = none. */
static err_t first_frame(sqlite3 *db, int resolution, int64_t from, int64_t to, int64_t *bucket) {
    char text[160];
    (void)sqlite3_snprintf(sizeof text, text,
                           "SELECT min(bucket) FROM frame WHERE resolution=%d AND bucket>=%lld AND bucket<%lld",
                           (int)resolution_seconds[resolution], (long long)from, (long long)to);
    return sql_number(db, text, INT64_MAX, bucket);
}

static err_t find_span(compactor_t *compactor, const meta_t *meta, const bounds_t *bounds, bool *worked) {
    for (int r = 0; r < RESOLUTIONS; r++) {
        int64_t bucket;
        err_t err = first_frame(compactor->db, r, bounds->chunked[r], INT64_MAX, &bucket);
        if (err != ERR_OK) return err;
        if (bucket == INT64_MAX) continue;
        int64_t span = floor_div(bucket, CHUNK_BUCKETS);
        if ((span + 1) * CHUNK_BUCKETS * resolution_buckets[r] > meta->closed_before - frames_stay[r]) continue;
        *worked = true;
        return compact_span(compactor, r, span);
    }
    return ERR_OK;
}

static err_t find_late(compactor_t *compactor, const meta_t *meta, const bounds_t *bounds, bool all, bool *worked) {
    for (int r = 0; r < RESOLUTIONS; r++) {
        int64_t bucket;
        err_t err = first_frame(compactor->db, r, INT64_MIN, bounds->chunked[r], &bucket);
        if (err != ERR_OK) return err;
        if (bucket == INT64_MAX) continue;
        bool recent = bucket * resolution_buckets[r] > meta->closed_before - LATE_WAIT_BUCKETS;
        if (recent && !all) continue;
        *worked = true;
        return compact_late(compactor, r, bucket, bounds);
    }
    return ERR_OK;
}

static err_t find_fine(compactor_t *compactor, const meta_t *meta, bounds_t *bounds, bool *worked) {
    int64_t until = meta->closed_before - compactor->full_10s_s / BUCKET_SECONDS;
    if (compactor->full_10s_s <= 0) return ERR_OK;
    if (bounds->coarse_entity == INT64_MAX) { /* the next span */
        char text[128];
        int64_t span, from = bounds->coarse == INT64_MIN ? INT64_MIN : bounds->coarse / CHUNK_BUCKETS;
        (void)sqlite3_snprintf(sizeof text, text, "SELECT min(span) FROM chunk WHERE resolution=10 AND span>=%lld",
                               (long long)from);
        err_t err = sql_number(compactor->db, text, INT64_MAX, &span);
        if (err != ERR_OK || span == INT64_MAX) return err;
        int64_t end = (span + 1) * CHUNK_BUCKETS;
        if (end > until || end > bounds->chunked[0]) return ERR_OK;
        bounds->coarse = end;
        bounds->coarse_entity = 0;
    }
    *worked = true;
    return compact_coarsen(compactor, bounds);
}

err_t compactor_step(compactor_t *compactor, bool all, bool *worked) {
    meta_t meta;
    bounds_t bounds;
    *worked = false;
    err_t err = meta_load(compactor->db, &meta);
    if (err == ERR_OK) err = bounds_load(compactor->db, &bounds);
    if (err != ERR_OK || meta.closed_before == INT64_MIN) return err;
    err = find_span(compactor, &meta, &bounds, worked);
    if (err == ERR_OK && !*worked) err = find_late(compactor, &meta, &bounds, all, worked);
    if (err == ERR_OK && !*worked) err = find_fine(compactor, &meta, &bounds, worked);
    if (err == ERR_OK && *worked) err = wal_tend(compactor->db, &compactor->wal);
    if (err != ERR_OK && sqlite3_get_autocommit(compactor->db) == 0) (void)sql_exec(compactor->db, "ROLLBACK");
    return err;
}

/* --- the thread --- */

struct compaction {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stop; /* by mutex */
    bool complained;
    compactor_t compactor;
    char *path;
    int64_t full_10s_s;
    uint64_t store_bytes;
    counters_t *counters;
};

/* True when there may be more to do at once. */
static bool work(compaction_t *compaction, bool all) {
    compactor_t *compactor = &compaction->compactor;
    bool worked = false;
    err_t err = ERR_OK;
    if (compactor->db == NULL)
        err = compactor_open(compactor, compaction->path, compaction->full_10s_s, compaction->store_bytes,
                             compaction->counters);
    if (err == ERR_OK) err = compactor_step(compactor, all, &worked);
    if (err == ERR_OK) {
        compaction->complained = false;
        return worked;
    }
    if (!compaction->complained)
        log_warn("store: compaction of %s failed (%s); nothing is lost, it is tried again", compaction->path,
                 compactor->db != NULL ? sqlite3_errmsg(compactor->db) : err_text(err));
    compaction->complained = true;
    compactor_close(compactor);
    return false;
}

/* Until somebody calls, or it is time to look again. */
static void pause_for(compaction_t *compaction, int64_t ns) {
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ns / NS_PER_S;
    until.tv_nsec += ns % NS_PER_S;
    if (until.tv_nsec >= NS_PER_S) {
        until.tv_nsec -= NS_PER_S;
        until.tv_sec++;
    }
    while (!compaction->stop && pthread_cond_timedwait(&compaction->changed, &compaction->mutex, &until) != ETIMEDOUT) {
    }
}

static void finish(compaction_t *compaction) {
    int64_t begun = clock_monotonic_ns(&clock_system);
    while (work(compaction, true) && clock_monotonic_ns(&clock_system) - begun < FINISH_S * NS_PER_S) {
    }
    compactor_close(&compaction->compactor);
}

/* Rests after each piece as long as the piece took: half a core at most, and whoever waits for the lock gets it. */
static void *run(void *argument) {
    compaction_t *compaction = argument;
    background_thread();
    (void)pthread_mutex_lock(&compaction->mutex);
    while (!compaction->stop) {
        (void)pthread_mutex_unlock(&compaction->mutex);
        int64_t begun = clock_monotonic_ns(&clock_system);
        bool more = work(compaction, false);
        int64_t took = clock_monotonic_ns(&clock_system) - begun;
        (void)pthread_mutex_lock(&compaction->mutex);
        pause_for(compaction, more ? took : LOOK_AGAIN_S * NS_PER_S);
    }
    (void)pthread_mutex_unlock(&compaction->mutex);
    finish(compaction);
    return NULL;
}

compaction_t *compaction_start(const char *path, int64_t full_10s_s, uint64_t store_bytes, counters_t *counters) {
    compaction_t *compaction = memory_new(1, sizeof *compaction);
    compaction->path = memory_text(path);
    compaction->full_10s_s = full_10s_s;
    compaction->store_bytes = store_bytes;
    compaction->counters = counters;
    int failed = pthread_mutex_init(&compaction->mutex, NULL) | pthread_cond_init(&compaction->changed, NULL) |
                 pthread_create(&compaction->thread, NULL, run, compaction);
    assert(failed == 0);
    return compaction;
}

void compaction_stop(compaction_t *compaction) {
    (void)pthread_mutex_lock(&compaction->mutex);
    compaction->stop = true;
    (void)pthread_cond_broadcast(&compaction->changed);
    (void)pthread_mutex_unlock(&compaction->mutex);
    (void)pthread_join(compaction->thread, NULL);
    (void)pthread_cond_destroy(&compaction->changed);
    (void)pthread_mutex_destroy(&compaction->mutex);
    free(compaction->path);
    free(compaction);
}
