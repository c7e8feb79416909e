/* The rules that keep a mesh's telemetry from becoming wrong numbers, each shown on the mesh that breaks it. */
#include "collector/fold/calls.h"
#include "collector/fold/sighting.h"
#include "collector/rollup/observer.h"
#include "say.h"

#define SCRAPED "service.name=mesh-proxies,service.instance.id=10.0.0.7:4191,url.scheme=http,server.port=4191"
#define FRONT   "namespace=shop,deployment=front,pod=front-1,pod_template_hash=aaa"
#define REVIEWS "namespace=shop,deployment=reviews,pod=reviews-1,pod_template_hash=bbb"
#define TO      "direction=outbound,dst_service=reviews,dst_namespace=shop,dst_pod_template_hash=bbb,tls=true"
#define FROM    "direction=inbound,tls=true,client_id=front.shop.serviceaccount.identity.linkerd.cluster.local"

static bool near(double a, double b) {
    return fabs(a - b) < 1e-6 * (1 + fabs(b));
}

/* The edge as a reader sees it: one observer has authority. */
static cell_t edge_as_read(mesh_kit_t *say, const char *caller, const char *callee) {
    cell_t sum, parts[OBSERVERS];
    observer_tally_t tally = {{0}};
    cell_init(&sum);
    for (int i = 0; i < OBSERVERS; i++) {
        cell_init(&parts[i]);
        cell_merge(&parts[i], kit_total(&say->kit, ENTITY_EDGE, (observer_t)i, callee, caller, NULL));
        observer_count(&tally, (observer_t)i, &parts[i]);
    }
    for (int i = 0; i < OBSERVERS; i++) {
        observer_merge(&sum, observer_choose(&tally), (observer_t)i, &parts[i]);
        cell_fini(&parts[i]);
    }
    return sum;
}

TEST(an_edge_that_both_proxies_report_counts_once) {
    mesh_kit_t say = say_new(SCRAPED);
    for (int64_t t = 0; t <= 30; t += 15) {
        say_sum(&say, "response_total", FRONT "," TO ",status_code=200,classification=success", t, 10 + (double)t * 2);
        say_sum(&say, "response_total", REVIEWS "," FROM ",status_code=200,classification=success", t,
                10 + (double)t * 2);
    }
    /* known from its own outbound points, the certificate's account is the caller of the inbound ones */
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_SERVER, "shop/reviews", "shop/front"), 60);
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_CLIENT, "shop/reviews", "shop/front"), 60);
    cell_t edge = edge_as_read(&say, "shop/front", "shop/reviews");
    CHECK_EQUAL(edge.requests, 60);
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_PROXY_SERVER, "shop/reviews", NULL), 60);
    CHECK_EQUAL(kit_entities(&say.kit, ENTITY_SERVICE, OBSERVER_PROXY_CLIENT), 0);
    cell_fini(&edge);
    say_free(&say);
}

TEST(an_instance_is_in_the_zone_that_its_callers_tell) {
    mesh_kit_t say = say_new(SCRAPED);
    for (int64_t t = 0; t <= 30; t += 15) {
        say_sum(&say, "response_total", FRONT "," TO ",dst_pod=reviews-1,dst_zone=b,status_code=200", t,
                10 + (double)t * 2);
        say_sum(&say, "response_total", REVIEWS "," FROM ",status_code=200", t, 10 + (double)t * 2);
    }
    CHECK_EQUAL(say_requests(&say, ENTITY_ZONE, OBSERVER_PROXY_SERVER, "shop/reviews", NULL), 60);
    sighting_learn(say.kit.fold); /* as after a restart: out of what was counted */
    for (int64_t t = 45; t <= 60; t += 15)
        say_sum(&say, "response_total", REVIEWS "," FROM ",status_code=200", t, 10 + (double)t * 2);
    CHECK_EQUAL(say_requests(&say, ENTITY_ZONE, OBSERVER_PROXY_SERVER, "shop/reviews", NULL), 120);
    say_free(&say);
}

TEST(a_certificate_whose_account_is_no_service_names_no_caller) {
    mesh_kit_t say = say_new(SCRAPED);
    say_rise(&say, "response_total",
             REVIEWS ",direction=inbound,client_id=bookinfo-front.shop.serviceaccount.identity.linkerd.cluster.local,"
                     "status_code=200",
             5, 25);
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_PROXY_SERVER, "shop/reviews", NULL), 20);
    CHECK(!say_edge(&say, NULL, NULL));
    say_free(&say);
}

TEST(attempts_are_no_requests_and_retries_stand_apart) {
    mesh_kit_t say = say_new(SCRAPED);
    const char *web = "consul_source_service=web,consul_destination_service=api,consul_destination_namespace=default,"
                      "consul_source_namespace=default,envoy_cluster_name=api";
    char by_code[512];
    (void)snprintf(by_code, sizeof by_code, "%s,envoy_response_code=200", web);
    say_rise(&say, "envoy_cluster_upstream_rq", by_code, 100, 190);
    say_rise(&say, "envoy_cluster_upstream_rq_total", web, 100, 200); /* attempts */
    say_rise(&say, "envoy_cluster_upstream_rq_retry", web, 0, 10);
    (void)snprintf(by_code, sizeof by_code, "%s,envoy_response_code=503", web);
    say_rise(&say, "envoy_cluster_retry_upstream_rq", by_code, 0, 10);
    const cell_t *cell = kit_total(&say.kit, ENTITY_EDGE, OBSERVER_PROXY_STATS, "api", "web", NULL);
    CHECK_EQUAL(cell->requests, 90);
    CHECK_EQUAL(cell->retries, 10);
    CHECK_EQUAL(cell->failures[FAILURE_SERVER], 0);
    say_free(&say);
}

TEST(retries_that_only_the_caller_knows_are_added_to_the_callees_view) {
    mesh_kit_t say = say_new(SCRAPED);
    for (int64_t t = 0; t <= 15; t += 15) {
        say_sum(&say, "response_total", FRONT "," TO ",status_code=200", t, 10 + (double)t * 2);
        say_sum(&say, "response_total", REVIEWS "," FROM ",status_code=200", t, 10 + (double)t * 2);
        say_sum(&say, "outbound_http_route_retry_requests_total",
                FRONT ",parent_name=reviews,parent_namespace=shop,route_name=reviews", t, (double)t);
    }
    cell_t edge = edge_as_read(&say, "shop/front", "shop/reviews");
    CHECK_EQUAL(edge.requests, 30);
    CHECK_EQUAL(edge.retries, 15);
    cell_fini(&edge);
    say_free(&say);
}

TEST(a_series_that_vanishes_is_not_zero_and_one_that_comes_back_begins_anew) {
    mesh_kit_t say = say_new(SCRAPED);
    const char *labels = FRONT "," TO ",status_code=200";
    say_rise(&say, "response_total", labels, 100, 130);
    char attributes[SAY_BYTES], data[2 * SAY_BYTES];
    say_attributes(labels, attributes);
    (void)snprintf(
        data, sizeof data,
        "'sum':{'aggregationTemporality':2,'isMonotonic':true,'dataPoints':[{'timeUnixNano':'%lld','flags':1,"
        "'attributes':[%s]}]}",
        (long long)((KIT_TIME + 30) * KIT_SECOND), attributes);
    say_metric(&say, "response_total", data); /* no recorded value */
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_CLIENT, "shop/reviews", "shop/front"), 30);
    CHECK_EQUAL(kit_count(&say.kit, COUNTER_POINT_STALE), 1);
    say_sum(&say, "response_total", labels, 660, 4); /* idle for ten minutes, dropped by the proxy, and begun again */
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_CLIENT, "shop/reviews", "shop/front"), 34);
    CHECK_EQUAL(kit_count(&say.kit, COUNTER_POINT_RESETS), 1);
    say_free(&say);
}

TEST(a_cluster_that_nobody_used_is_no_edge) {
    mesh_kit_t say = say_new("service.name=unknown_service:kuma-dp");
    say.scope = "kuma";
    const char *idle = "kuma.workload=front_shop_svc_8080,mesh=default,zone=east,envoy_cluster_name=cart_shop_svc_80";
    const char *used =
        "kuma.workload=front_shop_svc_8080,mesh=default,zone=east,envoy_cluster_name=reviews_shop_svc_80";
    char code[512];
    for (int64_t t = 0; t <= 30; t += 15) {
        (void)snprintf(code, sizeof code, "%s,envoy_response_code=200", used);
        say_sum(&say, "envoy_cluster_upstream_rq", code, t, (double)t);
        say_gauge(&say, "envoy_cluster_membership_total", used, t, 3);
        (void)snprintf(code, sizeof code, "%s,envoy_response_code=200", idle);
        say_sum(&say, "envoy_cluster_upstream_rq", code, t, 7);
        say_gauge(&say, "envoy_cluster_membership_total", idle, t, 3);
        say_times(&say, "envoy_cluster_upstream_rq_time", idle, t, 0, 1, 5);
    }
    CHECK(say_edge(&say, "shop/front", "shop/reviews"));
    CHECK(!say_edge(&say, NULL, "shop/cart"));
    CHECK(near(kit_gauge(&say.kit, ENTITY_EDGE, "shop/reviews", "shop/front", "members.total"), 6));
    CHECK(say_seen_in(&say, "shop/front", "kuma") && !say_seen_in(&say, "shop/cart", "kuma"));
    say_free(&say);
}

TEST(what_edges_proxies_counted_is_known_after_a_restart) {
    mesh_kit_t say = say_new("service.name=front,service.namespace=shop");
    const char *used = "envoy_cluster_name=reviews_shop_svc_80";
    say_rise(&say, "envoy_cluster_upstream_rq", "envoy_cluster_name=reviews_shop_svc_80,envoy_response_code=200", 1, 9);
    table_clear(&say.kit.fold->edges);
    sighting_learn(say.kit.fold);
    say_gauge(&say, "envoy_cluster_membership_total", used, 15, 3);
    CHECK(near(kit_gauge(&say.kit, ENTITY_EDGE, "shop/reviews", "shop/front", "members.total"), 3));
    say_free(&say);
}

TEST(families_of_histograms_that_repeat_one_another_are_not_summed) {
    mesh_kit_t say = say_new(SCRAPED);
    const char *labels = "consul_source_service=web,consul_destination_service=api,envoy_cluster_name=api";
    say_times(&say, "envoy_cluster_upstream_rq_time", labels, 10, 50, 5, 10);
    say_times(&say, "envoy_cluster_internal_upstream_rq_time", labels, 10, 50, 5, 10);
    say_times(&say, "envoy_cluster_external_upstream_rq_time", labels, 10, 50, 5, 10);
    say_times(&say, "envoy_cluster_canary_upstream_rq_time", labels, 10, 50, 5, 10);
    CHECK_EQUAL(kit_total(&say.kit, ENTITY_EDGE, OBSERVER_PROXY_STATS, "api", "web", NULL)->ok.count, 50);
    say_free(&say);
}

TEST(milliseconds_and_seconds_are_told_apart_without_a_unit) {
    static const struct {
        const char *name, *labels;
        entity_kind_t kind;
        observer_t observer;
        double low, high;
    } cases[] = {
        {"response_latency_ms", REVIEWS "," FROM, ENTITY_SERVICE, OBSERVER_PROXY_SERVER, 20, 30},
        {"envoy_cluster_upstream_rq_time", "local_cluster=front.shop,envoy_cluster_name=reviews_shop_svc_80",
         ENTITY_EDGE, OBSERVER_PROXY_STATS, 20, 30},
        {"osm_request_duration_ms",
         "source_name=front,source_namespace=shop,destination_name=reviews,destination_namespace=shop", ENTITY_EDGE,
         OBSERVER_PROXY_CLIENT, 20, 30},
        {"envoy_appmesh_TargetResponseTime", "VirtualNode=front,TargetVirtualService=reviews.shop.svc", ENTITY_SERVICE,
         OBSERVER_CALLERS, 20, 30},
        {"istio.io/service/server/response_latencies",
         "destination_canonical_service_name=reviews,destination_canonical_service_namespace=shop", ENTITY_SERVICE,
         OBSERVER_PROXY_SERVER, 20, 30},
        {"outbound_http_route_backend_response_duration_seconds",
         FRONT ",parent_name=reviews,parent_namespace=shop,backend_name=reviews-v2", ENTITY_EDGE, OBSERVER_PROXY_STATS,
         0.02, 0.03},
        {"traefik_entrypoint_request_duration_seconds", "entrypoint=web,code=200", ENTITY_SERVICE,
         OBSERVER_PROXY_SERVER, 0.02, 0.03},
        {"grpc.server.call.duration", "grpc.method=shop.Reviews/Get,grpc.status=OK", ENTITY_SERVICE, OBSERVER_APP, 0.02,
         0.03},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mesh_kit_t say = say_new("service.name=reviews,service.namespace=shop");
        say_times(&say, cases[i].name, cases[i].labels, 10, 8, cases[i].low, cases[i].high);
        const cell_t *cell = kit_total(&say.kit, cases[i].kind, cases[i].observer, NULL, NULL, NULL);
        double mean_ms = cell->ok.count == 0 ? 0 : (double)cell->ok.sum_ns / (double)cell->ok.count / 1e6;
        if (cell->ok.count != 8 || !near(mean_ms, 25)) (void)fprintf(stderr, "%s: %g ms\n", cases[i].name, mean_ms);
        CHECK_EQUAL(cell->ok.count, 8);
        CHECK(near(mean_ms, 25));
        say_free(&say);
    }
}

TEST(times_to_the_first_byte_and_to_the_end_do_not_meet_in_one_sketch) {
    mesh_kit_t say = say_new(SCRAPED);
    say_rise(&say, "response_total", FRONT "," TO ",status_code=200", 10, 20);
    say_times(&say, "response_latency_ms", FRONT "," TO ",status_code=200", 15, 10, 1, 2);
    say_times(&say, "outbound_http_route_request_duration_seconds",
              FRONT ",parent_name=reviews,parent_namespace=shop,route_name=reviews", 15, 10, 1, 10);
    say_times(&say, "outbound_http_route_backend_response_duration_seconds",
              FRONT ",parent_name=reviews,parent_namespace=shop,backend_name=reviews", 15, 10, 1, 10);
    cell_t edge = edge_as_read(&say, "shop/front", "shop/reviews");
    CHECK_EQUAL(edge.ok.count, 10);
    CHECK(edge.ok.max_ns <= 2100000);
    cell_fini(&edge);
    say_free(&say);
}

TEST(codes_that_are_texts_are_numbers_all_the_same) {
    static const struct {
        const char *attributes;
        failure_t failure;
    } cases[] = {
        {"status_code=503,classification=failure", FAILURE_SERVER},
        {"status_code=404,classification=success", FAILURE_CLIENT},
        {"status_code=200,grpc_status=14,classification=failure", FAILURE_CONNECTION},
        {"status_code=200,grpc_status=UNAVAILABLE", FAILURE_CONNECTION},
        {"status_code=200,classification=failure", FAILURE_SERVER}, /* a stream that broke after its 200 */
        {"status_code=200,grpc_status=0,classification=success", FAILURE_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mesh_kit_t say = say_new(SCRAPED);
        char labels[512];
        (void)snprintf(labels, sizeof labels, "%s,%s", REVIEWS "," FROM, cases[i].attributes);
        say_rise(&say, "response_total", labels, 3, 10);
        const cell_t *cell = kit_total(&say.kit, ENTITY_SERVICE, OBSERVER_PROXY_SERVER, "shop/reviews", NULL, NULL);
        uint64_t failed = 0;
        for (int f = 0; f < FAILURE_CLASSES; f++) failed += cell->failures[f];
        CHECK_EQUAL(cell->requests, 7);
        CHECK_EQUAL(failed, cases[i].failure == FAILURE_NONE ? 0 : 7);
        if (cases[i].failure != FAILURE_NONE) CHECK_EQUAL(cell->failures[cases[i].failure], 7);
        say_free(&say);
    }
}

#define PROXY_OF(name)                                                                                                 \
    "service.name=linkerd-proxy,host.name=" name "-1,linkerd.io/proxy-deployment=" name ",linkerd.io/workload-ns=shop"

static void say_hop(mesh_kit_t *say, const char *status) {
    char answered[256];
    (void)snprintf(answered, sizeof answered, "http.response.status_code=%s,server.address=reviews.shop.svc", status);
    char outbound[320], inbound[320];
    (void)snprintf(outbound, sizeof outbound, "direction=outbound,%s", answered);
    (void)snprintf(inbound, sizeof inbound, "direction=inbound,%s", answered);
    say->resource = PROXY_OF("front");
    say_span(say, 2, 1, 2, outbound);
    say_span(say, 3, 2, 3, outbound);
    say->resource = PROXY_OF("reviews");
    say_span(say, 4, 3, 2, inbound);
    say_span(say, 5, 4, 3, inbound);
}

TEST(a_status_that_spans_never_set_is_read_from_their_attributes) {
    mesh_kit_t say = say_new("");
    say_hop(&say, "503");
    const cell_t *cell = kit_total(&say.kit, ENTITY_EDGE, OBSERVER_PROXY_SPAN, "shop/reviews", "shop/front", NULL);
    CHECK_EQUAL(cell->requests, 1);
    CHECK_EQUAL(cell->failures[FAILURE_SERVER], 1);
    say_free(&say);
}

TEST(four_spans_of_one_hop_are_one_call) {
    mesh_kit_t say = say_new("");
    say_hop(&say, "200");
    fold_finish(say.kit.fold);
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_SPAN, NULL, NULL), 1);
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_SPAN, "shop/reviews", "shop/front"), 1);
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_PROXY_SPAN, NULL, NULL), 1);
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_PROXY_SPAN, "shop/reviews", NULL), 1);
    say_free(&say);
}

TEST(one_name_for_all_proxies_of_a_mesh_is_no_service) {
    mesh_kit_t say = say_new("");
    say_hop(&say, "200");
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_PROXY_SPAN, "linkerd-proxy", NULL), 0);
    CHECK(say_seen_in(&say, "shop/front", "linkerd") && say_seen_in(&say, "shop/reviews", "linkerd"));
    /* a scrape job's name is none either: who reports is told by labels, or by nobody */
    say.resource = SCRAPED;
    say_rise(&say, "response_total", TO ",status_code=200", 1, 9);
    say_rise(&say, "envoy_cluster_upstream_rq", "envoy_cluster_name=reviews_shop_svc_80,envoy_response_code=200", 1, 9);
    CHECK(!say_edge(&say, "mesh-proxies", NULL));
    CHECK_EQUAL(kit_count(&say.kit, COUNTER_MESH_LINKERD_NAMELESS), 1);
    /* but what a Collector found out about the pod is */
    say.resource = SCRAPED ",k8s.deployment.name=front,k8s.namespace.name=shop,k8s.pod.name=front-1";
    say_rise(&say, "response_total", TO ",status_code=200", 1, 9);
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_CLIENT, "shop/reviews", "shop/front"), 8);
    say_free(&say);
}

TEST(a_name_of_joined_parts_is_cut_only_where_a_known_service_tells) {
    mesh_kit_t say = say_new("service.name=traefik");
    const char *labels = "service=shop-web-api-9080@kubernetescrd,code=200,method=GET,protocol=http";
    say_rise(&say, "traefik_service_requests_total", labels, 1, 11);
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_CLIENT, "shop-web-api-9080", "traefik"), 10);
    say.resource = "service.name=web-api,service.namespace=shop";
    say_span(&say, 1, 0, 2, "http.request.method=GET");
    say.resource = "service.name=traefik";
    say_sum(&say, "traefik_service_requests_total", labels, 30, 31);
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_CLIENT, "shop/web-api", "traefik"), 20);
    /* two that fit are none */
    say.resource = "service.name=api,service.namespace=shop-web";
    say_span(&say, 2, 0, 2, "http.request.method=GET");
    say.resource = "service.name=traefik";
    say_sum(&say, "traefik_service_requests_total", labels, 45, 36);
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_CLIENT, "shop-web-api-9080", "traefik"), 15);
    say_free(&say);
}

TEST(a_service_behind_a_choice_that_a_router_names_is_a_version_of_it) {
    static const char *const routed[] = {"service=reviews@file", "service=shop-web@kubernetescrd"};
    static const char *const sent[] = {"service=reviews-v1@file,code=200",
                                       "service=shop-web-v1-9080@kubernetescrd,code=200"};
    static const char *const names[] = {"reviews", "shop-web"};
    for (int i = 0; i < 2; i++) {
        mesh_kit_t say = say_new("service.name=traefik");
        say_rise(&say, "traefik_router_requests_total", routed[i], 1, 11);
        say_rise(&say, "traefik_service_requests_total", sent[i], 1, 11);
        CHECK_EQUAL(kit_total(&say.kit, ENTITY_EDGE, OBSERVER_PROXY_CLIENT, names[i], "traefik", "v1")->requests, 10);
        CHECK_EQUAL(kit_total(&say.kit, ENTITY_VERSION, OBSERVER_CALLERS, names[i], NULL, "v1")->requests, 10);
        say_free(&say);
    }
}

TEST(an_address_in_the_spans_of_a_proxy_whose_metrics_know_the_name_is_no_service) {
    mesh_kit_t say = say_new("service.name=traefik");
    say_span(&say, 1, 0, 3, "http.request.method=GET,server.address=10.0.0.4,server.port=9080");
    calls_expire(say.kit.fold, INT64_MAX);
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_SPAN, "10.0.0.4", "traefik"), 1);
    say.scope = "github.com/traefik/traefik";
    say_span(&say, 3, 0, 3, "http.request.method=GET,server.address=10.0.0.5,server.port=9080");
    say_span(&say, 5, 0, 3, "http.request.method=GET,server.address=fd00::5,server.port=9080");
    say_span(&say, 7, 0, 3, "http.request.method=GET,server.address=reviews,server.port=9080");
    calls_expire(say.kit.fold, INT64_MAX);
    CHECK(!say_edge(&say, NULL, "10.0.0.5") && !say_edge(&say, NULL, "fd00::5"));
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_SPAN, "reviews", "traefik"), 1);
    CHECK_EQUAL(kit_count(&say.kit, COUNTER_MESH_TRAEFIK_CLIENT_SPANS), 3);
    say_free(&say);
}

TEST(a_service_with_a_longer_name_than_another_is_no_version_of_it) {
    mesh_kit_t say = say_new("service.name=traefik");
    /* both are routed to */
    say_rise(&say, "traefik_router_requests_total", "service=api@file", 1, 11);
    say_rise(&say, "traefik_router_requests_total", "service=api-v2@file", 1, 11);
    say_rise(&say, "traefik_service_requests_total", "service=api@file,code=200", 1, 11);
    say_rise(&say, "traefik_service_requests_total", "service=api-v2@file,code=200", 1, 11);
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_CALLERS, "api", NULL), 10);
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_CALLERS, "api-v2", NULL), 10);
    /* the shorter one gets requests of its own, and is no choice */
    say_rise(&say, "traefik_service_requests_total", "service=api-docs@file,code=200", 1, 11);
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_CALLERS, "api-docs", NULL), 10);
    /* nobody routes to "cart" */
    say_rise(&say, "traefik_service_requests_total", "service=cart-v1@file,code=200", 1, 11);
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_CALLERS, "cart-v1", NULL), 10);
    CHECK_EQUAL(kit_entities(&say.kit, ENTITY_VERSION, OBSERVER_CALLERS), 0);
    say_free(&say);
}

TEST(a_node_of_app_mesh_keeps_its_underscore_unless_its_namespace_is_known) {
    mesh_kit_t say = say_new("service.name=color,k8s.namespace.name=team");
    const char *labels = "appmesh_mesh=books,appmesh_virtual_node=front_shop,"
                         "envoy_cluster_name=cds_egress_books_color_server_grpc_8080,envoy_response_code=200";
    say_rise(&say, "envoy_cluster_upstream_rq", labels, 1, 6);
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_STATS, NULL, "front_shop@books"), 5);
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_STATS, "color_server@books", NULL), 5);
    CHECK(!say_edge(&say, NULL, "server/color"));
    say_free(&say);
}

TEST(sampled_spans_do_not_count_traffic_that_proxies_counted) {
    mesh_kit_t say = say_new(SCRAPED);
    say_rise(&say, "response_total", FRONT "," TO ",status_code=200", 0, 1000);
    say_rise(&say, "response_total", REVIEWS "," FROM ",status_code=200", 0, 1000);
    say_hop(&say, "200"); /* one in a hundred */
    cell_t edge = edge_as_read(&say, "shop/front", "shop/reviews");
    CHECK_EQUAL(edge.requests, 1000);
    CHECK_EQUAL(edge.slow_count, 1); /* but the trace is there to be opened */
    cell_fini(&edge);
    say_free(&say);
}

TEST(a_proxy_that_alone_speaks_for_a_service_gives_way_to_whoever_sees_all_of_its_traffic) {
    mesh_kit_t say = say_new("service.name=traefik");
    say_rise(&say, "traefik_service_requests_total", "service=reviews@file,code=200", 1, 11);
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_CALLERS, "reviews", NULL), 10);
    CHECK_EQUAL(kit_entities(&say.kit, ENTITY_SERVICE, OBSERVER_PROXY_CLIENT), 0);
    observer_tally_t tally = {{0}};
    tally.requests[OBSERVER_CALLERS] = 10;
    tally.requests[OBSERVER_SPAN] = 1;
    CHECK_EQUAL(observer_choose(&tally), OBSERVER_SPAN);
    say_free(&say);
}

TEST(meshes_are_kept_apart_by_cluster_and_joined_where_a_call_crosses) {
    mesh_kit_t say = say_new(SCRAPED ",k8s.cluster.name=east");
    say_rise(&say, "response_total", FRONT "," TO ",status_code=200", 0, 100);
    say_rise(&say, "response_total", REVIEWS "," FROM ",status_code=200", 0, 100);
    say.resource = "service.name=istio-mesh";
    say_rise(&say, "istio_requests_total",
             "reporter=destination,source_canonical_service=front,source_workload_namespace=shop,source_cluster=west,"
             "destination_canonical_service=reviews,destination_workload_namespace=shop,destination_cluster=west,"
             "response_code=200",
             0, 7);
    /* a gateway of the west calls into the east */
    say_rise(&say, "istio_requests_total",
             "reporter=source,source_canonical_service=gateway,source_workload_namespace=shop,source_cluster=west,"
             "destination_canonical_service=reviews,destination_workload_namespace=shop,destination_cluster=east,"
             "response_code=200",
             0, 5);
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_PROXY_SERVER, "shop/reviews@east", NULL), 100);
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_PROXY_SERVER, "shop/reviews@west", NULL), 7);
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_CLIENT, "shop/reviews@east", "shop/gateway@west"), 5);
    CHECK(say_seen_in(&say, "shop/reviews@east", "linkerd") && !say_seen_in(&say, "shop/reviews@east", "istio"));
    CHECK(say_seen_in(&say, "shop/reviews@west", "istio") && say_seen_in(&say, "shop/gateway@west", "istio"));
    say_free(&say);
}

TEST(two_meshes_of_one_control_plane_are_apart_by_their_names) {
    mesh_kit_t say = say_new("service.name=unknown_service:kuma-dp");
    const char *const meshes[] = {"blue", "green", "default"};
    for (size_t i = 0; i < 3; i++) {
        char labels[512];
        (void)snprintf(labels, sizeof labels,
                       "kuma_io_service=front_shop_svc_8080,dataplane=front-1,mesh=%s,envoy_cluster_name=reviews_shop_"
                       "svc_80,envoy_response_code=200",
                       meshes[i]);
        say_rise(&say, "envoy_cluster_upstream_rq", labels, 0, 3 + (double)i);
    }
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_STATS, NULL, "shop/front@blue"), 3);
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_STATS, NULL, "shop/front@green"), 4);
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_STATS, "shop/reviews", "shop/front"), 5);
    say_free(&say);
}

TEST(a_listener_of_the_callers_side_serves_nobody) {
    mesh_kit_t say = say_new("service.name=front_shop_svc_8080");
    static const struct {
        const char *prefix;
        uint64_t served;
    } cases[] = {{"localhost_8080", 4}, {"reviews_shop_svc_80", 0}, {"kri_msvc_default__shop_reviews_http", 0}};
    for (size_t i = 0; i < 3; i++) {
        char labels[256];
        (void)snprintf(labels, sizeof labels,
                       "mesh=default,kuma.proxy_role=dataplane,envoy_response_code_class=2,"
                       "envoy_http_conn_manager_prefix=%s",
                       cases[i].prefix);
        uint64_t before = say_requests(&say, ENTITY_SERVICE, OBSERVER_PROXY_STATS, "shop/front", NULL);
        say_rise(&say, "envoy_http_downstream_rq_xx", labels, 1, 5);
        CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_PROXY_STATS, "shop/front", NULL) - before,
                    cases[i].served);
    }
    say_free(&say);
}

TEST(a_sinks_dotted_names_and_a_scrapers_underscores_say_the_same) {
    static const struct {
        const char *name, *labels, *caller, *callee;
    } cases[] = {
        {"cluster.upstream_rq",
         "consul.source.service=web,consul.source.namespace=default,consul.destination.service=api,"
         "consul.destination.namespace=default,envoy.cluster_name=v2,envoy.response_code=200",
         "web", "api"},
        {"envoy_cluster_upstream_rq",
         "consul_source_service=web,consul_source_namespace=default,consul_destination_service=api,"
         "consul_destination_namespace=default,envoy_cluster_name=v2,envoy_response_code=200",
         "web", "api"},
        {"cluster.upstream_rq",
         "kuma.workload=kri_wl_default_east_shop_web_,mesh=default,envoy.cluster_name=kri_msvc_default_east_shop_api_"
         "http,envoy.response_code=200",
         "shop/web", "shop/api"},
        {"envoy_cluster_upstream_rq",
         "kuma_workload=kri_wl_default_east_shop_web_,mesh=default,envoy_cluster_name=kri_msvc_default_east_shop_api_"
         "http,envoy_response_code=200",
         "shop/web", "shop/api"},
        {"cluster.upstream_rq",
         "appmesh.mesh=books,appmesh.virtual_node=web_x,envoy.cluster_name=cds_egress_books_api_x_http_80,"
         "envoy.response_code=200",
         "web_x@books", "api_x@books"},
        {"envoy_cluster_upstream_rq",
         "appmesh_mesh=books,appmesh_virtual_node=web_x,envoy_cluster_name=cds_egress_books_api_x_http_80,"
         "envoy_response_code=200",
         "web_x@books", "api_x@books"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mesh_kit_t say = say_new(SCRAPED);
        say_rise(&say, cases[i].name, cases[i].labels, 1, 9);
        CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_STATS, NULL, NULL), 8);
        CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_STATS, cases[i].callee, cases[i].caller), 8);
        say_free(&say);
    }
}

TEST(spans_of_envoys_of_any_mesh_name_the_callee_by_its_cluster) {
    static const struct {
        const char *resource, *attributes, *caller, *callee, *mesh;
    } cases[] = {
        {"service.name=front", "upstream_cluster=v2.reviews.default.dc1.internal.7a1f.consul", "front", "reviews",
         "consul"},
        {"service.name=front_shop_svc_80", "upstream_cluster=reviews_shop_svc_80", "shop/front", "shop/reviews",
         "kuma"},
        {"service.name=x",
         "upstream_cluster=kri_msvc_default_e_shop_reviews_http,kuma.workload=kri_wl_default_e_shop_front_,"
         "kuma.mesh=default",
         "shop/front", "shop/reviews", "kuma"},
        {"service.name=front", "upstream_cluster=cds_egress_books_reviews_http_80", "front", "reviews", "app_mesh"},
        {"service.name=front,service.namespace=shop", "upstream_cluster=shop/reviews|80", "shop/front", "shop/reviews",
         "osm"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mesh_kit_t say = say_new(cases[i].resource);
        char text[512];
        (void)snprintf(text, sizeof text, "component=proxy,http.status_code=503,response_flags=-,%s",
                       cases[i].attributes);
        say_span(&say, 1, 0, 3, text);
        calls_expire(say.kit.fold, INT64_MAX);
        const cell_t *cell =
            kit_total(&say.kit, ENTITY_EDGE, OBSERVER_PROXY_SPAN, cases[i].callee, cases[i].caller, NULL);
        CHECK_EQUAL(cell->requests, 1);
        CHECK_EQUAL(cell->failures[FAILURE_SERVER], 1);
        CHECK(say_seen_in(&say, cases[i].caller, cases[i].mesh));
        say_free(&say);
    }
}

static uint64_t access_logs_of(const mesh_kit_t *say, mesh_t mesh) {
    return kit_count(&say->kit, (counter_t)(COUNTER_MESH_FIRST + (mesh - 1) * MESH_ITEMS + MESH_ACCESS_LOGS));
}

TEST(access_logs_alone_make_an_edge_of_each_mesh_that_sends_them) {
    static const struct {
        const char *resource, *attributes, *body, *caller, *callee;
        mesh_t mesh;
    } cases[] = {
        {"service.name=front", "a=b",
         "{\\'upstream_cluster\\':\\'v2.reviews.default.dc1.internal.7a1f.consul\\',\\'response_code\\':503,"
         "\\'duration\\':20}",
         "front", "reviews", MESH_CONSUL},
        {"service.name=collector",
         "kuma.source.service=front_shop_svc_80,kuma.destination.service=reviews_shop_svc_80,response_code=503,"
         "duration=20",
         "GET /", "shop/front", "shop/reviews", MESH_KUMA},
        {"service.name=traefik", "ServiceName=reviews@file,RouterName=r@file,DownstreamStatus=503,Duration=20000000",
         "", "traefik", "reviews", MESH_TRAEFIK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mesh_kit_t say = say_new(cases[i].resource);
        say_log(&say, cases[i].attributes, cases[i].body);
        const cell_t *cell = kit_total(&say.kit, ENTITY_EDGE, OBSERVER_LOG, cases[i].callee, cases[i].caller, NULL);
        CHECK_EQUAL(cell->requests, 1);
        CHECK_EQUAL(cell->failures[FAILURE_SERVER], 1);
        CHECK_EQUAL(cell->failed.sum_ns, 20000000);
        CHECK_EQUAL(access_logs_of(&say, cases[i].mesh), 1);
        say_free(&say);
    }
}

/* What Envoy's stats sink sends of a counter; it writes when it began in microseconds. */
static void say_sink(mesh_kit_t *say, const char *labels, int64_t began, int64_t second, int count) {
    char attributes[SAY_BYTES], data[2 * SAY_BYTES];
    say_attributes(labels, attributes);
    (void)snprintf(data, sizeof data,
                   "'sum':{'aggregationTemporality':2,'isMonotonic':true,'dataPoints':[{'startTimeUnixNano':'%lld',"
                   "'timeUnixNano':'%lld','asInt':'%d','attributes':[%s]}]}",
                   (long long)((KIT_TIME + began) * (KIT_SECOND / 1000)), (long long)((KIT_TIME + second) * KIT_SECOND),
                   count, attributes);
    say_metric(say, "cluster.upstream_rq", data);
}

TEST(envoys_that_name_nobody_are_told_apart_by_when_they_began) {
    mesh_kit_t say = say_new("telemetry.sdk.name=envoy");
    const char *labels = "consul.source.service=front,consul.destination.service=reviews,envoy.response_code=200";
    /* two replicas, in turn; what each says first is counted, too, since it has just begun */
    for (int64_t t = 10; t <= 40; t += 10) {
        say_sink(&say, labels, 1, t, (int)t * 10);
        say_sink(&say, labels, 2, t + 1, (int)t);
    }
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_STATS, "reviews", "front"), 440);
    say_free(&say);
}

TEST(an_envoy_that_names_nobody_counts_for_nobody) {
    mesh_kit_t say = say_new("telemetry.sdk.name=envoy");
    say_sink(&say, "envoy.cluster_name=reviews,envoy.response_code=200", 1, 10, 5);
    say_metric(&say, "server.uptime", "'gauge':{'dataPoints':[{'timeUnixNano':'1700000010000000000','asInt':'5'}]}");
    CHECK_EQUAL(kit_entities(&say.kit, ENTITY_EDGE, OBSERVER_PROXY_STATS), 0);
    CHECK_EQUAL(kit_entities(&say.kit, ENTITY_SERVICE, OBSERVER_NONE), 0);
    CHECK_EQUAL(kit_count(&say.kit, COUNTER_DROPPED_POINT_IGNORED), 2);
    say.resource = "telemetry.sdk.name=envoy,service.name=front";
    say_sink(&say, "envoy.cluster_name=reviews,envoy.response_code=200", 1, 10, 5);
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_PROXY_STATS, "reviews", "front"), 5);
    say_free(&say);
}

TEST(an_access_log_of_envoy_is_of_the_service_that_its_node_names) {
    mesh_kit_t say = say_new("log_name=otlp,cluster_name=front,node_name=front-1,zone_name=");
    const char *attributes =
        "response_code=200,duration=20,authority=127.0.0.1:8080,upstream_cluster=v1.reviews.default."
        "dc1.internal.7a1f.consul";
    say_log(&say, attributes, "");
    CHECK_EQUAL(say_requests(&say, ENTITY_EDGE, OBSERVER_LOG, "reviews", "front"), 1);
    say.resource = "log_name=otlp,cluster_name=reviews,node_name=reviews-1,zone_name=";
    say_log(&say, "response_code=200,duration=20,authority=127.0.0.1:8080,upstream_cluster=local_app", "");
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_LOG, "reviews", NULL), 1);
    /* elsewhere a cluster's name is no service, and an address is none anywhere */
    say.resource = "cluster_name=east";
    say_log(&say, "response_code=200,duration=20,authority=127.0.0.1:8080,upstream_cluster=local_app", "");
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_LOG, "unknown", NULL), 1);
    CHECK_EQUAL(kit_entities(&say.kit, ENTITY_SERVICE, OBSERVER_LOG), 2);
    say_free(&say);
}

TEST(the_other_end_is_whoever_does_not_speak) {
    mesh_kit_t say = say_new("service.name=front,service.namespace=shop");
    const char *remote = "csm.remote_workload_canonical_service=%s,csm.remote_workload_namespace_name=shop,grpc.method="
                         "shop.Reviews/Get,grpc.status=UNAVAILABLE,csm.mesh_id=mesh:1";
    char labels[512];
    (void)snprintf(labels, sizeof labels, "csm.remote_workload_canonical_service=reviews,%s", strchr(remote, ',') + 1);
    say_times(&say, "grpc.client.attempt.duration", labels, 10, 4, 0.1, 0.2);
    say.resource = "service.name=reviews,service.namespace=shop";
    (void)snprintf(labels, sizeof labels, "csm.remote_workload_canonical_service=front,%s", strchr(remote, ',') + 1);
    say_times(&say, "grpc.server.call.duration", labels, 10, 3, 0.1, 0.2);
    cell_t edge = edge_as_read(&say, "shop/front", "shop/reviews");
    CHECK_EQUAL(edge.requests, 3); /* the server's word; four attempts were made */
    CHECK_EQUAL(edge.failures[FAILURE_CONNECTION], 3);
    cell_fini(&edge);
    CHECK_EQUAL(say_requests(&say, ENTITY_SERVICE, OBSERVER_APP, "shop/reviews", NULL), 3);
    CHECK(say_seen_in(&say, "shop/front", "google") && say_seen_in(&say, "shop/reviews", "google"));
    say_free(&say);
}

TEST_MAIN(TEST_CASE(an_edge_that_both_proxies_report_counts_once),
          TEST_CASE(an_instance_is_in_the_zone_that_its_callers_tell),
          TEST_CASE(a_certificate_whose_account_is_no_service_names_no_caller),
          TEST_CASE(attempts_are_no_requests_and_retries_stand_apart),
          TEST_CASE(retries_that_only_the_caller_knows_are_added_to_the_callees_view),
          TEST_CASE(a_series_that_vanishes_is_not_zero_and_one_that_comes_back_begins_anew),
          TEST_CASE(a_cluster_that_nobody_used_is_no_edge),
          TEST_CASE(what_edges_proxies_counted_is_known_after_a_restart),
          TEST_CASE(families_of_histograms_that_repeat_one_another_are_not_summed),
          TEST_CASE(milliseconds_and_seconds_are_told_apart_without_a_unit),
          TEST_CASE(times_to_the_first_byte_and_to_the_end_do_not_meet_in_one_sketch),
          TEST_CASE(codes_that_are_texts_are_numbers_all_the_same),
          TEST_CASE(a_status_that_spans_never_set_is_read_from_their_attributes),
          TEST_CASE(four_spans_of_one_hop_are_one_call), TEST_CASE(one_name_for_all_proxies_of_a_mesh_is_no_service),
          TEST_CASE(a_name_of_joined_parts_is_cut_only_where_a_known_service_tells),
          TEST_CASE(a_service_behind_a_choice_that_a_router_names_is_a_version_of_it),
          TEST_CASE(a_service_with_a_longer_name_than_another_is_no_version_of_it),
          TEST_CASE(an_address_in_the_spans_of_a_proxy_whose_metrics_know_the_name_is_no_service),
          TEST_CASE(a_node_of_app_mesh_keeps_its_underscore_unless_its_namespace_is_known),
          TEST_CASE(sampled_spans_do_not_count_traffic_that_proxies_counted),
          TEST_CASE(a_proxy_that_alone_speaks_for_a_service_gives_way_to_whoever_sees_all_of_its_traffic),
          TEST_CASE(meshes_are_kept_apart_by_cluster_and_joined_where_a_call_crosses),
          TEST_CASE(two_meshes_of_one_control_plane_are_apart_by_their_names),
          TEST_CASE(a_listener_of_the_callers_side_serves_nobody),
          TEST_CASE(a_sinks_dotted_names_and_a_scrapers_underscores_say_the_same),
          TEST_CASE(spans_of_envoys_of_any_mesh_name_the_callee_by_its_cluster),
          TEST_CASE(access_logs_alone_make_an_edge_of_each_mesh_that_sends_them),
          TEST_CASE(envoys_that_name_nobody_are_told_apart_by_when_they_began),
          TEST_CASE(an_envoy_that_names_nobody_counts_for_nobody),
          TEST_CASE(an_access_log_of_envoy_is_of_the_service_that_its_node_names),
          TEST_CASE(the_other_end_is_whoever_does_not_speak))
