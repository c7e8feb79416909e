/* The subjects under watch and their tracks, found by a hash of their key, kept in order of first sight: what the
 * analyzer does never depends on the layout of the hash table. */
#include "analyzer/state.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

static uint64_t hash_of(const subject_key_t *key) {
    uint32_t words[4] = {key->kind, key->service, key->caller, key->part};
    return XXH3_64bits(words, sizeof words);
}

static bool key_equal(const subject_key_t *a, const subject_key_t *b) {
    return a->kind == b->kind && a->service == b->service && a->caller == b->caller && a->part == b->part;
}

uint32_t subject_find(const analyzer_t *analyzer, const subject_key_t *key) {
    for (table_probe_t probe = table_probe(&analyzer->index, hash_of(key)); table_next(&analyzer->index, &probe);)
        if (key_equal(&analyzer->subjects[probe.index].key, key)) return probe.index;
    return NO_INDEX;
}

uint32_t subject_add(analyzer_t *analyzer, const subject_key_t *key) {
    if (analyzer->subject_count == analyzer->subject_capacity) {
        analyzer->subject_capacity = analyzer->subject_capacity == 0 ? 64 : analyzer->subject_capacity * 2;
        analyzer->subjects = memory_resize(analyzer->subjects, analyzer->subject_capacity * sizeof *analyzer->subjects);
    }
    uint32_t ids[] = {key->service, key->caller, key->part};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (ids[i] >= analyzer->names_bound) analyzer->names_bound = ids[i] + 1;
    uint32_t index = analyzer->subject_count++;
    analyzer->subjects[index] = (subject_t){.key = *key, .first_bucket = INT64_MIN, .last_bucket = INT64_MIN};
    table_insert(&analyzer->index, hash_of(key), index);
    return index;
}

uint32_t subject_intern(analyzer_t *analyzer, const subject_key_t *key) {
    uint32_t index = subject_find(analyzer, key);
    if (index != NO_INDEX) return index;
    if (analyzer->track_total >= analyzer->config.series || analyzer->subject_count >= analyzer->config.series) {
        analyzer->refused++;
        return NO_INDEX;
    }
    return subject_add(analyzer, key);
}

static track_t *track_add(analyzer_t *analyzer, subject_t *subject, uint8_t role) {
    if (analyzer->track_total >= analyzer->config.series) {
        analyzer->refused++;
        return NULL;
    }
    analyzer->track_total++;
    subject->tracks = memory_resize(subject->tracks, (subject->track_count + 1) * sizeof *subject->tracks);
    track_t *track = &subject->tracks[subject->track_count++];
    *track = (track_t){.role = role};
    return track;
}

flow_t *subject_flow(analyzer_t *analyzer, subject_t *subject) {
    if (subject->flow != NULL) return subject->flow;
    if (analyzer->track_total + 3 > analyzer->config.series) {
        analyzer->refused++;
        return NULL;
    }
    subject->flow = memory_new(1, sizeof *subject->flow);
    for (uint8_t role = TRACK_ERRORS; role <= TRACK_CLIENT_LATENCY; role++) (void)track_add(analyzer, subject, role);
    return subject->flow;
}

uint32_t subject_track(const subject_t *subject, uint8_t role) {
    for (uint32_t i = 0; i < subject->track_count; i++)
        if (subject->tracks[i].gauge == NULL && subject->tracks[i].role == role) return i;
    return NO_INDEX;
}

/* What a gauge's name says about how to read it. */
static const struct {
    const char *name;
    uint8_t role, quantile;
} gauge_roles[] = {
    {"latency.p50", TRACK_LATENCY, 50},
    {"latency.p90", TRACK_LATENCY, 90},
    {"latency.p95", TRACK_LATENCY, 95},
    {"latency.p99", TRACK_LATENCY, 99},
    {"latency.avg", TRACK_LATENCY, 0},
    {"client.latency.p50", TRACK_CLIENT_LATENCY, 50},
    {"client.latency.p90", TRACK_CLIENT_LATENCY, 90},
    {"client.latency.p95", TRACK_CLIENT_LATENCY, 95},
    {"client.latency.p99", TRACK_CLIENT_LATENCY, 99},
    {"client.latency.avg", TRACK_CLIENT_LATENCY, 0},
    {"success_ratio", TRACK_GAUGE_FAILURES, 0},
    {"cpu.utilization", TRACK_GAUGE_PROCESSOR, 0},
    {"memory.utilization", TRACK_GAUGE_SATURATION, 0},
};

track_t *subject_gauge(analyzer_t *analyzer, subject_t *subject, uint32_t signal) {
    for (uint32_t i = 0; i < subject->track_count; i++)
        if (subject->tracks[i].gauge != NULL && subject->tracks[i].gauge->signal == signal) return &subject->tracks[i];
    const char *name = names_cstr(&analyzer->shard->names, signal);
    uint8_t role = TRACK_GAUGE_OTHER, quantile = 0;
    for (size_t i = 0; i < sizeof gauge_roles / sizeof gauge_roles[0]; i++) {
        if (strcmp(gauge_roles[i].name, name) != 0) continue;
        role = gauge_roles[i].role;
        quantile = gauge_roles[i].quantile;
    }
    track_t *track = track_add(analyzer, subject, role);
    if (track == NULL) return NULL;
    track->quantile = quantile;
    track->gauge = memory_new(1, sizeof *track->gauge);
    track->gauge->signal = signal;
    track->gauge->pending = NAN;
    track->gauge->last_ns = INT64_MIN;
    return track;
}

void subjects_fini(analyzer_t *analyzer) {
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        subject_t *subject = &analyzer->subjects[i];
        for (uint32_t t = 0; t < subject->track_count; t++) free(subject->tracks[t].gauge);
        free(subject->tracks);
        free(subject->flow);
    }
    free(analyzer->subjects);
    table_fini(&analyzer->index);
}
