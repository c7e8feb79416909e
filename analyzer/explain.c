#include "analyzer/explain.h"

#include "analyzer/phrase.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { WHO_BYTES = 600 };

const char *const explain_units[] = {
    [UNIT_SECONDS] = "s", [UNIT_RATIO] = "ratio", [UNIT_RATE] = "1/s", [UNIT_NONE] = ""};

static const char *quantity(phrase_t *phrase, explain_unit_t unit, double value) {
    switch (unit) {
    case UNIT_SECONDS:
        return phrase_seconds(phrase, value);
    case UNIT_RATIO:
        return phrase_share(phrase, value);
    case UNIT_RATE:
        return phrase_rate(phrase, value);
    default:
        return phrase_count(phrase, value);
    }
}

/* What is told of errors is their share. */
static const char *signal_words(const explanation_t *e) {
    return strcmp(e->signal, "errors") == 0 ? "error ratio" : e->signal;
}

static void subject_words(const explanation_t *e, char *out, size_t size) {
    const char *part = e->instance != NULL ? e->instance : e->version;
    if (e->caller != NULL)
        (void)snprintf(out, size, "%s > %s", e->caller, e->service);
    else if (part != NULL)
        (void)snprintf(out, size, "%s (%s)", e->service, part);
    else
        (void)snprintf(out, size, "%s", e->service);
}

static const char *plural(double count) {
    return count == 1 ? "" : "s";
}

void explain_deviation(const explanation_t *e, char *out, size_t size) {
    char who[WHO_BYTES], sample[2 * PHRASE_BYTES + 32] = "requests not counted";
    phrase_t seen, low, high, count, window;
    subject_words(e, who, sizeof who);
    if (e->requests >= 1 || e->unit == UNIT_RATE)
        (void)snprintf(sample, sizeof sample, "%s request%s in %s", phrase_count(&count, round(e->requests)),
                       plural(round(e->requests)), phrase_seconds(&window, e->window_s));
    (void)snprintf(out, size, "%s %s is %s, expected %s–%s for this time (%s, %.0f window%s of history)", who,
                   signal_words(e), quantity(&seen, e->unit, e->seen), quantity(&low, e->unit, e->low),
                   quantity(&high, e->unit, e->high), sample, e->history_windows, plural(round(e->history_windows)));
}

void explain_sentence(const explanation_t *e, char *out, size_t size) {
    char deviation[EXPLAIN_EVIDENCE_BYTES], versions[64] = "versions not told";
    phrase_t began;
    explain_deviation(e, deviation, sizeof deviation);
    if (e->versions > 0)
        (void)snprintf(versions, sizeof versions, "%u of %u versions", e->versions_affected, e->versions);
    (void)snprintf(out, size, "%s; began %s; %s; likely cause %s, %u piece%s of evidence.", deviation,
                   phrase_time(&began, e->began_ns), versions,
                   e->cause_kind == NULL ? "not established" : e->cause_text, e->evidence_count,
                   plural(e->evidence_count));
}

static json_t *text_or_null(const char *text) {
    json_t *value = text == NULL ? NULL : json_string(text);
    return value != NULL ? value : json_null();
}

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *cause_document(const explanation_t *e) {
    return e->cause_kind == NULL ? json_null() : json_pack("{ss,ss}", "kind", e->cause_kind, "text", e->cause_text);
}

static json_t *evidence_document(const explanation_t *e) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < e->evidence_count; i++) (void)json_array_append_new(list, text_or_null(e->evidence[i]));
    return list;
}

static json_t *versions_document(const explanation_t *e) {
    if (e->versions == 0) return json_null();
    return json_pack("{sI,sI}", "affected", (json_int_t)e->versions_affected, "of", (json_int_t)e->versions);
}

json_t *explain_document(const explanation_t *e) {
    char sentence[EXPLAIN_SENTENCE_BYTES];
    explain_sentence(e, sentence, sizeof sentence);
    bool counted = e->requests >= 1 || e->unit == UNIT_RATE;
    return json_pack("{so,s{ss,so,so,so,so},ss,ss,so,s{so,so},so,so,so,sI,so,so,so}", "sentence",
                     text_or_null(sentence), "subject", "kind", e->kind, "service", text_or_null(e->service), "caller",
                     text_or_null(e->caller), "version", text_or_null(e->version), "instance",
                     text_or_null(e->instance), "signal", e->signal, "unit", explain_units[e->unit], "seen",
                     number(e->seen), "expected", "low", number(e->low), "high", number(e->high), "requests",
                     counted ? number(round(e->requests)) : json_null(), "window_seconds",
                     counted ? number(e->window_s) : json_null(), "history_windows", number(round(e->history_windows)),
                     "began_ms", (json_int_t)(e->began_ns / 1000000), "versions", versions_document(e), "cause",
                     cause_document(e), "evidence", evidence_document(e));
}
