/* Compressed bodies: the first byte chooses the coding, the rest is the body. Whatever it is, the output stays below
 * the limit, and so does the memory. */
#include "collector/receive/inflate.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    enum { LIMIT = 4 * 1024 * 1024 };
    if (len < 1) return 0;
    inflate_limits_t limits = {.output_bytes = LIMIT};
    buffer_t out = {0};
    (void)coding_named(slice_of(data, len < 16 ? len : 16));
    err_t err = inflate_body((coding_t)(data[0] % 4), slice_of(data + 1, len - 1), &limits, &out);
    if (err == ERR_OK) assert(out.len <= LIMIT);
    assert(out.capacity <= 2 * LIMIT);
    buffer_fini(&out);
    return 0;
}
