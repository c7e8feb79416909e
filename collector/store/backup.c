#include "collector/store/backup.h"

#include "collector/store/schema.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_PAGES = 1024 };

/* The copy gets its final name when it is whole; under this one no server takes its directory for a store. */
#define PARTIAL_NAME "backup.partial"

typedef struct {
    char source[PATH_MAX], partial[PATH_MAX], final[PATH_MAX];
    const char *destination;
    bool made; /* the destination was not there */
    char *why;
    size_t why_size;
} place_t;

__attribute__((format(printf, 3, 4))) static err_t say(place_t *place, err_t err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(place->why, place->why_size, format, args);
    va_end(args);
    return err;
}

static bool is_empty(const char *directory) {
    DIR *entries = opendir(directory);
    if (entries == NULL) return false;
    bool empty = true;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) empty = false;
    (void)closedir(entries);
    return empty;
}

static err_t prepare(place_t *place, const char *directory, const char *destination) {
    place->destination = destination;
    int source = snprintf(place->source, PATH_MAX, "%s/seismesh.sqlite", directory);
    int partial = snprintf(place->partial, PATH_MAX, "%s/" PARTIAL_NAME, destination);
    int final = snprintf(place->final, PATH_MAX, "%s/seismesh.sqlite", destination);
    if (source >= PATH_MAX || partial >= PATH_MAX || final >= PATH_MAX)
        return say(place, ERR_INVALID, "the path is too long; give a shorter one");
    if (access(place->source, R_OK) != 0)
        return say(place, ERR_NOT_FOUND, "there is no store at %s (%s); name its directory with --data", place->source,
                   strerror(errno));
    place->made = mkdir(destination, 0750) == 0;
    if (!place->made && errno != EEXIST)
        return say(place, ERR_IO, "%s cannot be made (%s); give a place that can be written", destination,
                   strerror(errno));
    if (!place->made && !is_empty(destination))
        return say(place, ERR_BUSY, "%s is not an empty directory; give a new one", destination);
    return ERR_OK;
}

/* What SQLite's result is to a person. */
static err_t failed(place_t *place, int rc, sqlite3 *db) {
    if ((rc & 0xff) == SQLITE_FULL)
        return say(place, ERR_FULL, "there is no room for the copy at %s; give another place", place->destination);
    return say(place, sql_result(rc) == ERR_OK ? ERR_IO : sql_result(rc),
               "copying %s to %s failed: %s; run 'seismesh "
               "check' on the store",
               place->source, place->destination, db == NULL ? "no memory" : sqlite3_errmsg(db));
}

/* Opens the source and begins the transaction that is copied. */
static err_t open_source(place_t *place, sqlite3 **db, meta_t *meta) {
    err_t err = sql_open(place->source, SQLITE_OPEN_READONLY, db);
    if (err == ERR_OK) (void)sqlite3_busy_timeout(*db, 10000);
    if (err == ERR_OK) err = schema_check(*db);
    if (err == ERR_FOREIGN)
        return say(place, err,
                   "%s is no seismesh store of this version; start 'seismesh serve' on it once, or use the "
                   "program that wrote it",
                   place->source);
    if (err == ERR_OK) err = sql_exec(*db, "BEGIN");
    if (err == ERR_OK) err = meta_load(*db, meta);
    if (err != ERR_OK) return failed(place, SQLITE_IOERR, *db);
    return ERR_OK;
}

static err_t copy_pages(place_t *place, sqlite3 *from, sqlite3 *to,
                        void (*progress)(void *context, uint64_t done, uint64_t total), void *context) {
    sqlite3_backup *copy = sqlite3_backup_init(to, "main", from, "main");
    if (copy == NULL) return failed(place, sqlite3_errcode(to), to);
    int rc;
    while ((rc = sqlite3_backup_step(copy, STEP_PAGES)) == SQLITE_OK) {
        int total = sqlite3_backup_pagecount(copy);
        if (progress != NULL) progress(context, (uint64_t)(total - sqlite3_backup_remaining(copy)), (uint64_t)total);
    }
    int end = sqlite3_backup_finish(copy);
    if (rc == SQLITE_DONE && end == SQLITE_OK) return ERR_OK;
    return failed(place, rc != SQLITE_DONE ? rc : end, to);
}

static err_t sync_path(place_t *place, const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC);
    bool fine = fd >= 0 && fsync(fd) == 0;
    int reason = errno;
    if (fd >= 0) (void)close(fd);
    return fine ? ERR_OK : say(place, ERR_IO, "%s cannot be synced (%s); look at the disk", path, strerror(reason));
}

static err_t copy_store(place_t *place, backup_t *backup,
                        void (*progress)(void *context, uint64_t done, uint64_t total), void *context) {
    sqlite3 *from = NULL, *to = NULL;
    err_t err = open_source(place, &from, &backup->meta);
    if (err == ERR_OK && sql_open(place->partial, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &to) != ERR_OK)
        err = say(place, ERR_IO, "%s cannot be written; check its permissions", place->partial);
    if (err == ERR_OK) (void)sqlite3_exec(to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL, NULL, NULL);
    if (err == ERR_OK) err = copy_pages(place, from, to, progress, context);
    (void)sqlite3_close(to);
    (void)sqlite3_close(from);
    return err;
}

/* Synced under its first name, then under its last. */
static err_t publish(place_t *place, backup_t *backup) {
    struct stat about;
    err_t err = sync_path(place, place->partial, O_RDONLY);
    if (err == ERR_OK && rename(place->partial, place->final) != 0)
        err = say(place, ERR_IO, "%s cannot be named %s (%s)", place->partial, place->final, strerror(errno));
    if (err == ERR_OK) err = sync_path(place, place->destination, O_RDONLY | O_DIRECTORY);
    if (err == ERR_OK && stat(place->final, &about) == 0) backup->bytes = about.st_size;
    return err;
}

err_t backup_take(const char *directory, const char *destination,
                  void (*progress)(void *context, uint64_t done, uint64_t total), void *context, backup_t *backup,
                  char *why, size_t why_size) {
    place_t place = {.why = why, .why_size = why_size};
    *backup = (backup_t){0};
    err_t err = prepare(&place, directory, destination);
    if (err != ERR_OK) return err;
    err = copy_store(&place, backup, progress, context);
    if (err == ERR_OK) err = publish(&place, backup);
    if (err == ERR_OK) return ERR_OK;
    (void)unlink(place.partial);
    if (place.made) (void)rmdir(destination);
    return err;
}
