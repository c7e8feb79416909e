/* routing: what would help. peers.c compares the versions or instances of a service over the same minutes, effect.c
 * predicts what happens when one of them gets no traffic any more, istio.c writes the objects, suggest.c decides. */
#ifndef SEISMESH_ANALYZER_ROUTING_H
#define SEISMESH_ANALYZER_ROUTING_H

#include "analyzer/state.h"

#include <jansson.h>

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

/* A service's name in its parts, checked against what Kubernetes allows: whatever passes needs no quoting in YAML or in
 * a shell. False for any other name, which then is never rendered. */
typedef struct {
    char name[64], namespace_name[64]; /* namespace "" = not known */
} kube_name_t;
bool kube_service(const char *service, kube_name_t *out);
bool kube_label(const char *value); /* a valid label value or pod name */

/* Objects of a suggestion. `objects` is an array in the shape of the API; apply and undo are shell commands. */
typedef struct {
    json_t *objects;
    buffer_t apply, undo; /* NUL-terminated */
} change_t;

/* All traffic to `keep`, none to `drop`; both are versions that passed kube_label. */
void istio_roll_back(const kube_name_t *service, const char *keep, const char *drop, change_t *change);
/* Lets the proxies eject instances that fail, at most `percent` of them. */
void istio_eject(const kube_name_t *service, unsigned percent, change_t *change);
void change_fini(change_t *change);

#endif
