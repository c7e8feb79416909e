/* shard: one worker's rollup state: names, entities, and the cells of the 10 s buckets that are still open. It belongs
 * to one thread. What other threads need leaves it as bytes (frame.h) in a checkpoint. */
#ifndef SEISMESH_ROLLUP_SHARD_H
#define SEISMESH_ROLLUP_SHARD_H

#include "collector/rollup/cell.h"
#include "collector/rollup/names.h"

#define BUCKET_SECONDS INT64_C(10)
#define BUCKET_NS      (BUCKET_SECONDS * INT64_C(1000000000))

typedef enum {
    ENTITY_SERVICE,   /* service */
    ENTITY_VERSION,   /* service, version */
    ENTITY_ZONE,      /* service, zone */
    ENTITY_INSTANCE,  /* service, version, zone, instance */
    ENTITY_OPERATION, /* service, operation */
    ENTITY_EDGE,      /* caller, service, version, zone, protocol */
    ENTITY_KINDS
} entity_kind_t;

extern const char *const entity_kind_names[ENTITY_KINDS]; /* "service", "version", … */

/* Who saw the requests that a cell counts. The same request may be seen by several; they are kept apart, and a reader
 * takes the first, in this order, that has any (see observer.h). */
typedef enum {
    OBSERVER_NONE,         /* gauges only */
    OBSERVER_PROXY_SERVER, /* proxy metrics of the callee's side */
    OBSERVER_PROXY_CLIENT, /* proxy metrics of the caller's side */
    OBSERVER_PROXY_STATS,  /* what a proxy counts for itself, beside what the mesh makes it count (Envoy's cluster.*) */
    OBSERVER_DERIVED,      /* metrics that a connector made of spans */
    OBSERVER_APP,          /* the application's own metrics */
    OBSERVER_APP_OLD,    /* the same under older names, SDKs can send both at once; a caller's where callees tell too */
    OBSERVER_LOG,        /* access logs */
    OBSERVER_PROXY_SPAN, /* spans of proxies */
    OBSERVER_SPAN,       /* spans of applications */
    OBSERVER_CALLERS,    /* of services and their parts: what callers' proxies saw, where nobody else speaks */
    OBSERVERS
} observer_t;

extern const char *const observer_names[OBSERVERS]; /* "none", "proxy_server", … */

typedef enum {
    PROTOCOL_UNKNOWN,
    PROTOCOL_HTTP,
    PROTOCOL_GRPC,
    PROTOCOL_TCP,
    PROTOCOL_DATABASE,
    PROTOCOL_MESSAGING,
    PROTOCOLS
} protocol_t;
extern const char *const protocol_names[PROTOCOLS];

/* All fields that a kind does not use are 0. `service` is the callee of an edge and the owner of all else. A service
 * with an `operation` is no service but a mark, with empty cells: that it was seen in the mesh of that name. */
typedef struct {
    uint8_t kind;     /* entity_kind_t */
    uint8_t observer; /* observer_t */
    uint8_t protocol; /* protocol_t */
    uint8_t unused;
    uint32_t service; /* name ids: "namespace/name", "name", or either with "@cluster" */
    uint32_t caller;
    uint32_t version;
    uint32_t zone;
    uint32_t instance;
    uint32_t operation;
} entity_key_t;

static inline bool entity_is_mark(const entity_key_t *key) {
    return key->kind == ENTITY_SERVICE && key->operation != NAME_NONE;
}

typedef struct {
    uint32_t names, entities, operations_per_service;
    int64_t idle_buckets; /* an entity unseen for so many buckets may give its place to a new one */
} shard_limits_t;

/* The cells of one bucket. `entities` holds the ids in ascending order after shard_sort(). */
typedef struct {
    int64_t bucket; /* floor(event time / 10 s) since 1970 */
    bool whole;     /* holds everything of this bucket; false: opened again for late points, to be merged */
    bool dirty;     /* changed since the last checkpoint */
    bool sorted;
    uint32_t count, capacity;
    uint32_t *entities;
    cell_t **cells;
    uint32_t *place; /* by entity id: position + 1, 0 when absent */
    uint32_t place_capacity;
} bucket_t;

typedef struct {
    names_t names;
    entity_key_t *entities; /* by id; id 0 is unused */
    int64_t *last_seen;     /* bucket, by entity id; INT64_MIN = expired */
    uint32_t entity_count, entity_capacity;
    uint32_t live;        /* entities that are not expired */
    table_t entity_index; /* of the live ones */
    uint32_t *operations; /* live operations of a service, by its name id */
    uint32_t operations_capacity;
    bucket_t **buckets; /* sorted by bucket; few */
    uint32_t bucket_count;
    bucket_t *recent; /* the one used last */
    int64_t closed_before;
    shard_limits_t limits;
    counters_t *counters;
} shard_t;

void shard_init(shard_t *shard, const shard_limits_t *limits, counters_t *counters);
void shard_fini(shard_t *shard);

/* Id (> 0) of an entity; beyond the caps that of its overflow twin (operation or instance, at last the service, is
 * "__overflow__"). */
uint32_t shard_entity(shard_t *shard, const entity_key_t *key);

/* Adds an entity with a known id, which must be the next one (recovery). */
void shard_restore_entity(shard_t *shard, uint32_t id, const entity_key_t *key);

/* Forgets entities that were not seen for limits.idle_buckets before `bucket`, when they fill more than 3/4 of the cap:
 * seen again, they get a new id. */
void shard_expire(shard_t *shard, int64_t bucket);

/* What is not in the store's tables: when each entity was last seen. Canonical. */
void shard_save(const shard_t *shard, buffer_t *out);
bool shard_load(shard_t *shard, bytes_t *in); /* after all entities were restored; false on malformed bytes */

/* The cell of an entity in a bucket, made when absent; opens the bucket when needed. */
cell_t *shard_cell(shard_t *shard, uint32_t entity, int64_t bucket);

/* The bucket, or NULL when it is not in memory. */
bucket_t *shard_bucket(const shard_t *shard, int64_t bucket);

/* Buckets before `closed` are no longer whole when they are opened from now on. */
void shard_close_before(shard_t *shard, int64_t closed);

/* Brings the cells into ascending order of entity id. */
void shard_sort(bucket_t *bucket);

/* Frees a bucket's cells. */
void shard_drop(shard_t *shard, int64_t bucket);

static inline int64_t bucket_of(int64_t time_ns) {
    return time_ns >= 0 ? time_ns / BUCKET_NS : -((-time_ns + BUCKET_NS - 1) / BUCKET_NS);
}

#endif
