/* Routing changes are obeyed, at once and entirely, and taken back. */
#include "tests/analyzer/simulate/box.h"

#include <math.h>

static const char MESH[] =
    "name: mesh\nduration: 1h\nzones: [a, b]\n"
    "services:\n"
    "  front: {time: {median: 1ms, p99: 3ms}, instances: 2, calls: [{to: back, timeout: 1s, retries: 1}]}\n"
    "  back: {time: {median: 10ms, p99: 50ms}, versions: {v1: {weight: 90, instances: 4}, v2: {weight: 10, instances: "
    "2}}}\n"
    "traffic: [{to: front, rate: 200}]\n";

static uint64_t served_between(box_t *box, tally_t *tally, const char *instance, double seconds) {
    box_run(box, 1); /* what is on the way arrives */
    uint64_t before = box_served_by(box, tally, instance);
    box_run(box, seconds);
    return box_served_by(box, tally, instance) - before;
}

TEST(weights_of_versions_are_obeyed_and_reset) {
    tally_t tally;
    box_t box = box_open(MESH, 1, box_tally(&tally));
    double share = (double)served_between(&box, &tally, "back-v2-1", 60) / (200 * 60);
    CHECK(fabs(share - 0.05) < 0.01); /* 10 % over two instances */
    CHECK_EQUAL(box_act(&box, "{\"kind\": \"shift_versions\", \"service\": \"back\", \"weights\": {\"v1\": 100}}"),
                ERR_OK);
    CHECK_EQUAL(served_between(&box, &tally, "back-v2-1", 30), 0);
    CHECK_EQUAL(box_act(&box,
                        "{\"kind\": \"shift_versions\", \"service\": \"back\", \"targets\": "
                        "[{\"name\": \"v1\", \"weight_percent\": 0}, {\"name\": \"v2\", \"weight_percent\": 100}]}"),
                ERR_OK);
    CHECK_EQUAL(served_between(&box, &tally, "back-v1-1", 30), 0);
    CHECK_EQUAL(box_act(&box, "{kind: reset, service: back}"), ERR_OK);
    share = (double)served_between(&box, &tally, "back-v2-1", 60) / (200 * 60);
    CHECK(fabs(share - 0.05) < 0.01);
    box_close(&box);
}

TEST(weights_can_move_slowly) {
    tally_t tally;
    box_t box = box_open(MESH, 1, box_tally(&tally));
    box_run(&box, 10);
    CHECK_EQUAL(box_act(&box, "{kind: shift_versions, service: back, weights: {v1: 0, v2: 100}, over: 100s}"), ERR_OK);
    box_run(&box, 49);
    double share = (double)served_between(&box, &tally, "back-v2-1", 2) / (200 * 2);
    CHECK(share > 0.17 && share < 0.38); /* half way from 5 % to 50 % is 27.5 % */
    box_run(&box, 60);
    CHECK_EQUAL(served_between(&box, &tally, "back-v1-1", 10), 0);
    box_close(&box);
}

TEST(zones_are_drained_and_instances_too) {
    tally_t tally;
    box_t box = box_open(MESH, 2, box_tally(&tally));
    CHECK(served_between(&box, &tally, "back-v1-2", 10) > 0);
    CHECK_EQUAL(box_act(&box, "{kind: shift_zones, service: back, weights: {a: 100, b: 0}}"), ERR_OK);
    CHECK_EQUAL(served_between(&box, &tally, "back-v1-2", 10), 0); /* instances take turns: 2 and 4 are in b */
    CHECK(served_between(&box, &tally, "back-v1-1", 10) > 0);
    CHECK_EQUAL(box_act(&box, "{kind: reset, service: back}"), ERR_OK);
    CHECK_EQUAL(box_act(&box, "{kind: fail_over, service: back, from_zone: a, to_zone: b}"), ERR_OK);
    CHECK_EQUAL(served_between(&box, &tally, "back-v1-1", 10), 0);
    CHECK_EQUAL(box_act(&box, "{kind: reset, service: back}"), ERR_OK);
    CHECK_EQUAL(box_act(&box, "{kind: drain_instance, service: back, instance: back-v1-3}"), ERR_OK);
    CHECK_EQUAL(served_between(&box, &tally, "back-v1-3", 10), 0);
    CHECK(served_between(&box, &tally, "back-v1-4", 10) > 0);
    box_close(&box);
}

TEST(a_rate_limit_and_a_circuit_breaker_hold) {
    tally_t tally;
    box_t box = box_open(MESH, 3, box_tally(&tally));
    CHECK_EQUAL(box_act(&box, "{kind: rate_limit, service: back, requests_per_s: 50}"), ERR_OK);
    box_run(&box, 60);
    uint64_t passed = 0;
    for (uint32_t i = 0; i < box.world->instance_count; i++)
        if (box.world->instances[i].service == 1) passed += tally.served[i];
    passed -= tally.limited;
    CHECK(passed > 60 * 49 && passed <= 60 * 50 + 1);
    CHECK_EQUAL(box_act(&box, "{kind: reset, service: back}"), ERR_OK);
    CHECK_EQUAL(box_act(&box, "{kind: circuit_breaker, service: back, in_flight: 2}"), ERR_OK);
    box_run(&box, 1);
    uint32_t most = 0;
    for (int i = 0; i < 2000; i++) {
        box_run(&box, 0.01);
        for (uint32_t e = 0; e < box.world->edge_count; e++)
            if (box.world->edges[e].caller == 0 && box.world->edges[e].active > most) most = box.world->edges[e].active;
    }
    CHECK_EQUAL(most, 2);
    CHECK(tally.overflowed > 500);
    box_close(&box);
}

TEST(timeouts_and_retries_are_obeyed_by_calls_on_the_way_too) {
    tally_t tally;
    box_t box = box_open(MESH, 4, box_tally(&tally));
    CHECK_EQUAL(box_act(&box, "{kind: set_timeout, service: back, caller: front, timeout_s: 0.02}"), ERR_OK);
    box_run(&box, 30);
    CHECK(tally.expired > 100 && world_totals(box.world).retries > 100);
    CHECK(tally.longest_ns <= 20000000);
    CHECK_EQUAL(box_act(&box, "{kind: cut_retries, service: back}"), ERR_OK);
    box_run(&box, 1);
    uint64_t before = world_totals(box.world).retries;
    box_run(&box, 30);
    CHECK_EQUAL(world_totals(box.world).retries, before);
    /* longer again, then shorter: deadlines that were set before are kept, in order */
    CHECK_EQUAL(box_act(&box, "{kind: set_timeout, service: back, timeout_s: 10}"), ERR_OK);
    box_run(&box, 5);
    uint64_t expired = tally.expired;
    box_run(&box, 10);
    CHECK_EQUAL(tally.expired, expired);
    CHECK_EQUAL(box_act(&box, "{kind: set_timeout, service: back, timeout_s: 0.005}"), ERR_OK);
    box_run(&box, 10);
    CHECK(tally.expired > expired + 1000);
    box_close(&box);
}

TEST(outlier_detection_ejects_who_fails_and_takes_them_back) {
    tally_t tally;
    box_t box = box_open("name: o\nduration: 1h\n"
                         "services:\n"
                         "  front: {time: {median: 1ms, p99: 3ms}, calls: [back]}\n"
                         "  back: {time: {median: 5ms, p99: 20ms}, instances: 4}\n"
                         "traffic: [{to: front, rate: 200}]\n"
                         "events: [{at: 10s, for: 60s, service: back, instance: back-v1-2, errors: 100%}]\n",
                         5, box_tally(&tally));
    box_run(&box, 20);
    CHECK(served_between(&box, &tally, "back-v1-2", 5) > 200);
    CHECK_EQUAL(box_act(&box, "{kind: tighten_ejection, service: back, consecutive_errors: 3, ejection_s: 20}"),
                ERR_OK);
    CHECK(served_between(&box, &tally, "back-v1-2", 18) <= 3);
    box_run(&box, 90); /* ejected again, for twice as long; then it is well */
    CHECK(served_between(&box, &tally, "back-v1-2", 10) > 400);
    box_close(&box);
}

TEST(scaling_adds_and_drains_instances_without_losing_a_request) {
    tally_t tally;
    box_t box = box_open(MESH, 6, box_tally(&tally));
    box_run(&box, 10);
    CHECK_EQUAL(box_act(&box, "{kind: scale, service: back, version: v1, instances: 6}"), ERR_OK);
    box_run(&box, 12);
    CHECK(served_between(&box, &tally, "back-v1-6", 10) > 200);
    CHECK_EQUAL(box_act(&box, "{kind: scale, service: back, version: v1, instances: 2}"), ERR_OK);
    box_run(&box, 20);
    CHECK_EQUAL(instances_find(box.world, "back-v1-6"), NONE);
    CHECK(instances_find(box.world, "back-v1-2") != NONE);
    world_totals_t totals = world_totals(box.world);
    CHECK(totals.requests_failed * 1000 <= totals.requests);
    box_close(&box);
}

TEST(an_action_that_cannot_be_done_says_why) {
    box_t box = box_open(MESH, 7, (world_listener_t){0});
    static const struct {
        const char *json, *why;
    } cases[] = {
        {"{kind: drain_instance, service: back, instance: back-v1-9}", "back-v1-9 is not running"},
        {"{kind: set_timeout, service: front, timeout_s: 1}", "nobody calls front"},
        {"{kind: shift_versions, service: bakc, weights: {v1: 1}}", "there is no service 'bakc'; did you mean 'back'?"},
        {"{kind: shift_versions, service: back, weights: {v3: 1}}", "there is no version 'v3'; did you mean 'v1'?"},
        {"{kind: shift_versions, service: back}", "shift_versions needs 'weights', such as {v1: 100, v2: 0}; add it"},
        {"{kind: drain, service: back}", NULL},
        {"{", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char what[400] = "";
        action_t action;
        schema_document_t *document = NULL;
        err_t err = action_read(slice_text(cases[i].json), box.scenario, &action, &document, what, sizeof what);
        if (err == ERR_OK) err = world_act(box.world, &action, what, sizeof what);
        CHECK(err != ERR_OK && what[0] != '\0');
        if (cases[i].why != NULL) CHECK_TEXT(what, cases[i].why);
        schema_free(document);
    }
    box_close(&box);
}

TEST_MAIN(TEST_CASE(weights_of_versions_are_obeyed_and_reset), TEST_CASE(weights_can_move_slowly),
          TEST_CASE(zones_are_drained_and_instances_too), TEST_CASE(a_rate_limit_and_a_circuit_breaker_hold),
          TEST_CASE(timeouts_and_retries_are_obeyed_by_calls_on_the_way_too),
          TEST_CASE(outlier_detection_ejects_who_fails_and_takes_them_back),
          TEST_CASE(scaling_adds_and_drains_instances_without_losing_a_request),
          TEST_CASE(an_action_that_cannot_be_done_says_why))
