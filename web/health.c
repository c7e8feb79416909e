#include "web/health.h"

#include "base/memory.h"
#include "web/documents.h"
#include "web/internal.h"
#include "web/routes.h"

#include <stdlib.h>

enum { INCIDENTS_LOOKED_AT = 200 };

const char *const health_names[] = {"idle", "ok", "warning", "critical"};

/* --- probes --- */

void health_live(web_request_t *request) {
    answer_plain(request, 200, "text/plain; charset=utf-8", "ok\n");
}

void health_ready(web_request_t *request) {
    web_status_t status = {0};
    request->context->status.fill(request->context->status.context, &status);
    if (status.ready) {
        answer_plain(request, 200, "text/plain; charset=utf-8", "ready\n");
        return;
    }
    answer_plain(request, 503, "text/plain; charset=utf-8", status.reason[0] == '\0' ? "starting" : status.reason);
    buffer_byte(&request->answer.body, '\n');
    request->answer.retry_after_s = 1;
}

/* --- who is hurt --- */

typedef struct {
    query_t *query;
    hurt_list_t *list;
    int64_t at_ns;
} loading_t;

static bool worse(health_t level, bool culprit, const hurt_t *than) {
    return level != than->level ? level > than->level : culprit && !than->culprit;
}

static void add_hurt(loading_t *loading, const json_t *service, health_t level, bool culprit,
                     const query_incident_t *incident, const json_t *document) {
    hurt_list_t *list = loading->list;
    uint32_t name = json_is_string(service) ? query_find_name(loading->query, json_string_value(service)) : UINT32_MAX;
    if (name == UINT32_MAX) return;
    hurt_t *item = (hurt_t *)(uintptr_t)health_find(list, name);
    if (item == NULL) {
        if (list->count == list->capacity) {
            list->capacity = list->capacity == 0 ? 16 : list->capacity * 2;
            list->items = memory_resize(list->items, list->capacity * sizeof *list->items);
        }
        item = &list->items[list->count++];
        *item = (hurt_t){.service = name};
    } else if (!worse(level, culprit, item)) {
        return;
    }
    free(item->title);
    const char *title = json_string_value(json_object_get(document, "title"));
    item->level = level;
    item->culprit = culprit;
    item->incident = incident->id;
    item->opened_ns = incident->opened_ns;
    item->title = memory_text(title == NULL ? "" : title);
}

static bool add_incident(void *context, const query_incident_t *incident) {
    loading_t *loading = context;
    if (incident->closed_ns != 0 && incident->closed_ns <= loading->at_ns) return true;
    json_t *document = document_incident(loading->query, incident);
    if (json_is_string(json_object_get(document, "answered"))) { /* people know: it is no news of how the mesh is */
        loading->list->answered++;
        json_decref(document);
        return true;
    }
    const char *severity = json_string_value(json_object_get(document, "severity"));
    health_t level = severity != NULL && strcmp(severity, "critical") == 0 ? HEALTH_CRITICAL : HEALTH_WARNING;
    add_hurt(loading, json_object_get(json_object_get(document, "culprit"), "service"), level, true, incident,
             document);
    const json_t *affected = json_object_get(document, "affected");
    for (size_t i = 0; i < json_array_size(affected); i++)
        add_hurt(loading, json_array_get(affected, i), HEALTH_WARNING, false, incident, document);
    json_decref(document);
    return true;
}

static int by_badness(const void *a, const void *b) {
    const hurt_t *left = a, *right = b;
    if (left->level != right->level) return left->level > right->level ? -1 : 1;
    if (left->culprit != right->culprit) return left->culprit ? -1 : 1;
    if (left->opened_ns != right->opened_ns) return left->opened_ns < right->opened_ns ? -1 : 1;
    return left->service < right->service ? -1 : left->service > right->service;
}

err_t health_load(query_t *query, int64_t at_ns, hurt_list_t *list) {
    *list = (hurt_list_t){0};
    loading_t loading = {query, list, at_ns};
    query_incidents_t ask = {
        .start_ns = at_ns, .end_ns = at_ns + 1, .state = INCIDENTS_ALL, .limit = INCIDENTS_LOOKED_AT};
    err_t err = query_incidents(query, &ask, add_incident, &loading);
    if (list->count > 0) qsort(list->items, list->count, sizeof *list->items, by_badness);
    return err;
}

void health_fini(hurt_list_t *list) {
    for (uint32_t i = 0; i < list->count; i++) free(list->items[i].title);
    free(list->items);
    *list = (hurt_list_t){0};
}

const hurt_t *health_find(const hurt_list_t *list, uint32_t service) {
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].service == service) return &list->items[i];
    return NULL;
}

health_t health_of(const hurt_list_t *list, uint32_t service, uint64_t requests) {
    const hurt_t *hurt = health_find(list, service);
    if (hurt != NULL) return hurt->level;
    return requests == 0 ? HEALTH_IDLE : HEALTH_OK;
}
