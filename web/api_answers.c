/* /api/v1/answers, and what people say of an incident or anomaly: POST /api/v1/incidents/{id}/answer. Each answer,
 * given, taken back or refused, is a line in the log. */
#include "web/documents.h"
#include "web/internal.h"
#include "web/routes.h"
#include "web/values.h"

#include "analyzer/answers.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOTE_BYTES_MAX = 2000, WHO_BYTES_MAX = 200, LOG_TEXT_BYTES = 400 };

static const int64_t mute_ns = INT64_C(2) * 3600 * NS_PER_S; /* unless said otherwise */

json_t *document_answer(const query_answer_t *answer) {
    json_t *document = json_loads(answer->json, 0, NULL);
    if (!json_is_object(document)) {
        json_decref(document);
        document = json_object();
    }
    json_object_set_new(document, "id", value_id(answer->id));
    json_object_set_new(document, "incident", value_id(answer->incident));
    json_object_set_new(document, "given_ms", value_ms(answer->given_ns));
    json_object_set_new(document, "since_ms", value_ms(answer->since_ns));
    json_object_set_new(document, "until_ms", answer->until_ns == INT64_MAX ? json_null() : value_ms(answer->until_ns));
    json_object_set_new(document, "revoked_ms", answer->revoked_ns == 0 ? json_null() : value_ms(answer->revoked_ns));
    json_object_set_new(document, "in_force", json_boolean(answer->in_force));
    return document;
}

static bool append_answer(void *context, const query_answer_t *answer) {
    json_array_append_new(context, document_answer(answer));
    return true;
}

json_t *document_answers(query_t *query, uint64_t incident) {
    json_t *list = json_array();
    query_answers_t ask = {.incident = incident, .in_force = true, .limit = ANSWERS_MAX};
    if (query_answers(query, &ask, append_answer, list) != ERR_OK) (void)json_array_clear(list);
    return list;
}

void api_answers(web_request_t *request) {
    query_answers_t ask = {.in_force = request_is(request, "state", "in_force"), .limit = request->limit};
    if (!request_list_cursor(request, &ask.cursor)) return;
    json_t *list = json_array();
    err_t err = query_answers(request->query, &ask, append_answer, list);
    if (err == ERR_OK)
        answer_json(request, 200, json_pack("{sO,so}", "answers", list, "next", document_next(&ask.cursor)));
    else
        answer_store_error(request, err);
    json_decref(list);
}

/* --- given --- */

typedef struct {
    answer_kind_t kind;
    int64_t until_ns;
    uint64_t incident;
    json_t *document; /* what is stored */
} given_t;

/* A text of the body, or NULL when there is none; false after answering 400. */
static bool body_text(web_request_t *request, const json_t *body, const char *name, size_t max, const char **text) {
    const json_t *value = json_object_get(body, name);
    *text = NULL;
    if (value == NULL || json_is_null(value)) return true;
    if (json_is_string(value) && json_string_length(value) <= max) {
        *text = json_string_value(value);
        return true;
    }
    answer_error(request, 400, "invalid_body", name, "'%s' must be a text of at most %zu bytes.", name, max);
    return false;
}

static bool known_members(web_request_t *request, const json_t *body) {
    static const char *const names[] = {"answer", "until", "note", "who", "culprit"};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)body, key, value) {
        bool known = false;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) known |= strcmp(key, names[i]) == 0;
        if (known) continue;
        answer_error(request, 400, "invalid_body", NULL,
                     "The body may have the members answer, until, note, who and culprit, and no other.");
        return false;
    }
    return true;
}

/* "2h" from now on, or a moment of event time. */
static bool read_until(web_request_t *request, const char *text, given_t *given) {
    query_status_t status;
    int64_t length_ns;
    if (query_status(request->query, &status) != ERR_OK || status.event_ns == INT64_MIN) status.event_ns = 0;
    given->until_ns = given->kind == ANSWER_MUTE ? status.event_ns + mute_ns : INT64_MAX;
    if (text == NULL) return true;
    if (duration_parse(text, &length_ns) && length_ns > 0)
        given->until_ns = status.event_ns + length_ns;
    else if (!moment_parse(text, status.event_ns, &given->until_ns) || given->until_ns <= status.event_ns) {
        answer_error(request, 400, "invalid_body", "until",
                     "'until' must be a length such as 2h, or a moment after the newest event, in RFC 3339.");
        return false;
    }
    return true;
}

static bool read_body(web_request_t *request, const json_t *body, given_t *given) {
    const char *answer, *until, *note, *who, *culprit;
    if (!json_is_object(body)) {
        answer_error(request, 400, "invalid_body", NULL, "The body must be JSON such as {\"answer\":\"expected\"}.");
        return false;
    }
    if (!known_members(request, body) || !body_text(request, body, "answer", 20, &answer) ||
        !body_text(request, body, "until", 64, &until) || !body_text(request, body, "note", NOTE_BYTES_MAX, &note) ||
        !body_text(request, body, "who", WHO_BYTES_MAX, &who) ||
        !body_text(request, body, "culprit", NAME_BYTES_MAX, &culprit))
        return false;
    given->kind = answer_kind(answer);
    if (given->kind == ANSWER_NONE || (culprit != NULL && given->kind != ANSWER_WRONG)) {
        answer_error(request, 400, "invalid_body", "answer",
                     "'answer' must be expected, wrong or mute; a culprit can be wrong only.");
        return false;
    }
    if (!read_until(request, until, given)) return false;
    given->document = json_pack("{ss,so,so,so}", "answer", answer_names[given->kind], "culprit",
                                value_name(culprit == NULL ? "" : culprit), "note",
                                value_name(note == NULL ? "" : note), "who", value_name(who == NULL ? "" : who));
    return true;
}

static bool take_incident(void *context, const query_incident_t *incident) {
    given_t *given = context;
    json_t *document = json_loads(incident->json, 0, NULL);
    given->incident = incident->id;
    json_t *targets = json_object_get(document, "deviations");
    if (json_is_array(targets)) (void)json_object_set(given->document, "targets", targets);
    json_decref(document);
    return false;
}

static bool take_anomaly(void *context, const query_anomaly_t *anomaly) {
    given_t *given = context;
    json_t *document = json_loads(anomaly->explanation, 0, NULL);
    given->incident = anomaly->incident;
    const json_t *expected = json_object_get(document, "expected");
    json_t *target = json_pack("{sO?,sO?,sO?,sO?,sO?,sO?}", "service",
                               json_object_get(json_object_get(document, "subject"), "service"), "signal",
                               json_object_get(document, "signal"), "unit", json_object_get(document, "unit"), "seen",
                               json_object_get(document, "seen"), "low", json_object_get(expected, "low"), "high",
                               json_object_get(expected, "high"));
    if (document != NULL)
        (void)json_object_set_new(given->document, "targets", json_pack("[o]", target));
    else
        json_decref(target);
    json_decref(document);
    return false;
}

/* What the answer is about, as it was last told. */
static err_t read_targets(web_request_t *request, given_t *given) {
    uint64_t id;
    bool anomaly;
    if (!finding_id(request->id, &id, &anomaly)) return ERR_NOT_FOUND;
    return anomaly ? query_anomaly(request->query, id, take_anomaly, given)
                   : query_incident(request->query, id, take_incident, given);
}

static void log_answer(const web_request_t *request, const json_t *document, uint64_t id) {
    char about[64], who[LOG_TEXT_BYTES], note[LOG_TEXT_BYTES];
    const char *by = json_string_value(json_object_get(document, "who"));
    const char *why = json_string_value(json_object_get(document, "note"));
    log_info("answer %llu: %s is %s, says %s: %s", (unsigned long long)id,
             log_quote(about, sizeof about, slice_text(request->id)),
             json_string_value(json_object_get(document, "answer")),
             by == NULL ? "somebody" : log_quote(who, sizeof who, slice_text(by)),
             why == NULL ? "no reason given" : log_quote(note, sizeof note, slice_text(why)));
}

static bool take_answer(void *context, const query_answer_t *answer) {
    *(json_t **)context = document_answer(answer);
    return false;
}

/* The answer as it is now; the transaction of this request began before the change. */
static void answer_with(web_request_t *request, uint64_t id) {
    json_t *document = NULL;
    query_answers_t ask = {.id = id, .limit = 1};
    query_end(request->query);
    err_t err = query_begin(request->query);
    if (err == ERR_OK) err = query_answers(request->query, &ask, take_answer, &document);
    if (err != ERR_OK)
        answer_store_error(request, err);
    else if (document == NULL)
        answer_not_found(request, "answer");
    else
        answer_json(request, 200, document);
    web_notify(request->web);
}

static void give(web_request_t *request, given_t *given) {
    const web_answers_t *answers = &request->context->answers;
    uint64_t id = 0;
    err_t err = read_targets(request, given);
    if (err == ERR_OK && json_object_get(given->document, "targets") == NULL) {
        answer_error(request, 409, "not_answerable", NULL,
                     "An earlier version told this, and did not keep what an answer needs.");
        return;
    }
    char *json = json_dumps(given->document, JSON_COMPACT);
    if (err == ERR_OK)
        err = answers->give == NULL || json == NULL
                  ? ERR_CLOSED
                  : answers->give(answers->context, given->incident, given->until_ns, json, &id);
    free(json);
    if (err == ERR_OK) {
        log_answer(request, given->document, id);
        answer_with(request, id);
    } else if (err == ERR_NOT_FOUND) {
        answer_not_found(request, "incident");
    } else if (err == ERR_FULL) {
        answer_error(request, 409, "too_many_answers", NULL,
                     "%d answers are in force, as many as may be: revoke some that are no longer needed.", ANSWERS_MAX);
    } else {
        answer_store_error(request, err);
    }
}

void api_incident_answer(web_request_t *request) {
    given_t given = {0};
    char about[64];
    json_t *body = json_loadb((const char *)request->body.data, request->body.len, JSON_REJECT_DUPLICATES, NULL);
    if (read_body(request, body, &given)) give(request, &given);
    if (request->answer.status != 200)
        log_warn("an answer to %s was refused (HTTP %u)", log_quote(about, sizeof about, slice_text(request->id)),
                 request->answer.status);
    json_decref(given.document);
    json_decref(body);
}

void api_answer_revoke(web_request_t *request) {
    const web_answers_t *answers = &request->context->answers;
    uint64_t id;
    err_t err = !request_number(request->id, &id) ? ERR_NOT_FOUND
                : answers->revoke == NULL         ? ERR_CLOSED
                                                  : answers->revoke(answers->context, id);
    if (err == ERR_OK) {
        log_info("answer %llu was taken back", (unsigned long long)id);
        answer_with(request, id);
    } else if (err == ERR_NOT_FOUND) {
        answer_not_found(request, "answer");
    } else if (err == ERR_INVALID) {
        answer_error(request, 409, "over", NULL, "This answer is over already, or was taken back before.");
    } else {
        answer_store_error(request, err);
    }
    if (err != ERR_OK) log_warn("an answer was not taken back: %s", err_text(err));
}
