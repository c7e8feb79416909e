/* documents: what several resources and the event stream show alike. Each function gives a new reference. */
#ifndef SEISMESH_WEB_DOCUMENTS_H
#define SEISMESH_WEB_DOCUMENTS_H

#include "web/request.h"

json_t *document_status(web_t *web, query_t *query);

/* The analyzer's documents, as stored, with the parts that only the store knows: id, and a suggestion's decision. */
json_t *document_incident(const query_incident_t *incident);
json_t *document_suggestion(const query_suggestion_t *suggestion);
json_t *document_anomaly(const query_t *query, const query_anomaly_t *anomaly);

/* Newest first. */
json_t *document_newest_incidents(query_t *query, uint32_t limit);
json_t *document_newest_suggestions(query_t *query, uint32_t limit);

/* A list's next cursor, or null. */
json_t *document_next(const query_cursor_t *cursor);

/* Reads the request's cursor; false after answering 400. */
bool request_list_cursor(web_request_t *request, query_cursor_t *cursor);

/* The track record for /metrics. */
void metrics_track_record(const web_context_t *context, buffer_t *out);

#endif
