/* consul: tags that Consul makes its Envoys put on Envoy's own stats, in the dotted names of a stats sink and in
 * Prometheus spelling. consul.source.* is the reporter, whichever side it is on; consul.destination.* is cut out of the
 * cluster's name, of which Envoy's own tag (envoy.cluster_name) keeps no more than what stands before the first dot.
 * The namespace "default" is that of those who have none. A datacenter is told as a zone, so that traffic that fails
 * over to another is seen to move. Spans and access logs are Envoy's, with Consul's cluster names (clusters.c).
 * Sources: hashicorp/consul command/connect/envoy/bootstrap_config.go, agent/xds. */
#include "collector/dialect/tables.h"

static const dialect_attribute_t label[] = {
    {"consul.source.service", ROLE_SERVICE, FORM_KNOWN, 9, MESH_CONSUL},
    {"consul.source.namespace", ROLE_NAMESPACE, FORM_OWN, 9, MESH_CONSUL},
    {"consul.source.datacenter", ROLE_ZONE, FORM_KNOWN, 9, MESH_CONSUL},
    {"consul.destination.service", ROLE_CALLEE, FORM_KNOWN, 9, MESH_CONSUL},
    {"consul.destination.namespace", ROLE_CALLEE_NAMESPACE, FORM_OWN, 9, MESH_CONSUL},
    {"consul.destination.service_subset", ROLE_CALLEE_VERSION, FORM_KNOWN, 9, MESH_CONSUL},
    {"consul.destination.datacenter", ROLE_CALLEE_ZONE, FORM_KNOWN, 9, MESH_CONSUL},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

const dialect_t dialect_consul = {
    .name = "consul", .mesh = MESH_CONSUL, .sidecars = true, .beside = &dialect_envoy, .label = label};
