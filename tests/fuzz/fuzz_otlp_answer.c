/* What a server answers to what we send; and what we answer to a sender, with any text in it: protobuf and JSON must be
 * what their own libraries can read, and say the same. The first byte is the situation, the second the kind. */
#include "collector/receive/status.h"
#include "otlp.pb-c.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_protobuf(const answer_t *answer, slice_t body) {
    if (answer->situation == SITUATION_ACCEPTED) {
        slice_t why;
        assert(answer_rejected(body, &why) == answer->rejected && slice_is(why, answer->text));
        return;
    }
    Otlp__RpcStatus *status = otlp__rpc_status__unpack(NULL, body.len, body.data);
    assert(status != NULL && status->code == situation_info[answer->situation].grpc);
    assert(strcmp(status->message, answer_text(answer)) == 0);
    assert((status->n_details == 1) == (situation_info[answer->situation].retry_s > 0));
    otlp__rpc_status__free_unpacked(status, NULL);
}

static void check_json(const answer_t *answer, slice_t body) {
    json_t *document = json_loadb((const char *)body.data, body.len, 0, NULL);
    json_t *said = json_object_get(document, "partialSuccess");
    assert(json_is_object(document));
    const char *text =
        json_string_value(answer->situation == SITUATION_ACCEPTED ? json_object_get(said, "errorMessage")
                                                                  : json_object_get(document, "message"));
    assert(strcmp(text == NULL ? "" : text, answer_text(answer)) == 0);
    json_decref(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    slice_t why;
    assert(answer_rejected(slice_of(data, len), &why) <= INT64_MAX && why.len <= len);
    if (len < 2) return 0;
    answer_t answer = {.kind = (otlp_kind_t)(data[1] % OTLP_KINDS)};
    situation_t situation = (situation_t)(data[0] % SITUATION_COUNT);
    answer_set(&answer, situation, len == 2 ? NULL : "%.*s", (int)(len - 2), (const char *)data + 2);
    if (situation == SITUATION_ACCEPTED) answer.rejected = len - 2;
    buffer_t body = {0};
    answer_encode(&answer, FORMAT_PROTOBUF, &body);
    check_protobuf(&answer, buffer_slice(&body));
    buffer_clear(&body);
    answer_encode(&answer, FORMAT_JSON, &body);
    check_json(&answer, buffer_slice(&body));
    buffer_fini(&body);
    return 0;
}
