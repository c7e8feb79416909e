#include "web/values.h"

#include "base/clock.h"

#include <math.h>

json_t *value_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *value_ms(int64_t ns) {
    if (ns == INT64_MIN) return json_null();
    int64_t ms = ns / NS_PER_MS - (ns % NS_PER_MS < 0 ? 1 : 0);
    return json_integer(ms);
}

/* Length of the valid UTF-8 character at the start of the bytes; 0 when it is none. */
static size_t character_length(slice_t text) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = text.data[0];
    if (first < 0x80) return 1;
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.len < len) return 0;
    uint32_t point = first & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((text.data[i] & 0xc0) != 0x80) return 0;
        point = point << 6 | (text.data[i] & 0x3f);
    }
    return point < least[len] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? 0 : len;
}

static json_t *mended_text(slice_t text) {
    buffer_t mended = {0};
    while (text.len > 0) {
        size_t len = character_length(text);
        if (len > 0)
            buffer_append(&mended, text.data, len);
        else
            buffer_text(&mended, "\xef\xbf\xbd");
        size_t taken = len > 0 ? len : 1;
        text = slice_of(text.data + taken, text.len - taken);
    }
    json_t *value = json_stringn((const char *)mended.data, mended.len);
    buffer_fini(&mended);
    return value;
}

json_t *value_text(slice_t text) {
    json_t *value = json_stringn(text.len == 0 ? "" : (const char *)text.data, text.len);
    return value != NULL ? value : mended_text(text);
}

json_t *value_name(const char *name) {
    return name[0] == '\0' ? json_null() : value_text(slice_text(name));
}

json_t *value_id(uint64_t id) {
    return id == 0 ? json_null() : json_integer((json_int_t)id);
}

json_t *value_hex(const uint8_t *bytes, size_t len) {
    static const char digits[] = "0123456789abcdef";
    char text[64];
    size_t used = 0;
    for (size_t i = 0; i < len && used + 2 <= sizeof text; i++) {
        text[used++] = digits[bytes[i] >> 4];
        text[used++] = digits[bytes[i] & 15];
    }
    return json_stringn(text, used);
}

json_t *value_latency(const sketch_t *sketch) {
    if (sketch->count == 0) return json_null();
    return json_pack("{so,so,so,so,so,so,sb}", "p50_s", value_number(sketch_quantile(sketch, 0.5)), "p90_s",
                     value_number(sketch_quantile(sketch, 0.9)), "p99_s", value_number(sketch_quantile(sketch, 0.99)),
                     "mean_s", value_number((double)sketch->sum_ns / (double)sketch->count / 1e9), "max_s",
                     value_number((double)sketch->max_ns / 1e9), "error_ratio", value_number(sketch_error(sketch)),
                     "coarse", sketch->coarse);
}

static json_t *ratio(uint64_t part, uint64_t whole) {
    return whole == 0 ? json_null() : json_real((double)part / (double)whole);
}

static json_t *rate(uint64_t count, double seconds) {
    return seconds > 0 ? json_real((double)count / seconds) : json_null();
}

static json_t *failures_of(const cell_t *cell) {
    json_t *failures = json_object();
    for (int i = 0; i < FAILURE_CLASSES; i++)
        json_object_set_new(failures, failure_names[i], json_integer((json_int_t)cell->failures[i]));
    return failures;
}

static json_t *saturation_of(const query_t *query, const cell_t *cell) {
    json_t *saturation = json_object();
    for (uint32_t i = 0; i < cell->gauge_count; i++) {
        const gauge_t *gauge = &cell->gauges[i];
        double mean = gauge->count == 0 ? NAN : fixed_value(gauge->sum) / gauge->count;
        json_object_set_new(saturation, query_name(query, gauge->signal),
                            json_pack("{so,so}", "mean", value_number(mean), "max", value_number(gauge->max)));
    }
    return saturation;
}

json_t *value_golden(const query_t *query, const cell_t *cell, observer_t observer, double seconds) {
    uint64_t errors = cell_errors(cell);
    return json_pack("{sI,so,sI,so,so,so,so,sI,sI,sI,so,so}", "requests", (json_int_t)cell->requests, "request_rate",
                     rate(cell->requests, seconds), "errors", (json_int_t)errors, "error_ratio",
                     ratio(errors, cell->requests), "failures", failures_of(cell), "latency", value_latency(&cell->ok),
                     "failed_latency", value_latency(&cell->failed), "retries", (json_int_t)cell->retries,
                     "request_bytes", (json_int_t)cell->request_bytes, "response_bytes",
                     (json_int_t)cell->response_bytes, "observer",
                     observer == OBSERVER_NONE ? json_null() : json_string(observer_names[observer]), "saturation",
                     saturation_of(query, cell));
}

json_t *value_golden_none(void) {
    cell_t cell;
    cell_init(&cell);
    json_t *golden = value_golden(NULL, &cell, OBSERVER_NONE, 0);
    cell_fini(&cell);
    return golden;
}

json_t *value_range(int64_t start_ns, int64_t end_ns) {
    return json_pack("{so,so}", "start_ms", value_ms(start_ns), "end_ms", value_ms(end_ns));
}

double covered_seconds(const query_status_t *status, int64_t start_ns, int64_t end_ns) {
    if (status->event_ns == INT64_MIN || status->first_ns == INT64_MIN) return 0;
    int64_t start = bucket_of(start_ns) * BUCKET_NS;
    int64_t end = (bucket_of(end_ns - 1) + 1) * BUCKET_NS;
    if (start < status->first_ns) start = status->first_ns;
    if (end > status->event_ns) end = status->event_ns;
    if (end <= start) return 0;
    double seconds = (double)(end - start) / 1e9;
    return seconds < 1 ? 1 : seconds;
}

service_parts_t service_parts(const char *id) {
    service_parts_t parts = {slice_text(id), slice_of("", 0), slice_of("", 0)};
    const char *at = strrchr(id, '@');
    if (at != NULL && at != id) {
        parts.cluster = slice_text(at + 1);
        parts.name.len = (size_t)(at - id);
    }
    const uint8_t *slash = memchr(parts.name.data, '/', parts.name.len);
    if (slash != NULL && slash != parts.name.data) {
        parts.namespace_name = slice_of(parts.name.data, (size_t)(slash - parts.name.data));
        parts.name = slice_of(slash + 1, parts.name.len - parts.namespace_name.len - 1);
    }
    return parts;
}

static bool found(void *context, uint32_t entity, const entity_key_t *key) {
    (void)entity;
    (void)key;
    *(bool *)context = true;
    return false;
}

bool service_is_known(query_t *query, uint32_t name) {
    bool known = false;
    query_filter_t filter = query_filter_any(1u << ENTITY_SERVICE);
    filter.service = name;
    if (query_entities(query, &filter, found, &known) != ERR_OK || known) return known;
    filter = query_filter_any(1u << ENTITY_EDGE);
    filter.either = name;
    return query_entities(query, &filter, found, &known) == ERR_OK && known;
}
