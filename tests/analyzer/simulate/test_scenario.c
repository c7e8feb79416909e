/* Whatever is wrong in a scenario is named with its line and its cure. */
#include "analyzer/simulate/emit.h"
#include "tests/analyzer/simulate/box.h"

#define HEAD "name: x\nservices:\n  a: {calls: [b]}\n  b: {versions: {v1: {weight: 1}, v2: {weight: 1}}}\n"
#define TAIL "traffic: [{to: a, rate: 1}]\n"

TEST(errors_name_the_line_and_the_cure) {
    static const struct {
        const char *yaml, *why;
    } cases[] = {
        {"", "line 1: the file is empty; a scenario is wanted"},
        {"name: [\n", "line 2: not YAML: did not find expected node content"},
        {"name: x\nservises: {}\n", "line 2: a scenario has no key 'servises'; did you mean 'services'?"},
        {"name: x\ntraffic: []\n", "line 1: a scenario needs 'services'; add it"},
        {HEAD, "line 1: a scenario needs 'traffic'; add it"},
        {HEAD TAIL "seed: -1\n", "line 6: 'seed' is '-1': write a whole number from 0 to 4294967295"},
        {HEAD TAIL "duration: 5\n", "line 6: 'duration' is '5': write a time such as 200us, 5ms, 1.5s, 10m, 2h or 7d"},
        {HEAD TAIL "duration: 500d\n",
         "line 6: 'duration' is '500d': write a time such as 200us, 5ms, 1.5s, 10m, 2h or 7d from 1 to 31622400 "
         "seconds"},
        {HEAD TAIL "start: tomorrow\n", "line 6: 'start' is 'tomorrow': write a moment such as 2026-01-05T08:00:00Z"},
        {HEAD "traffic: [{to: c, rate: 1}]\n", "line 5: there is no service 'c'; did you mean 'a'?"},
        {HEAD "traffic:\n  - {to: a, rate: fast}\n", "line 6: 'rate' is 'fast': write a number"},
        {HEAD "traffic: {to: a}\n", "line 5: 'traffic' takes a list: lines that begin with '- ', or [a, b]"},
        {HEAD TAIL "name: y\n", "line 6: 'name' is given a second time"},
        {HEAD TAIL "events:\n  - {at: 1m}\n",
         "line 7: an event without effect; add one, such as 'errors: 20%' or 'slower: 3'"},
        {HEAD TAIL "events:\n  - {at: 1m, service: b, version: v3, errors: 1%}\n",
         "line 7: there is no version 'v3'; did you mean 'v1'?"},
        {HEAD TAIL "events:\n  - {at: 1m, version: v1, errors: 1%}\n",
         "line 7: 'version' needs 'service' beside it; add it"},
        {HEAD TAIL "events:\n  - {at: 1m, service: b, instance: b-3, errors: 1%}\n",
         "line 7: 'b-3' is no instance of 'b': they are called SERVICE-VERSION-NUMBER, such as b-v1-1"},
        {HEAD TAIL "events:\n  - {at: 1m, timeout: 1s, service: b}\n",
         "line 7: 'timeout', 'retries' and 'pool_leak_per_minute' need 'from' and 'service'"},
        {HEAD TAIL "events:\n  - {at: 1m, service: b, deny: polici}\n",
         "line 7: 'deny' is 'polici': write one of no, policy, certificate (did you mean 'policy'?)"},
        {HEAD TAIL "actions:\n  - {at: 1m, kind: fail_over, service: b}\n",
         "line 7: fail_over needs 'from_zone'; add it"},
        {HEAD TAIL "truth: {alarm: must, kind: k, routing_heals: true}\n",
         "line 6: routing_heals is true: say how, in 'cure'"},
        {"name: x\nservices:\n  a: {calls: [b]}\n  b: {calls: [a]}\n" TAIL,
         "line 3: calls go round in a circle through 'a'; give it operations, so that they end"},
        {"name: x\nservices:\n  a: {time: {median: 5ms}}\n" TAIL,
         "line 3: a time needs 'median' and a 'p99' that is not below it, or 'mean'"},
        {"name: x\nservices:\n  a: {time: {median: 5ms, p99: 9ms, mean: 3ms}}\n" TAIL,
         "line 3: a time has a mean, or a median and a p99, not both"},
        {"name: x\nservices:\n  a: {versions: {v1: {weight: 0}}}\n" TAIL,
         "line 3: all versions of 'a' have the weight 0; give one of them some"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[400] = "";
        scenario_t *scenario = NULL;
        CHECK_EQUAL(scenario_read(slice_text(cases[i].yaml), &scenario, why, sizeof why), ERR_INVALID);
        CHECK_TEXT(why, cases[i].why);
    }
}

TEST(what_is_not_written_has_a_default) {
    char why[400] = "";
    scenario_t *scenario = NULL;
    CHECK_EQUAL(scenario_read(slice_text(HEAD TAIL), &scenario, why, sizeof why), ERR_OK);
    REQUIRE(scenario != NULL);
    const service_spec_t *b = service_at(scenario, 1);
    CHECK_EQUAL(scenario->duration_ns, 900 * SECOND_NS);
    CHECK_EQUAL(b->versions.count, 2);
    CHECK_EQUAL(((const version_spec_t *)b->versions.items)[1].instances, 3);
    CHECK_EQUAL(((const version_spec_t *)b->versions.items)[1].time.median_ns, 5000000);
    CHECK_EQUAL(b->operations.count, 1);
    CHECK_EQUAL(scenario->zones.count, 1);
    scenario_free(scenario);
}

TEST(too_much_is_refused_before_it_is_simulated) {
    char yaml[4000] = "name: x\nservices:\n", why[400] = "";
    size_t len = strlen(yaml);
    for (int i = 0; i < 6; i++) /* each calls the next 30 times */
        len += (size_t)snprintf(yaml + len, sizeof yaml - len, "  s%d: {calls: [{to: s%d, times: 30}]}\n", i, i + 1);
    (void)snprintf(yaml + len, sizeof yaml - len, "  s6: {}\ntraffic: [{to: s0, rate: 1}]\n");
    scenario_t *scenario = NULL;
    CHECK_EQUAL(scenario_read(slice_text(yaml), &scenario, why, sizeof why), ERR_INVALID);
    CHECK(strstr(why, "sets off 754137930 calls; at most 5000") != NULL);

    /* aliases that would unfold to millions of nodes */
    const char *bomb = "name: x\nservices: {a: {}}\ntraffic: [{to: a, rate: 1}]\nevents:\n"
                       "  - {at: 1s, surge: 2}\n"
                       "zones: &z [a, b]\ntruth: {alarm: must, kind: k, also: *z}\n";
    CHECK_EQUAL(scenario_read(slice_text(bomb), &scenario, why, sizeof why), ERR_INVALID);
    CHECK_TEXT(why, "line 7: there is no service 'b'; did you mean 'a'?");
}

typedef struct {
    uint64_t requests, items[OTLP_KINDS];
    bool fine;
} received_t;

static bool receive(void *context, otlp_kind_t kind, slice_t body, uint64_t items) {
    received_t *received = context;
    otlp_summary_t summary = {0};
    received->fine &= otlp_check(kind, body, INT64_MAX / 2, &summary) == ERR_OK;
    received->fine &= summary.items == items && summary.rejected == 0 && items > 0;
    received->items[kind] += items;
    received->requests++;
    return true;
}

TEST(every_voice_speaks_otlp_and_counts_what_it_says) {
    char yaml[900], why[400] = "";
    static const char *const voices[] = {"otel_spans", "otel_gauges", "otel_metrics", "istio_spans", "istio_metrics"};
    for (size_t v = 0; v < sizeof voices / sizeof voices[0]; v++) {
        (void)snprintf(
            yaml, sizeof yaml,
            "name: x\ntelemetry: [%s]\nservices:\n"
            "  a: {namespace: shop, calls: [{to: b, retries: 1, timeout: 30ms}]}\n"
            "  b: {errors: 10%%, operations: {\"shop.B/Get\": {}}}\n"
            "traffic: [{to: a, rate: 50, client_errors: 10%%}]\n"
            "events: [{at: 5s, service: b, delay: 100ms, for: 3s}, {at: 20s, from: a, service: b, deny: policy}]\n",
            voices[v]);
        scenario_t *scenario = NULL;
        emit_t *emit = NULL;
        received_t received = {.fine = true};
        CHECK_EQUAL(scenario_read(slice_text(yaml), &scenario, why, sizeof why), ERR_OK);
        REQUIRE(scenario != NULL);
        CHECK_EQUAL(emit_new(scenario, 1, (emit_sink_t){&received, receive}, &emit, why, sizeof why), ERR_OK);
        REQUIRE(emit != NULL);
        world_t *world = world_new(scenario, 1, emit_listener(emit));
        for (int s = 1; s <= 40; s++) {
            world_run(world, s * SECOND_NS);
            emit_flush(emit, world);
        }
        CHECK(received.fine && !emit_failed(emit));
        CHECK(received.items[OTLP_TRACES] + received.items[OTLP_METRICS] > 20);
        world_free(world);
        emit_free(emit);
        scenario_free(scenario);
    }
}

TEST(an_unknown_voice_is_refused) {
    char why[400] = "";
    scenario_t *scenario = NULL;
    emit_t *emit = NULL;
    CHECK_EQUAL(scenario_read(slice_text(HEAD TAIL "telemetry: [jaeger]\n"), &scenario, why, sizeof why), ERR_OK);
    CHECK_EQUAL(emit_new(scenario, 1, (emit_sink_t){NULL, receive}, &emit, why, sizeof why), ERR_INVALID);
    CHECK_TEXT(why, "telemetry: there is no 'jaeger'; there are otel_spans, otel_gauges, otel_metrics, istio_spans, "
                    "istio_metrics, linkerd_metrics");
    scenario_free(scenario);
}

TEST_MAIN(TEST_CASE(errors_name_the_line_and_the_cure), TEST_CASE(what_is_not_written_has_a_default),
          TEST_CASE(too_much_is_refused_before_it_is_simulated),
          TEST_CASE(every_voice_speaks_otlp_and_counts_what_it_says), TEST_CASE(an_unknown_voice_is_refused))
