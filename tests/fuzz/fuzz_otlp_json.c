/* Whatever otlp_json takes, protobuf-c can read: the first byte chooses the kind of request. */
#include "collector/fold/otlp_json.h"
#include "otlp.pb-c.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const ProtobufCMessageDescriptor *const types[OTLP_KINDS] = {&otlp__export_trace_service_request__descriptor,
                                                                 &otlp__export_metrics_service_request__descriptor,
                                                                 &otlp__export_logs_service_request__descriptor};
    if (size == 0) return 0;
    otlp_kind_t kind = (otlp_kind_t)(data[0] % OTLP_KINDS);
    buffer_t out = {0};
    char why[128] = "";
    err_t err = otlp_json_decode(kind, slice_of(data + 1, size - 1), 1 << 20, &out, why, sizeof why);
    if (err == ERR_OK) {
        ProtobufCMessage *message = protobuf_c_message_unpack(types[kind], NULL, out.len, out.data);
        if (message == NULL) abort();
        protobuf_c_message_free_unpacked(message, NULL);
    } else if (why[0] == '\0' || out.len != 0) {
        abort();
    }
    buffer_fini(&out);
    return 0;
}
