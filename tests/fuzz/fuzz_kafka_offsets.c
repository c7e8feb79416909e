/* Offsets out of a store: any bytes give offsets that encode to the same again, or an error. Then the bytes are told as
 * a story of offsets that grow, of partitions that come and go, and of checkpoints that reach the disk: what is taken
 * for one is what was told at the newest before it. */
#include "collector/journal/kafka_offsets.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode_again(kafka_offsets_t *offsets) {
    kafka_offsets_t again;
    buffer_t bytes = {0}, bytes_again = {0};
    kafka_offsets_encode(offsets, &bytes);
    err_t err = kafka_offsets_decode(&again, buffer_slice(&bytes));
    assert(err == ERR_OK && again.count == offsets->count);
    kafka_offsets_encode(&again, &bytes_again);
    assert(slice_equal(buffer_slice(&bytes), buffer_slice(&bytes_again)));
    kafka_offsets_fini(&again);
    buffer_fini(&bytes);
    buffer_fini(&bytes_again);
}

enum { PARTITIONS = 4 };

/* What the offsets of one partition were at each step; 0 = none. */
typedef struct {
    int64_t next[PARTITIONS];
} told_t;

static void same(const kafka_offsets_t *offsets, const told_t *told) {
    for (int32_t i = 0; i < PARTITIONS; i++) {
        const kafka_offset_t *one = kafka_offsets_find(offsets, "spans", i);
        assert(one == NULL ? told->next[i] == 0 : one->next == told->next[i]);
    }
}

/* Each byte is a step: two bits say what, two of which partition, the rest how far. */
static void tell(const uint8_t *data, size_t size) {
    enum { STEPS = 255 };
    told_t now = {{0}}, at[STEPS];
    bool kept[STEPS] = {false};
    size_t first = 0; /* step behind the last one that was taken */
    kafka_offsets_t offsets = {0}, taken = {0};
    kafka_snapshots_t snapshots = {0};
    for (size_t i = 0; i < size && i < STEPS; i++) {
        int32_t partition = data[i] >> 2 & 3;
        at[i] = now;
        if ((data[i] & 3) == 0) {
            now.next[partition] += 1 + (data[i] >> 4);
            (void)kafka_offsets_set(&offsets, "spans", partition, now.next[partition]);
        } else if ((data[i] & 3) == 1) {
            now.next[partition] = 0;
            kafka_offsets_remove(&offsets, "spans", partition);
        } else if ((data[i] & 3) == 2) {
            kafka_snapshots_add(&snapshots, i, &offsets);
            kept[i] = true;
        } else {
            size_t back = data[i] >> 2, position = i >= back ? i - back : 0, newest = position;
            bool there = kafka_snapshots_take(&snapshots, position, &taken);
            while (newest > first && !kept[newest]) newest--;
            if (!there) continue; /* there was none, or it was forgotten for later ones */
            assert(newest >= first && kept[newest]);
            same(&taken, &at[newest]);
            first = position + 1;
        }
        same(&offsets, &now);
    }
    kafka_snapshots_fini(&snapshots);
    kafka_offsets_fini(&offsets);
    kafka_offsets_fini(&taken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    kafka_offsets_t offsets;
    if (kafka_offsets_decode(&offsets, slice_of(data, size)) == ERR_OK)
        encode_again(&offsets);
    else
        assert(offsets.count == 0 && offsets.items == NULL);
    kafka_offsets_fini(&offsets);
    tell(data, size);
    return 0;
}
