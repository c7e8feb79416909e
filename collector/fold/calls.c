#include "collector/fold/calls.h"

#include "base/memory.h"

/* What is known of a service by its name id. */
enum {
    PEER_REPORTS = 1, /* sends server spans */
    PEER_SILENT = 2,  /* a caller's half waited for it in vain */
    PEER_NAMED = 4,   /* metrics or logs speak of it under this name */
    PEER_ROUTED = 8,  /* a router sends to it by this name */
    PEER_SENT = 16,   /* a proxy counts what it sends to it under this very name */
};

static uint8_t *peer_flags(fold_t *fold, uint32_t service) {
    if (service >= fold->peer_capacity) {
        uint32_t capacity = fold->peer_capacity == 0 ? 256 : fold->peer_capacity;
        while (capacity <= service) capacity *= 2;
        fold->peers = memory_resize(fold->peers, capacity);
        memset(fold->peers + fold->peer_capacity, 0, capacity - fold->peer_capacity);
        fold->peer_capacity = capacity;
    }
    return &fold->peers[service];
}

void calls_reporter(fold_t *fold, uint32_t service) {
    *peer_flags(fold, service) |= PEER_REPORTS;
}

void calls_named(fold_t *fold, uint32_t service) {
    *peer_flags(fold, service) |= PEER_NAMED;
}

static bool reports(fold_t *fold, uint32_t service) {
    return (*peer_flags(fold, service) & PEER_REPORTS) != 0;
}

bool calls_known(fold_t *fold, uint32_t service) {
    return (*peer_flags(fold, service) & (PEER_REPORTS | PEER_NAMED)) != 0;
}

/* The id of prefix, name and suffix as one name, if that is known; else NAME_NONE. */
static uint32_t find_known(fold_t *fold, slice_t prefix, slice_t name, slice_t suffix) {
    char full[NAME_BYTES_MAX];
    if (prefix.len + name.len + suffix.len > sizeof full) return NAME_NONE;
    if (prefix.len > 0) memcpy(full, prefix.data, prefix.len);
    memcpy(full + prefix.len, name.data, name.len);
    if (suffix.len > 0) memcpy(full + prefix.len + name.len, suffix.data, suffix.len);
    uint32_t id = names_find(&fold->shard.names, slice_of(full, prefix.len + name.len + suffix.len));
    return id != UINT32_MAX && calls_known(fold, id) ? id : NAME_NONE;
}

/* "namespace/name@cluster", if known. */
static uint32_t find_joined(fold_t *fold, slice_t namespace_name, slice_t name, slice_t cluster) {
    char space[NAME_BYTES_MAX * 2 + 2];
    if (namespace_name.len == 0 || name.len == 0 || namespace_name.len + cluster.len + 2 > sizeof space)
        return NAME_NONE;
    memcpy(space, namespace_name.data, namespace_name.len);
    space[namespace_name.len] = '/';
    char *suffix = space + namespace_name.len + 1;
    size_t suffix_len = 0;
    if (cluster.len > 0) {
        suffix[0] = '@';
        memcpy(suffix + 1, cluster.data, cluster.len);
        suffix_len = cluster.len + 1;
    }
    return find_known(fold, slice_of(space, namespace_name.len + 1), name, slice_of(suffix, suffix_len));
}

/* Of "service.namespace", as Kubernetes' search domains let callers write it, where the dot is; 0 of another name. */
static size_t short_dot(slice_t name) {
    const uint8_t *dot = memchr(name.data, '.', name.len);
    if (dot == NULL || memchr(name.data, '/', name.len) != NULL) return 0;
    size_t left = (size_t)(dot - name.data), right = name.len - left - 1;
    return right == 0 || memchr(dot + 1, '.', right) != NULL ? 0 : left;
}

uint32_t calls_peer(fold_t *fold, uint32_t caller, uint32_t peer) {
    if (peer == NAME_NONE || calls_known(fold, peer)) return peer;
    slice_t name = names_text(&fold->shard.names, peer), from = names_text(&fold->shard.names, caller);
    if (name.len == 0 || from.len == 0) return peer;
    const uint8_t *slash = memchr(from.data, '/', from.len), *at = memchr(from.data, '@', from.len);
    slice_t prefix = slice_of(from.data, slash == NULL ? 0 : (size_t)(slash - from.data) + 1);
    slice_t suffix = at == NULL ? slice_of(NULL, 0) : slice_of(at, from.len - (size_t)(at - from.data));
    slice_t cluster = at == NULL ? slice_of(NULL, 0) : slice_of(at + 1, suffix.len - 1);
    size_t dot = short_dot(name);
    uint32_t inside = dot == 0 ? NAME_NONE
                               : find_joined(fold, slice_of(name.data + dot + 1, name.len - dot - 1),
                                             slice_of(name.data, dot), cluster);
    if (inside != NAME_NONE) return inside; /* such a service is known: it is no host of the world outside */
    if (memchr(name.data, '/', name.len) != NULL) prefix.len = 0;
    if (memchr(name.data, '@', name.len) != NULL) suffix.len = 0;
    if (prefix.len + suffix.len == 0) return peer;
    uint32_t id = find_known(fold, prefix, name, suffix);
    return id != NAME_NONE ? id : peer;
}

/* Where the port begins that a name ends with, the sign before it left out; 0 when it ends with none. */
static size_t before_port(slice_t name) {
    size_t end = name.len;
    while (end > 0 && name.data[end - 1] >= '0' && name.data[end - 1] <= '9') end--;
    return end == name.len || end == 0 || name.data[end - 1] != '-' ? 0 : end - 1;
}

uint32_t calls_split(fold_t *fold, slice_t name, split_t split, slice_t cluster) {
    bool first = split == SPLIT_NAMESPACE_FIRST;
    size_t end = first ? before_port(name) : name.len;
    uint32_t found = NAME_NONE;
    for (size_t i = 1; i + 1 < end; i++) {
        if (name.data[i] != (first ? '-' : '_')) continue;
        slice_t left = slice_of(name.data, i), right = slice_of(name.data + i + 1, end - i - 1);
        uint32_t id = first ? find_joined(fold, left, right, cluster) : find_joined(fold, right, left, cluster);
        if (id == NAME_NONE || id == found) continue;
        if (found != NAME_NONE) return NAME_NONE;
        found = id;
    }
    return found;
}

void calls_routed(fold_t *fold, uint32_t service) {
    *peer_flags(fold, service) |= PEER_ROUTED;
}

static bool flagged(fold_t *fold, uint32_t service, uint8_t flag) {
    return service != NAME_NONE && (*peer_flags(fold, service) & flag) != 0;
}

/* The service of this name that is routed to and, itself, is only a choice between others; else NAME_NONE. */
static uint32_t find_choice(fold_t *fold, slice_t name, slice_t cluster) {
    char full[NAME_BYTES_MAX];
    uint32_t id = calls_split(fold, name, SPLIT_NAMESPACE_FIRST, cluster);
    if (id == NAME_NONE && name.len + cluster.len < sizeof full) {
        memcpy(full, name.data, name.len);
        full[name.len] = '@';
        if (cluster.len > 0) memcpy(full + name.len + 1, cluster.data, cluster.len);
        id = names_find(&fold->shard.names, slice_of(full, name.len + (cluster.len > 0 ? cluster.len + 1 : 0)));
    }
    bool choice = id != UINT32_MAX && flagged(fold, id, PEER_ROUTED) && !flagged(fold, id, PEER_SENT);
    return choice ? id : NAME_NONE;
}

uint32_t calls_sent(fold_t *fold, uint32_t service, slice_t name, slice_t cluster, slice_t *version) {
    size_t end = before_port(name);
    if (end == 0) end = name.len;
    bool itself = flagged(fold, service, PEER_ROUTED | PEER_REPORTS);
    for (size_t i = name.len; i-- > 1 && !itself;) {
        if (name.data[i] != '-') continue;
        uint32_t choice = find_choice(fold, slice_of(name.data, i), cluster);
        if (choice == NAME_NONE) continue;
        if (i < end) *version = slice_of(name.data + i + 1, end - i - 1);
        return choice;
    }
    *peer_flags(fold, service) |= PEER_SENT;
    return service;
}

static cell_t *edge_cell(fold_t *fold, uint32_t caller, uint32_t callee, const half_t *half, observer_t observer) {
    entity_key_t key = {.kind = ENTITY_EDGE,
                        .observer = (uint8_t)observer,
                        .protocol = half->protocol,
                        .service = callee,
                        .caller = caller,
                        .version = half->version,
                        .zone = half->zone};
    return shard_cell(&fold->shard, shard_entity(&fold->shard, &key), bucket_of(half->end_ns));
}

static void count(cell_t *cell, const half_t *half, failure_t failure) {
    cell_request(cell, failure, half->duration_ns);
    cell->retries += half->retries;
    cell->request_bytes += half->request_bytes;
    cell->response_bytes += half->response_bytes;
    exemplar_t exemplar = {.duration_ns = half->duration_ns, .end_ns = half->end_ns};
    memcpy(exemplar.trace_id, half->trace_id, sizeof exemplar.trace_id);
    memcpy(exemplar.span_id, half->call_id, sizeof exemplar.span_id);
    cell_exemplar(cell, failure, &exemplar);
}

static bool only_caller_knows(uint8_t failure) {
    return failure == FAILURE_CONNECTION || failure == FAILURE_TIMEOUT;
}

/* Which end's observer an edge is filed under: a proxy's word counts more. */
static observer_t better(const half_t *a, const half_t *b) {
    return (observer_t)(a->observer < b->observer ? a->observer : b->observer);
}

static void count_pair(fold_t *fold, const half_t *client, const half_t *server) {
    fold->spans_paired += 2;
    half_t call = *server;
    if (call.protocol == PROTOCOL_UNKNOWN) call.protocol = client->protocol;
    call.retries = client->retries > server->retries ? client->retries : server->retries;
    cell_t *cell = edge_cell(fold, client->service, server->service, &call, better(client, server));
    bool callers_failure = server->failure == FAILURE_NONE && only_caller_knows(client->failure);
    count(cell, &call, (failure_t)(callers_failure ? client->failure : server->failure));
    sketch_add(&cell->client, client->duration_ns, 1);
}

static void count_client(fold_t *fold, const half_t *client) {
    uint32_t callee = calls_peer(fold, client->service, client->peer);
    if (callee == NAME_NONE) return;
    cell_t *cell = edge_cell(fold, client->service, callee, client, (observer_t)client->observer);
    count(cell, client, (failure_t)client->failure);
    sketch_add(&cell->client, client->duration_ns, 1);
}

static void count_server(fold_t *fold, const half_t *server) {
    if (server->peer == NAME_NONE) return;
    cell_t *cell = edge_cell(fold, server->peer, server->service, server, (observer_t)server->observer);
    count(cell, server, (failure_t)server->failure);
}

/* Whether calls_peer's answer depends on whom else the mesh knows. */
static bool peer_depends(const fold_t *fold, const half_t *half) {
    slice_t name = names_text(&fold->shard.names, half->peer), from = names_text(&fold->shard.names, half->service);
    return name.len > 0 && from.len > 0 &&
           (short_dot(name) > 0 ||
            (memchr(from.data, '/', from.len) != NULL && memchr(name.data, '/', name.len) == NULL) ||
            (memchr(from.data, '@', from.len) != NULL && memchr(name.data, '@', name.len) == NULL));
}

static void settle_alone(fold_t *fold, const half_t *half) {
    if (fold->sink.half != NULL) {
        fold->sink.half(fold->sink.context, half, false);
        return;
    }
    if (half->server) {
        counters_add(fold->counters, COUNTER_UNPAIRED_SERVER, 1);
        count_server(fold, half);
        return;
    }
    counters_add(fold->counters, COUNTER_UNPAIRED_CLIENT, 1);
    uint32_t callee = calls_peer(fold, half->service, half->peer);
    if (callee != NAME_NONE && !reports(fold, callee)) *peer_flags(fold, callee) |= PEER_SILENT;
    count_client(fold, half);
}

/* True when no server span will come for this client span: the request never arrived, or its peer is known not to
 * send any. */
static bool speaks_alone(fold_t *fold, const half_t *half) {
    if (half->server) return false;
    if (half->failure == FAILURE_CONNECTION) return true;
    uint32_t callee = calls_peer(fold, half->service, half->peer);
    return callee != NAME_NONE && (*peer_flags(fold, callee) & (PEER_REPORTS | PEER_SILENT)) == PEER_SILENT;
}

void calls_half(fold_t *fold, const half_t *half, bool alone) {
    if (alone || speaks_alone(fold, half)) {
        if (fold->sink.half != NULL && !half->server && peer_depends(fold, half))
            fold->sink.half(fold->sink.context, half, true);
        else if (half->server)
            count_server(fold, half);
        else
            count_client(fold, half);
        return;
    }
    half_t other;
    bool evicted;
    if (pairing_meet(fold->pairing, half, &other, &evicted)) {
        if (half->server)
            count_pair(fold, &other, half);
        else
            count_pair(fold, half, &other);
    } else if (evicted) {
        counters_add(fold->counters, COUNTER_PAIRING_EVICTED, 1);
        settle_alone(fold, &other);
    }
}

void calls_expire(fold_t *fold, int64_t before_ns) {
    half_t half;
    while (pairing_expire(fold->pairing, before_ns, &half)) settle_alone(fold, &half);
}

void calls_save(const fold_t *fold, buffer_t *out) {
    uint32_t used = fold->peer_capacity;
    while (used > 0 && fold->peers[used - 1] == 0) used--;
    buffer_block(out, slice_of(fold->peers, used));
    pairing_save(fold->pairing, out);
}

err_t calls_load(fold_t *fold, bytes_t *in) {
    slice_t flags;
    if (!bytes_block(in, &flags) || flags.len > UINT32_MAX / 4) return ERR_MALFORMED;
    for (uint32_t i = 0; i < flags.len; i++) *peer_flags(fold, i) = flags.data[i];
    return pairing_load(fold->pairing, in);
}
