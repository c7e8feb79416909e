/* Spans of any dialect. What is the same for all spans of an operation, side and outcome is written once and copied;
 * only ids and times are new for each span. Spans wait, by the instance that made them, for the next request. */
#include "analyzer/simulate/otlp_write.h"
#include "analyzer/simulate/voice.h"

#include <stdlib.h>

/* Outcomes: HTTP 400 to 599, 200, and what callers know by a flag, each of which has one status. */
enum { SLOT_FINE = 200, OUTCOMES = SLOT_FINE + FLAGS, REQUEST_BYTES = 400000 };

typedef struct {
    buffer_t resource; /* ResourceSpans.resource, as a field */
    buffer_t own;      /* attributes, as fields of a span */
    buffer_t spans;    /* ScopeSpans.spans, as fields */
    uint32_t count;
} outbox_t;

typedef struct {
    emit_t *emit;
    const span_words_t *words;
    outbox_t *outboxes; /* by instance */
    uint32_t outbox_count;
    buffer_t **known; /* by operation and side: OUTCOMES buffers */
    size_t waiting;   /* bytes in all outboxes */
    buffer_t body;
} spans_t;

void *spans_open(emit_t *emit, const span_words_t *words) {
    spans_t *spans = memory_new(1, sizeof *spans);
    spans->emit = emit;
    spans->words = words;
    return spans;
}

static void free_known(spans_t *spans) {
    uint32_t sides = 0;
    for (uint32_t s = 0; s < spans->emit->scenario->services.count; s++)
        sides += 2 * service_at(spans->emit->scenario, s)->operations.count;
    for (uint32_t i = 0; i < sides && spans->known != NULL; i++) {
        for (uint32_t o = 0; o < OUTCOMES && spans->known[i] != NULL; o++) buffer_fini(&spans->known[i][o]);
        free(spans->known[i]);
    }
    free(spans->known);
}

void spans_close(void *state) {
    spans_t *spans = state;
    for (uint32_t i = 0; i < spans->outbox_count; i++) {
        buffer_fini(&spans->outboxes[i].resource);
        buffer_fini(&spans->outboxes[i].own);
        buffer_fini(&spans->outboxes[i].spans);
    }
    free_known(spans);
    free(spans->outboxes);
    buffer_fini(&spans->body);
    free(spans);
}

static outbox_t *outbox_of(spans_t *spans, const world_t *world, uint32_t instance) {
    if (instance >= spans->outbox_count) {
        uint32_t count = world->instance_capacity;
        spans->outboxes = memory_resize(spans->outboxes, count * sizeof *spans->outboxes);
        memset(spans->outboxes + spans->outbox_count, 0, (count - spans->outbox_count) * sizeof *spans->outboxes);
        spans->outbox_count = count;
    }
    outbox_t *outbox = &spans->outboxes[instance];
    if (outbox->resource.len > 0) return outbox;
    size_t resource = put_begin(&outbox->resource, 1);
    spans->words->resource(&outbox->resource, world, instance);
    put_end(&outbox->resource, resource);
    if (spans->words->own != NULL) spans->words->own(&outbox->own, world, instance);
    return outbox;
}

static slice_t words_of(spans_t *spans, const world_t *world, const call_t *call, bool server, uint16_t status,
                        flag_t flag) {
    if (spans->known == NULL) spans->known = memory_new((size_t)world->operation_count * 2, sizeof *spans->known);
    buffer_t **row = &spans->known[call->operation * 2 + (server ? 1 : 0)];
    if (*row == NULL) *row = memory_new(OUTCOMES, sizeof **row);
    uint32_t slot = status >= 400 && status < 600 ? status - 400U : SLOT_FINE;
    if (!server && flag != FLAG_NONE) slot = SLOT_FINE + flag;
    buffer_t *words = &(*row)[slot];
    if (words->len == 0) spans->words->words(words, world, call, server, status, flag);
    return buffer_slice(words);
}

static void put_id(buffer_t *out, uint32_t number, const uint64_t *parts, size_t count) {
    put_tag(out, number, 2);
    buffer_byte(out, (uint8_t)(8 * count));
    for (size_t i = 0; i < count; i++) buffer_u64(out, parts[i]);
}

static void put_span(spans_t *spans, const world_t *world, const call_t *call, uint32_t instance, bool server,
                     slice_t words) {
    if (effects_silent(world, instance)) return;
    outbox_t *outbox = outbox_of(spans, world, instance);
    buffer_t *out = &outbox->spans;
    size_t before = out->len;
    int64_t skew_ns = world->scenario->start_ns + effects_clock_skew(world, instance);
    uint64_t seed = spans->emit->seed, seed_of_traces = ~random_mix(seed);
    uint64_t trace[2] = {random_mix(seed_of_traces + call->trace), random_mix(seed_of_traces - call->trace)};
    uint64_t own = random_mix(seed + call->span + (server ? 1 : 0)), parent = 0;
    bool root = server && call->parent == NONE;
    if (server)
        parent = random_mix(seed + call->span);
    else
        parent = random_mix(seed + world->calls[call->parent].span + 1);
    bool again = !server && call->attempt > 0;
    size_t span = put_begin(out, 2);
    put_id(out, 1, trace, 2);
    put_id(out, 2, &own, 1);
    if (!root) put_id(out, 4, &parent, 1);
    put_fixed(out, 7, (uint64_t)(skew_ns + (server ? call->arrive_ns : call->start_ns)));
    put_fixed(out, 8, (uint64_t)(skew_ns + call->end_ns));
    buffer_append(out, words.data, words.len);
    buffer_append(out, outbox->own.data, outbox->own.len);
    if (again) put_integer(out, 9, "http.request.resend_count", call->attempt);
    put_end(out, span);
    outbox->count++;
    spans->waiting += out->len - before;
    if (spans->waiting > REQUEST_BYTES) spans_flush(spans, world);
}

void spans_called(void *state, const world_t *world, const call_t *call) {
    spans_t *spans = state;
    if (!call->sampled || call->caller == NONE) return;
    put_span(spans, world, call, call->caller, false,
             words_of(spans, world, call, false, call->status, (flag_t)call->flag));
}

/* Proxies that refuse a call let the application say nothing. */
void spans_served(void *state, const world_t *world, const call_t *call) {
    spans_t *spans = state;
    if (!call->sampled || call->flag == FLAG_DENIED || call->flag == FLAG_LIMITED) return;
    put_span(spans, world, call, call->instance, true,
             words_of(spans, world, call, true, call->served_status, FLAG_NONE));
}

void spans_flush(void *state, const world_t *world) {
    (void)world;
    spans_t *spans = state;
    uint64_t items = 0;
    buffer_clear(&spans->body);
    for (uint32_t i = 0; i < spans->outbox_count; i++) {
        outbox_t *outbox = &spans->outboxes[i];
        if (outbox->count == 0) continue;
        size_t resource_spans = put_begin(&spans->body, 1);
        buffer_append(&spans->body, outbox->resource.data, outbox->resource.len);
        size_t scope_spans = put_begin(&spans->body, 2);
        size_t scope = put_begin(&spans->body, 1);
        put_text(&spans->body, 1, "seismesh.simulate");
        put_end(&spans->body, scope);
        buffer_append(&spans->body, outbox->spans.data, outbox->spans.len);
        put_end(&spans->body, scope_spans);
        put_end(&spans->body, resource_spans);
        items += outbox->count;
        buffer_clear(&outbox->spans);
        outbox->count = 0;
    }
    spans->waiting = 0;
    emit_request(spans->emit, OTLP_TRACES, &spans->body, items);
}
