/* traffic: whether a service gets as many requests as it should: a surge, a drop, or none at all. More or fewer
 * requests are nobody's failure, so they open no incident: they are told as anomalies, and as the cause of what follows
 * them (cause.c).
 *
 * Expected is what was usual for the last hours (a mean that forgets with a half-life of two hours), and what the same
 * hour had yesterday and a week ago (season.h): what one of them knows is no deviation. Requests come in clusters; by
 * how much more than chance their number scatters is learned from the counts (sum of chi-square - 1 over the expected).
 */
#ifndef SEISMESH_ANALYZER_TRAFFIC_H
#define SEISMESH_ANALYZER_TRAFFIC_H

#include "analyzer/season.h"
#include "analyzer/state.h"

enum { TRAFFIC_RECENT = 3 }; /* arrivals of counts that are judged together: half a minute */

typedef enum { TRAFFIC_USUAL, TRAFFIC_SURGE, TRAFFIC_DROP, TRAFFIC_SILENCE, TRAFFIC_STATES } traffic_state_t;

/* Rates in requests/s. A zeroed one has seen nothing, but for last_bucket = INT64_MIN. */
typedef struct {
    float requests, elapsed_s;                             /* behind the usual rate, decayed */
    float lumps, lump_weight;                              /* of their scatter */
    float counts[TRAFFIC_RECENT], spans_s[TRAFFIC_RECENT]; /* newest last */
    uint8_t recent;
    uint32_t arrivals;   /* learned, at most 65535 */
    float pace;          /* median of the buckets from one arrival of counts to the next, tracked */
    float gap_usual;     /* longest time without requests that was usual, in buckets; shrinks slowly */
    int64_t last_bucket; /* with requests */
    uint8_t state;       /* traffic_state_t */
    bool entered;        /* in this tick */
    int64_t since_ns;    /* of the state, when it is not the usual one */
    float seen, expected, low, high, window_s; /* newest, in that state */
} traffic_t;

/* Counts that came in. */
void traffic_arrive(traffic_t *traffic, const season_t *season, const analyzer_config_t *config, double requests,
                    int64_t bucket);

/* No requests, where so many should have come that this is no chance, and where such a pause is not usual. `period_s`:
 * of the counts. Whether it is silence is for him to say who sees all services: traffic_silent says it. */
bool traffic_misses(const traffic_t *traffic, const season_t *season, double period_s, int64_t bucket);
void traffic_silent(traffic_t *traffic, const season_t *season, int64_t bucket);

/* What deviates, as an explanation without its subject; false when nothing does, or it need not be told in this bucket:
 * it is told when it begins and then every minute for an hour, silence for ten minutes. */
bool traffic_says(const traffic_t *traffic, int64_t bucket, explanation_t *said);

void traffic_walk(walk_t *walk, traffic_t *traffic);

#endif
