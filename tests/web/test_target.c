#include "web/target.h"

#include "tests/test.h"

static err_t parse(const char *raw, target_t *target) {
    const char *why;
    err_t err = target_parse(slice_text(raw), target, &why);
    CHECK((err == ERR_OK) == (why[0] == '\0'));
    return err;
}

TEST(an_encoded_slash_stays_inside_its_segment) {
    target_t target;
    REQUIRE(parse("/api/v1/services/shop%2Fcart%40east?start=-15m&search=a+b%26c", &target) == ERR_OK);
    CHECK_EQUAL(target.segment_count, 4);
    CHECK_TEXT(target.segments[3], "shop/cart@east");
    CHECK_EQUAL(target.parameter_count, 2);
    CHECK_TEXT(target.parameters[0].name, "start");
    CHECK_TEXT(target.parameters[0].value, "-15m");
    CHECK_TEXT(target.parameters[1].value, "a b&c");
    target_fini(&target);
}

TEST(the_root_has_no_segments_and_empty_ones_count) {
    target_t target;
    REQUIRE(parse("/", &target) == ERR_OK);
    CHECK_EQUAL(target.segment_count, 0);
    target_fini(&target);
    REQUIRE(parse("//a/", &target) == ERR_OK);
    CHECK_EQUAL(target.segment_count, 3);
    CHECK_TEXT(target.segments[1], "a");
    target_fini(&target);
    REQUIRE(parse("/+", &target) == ERR_OK);
    CHECK_TEXT(target.segments[0], "+"); /* a plus is a space in queries only */
    target_fini(&target);
}

TEST(what_is_no_text_is_refused) {
    static const char *const bad[] = {
        "",     "x",       "http://127.0.0.1/", "/%",   "/%4",    "/%zz",  "/%00",    "/a%0d%0a",
        "/%ff", "/%c0%80", "/?a=%ed%a0%80",     "/?=1", "/?a=%1", "/\x7f", "/%c2%85", "/?a=\xf5\x80\x80\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        target_t target;
        CHECK_EQUAL(parse(bad[i], &target), ERR_MALFORMED);
        CHECK(target.memory == NULL);
    }
}

TEST(sizes_are_bounded) {
    static char raw[TARGET_BYTES_MAX + 2];
    target_t target;
    memset(raw, 'a', sizeof raw - 1);
    raw[0] = '/';
    CHECK_EQUAL(parse(raw, &target), ERR_TOO_LARGE);
    raw[TARGET_BYTES_MAX] = '\0';
    CHECK_EQUAL(parse(raw, &target), ERR_OK);
    target_fini(&target);
    CHECK_EQUAL(parse("/1/2/3/4/5/6/7/8/9/10/11/12/13", &target), ERR_TOO_LARGE);
    char many[256] = "/?";
    for (int i = 0; i <= TARGET_PARAMETERS_MAX; i++) strcat(many, "a=1&");
    CHECK_EQUAL(parse(many, &target), ERR_TOO_LARGE);
}

TEST(any_bytes_give_text_or_an_error) {
    uint64_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        uint8_t raw[64];
        size_t len = test_random(&seed) % sizeof raw;
        static const char alphabet[] = "/?&=%+aA0f\xc3\xa9\xff";
        for (size_t i = 0; i < len; i++) raw[i] = (uint8_t)alphabet[test_random(&seed) % (sizeof alphabet - 1)];
        if (len > 0) raw[0] = '/';
        target_t target;
        const char *why;
        if (target_parse(slice_of(raw, len), &target, &why) == ERR_OK)
            target_fini(&target);
        else
            CHECK(why[0] != '\0');
    }
}

TEST_MAIN(TEST_CASE(an_encoded_slash_stays_inside_its_segment),
          TEST_CASE(the_root_has_no_segments_and_empty_ones_count), TEST_CASE(what_is_no_text_is_refused),
          TEST_CASE(sizes_are_bounded), TEST_CASE(any_bytes_give_text_or_an_error))
