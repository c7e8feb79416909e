#include "collector/cluster/worker.h"

#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SAY_MS = 250, /* what is new is not said later */
    ANNOUNCE_S = 60,
    FLUSH_MS = 10000,
};

/* A partition that is ours. */
typedef struct {
    partition_t *partition;
    char topic[ROLLUP_TOPIC_BYTES_MAX + 1];
    int32_t number;
    bool json;            /* what was read last was JSON */
    int64_t record_ns;    /* monotonic time of the last record */
    uint64_t kept;        /* offset of the last state that the group knows of */
    int64_t piece_offset; /* of the first piece of the state that is being kept */
    uint64_t keeping;     /* its own */
} holding_t;

struct worker {
    worker_config_t config;
    cluster_log_t *log;
    journal_t *journal;
    journal_holder_t holder;
    holding_t **holdings;
    uint32_t count;
    int64_t said_ns, kept_ns, announced_ns; /* monotonic */
    buffer_t message, state;
};

static holding_t *find(const worker_t *worker, const char *topic, int32_t number) {
    for (uint32_t i = 0; i < worker->count; i++)
        if (worker->holdings[i]->number == number && strcmp(worker->holdings[i]->topic, topic) == 0)
            return worker->holdings[i];
    return NULL;
}

/* ---- saying ---- */

static err_t say(worker_t *worker, holding_t *holding) {
    char key[ROLLUP_TOPIC_BYTES_MAX + 48];
    uint64_t first;
    err_t err = ERR_OK;
    while (err == ERR_OK && partition_message(holding->partition, &first, &worker->message)) {
        (void)snprintf(key, sizeof key, "%s/%d/%llu", holding->topic, (int)holding->number, (unsigned long long)first);
        err = cluster_log_rollup(worker->log, key, &worker->message);
    }
    return err;
}

static void announce(worker_t *worker) {
    char key[512];
    if (worker->config.url[0] == '\0') return;
    rollup_node_write(worker->config.node, worker->config.url, &worker->message);
    (void)snprintf(key, sizeof key, "node/%s", worker->config.node);
    (void)cluster_log_rollup(worker->log, key, &worker->message);
}

/* ---- keeping ---- */

/* Writes the states of all partitions that went on since; the group hears of them when everything that they count as
 * said is with the brokers, and the spans of what they have folded are on disk. */
static err_t keep(worker_t *worker) {
    err_t err = ERR_OK;
    for (uint32_t i = 0; err == ERR_OK && i < worker->count; i++) {
        holding_t *holding = worker->holdings[i];
        holding->keeping = partition_offset(holding->partition);
        if (holding->keeping == holding->kept) continue;
        err = say(worker, holding);
        buffer_clear(&worker->state);
        partition_save(holding->partition, &worker->state);
        if (err == ERR_OK)
            err = cluster_log_save(worker->log, holding->topic, holding->number, holding->keeping,
                                   buffer_slice(&worker->state), &holding->piece_offset);
    }
    if (err == ERR_OK && worker->config.checkpoint != NULL) err = worker->config.checkpoint(worker->config.context);
    if (err == ERR_OK) err = cluster_log_flush(worker->log, FLUSH_MS);
    if (err != ERR_OK) return err;
    journal_commit_t *commits = memory_new(worker->count + 1, sizeof *commits);
    size_t count = 0;
    for (uint32_t i = 0; i < worker->count; i++) {
        holding_t *holding = worker->holdings[i];
        if (holding->keeping == holding->kept) continue;
        commits[count] = (journal_commit_t){holding->topic, holding->number, (int64_t)holding->keeping, ""};
        (void)snprintf(commits[count].note, sizeof commits[count].note, "state %lld", (long long)holding->piece_offset);
        count++;
    }
    err = journal_kafka_commit(worker->journal, commits, count);
    free(commits);
    for (uint32_t i = 0; err == ERR_OK && i < worker->count; i++)
        worker->holdings[i]->kept = worker->holdings[i]->keeping;
    return err;
}

/* ---- partitions come and go ---- */

/* The state that the note names, or a fold that begins with nothing. ERR_IO. */
static err_t recall(worker_t *worker, partition_t **partition, const char *topic, int32_t number, int64_t start,
                    const char *note) {
    long long piece;
    *partition = partition_new(&worker->config.partition, topic, number, (uint64_t)start);
    if (sscanf(note, "state %lld", &piece) != 1) return ERR_OK;
    buffer_clear(&worker->state);
    err_t err = cluster_log_load(worker->log, topic, number, piece, &worker->state);
    if (err == ERR_OK) err = partition_load(*partition, buffer_slice(&worker->state));
    if (err == ERR_OK || err == ERR_IO) return err;
    log_error("the state of %s/%d is lost (%s): it begins anew at offset %lld; what was open in it is not counted",
              topic, (int)number, err_text(err), (long long)start);
    partition_free(*partition);
    *partition = partition_new(&worker->config.partition, topic, number, (uint64_t)start);
    return ERR_OK;
}

static int64_t take(void *context, const char *topic, int32_t number, int64_t committed, const char *note,
                    int64_t oldest) {
    worker_t *worker = context;
    partition_t *partition;
    int64_t start = committed >= 0 ? committed : oldest;
    if (recall(worker, &partition, topic, number, start, note) != ERR_OK) {
        partition_free(partition);
        return -1;
    }
    holding_t *holding = memory_new(1, sizeof *holding);
    holding->partition = partition;
    (void)snprintf(holding->topic, sizeof holding->topic, "%s", topic);
    holding->number = number;
    holding->record_ns = clock_monotonic_ns(worker->config.clock);
    bool recalled = partition_offset(partition) > (uint64_t)start || note[0] != '\0';
    holding->kept = recalled ? partition_offset(partition) : UINT64_MAX;
    worker->kept_ns = 0; /* where a fold began is part of who it is: the group hears of it at once */
    worker->holdings = memory_resize(worker->holdings, (worker->count + 1) * sizeof(holding_t *));
    worker->holdings[worker->count++] = holding;
    return (int64_t)partition_offset(partition);
}

static void give_back(void *context, bool lost) {
    worker_t *worker = context;
    if (lost)
        log_warn("kafka: partitions were taken from us before their states were kept; whoever has them now folds again "
                 "what came since the last ones");
    else if (keep(worker) != ERR_OK)
        log_warn("kafka: partitions go to another worker, and their states could not be kept; it folds again what came "
                 "since the last ones");
}

static void drop(void *context, const char *topic, int32_t number) {
    worker_t *worker = context;
    for (uint32_t i = 0; i < worker->count; i++) {
        holding_t *holding = worker->holdings[i];
        if (holding->number != number || strcmp(holding->topic, topic) != 0) continue;
        partition_free(holding->partition);
        free(holding);
        worker->holdings[i] = worker->holdings[--worker->count];
        return;
    }
}

/* ---- the rest ---- */

err_t worker_open(const worker_config_t *config, worker_t **out, char *why, size_t why_size) {
    worker_t *worker = memory_new(1, sizeof *worker);
    worker->config = *config;
    worker->holder = (journal_holder_t){.context = worker, .take = take, .give_back = give_back, .drop = drop};
    err_t err = cluster_log_open(&config->log, &worker->log, why, why_size);
    if (err != ERR_OK) {
        worker_close(worker);
        return err;
    }
    cluster_log_make_topics(worker->log);
    *out = worker;
    return ERR_OK;
}

void worker_close(worker_t *worker) {
    if (worker == NULL) return;
    while (worker->count > 0) drop(worker, worker->holdings[0]->topic, worker->holdings[0]->number);
    cluster_log_close(worker->log);
    buffer_fini(&worker->message);
    buffer_fini(&worker->state);
    free(worker->holdings);
    free(worker);
}

journal_holder_t *worker_holder(worker_t *worker) {
    return &worker->holder;
}

void worker_attach(worker_t *worker, journal_t *journal) {
    worker->journal = journal;
}

int64_t worker_event_ns(const worker_t *worker) {
    int64_t newest = INT64_MIN;
    for (uint32_t i = 0; i < worker->count; i++) {
        int64_t event_ns = partition_event_ns(worker->holdings[i]->partition);
        if (event_ns > newest) newest = event_ns;
    }
    return newest;
}

bool worker_settled(const worker_t *worker) {
    for (uint32_t i = 0; i < worker->count; i++)
        if (!partition_settled(worker->holdings[i]->partition)) return false;
    return true;
}

uint32_t worker_partitions(const worker_t *worker) {
    return worker->count;
}

err_t worker_state(const worker_t *worker) {
    return cluster_log_state_of(worker->log);
}

err_t worker_record(worker_t *worker, const journal_record_t *record) {
    holding_t *holding = find(worker, record->topic, record->partition);
    if (holding == NULL) return ERR_NOT_FOUND;
    partition_record(holding->partition, record);
    if (record->kind != JOURNAL_TICK) {
        holding->record_ns = clock_monotonic_ns(worker->config.clock);
        holding->json = record->json;
    }
    if (partition_is_full(holding->partition)) (void)say(worker, holding);
    return ERR_OK;
}

/* Where nothing comes and something waits, wall time is written into the partition: as a record, so that every fold of
 * it sees it in the same place. */
static void tick(worker_t *worker, holding_t *holding, int64_t now) {
    if (now - holding->record_ns < worker->config.silence_ns || partition_settled(holding->partition)) return;
    holding->record_ns = now;
    if (!journal_kafka_at_end(worker->journal, holding->topic, holding->number)) return;
    err_t err = journal_kafka_tick(worker->journal, holding->topic, holding->number, holding->json,
                                   clock_wall_ns(worker->config.clock));
    if (err != ERR_OK) log_debug("no tick for %s/%d: %s", holding->topic, (int)holding->number, err_text(err));
}

void worker_turn(worker_t *worker) {
    int64_t now = clock_monotonic_ns(worker->config.clock);
    if (worker->announced_ns == 0 || now - worker->announced_ns >= ANNOUNCE_S * NS_PER_S) {
        worker->announced_ns = now;
        announce(worker);
    }
    if (now - worker->said_ns < SAY_MS * NS_PER_MS) return;
    worker->said_ns = now;
    cluster_log_poll(worker->log);
    for (uint32_t i = 0; i < worker->count; i++) {
        (void)say(worker, worker->holdings[i]);
        tick(worker, worker->holdings[i], now);
    }
    if (now - worker->kept_ns < worker->config.keep_ns) return;
    worker->kept_ns = now;
    (void)keep(worker);
}
