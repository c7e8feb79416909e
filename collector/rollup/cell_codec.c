/* Wire form of a cell, canonical: u8 parts (bit per part that is present), then the parts in order:
 *   bit 0  counts: varint requests, retries, request bytes, response bytes, then FAILURE_CLASSES varints
 *   bit 1  sketch ok     bit 2  sketch failed     bit 3  sketch client
 *   bit 4  gauges: varint n, then n times { varint signal delta, varint count, f64 min, max, last, zigzag last_ns,
 *          u64 low and u64 high half of the fixed-point sum }
 *   bit 5  exemplars: u8 slow, u8 bad, then each { 16 + 8 bytes ids, varint duration_ns, zigzag end_ns } */
#include "base/memory.h"
#include "collector/rollup/cell.h"

enum { PART_COUNTS = 1, PART_OK = 2, PART_FAILED = 4, PART_CLIENT = 8, PART_GAUGES = 16, PART_EXEMPLARS = 32 };

static void encode_counts(const cell_t *cell, buffer_t *out) {
    buffer_varint(out, cell->requests);
    buffer_varint(out, cell->retries);
    buffer_varint(out, cell->request_bytes);
    buffer_varint(out, cell->response_bytes);
    for (int i = 0; i < FAILURE_CLASSES; i++) buffer_varint(out, cell->failures[i]);
}

static bool has_counts(const cell_t *cell) {
    uint64_t any = cell->requests | cell->retries | cell->request_bytes | cell->response_bytes;
    for (int i = 0; i < FAILURE_CLASSES; i++) any |= cell->failures[i];
    return any != 0;
}

static void encode_gauges(const cell_t *cell, buffer_t *out) {
    buffer_varint(out, cell->gauge_count);
    uint32_t before = 0;
    for (uint32_t i = 0; i < cell->gauge_count; i++) {
        const gauge_t *gauge = &cell->gauges[i];
        buffer_varint(out, gauge->signal - before);
        before = gauge->signal;
        buffer_varint(out, gauge->count);
        buffer_f64(out, gauge->min);
        buffer_f64(out, gauge->max);
        buffer_f64(out, gauge->last);
        buffer_zigzag(out, gauge->last_ns);
        buffer_u64(out, (uint64_t)gauge->sum);
        buffer_u64(out, (uint64_t)(gauge->sum >> 64));
    }
}

static void encode_exemplar(const exemplar_t *exemplar, buffer_t *out) {
    buffer_append(out, exemplar->trace_id, sizeof exemplar->trace_id);
    buffer_append(out, exemplar->span_id, sizeof exemplar->span_id);
    buffer_varint(out, exemplar->duration_ns);
    buffer_zigzag(out, exemplar->end_ns);
}

static void encode_exemplars(const cell_t *cell, buffer_t *out) {
    buffer_byte(out, cell->slow_count);
    buffer_byte(out, cell->bad_count);
    for (uint8_t i = 0; i < cell->slow_count; i++) encode_exemplar(&cell->slow[i], out);
    for (uint8_t i = 0; i < cell->bad_count; i++) encode_exemplar(&cell->bad[i], out);
}

static bool used(const sketch_t *sketch) {
    return sketch->count > 0;
}

void cell_encode(const cell_t *cell, buffer_t *out) {
    unsigned parts = (has_counts(cell) ? PART_COUNTS : 0u) | (used(&cell->ok) ? PART_OK : 0u) |
                     (used(&cell->failed) ? PART_FAILED : 0u) | (used(&cell->client) ? PART_CLIENT : 0u) |
                     (cell->gauge_count > 0 ? PART_GAUGES : 0u) |
                     (cell->slow_count + cell->bad_count > 0 ? PART_EXEMPLARS : 0u);
    buffer_byte(out, (uint8_t)parts);
    if (parts & PART_COUNTS) encode_counts(cell, out);
    if (parts & PART_OK) sketch_encode(&cell->ok, out);
    if (parts & PART_FAILED) sketch_encode(&cell->failed, out);
    if (parts & PART_CLIENT) sketch_encode(&cell->client, out);
    if (parts & PART_GAUGES) encode_gauges(cell, out);
    if (parts & PART_EXEMPLARS) encode_exemplars(cell, out);
}

static bool decode_counts(cell_t *cell, bytes_t *in) {
    bool fine = bytes_varint(in, &cell->requests) && bytes_varint(in, &cell->retries) &&
                bytes_varint(in, &cell->request_bytes) && bytes_varint(in, &cell->response_bytes);
    for (int i = 0; fine && i < FAILURE_CLASSES; i++) fine = bytes_varint(in, &cell->failures[i]);
    return fine;
}

static bool decode_gauge(gauge_t *gauge, uint32_t before, bytes_t *in) {
    uint64_t delta, count, low, high;
    if (!bytes_varint(in, &delta) || delta > UINT32_MAX - before || !bytes_varint(in, &count) || count > UINT32_MAX ||
        !bytes_f64(in, &gauge->min) || !bytes_f64(in, &gauge->max) || !bytes_f64(in, &gauge->last) ||
        !bytes_zigzag(in, &gauge->last_ns) || !bytes_u64(in, &low) || !bytes_u64(in, &high))
        return false;
    gauge->signal = before + (uint32_t)delta;
    gauge->count = (uint32_t)count;
    gauge->sum = (fixed_t)(((unsigned __int128)high << 64) | low);
    return true;
}

static bool decode_gauges(cell_t *cell, bytes_t *in) {
    uint64_t count;
    if (!bytes_varint(in, &count) || count == 0 || count > CELL_GAUGES_MAX) return false;
    cell->gauges = memory_new(count, sizeof *cell->gauges);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t before = i == 0 ? 0 : cell->gauges[i - 1].signal;
        if (!decode_gauge(&cell->gauges[i], before, in)) return false;
        if (i > 0 && cell->gauges[i].signal == before) return false;
        cell->gauge_count++;
    }
    return true;
}

static bool decode_exemplar(exemplar_t *exemplar, bytes_t *in) {
    slice_t trace, span;
    if (!bytes_take(in, sizeof exemplar->trace_id, &trace) || !bytes_take(in, sizeof exemplar->span_id, &span) ||
        !bytes_varint(in, &exemplar->duration_ns) || !bytes_zigzag(in, &exemplar->end_ns))
        return false;
    memcpy(exemplar->trace_id, trace.data, trace.len);
    memcpy(exemplar->span_id, span.data, span.len);
    return true;
}

static bool decode_exemplars(cell_t *cell, bytes_t *in) {
    if (!bytes_byte(in, &cell->slow_count) || !bytes_byte(in, &cell->bad_count)) return false;
    if (cell->slow_count > CELL_EXEMPLARS || cell->bad_count > CELL_EXEMPLARS) {
        cell->slow_count = cell->bad_count = 0;
        return false;
    }
    bool fine = true;
    for (uint8_t i = 0; fine && i < cell->slow_count; i++) fine = decode_exemplar(&cell->slow[i], in);
    for (uint8_t i = 0; fine && i < cell->bad_count; i++) fine = decode_exemplar(&cell->bad[i], in);
    if (cell->slow_count == CELL_EXEMPLARS) cell->slow_floor_ns = cell->slow[CELL_EXEMPLARS - 1].duration_ns;
    return fine;
}

bool cell_decode(cell_t *cell, bytes_t *in) {
    cell_init(cell);
    return cell_decode_over(cell, in);
}

bool cell_decode_over(cell_t *cell, bytes_t *in) {
    uint8_t parts;
    cell_clear(cell);
    bool fine = bytes_byte(in, &parts) && parts < PART_EXEMPLARS * 2 &&
                (!(parts & PART_COUNTS) || decode_counts(cell, in)) &&
                (!(parts & PART_OK) || sketch_decode(&cell->ok, in)) &&
                (!(parts & PART_FAILED) || sketch_decode(&cell->failed, in)) &&
                (!(parts & PART_CLIENT) || sketch_decode(&cell->client, in)) &&
                (!(parts & PART_GAUGES) || decode_gauges(cell, in)) &&
                (!(parts & PART_EXEMPLARS) || decode_exemplars(cell, in));
    if (fine) return true;
    cell_fini(cell);
    return bytes_fail(in);
}
