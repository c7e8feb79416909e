/* The journal's segments: every record's checksums, and whether the log goes on from where the store is. What lies
 * before the store's position is in the store already, so that damage there costs nothing. */
#include "base/memory.h"
#include "collector/journal/segment.h"
#include "collector/store/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    uint64_t *starts; /* ascending */
    size_t count, capacity;
} list_t;

static int ascending(const void *x, const void *y) {
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

static bool list_segments(const char *directory, list_t *list) {
    DIR *entries = opendir(directory);
    if (entries == NULL) return false;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        uint64_t start;
        if (!segment_name_read(entry->d_name, &start)) continue;
        if (list->count == list->capacity) {
            list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
            list->starts = memory_resize(list->starts, list->capacity * sizeof *list->starts);
        }
        list->starts[list->count++] = start;
    }
    (void)closedir(entries);
    if (list->count > 0) qsort(list->starts, list->count, sizeof *list->starts, ascending);
    return true;
}

/* `end` is where the next segment begins, or UINT64_MAX: then the log's end is looked for, and half a record at it is
 * what a crash leaves, or a server that is writing it. */
static void check_records(check_t *check, int fd, uint64_t start, uint64_t end, const char *path) {
    bool last = end == UINT64_MAX;
    int64_t size = files_system.size(&files_system, fd);
    if (last) end = start + (size > SEGMENT_HEADER_BYTES ? (uint64_t)size - SEGMENT_HEADER_BYTES : 0);
    segment_reader_t reader;
    journal_record_t record;
    segment_reader_init(&reader, &files_system, fd, start, end);
    reader.until_mark = last;
    while (segment_next(&reader, &record)) check->records++;
    uint64_t damaged = reader.corrupt;
    if (last && reader.damaged && damaged > 0) damaged--;
    if (damaged > 0 && end > (uint64_t)check->meta.position)
        check_tell(check, CHECK_DAMAGE,
                   "%" PRIu64 " damaged places in %s: what was acknowledged there is lost if no checkpoint has it yet; "
                   "look at the disk",
                   damaged, path);
    else if (damaged > 0)
        check_tell(check, CHECK_NOTE, "%" PRIu64 " damaged places in %s: the store has all of it already", damaged,
                   path);
    segment_reader_fini(&reader);
}

static void check_segment(check_t *check, const char *directory, uint64_t start, uint64_t end) {
    char name[SEGMENT_NAME_BYTES + 1], path[PATH_MAX];
    uint8_t header[SEGMENT_HEADER_BYTES];
    segment_name(start, name);
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return;
    int fd = files_system.open(&files_system, path, O_RDONLY);
    if (fd < 0) return; /* a running server has written it over under another name */
    ssize_t got = files_system.pread(&files_system, fd, header, sizeof header, 0);
    segment_state_t state = segment_header_read(slice_of(header, got > 0 ? (size_t)got : 0), start);
    check->segments++;
    if (state == SEGMENT_FOREIGN || state == SEGMENT_NEWER)
        check_tell(check, CHECK_DAMAGE, "%s is %s: the server will not start; move it away if it is not needed", path,
                   state == SEGMENT_NEWER ? "of a newer version" : "no segment of ours");
    else
        check_records(check, fd, start, end, path);
    (void)files_system.close(&files_system, fd);
}

void check_journal(check_t *check) {
    char directory[PATH_MAX];
    list_t list = {0};
    uint64_t position = (uint64_t)check->meta.position;
    if (snprintf(directory, sizeof directory, "%s/journal", check->directory) >= (int)sizeof directory) return;
    if (!list_segments(directory, &list)) {
        check_tell(check, CHECK_NOTE, "there is no journal: this is a backup, or Kafka has it");
        return;
    }
    if (list.count > 0 && list.starts[0] > position)
        check_tell(check, CHECK_DAMAGE,
                   "the journal begins at %" PRIu64 ", the store ends at %" PRIu64
                   ": what was acknowledged in between is lost; restore the missing segments, or go on without",
                   list.starts[0], position);
    for (size_t i = 0; i < list.count; i++)
        check_segment(check, directory, list.starts[i], i + 1 < list.count ? list.starts[i + 1] : UINT64_MAX);
    free(list.starts);
}
