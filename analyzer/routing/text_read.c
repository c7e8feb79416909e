/* YAML by libyaml's events. Readers of YAML disagree about some plain words (yes, 0777, 1_000): Go's takes them for one
 * thing, YAML 1.2 for another. Since what is read here is written again and applied, such a word is refused with its
 * line instead of guessed at. */
#include "analyzer/routing/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

typedef struct {
    yaml_parser_t parser;
    uint32_t nodes, depth;
    char *why;
    size_t why_size;
} reader_t;

static json_t *refuse(reader_t *reader, size_t line, const char *what) {
    if (reader->why[0] == '\0') (void)snprintf(reader->why, reader->why_size, "line %zu: %s", line + 1, what);
    return NULL;
}

static bool next_event(reader_t *reader, yaml_event_t *event) {
    if (yaml_parser_parse(&reader->parser, event)) return true;
    (void)refuse(reader, reader->parser.problem_mark.line,
                 reader->parser.problem == NULL ? "not YAML" : reader->parser.problem);
    return false;
}

static bool one_of(const char *text, const char *const *words) {
    for (; *words != NULL; words++)
        if (strcasecmp(text, *words) == 0) return true;
    return false;
}

/* Digits that some reader takes for another base or drops underscores from. */
static bool is_disputed_number(const char *text) {
    const char *digits = text + (text[0] == '-' || text[0] == '+');
    size_t len = strlen(digits);
    if (len < 2 || digits[0] < '0' || digits[0] > '9') return false;
    if (digits[0] == '0' && strspn(digits + 1, "01234567_") == len - 1) return true;
    if (digits[0] == '0' && strchr("xXoObB", digits[1]) != NULL && len > 2 &&
        strspn(digits + 2, "0123456789abcdefABCDEF_") == len - 2)
        return true;
    return strchr(digits, '_') != NULL && strspn(digits, "0123456789_.eE+-") == len;
}

static json_t *number_of(const char *text) {
    const char *digits = text + (text[0] == '-' || text[0] == '+');
    size_t len = strlen(digits);
    if (len == 0 || strspn(digits, "0123456789.eE+-") != len || strpbrk(digits, "0123456789") == NULL) return NULL;
    char *end;
    errno = 0;
    if (strspn(digits, "0123456789") == len) {
        long long whole = strtoll(text, &end, 10);
        return errno == 0 && *end == '\0' ? json_integer(whole) : NULL;
    }
    double value = strtod(text, &end);
    return *end == '\0' && isfinite(value) ? json_real(value) : NULL;
}

/* A plain scalar by the rules that all readers share. */
static json_t *plain(reader_t *reader, const char *text, size_t line) {
    static const char *const nothing[] = {"", "~", "null", NULL}, *const yes[] = {"true", NULL},
                             *const no[] = {"false", NULL}, *const disputed[] = {"y",     "n",    "yes",  "no",
                                                                                 "on",    "off",  ".inf", "+.inf",
                                                                                 "-.inf", ".nan", NULL};
    if (one_of(text, nothing)) return json_null();
    if (one_of(text, yes)) return json_true();
    if (one_of(text, no)) return json_false();
    if (one_of(text, disputed) || is_disputed_number(text))
        return refuse(reader, line,
                      "readers of YAML disagree about this plain value: put it in quotes, or write it as "
                      "true, false or a decimal number");
    json_t *number = number_of(text);
    return number != NULL ? number : json_string(text);
}

static json_t *value_of(reader_t *reader, const yaml_event_t *event);

static json_t *scalar_of(reader_t *reader, const yaml_event_t *event, bool key) {
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length, line = event->start_mark.line;
    const char *tag = (const char *)event->data.scalar.tag;
    if (tag != NULL && strcmp(tag, YAML_STR_TAG) != 0) return refuse(reader, line, "tags are not understood here");
    if (strlen(text) != len) return refuse(reader, line, "a value with a zero byte");
    json_t *value = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && tag == NULL && !key
                        ? plain(reader, text, line)
                        : json_stringn(text, len);
    return value != NULL ? value : refuse(reader, line, "a value that is not UTF-8");
}

static json_t *sequence_of(reader_t *reader) {
    json_t *array = json_array();
    for (;;) {
        yaml_event_t event;
        if (!next_event(reader, &event)) break;
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        json_t *value = end ? NULL : value_of(reader, &event);
        yaml_event_delete(&event);
        if (end) return array;
        if (value == NULL) break;
        (void)json_array_append_new(array, value);
    }
    json_decref(array);
    return NULL;
}

static bool read_member(reader_t *reader, const yaml_event_t *key_event, json_t *object) {
    size_t line = key_event->start_mark.line;
    if (key_event->type != YAML_SCALAR_EVENT) return refuse(reader, line, "keys must be words") != NULL;
    json_t *key = scalar_of(reader, key_event, true);
    if (key == NULL) return false;
    yaml_event_t event;
    bool fine = false;
    if (json_object_get(object, json_string_value(key)) != NULL) {
        (void)refuse(reader, line, "a key that is there already");
    } else if (next_event(reader, &event)) {
        json_t *value = value_of(reader, &event);
        yaml_event_delete(&event);
        fine = value != NULL && json_object_set_new(object, json_string_value(key), value) == 0;
    }
    json_decref(key);
    return fine;
}

static json_t *mapping_of(reader_t *reader) {
    json_t *object = json_object();
    for (;;) {
        yaml_event_t event;
        if (!next_event(reader, &event)) break;
        bool end = event.type == YAML_MAPPING_END_EVENT;
        bool fine = end || read_member(reader, &event, object);
        yaml_event_delete(&event);
        if (end) return object;
        if (!fine) break;
    }
    json_decref(object);
    return NULL;
}

static json_t *value_of(reader_t *reader, const yaml_event_t *event) {
    size_t line = event->start_mark.line;
    if (++reader->nodes > LIVE_NODES_MAX) return refuse(reader, line, "too many values");
    if (event->type == YAML_SCALAR_EVENT) return scalar_of(reader, event, false);
    if (event->type != YAML_MAPPING_START_EVENT && event->type != YAML_SEQUENCE_START_EVENT)
        return refuse(reader, line, "aliases are not understood here");
    if (reader->depth >= LIVE_DEPTH_MAX) return refuse(reader, line, "nested too deeply");
    reader->depth++;
    json_t *value = event->type == YAML_MAPPING_START_EVENT ? mapping_of(reader) : sequence_of(reader);
    reader->depth--;
    return value;
}

static void drop(json_t *object, const char *const *keys) {
    for (; *keys != NULL; keys++) (void)json_object_del(object, *keys);
}

/* Kubernetes objects as people write them: without what the API server adds. */
static void add_object(json_t *objects, json_t *object) {
    static const char *const of_server[] = {"resourceVersion", "uid",      "generation", "creationTimestamp",
                                            "managedFields",   "selfLink", NULL};
    json_t *metadata = json_object_get(object, "metadata");
    json_t *items = json_object_get(object, "items"), *item;
    const char *kind = json_string_value(json_object_get(object, "kind"));
    size_t index;
    bool list = kind == NULL ? json_object_get(object, "type") == NULL : strcmp(kind, "List") == 0;
    if (list && json_is_array(items)) { /* kubectl's; kumactl's has no kind */
        json_array_foreach(items, index, item) if (json_is_object(item)) add_object(objects, item);
        return;
    }
    if (json_object_get(object, "apiVersion") != NULL && json_is_object(metadata)) {
        drop(metadata, of_server);
        (void)json_object_del(object, "status");
        json_t *annotations = json_object_get(metadata, "annotations");
        (void)json_object_del(annotations, "kubectl.kubernetes.io/last-applied-configuration");
        if (json_is_object(annotations) && json_object_size(annotations) == 0)
            (void)json_object_del(metadata, "annotations");
    }
    (void)json_array_append(objects, object);
}

static bool read_documents(reader_t *reader, json_t *objects, bool *said) {
    for (;;) {
        yaml_event_t event;
        if (!next_event(reader, &event)) return false;
        yaml_event_type_t type = event.type;
        size_t line = event.start_mark.line;
        bool structure = type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT ||
                         type == YAML_DOCUMENT_END_EVENT || type == YAML_STREAM_END_EVENT;
        json_t *value = structure ? NULL : value_of(reader, &event);
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT) return true;
        if (structure) continue;
        if (value == NULL) return false;
        if (json_is_object(value)) add_object(objects, value);
        *said |= json_is_object(value);
        bool usable = json_is_object(value) || json_is_null(value);
        json_decref(value);
        if (!usable) return refuse(reader, line, "an object is wanted, with keys and values") != NULL;
    }
}

/* What begins as JSON and is JSON needs no rules about words, and its \\u pairs are no business of YAML's. */
static bool read_json(slice_t text, json_t *objects, bool *said) {
    size_t index, at = 0;
    while (at < text.len && strchr(" \t\r\n", text.data[at]) != NULL && text.data[at] != '\0') at++;
    if (at == text.len || (text.data[at] != '{' && text.data[at] != '[')) return false;
    json_t *whole = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL), *item;
    if (json_is_object(whole)) add_object(objects, whole);
    json_array_foreach(whole, index, item) if (json_is_object(item)) add_object(objects, item);
    bool fine = whole != NULL;
    *said = json_is_object(whole) || json_array_size(whole) > 0;
    json_decref(whole);
    return fine;
}

err_t text_read(slice_t text, json_t **objects, char *why, size_t why_size) {
    *objects = NULL;
    why[0] = '\0';
    if (text.len > LIVE_BYTES_MAX) {
        (void)snprintf(why, why_size, "it is larger than %d MiB", LIVE_BYTES_MAX >> 20);
        return ERR_MALFORMED;
    }
    json_t *list = json_array();
    bool said = false; /* an empty List is an answer: there is none */
    bool fine = read_json(text, list, &said);
    if (!fine) {
        reader_t reader = {.why = why, .why_size = why_size};
        if (!yaml_parser_initialize(&reader.parser)) abort(); /* out of memory */
        yaml_parser_set_input_string(&reader.parser, text.data, text.len);
        fine = read_documents(&reader, list, &said);
        yaml_parser_delete(&reader.parser);
    }
    if (fine && !said) {
        (void)snprintf(why, why_size, "there is no object in it");
        fine = false;
    }
    if (fine)
        *objects = list;
    else
        json_decref(list);
    return fine ? ERR_OK : ERR_MALFORMED;
}
