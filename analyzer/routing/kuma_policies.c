#include "analyzer/routing/kuma.h"

#include <math.h>
#include <string.h>

#define SERVICE_AT "targetRef.labels.[kuma.io/display-name]|targetRef.name"
#define BACKEND_AT "labels.[kuma.io/display-name]|name"

const merge_rule_t kuma_lists[] = {
    {.list = "to", .how = LIST_EACH, .path = SERVICE_AT},
    {.list = "rules", .how = LIST_EACH, .path = "default.backendRefs." BACKEND_AT, .absent_too = true},
    {.list = "backendRefs", .how = LIST_BY, .path = BACKEND_AT, .weighted = true},
    {.list = NULL},
};

/* {"kind": "MeshService", "labels": …} */
static json_t *service_ref(const render_t *render, const char *name) {
    json_t *labels = json_pack("{ss}", "kuma.io/display-name", name);
    if (render->action->namespace_name[0] != '\0')
        (void)json_object_set_new(labels, "k8s.kuma.io/namespace", json_string(render->action->namespace_name));
    return json_pack("{ss,so}", "kind", "MeshService", "labels", labels);
}

/* A policy about calls to the service. */
static void to_service(render_t *render, kuma_place_t *place, const char *kind, json_t *value) {
    place(render, kind,
          json_pack("{s{ss},s[{so}]}", "targetRef", "kind", "Mesh", "to", "targetRef",
                    service_ref(render, render->action->service)),
          json_pack("{s[{so}]}", "to", "default", value));
}

void kuma_shift_versions(render_t *render, kuma_place_t *place) {
    const routing_action_t *action = render->action;
    uint32_t percents[ACTION_TARGETS_MAX];
    json_t *refs = json_array();
    render_percents(action, percents);
    for (uint32_t i = 0; i < action->target_count; i++) {
        char name[OBJECT_NAME_BYTES];
        render_backend(render, action->targets[i].name, name, sizeof name);
        json_t *ref = service_ref(render, name);
        (void)json_object_set_new(ref, "port", json_integer(render_port(render)));
        (void)json_object_set_new(ref, "weight", json_integer(percents[i]));
        (void)json_array_append_new(refs, ref);
    }
    json_t *everything = json_pack("{s{ss,ss}}", "path", "type", "PathPrefix", "value", "/");
    place(render, "MeshHTTPRoute",
          json_pack("{s{ss},s[{so,s[{s[o]}]}]}", "targetRef", "kind", "Mesh", "to", "targetRef",
                    service_ref(render, action->service), "rules", "matches", everything),
          json_pack("{s[{s[{s{so}}]}]}", "to", "rules", "default", "backendRefs", refs));
}

void kuma_tighten_ejection(render_t *render, kuma_place_t *place) {
    const routing_action_t *action = render->action;
    duration_text_t interval, ejection;
    to_service(render, place, "MeshCircuitBreaker",
               json_pack("{s{ss,ss,si,s{s{si}}}}", "outlierDetection", "interval",
                         render_duration(&interval, action->interval_s), "baseEjectionTime",
                         render_duration(&ejection, action->ejection_s), "maxEjectionPercent",
                         (int)action->max_ejection_percent, "detectors", "totalFailures", "consecutive",
                         (int)action->consecutive_errors));
}

void kuma_circuit_breaker(render_t *render, kuma_place_t *place) {
    to_service(render, place, "MeshCircuitBreaker",
               json_pack("{s{si,si}}", "connectionLimits", "maxRequests", (int)render->action->in_flight,
                         "maxPendingRequests", (int)render->action->pending));
}

void kuma_cut_retries(render_t *render, kuma_place_t *place) {
    to_service(render, place, "MeshRetry", json_pack("{s{si}}", "http", "numRetries", (int)render->action->attempts));
}

void kuma_set_timeout(render_t *render, kuma_place_t *place) {
    duration_text_t timeout;
    to_service(render, place, "MeshTimeout",
               json_pack("{s{ss}}", "http", "requestTimeout", render_duration(&timeout, render->action->timeout_s)));
}

void kuma_fail_over(render_t *render, kuma_place_t *place) {
    json_t *rule = json_pack("{s{s[s]},s{ss,s[s]}}", "from", "zones", render->action->from_zone, "to", "type", "Only",
                             "zones", render->action->to_zone);
    to_service(render, place, "MeshLoadBalancingStrategy",
               json_pack("{s{s{s[o]}}}", "localityAwareness", "crossZone", "failover", rule));
}

/* About what comes in, so its target is the service's own proxies. */
void kuma_rate_limit(render_t *render, kuma_place_t *place) {
    place(render, "MeshRateLimit",
          json_pack("{s{ss,s{ss}},s[{}]}", "targetRef", "kind", "Dataplane", "labels", "app", render->action->service,
                    "rules"),
          json_pack("{s[{s{s{s{s{si,ss}}}}}]}", "rules", "default", "local", "http", "requestRate", "num",
                    (int)ceil(render->action->requests_per_s), "interval", "1s"));
}
