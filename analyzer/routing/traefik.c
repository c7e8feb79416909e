/* Traefik Proxy 3 on Kubernetes (traefik.io/v1alpha1): weighted services, middlewares, transports. */
#include "analyzer/routing/language.h"
#include "analyzer/routing/traefik_writers.h"

#include <math.h>
#include <stdio.h>

static const char *const API = "traefik.io/v1alpha1";

static void object(render_t *render, const char *kind, json_t *change) {
    char name[OBJECT_NAME_BYTES];
    render_own_name(render, name, sizeof name);
    render_object(render, &form_kubectl, kind, name,
                  render_spec(render_kubernetes(render, API, kind, name), json_object()),
                  json_pack("{so}", "spec", change));
}

static void shift_versions(render_t *render) {
    const routing_action_t *action = render->action;
    uint32_t percents[ACTION_TARGETS_MAX];
    json_t *services = json_array();
    render_percents(action, percents);
    for (uint32_t i = 0; i < action->target_count; i++) {
        char name[OBJECT_NAME_BYTES];
        render_backend(render, action->targets[i].name, name, sizeof name);
        (void)json_array_append_new(services, json_pack("{ss,si,si}", "name", name, "port", (int)render_port(render),
                                                        "weight", (int)percents[i]));
    }
    object(render, "TraefikService", json_pack("{s{so}}", "weighted", "services", services));
}

static void circuit_breaker(render_t *render) {
    object(render, "Middleware", json_pack("{s{si}}", "inFlightReq", "amount", (int)render->action->in_flight));
}

static void rate_limit(render_t *render) {
    int rate = (int)ceil(render->action->requests_per_s);
    object(render, "Middleware", json_pack("{s{si,si}}", "rateLimit", "average", rate, "burst", rate));
}

static void cut_retries(render_t *render) {
    object(render, "Middleware", json_pack("{s{si}}", "retry", "attempts", (int)render->action->attempts + 1));
}

static void set_timeout(render_t *render) {
    duration_text_t timeout;
    object(render, "ServersTransport",
           json_pack("{s{ss}}", "forwardingTimeouts", "responseHeaderTimeout",
                     render_duration(&timeout, render->action->timeout_s)));
}

static const merge_rule_t lists[] = {
    {.list = "services", .how = LIST_BY, .path = "name", .weighted = true},
    {.list = NULL},
};

static const about_rule_t about[] = {{"TraefikService", "spec.weighted.services.name"}, {NULL, NULL}};

const routing_language_ops language_traefik = {
    .name = "traefik",
    .title = "Traefik",
    .mesh = "traefik",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {shift_versions, .limits = {"weights are whole numbers, shares of their sum",
                                                                  TRAEFIK_LIMIT_ROUTER}},
            [ACTION_SHIFT_ZONES] = {NULL, TRAEFIK_CANNOT_ZONES, ACTION_NONE, {NULL}},
            [ACTION_DRAIN_INSTANCE] = {NULL, TRAEFIK_CANNOT_EJECT, ACTION_NONE, {NULL}},
            [ACTION_TIGHTEN_EJECTION] = {NULL, TRAEFIK_CANNOT_EJECT, ACTION_NONE, {NULL}},
            [ACTION_CIRCUIT_BREAKER] = {circuit_breaker,
                                        .limits = {TRAEFIK_LIMIT_ROUTER, "requests are counted per Host header"}},
            [ACTION_RATE_LIMIT] = {rate_limit, .limits = {TRAEFIK_LIMIT_ROUTER, TRAEFIK_LIMIT_SOURCE}},
            [ACTION_CUT_RETRIES] = {cut_retries, .limits = {TRAEFIK_LIMIT_ROUTER, "attempts counts the first try too"}},
            [ACTION_SET_TIMEOUT] = {set_timeout, .limits = {"it is the time until the answer begins, and the Service "
                                                            "must name the transport (annotation "
                                                            "traefik.ingress.kubernetes.io/service.serverstransport)"}},
            [ACTION_FAIL_OVER] = {NULL, TRAEFIK_CANNOT_ZONES, ACTION_NONE, {NULL}},
        },
    .lists = lists,
    .about = about,
};
