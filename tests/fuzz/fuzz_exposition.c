/* Any bytes as a scraped page; the first one chooses the format. A line that is read by comparison with the one before
 * says what it says by itself; what becomes of a page is an OTLP request that the check accepts whole and the fold
 * folds. */
#include "collector/fold/worker.h"
#include "collector/scrape/exposition.h"
#include "collector/scrape/translate.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_alone(const exposition_sample_t *sample, slice_t text, bool openmetrics) {
    exposition_t page;
    exposition_sample_t alone = {0};
    size_t begin = (size_t)(sample->name.data - text.data);
    const uint8_t *end = memchr(sample->name.data, '\n', text.len - begin);
    size_t len = end == NULL ? text.len - begin : (size_t)(end - sample->name.data);
    exposition_begin(&page, slice_of(sample->name.data, len), openmetrics);
    if (exposition_next(&page, &alone) != EXPOSITION_FAMILY || exposition_next(&page, &alone) != EXPOSITION_SAMPLE)
        abort();
    if (!slice_equal(alone.name, sample->name) || !slice_equal(alone.labels, sample->labels)) abort();
    if (!slice_equal(alone.bound, sample->bound) || alone.time_ns != sample->time_ns) abort();
    if (alone.value != sample->value && alone.value == alone.value) abort();
}

static void read_lines(slice_t text, bool openmetrics) {
    exposition_t page;
    exposition_sample_t sample;
    exposition_begin(&page, text, openmetrics);
    for (exposition_item_t item;
         (item = exposition_next(&page, &sample)) != EXPOSITION_END && item != EXPOSITION_WRONG;)
        if (item == EXPOSITION_SAMPLE && sample.again) read_alone(&sample, text, openmetrics);
}

static void fold_request(const dialect_set_t *dialects, slice_t request, uint64_t points) {
    static counters_t counters;
    const int64_t now = INT64_C(1700000000000000000);
    otlp_summary_t summary = {0};
    if (otlp_check(OTLP_METRICS, request, now, &summary) != ERR_OK || summary.items != points) abort();
    fold_config_t config;
    fold_config_defaults(&config);
    config.pairing_spans = 4;
    config.shard.entities = 64;
    config.metric_streams = 64;
    fold_t *fold = fold_new(&config, dialects, &counters, (fold_sink_t){0});
    if (fold_record(fold, OTLP_METRICS, now, request) != ERR_OK) abort();
    fold_free(fold);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dialect_set_t *dialects;
    static translator_t *translator;
    static const origin_label_t labels[] = {{"zone", "a"}, {NULL, NULL}};
    if (dialects == NULL) {
        dialects = dialect_set_new(NULL);
        translator = translator_new(dialects, 1 << 16);
    }
    if (size == 0) return 0;
    slice_t text = slice_of(data + 1, size - 1);
    const origin_t origin = {.job = "job",
                             .labels = labels,
                             .openmetrics = data[0] & 1,
                             .honor_labels = data[0] & 2,
                             .honor_timestamps = data[0] & 4,
                             .time_ns = INT64_C(1700000000000000000)};
    buffer_t request = {0};
    page_result_t result;
    read_lines(text, origin.openmetrics);
    err_t err = translate_page(translator, text, &origin, &request, &result);
    if (err != ERR_OK && request.len > 0) abort();
    if (request.len > 0) fold_request(dialects, buffer_slice(&request), result.points);
    buffer_fini(&request);
    return 0;
}
