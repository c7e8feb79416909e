/* scrape_config: the `scrape:` section. Keys have Prometheus' names and meaning where Prometheus has them, so that a
 * scrape job can be copied out of prometheus.yml as long as it needs no relabelling:
 *
 *     scrape:
 *       scrape_interval: 15s             # of jobs that do not say otherwise; so are the next two
 *       scrape_timeout: 10s
 *       body_size_limit: 32MiB           # of a page, inflated
 *       scrape_configs:
 *       - job_name: mesh
 *         scrape_interval: 15s
 *         scrape_timeout: 10s
 *         body_size_limit: 32MiB
 *         metrics_path: /stats/prometheus       # /metrics
 *         scheme: http                          # or https
 *         honor_labels: false
 *         honor_timestamps: true
 *         enable_compression: true              # ask for gzip
 *         tls_config: {ca_file: F, cert_file: F, key_file: F, insecure_skip_verify: false}
 *         authorization: {type: Bearer, credentials_file: F}
 *         bearer_token_file: F                  # the same, older
 *         basic_auth: {username: U, password_file: F}
 *         static_configs: [{targets: [HOST:PORT], labels: {NAME: VALUE}}]
 *         file_sd_configs: [{files: [PATTERN]}]
 *         kubernetes_sd_configs: [{role: pod, namespaces: {names: [shop]}}]
 *         resource_attributes: {k8s.cluster.name: east}   # seismesh's own: attributes of all of the job's resources
 *
 * What Prometheus has and is not read here is an error that says so. */
#ifndef SEISMESH_SCRAPE_SCRAPE_CONFIG_H
#define SEISMESH_SCRAPE_SCRAPE_CONFIG_H

#include "base/err.h"
#include "collector/scrape/groups.h"

/* How to talk to a server. NULL = not told. */
typedef struct {
    const char *ca_file, *cert_file, *key_file;
    bool insecure_skip_verify;
    const char *authorization_type; /* "Bearer" */
    const char *credentials_file;   /* read for every request: tokens are renewed */
    const char *username, *password_file;
} http_access_t;

typedef struct {
    const char *
        *patterns; /* of files, as glob(7); Prometheus allows a '*' in the last part only, here it may be anywhere */
    size_t count;
} file_discovery_t;

typedef struct {
    const char *api_server;  /* URL; NULL = that of the cluster that we run in */
    const char **namespaces; /* count 0 = all */
    size_t namespace_count;
    http_access_t access;
} kubernetes_discovery_t;

typedef struct {
    const char *name, *metrics_path, *scheme;
    double interval_s, timeout_s;
    uint64_t body_size_limit;
    bool honor_labels, honor_timestamps, enable_compression;
    http_access_t access;
    target_groups_t groups; /* static_configs */
    file_discovery_t *files;
    size_t file_count;
    kubernetes_discovery_t *kubernetes;
    size_t kubernetes_count;
    origin_label_t *resource_attributes; /* ended by a name of NULL; may be NULL */
} scrape_job_t;

typedef struct scrape_config scrape_config_t;
struct scrape_config {
    scrape_job_t *jobs;
    size_t count;
    double interval_s, timeout_s;
    uint64_t body_size_limit;
    yaml_tree_t tree; /* all texts are its */
};

enum { SCRAPE_JOBS_MAX = 1000 };

/* Reads the section: a YAML document with the one key `scrape`, which begins in line `first_line` of its file.
 * ERR_INVALID: `why` says what is wrong and in which line. To be freed by scrape_config_free, unless it failed. */
err_t scrape_config_parse(const char *yaml, int first_line, scrape_config_t **out, char *why, size_t why_size);
void scrape_config_free(scrape_config_t *config);

#endif
