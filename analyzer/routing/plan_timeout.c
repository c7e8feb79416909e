/* A slow dependency with nowhere else to send its calls: give them up earlier. That trades waiting for failing, so it
 * is proposed only where all of this holds:
 *
 *   1. the callers are hurt by waiting: the caller that waits most is itself 1.5 times slower than usual (90th
 * percentile);
 *   2. usual calls are not touched: the timeout is at least twice the usual 99th percentile of every caller's calls;
 *   3. it is worth it: a call that would now be answered and is cut counts as bad as PATIENCE_S of waiting, and more
 *      waiting than that is saved;
 *   4. it is bearable: at most 5 % of the calls are newly cut, or, where the caller gives up calls already and does not
 * fail for it, as many as it gives up now, and never more than half. Calls that are given up are told by waits that end
 * at one value while the service works on;
 *   5. it is felt: the caller's predicted 99th percentile falls by a fifth;
 *   6. it is waiting that hurts: at most 5 % of the calls fail, besides those that are given up.
 *
 * Among the timeouts that hold (1, 1.2, 1.5, 2 … times ten), the one with the most net waiting saved is taken. The
 * caller's distribution after the change assumes that its slowest requests are those that wait longest for this
 * service; half of that relief is the other end of the interval. */
#include "analyzer/phrase.h"
#include "analyzer/routing/routing.h"

#include <math.h>
#include <stdio.h>

enum { STEPS = 400, CALLS_MIN = 30, USUAL_MIN = 30 };
static const double Z = 1.645; /* 90 % */
static const double HURT_FACTOR = 1.5, USUAL_FACTOR = 2, FELT_FACTOR = 0.8;
static const double FAILING_MAX = 0.05, NEWLY_CUT_MAX = 0.05, NEWLY_CUT_TOLERATED_MAX = 0.5, TOLERATED_PART = 0.1;
static const double PATIENCE_S = 1, TIMEOUT_MIN_S = 0.01, CAP_SHARE_MIN = 0.05;

/* Calls to the service since it became slow, all callers together. */
typedef struct {
    histogram_t waits, served; /* as the callers saw them; as the service did */
    double calls, errors, usual_p99_s, waits_of_worst;
    uint32_t caller; /* who waits most, in total */
    double caller_calls;
} waiting_t;

/* A latency distribution as equally likely values. */
typedef struct {
    double at[STEPS];
} steps_t;

static void steps_of(const histogram_t *histogram, steps_t *steps) {
    for (int i = 0; i < STEPS; i++) steps->at[i] = histogram_quantile(histogram, (i + 0.5) / STEPS);
}

static double share_above(const steps_t *steps, double seconds) {
    int above = 0;
    for (int i = 0; i < STEPS; i++) above += steps->at[i] > seconds;
    return above / (double)STEPS;
}

static double time_above(const steps_t *steps, double seconds) {
    double sum = 0;
    for (int i = 0; i < STEPS; i++) sum += fmax(0, steps->at[i] - seconds);
    return sum / STEPS;
}

static bool since(const flow_bucket_t *bucket, int64_t onset_ns) {
    return bucket_end_ns(bucket->bucket) > onset_ns;
}

static double quantile_within(const histogram_t *histogram, double q) {
    return histogram_quantile(histogram, q < 0 ? 0 : q > 1 ? 1 : q);
}

/* Adds one caller's calls; false when what is usual for them is not known. */
static bool add_edge(const subject_t *edge, int64_t onset_ns, waiting_t *waiting) {
    histogram_t waits = {{0}};
    baseline_t usual;
    double calls = 0;
    if (!flow_baseline(edge->flow, edge->flow->recent_count, &usual)) return false;
    histogram_t before;
    flow_latencies(edge->flow, edge->flow->recent_count, TRACK_CLIENT_LATENCY, &before);
    bool told = histogram_total(&before) > 0; /* the caller's own view, where there is one */
    if (!told) flow_latencies(edge->flow, edge->flow->recent_count, TRACK_LATENCY, &before);
    for (uint32_t i = 0; i < edge->flow->recent_count; i++) {
        const flow_bucket_t *bucket = &edge->flow->recent[i];
        if (!since(bucket, onset_ns)) continue;
        calls += bucket->requests;
        waiting->errors += bucket->errors;
        flow_recent_add(edge->flow, i, told ? TRACK_CLIENT_LATENCY : TRACK_LATENCY, &waits);
        flow_recent_add(edge->flow, i, TRACK_LATENCY, &waiting->served);
    }
    if (calls == 0) return true;
    if (histogram_total(&before) < USUAL_MIN) return false;
    waiting->calls += calls;
    histogram_add(&waiting->waits, &waits);
    waiting->usual_p99_s = fmax(waiting->usual_p99_s, histogram_quantile(&before, 0.99));
    double total = histogram_total(&waits) > 0 ? histogram_mean(&waits) * histogram_total(&waits) : 0;
    if (total <= waiting->waits_of_worst) return true;
    waiting->waits_of_worst = total;
    waiting->caller = edge->key.caller;
    waiting->caller_calls = calls;
    return true;
}

static bool collect(const analyzer_t *analyzer, const blame_t *blame, waiting_t *waiting) {
    *waiting = (waiting_t){.calls = 0};
    for (uint32_t i = 0; i < analyzer->subject_count; i++) {
        const subject_t *subject = &analyzer->subjects[i];
        if (subject->key.kind != ENTITY_EDGE || subject->key.service != blame->service || subject->flow == NULL)
            continue;
        if (!add_edge(subject, blame->onset_ns, waiting)) return false;
    }
    return waiting->calls >= CALLS_MIN && waiting->caller != 0 && histogram_total(&waiting->waits) >= CALLS_MIN;
}

/* The share of calls that callers give up already: they all end at one value, and the service works longer than that.
 */
static double given_up(const waiting_t *waiting, double *after_s) {
    int top = HISTOGRAM_BINS - 1;
    double total = histogram_total(&waiting->waits);
    while (top > 0 && waiting->waits.count[top] <= 0) top--;
    double share = waiting->waits.count[top] / total;
    *after_s = histogram_quantile(&waiting->waits, 1 - share / 2);
    bool longer = histogram_above(&waiting->served, top + 1) > 0.5 * CAP_SHARE_MIN * histogram_total(&waiting->served);
    return share >= CAP_SHARE_MIN && longer ? share : 0;
}

/* The caller itself, since then and before. */
typedef struct {
    histogram_t now, usual_latency;
    baseline_t usual;
    double requests, errors;
} caller_t;

static double slower_by(const caller_t *caller) {
    return histogram_quantile(&caller->now, 0.9) / histogram_quantile(&caller->usual_latency, 0.9);
}

static bool caller_hurt(const analyzer_t *analyzer, const waiting_t *waiting, int64_t onset_ns, caller_t *caller) {
    const flow_t *flow = routing_flow(analyzer, waiting->caller);
    *caller = (caller_t){.requests = 0};
    if (flow == NULL || !flow_baseline(flow, flow->recent_count, &caller->usual)) return false;
    flow_latencies(flow, flow->recent_count, TRACK_LATENCY, &caller->usual_latency);
    for (uint32_t i = 0; i < flow->recent_count; i++) {
        if (!since(&flow->recent[i], onset_ns)) continue;
        caller->requests += flow->recent[i].requests;
        caller->errors += flow->recent[i].errors;
        flow_recent_add(flow, i, TRACK_LATENCY, &caller->now);
    }
    if (caller->requests < CALLS_MIN || histogram_total(&caller->usual_latency) < USUAL_MIN) return false;
    return slower_by(caller) >= HURT_FACTOR;
}

/* How many calls may be newly cut. A caller that gives up calls already and does not fail for it can do without them.
 */
static double bearable(const caller_t *caller, const waiting_t *waiting, double already) {
    double more = caller->errors / caller->requests - caller->usual.errors / caller->usual.requests;
    double given_up = already * fmin(1, waiting->caller_calls / caller->requests); /* of its requests */
    if (already <= 0 || more > TOLERATED_PART * given_up) return NEWLY_CUT_MAX;
    return fmax(NEWLY_CUT_MAX, fmin(already, NEWLY_CUT_TOLERATED_MAX));
}

/* Quantile q of the caller's requests when waits end at `timeout_s`; `part` of the relief is believed. */
static double relieved(const caller_t *caller, const waiting_t *waiting, double q, double timeout_s, double part) {
    double calls_each = fmin(1, waiting->caller_calls / caller->requests);
    double wait = quantile_within(&waiting->waits, 1 - (1 - q) / calls_each);
    double now = quantile_within(&caller->now, q), usual = quantile_within(&caller->usual_latency, q);
    return fmin(now, fmax(usual, now - part * fmax(0, wait - timeout_s)));
}

static void predict(const caller_t *caller, const waiting_t *waiting, double cut, double already, double timeout_s,
                    effect_t *effect) {
    double n = waiting->calls, half = Z * sqrt(0.99 * 0.01 / caller->requests);
    double failing = fmax(0, waiting->errors / n - already); /* those given up may be told as errors, too */
    double predicted = fmin(1, failing + cut);
    *effect = (effect_t){.fits = true};
    effect->errors.now = fmin(1, failing + already);
    effect->errors.predicted = predicted;
    stats_wilson(predicted * n, n, Z, &effect->errors.low, &effect->errors.high);
    effect->p99_s.now = quantile_within(&caller->now, 0.99);
    effect->p99_s.predicted = relieved(caller, waiting, 0.99, timeout_s, 1);
    effect->p99_s.low = fmin(effect->p99_s.predicted, relieved(caller, waiting, 0.99 - half, timeout_s, 1));
    effect->p99_s.high = fmax(effect->p99_s.predicted, relieved(caller, waiting, 0.99 + half, timeout_s, 0.5));
}

/* The timeout with the most net waiting saved per call; 0: none is worth it. */
static double choose(const steps_t *waits, double from_s, double already, double most, double *cut) {
    static const double digits[] = {1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8};
    double best = 0, chosen = 0;
    for (double ten = 0.01; ten < 100; ten *= 10)
        for (size_t d = 0; d < sizeof digits / sizeof digits[0]; d++) {
            double timeout_s = ten * digits[d], above = share_above(waits, timeout_s);
            double newly = fmax(0, above - already), net = time_above(waits, timeout_s) - newly * PATIENCE_S;
            if (timeout_s < from_s || newly > most || net <= best) continue;
            best = net;
            chosen = timeout_s;
            *cut = above;
        }
    return chosen;
}

static void say(const analyzer_t *analyzer, const waiting_t *waiting, const caller_t *caller, double cut,
                double already, double cap_s, plan_t *plan) {
    phrase_t a, b, c, d, e, f, g, h, i;
    char known[128] = "";
    const char *name = plan->action.service, *who = routing_name(analyzer, waiting->caller);
    double timeout_s = plan->action.timeout_s;
    if (already > 0)
        (void)snprintf(known, sizeof known, " (%s are given up after about %s already)", phrase_share(&a, already),
                       phrase_seconds(&b, cap_s));
    (void)snprintf(plan->title, sizeof plan->title, "Let calls to %s time out after %s", name,
                   phrase_seconds(&c, timeout_s));
    (void)snprintf(plan->sentence, sizeof plan->sentence,
                   "%s waits %s for %s at the median and is %s slower for it at the 90th percentile. With a timeout of "
                   "%s, %s of the calls would fail%s instead of waiting; usual calls, %s at the 99th percentile, would "
                   "not. The caller's own 99th percentile would go from %s to %s",
                   who, phrase_seconds(&d, histogram_quantile(&waiting->waits, 0.5)), name,
                   phrase_factor(&e, slower_by(caller)), phrase_seconds(&c, timeout_s), phrase_share(&f, cut), known,
                   phrase_seconds(&g, waiting->usual_p99_s), phrase_seconds(&h, plan->effect.p99_s.now),
                   phrase_seconds(&i, plan->effect.p99_s.predicted));
    (void)snprintf(plan->capacity, sizeof plan->capacity, "nothing is moved: %s gets no more requests than now", name);
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius,
                   "every caller of %s inside the mesh; %s of their calls fail sooner, the others are not changed",
                   name, phrase_share(&f, cut));
}

bool plan_timeout(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, plan_t *plan) {
    waiting_t waiting;
    caller_t caller;
    steps_t waits;
    double cap_s, cut = 0;
    if (!incident->established || !action_set_service(&plan->action, routing_name(analyzer, blame->service)))
        return false;
    if (!collect(analyzer, blame, &waiting) || !caller_hurt(analyzer, &waiting, blame->onset_ns, &caller)) return false;
    double already = given_up(&waiting, &cap_s);
    if (waiting.errors / waiting.calls - already > FAILING_MAX) return false; /* it fails, which no timeout cures */
    steps_of(&waiting.waits, &waits);
    double timeout_s = choose(&waits, fmax(TIMEOUT_MIN_S, USUAL_FACTOR * waiting.usual_p99_s), already,
                              bearable(&caller, &waiting, already), &cut);
    if (timeout_s > 0) predict(&caller, &waiting, cut, already, timeout_s, &plan->effect);
    if (timeout_s <= 0 || plan->effect.p99_s.predicted > FELT_FACTOR * plan->effect.p99_s.now) {
        plan->cannot = "a timeout on the calls to it would cut more than the waiting that it saves is worth";
        return false;
    }
    plan->kind = KIND_SET_TIMEOUT;
    plan->service = blame->service;
    plan->action.kind = ACTION_SET_TIMEOUT;
    plan->action.timeout_s = timeout_s;
    action_set_caller(&plan->action, routing_name(analyzer, waiting.caller));
    say(analyzer, &waiting, &caller, cut, already, cap_s, plan);
    plan->confidence = (already > 0 ? 0.6 : 0.5) * (1 - fmax(0, cut - already));
    plan->wrong_if[0] = already > 0 ? "the caller fails when this call does, and its telemetry does not say so"
                                    : "the caller cannot do without this call: then its requests fail instead of being "
                                      "slow";
    plan->wrong_if[1] = "the call changes something: cutting it does not undo what the service goes on doing";
    plan->wrong_if[2] = "callers try again after a timeout: then the slow service gets more to do";
    plan->wrong_if[3] = "some operations of it are slow by design, such as streams and long polls";
    return true;
}
