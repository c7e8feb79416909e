#include "analyzer/canary.h"

#include "analyzer/canary_parts.h"
#include "analyzer/excess.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

const canary_settings_t canary_defaults = {0.01, 0.95, 0.05, 2};
const char *const canary_verdict_names[] = {"pass", "fail", "not_enough_data"};
const char *const canary_signal_names[] = {"errors", "p50", "p90", "p99", "p999"};

enum {
    WAIT_BUCKETS = 6, /* so long is one version's traffic kept for the other's: sparse traffic seldom meets in 10 s */
    PASS_BUCKETS = 6, /* in fewer, overdispersion cannot be told */
};

static const double RECENT = 0.94; /* weight of the buckets before in "lately": half of it is the last two minutes */
static const double RECENT_REQUESTS = 20;
static const double PRICE = 4; /* what the mixture costs, about: evidence starts from below zero */

/* How alpha is shared out, and where the limits lie that the answers of both versions are counted above: at these
 * quantiles of the baseline. The one of a thousandth is there for tails that grow far out; it fails nobody whose p99
 * has not grown. */
static const struct {
    double weight, quantile, shown;
} signals[CANARY_SIGNALS] = {
    {0.5, 0, 0}, {0.125, 0.5, 0.5}, {0.125, 0.9, 0.9}, {0.125, 0.99, 0.99}, {0.125, 0.999, 0.99}};

typedef struct {
    double seen, requests, errors, client_errors;
    histogram_t latency;
    sketch_t exact, exact_waiting;
} side_t;

struct canary {
    canary_settings_t settings;
    canary_bucket_t waiting[2]; /* canary, baseline: not compared yet */
    uint32_t waited;
    side_t sides[2];
    histogram_t before; /* the baseline's latency in all buckets that are over */
    pair_t all, lately;
    excess_t excess[CANARY_SIGNALS];
    clusters_t clusters[CANARY_SIGNALS][2];
    double seconds, waiting_s, since_s; /* compared; waiting; since the canary's first request */
    uint32_t buckets;
    bool failed;
    canary_signal_t failed_by;
};

const char *canary_settings_wrong(const canary_settings_t *settings, const char **which) {
    const struct {
        const char *name;
        double value, low, high;
        const char *sentence;
    } limits[] = {
        {"alpha", settings->alpha, 1e-6, 0.2, "'alpha' must be from 0.000001 to 0.2."},
        {"confidence", settings->confidence, 0.5, 0.9999, "'confidence' must be from 0.5 to 0.9999."},
        {"error_points", settings->error_points, 0.0001, 1, "'error_points' must be from 0.01 to 100."},
        {"latency_factor", settings->latency_factor, 1.2, 1000, "'latency_factor' must be from 1.2 to 1000."},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        *which = limits[i].name;
        if (!(limits[i].value >= limits[i].low && limits[i].value <= limits[i].high)) return limits[i].sentence;
    }
    return NULL;
}

void canary_bucket_of(const cell_t *cell, canary_bucket_t *bucket) {
    *bucket = (canary_bucket_t){.requests = (double)cell->requests,
                                .errors = (double)cell_errors(cell),
                                .client_errors = (double)cell->failures[FAILURE_CLIENT]};
    histogram_add_sketch(&bucket->latency, &cell->ok);
}

canary_t *canary_new(const canary_settings_t *settings) {
    canary_t *canary = memory_new(1, sizeof *canary);
    canary->settings = *settings;
    for (int i = 0; i < CANARY_SIGNALS; i++) excess_init(&canary->excess[i]);
    for (int i = 0; i < 2; i++) {
        sketch_init(&canary->sides[i].exact);
        sketch_init(&canary->sides[i].exact_waiting);
    }
    return canary;
}

void canary_free(canary_t *canary) {
    for (int i = 0; i < 2 && canary != NULL; i++) {
        sketch_fini(&canary->sides[i].exact);
        sketch_fini(&canary->sides[i].exact_waiting);
    }
    free(canary);
}

/* --- adding up --- */

static void bucket_add(canary_bucket_t *into, const canary_bucket_t *from) {
    into->requests += from->requests;
    into->errors += from->errors;
    into->client_errors += from->client_errors;
    histogram_add(&into->latency, &from->latency);
}

static void side_add(side_t *side, const canary_bucket_t *bucket) {
    side->requests += bucket->requests;
    side->errors += bucket->errors;
    side->client_errors += bucket->client_errors;
    histogram_add(&side->latency, &bucket->latency);
    sketch_merge(&side->exact, &side->exact_waiting);
}

static void keep_waiting(canary_t *canary, int i, const canary_bucket_t *bucket) {
    canary->sides[i].seen += bucket->requests;
    bucket_add(&canary->waiting[i], bucket);
    if (bucket->exact != NULL) sketch_merge(&canary->sides[i].exact_waiting, bucket->exact);
}

static void stop_waiting(canary_t *canary) {
    for (int i = 0; i < 2; i++) {
        if (i == 1) histogram_add(&canary->before, &canary->waiting[i].latency);
        canary->waiting[i] = (canary_bucket_t){0};
        sketch_fini(&canary->sides[i].exact_waiting);
    }
    canary->waited = 0;
    canary->waiting_s = 0;
}

static void pair_fade(pair_t *pair, double factor) {
    pair->n *= factor;
    pair->errors *= factor;
    pair->other_errors *= factor;
    pair->thinness *= factor;
    pair->ok *= factor;
    pair->other_thinness *= factor;
    histogram_scale(&pair->latency, factor);
    histogram_scale(&pair->other_latency, factor);
}

static void pair_add(pair_t *pair, const canary_bucket_t *candidate, const canary_bucket_t *baseline) {
    pair->n += candidate->requests;
    pair->errors += candidate->errors;
    pair->other_errors += candidate->requests * baseline->errors / baseline->requests;
    pair->thinness += candidate->requests * candidate->requests / baseline->requests;
    double ok = histogram_total(&candidate->latency), other_ok = histogram_total(&baseline->latency);
    if (!(ok > 0) || !(other_ok > 0)) return;
    pair->ok += ok;
    pair->other_thinness += ok * ok / other_ok;
    histogram_add(&pair->latency, &candidate->latency);
    histogram_t weighted = baseline->latency;
    histogram_scale(&weighted, ok / other_ok);
    histogram_add(&pair->other_latency, &weighted);
}

static void count_cluster(clusters_t *clusters, double events) {
    clusters->sum += events;
    clusters->squares += events * events;
}

static void compare(canary_t *canary, canary_signal_t signal, double k, double n, double other_k, double other_n) {
    excess_add(&canary->excess[signal], k, n, other_k, other_n);
    count_cluster(&canary->clusters[signal][0], k);
    count_cluster(&canary->clusters[signal][1], other_k);
}

/* Answers above limits, which come from the baseline's answers before this bucket: whose answers exceed one is then a
 * fair coin, if the versions are alike, wherever it lies. */
static void compare_latency(canary_t *canary, const canary_bucket_t *candidate, const canary_bucket_t *baseline) {
    double n = histogram_total(&candidate->latency), other_n = histogram_total(&baseline->latency);
    if (!(n > 0) || !(other_n > 0) || !(histogram_total(&canary->before) > 0)) return;
    for (canary_signal_t i = CANARY_P50; i < CANARY_SIGNALS; i++) {
        int limit = histogram_cut(&canary->before, signals[i].quantile);
        compare(canary, i, histogram_above(&candidate->latency, limit), n, histogram_above(&baseline->latency, limit),
                other_n);
    }
}

/* Every bucket of the baseline, so that what is usual of its scatter is known when the canary begins. */
static void watch_baseline(canary_t *canary, const canary_bucket_t *baseline) {
    double ok = histogram_total(&baseline->latency);
    excess_beside(&canary->excess[CANARY_ERRORS], baseline->errors, baseline->requests);
    if (!(ok > 0) || !(histogram_total(&canary->before) > 0)) return;
    for (canary_signal_t i = CANARY_P50; i < CANARY_SIGNALS; i++) {
        int limit = histogram_cut(&canary->before, signals[i].quantile);
        excess_beside(&canary->excess[i], histogram_above(&baseline->latency, limit), ok);
    }
}

/* --- fail --- */

/* How much worse, in halves of what is tolerated: 1 and more can fail. */
static double effect(const pair_t *pair, canary_signal_t signal, const canary_settings_t *settings) {
    if (signal == CANARY_ERRORS)
        return pair->n > 0 ? (pair->errors - pair->other_errors) / pair->n / (settings->error_points / 2) : 0;
    double now = histogram_quantile(&pair->latency, signals[signal].shown);
    double then = histogram_quantile(&pair->other_latency, signals[signal].shown);
    return isnan(now) || isnan(then) ? 0 : log(now / then) / (log(settings->latency_factor) / 2);
}

/* Over the whole time, or lately: what turned bad late is diluted by its past. */
static double worst_effect(const canary_t *canary, canary_signal_t signal) {
    double whole = effect(&canary->all, signal, &canary->settings);
    if (canary->lately.n < RECENT_REQUESTS) return whole;
    return fmax(whole, effect(&canary->lately, signal, &canary->settings));
}

static double evidence_needed(const canary_t *canary, canary_signal_t signal) {
    return -log(canary->settings.alpha * signals[signal].weight);
}

static void decide_failed(canary_t *canary) {
    double most = 0;
    for (canary_signal_t i = 0; i < CANARY_SIGNALS && !canary->failed; i++) {
        double evidence = canary->excess[i].evidence / evidence_needed(canary, i);
        if (evidence < 1 || evidence <= most || worst_effect(canary, i) < 1) continue;
        most = evidence;
        canary->failed_by = i;
    }
    if (most > 0) canary->failed = true;
}

static void compare_waiting(canary_t *canary) {
    canary_bucket_t *candidate = &canary->waiting[0], *baseline = &canary->waiting[1];
    compare(canary, CANARY_ERRORS, candidate->errors, candidate->requests, baseline->errors, baseline->requests);
    compare_latency(canary, candidate, baseline);
    side_add(&canary->sides[0], candidate);
    side_add(&canary->sides[1], baseline);
    pair_add(&canary->all, candidate, baseline);
    pair_fade(&canary->lately, RECENT);
    pair_add(&canary->lately, candidate, baseline);
    canary->buckets++;
    canary->seconds += canary->waiting_s;
    decide_failed(canary);
}

void canary_add(canary_t *canary, const canary_bucket_t *baseline, const canary_bucket_t *candidate, double seconds) {
    watch_baseline(canary, baseline);
    keep_waiting(canary, 0, candidate);
    keep_waiting(canary, 1, baseline);
    if (canary->sides[0].seen > 0) canary->since_s += seconds;
    canary->waiting_s += seconds;
    bool both = canary->waiting[0].requests > 0 && canary->waiting[1].requests > 0;
    if (both) compare_waiting(canary);
    if (both || ++canary->waited >= WAIT_BUCKETS) stop_waiting(canary);
}

/* --- judging --- */

static double shown_quantile(const side_t *side, double q) {
    return side->exact.count > 0 ? sketch_quantile(&side->exact, q) : histogram_quantile(&side->latency, q);
}

static canary_side_t side_of(const side_t *side) {
    double none = side->requests > 0 ? 1 : NAN;
    return (canary_side_t){.seen = side->seen,
                           .requests = side->requests,
                           .errors = side->errors,
                           .client_errors = side->client_errors,
                           .error_ratio = none * side->errors / side->requests,
                           .client_ratio = none * side->client_errors / side->requests,
                           .p50_s = shown_quantile(side, 0.5),
                           .p90_s = shown_quantile(side, 0.9),
                           .p99_s = shown_quantile(side, 0.99)};
}

/* Variance over that of independent requests, when each version's rate scatters as the data say. */
static void inflation(const canary_t *canary, canary_signal_t signal, double out[2]) {
    double scatter = excess_scatter(&canary->excess[signal]);
    for (int i = 0; i < 2; i++) {
        const clusters_t *clusters = &canary->clusters[signal][i];
        out[i] = 1 + (clusters->sum > 0 ? scatter * clusters->squares / clusters->sum : 0);
    }
}

/* Evidence grows about in proportion to the requests. */
static double requests_to_fail(const canary_t *canary) {
    double least = NAN;
    for (canary_signal_t i = 0; i < CANARY_SIGNALS; i++) {
        double grown = canary->excess[i].evidence + PRICE;
        if (worst_effect(canary, i) < 1 || grown < 1) continue;
        double more = canary->all.n * ((evidence_needed(canary, i) + PRICE) / grown - 1);
        least = isnan(least) ? fmax(more, 1) : fmin(least, fmax(more, 1));
    }
    return least;
}

static void forecast(const canary_t *canary, const known_t *known, canary_result_t *result) {
    double rate = canary->since_s > 0 ? canary->sides[0].seen / canary->since_s : 0;
    result->more_requests = fmin(canary_requests_to_pass(known, &canary->settings), requests_to_fail(canary));
    if (canary->buckets < PASS_BUCKETS && canary->buckets > 0)
        result->more_requests =
            fmax(result->more_requests, ceil(canary->all.n * (PASS_BUCKETS - canary->buckets) / canary->buckets));
    result->more_requests = ceil(result->more_requests);
    result->more_seconds = rate > 0 ? result->more_requests / rate : NAN;
}

void canary_judge(const canary_t *canary, canary_result_t *result) {
    *result = (canary_result_t){.verdict = CANARY_NOT_ENOUGH_DATA,
                                .candidate = side_of(&canary->sides[0]),
                                .baseline = side_of(&canary->sides[1]),
                                .seconds = canary->seconds,
                                .buckets = canary->buckets,
                                .more_requests = NAN,
                                .more_seconds = NAN};
    for (canary_signal_t i = 0; i < CANARY_SIGNALS; i++)
        result->evidence[i] = canary->excess[i].evidence / evidence_needed(canary, i);
    known_t known = {.pair = canary->all};
    inflation(canary, CANARY_ERRORS, known.errors_inflation);
    inflation(canary, CANARY_P50, known.body_inflation);
    inflation(canary, CANARY_P99, known.tail_inflation);
    within_t within = canary_within(&known, &canary->settings);
    bool any = canary->all.n > 0;
    result->difference = any ? (canary->all.errors - canary->all.other_errors) / canary->all.n : NAN;
    result->difference_high = any ? within.difference_high : NAN;
    result->errors_pass = within.errors;
    result->body_pass = within.body;
    result->tail_pass = within.tail;
    if (canary->failed) {
        result->verdict = CANARY_FAIL;
        result->signal = canary->failed_by;
    } else if (within.errors && within.body && within.tail && canary->buckets >= PASS_BUCKETS) {
        result->verdict = CANARY_PASS;
    } else {
        forecast(canary, &known, result);
    }
}
