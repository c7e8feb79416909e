#include "collector/store/meta.h"

#include <stddef.h>

const int64_t resolution_seconds[RESOLUTIONS] = {10, 60, 3600};
const int64_t resolution_buckets[RESOLUTIONS] = {1, 6, 360};

typedef struct {
    const char *key;
    size_t offset;
    int64_t initial;
} field_t;

static const field_t meta_fields[] = {
    {"position", offsetof(meta_t, position), 0},
    {"checkpoints", offsetof(meta_t, checkpoints), 0},
    {"closed_before", offsetof(meta_t, closed_before), INT64_MIN},
    {"event_ns", offsetof(meta_t, event_ns), INT64_MIN},
    {"kept_10", offsetof(meta_t, kept[0]), INT64_MIN},
    {"kept_60", offsetof(meta_t, kept[1]), INT64_MIN},
    {"kept_3600", offsetof(meta_t, kept[2]), INT64_MIN},
    {"kept_spans_ns", offsetof(meta_t, kept_spans_ns), INT64_MIN},
    {"open_block", offsetof(meta_t, open_block), 1},
    {"spans", offsetof(meta_t, spans), 0},
    {"traces", offsetof(meta_t, traces), 0},
};

static const field_t bounds_fields[] = {
    {"chunked_10", offsetof(bounds_t, chunked[0]), INT64_MIN},
    {"chunked_60", offsetof(bounds_t, chunked[1]), INT64_MIN},
    {"chunked_3600", offsetof(bounds_t, chunked[2]), INT64_MIN},
    {"coarse_10", offsetof(bounds_t, coarse), INT64_MIN},
    {"coarse_10_entity", offsetof(bounds_t, coarse_entity), INT64_MAX},
};

enum {
    META_FIELDS = sizeof meta_fields / sizeof meta_fields[0],
    BOUNDS_FIELDS = sizeof bounds_fields / sizeof bounds_fields[0]
};

static err_t load(sqlite3 *db, const field_t *fields, size_t count, void *numbers) {
    sqlite3_stmt *statement;
    err_t err = sql_prepare(db, "SELECT value FROM meta WHERE key=?", &statement);
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        int64_t value = fields[i].initial;
        (void)sqlite3_bind_text(statement, 1, fields[i].key, -1, SQLITE_STATIC);
        err = sql_row(statement);
        if (err == ERR_OK) value = sqlite3_column_int64(statement, 0);
        if (err == ERR_NOT_FOUND) err = ERR_OK;
        memcpy((char *)numbers + fields[i].offset, &value, sizeof value);
        (void)sqlite3_reset(statement);
    }
    (void)sqlite3_finalize(statement);
    return err;
}

static err_t save(sqlite3 *db, const field_t *fields, size_t count, const void *numbers) {
    sqlite3_stmt *statement;
    err_t err = sql_prepare(db, "INSERT OR REPLACE INTO meta VALUES(?,?)", &statement);
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        int64_t value;
        memcpy(&value, (const char *)numbers + fields[i].offset, sizeof value);
        (void)sqlite3_bind_text(statement, 1, fields[i].key, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(statement, 2, value);
        err = sql_run(statement);
    }
    (void)sqlite3_finalize(statement);
    return err;
}

err_t meta_load(sqlite3 *db, meta_t *meta) {
    return load(db, meta_fields, META_FIELDS, meta);
}

err_t meta_save(sqlite3 *db, const meta_t *meta) {
    return save(db, meta_fields, META_FIELDS, meta);
}

err_t bounds_load(sqlite3 *db, bounds_t *bounds) {
    return load(db, bounds_fields, BOUNDS_FIELDS, bounds);
}

err_t bounds_save(sqlite3 *db, const bounds_t *bounds) {
    return save(db, bounds_fields, BOUNDS_FIELDS, bounds);
}
