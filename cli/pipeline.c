#include "cli/pipeline.h"

#include "base/memory.h"
#include "collector/dialect/dialect_yaml.h"

#include <stdlib.h>

/* Who gets what the fold tells: requests and spans go to the caller's sink, closed buckets to the analyzer. */
typedef struct {
    pipeline_t *pipeline;
    fold_sink_t outer;
} splitter_t;

static void pass_request(void *context, otlp_kind_t kind, slice_t body) {
    splitter_t *splitter = context;
    if (splitter->outer.request != NULL) splitter->outer.request(splitter->outer.context, kind, body);
}

static void pass_span(void *context, const folded_span_t *span) {
    splitter_t *splitter = context;
    splitter->outer.span(splitter->outer.context, span);
}

static void analyze(void *context, shard_t *shard, int64_t bucket, bucket_t *cells) {
    splitter_t *splitter = context;
    if (cells != NULL) shard_sort(cells);
    (void)pthread_mutex_lock(&splitter->pipeline->analyzing);
    analyzer_bucket(splitter->pipeline->analyzer, shard, bucket, cells);
    (void)pthread_mutex_unlock(&splitter->pipeline->analyzing);
}

static int64_t ns(double seconds) {
    return (int64_t)(seconds * 1e9);
}

fold_config_t pipeline_fold_config(const config_t *config) {
    fold_config_t fold;
    fold_config_defaults(&fold);
    fold.shard.names = (uint32_t)config->names;
    fold.shard.entities = (uint32_t)config->entities;
    fold.shard.operations_per_service = (uint32_t)config->operations_per_service;
    fold.shard.idle_buckets = ns(config->idle_s) / BUCKET_NS;
    fold.pairing_spans = (uint32_t)config->pairing_spans;
    fold.pairing_window_ns = ns(config->pairing_window_s);
    fold.late_ns = ns(config->late_s);
    fold.grace_ns = ns(config->grace_s);
    fold.metric_streams = (uint32_t)config->metric_streams;
    fold.auxiliary_per_service = (uint32_t)config->auxiliary_per_service;
    return fold;
}

err_t pipeline_init(pipeline_t *pipeline, const config_t *config, counters_t *counters, analyzer_sink_t analysis,
                    fold_sink_t sink, char *why, size_t why_size) {
    *pipeline = (pipeline_t){0};
    if (config->dialects_yaml != NULL) {
        err_t err = dialect_yaml_parse(config->dialects_yaml, config->dialects_line, &pipeline->extra, why, why_size);
        if (err != ERR_OK) return err;
    }
    (void)pthread_mutex_init(&pipeline->analyzing, NULL);
    pipeline->dialects = dialect_set_new(pipeline->extra);
    analyzer_config_t tuning;
    analyzer_config_defaults(&tuning);
    tuning.sensitivity = config->sensitivity;
    tuning.minimum_rate = config->minimum_rate;
    tuning.routing_language = config->routing_language;
    tuning.dialects = pipeline->extra;
    pipeline->analyzer = analyzer_new(&tuning, analysis);
    splitter_t *splitter = memory_new(1, sizeof *splitter);
    *splitter = (splitter_t){pipeline, sink};
    pipeline->splitter = splitter;
    fold_sink_t inner = {
        .context = splitter, .request = pass_request, .span = sink.span == NULL ? NULL : pass_span, .closed = analyze};
    fold_config_t fold = pipeline_fold_config(config);
    pipeline->fold = fold_new(&fold, pipeline->dialects, counters, inner);
    return ERR_OK;
}

void pipeline_fini(pipeline_t *pipeline) {
    if (pipeline->fold != NULL) (void)pthread_mutex_destroy(&pipeline->analyzing);
    fold_free(pipeline->fold);
    analyzer_free(pipeline->analyzer);
    dialect_set_free(pipeline->dialects);
    dialect_yaml_free(pipeline->extra);
    free(pipeline->splitter);
    *pipeline = (pipeline_t){0};
}

bool pipeline_band(pipeline_t *pipeline, uint32_t entity, const char *signal, double *low, double *expected,
                   double *high) {
    (void)pthread_mutex_lock(&pipeline->analyzing);
    bool known = analyzer_band(pipeline->analyzer, entity, signal, low, expected, high);
    (void)pthread_mutex_unlock(&pipeline->analyzing);
    return known;
}

void pipeline_save_analyzer(pipeline_t *pipeline, buffer_t *out) {
    (void)pthread_mutex_lock(&pipeline->analyzing);
    analyzer_save(pipeline->analyzer, out);
    (void)pthread_mutex_unlock(&pipeline->analyzing);
}

void pipeline_learning(pipeline_t *pipeline, uint64_t *have, uint64_t *need) {
    (void)pthread_mutex_lock(&pipeline->analyzing);
    analyzer_learning(pipeline->analyzer, have, need);
    (void)pthread_mutex_unlock(&pipeline->analyzing);
}

uint32_t pipeline_track_record(pipeline_t *pipeline, track_record_t *records, uint32_t max) {
    (void)pthread_mutex_lock(&pipeline->analyzing);
    uint32_t count = analyzer_track_record(pipeline->analyzer, records, max);
    (void)pthread_mutex_unlock(&pipeline->analyzing);
    return count;
}

static size_t count_dialects(const dialect_t *const *list) {
    size_t count = 0;
    while (list != NULL && list[count] != NULL) count++;
    return count;
}

const char **pipeline_dialect_names(const pipeline_t *pipeline) {
    size_t extra = count_dialects(pipeline->extra), built_in = count_dialects(dialect_list);
    const char **names = memory_new(extra + built_in + 1, sizeof *names);
    for (size_t i = 0; i < extra; i++) names[i] = pipeline->extra[i]->name;
    for (size_t i = 0; i < built_in; i++) names[extra + i] = dialect_list[i]->name;
    return names;
}
