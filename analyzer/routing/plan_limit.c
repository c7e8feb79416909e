/* More requests than a service ever bore, and it has become slow or fails: let through no more than it has borne. By
 * Little's law it then holds `highest rate x usual latency` requests on average; their number scatters about as a
 * Poisson variable does, so three standard deviations are left free. Each calling proxy counts for itself, so a limit
 * on requests in flight is divided by the callers' instances that were seen; where no service of the mesh calls it, the
 * limit is on its rate, and its own proxies keep it. What is turned away fails at once: that is said, and proposed only
 * where it is less than what fails now, or where every request turned away saves the others PATIENCE_S of waiting. */
#include "analyzer/phrase.h"
#include "analyzer/routing/routing.h"

#include <math.h>
#include <stdio.h>

enum { REQUESTS_MIN = 50 };
static const double Z = 1.645; /* 90 % */
static const double SURGE_FACTOR = 1.15, SLOW_FACTOR = 2, SHED_MAX = 0.5;

/* Instances of the services that call this one, seen lately: at least one where somebody calls it, else 0. */
static uint32_t calling_instances(const analyzer_t *analyzer, uint32_t service) {
    uint32_t count = 0;
    bool called = false;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *edge = &analyzer->subjects[i];
        if (edge->key.kind != ENTITY_EDGE || edge->key.service != service) continue;
        called = true;
        for (uint32_t k = 0; k < analyzer->subject_count; k++) {
            const subject_t *subject = &analyzer->subjects[k];
            count += subject->key.kind == ENTITY_INSTANCE && subject->key.service == edge->key.caller &&
                     analyzer->last_bucket - subject->last_bucket < RECENT_BUCKETS;
        }
    }
    return count == 0 && called ? 1 : count;
}

static void predict(const lately_t *load, double shed, effect_t *effect) {
    double n = load->requests, predicted = shed + (1 - shed) * load->usual_errors;
    effect_usual(load, 1, effect);
    effect->errors.predicted = predicted;
    stats_wilson(predicted * n, n, Z, &effect->errors.low, &effect->errors.high);
    effect->harm.predicted += shed;
    effect->harm.worst += effect->errors.high;
}

static void say(const lately_t *load, double shed, uint32_t proxies, plan_t *plan) {
    phrase_t a, b, c, d, from = {""};
    const char *name = plan->action.service;
    bool in_flight = plan->kind == KIND_CIRCUIT_BREAKER;
    if (in_flight)
        (void)snprintf(plan->title, sizeof plan->title,
                       "Let at most %u requests at a time through to %s from each caller",
                       (unsigned)plan->action.in_flight, name);
    else
        (void)snprintf(plan->title, sizeof plan->title, "Let at most %s requests a second through to %s",
                       phrase_count(&a, plan->action.requests_per_s), name);
    (void)snprintf(
        plan->sentence, sizeof plan->sentence,
        "%s gets %s requests/s and has borne %s before; now it needs %s on average. Holding it to what it has "
        "borne turns %s of the requests away at once and lets the others be answered as usual",
        name, phrase_count(&a, load->rate), phrase_count(&b, load->highest_rate),
        phrase_seconds(&c, histogram_mean(&load->latency)), phrase_share(&d, shed));
    (void)snprintf(plan->capacity, sizeof plan->capacity, "%s requests/s are left to it, as many as it has borne",
                   phrase_count(&b, load->highest_rate));
    if (in_flight) (void)snprintf(from.text, sizeof from.text, " (%u instances seen)", (unsigned)proxies);
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius,
                   "every caller of %s%s%s; %s of their requests fail at once", name,
                   in_flight ? " inside the mesh" : "", from.text, phrase_share(&d, shed));
}

bool plan_limit(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan) {
    lately_t load;
    if (!incident->established || !lately_of(routing_flow(analyzer, blame->service), blame->onset_ns, &load))
        return false;
    if (load.requests < REQUESTS_MIN || !(load.highest_rate > 0)) return false;
    if (!action_set_service(&plan->action, routing_name(analyzer, blame->service))) return false;
    double highest = load.highest_rate, mean = histogram_mean(&load.latency);
    double usual = histogram_mean(&load.usual_latency), shed = 1 - highest / load.rate;
    if (!(load.rate > SURGE_FACTOR * highest) || !(shed <= SHED_MAX) || !(usual > 0)) return false;
    bool fails = load.errors / load.requests > SURGE_FACTOR * shed;
    bool waits = (mean - usual) * (1 - shed) > shed * PATIENCE_S;
    if (!(mean > SLOW_FACTOR * usual) || !(fails || waits)) { /* what fails at once is not for want of room */
        plan->cannot = "a limit on requests in flight would turn away more than it saves";
        return false;
    }
    double held = highest * usual;
    uint32_t proxies = calling_instances(analyzer, blame->service);
    plan->kind = proxies > 0 ? KIND_CIRCUIT_BREAKER : KIND_RATE_LIMIT;
    plan->service = blame->service;
    plan->action.kind = proxies > 0 ? ACTION_CIRCUIT_BREAKER : ACTION_RATE_LIMIT;
    if (proxies > 0) {
        plan->action.in_flight = (uint32_t)fmin(1e6, fmax(1, ceil((held + 3 * sqrt(held)) / proxies)));
        plan->action.pending = plan->action.in_flight;
    } else {
        plan->action.requests_per_s = highest;
    }
    predict(&load, shed, &plan->effect);
    say(&load, shed, proxies, plan);
    plan->blast = 1;
    plan->confidence = 0.5 * (1 - shed);
    plan->wrong_if[0] = "the load is wanted and lasts: then more instances are the cure";
    plan->wrong_if[1] = "callers try again at once when they are turned away: then the load grows";
    plan->wrong_if[2] = proxies > 0 ? "requests are spread unevenly over the callers' instances, each of which counts "
                                      "for itself"
                                    : NULL;
    return true;
}
