/* Chunks from a damaged disk. The checksum is put right first (but for inputs that begin with 0), so that the range
 * coder's stream behind it is reached. What decodes must encode to something that decodes to the same cells. */
#include "base/crc32c.h"
#include "base/memory.h"
#include "collector/store/chunk.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode_again(chunk_item_t *items, uint32_t count) {
    chunk_item_t again[CHUNK_BUCKETS];
    uint32_t got;
    buffer_t first = {0}, second = {0};
    chunk_encode(items, count, &first);
    if (chunk_decode(buffer_slice(&first), CHUNK_WHOLE, again, &got) != ERR_OK || got != count) abort();
    chunk_encode(again, got, &second);
    if (!slice_equal(buffer_slice(&first), buffer_slice(&second))) abort();
    chunk_free_items(again, got);
    buffer_fini(&first);
    buffer_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 10) return 0;
    uint8_t *copy = memory_new(1, size - 1);
    memcpy(copy, data + 1, size - 1);
    uint32_t crc = crc32c(0, copy + 8, size - 9), count;
    if (data[0] != 0) {
        memcpy(copy, data[0] % 2 == 0 ? "SMC1" : "SMC2", 4);
        memcpy(copy + 4, &crc, sizeof crc);
    }
    chunk_item_t items[CHUNK_BUCKETS];
    if (chunk_decode(slice_of(copy, size - 1), CHUNK_WHOLE, items, &count) == ERR_OK) {
        encode_again(items, count);
        for (uint32_t i = 0; i < count; i++) cell_coarsen(&items[i].cell);
        encode_again(items, count);
        chunk_free_items(items, count);
    }
    free(copy);
    return 0;
}
