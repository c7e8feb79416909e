#include "collector/store/check.h"

#include "base/slice.h"
#include "collector/store/schema.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void check_tell(check_t *check, check_kind_t kind, const char *format, ...) {
    char text[600];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (kind == CHECK_DAMAGE) check->damages++;
    check->say(check->context, kind, text);
}

static err_t open_store(check_t *check, char *why, size_t why_size) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/seismesh.sqlite", check->directory) >= (int)sizeof path) return ERR_INVALID;
    if (access(path, R_OK) != 0) {
        (void)snprintf(why, why_size, "there is no store at %s; name its directory with --data", path);
        return ERR_NOT_FOUND;
    }
    err_t err = sql_open(path, SQLITE_OPEN_READONLY, &check->db);
    if (err == ERR_OK) (void)sqlite3_busy_timeout(check->db, 10000);
    int64_t application = 0, version = 0;
    if (err == ERR_OK) err = sql_number(check->db, "PRAGMA application_id", 0, &application);
    if (err == ERR_OK) err = sql_number(check->db, "PRAGMA user_version", 0, &version);
    if (err == ERR_OK && application == SCHEMA_APPLICATION && version == SCHEMA_VERSION) return ERR_OK;
    if (err == ERR_OK && application == SCHEMA_APPLICATION) {
        (void)snprintf(why, why_size, "%s is of version %lld, this program checks version %d; %s", path,
                       (long long)version, SCHEMA_VERSION,
                       version < SCHEMA_VERSION ? "start 'seismesh serve' on it once, which brings it up to date"
                                                : "use the newer program that wrote it");
        return ERR_FOREIGN;
    }
    if (err == ERR_OK) {
        (void)snprintf(why, why_size, "%s belongs to another program; name another directory with --data", path);
        return ERR_FOREIGN;
    }
    if (err == ERR_BUSY || err == ERR_NOMEM) {
        (void)snprintf(why, why_size, "%s cannot be read now (%s); try again", path, sqlite3_errmsg(check->db));
        return err;
    }
    check_tell(check, CHECK_DAMAGE,
               "%s is no SQLite database any more (%s): restore a backup, or try what "
               "'sqlite3 FILE .recover' finds",
               path, sqlite3_errmsg(check->db));
    return ERR_MALFORMED;
}

/* SQLite's own view: pages, indexes, free list. */
static err_t check_pages(check_t *check) {
    sqlite3_stmt *rows;
    err_t err = sql_prepare(check->db, "PRAGMA integrity_check(20)", &rows);
    while (err == ERR_OK && (err = sql_row(rows)) == ERR_OK) {
        const char *text = (const char *)sqlite3_column_text(rows, 0);
        if (text != NULL && strcmp(text, "ok") == 0) continue;
        check_tell(check, CHECK_DAMAGE,
                   "SQLite: %s: stop the server and restore a backup; without one, "
                   "'sqlite3 FILE .recover' saves what can be read",
                   text == NULL ? "?" : text);
    }
    (void)sqlite3_finalize(rows);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* Files that nobody asks for. */
static void check_files(check_t *check) {
    static const char *const known[] = {"seismesh.sqlite", "LOCK", "journal", "lost+found", "."};
    DIR *entries = opendir(check->directory);
    if (entries == NULL) return;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        bool ours = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            ours = ours || slice_starts(slice_text(entry->d_name), known[i]);
        if (!ours)
            check_tell(check, CHECK_NOTE, "the file %s in %s is not ours: it can be moved away", entry->d_name,
                       check->directory);
    }
    (void)closedir(entries);
}

err_t check_store(const char *directory, check_say_fn *say, void *context, check_t *check, char *why, size_t why_size) {
    *check = (check_t){.directory = directory, .say = say, .context = context};
    err_t err = open_store(check, why, why_size);
    if (err == ERR_OK) {
        err = sql_exec(check->db, "BEGIN");
        if (err == ERR_OK) err = check_pages(check);
        if (err == ERR_OK) err = meta_load(check->db, &check->meta);
        if (err == ERR_OK) err = bounds_load(check->db, &check->bounds);
        if (err == ERR_OK) err = check_tables(check);
        if (err != ERR_OK) {
            check_tell(check, CHECK_DAMAGE, "the store cannot be read to its end (%s): restore a backup",
                       sqlite3_errmsg(check->db));
            err = ERR_OK;
        }
        check_journal(check);
        check_files(check);
    }
    (void)sqlite3_close(check->db);
    check->db = NULL;
    return err == ERR_MALFORMED ? ERR_OK : err; /* that has been told */
}
