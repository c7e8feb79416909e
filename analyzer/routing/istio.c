/* Istio (networking.istio.io/v1). Weights and timeouts are in the VirtualService, what the proxies do about bad
 * instances in the DestinationRule; subsets come first, since a route to a subset that does not exist yet is a 503. */
#include "analyzer/routing/writers.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const API = "networking.istio.io/v1";

const merge_rule_t istio_lists[] = {
    {.list = "http", .how = LIST_EACH, .path = "route.destination.host"},
    {.list = "route", .how = LIST_BY, .path = "destination.subset", .weighted = true, .whole = "destination.host"},
    {.list = "subsets", .how = LIST_BY, .path = "name"},
    {.list = "failover", .how = LIST_BY, .path = "from"},
    {.list = NULL},
};

const about_rule_t istio_about[] = {
    {"VirtualService", "spec.hosts"},
    {"DestinationRule", "spec.host"},
    {NULL, NULL},
};

/* ---- subsets ---- */

static const char *live_subset(const render_t *render, const char *version, bool *taken, const char *usual) {
    const merge_names_t names = {.service = render->action->service, .namespace_name = render->action->namespace_name};
    size_t index, at;
    const json_t *object, *subset;
    json_array_foreach((json_t *)render->live, index, object) {
        const json_t *spec = json_object_get(object, "spec");
        if (!merge_mentions(&names, spec, "host", false)) continue;
        json_array_foreach(json_object_get(spec, "subsets"), at, subset) {
            const char *name = json_string_value(json_object_get(subset, "name"));
            const char *label = json_string_value(json_object_get(json_object_get(subset, "labels"), "version"));
            if (name != NULL && label != NULL && strcmp(label, version) == 0) return name;
            *taken |= name != NULL && strcmp(name, usual) == 0;
        }
    }
    return NULL;
}

/* Subset names are DNS labels; versions may have dots, underscores and capitals. */
static void subset_name(render_t *render, uint32_t target, char *out, size_t size) {
    const char *version = render->action->targets[target].name;
    char usual[ACTION_NAME_BYTES];
    size_t used = 0;
    for (const char *c = version; *c != '\0' && used + 1 < sizeof usual; c++)
        usual[used++] = (char)(isalnum((unsigned char)*c) ? tolower((unsigned char)*c) : '-');
    usual[used] = '\0';
    bool taken = false;
    const char *live = live_subset(render, version, &taken, usual);
    if (live == NULL && taken)
        render_refuse(render, "the live DestinationRule has a subset %s with other labels than version: %s", usual,
                      version);
    (void)snprintf(out, size, "%s", live == NULL ? usual : live);
    for (uint32_t i = 0; i < target && live == NULL; i++) { /* "1.0" and "1_0" */
        char other[OBJECT_NAME_BYTES];
        subset_name(render, i, other, sizeof other);
        if (strcmp(other, out) == 0) (void)snprintf(out, size, "%.56s-%u", usual, (unsigned)target);
    }
}

/* ---- objects ---- */

static void destination_rule(render_t *render, json_t *spec_change) {
    char name[OBJECT_NAME_BYTES];
    render_own_name(render, name, sizeof name);
    render_object(render, &form_kubectl, "DestinationRule", name,
                  render_spec(render_kubernetes(render, API, "DestinationRule", name),
                              json_pack("{ss}", "host", render->action->service)),
                  json_pack("{so}", "spec", spec_change));
}

/* `base`: what a route of a new object has; `change`: what is set in every route. */
static void virtual_service(render_t *render, json_t *base, json_t *change) {
    char name[OBJECT_NAME_BYTES];
    render_own_name(render, name, sizeof name);
    render_object(render, &form_kubectl, "VirtualService", name,
                  render_spec(render_kubernetes(render, API, "VirtualService", name),
                              json_pack("{s[s],s[o]}", "hosts", render->action->service, "http", base)),
                  json_pack("{s{s[o]}}", "spec", "http", change));
}

static json_t *whole_route(const render_t *render) {
    return json_pack("{s[{s{ss}}]}", "route", "destination", "host", render->action->service);
}

static json_t *outlier_detection(const routing_action_t *action) {
    duration_text_t interval, ejection;
    return json_pack("{si,ss,ss,si}", "consecutive5xxErrors", (int)action->consecutive_errors, "interval",
                     render_duration(&interval, action->interval_s), "baseEjectionTime",
                     render_duration(&ejection, action->ejection_s), "maxEjectionPercent",
                     (int)action->max_ejection_percent);
}

void istio_shift_versions(render_t *render) {
    const routing_action_t *action = render->action;
    uint32_t percents[ACTION_TARGETS_MAX];
    json_t *subsets = json_array(), *route = json_array();
    render_percents(action, percents);
    for (uint32_t i = 0; i < action->target_count; i++) {
        char subset[OBJECT_NAME_BYTES];
        subset_name(render, i, subset, sizeof subset);
        (void)json_array_append_new(
            subsets, json_pack("{ss,s{ss}}", "name", subset, "labels", "version", action->targets[i].name));
        (void)json_array_append_new(route, json_pack("{s{ss,ss},si}", "destination", "host", action->service, "subset",
                                                     subset, "weight", (int)percents[i]));
    }
    destination_rule(render, json_pack("{so}", "subsets", subsets));
    virtual_service(render, json_object(), json_pack("{so}", "route", route));
}

/* "eu-west-1a" is in "eu-west-1", "us-central1-a" in "us-central1", "westeurope-2" in "westeurope". */
static void region_of(const char *zone, char *out, size_t size) {
    (void)snprintf(out, size, "%s", zone);
    size_t len = strlen(out);
    bool dashed = len > 2 && out[len - 2] == '-' && isalnum((unsigned char)out[len - 1]);
    bool lettered = len > 2 && isalpha((unsigned char)out[len - 1]) && isdigit((unsigned char)out[len - 2]);
    if (dashed) out[len - 2] = '\0';
    if (lettered) out[len - 1] = '\0';
}

static void shift_zones(render_t *render) {
    const routing_action_t *action = render->action;
    uint32_t percents[ACTION_TARGETS_MAX];
    json_t *to = json_object();
    render_percents(action, percents);
    for (uint32_t i = 0; i < action->target_count; i++) {
        char region[ACTION_NAME_BYTES], locality[2 * ACTION_NAME_BYTES + 4];
        region_of(action->targets[i].name, region, sizeof region);
        (void)snprintf(locality, sizeof locality, "%s/%s/*", region, action->targets[i].name);
        if (percents[i] > 0) (void)json_object_set_new(to, locality, json_integer(percents[i]));
    }
    destination_rule(render, json_pack("{s{s{s{sb,s[{ss,so}]}}}}", "trafficPolicy", "loadBalancer", "localityLbSetting",
                                       "enabled", 1, "distribute", "from", "*", "to", to));
}

void istio_fail_over(render_t *render) {
    char from[ACTION_NAME_BYTES], to[ACTION_NAME_BYTES];
    region_of(render->action->from_zone, from, sizeof from);
    region_of(render->action->to_zone, to, sizeof to);
    json_t *policy = json_pack("{s{s{sb,s[{ss,ss}]}}}", "loadBalancer", "localityLbSetting", "enabled", 1, "failover",
                               "from", from, "to", to);
    routing_action_t usual = {.consecutive_errors = 5, .interval_s = 10, .ejection_s = 30, .max_ejection_percent = 100};
    if (!render_live_has(render, "DestinationRule", "spec.trafficPolicy.outlierDetection"))
        (void)json_object_set_new(policy, "outlierDetection", outlier_detection(&usual));
    if (strcmp(from, to) == 0)
        render_refuse(render,
                      "both zones are in the region %s, and Istio fails over between regions: inside one it "
                      "does so by itself once outlierDetection is set",
                      from);
    destination_rule(render, json_pack("{so}", "trafficPolicy", policy));
}

void istio_tighten_ejection(render_t *render) {
    destination_rule(render,
                     json_pack("{s{so}}", "trafficPolicy", "outlierDetection", outlier_detection(render->action)));
}

void istio_circuit_breaker(render_t *render) {
    destination_rule(render, json_pack("{s{s{s{si,si}}}}", "trafficPolicy", "connectionPool", "http",
                                       "http2MaxRequests", (int)render->action->in_flight, "http1MaxPendingRequests",
                                       (int)render->action->pending));
}

void istio_cut_retries(render_t *render) {
    const routing_action_t *action = render->action;
    duration_text_t each;
    json_t *retries = json_pack("{si}", "attempts", (int)action->attempts);
    if (action->timeout_s > 0 && action->attempts > 0)
        (void)json_object_set_new(retries, "perTryTimeout", json_string(render_duration(&each, action->timeout_s)));
    virtual_service(render, whole_route(render), json_pack("{so}", "retries", retries));
}

void istio_set_timeout(render_t *render) {
    duration_text_t timeout;
    virtual_service(render, whole_route(render),
                    json_pack("{ss}", "timeout", render_duration(&timeout, render->action->timeout_s)));
}

/* No object of its own: Envoy's local rate limit, put before the router of the service's own proxies. */
static void rate_limit(render_t *render) {
    const routing_action_t *action = render->action;
    char name[OBJECT_NAME_BYTES];
    double tokens = ceil(action->requests_per_s);
    render_own_name(render, name, sizeof name);
    json_t *enabled = json_pack("{s{si,ss}}", "default_value", "numerator", 100, "denominator", "HUNDRED");
    json_t *limit = json_pack("{ss,s{si,si,ss},so,sO}", "stat_prefix", "seismesh_rate_limit", "token_bucket",
                              "max_tokens", (int)tokens, "tokens_per_fill", (int)tokens, "fill_interval", "1s",
                              "filter_enabled", enabled, "filter_enforced", enabled);
    json_t *filter = json_pack("{ss,s{ss,ss,so}}", "name", "envoy.filters.http.local_ratelimit", "typed_config",
                               "@type", "type.googleapis.com/udpa.type.v1.TypedStruct", "type_url",
                               "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
                               "value", limit);
    json_t *match = json_pack("{ss,s{s{s{ss}}}}", "context", "SIDECAR_INBOUND", "listener", "filterChain", "filter",
                              "name", "envoy.filters.network.http_connection_manager");
    json_t *patch = json_pack("{ss,so,s{ss,so}}", "applyTo", "HTTP_FILTER", "match", match, "patch", "operation",
                              "INSERT_BEFORE", "value", filter);
    render_object(render, &form_kubectl, "EnvoyFilter", name,
                  render_kubernetes(render, "networking.istio.io/v1alpha3", "EnvoyFilter", name),
                  json_pack("{s{s{s{ss}},s[o]}}", "spec", "workloadSelector", "labels", "app", action->service,
                            "configPatches", patch));
}

const routing_language_ops language_istio = {
    .name = "istio",
    .title = "Istio",
    .mesh = "istio",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {istio_shift_versions,
                                       .limits = {"weights are whole percents",
                                                  "pods are told apart by the label "
                                                  "version",
                                                  "in ambient mode it acts only where a waypoint serves the service"}},
            [ACTION_SHIFT_ZONES] = {shift_zones, .limits = {"localities are written region/zone, the region guessed "
                                                            "from the zone's name"}},
            [ACTION_DRAIN_INSTANCE] = {NULL, "no object names a single instance", ACTION_TIGHTEN_EJECTION, {NULL}},
            [ACTION_TIGHTEN_EJECTION] = {istio_tighten_ejection,
                                         .limits = {"each calling proxy counts for itself, and counts HTTP 5xx and "
                                                    "failed connections only"}},
            [ACTION_CIRCUIT_BREAKER] = {istio_circuit_breaker,
                                        .limits = {"each calling proxy counts for itself: with several of them, all "
                                                   "together let more through"}},
            [ACTION_RATE_LIMIT] = {rate_limit,
                                   .limits = {"Istio has no object of its own for it: this is an EnvoyFilter, which "
                                              "depends on the proxy's version",
                                              "each instance counts for itself: divide by their number",
                                              "pods are found by the label app"}},
            [ACTION_CUT_RETRIES] = {istio_cut_retries, .limits = {"without a VirtualService, Istio retries twice"}},
            [ACTION_SET_TIMEOUT] = {istio_set_timeout,
                                    .limits = {"it holds for the whole call with all its retries, and not on a route "
                                               "with a fault"}},
            [ACTION_FAIL_OVER] = {istio_fail_over,
                                  .limits = {"Istio fails over between regions, here guessed from the zones' names",
                                             "it acts only with outlierDetection, which is written along"}},
        },
    .lists = istio_lists,
    .about = istio_about,
};
