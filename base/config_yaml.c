/* A walk over libyaml's events, without building a tree. `path` is the dotted key of the mapping that we are in; each
 * level remembers how long it was, and the names that it has seen, to find doubles. */
#include "base/config_yaml.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

enum { PATH_MAX_BYTES = 256 };

typedef struct {
    const config_yaml_sink_t *sink;
    slice_t text;
    yaml_parser_t parser;
    yaml_event_t event;
    char path[PATH_MAX_BYTES];
    buffer_t seen; /* dotted keys so far, each with its terminator */
    char *why;
    size_t why_size;
} reader_t;

static int line_of(const yaml_mark_t *mark) {
    return (int)mark->line + 1;
}

__attribute__((format(printf, 3, 4))) static bool refuse(reader_t *reader, int line, const char *format, ...) {
    int len = snprintf(reader->why, reader->why_size, "%d: ", line);
    assert(len > 0);
    va_list args;
    va_start(args, format);
    if ((size_t)len < reader->why_size)
        (void)vsnprintf(reader->why + len, reader->why_size - (size_t)len, format, args);
    va_end(args);
    return false;
}

static bool next_event(reader_t *reader) {
    yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->parser, &reader->event) == 1) return true;
    memset(&reader->event, 0, sizeof reader->event);
    const yaml_parser_t *parser = &reader->parser;
    return refuse(reader, line_of(&parser->problem_mark), "not YAML: %s%s%s",
                  parser->problem != NULL ? parser->problem : "unreadable", parser->context != NULL ? ", " : "",
                  parser->context != NULL ? parser->context : "");
}

/* Appends ".name" to the path. */
static bool path_push(reader_t *reader, const yaml_event_t *key) {
    size_t len = strlen(reader->path), more = key->data.scalar.length;
    int line = line_of(&key->start_mark);
    if (more == 0 || memchr(key->data.scalar.value, '\0', more) != NULL)
        return refuse(reader, line, "a key is empty or not text");
    if (len + more + 2 > sizeof reader->path) return refuse(reader, line, "a key is too long");
    if (len > 0) reader->path[len++] = '.';
    memcpy(reader->path + len, key->data.scalar.value, more);
    reader->path[len + more] = '\0';
    for (size_t at = 0; at < reader->seen.len; at += strlen((char *)reader->seen.data + at) + 1)
        if (strcmp((char *)reader->seen.data + at, reader->path) == 0)
            return refuse(reader, line, "'%s' is given a second time", reader->path);
    buffer_append(&reader->seen, reader->path, strlen(reader->path) + 1);
    return true;
}

/* Goes on to the end of the node whose first event is current. */
static bool skip_node(reader_t *reader) {
    int depth = 0;
    for (;;) {
        switch (reader->event.type) {
        case YAML_MAPPING_START_EVENT:
        case YAML_SEQUENCE_START_EVENT:
            if (++depth > 64) return refuse(reader, line_of(&reader->event.start_mark), "nested too deep");
            break;
        case YAML_MAPPING_END_EVENT:
        case YAML_SEQUENCE_END_EVENT:
            depth--;
            break;
        default:
            break;
        }
        if (depth == 0) return true;
        if (!next_event(reader)) return false;
    }
}

/* First byte of line `line` (from 0). libyaml counts characters, not bytes: lines are the only common measure. */
static size_t line_start(slice_t text, size_t line) {
    size_t at = 0;
    for (; line > 0 && at < text.len; at++)
        if (text.data[at] == '\n' || (text.data[at] == '\r' && (at + 1 == text.len || text.data[at + 1] != '\n')))
            line--;
    return at;
}

/* Hands a whole section over as lines of text. */
static bool keep_section(reader_t *reader, size_t key_line) {
    if (!skip_node(reader)) return false;
    const yaml_mark_t *end = &reader->event.end_mark;
    size_t from = line_start(reader->text, key_line);
    size_t to = line_start(reader->text, end->column == 0 && end->line > key_line ? end->line : end->line + 1);
    reader->sink->section(reader->sink->context, reader->path, slice_of(reader->text.data + from, to - from),
                          (int)key_line + 1);
    return true;
}

static bool read_value(reader_t *reader) {
    const yaml_event_t *event = &reader->event;
    int line = line_of(&event->start_mark);
    char sentence[400] = "";
    const char *value = (const char *)event->data.scalar.value;
    if (strlen(value) != event->data.scalar.length) return refuse(reader, line, "'%s' is not text", reader->path);
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (strcmp(value, "~") == 0 || strcmp(value, "null") == 0))
        value = "";
    if (reader->sink->setting(reader->sink->context, reader->path, value, line, sentence, sizeof sentence)) return true;
    return refuse(reader, line, "%s", sentence);
}

static bool is_kept(const reader_t *reader) {
    for (const char *const *name = reader->sink->kept; name != NULL && *name != NULL; name++)
        if (strcmp(reader->path, *name) == 0) return true;
    return false;
}

/* Reads the mapping whose start event is current. Recursion is bounded by `depth`. */
static bool read_mapping(reader_t *reader, int depth) {
    if (depth > CONFIG_YAML_DEPTH_MAX) return refuse(reader, line_of(&reader->event.start_mark), "nested too deep");
    size_t len = strlen(reader->path);
    while (next_event(reader) && reader->event.type != YAML_MAPPING_END_EVENT) {
        size_t key_line = reader->event.start_mark.line;
        int line = (int)key_line + 1;
        if (reader->event.type != YAML_SCALAR_EVENT) return refuse(reader, line, "a key must be a plain word");
        if (!path_push(reader, &reader->event) || !next_event(reader)) return false;
        bool fine;
        if (depth == 0 && is_kept(reader))
            fine = keep_section(reader, key_line);
        else if (reader->event.type == YAML_SCALAR_EVENT)
            fine = read_value(reader);
        else if (reader->event.type == YAML_MAPPING_START_EVENT)
            fine = read_mapping(reader, depth + 1);
        else
            fine = refuse(reader, line, "'%s' must be a single value, not a list%s", reader->path,
                          reader->event.type == YAML_ALIAS_EVENT ? " or alias" : "");
        if (!fine) return false;
        reader->path[len] = '\0';
    }
    return reader->event.type == YAML_MAPPING_END_EVENT;
}

static bool read_document(reader_t *reader) {
    do
        if (!next_event(reader)) return false;
    while (reader->event.type == YAML_STREAM_START_EVENT || reader->event.type == YAML_DOCUMENT_START_EVENT);
    int line = line_of(&reader->event.start_mark);
    if (reader->event.type == YAML_STREAM_END_EVENT) return true; /* an empty file: all defaults */
    bool empty = reader->event.type == YAML_SCALAR_EVENT && reader->event.data.scalar.length == 0;
    if (!empty && reader->event.type != YAML_MAPPING_START_EVENT)
        return refuse(reader, line, "the file must hold settings, one 'key: value' a line");
    if (!empty && !read_mapping(reader, 0)) return false;
    do
        if (!next_event(reader)) return false;
    while (reader->event.type == YAML_DOCUMENT_END_EVENT);
    if (reader->event.type == YAML_STREAM_END_EVENT) return true;
    return refuse(reader, line_of(&reader->event.start_mark), "a second document begins here; one is all there may be");
}

err_t config_yaml_read(slice_t text, const config_yaml_sink_t *sink, char *why, size_t why_size) {
    if (text.len > CONFIG_YAML_BYTES_MAX) {
        (void)snprintf(why, why_size, "1: the file is larger than %d bytes", CONFIG_YAML_BYTES_MAX);
        return ERR_INVALID;
    }
    reader_t reader = {.sink = sink, .text = text, .why = why, .why_size = why_size};
    if (yaml_parser_initialize(&reader.parser) != 1) {
        (void)snprintf(why, why_size, "1: no memory for reading YAML");
        return ERR_INVALID;
    }
    yaml_parser_set_input_string(&reader.parser, text.len > 0 ? text.data : (const uint8_t *)"", text.len);
    bool fine = read_document(&reader);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    buffer_fini(&reader.seen);
    return fine ? ERR_OK : ERR_INVALID;
}
