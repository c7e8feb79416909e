/* Requests from outside: a Poisson process whose rate follows the day, the week, slow noise and events. Without memory,
 * the process may be asked anew every second, so the rate may change at any second. What became of the requests is
 * counted here too, window by window, as the users saw it. */
#include "analyzer/simulate/world_internal.h"

#include <math.h>

#define DAY_NS (INT64_C(86400) * SECOND_NS)

static double daily(const traffic_spec_t *spec, int64_t wall_ns) {
    double phase = (double)((wall_ns - spec->peak_ns) % DAY_NS) / (double)DAY_NS;
    return 1 + spec->daily * cos(2 * M_PI * phase);
}

/* 1970 began on a Thursday: days 2 and 3 of each seven are a weekend. */
static double weekly(const traffic_spec_t *spec, int64_t wall_ns) {
    int64_t day = wall_ns / DAY_NS % 7;
    return day == 2 || day == 3 ? 1 - spec->weekly : 1;
}

/* Between one minute's number and the next one's. */
static double noise(const world_t *world, const traffic_spec_t *spec, int64_t ns) {
    int64_t minute = ns / (60 * SECOND_NS);
    double at = (double)(ns % (60 * SECOND_NS)) / (60.0 * SECOND_NS), ends[2];
    for (int i = 0; i < 2; i++)
        ends[i] = 2 * ((double)(random_mix(world->seed * 31 + (uint64_t)(minute + i)) >> 11) * 0x1p-53) - 1;
    return 1 + spec->noise * (ends[0] + (ends[1] - ends[0]) * at);
}

/* Bursts: `on` out of every `every`. */
static bool is_on(const traffic_spec_t *spec, int64_t ns) {
    return spec->period_ns == 0 || ns % spec->period_ns < spec->on_ns;
}

static double rate_now(world_t *world, source_t *source) {
    int64_t second = world->now_ns / SECOND_NS;
    if (second == source->rate_second) return source->rate;
    const traffic_spec_t *spec = source->spec;
    int64_t wall_ns = world->scenario->start_ns + world->now_ns;
    double rate = is_on(spec, world->now_ns) ? spec->rate : 0;
    if (spec->daily > 0) rate *= daily(spec, wall_ns);
    if (spec->weekly > 0) rate *= weekly(spec, wall_ns);
    if (spec->noise > 0) rate *= noise(world, spec, world->now_ns);
    source->rate_second = second;
    source->rate = rate * effects_surge(world, source);
    return source->rate;
}

void traffic_plan(world_t *world, uint32_t number) {
    source_t *source = &world->sources[number];
    double rate = rate_now(world, source), gap = 2;
    if (rate > 0) gap = random_exponential(&source->random) / rate;
    int64_t second_end_ns = (world->now_ns / SECOND_NS + 1) * SECOND_NS;
    int64_t at_ns = gap < 2 ? world->now_ns + 1 + (int64_t)(gap * (double)SECOND_NS) : second_end_ns;
    source->arrives = at_ns < second_end_ns;
    world_plan(world, source->arrives ? at_ns : second_end_ns, WHAT_TRAFFIC, number);
}

void traffic_next(world_t *world, uint32_t number) {
    if (world->sources[number].arrives) calls_request(world, number);
    traffic_plan(world, number);
}

/* ---- outcome: latencies in buckets 4 % wide, from 100 us up ---- */

static const double FLOOR_S = 1e-4, WIDTH = 0.04; /* of a bucket, as a natural logarithm */

static uint32_t bucket_of_time(int64_t ns) {
    double at = log((double)ns * 1e-9 / FLOOR_S) / WIDTH;
    return !(at > 0) ? 0 : at >= OUTCOME_BUCKETS - 1 ? OUTCOME_BUCKETS - 1 : (uint32_t)at;
}

static window_t *window_now(const world_t *world, window_t *windows, uint32_t row) {
    uint32_t at = (uint32_t)(world->now_ns / world->window_ns);
    if (at >= world->window_count) at = world->window_count - 1;
    return &windows[(size_t)row * world->window_count + at];
}

void traffic_outcome(world_t *world, const call_t *call) {
    bool failed = call->status >= 500 || call->status == 429 || call->status == 403;
    world->totals.requests_ended++;
    world->totals.requests_failed += failed;
    window_t *window = window_now(world, world->windows, world->edges[call->edge].traffic);
    window->requests++;
    window->errors += failed;
    window->buckets[bucket_of_time(call->end_ns - call->start_ns)]++;
}

void traffic_served(world_t *world, const call_t *call) {
    if (world->served == NULL) return;
    window_t *window = window_now(world, world->served, world->instances[call->instance].service);
    bool failed = call->served_status >= 500 || call->served_status == 429;
    window->requests++;
    window->errors += failed;
    if (!failed) window->buckets[bucket_of_time(call->end_ns - call->arrive_ns)]++;
}

int64_t world_window_ns(const world_t *world) {
    return world->window_ns;
}

static double quantile(const window_t *sum, double q) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < OUTCOME_BUCKETS; i++) total += sum->buckets[i];
    double left = q * (double)total;
    for (uint32_t i = 0; i < OUTCOME_BUCKETS && total > 0; i++) {
        left -= sum->buckets[i];
        if (left <= 0) return FLOOR_S * exp(WIDTH * (i + 0.5));
    }
    return 0;
}

/* Adds the windows of one row that lie in [from, to). */
static void sum_up(const world_t *world, const window_t *row, int64_t from_ns, int64_t to_ns, window_t *sum) {
    for (uint32_t i = 0; i < world->window_count; i++) {
        if ((int64_t)i * world->window_ns < from_ns || (int64_t)(i + 1) * world->window_ns > to_ns) continue;
        sum->requests += row[i].requests;
        sum->errors += row[i].errors;
        for (uint32_t b = 0; b < OUTCOME_BUCKETS; b++) sum->buckets[b] += row[i].buckets[b];
    }
}

static outcome_t outcome_of(const window_t *sum) {
    return (outcome_t){sum->requests, sum->errors, quantile(sum, 0.5), quantile(sum, 0.99)};
}

outcome_t world_outcome(const world_t *world, uint32_t service, int64_t from_ns, int64_t to_ns) {
    window_t sum = {0};
    for (uint32_t t = 0; t < world->scenario->traffic.count; t++)
        if (service == NONE || world->sources[t].spec->service == service)
            sum_up(world, &world->windows[(size_t)t * world->window_count], from_ns, to_ns, &sum);
    return outcome_of(&sum);
}

outcome_t world_served(const world_t *world, uint32_t service, int64_t from_ns, int64_t to_ns) {
    window_t sum = {0};
    if (world->served != NULL)
        sum_up(world, &world->served[(size_t)service * world->window_count], from_ns, to_ns, &sum);
    return outcome_of(&sum);
}
