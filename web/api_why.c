/* /api/v1/why/{id}: the explanation of an incident ("12") or of an anomaly ("a345"), with who is suspected and what
 * people said. The same object is what `seismesh why` prints. */
#include "web/documents.h"
#include "web/routes.h"
#include "web/values.h"

#include <string.h>

bool finding_id(const char *text, uint64_t *id, bool *anomaly) {
    *anomaly = text[0] == 'a';
    return request_number(text + (*anomaly ? 1 : 0), id);
}

typedef struct {
    query_t *query;
    json_t *explanation; /* NULL when an earlier version told it without */
    json_t *incident;
    uint64_t incident_id;
} why_t;

static bool take_incident(void *context, const query_incident_t *incident) {
    why_t *why = context;
    why->incident = document_incident(why->query, incident);
    why->incident_id = incident->id;
    return false;
}

static bool take_anomaly(void *context, const query_anomaly_t *anomaly) {
    why_t *why = context;
    why->explanation = json_loads(anomaly->explanation, 0, NULL);
    why->incident_id = anomaly->incident;
    return false;
}

static err_t load(web_request_t *request, uint64_t id, bool anomaly, why_t *why) {
    if (!anomaly) {
        err_t err = query_incident(request->query, id, take_incident, why);
        why->explanation = json_incref(json_object_get(why->incident, "explanation"));
        return err;
    }
    err_t err = query_anomaly(request->query, id, take_anomaly, why);
    if (err == ERR_OK && why->incident_id != 0) {
        err = query_incident(request->query, why->incident_id, take_incident, why);
        if (err == ERR_NOT_FOUND) err = ERR_OK; /* retention took it first */
    }
    return err;
}

static json_t *member(const json_t *object, const char *name) {
    json_t *value = json_object_get(object, name);
    return value == NULL ? json_null() : json_incref(value);
}

void api_why(web_request_t *request) {
    uint64_t id = 0;
    bool anomaly = false;
    why_t why = {.query = request->query};
    err_t err = finding_id(request->id, &id, &anomaly) ? load(request, id, anomaly, &why) : ERR_NOT_FOUND;
    if (err == ERR_OK && json_is_object(why.explanation)) {
        json_t *document =
            json_pack("{ss,ss,so,so,so,so,so,so}", "id", request->id, "about", anomaly ? "anomaly" : "incident",
                      "incident", value_id(why.incident_id), "state", member(why.incident, "state"), "culprit",
                      member(why.incident, "culprit"), "suspects", member(why.incident, "suspects"), "answered",
                      member(why.incident, "answered"), "answers", member(why.incident, "answers"));
        (void)json_object_update_missing(document, why.explanation);
        answer_json(request, 200, document);
    } else if (err == ERR_OK) {
        answer_error(request, 404, "not_found", NULL,
                     "An earlier version told this, and did not keep what explains it; its sentence is all there is.");
    } else if (err == ERR_NOT_FOUND) {
        answer_error(request, 404, "not_found", NULL,
                     "There is no such incident (as 12) or anomaly (as a345); /api/v1/incidents lists them.");
    } else {
        answer_store_error(request, err);
    }
    json_decref(why.explanation);
    json_decref(why.incident);
}
