/* verify: what became of what was suggested. Every suggestion that changes something is followed, as a trial, from the
 * bucket in which it was made, through what the telemetry shows and nothing else:
 *
 *     proposed ──► seen ──► verified (it helped) or refuted (no effect, or harm)
 *        │           │
 *     expired     undecided: too few requests until FOLLOW_S after it was seen; or undone: proposed again
 *
 * Seen: recognise.c finds the change in the traffic, whether or not anybody said that he made it. Then the mesh may
 * settle; then judge.c sets what was predicted against what is observed. Each new state is told as the suggestion's
 * document with `state`, `seen`, `verified` and `waits_for` (docs/api.md), and counted in the track record of its kind.
 * All of it in event time, from closed buckets: a replay gives the same states at the same moments.
 *
 * A trial is made from the document that was told, and keeps it: so it knows what people saw, and follows every kind of
 * suggestion whose action has a row in recognise.c. */
#ifndef SEISMESH_ANALYZER_VERIFY_H
#define SEISMESH_ANALYZER_VERIFY_H

#include "analyzer/routing/action.h"
#include "analyzer/state.h"
#include "analyzer/walk.h"

enum { TRIALS_MAX = 32, PARTS_MAX = ACTION_TARGETS_MAX + 1, SERVICE_BYTES = 256, DOCUMENT_BYTES_MAX = 1 << 20 };

/* How requests fared. Counts are real numbers: what came before the change is forgotten by and by. */
typedef struct {
    double requests, errors;
    histogram_t latency; /* of what the forecast's p99 is about */
} fare_t;

/* What was predicted of one figure; `told` is false where nothing was. */
typedef struct {
    bool told;
    double now, predicted, low, high;
} foretold_t;

/* One target of the change and its load as predicted, in requests/s. */
typedef struct {
    char name[ACTION_INSTANCE_BYTES];
    double predicted_rate; /* NAN = not told */
    double highest_rate;   /* that it was seen to bear when it was proposed; 0 = not told */
} foretold_load_t;

typedef enum { TRIAL_PROPOSED, TRIAL_SEEN, TRIAL_PHASES } trial_phase_t;

typedef struct {
    uint64_t id, incident;
    int64_t created_ns, expires_ns;
    char *json;                       /* the document as proposed; owned */
    uint8_t phase;                    /* trial_phase_t */
    uint32_t part_count;              /* 0 before the first bucket */
    uint32_t step_buckets, step_done; /* of so many buckets one step of recognition is made */
    double step[PARTS_MAX];           /* counts of the parts in the step under way */
    double usual[PARTS_MAX];          /* before the change, while it is not seen: the newest weigh most */
    double moved[PARTS_MAX];          /* since the first step that looked changed */
    double evidence, against;         /* that the change was made; that it was taken back */
    int64_t since_ns;                 /* when the change began to show */
    int64_t seen_ns;                  /* when it was recognised */
    fare_t before, pending, after;    /* pending: since evidence grows, belongs to neither until it is decided */
    double load[ACTION_TARGETS_MAX];  /* requests of each load in the window */
    int64_t from_ns, until_ns;        /* the window in which the effect is measured */
    bool counted_seen;

    /* read from the document */
    routing_action_t action;
    char kind[RECORD_KIND_BYTES], service[SERVICE_BYTES], instance[ACTION_INSTANCE_BYTES];
    foretold_t errors, p99_s;
    foretold_load_t loads[ACTION_TARGETS_MAX];
    uint32_t load_count;
} trial_t;

typedef struct verifier {
    trial_t *trials[TRIALS_MAX]; /* oldest first */
    uint32_t trial_count;
    track_record_t records[RECORD_KINDS_MAX]; /* in order of first proposal; the last one takes what finds no place */
    uint32_t record_count;
} verifier_t;

verifier_t *verifier_new(void);
void verifier_free(verifier_t *verifier);

/* A suggestion was told. Abstentions and documents without an action are not followed; the same id again replaces the
 * document of a trial that is not seen yet. The oldest trial gives way when there are TRIALS_MAX. */
void verify_propose(analyzer_t *analyzer, uint64_t id, uint64_t incident, int64_t created_ns, int64_t expires_ns,
                    const char *json);

/* Takes one closed bucket; `cells` is NULL without data. Tells and counts what has come of the trials. */
void verify_tick(analyzer_t *analyzer, int64_t bucket, const bucket_t *cells);

/* The verifier's part of the analyzer's state, in both directions. */
void verify_walk(walk_t *walk, verifier_t *verifier);

/* Fills what is read from the document; false when it has no action that can be followed. */
bool trial_read(trial_t *trial);

#endif
