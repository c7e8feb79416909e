/* kit: a fold to feed with OTLP/JSON (apostrophes for quotes) and to ask for what it counted. */
#ifndef SEISMESH_TESTS_FOLD_KIT_H
#define SEISMESH_TESTS_FOLD_KIT_H

#include "collector/fold/otlp_json.h"
#include "collector/fold/worker.h"
#include "tests/test.h"

#include <stdarg.h>

typedef struct {
    dialect_set_t *dialects;
    counters_t *counters;
    fold_t *fold;
    cell_t total; /* of the last kit_total */
} kit_t;

#define KIT_SECOND INT64_C(1000000000)
#define KIT_TIME   INT64_C(1700000000) /* seconds; a multiple of 10 */

static inline kit_t kit_new(const dialect_t *const *extra, const fold_config_t *config) {
    fold_config_t defaults;
    fold_config_defaults(&defaults);
    kit_t kit = {.dialects = dialect_set_new(extra), .counters = calloc(1, sizeof(counters_t))};
    kit.fold = fold_new(config == NULL ? &defaults : config, kit.dialects, kit.counters, (fold_sink_t){0});
    cell_init(&kit.total);
    return kit;
}

static inline void kit_free(kit_t *kit) {
    fold_free(kit->fold);
    dialect_set_free(kit->dialects);
    free(kit->counters);
    cell_fini(&kit->total);
}

static inline uint64_t kit_count(const kit_t *kit, counter_t which) {
    return counters_get(kit->counters, which);
}

/* Arrival is a day after KIT_TIME, so that nothing is in the future. */
static inline err_t kit_record(kit_t *kit, otlp_kind_t kind, slice_t body) {
    return fold_record(kit->fold, kind, (KIT_TIME + 86400) * KIT_SECOND, body);
}

__attribute__((format(printf, 3, 4))) static inline void kit_feed(kit_t *kit, otlp_kind_t kind, const char *format,
                                                                  ...) {
    buffer_t json = {0}, wire = {0};
    char why[256] = "";
    va_list args;
    va_start(args, format);
    (void)buffer_reserve(&json, 1 << 16);
    json.len = (size_t)vsnprintf((char *)json.data, 1 << 16, format, args);
    va_end(args);
    for (size_t i = 0; i < json.len; i++)
        if (json.data[i] == '\'') json.data[i] = '"';
    CHECK_EQUAL(otlp_json_decode(kind, buffer_slice(&json), 1 << 20, &wire, why, sizeof why), ERR_OK);
    CHECK_TEXT(why, "");
    CHECK_EQUAL(kit_record(kit, kind, buffer_slice(&wire)), ERR_OK);
    buffer_fini(&json);
    buffer_fini(&wire);
}

static inline bool kit_named(const kit_t *kit, uint32_t id, const char *name) {
    return name == NULL || strcmp(names_cstr(&kit->fold->shard.names, id), name) == 0;
}

/* All buckets' cells of the entities that match, merged. `detail`: version, zone, instance or operation by kind, the
 * version of an edge; NULL matches any. */
static inline const cell_t *kit_total(kit_t *kit, entity_kind_t kind, observer_t observer, const char *service,
                                      const char *caller, const char *detail) {
    shard_t *shard = &kit->fold->shard;
    cell_fini(&kit->total);
    cell_init(&kit->total);
    for (uint32_t id = 1; id < shard->entity_count; id++) {
        const entity_key_t *key = &shard->entities[id];
        uint32_t part = kind == ENTITY_ZONE        ? key->zone
                        : kind == ENTITY_INSTANCE  ? key->instance
                        : kind == ENTITY_OPERATION ? key->operation
                                                   : key->version;
        if (key->kind != kind || key->observer != observer || !kit_named(kit, key->service, service) ||
            !kit_named(kit, key->caller, caller) || !kit_named(kit, part, detail))
            continue;
        for (uint32_t b = 0; b < shard->bucket_count; b++) {
            const bucket_t *bucket = shard->buckets[b];
            uint32_t place = id < bucket->place_capacity ? bucket->place[id] : 0;
            if (place > 0) cell_merge(&kit->total, bucket->cells[place - 1]);
        }
    }
    return &kit->total;
}

/* Number of entities of a kind and observer. */
static inline uint32_t kit_entities(const kit_t *kit, entity_kind_t kind, observer_t observer) {
    uint32_t count = 0;
    for (uint32_t id = 1; id < kit->fold->shard.entity_count; id++)
        count += kit->fold->shard.entities[id].kind == kind && kit->fold->shard.entities[id].observer == observer;
    return count;
}

/* The sum of a gauge over all buckets; -1 when it is not there. */
static inline double kit_gauge(kit_t *kit, entity_kind_t kind, const char *service, const char *caller,
                               const char *signal) {
    const cell_t *cell = kit_total(kit, kind, OBSERVER_NONE, service, caller, NULL);
    uint32_t id = names_find(&kit->fold->shard.names, slice_text(signal));
    const gauge_t *gauge = id == UINT32_MAX ? NULL : cell_find_gauge(cell, id);
    return gauge == NULL ? -1 : fixed_value(gauge->sum);
}

#endif
