#include "analyzer/simulate/emit.h"

#include "analyzer/simulate/voice.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

static const voice_t *const voices[] = {&voice_otel_spans,  &voice_otel_gauges,   &voice_otel_metrics,
                                        &voice_istio_spans, &voice_istio_metrics, &voice_linkerd_metrics};
enum { VOICES = sizeof voices / sizeof voices[0] };
static const char *const usual[] = {"otel_spans", "otel_gauges"};

struct speaker {
    const voice_t *voice;
    void *state;
    bool *speaks; /* by service */
};

static const voice_t *find(const char *name, char *why, size_t why_size) {
    char known[200] = "";
    size_t len = 0;
    for (size_t i = 0; i < VOICES; i++) {
        if (strcmp(voices[i]->name, name) == 0) return voices[i];
        int more = snprintf(known + len, sizeof known - len, "%s%s", i > 0 ? ", " : "", voices[i]->name);
        len += more > 0 ? (size_t)more : 0;
    }
    (void)snprintf(why, why_size, "telemetry: there is no '%s'; there are %s", name, known);
    return NULL;
}

static struct speaker *speaker_of(emit_t *emit, const voice_t *voice) {
    for (uint32_t i = 0; i < emit->count; i++)
        if (emit->speakers[i].voice == voice) return &emit->speakers[i];
    struct speaker *speaker = &emit->speakers[emit->count++];
    *speaker = (struct speaker){.voice = voice,
                                .speaks = memory_new(emit->scenario->services.count + 1, sizeof *speaker->speaks)};
    speaker->state = voice->open(emit);
    return speaker;
}

/* The voices of one service: its own, or the scenario's, or the usual ones. */
static bool give_voice(emit_t *emit, uint32_t service, char *why, size_t why_size) {
    const list_t *named = &service_at(emit->scenario, service)->telemetry;
    if (named->count == 0) named = &emit->scenario->telemetry;
    uint32_t count = named->count > 0 ? named->count : sizeof usual / sizeof usual[0];
    for (uint32_t i = 0; i < count; i++) {
        const char *name = named->count > 0 ? ((const char **)named->items)[i] : usual[i];
        const voice_t *voice = find(name, why, why_size);
        if (voice == NULL) return false;
        speaker_of(emit, voice)->speaks[service] = true;
    }
    return true;
}

err_t emit_new(const scenario_t *scenario, uint64_t seed, emit_sink_t sink, emit_t **out, char *why, size_t why_size) {
    emit_t *emit = memory_new(1, sizeof *emit);
    *emit = (emit_t){.scenario = scenario, .seed = random_mix(seed ^ 0x656d6974), .sink = sink};
    emit->speakers = memory_new(VOICES, sizeof *emit->speakers);
    for (uint32_t i = 0; i < scenario->services.count; i++) {
        if (give_voice(emit, i, why, why_size)) continue;
        emit_free(emit);
        return ERR_INVALID;
    }
    *out = emit;
    return ERR_OK;
}

void emit_free(emit_t *emit) {
    if (emit == NULL) return;
    for (uint32_t i = 0; i < emit->count; i++) {
        emit->speakers[i].voice->close(emit->speakers[i].state);
        free(emit->speakers[i].speaks);
    }
    free(emit->speakers);
    free(emit);
}

bool emit_speaks(const emit_t *emit, const voice_t *voice, uint32_t service) {
    for (uint32_t i = 0; i < emit->count; i++)
        if (emit->speakers[i].voice == voice) return emit->speakers[i].speaks[service];
    return false;
}

void emit_request(emit_t *emit, otlp_kind_t kind, const buffer_t *body, uint64_t items) {
    if (emit->failed || items == 0) return;
    emit->failed = !emit->sink.request(emit->sink.context, kind, buffer_slice(body), items);
}

bool emit_failed(const emit_t *emit) {
    return emit->failed;
}

uint32_t emit_kinds(const emit_t *emit) {
    uint32_t kinds = 0;
    for (uint32_t i = 0; i < emit->count; i++) kinds |= 1U << emit->speakers[i].voice->kind;
    return kinds;
}

static void on_called(void *context, const world_t *world, const call_t *call) {
    const emit_t *emit = context;
    if (call->caller == NONE) return;
    uint32_t service = world->instances[call->caller].service;
    for (uint32_t i = 0; i < emit->count; i++) {
        const struct speaker *speaker = &emit->speakers[i];
        if (speaker->voice->called != NULL && speaker->speaks[service])
            speaker->voice->called(speaker->state, world, call);
    }
}

static void on_served(void *context, const world_t *world, const call_t *call) {
    const emit_t *emit = context;
    uint32_t service = world->operations[call->operation].service;
    for (uint32_t i = 0; i < emit->count; i++) {
        const struct speaker *speaker = &emit->speakers[i];
        if (speaker->voice->served != NULL && speaker->speaks[service])
            speaker->voice->served(speaker->state, world, call);
    }
}

static void on_report(void *context, const world_t *world) {
    const emit_t *emit = context;
    for (uint32_t i = 0; i < emit->count; i++)
        if (emit->speakers[i].voice->report != NULL) emit->speakers[i].voice->report(emit->speakers[i].state, world);
}

world_listener_t emit_listener(emit_t *emit) {
    return (world_listener_t){emit, on_called, on_served, on_report};
}

void emit_flush(emit_t *emit, const world_t *world) {
    for (uint32_t i = 0; i < emit->count; i++)
        if (emit->speakers[i].voice->flush != NULL) emit->speakers[i].voice->flush(emit->speakers[i].state, world);
}

/* ---- what dialects share ---- */

bool operation_is_http(const char *name, char method[16], const char **route) {
    const char *space = strchr(name, ' ');
    size_t len = space == NULL ? 0 : (size_t)(space - name);
    if (len == 0 || len >= 16) return false;
    memcpy(method, name, len);
    method[len] = '\0';
    *route = space + 1;
    return true;
}

uint32_t grpc_status(uint16_t http_status) {
    static const struct {
        uint16_t http;
        uint32_t grpc;
    } rows[] = {{200, 0}, {403, 7}, {404, 5}, {429, 8}, {500, 13}, {503, 14}, {504, 4}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].http == http_status) return rows[i].grpc;
    return http_status >= 500 ? 2 : 3;
}

const char *service_namespace(const service_spec_t *service) {
    return service->namespace_name == NULL ? "default" : service->namespace_name;
}

void service_host(const service_spec_t *service, char *out, size_t size) {
    bool spaced = service->namespace_name != NULL;
    (void)snprintf(out, size, "%s%s%s", service->name, spaced ? "." : "", spaced ? service->namespace_name : "");
}
