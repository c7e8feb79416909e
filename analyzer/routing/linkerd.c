/* Linkerd: Gateway API routes for weights, annotations on the Service for the rest. All of it is ignored while a
 * ServiceProfile exists for the service, so one that is handed in is a reason to write nothing. */
#include "analyzer/routing/writers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const about_rule_t about[] = {
    {"HTTPRoute", "spec.parentRefs.name"},
    {"GRPCRoute", "spec.parentRefs.name"},
    {"Service", "="},
    {"HTTPLocalRateLimitPolicy", "="},
    {NULL, NULL},
};

#define CONFLICT "while a ServiceProfile exists for this service, Linkerd ignores it: look for one first"

static bool conflicts(render_t *render) {
    const merge_names_t names = {.service = render->action->service, .namespace_name = render->action->namespace_name};
    size_t index;
    const json_t *object;
    json_array_foreach((json_t *)render->live, index, object) {
        const char *kind = json_string_value(json_object_get(object, "kind"));
        if (kind == NULL || strcmp(kind, "ServiceProfile") != 0) continue;
        if (!merge_mentions(&names, object, "metadata.name", false)) continue;
        render_refuse(render,
                      "a ServiceProfile for %s was handed in: while it exists, Linkerd ignores routes and "
                      "annotations for this service, so it has to go first",
                      names.service);
        return true;
    }
    return false;
}

static void shift_versions(render_t *render) {
    if (!conflicts(render)) gateway_shift_versions(render);
}

static void tighten_ejection(render_t *render) {
    const routing_action_t *action = render->action;
    char failures[16];
    duration_text_t least, most;
    (void)snprintf(failures, sizeof failures, "%u", (unsigned)action->consecutive_errors);
    if (conflicts(render)) return;
    annotate_service(render, json_pack("{ss,ss,ss,ss}", "balancer.linkerd.io/failure-accrual", "consecutive",
                                       "balancer.linkerd.io/failure-accrual-consecutive-max-failures", failures,
                                       "balancer.linkerd.io/failure-accrual-consecutive-min-penalty",
                                       render_duration(&least, fmax(1, action->interval_s)),
                                       "balancer.linkerd.io/failure-accrual-consecutive-max-penalty",
                                       render_duration(&most, fmax(action->ejection_s, action->interval_s + 1))));
}

static void set_timeout(render_t *render) {
    duration_text_t timeout;
    if (conflicts(render)) return;
    annotate_service(
        render, json_pack("{ss}", "timeout.linkerd.io/request", render_duration(&timeout, render->action->timeout_s)));
}

static void cut_retries(render_t *render) {
    char limit[16];
    (void)snprintf(limit, sizeof limit, "%u", (unsigned)render->action->attempts);
    if (!conflicts(render)) annotate_service(render, json_pack("{ss}", "retry.linkerd.io/limit", limit));
}

static void rate_limit(render_t *render) {
    char name[OBJECT_NAME_BYTES];
    render_own_name(render, name, sizeof name);
    render_object(
        render, &form_kubectl, "HTTPLocalRateLimitPolicy", name,
        render_spec(render_kubernetes(render, "policy.linkerd.io/v1alpha1", "HTTPLocalRateLimitPolicy", name),
                    json_pack("{s{ss,ss,ss}}", "targetRef", "group", "policy.linkerd.io", "kind", "Server", "name",
                              render->action->service)),
        json_pack("{s{s{si}}}", "spec", "total", "requestsPerSecond", (int)ceil(render->action->requests_per_s)));
}

const routing_language_ops language_linkerd = {
    .name = "linkerd",
    .title = "Linkerd",
    .mesh = "linkerd",
    .also_read = "grpcroute.gateway.networking.k8s.io,serviceprofile.linkerd.io",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {shift_versions,
                                       .limits = {CONFLICT, "weights are whole numbers, shares of their sum"}},
            [ACTION_SHIFT_ZONES] = {NULL,
                                    "it follows the cluster's topology hints; choosing zones is a feature of its "
                                    "vendor's edition",
                                    ACTION_NONE,
                                    {NULL}},
            [ACTION_DRAIN_INSTANCE] = {NULL, "nothing names a single instance", ACTION_TIGHTEN_EJECTION, {NULL}},
            [ACTION_TIGHTEN_EJECTION] = {tighten_ejection,
                                         .limits = {CONFLICT, "needs Linkerd 2.13 or newer; each calling proxy counts "
                                                              "for itself"}},
            [ACTION_CIRCUIT_BREAKER] = {NULL,
                                        "its circuit breaker counts failures, and nothing limits requests in "
                                        "flight",
                                        ACTION_TIGHTEN_EJECTION,
                                        {NULL}},
            [ACTION_RATE_LIMIT] = {rate_limit, .limits = {"it needs a Server object for the port, here taken to have "
                                                          "the service's name",
                                                          "each instance counts for itself: divide by their number",
                                                          "needs Linkerd 2.17 or newer"}},
            [ACTION_CUT_RETRIES] = {cut_retries,
                                    .limits = {CONFLICT, "needs Linkerd 2.16 or newer; retries are off unless "
                                                         "retry.linkerd.io/http or /grpc is set"}},
            [ACTION_SET_TIMEOUT] = {set_timeout, .limits = {CONFLICT, "needs Linkerd 2.16 or newer; an annotation wins "
                                                                      "over a route's own timeout"}},
            [ACTION_FAIL_OVER] = {NULL,
                                  "its failover extension is replaced by federated services, which are not a "
                                  "routing rule",
                                  ACTION_NONE,
                                  {NULL}},
        },
    .lists = gateway_lists,
    .about = about,
};
