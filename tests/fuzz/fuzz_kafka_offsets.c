/* Offsets out of a store: any bytes give offsets that encode to the same again, or an error. */
#include "collector/journal/kafka_offsets.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    kafka_offsets_t offsets, again;
    buffer_t bytes = {0}, bytes_again = {0};
    if (kafka_offsets_decode(&offsets, slice_of(data, size)) != ERR_OK) {
        assert(offsets.count == 0 && offsets.items == NULL);
        return 0;
    }
    kafka_offsets_encode(&offsets, &bytes);
    err_t err = kafka_offsets_decode(&again, buffer_slice(&bytes));
    assert(err == ERR_OK && again.count == offsets.count);
    kafka_offsets_encode(&again, &bytes_again);
    assert(slice_equal(buffer_slice(&bytes), buffer_slice(&bytes_again)));
    kafka_offsets_fini(&offsets);
    kafka_offsets_fini(&again);
    buffer_fini(&bytes);
    buffer_fini(&bytes_again);
    return 0;
}
