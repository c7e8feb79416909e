/* Network Service Mesh: connectivity of layers 2 and 3. It knows no requests, so most actions have no meaning in it;
 * and the weights of its routes are in the API but nothing reads them. What it can do is choose endpoints by label. */
#include "analyzer/routing/language.h"

static void shift_versions(render_t *render) {
    const routing_action_t *action = render->action;
    const char *all = NULL;
    for (uint32_t i = 0; i < action->target_count; i++)
        if (action->targets[i].weight == WEIGHT_WHOLE) all = action->targets[i].name;
    if (all == NULL)
        render_refuse(render, "Network Service Mesh can send everything to one version by its labels, but no shares: "
                              "nothing reads the weights of its routes");
    json_t *match = json_pack("{s[{s{ss}}]}", "routes", "destination_selector", "version", all == NULL ? "" : all);
    render_object(render, &form_kubectl, "NetworkService", action->service,
                  render_spec(render_kubernetes(render, "networkservicemesh.io/v1", "NetworkService", action->service),
                              json_pack("{ss}", "payload", "IP")),
                  json_pack("{s{s[o]}}", "spec", "matches", match));
}

static const about_rule_t about[] = {{"NetworkService", "="}, {NULL, NULL}};

#define NO_REQUESTS "it connects at layers 2 and 3 and knows no requests"
#define ROW                                                                                                            \
    {                                                                                                                  \
        NULL, NO_REQUESTS, ACTION_NONE, {                                                                              \
            NULL                                                                                                       \
        }                                                                                                              \
    }
const routing_language_ops language_nsm = {
    .name = "nsm",
    .title = "Network Service Mesh",
    .mesh = "nsm",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {shift_versions,
                                       .limits = {"it decides for new connections only: open ones stay where they are",
                                                  "endpoints are told apart by their label version",
                                                  "all matches of the service are replaced by one for everybody"}},
            [ACTION_SHIFT_ZONES] = {NULL,
                                    "nothing reads the weights of its routes; a destination_selector by node name "
                                    "prefers the near",
                                    ACTION_NONE,
                                    {NULL}},
            [ACTION_DRAIN_INSTANCE] = {NULL,
                                       "no route names a single endpoint; taking the endpoint's registration "
                                       "away does",
                                       ACTION_NONE,
                                       {NULL}},
            [ACTION_TIGHTEN_EJECTION] = ROW,
            [ACTION_CIRCUIT_BREAKER] = ROW,
            [ACTION_RATE_LIMIT] = ROW,
            [ACTION_CUT_RETRIES] = ROW,
            [ACTION_SET_TIMEOUT] = ROW,
            [ACTION_FAIL_OVER] = {NULL,
                                  "a second match with fallthrough does it by labels, which telemetry does not "
                                  "tell",
                                  ACTION_NONE,
                                  {NULL}},
        },
    .about = about,
};
