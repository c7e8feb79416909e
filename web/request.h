/* request: one request to the API on its way through a handler: the route it matched, its parameters as the route's
 * specification reads them, and the answer being made. Handlers are pure readers: what they may not ask for again
 * (limits, defaults, types, unknown parameters) was settled before they run. */
#ifndef SEISMESH_WEB_REQUEST_H
#define SEISMESH_WEB_REQUEST_H

#include "base/buffer.h"
#include "collector/store/query.h"
#include "web/server.h"
#include "web/target.h"

#include <jansson.h>

enum { ROUTE_PARAMETERS_MAX = 12, LIST_LIMIT_DEFAULT = 100, LIST_LIMIT_MAX = 1000, BODY_BYTES_MAX = 65536 };

typedef enum {
    PARAMETER_START,     /* a moment; default one hour before `end` */
    PARAMETER_END,       /* a moment; default the newest event time */
    PARAMETER_LIMIT,     /* 1..LIST_LIMIT_MAX */
    PARAMETER_CURSOR,    /* opaque, out of an earlier answer's `next`; read by the handler */
    PARAMETER_TEXT,      /* at most 512 bytes */
    PARAMETER_CHOICE,    /* one of `choices`; the first is the default */
    PARAMETER_DURATION,  /* "250ms", "1.2s"; in ns */
    PARAMETER_ATTRIBUTE, /* "key:value"; repeatable: request_attribute() */
} parameter_type_t;

typedef struct {
    const char *name; /* NULL ends a list */
    parameter_type_t type;
    const char *choices; /* PARAMETER_CHOICE: "open|closed|all" */
} parameter_spec_t;

struct web_request;
typedef struct {
    const char *method; /* GET serves HEAD too */
    const char *path;   /* "/api/v1/services/{id}" */
    void (*handle)(struct web_request *request);
    parameter_spec_t parameters[ROUTE_PARAMETERS_MAX];
} route_t;

typedef struct {
    unsigned status; /* 0 until answered */
    const char *content_type;
    const char *allow;         /* of a 405; NULL = none */
    const char *cache_control; /* NULL: no-store */
    buffer_t body;             /* owned, unless `asset` */
    slice_t asset;             /* static bytes, instead of body */
    bool asset_gzip;           /* they are compressed */
    char etag[24];             /* quoted; "" = none */
    bool stream;               /* an event stream takes over */
    unsigned retry_after_s;
} answer_t;

typedef struct web_request {
    web_t *web;
    const web_context_t *context;
    query_t *query; /* a reader of the last checkpoint; belongs to this request until it is answered */
    const route_t *route;
    const char *id; /* of a path with {id} */
    const target_t *target;
    slice_t body;                             /* of a POST */
    const char *values[ROUTE_PARAMETERS_MAX]; /* by position in the route's list; NULL = not given */
    int64_t start_ns, end_ns;
    uint32_t limit;
    bool relayed; /* another node asks, for somebody else: it is not passed on again */
    answer_t answer;
} web_request_t;

/* Reads the target's parameters by the route's specification. False after answering 400. `newest_ns`: what `end`
 * defaults to. */
bool request_parameters(web_request_t *request, int64_t newest_ns);

/* The text that was given, or NULL. */
const char *request_text(const web_request_t *request, const char *name);

/* True when this choice was given, or is the default and none was given. */
bool request_is(const web_request_t *request, const char *name, const char *choice);

/* Duration in ns, or `fallback`. */
int64_t request_duration(const web_request_t *request, const char *name, int64_t fallback);

/* The `at`-th attribute=key:value; false when there are not so many. The key ends at the first ':' behind which the
 * value begins. */
bool request_attribute(const web_request_t *request, uint32_t at, slice_t *key, slice_t *value);

/* "250ms", "1.2s", "-15m": number and unit (ns, us, ms, s, m, h, d); false when malformed or beyond ±1000 years. */
bool duration_parse(const char *text, int64_t *ns);

/* RFC 3339, or seconds (fractions allowed), milliseconds or nanoseconds since 1970, told apart by magnitude, or a
 * negative duration before `reference_ns`. */
bool moment_parse(const char *text, int64_t reference_ns, int64_t *ns);

/* A positive whole number; false for anything else. */
bool request_number(const char *text, uint64_t *value);

/* A body of {"reason":"…"} or nothing; false after answering 400. `reason` is to be freed. */
bool request_reason(web_request_t *request, char **reason);

/* --- answering: the last call wins --- */
void answer_json(web_request_t *request, unsigned status, json_t *document); /* takes the reference */
void answer_plain(web_request_t *request, unsigned status, const char *content_type, const char *text);
/* {"error":{"code","message","parameter"}}; parameter NULL = left out. */
void answer_error(web_request_t *request, unsigned status, const char *code, const char *parameter, const char *format,
                  ...) __attribute__((format(printf, 5, 6)));
void answer_store_error(web_request_t *request, err_t err); /* 503 for a reader that failed */
void answer_not_found(web_request_t *request, const char *what);

#endif
