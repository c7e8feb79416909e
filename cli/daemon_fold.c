#include "cli/daemon_parts.h"

#include "base/log.h"

#include <unistd.h>

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

fold_sink_t daemon_fold_sink(daemon_t *daemon) {
    return (fold_sink_t){
        .context = daemon, .request = on_request, .span = daemon->config->spans_store ? on_span : NULL};
}

analyzer_sink_t daemon_analyzer_sink(daemon_t *daemon) {
    return (analyzer_sink_t){
        .context = daemon, .anomaly = on_anomaly, .incident = on_incident, .suggestion = on_suggestion};
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

/* The previous one may still be under way, or the disk may be full. */
err_t daemon_checkpoint(daemon_t *daemon) {
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

/* Makes a checkpoint when it is time, or when more is collected than we want to hold. None while the previous one is
 * being written, and one that failed is not tried again at once: saving the state costs. */
static void checkpoint_when_due(daemon_t *daemon, schedule_t *schedule, bool crowded) {
    const int64_t interval_ns = (int64_t)(daemon->config->checkpoint_s * 1e9), pause_ns = 100 * NS_PER_MS;
    int64_t now = clock_monotonic_ns(daemon->clock);
    if (daemon->folded == schedule->handed || now - schedule->tried_ns < pause_ns) return;
    if ((!crowded && now - schedule->last_ns < interval_ns) || store_busy(daemon->store)) return;
    if (checkpoint(daemon) != ERR_OK) {
        schedule->tried_ns = now;
        return;
    }
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

void *daemon_fold_thread(void *context) {
    daemon_t *daemon = context;
    int64_t last_record = clock_monotonic_ns(daemon->clock);
    schedule_t schedule = {.handed = daemon->folded, .last_ns = last_record, .tried_ns = last_record};
    for (bool more = true; more;) {
        /* While the store cannot take what was collected, the rest waits in the journal. As much again may be on its
         * way to the disk. */
        bool crowded = store_pending_bytes(daemon->store) > daemon->config->pending_bytes;
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
