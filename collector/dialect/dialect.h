/* dialect: what each mesh, proxy or SDK calls things. A dialect is data: rows that map attribute keys to roles and
 * metric names to signals. Adding one is a file with its tables and a line in list.c. The same shape can be given in
 * the configuration (`dialects:`, parsed by dialect_yaml.c). dialect_set_new compiles all of them into look-up tables.
 */
#ifndef SEISMESH_DIALECT_DIALECT_H
#define SEISMESH_DIALECT_DIALECT_H

#include "base/err.h"
#include "base/slice.h"
#include "collector/rollup/shard.h"

/* Meshes that are told apart. They are recognised by evidence: metric names, keys and names' shapes that only one of
 * them uses. AKS's Istio add-on is Istio, its OSM add-on is OSM; Traefik Mesh is Traefik. */
typedef enum {
    MESH_NONE,
    MESH_ISTIO,
    MESH_LINKERD,
    MESH_CONSUL,
    MESH_KUMA,
    MESH_APP_MESH,
    MESH_OSM,
    MESH_GOOGLE,
    MESH_TRAEFIK,
    MESH_NSM,
    MESHES
} mesh_t;

/* What a mesh can send, each counted (COUNTER_MESH_FIRST and on, in this order), so that we can say what is missing. */
typedef enum {
    MESH_SERVER_REQUESTS, /* points of metrics: requests as the callee's proxy saw them */
    MESH_CLIENT_REQUESTS, /* as the caller's did */
    MESH_LATENCY,         /* points of histograms */
    MESH_SERVER_SPANS,
    MESH_CLIENT_SPANS,
    MESH_ACCESS_LOGS,
    MESH_NAMELESS, /* points of requests whose reporter nothing names */
    MESH_ITEMS
} mesh_item_t;

extern const char *const mesh_names[MESHES]; /* as the API spells them: "istio", "linkerd", …; "" for MESH_NONE */

/* What an attribute or label tells. "Reporter" is whoever sent the span or metric. */
typedef enum {
    ROLE_NONE,
    ROLE_SERVICE, /* the reporter's service */
    ROLE_NAMESPACE,
    ROLE_CLUSTER,
    ROLE_VERSION,
    ROLE_ZONE,
    ROLE_INSTANCE,
    ROLE_CALLER, /* both ends, where one series or span names them */
    ROLE_CALLER_NAMESPACE,
    ROLE_CALLER_CLUSTER,
    ROLE_CALLEE,
    ROLE_CALLEE_NAMESPACE,
    ROLE_CALLEE_CLUSTER,
    ROLE_CALLEE_VERSION,
    ROLE_CALLEE_ZONE,
    ROLE_CALLEE_INSTANCE,
    ROLE_PEER,      /* client spans: the callee, as the caller names it */
    ROLE_PEER_HOST, /* the same as a host name, the weakest evidence */
    ROLE_PEER_HOST_NAMESPACE,
    ROLE_OPERATION, /* a whole operation name, as spanmetrics' span.name */
    ROLE_ROUTE,     /* HTTP route template */
    ROLE_METHOD,    /* HTTP method */
    ROLE_RPC_SERVICE,
    ROLE_RPC_METHOD,
    ROLE_RPC_SYSTEM,
    ROLE_HTTP_STATUS,    /* number or text */
    ROLE_GRPC_STATUS,    /* number, or name such as UNAVAILABLE */
    ROLE_STATUS_CLASS,   /* "5xx", "5" */
    ROLE_RESPONSE_FLAGS, /* Envoy's: UH, UF, … */
    ROLE_ERROR,   /* anything but "", "false", "0", "unset", "STATUS_CODE_UNSET", "STATUS_CODE_OK" is a failure */
    ROLE_SUCCESS, /* "true"/"false", the other way round */
    ROLE_REQUEST_BYTES,
    ROLE_RESPONSE_BYTES,
    ROLE_RETRIES,     /* number of the attempt beyond the first */
    ROLE_DATABASE,    /* db.system: the callee is a database and sends no spans of its own */
    ROLE_MESSAGING,   /* messaging.system */
    ROLE_PROTOCOL,    /* http | grpc | tcp */
    ROLE_PROXY,       /* of spans: "proxy" says that a proxy reports, not the application behind it */
    ROLE_SPAN_KIND,   /* of a metric made of spans: SPAN_KIND_SERVER … */
    ROLE_REPORTER,    /* whose side: source | destination | waypoint, client | server, outbound | inbound */
    ROLE_QUANTILE,    /* of a gauge that is a quantile: 0.99 */
    ROLE_STATISTIC,   /* of a gauge: Average, p50, p99, Sum, … */
    ROLE_DURATION_MS, /* of access logs */
    ROLE_DURATION_NS, /* the same in nanoseconds */
    ROLE_OTHER,       /* the other end: the callee where the caller's side speaks, else the caller */
    ROLE_OTHER_NAMESPACE,
    ROLE_OTHER_CLUSTER,
    ROLE_CALLER_IDENTITY, /* the caller's certificate: names the caller where a service of that name is known */
    ROLE_EVIDENCE,        /* says which mesh speaks, and nothing else */
    ROLE_WORKLOAD,        /* of resources: the reporter's service where ROLE_SERVICE is untold or a scrape job's name */
    ROLE_SCRAPED,         /* of resources: somebody scraped this, so that ROLE_SERVICE is the name of a job */
    ROLE_SENDER,          /* of resources: who made the telemetry; "envoy" is a proxy, which may name nobody */
    ROLE_NODE_LOG,        /* of resources: the name of an Envoy's access log, which says that this is one */
    ROLE_NODE_CLUSTER,    /* and the service that this Envoy stands beside */
    ROLES
} role_t;

extern const char *const role_names[ROLES]; /* as the configuration spells them: "service", "caller_namespace", … */

/* How the text of an attribute is read. */
typedef enum {
    FORM_TEXT,
    FORM_HOST,           /* "reviews.shop.svc.cluster.local:9080": service and namespace */
    FORM_ISTIO_CLUSTER,  /* an Envoy cluster of any mesh (clusters.c): callee, namespace, version, and which mesh; as
                          * Istio's "outbound|9080|v2|reviews.shop.svc.cluster.local" */
    FORM_ISTIO_NODE,     /* "sidecar~10.1.2.3~pod.ns~ns.svc.cluster.local": instance, namespace */
    FORM_NAME_NAMESPACE, /* "reviews.shop": service and namespace */
    FORM_KNOWN,     /* text that may also say nothing: "unknown", "latest", "-", "PassthroughCluster" … are absent */
    FORM_ISTIO_SNI, /* "outbound_.9080_.v2_.reviews.shop.svc.cluster.local": as FORM_ISTIO_CLUSTER */
    FORM_SERVICE,   /* FORM_KNOWN, or Kuma's "reviews_shop_svc_9080" and resource identifiers: service, namespace */
    FORM_OWN,       /* FORM_KNOWN, and "default" says nothing either: namespaces and meshes where there is only one */
    FORM_TARGET,    /* gRPC's "dns:///reviews.shop.svc:9080": as FORM_HOST */
    FORM_LINKERD_IDENTITY, /* "reviews.shop.serviceaccount.identity.linkerd.cluster.local": service account, namespace
                            */
    FORM_TRAEFIK_SERVICE,  /* "shop-reviews-9080@kubernetescrd": without provider; see split_t */
    FORM_APP_MESH_NODE,    /* "reviews-v1_shop": see split_t */
    FORMS
} form_t;

extern const char *const form_names[FORMS];

typedef struct {
    const char *key; /* NULL ends a table */
    role_t role;
    form_t form;
    uint8_t rank; /* where several keys of one item have the same role, the highest rank wins; rows begin at 1, since
                   * the parts of a form that speak for other roles (a host's namespace) have 0 */
    uint8_t mesh; /* mesh_t: nobody else uses this key; MESH_NONE = it is no evidence */
} dialect_attribute_t;

/* What a metric measures. */
typedef enum {
    SIGNAL_IGNORED,          /* known, and meant to be left out (a duplicate of another, say) */
    SIGNAL_REQUESTS,         /* sum: requests; failures by its status labels */
    SIGNAL_FAILURES,         /* sum: failed requests that some SIGNAL_REQUESTS counts as well; points with a label of
                              * ROLE_ERROR are left out, for then the requests have it too */
    SIGNAL_LATENCY,          /* any histogram or summary: latency only */
    SIGNAL_LATENCY_REQUESTS, /* any histogram: its count is the number of requests too */
    SIGNAL_CLIENT_LATENCY, /* any histogram or summary: an edge's latency as the caller saw it, beside SIGNAL_LATENCY */
    SIGNAL_RETRIES,        /* sum */
    SIGNAL_REQUEST_BYTES,  /* sum, or histogram (its sum) */
    SIGNAL_RESPONSE_BYTES,
    SIGNAL_GAUGE,             /* sampled value, kept under `gauge`; a sum (monotonic) is kept as its rate per second */
    SIGNAL_LATENCY_STATISTIC, /* gauge that is a latency statistic: kept as "latency.p50" … or "latency.avg", seconds;
                               * as "client.latency.p50" … when the caller reports; `gauge` replaces "latency" */
    SIGNAL_SUCCESS_RATIO,     /* gauge 0..1 (after `scale`): kept as "success_ratio" */
    SIGNAL_REQUEST_RATE,      /* gauge, requests per second: kept as "request_rate" */
    SIGNAL_REQUEST_COUNT,     /* gauge that is the number of requests of its own interval: kept as "request_count" */
    SIGNAL_ROUTES,            /* nothing is counted: its callee is what a proxy's router sends to (calls_sent) */
    SIGNALS
} signal_t;

extern const char *const signal_names[SIGNALS];

typedef struct {
    const char *name; /* NULL ends a table; dots and underscores are one, and a Prometheus "_total" or unit suffix may
                       * be missing or present as long as no row has that very name */
    signal_t signal;
    double scale; /* to seconds, bytes, ratio 0..1: 0.001 for ms; 0 = by the metric's unit, else by name suffix */
    observer_t observer;  /* OBSERVER_NONE: by the ROLE_REPORTER label, else OBSERVER_APP */
    entity_kind_t entity; /* ENTITY_SERVICE: all that is known, by the reporter's side; ENTITY_EDGE: the edge alone (the
                           * reporter is the caller where no label says otherwise), nothing when an end is not told */
    const char *gauge;    /* signal name for SIGNAL_GAUGE: "cpu.utilization", "inflight", … */
    role_t needs;         /* points without a label of this role are not meant (common names such as "duration") */
    role_t told;          /* what the name itself tells, as a label of this role with the text `as` would: a side, a */
    const char *as;       /* class of status; NULL = nothing */
} dialect_metric_t;

/* A call between services that exists though nothing in the telemetry shows it. */
typedef struct {
    const char *caller; /* NULL ends a table */
    const char *callee;
} dialect_call_t;

typedef struct dialect {
    const char *name;  /* "istio" */
    const char *strip; /* prefix that metric names may also have ("istiocustom."), or NULL; other names with it are
                        * known to be this dialect's, and left out */
    bool sidecars;     /* proxies beside services report: the name of a scrape job is never the service */
    bool labels_only;  /* both ends of a call are told by labels, never by the resource (which is a scrape job) */
    const dialect_attribute_t *resource; /* NULL = none */
    const dialect_attribute_t *span;
    const dialect_attribute_t *label; /* of metric points */
    const dialect_attribute_t *log;
    const dialect_metric_t *metrics;
    mesh_t mesh;                    /* whose metrics these are; MESH_NONE = anybody's */
    const char *scope;              /* name of the instrumentation scope that is this dialect's alone, or NULL */
    const dialect_metric_t *scoped; /* common names that mean something else in that scope, or NULL */
    bool addressed; /* client spans in that scope name the callee by its address, where its metrics know the name */
    const struct dialect *beside; /* labels are read on the metrics of that dialect too (a mesh's on Envoy's) */
    const char *side;             /* whose side speaks where neither a label nor a row tells, or NULL */
    role_t before;                /* not ROLE_NONE: rows of `metrics` are endings of names, and what stands before the
                                   * ending (and a '_') plays this role */
    const dialect_call_t *calls;
} dialect_t;

/* The built-in ones, in order of precedence, ended by NULL (list.c). */
extern const dialect_t *const dialect_list[];

/* A key's rows compiled: one role per table. */
typedef struct {
    slice_t key;
    const dialect_attribute_t *row;
} dialect_key_t;

enum { DIALECT_SLOTS = 1024 };

/* Open-addressing map from attribute key to row. Keys compare by length, first and last eight bytes, then all. */
typedef struct {
    dialect_key_t slots[DIALECT_SLOTS];
} dialect_keys_t;

static inline uint32_t dialect_slot(slice_t key) {
    uint64_t first = 0, last = 0;
    if (key.len >= 8) { /* copies of a constant length are single loads */
        memcpy(&first, key.data, 8);
        memcpy(&last, key.data + (key.len - 8), 8);
    } else if (key.len >= 4) {
        memcpy(&first, key.data, 4);
        memcpy(&last, key.data + (key.len - 4), 4);
    } else {
        first = (uint64_t)key.data[0] << 16 | (uint64_t)key.data[key.len / 2] << 8 | key.data[key.len - 1];
    }
    uint64_t mixed = (first ^ (last * UINT64_C(0x9e3779b97f4a7c15)) ^ key.len) * UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)(mixed >> 40) & (DIALECT_SLOTS - 1);
}

/* The row of a key, or NULL when no dialect knows it. `key` must not be empty. */
static inline const dialect_attribute_t *dialect_find(const dialect_keys_t *keys, slice_t key) {
    for (uint32_t at = dialect_slot(key); keys->slots[at].row != NULL; at = (at + 1) & (DIALECT_SLOTS - 1))
        if (slice_equal(keys->slots[at].key, key)) return keys->slots[at].row;
    return NULL;
}

typedef struct {
    const dialect_t *dialect;
    const dialect_metric_t *metric;
    const dialect_keys_t *labels; /* of the dialect; for dialect_find() */
    slice_t before;               /* what stands before the ending, see dialect_t.before; borrowed from the name */
} dialect_rule_t;

typedef struct dialect_set {
    dialect_keys_t resource, span, log; /* all dialects together: the first dialect that has a key decides */
    uint64_t span_evidence;             /* bit per role: roles of spans whose keys can tell the mesh */
    struct dialect_index *index;        /* metric name -> rule, and the labels of each dialect */
} dialect_set_t;

/* Rows of one kind that all dialects together may have, the built-in ones included. */
enum { DIALECT_ROWS_MAX = 700, DIALECT_EXTRA_ROWS_MAX = 200, DIALECT_EXTRA_MAX = 16 };

/* Compiles the built-in dialects and `extra` (NULL-ended, may be NULL; they win over built-in rows of the same key or
 * name; at most DIALECT_EXTRA_MAX dialects and DIALECT_EXTRA_ROWS_MAX rows of a kind). The set borrows them. Keys are
 * also found with underscores in the place of dots, as Prometheus spells them. */
dialect_set_t *dialect_set_new(const dialect_t *const *extra);
void dialect_set_free(dialect_set_t *set);

/* The dialect of an instrumentation scope; NULL when it is nobody's. */
const dialect_t *dialect_of_scope(const dialect_set_t *set, slice_t scope);

/* The rule for a metric name; rule->metric is NULL when no dialect knows it. `scope` may be NULL. */
dialect_rule_t dialect_metric(const dialect_set_t *set, const dialect_t *scope, slice_t name);

/* Factor from a metric's unit to seconds, bytes or a ratio: by the rule's scale, else by the unit ("ms", "By", "%"),
 * else by the name's suffix ("_milliseconds"); 1 when nothing tells. */
double dialect_scale(const dialect_metric_t *metric, slice_t name, slice_t unit);

/* Names that hold a namespace too, joined by a sign that both may contain, cannot be taken apart by themselves: only a
 * service that is known tells where to cut (calls_split). */
typedef enum {
    SPLIT_NONE,
    SPLIT_NAMESPACE_FIRST, /* "namespace-name-port" */
    SPLIT_NAMESPACE_LAST,  /* "name_namespace" */
} split_t;

/* Parts of a name after its form was read; absent parts are empty. Borrowed from `text`. */
typedef struct {
    slice_t name, namespace_name, version;
    mesh_t mesh; /* whose shape it has */
    split_t split;
    bool none; /* says that there is none (FORM_OWN), which is more than saying nothing */
} dialect_name_t;

dialect_name_t dialect_read(form_t form, slice_t text);

/* The failure class of a status. Text may be "503", "5xx", "" …; `server_side` says whether the callee's side speaks
 * (gRPC statuses such as NOT_FOUND are the caller's fault). */
failure_t dialect_http_failure(uint64_t status);
failure_t dialect_grpc_failure(uint64_t status);
failure_t dialect_flags_failure(slice_t flags); /* Envoy response flags, FAILURE_NONE for "-" and unknown ones */
failure_t
dialect_error_failure(slice_t error_type); /* OpenTelemetry's error.type, where no status was told; server's */
failure_t dialect_class_failure(slice_t status_class);    /* "5xx", "5", "4xx" … */
bool dialect_grpc_number(slice_t text, uint64_t *status); /* "14" or "UNAVAILABLE" */

/* Whether a host is the number of one, IPv4 or IPv6, and so no name. */
bool dialect_is_address(slice_t host);

/* Whether the text of a ROLE_ERROR attribute means a failure. */
bool dialect_error(slice_t text);

/* Who reports, out of a ROLE_REPORTER or ROLE_SPAN_KIND text. */
typedef enum {
    SIDE_UNTOLD,
    SIDE_CALLER,
    SIDE_CALLEE,
    SIDE_BETWEEN, /* a waypoint: it stands for the callee, without being one of its instances */
    SIDE_INSIDE,  /* spans within one service */
    SIDE_BEFORE,  /* a caller's proxy where no other speaks for the callee: see sighting.h */
} side_t;
side_t dialect_side(slice_t text);

/* What a name in this form tells of the side that speaks, as a text for dialect_side; empty when nothing. */
slice_t dialect_form_side(form_t form, slice_t text);

#endif
