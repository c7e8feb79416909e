/* analyzer: what is wrong, who did it, what would help. It is given every closed bucket, in order, by the thread that
 * folds; it sees nothing later. Deterministic: its state is a function of the buckets given. */
#ifndef SEISMESH_ANALYZER_ANALYZER_H
#define SEISMESH_ANALYZER_ANALYZER_H

#include "base/err.h"
#include "collector/rollup/shard.h"

struct dialect;

typedef struct {
    double sensitivity;                    /* 1 = default; larger alarms earlier */
    double minimum_rate;                   /* affected requests per minute below which nothing is called an incident */
    uint32_t series;                       /* cap on remembered series */
    const char *routing_language;          /* of suggestions (analyzer/routing/languages.c); borrowed; NULL = auto */
    const struct dialect *const *dialects; /* those whose `calls` count; ended by NULL, borrowed; may be NULL */
} analyzer_config_t;

void analyzer_config_defaults(analyzer_config_t *config);

/* One anomalous series in one tick. */
typedef struct {
    int64_t time_ns; /* end of the bucket that showed it */
    uint32_t entity;
    const char *signal;                   /* "errors", "latency", "traffic", or a gauge's name */
    double score;                         /* 0..1 */
    double observed, expected, low, high; /* in the signal's unit: ratio, seconds, requests/s */
    uint64_t incident;                    /* 0 = none (yet) */
    const char *explanation;              /* docs/api.md: Explanation */
} anomaly_t;

/* One suspect of an incident's report. */
typedef struct {
    uint32_t service, version, instance; /* name ids; 0 = none in particular */
    const char *signal;
    double score;
} suspect_t;

/* What the analyzer tells. Strings and arrays are borrowed for the call. `json` documents are what the API serves
 * (docs/api.md: Incident, Suggestion). */
typedef struct {
    void *context;
    void (*anomaly)(void *context, const anomaly_t *anomaly);
    /* An incident was opened or its ranking changed: the report of that moment. */
    void (*report)(void *context, uint64_t incident, int64_t time_ns, const suspect_t *suspects, size_t count);
    /* The incident's document is new or changed. `closed_ns` is 0 while open. */
    void (*incident)(void *context, uint64_t incident, int64_t opened_ns, int64_t updated_ns, int64_t closed_ns,
                     const char *json);
    void (*suggestion)(void *context, uint64_t suggestion, uint64_t incident, int64_t created_ns, int64_t expires_ns,
                       const char *json);
} analyzer_sink_t;

typedef struct analyzer analyzer_t;

analyzer_t *analyzer_new(const analyzer_config_t *config, analyzer_sink_t sink);
void analyzer_free(analyzer_t *analyzer);

/* `cells` is NULL for a bucket without data. The shard gives names and entities; it is not changed. */
void analyzer_bucket(analyzer_t *analyzer, const shard_t *shard, int64_t bucket, const bucket_t *cells);

void analyzer_save(const analyzer_t *analyzer, buffer_t *out);
err_t analyzer_load(analyzer_t *analyzer, slice_t bytes);

/* How many buckets with data it has seen, and how many it needs before it judges anything. */
void analyzer_learning(const analyzer_t *analyzer, uint64_t *have_buckets, uint64_t *need_buckets);

/* Expected value and band of an entity's signal as last learned, for charts; false while learning. */
bool analyzer_band(const analyzer_t *analyzer, uint32_t entity, const char *signal, double *low, double *expected,
                   double *high);

/* What became of the suggestions of one kind, since ever. Of all `proposed`, some were `seen` in the telemetry
 * (`undone` ones were taken back before they could be judged) and others `expired` unseen; of the seen, those with
 * enough requests are `helped`, `no_effect` or `harmed`, the others `undecided`. Of the predicted figures, `compared`
 * were set against what was observed, and of these `inside` lay in their predicted 90 % interval. */
enum { RECORD_KINDS_MAX = 16, RECORD_KIND_BYTES = 32 };
typedef struct track_record {
    char kind[RECORD_KIND_BYTES];
    uint64_t proposed, seen, expired, undone, undecided, helped, no_effect, harmed, compared, inside;
} track_record_t;

/* Copies at most `max` records, one per kind; returns how many there are. */
uint32_t analyzer_track_record(const analyzer_t *analyzer, track_record_t *records, uint32_t max);

#endif
