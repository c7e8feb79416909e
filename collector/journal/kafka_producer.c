#include "collector/journal/kafka_producer.h"

#include "base/log.h"
#include "base/memory.h"
#include "collector/journal/kafka_key.h"
#include "collector/journal/kafka_offsets.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { POLL_MS = 100, FLUSH_MS = 10000, PARTS_MAX = 1000 };

struct kafka_producer {
    rd_kafka_t *client;
    const char *topics[OTLP_KINDS];
    counters_t *counters;
    _Atomic uint64_t held_bytes;
    uint64_t queue_bytes;
    _Atomic bool closing, unreachable;
    pthread_t reporter;
    pthread_mutex_t lock; /* of what follows */
    kafka_offsets_t delivered;
};

typedef struct {
    journal_done_fn done;
    void *context;
    uint64_t bytes;
} promise_t;

/* What a failed delivery means to the sender: only what can never succeed is final. A message that timed out may have
 * arrived all the same; the sender's repetition is recognised by the fold. */
static err_t result_of(rd_kafka_resp_err_t error) {
    switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return ERR_OK;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return ERR_TOO_LARGE;
    default:
        return ERR_FULL;
    }
}

static void note_delivered(kafka_producer_t *producer, const rd_kafka_message_t *message) {
    (void)pthread_mutex_lock(&producer->lock);
    (void)kafka_offsets_set(&producer->delivered, rd_kafka_topic_name(message->rkt), message->partition,
                            message->offset + 1);
    (void)pthread_mutex_unlock(&producer->lock);
}

int64_t kafka_producer_delivered(kafka_producer_t *producer, const char *topic, int32_t partition) {
    (void)pthread_mutex_lock(&producer->lock);
    const kafka_offset_t *known = kafka_offsets_find(&producer->delivered, topic, partition);
    int64_t next = known == NULL ? -1 : known->next;
    (void)pthread_mutex_unlock(&producer->lock);
    return next;
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *context) {
    kafka_producer_t *producer = context;
    promise_t *promise = message->_private;
    (void)client;
    err_t result = result_of(message->err);
    if (result == ERR_OK) {
        counters_add(producer->counters, COUNTER_JOURNAL_RECORDS, 1);
        counters_add(producer->counters, COUNTER_JOURNAL_BYTES, message->len);
        producer->unreachable = false;
        note_delivered(producer, message);
    } else {
        log_warn("kafka: %zu bytes for %s were not taken: %s", message->len, rd_kafka_topic_name(message->rkt),
                 rd_kafka_err2str(message->err));
    }
    atomic_fetch_sub_explicit(&producer->held_bytes, promise->bytes, memory_order_relaxed);
    if (promise->done != NULL) promise->done(promise->context, result);
    free(promise);
}

static void on_error(rd_kafka_t *client, int error, const char *reason, void *context) {
    kafka_producer_t *producer = context;
    (void)client;
    if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return; /* the library goes on by itself, and logs */
    if (!atomic_exchange(&producer->unreachable, true))
        log_error("kafka: no broker can be reached (%s): senders are told to come back", reason);
}

static void *reporter_main(void *context) {
    kafka_producer_t *producer = context;
    while (!producer->closing) (void)rd_kafka_poll(producer->client, POLL_MS);
    return NULL;
}

static rd_kafka_conf_t *configure(const journal_kafka_config_t *config, char *why, size_t why_size) {
    char kilobytes[24];
    (void)snprintf(kilobytes, sizeof kilobytes, "%llu", (unsigned long long)(config->queue_bytes / 1024 + 1));
    const kafka_property_t usual[] = {
        {"linger.ms", "2"}, /* company for a record: a group commit */
        {"message.timeout.ms", "20000"},
        {"message.max.bytes", "100000000"}, /* the broker has the last word */
        {"queue.buffering.max.kbytes", kilobytes},
        {NULL, NULL},
    };
    static const kafka_property_t always[] = {{"enable.idempotence", "true"},
                                              {NULL, NULL}}; /* acks=all comes with it */
    return kafka_conf(config, usual, always, why, why_size);
}

err_t kafka_producer_open(const journal_kafka_config_t *config, counters_t *counters, kafka_producer_t **out, char *why,
                          size_t why_size) {
    rd_kafka_conf_t *conf = configure(config, why, why_size);
    if (conf == NULL) return ERR_INVALID;
    kafka_producer_t *producer = memory_new(1, sizeof *producer);
    producer->counters = counters;
    producer->queue_bytes = config->queue_bytes;
    for (int i = 0; i < OTLP_KINDS; i++) producer->topics[i] = config->topics[i];
    (void)pthread_mutex_init(&producer->lock, NULL);
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    producer->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, why_size);
    if (producer->client == NULL) {
        rd_kafka_conf_destroy(conf);
        free(producer);
        return ERR_INVALID;
    }
    if (pthread_create(&producer->reporter, NULL, reporter_main, producer) != 0) {
        (void)snprintf(why, why_size, "no thread can be started for Kafka; raise the limit on processes (ulimit -u)");
        rd_kafka_destroy(producer->client);
        free(producer);
        return ERR_NOMEM;
    }
    *out = producer;
    return ERR_OK;
}

/* Admits one payload at least, however large. */
static bool hold(kafka_producer_t *producer, uint64_t bytes) {
    uint64_t before = atomic_fetch_add_explicit(&producer->held_bytes, bytes, memory_order_relaxed);
    if (before == 0 || before + bytes <= producer->queue_bytes) return true;
    atomic_fetch_sub_explicit(&producer->held_bytes, bytes, memory_order_relaxed);
    return false;
}

/* Sends one message, whose bytes are held. Takes `data` over, if `flags` says so, when it says that it went. */
static rd_kafka_resp_err_t send_message(kafka_producer_t *producer, uint8_t kind, int64_t arrival_ns, slice_t message,
                                        int flags, promise_t *promise) {
    uint8_t key[KAFKA_KEY_BYTES];
    kafka_key((otlp_kind_t)kind, message, key);
    return rd_kafka_producev(producer->client, RD_KAFKA_V_TOPIC(producer->topics[kind]),
                             RD_KAFKA_V_KEY(key, sizeof key),
                             RD_KAFKA_V_VALUE((void *)(uintptr_t)message.data, message.len), RD_KAFKA_V_MSGFLAGS(flags),
                             RD_KAFKA_V_TIMESTAMP(arrival_ns / 1000000), RD_KAFKA_V_OPAQUE(promise), RD_KAFKA_V_END);
}

static promise_t *promise_new(journal_done_fn done, void *context, uint64_t bytes) {
    promise_t *promise = memory_new(1, sizeof *promise);
    *promise = (promise_t){done, context, bytes};
    return promise;
}

static err_t send_whole(kafka_producer_t *producer, uint8_t kind, int64_t arrival_ns, buffer_t *payload,
                        promise_t *promise) {
    buffer_t given = *payload;
    *payload = (buffer_t){0}; /* before it is sent: `done` may reuse the caller's buffer before we return */
    rd_kafka_resp_err_t error =
        send_message(producer, kind, arrival_ns, buffer_slice(&given), RD_KAFKA_MSG_F_FREE, promise);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return ERR_OK;
    *payload = given; /* not taken: the memory is still ours */
    atomic_fetch_sub_explicit(&producer->held_bytes, promise->bytes, memory_order_relaxed);
    free(promise);
    return result_of(error);
}

/* A request of several resources goes out in as many messages, and is acknowledged when all of them are there. One that
 * is sent again is cut in the same way, and what had arrived is recognised. */
typedef struct {
    journal_done_fn done;
    void *context;
    _Atomic uint32_t left;
    _Atomic err_t result; /* the worst */
} parts_t;

static void part_done(void *context, err_t result) {
    parts_t *parts = context;
    if (result != ERR_OK) parts->result = result;
    if (atomic_fetch_sub(&parts->left, 1) > 1) return;
    if (parts->done != NULL) parts->done(parts->context, parts->result);
    free(parts);
}

static uint32_t count_parts(slice_t rest) {
    slice_t part;
    uint32_t count = 0;
    while (kafka_key_part(&rest, &part)) count++;
    return count;
}

/* Once the first part is on its way the others follow: a full queue is waited for, a refused part breaks the promise.
 */
static err_t send_parts(kafka_producer_t *producer, uint8_t kind, int64_t arrival_ns, buffer_t *payload,
                        promise_t *promise, uint32_t count) {
    enum { PAUSE_US = 2000 };
    parts_t *parts = memory_new(1, sizeof *parts);
    *parts = (parts_t){.done = promise->done, .context = promise->context, .left = count};
    buffer_t given = *payload;
    *payload = (buffer_t){0};
    uint64_t held = promise->bytes;
    free(promise);
    slice_t rest = buffer_slice(&given), part;
    while (kafka_key_part(&rest, &part)) {
        uint64_t share = rest.len == 0 ? held : part.len;
        promise_t *one = promise_new(part_done, parts, share);
        held -= share;
        rd_kafka_resp_err_t error;
        while ((error = send_message(producer, kind, arrival_ns, part, RD_KAFKA_MSG_F_COPY, one)) ==
                   RD_KAFKA_RESP_ERR__QUEUE_FULL &&
               !producer->closing)
            (void)usleep(PAUSE_US);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        atomic_fetch_sub_explicit(&producer->held_bytes, share, memory_order_relaxed);
        free(one);
        part_done(parts, result_of(error));
    }
    buffer_fini(&given);
    return ERR_OK;
}

err_t kafka_producer_append(kafka_producer_t *producer, uint8_t kind, int64_t arrival_ns, buffer_t *payload,
                            journal_done_fn done, void *context) {
    if (producer->closing) return ERR_CLOSED;
    uint64_t bytes = payload->len + sizeof(promise_t);
    if (!hold(producer, bytes)) return ERR_FULL;
    promise_t *promise = promise_new(done, context, bytes);
    uint32_t parts = kind == OTLP_METRICS ? count_parts(buffer_slice(payload)) : 1;
    return parts > 1 && parts <= PARTS_MAX ? send_parts(producer, kind, arrival_ns, payload, promise, parts)
                                           : send_whole(producer, kind, arrival_ns, payload, promise);
}

err_t kafka_producer_tick(kafka_producer_t *producer, const char *topic, int32_t partition, bool json,
                          int64_t arrival_ns) {
    promise_t *promise = memory_new(1, sizeof *promise);
    rd_kafka_resp_err_t error = rd_kafka_producev(
        producer->client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_VALUE((void *)(uintptr_t) "{}", json ? 2 : 0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_TIMESTAMP(arrival_ns / 1000000), RD_KAFKA_V_OPAQUE(promise), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return ERR_OK;
    free(promise);
    return ERR_FULL;
}

err_t kafka_producer_state(const kafka_producer_t *producer) {
    return producer->unreachable ? ERR_FULL : ERR_OK;
}

void kafka_producer_close(kafka_producer_t *producer) {
    producer->closing = true;
    (void)pthread_join(producer->reporter, NULL);
    (void)rd_kafka_flush(producer->client, FLUSH_MS);
    /* What the brokers did not take is given up, and said so: every promise is kept or broken, none forgotten. */
    (void)rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    (void)rd_kafka_flush(producer->client, FLUSH_MS);
    rd_kafka_destroy(producer->client);
    (void)pthread_mutex_destroy(&producer->lock);
    kafka_offsets_fini(&producer->delivered);
    free(producer);
}
