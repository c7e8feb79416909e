/* A ledger: made-up processes count requests, and send what they counted as protobuf-c packs it; the fold must arrive
 * at the same numbers, whatever happens on the way. */
#include "kit.h"
#include "otlp.pb-c.h"

#include <math.h>

enum { BOUNDS = 5, ROUTES = 3, EXPORTS = 40 };

static const double bounds[BOUNDS] = {0.005, 0.01, 0.1, 1, 10};

/* One series of a process: what it counted since its start. */
typedef struct {
    uint64_t count, buckets[BOUNDS + 1];
    double sum;
} series_t;

typedef struct {
    bool cumulative, exponential, start_told;
    int64_t start_ns, last_ns;
    series_t series[ROUTES];
} process_t;

/* What the process counts until its next export; returns how many requests. */
static uint64_t work(process_t *p, uint64_t *seed) {
    uint64_t all = 0;
    for (int i = 0; i < ROUTES; i++)
        for (uint64_t n = test_random(seed) % 20; n > 0; n--, all++) {
            uint64_t bucket = test_random(seed) % (BOUNDS + 1);
            p->series[i].count++;
            p->series[i].buckets[bucket]++;
            p->series[i].sum += bucket < BOUNDS ? bounds[bucket] : 20;
        }
    return all;
}

typedef struct {
    Otlp__KeyValue attribute[2], *attributes[2];
    Otlp__AnyValue value[2];
    Otlp__HistogramDataPoint histogram;
    Otlp__ExponentialHistogramDataPoint exponential;
    Otlp__ExponentialBuckets positive;
    uint64_t counts[BOUNDS + 1];
    char route[16];
} packed_t;

static void pack_attributes(packed_t *to, int route, bool swapped) {
    (void)snprintf(to->route, sizeof to->route, "/%d", route);
    static char keys[2][32] = {"http.route", "http.response.status_code"};
    for (int i = 0; i < 2; i++) {
        otlp__key_value__init(&to->attribute[i]);
        otlp__any_value__init(&to->value[i]);
        to->attribute[i].key = keys[i];
        to->attribute[i].value = &to->value[i];
        to->attributes[swapped ? 1 - i : i] = &to->attribute[i];
    }
    to->value[0].value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
    to->value[0].string_value = to->route;
    to->value[1].value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
    to->value[1].int_value = 200;
}

static void pack_point(const process_t *p, int64_t time_ns, int route, bool swapped, packed_t *to) {
    const series_t *series = &p->series[route];
    pack_attributes(to, route, swapped);
    memcpy(to->counts, series->buckets, sizeof to->counts);
    uint64_t start = p->start_told ? (uint64_t)(p->cumulative ? p->start_ns : p->last_ns) : 0;
    if (p->exponential) {
        otlp__exponential_histogram_data_point__init(&to->exponential);
        otlp__exponential_buckets__init(&to->positive);
        to->positive.offset = -8;
        to->positive.n_bucket_counts = BOUNDS + 1;
        to->positive.bucket_counts = to->counts;
        to->exponential.positive = &to->positive;
        to->exponential.scale = 1;
        to->exponential.count = series->count;
        to->exponential.sum_presence_case = OTLP__EXPONENTIAL_HISTOGRAM_DATA_POINT__SUM_PRESENCE_SUM;
        to->exponential.sum = series->sum;
        to->exponential.n_attributes = 2;
        to->exponential.attributes = to->attributes;
        to->exponential.start_time_unix_nano = start;
        to->exponential.time_unix_nano = (uint64_t)time_ns;
        return;
    }
    otlp__histogram_data_point__init(&to->histogram);
    to->histogram.n_bucket_counts = BOUNDS + 1;
    to->histogram.bucket_counts = to->counts;
    to->histogram.n_explicit_bounds = BOUNDS;
    to->histogram.explicit_bounds = (double *)(uintptr_t)bounds;
    to->histogram.count = series->count;
    to->histogram.sum_presence_case = OTLP__HISTOGRAM_DATA_POINT__SUM_PRESENCE_SUM;
    to->histogram.sum = series->sum;
    to->histogram.n_attributes = 2;
    to->histogram.attributes = to->attributes;
    to->histogram.start_time_unix_nano = start;
    to->histogram.time_unix_nano = (uint64_t)time_ns;
}

static void pack_request(Otlp__Metric *metric, buffer_t *out) {
    Otlp__ScopeMetrics scope = OTLP__SCOPE_METRICS__INIT, *scopes[] = {&scope};
    Otlp__ResourceMetrics resource = OTLP__RESOURCE_METRICS__INIT, *resources[] = {&resource};
    Otlp__ExportMetricsServiceRequest request = OTLP__EXPORT_METRICS_SERVICE_REQUEST__INIT;
    Otlp__Metric *metrics[] = {metric};
    scope.n_metrics = resource.n_scope_metrics = request.n_resource_metrics = 1;
    scope.metrics = metrics;
    resource.scope_metrics = scopes;
    request.resource_metrics = resources;
    size_t len = otlp__export_metrics_service_request__get_packed_size(&request);
    out->len = 0;
    (void)otlp__export_metrics_service_request__pack(&request, buffer_reserve(out, len));
    out->len = len;
}

/* All series of a process at one time. */
static void export(const process_t *p, int64_t time_ns, bool swapped, buffer_t *out) {
    packed_t points[ROUTES];
    Otlp__HistogramDataPoint *histograms[ROUTES];
    Otlp__ExponentialHistogramDataPoint *exponentials[ROUTES];
    Otlp__Metric metric = OTLP__METRIC__INIT;
    Otlp__Histogram histogram = OTLP__HISTOGRAM__INIT;
    Otlp__ExponentialHistogram exponential = OTLP__EXPONENTIAL_HISTOGRAM__INIT;
    for (int i = 0; i < ROUTES; i++) {
        pack_point(p, time_ns, i, swapped, &points[i]);
        histograms[i] = &points[i].histogram;
        exponentials[i] = &points[i].exponential;
    }
    static char name[] = "http.server.request.duration", unit[] = "s";
    metric.name = name;
    metric.unit = unit;
    histogram.n_data_points = exponential.n_data_points = ROUTES;
    histogram.data_points = histograms;
    exponential.data_points = exponentials;
    histogram.aggregation_temporality = exponential.aggregation_temporality =
        p->cumulative ? OTLP__AGGREGATION_TEMPORALITY__AGGREGATION_TEMPORALITY_CUMULATIVE
                      : OTLP__AGGREGATION_TEMPORALITY__AGGREGATION_TEMPORALITY_DELTA;
    metric.data_case = p->exponential ? OTLP__METRIC__DATA_EXPONENTIAL_HISTOGRAM : OTLP__METRIC__DATA_HISTOGRAM;
    if (p->exponential)
        metric.exponential_histogram = &exponential;
    else
        metric.histogram = &histogram;
    pack_request(&metric, out);
}

/* Saves the fold's state and goes on with a new one that loaded it. */
static void restart_fold(kit_t *kit) {
    buffer_t before = {0}, after = {0};
    counters_t *counters = calloc(1, sizeof *counters);
    delta_t *loaded = delta_new(1000, INT64_C(3600) * KIT_SECOND, counters);
    delta_save(kit->fold->delta, &before);
    bytes_t in = bytes_of(buffer_slice(&before));
    CHECK_EQUAL(delta_load(loaded, &in), ERR_OK);
    CHECK(bytes_done(&in));
    delta_save(loaded, &after);
    CHECK(slice_equal(buffer_slice(&before), buffer_slice(&after)));
    delta_free(loaded);
    delta_free(kit->fold->delta);
    kit->fold->delta = delta_new(1000, INT64_C(3600) * KIT_SECOND, kit->counters);
    in = bytes_of(buffer_slice(&before));
    CHECK_EQUAL(delta_load(kit->fold->delta, &in), ERR_OK);
    free(counters);
    buffer_fini(&before);
    buffer_fini(&after);
}

static void feed(kit_t *kit, const buffer_t *wire) {
    CHECK_EQUAL(kit_record(kit, OTLP_METRICS, buffer_slice(wire)), ERR_OK);
}

/* Runs one process through its life, with restarts, repeated and late exports; returns the requests it served. */
static uint64_t live(kit_t *kit, process_t *p, uint64_t seed) {
    uint64_t served = 0;
    buffer_t wire = {0}, kept = {0};
    int64_t now = KIT_TIME * KIT_SECOND;
    p->start_ns = p->last_ns = now;
    for (int i = 0; i < EXPORTS; i++) {
        now += (int64_t)(5 + test_random(&seed) % 60) * KIT_SECOND;
        served += work(p, &seed);
        export(p, now, test_random(&seed) % 2, &wire);
        feed(kit, &wire);
        if (i % 7 == 3) {
            export(p, now, i % 2, &kept); /* the same points again, in another order of attributes */
            if (!slice_equal(buffer_slice(&kept), buffer_slice(&wire))) feed(kit, &kept);
        }
        if (i % 11 == 5) restart_fold(kit);
        p->last_ns = now;
        bool restart = i % 9 == 8 && p->cumulative;
        if (restart && p->start_told) p->start_ns = now;
        if (!p->cumulative || restart) memset(p->series, 0, sizeof p->series);
    }
    buffer_fini(&wire);
    buffer_fini(&kept);
    return served;
}

TEST(every_request_that_a_process_counted_is_counted_once) {
    for (uint64_t seed = 1; seed <= 24; seed++) {
        kit_t kit = kit_new(NULL, NULL);
        process_t p = {.cumulative = seed & 1, .exponential = (seed & 2) != 0, .start_told = true};
        uint64_t served = live(&kit, &p, seed);
        const cell_t *cell = kit_total(&kit, ENTITY_SERVICE, OBSERVER_APP, "unknown", NULL, NULL);
        if (cell->requests != served) (void)fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
        CHECK_EQUAL(cell->requests, served);
        CHECK_EQUAL(cell->ok.count, served);
        uint64_t by_route = 0;
        by_route += kit_total(&kit, ENTITY_OPERATION, OBSERVER_APP, "unknown", NULL, "/0")->requests;
        by_route += kit_total(&kit, ENTITY_OPERATION, OBSERVER_APP, "unknown", NULL, "/1")->requests;
        by_route += kit_total(&kit, ENTITY_OPERATION, OBSERVER_APP, "unknown", NULL, "/2")->requests;
        CHECK_EQUAL(by_route, served);
        if (p.cumulative) CHECK(kit_count(&kit, COUNTER_POINT_RESETS) >= 3 * ROUTES);
        CHECK(kit_count(&kit, COUNTER_DROPPED_POINT_DUPLICATE) > 0);
        kit_free(&kit);
    }
}

/* ---- single streams ---- */

typedef struct {
    counters_t *counters;
    delta_t *delta;
} bench_t;

static bench_t bench_new(uint32_t streams) {
    bench_t b = {.counters = calloc(1, sizeof(counters_t))};
    b.delta = delta_new(streams, 100 * KIT_SECOND, b.counters);
    return b;
}

static void bench_free(bench_t *b) {
    delta_free(b->delta);
    free(b->counters);
}

/* The increment of a whole number, -1 when there is none. */
static int64_t put(bench_t *b, uint64_t stream, int64_t start, int64_t time, uint64_t value) {
    delta_point_t point = {.start_ns = start * KIT_SECOND, .time_ns = time * KIT_SECOND, .whole = true, .count = value};
    int64_t since;
    bool counts = delta_cumulative(b->delta, (stream_id_t){1, 2}, (stream_id_t){stream, stream}, &point, &since);
    return counts ? (int64_t)point.count : -1;
}

TEST(an_unknown_start_makes_the_first_point_a_baseline) {
    bench_t b = bench_new(10);
    CHECK_EQUAL(put(&b, 7, 0, 1000, 50), -1);
    CHECK_EQUAL(put(&b, 7, 0, 1010, 55), 5);
    CHECK_EQUAL(put(&b, 7, 0, 1020, 55), 0);
    bench_free(&b);
}

TEST(a_start_long_ago_makes_the_first_point_a_baseline_a_recent_one_counts) {
    bench_t b = bench_new(10);
    CHECK_EQUAL(put(&b, 7, 100, 1000, 50), -1);
    bench_free(&b);
    b = bench_new(10);
    CHECK_EQUAL(put(&b, 7, 970, 1000, 50), 50);
    bench_free(&b);
    b = bench_new(10);
    CHECK_EQUAL(put(&b, 7, 1000, 1000, 50), -1); /* receivers that set the start to their first scrape */
    bench_free(&b);
}

TEST(a_new_stream_of_a_known_family_counts_from_its_first_point) {
    bench_t b = bench_new(10);
    CHECK_EQUAL(put(&b, 7, 0, 1000, 50), -1);
    CHECK_EQUAL(put(&b, 8, 0, 1000, 60), -1); /* the same export: as unknown as the other */
    CHECK_EQUAL(put(&b, 7, 0, 1010, 51), 1);
    CHECK_EQUAL(put(&b, 9, 0, 1010, 3), 3);
    bench_free(&b);
}

TEST(a_falling_value_or_a_new_start_is_a_reset) {
    bench_t b = bench_new(10);
    CHECK_EQUAL(put(&b, 7, 0, 1000, 50), -1);
    CHECK_EQUAL(put(&b, 7, 0, 1010, 4), 4);
    CHECK_EQUAL(counters_get(b.counters, COUNTER_POINT_RESETS), 1);
    CHECK_EQUAL(put(&b, 7, 900, 1020, 10), 6);   /* the start is told from now on */
    CHECK_EQUAL(put(&b, 7, 1025, 1030, 12), 12); /* began anew, though the value did not fall */
    CHECK_EQUAL(counters_get(b.counters, COUNTER_POINT_RESETS), 2);
    CHECK_EQUAL(counters_get(b.counters, COUNTER_POINT_GAPS), 1);
    bench_free(&b);
}

TEST(repeated_and_late_points_count_nothing) {
    bench_t b = bench_new(10);
    (void)put(&b, 7, 0, 1000, 50);
    CHECK_EQUAL(put(&b, 7, 0, 1010, 60), 10);
    CHECK_EQUAL(put(&b, 7, 0, 1010, 60), -1);
    CHECK_EQUAL(put(&b, 7, 0, 1005, 55), -1);
    CHECK_EQUAL(put(&b, 7, 0, 1020, 61), 1);
    CHECK_EQUAL(counters_get(b.counters, COUNTER_DROPPED_POINT_DUPLICATE), 1);
    CHECK_EQUAL(counters_get(b.counters, COUNTER_DROPPED_POINT_OUT_OF_ORDER), 1);
    bench_free(&b);
}

TEST(streams_are_capped_and_idle_ones_give_their_place) {
    bench_t b = bench_new(3); /* the family takes one */
    CHECK_EQUAL(put(&b, 7, 970, 1000, 1), 1);
    CHECK_EQUAL(put(&b, 8, 970, 1000, 1), 1);
    CHECK_EQUAL(put(&b, 9, 970, 1000, 1), -1);
    CHECK_EQUAL(counters_get(b.counters, COUNTER_STREAMS_OVERFLOW), 1);
    delta_expire(b.delta, 1090 * KIT_SECOND);
    CHECK_EQUAL(delta_streams(b.delta), 3);
    delta_expire(b.delta, 1101 * KIT_SECOND);
    CHECK_EQUAL(delta_streams(b.delta), 0);
    CHECK_EQUAL(put(&b, 9, 1170, 1200, 1), 1);
    bench_free(&b);
}

/* Increment of an exponential histogram with the given buckets; false = none. */
static bool put_exponential(bench_t *b, int64_t time, int32_t scale, int32_t offset, const uint64_t *buckets,
                            uint32_t n, uint64_t zeros, delta_point_t *point, uint64_t space[DELTA_BUCKETS_MAX]) {
    int64_t since;
    *point = (delta_point_t){.time_ns = time * KIT_SECOND,
                             .exponential = true,
                             .scale = scale,
                             .offset = offset,
                             .bucket_count = n,
                             .buckets = space,
                             .zeros = zeros,
                             .count = zeros};
    for (uint32_t i = 0; i < n; i++) {
        space[i] = buckets[i];
        point->count += buckets[i];
    }
    return delta_cumulative(b->delta, (stream_id_t){1, 2}, (stream_id_t){3, 4}, point, &since);
}

TEST(exponential_histograms_are_compared_at_the_coarser_scale) {
    bench_t b = bench_new(10);
    delta_point_t point;
    uint64_t space[DELTA_BUCKETS_MAX];
    const uint64_t first[] = {1, 2, 3, 4}, second[] = {1, 9, 5}, widened[] = {9, 5};
    CHECK(!put_exponential(&b, 1000, 3, -1, first, 4, 0, &point, space)); /* at scale 2: -1: 1, 0: 5, 1: 4 */
    CHECK(put_exponential(&b, 1010, 2, -1, second, 3, 0, &point, space));
    CHECK_EQUAL(point.count, 5);
    CHECK_EQUAL(point.bucket_count, 3);
    CHECK(space[0] == 0 && space[1] == 4 && space[2] == 1);
    /* the zero bucket was widened over bucket -1: how many is sure, where is not */
    CHECK(put_exponential(&b, 1020, 2, 0, widened, 2, 3, &point, space));
    CHECK_EQUAL(point.count, 2);
    CHECK_EQUAL(point.bucket_count, 0);
    CHECK_EQUAL(counters_get(b.counters, COUNTER_POINT_RESETS), 0);
    bench_free(&b);
}

TEST(malformed_state_is_refused) {
    bench_t b = bench_new(10);
    (void)put(&b, 7, 970, 1000, 1);
    (void)delta_auxiliary(b.delta, 5, 6, 10, 1000 * KIT_SECOND);
    buffer_t state = {0};
    delta_save(b.delta, &state);
    for (size_t len = 0; len < state.len; len++) {
        bench_t fresh = bench_new(10);
        bytes_t in = bytes_of(slice_of(state.data, len));
        CHECK_EQUAL(delta_load(fresh.delta, &in), ERR_MALFORMED);
        bench_free(&fresh);
    }
    buffer_fini(&state);
    bench_free(&b);
}

TEST_MAIN(TEST_CASE(every_request_that_a_process_counted_is_counted_once),
          TEST_CASE(an_unknown_start_makes_the_first_point_a_baseline),
          TEST_CASE(a_start_long_ago_makes_the_first_point_a_baseline_a_recent_one_counts),
          TEST_CASE(a_new_stream_of_a_known_family_counts_from_its_first_point),
          TEST_CASE(a_falling_value_or_a_new_start_is_a_reset), TEST_CASE(repeated_and_late_points_count_nothing),
          TEST_CASE(streams_are_capped_and_idle_ones_give_their_place),
          TEST_CASE(exponential_histograms_are_compared_at_the_coarser_scale), TEST_CASE(malformed_state_is_refused))
