/* Golden signals of the last complete minute. They are gauges: a minute's figures, replaced by the next minute's; so
 * are the quantiles, which the format has only in summaries (here without sum and count, which would have to
 * accumulate). */
#include "exporters/prometheus_text.h"

#include "base/clock.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#define MINUTE_NS (60 * NS_PER_S)

/* One family for each figure of a cell, for services and for edges. */
enum { RATE, ERRORS, FAILURES, LATENCY, RETRIES, FIGURES };

static const struct {
    const char *name, *help;
} figures[FIGURES] = {
    [RATE] = {"request_rate", "Requests per second in the last complete minute."},
    [ERRORS] = {"error_ratio", "Share of requests that failed by the callee's fault, 0 to 1."},
    [FAILURES] = {"failure_rate", "Failed requests per second, by class."},
    [LATENCY] = {"latency_seconds", "Latency of successful requests, by quantile."},
    [RETRIES] = {"retry_rate", "Retries per second."},
};

typedef struct {
    const char *prefix; /* "seismesh_service" */
    query_t *query;
    uint32_t most, count, left_out;
    buffer_t lines[FIGURES];
    buffer_t labels; /* scratch */
} golden_lines_t;

static void line(golden_lines_t *lines, int figure, const char *extra_key, const char *extra, double value) {
    char name[96];
    size_t len = lines->labels.len;
    (void)snprintf(name, sizeof name, "%s_%s", lines->prefix, figures[figure].name);
    if (extra_key != NULL) prometheus_label(&lines->labels, extra_key, extra);
    buffer_byte(&lines->labels, 0);
    prometheus_sample(&lines->lines[figure], name, (const char *)lines->labels.data, value);
    lines->labels.len = len;
}

static bool add_golden(void *context, int64_t start_ns, const entity_key_t *key, observer_t observer,
                       const cell_t *cell) {
    (void)start_ns;
    (void)observer;
    golden_lines_t *lines = context;
    if (cell->requests == 0) return true;
    if (lines->count == lines->most) {
        lines->left_out++;
        return true;
    }
    lines->count++;
    buffer_clear(&lines->labels);
    if (key->kind == ENTITY_EDGE) prometheus_label(&lines->labels, "caller", query_name(lines->query, key->caller));
    prometheus_label(&lines->labels, key->kind == ENTITY_EDGE ? "callee" : "service",
                     query_name(lines->query, key->service));
    line(lines, RATE, NULL, NULL, (double)cell->requests / 60);
    line(lines, ERRORS, NULL, NULL, (double)cell_errors(cell) / (double)cell->requests);
    for (int i = 0; i < FAILURE_CLASSES; i++)
        if (cell->failures[i] > 0) line(lines, FAILURES, "class", failure_names[i], (double)cell->failures[i] / 60);
    line(lines, RETRIES, NULL, NULL, (double)cell->retries / 60);
    if (cell->ok.count == 0) return true;
    static const char *const quantiles[] = {"0.5", "0.9", "0.99"};
    static const double shares[] = {0.5, 0.9, 0.99};
    for (int i = 0; i < 3; i++) line(lines, LATENCY, "quantile", quantiles[i], sketch_quantile(&cell->ok, shares[i]));
    return true;
}

static err_t write_golden(query_t *query, int64_t start_ns, const char *prefix, entity_kind_t kind, uint32_t groups,
                          uint32_t most, uint32_t *left_out, buffer_t *out) {
    golden_lines_t lines = {.prefix = prefix, .query = query, .most = most};
    query_filter_t filter = query_filter_any(1u << kind);
    err_t err = ERR_OK;
    if (start_ns != INT64_MIN)
        err = query_golden(query, start_ns, start_ns + MINUTE_NS, UINT32_MAX, &filter, groups, add_golden, &lines);
    for (int i = 0; i < FIGURES; i++) {
        char name[96];
        (void)snprintf(name, sizeof name, "%s_%s", prefix, figures[i].name);
        if (err == ERR_OK && lines.lines[i].len > 0) {
            prometheus_family(out, name, i == LATENCY ? "summary" : "gauge", figures[i].help);
            buffer_append(out, lines.lines[i].data, lines.lines[i].len);
        }
        buffer_fini(&lines.lines[i]);
    }
    buffer_fini(&lines.labels);
    *left_out = lines.left_out;
    return err;
}

/* --- anomalies and incidents --- */

enum { INCIDENTS_LOOKED_AT = 1000 };

typedef struct {
    uint32_t open, answered;
} incidents_t;

static bool count_incident(void *context, const query_incident_t *incident) {
    incidents_t *incidents = context;
    json_t *document = json_loads(incident->json, 0, NULL);
    incidents->open++;
    if (json_is_string(json_object_get(document, "answered"))) incidents->answered++;
    json_decref(document);
    return true;
}

typedef struct {
    query_t *query;
    buffer_t *out;
    uint32_t count;
    uint32_t entities[PROMETHEUS_ANOMALIES_MAX]; /* each series once: the newest comes first */
    char signals[PROMETHEUS_ANOMALIES_MAX][48];
} scores_t;

static bool add_score(void *context, const query_anomaly_t *anomaly) {
    scores_t *scores = context;
    char signal[48];
    (void)snprintf(signal, sizeof signal, "%s", anomaly->signal);
    for (uint32_t i = 0; i < scores->count; i++)
        if (scores->entities[i] == anomaly->entity && strcmp(scores->signals[i], signal) == 0) return true;
    if (anomaly->key == NULL || scores->count == PROMETHEUS_ANOMALIES_MAX) return true;
    scores->entities[scores->count] = anomaly->entity;
    memcpy(scores->signals[scores->count++], signal, sizeof signal);

    const entity_key_t *key = anomaly->key;
    buffer_t labels = {0};
    prometheus_label(&labels, "kind", entity_kind_names[key->kind]);
    prometheus_label(&labels, "observer", observer_names[key->observer]);
    prometheus_label(&labels, "service", query_name(scores->query, key->service));
    prometheus_label(&labels, "caller", query_name(scores->query, key->caller));
    prometheus_label(&labels, "version", query_name(scores->query, key->version));
    prometheus_label(&labels, "zone", query_name(scores->query, key->zone));
    prometheus_label(&labels, "instance", query_name(scores->query, key->instance));
    prometheus_label(&labels, "operation", query_name(scores->query, key->operation));
    prometheus_label(&labels, "protocol", protocol_names[key->protocol]);
    prometheus_label(&labels, "signal", signal);
    buffer_byte(&labels, 0);
    prometheus_sample(scores->out, "seismesh_anomaly_score", (const char *)labels.data, anomaly->score);
    buffer_fini(&labels);
    return true;
}

static err_t write_anomalies(query_t *query, int64_t start_ns, buffer_t *out) {
    scores_t scores = {.query = query, .out = out};
    query_anomalies_t ask = {
        .start_ns = start_ns, .end_ns = start_ns + MINUTE_NS, .service = QUERY_ANY, .limit = PROMETHEUS_ANOMALIES_MAX};
    prometheus_family(out, "seismesh_anomaly_score", "gauge",
                      "Score (0 to 1) of each series that was anomalous in the "
                      "last complete minute.");
    return query_anomalies(query, &ask, add_score, &scores);
}

err_t prometheus_mesh(query_t *query, buffer_t *out) {
    query_status_t status;
    err_t err = query_status(query, &status);
    if (err != ERR_OK) return err;
    int64_t minute = INT64_MIN;
    if (status.closed_before_ns != INT64_MIN) {
        minute = (status.closed_before_ns / MINUTE_NS - 1) * MINUTE_NS;
        prometheus_family(out, "seismesh_minute_timestamp_seconds", "gauge",
                          "Start of the minute that the golden signals here are of, since 1970.");
        prometheus_sample(out, "seismesh_minute_timestamp_seconds", "", (double)(minute / NS_PER_S));
    }
    uint32_t services_out = 0, edges_out = 0;
    incidents_t incidents = {0};
    err = write_golden(query, minute, "seismesh_service", ENTITY_SERVICE, GROUP_SERVICE, PROMETHEUS_SERVICES_MAX,
                       &services_out, out);
    if (err == ERR_OK)
        err = write_golden(query, minute, "seismesh_edge", ENTITY_EDGE, GROUP_SERVICE | GROUP_CALLER,
                           PROMETHEUS_EDGES_MAX, &edges_out, out);
    if (err == ERR_OK && minute != INT64_MIN) err = write_anomalies(query, minute, out);
    query_incidents_t ask = {.start_ns = 0, .end_ns = INT64_MAX, .state = INCIDENTS_OPEN, .limit = INCIDENTS_LOOKED_AT};
    if (err == ERR_OK) err = query_incidents(query, &ask, count_incident, &incidents);
    if (err != ERR_OK) return err;
    prometheus_family(out, "seismesh_incidents_open", "gauge", "Open incidents.");
    prometheus_sample(out, "seismesh_incidents_open", "", incidents.open);
    prometheus_family(
        out, "seismesh_incidents_answered", "gauge",
        "Open incidents that people said are expected, false alarms, or to be muted; alert on the others.");
    prometheus_sample(out, "seismesh_incidents_answered", "", incidents.answered);
    prometheus_family(out, "seismesh_exposition_left_out", "gauge",
                      "Services and edges beyond what one exposition holds.");
    prometheus_sample(out, "seismesh_exposition_left_out", "what=\"services\"", services_out);
    prometheus_sample(out, "seismesh_exposition_left_out", "what=\"edges\"", edges_out);
    return ERR_OK;
}
