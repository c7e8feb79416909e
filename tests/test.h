/* test: claims as functions. A test file lists TEST(claim) { … } and ends with TEST_MAIN(claim, …).
 * CHECK says what failed and where and goes on; REQUIRE leaves the test. The last line is "N passed, N failed". */
#ifndef SEISMESH_TESTS_TEST_H
#define SEISMESH_TESTS_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test_failures; /* CHECKs failed in the running test */

typedef struct {
    const char *name;
    void (*run)(void);
} test_case_t;

#define TEST(name) static void name(void)

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            test_failures++;                                                                                           \
            (void)fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                              \
        }                                                                                                              \
    } while (0)

#define CHECK_EQUAL(a, b)                                                                                              \
    do {                                                                                                               \
        long long test_a = (long long)(a), test_b = (long long)(b);                                                    \
        if (test_a != test_b) {                                                                                        \
            test_failures++;                                                                                           \
            (void)fprintf(stderr, "%s:%d: %s is %lld, not %s (%lld)\n", __FILE__, __LINE__, #a, test_a, #b, test_b);   \
        }                                                                                                              \
    } while (0)

#define CHECK_TEXT(a, b)                                                                                               \
    do {                                                                                                               \
        const char *test_a = (a), *test_b = (b);                                                                       \
        if (strcmp(test_a, test_b) != 0) {                                                                             \
            test_failures++;                                                                                           \
            (void)fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #a, test_a, test_b);        \
        }                                                                                                              \
    } while (0)

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            test_failures++;                                                                                           \
            (void)fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                              \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/* Random numbers by seed (splitmix64), the same on every machine. */
static inline uint64_t test_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline int test_main(const test_case_t *cases, size_t count, int argc, char **argv) {
    int passed = 0, failed = 0;
    for (size_t i = 0; i < count; i++) {
        if (argc > 1 && strstr(cases[i].name, argv[1]) == NULL) continue;
        test_failures = 0;
        cases[i].run();
        (void)printf("%s %s\n", test_failures == 0 ? "ok  " : "FAIL", cases[i].name);
        (void)fflush(stdout);
        if (test_failures == 0)
            passed++;
        else
            failed++;
    }
    (void)printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}

#define TEST_CASE(name)                                                                                                \
    { #name, name }
#define TEST_MAIN(...)                                                                                                 \
    int main(int argc, char **argv) {                                                                                  \
        static const test_case_t cases[] = {__VA_ARGS__};                                                              \
        return test_main(cases, sizeof cases / sizeof cases[0], argc, argv);                                           \
    }

#endif
