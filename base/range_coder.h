/* range_coder: numbers as few bits as their probabilities allow. A binary range coder (G. N. N. Martin 1979; carries as
 * in LZMA) over probabilities that learn from what was coded before. Encoder and decoder walk the same path with the
 * same models: whatever is written by range_put_… is read by the matching range_get_… in the same order.
 *
 *     range_encoder_t encoder = range_encoder(&buffer);       range_decoder_t decoder = range_decoder(bytes);
 *     range_put_number(&encoder, &model, value);              value = range_get_number(&decoder, &model);
 *     range_finish(&encoder);                                 if (!range_done(&decoder)) return ERR_MALFORMED;
 *
 * All arithmetic is on integers, so the same values give the same bytes on every machine. */
#ifndef SEISMESH_BASE_RANGE_CODER_H
#define SEISMESH_BASE_RANGE_CODER_H

#include "base/buffer.h"

typedef struct {
    buffer_t *out;
    uint64_t low;
    uint32_t range;
    uint8_t held;      /* the byte that a carry may still change */
    uint64_t followed; /* by so many 0xff */
    bool begun;
} range_encoder_t;

typedef struct {
    slice_t bytes;
    size_t at, missing; /* bytes asked for behind the end */
    uint32_t range, code;
} range_decoder_t;

/* Probability of a 0, learned: quickly at first, then an average over some 30 to 60 decisions. A zeroed one knows
 * nothing: both outcomes are equally likely. All models are of these, so a zeroed model is a new one. */
typedef struct {
    uint16_t more; /* of 65,536: how much more likely than 1/2 a 0 is, modulo 65,536 */
    uint16_t seen;
} range_bit_t;

/* One that begins with a probability of `zero` of 65,536 (48 to 65,488), as if learned from `seen` decisions. */
static inline range_bit_t range_bit(uint16_t zero, uint16_t seen) {
    return (range_bit_t){(uint16_t)(zero - 0x8000), seen};
}

enum { RANGE_LENGTHS = 128, RANGE_LEADS = 65 * 4 };

/* A number of up to 64 bits: its length in bits by a tree of decisions, the two bits behind its leading one by their
 * own, the rest as they are. */
typedef struct {
    range_bit_t lengths[RANGE_LENGTHS], leads[RANGE_LEADS];
} range_number_t;

range_encoder_t range_encoder(buffer_t *out); /* appends to the buffer */
void range_put_bit(range_encoder_t *encoder, range_bit_t *model, bool bit);
void range_put_raw(range_encoder_t *encoder, uint64_t value, unsigned bits); /* the lowest `bits`, up to 64 */
void range_put_number(range_encoder_t *encoder, range_number_t *model, uint64_t value);
void range_put_signed(range_encoder_t *encoder, range_number_t *model, int64_t value);
void range_finish(range_encoder_t *encoder);

/* Reading behind the end gives zeros, and range_done is false then. */
range_decoder_t range_decoder(slice_t bytes);
static inline bool range_get_bit(range_decoder_t *decoder, range_bit_t *model);
uint64_t range_get_raw(range_decoder_t *decoder, unsigned bits);
uint64_t range_get_number(range_decoder_t *decoder, range_number_t *model);
int64_t range_get_signed(range_decoder_t *decoder, range_number_t *model);
bool range_done(const range_decoder_t *decoder); /* all bytes were needed, and none more */

/* --- inline: reading a chunk is mostly this --- */

enum {
    RANGE_PROBABILITY_BITS = 16,
    RANGE_PROBABILITY_MIN = 48, /* keeps both outcomes possible */
    RANGE_LEARNED = 30,         /* so many decisions are averaged evenly, then older ones fade */
    RANGE_MIN = 1 << 24
};

extern const uint16_t range_steps[RANGE_LEARNED];

static inline uint32_t range_zero_of(const range_bit_t *model) {
    return model->more ^ 0x8000u; /* adds 1/2, modulo 65,536 */
}

static inline void range_learn(range_bit_t *model, bool bit) {
    int32_t step = range_steps[model->seen < RANGE_LEARNED ? model->seen : RANGE_LEARNED - 1];
    if (model->seen < RANGE_LEARNED) model->seen++;
    int32_t target = bit ? RANGE_PROBABILITY_MIN : (1 << RANGE_PROBABILITY_BITS) - RANGE_PROBABILITY_MIN;
    int32_t zero = (int32_t)range_zero_of(model);
    zero += (int32_t)((int64_t)(target - zero) * step / (1 << RANGE_PROBABILITY_BITS));
    model->more = (uint16_t)(zero - 0x8000);
}

static inline uint8_t range_next_byte(range_decoder_t *decoder) {
    if (decoder->at < decoder->bytes.len) return decoder->bytes.data[decoder->at++];
    decoder->missing++;
    return 0;
}

static inline void range_refill(range_decoder_t *decoder) {
    while (decoder->range < RANGE_MIN) {
        decoder->range <<= 8;
        decoder->code = decoder->code << 8 | range_next_byte(decoder);
    }
}

static inline bool range_get_bit(range_decoder_t *decoder, range_bit_t *model) {
    uint32_t bound = (decoder->range >> RANGE_PROBABILITY_BITS) * range_zero_of(model);
    bool bit = decoder->code >= bound;
    if (bit) {
        decoder->code -= bound;
        decoder->range -= bound;
    } else {
        decoder->range = bound;
    }
    range_learn(model, bit);
    range_refill(decoder);
    return bit;
}

#endif
