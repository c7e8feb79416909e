/* The analyzer's state from a damaged store, of every version: what loads must save to a state that loads again and
 * saves to the same bytes. */
#include "analyzer/analyzer.h"
#include "base/buffer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    analyzer_config_t config;
    analyzer_sink_t sink = {.context = NULL};
    buffer_t saved = {0}, again = {0};
    analyzer_config_defaults(&config);
    analyzer_t *analyzer = analyzer_new(&config, sink);
    if (analyzer_load(analyzer, slice_of(data, size)) == ERR_OK) {
        analyzer_save(analyzer, &saved);
        if (analyzer_load(analyzer, buffer_slice(&saved)) != ERR_OK) abort();
        analyzer_save(analyzer, &again);
        if (saved.len != again.len || memcmp(saved.data, again.data, saved.len) != 0) abort();
    }
    buffer_fini(&saved);
    buffer_fini(&again);
    analyzer_free(analyzer);
    return 0;
}
