/* recognise: is a change to be seen in the traffic? Every kind of action has a row: which parts of the traffic it
 * moves, how they are counted in a bucket, and what their shares would be after it. The rest is one test for all
 * (recognise.c).
 */
#ifndef SEISMESH_ANALYZER_RECOGNISE_H
#define SEISMESH_ANALYZER_RECOGNISE_H

#include "analyzer/routing/verify.h"

/* The cells of one bucket that a trial is about. */
typedef struct {
    const shard_t *shard;
    const bucket_t *cells;
    uint32_t *items; /* positions in `cells` */
    uint32_t count;
    uint32_t service, caller; /* name ids; NAME_NONE = not known (yet) */
} scene_t;

/* Whose requests a figure is about. */
typedef enum {
    SCOPE_SERVICE, /* as the service answers them */
    SCOPE_CALLS,   /* as its callers see them: with what never reached it */
    SCOPE_CALLER   /* those that the calling service itself answers */
} scope_t;

typedef struct recogniser {
    uint8_t targets; /* entity_kind_t of the action's targets, for counting their load */
    scope_t errors_of, latency_of;
    uint32_t settle_s; /* until queues have drained, retries have ended */
    bool lasts;        /* shares that return to what they were mean that the change was taken back */
    /* Counts of the parts in a bucket; how many parts there are. */
    uint32_t (*count)(const trial_t *trial, const scene_t *scene, double parts[PARTS_MAX]);
    /* Their shares after the change, given those before it; both add up to 1. */
    void (*expect)(const trial_t *trial, const double *before, double *after);
    /* What a part is, for people: "v2", "calls above 200 ms". */
    const char *(*part_name)(const trial_t *trial, uint32_t part, char *out, size_t size);
} recogniser_t;

/* NULL: changes of this kind (action_kind_t) cannot be recognised. */
const recogniser_t *recogniser_of(uint8_t kind);

/* Evidence (log10 of the likelihood ratio) of the counts for the change against no change. 0 without counts. */
double recognise(const recogniser_t *recogniser, const trial_t *trial, const double *usual, const double *counts,
                 uint32_t parts);

/* Gathers what the trial is about; `items` is to be freed. */
void scene_of(const trial_t *trial, const shard_t *shard, const bucket_t *cells, scene_t *scene);

/* Adds the bucket's requests in a scope to a fare; true when there were any. */
bool scene_fare(const scene_t *scene, scope_t errors_of, scope_t latency_of, fare_t *fare);

/* Requests of one target in the bucket. */
double scene_target(const scene_t *scene, uint8_t kind, const char *name);

#endif
