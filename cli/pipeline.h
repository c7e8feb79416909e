/* pipeline: fold and analyzer joined, as the daemon and `backtest` both run them. */
#ifndef SEISMESH_CLI_PIPELINE_H
#define SEISMESH_CLI_PIPELINE_H

#include "analyzer/analyzer.h"
#include "base/config.h"
#include "collector/fold/fold.h"

typedef struct {
    fold_t *fold;
    analyzer_t *analyzer;
    dialect_set_t *dialects;
} pipeline_t;

/* Builds all three from the configuration. `span` may be NULL. ERR_INVALID (`why` says what is wrong in `dialects:`).
 */
err_t pipeline_init(pipeline_t *pipeline, const config_t *config, counters_t *counters, analyzer_sink_t sink,
                    void (*span)(void *context, const folded_span_t *span), void *span_context, char *why,
                    size_t why_size);
void pipeline_fini(pipeline_t *pipeline);

#endif
