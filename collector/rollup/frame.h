/* frame: all cells of one time bucket as bytes, time-major: one row of the store. Canonical: equal cells give equal
 * bytes. Layout (little-endian): magic "SMF1", u32 count, then count times { u32 entity id ascending, u32 offset of the
 * cell from the start of the cells, }, then the cells (cell_encode) one behind the other, then u32 CRC32C of all
 * before. The index lets a reader take one entity's cell without decoding the rest. */
#ifndef SEISMESH_ROLLUP_FRAME_H
#define SEISMESH_ROLLUP_FRAME_H

#include "base/err.h"
#include "collector/rollup/shard.h"

void frame_encode(bucket_t *bucket, buffer_t *out); /* sorts the bucket */

/* A frame opened for reading; borrows the bytes. */
typedef struct {
    slice_t index, cells;
    uint32_t count;
} frame_t;

/* ERR_MALFORMED when magic, lengths, order or checksum are wrong. */
err_t frame_open(frame_t *frame, slice_t bytes);
uint32_t frame_entity(const frame_t *frame, uint32_t at);

/* Decodes the cell at position `at` (0..count-1); ERR_MALFORMED when it does not decode. cell_fini is the caller's. */
err_t frame_cell(const frame_t *frame, uint32_t at, cell_t *cell);
/* The same over a cell that is initialised, whose memory is used again. */
err_t frame_cell_over(const frame_t *frame, uint32_t at, cell_t *cell);

/* The bytes of that cell (cell_encode), without looking into them. */
slice_t frame_cell_bytes(const frame_t *frame, uint32_t at);

/* Position of an entity, or UINT32_MAX; and of the first one that is not below. */
uint32_t frame_find_from(const frame_t *frame, uint32_t entity);
uint32_t frame_find(const frame_t *frame, uint32_t entity);

/* Merges frames (any number, any order) into one; ERR_MALFORMED when one of them does not open. */
err_t frame_merge(const slice_t *frames, size_t count, buffer_t *out);

/* Reads a frame's cells back into an open bucket of a shard (recovery). */
err_t frame_load(slice_t bytes, shard_t *shard, int64_t bucket);

#endif
