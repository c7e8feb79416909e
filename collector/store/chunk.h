/* chunk: the cells of one entity over CHUNK_BUCKETS buckets, series-major: one row of the store. Compaction makes them
 * of frames (compaction.h), since neighbours in a series are alike and neighbours in a bucket are not. Canonical: equal
 * cells give equal bytes. chunk.c has the layout. */
#ifndef SEISMESH_STORE_CHUNK_H
#define SEISMESH_STORE_CHUNK_H

#include "base/err.h"
#include "collector/rollup/cell.h"

enum { CHUNK_BUCKETS = 60 };

typedef struct {
    int64_t bucket;
    cell_t cell; /* owned by whoever holds the item */
} chunk_item_t;

/* Items are in ascending order of bucket, at least one, all within CHUNK_BUCKETS of the first. */
void chunk_encode(chunk_item_t *items, uint32_t count, buffer_t *out);

/* Checks magic and checksum without reading the cells. ERR_MALFORMED. */
err_t chunk_check(slice_t bytes);

/* Decodes all cells; chunk_free_items is the caller's. ERR_MALFORMED: nothing was given. CHUNK_WITHOUT_CLIENT leaves
 * their `client` sketches empty where the chunk has them apart, and saves the time that they take; whatever is wrong
 * with those is not seen then. */
typedef enum { CHUNK_WHOLE, CHUNK_WITHOUT_CLIENT } chunk_parts_t;
err_t chunk_decode(slice_t bytes, chunk_parts_t parts, chunk_item_t items[CHUNK_BUCKETS], uint32_t *count);
void chunk_free_items(chunk_item_t *items, uint32_t count);

#endif
