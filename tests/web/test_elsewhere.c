/* What a view makes of its workers' answers. */
#include "tests/test.h"
#include "web/elsewhere.h"

#include <math.h>

/* Apostrophes for quotes. */
static json_t *document(const char *text) {
    char json[2048];
    (void)snprintf(json, sizeof json, "%s", text);
    for (char *at = json; *at != '\0'; at++)
        if (*at == '\'') *at = '"';
    json_t *parsed = json_loads(json, 0, NULL);
    CHECK(parsed != NULL);
    return parsed;
}

static elsewhere_t two_answers(const char *one, const char *other) {
    return (elsewhere_t){.documents = {document(one), document(other)}, .count = 2, .asked = 2};
}

TEST(a_trace_that_two_workers_have_parts_of_is_one_with_every_span_once) {
    elsewhere_t answers =
        two_answers("{'trace_id':'t','start_ms':1000,'duration_s':0.5,'span_count':2,'truncated':false,"
                    "'spans':[{'span_id':'a'},{'span_id':'b'}]}",
                    "{'trace_id':'t','start_ms':900,'duration_s':0.3,'span_count':2,'truncated':false,"
                    "'spans':[{'span_id':'b'},{'span_id':'c'}]}");
    json_t *trace = elsewhere_trace(&answers);
    CHECK_EQUAL(json_array_size(json_object_get(trace, "spans")), 3);
    CHECK_EQUAL(json_integer_value(json_object_get(trace, "span_count")), 3);
    CHECK_EQUAL(json_integer_value(json_object_get(trace, "start_ms")), 900);
    CHECK(fabs(json_real_value(json_object_get(trace, "duration_s")) - 0.6) < 1e-9);
    CHECK(json_is_false(json_object_get(trace, "truncated")));
    json_decref(trace);
    answers.silent = 1;
    trace = elsewhere_trace(&answers);
    CHECK(json_is_true(json_object_get(trace, "truncated")));
    json_decref(trace);
    elsewhere_fini(&answers);
    CHECK(elsewhere_trace(&answers) == NULL);
}

TEST(a_list_is_the_newest_of_all_with_a_trace_of_two_workers_once) {
    elsewhere_t answers = two_answers(
        "{'traces':[{'trace_id':'x','start_ms':3,'duration_s':0,'spans':1,'errors':0,'root_service':'s','root_"
        "operation':"
        "'o','services':['s']},{'trace_id':'y','start_ms':2,'duration_s':0,'spans':2,'errors':1,'root_service':'late',"
        "'root_operation':'o','services':['s']}],'next':null}",
        "{'traces':[{'trace_id':'y','start_ms':1,'duration_s':0,'spans':3,'errors':1,'root_service':'root',"
        "'root_operation':'r','services':['s','u']},{'trace_id':'z','start_ms':0,'duration_s':0,'spans':1,'errors':0,"
        "'root_service':'s','root_operation':'o','services':['s']}],'next':null}");
    bool cut;
    json_t *traces = elsewhere_traces(&answers, 10, &cut), *y = json_array_get(traces, 1);
    CHECK(!cut);
    CHECK_EQUAL(json_array_size(traces), 3);
    CHECK_TEXT(json_string_value(json_object_get(y, "trace_id")), "y");
    CHECK_EQUAL(json_integer_value(json_object_get(y, "spans")), 5);
    CHECK_EQUAL(json_integer_value(json_object_get(y, "errors")), 2);
    CHECK_TEXT(json_string_value(json_object_get(y, "root_service")), "root");
    CHECK_EQUAL(json_array_size(json_object_get(y, "services")), 2);
    json_decref(traces);
    traces = elsewhere_traces(&answers, 2, &cut);
    CHECK(cut);
    CHECK_EQUAL(json_array_size(traces), 2);
    json_decref(traces);
    elsewhere_fini(&answers);
}

/* Nobody listens at port 1: a silent worker is named, not taken for one that has nothing. */
static void one_node(void *context, void (*node)(void *context, const char *id, const char *url), void *node_context) {
    (void)context;
    node(node_context, "gone", "http://127.0.0.1:1");
}

TEST(a_worker_that_does_not_answer_is_named) {
    elsewhere_t answers;
    web_context_t context = {.nodes = {.each = one_node}};
    elsewhere_ask(&context, "/api/v1/traces/0", &answers);
    CHECK_EQUAL(answers.asked, 1);
    CHECK_EQUAL(answers.silent, 1);
    CHECK_TEXT(answers.silent_url, "http://127.0.0.1:1");
    elsewhere_fini(&answers);
}

TEST_MAIN(TEST_CASE(a_trace_that_two_workers_have_parts_of_is_one_with_every_span_once),
          TEST_CASE(a_list_is_the_newest_of_all_with_a_trace_of_two_workers_once),
          TEST_CASE(a_worker_that_does_not_answer_is_named))
