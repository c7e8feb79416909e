#include "collector/fold/sighting.h"

#include "collector/fold/calls.h"
#include "collector/fold/status.h"

/* A name as its sender wrote it, qualified: by its own namespace, else, unless it is a host's or an address, by the
 * namespace of the resource. */
static uint32_t qualified(fold_t *fold, const resource_t *resource, slice_t name, slice_t namespace_name,
                          slice_t cluster) {
    if (name.len == 0) return NAME_NONE;
    bool host = memchr(name.data, '.', name.len) != NULL || memchr(name.data, ':', name.len) != NULL;
    if (namespace_name.len == 0 && !host) namespace_name = names_text(&fold->shard.names, resource->namespace_name);
    return identity_service(fold->identity, name, namespace_name, cluster);
}

static uint32_t own_service(fold_t *fold, const resource_t *resource, const roles_t *roles) {
    if (!roles_has(roles, ROLE_SERVICE)) return resource->service;
    return qualified(fold, resource, roles->text[ROLE_SERVICE], roles->text[ROLE_NAMESPACE], roles->text[ROLE_CLUSTER]);
}

/* The callee as a caller names it. */
static uint32_t peer_of(fold_t *fold, const roles_t *roles, uint32_t caller) {
    static const role_t order[] = {ROLE_PEER, ROLE_PEER_HOST, ROLE_DATABASE, ROLE_MESSAGING};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        slice_t name = roles->text[order[i]];
        if (name.len == 0) continue;
        uint32_t peer = identity_service(fold->identity, name, roles->text[ROLE_CALLEE_NAMESPACE],
                                         roles->text[ROLE_CALLEE_CLUSTER]);
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

static uint32_t name_or(fold_t *fold, slice_t text, uint32_t other) {
    return text.len > 0 ? names_intern(&fold->shard.names, text) : other;
}

/* What is known of the callee beyond its name. The resource speaks for it where the resource is its own: by name, or
 * because a proxy beside it reports. */
static void read_callee(fold_t *fold, const resource_t *resource, const roles_t *roles, side_t side, sighting_t *s) {
    bool itself = side == SIDE_CALLEE && s->callee == s->own;
    bool beside = side == SIDE_CALLEE && (s->callee == resource->service || roles_has(roles, ROLE_REPORTER));
    uint32_t version = itself ? name_or(fold, roles->text[ROLE_VERSION], resource->version) : NAME_NONE;
    uint32_t zone = itself ? name_or(fold, roles->text[ROLE_ZONE], resource->zone) : NAME_NONE;
    s->version = name_or(fold, roles->text[ROLE_CALLEE_VERSION], version);
    s->zone = name_or(fold, roles->text[ROLE_CALLEE_ZONE], zone);
    s->instance = name_or(fold, roles->text[ROLE_CALLEE_INSTANCE], NAME_NONE);
    if (s->instance == NAME_NONE && side == SIDE_CALLEE)
        s->instance = name_or(fold, roles->text[ROLE_INSTANCE], beside ? resource->instance : NAME_NONE);
    s->operation = roles_operation(&fold->shard.names, roles);
}

void sighting_read(fold_t *fold, const resource_t *resource, const roles_t *roles, manner_t manner,
                   sighting_t *sighting) {
    side_t side = side_of(roles, manner.edge_only);
    *sighting = (sighting_t){.observer = observer_of(manner.observer, roles, side),
                             .protocol = roles_protocol(roles),
                             .edge_only = manner.edge_only || side == SIDE_CALLER,
                             .own = own_service(fold, resource, roles),
                             .by_caller = side == SIDE_CALLER,
                             .named = roles_has(roles, ROLE_CALLER) && roles_has(roles, ROLE_CALLEE)};
    bool ours = sighting->own == resource->service || roles_has(roles, ROLE_INSTANCE);
    sighting->own_instance = name_or(fold, roles->text[ROLE_INSTANCE], ours ? resource->instance : NAME_NONE);
    sighting->own_version = name_or(fold, roles->text[ROLE_VERSION], ours ? resource->version : NAME_NONE);
    sighting->own_zone = name_or(fold, roles->text[ROLE_ZONE], ours ? resource->zone : NAME_NONE);
    if (side == SIDE_INSIDE) return;
    sighting->caller = qualified(fold, resource, roles->text[ROLE_CALLER], roles->text[ROLE_CALLER_NAMESPACE],
                                 roles->text[ROLE_CALLER_CLUSTER]);
    if (roles_has(roles, ROLE_CALLEE))
        sighting->callee = qualified(fold, resource, roles->text[ROLE_CALLEE], roles->text[ROLE_CALLEE_NAMESPACE],
                                     roles->text[ROLE_CALLEE_CLUSTER]);
    else if (side == SIDE_CALLER)
        sighting->callee = peer_of(fold, roles, sighting->own);
    else if (!roles_has(roles, ROLE_CALLER) && !manner.labels_only)
        sighting->callee = sighting->own;
    if (side == SIDE_CALLER && sighting->caller == NAME_NONE && !manner.labels_only) sighting->caller = sighting->own;
    read_callee(fold, resource, roles, side, sighting);
}

static cell_t *cell_of(fold_t *fold, const entity_key_t *key, int64_t time_ns) {
    return shard_cell(&fold->shard, shard_entity(&fold->shard, key), bucket_of(time_ns));
}

/* The key of one kind; false when the sighting does not tell what that kind needs. */
static bool key_of(const sighting_t *s, entity_kind_t kind, entity_key_t *key) {
    *key = (entity_key_t){.kind = (uint8_t)kind, .observer = (uint8_t)s->observer, .service = s->callee};
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

uint32_t sighting_cells(fold_t *fold, const sighting_t *sighting, int64_t time_ns, cell_t *cells[ENTITY_KINDS]) {
    uint32_t count = 0;
    if (sighting->callee == NAME_NONE) return 0;
    if (!sighting->edge_only) calls_named(fold, sighting->callee);
    for (entity_kind_t kind = 0; kind < ENTITY_KINDS; kind++) {
        entity_key_t key;
        if (sighting->edge_only && kind != ENTITY_EDGE) continue;
        if (key_of(sighting, kind, &key)) cells[count++] = cell_of(fold, &key, time_ns);
    }
    return count;
}

uint32_t sighting_gauge_cells(fold_t *fold, const sighting_t *sighting, entity_kind_t kind, int64_t time_ns,
                              cell_t *cells[ENTITY_KINDS]) {
    uint32_t count = 0;
    if (sighting->named || kind == ENTITY_EDGE) {
        if (sighting->caller == NAME_NONE || sighting->callee == NAME_NONE) return 0;
        entity_key_t edge = {.kind = ENTITY_EDGE, .service = sighting->callee, .caller = sighting->caller};
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
