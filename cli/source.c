#include "cli/source.h"

#include "base/log.h"
#include "base/memory.h"
#include "cli/unpack.h"
#include "collector/fold/otlp_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum { FRAMING_UNKNOWN, FRAMING_LINES, FRAMING_DELIMITED } framing_t;

struct source {
    char *path;
    unpack_t *unpack;
    framing_t framing;
    otlp_kind_t named_kind; /* OTLP_KINDS: the file's name does not tell */
    uint64_t number;        /* of the line or message read last, from 1 */
    bool ended;
    buffer_t plain;      /* unpacked bytes; those before `at` are used up */
    size_t at, searched; /* no end of line between at and searched */
};

static otlp_kind_t kind_in_name(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    for (int kind = 0; kind < OTLP_KINDS; kind++)
        if (strstr(name, otlp_kind_names[kind]) != NULL) return (otlp_kind_t)kind;
    return OTLP_KINDS;
}

err_t source_open(const char *path, source_t **out, char *why, size_t why_size) {
    unpack_t *unpack = unpack_open(path);
    if (unpack == NULL) {
        (void)snprintf(why, why_size, "%s cannot be read: %s", path, strerror(errno));
        return ERR_IO;
    }
    source_t *source = memory_new(1, sizeof *source);
    *source = (source_t){.path = memory_text(path), .unpack = unpack, .named_kind = kind_in_name(path)};
    *out = source;
    return ERR_OK;
}

void source_close(source_t *source) {
    unpack_close(source->unpack);
    buffer_fini(&source->plain);
    free(source->path);
    free(source);
}

uint64_t source_size(const source_t *source) {
    return unpack_size(source->unpack);
}
uint64_t source_read(const source_t *source) {
    return unpack_read(source->unpack);
}

static slice_t rest(const source_t *source) {
    return slice_of(source->plain.data + source->at, source->plain.len - source->at);
}

/* "FILE:LINE" or "FILE, message N", for sentences. */
static void place(const source_t *source, char *text, size_t size) {
    (void)snprintf(text, size, source->framing == FRAMING_DELIMITED ? "%s, message %" PRIu64 : "%s:%" PRIu64,
                   source->path, source->number);
}

static err_t cannot_unpack(const source_t *source, err_t err, char *why, size_t why_size) {
    (void)snprintf(why, why_size, "%s: %s", source->path,
                   err == ERR_IO ? strerror(errno) : "the compressed data is damaged or cut short");
    return err;
}

/* Unpacks more; what is used up makes room first. At the end sets `ended`. */
static err_t more(source_t *source, char *why, size_t why_size) {
    if (source->at > 0) {
        source->plain.len -= source->at;
        memmove(source->plain.data, source->plain.data + source->at, source->plain.len);
        source->searched -= source->at < source->searched ? source->at : source->searched;
        source->at = 0;
    }
    if (source->plain.len > SOURCE_RECORD_MAX) {
        char where[512];
        source->number++;
        place(source, where, sizeof where);
        (void)snprintf(why, why_size, "%s: longer than %d bytes", where, SOURCE_RECORD_MAX);
        return ERR_TOO_LARGE;
    }
    err_t err = unpack_more(source->unpack, &source->plain);
    if (err == ERR_NOT_FOUND) source->ended = true;
    return err == ERR_NOT_FOUND || err == ERR_OK ? ERR_OK : cannot_unpack(source, err, why, why_size);
}

/* JSON begins with a brace and then, behind any space, a quote; a message of 123 bytes begins with the same byte. */
static err_t find_framing(source_t *source, char *why, size_t why_size) {
    while (!source->ended && source->plain.len < 64) {
        err_t err = more(source, why, why_size);
        if (err != ERR_OK) return err;
    }
    slice_t start = rest(source);
    size_t at = 0;
    while (at < start.len && memchr(" \t\r\n", start.data[at], 4) != NULL) at++;
    bool blank = at == start.len, brace = !blank && start.data[at] == '{';
    for (at++; brace && at < start.len && memchr(" \t\r\n", start.data[at], 4) != NULL;) at++;
    bool json = brace && (at >= start.len || start.data[at] == '"' || start.data[at] == '}');
    source->framing = json || blank ? FRAMING_LINES : FRAMING_DELIMITED;
    return ERR_OK;
}

static err_t next_line(source_t *source, slice_t *line, char *why, size_t why_size) {
    for (;;) {
        slice_t bytes = rest(source);
        if (source->searched < source->at) source->searched = source->at;
        size_t known = source->searched - source->at;
        const uint8_t *newline = known < bytes.len ? memchr(bytes.data + known, '\n', bytes.len - known) : NULL;
        if (newline != NULL || (source->ended && bytes.len > 0)) {
            size_t len = newline != NULL ? (size_t)(newline - bytes.data) : bytes.len;
            *line = slice_of(bytes.data, len);
            source->at += newline != NULL ? len + 1 : len;
            source->number++;
            return ERR_OK;
        }
        if (source->ended) return ERR_NOT_FOUND;
        source->searched = source->at + bytes.len;
        err_t err = more(source, why, why_size);
        if (err != ERR_OK) return err;
    }
}

/* Which request a line is, by the key that it begins with, or, failing that, has somewhere. */
static otlp_kind_t kind_of_line(slice_t line) {
    static const char *const keys[OTLP_KINDS] = {"\"resourceSpans\"", "\"resourceMetrics\"", "\"resourceLogs\""};
    size_t at = 0;
    while (at < line.len && memchr(" \t{", line.data[at], 3) != NULL) at++;
    slice_t from = slice_of(line.data + at, line.len - at);
    for (int kind = 0; kind < OTLP_KINDS; kind++)
        if (slice_starts(from, keys[kind])) return (otlp_kind_t)kind;
    for (; at < line.len; at++)
        for (int kind = 0; line.data[at] == '"' && kind < OTLP_KINDS; kind++)
            if (slice_starts(slice_of(line.data + at, line.len - at), keys[kind])) return (otlp_kind_t)kind;
    return OTLP_KINDS;
}

static err_t malformed(const source_t *source, const char *sentence, char *why, size_t why_size) {
    char where[512];
    place(source, where, sizeof where);
    (void)snprintf(why, why_size, "%s: %s", where, sentence);
    return ERR_MALFORMED;
}

static err_t next_json(source_t *source, otlp_kind_t *kind, buffer_t *payload, char *why, size_t why_size) {
    slice_t line = {0};
    do {
        err_t err = next_line(source, &line, why, why_size);
        if (err != ERR_OK) return err;
        while (line.len > 0 && memchr(" \t\r", line.data[line.len - 1], 3) != NULL) line.len--;
    } while (line.len == 0);
    *kind = kind_of_line(line);
    if (*kind == OTLP_KINDS)
        return malformed(source, "not OTLP: a line must begin with resourceSpans, resourceMetrics or resourceLogs", why,
                         why_size);
    char sentence[300] = "not OTLP/JSON";
    err_t err = otlp_json_decode(*kind, line, SOURCE_RECORD_MAX, payload, sentence, sizeof sentence);
    return err == ERR_OK ? ERR_OK : malformed(source, sentence, why, why_size);
}

/* Without a word in the file's name, the first kind whose shape fits. Metrics have the shape of spans too, but of spans
 * without usable ids. */
static err_t guess_kind(const source_t *source, slice_t body, otlp_kind_t *kind, char *why, size_t why_size) {
    *kind = source->named_kind;
    for (int guess = 0; *kind == OTLP_KINDS && guess < OTLP_KINDS; guess++) {
        otlp_summary_t summary = {0};
        if (otlp_check((otlp_kind_t)guess, body, INT64_MAX / 2, &summary) == ERR_OK && summary.items > summary.rejected)
            *kind = (otlp_kind_t)guess;
    }
    if (*kind != OTLP_KINDS) return ERR_OK;
    return malformed(source,
                     "neither OTLP/JSON nor length-delimited OTLP; name the file after what it holds: traces, "
                     "metrics or logs",
                     why, why_size);
}

static err_t next_delimited(source_t *source, otlp_kind_t *kind, buffer_t *payload, char *why, size_t why_size) {
    slice_t body;
    for (;;) {
        bytes_t in = bytes_of(rest(source));
        size_t before = bytes_left(&in);
        if (before == 0 && source->ended) return ERR_NOT_FOUND;
        if (bytes_block(&in, &body)) {
            source->at += before - bytes_left(&in);
            break;
        }
        if (source->ended) {
            source->number++;
            return malformed(source, "cut short", why, why_size);
        }
        err_t err = more(source, why, why_size);
        if (err != ERR_OK) return err;
    }
    source->number++;
    err_t err = guess_kind(source, body, kind, why, why_size);
    if (err == ERR_OK) buffer_append(payload, body.data, body.len);
    return err;
}

err_t source_next(source_t *source, otlp_kind_t *kind, uint64_t *line, buffer_t *payload, char *why, size_t why_size) {
    buffer_clear(payload);
    err_t err = source->framing == FRAMING_UNKNOWN ? find_framing(source, why, why_size) : ERR_OK;
    if (err == ERR_OK)
        err = (source->framing == FRAMING_LINES ? next_json : next_delimited)(source, kind, payload, why, why_size);
    *line = source->number;
    return err;
}
