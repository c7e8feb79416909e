#include "analyzer/explain.h"
#include "tests/analyzer/grammar.h"
#include "tests/analyzer/mesh.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>

static double uniform(uint64_t *random) {
    return (double)(test_random(random) >> 11) / 9007199254740992.0;
}

static const char *pick(uint64_t *random) {
    static const char *const names[] = {"cart",     "shop/front", "a is b",          "x, expected 3",
                                        "v2 (old)", "sérvice–1",  "1 of 2 versions", "shop/payments@eu; began"};
    return names[test_random(random) % (sizeof names / sizeof names[0])];
}

static explanation_t make(uint64_t *random, char (*evidence)[EXPLAIN_EVIDENCE_BYTES]) {
    static const char *const kinds[] = {"service", "edge", "version", "instance"};
    static const char *const signals[] = {"errors", "latency", "client latency", "cpu.utilization", "latency.p99"};
    explanation_t e = {.kind = kinds[test_random(random) % 4], .service = pick(random), .evidence = evidence};
    if (strcmp(e.kind, "edge") == 0) e.caller = pick(random);
    if (strcmp(e.kind, "version") == 0) e.version = pick(random);
    if (strcmp(e.kind, "instance") == 0) e.instance = pick(random);
    e.signal = signals[test_random(random) % 5];
    e.unit = (explain_unit_t)(test_random(random) % 3);
    double scale = pow(10, 8 * uniform(random) - 5);
    if (e.unit == UNIT_RATIO) scale = uniform(random);
    e.low = scale * uniform(random) / 4;
    e.high = e.low + scale * uniform(random) / 4;
    e.seen = e.high + scale * uniform(random) / 2;
    e.requests = test_random(random) % 3 == 0 ? 0 : floor(pow(10, 7 * uniform(random)));
    e.window_s = 10 * (double)(1 + test_random(random) % 90);
    e.history_windows = (double)(test_random(random) % 5000);
    e.began_ns = (int64_t)(test_random(random) % UINT64_C(4000000000)) * 1000000000;
    e.versions = (uint32_t)(test_random(random) % 5);
    e.versions_affected = e.versions == 0 ? 0 : (uint32_t)(test_random(random) % (e.versions + 1));
    if (test_random(random) % 2 == 0) {
        e.cause_kind = "deploy";
        e.cause_text = "the deployment of version v2 of cart, first seen 2026-01-02 03:04:05 UTC";
    }
    e.evidence_count = (uint32_t)(test_random(random) % EXPLAIN_EVIDENCE_MAX);
    for (uint32_t i = 0; i < e.evidence_count; i++) (void)snprintf(evidence[i], EXPLAIN_EVIDENCE_BYTES, "piece %u", i);
    return e;
}

/* Two digits are told below ten, whole numbers above: within a twentieth. What is less than 0.0001 is told as nothing.
 */
static bool near(const char *text, double value) {
    double told;
    if (!said_number(text, &told)) return false;
    return fabs(told - value) <= 0.051 * fabs(value) || (told == 0 && value < 1e-4);
}

static bool says_number(const char *text, const char *words, double value) {
    char *end, plain[64];
    size_t n = 0;
    for (; *text != '\0' && n + 1 < sizeof plain && (isdigit((unsigned char)*text) || *text == ',' || *text == '.');
         text++)
        if (*text != ',') plain[n++] = *text;
    plain[n] = '\0';
    double told = strtod(plain, &end);
    return n > 0 && fabs(told - value) <= 0.051 * value && strncmp(text, words, strlen(words)) == 0;
}

static bool says_began(const char *text, int64_t began_ns) {
    char again[64];
    time_t seconds = (time_t)(began_ns / 1000000000);
    struct tm parts;
    return gmtime_r(&seconds, &parts) != NULL && strftime(again, sizeof again, "%Y-%m-%d %H:%M:%S UTC", &parts) > 0 &&
           strcmp(again, text) == 0;
}

static bool says_subject(const char *text, const explanation_t *e) {
    char wanted[2048];
    const char *part = e->instance != NULL ? e->instance : e->version;
    const char *signal = strcmp(e->signal, "errors") == 0 ? "error ratio" : e->signal;
    if (e->caller != NULL)
        (void)snprintf(wanted, sizeof wanted, "%s > %s %s", e->caller, e->service, signal);
    else if (part != NULL)
        (void)snprintf(wanted, sizeof wanted, "%s (%s) %s", e->service, part, signal);
    else
        (void)snprintf(wanted, sizeof wanted, "%s %s", e->service, signal);
    return strcmp(text, wanted) == 0;
}

TEST(every_sentence_reads_back_by_the_grammar) {
    static char evidence[EXPLAIN_EVIDENCE_MAX][EXPLAIN_EVIDENCE_BYTES];
    uint64_t seed = 20261126, random = seed;
    for (int i = 0; i < 20000; i++) {
        explanation_t e = make(&random, evidence);
        char sentence[EXPLAIN_SENTENCE_BYTES], versions[64];
        said_t said;
        explain_sentence(&e, sentence, sizeof sentence);
        (void)snprintf(versions, sizeof versions, "%u of %u versions", e.versions_affected, e.versions);
        bool fine = said_parse(sentence, &said) && says_subject(said.who_and_signal, &e) && near(said.seen, e.seen) &&
                    near(said.low, e.low) && near(said.high, e.high) && says_began(said.began, e.began_ns) &&
                    strcmp(said.versions, e.versions == 0 ? "versions not told" : versions) == 0 &&
                    strcmp(said.cause, e.cause_kind == NULL ? "not established" : e.cause_text) == 0 &&
                    says_number(said.evidence, " piece", e.evidence_count) &&
                    says_number(said.history, " window", e.history_windows) &&
                    (e.requests >= 1 || e.unit == UNIT_RATE ? says_number(said.sample, " request", e.requests)
                                                            : strcmp(said.sample, "requests not counted") == 0);
        if (fine) continue;
        (void)fprintf(stderr, "seed %" PRIu64 ", number %d: %s\n", seed, i, sentence);
        CHECK(fine);
        break;
    }
}

TEST(the_sentence_is_made_of_the_documents_members) {
    static char evidence[EXPLAIN_EVIDENCE_MAX][EXPLAIN_EVIDENCE_BYTES];
    uint64_t random = 7;
    for (int i = 0; i < 500; i++) {
        explanation_t e = make(&random, evidence);
        char sentence[EXPLAIN_SENTENCE_BYTES];
        explain_sentence(&e, sentence, sizeof sentence);
        json_t *document = explain_document(&e);
        REQUIRE(document != NULL);
        CHECK_TEXT(json_string_value(json_object_get(document, "sentence")), sentence);
        CHECK(json_number_value(json_object_get(document, "seen")) == e.seen);
        CHECK(json_is_null(json_object_get(document, "cause")) == (strstr(sentence, "not established") != NULL));
        CHECK_EQUAL(json_array_size(json_object_get(document, "evidence")), e.evidence_count);
        json_decref(document);
    }
}

TEST(no_figure_that_is_none_is_in_a_document) {
    explanation_t e = {
        .kind = "service", .service = "cart", .signal = "latency", .seen = NAN, .low = -INFINITY, .high = NAN};
    json_t *document = explain_document(&e);
    char *text = json_dumps(document, 0);
    REQUIRE(text != NULL);
    CHECK(strstr(text, "nan") == NULL && strstr(text, "inf") == NULL);
    free(text);
    json_decref(document);
}

/* --- what the analyzer says --- */

enum { QUIET = 40 };

static void calls(testmesh_t *mesh, const char *version, uint64_t count, uint64_t failed, double stock_ms) {
    mesh_calls(mesh, "web", "stock", version, version, count, failed, stock_ms, stock_ms + 2);
}

static json_t *last_incident(const testmesh_t *mesh) {
    return json_loads(mesh->incident, 0, NULL);
}

static const char *sentence_of(const json_t *incident) {
    const char *text = json_string_value(json_object_get(incident, "sentence"));
    return text == NULL ? "" : text;
}

static const char *cause_of(const json_t *incident) {
    const char *text =
        json_string_value(json_object_get(json_object_get(json_object_get(incident, "explanation"), "cause"), "kind"));
    return text == NULL ? "" : text;
}

TEST(slowness_is_no_cause) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < QUIET + 6; i++) {
        calls(mesh, "v1", 60, 0, i < QUIET ? 5 : 200);
        mesh_tick(mesh);
    }
    json_t *incident = last_incident(mesh);
    said_t said;
    REQUIRE(said_parse(sentence_of(incident), &said));
    CHECK_TEXT(mesh->first, "stock");
    CHECK(json_is_true(json_object_get(json_object_get(incident, "culprit"), "established")));
    CHECK_TEXT(said.cause, "not established");
    json_decref(incident);
    mesh_free(mesh);
}

TEST(a_version_that_came_before_it_began_and_shows_it_is_the_cause) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < QUIET + 8; i++) {
        calls(mesh, "v1", 60, 0, 5);
        if (i >= QUIET) calls(mesh, "v2", 40, 30, 5);
        mesh_tick(mesh);
    }
    json_t *incident = last_incident(mesh);
    CHECK_TEXT(cause_of(incident), "deploy");
    CHECK(strstr(sentence_of(incident), "1 of 2 versions") != NULL);
    CHECK(strstr(sentence_of(incident), "likely cause the deployment of version v2 of stock") != NULL);
    json_decref(incident);
    mesh_free(mesh);
}

TEST(a_version_that_is_fine_is_not_the_cause) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < QUIET + 8; i++) {
        calls(mesh, "v1", 60, i < QUIET + 2 ? 0 : 40, 5);
        if (i >= QUIET) calls(mesh, "v2", 40, 0, 5);
        mesh_tick(mesh);
    }
    json_t *incident = last_incident(mesh);
    CHECK_TEXT(cause_of(incident), "");
    CHECK(strstr(sentence_of(incident), "1 of 2 versions; likely cause not established") != NULL);
    json_decref(incident);
    mesh_free(mesh);
}

TEST(what_was_there_from_the_start_was_not_deployed) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < QUIET + 8; i++) {
        calls(mesh, "v1", 60, 0, 5);
        calls(mesh, "v2", 40, i < QUIET ? 0 : 30, 5);
        mesh_tick(mesh);
    }
    json_t *incident = last_incident(mesh);
    CHECK_TEXT(cause_of(incident), "");
    CHECK(strstr(sentence_of(incident), "1 of 2 versions") != NULL);
    json_decref(incident);
    mesh_free(mesh);
}

TEST(a_state_of_before_knows_no_deployment_and_goes_on) {
    testmesh_t *mesh = mesh_new();
    buffer_t saved = {0}, again = {0};
    for (int i = 0; i < QUIET; i++) {
        calls(mesh, "v1", 60, 0, 5);
        mesh_tick(mesh);
    }
    analyzer_save(mesh->analyzer, &saved);
    CHECK_EQUAL(analyzer_load(mesh->analyzer, buffer_slice(&saved)), ERR_OK);
    analyzer_save(mesh->analyzer, &again);
    CHECK(saved.len == again.len && memcmp(saved.data, again.data, saved.len) == 0);
    buffer_fini(&saved);
    buffer_fini(&again);
    mesh_free(mesh);
}

/* Whatever is told, however it was made: each sentence is of the grammar, and outside of the range that it names. */
TEST(generated_incidents_are_all_explained) {
    uint64_t seed = 99, random = seed;
    int told = 0;
    for (int run = 0; run < 60; run++) {
        testmesh_t *mesh = mesh_new();
        double usual_ms = 2 + 50 * uniform(&random), factor = 3 + 20 * uniform(&random), failing = uniform(&random);
        uint64_t rate = 5 + test_random(&random) % 200;
        bool errors = test_random(&random) % 2 == 0;
        for (int i = 0; i < QUIET + 6; i++) {
            bool bad = i >= QUIET;
            uint64_t failed = errors && bad ? (uint64_t)((0.1 + 0.9 * failing) * (double)rate) : 0;
            double ms = !errors && bad ? usual_ms * factor : usual_ms;
            mesh_calls(mesh, "gate", "web", "v1", "web-1", rate, failed, 20 + ms, 22 + ms);
            mesh_calls(mesh, "web", "stock", "v1", "stock-1", rate, failed, ms, ms + 2);
            mesh_tick(mesh);
        }
        json_t *incident = last_incident(mesh), *explanation = json_object_get(incident, "explanation");
        said_t said;
        if (incident != NULL) {
            told++;
            bool fine = said_parse(sentence_of(incident), &said) &&
                        json_number_value(json_object_get(explanation, "seen")) >
                            json_number_value(json_object_get(json_object_get(explanation, "expected"), "high"));
            if (!fine) (void)fprintf(stderr, "seed %" PRIu64 ", run %d: %s\n", seed, run, sentence_of(incident));
            CHECK(fine);
        }
        json_decref(incident);
        mesh_free(mesh);
    }
    CHECK(told > 40);
}

TEST_MAIN(TEST_CASE(every_sentence_reads_back_by_the_grammar), TEST_CASE(the_sentence_is_made_of_the_documents_members),
          TEST_CASE(no_figure_that_is_none_is_in_a_document), TEST_CASE(slowness_is_no_cause),
          TEST_CASE(a_version_that_came_before_it_began_and_shows_it_is_the_cause),
          TEST_CASE(a_version_that_is_fine_is_not_the_cause), TEST_CASE(what_was_there_from_the_start_was_not_deployed),
          TEST_CASE(a_state_of_before_knows_no_deployment_and_goes_on),
          TEST_CASE(generated_incidents_are_all_explained))
