/* ledger: see ledger.h. Walks through all calls of all rounds once; what was not acknowledged makes the count of its
 * edge uncertain by one (it may have been counted, or one end of it). */
#include "tests/bench/ledger.h"

#include <stdlib.h>

typedef struct {
    uint64_t *values;
    size_t count, capacity;
} durations_t;

typedef struct {
    uint64_t requests, errors, uncertain;
    durations_t ok, failed, client;
} line_t;

typedef struct {
    line_t edges[MESH_SERVICES + 1][MESH_SERVICES + 1]; /* caller, callee */
    line_t services[MESH_SERVICES];
    line_t operations[MESH_SERVICES][MESH_OPERATIONS];
} lines_t;

static void durations_add(durations_t *durations, uint64_t value) {
    if (durations->count == durations->capacity) {
        durations->capacity = durations->capacity == 0 ? 1024 : durations->capacity * 2;
        durations->values = realloc(durations->values, durations->capacity * sizeof(uint64_t));
        if (durations->values == NULL) abort();
    }
    durations->values[durations->count++] = value;
}

static int by_value(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static int by_latency(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

void run_sort(run_t *run) {
    if (run->answered > 0) qsort(run->latency_us, run->answered, sizeof run->latency_us[0], by_latency);
}

double run_latency_ms(const run_t *run, double share) {
    if (run->answered == 0) return 0;
    return run->latency_us[(uint64_t)(share * (double)(run->answered - 1))] / 1e3;
}

static bool acknowledged(const run_t *run, uint64_t round, uint16_t request) {
    if (request == UINT16_MAX) return true;
    uint64_t n = round * ROUND_REQUESTS + request;
    return n < run->requests && run->fates[n] == FATE_ACKNOWLEDGED;
}

static void line_count(line_t *line, bool certain, bool error, uint64_t duration_ns, bool keep) {
    if (!certain) {
        line->uncertain++;
        return;
    }
    line->requests++;
    line->errors += error;
    if (keep) durations_add(error ? &line->failed : &line->ok, duration_ns);
}

static void count_call(const mesh20_t *mesh, const run_t *run, lines_t *lines, uint64_t round, uint32_t c) {
    const call_t *call = &mesh20_calls(mesh)[c];
    bool client = acknowledged(run, round, call->client_request);
    bool server = acknowledged(run, round, call->server_request);
    uint64_t duration = mesh20_duration(mesh, round, c), longer = duration + call->before_ns + call->after_ns;
    if (call->caller != MESH_NOBODY) {
        line_t *edge = &lines->edges[call->caller][call->callee];
        bool paired = call->callee != MESH_DATABASE;
        line_count(edge, client && server, call->error, paired ? duration : longer, true);
        if (client && server && paired) durations_add(&edge->client, longer);
    }
    if (call->callee == MESH_DATABASE) return;
    line_count(&lines->services[call->callee], server, call->error, duration, true);
    line_count(&lines->operations[call->callee][call->operation], server, call->error, duration, false);
}

/* Both neighbours of the place where a quantile falls, since the two usual definitions differ by one. */
static void write_durations(FILE *out, const char *name, durations_t *d) {
    if (d->count == 0) return;
    qsort(d->values, d->count, sizeof d->values[0], by_value);
    (void)fprintf(out, ",\"%s\":{\"count\":%zu,\"max_ns\":%llu", name, d->count,
                  (unsigned long long)d->values[d->count - 1]);
    static const double shares[] = {0.5, 0.9, 0.99};
    for (int i = 0; i < 3; i++) {
        size_t below = (size_t)(shares[i] * (double)(d->count - 1)), above = (size_t)(shares[i] * (double)d->count) + 1;
        if (below > 0) below--;
        if (above >= d->count) above = d->count - 1;
        (void)fprintf(out, ",\"p%.0f_ns\":[%llu,%llu]", shares[i] * 100, (unsigned long long)d->values[below],
                      (unsigned long long)d->values[above]);
    }
    (void)fputc('}', out);
    free(d->values);
}

static void write_line(FILE *out, const char **comma, const char *key, line_t *line) {
    if (line->requests == 0 && line->uncertain == 0) return;
    (void)fprintf(out, "%s\n  \"%s\":{\"requests\":%llu,\"errors\":%llu,\"uncertain\":%llu", *comma, key,
                  (unsigned long long)line->requests, (unsigned long long)line->errors,
                  (unsigned long long)line->uncertain);
    write_durations(out, "ok", &line->ok);
    write_durations(out, "failed", &line->failed);
    write_durations(out, "client", &line->client);
    (void)fputc('}', out);
    *comma = ",";
}

static void write_edges(FILE *out, lines_t *lines) {
    const char *comma = "";
    (void)fprintf(out, " \"edges\":{");
    for (uint8_t caller = 0; caller < MESH_SERVICES; caller++)
        for (uint8_t callee = 0; callee <= MESH_DATABASE; callee++) {
            char from[64], to[64], key[160];
            mesh20_service_id(caller, from);
            mesh20_service_id(callee, to);
            (void)snprintf(key, sizeof key, "%s>%s", from, to);
            write_line(out, &comma, key, &lines->edges[caller][callee]);
        }
    (void)fprintf(out, "},\n");
}

static void write_services(FILE *out, lines_t *lines) {
    const char *comma = "";
    char key[160];
    (void)fprintf(out, " \"services\":{");
    for (uint8_t service = 0; service < MESH_SERVICES; service++) {
        mesh20_service_id(service, key);
        write_line(out, &comma, key, &lines->services[service]);
    }
    (void)fprintf(out, "},\n \"operations\":{");
    for (uint8_t service = 0; service < MESH_SERVICES; service++) {
        mesh20_service_id(service, key);
        (void)fprintf(out, "%s\n \"%s\":{", service == 0 ? "" : ",", key);
        comma = "";
        for (uint8_t operation = 0; operation < MESH_OPERATIONS; operation++) {
            mesh20_operation(operation, key);
            write_line(out, &comma, key, &lines->operations[service][operation]);
        }
        (void)fprintf(out, "}");
    }
    (void)fprintf(out, "},\n");
}

/* Every trace whose spans were all acknowledged counts; every so-manieth is named, at most 200 in all. */
static void write_traces(const mesh20_t *mesh, const run_t *run, uint64_t rounds, FILE *out) {
    uint64_t whole = 0, step = rounds * ROUND_TRACES / 200 + 1;
    const char *comma = "";
    (void)fprintf(out, " \"traces\":{\"sample\":[");
    for (uint64_t n = 0; n < rounds * ROUND_TRACES; n++) {
        uint64_t round = n / ROUND_TRACES;
        uint32_t trace = (uint32_t)(n % ROUND_TRACES);
        bool all = true;
        for (uint32_t c = trace * TRACE_CALLS; c < (trace + 1) * TRACE_CALLS; c++)
            all = all && acknowledged(run, round, mesh20_calls(mesh)[c].client_request) &&
                  acknowledged(run, round, mesh20_calls(mesh)[c].server_request);
        whole += all;
        if (!all || n % step != 0) continue;
        uint8_t id[16];
        mesh20_trace_id(mesh, round, trace, id);
        (void)fprintf(out, "%s\"", comma);
        for (int i = 0; i < 16; i++) (void)fprintf(out, "%02x", id[i]);
        (void)fprintf(out, "\"");
        comma = ",";
    }
    (void)fprintf(out, "],\"whole\":%llu,\"spans_each\":%d}\n", (unsigned long long)whole, TRACE_SPANS);
}

static void write_totals(const run_t *run, FILE *out) {
    uint64_t acknowledged_requests = 0, refused = 0;
    for (uint64_t n = 0; n < run->requests; n++) {
        acknowledged_requests += run->fates[n] == FATE_ACKNOWLEDGED;
        refused += run->fates[n] == FATE_REFUSED;
    }
    uint64_t spans = acknowledged_requests * REQUEST_SPANS;
    (void)fprintf(out,
                  " \"protocol\":\"%s\",\"seed\":%llu,\"requests\":%llu,\"acknowledged_requests\":%llu,"
                  "\"refused_requests\":%llu,\"unanswered_requests\":%llu,\"acknowledged_spans\":%llu,"
                  "\"retried\":%llu,\"lost\":%llu,\n",
                  run->protocol, (unsigned long long)run->seed, (unsigned long long)run->requests,
                  (unsigned long long)acknowledged_requests, (unsigned long long)refused,
                  (unsigned long long)(run->requests - acknowledged_requests - refused), (unsigned long long)spans,
                  (unsigned long long)run->retried, (unsigned long long)run->lost);
    (void)fprintf(out,
                  " \"first_ns\":%lld,\"last_ns\":%lld,\"seconds\":%.3f,\"spans_per_s\":%.0f,\"cpu_s\":%.3f,"
                  "\"ack_ms\":{\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f},\n",
                  (long long)run->first_ns, (long long)run->last_ns, run->seconds, (double)spans / run->seconds,
                  run->cpu_seconds, run_latency_ms(run, 0.5), run_latency_ms(run, 0.99), run_latency_ms(run, 1));
}

void ledger_write(const mesh20_t *mesh, run_t *run, FILE *out) {
    lines_t *lines = calloc(1, sizeof *lines);
    if (lines == NULL) abort();
    uint64_t rounds = (run->requests + ROUND_REQUESTS - 1) / ROUND_REQUESTS;
    for (uint64_t round = 0; round < rounds; round++)
        for (uint32_t c = 0; c < ROUND_CALLS; c++) count_call(mesh, run, lines, round, c);
    (void)fprintf(out, "{\n");
    write_totals(run, out);
    if (!mesh20_is_wide(mesh)) { /* whose lines are too many to be kept here: its totals only */
        write_edges(out, lines);
        write_services(out, lines);
    }
    write_traces(mesh, run, rounds, out);
    (void)fprintf(out, "}\n");
    free(lines);
}
