/* mesh: cells made by hand for the analyzer's tests: a shard, an analyzer, and what it told. */
#ifndef SEISMESH_TESTS_ANALYZER_MESH_H
#define SEISMESH_TESTS_ANALYZER_MESH_H

#include "analyzer/analyzer.h"
#include "base/buffer.h"
#include "tests/test.h"

typedef struct {
    counters_t counters;
    shard_t shard;
    analyzer_t *analyzer;
    int64_t bucket;
    buffer_t told; /* everything the sink was told, as text, in order */
    uint32_t reports;
    char first[256], incident[65536], suggestion[65536]; /* newest first suspect's service, and documents */
    uint32_t suspect_instance;
    uint32_t traffic, anomalies;                 /* that were told: of traffic, and of all else */
    char traffic_told[4096], anomaly_told[4096]; /* the newest ones' explanations */
} testmesh_t;

static inline void mesh_anomaly(void *context, const anomaly_t *anomaly) {
    testmesh_t *mesh = context;
    bool traffic = strcmp(anomaly->signal, "traffic") == 0;
    ++*(traffic ? &mesh->traffic : &mesh->anomalies);
    char *told = traffic ? mesh->traffic_told : mesh->anomaly_told;
    (void)snprintf(told, sizeof mesh->traffic_told, "%s", anomaly->explanation);
}

static inline void mesh_report(void *context, uint64_t incident, int64_t time_ns, const suspect_t *suspects,
                               size_t count) {
    testmesh_t *mesh = context;
    mesh->reports++;
    buffer_format(&mesh->told, "report %llu %lld", (unsigned long long)incident, (long long)time_ns);
    for (size_t i = 0; i < count; i++)
        buffer_format(&mesh->told, " %u/%u %s %.17g", suspects[i].service, suspects[i].instance, suspects[i].signal,
                      suspects[i].score);
    buffer_text(&mesh->told, "\n");
    if (count == 0) return;
    (void)snprintf(mesh->first, sizeof mesh->first, "%s", names_cstr(&mesh->shard.names, suspects[0].service));
    mesh->suspect_instance = suspects[0].instance;
}

static inline void mesh_incident(void *context, uint64_t incident, int64_t opened_ns, int64_t updated_ns,
                                 int64_t closed_ns, const char *json) {
    testmesh_t *mesh = context;
    buffer_format(&mesh->told, "incident %llu %lld %lld %lld %s\n", (unsigned long long)incident, (long long)opened_ns,
                  (long long)updated_ns, (long long)closed_ns, json);
    (void)snprintf(mesh->incident, sizeof mesh->incident, "%s", json);
}

static inline void mesh_suggestion(void *context, uint64_t suggestion, uint64_t incident, int64_t created_ns,
                                   int64_t expires_ns, const char *json) {
    testmesh_t *mesh = context;
    buffer_format(&mesh->told, "suggestion %llu %llu %lld %lld %s\n", (unsigned long long)suggestion,
                  (unsigned long long)incident, (long long)created_ns, (long long)expires_ns, json);
    (void)snprintf(mesh->suggestion, sizeof mesh->suggestion, "%s", json);
}

static inline analyzer_sink_t mesh_sink(testmesh_t *mesh) {
    return (analyzer_sink_t){.context = mesh,
                             .anomaly = mesh_anomaly,
                             .report = mesh_report,
                             .incident = mesh_incident,
                             .suggestion = mesh_suggestion};
}

static inline testmesh_t *mesh_new(void) {
    testmesh_t *mesh = calloc(1, sizeof *mesh);
    shard_limits_t limits = {.names = 1000, .entities = 1000, .operations_per_service = 10, .idle_buckets = 1 << 20};
    shard_init(&mesh->shard, &limits, &mesh->counters);
    analyzer_config_t config;
    analyzer_config_defaults(&config);
    mesh->analyzer = analyzer_new(&config, mesh_sink(mesh));
    mesh->bucket = 166000000;
    return mesh;
}

static inline void mesh_free(testmesh_t *mesh) {
    analyzer_free(mesh->analyzer);
    shard_fini(&mesh->shard);
    buffer_fini(&mesh->told);
    free(mesh);
}

static inline uint32_t mesh_name(testmesh_t *mesh, const char *name) {
    return names_intern(&mesh->shard.names, slice_text(name));
}

static inline cell_t *mesh_cell(testmesh_t *mesh, entity_kind_t kind, const char *caller, const char *service,
                                const char *version, const char *instance) {
    entity_key_t key = {.kind = (uint8_t)kind,
                        .observer = OBSERVER_SPAN,
                        .service = mesh_name(mesh, service),
                        .caller = mesh_name(mesh, caller),
                        .version = mesh_name(mesh, version),
                        .instance = mesh_name(mesh, instance)};
    return shard_cell(&mesh->shard, shard_entity(&mesh->shard, &key), mesh->bucket);
}

/* `count` calls, of which `failed` fail; the callee takes `server_ms`, the caller waits `client_ms`; both spread by a
 * third in either direction. */
static inline void mesh_calls(testmesh_t *mesh, const char *caller, const char *service, const char *version,
                              const char *instance, uint64_t count, uint64_t failed, double server_ms,
                              double client_ms) {
    cell_t *cells[] = {mesh_cell(mesh, ENTITY_EDGE, caller, service, "", ""),
                       mesh_cell(mesh, ENTITY_SERVICE, "", service, "", ""),
                       mesh_cell(mesh, ENTITY_VERSION, "", service, version, ""),
                       mesh_cell(mesh, ENTITY_INSTANCE, "", service, version, instance)};
    for (uint64_t i = 0; i < count; i++) {
        double spread = 0.67 + 0.66 * (double)i / (double)count;
        for (size_t c = 0; c < sizeof cells / sizeof cells[0]; c++)
            cell_request(cells[c], i < failed ? FAILURE_SERVER : FAILURE_NONE, (uint64_t)(server_ms * spread * 1e6));
        sketch_add(&cells[0]->client, (uint64_t)(client_ms * spread * 1e6), 1);
    }
}

/* A saved state out of a file. */
static inline buffer_t mesh_state(const char *path) {
    enum { STATE_BYTES_MAX = 1 << 16 };
    buffer_t state = {0};
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    if (file == NULL) return state;
    uint8_t *bytes = buffer_reserve(&state, STATE_BYTES_MAX);
    state.len += fread(bytes, 1, STATE_BYTES_MAX, file);
    (void)fclose(file);
    return state;
}

/* Closes the bucket. */
static inline void mesh_tick(testmesh_t *mesh) {
    bucket_t *cells = shard_bucket(&mesh->shard, mesh->bucket);
    if (cells != NULL) shard_sort(cells);
    analyzer_bucket(mesh->analyzer, &mesh->shard, mesh->bucket, cells);
    if (cells != NULL) shard_drop(&mesh->shard, mesh->bucket);
    mesh->bucket++;
}

#endif
