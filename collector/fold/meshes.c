#include "collector/fold/meshes.h"

#include "base/memory.h"

static seen_in_t *seen_in(fold_t *fold, uint32_t service) {
    if (service >= fold->seen_in_capacity) {
        uint32_t capacity = fold->seen_in_capacity == 0 ? 256 : fold->seen_in_capacity;
        while (capacity <= service) capacity *= 2;
        fold->seen_in = memory_resize(fold->seen_in, capacity * sizeof *fold->seen_in);
        memset(fold->seen_in + fold->seen_in_capacity, 0, (capacity - fold->seen_in_capacity) * sizeof *fold->seen_in);
        fold->seen_in_capacity = capacity;
    }
    return &fold->seen_in[service];
}

void meshes_note(fold_t *fold, mesh_t mesh, uint32_t service, int64_t time_ns) {
    if (mesh == MESH_NONE || service == NAME_NONE) return;
    int64_t bucket = bucket_of(time_ns);
    seen_in_t *seen = seen_in(fold, service);
    if (seen->bucket != bucket) *seen = (seen_in_t){.bucket = bucket};
    if ((seen->meshes >> mesh & 1) != 0) return;
    seen->meshes |= 1u << mesh;
    entity_key_t mark = {.kind = ENTITY_SERVICE,
                         .service = service,
                         .operation = names_intern(&fold->shard.names, slice_text(mesh_names[mesh]))};
    (void)shard_cell(&fold->shard, shard_entity(&fold->shard, &mark), bucket);
}

void meshes_forget(fold_t *fold) {
    if (fold->seen_in != NULL) memset(fold->seen_in, 0, fold->seen_in_capacity * sizeof *fold->seen_in);
}

void meshes_flush(fold_t *fold) {
    for (int mesh = MESH_NONE + 1; mesh < MESHES; mesh++)
        for (int item = 0; item < MESH_ITEMS; item++) {
            uint64_t count = fold->mesh_items[mesh][item];
            if (count == 0) continue;
            counters_add(fold->counters, (counter_t)(COUNTER_MESH_FIRST + (mesh - 1) * MESH_ITEMS + item), count);
            fold->mesh_items[mesh][item] = 0;
        }
}
