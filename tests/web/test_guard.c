#include "web/guard.h"

#include "tests/test.h"
#include "web/encoding.h"

TEST(only_our_own_names_are_answered) {
    guard_t guard = {.listen_host = "127.0.0.1", .names = "mesh.example, other"};
    CHECK(guard_host(&guard, "localhost"));
    CHECK(guard_host(&guard, "LOCALHOST:7117"));
    CHECK(guard_host(&guard, "127.0.0.1:7117"));
    CHECK(guard_host(&guard, "[::1]:7117"));
    CHECK(guard_host(&guard, "mesh.example"));
    CHECK(guard_host(&guard, "other:80"));
    CHECK(!guard_host(&guard, NULL));
    CHECK(!guard_host(&guard, ""));
    CHECK(!guard_host(&guard, "evil.example"));
    CHECK(!guard_host(&guard, "evil.example:7117"));
    CHECK(!guard_host(&guard, "localhost.evil.example"));
    CHECK(!guard_host(&guard, "127.0.0.1.evil.example"));
    CHECK(!guard_host(&guard, "127.0.0.1:evil"));
    CHECK(!guard_host(&guard, "[::1"));
    CHECK(!guard_host(&guard, "[]"));
    CHECK(!guard_host(&guard, "10.0.0.1"));
    CHECK(!guard_host(&guard, "mesh.exampl"));
}

TEST(listening_everywhere_any_number_is_a_name_of_ours) {
    guard_t guard = {.listen_host = "0.0.0.0"};
    CHECK(guard_host(&guard, "10.0.0.1:7117"));
    CHECK(guard_host(&guard, "[2001:db8::1]:7117"));
    CHECK(!guard_host(&guard, "evil.example"));
}

TEST(a_change_needs_our_header_and_no_foreign_origin) {
    CHECK(guard_post("127.0.0.1:7117", NULL, NULL, "1"));
    CHECK(guard_post("127.0.0.1:7117", "http://127.0.0.1:7117", "same-origin", "1"));
    CHECK(guard_post("mesh", "https://mesh", "none", "1"));
    CHECK(!guard_post("127.0.0.1:7117", NULL, NULL, NULL));
    CHECK(!guard_post("127.0.0.1:7117", NULL, NULL, "0"));
    CHECK(!guard_post("127.0.0.1:7117", "http://127.0.0.1:8000", NULL, "1"));
    CHECK(!guard_post("127.0.0.1:7117", "http://evil.example", NULL, "1"));
    CHECK(!guard_post("127.0.0.1:7117", "null", NULL, "1"));
    CHECK(!guard_post("127.0.0.1:7117", "http://127.0.0.1:7117", "cross-site", "1"));
    CHECK(!guard_post("127.0.0.1:7117", NULL, "same-site", "1"));
    CHECK(!guard_post(NULL, NULL, NULL, "1"));
}

TEST(gzip_is_sent_to_those_who_take_it) {
    CHECK(encoding_takes_gzip("gzip, deflate, br"));
    CHECK(encoding_takes_gzip("br;q=1.0, GZIP;q=0.8"));
    CHECK(encoding_takes_gzip("*"));
    CHECK(encoding_takes_gzip("x-gzip"));
    CHECK(!encoding_takes_gzip(NULL));
    CHECK(!encoding_takes_gzip(""));
    CHECK(!encoding_takes_gzip("identity"));
    CHECK(!encoding_takes_gzip("gzip;q=0"));
    CHECK(!encoding_takes_gzip("gzip; q = 0.000, *"));
    CHECK(!encoding_takes_gzip("*;q=0"));
    CHECK(!encoding_takes_gzip("gzipped"));
    CHECK(!encoding_takes_gzip(",,; ,gzip;q=2"));
}

TEST(what_is_deflated_inflates_to_the_same_and_never_beyond_the_limit) {
    buffer_t plain = {0}, packed = {0}, again = {0};
    for (int i = 0; i < 20000; i++) buffer_format(&plain, "%d,", i % 97);
    CHECK_EQUAL(encoding_deflate(buffer_slice(&plain), &packed), ERR_OK);
    CHECK(packed.len < plain.len / 10);
    CHECK_EQUAL(encoding_inflate(buffer_slice(&packed), plain.len, &again), ERR_OK);
    CHECK(slice_equal(buffer_slice(&plain), buffer_slice(&again)));
    buffer_clear(&again);
    CHECK_EQUAL(encoding_inflate(buffer_slice(&packed), plain.len - 1, &again), ERR_TOO_LARGE);
    buffer_clear(&again);
    CHECK_EQUAL(encoding_inflate(slice_of(packed.data, packed.len / 2), plain.len, &again), ERR_MALFORMED);
    buffer_fini(&plain);
    buffer_fini(&packed);
    buffer_fini(&again);
}

TEST_MAIN(TEST_CASE(only_our_own_names_are_answered), TEST_CASE(listening_everywhere_any_number_is_a_name_of_ours),
          TEST_CASE(a_change_needs_our_header_and_no_foreign_origin), TEST_CASE(gzip_is_sent_to_those_who_take_it),
          TEST_CASE(what_is_deflated_inflates_to_the_same_and_never_beyond_the_limit))
