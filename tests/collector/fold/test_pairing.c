#include "collector/fold/pairing.h"

#include "tests/test.h"

static half_t half(uint64_t call, bool server, int64_t seen_ns) {
    half_t h = {.server = server, .seen_ns = seen_ns, .end_ns = seen_ns, .service = server ? 2 : 3};
    memcpy(h.trace_id, &call, sizeof call);
    memcpy(h.call_id, &call, sizeof call);
    return h;
}

TEST(halves_meet_in_any_order_and_only_once) {
    pairing_t *pairing = pairing_new(8);
    half_t other, client = half(1, false, 10), server = half(1, true, 11);
    bool evicted;
    CHECK(!pairing_meet(pairing, &server, &other, &evicted) && !evicted);
    CHECK(pairing_meet(pairing, &client, &other, &evicted));
    CHECK(other.server == 1 && other.seen_ns == 11);
    CHECK(!pairing_meet(pairing, &client, &other, &evicted));
    CHECK(!pairing_meet(pairing, &client, &other, &evicted)); /* two clients are no pair */
    CHECK_EQUAL(pairing_waiting(pairing), 2);
    pairing_free(pairing);
}

TEST(a_full_table_pushes_out_the_oldest) {
    pairing_t *pairing = pairing_new(4);
    half_t other;
    bool evicted;
    for (uint64_t i = 1; i <= 10; i++) {
        half_t h = half(i, false, (int64_t)i);
        CHECK(!pairing_meet(pairing, &h, &other, &evicted));
        CHECK_EQUAL(evicted, i > 4);
        if (evicted) CHECK_EQUAL(other.seen_ns, (int64_t)i - 4);
    }
    CHECK_EQUAL(pairing_waiting(pairing), 4);
    pairing_free(pairing);
}

TEST(waiting_ends_with_its_window_oldest_first) {
    pairing_t *pairing = pairing_new(100);
    half_t other;
    bool evicted;
    for (uint64_t i = 1; i <= 10; i++) {
        half_t h = half(i, true, (int64_t)i * 10);
        (void)pairing_meet(pairing, &h, &other, &evicted);
    }
    for (int64_t i = 1; i <= 5; i++) CHECK(pairing_expire(pairing, 60, &other) && other.seen_ns == i * 10);
    CHECK(!pairing_expire(pairing, 60, &other));
    pairing_free(pairing);
}

/* Against a reference that searches a list. */
TEST(random_meetings_agree_with_a_simple_list_and_survive_saving) {
    enum { CALLS = 300, STEPS = 20000 };
    uint64_t seed = 7;
    pairing_t *pairing = pairing_new(64);
    half_t list[64];
    uint32_t waiting = 0;
    for (int step = 0; step < STEPS; step++) {
        half_t h = half(1 + test_random(&seed) % CALLS, test_random(&seed) % 2, step), other;
        bool evicted, met = pairing_meet(pairing, &h, &other, &evicted);
        uint32_t found = 0;
        while (found < waiting && !(list[found].server != h.server && memcmp(list[found].call_id, h.call_id, 8) == 0))
            found++;
        REQUIRE(met == (found < waiting));
        if (met) REQUIRE(other.seen_ns == list[found].seen_ns || other.server == list[found].server);
        REQUIRE(evicted == (!met && waiting == 64));
        if (met) {
            for (found = 0; list[found].seen_ns != other.seen_ns;) found++;
        } else {
            found = 0;
        }
        if (met || evicted) memmove(&list[found], &list[found + 1], (--waiting - found) * sizeof list[0]);
        if (!met) list[waiting++] = h;
        if (step % 500 == 0) {
            buffer_t saved = {0}, again = {0};
            pairing_save(pairing, &saved);
            pairing_free(pairing);
            pairing = pairing_new(64);
            bytes_t in = bytes_of(buffer_slice(&saved));
            REQUIRE(pairing_load(pairing, &in) == ERR_OK && bytes_done(&in));
            pairing_save(pairing, &again);
            REQUIRE(slice_equal(buffer_slice(&saved), buffer_slice(&again)));
            buffer_fini(&saved);
            buffer_fini(&again);
        }
    }
    pairing_free(pairing);
}

TEST_MAIN(TEST_CASE(halves_meet_in_any_order_and_only_once), TEST_CASE(a_full_table_pushes_out_the_oldest),
          TEST_CASE(waiting_ends_with_its_window_oldest_first),
          TEST_CASE(random_meetings_agree_with_a_simple_list_and_survive_saving))
