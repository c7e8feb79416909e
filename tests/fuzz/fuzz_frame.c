/* Frames from a damaged disk. The checksum at the end is put right first (but for inputs that begin with 0), so that
 * what is behind it is reached. What opens must also look up, decode, and merge with itself. */
#include "base/crc32c.h"
#include "base/memory.h"
#include "collector/rollup/frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const frame_t *frame) {
    for (uint32_t at = 0; at < frame->count; at++) {
        cell_t cell;
        if (frame_find(frame, frame_entity(frame, at)) != at) abort();
        if (frame_cell(frame, at, &cell) == ERR_OK) cell_fini(&cell);
    }
}

static void merge_and_load(slice_t bytes) {
    static const shard_limits_t limits = {.names = 10, .entities = 10, .operations_per_service = 10};
    static counters_t counters;
    const slice_t twice[2] = {bytes, bytes};
    const entity_key_t key = {.kind = ENTITY_SERVICE};
    buffer_t merged = {0};
    if (frame_merge(twice, 2, &merged) == ERR_OK) {
        frame_t frame;
        if (frame_open(&frame, buffer_slice(&merged)) != ERR_OK) abort();
        read_all(&frame);
    }
    buffer_fini(&merged);
    shard_t shard;
    shard_init(&shard, &limits, &counters);
    shard_restore_entity(&shard, 1, &key);
    (void)frame_load(bytes, &shard, 5);
    shard_fini(&shard);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 6) return 0;
    uint8_t *copy = memory_new(1, size - 1);
    memcpy(copy, data + 1, size - 1);
    uint32_t crc = crc32c(0, copy, size - 5);
    if (data[0] != 0) memcpy(copy + size - 5, &crc, sizeof crc);
    slice_t bytes = slice_of(copy, size - 1);
    frame_t frame;
    if (frame_open(&frame, bytes) == ERR_OK) {
        read_all(&frame);
        merge_and_load(bytes);
    }
    free(copy);
    return 0;
}
