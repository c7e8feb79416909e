/* Consul on Kubernetes: the same entries as CRDs, named after their service. */
#include "analyzer/routing/consul.h"

static void place_crd(render_t *render, const char *kind, const char *service, json_t *base, json_t *change) {
    json_t *object = render_kubernetes(render, "consul.hashicorp.com/v1alpha1", kind, service);
    render_object(render, &form_kubectl, kind, service, render_spec(object, base), json_pack("{so}", "spec", change));
}

static void shift_versions(render_t *render) {
    consul_shift_versions(render, place_crd);
}
static void tighten_ejection(render_t *render) {
    consul_tighten_ejection(render, place_crd);
}
static void circuit_breaker(render_t *render) {
    consul_circuit_breaker(render, place_crd);
}
static void rate_limit(render_t *render) {
    consul_rate_limit(render, place_crd);
}
static void cut_retries(render_t *render) {
    consul_cut_retries(render, place_crd);
}
static void set_timeout(render_t *render) {
    consul_set_timeout(render, place_crd);
}
static void fail_over(render_t *render) {
    consul_fail_over(render, place_crd);
}

static const merge_rule_t lists[] = {
    {.list = "splits", .how = LIST_BY, .path = "serviceSubset", .weighted = true, .whole = "service"},
    {.list = "routes", .how = LIST_EACH, .path = "destination.service", .absent_too = true},
    {.list = "overrides", .how = LIST_BY, .path = "name"},
    {.list = NULL},
};

static const about_rule_t about[] = {
    {"ServiceSplitter", "="}, {"ServiceResolver", "="}, {"ServiceRouter", "="}, {"ServiceDefaults", "="}, {NULL, NULL},
};

const routing_language_ops language_consul_k8s = {
    .name = "consul-k8s",
    .title = "Consul on Kubernetes",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {shift_versions,
                                       .limits = {CONSUL_LIMIT_WEIGHT, CONSUL_LIMIT_HTTP,
                                                  "instances are told apart by their meta value version"}},
            [ACTION_SHIFT_ZONES] = {NULL, CONSUL_CANNOT_ZONES, ACTION_FAIL_OVER, {NULL}},
            [ACTION_DRAIN_INSTANCE] = {NULL, CONSUL_CANNOT_DRAIN, ACTION_TIGHTEN_EJECTION, {NULL}},
            [ACTION_TIGHTEN_EJECTION] = {tighten_ejection, .limits = {CONSUL_LIMIT_CALLER}},
            [ACTION_CIRCUIT_BREAKER] = {circuit_breaker, .limits = {CONSUL_LIMIT_CALLER}},
            [ACTION_RATE_LIMIT] = {rate_limit,
                                   .limits = {"rate limits are a feature of Consul Enterprise, from 1.17 on"}},
            [ACTION_CUT_RETRIES] = {cut_retries, .limits = {CONSUL_LIMIT_HTTP}},
            [ACTION_SET_TIMEOUT] = {set_timeout, .limits = {CONSUL_LIMIT_HTTP}},
            [ACTION_FAIL_OVER] = {fail_over, .limits = {"Consul fails over between datacenters: the zone's name is "
                                                        "taken for one"}},
        },
    .lists = lists,
    .about = about,
};
