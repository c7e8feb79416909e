/* Metrics as meshes, SDKs and connectors send them, in every form in which they arrive. */
#include "collector/dialect/dialect_yaml.h"
#include "kit.h"

#include <math.h>

/* One metric of one resource. */
#define ONE              "{'resourceMetrics':[{'resource':{'attributes':[%s]},'scopeMetrics':[{'metrics':[%s]}]}]}"
#define TEXT(key, value) "{'key':'" key "','value':{'stringValue':'" value "'}}"
#define JOB              TEXT("service.name", "istio-mesh") "," TEXT("service.instance.id", "10.0.0.7:15020")
#define SHOP                                                                                                           \
    TEXT("service.name", "reviews")                                                                                    \
    "," TEXT("service.namespace", "shop") "," TEXT("service.version", "v2") "," TEXT("k8s.pod.name", "reviews-1")

static bool near(double a, double b) {
    return fabs(a - b) < 1e-6 * (1 + fabs(b));
}

/* A cumulative sum with one point. */
static void feed_sum(kit_t *kit, const char *resource, const char *name, const char *labels, int64_t second,
                     double value) {
    char metric[4096];
    (void)snprintf(
        metric, sizeof metric,
        "{'name':'%s','sum':{'aggregationTemporality':2,'isMonotonic':true,'dataPoints':[{'timeUnixNano':'%lld',"
        "'asDouble':%f,'attributes':[%s]}]}}",
        name, (long long)((KIT_TIME + second) * KIT_SECOND), value, labels);
    kit_feed(kit, OTLP_METRICS, ONE, resource, metric);
}

#define ISTIO(reporter, code, flags, revision)                                                                                                                                    \
    TEXT("reporter", reporter)                                                                                                                                                    \
    "," TEXT("source_canonical_service", "front") "," TEXT("source_workload_namespace", "shop") "," TEXT(                                                                         \
        "source_cluster",                                                                                                                                                         \
        "Kubernetes") "," TEXT("destination_canonical_service",                                                                                                                   \
                               "reviews") "," TEXT("destination_service_name",                                                                                                    \
                                                   "reviews") "," TEXT("destination_workload_namespace",                                                                          \
                                                                       "shop") "," TEXT("destination_canonical_"                                                                  \
                                                                                        "revision",                                                                               \
                                                                                        revision) "," TEXT("request_"                                                             \
                                                                                                           "protocol",                                                            \
                                                                                                           "http") "," TEXT("response_code",                                      \
                                                                                                                            code) "," TEXT("response_flags",                      \
                                                                                                                                           flags) "," TEXT("destination_cluster", \
                                                                                                                                                           "Kubernetes")

TEST(istio_requests_count_once_per_reporter_and_entity) {
    static const char *const names[] = {"istio_requests_total", "istiocustom.istio_requests_total", "istio_requests",
                                        "istiocustom_istio_requests_total"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        kit_t kit = kit_new(NULL, NULL);
        for (int64_t t = 0; t <= 60; t += 15) {
            feed_sum(&kit, JOB, names[i], ISTIO("destination", "200", "-", "v2"), t, 1000 + (double)t * 4);
            feed_sum(&kit, JOB, names[i], ISTIO("source", "200", "-", "v2"), t, 500 + (double)t * 4);
        }
        /* the first failures of a stream that was not there before count at once */
        feed_sum(&kit, JOB, names[i], ISTIO("destination", "503", "-", "v2"), 60, 7);
        feed_sum(&kit, JOB, names[i], ISTIO("source", "503", "UH,URX", "v2"), 60, 9);
        const cell_t *cell = kit_total(&kit, ENTITY_EDGE, OBSERVER_PROXY_SERVER, "shop/reviews", "shop/front", "v2");
        CHECK_EQUAL(cell->requests, 247);
        CHECK_EQUAL(cell->failures[FAILURE_SERVER], 7);
        cell = kit_total(&kit, ENTITY_EDGE, OBSERVER_PROXY_CLIENT, "shop/reviews", "shop/front", "v2");
        CHECK_EQUAL(cell->requests, 249);
        CHECK_EQUAL(cell->failures[FAILURE_CONNECTION], 9);
        CHECK_EQUAL(kit_total(&kit, ENTITY_SERVICE, OBSERVER_PROXY_SERVER, "shop/reviews", NULL, NULL)->requests, 247);
        CHECK_EQUAL(kit_total(&kit, ENTITY_VERSION, OBSERVER_PROXY_SERVER, "shop/reviews", NULL, "v2")->requests, 247);
        CHECK_EQUAL(
            kit_total(&kit, ENTITY_INSTANCE, OBSERVER_PROXY_SERVER, "shop/reviews", NULL, "10.0.0.7:15020")->requests,
            247);
        CHECK_EQUAL(kit_entities(&kit, ENTITY_SERVICE, OBSERVER_PROXY_CLIENT), 0);
        CHECK_EQUAL(kit_total(&kit, ENTITY_SERVICE, OBSERVER_PROXY_SERVER, "istio-mesh", NULL, NULL)->requests, 0);
        kit_free(&kit);
    }
}

TEST(istio_latest_is_no_version_and_unknown_no_service) {
    kit_t kit = kit_new(NULL, NULL);
    const char *passthrough = TEXT("reporter", "source") "," TEXT("source_canonical_service", "front") "," TEXT(
        "destination_canonical_service", "unknown") "," TEXT("destination_service_name",
                                                             "PassthroughCluster") "," TEXT("destination_workload",
                                                                                            "unknown");
    for (int64_t t = 0; t <= 30; t += 15) {
        feed_sum(&kit, JOB, "istio_requests_total", ISTIO("destination", "200", "-", "latest"), t, 10 + (double)t);
        feed_sum(&kit, JOB, "istio_requests_total", passthrough, t, 10 + (double)t);
    }
    CHECK_EQUAL(kit_total(&kit, ENTITY_SERVICE, OBSERVER_PROXY_SERVER, "shop/reviews", NULL, NULL)->requests, 30);
    CHECK_EQUAL(kit_entities(&kit, ENTITY_VERSION, OBSERVER_PROXY_SERVER), 0);
    CHECK_EQUAL(kit_entities(&kit, ENTITY_EDGE, OBSERVER_PROXY_CLIENT), 0);
    CHECK_EQUAL(kit_count(&kit, COUNTER_DROPPED_POINT_IGNORED), 2);
    kit_free(&kit);
}

TEST(istio_statuses_fall_into_classes) {
    static const struct {
        const char *labels;
        failure_t failure;
    } cases[] = {
        {TEXT("response_code", "200") "," TEXT("grpc_response_status", "14"), FAILURE_CONNECTION},
        {TEXT("response_code", "200") "," TEXT("grpc_response_status", "5"), FAILURE_CLIENT},
        {TEXT("response_code", "200") "," TEXT("grpc_response_status", "0"), FAILURE_NONE},
        {TEXT("response_code", "0") "," TEXT("response_flags", "DC"), FAILURE_CLIENT},
        {TEXT("response_code", "0") "," TEXT("response_flags", "-"), FAILURE_CONNECTION},
        {TEXT("response_code", "504") "," TEXT("response_flags", "UT"), FAILURE_TIMEOUT},
        {TEXT("response_code", "503") "," TEXT("response_flags", "UO"), FAILURE_RATE},
        {TEXT("response_code", "429"), FAILURE_RATE},
        {TEXT("response_code", "403") "," TEXT("response_flags", "UAEX"), FAILURE_DENIED},
        {TEXT("response_code", "404"), FAILURE_CLIENT},
        {TEXT("response_code", "200") "," TEXT("response_flags", "DC"), FAILURE_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kit_t kit = kit_new(NULL, NULL);
        char labels[512];
        (void)snprintf(labels, sizeof labels, "%s,%s",
                       TEXT("reporter", "destination") "," TEXT("destination_app", "db"), cases[i].labels);
        for (int64_t t = 0; t <= 15; t += 15) feed_sum(&kit, JOB, "istio_requests_total", labels, t, 5 + (double)t);
        const cell_t *cell = kit_total(&kit, ENTITY_SERVICE, OBSERVER_PROXY_SERVER, "db", NULL, NULL);
        CHECK_EQUAL(cell->requests, 15);
        uint64_t failed = 0;
        for (int f = 0; f < FAILURE_CLASSES; f++) failed += cell->failures[f];
        CHECK_EQUAL(failed, cases[i].failure == FAILURE_NONE ? 0 : 15);
        if (cases[i].failure != FAILURE_NONE) CHECK_EQUAL(cell->failures[cases[i].failure], 15);
        kit_free(&kit);
    }
}

static void feed_histogram(kit_t *kit, const char *resource, const char *name, const char *unit, const char *labels,
                           int64_t second, int temporality, const char *numbers) {
    char metric[4096];
    (void)snprintf(
        metric, sizeof metric,
        "{'name':'%s','unit':'%s','histogram':{'aggregationTemporality':%d,'dataPoints':[{'timeUnixNano':'%lld',"
        "'attributes':[%s],%s}]}}",
        name, unit, temporality, (long long)((KIT_TIME + second) * KIT_SECOND), labels, numbers);
    kit_feed(kit, OTLP_METRICS, ONE, resource, metric);
}

TEST(istio_durations_are_milliseconds_and_split_by_failure) {
    kit_t kit = kit_new(NULL, NULL);
    const char *name = "istio_request_duration_milliseconds";
    for (int64_t t = 0; t <= 60; t += 60) {
        feed_histogram(&kit, JOB, name, "", ISTIO("destination", "200", "-", "v2"), t, 2,
                       t == 0 ? "'count':'10','sum':100,'bucketCounts':['10','0','0'],'explicitBounds':[5,10]"
                              : "'count':'110','sum':900,'bucketCounts':['10','100','0'],'explicitBounds':[5,10]");
        feed_histogram(&kit, JOB, name, "", ISTIO("destination", "500", "-", "v2"), t, 2,
                       t == 0 ? "'count':'0','sum':0,'bucketCounts':['0','0','0'],'explicitBounds':[5,10]"
                              : "'count':'4','sum':8,'bucketCounts':['4','0','0'],'explicitBounds':[5,10]");
    }
    const cell_t *cell = kit_total(&kit, ENTITY_SERVICE, OBSERVER_PROXY_SERVER, "shop/reviews", NULL, NULL);
    CHECK_EQUAL(cell->requests, 0); /* istio_requests_total counts them */
    CHECK_EQUAL(cell->ok.count, 100);
    CHECK_EQUAL(cell->ok.sum_ns, 800000000);
    CHECK_EQUAL(cell->failed.count, 4);
    double median = sketch_quantile(&cell->ok, 0.5);
    CHECK(median > 0.005 && median < 0.010);
    kit_free(&kit);
}

TEST(opentelemetry_durations_count_requests_in_seconds_and_the_older_names_do_not_add_to_them) {
    kit_t kit = kit_new(NULL, NULL);
    const char *now = TEXT("http.response.status_code",
                           "200") "," TEXT("http.route", "/r/{id}") "," TEXT("http.request.method", "GET");
    const char *old = TEXT("http.status_code", "200") "," TEXT("http.route", "/r/{id}") "," TEXT("http.method", "GET");
    feed_histogram(
        &kit, SHOP, "http.server.request.duration", "s", now, 10, 1,
        "'startTimeUnixNano':'1','count':'8','sum':0.8,'bucketCounts':['0','8','0'],'explicitBounds':[0.05,0.1]");
    feed_histogram(
        &kit, SHOP, "http.server.duration", "ms", old, 10, 1,
        "'startTimeUnixNano':'1','count':'8','sum':800,'bucketCounts':['0','8','0'],'explicitBounds':[50,100]");
    static const observer_t observers[] = {OBSERVER_APP, OBSERVER_APP_OLD};
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(kit_total(&kit, ENTITY_OPERATION, observers[i], "shop/reviews", NULL, "GET /r/{id}")->requests, 8);
        const cell_t *cell = kit_total(&kit, ENTITY_SERVICE, observers[i], "shop/reviews", NULL, NULL);
        CHECK_EQUAL(cell->requests, 8);
        CHECK_EQUAL(cell->ok.sum_ns, 800000000);
        CHECK(sketch_quantile(&cell->ok, 0.5) > 0.05 && sketch_quantile(&cell->ok, 0.5) <= 0.101);
    }
    CHECK_EQUAL(kit_total(&kit, ENTITY_INSTANCE, OBSERVER_APP, "shop/reviews", NULL, "reviews-1")->requests, 8);
    kit_free(&kit);
}

TEST(client_durations_count_for_the_edge_alone) {
    kit_t kit = kit_new(NULL, NULL);
    feed_histogram(&kit, SHOP, "http.client.request.duration", "s",
                   TEXT("server.address", "ratings.shop.svc.cluster.local") "," TEXT("error.type", "timeout"), 10, 1,
                   "'startTimeUnixNano':'1','count':'3','sum':3,'bucketCounts':['3'],'explicitBounds':[]");
    feed_histogram(&kit, SHOP, "rpc_client_duration_milliseconds", "",
                   TEXT("rpc.system", "grpc") "," TEXT("rpc_grpc_status_code", "4") "," TEXT("net_peer_name",
                                                                                             "api.example.com:443"),
                   10, 1,
                   "'startTimeUnixNano':'1','count':'2','sum':3,'bucketCounts':['2','0'],'explicitBounds':[100]");
    const cell_t *cell = kit_total(&kit, ENTITY_EDGE, OBSERVER_APP, "shop/ratings", "shop/reviews", NULL);
    CHECK_EQUAL(cell->requests, 3);
    CHECK_EQUAL(cell->failures[FAILURE_SERVER], 3);
    cell = kit_total(&kit, ENTITY_EDGE, OBSERVER_APP_OLD, "api.example.com", "shop/reviews", NULL);
    CHECK_EQUAL(cell->requests, 2);
    CHECK_EQUAL(cell->failures[FAILURE_TIMEOUT], 2);
    CHECK(cell->failed.max_ns <= 101000000);
    CHECK_EQUAL(kit_entities(&kit, ENTITY_SERVICE, OBSERVER_APP), 0);
    kit_free(&kit);
}

TEST(a_host_of_two_words_is_a_service_and_its_namespace_where_there_is_such_a_service) {
    static const char *const hosts[] = {TEXT("server.address", "front.shop"), TEXT("server.address", "front.com")};
    kit_t kit = kit_new(NULL, NULL);
    for (int64_t t = 0; t <= 15; t += 15)
        feed_sum(&kit, JOB, "istio_requests_total", ISTIO("destination", "200", "-", "v2"), t, (double)t);
    feed_sum(&kit, TEXT("service.name", "front") "," TEXT("service.namespace", "shop"), "http.server.requests", "", 15,
             1);
    feed_histogram(&kit, TEXT("service.name", "front") "," TEXT("service.namespace", "shop"),
                   "http.server.request.duration", "s", TEXT("http.route", "/"), 15, 1,
                   "'startTimeUnixNano':'1','count':'3','sum':3,'bucketCounts':['3'],'explicitBounds':[]");
    for (size_t i = 0; i < 2; i++)
        feed_histogram(&kit, SHOP, "http.client.request.duration", "s", hosts[i], 16 + (int64_t)i, 1,
                       "'startTimeUnixNano':'1','count':'3','sum':3,'bucketCounts':['3'],'explicitBounds':[]");
    CHECK_EQUAL(kit_total(&kit, ENTITY_EDGE, OBSERVER_APP, "shop/front", "shop/reviews", NULL)->requests, 3);
    CHECK_EQUAL(kit_total(&kit, ENTITY_EDGE, OBSERVER_APP, "front.com", "shop/reviews", NULL)->requests, 3);
    kit_free(&kit);
}

TEST(envoy_stats_in_both_spellings) {
    static const struct {
        const char *total, *time, *pending, *cluster, *code;
    } forms[] = {
        {"cluster.upstream_rq", "cluster.upstream_rq_time", "cluster.upstream_rq_pending_active", "envoy.cluster_name",
         "envoy.response_code"},
        {"envoy_cluster_upstream_rq", "envoy_cluster_upstream_rq_time", "envoy_cluster_upstream_rq_pending_active",
         "envoy_cluster_name", "envoy_response_code"},
    };
    for (size_t i = 0; i < 2; i++) {
        kit_t kit = kit_new(NULL, NULL);
        char labels[512], metric[1024];
        (void)snprintf(labels, sizeof labels,
                       "{'key':'%s','value':{'stringValue':'outbound|9080|v3|ratings.shop.svc.cluster.local'}},"
                       "{'key':'%s','value':{'stringValue':'503'}}",
                       forms[i].cluster, forms[i].code);
        for (int64_t t = 0; t <= 20; t += 20) feed_sum(&kit, SHOP, forms[i].total, labels, t, 7 + (double)t);
        for (int64_t t = 0; t <= 20; t += 20) {
            feed_sum(&kit, SHOP, "envoy_cluster_upstream_rq_xx", labels, t, 7 + (double)t);
            feed_sum(&kit, SHOP, "envoy_cluster_canary_upstream_rq", labels, t, 7 + (double)t);
            feed_sum(&kit, SHOP, "envoy_cluster_something_new", labels, t, 7 + (double)t);
        }
        feed_histogram(
            &kit, SHOP, forms[i].time, "", labels, 20, 1,
            "'startTimeUnixNano':'1','count':'5','sum':40,'bucketCounts':['0','5','0'],'explicitBounds':[5,10]");
        (void)snprintf(metric, sizeof metric,
                       "{'name':'%s','gauge':{'dataPoints':[{'timeUnixNano':'%lld','asInt':'4','attributes':[%s]}]}}",
                       forms[i].pending, (long long)((KIT_TIME + 20) * KIT_SECOND), labels);
        kit_feed(&kit, OTLP_METRICS, ONE, SHOP, metric);
        const cell_t *cell = kit_total(&kit, ENTITY_EDGE, OBSERVER_PROXY_STATS, "shop/ratings", "shop/reviews", "v3");
        CHECK_EQUAL(cell->requests, 20);
        CHECK_EQUAL(cell->failures[FAILURE_SERVER], 20);
        CHECK_EQUAL(cell->failed.sum_ns, 40000000);
        CHECK(near(kit_gauge(&kit, ENTITY_EDGE, "shop/ratings", "shop/reviews", "pending"), 4));
        CHECK_EQUAL(kit_count(&kit, COUNTER_DROPPED_POINT_IGNORED), 6);
        CHECK(kit_gauge(&kit, ENTITY_SERVICE, "shop/reviews", NULL, "aux/envoy_cluster_something_new") < 0);
        kit_free(&kit);
    }
}

TEST(envoy_counts_what_its_own_listeners_serve_and_nothing_of_other_sides) {
    kit_t kit = kit_new(NULL, NULL);
    const char *inbound =
        TEXT("envoy_http_conn_manager_prefix", "inbound_0.0.0.0_9080") "," TEXT("envoy_response_code_class", "5");
    const char *outbound =
        TEXT("envoy_http_conn_manager_prefix", "outbound_0.0.0.0_9080") "," TEXT("envoy_response_code_class", "2");
    const char *admin = TEXT("envoy_http_conn_manager_prefix", "admin") "," TEXT("envoy_response_code_class", "2");
    const char *own_cluster = TEXT("envoy_cluster_name", "inbound|9080||") "," TEXT("envoy_response_code", "200");
    for (int64_t t = 0; t <= 20; t += 20) {
        feed_sum(&kit, SHOP, "envoy_http_downstream_rq_xx", inbound, t, 1 + (double)t);
        feed_sum(&kit, SHOP, "envoy_http_downstream_rq_xx", outbound, t, 1 + (double)t);
        feed_sum(&kit, SHOP, "envoy_http_downstream_rq_xx", admin, t, 1 + (double)t);
        feed_sum(&kit, SHOP, "envoy_cluster_upstream_rq", own_cluster, t, 1 + (double)t);
    }
    const cell_t *cell = kit_total(&kit, ENTITY_SERVICE, OBSERVER_PROXY_STATS, NULL, NULL, NULL);
    CHECK_EQUAL(cell->requests, 20);
    CHECK_EQUAL(cell->failures[FAILURE_SERVER], 20);
    CHECK_EQUAL(kit_entities(&kit, ENTITY_EDGE, OBSERVER_PROXY_STATS), 0);
    kit_free(&kit);
}

TEST(span_metrics_count_servers_and_the_service_graph_counts_edges) {
    kit_t kit = kit_new(NULL, NULL);
    const char *server = TEXT("service.name", "cart") "," TEXT("span.name", "GET /cart") "," TEXT(
        "span.kind", "SPAN_KIND_SERVER") "," TEXT("status.code", "STATUS_CODE_ERROR");
    const char *internal = TEXT("service.name", "cart") "," TEXT("span.name", "parse") "," TEXT(
        "span.kind", "SPAN_KIND_INTERNAL") "," TEXT("status.code", "STATUS_CODE_UNSET");
    const char *collector = TEXT("service.name", "otelcol");
    const char *graph = TEXT("client", "front") "," TEXT("server", "cart") "," TEXT("failed", "true");
    for (int64_t t = 0; t <= 20; t += 20) {
        feed_sum(&kit, collector, "traces.span.metrics.calls", server, t, 1 + (double)t);
        feed_sum(&kit, collector, "traces_span_metrics_calls_total", internal, t, 1 + (double)t);
        feed_sum(&kit, collector, "traces_service_graph_request_total", graph, t, 1 + (double)t);
        feed_sum(&kit, collector, "traces_service_graph_request_failed_total", graph, t, 1 + (double)t);
        feed_sum(&kit, collector, "calls", TEXT("who", "somebody else"), t, (double)t);
    }
    feed_histogram(&kit, collector, "traces_service_graph_request_server", "s", graph, 20, 1,
                   "'startTimeUnixNano':'1','count':'2','sum':1,'bucketCounts':['2','0'],'explicitBounds':[1]");
    feed_histogram(&kit, collector, "traces_service_graph_request_client_seconds", "", graph, 20, 1,
                   "'startTimeUnixNano':'1','count':'2','sum':1,'bucketCounts':['2','0'],'explicitBounds':[1]");
    const cell_t *cell = kit_total(&kit, ENTITY_SERVICE, OBSERVER_DERIVED, "cart", NULL, NULL);
    CHECK_EQUAL(cell->requests, 20);
    CHECK_EQUAL(cell->failures[FAILURE_SERVER], 20);
    CHECK_EQUAL(kit_total(&kit, ENTITY_OPERATION, OBSERVER_DERIVED, "cart", NULL, "GET /cart")->requests, 20);
    cell = kit_total(&kit, ENTITY_EDGE, OBSERVER_DERIVED, "cart", "front", NULL);
    CHECK_EQUAL(cell->requests, 20);
    CHECK_EQUAL(cell->failures[FAILURE_SERVER], 20); /* `failed` told it: the counter of failures repeats it */
    CHECK_EQUAL(cell->failed.count, 2);
    CHECK_EQUAL(cell->client.count, 2);
    CHECK(near(kit_gauge(&kit, ENTITY_SERVICE, "otelcol", NULL, "aux/calls"), 1)); /* 20 in 20 s, of no span */
    kit_free(&kit);
}

TEST(tempos_counter_of_failures_is_added_to_its_requests) {
    kit_t kit = kit_new(NULL, NULL);
    const char *graph = TEXT("client", "front") "," TEXT("server", "cart");
    for (int64_t t = 0; t <= 20; t += 20) {
        feed_sum(&kit, "", "traces_service_graph_request_total", graph, t, 1 + (double)t);
        feed_sum(&kit, "", "traces_service_graph_request_failed_total", graph, t, 1 + (double)t / 4);
    }
    const cell_t *cell = kit_total(&kit, ENTITY_EDGE, OBSERVER_DERIVED, "cart", "front", NULL);
    CHECK_EQUAL(cell->requests, 20);
    CHECK_EQUAL(cell->failures[FAILURE_SERVER], 5);
    kit_free(&kit);
}

static void feed_gauge(kit_t *kit, const char *resource, const char *name, const char *unit, const char *labels,
                       double value) {
    char metric[2048];
    (void)snprintf(
        metric, sizeof metric,
        "{'name':'%s','unit':'%s','gauge':{'dataPoints':[{'timeUnixNano':'%lld','asDouble':%f,'attributes':[%s]}]}}",
        name, unit, (long long)(KIT_TIME * KIT_SECOND), value, labels);
    kit_feed(kit, OTLP_METRICS, ONE, resource, metric);
}

TEST(the_dialect_of_the_recorded_incidents_reads_them) {
    FILE *file = fopen("datasets/incidents.yaml", "r");
    REQUIRE(file != NULL);
    char yaml[16384], why[256] = "";
    yaml[fread(yaml, 1, sizeof yaml - 1, file)] = '\0';
    (void)fclose(file);
    const dialect_t **extra;
    CHECK_EQUAL(dialect_yaml_parse(yaml, 1, &extra, why, sizeof why), ERR_OK);
    CHECK_TEXT(why, "");
    kit_t kit = kit_new(extra, NULL);
    const char *pod = SHOP "," TEXT("k8s.replicaset.name", "reviews-5f6");
    const char *edge = TEXT("source.service", "front") "," TEXT(
        "destination.service", "reviews") ","
                                          "{'key':'quantile','value':{'doubleValue':0.5}},";
    char labels[512];
    (void)snprintf(labels, sizeof labels, "%s%s", edge, TEXT("reporter", "destination"));
    feed_gauge(&kit, pod, "edge.request.latency", "s", labels, 0.25);
    (void)snprintf(labels, sizeof labels, "%s%s", edge, TEXT("reporter", "source"));
    feed_gauge(&kit, pod, "edge.request.latency", "s", labels, 0.5);
    feed_gauge(&kit, pod, "pod.server.latency", "s", "{'key':'quantile','value':{'doubleValue':0.9}}", 2);
    feed_gauge(&kit, pod, "pod.client.latency", "s", "{'key':'quantile','value':{'doubleValue':0.95}}", 3);
    feed_gauge(&kit, pod, "pod.cpu.usage", "m", "", 250);
    feed_gauge(&kit, pod, "pod.request.rate", "{request}/s", "", 12);
    feed_gauge(&kit, pod, "service.availability", "%", TEXT("statistic", "Average"), 99);
    feed_gauge(&kit, pod, "service.request.latency", "s", TEXT("statistic", "Average"), 1.5);
    feed_gauge(&kit, pod, "service.request.latency", "s", TEXT("statistic", "p99"), 4.5);
    feed_gauge(&kit, pod, "service.requests", "{request}", TEXT("statistic", "Sum"), 77);
    CHECK(near(kit_gauge(&kit, ENTITY_EDGE, "shop/reviews", "shop/front", "latency.p50"), 0.25));
    CHECK(near(kit_gauge(&kit, ENTITY_EDGE, "shop/reviews", "shop/front", "client.latency.p50"), 0.5));
    for (entity_kind_t kind = ENTITY_SERVICE; kind <= ENTITY_INSTANCE; kind += ENTITY_INSTANCE - ENTITY_SERVICE) {
        CHECK(near(kit_gauge(&kit, kind, "shop/reviews", NULL, "latency.p90"), 2));
        CHECK(near(kit_gauge(&kit, kind, "shop/reviews", NULL, "client.latency.p95"), 3));
        CHECK(near(kit_gauge(&kit, kind, "shop/reviews", NULL, "cpu.usage"), 0.25));
        CHECK(near(kit_gauge(&kit, kind, "shop/reviews", NULL, "request_rate"), 12));
        CHECK(near(kit_gauge(&kit, kind, "shop/reviews", NULL, "success_ratio"), 0.99));
        CHECK(near(kit_gauge(&kit, kind, "shop/reviews", NULL, "latency.avg"), 1.5));
        CHECK(near(kit_gauge(&kit, kind, "shop/reviews", NULL, "latency.p99"), 4.5));
        CHECK(near(kit_gauge(&kit, kind, "shop/reviews", NULL, "request_count"), 77));
    }
    kit_free(&kit);
    dialect_yaml_free(extra);
}

TEST(unknown_metrics_are_kept_as_auxiliary_signals_up_to_the_cap) {
    fold_config_t config;
    fold_config_defaults(&config);
    config.auxiliary_per_service = 3;
    kit_t kit = kit_new(NULL, &config);
    feed_gauge(&kit, SHOP, "queue.depth", "1", "", 5);
    for (int64_t t = 0; t <= 10; t += 10) feed_sum(&kit, SHOP, "gc.runs", "", t, 100 + (double)t * 3);
    feed_histogram(&kit, SHOP, "gc.pause", "s", "", 10, 1,
                   "'startTimeUnixNano':'1','count':'4','sum':2,'bucketCounts':['4'],'explicitBounds':[]");
    feed_gauge(&kit, SHOP, "one.too.many", "1", "", 5);
    CHECK(near(kit_gauge(&kit, ENTITY_SERVICE, "shop/reviews", NULL, "aux/queue.depth"), 5));
    CHECK(near(kit_gauge(&kit, ENTITY_INSTANCE, "shop/reviews", NULL, "aux/gc.runs"), 3));
    CHECK(near(kit_gauge(&kit, ENTITY_SERVICE, "shop/reviews", NULL, "aux/gc.pause"), 0.5));
    CHECK(kit_gauge(&kit, ENTITY_SERVICE, "shop/reviews", NULL, "aux/one.too.many") < 0);
    CHECK_EQUAL(kit_count(&kit, COUNTER_DROPPED_POINT_AUX_CAP), 1);
    kit_free(&kit);
}

TEST(summaries_count_requests_and_keep_their_quantiles_as_gauges) {
    kit_t kit = kit_new(NULL, NULL);
    for (int64_t t = 0; t <= 10; t += 10) {
        char metric[1024];
        (void)snprintf(
            metric, sizeof metric,
            "{'name':'http.server.request.duration','unit':'s','summary':{'dataPoints':[{'timeUnixNano':'%lld','count':"
            "'%lld',"
            "'sum':%lld,'quantileValues':[{'quantile':0.5,'value':0.25},{'quantile':0.99,'value':'NaN'}]}]}}",
            (long long)((KIT_TIME + t) * KIT_SECOND), (long long)(5 + t), (long long)(50 + 2 * t));
        kit_feed(&kit, OTLP_METRICS, ONE, SHOP, metric);
    }
    CHECK_EQUAL(kit_total(&kit, ENTITY_SERVICE, OBSERVER_APP, "shop/reviews", NULL, NULL)->requests, 10);
    CHECK(near(kit_gauge(&kit, ENTITY_SERVICE, "shop/reviews", NULL, "latency.p50"), 0.25));
    CHECK(near(kit_gauge(&kit, ENTITY_SERVICE, "shop/reviews", NULL, "latency.avg"), 2));
    kit_free(&kit);
}

TEST(points_that_say_nothing_are_counted_by_reason) {
    kit_t kit = kit_new(NULL, NULL);
    const char *name = "http.server.request.duration";
    feed_histogram(&kit, SHOP, name, "s", "", 1000, 1, "'flags':1");
    feed_histogram(&kit, SHOP, name, "s", "", 1001, 1, "'count':'1','bucketCounts':['1'],'explicitBounds':[1]");
    feed_histogram(&kit, SHOP, name, "s", "", 1002, 1,
                   "'count':'1','bucketCounts':['1','0','0'],'explicitBounds':[2,1]");
    feed_histogram(&kit, SHOP, name, "s", "", 1003, 0, "'count':'1','bucketCounts':['1'],'explicitBounds':[]");
    feed_histogram(&kit, SHOP, name, "s", "", 200000, 1, "'count':'1','bucketCounts':['1'],'explicitBounds':[]");
    feed_histogram(&kit, SHOP, name, "s", "", 9000, 1, "'count':'1','bucketCounts':['1'],'explicitBounds':[]");
    feed_histogram(&kit, SHOP, name, "s", "", 4000, 1, "'count':'1','bucketCounts':['1'],'explicitBounds':[]");
    CHECK_EQUAL(kit_count(&kit, COUNTER_POINT_STALE), 1);
    CHECK_EQUAL(kit_count(&kit, COUNTER_DROPPED_POINT_INVALID), 3);
    CHECK_EQUAL(kit_count(&kit, COUNTER_DROPPED_POINT_FUTURE), 1);
    CHECK_EQUAL(kit_count(&kit, COUNTER_DROPPED_POINT_LATE), 1);
    CHECK_EQUAL(kit_count(&kit, COUNTER_FOLDED_POINTS), 7);
    CHECK_EQUAL(kit_total(&kit, ENTITY_SERVICE, OBSERVER_APP, NULL, NULL, NULL)->requests, 1);
    kit_free(&kit);
}

TEST_MAIN(TEST_CASE(istio_requests_count_once_per_reporter_and_entity),
          TEST_CASE(istio_latest_is_no_version_and_unknown_no_service), TEST_CASE(istio_statuses_fall_into_classes),
          TEST_CASE(istio_durations_are_milliseconds_and_split_by_failure),
          TEST_CASE(opentelemetry_durations_count_requests_in_seconds_and_the_older_names_do_not_add_to_them),
          TEST_CASE(a_host_of_two_words_is_a_service_and_its_namespace_where_there_is_such_a_service),
          TEST_CASE(client_durations_count_for_the_edge_alone), TEST_CASE(envoy_stats_in_both_spellings),
          TEST_CASE(envoy_counts_what_its_own_listeners_serve_and_nothing_of_other_sides),
          TEST_CASE(span_metrics_count_servers_and_the_service_graph_counts_edges),
          TEST_CASE(tempos_counter_of_failures_is_added_to_its_requests),
          TEST_CASE(the_dialect_of_the_recorded_incidents_reads_them),
          TEST_CASE(unknown_metrics_are_kept_as_auxiliary_signals_up_to_the_cap),
          TEST_CASE(summaries_count_requests_and_keep_their_quantiles_as_gauges),
          TEST_CASE(points_that_say_nothing_are_counted_by_reason))
