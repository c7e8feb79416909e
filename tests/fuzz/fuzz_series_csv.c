/* Any text as the input of `seismesh detect`: lines into rows, rows into the detector, whose score stays in 0..1. */
#include "analyzer/detector.h"
#include "cli/series_row.h"
#include "cli/timestamp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(detector_t *detector, slice_t line) {
    series_row_t row;
    int64_t time_ns;
    double value;
    if (!series_row_split(series_row_trim(line), &row)) return;
    if (!timestamp_parse(row.time, &time_ns) || !series_row_value(row.value, &value)) return;
    double score = detector_add(detector, time_ns, value);
    if (!(score >= 0 && score <= 1)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    detector_t *detector = detector_new(0);
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t len = end == NULL ? size : (size_t)(end - data);
        take(detector, slice_of(data, len));
        size_t used = end == NULL ? len : len + 1;
        data += used;
        size -= used;
    }
    detector_free(detector);
    return 0;
}
