/* Where settings come from, who wins, and what is said about mistakes. */
#include "base/config.h"
#include "base/config_value.h"
#include "tests/test.h"

#include <unistd.h>

static char why[600];

/* Loads with a file of this content (NULL = no file) and up to 6 arguments behind the command's name. */
static err_t load(config_t *config, const char *yaml, int argc, char **argv) {
    char path[] = "/tmp/seismesh-config-XXXXXX";
    char *all[12] = {"serve"};
    int count = 1;
    for (int i = 0; i < argc; i++) all[count++] = argv[i];
    int fd = mkstemp(path);
    if (fd < 0) abort();
    if (yaml != NULL) {
        if (write(fd, yaml, strlen(yaml)) != (ssize_t)strlen(yaml)) abort();
        all[count++] = "--config";
        all[count++] = path;
    }
    why[0] = '\0';
    err_t err = config_load(config, &count, all, why, sizeof why);
    if (err == ERR_OK) CHECK_EQUAL(count, 1);
    (void)close(fd);
    (void)unlink(path);
    return err;
}

static bool refused(const char *yaml, const char *sentence) {
    config_t config;
    err_t err = load(&config, yaml, 0, NULL);
    if (err == ERR_OK) config_free(&config);
    bool found = strstr(why, sentence) != NULL;
    if (!found) (void)fprintf(stderr, "     said: %s\n", why);
    return err == ERR_INVALID && found;
}

TEST(without_anything_all_is_as_the_list_says) {
    config_t config;
    REQUIRE(load(&config, NULL, 0, NULL) == ERR_OK);
    CHECK_TEXT(config.listen_otlp_grpc, "127.0.0.1:4317");
    CHECK_TEXT(config.durability, "disk");
    CHECK_EQUAL(config.request_bytes, 64 << 20);
    CHECK_EQUAL(config.names, 1000000);
    CHECK(config.checkpoint_s == 2);
    CHECK(config.spans_store);
    CHECK(config.dialects_yaml == NULL);
    config_free(&config);
}

TEST(the_file_is_read_nested_with_units) {
    config_t config;
    REQUIRE(load(&config,
                 "# mine\nlisten:\n  otlp_grpc: ''\n  web: \"[::1]:80\"\nlimits: {names: 5000, request_bytes: 1MiB}\n"
                 "checkpoint_seconds: 500ms\nspans:\n  store: no\nretention:\n  spans_seconds: 2d\n",
                 0, NULL) == ERR_OK);
    CHECK_TEXT(config.listen_otlp_grpc, "");
    CHECK_TEXT(config.listen_web, "[::1]:80");
    CHECK_EQUAL(config.names, 5000);
    CHECK_EQUAL(config.request_bytes, 1 << 20);
    CHECK(config.checkpoint_s == 0.5);
    CHECK(!config.spans_store);
    CHECK(config.retention_spans_s == 172800);
    config_free(&config);
    REQUIRE(load(&config, "", 0, NULL) == ERR_OK);
    config_free(&config);
    REQUIRE(load(&config, "---\n# nothing\n", 0, NULL) == ERR_OK);
    config_free(&config);
}

TEST(flags_win_over_variables_and_variables_over_the_file) {
    config_t config;
    char *flags[] = {"--limits.names=300", "--data", "/elsewhere"};
    (void)setenv("SEISMESH_LIMITS_NAMES", "200", 1);
    (void)setenv("SEISMESH_LIMITS_ENTITIES", "2000", 1);
    REQUIRE(load(&config, "limits:\n  names: 100\n  entities: 1000\n  connections: 10\ndata: /here\n", 3, flags) ==
            ERR_OK);
    CHECK_EQUAL(config.names, 300);
    CHECK_EQUAL(config.entities, 2000);
    CHECK_EQUAL(config.connections, 10);
    CHECK_TEXT(config.data, "/elsewhere");
    (void)unsetenv("SEISMESH_LIMITS_NAMES");
    (void)unsetenv("SEISMESH_LIMITS_ENTITIES");
    config_free(&config);
}

TEST(arguments_that_are_no_settings_are_left) {
    config_t config;
    char *argv[] = {"backtest", "a.jsonl", "--out", "x.json", "--limits.names", "400", "b.jsonl", "--", "--data", NULL};
    int argc = 9;
    REQUIRE(config_load(&config, &argc, argv, why, sizeof why) == ERR_OK);
    CHECK_EQUAL(argc, 7);
    CHECK_TEXT(argv[1], "a.jsonl");
    CHECK_TEXT(argv[2], "--out");
    CHECK_TEXT(argv[4], "b.jsonl");
    CHECK_TEXT(argv[6], "--data");
    CHECK_EQUAL(config.names, 400);
    config_free(&config);
}

TEST(mistakes_in_the_file_name_the_line_and_the_cure) {
    CHECK(refused("limits:\n  nmaes: 5\n", ":2: there is no setting 'limits.nmaes'; is limits.names meant?"));
    CHECK(refused("names: 5\n", ":1: there is no setting 'names'; is limits.names meant?"));
    CHECK(refused("qwertzuiop: 5\n", "'seismesh help config' lists all"));
    CHECK(refused("limits:\n  names: 5000\n\n  names: 6000\n", ":4: 'limits.names' is given a second time"));
    CHECK(refused("limits:\n  names: 500\nlimits:\n  entities: 500\n", ":3: 'limits' is given a second time"));
    CHECK(refused("limits:\n  names: many\n", ":2: limits.names must be a whole number, not 'many'"));
    CHECK(refused("limits:\n  names: -5\n", "must be a whole number"));
    CHECK(refused("limits:\n  names: 5\n", "limits.names must be from 100 to 100000000, not 5"));
    CHECK(refused("limits:\n  names: [1, 2]\n", "'limits.names' must be a single value, not a list"));
    CHECK(refused("limits: 5\n", "there is no setting 'limits'"));
    CHECK(refused("data:\n  there: 1\n", "there is no setting 'data.there'"));
    CHECK(refused("limits:\n  request_bytes: 12 apples\n", "a size in bytes"));
    CHECK(refused("limits:\n  request_bytes: 0.3\n", "a size in bytes"));
    CHECK(refused("limits:\n  request_bytes:\n", "a size in bytes"));
    CHECK(refused("checkpoint_seconds: 1e3\n", "a time, such as"));
    CHECK(refused("checkpoint_seconds: nan\n", "a time, such as"));
    CHECK(refused("spans:\n  store: maybe\n", "true or false"));
    CHECK(refused("durability: never\n", "durability must be one of disk|process, not 'never'"));
    CHECK(refused("durability: disk|process\n", "must be one of"));
    CHECK(refused("listen:\n  web: 7117\n", "HOST:PORT"));
    CHECK(refused("listen:\n  web: ''\n", "HOST:PORT"));
    CHECK(refused("listen:\n\tweb: x\n", ":2: not YAML"));
    CHECK(refused("a: &x 1\nb: *x\n", ":1: "));
    CHECK(refused("- a\n- b\n", ":1: the file must hold settings"));
    CHECK(refused("data: a\n---\ndata: b\n", "a second document"));
    CHECK(refused("{a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}}}}}", "nested too deep"));
    CHECK(refused("? [a]\n: 1\n", "a key must be a plain word"));
    CHECK(refused("data: \"a\\0b\"\n", "is not text"));
    CHECK(refused("data: \xff\xfe\xfd\n", "not YAML"));
}

TEST(mistakes_elsewhere_name_the_variable_or_flag) {
    config_t config;
    char *wrong[] = {"--limits.names", "x"}, *missing[] = {"--limits.names"};
    CHECK_EQUAL(load(&config, NULL, 2, wrong), ERR_INVALID);
    CHECK(strstr(why, "--limits.names must be a whole number, not 'x'") != NULL);
    CHECK_EQUAL(load(&config, NULL, 1, missing), ERR_INVALID);
    CHECK(strstr(why, "--limits.names needs a value") != NULL);
    (void)setenv("SEISMESH_LISTEN_OTLP_GPRC", "127.0.0.1:1", 1);
    CHECK_EQUAL(load(&config, NULL, 0, NULL), ERR_INVALID);
    CHECK(strstr(why, "SEISMESH_LISTEN_OTLP_GRPC") != NULL);
    (void)unsetenv("SEISMESH_LISTEN_OTLP_GPRC");
    (void)setenv("SEISMESH_DURABILITY", "x", 1);
    CHECK_EQUAL(load(&config, NULL, 0, NULL), ERR_INVALID);
    CHECK(strstr(why, "SEISMESH_DURABILITY: durability must be one of") != NULL);
    (void)unsetenv("SEISMESH_DURABILITY");
    (void)setenv("SEISMESH_CONFIG", "/nowhere/at/all.yaml", 1);
    CHECK_EQUAL(load(&config, NULL, 0, NULL), ERR_NOT_FOUND);
    CHECK(strstr(why, "/nowhere/at/all.yaml") != NULL);
    (void)unsetenv("SEISMESH_CONFIG");
}

TEST(the_dialects_section_is_kept_as_text_with_its_line) {
    config_t config;
    REQUIRE(load(&config, "data: x\ndialects: # ours\n  - name: ü\n    metrics: {a: [b]}\nlog_level: warn\n", 0,
                 NULL) == ERR_OK);
    REQUIRE(config.dialects_yaml != NULL);
    CHECK_TEXT(config.dialects_yaml, "dialects: # ours\n  - name: ü\n    metrics: {a: [b]}\n");
    CHECK_EQUAL(config.dialects_line, 2);
    CHECK_TEXT(config.log_level, "warn");
    config_free(&config);
    REQUIRE(load(&config, "dialects:\n- name: last\n  x: 1", 0, NULL) == ERR_OK);
    CHECK_TEXT(config.dialects_yaml, "dialects:\n- name: last\n  x: 1");
    config_free(&config);
    REQUIRE(load(&config, "dialects: [{name: flow}]\ndata: y\n", 0, NULL) == ERR_OK);
    CHECK_TEXT(config.dialects_yaml, "dialects: [{name: flow}]\n");
    CHECK_TEXT(config.data, "y");
    config_free(&config);
    CHECK(refused("dialects: []\ndialects: []\n", "given a second time"));
}

TEST(what_is_described_can_be_read_and_changes_nothing) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    REQUIRE(out != NULL);
    config_describe(out);
    (void)fclose(out);
    config_t config, defaults;
    CHECK_EQUAL(load(&config, text, 0, NULL), ERR_OK);
    CHECK_TEXT(why, "");
    CHECK_EQUAL(load(&defaults, NULL, 0, NULL), ERR_OK);
    CHECK_EQUAL(config.queue_bytes, defaults.queue_bytes);
    CHECK(config.retention_1h_s == defaults.retention_1h_s);
    CHECK_TEXT(config.forward_otlp_url, defaults.forward_otlp_url);
    CHECK(strstr(text, "SEISMESH_LIMITS_REQUEST_BYTES") != NULL);
    config_free(&config);
    config_free(&defaults);
    free(text);
}

TEST(values_with_units) {
    uint64_t bytes;
    double seconds;
    CHECK(config_value_bytes("64MiB", &bytes) && bytes == 64 << 20);
    CHECK(config_value_bytes("1.5 GB", &bytes) && bytes == 1500000000);
    CHECK(config_value_bytes("0", &bytes) && bytes == 0);
    CHECK(!config_value_bytes("", &bytes) && !config_value_bytes("MiB", &bytes) && !config_value_bytes("5M", &bytes));
    CHECK(!config_value_bytes("99999999TiB", &bytes) && !config_value_bytes("0x10", &bytes));
    CHECK(!config_value_bytes("1111111111111111111111111111111111111111111111111111111111111111111111111", &bytes));
    CHECK(config_value_seconds("250ms", &seconds) && seconds == 0.25);
    CHECK(config_value_seconds("1h", &seconds) && seconds == 3600);
    CHECK(!config_value_seconds("1 hour", &seconds) && !config_value_seconds("inf", &seconds));
    CHECK(!config_value_seconds("-1", &seconds));
}

TEST_MAIN(TEST_CASE(without_anything_all_is_as_the_list_says), TEST_CASE(the_file_is_read_nested_with_units),
          TEST_CASE(flags_win_over_variables_and_variables_over_the_file),
          TEST_CASE(arguments_that_are_no_settings_are_left),
          TEST_CASE(mistakes_in_the_file_name_the_line_and_the_cure),
          TEST_CASE(mistakes_elsewhere_name_the_variable_or_flag),
          TEST_CASE(the_dialects_section_is_kept_as_text_with_its_line),
          TEST_CASE(what_is_described_can_be_read_and_changes_nothing), TEST_CASE(values_with_units))
