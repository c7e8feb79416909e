/* More requests than a service ever bore, and it has become slow or fails: let through as many at a time as it has
 * borne. By Little's law it then holds `highest rate x usual latency` requests on average; their number scatters about
 * as a Poisson variable does, so three standard deviations are left free. Each calling proxy counts for itself, so the
 * limit is divided by the callers' instances that were seen. What is turned away fails at once: that is said, and
 * proposed only where it is less than what fails now, or where every request turned away saves the others PATIENCE_S of
 * waiting. */
#include "analyzer/phrase.h"
#include "analyzer/routing/routing.h"

#include <math.h>
#include <stdio.h>

enum { REQUESTS_MIN = 50 };
static const double Z = 1.645; /* 90 % */
static const double SURGE_FACTOR = 1.15, SLOW_FACTOR = 2, SHED_MAX = 0.5, PATIENCE_S = 1;

typedef struct {
    baseline_t usual;
    histogram_t usual_latency;
    histogram_t now;
    double requests, errors, rate;
} load_t;

static bool load_of(const flow_t *flow, int64_t onset_ns, load_t *load) {
    double covered_s = 0;
    *load = (load_t){.requests = 0};
    if (flow == NULL || !flow_baseline(flow, flow->recent_count, &load->usual)) return false;
    flow_latencies(flow, flow->recent_count, TRACK_LATENCY, &load->usual_latency);
    for (uint32_t i = 0; i < flow->recent_count; i++) {
        const flow_bucket_t *bucket = &flow->recent[i];
        if (bucket_end_ns(bucket->bucket) <= onset_ns) continue;
        load->requests += bucket->requests;
        load->errors += bucket->errors;
        flow_recent_add(flow, i, TRACK_LATENCY, &load->now);
        covered_s += flow->period_s;
    }
    load->rate = covered_s > 0 ? load->requests / covered_s : 0;
    return load->requests >= REQUESTS_MIN && flow->highest_rate > 0;
}

/* Instances of the services that call this one, seen lately; at least one. */
static uint32_t calling_instances(const analyzer_t *analyzer, uint32_t service) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *edge = &analyzer->subjects[i];
        if (edge->key.kind != ENTITY_EDGE || edge->key.service != service) continue;
        for (uint32_t k = 0; k < analyzer->subject_count; k++) {
            const subject_t *subject = &analyzer->subjects[k];
            count += subject->key.kind == ENTITY_INSTANCE && subject->key.service == edge->key.caller &&
                     analyzer->last_bucket - subject->last_bucket < RECENT_BUCKETS;
        }
    }
    return count == 0 ? 1 : count;
}

static void predict(const load_t *load, double shed, effect_t *effect) {
    double usual_errors = load->usual.errors / load->usual.requests, n = load->requests;
    double predicted = shed + (1 - shed) * usual_errors, total = histogram_total(&load->usual_latency);
    double half = total > 0 ? Z * sqrt(0.99 * 0.01 / fmin(total, n)) : 0;
    *effect = (effect_t){.fits = true};
    effect->errors.now = load->errors / n;
    effect->errors.predicted = predicted;
    stats_wilson(predicted * n, n, Z, &effect->errors.low, &effect->errors.high);
    effect->p99_s.now = histogram_quantile(&load->now, 0.99);
    effect->p99_s.predicted = histogram_quantile(&load->usual_latency, 0.99);
    effect->p99_s.low = histogram_quantile(&load->usual_latency, 0.99 - half);
    effect->p99_s.high = histogram_quantile(&load->usual_latency, fmin(1, 0.99 + half));
}

static void say(const load_t *load, double highest, double shed, uint32_t proxies, plan_t *plan) {
    phrase_t a, b, c, d;
    const char *name = plan->action.service;
    (void)snprintf(plan->title, sizeof plan->title, "Let at most %u requests at a time through to %s from each caller",
                   (unsigned)plan->action.in_flight, name);
    (void)snprintf(
        plan->sentence, sizeof plan->sentence,
        "%s gets %s requests/s and has borne %s before; now it needs %s on average. Holding it to what it has "
        "borne turns %s of the requests away at once and lets the others be answered as usual",
        name, phrase_count(&a, load->rate), phrase_count(&b, highest), phrase_seconds(&c, histogram_mean(&load->now)),
        phrase_share(&d, shed));
    (void)snprintf(plan->capacity, sizeof plan->capacity, "%s requests/s are left to it, as many as it has borne",
                   phrase_count(&b, highest));
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius,
                   "every caller of %s inside the mesh (%u instances seen); %s of their requests fail at once", name,
                   (unsigned)proxies, phrase_share(&d, shed));
}

bool plan_breaker(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan) {
    const flow_t *flow = routing_flow(analyzer, blame->service);
    load_t load;
    if (!incident->established || !load_of(flow, blame->onset_ns, &load)) return false;
    if (!action_set_service(&plan->action, routing_name(analyzer, blame->service))) return false;
    double highest = flow->highest_rate, mean = histogram_mean(&load.now), usual = histogram_mean(&load.usual_latency);
    double shed = 1 - highest / load.rate, failing = load.errors / load.requests;
    if (!(load.rate > SURGE_FACTOR * highest) || !(shed <= SHED_MAX) || !(usual > 0)) return false;
    bool fails = failing > SURGE_FACTOR * shed, waits = (mean - usual) * (1 - shed) > shed * PATIENCE_S;
    if (!fails && !(mean > SLOW_FACTOR * usual && waits)) {
        plan->cannot = "a limit on requests in flight would turn away more than it saves";
        return false;
    }
    double held = highest * usual;
    uint32_t proxies = calling_instances(analyzer, blame->service);
    plan->kind = KIND_CIRCUIT_BREAKER;
    plan->service = blame->service;
    plan->action.kind = ACTION_CIRCUIT_BREAKER;
    plan->action.in_flight = (uint32_t)fmin(1e6, fmax(1, ceil((held + 3 * sqrt(held)) / proxies)));
    plan->action.pending = plan->action.in_flight;
    plan->action.requests_per_s = highest;
    predict(&load, shed, &plan->effect);
    say(&load, highest, shed, proxies, plan);
    plan->confidence = 0.5 * (1 - shed);
    plan->wrong_if[0] = "the load is wanted and lasts: then more instances are the cure";
    plan->wrong_if[1] = "callers try again at once when they are turned away: then the load grows";
    plan->wrong_if[2] = "requests are spread unevenly over the callers' instances, each of which counts for itself";
    return true;
}
