#include "collector/dialect/dialect.h"
#include "tests/test.h"

/* Name, namespace and version as "name|namespace|version". */
static const char *read_as(form_t form, const char *text) {
    static char out[256];
    dialect_name_t name = dialect_read(form, slice_text(text));
    (void)snprintf(out, sizeof out, "%.*s|%.*s|%.*s", (int)name.name.len, (const char *)name.name.data,
                   (int)name.namespace_name.len, (const char *)name.namespace_name.data, (int)name.version.len,
                   (const char *)name.version.data);
    return out;
}

TEST(hosts_of_kubernetes_are_taken_apart_others_stay_whole) {
    CHECK_TEXT(read_as(FORM_HOST, "reviews.shop.svc.cluster.local:9080"), "reviews|shop|");
    CHECK_TEXT(read_as(FORM_HOST, "reviews.shop.svc"), "reviews|shop|");
    CHECK_TEXT(read_as(FORM_HOST, "reviews:9080"), "reviews||");
    CHECK_TEXT(read_as(FORM_HOST, "api.example.com:443"), "api.example.com||");
    CHECK_TEXT(read_as(FORM_HOST, "[2001:db8::1]:443"), "2001:db8::1||");
    CHECK_TEXT(read_as(FORM_HOST, "2001:db8::1"), "2001:db8::1||");
    CHECK_TEXT(read_as(FORM_HOST, "..svc."), "..svc.||");
    CHECK_TEXT(read_as(FORM_HOST, ""), "||");
    CHECK_TEXT(read_as(FORM_HOST, ":80"), "||");
}

TEST(istio_clusters_name_callee_namespace_and_version) {
    CHECK_TEXT(read_as(FORM_ISTIO_CLUSTER, "outbound|9080|v2|reviews.shop.svc.cluster.local"), "reviews|shop|v2");
    CHECK_TEXT(read_as(FORM_ISTIO_CLUSTER, "outbound|9080||reviews.shop.svc.cluster.local;"), "reviews|shop|");
    CHECK_TEXT(read_as(FORM_ISTIO_CLUSTER, "outbound|443||api.example.com"), "api.example.com||");
    static const char *const nobody[] = {
        "inbound|9080||", "PassthroughCluster", "BlackHoleCluster", "xds-grpc", "-", "InboundPassthroughClusterIpv4",
        "outbound|9080",  "outbound|9080|v2",   "local_app",        ";"};
    for (size_t i = 0; i < sizeof nobody / sizeof nobody[0]; i++)
        CHECK_TEXT(read_as(FORM_ISTIO_CLUSTER, nobody[i]), "||");
    CHECK_TEXT(read_as(FORM_ISTIO_CLUSTER, "ratings"), "ratings||");
    CHECK_TEXT(read_as(FORM_ISTIO_SNI, "outbound_.9080_.v2_.reviews.shop.svc.cluster.local"), "reviews|shop|v2");
    CHECK_TEXT(read_as(FORM_ISTIO_SNI, "outbound_.9080_._.reviews.shop.svc.cluster.local"), "reviews|shop|");
    CHECK_TEXT(read_as(FORM_ISTIO_SNI, "outbound_.9080"), "||");
    CHECK_TEXT(read_as(FORM_ISTIO_SNI, "outbound_."), "||");
}

/* As read_as, and whose shape it is. */
static const char *cluster_as(const char *text) {
    static char out[320];
    (void)snprintf(out, sizeof out, "%s %s", mesh_names[dialect_read(FORM_ISTIO_CLUSTER, slice_text(text)).mesh],
                   read_as(FORM_ISTIO_CLUSTER, text));
    return out;
}

TEST(envoy_clusters_of_every_mesh_are_told_apart_by_their_shape) {
    static const char *const cases[][2] = {
        {"outbound|9080|v2|reviews.shop.svc.cluster.local", "istio reviews|shop|v2"},
        {"reviews.default.dc1.internal.7a1f.consul", "consul reviews||"},
        {"v2.reviews.default.dc1.internal.7a1f.consul", "consul reviews||v2"},
        {"v2.reviews.team.part.dc1.internal-v1.7a1f.consul", "consul reviews|team|v2"},
        {"reviews.team.part.dc1.internal-v1.7a1f.consul", "consul reviews|team|"},
        {"passthrough~9f2c~reviews.default.dc1.internal.7a1f.consul", "consul reviews||"},
        {"reviews.default.east.external.7a1f.consul", "consul reviews||"},
        {"too.many.parts.here.default.dc1.internal.7a1f.consul", "consul ||"},
        {"reviews_shop_svc_9080", "kuma reviews|shop|"},
        {"reviews_shop_svc_9080-5f2c8a", "kuma reviews|shop|"},
        {"kri_msvc_default_east_shop_reviews_http", "kuma reviews|shop|"},
        {"kri_msvc_default___reviews_", "kuma reviews||"},
        {"kri_msvc", "kuma ||"},
        {"cds_egress_bookstore_reviews-v1_http_9080", "app_mesh reviews-v1||"},
        {"cds_egress_bookstore_color_server_grpc_8080", "app_mesh color_server||"},
        {"cds_egress_bookstore", "app_mesh ||"},
        {"shop/reviews|9080", "osm reviews|shop|"},
        {"shop/v2.reviews|9080", "osm reviews|shop|"},
        {"shop/reviews|9080|local", "osm ||"},
        {"reviews.shop.svc.cluster.local", " reviews|shop|"},
        {"self_inbound_http", " ||"},
        {"cds_ingress_bookstore_reviews-v1_http_9080", " ||"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) CHECK_TEXT(cluster_as(cases[i][0]), cases[i][1]);
}

TEST(names_that_meshes_make_of_services_are_read_back) {
    CHECK_TEXT(read_as(FORM_SERVICE, "reviews_shop_svc_9080"), "reviews|shop|");
    CHECK_TEXT(read_as(FORM_SERVICE, "kri_wl_default_east_shop_reviews_"), "reviews|shop|");
    CHECK_TEXT(read_as(FORM_SERVICE, "my_service"), "my_service||");
    CHECK_TEXT(read_as(FORM_SERVICE, "a_b_svc_x"), "a_b_svc_x||");
    CHECK_TEXT(read_as(FORM_SERVICE, "linkerd-proxy"), "||");
    CHECK_TEXT(read_as(FORM_SERVICE, "unknown_service:kuma-dp"), "||");
    CHECK_TEXT(read_as(FORM_OWN, "team"), "team||");
    CHECK(dialect_read(FORM_OWN, slice_text("default")).none && !dialect_read(FORM_OWN, slice_text("-")).none);
    CHECK_TEXT(read_as(FORM_LINKERD_IDENTITY, "front.shop.serviceaccount.identity.linkerd.cluster.local"),
               "front|shop|");
    CHECK_TEXT(read_as(FORM_LINKERD_IDENTITY, "default.shop.serviceaccount.identity.linkerd.cluster.local"), "||");
    CHECK_TEXT(read_as(FORM_LINKERD_IDENTITY, "front.shop"), "||");
    CHECK_TEXT(read_as(FORM_TRAEFIK_SERVICE, "shop-reviews-9080@kubernetescrd"), "shop-reviews-9080||");
    CHECK_EQUAL(dialect_read(FORM_TRAEFIK_SERVICE, slice_text("a-b-1@file")).split, SPLIT_NAMESPACE_FIRST);
    CHECK_EQUAL(dialect_read(FORM_APP_MESH_NODE, slice_text("reviews_shop")).split, SPLIT_NAMESPACE_LAST);
    CHECK_TEXT(read_as(FORM_TARGET, "dns:///reviews.shop.svc:9080"), "reviews|shop|");
    CHECK_TEXT(read_as(FORM_TARGET, "reviews:9080"), "reviews||");
}

TEST(listeners_and_clusters_tell_whose_side_speaks) {
    static const struct {
        const char *text;
        side_t side;
    } cases[] = {
        {"public_listener", SIDE_CALLEE},
        {"upstream.reviews.default.dc1", SIDE_CALLER},
        {"localhost_8080", SIDE_CALLEE},
        {"self_inbound_dp_http", SIDE_CALLEE},
        {"reviews_shop_svc_9080", SIDE_CALLER},
        {"kri_msvc_default_east_shop_reviews_http", SIDE_CALLER},
        {"cds_ingress_bookstore_reviews-v1_http_9080", SIDE_CALLEE},
        {"cds_egress_bookstore_reviews-v1_http_9080", SIDE_CALLER},
        {"v2.reviews.default.dc1.internal.7a1f.consul", SIDE_CALLER},
        {"local_app", SIDE_CALLEE},
        {"shop/reviews|9080", SIDE_CALLER},
        {"shop/reviews|9080|local", SIDE_CALLEE},
        {"inbound|9080||", SIDE_CALLEE},
        {"before", SIDE_BEFORE},
        {"web", SIDE_UNTOLD},
        {"", SIDE_UNTOLD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_EQUAL(dialect_side(slice_text(cases[i].text)), cases[i].side);
}

TEST(nodes_and_dotted_names) {
    CHECK_TEXT(read_as(FORM_ISTIO_NODE, "sidecar~10.1.2.3~reviews-1.shop~shop.svc.cluster.local"), "reviews-1|shop|");
    CHECK_TEXT(read_as(FORM_ISTIO_NODE, "sidecar~10.1.2.3"), "||");
    CHECK_TEXT(read_as(FORM_NAME_NAMESPACE, "reviews.shop"), "reviews|shop|");
    CHECK_TEXT(read_as(FORM_NAME_NAMESPACE, "my.app.shop"), "my.app|shop|");
    CHECK_TEXT(read_as(FORM_NAME_NAMESPACE, "reviews"), "reviews||");
    CHECK_TEXT(read_as(FORM_NAME_NAMESPACE, ".shop"), ".shop||");
    CHECK_TEXT(read_as(FORM_NAME_NAMESPACE, "-"), "||");
    CHECK_TEXT(read_as(FORM_KNOWN, "latest"), "||");
    CHECK_TEXT(read_as(FORM_KNOWN, "unknown_service:java"), "||");
    CHECK_TEXT(read_as(FORM_KNOWN, "v2"), "v2||");
}

/* Reads whatever bytes without stepping outside; the sanitizers judge. */
TEST(any_text_can_be_read_in_any_form) {
    for (uint64_t seed = 0; seed < 20000; seed++) {
        uint64_t state = seed;
        size_t len = test_random(&state) % 24;
        uint8_t *bytes = malloc(len + 1);
        static const char *const begins[] = {"", "kri_", "cds_egress_", "outbound|", "a/"};
        const char *begin = begins[test_random(&state) % 5], *end = test_random(&state) % 4 == 0 ? ".consul" : "";
        for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t) "outbound|._~:;[]-svc"[test_random(&state) % 20];
        if (strlen(begin) <= len) memcpy(bytes, begin, strlen(begin));
        if (strlen(end) <= len) memcpy(bytes + len - strlen(end), end, strlen(end));
        for (form_t form = 0; form < FORMS; form++) {
            dialect_name_t name = dialect_read(form, slice_of(bytes, len));
            CHECK(name.name.len <= len && name.namespace_name.len <= len && name.version.len <= len);
        }
        (void)dialect_flags_failure(slice_of(bytes, len));
        (void)dialect_side(slice_of(bytes, len));
        free(bytes);
    }
}

TEST(statuses_fall_into_classes) {
    CHECK_EQUAL(dialect_http_failure(200), FAILURE_NONE);
    CHECK_EQUAL(dialect_http_failure(302), FAILURE_NONE);
    CHECK_EQUAL(dialect_http_failure(404), FAILURE_CLIENT);
    CHECK_EQUAL(dialect_http_failure(401), FAILURE_DENIED);
    CHECK_EQUAL(dialect_http_failure(408), FAILURE_TIMEOUT);
    CHECK_EQUAL(dialect_http_failure(429), FAILURE_RATE);
    CHECK_EQUAL(dialect_http_failure(500), FAILURE_SERVER);
    CHECK_EQUAL(dialect_http_failure(504), FAILURE_TIMEOUT);
    CHECK_EQUAL(dialect_http_failure(0), FAILURE_CONNECTION);
    /* {2, 4, 12, 13, 14, 15} are the server's failures, the others are not */
    for (uint64_t status = 0; status <= 16; status++) {
        failure_t failure = dialect_grpc_failure(status);
        bool server = failure == FAILURE_SERVER || failure == FAILURE_TIMEOUT || failure == FAILURE_CONNECTION;
        CHECK_EQUAL(server, status == 2 || status == 4 || (status >= 12 && status <= 15));
    }
    CHECK_EQUAL(dialect_grpc_failure(0), FAILURE_NONE);
    CHECK_EQUAL(dialect_grpc_failure(8), FAILURE_RATE);
    CHECK_EQUAL(dialect_grpc_failure(7), FAILURE_DENIED);
    CHECK_EQUAL(dialect_flags_failure(slice_text("URX,UF")), FAILURE_CONNECTION);
    CHECK_EQUAL(dialect_flags_failure(slice_text("-")), FAILURE_NONE);
    CHECK_EQUAL(dialect_flags_failure(slice_text("UT")), FAILURE_TIMEOUT);
    CHECK_EQUAL(dialect_class_failure(slice_text("5xx")), FAILURE_SERVER);
    CHECK_EQUAL(dialect_class_failure(slice_text("2")), FAILURE_NONE);
    uint64_t status;
    CHECK(dialect_grpc_number(slice_text("UNAVAILABLE"), &status) && status == 14);
    CHECK(dialect_grpc_number(slice_text("5"), &status) && status == 5);
    CHECK(!dialect_grpc_number(slice_text(""), &status) && !dialect_grpc_number(slice_text("nope"), &status));
    CHECK(dialect_error(slice_text("STATUS_CODE_ERROR")) && !dialect_error(slice_text("STATUS_CODE_UNSET")));
}

static const dialect_metric_t *metric(const dialect_set_t *set, const char *name) {
    return dialect_metric(set, NULL, slice_text(name)).metric;
}

TEST(metric_names_are_found_in_all_spellings) {
    dialect_set_t *set = dialect_set_new(NULL);
    static const char *const spellings[][2] = {
        {"http.server.request.duration", "http_server_request_duration_seconds"},
        {"http.server.duration", "http_server_duration_milliseconds"},
        {"istio_requests_total", "istiocustom.istio_requests_total"},
        {"istio_requests_total", "istiocustom_istio_requests"},
        {"cluster.upstream_rq", "envoy_cluster_upstream_rq"},
        {"cluster.upstream_rq_total", "envoy_cluster_upstream_rq_total"},
        {"traces.span.metrics.calls", "traces_span_metrics_calls_total"},
        {"traces.span.metrics.duration", "traces_span_metrics_duration_milliseconds"},
    };
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        CHECK(metric(set, spellings[i][0]) != NULL);
        CHECK(metric(set, spellings[i][0]) == metric(set, spellings[i][1]));
    }
    /* a shortened name does not hide one that is there in full */
    CHECK(metric(set, "envoy_cluster_upstream_rq")->signal == SIGNAL_REQUESTS);
    CHECK(metric(set, "envoy_cluster_upstream_rq_total")->signal == SIGNAL_IGNORED);
    CHECK(metric(set, "envoy_whatever")->signal == SIGNAL_IGNORED); /* Envoy's, and nothing that we read */
    CHECK(metric(set, "whatever") == NULL && metric(set, "") == NULL);
    char longer[400];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    CHECK(metric(set, longer) == NULL);
    dialect_set_free(set);
}

TEST(names_made_at_run_time_are_known_by_their_endings) {
    dialect_set_t *set = dialect_set_new(NULL);
    dialect_rule_t rule = dialect_metric(set, NULL, slice_text("forwarder-vpp-4xk2z_server_rx_bytes_total"));
    CHECK(rule.metric != NULL && rule.dialect->mesh == MESH_NSM);
    CHECK(slice_is(rule.before, "forwarder-vpp-4xk2z"));
    CHECK_TEXT(rule.metric->gauge, "connection.received_bytes");
    CHECK(metric(set, "server_rx_bytes") == NULL && metric(set, "_server_rx_bytes") == NULL);
    dialect_set_free(set);
}

TEST(a_scope_that_is_a_meshs_own_gives_common_names_another_meaning) {
    dialect_set_t *set = dialect_set_new(NULL);
    const dialect_t *traefik = dialect_of_scope(set, slice_text("github.com/traefik/traefik"));
    REQUIRE(traefik != NULL);
    slice_t name = slice_text("http.client.request.duration");
    CHECK_EQUAL(dialect_metric(set, traefik, name).metric->signal, SIGNAL_IGNORED);
    CHECK_EQUAL(dialect_metric(set, NULL, name).metric->signal, SIGNAL_LATENCY_REQUESTS);
    CHECK(dialect_of_scope(set, slice_text("io.opentelemetry")) == NULL);
    dialect_set_free(set);
}

TEST(labels_of_a_mesh_are_read_on_the_metrics_of_the_proxy_that_it_uses) {
    dialect_set_t *set = dialect_set_new(NULL);
    dialect_rule_t rule = dialect_metric(set, NULL, slice_text("envoy_cluster_upstream_rq"));
    static const struct {
        const char *key;
        mesh_t mesh;
    } keys[] = {{"consul_source_service", MESH_CONSUL}, {"consul.source.service", MESH_CONSUL},
                {"kuma.workload", MESH_KUMA},           {"dataplane", MESH_KUMA},
                {"appmesh_mesh", MESH_APP_MESH},        {"source_workload_kind", MESH_OSM},
                {"envoy_cluster_name", MESH_NONE}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const dialect_attribute_t *row = dialect_find(rule.labels, slice_text(keys[i].key));
        CHECK(row != NULL && row->mesh == keys[i].mesh);
    }
    rule = dialect_metric(set, NULL, slice_text("istio_requests_total"));
    CHECK(dialect_find(rule.labels, slice_text("consul_source_service")) == NULL);
    dialect_set_free(set);
}

TEST(units_become_seconds_bytes_and_ratios) {
    const dialect_metric_t open = {.name = "x"}, fixed = {.name = "x", .scale = 0.001};
    CHECK(dialect_scale(&open, slice_text("x"), slice_text("ms")) == 0.001);
    CHECK(dialect_scale(&open, slice_text("x_milliseconds"), slice_text("s")) == 1);
    CHECK(dialect_scale(&open, slice_text("x_milliseconds"), slice_text("")) == 0.001);
    CHECK(dialect_scale(&open, slice_text("x_seconds_total"), slice_text("")) == 1);
    CHECK(dialect_scale(&open, slice_text("x"), slice_text("%")) == 0.01);
    CHECK(dialect_scale(&open, slice_text("x"), slice_text("")) == 1);
    CHECK(dialect_scale(&fixed, slice_text("x"), slice_text("s")) == 0.001);
}

TEST(every_row_of_a_built_in_dialect_is_found_or_hidden_by_an_earlier_dialect) {
    dialect_set_t *set = dialect_set_new(NULL);
    for (const dialect_t *const *d = dialect_list; *d != NULL; d++) {
        for (const dialect_attribute_t *row = (*d)->span; row != NULL && row->key != NULL; row++) {
            CHECK(dialect_find(&set->span, slice_text(row->key)) != NULL);
            CHECK(row->rank > 0);
        }
        for (const dialect_metric_t *row = (*d)->metrics; row != NULL && row->name != NULL; row++) {
            char name[128];
            (void)snprintf(name, sizeof name, "%s%s", (*d)->before != ROLE_NONE ? "forwarder-vpp-4xk2z_" : "",
                           row->name);
            dialect_rule_t rule = dialect_metric(set, NULL, slice_text(name));
            CHECK(rule.metric != NULL && rule.dialect == *d);
            for (const dialect_attribute_t *label = (*d)->label; label != NULL && label->key != NULL; label++)
                CHECK(dialect_find(rule.labels, slice_text(label->key)) != NULL);
        }
    }
    CHECK_EQUAL(dialect_find(&set->resource, slice_text("k8s_pod_name"))->role, ROLE_INSTANCE);
    CHECK_EQUAL(dialect_find(&set->span, slice_text("upstream_cluster"))->role, ROLE_PEER);
    CHECK(dialect_find(&set->span, slice_text("nobody.knows")) == NULL);
    dialect_set_free(set);
}

TEST(names_of_roles_forms_and_signals_are_complete_and_distinct) {
    for (int i = 0; i < ROLES; i++)
        for (int k = 0; k < i; k++) CHECK(role_names[i] != NULL && strcmp(role_names[i], role_names[k]) != 0);
    for (int i = 0; i < FORMS; i++)
        for (int k = 0; k < i; k++) CHECK(form_names[i] != NULL && strcmp(form_names[i], form_names[k]) != 0);
    for (int i = 0; i < SIGNALS; i++)
        for (int k = 0; k < i; k++) CHECK(signal_names[i] != NULL && strcmp(signal_names[i], signal_names[k]) != 0);
    CHECK_TEXT(role_names[ROLE_DURATION_MS], "duration_ms");
    CHECK_TEXT(role_names[ROLE_CALLEE_NAMESPACE], "callee_namespace");
    CHECK_TEXT(role_names[ROLE_RESPONSE_FLAGS], "response_flags");
    CHECK_TEXT(signal_names[SIGNAL_REQUEST_COUNT], "request_count");
    CHECK_TEXT(signal_names[SIGNAL_CLIENT_LATENCY], "client_latency");
    CHECK_TEXT(form_names[FORM_ISTIO_SNI], "istio_sni");
}

TEST_MAIN(TEST_CASE(envoy_clusters_of_every_mesh_are_told_apart_by_their_shape),
          TEST_CASE(names_that_meshes_make_of_services_are_read_back),
          TEST_CASE(listeners_and_clusters_tell_whose_side_speaks),
          TEST_CASE(names_made_at_run_time_are_known_by_their_endings),
          TEST_CASE(a_scope_that_is_a_meshs_own_gives_common_names_another_meaning),
          TEST_CASE(labels_of_a_mesh_are_read_on_the_metrics_of_the_proxy_that_it_uses),
          TEST_CASE(hosts_of_kubernetes_are_taken_apart_others_stay_whole),
          TEST_CASE(istio_clusters_name_callee_namespace_and_version), TEST_CASE(nodes_and_dotted_names),
          TEST_CASE(any_text_can_be_read_in_any_form), TEST_CASE(statuses_fall_into_classes),
          TEST_CASE(metric_names_are_found_in_all_spellings), TEST_CASE(units_become_seconds_bytes_and_ratios),
          TEST_CASE(every_row_of_a_built_in_dialect_is_found_or_hidden_by_an_earlier_dialect),
          TEST_CASE(names_of_roles_forms_and_signals_are_complete_and_distinct))
