/* Layout (little-endian): magic "SMC1", u32 CRC32C of all that follows, zigzag first bucket, varint number of cells
 * (1 to CHUNK_BUCKETS), then one stream of the range coder (base/range_coder.h): for each cell the distance from the
 * bucket before less one (the first: none), then the cell (chunk_cell.c). Models begin anew with each chunk. */
#include "collector/store/chunk.h"

#include "base/crc32c.h"
#include "base/memory.h"
#include "collector/store/chunk_cell.h"

#include <assert.h>
#include <stdlib.h>

enum { HEAD_BYTES = 8 };

static const char magic[4] = {'S', 'M', 'C', '1'};

static void put_cells(chunk_item_t *items, uint32_t count, buffer_t *out) {
    range_encoder_t encoder = range_encoder(out);
    chunk_coder_t *coder = chunk_coder_new(&encoder, NULL);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) (void)chunk_number(coder, NUMBER_GAP, (uint64_t)(items[i].bucket - items[i - 1].bucket - 1));
        (void)chunk_cell(coder, items[i].bucket, &items[i].cell);
    }
    chunk_coder_free(coder);
    range_finish(&encoder);
}

void chunk_encode(chunk_item_t *items, uint32_t count, buffer_t *out) {
    assert(count > 0 && items[count - 1].bucket - items[0].bucket < CHUNK_BUCKETS);
    size_t start = out->len;
    buffer_append(out, magic, sizeof magic);
    buffer_u32(out, 0);
    buffer_zigzag(out, items[0].bucket);
    buffer_varint(out, count);
    put_cells(items, count, out);
    uint32_t crc = crc32c(0, out->data + start + HEAD_BYTES, out->len - start - HEAD_BYTES);
    memcpy(out->data + start + sizeof magic, &crc, sizeof crc);
}

/* The bytes behind the checksum. */
static err_t open_chunk(slice_t bytes, bytes_t *body) {
    bytes_t in = bytes_of(bytes);
    slice_t head, rest;
    uint32_t crc;
    if (!bytes_take(&in, sizeof magic, &head) || memcmp(head.data, magic, sizeof magic) != 0 || !bytes_u32(&in, &crc) ||
        !bytes_take(&in, bytes_left(&in), &rest) || crc32c(0, rest.data, rest.len) != crc)
        return ERR_MALFORMED;
    *body = bytes_of(rest);
    return ERR_OK;
}

err_t chunk_check(slice_t bytes) {
    bytes_t body;
    return open_chunk(bytes, &body);
}

static err_t get_cells(range_decoder_t *decoder, int64_t first, uint64_t wanted, chunk_item_t *items, uint32_t *count) {
    chunk_coder_t *coder = chunk_coder_new(NULL, decoder);
    int64_t bucket = first;
    err_t err = ERR_OK;
    for (uint64_t i = 0; i < wanted && err == ERR_OK; i++) {
        uint64_t gap = i == 0 ? 0 : chunk_number(coder, NUMBER_GAP, 0) + 1;
        if (gap > CHUNK_BUCKETS || bucket - first + (int64_t)gap >= CHUNK_BUCKETS) {
            err = ERR_MALFORMED;
            break;
        }
        bucket += (int64_t)gap;
        items[i].bucket = bucket;
        cell_init(&items[i].cell);
        *count += 1;
        if (!chunk_cell(coder, bucket, &items[i].cell)) err = ERR_MALFORMED;
    }
    chunk_coder_free(coder);
    return err;
}

err_t chunk_decode(slice_t bytes, chunk_item_t items[CHUNK_BUCKETS], uint32_t *count) {
    bytes_t body;
    int64_t first;
    uint64_t wanted;
    slice_t stream;
    *count = 0;
    err_t err = open_chunk(bytes, &body);
    if (err != ERR_OK) return err;
    if (!bytes_zigzag(&body, &first) || first < -(INT64_MAX >> 8) || first > INT64_MAX >> 8 ||
        !bytes_varint(&body, &wanted) || wanted == 0 || wanted > CHUNK_BUCKETS ||
        !bytes_take(&body, bytes_left(&body), &stream))
        return ERR_MALFORMED;
    range_decoder_t decoder = range_decoder(stream);
    err = get_cells(&decoder, first, wanted, items, count);
    if (err == ERR_OK && !range_done(&decoder)) err = ERR_MALFORMED;
    if (err == ERR_OK) return ERR_OK;
    chunk_free_items(items, *count);
    *count = 0;
    return err;
}

void chunk_free_items(chunk_item_t *items, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) cell_fini(&items[i].cell);
}
