/* kafka: the journal in Kafka. What receivers append is produced to one topic per kind; what the topics hold, whoever
 * produced it, is consumed in a group and handed to the fold.
 *
 * The broker's offsets are not trusted to say what was counted: the offsets that belong to a state are written with it
 * (kafka_offsets.h) and sought when a partition is assigned. The group is told afterwards, for the lag that others
 * watch, and for the member that takes a partition over. A tick is known to this process only: it moves event time on
 * while nothing comes, and is not repeated after a crash. Where a holder keeps a state of each partition, its ticks are
 * empty requests in the partition itself. */
#include "base/log.h"
#include "base/memory.h"
#include "collector/fold/otlp_json.h"
#include "collector/journal/kafka_group.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LAG_EVERY = 256, COMPLAIN_EVERY = 1000, PROBE_TIMEOUT_MS = 200 };

/* ---- appenders ---- */

static err_t kafka_append(journal_t *journal, uint8_t kind, int64_t arrival_ns, buffer_t *payload, journal_done_fn done,
                          void *context) {
    kafka_t *kafka = (kafka_t *)journal;
    if (kind < OTLP_KINDS) return kafka_producer_append(kafka->producer, kind, arrival_ns, payload, done, context);
    buffer_fini(payload);
    kafka->tick_ns = arrival_ns;
    if (done != NULL) done(context, ERR_OK);
    return ERR_OK;
}

/* ---- what the client tells ---- */

static void on_error(rd_kafka_t *client, int error, const char *reason, void *context) {
    kafka_t *kafka = context;
    (void)client;
    if (error == RD_KAFKA_RESP_ERR__FATAL) {
        kafka->failed = true;
        log_error("kafka: consuming has ended for good (%s); restart seismesh", reason);
    } else if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !atomic_exchange(&kafka->unreachable, true)) {
        log_error("kafka: no broker can be reached (%s); it is tried again until one is there", reason);
    }
}

/* ---- reader ---- */

static bool kind_of(const kafka_t *kafka, const char *topic, uint8_t *kind) {
    for (uint8_t i = 0; i < OTLP_KINDS; i++)
        if (kafka->topics[i] != NULL && strcmp(kafka->topics[i], topic) == 0) {
            *kind = i;
            return true;
        }
    return false;
}

/* When it was produced, which stays the same however often it is read. */
static int64_t arrival_of(const rd_kafka_message_t *message) {
    rd_kafka_timestamp_type_t type;
    int64_t ms = rd_kafka_message_timestamp(message, &type);
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 ? (int64_t)time(NULL) * 1000000000 : ms * 1000000;
}

static bool is_json(slice_t body) {
    size_t at = 0;
    while (at < body.len && (body.data[at] == ' ' || body.data[at] == '\n' || body.data[at] == '\t')) at++;
    return at < body.len && body.data[at] == '{'; /* as protobuf: a tag of the deprecated group type */
}

/* The message as an export request in protobuf; false when it is none. */
static bool body_of(kafka_t *kafka, uint8_t kind, int64_t arrival_ns, slice_t raw, slice_t *body) {
    otlp_summary_t summary;
    *body = raw;
    if (raw.len > kafka->request_bytes) return false;
    if (is_json(raw)) {
        buffer_clear(&kafka->mapped);
        if (otlp_json_decode((otlp_kind_t)kind, raw, kafka->request_bytes, &kafka->mapped, NULL, 0) != ERR_OK)
            return false;
        *body = buffer_slice(&kafka->mapped);
    }
    return otlp_check((otlp_kind_t)kind, *body, arrival_ns, &summary) == ERR_OK;
}

/* What a message is; false when it is nothing of ours. An empty request is how a tick is written (kafka_producer_tick);
 * one from the future would close the buckets of those who live now. */
static bool read_message(kafka_t *kafka, slice_t raw, journal_record_t *record) {
    uint8_t kind;
    record->payload = raw;
    record->json = is_json(raw);
    if (!kind_of(kafka, record->topic, &kind)) return false;
    record->kind = kafka->rollups ? JOURNAL_ROLLUP : kind;
    if (kafka->rollups) return raw.len <= kafka->request_bytes;
    if (kafka->holder == NULL || !(raw.len == 0 || slice_is(raw, "{}")))
        return body_of(kafka, kind, record->arrival_ns, raw, &record->payload);
    int64_t now_ns = (int64_t)time(NULL) * 1000000000;
    record->kind = JOURNAL_TICK;
    if (record->arrival_ns > now_ns) record->arrival_ns = now_ns;
    return true;
}

/* A holder's state may lie behind what a checkpoint of our own has: the record is handed out again, and marked. */
static void note_kept(kafka_t *kafka, journal_record_t *record) {
    const kafka_offset_t *kept = kafka_offsets_find(&kafka->kept, record->topic, record->partition);
    record->known = kept != NULL && (int64_t)record->offset < kept->next;
    if (!record->known)
        (void)kafka_offsets_set(&kafka->kept, record->topic, record->partition, (int64_t)record->offset + 1);
}

static void complain(kafka_t *kafka, const rd_kafka_message_t *message) {
    counters_add(kafka->counters, COUNTER_JOURNAL_CORRUPT, 1);
    if (kafka->malformed++ % COMPLAIN_EVERY == 0)
        log_warn("kafka: the message at %s/%d/%" PRId64 " is no OTLP request, or too large; it is skipped and counted "
                 "(%" PRIu64 " so far)",
                 rd_kafka_topic_name(message->rkt), (int)message->partition, message->offset, kafka->malformed);
}

/* Messages of a partition that are known to be there and were not handed out. What is not known yet (nothing was
 * fetched from it) counts as one. */
static uint64_t lag_of(kafka_t *kafka, const rd_kafka_topic_partition_t *one) {
    const kafka_offset_t *own = kafka_offsets_find(&kafka->offsets, one->topic, one->partition);
    int64_t low = -1, high = -1, delivered = kafka_producer_delivered(kafka->producer, one->topic, one->partition);
    (void)rd_kafka_get_watermark_offsets(kafka->consumer, one->topic, one->partition, &low, &high);
    int64_t next = own != NULL ? own->next : low > 0 ? low : 0, end = high > delivered ? high : delivered;
    if (high < 0) return end > next ? (uint64_t)(end - next) : 1;
    return end > next ? (uint64_t)(end - next) : 0;
}

static void tell_end(kafka_t *kafka) {
    uint64_t mean = kafka->handed == 0 ? 1 : kafka->handed_bytes / kafka->handed;
    kafka->end = kafka->position + kafka->lag * (mean == 0 ? 1 : mean);
}

/* How far behind we are, by what the broker said last: no question to the network. */
static void note_lag(kafka_t *kafka) {
    rd_kafka_topic_partition_list_t *ours = NULL;
    bool known = kafka->joined && rd_kafka_assignment(kafka->consumer, &ours) == RD_KAFKA_RESP_ERR_NO_ERROR;
    kafka->lag = known ? 0 : 1;
    for (int i = 0; ours != NULL && i < ours->cnt; i++) kafka->lag += lag_of(kafka, &ours->elems[i]);
    if (ours != NULL) rd_kafka_topic_partition_list_destroy(ours);
    tell_end(kafka);
}

/* True when the message is to be handed out. Offsets move on in any case. */
static bool take(kafka_t *kafka, const rd_kafka_message_t *message, journal_record_t *record) {
    const char *topic = rd_kafka_topic_name(message->rkt);
    const kafka_offset_t *known = kafka_offsets_find(&kafka->offsets, topic, message->partition);
    slice_t raw = slice_of(message->payload, message->len);
    if (known != NULL && message->offset < known->next) return false; /* delivered again */
    /* Nobody holds the partition (kafka_group.c): counted as kept, its spans would not be stored when somebody does. */
    if (known == NULL && kafka->holder != NULL) return false;
    if (kafka_offsets_set(&kafka->offsets, topic, message->partition, message->offset + 1) != ERR_OK) return false;
    *record = (journal_record_t){.position = kafka->position, .arrival_ns = arrival_of(message)};
    record->topic = topic;
    record->partition = message->partition;
    record->offset = (uint64_t)message->offset;
    if (!read_message(kafka, raw, record)) {
        complain(kafka, message);
        return false;
    }
    if (kafka->holder != NULL) note_kept(kafka, record);
    kafka->position += message->len + 1;
    kafka->handed++;
    kafka->handed_bytes += message->len;
    record->next = kafka->position;
    /* Between two looks at the brokers' word it is one less, but never none: that takes a look. */
    if (kafka->lag != 1) kafka->lag = kafka->lag > 1 ? kafka->lag - 1 : 1;
    tell_end(kafka);
    return true;
}

static bool take_tick(kafka_t *kafka, journal_record_t *record) {
    int64_t tick_ns = atomic_exchange(&kafka->tick_ns, 0);
    if (tick_ns == 0) return false;
    *record = (journal_record_t){.position = kafka->position, .arrival_ns = tick_ns, .kind = JOURNAL_TICK};
    record->next = ++kafka->position;
    return true;
}

/* A consumer without messages does not learn that the brokers are back: ask, once a second. */
static void probe(kafka_t *kafka) {
    const struct rd_kafka_metadata *metadata;
    int64_t now = (int64_t)time(NULL);
    if (!kafka->unreachable || now == kafka->probed_s) return;
    kafka->probed_s = now;
    if (rd_kafka_metadata(kafka->consumer, 0, NULL, &metadata, PROBE_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    rd_kafka_metadata_destroy(metadata);
    kafka->unreachable = false;
    log_info("kafka: a broker answers again");
}

static err_t kafka_next(journal_t *journal, int64_t timeout_ns, journal_record_t *record) {
    kafka_t *kafka = (kafka_t *)journal;
    if (kafka->lent != NULL) rd_kafka_message_destroy(kafka->lent);
    kafka->lent = NULL;
    if (take_tick(kafka, record)) return ERR_OK;
    rd_kafka_message_t *message = rd_kafka_consumer_poll(kafka->consumer, (int)(timeout_ns / 1000000));
    if (message == NULL || kafka->polled++ % LAG_EVERY == 0) note_lag(kafka);
    if (message == NULL) {
        probe(kafka);
        return ERR_NOT_FOUND;
    }
    kafka->lent = message;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_debug("kafka: %s", rd_kafka_message_errstr(message)); /* what is serious comes to on_error, too */
        return ERR_NOT_FOUND;
    }
    kafka->unreachable = false;
    return take(kafka, message, record) ? ERR_OK : ERR_NOT_FOUND;
}

/* ---- the rest ---- */

err_t journal_kafka_tick(journal_t *journal, const char *topic, int32_t partition, bool json, int64_t arrival_ns) {
    return kafka_producer_tick(((kafka_t *)journal)->producer, topic, partition, json, arrival_ns);
}

bool journal_kafka_at_end(journal_t *journal, const char *topic, int32_t partition) {
    kafka_t *kafka = (kafka_t *)journal;
    rd_kafka_topic_partition_t one = {.topic = (char *)(uintptr_t)topic, .partition = partition};
    return lag_of(kafka, &one) == 0;
}

static void kafka_save(journal_t *journal, buffer_t *out) {
    kafka_t *kafka = (kafka_t *)journal;
    if (kafka->holder != NULL) {
        kafka_offsets_encode(&kafka->kept, out);
        return;
    }
    kafka_offsets_encode(&kafka->offsets, out);
    kafka_snapshots_add(&kafka->snapshots, kafka->position, &kafka->offsets);
}

static void kafka_release(journal_t *journal, uint64_t position) {
    kafka_t *kafka = (kafka_t *)journal;
    if (kafka_snapshots_take(&kafka->snapshots, position, &kafka->released))
        kafka_group_tell(kafka, &kafka->released, false);
}

static uint64_t kafka_end(journal_t *journal) {
    return ((kafka_t *)journal)->end;
}

static err_t kafka_state(journal_t *journal) {
    const kafka_t *kafka = (const kafka_t *)journal;
    if (kafka->failed) return ERR_IO;
    return kafka->unreachable ? ERR_FULL : kafka_producer_state(kafka->producer);
}

/* The reader never waits longer than its own time limit. */
static void kafka_wake(journal_t *journal) {
    (void)journal;
}

static void kafka_free(kafka_t *kafka) {
    if (kafka->lent != NULL) rd_kafka_message_destroy(kafka->lent);
    if (kafka->consumer != NULL) rd_kafka_destroy(kafka->consumer);
    if (kafka->producer != NULL) kafka_producer_close(kafka->producer);
    for (int i = 0; i < OTLP_KINDS; i++) free(kafka->topics[i]);
    kafka_snapshots_fini(&kafka->snapshots);
    kafka_offsets_fini(&kafka->offsets);
    kafka_offsets_fini(&kafka->released);
    kafka_offsets_fini(&kafka->kept);
    buffer_fini(&kafka->mapped);
    free(kafka);
}

/* librdkafka before 2.3.0 ends the process by an assertion when a member of a group that was never given anything is
 * destroyed (confluentinc/librdkafka#4312): such a one, which has left the group by then, is left to the process's end.
 */
static bool may_be_destroyed(const kafka_t *kafka) {
    enum { MENDED_IN = 0x020300ff };
    return kafka->was_given || rd_kafka_version() >= MENDED_IN;
}

static void kafka_close(journal_t *journal) {
    kafka_t *kafka = (kafka_t *)journal;
    kafka->closing = true;
    if (kafka->lent != NULL) rd_kafka_message_destroy(kafka->lent);
    kafka->lent = NULL;
    (void)rd_kafka_consumer_close(kafka->consumer); /* gives the partitions back: kafka_group_changed */
    if (!may_be_destroyed(kafka)) kafka->consumer = NULL;
    kafka_free(kafka);
}

static const journal_ops_t kafka_ops = {.name = "kafka",
                                        .elsewhere = true,
                                        .append = kafka_append,
                                        .next = kafka_next,
                                        .release = kafka_release,
                                        .end = kafka_end,
                                        .state = kafka_state,
                                        .wake = kafka_wake,
                                        .save = kafka_save,
                                        .close = kafka_close};

static rd_kafka_conf_t *configure(const journal_kafka_config_t *config, char *why, size_t why_size) {
    char kilobytes[24];
    (void)snprintf(kilobytes, sizeof kilobytes, "%llu", (unsigned long long)(config->queue_bytes / 1024 + 1));
    const kafka_property_t usual[] = {
        {"auto.offset.reset", "earliest"},
        {"topic.metadata.refresh.interval.ms", "10000"}, /* topics may be made after we start */
        {"allow.auto.create.topics", "true"},
        {"queued.max.messages.kbytes", kilobytes},
        /* others wait for the partitions of a worker that is gone, and the view for what they say */
        {"session.timeout.ms", config->holder != NULL ? "10000" : "45000"},
        {NULL, NULL},
    };
    const kafka_property_t always[] = {
        {"group.id", config->group},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"partition.assignment.strategy", "cooperative-sticky"}, /* only what moves is interrupted */
        {NULL, NULL},
    };
    return kafka_conf(config, usual, always, why, why_size);
}

static err_t open_consumer(kafka_t *kafka, const journal_kafka_config_t *config, char *why, size_t why_size) {
    rd_kafka_conf_t *conf = configure(config, why, why_size);
    if (conf == NULL) return ERR_INVALID;
    rd_kafka_conf_set_opaque(conf, kafka);
    rd_kafka_conf_set_rebalance_cb(conf, kafka_group_changed);
    rd_kafka_conf_set_error_cb(conf, on_error);
    kafka->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, why_size);
    if (kafka->consumer == NULL) {
        rd_kafka_conf_destroy(conf);
        return ERR_INVALID;
    }
    (void)rd_kafka_poll_set_consumer(kafka->consumer);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(OTLP_KINDS);
    for (int i = 0; i < OTLP_KINDS; i++)
        if (kafka->topics[i] != NULL)
            (void)rd_kafka_topic_partition_list_add(topics, kafka->topics[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t error = rd_kafka_subscribe(kafka->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return ERR_OK;
    (void)snprintf(why, why_size, "kafka: the topics cannot be subscribed to: %s", rd_kafka_err2str(error));
    return ERR_INVALID;
}

err_t journal_open_kafka(const journal_kafka_config_t *config, uint64_t position, slice_t state, counters_t *counters,
                         journal_t **out, char *why, size_t why_size) {
    kafka_t *kafka = memory_new(1, sizeof *kafka);
    kafka->base.ops = &kafka_ops;
    kafka->counters = counters;
    kafka->request_bytes = config->request_bytes;
    kafka->checkpoint = config->checkpoint;
    kafka->context = config->context;
    kafka->position = position;
    kafka->lag = 1;
    tell_end(kafka);
    kafka->holder = config->holder;
    kafka->rollups = config->rollups != NULL;
    if (kafka->rollups) kafka->topics[0] = memory_text(config->rollups);
    for (int i = 0; !kafka->rollups && i < OTLP_KINDS; i++) kafka->topics[i] = memory_text(config->topics[i]);
    kafka_offsets_t *kept = config->holder == NULL ? &kafka->offsets : &kafka->kept;
    err_t err = state.len == 0 ? ERR_OK : kafka_offsets_decode(kept, state);
    if (err != ERR_OK)
        (void)snprintf(why, why_size, "the Kafka offsets in the store cannot be read (%s)", err_text(err));
    if (err == ERR_OK) err = kafka_producer_open(config, counters, &kafka->producer, why, why_size);
    if (err == ERR_OK) err = open_consumer(kafka, config, why, why_size);
    if (err != ERR_OK) {
        kafka_free(kafka);
        return err;
    }
    *out = &kafka->base;
    return ERR_OK;
}
