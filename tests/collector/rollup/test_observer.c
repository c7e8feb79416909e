#include "collector/rollup/observer.h"

#include "tests/test.h"

static cell_t cell_with(uint64_t requests, uint64_t connection_failures) {
    cell_t cell;
    cell_init(&cell);
    for (uint64_t i = 0; i < requests - connection_failures; i++) cell_request(&cell, FAILURE_NONE, 1000000);
    for (uint64_t i = 0; i < connection_failures; i++) cell_request(&cell, FAILURE_CONNECTION, 2000000);
    return cell;
}

TEST(the_first_observer_that_saw_a_request_is_the_authority) {
    observer_tally_t tally = {{0}};
    CHECK_EQUAL(observer_choose(&tally), OBSERVER_NONE);
    for (int observer = OBSERVERS - 1; observer > OBSERVER_NONE; observer--) {
        cell_t cell = cell_with(3, 0);
        observer_count(&tally, (observer_t)observer, &cell);
        CHECK_EQUAL(observer_choose(&tally), observer);
        cell_fini(&cell);
    }
}

TEST(gauges_alone_make_no_authority) {
    observer_tally_t tally = {{0}};
    cell_t cell;
    cell_init(&cell);
    CHECK(cell_gauge(&cell, 7, 0.5, 1));
    observer_count(&tally, OBSERVER_PROXY_SERVER, &cell);
    CHECK_EQUAL(observer_choose(&tally), OBSERVER_NONE);
    cell_fini(&cell);
}

TEST(a_request_seen_from_both_ends_counts_once) {
    cell_t server = cell_with(100, 0), client = cell_with(107, 7), span = cell_with(10, 0), sum;
    cell_init(&sum);
    observer_merge(&sum, OBSERVER_PROXY_SERVER, OBSERVER_PROXY_SERVER, &server);
    observer_merge(&sum, OBSERVER_PROXY_SERVER, OBSERVER_PROXY_CLIENT, &client);
    observer_merge(&sum, OBSERVER_PROXY_SERVER, OBSERVER_SPAN, &span);
    CHECK_EQUAL(sum.requests, 107); /* and the seven that never got there */
    CHECK_EQUAL(sum.failures[FAILURE_CONNECTION], 7);
    CHECK_EQUAL(sum.ok.count, 100);
    CHECK_EQUAL(sum.client.count, 100); /* latency as the caller saw it */
    cell_fini(&sum);
    cell_fini(&server);
    cell_fini(&client);
    cell_fini(&span);
}

TEST(calls_that_were_given_up_are_failures_and_no_requests_of_their_own) {
    cell_t server = cell_with(10, 0), client, sum;
    cell_init(&client);
    cell_init(&sum);
    for (int i = 0; i < 4; i++) cell_request(&client, FAILURE_TIMEOUT, 2000000);
    observer_merge(&sum, OBSERVER_PROXY_SERVER, OBSERVER_PROXY_SERVER, &server);
    observer_merge(&sum, OBSERVER_PROXY_SERVER, OBSERVER_PROXY_CLIENT, &client);
    CHECK_EQUAL(sum.requests, 10);
    CHECK_EQUAL(cell_errors(&sum), 4);
    for (int i = 0; i < 4; i++) observer_merge(&sum, OBSERVER_PROXY_SERVER, OBSERVER_PROXY_CLIENT, &client);
    CHECK_EQUAL(cell_errors(&sum), 10); /* no more than there were requests */
    cell_fini(&sum);
    cell_fini(&server);
    cell_fini(&client);
}

TEST(the_callers_proxy_adds_nothing_to_itself_or_to_weaker_observers) {
    cell_t client = cell_with(107, 7), span = cell_with(10, 2), sum;
    cell_init(&sum);
    observer_merge(&sum, OBSERVER_PROXY_CLIENT, OBSERVER_PROXY_CLIENT, &client);
    observer_merge(&sum, OBSERVER_PROXY_CLIENT, OBSERVER_SPAN, &span);
    CHECK_EQUAL(sum.requests, 107);
    CHECK_EQUAL(sum.failures[FAILURE_CONNECTION], 7);
    cell_fini(&sum);
    cell_fini(&client);
    cell_fini(&span);
}

TEST(everybodys_gauges_and_exemplars_are_kept) {
    cell_t server = cell_with(5, 0), span = cell_with(5, 0), none, sum;
    cell_init(&none);
    cell_init(&sum);
    CHECK(cell_gauge(&none, 9, 0.7, 1));
    cell_exemplar(&span, FAILURE_NONE, &(exemplar_t){.trace_id = {1}, .duration_ns = 5, .end_ns = 10});
    observer_merge(&sum, OBSERVER_PROXY_SERVER, OBSERVER_NONE, &none);
    observer_merge(&sum, OBSERVER_PROXY_SERVER, OBSERVER_PROXY_SERVER, &server);
    observer_merge(&sum, OBSERVER_PROXY_SERVER, OBSERVER_SPAN, &span);
    CHECK(cell_find_gauge(&sum, 9) != NULL);
    CHECK_EQUAL(sum.slow_count, 1);
    CHECK_EQUAL(sum.requests, 5);
    cell_fini(&none);
    cell_fini(&server);
    cell_fini(&span);
    cell_fini(&sum);
}

TEST_MAIN(TEST_CASE(the_first_observer_that_saw_a_request_is_the_authority), TEST_CASE(gauges_alone_make_no_authority),
          TEST_CASE(a_request_seen_from_both_ends_counts_once),
          TEST_CASE(calls_that_were_given_up_are_failures_and_no_requests_of_their_own),
          TEST_CASE(the_callers_proxy_adds_nothing_to_itself_or_to_weaker_observers),
          TEST_CASE(everybodys_gauges_and_exemplars_are_kept))
