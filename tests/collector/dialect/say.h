/* say: OTLP as meshes send it, said shortly. Attributes are "key=value,key=value" (texts; '|' and blanks are theirs).
 */
#ifndef SEISMESH_TESTS_DIALECT_SAY_H
#define SEISMESH_TESTS_DIALECT_SAY_H

#include "tests/collector/fold/kit.h"

#include <math.h>

enum { SAY_BYTES = 4096 };

/* The attributes as OTLP/JSON with apostrophes. */
static inline void say_attributes(const char *text, char out[SAY_BYTES]) {
    size_t len = 0;
    out[0] = '\0';
    while (*text != '\0') {
        size_t whole = strcspn(text, ","), key = strcspn(text, "=");
        len += (size_t)snprintf(out + len, SAY_BYTES - len, "%s{'key':'%.*s','value':{'stringValue':'%.*s'}}",
                                len > 0 ? "," : "", (int)key, text, (int)(whole - key - 1), text + key + 1);
        text += whole + (text[whole] == ',');
    }
}

typedef struct {
    kit_t kit;
    const char *resource, *scope;
} mesh_kit_t;

static inline mesh_kit_t say_new(const char *resource) {
    return (mesh_kit_t){.kit = kit_new(NULL, NULL), .resource = resource, .scope = ""};
}

static inline void say_free(mesh_kit_t *say) {
    kit_free(&say->kit);
}

static inline void say_metric(mesh_kit_t *say, const char *name, const char *data) {
    char resource[SAY_BYTES];
    say_attributes(say->resource, resource);
    kit_feed(&say->kit, OTLP_METRICS,
             "{'resourceMetrics':[{'resource':{'attributes':[%s]},'scopeMetrics':[{'scope':{'name':'%s'},'metrics':[{"
             "'name':'%s',%s}]}]}]}",
             resource, say->scope, name, data);
}

/* A cumulative counter at a second. */
static inline void say_sum(mesh_kit_t *say, const char *name, const char *labels, int64_t second, double value) {
    char attributes[SAY_BYTES], data[2 * SAY_BYTES];
    say_attributes(labels, attributes);
    (void)snprintf(data, sizeof data,
                   "'sum':{'aggregationTemporality':2,'isMonotonic':true,'dataPoints':[{'timeUnixNano':'%lld',"
                   "'asDouble':%f,'attributes':[%s]}]}",
                   (long long)((KIT_TIME + second) * KIT_SECOND), value, attributes);
    say_metric(say, name, data);
}

/* The same at 0 s and 15 s, from `first` to `last`. */
static inline void say_rise(mesh_kit_t *say, const char *name, const char *labels, double first, double last) {
    say_sum(say, name, labels, 0, first);
    say_sum(say, name, labels, 15, last);
}

static inline void say_gauge(mesh_kit_t *say, const char *name, const char *labels, int64_t second, double value) {
    char attributes[SAY_BYTES], data[2 * SAY_BYTES];
    say_attributes(labels, attributes);
    (void)snprintf(data, sizeof data,
                   "'gauge':{'dataPoints':[{'timeUnixNano':'%lld','asDouble':%f,'attributes':[%s]}]}",
                   (long long)((KIT_TIME + second) * KIT_SECOND), value, attributes);
    say_metric(say, name, data);
}

/* A delta histogram of `count` observations between two bounds. */
static inline void say_times(mesh_kit_t *say, const char *name, const char *labels, int64_t second, int count,
                             double low, double high) {
    char attributes[SAY_BYTES], data[2 * SAY_BYTES];
    say_attributes(labels, attributes);
    (void)snprintf(data, sizeof data,
                   "'histogram':{'aggregationTemporality':1,'dataPoints':[{'startTimeUnixNano':'%lld',"
                   "'timeUnixNano':'%lld','count':'%d','sum':%f,'bucketCounts':['0','%d','0'],'explicitBounds':[%f,%f],"
                   "'attributes':[%s]}]}",
                   (long long)((KIT_TIME + second - 10) * KIT_SECOND), (long long)((KIT_TIME + second) * KIT_SECOND),
                   count, count * (low + high) / 2, count, low, high, attributes);
    say_metric(say, name, data);
}

/* A span of 20 ms of trace 1; ids are one byte each, parent 0 = none; kind as OTLP numbers it. */
static inline void say_span(mesh_kit_t *say, int id, int parent, int kind, const char *text) {
    char resource[SAY_BYTES], attributes[SAY_BYTES];
    say_attributes(say->resource, resource);
    say_attributes(text, attributes);
    kit_feed(
        &say->kit, OTLP_TRACES,
        "{'resourceSpans':[{'resource':{'attributes':[%s]},'scopeSpans':[{'scope':{'name':'%s'},'spans':[{'traceId':"
        "'0102030405060708090a0b0c0d0e0f10','spanId':'01020304050607%02x','parentSpanId':'%s%02x','name':'/a/b',"
        "'kind':%d,'startTimeUnixNano':'%lld','endTimeUnixNano':'%lld','attributes':[%s]}]}]}]}",
        resource, say->scope, id, parent == 0 ? "00000000000000" : "01020304050607", parent, kind,
        (long long)(KIT_TIME * KIT_SECOND), (long long)(KIT_TIME * KIT_SECOND + 20000000), attributes);
}

/* An access log at 0 s. Quotes within the body are written as \\' (kit_feed makes quotes of apostrophes). */
static inline void say_log(mesh_kit_t *say, const char *text, const char *body) {
    char resource[SAY_BYTES], attributes[SAY_BYTES];
    say_attributes(say->resource, resource);
    say_attributes(text, attributes);
    kit_feed(&say->kit, OTLP_LOGS,
             "{'resourceLogs':[{'resource':{'attributes':[%s]},'scopeLogs':[{'logRecords':[{'timeUnixNano':'%lld',"
             "'body':{'stringValue':'%s'},'attributes':[%s]}]}]}]}",
             resource, (long long)(KIT_TIME * KIT_SECOND), body, attributes);
}

static inline uint64_t say_requests(mesh_kit_t *say, entity_kind_t kind, observer_t observer, const char *service,
                                    const char *caller) {
    return kit_total(&say->kit, kind, observer, service, caller, NULL)->requests;
}

/* Whether a service was seen in a mesh. */
static inline bool say_seen_in(const mesh_kit_t *say, const char *service, const char *mesh) {
    const shard_t *shard = &say->kit.fold->shard;
    for (uint32_t id = 1; id < shard->entity_count; id++) {
        const entity_key_t *key = &shard->entities[id];
        if (key->kind == ENTITY_SERVICE && key->observer == OBSERVER_NONE && key->operation != NAME_NONE &&
            kit_named(&say->kit, key->service, service) && kit_named(&say->kit, key->operation, mesh))
            return true;
    }
    return false;
}

/* Whether there is any edge between two services; NULL is any. */
static inline bool say_edge(const mesh_kit_t *say, const char *caller, const char *callee) {
    const shard_t *shard = &say->kit.fold->shard;
    for (uint32_t id = 1; id < shard->entity_count; id++) {
        const entity_key_t *key = &shard->entities[id];
        if (key->kind == ENTITY_EDGE && kit_named(&say->kit, key->service, callee) &&
            kit_named(&say->kit, key->caller, caller))
            return true;
    }
    return false;
}

#endif
