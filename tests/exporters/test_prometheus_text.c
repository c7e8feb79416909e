#include "exporters/prometheus_text.h"

#include "tests/test.h"

#include <math.h>

static const char *text_of(buffer_t *buffer) {
    buffer_byte(buffer, 0);
    buffer->len--;
    return (const char *)buffer->data;
}

TEST(label_values_are_escaped) {
    buffer_t labels = {0}, out = {0};
    prometheus_label(&labels, "service", "a\\b\"c\nd{}é");
    prometheus_label(&labels, "zone", "");
    prometheus_sample(&out, "x", text_of(&labels), 1);
    CHECK_TEXT(text_of(&out), "x{service=\"a\\\\b\\\"c\\nd{}é\",zone=\"\"} 1\n");
    buffer_fini(&labels);
    buffer_fini(&out);
}

TEST(numbers_are_spelled_as_the_format_says) {
    buffer_t out = {0};
    prometheus_sample(&out, "a", "", NAN);
    prometheus_sample(&out, "a", "", INFINITY);
    prometheus_sample(&out, "a", "", -INFINITY);
    prometheus_sample(&out, "a", "", 18446744073709551615.0);
    prometheus_sample(&out, "a", "", 0.1);
    prometheus_sample(&out, "a", "", 123456789012.0);
    CHECK_TEXT(text_of(&out), "a NaN\na +Inf\na -Inf\na 1.844674407e+19\na 0.1\na 123456789012\n");
    buffer_fini(&out);
}

/* The format wants all lines of a family together behind one HELP and one TYPE. */
TEST(every_counter_is_there_once_and_families_stay_together) {
    static counters_t counters;
    for (int i = 0; i < COUNTER_COUNT; i++) counters_add(&counters, (counter_t)i, (uint64_t)i + 1);
    buffer_t out = {0};
    prometheus_counters(&counters, &out);
    char *text = strdup(text_of(&out)), *rest = text, family[128] = "";
    static char seen[256][128];
    int families = 0, samples = 0;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && line[0] != '\0';) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            (void)snprintf(family, sizeof family, "%.*s", (int)strcspn(line + 7, " "), line + 7);
            for (int i = 0; i < families; i++) CHECK(strcmp(seen[i], family) != 0);
            REQUIRE(families < 256);
            (void)snprintf(seen[families++], sizeof seen[0], "%s", family);
        } else if (line[0] != '#') {
            CHECK(strncmp(line, family, strlen(family)) == 0);
            CHECK(strcspn(line, "{ ") == strlen(family));
            samples++;
        }
    }
    CHECK_EQUAL(samples, COUNTER_COUNT);
    CHECK(strstr(text_of(&out), "seismesh_receiver_requests_total{transport=\"http\"} 1\n") != NULL);
    free(text);
    buffer_fini(&out);
}

TEST(the_process_tells_of_itself) {
    buffer_t out = {0};
    prometheus_process(&out);
    const char *text = text_of(&out);
    const char *memory = strstr(text, "\nprocess_resident_memory_bytes "),
               *start = strstr(text, "\nprocess_start_time_seconds ");
    REQUIRE(memory != NULL && start != NULL);
    CHECK(strtod(memory + strlen("\nprocess_resident_memory_bytes "), NULL) > 100000);
    CHECK(strtod(start + strlen("\nprocess_start_time_seconds "), NULL) > 1.6e9);
    CHECK(strstr(text, "NaN") == NULL);
    buffer_fini(&out);
}

TEST_MAIN(TEST_CASE(label_values_are_escaped), TEST_CASE(numbers_are_spelled_as_the_format_says),
          TEST_CASE(every_counter_is_there_once_and_families_stay_together), TEST_CASE(the_process_tells_of_itself))
