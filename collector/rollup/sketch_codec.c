#include "collector/rollup/sketch_counts.h"

void sketch_encode(const sketch_t *sketch, buffer_t *out) {
    buffer_byte(out, sketch->coarse ? 1 : 0);
    buffer_zigzag(out, sketch->scale);
    buffer_varint(out, sketch->count);
    if (sketch->count == 0) return;
    buffer_varint(out, sketch->zeros);
    buffer_varint(out, sketch->sum_ns);
    buffer_varint(out, sketch->min_ns);
    buffer_varint(out, sketch->max_ns - sketch->min_ns);
    buffer_zigzag(out, sketch->offset);
    buffer_varint(out, sketch->buckets);
    uint32_t counts[SKETCH_BUCKETS_MAX];
    sketch_read(sketch, counts);
    for (uint32_t i = 0; i < sketch->buckets;) {
        uint32_t skip = i, end;
        while (skip < sketch->buckets && counts[skip] == 0) skip++;
        for (end = skip; end < sketch->buckets && counts[end] != 0;) end++;
        buffer_varint(out, skip - i);
        buffer_varint(out, end - skip);
        for (i = skip; i < end; i++) buffer_varint(out, counts[i]);
    }
}

static const uint64_t ones = UINT64_C(0x0101010101010101), highest = UINT64_C(0x8080808080808080);

enum { EIGHT = 8, SHORT_RUN = 6 };

/* Eight counts out of the bytes of a word, lowest first: zeros put between the bytes, then between the pairs. */
static void spread(uint64_t word, uint8_t *counts) {
    typedef uint8_t bytes_16_t __attribute__((vector_size(16)));
    typedef uint16_t pairs_8_t __attribute__((vector_size(16)));
    typedef uint64_t words_2_t __attribute__((vector_size(16)));
    const bytes_16_t none = {0}, bytes = (bytes_16_t)(words_2_t){word, 0};
    const pairs_8_t no_pairs = {0};
    pairs_8_t wide =
        (pairs_8_t)__builtin_shufflevector(bytes, none, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    pairs_8_t low = __builtin_shufflevector(wide, no_pairs, 0, 8, 1, 9, 2, 10, 3, 11);
    pairs_8_t high = __builtin_shufflevector(wide, no_pairs, 4, 12, 5, 13, 6, 14, 7, 15);
    memcpy(counts, &low, sizeof low);
    memcpy(counts + sizeof low, &high, sizeof high);
}

/* Puts eight counts out of the bytes of a word, each at most 127, into a sketch whose counts are bytes or words; their
 * sum. */
static uint64_t put_eight(sketch_t *sketch, uint64_t at, uint64_t word) {
    uint8_t *place = sketch_place(sketch, (uint32_t)at);
    if (sketch->width == COUNT_BYTE)
        memcpy(place, &word, sizeof word);
    else
        spread(word, place);
    const uint64_t pairs = UINT64_C(0x00ff00ff00ff00ff);
    return (((word & pairs) + (word >> 8 & pairs)) * UINT64_C(0x0001000100010001)) >> 48;
}

/* Some empty buckets and a short run of small counts behind them, as in a sketch's tails, with no branch that depends
 * on how many. What is written behind the run is 0. False says only that it looks otherwise, and reads nothing. */
static bool decode_short_run(sketch_t *sketch, uint64_t *at, bytes_t *in, uint64_t *total) {
    uint64_t word;
    if (!bytes_peek_u64(in, &word)) return false;
    uint64_t skip = word & 0xff, run = word >> 8 & 0xff;
    if (run - 1 >= SHORT_RUN || *at + skip + EIGHT > sketch->buckets) return false;
    uint64_t mask = (UINT64_C(1) << (8 * run)) - 1, counts = word >> 16 & mask;
    bool large = (word & highest & (mask << 16 | 0xffff)) != 0;
    bool zero = (((counts | (ones & ~mask)) - ones) & highest) != 0;
    if (large || zero) return false;
    *total += put_eight(sketch, *at + skip, counts);
    *at += skip + run;
    bytes_peeked(in, 2 + run);
    return true;
}

/* The counts of a run that are small, eight at a time; how many were read. */
static uint64_t decode_small(sketch_t *sketch, uint64_t at, uint64_t run, bytes_t *in, uint64_t *total) {
    uint64_t read = 0, word;
    for (; run - read >= EIGHT && bytes_peek_u64(in, &word); read += EIGHT) {
        if ((word & highest) != 0 || ((word - ones) & highest) != 0) break; /* one is large, or 0 */
        *total += put_eight(sketch, at + read, word);
        bytes_peeked(in, EIGHT);
    }
    return read;
}

static bool decode_run(sketch_t *sketch, uint64_t *at, bytes_t *in, uint64_t *total) {
    uint64_t skip, run, count;
    if (!bytes_varint(in, &skip) || !bytes_varint(in, &run)) return false;
    if (skip > sketch->buckets - *at || run > sketch->buckets - *at - skip || run == 0) return false;
    *at += skip;
    uint64_t small = decode_small(sketch, *at, run, in, total);
    for (*at += small, run -= small; run > 0; run--, ++*at) {
        if (!bytes_varint(in, &count) || count == 0 || count > UINT32_MAX) return false;
        *total += count; /* at most SKETCH_BUCKETS_MAX of 32 bits */
        if (count > sketch_most(sketch)) counts_widen(sketch, COUNT_WORD);
        counts_put(sketch, (uint32_t)*at, (uint32_t)count);
    }
    return true;
}

static bool decode_buckets(sketch_t *sketch, bytes_t *in, uint64_t expected) {
    uint64_t total = 0, at = 0;
    bytes_t here = *in; /* in registers */
    while (at < sketch->buckets)
        if (!decode_short_run(sketch, &at, &here, &total) && !decode_run(sketch, &at, &here, &total)) return false;
    *in = here;
    return total <= expected; /* less only where a full bucket stopped */
}

static bool decode_rest(sketch_t *sketch, bytes_t *in) {
    uint64_t span, buckets;
    int64_t offset;
    if (!bytes_varint(in, &sketch->zeros) || !bytes_varint(in, &sketch->sum_ns) || !bytes_varint(in, &sketch->min_ns) ||
        !bytes_varint(in, &span) || !bytes_zigzag(in, &offset) || !bytes_varint(in, &buckets))
        return false;
    if (sketch->zeros > sketch->count || __builtin_add_overflow(sketch->min_ns, span, &sketch->max_ns)) return false;
    if (offset < -8192 || offset > 8192 || buckets > SKETCH_BUCKETS_MAX) return false;
    sketch->offset = (int32_t)offset;
    sketch->buckets = (uint32_t)buckets;
    counts_make_room(sketch, sketch->buckets);
    if (sketch->buckets > 0) memset(sketch->counts, 0, sketch->buckets);
    return decode_buckets(sketch, in, sketch->count - sketch->zeros);
}

bool sketch_decode(sketch_t *sketch, bytes_t *in) {
    sketch_clear(sketch);
    uint8_t flags;
    int64_t scale;
    if (!bytes_byte(in, &flags) || flags > 1 || !bytes_zigzag(in, &scale) || scale < SKETCH_SCALE_MIN ||
        scale > SKETCH_SCALE_MAX || !bytes_varint(in, &sketch->count)) {
        sketch_fini(sketch);
        return bytes_fail(in);
    }
    sketch->coarse = flags == 1;
    sketch->scale = (int8_t)scale;
    if (sketch->count == 0 || decode_rest(sketch, in)) return true;
    sketch_fini(sketch);
    return bytes_fail(in);
}
