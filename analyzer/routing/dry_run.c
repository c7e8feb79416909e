#include "analyzer/routing/dry_run.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double PRIOR_REQUESTS = 20, MARGIN = 1.1, Z = 1.645; /* 90 % */

typedef struct {
    dry_target_t told;
    fare_t whole, now; /* over the range; in this bucket */
} target_t;

struct dry_run {
    const trial_t *trial;
    double step_s;
    target_t targets[DRY_TARGETS_MAX];
    uint32_t count;
    int64_t start_ns;
    bool begun;
    fare_t before, after;           /* over the range */
    double variance;                /* of the errors after, in units of p (1 - p) */
    double turned_away, slower;     /* worst case beyond what was borne: share of all requests; largest factor */
    double shares[DRY_TARGETS_MAX]; /* of the bucket under way */
    bool beyond;
};

static const char *const reasons[ACTION_KINDS] = {
    [ACTION_NONE] = "This suggestion changes nothing, so there is nothing to replay",
    [ACTION_CIRCUIT_BREAKER] =
        "What a limit on requests in flight turns away depends on how many were under way at each "
        "moment, which buckets of ten seconds do not keep",
    [ACTION_RATE_LIMIT] = "Callers that are turned away try again or give up in ways that no recording tells",
    [ACTION_CUT_RETRIES] = "Retries are counted, but not which requests they saved",
    [ACTION_SET_TIMEOUT] =
        "How long calls wait is kept, but not what their callers would have done without the answers",
};

const char *dry_run_cannot(uint8_t action_kind) {
    return action_kind < ACTION_KINDS ? reasons[action_kind] : reasons[ACTION_NONE];
}

uint8_t dry_run_targets(uint8_t action_kind) {
    if (action_kind == ACTION_SHIFT_VERSIONS) return ENTITY_VERSION;
    return action_kind == ACTION_SHIFT_ZONES || action_kind == ACTION_FAIL_OVER ? ENTITY_ZONE : ENTITY_INSTANCE;
}

static target_t *target_of(dry_run_t *run, const char *name) {
    for (uint32_t i = 0; i < run->count; i++)
        if (strcmp(run->targets[i].told.name, name) == 0) return &run->targets[i];
    if (run->count == DRY_TARGETS_MAX) return NULL;
    target_t *target = &run->targets[run->count++];
    (void)snprintf(target->told.name, sizeof target->told.name, "%s", name);
    return target;
}

dry_run_t *dry_run_new(const trial_t *trial, double step_s) {
    dry_run_t *run = memory_new(1, sizeof *run);
    run->trial = trial;
    run->step_s = step_s;
    run->slower = 1;
    for (uint32_t i = 0; i < trial->action.target_count; i++) (void)target_of(run, trial->action.targets[i].name);
    if (trial->action.kind == ACTION_FAIL_OVER) (void)target_of(run, trial->action.to_zone);
    for (uint32_t i = 0; i < trial->load_count; i++) {
        target_t *target = target_of(run, trial->loads[i].name);
        if (target != NULL) target->told.highest_rate = trial->loads[i].highest_rate;
    }
    return run;
}

void dry_run_free(dry_run_t *run) {
    free(run);
}

static void take(fare_t *fare, const cell_t *cell) {
    fare->requests += (double)cell->requests;
    fare->errors += (double)cell_errors(cell);
    histogram_add_sketch(&fare->latency, &cell->ok);
}

void dry_run_learn(dry_run_t *run, const char *name, const cell_t *cell) {
    target_t *target = target_of(run, name);
    if (target == NULL) return;
    take(&target->whole, cell);
    target->told.requests += (double)cell->requests;
    target->told.highest_rate = fmax(target->told.highest_rate, (double)cell->requests / run->step_s);
}

/* --- who would have got what --- */

static double weight_of(const routing_action_t *action, const char *name) {
    for (uint32_t i = 0; i < action->target_count; i++)
        if (strcmp(action->targets[i].name, name) == 0) return action->targets[i].weight / (double)WEIGHT_WHOLE;
    return 0;
}

static bool is_left_out(const trial_t *trial, const char *name) {
    const char *out = trial->action.kind == ACTION_FAIL_OVER ? trial->action.from_zone : trial->instance;
    return strcmp(name, out) == 0;
}

/* Shares of the bucket's requests. By weights; or one is left out, and the others share what it had as they share the
 * rest; of zones, one gets it all. In a bucket in which the others had nothing they share as over the range. */
static void deal(const dry_run_t *run, double total, double *shares) {
    const routing_action_t *action = &run->trial->action;
    double others = 0, others_whole = 0, moved = 0;
    for (uint32_t i = 0; i < run->count; i++) {
        const target_t *target = &run->targets[i];
        if (action->target_count > 0)
            shares[i] = weight_of(action, target->told.name);
        else if (is_left_out(run->trial, target->told.name))
            moved = target->now.requests;
        else {
            others += target->now.requests;
            others_whole += target->whole.requests;
        }
    }
    for (uint32_t i = 0; i < run->count && action->target_count == 0; i++) {
        const target_t *target = &run->targets[i];
        shares[i] = 0;
        if (is_left_out(run->trial, target->told.name)) continue;
        if (action->kind == ACTION_FAIL_OVER)
            shares[i] = (target->now.requests + (strcmp(target->told.name, action->to_zone) == 0 ? moved : 0)) / total;
        else if (others > 0)
            shares[i] = target->now.requests / others;
        else if (others_whole > 0)
            shares[i] = target->whole.requests / others_whole;
    }
}

const char *dry_run_missing(const dry_run_t *run) {
    const routing_action_t *action = &run->trial->action;
    bool any = action->target_count > 0 || action->kind == ACTION_FAIL_OVER;
    for (uint32_t i = 0; i < run->count; i++) {
        const target_t *target = &run->targets[i];
        bool gets = action->target_count > 0           ? weight_of(action, target->told.name) > 0
                    : action->kind == ACTION_FAIL_OVER ? strcmp(target->told.name, action->to_zone) == 0
                                                       : !is_left_out(run->trial, target->told.name);
        if (gets && target->whole.requests > 0) any = true;
        if (gets && target->whole.requests <= 0 && action->target_count + (action->kind == ACTION_FAIL_OVER) > 0)
            return target->told.name;
    }
    return any ? NULL : "another instance";
}

/* --- how they would have fared --- */

/* A target's share of errors and its latencies in this bucket, with what it did over the range as a prior. */
static double fares(const target_t *target, histogram_t *latency) {
    double usual = target->whole.requests > 0 ? target->whole.errors / target->whole.requests : 0;
    double total = histogram_total(&target->whole.latency);
    histogram_t prior = target->whole.latency;
    *latency = target->now.latency;
    if (total > 0) histogram_scale(&prior, PRIOR_REQUESTS / total);
    histogram_add(latency, &prior);
    return (target->now.errors + PRIOR_REQUESTS * usual) / (target->now.requests + PRIOR_REQUESTS);
}

static range_t share_range(double share, double behind, double turned_away) {
    range_t range = {.value = share};
    stats_wilson(share * behind, behind, Z, &range.low, &range.high);
    if (share <= 0) range.low = 0; /* not a rounding error above it */
    range.high = fmin(1, range.high + turned_away);
    return range;
}

static range_t p99_range(const histogram_t *latency, double behind, double slower) {
    double half = behind > 0 ? Z * sqrt(0.99 * 0.01 / behind) : 1;
    return (range_t){histogram_quantile(latency, 0.99), histogram_quantile(latency, fmax(0, 0.99 - half)),
                     histogram_quantile(latency, fmin(1, 0.99 + half)) * slower};
}

typedef struct {
    double errors, spread; /* share; sum of squared shares over the requests behind each */
    double turned_away, slower;
    histogram_t latency;
} outcome_of_bucket_t;

static void fare_under(dry_run_t *run, double total, outcome_of_bucket_t *outcome) {
    *outcome = (outcome_of_bucket_t){.slower = 1};
    deal(run, total, run->shares);
    for (uint32_t i = 0; i < run->count; i++) {
        target_t *target = &run->targets[i];
        double share = run->shares[i], rate = share * total / run->step_s;
        if (!(share > 0)) continue;
        histogram_t latency;
        outcome->errors += share * fares(target, &latency);
        outcome->spread += share * share / (target->now.requests + PRIOR_REQUESTS);
        double weight = histogram_total(&latency);
        if (weight > 0) histogram_scale(&latency, share * total / weight);
        histogram_add(&outcome->latency, &latency);
        target->told.dealt += share * total;
        target->told.highest_dealt = fmax(target->told.highest_dealt, rate);
        double borne = target->told.highest_rate * MARGIN;
        if (rate <= borne) continue;
        outcome->turned_away += share * (1 - borne / rate);
        outcome->slower = fmax(outcome->slower, rate / borne);
    }
}

static void end_bucket(dry_run_t *run, void (*point)(void *context, const dry_point_t *point), void *context) {
    fare_t before = {.requests = 0};
    for (uint32_t i = 0; i < run->count; i++) {
        const fare_t *now = &run->targets[i].now;
        before.requests += now->requests;
        before.errors += now->errors;
        histogram_add(&before.latency, &now->latency);
    }
    if (before.requests > 0) {
        outcome_of_bucket_t outcome;
        fare_under(run, before.requests, &outcome);
        double behind = 1 / (outcome.spread + 1 / before.requests);
        dry_point_t told = {.start_ns = run->start_ns,
                            .requests = before.requests,
                            .errors_before = before.errors / before.requests,
                            .p99_before_s = histogram_quantile(&before.latency, 0.99),
                            .errors = share_range(outcome.errors, behind, outcome.turned_away),
                            .p99_s = p99_range(&outcome.latency, behind, outcome.slower),
                            .beyond = outcome.turned_away > 0};
        point(context, &told);
        run->before.requests += before.requests;
        run->before.errors += before.errors;
        histogram_add(&run->before.latency, &before.latency);
        run->after.errors += outcome.errors * before.requests;
        histogram_add(&run->after.latency, &outcome.latency);
        run->variance += before.requests * before.requests / behind;
        run->turned_away += outcome.turned_away * before.requests;
        run->slower = fmax(run->slower, outcome.slower);
        run->beyond |= told.beyond;
    }
    for (uint32_t i = 0; i < run->count; i++) run->targets[i].now = (fare_t){.requests = 0};
}

void dry_run_add(dry_run_t *run, int64_t start_ns, const char *name, const cell_t *cell,
                 void (*point)(void *context, const dry_point_t *point), void *context) {
    if (run->begun && start_ns != run->start_ns) end_bucket(run, point, context);
    run->begun = true;
    run->start_ns = start_ns;
    target_t *target = target_of(run, name);
    if (target != NULL) take(&target->now, cell);
}

/* The requests behind the whole: those behind every bucket, but never more than the receivers had over the range, whose
 * prior all buckets share. */
static double behind_all(const dry_run_t *run) {
    double total = run->before.requests, spread = 0;
    for (uint32_t i = 0; i < run->count; i++) {
        const dry_target_t *told = &run->targets[i].told;
        if (told->dealt > 0 && told->requests > 0) spread += pow(told->dealt / total, 2) / told->requests;
    }
    double behind = total * total / run->variance;
    return spread > 0 ? fmin(behind, 1 / spread) : behind;
}

bool dry_run_end(dry_run_t *run, void (*point)(void *context, const dry_point_t *point), void *context,
                 dry_point_t *total) {
    if (run->begun) end_bucket(run, point, context);
    double requests = run->before.requests;
    *total = (dry_point_t){.requests = requests, .beyond = run->beyond};
    if (!(requests > 0)) return false;
    double behind = behind_all(run);
    total->errors_before = run->before.errors / requests;
    total->p99_before_s = histogram_quantile(&run->before.latency, 0.99);
    total->errors = share_range(run->after.errors / requests, behind, run->turned_away / requests);
    total->p99_s = p99_range(&run->after.latency, behind, run->slower);
    return true;
}

uint32_t dry_run_target_count(const dry_run_t *run) {
    return run->count;
}

const dry_target_t *dry_run_target(const dry_run_t *run, uint32_t index) {
    return &run->targets[index].told;
}
