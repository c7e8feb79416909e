/* The verifier as part of the analyzer's state (analyzer/codec.c):
 *
 *   varint n records: text kind, varints in the order of track_record_t
 *   varint n trials: varint id, incident, zigzag created_ns, expires_ns, text json, then what trial_t has before
 *                    `action`; the rest is read from the document again
 *
 * A text is its length as a varint and its bytes. */
#include "analyzer/routing/verify.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

/* Into `text` (owned, NUL-terminated) when reading; bytes that are zero end it. */
static void walk_text(walk_t *walk, char **text, uint32_t max) {
    uint32_t len = walk->out != NULL ? (uint32_t)strlen(*text) : 0;
    walk_u32(walk, &len, max);
    if (walk->out != NULL) {
        buffer_append(walk->out, *text, len);
        return;
    }
    slice_t bytes = {NULL, 0};
    walk->ok = walk->ok && bytes_take(walk->in, len, &bytes);
    free(*text);
    *text = memory_new(len + 1, 1);
    if (walk->ok && len > 0) memcpy(*text, bytes.data, len);
}

static void walk_record(walk_t *walk, track_record_t *record) {
    char *kind = memory_text(record->kind);
    walk_text(walk, &kind, RECORD_KIND_BYTES - 1);
    if (walk->in != NULL) memcpy(record->kind, kind, strlen(kind) + 1);
    free(kind);
    uint64_t *counts[] = {&record->proposed,  &record->seen,   &record->expired,   &record->undone,
                          &record->undecided, &record->helped, &record->no_effect, &record->harmed,
                          &record->compared,  &record->inside};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) walk_u64(walk, counts[i]);
}

/* Counts and evidence are finite: arithmetic relies on it. */
static void walk_real(walk_t *walk, double *value) {
    walk_f64(walk, value);
    if (!isfinite(*value) || fabs(*value) > 1e15) walk->ok = false;
}

static void walk_fare(walk_t *walk, fare_t *fare) {
    walk_real(walk, &fare->requests);
    walk_real(walk, &fare->errors);
    walk_histogram(walk, &fare->latency);
}

static void walk_trial(walk_t *walk, trial_t *trial) {
    walk_u64(walk, &trial->id);
    walk_u64(walk, &trial->incident);
    walk_instant(walk, &trial->created_ns, 1);
    walk_instant(walk, &trial->expires_ns, 1);
    walk_text(walk, &trial->json, DOCUMENT_BYTES_MAX);
    walk_u8(walk, &trial->phase, TRIAL_PHASES - 1);
    walk_u32(walk, &trial->part_count, PARTS_MAX);
    walk_u32(walk, &trial->step_buckets, UINT16_MAX);
    walk_u32(walk, &trial->step_done, UINT16_MAX);
    double *const lists[] = {trial->step, trial->usual, trial->moved};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (uint32_t k = 0; k < trial->part_count; k++) walk_real(walk, &lists[i][k]);
    for (uint32_t i = 0; i < ACTION_TARGETS_MAX; i++) walk_real(walk, &trial->load[i]);
    walk_real(walk, &trial->evidence);
    walk_real(walk, &trial->against);
    int64_t *const times[] = {&trial->since_ns, &trial->seen_ns, &trial->from_ns, &trial->until_ns};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) walk_instant(walk, times[i], 1);
    walk_fare(walk, &trial->before);
    walk_fare(walk, &trial->pending);
    walk_fare(walk, &trial->after);
    walk_bool(walk, &trial->counted_seen);
}

void verify_walk(walk_t *walk, verifier_t *verifier) {
    uint32_t records = verifier->record_count, trials = verifier->trial_count;
    walk_u32(walk, &records, RECORD_KINDS_MAX);
    for (uint32_t i = 0; i < records && walk->ok; i++) walk_record(walk, &verifier->records[i]);
    walk_u32(walk, &trials, TRIALS_MAX);
    for (uint32_t i = 0; i < trials && walk->ok; i++) {
        if (walk->in != NULL) {
            verifier->trials[i] = memory_new(1, sizeof *verifier->trials[i]);
            verifier->trial_count = i + 1;
        }
        walk_trial(walk, verifier->trials[i]);
        if (walk->in != NULL && (!walk->ok || !trial_read(verifier->trials[i]))) walk->ok = false;
    }
    if (walk->in != NULL) verifier->record_count = walk->ok ? records : 0;
}
