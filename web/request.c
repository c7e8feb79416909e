#include "web/request.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_BYTES_MAX = 512, MINUTES_FROM_S = 600 };

static int parameter_position(const route_t *route, const char *name) {
    for (int i = 0; i < ROUTE_PARAMETERS_MAX && route->parameters[i].name != NULL; i++)
        if (strcmp(route->parameters[i].name, name) == 0) return i;
    return -1;
}

static bool refuse(web_request_t *request, const char *parameter, const char *message) {
    answer_error(request, 400, "invalid_parameter", parameter, "'%s' %s", parameter, message);
    return false;
}

static bool choice_holds(const char *choices, const char *value) {
    size_t len = strlen(value);
    for (const char *at = choices; at != NULL; at = strchr(at, '|')) {
        if (*at == '|') at++;
        if (strncmp(at, value, len) == 0 && (at[len] == '|' || at[len] == '\0') && len > 0) return true;
    }
    return false;
}

static bool read_number(const char *text, uint64_t most, uint64_t *value) {
    size_t len = strlen(text);
    if (len == 0 || len > 19 || strspn(text, "0123456789") != len) return false;
    *value = strtoull(text, NULL, 10);
    return *value <= most;
}

/* Checks one value; moments are read later, when `end` is known. */
static bool check_value(web_request_t *request, const parameter_spec_t *spec, const char *value) {
    uint64_t number;
    int64_t ns;
    switch (spec->type) {
    case PARAMETER_LIMIT:
        if (!read_number(value, LIST_LIMIT_MAX, &number) || number == 0)
            return refuse(request, spec->name, "must be a whole number from 1 to 1000.");
        request->limit = (uint32_t)number;
        return true;
    case PARAMETER_CURSOR:
    case PARAMETER_TEXT:
        if (value[0] == '\0' || strlen(value) > TEXT_BYTES_MAX)
            return refuse(request, spec->name, "must have between 1 and 512 bytes.");
        return true;
    case PARAMETER_CHOICE:
        if (choice_holds(spec->choices, value)) return true;
        answer_error(request, 400, "invalid_parameter", spec->name, "'%s' must be one of %s.", spec->name,
                     spec->choices);
        return false;
    case PARAMETER_DURATION:
        if (!duration_parse(value, &ns) || ns < 0)
            return refuse(request, spec->name, "must be a duration such as 250ms, 1.2s or 5m.");
        return true;
    case PARAMETER_ATTRIBUTE: {
        const char *colon = strchr(value, ':');
        if (colon == NULL || colon == value || strlen(value) > TEXT_BYTES_MAX)
            return refuse(request, spec->name, "must be key:value, such as http.response.status_code:503.");
        return true;
    }
    case PARAMETER_START:
    case PARAMETER_END:
        return true;
    }
    return false;
}

static bool check_range(web_request_t *request, int64_t newest_ns) {
    int start = parameter_position(request->route, "start"), end = parameter_position(request->route, "end");
    static const char wrong[] = "must be RFC 3339, seconds, milliseconds or nanoseconds since 1970, or a time before "
                                "the other end such as -15m.";
    request->end_ns = newest_ns;
    if (end >= 0 && request->values[end] != NULL && !moment_parse(request->values[end], newest_ns, &request->end_ns))
        return refuse(request, "end", wrong);
    request->start_ns = request->end_ns > 3600 * NS_PER_S ? request->end_ns - 3600 * NS_PER_S : 0;
    if (start >= 0 && request->values[start] != NULL &&
        !moment_parse(request->values[start], request->end_ns, &request->start_ns))
        return refuse(request, "start", wrong);
    /* Older 10 s cells are kept series by series: the whole mesh is quickly told by the minute. */
    if (request->start_ns > 0 && request->end_ns - request->start_ns > MINUTES_FROM_S * NS_PER_S)
        request->start_ns -= request->start_ns % (60 * NS_PER_S);
    if (request->start_ns > request->end_ns) return refuse(request, "start", "must not be after 'end'.");
    return true;
}

bool request_parameters(web_request_t *request, int64_t newest_ns) {
    request->limit = LIST_LIMIT_DEFAULT;
    for (uint32_t i = 0; i < request->target->parameter_count; i++) {
        const target_parameter_t *given = &request->target->parameters[i];
        int at = parameter_position(request->route, given->name);
        if (at < 0) {
            answer_error(request, 400, "unknown_parameter", given->name,
                         "This resource has no parameter of that name; /api/v1/openapi.yaml lists those it has.");
            return false;
        }
        const parameter_spec_t *spec = &request->route->parameters[at];
        if (request->values[at] != NULL && spec->type != PARAMETER_ATTRIBUTE)
            return refuse(request, spec->name, "is given twice.");
        if (!check_value(request, spec, given->value)) return false;
        request->values[at] = given->value;
    }
    return check_range(request, newest_ns);
}

const char *request_text(const web_request_t *request, const char *name) {
    int at = parameter_position(request->route, name);
    if (at < 0) return NULL;
    return request->values[at];
}

bool request_is(const web_request_t *request, const char *name, const char *choice) {
    int at = parameter_position(request->route, name);
    if (at < 0) return false;
    if (request->values[at] != NULL) return strcmp(request->values[at], choice) == 0;
    const char *choices = request->route->parameters[at].choices;
    size_t len = strlen(choice);
    return choices != NULL && strncmp(choices, choice, len) == 0 && (choices[len] == '|' || choices[len] == '\0');
}

int64_t request_duration(const web_request_t *request, const char *name, int64_t fallback) {
    const char *text = request_text(request, name);
    int64_t ns;
    return text != NULL && duration_parse(text, &ns) ? ns : fallback;
}

bool request_attribute(const web_request_t *request, uint32_t at, slice_t *key, slice_t *value) {
    for (uint32_t i = 0; i < request->target->parameter_count; i++) {
        const target_parameter_t *given = &request->target->parameters[i];
        int position = parameter_position(request->route, given->name);
        if (position < 0 || request->route->parameters[position].type != PARAMETER_ATTRIBUTE || at-- > 0) continue;
        const char *colon = strchr(given->value, ':');
        if (colon == NULL) return false;
        *key = slice_of(given->value, (size_t)(colon - given->value));
        *value = slice_text(colon + 1);
        return true;
    }
    return false;
}

bool request_number(const char *text, uint64_t *value) {
    return read_number(text, INT64_MAX, value) && *value > 0;
}

/* Nothing, or an object whose only member is a text. */
bool request_reason(web_request_t *request, char **reason) {
    *reason = NULL;
    if (request->body.len == 0) {
        *reason = memory_text("");
        return true;
    }
    json_t *body = json_loadb((const char *)request->body.data, request->body.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *text = json_object_get(body, "reason");
    if (!json_is_object(body) || json_object_size(body) > 1 || (text == NULL && json_object_size(body) == 1)) {
        answer_error(request, 400, "invalid_body", NULL, "The body must be empty or JSON such as {\"reason\":\"…\"}.");
    } else if (text != NULL && (!json_is_string(text) || json_string_length(text) > 2000)) {
        answer_error(request, 400, "invalid_body", NULL, "'reason' must be a text of at most 2000 bytes.");
    } else {
        *reason = memory_text(text == NULL ? "" : json_string_value(text));
    }
    json_decref(body);
    return *reason != NULL;
}
