/* A series as a point of OTLP (proto/otlp.proto has the fields). Lengths are known before anything is written, so
 * nothing is moved afterwards. */
#include "collector/scrape/translator.h"
#include "collector/scrape/wire_put.h"

#include <math.h>
#include <stdlib.h>

enum { STEPS_MAX = 2048 };

enum { POINT_ATTRIBUTES = 7, HISTOGRAM_ATTRIBUTES = 9 };

/* ---- attributes ---- */

void origin_attribute(buffer_t *resource, const char *key, const char *value) {
    if (value != NULL && value[0] != '\0') put_pair(resource, 1, slice_of(NULL, 0), slice_text(key), slice_text(value));
}

slice_t translate_value(translator_t *t, slice_t value) {
    if (value.len == 0 || memchr(value.data, '\\', value.len) == NULL) return value;
    buffer_clear(&t->text);
    size_t len = exposition_unescape(value, buffer_reserve(&t->text, value.len));
    return slice_of(t->text.data, len);
}

static bool target_has(const origin_t *origin, slice_t name) {
    for (const origin_label_t *label = origin->labels; label != NULL && label->name != NULL; label++)
        if (slice_is(name, label->name)) return true;
    return slice_is(name, "job") || slice_is(name, "instance");
}

static bool page_has(slice_t labels, const char *wanted_name) {
    slice_t name, value;
    while (exposition_label(&labels, &name, &value))
        if (slice_is(name, wanted_name)) return value.len > 0;
    return false;
}

/* The labels of a series and of its target, without `without`, into t->attributes. */
static void gather_attributes(translator_t *t, slice_t labels, uint32_t number, const char *without) {
    static const char exported[] = "exported_";
    const origin_t *origin = t->origin;
    slice_t rest = labels, name, value;
    buffer_clear(&t->attributes);
    while (exposition_label(&rest, &name, &value)) {
        if (value.len == 0 || (without != NULL && slice_is(name, without))) continue;
        bool renamed = !origin->honor_labels && target_has(origin, name);
        put_pair(&t->attributes, number, slice_of(exported, renamed ? sizeof exported - 1 : 0), name,
                 translate_value(t, value));
    }
    for (const origin_label_t *label = origin->labels; label != NULL && label->name != NULL; label++)
        if (label->value[0] != '\0' && !(origin->honor_labels && page_has(labels, label->name)))
            put_pair(&t->attributes, number, slice_of(NULL, 0), slice_text(label->name), slice_text(label->value));
}

/* ---- points ---- */

int64_t translate_start(const translator_t *t, double created, int64_t time_ns) {
    int64_t start = created > 0 && created < 9e9 ? (int64_t)(created * 1e9) : t->origin->start_ns;
    return start > 0 && start < time_ns ? start : 0;
}

/* A point's message begins: room for its fixed fields (`fixed` bytes at most) and the gathered attributes. */
static uint8_t *begin_point(translator_t *t, size_t fixed) {
    size_t size = t->attributes.len + fixed;
    uint8_t *at = buffer_reserve(&t->points, 1 + varint_length(size) + size);
    *at++ = 1 << 3 | 2;
    return put_varint(at, size);
}

static void end_point(translator_t *t, uint8_t *at) {
    if (t->attributes.len > 0) memcpy(at, t->attributes.data, t->attributes.len);
    at += t->attributes.len;
    t->points.len = (size_t)(at - t->points.data);
    t->result->points++;
    t->full = t->points.len + t->metrics.len > t->bytes_max;
}

void put_number_point(translator_t *t, slice_t labels, double value, int64_t time_ns, int64_t start_ns) {
    gather_attributes(t, labels, POINT_ATTRIBUTES, NULL);
    uint8_t *at = begin_point(t, start_ns > 0 ? 27 : 18);
    if (start_ns > 0) at = put_fixed(at, 2, (uint64_t)start_ns);
    at = put_fixed(at, 3, (uint64_t)time_ns);
    at = put_double(at, 4, value);
    end_point(t, at);
}

static bool whole(double value, uint64_t *out) {
    if (!(value >= 0 && value <= 0x1p53)) return false;
    *out = (uint64_t)value;
    return (double)*out == value;
}

static int by_at(const void *a, const void *b) {
    double x = ((const step_t *)a)->at, y = ((const step_t *)b)->at;
    return x < y ? -1 : x > y;
}

/* A series' steps in ascending order; false when there are too many, or one twice. */
static bool steps_of(const translator_t *t, const series_t *series, step_t *out) {
    bool sorted = true;
    uint32_t count = 0;
    if (series->steps > STEPS_MAX) return false;
    for (uint32_t at = series->first; at != STEP_NONE; at = t->steps[at].next) {
        out[count] = t->steps[at];
        sorted &= count == 0 || out[count - 1].at < out[count].at;
        count++;
    }
    if (sorted) return true;
    qsort(out, count, sizeof *out, by_at);
    for (uint32_t i = 1; i < count; i++)
        if (!(out[i - 1].at < out[i].at)) return false;
    return true;
}

/* Cumulative counts become counts of their own bucket. `count` is the number of bounds; the bucket above the last one
 * is what `total` has more. */
static bool own_counts(const step_t *steps, uint32_t count, uint64_t total, uint64_t *counts) {
    uint64_t below = 0, sum;
    for (uint32_t i = 0; i < count; i++) {
        if (!whole(steps[i].value, &sum) || sum < below) return false;
        counts[i] = sum - below;
        below = sum;
    }
    counts[count] = total - below;
    return total >= below;
}

bool put_histogram_point(translator_t *t, const series_t *series) {
    step_t steps[STEPS_MAX];
    uint64_t counts[STEPS_MAX + 1], total;
    if (!steps_of(t, series, steps)) return false;
    uint32_t bounds = series->steps;
    if (bounds > 0 && isinf(steps[bounds - 1].at))
        bounds--;
    else if (!series->has_count)
        return false; /* how many there are above the last bound is not told */
    if (!whole(series->has_count ? series->count : steps[bounds].value, &total)) return false;
    if (!own_counts(steps, bounds, total, counts)) return false;
    gather_attributes(t, series->labels, HISTOGRAM_ATTRIBUTES, "le");
    int64_t start_ns = translate_start(t, series->created, series->time_ns);
    size_t counted = series->steps == 0 ? 0 : (bounds + 1u) * 8, bounded = bounds * 8u;
    size_t packed = counted == 0 ? 0 : 2 + varint_length(counted) + counted + varint_length(bounded) + bounded;
    uint8_t *at = begin_point(t, (start_ns > 0 ? 27u : 18u) + (series->has_value ? 9u : 0u) + packed);
    if (start_ns > 0) at = put_fixed(at, 2, (uint64_t)start_ns);
    at = put_fixed(at, 3, (uint64_t)series->time_ns);
    at = put_fixed(at, 4, total);
    if (series->has_value) at = put_double(at, 5, series->value);
    if (counted > 0) {
        *at++ = 6 << 3 | 2;
        at = put_block(at, slice_of(counts, counted));
        *at++ = 7 << 3 | 2;
        at = put_varint(at, bounded);
        for (uint32_t i = 0; i < bounds; i++, at += 8) memcpy(at, &steps[i].at, 8);
    }
    end_point(t, at);
    return true;
}

bool put_summary_point(translator_t *t, const series_t *series) {
    uint64_t count = 0;
    if (series->steps > STEPS_MAX || (series->has_count && !whole(series->count, &count))) return false;
    gather_attributes(t, series->labels, POINT_ATTRIBUTES, "quantile");
    int64_t start_ns = translate_start(t, series->created, series->time_ns);
    uint8_t *at = begin_point(t, (start_ns > 0 ? 27u : 18u) + (series->has_value ? 9u : 0u) + series->steps * 20u);
    if (start_ns > 0) at = put_fixed(at, 2, (uint64_t)start_ns);
    at = put_fixed(at, 3, (uint64_t)series->time_ns);
    at = put_fixed(at, 4, count);
    if (series->has_value) at = put_double(at, 5, series->value);
    for (uint32_t i = series->first; i != STEP_NONE; i = t->steps[i].next) {
        *at++ = 6 << 3 | 2;
        *at++ = 18;
        at = put_double(at, 1, t->steps[i].at);
        at = put_double(at, 2, t->steps[i].value);
    }
    end_point(t, at);
    return true;
}
