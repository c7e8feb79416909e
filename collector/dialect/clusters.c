/* Envoy clusters by the names that control planes give them. Each has a shape that tells the plane; what has none is
 * taken as a host. Sources: Istio's BuildSubsetKey, Consul's SNI names (connect/sni), Kuma's service tag
 * (name_namespace_svc_port) and resource identifiers (kri_type_mesh_zone_namespace_name_section), App Mesh's
 * cds_egress_mesh_node_protocol_port, Open Service Mesh's namespace/service|port. */
#include "collector/dialect/forms.h"

#include <ctype.h>

/* Clusters that Envoy and its control planes need for themselves, the one that our pages tell to send telemetry to, and
 * the proxy's own application. */
static bool own_cluster(slice_t text) {
    static const char *const words[] = {"xds-grpc",  "sds-grpc",    "prometheus_stats", "agent",    "zipkin",
                                        "local_app", "local_agent", "self_admin",       "seismesh", NULL};
    static const char *const prefixes[] = {
        "inbound|",       "localhost_", "self_inbound", "opentelemetry_collector", "access_log_sink", "ads_cluster",
        "cds_ingress_",   "kuma_",      "meshtrace_",   "meshaccesslog_",          "osm-controller",  "envoy-metrics-",
        "envoy-tracing-", NULL};
    return forms_one_of(text, words) || forms_starts_one_of(text, prefixes) || forms_tells_nothing(text);
}

static bool is_number(slice_t text) {
    for (size_t i = 0; i < text.len; i++)
        if (!isdigit(text.data[i])) return false;
    return text.len > 0;
}

/* Cuts at every `sign`; the parts beyond `max` stay together in the last. */
static uint32_t cut(slice_t text, char sign, slice_t *parts, uint32_t max) {
    uint32_t count = 0;
    size_t at = 0;
    while (count + 1 < max) {
        size_t end = forms_find(text, at, sign);
        if (end == text.len) break;
        parts[count++] = forms_part(text, at, end);
        at = end + 1;
    }
    parts[count++] = forms_part(text, at, text.len);
    return count;
}

static dialect_name_t read_istio(slice_t text) {
    slice_t parts[4];
    if (cut(text, '|', parts, 4) != 4) return (dialect_name_t){.mesh = MESH_ISTIO};
    dialect_name_t name = forms_host(parts[3]);
    name.version = parts[2];
    name.mesh = MESH_ISTIO;
    return name;
}

/* "[passthrough~][hash~][subset.]service.namespace.[partition.]datacenter.internal[-v1].domain.consul": four parts
 * before "internal" begin with a subset, four before "internal-v1" end with partition and datacenter. Peered ones are
 * "service.namespace.peer.external.domain.consul". The namespace "default" is that of those who have none. */
static dialect_name_t read_consul(slice_t text) {
    dialect_name_t name = {.mesh = MESH_CONSUL};
    slice_t parts[16];
    for (size_t tilde = forms_find(text, 0, '~'); tilde < text.len; tilde = forms_find(text, 0, '~'))
        text = forms_part(text, tilde + 1, text.len);
    uint32_t count = cut(text, '.', parts, 16), kind = 0;
    while (kind < count && !slice_is(parts[kind], "internal") && !slice_is(parts[kind], "internal-v1") &&
           !slice_is(parts[kind], "external"))
        kind++;
    if (kind == count || kind < 3) return name;
    uint32_t whole = slice_is(parts[kind], "internal-v1") ? 4 : 3;
    if (kind < whole || kind > whole + 1) return name;
    uint32_t service = kind - whole;
    if (service > 0) name.version = parts[0];
    name.name = parts[service];
    if (!slice_is(parts[service + 1], "default")) name.namespace_name = parts[service + 1];
    return name;
}

/* Mesh and virtual node may both hold a '_', so what is between prefix and port is cut once only, behind the mesh;
 * and a node that holds one may be "name_namespace" of Kubernetes, or not. */
static dialect_name_t read_app_mesh(slice_t text) {
    size_t mesh = strlen("cds_egress_"), node = forms_find(text, mesh, '_') + 1, end = text.len;
    for (int i = 0; i < 2; i++) {
        while (end > 0 && text.data[end - 1] != '_') end--;
        if (end > 0) end--;
    }
    if (node >= end) return (dialect_name_t){.mesh = MESH_APP_MESH};
    return (dialect_name_t){.name = forms_part(text, node, end), .mesh = MESH_APP_MESH, .split = SPLIT_NAMESPACE_LAST};
}

/* "namespace/service|port", and "|local" behind it where the proxy stands before that very service. */
static dialect_name_t read_osm(slice_t text) {
    slice_t parts[3];
    size_t slash = forms_find(text, 0, '/');
    uint32_t count = cut(forms_part(text, slash + 1, text.len), '|', parts, 3);
    if (count < 2 || (count == 3 && slice_is(parts[2], "local"))) return (dialect_name_t){.mesh = MESH_OSM};
    size_t dot = forms_find(parts[0], 0, '.'); /* "subdomain.service" */
    slice_t service = dot < parts[0].len ? forms_part(parts[0], dot + 1, parts[0].len) : parts[0];
    return (dialect_name_t){.name = service, .namespace_name = forms_part(text, 0, slash), .mesh = MESH_OSM};
}

/* "reviews_shop_svc_9080", maybe with more behind the port; names of Kubernetes have no '_'. */
static dialect_name_t read_kuma_service(slice_t text) {
    slice_t parts[5];
    uint32_t count = cut(text, '_', parts, 5);
    if (count < 4 || !slice_is(parts[2], "svc")) return (dialect_name_t){0};
    slice_t port = forms_part(parts[3], 0, forms_find(parts[3], 0, '-'));
    if (!is_number(port) || parts[0].len == 0 || parts[1].len == 0) return (dialect_name_t){0};
    return (dialect_name_t){.name = parts[0], .namespace_name = parts[1], .mesh = MESH_KUMA};
}

dialect_name_t forms_kuma(slice_t text) {
    slice_t parts[7];
    if (!slice_starts(text, "kri_")) return read_kuma_service(text);
    if (cut(text, '_', parts, 7) < 6) return (dialect_name_t){.mesh = MESH_KUMA};
    return (dialect_name_t){.name = parts[5], .namespace_name = parts[4], .mesh = MESH_KUMA};
}

static bool is_istio(slice_t text) {
    return slice_starts(text, "outbound|");
}

static bool is_consul(slice_t text) {
    return text.len > 7 && memcmp(text.data + text.len - 7, ".consul", 7) == 0;
}

static bool is_app_mesh(slice_t text) {
    return slice_starts(text, "cds_egress_");
}

static bool is_kuma(slice_t text) {
    return forms_kuma(text).mesh != MESH_NONE;
}

static bool is_osm(slice_t text) {
    size_t slash = forms_find(text, 0, '/');
    return slash > 0 && slash < text.len && forms_find(text, slash, '|') < text.len;
}

dialect_name_t forms_envoy_cluster(slice_t text) {
    static const struct {
        bool (*has_shape)(slice_t text);
        dialect_name_t (*read)(slice_t text);
    } shapes[] = {
        {is_istio, read_istio}, {is_consul, read_consul}, {is_app_mesh, read_app_mesh},
        {is_kuma, forms_kuma},  {is_osm, read_osm},
    };
    if (text.len > 0 && text.data[text.len - 1] == ';') text.len--;
    if (own_cluster(text)) return (dialect_name_t){0};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (shapes[i].has_shape(text)) return shapes[i].read(text);
    return forms_find(text, 0, '|') < text.len ? (dialect_name_t){0} : forms_host(text);
}
