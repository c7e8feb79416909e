#include "base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id) {
    struct timespec now;
    (void)clock_gettime(id, &now); /* cannot fail for these two clocks */
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static int64_t system_wall(const clock_source_t *clock) {
    (void)clock;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_monotonic(const clock_source_t *clock) {
    (void)clock;
    return read_clock(CLOCK_MONOTONIC);
}

const clock_source_t clock_system = {system_wall, system_monotonic};
