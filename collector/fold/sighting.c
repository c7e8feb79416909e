#include "collector/fold/sighting.h"

#include "collector/fold/calls.h"
#include "collector/fold/meshes.h"
#include "collector/fold/status.h"

static slice_t reporters_cluster(fold_t *fold, const resource_t *resource, const roles_t *roles) {
    if (roles_has(roles, ROLE_CLUSTER)) return roles->text[ROLE_CLUSTER];
    return names_text(&fold->shard.names, resource->cluster);
}

/* A name as its sender wrote it, qualified: by its own namespace and cluster, else, unless it is a host's or an
 * address, by those of the reporter. */
static uint32_t qualified(fold_t *fold, const resource_t *resource, const roles_t *roles, role_t role,
                          role_t namespace_role, role_t cluster_role) {
    slice_t name = roles->text[role], namespace_name = roles->text[namespace_role], cluster = roles->text[cluster_role];
    if (name.len == 0) return NAME_NONE;
    bool host = memchr(name.data, '.', name.len) != NULL || memchr(name.data, ':', name.len) != NULL;
    if (cluster.len == 0 && !host) cluster = reporters_cluster(fold, resource, roles);
    bool untold = namespace_name.len == 0 && roles->rank[namespace_role] == 0 && !host;
    if (untold && roles->split[role] != SPLIT_NONE) {
        uint32_t known = calls_split(fold, name, (split_t)roles->split[role], cluster);
        return known != NAME_NONE ? known : identity_service(fold->identity, name, namespace_name, cluster);
    }
    if (untold) namespace_name = roles->text[ROLE_NAMESPACE];
    if (untold && roles->rank[ROLE_NAMESPACE] == 0)
        namespace_name = names_text(&fold->shard.names, resource->namespace_name);
    return identity_service(fold->identity, name, namespace_name, cluster);
}

static uint32_t own_service(fold_t *fold, const resource_t *resource, const roles_t *roles, bool sidecars) {
    if (roles_has(roles, ROLE_SERVICE))
        return qualified(fold, resource, roles, ROLE_SERVICE, ROLE_NAMESPACE, ROLE_CLUSTER);
    return (sidecars && resource->job) || resource->nameless ? NAME_NONE : resource->service;
}

/* The callee as a caller names it. */
static uint32_t peer_of(fold_t *fold, const resource_t *resource, const roles_t *roles, uint32_t caller) {
    static const role_t order[] = {ROLE_PEER, ROLE_PEER_HOST, ROLE_DATABASE, ROLE_MESSAGING};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        slice_t name = roles->text[order[i]];
        if (name.len == 0) continue;
        slice_t cluster = roles->text[ROLE_CALLEE_CLUSTER];
        role_t place = order[i] == ROLE_PEER_HOST && !roles_has(roles, ROLE_CALLEE_NAMESPACE) ? ROLE_PEER_HOST_NAMESPACE
                                                                                              : ROLE_CALLEE_NAMESPACE;
        bool inside = roles_has(roles, place) || roles->split[order[i]] != SPLIT_NONE;
        if (inside && cluster.len == 0) cluster = reporters_cluster(fold, resource, roles);
        if (roles->split[order[i]] != SPLIT_NONE) {
            uint32_t known = calls_split(fold, name, (split_t)roles->split[order[i]], cluster);
            if (known != NAME_NONE) return known;
        }
        uint32_t peer = identity_service(fold->identity, name, roles->text[place], cluster);
        return calls_peer(fold, caller, peer);
    }
    return NAME_NONE;
}

static side_t side_of(const roles_t *roles, bool edge_only) {
    side_t side = dialect_side(roles->text[ROLE_REPORTER]);
    if (side == SIDE_UNTOLD) side = dialect_side(roles->text[ROLE_SPAN_KIND]);
    if (side != SIDE_UNTOLD) return side;
    return edge_only ? SIDE_CALLER : SIDE_CALLEE;
}

static observer_t observer_of(observer_t observer, const roles_t *roles, side_t side) {
    if (observer != OBSERVER_NONE) return observer;
    if (!roles_has(roles, ROLE_REPORTER)) return OBSERVER_APP;
    return side == SIDE_CALLER ? OBSERVER_PROXY_CLIENT : OBSERVER_PROXY_SERVER;
}

static void put(roles_t *roles, role_t to, role_t from) {
    if (roles_has(roles, to)) return;
    roles->text[to] = roles->text[from];
    roles->rank[to] = roles->rank[from];
}

/* Who the other end is depends on who speaks. */
static void place_other(roles_t *roles, side_t side) {
    bool callee = side == SIDE_CALLER;
    put(roles, callee ? ROLE_CALLEE : ROLE_CALLER, ROLE_OTHER);
    put(roles, callee ? ROLE_CALLEE_NAMESPACE : ROLE_CALLER_NAMESPACE, ROLE_OTHER_NAMESPACE);
    put(roles, callee ? ROLE_CALLEE_CLUSTER : ROLE_CALLER_CLUSTER, ROLE_OTHER_CLUSTER);
}

static uint32_t name_or(fold_t *fold, slice_t text, uint32_t other) {
    return text.len > 0 ? names_intern(&fold->shard.names, text) : other;
}

/* What is known of the callee beyond its name. The resource speaks for it where the resource is its own: by name, or
 * because a proxy beside it reports. */
static void read_callee(fold_t *fold, const resource_t *resource, const roles_t *roles, side_t side, sighting_t *s) {
    bool itself = side == SIDE_CALLEE && s->callee == s->own;
    bool beside = side == SIDE_CALLEE && (s->callee == resource->service || roles_has(roles, ROLE_REPORTER));
    uint32_t version = itself ? name_or(fold, roles->text[ROLE_VERSION], resource->version) : s->version;
    uint32_t zone = itself ? name_or(fold, roles->text[ROLE_ZONE], resource->zone) : NAME_NONE;
    s->version = name_or(fold, roles->text[ROLE_CALLEE_VERSION], version);
    s->zone = name_or(fold, roles->text[ROLE_CALLEE_ZONE], zone);
    s->instance = name_or(fold, roles->text[ROLE_CALLEE_INSTANCE], NAME_NONE);
    if (s->instance == NAME_NONE && side == SIDE_CALLEE)
        s->instance = name_or(fold, roles->text[ROLE_INSTANCE], beside ? resource->instance : NAME_NONE);
    s->zone = locations_zone(&fold->locations, s->callee, s->instance, s->zone);
    s->operation = roles_operation(&fold->shard.names, roles);
}

/* A certificate names an account; that is a caller where services go by the same names. */
static uint32_t identified(fold_t *fold, const resource_t *resource, const roles_t *roles) {
    uint32_t caller =
        qualified(fold, resource, roles, ROLE_CALLER_IDENTITY, ROLE_CALLER_NAMESPACE, ROLE_CALLER_CLUSTER);
    return caller != NAME_NONE && calls_known(fold, caller) ? caller : NAME_NONE;
}

/* The callee by its own name; of a proxy's choice between services, the choice and which of them. */
static uint32_t callee_of(fold_t *fold, const resource_t *resource, const roles_t *roles, side_t side,
                          uint32_t *version) {
    uint32_t callee = qualified(fold, resource, roles, ROLE_CALLEE, ROLE_CALLEE_NAMESPACE, ROLE_CALLEE_CLUSTER);
    if (side != SIDE_BEFORE || callee == NAME_NONE || roles->split[ROLE_CALLEE] == SPLIT_NONE) return callee;
    slice_t chosen = slice_of(NULL, 0), cluster = roles->text[ROLE_CALLEE_CLUSTER];
    if (cluster.len == 0) cluster = reporters_cluster(fold, resource, roles);
    callee = calls_sent(fold, callee, roles->text[ROLE_CALLEE], cluster, &chosen);
    *version = name_or(fold, chosen, NAME_NONE);
    return callee;
}

static void read_ends(fold_t *fold, const resource_t *resource, const roles_t *roles, manner_t manner, side_t side,
                      sighting_t *s) {
    bool other = roles_has(roles, ROLE_OTHER); /* then the reporter is the first end */
    s->caller = qualified(fold, resource, roles, ROLE_CALLER, ROLE_CALLER_NAMESPACE, ROLE_CALLER_CLUSTER);
    if (roles_has(roles, ROLE_CALLEE))
        s->callee = callee_of(fold, resource, roles, side, &s->version);
    else if (side == SIDE_CALLER)
        s->callee = peer_of(fold, resource, roles, s->own);
    else if ((!roles_has(roles, ROLE_CALLER) || other) && !manner.labels_only && side != SIDE_BEFORE)
        s->callee = s->own;
    if (s->by_caller && s->caller == NAME_NONE && !manner.labels_only) {
        s->caller = s->own;
        if (s->own != NAME_NONE && manner.sidecars) calls_named(fold, s->own);
    }
    if (side == SIDE_CALLEE && s->caller == NAME_NONE) s->caller = identified(fold, resource, roles);
    s->named = (roles_has(roles, ROLE_CALLER) && roles_has(roles, ROLE_CALLEE)) || (other && s->callee != NAME_NONE);
}

void sighting_read(fold_t *fold, const resource_t *resource, const roles_t *roles, manner_t manner,
                   sighting_t *sighting) {
    side_t side = side_of(roles, manner.edge_only);
    roles_t placed;
    if (roles_has(roles, ROLE_OTHER)) {
        placed = *roles;
        place_other(&placed, side);
        roles = &placed;
    }
    *sighting = (sighting_t){.observer = observer_of(manner.observer, roles, side),
                             .protocol = roles_protocol(roles),
                             .edge_only = manner.edge_only || side == SIDE_CALLER,
                             .own = own_service(fold, resource, roles, manner.sidecars),
                             .by_caller = side == SIDE_CALLER || side == SIDE_BEFORE,
                             .before = side == SIDE_BEFORE,
                             .mesh = roles->mesh};
    if (sighting->mesh == MESH_NONE) sighting->mesh = manner.mesh != MESH_NONE ? manner.mesh : (mesh_t)resource->mesh;
    bool ours = sighting->own == resource->service || roles_has(roles, ROLE_INSTANCE);
    sighting->own_instance = name_or(fold, roles->text[ROLE_INSTANCE], ours ? resource->instance : NAME_NONE);
    sighting->own_version = name_or(fold, roles->text[ROLE_VERSION], ours ? resource->version : NAME_NONE);
    uint32_t zone = name_or(fold, roles->text[ROLE_ZONE], ours ? resource->zone : NAME_NONE);
    sighting->own_zone = locations_zone(&fold->locations, sighting->own, sighting->own_instance, zone);
    if (side == SIDE_INSIDE) return;
    read_ends(fold, resource, roles, manner, side, sighting);
    read_callee(fold, resource, roles, side, sighting);
}

static cell_t *cell_of(fold_t *fold, const entity_key_t *key, int64_t time_ns) {
    return shard_cell(&fold->shard, shard_entity(&fold->shard, key), bucket_of(time_ns));
}

/* The key of one kind; false when the sighting does not tell what that kind needs. */
static bool key_of(const sighting_t *s, entity_kind_t kind, entity_key_t *key) {
    bool for_callee = s->before && kind != ENTITY_EDGE;
    if (for_callee && s->observer != OBSERVER_PROXY_CLIENT) return false; /* an access log, beside the metrics */
    observer_t observer = for_callee ? OBSERVER_CALLERS : s->observer;
    *key = (entity_key_t){.kind = (uint8_t)kind, .observer = (uint8_t)observer, .service = s->callee};
    switch (kind) {
    case ENTITY_VERSION:
        key->version = s->version;
        return s->version != NAME_NONE;
    case ENTITY_ZONE:
        key->zone = s->zone;
        return s->zone != NAME_NONE;
    case ENTITY_INSTANCE:
        key->version = s->version;
        key->zone = s->zone;
        key->instance = s->instance;
        return s->instance != NAME_NONE;
    case ENTITY_OPERATION:
        key->operation = s->operation;
        return s->operation != NAME_NONE;
    case ENTITY_EDGE:
        key->caller = s->caller;
        key->version = s->version;
        key->zone = s->zone;
        key->protocol = (uint8_t)s->protocol;
        return s->caller != NAME_NONE;
    default:
        return true;
    }
}

static uint64_t edge_hash(uint32_t caller, uint32_t callee) {
    uint64_t mixed = ((uint64_t)caller << 32 | callee) * UINT64_C(0x9e3779b97f4a7c15);
    return mixed ^ mixed >> 32;
}

/* Whether proxies counted requests between these two. */
static bool known_edge(const fold_t *fold, uint32_t caller, uint32_t callee) {
    for (table_probe_t p = table_probe(&fold->edges, edge_hash(caller, callee)); table_next(&fold->edges, &p);) {
        const entity_key_t *key = &fold->shard.entities[p.index];
        if (key->caller == caller && key->service == callee) return true;
    }
    return false;
}

static void remember_edge(fold_t *fold, const entity_key_t *key) {
    uint32_t id = shard_entity(&fold->shard, key);
    const entity_key_t *kept = &fold->shard.entities[id]; /* its overflow twin, maybe */
    if (!known_edge(fold, kept->caller, kept->service))
        table_insert(&fold->edges, edge_hash(kept->caller, kept->service), id);
}

void sighting_learn(fold_t *fold) {
    locations_learn(&fold->locations, &fold->shard);
    table_clear(&fold->edges);
    for (uint32_t id = 1; id < fold->shard.entity_count; id++) {
        const entity_key_t *key = &fold->shard.entities[id];
        bool counted =
            key->kind == ENTITY_EDGE && key->observer != OBSERVER_NONE && key->observer < OBSERVER_PROXY_SPAN;
        if (counted && fold->shard.last_seen[id] != INT64_MIN && !known_edge(fold, key->caller, key->service))
            table_insert(&fold->edges, edge_hash(key->caller, key->service), id);
    }
}

/* A proxy is in the mesh, and so is whom it stands before. */
static void note_mesh(fold_t *fold, const sighting_t *sighting, int64_t time_ns) {
    if (sighting->mesh == MESH_NONE) return;
    if (sighting->by_caller) meshes_note(fold, sighting->mesh, sighting->caller, time_ns);
    if (!sighting->by_caller || sighting->before) meshes_note(fold, sighting->mesh, sighting->callee, time_ns);
}

uint32_t sighting_cells(fold_t *fold, const sighting_t *sighting, int64_t time_ns, cell_t *cells[ENTITY_KINDS]) {
    uint32_t count = 0;
    if (sighting->callee == NAME_NONE) return 0;
    if (!sighting->edge_only) calls_named(fold, sighting->callee);
    for (entity_kind_t kind = 0; kind < ENTITY_KINDS; kind++) {
        entity_key_t key;
        if (sighting->edge_only && kind != ENTITY_EDGE) continue;
        if (!key_of(sighting, kind, &key)) continue;
        cells[count++] = cell_of(fold, &key, time_ns);
        if (kind == ENTITY_EDGE && !known_edge(fold, key.caller, key.service)) remember_edge(fold, &key);
    }
    if (count > 0) note_mesh(fold, sighting, time_ns);
    return count;
}

uint32_t sighting_gauge_cells(fold_t *fold, const sighting_t *sighting, entity_kind_t kind, int64_t time_ns,
                              cell_t *cells[ENTITY_KINDS]) {
    uint32_t count = 0;
    if (sighting->named || kind == ENTITY_EDGE) {
        if (sighting->caller == NAME_NONE || sighting->callee == NAME_NONE) return 0;
        bool idle = sighting->observer == OBSERVER_PROXY_STATS && !known_edge(fold, sighting->caller, sighting->callee);
        if (idle) return 0; /* proxies have gauges of every cluster that they could reach */
        entity_key_t edge = {.kind = ENTITY_EDGE, .service = sighting->callee, .caller = sighting->caller};
        note_mesh(fold, sighting, time_ns);
        cells[count++] = cell_of(fold, &edge, time_ns);
        return count;
    }
    if (sighting->own == NAME_NONE) return 0;
    entity_key_t service = {.kind = ENTITY_SERVICE, .service = sighting->own};
    if (kind != ENTITY_INSTANCE) cells[count++] = cell_of(fold, &service, time_ns);
    entity_key_t instance = {.kind = ENTITY_INSTANCE,
                             .service = sighting->own,
                             .version = sighting->own_version,
                             .zone = sighting->own_zone,
                             .instance = sighting->own_instance};
    if (sighting->own_instance != NAME_NONE) cells[count++] = cell_of(fold, &instance, time_ns);
    return count;
}
