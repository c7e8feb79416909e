/* chunk_cell: one cell of a chunk through the range coder, told apart from the cell before it. One walk serves both
 * ways: with an encoder every step writes the value it is given and returns it, with a decoder it returns what was
 * written. Internal to chunk.c. */
#ifndef SEISMESH_STORE_CHUNK_CELL_H
#define SEISMESH_STORE_CHUNK_CELL_H

#include "base/range_coder.h"
#include "collector/rollup/cell.h"

/* Numbers of a cell, a model each. */
typedef enum {
    NUMBER_GAP,
    NUMBER_PARTS,
    NUMBER_REQUESTS,
    NUMBER_RETRIES,
    NUMBER_REQUEST_BYTES,
    NUMBER_RESPONSE_BYTES,
    NUMBER_FAILURES, /* FAILURE_CLASSES of them */
    NUMBER_GAUGES = NUMBER_FAILURES + FAILURE_CLASSES,
    NUMBER_SIGNAL,
    NUMBER_SAMPLES,
    NUMBER_LAST_NS,
    NUMBER_DECIMALS,
    NUMBER_DIGITS,
    NUMBER_LEADING,
    NUMBER_TRAILING,
    NUMBER_SUM,
    NUMBER_DURATION,
    NUMBER_END_NS,
    NUMBERS
} chunk_number_t;

/* Numbers of a sketch. */
enum {
    SKETCH_COUNT,
    SKETCH_FORM, /* scale below the maximum; as bytes */
    SKETCH_ZEROS,
    SKETCH_OFFSET,
    SKETCH_MIN,
    SKETCH_MAX,
    SKETCH_SUM,
    SKETCH_LARGE, /* a bucket with more than the unary code holds */
    SKETCH_NUMBERS
};

enum { SKETCHES_OK, SKETCHES_FAILED, SKETCHES_CLIENT, CHUNK_SKETCHES };

enum {
    CHUNK_INDICES = 64 << SKETCH_SCALE_MAX, /* of buckets at the finest scale, from -1 */
    CHUNK_CONTEXTS = 52,
    CHUNK_EXPECTED_ONE = 40,
    CHUNK_UNARY = 12, /* see chunk_sketch.c */
    CHUNK_BUSY = 6
};

/* What is known of a series' sketches when the next one comes. */
typedef struct {
    range_number_t numbers[SKETCH_NUMBERS];
    range_bit_t unary[CHUNK_CONTEXTS][CHUNK_UNARY];
    range_number_t busy[CHUNK_BUSY];
    uint32_t history[CHUNK_INDICES + 3]; /* observations so far, by bucket index + 2, at `scale` */
    int scale;
    int32_t top;    /* highest index that is not 0 in `history` */
    uint64_t count; /* of the last sketch */
    int32_t offset; /* of the last sketch, at the finest scale */
} chunk_sketch_t;

/* One of the two is NULL; both where a stream is not to be read. */
typedef struct {
    range_encoder_t *encoder;
    range_decoder_t *decoder;
} chunk_stream_t;

typedef struct {
    range_encoder_t *encoder; /* of the stream at hand */
    range_decoder_t *decoder;
    chunk_stream_t client; /* where the callers' sketches are */
    range_number_t numbers[NUMBERS];
    chunk_sketch_t sketches[CHUNK_SKETCHES];
    uint64_t requests, request_bytes, response_bytes; /* of the cell before */
    gauge_t *gauges;                                  /* of the cell before, as many as CELL_GAUGES_MAX */
    uint32_t gauge_count;
    uint32_t counts[SKETCH_BUCKETS_MAX];
    uint32_t weights[SKETCH_BUCKETS_MAX];
} chunk_coder_t;

/* `client` may be the same as `stream`. */
chunk_coder_t *chunk_coder_new(chunk_stream_t stream, chunk_stream_t client);
void chunk_coder_free(chunk_coder_t *coder);

uint64_t chunk_number(chunk_coder_t *coder, chunk_number_t which, uint64_t value);

/* False when what is read is no cell; whatever `cell` holds then is the caller's to free, as always. */
bool chunk_cell(chunk_coder_t *coder, int64_t bucket, cell_t *cell);

bool chunk_sketch(chunk_coder_t *coder, chunk_sketch_t *series, sketch_t *sketch);

/* Steps of the walk. */
static inline uint64_t code_number(chunk_coder_t *coder, range_number_t *model, uint64_t value) {
    if (coder->decoder != NULL) return range_get_number(coder->decoder, model);
    range_put_number(coder->encoder, model, value);
    return value;
}
static inline int64_t code_signed(chunk_coder_t *coder, range_number_t *model, int64_t value) {
    if (coder->decoder != NULL) return range_get_signed(coder->decoder, model);
    range_put_signed(coder->encoder, model, value);
    return value;
}
static inline uint64_t code_raw(chunk_coder_t *coder, uint64_t value, unsigned bits) {
    if (coder->decoder != NULL) return range_get_raw(coder->decoder, bits);
    range_put_raw(coder->encoder, value, bits);
    return value;
}

/* value = expected + what is coded, modulo 2^64. */
static inline uint64_t code_near(chunk_coder_t *coder, range_number_t *model, uint64_t value, uint64_t expected) {
    return expected + (uint64_t)code_signed(coder, model, (int64_t)(value - expected));
}

#endif
