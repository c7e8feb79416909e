/* same_cells: whether two folds have counted the same, whatever they call it by: every entity of one is in the other,
 * and the sum of its cells has the same bytes. */
#ifndef SEISMESH_TESTS_SAME_CELLS_H
#define SEISMESH_TESTS_SAME_CELLS_H

#include "collector/rollup/shard.h"
#include "tests/bench/mesh20.h"
#include "tests/test.h"

/* All cells of an entity, merged, as bytes. */
static inline void total_of(const shard_t *shard, uint32_t entity, buffer_t *out) {
    cell_t sum;
    cell_init(&sum);
    for (uint32_t b = 0; b < shard->bucket_count; b++) {
        const bucket_t *bucket = shard->buckets[b];
        uint32_t place = entity < bucket->place_capacity ? bucket->place[entity] : 0;
        if (place > 0) cell_merge(&sum, bucket->cells[place - 1]);
    }
    cell_encode(&sum, out);
    cell_fini(&sum);
}

/* The entity of the same names in another shard; 0 = none. */
static inline uint32_t same_entity(const shard_t *from, uint32_t entity, shard_t *in) {
    entity_key_t key = from->entities[entity];
    uint32_t *names[] = {&key.service, &key.caller, &key.version, &key.zone, &key.instance, &key.operation};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        *names[i] = names_find(&in->names, names_text(&from->names, *names[i]));
        if (*names[i] == UINT32_MAX) return 0;
    }
    uint32_t before = in->entity_count, id = shard_entity(in, &key);
    return id < before ? id : 0;
}

static inline void check_same_cells(const shard_t *one, shard_t *all) {
    uint32_t edges = 0;
    CHECK_EQUAL(all->entity_count, one->entity_count);
    for (uint32_t id = 1; id < one->entity_count; id++) {
        buffer_t expected = {0}, got = {0};
        uint32_t there = same_entity(one, id, all);
        CHECK(there != 0);
        total_of(one, id, &expected);
        total_of(all, there, &got);
        CHECK(slice_equal(buffer_slice(&expected), buffer_slice(&got)));
        edges += one->entities[id].kind == ENTITY_EDGE;
        buffer_fini(&expected);
        buffer_fini(&got);
    }
    CHECK(edges >= MESH_EDGES);
}

#endif
