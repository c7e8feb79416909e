/* A family's series are gathered until the family ends, since a histogram's lines may come in any order; in the order
 * that all writers use, each line belongs to the series of the line before. Labels are read once per series, when its
 * point is written, and never kept: the page itself is the memory. What nobody reads is decided once per family name
 * and remembered for all targets. Lengths of nested messages are known beforehand, so nothing is moved. */
#include "collector/scrape/translate.h"

#include "base/memory.h"
#include "base/table.h"
#include "collector/scrape/exposition.h"
#include "collector/scrape/wire_put.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <math.h>
#include <stdlib.h>
#include <sys/random.h>

enum { NONE = UINT32_MAX, NAMES_KNOWN_MAX = 1 << 16, TABLE_KEPT_MAX = 1 << 14, STEPS_MAX = 2048 };

/* Fields of OTLP (proto/otlp.proto). */
enum { POINT_ATTRIBUTES = 7, HISTOGRAM_ATTRIBUTES = 9 };
enum { DATA_GAUGE = 5, DATA_SUM = 7, DATA_HISTOGRAM = 9, DATA_SUMMARY = 11 };

/* A bucket (bound, cumulative count) or a quantile (quantile, value). */
typedef struct {
    double at, value;
    uint32_t next;
} step_t;

typedef struct {
    slice_t labels; /* of its first line, `le` or `quantile` included */
    slice_t plain;  /* the same without a last `le`, to know lines of the same series by; NULL when it cannot be cut */
    double value, count, created;
    bool has_value, has_count; /* the value of a counter, or a sum */
    int64_t time_ns;
    uint32_t first, last, steps;
} series_t;

struct translator {
    const dialect_set_t *dialects;
    uint64_t seed; /* hashes must not be guessed by those who write pages */
    table_t known; /* hash of a family's name -> whether somebody reads it */
    const origin_t *origin;
    page_result_t *result;
    exposition_t page;
    series_t *series;
    step_t *steps;
    uint32_t series_count, series_capacity, step_count, step_capacity, current;
    table_t index; /* of the family's series, by the hash of their labels */
    buffer_t attributes, points, metrics, info, text;
    slice_t name; /* of the metric that is gathered; empty until its first sample */
    slice_t unit;
    family_type_t type;
    slice_t service; /* of a target_info */
};

translator_t *translator_new(const dialect_set_t *dialects) {
    translator_t *t = memory_new(1, sizeof *t);
    t->dialects = dialects;
    if (getrandom(&t->seed, sizeof t->seed, 0) != sizeof t->seed) t->seed = (uint64_t)(uintptr_t)t;
    return t;
}

void translator_free(translator_t *t) {
    if (t == NULL) return;
    table_fini(&t->known);
    table_fini(&t->index);
    free(t->series);
    free(t->steps);
    buffer_t *buffers[] = {&t->attributes, &t->points, &t->metrics, &t->info, &t->text};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) buffer_fini(buffers[i]);
    free(t);
}

/* ---- who reads it ---- */

static bool is_read(const translator_t *t, slice_t name) {
    dialect_rule_t rule = dialect_metric(t->dialects, NULL, name);
    return rule.metric != NULL && rule.metric->signal != SIGNAL_IGNORED;
}

static bool is_target_info(slice_t name) {
    return slice_is(name, "target_info") || slice_is(name, "target");
}

static bool wanted(translator_t *t, slice_t family, family_type_t type) {
    if (type == FAMILY_GAUGEHISTOGRAM) return false;
    if (is_target_info(family)) return true;
    uint64_t hash = XXH3_64bits_withSeed(family.data, family.len, t->seed);
    table_probe_t probe = table_probe(&t->known, hash);
    if (table_next(&t->known, &probe)) return probe.index == 1;
    if (t->known.used >= NAMES_KNOWN_MAX) table_clear(&t->known);
    bool read = is_read(t, family);
    table_insert(&t->known, hash, read);
    return read;
}

/* ---- attributes ---- */

void origin_attribute(buffer_t *resource, const char *key, const char *value) {
    if (value != NULL && value[0] != '\0') put_pair(resource, 1, slice_of(NULL, 0), slice_text(key), slice_text(value));
}

/* The value without escapes; borrowed from the page, or from t->text until the next call. */
static slice_t value_of(translator_t *t, slice_t value) {
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
                 value_of(t, value));
    }
    for (const origin_label_t *label = origin->labels; label != NULL && label->name != NULL; label++)
        if (label->value[0] != '\0' && !(origin->honor_labels && page_has(labels, label->name)))
            put_pair(&t->attributes, number, slice_of(NULL, 0), slice_text(label->name), slice_text(label->value));
}

/* ---- points ---- */

static int64_t start_of(const translator_t *t, double created, int64_t time_ns) {
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
}

static void put_number_point(translator_t *t, slice_t labels, double value, int64_t time_ns, int64_t start_ns) {
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
    for (uint32_t at = series->first; at != NONE; at = t->steps[at].next) {
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

static bool put_histogram_point(translator_t *t, const series_t *series) {
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
    int64_t start_ns = start_of(t, series->created, series->time_ns);
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

static bool put_summary_point(translator_t *t, const series_t *series) {
    uint64_t count = 0;
    if (series->steps > STEPS_MAX || (series->has_count && !whole(series->count, &count))) return false;
    gather_attributes(t, series->labels, POINT_ATTRIBUTES, "quantile");
    int64_t start_ns = start_of(t, series->created, series->time_ns);
    uint8_t *at = begin_point(t, (start_ns > 0 ? 27u : 18u) + (series->has_value ? 9u : 0u) + series->steps * 20u);
    if (start_ns > 0) at = put_fixed(at, 2, (uint64_t)start_ns);
    at = put_fixed(at, 3, (uint64_t)series->time_ns);
    at = put_fixed(at, 4, count);
    if (series->has_value) at = put_double(at, 5, series->value);
    for (uint32_t i = series->first; i != NONE; i = t->steps[i].next) {
        *at++ = 6 << 3 | 2;
        *at++ = 18;
        at = put_double(at, 1, t->steps[i].at);
        at = put_double(at, 2, t->steps[i].value);
    }
    end_point(t, at);
    return true;
}

/* ---- series of a family ---- */

/* A hash of the labels but for `le` and `quantile`, the same in any order. */
static uint64_t labels_hash(const translator_t *t, slice_t labels) {
    uint64_t hash = t->seed;
    slice_t name, value;
    while (exposition_label(&labels, &name, &value)) {
        if (value.len == 0 || slice_is(name, "le") || slice_is(name, "quantile")) continue;
        hash += XXH3_64bits_withSeed(value.data, value.len, XXH3_64bits_withSeed(name.data, name.len, t->seed));
    }
    return hash;
}

/* The labels without a last `,le="…"`. */
static slice_t plain_labels(const exposition_sample_t *sample) {
    static const char le[4] = "le=\"";
    slice_t labels = sample->labels;
    if (sample->part != PART_BUCKET) return labels;
    if (sample->bound.len == 0) return slice_of(NULL, 0);
    size_t at = (size_t)(sample->bound.data - labels.data);
    if (at < sizeof le || memcmp(labels.data + at - sizeof le, le, sizeof le) != 0) return slice_of(NULL, 0);
    at -= sizeof le;
    if (at > 0 && labels.data[at - 1] == ',') at--;
    return slice_of(labels.data, at);
}

static uint32_t add_series(translator_t *t, uint64_t hash) {
    if (t->series_count == t->series_capacity) {
        t->series_capacity = t->series_capacity == 0 ? 64 : t->series_capacity * 2;
        t->series = memory_resize(t->series, t->series_capacity * sizeof *t->series);
    }
    table_insert(&t->index, hash, t->series_count);
    return t->series_count++;
}

static series_t *series_for(translator_t *t, const exposition_sample_t *sample) {
    if (sample->again && t->current != NONE) return &t->series[t->current];
    slice_t plain = plain_labels(sample);
    if (t->current != NONE && plain.data != NULL && t->series[t->current].plain.data != NULL &&
        slice_equal(plain, t->series[t->current].plain))
        return &t->series[t->current];
    uint64_t hash = labels_hash(t, sample->labels);
    table_probe_t probe = table_probe(&t->index, hash);
    if (table_next(&t->index, &probe)) {
        t->current = probe.index;
        return &t->series[t->current];
    }
    t->current = add_series(t, hash);
    t->series[t->current] = (series_t){.labels = sample->labels, .plain = plain, .first = NONE, .last = NONE};
    return &t->series[t->current];
}

static void add_step(translator_t *t, series_t *series, double at, double value) {
    if (t->step_count == t->step_capacity) {
        t->step_capacity = t->step_capacity == 0 ? 1024 : t->step_capacity * 2;
        t->steps = memory_resize(t->steps, t->step_capacity * sizeof *t->steps);
    }
    uint32_t index = t->step_count++;
    t->steps[index] = (step_t){at, value, NONE};
    if (series->last == NONE)
        series->first = index;
    else
        t->steps[series->last].next = index;
    series->last = index;
    series->steps++;
}

static bool label_number(slice_t labels, const char *wanted_name, double *number) {
    slice_t name, value;
    while (exposition_label(&labels, &name, &value))
        if (slice_is(name, wanted_name)) return exposition_number(value, number);
    return false;
}

static int64_t time_of(const translator_t *t, const exposition_sample_t *sample) {
    return t->origin->honor_timestamps && sample->time_ns > 0 ? sample->time_ns : t->origin->time_ns;
}

/* What a line adds to its series. False: a bucket or quantile without a number of its own. */
static bool add_part(translator_t *t, const exposition_sample_t *sample) {
    double at;
    series_t *series = series_for(t, sample);
    series->time_ns = time_of(t, sample);
    switch (sample->part) {
    case PART_BUCKET:
        if (sample->bound.len > 0 ? !exposition_number(sample->bound, &at) : !label_number(sample->labels, "le", &at))
            return false;
        add_step(t, series, at, sample->value);
        return !isnan(at);
    case PART_COUNT:
        series->count = sample->value;
        series->has_count = true;
        return true;
    case PART_CREATED:
        series->created = sample->value;
        return true;
    case PART_VALUE:
        if (t->type == FAMILY_SUMMARY) {
            if (!label_number(sample->labels, "quantile", &at)) return false;
            add_step(t, series, at, sample->value);
            return true;
        }
        break;
    default:
        break;
    }
    series->value = sample->value;
    series->has_value = true;
    return true;
}

/* ---- metrics ---- */

static uint32_t data_of(const translator_t *t) {
    switch (t->type) {
    case FAMILY_COUNTER:
        return DATA_SUM;
    case FAMILY_HISTOGRAM:
        return DATA_HISTOGRAM;
    case FAMILY_SUMMARY:
        return DATA_SUMMARY;
    case FAMILY_UNKNOWN: /* pages without a TYPE count in what is named so */
        return t->name.len > 6 && memcmp(t->name.data + t->name.len - 6, "_total", 6) == 0 ? DATA_SUM : DATA_GAUGE;
    default:
        return DATA_GAUGE;
    }
}

/* Whether the lines of a series have to be brought together before its point can be written. */
static bool is_gathered(const translator_t *t) {
    return t->type == FAMILY_HISTOGRAM || t->type == FAMILY_SUMMARY ||
           (t->type == FAMILY_COUNTER && t->page.openmetrics);
}

static void put_series(translator_t *t, const series_t *series) {
    bool usable = true;
    if (t->type == FAMILY_HISTOGRAM)
        usable = put_histogram_point(t, series);
    else if (t->type == FAMILY_SUMMARY)
        usable = put_summary_point(t, series);
    else if (series->has_value)
        put_number_point(t, series->labels, series->value, series->time_ns,
                         start_of(t, series->created, series->time_ns));
    t->result->unusable += !usable;
}

/* Metric { name 1, unit 3, data { points 1, temporality 2, monotonic 3 } } as field 2 of the scope. */
static void put_metric(translator_t *t) {
    uint32_t data = data_of(t);
    slice_t unit = t->unit;
    size_t flags = data == DATA_SUM ? 4 : data == DATA_HISTOGRAM ? 2 : 0, inner = t->points.len + flags;
    size_t size = 1 + varint_length(t->name.len) + t->name.len + 1 + varint_length(inner) + inner;
    if (unit.len > 0) size += 1 + varint_length(unit.len) + unit.len;
    uint8_t *begin = buffer_reserve(&t->metrics, 1 + varint_length(size) + size), *at = begin;
    *at++ = 2 << 3 | 2;
    at = put_varint(at, size);
    *at++ = 1 << 3 | 2;
    at = put_block(at, t->name);
    if (unit.len > 0) {
        *at++ = 3 << 3 | 2;
        at = put_block(at, unit);
    }
    *at++ = (uint8_t)(data << 3 | 2);
    at = put_varint(at, inner);
    memcpy(at, t->points.data, t->points.len);
    at += t->points.len;
    static const uint8_t cumulative_monotonic[] = {2 << 3, 2, 3 << 3, 1};
    memcpy(at, cumulative_monotonic, flags);
    t->metrics.len += (size_t)(at + flags - begin);
}

static void clear_family(translator_t *t) {
    buffer_clear(&t->points);
    if (t->series_count > 0 && t->index.mask >= TABLE_KEPT_MAX)
        table_fini(&t->index);
    else if (t->series_count > 0)
        table_clear(&t->index);
    t->series_count = t->step_count = 0;
    t->current = NONE;
    t->name = slice_of(NULL, 0);
}

static void end_family(translator_t *t) {
    for (uint32_t i = 0; i < t->series_count; i++) put_series(t, &t->series[i]);
    if (t->points.len > 0) put_metric(t);
    clear_family(t);
}

static void read_target_info(translator_t *t, slice_t labels) {
    slice_t name, value;
    while (exposition_label(&labels, &name, &value)) {
        value = value_of(t, value);
        if (value.len == 0 || slice_is(name, "job") || slice_is(name, "instance")) continue;
        bool service = slice_is(name, "service_name");
        put_pair(&t->info, 1, slice_of(NULL, 0), service ? slice_text("service.name") : name, value);
        if (service) t->service = slice_text("told");
    }
}

/* OpenMetrics' words for units as UCUM has them. */
static slice_t unit_of(slice_t unit) {
    static const char *const units[][2] = {{"seconds", "s"}, {"milliseconds", "ms"}, {"bytes", "By"}, {"ratio", "1"}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (slice_is(unit, units[i][0])) return slice_text(units[i][1]);
    return unit;
}

static bool take_sample(translator_t *t, const exposition_sample_t *sample) {
    if (is_target_info(t->page.family)) {
        read_target_info(t, sample->labels);
        return true;
    }
    bool composed = t->type == FAMILY_HISTOGRAM || t->type == FAMILY_SUMMARY;
    if (t->name.len == 0) t->unit = unit_of(t->page.unit);
    if (composed || sample->part == PART_VALUE) t->name = composed ? t->page.family : sample->name;
    if (is_gathered(t)) return add_part(t, sample);
    int64_t time_ns = time_of(t, sample);
    put_number_point(t, sample->labels, sample->value, time_ns, data_of(t) == DATA_SUM ? start_of(t, 0, time_ns) : 0);
    return true;
}

/* ResourceMetrics { resource 1 { attributes 1 }, scope_metrics 2 { metrics 2 } } as field 1 of the request. */
static void put_request(translator_t *t, buffer_t *out) {
    buffer_t own = {0};
    if (t->service.len == 0) origin_attribute(&own, "service.name", t->origin->job);
    size_t resource = own.len + t->origin->resource.len + t->info.len;
    size_t size = 1 + varint_length(resource) + resource + 1 + varint_length(t->metrics.len) + t->metrics.len;
    uint8_t *begin = buffer_reserve(out, 1 + varint_length(size) + size), *at = begin;
    *at++ = 1 << 3 | 2;
    at = put_varint(at, size);
    *at++ = 1 << 3 | 2;
    at = put_varint(at, resource);
    const slice_t parts[] = {buffer_slice(&own), t->origin->resource, buffer_slice(&t->info)};
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].len > 0) memcpy(at, parts[i].data, parts[i].len);
        at += parts[i].len;
    }
    *at++ = 2 << 3 | 2;
    at = put_block(at, buffer_slice(&t->metrics));
    out->len += (size_t)(at - begin);
    buffer_fini(&own);
}

static bool read_page(translator_t *t) {
    exposition_sample_t sample;
    for (exposition_item_t item; (item = exposition_next(&t->page, &sample)) != EXPOSITION_END;) {
        if (item == EXPOSITION_WRONG) return false;
        if (item == EXPOSITION_FAMILY) {
            end_family(t);
            t->type = t->page.type;
            if (!wanted(t, t->page.family, t->page.type)) exposition_skip(&t->page);
        } else if (!take_sample(t, &sample)) {
            t->page.why = "a bucket without le, or a quantile without quantile, that is a number";
            return false;
        }
    }
    return true;
}

err_t translate_page(translator_t *t, slice_t text, const origin_t *origin, buffer_t *out, page_result_t *result) {
    *result = (page_result_t){0};
    t->origin = origin;
    t->result = result;
    buffer_clear(&t->metrics);
    buffer_clear(&t->info);
    t->service = slice_of(NULL, 0);
    exposition_begin(&t->page, text, origin->openmetrics);
    clear_family(t); /* the page before may have been broken in the middle of one */
    bool fine = read_page(t);
    if (fine) end_family(t);
    result->samples = t->page.samples;
    if (fine && t->metrics.len > 0) put_request(t, out);
    if (fine) return ERR_OK;
    result->line = t->page.line;
    result->why = t->page.why;
    return ERR_MALFORMED;
}
