/* peers: the versions, zones or instances of one service, side by side over the same minute. What hits all of them
 * cancels out; what is left points at one of them. */
#ifndef SEISMESH_ANALYZER_PEERS_H
#define SEISMESH_ANALYZER_PEERS_H

#include "analyzer/state.h"

enum { PEERS_MAX = 64 };

/* One version, zone or instance, over the newest buckets. */
typedef struct {
    uint32_t subject;
    double requests, errors;
    double rate, highest_rate;  /* requests/s: now, and the most it ever bore */
    double usual_rate;          /* requests/s of its baseline; 0 = not known */
    double silent_s;            /* since its last request, when it should have had some; else 0 */
    double missed;              /* requests it should have had since, by those that its siblings had; 0 = speaks */
    histogram_t latency, waits; /* of successes, as it served them; of all calls, as callers saw them */
    histogram_t usual;          /* of successes, before */
} peer_t;

typedef struct {
    peer_t items[PEERS_MAX]; /* in order of first sight */
    uint32_t count;          /* those that had requests lately, or fell silent lately */
} peers_t;

typedef enum { BY_ERRORS, BY_LATENCY, BY_WAITS, BY_SILENCE } contrast_by_t;

/* What sets the worst peer apart from all others together. */
typedef struct {
    uint32_t worst;  /* index in peers */
    uint8_t by;      /* contrast_by_t */
    double evidence; /* log10(1/p), price of choosing the worst taken off */
    bool clear;      /* enough evidence, enough effect, and no other peer is as bad */
    uint32_t others; /* that are as bad: what ails them is shared */
    double wanted; /* where not clear: about so many more requests to the worst would decide; 0 = no difference seen */
} contrast_t;

void peers_collect(const analyzer_t *analyzer, uint32_t service, entity_kind_t kind, peers_t *peers);
contrast_t peers_contrast(const peers_t *peers);
double peers_worse(const peer_t *one, const peer_t *rest); /* evidence, log10(1/p), that one is worse in any way */
void peers_add(peer_t *sum, const peer_t *peer);
peer_t peers_others(const peers_t *peers, uint32_t without); /* all but one, together */

/* The share of a service's usual traffic that went to instances which have stopped answering while the others go on:
 * calls to them get lost. 0 when there are none, or when the others have taken their traffic over. */
double peers_lost_share(const peers_t *instances);

static inline uint32_t peers_part(const analyzer_t *analyzer, const peers_t *peers, uint32_t index) {
    return analyzer->subjects[peers->items[index].subject].key.part;
}

#endif
