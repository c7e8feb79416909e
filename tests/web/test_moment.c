#include "tests/test.h"
#include "web/request.h"

static const int64_t reference = INT64_C(1700000000) * NS_PER_S;

static int64_t moment(const char *text) {
    int64_t ns = -1;
    return moment_parse(text, reference, &ns) ? ns : -1;
}

TEST(a_moment_may_be_written_in_every_documented_way) {
    CHECK_EQUAL(moment("1700000000"), reference);
    CHECK_EQUAL(moment("1700000000.25"), reference + 250 * NS_PER_MS);
    CHECK_EQUAL(moment("1700000000123"), reference + 123 * NS_PER_MS);
    CHECK_EQUAL(moment("1700000000123456789"), reference + 123456789);
    CHECK_EQUAL(moment("2023-11-14T22:13:20Z"), reference);
    CHECK_EQUAL(moment("2023-11-14t22:13:20.5z"), reference + 500 * NS_PER_MS);
    CHECK_EQUAL(moment("2023-11-14 23:13:20+01:00"), reference);
    CHECK_EQUAL(moment("2023-11-14T16:43:20.000000001-05:30"), reference + 1);
    CHECK_EQUAL(moment("-15m"), reference - 900 * NS_PER_S);
    CHECK_EQUAL(moment("-1.5h"), reference - 5400 * NS_PER_S);
    CHECK_EQUAL(moment("0"), 0);
}

TEST(what_is_no_moment_is_refused) {
    static const char *const bad[] = {"",
                                      "now",
                                      "yesterday",
                                      "1700000000123456" /* microseconds */,
                                      "15m",
                                      "--15m",
                                      "-15",
                                      "1e9",
                                      "0x10",
                                      "inf",
                                      "nan",
                                      "-inf",
                                      "99999999999999999999",
                                      "2023-02-30T00:00:00Z",
                                      "2023-13-01T00:00:00Z",
                                      "2023-11-14T22:13:20",
                                      "2023-11-14",
                                      "2023-11-14T22:13:20.Z",
                                      "2023-11-14T22:13:20Zx",
                                      "-99999999d",
                                      "1700000000 ",
                                      "1700000000.",
                                      "9999-01-01T00:00:00Z",
                                      "2023-11-14T22:13:20+25:00"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (moment(bad[i]) != -1) (void)fprintf(stderr, "%s\n", bad[i]);
        CHECK_EQUAL(moment(bad[i]), -1);
    }
}

TEST(durations_have_units) {
    int64_t ns;
    CHECK(duration_parse("250ms", &ns) && ns == 250 * NS_PER_MS);
    CHECK(duration_parse("1.2s", &ns) && ns == 1200 * NS_PER_MS);
    CHECK(duration_parse("10us", &ns) && ns == 10000);
    CHECK(duration_parse("0ns", &ns) && ns == 0);
    CHECK(!duration_parse("250", &ns));
    CHECK(!duration_parse("ms", &ns));
    CHECK(!duration_parse("1 s", &ns));
    CHECK(!duration_parse(".5s", &ns));
    CHECK(!duration_parse("99999999999999999999999d", &ns));
}

TEST_MAIN(TEST_CASE(a_moment_may_be_written_in_every_documented_way), TEST_CASE(what_is_no_moment_is_refused),
          TEST_CASE(durations_have_units))
