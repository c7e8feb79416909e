/* kuma: Kuma and Kong Mesh, 2.x and 3.x. Metrics are Envoy's in Prometheus spelling, also where kuma-dp pushes them as
 * OTLP (scope "kuma"), with the data plane's tags as attributes; 3.x (and 2.x with unified naming) has kuma.workload
 * and resource identifiers in the place of `dataplane` and the kuma.io/service tag. The mesh is told apart from others
 * as a cluster is, unless it is "default". Spans carry Envoy's tags and three literal ones.
 * Sources: kumahq/kuma app/kuma-dp/pkg/dataplane/metrics, pkg/plugins/policies/meshtrace, meshaccesslog; UPGRADE.md. */
#include "collector/dialect/tables.h"

static const dialect_attribute_t label[] = {
    {"kuma.workload", ROLE_SERVICE, FORM_SERVICE, 9, MESH_KUMA},
    {"kuma_io_service", ROLE_SERVICE, FORM_SERVICE, 8, MESH_KUMA},
    {"service", ROLE_SERVICE, FORM_SERVICE, 7, MESH_NONE},
    {"k8s_kuma_io_namespace", ROLE_NAMESPACE, FORM_TEXT, 8, MESH_KUMA},
    {"mesh", ROLE_CLUSTER, FORM_OWN, 3, MESH_NONE},
    {"zone", ROLE_ZONE, FORM_KNOWN, 7, MESH_NONE},
    {"kuma_io_zone", ROLE_ZONE, FORM_KNOWN, 8, MESH_KUMA},
    {"dataplane", ROLE_INSTANCE, FORM_TEXT, 8, MESH_KUMA},
    {"version", ROLE_VERSION, FORM_KNOWN, 7, MESH_NONE},
    {"kuma.proxy_role", ROLE_EVIDENCE, FORM_TEXT, 5, MESH_KUMA},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

static const dialect_attribute_t span[] = {
    {"kuma.workload", ROLE_SERVICE, FORM_SERVICE, 9, MESH_KUMA},
    {"kuma.mesh", ROLE_CLUSTER, FORM_OWN, 3, MESH_KUMA},
    {"kuma.zone", ROLE_ZONE, FORM_KNOWN, 7, MESH_KUMA},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

/* Attributes are the operator's own; these are the names that our page tells, and Kuma's examples use. */
static const dialect_attribute_t access_log[] = {
    {"source", ROLE_CALLER, FORM_SERVICE, 5, MESH_NONE},
    {"destination", ROLE_CALLEE, FORM_SERVICE, 5, MESH_NONE},
    {"kuma.source.service", ROLE_CALLER, FORM_SERVICE, 6, MESH_KUMA},
    {"kuma.destination.service", ROLE_CALLEE, FORM_SERVICE, 6, MESH_KUMA},
    {"kuma.mesh", ROLE_CLUSTER, FORM_OWN, 3, MESH_KUMA},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

const dialect_t dialect_kuma = {.name = "kuma",
                                .mesh = MESH_KUMA,
                                .sidecars = true,
                                .scope = "kuma",
                                .beside = &dialect_envoy,
                                .span = span,
                                .label = label,
                                .log = access_log};
