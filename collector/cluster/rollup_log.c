/* A message: "SMR", u8 version (1), u8 type (rollup_type_t), then
 *   ROLLUP_ITEMS: block topic, varint partition, varint epoch, varint first, varint count, zigzag complete_ns,
 *                 u8 settled, then entries to the end of the message:
 *       u8 1, varint id, block text                        a name, told before it is used
 *       u8 2, varint id, u8 kind, observer, protocol, varint service, caller, version, zone, instance, operation
 *                                                          an entity, told before it is used
 *       u8 3, zigzag bucket, varint entity, block cell     an item (cell_encode; its gauges' signals are name ids)
 *       u8 4, u8 alone, block half                         an item (half_save)
 *   ROLLUP_NODE:  block id, block url
 * Ids are the sender's, valid within the message. The broker keeps a checksum of each batch. */
#include "collector/cluster/rollup_log.h"

#include "base/memory.h"

#include <stdlib.h>

enum { ROLLUP_VERSION = 1, ENTRY_NAME = 1, ENTRY_ENTITY = 2, ENTRY_CELL = 3, ENTRY_HALF = 4 };

static const char magic[3] = {'S', 'M', 'R'};

/* ---- writing ---- */

void rollup_writer_init(rollup_writer_t *writer, uint64_t first) {
    *writer = (rollup_writer_t){.first = first, .turn = 1};
}

void rollup_writer_fini(rollup_writer_t *writer) {
    buffer_fini(&writer->items);
    buffer_fini(&writer->scratch);
    free(writer->names);
    free(writer->entities);
    *writer = (rollup_writer_t){0};
}

/* True the first time that an id is asked for in this message. */
static bool first_use(uint32_t **told, uint32_t *capacity, uint32_t id, uint32_t turn) {
    if (id >= *capacity) {
        uint32_t before = *capacity, wider = before == 0 ? 256 : before;
        while (wider <= id) wider *= 2;
        *told = memory_resize(*told, wider * sizeof **told);
        memset(*told + before, 0, (wider - before) * sizeof **told);
        *capacity = wider;
    }
    if ((*told)[id] == turn) return false;
    (*told)[id] = turn;
    return true;
}

static void tell_name(rollup_writer_t *writer, const shard_t *shard, uint32_t id) {
    if (id <= NAME_OVERFLOW || !first_use(&writer->names, &writer->names_capacity, id, writer->turn)) return;
    buffer_byte(&writer->items, ENTRY_NAME);
    buffer_varint(&writer->items, id);
    buffer_block(&writer->items, names_text(&shard->names, id));
}

static void tell_entity(rollup_writer_t *writer, const shard_t *shard, uint32_t id) {
    if (!first_use(&writer->entities, &writer->entities_capacity, id, writer->turn)) return;
    const entity_key_t *key = &shard->entities[id];
    const uint32_t names[] = {key->service, key->caller, key->version, key->zone, key->instance, key->operation};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) tell_name(writer, shard, names[i]);
    const uint8_t small[] = {key->kind, key->observer, key->protocol};
    buffer_byte(&writer->items, ENTRY_ENTITY);
    buffer_varint(&writer->items, id);
    buffer_append(&writer->items, small, sizeof small);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) buffer_varint(&writer->items, names[i]);
}

void rollup_writer_cell(rollup_writer_t *writer, const shard_t *shard, int64_t bucket, uint32_t entity,
                        const cell_t *cell) {
    tell_entity(writer, shard, entity);
    for (uint32_t i = 0; i < cell->gauge_count; i++) tell_name(writer, shard, cell->gauges[i].signal);
    buffer_clear(&writer->scratch);
    cell_encode(cell, &writer->scratch);
    buffer_byte(&writer->items, ENTRY_CELL);
    buffer_zigzag(&writer->items, bucket);
    buffer_varint(&writer->items, entity);
    buffer_block(&writer->items, buffer_slice(&writer->scratch));
    writer->count++;
}

void rollup_writer_half(rollup_writer_t *writer, const shard_t *shard, const half_t *half, bool alone) {
    const uint32_t names[] = {half->service, half->peer, half->version, half->zone};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) tell_name(writer, shard, names[i]);
    buffer_clear(&writer->scratch);
    half_save(half, &writer->scratch);
    buffer_byte(&writer->items, ENTRY_HALF);
    buffer_byte(&writer->items, alone);
    buffer_block(&writer->items, buffer_slice(&writer->scratch));
    writer->count++;
}

static void begin(rollup_type_t type, buffer_t *out) {
    buffer_append(out, magic, sizeof magic);
    buffer_byte(out, ROLLUP_VERSION);
    buffer_byte(out, (uint8_t)type);
}

void rollup_writer_finish(rollup_writer_t *writer, rollup_head_t *head, buffer_t *out) {
    head->first = writer->first;
    head->count = writer->count;
    begin(ROLLUP_ITEMS, out);
    buffer_block(out, head->topic);
    buffer_varint(out, (uint64_t)head->partition);
    buffer_varint(out, head->epoch);
    buffer_varint(out, head->first);
    buffer_varint(out, head->count);
    buffer_zigzag(out, head->complete_ns);
    buffer_byte(out, head->settled);
    buffer_append(out, writer->items.data, writer->items.len);
    buffer_clear(&writer->items);
    writer->first += writer->count;
    writer->count = 0;
    writer->turn++;
}

void rollup_node_write(const char *id, const char *url, buffer_t *out) {
    begin(ROLLUP_NODE, out);
    buffer_block(out, slice_text(id));
    buffer_block(out, slice_text(url));
}

/* ---- reading ---- */

static err_t open_message(slice_t message, rollup_type_t *type, bytes_t *in) {
    slice_t mark;
    uint8_t version, kind;
    *in = bytes_of(message);
    if (!bytes_take(in, sizeof magic, &mark) || !bytes_byte(in, &version)) return ERR_MALFORMED;
    if (memcmp(mark.data, magic, sizeof magic) != 0) return ERR_MALFORMED;
    if (version != ROLLUP_VERSION) return ERR_FOREIGN;
    if (!bytes_byte(in, &kind) || kind > ROLLUP_NODE) return ERR_MALFORMED;
    *type = (rollup_type_t)kind;
    return ERR_OK;
}

err_t rollup_type(slice_t message, rollup_type_t *type) {
    bytes_t in;
    return open_message(message, type, &in);
}

err_t rollup_node_read(slice_t message, slice_t *id, slice_t *url) {
    rollup_type_t type;
    bytes_t in;
    err_t err = open_message(message, &type, &in);
    if (err != ERR_OK) return err;
    bool fine = type == ROLLUP_NODE && bytes_block(&in, id) && bytes_block(&in, url) && bytes_done(&in);
    return fine ? ERR_OK : ERR_MALFORMED;
}

err_t rollup_head_read(slice_t message, rollup_head_t *head, slice_t *items) {
    rollup_type_t type;
    bytes_t in;
    uint64_t partition = 0;
    uint8_t settled = 0;
    err_t err = open_message(message, &type, &in);
    if (err != ERR_OK) return err;
    bool fine = type == ROLLUP_ITEMS && bytes_block(&in, &head->topic) && head->topic.len > 0 &&
                head->topic.len <= ROLLUP_TOPIC_BYTES_MAX && bytes_varint(&in, &partition) && partition <= INT32_MAX &&
                bytes_varint(&in, &head->epoch) && bytes_varint(&in, &head->first) && bytes_varint(&in, &head->count) &&
                bytes_zigzag(&in, &head->complete_ns) && bytes_byte(&in, &settled) && settled <= 1 &&
                head->count <= bytes_left(&in) && head->first <= UINT64_MAX - head->count;
    if (!fine) return ERR_MALFORMED;
    head->partition = (int32_t)partition;
    head->settled = settled;
    *items = slice_of(in.at, bytes_left(&in));
    return ERR_OK;
}

/* The sender's ids and what they are here. Ids are any numbers: a hash table, not an array. */
typedef struct {
    table_t index;
    struct {
        uint32_t theirs, ours;
    } * items;
    uint32_t count, capacity;
} mapping_t;

typedef struct {
    shard_t *shard;
    mapping_t names, entities;
    bytes_t in;
    cell_t moved;
} reader_t;

static uint64_t hash_of(uint32_t id) {
    return (id + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15) >> 16;
}

static void mapping_fini(mapping_t *mapping) {
    table_fini(&mapping->index);
    free(mapping->items);
}

static bool mapping_find(const mapping_t *mapping, uint32_t theirs, uint32_t *ours) {
    for (table_probe_t p = table_probe(&mapping->index, hash_of(theirs)); table_next(&mapping->index, &p);) {
        if (mapping->items[p.index].theirs != theirs) continue;
        *ours = mapping->items[p.index].ours;
        return true;
    }
    return false;
}

static bool mapping_add(mapping_t *mapping, uint32_t theirs, uint32_t ours) {
    uint32_t known;
    if (mapping_find(mapping, theirs, &known)) return false;
    if (mapping->count == mapping->capacity) {
        mapping->capacity = mapping->capacity == 0 ? 64 : mapping->capacity * 2;
        mapping->items = memory_resize(mapping->items, mapping->capacity * sizeof *mapping->items);
    }
    table_insert(&mapping->index, hash_of(theirs), mapping->count);
    mapping->items[mapping->count].theirs = theirs;
    mapping->items[mapping->count++].ours = ours;
    return true;
}

static bool read_id(bytes_t *in, uint32_t *id) {
    uint64_t wide;
    if (!bytes_varint(in, &wide) || wide > UINT32_MAX) return false;
    *id = (uint32_t)wide;
    return true;
}

static bool map_name(const reader_t *reader, uint32_t *id) {
    return *id <= NAME_OVERFLOW || mapping_find(&reader->names, *id, id);
}

static bool read_name(reader_t *reader) {
    uint32_t id;
    slice_t text;
    return read_id(&reader->in, &id) && bytes_block(&reader->in, &text) && id > NAME_OVERFLOW &&
           mapping_add(&reader->names, id, names_intern(&reader->shard->names, text));
}

static bool read_entity(reader_t *reader) {
    bytes_t *in = &reader->in;
    entity_key_t key = {0};
    uint32_t id, *const names[] = {&key.service, &key.caller, &key.version, &key.zone, &key.instance, &key.operation};
    if (!read_id(in, &id) || !bytes_byte(in, &key.kind) || key.kind >= ENTITY_KINDS || !bytes_byte(in, &key.observer) ||
        key.observer >= OBSERVERS || !bytes_byte(in, &key.protocol) || key.protocol >= PROTOCOLS)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!read_id(in, names[i]) || !map_name(reader, names[i])) return false;
    return mapping_add(&reader->entities, id, shard_entity(reader->shard, &key));
}

/* The gauges of a cell are sorted by the sender's ids of their signals: each is given its own id and put in place. */
static bool map_gauges(reader_t *reader, cell_t *cell) {
    gauge_t *gauges = cell->gauges;
    uint32_t count = cell->gauge_count;
    bool fine = true;
    cell->gauges = NULL;
    cell->gauge_count = 0;
    for (uint32_t i = 0; fine && i < count; i++) {
        fine = map_name(reader, &gauges[i].signal);
        reader->moved.gauges = &gauges[i];
        reader->moved.gauge_count = 1;
        if (fine) cell_merge(cell, &reader->moved);
    }
    reader->moved.gauges = NULL;
    reader->moved.gauge_count = 0;
    free(gauges);
    return fine;
}

static bool read_cell(reader_t *reader, const rollup_visitor_t *visitor) {
    int64_t bucket;
    uint32_t theirs, entity;
    slice_t bytes;
    cell_t cell;
    if (!bytes_zigzag(&reader->in, &bucket) || !read_id(&reader->in, &theirs) || !bytes_block(&reader->in, &bytes))
        return false;
    if (visitor == NULL) return true;
    bytes_t in = bytes_of(bytes);
    if (!mapping_find(&reader->entities, theirs, &entity) || !cell_decode(&cell, &in)) return false;
    bool fine = bytes_done(&in) && (cell.gauge_count == 0 || map_gauges(reader, &cell));
    if (fine) visitor->cell(visitor->context, entity, bucket, &cell);
    cell_fini(&cell);
    return fine;
}

static bool read_half(reader_t *reader, const rollup_visitor_t *visitor) {
    uint8_t alone;
    slice_t bytes;
    half_t half = {0};
    if (!bytes_byte(&reader->in, &alone) || alone > 1 || !bytes_block(&reader->in, &bytes)) return false;
    if (visitor == NULL) return true;
    bytes_t in = bytes_of(bytes);
    if (!half_load(&half, &in) || !bytes_done(&in) || !map_name(reader, &half.service) ||
        !map_name(reader, &half.peer) || !map_name(reader, &half.version) || !map_name(reader, &half.zone))
        return false;
    visitor->half(visitor->context, &half, alone);
    return true;
}

/* One entry; `number` is that of the next item. */
static bool read_entry(reader_t *reader, const rollup_visitor_t *visitor, uint64_t *number) {
    uint8_t entry;
    if (!bytes_byte(&reader->in, &entry)) return false;
    if (entry == ENTRY_NAME) return read_name(reader);
    if (entry == ENTRY_ENTITY) return read_entity(reader);
    if (entry != ENTRY_CELL && entry != ENTRY_HALF) return false;
    if (!visitor->wanted(visitor->context, (*number)++)) visitor = NULL;
    return entry == ENTRY_CELL ? read_cell(reader, visitor) : read_half(reader, visitor);
}

err_t rollup_items(const rollup_head_t *head, slice_t items, shard_t *shard, const rollup_visitor_t *visitor) {
    reader_t reader = {.shard = shard, .in = bytes_of(items)};
    uint64_t number = head->first;
    bool fine = true;
    cell_init(&reader.moved);
    while (fine && bytes_left(&reader.in) > 0 && number <= head->first + head->count)
        fine = read_entry(&reader, visitor, &number);
    mapping_fini(&reader.names);
    mapping_fini(&reader.entities);
    return fine && number == head->first + head->count ? ERR_OK : ERR_MALFORMED;
}
