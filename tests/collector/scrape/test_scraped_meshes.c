/* The metrics of the meshes' recordings (datasets/meshes), written as the pages that a proxy would have shown, scraped
 * page by page: what a reader then sees is what he sees of the recording itself, as a Collector passed it on. */
#define _GNU_SOURCE /* strsep */
#include "collector/scrape/translate.h"
#include "otlp.pb-c.h"
#include "tests/collector/dialect/golden.h"

static void put_label(buffer_t *page, const char *name, const char *value, bool *first) {
    buffer_format(page, "%s", *first ? "{" : ",");
    for (const char *c = name; *c != '\0'; c++) buffer_byte(page, *c == '.' ? '_' : (uint8_t)*c);
    buffer_text(page, "=\"");
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') buffer_byte(page, '\\');
        buffer_byte(page, (uint8_t)*c);
    }
    buffer_byte(page, '"');
    *first = false;
}

static void put_series(buffer_t *page, const char *name, const char *ending, Otlp__KeyValue *const *labels,
                       size_t count, const char *le, double value) {
    bool first = true;
    buffer_format(page, "%s%s", name, ending);
    for (size_t i = 0; i < count; i++) put_label(page, labels[i]->key, labels[i]->value->string_value, &first);
    if (le != NULL) put_label(page, "le", le, &first);
    buffer_format(page, "%s %.17g\n", first ? "" : "}", value);
}

/* A page has each series once; some of the recordings have one twice. */
static bool repeats(const Otlp__HistogramDataPoint *a, const Otlp__HistogramDataPoint *b) {
    bool same = a->n_attributes == b->n_attributes;
    for (size_t i = 0; same && i < a->n_attributes; i++)
        same = strcmp(a->attributes[i]->key, b->attributes[i]->key) == 0 &&
               strcmp(a->attributes[i]->value->string_value, b->attributes[i]->value->string_value) == 0;
    return same;
}

static void put_numbers(buffer_t *page, const char *name, Otlp__NumberDataPoint *const *points, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const Otlp__NumberDataPoint *p = points[i];
        bool whole = p->value_case == OTLP__NUMBER_DATA_POINT__VALUE_AS_INT;
        put_series(page, name, "", p->attributes, p->n_attributes, NULL, whole ? (double)p->as_int : p->as_double);
    }
}

static void put_histograms(buffer_t *page, const char *name, Otlp__HistogramDataPoint *const *points, size_t count) {
    char le[32];
    for (size_t i = 0; i < count; i++) {
        const Otlp__HistogramDataPoint *p = points[i];
        uint64_t sum = 0;
        if (i > 0 && repeats(p, points[i - 1])) continue;
        for (size_t b = 0; b < p->n_bucket_counts; b++) {
            sum += p->bucket_counts[b];
            if (b < p->n_explicit_bounds) (void)snprintf(le, sizeof le, "%.10g", p->explicit_bounds[b]);
            put_series(page, name, "_bucket", p->attributes, p->n_attributes, b < p->n_explicit_bounds ? le : "+Inf",
                       (double)sum);
        }
        put_series(page, name, "_sum", p->attributes, p->n_attributes, NULL, p->sum);
        put_series(page, name, "_count", p->attributes, p->n_attributes, NULL, (double)p->count);
    }
}

static int64_t put_metric(buffer_t *page, const Otlp__Metric *m) {
    char name[256];
    (void)snprintf(name, sizeof name, "%s", m->name);
    for (char *c = name; *c != '\0'; c++)
        if (*c == '.') *c = '_';
    const char *type = m->data_case == OTLP__METRIC__DATA_HISTOGRAM ? "histogram"
                       : m->data_case == OTLP__METRIC__DATA_SUM     ? "counter"
                                                                    : "gauge";
    buffer_format(page, "# HELP %s x\n# TYPE %s %s\n", name, name, type);
    switch (m->data_case) {
    case OTLP__METRIC__DATA_SUM:
        put_numbers(page, name, m->sum->data_points, m->sum->n_data_points);
        return (int64_t)m->sum->data_points[0]->time_unix_nano;
    case OTLP__METRIC__DATA_GAUGE:
        put_numbers(page, name, m->gauge->data_points, m->gauge->n_data_points);
        return (int64_t)m->gauge->data_points[0]->time_unix_nano;
    case OTLP__METRIC__DATA_HISTOGRAM:
        put_histograms(page, name, m->histogram->data_points, m->histogram->n_data_points);
        return (int64_t)m->histogram->data_points[0]->time_unix_nano;
    default:
        CHECK(false);
        return 0;
    }
}

/* Traefik sends the semantic conventions' metrics as OTLP only: its page does not have them. */
static bool is_sdk_metric(const Otlp__Metric *m) {
    return strcmp(m->name, "http.client.request.duration") == 0;
}

/* The target that the recorded resource was. */
static void scrape(kit_t *kit, translator_t *translator, const Otlp__ResourceMetrics *group) {
    buffer_t page = {0}, resource = {0}, request = {0};
    origin_t origin = {.job = "", .honor_labels = true};
    page_result_t result;
    for (size_t i = 0; i < group->resource->n_attributes; i++) {
        const Otlp__KeyValue *pair = group->resource->attributes[i];
        origin_attribute(&resource, pair->key, pair->value->string_value);
    }
    const Otlp__ScopeMetrics *scope = group->scope_metrics[0];
    for (size_t i = 0; i < scope->n_metrics; i++)
        if (!is_sdk_metric(scope->metrics[i])) origin.time_ns = put_metric(&page, scope->metrics[i]);
    origin.resource = buffer_slice(&resource);
    CHECK_EQUAL(translate_page(translator, buffer_slice(&page), &origin, &request, &result), ERR_OK);
    CHECK_EQUAL(result.unusable, 0);
    CHECK_EQUAL(kit_record(kit, OTLP_METRICS, buffer_slice(&request)), ERR_OK);
    buffer_fini(&page);
    buffer_fini(&resource);
    buffer_fini(&request);
}

static void scrape_recording(kit_t *kit, const char *mesh) {
    translator_t *translator = translator_new(kit->dialects, 64 << 20);
    char *text = read_file(mesh, "metrics.jsonl"), *rest = text, why[256] = "";
    for (char *line; text != NULL && (line = strsep(&rest, "\n")) != NULL;) {
        if (*line == '\0') continue;
        buffer_t wire = {0};
        CHECK_EQUAL(otlp_json_decode(OTLP_METRICS, slice_text(line), 1 << 20, &wire, why, sizeof why), ERR_OK);
        Otlp__MetricsData *data = otlp__metrics_data__unpack(NULL, wire.len, wire.data);
        REQUIRE(data != NULL);
        for (size_t i = 0; i < data->n_resource_metrics; i++) scrape(kit, translator, data->resource_metrics[i]);
        otlp__metrics_data__free_unpacked(data, NULL);
        buffer_fini(&wire);
    }
    CHECK(text != NULL);
    free(text);
    translator_free(translator);
}

static void fold_scraped(const char *mesh) {
    kit_t kit = kit_new(NULL, NULL);
    (void)feed(&kit, mesh, OTLP_TRACES);
    scrape_recording(&kit, mesh);
    (void)feed(&kit, mesh, OTLP_LOGS);
    golden_compare(&kit, mesh);
    kit_free(&kit);
}

#define MESH(name)                                                                                                     \
    TEST(pages_of_##name##_are_seen_as_its_recording_is) {                                                             \
        fold_scraped(#name);                                                                                           \
    }

MESH(istio)
MESH(linkerd)
MESH(consul)
MESH(kuma2)
MESH(kuma3)
MESH(app_mesh)
MESH(osm)
MESH(traefik)

TEST_MAIN(
    TEST_CASE(pages_of_istio_are_seen_as_its_recording_is), TEST_CASE(pages_of_linkerd_are_seen_as_its_recording_is),
    TEST_CASE(pages_of_consul_are_seen_as_its_recording_is), TEST_CASE(pages_of_kuma2_are_seen_as_its_recording_is),
    TEST_CASE(pages_of_kuma3_are_seen_as_its_recording_is), TEST_CASE(pages_of_app_mesh_are_seen_as_its_recording_is),
    TEST_CASE(pages_of_osm_are_seen_as_its_recording_is), TEST_CASE(pages_of_traefik_are_seen_as_its_recording_is))
