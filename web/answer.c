#include "web/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int append(const char *data, size_t len, void *buffer) {
    buffer_append(buffer, data, len);
    return 0;
}

void answer_json(web_request_t *request, unsigned status, json_t *document) {
    answer_t *answer = &request->answer;
    buffer_clear(&answer->body);
    answer->status = status;
    answer->content_type = "application/json";
    /* Ten digits are more than any figure here is worth, and keep answers short. */
    if (document == NULL ||
        json_dump_callback(document, append, &answer->body, JSON_COMPACT | JSON_REAL_PRECISION(10)) != 0) {
        buffer_clear(&answer->body);
        answer->status = 500;
        buffer_text(&answer->body, "{\"error\":{\"code\":\"internal\",\"message\":\"The answer could not be written as "
                                   "JSON. This is a bug; the request that caused it would help to find it.\"}}");
    }
    json_decref(document);
}

void answer_plain(web_request_t *request, unsigned status, const char *content_type, const char *text) {
    answer_t *answer = &request->answer;
    buffer_clear(&answer->body);
    answer->status = status;
    answer->content_type = content_type;
    buffer_text(&answer->body, text);
}

void answer_error(web_request_t *request, unsigned status, const char *code, const char *parameter, const char *format,
                  ...) {
    char message[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    /* A message that had to be cut may end inside a character. */
    if (len >= (int)sizeof message)
        for (size_t end = strlen(message); end > 0 && (message[end - 1] & 0x80) != 0; end--) message[end - 1] = '\0';
    json_t *error = json_pack("{ss,ss}", "code", code, "message", message);
    if (parameter != NULL) json_object_set_new(error, "parameter", json_string(parameter));
    answer_json(request, status, json_pack("{so}", "error", error));
}

void answer_store_error(web_request_t *request, err_t err) {
    request->answer.retry_after_s = 1;
    answer_error(request, 503, "store_unavailable", NULL,
                 "The store could not be read (%s). Try again; the log says more.", err_text(err));
}

void answer_not_found(web_request_t *request, const char *what) {
    answer_error(request, 404, "not_found", NULL, "There is no such %s.", what);
}
