/* web: the page, the HTTP API (docs/api.md, web/openapi.yaml), health and /metrics, on one address. It reads the store
 * through query.h in threads of its own and never waits for the fold: answers show the last checkpoint, whole.
 *
 *     err_t err = web_start(&config, &context, &web, why, sizeof why);
 *     …
 *     web_notify(web);   after each checkpoint: wakes the event streams
 *     web_stop(web);
 *
 * Guards, on every route: names in `Host` other than ours are refused (DNS rebinding), POST needs `X-Seismesh` and an
 * Origin of ours, every answer carries a content security policy without inline code, and each of connections, request
 * target, headers, body, open streams and result length has a limit that is answered as the API's errors are. Clients
 * that send or read slowly are cut, and give way to others when all connections are taken (base/http_connections.h). */
#ifndef SEISMESH_WEB_SERVER_H
#define SEISMESH_WEB_SERVER_H

#include "base/clock.h"
#include "base/counters.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct dialect_set;
struct scraper;
struct track_record; /* analyzer/analyzer.h */

/* What only the daemon knows, as of now. */
typedef struct {
    bool ready;
    char reason[200]; /* why not ready, for a person */
    uint64_t journal_end, journal_folded, journal_behind_bytes;
    int64_t event_ns; /* newest event time folded; INT64_MIN before the first */
    uint64_t checkpoint_position, checkpoint_count;
    double checkpoint_age_s; /* negative: none yet */
    bool learning_done;
    uint64_t learning_have_buckets, learning_need_buckets;
    const char *role;    /* "worker" or "view"; NULL: the only node */
    uint32_t partitions; /* folded here (worker), heard of (view) */
    int64_t complete_ns; /* view: event time that all partitions have passed; INT64_MIN = none */
    bool settled;        /* view: nothing waits in any partition */
} web_status_t;

typedef struct {
    void *context;
    /* Any thread, at any time between web_start and web_stop. */
    void (*fill)(void *context, web_status_t *status);
    /* Expected band of an entity's signal ("errors", "latency", "traffic") for charts; false: none. May be NULL. */
    bool (*band)(void *context, uint32_t entity, const char *signal, double *low, double *expected, double *high);
    /* What became of the suggestions, one record per kind; returns how many (at most `max`). May be NULL: none. */
    uint32_t (*record)(void *context, struct track_record *records, uint32_t max);
} web_status_source_t;

/* What people say of incidents (analyzer/answers.h): kept and honoured by the daemon. Any thread. */
typedef struct {
    void *context;
    /* ERR_MALFORMED; ERR_FULL: as many are in force as may be; else as the store failed. `until_ns` is event time. */
    err_t (*give)(void *context, uint64_t incident, int64_t until_ns, const char *json, uint64_t *id);
    err_t (*revoke)(void *context, uint64_t id); /* ERR_NOT_FOUND; ERR_INVALID: it is over already */
} web_answers_t;

typedef struct {
    const char *host;          /* to listen on */
    uint16_t port;             /* 0 = any free one; see web_port */
    const char *names;         /* further host names it may be called by, separated by commas; NULL = none */
    uint32_t threads;          /* 0 = 4 */
    uint32_t connections;      /* 0 = 256 */
    uint32_t header_timeout_s; /* for the headers of a request; 0 = 10 */
    uint32_t body_timeout_s;   /* for its body, and for its answer to be taken, beside their size at 32 KiB/s; 0 = 30 */
    uint32_t streams;          /* open event streams; 0 = 64 */
    uint32_t stream_comment_s; /* 0 = 15 */
} web_config_t;

typedef struct {
    const char *store_path; /* of the SQLite file */
    struct store *store;    /* for decisions; NULL = decisions are answered 503 */
    counters_t *counters;
    const clock_source_t *clock;
    const char *version;
    const char *listen_otlp_grpc, *listen_otlp_http, *listen_web; /* as shown to people; "" = off */
    const char *notice;                                           /* shown on top of every page; "" or NULL = none */
    const char *const *dialects;                                  /* names, ended by NULL */
    const struct dialect_set *dialect_set; /* as the fold uses it: who a resource is, for the trace view; may be NULL */
    struct scraper *scraper;               /* NULL: nothing is scraped */
    web_status_source_t status;
    /* Of a view: the nodes that keep spans. `each` is NULL where spans are kept here. Any thread. */
    struct {
        void *context;
        void (*each)(void *context, void (*node)(void *context, const char *id, const char *url), void *node_context);
    } nodes;
    web_answers_t answers; /* functions NULL = answers are refused with 503 */
} web_context_t;

typedef struct web web_t;

/* What the context points to is borrowed until web_stop returns; the config is copied. ERR_BUSY: the port is taken;
 * ERR_INVALID: no such address; ERR_FOREIGN: the store cannot be opened for reading. `why` gets one sentence with the
 * cure. */
err_t web_start(const web_config_t *config, const web_context_t *context, web_t **out, char *why, size_t why_size);

uint16_t web_port(const web_t *web);

/* A checkpoint was written. Any thread; returns at once. */
void web_notify(web_t *web);

/* Ends the streams, answers what is in flight, frees. */
void web_stop(web_t *web);

#endif
