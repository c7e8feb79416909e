/* Gateway API (gateway.networking.k8s.io/v1) used for calls inside the mesh: an HTTPRoute whose parent is the Service.
 * It splits between Services, not between labels. Where all calls are gRPC, or a GRPCRoute is there, it is that one. */
#include "analyzer/routing/writers.h"

#include <stdio.h>

static const char *const API = "gateway.networking.k8s.io/v1";

const merge_rule_t gateway_lists[] = {
    {.list = "rules", .how = LIST_EACH, .path = "backendRefs.name"},
    {.list = "backendRefs", .how = LIST_BY, .path = "name", .weighted = true},
    {.list = NULL},
};

static const about_rule_t about[] = {
    {"HTTPRoute", "spec.parentRefs.name"}, {"GRPCRoute", "spec.parentRefs.name"}, {NULL, NULL}};

/* `rule`: what a rule of a new object has; `change`: what is set in every rule. */
static void route(render_t *render, const char *kind, json_t *rule, json_t *change) {
    char name[OBJECT_NAME_BYTES];
    render_own_name(render, name, sizeof name);
    json_t *parent = json_pack("{ss,ss,ss,si}", "group", "", "kind", "Service", "name", render->action->service, "port",
                               (int)render_port(render));
    render_object(render, &form_kubectl, kind, name,
                  render_spec(render_kubernetes(render, API, kind, name),
                              json_pack("{s[o],s[o]}", "parentRefs", parent, "rules", rule)),
                  json_pack("{s{s[o]}}", "spec", "rules", change));
}

static json_t *whole_service(render_t *render) {
    return json_pack("{s[{ss,si}]}", "backendRefs", "name", render->action->service, "port", (int)render_port(render));
}

void gateway_shift_versions(render_t *render) {
    const routing_action_t *action = render->action;
    uint32_t percents[ACTION_TARGETS_MAX];
    json_t *backends = json_array();
    render_percents(action, percents);
    for (uint32_t i = 0; i < action->target_count; i++) {
        char name[OBJECT_NAME_BYTES];
        render_backend(render, action->targets[i].name, name, sizeof name);
        json_t *backend =
            json_pack("{ss,si,si}", "name", name, "port", (int)render_port(render), "weight", (int)percents[i]);
        (void)json_array_append_new(backends, backend);
    }
    bool grpc = action->protocol[0] != '\0' || render_live_has(render, "GRPCRoute", "spec");
    route(render, grpc ? "GRPCRoute" : "HTTPRoute", json_object(), json_pack("{so}", "backendRefs", backends));
}

static void set_timeout(render_t *render) {
    duration_text_t timeout;
    route(render, "HTTPRoute", whole_service(render),
          json_pack("{s{ss}}", "timeouts", "request", render_duration(&timeout, render->action->timeout_s)));
}

static void cut_retries(render_t *render) {
    route(render, "HTTPRoute", whole_service(render),
          json_pack("{s{si}}", "retry", "attempts", (int)render->action->attempts));
}

const routing_language_ops language_gateway_api = {
    .name = "gateway-api",
    .title = "Gateway API",
    .also_read = "grpcroute.gateway.networking.k8s.io",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {gateway_shift_versions,
                                       .limits = {"weights are whole numbers, shares of their sum",
                                                  "a mesh takes it where it supports routes of kind Service (GAMMA)"}},
            [ACTION_SHIFT_ZONES] = {NULL,
                                    "locality is not in the API; the Service's own trafficDistribution prefers "
                                    "the near zone",
                                    ACTION_NONE,
                                    {NULL}},
            [ACTION_DRAIN_INSTANCE] = {NULL, "routes name Services, not instances", ACTION_NONE, {NULL}},
            [ACTION_TIGHTEN_EJECTION] =
                {NULL, "outlier detection is not in the API: use the mesh's own object", ACTION_NONE, {NULL}},
            [ACTION_CIRCUIT_BREAKER] =
                {NULL, "circuit breaking is not in the API: use the mesh's own object", ACTION_NONE, {NULL}},
            [ACTION_RATE_LIMIT] =
                {NULL, "rate limits are not in the API: use the mesh's own object", ACTION_NONE, {NULL}},
            [ACTION_CUT_RETRIES] = {cut_retries, .limits = {"retry is in the experimental channel of the API"}},
            [ACTION_SET_TIMEOUT] = {set_timeout, .limits = {"timeouts need Gateway API 1.0 or newer; a GRPCRoute has "
                                                            "none, so gRPC needs this HTTPRoute"}},
            [ACTION_FAIL_OVER] = {NULL, "locality is not in the API", ACTION_NONE, {NULL}},
        },
    .lists = gateway_lists,
    .about = about,
};
