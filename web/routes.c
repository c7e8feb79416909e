#include "web/routes.h"

#include "analyzer/routing/language.h"

#define START                                                                                                          \
    { "start", PARAMETER_START, NULL }
#define END                                                                                                            \
    { "end", PARAMETER_END, NULL }
#define LIMIT                                                                                                          \
    { "limit", PARAMETER_LIMIT, NULL }
#define CURSOR                                                                                                         \
    { "cursor", PARAMETER_CURSOR, NULL }
#define TEXT(n)                                                                                                        \
    { n, PARAMETER_TEXT, NULL }
#define CANARY_PARAMETERS                                                                                              \
    TEXT("service"), TEXT("baseline"), TEXT("canary"), START, END, TEXT("error_points"), TEXT("latency_factor"),       \
        TEXT("alpha"), TEXT("confidence")

const route_t web_routes[] = {
    {"GET", "/api/v1/status", api_status, {{0}}},
    {"GET", "/api/v1/services", api_services, {START, END, LIMIT, CURSOR, TEXT("search")}},
    {"GET", "/api/v1/services/{id}", api_service, {START, END}},
    {"GET", "/api/v1/graph", api_graph, {START, END, LIMIT}},
    {"GET",
     "/api/v1/series",
     api_series,
     {TEXT("service"),
      TEXT("edge"),
      TEXT("version"),
      TEXT("zone"),
      TEXT("instance"),
      TEXT("operation"),
      START,
      END,
      {"step", PARAMETER_CHOICE, "auto|10|60|3600"}}},
    {"GET", "/api/v1/canary", api_canary, {CANARY_PARAMETERS}},
    {"POST",
     "/api/v1/canary/gate",
     api_canary_gate,
     {CANARY_PARAMETERS, {"open", PARAMETER_CHOICE, "pass|unless_fail|on_fail"}}},
    {"GET", "/api/v1/anomalies", api_anomalies, {START, END, TEXT("service"), LIMIT, CURSOR}},
    {"GET",
     "/api/v1/incidents",
     api_incidents,
     {START, END, {"state", PARAMETER_CHOICE, "all|open|closed"}, LIMIT, CURSOR}},
    {"GET", "/api/v1/incidents/{id}", api_incident, {{0}}},
    {"POST", "/api/v1/incidents/{id}/answer", api_incident_answer, {{0}}},
    {"GET", "/api/v1/why/{id}", api_why, {{0}}},
    {"GET", "/api/v1/answers", api_answers, {{"state", PARAMETER_CHOICE, "in_force|all"}, LIMIT, CURSOR}},
    {"DELETE", "/api/v1/answers/{id}", api_answer_revoke, {{0}}},
    {"GET",
     "/api/v1/suggestions",
     api_suggestions,
     {{"state", PARAMETER_CHOICE, "all|open|accepted|dismissed|expired|seen|verified|refuted"}, LIMIT, CURSOR}},
    {"GET", "/api/v1/suggestions/{id}", api_suggestion, {{"as", PARAMETER_CHOICE, "stored|" ROUTING_LANGUAGES}}},
    {"GET", "/api/v1/suggestions/{id}/dry-run", api_dry_run, {TEXT("minutes"), END}},
    {"GET", "/api/v1/track-record", api_track_record, {{0}}},
    {"POST", "/api/v1/suggestions/{id}/accept", api_suggestion_accept, {{0}}},
    {"POST", "/api/v1/suggestions/{id}/dismiss", api_suggestion_dismiss, {{0}}},
    {"POST", "/api/v1/suggestions/{id}/reopen", api_suggestion_reopen, {{0}}},
    {"GET",
     "/api/v1/traces",
     api_traces,
     {START,
      END,
      TEXT("service"),
      TEXT("operation"),
      {"min_duration", PARAMETER_DURATION, NULL},
      {"max_duration", PARAMETER_DURATION, NULL},
      {"error", PARAMETER_CHOICE, "any|true|false"},
      {"attribute", PARAMETER_ATTRIBUTE, NULL},
      LIMIT,
      CURSOR}},
    {"GET", "/api/v1/traces/{id}", api_trace, {{0}}},
    {"GET", "/api/v1/stream", api_stream, {{0}}},
    {"GET", "/api/v1/openapi.yaml", api_openapi, {{0}}},
    {"GET", "/healthz", health_live, {{0}}},
    {"GET", "/readyz", health_ready, {{0}}},
    {"GET", "/metrics", metrics, {{0}}},
    {NULL, NULL, NULL, {{0}}},
};

bool route_only_asks(const route_t *route) {
    return route->handle == api_canary_gate;
}

static bool matches(const char *pattern, const target_t *target, const char **id) {
    for (uint32_t i = 0; i < target->segment_count; i++) {
        if (*pattern++ != '/') return false;
        size_t len = strcspn(pattern, "/");
        if (pattern[0] == '{') {
            if (target->segments[i][0] == '\0') return false;
            *id = target->segments[i];
        } else if (strncmp(pattern, target->segments[i], len) != 0 || target->segments[i][len] != '\0') {
            return false;
        }
        pattern += len;
    }
    return *pattern == '\0' && target->segment_count > 0;
}

const route_t *route_find(const char *method, const target_t *target, const char **id, const char **allow) {
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    *allow = "";
    for (const route_t *route = web_routes; route->path != NULL; route++) {
        const char *value = NULL;
        if (!matches(route->path, target, &value)) continue;
        *id = value;
        if (strcmp(route->method, wanted) == 0) return route;
        *allow = strcmp(route->method, "GET") == 0 ? "GET, HEAD" : route->method;
    }
    return NULL;
}
