/* state: what the analyzer remembers, for the files of this folder only.
 *
 * A subject is something whose behaviour is followed: a service, an edge (caller > callee, all versions together), a
 * version or an instance. It has tracks, one per signal: three that come from counted requests (errors, latency as the
 * serving side saw it, latency as the caller saw it) and one per gauge. Every tick, each track that has news gives a
 * verdict; verdicts that stand up to the number of questions asked become anomalies, and those incidents. */
#ifndef SEISMESH_ANALYZER_STATE_H
#define SEISMESH_ANALYZER_STATE_H

#include "analyzer/analyzer.h"
#include "analyzer/answers.h"
#include "analyzer/explain.h"
#include "analyzer/histogram.h"
#include "analyzer/stats.h"
#include "analyzer/tally.h"

enum {
    RECENT_BUCKETS = 6, /* of counted requests: judged together, not yet part of the baseline */
    GAUGE_HISTORY = 64, /* points of a gauge that make its baseline */
    NO_INDEX = UINT32_MAX
};

typedef struct {
    uint8_t kind; /* ENTITY_SERVICE, ENTITY_EDGE, ENTITY_VERSION, ENTITY_INSTANCE */
    uint32_t service, caller;
    uint32_t part;    /* version or instance */
    uint32_t version; /* of an instance: told by it, not part of its identity */
} subject_key_t;

/* How a track is read. */
typedef enum {
    TRACK_ERRORS,           /* failures of counted requests, or of a success ratio with a request count beside it */
    TRACK_LATENCY,          /* as the serving side saw it */
    TRACK_CLIENT_LATENCY,   /* as the caller saw it */
    TRACK_GAUGE_FAILURES,   /* a success ratio without counts */
    TRACK_GAUGE_SATURATION, /* memory.utilization …: a cache may fill it without harm, so evidence only */
    TRACK_GAUGE_PROCESSOR,  /* cpu.utilization: without headroom, requests wait */
    TRACK_GAUGE_OTHER,      /* evidence only */
    TRACK_ROLES
} track_role_t;

/* One track in trouble, or that was. Kept after an incident closed until the next one begins. */
typedef struct {
    uint64_t incident; /* 0 = none */
    int64_t onset_ns;  /* when it began to deviate */
    int64_t last_ns;   /* when it was last seen deviating */
    float strength;    /* largest evidence while in this incident, capped */
    float effect;      /* log(now / expected) at the strongest moment; errors: added share */
    float excess;      /* seconds more per request, or share of requests failing more, smoothed */
    float observed, expected, low, high, requests, affected_per_minute; /* at the strongest moment */
    float window_s;
} trouble_t;

/* Baseline of a gauge: the last accepted values, as they are read (logarithms for latencies and rates). */
typedef struct {
    uint32_t signal; /* name id */
    float history[GAUGE_HISTORY];
    uint16_t count, next;
    int64_t last_ns;
    double period_s;                            /* 0 until two points were seen */
    double pending;                             /* the newest value, not yet accepted; NAN = none */
    bool pending_suspicious, before_suspicious; /* it; the one before it */
    bool held;                                  /* its service was in an incident */
    uint8_t streak;                             /* bits of the last eight judgements, newest lowest: 1 = suspicious */
} gauge_track_t;

typedef struct {
    uint8_t role;     /* track_role_t */
    uint8_t quantile; /* of latency gauges: 50, 90 …; 0 = mean or not told */
    trouble_t trouble;
    gauge_track_t *gauge; /* NULL for tracks of counted requests */
} track_t;

/* Latencies are seen by two: the serving side, and the caller. */
enum { VIEW_SERVER, VIEW_CALLER, VIEWS };

/* Where the quantiles of a distribution lie, roughly (screen.c): computed when first asked for. */
enum { PLACES = 3 };
typedef struct {
    uint8_t at[PLACES];
} places_t;

/* One bucket that waits. Its latencies are packed in the flow. */
typedef struct {
    int32_t bucket;
    bool suspicious; /* strange by itself */
    bool held;       /* its service was in an incident: never to become part of the baseline */
    packing_t packing[VIEWS];
    uint8_t late, refused; /* of the requests, in 255ths: given up by callers; forbidden, or without a connection */
    float requests, errors;
    float count[VIEWS], seconds[VIEWS]; /* how many latencies; all of them together, each as the middle of its bin */
    places_t places[VIEWS];
} flow_bucket_t;

/* Latencies of a baseline, decayed: as many bins as were ever needed. */
typedef struct {
    float *bins; /* owned; the first is bin `first` */
    float count, seconds;
    uint8_t first, width;
    places_t places;
} usual_t;

/* Counted requests of a subject. It is read and written in every tick, so it is small: what is needed to see that
 * nothing is unusual lies in these few cache lines, and the distributions behind two pointers. */
typedef struct {
    float requests, errors;                      /* of the baseline, decayed */
    float buckets;                               /* behind the baseline, decayed */
    float lumps, lump_weight;                    /* overdispersion of the error share: sums of (chi2 - 1) and (n - 1) */
    float tail_lumps[VIEWS], tail_weight[VIEWS]; /* the same of the share above the 90th percentile */
    float highest_rate;                          /* requests/s borne in any bucket without errors beyond the usual */
    float period_s;         /* of the counts: a bucket, or the spacing of the gauges they came from */
    bool waited;            /* callers told their view, so that there is a track of it */
    bool before_suspicious; /* the bucket settled last */
    bool coarse;            /* latencies come out of wide explicit buckets */
    uint8_t recent_count;
    uint8_t streak[VIEWS + 1];          /* by role: bits of the last eight judgements, newest lowest: 1 = suspicious */
    uint16_t packed_bytes, packed_room; /* of `packed`: in use, allocated */
    uint8_t *packed;                    /* latencies of the recent buckets: of the oldest both views, of the next … */
    usual_t usual[VIEWS];
    flow_bucket_t recent[RECENT_BUCKETS]; /* oldest first */
} flow_t;

typedef struct {
    subject_key_t key;
    uint32_t entity;      /* one of those that feed it, for the sink */
    int64_t first_bucket; /* when it was first seen; INT64_MIN = before that was noted */
    int64_t last_bucket;
    flow_t *flow; /* NULL until requests were counted */
    track_t *tracks;
    uint32_t track_count;
} subject_t;

/* What a track shows in this tick. */
typedef struct {
    uint32_t subject, track;
    double evidence; /* log10(1/p), after the number of questions was taken off */
    double effect, excess;
    double observed, expected, low, high;
    double requests, affected_per_minute, window_s, period_s;
    bool opens;       /* this signal is felt by users and may open an incident */
    bool suspicious;  /* the newest bucket or point is strange by itself … */
    uint32_t strange; /* … or so many of the newest buckets are together; 0 = none */
    double alone;     /* evidence of the newest bucket or point by itself, nothing taken off */
} verdict_t;

/* A tick's questions. Most answers are "nothing unusual", which is no verdict: only that it was asked is kept. */
typedef struct {
    verdict_t *items;
    uint32_t count, capacity;
    uint32_t asked;                      /* different questions: versions and instances repeat their service's */
    uint32_t asked_subject, asked_roles; /* of the last one: quantiles of one latency are one question */
} verdicts_t;

/* A track that was judged; NO_INDEX for all tracks of counted requests. */
typedef struct {
    uint32_t subject, track;
} judged_t;

/* What one bucket says about one subject, all observers and protocols joined. */
typedef struct {
    uint32_t entity;
    double requests, errors;
    double late, refused; /* of the errors: given up by callers; forbidden, or without a connection */
    double period_s;      /* time that the counts cover */
    tally_t latencies[VIEWS];
} observation_t;

/* Where a subject's counts of this bucket are: a chain of cells, all of the one observer with the most authority. */
typedef struct {
    uint32_t chain; /* position + 1 of its first link; 0 = none */
    uint32_t
        waits; /* the same for the edges whose callers wait for it; of an edge, for what callers' proxies saw of it */
    uint32_t told; /* position + 1 of what gauges tell of it, where nobody counts; 0 = nothing */
    uint8_t observer;
} source_t;

typedef struct {
    uint32_t place, next; /* of the cell in the bucket; position + 1 of the next link */
} link_t;

/* Counts that gauges tell, of a subject without any of its own. */
typedef struct {
    double requests, errors, period_s;
} told_t;

enum { SUSPECTS_MIN = 3, SUSPECTS_MAX = 5, RANKED_MAX = 64 };

/* A service weighed as culprit. */
typedef struct {
    uint32_t service, version, instance;
    uint32_t subject, track; /* its strongest evidence */
    double score;
    double own, network, saturation; /* the parts of the score */
    double shown;                    /* what it shows, explained or not: ranks those without a score; not kept */
    int64_t onset_ns;
} blame_t;

typedef struct {
    uint64_t id;
    int64_t opened_ns, updated_ns, closed_ns, first_failure_ns;
    blame_t suspects[SUSPECTS_MAX];
    uint32_t suspect_count;
    bool established;
    double evidence, affected_per_minute, time_lost_s_per_minute;
    uint64_t suggestion; /* 0 = none made yet */
    uint8_t suggestion_kind;
    uint8_t answered; /* answer_kind_t: why it does not count as trouble, though it is open; or why it was closed */
} incident_t;

typedef struct standing_answer standing_answer_t; /* answers.c */

struct analyzer {
    analyzer_config_t config;
    double slower_bins, least_lost_s; /* of the configuration: slowdown, and seconds lost a minute, worth telling */
    analyzer_sink_t sink;
    const shard_t *shard; /* during a tick only */
    subject_t *subjects;
    uint32_t subject_count, subject_capacity, track_total;
    table_t index;
    uint32_t names_known; /* names of the shard when known calls were last looked for */
    uint32_t names_bound; /* one above the largest name id in any subject's key */
    incident_t *open;     /* incidents not closed yet */
    uint32_t open_count;
    uint64_t next_incident, next_suggestion;
    struct verifier *verifier; /* routing/verify.h: what became of the suggestions */
    struct habits *habits;     /* habits.h: what services usually get, and what their hours are like */
    int64_t last_bucket;       /* newest one seen; INT64_MIN before the first */
    int64_t last_data_bucket;
    uint64_t refused;           /* series beyond the cap */
    standing_answer_t *answers; /* that people gave; the store keeps them */
    uint32_t answer_count;
    verdicts_t verdicts; /* scratch of a tick, as all below but `by_entity` */
    judged_t *judged;
    uint32_t judged_count, judged_capacity;
    observation_t observation;
    source_t *sources; /* by subject */
    uint32_t source_capacity;
    link_t *links;
    uint32_t link_count, link_capacity;
    told_t *told;
    uint32_t told_count, told_capacity;
    uint32_t *cell_subjects; /* by place of the cell in the bucket */
    uint32_t cell_capacity;
    uint32_t *by_entity; /* subject + 1 by entity id; 0 = not seen, NO_INDEX = not followed */
    uint32_t by_entity_count;
};

/* subject.c */
uint32_t subject_find(const analyzer_t *analyzer, const subject_key_t *key); /* NO_INDEX when absent */
uint32_t subject_intern(analyzer_t *analyzer, const subject_key_t *key);     /* NO_INDEX when full */
uint32_t subject_add(analyzer_t *analyzer, const subject_key_t *key);        /* appends without looking */
flow_t *subject_flow(analyzer_t *analyzer, subject_t *subject);              /* makes it; NULL when full */
bool subject_waited(analyzer_t *analyzer,
                    subject_t *subject); /* makes the track of callers' latency; false when full */
uint32_t subject_track(const subject_t *subject, uint8_t role); /* index of a track of counted requests */
track_t *subject_gauge(analyzer_t *analyzer, subject_t *subject,
                       uint32_t signal); /* made when absent; NULL when full */
void subjects_fini(analyzer_t *analyzer);

/* observe.c: a bucket's cells as gauge points, which are judged at once, and as observations, which are given to
 * `tick` subject by subject in their order. */
typedef void observation_tick_t(analyzer_t *analyzer, uint32_t subject, const observation_t *observation,
                                int64_t bucket);
void observe(analyzer_t *analyzer, int64_t bucket, const bucket_t *cells, observation_tick_t *tick);

/* The detectors. What nothing can be said about is asked only; the rest are verdicts. */
void track_asked(analyzer_t *analyzer, uint32_t subject, uint8_t role, bool opens);
void track_judged(analyzer_t *analyzer, uint32_t subject, uint32_t track);
verdict_t *verdict_add(analyzer_t *analyzer, uint32_t subject, uint32_t track);
uint8_t *track_streak(const subject_t *subject, const track_t *track);
/* `rate`: requests per minute of the subject, NAN when not known. */
void detect_gauge(analyzer_t *analyzer, uint32_t subject, uint32_t track, double value, int64_t time_ns, double rate);
/* Takes a bucket's counts; true when what came before is too long ago to be judged together with it. */
bool flow_push(flow_t *flow, const observation_t *observation, int64_t bucket);
bool flow_band(const flow_t *flow, uint8_t role, double *low, double *expected, double *high);
bool gauge_band(const track_t *track, double *low, double *expected, double *high);
void flow_free(flow_t *flow);

/* The baseline against which the last `window` recent buckets are judged: what was accepted and the recent buckets
 * before them. False while there are too few. */
typedef struct {
    double requests, errors, buckets;
} baseline_t;
bool flow_baseline(const flow_t *flow, uint32_t window, baseline_t *out);
bool flow_accepted(const flow_bucket_t *bucket); /* neither suspicious nor held */
/* The latencies of the same buckets, `role` TRACK_LATENCY or TRACK_CLIENT_LATENCY. */
void flow_latencies(const flow_t *flow, uint32_t window, uint8_t role, histogram_t *out);
/* Adds the latencies of one of the recent buckets. */
void flow_recent_read(const flow_t *flow, uint32_t recent, uint8_t view, stretch_t *out);
void flow_recent_add(const flow_t *flow, uint32_t recent, uint8_t role, histogram_t *into);
double flow_recent_above(const flow_t *flow, uint32_t recent, uint8_t view, int bin); /* in this bin or above it */
/* For the codec: the baseline's latencies, and a recent bucket's, given whole. Buckets come oldest first. */
void usual_set(usual_t *usual, const histogram_t *histogram);
void flow_recent_set(flow_t *flow, uint32_t recent, const tally_t latencies[static VIEWS]);

/* The newest buckets together against what was usual before them. */
enum { WINDOWS = 4 };
typedef struct {
    double requests, errors, count[VIEWS], seconds[VIEWS];
} sums_t;
typedef struct {
    uint32_t buckets; /* 1, 2, 3 or 6 */
    sums_t now, before;
    double before_buckets;
    bool enough; /* before, to judge what is now */
} window_t;
uint32_t flow_windows(const flow_t *flow, window_t windows[static WINDOWS]); /* how many there are */

/* screen.c: false when the exact comparison of a window's latencies cannot find anything. */
void screen_forget(places_t *places); /* of a distribution that changed */
bool screen_latency(const analyzer_t *analyzer, flow_t *flow, const window_t *window, int view);

void detect_errors(analyzer_t *analyzer, uint32_t subject, const window_t *windows, uint32_t count);
void detect_latency_init(analyzer_t *analyzer);
void detect_latency(analyzer_t *analyzer, uint32_t subject, uint8_t role, const window_t *windows, uint32_t count);

/* Correlation within a bucket, learned from `lumps` over `weight` pairs beside a prior opinion, as the precision of the
 * shares of `window` buckets together, which scatter less; never more than the baseline's own size can tell. */
double flow_precision(double lumps, double weight, double prior, uint32_t window, double baseline_n);

/* incident.c */
void incidents_tick(analyzer_t *analyzer, int64_t now_ns);
/* Closes what had gone quiet before a gap without any data that ends with this bucket. */
void incidents_gap(analyzer_t *analyzer);

/* culprit.c: ranks the suspects of an incident, best first; returns how many. */
uint32_t culprit_rank(const analyzer_t *analyzer, const incident_t *incident, blame_t *ranked, bool *established);

/* The part (0..1) of what a service's track shows that the deviations of those it calls explain; NAN when it shows
 * nothing that could be explained. */
double culprit_explained(const analyzer_t *analyzer, const incident_t *incident, uint32_t service,
                         const track_t *track);

const char *track_signal(const analyzer_t *analyzer, const track_t *track); /* "errors", "latency", a gauge's name */

/* The same as explanations say it: a success ratio is read as its failures. */
const char *track_said(const analyzer_t *analyzer, const track_t *track);
bool track_is_share(const track_t *track);

/* What users feel opens incidents and keeps them open; the rest is evidence. */
bool track_is_felt(const track_t *track);

/* account.c: what is known of a deviation. `said` points into the account, and into the shard's names. */
typedef struct {
    explanation_t said;
    char cause[EXPLAIN_EVIDENCE_BYTES], evidence[EXPLAIN_EVIDENCE_MAX][EXPLAIN_EVIDENCE_BYTES];
} account_t;

/* cause.c: what changed before a suspect began to deviate, put into `cause` and `said.cause_kind`; false when nothing
 * is known to have. `version`: that shows it, or NULL; `only`: other versions do not. */
bool cause_find(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, const subject_t *version,
                bool only, int64_t began_ns, account_t *out);

/* The next track of the suspect's own resources that deviates in the incident, from *subject and *track on, which are
 * moved behind it; NULL when there is none left. */
const track_t *cause_resource(const analyzer_t *analyzer, const incident_t *incident, uint32_t service,
                              uint32_t *subject, uint32_t *track);

/* A track's figures only. */
void account_figures(const analyzer_t *analyzer, uint32_t subject, uint32_t track, explanation_t *said);

/* Whether a suspect's strongest deviation is that it, an instance, answers no more. */
bool account_silent(const analyzer_t *analyzer, uint32_t subject, uint32_t track);

/* A track in trouble, with the evidence against the incident's first suspect and, if that is established, the cause. */
void account_deviation(const analyzer_t *analyzer, const incident_t *incident, uint32_t subject, uint32_t track,
                       account_t *out);

/* A suspect, by its strongest deviation, with the evidence against it. */
void account_suspect(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, account_t *out);

/* document.c: an incident's document for the API (docs/api.md), to be freed with free(). */
char *incident_document(const analyzer_t *analyzer, const incident_t *incident);
/* docs/api.md: Explanation, or null when nothing is left that deviates; a new reference. */
json_t *incident_explanation(const analyzer_t *analyzer, const incident_t *incident);

/* flapping.c: how many times in a row the incident's first suspect had one, this one counted, and since when. */
uint32_t flapping_times(const analyzer_t *analyzer, const incident_t *incident, int64_t *since_ns);
double flapping_quiet_s(const analyzer_t *analyzer, const incident_t *incident); /* that it stays open at least */
void flapping_closed(analyzer_t *analyzer, const incident_t *incident);

/* answers.c: takes what is answered for off this tick's verdicts. */
void answers_apply(analyzer_t *analyzer, int64_t now_ns);
/* Why an open incident does not count, or NONE. *settled: because nothing in it is beyond what people call expected or
 * wrong, so that it is over. */
answer_kind_t answers_of(const analyzer_t *analyzer, uint64_t incident, int64_t now_ns, bool *settled);
/* Whether a person muted this signal of the service, or called about as much of it expected. */
bool answers_quiet(const analyzer_t *analyzer, uint32_t service, const char *signal, double observed, int64_t now_ns);
/* Whether a person said that the incident was not this service's doing. */
bool answers_clear(const analyzer_t *analyzer, uint64_t incident, uint32_t service);
void answers_fini(analyzer_t *analyzer);

/* routing/suggest.c: `changed`: the ranking did, so that even an abstention is worth telling again. */
void suggest(analyzer_t *analyzer, incident_t *incident, int64_t now_ns, bool changed);

enum { HOUR_BUCKETS = 360 };

static inline int64_t bucket_end_ns(int64_t bucket) {
    return (bucket + 1) * BUCKET_NS;
}

#endif
