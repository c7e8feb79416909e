/* backtest: recordings through the same pipeline as the daemon's, in event time, as fast as it goes. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/pipeline.h"
#include "cli/progress.h"
#include "cli/recording.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *out, *summary, *suggestions, *incidents;
    const char **files;
    size_t file_count;
} arguments_t;

typedef struct {
    pipeline_t pipeline;
    counters_t counters;
    json_t *detections;
    json_t *suggestions, *stories; /* NULL = not wanted; stories: incidents' documents by id, as last told */
    uint64_t incidents, anomalies, requests[OTLP_KINDS];
    uint64_t last_incident;
} backtest_t;

static json_t *rfc3339(int64_t time_ns) {
    char text[40];
    time_t seconds = (time_t)(time_ns / NS_PER_S);
    struct tm utc;
    (void)gmtime_r(&seconds, &utc);
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + len, sizeof text - len, ".%03dZ", (int)(time_ns % NS_PER_S / NS_PER_MS));
    return json_string(text);
}

static void on_report(void *context, uint64_t incident, int64_t time_ns, const suspect_t *suspects, size_t count) {
    backtest_t *test = context;
    const names_t *names = &fold_shard(test->pipeline.fold)->names;
    if (incident > test->last_incident) {
        test->incidents++;
        test->last_incident = incident;
    }
    for (size_t i = 0; i < count; i++) {
        json_t *entry = json_object();
        (void)json_object_set_new(entry, "time", rfc3339(time_ns));
        (void)json_object_set_new(entry, "service", json_string(names_cstr(names, suspects[i].service)));
        if (suspects[i].instance != NAME_NONE)
            (void)json_object_set_new(entry, "instance", json_string(names_cstr(names, suspects[i].instance)));
        (void)json_object_set_new(entry, "signal", json_string(suspects[i].signal));
        (void)json_object_set_new(entry, "score", json_real(suspects[i].score));
        (void)json_object_set_new(entry, "rank", json_integer((json_int_t)i + 1));
        (void)json_object_set_new(entry, "incident", json_integer((json_int_t)incident));
        (void)json_array_append_new(test->detections, entry);
    }
}

static void on_anomaly(void *context, const anomaly_t *anomaly) {
    (void)anomaly;
    ((backtest_t *)context)->anomalies++;
}

/* Each state of each suggestion, as the daemon's store gets it, with the event time at which it was said. */
static void on_suggestion(void *context, uint64_t suggestion, uint64_t incident, int64_t created_ns, int64_t expires_ns,
                          const char *json) {
    backtest_t *test = context;
    (void)suggestion;
    (void)expires_ns;
    json_t *document = json_loads(json, 0, NULL);
    if (document == NULL) return;
    (void)json_object_set_new(document, "time", rfc3339(created_ns));
    (void)json_object_set_new(document, "incident", json_integer((json_int_t)incident));
    (void)json_array_append_new(test->suggestions, document);
}

static void on_incident(void *context, uint64_t incident, int64_t opened_ns, int64_t updated_ns, int64_t closed_ns,
                        const char *json) {
    backtest_t *test = context;
    (void)opened_ns;
    (void)updated_ns;
    (void)closed_ns;
    char id[24];
    (void)snprintf(id, sizeof id, "%llu", (unsigned long long)incident);
    (void)json_object_set_new(test->stories, id, json_loads(json, 0, NULL));
}

static json_t *list_of(const json_t *object) {
    const char *key;
    json_t *value, *list = json_array();
    json_object_foreach((json_t *)(uintptr_t)object, key, value)(void) json_array_append(list, value);
    return list;
}

/* Takes the options; what is left are files. */
static bool parse(int argc, char **argv, arguments_t *arguments) {
    arguments->files = memory_new((size_t)argc, sizeof *arguments->files);
    for (int i = 1; i < argc; i++) {
        const char **value = strcmp(argv[i], "--out") == 0           ? &arguments->out
                             : strcmp(argv[i], "--summary") == 0     ? &arguments->summary
                             : strcmp(argv[i], "--suggestions") == 0 ? &arguments->suggestions
                             : strcmp(argv[i], "--incidents") == 0   ? &arguments->incidents
                                                                     : NULL;
        if (value == NULL && strncmp(argv[i], "--", 2) == 0) {
            (void)fprintf(stderr, "seismesh: backtest has no option '%s'; see 'seismesh help backtest'\n", argv[i]);
            return false;
        }
        if (value == NULL) {
            arguments->files[arguments->file_count++] = argv[i];
        } else if (++i < argc) {
            *value = argv[i];
        } else {
            (void)fprintf(stderr, "seismesh: %s needs a file name behind it\n", argv[i - 1]);
            return false;
        }
    }
    if (arguments->file_count > 0 && arguments->out != NULL) return true;
    (void)fputs("seismesh: backtest needs recordings and --out FILE; see 'seismesh help backtest'\n", stderr);
    return false;
}

static bool write_json(const char *path, const json_t *document) {
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    bool fine = file != NULL && json_dumpf(document, file, JSON_INDENT(1)) == 0 && fputc('\n', file) != EOF;
    if (file != NULL && file != stdout && fclose(file) != 0) fine = false;
    if (!fine) (void)fprintf(stderr, "seismesh: cannot write %s: %s\n", path, strerror(errno));
    return fine;
}

/* What was seen: spans, points, logs, services (those that sent something or were called), and edges over which calls
 * were counted (edges that only have statistics computed by others do not count). */
static json_t *summary_of(backtest_t *test) {
    shard_t *shard = fold_shard(test->pipeline.fold);
    json_t *services = json_array(), *edges = json_array();
    table_t seen = {0};
    for (uint32_t id = 1; id < shard->entity_count; id++) {
        const entity_key_t *key = &shard->entities[id];
        bool edge = key->kind == ENTITY_EDGE;
        if ((!edge && key->kind != ENTITY_SERVICE) || entity_is_mark(key)) continue;
        if (edge && key->observer == OBSERVER_NONE) continue;
        uint64_t hash = ((uint64_t)key->service << 32 | key->caller) * UINT64_C(0x9e3779b97f4a7c15);
        table_probe_t probe = table_probe(&seen, hash);
        if (table_next(&seen, &probe)) continue; /* told by another observer, version or zone already */
        table_insert(&seen, hash, id);
        if (edge)
            (void)json_array_append_new(edges, json_sprintf("%s>%s", names_cstr(&shard->names, key->caller),
                                                            names_cstr(&shard->names, key->service)));
        else
            (void)json_array_append_new(services, json_string(names_cstr(&shard->names, key->service)));
    }
    table_fini(&seen);
    return json_pack("{s:I,s:I,s:I,s:o,s:o,s:I,s:I}", "spans",
                     (json_int_t)counters_get(&test->counters, COUNTER_FOLDED_SPANS), "points",
                     (json_int_t)counters_get(&test->counters, COUNTER_FOLDED_POINTS), "logs",
                     (json_int_t)counters_get(&test->counters, COUNTER_FOLDED_LOGS), "services", services, "edges",
                     edges, "incidents", (json_int_t)test->incidents, "anomalies", (json_int_t)test->anomalies);
}

static bool fold_all(backtest_t *test, recording_t *recording) {
    char why[512];
    recorded_t item;
    progress_t progress;
    progress_start(&progress, "backtest");
    const int64_t arrival_ns = clock_wall_ns(&clock_system);
    err_t err;
    while ((err = recording_next(recording, &item, why, sizeof why)) == ERR_OK) {
        test->requests[item.kind]++;
        err = fold_record(test->pipeline.fold, item.kind, arrival_ns, item.payload);
        if (err != ERR_OK) {
            (void)snprintf(why, sizeof why, "a recorded request is %s", err_text(err));
            break;
        }
        progress_show(&progress, recording_bytes_read(recording), recording_bytes(recording));
    }
    progress_end(&progress);
    if (err != ERR_NOT_FOUND) {
        (void)fprintf(stderr, "seismesh: %s\n", why);
        return false;
    }
    fold_finish(test->pipeline.fold);
    return true;
}

static int run(const config_t *config, const arguments_t *arguments) {
    backtest_t *test = memory_new(1, sizeof *test);
    test->detections = json_array();
    analyzer_sink_t analysis = {.context = test, .anomaly = on_anomaly, .report = on_report};
    if (arguments->suggestions != NULL) {
        test->suggestions = json_array();
        analysis.suggestion = on_suggestion;
    }
    if (arguments->incidents != NULL) {
        test->stories = json_object();
        analysis.incident = on_incident;
    }
    char why[512];
    recording_t *recording = NULL;
    int status = 2;
    if (pipeline_init(&test->pipeline, config, &test->counters, analysis, (fold_sink_t){0}, why, sizeof why) !=
            ERR_OK ||
        recording_open(arguments->files, arguments->file_count, &recording, why, sizeof why) != ERR_OK) {
        (void)fprintf(stderr, "seismesh: %s\n", why);
    } else if (!fold_all(test, recording)) {
        status = 1;
    } else {
        json_t *summary = summary_of(test);
        bool fine = write_json(arguments->out, test->detections);
        if (arguments->summary != NULL) fine = write_json(arguments->summary, summary) && fine;
        if (arguments->suggestions != NULL) fine = write_json(arguments->suggestions, test->suggestions) && fine;
        if (arguments->incidents != NULL) {
            json_t *stories = list_of(test->stories);
            fine = write_json(arguments->incidents, stories) && fine;
            json_decref(stories);
        }
        (void)fprintf(stderr, "%lld spans, %lld points, %zu services, %zu edges, %llu incidents\n",
                      json_integer_value(json_object_get(summary, "spans")),
                      json_integer_value(json_object_get(summary, "points")),
                      json_array_size(json_object_get(summary, "services")),
                      json_array_size(json_object_get(summary, "edges")), (unsigned long long)test->incidents);
        json_decref(summary);
        status = fine ? 0 : 1;
    }
    if (recording != NULL) recording_close(recording);
    pipeline_fini(&test->pipeline);
    json_decref(test->detections);
    json_decref(test->suggestions);
    json_decref(test->stories);
    free(test);
    return status;
}

int command_backtest(int argc, char **argv) {
    config_t config;
    char why[512];
    if (config_load(&config, &argc, argv, why, sizeof why) != ERR_OK) {
        (void)fprintf(stderr, "seismesh: %s\n", why);
        return 2;
    }
    arguments_t arguments = {0};
    int status = parse(argc, argv, &arguments) ? run(&config, &arguments) : 2;
    free(arguments.files);
    config_free(&config);
    return status;
}
