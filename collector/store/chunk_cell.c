/* The walk over a cell. `parts` are those of the wire form (rollup/cell_codec.c). Sketches come first: they say how
 * many requests and failures there were, for most cells exactly. Bytes are told by their average per request in the
 * cell before. Gauges with one sample, as most have, are one value: a decimal fraction where it is one, else the bits
 * in which it differs from the last. */
#include "collector/store/chunk_cell.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

enum { PART_COUNTS = 1, PART_OK = 2, PART_FAILED = 4, PART_CLIENT = 8, PART_GAUGES = 16, PART_EXEMPLARS = 32 };

/* e^-x and x e^-x / (1 - e^-x), of 65,536, for x = 2^((context - CHUNK_EXPECTED_ONE) / 4): how likely a count that is
 * expected to be x is 0, and is 1 when it is not 0, if it is a Poisson variable. */
static const uint16_t none_of[CHUNK_CONTEXTS] = {
    65472, 65460, 65446, 65428, 65408, 65384, 65355, 65321, 65280, 65232, 65175, 65107, 65026,
    64930, 64816, 64681, 64520, 64329, 64104, 63836, 63520, 63145, 62703, 62181, 61565, 60842,
    59992, 58997, 57835, 56484, 54917, 53111, 51039, 48681, 46019, 43041, 39750, 36162, 32314,
    28267, 24109, 19953, 15933, 12192, 8869,  6075,  3874,  2268,  1200,  563,   229,   79};
static const uint16_t one_of[CHUNK_CONTEXTS] = {
    65488, 65488, 65488, 65482, 65472, 65460, 65446, 65428, 65408, 65384, 65355, 65321, 65280,
    65232, 65175, 65106, 65025, 64929, 64815, 64679, 64517, 64326, 64099, 63829, 63509, 63131,
    62682, 62152, 61525, 60786, 59914, 58889, 57685, 56276, 54632, 52721, 50512, 47972, 45074,
    41798, 38140, 34115, 29770, 25192, 20515, 15925, 11644, 7903,  4891,  2702,  1300,  529};

static void sketch_series_init(chunk_sketch_t *series) {
    enum { PRIOR_WEIGHT = 12 };
    for (int i = 0; i < CHUNK_CONTEXTS; i++) {
        series->unary[i][0] = range_bit(none_of[i], PRIOR_WEIGHT);
        series->unary[i][1] = range_bit(one_of[i], PRIOR_WEIGHT);
    }
    series->scale = SKETCH_SCALE_MAX;
    series->top = -1;
}

chunk_coder_t *chunk_coder_new(chunk_stream_t stream, chunk_stream_t client) {
    chunk_coder_t *coder = memory_new(1, sizeof *coder);
    coder->encoder = stream.encoder;
    coder->decoder = stream.decoder;
    coder->client = client;
    for (int i = 0; i < CHUNK_SKETCHES; i++) sketch_series_init(&coder->sketches[i]);
    coder->gauges = memory_new(CELL_GAUGES_MAX, sizeof *coder->gauges);
    return coder;
}

void chunk_coder_free(chunk_coder_t *coder) {
    free(coder->gauges);
    free(coder);
}

uint64_t chunk_number(chunk_coder_t *coder, chunk_number_t which, uint64_t value) {
    return code_number(coder, &coder->numbers[which], value);
}

static uint64_t near(chunk_coder_t *coder, chunk_number_t which, uint64_t value, uint64_t expected) {
    return code_near(coder, &coder->numbers[which], value, expected);
}

/* --- counts --- */

/* Bytes of the cell before, at this cell's number of requests. */
static uint64_t in_proportion(uint64_t bytes, uint64_t requests, uint64_t requests_before) {
    __extension__ typedef unsigned __int128 wide_t;
    return requests_before == 0 ? 0 : (uint64_t)((wide_t)bytes * requests / requests_before);
}

static void code_failures(chunk_coder_t *coder, cell_t *cell) {
    uint64_t rest = cell->failed.count;
    for (int i = 0; i < FAILURE_CLASSES; i++) {
        if (i == FAILURE_SERVER) continue;
        cell->failures[i] = chunk_number(coder, NUMBER_FAILURES + (chunk_number_t)i, cell->failures[i]);
        rest -= cell->failures[i]; /* modulo 2^64, as near */
    }
    chunk_number_t server = NUMBER_FAILURES + (chunk_number_t)FAILURE_SERVER;
    cell->failures[FAILURE_SERVER] = near(coder, server, cell->failures[FAILURE_SERVER], rest);
}

static void code_counts(chunk_coder_t *coder, cell_t *cell) {
    cell->requests = near(coder, NUMBER_REQUESTS, cell->requests, cell->ok.count + cell->failed.count);
    cell->retries = chunk_number(coder, NUMBER_RETRIES, cell->retries);
    cell->request_bytes = near(coder, NUMBER_REQUEST_BYTES, cell->request_bytes,
                               in_proportion(coder->request_bytes, cell->requests, coder->requests));
    cell->response_bytes = near(coder, NUMBER_RESPONSE_BYTES, cell->response_bytes,
                                in_proportion(coder->response_bytes, cell->requests, coder->requests));
    code_failures(coder, cell);
    coder->requests = cell->requests;
    coder->request_bytes = cell->request_bytes;
    coder->response_bytes = cell->response_bytes;
}

/* --- gauges --- */

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

enum { DECIMALS_MAX = 9, NO_DECIMAL = DECIMALS_MAX + 1 };

static const double powers[DECIMALS_MAX + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

/* The fewest decimals that tell the value exactly, and its digits; NO_DECIMAL when there are too many. */
static unsigned decimals_of(double value, int64_t *digits) {
    for (unsigned decimals = 0; decimals <= DECIMALS_MAX; decimals++) {
        double scaled = value * powers[decimals];
        if (!(fabs(scaled) < 0x1p53)) break;
        int64_t rounded = llround(scaled);
        *digits = rounded;
        if (bits_of((double)rounded / powers[decimals]) == bits_of(value)) return decimals;
    }
    return NO_DECIMAL;
}

static uint64_t code_changed_bits(chunk_coder_t *coder, uint64_t bits, uint64_t before) {
    uint64_t changed = bits ^ before;
    uint64_t leading = changed == 0 ? 64 : (uint64_t)__builtin_clzll(changed);
    leading = chunk_number(coder, NUMBER_LEADING, leading);
    if (leading >= 64) return before;
    uint64_t trailing = changed == 0 ? 0 : (uint64_t)__builtin_ctzll(changed);
    trailing = chunk_number(coder, NUMBER_TRAILING, trailing);
    if (trailing >= 64 - leading) return before;
    return before ^ code_raw(coder, changed >> trailing, (unsigned)(64 - leading - trailing)) << trailing;
}

static double code_value(chunk_coder_t *coder, double value, double before) {
    int64_t digits = 0, digits_before = 0;
    unsigned decimals = coder->encoder != NULL ? decimals_of(value, &digits) : 0;
    decimals = (unsigned)chunk_number(coder, NUMBER_DECIMALS, decimals);
    if (decimals > DECIMALS_MAX) return of_bits(code_changed_bits(coder, bits_of(value), bits_of(before)));
    double scaled = before * powers[decimals];
    if (fabs(scaled) < 0x1p53) digits_before = llround(scaled);
    digits = (int64_t)near(coder, NUMBER_DIGITS, (uint64_t)digits, (uint64_t)digits_before);
    return (double)digits / powers[decimals];
}

/* The gauge of the same signal in the cell before; zeros when there is none. */
static gauge_t gauge_before(const chunk_coder_t *coder, uint32_t signal) {
    for (uint32_t i = 0; i < coder->gauge_count; i++)
        if (coder->gauges[i].signal == signal) return coder->gauges[i];
    return (gauge_t){0};
}

static bool is_single(const gauge_t *gauge) {
    return gauge->count == 1 && bits_of(gauge->min) == bits_of(gauge->last) &&
           bits_of(gauge->max) == bits_of(gauge->last) && gauge->sum == fixed_of(gauge->last);
}

static void code_several(chunk_coder_t *coder, gauge_t *gauge) {
    __extension__ typedef unsigned __int128 bits_t;
    gauge->min = code_value(coder, gauge->min, gauge->last);
    gauge->max = code_value(coder, gauge->max, gauge->last);
    uint64_t low = near(coder, NUMBER_SUM, (uint64_t)gauge->sum, 0);
    uint64_t high = near(coder, NUMBER_SUM, (uint64_t)((bits_t)gauge->sum >> 64), 0);
    gauge->sum = (fixed_t)((bits_t)high << 64 | low);
}

/* `samples` is 0 for a single one that says it all, else their number and one more. */
static bool code_gauge(chunk_coder_t *coder, gauge_t *gauge, int64_t *last_ns) {
    gauge_t before = gauge_before(coder, gauge->signal);
    bool single = coder->encoder != NULL && is_single(gauge);
    uint64_t samples = chunk_number(coder, NUMBER_SAMPLES, single ? 0 : (uint64_t)gauge->count + 1);
    if (samples > (uint64_t)UINT32_MAX + 1) return false;
    gauge->last_ns = *last_ns = (int64_t)near(coder, NUMBER_LAST_NS, (uint64_t)gauge->last_ns, (uint64_t)*last_ns);
    gauge->last = code_value(coder, gauge->last, before.last);
    if (samples > 0) {
        gauge->count = (uint32_t)(samples - 1);
        code_several(coder, gauge);
        return true;
    }
    gauge->count = 1;
    gauge->min = gauge->max = gauge->last;
    gauge->sum = fixed_of(gauge->last);
    return true;
}

static bool code_gauges(chunk_coder_t *coder, int64_t bucket, cell_t *cell) {
    uint64_t count = chunk_number(coder, NUMBER_GAUGES, cell->gauge_count);
    if (count == 0 || count > CELL_GAUGES_MAX) return false;
    if (coder->decoder != NULL) cell->gauges = memory_new(count, sizeof *cell->gauges);
    cell->gauge_count = (uint32_t)count;
    int64_t last_ns = coder->gauge_count > 0 ? coder->gauges[0].last_ns : bucket;
    for (uint32_t i = 0; i < count; i++) {
        gauge_t *gauge = &cell->gauges[i];
        uint64_t below = i == 0 ? 0 : (uint64_t)cell->gauges[i - 1].signal + 1;
        uint64_t signal = below + chunk_number(coder, NUMBER_SIGNAL, gauge->signal - below);
        if (signal < below || signal > UINT32_MAX) return false;
        gauge->signal = (uint32_t)signal;
        if (!code_gauge(coder, gauge, &last_ns)) return false;
    }
    memcpy(coder->gauges, cell->gauges, count * sizeof *cell->gauges);
    coder->gauge_count = (uint32_t)count;
    return true;
}

/* --- exemplars --- */

static void code_bytes(chunk_coder_t *coder, uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)code_raw(coder, bytes[i], 8);
}

static void code_exemplar(chunk_coder_t *coder, exemplar_t *exemplar, uint64_t expected_ns) {
    code_bytes(coder, exemplar->trace_id, sizeof exemplar->trace_id);
    code_bytes(coder, exemplar->span_id, sizeof exemplar->span_id);
    exemplar->duration_ns = near(coder, NUMBER_DURATION, exemplar->duration_ns, expected_ns);
    exemplar->end_ns = code_signed(coder, &coder->numbers[NUMBER_END_NS], exemplar->end_ns);
}

static bool code_exemplars(chunk_coder_t *coder, cell_t *cell) {
    uint64_t counts = code_raw(coder, (uint64_t)cell->slow_count << 2 | cell->bad_count, 4);
    if (counts >> 2 > CELL_EXEMPLARS || (counts & 3) > CELL_EXEMPLARS) return false;
    cell->slow_count = (uint8_t)(counts >> 2);
    cell->bad_count = (uint8_t)(counts & 3);
    for (uint8_t i = 0; i < cell->slow_count; i++) code_exemplar(coder, &cell->slow[i], cell->ok.max_ns);
    for (uint8_t i = 0; i < cell->bad_count; i++) code_exemplar(coder, &cell->bad[i], cell->failed.max_ns);
    if (cell->slow_count == CELL_EXEMPLARS) cell->slow_floor_ns = cell->slow[CELL_EXEMPLARS - 1].duration_ns;
    return true;
}

/* --- a cell --- */

static uint64_t parts_of(const cell_t *cell) {
    uint64_t counts = cell->requests | cell->retries | cell->request_bytes | cell->response_bytes;
    for (int i = 0; i < FAILURE_CLASSES; i++) counts |= cell->failures[i];
    return (counts != 0 ? PART_COUNTS : 0u) | (cell->ok.count > 0 ? PART_OK : 0u) |
           (cell->failed.count > 0 ? PART_FAILED : 0u) | (cell->client.count > 0 ? PART_CLIENT : 0u) |
           (cell->gauge_count > 0 ? PART_GAUGES : 0u) | (cell->slow_count + cell->bad_count > 0 ? PART_EXEMPLARS : 0u);
}

/* The callers' sketch, in its own stream. */
static bool code_client(chunk_coder_t *coder, sketch_t *sketch) {
    chunk_stream_t here = {coder->encoder, coder->decoder};
    if (coder->client.encoder == NULL && coder->client.decoder == NULL) return true; /* not wanted */
    coder->encoder = coder->client.encoder;
    coder->decoder = coder->client.decoder;
    bool fine = chunk_sketch(coder, &coder->sketches[SKETCHES_CLIENT], sketch);
    coder->encoder = here.encoder;
    coder->decoder = here.decoder;
    return fine;
}

bool chunk_cell(chunk_coder_t *coder, int64_t bucket, cell_t *cell) {
    uint64_t parts = chunk_number(coder, NUMBER_PARTS, parts_of(cell));
    if (parts >= PART_EXEMPLARS * 2) return false;
    if ((parts & PART_OK) != 0 && !chunk_sketch(coder, &coder->sketches[SKETCHES_OK], &cell->ok)) return false;
    if ((parts & PART_FAILED) != 0 && !chunk_sketch(coder, &coder->sketches[SKETCHES_FAILED], &cell->failed))
        return false;
    if ((parts & PART_CLIENT) != 0 && !code_client(coder, &cell->client)) return false;
    if ((parts & PART_COUNTS) != 0) code_counts(coder, cell);
    if ((parts & PART_GAUGES) != 0 && !code_gauges(coder, bucket, cell)) return false;
    return (parts & PART_EXEMPLARS) == 0 || code_exemplars(coder, cell);
}
