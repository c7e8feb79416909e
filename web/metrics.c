/* /metrics: for Prometheus. */
#include "exporters/prometheus_text.h"
#include "web/documents.h"
#include "web/internal.h"
#include "web/routes.h"

static void gauge(buffer_t *out, const char *name, const char *help, double value) {
    prometheus_family(out, name, "gauge", help);
    prometheus_sample(out, name, "", value);
}

static void write_daemon(const web_context_t *context, buffer_t *out) {
    web_status_t now = {.event_ns = INT64_MIN, .checkpoint_age_s = -1};
    context->status.fill(context->status.context, &now);
    buffer_t labels = {0};
    prometheus_label(&labels, "version", context->version);
    buffer_byte(&labels, 0);
    prometheus_family(out, "seismesh_build_info", "gauge", "The version that runs.");
    prometheus_sample(out, "seismesh_build_info", (const char *)labels.data, 1);
    buffer_fini(&labels);
    gauge(out, "seismesh_ready", "1 when requests are taken and everything journaled was folded.", now.ready);
    gauge(out, "seismesh_journal_behind_bytes", "Journaled and not yet folded.", (double)now.journal_behind_bytes);
    if (now.checkpoint_age_s >= 0)
        gauge(out, "seismesh_checkpoint_age_seconds", "Since the last checkpoint.", now.checkpoint_age_s);
    if (now.event_ns != INT64_MIN)
        gauge(out, "seismesh_event_time_seconds", "Newest event time, since 1970.",
              (double)(now.event_ns / NS_PER_MS) / 1e3);
}

static err_t write_store(query_t *query, buffer_t *out) {
    query_status_t store;
    err_t err = query_status(query, &store);
    if (err != ERR_OK) return err;
    gauge(out, "seismesh_store_bytes", "Bytes of the store in use.", (double)store.bytes);
    gauge(out, "seismesh_store_spans", "Spans kept.", (double)store.spans);
    gauge(out, "seismesh_store_traces", "Traces kept.", (double)store.traces);
    gauge(out, "seismesh_store_entities", "Services, versions, zones, instances, operations and edges known.",
          (double)store.entities);
    gauge(out, "seismesh_store_names", "Names known.", (double)store.names);
    return prometheus_mesh(query, out);
}

void metrics(web_request_t *request) {
    answer_plain(request, 200, PROMETHEUS_TEXT_TYPE, "");
    buffer_t *out = &request->answer.body;
    write_daemon(request->context, out);
    metrics_track_record(request->context, out);
    prometheus_process(out);
    prometheus_counters(request->context->counters, out);
    err_t err = write_store(request->query, out);
    if (err != ERR_OK) answer_store_error(request, err);
}
