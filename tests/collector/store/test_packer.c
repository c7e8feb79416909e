/* Span blocks packed beside the thread that fills them. */
#include "base/memory.h"
#include "collector/store/packer.h"
#include "collector/store/spanblock.h"
#include "tests/test.h"

#include <stdatomic.h>

enum { BLOCKS = 60 };

static void fill(open_block_t *block, int64_t id) {
    uint64_t seed = (uint64_t)id + 1;
    block->id = id;
    for (int i = 0; i < 3000; i++) {
        uint64_t word = test_random(&seed) & UINT64_C(0x0f0f0f0f);
        buffer_append(&block->raw, &word, sizeof word);
    }
}

static void give_all(packer_t *packer, packed_block_t *full[static BLOCKS]) {
    open_block_t open = {0};
    for (int64_t id = 0; id < BLOCKS; id++) {
        fill(&open, id);
        full[id] = packer_give(packer, &open);
        CHECK_EQUAL(open.raw.len, 0);
    }
    buffer_fini(&open.raw);
}

static bool unpacks_to(const packed_block_t *full, int64_t id) {
    open_block_t wanted = {0};
    buffer_t raw = {0};
    fill(&wanted, id);
    bool same = spanblock_unpack(buffer_slice(&full->packed), &raw) == ERR_OK &&
                slice_equal(buffer_slice(&raw), buffer_slice(&wanted.raw)) && full->raw_bytes == raw.len;
    buffer_fini(&raw);
    buffer_fini(&wanted.raw);
    return same;
}

TEST(every_block_comes_back_packed_and_holds_less_than_before) {
    packer_t *packer = packer_new();
    packed_block_t *full[BLOCKS];
    give_all(packer, full);
    for (int64_t id = BLOCKS; id-- > 0;) { /* in another order than given */
        packer_wait(full[id]);
        CHECK_EQUAL(full[id]->open.id, id);
        CHECK(unpacks_to(full[id], id));
        CHECK_EQUAL(atomic_load(&full[id]->bytes), full[id]->packed.len);
        CHECK(full[id]->packed.len < full[id]->raw_bytes / 2);
        CHECK(full[id]->open.raw.data == NULL);
        packed_block_free(full[id]);
    }
    packer_free(packer);
}

TEST(one_that_ends_early_leaves_blocks_to_be_freed) {
    packer_t *packer = packer_new();
    packed_block_t *full[BLOCKS];
    give_all(packer, full);
    packer_free(packer);
    for (int64_t id = 0; id < BLOCKS; id++) {
        CHECK(full[id]->done ? unpacks_to(full[id], id) : full[id]->open.raw.len > 0);
        packed_block_free(full[id]);
    }
}

TEST_MAIN(TEST_CASE(every_block_comes_back_packed_and_holds_less_than_before),
          TEST_CASE(one_that_ends_early_leaves_blocks_to_be_freed))
