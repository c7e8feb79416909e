/* Any bytes as a trace request. What the check accepts, the fold must fold, and protobuf-c must be able to unpack,
 * unless it holds groups, which protobuf-c does not read. */
#include "collector/fold/fold.h"
#include "otlp.pb-c.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_group(slice_t message, int depth) {
    bytes_t in = bytes_of(message);
    while (bytes_left(&in) > 0) {
        bytes_t peek = in;
        uint64_t tag;
        wire_field_t field;
        if (!bytes_varint(&peek, &tag)) return false;
        if ((tag & 7) == 3) return true;
        if (!wire_next(&in, &field)) return false;
        if (field.type == WIRE_BLOCK && depth < 40 && has_group(field.block, depth + 1)) return true;
    }
    return false;
}

static void take_span(void *context, const folded_span_t *span) {
    *(int64_t *)context = span->end_ns;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dialect_set_t *dialects;
    static counters_t counters;
    if (dialects == NULL) dialects = dialect_set_new(NULL);
    slice_t body = slice_of(data, size);
    otlp_summary_t summary;
    const int64_t now = INT64_C(1700000000000000000);
    if (otlp_check(OTLP_TRACES, body, now, &summary) != ERR_OK) return 0;
    if (summary.rejected > summary.items) abort();
    fold_config_t config;
    fold_config_defaults(&config);
    config.pairing_spans = 64;
    config.shard.entities = 64;
    int64_t end_ns;
    fold_t *fold = fold_new(&config, dialects, &counters, (fold_sink_t){.context = &end_ns, .span = take_span});
    if (fold_record(fold, OTLP_TRACES, now, body) != ERR_OK) abort();
    fold_finish(fold);
    fold_free(fold);
    Otlp__TracesData *oracle = otlp__traces_data__unpack(NULL, size, data);
    if (oracle != NULL)
        otlp__traces_data__free_unpacked(oracle, NULL);
    else if (!has_group(body, 0))
        abort();
    return 0;
}
