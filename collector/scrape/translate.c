/* A family's series are gathered until the family ends, since a histogram's lines may come in any order; in the order
 * that all writers use, each line belongs to the series of the line before. Labels are read once per series, when its
 * point is written, and never kept: the page itself is the memory. What nobody reads is decided once per family name
 * and remembered for all targets. Lengths of nested messages are known beforehand, so nothing is moved. */
#include "collector/scrape/translator.h"

#include "base/memory.h"
#include "collector/scrape/wire_put.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <math.h>
#include <stdlib.h>
#include <sys/random.h>

enum { NAMES_KNOWN_MAX = 1 << 16, TABLE_KEPT_MAX = 1 << 14 };
enum { DATA_GAUGE = 5, DATA_SUM = 7, DATA_HISTOGRAM = 9, DATA_SUMMARY = 11 };

translator_t *translator_new(const dialect_set_t *dialects, uint64_t bytes_max) {
    translator_t *t = memory_new(1, sizeof *t);
    t->dialects = dialects;
    t->bytes_max = bytes_max;
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
    if (sample->again && t->current != STEP_NONE) return &t->series[t->current];
    slice_t plain = plain_labels(sample);
    if (t->current != STEP_NONE && plain.data != NULL && t->series[t->current].plain.data != NULL &&
        slice_equal(plain, t->series[t->current].plain))
        return &t->series[t->current];
    uint64_t hash = labels_hash(t, sample->labels);
    table_probe_t probe = table_probe(&t->index, hash);
    if (table_next(&t->index, &probe)) {
        t->current = probe.index;
        return &t->series[t->current];
    }
    t->current = add_series(t, hash);
    t->series[t->current] = (series_t){.labels = sample->labels, .plain = plain, .first = STEP_NONE, .last = STEP_NONE};
    return &t->series[t->current];
}

static void add_step(translator_t *t, series_t *series, double at, double value) {
    if (t->step_count == t->step_capacity) {
        t->step_capacity = t->step_capacity == 0 ? 1024 : t->step_capacity * 2;
        t->steps = memory_resize(t->steps, t->step_capacity * sizeof *t->steps);
    }
    uint32_t index = t->step_count++;
    t->steps[index] = (step_t){at, value, STEP_NONE};
    if (series->last == STEP_NONE)
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
                         translate_start(t, series->created, series->time_ns));
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
    t->current = STEP_NONE;
    t->name = slice_of(NULL, 0);
}

static void end_family(translator_t *t) {
    for (uint32_t i = 0; i < t->series_count && !t->full; i++) put_series(t, &t->series[i]);
    if (t->points.len > 0 && !t->full) put_metric(t);
    clear_family(t);
}

static void read_target_info(translator_t *t, slice_t labels) {
    slice_t name, value;
    while (exposition_label(&labels, &name, &value)) {
        value = translate_value(t, value);
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
    if (is_gathered(t)) {
        t->full = t->series_count * sizeof *t->series + t->step_count * sizeof *t->steps > t->bytes_max;
        return add_part(t, sample);
    }
    int64_t time_ns = time_of(t, sample);
    put_number_point(t, sample->labels, sample->value, time_ns,
                     data_of(t) == DATA_SUM ? translate_start(t, 0, time_ns) : 0);
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
        if (item == EXPOSITION_WRONG || t->full) return false;
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
    t->full = false;
    exposition_begin(&t->page, text, origin->openmetrics);
    clear_family(t); /* the page before may have been broken in the middle of one */
    bool fine = read_page(t);
    if (fine) end_family(t);
    fine &= !t->full;
    result->samples = t->page.samples;
    if (fine && t->metrics.len > 0) put_request(t, out);
    if (fine) return ERR_OK;
    result->line = t->page.line;
    result->why = t->full ? "more series than limits.request_bytes has room for" : t->page.why;
    return t->full ? ERR_TOO_LARGE : ERR_MALFORMED;
}
