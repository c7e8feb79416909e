#include "web/scrape_words.h"

#include "base/memory.h"
#include "collector/scrape/scraper.h"
#include "exporters/prometheus_text.h"
#include "web/values.h"

#include <stdio.h>
#include <stdlib.h>

/* A copy of what is shown of a target. */
typedef struct {
    const char *job; /* the configuration's */
    char instance[300], error[TARGET_ERROR_MAX];
    bool up;
    uint64_t scrapes, samples, points;
    int64_t scraped_ns;
    double duration_s;
} row_t;

typedef struct {
    row_t *rows;
    uint32_t count, shown, up, down, unknown; /* unknown: not asked yet */
    json_t *discovery;
} view_t;

static row_t row_of(const target_t *target) {
    row_t row = {.job = target->job->name,
                 .up = target->up,
                 .scrapes = target->scrapes,
                 .samples = target->samples,
                 .points = target->points,
                 .scraped_ns = target->scraped_ns,
                 .duration_s = target->duration_s};
    (void)snprintf(row.instance, sizeof row.instance, "%s", target->instance);
    (void)snprintf(row.error, sizeof row.error, "%s", target->error);
    return row;
}

/* Where the next row goes: behind the others, or over one that is up, for one that is down. */
static row_t *room_for(view_t *view, bool down) {
    if (view->shown < SCRAPE_TARGETS_SHOWN) return &view->rows[view->shown++];
    for (uint32_t i = view->shown; down && i > 0; i--)
        if (view->rows[i - 1].scrapes == 0 || view->rows[i - 1].up) return &view->rows[i - 1];
    return NULL;
}

static void see_target(void *context, const target_t *target) {
    view_t *view = context;
    bool asked = target->scrapes > 0, down = asked && !target->up;
    view->count++;
    view->up += asked && target->up;
    view->down += down;
    view->unknown += !asked;
    row_t *row = room_for(view, down);
    if (row != NULL) *row = row_of(target);
}

static void see_discovery(void *context, const char *job, const char *kind, const char *error) {
    view_t *view = context;
    if (error[0] == '\0' || view->discovery == NULL) return;
    json_array_append_new(view->discovery,
                          json_pack("{so,ss,so}", "job", value_name(job), "kind", kind, "error", value_name(error)));
}

static void view_open(scraper_t *scraper, view_t *view, bool with_discovery) {
    static const scrape_visitor_t visitor = {see_target, see_discovery};
    *view = (view_t){.rows = memory_new(SCRAPE_TARGETS_SHOWN, sizeof(row_t)),
                     .discovery = with_discovery ? json_array() : NULL};
    scraper_visit(scraper, &visitor, view);
}

static json_t *row_document(const row_t *row) {
    const char *health = row->scrapes == 0 ? "unknown" : row->up ? "up" : "down";
    return json_pack("{so,so,ss,so,so,sI,sI,so}", "job", value_name(row->job), "instance", value_name(row->instance),
                     "health", health, "scraped_ms", row->scrapes == 0 ? json_null() : value_ms(row->scraped_ns),
                     "duration_s", row->scrapes == 0 ? json_null() : value_number(row->duration_s), "samples",
                     (json_int_t)row->samples, "points", (json_int_t)row->points, "error",
                     row->error[0] == '\0' ? json_null() : value_name(row->error));
}

json_t *scrape_words(scraper_t *scraper) {
    view_t view;
    if (scraper == NULL) return json_null();
    view_open(scraper, &view, true);
    json_t *targets = json_array();
    for (int down = 1; down >= 0; down--)
        for (uint32_t i = 0; i < view.shown; i++) {
            const row_t *row = &view.rows[i];
            if ((row->scrapes > 0 && !row->up) == (down == 1)) json_array_append_new(targets, row_document(row));
        }
    json_t *document = json_pack("{sI,sI,sI,sI,so,so}", "targets_total", (json_int_t)view.count, "up",
                                 (json_int_t)view.up, "down", (json_int_t)view.down, "unknown",
                                 (json_int_t)view.unknown, "targets", targets, "discovery", view.discovery);
    free(view.rows);
    return document;
}

static void family(buffer_t *out, const view_t *view, const char *name, const char *help,
                   double (*value)(const row_t *)) {
    buffer_t labels = {0};
    prometheus_family(out, name, "gauge", help);
    for (uint32_t i = 0; i < view->shown; i++) {
        if (view->rows[i].scrapes == 0) continue;
        buffer_clear(&labels);
        prometheus_label(&labels, "job", view->rows[i].job);
        prometheus_label(&labels, "instance", view->rows[i].instance);
        buffer_byte(&labels, 0);
        prometheus_sample(out, name, (const char *)labels.data, value(&view->rows[i]));
    }
    buffer_fini(&labels);
}

static double up_of(const row_t *row) {
    return row->up;
}
static double duration_of(const row_t *row) {
    return row->duration_s;
}
static double samples_of(const row_t *row) {
    return (double)row->samples;
}

void scrape_metrics(scraper_t *scraper, buffer_t *out) {
    view_t view;
    if (scraper == NULL) return;
    view_open(scraper, &view, false);
    prometheus_family(out, "seismesh_scrape_targets", "gauge",
                      "Targets that are scraped, by how the last scrape went.");
    prometheus_sample(out, "seismesh_scrape_targets", "health=\"up\"", view.up);
    prometheus_sample(out, "seismesh_scrape_targets", "health=\"down\"", view.down);
    prometheus_sample(out, "seismesh_scrape_targets", "health=\"unknown\"", view.unknown);
    family(out, &view, "seismesh_scrape_up", "1 when the last scrape of a target went well (at most 500 targets).",
           up_of);
    family(out, &view, "seismesh_scrape_duration_seconds", "How long it took.", duration_of);
    family(out, &view, "seismesh_scrape_page_samples", "Lines with a value on its page.", samples_of);
    free(view.rows);
}
