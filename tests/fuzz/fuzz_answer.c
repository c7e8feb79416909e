/* Any text as what a person says of an incident, as it comes out of the store: said while something is wrong, honoured
 * in the minutes that follow, and taken back. */
#include "analyzer/answers.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "tests/fuzz/mesh.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The state after half an hour in which all was well and a minute in which it was not. */
static slice_t ill(small_mesh_t *mesh, int64_t *bucket) {
    enum { WELL = 180, ILL = 6 };
    static buffer_t state;
    *bucket = MESH_BEGINS + WELL + ILL;
    if (state.len > 0) return buffer_slice(&state);
    mesh_init(mesh);
    analyzer_t *analyzer = mesh_analyzer();
    for (int64_t i = 0; i < WELL + ILL; i++) mesh_tick(mesh, analyzer, MESH_BEGINS + i, i >= WELL);
    analyzer_save(analyzer, &state);
    analyzer_free(analyzer);
    return buffer_slice(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static small_mesh_t mesh;
    int64_t bucket;
    slice_t state = ill(&mesh, &bucket);
    analyzer_t *analyzer = mesh_analyzer();
    if (analyzer_load(analyzer, state) != ERR_OK) abort();
    mesh_tick(&mesh, analyzer, bucket++, true);
    char *text = memory_new(1, size + 1);
    if (size > 0) memcpy(text, data, size);
    bool given = false;
    for (uint64_t id = 1; id <= 2; id++) {
        int64_t since_ns = INT64_MIN;
        given = analyzer_answer(analyzer, id, 1, &since_ns, INT64_MAX, text) == ERR_OK || given;
    }
    if (given) {
        for (int i = 0; i < 3; i++) mesh_tick(&mesh, analyzer, bucket++, true);
        analyzer_revoke(analyzer, 1, bucket * BUCKET_NS);
        analyzer_forget(analyzer, 2);
        mesh_tick(&mesh, analyzer, bucket++, false);
        mesh_tick(&mesh, analyzer, bucket++, true);
    }
    free(text);
    analyzer_free(analyzer);
    return 0;
}
