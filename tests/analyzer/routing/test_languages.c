/* What every language owes: an object or a reason, commands for both ways, and names that stay where they belong. */
#include "analyzer/routing/text.h"
#include "base/config.h"
#include "tests/analyzer/routing/actions.h"
#include "tests/test.h"

static change_t rendered(const char *language, const routing_action_t *action, const char *live) {
    change_t change;
    json_t *objects = NULL;
    char why[200] = "";
    if (live != NULL && text_read(slice_text(live), &objects, why, sizeof why) != ERR_OK)
        (void)fprintf(stderr, "the live object is not read: %s\n", why);
    (void)routing_render(routing_language(language), action, objects, &change);
    json_decref(objects);
    return change;
}

static const char *object_text(const change_t *change, size_t index, const char *key) {
    const char *text = json_string_value(json_object_get(json_array_get(change->objects, index), key));
    return text == NULL ? "" : text;
}

static bool limits_say(const change_t *change, const char *words) {
    size_t index;
    const json_t *limit;
    json_array_foreach(change->limits, index, limit) if (strstr(json_string_value(limit), words) != NULL) return true;
    return false;
}

/* Checks the one object's diff line by line: only its + and - lines, in order, joined by '\n'. */
static void changes_are(change_t *change, size_t index, const char *wanted) {
    char got[2000] = "";
    const char *diff = object_text(change, index, "diff");
    while (*diff != '\0') {
        size_t len = strcspn(diff, "\n"), used = strlen(got);
        bool sign = (*diff == '+' || *diff == '-') && strncmp(diff, "+++", 3) != 0 && strncmp(diff, "---", 3) != 0;
        if (sign && used + len + 2 < sizeof got)
            (void)snprintf(got + used, sizeof got - used, "%.*s\n", (int)len, diff);
        diff += len + (diff[len] == '\n');
    }
    CHECK_TEXT(change->cannot, "");
    CHECK_TEXT(got, wanted);
}

TEST(every_language_writes_every_action_or_says_why_not) {
    for (size_t i = 0; routing_languages[i] != NULL; i++)
        for (uint8_t kind = 1; kind < ACTION_KINDS; kind++) {
            routing_action_t action = sample_action(kind);
            change_t change = rendered(routing_languages[i]->name, &action, NULL);
            bool objects = json_array_size(change.objects) > 0;
            CHECK(objects || change.cannot[0] != '\0');
            CHECK(!objects || change.apply.len > 1);
            CHECK(objects || change.apply.len == 1);
            bool asks = strcmp(routing_languages[i]->name, "traefik-file") != 0; /* a file is nobody to ask */
            CHECK((change.read.len > 1) == (objects && asks));
            if (test_failures > 0) (void)fprintf(stderr, "%s %s\n", routing_languages[i]->name, action_kind_name(kind));
            change_fini(&change);
        }
}

TEST(what_is_live_is_asked_for_by_commands_that_only_read) {
    static const struct {
        const char *language, *read;
        uint8_t kind;
    } wanted[] = {
        {"istio",
         "kubectl get -n shop destinationrule.networking.istio.io,virtualservice.networking.istio.io -o json\n",
         ACTION_SHIFT_VERSIONS},
        {"linkerd",
         "kubectl get -n shop httproute.gateway.networking.k8s.io,grpcroute.gateway.networking.k8s.io,"
         "serviceprofile.linkerd.io -o json\n",
         ACTION_SHIFT_VERSIONS},
        {"linkerd",
         "kubectl get -n shop service,grpcroute.gateway.networking.k8s.io,serviceprofile.linkerd.io -o json\n",
         ACTION_CUT_RETRIES},
        {"consul",
         "names=$(consul config list -kind service-router) && if printf '%s\\n' \"$names\" | grep -qxF -e reviews; "
         "then "
         "consul config read -kind service-router -name reviews; fi\n",
         ACTION_SET_TIMEOUT},
        {"kuma-universal", "kumactl get meshretries --mesh default -o json\n", ACTION_CUT_RETRIES},
        {"app-mesh",
         "aws appmesh describe-route --mesh-name default --virtual-router-name reviews --route-name reviews --output "
         "json\n",
         ACTION_SHIFT_VERSIONS},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        routing_action_t action = sample_action(wanted[i].kind);
        change_t change = rendered(wanted[i].language, &action, NULL);
        CHECK_TEXT((const char *)change.read.data, wanted[i].read);
        change_fini(&change);
    }
}

TEST(an_empty_list_says_that_nothing_is_there) {
    routing_action_t action = sample_action(ACTION_SET_TIMEOUT);
    change_t change = rendered("istio", &action, "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": []}");
    CHECK(limits_say(&change, "holds no VirtualService about reviews"));
    change_fini(&change);
    change = rendered(
        "kuma-universal", &action,
        "{\"total\": 1, \"items\": [{\"type\": \"MeshRetry\", \"name\": \"r\", \"spec\": {}}], \"next\": null}");
    CHECK(limits_say(&change, "holds no MeshTimeout about reviews"));
    change_fini(&change);
}

TEST(the_choices_of_the_configuration_are_the_languages) {
    char names[400] = "";
    for (size_t i = 0; routing_languages[i] != NULL; i++) {
        const routing_language_ops *language = routing_languages[i];
        CHECK(strlen(language->title) > 0 && language == routing_language(language->name));
        CHECK(language->beside == NULL || routing_language(language->beside) != NULL);
        (void)snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i == 0 ? "" : "|", language->name);
        char flag[] = "--routing.language", value[40], program[] = "seismesh", why[200] = "";
        (void)snprintf(value, sizeof value, "%s", language->name);
        char *argv[] = {program, flag, value, NULL};
        int argc = 3;
        config_t config;
        CHECK(config_load(&config, &argc, argv, why, sizeof why) == ERR_OK);
        CHECK_TEXT(why, "");
        config_free(&config);
    }
    CHECK_TEXT(names, ROUTING_LANGUAGES);
}

TEST(a_mesh_that_has_ended_says_so_and_offers_gateway_api_beside) {
    static const char *const ended[] = {"app-mesh", "osm", "traefik-mesh", "smi"};
    for (size_t i = 0; i < sizeof ended / sizeof ended[0]; i++) {
        routing_action_t action = sample_action(ACTION_SHIFT_VERSIONS);
        change_t change = rendered(ended[i], &action, NULL);
        json_t *document = json_object();
        change_into(&change, &action, document);
        const json_t *beside = json_object_get(document, "beside");
        CHECK_TEXT(json_string_value(json_object_get(beside, "mesh")), "gateway-api");
        CHECK_EQUAL(json_array_size(json_object_get(beside, "objects")), 1);
        CHECK(limits_say(&change, "ended") || limits_say(&change, "archived") || limits_say(&change, "2022"));
        json_decref(document);
        change_fini(&change);
    }
}

TEST(smi_is_written_in_the_version_that_each_mesh_serves) {
    static const char *const versions[][2] = {{"smi", "apiVersion: split.smi-spec.io/v1alpha4\n"},
                                              {"traefik-mesh", "apiVersion: split.smi-spec.io/v1alpha3\n"},
                                              {"osm", "apiVersion: split.smi-spec.io/v1alpha2\n"}};
    for (size_t i = 0; i < 3; i++) {
        routing_action_t action = sample_action(ACTION_SHIFT_VERSIONS);
        change_t change = rendered(versions[i][0], &action, NULL);
        CHECK(strncmp(object_text(&change, 0, "after"), versions[i][1], strlen(versions[i][1])) == 0);
        change_fini(&change);
    }
}

TEST(what_cannot_be_said_is_said_to_be_so_and_the_nearest_is_given) {
    routing_action_t action = sample_action(ACTION_DRAIN_INSTANCE);
    change_t change = rendered("linkerd", &action, NULL);
    CHECK(strstr(change.cannot, "Linkerd cannot express taking one instance out by name") != NULL);
    CHECK(strstr(change.cannot, "nearest that it can is ejecting instances that fail") != NULL);
    CHECK(strstr(object_text(&change, 0, "after"), "failure-accrual: consecutive") != NULL);
    change_fini(&change);
    action = sample_action(ACTION_SHIFT_VERSIONS);
    change = rendered("nsm", &action, NULL);
    CHECK(strstr(change.cannot, "nothing reads the weights") != NULL && json_array_size(change.objects) == 0);
    change_fini(&change);
    action = sample_action(ACTION_SHIFT_ZONES); /* to the zone with most of it, away from the one with least */
    change = rendered("kuma", &action, NULL);
    CHECK(strstr(object_text(&change, 0, "after"), "from:\n              zones:\n              - eu-west-1b\n") !=
          NULL);
    change_fini(&change);
}

TEST(percents_always_add_up_to_a_hundred) {
    uint64_t seed = 5;
    for (int round = 0; round < 2000; round++) {
        routing_action_t action = {.kind = ACTION_SHIFT_VERSIONS};
        uint32_t left = WEIGHT_WHOLE, percents[ACTION_TARGETS_MAX], sum = 0,
                 n = 1 + (uint32_t)(test_random(&seed) % 16);
        for (uint32_t i = 0; i < n; i++) {
            char name[8];
            uint32_t weight = i + 1 == n ? left : (uint32_t)(test_random(&seed) % (left + 1));
            (void)snprintf(name, sizeof name, "v%u", (unsigned)i);
            CHECK(action_add_target(&action, name, weight));
            left -= weight;
        }
        render_percents(&action, percents);
        for (uint32_t i = 0; i < n; i++) {
            sum += percents[i];
            CHECK(percents[i] >= action.targets[i].weight / 100 && percents[i] <= action.targets[i].weight / 100 + 1);
        }
        CHECK_EQUAL(sum, 100);
    }
}

static const char *const bad_names[] = {"a\nb",  "a\"b", "a'b",  "{{.Values}}", "${x}", "$(id)", "a: b",  "#c", "-a",
                                        "a-",    "a b",  "a/b",  "../x",        "a;b",  "a`b",   "EOF\n", "é",  "a\tb",
                                        "@type", "*",    "&x y", "%2e",         "a,b",  "<a>",   "a\\b",  "a|b"};

TEST(a_name_that_kubernetes_forbids_gives_no_object_in_any_language) {
    for (size_t b = 0; b < sizeof bad_names / sizeof bad_names[0]; b++)
        for (uint8_t kind = 1; kind < ACTION_KINDS; kind++) {
            routing_action_t action = sample_action(kind);
            (void)snprintf(action.service, sizeof action.service, "%s", bad_names[b]);
            CHECK(!action_valid(&action, NULL));
            for (size_t i = 0; routing_languages[i] != NULL; i++) {
                change_t change = rendered(routing_languages[i]->name, &action, NULL);
                CHECK(json_array_size(change.objects) == 0 && change.apply.len == 1 && change.undo.len == 1);
                CHECK(change.cannot[0] != '\0');
                change_fini(&change);
            }
        }
}

TEST(an_action_comes_back_from_json_as_it_went) {
    for (uint8_t kind = 1; kind < ACTION_KINDS; kind++) {
        routing_action_t action = sample_action(kind), back;
        json_t *json = action_to_json(&action), *again;
        CHECK(action_from_json(json, &action)); /* now without what its kind does not use */
        CHECK(action_from_json(json, &back));
        again = action_to_json(&back);
        CHECK(json_equal(json, again));
        for (size_t i = 0; routing_languages[i] != NULL; i++) {
            change_t one = rendered(routing_languages[i]->name, &action, NULL);
            change_t two = rendered(routing_languages[i]->name, &back, NULL);
            CHECK(json_equal(one.objects, two.objects));
            CHECK_TEXT((const char *)one.apply.data, (const char *)two.apply.data);
            change_fini(&one);
            change_fini(&two);
        }
        json_decref(json);
        json_decref(again);
    }
}

TEST(an_action_that_is_not_whole_is_refused) {
    static const char *const bad[] = {
        "{}",
        "null",
        "{\"kind\":\"set_timeout\"}",
        "{\"kind\":\"set_timeout\",\"service\":\"a\"}",
        "{\"kind\":\"set_timeout\",\"service\":\"a\",\"timeout_s\":-1}",
        "{\"kind\":\"set_timeout\",\"service\":\"a\",\"timeout_s\":1e9}",
        "{\"kind\":\"set_timeout\",\"service\":\"a\",\"timeout_s\":\"1\"}",
        "{\"kind\":\"set_timeout\",\"service\":\"A\",\"timeout_s\":1}",
        "{\"kind\":\"set_timeout\",\"service\":7,\"timeout_s\":1}",
        "{\"kind\":\"make_coffee\",\"service\":\"a\"}",
        "{\"kind\":\"shift_versions\",\"service\":\"a\"}",
        "{\"kind\":\"shift_versions\",\"service\":\"a\",\"targets\":[{\"name\":\"v1\",\"weight_percent\":99}]}",
        "{\"kind\":\"shift_versions\",\"service\":\"a\",\"targets\":[{\"name\":\"v1\",\"weight_percent\":50},"
        "{\"name\":\"v1\",\"weight_percent\":50}]}",
        "{\"kind\":\"circuit_breaker\",\"service\":\"a\",\"in_flight\":0,\"pending\":1}",
        "{\"kind\":\"circuit_breaker\",\"service\":\"a\",\"in_flight\":1e300,\"pending\":1}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        routing_action_t action;
        json_t *json = json_loads(bad[i], JSON_DECODE_ANY, NULL);
        CHECK(!action_from_json(json, &action));
        if (test_failures > 0) (void)fprintf(stderr, "%s\n", bad[i]);
        json_decref(json);
    }
}

/* ---- against live objects ---- */

static const char istio_live[] =
    "apiVersion: networking.istio.io/v1beta1\nkind: VirtualService\n"
    "metadata: {name: reviews-route, namespace: shop, resourceVersion: \"7\", annotations: {team: a}}\n"
    "spec:\n  hosts: [reviews.shop.svc.cluster.local, reviews.example.com]\n  gateways: [mesh, edge]\n  http:\n"
    "  - match: [{uri: {prefix: /old}}]\n    redirect: {uri: /new}\n"
    "  - match: [{headers: {x: {exact: z}}}]\n    route: [{destination: {host: other}}]\n"
    "  - name: main\n    timeout: 3s\n    route:\n"
    "    - {destination: {host: reviews, subset: stable, port: {number: 9080}}, weight: 90, headers: {request: {add: "
    "{a: "
    "b}}}}\n"
    "    - {destination: {host: reviews, subset: canary}, weight: 10}\n"
    "---\n"
    "apiVersion: networking.istio.io/v1beta1\nkind: DestinationRule\nmetadata: {name: reviews, namespace: shop}\n"
    "spec:\n  host: reviews\n  trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n  subsets:\n"
    "  - {name: stable, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: RANDOM}}}\n"
    "  - {name: canary, labels: {version: v2}}\n";

TEST(istio_weights_change_in_the_live_route_under_its_own_subset_names) {
    routing_action_t action = sample_action(ACTION_SHIFT_VERSIONS);
    change_t change = rendered("istio", &action, istio_live);
    REQUIRE(json_array_size(change.objects) == 1);
    CHECK(limits_say(&change, "the live DestinationRule reviews says this already"));
    changes_are(&change, 0, "-      weight: 90\n+      weight: 95\n-      weight: 10\n+      weight: 5\n");
    CHECK_TEXT(object_text(&change, 0, "name"), "reviews-route");
    CHECK(strstr(object_text(&change, 0, "after"), "apiVersion: networking.istio.io/v1beta1\n") != NULL);
    CHECK(strstr((const char *)change.undo.data, "weight: 90") != NULL);
    CHECK(strstr((const char *)change.undo.data, "kubectl delete") == NULL);
    change_fini(&change);
    action.targets[0].weight = 9000;
    action.targets[1].weight = 1000;
    change = rendered("istio", &action, istio_live);
    CHECK(json_array_size(change.objects) == 0 && strstr(change.cannot, "say this already") != NULL);
    change_fini(&change);
}

TEST(an_istio_timeout_goes_into_the_routes_of_this_service_only) {
    routing_action_t action = sample_action(ACTION_SET_TIMEOUT);
    change_t change = rendered("istio", &action, istio_live);
    REQUIRE(json_array_size(change.objects) == 1);
    changes_are(&change, 0, "-    timeout: \"3s\"\n+    timeout: \"1500ms\"\n");
    change_fini(&change);
}

TEST(traffic_to_a_version_that_is_not_known_is_not_touched_and_not_ignored) {
    routing_action_t action = sample_action(ACTION_SHIFT_VERSIONS);
    change_t change = rendered("istio", &action,
                               "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec:\n"
                               "  hosts: [reviews]\n  http:\n  - route:\n"
                               "    - {destination: {host: reviews, subset: v1}, weight: 50}\n"
                               "    - {destination: {host: reviews, subset: v9}, weight: 50}\n");
    CHECK_EQUAL(json_array_size(change.objects), 0);
    CHECK(strstr(change.cannot, "also sends traffic to v9") != NULL);
    change_fini(&change);
    change = rendered("istio", &action,
                      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec:\n"
                      "  hosts: [reviews]\n  http:\n  - route:\n    - {destination: {host: elsewhere}}\n"
                      "    - {destination: {host: reviews, subset: v1}, weight: 50}\n");
    CHECK(json_array_size(change.objects) == 0 && strstr(change.cannot, "also sends traffic") != NULL);
    change_fini(&change);
}

TEST(a_route_to_the_whole_service_becomes_the_split_and_keeps_the_rest) {
    routing_action_t action = sample_action(ACTION_SHIFT_VERSIONS);
    change_t change = rendered("istio", &action,
                               "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec:\n"
                               "  hosts: [reviews]\n  http:\n  - route:\n    - {destination: {host: reviews, port: "
                               "{number: 9080}}}\n");
    REQUIRE(json_array_size(change.objects) == 2);
    CHECK(limits_say(&change, "holds no DestinationRule about reviews"));
    changes_are(&change, 1,
                "+        subset: v1\n+      weight: 95\n+    - destination:\n+        host: reviews\n"
                "+        port:\n+          number: 9080\n+        subset: v2\n+      weight: 5\n");
    change_fini(&change);
}

TEST(two_live_objects_about_one_service_are_one_too_many) {
    routing_action_t action = sample_action(ACTION_SET_TIMEOUT);
    change_t change = rendered(
        "istio", &action,
        "kind: VirtualService\napiVersion: networking.istio.io/v1\nmetadata: {name: a}\nspec: {hosts: "
        "[reviews], http: [{route: [{destination: {host: reviews}}]}]}\n---\nkind: VirtualService\napiVersion: "
        "networking.istio.io/v1\nmetadata: {name: b}\nspec: {hosts: [reviews.shop], http: []}\n");
    CHECK(json_array_size(change.objects) == 0 && strstr(change.cannot, "two live objects") != NULL);
    change_fini(&change);
}

TEST(gateway_routes_keep_their_ports_and_backend_names) {
    routing_action_t action = sample_action(ACTION_SHIFT_VERSIONS);
    change_t change = rendered(
        "gateway-api", &action,
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: shop}\nspec:\n"
        "  parentRefs: [{group: \"\", kind: Service, name: reviews, port: 9080}]\n  rules:\n"
        "  - matches: [{path: {value: /a}}]\n    backendRefs: [{name: reviews-svc-v1, port: 9081, weight: 1}, {name: "
        "reviews-svc-v2, port: 9082, weight: 1}]\n  - backendRefs: [{name: other, port: 1}]\n");
    REQUIRE(json_array_size(change.objects) == 1);
    changes_are(&change, 0, "-      weight: 1\n+      weight: 95\n-      weight: 1\n+      weight: 5\n");
    change_fini(&change);
}

TEST(grpc_calls_are_split_by_a_grpcroute) {
    routing_action_t action = sample_action(ACTION_SHIFT_VERSIONS);
    change_t change =
        rendered("linkerd", &action,
                 "apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: {name: r, namespace: "
                 "shop}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: reviews, port: 9}]\n  "
                 "rules:\n  - backendRefs: [{name: reviews-v1, port: 9, weight: 1}]\n");
    changes_are(&change, 0,
                "-      weight: 1\n+      weight: 95\n+    - name: reviews-v2\n+      port: 9\n+      weight: 5\n");
    change_fini(&change);
    (void)snprintf(action.protocol, sizeof action.protocol, "grpc");
    change = rendered("gateway-api", &action, NULL);
    CHECK_TEXT(object_text(&change, 0, "kind"), "GRPCRoute");
    change_fini(&change);
}

TEST(linkerd_writes_nothing_while_a_service_profile_exists) {
    routing_action_t action = sample_action(ACTION_SET_TIMEOUT);
    change_t change = rendered("linkerd", &action,
                               "apiVersion: linkerd.io/v1alpha2\nkind: ServiceProfile\nmetadata: {name: "
                               "reviews.shop.svc.cluster.local, namespace: shop}\nspec: {}\n");
    CHECK(json_array_size(change.objects) == 0 && strstr(change.cannot, "ServiceProfile") != NULL);
    change_fini(&change);
    change = rendered("linkerd", &action, NULL);
    CHECK(limits_say(&change, "ServiceProfile"));
    CHECK_TEXT((const char *)change.apply.data,
               "kubectl annotate --overwrite -n shop service/reviews timeout.linkerd.io/request=1500ms\n");
    CHECK_TEXT((const char *)change.undo.data,
               "kubectl annotate --overwrite -n shop service/reviews timeout.linkerd.io/request-\n");
    change_fini(&change);
    change = rendered("linkerd", &action,
                      "apiVersion: v1\nkind: Service\nmetadata: {name: reviews, namespace: shop, annotations: "
                      "{timeout.linkerd.io/request: 9s, a: b}}\nspec: {ports: [{port: 1}]}\n");
    changes_are(&change, 0, "-    timeout.linkerd.io/request: \"9s\"\n+    timeout.linkerd.io/request: \"1500ms\"\n");
    CHECK_TEXT((const char *)change.undo.data,
               "kubectl annotate --overwrite -n shop service/reviews timeout.linkerd.io/request=9s\n");
    change_fini(&change);
}

TEST(consul_weights_add_up_to_a_hundred_in_hundredths) {
    routing_action_t action = sample_action(ACTION_SHIFT_VERSIONS);
    action.targets[0].weight = 9735;
    action.targets[1].weight = 265;
    change_t change = rendered("consul", &action, NULL);
    CHECK(strstr(object_text(&change, 1, "after"), "Weight = 97.35\n") != NULL);
    CHECK(strstr(object_text(&change, 1, "after"), "Weight = 2.65\n") != NULL);
    change_fini(&change);
    change =
        rendered("consul", &action,
                 "{\"Kind\":\"service-splitter\",\"Name\":\"reviews\",\"Splits\":[{\"Weight\":50,\"ServiceSubset\":"
                 "\"old\",\"RequestHeaders\":{\"Set\":{\"a\":\"b\"}}},{\"Weight\":50,\"ServiceSubset\":\"new\"}],"
                 "\"Meta\":{\"k\":\"v\"}}\n");
    CHECK(change.cannot[0] != '\0'); /* nothing says which of them is v1 */
    change_fini(&change);
    change =
        rendered("consul", &action,
                 "[{\"Kind\":\"service-splitter\",\"Name\":\"reviews\",\"Splits\":[{\"Weight\":50,\"ServiceSubset\":"
                 "\"old\"},{\"Weight\":50,\"ServiceSubset\":\"new\"}],\"Meta\":{\"k\":\"v\"}},"
                 "{\"Kind\":\"service-resolver\",\"Name\":\"reviews\",\"Subsets\":{\"old\":{\"Filter\":\"Service.Meta."
                 "version == "
                 "v1\"},\"new\":{\"Filter\":\"Service.Meta.version == \\\"v2\\\"\"}}}]\n");
    REQUIRE(json_array_size(change.objects) == 1);
    changes_are(&change, 0, "-    Weight = 50\n+    Weight = 97.35\n-    Weight = 50\n+    Weight = 2.65\n");
    change_fini(&change);
}

TEST(consul_needs_a_caller_for_what_is_set_at_the_caller) {
    routing_action_t action = sample_action(ACTION_CIRCUIT_BREAKER);
    action.caller[0] = '\0';
    change_t change = rendered("consul", &action, NULL);
    CHECK(json_array_size(change.objects) == 0 && strstr(change.cannot, "no caller is known") != NULL);
    change_fini(&change);
}

TEST(kuma_finds_services_by_name_as_2x_wrote_them) {
    routing_action_t action = sample_action(ACTION_SET_TIMEOUT);
    change_t change =
        rendered("kuma", &action,
                 "apiVersion: kuma.io/v1alpha1\nkind: MeshTimeout\nmetadata: {name: t, namespace: shop}\n"
                 "spec:\n  targetRef: {kind: Mesh}\n  to:\n"
                 "  - targetRef: {kind: MeshService, name: other}\n    default: {http: {requestTimeout: 1s}}\n"
                 "  - targetRef: {kind: MeshService, name: reviews}\n    default: {idleTimeout: 1h}\n");
    changes_are(&change, 0, "+      http:\n+        requestTimeout: \"1500ms\"\n");
    change_fini(&change);
}

TEST(app_mesh_gives_a_command_only_with_the_live_route) {
    routing_action_t action = sample_action(ACTION_SHIFT_VERSIONS);
    change_t change = rendered("app-mesh", &action, NULL);
    CHECK(strstr((const char *)change.apply.data, "aws appmesh describe-route --mesh-name default") != NULL);
    CHECK(strstr((const char *)change.apply.data, "update-route") == NULL && change.undo.len == 1);
    change_fini(&change);
    change = rendered(
        "app-mesh", &action,
        "{\"route\":{\"meshName\":\"m\",\"virtualRouterName\":\"reviews-vr\",\"routeName\":\"main\",\"metadata\":{"
        "\"uid\":"
        "\"u\"},\"status\":{},\"spec\":{\"priority\":5,\"httpRoute\":{\"match\":{\"prefix\":\"/api\"},\"action\":"
        "{\"weightedTargets\":[{\"virtualNode\":\"reviews-v1\",\"weight\":1,\"port\":80},{\"virtualNode\":\"reviews-"
        "v2\","
        "\"weight\":1}]},\"timeout\":{\"idle\":{\"unit\":\"s\",\"value\":9}}}}}}\n");
    REQUIRE(json_array_size(change.objects) == 1);
    changes_are(&change, 0,
                "-            \"weight\": 1,\n+            \"weight\": 95,\n-            \"weight\": 1\n"
                "+            \"weight\": 5\n");
    CHECK(strstr((const char *)change.apply.data, "aws appmesh update-route --cli-input-json") != NULL);
    CHECK(strstr((const char *)change.apply.data, "\"uid\"") == NULL);
    change_fini(&change);
}

TEST(the_traefik_file_that_weighs_our_versions_is_changed_in_place) {
    routing_action_t action = sample_action(ACTION_SHIFT_VERSIONS);
    change_t change = rendered("traefik-file", &action,
                               "http:\n  routers: {r: {rule: PathPrefix(`/`), service: split}}\n  services:\n"
                               "    split: {weighted: {services: [{name: reviews-v1, weight: 1}, {name: reviews-v2, "
                               "weight: 1}], sticky: {cookie: {name: c}}}}\n"
                               "    reviews-v1: {loadBalancer: {servers: [{url: \"http://127.0.0.1:1\"}]}}\n");
    REQUIRE(json_array_size(change.objects) == 1);
    changes_are(&change, 0,
                "-          weight: 1\n+          weight: 95\n-          weight: 1\n+          weight: 5\n");
    change_fini(&change);
}

TEST_MAIN(TEST_CASE(every_language_writes_every_action_or_says_why_not),
          TEST_CASE(what_is_live_is_asked_for_by_commands_that_only_read),
          TEST_CASE(an_empty_list_says_that_nothing_is_there),
          TEST_CASE(the_choices_of_the_configuration_are_the_languages),
          TEST_CASE(a_mesh_that_has_ended_says_so_and_offers_gateway_api_beside),
          TEST_CASE(smi_is_written_in_the_version_that_each_mesh_serves),
          TEST_CASE(what_cannot_be_said_is_said_to_be_so_and_the_nearest_is_given),
          TEST_CASE(percents_always_add_up_to_a_hundred),
          TEST_CASE(a_name_that_kubernetes_forbids_gives_no_object_in_any_language),
          TEST_CASE(an_action_comes_back_from_json_as_it_went), TEST_CASE(an_action_that_is_not_whole_is_refused),
          TEST_CASE(istio_weights_change_in_the_live_route_under_its_own_subset_names),
          TEST_CASE(an_istio_timeout_goes_into_the_routes_of_this_service_only),
          TEST_CASE(traffic_to_a_version_that_is_not_known_is_not_touched_and_not_ignored),
          TEST_CASE(a_route_to_the_whole_service_becomes_the_split_and_keeps_the_rest),
          TEST_CASE(two_live_objects_about_one_service_are_one_too_many),
          TEST_CASE(gateway_routes_keep_their_ports_and_backend_names), TEST_CASE(grpc_calls_are_split_by_a_grpcroute),
          TEST_CASE(linkerd_writes_nothing_while_a_service_profile_exists),
          TEST_CASE(consul_weights_add_up_to_a_hundred_in_hundredths),
          TEST_CASE(consul_needs_a_caller_for_what_is_set_at_the_caller),
          TEST_CASE(kuma_finds_services_by_name_as_2x_wrote_them),
          TEST_CASE(app_mesh_gives_a_command_only_with_the_live_route),
          TEST_CASE(the_traefik_file_that_weighs_our_versions_is_changed_in_place))
