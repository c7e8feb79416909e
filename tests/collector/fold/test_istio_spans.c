/* Spans of Istio's proxies: all values are texts, both ends come from tags, resources name the proxy. */
#include "kit.h"

#define SPANS            "{'resourceSpans':[{'resource':{'attributes':[%s]},'scopeSpans':[{'spans':[%s]}]}]}"
#define TEXT(key, value) "{'key':'" key "','value':{'stringValue':'" value "'}}"
#define WHEN             "'startTimeUnixNano':'1700000000000000000','endTimeUnixNano':'1700000000020000000'"
#define IDS(span)        "'traceId':'0102030405060708090a0b0c0d0e0f10','spanId':'" span "'"

static const char *const front_proxy = TEXT("component", "proxy") "," TEXT("istio.canonical_service", "front") "," TEXT(
    "istio.namespace",
    "shop") "," TEXT("istio.canonical_revision",
                     "latest") "," TEXT("istio.cluster_id",
                                        "Kubernetes") "," TEXT("node_id",
                                                               "sidecar~10.0.0.3~front-1.shop~shop.svc.cluster."
                                                               "local") "," TEXT("upstream_cluster",
                                                                                 "outbound|9080|v2|reviews.shop."
                                                                                 "svc.cluster.local") "," TEXT("ups"
                                                                                                               "tre"
                                                                                                               "am_"
                                                                                                               "clu"
                                                                                                               "ste"
                                                                                                               "r."
                                                                                                               "nam"
                                                                                                               "e",
                                                                                                               "out"
                                                                                                               "bou"
                                                                                                               "nd|"
                                                                                                               "908"
                                                                                                               "0|"
                                                                                                               "v2|"
                                                                                                               "rev"
                                                                                                               "iew"
                                                                                                               "s."
                                                                                                               "sho"
                                                                                                               "p."
                                                                                                               "svc"
                                                                                                               ".cl"
                                                                                                               "ust"
                                                                                                               "er."
                                                                                                               "loc"
                                                                                                               "al"
                                                                                                               ";");

static const char *const reviews_proxy =
    TEXT("component", "proxy") "," TEXT("istio.canonical_service", "reviews") "," TEXT(
        "istio.namespace",
        "shop") "," TEXT("istio.canonical_revision",
                         "v2") "," TEXT("istio.cluster_id",
                                        "Kubernetes") "," TEXT("node_id",
                                                               "sidecar~10.0.0.9~reviews-1.shop~shop.svc."
                                                               "cluster.local") "," TEXT("downstream_cluster",
                                                                                         "-") "," TEXT("upstrea"
                                                                                                       "m_"
                                                                                                       "cluste"
                                                                                                       "r",
                                                                                                       "inbound"
                                                                                                       "|9080|"
                                                                                                       "|") "," TEXT("z"
                                                                                                                     "o"
                                                                                                                     "n"
                                                                                                                     "e",
                                                                                                                     "e"
                                                                                                                     "u"
                                                                                                                     "-"
                                                                                                                     "1");

static void feed_span(kit_t *kit, const char *service, const char *ids, int kind, const char *proxy, const char *more) {
    char span[4096], resource[128];
    (void)snprintf(resource, sizeof resource, "{'key':'service.name','value':{'stringValue':'%s'}}", service);
    (void)snprintf(span, sizeof span,
                   "{%s,'name':'reviews.shop.svc.cluster.local:9080/*','kind':%d,%s,'attributes':[%s,%s]}", ids, kind,
                   WHEN, proxy, more);
    kit_feed(kit, OTLP_TRACES, SPANS, resource, span);
}

TEST(both_proxies_spans_of_one_call_are_one_edge) {
    kit_t kit = kit_new(NULL, NULL);
    feed_span(&kit, "front.shop", IDS("0102030405060701"), 3, front_proxy,
              TEXT("http.status_code", "503") "," TEXT("response_flags", "-") "," TEXT("error", "true"));
    feed_span(&kit, "reviews.shop", IDS("0102030405060702") ",'parentSpanId':'0102030405060701'", 2, reviews_proxy,
              TEXT("http.status_code", "503") "," TEXT("response_flags", "-") "," TEXT("error", "true"));
    fold_finish(kit.fold);
    const cell_t *cell = kit_total(&kit, ENTITY_EDGE, OBSERVER_PROXY_SPAN, "shop/reviews", "shop/front", "v2");
    CHECK_EQUAL(cell->requests, 1);
    CHECK_EQUAL(cell->failures[FAILURE_SERVER], 1);
    CHECK_EQUAL(kit_entities(&kit, ENTITY_EDGE, OBSERVER_PROXY_SPAN), 1);
    CHECK_EQUAL(kit_total(&kit, ENTITY_SERVICE, OBSERVER_PROXY_SPAN, "shop/reviews", NULL, NULL)->requests, 1);
    CHECK_EQUAL(kit_total(&kit, ENTITY_INSTANCE, OBSERVER_PROXY_SPAN, "shop/reviews", NULL, "reviews-1")->requests, 1);
    CHECK_EQUAL(kit_total(&kit, ENTITY_ZONE, OBSERVER_PROXY_SPAN, "shop/reviews", NULL, "eu-1")->requests, 1);
    kit_free(&kit);
}

TEST(a_call_that_never_arrived_counts_by_the_callers_word) {
    kit_t kit = kit_new(NULL, NULL);
    feed_span(&kit, "front.shop", IDS("0102030405060701"), 3, front_proxy,
              TEXT("http.status_code", "0") "," TEXT("response_flags", "UH"));
    fold_finish(kit.fold);
    const cell_t *cell = kit_total(&kit, ENTITY_EDGE, OBSERVER_PROXY_SPAN, "shop/reviews", "shop/front", "v2");
    CHECK_EQUAL(cell->requests, 1);
    CHECK_EQUAL(cell->failures[FAILURE_CONNECTION], 1);
    kit_free(&kit);
}

TEST(flags_of_an_answered_request_are_no_failure_and_a_component_is_no_proxy) {
    kit_t kit = kit_new(NULL, NULL);
    feed_span(&kit, "reviews", IDS("0102030405060702"), 2, TEXT("component", "net/http"),
              TEXT("http.status_code", "200") "," TEXT("response_flags", "DC"));
    fold_finish(kit.fold);
    const cell_t *cell = kit_total(&kit, ENTITY_SERVICE, OBSERVER_SPAN, "reviews", NULL, NULL);
    CHECK_EQUAL(cell->requests, 1);
    CHECK_EQUAL(cell->ok.count, 1);
    CHECK_EQUAL(kit_entities(&kit, ENTITY_EDGE, OBSERVER_SPAN), 0);
    kit_free(&kit);
}

TEST(a_waypoint_stands_before_the_callee_that_it_names) {
    kit_t kit = kit_new(NULL, NULL);
    feed_span(
        &kit, "waypoint.shop", IDS("0102030405060702"), 2,
        TEXT("component", "proxy") "," TEXT("istio.source_canonical_service", "front") "," TEXT(
            "istio.source_namespace",
            "shop") "," TEXT("istio.source_cluster_id",
                             "Kubernetes") "," TEXT("istio.destination_canonical_service",
                                                    "reviews") "," TEXT("istio.destination_namespace",
                                                                        "shop") "," TEXT("istio.destination_"
                                                                                         "canonical_revision",
                                                                                         "v1") "," TEXT("istio."
                                                                                                        "canonica"
                                                                                                        "l_"
                                                                                                        "service",
                                                                                                        "waypoin"
                                                                                                        "t") "," TEXT("istio.namespace",
                                                                                                                      "shop"),
        TEXT("http.status_code", "200"));
    fold_finish(kit.fold);
    CHECK_EQUAL(kit_total(&kit, ENTITY_EDGE, OBSERVER_PROXY_SPAN, "shop/reviews", "shop/front", "v1")->requests, 1);
    CHECK_EQUAL(kit_total(&kit, ENTITY_VERSION, OBSERVER_PROXY_SPAN, "shop/reviews", NULL, "v1")->requests, 1);
    CHECK_EQUAL(kit_total(&kit, ENTITY_SERVICE, OBSERVER_PROXY_SPAN, "shop/waypoint", NULL, NULL)->requests, 0);
    kit_free(&kit);
}

TEST_MAIN(TEST_CASE(both_proxies_spans_of_one_call_are_one_edge),
          TEST_CASE(a_call_that_never_arrived_counts_by_the_callers_word),
          TEST_CASE(flags_of_an_answered_request_are_no_failure_and_a_component_is_no_proxy),
          TEST_CASE(a_waypoint_stands_before_the_callee_that_it_names))
