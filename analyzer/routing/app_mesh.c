/* AWS App Mesh: routes and virtual nodes as the AWS command line takes them. Its update calls replace whole specs. */
#include "analyzer/routing/language.h"
#include "analyzer/routing/save_first.h"
#include "analyzer/routing/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const MESH = "default";

/* ---- commands ---- */

static const struct {
    const char *kind, *resource;      /* "Route": describe-route, update-route */
    const char *keys[3], *options[3]; /* the members that identify it, and the options that say them */
} resources[] = {
    {"Route",
     "route",
     {"meshName", "virtualRouterName", "routeName"},
     {"--mesh-name", "--virtual-router-name", "--route-name"}},
    {"VirtualNode",
     "virtual-node",
     {"meshName", "virtualNodeName", NULL},
     {"--mesh-name", "--virtual-node-name", NULL}},
};

static const char *text_at(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static void update(const json_t *tree, size_t which, buffer_t *out) {
    buffer_format(out, "aws appmesh update-%s --cli-input-json \"$(cat <<'EOF'\n", resources[which].resource);
    text_json(tree, out);
    buffer_text(out, "EOF\n)\"\n");
}

static void describe(const placed_t *placed, size_t which, buffer_t *out) {
    buffer_format(out, "aws appmesh describe-%s", resources[which].resource);
    for (size_t i = 0; i < 3 && resources[which].keys[i] != NULL; i++) {
        buffer_format(out, " %s ", resources[which].options[i]);
        text_shell(text_at(placed->after, resources[which].keys[i]), out);
    }
}

static size_t which_of(const placed_t *placed) {
    return strcmp(placed->kind, resources[0].kind) == 0 ? 0 : 1;
}

static void apply(const placed_t *placed, size_t count, buffer_t *out) {
    for (size_t i = 0; i < count; i++) {
        size_t which = which_of(&placed[i]);
        if (placed[i].before != NULL) {
            update(placed[i].after, which, out);
            continue;
        }
        describe(&placed[i], which, out);
        buffer_format(out, " > %s.json\n", resources[which].resource);
    }
}

static void undo(const placed_t *placed, size_t count, buffer_t *out) {
    for (size_t i = count; i-- > 0;)
        if (placed[i].before != NULL) update(placed[i].before, which_of(&placed[i]), out);
}

static void read_live(const placed_t *placed, size_t count, const char *also, buffer_t *out) {
    (void)also;
    for (size_t i = 0; i < count; i++) {
        describe(&placed[i], which_of(&placed[i]), out);
        buffer_text(out, " --output json\n");
    }
}

static const routing_form_t form_aws = {"json", text_json, apply, undo, read_live};

/* What describe-… prints, without its wrapping and what update-… does not take. */
static const json_t *unwrap(const json_t *object) {
    static const char *const wraps[] = {"route", "virtualNode"}, *const extra[] = {"metadata", "status"};
    for (size_t i = 0; i < sizeof wraps / sizeof wraps[0]; i++) {
        json_t *inner = json_object_get(object, wraps[i]);
        if (!json_is_object(inner)) continue;
        for (size_t k = 0; k < sizeof extra / sizeof extra[0]; k++) (void)json_object_del(inner, extra[k]);
        return inner;
    }
    return object;
}

/* ---- objects ---- */

static json_t *duration(double seconds) {
    return json_pack("{ss,sI}", "unit", "ms", "value", (json_int_t)ceil(seconds * 1000 - 1e-6));
}

static void route(render_t *render, json_t *base, json_t *change) {
    char router[OBJECT_NAME_BYTES];
    (void)snprintf(router, sizeof router, "%s", render->action->service);
    json_t *object = json_pack("{ss,ss,ss,s{s{s{ss}}}}", "meshName", MESH, "virtualRouterName", router, "routeName",
                               render->action->service, "spec", "httpRoute", "match", "prefix", "/");
    (void)json_object_update(json_object_get(json_object_get(object, "spec"), "httpRoute"), base);
    json_decref(base);
    render_object(render, &form_aws, "Route", render->action->service, object,
                  json_pack("{s{so}}", "spec", "httpRoute", change));
}

static json_t *whole_service(const render_t *render) {
    return json_pack("{s{s[{ss,si}]}}", "action", "weightedTargets", "virtualNode", render->action->service, "weight",
                     100);
}

static void virtual_node(render_t *render, json_t *change) {
    json_t *listener = json_pack("{s{si,ss}}", "portMapping", "port", (int)render_port(render), "protocol", "http");
    json_t *object = json_pack("{ss,ss,s{s[o]}}", "meshName", MESH, "virtualNodeName", render->action->service, "spec",
                               "listeners", listener);
    render_object(render, &form_aws, "VirtualNode", render->action->service, object,
                  json_pack("{s{s[o]}}", "spec", "listeners", change));
}

static void shift_versions(render_t *render) {
    const routing_action_t *action = render->action;
    uint32_t percents[ACTION_TARGETS_MAX];
    json_t *targets = json_array();
    render_percents(action, percents);
    for (uint32_t i = 0; i < action->target_count; i++) {
        char node[OBJECT_NAME_BYTES];
        render_backend(render, action->targets[i].name, node, sizeof node);
        (void)json_array_append_new(targets, json_pack("{ss,si}", "virtualNode", node, "weight", (int)percents[i]));
    }
    route(render, json_object(), json_pack("{s{so}}", "action", "weightedTargets", targets));
}

static void set_timeout(render_t *render) {
    route(render, whole_service(render),
          json_pack("{s{so}}", "timeout", "perRequest", duration(render->action->timeout_s)));
}

static void cut_retries(render_t *render) {
    double each = render->action->timeout_s > 0 ? render->action->timeout_s : 15;
    route(render, whole_service(render),
          json_pack("{s{si,so,s[s]}}", "retryPolicy", "maxRetries", (int)render->action->attempts, "perRetryTimeout",
                    duration(each), "httpRetryEvents", "gateway-error"));
}

static void tighten_ejection(render_t *render) {
    const routing_action_t *action = render->action;
    virtual_node(render,
                 json_pack("{s{si,so,so,si}}", "outlierDetection", "maxServerErrors", (int)action->consecutive_errors,
                           "interval", duration(action->interval_s), "baseEjectionDuration",
                           duration(action->ejection_s), "maxEjectionPercent", (int)action->max_ejection_percent));
}

static void circuit_breaker(render_t *render) {
    virtual_node(render, json_pack("{s{s{si,si}}}", "connectionPool", "http", "maxConnections",
                                   (int)render->action->in_flight, "maxPendingRequests", (int)render->action->pending));
}

static const merge_rule_t lists[] = {
    {.list = "weightedTargets", .how = LIST_BY, .path = "virtualNode", .weighted = true},
    {.list = "listeners", .how = LIST_EACH},
    {.list = NULL},
};

static const about_rule_t about[] = {
    {"Route", "virtualRouterName|spec.httpRoute.action.weightedTargets.virtualNode"},
    {"VirtualNode", "virtualNodeName"},
    {NULL, NULL},
};

#define LIMIT_NAMES "the mesh is taken to be named default, the router, route and node after the service"
const routing_language_ops language_app_mesh = {
    .name = "app-mesh",
    .title = "AWS App Mesh",
    .mesh = "app_mesh",
    .status = "AWS ended the support of App Mesh on 2026-09-30: plan to move on",
    .beside = "gateway-api",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {shift_versions,
                                       .limits = {LIMIT_SAVE_FIRST, LIMIT_NAMES, "weights are whole numbers"}},
            [ACTION_SHIFT_ZONES] = {NULL, "it does not know zones", ACTION_NONE, {NULL}},
            [ACTION_DRAIN_INSTANCE] = {NULL, "no object names a single instance", ACTION_TIGHTEN_EJECTION, {NULL}},
            [ACTION_TIGHTEN_EJECTION] = {tighten_ejection, .limits = {LIMIT_SAVE_FIRST, LIMIT_NAMES,
                                                                      "outlier detection wants Cloud Map discovery"}},
            [ACTION_CIRCUIT_BREAKER] = {circuit_breaker,
                                        .limits = {LIMIT_SAVE_FIRST, LIMIT_NAMES,
                                                   "http limits connections; an http2 or grpc listener has maxRequests "
                                                   "instead"}},
            [ACTION_RATE_LIMIT] = {NULL, "it has no rate limit", ACTION_NONE, {NULL}},
            [ACTION_CUT_RETRIES] = {cut_retries, .limits = {LIMIT_SAVE_FIRST, LIMIT_NAMES}},
            [ACTION_SET_TIMEOUT] = {set_timeout,
                                    .limits = {LIMIT_SAVE_FIRST, LIMIT_NAMES,
                                               "the virtual node's own listener has a timeout too, 15 s unless set"}},
            [ACTION_FAIL_OVER] = {NULL, "it has no failover", ACTION_NONE, {NULL}},
        },
    .lists = lists,
    .about = about,
    .unwrap = unwrap,
};
