/* /api/v1/traces and /api/v1/traces/{id}. */
#include "web/documents.h"
#include "web/elsewhere.h"
#include "web/internal.h"
#include "web/routes.h"
#include "web/spans.h"
#include "web/values.h"

#include <curl/curl.h>
#include <stdio.h>

enum { TRACE_SPANS_MAX = 5000 }; /* of one answer */

/* --- search --- */

static json_t *trace_document(const query_t *query, const query_trace_t *trace) {
    json_t *services = json_array();
    for (uint32_t i = 0; i < trace->service_count; i++)
        json_array_append_new(services, value_text(slice_text(query_name(query, trace->services[i]))));
    return json_pack(
        "{so,so,so,sI,sI,so,so,so}", "trace_id", value_hex(trace->trace_id, 16), "start_ms", value_ms(trace->start_ns),
        "duration_s", value_number((double)(trace->end_ns - trace->start_ns) / 1e9), "spans", (json_int_t)trace->spans,
        "errors", (json_int_t)trace->errors, "root_service", value_name(query_name(query, trace->root_service)),
        "root_operation", value_name(query_name(query, trace->root_operation)), "services", services);
}

typedef struct {
    const query_t *query;
    json_t *list;
} found_t;

static bool add_trace(void *context, const query_trace_t *trace) {
    found_t *found = context;
    json_array_append_new(found->list, trace_document(found->query, trace));
    return true;
}

/* False when a name is asked for that no span had: then nothing can be found. */
static bool read_names(const web_request_t *request, query_traces_t *ask) {
    const char *service = request_text(request, "service"), *operation = request_text(request, "operation");
    ask->service = service == NULL ? QUERY_ANY : query_find_name(request->query, service);
    ask->operation = operation == NULL ? QUERY_ANY : query_find_name(request->query, operation);
    return (service == NULL || ask->service != UINT32_MAX) && (operation == NULL || ask->operation != UINT32_MAX);
}

static bool read_attributes(web_request_t *request, query_traces_t *ask) {
    slice_t key, value;
    for (uint32_t i = 0; request_attribute(request, i, &key, &value); i++) {
        if (i == QUERY_ATTRIBUTES_MAX) {
            answer_error(request, 400, "invalid_parameter", "attribute", "At most 16 attributes can be asked for.");
            return false;
        }
        ask->attributes[ask->attribute_count++] = (query_attribute_t){key, value};
    }
    return true;
}

/* NAME=VALUE, escaped, behind what is there. */
static void add_parameter(buffer_t *path, const char *name, const char *value) {
    char *escaped = value == NULL ? NULL : curl_easy_escape(NULL, value, 0);
    if (escaped != NULL) buffer_format(path, "&%s=%s", name, escaped);
    curl_free(escaped);
}

/* The same question for the workers, with the range that it has here. */
static void path_for_others(web_request_t *request, buffer_t *path) {
    static const char *const names[] = {"service", "operation", "min_duration", "max_duration", "error"};
    slice_t key, value;
    buffer_format(path, "/api/v1/traces?start=%lld&end=%lld&limit=%u", (long long)request->start_ns,
                  (long long)request->end_ns, request->limit);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        add_parameter(path, names[i], request_text(request, names[i]));
    for (uint32_t i = 0; request_attribute(request, i, &key, &value); i++) {
        buffer_t text = {0};
        buffer_format(&text, "%.*s:%.*s", (int)key.len, (const char *)key.data, (int)value.len,
                      (const char *)value.data);
        buffer_byte(&text, '\0');
        add_parameter(path, "attribute", (const char *)text.data);
        buffer_fini(&text);
    }
    buffer_byte(path, '\0');
}

/* A view's list: the newest of each worker's. There is no next page: a worker's cursor means nothing to the others. */
static void traces_elsewhere(web_request_t *request) {
    elsewhere_t answers;
    buffer_t path = {0};
    bool cut;
    path_for_others(request, &path);
    elsewhere_ask(request->context, (const char *)path.data, &answers);
    json_t *traces = elsewhere_traces(&answers, request->limit, &cut);
    if (answers.count == 0 && answers.silent > 0)
        answer_error(request, 503, "node_silent", NULL, "The worker at %s does not answer; spans are kept there.",
                     answers.silent_url);
    else
        answer_json(request, 200,
                    json_pack("{sO,sn,sI,sb}", "traces", traces, "next", "searched",
                              (json_int_t)json_array_size(traces), "complete", !cut));
    json_decref(traces);
    elsewhere_fini(&answers);
    buffer_fini(&path);
}

void api_traces(web_request_t *request) {
    if (request->context->nodes.each != NULL && !request->relayed) {
        traces_elsewhere(request);
        return;
    }
    query_traces_t ask = {.start_ns = request->start_ns,
                          .end_ns = request->end_ns,
                          .min_duration_ns = request_duration(request, "min_duration", 0),
                          .max_duration_ns = request_duration(request, "max_duration", INT64_MAX),
                          .error = request_is(request, "error", "any") ? -1 : request_is(request, "error", "true"),
                          .limit = request->limit};
    if (!request_list_cursor(request, &ask.cursor) || !read_attributes(request, &ask)) return;
    found_t found = {request->query, json_array()};
    err_t err = ERR_OK;
    if (read_names(request, &ask))
        err = query_traces(request->query, &ask, add_trace, &found);
    else
        ask.complete = true;
    if (err == ERR_OK)
        answer_json(request, 200,
                    json_pack("{sO,so,sI,sb}", "traces", found.list, "next", document_next(&ask.cursor), "searched",
                              (json_int_t)ask.searched, "complete", ask.complete));
    else
        answer_store_error(request, err);
    json_decref(found.list);
}

/* --- one trace --- */

typedef struct {
    span_reader_t *reader;
    json_t *spans, *document;
    bool cut;
} trace_view_t;

static void add_row(void *context, const query_trace_t *trace) {
    trace_view_t *view = context;
    json_object_set_new(view->document, "trace_id", value_hex(trace->trace_id, 16));
    json_object_set_new(view->document, "start_ms", value_ms(trace->start_ns));
    json_object_set_new(view->document, "duration_s", value_number((double)(trace->end_ns - trace->start_ns) / 1e9));
    json_object_set_new(view->document, "span_count", json_integer((json_int_t)trace->spans));
}

static bool add_span(void *context, slice_t resource, slice_t scope, slice_t span) {
    (void)scope;
    trace_view_t *view = context;
    if (json_array_size(view->spans) == TRACE_SPANS_MAX) {
        view->cut = true;
        return false;
    }
    json_t *document = span_document(view->reader, resource, span);
    if (document != NULL) json_array_append_new(view->spans, document);
    return true;
}

static bool read_trace_id(const char *text, uint8_t id[16]) {
    if (strlen(text) != 32) return false;
    for (size_t i = 0; i < 32; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return false;
        id[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : id[i / 2] | digit);
    }
    return true;
}

static void trace_elsewhere(web_request_t *request) {
    char path[64];
    elsewhere_t answers;
    (void)snprintf(path, sizeof path, "/api/v1/traces/%.32s", request->id);
    elsewhere_ask(request->context, path, &answers);
    json_t *trace = elsewhere_trace(&answers);
    if (trace != NULL)
        answer_json(request, 200, trace);
    else if (answers.silent > 0)
        answer_error(request, 503, "node_silent", NULL,
                     "The trace is not with the %u workers that answered; %u did not: ask %s%s when it is back.",
                     answers.asked - answers.silent, answers.silent, answers.silent_url, path);
    else
        answer_not_found(request, answers.asked == 0 ? "trace here: no worker that keeps spans has been heard of"
                                                     : "trace: no worker has it; it never came, or is older than "
                                                       "spans are kept");
    elsewhere_fini(&answers);
}

void api_trace(web_request_t *request) {
    uint8_t id[16];
    if (!read_trace_id(request->id, id)) {
        answer_error(request, 400, "invalid_parameter", "id", "A trace id has 32 hexadecimal digits.");
        return;
    }
    if (request->context->nodes.each != NULL && !request->relayed) {
        trace_elsewhere(request);
        return;
    }
    trace_view_t view = {span_reader_new(request->context->dialect_set), json_array(), json_object(), false};
    err_t err = query_trace(request->query, id, add_row, add_span, &view);
    span_reader_free(view.reader);
    if (err == ERR_OK) {
        json_object_set(view.document, "spans", view.spans);
        json_object_set_new(view.document, "truncated", json_boolean(view.cut));
        answer_json(request, 200, json_incref(view.document));
    } else if (err == ERR_NOT_FOUND) {
        answer_not_found(request, "trace: it never came, or is older than spans are kept");
    } else {
        answer_store_error(request, err);
    }
    json_decref(view.spans);
    json_decref(view.document);
}
