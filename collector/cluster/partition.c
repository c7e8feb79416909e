/* Saved: u8 version (1), block topic, varint number, varint epoch, varint offset, varint items said, zigzag emitted_ns,
 * then names (varint count of those behind the two that all have, blocks), entities (varint count, each u8 kind,
 * observer, protocol, six varint names), open buckets (varint count, each zigzag bucket and block frame), fold_save. */
#include "collector/cluster/partition.h"

#include "base/log.h"
#include "base/memory.h"
#include "collector/rollup/frame.h"

#include <stdio.h>
#include <stdlib.h>

enum { STATE_VERSION = 1 };

/* A message of full length, cut off while a record was folded. */
typedef struct {
    uint64_t first;
    buffer_t bytes;
} full_t;

struct partition {
    partition_config_t config;
    char topic[ROLLUP_TOPIC_BYTES_MAX + 1];
    int32_t number;
    fold_t *fold;
    rollup_writer_t writer;
    uint64_t epoch, offset;
    int64_t emitted_ns; /* event time when closed buckets were last said; INT64_MIN = never */
    int64_t told_ns;    /* complete_ns of the last message */
    bool told_settled;
    full_t *full; /* oldest first */
    uint32_t full_count;
    uint32_t *translated; /* name ids of the fold as those of config.names; 0 = not asked for yet */
    uint32_t translated_capacity;
};

/* ---- what the fold tells ---- */

static void on_request(void *context, otlp_kind_t kind, slice_t body) {
    partition_t *partition = context;
    if (partition->config.request != NULL) partition->config.request(partition->config.context, kind, body);
}

static uint32_t translate(partition_t *partition, uint32_t id) {
    if (id <= NAME_OVERFLOW) return id;
    if (id >= partition->translated_capacity) {
        uint32_t before = partition->translated_capacity, wider = before == 0 ? 256 : before;
        while (wider <= id) wider *= 2;
        partition->translated = memory_resize(partition->translated, wider * sizeof *partition->translated);
        memset(partition->translated + before, 0, (wider - before) * sizeof *partition->translated);
        partition->translated_capacity = wider;
    }
    uint32_t *known = &partition->translated[id];
    if (*known == 0)
        *known = names_intern(partition->config.names, names_text(&fold_shard(partition->fold)->names, id));
    return *known;
}

static void on_span(void *context, const folded_span_t *span) {
    partition_t *partition = context;
    folded_span_t told = *span;
    told.service = translate(partition, span->service);
    told.operation = translate(partition, span->operation);
    partition->config.span(partition->config.context, &told);
}

/* Ends the message; with what it holds, everything before `complete_ns` has been said. Gives its first number. */
static uint64_t end_message(partition_t *partition, int64_t complete_ns, bool settled, buffer_t *message) {
    rollup_head_t head = {.topic = slice_text(partition->topic),
                          .partition = partition->number,
                          .epoch = partition->epoch,
                          .complete_ns = complete_ns,
                          .settled = settled};
    partition->told_ns = complete_ns;
    partition->told_settled = settled;
    rollup_writer_finish(&partition->writer, &head, message);
    return head.first;
}

/* Within a record, when the message is long enough: it says no more about time than the one before. */
static void cut_message(partition_t *partition) {
    if (partition->writer.items.len < PARTITION_MESSAGE_BYTES) return;
    partition->full = memory_resize(partition->full, (partition->full_count + 1) * sizeof *partition->full);
    full_t *full = &partition->full[partition->full_count++];
    full->bytes = (buffer_t){0};
    full->first = end_message(partition, partition->told_ns, false, &full->bytes);
}

static void on_half(void *context, const half_t *half, bool alone) {
    partition_t *partition = context;
    rollup_writer_half(&partition->writer, fold_shard(partition->fold), half, alone);
    cut_message(partition);
}

partition_t *partition_new(const partition_config_t *config, const char *topic, int32_t number, uint64_t offset) {
    partition_t *partition = memory_new(1, sizeof *partition);
    partition->config = *config;
    (void)snprintf(partition->topic, sizeof partition->topic, "%s", topic);
    partition->number = number;
    partition->epoch = partition->offset = offset;
    partition->emitted_ns = partition->told_ns = INT64_MIN;
    rollup_writer_init(&partition->writer, 0);
    fold_sink_t sink = {
        .context = partition, .request = on_request, .span = config->span == NULL ? NULL : on_span, .half = on_half};
    partition->fold = fold_new(&config->fold, config->dialects, config->counters, sink);
    return partition;
}

void partition_free(partition_t *partition) {
    if (partition == NULL) return;
    fold_free(partition->fold);
    rollup_writer_fini(&partition->writer);
    for (uint32_t i = 0; i < partition->full_count; i++) buffer_fini(&partition->full[i].bytes);
    free(partition->full);
    free(partition->translated);
    free(partition);
}

/* ---- folding ---- */

static void emit_bucket(partition_t *partition, bucket_t *bucket) {
    shard_t *shard = fold_shard(partition->fold);
    shard_sort(bucket);
    for (uint32_t i = 0; i < bucket->count; i++) {
        rollup_writer_cell(&partition->writer, shard, bucket->bucket, bucket->entities[i], bucket->cells[i]);
        cut_message(partition);
    }
    shard_drop(shard, bucket->bucket);
}

/* Says the cells of all closed buckets, late additions to older ones too, and forgets them. Where in the sequence that
 * happens has to be a function of the records: whenever event time enters a new second. */
static void emit_closed(partition_t *partition) {
    shard_t *shard = fold_shard(partition->fold);
    int64_t clock = fold_clock_ns(partition->fold);
    if (clock == INT64_MIN) return;
    if (partition->emitted_ns != INT64_MIN && clock / NS_PER_S == partition->emitted_ns / NS_PER_S) return;
    partition->emitted_ns = clock;
    while (shard->bucket_count > 0 && shard->buckets[0]->bucket < fold_closed_before(partition->fold))
        emit_bucket(partition, shard->buckets[0]);
    fold_dropped(partition->fold);
}

void partition_record(partition_t *partition, const journal_record_t *record) {
    if (record->offset < partition->offset) return;
    partition->offset = record->offset + 1;
    if (record->kind == JOURNAL_TICK) {
        fold_tick(partition->fold, record->arrival_ns);
    } else if (record->kind < OTLP_KINDS) {
        err_t err = fold_record(partition->fold, (otlp_kind_t)record->kind, record->arrival_ns, record->payload);
        if (err != ERR_OK)
            log_error("the record at %s/%d/%llu is %s; it is left out from there on", partition->topic,
                      (int)partition->number, (unsigned long long)record->offset, err_text(err));
    }
    emit_closed(partition);
}

bool partition_settled(const partition_t *partition) {
    return fold_settled(partition->fold) && fold_shard(partition->fold)->bucket_count == 0;
}

int64_t partition_event_ns(const partition_t *partition) {
    return fold_event_ns(partition->fold);
}

uint64_t partition_offset(const partition_t *partition) {
    return partition->offset;
}

bool partition_is_full(const partition_t *partition) {
    return partition->full_count > 0;
}

static void give_full(partition_t *partition, uint64_t *first, buffer_t *message) {
    *first = partition->full[0].first;
    buffer_append(message, partition->full[0].bytes.data, partition->full[0].bytes.len);
    buffer_fini(&partition->full[0].bytes);
    memmove(partition->full, partition->full + 1, --partition->full_count * sizeof *partition->full);
}

bool partition_message(partition_t *partition, uint64_t *first, buffer_t *message) {
    if (partition->full_count > 0) {
        give_full(partition, first, message);
        return true;
    }
    bool settled = partition_settled(partition);
    int64_t complete = partition->emitted_ns;
    if (complete != INT64_MIN) complete -= partition->config.fold.pairing_window_ns;
    if (partition->writer.count == 0 && complete == partition->told_ns && settled == partition->told_settled)
        return false;
    *first = end_message(partition, complete, settled, message);
    return true;
}

/* ---- keeping ---- */

static void save_names(const names_t *names, buffer_t *out) {
    buffer_varint(out, names->count - (NAME_OVERFLOW + 1));
    for (uint32_t id = NAME_OVERFLOW + 1; id < names->count; id++) buffer_block(out, names_text(names, id));
}

static void save_entities(const shard_t *shard, buffer_t *out) {
    buffer_varint(out, shard->entity_count - 1);
    for (uint32_t id = 1; id < shard->entity_count; id++) {
        const entity_key_t *key = &shard->entities[id];
        const uint8_t small[] = {key->kind, key->observer, key->protocol};
        const uint32_t names[] = {key->service, key->caller, key->version, key->zone, key->instance, key->operation};
        buffer_append(out, small, sizeof small);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) buffer_varint(out, names[i]);
    }
}

static void save_buckets(const shard_t *shard, buffer_t *out) {
    buffer_t frame = {0};
    buffer_varint(out, shard->bucket_count);
    for (uint32_t i = 0; i < shard->bucket_count; i++) {
        buffer_clear(&frame);
        frame_encode(shard->buckets[i], &frame);
        buffer_zigzag(out, shard->buckets[i]->bucket);
        buffer_block(out, buffer_slice(&frame));
    }
    buffer_fini(&frame);
}

void partition_save(const partition_t *partition, buffer_t *out) {
    const shard_t *shard = fold_shard(partition->fold);
    buffer_byte(out, STATE_VERSION);
    buffer_block(out, slice_text(partition->topic));
    buffer_varint(out, (uint64_t)partition->number);
    buffer_varint(out, partition->epoch);
    buffer_varint(out, partition->offset);
    buffer_varint(out, partition->writer.first);
    buffer_zigzag(out, partition->emitted_ns);
    save_names(&shard->names, out);
    save_entities(shard, out);
    save_buckets(shard, out);
    fold_save(partition->fold, out);
}

static bool load_names(names_t *names, bytes_t *in) {
    uint64_t count;
    slice_t text;
    if (!bytes_varint(in, &count) || count > bytes_left(in)) return false;
    for (uint32_t id = NAME_OVERFLOW + 1; count > 0; count--, id++)
        if (!bytes_block(in, &text) || names_intern(names, text) != id) return false;
    return true;
}

static bool load_entity(shard_t *shard, bytes_t *in, uint32_t id) {
    entity_key_t key = {0};
    uint32_t *const names[] = {&key.service, &key.caller, &key.version, &key.zone, &key.instance, &key.operation};
    if (!bytes_byte(in, &key.kind) || key.kind >= ENTITY_KINDS || !bytes_byte(in, &key.observer) ||
        key.observer >= OBSERVERS || !bytes_byte(in, &key.protocol) || key.protocol >= PROTOCOLS)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint64_t name;
        if (!bytes_varint(in, &name) || name >= shard->names.count) return false;
        *names[i] = (uint32_t)name;
    }
    shard_restore_entity(shard, id, &key);
    return true;
}

static bool load_entities(shard_t *shard, bytes_t *in) {
    uint64_t count;
    if (!bytes_varint(in, &count) || count > bytes_left(in)) return false;
    for (uint32_t id = 1; id <= count; id++)
        if (!load_entity(shard, in, id)) return false;
    return true;
}

static bool load_buckets(shard_t *shard, bytes_t *in) {
    uint64_t count;
    if (!bytes_varint(in, &count) || count > bytes_left(in)) return false;
    for (; count > 0; count--) {
        int64_t bucket;
        slice_t frame;
        if (!bytes_zigzag(in, &bucket) || !bytes_block(in, &frame) || frame_load(frame, shard, bucket) != ERR_OK)
            return false;
    }
    return true;
}

static bool load_head(partition_t *partition, bytes_t *in) {
    slice_t topic;
    uint64_t number, said;
    bool fine = bytes_block(in, &topic) && slice_is(topic, partition->topic) && bytes_varint(in, &number) &&
                number == (uint64_t)partition->number && bytes_varint(in, &partition->epoch) &&
                bytes_varint(in, &partition->offset) && bytes_varint(in, &said) &&
                bytes_zigzag(in, &partition->emitted_ns);
    if (fine) partition->writer.first = said;
    return fine;
}

err_t partition_load(partition_t *partition, slice_t bytes) {
    shard_t *shard = fold_shard(partition->fold);
    bytes_t in = bytes_of(bytes);
    uint8_t version;
    if (!bytes_byte(&in, &version)) return ERR_MALFORMED;
    if (version != STATE_VERSION) return ERR_FOREIGN;
    if (!load_head(partition, &in) || !load_names(&shard->names, &in) || !load_entities(shard, &in) ||
        !load_buckets(shard, &in))
        return ERR_MALFORMED;
    return fold_load(partition->fold, slice_of(in.at, bytes_left(&in)));
}
