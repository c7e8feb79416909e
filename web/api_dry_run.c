/* /api/v1/suggestions/{id}/dry-run: the last minutes again, as they would have been under the suggested routing. */
#include "web/documents.h"
#include "web/internal.h"
#include "web/routes.h"
#include "web/values.h"

#include "analyzer/phrase.h"
#include "analyzer/routing/dry_run.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MINUTES_DEFAULT = 15, MINUTES_MAX = 1440, SENTENCE_MAX = 1024 };

typedef struct {
    web_request_t *request;
    trial_t trial;
    dry_run_t *run;
    json_t *points;
    uint32_t step_s;
    uint64_t minutes;
    bool learning;
} replay_t;

static json_t *range_document(const range_t *range) {
    return json_pack("{so,so,so}", "predicted", value_number(range->value), "low", value_number(range->low), "high",
                     value_number(range->high));
}

static json_t *point_document(const dry_point_t *point) {
    return json_pack("{so,sI,s{so,so},s{so,so},sb}", "time_ms",
                     point->start_ns == 0 ? json_null() : value_ms(point->start_ns), "requests",
                     (json_int_t)point->requests, "before", "error_ratio", value_number(point->errors_before), "p99_s",
                     value_number(point->p99_before_s), "after", "error_ratio", range_document(&point->errors), "p99_s",
                     range_document(&point->p99_s), "beyond", (int)point->beyond);
}

static void add_point(void *context, const dry_point_t *point) {
    (void)json_array_append_new(((replay_t *)context)->points, point_document(point));
}

static const char *target_of(const replay_t *replay, const entity_key_t *key) {
    uint32_t id = key->kind == ENTITY_VERSION ? key->version : key->kind == ENTITY_ZONE ? key->zone : key->instance;
    return query_name(replay->request->query, id);
}

static bool take_cell(void *context, int64_t start_ns, const entity_key_t *key, observer_t observer,
                      const cell_t *cell) {
    replay_t *replay = context;
    (void)observer;
    const char *target = target_of(replay, key);
    if (cell->requests == 0 || target[0] == '\0') return true;
    if (replay->learning)
        dry_run_learn(replay->run, target, cell);
    else
        dry_run_add(replay->run, start_ns, target, cell, add_point, replay);
    return true;
}

/* All cells of the targets, twice: what each did over the range has to be known before the first bucket is dealt. */
static err_t walk(replay_t *replay, uint32_t service) {
    static const uint32_t groups[] = {
        [ENTITY_VERSION] = GROUP_VERSION, [ENTITY_ZONE] = GROUP_ZONE, [ENTITY_INSTANCE] = GROUP_INSTANCE};
    uint8_t kind = dry_run_targets(replay->trial.action.kind);
    query_filter_t filter = query_filter_any(1u << kind);
    filter.service = service;
    err_t err = ERR_OK;
    for (int pass = 0; pass < 2 && err == ERR_OK; pass++) {
        replay->learning = pass == 0;
        err = query_golden(replay->request->query, replay->request->start_ns, replay->request->end_ns, replay->step_s,
                           &filter, GROUP_SERVICE | groups[kind], take_cell, replay);
    }
    return err;
}

static json_t *targets_document(const dry_run_t *run) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < dry_run_target_count(run); i++) {
        const dry_target_t *target = dry_run_target(run, i);
        (void)json_array_append_new(list, json_pack("{ss,sI,so,so,so}", "target", target->name, "requests",
                                                    (json_int_t)target->requests, "requests_after",
                                                    value_number(round(target->dealt)), "highest_seen_rate",
                                                    value_number(target->highest_rate), "highest_rate_after",
                                                    value_number(target->highest_dealt)));
    }
    return list;
}

/* The target that would have got most beyond what it was seen to bear. */
static void beyond_words(const dry_run_t *run, char *out, size_t size) {
    double worst = 1;
    out[0] = '\0';
    for (uint32_t i = 0; i < dry_run_target_count(run); i++) {
        const dry_target_t *target = dry_run_target(run, i);
        phrase_t a, b;
        if (!(target->highest_dealt > worst * target->highest_rate)) continue;
        worst = target->highest_dealt / target->highest_rate;
        (void)snprintf(out, size, "; %s would have got up to %s requests/s and was seen to bear %s", target->name,
                       phrase_count(&a, target->highest_dealt), phrase_count(&b, target->highest_rate));
    }
}

static void summary(const replay_t *replay, const dry_point_t *total, char *out, size_t size) {
    phrase_t a, b, c, d, e, f, g, h, i;
    char beyond[ACTION_INSTANCE_BYTES + 160];
    beyond_words(replay->run, beyond, sizeof beyond);
    (void)snprintf(out, size,
                   "In these %llu minutes %s of %s requests failed; under the suggested routing %s would have (%s to "
                   "%s), and the 99th percentile would have been %s instead of %s (%s to %s)%s",
                   (unsigned long long)replay->minutes, phrase_share(&a, total->errors_before),
                   phrase_count(&b, total->requests), phrase_share(&c, total->errors.value),
                   phrase_share(&d, total->errors.low), phrase_share(&e, total->errors.high),
                   phrase_seconds(&f, total->p99_s.value), phrase_seconds(&g, total->p99_before_s),
                   phrase_seconds(&h, total->p99_s.low), phrase_seconds(&i, total->p99_s.high),
                   total->beyond ? beyond : "");
}

/* `why` NULL: it was replayed. Takes `total` and `targets`. */
static void answer(replay_t *replay, uint64_t id, const char *why, const char *sentence, json_t *targets,
                   json_t *total) {
    answer_json(replay->request, 200,
                json_pack("{so,sb,so,ss,sI,sI,so,so,sO,so}", "id", value_id(id), "possible", why == NULL, "why",
                          why == NULL ? json_null() : json_string(why), "sentence", why == NULL ? sentence : why,
                          "minutes", (json_int_t)replay->minutes, "step_s", (json_int_t)replay->step_s, "range",
                          value_range(replay->request->start_ns, replay->request->end_ns), "targets", targets, "points",
                          replay->points, "total", total));
}

static void replay_it(replay_t *replay, uint64_t id) {
    char sentence[SENTENCE_MAX] = "";
    uint32_t service = query_find_name(replay->request->query, replay->trial.service);
    err_t err = service == UINT32_MAX ? ERR_OK : walk(replay, service);
    if (err != ERR_OK) {
        answer_store_error(replay->request, err);
        return;
    }
    dry_point_t total;
    const char *missing = dry_run_missing(replay->run);
    if (!dry_run_end(replay->run, add_point, replay, &total))
        (void)snprintf(sentence, sizeof sentence, "No request of %s was seen in these %llu minutes, by target",
                       replay->trial.service, (unsigned long long)replay->minutes);
    else if (missing != NULL)
        (void)snprintf(sentence, sizeof sentence,
                       "%s had no requests in these %llu minutes, so nothing tells how it would have fared", missing,
                       (unsigned long long)replay->minutes);
    if (sentence[0] != '\0') {
        (void)json_array_clear(replay->points);
        answer(replay, id, sentence, NULL, json_array(), json_null());
        return;
    }
    summary(replay, &total, sentence, sizeof sentence);
    json_t *whole = point_document(&total);
    (void)json_object_del(whole, "time_ms");
    answer(replay, id, NULL, sentence, targets_document(replay->run), whole);
}

static bool read_minutes(web_request_t *request, uint64_t *minutes) {
    const char *text = request_text(request, "minutes");
    *minutes = MINUTES_DEFAULT;
    if (text == NULL || (request_number(text, minutes) && *minutes <= MINUTES_MAX)) return true;
    answer_error(request, 400, "invalid_parameter", "minutes", "'minutes' must be a whole number from 1 to %d.",
                 MINUTES_MAX);
    return false;
}

static bool take_json(void *context, const query_suggestion_t *suggestion) {
    *(char **)context = memory_text(suggestion->json);
    return false;
}

/* The suggestion's document; false after answering why not. */
static bool load(replay_t *replay, uint64_t *id) {
    web_request_t *request = replay->request;
    err_t err = ERR_NOT_FOUND;
    if (request_number(request->id, id)) err = query_suggestion(request->query, *id, take_json, &replay->trial.json);
    if (err == ERR_OK && replay->trial.json != NULL) return true;
    if (err == ERR_NOT_FOUND)
        answer_not_found(request, "suggestion");
    else
        answer_store_error(request, err);
    return false;
}

static void replay_or_refuse(replay_t *replay, uint64_t id) {
    web_request_t *request = replay->request;
    bool acts = trial_read(&replay->trial);
    const char *why = dry_run_cannot(acts ? replay->trial.action.kind : (uint8_t)ACTION_NONE);
    request->start_ns = request->end_ns - (int64_t)replay->minutes * 60 * NS_PER_S;
    replay->step_s = query_step(request->query, request->start_ns, request->end_ns);
    if (why != NULL) {
        answer(replay, id, why, NULL, json_array(), json_null());
        return;
    }
    replay->run = dry_run_new(&replay->trial, replay->step_s);
    replay_it(replay, id);
    dry_run_free(replay->run);
}

void api_dry_run(web_request_t *request) {
    uint64_t id;
    replay_t *replay = memory_new(1, sizeof *replay);
    *replay = (replay_t){.request = request, .points = json_array()};
    if (read_minutes(request, &replay->minutes) && load(replay, &id)) replay_or_refuse(replay, id);
    free(replay->trial.json);
    json_decref(replay->points);
    free(replay);
}
