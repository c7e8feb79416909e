#include "collector/journal/kafka_offsets.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { OFFSETS_VERSION = 1 };

void kafka_offsets_fini(kafka_offsets_t *offsets) {
    free(offsets->items);
    *offsets = (kafka_offsets_t){0};
}

kafka_offset_t *kafka_offsets_find(const kafka_offsets_t *offsets, const char *topic, int32_t partition) {
    for (uint32_t i = 0; i < offsets->count; i++)
        if (offsets->items[i].partition == partition && strcmp(offsets->items[i].topic, topic) == 0)
            return &offsets->items[i];
    return NULL;
}

err_t kafka_offsets_set(kafka_offsets_t *offsets, const char *topic, int32_t partition, int64_t next) {
    kafka_offset_t *known = kafka_offsets_find(offsets, topic, partition);
    size_t len = strlen(topic);
    if (len == 0 || len > KAFKA_TOPIC_BYTES_MAX || partition < 0 || next < 0) return ERR_INVALID;
    if (known == NULL) {
        if (offsets->count == KAFKA_PARTITIONS_MAX) return ERR_FULL;
        if (offsets->count == offsets->capacity) {
            offsets->capacity = offsets->capacity == 0 ? 16 : offsets->capacity * 2;
            offsets->items = memory_resize(offsets->items, offsets->capacity * sizeof *offsets->items);
        }
        known = &offsets->items[offsets->count++];
        memset(known, 0, sizeof *known);
        memcpy(known->topic, topic, len);
        known->partition = partition;
    }
    known->next = next;
    return ERR_OK;
}

void kafka_offsets_remove(kafka_offsets_t *offsets, const char *topic, int32_t partition) {
    kafka_offset_t *known = kafka_offsets_find(offsets, topic, partition);
    if (known != NULL) *known = offsets->items[--offsets->count];
}

void kafka_offsets_copy(kafka_offsets_t *to, const kafka_offsets_t *from) {
    kafka_offsets_fini(to);
    if (from->count == 0) return;
    to->items = memory_new(from->count, sizeof *to->items);
    to->count = to->capacity = from->count;
    memcpy(to->items, from->items, from->count * sizeof *to->items);
}

void kafka_offsets_encode(const kafka_offsets_t *offsets, buffer_t *out) {
    buffer_varint(out, OFFSETS_VERSION);
    buffer_varint(out, offsets->count);
    for (uint32_t i = 0; i < offsets->count; i++) {
        const kafka_offset_t *one = &offsets->items[i];
        buffer_block(out, slice_text(one->topic));
        buffer_varint(out, (uint64_t)one->partition);
        buffer_varint(out, (uint64_t)one->next);
    }
}

static bool decode_one(kafka_offsets_t *offsets, bytes_t *in) {
    char topic[KAFKA_TOPIC_BYTES_MAX + 1] = "";
    uint64_t partition, next;
    slice_t name;
    if (!bytes_block(in, &name) || name.len == 0 || name.len > KAFKA_TOPIC_BYTES_MAX) return false;
    if (!bytes_varint(in, &partition) || partition > INT32_MAX) return false;
    if (!bytes_varint(in, &next) || next > INT64_MAX) return false;
    memcpy(topic, name.data, name.len);
    return strlen(topic) == name.len && kafka_offsets_find(offsets, topic, (int32_t)partition) == NULL &&
           kafka_offsets_set(offsets, topic, (int32_t)partition, (int64_t)next) == ERR_OK;
}

err_t kafka_offsets_decode(kafka_offsets_t *offsets, slice_t bytes) {
    *offsets = (kafka_offsets_t){0};
    bytes_t in = bytes_of(bytes);
    uint64_t version, count;
    if (!bytes_varint(&in, &version)) return ERR_MALFORMED;
    if (version != OFFSETS_VERSION) return ERR_FOREIGN;
    bool fine = bytes_varint(&in, &count) && count <= KAFKA_PARTITIONS_MAX;
    for (; fine && count > 0; count--) fine = decode_one(offsets, &in);
    if (fine && bytes_done(&in)) return ERR_OK;
    kafka_offsets_fini(offsets);
    return ERR_MALFORMED;
}

static void forget_first(kafka_snapshots_t *snapshots, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) kafka_offsets_fini(&snapshots->items[i].offsets);
    snapshots->count -= count;
    memmove(snapshots->items, snapshots->items + count, snapshots->count * sizeof snapshots->items[0]);
}

void kafka_snapshots_fini(kafka_snapshots_t *snapshots) {
    forget_first(snapshots, snapshots->count);
}

void kafka_snapshots_add(kafka_snapshots_t *snapshots, uint64_t position, const kafka_offsets_t *offsets) {
    if (snapshots->count == KAFKA_SNAPSHOTS_MAX) forget_first(snapshots, 1);
    uint32_t at = snapshots->count++;
    snapshots->items[at].position = position;
    snapshots->items[at].offsets = (kafka_offsets_t){0};
    kafka_offsets_copy(&snapshots->items[at].offsets, offsets);
}

bool kafka_snapshots_take(kafka_snapshots_t *snapshots, uint64_t position, kafka_offsets_t *offsets) {
    uint32_t count = 0;
    while (count < snapshots->count && snapshots->items[count].position <= position) count++;
    if (count == 0) return false;
    kafka_offsets_copy(offsets, &snapshots->items[count - 1].offsets);
    forget_first(snapshots, count);
    return true;
}
