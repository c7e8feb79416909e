#include "tests/collector/store/support.h"

#include "base/memory.h"

enum { RECORDS = 6000 }; /* 3000 s of event time */

/* One store for all tests of this file, with a ledger of what was folded. */
typedef struct {
    support_fold_t fold;
    query_t *query;
    char directory[128];
    uint64_t service_requests[SUPPORT_SERVICES], service_errors[SUPPORT_SERVICES];
} world_t;

static void note(world_t *world, const support_span_t *spans, size_t count) {
    for (size_t i = 0; i < count; i++) {
        world->service_requests[spans[i].service]++;
        world->service_errors[spans[i].service] += spans[i].error;
    }
}

static world_t *world_new(void) {
    world_t *world = memory_new(1, sizeof *world);
    (void)snprintf(world->directory, sizeof world->directory, "%s", support_directory("query"));
    store_config_t config = support_config(world->directory);
    if (support_open(&world->fold, &config) != ERR_OK) abort();
    while (world->fold.position < RECORDS) {
        support_span_t spans[8];
        note(world, spans, support_spans(&world->fold, world->fold.position, spans));
        support_record(&world->fold);
        if (world->fold.position % 500 == 0) (void)support_checkpoint(&world->fold);
    }
    if (support_finish(&world->fold) != ERR_OK) abort();
    world->query = query_open(store_path(world->fold.store));
    if (world->query == NULL) abort();
    return world;
}

static void world_free(world_t *world) {
    query_close(world->query);
    support_close(&world->fold);
    support_remove(world->directory);
    free(world);
}

/* --- cells --- */

typedef struct {
    query_t *query;
    uint64_t requests[SUPPORT_SERVICES], errors[SUPPORT_SERVICES];
    int64_t last_ns;
    int calls, step_s;
    bool ordered;
} sums_t;

static unsigned service_number(const query_t *query, uint32_t name) {
    return (unsigned)strtoul(query_name(query, name) + sizeof "service-" - 1, NULL, 10);
}

static void add(sums_t *sums, int64_t start_ns, const entity_key_t *key, const cell_t *cell) {
    unsigned service = service_number(sums->query, key->service);
    CHECK(service < SUPPORT_SERVICES);
    sums->requests[service] += cell->requests;
    sums->errors[service] += cell_errors(cell);
    sums->ordered = sums->ordered && start_ns >= sums->last_ns;
    sums->last_ns = start_ns;
    sums->calls++;
}

static bool add_cell(void *context, int64_t start_ns, uint32_t entity, const entity_key_t *key, const cell_t *cell) {
    sums_t *sums = context;
    CHECK(query_entity(sums->query, entity) == key);
    if (sums->step_s > 0) CHECK_EQUAL(start_ns % (sums->step_s * INT64_C(1000000000)), 0);
    add(sums, start_ns, key, cell);
    return true;
}

static bool add_golden(void *context, int64_t start_ns, const entity_key_t *key, observer_t observer,
                       const cell_t *cell) {
    CHECK_EQUAL(observer, OBSERVER_SPAN);
    add(context, start_ns, key, cell);
    return true;
}

static const int64_t begin_ns = SUPPORT_START_NS - 10000000000000, end_ns = SUPPORT_START_NS + 4000000000000;

static void check_sums(const world_t *world, const sums_t *sums) {
    CHECK(sums->ordered);
    for (int s = 0; s < SUPPORT_SERVICES; s++) {
        CHECK_EQUAL(sums->requests[s], world->service_requests[s]);
        CHECK_EQUAL(sums->errors[s], world->service_errors[s]);
    }
}

TEST(every_resolution_gives_every_request_once_the_open_tail_included) {
    world_t *world = world_new();
    query_filter_t filter = query_filter_any(1u << ENTITY_SERVICE);
    for (int r = 0; r < 3; r++) {
        const uint32_t steps[] = {10, 60, 3600};
        sums_t sums = {.query = world->query, .ordered = true, .step_s = (int)steps[r], .last_ns = INT64_MIN};
        CHECK_EQUAL(query_cells(world->query, begin_ns, end_ns, steps[r], &filter, add_cell, &sums), ERR_OK);
        check_sums(world, &sums);
        sums_t golden = {.query = world->query, .ordered = true, .last_ns = INT64_MIN};
        CHECK_EQUAL(query_golden(world->query, begin_ns, end_ns, steps[r], &filter, GROUP_SERVICE, add_golden, &golden),
                    ERR_OK);
        check_sums(world, &golden);
        CHECK_EQUAL(golden.calls, sums.calls);
    }
    sums_t total = {.query = world->query, .ordered = true, .last_ns = INT64_MIN};
    CHECK_EQUAL(
        query_golden(world->query, INT64_MIN, INT64_MAX, UINT32_MAX, &filter, GROUP_SERVICE, add_golden, &total),
        ERR_OK);
    CHECK_EQUAL(total.calls, SUPPORT_SERVICES);
    check_sums(world, &total);
    sums_t sums = {.query = world->query};
    CHECK_EQUAL(query_cells(world->query, begin_ns, end_ns, 7, &filter, add_cell, &sums), ERR_INVALID);
    CHECK_EQUAL(query_damaged(world->query), 0);
    world_free(world);
}

TEST(filters_choose_by_name) {
    world_t *world = world_new();
    uint32_t service = query_find_name(world->query, "service-03");
    CHECK(service != UINT32_MAX);
    CHECK(query_find_name(world->query, "no such service") == UINT32_MAX);
    query_filter_t filter = query_filter_any(1u << ENTITY_SERVICE);
    filter.service = service;
    sums_t sums = {.query = world->query, .ordered = true, .last_ns = INT64_MIN};
    CHECK_EQUAL(query_cells(world->query, begin_ns, end_ns, 60, &filter, add_cell, &sums), ERR_OK);
    CHECK_EQUAL(sums.requests[3], world->service_requests[3]);
    CHECK_EQUAL(sums.requests[4], 0);
    filter = query_filter_any(1u << ENTITY_EDGE);
    filter.either = service; /* called by 4, calls 2 */
    sums = (sums_t){.query = world->query, .ordered = true, .last_ns = INT64_MIN};
    CHECK_EQUAL(query_golden(world->query, begin_ns, end_ns, UINT32_MAX, &filter, GROUP_SERVICE | GROUP_CALLER,
                             add_golden, &sums),
                ERR_OK);
    CHECK_EQUAL(sums.calls, 2);
    CHECK_EQUAL(sums.requests[3], world->service_requests[3]);
    CHECK_EQUAL(sums.requests[2], world->service_requests[2]);
    world_free(world);
}

TEST(steps_follow_the_length_of_the_range) {
    world_t *world = world_new();
    const int64_t hour = 3600000000000;
    CHECK_EQUAL(query_step(world->query, SUPPORT_START_NS, SUPPORT_START_NS + hour), 10);
    CHECK_EQUAL(query_step(world->query, SUPPORT_START_NS, SUPPORT_START_NS + 3 * hour), 60);
    CHECK_EQUAL(query_step(world->query, SUPPORT_START_NS, SUPPORT_START_NS + 49 * hour), 3600);
    /* where retention took the finer frames: */
    CHECK_EQUAL(query_step(world->query, 0, hour), 3600);
    CHECK_EQUAL(query_step(world->query, INT64_MIN, INT64_MAX), 3600);
    world_free(world);
}

/* --- traces --- */

typedef struct {
    int count, errors;
    int64_t last_ns;
    bool ordered;
    uint8_t first[16];
    uint32_t first_spans, spans, services;
} traces_seen_t;

static bool see_trace(void *context, const query_trace_t *trace) {
    traces_seen_t *seen = context;
    if (seen->count++ == 0) {
        memcpy(seen->first, trace->trace_id, 16);
        seen->first_spans = trace->spans;
    }
    seen->ordered = seen->ordered && trace->start_ns <= seen->last_ns;
    seen->last_ns = trace->start_ns;
    seen->errors += trace->errors > 0;
    seen->spans += trace->spans;
    seen->services += trace->service_count;
    return true;
}

static query_traces_t ask_all(void) {
    return (query_traces_t){.start_ns = INT64_MIN,
                            .end_ns = INT64_MAX,
                            .service = QUERY_ANY,
                            .operation = QUERY_ANY,
                            .max_duration_ns = INT64_MAX,
                            .error = -1,
                            .limit = 1000000};
}

static void see_row(void *context, const query_trace_t *trace) {
    ((traces_seen_t *)context)->first_spans = trace->spans;
}

static bool see_span(void *context, slice_t resource, slice_t scope, slice_t span) {
    (void)scope;
    CHECK(resource.len > 0 && span.len > 26);
    ((traces_seen_t *)context)->spans++;
    return true;
}

TEST(traces_are_found_paged_and_read_whole) {
    world_t *world = world_new();
    query_status_t status;
    CHECK_EQUAL(query_status(world->query, &status), ERR_OK);
    query_traces_t ask = ask_all();
    traces_seen_t all = {.last_ns = INT64_MAX, .ordered = true};
    CHECK_EQUAL(query_traces(world->query, &ask, see_trace, &all), ERR_OK);
    CHECK(all.ordered && ask.complete && !ask.cursor.set);
    CHECK_EQUAL(all.count, status.traces);
    CHECK_EQUAL(all.spans, status.spans);
    traces_seen_t paged = {.last_ns = INT64_MAX, .ordered = true};
    ask = ask_all();
    ask.limit = 37;
    ask.scan_traces = 50;
    ask.error = 1;
    int pages = 0;
    for (; pages == 0 || ask.cursor.set; pages++) {
        char text[QUERY_CURSOR_TEXT];
        query_cursor_format(&ask.cursor, text);
        query_cursor_t parsed;
        CHECK(query_cursor_parse(text, &parsed));
        if (ask.cursor.set) CHECK(parsed.time_ns == ask.cursor.time_ns && parsed.id == ask.cursor.id);
        CHECK_EQUAL(query_traces(world->query, &ask, see_trace, &paged), ERR_OK);
    }
    CHECK(pages > 10);
    CHECK(paged.ordered);
    CHECK_EQUAL(paged.count, all.errors);
    CHECK_EQUAL(paged.errors, all.errors);
    traces_seen_t one = {0};
    CHECK_EQUAL(query_trace(world->query, all.first, see_row, see_span, &one), ERR_OK);
    CHECK_EQUAL(one.spans, all.first_spans);
    CHECK_EQUAL(one.first_spans, all.first_spans);
    uint8_t absent[16] = {0xff, 1};
    CHECK_EQUAL(query_trace(world->query, absent, NULL, see_span, &one), ERR_NOT_FOUND);
    world_free(world);
}

TEST(traces_are_found_by_service_operation_and_duration) {
    world_t *world = world_new();
    CHECK_EQUAL(query_begin(world->query), ERR_OK);
    query_traces_t ask = ask_all();
    uint32_t services = 0;
    for (unsigned s = 0; s < SUPPORT_SERVICES; s++) {
        char name[20];
        (void)snprintf(name, sizeof name, "service-%02u", s);
        ask.service = query_find_name(world->query, name);
        traces_seen_t seen = {0};
        CHECK_EQUAL(query_traces(world->query, &ask, see_trace, &seen), ERR_OK);
        services += (uint32_t)seen.count;
    }
    traces_seen_t all = {0};
    ask = ask_all();
    CHECK_EQUAL(query_traces(world->query, &ask, see_trace, &all), ERR_OK);
    CHECK_EQUAL(services, all.services); /* each trace under each of its services, and no other */
    traces_seen_t fast = {0}, slow = {0};
    ask.max_duration_ns = 3999999999;
    CHECK_EQUAL(query_traces(world->query, &ask, see_trace, &fast), ERR_OK);
    ask.min_duration_ns = 4000000000;
    ask.max_duration_ns = INT64_MAX;
    CHECK_EQUAL(query_traces(world->query, &ask, see_trace, &slow), ERR_OK);
    CHECK(fast.count > 0 && slow.count > 0);
    CHECK_EQUAL(fast.count + slow.count, all.count);
    query_end(world->query);
    world_free(world);
}

TEST(attributes_are_searched_in_span_blocks_with_bounded_work) {
    world_t *world = world_new();
    query_traces_t ask = ask_all();
    ask.attributes[0] = (query_attribute_t){slice_text("customer"), slice_text("17")};
    ask.attributes[1] = (query_attribute_t){slice_text("service.name"), slice_text("service-05")};
    ask.attribute_count = 2;
    ask.scan_blocks = 100000;
    traces_seen_t whole = {0}, parts = {0}, none = {0};
    CHECK_EQUAL(query_traces(world->query, &ask, see_trace, &whole), ERR_OK);
    CHECK(whole.count > 3);
    query_traces_t small = ask;
    small.cursor.set = false;
    small.scan_blocks = 8;
    int calls = 0;
    for (; calls == 0 || small.cursor.set; calls++)
        CHECK_EQUAL(query_traces(world->query, &small, see_trace, &parts), ERR_OK);
    CHECK(calls > 3);
    CHECK_EQUAL(parts.count, whole.count);
    ask.cursor.set = false;
    ask.attributes[0].value = slice_text("1700");
    CHECK_EQUAL(query_traces(world->query, &ask, see_trace, &none), ERR_OK);
    CHECK_EQUAL(none.count, 0);
    world_free(world);
}

/* --- events --- */

typedef struct {
    int count;
    uint64_t last;
    char state[16];
} events_t;

static bool see_anomaly(void *context, const query_anomaly_t *anomaly) {
    events_t *events = context;
    CHECK_TEXT(anomaly->signal, "errors");
    CHECK(anomaly->key != NULL);
    events->count++;
    events->last = anomaly->incident;
    return true;
}

static bool see_incident(void *context, const query_incident_t *incident) {
    events_t *events = context;
    CHECK(strstr(incident->json, "record") != NULL);
    if (events->count++ > 0) CHECK(incident->id < events->last);
    events->last = incident->id;
    return true;
}

static bool see_suggestion(void *context, const query_suggestion_t *suggestion) {
    events_t *events = context;
    events->count++;
    events->last = suggestion->id;
    (void)snprintf(events->state, sizeof events->state, "%s", suggestion->state);
    return true;
}

TEST(anomalies_incidents_and_suggestions_come_newest_first_in_pages) {
    world_t *world = world_new();
    query_anomalies_t ask = {.start_ns = 0, .end_ns = INT64_MAX, .service = QUERY_ANY, .limit = 50};
    events_t anomalies = {0}, of_incident = {0}, incidents = {0}, suggestions = {0};
    for (int page = 0; page == 0 || ask.cursor.set; page++)
        CHECK_EQUAL(query_anomalies(world->query, &ask, see_anomaly, &anomalies), ERR_OK);
    CHECK_EQUAL(anomalies.count, RECORDS / 50);
    ask = (query_anomalies_t){.end_ns = INT64_MAX, .service = QUERY_ANY, .incident = 3, .limit = 1000};
    CHECK_EQUAL(query_anomalies(world->query, &ask, see_anomaly, &of_incident), ERR_OK);
    CHECK_EQUAL(of_incident.count, 10);
    CHECK_EQUAL(of_incident.last, 3);
    query_incidents_t open = {.end_ns = INT64_MAX, .state = INCIDENTS_OPEN, .limit = 5};
    for (int page = 0; page == 0 || open.cursor.set; page++)
        CHECK_EQUAL(query_incidents(world->query, &open, see_incident, &incidents), ERR_OK);
    CHECK_EQUAL(incidents.count, RECORDS / 500);
    open = (query_incidents_t){.end_ns = INT64_MAX, .state = INCIDENTS_CLOSED, .limit = 5};
    events_t closed = {0};
    CHECK_EQUAL(query_incidents(world->query, &open, see_incident, &closed), ERR_OK);
    CHECK_EQUAL(closed.count, 0);
    CHECK_EQUAL(query_incident(world->query, 99999, see_incident, &closed), ERR_NOT_FOUND);
    query_suggestions_t all = {.limit = 1000};
    CHECK_EQUAL(query_suggestions(world->query, &all, see_suggestion, &suggestions), ERR_OK);
    CHECK_EQUAL(suggestions.count, RECORDS / 500);
    world_free(world);
}

TEST(a_decision_that_is_taken_back_leaves_the_suggestion_open) {
    world_t *world = world_new();
    store_t *store = world->fold.store;
    events_t seen = {0};
    CHECK_EQUAL(store_reopen(store, 99999), ERR_NOT_FOUND);
    CHECK_EQUAL(store_reopen(store, 2), ERR_INVALID);
    CHECK_EQUAL(store_decide(store, 2, "accepted", "", 123), ERR_OK);
    CHECK_EQUAL(store_reopen(store, 2), ERR_OK);
    CHECK_EQUAL(query_suggestion(world->query, 2, see_suggestion, &seen), ERR_OK);
    CHECK_TEXT(seen.state, "open");
    CHECK_EQUAL(store_decide(store, 2, "dismissed", "", 124), ERR_OK);
    world_free(world);
}

TEST(a_suggestion_is_decided_once_and_only_while_it_is_open) {
    world_t *world = world_new();
    store_t *store = world->fold.store;
    events_t seen = {0};
    CHECK_EQUAL(store_decide(store, 2, "perhaps", "", 1), ERR_INVALID);
    CHECK_EQUAL(store_decide(store, 99999, "accepted", "", 1), ERR_NOT_FOUND);
    CHECK_EQUAL(store_decide(store, 2, "accepted", "it's worth it", 123), ERR_OK);
    CHECK_EQUAL(store_decide(store, 2, "dismissed", "", 124), ERR_INVALID);
    CHECK_EQUAL(query_suggestion(world->query, 2, see_suggestion, &seen), ERR_OK);
    CHECK_TEXT(seen.state, "accepted");
    query_suggestions_t ask = {.state = "open", .limit = 1000};
    events_t open = {0};
    CHECK_EQUAL(query_suggestions(world->query, &ask, see_suggestion, &open), ERR_OK);
    CHECK_EQUAL(open.count, RECORDS / 500 - 1);
    /* event time passes the expiry of suggestion 1, which was made for an hour */
    world->fold.event_ns += 3600000000000;
    CHECK_EQUAL(support_finish(&world->fold), ERR_OK);
    CHECK_EQUAL(store_decide(store, 1, "accepted", "", 125), ERR_INVALID);
    CHECK_EQUAL(query_suggestion(world->query, 1, see_suggestion, &seen), ERR_OK);
    CHECK_TEXT(seen.state, "expired");
    world_free(world);
}

TEST(a_snapshot_stays_what_it_was_while_checkpoints_go_on) {
    world_t *world = world_new();
    query_status_t before, during, after;
    CHECK_EQUAL(query_begin(world->query), ERR_OK);
    CHECK_EQUAL(query_status(world->query, &before), ERR_OK);
    support_run(&world->fold, RECORDS + 500, 100);
    CHECK_EQUAL(support_finish(&world->fold), ERR_OK);
    CHECK_EQUAL(query_status(world->query, &during), ERR_OK);
    query_end(world->query);
    CHECK_EQUAL(query_status(world->query, &after), ERR_OK);
    CHECK_EQUAL(before.position, RECORDS);
    CHECK_EQUAL(during.position, RECORDS);
    CHECK_EQUAL(after.position, RECORDS + 500);
    CHECK(query_open("/nonexistent/seismesh.sqlite") == NULL);
    world_free(world);
}

TEST(damaged_rows_are_left_out_and_counted) {
    world_t *world = world_new();
    sqlite3 *db;
    CHECK(sqlite3_open(store_path(world->fold.store), &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db,
                       "UPDATE frame SET bytes = substr(bytes, 1, length(bytes) - 9) || x'000000000000000000'"
                       " WHERE resolution=10 AND bucket = (SELECT max(bucket) - 30 FROM frame WHERE resolution=10);"
                       "UPDATE span_block SET bytes = zeroblob(length(bytes)) WHERE id=3",
                       NULL, NULL, NULL) == SQLITE_OK);
    (void)sqlite3_close(db);
    query_filter_t filter = query_filter_any(1u << ENTITY_SERVICE);
    sums_t sums = {.query = world->query, .ordered = true, .last_ns = INT64_MIN};
    CHECK_EQUAL(query_cells(world->query, begin_ns, end_ns, 10, &filter, add_cell, &sums), ERR_OK);
    CHECK_EQUAL(query_damaged(world->query), 1);
    uint64_t got = 0, had = 0;
    for (int s = 0; s < SUPPORT_SERVICES; s++) {
        got += sums.requests[s];
        had += world->service_requests[s];
    }
    CHECK(got < had && got > had - had / 50);
    query_traces_t ask = ask_all();
    ask.attributes[0] = (query_attribute_t){slice_text("customer"), slice_text("17")};
    ask.attribute_count = 1;
    ask.scan_blocks = 100000;
    traces_seen_t seen = {0};
    CHECK_EQUAL(query_traces(world->query, &ask, see_trace, &seen), ERR_OK);
    CHECK_EQUAL(query_damaged(world->query), 2);
    world_free(world);
}

TEST_MAIN(TEST_CASE(every_resolution_gives_every_request_once_the_open_tail_included),
          TEST_CASE(filters_choose_by_name), TEST_CASE(steps_follow_the_length_of_the_range),
          TEST_CASE(traces_are_found_paged_and_read_whole),
          TEST_CASE(traces_are_found_by_service_operation_and_duration),
          TEST_CASE(attributes_are_searched_in_span_blocks_with_bounded_work),
          TEST_CASE(anomalies_incidents_and_suggestions_come_newest_first_in_pages),
          TEST_CASE(a_decision_that_is_taken_back_leaves_the_suggestion_open),
          TEST_CASE(a_suggestion_is_decided_once_and_only_while_it_is_open),
          TEST_CASE(a_snapshot_stays_what_it_was_while_checkpoints_go_on),
          TEST_CASE(damaged_rows_are_left_out_and_counted))
