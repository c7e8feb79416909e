/* The `scrape:` section: defaults, inheritance, and every key that is documented. What is refused, and with which
 * words, is in tests/interop/scrape/scraping.py. */
#include "collector/scrape/scrape_config.h"
#include "tests/test.h"

static scrape_config_t *parse(const char *yaml) {
    char why[300] = "";
    scrape_config_t *config = NULL;
    (void)scrape_config_parse(yaml, 1, &config, why, sizeof why);
    CHECK_TEXT(why, "");
    return config;
}

TEST(an_empty_section_scrapes_nothing) {
    static const char *const empty[] = {"scrape:\n", "scrape: {}\n", "scrape: {scrape_configs: []}\n"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        scrape_config_t *config = parse(empty[i]);
        REQUIRE(config != NULL);
        CHECK_EQUAL(config->count, 0);
        scrape_config_free(config);
    }
}

TEST(a_job_has_prometheus_defaults) {
    scrape_config_t *config =
        parse("scrape:\n  scrape_configs:\n  - job_name: a\n    static_configs: [{targets: [h:1]}]\n");
    REQUIRE(config != NULL && config->count == 1);
    const scrape_job_t *job = &config->jobs[0];
    CHECK(job->interval_s == 15 && job->timeout_s == 10 && job->body_size_limit == 32 << 20);
    CHECK_TEXT(job->metrics_path, "/metrics");
    CHECK_TEXT(job->scheme, "http");
    CHECK(!job->honor_labels && job->honor_timestamps && job->enable_compression && !job->access.insecure_skip_verify);
    scrape_config_free(config);
}

TEST(a_jobs_own_times_win_and_a_timeout_never_exceeds_its_interval) {
    scrape_config_t *config =
        parse("scrape:\n  scrape_configs:\n  - {job_name: a, static_configs: [{targets: [h]}]}\n"
              "  - {job_name: b, scrape_interval: 5s, static_configs: [{targets: [h]}]}\n"
              "  - {job_name: c, scrape_interval: 2m, scrape_timeout: 90s, static_configs: [{targets: [h]}]}\n"
              "  scrape_interval: 1m30s\n  scrape_timeout: 500ms\n");
    REQUIRE(config != NULL && config->count == 3);
    CHECK(config->jobs[0].interval_s == 90 && config->jobs[0].timeout_s == 0.5);
    CHECK(config->jobs[1].interval_s == 5 && config->jobs[1].timeout_s == 0.5);
    CHECK(config->jobs[2].interval_s == 120 && config->jobs[2].timeout_s == 90);
    scrape_config_free(config);
    config =
        parse("scrape: {scrape_configs: [{job_name: a, scrape_interval: 3s, static_configs: [{targets: [h]}]}]}\n");
    REQUIRE(config != NULL && config->count == 1);
    CHECK(config->jobs[0].timeout_s == 3);
    scrape_config_free(config);
}

TEST(every_documented_key_is_read) {
    scrape_config_t *config = parse(
        "scrape:\n  body_size_limit: 1MiB\n  scrape_configs:\n  - job_name: a\n    metrics_path: /x\n    scheme: "
        "https\n    honor_labels: true\n"
        "    honor_timestamps: false\n    enable_compression: false\n    body_size_limit: 2MiB\n"
        "    tls_config: {ca_file: ca, cert_file: cert, key_file: key, insecure_skip_verify: true}\n"
        "    authorization: {type: Token, credentials_file: secret}\n    basic_auth: {username: u, password_file: p}\n"
        "    static_configs: [{targets: [h:1, h:2], labels: {zone: z}}]\n"
        "    file_sd_configs: [{files: [/a/*.yml, b.json], refresh_interval: 5m}]\n"
        "    kubernetes_sd_configs: [{role: pod, api_server: \"https://k\", namespaces: {names: [n, m]}, "
        "bearer_token_file: t}]\n"
        "    resource_attributes: {k8s.cluster.name: east}\n");
    REQUIRE(config != NULL && config->count == 1);
    const scrape_job_t *job = &config->jobs[0];
    CHECK(job->honor_labels && !job->honor_timestamps && !job->enable_compression && job->body_size_limit == 2 << 20);
    CHECK_TEXT(job->access.ca_file, "ca");
    CHECK_TEXT(job->access.authorization_type, "Token");
    CHECK_TEXT(job->access.credentials_file, "secret");
    CHECK_TEXT(job->access.password_file, "p");
    REQUIRE(job->groups.count == 1 && job->groups.list[0].count == 2);
    CHECK_TEXT(job->groups.list[0].labels[0].value, "z");
    REQUIRE(job->file_count == 1 && job->files[0].count == 2 && job->kubernetes_count == 1);
    CHECK_TEXT(job->files[0].patterns[1], "b.json");
    CHECK_EQUAL(job->kubernetes[0].namespace_count, 2);
    CHECK_TEXT(job->kubernetes[0].access.credentials_file, "t");
    CHECK_TEXT(job->resource_attributes[0].name, "k8s.cluster.name");
    scrape_config_free(config);
}

TEST(a_refusal_names_the_line_of_the_file) {
    char why[300] = "";
    scrape_config_t *config = NULL;
    CHECK_EQUAL(scrape_config_parse("scrape:\n  scrape_configs:\n  - job_name: a\n    colour: red\n", 40, &config, why,
                                    sizeof why),
                ERR_INVALID);
    CHECK(config == NULL);
    CHECK_TEXT(why, "line 43: a scrape job (as it is read here) has no 'colour'");
}

TEST_MAIN(TEST_CASE(an_empty_section_scrapes_nothing), TEST_CASE(a_job_has_prometheus_defaults),
          TEST_CASE(a_jobs_own_times_win_and_a_timeout_never_exceeds_its_interval),
          TEST_CASE(every_documented_key_is_read), TEST_CASE(a_refusal_names_the_line_of_the_file))
