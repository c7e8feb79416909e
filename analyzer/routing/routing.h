/* routing: what would help. Planners, one file per kind of cure, each look at the first suspect and say what they would
 * change and what they expect of it; suggest.c takes the one that spares users most even when its forecast errs on the
 * bad side, or none. Versions, zones and instances are compared with their peers (peers.h), what moving their traffic
 * does is predicted by effect.c, and whether the others can bear it is judged by capacity.c. What comes out is an
 * action (action.h), which a language (language.h) writes as a mesh's objects. */
#ifndef SEISMESH_ANALYZER_ROUTING_H
#define SEISMESH_ANALYZER_ROUTING_H

#include "analyzer/peers.h"
#include "analyzer/routing/language.h"

/* A request that fails is as bad as so many seconds of waiting. A choice, not a measurement. */
#define PATIENCE_S 1.0

/* What a subject's counted requests are since a moment, and what they usually are. */
typedef struct {
    double requests, errors, rate; /* since then; requests/s */
    histogram_t latency, waits;    /* of successes, as served; of all, as callers saw them */
    baseline_t usual;
    double usual_rate, usual_errors, highest_rate; /* requests/s; share; requests/s */
    double late, refused; /* shares of the requests: given up by callers; forbidden, or without a connection */
    histogram_t usual_latency, usual_waits;
    bool coarse; /* latencies come out of wide buckets */
} lately_t;

/* A figure now and after the change, with a 90 % interval. */
typedef struct {
    double now, predicted, low, high;
} forecast_t;

/* What a request costs its user, in failed requests: its chance to fail, and its waiting over PATIENCE_S. */
typedef struct {
    double usual, now, predicted, worst; /* worst: at the bad end of the forecast */
} harm_t;

enum { CAPACITY_BORNE, CAPACITY_ROOM, CAPACITY_UNKNOWN, CAPACITY_LACKING };

/* Of the service that is changed; where calls to it are changed (limits, retries, timeouts), errors are of those calls,
 * and with a timeout the 99th percentile is the caller's. */
typedef struct {
    forecast_t errors, p99_s;
    harm_t harm;
    double rate, highest; /* of the busiest receiver: requests/s after the change, and the most it bore before */
    double processor;     /* its processor's use after the change, 0..1; NAN = not told */
    uint8_t capacity;     /* CAPACITY_… */
    uint32_t receiver;    /* index of that peer */
} effect_t;

static inline bool effect_fits(const effect_t *effect) {
    return effect->capacity != CAPACITY_LACKING;
}

/* Takes `worst` out. `spread`: its traffic is shared by all others in proportion to theirs (instances, zones); else the
 * biggest other gets everything (versions). */
effect_t effect_without(const analyzer_t *analyzer, const peers_t *peers, const contrast_t *contrast, bool spread);

/* What users of a service get when what ails it is over: what is usual for it, within `widen` times chance. */
void effect_usual(const lately_t *lately, double widen, effect_t *effect);

/* A request's cost in failed requests, as harm_t has it. */
double effect_cost(double errors, const histogram_t *latency);

/* capacity.c: whether a peer bears `rate` requests/s. `processor` as above. */
uint8_t capacity_of(const analyzer_t *analyzer, const peer_t *peer, entity_kind_t kind, double rate, double *processor);

/* What is proposed: everything that goes into the document. The order is kept in saved states. */
typedef enum {
    KIND_NOTHING_YET,
    KIND_NONE,
    KIND_ROLL_BACK,
    KIND_EJECT,
    KIND_SET_TIMEOUT,
    KIND_CIRCUIT_BREAKER,
    KIND_PROMOTE,
    KIND_SHIFT_ZONES,
    KIND_FAIL_OVER,
    KIND_DRAIN,
    KIND_CUT_RETRIES,
    KIND_RATE_LIMIT,
    KINDS
} kind_t;

enum { SENTENCE_BYTES = 1024, WRONG_IF_MAX = 5 };

/* A target's requests/s now and after the change, and the most it ever bore. */
typedef struct {
    uint32_t name;
    double now, predicted, highest;
} load_row_t;

typedef struct {
    uint8_t kind; /* kind_t */
    uint32_t service, version, zone, instance;
    routing_action_t action;
    char title[SENTENCE_BYTES], sentence[SENTENCE_BYTES], capacity[SENTENCE_BYTES], blast_radius[SENTENCE_BYTES];
    load_row_t load[PEERS_MAX];
    uint32_t load_count;
    effect_t effect;
    double confidence;
    double blast; /* share of the service's requests that fare differently by it */
    const char *wrong_if[WRONG_IF_MAX];
    const char *cannot; /* of a plan that came to nothing: why, when it was near */
} plan_t;

/* Each fills a zeroed plan and returns true when it has something to propose; else what it left in `plan` is to be
 * thrown away, but for `cannot`. */
typedef bool (*planner_t)(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan);

bool plan_versions(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan);
bool plan_zones(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan);
bool plan_ejection(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan);
bool plan_drain(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan);
bool plan_retries(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan);
bool plan_longer_timeout(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan);
bool plan_timeout(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan);
bool plan_limit(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan);

/* lately.c: false when nothing is usual yet, or there were too few requests since then. */
bool lately_of(const flow_t *flow, int64_t since_ns, lately_t *lately);
/* Share of calls that are given up at one value, *bin: what piles up there beyond what is usual, where none wait longer
 * and a good part of those that usually do is found in the pile; else 0. */
double lately_capped(const lately_t *calls, int *bin);

/* plan_words.c: what plans that compare peers have in common. */
void plan_contrast_words(const analyzer_t *analyzer, const peers_t *peers, const contrast_t *contrast, char *out,
                         size_t size);
void plan_moves(const analyzer_t *analyzer, const peers_t *peers, const contrast_t *contrast, bool spread,
                plan_t *plan); /* effect, load, capacity, confidence */

static inline const char *routing_name(const analyzer_t *analyzer, uint32_t id) {
    return names_cstr(&analyzer->shard->names, id);
}

/* The service's subject and its counted requests; NULL when it has none. */
const flow_t *routing_flow(const analyzer_t *analyzer, uint32_t service);

/* The language of the configuration; NULL: each service's mesh has its own. */
const routing_language_ops *routing_language_set(const analyzer_t *analyzer);

#endif
