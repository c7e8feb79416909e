/* json_scan: JSON text read in place, one token after the other, without building a tree. Everything is checked
 * against RFC 8259; nesting is bounded. After the first fault every call says false and `fault` says why.
 *
 *     json_scan_t s = json_scan_of(text);
 *     slice_t key;
 *     bool first = true, escaped;
 *     if (json_open(&s, '{'))
 *         while (json_more(&s, '}', &first) && json_key(&s, &key, &escaped)) if (!json_skip(&s)) break;
 *     if (s.fault != NULL || !json_end(&s)) …
 */
#ifndef SEISMESH_FOLD_JSON_SCAN_H
#define SEISMESH_FOLD_JSON_SCAN_H

#include "base/slice.h"

enum { JSON_DEPTH_MAX = 64 };

typedef struct {
    slice_t text;
    size_t at;         /* next byte; never beyond text.len */
    unsigned depth;    /* open objects and arrays */
    const char *fault; /* what is wrong at `at`; NULL while all is well */
    bool too_deep;
} json_scan_t;

static inline json_scan_t json_scan_of(slice_t text) {
    return (json_scan_t){.text = text};
}

static inline bool json_fail(json_scan_t *scan, const char *fault) {
    if (scan->fault == NULL) scan->fault = fault;
    return false;
}

/* The next byte behind white space, not taken; 0 at the end. */
static inline uint8_t json_peek(json_scan_t *scan) {
    while (scan->at < scan->text.len) {
        uint8_t byte = scan->text.data[scan->at];
        if (byte != ' ' && byte != '\n' && byte != '\r' && byte != '\t') return byte;
        scan->at++;
    }
    return 0;
}

static inline bool json_take(json_scan_t *scan, uint8_t byte, const char *fault) {
    if (json_peek(scan) != byte) return json_fail(scan, fault);
    scan->at++;
    return true;
}

/* Takes a '{' or '['. */
bool json_open(json_scan_t *scan, char bracket);

/* True when there is one more member or element before `close`, which is taken otherwise. *first begins as true. */
static inline bool json_more(json_scan_t *scan, char close, bool *first) {
    if (scan->fault != NULL) return false;
    uint8_t next = json_peek(scan);
    if (next == (uint8_t)close) {
        scan->at++;
        scan->depth--;
        return false;
    }
    if (*first) {
        *first = false;
        return true;
    }
    if (next != ',') return json_fail(scan, "a comma or the end of the object or array is missing");
    scan->at++;
    return true;
}

/* The bytes between the quotes; `escaped` says that they hold escapes (see json_unescape). */
bool json_quoted(json_scan_t *scan, slice_t *raw, bool *escaped);

/* A member's name and the colon behind it. */
bool json_key(json_scan_t *scan, slice_t *raw, bool *escaped);

/* The text of a number. */
bool json_number(json_scan_t *scan, slice_t *text);

/* "true", "false" or "null", whichever `word` is. */
bool json_word(json_scan_t *scan, const char *word);

/* Passes over one value of any kind. */
bool json_skip(json_scan_t *scan);

/* True when nothing but white space is left. */
bool json_end(json_scan_t *scan);

/* Writes the text of a raw string that json_quoted accepted; returns its length, at most raw.len. Halves of surrogate
 * pairs that stand alone become U+FFFD. */
size_t json_unescape(slice_t raw, uint8_t *out);

#endif
