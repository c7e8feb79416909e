/* How names, statuses and sides are written by proxies and SDKs. Sources: Envoy's access-log response flags
 * (StreamInfo), Istio's cluster naming (BuildSubsetKey), gRPC's status codes, OpenTelemetry's span status rules. */
#include "collector/dialect/forms.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

/* Position of a byte at or after `from`; text.len when it is not there. */
size_t forms_find(slice_t text, size_t from, char byte) {
    if (from >= text.len) return text.len;
    const uint8_t *at = memchr(text.data + from, byte, text.len - from);
    return at == NULL ? text.len : (size_t)(at - text.data);
}

bool forms_one_of(slice_t text, const char *const *words) {
    for (; *words != NULL; words++)
        if (slice_is(text, *words)) return true;
    return false;
}

bool forms_starts_one_of(slice_t text, const char *const *prefixes) {
    for (; *prefixes != NULL; prefixes++)
        if (slice_starts(text, *prefixes)) return true;
    return false;
}

/* Names that stand for "not known" or for no service at all. "Kubernetes" is Istio's name for the only cluster;
 * "linkerd-proxy" is what all of Linkerd's proxies call themselves. */
bool forms_tells_nothing(slice_t text) {
    static const char *const words[] = {
        "-", "unknown", "latest", "Kubernetes", "BlackHoleCluster", "PassthroughCluster", "linkerd-proxy", NULL};
    static const char *const prefixes[] = {"unknown_service", "InboundPassthroughCluster", NULL};
    return forms_one_of(text, words) || forms_starts_one_of(text, prefixes);
}

/* "host:port" without the port; "[::1]:80" without brackets and port; several colons are an address of IPv6. */
static slice_t without_port(slice_t text) {
    if (text.len > 0 && text.data[0] == '[') return forms_part(text, 1, forms_find(text, 1, ']'));
    size_t colon = forms_find(text, 0, ':');
    if (forms_find(text, colon + 1, ':') < text.len) return text;
    return forms_part(text, 0, colon);
}

/* The third label of a Kubernetes name says so: "reviews.shop.svc" with or without a domain behind. All other dotted
 * names are hosts outside, taken whole. */
dialect_name_t forms_host(slice_t text) {
    text = without_port(text);
    if (forms_tells_nothing(text)) return (dialect_name_t){0};
    size_t first = forms_find(text, 0, '.');
    size_t second = forms_find(text, first + 1, '.');
    slice_t third =
        second < text.len ? forms_part(text, second + 1, forms_find(text, second + 1, '.')) : slice_of(NULL, 0);
    if (first > 0 && second > first + 1 && slice_is(third, "svc"))
        return (dialect_name_t){.name = forms_part(text, 0, first),
                                .namespace_name = forms_part(text, first + 1, second)};
    return (dialect_name_t){.name = text};
}

/* The same parts, each but the last ended by "_." ("outbound_.9080_.v2_.reviews.shop.svc.cluster.local"). */
static dialect_name_t read_istio_sni(slice_t text) {
    if (!slice_starts(text, "outbound_.")) return forms_host(text);
    slice_t parts[2];
    size_t at = strlen("outbound_.");
    for (int i = 0; i < 2; i++) {
        size_t end = at;
        while (end + 1 < text.len && !(text.data[end] == '_' && text.data[end + 1] == '.')) end++;
        if (end + 2 > text.len) return (dialect_name_t){0};
        parts[i] = forms_part(text, at, end);
        at = end + 2;
    }
    dialect_name_t name = forms_host(forms_part(text, at, text.len));
    name.version = parts[1];
    return name;
}

/* "name.namespace"; a name may hold dots itself, a namespace cannot. */
static dialect_name_t read_name_namespace(slice_t text) {
    if (forms_tells_nothing(text)) return (dialect_name_t){0};
    size_t dot = text.len;
    for (size_t i = text.len; i > 0 && dot == text.len; i--)
        if (text.data[i - 1] == '.') dot = i - 1;
    if (dot == text.len || dot == 0 || dot + 1 == text.len) return (dialect_name_t){.name = text};
    return (dialect_name_t){.name = forms_part(text, 0, dot), .namespace_name = forms_part(text, dot + 1, text.len)};
}

/* "type~ip~pod.namespace~domain" */
static dialect_name_t read_istio_node(slice_t text) {
    size_t ip = forms_find(text, 0, '~');
    size_t pod = forms_find(text, ip + 1, '~');
    size_t domain = forms_find(text, pod + 1, '~');
    if (domain == text.len) return (dialect_name_t){0};
    return read_name_namespace(forms_part(text, pod + 1, domain));
}

/* "reviews.shop.serviceaccount.identity.linkerd.cluster.local". Whoever has no account of their own shares "default".
 */
static dialect_name_t read_linkerd_identity(slice_t text) {
    size_t first = forms_find(text, 0, '.'), second = forms_find(text, first + 1, '.');
    if (second >= text.len || !slice_starts(forms_part(text, second + 1, text.len), "serviceaccount."))
        return (dialect_name_t){0};
    slice_t name = forms_part(text, 0, first);
    if (slice_is(name, "default")) return (dialect_name_t){0};
    return (dialect_name_t){.name = name, .namespace_name = forms_part(text, first + 1, second)};
}

/* Traefik's names end in the provider that told of them. */
static dialect_name_t read_traefik_service(slice_t text) {
    slice_t name = forms_part(text, 0, forms_find(text, 0, '@'));
    return (dialect_name_t){.name = name, .split = SPLIT_NAMESPACE_FIRST};
}

/* "dns:///reviews.shop.svc:9080", "xds:///reviews:9080": gRPC's targets, scheme and authority first. */
static dialect_name_t read_target(slice_t text) {
    size_t slash = text.len;
    while (slash > 0 && text.data[slash - 1] != '/') slash--;
    return forms_host(forms_part(text, slash, text.len));
}

static dialect_name_t read_own(slice_t text) {
    if (slice_is(text, "default")) return (dialect_name_t){.none = true};
    return forms_tells_nothing(text) ? (dialect_name_t){0} : (dialect_name_t){.name = text};
}

static dialect_name_t read_service(slice_t text) {
    dialect_name_t name = forms_kuma(text);
    if (name.mesh != MESH_NONE) return name;
    return forms_tells_nothing(text) ? (dialect_name_t){0} : (dialect_name_t){.name = text};
}

dialect_name_t dialect_read(form_t form, slice_t text) {
    if (text.len == 0) return (dialect_name_t){0};
    switch (form) {
    case FORM_HOST:
        return forms_host(text);
    case FORM_ISTIO_CLUSTER:
        return forms_envoy_cluster(text);
    case FORM_ISTIO_SNI:
        return read_istio_sni(text);
    case FORM_ISTIO_NODE:
        return read_istio_node(text);
    case FORM_NAME_NAMESPACE:
        return read_name_namespace(text);
    case FORM_SERVICE:
        return read_service(text);
    case FORM_TARGET:
        return read_target(text);
    case FORM_OWN:
        return read_own(text);
    case FORM_LINKERD_IDENTITY:
        return read_linkerd_identity(text);
    case FORM_TRAEFIK_SERVICE:
        return read_traefik_service(text);
    case FORM_APP_MESH_NODE:
        return (dialect_name_t){.name = text, .split = SPLIT_NAMESPACE_LAST};
    case FORM_KNOWN:
        return forms_tells_nothing(text) ? (dialect_name_t){0} : (dialect_name_t){.name = text};
    default:
        return (dialect_name_t){.name = text};
    }
}

failure_t dialect_http_failure(uint64_t status) {
    switch (status) {
    case 0:
        return FAILURE_CONNECTION; /* Envoy: no answer at all */
    case 401:
    case 403:
        return FAILURE_DENIED;
    case 408:
    case 504:
        return FAILURE_TIMEOUT;
    case 429:
        return FAILURE_RATE;
    default:
        break;
    }
    if (status >= 500) return FAILURE_SERVER;
    return status >= 400 ? FAILURE_CLIENT : FAILURE_NONE;
}

/* OpenTelemetry calls {2, 4, 12, 13, 14, 15} failures of the server. UNAVAILABLE is what gRPC libraries say when they
 * cannot connect, so it counts as a failure of the connection. */
failure_t dialect_grpc_failure(uint64_t status) {
    static const uint8_t classes[17] = {
        FAILURE_NONE,   FAILURE_CLIENT, FAILURE_SERVER,     FAILURE_CLIENT, FAILURE_TIMEOUT, FAILURE_CLIENT,
        FAILURE_CLIENT, FAILURE_DENIED, FAILURE_RATE,       FAILURE_CLIENT, FAILURE_CLIENT,  FAILURE_CLIENT,
        FAILURE_SERVER, FAILURE_SERVER, FAILURE_CONNECTION, FAILURE_SERVER, FAILURE_DENIED,
    };
    return status < 17 ? (failure_t)classes[status] : FAILURE_SERVER;
}

/* What it says is the library's own word: an exception's name, an errno, or a word of the conventions ("timeout"). */
failure_t dialect_error_failure(slice_t error_type) {
    static const struct {
        const char *part;
        failure_t failure;
    } parts[] = {
        {"imeout", FAILURE_TIMEOUT},        {"TIMEDOUT", FAILURE_TIMEOUT},       {"eadline", FAILURE_TIMEOUT},
        {"onnect", FAILURE_CONNECTION},     {"CONNREFUSED", FAILURE_CONNECTION}, {"CONNRESET", FAILURE_CONNECTION},
        {"nknownHost", FAILURE_CONNECTION},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t len = strlen(parts[i].part);
        for (size_t at = 0; at + len <= error_type.len; at++)
            if (memcmp(error_type.data + at, parts[i].part, len) == 0) return parts[i].failure;
    }
    return FAILURE_SERVER;
}

failure_t dialect_class_failure(slice_t status_class) {
    if (status_class.len == 0) return FAILURE_NONE;
    if (status_class.data[0] == '5') return FAILURE_SERVER;
    return status_class.data[0] == '4' ? FAILURE_CLIENT : FAILURE_NONE;
}

/* Flags of Envoy, then those of Istio's ztunnel. URX and FI are left out: the status code says more. */
static failure_t flag_failure(slice_t flag) {
    static const struct {
        const char *flag;
        failure_t failure;
    } flags[] = {
        {"UH", FAILURE_CONNECTION},
        {"UF", FAILURE_CONNECTION},
        {"UC", FAILURE_CONNECTION},
        {"UR", FAILURE_CONNECTION},
        {"LR", FAILURE_CONNECTION},
        {"LH", FAILURE_CONNECTION},
        {"NR", FAILURE_CONNECTION},
        {"NC", FAILURE_CONNECTION},
        {"NFCF", FAILURE_CONNECTION},
        {"UPE", FAILURE_CONNECTION},
        {"DF", FAILURE_CONNECTION},
        {"UT", FAILURE_TIMEOUT},
        {"DT", FAILURE_TIMEOUT},
        {"SI", FAILURE_TIMEOUT},
        {"UMSDR", FAILURE_TIMEOUT},
        {"UO", FAILURE_RATE},
        {"RL", FAILURE_RATE},
        {"OM", FAILURE_RATE},
        {"DO", FAILURE_RATE},
        {"RLSE", FAILURE_SERVER},
        {"UAEX", FAILURE_DENIED},
        {"DC", FAILURE_CLIENT},
        {"DPE", FAILURE_CLIENT},
        {"IH", FAILURE_CLIENT},
        {"DR", FAILURE_CLIENT},
        {"DENY", FAILURE_DENIED},
        {"NETWORK_POLICY", FAILURE_DENIED},
        {"IDENTITY_ERROR", FAILURE_DENIED},
        {"CERT_REVOKED", FAILURE_DENIED},
        {"CONNECT", FAILURE_CONNECTION},
        {"TLS_FAILURE", FAILURE_CONNECTION},
        {"H2_HANDSHAKE_FAILURE", FAILURE_CONNECTION},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (slice_is(flag, flags[i].flag)) return flags[i].failure;
    return FAILURE_NONE;
}

failure_t dialect_flags_failure(slice_t flags) {
    for (size_t at = 0; at < flags.len;) {
        size_t comma = forms_find(flags, at, ',');
        failure_t failure = flag_failure(forms_part(flags, at, comma));
        if (failure != FAILURE_NONE) return failure;
        at = comma + 1;
    }
    return FAILURE_NONE;
}

bool dialect_grpc_number(slice_t text, uint64_t *status) {
    static const char *const names[17] = {
        "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED",
    };
    if (text.len == 0) return false;
    for (uint64_t i = 0; i < 17; i++)
        if (slice_is(text, names[i])) {
            *status = i;
            return true;
        }
    if (text.len > 4) return false;
    *status = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!isdigit(text.data[i])) return false;
        *status = *status * 10 + (uint64_t)(text.data[i] - '0');
    }
    return true;
}

bool dialect_error(slice_t text) {
    static const char *const fine[] = {"false",          "False", "0",  "unset", "Unset",
                                       "UNSET",          "ok",    "Ok", "OK",    "STATUS_CODE_UNSET",
                                       "STATUS_CODE_OK", NULL};
    return text.len > 0 && !forms_one_of(text, fine);
}

/* Envoy's listeners begin with a side as well ("inbound_0.0.0.0_9080", "egress_http"), and so do Istio's clusters; or
 * they are named after what listens (Consul's public_listener and upstreams, Kuma's localhost and services). The name
 * of a cluster tells it too: where it names somebody, a caller speaks. */
side_t dialect_side(slice_t text) {
    static const struct {
        const char *prefix;
        side_t side;
    } sides[] = {
        {"source", SIDE_CALLER},
        {"destination", SIDE_CALLEE},
        {"waypoint", SIDE_BETWEEN},
        {"before", SIDE_BEFORE},
        {"client", SIDE_CALLER},
        {"server", SIDE_CALLEE},
        {"outbound", SIDE_CALLER},
        {"inbound", SIDE_CALLEE},
        {"egress", SIDE_CALLER},
        {"ingress", SIDE_CALLEE},
        {"public_listener", SIDE_CALLEE},
        {"local_app", SIDE_CALLEE},
        {"cds_ingress_", SIDE_CALLEE},
        {"localhost_", SIDE_CALLEE},
        {"self_inbound", SIDE_CALLEE},
        {"upstream", SIDE_CALLER},
        {"kri_", SIDE_CALLER},
        {"admin", SIDE_INSIDE},
        {"stats", SIDE_INSIDE},
        {"agent", SIDE_INSIDE},
        {"SPAN_KIND_CLIENT", SIDE_CALLER},
        {"SPAN_KIND_SERVER", SIDE_CALLEE},
        {"SPAN_KIND_PRODUCER", SIDE_CALLER},
        {"SPAN_KIND_CONSUMER", SIDE_CALLEE},
        {"SPAN_KIND_INTERNAL", SIDE_INSIDE},
    };
    if (text.len == 0) return SIDE_UNTOLD;
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++)
        if (slice_starts(text, sides[i].prefix)) return sides[i].side;
    dialect_name_t cluster = forms_envoy_cluster(text);
    if (cluster.mesh == MESH_NONE) return SIDE_UNTOLD;
    return cluster.name.len > 0 ? SIDE_CALLER : SIDE_CALLEE;
}

/* Istio's clusters begin with their side, others' are the callers' where they name somebody; services in Traefik's
 * spelling are what it sends to. */
bool dialect_is_address(slice_t host) {
    bool six = forms_find(host, 0, ':') < host.len;
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.data[i];
        bool part = (c >= '0' && c <= '9') || c == '.' || (six && (c == ':' || isxdigit(c)));
        if (!part) return false;
    }
    return host.len > 0;
}

slice_t dialect_form_side(form_t form, slice_t text) {
    if (form == FORM_TRAEFIK_SERVICE) return slice_text("before");
    return form == FORM_ISTIO_CLUSTER ? text : slice_of(NULL, 0);
}

static bool ends(slice_t text, const char *suffix) {
    size_t len = strlen(suffix);
    return text.len >= len && memcmp(text.data + text.len - len, suffix, len) == 0;
}

double dialect_scale(const dialect_metric_t *metric, slice_t name, slice_t unit) {
    static const struct {
        const char *unit, *suffix;
        double scale;
    } scales[] = {
        {"s", "_seconds", 1},          {"ms", "_milliseconds", 1e-3},
        {"us", "_microseconds", 1e-6}, {"ns", "_nanoseconds", 1e-9},
        {"ms", "_ms", 1e-3},           {"min", "_minutes", 60},
        {"%", "_percent", 0.01},       {"KiBy", "_kibibytes", 1024},
        {"kBy", "_kilobytes", 1000},   {"MiBy", "_mebibytes", 1048576},
    };
    if (metric->scale != 0) return metric->scale;
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++)
        if (slice_is(unit, scales[i].unit)) return scales[i].scale;
    if (unit.len > 0) return 1;
    if (ends(name, "_total")) name.len -= strlen("_total");
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++)
        if (ends(name, scales[i].suffix)) return scales[i].scale;
    return 1;
}
