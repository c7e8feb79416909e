#include "cli/event_time.h"

#include <string.h>

/* The way from a request down to the things with a time: at each level the fields to go into, as bits. */
enum { LEVELS_MAX = 5 };

typedef struct {
    uint32_t fields[LEVELS_MAX]; /* bit n: field number n; 0 ends the way */
    uint32_t time, second_time;  /* fixed64 fields of the thing itself; the second stands in for a missing first */
    uint32_t parts, part_time; /* bits of its fields with parts of their own time (events, exemplars), and that field */
} way_t;

#define FIELD(n) (1u << (n))

static const way_t ways[OTLP_KINDS] = {
    [OTLP_TRACES] = {{FIELD(1), FIELD(2), FIELD(2)}, 8, 7, FIELD(11), 1},
    [OTLP_METRICS] = {{FIELD(1), FIELD(2), FIELD(2), FIELD(5) | FIELD(7) | FIELD(9) | FIELD(10) | FIELD(11), FIELD(1)},
                      3,
                      2,
                      FIELD(5) | FIELD(8) | FIELD(11), /* exemplars of numbers, histograms, exponential histograms */
                      2},
    [OTLP_LOGS] = {{FIELD(1), FIELD(2), FIELD(2)}, 1, 11, 0, 0},
};

static bool read_thing(const way_t *way, slice_t bytes, event_span_t *span) {
    bytes_t in = bytes_of(bytes);
    wire_field_t field;
    uint64_t time = 0, second = 0;
    while (wire_next(&in, &field)) {
        if (field.type != WIRE_FIXED64) continue;
        if (field.number == way->time) time = field.value;
        if (field.number == way->second_time) second = field.value;
    }
    if (!bytes_done(&in)) return false;
    span->items++;
    if (time == 0) time = second;
    if (time == 0 || time > INT64_MAX) return true;
    if (span->first_ns == 0 || (int64_t)time < span->first_ns) span->first_ns = (int64_t)time;
    if ((int64_t)time > span->last_ns) span->last_ns = (int64_t)time;
    return true;
}

static bool read_level(const way_t *way, int level, slice_t bytes, event_span_t *span) {
    if (level == LEVELS_MAX || way->fields[level] == 0) return read_thing(way, bytes, span);
    bytes_t in = bytes_of(bytes);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        if (field.number > 31 || (way->fields[level] & FIELD(field.number)) == 0) continue;
        if (field.type != WIRE_BLOCK || !read_level(way, level + 1, field.block, span)) return false;
    }
    return bytes_done(&in);
}

bool event_time_read(otlp_kind_t kind, slice_t body, event_span_t *span) {
    *span = (event_span_t){0};
    return read_level(&ways[kind], 0, body, span);
}

/* The value that was just read, `ns` later. Only for memory that event_time_move was given to change. */
static void move_value(const bytes_t *in, uint64_t value, int64_t ns) {
    if (value == 0) return;
    value += (uint64_t)ns;
    (void)memcpy((uint8_t *)in->at - sizeof value, &value, sizeof value);
}

static bool move_times(slice_t bytes, uint32_t time, uint32_t second_time, int64_t ns) {
    bytes_t in = bytes_of(bytes);
    wire_field_t field;
    while (wire_next(&in, &field))
        if (field.type == WIRE_FIXED64 && (field.number == time || field.number == second_time))
            move_value(&in, field.value, ns);
    return bytes_done(&in);
}

static bool move_level(const way_t *way, int level, slice_t bytes, int64_t ns) {
    bool thing = level == LEVELS_MAX || way->fields[level] == 0;
    uint32_t inside = thing ? way->parts : way->fields[level];
    bytes_t in = bytes_of(bytes);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        if (field.number > 31 || field.type != WIRE_BLOCK || (inside & FIELD(field.number)) == 0) continue;
        if (thing ? !move_times(field.block, way->part_time, 0, ns) : !move_level(way, level + 1, field.block, ns))
            return false;
    }
    return bytes_done(&in) && (!thing || move_times(bytes, way->time, way->second_time, ns));
}

bool event_time_move(otlp_kind_t kind, uint8_t *body, size_t len, int64_t ns) {
    return move_level(&ways[kind], 0, slice_of(body, len), ns);
}
