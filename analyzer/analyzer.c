#include "analyzer/analyzer.h"

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
    analyzer->sink = sink;
    analyzer->next_incident = analyzer->next_suggestion = 1;
    analyzer->last_bucket = analyzer->last_data_bucket = INT64_MIN;
    analyzer->verifier = verifier_new();
    return analyzer;
}

void analyzer_free(analyzer_t *analyzer) {
    if (analyzer == NULL) return;
    subjects_fini(analyzer);
    answers_fini(analyzer);
    free(analyzer->open);
    free(analyzer->verdicts.items);
    free(analyzer->observations);
    free(analyzer->slots);
    free(analyzer->by_entity);
    verifier_free(analyzer->verifier);
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

/* Counted requests of this bucket: into the waiting buckets of their subjects, and judged. */
static void tick_flows(analyzer_t *analyzer, int64_t bucket) {
    for (uint32_t i = 0; i < analyzer->observation_count; i++) {
        const observation_t *observation = &analyzer->observations[i];
        if (observation->requests <= 0) continue;
        subject_t *subject = &analyzer->subjects[observation->subject];
        flow_t *flow = subject_flow(analyzer, subject);
        if (flow == NULL) continue;
        if (observation->entity != 0) subject->entity = observation->entity;
        bool gap = flow_push(flow, observation, bucket);
        for (uint32_t t = 0; gap && t < subject->track_count; t++)
            if (subject->tracks[t].gauge == NULL) subject->tracks[t].trouble.streak = 0;
        detect_errors(analyzer, observation->subject);
        detect_latency(analyzer, observation->subject, TRACK_LATENCY);
        detect_latency(analyzer, observation->subject, TRACK_CLIENT_LATENCY);
    }
}

void analyzer_bucket(analyzer_t *analyzer, const shard_t *shard, int64_t bucket, const bucket_t *cells) {
    if (bucket <= analyzer->last_bucket) return; /* late points are for the charts */
    analyzer->shard = shard;
    analyzer->last_bucket = bucket;
    if (analyzer->last_data_bucket != INT64_MIN && bucket - analyzer->last_data_bucket > SILENCE_BUCKETS)
        incidents_gap(analyzer, analyzer->last_data_bucket);
    analyzer->verdicts.count = 0;
    if (cells != NULL && cells->count > 0) {
        analyzer->last_data_bucket = bucket;
        observe(analyzer, bucket, cells);
        tick_flows(analyzer, bucket);
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
