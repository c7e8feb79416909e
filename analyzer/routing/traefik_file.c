/* Traefik Proxy 3 with its file provider: a file of its own, or a change in the one that is handed in. The provider
 * runs files through Go's templates, so a name with braces would be executed: action_valid refuses such names. */
#include "analyzer/routing/language.h"
#include "analyzer/routing/text.h"
#include "analyzer/routing/traefik_writers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A file of our own is named after its service; where the one that was handed in lies, only its owner knows. */
static void path_of(const placed_t *placed, buffer_t *out) {
    if (placed->before != NULL) {
        buffer_text(out, "\"${TRAEFIK_FILE:?path of the file that was handed in}\"");
        return;
    }
    buffer_text(out, "\"${TRAEFIK_DYNAMIC:?directory of the file provider}/\"");
    buffer_t name = {0};
    buffer_format(&name, "%s.yaml", placed->name);
    buffer_byte(&name, 0);
    text_shell((const char *)name.data, out);
    buffer_fini(&name);
}

static void put(const placed_t *placed, const json_t *tree, buffer_t *out) {
    buffer_text(out, "cat > ");
    path_of(placed, out);
    buffer_text(out, " <<'EOF'\n");
    text_yaml(tree, out);
    buffer_text(out, "EOF\n");
}

static void apply(const placed_t *placed, size_t count, buffer_t *out) {
    for (size_t i = 0; i < count; i++) put(&placed[i], placed[i].after, out);
}

static void undo(const placed_t *placed, size_t count, buffer_t *out) {
    for (size_t i = count; i-- > 0;) {
        if (placed[i].before != NULL) {
            put(&placed[i], placed[i].before, out);
            continue;
        }
        buffer_text(out, "rm ");
        path_of(&placed[i], out);
        buffer_text(out, "\n");
    }
}

static const routing_form_t form_file = {"yaml", text_yaml, apply, undo, NULL};

/* The live service that weighs one of our versions; NULL: none does. */
static const char *weighing_service(const render_t *render) {
    size_t index, at;
    const json_t *object, *entry;
    json_array_foreach((json_t *)render->live, index, object) {
        json_t *services = (json_t *)merge_at(object, "http.services"), *service;
        const char *name;
        json_object_foreach(services, name, service) {
            json_array_foreach((json_t *)merge_at(service, "weighted.services"), at, entry) {
                const char *backend = json_string_value(json_object_get(entry, "name"));
                for (uint32_t i = 0; backend != NULL && i < render->action->target_count; i++) {
                    char usual[OBJECT_NAME_BYTES];
                    (void)snprintf(usual, sizeof usual, "%s-%s", render->action->service,
                                   render->action->targets[i].name);
                    if (strcmp(usual, backend) == 0) return name;
                }
            }
        }
    }
    return NULL;
}

static void file(render_t *render, const char *section, const char *name, json_t *value) {
    char own[OBJECT_NAME_BYTES];
    render_own_name(render, own, sizeof own);
    render_object(render, &form_file, "file", own, json_object(),
                  json_pack("{s{s{so}}}", "http", section, name, value));
}

static void own_file(render_t *render, const char *section, json_t *value) {
    char own[OBJECT_NAME_BYTES];
    render_own_name(render, own, sizeof own);
    file(render, section, own, value);
}

static void shift_versions(render_t *render) {
    const routing_action_t *action = render->action;
    uint32_t percents[ACTION_TARGETS_MAX];
    json_t *services = json_array();
    render_percents(action, percents);
    for (uint32_t i = 0; i < action->target_count; i++) {
        char name[OBJECT_NAME_BYTES];
        render_backend(render, action->targets[i].name, name, sizeof name);
        (void)json_array_append_new(services, json_pack("{ss,si}", "name", name, "weight", (int)percents[i]));
    }
    const char *live = weighing_service(render);
    json_t *value = json_pack("{s{so}}", "weighted", "services", services);
    if (live != NULL)
        file(render, "services", live, value);
    else
        own_file(render, "services", value);
}

static void circuit_breaker(render_t *render) {
    own_file(render, "middlewares", json_pack("{s{si}}", "inFlightReq", "amount", (int)render->action->in_flight));
}

static void rate_limit(render_t *render) {
    int rate = (int)ceil(render->action->requests_per_s);
    own_file(render, "middlewares", json_pack("{s{si,si}}", "rateLimit", "average", rate, "burst", rate));
}

static void cut_retries(render_t *render) {
    own_file(render, "middlewares", json_pack("{s{si}}", "retry", "attempts", (int)render->action->attempts + 1));
}

static void set_timeout(render_t *render) {
    duration_text_t timeout;
    own_file(render, "serversTransports",
             json_pack("{s{ss}}", "forwardingTimeouts", "responseHeaderTimeout",
                       render_duration(&timeout, render->action->timeout_s)));
}

static const merge_rule_t lists[] = {
    {.list = "services", .how = LIST_BY, .path = "name", .weighted = true},
    {.list = NULL},
};

/* Files have no kind; the one that weighs our versions is meant. */
static const about_rule_t about[] = {{"file", "http.services.*.weighted.services.name"}, {NULL, NULL}};

const routing_language_ops language_traefik_file = {
    .name = "traefik-file",
    .title = "Traefik (file provider)",
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
            [ACTION_SET_TIMEOUT] = {set_timeout, .limits = {"it is the time until the answer begins, and the service "
                                                            "must name the transport (serversTransport)"}},
            [ACTION_FAIL_OVER] = {NULL, TRAEFIK_CANNOT_ZONES, ACTION_NONE, {NULL}},
        },
    .lists = lists,
    .about = about,
};
