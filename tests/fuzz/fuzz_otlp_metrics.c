/* Any bytes as a metrics request. What the check accepts, the fold must fold; the streams that it remembers then must
 * survive being saved and loaded, bit for bit. */
#include "collector/fold/worker.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void save_and_load(const delta_t *delta, counters_t *counters) {
    buffer_t first = {0}, second = {0};
    delta_save(delta, &first);
    delta_t *loaded = delta_new(64, INT64_C(3600000000000), counters);
    bytes_t in = bytes_of(buffer_slice(&first));
    if (delta_load(loaded, &in) != ERR_OK || !bytes_done(&in)) abort();
    delta_save(loaded, &second);
    if (!slice_equal(buffer_slice(&first), buffer_slice(&second))) abort();
    delta_free(loaded);
    buffer_fini(&first);
    buffer_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dialect_set_t *dialects;
    static counters_t counters;
    if (dialects == NULL) dialects = dialect_set_new(NULL);
    slice_t body = slice_of(data, size);
    otlp_summary_t summary;
    const int64_t now = INT64_C(1700000000000000000);
    if (otlp_check(OTLP_METRICS, body, now, &summary) != ERR_OK) return 0;
    fold_config_t config;
    fold_config_defaults(&config);
    config.pairing_spans = 4;
    config.shard.entities = 64;
    config.metric_streams = 64;
    fold_t *fold = fold_new(&config, dialects, &counters, (fold_sink_t){0});
    if (fold_record(fold, OTLP_METRICS, now, body) != ERR_OK) abort();
    save_and_load(fold->delta, &counters);
    fold_free(fold);
    return 0;
}
