/* /api/v1/suggestions: what would help, and what people decided about it. */
#include "web/documents.h"
#include "web/internal.h"
#include "web/routes.h"
#include "web/values.h"

#include "analyzer/routing/language.h"
#include "collector/store/store.h"

#include <stdlib.h>

json_t *document_suggestion(const query_suggestion_t *suggestion) {
    json_t *document = json_loads(suggestion->json, 0, NULL);
    if (!json_is_object(document)) {
        json_decref(document);
        document = json_object();
    }
    /* what documents of earlier versions do not have */
    json_t *later = json_pack("{s[],sn,sn,sn,sn,sn,sn,sn}", "limits", "cannot", "beside", "action", "seen", "waits_for",
                              "verified", "explanation");
    json_object_update_missing(document, later);
    json_decref(later);
    json_object_set_new(document, "id", value_id(suggestion->id));
    json_object_set_new(document, "incident", value_id(suggestion->incident));
    json_object_set_new(document, "state", json_string(suggestion->state));
    json_object_set_new(document, "decided_ms",
                        suggestion->decided_ns == 0 ? json_null() : value_ms(suggestion->decided_ns));
    json_object_set_new(document, "reason", value_name(suggestion->reason == NULL ? "" : suggestion->reason));
    return document;
}

static bool append_suggestion(void *context, const query_suggestion_t *suggestion) {
    json_array_append_new(context, document_suggestion(suggestion));
    return true;
}

json_t *document_newest_suggestions(query_t *query, uint32_t limit) {
    json_t *list = json_array();
    query_suggestions_t ask = {.limit = limit};
    if (query_suggestions(query, &ask, append_suggestion, list) != ERR_OK) (void)json_array_clear(list);
    return list;
}

void api_suggestions(web_request_t *request) {
    query_suggestions_t ask = {.limit = request->limit};
    if (!request_is(request, "state", "all")) ask.state = request_text(request, "state");
    if (!request_list_cursor(request, &ask.cursor)) return;
    json_t *list = json_array();
    err_t err = query_suggestions(request->query, &ask, append_suggestion, list);
    if (err == ERR_OK)
        answer_json(request, 200, json_pack("{sO,so}", "suggestions", list, "next", document_next(&ask.cursor)));
    else
        answer_store_error(request, err);
    json_decref(list);
}

static bool take_suggestion(void *context, const query_suggestion_t *suggestion) {
    *(json_t **)context = document_suggestion(suggestion);
    return false;
}

static void answer_suggestion(web_request_t *request, uint64_t id) {
    json_t *document = NULL;
    err_t err = query_suggestion(request->query, id, take_suggestion, &document);
    if (err == ERR_OK && document != NULL)
        answer_json(request, 200, document);
    else if (err == ERR_NOT_FOUND)
        answer_not_found(request, "suggestion");
    else
        answer_store_error(request, err);
}

/* The stored action in the language that was asked for; an abstention has none, and stays as it is. */
static void write_again(const web_request_t *request, json_t *document) {
    const char *name = request_text(request, "as");
    const routing_language_ops *language = name == NULL ? NULL : routing_language(name);
    routing_action_t action;
    change_t change;
    if (language == NULL || !action_from_json(json_object_get(document, "action"), &action)) return;
    (void)routing_render(language, &action, NULL, &change);
    change_into(&change, &action, document);
    change_fini(&change);
}

void api_suggestion(web_request_t *request) {
    uint64_t id;
    json_t *document = NULL;
    if (!request_number(request->id, &id)) {
        answer_not_found(request, "suggestion");
        return;
    }
    err_t err = query_suggestion(request->query, id, take_suggestion, &document);
    if (err == ERR_OK && document != NULL) {
        write_again(request, document);
        answer_json(request, 200, document);
    } else if (err == ERR_NOT_FOUND)
        answer_not_found(request, "suggestion");
    else
        answer_store_error(request, err);
}

/* Answers what came of a decision, or of taking one back. */
static void answer_decision(web_request_t *request, uint64_t id, err_t err, const char *refusal) {
    if (err == ERR_INVALID) {
        answer_error(request, 409, "not_open", NULL, refusal);
        return;
    }
    if (err == ERR_NOT_FOUND) {
        answer_not_found(request, "suggestion");
        return;
    }
    if (err == ERR_OK) { /* the transaction of this request began before the decision */
        query_end(request->query);
        err = query_begin(request->query);
        web_notify(request->web);
    }
    if (err == ERR_OK)
        answer_suggestion(request, id);
    else
        answer_store_error(request, err);
}

static void decide(web_request_t *request, const char *decision) {
    uint64_t id;
    char *reason;
    if (!request_number(request->id, &id)) {
        answer_not_found(request, "suggestion");
        return;
    }
    if (!request_reason(request, &reason)) return;
    struct store *store = request->context->store;
    err_t err =
        store == NULL ? ERR_CLOSED : store_decide(store, id, decision, reason, clock_wall_ns(request->context->clock));
    free(reason);
    answer_decision(request, id, err, "This suggestion was decided already, or has expired.");
}

void api_suggestion_accept(web_request_t *request) {
    decide(request, "accepted");
}
void api_suggestion_dismiss(web_request_t *request) {
    decide(request, "dismissed");
}

void api_suggestion_reopen(web_request_t *request) {
    uint64_t id;
    if (!request_number(request->id, &id)) {
        answer_not_found(request, "suggestion");
        return;
    }
    struct store *store = request->context->store;
    err_t err = store == NULL ? ERR_CLOSED : store_reopen(store, id);
    answer_decision(request, id, err, "Nothing was decided on this suggestion, or it has expired since.");
}
