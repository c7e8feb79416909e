#include "cli/daemon_parts.h"

#include <limits.h>
#include <stdio.h>

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
    return daemon_checkpoint(context);
}

/* Nothing new, nothing to write: also when all is being closed, behind the last checkpoint. */
err_t daemon_checkpoint_for_worker(void *context) {
    daemon_t *daemon = context;
    if (daemon->folded == store_position(daemon->store)) return ERR_OK;
    return daemon->stopping ? ERR_IO : daemon_checkpoint(daemon);
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

err_t daemon_open_journal(daemon_t *daemon, uint64_t position, char *why, size_t why_size) {
    bool kafka = slice_is(slice_text(daemon->config->journal_kind), "kafka");
    err_t err = kafka ? open_kafka(daemon, position, why, why_size) : open_local(daemon, position, why, why_size);
    /* What others keep is no replay of our own: we are ready to take more in. */
    if (err == ERR_OK) cluster_attach(&daemon->cluster, daemon->journal);
    if (err == ERR_OK) daemon->replay_until = kafka ? position : journal_end(daemon->journal);
    return err;
}
