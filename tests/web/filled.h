/* filled: a store with a small mesh in it, for tests of what reads it. shop/front calls shop/cart (two versions, two
 * zones), which calls a service whose name is an attack on pages. Ten minutes of 10 s buckets from `filled_start_ns`;
 * an open incident on shop/cart with two suggestions, a closed one with one that was verified and an abstention,
 * anomalies, two traces. */
#ifndef SEISMESH_TESTS_WEB_FILLED_H
#define SEISMESH_TESTS_WEB_FILLED_H

#include "base/clock.h"
#include "collector/store/store.h"
#include "otlp.pb-c.h"
#include "tests/test.h"

#include <stdlib.h>
#include <unistd.h>

#define FILLED_ATTACK "<img src=x onerror=alert(1)>\"'`${7*7}</script>"

enum { FILLED_BUCKETS = 60, FILLED_PER_BUCKET = 20 };

static const int64_t filled_start_ns = INT64_C(1700000040) * NS_PER_S; /* a whole minute */

typedef struct {
    char directory[64];
    counters_t counters;
    store_t *store;
    shard_t shard;
    uint32_t front, cart, attack; /* name ids */
} filled_t;

static const uint8_t filled_trace_id[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static inline uint32_t filled_name(filled_t *filled, const char *text) {
    return names_intern(&filled->shard.names, slice_text(text));
}

static inline void filled_requests(filled_t *filled, const entity_key_t *key, int64_t bucket, uint32_t count,
                                   bool failing) {
    cell_t *cell = shard_cell(&filled->shard, shard_entity(&filled->shard, key), bucket);
    for (uint32_t i = 0; i < count; i++) {
        exemplar_t exemplar = {.duration_ns = (i + 1) * 1000000, .end_ns = bucket * BUCKET_NS + 5 * NS_PER_S};
        memcpy(exemplar.trace_id, filled_trace_id, 16);
        failure_t failure = failing && i % 4 == 0 ? FAILURE_SERVER : i % 10 == 1 ? FAILURE_CLIENT : FAILURE_NONE;
        cell_request(cell, failure, exemplar.duration_ns);
        cell_exemplar(cell, failure, &exemplar);
    }
    if (key->kind == ENTITY_SERVICE || key->kind == ENTITY_INSTANCE)
        (void)cell_gauge(cell, filled_name(filled, "cpu.utilization"), 0.25 + 0.5 * failing, bucket * BUCKET_NS);
}

static inline void filled_bucket(filled_t *filled, int64_t bucket, bool failing) {
    uint32_t v1 = filled_name(filled, "v1"), v2 = filled_name(filled, "v2"), zone = filled_name(filled, "eu-1a");
    uint32_t pod = filled_name(filled, "cart-5f7d-x"), operation = filled_name(filled, "POST /cart/{id}");
    uint8_t seen = OBSERVER_SPAN;
    const entity_key_t keys[] = {
        {.kind = ENTITY_SERVICE, .observer = seen, .service = filled->front},
        {.kind = ENTITY_SERVICE, .observer = seen, .service = filled->cart},
        {.kind = ENTITY_SERVICE, .observer = seen, .service = filled->attack},
        {.kind = ENTITY_VERSION, .observer = seen, .service = filled->cart, .version = v1},
        {.kind = ENTITY_VERSION, .observer = seen, .service = filled->cart, .version = v2},
        {.kind = ENTITY_ZONE, .observer = seen, .service = filled->cart, .zone = zone},
        {.kind = ENTITY_INSTANCE,
         .observer = seen,
         .service = filled->cart,
         .version = v2,
         .zone = zone,
         .instance = pod},
        {.kind = ENTITY_OPERATION, .observer = seen, .service = filled->cart, .operation = operation},
        {.kind = ENTITY_EDGE,
         .observer = seen,
         .protocol = PROTOCOL_HTTP,
         .service = filled->cart,
         .caller = filled->front,
         .version = v1},
        {.kind = ENTITY_EDGE,
         .observer = seen,
         .protocol = PROTOCOL_GRPC,
         .service = filled->cart,
         .caller = filled->front,
         .version = v2},
        {.kind = ENTITY_EDGE,
         .observer = seen,
         .protocol = PROTOCOL_HTTP,
         .service = filled->attack,
         .caller = filled->cart},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        filled_requests(filled, &keys[i], bucket, FILLED_PER_BUCKET, failing && keys[i].service == filled->cart);
}

/* --- a trace --- */

static inline Otlp__KeyValue filled_pair(const char *key, const char *text, Otlp__AnyValue *value) {
    Otlp__KeyValue pair = OTLP__KEY_VALUE__INIT;
    Otlp__AnyValue text_value = OTLP__ANY_VALUE__INIT;
    text_value.value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
    text_value.string_value = (char *)(uintptr_t)text;
    *value = text_value;
    pair.key = (char *)(uintptr_t)key;
    pair.value = value;
    return pair;
}

/* One request of one span: a server span of shop/cart that failed. */
static inline void filled_trace(filled_t *filled, const uint8_t id[16], int64_t start_ns) {
    uint8_t span_id[8] = {0xab, 1, 2, 3, 4, 5, 6, id[15]};
    Otlp__AnyValue values[4];
    Otlp__KeyValue name = filled_pair("service.name", "cart", &values[0]);
    Otlp__KeyValue space = filled_pair("service.namespace", "shop", &values[1]);
    Otlp__KeyValue attack = filled_pair("http.route", FILLED_ATTACK, &values[2]);
    Otlp__KeyValue big = filled_pair("big", "", &values[3]);
    values[3].value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
    values[3].int_value = INT64_C(9007199254740993);
    Otlp__KeyValue *resource_pairs[] = {&name, &space}, *span_pairs[] = {&attack, &big};
    Otlp__Resource resource = OTLP__RESOURCE__INIT;
    resource.attributes = resource_pairs;
    resource.n_attributes = 2;
    Otlp__Status status = OTLP__STATUS__INIT;
    status.code = OTLP__STATUS_CODE__STATUS_CODE_ERROR;
    status.message = (char *)(uintptr_t) "boom";
    Otlp__Span span = OTLP__SPAN__INIT;
    span.trace_id = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)id};
    span.span_id = (ProtobufCBinaryData){8, span_id};
    span.name = (char *)(uintptr_t) "POST /cart/{id}";
    span.kind = OTLP__SPAN_KIND__SPAN_KIND_SERVER;
    span.start_time_unix_nano = (uint64_t)start_ns;
    span.end_time_unix_nano = (uint64_t)start_ns + 250000000;
    span.attributes = span_pairs;
    span.n_attributes = 2;
    span.status = &status;
    Otlp__Span *spans[] = {&span};
    Otlp__ScopeSpans scope = OTLP__SCOPE_SPANS__INIT;
    scope.spans = spans;
    scope.n_spans = 1;
    Otlp__ScopeSpans *scopes[] = {&scope};
    Otlp__ResourceSpans resource_spans = OTLP__RESOURCE_SPANS__INIT;
    resource_spans.resource = &resource;
    resource_spans.scope_spans = scopes;
    resource_spans.n_scope_spans = 1;
    Otlp__ResourceSpans *all[] = {&resource_spans};
    Otlp__TracesData data = OTLP__TRACES_DATA__INIT;
    data.resource_spans = all;
    data.n_resource_spans = 1;
    uint8_t body[2048];
    size_t len = otlp__traces_data__get_packed_size(&data);
    if (len > sizeof body) abort();
    (void)otlp__traces_data__pack(&data, body);
    store_spans(filled->store, slice_of(body, len));
    store_span(filled->store, id, span_id, true, true, filled->cart, filled_name(filled, "POST /cart/{id}"), start_ns,
               start_ns + 250000000);
}

/* --- findings --- */

#define FILLED_EXPLANATION                                                                                             \
    "{\"sentence\":\"shop/cart error ratio is 25 %, expected 0 %–1 % for this time (1,200 requests in 60 s, 30 "     \
    "windows "                                                                                                         \
    "of history); began 2023-11-14 22:19:50 UTC; 1 of 2 versions; likely cause not established, 1 piece of "           \
    "evidence.\",\"subject\":{\"kind\":\"service\",\"service\":\"shop/"                                                \
    "cart\",\"caller\":null,\"version\":null,\"instance\":"                                                            \
    "null},\"signal\":\"errors\",\"unit\":\"ratio\",\"seen\":0.25,\"expected\":{\"low\":0,\"high\":0.01},"             \
    "\"requests\":1200,"                                                                                               \
    "\"window_seconds\":60,\"history_windows\":30,\"began_ms\":1700000390000,\"versions\":{\"affected\":1,\"of\":2},"  \
    "\"cause\":null,\"evidence\":[\"25 % of 1200 requests failed\"]}"

static const char filled_explanation[] = FILLED_EXPLANATION;

static const char filled_incident[] =
    "{\"id\":1,\"state\":\"open\",\"opened_ms\":1700000400000,\"updated_ms\":1700000500000,\"closed_ms\":null,"
    "\"severity\":\"critical\",\"title\":\"shop/cart fails 25 % of its requests\",\"sentence\":\"Why.\","
    "\"culprit\":{\"service\":\"shop/cart\",\"version\":\"v2\",\"instance\":null,\"established\":true,\"reason\":\"It "
    "began there.\"},"
    "\"suspects\":[{\"rank\":1,\"service\":\"shop/"
    "cart\",\"version\":\"v2\",\"instance\":null,\"signal\":\"errors\",\"score\":0.9,"
    "\"evidence\":[\"25 % of 1200 requests failed.\"]}],\"affected\":[\"shop/front\"],"
    "\"impact\":{\"requests_per_minute\":30,\"time_lost_s_per_minute\":null},\"first_failure_ms\":1700000390000,"
    "\"timeline\":[{\"time_ms\":1700000390000,\"text\":\"First "
    "failure.\"}],\"answered\":null,\"explanation\":" FILLED_EXPLANATION
    ",\"deviations\":[{\"service\":\"shop/cart\",\"signal\":\"errors\",\"unit\":\"ratio\",\"seen\":0.25,\"low\":0,"
    "\"high\":0.01}]}";

static const char filled_closed[] = "{\"id\":2,\"state\":\"closed\",\"opened_ms\":1700000050000,\"updated_ms\":"
                                    "1700000100000,\"closed_ms\":1700000100000,"
                                    "\"severity\":\"warning\",\"title\":\"shop/front was "
                                    "slow\",\"sentence\":\"Over.\",\"culprit\":null,\"suspects\":[],"
                                    "\"affected\":[],\"impact\":null,\"first_failure_ms\":null,\"timeline\":[]}";

static const char filled_suggestion[] =
    "{\"id\":1,\"incident\":1,\"state\":\"open\",\"kind\":\"roll_back_version\",\"mesh\":\"istio\",\"title\":\"Roll "
    "back\","
    "\"sentence\":\"v2 fails.\",\"created_ms\":1700000420000,\"expires_ms\":1700009999000,"
    "\"target\":{\"service\":\"shop/"
    "cart\",\"version\":\"v2\",\"instance\":null},\"objects\":[{\"kind\":\"VirtualService\","
    "\"name\":\"cart\",\"namespace\":\"shop\",\"before\":null,\"after\":\"a: b\",\"diff\":\"+a: "
    "b\"}],\"apply\":\"kubectl apply\","
    "\"undo\":\"kubectl "
    "delete\",\"effect\":{\"error_ratio\":{\"now\":0.25,\"predicted\":0.001,\"low\":0,\"high\":0.01},"
    "\"p99_s\":null,\"load\":[]},\"capacity\":{\"fits\":true,\"sentence\":\"It fits.\"},\"confidence\":0.9,"
    "\"blast_radius\":\"All of cart.\",\"wrong_if\":[\"The database is to blame.\"],"
    "\"action\":{\"kind\":\"shift_versions\",\"service\":\"cart\",\"namespace\":\"shop\",\"targets\":["
    "{\"name\":\"v1\",\"weight_percent\":100},{\"name\":\"v2\",\"weight_percent\":0}]}}";

/* What came of one that was applied; and an abstention. */
static const char filled_verified[] =
    "{\"state\":\"verified\",\"kind\":\"roll_back_version\",\"mesh\":\"istio\",\"title\":\"Roll "
    "back\",\"sentence\":\"v2 fails.\",\"created_ms\":1700000060000,\"expires_ms\":1700000070000,"
    "\"target\":{\"service\":\"shop/cart\",\"version\":\"v2\",\"instance\":null},\"objects\":[],\"apply\":\"\","
    "\"undo\":\"\",\"effect\":null,\"capacity\":null,\"confidence\":0.9,\"blast_radius\":\"All.\",\"wrong_if\":[],"
    "\"seen\":{\"time_ms\":1700000100000,\"since_ms\":1700000070000,\"parts\":[{\"name\":\"v2\",\"before\":0.3,"
    "\"suggested\":0,\"observed\":0}],\"sentence\":\"It shows.\"},\"waits_for\":null,"
    "\"verified\":{\"time_ms\":1700000200000,\"verdict\":\"helped\",\"inside\":true,\"sentence\":\"It helped.\","
    "\"undo\":null,\"window\":{\"start_ms\":1700000100000,\"end_ms\":1700000200000},\"requests\":1200,"
    "\"predicted\":{\"error_ratio\":{\"predicted\":0,\"low\":0,\"high\":0.01},\"p99_s\":null,\"load\":[{\"target\":"
    "\"v1\",\"predicted_rate\":12,\"observed_rate\":11.9}]},\"before\":{\"error_ratio\":0.2,\"p99_s\":0.1},"
    "\"observed\":{\"error_ratio\":0.001,\"p99_s\":0.1,\"inside\":{\"error_ratio\":true,\"p99_s\":null}}}}";
static const char filled_abstention[] =
    "{\"state\":\"open\",\"kind\":\"none\",\"mesh\":\"istio\",\"title\":\"Nothing\",\"sentence\":\"Nowhere to "
    "go.\",\"created_ms\":1700000050000,\"expires_ms\":1700000050000,\"target\":{\"service\":\"shop/cart\","
    "\"version\":null,\"instance\":null},\"objects\":[],\"apply\":\"\",\"undo\":\"\",\"effect\":null,"
    "\"capacity\":null,\"confidence\":0.5,\"blast_radius\":\"none\",\"wrong_if\":[],\"action\":null}";

static inline void filled_findings(filled_t *filled) {
    int64_t opened = INT64_C(1700000400) * NS_PER_S;
    entity_key_t key = {.kind = ENTITY_SERVICE, .observer = OBSERVER_SPAN, .service = filled->cart};
    uint32_t cart = shard_entity(&filled->shard, &key);
    for (int i = 0; i < 20; i++)
        store_anomaly(filled->store, opened + i * BUCKET_NS, cart, "errors", 0.9, 0.25, 0.001, 0, 0.01, 1,
                      filled_explanation);
    store_incident(filled->store, 2, INT64_C(1700000050) * NS_PER_S, INT64_C(1700000100) * NS_PER_S,
                   INT64_C(1700000100) * NS_PER_S, filled_closed);
    store_incident(filled->store, 1, opened, opened + 100 * NS_PER_S, 0, filled_incident);
    store_suggestion(filled->store, 1, 1, opened + 20 * NS_PER_S, INT64_C(1700009999) * NS_PER_S, filled_suggestion);
    store_suggestion(filled->store, 2, 1, opened + 30 * NS_PER_S, INT64_C(1700009999) * NS_PER_S, filled_suggestion);
    store_suggestion(filled->store, 3, 2, INT64_C(1700000060) * NS_PER_S, INT64_C(1700000070) * NS_PER_S,
                     filled_verified);
    store_suggestion(filled->store, 4, 2, INT64_C(1700000050) * NS_PER_S, INT64_C(1700000050) * NS_PER_S,
                     filled_abstention);
}

static inline err_t filled_checkpoint(filled_t *filled, uint64_t position) {
    static const store_state_t none[] = {{NULL, {NULL, 0}}};
    int64_t end = filled_start_ns / BUCKET_NS + FILLED_BUCKETS;
    err_t err = store_checkpoint(filled->store, &filled->shard, position, end, end * BUCKET_NS, none);
    return err == ERR_OK ? store_flush(filled->store) : err;
}

/* An empty store in a directory of its own. */
static inline bool filled_open(filled_t *filled) {
    char why[256] = "";
    *filled = (filled_t){0};
    (void)snprintf(filled->directory, sizeof filled->directory, "/tmp/seismesh-web-XXXXXX");
    if (mkdtemp(filled->directory) == NULL) return false;
    store_config_t config = {.directory = filled->directory,
                             .keep_spans = true,
                             .span_block_bytes = 1 << 20,
                             .retention_10s_s = 1 << 30,
                             .retention_1m_s = 1 << 30,
                             .retention_1h_s = 1 << 30,
                             .retention_spans_s = 1 << 30,
                             .retention_bytes = UINT64_C(1) << 40};
    err_t err = store_open(&config, &filled->counters, &filled->store, why, sizeof why);
    if (err != ERR_OK) (void)fprintf(stderr, "store_open: %s %s\n", err_text(err), why);
    shard_limits_t limits = {10000, 10000, 100, 1 << 20};
    shard_init(&filled->shard, &limits, &filled->counters);
    return err == ERR_OK;
}

static inline bool filled_fill(filled_t *filled) {
    filled->front = filled_name(filled, "shop/front");
    filled->cart = filled_name(filled, "shop/cart");
    filled->attack = filled_name(filled, FILLED_ATTACK);
    int64_t first = filled_start_ns / BUCKET_NS;
    for (int64_t i = 0; i < FILLED_BUCKETS; i++) filled_bucket(filled, first + i, i >= FILLED_BUCKETS / 2);
    uint8_t other[16];
    memcpy(other, filled_trace_id, 16);
    other[15] = 99;
    filled_trace(filled, filled_trace_id, filled_start_ns + 300 * NS_PER_S);
    filled_trace(filled, other, filled_start_ns + 310 * NS_PER_S);
    entity_key_t mark = {.kind = ENTITY_SERVICE, .service = filled->cart, .operation = filled_name(filled, "istio")};
    (void)shard_cell(&filled->shard, shard_entity(&filled->shard, &mark), first);
    mark.service = filled_name(filled, "shop/only-a-caller");
    (void)shard_cell(&filled->shard, shard_entity(&filled->shard, &mark), first);
    filled_findings(filled);
    return filled_checkpoint(filled, 1000) == ERR_OK;
}

static inline void filled_close(filled_t *filled) {
    char command[96];
    store_close(filled->store);
    shard_fini(&filled->shard);
    (void)snprintf(command, sizeof command, "rm -rf %s", filled->directory);
    if (system(command) != 0) (void)fprintf(stderr, "%s: failed\n", command);
}

#endif
