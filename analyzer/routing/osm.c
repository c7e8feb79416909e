/* Open Service Mesh: TrafficSplit in v1alpha2, the only version that its CRD serves, and its own
 * UpstreamTrafficSetting for limits. */
#include "analyzer/routing/writers.h"

#include <math.h>
#include <stdio.h>

static const about_rule_t about[] = {
    {"TrafficSplit", "spec.service"},
    {"UpstreamTrafficSetting", "spec.host"},
    {NULL, NULL},
};

static void shift_versions(render_t *render) {
    smi_traffic_split(render, "split.smi-spec.io/v1alpha2");
}

static void upstream(render_t *render, json_t *change) {
    char name[OBJECT_NAME_BYTES], host[3 * ACTION_NAME_BYTES];
    const char *space = render->action->namespace_name;
    render_own_name(render, name, sizeof name);
    (void)snprintf(host, sizeof host, "%s.%s.svc.cluster.local", render->action->service,
                   space[0] == '\0' ? "default" : space);
    if (space[0] == '\0') render_limit(render, "the host is written for the namespace default");
    render_object(
        render, &form_kubectl, "UpstreamTrafficSetting", name,
        render_spec(render_kubernetes(render, "policy.openservicemesh.io/v1alpha1", "UpstreamTrafficSetting", name),
                    json_pack("{ss}", "host", host)),
        json_pack("{so}", "spec", change));
}

static void circuit_breaker(render_t *render) {
    upstream(render, json_pack("{s{s{si,si}}}", "connectionSettings", "http", "maxRequests",
                               (int)render->action->in_flight, "maxPendingRequests", (int)render->action->pending));
}

static void rate_limit(render_t *render) {
    int rate = (int)ceil(render->action->requests_per_s);
    upstream(render, json_pack("{s{s{s{si,ss,si}}}}", "rateLimit", "local", "http", "requests", rate, "unit", "second",
                               "burst", rate));
}

/* A retry policy needs the caller's service account, which telemetry does not tell; how many retries may be under way
 * at a time is a setting of the service itself. */
static void cut_retries(render_t *render) {
    int most = render->action->attempts == 0 ? 1 : (int)render->action->attempts;
    upstream(render, json_pack("{s{s{si}}}", "connectionSettings", "http", "maxRetries", most));
}

const routing_language_ops language_osm = {
    .name = "osm",
    .title = "Open Service Mesh",
    .mesh = "osm",
    .status = "Open Service Mesh was archived in 2023, and its add-on for AKS ends on 2027-09-30: plan to move on",
    .beside = "gateway-api",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {shift_versions, .limits = {"weights are whole numbers",
                                                                  "the backends' ports must be those of the Service "
                                                                  "that is split"}},
            [ACTION_SHIFT_ZONES] = {NULL, "it does not know zones", ACTION_NONE, {NULL}},
            [ACTION_DRAIN_INSTANCE] = {NULL, "it has no outlier detection", ACTION_NONE, {NULL}},
            [ACTION_TIGHTEN_EJECTION] = {NULL, "it has no outlier detection", ACTION_NONE, {NULL}},
            [ACTION_CIRCUIT_BREAKER] = {circuit_breaker, .limits = {"each calling proxy counts for itself"}},
            [ACTION_RATE_LIMIT] = {rate_limit, .limits = {"each instance counts for itself: divide by their number"}},
            [ACTION_CUT_RETRIES] = {cut_retries, .limits = {"this limits how many retries are under way at a time; how "
                                                            "often one request is retried is in the callers' Retry "
                                                            "policies"}},
            [ACTION_SET_TIMEOUT] = {NULL, "it has no request timeout", ACTION_NONE, {NULL}},
            [ACTION_FAIL_OVER] = {NULL, "it does not know zones", ACTION_NONE, {NULL}},
        },
    .lists = smi_lists,
    .about = about,
};
