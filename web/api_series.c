/* /api/v1/series: golden signals of one subject over time, with its gauges, band, incidents and traces worth opening.
 */
#include "base/memory.h"
#include "web/edges.h"
#include "web/routes.h"
#include "web/values.h"

#include <math.h>
#include <stdlib.h>

enum { POINTS_MAX = 20000, EXEMPLARS_MAX = 60, GAUGES_MAX = 64, INCIDENTS_MAX = 100 };

typedef struct {
    const char *service, *caller, *version, *zone, *instance, *operation; /* as asked; NULL = not */
    query_filter_t filter;
    uint32_t groups;
    char *edge; /* owned text that caller and service point into */
} subject_t;

typedef struct {
    const query_t *query;
    double step_s;
    int64_t event_ns;
    json_t *points, *gauges, *slow, *bad;
    bool cut;
} series_t;

/* --- whose series --- */

static bool refuse(web_request_t *request, const char *parameter, const char *message) {
    answer_error(request, 400, "invalid_parameter", parameter, "%s", message);
    return false;
}

/* A name that the store does not know cannot have a series. */
static bool find_name(web_request_t *request, const char *text, const char *what, uint32_t *id) {
    *id = query_find_name(request->query, text);
    if (*id != UINT32_MAX) return true;
    answer_not_found(request, what);
    return false;
}

static bool read_edge(web_request_t *request, const char *edge, subject_t *subject) {
    subject->edge = memory_text(edge);
    if (!edge_id_split(subject->edge, &subject->caller, &subject->service))
        return refuse(request, "edge", "'edge' must be caller>callee, as the graph gives it.");
    subject->filter = query_filter_any(1u << ENTITY_EDGE);
    subject->groups = GROUP_SERVICE | GROUP_CALLER;
    return find_name(request, subject->caller, "edge", &subject->filter.caller) &&
           find_name(request, subject->service, "edge", &subject->filter.service);
}

/* At most one part of a service. */
static bool read_part(web_request_t *request, subject_t *subject) {
    const struct {
        const char *name;
        const char **text;
        uint32_t *field;
        entity_kind_t kind;
        uint32_t group;
    } parts[] = {
        {"version", &subject->version, &subject->filter.version, ENTITY_VERSION, GROUP_VERSION},
        {"zone", &subject->zone, &subject->filter.zone, ENTITY_ZONE, GROUP_ZONE},
        {"instance", &subject->instance, &subject->filter.instance, ENTITY_INSTANCE, GROUP_INSTANCE},
        {"operation", &subject->operation, &subject->filter.operation, ENTITY_OPERATION, GROUP_OPERATION},
    };
    bool given = false;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        *parts[i].text = request_text(request, parts[i].name);
        if (*parts[i].text == NULL) continue;
        if (given)
            return refuse(request, parts[i].name, "Only one of version, zone, instance and operation can be asked.");
        if (subject->caller != NULL)
            return refuse(request, parts[i].name, "Parts can be asked of a service, not of an edge.");
        given = true;
        subject->filter.kinds = 1u << parts[i].kind;
        subject->groups = GROUP_SERVICE | parts[i].group;
        if (!find_name(request, *parts[i].text, parts[i].name, parts[i].field)) return false;
    }
    return true;
}

static bool read_subject(web_request_t *request, subject_t *subject) {
    const char *service = request_text(request, "service"), *edge = request_text(request, "edge");
    if ((service == NULL) == (edge == NULL)) return refuse(request, "service", "Ask for one of 'service' and 'edge'.");
    if (edge != NULL) {
        if (!read_edge(request, edge, subject)) return false;
    } else {
        subject->service = service;
        subject->filter = query_filter_any(1u << ENTITY_SERVICE);
        subject->groups = GROUP_SERVICE;
        if (!find_name(request, service, "service", &subject->filter.service)) return false;
    }
    return read_part(request, subject);
}

static void set_part(json_t *object, const char *name, const char *text) {
    if (text != NULL) json_object_set_new(object, name, value_text(slice_text(text)));
}

static json_t *subject_document(const subject_t *subject) {
    json_t *object = json_object();
    set_part(object, "service", subject->service);
    set_part(object, "caller", subject->caller);
    set_part(object, "version", subject->version);
    set_part(object, "zone", subject->zone);
    set_part(object, "instance", subject->instance);
    set_part(object, "operation", subject->operation);
    return object;
}

/* --- its points --- */

static json_t *quantile(const cell_t *cell, double q) {
    return value_number(sketch_quantile(&cell->ok, q));
}

static void add_point(series_t *series, int64_t start_ns, const cell_t *cell) {
    /* The newest bucket has lasted only until the newest event. */
    double lasted = (double)(series->event_ns - start_ns) / 1e9;
    double seconds = lasted < series->step_s ? (lasted < 1 ? 1 : lasted) : series->step_s;
    uint64_t errors = cell_errors(cell);
    double mean = cell->ok.count == 0 ? NAN : (double)cell->ok.sum_ns / (double)cell->ok.count / 1e9;
    json_array_append_new(
        series->points,
        json_pack("{so,sI,so,sI,so,so,so,so,so,sI}", "time_ms", value_ms(start_ns), "requests",
                  (json_int_t)cell->requests, "request_rate", value_number((double)cell->requests / seconds), "errors",
                  (json_int_t)errors, "error_ratio",
                  value_number(cell->requests == 0 ? NAN : (double)errors / (double)cell->requests), "p50_s",
                  quantile(cell, 0.5), "p90_s", quantile(cell, 0.9), "p99_s", quantile(cell, 0.99), "mean_s",
                  value_number(mean), "retries", (json_int_t)cell->retries));
}

static void add_gauge(series_t *series, int64_t start_ns, const gauge_t *gauge) {
    const char *signal = query_name(series->query, gauge->signal);
    json_t *list = json_object_get(series->gauges, signal);
    if (list == NULL) {
        if (json_object_size(series->gauges) >= GAUGES_MAX) return;
        list = json_array();
        if (json_object_set_new(series->gauges, signal, list) != 0) return;
    }
    double mean = gauge->count == 0 ? NAN : fixed_value(gauge->sum) / gauge->count;
    json_array_append_new(list, json_pack("{so,so,so,so,so}", "time_ms", value_ms(start_ns), "mean", value_number(mean),
                                          "min", value_number(gauge->min), "max", value_number(gauge->max), "last",
                                          value_number(gauge->last)));
}

static void add_exemplar(json_t *list, const exemplar_t *exemplar, bool error) {
    if (json_array_size(list) >= EXEMPLARS_MAX / 2) (void)json_array_remove(list, 0); /* the newest are kept */
    json_array_append_new(list, json_pack("{so,so,so,sb}", "time_ms", value_ms(exemplar->end_ns), "trace_id",
                                          value_hex(exemplar->trace_id, sizeof exemplar->trace_id), "duration_s",
                                          value_number((double)exemplar->duration_ns / 1e9), "error", error));
}

static bool add_cell(void *context, int64_t start_ns, const entity_key_t *key, observer_t observer,
                     const cell_t *cell) {
    (void)key;
    (void)observer;
    series_t *series = context;
    if (json_array_size(series->points) >= POINTS_MAX) {
        series->cut = true;
        return false;
    }
    if (cell->requests > 0) add_point(series, start_ns, cell);
    for (uint32_t i = 0; i < cell->gauge_count; i++) add_gauge(series, start_ns, &cell->gauges[i]);
    for (uint8_t i = 0; i < cell->bad_count; i++) add_exemplar(series->bad, &cell->bad[i], true);
    for (uint8_t i = 0; i < cell->slow_count; i++) add_exemplar(series->slow, &cell->slow[i], false);
    return true;
}

/* --- what is expected of it --- */

typedef struct {
    const web_status_source_t *source;
    const char *signal;
    json_t *band;
} band_search_t;

/* The subject has an entity per observer; the analyzer has learned the one that counts. */
static bool try_band(void *context, uint32_t entity, const entity_key_t *key) {
    (void)key;
    band_search_t *search = context;
    double low, expected, high;
    if (!search->source->band(search->source->context, entity, search->signal, &low, &expected, &high)) return true;
    search->band = json_pack("{so,so,so}", "low", value_number(low), "expected", value_number(expected), "high",
                             value_number(high));
    return false;
}

static json_t *band_of(web_request_t *request, const subject_t *subject, const char *signal) {
    band_search_t search = {&request->context->status, signal, NULL};
    if (search.source->band != NULL) (void)query_entities(request->query, &subject->filter, try_band, &search);
    return search.band == NULL ? json_null() : search.band;
}

/* --- incidents of its service --- */

typedef struct {
    const char *service;
    json_t *list;
} touched_t;

static bool names_service(const json_t *document, const char *service) {
    const char *culprit = json_string_value(json_object_get(json_object_get(document, "culprit"), "service"));
    if (culprit != NULL && strcmp(culprit, service) == 0) return true;
    const json_t *affected = json_object_get(document, "affected");
    for (size_t i = 0; i < json_array_size(affected); i++) {
        const char *name = json_string_value(json_array_get(affected, i));
        if (name != NULL && strcmp(name, service) == 0) return true;
    }
    return false;
}

static bool add_incident(void *context, const query_incident_t *incident) {
    touched_t *touched = context;
    json_t *document = json_loads(incident->json, 0, NULL);
    if (names_service(document, touched->service))
        json_array_append_new(touched->list,
                              json_pack("{so,so,so}", "id", value_id(incident->id), "opened_ms",
                                        value_ms(incident->opened_ns), "closed_ms",
                                        incident->closed_ns == 0 ? json_null() : value_ms(incident->closed_ns)));
    json_decref(document);
    return true;
}

/* --- the answer --- */

static bool choose_step(web_request_t *request, uint32_t *step_s) {
    const char *step = request_text(request, "step");
    *step_s = step == NULL || strcmp(step, "auto") == 0 ? query_step(request->query, request->start_ns, request->end_ns)
                                                        : (uint32_t)strtoul(step, NULL, 10);
    if ((request->end_ns - request->start_ns) / NS_PER_S / *step_s <= POINTS_MAX) return true;
    return refuse(request, "step", "The range has more than 20000 points of that step: take a coarser one, or auto.");
}

static err_t load(web_request_t *request, const subject_t *subject, uint32_t step_s, series_t *series,
                  touched_t *touched) {
    query_status_t status;
    err_t err = query_status(request->query, &status);
    if (err != ERR_OK) return err;
    series->event_ns = status.event_ns;
    query_filter_t filter = subject->filter;
    filter.no_client = true;
    err = query_golden(request->query, request->start_ns, request->end_ns, step_s, &filter, subject->groups, add_cell,
                       series);
    if (err != ERR_OK) return err;
    query_incidents_t ask = {
        .start_ns = request->start_ns, .end_ns = request->end_ns, .state = INCIDENTS_ALL, .limit = INCIDENTS_MAX};
    return query_incidents(request->query, &ask, add_incident, touched);
}

static void answer_series(web_request_t *request, const subject_t *subject, uint32_t step_s) {
    series_t series = {request->query, step_s,       INT64_MIN,    json_array(),
                       json_object(),  json_array(), json_array(), false};
    touched_t touched = {subject->service, json_array()};
    err_t err = load(request, subject, step_s, &series, &touched);
    (void)json_array_extend(series.bad, series.slow);
    if (err == ERR_OK)
        answer_json(request, 200,
                    json_pack("{so,si,so,sO,sO,s{so,so,so},sO,sO,sb}", "subject", subject_document(subject), "step_s",
                              (int)step_s, "range", value_range(request->start_ns, request->end_ns), "points",
                              series.points, "gauges", series.gauges, "bands", "error_ratio",
                              band_of(request, subject, "errors"), "latency", band_of(request, subject, "latency"),
                              "request_rate", band_of(request, subject, "traffic"), "incidents", touched.list,
                              "exemplars", series.bad, "truncated", series.cut));
    else
        answer_store_error(request, err);
    json_decref(series.points);
    json_decref(series.gauges);
    json_decref(series.slow);
    json_decref(series.bad);
    json_decref(touched.list);
}

void api_series(web_request_t *request) {
    subject_t subject = {0};
    uint32_t step_s;
    if (read_subject(request, &subject) && choose_step(request, &step_s)) answer_series(request, &subject, step_s);
    free(subject.edge);
}
