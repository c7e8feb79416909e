#include "cli/daemon_parts.h"

#include "base/address.h"
#include "base/log.h"
#include "base/memory.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* --- what the page asks --- */

static void fill_status(void *context, web_status_t *status) {
    daemon_t *daemon = context;
    uint64_t end = journal_end(daemon->journal), folded = daemon->folded;
    bool replaying = folded < daemon->replay_until;
    err_t journal = journal_state(daemon->journal);
    *status = (web_status_t){.ready = !replaying && !daemon->stalled && !daemon->refused && !daemon->stopping &&
                                      journal == ERR_OK,
                             .journal_end = end,
                             .journal_folded = folded,
                             .journal_behind_bytes = end > folded ? end - folded : 0,
                             .event_ns = daemon->event_ns,
                             .checkpoint_position = daemon->checkpoint_position,
                             .checkpoint_count = daemon->checkpoints,
                             .role = cluster_role_name(&daemon->cluster),
                             .partitions = daemon->cluster.partitions,
                             .complete_ns = daemon->cluster.complete_ns,
                             .settled = daemon->cluster.settled,
                             .checkpoint_age_s = -1};
    if (daemon->checkpoint_ns > 0)
        status->checkpoint_age_s = (double)(clock_monotonic_ns(daemon->clock) - daemon->checkpoint_ns) * 1e-9;
    const char *reason = "";
    if (daemon->stopping)
        reason = "shutting down";
    else if (daemon->refused)
        reason = "Kafka refused what this worker says; see the log, restart";
    else if (daemon->stalled)
        reason = "the store cannot write; see the log";
    else if (replaying)
        reason = "replaying the journal after a restart";
    (void)snprintf(status->reason, sizeof status->reason, "%s", reason);
    pipeline_learning(&daemon->pipeline, &status->learning_have_buckets, &status->learning_need_buckets);
    status->learning_done = status->learning_have_buckets >= status->learning_need_buckets;
}

static bool fill_band(void *context, uint32_t entity, const char *signal, double *low, double *expected, double *high) {
    daemon_t *daemon = context;
    return pipeline_band(&daemon->pipeline, entity, signal, low, expected, high);
}

static uint32_t fill_record(void *context, track_record_t *records, uint32_t max) {
    return pipeline_track_record(&((daemon_t *)context)->pipeline, records, max);
}

/* --- start --- */

static err_t open_store(daemon_t *daemon, char *why, size_t why_size) {
    const config_t *c = daemon->config;
    store_config_t store = {.directory = c->data,
                            .keep_spans = c->spans_store,
                            .span_block_bytes = c->span_block_bytes,
                            .retention_10s_s = (int64_t)c->retention_10s_s,
                            .retention_1m_s = (int64_t)c->retention_1m_s,
                            .retention_1h_s = (int64_t)c->retention_1h_s,
                            .retention_spans_s = (int64_t)c->retention_spans_s,
                            .retention_bytes = c->retention_bytes,
                            .compact = true,
                            .full_10s_s = (int64_t)c->retention_full_10s_s};
    return store_open(&store, &daemon->counters, &daemon->store, why, why_size);
}

/* Brings fold and analyzer to where the last checkpoint left them. */
static err_t recover(daemon_t *daemon, uint64_t *position, char *why, size_t why_size) {
    int64_t closed_before;
    slice_t state;
    fold_t *fold = daemon->pipeline.fold;
    err_t err = store_load(daemon->store, fold_shard(fold), position, &closed_before);
    if (err == ERR_OK) err = store_state(daemon->store, "fold", &state);
    if (err == ERR_OK && state.len > 0) err = fold_load(fold, state);
    if (err == ERR_OK) err = store_state(daemon->store, "analyzer", &state);
    if (err == ERR_OK && state.len > 0) err = analyzer_load(daemon->pipeline.analyzer, state);
    if (err == ERR_OK) err = store_state(daemon->store, "cluster", &state);
    if (err == ERR_OK) err = cluster_load(&daemon->cluster, state);
    if (err == ERR_OK) err = answering_init(&daemon->answering, &daemon->pipeline, daemon->store, daemon->clock);
    if (err != ERR_OK)
        (void)snprintf(why, why_size,
                       "the state in %s cannot be read (%s); start with another data directory (--data DIR), or move "
                       "this one away",
                       daemon->config->data, err_text(err));
    daemon->folded = daemon->checkpoint_position = *position;
    daemon->event_ns = fold_event_ns(daemon->pipeline.fold);
    return err;
}

static err_t start_forward(daemon_t *daemon, char *why, size_t why_size) {
    if (daemon->config->forward_otlp_url[0] == '\0') return ERR_OK;
    err_t err = otlp_out_start(daemon->config->forward_otlp_url, daemon->config->forward_queue_bytes, &daemon->counters,
                               &daemon->forward);
    if (err != ERR_OK)
        (void)snprintf(why, why_size, "forward.otlp_url %s is no http:// or https:// URL",
                       daemon->config->forward_otlp_url);
    return err;
}

typedef err_t receiver_start_t(const receiver_config_t *, intake_t *, receiver_t **, char *, size_t);

static err_t start_receiver(daemon_t *daemon, receiver_start_t *start, const char *key, const char *listen,
                            receiver_t **out, char *why, size_t why_size) {
    address_t address;
    if (listen[0] == '\0') return ERR_OK;
    if (!address_parse(listen, &address)) {
        (void)snprintf(why, why_size, "%s: %s is no address; write HOST:PORT, for example 127.0.0.1:4318", key, listen);
        return ERR_INVALID;
    }
    const config_t *c = daemon->config;
    receiver_config_t receiver = {.host = address.host,
                                  .port = address.port,
                                  .request_bytes = c->request_bytes,
                                  .memory_bytes = c->intake_bytes,
                                  .connections = (uint32_t)c->connections,
                                  .header_timeout_s = 10,
                                  .body_timeout_s = 30,
                                  .threads = 1};
    return start(&receiver, &daemon->intake, out, why, why_size);
}

static err_t read_scrape(daemon_t *daemon, char *why, size_t why_size) {
    const config_t *c = daemon->config;
    if (c->scrape_yaml == NULL) return ERR_OK;
    return scrape_config_parse(c->scrape_yaml, c->scrape_line, &daemon->scrape_config, why, why_size);
}

static err_t start_scraper(daemon_t *daemon, char *why, size_t why_size) {
    const config_t *c = daemon->config;
    if (daemon->scrape_config == NULL || daemon->scrape_config->count == 0) return ERR_OK;
    scraper_config_t scraper = {.jobs = daemon->scrape_config,
                                .dialects = daemon->pipeline.dialects,
                                .intake = &daemon->intake,
                                .limits = {.request_bytes = c->request_bytes, .memory_bytes = c->intake_bytes},
                                .connections = (uint32_t)c->scrape_connections,
                                .targets = (uint32_t)c->scrape_targets};
    return scraper_start(&scraper, &daemon->scraper, why, why_size);
}

static err_t start_web(daemon_t *daemon, char *why, size_t why_size) {
    const config_t *c = daemon->config;
    address_t address;
    if (!address_parse(c->listen_web, &address)) {
        (void)snprintf(why, why_size, "listen.web: %s is no address; write HOST:PORT, for example 127.0.0.1:7117",
                       c->listen_web);
        return ERR_INVALID;
    }
    daemon->dialect_names = pipeline_dialect_names(&daemon->pipeline);
    web_config_t web = {.host = address.host, .port = address.port, .names = c->listen_web_names};
    web_context_t context = {
        .store_path = store_path(daemon->store),
        .store = daemon->store,
        .counters = &daemon->counters,
        .clock = daemon->clock,
        .version = SEISMESH_VERSION,
        .listen_otlp_grpc = c->listen_otlp_grpc,
        .listen_otlp_http = c->listen_otlp_http,
        .listen_web = c->listen_web,
        .notice = c->web_notice,
        .dialects = daemon->dialect_names,
        .dialect_set = daemon->pipeline.dialects,
        .scraper = daemon->scraper,
        .status = {.context = daemon, .fill = fill_status, .band = fill_band, .record = fill_record},
        .answers = {.context = &daemon->answering, .give = answering_give, .revoke = answering_revoke}};
    if (daemon->cluster.role == ROLE_IS_VIEW) {
        context.nodes.context = &daemon->cluster;
        context.nodes.each = cluster_nodes;
    }
    return web_start(&web, &context, &daemon->web, why, why_size);
}

static err_t start_all(daemon_t *daemon, char *why, size_t why_size) {
    uint64_t position = 0;
    err_t err = cluster_init(&daemon->cluster, daemon->config, daemon->clock, &daemon->counters, why, why_size);
    if (err == ERR_OK)
        err = pipeline_init(&daemon->pipeline, daemon->config, &daemon->counters, daemon_analyzer_sink(daemon),
                            daemon_fold_sink(daemon), why, why_size);
    if (err == ERR_OK)
        err = cluster_start(&daemon->cluster, &daemon->pipeline, daemon_fold_sink(daemon), daemon_checkpoint_for_worker,
                            why, why_size);
    if (err == ERR_OK) err = read_scrape(daemon, why, why_size);
    if (err == ERR_OK) err = open_store(daemon, why, why_size);
    if (err == ERR_OK) err = recover(daemon, &position, why, why_size);
    if (err == ERR_OK) err = daemon_open_journal(daemon, position, why, why_size);
    if (err != ERR_OK) return err;
    daemon->intake.journal = daemon->journal;
    daemon->intake.clock = daemon->clock;
    daemon->intake.counters = &daemon->counters;
    err = start_forward(daemon, why, why_size);
    if (err == ERR_OK && daemon->cluster.role != ROLE_IS_VIEW) err = start_scraper(daemon, why, why_size);
    if (err == ERR_OK) err = start_web(daemon, why, why_size);
    if (err != ERR_OK) return err;
    if (pthread_create(&daemon->folder, NULL, daemon_fold_thread, daemon) != 0) {
        (void)snprintf(why, why_size, "cannot start a thread; raise the limit on processes (ulimit -u)");
        return ERR_NOMEM;
    }
    daemon->folding = true;
    if (daemon->cluster.role == ROLE_IS_VIEW) return ERR_OK; /* what it takes in comes from workers */
    err = start_receiver(daemon, otlp_http_start, "listen.otlp_http", daemon->config->listen_otlp_http, &daemon->http,
                         why, why_size);
    if (err == ERR_OK)
        err = start_receiver(daemon, otlp_grpc_start, "listen.otlp_grpc", daemon->config->listen_otlp_grpc,
                             &daemon->grpc, why, why_size);
    return err;
}

err_t daemon_start(const config_t *config, const clock_source_t *clock, daemon_t **out, char *why, size_t why_size) {
    daemon_t *daemon = memory_new(1, sizeof *daemon);
    daemon->config = config;
    daemon->clock = clock;
    daemon->event_ns = INT64_MIN;
    err_t err = start_all(daemon, why, why_size);
    if (err != ERR_OK) {
        daemon_stop(daemon);
        return err;
    }
    *out = daemon;
    return ERR_OK;
}

uint16_t daemon_port_grpc(const daemon_t *daemon) {
    return daemon->grpc == NULL ? 0 : receiver_port(daemon->grpc);
}
uint16_t daemon_port_http(const daemon_t *daemon) {
    return daemon->http == NULL ? 0 : receiver_port(daemon->http);
}
uint16_t daemon_port_web(const daemon_t *daemon) {
    return daemon->web == NULL ? 0 : web_port(daemon->web);
}

void daemon_stop(daemon_t *daemon) {
    if (daemon->scraper != NULL) scraper_stop(daemon->scraper);
    if (daemon->http != NULL) receiver_stop(daemon->http);
    if (daemon->grpc != NULL) receiver_stop(daemon->grpc);
    if (daemon->folding) {
        daemon->stopping = true;
        journal_wake(daemon->journal);
        (void)pthread_join(daemon->folder, NULL);
        if (daemon_checkpoint(daemon) != ERR_OK)
            log_error("the last checkpoint could not be written; nothing is lost: the journal is replayed at the next "
                      "start");
    }
    if (daemon->web != NULL) web_stop(daemon->web);
    if (daemon->scraper != NULL) scraper_free(daemon->scraper); /* the page reads it to the end */
    scrape_config_free(daemon->scrape_config);
    if (daemon->forward != NULL) otlp_out_stop(daemon->forward);
    if (daemon->journal != NULL) journal_close(daemon->journal);
    if (daemon->store != NULL) store_close(daemon->store);
    cluster_fini(&daemon->cluster);
    answering_fini(&daemon->answering);
    pipeline_fini(&daemon->pipeline);
    free(daemon->dialect_names);
    free(daemon);
}
