/* scrape_parse: how fast pages are read and made OTLP, on one core, without a network.
 *
 *     scrape_parse [SERIES] [FILE]...   a made-up sidecar's page of so many series (2000), and pages out of files */
#define _GNU_SOURCE /* memmem */
#include "collector/scrape/translate.h"

#include "tests/bench/pages.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double cpu_s(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void measure(const char *name, slice_t page) {
    dialect_set_t *dialects = dialect_set_new(NULL);
    translator_t *translator = translator_new(dialects, 64 << 20);
    const origin_t origin = {.job = "mesh", .time_ns = INT64_C(1700000000000000000)};
    page_result_t result = {0};
    buffer_t out = {0};
    double began = cpu_s();
    unsigned rounds = 0;
    for (; cpu_s() - began < 1; rounds++) {
        buffer_clear(&out);
        if (translate_page(translator, page, &origin, &out, &result) != ERR_OK) {
            (void)printf("%s: line %u: %s\n", name, result.line, result.why);
            exit(1);
        }
    }
    double took = cpu_s() - began;
    (void)printf("%-24s %8zu bytes %6llu lines %6llu points %8zu bytes of OTLP  %7.0f MB/s  %5.0f ns/line\n", name,
                 page.len, (unsigned long long)result.samples, (unsigned long long)result.points, out.len,
                 (double)page.len * rounds / took / 1e6, took * 1e9 / rounds / (double)result.samples);
    buffer_fini(&out);
    translator_free(translator);
    dialect_set_free(dialects);
}

static void measure_template(const char *name, buffer_t *page) {
    page_fill(page, 17, 1000);
    measure(name, buffer_slice(page));
    buffer_clear(page);
}

static void measure_file(const char *path) {
    buffer_t page = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    for (size_t got; (got = fread(buffer_reserve(&page, 65536), 1, 65536, file)) > 0;) page.len += got;
    (void)fclose(file);
    measure(path, buffer_slice(&page));
    buffer_fini(&page);
}

int main(int argc, char **argv) {
    unsigned series = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 2000;
    buffer_t page = {0};
    page_sidecar(&page, series);
    measure_template("sidecar", &page);
    page_envoy(&page, series / 20, 20);
    measure_template("nothing that is read", &page);
    page_histogram(&page, "istio_request_duration_milliseconds", series / 22);
    measure_template("histograms only", &page);
    buffer_text(&page, "# TYPE istio_requests_total counter\n");
    for (unsigned i = 0; i < series; i++) {
        buffer_text(&page, "istio_requests_total");
        page_istio_labels(&page, i, 200);
        buffer_text(&page, "} " PAGE_COUNT "\n");
    }
    measure_template("counters only", &page);
    buffer_fini(&page);
    for (int i = 2; i < argc; i++) measure_file(argv[i]);
    return 0;
}
