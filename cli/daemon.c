#include "cli/daemon.h"

#include "base/address.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/answering.h"
#include "cli/cluster.h"
#include "cli/pipeline.h"
#include "collector/journal/journal.h"
#include "collector/receive/receiver.h"
#include "collector/scrape/scraper.h"
#include "collector/store/store.h"
#include "exporters/otlp_out.h"
#include "web/server.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

/* --- what the fold and the analyzer tell goes to the store --- */

static void on_request(void *context, otlp_kind_t kind, slice_t body) {
    daemon_t *daemon = context;
    if (kind != OTLP_TRACES) return;
    if (daemon->config->spans_store) store_spans(daemon->store, body);
    if (daemon->forward != NULL) otlp_out_push(daemon->forward, body);
}

static void on_span(void *context, const folded_span_t *span) {
    daemon_t *daemon = context;
    store_span(daemon->store, span->trace_id, span->span_id, span->root, span->error, span->service, span->operation,
               span->start_ns, span->end_ns);
}

static void on_anomaly(void *context, const anomaly_t *a) {
    daemon_t *daemon = context;
    store_anomaly(daemon->store, a->time_ns, a->entity, a->signal, a->score, a->observed, a->expected, a->low, a->high,
                  a->incident, a->explanation);
}

static void on_incident(void *context, uint64_t incident, int64_t opened_ns, int64_t updated_ns, int64_t closed_ns,
                        const char *json) {
    daemon_t *daemon = context;
    store_incident(daemon->store, incident, opened_ns, updated_ns, closed_ns, json);
}

static void on_suggestion(void *context, uint64_t suggestion, uint64_t incident, int64_t created_ns, int64_t expires_ns,
                          const char *json) {
    daemon_t *daemon = context;
    store_suggestion(daemon->store, suggestion, incident, created_ns, expires_ns, json);
}

/* --- the folding thread --- */

static void fold_one(daemon_t *daemon, const journal_record_t *record) {
    if (daemon->cluster.role != ROLE_IS_ALL) {
        cluster_record(&daemon->cluster, record);
    } else if (record->kind == JOURNAL_TICK) {
        fold_tick(daemon->pipeline.fold, record->arrival_ns);
    } else if (record->kind < OTLP_KINDS) {
        err_t err = fold_record(daemon->pipeline.fold, (otlp_kind_t)record->kind, record->arrival_ns, record->payload);
        if (err != ERR_OK)
            log_error("journal record at %llu is %s; it is left out from there on",
                      (unsigned long long)record->position, err_text(err));
    }
    daemon->folded = record->next;
    daemon->event_ns = cluster_event_ns(&daemon->cluster);
    if (record->next >= daemon->replay_until && record->position < daemon->replay_until) log_info("journal replayed");
}

static err_t checkpoint(daemon_t *daemon) {
    fold_t *fold = daemon->pipeline.fold;
    buffer_t fold_state = {0}, analyzer_state = {0}, journal_state = {0}, cluster_state = {0};
    fold_save(fold, &fold_state);
    pipeline_save_analyzer(&daemon->pipeline, &analyzer_state);
    journal_save(daemon->journal, &journal_state);
    cluster_save(&daemon->cluster, &cluster_state);
    store_state_t states[] = {{"fold", buffer_slice(&fold_state)},
                              {"analyzer", buffer_slice(&analyzer_state)},
                              {"journal", buffer_slice(&journal_state)},
                              {"cluster", buffer_slice(&cluster_state)},
                              {NULL, {NULL, 0}}};
    err_t err = store_checkpoint(daemon->store, fold_shard(fold), daemon->folded, fold_closed_before(fold),
                                 cluster_event_ns(&daemon->cluster), states);
    buffer_fini(&fold_state);
    buffer_fini(&analyzer_state);
    buffer_fini(&journal_state);
    buffer_fini(&cluster_state);
    bool failing = err == ERR_IO;
    if (failing && !daemon->stalled)
        log_error("the store cannot write (disk full or failing?); the journal keeps what is acknowledged, the "
                  "checkpoint is tried again");
    if (!failing && daemon->stalled && err == ERR_OK) log_info("the store writes again");
    if (failing) journal_make_room(daemon->journal);
    if (err != ERR_BUSY) daemon->stalled = failing;
    return err;
}

/* Takes note of checkpoints that have reached the disk. */
static void watch_checkpoints(daemon_t *daemon) {
    uint64_t position = store_position(daemon->store);
    if (position == daemon->checkpoint_position) return;
    daemon->checkpoint_position = position;
    daemon->checkpoint_ns = clock_monotonic_ns(daemon->clock);
    daemon->checkpoints++;
    journal_release(daemon->journal, position);
    web_notify(daemon->web);
}

/* A checkpoint of everything that was folded, waited for. The previous one may still be under way, or the disk may be
 * full. */
static err_t checkpoint_now(daemon_t *daemon) {
    enum { TRIES = 3 };
    err_t err = ERR_OK;
    for (int i = 0; i < TRIES; i++) {
        (void)store_flush(daemon->store);
        err = checkpoint(daemon);
        if (err == ERR_OK) err = store_flush(daemon->store);
        if (err == ERR_OK) break;
    }
    watch_checkpoints(daemon);
    return err;
}

static void nobody_waits(void *context, err_t result) {
    (void)context;
    (void)result;
}

/* While nothing comes, a tick record lets event time run on, as long as something waits for it. */
static void tick_when_idle(daemon_t *daemon, int64_t *last_ns) {
    int64_t now = clock_monotonic_ns(daemon->clock);
    int64_t silence_ns = (int64_t)(daemon->config->silence_s * 1e9);
    if (now - *last_ns < silence_ns || fold_settled(daemon->pipeline.fold) || !cluster_ticks(&daemon->cluster)) return;
    *last_ns = now;
    buffer_t nothing = {0};
    err_t err =
        journal_append(daemon->journal, JOURNAL_TICK, clock_wall_ns(daemon->clock), &nothing, nobody_waits, NULL);
    if (err != ERR_OK) log_debug("tick not journaled: %s", err_text(err));
}

/* When the next checkpoint is to be tried. */
typedef struct {
    uint64_t handed; /* journal position of the last one */
    int64_t last_ns, tried_ns;
} schedule_t;

/* Makes a checkpoint when it is time, or when more is collected than we want to hold. One that was refused is not tried
 * again at once: saving the state costs. */
static void checkpoint_when_due(daemon_t *daemon, schedule_t *schedule, bool crowded) {
    const int64_t interval_ns = (int64_t)(daemon->config->checkpoint_s * 1e9), pause_ns = 100 * NS_PER_MS;
    int64_t now = clock_monotonic_ns(daemon->clock);
    if (daemon->folded == schedule->handed || now - schedule->tried_ns < pause_ns) return;
    if (!crowded && now - schedule->last_ns < interval_ns) return;
    schedule->tried_ns = now;
    if (checkpoint(daemon) != ERR_OK) return;
    schedule->handed = daemon->folded;
    schedule->last_ns = now;
}

/* Folds the next record, if one comes soon. False when there is nothing left and we are to stop. */
static bool fold_next(daemon_t *daemon, int64_t *last_record_ns) {
    journal_record_t record;
    if (journal_next(daemon->journal, 50 * NS_PER_MS, &record) == ERR_OK) {
        fold_one(daemon, &record);
        if (record.kind != JOURNAL_TICK) *last_record_ns = clock_monotonic_ns(daemon->clock);
        return true;
    }
    tick_when_idle(daemon, last_record_ns);
    return !daemon->stopping || (!daemon->journal->ops->elsewhere && daemon->folded < journal_end(daemon->journal));
}

static void *fold_thread(void *context) {
    daemon_t *daemon = context;
    int64_t last_record = clock_monotonic_ns(daemon->clock);
    schedule_t schedule = {.handed = daemon->folded, .last_ns = last_record, .tried_ns = last_record};
    for (bool more = true; more;) {
        /* While the store cannot take what was collected, the rest waits in the journal. */
        bool crowded = store_pending_bytes(daemon->store) > daemon->config->queue_bytes;
        daemon->refused = !cluster_turn(&daemon->cluster);
        if (daemon->refused)
            more = !daemon->stopping && usleep(100000) == 0;
        else if (!crowded)
            more = fold_next(daemon, &last_record);
        else if (daemon->stopping && daemon->stalled)
            more = false;
        else
            (void)usleep(10000);
        checkpoint_when_due(daemon, &schedule, crowded);
        watch_checkpoints(daemon);
    }
    return NULL;
}

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

/* What the journal keeps beside the records that are needed is a small part of what the data directory may hold. */
enum { JOURNAL_SHARE = 32 };

static err_t open_local(daemon_t *daemon, uint64_t position, char *why, size_t why_size) {
    const config_t *c = daemon->config;
    uint64_t segment = c->segment_bytes, most = c->retention_bytes / JOURNAL_SHARE;
    if (segment > most) segment = most;
    char directory[PATH_MAX];
    (void)snprintf(directory, sizeof directory, "%s/journal", c->data);
    journal_config_t journal = {.directory = directory,
                                .durability =
                                    slice_is(slice_text(c->durability), "disk") ? DURABILITY_DISK : DURABILITY_PROCESS,
                                .segment_bytes = segment,
                                .spare_bytes = c->retention_bytes / JOURNAL_SHARE,
                                .queue_bytes = c->queue_bytes};
    return journal_open_local(&journal, position, daemon->clock, &daemon->counters, &daemon->journal, why, why_size);
}

static err_t checkpoint_for_journal(void *context) {
    return checkpoint_now(context);
}

/* Nothing new, nothing to write: also when all is being closed, behind the last checkpoint. */
static err_t checkpoint_for_worker(void *context) {
    daemon_t *daemon = context;
    if (daemon->folded == store_position(daemon->store)) return ERR_OK;
    return daemon->stopping ? ERR_IO : checkpoint_now(daemon);
}

static err_t open_kafka(daemon_t *daemon, uint64_t position, char *why, size_t why_size) {
    const config_t *c = daemon->config;
    slice_t state;
    err_t err = store_state(daemon->store, "journal", &state);
    if (err != ERR_OK) {
        (void)snprintf(why, why_size, "the Kafka offsets in %s cannot be read (%s)", c->data, err_text(err));
        return err;
    }
    journal_kafka_config_t journal = {.brokers = c->kafka_brokers,
                                      .group = c->kafka_group,
                                      .topics = {c->kafka_topic_spans, c->kafka_topic_metrics, c->kafka_topic_logs},
                                      .properties = c->kafka_properties,
                                      .queue_bytes = c->queue_bytes,
                                      .request_bytes = c->request_bytes,
                                      .checkpoint = checkpoint_for_journal,
                                      .context = daemon};
    cluster_configure(&daemon->cluster, &journal);
    return journal_open_kafka(&journal, position, state, &daemon->counters, &daemon->journal, why, why_size);
}

static err_t open_journal(daemon_t *daemon, uint64_t position, char *why, size_t why_size) {
    bool kafka = slice_is(slice_text(daemon->config->journal_kind), "kafka");
    err_t err = kafka ? open_kafka(daemon, position, why, why_size) : open_local(daemon, position, why, why_size);
    /* What others keep is no replay of our own: we are ready to take more in. */
    if (err == ERR_OK) cluster_attach(&daemon->cluster, daemon->journal);
    if (err == ERR_OK) daemon->replay_until = kafka ? position : journal_end(daemon->journal);
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
    analyzer_sink_t analysis = {
        .context = daemon, .anomaly = on_anomaly, .incident = on_incident, .suggestion = on_suggestion};
    fold_sink_t sink = {.context = daemon, .request = on_request, .span = daemon->config->spans_store ? on_span : NULL};
    uint64_t position = 0;
    err_t err = cluster_init(&daemon->cluster, daemon->config, daemon->clock, &daemon->counters, why, why_size);
    if (err == ERR_OK)
        err = pipeline_init(&daemon->pipeline, daemon->config, &daemon->counters, analysis, sink, why, why_size);
    if (err == ERR_OK)
        err = cluster_start(&daemon->cluster, &daemon->pipeline, sink, checkpoint_for_worker, why, why_size);
    if (err == ERR_OK) err = read_scrape(daemon, why, why_size);
    if (err == ERR_OK) err = open_store(daemon, why, why_size);
    if (err == ERR_OK) err = recover(daemon, &position, why, why_size);
    if (err == ERR_OK) err = open_journal(daemon, position, why, why_size);
    if (err != ERR_OK) return err;
    daemon->intake.journal = daemon->journal;
    daemon->intake.clock = daemon->clock;
    daemon->intake.counters = &daemon->counters;
    err = start_forward(daemon, why, why_size);
    if (err == ERR_OK) err = start_scraper(daemon, why, why_size);
    if (err == ERR_OK) err = start_web(daemon, why, why_size);
    if (err != ERR_OK) return err;
    if (pthread_create(&daemon->folder, NULL, fold_thread, daemon) != 0) {
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
        if (checkpoint_now(daemon) != ERR_OK)
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
