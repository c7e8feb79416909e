#include "analyzer/state.h"

/* As many buckets of counts, or points of a gauge, make the first baseline (flow.c, detect_gauge.c). */
enum { LEARN_BUCKETS = 6 };

static uint64_t learned(const subject_t *subject) {
    uint64_t most = 0;
    if (subject->flow != NULL) most = (uint64_t)subject->flow->buckets + subject->flow->recent_count;
    for (uint32_t i = 0; i < subject->track_count; i++) {
        const gauge_track_t *gauge = subject->tracks[i].gauge;
        if (gauge != NULL && gauge->count > most) most = gauge->count;
    }
    return most;
}

void analyzer_learning(const analyzer_t *analyzer, uint64_t *have_buckets, uint64_t *need_buckets) {
    *have_buckets = 0;
    *need_buckets = LEARN_BUCKETS;
    for (uint32_t i = 0; i < analyzer->subject_count && *have_buckets < LEARN_BUCKETS; i++) {
        uint64_t here = learned(&analyzer->subjects[i]);
        if (here > *have_buckets) *have_buckets = here < LEARN_BUCKETS ? here : LEARN_BUCKETS;
    }
}
