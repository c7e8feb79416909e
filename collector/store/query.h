/* query: reading what the store holds, while the daemon writes. A query_t is a read-only connection of one thread
 * (each web thread opens its own); it sees the last checkpoint, whole. Between query_begin() and query_end() all
 * answers come from the same checkpoint; outside of them every call sees the newest.
 *
 *     query_t *query = query_open(path);
 *     if (query_begin(query) == ERR_OK) {
 *         query_filter_t filter = query_filter_any(1u << ENTITY_SERVICE);
 *         err = query_golden(query, start_ns, end_ns, 0, &filter, GROUP_SERVICE, show, context);
 *         query_end(query);
 *     }
 *     query_close(query);
 *
 * Ranges are [start_ns, end_ns) of event time. Slices, keys and cells given to callbacks are borrowed for the call.
 * A callback that returns false ends the walk; that is not an error. Results all calls share: ERR_OK, ERR_IO (SQLite
 * could not read), ERR_BUSY (a lock was not given up within a second: try again), ERR_MALFORMED (a damaged row; the
 * walk skips damaged frames and blocks, goes on, and counts them in query_damaged()). */
#ifndef SEISMESH_STORE_QUERY_H
#define SEISMESH_STORE_QUERY_H

#include "base/err.h"
#include "collector/rollup/observer.h"
#include "collector/rollup/shard.h"

typedef struct query query_t;

/* NULL when there is no store at this path, or one of another version. */
query_t *query_open(const char *sqlite_path);
void query_close(query_t *query);

/* One read transaction. query_begin also takes in names and entities that are new. */
err_t query_begin(query_t *query);
void query_end(query_t *query);

/* Damaged frames and blocks met since query_open. */
uint64_t query_damaged(const query_t *query);

/* --- what there is --- */

typedef struct {
    uint64_t position;        /* of the journal, at the last checkpoint */
    uint64_t checkpoints;     /* written since the store was made */
    int64_t event_ns;         /* newest event time; INT64_MIN in an empty store */
    int64_t closed_before_ns; /* 10 s buckets that end at or before this are settled; INT64_MIN = none */
    int64_t first_ns;         /* start of the oldest frame; INT64_MIN = none */
    uint64_t bytes;           /* of the store that are in use */
    uint64_t names, entities, spans, traces, span_blocks;
} query_status_t;

err_t query_status(query_t *query, query_status_t *status);

/* Names, by id: "" when unknown, NUL-terminated, valid until query_close. Ids are those of the last query_begin. */
const char *query_name(const query_t *query, uint32_t id);
uint32_t query_find_name(const query_t *query, const char *text); /* UINT32_MAX when absent */

/* Entities have the ids 1 .. query_entity_count() - 1. */
uint32_t query_entity_count(const query_t *query);
const entity_key_t *query_entity(const query_t *query, uint32_t id); /* NULL when unknown */

/* --- cells --- */

#define QUERY_ANY UINT32_MAX /* in a filter: whatever it is. 0 (NAME_NONE) asks for those without */

/* Which entities. Fields are name ids or QUERY_ANY. */
typedef struct {
    uint32_t kinds; /* bits 1u << ENTITY_…; 0 = all kinds */
    uint32_t service, caller, version, zone, instance, operation;
    uint32_t either; /* edges: this service is the caller or the callee; others: it is the service */
    bool no_client;  /* nobody will look at the cells' `client`: it may be empty, which saves time */
} query_filter_t;

static inline query_filter_t query_filter_any(uint32_t kinds) {
    return (query_filter_t){kinds, QUERY_ANY, QUERY_ANY, QUERY_ANY, QUERY_ANY, QUERY_ANY, QUERY_ANY, QUERY_ANY, false};
}

bool query_matches(const query_filter_t *filter, const entity_key_t *key);

/* Calls back for every entity that matches, in order of id. */
err_t query_entities(query_t *query, const query_filter_t *filter,
                     bool (*entity)(void *context, uint32_t id, const entity_key_t *key), void *context);

/* The step that `0` (auto) stands for: 10 s for ranges of up to 2 hours, 60 s for up to 2 days, else 3600 s; coarser
 * where retention has taken the finer ones already. */
uint32_t query_step(query_t *query, int64_t start_ns, int64_t end_ns);

/* All cells of a range, bucket by bucket in order of time, then by entity id, as they were observed (one entity per
 * observer: see query_golden for who is right). `step_s` 10, 60, 3600, or 0 = auto. Minutes and hours that are not
 * closed yet are merged from finer frames, so the newest buckets are there, incomplete. Buckets that overlap the range
 * are given whole. ERR_INVALID for another step. */
err_t query_cells(query_t *query, int64_t start_ns, int64_t end_ns, uint32_t step_s, const query_filter_t *filter,
                  bool (*cell)(void *context, int64_t start_ns, uint32_t entity, const entity_key_t *key,
                               const cell_t *cell),
                  void *context);

/* An entity's cells over a range, merged: hours from hour frames, the rest from minutes and ten seconds. */
typedef struct {
    uint32_t entity;
    const entity_key_t *key;
    cell_t cell;
} query_total_t;

err_t query_totals(query_t *query, int64_t start_ns, int64_t end_ns, const query_filter_t *filter,
                   query_total_t **totals, uint32_t *count); /* in order of entity id */
void query_totals_free(query_total_t *totals, uint32_t count);

/* Parts of the key that tell groups apart; entities that differ only in other parts are added up. */
enum {
    GROUP_SERVICE = 1,
    GROUP_CALLER = 2,
    GROUP_VERSION = 4,
    GROUP_ZONE = 8,
    GROUP_INSTANCE = 16,
    GROUP_OPERATION = 32,
    GROUP_PROTOCOL = 64
};

/* Golden signals, every request counted once. For each (kind, service, caller) the authoritative observer is chosen by
 * what it saw over the whole range (observer.h); the cells of a group are that observer's, with connection failures
 * that only the caller's proxy saw, and everybody's gauges. `key` has zeros in the parts that are not in `groups`.
 * step_s UINT32_MAX: one cell for the range (start_ns = the range's). Else as in query_cells, one per bucket.
 * Order: bucket, kind, service, caller, version, zone, instance, operation, protocol. */
err_t query_golden(query_t *query, int64_t start_ns, int64_t end_ns, uint32_t step_s, const query_filter_t *filter,
                   uint32_t groups,
                   bool (*golden)(void *context, int64_t start_ns, const entity_key_t *key, observer_t observer,
                                  const cell_t *cell),
                   void *context);

/* --- lists: newest first, `limit` at most, going on behind a cursor --- */

/* Where a list goes on. Zeroed = from the start; after a call it tells where to go on, or `set` is false at the end. */
typedef struct {
    bool set;
    int64_t time_ns;
    uint64_t id;
    uint8_t trace_id[16];
} query_cursor_t;

enum { QUERY_CURSOR_TEXT = 80 };
void query_cursor_format(const query_cursor_t *cursor, char text[QUERY_CURSOR_TEXT]);
bool query_cursor_parse(const char *text, query_cursor_t *cursor); /* false: not one of ours */

typedef struct {
    int64_t time_ns;
    uint32_t entity;
    const entity_key_t *key; /* NULL when the entity is unknown */
    const char *signal;
    double score, observed, expected, low, high; /* NaN = none */
    uint64_t incident;                           /* 0 = none */
    uint64_t id;
    const char *explanation; /* docs/api.md: Explanation; "" when an earlier version told it */
} query_anomaly_t;

typedef struct {
    int64_t start_ns, end_ns;
    uint32_t service;  /* QUERY_ANY, or the service or caller of the entity */
    uint64_t incident; /* 0 = any */
    uint32_t limit;
    query_cursor_t cursor; /* in and out */
} query_anomalies_t;

err_t query_anomalies(query_t *query, query_anomalies_t *ask,
                      bool (*anomaly)(void *context, const query_anomaly_t *anomaly), void *context);
err_t query_anomaly(query_t *query, uint64_t id, bool (*anomaly)(void *context, const query_anomaly_t *anomaly),
                    void *context); /* ERR_NOT_FOUND */

typedef struct {
    uint64_t id;
    int64_t opened_ns, updated_ns, closed_ns; /* closed_ns 0 = open */
    const char *json;                         /* docs/api.md: Incident */
} query_incident_t;

typedef enum { INCIDENTS_ALL, INCIDENTS_OPEN, INCIDENTS_CLOSED } query_incident_state_t;

typedef struct {
    int64_t start_ns, end_ns; /* incidents that were open at some moment of this */
    query_incident_state_t state;
    uint32_t limit;
    query_cursor_t cursor;
} query_incidents_t;

err_t query_incidents(query_t *query, query_incidents_t *ask,
                      bool (*incident)(void *context, const query_incident_t *incident), void *context);
err_t query_incident(query_t *query, uint64_t id, bool (*incident)(void *context, const query_incident_t *incident),
                     void *context); /* ERR_NOT_FOUND */

typedef struct {
    uint64_t id, incident;
    int64_t created_ns, expires_ns;
    const char *json;   /* docs/api.md: Suggestion, its "state" is what the analyzer knows: "open", or one of the last
                           three below */
    const char *state;  /* "open", "accepted", "dismissed", "expired", "seen", "verified", "refuted" */
    const char *reason; /* of the decision, or "" */
    int64_t decided_ns; /* 0 = not decided */
} query_suggestion_t;

typedef struct {
    const char *state; /* as above, or NULL = all */
    uint64_t incident; /* 0 = any */
    uint32_t limit;
    query_cursor_t cursor;
} query_suggestions_t;

/* "Expired" is judged by the newest event time of the store. */
err_t query_suggestions(query_t *query, query_suggestions_t *ask,
                        bool (*suggestion)(void *context, const query_suggestion_t *suggestion), void *context);
err_t query_suggestion(query_t *query, uint64_t id,
                       bool (*suggestion)(void *context, const query_suggestion_t *suggestion),
                       void *context); /* ERR_NOT_FOUND */

typedef struct {
    uint64_t id, incident;
    int64_t given_ns, since_ns, until_ns, revoked_ns; /* store.h; revoked_ns 0 = not revoked */
    bool in_force;                                    /* at the newest event time of the store */
    const char *json;                                 /* docs/api.md: Answer */
} query_answer_t;

typedef struct {
    uint64_t incident, id; /* 0 = any */
    bool in_force;         /* only those */
    uint32_t limit;
    query_cursor_t cursor;
} query_answers_t;

err_t query_answers(query_t *query, query_answers_t *ask, bool (*answer)(void *context, const query_answer_t *answer),
                    void *context);

/* --- traces --- */

enum { QUERY_ATTRIBUTES_MAX = 16 };

typedef struct {
    slice_t key, value; /* the value as text: numbers in decimal, true, false */
} query_attribute_t;

typedef struct {
    int64_t start_ns, end_ns;                           /* the trace starts in this */
    uint32_t service, operation;                        /* QUERY_ANY, or one of the trace's; both: in the same span */
    int64_t min_duration_ns, max_duration_ns;           /* of the trace; 0 and INT64_MAX = any */
    int error;                                          /* 1 with errors, 0 without, -1 either */
    query_attribute_t attributes[QUERY_ATTRIBUTES_MAX]; /* all of them, on one span or its resource */
    uint32_t attribute_count;
    uint32_t limit;
    uint32_t scan_traces; /* look at so many trace rows at most; 0 = 200,000 */
    uint32_t scan_blocks; /* open so many span blocks at most (attributes); 0 = 64 */
    query_cursor_t cursor;
    uint64_t searched; /* out: trace rows looked at */
    bool complete;     /* out: false when a bound ended the search before the limit was reached; the cursor goes on */
} query_traces_t;

typedef struct {
    const uint8_t *trace_id; /* 16 bytes */
    int64_t start_ns, end_ns;
    uint32_t spans, errors;
    uint32_t root_service, root_operation; /* of the root, or of the earliest span */
    bool rooted;                           /* a span without parent was seen */
    const uint32_t *services;              /* ascending name ids */
    uint32_t service_count;
} query_trace_t;

err_t query_traces(query_t *query, query_traces_t *ask, bool (*trace)(void *context, const query_trace_t *trace),
                   void *context);

/* The spans of a trace, in order of arrival: the encoded opentelemetry.proto Resource, InstrumentationScope (each may
 * be empty) and Span messages. The row comes first (`row` may be NULL). ERR_NOT_FOUND. */
err_t query_trace(query_t *query, const uint8_t trace_id[16], void (*row)(void *context, const query_trace_t *trace),
                  bool (*span)(void *context, slice_t resource, slice_t scope, slice_t span), void *context);

#endif
