/* traefik: Traefik Proxy 3, and Traefik Mesh, which is one Traefik 2 per node. The same names as OTLP and scraped. An
 * entry point counts what the proxy served, a service what it sent on; routers repeat that, but alone tell the name of
 * a weighted service, which is a choice between others (calls_sent). Nobody tells who called the proxy, and no other
 * proxy speaks for the services behind it. Services are named namespace-name-port@provider, of parts that hold a '-'
 * themselves (split_t). Under its own scope Traefik also sends the semantic conventions' metrics,
 * which repeat all of that with the addresses of pods, as do the spans of what it sends on.
 * Sources: traefik/traefik pkg/observability/metrics, pkg/middlewares/observability, accesslog/logdata.go. */
#include "collector/dialect/tables.h"

static const dialect_attribute_t span[] = {
    {"traefik.service.name", ROLE_EVIDENCE, FORM_TEXT, 9, MESH_TRAEFIK},
    {"traefik.router.name", ROLE_EVIDENCE, FORM_TEXT, 8, MESH_TRAEFIK},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

static const dialect_attribute_t label[] = {
    {"service", ROLE_CALLEE, FORM_TRAEFIK_SERVICE, 9, MESH_NONE},
    {"code", ROLE_HTTP_STATUS, FORM_TEXT, 9, MESH_NONE},
    {"method", ROLE_METHOD, FORM_TEXT, 9, MESH_NONE},
    {"protocol", ROLE_PROTOCOL, FORM_TEXT, 9, MESH_NONE},
    {"pod", ROLE_INSTANCE, FORM_TEXT, 9, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

static const dialect_attribute_t access_log[] = {
    {"ServiceName", ROLE_CALLEE, FORM_TRAEFIK_SERVICE, 9, MESH_TRAEFIK},
    {"RouterName", ROLE_EVIDENCE, FORM_TEXT, 9, MESH_TRAEFIK},
    {"DownstreamStatus", ROLE_HTTP_STATUS, FORM_TEXT, 9, MESH_NONE},
    {"OriginStatus", ROLE_HTTP_STATUS, FORM_TEXT, 5, MESH_NONE},
    {"Duration", ROLE_DURATION_NS, FORM_TEXT, 9, MESH_NONE},
    {"RequestMethod", ROLE_METHOD, FORM_TEXT, 9, MESH_NONE},
    {"RequestProtocol", ROLE_PROTOCOL, FORM_TEXT, 9, MESH_NONE},
    {"RequestContentSize", ROLE_REQUEST_BYTES, FORM_TEXT, 9, MESH_NONE},
    {"DownstreamContentSize", ROLE_RESPONSE_BYTES, FORM_TEXT, 9, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

#define SENT(signal)  signal, 0, OBSERVER_PROXY_CLIENT, ENTITY_SERVICE, NULL, ROLE_CALLEE, ROLE_REPORTER, "before"
#define TAKEN(signal) signal, 0, OBSERVER_PROXY_SERVER, ENTITY_SERVICE, NULL, ROLE_NONE, ROLE_REPORTER, "server"
#define OWN(name)     SIGNAL_GAUGE, 0, OBSERVER_PROXY_STATS, ENTITY_SERVICE, name, ROLE_NONE, ROLE_NONE, NULL
#define IGNORED       SIGNAL_IGNORED, 0, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_NONE, ROLE_NONE, NULL

static const dialect_metric_t metrics[] = {
    {"traefik_service_requests_total", SENT(SIGNAL_REQUESTS)},
    {"traefik_service_request_duration_seconds", SENT(SIGNAL_LATENCY)},
    {"traefik_service_retries_total", SENT(SIGNAL_RETRIES)},
    {"traefik_service_requests_bytes_total", SENT(SIGNAL_REQUEST_BYTES)},
    {"traefik_service_responses_bytes_total", SENT(SIGNAL_RESPONSE_BYTES)},
    {"traefik_service_server_up", IGNORED},
    {"traefik_service_requests_tls_total", IGNORED},
    {"traefik_service_open_connections", IGNORED},
    {"traefik_entrypoint_requests_total", TAKEN(SIGNAL_REQUESTS)},
    {"traefik_entrypoint_request_duration_seconds", TAKEN(SIGNAL_LATENCY)},
    {"traefik_entrypoint_requests_bytes_total", TAKEN(SIGNAL_REQUEST_BYTES)},
    {"traefik_entrypoint_responses_bytes_total", TAKEN(SIGNAL_RESPONSE_BYTES)},
    {"traefik_entrypoint_requests_tls_total", IGNORED},
    {"traefik_router_requests_total", SIGNAL_ROUTES, 0, OBSERVER_PROXY_CLIENT, ENTITY_SERVICE, NULL, ROLE_CALLEE,
     ROLE_REPORTER, "server"},
    {"traefik_router_request_duration_seconds", IGNORED},
    {"traefik_router_requests_tls_total", IGNORED},
    {"traefik_router_requests_bytes_total", IGNORED},
    {"traefik_router_responses_bytes_total", IGNORED},
    {"traefik_open_connections", OWN("connections")},
    {NULL, IGNORED},
};

static const dialect_metric_t scoped[] = {
    {"http.server.request.duration", IGNORED},
    {"http.client.request.duration", IGNORED},
    {NULL, IGNORED},
};

const dialect_t dialect_traefik = {.name = "traefik",
                                   .mesh = MESH_TRAEFIK,
                                   .strip = "traefik_",
                                   .scope = "github.com/traefik/traefik",
                                   .scoped = scoped,
                                   .addressed = true,
                                   .span = span,
                                   .label = label,
                                   .log = access_log,
                                   .metrics = metrics};
