/* pipeline: fold and analyzer joined, as the daemon and `backtest` both run them. */
#ifndef SEISMESH_CLI_PIPELINE_H
#define SEISMESH_CLI_PIPELINE_H

#include "analyzer/analyzer.h"
#include "base/config.h"
#include "collector/fold/fold.h"

#include <pthread.h>

typedef struct {
    const dialect_t **extra; /* from the configuration; owned */
    dialect_set_t *dialects;
    fold_t *fold;
    analyzer_t *analyzer;
    void *splitter;            /* between the fold and those who listen */
    pthread_mutex_t analyzing; /* held while the analyzer changes: chart bands are read by other threads */
} pipeline_t;

/* Builds all from the configuration. Of `sink`, `closed` is the pipeline's own: the analyzer. ERR_INVALID (`why` says
 * what is wrong in `dialects:`). */
err_t pipeline_init(pipeline_t *pipeline, const config_t *config, counters_t *counters, analyzer_sink_t analysis,
                    fold_sink_t sink, char *why, size_t why_size);
/* The settings of its fold, for others like it. */
fold_config_t pipeline_fold_config(const config_t *config);

void pipeline_fini(pipeline_t *pipeline);

/* As analyzer_band, from any thread. */
bool pipeline_band(pipeline_t *pipeline, uint32_t entity, const char *signal, double *low, double *expected,
                   double *high);

/* As analyzer_save, while other threads may ask or give answers. */
void pipeline_save_analyzer(pipeline_t *pipeline, buffer_t *out);

/* How many closed buckets the analyzer has seen of those that it needs before it judges. Any thread. */
void pipeline_learning(pipeline_t *pipeline, uint64_t *have, uint64_t *need);

/* As analyzer_track_record, from any thread. */
uint32_t pipeline_track_record(pipeline_t *pipeline, track_record_t *records, uint32_t max);

/* Names of the dialects in use, ended by NULL; to be freed (the array, not the names). */
const char **pipeline_dialect_names(const pipeline_t *pipeline);

#endif
