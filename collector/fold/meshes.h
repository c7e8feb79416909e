/* meshes: in which mesh a service was seen, and what each mesh sends. The former is kept as entities with empty cells
 * (shard.h), one per bucket at most; the latter is counted, so that it can be said what is missing. */
#ifndef SEISMESH_FOLD_MESHES_H
#define SEISMESH_FOLD_MESHES_H

#include "collector/fold/worker.h"

/* Notes that a service was seen in a mesh. MESH_NONE and NAME_NONE are nobody. */
void meshes_note(fold_t *fold, mesh_t mesh, uint32_t service, int64_t time_ns);

/* Counts one thing that a mesh sent; MESH_NONE is nobody. */
static inline void meshes_count(fold_t *fold, mesh_t mesh, mesh_item_t item) {
    fold->mesh_items[mesh][item]++;
}

/* Hands what was counted over to the counters; to be called once per request. */
void meshes_flush(fold_t *fold);

/* Forgets the memo; to be called when entities have expired. */
void meshes_forget(fold_t *fold);

#endif
