/* meta: the store's own numbers, rows of the table `meta`, written with every transaction that changes them. */
#ifndef SEISMESH_STORE_META_H
#define SEISMESH_STORE_META_H

#include "collector/store/sql.h"

enum { RESOLUTIONS = 3 }; /* 10 s, 1 min, 1 h */

extern const int64_t resolution_seconds[RESOLUTIONS];
extern const int64_t resolution_buckets[RESOLUTIONS]; /* in buckets of 10 s: 1, 6, 360 */

typedef struct {
    int64_t position;          /* of the journal; holds a uint64_t */
    int64_t checkpoints;       /* written so far; tells whether a transaction of unknown end is there after all */
    int64_t closed_before;     /* 10 s buckets below are closed; INT64_MIN at first */
    int64_t event_ns;          /* INT64_MIN at first */
    int64_t kept[RESOLUTIONS]; /* frames of buckets below (in units of the resolution) are gone or about to go */
    int64_t kept_spans_ns;     /* traces that end before are gone or about to go, beside those too old */
    int64_t open_block;        /* id of the span block that is still being filled */
    int64_t spans, traces;     /* kept now */
} meta_t;

/* How far compaction has come; rows of the same table, which it alone writes. */
typedef struct {
    int64_t chunked[RESOLUTIONS]; /* buckets below (in units of the resolution) are chunks; frames there came late */
    int64_t coarse;               /* 10 s buckets below are coarse (see cell_coarsen) … */
    int64_t coarse_entity;        /* … those of the last span only for entities below this one */
} bounds_t;

err_t bounds_load(sqlite3 *db, bounds_t *bounds);
err_t bounds_save(sqlite3 *db, const bounds_t *bounds);

err_t meta_load(sqlite3 *db, meta_t *meta);
err_t meta_save(sqlite3 *db, const meta_t *meta);

/* Floor division, also for times before 1970. */
static inline int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

#endif
