/* The analyzer's state as bytes: version byte, then every field in the order of the structs in state.h; numbers that
 * are small as varints, times as zigzag varints, reals as IEEE 754 bits. Equal states give equal bytes, and a loaded
 * state goes on exactly as the saved one would have. Layout:
 *
 *   u8 version, zigzag last_bucket, zigzag last_data_bucket, varint next_incident, next_suggestion, refused
 *   varint n entities: varint subject + 1 of each (NO_INDEX = not followed)
 *   varint n subjects: key, entity, last_bucket, u8 has flow, flow, varint n tracks, tracks
 *   varint n open incidents
 *   suggestions followed, and the track record (routing/verify_codec.c); from version 3 on
 *   of each service its traffic and its hours (traffic.h, season.h); from version 5 on
 *
 * Version 1 had one role less (no TRACK_GAUGE_PROCESSOR) and read what fills up by another scale: such gauges are
 * learned anew, all else goes on. Versions 1 and 2 did not note when a subject was first seen, nor answers of people.
 * Up to version 3 every subject with counts had a track of its callers' latency, told or not, and there were no sums of
 * its latencies. Up to version 5 nothing told which failures were calls given up or refused, nor wide buckets.
 *
 * One list of fields serves both directions (walk.h), so that they cannot drift apart. */
#include "analyzer/habits.h"
#include "analyzer/routing/verify.h"
#include "analyzer/state.h"
#include "analyzer/walk.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

enum {
    VERSION = 6,
    VERSION_OLDEST = 1,
    VERSION_FOLLOWS = 3,
    VERSION_SUMS = 4,
    VERSION_CAUSES = 6,
    NAME_ID_MAX = 1 << 24,
    SUBJECT_BYTES_MIN = 8
};

/* A real that is remembered as a float. */
static void walk_real(walk_t *walk, float *value) {
    double wide = *value;
    walk_f64(walk, &wide);
    *value = (float)wide;
}

/* The sums are of the bins, but rounded on another way. */
static void walk_usual(walk_t *walk, flow_t *flow, uint8_t role) {
    usual_t *usual = &flow->usual[role == TRACK_LATENCY ? VIEW_SERVER : VIEW_CALLER];
    histogram_t latencies = {{0}};
    if (walk->out != NULL) flow_latencies(flow, flow->recent_count, role, &latencies);
    walk_histogram(walk, &latencies);
    if (walk->in != NULL && walk->ok) usual_set(usual, &latencies);
    if (walk->version < VERSION_SUMS) return;
    walk_f32(walk, &usual->count);
    walk_f32(walk, &usual->seconds);
}

static void walk_bucket(walk_t *walk, flow_t *flow, uint32_t recent) {
    flow_bucket_t *bucket = &flow->recent[recent];
    int64_t number = bucket->bucket;
    walk_instant(walk, &number, BUCKET_NS); /* that fits into 32 bits */
    bucket->bucket = walk->ok ? (int32_t)number : 0;
    walk_bool(walk, &bucket->suspicious);
    walk_bool(walk, &bucket->held);
    walk_real(walk, &bucket->requests);
    walk_real(walk, &bucket->errors);
    if (walk->version >= VERSION_CAUSES) {
        walk_u8(walk, &bucket->late, UINT8_MAX);
        walk_u8(walk, &bucket->refused, UINT8_MAX);
    }
    tally_t latencies[VIEWS] = {0};
    for (uint8_t role = TRACK_LATENCY; role <= TRACK_CLIENT_LATENCY; role++) {
        histogram_t histogram = {{0}};
        if (walk->out != NULL) flow_recent_add(flow, recent, role, &histogram);
        walk_histogram(walk, &histogram);
        tally_add_histogram(&latencies[role - TRACK_LATENCY], &histogram);
    }
    if (walk->in != NULL && walk->ok) flow_recent_set(flow, recent, latencies);
}

/* Seconds that can be added to an instant; nothing is told less often than every 31 years. */
static bool is_period(double period_s) {
    return period_s >= 0 && period_s <= 1e9;
}

static void walk_flow(walk_t *walk, flow_t *flow) {
    float *reals[] = {&flow->requests,       &flow->errors,        &flow->buckets,       &flow->lumps,
                      &flow->lump_weight,    &flow->tail_lumps[0], &flow->tail_lumps[1], &flow->tail_weight[0],
                      &flow->tail_weight[1], &flow->highest_rate,  &flow->period_s};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) walk_real(walk, reals[i]);
    if (!is_period((double)flow->period_s)) walk->ok = false;
    walk_bool(walk, &flow->before_suspicious);
    if (walk->version >= VERSION_CAUSES) walk_bool(walk, &flow->coarse);
    walk_usual(walk, flow, TRACK_LATENCY);
    walk_usual(walk, flow, TRACK_CLIENT_LATENCY);
    walk_u8(walk, &flow->recent_count, RECENT_BUCKETS);
    for (uint32_t i = 0; i < flow->recent_count && walk->ok; i++) walk_bucket(walk, flow, i);
}

static void walk_gauge(walk_t *walk, gauge_track_t *gauge) {
    walk_u32(walk, &gauge->signal, NAME_ID_MAX);
    walk_u16(walk, &gauge->count, GAUGE_HISTORY);
    walk_u16(walk, &gauge->next, GAUGE_HISTORY - 1);
    for (uint16_t i = 0; i < gauge->count; i++) walk_f32(walk, &gauge->history[i]);
    walk_instant_or_none(walk, &gauge->last_ns, 1);
    walk_f64(walk, &gauge->period_s);
    if (!is_period(gauge->period_s)) walk->ok = false;
    walk_f64(walk, &gauge->pending);
    walk_bool(walk, &gauge->pending_suspicious);
    walk_bool(walk, &gauge->before_suspicious);
    walk_bool(walk, &gauge->held);
}

static void walk_trouble(walk_t *walk, trouble_t *trouble) {
    walk_u64(walk, &trouble->incident);
    if (trouble->incident == 0) return;
    walk_instant(walk, &trouble->onset_ns, 1);
    walk_instant(walk, &trouble->last_ns, 1);
    float *reals[] = {&trouble->strength, &trouble->effect,   &trouble->excess,
                      &trouble->observed, &trouble->expected, &trouble->low,
                      &trouble->high,     &trouble->requests, &trouble->affected_per_minute,
                      &trouble->window_s};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) walk_real(walk, reals[i]);
}

/* A track as version 1 wrote it. */
static void modernise(track_t *track) {
    enum { OTHER_OF_1 = 5 };
    if (track->role == OTHER_OF_1) track->role = TRACK_GAUGE_OTHER;
    if (track->role == TRACK_GAUGE_SATURATION && track->gauge != NULL) {
        track->gauge->signal = NAME_NONE; /* nothing finds it any more: the next point begins a new one */
        track->gauge->count = track->gauge->next = 0;
        track->gauge->pending = NAN;
    }
}

static void walk_track(walk_t *walk, flow_t *flow, track_t *track) {
    walk_u8(walk, &track->role, TRACK_ROLES - 1);
    walk_u8(walk, &track->quantile, 100);
    uint8_t streak = 0;
    bool gauge = track->gauge != NULL;
    if (walk->out != NULL) streak = gauge ? track->gauge->streak : flow->streak[track->role];
    walk_u8(walk, &streak, UINT8_MAX);
    walk_trouble(walk, &track->trouble);
    walk_bool(walk, &gauge);
    if (!walk->ok) return;
    if (!gauge) {
        if (flow == NULL || track->role > TRACK_CLIENT_LATENCY)
            walk->ok = false;
        else
            flow->streak[track->role] = streak;
        return;
    }
    if (track->gauge == NULL) track->gauge = memory_new(1, sizeof *track->gauge);
    track->gauge->streak = streak;
    walk_gauge(walk, track->gauge);
    if (walk->version == 1) modernise(track);
}

static void walk_key(walk_t *walk, subject_key_t *key) {
    walk_u8(walk, &key->kind, ENTITY_KINDS - 1);
    walk_u32(walk, &key->service, NAME_ID_MAX);
    walk_u32(walk, &key->caller, NAME_ID_MAX);
    walk_u32(walk, &key->part, NAME_ID_MAX);
    walk_u32(walk, &key->version, NAME_ID_MAX);
    if (key->service == NAME_NONE) walk->ok = false;
}

static void walk_subject(walk_t *walk, subject_t *subject) {
    walk_u32(walk, &subject->entity, UINT32_MAX);
    if (walk->version >= 3) walk_instant_or_none(walk, &subject->first_bucket, BUCKET_NS);
    walk_instant_or_none(walk, &subject->last_bucket, BUCKET_NS);
    bool flow = subject->flow != NULL;
    walk_bool(walk, &flow);
    if (flow && walk->ok) {
        if (subject->flow == NULL) subject->flow = memory_new(1, sizeof *subject->flow);
        walk_flow(walk, subject->flow);
    }
    uint32_t tracks = subject->track_count;
    walk_u32(walk, &tracks, UINT16_MAX);
    if (walk->in != NULL && walk->ok) {
        if (tracks > bytes_left(walk->in))
            walk->ok = false;
        else {
            subject->tracks = memory_new(tracks + 1, sizeof *subject->tracks);
            subject->track_count = tracks;
        }
    }
    for (uint32_t i = 0; i < subject->track_count && walk->ok; i++)
        walk_track(walk, subject->flow, &subject->tracks[i]);
    if (!flow || walk->in == NULL || !walk->ok) return;
    walk->ok = subject_track(subject, TRACK_ERRORS) != NO_INDEX && subject_track(subject, TRACK_LATENCY) != NO_INDEX;
    subject->flow->waited = subject_track(subject, TRACK_CLIENT_LATENCY) != NO_INDEX;
}

static void walk_blame(walk_t *walk, blame_t *blame) {
    walk_u32(walk, &blame->service, NAME_ID_MAX);
    walk_u32(walk, &blame->version, NAME_ID_MAX);
    walk_u32(walk, &blame->instance, NAME_ID_MAX);
    walk_u32(walk, &blame->subject, UINT32_MAX);
    walk_u32(walk, &blame->track, UINT32_MAX);
    walk_f64(walk, &blame->score);
    walk_f64(walk, &blame->own);
    walk_f64(walk, &blame->network);
    walk_f64(walk, &blame->saturation);
    walk_instant(walk, &blame->onset_ns, 1);
}

static void walk_incident(walk_t *walk, incident_t *incident) {
    walk_u64(walk, &incident->id);
    walk_instant(walk, &incident->opened_ns, 1);
    walk_instant(walk, &incident->updated_ns, 1);
    walk_instant(walk, &incident->closed_ns, 1);
    walk_instant(walk, &incident->first_failure_ns, 1);
    walk_bool(walk, &incident->established);
    walk_f64(walk, &incident->evidence);
    walk_f64(walk, &incident->affected_per_minute);
    walk_f64(walk, &incident->time_lost_s_per_minute);
    walk_u64(walk, &incident->suggestion);
    walk_u8(walk, &incident->suggestion_kind, UINT8_MAX);
    if (walk->version >= 3) walk_u8(walk, &incident->answered, ANSWER_KINDS - 1);
    walk_u32(walk, &incident->suspect_count, SUSPECTS_MAX);
    for (uint32_t i = 0; i < incident->suspect_count; i++) walk_blame(walk, &incident->suspects[i]);
}

static void walk_head(walk_t *walk, analyzer_t *analyzer) {
    walk_instant_or_none(walk, &analyzer->last_bucket, BUCKET_NS);
    walk_instant_or_none(walk, &analyzer->last_data_bucket, BUCKET_NS);
    walk_u64(walk, &analyzer->next_incident);
    walk_u64(walk, &analyzer->next_suggestion);
    walk_u64(walk, &analyzer->refused);
}

void analyzer_save(const analyzer_t *analyzer, buffer_t *out) {
    analyzer_t copy = *analyzer; /* the walk takes what it may change, but does not when it writes */
    walk_t walk = {.out = out, .version = VERSION, .ok = true};
    buffer_byte(out, VERSION);
    walk_head(&walk, &copy);
    buffer_varint(out, copy.by_entity_count);
    for (uint32_t i = 0; i < copy.by_entity_count; i++) buffer_varint(out, copy.by_entity[i]);
    buffer_varint(out, copy.subject_count);
    for (uint32_t i = 0; i < copy.subject_count; i++) {
        walk_key(&walk, &copy.subjects[i].key);
        walk_subject(&walk, &copy.subjects[i]);
    }
    buffer_varint(out, copy.open_count);
    for (uint32_t i = 0; i < copy.open_count; i++) walk_incident(&walk, &copy.open[i]);
    verify_walk(&walk, copy.verifier);
    habits_walk(&walk, &copy);
}

static void load_entities(walk_t *walk, analyzer_t *analyzer) {
    analyzer->by_entity_count = walk_count(walk, 1);
    analyzer->by_entity = memory_new(analyzer->by_entity_count + 1, sizeof *analyzer->by_entity);
    for (uint32_t i = 0; i < analyzer->by_entity_count; i++) walk_u32(walk, &analyzer->by_entity[i], UINT32_MAX);
}

static void load_subjects(walk_t *walk, analyzer_t *analyzer) {
    uint32_t count = walk_count(walk, SUBJECT_BYTES_MIN);
    for (uint32_t i = 0; i < count && walk->ok; i++) {
        subject_key_t key = {0};
        walk_key(walk, &key);
        if (!walk->ok) return;
        uint32_t index = subject_add(analyzer, &key);
        subject_t *subject = &analyzer->subjects[index];
        walk_subject(walk, subject);
        analyzer->track_total += subject->track_count;
    }
    for (uint32_t i = 0; i < analyzer->by_entity_count; i++)
        if (analyzer->by_entity[i] != NO_INDEX && analyzer->by_entity[i] > analyzer->subject_count) walk->ok = false;
}

static void load_incidents(walk_t *walk, analyzer_t *analyzer) {
    analyzer->open_count = walk_count(walk, SUBJECT_BYTES_MIN);
    analyzer->open = memory_new(analyzer->open_count + 1, sizeof *analyzer->open);
    for (uint32_t i = 0; i < analyzer->open_count && walk->ok; i++) {
        incident_t *incident = &analyzer->open[i];
        walk_incident(walk, incident);
        for (uint32_t s = 0; s < incident->suspect_count; s++) {
            const blame_t *blame = &incident->suspects[s];
            if (blame->subject >= analyzer->subject_count ||
                blame->track >= analyzer->subjects[blame->subject].track_count)
                walk->ok = false;
        }
    }
    if (!walk->ok) analyzer->open_count = 0;
}

err_t analyzer_load(analyzer_t *analyzer, slice_t bytes) {
    bytes_t in = bytes_of(bytes);
    walk_t walk = {.in = &in, .ok = true};
    uint8_t version;
    if (!bytes_byte(&in, &version)) return ERR_MALFORMED;
    if (version < VERSION_OLDEST || version > VERSION) return ERR_FOREIGN;
    walk.version = version;
    analyzer_t *loaded = analyzer_new(&analyzer->config, analyzer->sink);
    walk_head(&walk, loaded);
    load_entities(&walk, loaded);
    load_subjects(&walk, loaded);
    load_incidents(&walk, loaded);
    if (version >= VERSION_FOLLOWS) verify_walk(&walk, loaded->verifier);
    if (walk.ok) habits_walk(&walk, loaded);
    bool ok = walk.ok && bytes_done(&in);
    if (ok) { /* the loaded state and the old one change places */
        analyzer_t old = *analyzer;
        *analyzer = *loaded;
        *loaded = old;
        analyzer->answers = old.answers;
        analyzer->answer_count = old.answer_count;
        loaded->answers = NULL;
        loaded->answer_count = 0;
    }
    analyzer_free(loaded);
    return ok ? ERR_OK : ERR_MALFORMED;
}
