/* Can a target bear more? What it bore before is the best witness. Beyond that, its processors: their usual use grows
 * in proportion to the requests, and may not pass ROOM_MAX, where waiting grows steeply (M/M/c: at 80 % of one server
 * four requests wait for each that works). Where nobody tells the processors' use, up to twice what was borne is taken
 * for possible, not for known. A target that is slower than usual itself bears nothing more. */
#include "analyzer/routing/routing.h"

#include <math.h>

static const double MARGIN = 1.1, ROOM_MAX = 0.8, UNKNOWN_MAX = 2.1, STRAINED = 1.5, STRAINED_S = 0.005;

/* True when an instance is a part of the peer. */
static bool part_of(const analyzer_t *analyzer, const subject_t *instance, entity_kind_t kind, uint32_t part) {
    if (kind == ENTITY_INSTANCE) return instance->key.part == part;
    if (kind == ENTITY_VERSION) return instance->key.version == part;
    return instance->entity < analyzer->shard->entity_count && analyzer->shard->entities[instance->entity].zone == part;
}

/* Usual use of the processors of a peer's instances, 0..1; NAN when not told. */
static double processor_of(const analyzer_t *analyzer, const peer_t *peer, entity_kind_t kind) {
    const subject_key_t *key = &analyzer->subjects[peer->subject].key;
    double sum = 0, low, expected, high;
    uint32_t count = 0;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        if (subject->key.kind != ENTITY_INSTANCE || subject->key.service != key->service) continue;
        if (!part_of(analyzer, subject, kind, key->part)) continue;
        for (uint32_t t = 0; t < subject->track_count; t++) {
            if (subject->tracks[t].role != TRACK_GAUGE_PROCESSOR) continue;
            if (!gauge_band(&subject->tracks[t], &low, &expected, &high)) continue;
            sum += expected;
            count++;
        }
    }
    return count > 0 ? sum / count : NAN;
}

uint8_t capacity_of(const analyzer_t *analyzer, const peer_t *peer, entity_kind_t kind, double rate,
                    double *processor) {
    double use = processor_of(analyzer, peer, kind);
    *processor = peer->usual_rate > 0 ? use * rate / peer->usual_rate : NAN;
    double now = histogram_quantile(&peer->latency, 0.5), usual = histogram_quantile(&peer->usual, 0.5);
    if (now > usual * STRAINED && now > usual + STRAINED_S) return CAPACITY_LACKING;
    if (rate <= peer->highest_rate * MARGIN) return CAPACITY_BORNE;
    if (!isnan(*processor)) return *processor <= ROOM_MAX ? CAPACITY_ROOM : CAPACITY_LACKING;
    return rate > peer->highest_rate * UNKNOWN_MAX ? CAPACITY_LACKING : CAPACITY_UNKNOWN;
}
