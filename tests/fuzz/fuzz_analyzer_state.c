/* The analyzer's state from a damaged store, of every version: what loads must save to a state that loads again and
 * saves to the same bytes; and the analyzer must go on with it, through minutes that are well and ill, an hour later
 * and after days, and have a state again. */
#include "analyzer/answers.h"
#include "base/buffer.h"
#include "tests/fuzz/mesh.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void go_on(analyzer_t *analyzer) {
    static small_mesh_t mesh;
    static const int64_t pauses[] = {1, 1, 1, 1, 1, 360, 1, 8640, 1, 1};
    if (mesh.shard.names.count == 0) mesh_init(&mesh);
    int64_t seen = analyzer_seen_until(analyzer) / BUCKET_NS;
    int64_t bucket = seen > MESH_BEGINS && seen < 2 * (int64_t)MESH_BEGINS ? seen : MESH_BEGINS;
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        mesh_tick(&mesh, analyzer, bucket, i % 5 > 1);
        bucket += pauses[i];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    buffer_t saved = {0}, again = {0};
    analyzer_t *analyzer = mesh_analyzer();
    if (analyzer_load(analyzer, slice_of(data, size)) == ERR_OK) {
        analyzer_save(analyzer, &saved);
        if (analyzer_load(analyzer, buffer_slice(&saved)) != ERR_OK) abort();
        analyzer_save(analyzer, &again);
        if (saved.len != again.len || memcmp(saved.data, again.data, saved.len) != 0) abort();
        go_on(analyzer);
        buffer_clear(&saved);
        analyzer_save(analyzer, &saved);
        if (analyzer_load(analyzer, buffer_slice(&saved)) != ERR_OK) abort();
    }
    buffer_fini(&saved);
    buffer_fini(&again);
    analyzer_free(analyzer);
    return 0;
}
