/* dry_run: what callers would have seen in the last minutes, had the suggested routing been there. Bucket by bucket,
 * the requests that came are dealt out by the suggested weights, and every target fares as it did in that bucket, by
 * its own cells; what it did over the whole range counts as PRIOR_REQUESTS requests beside that, so that a bucket in
 * which it got few says little.
 *
 * The load model: a target is believed up to MARGIN times the highest rate that it was seen to bear. Beyond that nobody
 * knows: the requests above it may all fail, and the others may wait longer in proportion; both only widen the interval
 * upwards, and the point says `beyond`.
 *
 *     dry_run_t *run = dry_run_new(trial);
 *     …dry_run_learn for every target and bucket, then the same again with dry_run_add, in order of time
 *     dry_run_end(run, &total);  dry_run_free(run);
 *
 * Intervals are of 90 %: Wilson for the share, order statistics for the quantile, of as many requests as are behind the
 * targets' own figures. */
#ifndef SEISMESH_ANALYZER_DRY_RUN_H
#define SEISMESH_ANALYZER_DRY_RUN_H

#include "analyzer/routing/verify.h"

enum { DRY_TARGETS_MAX = 64 };

typedef struct {
    double value, low, high; /* NAN = nothing to be read from */
} range_t;

/* One bucket, or all of them together. */
typedef struct {
    int64_t start_ns;
    double requests, errors_before, p99_before_s;
    range_t errors, p99_s; /* as they would have been; errors as a share */
    bool beyond;           /* a target would have got more than it was seen to bear */
} dry_point_t;

typedef struct {
    char name[ACTION_INSTANCE_BYTES];
    double requests;     /* that it had */
    double dealt;        /* that it would have had */
    double highest_rate; /* the most it was seen to bear, and the most it would have got: requests/s */
    double highest_dealt;
} dry_target_t;

typedef struct dry_run dry_run_t;

/* Why a change of this kind cannot be replayed; NULL when it can. */
const char *dry_run_cannot(uint8_t action_kind);

/* What the targets of a change are (ENTITY_VERSION, ENTITY_ZONE, ENTITY_INSTANCE). */
uint8_t dry_run_targets(uint8_t action_kind);

/* `trial` has been read (trial_read) and can be replayed; it is borrowed. `step_s`: length of the buckets. */
dry_run_t *dry_run_new(const trial_t *trial, double step_s);
void dry_run_free(dry_run_t *run);

/* What a target did in a bucket. Targets beyond DRY_TARGETS_MAX are left out. */
void dry_run_learn(dry_run_t *run, const char *target, const cell_t *cell);

/* The same again. When it begins a new bucket, the one before it is told to `point`. */
void dry_run_add(dry_run_t *run, int64_t start_ns, const char *target, const cell_t *cell,
                 void (*point)(void *context, const dry_point_t *point), void *context);

/* Tells the last bucket, and sums up. False without any request. */
bool dry_run_end(dry_run_t *run, void (*point)(void *context, const dry_point_t *point), void *context,
                 dry_point_t *total);
const char *dry_run_missing(const dry_run_t *run); /* a receiver without any request in the range; NULL = none */

uint32_t dry_run_target_count(const dry_run_t *run);
const dry_target_t *dry_run_target(const dry_run_t *run, uint32_t index);

#endif
