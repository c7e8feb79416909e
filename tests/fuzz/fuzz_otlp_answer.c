/* What a server answers to what we send. */
#include "collector/receive/status.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    slice_t why;
    assert(answer_rejected(slice_of(data, len), &why) <= INT64_MAX && why.len <= len);
    return 0;
}
