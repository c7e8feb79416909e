/* /api/v1/canary: is one version of a service worse than another that serves the same minutes? And the same question
 * as a gate for rollout controllers that understand nothing but a status code: /api/v1/canary/gate. */
#include "analyzer/canary.h"
#include "web/routes.h"
#include "web/values.h"

#include <math.h>
#include <stdlib.h>

enum { GAP_BUCKETS_MAX = 8 }; /* so many empty buckets say as much as more of them */

typedef struct {
    const char *service, *baseline, *candidate;
    uint32_t service_id, baseline_id, candidate_id; /* name ids; QUERY_ANY = the store does not know it */
    canary_settings_t settings;
} question_t;

/* --- what is asked --- */

static bool refuse(web_request_t *request, const char *parameter, const char *message) {
    answer_error(request, 400, "invalid_parameter", parameter, "%s", message);
    return false;
}

static bool read_name(web_request_t *request, const char *parameter, const char **text, uint32_t *id) {
    *text = request_text(request, parameter);
    if (*text == NULL)
        return refuse(request, parameter, "Ask with 'service', 'baseline' and 'canary': a service and two versions.");
    *id = query_find_name(request->query, *text);
    return true;
}

/* Digits with at most one point among them: no sign, exponent, or what else strtod would take. */
static bool read_decimal(const char *text, double *value) {
    size_t len = strlen(text), whole = strspn(text, "0123456789");
    size_t fraction = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
    if (whole == 0 || len > 20 || whole + (fraction > 0 ? fraction + 1 : 0) != len) return false;
    *value = strtod(text, NULL);
    return true;
}

static bool read_settings(web_request_t *request, canary_settings_t *settings) {
    double points = canary_defaults.error_points * 100;
    *settings = canary_defaults;
    const struct {
        const char *name;
        double *value;
    } numbers[] = {{"alpha", &settings->alpha},
                   {"confidence", &settings->confidence},
                   {"error_points", &points},
                   {"latency_factor", &settings->latency_factor}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const char *text = request_text(request, numbers[i].name);
        if (text != NULL && !read_decimal(text, numbers[i].value))
            return refuse(request, numbers[i].name, "It must be a number such as 2 or 0.5.");
    }
    settings->error_points = points / 100;
    const char *parameter, *wrong = canary_settings_wrong(settings, &parameter);
    return wrong == NULL || refuse(request, parameter, wrong);
}

static bool read_question(web_request_t *request, question_t *question) {
    if (!read_name(request, "service", &question->service, &question->service_id) ||
        !read_name(request, "baseline", &question->baseline, &question->baseline_id) ||
        !read_name(request, "canary", &question->candidate, &question->candidate_id) ||
        !read_settings(request, &question->settings))
        return false;
    if (strcmp(question->baseline, question->candidate) == 0)
        return refuse(request, "canary", "'baseline' and 'canary' must be two versions.");
    if (question->service_id != QUERY_ANY && service_is_known(request->query, question->service_id)) return true;
    answer_not_found(request, "service");
    return false;
}

/* --- what the store knows --- */

typedef struct {
    const question_t *question;
    canary_t *canary;
    canary_bucket_t baseline, candidate; /* of the bucket at `start_ns` */
    sketch_t exact[2];                   /* their latencies */
    int64_t start_ns, step_ns;
    bool any;
} minutes_t;

/* Buckets without any request of the service are not in the store, but time passed in them. */
static void add_gap(minutes_t *minutes, int64_t from_ns, int64_t to_ns) {
    static const canary_bucket_t none;
    double seconds = (double)(to_ns - from_ns) / 1e9;
    int64_t buckets = (to_ns - from_ns) / minutes->step_ns;
    if (buckets > GAP_BUCKETS_MAX) buckets = GAP_BUCKETS_MAX;
    for (int64_t i = 0; i < buckets; i++) canary_add(minutes->canary, &none, &none, seconds / (double)buckets);
}

static void end_bucket(minutes_t *minutes) {
    if (minutes->any)
        canary_add(minutes->canary, &minutes->baseline, &minutes->candidate, (double)minutes->step_ns / 1e9);
    minutes->baseline = minutes->candidate = (canary_bucket_t){0};
    for (int i = 0; i < 2; i++) sketch_fini(&minutes->exact[i]);
}

static void take_version(const cell_t *cell, sketch_t *exact, canary_bucket_t *bucket) {
    canary_bucket_of(cell, bucket);
    sketch_merge(exact, &cell->ok); /* the cell is gone when the bucket is whole */
    bucket->exact = exact;
}

static bool add_version(void *context, int64_t start_ns, const entity_key_t *key, observer_t observer,
                        const cell_t *cell) {
    (void)observer;
    minutes_t *minutes = context;
    if (!minutes->any || start_ns != minutes->start_ns) {
        end_bucket(minutes);
        if (minutes->any) add_gap(minutes, minutes->start_ns + minutes->step_ns, start_ns);
        minutes->start_ns = start_ns;
        minutes->any = true;
    }
    if (key->version == minutes->question->baseline_id) take_version(cell, &minutes->exact[0], &minutes->baseline);
    if (key->version == minutes->question->candidate_id) take_version(cell, &minutes->exact[1], &minutes->candidate);
    return true;
}

/* The part of the range that the store can have: a start long ago must not make the buckets coarse. */
static err_t known_range(const web_request_t *request, int64_t *start_ns, int64_t *end_ns) {
    query_status_t status;
    err_t err = query_status(request->query, &status);
    if (err != ERR_OK) return err;
    *start_ns = status.first_ns > request->start_ns ? status.first_ns : request->start_ns;
    *end_ns = status.event_ns < request->end_ns ? status.event_ns + 1 : request->end_ns;
    return ERR_OK;
}

/* All versions of the service are read, so that one observer is chosen for all of them. */
static err_t compare(web_request_t *request, const question_t *question, canary_result_t *result) {
    int64_t start_ns, end_ns;
    err_t err = known_range(request, &start_ns, &end_ns);
    if (err != ERR_OK) return err;
    uint32_t step_s = query_step(request->query, start_ns, end_ns);
    minutes_t minutes = {.question = question, .canary = canary_new(&question->settings), .step_ns = step_s * NS_PER_S};
    for (int i = 0; i < 2; i++) sketch_init(&minutes.exact[i]);
    query_filter_t filter = query_filter_any(1u << ENTITY_VERSION);
    filter.service = question->service_id;
    if (start_ns < end_ns)
        err = query_golden(request->query, start_ns, end_ns, step_s, &filter, GROUP_SERVICE | GROUP_VERSION,
                           add_version, &minutes);
    end_bucket(&minutes);
    if (minutes.any) add_gap(&minutes, minutes.start_ns + minutes.step_ns, end_ns);
    canary_judge(minutes.canary, result);
    canary_free(minutes.canary);
    return err;
}

static bool judge(web_request_t *request, question_t *question, canary_result_t *result, buffer_t *sentence) {
    if (!read_question(request, question)) return false;
    err_t err = compare(request, question, result);
    if (err != ERR_OK) {
        answer_store_error(request, err);
        return false;
    }
    canary_sentence(result, &question->settings, question->service, question->baseline, question->candidate, sentence);
    return true;
}

/* --- the answers --- */

static json_t *side_document(const char *version, const canary_side_t *side) {
    return json_pack("{so,so,so,so,so,so,so,so,so}", "version", value_text(slice_text(version)), "requests_seen",
                     value_number(side->seen), "requests", value_number(side->requests), "errors",
                     value_number(side->errors), "error_ratio", value_number(side->error_ratio), "client_error_ratio",
                     value_number(side->client_ratio), "p50_s", value_number(side->p50_s), "p90_s",
                     value_number(side->p90_s), "p99_s", value_number(side->p99_s));
}

static json_t *evidence_document(const canary_result_t *result) {
    json_t *evidence = json_object();
    for (int i = 0; i < CANARY_SIGNALS; i++)
        json_object_set_new(evidence, canary_signal_names[i], value_number(result->evidence[i]));
    return evidence;
}

static json_t *verdict_document(const web_request_t *request, const question_t *question, const canary_result_t *result,
                                const char *sentence) {
    json_t *document = json_pack(
        "{ss,so,so,so,so,so,so,so,si}", "verdict", canary_verdict_names[result->verdict], "sentence",
        value_text(slice_text(sentence)), "signal",
        result->verdict == CANARY_FAIL ? json_string(canary_signal_names[result->signal]) : json_null(), "service",
        value_text(slice_text(question->service)), "baseline", side_document(question->baseline, &result->baseline),
        "canary", side_document(question->candidate, &result->candidate), "range",
        value_range(request->start_ns, request->end_ns), "compared_s", value_number(result->seconds), "buckets",
        (int)result->buckets);
    json_object_set_new(document, "difference_points", value_number(100 * result->difference));
    json_object_set_new(document, "difference_points_high", value_number(100 * result->difference_high));
    json_object_set_new(
        document, "within",
        json_pack("{sb,sb,sb}", "errors", result->errors_pass, "average", result->body_pass, "p99", result->tail_pass));
    json_object_set_new(document, "evidence", evidence_document(result));
    json_object_set_new(document, "more_requests", value_number(result->more_requests));
    json_object_set_new(document, "more_minutes", value_number(result->more_seconds / 60));
    json_object_set_new(document, "settings",
                        json_pack("{sf,sf,sf,sf}", "alpha", question->settings.alpha, "confidence",
                                  question->settings.confidence, "error_points", 100 * question->settings.error_points,
                                  "latency_factor", question->settings.latency_factor));
    return document;
}

void api_canary(web_request_t *request) {
    question_t question;
    canary_result_t result;
    buffer_t sentence = {0};
    if (judge(request, &question, &result, &sentence))
        answer_json(request, 200, verdict_document(request, &question, &result, (const char *)sentence.data));
    buffer_fini(&sentence);
}

/* 200 opens the gate, 409 keeps it shut; the sentence says why, for the controller's log. */
void api_canary_gate(web_request_t *request) {
    question_t question;
    canary_result_t result;
    buffer_t sentence = {0};
    if (judge(request, &question, &result, &sentence)) {
        bool opens = request_is(request, "open", "pass")          ? result.verdict == CANARY_PASS
                     : request_is(request, "open", "unless_fail") ? result.verdict != CANARY_FAIL
                                                                  : result.verdict == CANARY_FAIL;
        answer_plain(request, opens ? 200 : 409, "text/plain; charset=utf-8", (const char *)sentence.data);
    }
    buffer_fini(&sentence);
}
