/* What a peer answers to forwarded spans. */
#include "exporters/otlp_out.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    assert(otlp_out_rejected(slice_of(data, len)) <= INT64_MAX);
    return 0;
}
