/* grammar: reads an explanation's sentence by the grammar of analyzer/explain.h, from its fixed words inwards, so that
 * what stands between them may be anything. */
#ifndef SEISMESH_TESTS_ANALYZER_GRAMMAR_H
#define SEISMESH_TESTS_ANALYZER_GRAMMAR_H

#include "tests/test.h"

#include <ctype.h>

enum { SAID_BYTES = 1400 };

typedef struct {
    char who_and_signal[SAID_BYTES], seen[64], low[64], high[64], sample[128], history[64], began[64], versions[64],
        cause[SAID_BYTES], evidence[64];
} said_t;

/* Copies what stands before the last (or first) `mark` into `out`, and leaves what stands behind it in *text. */
static inline bool said_split(char **text, const char *mark, bool last, char *out, size_t size) {
    char *found = NULL;
    for (char *at = *text; (at = strstr(at, mark)) != NULL; at++) {
        found = at;
        if (!last) break;
    }
    if (found == NULL || (size_t)(found - *text) >= size) return false;
    memcpy(out, *text, (size_t)(found - *text));
    out[found - *text] = '\0';
    *text = found + strlen(mark);
    return true;
}

/* False when the sentence is not of the grammar. */
static inline bool said_parse(const char *sentence, said_t *said) {
    static char copy[8192];
    char *at = copy, head[4096];
    size_t len = strlen(sentence);
    if (len >= sizeof copy || len < 2 || sentence[len - 1] != '.') return false;
    memcpy(copy, sentence, len);
    copy[len - 1] = '\0';
    if (!said_split(&at, "; began ", true, head, sizeof head)) return false;
    if (!said_split(&at, "; ", false, said->began, sizeof said->began)) return false;
    if (!said_split(&at, "; likely cause ", false, said->versions, sizeof said->versions)) return false;
    if (!said_split(&at, ", ", true, said->cause, sizeof said->cause)) return false;
    (void)snprintf(said->evidence, sizeof said->evidence, "%s", at);
    at = head;
    char rest[4096];
    if (!said_split(&at, " for this time (", true, rest, sizeof rest)) return false;
    if (!said_split(&at, ", ", true, said->sample, sizeof said->sample)) return false;
    if (!said_split(&at, ")", false, said->history, sizeof said->history) || *at != '\0') return false;
    at = rest;
    if (!said_split(&at, ", expected ", true, head, sizeof head)) return false;
    if (!said_split(&at, "–", false, said->low, sizeof said->low)) return false;
    (void)snprintf(said->high, sizeof said->high, "%.60s", at);
    at = head;
    if (!said_split(&at, " is ", true, said->who_and_signal, sizeof said->who_and_signal)) return false;
    (void)snprintf(said->seen, sizeof said->seen, "%.60s", at);
    return true;
}

/* "1.9 s", "340 us", "12 %", "1,204" as a number; false when it is none of these. */
static inline bool said_number(const char *text, double *value) {
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{" us", 1e-6}, {" ms", 1e-3}, {" s", 1}, {" min", 60}, {" %", 0.01}, {"/s", 1}, {"", 1}};
    char digits[64];
    size_t n = 0;
    for (; *text != '\0' && *text != ' ' && *text != '/' && n + 1 < sizeof digits; text++)
        if (*text != ',') digits[n++] = *text;
    digits[n] = '\0';
    char *end;
    *value = strtod(digits, &end);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text, units[i].unit) != 0) continue;
        *value *= units[i].factor;
        return n > 0 && *end == '\0';
    }
    return false;
}

#endif
