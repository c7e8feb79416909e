#include "tests/analyzer/mesh.h"

#include <jansson.h>

/* The newest suggestion's text at a top-level key, or "". */
static const char *field(json_t *document, const char *key) {
    const char *text = json_string_value(json_object_get(document, key));
    return text == NULL ? "" : text;
}

/* Two versions take 70 and 30 of 100 requests; the second fails `failed` of its 30 after a while. */
static testmesh_t *canary(const char *service, const char *stable, const char *fresh, uint64_t failed) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 40; i++) {
        bool bad = i >= 30;
        mesh_calls(mesh, "gate", service, stable, "a-1", i < 20 ? 100 : 70, 0, 20, 22);
        if (i >= 20) mesh_calls(mesh, "gate", service, fresh, "b-1", 30, bad ? failed : 0, 20, 22);
        mesh_tick(mesh);
    }
    return mesh;
}

TEST(a_failing_version_is_rolled_back_to_the_one_that_works) {
    testmesh_t *mesh = canary("shop/cart", "v1", "v2", 15);
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK_TEXT(field(document, "kind"), "roll_back_version");
    const char *apply = field(document, "apply");
    CHECK(strstr(apply, "kubectl apply -f - <<'EOF'") == apply);
    CHECK(strstr(apply, "subset: v1\n      weight: 100") != NULL);
    CHECK(strstr(apply, "subset: v2\n      weight: 0") != NULL);
    CHECK(strstr(apply, "kind: DestinationRule") != NULL);
    CHECK_TEXT(field(document, "undo"), "kubectl delete -n shop virtualservice.networking.istio.io/cart-seismesh "
                                        "destinationrule.networking.istio.io/cart-seismesh\n");
    json_t *errors = json_object_get(json_object_get(document, "effect"), "error_ratio");
    CHECK(json_number_value(json_object_get(errors, "predicted")) < 0.001);
    CHECK(json_number_value(json_object_get(errors, "high")) < json_number_value(json_object_get(errors, "now")));
    CHECK(json_is_true(json_object_get(json_object_get(document, "capacity"), "fits"))); /* it bore all before */
    json_decref(document);
    mesh_free(mesh);
}

TEST(names_that_kubernetes_forbids_are_never_rendered) {
    static const char *const hostile[] = {"shop/cart'; rm -rf /", "shop/$(id)", "shop/a\nEOF\nid", "Shop/Cart",
                                          "x/../y"};
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        testmesh_t *mesh = canary(hostile[i], "v1", "v2", 15);
        json_t *document = json_loads(mesh->suggestion, 0, NULL);
        CHECK_TEXT(field(document, "kind"), "none");
        CHECK_TEXT(field(document, "apply"), "");
        json_decref(document);
        mesh_free(mesh);
    }
    testmesh_t *mesh = canary("shop/cart", "v1", "v2\nEOF\nrm -rf /", 15);
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK(strstr(field(document, "apply"), "rm -rf") == NULL && strstr(field(document, "title"), "v2") == NULL);
    json_decref(document);
    mesh_free(mesh);
}

/* One of two instances fails so many of its 40 requests, or is so slow, after a while. */
static json_t *one_of_two(uint64_t failed, double ms, char *kind, size_t kind_bytes) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 42; i++) {
        mesh_calls(mesh, "gate", "shop/cart", "v1", "cart-1", 40, 0, 20, 22);
        mesh_calls(mesh, "gate", "shop/cart", "v1", "cart-2", 40, i >= 30 ? failed : 0, i >= 30 ? ms : 20, 22);
        mesh_tick(mesh);
    }
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    (void)snprintf(kind, kind_bytes, "%s", field(document, "kind"));
    mesh_free(mesh);
    return document;
}

TEST(one_of_two_instances_is_taken_out_where_it_is_of_little_use_and_not_where_the_other_may_not_bear_it) {
    char kind[32];
    json_t *document = one_of_two(30, 20, kind, sizeof kind);
    CHECK_TEXT(kind, "drain_instance");
    CHECK_TEXT(field(json_object_get(document, "target"), "instance"), "cart-2");
    json_decref(document);
    document = one_of_two(0, 400, kind, sizeof kind); /* nobody tells its processors' use */
    CHECK_TEXT(kind, "none");
    CHECK(strstr(field(document, "sentence"), "nothing tells whether one alone can bear everything") != NULL);
    json_decref(document);
}

TEST(one_failing_instance_of_four_is_ejected) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 40; i++) {
        mesh_calls(mesh, "gate", "shop/cart", "v1", "cart-1", 40, 0, 20, 22);
        mesh_calls(mesh, "gate", "shop/cart", "v1", "cart-2", 40, i >= 30 ? 30 : 0, 20, 22);
        mesh_calls(mesh, "gate", "shop/cart", "v1", "cart-3", 40, 0, 20, 22);
        mesh_calls(mesh, "gate", "shop/cart", "v1", "cart-4", 40, 0, 20, 22);
        mesh_tick(mesh);
    }
    CHECK_TEXT(names_cstr(&mesh->shard.names, mesh->suspect_instance), "cart-2");
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK_TEXT(field(document, "kind"), "eject_instance");
    CHECK(strstr(field(document, "apply"), "maxEjectionPercent: 25") != NULL);
    CHECK_TEXT(field(json_object_get(document, "target"), "instance"), "cart-2");
    json_decref(document);
    mesh_free(mesh);
}

TEST(where_there_is_nowhere_to_send_the_traffic_it_says_so) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 40; i++) {
        mesh_calls(mesh, "gate", "shop/cart", "v1", "cart-1", 100, i >= 30 ? 40 : 0, 20, 22);
        mesh_tick(mesh);
    }
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK_TEXT(field(document, "kind"), "none");
    CHECK(strstr(field(document, "sentence"), "nowhere to send the traffic") != NULL);
    json_decref(document);
    mesh_free(mesh);
}

/* A shop whose front waits for its advertisements: `slow` of 100 calls take `slow_ms`, of which `capped` end at a
 * timeout of one second that the front has already. Half of the front's requests need them; `failing` of these then
 * fail. */
static testmesh_t *waiting(int slow, double slow_ms, int capped, int failing, int refused) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 44; i++) {
        bool bad = i >= 30;
        cell_t *edge = mesh_cell(mesh, ENTITY_EDGE, "shop/front", "shop/ads", "", "");
        cell_t *served[] = {edge, mesh_cell(mesh, ENTITY_SERVICE, "", "shop/ads", "", ""),
                            mesh_cell(mesh, ENTITY_VERSION, "", "shop/ads", "v1", ""),
                            mesh_cell(mesh, ENTITY_INSTANCE, "", "shop/ads", "v1", "ads-1")};
        cell_t *front[] = {mesh_cell(mesh, ENTITY_SERVICE, "", "shop/front", "", ""),
                           mesh_cell(mesh, ENTITY_EDGE, "gate", "shop/front", "", "")};
        for (int call = 0; call < 100; call++) {
            double usual_ms = 10 + call % 10, service_ms = usual_ms, client_ms = usual_ms + 1;
            if (bad && call < slow) service_ms = client_ms = slow_ms + call;
            if (bad && call < capped) {
                service_ms = 1500 + 20 * call;
                client_ms = 1000;
            }
            for (size_t k = 0; k < 4; k++)
                cell_request(served[k], bad && call >= 100 - refused ? FAILURE_SERVER : FAILURE_NONE,
                             (uint64_t)(service_ms * 1e6));
            sketch_add(&edge->client, (uint64_t)(client_ms * 1e6), 1);
            for (size_t k = 0; k < 2; k++) {
                cell_request(front[k], bad && call < failing ? FAILURE_SERVER : FAILURE_NONE,
                             (uint64_t)((40 + call % 20 + client_ms) * 1e6));
                cell_request(front[k], FAILURE_NONE, (uint64_t)((40 + call % 20) * 1e6));
            }
            sketch_add(&front[1]->client, (uint64_t)((42 + call % 20 + client_ms) * 1e6), 1);
        }
        mesh_tick(mesh);
    }
    return mesh;
}

static double number_at(json_t *document, const char *part, const char *figure, const char *key) {
    return json_number_value(json_object_get(json_object_get(json_object_get(document, part), figure), key));
}

TEST(a_slow_dependency_that_callers_give_up_on_gets_an_earlier_timeout) {
    testmesh_t *mesh = waiting(80, 700, 50, 0, 0);
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK_TEXT(field(document, "kind"), "set_timeout");
    double timeout_s = json_number_value(json_object_get(json_object_get(document, "action"), "timeout_s"));
    CHECK(timeout_s >= 0.036 && timeout_s < 0.7); /* twice the usual 99th percentile, and below the slow calls */
    CHECK(strstr(field(document, "apply"), "timeout: \"") != NULL);
    CHECK(strstr(field(document, "sentence"), "are given up after about") != NULL);
    double now = number_at(document, "effect", "error_ratio", "now");
    double predicted = number_at(document, "effect", "error_ratio", "predicted");
    CHECK(now > 0.4 && now < 0.6 && predicted > 0.75 && predicted < 0.85);
    CHECK(number_at(document, "effect", "error_ratio", "low") < 0.8);
    CHECK(number_at(document, "effect", "error_ratio", "high") > 0.8);
    CHECK(number_at(document, "effect", "p99_s", "predicted") < 0.5 * number_at(document, "effect", "p99_s", "now"));
    CHECK(number_at(document, "effect", "p99_s", "low") <= number_at(document, "effect", "p99_s", "predicted"));
    CHECK(number_at(document, "effect", "p99_s", "high") >= number_at(document, "effect", "p99_s", "predicted"));
    CHECK(json_number_value(json_object_get(document, "confidence")) < 0.6);
    CHECK(strstr(mesh->told.len > 0 ? (const char *)mesh->told.data : "", "set_timeout") != NULL);
    json_decref(document);
    mesh_free(mesh);
}

TEST(a_timeout_that_would_cut_every_call_for_a_short_wait_is_not_proposed) {
    testmesh_t *mesh = waiting(100, 400, 0, 0, 0);
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK_TEXT(field(document, "kind"), "none");
    CHECK(strstr(field(document, "sentence"), "would cut more than the waiting that it saves is worth") != NULL);
    CHECK(json_is_null(json_object_get(document, "action")));
    json_decref(document);
    mesh_free(mesh);
}

TEST(a_caller_that_fails_for_calls_that_it_gives_up_gets_no_earlier_timeout) {
    testmesh_t *mesh = waiting(80, 700, 50, 50, 0);
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK_TEXT(field(document, "kind"), "none");
    json_decref(document);
    mesh_free(mesh);
}

TEST(a_service_that_fails_gets_no_timeout) {
    testmesh_t *mesh = waiting(60, 700, 40, 0, 50);
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK_TEXT(field(document, "kind"), "none");
    json_decref(document);
    mesh_free(mesh);
}

TEST(two_in_five_calls_are_not_cut_without_a_sign_that_the_caller_can_do_without) {
    testmesh_t *mesh = waiting(40, 3000, 0, 0, 0);
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK_TEXT(field(document, "kind"), "none");
    CHECK(strstr(field(document, "sentence"), "would cut more than the waiting that it saves is worth") != NULL);
    json_decref(document);
    mesh_free(mesh);
}

/* Whether the sink was told of this suggestion with this kind, and whether it was over at once the last time. */
static bool told(const testmesh_t *mesh, uint64_t wanted, const char *kind, bool *over) {
    char text[64];
    bool found = false;
    (void)snprintf(text, sizeof text, "suggestion %llu ", (unsigned long long)wanted);
    for (const char *at = (const char *)mesh->told.data; (at = strstr(at, text)) != NULL; at++) {
        unsigned long long id, incident;
        long long created, expires;
        if (sscanf(at, "suggestion %llu %llu %lld %lld", &id, &incident, &created, &expires) != 4) continue;
        const char *end = strchr(at, '\n'), *said = strstr(at, kind);
        if (said == NULL || (end != NULL && said > end)) continue;
        found = true;
        *over = expires == created;
    }
    return found;
}

TEST(an_abstention_is_over_when_a_change_is_proposed) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 60; i++) { /* all versions alike at first, then one of them recovers */
        bool bad = i >= 30;
        mesh_calls(mesh, "gate", "shop/cart", "v1", "a-1", 70, bad && i < 42 ? 35 : 0, 20, 22);
        mesh_calls(mesh, "gate", "shop/cart", "v2", "b-1", 30, bad ? 15 : 0, 20, 22);
        mesh_tick(mesh);
    }
    buffer_byte(&mesh->told, 0);
    bool over = false;
    REQUIRE(told(mesh, 1, "\"kind\":\"none\"", &over));
    CHECK(over);
    REQUIRE(told(mesh, 2, "\"kind\":\"roll_back_version\"", &over));
    CHECK(!over);
    mesh_free(mesh);
}

/* A service that never bore more than 20 requests/s gets 30, and answers a hundred times slower. */
static testmesh_t *surge(uint64_t failed) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 44; i++) {
        bool bad = i >= 30;
        mesh_calls(mesh, "shop/front", "shop/cart", "v1", "cart-1", bad ? 300 : 200, bad ? failed : 0, bad ? 2000 : 20,
                   bad ? 2010 : 22);
        mesh_tick(mesh);
    }
    return mesh;
}

TEST(a_surge_beyond_what_was_ever_borne_gets_a_limit_on_requests_in_flight) {
    testmesh_t *mesh = surge(0);
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK_TEXT(field(document, "kind"), "circuit_breaker");
    /* 20/s x about 20 ms = 0.4 in flight, and three standard deviations: 3 */
    json_t *action = json_object_get(document, "action");
    CHECK_EQUAL(json_integer_value(json_object_get(action, "in_flight")), 3);
    CHECK(strstr(field(document, "apply"), "http2MaxRequests: 3") != NULL);
    double shed = number_at(document, "effect", "error_ratio", "predicted");
    CHECK(shed > 0.3 && shed < 0.37);
    CHECK(number_at(document, "effect", "p99_s", "predicted") < 0.1);
    CHECK(number_at(document, "effect", "p99_s", "now") > 1);
    json_decref(document);
    mesh_free(mesh);
}

TEST(suggestions_are_written_in_the_language_of_the_configuration) {
    testmesh_t *mesh = mesh_new();
    analyzer_config_t config;
    analyzer_config_defaults(&config);
    config.routing_language = "linkerd";
    analyzer_free(mesh->analyzer);
    mesh->analyzer = analyzer_new(&config, mesh_sink(mesh));
    for (int i = 0; i < 40; i++) {
        mesh_calls(mesh, "gate", "shop/cart", "v1", "a-1", 70, 0, 20, 22);
        mesh_calls(mesh, "gate", "shop/cart", "v2", "b-1", 30, i >= 30 ? 15 : 0, 20, 22);
        mesh_tick(mesh);
    }
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK_TEXT(field(document, "mesh"), "linkerd");
    CHECK(strstr(field(document, "apply"), "kind: HTTPRoute") != NULL);
    CHECK(strstr(field(document, "apply"), "name: cart-v2") != NULL);
    json_decref(document);
    mesh_free(mesh);
}

/* The mesh that a service is seen in, as the fold marks it. */
static void mark(testmesh_t *mesh, const char *service, const char *in) {
    entity_key_t key = {.kind = ENTITY_SERVICE};
    key.service = names_intern(&mesh->shard.names, slice_text(service));
    key.operation = names_intern(&mesh->shard.names, slice_text(in));
    (void)shard_entity(&mesh->shard, &key);
}

TEST(suggestions_are_written_in_the_language_of_the_mesh_that_the_service_is_seen_in) {
    static const struct {
        const char *service, *in, *language;
    } cases[] = {{"shop/cart", "linkerd", "linkerd"},
                 {"shop/cart", "app_mesh", "app-mesh"},
                 {"shop/other", "consul", "consul"}, /* spans alone tell of cart: what its neighbours are in */
                 {"shop/other", "unheard of", "istio"}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        testmesh_t *mesh = mesh_new();
        for (int i = 0; i < 40; i++) {
            mark(mesh, cases[c].service, cases[c].in);
            mesh_calls(mesh, "gate", "shop/cart", "v1", "a-1", 70, 0, 20, 22);
            mesh_calls(mesh, "gate", "shop/cart", "v2", "b-1", 30, i >= 30 ? 15 : 0, 20, 22);
            mesh_tick(mesh);
        }
        json_t *document = json_loads(mesh->suggestion, 0, NULL);
        CHECK_TEXT(field(document, "mesh"), cases[c].language);
        json_decref(document);
        mesh_free(mesh);
    }
}

TEST_MAIN(
    TEST_CASE(a_failing_version_is_rolled_back_to_the_one_that_works),
    TEST_CASE(names_that_kubernetes_forbids_are_never_rendered),
    TEST_CASE(one_of_two_instances_is_taken_out_where_it_is_of_little_use_and_not_where_the_other_may_not_bear_it),
    TEST_CASE(one_failing_instance_of_four_is_ejected),
    TEST_CASE(where_there_is_nowhere_to_send_the_traffic_it_says_so),
    TEST_CASE(a_slow_dependency_that_callers_give_up_on_gets_an_earlier_timeout),
    TEST_CASE(a_timeout_that_would_cut_every_call_for_a_short_wait_is_not_proposed),
    TEST_CASE(a_caller_that_fails_for_calls_that_it_gives_up_gets_no_earlier_timeout),
    TEST_CASE(a_service_that_fails_gets_no_timeout),
    TEST_CASE(two_in_five_calls_are_not_cut_without_a_sign_that_the_caller_can_do_without),
    TEST_CASE(an_abstention_is_over_when_a_change_is_proposed),
    TEST_CASE(a_surge_beyond_what_was_ever_borne_gets_a_limit_on_requests_in_flight),
    TEST_CASE(suggestions_are_written_in_the_language_of_the_mesh_that_the_service_is_seen_in),
    TEST_CASE(suggestions_are_written_in_the_language_of_the_configuration))
