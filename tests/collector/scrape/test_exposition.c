/* Pages of both formats, line by line. */
#include "collector/scrape/exposition.h"
#include "tests/test.h"

#include <math.h>

/* What a page says, one line per item, for comparison: "name{labels} value @time" or "WRONG line: why". */
static const char *told(const char *text, bool openmetrics) {
    static char out[8192];
    exposition_t page;
    exposition_sample_t s;
    size_t len = 0;
    out[0] = '\0';
    exposition_begin(&page, slice_text(text), openmetrics);
    for (exposition_item_t item; (item = exposition_next(&page, &s)) != EXPOSITION_END && len < sizeof out;) {
        char *at = out + len;
        size_t left = sizeof out - len;
        if (item == EXPOSITION_WRONG)
            len += (size_t)snprintf(at, left, "WRONG %u: %s\n", page.line, page.why);
        else if (item == EXPOSITION_FAMILY)
            len += (size_t)snprintf(at, left, "FAMILY %.*s %d\n", (int)page.family.len, (const char *)page.family.data,
                                    page.type);
        else
            len += (size_t)snprintf(at, left, "%.*s|%.*s|%g|%lld|%d\n", (int)s.name.len, (const char *)s.name.data,
                                    (int)s.labels.len, s.labels.len > 0 ? (const char *)s.labels.data : "", s.value,
                                    (long long)s.time_ns, s.part);
    }
    return out;
}

TEST(a_sample_has_name_labels_value_and_time) {
    CHECK_TEXT(told("# TYPE a counter\na{b=\"c\"} 5 1700000000123\na 0.25\n", false),
               "FAMILY a 1\na|b=\"c\"|5|1700000000123000000|0\na||0.25|0|0\n");
}

TEST(blanks_and_a_last_comma_may_stand_where_prometheus_allows_them) {
    CHECK_TEXT(told("  a { b = \"c\" , d=\"e\", }  5  \n\n\t\n", false),
               "FAMILY a 0\na| b = \"c\" , d=\"e\", |5|0|0\n");
}

TEST(signs_in_label_values_are_no_structure) {
    CHECK_TEXT(told("a{b=\"} 1 # {\\\"\\\\\",c=\"\\n=,\"} 7\n", false),
               "FAMILY a 0\na|b=\"} 1 # {\\\"\\\\\",c=\"\\n=,\"|7|0|0\n");
}

TEST(lines_of_a_histogram_are_told_apart_by_their_ending) {
    CHECK_TEXT(told("# TYPE h histogram\nh_bucket{a=\"b\",le=\"1\"} 2\nh_bucket{a=\"b\",le=\"+Inf\"} 3\nh_sum{a=\"b\"} "
                    "4\nh_count{a=\"b\"} 3\nh_other 1\n",
                    false),
               "FAMILY h 3\nh_bucket|a=\"b\",le=\"1\"|2|0|1\nh_bucket|a=\"b\",le=\"+Inf\"|3|0|1\nh_sum|a=\"b\"|4|0|2\n"
               "h_count|a=\"b\"|3|0|3\nFAMILY h_other 0\nh_other||1|0|0\n");
}

TEST(openmetrics_has_totals_created_exemplars_and_an_end) {
    CHECK_TEXT(
        told("# TYPE a counter\n# UNIT a seconds\n# HELP a \\\"x\\\"\na_total{b=\"c\"} 5 1.5 # {trace_id=\"} 7\"} 0.5 "
             "2.5\na_created{b=\"c\"} 1\n# EOF\n",
             true),
        "FAMILY a 1\na_total|b=\"c\"|5|1500000000|0\na_created|b=\"c\"|1|0|4\n");
}

TEST(a_page_of_openmetrics_without_an_end_was_cut_short) {
    CHECK_TEXT(told("a 1\n", true), "FAMILY a 0\na||1|0|0\nWRONG 1: the page ends without # EOF: it was cut short\n");
    CHECK_TEXT(told("# EOF\na 1\n", true), "WRONG 1: something behind # EOF\n");
}

TEST(an_exemplar_is_wrong_in_the_older_format) {
    CHECK_TEXT(told("a 1 # {b=\"c\"} 1\n", false), "WRONG 1: a value or timestamp that is no number\n");
}

TEST(numbers_are_read_as_both_formats_have_them) {
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"12", 12},
                {"+12", 12},
                {"1e3", 1000},
                {"1E-3", 0.001},
                {".5", 0.5},
                {"5.", 5},
                {"-2.5", -2.5},
                {"+Inf", INFINITY},
                {"-inf", -INFINITY},
                {"9007199254740993", 9007199254740992.0},
                {"0.1", 0.1},
                {"123456789.123456789", 123456789.123456789},
                {"1.7976931348623157e308", 1.7976931348623157e308},
                {"0x1p4", 16},
                {"000012", 12},
                {"18014398509481985", 18014398509481984.0}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        double value = 99;
        CHECK(exposition_number(slice_text(good[i].text), &value));
        CHECK(value == good[i].value);
    }
    static const char *const bad[] = {"",   "-",  "+",   ".",       "1.2.3", "1e",    "e5", "nan(1)",
                                      " 1", "1 ", "1,5", "infinit", "--1",   "1_000", "0x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        double value;
        CHECK(!exposition_number(slice_text(bad[i]), &value));
    }
    double nan_value = 0;
    CHECK(exposition_number(slice_text("NaN"), &nan_value) && isnan(nan_value));
}

TEST(every_short_number_is_the_one_that_strtod_reads) {
    uint64_t seed = 20261126;
    for (int i = 0; i < 200000; i++) {
        char text[40];
        double value = 0;
        int places = (int)(test_random(&seed) % 12);
        (void)snprintf(text, sizeof text, "%.*f", places,
                       (double)(int64_t)(test_random(&seed) >> (20 + test_random(&seed) % 40)) / 1024);
        if (!exposition_number(slice_text(text), &value) || value != strtod(text, NULL)) {
            CHECK_TEXT(text, "a number read right");
            return;
        }
    }
}

TEST(a_line_that_repeats_the_last_but_for_its_bound_is_the_same_as_read_by_itself) {
    static const char *const lines[] = {"h_bucket{a=\"b\",le=\"1\"} 2",
                                        "h_bucket{a=\"b\",le=\"2.5\"} 3 1700000000000",
                                        "h_bucket{a=\"b\",le=\"\\\"\"} 4",
                                        "h_bucket{a=\"b\",le=\"4\",c=\"d\"} 5",
                                        "h_bucket{le=\"1\"} 6",
                                        "h_bucket{le=\"2\" } 6",
                                        "h_bucket{le=\"3\"} 6",
                                        "h_bucket{le=\"+Inf\"} 7"};
    char text[1024] = "# TYPE h histogram\n";
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s\n", lines[i]);
    }
    exposition_t whole, one;
    exposition_sample_t a, b;
    exposition_begin(&whole, slice_text(text), false);
    CHECK_EQUAL(exposition_next(&whole, &a), EXPOSITION_FAMILY);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        exposition_begin(&one, slice_text(lines[i]), false);
        CHECK_EQUAL(exposition_next(&one, &b), EXPOSITION_FAMILY);
        CHECK_EQUAL(exposition_next(&one, &b), EXPOSITION_SAMPLE);
        CHECK_EQUAL(exposition_next(&whole, &a), EXPOSITION_SAMPLE);
        CHECK(slice_equal(a.name, b.name) && slice_equal(a.labels, b.labels) && slice_equal(a.bound, b.bound));
        CHECK(a.value == b.value && a.time_ns == b.time_ns && a.part == PART_BUCKET);
        CHECK_EQUAL(a.again, i == 1 || i == 7);
    }
}

TEST(what_is_skipped_is_a_family_and_not_what_begins_like_it) {
    const char *text = "# TYPE a histogram\na_bucket{le=\"1\"} x\na_sum y\na_count z\na_other 1\nab 2\na 3\n";
    exposition_t page;
    exposition_sample_t s;
    exposition_begin(&page, slice_text(text), false);
    CHECK_EQUAL(exposition_next(&page, &s), EXPOSITION_FAMILY);
    exposition_skip(&page);
    CHECK_EQUAL(exposition_next(&page, &s), EXPOSITION_FAMILY);
    CHECK(slice_is(page.family, "a_other"));
    CHECK_EQUAL(page.line, 5);
    CHECK_EQUAL(exposition_next(&page, &s), EXPOSITION_SAMPLE);
    CHECK_EQUAL(exposition_next(&page, &s), EXPOSITION_FAMILY);
    exposition_skip(&page);
    CHECK_EQUAL(exposition_next(&page, &s), EXPOSITION_FAMILY);
    CHECK(slice_is(page.family, "a"));
    CHECK_EQUAL(exposition_next(&page, &s), EXPOSITION_SAMPLE);
    CHECK_EQUAL(exposition_next(&page, &s), EXPOSITION_END);
    CHECK_EQUAL(page.samples, 6);
}

TEST(broken_lines_are_named) {
    static const char *const wrong[] = {
        "5 6",        "a",       "a{b} 1", "a{b=c} 1", "a{b=\"c} 1",    "a{b=\"c\" d=\"e\"} 1", "a{1=\"c\"} 1",
        "a{b=\"c\"}", "a 1 2 3", "a one",  "a{,} 1",   "# TYPE a dial", "a{b=\"c\\\"} 1",       "# TYPE 5 counter"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "ok 1\n%s\n", wrong[i]);
        if (strstr(told(text, false), "WRONG 2: ") == NULL) CHECK_TEXT(wrong[i], "a line that is refused");
    }
}

TEST(escapes_mean_what_they_say) {
    uint8_t out[32];
    slice_t value = slice_text("a\\\\b\\\"c\\nd\\xe\\");
    size_t len = exposition_unescape(value, out);
    CHECK(slice_is(slice_of(out, len), "a\\b\"c\nd\\xe\\"));
}

TEST_MAIN(TEST_CASE(a_sample_has_name_labels_value_and_time),
          TEST_CASE(blanks_and_a_last_comma_may_stand_where_prometheus_allows_them),
          TEST_CASE(signs_in_label_values_are_no_structure),
          TEST_CASE(lines_of_a_histogram_are_told_apart_by_their_ending),
          TEST_CASE(openmetrics_has_totals_created_exemplars_and_an_end),
          TEST_CASE(a_page_of_openmetrics_without_an_end_was_cut_short),
          TEST_CASE(an_exemplar_is_wrong_in_the_older_format), TEST_CASE(numbers_are_read_as_both_formats_have_them),
          TEST_CASE(every_short_number_is_the_one_that_strtod_reads),
          TEST_CASE(a_line_that_repeats_the_last_but_for_its_bound_is_the_same_as_read_by_itself),
          TEST_CASE(what_is_skipped_is_a_family_and_not_what_begins_like_it), TEST_CASE(broken_lines_are_named),
          TEST_CASE(escapes_mean_what_they_say))
