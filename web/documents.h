/* documents: what several resources and the event stream show alike. Each function gives a new reference. */
#ifndef SEISMESH_WEB_DOCUMENTS_H
#define SEISMESH_WEB_DOCUMENTS_H

#include "web/request.h"

json_t *document_status(web_t *web, query_t *query);

/* The analyzer's documents, as stored, with the parts that only the store knows: id, a suggestion's decision, what
 * people say of an incident. */
json_t *document_incident(query_t *query, const query_incident_t *incident);
json_t *document_suggestion(const query_suggestion_t *suggestion);
json_t *document_anomaly(const query_t *query, const query_anomaly_t *anomaly);

/* The answers in force that were given to an incident; 0 = all, newest first. */
json_t *document_answers(query_t *query, uint64_t incident);
json_t *document_answer(const query_answer_t *answer);

/* "answered" of an incident's document: why it does not count as trouble, or NULL. What the analyzer says of it comes
 * with the next bucket; until then, what was answered to this very incident. */
const char *document_answered(const json_t *incident, const json_t *answers, bool any_in_force);

/* What explanations are asked of: the id of an incident ("12") or of an anomaly ("a345"). */
bool finding_id(const char *text, uint64_t *id, bool *anomaly);

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
