/* identity: who sent something. Reads a Resource message into name ids, once per distinct resource: the result is
 * remembered under the resource's bytes, so that a batch costs one comparison. Rebuilt at will, not part of the state
 * (but the names and entities that it interns are). */
#ifndef SEISMESH_FOLD_IDENTITY_H
#define SEISMESH_FOLD_IDENTITY_H

#include "collector/dialect/dialect.h"

/* All are name ids, 0 when not told. */
typedef struct {
    uint32_t service;        /* canonical: see identity_service */
    uint32_t namespace_name; /* bare */
    uint32_t cluster;        /* bare */
    uint32_t version, zone, instance;
    uint8_t mesh;  /* mesh_t: a mesh's proxy sends this; MESH_NONE = nothing tells */
    bool job;      /* `service` is the name of a scrape job, for want of anything better */
    bool envoy;    /* an Envoy sends this itself */
    bool nameless; /* and does not say whose it is: `service` is "unknown" */
    /* Span entities of this resource, 0 where the resource does not tell (or no span was seen yet). */
    uint32_t span_service, span_version, span_zone, span_instance;
    uint64_t hash; /* of the resource's bytes */
} resource_t;

typedef struct identity identity_t;

identity_t *identity_new(shard_t *shard, const dialect_set_t *dialects);
void identity_free(identity_t *identity);

/* Forgets what was remembered; to be called when entities have expired. */
void identity_forget(identity_t *identity);

/* The resource of a request (an empty slice = no resource: service "unknown"). Never NULL; valid until the next call.
 */
resource_t *identity_resource(identity_t *identity, slice_t resource);

/* The canonical service name: "name", "namespace/name", either with "@cluster". A name that has a '/' already, or an
 * empty namespace, is taken as it is. An empty name gives NAME_NONE. */
uint32_t identity_service(identity_t *identity, slice_t name, slice_t namespace_name, slice_t cluster);

/* Brings attribute texts by role together. roles_set keeps the highest rank per role; for forms that hold several
 * parts (host, Istio cluster) the parts go to their own roles where those are empty. Texts are borrowed. */
typedef struct {
    slice_t text[ROLES];
    uint8_t rank[ROLES];  /* 0 = absent; stored rank + 1 */
    uint8_t split[ROLES]; /* split_t of the text */
    mesh_t mesh;          /* of the first key or name that is evidence */
} roles_t;

void roles_clear(roles_t *roles);
void roles_set(roles_t *roles, const dialect_attribute_t *row, slice_t text);

#endif
