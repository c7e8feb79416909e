#include "cli/timestamp.h"
#include "tests/test.h"

#include <time.h>

#define T INT64_C(1396310700000000000) /* 2014-04-01 00:05:00 UTC */

static int64_t parsed(const char *text) {
    int64_t ns = -1;
    return timestamp_parse(slice_text(text), &ns) ? ns : -1;
}

TEST(dates_and_times_are_utc_unless_they_say_otherwise) {
    CHECK_EQUAL(parsed("2014-04-01 00:05:00"), T);
    CHECK_EQUAL(parsed("2014/04/01 00:05"), T);
    CHECK_EQUAL(parsed("2014-04-01T00:05:00Z"), T);
    CHECK_EQUAL(parsed("2014-04-01T02:05:00+02:00"), T);
    CHECK_EQUAL(parsed("2014-03-31t20:35:00-0330"), T);
    CHECK_EQUAL(parsed("2014-04-01 00:05:00.000001"), T + 1000);
    CHECK_EQUAL(parsed("2014-04-01 00:05:00.1234567899"), T + 123456789);
    CHECK_EQUAL(parsed("2014-04-01"), T - INT64_C(300000000000));
    CHECK_EQUAL(parsed("1970-01-01 00:00:00"), 0);
}

TEST(numbers_are_since_1970_in_the_unit_that_their_size_says) {
    CHECK_EQUAL(parsed("1396310700"), T);
    CHECK_EQUAL(parsed("1396310700.25"), T + 250000000);
    CHECK_EQUAL(parsed("1396310700000"), T);
    CHECK_EQUAL(parsed("1396310700000000"), T);
    CHECK_EQUAL(parsed("1396310700000000000"), T);
    CHECK_EQUAL(parsed("0"), 0);
}

TEST(what_is_no_moment_is_refused) {
    static const char *const bad[] = {"",
                                      " ",
                                      "yesterday",
                                      "2014-02-30",
                                      "2014-13-01",
                                      "2014-04-01 24:00:00",
                                      "2014-04-01 00:60:00",
                                      "2014-04-01 00:05:00 x",
                                      "2014-04-01 00:05:00+25:00",
                                      "-5",
                                      "1396310700.",
                                      "1396310700000.5",
                                      "99999999999999999999",
                                      "9999999999999999999",
                                      "1e9",
                                      "0x10",
                                      "1900-02-29",
                                      "2014-4-1",
                                      "2014-04-01T",
                                      "1396310700 "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parsed(bad[i]) != -1) (void)fprintf(stderr, "     accepted '%s'\n", bad[i]);
        CHECK_EQUAL(parsed(bad[i]), -1);
    }
}

TEST(every_day_is_what_the_c_library_says) {
    for (int64_t day = -80000; day < 80000; day += 13) {
        time_t seconds = (time_t)(day * 86400 + day % 86400);
        struct tm utc;
        char text[40];
        REQUIRE(gmtime_r(&seconds, &utc) != NULL);
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc);
        int64_t ns = 1;
        CHECK(timestamp_parse(slice_text(text), &ns));
        CHECK_EQUAL(ns, (int64_t)seconds * 1000000000);
    }
}

TEST_MAIN(TEST_CASE(dates_and_times_are_utc_unless_they_say_otherwise),
          TEST_CASE(numbers_are_since_1970_in_the_unit_that_their_size_says), TEST_CASE(what_is_no_moment_is_refused),
          TEST_CASE(every_day_is_what_the_c_library_says))
