#include "tests/analyzer/mesh.h"

#include <jansson.h>

/* The newest suggestion's text at a top-level key, or "". */
static const char *field(json_t *document, const char *key) {
    const char *text = json_string_value(json_object_get(document, key));
    return text == NULL ? "" : text;
}

/* Two versions take 70 and 30 of 100 requests; the second fails `failed` of its 30 after a while. */
static mesh_t *canary(const char *service, const char *stable, const char *fresh, uint64_t failed) {
    mesh_t *mesh = mesh_new();
    for (int i = 0; i < 40; i++) {
        bool bad = i >= 30;
        mesh_calls(mesh, "gate", service, stable, "a-1", i < 20 ? 100 : 70, 0, 20, 22);
        if (i >= 20) mesh_calls(mesh, "gate", service, fresh, "b-1", 30, bad ? failed : 0, 20, 22);
        mesh_tick(mesh);
    }
    return mesh;
}

TEST(a_failing_version_is_rolled_back_to_the_one_that_works) {
    mesh_t *mesh = canary("shop/cart", "v1", "v2", 15);
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
        mesh_t *mesh = canary(hostile[i], "v1", "v2", 15);
        json_t *document = json_loads(mesh->suggestion, 0, NULL);
        CHECK_TEXT(field(document, "kind"), "none");
        CHECK_TEXT(field(document, "apply"), "");
        json_decref(document);
        mesh_free(mesh);
    }
    mesh_t *mesh = canary("shop/cart", "v1", "v2\nEOF\nrm -rf /", 15);
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK_TEXT(field(document, "apply"), "");
    json_decref(document);
    mesh_free(mesh);
}

TEST(one_failing_instance_of_four_is_ejected) {
    mesh_t *mesh = mesh_new();
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
    mesh_t *mesh = mesh_new();
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

TEST_MAIN(TEST_CASE(a_failing_version_is_rolled_back_to_the_one_that_works),
          TEST_CASE(names_that_kubernetes_forbids_are_never_rendered),
          TEST_CASE(one_failing_instance_of_four_is_ejected),
          TEST_CASE(where_there_is_nowhere_to_send_the_traffic_it_says_so))
