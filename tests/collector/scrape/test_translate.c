/* Pages as OTLP: read back with protobuf-c, which is not ours. */
#include "collector/scrape/translate.h"
#include "otlp.pb-c.h"
#include "tests/test.h"

#include <math.h>

#define NOW INT64_C(1700000000000000000)

typedef struct {
    dialect_set_t *dialects;
    translator_t *translator;
    buffer_t request;
    page_result_t result;
    Otlp__MetricsData *data;
    err_t err;
} scraped_t;

static scraped_t scrape(const char *page, const origin_t *origin) {
    const origin_t plain = {.job = "mesh", .time_ns = NOW};
    scraped_t s = {.dialects = dialect_set_new(NULL)};
    s.translator = translator_new(s.dialects, 64 << 20);
    s.err = translate_page(s.translator, slice_text(page), origin == NULL ? &plain : origin, &s.request, &s.result);
    s.data = otlp__metrics_data__unpack(NULL, s.request.len, s.request.data);
    CHECK(s.data != NULL);
    return s;
}

static void forget(scraped_t *s) {
    if (s->data != NULL) otlp__metrics_data__free_unpacked(s->data, NULL);
    translator_free(s->translator);
    dialect_set_free(s->dialects);
    buffer_fini(&s->request);
}

static const Otlp__Metric *metric(const scraped_t *s, size_t i) {
    static const Otlp__Metric none = OTLP__METRIC__INIT;
    if (s->data == NULL || s->data->n_resource_metrics != 1) return &none;
    const Otlp__ScopeMetrics *scope = s->data->resource_metrics[0]->scope_metrics[0];
    return i < scope->n_metrics ? scope->metrics[i] : &none;
}

/* "a=b,c=d" */
static const char *pairs(Otlp__KeyValue *const *list, size_t count) {
    static char out[1000];
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(out + len, sizeof out - len, "%s%s=%s", i > 0 ? "," : "", list[i]->key,
                                list[i]->value->string_value);
    return out;
}

#define REQUESTS "istio_requests_total"
#define DURATION "istio_request_duration_milliseconds"

TEST(a_counter_is_a_monotonic_cumulative_sum_with_its_labels) {
    scraped_t s = scrape("# TYPE " REQUESTS " counter\n" REQUESTS
                         "{reporter=\"source\",empty=\"\",response_code=\"2\\\"0\"} 12\n",
                         NULL);
    const Otlp__Metric *m = metric(&s, 0);
    CHECK_TEXT(m->name, REQUESTS);
    REQUIRE(m->data_case == OTLP__METRIC__DATA_SUM);
    CHECK(m->sum->is_monotonic &&
          m->sum->aggregation_temporality == OTLP__AGGREGATION_TEMPORALITY__AGGREGATION_TEMPORALITY_CUMULATIVE);
    CHECK(m->sum->data_points[0]->as_double == 12);
    CHECK_EQUAL(m->sum->data_points[0]->time_unix_nano, NOW);
    CHECK_EQUAL(m->sum->data_points[0]->start_time_unix_nano, 0);
    CHECK_TEXT(pairs(m->sum->data_points[0]->attributes, m->sum->data_points[0]->n_attributes),
               "reporter=source,response_code=2\"0");
    forget(&s);
}

TEST(buckets_are_told_apart_instead_of_added_up) {
    scraped_t s = scrape("# TYPE " DURATION " histogram\n" DURATION "_bucket{a=\"b\",le=\"1\"} 2\n" DURATION
                         "_bucket{a=\"b\",le=\"5\"} 2\n" DURATION "_bucket{a=\"b\",le=\"+Inf\"} 7\n" DURATION
                         "_sum{a=\"b\"} 70.5\n" DURATION "_count{a=\"b\"} 7\n",
                         NULL);
    const Otlp__Metric *m = metric(&s, 0);
    CHECK_TEXT(m->name, DURATION);
    REQUIRE(m->data_case == OTLP__METRIC__DATA_HISTOGRAM && m->histogram->n_data_points == 1);
    const Otlp__HistogramDataPoint *p = m->histogram->data_points[0];
    REQUIRE(p->n_bucket_counts == 3 && p->n_explicit_bounds == 2);
    CHECK(p->bucket_counts[0] == 2 && p->bucket_counts[1] == 0 && p->bucket_counts[2] == 5);
    CHECK(p->explicit_bounds[0] == 1 && p->explicit_bounds[1] == 5);
    CHECK(p->count == 7 && p->sum == 70.5);
    CHECK_TEXT(pairs(p->attributes, p->n_attributes), "a=b");
    forget(&s);
}

/* The same series, its lines shuffled, `le` in the middle, labels in other orders. */
TEST(the_order_of_a_histograms_lines_and_labels_means_nothing) {
    static const char *const lines[] = {DURATION "_bucket{a=\"b\",c=\"d\",le=\"1\"} 2",
                                        DURATION "_bucket{le=\"5\",a=\"b\",c=\"d\"} 4",
                                        DURATION "_bucket{a=\"b\",le=\"+Inf\",c=\"d\"} 9",
                                        DURATION "_sum{c=\"d\",a=\"b\"} 3",
                                        DURATION "_count{a=\"b\",c=\"d\",} 9",
                                        DURATION "_bucket{a=\"x\",le=\"1\"} 1",
                                        DURATION "_bucket{a=\"x\",le=\"+Inf\"} 1",
                                        DURATION "_count{a=\"x\"} 1"};
    enum { LINES = sizeof lines / sizeof lines[0] };
    uint64_t seed = 7;
    for (int round = 0; round < 50; round++) {
        char page[2000] = "# TYPE " DURATION " histogram\n";
        bool used[LINES] = {false};
        for (int i = 0; i < LINES; i++) {
            size_t at = test_random(&seed) % LINES;
            while (used[at]) at = (at + 1) % LINES;
            used[at] = true;
            (void)snprintf(page + strlen(page), sizeof page - strlen(page), "%s\n", lines[at]);
        }
        scraped_t s = scrape(page, NULL);
        const Otlp__Metric *m = metric(&s, 0);
        REQUIRE(m->data_case == OTLP__METRIC__DATA_HISTOGRAM && m->histogram->n_data_points == 2);
        for (int i = 0; i < 2; i++) {
            const Otlp__HistogramDataPoint *p = m->histogram->data_points[i];
            bool large = p->count == 9;
            REQUIRE(p->n_bucket_counts == (large ? 3 : 2));
            CHECK(p->bucket_counts[0] == (large ? 2 : 1) &&
                  p->bucket_counts[p->n_bucket_counts - 1] == (large ? 5 : 0));
        }
        CHECK_EQUAL(s.result.unusable, 0);
        forget(&s);
    }
}

TEST(what_cannot_be_a_histogram_is_left_out_and_counted) {
    static const char *const pages[] = {
        DURATION "_bucket{le=\"1\"} 5\n" DURATION "_bucket{le=\"+Inf\"} 4\n", /* falls */
        DURATION "_bucket{le=\"1\"} 5\n",                                     /* no end and no count */
        DURATION "_bucket{le=\"+Inf\"} 1.5\n",                                /* half an observation */
        DURATION "_bucket{le=\"1\"} 1\n" DURATION "_bucket{le=\"1\"} 1\n" DURATION "_bucket{le=\"+Inf\"} 1\n",
        DURATION "_bucket{le=\"+Inf\"} -1\n"};
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        char page[500];
        (void)snprintf(page, sizeof page, "# TYPE " DURATION " histogram\n%s", pages[i]);
        scraped_t s = scrape(page, NULL);
        CHECK_EQUAL(s.err, ERR_OK);
        CHECK_EQUAL(s.result.unusable, 1);
        CHECK_EQUAL(s.request.len, 0);
        forget(&s);
    }
}

TEST(created_is_the_start_of_what_was_counted) {
    const origin_t origin = {.job = "mesh", .time_ns = NOW, .openmetrics = true, .start_ns = NOW - 5000000000};
    scraped_t s = scrape("# TYPE istio_requests counter\n" REQUESTS
                         "{a=\"b\"} 5\nistio_requests_created{a=\"b\"} 1699999990.5\n" REQUESTS "{a=\"c\"} 6\n# EOF\n",
                         &origin);
    const Otlp__Metric *m = metric(&s, 0);
    CHECK_TEXT(m->name, REQUESTS);
    REQUIRE(m->data_case == OTLP__METRIC__DATA_SUM && m->sum->n_data_points == 2);
    CHECK_EQUAL(m->sum->data_points[0]->start_time_unix_nano, INT64_C(1699999990500000000));
    CHECK_EQUAL(m->sum->data_points[1]->start_time_unix_nano, origin.start_ns);
    forget(&s);
}

TEST(families_that_nobody_reads_are_left_out) {
    scraped_t s = scrape(
        "# TYPE go_goroutines gauge\ngo_goroutines 5\n# TYPE istio_build gauge\nistio_build 1\n# TYPE up gauge\nup 1\n",
        NULL);
    CHECK_EQUAL(s.err, ERR_OK);
    CHECK_EQUAL(s.request.len, 0);
    CHECK_EQUAL(s.result.samples, 3);
    CHECK_EQUAL(s.result.points, 0);
    forget(&s);
}

TEST(labels_of_the_target_win_and_the_pages_are_exported) {
    const origin_label_t labels[] = {{"pod", "front-x"}, {"zone", "a"}, {NULL, NULL}};
    origin_t origin = {.job = "mesh", .time_ns = NOW, .labels = labels};
    const char *page = REQUESTS "{pod=\"other\",instance=\"i\",code=\"200\"} 1\n";
    scraped_t s = scrape(page, &origin);
    const Otlp__NumberDataPoint *p = metric(&s, 0)->sum->data_points[0];
    CHECK_TEXT(pairs(p->attributes, p->n_attributes),
               "exported_pod=other,exported_instance=i,code=200,pod=front-x,zone=a");
    forget(&s);
    origin.honor_labels = true;
    s = scrape(page, &origin);
    p = metric(&s, 0)->sum->data_points[0];
    CHECK_TEXT(pairs(p->attributes, p->n_attributes), "pod=other,instance=i,code=200,zone=a");
    forget(&s);
}

TEST(the_job_is_the_service_unless_the_page_knows_better) {
    buffer_t resource = {0};
    origin_attribute(&resource, "service.instance.id", "10.0.0.1:80");
    const origin_t origin = {.job = "mesh", .time_ns = NOW, .resource = buffer_slice(&resource)};
    scraped_t s = scrape(REQUESTS " 1\n", &origin);
    const Otlp__Resource *r = s.data->resource_metrics[0]->resource;
    CHECK_TEXT(pairs(r->attributes, r->n_attributes), "service.name=mesh,service.instance.id=10.0.0.1:80");
    forget(&s);
    s = scrape(REQUESTS
               " 1\n# TYPE target_info gauge\ntarget_info{service_name=\"cart\",service_version=\"2\",job=\"x\"} 1\n",
               &origin);
    r = s.data->resource_metrics[0]->resource;
    CHECK_TEXT(pairs(r->attributes, r->n_attributes),
               "service.instance.id=10.0.0.1:80,service.name=cart,service_version=2");
    forget(&s);
    buffer_fini(&resource);
}

TEST(timestamps_of_the_page_count_only_where_they_are_honored) {
    origin_t origin = {.job = "mesh", .time_ns = NOW};
    scraped_t s = scrape(REQUESTS " 1 1600000000000\n", &origin);
    CHECK_EQUAL(metric(&s, 0)->sum->data_points[0]->time_unix_nano, NOW);
    forget(&s);
    origin.honor_timestamps = true;
    s = scrape(REQUESTS " 1 1600000000000\n", &origin);
    CHECK_EQUAL(metric(&s, 0)->sum->data_points[0]->time_unix_nano, INT64_C(1600000000000000000));
    forget(&s);
}

TEST(a_summary_keeps_its_quantiles) {
    scraped_t s = scrape(
        "# TYPE http_server_request_duration_seconds summary\nhttp_server_request_duration_seconds{quantile=\"0.5\"} "
        "0.25\n"
        "http_server_request_duration_seconds{quantile=\"0.99\"} NaN\nhttp_server_request_duration_seconds_sum 5\n"
        "http_server_request_duration_seconds_count 20\n",
        NULL);
    const Otlp__Metric *m = metric(&s, 0);
    REQUIRE(m->data_case == OTLP__METRIC__DATA_SUMMARY && m->summary->n_data_points == 1);
    const Otlp__SummaryDataPoint *p = m->summary->data_points[0];
    REQUIRE(p->n_quantile_values == 2);
    CHECK(p->count == 20 && p->sum == 5 && p->quantile_values[0]->quantile == 0.5 &&
          p->quantile_values[0]->value == 0.25);
    CHECK(isnan(p->quantile_values[1]->value));
    forget(&s);
}

TEST(of_a_broken_page_nothing_is_used) {
    scraped_t s = scrape(REQUESTS " 1\n" REQUESTS "{a=b} 2\n", NULL);
    CHECK_EQUAL(s.err, ERR_MALFORMED);
    CHECK_EQUAL(s.result.line, 2);
    CHECK_EQUAL(s.request.len, 0);
    forget(&s);
}

TEST(a_broken_page_leaves_nothing_behind_for_the_next_one) {
    const origin_t origin = {.job = "mesh", .time_ns = NOW};
    scraped_t s =
        scrape("# TYPE " DURATION " histogram\n" DURATION "_bucket{le=\"+Inf\"} 1\n" DURATION "_count x\n", NULL);
    CHECK_EQUAL(s.err, ERR_MALFORMED);
    CHECK_EQUAL(translate_page(s.translator, slice_text("up 1\n"), &origin, &s.request, &s.result), ERR_OK);
    CHECK_EQUAL(s.request.len, 0);
    forget(&s);
}

TEST(a_page_of_short_lines_cannot_become_a_huge_request) {
    char long_value[2001] = "";
    memset(long_value, 'x', 2000);
    const origin_label_t labels[] = {{"zone", long_value}, {NULL, NULL}};
    const origin_t origin = {.job = "mesh", .time_ns = NOW, .labels = labels};
    buffer_t counters = {0}, buckets = {0}, request = {0};
    dialect_set_t *dialects = dialect_set_new(NULL);
    translator_t *translator = translator_new(dialects, 1 << 20);
    page_result_t result;
    buffer_text(&buckets, "# TYPE " DURATION " histogram\n");
    for (int i = 0; i < 100000; i++) {
        buffer_text(&counters, REQUESTS " 1\n");
        buffer_format(&buckets, DURATION "_bucket{le=\"%d\"} 1\n", i);
    }
    CHECK_EQUAL(translate_page(translator, buffer_slice(&counters), &origin, &request, &result), ERR_TOO_LARGE);
    CHECK(result.line > 400 && result.line < 600);
    CHECK_EQUAL(translate_page(translator, buffer_slice(&buckets), &origin, &request, &result), ERR_TOO_LARGE);
    CHECK_EQUAL(request.len, 0);
    CHECK_EQUAL(translate_page(translator, slice_text(REQUESTS " 1\n"), &origin, &request, &result), ERR_OK);
    CHECK_EQUAL(result.points, 1);
    translator_free(translator);
    dialect_set_free(dialects);
    buffer_fini(&counters);
    buffer_fini(&buckets);
    buffer_fini(&request);
}

TEST_MAIN(TEST_CASE(a_page_of_short_lines_cannot_become_a_huge_request),
          TEST_CASE(a_broken_page_leaves_nothing_behind_for_the_next_one),
          TEST_CASE(a_counter_is_a_monotonic_cumulative_sum_with_its_labels),
          TEST_CASE(buckets_are_told_apart_instead_of_added_up),
          TEST_CASE(the_order_of_a_histograms_lines_and_labels_means_nothing),
          TEST_CASE(what_cannot_be_a_histogram_is_left_out_and_counted),
          TEST_CASE(created_is_the_start_of_what_was_counted), TEST_CASE(families_that_nobody_reads_are_left_out),
          TEST_CASE(labels_of_the_target_win_and_the_pages_are_exported),
          TEST_CASE(the_job_is_the_service_unless_the_page_knows_better),
          TEST_CASE(timestamps_of_the_page_count_only_where_they_are_honored), TEST_CASE(a_summary_keeps_its_quantiles),
          TEST_CASE(of_a_broken_page_nothing_is_used))
