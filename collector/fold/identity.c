#include "collector/fold/identity.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/memory.h"
#include "collector/fold/otlp.h"

#include <stdlib.h>

enum { RESOURCES_MAX = 16384, RESOURCE_BYTES_MAX = 64 * 1024 };

typedef struct {
    resource_t resource;
    uint8_t *bytes; /* owned copy, to tell equal hashes apart */
    size_t len;
} known_t;

struct identity {
    shard_t *shard;
    const dialect_set_t *dialects;
    known_t *known;
    uint32_t count;
    table_t index;
    resource_t unremembered; /* for resources too long to keep a copy of */
};

identity_t *identity_new(shard_t *shard, const dialect_set_t *dialects) {
    identity_t *identity = memory_new(1, sizeof *identity);
    identity->shard = shard;
    identity->dialects = dialects;
    identity->known = memory_new(RESOURCES_MAX, sizeof *identity->known);
    return identity;
}

void identity_forget(identity_t *identity) {
    for (uint32_t i = 0; i < identity->count; i++) free(identity->known[i].bytes);
    identity->count = 0;
    table_clear(&identity->index);
}

void identity_free(identity_t *identity) {
    if (identity == NULL) return;
    identity_forget(identity);
    table_fini(&identity->index);
    free(identity->known);
    free(identity);
}

void roles_clear(roles_t *roles) {
    memset(roles, 0, sizeof *roles);
}

static void set_text(roles_t *roles, role_t role, uint8_t rank, slice_t text) {
    if (text.len == 0 || roles->rank[role] > rank) return;
    roles->text[role] = text;
    roles->rank[role] = (uint8_t)(rank + 1);
    roles->split[role] = SPLIT_NONE;
}

/* Where the namespace and version that stand beside a name in one text belong. */
static role_t namespace_role(role_t role) {
    if (role == ROLE_CALLER || role == ROLE_CALLER_IDENTITY) return ROLE_CALLER_NAMESPACE;
    if (role == ROLE_PEER_HOST) return ROLE_PEER_HOST_NAMESPACE; /* of a name that may not be the callee's */
    return role == ROLE_SERVICE || role == ROLE_INSTANCE ? ROLE_NAMESPACE : ROLE_CALLEE_NAMESPACE;
}

static role_t version_role(role_t role) {
    return role == ROLE_SERVICE ? ROLE_VERSION : ROLE_CALLEE_VERSION;
}

void roles_set(roles_t *roles, const dialect_attribute_t *row, slice_t text) {
    if (text.len > 0 && roles->mesh == MESH_NONE) roles->mesh = (mesh_t)row->mesh;
    if (row->form == FORM_TEXT) {
        set_text(roles, row->role, row->rank, text);
        return;
    }
    dialect_name_t parts = dialect_read(row->form, text);
    set_text(roles, row->role, row->rank, parts.name);
    if (parts.name.len > 0 && roles->text[row->role].data == parts.name.data)
        roles->split[row->role] = (uint8_t)parts.split;
    if (parts.none && roles->rank[row->role] <= row->rank) {
        roles->text[row->role] = slice_of(NULL, 0);
        roles->rank[row->role] = (uint8_t)(row->rank + 1);
    }
    if (roles->mesh == MESH_NONE) roles->mesh = parts.mesh;
    /* parts are weaker than an attribute of their own */
    if (roles->rank[namespace_role(row->role)] == 0)
        set_text(roles, namespace_role(row->role), 0, parts.namespace_name);
    if (row->role != ROLE_CALLER && roles->rank[version_role(row->role)] == 0)
        set_text(roles, version_role(row->role), 0, parts.version);
}

uint32_t identity_service(identity_t *identity, slice_t name, slice_t namespace_name, slice_t cluster) {
    char space[NAME_BYTES_MAX * 3 + 2];
    if (name.len == 0) return NAME_NONE;
    bool bare = namespace_name.len == 0 || memchr(name.data, '/', name.len) != NULL;
    if (bare && cluster.len == 0) return names_intern(&identity->shard->names, name);
    if (name.len + namespace_name.len + cluster.len > sizeof space - 2) return NAME_OVERFLOW;
    size_t len = 0;
    if (!bare) {
        memcpy(space, namespace_name.data, namespace_name.len);
        len = namespace_name.len;
        space[len++] = '/';
    }
    memcpy(space + len, name.data, name.len);
    len += name.len;
    if (cluster.len > 0) {
        space[len++] = '@';
        memcpy(space + len, cluster.data, cluster.len);
        len += cluster.len;
    }
    return names_intern(&identity->shard->names, slice_of(space, len));
}

static void read_attributes(const identity_t *identity, slice_t resource, roles_t *roles, char space[ROLES][32]) {
    bytes_t in = bytes_of(resource);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        slice_t key;
        otlp_value_t value;
        if (field.number != 1 || field.type != WIRE_BLOCK || !otlp_key_value(field.block, &key, &value)) continue;
        const dialect_attribute_t *row = key.len > 0 ? dialect_find(&identity->dialects->resource, key) : NULL;
        if (row != NULL) roles_set(roles, row, otlp_value_text(&value, space[row->role]));
    }
}

static void read_resource(identity_t *identity, slice_t bytes, resource_t *resource) {
    names_t *names = &identity->shard->names;
    char space[ROLES][32];
    roles_t roles;
    roles_clear(&roles);
    read_attributes(identity, bytes, &roles, space);
    slice_t name = roles.text[ROLE_SERVICE], workload = roles.text[ROLE_WORKLOAD];
    bool scraped = roles.text[ROLE_SCRAPED].len > 0;
    if (workload.len > 0 && (scraped || name.len == 0)) name = workload;
    bool job = scraped && workload.len == 0, envoy = slice_is(roles.text[ROLE_SENDER], "envoy");
    if (name.len == 0 && roles.text[ROLE_NODE_LOG].len > 0) name = roles.text[ROLE_NODE_CLUSTER];
    bool nameless = envoy && name.len == 0;
    if (name.len == 0) name = slice_text("unknown");
    *resource = (resource_t){
        .service = identity_service(identity, name, roles.text[ROLE_NAMESPACE], roles.text[ROLE_CLUSTER]),
        .namespace_name = names_intern(names, roles.text[ROLE_NAMESPACE]),
        .cluster = names_intern(names, roles.text[ROLE_CLUSTER]),
        .version = names_intern(names, roles.text[ROLE_VERSION]),
        .zone = names_intern(names, roles.text[ROLE_ZONE]),
        .instance = names_intern(names, roles.text[ROLE_INSTANCE]),
        .mesh = (uint8_t)roles.mesh,
        .job = job,
        .envoy = envoy,
        .nameless = nameless,
    };
}

resource_t *identity_resource(identity_t *identity, slice_t bytes) {
    uint64_t hash = XXH3_64bits(bytes.len > 0 ? (const void *)bytes.data : "", bytes.len);
    for (table_probe_t p = table_probe(&identity->index, hash); table_next(&identity->index, &p);) {
        known_t *known = &identity->known[p.index];
        if (slice_equal(slice_of(known->bytes, known->len), bytes)) return &known->resource;
    }
    if (bytes.len > RESOURCE_BYTES_MAX) {
        read_resource(identity, bytes, &identity->unremembered);
        identity->unremembered.hash = hash;
        return &identity->unremembered;
    }
    if (identity->count == RESOURCES_MAX) identity_forget(identity);
    uint32_t at = identity->count++;
    known_t *known = &identity->known[at];
    read_resource(identity, bytes, &known->resource);
    known->resource.hash = hash;
    known->bytes = memory_new(1, bytes.len + 1);
    if (bytes.len > 0) memcpy(known->bytes, bytes.data, bytes.len);
    known->len = bytes.len;
    table_insert(&identity->index, hash, at);
    return &known->resource;
}
