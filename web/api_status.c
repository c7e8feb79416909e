/* /api/v1/status: how the daemon and the mesh are, in one document and one sentence. */
#include "web/documents.h"
#include "web/health.h"
#include "web/internal.h"
#include "web/mesh_words.h"
#include "web/routes.h"
#include "web/scrape_words.h"
#include "web/values.h"

#include <stdio.h>
#include <stdlib.h>

enum { SENTENCE_BYTES = 600, FRONT_WINDOW_S = 300 };

/* --- the sentence of the front page --- */

typedef struct {
    query_t *query;
    const hurt_list_t *hurt;
    uint64_t requests, errors;
    uint32_t services, hurt_services;
} front_t;

static bool count_service(void *context, int64_t start_ns, const entity_key_t *key, observer_t observer,
                          const cell_t *cell) {
    (void)start_ns;
    (void)observer;
    front_t *front = context;
    front->services++;
    if (health_find(front->hurt, key->service) != NULL) front->hurt_services++;
    front->requests += cell->requests;
    front->errors += cell_errors(cell);
    return true;
}

static void say_since(char *out, size_t size, int64_t seconds) {
    if (seconds < 0) seconds = 0;
    if (seconds < 90)
        (void)snprintf(out, size, "%lld s", (long long)seconds);
    else if (seconds < 90 * 60)
        (void)snprintf(out, size, "%lld min", (long long)(seconds / 60));
    else if (seconds < 36 * 3600)
        (void)snprintf(out, size, "%lld h", (long long)(seconds / 3600));
    else
        (void)snprintf(out, size, "%lld days", (long long)(seconds / 86400));
}

static void say_hurt(char *out, const front_t *front, int64_t event_ns) {
    const hurt_t *worst = &front->hurt->items[0];
    char since[32];
    uint32_t hurt = front->hurt_services > 0 ? front->hurt_services : front->hurt->count;
    uint32_t services = front->services > hurt ? front->services : hurt;
    say_since(since, sizeof since, (event_ns - worst->opened_ns) / NS_PER_S);
    (void)snprintf(out, SENTENCE_BYTES, "%u of %u service%s %s hurt: %s, started %s ago.", hurt, services,
                   services == 1 ? "" : "s", hurt == 1 ? "is" : "are",
                   worst->title[0] == '\0' ? query_name(front->query, worst->service) : worst->title, since);
}

static void say_healthy(char *out, const front_t *front, double seconds) {
    if (front->requests == 0 || seconds <= 0) {
        (void)snprintf(out, SENTENCE_BYTES,
                       "No requests in the last 5 minutes of telemetry; nothing is wrong with what came.");
        return;
    }
    char who[64];
    if (front->services == 1)
        (void)snprintf(who, sizeof who, "The one service looks");
    else
        (void)snprintf(who, sizeof who, "All %u services look", front->services);
    (void)snprintf(out, SENTENCE_BYTES, "%s healthy: %.1f requests/s, %.1f %% errors.", who,
                   (double)front->requests / seconds, 100 * (double)front->errors / (double)front->requests);
}

static void say_empty(char *out, const web_context_t *context) {
    const char *http = context->listen_otlp_http, *grpc = context->listen_otlp_grpc;
    bool has_http = http != NULL && http[0] != '\0', has_grpc = grpc != NULL && grpc[0] != '\0';
    if (has_http && has_grpc)
        (void)snprintf(out, SENTENCE_BYTES,
                       "No telemetry yet. Point an OpenTelemetry exporter at http://%s (OTLP/HTTP) or %s (OTLP/gRPC).",
                       http, grpc);
    else if (has_http || has_grpc)
        (void)snprintf(out, SENTENCE_BYTES, "No telemetry yet. Point an OpenTelemetry exporter at %s%s (OTLP/%s).",
                       has_http ? "http://" : "", has_http ? http : grpc, has_http ? "HTTP" : "gRPC");
    else
        (void)snprintf(out, SENTENCE_BYTES, "No telemetry yet, and no receiver is configured to listen.");
}

static json_t *health_document(web_t *web, query_t *query, const query_status_t *store) {
    char sentence[SENTENCE_BYTES];
    if (store->event_ns == INT64_MIN) {
        say_empty(sentence, &web->context);
        return json_pack("{ss,so}", "level", "empty", "sentence", value_text(slice_text(sentence)));
    }
    hurt_list_t hurt;
    err_t err = health_load(query, store->event_ns, &hurt);
    int64_t start_ns = store->event_ns - FRONT_WINDOW_S * NS_PER_S;
    front_t front = {.query = query, .hurt = &hurt};
    query_filter_t filter = query_filter_any(1u << ENTITY_SERVICE);
    if (err == ERR_OK)
        err = query_golden(query, start_ns, store->event_ns + 1, UINT32_MAX, &filter, GROUP_SERVICE, count_service,
                           &front);
    health_t level = hurt.count > 0 ? hurt.items[0].level : HEALTH_OK;
    if (err != ERR_OK)
        (void)snprintf(sentence, sizeof sentence, "The store could not be read (%s).", err_text(err));
    else if (hurt.count > 0)
        say_hurt(sentence, &front, store->event_ns);
    else
        say_healthy(sentence, &front, covered_seconds(store, start_ns, store->event_ns + 1));
    size_t len = strlen(sentence);
    if (err == ERR_OK && hurt.answered > 0)
        (void)snprintf(sentence + len, sizeof sentence - len, " %u known incident%s not counted.", hurt.answered,
                       hurt.answered == 1 ? " is" : "s are");
    health_fini(&hurt);
    return json_pack("{ss,so}", "level", health_names[level], "sentence", value_text(slice_text(sentence)));
}

/* --- the document --- */

/* signal="traces",reason="late" of the counter table as an object. */
static json_t *labels_object(const char *labels) {
    json_t *object = json_object();
    while (*labels != '\0') {
        const char *equals = strchr(labels, '=');
        const char *end = equals == NULL ? NULL : strchr(equals + 2, '"');
        if (end == NULL) break;
        char key[64];
        (void)snprintf(key, sizeof key, "%.*s", (int)(equals - labels), labels);
        json_object_set_new(object, key, json_stringn(equals + 2, (size_t)(end - equals - 2)));
        labels = end[1] == ',' ? end + 2 : end + 1;
    }
    return object;
}

/* Families that say that something did not get in, or not whole. */
static bool is_loss(const char *name) {
    static const char *const families[] = {
        "rejected_items",  "refused_requests",    "refused_connections",     "dropped_items",
        "overflow",        "names_mended",        "journal_corrupt_records", "journal_torn_tails",
        "pairing_evicted", "checkpoint_failures", "forward_dropped_requests"};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (strcmp(name, families[i]) == 0) return true;
    return false;
}

static json_t *drops_document(const counters_t *counters) {
    json_t *drops = json_array();
    for (int i = 0; i < COUNTER_COUNT; i++) {
        uint64_t value = counters_get(counters, (counter_t)i);
        if (value == 0 || !is_loss(counter_info[i].name)) continue;
        json_array_append_new(drops, json_pack("{ss,so,sI}", "metric", counter_info[i].name, "labels",
                                               labels_object(counter_info[i].labels), "value", (json_int_t)value));
    }
    return drops;
}

static json_t *address(const char *listen) {
    return listen == NULL ? json_null() : value_name(listen);
}

static json_t *dialect_names(const char *const *names) {
    json_t *list = json_array();
    for (; names != NULL && *names != NULL; names++) json_array_append_new(list, value_text(slice_text(*names)));
    return list;
}

static json_t *meshes_document(const counters_t *counters, query_t *query) {
    seen_list_t seen;
    (void)seen_load(query, NAME_NONE, &seen); /* what could not be read says nothing about names */
    json_t *document = mesh_words(counters, query, &seen);
    seen_fini(&seen);
    return document;
}

/* Where the store is, as a path that does not depend on where the server was started. */
static json_t *data_directory(const char *store_path) {
    char *path = realpath(store_path, NULL);
    char *slash = path == NULL ? NULL : strrchr(path, '/');
    if (slash != NULL) *slash = '\0';
    json_t *text = value_text(slice_text(slash == NULL ? "" : path));
    free(path);
    return text;
}

static json_t *cluster_document(const web_status_t *now) {
    if (now->role == NULL) return json_null();
    return json_pack("{ss,sI,so,sb}", "role", now->role, "partitions", (json_int_t)now->partitions, "complete_ms",
                     value_ms(now->complete_ns), "settled", now->settled);
}

/* When the first verdict is due, in event time, if data go on coming; null when nothing has come or all is learned. */
static json_t *first_verdict(const web_status_t *now) {
    if (now->learning_done || now->learning_have_buckets == 0 || now->event_ns == INT64_MIN) return json_null();
    uint64_t missing = now->learning_need_buckets - now->learning_have_buckets;
    return value_ms(now->event_ns + (int64_t)missing * BUCKET_NS);
}

json_t *document_status(web_t *web, query_t *query) {
    const web_context_t *context = &web->context;
    web_status_t now = {.event_ns = INT64_MIN, .complete_ns = INT64_MIN, .checkpoint_age_s = -1};
    context->status.fill(context->status.context, &now);
    query_status_t store = {.event_ns = INT64_MIN, .first_ns = INT64_MIN};
    err_t err = query_status(query, &store);
    json_t *document =
        json_pack("{ss,so,so,so}", "version", context->version, "started_ms", value_ms(web->started_wall_ns),
                  "uptime_s", value_number((double)(clock_monotonic_ns(context->clock) - web->started_ns) / 1e9),
                  "event_time_ms", value_ms(store.event_ns));
    json_object_set_new(document, "checkpoint",
                        json_pack("{sI,so,sI}", "position", (json_int_t)now.checkpoint_position, "age_s",
                                  now.checkpoint_age_s < 0 ? json_null() : value_number(now.checkpoint_age_s), "count",
                                  (json_int_t)now.checkpoint_count));
    json_object_set_new(document, "journal",
                        json_pack("{sI,sI,sI}", "end", (json_int_t)now.journal_end, "folded",
                                  (json_int_t)now.journal_folded, "behind_bytes",
                                  (json_int_t)now.journal_behind_bytes));
    json_object_set_new(document, "cluster", cluster_document(&now));
    json_object_set_new(document, "store",
                        json_pack("{so,sI,sI,sI,sI,sI}", "directory", data_directory(context->store_path), "bytes",
                                  (json_int_t)store.bytes, "spans", (json_int_t)store.spans, "traces",
                                  (json_int_t)store.traces, "entities", (json_int_t)store.entities, "names",
                                  (json_int_t)store.names));
    json_object_set_new(document, "learning",
                        json_pack("{sb,sI,sI,so}", "done", now.learning_done, "have_buckets",
                                  (json_int_t)now.learning_have_buckets, "need_buckets",
                                  (json_int_t)now.learning_need_buckets, "first_verdict_ms", first_verdict(&now)));
    json_object_set_new(document, "notice", value_name(context->notice == NULL ? "" : context->notice));
    json_object_set_new(document, "dialects", dialect_names(context->dialects));
    json_object_set_new(document, "meshes", meshes_document(context->counters, query));
    json_object_set_new(document, "scrape", scrape_words(context->scraper));
    json_object_set_new(document, "listen",
                        json_pack("{so,so,so}", "otlp_grpc", address(context->listen_otlp_grpc), "otlp_http",
                                  address(context->listen_otlp_http), "web", address(context->listen_web)));
    json_object_set_new(document, "health",
                        err == ERR_OK ? health_document(web, query, &store)
                                      : json_pack("{ss,ss}", "level", "warning", "sentence",
                                                  "The store could not be read; the log says more."));
    json_object_set_new(document, "drops", drops_document(context->counters));
    return document;
}

void api_status(web_request_t *request) {
    answer_json(request, 200, document_status(request->web, request->query));
}
