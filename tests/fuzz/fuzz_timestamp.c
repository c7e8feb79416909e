/* Any text as a timestamp. */
#include "cli/timestamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int64_t ns;
    (void)timestamp_parse(slice_of(data, size), &ns);
    return 0;
}
