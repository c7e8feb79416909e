/* Traefik Mesh: TrafficSplit in v1alpha3, and annotations on the Service. */
#include "analyzer/routing/writers.h"

#include <math.h>
#include <stdio.h>

static const about_rule_t about[] = {
    {"TrafficSplit", "spec.service"},
    {"Service", "="},
    {NULL, NULL},
};

static void shift_versions(render_t *render) {
    smi_traffic_split(render, "split.smi-spec.io/v1alpha3");
}

static void rate_limit(render_t *render) {
    char rate[24];
    (void)snprintf(rate, sizeof rate, "%.0f", ceil(render->action->requests_per_s));
    annotate_service(render, json_pack("{ss,ss}", "mesh.traefik.io/ratelimit-average", rate,
                                       "mesh.traefik.io/ratelimit-burst", rate));
}

static void cut_retries(render_t *render) {
    char attempts[16];
    (void)snprintf(attempts, sizeof attempts, "%u", (unsigned)render->action->attempts);
    annotate_service(render, json_pack("{ss}", "mesh.traefik.io/retry-attempts", attempts));
}

const routing_language_ops language_traefik_mesh = {
    .name = "traefik-mesh",
    .title = "Traefik Mesh",
    .status =
        "Traefik Mesh has had no feature work since 2022 and is documented up to Kubernetes 1.23: plan to move on",
    .beside = "gateway-api",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {shift_versions, .limits = {"weights are whole numbers"}},
            [ACTION_SHIFT_ZONES] = {NULL, "it does not know zones", ACTION_NONE, {NULL}},
            [ACTION_DRAIN_INSTANCE] = {NULL, "it does not take instances out", ACTION_NONE, {NULL}},
            [ACTION_TIGHTEN_EJECTION] =
                {NULL, "its circuit breaker cuts off the whole service, not one instance", ACTION_NONE, {NULL}},
            [ACTION_CIRCUIT_BREAKER] = {NULL,
                                        "its circuit breaker judges latency and errors, and nothing limits "
                                        "requests in flight",
                                        ACTION_RATE_LIMIT,
                                        {NULL}},
            [ACTION_RATE_LIMIT] = {rate_limit, .limits = {"each node's proxy counts for itself: divide by the nodes"}},
            [ACTION_CUT_RETRIES] = {cut_retries, .limits = {"the annotation holds for all callers of the Service"}},
            [ACTION_SET_TIMEOUT] = {NULL, "it has no request timeout", ACTION_NONE, {NULL}},
            [ACTION_FAIL_OVER] = {NULL, "it does not know zones", ACTION_NONE, {NULL}},
        },
    .lists = smi_lists,
    .about = about,
};
