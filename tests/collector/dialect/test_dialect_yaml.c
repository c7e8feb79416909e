#include "collector/dialect/dialect_yaml.h"
#include "tests/test.h"

TEST(a_dialect_of_the_configuration_wins_over_built_in_rows) {
    const char *yaml =
        "dialects:\n"
        "  - name: shop\n"
        "    strip: shop_\n"
        "    labels_only: true\n"
        "    resource: [{key: service.name, role: zone}]\n"
        "    span:\n"
        "      - {key: shop.target, role: peer, form: host, rank: 3}\n"
        "    label: [{key: from, role: caller}]\n"
        "    metrics:\n"
        "      - {name: istio_requests_total, signal: failures, entity: edge, observer: log, needs: caller}\n"
        "      - {name: calls.total, signal: gauge, gauge: \"pending\", scale: 1e-3}\n"
        "    calls: [{caller: shop/web, callee: \"shop/stock\"}]\n";
    const dialect_t **extra;
    char why[200] = "";
    CHECK_EQUAL(dialect_yaml_parse(yaml, 1, &extra, why, sizeof why), ERR_OK);
    CHECK_TEXT(why, "");
    dialect_set_t *set = dialect_set_new(extra);
    CHECK_EQUAL(dialect_find(&set->resource, slice_text("service.name"))->role, ROLE_ZONE);
    const dialect_attribute_t *row = dialect_find(&set->span, slice_text("shop.target"));
    CHECK(row->role == ROLE_PEER && row->form == FORM_HOST && row->rank == 3);
    dialect_rule_t rule = dialect_metric(set, NULL, slice_text("istio_requests_total"));
    CHECK_TEXT(rule.dialect->name, "shop");
    CHECK(rule.dialect->labels_only);
    CHECK(rule.metric->signal == SIGNAL_FAILURES && rule.metric->entity == ENTITY_EDGE);
    CHECK(rule.metric->observer == OBSERVER_LOG && rule.metric->needs == ROLE_CALLER);
    CHECK_EQUAL(dialect_find(rule.labels, slice_text("from"))->role, ROLE_CALLER);
    rule = dialect_metric(set, NULL, slice_text("shop_calls_total"));
    CHECK(rule.metric->scale == 0.001);
    CHECK_TEXT(rule.metric->gauge, "pending");
    CHECK_TEXT(extra[0]->calls[0].caller, "shop/web");
    CHECK_TEXT(extra[0]->calls[0].callee, "shop/stock");
    CHECK(extra[0]->calls[1].caller == NULL);
    dialect_set_free(set);
    dialect_yaml_free(extra);
}

TEST(nothing_is_an_empty_list) {
    static const char *const texts[] = {"", "dialects:\n", "dialects: []", "[]", "# nothing\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const dialect_t **extra;
        char why[200];
        CHECK_EQUAL(dialect_yaml_parse(texts[i], 1, &extra, why, sizeof why), ERR_OK);
        CHECK(extra[0] == NULL);
        dialect_yaml_free(extra);
    }
}

TEST(errors_name_the_line_and_the_word) {
    static const struct {
        const char *yaml, *why;
    } cases[] = {
        {"dialects: 5", "line 10: dialects must be a list"},
        {"- name: a\n  spam: []", "line 11: unknown key \"spam\" of a dialect"},
        {"- {span: []}", "line 10: a dialect needs a name"},
        {"- name: a\n  span:\n    - {key: x, role: nonsense}", "line 12: \"nonsense\" is no role"},
        {"- name: a\n  span:\n    - {key: x, role: \"%n%s\"}", "line 12: not a known role"},
        {"- name: a\n  calls:\n    - {caller: x}", "line 12: a call needs a callee"},
        {"- name: a\n  calls:\n    - {callee: x}", "line 12: a call needs a caller"},
        {"- name: a\n  calls:\n    - {caller: x, to: y}", "line 12: unknown key \"to\" of a call"},
        {"- name: a\n  calls: []\n  calls: []", "line 12: calls is there twice"},
        {"- name: a\n  span:\n    - {key: x}", "line 12: a row needs a role"},
        {"- name: a\n  span:\n    - {role: peer}", "line 12: a row needs a key"},
        {"- name: a\n  span:\n    - {key: x, role: peer, rank: 12}", "line 12: rank is not a number in its range"},
        {"- name: a\n  span: {}", "line 11: span must be a list"},
        {"- name: a\n  span: []\n  span: []", "line 12: span is there twice"},
        {"- name: a\n  span: [x]", "line 11: a row of span must be a mapping"},
        {"- name: a\n  metrics: [{name: x}]", "line 11: a metric needs a signal"},
        {"- name: a\n  metrics: [{name: x, signal: gauge}]", "line 11: a metric with signal gauge needs a gauge"},
        {"- name: a\n  metrics: [{name: x, signal: requests, scale: 0}]",
         "line 11: scale is not a number in its range"},
        {"- name: a\n  metrics: [{name: '', signal: requests}]", "line 11: name is empty"},
        {"- name: [a]", "line 10: name must be a plain text"},
        {"- just a text", "line 10: a dialect must be a mapping"},
        {"- name: a\n  span: [", "line 1"},
        {"other: []", "line 10: dialects must be a list"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const dialect_t **extra;
        char why[200] = "";
        CHECK_EQUAL(dialect_yaml_parse(cases[i].yaml, 10, &extra, why, sizeof why), ERR_INVALID);
        CHECK(extra == NULL);
        if (strncmp(why, cases[i].why, strlen(cases[i].why)) != 0) CHECK_TEXT(why, cases[i].why);
    }
}

TEST(rows_are_bounded) {
    char yaml[40000] = "- name: a\n  label:\n", why[200];
    const dialect_t **extra;
    for (int i = 0; i < DIALECT_EXTRA_ROWS_MAX + 1; i++)
        (void)snprintf(yaml + strlen(yaml), sizeof yaml - strlen(yaml), "    - {key: k.%d, role: peer}\n", i);
    CHECK_EQUAL(dialect_yaml_parse(yaml, 1, &extra, why, sizeof why), ERR_INVALID);
    CHECK(strstr(why, "too many rows of label") != NULL);
    *strrchr(yaml, '-') = '#';
    CHECK_EQUAL(dialect_yaml_parse(yaml, 1, &extra, why, sizeof why), ERR_OK);
    dialect_set_free(dialect_set_new(extra));
    dialect_yaml_free(extra);
}

TEST_MAIN(TEST_CASE(a_dialect_of_the_configuration_wins_over_built_in_rows), TEST_CASE(nothing_is_an_empty_list),
          TEST_CASE(errors_name_the_line_and_the_word), TEST_CASE(rows_are_bounded))
