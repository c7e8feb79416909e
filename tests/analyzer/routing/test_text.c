/* Objects as text: whatever is in a name, it stays a value; what is read is what was written. */
#include "analyzer/routing/text.h"
#include "tests/test.h"

#include <yaml.h>

static const char *const hostile[] = {"plain",
                                      "a: b",
                                      "two\nlines",
                                      "EOF",
                                      "x\nEOF\nrm -rf /",
                                      "'single' \"double\" \\ back",
                                      "{{ .Values.secret }}",
                                      "${HOME} $(id) `id`",
                                      "- item",
                                      "#comment",
                                      "&anchor *alias !tag",
                                      "yes",
                                      "null",
                                      "1.10",
                                      "0x1f",
                                      "",
                                      " ",
                                      "\t\r\b\x7f",
                                      "caf\xc3\xa9 \xe2\x80\xa8 \xc2\x85 \xef\xbb\xbf \xf0\x9f\x92\xa3",
                                      "---",
                                      "...",
                                      "%YAML 1.1",
                                      "[a, b]",
                                      "y"};
enum { HOSTILE = sizeof hostile / sizeof hostile[0] };

static json_t *read_back(const buffer_t *text) {
    char why[200];
    json_t *objects = NULL;
    if (text_read(buffer_slice(text), &objects, why, sizeof why) != ERR_OK) {
        (void)fprintf(stderr, "not read back: %s\n%.*s\n", why, (int)text->len, (const char *)text->data);
        return NULL;
    }
    return objects;
}

/* A tree out of numbers: keys and values are hostile, depth at most 4. */
static json_t *random_tree(uint64_t *seed, int depth) {
    uint64_t pick = test_random(seed) % (depth == 0 ? 3 : 8);
    const char *text = hostile[test_random(seed) % HOSTILE];
    if (pick <= 2 && depth < 4) {
        json_t *object = json_object();
        for (uint64_t n = test_random(seed) % 4; n > 0; n--)
            (void)json_object_set_new(object, hostile[test_random(seed) % HOSTILE], random_tree(seed, depth + 1));
        return object;
    }
    if (pick == 3 && depth < 4) {
        json_t *array = json_array();
        for (uint64_t n = test_random(seed) % 4; n > 0; n--)
            (void)json_array_append_new(array, random_tree(seed, depth + 1));
        return array;
    }
    if (pick == 4) return json_integer((json_int_t)test_random(seed));
    if (pick == 5) return json_real((double)(int64_t)test_random(seed) / 1e6);
    if (pick == 6) return test_random(seed) % 2 == 0 ? json_true() : json_null();
    return json_string(text);
}

TEST(any_tree_reads_back_from_yaml_and_json_as_it_was_written) {
    uint64_t seed = 20261125;
    for (int round = 0; round < 3000; round++) {
        json_t *tree = random_tree(&seed, 0);
        for (int form = 0; form < 2; form++) {
            buffer_t text = {0};
            (form == 0 ? text_yaml : text_json)(tree, &text);
            json_t *back = read_back(&text);
            bool same = back != NULL && json_array_size(back) == 1 && json_equal(json_array_get(back, 0), tree);
            CHECK(same);
            if (!same) (void)fprintf(stderr, "%.*s\n", (int)text.len, (const char *)text.data);
            json_decref(back);
            buffer_fini(&text);
        }
        json_decref(tree);
        if (test_failures > 0) {
            (void)fprintf(stderr, "round %d\n", round);
            break;
        }
    }
}

TEST(no_line_of_yaml_ends_a_here_document) {
    uint64_t seed = 7;
    for (int round = 0; round < 2000; round++) {
        json_t *tree = random_tree(&seed, 0);
        if (json_is_object(tree) && json_object_size(tree) > 0) {
            buffer_t text = {0};
            text_yaml(tree, &text);
            buffer_byte(&text, 0);
            CHECK(strncmp((const char *)text.data, "EOF\n", 4) != 0);
            CHECK(strstr((const char *)text.data, "\nEOF\n") == NULL);
            buffer_fini(&text);
        }
        json_decref(tree);
    }
}

TEST(a_shell_word_is_one_word_and_nothing_else) {
    for (size_t i = 0; i < HOSTILE; i++) {
        if (strchr(hostile[i], '\r') != NULL) continue;
        buffer_t command = {0};
        buffer_text(&command, "printf '%s|' ");
        text_shell(hostile[i], &command);
        buffer_byte(&command, 0);
        FILE *shell = popen((const char *)command.data, "r"); /* the words above are harmless if they leak */
        char got[200] = "", wanted[200];
        size_t len = shell == NULL ? 0 : fread(got, 1, sizeof got - 1, shell);
        got[len] = '\0';
        if (shell != NULL) (void)pclose(shell);
        (void)snprintf(wanted, sizeof wanted, "%s|", hostile[i]);
        CHECK_TEXT(got, wanted);
        buffer_fini(&command);
    }
}

TEST(hcl_quotes_what_it_would_take_for_an_expression) {
    buffer_t text = {0};
    json_t *tree = json_pack("{ss,s{ss}}", "Name", "${env}\n\"x", "Map", "odd key", "v");
    text_hcl(tree, &text);
    buffer_byte(&text, 0);
    CHECK_TEXT((const char *)text.data, "Name = \"\\u0024{env}\\n\\\"x\"\nMap = {\n  \"odd key\" = \"v\"\n}\n");
    json_decref(tree);
    buffer_fini(&text);
}

static void refused(const char *yaml, const char *because) {
    char why[200] = "";
    json_t *objects = NULL;
    CHECK(text_read(slice_text(yaml), &objects, why, sizeof why) == ERR_MALFORMED && objects == NULL);
    if (strstr(why, because) == NULL) {
        (void)fprintf(stderr, "%s: refused because \"%s\", not \"%s\"\n", yaml, why, because);
        CHECK(false);
    }
}

TEST(what_yaml_readers_disagree_about_is_refused_with_its_line) {
    refused("a: 1\nb: yes\n", "line 2");
    refused("mode: 0644\n", "line 1");
    refused("n: 1_000\n", "disagree");
    refused("n: 0x1F\n", "disagree");
    refused("n: .inf\n", "disagree");
    refused("a: &x 1\nb: *x\n", "aliases");
    refused("a: !!binary aGk=\n", "tags");
    refused("a: 1\na: 2\n", "already");
    refused("? [a]\n: b\n", "words");
    refused("just a word\n", "object");
    refused("", "no object");
    refused("a: [1\n", "line");
}

TEST(depth_and_size_are_bounded) {
    buffer_t text = {0};
    for (int i = 0; i < 5000; i++) buffer_text(&text, "[");
    buffer_byte(&text, 0);
    refused((const char *)text.data, "deep");
    buffer_clear(&text);
    memset(buffer_reserve(&text, LIVE_BYTES_MAX + 1), ' ', LIVE_BYTES_MAX + 1);
    text.len = LIVE_BYTES_MAX + 1;
    char why[200];
    json_t *objects;
    CHECK(text_read(buffer_slice(&text), &objects, why, sizeof why) == ERR_MALFORMED);
    buffer_fini(&text);
}

TEST(a_kubernetes_list_gives_its_items_without_what_the_server_adds) {
    const char *yaml =
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata:\n    name: a\n"
        "    resourceVersion: \"12\"\n    uid: u\n    annotations: {keep: me}\n  status: {x: 1}\n"
        "- apiVersion: v1\n  kind: Service\n  metadata: {name: b}\n";
    char why[200];
    json_t *objects = NULL;
    REQUIRE(text_read(slice_text(yaml), &objects, why, sizeof why) == ERR_OK);
    json_t *wanted =
        json_pack("[{ss,ss,s{ss,s{ss}}},{ss,ss,s{ss}}]", "apiVersion", "v1", "kind", "Service", "metadata", "name", "a",
                  "annotations", "keep", "me", "apiVersion", "v1", "kind", "Service", "metadata", "name", "b");
    CHECK(json_equal(objects, wanted));
    json_decref(wanted);
    json_decref(objects);
}

static void diff_is(const char *before, const char *after, const char *wanted) {
    buffer_t out = {0};
    text_diff(before, after, "x", &out);
    buffer_byte(&out, 0);
    CHECK_TEXT((const char *)out.data, wanted);
    buffer_fini(&out);
}

TEST(a_diff_shows_what_changed_with_three_lines_around) {
    diff_is(NULL, "a\nb\n", "--- /dev/null\n+++ x\n@@ -0,0 +1,2 @@\n+a\n+b\n");
    diff_is("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n",
            "--- x\n+++ x\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
    diff_is("a\nb\n", "b\nc\n", "--- x\n+++ x\n@@ -1,2 +1,2 @@\n-a\n b\n+c\n");
    diff_is("a\n", "a\n", "--- x\n+++ x\n");
}

/* Applies a unified diff as `patch` would, without looking anywhere but at its lines. */
static void patched(const char *before, const char *diff, buffer_t *out) {
    size_t line = 1;
    while (*diff != '\0') {
        size_t len = strcspn(diff, "\n");
        if (strncmp(diff, "@@ -", 4) == 0) {
            char *end;
            size_t from = strtoul(diff + 4, &end, 10), count = strtoul(end + 1, NULL, 10);
            size_t until = count == 0 ? from + 1 : from;
            for (; line < until; line++) {
                size_t n = strcspn(before, "\n");
                buffer_append(out, before, n + 1);
                before += n + 1;
            }
        } else if (*diff == ' ' || *diff == '-' || *diff == '+') {
            if (strncmp(diff, "---", 3) != 0 && strncmp(diff, "+++", 3) != 0) {
                if (*diff != '-') buffer_append(out, diff + 1, len);
                if (*diff != '+') {
                    before += strcspn(before, "\n") + 1;
                    line++;
                }
            }
        }
        diff += len + 1;
    }
    buffer_text(out, before);
    buffer_byte(out, 0);
}

TEST(a_diff_applied_to_the_old_text_gives_the_new_one) {
    uint64_t seed = 99;
    for (int round = 0; round < 500; round++) {
        buffer_t texts[2] = {{0}}, diff = {0}, got = {0};
        for (int t = 0; t < 2; t++) {
            for (uint64_t n = test_random(&seed) % 40; n > 0; n--)
                buffer_format(&texts[t], "k%u\n", (unsigned)(test_random(&seed) % 6));
            buffer_byte(&texts[t], 0);
        }
        text_diff((const char *)texts[0].data, (const char *)texts[1].data, "x", &diff);
        buffer_byte(&diff, 0);
        patched((const char *)texts[0].data, (const char *)diff.data, &got);
        CHECK_TEXT((const char *)got.data, (const char *)texts[1].data);
        for (int t = 0; t < 2; t++) buffer_fini(&texts[t]);
        buffer_fini(&diff);
        buffer_fini(&got);
    }
}

TEST_MAIN(TEST_CASE(any_tree_reads_back_from_yaml_and_json_as_it_was_written),
          TEST_CASE(no_line_of_yaml_ends_a_here_document), TEST_CASE(a_shell_word_is_one_word_and_nothing_else),
          TEST_CASE(hcl_quotes_what_it_would_take_for_an_expression),
          TEST_CASE(what_yaml_readers_disagree_about_is_refused_with_its_line), TEST_CASE(depth_and_size_are_bounded),
          TEST_CASE(a_kubernetes_list_gives_its_items_without_what_the_server_adds),
          TEST_CASE(a_diff_shows_what_changed_with_three_lines_around),
          TEST_CASE(a_diff_applied_to_the_old_text_gives_the_new_one))
