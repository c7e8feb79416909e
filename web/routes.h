/* routes: every resource of the API, as a table: method, path, parameters with their types, handler. What is not in the
 * table is answered from it too (404, 405 with Allow, unknown parameters), and web/openapi.yaml is tested against it.
 */
#ifndef SEISMESH_WEB_ROUTES_H
#define SEISMESH_WEB_ROUTES_H

#include "web/request.h"

extern const route_t web_routes[]; /* ended by a NULL path */

/* The route of a target. NULL: no such path (*allow is ""), or not with this method (*allow lists those that work).
 * `id` gets the value of {id}, if the path has one. HEAD goes where GET goes. */
const route_t *route_find(const char *method, const target_t *target, const char **id, const char **allow);

/* Whether a POST to it changes nothing. Rollout controllers' webhooks can only POST, and cannot send our header. */
bool route_only_asks(const route_t *route);

/* One per resource; api_*.c, health.c, metrics.c, stream.c. */
void api_status(web_request_t *request);
void api_services(web_request_t *request);
void api_service(web_request_t *request);
void api_graph(web_request_t *request);
void api_series(web_request_t *request);
void api_canary(web_request_t *request);
void api_canary_gate(web_request_t *request);
void api_anomalies(web_request_t *request);
void api_incidents(web_request_t *request);
void api_incident(web_request_t *request);
void api_incident_answer(web_request_t *request);
void api_why(web_request_t *request);
void api_answers(web_request_t *request);
void api_answer_revoke(web_request_t *request);
void api_suggestions(web_request_t *request);
void api_suggestion(web_request_t *request);
void api_suggestion_accept(web_request_t *request);
void api_suggestion_dismiss(web_request_t *request);
void api_suggestion_reopen(web_request_t *request);
void api_dry_run(web_request_t *request);
void api_track_record(web_request_t *request);
void api_traces(web_request_t *request);
void api_trace(web_request_t *request);
void api_stream(web_request_t *request);
void api_openapi(web_request_t *request);
void health_live(web_request_t *request);
void health_ready(web_request_t *request);
void metrics(web_request_t *request);

#endif
