#include "collector/journal/kafka_group.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <inttypes.h>
#include <unistd.h>

enum { COMMITTED_TIMEOUT_MS = 5000, TAKE_TRIES_S = 30, TAKE_PAUSE_US = 100000 };

/* A wall clock that steps must not end the tries. */
static int64_t now_ns(void) {
    return clock_monotonic_ns(&clock_system);
}

/* Where a partition goes on: what our own state says, or the group when another member was further since. */
static int64_t own_start(const kafka_t *kafka, const rd_kafka_topic_partition_t *one, int64_t committed) {
    const kafka_offset_t *own = kafka_offsets_find(&kafka->offsets, one->topic, one->partition);
    if (own == NULL) return committed;
    return committed > own->next && !kafka->rollups ? committed : own->next;
}

/* The same, where somebody else keeps the state. A topic that was just made has no leader for a moment, and a broker
 * may be on its way back: it is tried for a while. -1: not taken. */
static int64_t held_start(kafka_t *kafka, const rd_kafka_topic_partition_t *told, int64_t committed) {
    char note[64] = "";
    int64_t oldest = 0, newest = 0, next = -1;
    if (told->metadata != NULL && told->metadata_size < sizeof note) memcpy(note, told->metadata, told->metadata_size);
    for (int64_t began = now_ns(); next < 0 && !kafka->closing && now_ns() - began < TAKE_TRIES_S * NS_PER_S;) {
        rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(kafka->consumer, told->topic, told->partition,
                                                                     &oldest, &newest, COMMITTED_TIMEOUT_MS);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
            next = kafka->holder->take(kafka->holder->context, told->topic, told->partition, committed, note, oldest);
        if (next < 0) (void)usleep(TAKE_PAUSE_US);
    }
    return next;
}

/* How far the group is; err of a partition of which that cannot be learned. A holder has no other word on it. */
static void ask_committed(kafka_t *kafka, rd_kafka_topic_partition_list_t *told) {
    rd_kafka_resp_err_t error;
    int64_t began = now_ns();
    for (;;) {
        for (int i = 0; i < told->cnt; i++) told->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
        error = rd_kafka_committed(kafka->consumer, told, COMMITTED_TIMEOUT_MS);
        bool whole = error != RD_KAFKA_RESP_ERR_NO_ERROR;
        for (int i = 0; whole && i < told->cnt; i++) told->elems[i].err = error;
        for (int i = 0; i < told->cnt && error == RD_KAFKA_RESP_ERR_NO_ERROR; i++) error = told->elems[i].err;
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
        if (kafka->holder == NULL || kafka->closing || now_ns() - began >= TAKE_TRIES_S * NS_PER_S) break;
        (void)usleep(TAKE_PAUSE_US);
    }
    log_warn("kafka: the group's offsets are not known (%s)%s", rd_kafka_err2str(error),
             kafka->holder == NULL ? ": going on from our own" : "");
}

/* Not known where to go on, nothing is read: a fold that began anew would count again. */
static void leave_unread(kafka_t *kafka, rd_kafka_topic_partition_t *one) {
    one->offset = RD_KAFKA_OFFSET_END;
    kafka->failed = true;
    log_error("kafka: the state of %s/%d cannot be read: it is not folded; restart seismesh", one->topic,
              (int)one->partition);
}

static void seek(kafka_t *kafka, rd_kafka_topic_partition_list_t *partitions) {
    rd_kafka_topic_partition_list_t *told = rd_kafka_topic_partition_list_copy(partitions);
    ask_committed(kafka, told);
    for (int i = 0; i < partitions->cnt; i++) {
        rd_kafka_topic_partition_t *one = &partitions->elems[i];
        bool is_told = told->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR;
        int64_t committed = is_told && told->elems[i].offset >= 0 ? told->elems[i].offset : -1;
        int64_t next = -1;
        if (kafka->holder == NULL)
            next = own_start(kafka, one, committed);
        else if (is_told)
            next = held_start(kafka, &told->elems[i], committed);
        if (next < 0 && kafka->holder != NULL) {
            leave_unread(kafka, one);
            continue;
        }
        one->offset = next >= 0 ? next : RD_KAFKA_OFFSET_BEGINNING;
        if (next >= 0) (void)kafka_offsets_set(&kafka->offsets, one->topic, one->partition, next);
        log_info("kafka: %s/%d from offset %" PRId64, one->topic, (int)one->partition, next < 0 ? 0 : next);
    }
    rd_kafka_topic_partition_list_destroy(told);
}

void kafka_group_tell(kafka_t *kafka, const kafka_offsets_t *offsets, bool wait) {
    rd_kafka_topic_partition_list_t *ours = NULL;
    if (rd_kafka_assignment(kafka->consumer, &ours) != RD_KAFKA_RESP_ERR_NO_ERROR || ours == NULL) return;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(ours->cnt > 0 ? ours->cnt : 1);
    for (int i = 0; i < ours->cnt; i++) {
        const kafka_offset_t *own = kafka_offsets_find(offsets, ours->elems[i].topic, ours->elems[i].partition);
        if (own != NULL) rd_kafka_topic_partition_list_add(list, own->topic, own->partition)->offset = own->next;
    }
    if (list->cnt > 0) {
        rd_kafka_resp_err_t error = rd_kafka_commit(kafka->consumer, list, wait ? 0 : 1);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
            log_warn("kafka: the group could not be told our offsets (%s); our own state has them",
                     rd_kafka_err2str(error));
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_topic_partition_list_destroy(ours);
}

static void give_up(kafka_t *kafka, const rd_kafka_topic_partition_list_t *partitions) {
    bool lost = rd_kafka_assignment_lost(kafka->consumer) != 0;
    if (lost) kafka->joined = false;
    if (kafka->holder != NULL)
        kafka->holder->give_back(kafka->holder->context, lost);
    else if (kafka->rollups)
        return; /* nobody else is in the group: it comes back, and goes on where we are */
    else if (lost)
        log_warn("kafka: %d partitions were taken from us before we could say how far we were; what was counted since "
                 "the last checkpoint is counted again by whoever has them now",
                 partitions->cnt);
    else if (kafka->closing)
        kafka_group_tell(kafka, &kafka->released, true);
    else if (kafka->checkpoint(kafka->context) == ERR_OK)
        kafka_group_tell(kafka, &kafka->offsets, true);
    else
        log_error("kafka: %d partitions go to another member, and the store could not be written: what was counted "
                  "since the last checkpoint is counted again there",
                  partitions->cnt);
    for (int i = 0; i < partitions->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &partitions->elems[i];
        kafka_offsets_remove(&kafka->offsets, one->topic, one->partition);
        if (kafka->holder != NULL) kafka->holder->drop(kafka->holder->context, one->topic, one->partition);
    }
}

void kafka_group_changed(rd_kafka_t *client, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *partitions,
                         void *context) {
    kafka_t *kafka = context;
    rd_kafka_error_t *error = NULL;
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        kafka->unreachable = false;
        kafka->joined = kafka->was_given = true;
        seek(kafka, partitions);
        error = rd_kafka_incremental_assign(client, partitions);
    } else {
        give_up(kafka, partitions);
        error = rd_kafka_incremental_unassign(client, partitions);
    }
    if (error == NULL) return;
    log_error("kafka: partitions could not be taken or given back: %s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
}

err_t journal_kafka_commit(journal_t *journal, const journal_commit_t *commits, size_t count) {
    kafka_t *kafka = (kafka_t *)journal;
    if (count == 0) return ERR_OK;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_t *one =
            rd_kafka_topic_partition_list_add(list, commits[i].topic, commits[i].partition);
        one->offset = commits[i].next;
        one->metadata = memory_text(commits[i].note); /* freed with the list */
        one->metadata_size = strlen(commits[i].note);
    }
    rd_kafka_resp_err_t error = rd_kafka_commit(kafka->consumer, list, 0);
    rd_kafka_topic_partition_list_destroy(list);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return ERR_OK;
    log_warn("kafka: the group could not be told our offsets (%s); it is told again", rd_kafka_err2str(error));
    return ERR_IO;
}
