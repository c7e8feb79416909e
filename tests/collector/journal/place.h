/* place: a directory of its own for a test's journal, and the handful of steps that all journal tests take. */
#ifndef SEISMESH_TESTS_JOURNAL_PLACE_H
#define SEISMESH_TESTS_JOURNAL_PLACE_H

#include "collector/journal/journal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char path[64];
    counters_t counters;
    journal_config_t config;
    char why[512];
} place_t;

static inline void place_init(place_t *place) {
    memset(place, 0, sizeof *place);
    (void)strcpy(place->path, "/tmp/seismesh-journal-XXXXXX");
    if (mkdtemp(place->path) == NULL) abort();
    place->config = (journal_config_t){
        .directory = place->path, .durability = DURABILITY_PROCESS, .segment_bytes = 64 << 20, .queue_bytes = 64 << 20};
}

static inline void place_clear(place_t *place) {
    DIR *directory = opendir(place->path);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char path[400];
        (void)snprintf(path, sizeof path, "%s/%s", place->path, entry->d_name);
        if (entry->d_name[0] != '.') (void)unlink(path);
    }
    if (directory != NULL) (void)closedir(directory);
}

static inline void place_fini(place_t *place) {
    place_clear(place);
    (void)rmdir(place->path);
}

static inline int place_files(const place_t *place) {
    DIR *directory = opendir(place->path);
    int count = 0;
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    if (directory != NULL) (void)closedir(directory);
    return count;
}

static inline err_t place_open(place_t *place, uint64_t position, journal_t **journal) {
    return journal_open_local(&place->config, position, &clock_system, &place->counters, journal, place->why,
                              sizeof place->why);
}

/* Whole content of a file of the place; freed by the caller. */
static inline uint8_t *place_read(const place_t *place, const char *name, size_t *len) {
    char path[400];
    (void)snprintf(path, sizeof path, "%s/%s", place->path, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    uint8_t *bytes = malloc(1 << 20);
    *len = bytes == NULL ? 0 : fread(bytes, 1, 1 << 20, file);
    (void)fclose(file);
    return bytes;
}

static inline void place_write(const place_t *place, const char *name, const void *bytes, size_t len) {
    char path[400];
    (void)snprintf(path, sizeof path, "%s/%s", place->path, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, len, file) != len) abort();
    (void)fclose(file);
}

/* Makes `to` hold what a process would find that is started when the one that writes `from` has just died. */
static inline void place_copy(const place_t *from, place_t *to) {
    place_clear(to);
    memset(&to->counters, 0, sizeof to->counters);
    DIR *directory = opendir(from->path);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        size_t len;
        if (entry->d_name[0] == '.') continue;
        uint8_t *bytes = place_read(from, entry->d_name, &len);
        if (bytes == NULL) abort();
        place_write(to, entry->d_name, bytes, len);
        free(bytes);
    }
    if (directory != NULL) (void)closedir(directory);
}

#endif
