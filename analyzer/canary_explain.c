#include "analyzer/canary.h"
#include "analyzer/phrase.h"

#include <math.h>

typedef struct {
    const canary_result_t *result;
    const canary_settings_t *settings;
    const char *service, *baseline, *candidate;
    buffer_t *out;
} sentence_t;

/* "12 of 1,940 requests (0.62 %)" */
static void say_errors(const sentence_t *sentence, const canary_side_t *side) {
    phrase_t errors, requests, share;
    buffer_format(sentence->out, "%s of %s requests (%s)", phrase_count(&errors, side->errors),
                  phrase_count(&requests, side->requests), phrase_share(&share, side->error_ratio));
}

static double quantile_of(const canary_side_t *side, canary_signal_t signal) {
    return signal == CANARY_P50 ? side->p50_s : signal == CANARY_P90 ? side->p90_s : side->p99_s;
}

static void say_fail(const sentence_t *sentence) {
    const canary_result_t *result = sentence->result;
    phrase_t time, chance, now, then, requests;
    buffer_format(sentence->out, "%s of %s fails: ", sentence->candidate, sentence->service);
    if (result->signal == CANARY_ERRORS) {
        buffer_text(sentence->out, "it failed ");
        say_errors(sentence, &result->candidate);
        buffer_format(sentence->out, ", %s failed ", sentence->baseline);
        say_errors(sentence, &result->baseline);
    } else {
        static const char *const words[CANARY_SIGNALS] = {"", "median", "p90", "p99", "p99"};
        buffer_format(sentence->out, "its %s is %s over %s requests, that of %s %s", words[result->signal],
                      phrase_seconds(&now, quantile_of(&result->candidate, result->signal)),
                      phrase_count(&requests, result->candidate.requests), sentence->baseline,
                      phrase_seconds(&then, quantile_of(&result->baseline, result->signal)));
    }
    buffer_format(sentence->out, " in the same %s; of identical versions at most %s are failed by chance.",
                  phrase_seconds(&time, result->seconds), phrase_share(&chance, sentence->settings->alpha));
}

static void say_pass(const sentence_t *sentence) {
    const canary_result_t *result = sentence->result;
    phrase_t share, factor, now, then;
    buffer_format(sentence->out, "%s of %s passes: it failed ", sentence->candidate, sentence->service);
    say_errors(sentence, &result->candidate);
    buffer_format(sentence->out, ", %s failed ", sentence->baseline);
    say_errors(sentence, &result->baseline);
    buffer_format(sentence->out,
                  ", its p99 is %s against %s; with %s confidence it fails at most %.2g points more and its p99 is not "
                  "%s as long.",
                  phrase_seconds(&now, result->candidate.p99_s), phrase_seconds(&then, result->baseline.p99_s),
                  phrase_share(&share, sentence->settings->confidence), 100 * fmax(result->difference_high, 0),
                  phrase_factor(&factor, sentence->settings->latency_factor));
}

static void say_missing(const sentence_t *sentence) {
    const canary_result_t *result = sentence->result;
    phrase_t more, time;
    if (isnan(result->more_requests)) {
        buffer_text(sentence->out, "; it is so close to what is tolerated that more requests may not decide it.");
        return;
    }
    buffer_format(sentence->out, "; about %s more requests are needed", phrase_count(&more, result->more_requests));
    if (!isnan(result->more_seconds))
        buffer_format(sentence->out, ", %s at its present rate", phrase_seconds(&time, fmax(result->more_seconds, 1)));
    buffer_text(sentence->out, ".");
}

static void say_not_enough(const sentence_t *sentence) {
    const canary_result_t *result = sentence->result;
    phrase_t requests, other, time;
    buffer_format(sentence->out, "Not enough data on %s of %s: ", sentence->candidate, sentence->service);
    if (!(result->candidate.seen > 0))
        buffer_text(sentence->out, "it has had no requests");
    else if (!(result->baseline.seen > 0))
        buffer_format(sentence->out, "%s, to compare it with, has had no requests", sentence->baseline);
    else if (result->buckets == 0)
        buffer_format(sentence->out, "it and %s have had no requests in the same minute", sentence->baseline);
    else
        buffer_format(sentence->out, "it has had %s requests beside %s to %s in %s",
                      phrase_count(&requests, result->candidate.requests),
                      phrase_count(&other, result->baseline.requests), sentence->baseline,
                      phrase_seconds(&time, result->seconds));
    say_missing(sentence);
}

/* Client errors decide nothing, but a version that refuses what the other accepts should be looked at. */
static void say_client_errors(const sentence_t *sentence) {
    const canary_side_t *now = &sentence->result->candidate, *then = &sentence->result->baseline;
    phrase_t share, other;
    if (!(now->client_ratio - then->client_ratio >= sentence->settings->error_points / 2)) return;
    buffer_format(sentence->out, " Its client errors (4xx), which do not count, are %s of its requests against %s.",
                  phrase_share(&share, now->client_ratio), phrase_share(&other, then->client_ratio));
}

void canary_sentence(const canary_result_t *result, const canary_settings_t *settings, const char *service,
                     const char *baseline, const char *candidate, buffer_t *out) {
    sentence_t sentence = {result, settings, service, baseline, candidate, out};
    static void (*const say[])(const sentence_t *) = {
        [CANARY_PASS] = say_pass, [CANARY_FAIL] = say_fail, [CANARY_NOT_ENOUGH_DATA] = say_not_enough};
    say[result->verdict](&sentence);
    say_client_errors(&sentence);
    buffer_byte(out, '\0');
}
