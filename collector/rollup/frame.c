#include "collector/rollup/frame.h"

#include "base/crc32c.h"
#include "base/memory.h"

#include <stdlib.h>

enum { FRAME_MAGIC_BYTES = 4, FRAME_HEAD_BYTES = 8, FRAME_ROW_BYTES = 8, FRAME_CRC_BYTES = 4 };

static const char magic[FRAME_MAGIC_BYTES] = {'S', 'M', 'F', '1'};

static uint32_t u32_at(slice_t bytes, size_t at) {
    bytes_t in = bytes_of(slice_of(bytes.data + at, 4));
    uint32_t value = 0;
    (void)bytes_u32(&in, &value);
    return value;
}

static void encode(const uint32_t *entities, cell_t *const *cells, uint32_t count, buffer_t *out) {
    size_t start = out->len;
    buffer_t body = {0};
    buffer_append(out, magic, sizeof magic);
    buffer_u32(out, count);
    for (uint32_t i = 0; i < count; i++) {
        buffer_u32(out, entities[i]);
        buffer_u32(out, (uint32_t)body.len);
        cell_encode(cells[i], &body);
    }
    buffer_append(out, body.data, body.len);
    buffer_fini(&body);
    buffer_u32(out, crc32c(0, out->data + start, out->len - start));
}

void frame_encode(bucket_t *bucket, buffer_t *out) {
    shard_sort(bucket);
    encode(bucket->entities, bucket->cells, bucket->count, out);
}

err_t frame_open(frame_t *frame, slice_t bytes) {
    *frame = (frame_t){0};
    if (bytes.len < FRAME_HEAD_BYTES + FRAME_CRC_BYTES || memcmp(bytes.data, magic, sizeof magic) != 0)
        return ERR_MALFORMED;
    size_t body = bytes.len - FRAME_CRC_BYTES;
    if (crc32c(0, bytes.data, body) != u32_at(bytes, body)) return ERR_MALFORMED;
    uint32_t count = u32_at(bytes, 4);
    if (count > (body - FRAME_HEAD_BYTES) / FRAME_ROW_BYTES) return ERR_MALFORMED;
    size_t index = (size_t)count * FRAME_ROW_BYTES;
    frame->index = slice_of(bytes.data + FRAME_HEAD_BYTES, index);
    frame->cells = slice_of(bytes.data + FRAME_HEAD_BYTES + index, body - FRAME_HEAD_BYTES - index);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t offset = u32_at(frame->index, (size_t)i * FRAME_ROW_BYTES + 4);
        bool ascending = i == 0 || u32_at(frame->index, (size_t)(i - 1) * FRAME_ROW_BYTES) <
                                       u32_at(frame->index, (size_t)i * FRAME_ROW_BYTES);
        if (!ascending || offset >= frame->cells.len) return ERR_MALFORMED;
    }
    frame->count = count;
    return ERR_OK;
}

uint32_t frame_entity(const frame_t *frame, uint32_t at) {
    return u32_at(frame->index, (size_t)at * FRAME_ROW_BYTES);
}

err_t frame_cell(const frame_t *frame, uint32_t at, cell_t *cell) {
    cell_init(cell);
    return frame_cell_over(frame, at, cell);
}

err_t frame_cell_over(const frame_t *frame, uint32_t at, cell_t *cell) {
    uint32_t offset = u32_at(frame->index, (size_t)at * FRAME_ROW_BYTES + 4);
    bytes_t in = bytes_of(slice_of(frame->cells.data + offset, frame->cells.len - offset));
    return cell_decode_over(cell, &in) ? ERR_OK : ERR_MALFORMED;
}

slice_t frame_cell_bytes(const frame_t *frame, uint32_t at) {
    size_t offset = u32_at(frame->index, (size_t)at * FRAME_ROW_BYTES + 4), end = frame->cells.len;
    if (at + 1 < frame->count) end = u32_at(frame->index, ((size_t)at + 1) * FRAME_ROW_BYTES + 4);
    return slice_of(frame->cells.data + offset, end > offset ? end - offset : 0); /* whatever the index claims */
}

uint32_t frame_find_from(const frame_t *frame, uint32_t entity) {
    uint32_t low = 0, high = frame->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (frame_entity(frame, middle) < entity)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t frame_find(const frame_t *frame, uint32_t entity) {
    uint32_t at = frame_find_from(frame, entity);
    return at < frame->count && frame_entity(frame, at) == entity ? at : UINT32_MAX;
}

/* Adds all cells of one frame to `into`, a bucket of a scratch shard that knows no names. */
static err_t add_frame(slice_t bytes, shard_t *shard, int64_t bucket) {
    frame_t frame;
    cell_t cell;
    cell_init(&cell);
    err_t err = frame_open(&frame, bytes);
    for (uint32_t i = 0; err == ERR_OK && i < frame.count; i++) {
        err = frame_cell_over(&frame, i, &cell);
        if (err != ERR_OK) break;
        uint32_t entity = frame_entity(&frame, i);
        if (entity == 0 || entity >= shard->entity_count)
            err = ERR_MALFORMED;
        else
            cell_merge(shard_cell(shard, entity, bucket), &cell);
    }
    cell_fini(&cell);
    return err;
}

err_t frame_load(slice_t bytes, shard_t *shard, int64_t bucket) {
    err_t err = add_frame(bytes, shard, bucket);
    bucket_t *loaded = shard_bucket(shard, bucket);
    if (loaded != NULL) loaded->dirty = false;
    return err;
}

typedef struct {
    frame_t frame;
    uint32_t at;
} cursor_t;

/* The lowest entity id that any cursor stands at, UINT32_MAX at the end of all. */
static uint32_t lowest(const cursor_t *cursors, size_t count) {
    uint32_t entity = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        if (cursors[i].at == cursors[i].frame.count) continue;
        uint32_t here = frame_entity(&cursors[i].frame, cursors[i].at);
        if (here < entity) entity = here;
    }
    return entity;
}

static err_t merge_entity(cursor_t *cursors, size_t count, uint32_t entity, cell_t *into) {
    for (size_t i = 0; i < count; i++) {
        cursor_t *cursor = &cursors[i];
        if (cursor->at == cursor->frame.count || frame_entity(&cursor->frame, cursor->at) != entity) continue;
        cell_t cell;
        err_t err = frame_cell(&cursor->frame, cursor->at++, &cell);
        if (err != ERR_OK) return err;
        cell_merge(into, &cell);
        cell_fini(&cell);
    }
    return ERR_OK;
}

err_t frame_merge(const slice_t *frames, size_t count, buffer_t *out) {
    cursor_t *cursors = memory_new(count == 0 ? 1 : count, sizeof *cursors);
    uint32_t rows = 0;
    err_t err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        err = frame_open(&cursors[i].frame, frames[i]);
        rows += cursors[i].frame.count;
    }
    uint32_t *entities = memory_new(rows + 1u, sizeof *entities);
    cell_t **cells = memory_new(rows + 1u, sizeof(cell_t *));
    uint32_t used = 0;
    for (uint32_t entity; err == ERR_OK && (entity = lowest(cursors, count)) != UINT32_MAX;) {
        entities[used] = entity;
        cells[used] = cell_new();
        err = merge_entity(cursors, count, entity, cells[used++]);
    }
    if (err == ERR_OK) encode(entities, cells, used, out);
    for (uint32_t i = 0; i < used; i++) cell_free(cells[i]);
    free(cells);
    free(entities);
    free(cursors);
    return err;
}
