/* clock: where the time comes from. Passed down, so that tests can set it. */
#ifndef SEISMESH_BASE_CLOCK_H
#define SEISMESH_BASE_CLOCK_H

#include <stdint.h>

typedef struct clock_source clock_source_t;
struct clock_source {
    int64_t (*wall_ns)(const clock_source_t *clock);      /* since 1970-01-01 UTC */
    int64_t (*monotonic_ns)(const clock_source_t *clock); /* since some fixed moment */
};

/* The machine's own clocks. */
extern const clock_source_t clock_system;

static inline int64_t clock_wall_ns(const clock_source_t *clock) {
    return clock->wall_ns(clock);
}
static inline int64_t clock_monotonic_ns(const clock_source_t *clock) {
    return clock->monotonic_ns(clock);
}

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

#endif
