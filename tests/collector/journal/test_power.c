/* The power fails at any call the journal makes, on a disk that keeps of what was not synced any blocks it likes, and
 * of the changes of names the first so many. Harsher than a file system with a journal: sizes and contents come apart.
 */
#include "base/log.h"
#include "collector/journal/segment.h"
#include "tests/collector/journal/numbers.h"
#include "tests/collector/journal/place.h"

#include <fcntl.h>
#include <pthread.h>

enum { FILES_MAX = 2000, NAMES_MAX = 200, CHANGES_MAX = 400, FDS_MAX = 1024, BLOCK = 512, GONE = -1 };

typedef struct {
    uint8_t *data;
    size_t len;
} content_t;

typedef struct {
    content_t synced, last; /* `last` only of a file that was deleted: others are in the place's folder */
} disk_file_t;

typedef struct {
    char name[SEGMENT_NAME_BYTES + 1];
    int file; /* GONE: has no file any more */
} disk_name_t;

/* The machine's files as `files`, and what is known to be on disk. */
typedef struct {
    files_t files;
    pthread_mutex_t lock;
    disk_file_t list[FILES_MAX];
    int count, of_fd[FDS_MAX];
    disk_name_t names[NAMES_MAX], synced[NAMES_MAX], changes[CHANGES_MAX];
    int changed;
    int life; /* calls until the power fails */
} disk_t;

/* Takes the lock; false when there is no power: then the call says that all is well, and does nothing. */
static bool disk_begin(const files_t *files) {
    disk_t *disk = (disk_t *)(uintptr_t)files;
    (void)pthread_mutex_lock(&disk->lock);
    if (disk->life > 0) disk->life--;
    if (disk->life > 0) return true;
    (void)pthread_mutex_unlock(&disk->lock);
    return false;
}

static int disk_end(const files_t *files, int result) {
    (void)pthread_mutex_unlock(&((disk_t *)(uintptr_t)files)->lock);
    return result;
}

static bool disk_dead(disk_t *disk) {
    (void)pthread_mutex_lock(&disk->lock);
    bool dead = disk->life == 0;
    (void)pthread_mutex_unlock(&disk->lock);
    return dead;
}

static content_t content_of(int fd) {
    content_t content = {malloc(1 << 17), 0};
    ssize_t got = content.data == NULL ? -1 : pread(fd, content.data, 1 << 17, 0);
    if (got < 0 || got == 1 << 17) abort();
    content.len = (size_t)got;
    return content;
}

static const char *base_name(const char *path) {
    return strrchr(path, '/') + 1;
}

static disk_name_t *name_in(disk_name_t *names, const char *name) {
    int i = 0;
    while (i < NAMES_MAX && names[i].name[0] != '\0' && strcmp(names[i].name, name) != 0) i++;
    if (i == NAMES_MAX) abort();
    if (names[i].name[0] == '\0') names[i].file = GONE;
    (void)strcpy(names[i].name, name);
    return &names[i];
}

static void name_change(disk_t *disk, const char *name, int file) {
    name_in(disk->names, name)->file = file;
    if (disk->changed == CHANGES_MAX) abort();
    disk_name_t *change = &disk->changes[disk->changed++];
    (void)strcpy(change->name, name);
    change->file = file;
}

static int disk_open(const files_t *files, const char *path, int flags) {
    disk_t *disk = (disk_t *)(uintptr_t)files;
    if (!disk_begin(files)) return open("/dev/null", O_RDWR | O_CLOEXEC);
    int fd = files_system.open(&files_system, path, flags);
    if (fd < 0 || fd >= FDS_MAX) return disk_end(files, fd);
    if (name_in(disk->names, base_name(path))->file == GONE) {
        if (disk->count == FILES_MAX) abort();
        name_change(disk, base_name(path), disk->count++);
    }
    disk->of_fd[fd] = name_in(disk->names, base_name(path))->file;
    return disk_end(files, fd);
}

static int disk_close(const files_t *files, int fd) {
    (void)files;
    return close(fd);
}

static ssize_t disk_pwritev(const files_t *files, int fd, const struct iovec *parts, int count, uint64_t offset) {
    ssize_t bytes = 0;
    for (int i = 0; i < count; i++) bytes += (ssize_t)parts[i].iov_len;
    if (disk_begin(files)) bytes = disk_end(files, (int)files_system.pwritev(&files_system, fd, parts, count, offset));
    return bytes;
}

static ssize_t disk_pread(const files_t *files, int fd, void *data, size_t len, uint64_t offset) {
    (void)files;
    return files_system.pread(&files_system, fd, data, len, offset);
}

static int64_t disk_size(const files_t *files, int fd) {
    (void)files;
    return files_system.size(&files_system, fd);
}

static int disk_truncate(const files_t *files, int fd, uint64_t size) {
    return disk_begin(files) ? disk_end(files, files_system.truncate(&files_system, fd, size)) : 0;
}

static int disk_sync(const files_t *files, int fd) {
    disk_t *disk = (disk_t *)(uintptr_t)files;
    if (!disk_begin(files)) return 0;
    disk_file_t *file = &disk->list[disk->of_fd[fd]];
    free(file->synced.data);
    file->synced = content_of(fd);
    return disk_end(files, 0);
}

/* Keeps what the file held that loses its name: the change may not reach the disk. */
static void keep_last(disk_t *disk, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    disk->list[name_in(disk->names, base_name(path))->file].last = content_of(fd);
    (void)close(fd);
}

/* One change in the list for the two names: a rename is whole or not at all. The new name comes second and takes the
 * first away, see disk_after. */
static int disk_rename(const files_t *files, const char *from, const char *to) {
    disk_t *disk = (disk_t *)(uintptr_t)files;
    if (!disk_begin(files)) return 0;
    int file = name_in(disk->names, base_name(from))->file;
    int result = files_system.rename(&files_system, from, to);
    if (result == 0) {
        name_in(disk->names, base_name(from))->file = GONE;
        name_change(disk, base_name(to), file);
    }
    return disk_end(files, result);
}

static int disk_remove(const files_t *files, const char *path) {
    disk_t *disk = (disk_t *)(uintptr_t)files;
    if (!disk_begin(files)) return 0;
    keep_last(disk, path);
    int result = files_system.remove(&files_system, path);
    if (result == 0) name_change(disk, base_name(path), GONE);
    return disk_end(files, result);
}

static int disk_sync_directory(const files_t *files, const char *path) {
    disk_t *disk = (disk_t *)(uintptr_t)files;
    (void)path;
    if (!disk_begin(files)) return 0;
    memcpy(disk->synced, disk->names, sizeof disk->synced);
    disk->changed = 0;
    return disk_end(files, 0);
}

/* Takes what is in the place for what is on disk. */
static disk_t *disk_new(const place_t *place, int life) {
    disk_t *disk = calloc(1, sizeof *disk);
    if (disk == NULL) abort();
    disk->files = (files_t){.open = disk_open,
                            .close = disk_close,
                            .pwritev = disk_pwritev,
                            .pread = disk_pread,
                            .size = disk_size,
                            .truncate = disk_truncate,
                            .sync = disk_sync,
                            .rename = disk_rename,
                            .remove = disk_remove,
                            .sync_directory = disk_sync_directory};
    (void)pthread_mutex_init(&disk->lock, NULL);
    disk->life = life;
    DIR *directory = opendir(place->path);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        disk_file_t *file = &disk->list[disk->count];
        file->synced.data = place_read(place, entry->d_name, &file->synced.len);
        name_in(disk->names, entry->d_name)->file = disk->count++;
    }
    if (directory != NULL) (void)closedir(directory);
    memcpy(disk->synced, disk->names, sizeof disk->synced);
    return disk;
}

static void disk_free(disk_t *disk) {
    for (int i = 0; i < disk->count; i++) {
        free(disk->list[i].synced.data);
        free(disk->list[i].last.data);
    }
    (void)pthread_mutex_destroy(&disk->lock);
    free(disk);
}

/* What of the file may be on disk: each block as it was synced, or as it was last. */
static content_t file_after(const content_t *synced, const content_t *last, uint64_t *state) {
    size_t most = synced->len > last->len ? synced->len : last->len;
    content_t after = {calloc(1, most + 1), test_random(state) % 2 == 0 ? synced->len : last->len};
    uint64_t share = test_random(state) % 5; /* of blocks written: none to all, and between */
    for (size_t at = 0; at < most; at += BLOCK) {
        const content_t *of = test_random(state) % 4 < share ? last : synced;
        if (at < of->len) memcpy(after.data + at, of->data + at, of->len - at < BLOCK ? of->len - at : BLOCK);
    }
    return after;
}

/* The power is gone: makes the place hold what is on disk. */
static void disk_after(disk_t *disk, place_t *place, uint64_t *state) {
    content_t last[FILES_MAX] = {0};
    for (int i = 0; i < NAMES_MAX && disk->names[i].name[0] != '\0'; i++)
        if (disk->names[i].file != GONE)
            last[disk->names[i].file].data = place_read(place, disk->names[i].name, &last[disk->names[i].file].len);
    int changes = disk->changed == 0 ? 0 : (int)(test_random(state) % (uint64_t)(disk->changed + 1));
    for (int i = 0; i < changes; i++) {
        for (int j = 0; j < NAMES_MAX && disk->changes[i].file != GONE; j++) /* a file has one name */
            if (disk->synced[j].file == disk->changes[i].file) disk->synced[j].file = GONE;
        name_in(disk->synced, disk->changes[i].name)->file = disk->changes[i].file;
    }
    place_clear(place);
    for (int i = 0; i < NAMES_MAX && disk->synced[i].name[0] != '\0'; i++) {
        int file = disk->synced[i].file;
        if (file == GONE) continue;
        content_t after =
            file_after(&disk->list[file].synced, last[file].data != NULL ? &last[file] : &disk->list[file].last, state);
        place_write(place, disk->synced[i].name, after.data, after.len);
        free(after.data);
    }
    for (int i = 0; i < FILES_MAX; i++) free(last[i].data);
}

/* What is known outside of the journal. */
typedef struct {
    place_t place;
    uint64_t written, acknowledged, read; /* numbers below these */
    uint64_t position;                    /* behind number `read` - 1, if that is there: the checkpoint */
} world_t;

static void release_some(world_t *world, journal_t *journal, uint64_t keep) {
    journal_record_t record;
    while (world->read + keep < world->acknowledged) {
        REQUIRE(journal_next(journal, SECOND, &record) == ERR_OK);
        CHECK_EQUAL(number_of(&record), world->read);
        world->read++;
        world->position = record.next;
    }
    journal_release(journal, world->position);
}

/* Appends and releases at random until the power fails. */
static void work(world_t *world, uint64_t *state) {
    disk_t *disk = disk_new(&world->place, 1 + (int)(test_random(state) % 150));
    journal_t *journal;
    world->place.config.files = &disk->files;
    REQUIRE(place_open(&world->place, world->position, &journal) == ERR_OK);
    while (!disk_dead(disk)) {
        answers_t answers = {0};
        uint64_t count = 1 + test_random(state) % 12;
        for (uint64_t i = 0; i < count; i++) REQUIRE(append_number(journal, world->written + i, &answers) == ERR_OK);
        wait_answers(&answers, (int)count);
        world->written += count;
        if (disk_dead(disk)) break;
        world->acknowledged = world->written;
        if (test_random(state) % 2 == 0) release_some(world, journal, test_random(state) % 30);
    }
    journal_close(journal);
    disk_after(disk, &world->place, state);
    world->place.config.files = NULL;
    disk_free(disk);
}

/* Reads from the checkpoint on what is there after the power came back. With `durable`, nothing acknowledged may be
 * missing; in any case it must be what was appended since the last failure, in order. */
static void recover(world_t *world, bool durable) {
    journal_t *journal;
    journal_record_t record;
    err_t err = place_open(&world->place, world->position, &journal);
    if (err != ERR_OK) CHECK_TEXT(world->place.why, "opens again");
    REQUIRE(err == ERR_OK);
    uint64_t next = world->read;
    while (journal_next(journal, 0, &record) == ERR_OK) {
        int64_t n = number_of(&record);
        CHECK(n >= (int64_t)next && n < (int64_t)world->written);
        if (durable && next < world->acknowledged) CHECK_EQUAL(n, next);
        next = (uint64_t)n + 1;
        world->position = record.next;
    }
    CHECK(!durable || next >= world->acknowledged);
    world->read = world->acknowledged = world->written; /* numbers that were lost never come again */
    journal_close(journal);
}

static void fail_often(durability_t durability) {
    uint64_t seed = (uint64_t)time(NULL), state = seed;
    (void)printf("     seed %llu\n", (unsigned long long)seed);
    log_set_level(LOG_ERROR + 1);
    for (int round = 0; round < 8; round++) {
        world_t world = {0};
        place_init(&world.place);
        world.place.config.durability = durability;
        world.place.config.segment_bytes = 200 + test_random(&state) % (round % 2 == 0 ? 6000 : 40000);
        for (int failure = 0; failure < 25; failure++) {
            work(&world, &state);
            recover(&world, durability == DURABILITY_DISK);
        }
        place_fini(&world.place);
    }
}

TEST(when_the_power_fails_nothing_acknowledged_is_lost_and_nothing_comes_back) {
    fail_often(DURABILITY_DISK);
}

TEST(without_syncs_what_is_found_is_still_only_what_was_appended_and_not_yet_lost) {
    fail_often(DURABILITY_PROCESS);
}

TEST_MAIN(TEST_CASE(when_the_power_fails_nothing_acknowledged_is_lost_and_nothing_comes_back),
          TEST_CASE(without_syncs_what_is_found_is_still_only_what_was_appended_and_not_yet_lost))
