/* Pods of the Kubernetes API as targets, and groups of targets as prometheus.yml has them. */
#include "collector/scrape/kubernetes_pod.h"
#include "collector/scrape/targets.h"
#include "otlp.pb-c.h"
#include "tests/test.h"

/* A pod out of JSON with apostrophes for quotes. */
static pod_t *read(const char *text) {
    char json[4000];
    (void)snprintf(json, sizeof json, "%s", text);
    for (char *c = json; *c != '\0'; c++)
        if (*c == '\'') *c = '"';
    json_t *object = json_loads(json, 0, NULL);
    CHECK(object != NULL);
    pod_t *pod = pod_read(object);
    json_decref(object);
    return pod;
}

static const char *attribute(const pod_target_t *target, const char *key) {
    static char value[200];
    Otlp__Resource *resource = otlp__resource__unpack(NULL, target->resource.len, target->resource.data);
    value[0] = '\0';
    for (size_t i = 0; resource != NULL && i < resource->n_attributes; i++)
        if (strcmp(resource->attributes[i]->key, key) == 0)
            (void)snprintf(value, sizeof value, "%s", resource->attributes[i]->value->string_value);
    if (resource != NULL) otlp__resource__free_unpacked(resource, NULL);
    return value;
}

#define POD(labels, annotations, containers, status)                                                                   \
    "{'metadata':{'name':'front-5f7-x','namespace':'shop','uid':'u1','labels':{" labels                                \
    "},'annotations':{" annotations "},'ownerReferences':[{'kind':'ReplicaSet','name':'front-5f7'}]},'spec':{'"        \
    "nodeName':'n1','containers':[" containers "]},'status':{'phase':'Running','podIP':'10.0.0.1'" status "}}"

TEST(a_sidecars_pod_is_named_by_what_the_api_says_of_it) {
    pod_t *pod =
        read(POD("'app':'front','version':'v2','pod-template-hash':'5f7'", "", "{'name':'app'},{'name':'istio-proxy'}",
                 ",'containerStatuses':[{'name':'istio-proxy','restartCount':0,'state':{'running':{'startedAt':'2023-"
                 "11-14T22:13:20Z'}}}]"));
    REQUIRE(pod != NULL && pod->count == 1);
    const pod_target_t *target = &pod->targets[0];
    CHECK_TEXT(target->address, "10.0.0.1:15020");
    CHECK_TEXT(target->path, "/stats/prometheus");
    CHECK_EQUAL(target->start_ns, INT64_C(1700000000000000000));
    CHECK_TEXT(attribute(target, "k8s.pod.name"), "front-5f7-x");
    CHECK_TEXT(attribute(target, "k8s.namespace.name"), "shop");
    CHECK_TEXT(attribute(target, "k8s.deployment.name"), "front");
    CHECK_TEXT(attribute(target, "k8s.replicaset.name"), "front-5f7");
    CHECK_TEXT(attribute(target, "app"), "front");
    CHECK_TEXT(attribute(target, "k8s.pod.label.version"), "v2");
    CHECK_TEXT(attribute(target, "pod-template-hash"), "");
    pod_free(pod);
}

TEST(linkerds_version_is_the_template_hash) {
    pod_t *pod = read(POD("'app.kubernetes.io/name':'front','version':'v2','pod-template-hash':'5f7'", "",
                          "{'name':'linkerd-proxy'}", ""));
    REQUIRE(pod != NULL && pod->count == 1);
    CHECK_TEXT(pod->targets[0].address, "10.0.0.1:4191");
    CHECK_TEXT(attribute(&pod->targets[0], "app"), "front");
    CHECK_TEXT(attribute(&pod->targets[0], "pod-template-hash"), "5f7");
    CHECK_TEXT(attribute(&pod->targets[0], "k8s.pod.label.version"), "");
    pod_free(pod);
}

TEST(a_container_that_was_started_again_has_no_start) {
    pod_t *pod = read(POD("", "", "{'name':'kuma-sidecar'}",
                          ",'containerStatuses':[{'name':'kuma-sidecar','restartCount':2,'state':{'running':{'"
                          "startedAt':'2023-11-14T22:13:20Z'}}}]"));
    REQUIRE(pod != NULL && pod->count == 1);
    CHECK_EQUAL(pod->targets[0].start_ns, 0);
    pod_free(pod);
}

TEST(one_port_found_in_two_ways_is_one_target) {
    pod_t *pod = read(
        POD("", "'prometheus.io/scrape':'true','prometheus.io/port':'15020','prometheus.io/path':'/stats/prometheus'",
            "{'name':'app','ports':[{'containerPort':80}]},{'name':'istio-proxy'}", ""));
    REQUIRE(pod != NULL);
    CHECK_EQUAL(pod->count, 1);
    pod_free(pod);
}

TEST(objects_of_another_shape_are_no_targets) {
    static const char *const others[] = {"{}", "[]", "{'metadata':{'uid':5}}",
                                         "{'metadata':{'uid':'u'},'spec':[],'status':'Running'}",
                                         "{'metadata':{'uid':'u','annotations':[1]},'spec':{'containers':{'name':'"
                                         "istio-proxy'}},'status':{'phase':'Running'}}"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        pod_t *pod = read(others[i]);
        CHECK(pod == NULL || pod->count == 0);
        pod_free(pod);
    }
}

/* ---- groups ---- */

static const scrape_job_t job = {.name = "job", .scheme = "http", .metrics_path = "/metrics", .interval_s = 15};

static void add(targets_t *targets, const char *yaml) {
    yaml_tree_t tree;
    target_groups_t groups;
    char why[200] = "";
    REQUIRE(yaml_tree_load(&tree, slice_text(yaml), 1, why, sizeof why));
    CHECK(target_groups_read(&tree, yaml_root(&tree), &groups));
    CHECK_TEXT(why, "");
    targets_begin(targets, 1);
    for (size_t i = 0; i < groups.count; i++) targets_add_group(targets, 1, &job, &groups.list[i]);
    targets_end(targets, 1);
    target_groups_free(&groups);
    yaml_tree_fini(&tree);
}

TEST(labels_with_two_underscores_are_instructions) {
    targets_t targets;
    targets_init(&targets, 10);
    add(&targets, "- targets: [\"h\"]\n  labels: {__scheme__: https, __metrics_path__: /x, __param_a: \"b c&\", "
                  "__other__: y, zone: z, job: j}\n");
    REQUIRE(targets.count == 1);
    CHECK_TEXT(targets.list[0]->url, "https://h:443/x?a=b%20c%26");
    CHECK_TEXT(targets.list[0]->instance, "h:443");
    CHECK_TEXT(targets.list[0]->labels[0].name, "zone");
    CHECK(targets.list[0]->labels[1].name == NULL);
    targets_fini(&targets);
}

TEST(a_target_that_is_told_again_keeps_its_record) {
    targets_t targets;
    targets_init(&targets, 10);
    add(&targets, "[{targets: [a:1, b:2]}]");
    REQUIRE(targets.count == 2);
    const target_t *b = targets.list[1];
    add(&targets, "[{targets: [b:2, c:3]}]");
    REQUIRE(targets.count == 2);
    CHECK(targets.list[0] == b);
    add(&targets, "[{targets: [b:2], labels: {zone: z}}]");
    REQUIRE(targets.count == 1);
    CHECK(targets.list[0] != b);
    targets_fini(&targets);
}

TEST(addresses_that_are_none_are_refused_and_counted) {
    static const char *const wrong[] = {"http://a:1", "a:1/x", "a b:1", "a:0",           "a:99999",
                                        "a:b",        "u@h:1", "a?x",   "'a\\r\\nX: y'", "\"a\\r\\nX: y\""};
    targets_t targets;
    targets_init(&targets, 10);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char yaml[100];
        (void)snprintf(yaml, sizeof yaml, "- targets:\n  - %s\n", wrong[i]);
        add(&targets, yaml);
        CHECK_EQUAL(targets.count, 0);
        CHECK_EQUAL(targets.refused, i + 1);
    }
    targets_fini(&targets);
}

TEST(targets_beyond_the_limit_are_left_out_and_counted) {
    targets_t targets;
    targets_init(&targets, 2);
    add(&targets, "[{targets: [a:1, b:2, c:3, a:1]}]");
    CHECK_EQUAL(targets.count, 2);
    CHECK_EQUAL(targets.refused, 1);
    CHECK(strstr(targets.why, "limits.scrape_targets") != NULL);
    targets_fini(&targets);
}

TEST_MAIN(TEST_CASE(a_sidecars_pod_is_named_by_what_the_api_says_of_it),
          TEST_CASE(linkerds_version_is_the_template_hash), TEST_CASE(a_container_that_was_started_again_has_no_start),
          TEST_CASE(one_port_found_in_two_ways_is_one_target), TEST_CASE(objects_of_another_shape_are_no_targets),
          TEST_CASE(labels_with_two_underscores_are_instructions),
          TEST_CASE(a_target_that_is_told_again_keeps_its_record),
          TEST_CASE(addresses_that_are_none_are_refused_and_counted),
          TEST_CASE(targets_beyond_the_limit_are_left_out_and_counted))
