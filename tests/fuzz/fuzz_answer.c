/* Any text as what a person says of an incident, as it comes out of the store. */
#include "analyzer/answers.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    analyzer_config_t config;
    analyzer_config_defaults(&config);
    analyzer_t *analyzer = analyzer_new(&config, (analyzer_sink_t){0});
    char *text = memory_new(1, size + 1);
    if (size > 0) memcpy(text, data, size);
    for (uint64_t id = 1; id <= 2; id++) {
        int64_t since_ns = INT64_MIN;
        if (analyzer_answer(analyzer, id, 1, &since_ns, INT64_MAX, text) == ERR_OK) analyzer_revoke(analyzer, id, 1);
    }
    free(text);
    analyzer_free(analyzer);
    return 0;
}
