/* daemon_parts: what the files of the daemon share: its state, and the thread that folds. */
#ifndef SEISMESH_CLI_DAEMON_PARTS_H
#define SEISMESH_CLI_DAEMON_PARTS_H

#include "cli/answering.h"
#include "cli/cluster.h"
#include "cli/daemon.h"
#include "cli/pipeline.h"
#include "collector/journal/journal.h"
#include "collector/receive/receiver.h"
#include "collector/scrape/scraper.h"
#include "collector/store/store.h"
#include "exporters/otlp_out.h"
#include "web/server.h"

#include <pthread.h>

struct daemon {
    const config_t *config;
    const clock_source_t *clock;
    counters_t counters;
    pipeline_t pipeline;
    cluster_t cluster;
    store_t *store;
    journal_t *journal;
    otlp_out_t *forward;
    receiver_t *http, *grpc;
    scrape_config_t *scrape_config; /* NULL = nothing is scraped, as is scraper */
    scraper_t *scraper;
    web_t *web;
    answering_t answering;
    const char **dialect_names;
    intake_t intake;
    pthread_t folder;
    bool folding;
    uint64_t replay_until; /* journal end at start: ready once it is folded */
    /* Written by the folding thread, read by others. */
    _Atomic uint64_t folded, checkpoint_position, checkpoints;
    _Atomic int64_t event_ns, checkpoint_ns;
    _Atomic bool stopping, stalled; /* stalled: the store cannot write */
    _Atomic bool refused;           /* Kafka refused for good what a worker has to say */
};

/* daemon_fold.c: where the fold and the analyzer tell what goes to the store. Needs the configuration only. */
fold_sink_t daemon_fold_sink(daemon_t *daemon);
analyzer_sink_t daemon_analyzer_sink(daemon_t *daemon);

/* The thread: folds the journal's records in order, with a checkpoint from time to time, until daemon->stopping. */
void *daemon_fold_thread(void *daemon);

/* A checkpoint of everything that was folded, waited for. For the folding thread, or when it does not run. */
err_t daemon_checkpoint(daemon_t *daemon);

/* daemon_journal.c: opens the journal that the configuration names, from a position on. */
err_t daemon_open_journal(daemon_t *daemon, uint64_t position, char *why, size_t why_size);

/* For cluster_start: a checkpoint, when there is something new. */
err_t daemon_checkpoint_for_worker(void *daemon);

#endif
