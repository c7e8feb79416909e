/* /api/v1/track-record: what became of the suggestions, by kind, since ever; and the same for /metrics. */
#include "exporters/prometheus_text.h"
#include "web/documents.h"
#include "web/internal.h"
#include "web/routes.h"
#include "web/values.h"

#include "analyzer/analyzer.h"
#include "analyzer/phrase.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

static const struct {
    const char *name;
    size_t at;
} counts[] = {
    {"proposed", offsetof(track_record_t, proposed)},   {"seen", offsetof(track_record_t, seen)},
    {"expired", offsetof(track_record_t, expired)},     {"undone", offsetof(track_record_t, undone)},
    {"undecided", offsetof(track_record_t, undecided)}, {"helped", offsetof(track_record_t, helped)},
    {"no_effect", offsetof(track_record_t, no_effect)}, {"harmed", offsetof(track_record_t, harmed)},
};
enum { COUNTS = sizeof counts / sizeof counts[0] };

static uint64_t count_of(const track_record_t *record, size_t i) {
    uint64_t value;
    memcpy(&value, (const char *)record + counts[i].at, sizeof value);
    return value;
}

static uint64_t verified_of(const track_record_t *record) {
    return record->helped + record->no_effect + record->harmed;
}

static double coverage_of(const track_record_t *record) {
    return record->compared == 0 ? NAN : (double)record->inside / (double)record->compared;
}

static uint32_t ask(const web_context_t *context, track_record_t *records) {
    if (context->status.record == NULL) return 0;
    return context->status.record(context->status.context, records, RECORD_KINDS_MAX);
}

static json_t *record_document(const track_record_t *record) {
    json_t *document = json_object();
    if (record->kind[0] != '\0') (void)json_object_set_new(document, "kind", json_string(record->kind));
    for (size_t i = 0; i < COUNTS; i++)
        (void)json_object_set_new(document, counts[i].name, json_integer((json_int_t)count_of(record, i)));
    (void)json_object_set_new(document, "verified", json_integer((json_int_t)verified_of(record)));
    (void)json_object_set_new(document, "compared", json_integer((json_int_t)record->compared));
    (void)json_object_set_new(document, "inside", json_integer((json_int_t)record->inside));
    (void)json_object_set_new(document, "coverage", value_number(coverage_of(record)));
    return document;
}

static void add(track_record_t *sum, const track_record_t *record) {
    sum->proposed += record->proposed;
    sum->seen += record->seen;
    sum->expired += record->expired;
    sum->undone += record->undone;
    sum->undecided += record->undecided;
    sum->helped += record->helped;
    sum->no_effect += record->no_effect;
    sum->harmed += record->harmed;
    sum->compared += record->compared;
    sum->inside += record->inside;
}

/* "7 proposed, 4 seen made, 3 verified: 3 helped, 0 without effect, 0 harmed; 5 of 6 predicted figures lay inside" */
static void summary(const track_record_t *sum, char *out, size_t size) {
    if (sum->proposed == 0) {
        (void)snprintf(out, size, "no change was suggested yet");
        return;
    }
    int len = snprintf(out, size, "%llu suggested, %llu seen in the telemetry, %llu verified",
                       (unsigned long long)sum->proposed, (unsigned long long)sum->seen,
                       (unsigned long long)verified_of(sum));
    if (verified_of(sum) > 0 && len > 0 && (size_t)len < size)
        (void)snprintf(
            out + len, size - (size_t)len,
            ": %llu helped, %llu had no clear effect, %llu did harm; %llu of %llu predicted figures came out "
            "inside their 90 %% interval",
            (unsigned long long)sum->helped, (unsigned long long)sum->no_effect, (unsigned long long)sum->harmed,
            (unsigned long long)sum->inside, (unsigned long long)sum->compared);
}

void api_track_record(web_request_t *request) {
    track_record_t records[RECORD_KINDS_MAX], sum = {.proposed = 0};
    uint32_t count = ask(request->context, records);
    char sentence[512];
    json_t *kinds = json_array();
    for (uint32_t i = 0; i < count; i++) {
        (void)json_array_append_new(kinds, record_document(&records[i]));
        add(&sum, &records[i]);
    }
    summary(&sum, sentence, sizeof sentence);
    answer_json(request, 200,
                json_pack("{so,so,ss}", "kinds", kinds, "total", record_document(&sum), "sentence", sentence));
}

static void sample(buffer_t *out, const char *name, const char *kind, const char *outcome, double value) {
    buffer_t labels = {0};
    prometheus_label(&labels, "kind", kind);
    if (outcome != NULL) prometheus_label(&labels, "outcome", outcome);
    buffer_byte(&labels, 0);
    prometheus_sample(out, name, (const char *)labels.data, value);
    buffer_fini(&labels);
}

void metrics_track_record(const web_context_t *context, buffer_t *out) {
    track_record_t records[RECORD_KINDS_MAX];
    uint32_t count = ask(context, records);
    if (count == 0) return;
    prometheus_family(out, "seismesh_suggestions_total", "counter", "Suggestions, by what became of them.");
    for (uint32_t i = 0; i < count; i++)
        for (size_t k = 0; k < COUNTS; k++)
            sample(out, "seismesh_suggestions_total", records[i].kind, counts[k].name,
                   (double)count_of(&records[i], k));
    prometheus_family(out, "seismesh_suggestion_figures_total", "counter",
                      "Predicted figures that were set against what was observed, by where it lay.");
    for (uint32_t i = 0; i < count; i++) {
        sample(out, "seismesh_suggestion_figures_total", records[i].kind, "inside", (double)records[i].inside);
        sample(out, "seismesh_suggestion_figures_total", records[i].kind, "outside",
               (double)(records[i].compared - records[i].inside));
    }
    prometheus_family(out, "seismesh_suggestion_interval_coverage_ratio", "gauge",
                      "Share of those figures that lay inside their predicted 90 % interval.");
    for (uint32_t i = 0; i < count; i++)
        if (records[i].compared > 0)
            sample(out, "seismesh_suggestion_interval_coverage_ratio", records[i].kind, NULL, coverage_of(&records[i]));
}
