#include "collector/rollup/shard.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

const char *const entity_kind_names[ENTITY_KINDS] = {"service", "version", "zone", "instance", "operation", "edge"};
const char *const observer_names[OBSERVERS] = {"none",       "proxy_server", "proxy_client", "proxy_stats",
                                               "derived",    "app",          "app_old",      "log",
                                               "proxy_span", "span",         "callers"};
const char *const protocol_names[PROTOCOLS] = {"unknown", "http", "grpc", "tcp", "database", "messaging"};

void shard_init(shard_t *shard, const shard_limits_t *limits, counters_t *counters) {
    *shard = (shard_t){.limits = *limits, .counters = counters, .entity_count = 1};
    names_init(&shard->names, limits->names, counters);
}

static void bucket_free(bucket_t *bucket) {
    for (uint32_t i = 0; i < bucket->count; i++) cell_free(bucket->cells[i]);
    free(bucket->entities);
    free(bucket->cells);
    free(bucket->place);
    free(bucket);
}

void shard_fini(shard_t *shard) {
    for (uint32_t i = 0; i < shard->bucket_count; i++) bucket_free(shard->buckets[i]);
    free(shard->buckets);
    names_fini(&shard->names);
    free(shard->entities);
    free(shard->last_seen);
    free(shard->operations);
    table_fini(&shard->entity_index);
    *shard = (shard_t){0};
}

static uint64_t key_hash(const entity_key_t *key) {
    return XXH3_64bits(key, sizeof *key);
}

static uint32_t find(const shard_t *shard, const entity_key_t *key, uint64_t hash) {
    for (table_probe_t p = table_probe(&shard->entity_index, hash); table_next(&shard->entity_index, &p);)
        if (memcmp(&shard->entities[p.index], key, sizeof *key) == 0) return p.index;
    return 0;
}

static uint32_t *operations_of(shard_t *shard, uint32_t service) {
    if (service >= shard->operations_capacity) {
        uint32_t capacity = shard->operations_capacity == 0 ? 256 : shard->operations_capacity;
        while (capacity <= service) capacity *= 2;
        shard->operations = memory_resize(shard->operations, capacity * sizeof *shard->operations);
        memset(shard->operations + shard->operations_capacity, 0,
               (capacity - shard->operations_capacity) * sizeof *shard->operations);
        shard->operations_capacity = capacity;
    }
    return &shard->operations[service];
}

static uint32_t append(shard_t *shard, const entity_key_t *key) {
    if (shard->entity_count >= shard->entity_capacity) {
        shard->entity_capacity = shard->entity_capacity == 0 ? 256 : shard->entity_capacity * 2;
        shard->entities = memory_resize(shard->entities, shard->entity_capacity * sizeof *shard->entities);
        shard->last_seen = memory_resize(shard->last_seen, shard->entity_capacity * sizeof *shard->last_seen);
        if (shard->entity_count == 1) {
            memset(&shard->entities[0], 0, sizeof shard->entities[0]);
            shard->last_seen[0] = INT64_MIN;
        }
    }
    uint32_t id = shard->entity_count++;
    shard->entities[id] = *key;
    shard->last_seen[id] = INT64_MIN;
    return id;
}

/* Makes an entity findable, as long as it is not expired. */
static void enliven(shard_t *shard, uint32_t id) {
    const entity_key_t *key = &shard->entities[id];
    table_insert(&shard->entity_index, key_hash(key), id);
    shard->live++;
    if (key->kind == ENTITY_OPERATION) ++*operations_of(shard, key->service);
}

/* The overflow twin of a key that found no place: first its finest part, then the whole of it. Every kind has one twin
 * per service at most, and at last one per kind, so the caps hold up to a small constant. */
static entity_key_t overflow_of(const shard_t *shard, const entity_key_t *key) {
    entity_key_t twin = *key;
    switch ((entity_kind_t)key->kind) {
    case ENTITY_OPERATION:
        twin.operation = NAME_OVERFLOW;
        break;
    case ENTITY_INSTANCE:
        twin.instance = twin.version = twin.zone = NAME_OVERFLOW;
        break;
    case ENTITY_VERSION:
        twin.version = NAME_OVERFLOW;
        break;
    case ENTITY_ZONE:
        twin.zone = NAME_OVERFLOW;
        break;
    case ENTITY_EDGE:
        twin.caller = twin.version = twin.zone = NAME_OVERFLOW;
        break;
    default:
        twin.service = NAME_OVERFLOW;
        break;
    }
    bool crowded = shard->live >= shard->limits.entities + shard->limits.entities / 8;
    if (crowded) twin.service = NAME_OVERFLOW;
    return twin;
}

static bool has_room(shard_t *shard, const entity_key_t *key) {
    if (key->kind == ENTITY_OPERATION && key->operation != NAME_OVERFLOW &&
        *operations_of(shard, key->service) >= shard->limits.operations_per_service) {
        counters_add(shard->counters, COUNTER_OPERATIONS_OVERFLOW, 1);
        return false;
    }
    if (shard->live < shard->limits.entities) return true;
    counters_add(shard->counters, COUNTER_ENTITIES_OVERFLOW, 1);
    return false;
}

uint32_t shard_entity(shard_t *shard, const entity_key_t *key) {
    uint32_t id = find(shard, key, key_hash(key));
    if (id != 0) return id;
    entity_key_t wanted = *key;
    if (!has_room(shard, key)) {
        wanted = overflow_of(shard, key);
        id = find(shard, &wanted, key_hash(&wanted));
        if (id != 0) return id;
    }
    id = append(shard, &wanted);
    enliven(shard, id);
    return id;
}

void shard_restore_entity(shard_t *shard, uint32_t id, const entity_key_t *key) {
    uint32_t given = append(shard, key);
    assert(given == id);
    shard->last_seen[id] = INT64_MIN; /* expired, until shard_load says when it was seen */
}

void shard_expire(shard_t *shard, int64_t bucket) {
    if (shard->live <= shard->limits.entities / 4 * 3) return;
    int64_t oldest = bucket - shard->limits.idle_buckets;
    for (uint32_t id = 1; id < shard->entity_count; id++) {
        if (shard->last_seen[id] == INT64_MIN || shard->last_seen[id] >= oldest) continue;
        const entity_key_t *key = &shard->entities[id];
        if (!table_remove(&shard->entity_index, key_hash(key), id)) continue;
        shard->last_seen[id] = INT64_MIN;
        shard->live--;
        if (key->kind == ENTITY_OPERATION) --*operations_of(shard, key->service);
        counters_add(shard->counters, COUNTER_ENTITIES_EXPIRED, 1);
    }
}

void shard_save(const shard_t *shard, buffer_t *out) {
    buffer_varint(out, shard->entity_count);
    for (uint32_t id = 1; id < shard->entity_count; id++)
        buffer_zigzag(out, shard->last_seen[id] == INT64_MIN ? -1 : shard->last_seen[id]);
}

bool shard_load(shard_t *shard, bytes_t *in) {
    uint64_t count;
    if (!bytes_varint(in, &count) || count != shard->entity_count) return bytes_fail(in);
    for (uint32_t id = 1; id < count; id++) {
        int64_t seen;
        if (!bytes_zigzag(in, &seen)) return false;
        if (seen == -1) continue;
        shard->last_seen[id] = seen;
        enliven(shard, id);
    }
    return true;
}

/* Position of the first bucket that is not below. */
static uint32_t place_of(const shard_t *shard, int64_t bucket) {
    uint32_t at = 0;
    while (at < shard->bucket_count && shard->buckets[at]->bucket < bucket) at++;
    return at;
}

bucket_t *shard_bucket(const shard_t *shard, int64_t bucket) {
    uint32_t at = place_of(shard, bucket);
    return at < shard->bucket_count && shard->buckets[at]->bucket == bucket ? shard->buckets[at] : NULL;
}

static bucket_t *open_bucket(shard_t *shard, int64_t bucket) {
    uint32_t at = place_of(shard, bucket);
    if (at < shard->bucket_count && shard->buckets[at]->bucket == bucket) return shard->buckets[at];
    bucket_t *opened = memory_new(1, sizeof *opened);
    opened->bucket = bucket;
    opened->whole = bucket >= shard->closed_before;
    shard->buckets = memory_resize(shard->buckets, (shard->bucket_count + 1) * sizeof *shard->buckets);
    memmove(shard->buckets + at + 1, shard->buckets + at, (shard->bucket_count - at) * sizeof *shard->buckets);
    shard->buckets[at] = opened;
    shard->bucket_count++;
    return opened;
}

static cell_t *add_cell(shard_t *shard, bucket_t *bucket, uint32_t entity) {
    if (entity >= bucket->place_capacity) {
        uint32_t capacity = bucket->place_capacity == 0 ? 256 : bucket->place_capacity;
        while (capacity <= entity) capacity *= 2;
        bucket->place = memory_resize(bucket->place, capacity * sizeof *bucket->place);
        memset(bucket->place + bucket->place_capacity, 0, (capacity - bucket->place_capacity) * sizeof *bucket->place);
        bucket->place_capacity = capacity;
    }
    if (bucket->count == bucket->capacity) {
        bucket->capacity = bucket->capacity == 0 ? 64 : bucket->capacity * 2;
        bucket->entities = memory_resize(bucket->entities, bucket->capacity * sizeof *bucket->entities);
        bucket->cells = memory_resize(bucket->cells, bucket->capacity * sizeof(cell_t *));
    }
    cell_t *cell = cell_new();
    bucket->entities[bucket->count] = entity;
    bucket->cells[bucket->count] = cell;
    bucket->place[entity] = ++bucket->count;
    bucket->sorted = false;
    if (shard->last_seen[entity] < bucket->bucket) shard->last_seen[entity] = bucket->bucket;
    return cell;
}

cell_t *shard_cell(shard_t *shard, uint32_t entity, int64_t bucket) {
    bucket_t *b = shard->recent;
    if (b == NULL || b->bucket != bucket) shard->recent = b = open_bucket(shard, bucket);
    b->dirty = true;
    if (entity < b->place_capacity && b->place[entity] != 0) return b->cells[b->place[entity] - 1];
    return add_cell(shard, b, entity);
}

void shard_close_before(shard_t *shard, int64_t closed) {
    shard->closed_before = closed;
}

typedef struct {
    uint32_t entity;
    cell_t *cell;
} pair_t;

static int by_entity(const void *a, const void *b) {
    uint32_t x = ((const pair_t *)a)->entity, y = ((const pair_t *)b)->entity;
    return (x > y) - (x < y);
}

void shard_sort(bucket_t *bucket) {
    if (bucket->sorted || bucket->count == 0) return;
    pair_t *pairs = memory_new(bucket->count, sizeof *pairs);
    for (uint32_t i = 0; i < bucket->count; i++) pairs[i] = (pair_t){bucket->entities[i], bucket->cells[i]};
    qsort(pairs, bucket->count, sizeof *pairs, by_entity);
    for (uint32_t i = 0; i < bucket->count; i++) {
        bucket->entities[i] = pairs[i].entity;
        bucket->cells[i] = pairs[i].cell;
        bucket->place[pairs[i].entity] = i + 1;
    }
    free(pairs);
    bucket->sorted = true;
}

void shard_drop(shard_t *shard, int64_t bucket) {
    uint32_t at = place_of(shard, bucket);
    if (at == shard->bucket_count || shard->buckets[at]->bucket != bucket) return;
    if (shard->recent == shard->buckets[at]) shard->recent = NULL;
    bucket_free(shard->buckets[at]);
    shard->bucket_count--;
    memmove(shard->buckets + at, shard->buckets + at + 1, (shard->bucket_count - at) * sizeof *shard->buckets);
}
