/* The workload itself: what the ledger claims about it has to be true of its bytes, read by protobuf-c. */
#include "otlp.pb-c.h"
#include "tests/bench/mesh20.h"
#include "tests/test.h"

enum { ROUNDS = 2 };

typedef struct {
    uint64_t id, parent;
    uint8_t trace_id[16];
    uint64_t duration_ns, end_ns;
    bool root, server, error;
} seen_t;

static const int64_t time_ns = INT64_C(1700000000000000000);

static int by_id(const void *left, const void *right) {
    uint64_t a = ((const seen_t *)left)->id, b = ((const seen_t *)right)->id;
    return a < b ? -1 : a > b;
}

static seen_t read_span(const Otlp__Span *span) {
    seen_t seen = {.duration_ns = span->end_time_unix_nano - span->start_time_unix_nano};
    memcpy(&seen.id, span->span_id.data, 8);
    memcpy(seen.trace_id, span->trace_id.data, 16);
    seen.root = span->parent_span_id.len == 0;
    if (!seen.root) memcpy(&seen.parent, span->parent_span_id.data, 8);
    seen.server = span->kind == OTLP__SPAN_KIND__SPAN_KIND_SERVER;
    seen.error = span->status != NULL && span->status->code == OTLP__STATUS_CODE__STATUS_CODE_ERROR;
    seen.end_ns = span->end_time_unix_nano;
    return seen;
}

/* All spans of some rounds, sorted by id; checks what holds for each request on the way. */
static seen_t *read_rounds(const mesh20_t *mesh) {
    seen_t *spans = calloc(ROUNDS * ROUND_SPANS, sizeof *spans);
    uint32_t count = 0;
    for (uint32_t n = 0; n < ROUNDS * ROUND_REQUESTS && spans != NULL; n++) {
        size_t size = mesh20_size(mesh, n % ROUND_REQUESTS);
        uint8_t *body = malloc(size);
        mesh20_write(mesh, n / ROUND_REQUESTS, n % ROUND_REQUESTS, time_ns, body);
        Otlp__TracesData *request = otlp__traces_data__unpack(NULL, size, body);
        CHECK(request != NULL && request->n_resource_spans >= 5 && request->n_resource_spans <= 7);
        uint32_t before = count;
        for (size_t r = 0; request != NULL && r < request->n_resource_spans; r++) {
            const Otlp__ScopeSpans *scope = request->resource_spans[r]->scope_spans[0];
            for (size_t s = 0; s < scope->n_spans; s++) spans[count++] = read_span(scope->spans[s]);
        }
        CHECK_EQUAL(count - before, REQUEST_SPANS);
        otlp__traces_data__free_unpacked(request, NULL);
        free(body);
    }
    qsort(spans, count, sizeof *spans, by_id);
    return spans;
}

TEST(every_span_is_new_and_its_parent_is_in_its_trace) {
    mesh20_t *mesh = mesh20_new(7, (mesh20_options_t){0});
    seen_t *spans = read_rounds(mesh);
    uint32_t twice = 0, orphans = 0, roots = 0;
    for (uint32_t i = 0; i < ROUNDS * ROUND_SPANS; i++) {
        twice += i > 0 && spans[i].id == spans[i - 1].id;
        roots += spans[i].root;
        if (spans[i].root) continue;
        seen_t wanted = {.id = spans[i].parent};
        const seen_t *parent = bsearch(&wanted, spans, ROUNDS * ROUND_SPANS, sizeof *spans, by_id);
        orphans += parent == NULL || memcmp(parent->trace_id, spans[i].trace_id, 16) != 0;
    }
    CHECK_EQUAL(twice, 0);
    CHECK_EQUAL(orphans, 0);
    CHECK_EQUAL(roots, ROUNDS * ROUND_TRACES);
    free(spans);
    mesh20_free(mesh);
}

TEST(durations_and_errors_are_what_the_ledger_is_computed_from) {
    mesh20_t *mesh = mesh20_new(8, (mesh20_options_t){0});
    seen_t *spans = read_rounds(mesh);
    uint64_t server_ns = 0, expected_ns = 0, errors = 0, expected_errors = 0, late = 0;
    for (uint32_t i = 0; i < ROUNDS * ROUND_SPANS; i++) {
        server_ns += spans[i].server ? spans[i].duration_ns : 0;
        errors += spans[i].server && spans[i].error;
        late += (int64_t)spans[i].end_ns > time_ns;
    }
    for (uint64_t round = 0; round < ROUNDS; round++)
        for (uint32_t c = 0; c < ROUND_CALLS; c++) {
            if (mesh20_calls(mesh)[c].callee == MESH_DATABASE) continue;
            expected_ns += mesh20_duration(mesh, round, c);
            expected_errors += mesh20_calls(mesh)[c].error;
        }
    CHECK_EQUAL(server_ns, expected_ns);
    CHECK_EQUAL(errors, expected_errors);
    CHECK_EQUAL(late, 0);
    free(spans);
    mesh20_free(mesh);
}

TEST(all_45_edges_are_used_and_half_of_the_pairs_come_callee_first) {
    mesh20_t *mesh = mesh20_new(9, (mesh20_options_t){0});
    bool used[MESH_SERVICES][MESH_SERVICES + 1] = {{false}};
    uint32_t edges = 0;
    for (uint32_t c = 0; c < ROUND_CALLS; c++) {
        const call_t *call = &mesh20_calls(mesh)[c];
        if (call->caller == MESH_NOBODY || call->callee == MESH_DATABASE) continue;
        edges += !used[call->caller][call->callee];
        used[call->caller][call->callee] = true;
    }
    CHECK_EQUAL(edges, MESH_EDGES);
    CHECK(mesh20_server_first_ratio(mesh) > 0.45 && mesh20_server_first_ratio(mesh) < 0.55);
    mesh20_free(mesh);
}

TEST(the_same_seed_gives_the_same_bytes) {
    mesh20_t *left = mesh20_new(10, (mesh20_options_t){0}), *right = mesh20_new(10, (mesh20_options_t){0});
    size_t size = mesh20_size(left, 3);
    uint8_t *a = malloc(size), *b = malloc(size);
    mesh20_write(left, 5, 3, time_ns, a);
    mesh20_write(right, 5, 3, time_ns, b);
    CHECK(mesh20_size(right, 3) == size && memcmp(a, b, size) == 0);
    mesh20_write(left, 6, 3, time_ns, a);
    CHECK(memcmp(a, b, size) != 0);
    free(a), free(b);
    mesh20_free(left), mesh20_free(right);
}

TEST(unique_names_are_unique_and_more_attributes_make_two_kilobytes_a_span) {
    mesh20_t *mesh = mesh20_new(11, (mesh20_options_t){.attributes = 22, .unique_names = true});
    size_t size = mesh20_size(mesh, 0);
    uint8_t *body = malloc(size);
    mesh20_write(mesh, 3, 0, time_ns, body);
    Otlp__TracesData *request = otlp__traces_data__unpack(NULL, size, body);
    CHECK(request != NULL && size / REQUEST_SPANS > 1900 && size / REQUEST_SPANS < 2200);
    const Otlp__ScopeSpans *scope = request->resource_spans[0]->scope_spans[0];
    CHECK(scope->n_spans > 1 && scope->spans[0]->n_attributes == 30);
    for (size_t s = 1; s < scope->n_spans; s++) CHECK(strcmp(scope->spans[s]->name, scope->spans[s - 1]->name) != 0);
    otlp__traces_data__free_unpacked(request, NULL);
    free(body);
    mesh20_free(mesh);
}

TEST(a_wide_mesh_has_500_services_and_about_5000_edges) {
    enum { WIDE = 25 * MESH_SERVICES };
    mesh20_t *mesh = mesh20_new(9, (mesh20_options_t){.wide = true});
    static bool used[WIDE][WIDE + 1], service[WIDE];
    uint32_t edges = 0, services = 0;
    for (uint32_t c = 0; c < ROUND_CALLS; c++) {
        const call_t *call = &mesh20_calls(mesh)[c];
        if (call->caller == MESH_NOBODY) continue;
        bool database = call->callee == MESH_DATABASE;
        uint32_t from = call->caller_group * (uint32_t)MESH_SERVICES + call->caller;
        uint32_t to = database ? WIDE : call->callee_group * (uint32_t)MESH_SERVICES + call->callee;
        edges += !used[from][to];
        used[from][to] = true;
        services += !service[from];
        service[from] = true;
        if (!database) services += !service[to];
        if (!database) service[to] = true;
    }
    (void)printf("     %u services, %u edges\n", services, edges);
    CHECK_EQUAL(services, WIDE);
    CHECK(edges > 4500 && edges < 6000);
    mesh20_free(mesh);
}

TEST_MAIN(TEST_CASE(every_span_is_new_and_its_parent_is_in_its_trace),
          TEST_CASE(durations_and_errors_are_what_the_ledger_is_computed_from),
          TEST_CASE(all_45_edges_are_used_and_half_of_the_pairs_come_callee_first),
          TEST_CASE(a_wide_mesh_has_500_services_and_about_5000_edges), TEST_CASE(the_same_seed_gives_the_same_bytes),
          TEST_CASE(unique_names_are_unique_and_more_attributes_make_two_kilobytes_a_span))
