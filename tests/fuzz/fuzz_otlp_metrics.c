/* Any bytes as a metrics request. What the check accepts, the fold must fold, also when it comes once more at another
 * time and when all streams have been idle for too long; the streams that it remembers must survive being saved and
 * loaded, bit for bit. A dialect beside the built-in ones has a metric of every signal. */
#include "base/clock.h"
#include "collector/dialect/dialect_yaml.h"
#include "collector/fold/worker.h"

#include <stdio.h>
#include <stdlib.h>

static const char own_dialect[] =
    "dialects:\n"
    "  - name: own\n"
    "    label: [{key: to, role: callee}, {key: from, role: caller}, {key: q, role: quantile},"
    " {key: s, role: statistic}, {key: c, role: http_status}]\n"
    "    metrics:\n"
    "      - {name: m.failures, signal: failures, entity: edge}\n"
    "      - {name: m.requests, signal: requests, entity: edge}\n"
    "      - {name: m.retries, signal: retries, entity: edge}\n"
    "      - {name: m.in, signal: request_bytes, entity: edge}\n"
    "      - {name: m.out, signal: response_bytes, entity: edge}\n"
    "      - {name: m.latency, signal: latency, scale: 0.001, entity: edge}\n"
    "      - {name: m.client, signal: client_latency, entity: edge}\n"
    "      - {name: m.both, signal: latency_requests, entity: edge}\n"
    "      - {name: m.statistic, signal: latency_statistic}\n"
    "      - {name: m.named, signal: latency_statistic, gauge: wait}\n"
    "      - {name: m.success, signal: success_ratio, scale: 0.01}\n"
    "      - {name: m.rate, signal: request_rate}\n"
    "      - {name: m.count, signal: request_count}\n"
    "      - {name: m.gauge, signal: gauge, gauge: pending}\n"
    "      - {name: m.ignored, signal: ignored}\n";

static dialect_set_t *all_dialects(void) {
    const dialect_t **own;
    char why[300];
    if (dialect_yaml_parse(own_dialect, 1, &own, why, sizeof why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why);
        abort();
    }
    return dialect_set_new(own);
}

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
    if (dialects == NULL) dialects = all_dialects();
    slice_t body = slice_of(data, size);
    otlp_summary_t summary;
    const int64_t now = INT64_C(1700000000000000000);
    if (otlp_check(OTLP_METRICS, body, now, &summary) != ERR_OK) return 0;
    fold_config_t config;
    fold_config_defaults(&config);
    config.pairing_spans = 4;
    config.shard.entities = 64;
    config.metric_streams = 8;
    config.auxiliary_per_service = 2;
    fold_t *fold = fold_new(&config, dialects, &counters, (fold_sink_t){0});
    for (int64_t later = 0; later < 2; later++)
        if (fold_record(fold, OTLP_METRICS, now + later * 10 * NS_PER_S, body) != ERR_OK) abort();
    save_and_load(fold->delta, &counters);
    fold_tick(fold, now + 2 * config.metric_stream_idle_ns);
    if (fold_record(fold, OTLP_METRICS, now + 2 * config.metric_stream_idle_ns, body) != ERR_OK) abort();
    save_and_load(fold->delta, &counters);
    fold_free(fold);
    return 0;
}
