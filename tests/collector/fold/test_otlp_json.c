#include "collector/fold/otlp_json.h"
#include "otlp.pb-c.h"
#include "tests/test.h"

#include <jansson.h>

/* ---- the oracle: a tree by jansson, encoded bottom-up, as slow and plain as can be ---- */

static const ProtobufCMessageDescriptor *type_of(otlp_kind_t kind) {
    if (kind == OTLP_TRACES) return &otlp__export_trace_service_request__descriptor;
    return kind == OTLP_METRICS ? &otlp__export_metrics_service_request__descriptor
                                : &otlp__export_logs_service_request__descriptor;
}

static void camel(const char *name, char *out) {
    for (; *name != '\0'; name++) {
        if (*name == '_')
            *out++ = (char)(*++name - 'a' + 'A');
        else
            *out++ = *name;
    }
    *out = '\0';
}

static void oracle_message(const ProtobufCMessageDescriptor *type, json_t *object, buffer_t *out);

static void oracle_tag(const ProtobufCFieldDescriptor *field, unsigned wire, buffer_t *out) {
    buffer_varint(out, field->id << 3 | wire);
}

static uint64_t oracle_whole(json_t *value) {
    if (!json_is_string(value)) return (uint64_t)json_integer_value(value);
    const char *text = json_string_value(value);
    return text[0] == '-' ? (uint64_t)strtoll(text, NULL, 10) : strtoull(text, NULL, 10);
}

static double oracle_double(json_t *value) {
    return json_is_string(value) ? strtod(json_string_value(value), NULL) : json_number_value(value);
}

static void oracle_hex(const char *text, buffer_t *out) {
    for (; text[0] != '\0' && text[1] != '\0'; text += 2) {
        char pair[3] = {text[0], text[1], '\0'};
        buffer_byte(out, (uint8_t)strtoul(pair, NULL, 16));
    }
}

static void oracle_value(const ProtobufCFieldDescriptor *field, json_t *value, buffer_t *out) {
    buffer_t inner = {0};
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        oracle_message(field->descriptor, value, &inner);
        oracle_tag(field, 2, out);
        buffer_block(out, buffer_slice(&inner));
        break;
    case PROTOBUF_C_TYPE_STRING:
        oracle_tag(field, 2, out);
        buffer_block(out, slice_of(json_string_value(value), json_string_length(value)));
        break;
    case PROTOBUF_C_TYPE_BYTES: /* the generator writes ids, and base64 only of "AAEC" */
        if (strcmp(json_string_value(value), "AAEC") == 0 && strcmp(field->name, "bytes_value") == 0)
            buffer_append(&inner, "\x00\x01\x02", 3);
        else
            oracle_hex(json_string_value(value), &inner);
        oracle_tag(field, 2, out);
        buffer_block(out, buffer_slice(&inner));
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        oracle_tag(field, 1, out);
        buffer_f64(out, oracle_double(value));
        break;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        oracle_tag(field, 1, out);
        buffer_u64(out, oracle_whole(value));
        break;
    case PROTOBUF_C_TYPE_FIXED32:
        oracle_tag(field, 5, out);
        buffer_u32(out, (uint32_t)oracle_whole(value));
        break;
    case PROTOBUF_C_TYPE_SINT32:
        oracle_tag(field, 0, out);
        buffer_zigzag(out, (int64_t)oracle_whole(value));
        break;
    case PROTOBUF_C_TYPE_BOOL:
        oracle_tag(field, 0, out);
        buffer_varint(out, json_is_true(value));
        break;
    default:
        oracle_tag(field, 0, out);
        buffer_varint(out, oracle_whole(value));
        break;
    }
    buffer_fini(&inner);
}

static void oracle_message(const ProtobufCMessageDescriptor *type, json_t *object, buffer_t *out) {
    for (unsigned i = 0; i < type->n_fields; i++) {
        char key[64];
        camel(type->fields[i].name, key);
        json_t *value = json_object_get(object, key);
        if (value == NULL || json_is_null(value)) continue;
        if (!json_is_array(value)) oracle_value(&type->fields[i], value, out);
        for (size_t at = 0; json_is_array(value) && at < json_array_size(value); at++)
            oracle_value(&type->fields[i], json_array_get(value, at), out);
    }
}

/* ---- random requests as JSON, guided by the descriptors ---- */

static uint64_t dice(uint64_t *seed, uint64_t sides) {
    return test_random(seed) % sides;
}

static void blank(uint64_t *seed, buffer_t *out) {
    static const char *const blanks[] = {"", "", "", "", " ", "\n\t", "\r "};
    buffer_text(out, blanks[dice(seed, 7)]);
}

static void random_text(uint64_t *seed, buffer_t *out) {
    static const char *const parts[] = {"a",
                                        "GET /x",
                                        "\\n",
                                        "\\\"",
                                        "\\\\",
                                        "\\u00e9",
                                        "\\ud83d\\ude00",
                                        "ü",
                                        "日本",
                                        "\\/",
                                        "{",
                                        "a rather long text without anything special in it"};
    buffer_text(out, "\"");
    for (uint64_t n = dice(seed, 6); n > 0; n--) buffer_text(out, parts[dice(seed, 12)]);
    buffer_text(out, "\"");
}

static void random_id(uint64_t *seed, buffer_t *out) {
    buffer_format(out, dice(seed, 2) ? "\"%016llx\"" : "\"%016llX\"", (unsigned long long)test_random(seed));
}

static void random_message(uint64_t *seed, const ProtobufCMessageDescriptor *type, int depth, buffer_t *out);

static void random_value(uint64_t *seed, const ProtobufCFieldDescriptor *field, int depth, buffer_t *out) {
    static const char *const doubles[] = {"0",       "-0.5", "1e3",        "\"NaN\"",  "\"-Infinity\"",
                                          "\"2.5\"", "0.1",  "1.7976e308", "123456.75"};
    static const char *const signed64[] = {"0", "-1", "\"-9223372036854775808\"", "\"9223372036854775807\"", "77"};
    static const char *const unsigned64[] = {"0", "\"18446744073709551615\"", "1663000000000000001", "\"15\"", "300"};
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        random_message(seed, field->descriptor, depth - 1, out);
        break;
    case PROTOBUF_C_TYPE_STRING:
        random_text(seed, out);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        if (strcmp(field->name, "bytes_value") == 0)
            buffer_text(out, dice(seed, 2) ? "\"AAEC\"" : "\"\"");
        else
            random_id(seed, out);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        buffer_text(out, doubles[dice(seed, 9)]);
        break;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_UINT64:
        buffer_text(out, unsigned64[dice(seed, 5)]);
        break;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_INT64:
        buffer_text(out, signed64[dice(seed, 5)]);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        buffer_text(out, dice(seed, 2) ? "true" : "false");
        break;
    default:
        buffer_format(out, "%d", (int)dice(seed, 5));
        break;
    }
}

static void random_member(uint64_t *seed, const ProtobufCFieldDescriptor *field, int depth, buffer_t *out) {
    char key[64];
    camel(field->name, key);
    buffer_format(out, "\"%s\"", key);
    blank(seed, out);
    buffer_text(out, ":");
    blank(seed, out);
    if (dice(seed, 20) == 0) {
        buffer_text(out, "null");
    } else if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        random_value(seed, field, depth, out);
    } else {
        buffer_text(out, "[");
        uint64_t count = dice(seed, 4);
        for (uint64_t i = 0; i < count; i++) {
            if (i > 0) buffer_text(out, ",");
            random_value(seed, field, depth, out);
            blank(seed, out);
        }
        buffer_text(out, "]");
    }
}

static void random_message(uint64_t *seed, const ProtobufCMessageDescriptor *type, int depth, buffer_t *out) {
    bool any = false, in_oneof = false;
    buffer_text(out, "{");
    blank(seed, out);
    unsigned start = (unsigned)dice(seed, type->n_fields);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[(start + i) % type->n_fields];
        bool oneof = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
        if ((oneof && in_oneof) || dice(seed, 3) == 0 || (field->type == PROTOBUF_C_TYPE_MESSAGE && depth == 0))
            continue;
        in_oneof |= oneof;
        if (any) buffer_text(out, ",");
        any = true;
        random_member(seed, field, depth, out);
    }
    if (dice(seed, 5) == 0)
        buffer_format(out, "%s\"unknownKey\":[{\"a\":[1,-2.5e-7,true,null]},\"x\"]", any ? "," : "");
    buffer_text(out, "}");
}

/* Bytes as protobuf-c writes what it read: one form for all equal messages. */
static bool canonical(const ProtobufCMessageDescriptor *type, slice_t wire, buffer_t *out) {
    ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, wire.len, wire.data);
    if (message == NULL) return false;
    size_t len = protobuf_c_message_get_packed_size(message);
    out->len = 0;
    (void)protobuf_c_message_pack(message, buffer_reserve(out, len + 1));
    out->len = len;
    protobuf_c_message_free_unpacked(message, NULL);
    return true;
}

TEST(random_requests_are_mapped_as_a_tree_would_be) {
    buffer_t json = {0}, ours = {0}, theirs = {0}, a = {0}, b = {0};
    for (uint64_t round = 0; round < 3000; round++) {
        uint64_t seed = round * 77 + 5;
        otlp_kind_t kind = (otlp_kind_t)dice(&seed, OTLP_KINDS);
        json.len = ours.len = theirs.len = 0;
        random_message(&seed, type_of(kind), 9, &json);
        char why[256] = "";
        CHECK_EQUAL(otlp_json_decode(kind, buffer_slice(&json), SIZE_MAX / 2, &ours, why, sizeof why), ERR_OK);
        CHECK_TEXT(why, "");
        json_t *tree = json_loadb((const char *)json.data, json.len, 0, NULL);
        if (tree == NULL) { /* 18446744073709551615 as a number is beyond jansson */
            CHECK(false);
            continue;
        }
        oracle_message(type_of(kind), tree, &theirs);
        json_decref(tree);
        CHECK(canonical(type_of(kind), buffer_slice(&ours), &a) && canonical(type_of(kind), buffer_slice(&theirs), &b));
        bool equal = slice_equal(buffer_slice(&a), buffer_slice(&b));
        CHECK(equal);
        if (!equal) {
            (void)fprintf(stderr, "round %llu: %.*s\n", (unsigned long long)round, (int)json.len, (char *)json.data);
            break;
        }
    }
    buffer_fini(&json), buffer_fini(&ours), buffer_fini(&theirs), buffer_fini(&a), buffer_fini(&b);
}

/* Decodes and gives the error and, in `why`, its sentence. */
static err_t decode(const char *json, char why[256]) {
    buffer_t out = {0};
    why[0] = '\0';
    err_t err = otlp_json_decode(OTLP_TRACES, slice_text(json), 1 << 20, &out, why, 256);
    CHECK(err == ERR_OK || out.len == 0);
    buffer_fini(&out);
    return err;
}

TEST(errors_name_the_place) {
    char why[256];
    CHECK_EQUAL(
        decode("{\"resourceSpans\":[{},{\"scopeSpans\":[{\"spans\":[{\"kind\":\"SPAN_KIND_SERVER\"}]}]}]}", why),
        ERR_MALFORMED);
    CHECK(strstr(why, "$.resourceSpans[1].scopeSpans[0].spans[0].kind: an enum must be a number (byte") == why);
    CHECK_EQUAL(decode("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"xy\"}]}]}]}", why),
                ERR_MALFORMED);
    CHECK(strstr(why, ".traceId: not hexadecimal") != NULL);
    CHECK_EQUAL(decode("{\"resourceSpans\":{}}", why), ERR_MALFORMED);
    CHECK(strstr(why, "$.resourceSpans: not an array") == why);
}

TEST(what_is_not_json_is_malformed) {
    static const char *const texts[] = {"",
                                        " ",
                                        "[]",
                                        "{",
                                        "{}}",
                                        "{} x",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "{,}",
                                        "{\"a\":01}",
                                        "{\"a\":1.}",
                                        "{\"a\":.5}",
                                        "{\"a\":+1}",
                                        "{\"a\":1e}",
                                        "{\"a\":-}",
                                        "{\"a\":tru}",
                                        "{\"a\":NaN}",
                                        "{\"a\":\"\\x\"}",
                                        "{\"a\":\"\\u12g4\"}",
                                        "{\"a\":\"\n\"}",
                                        "{\"a\":\"",
                                        "{\"a\":\"\\",
                                        "{\"a\":[1 2]}",
                                        "{\"a\":[1,]}",
                                        "nul",
                                        "{a:1}",
                                        "{\"resourceSpans\":[null]}",
                                        "{\"resourceSpans\":1}"};
    char why[256];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        err_t err = decode(texts[i], why);
        if (err != ERR_MALFORMED) (void)fprintf(stderr, "taken: %s\n", texts[i]);
        CHECK_EQUAL(err, ERR_MALFORMED);
        CHECK(why[0] != '\0');
    }
    CHECK_EQUAL(decode("{}", why), ERR_OK);
    CHECK_EQUAL(decode(" {\"resourceSpans\" : [ ] , \"x\" : null } \n", why), ERR_OK);
}

TEST(snake_case_keys_are_unknown_and_left_out) {
    buffer_t out = {0};
    slice_t json = slice_text("{\"resource_spans\":[{\"scopeSpans\":[]}],\"resourceSpans\":[{}]}");
    CHECK_EQUAL(otlp_json_decode(OTLP_TRACES, json, 100, &out, NULL, 0), ERR_OK);
    CHECK_EQUAL(out.len, 2); /* one empty message */
    buffer_fini(&out);
}

TEST(nesting_is_bounded) {
    buffer_t json = {0};
    char why[256];
    buffer_text(&json, "{\"x\":");
    for (int i = 0; i < 100000; i++) buffer_text(&json, "[");
    buffer_byte(&json, '\0');
    CHECK_EQUAL(decode((const char *)json.data, why), ERR_TOO_LARGE);
    json.len = 0;
    const char *values = "{\"arrayValue\":{\"values\":[";
    buffer_text(&json, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"value\":");
    for (int i = 0; i < 1000; i++) buffer_text(&json, values);
    buffer_byte(&json, '\0');
    CHECK_EQUAL(decode((const char *)json.data, why), ERR_TOO_LARGE);
    CHECK(strstr(why, "nested too deeply") != NULL);
    buffer_fini(&json);
}

TEST(a_result_over_the_limit_is_refused_and_leaves_the_buffer_as_it_was) {
    buffer_t out = {0};
    buffer_text(&out, "before");
    slice_t json = slice_text("{\"resourceSpans\":[{\"schemaUrl\":\"0123456789012345678901234567890123456789\"}]}");
    CHECK_EQUAL(otlp_json_decode(OTLP_TRACES, json, 20, &out, NULL, 0), ERR_TOO_LARGE);
    CHECK(slice_is(buffer_slice(&out), "before"));
    CHECK_EQUAL(otlp_json_decode(OTLP_TRACES, json, 64, &out, NULL, 0), ERR_OK);
    buffer_fini(&out);
}

TEST(numbers_out_of_range_are_refused) {
    static const char *const bad[] = {"\"kind\":2147483648",
                                      "\"kind\":1.5",
                                      "\"droppedEventsCount\":-1",
                                      "\"droppedEventsCount\":4294967296",
                                      "\"startTimeUnixNano\":\"18446744073709551616\"",
                                      "\"startTimeUnixNano\":\"\"",
                                      "\"startTimeUnixNano\":\"12a\"",
                                      "\"startTimeUnixNano\":true",
                                      "\"name\":5"};
    static const char *const good[] = {"\"kind\":-2147483648",
                                       "\"kind\":2.0",
                                       "\"droppedEventsCount\":1e3",
                                       "\"name\":null",
                                       "\"startTimeUnixNano\":\"18446744073709551615\"",
                                       "\"droppedEventsCount\":\"7\""};
    char json[256], why[256];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0] + sizeof good / sizeof good[0]; i++) {
        bool fine = i >= sizeof bad / sizeof bad[0];
        const char *member = fine ? good[i - sizeof bad / sizeof bad[0]] : bad[i];
        (void)snprintf(json, sizeof json, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{%s}]}]}]}", member);
        if ((decode(json, why) == ERR_OK) != fine) (void)fprintf(stderr, "%s: %s\n", member, why);
        CHECK_EQUAL(decode(json, why) == ERR_OK, fine);
    }
}

TEST_MAIN(TEST_CASE(random_requests_are_mapped_as_a_tree_would_be), TEST_CASE(errors_name_the_place),
          TEST_CASE(what_is_not_json_is_malformed), TEST_CASE(snake_case_keys_are_unknown_and_left_out),
          TEST_CASE(nesting_is_bounded), TEST_CASE(a_result_over_the_limit_is_refused_and_leaves_the_buffer_as_it_was),
          TEST_CASE(numbers_out_of_range_are_refused))
