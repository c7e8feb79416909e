/* The world against what must hold of any queueing network, and against formulas where there are some. */
#include "tests/analyzer/simulate/box.h"

#include <math.h>

static const char TWO[] = "name: two\n"
                          "duration: 1h\n"
                          "services:\n"
                          "  front: {time: {median: 3ms, p99: 12ms}, calls: [{to: back, retries: 2, timeout: 50ms}]}\n"
                          "  back: {time: {median: 8ms, p99: 60ms}, concurrency: 2, queue: 10, errors: 3%}\n"
                          "traffic: [{to: front, rate: 300}]\n"
                          "events:\n"
                          "  - {at: 20s, for: 20s, service: back, instance: back-v1-2, blackhole: true}\n"
                          "  - {at: 30s, for: 20s, service: back, slower: 3}\n"
                          "  - {at: 60s, surge: 0}\n";

TEST(every_request_and_call_is_accounted_for) {
    box_t box = box_open(TWO, 11, (world_listener_t){0});
    for (int step = 0; step < 14; step++) {
        box_run(&box, 5);
        world_totals_t t = world_totals(box.world);
        CHECK_EQUAL(t.overflowed, 0);
        CHECK(t.requests >= t.requests_ended && t.requests_ended >= t.requests_failed);
        CHECK(t.calls >= t.calls_ended && t.calls_ended >= t.calls_failed && t.calls_failed >= t.calls_expired);
        CHECK(t.sent + t.turned_away <= t.calls);
        CHECK(t.arrived + t.lost <= t.sent);
        CHECK(t.served + t.refused + t.swallowed <= t.arrived);
    }
    box_run(&box, 60); /* no traffic any more: everything comes to its end */
    world_totals_t t = world_totals(box.world);
    CHECK(t.requests > 10000 && t.retries > 100 && t.calls_expired > 100 && t.refused > 100 && t.swallowed > 100);
    CHECK_EQUAL(t.requests, t.requests_ended);
    CHECK_EQUAL(t.calls, t.calls_ended);
    CHECK_EQUAL(t.calls, t.sent + t.turned_away);
    CHECK_EQUAL(t.sent, t.arrived + t.lost);
    CHECK_EQUAL(t.arrived, t.served + t.refused + t.swallowed);
    CHECK_EQUAL(world_live_calls(box.world), 0);
    for (uint32_t i = 0; i < box.world->instance_count; i++) {
        CHECK_EQUAL(box.world->instances[i].active, 0);
        CHECK_EQUAL(box.world->instances[i].queued, 0);
    }
    for (uint32_t i = 0; i < box.world->edge_count; i++) {
        CHECK_EQUAL(box.world->edges[i].active, 0);
        CHECK_EQUAL(box.world->edges[i].retrying, 0);
    }
    box_close(&box);
}

TEST(the_same_seed_gives_the_same_world_and_another_one_another) {
    world_totals_t totals[3];
    for (int i = 0; i < 3; i++) {
        box_t box = box_open(TWO, i < 2 ? 5 : 6, (world_listener_t){0});
        for (int step = 0; step < (i == 1 ? 7 : 70); step++) box_run(&box, i == 1 ? 10 : 1);
        totals[i] = world_totals(box.world);
        box_close(&box);
    }
    CHECK(memcmp(&totals[0], &totals[1], sizeof totals[0]) == 0);
    CHECK(memcmp(&totals[0], &totals[2], sizeof totals[0]) != 0);
}

/* Mean response time of one instance with `c` places. */
static double response(const char *time, uint32_t places, double rate, uint64_t seed) {
    char yaml[600];
    tally_t tally;
    (void)snprintf(yaml, sizeof yaml,
                   "name: queue\nduration: 30d\nnetwork: {same_zone: 0, cross_zone: 0}\nservices:\n"
                   "  one: {instances: 1, concurrency: %u, queue: 1000000, time: {%s}}\n"
                   "traffic: [{to: one, rate: %g, patience: 1h}]\n",
                   places, time, rate);
    box_t box = box_open(yaml, seed, box_tally(&tally));
    box_run(&box, 400000 / rate);
    box_close(&box);
    return tally.response_s / (double)tally.count;
}

/* Erlang's C: the share of arrivals that wait, for offered load a on c servers. */
static double erlang_c(double a, uint32_t c) {
    double term = 1, sum = 0;
    for (uint32_t k = 0; k < c; k++) {
        sum += term;
        term *= a / (k + 1);
    }
    double last = term * c / (c - a);
    return last / (sum + last);
}

TEST(waiting_times_are_those_of_the_formulas) {
    static const struct {
        uint32_t places;
        double rate;
    } cases[] = {{1, 30}, {1, 40}, {2, 70}, {5, 200}, {20, 900}};
    const double mean_s = 0.02;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double a = cases[i].rate * mean_s;
        double expected = mean_s + erlang_c(a, cases[i].places) * mean_s / (cases[i].places - a);
        double seen = response("mean: 20ms", cases[i].places, cases[i].rate, 40 + i);
        if (fabs(seen / expected - 1) > 0.04)
            (void)fprintf(stderr, "M/M/%u: %g, not %g\n", cases[i].places, seen, expected);
        CHECK(fabs(seen / expected - 1) <= 0.04);
    }
    /* M/D/1: half the waiting of M/M/1 */
    double load = 40 * mean_s, expected = mean_s * (1 + load / (2 * (1 - load)));
    double seen = response("mean: 20ms, shape: constant", 1, 40, 50);
    CHECK(fabs(seen / expected - 1) <= 0.03);
}

TEST(a_lognormal_has_the_median_and_the_tail_that_are_written) {
    tally_t tally;
    box_t box =
        box_open("name: l\nduration: 1h\nnetwork: {same_zone: 0}\nservices:\n"
                 "  one: {concurrency: 1000, time: {median: 10ms, p99: 80ms}}\ntraffic: [{to: one, rate: 200}]\n",
                 3, box_tally(&tally));
    box_run(&box, 600);
    outcome_t outcome = world_outcome(box.world, NONE, 0, world_now(box.world));
    CHECK(outcome.requests > 110000 && outcome.errors == 0);
    CHECK(fabs(outcome.p50_s / 0.010 - 1) < 0.13); /* buckets are 12 % wide */
    CHECK(fabs(outcome.p99_s / 0.080 - 1) < 0.15);
    double sigma = log(8) / 2.3263478740408408; /* the mean of a lognormal lies above its median */
    CHECK(fabs(tally.response_s / (double)tally.count / (0.010 * exp(sigma * sigma / 2)) - 1) < 0.02);
    box_close(&box);
}

/* Requests an hour between two hours; only whole windows are counted, so the rest is left out. */
static double hourly(const box_t *box, int64_t from_hour, int64_t to_hour) {
    const int64_t hour_ns = 3600 * SECOND_NS, window_ns = world_window_ns(box->world);
    int64_t from_ns = (from_hour * hour_ns + window_ns - 1) / window_ns * window_ns;
    int64_t to_ns = to_hour * hour_ns / window_ns * window_ns;
    double hours = (double)(to_ns - from_ns) / (double)hour_ns;
    return (double)world_outcome(box->world, NONE, from_ns, to_ns).requests / hours;
}

TEST(traffic_follows_the_day_and_the_weekend) {
    box_t box = box_open(
        "name: d\nduration: 7d\nstart: 2026-01-05T00:00:00Z\nservices: {one: {time: {median: 1ms, p99: 2ms}}}\n"
        "traffic: [{to: one, rate: 1, daily: 80%, peak: 15h, weekly: 50%}]\n",
        3, (world_listener_t){0});
    box_run(&box, 7 * 86400);
    double peak = hourly(&box, 14, 16), night = hourly(&box, 2, 4);
    double friday = hourly(&box, 4 * 24, 5 * 24), sunday = hourly(&box, 6 * 24, 7 * 24);
    CHECK(peak > 3600 * 1.65 && peak < 3600 * 1.95);
    CHECK(night > 3600 * 0.1 && night < 3600 * 0.4);
    CHECK(fabs(sunday / friday - 0.5) < 0.03);
    box_close(&box);
}

TEST_MAIN(TEST_CASE(every_request_and_call_is_accounted_for),
          TEST_CASE(the_same_seed_gives_the_same_world_and_another_one_another),
          TEST_CASE(waiting_times_are_those_of_the_formulas),
          TEST_CASE(a_lognormal_has_the_median_and_the_tail_that_are_written),
          TEST_CASE(traffic_follows_the_day_and_the_weekend))
