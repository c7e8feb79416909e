/* Google's service routing APIs (proxyless gRPC, Envoy on machines): HTTPRoutes of network services, and backend
 * services of Compute Engine. `gcloud … import` replaces whole resources. */
#include "analyzer/routing/language.h"
#include "analyzer/routing/save_first.h"
#include "analyzer/routing/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *kind, *command, *where;
} resources[] = {
    {"HttpRoute", "gcloud network-services http-routes", "--location=global"},
    {"BackendService", "gcloud compute backend-services", "--global"},
};

static size_t which_of(const placed_t *placed) {
    return strcmp(placed->kind, resources[0].kind) == 0 ? 0 : 1;
}

static void call(const placed_t *placed, const char *verb, buffer_t *out) {
    size_t which = which_of(placed);
    buffer_format(out, "%s %s ", resources[which].command, verb);
    text_shell(placed->name, out);
    buffer_format(out, " %s", resources[which].where);
}

static void import(const placed_t *placed, const json_t *tree, buffer_t *out) {
    call(placed, "import", out);
    buffer_text(out, " --quiet <<'EOF'\n");
    text_yaml(tree, out);
    buffer_text(out, "EOF\n");
}

static void apply(const placed_t *placed, size_t count, buffer_t *out) {
    for (size_t i = 0; i < count; i++) {
        if (placed[i].before != NULL) {
            import(&placed[i], placed[i].after, out);
            continue;
        }
        call(&placed[i], "export", out);
        buffer_format(out, " --destination=%s.yaml\n", placed[i].kind);
    }
}

static void undo(const placed_t *placed, size_t count, buffer_t *out) {
    for (size_t i = count; i-- > 0;)
        if (placed[i].before != NULL) import(&placed[i], placed[i].before, out);
}

static void read_live(const placed_t *placed, size_t count, const char *also, buffer_t *out) {
    (void)also;
    for (size_t i = 0; i < count; i++) {
        call(&placed[i], "export", out);
        buffer_text(out, "\n");
    }
}

static const routing_form_t form_gcloud = {"yaml", text_yaml, apply, undo, read_live};

static const char *const BACKEND = "projects/PROJECT/locations/global/backendServices/%s";

static void route(render_t *render, json_t *base, json_t *change) {
    const char *service = render->action->service;
    render_object(render, &form_gcloud, "HttpRoute", service,
                  json_pack("{ss,s[s],s[{so}]}", "name", service, "hostnames", service, "rules", "action", base),
                  json_pack("{s[{so}]}", "rules", "action", change));
}

static json_t *whole_service(const render_t *render) {
    char name[OBJECT_NAME_BYTES];
    (void)snprintf(name, sizeof name, BACKEND, render->action->service);
    return json_pack("{s[{ss}]}", "destinations", "serviceName", name);
}

static void shift_versions(render_t *render) {
    const routing_action_t *action = render->action;
    uint32_t percents[ACTION_TARGETS_MAX];
    json_t *destinations = json_array();
    render_percents(action, percents);
    for (uint32_t i = 0; i < action->target_count; i++) {
        char backend[OBJECT_NAME_BYTES], name[2 * OBJECT_NAME_BYTES];
        render_backend(render, action->targets[i].name, backend, sizeof backend);
        (void)snprintf(name, sizeof name, strchr(backend, '/') == NULL ? BACKEND : "%s", backend);
        (void)json_array_append_new(destinations,
                                    json_pack("{ss,si}", "serviceName", name, "weight", (int)percents[i]));
    }
    route(render, json_object(), json_pack("{so}", "destinations", destinations));
}

static void set_timeout(render_t *render) {
    char timeout[32]; /* its durations are seconds */
    (void)snprintf(timeout, sizeof timeout, "%.3fs", ceil(render->action->timeout_s * 1000 - 1e-6) / 1000);
    route(render, whole_service(render), json_pack("{ss}", "timeout", timeout));
}

static void cut_retries(render_t *render) {
    route(render, whole_service(render),
          json_pack("{s{si}}", "retryPolicy", "numRetries", (int)render->action->attempts));
}

static json_t *duration(double seconds) {
    char text[24];
    (void)snprintf(text, sizeof text, "%.0f", floor(seconds));
    return json_pack("{ss,si}", "seconds", text, "nanos", (int)((seconds - floor(seconds)) * 1e9));
}

static void backend_service(render_t *render, json_t *change) {
    render_object(render, &form_gcloud, "BackendService", render->action->service,
                  json_pack("{ss}", "name", render->action->service), change);
}

static void tighten_ejection(render_t *render) {
    const routing_action_t *action = render->action;
    backend_service(render, json_pack("{s{si,so,so,si}}", "outlierDetection", "consecutiveErrors",
                                      (int)action->consecutive_errors, "interval", duration(action->interval_s),
                                      "baseEjectionTime", duration(action->ejection_s), "maxEjectionPercent",
                                      (int)action->max_ejection_percent));
}

static void circuit_breaker(render_t *render) {
    backend_service(render, json_pack("{s{si,si}}", "circuitBreakers", "maxRequests", (int)render->action->in_flight,
                                      "maxPendingRequests", (int)render->action->pending));
}

/* Exports have no kind: a route has rules, a backend service backends. */
static const about_rule_t about[] = {
    {"HttpRoute", "rules.action.destinations.serviceName"},
    {"BackendService", "="},
    {NULL, NULL},
};

static const merge_rule_t lists[] = {
    {.list = "rules", .how = LIST_EACH, .path = "action.destinations.serviceName"},
    {.list = "destinations", .how = LIST_BY, .path = "serviceName", .weighted = true},
    {.list = NULL},
};

#define LIMIT_NAMES "PROJECT stands for your project, and routes and backend services are named after the service"
const routing_language_ops language_google_routing = {
    .name = "google-routing",
    .title = "Google service routing",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {shift_versions,
                                       .limits = {LIMIT_SAVE_FIRST, LIMIT_NAMES, "weights are whole numbers"}},
            [ACTION_SHIFT_ZONES] = {NULL, "routes do not know zones", ACTION_NONE, {NULL}},
            [ACTION_DRAIN_INSTANCE] = {NULL, "no resource names a single instance", ACTION_TIGHTEN_EJECTION, {NULL}},
            [ACTION_TIGHTEN_EJECTION] = {tighten_ejection, .limits = {LIMIT_SAVE_FIRST, LIMIT_NAMES}},
            [ACTION_CIRCUIT_BREAKER] = {circuit_breaker, .limits = {LIMIT_SAVE_FIRST, LIMIT_NAMES}},
            [ACTION_RATE_LIMIT] = {NULL, "routes have no rate limit", ACTION_NONE, {NULL}},
            [ACTION_CUT_RETRIES] = {cut_retries, .limits = {LIMIT_SAVE_FIRST, LIMIT_NAMES}},
            [ACTION_SET_TIMEOUT] = {set_timeout, .limits = {LIMIT_SAVE_FIRST, LIMIT_NAMES}},
            [ACTION_FAIL_OVER] = {NULL, "routes do not know zones", ACTION_NONE, {NULL}},
        },
    .lists = lists,
    .about = about,
};
