/* cluster: what `role: worker` and `role: view` make different in the daemon. A worker folds partition by partition and
 * keeps spans; the daemon's own fold stays empty but for the names that those spans use. A view reads what workers say
 * into the daemon's fold. With `role: all` none of this is there. */
#ifndef SEISMESH_CLI_CLUSTER_H
#define SEISMESH_CLI_CLUSTER_H

#include "base/config.h"
#include "cli/pipeline.h"
#include "collector/cluster/view.h"
#include "collector/cluster/worker.h"

typedef enum { ROLE_IS_ALL, ROLE_IS_WORKER, ROLE_IS_VIEW } cluster_role_t;

typedef struct {
    cluster_role_t role;
    const config_t *config;
    const clock_source_t *clock;
    pipeline_t *pipeline;
    counters_t *counters;
    fold_sink_t sink;                   /* the daemon's: who keeps spans */
    err_t (*checkpoint)(void *context); /* with the sink's context */
    bool known; /* the record at hand was in a checkpoint of our own already: its spans are kept */
    journal_kafka_config_t kafka;
    char group[300], url[300], node[300];
    worker_t *worker;
    view_t *view;
    /* Written by the folding thread, read by others. */
    _Atomic uint32_t partitions;
    _Atomic int64_t complete_ns;
    _Atomic bool settled;
} cluster_t;

/* Reads the role. ERR_INVALID (`why`): it needs Kafka as the journal. Then the pipeline is to be made. */
err_t cluster_init(cluster_t *cluster, const config_t *config, const clock_source_t *clock, counters_t *counters,
                   char *why, size_t why_size);
void cluster_fini(cluster_t *cluster);

/* Makes worker or view around the pipeline. `sink` is who keeps spans; `checkpoint`, with the same context, puts what
 * it has on disk. */
err_t cluster_start(cluster_t *cluster, pipeline_t *pipeline, fold_sink_t sink, err_t (*checkpoint)(void *context),
                    char *why, size_t why_size);

/* Puts what the role needs into the journal's configuration, which is kept here. */
void cluster_configure(cluster_t *cluster, journal_kafka_config_t *journal);
void cluster_attach(cluster_t *cluster, journal_t *journal);

/* Takes a record in its way. Only for roles other than all. */
void cluster_record(cluster_t *cluster, const journal_record_t *record);

/* "worker", "view", or NULL. */
const char *cluster_role_name(const cluster_t *cluster);

/* What is due; false: nothing may be read any more (the log says why). */
bool cluster_turn(cluster_t *cluster);

/* Whether a tick of our own may move time on: not while workers will. */
bool cluster_ticks(const cluster_t *cluster);

/* Newest event time; INT64_MIN = none. */
int64_t cluster_event_ns(const cluster_t *cluster);

/* Calls back for each node that keeps spans; a view's, any thread. */
void cluster_nodes(void *cluster, void (*node)(void *context, const char *id, const char *url), void *context);

/* What a checkpoint keeps of it beside the rest, and takes in again. */
void cluster_save(const cluster_t *cluster, buffer_t *out);
err_t cluster_load(cluster_t *cluster, slice_t bytes);

#endif
