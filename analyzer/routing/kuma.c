/* Kuma on Kubernetes: policies as objects in the service's namespace. */
#include "analyzer/routing/kuma.h"

#include <stdio.h>

static void place_policy(render_t *render, const char *kind, json_t *base, json_t *change) {
    char name[OBJECT_NAME_BYTES];
    render_own_name(render, name, sizeof name);
    json_t *object = render_kubernetes(render, "kuma.io/v1alpha1", kind, name);
    (void)json_object_set_new(json_object_get(json_object_get(object, "metadata"), "labels"), "kuma.io/mesh",
                              json_string("default"));
    render_object(render, &form_kubectl, kind, name, render_spec(object, base), json_pack("{so}", "spec", change));
}

static void shift_versions(render_t *render) {
    kuma_shift_versions(render, place_policy);
}
static void tighten_ejection(render_t *render) {
    kuma_tighten_ejection(render, place_policy);
}
static void circuit_breaker(render_t *render) {
    kuma_circuit_breaker(render, place_policy);
}
static void rate_limit(render_t *render) {
    kuma_rate_limit(render, place_policy);
}
static void cut_retries(render_t *render) {
    kuma_cut_retries(render, place_policy);
}
static void set_timeout(render_t *render) {
    kuma_set_timeout(render, place_policy);
}
static void fail_over(render_t *render) {
    kuma_fail_over(render, place_policy);
}

static const about_rule_t about[] = {
    {"MeshHTTPRoute", KUMA_ABOUT}, {"MeshCircuitBreaker", KUMA_ABOUT},        {"MeshRetry", KUMA_ABOUT},
    {"MeshTimeout", KUMA_ABOUT},   {"MeshLoadBalancingStrategy", KUMA_ABOUT}, {NULL, NULL},
};

const routing_language_ops language_kuma = {
    .name = "kuma",
    .title = "Kuma",
    .mesh = "kuma",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {shift_versions, .limits = {KUMA_LIMIT_LABELS, KUMA_LIMIT_MESH,
                                                                  "weights are whole numbers, shares of their sum"}},
            [ACTION_SHIFT_ZONES] = {NULL, KUMA_CANNOT_ZONES, ACTION_FAIL_OVER, {NULL}},
            [ACTION_DRAIN_INSTANCE] = {NULL, KUMA_CANNOT_DRAIN, ACTION_TIGHTEN_EJECTION, {NULL}},
            [ACTION_TIGHTEN_EJECTION] = {tighten_ejection, .limits = {KUMA_LIMIT_LABELS, KUMA_LIMIT_MESH,
                                                                      "each calling proxy counts for itself"}},
            [ACTION_CIRCUIT_BREAKER] = {circuit_breaker, .limits = {KUMA_LIMIT_LABELS, KUMA_LIMIT_MESH,
                                                                    "each calling proxy counts for itself"}},
            [ACTION_RATE_LIMIT] = {rate_limit,
                                   .limits = {KUMA_LIMIT_MESH, "older 2.x versions write from instead of rules",
                                              "the service's proxies are found by the label app",
                                              "each instance counts for itself: divide by their number"}},
            [ACTION_CUT_RETRIES] = {cut_retries, .limits = {KUMA_LIMIT_LABELS, KUMA_LIMIT_MESH,
                                                            "gRPC calls have a setting of their own: default.grpc"}},
            [ACTION_SET_TIMEOUT] = {set_timeout, .limits = {KUMA_LIMIT_LABELS, KUMA_LIMIT_MESH}},
            [ACTION_FAIL_OVER] = {fail_over, .limits = {KUMA_LIMIT_LABELS, KUMA_LIMIT_MESH,
                                                        "zones are those of the multi-zone deployment"}},
        },
    .lists = kuma_lists,
    .about = about,
};
