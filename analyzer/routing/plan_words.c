/* What plans that compare peers have in common: how the worst one differs, what moving its traffic does, and whether
 * the others can bear it. */
#include "analyzer/phrase.h"
#include "analyzer/routing/routing.h"

#include <math.h>
#include <stdio.h>

/* "v2 fails 12 % of 340 requests in the last minute, the others 0.3 % of 3,100" */
void plan_contrast_words(const analyzer_t *analyzer, const peers_t *peers, const contrast_t *contrast, char *out,
                         size_t size) {
    const peer_t *worst = &peers->items[contrast->worst];
    peer_t rest = peers_others(peers, contrast->worst);
    phrase_t a, b, c, d;
    const char *name = routing_name(analyzer, peers_part(analyzer, peers, contrast->worst));
    switch ((contrast_by_t)contrast->by) {
    case BY_ERRORS:
        (void)snprintf(out, size, "%s fails %s of %s requests in the last minute, the others %s of %s", name,
                       phrase_share(&a, worst->errors / worst->requests), phrase_count(&b, worst->requests),
                       phrase_share(&c, rest.errors / rest.requests), phrase_count(&d, rest.requests));
        return;
    case BY_SILENCE:
        (void)snprintf(
            out, size,
            "%s has answered nothing for %s and had %s requests/s before; the others answer %s requests/s, no "
            "more than usual, so its share of the calls is still sent to it",
            name, phrase_seconds(&a, worst->silent_s), phrase_count(&b, worst->usual_rate),
            phrase_count(&c, rest.rate));
        return;
    case BY_WAITS:
        (void)snprintf(out, size,
                       "callers wait %s for %s at the 90th percentile of %s calls in the last minute, and %s for the "
                       "others",
                       phrase_seconds(&a, histogram_quantile(&worst->waits, 0.9)), name,
                       phrase_count(&b, histogram_total(&worst->waits)),
                       phrase_seconds(&c, histogram_quantile(&rest.waits, 0.9)));
        return;
    case BY_LATENCY:
        (void)snprintf(
            out, size, "%s needs %s at the 90th percentile of %s requests in the last minute, the others %s of %s",
            name, phrase_seconds(&a, histogram_quantile(&worst->latency, 0.9)), phrase_count(&b, worst->requests),
            phrase_seconds(&c, histogram_quantile(&rest.latency, 0.9)), phrase_count(&d, rest.requests));
    }
}

static void capacity_words(const char *name, const effect_t *effect, char *out, size_t size) {
    phrase_t rate, highest, use;
    const char *r = phrase_count(&rate, effect->rate), *h = phrase_count(&highest, effect->highest);
    switch (effect->capacity) {
    case CAPACITY_BORNE:
        (void)snprintf(out, size, "%s would get %s requests/s and has borne %s before", name, r, h);
        return;
    case CAPACITY_ROOM:
        (void)snprintf(out, size,
                       "%s would get %s requests/s; it was never seen with more than %s, but its processors would be "
                       "used to %s",
                       name, r, h, phrase_share(&use, effect->processor));
        return;
    case CAPACITY_UNKNOWN:
        (void)snprintf(
            out, size,
            "%s would get %s requests/s, more than the %s that it was ever seen to bear, and nobody tells how "
            "busy its processors are: watch it",
            name, r, h);
        return;
    default:
        (void)snprintf(
            out, size,
            "%s would get %s requests/s, more than the %s that it was ever seen to bear: add instances first", name, r,
            h);
    }
}

static double moved_rate(const peers_t *peers, uint32_t worst) {
    const peer_t *peer = &peers->items[worst];
    peer_t rest = peers_others(peers, worst);
    if (peer->silent_s <= 0) return peer->rate;
    return rest.usual_rate > 0 ? peer->usual_rate * rest.rate / rest.usual_rate : 0;
}

void plan_moves(const analyzer_t *analyzer, const peers_t *peers, const contrast_t *contrast, bool spread,
                plan_t *plan) {
    uint32_t worst = contrast->worst;
    double moved = moved_rate(peers, worst);
    peer_t rest = peers_others(peers, worst);
    plan->effect = effect_without(analyzer, peers, contrast, spread);
    for (uint32_t i = 0; i < peers->count; i++) {
        const peer_t *peer = &peers->items[i];
        double predicted = i == worst ? 0 : peer->rate * (1 + moved / fmax(rest.rate, 1e-9));
        if (!spread) predicted = i == plan->effect.receiver ? plan->effect.rate : 0;
        plan->load[plan->load_count++] = (load_row_t){peers_part(analyzer, peers, i), i == worst ? moved : peer->rate,
                                                      predicted, peer->highest_rate};
    }
    plan->blast = moved / fmax(moved + rest.rate, 1e-9);
    capacity_words(routing_name(analyzer, peers_part(analyzer, peers, plan->effect.receiver)), &plan->effect,
                   plan->capacity, sizeof plan->capacity);
    plan->confidence = (1 - pow(10, -contrast->evidence / 3)) * (plan->effect.capacity == CAPACITY_UNKNOWN ? 0.8 : 1);
}
