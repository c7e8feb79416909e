/* What became of suggestions: seen in the traffic, judged, counted. */
#include "analyzer/routing/recognise.h"
#include "tests/analyzer/mesh.h"

#include <jansson.h>

/* --- the whole life, from the incident on --- */

typedef enum { APPLY_NEVER, APPLY, APPLY_AND_TAKE_BACK } doing_t;

typedef struct {
    int buckets, per_bucket; /* requests of cart */
    doing_t doing;
    uint64_t stable_fails; /* of 100 requests to v1, once the change was made */
    bool reload;           /* saved and loaded in front of each bucket */
} story_t;

enum { FAULT = 30, CHANGE = 44, BACK = 50 };

static void reload(testmesh_t *mesh) {
    buffer_t saved = {0}, again = {0};
    analyzer_config_t config;
    analyzer_config_defaults(&config);
    analyzer_save(mesh->analyzer, &saved);
    analyzer_t *loaded = analyzer_new(&config, mesh_sink(mesh));
    CHECK_EQUAL(analyzer_load(loaded, buffer_slice(&saved)), ERR_OK);
    analyzer_save(loaded, &again);
    CHECK(slice_equal(buffer_slice(&saved), buffer_slice(&again)));
    analyzer_free(mesh->analyzer);
    mesh->analyzer = loaded;
    buffer_fini(&saved);
    buffer_fini(&again);
}

/* v2 takes 30 of 100 requests and fails half of them from FAULT on; v1 gets everything from CHANGE on. */
static testmesh_t *told_by(story_t story) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < story.buckets; i++) {
        bool changed = story.doing != APPLY_NEVER && i >= CHANGE && !(story.doing == APPLY_AND_TAKE_BACK && i >= BACK);
        uint64_t fresh = changed ? 0 : (uint64_t)story.per_bucket * 30 / 100,
                 stable = (uint64_t)story.per_bucket - fresh;
        uint64_t failing = i >= CHANGE ? stable * story.stable_fails / 100 : 0;
        if (story.reload) reload(mesh);
        mesh_calls(mesh, "gate", "shop/cart", "v1", "a-1", stable, failing, 20, 22);
        if (fresh > 0) mesh_calls(mesh, "gate", "shop/cart", "v2", "b-1", fresh, i >= FAULT ? fresh / 2 : 0, 20, 22);
        mesh_tick(mesh);
    }
    buffer_byte(&mesh->told, 0);
    return mesh;
}

static const char *text_at(const json_t *document, const char *part, const char *key) {
    const char *text = json_string_value(json_object_get(json_object_get(document, part), key));
    return text == NULL ? "" : text;
}

static double figure(const json_t *document, const char *part, const char *name) {
    return json_number_value(json_object_get(json_object_get(json_object_get(document, "verified"), part), name));
}

static track_record_t record(const testmesh_t *mesh) {
    track_record_t records[RECORD_KINDS_MAX];
    if (analyzer_track_record(mesh->analyzer, records, RECORD_KINDS_MAX) == 0) return (track_record_t){.proposed = 0};
    return records[0];
}

TEST(a_change_that_helps_is_seen_and_verified_against_its_forecast) {
    testmesh_t *mesh = told_by((story_t){.buckets = 90, .per_bucket = 100, .doing = APPLY});
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK_TEXT(json_string_value(json_object_get(document, "state")), "verified");
    CHECK_TEXT(text_at(document, "verified", "verdict"), "helped");
    CHECK(json_is_true(json_object_get(json_object_get(document, "verified"), "inside")));
    CHECK(json_is_null(json_object_get(json_object_get(document, "verified"), "undo")));
    CHECK(figure(document, "observed", "error_ratio") == 0);
    CHECK(figure(document, "before", "error_ratio") > 0.1);
    CHECK(json_integer_value(json_object_get(json_object_get(document, "verified"), "requests")) >= 1000);
    /* the change began with bucket CHANGE of a mesh that begins with bucket 166000000 */
    CHECK_EQUAL(json_integer_value(json_object_get(json_object_get(document, "seen"), "since_ms")),
                (INT64_C(166000000) + CHANGE) * 10000);
    json_t *loads = json_object_get(json_object_get(json_object_get(document, "verified"), "predicted"), "load");
    CHECK_EQUAL(json_array_size(loads), 2);
    CHECK(json_number_value(json_object_get(json_array_get(loads, 0), "observed_rate")) > 9.9); /* all of 10/s */
    CHECK(json_number_value(json_object_get(json_array_get(loads, 1), "observed_rate")) == 0);
    track_record_t fates = record(mesh);
    CHECK_TEXT(fates.kind, "roll_back_version");
    CHECK_EQUAL(fates.proposed, 1);
    CHECK_EQUAL(fates.seen, 1);
    CHECK_EQUAL(fates.helped, 1);
    CHECK_EQUAL(fates.compared, 2);
    CHECK_EQUAL(fates.inside, 2);
    json_decref(document);
    mesh_free(mesh);
}

TEST(a_change_that_does_harm_is_refuted_before_the_window_is_over_and_the_way_back_is_told) {
    testmesh_t *mesh = told_by((story_t){.buckets = 90, .per_bucket = 100, .doing = APPLY, .stable_fails = 60});
    json_t *document = json_loads(mesh->suggestion, 0, NULL), *verified = json_object_get(document, "verified");
    CHECK_TEXT(json_string_value(json_object_get(document, "state")), "refuted");
    CHECK_TEXT(text_at(document, "verified", "verdict"), "harmed");
    CHECK(strstr(text_at(document, "verified", "undo"), "kubectl delete") != NULL);
    CHECK(json_is_false(json_object_get(verified, "inside")));
    json_t *window = json_object_get(verified, "window");
    CHECK(json_integer_value(json_object_get(window, "end_ms")) -
              json_integer_value(json_object_get(window, "start_ms")) <
          60000);
    CHECK_EQUAL(record(mesh).harmed, 1);
    json_decref(document);
    mesh_free(mesh);
}

TEST(a_change_after_which_things_are_as_before_had_no_effect) {
    testmesh_t *mesh = told_by((story_t){.buckets = 90, .per_bucket = 100, .doing = APPLY, .stable_fails = 15});
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK_TEXT(json_string_value(json_object_get(document, "state")), "refuted");
    CHECK_TEXT(text_at(document, "verified", "verdict"), "no_effect");
    CHECK_EQUAL(record(mesh).no_effect, 1);
    CHECK_EQUAL(record(mesh).inside + 1, record(mesh).compared); /* the percentile was as foretold */
    json_decref(document);
    mesh_free(mesh);
}

TEST(what_nobody_applies_expires_unseen) {
    testmesh_t *mesh = told_by((story_t){.buckets = 300, .per_bucket = 100, .doing = APPLY_NEVER});
    CHECK(strstr((const char *)mesh->told.data, "\"state\":\"seen\"") == NULL);
    CHECK_EQUAL(record(mesh).proposed, 1);
    CHECK_EQUAL(record(mesh).expired, 1);
    CHECK_EQUAL(record(mesh).seen, 0);
    mesh_free(mesh);
}

TEST(nothing_is_judged_from_too_few_requests_and_it_says_how_many_more) {
    testmesh_t *mesh = mesh_new();
    for (int i = 0; i < CHANGE + 130; i++) { /* from when the change is seen, one request in forty seconds */
        bool changed = i >= CHANGE, rare = i >= CHANGE + 3;
        if (rare && i % 4 != 0) {
            mesh_tick(mesh);
            continue;
        }
        mesh_calls(mesh, "gate", "shop/cart", "v1", "a-1", rare ? 1 : changed ? 100 : 70, 0, 20, 22);
        if (!changed) mesh_calls(mesh, "gate", "shop/cart", "v2", "b-1", 30, i >= FAULT ? 15 : 0, 20, 22);
        mesh_tick(mesh);
    }
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK_TEXT(json_string_value(json_object_get(document, "state")), "seen");
    CHECK(json_is_null(json_object_get(document, "verified")));
    json_int_t more = json_integer_value(json_object_get(json_object_get(document, "waits_for"), "more_requests"));
    CHECK(more > 250 && more < 300);
    CHECK(strstr(text_at(document, "waits_for", "sentence"), "more are needed") != NULL);
    CHECK_EQUAL(record(mesh).helped + record(mesh).no_effect + record(mesh).harmed, 0);
    json_decref(document);
    mesh_free(mesh);
}

TEST(a_change_that_is_taken_back_is_open_again) {
    testmesh_t *mesh = told_by((story_t){.buckets = 70, .per_bucket = 100, .doing = APPLY_AND_TAKE_BACK});
    json_t *document = json_loads(mesh->suggestion, 0, NULL);
    CHECK(strstr((const char *)mesh->told.data, "\"state\":\"seen\"") != NULL);
    CHECK_TEXT(json_string_value(json_object_get(document, "state")), "open");
    CHECK(json_is_null(json_object_get(document, "seen")));
    CHECK_EQUAL(record(mesh).undone, 1);
    CHECK_EQUAL(record(mesh).seen, 1);
    json_decref(document);
    mesh_free(mesh);
}

TEST(a_verdict_does_not_depend_on_restarts) {
    story_t story = {.buckets = 80, .per_bucket = 100, .doing = APPLY};
    testmesh_t *straight = told_by(story);
    story.reload = true;
    testmesh_t *restarted = told_by(story);
    CHECK(strstr((const char *)straight->told.data, "\"state\":\"verified\"") != NULL);
    CHECK(slice_equal(buffer_slice(&straight->told), buffer_slice(&restarted->told)));
    CHECK_EQUAL(record(restarted).helped, 1); /* the record, too, was saved and loaded */
    mesh_free(straight);
    mesh_free(restarted);
}

TEST(no_state_depends_on_what_comes_after_it) {
    story_t story = {.buckets = 80, .per_bucket = 100, .doing = APPLY};
    testmesh_t *whole = told_by(story);
    for (story.buckets = 40; story.buckets < 80; story.buckets += 3) {
        testmesh_t *prefix = told_by(story);
        CHECK(prefix->told.len <= whole->told.len);
        CHECK(memcmp(prefix->told.data, whole->told.data, prefix->told.len - 1) == 0);
        mesh_free(prefix);
    }
    mesh_free(whole);
}

/* --- the kinds of change --- */

static void zone_calls(testmesh_t *mesh, const char *zone, uint64_t count) {
    entity_key_t key = {.kind = ENTITY_ZONE,
                        .observer = OBSERVER_SPAN,
                        .service = mesh_name(mesh, "shop/cart"),
                        .zone = mesh_name(mesh, zone)};
    cell_t *cell = shard_cell(&mesh->shard, shard_entity(&mesh->shard, &key), mesh->bucket);
    for (uint64_t i = 0; i < count; i++) cell_request(cell, FAILURE_NONE, 20000000);
}

static void versions(testmesh_t *mesh, bool changed) {
    mesh_calls(mesh, "shop/front", "shop/cart", "v1", "cart-1", changed ? 100 : 80, 0, 20, 22);
    if (!changed) mesh_calls(mesh, "shop/front", "shop/cart", "v2", "cart-2", 20, 0, 20, 22);
}

static void instances(testmesh_t *mesh, bool changed) {
    mesh_calls(mesh, "shop/front", "shop/cart", "v1", "cart-1", changed ? 50 : 34, 0, 20, 22);
    mesh_calls(mesh, "shop/front", "shop/cart", "v1", "cart-2", changed ? 50 : 33, 0, 20, 22);
    if (!changed) mesh_calls(mesh, "shop/front", "shop/cart", "v1", "cart-3", 33, 0, 20, 22);
}

static void zones(testmesh_t *mesh, bool changed) {
    mesh_calls(mesh, "shop/front", "shop/cart", "v1", "cart-1", 100, 0, 20, 22);
    zone_calls(mesh, "a", changed ? 0 : 50);
    zone_calls(mesh, "b", changed ? 100 : 50);
}

/* A third of the calls are turned away, as proxies say (429) … */
static void limited(testmesh_t *mesh, bool changed) {
    mesh_calls(mesh, "shop/front", "shop/cart", "v1", "cart-1", changed ? 66 : 100, 0, 400, 420);
    cell_t *edge = mesh_cell(mesh, ENTITY_EDGE, "shop/front", "shop/cart", "", "");
    for (int i = 0; changed && i < 34; i++) cell_request(edge, FAILURE_RATE, 500000);
}

/* … or as spans do: calls that fail at once. */
static void failing_at_once(testmesh_t *mesh, bool changed) {
    mesh_calls(mesh, "shop/front", "shop/cart", "v1", "cart-1", changed ? 66 : 100, 0, 400, 420);
    cell_t *edge = mesh_cell(mesh, ENTITY_EDGE, "shop/front", "shop/cart", "", "");
    for (int i = 0; changed && i < 34; i++) cell_request(edge, FAILURE_SERVER, 500000);
}

static void retries(testmesh_t *mesh, bool changed) {
    mesh_calls(mesh, "shop/front", "shop/cart", "v1", "cart-1", 100, 20, 20, 22);
    mesh_cell(mesh, ENTITY_EDGE, "shop/front", "shop/cart", "", "")->retries = changed ? 0 : 40;
}

/* A fifth of the calls take two seconds; with the timeout their callers wait for half of one. */
static void waits(testmesh_t *mesh, bool changed) {
    mesh_calls(mesh, "shop/front", "shop/cart", "v1", "cart-1", 80, 0, 20, 22);
    mesh_calls(mesh, "shop/front", "shop/cart", "v1", "cart-1", 20, 0, 2000, 0.001);
    cell_t *edge = mesh_cell(mesh, ENTITY_EDGE, "shop/front", "shop/cart", "", "");
    for (int i = 0; i < 20; i++) sketch_add(&edge->client, changed ? 502000000 : 2002000000, 1);
}

static void slow_no_more(testmesh_t *mesh, bool changed) {
    if (changed)
        mesh_calls(mesh, "shop/front", "shop/cart", "v1", "cart-1", 100, 0, 20, 22);
    else
        waits(mesh, false);
}

static void as_before(testmesh_t *mesh, bool changed) {
    (void)changed;
    versions(mesh, false);
}

/* The action proposed for `feed`'s mesh, as a document. */
static char *proposal(routing_action_t action, const char *instance) {
    (void)action_set_service(&action, "shop/cart");
    json_t *document =
        json_pack("{ss,so,s{ss,sn,ss},s{s{sf,sf,sf,sf},sn,s[]}}", "kind", "test", "action", action_to_json(&action),
                  "target", "service", "shop/cart", "version", "instance", instance, "effect", "error_ratio", "now",
                  0.0, "predicted", 0.34, "low", 0.3, "high", 0.4, "p99_s", "load");
    char *text = json_dumps(document, 0);
    json_decref(document);
    return text;
}

/* Whether the change is seen when `feed` makes it, ten buckets after it was proposed; *early: before that. */
static bool seen(routing_action_t action, const char *instance, void (*feed)(testmesh_t *mesh, bool changed), int every,
                 bool *early) {
    testmesh_t *mesh = mesh_new();
    char *json = proposal(action, instance);
    for (int i = 0; i < 60; i++) {
        if (i % every == 0) feed(mesh, i >= 30);
        mesh_tick(mesh);
        mesh->analyzer->shard = &mesh->shard; /* as within a tick, in which suggestions are made */
        if (i == 20) verify_propose(mesh->analyzer, 1, 1, 0, INT64_MAX / 2, json);
        mesh->analyzer->shard = NULL;
        if (i == 29) *early = record(mesh).seen > 0;
    }
    bool found = record(mesh).seen > 0;
    free(json);
    mesh_free(mesh);
    return found;
}

static routing_action_t shift(uint8_t kind, const char *all, const char *none) {
    routing_action_t action = {.kind = kind};
    (void)action_add_target(&action, all, WEIGHT_WHOLE);
    (void)action_add_target(&action, none, 0);
    return action;
}

static routing_action_t drain(const char *instance) {
    routing_action_t action = {.kind = ACTION_DRAIN_INSTANCE,
                               .consecutive_errors = 1,
                               .interval_s = 1,
                               .ejection_s = 300,
                               .max_ejection_percent = 34};
    (void)snprintf(action.instance, sizeof action.instance, "%s", instance);
    return action;
}

TEST(every_kind_of_change_is_seen_when_it_is_made_and_not_before) {
    const struct {
        routing_action_t action;
        const char *instance;
        void (*feed)(testmesh_t *mesh, bool changed);
    } rows[] = {
        {shift(ACTION_SHIFT_VERSIONS, "v1", "v2"), "", versions},
        {shift(ACTION_SHIFT_ZONES, "b", "a"), "", zones},
        {drain("cart-3"), "cart-3", instances},
        {{.kind = ACTION_TIGHTEN_EJECTION,
          .consecutive_errors = 3,
          .interval_s = 10,
          .ejection_s = 60,
          .max_ejection_percent = 34},
         "cart-3",
         instances},
        {{.kind = ACTION_CIRCUIT_BREAKER, .in_flight = 4, .pending = 4, .requests_per_s = 6}, "", limited},
        {{.kind = ACTION_CIRCUIT_BREAKER, .in_flight = 4, .pending = 4, .requests_per_s = 6}, "", failing_at_once},
        {{.kind = ACTION_RATE_LIMIT, .requests_per_s = 6}, "", limited},
        {{.kind = ACTION_CUT_RETRIES}, "", retries},
        {{.kind = ACTION_SET_TIMEOUT, .timeout_s = 0.5}, "", waits},
        {{.kind = ACTION_FAIL_OVER, .from_zone = "a", .to_zone = "b"}, "", zones},
    };
    bool covered[ACTION_KINDS] = {[ACTION_NONE] = true};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool early = false, found = seen(rows[i].action, rows[i].instance, rows[i].feed, 1, &early);
        if (!found || early) (void)fprintf(stderr, "row %zu: %s\n", i, action_kind_name(rows[i].action.kind));
        CHECK(found);
        CHECK(!early);
        covered[rows[i].action.kind] = true;
    }
    for (int kind = 0; kind < ACTION_KINDS; kind++) CHECK(covered[kind]);
}

TEST(what_was_not_done_is_not_seen) {
    bool early = false;
    CHECK(!seen(shift(ACTION_SHIFT_VERSIONS, "v1", "v2"), "", as_before, 1, &early));
    CHECK(!seen(shift(ACTION_SHIFT_VERSIONS, "v2", "v1"), "", versions, 1, &early)); /* the other way */
    CHECK(!seen((routing_action_t){.kind = ACTION_SET_TIMEOUT, .timeout_s = 0.5}, "", slow_no_more, 1, &early));
    CHECK(!seen(drain("cart-1"), "cart-1", instances, 1, &early));
}

/* Each version's proxies report once a minute, at times of their own. */
static void reports_by_the_minute(testmesh_t *mesh, bool changed) {
    (void)changed;
    int64_t at = mesh->bucket % 6;
    if (at < 4) mesh_calls(mesh, "shop/front", "shop/cart", "v1", "cart-1", 100, 0, 20, 22);
    if (at == 4) mesh_calls(mesh, "shop/front", "shop/cart", "v2", "cart-2", 100, 0, 20, 22);
}

TEST(a_version_that_reports_rarely_is_not_taken_for_gone) {
    bool early = false;
    CHECK(!seen(shift(ACTION_SHIFT_VERSIONS, "v1", "v2"), "", reports_by_the_minute, 1, &early));
    CHECK(!early);
}

TEST(the_oldest_suggestion_gives_way_when_too_many_are_followed) {
    testmesh_t *mesh = mesh_new();
    char *json = proposal(shift(ACTION_SHIFT_VERSIONS, "v1", "v2"), "");
    versions(mesh, false);
    mesh_tick(mesh);
    mesh->analyzer->shard = &mesh->shard;
    for (uint64_t id = 1; id <= TRIALS_MAX + 5; id++) verify_propose(mesh->analyzer, id, id, 0, INT64_MAX / 2, json);
    mesh->analyzer->shard = NULL;
    CHECK_EQUAL(mesh->analyzer->verifier->trial_count, TRIALS_MAX);
    CHECK_EQUAL(mesh->analyzer->verifier->trials[0]->id, 6);
    CHECK_EQUAL(record(mesh).proposed, TRIALS_MAX + 5);
    CHECK_EQUAL(record(mesh).expired, 5);
    free(json);
    mesh_free(mesh);
}

TEST_MAIN(TEST_CASE(a_change_that_helps_is_seen_and_verified_against_its_forecast),
          TEST_CASE(a_change_that_does_harm_is_refuted_before_the_window_is_over_and_the_way_back_is_told),
          TEST_CASE(a_change_after_which_things_are_as_before_had_no_effect),
          TEST_CASE(what_nobody_applies_expires_unseen),
          TEST_CASE(nothing_is_judged_from_too_few_requests_and_it_says_how_many_more),
          TEST_CASE(a_change_that_is_taken_back_is_open_again), TEST_CASE(a_verdict_does_not_depend_on_restarts),
          TEST_CASE(no_state_depends_on_what_comes_after_it),
          TEST_CASE(every_kind_of_change_is_seen_when_it_is_made_and_not_before),
          TEST_CASE(what_was_not_done_is_not_seen), TEST_CASE(a_version_that_reports_rarely_is_not_taken_for_gone),
          TEST_CASE(the_oldest_suggestion_gives_way_when_too_many_are_followed))
