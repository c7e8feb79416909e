/* A piece: "SMS", u8 version (1), block topic, varint partition, varint next, varint piece, varint pieces, then bytes
 * of the state, which as a whole is one zstd frame. */
#include "collector/cluster/cluster_log.h"
#include "collector/cluster/rollup_log.h"

enum { PIECE_VERSION = 1, PIECES_MAX = 1 << 16 };

static const char magic[3] = {'S', 'M', 'S'};

void state_piece_write(const state_piece_t *piece, buffer_t *out) {
    buffer_append(out, magic, sizeof magic);
    buffer_byte(out, PIECE_VERSION);
    buffer_block(out, piece->topic);
    buffer_varint(out, (uint64_t)piece->partition);
    buffer_varint(out, piece->next);
    buffer_varint(out, piece->piece);
    buffer_varint(out, piece->pieces);
    buffer_append(out, piece->bytes.data, piece->bytes.len);
}

err_t state_piece_read(slice_t message, state_piece_t *piece) {
    bytes_t in = bytes_of(message);
    slice_t mark;
    uint8_t version;
    uint64_t partition, number, count;
    if (!bytes_take(&in, sizeof magic, &mark) || memcmp(mark.data, magic, sizeof magic) != 0) return ERR_MALFORMED;
    if (!bytes_byte(&in, &version)) return ERR_MALFORMED;
    if (version != PIECE_VERSION) return ERR_FOREIGN;
    if (!bytes_block(&in, &piece->topic) || piece->topic.len > ROLLUP_TOPIC_BYTES_MAX ||
        !bytes_varint(&in, &partition) || partition > INT32_MAX || !bytes_varint(&in, &piece->next) ||
        !bytes_varint(&in, &number) || !bytes_varint(&in, &count) || count > PIECES_MAX || number >= count)
        return ERR_MALFORMED;
    piece->partition = (int32_t)partition;
    piece->piece = (uint32_t)number;
    piece->pieces = (uint32_t)count;
    piece->bytes = slice_of(in.at, bytes_left(&in));
    return ERR_OK;
}
