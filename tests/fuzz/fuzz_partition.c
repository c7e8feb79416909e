/* The state of a partition, from a topic that anybody may have written to: a piece of it, and the whole. What loads
 * must save to a state that loads again. */
#include "base/memory.h"
#include "collector/cluster/cluster_log.h"
#include "collector/cluster/partition.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dialect_set_t *dialects;
    state_piece_t piece;
    buffer_t bytes = {0};
    if (state_piece_read(slice_of(data, size), &piece) == ERR_OK) {
        state_piece_write(&piece, &bytes);
        assert(bytes.len <= size);
    }
    if (dialects == NULL) dialects = dialect_set_new(NULL);
    partition_config_t config = {.dialects = dialects, .counters = memory_new(1, sizeof *config.counters)};
    fold_config_defaults(&config.fold);
    config.fold.shard.names = config.fold.shard.entities = 1000;
    config.fold.pairing_spans = config.fold.metric_streams = 100;
    partition_t *partition = partition_new(&config, "spans", 0, 0), *again = partition_new(&config, "spans", 0, 0);
    if (partition_load(partition, slice_of(data, size)) == ERR_OK) {
        uint64_t first;
        buffer_clear(&bytes);
        partition_save(partition, &bytes);
        err_t err = partition_load(again, buffer_slice(&bytes));
        assert(err == ERR_OK);
        (void)partition_message(again, &first, &bytes);
    }
    partition_free(partition);
    partition_free(again);
    buffer_fini(&bytes);
    free(config.counters);
    return 0;
}
