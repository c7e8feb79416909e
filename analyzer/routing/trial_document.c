/* A trial as the API shows it: the suggestion's document as it was proposed, with `state`, `seen`, `waits_for` and
 * `verified` (docs/api.md). */
#include "analyzer/phrase.h"
#include "analyzer/routing/judge.h"

#include <math.h>
#include <stdio.h>

enum { SENTENCE_MAX = 1024 };
static const double TIE = 1e-6;

static const char *const outcome_names[] = {"", "helped", "no_effect", "harmed"};

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *ms(int64_t ns) {
    return json_integer((json_int_t)(ns / 1000000));
}

static double total_of(const double *counts, uint32_t parts) {
    double sum = 0;
    for (uint32_t i = 0; i < parts; i++) sum += counts[i];
    return sum;
}

/* Shares of the parts before the change, as suggested, and since it; a sentence about the part that moved most, of two
 * the one that lost. */
static json_t *seen_document(const trial_t *trial) {
    const recogniser_t *recogniser = recogniser_of(trial->action.kind);
    double before[PARTS_MAX] = {0}, after[PARTS_MAX] = {0}, farthest = -1;
    uint32_t parts = trial->part_count;
    double usual = total_of(trial->usual, parts), moved = total_of(trial->moved, parts);
    json_t *list = json_array();
    char sentence[SENTENCE_MAX] = "", name[ACTION_INSTANCE_BYTES];
    for (uint32_t i = 0; i < parts; i++) before[i] = usual > 0 ? trial->usual[i] / usual : 0;
    recogniser->expect(trial, before, after);
    for (uint32_t i = 0; i < parts; i++) {
        double now = moved > 0 ? trial->moved[i] / moved : 0;
        double way = fabs(now - before[i]) + (now < before[i] ? TIE : 0);
        if (before[i] + after[i] + now <= 0) continue; /* no others */
        phrase_t a, b, c, when;
        (void)recogniser->part_name(trial, i, name, sizeof name);
        (void)json_array_append_new(list, json_pack("{ss,so,so,so}", "name", name, "before", number(before[i]),
                                                    "suggested", number(after[i]), "observed", number(now)));
        if (way <= farthest) continue;
        farthest = way;
        (void)snprintf(sentence, sizeof sentence,
                       "The change shows since %s in the requests of %s: %s %s now, %s before, %s suggested",
                       phrase_time(&when, trial->since_ns), trial->service, name, phrase_share(&a, now),
                       phrase_share(&b, before[i]), phrase_share(&c, after[i]));
    }
    return json_pack("{so,so,so,ss}", "time_ms", ms(trial->seen_ns), "since_ms", ms(trial->since_ns), "parts", list,
                     "sentence", sentence);
}

static json_t *waits_document(const trial_t *trial, int64_t now_ns, double wanted) {
    char sentence[SENTENCE_MAX];
    phrase_t a, b;
    if (now_ns <= trial->from_ns)
        (void)snprintf(sentence, sizeof sentence, "the effect is measured from %s on; about %s requests are needed",
                       phrase_time(&a, trial->from_ns), phrase_count(&b, ceil(wanted)));
    else if (wanted > 0)
        (void)snprintf(sentence, sizeof sentence, "too few requests to judge: %s so far, about %s more are needed",
                       phrase_count(&a, trial->after.requests), phrase_count(&b, ceil(wanted)));
    else
        (void)snprintf(sentence, sizeof sentence, "measuring: %s requests so far",
                       phrase_count(&a, trial->after.requests));
    return json_pack("{sI,so,ss}", "more_requests", (json_int_t)ceil(wanted), "from_ms", ms(trial->from_ns), "sentence",
                     sentence);
}

static json_t *foretold_document(const foretold_t *foretold) {
    if (!foretold->told) return json_null();
    return json_pack("{so,so,so}", "predicted", number(foretold->predicted), "low", number(foretold->low), "high",
                     number(foretold->high));
}

static json_t *load_document(const trial_t *trial) {
    json_t *list = json_array();
    double window_s = (double)(trial->until_ns - trial->from_ns) / 1e9;
    for (uint32_t i = 0; i < trial->load_count; i++)
        (void)json_array_append_new(list, json_pack("{ss,so,so}", "target", trial->loads[i].name, "predicted_rate",
                                                    number(trial->loads[i].predicted_rate), "observed_rate",
                                                    number(window_s > 0 ? trial->load[i] / window_s : NAN)));
    return list;
}

/* "failing requests 0.2 % (predicted 0.1 %, 0 % to 0.4 %; before 12 %)" */
static void figure_words(const char *what, const figure_t *figure, const foretold_t *foretold,
                         const char *(*spell)(phrase_t *phrase, double value), char *out, size_t size) {
    phrase_t a, b, c, d, e;
    if (isnan(figure->observed) || isnan(figure->before))
        out[0] = '\0';
    else if (foretold->told)
        (void)snprintf(out, size, "; %s %s, predicted %s (%s to %s), before %s", what, spell(&a, figure->observed),
                       spell(&b, foretold->predicted), spell(&c, foretold->low), spell(&d, foretold->high),
                       spell(&e, figure->before));
    else
        (void)snprintf(out, size, "; %s %s, before %s", what, spell(&a, figure->observed), spell(&e, figure->before));
}

static json_t *verified_document(const trial_t *trial, const json_t *document, int64_t now_ns,
                                 const judgement_t *judgement) {
    static const char *const words[] = {"", "It helped", "It had no clear effect",
                                        "It made things worse: take it back with the command under \"undo\""};
    char sentence[SENTENCE_MAX], errors[300], p99[300];
    phrase_t count, window;
    const char *undo = json_string_value(json_object_get(document, "undo"));
    bool harmed = judgement->outcome == OUTCOME_HARMED;
    const figure_t *e = &judgement->errors, *p = &judgement->p99_s;
    bool timeout = trial->action.kind == ACTION_SET_TIMEOUT;
    figure_words(timeout ? "failing calls" : "failing requests", e, &trial->errors, phrase_share, errors,
                 sizeof errors);
    figure_words(timeout ? "99th percentile of the caller" : "99th percentile", p, &trial->p99_s, phrase_seconds, p99,
                 sizeof p99);
    (void)snprintf(sentence, sizeof sentence, "%s, by %s requests in %s%s%s", words[judgement->outcome],
                   phrase_count(&count, trial->after.requests),
                   phrase_seconds(&window, (double)(trial->until_ns - trial->from_ns) / 1e9), errors, p99);
    json_t *inside =
        !e->told && !p->told ? json_null() : json_boolean((!e->told || e->inside) && (!p->told || p->inside));
    return json_pack("{so,ss,so,ss,so,s{so,so},sI,s{so,so,so},s{so,so},s{so,so,so}}", "time_ms", ms(now_ns), "verdict",
                     outcome_names[judgement->outcome], "inside", inside, "sentence", sentence, "undo",
                     harmed && undo != NULL && undo[0] != '\0' ? json_string(undo) : json_null(), "window", "start_ms",
                     ms(trial->from_ns), "end_ms", ms(trial->until_ns), "requests", (json_int_t)trial->after.requests,
                     "predicted", "error_ratio", foretold_document(&trial->errors), "p99_s",
                     foretold_document(&trial->p99_s), "load", load_document(trial), "before", "error_ratio",
                     number(e->before), "p99_s", number(p->before), "observed", "error_ratio", number(e->observed),
                     "p99_s", number(p->observed), "inside",
                     json_pack("{so,so}", "error_ratio", e->told ? json_boolean(e->inside) : json_null(), "p99_s",
                               p->told ? json_boolean(p->inside) : json_null()));
}

char *trial_document(const trial_t *trial, int64_t now_ns, const judgement_t *judgement, double wanted) {
    json_t *document = json_loads(trial->json, 0, NULL);
    if (document == NULL) return NULL;
    const char *state = judgement == NULL                      ? (trial->phase == TRIAL_SEEN ? "seen" : "open")
                        : judgement->outcome == OUTCOME_HELPED ? "verified"
                                                               : "refuted";
    bool seen = trial->phase == TRIAL_SEEN;
    (void)json_object_set_new(document, "state", json_string(state));
    (void)json_object_set_new(document, "seen", seen ? seen_document(trial) : json_null());
    (void)json_object_set_new(document, "waits_for",
                              seen && judgement == NULL ? waits_document(trial, now_ns, wanted) : json_null());
    (void)json_object_set_new(document, "verified",
                              judgement == NULL ? json_null() : verified_document(trial, document, now_ns, judgement));
    char *text = json_dumps(document, JSON_COMPACT);
    json_decref(document);
    return text;
}
