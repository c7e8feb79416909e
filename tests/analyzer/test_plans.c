/* What the planners propose, and when they do not: zones, instances, versions, timeouts, retries, limits. */
#include "tests/analyzer/mesh.h"

#include <jansson.h>

static const char *field(const json_t *document, const char *key) {
    const char *text = json_string_value(json_object_get(document, key));
    return text == NULL ? "" : text;
}

/* Calls from "gate" to one instance of "shop/cart" in a zone. */
typedef struct {
    const char *zone, *instance;
    uint64_t count, failed;
    double server_ms, client_ms;
} calls_t;

static void zoned_calls(testmesh_t *mesh, const calls_t *calls) {
    uint32_t service = mesh_name(mesh, "shop/cart"), zone = mesh_name(mesh, calls->zone);
    const entity_key_t keys[] = {
        {.kind = ENTITY_EDGE, .service = service, .caller = mesh_name(mesh, "gate"), .zone = zone},
        {.kind = ENTITY_SERVICE, .service = service},
        {.kind = ENTITY_VERSION, .service = service, .version = mesh_name(mesh, "v1")},
        {.kind = ENTITY_ZONE, .service = service, .zone = zone},
        {.kind = ENTITY_INSTANCE, .service = service, .zone = zone, .instance = mesh_name(mesh, calls->instance)}};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        entity_key_t key = keys[k];
        key.observer = OBSERVER_SPAN;
        cell_t *cell = shard_cell(&mesh->shard, shard_entity(&mesh->shard, &key), mesh->bucket);
        for (uint64_t i = 0; i < calls->count; i++) {
            double spread = 0.67 + 0.66 * (double)i / (double)calls->count;
            cell_request(cell, i < calls->failed ? FAILURE_SERVER : FAILURE_NONE,
                         (uint64_t)(calls->server_ms * spread * 1e6));
            if (k == 0) sketch_add(&cell->client, (uint64_t)(calls->client_ms * spread * 1e6), 1);
        }
    }
}

/* How busy an instance says that its processors are. */
static void busy(testmesh_t *mesh, const char *zone, const char *instance, double use) {
    entity_key_t key = {.kind = ENTITY_INSTANCE,
                        .observer = OBSERVER_NONE,
                        .service = mesh_name(mesh, "shop/cart"),
                        .zone = mesh_name(mesh, zone),
                        .instance = mesh_name(mesh, instance)};
    cell_t *cell = shard_cell(&mesh->shard, shard_entity(&mesh->shard, &key), mesh->bucket);
    cell_gauge(cell, mesh_name(mesh, "cpu.utilization"), use, (mesh->bucket + 1) * BUCKET_NS - 1);
}

static const char *const zone_of[] = {"a", "a", "b", "b", "c", "c"};
static const char *const instances[] = {"cart-1", "cart-2", "cart-3", "cart-4", "cart-5", "cart-6"};

/* Six instances in three zones; those in zone b change after a while. `use` of their processors; 0 = not told. */
static testmesh_t *zone_b(uint64_t failed, double server_ms, double client_ms, double use) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 42; i++) {
        for (int k = 0; k < 6; k++) {
            bool bad = i >= 30 && zone_of[k][0] == 'b';
            zoned_calls(mesh, &(calls_t){zone_of[k], instances[k], 50, bad ? failed : 0, bad ? server_ms : 20,
                                         bad ? client_ms : 22});
            if (use > 0) busy(mesh, zone_of[k], instances[k], use);
        }
        mesh_tick(mesh);
    }
    return mesh;
}

static json_t *suggested(const testmesh_t *mesh) {
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    return document;
}

TEST(a_zone_that_fails_gets_no_traffic) {
    testmesh_t *mesh = zone_b(20, 20, 22, 0);
    json_t *document = suggested(mesh), *action = json_object_get(document, "action");
    CHECK_TEXT(field(document, "kind"), "shift_zones");
    CHECK_TEXT(field(json_object_get(document, "target"), "zone"), "b");
    json_t *targets = json_object_get(action, "targets");
    double sum = 0;
    for (size_t i = 0; i < json_array_size(targets); i++) {
        json_t *target = json_array_get(targets, i);
        double percent = json_number_value(json_object_get(target, "weight_percent"));
        CHECK(strcmp(field(target, "name"), "b") == 0 ? percent == 0 : percent > 49 && percent < 51);
        sum += percent;
    }
    CHECK(sum > 99.99 && sum < 100.01);
    CHECK(strstr(field(document, "apply"), "localityLbSetting") != NULL);
    json_decref(document);
    mesh_free(mesh);
}

TEST(a_zone_that_is_slow_to_reach_gets_no_traffic) {
    testmesh_t *mesh = zone_b(0, 20, 700, 0);
    json_t *document = suggested(mesh);
    CHECK_TEXT(field(document, "kind"), "shift_zones");
    CHECK(strstr(field(document, "sentence"), "callers wait") != NULL);
    json_decref(document);
    mesh_free(mesh);
}

TEST(nothing_is_moved_to_zones_whose_processors_are_busy) {
    testmesh_t *mesh = zone_b(20, 20, 22, 0.7); /* half as much again makes 105 % */
    json_t *document = suggested(mesh);
    CHECK_TEXT(field(document, "kind"), "none");
    CHECK(strstr(field(document, "sentence"), "add instances first") != NULL);
    json_decref(document);
    mesh_free(mesh);
    mesh = zone_b(20, 20, 22, 0.3);
    document = suggested(mesh);
    CHECK_TEXT(field(document, "kind"), "shift_zones");
    CHECK(strstr(field(json_object_get(document, "capacity"), "sentence"), "processors") != NULL);
    json_decref(document);
    mesh_free(mesh);
}

/* The third of six instances changes after a while: slow, or it answers nothing and the gate fails for it. */
static testmesh_t *instance(double slow_ms, bool silent) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 42; i++) {
        for (int k = 0; k < 6; k++) {
            bool bad = i >= 30 && k == 2;
            if (bad && silent) continue;
            zoned_calls(mesh, &(calls_t){zone_of[k], instances[k], 50, 0, bad ? slow_ms : 20, bad ? slow_ms + 2 : 22});
        }
        mesh_calls(mesh, "user", "gate", "v1", "gate-1", 300, silent && i >= 30 ? 50 : 0, 30, 32);
        mesh_tick(mesh);
    }
    return mesh;
}

TEST(a_slow_instance_is_drained_and_ejection_is_written_where_the_mesh_names_no_instance) {
    testmesh_t *mesh = instance(900, false);
    json_t *document = suggested(mesh);
    CHECK_TEXT(field(document, "kind"), "drain_instance");
    CHECK_TEXT(field(json_object_get(document, "action"), "instance"), "cart-3");
    CHECK(strstr(field(document, "apply"), "outlierDetection") != NULL);
    CHECK(strstr(field(document, "cannot"), "no object names a single instance") != NULL);
    json_decref(document);
    mesh_free(mesh);
}

TEST(an_instance_that_answers_nothing_is_the_culprit_and_not_its_caller_that_fails) {
    testmesh_t *mesh = instance(0, true);
    CHECK_TEXT(mesh->first, "shop/cart");
    json_t *document = suggested(mesh);
    CHECK_TEXT(field(document, "kind"), "drain_instance");
    CHECK(strstr(field(document, "sentence"), "has answered nothing for") != NULL);
    json_decref(document);
    mesh_free(mesh);
}

/* Its callers' places are taken by calls that hang: all of its instances get less and less. */
TEST(an_instance_that_answers_nothing_is_the_culprit_though_its_callers_hang_and_hardly_call_any_more) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 42; i++) {
        bool bad = i >= 34;
        uint64_t each = bad ? 12 : 50;
        for (int k = 0; k < 6; k++)
            if (!bad || k != 2) zoned_calls(mesh, &(calls_t){zone_of[k], instances[k], each, 0, 20, 22});
        mesh_calls(mesh, "user", "gate", "v1", "gate-1", bad ? 72 : 300, bad ? 12 : 0, bad ? 6000 : 30,
                   bad ? 6000 : 32);
        mesh_tick(mesh);
    }
    CHECK_TEXT(mesh->first, "shop/cart");
    json_t *document = suggested(mesh);
    CHECK_TEXT(field(document, "kind"), "drain_instance");
    CHECK_TEXT(field(json_object_get(document, "action"), "instance"), "cart-3");
    json_decref(document);
    mesh_free(mesh);
}

TEST(two_instances_of_six_that_are_slow_are_told_apart_from_all) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 42; i++) {
        for (int k = 0; k < 6; k++) {
            bool bad = i >= 30 && (k == 1 || k == 4); /* of two zones */
            zoned_calls(mesh, &(calls_t){zone_of[k], instances[k], 50, 0, bad ? 900 : 20, bad ? 902 : 22});
        }
        mesh_tick(mesh);
    }
    json_t *document = suggested(mesh);
    CHECK_TEXT(field(document, "kind"), "none");
    CHECK(strstr(field(document, "sentence"), "2 of its 6 instances are worse than the others") != NULL);
    json_decref(document);
    mesh_free(mesh);
}

TEST(the_new_version_is_promoted_when_it_is_the_old_one_that_fails) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 42; i++) {
        mesh_calls(mesh, "gate", "shop/cart", "v1", "a-1", 60, i >= 30 ? 20 : 0, 20, 22);
        mesh_calls(mesh, "gate", "shop/cart", "v2", "b-1", 40, 0, 20, 22);
        mesh_tick(mesh);
    }
    json_t *document = suggested(mesh);
    CHECK_TEXT(field(document, "kind"), "none"); /* it never bore more than 40 of 100 */
    CHECK(strstr(field(document, "sentence"), "add instances first") != NULL);
    json_decref(document);
    mesh_free(mesh);
    mesh = mesh_new();
    for (int i = 0; i < 42; i++) {
        mesh_calls(mesh, "gate", "shop/cart", "v1", "a-1", 52, i >= 30 ? 20 : 0, 20, 22);
        mesh_calls(mesh, "gate", "shop/cart", "v2", "b-1", 48, 0, 20, 22);
        mesh_tick(mesh);
    }
    document = suggested(mesh);
    CHECK_TEXT(field(document, "kind"), "promote_version");
    CHECK(strstr(field(document, "title"), "Promote v2 of cart") != NULL);
    json_decref(document);
    mesh_free(mesh);
}

/* "shop/front" calls "shop/cart" once for each of its 100 requests, which takes 10 to 109 ms. After a while it gives up
 * after `limit_ms`, and fails for it; with `retries` it tries so often again, while the cart takes `slow_ms`. */
static testmesh_t *cut_off(double limit_ms, uint64_t retries, double slow_ms, uint64_t refused) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 42; i++) {
        bool bad = i >= 30;
        cell_t *edge = mesh_cell(mesh, ENTITY_EDGE, "shop/front", "shop/cart", "", "");
        cell_t *cart = mesh_cell(mesh, ENTITY_SERVICE, "", "shop/cart", "", "");
        cell_t *front = mesh_cell(mesh, ENTITY_SERVICE, "", "shop/front", "", "");
        for (uint64_t call = 0; call < 100; call++) {
            double serves_ms = bad && slow_ms > 0 ? slow_ms + (double)call : 10 + (double)call;
            bool cut = bad && serves_ms > limit_ms, refuses = bad && call < refused;
            for (uint64_t n = 0; n <= (bad ? retries : 0); n++) {
                cell_request(cart, refuses ? FAILURE_SERVER : FAILURE_NONE, (uint64_t)(serves_ms * 1e6));
                cell_request(edge,
                             cut       ? FAILURE_TIMEOUT
                             : refuses ? FAILURE_SERVER
                                       : FAILURE_NONE,
                             (uint64_t)(serves_ms * 1e6));
                sketch_add(&edge->client, (uint64_t)((cut ? limit_ms : serves_ms) * 1e6), 1);
            }
            cell_request(front, cut || refuses ? FAILURE_SERVER : FAILURE_NONE,
                         (uint64_t)((5 + (cut ? limit_ms : serves_ms)) * 1e6));
        }
        mesh_tick(mesh);
    }
    return mesh;
}

TEST(a_timeout_that_cuts_what_is_usual_is_made_longer) {
    testmesh_t *mesh = cut_off(60, 0, 0, 0);
    json_t *document = suggested(mesh);
    CHECK_TEXT(field(document, "kind"), "set_timeout");
    double timeout_s = json_number_value(json_object_get(json_object_get(document, "action"), "timeout_s"));
    CHECK(timeout_s > 0.2 && timeout_s < 1);
    CHECK_TEXT(field(json_object_get(document, "action"), "caller"), "front");
    json_t *errors = json_object_get(json_object_get(document, "effect"), "error_ratio");
    CHECK(json_number_value(json_object_get(errors, "now")) > 0.4);
    CHECK(json_number_value(json_object_get(errors, "predicted")) < 0.01);
    json_decref(document);
    mesh_free(mesh);
}

TEST(retries_that_keep_a_service_down_are_cut) {
    testmesh_t *mesh = cut_off(300, 3, 2000, 0);
    json_t *document = suggested(mesh);
    CHECK_TEXT(field(document, "kind"), "cut_retries");
    CHECK(json_integer_value(json_object_get(json_object_get(document, "action"), "attempts")) == 0);
    CHECK(strstr(field(document, "sentence"), "4 times more calls") != NULL);
    json_decref(document);
    mesh_free(mesh);
}

TEST(retries_of_a_service_that_fails_by_itself_are_left_alone) {
    testmesh_t *mesh = cut_off(1e6, 3, 0, 40);
    json_t *document = suggested(mesh);
    CHECK_TEXT(field(document, "kind"), "none");
    json_decref(document);
    mesh_free(mesh);
}

TEST(an_entry_that_gets_more_than_it_ever_bore_gets_a_rate_limit) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < 44; i++) {
        bool bad = i >= 30;
        cell_t *cells[] = {mesh_cell(mesh, ENTITY_SERVICE, "", "shop/web", "", ""),
                           mesh_cell(mesh, ENTITY_INSTANCE, "", "shop/web", "v1", "web-1")};
        for (uint64_t k = 0; k < (bad ? 300U : 200U); k++)
            for (size_t c = 0; c < 2; c++) cell_request(cells[c], FAILURE_NONE, (bad ? 2000 + k : 20) * 1000000);
        mesh_tick(mesh);
    }
    json_t *document = suggested(mesh);
    CHECK_TEXT(field(document, "kind"), "rate_limit");
    double limit = json_number_value(json_object_get(json_object_get(document, "action"), "requests_per_s"));
    CHECK(limit > 19 && limit < 21);
    CHECK(strstr(field(document, "apply"), "EnvoyFilter") != NULL);
    json_decref(document);
    mesh_free(mesh);
}

TEST_MAIN(TEST_CASE(a_zone_that_fails_gets_no_traffic), TEST_CASE(a_zone_that_is_slow_to_reach_gets_no_traffic),
          TEST_CASE(nothing_is_moved_to_zones_whose_processors_are_busy),
          TEST_CASE(a_slow_instance_is_drained_and_ejection_is_written_where_the_mesh_names_no_instance),
          TEST_CASE(an_instance_that_answers_nothing_is_the_culprit_though_its_callers_hang_and_hardly_call_any_more),
          TEST_CASE(two_instances_of_six_that_are_slow_are_told_apart_from_all),
          TEST_CASE(an_instance_that_answers_nothing_is_the_culprit_and_not_its_caller_that_fails),
          TEST_CASE(the_new_version_is_promoted_when_it_is_the_old_one_that_fails),
          TEST_CASE(a_timeout_that_cuts_what_is_usual_is_made_longer),
          TEST_CASE(retries_that_keep_a_service_down_are_cut),
          TEST_CASE(retries_of_a_service_that_fails_by_itself_are_left_alone),
          TEST_CASE(an_entry_that_gets_more_than_it_ever_bore_gets_a_rate_limit))
