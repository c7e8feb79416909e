/* routing: what would help. suggest.c decides, in order of how sure the cure is: plan_peers.c (a bad version or
 * instance, compared with its peers by peers.c, the effect predicted by effect.c), plan_timeout.c, plan_breaker.c. What
 * comes out is an action (action.h), which a language (language.h) writes as a mesh's objects. */
#ifndef SEISMESH_ANALYZER_ROUTING_H
#define SEISMESH_ANALYZER_ROUTING_H

#include "analyzer/routing/language.h"
#include "analyzer/state.h"

enum { PEERS_MAX = 64 };

/* One version or instance, over the newest buckets. */
typedef struct {
    uint32_t subject;
    double requests, errors;
    double rate, highest_rate; /* requests/s: now, and the most it ever bore */
    histogram_t latency;       /* of successes */
} peer_t;

typedef struct {
    peer_t items[PEERS_MAX]; /* in order of first sight */
    uint32_t count;          /* those that had requests lately */
} peers_t;

/* What sets the worst peer apart from all others together. */
typedef struct {
    uint32_t worst;  /* index in peers */
    bool by_errors;  /* else by latency */
    double evidence; /* log10(1/p), price of choosing the worst taken off */
    bool clear;      /* enough evidence, enough effect, and no other peer is as bad */
    double wanted; /* where not clear: about so many more requests to the worst would decide; 0 = no difference seen */
} contrast_t;

void peers_collect(const analyzer_t *analyzer, uint32_t service, entity_kind_t kind, peers_t *peers);
contrast_t peers_contrast(const peers_t *peers);

/* A figure now and after the change, with a 90 % interval. */
typedef struct {
    double now, predicted, low, high;
} forecast_t;

typedef struct {
    forecast_t errors, p99_s;
    bool fits;            /* the others have borne what they would get */
    double rate, highest; /* of the busiest receiver: requests/s after the change, and the most it bore before */
    uint32_t receiver;    /* index of the peer that gets the traffic; of instances: the least proven one */
} effect_t;

/* Takes `worst` out. `spread`: its traffic is shared by all others in equal parts (instances); else the biggest other
 * gets everything (versions). */
effect_t effect_without(const peers_t *peers, uint32_t worst, bool spread);

/* What is proposed: everything that goes into the document. */
typedef enum { KIND_NOTHING_YET, KIND_NONE, KIND_ROLL_BACK, KIND_EJECT, KIND_SET_TIMEOUT, KIND_CIRCUIT_BREAKER } kind_t;

enum { SENTENCE_BYTES = 1024, WRONG_IF_MAX = 5 };

typedef struct {
    uint8_t kind; /* kind_t */
    uint32_t service, version, instance;
    routing_action_t action;
    char title[SENTENCE_BYTES], sentence[SENTENCE_BYTES], capacity[SENTENCE_BYTES], blast_radius[SENTENCE_BYTES];
    const peers_t *peers; /* NULL: nothing is moved between peers */
    effect_t effect;
    contrast_t contrast;
    double confidence;
    const char *wrong_if[WRONG_IF_MAX];
    const char *cannot; /* of a plan that came to nothing: why, when it was near */
} plan_t;

/* Each fills the plan and returns true when it would help; else what it left in `plan` is to be thrown away, but for
 * `cannot`. plan_peers.c: */
bool plan_roll_back(const analyzer_t *analyzer, const blame_t *blame, peers_t *peers, plan_t *plan);
bool plan_eject(const analyzer_t *analyzer, const blame_t *blame, peers_t *peers, plan_t *plan);
/* plan_timeout.c: calls to a service that keeps its callers waiting are given up earlier. */
bool plan_timeout(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan);
/* plan_breaker.c: no more requests at a time than a service has borne. */
bool plan_breaker(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan);

static inline const char *routing_name(const analyzer_t *analyzer, uint32_t id) {
    return names_cstr(&analyzer->shard->names, id);
}

/* The service's subject and its counted requests; NULL when it has none. */
const flow_t *routing_flow(const analyzer_t *analyzer, uint32_t service);

#endif
