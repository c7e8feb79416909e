/* What workers say, from a topic that anybody may have written to. The first byte says how often the message is read:
 * what is known is passed over. Then the view's own state, out of a store. */
#include "base/memory.h"
#include "collector/cluster/view.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dialect_set_t *dialects;
    fold_config_t config;
    if (size < 1) return 0;
    if (dialects == NULL) dialects = dialect_set_new(NULL);
    counters_t *counters = memory_new(1, sizeof *counters);
    fold_config_defaults(&config);
    config.shard.names = config.shard.entities = 1000;
    config.pairing_spans = 100;
    fold_t *fold = fold_new(&config, dialects, counters, (fold_sink_t){0});
    view_t *view = view_new(fold, counters, VIEW_PATIENCE_NS), *again = view_new(fold, counters, VIEW_PATIENCE_NS);
    for (int i = 0; i <= data[0] % 2; i++)
        view_message(view, INT64_C(1700000000) * 1000000000, slice_of(data + 1, size - 1));
    buffer_t saved = {0};
    view_save(view, &saved);
    err_t err = view_load(again, buffer_slice(&saved));
    assert(err == ERR_OK);
    if (view_load(view, slice_of(data + 1, size - 1)) == ERR_OK) view_save(view, &saved);
    buffer_fini(&saved);
    view_free(view);
    view_free(again);
    fold_free(fold);
    free(counters);
    return 0;
}
