#include "base/range_coder.h"

enum {
    RAW_BITS = 16, /* at once: leaves the range 8 bits */
    FLUSH_BYTES = 4
};

/* 65536 / (n + 1.5): how far the n-th decision moves the probability. */
const uint16_t range_steps[RANGE_LEARNED] = {43691, 26214, 18725, 14564, 11916, 10082, 8738, 7710, 6899, 6242,
                                             5699,  5243,  4855,  4520,  4228,  3972,  3745, 3542, 3361, 3197,
                                             3048,  2913,  2789,  2675,  2570,  2473,  2383, 2300, 2222, 2149};

/* --- writing --- */

range_encoder_t range_encoder(buffer_t *out) {
    return (range_encoder_t){.out = out, .range = UINT32_MAX};
}

/* Gives the top byte of `low` away: at once when no carry can reach it any more, else it is held back. */
static void shift_low(range_encoder_t *encoder) {
    bool carry = encoder->low > UINT32_MAX;
    if ((uint32_t)encoder->low < UINT32_C(0xff000000) || carry) {
        if (encoder->begun) buffer_byte(encoder->out, (uint8_t)(encoder->held + carry));
        for (; encoder->followed > 0; encoder->followed--) buffer_byte(encoder->out, carry ? 0 : 0xff);
        encoder->held = (uint8_t)(encoder->low >> 24);
        encoder->begun = true;
    } else {
        encoder->followed++;
    }
    encoder->low = (encoder->low & UINT32_C(0x00ffffff)) << 8;
}

static void normalise(range_encoder_t *encoder) {
    while (encoder->range < RANGE_MIN) {
        encoder->range <<= 8;
        shift_low(encoder);
    }
}

void range_put_bit(range_encoder_t *encoder, range_bit_t *model, bool bit) {
    uint32_t bound = (encoder->range >> RANGE_PROBABILITY_BITS) * range_zero_of(model);
    if (bit) {
        encoder->low += bound;
        encoder->range -= bound;
    } else {
        encoder->range = bound;
    }
    range_learn(model, bit);
    normalise(encoder);
}

void range_put_raw(range_encoder_t *encoder, uint64_t value, unsigned bits) {
    while (bits > 0) {
        unsigned now = bits > RAW_BITS ? RAW_BITS : bits;
        bits -= now;
        encoder->range >>= now;
        encoder->low += (value >> bits & ((UINT64_C(1) << now) - 1)) * encoder->range;
        normalise(encoder);
    }
}

static unsigned length_of(uint64_t value) {
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

void range_put_number(range_encoder_t *encoder, range_number_t *model, uint64_t value) {
    unsigned length = length_of(value);
    for (unsigned node = 1, level = 7; level-- > 0;) {
        unsigned bit = length >> level & 1;
        range_put_bit(encoder, &model->lengths[node], bit != 0);
        node = node << 1 | bit;
    }
    if (length < 2) return;
    range_bit_t *leads = &model->leads[length * 4];
    unsigned first = value >> (length - 2) & 1;
    range_put_bit(encoder, &leads[0], first != 0);
    if (length < 3) return;
    range_put_bit(encoder, &leads[1 + first], (value >> (length - 3) & 1) != 0);
    range_put_raw(encoder, value, length - 3);
}

void range_put_signed(range_encoder_t *encoder, range_number_t *model, int64_t value) {
    range_put_number(encoder, model, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

void range_finish(range_encoder_t *encoder) {
    for (int i = 0; i < FLUSH_BYTES + 1; i++) shift_low(encoder);
}

/* --- reading --- */

range_decoder_t range_decoder(slice_t bytes) {
    range_decoder_t decoder = {.bytes = bytes, .range = UINT32_MAX};
    for (int i = 0; i < FLUSH_BYTES; i++) decoder.code = decoder.code << 8 | range_next_byte(&decoder);
    return decoder;
}

uint64_t range_get_raw(range_decoder_t *decoder, unsigned bits) {
    uint64_t value = 0;
    while (bits > 0) {
        unsigned now = bits > RAW_BITS ? RAW_BITS : bits;
        bits -= now;
        decoder->range >>= now;
        uint32_t part = decoder->code / decoder->range;
        if (part >> now != 0) part = (1u << now) - 1; /* no encoder writes that */
        decoder->code -= part * decoder->range;
        value = value << now | part;
        range_refill(decoder);
    }
    return value;
}

uint64_t range_get_number(range_decoder_t *decoder, range_number_t *model) {
    unsigned length = 1;
    for (unsigned level = 7; level-- > 0;) length = length << 1 | range_get_bit(decoder, &model->lengths[length]);
    length -= RANGE_LENGTHS;
    if (length > 64) {
        decoder->missing++; /* no encoder writes that */
        return 0;
    }
    if (length < 2) return length;
    range_bit_t *leads = &model->leads[length * 4];
    unsigned first = range_get_bit(decoder, &leads[0]);
    if (length < 3) return 2u | first;
    uint64_t value = 4u | first << 1 | range_get_bit(decoder, &leads[1 + first]);
    return value << (length - 3) | range_get_raw(decoder, length - 3);
}

int64_t range_get_signed(range_decoder_t *decoder, range_number_t *model) {
    uint64_t raw = range_get_number(decoder, model);
    return (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
}

bool range_done(const range_decoder_t *decoder) {
    return decoder->missing == 0 && decoder->at == decoder->bytes.len;
}
