#include "analyzer/analyzer.h"

#include "analyzer/habits.h"
#include "analyzer/routing/verify.h"
#include "analyzer/state.h"
#include "base/memory.h"

#include <stdlib.h>

/* Buckets without any data after which what was open is over: nobody sees it any more. */
enum { SILENCE_BUCKETS = 60 };

void analyzer_config_defaults(analyzer_config_t *config) {
    *config = (analyzer_config_t){.sensitivity = 1, .minimum_rate = 2, .series = 100000};
}

analyzer_t *analyzer_new(const analyzer_config_t *config, analyzer_sink_t sink) {
    analyzer_t *analyzer = memory_new(1, sizeof *analyzer);
    analyzer->config = *config;
    if (!(analyzer->config.sensitivity > 0)) analyzer->config.sensitivity = 1;
    detect_latency_init(analyzer);
    analyzer->sink = sink;
    analyzer->next_incident = analyzer->next_suggestion = 1;
    analyzer->last_bucket = analyzer->last_data_bucket = INT64_MIN;
    analyzer->verifier = verifier_new();
    analyzer->habits = habits_new();
    return analyzer;
}

void analyzer_free(analyzer_t *analyzer) {
    if (analyzer == NULL) return;
    subjects_fini(analyzer);
    answers_fini(analyzer);
    free(analyzer->open);
    free(analyzer->verdicts.items);
    free(analyzer->judged);
    free(analyzer->sources);
    free(analyzer->links);
    free(analyzer->told);
    free(analyzer->cell_subjects);
    free(analyzer->by_entity);
    verifier_free(analyzer->verifier);
    habits_free(analyzer->habits);
    free(analyzer);
}

verdict_t *verdict_add(analyzer_t *analyzer, uint32_t subject, uint32_t track) {
    verdicts_t *verdicts = &analyzer->verdicts;
    if (verdicts->count == verdicts->capacity) {
        verdicts->capacity = verdicts->capacity == 0 ? 64 : verdicts->capacity * 2;
        verdicts->items = memory_resize(verdicts->items, verdicts->capacity * sizeof *verdicts->items);
    }
    verdict_t *verdict = &verdicts->items[verdicts->count++];
    *verdict = (verdict_t){.subject = subject, .track = track};
    return verdict;
}

void track_judged(analyzer_t *analyzer, uint32_t subject, uint32_t track) {
    if (analyzer->judged_count == analyzer->judged_capacity) {
        analyzer->judged_capacity = analyzer->judged_capacity == 0 ? 64 : analyzer->judged_capacity * 2;
        analyzer->judged = memory_resize(analyzer->judged, analyzer->judged_capacity * sizeof *analyzer->judged);
    }
    analyzer->judged[analyzer->judged_count++] = (judged_t){subject, track};
}

/* Versions and instances repeat their service's question, and the quantiles of one latency are one question. */
void track_asked(analyzer_t *analyzer, uint32_t subject, uint8_t role, bool opens) {
    verdicts_t *verdicts = &analyzer->verdicts;
    if (verdicts->asked_subject != subject) {
        verdicts->asked_subject = subject;
        verdicts->asked_roles = 0;
    }
    uint8_t kind = analyzer->subjects[subject].key.kind;
    bool repeats = (verdicts->asked_roles >> role & 1) != 0 || (kind != ENTITY_SERVICE && kind != ENTITY_EDGE);
    verdicts->asked_roles |= 1U << role;
    if (opens && !repeats) verdicts->asked++;
}

uint8_t *track_streak(const subject_t *subject, const track_t *track) {
    return track->gauge != NULL ? &track->gauge->streak : &subject->flow->streak[track->role];
}

/* Counted requests of this bucket: into the waiting buckets of their subject, and judged. */
static void tick_flow(analyzer_t *analyzer, uint32_t index, const observation_t *observation, int64_t bucket) {
    if (observation->requests <= 0) return;
    subject_t *subject = &analyzer->subjects[index];
    flow_t *flow = subject_flow(analyzer, subject);
    if (flow == NULL) return;
    if (observation->entity != 0) subject->entity = observation->entity;
    if (observation->latencies[VIEW_CALLER].end > 0) (void)subject_waited(analyzer, subject);
    if (flow_push(flow, observation, bucket)) memset(flow->streak, 0, sizeof flow->streak);
    window_t windows[WINDOWS];
    uint32_t count = flow_windows(flow, windows);
    if (!windows[0].enough) return; /* nor is any longer one */
    track_judged(analyzer, index, NO_INDEX);
    detect_errors(analyzer, index, windows, count);
    detect_latency(analyzer, index, TRACK_LATENCY, windows, count);
    if (flow->waited) detect_latency(analyzer, index, TRACK_CLIENT_LATENCY, windows, count);
}

void analyzer_bucket(analyzer_t *analyzer, const shard_t *shard, int64_t bucket, const bucket_t *cells) {
    if (bucket <= analyzer->last_bucket) return; /* late points are for the charts */
    analyzer->shard = shard;
    analyzer->last_bucket = bucket;
    if (analyzer->last_data_bucket != INT64_MIN && bucket - analyzer->last_data_bucket > SILENCE_BUCKETS)
        incidents_gap(analyzer);
    analyzer->verdicts.count = analyzer->verdicts.asked = analyzer->judged_count = 0;
    analyzer->verdicts.asked_subject = NO_INDEX;
    if (cells != NULL && cells->count > 0) {
        analyzer->last_data_bucket = bucket;
        observe(analyzer, bucket, cells, tick_flow);
        usual_hour_apply(analyzer, bucket);
        habits_tick(analyzer, bucket);
    }
    incidents_tick(analyzer, bucket_end_ns(bucket));
    verify_tick(analyzer, bucket, cells);
    analyzer->shard = NULL;
}

bool analyzer_band(const analyzer_t *analyzer, uint32_t entity, const char *signal, double *low, double *expected,
                   double *high) {
    if (entity >= analyzer->by_entity_count) return false;
    uint32_t index = analyzer->by_entity[entity];
    if (index == 0 || index == NO_INDEX) return false;
    const subject_t *subject = &analyzer->subjects[index - 1];
    uint8_t role = strcmp(signal, "errors") == 0 || strcmp(signal, "error_ratio") == 0 ? TRACK_ERRORS : TRACK_LATENCY;
    if (role == TRACK_LATENCY && strcmp(signal, "latency") != 0) return false;
    if (subject->flow != NULL && flow_band(subject->flow, role, low, expected, high)) return true;
    for (uint32_t i = 0; i < subject->track_count; i++) {
        const track_t *track = &subject->tracks[i];
        if (track->gauge == NULL) continue;
        if (track->role == (role == TRACK_ERRORS ? TRACK_GAUGE_FAILURES : TRACK_LATENCY))
            return gauge_band(track, low, expected, high);
    }
    return false;
}
