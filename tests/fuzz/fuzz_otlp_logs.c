/* Any bytes as a logs request: what the check accepts, the fold must fold. Text that begins with '[' or '{' is tried as
 * the body of an access log too. */
#include "collector/fold/fold.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_block(buffer_t *out, uint32_t number, slice_t block) {
    buffer_varint(out, number << 3 | WIRE_BLOCK);
    buffer_block(out, block);
}

/* The text as the body of one record. */
static void wrap(slice_t text, buffer_t *out) {
    static const uint32_t numbers[] = {1, 5, 2, 2, 1}; /* string_value, body, log_records, scope_logs, resource_logs */
    buffer_t inner = {0};
    buffer_append(out, text.data, text.len);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        inner.len = 0;
        put_block(&inner, numbers[i], buffer_slice(out));
        if (numbers[i] == 5) { /* observed time 1.6e18 */
            buffer_varint(&inner, 11 << 3 | WIRE_FIXED64);
            buffer_u64(&inner, UINT64_C(1600000000000000000));
        }
        out->len = 0;
        buffer_append(out, inner.data, inner.len);
    }
    buffer_fini(&inner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dialect_set_t *dialects;
    static counters_t counters;
    if (dialects == NULL) dialects = dialect_set_new(NULL);
    buffer_t wire = {0};
    bool text = size > 0 && (data[0] == '[' || data[0] == '{');
    if (text) wrap(slice_of(data, size), &wire);
    slice_t body = text ? buffer_slice(&wire) : slice_of(data, size);
    otlp_summary_t summary;
    const int64_t now = INT64_C(1700000000000000000);
    bool fine = otlp_check(OTLP_LOGS, body, now, &summary) == ERR_OK;
    if (text && !fine) abort();
    if (fine) {
        fold_config_t config;
        fold_config_defaults(&config);
        config.pairing_spans = 4;
        config.shard.entities = 64;
        fold_t *fold = fold_new(&config, dialects, &counters, (fold_sink_t){0});
        if (fold_record(fold, OTLP_LOGS, now, body) != ERR_OK) abort();
        fold_free(fold);
    }
    buffer_fini(&wire);
    return 0;
}
