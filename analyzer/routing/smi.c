/* Service Mesh Interface: a TrafficSplit between Services. The specification was archived in 2023; meshes serve
 * different versions of it, so each has its own file. */
#include "analyzer/routing/writers.h"

#include <stdio.h>

const merge_rule_t smi_lists[] = {
    {.list = "backends", .how = LIST_BY, .path = "service", .weighted = true},
    {.list = NULL},
};

static const about_rule_t about[] = {{"TrafficSplit", "spec.service"}, {NULL, NULL}};

void smi_traffic_split(render_t *render, const char *api_version) {
    const routing_action_t *action = render->action;
    char name[OBJECT_NAME_BYTES];
    uint32_t percents[ACTION_TARGETS_MAX];
    json_t *backends = json_array();
    render_own_name(render, name, sizeof name);
    render_percents(action, percents);
    for (uint32_t i = 0; i < action->target_count; i++) {
        char backend[OBJECT_NAME_BYTES];
        render_backend(render, action->targets[i].name, backend, sizeof backend);
        (void)json_array_append_new(backends, json_pack("{ss,si}", "service", backend, "weight", (int)percents[i]));
    }
    render_object(render, &form_kubectl, "TrafficSplit", name,
                  render_spec(render_kubernetes(render, api_version, "TrafficSplit", name),
                              json_pack("{ss}", "service", action->service)),
                  json_pack("{s{so}}", "spec", "backends", backends));
}

static void shift_versions(render_t *render) {
    smi_traffic_split(render, "split.smi-spec.io/v1alpha4");
}

#define SPLITS_ONLY "the interface splits traffic between Services and does nothing else"
#define ROW                                                                                                            \
    {                                                                                                                  \
        NULL, SPLITS_ONLY, ACTION_NONE, {                                                                              \
            NULL                                                                                                       \
        }                                                                                                              \
    }
const routing_language_ops language_smi = {
    .name = "smi",
    .title = "Service Mesh Interface",
    .status = "the specification was archived in October 2023",
    .beside = "gateway-api",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {shift_versions,
                                       .limits = {"weights are whole numbers",
                                                  "v1alpha4 is the newest version; Open Service Mesh and linkerd-smi "
                                                  "serve v1alpha2, Traefik Mesh v1alpha3",
                                                  "the backends' ports must be those of the Service that is split"}},
            [ACTION_SHIFT_ZONES] = ROW,
            [ACTION_DRAIN_INSTANCE] = ROW,
            [ACTION_TIGHTEN_EJECTION] = ROW,
            [ACTION_CIRCUIT_BREAKER] = ROW,
            [ACTION_RATE_LIMIT] = ROW,
            [ACTION_CUT_RETRIES] = ROW,
            [ACTION_SET_TIMEOUT] = ROW,
            [ACTION_FAIL_OVER] = ROW,
        },
    .lists = smi_lists,
    .about = about,
};
