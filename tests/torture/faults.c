/* faults: a library to be loaded before the others (LD_PRELOAD) that lets the shipped program meet a failing disk and a
 * clock that jumps. Only files below FAULTS_UNDER are touched. What is to happen stands in the file FAULTS_CONTROL,
 * which is shared with the test (kit.py writes it, this counts in it):
 *
 *   u32 what     FAIL_WRITES | FAIL_SYNCS
 *   i32 error    errno of the calls that fail
 *   u64 from     the first that fails, counted from 1 over all calls of the kinds in `what`
 *   u64 until    the last that fails
 *   u64 calls    seen so far of the kinds in `what`
 *   u64 failed   of these
 *   u32 sync_us  how much longer every sync takes
 *   i64 clock_ns how far the wall clock is off (at offset 48) */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FAIL_WRITES = 1, FAIL_SYNCS = 2 };

typedef struct {
    _Atomic uint32_t what;
    _Atomic int32_t error;
    _Atomic uint64_t from, until, calls, failed;
    _Atomic uint32_t sync_us;
    _Atomic int64_t clock_ns;
} control_t;

static control_t nothing = {.from = UINT64_MAX};
static control_t *control = &nothing;
static const char *under;

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("FAULTS_CONTROL");
    under = getenv("FAULTS_UNDER");
    int fd = path == NULL || under == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    void *memory = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        (void)fprintf(stderr, "faults: FAULTS_CONTROL and FAULTS_UNDER name what cannot be used\n");
        abort();
    }
    control = memory;
}

static bool is_below(int fd) {
    char link[40], path[PATH_MAX];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    return len > 0 && strncmp(path, under, strlen(under)) == 0;
}

/* True when this call is one of those that fail; errno says how. */
static bool fails(uint32_t kind, int fd) {
    if ((control->what & kind) == 0 || !is_below(fd)) return false;
    uint64_t call = ++control->calls;
    if (call < control->from || call > control->until) return false;
    control->failed++;
    errno = control->error;
    return true;
}

/* On a full disk a file can still be made shorter. */
static bool shrinks(int fd, off_t size) {
    struct stat now;
    return control->error == ENOSPC && fstat(fd, &now) == 0 && size <= now.st_size;
}

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    return fails(FAIL_WRITES, fd) ? -1 : REAL(write)(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return fails(FAIL_WRITES, fd) ? -1 : REAL(pwrite)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return fails(FAIL_WRITES, fd) ? -1 : REAL(pwrite64)(fd, data, size, at);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    return fails(FAIL_WRITES, fd) ? -1 : REAL(writev)(fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    return fails(FAIL_WRITES, fd) ? -1 : REAL(pwritev)(fd, parts, count, at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    return fails(FAIL_WRITES, fd) ? -1 : REAL(pwritev64)(fd, parts, count, at);
}
int ftruncate(int fd, off_t size) {
    return shrinks(fd, size) || !fails(FAIL_WRITES, fd) ? REAL(ftruncate)(fd, size) : -1;
}
int ftruncate64(int fd, off64_t size) {
    return shrinks(fd, size) || !fails(FAIL_WRITES, fd) ? REAL(ftruncate64)(fd, size) : -1;
}
int posix_fallocate(int fd, off_t from, off_t size) {
    return fails(FAIL_WRITES, fd) ? errno : REAL(posix_fallocate)(fd, from, size);
}
int fallocate(int fd, int mode, off_t from, off_t size) {
    return fails(FAIL_WRITES, fd) ? -1 : REAL(fallocate)(fd, mode, from, size);
}
int fsync(int fd) {
    if (control->sync_us > 0 && is_below(fd)) (void)usleep(control->sync_us);
    return fails(FAIL_SYNCS, fd) ? -1 : REAL(fsync)(fd);
}
int fdatasync(int fd) {
    if (control->sync_us > 0 && is_below(fd)) (void)usleep(control->sync_us);
    return fails(FAIL_SYNCS, fd) ? -1 : REAL(fdatasync)(fd);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = REAL(clock_gettime)(clock, time);
    int64_t off_ns = control->clock_ns;
    if (result != 0 || off_ns == 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
    int64_t ns = (int64_t)time->tv_sec * INT64_C(1000000000) + time->tv_nsec + off_ns;
    *time = (struct timespec){ns / INT64_C(1000000000), ns % INT64_C(1000000000)};
    return 0;
}
