#include "collector/scrape/scrape_config.h"

#include "base/config_value.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

static const double INTERVAL_MIN_S = 0.1, INTERVAL_MAX_S = 86400;
enum { BODY_MIN = 1024, BODY_MAX = 1 << 30, BODY_DEFAULT = 32 << 20 };

/* ---- values ---- */

/* A duration as Prometheus writes it: "15s", "1m30s", "500ms". */
static bool duration(const char *text, double *seconds) {
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};
    *seconds = 0;
    if (*text == '\0') return false;
    while (*text != '\0') {
        size_t digits = strspn(text, "0123456789"), unit = 0;
        if (digits == 0 || digits > 9) return false;
        size_t len = strcspn(text + digits, "0123456789");
        while (unit < sizeof units / sizeof units[0] &&
               (strlen(units[unit].unit) != len || memcmp(units[unit].unit, text + digits, len) != 0))
            unit++;
        if (unit == sizeof units / sizeof units[0]) return false;
        *seconds += (double)strtoul(text, NULL, 10) * units[unit].factor;
        text += digits + len;
    }
    return true;
}

static bool read_duration(yaml_tree_t *tree, const yaml_node_t *node, const char *key, double *seconds) {
    const char *text;
    if (!yaml_text(tree, node, key, &text)) return false;
    if (!duration(text, seconds)) return yaml_fail(tree, node, "%s must be a time, such as 15s, 1m or 1m30s", key);
    if (*seconds >= INTERVAL_MIN_S && *seconds <= INTERVAL_MAX_S) return true;
    return yaml_fail(tree, node, "%s must be from %.10g to %.10g seconds", key, INTERVAL_MIN_S, INTERVAL_MAX_S);
}

static bool read_bytes(yaml_tree_t *tree, const yaml_node_t *node, const char *key, uint64_t *bytes) {
    const char *text;
    if (!yaml_text(tree, node, key, &text)) return false;
    if (config_value_bytes(text, bytes) && *bytes >= BODY_MIN && *bytes <= BODY_MAX) return true;
    return yaml_fail(tree, node, "%s must be a size from %d to %d bytes, such as 32MiB", key, BODY_MIN, BODY_MAX);
}

static bool read_word(yaml_tree_t *tree, const yaml_node_t *node, const char *key, const char *const *words,
                      const char **out) {
    if (!yaml_text(tree, node, key, out)) return false;
    for (const char *const *word = words; *word != NULL; word++)
        if (strcmp(*word, *out) == 0) return true;
    return yaml_fail(tree, node, "%s must be %s%s%s", key, words[0], words[1] != NULL ? " or " : "",
                     words[1] != NULL ? words[1] : "");
}

/* ---- how to talk to a server ---- */

static bool tls_member(yaml_tree_t *tree, void *context, const char *key, const yaml_node_t *value) {
    http_access_t *access = context;
    if (strcmp(key, "ca_file") == 0) return yaml_text(tree, value, key, &access->ca_file);
    if (strcmp(key, "cert_file") == 0) return yaml_text(tree, value, key, &access->cert_file);
    if (strcmp(key, "key_file") == 0) return yaml_text(tree, value, key, &access->key_file);
    if (strcmp(key, "insecure_skip_verify") == 0) return yaml_flag(tree, value, key, &access->insecure_skip_verify);
    return yaml_unknown(tree, value, key, "tls_config (as it is read here)");
}

static bool authorization_member(yaml_tree_t *tree, void *context, const char *key, const yaml_node_t *value) {
    http_access_t *access = context;
    if (strcmp(key, "type") == 0) return yaml_text(tree, value, key, &access->authorization_type);
    if (strcmp(key, "credentials_file") == 0) return yaml_text(tree, value, key, &access->credentials_file);
    if (strcmp(key, "credentials") == 0)
        return yaml_fail(tree, value,
                         "credentials are not read from the configuration; put them into a file and name it "
                         "as credentials_file");
    return yaml_unknown(tree, value, key, "authorization");
}

static bool basic_member(yaml_tree_t *tree, void *context, const char *key, const yaml_node_t *value) {
    http_access_t *access = context;
    if (strcmp(key, "username") == 0) return yaml_text(tree, value, key, &access->username);
    if (strcmp(key, "password_file") == 0) return yaml_text(tree, value, key, &access->password_file);
    if (strcmp(key, "password") == 0)
        return yaml_fail(tree, value,
                         "a password is not read from the configuration; put it into a file and name it as "
                         "password_file");
    return yaml_unknown(tree, value, key, "basic_auth (as it is read here)");
}

/* *known is false when the key is none of these. */
static bool access_member(yaml_tree_t *tree, http_access_t *access, const char *key, const yaml_node_t *value,
                          bool *known) {
    *known = true;
    if (strcmp(key, "tls_config") == 0) return yaml_mapping(tree, value, key, tls_member, access);
    if (strcmp(key, "authorization") == 0) return yaml_mapping(tree, value, key, authorization_member, access);
    if (strcmp(key, "basic_auth") == 0) return yaml_mapping(tree, value, key, basic_member, access);
    if (strcmp(key, "bearer_token_file") == 0) return yaml_text(tree, value, key, &access->credentials_file);
    *known = false;
    return true;
}

/* ---- discovery ---- */

static bool file_member(yaml_tree_t *tree, void *context, const char *key, const yaml_node_t *value) {
    file_discovery_t *files = context;
    const char *ignored;
    if (strcmp(key, "files") == 0) return texts_read(tree, value, key, &files->patterns, &files->count);
    /* Changes are seen within two seconds, whatever it says. */
    if (strcmp(key, "refresh_interval") == 0) return yaml_text(tree, value, key, &ignored);
    return yaml_unknown(tree, value, key, "file_sd_configs");
}

/* As Prometheus has it: JSON or YAML by the name, and a '*' in its last part only. */
static bool check_pattern(yaml_tree_t *tree, const yaml_node_t *node, const char *pattern) {
    static const char *const endings[] = {".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML"};
    const char *star = strchr(pattern, '*');
    bool known = false;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t len = strlen(pattern), ending = strlen(endings[i]);
        known |= len > ending && strcmp(pattern + len - ending, endings[i]) == 0;
    }
    if (known && (star == NULL || strchr(star, '/') == NULL)) return true;
    return yaml_fail(tree, node,
                     "'%.100s' must end with .json, .yml or .yaml, and a '*' may stand in its last part only", pattern);
}

static bool add_files(yaml_tree_t *tree, void *context, size_t index, const yaml_node_t *item) {
    scrape_job_t *job = context;
    file_discovery_t *files = &job->files[index];
    job->file_count = index + 1;
    if (!yaml_mapping(tree, item, "an item of file_sd_configs", file_member, files)) return false;
    for (size_t i = 0; i < files->count; i++)
        if (!check_pattern(tree, item, files->patterns[i])) return false;
    return files->count > 0 || yaml_fail(tree, item, "file_sd_configs without files");
}

static bool namespaces_member(yaml_tree_t *tree, void *context, const char *key, const yaml_node_t *value) {
    kubernetes_discovery_t *kubernetes = context;
    if (strcmp(key, "names") == 0)
        return texts_read(tree, value, key, &kubernetes->namespaces, &kubernetes->namespace_count);
    return yaml_unknown(tree, value, key, "namespaces (as it is read here)");
}

static bool kubernetes_member(yaml_tree_t *tree, void *context, const char *key, const yaml_node_t *value) {
    static const char *const roles[] = {"pod", NULL};
    kubernetes_discovery_t *kubernetes = context;
    const char *role;
    bool known, fine = access_member(tree, &kubernetes->access, key, value, &known);
    if (!fine || known) return fine;
    if (strcmp(key, "role") == 0) return read_word(tree, value, key, roles, &role);
    if (strcmp(key, "api_server") == 0) return yaml_text(tree, value, key, &kubernetes->api_server);
    if (strcmp(key, "namespaces") == 0) return yaml_mapping(tree, value, key, namespaces_member, kubernetes);
    return yaml_unknown(tree, value, key, "kubernetes_sd_configs (as it is read here)");
}

static bool add_kubernetes(yaml_tree_t *tree, void *context, size_t index, const yaml_node_t *item) {
    scrape_job_t *job = context;
    job->kubernetes_count = index + 1;
    return yaml_mapping(tree, item, "an item of kubernetes_sd_configs", kubernetes_member, &job->kubernetes[index]);
}

/* ---- jobs ---- */

static bool read_discovery(yaml_tree_t *tree, scrape_job_t *job, const char *key, const yaml_node_t *value,
                           bool *known) {
    *known = true;
    if (strcmp(key, "static_configs") == 0) return target_groups_read(tree, value, &job->groups);
    if (strcmp(key, "file_sd_configs") == 0) {
        job->files = memory_new(yaml_count(value) + 1, sizeof *job->files);
        return yaml_sequence(tree, value, key, add_files, job);
    }
    if (strcmp(key, "kubernetes_sd_configs") == 0) {
        job->kubernetes = memory_new(yaml_count(value) + 1, sizeof *job->kubernetes);
        return yaml_sequence(tree, value, key, add_kubernetes, job);
    }
    *known = false;
    return true;
}

static bool unread_member(yaml_tree_t *tree, const char *key, const yaml_node_t *value) {
    if (strstr(key, "relabel_configs") != NULL)
        return yaml_fail(tree, value,
                         "%s are not read: known proxies are found and their pods named without them; "
                         "docs/scraping.md says how to do what they are most used for",
                         key);
    if (strlen(key) > 11 && strcmp(key + strlen(key) - 11, "_sd_configs") == 0)
        return yaml_fail(tree, value, "%s are not read; static_configs, file_sd_configs and kubernetes_sd_configs are",
                         key);
    return yaml_unknown(tree, value, key, "a scrape job (as it is read here)");
}

static bool job_member(yaml_tree_t *tree, void *context, const char *key, const yaml_node_t *value) {
    static const char *const schemes[] = {"http", "https", NULL};
    scrape_job_t *job = context;
    bool known, fine = access_member(tree, &job->access, key, value, &known);
    if (fine && !known) fine = read_discovery(tree, job, key, value, &known);
    if (!fine || known) return fine;
    if (strcmp(key, "job_name") == 0) return yaml_text(tree, value, key, &job->name);
    if (strcmp(key, "metrics_path") == 0) return yaml_text(tree, value, key, &job->metrics_path);
    if (strcmp(key, "scheme") == 0) return read_word(tree, value, key, schemes, &job->scheme);
    if (strcmp(key, "scrape_interval") == 0) return read_duration(tree, value, key, &job->interval_s);
    if (strcmp(key, "scrape_timeout") == 0) return read_duration(tree, value, key, &job->timeout_s);
    if (strcmp(key, "body_size_limit") == 0) return read_bytes(tree, value, key, &job->body_size_limit);
    if (strcmp(key, "honor_labels") == 0) return yaml_flag(tree, value, key, &job->honor_labels);
    if (strcmp(key, "honor_timestamps") == 0) return yaml_flag(tree, value, key, &job->honor_timestamps);
    if (strcmp(key, "enable_compression") == 0) return yaml_flag(tree, value, key, &job->enable_compression);
    if (strcmp(key, "resource_attributes") == 0) return labels_read(tree, value, key, true, &job->resource_attributes);
    return unread_member(tree, key, value);
}

static bool check_job(yaml_tree_t *tree, const scrape_config_t *config, const scrape_job_t *job,
                      const yaml_node_t *node) {
    if (job->name == NULL || job->name[0] == '\0') return yaml_fail(tree, node, "a scrape job needs a job_name");
    for (const scrape_job_t *other = config->jobs; other < job; other++)
        if (strcmp(other->name, job->name) == 0)
            return yaml_fail(tree, node, "there are two scrape jobs '%.60s'", job->name);
    if (job->metrics_path[0] != '/') return yaml_fail(tree, node, "metrics_path must begin with a '/'");
    if (job->timeout_s > job->interval_s)
        return yaml_fail(tree, node, "scrape_timeout is longer than scrape_interval in job '%.60s'", job->name);
    if (job->groups.count + job->file_count + job->kubernetes_count == 0)
        return yaml_fail(
            tree, node, "job '%.60s' has neither static_configs, file_sd_configs nor kubernetes_sd_configs", job->name);
    bool half = (job->access.cert_file == NULL) != (job->access.key_file == NULL);
    return !half || yaml_fail(tree, node, "cert_file and key_file go together");
}

static bool add_job(yaml_tree_t *tree, void *context, size_t index, const yaml_node_t *item) {
    scrape_config_t *config = context;
    scrape_job_t *job = &config->jobs[index];
    config->count = index + 1;
    *job = (scrape_job_t){.metrics_path = "/metrics",
                          .scheme = "http",
                          .interval_s = config->interval_s,
                          .timeout_s = -1,
                          .body_size_limit = config->body_size_limit,
                          .honor_timestamps = true,
                          .enable_compression = true};
    if (!yaml_mapping(tree, item, "a scrape job", job_member, job)) return false;
    if (job->timeout_s < 0) job->timeout_s = fmin(config->timeout_s, job->interval_s);
    return check_job(tree, config, job, item);
}

/* Defaults first: jobs take them wherever they stand. */
static bool default_member(yaml_tree_t *tree, void *context, const char *key, const yaml_node_t *value) {
    scrape_config_t *config = context;
    if (strcmp(key, "scrape_interval") == 0) return read_duration(tree, value, key, &config->interval_s);
    if (strcmp(key, "scrape_timeout") == 0) return read_duration(tree, value, key, &config->timeout_s);
    if (strcmp(key, "body_size_limit") == 0) return read_bytes(tree, value, key, &config->body_size_limit);
    return strcmp(key, "scrape_configs") == 0 || yaml_unknown(tree, value, key, "scrape");
}

static bool jobs_member(yaml_tree_t *tree, void *context, const char *key, const yaml_node_t *value) {
    scrape_config_t *config = context;
    if (strcmp(key, "scrape_configs") != 0) return true;
    if (yaml_count(value) > SCRAPE_JOBS_MAX) return yaml_fail(tree, value, "more than %d scrape jobs", SCRAPE_JOBS_MAX);
    config->jobs = memory_new(yaml_count(value) + 1, sizeof *config->jobs);
    return yaml_sequence(tree, value, key, add_job, config);
}

static bool read_section(yaml_tree_t *tree, void *context, const char *key, const yaml_node_t *value) {
    scrape_config_t *config = context;
    if (strcmp(key, "scrape") != 0) return yaml_unknown(tree, value, key, "this document");
    if (value->type == YAML_SCALAR_NODE && value->data.scalar.length == 0) return true;
    if (!yaml_mapping(tree, value, "scrape", default_member, config)) return false;
    if (config->timeout_s > config->interval_s)
        return yaml_fail(tree, value, "scrape_timeout is longer than scrape_interval");
    return yaml_mapping(tree, value, "scrape", jobs_member, config);
}

err_t scrape_config_parse(const char *yaml, int first_line, scrape_config_t **out, char *why, size_t why_size) {
    scrape_config_t *config = memory_new(1, sizeof *config);
    *config = (scrape_config_t){.interval_s = 15, .timeout_s = 10, .body_size_limit = BODY_DEFAULT};
    bool fine = yaml_tree_load(&config->tree, slice_text(yaml), first_line, why, why_size);
    const yaml_node_t *root = fine ? yaml_root(&config->tree) : NULL;
    if (root != NULL) fine = yaml_mapping(&config->tree, root, "the section", read_section, config);
    config->tree.why = NULL; /* the caller's */
    config->tree.why_size = 0;
    if (fine)
        *out = config;
    else
        scrape_config_free(config);
    return fine ? ERR_OK : ERR_INVALID;
}

void scrape_config_free(scrape_config_t *config) {
    if (config == NULL) return;
    for (size_t i = 0; i < config->count; i++) {
        scrape_job_t *job = &config->jobs[i];
        target_groups_free(&job->groups);
        for (size_t f = 0; f < job->file_count; f++) free(job->files[f].patterns);
        for (size_t k = 0; k < job->kubernetes_count; k++) free(job->kubernetes[k].namespaces);
        free(job->files);
        free(job->kubernetes);
        free(job->resource_attributes);
    }
    free(config->jobs);
    yaml_tree_fini(&config->tree);
    free(config);
}
