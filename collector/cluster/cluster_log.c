#include "collector/cluster/cluster_log.h"

#include "base/log.h"
#include "base/memory.h"
#include "collector/cluster/rollup_log.h"
#include "collector/journal/kafka_producer.h"

#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

enum {
    PIECE_BYTES = 512 << 10, /* brokers take 1 MB unless told otherwise */
    STATE_BYTES_MAX = 1 << 30,
    POLL_MS = 100,
    CREATE_MS = 10000,
    READ_MS = 60000, /* without any answer */
};

struct cluster_log {
    const journal_kafka_config_t *kafka;
    char *rollups, *state;
    rd_kafka_t *producer;
    bool failed;
};

/* ---- writing ---- */

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *context) {
    cluster_log_t *log = context;
    (void)client;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (message->_private != NULL) *(int64_t *)message->_private = message->offset;
        return;
    }
    if (!log->failed)
        log_error("kafka: %zu bytes for %s were refused for good: %s; nothing is folded any more, restart seismesh: it "
                  "goes on from the last state that was kept",
                  message->len, rd_kafka_topic_name(message->rkt), rd_kafka_err2str(message->err));
    log->failed = true;
}

static rd_kafka_conf_t *configure(const journal_kafka_config_t *config, bool reader, char *why, size_t why_size) {
    static const kafka_property_t writing[] = {
        {"linger.ms", "5"},
        {"compression.codec", "lz4"},
        {"queue.buffering.max.kbytes", "65536"},
        {NULL, NULL},
    };
    static const kafka_property_t surely[] = {
        {"enable.idempotence", "true"}, {"message.timeout.ms", "0"}, {NULL, NULL}};
    static const kafka_property_t reading[] = {{"fetch.wait.max.ms", "50"}, {NULL, NULL}};
    static const kafka_property_t alone[] = {{"enable.auto.commit", "false"},
                                             {"enable.partition.eof", "true"},
                                             {"group.id", "seismesh-reader"},
                                             {NULL, NULL}};
    return kafka_conf(config, reader ? reading : writing, reader ? alone : surely, why, why_size);
}

err_t cluster_log_open(const cluster_log_config_t *config, cluster_log_t **out, char *why, size_t why_size) {
    rd_kafka_conf_t *conf = configure(config->kafka, false, why, why_size);
    if (conf == NULL) return ERR_INVALID;
    cluster_log_t *log = memory_new(1, sizeof *log);
    log->kafka = config->kafka;
    log->rollups = memory_text(config->rollups);
    log->state = memory_text(config->state);
    rd_kafka_conf_set_opaque(conf, log);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    log->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, why_size);
    if (log->producer == NULL) {
        rd_kafka_conf_destroy(conf);
        cluster_log_close(log);
        return ERR_INVALID;
    }
    *out = log;
    return ERR_OK;
}

void cluster_log_close(cluster_log_t *log) {
    if (log == NULL) return;
    if (log->producer != NULL) {
        (void)rd_kafka_purge(log->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        log->failed = true; /* what is purged now was never promised to anybody */
        (void)rd_kafka_flush(log->producer, POLL_MS);
        rd_kafka_destroy(log->producer);
    }
    free(log->rollups);
    free(log->state);
    free(log);
}

static err_t produce(cluster_log_t *log, const char *topic, const char *key, buffer_t *message, int64_t *offset) {
    for (;;) {
        rd_kafka_resp_err_t error =
            rd_kafka_producev(log->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                              RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(message->data, message->len),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_FREE), RD_KAFKA_V_OPAQUE(offset), RD_KAFKA_V_END);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
            *message = (buffer_t){0};
            return ERR_OK;
        }
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL || log->failed) {
            if (!log->failed) log_error("kafka: %s takes nothing: %s", topic, rd_kafka_err2str(error));
            log->failed = true;
            return ERR_IO;
        }
        (void)rd_kafka_poll(log->producer, POLL_MS);
    }
}

err_t cluster_log_rollup(cluster_log_t *log, const char *key, buffer_t *message) {
    return produce(log, log->rollups, key, message, NULL);
}

static err_t save_pieces(cluster_log_t *log, state_piece_t *piece, slice_t packed, int64_t *offset) {
    char key[ROLLUP_TOPIC_BYTES_MAX + 32];
    buffer_t message = {0};
    err_t err = ERR_OK;
    piece->pieces = (uint32_t)((packed.len + PIECE_BYTES - 1) / PIECE_BYTES);
    for (piece->piece = 0; err == ERR_OK && piece->piece < piece->pieces; piece->piece++) {
        size_t from = (size_t)piece->piece * PIECE_BYTES, left = packed.len - from;
        piece->bytes = slice_of(packed.data + from, left < PIECE_BYTES ? left : PIECE_BYTES);
        state_piece_write(piece, &message);
        (void)snprintf(key, sizeof key, "%.*s/%d/%u", (int)piece->topic.len, (const char *)piece->topic.data,
                       (int)piece->partition, piece->piece);
        err = produce(log, log->state, key, &message, piece->piece == 0 ? offset : NULL);
    }
    buffer_fini(&message);
    return err;
}

err_t cluster_log_save(cluster_log_t *log, const char *topic, int32_t partition, uint64_t next, slice_t state,
                       int64_t *offset) {
    buffer_t packed = {0};
    size_t room = ZSTD_compressBound(state.len);
    packed.len = ZSTD_compress(buffer_reserve(&packed, room), room, state.data, state.len, 1);
    state_piece_t piece = {.topic = slice_text(topic), .partition = partition, .next = next};
    err_t err = ZSTD_isError(packed.len) || state.len > STATE_BYTES_MAX
                    ? ERR_IO
                    : save_pieces(log, &piece, buffer_slice(&packed), offset);
    buffer_fini(&packed);
    return err;
}

err_t cluster_log_flush(cluster_log_t *log, int timeout_ms) {
    rd_kafka_resp_err_t error = rd_kafka_flush(log->producer, timeout_ms);
    if (log->failed) return ERR_IO;
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ? ERR_OK : ERR_FULL;
}

void cluster_log_poll(cluster_log_t *log) {
    (void)rd_kafka_poll(log->producer, 0);
}

err_t cluster_log_state_of(const cluster_log_t *log) {
    return log->failed ? ERR_IO : ERR_OK;
}

/* ---- topics ---- */

static rd_kafka_NewTopic_t *topic_of(const char *name, const char *const settings[][2]) {
    char why[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, 1, -1, why, sizeof why);
    for (; topic != NULL && (*settings)[0] != NULL; settings++)
        (void)rd_kafka_NewTopic_set_config(topic, (*settings)[0], (*settings)[1]);
    return topic;
}

static void say_result(rd_kafka_event_t *event) {
    size_t count = 0;
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_warn("kafka: the cluster's topics could not be made: %s; make them with cleanup.policy=compact and one "
                 "partition, if they are not there",
                 rd_kafka_event_error_string(event));
    const rd_kafka_topic_result_t **topics =
        result == NULL ? NULL : rd_kafka_CreateTopics_result_topics(result, &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t error = rd_kafka_topic_result_error(topics[i]);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            log_warn(
                "kafka: topic %s was not made: %s; make it with cleanup.policy=compact and one partition, if it is "
                "not there",
                rd_kafka_topic_result_name(topics[i]), rd_kafka_err2str(error));
    }
}

void cluster_log_make_topics(cluster_log_t *log) {
    /* Rollups are kept for views that are away or new; the states only to go on from. */
    static const char *const rollups[][2] = {
        {"cleanup.policy", "compact,delete"}, {"retention.ms", "86400000"}, {NULL, NULL}};
    static const char *const state[][2] = {
        {"cleanup.policy", "compact"}, {"segment.bytes", "67108864"}, {"segment.ms", "600000"}, {NULL, NULL}};
    rd_kafka_NewTopic_t *topics[] = {topic_of(log->rollups, rollups), topic_of(log->state, state)};
    if (topics[0] != NULL && topics[1] != NULL) {
        rd_kafka_queue_t *queue = rd_kafka_queue_new(log->producer);
        rd_kafka_CreateTopics(log->producer, topics, 2, NULL, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CREATE_MS);
        if (event != NULL) {
            say_result(event);
            rd_kafka_event_destroy(event);
        }
        rd_kafka_queue_destroy(queue);
    }
    for (int i = 0; i < 2; i++)
        if (topics[i] != NULL) rd_kafka_NewTopic_destroy(topics[i]);
}

/* ---- reading states ---- */

/* The state that is being put together: pieces of one state come in order, others' in between. */
typedef struct {
    const char *topic;
    int32_t partition;
    buffer_t packed;
    uint64_t next;
    uint32_t pieces;
    buffer_t *state;
    bool found;
} collector_t;

static bool unpack(slice_t packed, buffer_t *out) {
    unsigned long long size = ZSTD_getFrameContentSize(packed.data, packed.len);
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > STATE_BYTES_MAX) return false;
    buffer_clear(out);
    size_t got = ZSTD_decompress(buffer_reserve(out, (size_t)size), (size_t)size, packed.data, packed.len);
    if (ZSTD_isError(got)) return false;
    out->len = got;
    return true;
}

static void collect(collector_t *c, slice_t message) {
    state_piece_t piece;
    if (state_piece_read(message, &piece) != ERR_OK || piece.partition != c->partition ||
        !slice_is(piece.topic, c->topic))
        return;
    if (piece.piece == 0) {
        buffer_clear(&c->packed);
        c->next = piece.next;
        c->pieces = 0;
    }
    if (piece.next != c->next || piece.piece != c->pieces) return; /* of one whose begin was compacted away */
    buffer_append(&c->packed, piece.bytes.data, piece.bytes.len);
    c->pieces++;
    if (c->pieces == piece.pieces && unpack(buffer_slice(&c->packed), c->state)) c->found = true;
}

static err_t read_to_end(rd_kafka_t *consumer, collector_t *c) {
    for (int waited_ms = 0; waited_ms < READ_MS;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, POLL_MS);
        if (message == NULL) {
            waited_ms += POLL_MS;
            continue;
        }
        rd_kafka_resp_err_t error = message->err;
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
            waited_ms = 0;
            collect(c, slice_of(message->payload, message->len));
        }
        rd_kafka_message_destroy(message);
        if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF) return c->found ? ERR_OK : ERR_NOT_FOUND;
        if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
            return ERR_NOT_FOUND;
    }
    return ERR_IO;
}

err_t cluster_log_load(cluster_log_t *log, const char *topic, int32_t partition, int64_t offset, buffer_t *state) {
    char why[256];
    rd_kafka_conf_t *conf = configure(log->kafka, true, why, sizeof why);
    rd_kafka_t *consumer = conf == NULL ? NULL : rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (consumer == NULL) {
        log_error("kafka: no reader of %s: %s", log->state, why);
        return ERR_IO;
    }
    (void)rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, log->state, 0)->offset = offset;
    rd_kafka_resp_err_t error = rd_kafka_assign(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    collector_t collector = {.topic = topic, .partition = partition, .state = state};
    err_t err = error == RD_KAFKA_RESP_ERR_NO_ERROR ? read_to_end(consumer, &collector) : ERR_IO;
    buffer_fini(&collector.packed);
    (void)rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return err;
}
