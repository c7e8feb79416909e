/* answering: what people say of incidents, on its way from the API to the analyzer and the store, and back after a
 * restart. The analyzer hears it first, so that it is known from which bucket on it counts; when the store cannot keep
 * it, it is as if it had not been said. */
#ifndef SEISMESH_CLI_ANSWERING_H
#define SEISMESH_CLI_ANSWERING_H

#include "base/clock.h"
#include "cli/pipeline.h"
#include "collector/store/store.h"

typedef struct {
    pipeline_t *pipeline;
    store_t *store;
    const clock_source_t *clock;
    pthread_mutex_t one; /* answers are given one after the other */
    uint64_t next_id;
} answering_t;

/* Before anything is folded: tells the analyzer the answers that the store has. */
err_t answering_init(answering_t *answering, pipeline_t *pipeline, store_t *store, const clock_source_t *clock);
void answering_fini(answering_t *answering);

/* Any thread. `context` is an answering_t; the errors are those of analyzer_answer and store_answer (…_revoke). */
err_t answering_give(void *context, uint64_t incident, int64_t until_ns, const char *json, uint64_t *id);
err_t answering_revoke(void *context, uint64_t id);

#endif
