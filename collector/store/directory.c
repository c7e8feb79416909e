#include "collector/store/directory.h"

#include "base/slice.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names that a data directory may hold before there is a store in it. */
static const char *const familiar[] = {".", "LOCK", "journal", "seismesh", "lost+found"};

static bool is_familiar(const char *name) {
    for (size_t i = 0; i < sizeof familiar / sizeof familiar[0]; i++)
        if (slice_starts(slice_text(name), familiar[i])) return true;
    return false;
}

/* A directory full of somebody else's files is more likely a slip of the pen than a wish. */
static err_t check_contents(const char *directory, char *why, size_t why_size) {
    DIR *entries = opendir(directory);
    if (entries == NULL) {
        (void)snprintf(why, why_size, "the data directory %s cannot be read (%s); check its permissions", directory,
                       strerror(errno));
        return ERR_IO;
    }
    bool ours = false;
    char other[64] = "";
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (strcmp(entry->d_name, "seismesh.sqlite") == 0)
            ours = true;
        else if (!is_familiar(entry->d_name))
            (void)snprintf(other, sizeof other, "%.60s", entry->d_name);
    }
    (void)closedir(entries);
    if (ours || other[0] == '\0') return ERR_OK;
    (void)snprintf(why, why_size,
                   "the data directory %s has no store but other files, such as %s; give an empty or new one",
                   directory, other);
    return ERR_FOREIGN;
}

static err_t refuse_busy(const char *directory, int fd, char *why, size_t why_size) {
    char pid[24] = "";
    ssize_t got = read(fd, pid, sizeof pid - 1);
    long holder = got > 0 ? strtol(pid, NULL, 10) : 0;
    (void)snprintf(why, why_size, "another seismesh (pid %ld) uses the data directory %s; stop it, or give another one",
                   holder, directory);
    return ERR_BUSY;
}

static void write_pid(int fd) {
    char pid[24];
    int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    /* only said to people: a lock without it still locks */
    if (ftruncate(fd, 0) == 0) (void)!pwrite(fd, pid, (size_t)len, 0);
}

err_t directory_lock(const char *directory, int *lock, char *why, size_t why_size) {
    *lock = -1;
    if (mkdir(directory, 0750) != 0 && errno != EEXIST) {
        (void)snprintf(why, why_size, "the data directory %s cannot be made (%s); give one that can be written",
                       directory, strerror(errno));
        return ERR_IO;
    }
    err_t err = check_contents(directory, why, why_size);
    if (err != ERR_OK) return err;
    char path[4096];
    int len = snprintf(path, sizeof path, "%s/LOCK", directory);
    int fd = len < (int)sizeof path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640) : -1;
    if (fd < 0) {
        (void)snprintf(why, why_size, "the data directory %s cannot be written (%s); check its permissions", directory,
                       strerror(errno));
        return ERR_IO;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err = refuse_busy(directory, fd, why, why_size);
        (void)close(fd);
        return err;
    }
    write_pid(fd);
    *lock = fd;
    return ERR_OK;
}

/* Files that come and go while we look are counted or not: the next look is right again. */
static int64_t bytes_in(int parent, const char *directory, const char *but, int depth) {
    int fd = openat(parent, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (entries == NULL) {
        if (fd >= 0) (void)close(fd);
        return 0;
    }
    int64_t bytes = 0;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        struct stat about;
        if (entry->d_name[0] == '.' || fstatat(fd, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (S_ISREG(about.st_mode) && (but == NULL || strcmp(entry->d_name, but) != 0)) bytes += about.st_size;
        if (S_ISDIR(about.st_mode) && depth > 0) bytes += bytes_in(fd, entry->d_name, NULL, depth - 1);
    }
    (void)closedir(entries);
    return bytes;
}

int64_t directory_bytes_beside(const char *directory, const char *name) {
    return bytes_in(AT_FDCWD, directory, name, 1);
}
