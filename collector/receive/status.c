#include "collector/receive/status.h"

#include "otlp.pb-c.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define RETRY_INFO_TYPE "type.googleapis.com/google.rpc.RetryInfo"

/* clang-format 14 cannot align rows that macros make. */
/* clang-format off */
const situation_info_t situation_info[SITUATION_COUNT] = {
    {200, 0, 0, COUNTER_COUNT, ""},
#define SITUATION_ROW(id, http, grpc, retry, counter, words) {http, grpc, retry, COUNTER_##counter, words},
    SITUATION_LIST(SITUATION_ROW)
#undef SITUATION_ROW
};
/* clang-format on */

const char *const format_media_types[FORMAT_COUNT] = {"application/x-protobuf", "application/json"};

void answer_set(answer_t *answer, situation_t situation, const char *format, ...) {
    answer->situation = situation;
    answer->text[0] = '\0';
    if (format == NULL) return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(answer->text, sizeof answer->text, format, args);
    va_end(args);
    for (char *c = answer->text; *c != '\0'; c++)
        if (*c < ' ' || *c > '~') *c = '?';
}

const char *answer_text(const answer_t *answer) {
    return answer->text[0] != '\0' ? answer->text : situation_info[answer->situation].words;
}

static bool answer_has_partial_success(const answer_t *answer) {
    return answer->rejected > 0 || answer->text[0] != '\0';
}

static void append_packed(const ProtobufCMessage *message, buffer_t *out) {
    size_t size = protobuf_c_message_get_packed_size(message);
    size_t written = protobuf_c_message_pack(message, buffer_reserve(out, size));
    assert(written == size);
    out->len += written;
}

static void encode_traces_response(const answer_t *answer, buffer_t *out) {
    Otlp__ExportTracePartialSuccess partial = OTLP__EXPORT_TRACE_PARTIAL_SUCCESS__INIT;
    Otlp__ExportTraceServiceResponse response = OTLP__EXPORT_TRACE_SERVICE_RESPONSE__INIT;
    partial.rejected_spans = (int64_t)answer->rejected;
    partial.error_message = (char *)answer->text;
    response.partial_success = &partial;
    append_packed(&response.base, out);
}

static void encode_metrics_response(const answer_t *answer, buffer_t *out) {
    Otlp__ExportMetricsPartialSuccess partial = OTLP__EXPORT_METRICS_PARTIAL_SUCCESS__INIT;
    Otlp__ExportMetricsServiceResponse response = OTLP__EXPORT_METRICS_SERVICE_RESPONSE__INIT;
    partial.rejected_data_points = (int64_t)answer->rejected;
    partial.error_message = (char *)answer->text;
    response.partial_success = &partial;
    append_packed(&response.base, out);
}

static void encode_logs_response(const answer_t *answer, buffer_t *out) {
    Otlp__ExportLogsPartialSuccess partial = OTLP__EXPORT_LOGS_PARTIAL_SUCCESS__INIT;
    Otlp__ExportLogsServiceResponse response = OTLP__EXPORT_LOGS_SERVICE_RESPONSE__INIT;
    partial.rejected_log_records = (int64_t)answer->rejected;
    partial.error_message = (char *)answer->text;
    response.partial_success = &partial;
    append_packed(&response.base, out);
}

static void encode_status(const answer_t *answer, buffer_t *out) {
    const situation_info_t *info = &situation_info[answer->situation];
    Otlp__Duration delay = OTLP__DURATION__INIT;
    Otlp__RetryInfo retry = OTLP__RETRY_INFO__INIT;
    Otlp__RpcAny detail = OTLP__RPC_ANY__INIT;
    Otlp__RpcAny *details[] = {&detail};
    Otlp__RpcStatus status = OTLP__RPC_STATUS__INIT;
    uint8_t packed_retry[32];

    status.code = info->grpc;
    status.message = (char *)answer_text(answer);
    if (info->retry_s > 0) {
        delay.seconds = info->retry_s;
        retry.retry_delay = &delay;
        detail.type_url = (char *)RETRY_INFO_TYPE;
        detail.value = (ProtobufCBinaryData){otlp__retry_info__pack(&retry, packed_retry), packed_retry};
        status.details = details;
        status.n_details = 1;
    }
    append_packed(&status.base, out);
}

static void append_json_text(buffer_t *out, const char *text) {
    buffer_byte(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') buffer_byte(out, '\\');
        buffer_byte(out, (uint8_t)*text);
    }
    buffer_byte(out, '"');
}

static void encode_response_json(const answer_t *answer, buffer_t *out) {
    static const char *const rejected[OTLP_KINDS] = {"rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"};
    buffer_text(out, "{");
    if (answer_has_partial_success(answer)) {
        buffer_format(out, "\"partialSuccess\":{\"%s\":\"%" PRIu64 "\",\"errorMessage\":", rejected[answer->kind],
                      answer->rejected);
        append_json_text(out, answer->text);
        buffer_text(out, "}");
    }
    buffer_text(out, "}");
}

static void encode_status_json(const answer_t *answer, buffer_t *out) {
    const situation_info_t *info = &situation_info[answer->situation];
    buffer_format(out, "{\"code\":%d,\"message\":", info->grpc);
    append_json_text(out, answer_text(answer));
    if (info->retry_s > 0)
        buffer_format(out, ",\"details\":[{\"@type\":\"" RETRY_INFO_TYPE "\",\"retryDelay\":\"%ds\"}]", info->retry_s);
    buffer_text(out, "}");
}

void answer_encode(const answer_t *answer, format_t format, buffer_t *out) {
    static void (*const responses[OTLP_KINDS])(const answer_t *, buffer_t *) = {
        encode_traces_response, encode_metrics_response, encode_logs_response};
    if (answer->situation != SITUATION_ACCEPTED) {
        if (format == FORMAT_JSON)
            encode_status_json(answer, out);
        else
            encode_status(answer, out);
    } else if (format == FORMAT_JSON) {
        encode_response_json(answer, out);
    } else if (answer_has_partial_success(answer)) {
        responses[answer->kind](answer, out);
    }
}

/* Export…ServiceResponse { partial_success = 1 { rejected_… = 1; error_message = 2 } } */
uint64_t answer_rejected(slice_t response, slice_t *message) {
    bytes_t in = bytes_of(response);
    wire_field_t field;
    uint64_t rejected = 0;
    slice_t why = slice_of(NULL, 0);
    while (wire_next(&in, &field)) {
        if (field.number != 1 || field.type != WIRE_BLOCK) continue;
        bytes_t partial = bytes_of(field.block);
        while (wire_next(&partial, &field)) {
            if (field.number == 1 && field.type == WIRE_VARINT) rejected = field.value;
            if (field.number == 2 && field.type == WIRE_BLOCK) why = field.block;
        }
        if (!bytes_done(&partial)) rejected = 0;
    }
    if (!bytes_done(&in) || rejected > INT64_MAX) rejected = 0;
    if (message != NULL) *message = why;
    return rejected;
}
