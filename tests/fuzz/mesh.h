/* mesh: a small mesh for the fuzz targets of the analyzer: shop/web calls shop/cart, which runs in two versions and on
 * two instances, and has a gauge. When told to, cart fails a third of its requests and is slow with the rest. */
#ifndef SEISMESH_FUZZ_MESH_H
#define SEISMESH_FUZZ_MESH_H

#include "analyzer/analyzer.h"
#include "base/counters.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

typedef struct {
    shard_t shard;
    counters_t counters;
    uint32_t web, cart, version[2], instance[2], gauge;
} small_mesh_t;

enum { MESH_BEGINS = 170000000 /* its first bucket */, MESH_SERIES = 200 };

static inline uint32_t mesh_name(small_mesh_t *mesh, const char *text) {
    return names_intern(&mesh->shard.names, slice_text(text));
}

static inline void mesh_init(small_mesh_t *mesh) {
    shard_limits_t limits = {.names = 100, .entities = 100, .operations_per_service = 10, .idle_buckets = 1 << 20};
    shard_init(&mesh->shard, &limits, &mesh->counters);
    mesh->web = mesh_name(mesh, "shop/web");
    mesh->cart = mesh_name(mesh, "shop/cart");
    mesh->version[0] = mesh_name(mesh, "v1");
    mesh->version[1] = mesh_name(mesh, "v2");
    mesh->instance[0] = mesh_name(mesh, "cart-1");
    mesh->instance[1] = mesh_name(mesh, "cart-2");
    mesh->gauge = mesh_name(mesh, "cpu.utilization");
}

static inline cell_t *mesh_cell(small_mesh_t *mesh, int64_t bucket, entity_key_t key, uint64_t requests, bool sick) {
    key.observer = OBSERVER_SPAN;
    cell_t *cell = shard_cell(&mesh->shard, shard_entity(&mesh->shard, &key), bucket);
    uint64_t failures = sick ? requests / 3 : 0;
    cell->requests += requests;
    cell->failures[FAILURE_SERVER] += failures;
    sketch_add(&cell->ok, sick ? 900000000 : 10000000 + (uint64_t)(bucket % 7) * 1000000, requests - failures);
    if (failures > 0) sketch_add(&cell->failed, 5000000, failures);
    if (key.kind == ENTITY_EDGE) sketch_add(&cell->client, sick ? 901000000 : 12000000, requests);
    return cell;
}

static inline void mesh_tick(small_mesh_t *mesh, analyzer_t *analyzer, int64_t bucket, bool sick) {
    uint32_t cart = mesh->cart;
    (void)mesh_cell(mesh, bucket, (entity_key_t){.kind = ENTITY_SERVICE, .service = mesh->web}, 300, sick);
    (void)mesh_cell(mesh, bucket, (entity_key_t){.kind = ENTITY_SERVICE, .service = cart}, 200, sick);
    (void)mesh_cell(mesh, bucket, (entity_key_t){.kind = ENTITY_EDGE, .service = cart, .caller = mesh->web}, 200, sick);
    for (uint32_t i = 0; i < 2; i++) {
        entity_key_t version = {.kind = ENTITY_VERSION, .service = cart, .version = mesh->version[i]};
        entity_key_t instance = {.kind = ENTITY_INSTANCE, .service = cart, .instance = mesh->instance[i]};
        (void)mesh_cell(mesh, bucket, version, 100, sick && i == 1);
        cell_t *cell = mesh_cell(mesh, bucket, instance, 100, sick && i == 1);
        (void)cell_gauge(cell, mesh->gauge, sick ? 0.95 : 0.3, bucket * BUCKET_NS);
    }
    bucket_t *cells = shard_bucket(&mesh->shard, bucket);
    shard_sort(cells);
    analyzer_bucket(analyzer, &mesh->shard, bucket, cells);
    shard_drop(&mesh->shard, bucket);
}

static inline void mesh_document(const char *json) {
    json_t *document = json_loads(json, 0, NULL);
    if (!json_is_object(document)) abort();
    json_decref(document);
}

static inline void mesh_anomaly(void *context, const anomaly_t *anomaly) {
    (void)context;
    if (isnan(anomaly->observed) || isnan(anomaly->score)) abort();
}

static inline void mesh_incident(void *context, uint64_t incident, int64_t opened_ns, int64_t updated_ns,
                                 int64_t closed_ns, const char *json) {
    (void)context, (void)incident, (void)opened_ns, (void)updated_ns, (void)closed_ns;
    mesh_document(json);
}

static inline void mesh_suggestion(void *context, uint64_t suggestion, uint64_t incident, int64_t created_ns,
                                   int64_t expires_ns, const char *json) {
    (void)context, (void)suggestion, (void)incident, (void)created_ns, (void)expires_ns;
    mesh_document(json);
}

/* Everything that it tells is looked at. */
static inline analyzer_t *mesh_analyzer(void) {
    analyzer_config_t config;
    analyzer_config_defaults(&config);
    config.series = MESH_SERIES;
    analyzer_sink_t sink = {.anomaly = mesh_anomaly, .incident = mesh_incident, .suggestion = mesh_suggestion};
    return analyzer_new(&config, sink);
}

#endif
