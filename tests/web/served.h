/* served: a web server over the store of filled.h, and a client for it. The file that includes it defines _GNU_SOURCE.
 */
#ifndef SEISMESH_TESTS_WEB_SERVED_H
#define SEISMESH_TESTS_WEB_SERVED_H

#include "analyzer/analyzer.h"
#include "tests/web/filled.h"
#include "web/server.h"

#include <curl/curl.h>
#include <jansson.h>

/* --- a server --- */

typedef struct {
    filled_t filled;
    web_t *web;
    bool ready;
    uint64_t answers; /* given so far */
} server_t;

static inline void fill_status(void *context, web_status_t *status) {
    server_t *server = context;
    *status = (web_status_t){.ready = server->ready,
                             .journal_end = 1200,
                             .journal_folded = 1100,
                             .journal_behind_bytes = 100,
                             .event_ns = INT64_MIN,
                             .checkpoint_position = 1000,
                             .checkpoint_count = 1,
                             .checkpoint_age_s = 0.5,
                             .learning_done = false,
                             .learning_have_buckets = 12,
                             .learning_need_buckets = 30};
    (void)snprintf(status->reason, sizeof status->reason, "replaying the journal");
}

static inline bool give_band(void *context, uint32_t entity, const char *signal, double *low, double *expected,
                             double *high) {
    (void)context;
    (void)entity;
    *low = 0;
    *expected = 0.01;
    *high = 0.02;
    return strcmp(signal, "traffic") != 0;
}

static inline uint32_t give_record(void *context, track_record_t *records, uint32_t max) {
    (void)context;
    if (max > 0)
        records[0] = (track_record_t){.kind = "roll_back_version",
                                      .proposed = 5,
                                      .seen = 4,
                                      .expired = 1,
                                      .helped = 2,
                                      .harmed = 1,
                                      .undecided = 1,
                                      .compared = 6,
                                      .inside = 5};
    return 1;
}

/* As the daemon does it, but for the analyzer. */
static inline err_t give_answer(void *context, uint64_t incident, int64_t until_ns, const char *json, uint64_t *id) {
    server_t *server = context;
    store_answer_t answer = {.id = ++server->answers,
                             .incident = incident,
                             .given_ns = clock_wall_ns(&clock_system),
                             .since_ns = filled_start_ns,
                             .until_ns = until_ns,
                             .json = json};
    *id = answer.id;
    return store_answer(server->filled.store, &answer);
}

static inline err_t revoke_answer(void *context, uint64_t id) {
    server_t *server = context;
    return store_answer_revoke(server->filled.store, id, filled_start_ns + NS_PER_S, clock_wall_ns(&clock_system));
}

/* `config` without a host: what it says of limits. */
static inline bool server_start_with(server_t *server, bool fill, web_config_t config) {
    static const char *const dialects[] = {"otel", "istio", NULL};
    char why[256] = "";
    *server = (server_t){.ready = true};
    if (!filled_open(&server->filled)) return false;
    if (fill && !filled_fill(&server->filled)) return false;
    config.host = "127.0.0.1";
    web_context_t context = {.store_path = store_path(server->filled.store),
                             .store = server->filled.store,
                             .counters = &server->filled.counters,
                             .clock = &clock_system,
                             .version = "0.1.0",
                             .listen_otlp_grpc = "127.0.0.1:4317",
                             .listen_otlp_http = "127.0.0.1:4318",
                             .listen_web = "127.0.0.1:7117",
                             .dialects = dialects,
                             .status = {server, fill_status, give_band, give_record},
                             .answers = {server, give_answer, revoke_answer}};
    err_t err = web_start(&config, &context, &server->web, why, sizeof why);
    if (err != ERR_OK) (void)fprintf(stderr, "web_start: %s %s\n", err_text(err), why);
    return err == ERR_OK;
}

static inline bool server_start(server_t *server, bool fill, uint32_t streams) {
    return server_start_with(server, fill, (web_config_t){.streams = streams, .stream_comment_s = 1});
}

static inline void server_stop(server_t *server) {
    web_stop(server->web);
    filled_close(&server->filled);
}

/* --- a client --- */

typedef struct {
    long status;
    buffer_t head, body;
} reply_t;

static size_t collect(char *data, size_t size, size_t count, void *buffer) {
    buffer_append(buffer, data, size * count);
    return size * count;
}

/* `headers`: lines separated by '\n', or NULL; `body` NULL = none. */
static inline void ask(const server_t *server, const char *method, const char *target, const char *headers,
                       const char *body, reply_t *reply) {
    char url[16384];
    *reply = (reply_t){0};
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u%s", (unsigned)web_port(server->web), target);
    CURL *curl = curl_easy_init();
    struct curl_slist *list = NULL;
    char *lines = headers == NULL ? NULL : strdup(headers), *rest = lines;
    for (char *line; rest != NULL && (line = strsep(&rest, "\n")) != NULL;) list = curl_slist_append(list, line);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_NOBODY, strcmp(method, "HEAD") == 0 ? 1L : 0L);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    if (body != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, collect);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &reply->head);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply->body);
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) (void)fprintf(stderr, "%s %s: %s\n", method, target, curl_easy_strerror(code));
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(list);
    free(lines);
    buffer_byte(&reply->head, 0);
    buffer_byte(&reply->body, 0);
}

static inline void reply_fini(reply_t *reply) {
    buffer_fini(&reply->head);
    buffer_fini(&reply->body);
}

static inline const char *body_of(const reply_t *reply) {
    return (const char *)reply->body.data;
}
static inline bool has_header(const reply_t *reply, const char *line) {
    return strcasestr((const char *)reply->head.data, line) != NULL;
}

static inline json_t *get_json(const server_t *server, const char *target, long status) {
    reply_t reply;
    ask(server, "GET", target, NULL, NULL, &reply);
    if (reply.status != status) (void)fprintf(stderr, "%s: %s\n", target, body_of(&reply));
    CHECK_EQUAL(reply.status, status);
    json_t *document = json_loads(body_of(&reply), 0, NULL);
    CHECK(document != NULL);
    reply_fini(&reply);
    return document;
}

static inline const char *text_at(const json_t *document, const char *key) {
    const char *text = json_string_value(json_object_get(document, key));
    return text == NULL ? "" : text;
}

#endif
