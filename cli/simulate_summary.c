#include "cli/simulate_summary.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *text_or_null(const char *text) {
    return text == NULL ? json_null() : json_string(text);
}

static json_t *seconds(int64_t ns) {
    return json_real((double)ns * 1e-9);
}

static json_t *number(uint64_t value) {
    return json_integer((json_int_t)value);
}

/* A service as telemetry names it: with its namespace. */
static json_t *full_name(const scenario_t *scenario, const char *name) {
    uint32_t service = scenario_service(scenario, name);
    const char *space = service == NONE ? NULL : service_at(scenario, service)->namespace_name;
    return space == NULL ? text_or_null(name) : json_sprintf("%s/%s", space, name);
}

static json_t *truth_of(const scenario_t *scenario) {
    const truth_t *truth = &scenario->truth;
    json_t *also = json_array();
    if (truth->head.line == 0) {
        json_decref(also);
        return json_null();
    }
    for (uint32_t i = 0; i < truth->also.count; i++)
        (void)json_array_append_new(also, full_name(scenario, ((const char **)truth->also.items)[i]));
    return json_pack("{sb,so,so,so,so,so,so,so,so,sb,sb,s{so,so,so}}", "must_alarm", truth->alarm == ALARM_MUST, "kind",
                     text_or_null(truth->kind), "service", full_name(scenario, truth->culprit.service), "version",
                     text_or_null(truth->culprit.version), "instance", text_or_null(truth->culprit.instance), "zone",
                     text_or_null(truth->culprit.zone), "also", also, "from_s", seconds(truth->from_ns), "until_s",
                     seconds(truth->until_ns > 0 ? truth->until_ns : scenario->duration_ns), "routing_heals",
                     truth->routing_heals, "has_cure", truth->cure.count > 0, "objective", "service",
                     text_or_null(truth->objective.service), "errors", json_real(truth->objective.errors), "p99_s",
                     seconds(truth->objective.p99_ns));
}

static json_t *totals_of(const world_t *world) {
    world_totals_t t = world_totals(world);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {{"requests", t.requests},
                {"requests_ended", t.requests_ended},
                {"requests_failed", t.requests_failed},
                {"calls", t.calls},
                {"calls_ended", t.calls_ended},
                {"calls_failed", t.calls_failed},
                {"calls_expired", t.calls_expired},
                {"turned_away", t.turned_away},
                {"sent", t.sent},
                {"lost", t.lost},
                {"arrived", t.arrived},
                {"served", t.served},
                {"refused", t.refused},
                {"swallowed", t.swallowed},
                {"retries", t.retries},
                {"overflowed", t.overflowed},
                {"live_calls", world_live_calls(world)},
                {"events", t.events}};
    json_t *totals = json_object();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        (void)json_object_set_new(totals, rows[i].name, number(rows[i].value));
    return totals;
}

static json_t *windows_of(const scenario_t *scenario, const world_t *world) {
    json_t *windows = json_array();
    uint32_t service = scenario_service(scenario, scenario->truth.objective.service);
    int64_t length_ns = world_window_ns(world);
    for (int64_t at_ns = 0; at_ns + length_ns <= world_now(world); at_ns += length_ns) {
        outcome_t o = world_outcome(world, service, at_ns, at_ns + length_ns);
        (void)json_array_append_new(windows, json_pack("{so,so,so,sf,sf}", "at_s", seconds(at_ns), "requests",
                                                       number(o.requests), "errors", number(o.errors), "p50_s", o.p50_s,
                                                       "p99_s", o.p99_s));
    }
    return windows;
}

static json_t *served_of(const scenario_t *scenario, const world_t *world, int64_t from_ns) {
    json_t *services = json_object();
    for (uint32_t i = 0; i < scenario->services.count; i++) {
        outcome_t o = world_served(world, i, from_ns, world_now(world));
        (void)json_object_set_new(services, service_at(scenario, i)->name,
                                  json_pack("{so,so,sf,sf}", "requests", number(o.requests), "errors", number(o.errors),
                                            "p50_s", o.p50_s, "p99_s", o.p99_s));
    }
    return services;
}

bool summary_write(const char *path, const scenario_t *scenario, const world_t *world, int64_t change_ns) {
    int64_t from_ns = change_ns < 0 ? 0 : change_ns + INT64_C(60000000000);
    json_t *summary = json_pack("{ss,so,so,so,so,so,so,so}", "name", scenario->name, "seed", number(scenario->seed),
                                "start_s", seconds(scenario->start_ns), "duration_s", seconds(world_now(world)),
                                "truth", truth_of(scenario), "totals", totals_of(world), "windows",
                                windows_of(scenario, world), "served", served_of(scenario, world, from_ns));
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    bool fine =
        file != NULL && summary != NULL && json_dumpf(summary, file, JSON_INDENT(1)) == 0 && fputc('\n', file) != EOF;
    if (file != NULL && file != stdout && fclose(file) != 0) fine = false;
    if (!fine) (void)fprintf(stderr, "seismesh simulate: cannot write %s: %s\n", path, strerror(errno));
    json_decref(summary);
    return fine;
}
