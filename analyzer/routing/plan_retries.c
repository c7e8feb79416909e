/* A retry storm: a service gets many more calls for each request of its caller than usual, more than it ever bore, and
 * can no longer keep up with them, so that they fail and are made again. What began it may be long over. Told from a
 * service that fails by itself and is asked again for that (where retries help) by its queue: even its quickest answers
 * take longer than its slowest used to. */
#include "analyzer/phrase.h"
#include "analyzer/routing/routing.h"

#include <math.h>
#include <stdio.h>

enum { LATELY_BUCKETS = 3 };
static const double AMPLIFIED_MIN = 1.5, SURGE_MAX = 1.3, BORNE = 1.1;

typedef struct {
    uint32_t caller;
    lately_t calls, callers, served;
    double amplified; /* calls for each request of the caller, against usual */
} storm_t;

static bool queues(const lately_t *served) {
    return histogram_quantile(&served->latency, 0.1) > histogram_quantile(&served->usual_latency, 0.99);
}

static bool storm_of(const analyzer_t *analyzer, const subject_t *edge, int64_t onset_ns, storm_t *storm) {
    *storm = (storm_t){.caller = edge->key.caller};
    if (!lately_of(edge->flow, onset_ns, &storm->calls)) return false;
    if (!lately_of(routing_flow(analyzer, edge->key.caller), onset_ns, &storm->callers)) return false;
    if (!lately_of(routing_flow(analyzer, edge->key.service), onset_ns, &storm->served)) return false;
    const lately_t *calls = &storm->calls, *callers = &storm->callers;
    if (!(callers->rate > 0) || !(calls->usual_rate > 0) || !(callers->usual_rate > 0)) return false;
    storm->amplified = calls->rate / callers->rate / (calls->usual_rate / callers->usual_rate);
    return storm->amplified >= AMPLIFIED_MIN && callers->rate <= SURGE_MAX * callers->highest_rate &&
           storm->served.rate > BORNE * storm->served.highest_rate && queues(&storm->served);
}

static bool find(const analyzer_t *analyzer, const blame_t *blame, uint32_t *callee, storm_t *worst) {
    bool found = false;
    int64_t lately_ns = bucket_end_ns(analyzer->last_bucket - LATELY_BUCKETS);
    int64_t since_ns = lately_ns > blame->onset_ns ? lately_ns : blame->onset_ns; /* it grows out of what began it */
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *edge = &analyzer->subjects[i];
        if (edge->key.kind != ENTITY_EDGE || edge->flow == NULL || edge->key.caller == edge->key.service) continue;
        if (edge->key.service != blame->service && edge->key.caller != blame->service) continue;
        storm_t storm;
        if (!storm_of(analyzer, edge, since_ns, &storm)) continue;
        if (found && storm.amplified <= worst->amplified) continue;
        *worst = storm;
        *callee = edge->key.service;
        found = true;
    }
    return found;
}

/* Errors of the calls, latency of the service; what users are spared is the caller's. That the queue empties at once is
 * not known, so twice the usual uncertainty. */
static void predict(const storm_t *storm, effect_t *effect) {
    effect_t calls, callers;
    *effect = (effect_t){.processor = NAN};
    effect_usual(&storm->served, 2, effect);
    effect_usual(&storm->calls, 2, &calls);
    effect_usual(&storm->callers, 2, &callers);
    effect->errors = calls.errors;
    effect->harm = callers.harm;
}

static void say(const analyzer_t *analyzer, const storm_t *storm, plan_t *plan) {
    phrase_t a, b, c, d;
    const char *name = plan->action.service, *who = routing_name(analyzer, storm->caller);
    (void)snprintf(plan->title, sizeof plan->title, "Let %s not retry its calls to %s", who, name);
    (void)snprintf(
        plan->sentence, sizeof plan->sentence,
        "%s makes %s more calls to %s for each of its requests than usual, %s a second, and %s has borne %s "
        "before: even its quickest answers now wait longer than its slowest used to. Without retries it would "
        "get what it usually gets",
        who, phrase_factor(&a, storm->amplified), name, phrase_count(&b, storm->calls.rate), name,
        phrase_count(&c, storm->served.highest_rate));
    (void)snprintf(plan->capacity, sizeof plan->capacity, "%s would get about %s requests/s and has borne %s before",
                   name, phrase_count(&a, storm->served.rate / storm->amplified),
                   phrase_count(&d, storm->served.highest_rate));
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius,
                   "the calls of %s to %s; one that fails is not made again, so a short failure reaches its users", who,
                   name);
}

bool plan_retries(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan) {
    (void)incident;
    storm_t storm;
    uint32_t callee;
    if (!find(analyzer, blame, &callee, &storm)) return false;
    if (!action_set_service(&plan->action, routing_name(analyzer, callee))) return false;
    plan->kind = KIND_CUT_RETRIES;
    plan->service = callee;
    plan->action.kind = ACTION_CUT_RETRIES;
    plan->action.attempts = 0;
    action_set_caller(&plan->action, routing_name(analyzer, storm.caller));
    predict(&storm, &plan->effect);
    say(analyzer, &storm, plan);
    plan->blast = 1;
    plan->confidence = 0.7;
    plan->wrong_if[0] = "the retries are made in the caller's code: a mesh cannot stop those";
    plan->wrong_if[1] = "the service is slow by itself: then fewer calls do not make it faster";
    plan->wrong_if[2] = "the caller makes more calls for another reason, such as a new version of it";
    return true;
}
