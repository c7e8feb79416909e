#include "collector/fold/points.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "collector/fold/otlp.h"

#include <math.h>

/* Adding is commutative, so the order of attributes does not matter. */
static void mix(stream_id_t *id, slice_t bytes) {
    XXH128_hash_t hash = XXH3_128bits(bytes.len > 0 ? (const void *)bytes.data : "", bytes.len);
    id->low += hash.low64;
    id->high += hash.high64;
}

bool attributes_hash(slice_t message, uint32_t field_number, stream_id_t *id) {
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field))
        if (field.number == field_number && field.type == WIRE_BLOCK) mix(id, field.block);
    return bytes_done(&in);
}

/* Temporality and monotonicity may stand behind the points. */
static bool read_kind(metric_t *metric) {
    bytes_t in = bytes_of(metric->data);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        if (field.type != WIRE_VARINT) continue;
        if (field.number == 2) metric->temporality = field.value <= 2 ? (temporality_t)field.value : TEMPORALITY_UNTOLD;
        if (field.number == 3) metric->monotonic = field.value != 0;
    }
    if (metric->type == METRIC_SUMMARY) metric->temporality = TEMPORALITY_CUMULATIVE;
    if (metric->type != METRIC_SUM) metric->monotonic = metric->type != METRIC_GAUGE;
    return bytes_done(&in);
}

bool metric_read(slice_t message, metric_t *metric) {
    metric->name = metric->unit = metric->data = slice_of(NULL, 0);
    metric->type = (metric_type_t)0;
    metric->temporality = TEMPORALITY_UNTOLD;
    metric->monotonic = false;
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        if (field.type != WIRE_BLOCK) continue;
        if (field.number == 1) metric->name = field.block;
        if (field.number == 3) metric->unit = field.block;
        if (field.number == 5 || field.number == 7 || (field.number >= 9 && field.number <= 11)) {
            metric->type = (metric_type_t)field.number;
            metric->data = field.block;
        }
    }
    return bytes_done(&in) && read_kind(metric);
}

static bool read_attribute(const metric_t *metric, slice_t message, point_t *point) {
    slice_t key;
    otlp_value_t value;
    mix(&point->id, message);
    if (metric->rule.labels == NULL) return true;
    if (!otlp_key_value(message, &key, &value)) return false;
    const dialect_attribute_t *row = key.len > 0 ? dialect_find(metric->rule.labels, key) : NULL;
    if (row == NULL || point->roles.rank[row->role] > row->rank) return true;
    roles_set(&point->roles, row, otlp_value_text(&value, point->texts[row->role]));
    return true;
}

/* One more number of a list; lists that are too long make the point invalid. */
static void push_bucket(point_t *point, uint64_t count) {
    delta_point_t *increment = &point->increment;
    if (increment->bucket_count == DELTA_BUCKETS_MAX)
        point->invalid = true;
    else
        increment->buckets[increment->bucket_count++] = count;
}

static void push_bound(point_t *point, uint64_t bits) {
    double bound;
    memcpy(&bound, &bits, sizeof bound);
    bool rises = point->bound_count == 0 || bound > point->bounds[point->bound_count - 1];
    if (point->bound_count == DELTA_BUCKETS_MAX || !rises || isnan(bound))
        point->invalid = true;
    else
        point->bounds[point->bound_count++] = bound;
}

typedef void (*push_t)(point_t *point, uint64_t bits);

/* Repeated numbers come packed or one by one. */
static bool read_list(const wire_field_t *field, wire_type_t element, point_t *point, push_t push) {
    if (field->type == element) {
        push(point, field->value);
        return true;
    }
    if (field->type != WIRE_BLOCK) return true;
    bytes_t in = bytes_of(field->block);
    uint64_t bits;
    while (in.at != in.end && (element == WIRE_VARINT ? bytes_varint(&in, &bits) : bytes_u64(&in, &bits)))
        push(point, bits);
    return bytes_done(&in);
}

static double real_of(const wire_field_t *field) {
    double value;
    memcpy(&value, &field->value, sizeof value);
    return value;
}

static int32_t zigzag_of(const wire_field_t *field) {
    uint32_t raw = (uint32_t)field->value;
    return (int32_t)(raw >> 1) ^ -(int32_t)(raw & 1);
}

static void set_time(const wire_field_t *field, int64_t *time_ns) {
    if (field->type == WIRE_FIXED64) *time_ns = field->value > INT64_MAX ? INT64_MAX : (int64_t)field->value;
}

static bool number_field(const metric_t *metric, const wire_field_t *field, point_t *point) {
    delta_point_t *increment = &point->increment;
    switch (field->number << 3 | field->type) {
    case 7 << 3 | WIRE_BLOCK:
        return read_attribute(metric, field->block, point);
    case 4 << 3 | WIRE_FIXED64:
        point->value = increment->sum = real_of(field);
        increment->whole = false;
        point->has_value = true;
        break;
    case 6 << 3 | WIRE_FIXED64:
        point->value = (double)(int64_t)field->value;
        increment->count = field->value;
        increment->whole = true;
        point->has_value = true;
        break;
    case 8 << 3 | WIRE_VARINT:
        point->stale = field->value & 1;
        break;
    default:
        break;
    }
    return true;
}

static bool histogram_field(const metric_t *metric, const wire_field_t *field, point_t *point) {
    if (field->number == 6) return read_list(field, WIRE_FIXED64, point, push_bucket);
    if (field->number == 7) return read_list(field, WIRE_FIXED64, point, push_bound);
    switch (field->number << 3 | field->type) {
    case 9 << 3 | WIRE_BLOCK:
        return read_attribute(metric, field->block, point);
    case 4 << 3 | WIRE_FIXED64:
        point->increment.count = field->value;
        break;
    case 5 << 3 | WIRE_FIXED64:
        point->increment.sum = real_of(field);
        point->has_sum = true;
        break;
    case 10 << 3 | WIRE_VARINT:
        point->stale = field->value & 1;
        break;
    default:
        break;
    }
    return true;
}

static bool read_buckets(slice_t message, point_t *point) {
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        if (field.number == 1 && field.type == WIRE_VARINT) point->increment.offset = zigzag_of(&field);
        if (field.number == 2 && !read_list(&field, WIRE_VARINT, point, push_bucket)) return false;
    }
    return bytes_done(&in);
}

static bool exponential_field(const metric_t *metric, const wire_field_t *field, point_t *point) {
    switch (field->number << 3 | field->type) {
    case 1 << 3 | WIRE_BLOCK:
        return read_attribute(metric, field->block, point);
    case 4 << 3 | WIRE_FIXED64:
        point->increment.count = field->value;
        break;
    case 5 << 3 | WIRE_FIXED64:
        point->increment.sum = real_of(field);
        point->has_sum = true;
        break;
    case 6 << 3 | WIRE_VARINT:
        point->increment.scale = zigzag_of(field);
        break;
    case 7 << 3 | WIRE_FIXED64:
        point->increment.zeros = field->value;
        break;
    case 8 << 3 | WIRE_BLOCK:
        return read_buckets(field->block, point);
    case 10 << 3 | WIRE_VARINT:
        point->stale = field->value & 1;
        break;
    default:
        break;
    }
    return true;
}

static bool read_quantile(slice_t message, point_t *point) {
    double quantile = 0, value = 0;
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        if (field.number == 1 && field.type == WIRE_FIXED64) quantile = real_of(&field);
        if (field.number == 2 && field.type == WIRE_FIXED64) value = real_of(&field);
    }
    if (point->quantile_count < POINT_QUANTILES_MAX) {
        point->quantiles[point->quantile_count].quantile = quantile;
        point->quantiles[point->quantile_count++].value = value;
    }
    return bytes_done(&in);
}

static bool summary_field(const metric_t *metric, const wire_field_t *field, point_t *point) {
    switch (field->number << 3 | field->type) {
    case 7 << 3 | WIRE_BLOCK:
        return read_attribute(metric, field->block, point);
    case 4 << 3 | WIRE_FIXED64:
        point->increment.count = field->value;
        break;
    case 5 << 3 | WIRE_FIXED64:
        point->increment.sum = real_of(field);
        point->has_sum = true;
        break;
    case 6 << 3 | WIRE_BLOCK:
        return read_quantile(field->block, point);
    case 8 << 3 | WIRE_VARINT:
        point->stale = field->value & 1;
        break;
    default:
        break;
    }
    return true;
}

static bool read_field(const metric_t *metric, const wire_field_t *field, point_t *point) {
    if (field->number == 2) set_time(field, &point->increment.start_ns);
    if (field->number == 3) set_time(field, &point->increment.time_ns);
    switch (metric->type) {
    case METRIC_HISTOGRAM:
        return histogram_field(metric, field, point);
    case METRIC_EXPONENTIAL:
        return exponential_field(metric, field, point);
    case METRIC_SUMMARY:
        return summary_field(metric, field, point);
    default:
        return number_field(metric, field, point);
    }
}

static void clear(const metric_t *metric, point_t *point) {
    point->increment = (delta_point_t){.buckets = point->buckets, .exponential = metric->type == METRIC_EXPONENTIAL};
    point->id = metric->id;
    point->stale = point->has_value = point->has_sum = point->invalid = false;
    point->value = 0;
    point->bound_count = point->quantile_count = 0;
    roles_clear(&point->roles);
}

/* Envoy's stats sink (seen with 1.40) writes when it began in microseconds: in nanoseconds that is early 1970, when no
 * sender began. */
static void right_start(delta_point_t *increment) {
    static const int64_t YEAR_2000_US = INT64_C(946684800000000);
    bool early = increment->start_ns >= YEAR_2000_US && increment->start_ns <= increment->time_ns / 1000;
    if (early && increment->time_ns / 1000 >= YEAR_2000_US) increment->start_ns *= 1000;
}

/* Numbers that cannot be: they are dropped and counted, the request is not refused for them. */
static void judge(const metric_t *metric, point_t *point) {
    delta_point_t *increment = &point->increment;
    bool number = metric->type == METRIC_GAUGE || metric->type == METRIC_SUM;
    if (point->stale) return;
    right_start(increment);
    if (number && (!point->has_value || !isfinite(point->value) || (metric->monotonic && point->value < 0)))
        point->invalid = true;
    if (point->has_sum && !isfinite(increment->sum)) point->has_sum = false;
    if (!number && !point->has_sum) increment->sum = 0;
    if (metric->type == METRIC_HISTOGRAM) {
        if (increment->bucket_count > 0 && increment->bucket_count != point->bound_count + 1) point->invalid = true;
        if (increment->bucket_count == 0 && point->bound_count > 0) point->invalid = true;
        increment->bounds = XXH3_64bits(point->bounds, point->bound_count * sizeof *point->bounds) | 1;
    }
    if (metric->type == METRIC_EXPONENTIAL) {
        int64_t end = (int64_t)increment->offset + increment->bucket_count;
        if (increment->scale < -10 || increment->scale > 20 || end > INT32_MAX) point->invalid = true;
    }
    if (increment->time_ns == 0) point->invalid = true;
}

bool point_read(const metric_t *metric, slice_t message, point_t *point) {
    clear(metric, point);
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field))
        if (!read_field(metric, &field, point)) return false;
    if (!bytes_done(&in)) return false;
    judge(metric, point);
    return true;
}
