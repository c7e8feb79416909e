#include "collector/receive/grpc_frame.h"
#include "tests/test.h"

static int64_t timeout(const char *text) {
    int64_t ns = -1;
    return grpc_timeout_parse(slice_text(text), &ns) ? ns : -1;
}

TEST(timeouts_are_at_most_eight_digits_and_a_unit) {
    CHECK_EQUAL(timeout("10S"), INT64_C(10000000000));
    CHECK_EQUAL(timeout("250m"), 250000000);
    CHECK_EQUAL(timeout("7u"), 7000);
    CHECK_EQUAL(timeout("99999999n"), 99999999);
    CHECK_EQUAL(timeout("1M"), INT64_C(60000000000));
    CHECK_EQUAL(timeout("0S"), 0);
    CHECK(timeout("99999999H") > INT64_C(1000000000) * 3600 * 24 * 365 * 50);
    static const char *const bad[] = {"", "S", "10", "10s", "-1S", "1.5S", "123456789S", " 1S", "1S "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK_EQUAL(timeout(bad[i]), -1);
}

TEST(a_message_may_come_in_any_pieces) {
    for (size_t piece = 1; piece < 12; piece++) {
        const char wire[] = "\0\0\0\0\6telltale";
        grpc_message_t message = {0};
        for (size_t at = 0; at < 11; at += piece) {
            CHECK(!grpc_message_complete(&message));
            slice_t bytes = slice_of(wire + at, at + piece > 11 ? 11 - at : piece);
            CHECK_EQUAL(grpc_message_feed(&message, bytes, 6), ERR_OK);
        }
        CHECK(grpc_message_complete(&message));
        CHECK(slice_equal(buffer_slice(&message.body), slice_text("tellta")));
        grpc_message_fini(&message);
    }
}

static err_t feed(const char *wire, size_t len, uint64_t limit) {
    grpc_message_t message = {0};
    err_t err = grpc_message_feed(&message, slice_of(wire, len), limit);
    grpc_message_fini(&message);
    return err;
}

TEST(announced_lengths_over_the_limit_are_refused_by_the_prefix) {
    CHECK_EQUAL(feed("\0\0\0\1\0", 5, 256), ERR_OK);
    CHECK_EQUAL(feed("\0\0\0\1\1", 5, 256), ERR_TOO_LARGE);
    CHECK_EQUAL(feed("\0\xff\xff\xff\xff", 5, 256), ERR_TOO_LARGE);
}

TEST(unknown_flags_and_bytes_behind_the_message_are_malformed) {
    CHECK_EQUAL(feed("\2\0\0\0\0", 5, 256), ERR_MALFORMED);
    CHECK_EQUAL(feed("\0\0\0\0\1ab", 7, 256), ERR_MALFORMED);
    CHECK_EQUAL(feed("\0\0\0\0\0\0", 6, 256), ERR_MALFORMED);
}

TEST(an_empty_message_is_complete) {
    grpc_message_t message = {0};
    CHECK(!grpc_message_complete(&message));
    CHECK_EQUAL(grpc_message_feed(&message, slice_of("\0\0\0\0\0", 5), 0), ERR_OK);
    CHECK(grpc_message_complete(&message) && !grpc_message_compressed(&message));
}

TEST(memory_grows_with_what_comes_and_not_with_what_is_announced) {
    grpc_message_t message = {0};
    CHECK_EQUAL(grpc_message_feed(&message, slice_of("\0\4\0\0\0x", 6), 1 << 26), ERR_OK); /* 64 MiB, it says */
    CHECK(message.body.capacity < 1024 * 1024);
    grpc_message_fini(&message);
}

TEST(messages_in_trailers_are_percent_encoded) {
    buffer_t out = {0};
    grpc_percent_encode(slice_text("50% of \xc3\xa4\r\n~"), &out);
    buffer_byte(&out, 0);
    CHECK_TEXT((char *)out.data, "50%25 of %C3%A4%0D%0A~");
    buffer_fini(&out);
}

TEST(details_are_base64_without_padding) {
    static const char *const rows[][2] = {
        {"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        buffer_t out = {0};
        grpc_base64(slice_text(rows[i][0]), &out);
        buffer_byte(&out, 0);
        CHECK_TEXT((char *)out.data, rows[i][1]);
        buffer_fini(&out);
    }
}

TEST_MAIN(TEST_CASE(timeouts_are_at_most_eight_digits_and_a_unit), TEST_CASE(a_message_may_come_in_any_pieces),
          TEST_CASE(announced_lengths_over_the_limit_are_refused_by_the_prefix),
          TEST_CASE(unknown_flags_and_bytes_behind_the_message_are_malformed), TEST_CASE(an_empty_message_is_complete),
          TEST_CASE(memory_grows_with_what_comes_and_not_with_what_is_announced),
          TEST_CASE(messages_in_trailers_are_percent_encoded), TEST_CASE(details_are_base64_without_padding))
