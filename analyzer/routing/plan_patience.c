/* Calls are given up too early. A timeout that cuts into what is usual shows like this: the caller's waits pile up at
 * one value, beyond which about so many calls lay before as are given up now, and its own requests fail, while the
 * service gets as many requests as ever, answers them as fast as ever and does not fail by itself. Then the cure is a
 * timeout beyond what was ever usual. That calls fail is not asked for: not every library says so of those that it
 * gives up. Where it is said, waits need not pile up (in wide buckets, or where they are told of answered calls only):
 * then the slowest calls were given up, and the limit lies where as many took longer before. */
#include "analyzer/phrase.h"
#include "analyzer/routing/routing.h"

#include <math.h>
#include <stdio.h>

static const double CUT_MIN = 0.01, OWN_ERRORS_MAX = 0.01, SLOWER_MAX = 1.5, SERVED_MIN = 0.7;
static const double EXPLAINED_MIN = 0.4; /* of the calls that are cut: as many took longer than the limit before */
static const double FELT_MIN = 0.3;      /* of them: as many of the caller's own requests fail */
static const double REFUSED = 0.5;       /* of the calls that seem cut: then they were turned away */
enum { BINS_COARSE = 3 };                /* that a value in a wide bucket may be off */
static const double MISSED_MIN = 10, BEYOND_MAX = 0.3; /* calls that usually take longer; part of them that still may */
static const double ROOM_FACTOR = 3, TIMEOUT_MIN_S = 0.05;

/* One way from a caller to a service, and what cuts it. */
typedef struct {
    uint32_t caller, callee;
    lately_t calls, callers, served; /* the way; the caller itself; the service itself */
    double cut, limit_s;             /* share of the calls, and where */
} cut_t;

static bool serves_as_ever(const lately_t *served) {
    double now = histogram_quantile(&served->latency, 0.5), then = histogram_quantile(&served->usual_latency, 0.5);
    return served->errors / served->requests - served->usual_errors <= OWN_ERRORS_MAX && now <= SLOWER_MAX * then &&
           served->rate >= SERVED_MIN * served->usual_rate;
}

/* Whether calls that usually take longer than a limit are missing among those that were answered: not so where calls
 * hang that would have been answered at once (a black hole). */
static bool nothing_beyond(const lately_t *calls, double limit_s) {
    double usual = histogram_total(&calls->usual_waits), now = histogram_total(&calls->waits);
    int bin = 0, margin = calls->coarse ? BINS_COARSE : 1;
    while (bin < HISTOGRAM_BINS && histogram_seconds(bin) < limit_s) bin++;
    if (bin + margin >= HISTOGRAM_BINS || !(usual > 0) || !(now > 0)) return false;
    double expected = histogram_above(&calls->usual_waits, bin + margin) / usual * now;
    return expected >= MISSED_MIN && histogram_above(&calls->waits, bin + margin) <= BEYOND_MAX * expected;
}

static bool cut_of(const analyzer_t *analyzer, const subject_t *edge, int64_t onset_ns, cut_t *cut) {
    int bin = 0;
    const lately_t *calls = &cut->calls, *callers = &cut->callers;
    *cut = (cut_t){.caller = edge->key.caller, .callee = edge->key.service};
    if (!lately_of(edge->flow, onset_ns, &cut->calls)) return false;
    if (!lately_of(routing_flow(analyzer, cut->caller), onset_ns, &cut->callers)) return false;
    if (!lately_of(routing_flow(analyzer, cut->callee), onset_ns, &cut->served)) return false;
    cut->cut = lately_capped(calls, &bin);
    if (cut->cut < CUT_MIN && calls->late >= CUT_MIN) {
        double limit_s = histogram_quantile(&calls->usual_waits, 1 - calls->late);
        if (!nothing_beyond(calls, limit_s)) return false;
        cut->cut = calls->late;
        for (bin = 0; bin < HISTOGRAM_BINS && histogram_seconds(bin + 1) <= limit_s;) bin++;
    }
    cut->limit_s = histogram_seconds(bin + 0.5);
    if (calls->refused > REFUSED * cut->cut) return false;
    double usual = histogram_total(&calls->usual_waits), each = fmin(1, calls->rate / fmax(callers->rate, 1e-9));
    double felt = callers->errors / callers->requests - callers->usual_errors;
    if (cut->cut < CUT_MIN || !(usual > 0) || !serves_as_ever(&cut->served) || felt < FELT_MIN * cut->cut * each)
        return false;
    return histogram_above(&calls->usual_waits, bin) / usual >= EXPLAINED_MIN * cut->cut;
}

/* The worst cut on a way to or from the suspect. */
static bool find(const analyzer_t *analyzer, const blame_t *blame, cut_t *worst) {
    bool found = false;
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *edge = &analyzer->subjects[i];
        if (edge->key.kind != ENTITY_EDGE || edge->flow == NULL || edge->key.caller == edge->key.service) continue;
        if (edge->key.service != blame->service && edge->key.caller != blame->service) continue;
        cut_t cut;
        if (!cut_of(analyzer, edge, blame->onset_ns, &cut)) continue;
        if (found && cut.cut * cut.calls.rate <= worst->cut * worst->calls.rate) continue;
        *worst = cut;
        found = true;
    }
    return found;
}

/* The next round figure. */
static double round_up(double seconds) {
    static const double digits[] = {1, 1.5, 2, 3, 5, 8, 10};
    double ten = pow(10, floor(log10(seconds)));
    for (size_t i = 0; i < sizeof digits / sizeof digits[0]; i++)
        if (seconds <= ten * digits[i]) return ten * digits[i];
    return ten * 10;
}

/* Calls and callers then fare as they usually do. */
static void predict(const cut_t *cut, double timeout_s, effect_t *effect) {
    const histogram_t *usual = &cut->calls.usual_waits;
    effect_t calls;
    int bin = 0;
    while (bin < HISTOGRAM_BINS && histogram_seconds(bin) < timeout_s) bin++;
    double late = histogram_above(usual, bin) / histogram_total(usual);
    *effect = (effect_t){.processor = NAN};
    effect_usual(&cut->callers, 1, effect);
    effect_usual(&cut->calls, 1, &calls);
    effect->errors = calls.errors;
    effect->errors.now = fmax(effect->errors.now, cut->cut);
    effect->errors.predicted = fmin(effect->errors.predicted + late, 1);
    effect->errors.high = fmin(effect->errors.high + 2 * late, 1);
    effect->harm.predicted += late;
    effect->harm.worst += 2 * late;
}

static void say(const analyzer_t *analyzer, const cut_t *cut, plan_t *plan) {
    phrase_t a, b, c, d, e;
    const char *name = plan->action.service, *who = routing_name(analyzer, cut->caller);
    const char *timeout = phrase_seconds(&a, plan->action.timeout_s);
    (void)snprintf(plan->title, sizeof plan->title, "Let calls from %s to %s take up to %s", who, name, timeout);
    (void)snprintf(plan->sentence, sizeof plan->sentence,
                   "%s gives up %s of its calls to %s after about %s, though %s answers as fast as ever: usual calls "
                   "take up to %s at the 99th percentile. With a timeout of %s they would be answered",
                   who, phrase_share(&b, cut->cut), name, phrase_seconds(&c, cut->limit_s), name,
                   phrase_seconds(&d, histogram_quantile(&cut->calls.usual_waits, 0.99)), timeout);
    (void)snprintf(plan->capacity, sizeof plan->capacity, "nothing is moved: %s gets the requests that it gets now",
                   name);
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius,
                   "the calls of %s to %s, %s a second; those that are answered in time are not changed", who, name,
                   phrase_count(&e, cut->calls.rate));
}

bool plan_longer_timeout(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan) {
    (void)incident;
    cut_t cut;
    if (!find(analyzer, blame, &cut)) return false;
    if (!action_set_service(&plan->action, routing_name(analyzer, cut.callee))) return false;
    double usual_s = histogram_quantile(&cut.calls.usual_waits, 0.99);
    plan->action.kind = ACTION_SET_TIMEOUT;
    plan->action.timeout_s = fmax(round_up(ROOM_FACTOR * usual_s), TIMEOUT_MIN_S);
    action_set_caller(&plan->action, routing_name(analyzer, cut.caller));
    if (!(plan->action.timeout_s > cut.limit_s)) return false;
    plan->kind = KIND_SET_TIMEOUT;
    plan->service = cut.callee;
    predict(&cut, plan->action.timeout_s, &plan->effect);
    say(analyzer, &cut, plan);
    plan->blast = cut.cut;
    plan->confidence = 0.8;
    plan->wrong_if[0] = "the timeout is set in the caller's code: a mesh can only make it shorter";
    plan->wrong_if[1] = "somebody made it short on purpose, to protect the caller";
    return true;
}
