/* A sketch among those of its series. The earlier ones of the chunk, added up, say how a request's latency is spread;
 * of the requests still to be placed, bucket by bucket from the lowest, a bucket can expect the share that it had of
 * all at or above it. That expectation, rounded to quarters of an octave, is the context in which the bucket's count is
 * coded: for small ones a unary code whose decisions begin as a Poisson variable's would and learn from there, for
 * large ones the difference. The last bucket ends the sketch by itself: nothing is left to place. The cost comes within
 * some percent of what the distribution leaves open, 59 bytes where varints take 240 and zstd behind them 93 (two
 * sketches of 89 observations over 490 buckets).
 *
 * Sum, minimum and maximum are told from what the buckets say of them already. A sketch that does not fit the scheme
 * (a full bucket, a scale below 0) is coded as its wire form. */
#include "base/memory.h"
#include "collector/store/chunk_cell.h"

enum { QUARTERS = 4, HISTORY_WEIGHT = 8, TAIL_WEIGHT = 32, INDEX_SHIFT = 2, WHOLE_BYTES_MAX = 1 << 16 };

static const sketch_t no_sketch = {.scale = SKETCH_SCALE_MAX};

/* Position of a value in quarter octaves, by its leading bits. */
static int quarters(uint64_t value) {
    int top = 63 - __builtin_clzll(value);
    int below = (int)((top >= 2 ? value >> (top - 2) : value << (2 - top)) & 3);
    return top * QUARTERS + below;
}

/* --- what the sketches before say --- */

static void history_downscale(chunk_sketch_t *series, int scale) {
    for (; series->scale > scale; series->scale--) {
        for (int i = 1; i <= series->top + INDEX_SHIFT; i++) {
            uint32_t count = series->history[i];
            series->history[i] = 0;
            series->history[((i - INDEX_SHIFT) >> 1) + INDEX_SHIFT] += count;
        }
        series->top >>= 1;
    }
}

static uint32_t weight(const chunk_sketch_t *series, int32_t index, int scale) {
    int shift = scale - series->scale;
    const uint32_t *here = &series->history[(index >> shift) + INDEX_SHIFT];
    uint64_t sum = (uint64_t)here[-1] + 2 * (uint64_t)here[0] + here[1];
    sum = (sum * HISTORY_WEIGHT >> shift) + 1;
    return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

/* Weights of the buckets from `offset` on, as far as there is history: `known` of them; all others have 1. Their sum.
 */
static uint64_t weigh(chunk_coder_t *coder, const chunk_sketch_t *series, int32_t offset, int scale, uint32_t *known) {
    uint64_t total = TAIL_WEIGHT;
    int32_t end = (series->top + 2) * (1 << (scale - series->scale)) - offset;
    *known = end < 0 ? 0 : end > SKETCH_BUCKETS_MAX ? SKETCH_BUCKETS_MAX : (uint32_t)end;
    for (uint32_t i = 0; i < *known; i++) {
        coder->weights[i] = weight(series, offset + (int32_t)i, scale);
        total += coder->weights[i] - 1u;
    }
    return total;
}

static void remember(chunk_sketch_t *series, const sketch_t *sketch) {
    int shift = sketch->scale - series->scale;
    for (uint32_t i = 0; i < sketch->buckets; i++) {
        uint32_t *here = &series->history[((sketch->offset + (int32_t)i) >> shift) + INDEX_SHIFT];
        uint64_t sum = (uint64_t)*here + sketch_at(sketch, i);
        *here = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
    }
    int32_t top = (sketch->offset + (int32_t)sketch->buckets - 1) >> shift;
    if (top > series->top) series->top = top;
}

/* --- buckets: most of the work. `decoder` is a copy of the coder's, for registers to hold; NULL when writing --- */

#define INLINE static inline __attribute__((always_inline))

INLINE bool code_bit(chunk_coder_t *coder, range_decoder_t *decoder, range_bit_t *model, bool bit) {
    if (decoder != NULL) return range_get_bit(decoder, model);
    range_put_bit(coder->encoder, model, bit);
    return bit;
}

/* Around what knows the coder's own decoder only, and comes seldom. */
INLINE void put_back(chunk_coder_t *coder, const range_decoder_t *decoder) {
    if (decoder != NULL) *coder->decoder = *decoder;
}

INLINE void take_again(const chunk_coder_t *coder, range_decoder_t *decoder) {
    if (decoder != NULL) *decoder = *coder->decoder;
}

INLINE uint64_t code_unary(chunk_coder_t *coder, range_decoder_t *decoder, chunk_sketch_t *series, int context,
                           uint64_t count) {
    for (unsigned i = 0; i < CHUNK_UNARY; i++)
        if (!code_bit(coder, decoder, &series->unary[context][i], count > i)) return i;
    put_back(coder, decoder);
    count = CHUNK_UNARY + code_number(coder, &series->numbers[SKETCH_LARGE], count - CHUNK_UNARY);
    take_again(coder, decoder);
    return count;
}

INLINE uint64_t code_bucket(chunk_coder_t *coder, range_decoder_t *decoder, chunk_sketch_t *series, uint64_t count,
                            uint64_t left, uint64_t weight, uint64_t total) {
    int context = quarters(left) + quarters(weight) - quarters(total) + CHUNK_EXPECTED_ONE;
    if (context < 0) context = 0;
    if (context < CHUNK_CONTEXTS) return code_unary(coder, decoder, series, context, count);
    int busy = (context - CHUNK_CONTEXTS) / QUARTERS;
    __extension__ typedef unsigned __int128 wide_t;
    uint64_t expected = (uint64_t)((wide_t)left * weight / total);
    put_back(coder, decoder);
    count = code_near(coder, &series->busy[busy < CHUNK_BUSY ? busy : CHUNK_BUSY - 1], count, expected);
    take_again(coder, decoder);
    return count;
}

/* Buckets from `offset` on into coder->counts (they are there when writing); how many, 0 when that is no sketch. */
INLINE uint32_t code_buckets(chunk_coder_t *coder, range_decoder_t *decoder, chunk_sketch_t *series,
                             const sketch_t *sketch, uint64_t left) {
    uint32_t known, i = 0;
    uint64_t total = weigh(coder, series, sketch->offset, sketch->scale, &known);
    int32_t room = (CHUNK_INDICES >> (SKETCH_SCALE_MAX - sketch->scale)) - 1 - sketch->offset;
    if (room > SKETCH_BUCKETS_MAX) room = SKETCH_BUCKETS_MAX;
    for (; left > 0 && (int32_t)i < room; i++) {
        uint64_t weight = i < known ? coder->weights[i] : 1;
        uint64_t count = code_bucket(coder, decoder, series, coder->counts[i], left, weight, total);
        if (count > left || count > UINT32_MAX) return 0;
        coder->counts[i] = (uint32_t)count;
        left -= count;
        total -= weight - 1;
    }
    return left > 0 || coder->counts[0] == 0 ? 0 : i;
}

static uint32_t put_buckets(chunk_coder_t *coder, chunk_sketch_t *series, const sketch_t *sketch, uint64_t left) {
    return code_buckets(coder, NULL, series, sketch, left);
}

static uint32_t get_buckets(chunk_coder_t *coder, chunk_sketch_t *series, const sketch_t *sketch, uint64_t left) {
    range_decoder_t decoder = *coder->decoder;
    uint32_t buckets = code_buckets(coder, &decoder, series, sketch, left);
    *coder->decoder = decoder;
    return buckets;
}

/* --- what the buckets say of the rest --- */

static uint64_t expected_sum(const sketch_t *sketch) {
    uint64_t sum = 0, low, high = 0;
    uint32_t above = UINT32_MAX; /* the bucket that begins at `high` */
    for (uint32_t i = 0; i < sketch->buckets; i++) {
        uint32_t count = sketch_at(sketch, i);
        if (count == 0) continue;
        low = above == i ? high : sketch_bound_floor(sketch->offset + (int32_t)i, sketch->scale);
        above = i + 1;
        high = sketch_bound_floor(sketch->offset + (int32_t)above, sketch->scale);
        sum += count * (low + (high - low) / 2); /* modulo 2^64, as code_near */
    }
    return sum;
}

/* A value by its 8 leading bits, for values that have no others: position among these. */
static uint64_t place_of(uint64_t value) {
    if (value < 256) return value;
    unsigned shift = 56 - (unsigned)__builtin_clzll(value);
    return (uint64_t)shift * 128 + (value >> shift);
}

static uint64_t value_of(uint64_t place) {
    if (place < 256) return place;
    uint64_t shift = (place - 128) / 128;
    return shift > 56 ? UINT64_MAX : (place - shift * 128) << shift;
}

static bool is_short(uint64_t value) {
    return value_of(place_of(value)) == value;
}

static uint64_t code_edge(chunk_coder_t *coder, range_number_t *model, bool brief, uint64_t value, uint64_t expected) {
    return brief ? value_of(code_near(coder, model, place_of(value), place_of(expected)))
                 : code_near(coder, model, value, expected);
}

static void code_edges(chunk_coder_t *coder, chunk_sketch_t *series, sketch_t *sketch, bool brief) {
    uint64_t low = 0, high = 0;
    if (sketch->buckets > 0) {
        low = sketch->zeros > 0 ? 0 : sketch_bound_floor(sketch->offset, sketch->scale);
        high = sketch_bound_floor(sketch->offset + (int32_t)sketch->buckets, sketch->scale);
    }
    range_number_t *numbers = series->numbers;
    sketch->min_ns = code_edge(coder, &numbers[SKETCH_MIN], brief, sketch->min_ns, low);
    sketch->max_ns = code_edge(coder, &numbers[SKETCH_MAX], brief, sketch->max_ns, high);
    sketch->sum_ns = code_near(coder, &numbers[SKETCH_SUM], sketch->sum_ns, expected_sum(sketch));
}

/* --- a sketch --- */

enum { FORM_WHOLE = 1, FORM_COARSE = 2, FORM_BRIEF = 4, FORM_SCALE = 8 };

/* Nothing but what the scheme can tell: all observations in buckets that are used at both ends. */
static bool fits(const sketch_t *sketch) {
    if (sketch->scale < 0 || sketch->offset < -1 ||
        sketch->offset + (int32_t)sketch->buckets > (CHUNK_INDICES >> (SKETCH_SCALE_MAX - sketch->scale)) - 1)
        return false;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < sketch->buckets; i++) sum += sketch_at(sketch, i);
    if (sketch->buckets > 0 && (sketch_at(sketch, 0) == 0 || sketch_at(sketch, sketch->buckets - 1) == 0)) return false;
    return sum == sketch->count - sketch->zeros;
}

static bool code_whole(chunk_coder_t *coder, chunk_sketch_t *series, sketch_t *sketch) {
    buffer_t bytes = {0};
    if (coder->encoder != NULL) sketch_encode(sketch, &bytes);
    uint64_t len = code_number(coder, &series->numbers[SKETCH_LARGE], bytes.len);
    for (uint64_t i = 0; i < len && i < WHOLE_BYTES_MAX; i++) {
        uint8_t byte = (uint8_t)code_raw(coder, coder->encoder != NULL ? bytes.data[i] : 0, 8);
        if (coder->decoder != NULL) buffer_byte(&bytes, byte);
    }
    bytes_t in = bytes_of(buffer_slice(&bytes));
    bool fine = coder->encoder != NULL || (sketch_decode(sketch, &in) && bytes_done(&in));
    buffer_fini(&bytes);
    return fine;
}

static bool code_distribution(chunk_coder_t *coder, chunk_sketch_t *series, sketch_t *sketch) {
    uint64_t left = sketch->count - sketch->zeros;
    if (left == 0) return true;
    int32_t expected = series->offset >> (SKETCH_SCALE_MAX - sketch->scale);
    history_downscale(series, sketch->scale);
    int64_t offset = expected + code_signed(coder, &series->numbers[SKETCH_OFFSET], (int64_t)sketch->offset - expected);
    if (offset < -1 || offset >= (CHUNK_INDICES >> (SKETCH_SCALE_MAX - sketch->scale)) - 1) return false;
    sketch->offset = (int32_t)offset;
    if (coder->encoder != NULL) sketch_read(sketch, coder->counts);
    uint32_t buckets =
        coder->decoder != NULL ? get_buckets(coder, series, sketch, left) : put_buckets(coder, series, sketch, left);
    if (buckets == 0) return false;
    if (coder->decoder != NULL) sketch_set(sketch, coder->counts, buckets);
    remember(series, sketch);
    return true;
}

bool chunk_sketch(chunk_coder_t *coder, chunk_sketch_t *series, sketch_t *sketch) {
    range_number_t *numbers = series->numbers;
    bool whole = coder->encoder != NULL && !fits(sketch);
    bool brief = is_short(sketch->min_ns) && is_short(sketch->max_ns);
    uint64_t form = (whole ? FORM_WHOLE : 0u) | (sketch->coarse ? FORM_COARSE : 0u) | (brief ? FORM_BRIEF : 0u) |
                    (whole ? 0u : (uint64_t)(SKETCH_SCALE_MAX - sketch->scale) * FORM_SCALE);
    form = code_number(coder, &numbers[SKETCH_FORM], form);
    if (form >= (SKETCH_SCALE_MAX + 1) * FORM_SCALE) return false;
    if ((form & FORM_WHOLE) != 0) return code_whole(coder, series, sketch);
    if (coder->decoder != NULL) *sketch = no_sketch;
    sketch->coarse = (form & FORM_COARSE) != 0;
    sketch->scale = (int8_t)(SKETCH_SCALE_MAX - (int)(form / FORM_SCALE));
    sketch->count = code_near(coder, &numbers[SKETCH_COUNT], sketch->count, series->count);
    sketch->zeros = code_number(coder, &numbers[SKETCH_ZEROS], sketch->zeros);
    if (sketch->count == 0 || sketch->zeros > sketch->count) return false;
    if (!code_distribution(coder, series, sketch)) return false;
    code_edges(coder, series, sketch, (form & FORM_BRIEF) != 0);
    series->count = sketch->count;
    if (sketch->buckets > 0) series->offset = sketch->offset * (1 << (SKETCH_SCALE_MAX - sketch->scale));
    return sketch->min_ns <= sketch->max_ns;
}
