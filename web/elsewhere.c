#include "web/elsewhere.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_BYTES_MAX = 16 << 20, CONNECT_MS = 1000, ANSWER_MS = 5000, POLL_MS = 200 };

typedef struct {
    CURL *curl;
    char url[256];
    struct curl_slist *headers;
    buffer_t body;
} question_t;

typedef struct {
    const char *path;
    question_t *questions;
    uint32_t count;
} round_t;

static size_t keep(char *data, size_t size, size_t count, void *context) {
    question_t *question = context;
    size_t len = size * count;
    if (len > ANSWER_BYTES_MAX - question->body.len) return 0; /* ends the transfer */
    buffer_append(&question->body, data, len);
    return len;
}

static void add_question(void *context, const char *id, const char *url) {
    round_t *round = context;
    (void)id;
    if (round->count == ELSEWHERE_NODES_MAX) return;
    CURL *curl = curl_easy_init();
    if (curl == NULL) return;
    question_t *question = &round->questions[round->count++];
    question->curl = curl;
    (void)snprintf(question->url, sizeof question->url, "%s", url);
    buffer_t full = {0};
    buffer_format(&full, "%s%s", url, round->path);
    buffer_byte(&full, '\0');
    (void)curl_easy_setopt(curl, CURLOPT_URL, (const char *)full.data);
    question->headers = curl_slist_append(NULL, ELSEWHERE_HEADER ": 1");
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, question->headers);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "seismesh");
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, question);
    buffer_fini(&full);
}

static void take_answer(question_t *question, elsewhere_t *answers) {
    long status = 0;
    (void)curl_easy_getinfo(question->curl, CURLINFO_RESPONSE_CODE, &status);
    json_t *document =
        status == 200 ? json_loadb((const char *)question->body.data, question->body.len, 0, NULL) : NULL;
    answers->asked++;
    if (document != NULL) {
        answers->documents[answers->count++] = document;
    } else if (status != 404) {
        if (answers->silent++ == 0)
            (void)snprintf(answers->silent_url, sizeof answers->silent_url, "%s", question->url);
    }
    curl_easy_cleanup(question->curl);
    curl_slist_free_all(question->headers);
    buffer_fini(&question->body);
}

void elsewhere_ask(const web_context_t *context, const char *path, elsewhere_t *answers) {
    *answers = (elsewhere_t){0};
    round_t round = {.path = path, .questions = memory_new(ELSEWHERE_NODES_MAX, sizeof *round.questions)};
    context->nodes.each(context->nodes.context, add_question, &round);
    CURLM *all = curl_multi_init();
    for (uint32_t i = 0; all != NULL && i < round.count; i++) (void)curl_multi_add_handle(all, round.questions[i].curl);
    int running = all != NULL;
    while (running > 0 && curl_multi_perform(all, &running) == CURLM_OK && running > 0)
        if (curl_multi_poll(all, NULL, 0, POLL_MS, NULL) != CURLM_OK) break;
    for (uint32_t i = 0; all != NULL && i < round.count; i++)
        (void)curl_multi_remove_handle(all, round.questions[i].curl);
    for (uint32_t i = 0; i < round.count; i++) take_answer(&round.questions[i], answers);
    if (all != NULL) (void)curl_multi_cleanup(all);
    free(round.questions);
}

void elsewhere_fini(elsewhere_t *answers) {
    for (uint32_t i = 0; i < answers->count; i++) json_decref(answers->documents[i]);
    *answers = (elsewhere_t){0};
}

/* ---- one trace ---- */

static double number_of(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

/* Widens the trace's time by that of a part. */
static void widen(json_t *trace, const json_t *part) {
    double start = number_of(trace, "start_ms"), other = number_of(part, "start_ms");
    double end = start + number_of(trace, "duration_s") * 1e3, other_end = other + number_of(part, "duration_s") * 1e3;
    if (other < start) json_object_set(trace, "start_ms", json_object_get(part, "start_ms"));
    double from = other < start ? other : start, to = other_end > end ? other_end : end;
    (void)json_object_set_new(trace, "duration_s", json_real((to - from) / 1e3));
}

static void add_spans(json_t *spans, json_t *known, const json_t *part) {
    size_t i;
    json_t *span;
    json_array_foreach(json_object_get(part, "spans"), i, span) {
        const char *id = json_string_value(json_object_get(span, "span_id"));
        if (id == NULL || json_object_get(known, id) != NULL) continue;
        (void)json_object_set_new(known, id, json_true());
        (void)json_array_append(spans, span);
    }
}

json_t *elsewhere_trace(const elsewhere_t *answers) {
    if (answers->count == 0) return NULL;
    json_t *trace = json_copy(answers->documents[0]), *spans = json_array(), *known = json_object();
    bool cut = answers->silent > 0;
    for (uint32_t i = 0; i < answers->count; i++) {
        add_spans(spans, known, answers->documents[i]);
        cut = cut || json_is_true(json_object_get(answers->documents[i], "truncated"));
        if (i > 0) widen(trace, answers->documents[i]);
    }
    (void)json_object_set_new(trace, "span_count", json_integer((json_int_t)json_array_size(spans)));
    (void)json_object_set_new(trace, "truncated", json_boolean(cut));
    (void)json_object_set_new(trace, "spans", spans);
    json_decref(known);
    return trace;
}

/* ---- the list ---- */

static void add_numbers(json_t *row, const json_t *part, const char *key) {
    json_int_t sum = json_integer_value(json_object_get(row, key)) + json_integer_value(json_object_get(part, key));
    (void)json_object_set_new(row, key, json_integer(sum));
}

/* The union of two nodes' rows of one trace. */
static void merge_row(json_t *row, const json_t *part) {
    size_t i, j;
    json_t *service, *there, *services = json_object_get(row, "services");
    widen(row, part);
    add_numbers(row, part, "spans");
    add_numbers(row, part, "errors");
    if (number_of(part, "start_ms") <= number_of(row, "start_ms")) {
        json_object_set(row, "root_service", json_object_get(part, "root_service"));
        json_object_set(row, "root_operation", json_object_get(part, "root_operation"));
    }
    json_array_foreach(json_object_get(part, "services"), i, service) {
        bool known = false;
        json_array_foreach(services, j, there) known = known || json_equal(service, there);
        if (!known) (void)json_array_append(services, service);
    }
}

static int newest_first(const void *a, const void *b) {
    double x = number_of(*(json_t *const *)a, "start_ms"), y = number_of(*(json_t *const *)b, "start_ms");
    return (x < y) - (x > y);
}

static json_t *rows_by_trace(const elsewhere_t *answers) {
    json_t *rows = json_object(), *row;
    size_t at;
    for (uint32_t i = 0; i < answers->count; i++)
        json_array_foreach(json_object_get(answers->documents[i], "traces"), at, row) {
            const char *id = json_string_value(json_object_get(row, "trace_id"));
            json_t *known = id == NULL ? NULL : json_object_get(rows, id);
            if (known != NULL)
                merge_row(known, row);
            else if (id != NULL)
                (void)json_object_set_new(rows, id, json_deep_copy(row));
        }
    return rows;
}

json_t *elsewhere_traces(const elsewhere_t *answers, uint32_t limit, bool *cut) {
    json_t *rows = rows_by_trace(answers), *row, *list = json_array();
    json_t **sorted = memory_new(json_object_size(rows) + 1, sizeof(json_t *));
    size_t count = 0;
    const char *id;
    json_object_foreach(rows, id, row) sorted[count++] = row;
    qsort(sorted, count, sizeof(json_t *), newest_first);
    *cut = count > limit || answers->silent > 0;
    for (uint32_t i = 0; i < answers->count; i++)
        *cut = *cut || !json_is_null(json_object_get(answers->documents[i], "next"));
    for (size_t i = 0; i < count && i < limit; i++) (void)json_array_append(list, sorted[i]);
    free(sorted);
    json_decref(rows);
    return list;
}
