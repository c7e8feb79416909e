/* Layout (little-endian): magic "SMC2", u32 CRC32C of all that follows, zigzag first bucket, varint number of cells
 * (1 to CHUNK_BUCKETS), varint length of the first of two streams of the range coder (base/range_coder.h), then both.
 * The first has for each cell the distance from the bucket before less one (the first: none), then the cell
 * (chunk_cell.c) but for its `client` sketch; the second has those, one behind the other, which few readers want.
 * "SMC1", written until version 4 of the store, has no length and one stream for all. Models begin anew with each
 * chunk. */
#include "collector/store/chunk.h"

#include "base/crc32c.h"
#include "base/memory.h"
#include "collector/store/chunk_cell.h"

#include <assert.h>
#include <stdlib.h>

enum { HEAD_BYTES = 8 };

static const char magic[4] = {'S', 'M', 'C', '2'}, magic_1[4] = {'S', 'M', 'C', '1'};

static bool any_client(const chunk_item_t *items, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (items[i].cell.client.count > 0) return true;
    return false;
}

/* Both streams, the first behind its length. */
static void put_cells(chunk_item_t *items, uint32_t count, buffer_t *out) {
    buffer_t first = {0}, second = {0};
    range_encoder_t encoder = range_encoder(&first), client = range_encoder(&second);
    chunk_coder_t *coder = chunk_coder_new((chunk_stream_t){&encoder, NULL}, (chunk_stream_t){&client, NULL});
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) (void)chunk_number(coder, NUMBER_GAP, (uint64_t)(items[i].bucket - items[i - 1].bucket - 1));
        (void)chunk_cell(coder, items[i].bucket, &items[i].cell);
    }
    chunk_coder_free(coder);
    range_finish(&encoder);
    if (any_client(items, count)) range_finish(&client);
    buffer_block(out, buffer_slice(&first));
    buffer_append(out, second.data, second.len);
    buffer_fini(&first);
    buffer_fini(&second);
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

/* The bytes behind the checksum; whether they are one stream. */
static err_t open_chunk(slice_t bytes, bytes_t *body, bool *single) {
    bytes_t in = bytes_of(bytes);
    slice_t head, rest;
    uint32_t crc;
    if (!bytes_take(&in, sizeof magic, &head)) return ERR_MALFORMED;
    *single = memcmp(head.data, magic_1, sizeof magic_1) == 0;
    if ((!*single && memcmp(head.data, magic, sizeof magic) != 0) || !bytes_u32(&in, &crc) ||
        !bytes_take(&in, bytes_left(&in), &rest) || crc32c(0, rest.data, rest.len) != crc)
        return ERR_MALFORMED;
    *body = bytes_of(rest);
    return ERR_OK;
}

err_t chunk_check(slice_t bytes) {
    bytes_t body;
    bool single;
    return open_chunk(bytes, &body, &single);
}

static err_t get_cells(chunk_coder_t *coder, int64_t first, uint64_t wanted, chunk_item_t *items, uint32_t *count) {
    int64_t bucket = first;
    for (uint64_t i = 0; i < wanted; i++) {
        uint64_t gap = i == 0 ? 0 : chunk_number(coder, NUMBER_GAP, 0) + 1;
        if (gap > CHUNK_BUCKETS || bucket - first + (int64_t)gap >= CHUNK_BUCKETS) return ERR_MALFORMED;
        bucket += (int64_t)gap;
        items[i].bucket = bucket;
        cell_init(&items[i].cell);
        *count += 1;
        if (!chunk_cell(coder, bucket, &items[i].cell)) return ERR_MALFORMED;
    }
    return ERR_OK;
}

/* The streams' bytes; that of the clients is empty where it is not apart. */
static bool find_streams(bytes_t *body, bool single, slice_t *stream, slice_t *client) {
    if (!single && !bytes_block(body, stream)) return false;
    return bytes_take(body, bytes_left(body), single ? stream : client);
}

err_t chunk_decode(slice_t bytes, chunk_parts_t parts, chunk_item_t items[CHUNK_BUCKETS], uint32_t *count) {
    bytes_t body;
    int64_t first;
    uint64_t wanted;
    slice_t stream, apart = {0};
    bool single;
    *count = 0;
    err_t err = open_chunk(bytes, &body, &single);
    if (err != ERR_OK) return err;
    if (!bytes_zigzag(&body, &first) || first < -(INT64_MAX >> 8) || first > INT64_MAX >> 8 ||
        !bytes_varint(&body, &wanted) || wanted == 0 || wanted > CHUNK_BUCKETS ||
        !find_streams(&body, single, &stream, &apart))
        return ERR_MALFORMED;
    range_decoder_t decoder = range_decoder(stream), client = range_decoder(apart);
    range_decoder_t *clients = single ? &decoder : parts == CHUNK_WITHOUT_CLIENT ? NULL : &client;
    chunk_coder_t *coder = chunk_coder_new((chunk_stream_t){NULL, &decoder}, (chunk_stream_t){NULL, clients});
    err = get_cells(coder, first, wanted, items, count);
    chunk_coder_free(coder);
    bool client_done = clients != &client || (any_client(items, *count) ? range_done(&client) : apart.len == 0);
    if (err == ERR_OK && range_done(&decoder) && client_done) return ERR_OK;
    chunk_free_items(items, *count);
    *count = 0;
    return ERR_MALFORMED;
}

void chunk_free_items(chunk_item_t *items, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) cell_fini(&items[i].cell);
}
