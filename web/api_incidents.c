/* /api/v1/incidents and /api/v1/incidents/{id}. */
#include "web/documents.h"
#include "web/routes.h"
#include "web/values.h"

#include <stdio.h>

enum { ANOMALIES_SHOWN = 500, SUGGESTIONS_SHOWN = 50 };

const char *document_answered(const json_t *incident, const json_t *answers, bool any_in_force) {
    const char *said = json_string_value(json_object_get(incident, "answered"));
    size_t index;
    json_t *answer;
    if (said != NULL && any_in_force) return said;
    json_array_foreach(answers, index, answer) {
        if (json_is_null(json_object_get(answer, "culprit")))
            return json_string_value(json_object_get(answer, "answer"));
    }
    return NULL;
}

static bool note_answer(void *context, const query_answer_t *answer) {
    (void)answer;
    *(bool *)context = true;
    return false;
}

static bool any_answer(query_t *query) {
    bool any = false;
    query_answers_t ask = {.in_force = true, .limit = 1};
    (void)query_answers(query, &ask, note_answer, &any);
    return any;
}

/* Of a closed incident it is history; of an open one it is so only while something is in force. */
static void add_answers(query_t *query, const query_incident_t *incident, json_t *document) {
    json_t *answers = document_answers(query, incident->id);
    if (incident->closed_ns == 0) {
        const char *said = document_answered(document, answers, any_answer(query));
        json_object_set_new(document, "answered", said == NULL ? json_null() : json_string(said));
    }
    json_object_set_new(document, "answers", answers);
}

json_t *document_incident(query_t *query, const query_incident_t *incident) {
    json_t *document = json_loads(incident->json, 0, NULL);
    if (!json_is_object(document)) {
        json_decref(document);
        document = json_object();
    }
    /* what documents of earlier versions do not have */
    json_t *later = json_pack("{sn,s[],sn}", "explanation", "deviations", "answered");
    json_object_update_missing(document, later);
    json_decref(later);
    json_object_set_new(document, "id", value_id(incident->id));
    add_answers(query, incident, document);
    return document;
}

typedef struct {
    query_t *query;
    json_t *list;
} incidents_t;

static bool append_incident(void *context, const query_incident_t *incident) {
    incidents_t *incidents = context;
    json_array_append_new(incidents->list, document_incident(incidents->query, incident));
    return true;
}

json_t *document_newest_incidents(query_t *query, uint32_t limit) {
    incidents_t incidents = {query, json_array()};
    query_incidents_t ask = {.start_ns = 0, .end_ns = INT64_MAX, .state = INCIDENTS_ALL, .limit = limit};
    if (query_incidents(query, &ask, append_incident, &incidents) != ERR_OK) (void)json_array_clear(incidents.list);
    return incidents.list;
}

json_t *document_next(const query_cursor_t *cursor) {
    char text[QUERY_CURSOR_TEXT];
    if (!cursor->set) return json_null();
    query_cursor_format(cursor, text);
    return json_string(text);
}

bool request_list_cursor(web_request_t *request, query_cursor_t *cursor) {
    const char *text = request_text(request, "cursor");
    *cursor = (query_cursor_t){0};
    if (text == NULL || query_cursor_parse(text, cursor)) return true;
    answer_error(request, 400, "invalid_parameter", "cursor",
                 "'cursor' must be taken from 'next' of an earlier answer.");
    return false;
}

void api_incidents(web_request_t *request) {
    query_incidents_t ask = {.start_ns = request->start_ns, .end_ns = request->end_ns, .limit = request->limit};
    /* Without a range: all there are, however old. */
    if (request_text(request, "start") == NULL) ask.start_ns = 0;
    if (request_text(request, "end") == NULL) ask.end_ns = INT64_MAX;
    ask.state = request_is(request, "state", "open")     ? INCIDENTS_OPEN
                : request_is(request, "state", "closed") ? INCIDENTS_CLOSED
                                                         : INCIDENTS_ALL;
    if (!request_list_cursor(request, &ask.cursor)) return;
    incidents_t incidents = {request->query, json_array()};
    err_t err = query_incidents(request->query, &ask, append_incident, &incidents);
    if (err == ERR_OK)
        answer_json(request, 200,
                    json_pack("{sO,so}", "incidents", incidents.list, "next", document_next(&ask.cursor)));
    else
        answer_store_error(request, err);
    json_decref(incidents.list);
}

typedef struct {
    query_t *query;
    json_t *document;
} whole_t;

static bool take_incident(void *context, const query_incident_t *incident) {
    whole_t *whole = context;
    whole->document = document_incident(whole->query, incident);
    return false;
}

static bool append_anomaly(void *context, const query_anomaly_t *anomaly) {
    whole_t *whole = context;
    json_array_append_new(json_object_get(whole->document, "anomalies"), document_anomaly(whole->query, anomaly));
    return true;
}

static bool append_suggestion(void *context, const query_suggestion_t *suggestion) {
    whole_t *whole = context;
    json_array_append_new(json_object_get(whole->document, "suggestions"), document_suggestion(suggestion));
    return true;
}

void api_incident(web_request_t *request) {
    uint64_t id;
    whole_t whole = {.query = request->query};
    err_t err =
        request_number(request->id, &id) ? query_incident(request->query, id, take_incident, &whole) : ERR_NOT_FOUND;
    if (err == ERR_OK && whole.document != NULL) {
        json_object_set_new(whole.document, "anomalies", json_array());
        json_object_set_new(whole.document, "suggestions", json_array());
        query_anomalies_t anomalies = {
            .start_ns = 0, .end_ns = INT64_MAX, .service = QUERY_ANY, .incident = id, .limit = ANOMALIES_SHOWN};
        err = query_anomalies(request->query, &anomalies, append_anomaly, &whole);
        query_suggestions_t suggestions = {.incident = id, .limit = SUGGESTIONS_SHOWN};
        if (err == ERR_OK) err = query_suggestions(request->query, &suggestions, append_suggestion, &whole);
    }
    if (err == ERR_OK)
        answer_json(request, 200, json_incref(whole.document));
    else if (err == ERR_NOT_FOUND)
        answer_not_found(request, "incident");
    else
        answer_store_error(request, err);
    json_decref(whole.document);
}

static json_t *subject_document(const query_t *query, const entity_key_t *key) {
    static const entity_key_t unknown = {.kind = ENTITY_SERVICE};
    if (key == NULL) key = &unknown;
    return json_pack("{ss,so,so,so,so,so,so}", "kind", entity_kind_names[key->kind], "service",
                     value_name(query_name(query, key->service)), "caller", value_name(query_name(query, key->caller)),
                     "version", value_name(query_name(query, key->version)), "instance",
                     value_name(query_name(query, key->instance)), "operation",
                     value_name(query_name(query, key->operation)), "zone", value_name(query_name(query, key->zone)));
}

json_t *document_anomaly(const query_t *query, const query_anomaly_t *anomaly) {
    char id[24];
    (void)snprintf(id, sizeof id, "a%llu", (unsigned long long)anomaly->id);
    json_t *explanation = json_loads(anomaly->explanation, 0, NULL);
    if (!json_is_object(explanation)) {
        json_decref(explanation);
        explanation = json_null();
    }
    const char *sentence = json_string_value(json_object_get(explanation, "sentence"));
    return json_pack("{ss,so,so,so,so,so,so,so,so,so,so,so}", "id", id, "sentence",
                     value_name(sentence == NULL ? "" : sentence), "explanation", explanation, "time_ms",
                     value_ms(anomaly->time_ns), "subject", subject_document(query, anomaly->key), "signal",
                     value_text(slice_text(anomaly->signal)), "score", value_number(anomaly->score), "observed",
                     value_number(anomaly->observed), "expected", value_number(anomaly->expected), "low",
                     value_number(anomaly->low), "high", value_number(anomaly->high), "incident",
                     value_id(anomaly->incident));
}
