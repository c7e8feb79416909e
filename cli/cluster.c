#include "cli/cluster.h"

#include "base/log.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

err_t cluster_init(cluster_t *cluster, const config_t *config, const clock_source_t *clock, counters_t *counters,
                   char *why, size_t why_size) {
    slice_t role = slice_text(config->role);
    *cluster = (cluster_t){.config = config, .clock = clock, .counters = counters, .complete_ns = INT64_MIN};
    cluster->role = slice_is(role, "worker") ? ROLE_IS_WORKER : slice_is(role, "view") ? ROLE_IS_VIEW : ROLE_IS_ALL;
    if (cluster->role == ROLE_IS_ALL || slice_is(slice_text(config->journal_kind), "kafka")) return ERR_OK;
    (void)snprintf(why, why_size, "role: %s needs journal.kind: kafka; or leave out the role", config->role);
    return ERR_INVALID;
}

void cluster_fini(cluster_t *cluster) {
    worker_close(cluster->worker);
    view_free(cluster->view);
}

/* ---- worker ---- */

static void on_request(void *context, otlp_kind_t kind, slice_t body) {
    cluster_t *cluster = context;
    if (!cluster->known) cluster->sink.request(cluster->sink.context, kind, body);
}

static void on_span(void *context, const folded_span_t *span) {
    cluster_t *cluster = context;
    if (!cluster->known) cluster->sink.span(cluster->sink.context, span);
}

static void name_node(cluster_t *cluster) {
    char host[256] = "";
    const char *url = cluster->config->cluster_url;
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(cluster->node, sizeof cluster->node, "%s/%s", host, cluster->config->listen_web);
    if (url[0] != '\0')
        (void)snprintf(cluster->url, sizeof cluster->url, "%s", url);
    else
        (void)snprintf(cluster->url, sizeof cluster->url, "http://%s", cluster->config->listen_web);
}

static journal_kafka_config_t kafka_of(const config_t *c) {
    return (journal_kafka_config_t){
        .brokers = c->kafka_brokers, .group = c->kafka_group, .properties = c->kafka_properties};
}

static err_t start_worker(cluster_t *cluster, char *why, size_t why_size) {
    const config_t *c = cluster->config;
    cluster->kafka = kafka_of(c);
    name_node(cluster);
    worker_config_t worker = {
        .partition = {.fold = pipeline_fold_config(c),
                      .dialects = cluster->pipeline->dialects,
                      .counters = cluster->counters,
                      .context = cluster,
                      .request = on_request,
                      .span = cluster->sink.span == NULL ? NULL : on_span,
                      .names = &fold_shard(cluster->pipeline->fold)->names},
        .log = {.kafka = &cluster->kafka, .rollups = c->kafka_topic_rollups, .state = c->kafka_topic_state},
        .keep_ns = (int64_t)(c->cluster_keep_s * 1e9),
        .silence_ns = (int64_t)(c->silence_s * 1e9),
        .node = cluster->node,
        .url = c->spans_store ? cluster->url : "",
        .clock = cluster->clock,
        .checkpoint = c->spans_store ? cluster->checkpoint : NULL,
        .context = cluster->sink.context};
    worker.partition.fold.pairing_window_ns = (int64_t)(c->cluster_pairing_s * 1e9);
    return worker_open(&worker, &cluster->worker, why, why_size);
}

err_t cluster_start(cluster_t *cluster, pipeline_t *pipeline, fold_sink_t sink, err_t (*checkpoint)(void *context),
                    char *why, size_t why_size) {
    cluster->pipeline = pipeline;
    cluster->sink = sink;
    cluster->checkpoint = checkpoint;
    if (cluster->role == ROLE_IS_WORKER) return start_worker(cluster, why, why_size);
    if (cluster->role == ROLE_IS_VIEW) cluster->view = view_new(pipeline->fold, cluster->counters, VIEW_PATIENCE_NS);
    return ERR_OK;
}

/* Every view is a group of its own, since it reads everything: named by the machine and its data directory. Where it
 * goes on stands in its own state. */
static void name_group(cluster_t *cluster) {
    char host[256] = "", *path = realpath(cluster->config->data, NULL);
    (void)gethostname(host, sizeof host - 1);
    const char *data = path == NULL ? cluster->config->data : path;
    (void)snprintf(cluster->group, sizeof cluster->group, "%.30s-view-%.200s-%08x", cluster->config->kafka_group, host,
                   (unsigned)XXH64(data, strlen(data), 0));
    free(path);
}

void cluster_configure(cluster_t *cluster, journal_kafka_config_t *journal) {
    if (cluster->role == ROLE_IS_WORKER) journal->holder = worker_holder(cluster->worker);
    if (cluster->role != ROLE_IS_VIEW) return;
    name_group(cluster);
    journal->group = cluster->group;
    journal->rollups = cluster->config->kafka_topic_rollups;
}

void cluster_attach(cluster_t *cluster, journal_t *journal) {
    if (cluster->worker != NULL) worker_attach(cluster->worker, journal);
}

/* ---- both ---- */

void cluster_record(cluster_t *cluster, const journal_record_t *record) {
    cluster->known = record->known;
    if (cluster->role == ROLE_IS_WORKER && worker_record(cluster->worker, record) != ERR_OK)
        log_debug("a record of %s/%d, which is not ours", record->topic, (int)record->partition);
    if (cluster->role != ROLE_IS_VIEW) return;
    if (record->kind == JOURNAL_ROLLUP)
        view_message(cluster->view, record->arrival_ns, record->payload);
    else if (record->kind == JOURNAL_TICK)
        fold_tick(cluster->pipeline->fold, record->arrival_ns);
}

const char *cluster_role_name(const cluster_t *cluster) {
    return cluster->role == ROLE_IS_WORKER ? "worker" : cluster->role == ROLE_IS_VIEW ? "view" : NULL;
}

bool cluster_turn(cluster_t *cluster) {
    if (cluster->view != NULL) {
        cluster->partitions = view_partitions(cluster->view);
        cluster->complete_ns = view_complete_ns(cluster->view);
        cluster->settled = !view_expects(cluster->view);
    }
    if (cluster->worker == NULL) return true;
    worker_turn(cluster->worker);
    cluster->partitions = worker_partitions(cluster->worker);
    cluster->settled = worker_settled(cluster->worker);
    return worker_state(cluster->worker) == ERR_OK;
}

bool cluster_ticks(const cluster_t *cluster) {
    return cluster->view == NULL || !view_expects(cluster->view);
}

void cluster_nodes(void *cluster, void (*node)(void *context, const char *id, const char *url), void *context) {
    view_nodes(((cluster_t *)cluster)->view, node, context);
}

int64_t cluster_event_ns(const cluster_t *cluster) {
    return cluster->worker != NULL ? worker_event_ns(cluster->worker) : fold_event_ns(cluster->pipeline->fold);
}

void cluster_save(const cluster_t *cluster, buffer_t *out) {
    if (cluster->view != NULL) view_save(cluster->view, out);
}

err_t cluster_load(cluster_t *cluster, slice_t bytes) {
    return cluster->view == NULL || bytes.len == 0 ? ERR_OK : view_load(cluster->view, bytes);
}
