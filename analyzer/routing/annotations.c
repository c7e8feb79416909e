/* Meshes that are told by annotations on the Service. */
#include "analyzer/routing/writers.h"

void annotate_service(render_t *render, json_t *annotations) {
    const routing_action_t *action = render->action;
    json_t *base = render_kubernetes(render, "v1", "Service", action->service);
    (void)json_object_del(json_object_get(base, "metadata"), "labels"); /* it is not our object */
    render_object(render, &form_annotate, "Service", action->service, base,
                  json_pack("{s{so}}", "metadata", "annotations", annotations));
}
