#include "base/config.h"

#include "base/address.h"
#include "base/buffer.h"
#include "base/config_value.h"
#include "base/config_yaml.h"
#include "base/log.h"
#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

typedef enum { TYPE_text, TYPE_bytes, TYPE_count, TYPE_seconds, TYPE_flag, TYPE_real } setting_type_t;

typedef struct {
    setting_type_t type;
    size_t offset; /* in config_t */
    const char *path, *fallback, *help;
} setting_t;

static const setting_t settings[] = {
#define CONFIG_ROW(type, field, path, fallback, help) {TYPE_##type, offsetof(config_t, field), path, fallback, help},
    CONFIG_LIST(CONFIG_ROW)
#undef CONFIG_ROW
};
enum { SETTINGS = sizeof settings / sizeof settings[0], PATH_BYTES_MAX = 64 };

static const char *const type_sentences[] = {
    [TYPE_text] = "a text",
    [TYPE_bytes] = "a size in bytes, such as 4096, 64MiB or 1GB",
    [TYPE_count] = "a whole number",
    [TYPE_seconds] = "a time, such as 45, 10s, 5m or 1h (a number alone means seconds)",
    [TYPE_flag] = "true or false",
    [TYPE_real] = "a number",
};

/* What a value must be besides its type. Bytes, counts, seconds and numbers: from `low` to `high`. */
typedef struct {
    const char *path;
    double low, high;
    const char *choices; /* "disk|process" */
    bool address, address_or_empty;
} rule_t;

static const double KIB = 1024, MIB = 1048576, GIB = 1073741824, DAY = 86400;

static const rule_t rules[] = {
    {.path = "listen.otlp_grpc", .address_or_empty = true},
    {.path = "listen.otlp_http", .address_or_empty = true},
    {.path = "listen.web", .address = true},
    {.path = "durability", .choices = "disk|process"},
    {.path = "role", .choices = "all|worker|view"},
    {.path = "cluster.pairing_seconds", .low = 0, .high = 600},
    {.path = "cluster.keep_seconds", .low = 1, .high = 3600},
    {.path = "journal.kind", .choices = "local|kafka"},
    {.path = "routing.language",
     .choices =
         "auto|istio|gateway-api|linkerd|consul|consul-k8s|kuma|kuma-universal|app-mesh|google|google-routing|traefik|"
         "traefik-file|smi|traefik-mesh|osm|nsm"},
    {.path = "log_level", .choices = "debug|info|warn|error"},
    {.path = "limits.request_bytes", .low = KIB, .high = GIB}, /* a journal record holds 1 GiB at most */
    {.path = "limits.intake_bytes", .low = MIB, .high = 1024 * GIB},
    {.path = "limits.queue_bytes", .low = MIB, .high = 1024 * GIB},
    {.path = "limits.pending_bytes", .low = MIB, .high = 1024 * GIB},
    {.path = "limits.connections", .low = 1, .high = 1e6},
    {.path = "limits.names", .low = 100, .high = 1e8},
    {.path = "limits.entities", .low = 100, .high = 1e8},
    {.path = "limits.operations_per_service", .low = 1, .high = 1e6},
    {.path = "limits.auxiliary_per_service", .low = 0, .high = 1e5},
    {.path = "limits.scrape_targets", .low = 1, .high = 100000},
    {.path = "limits.scrape_connections", .low = 1, .high = 10000},
    {.path = "limits.metric_streams", .low = 0, .high = 1e8},
    {.path = "pairing.spans", .low = 0, .high = 1e8},
    {.path = "pairing.window_seconds", .low = 1, .high = 3600},
    {.path = "limits.late_seconds", .low = 10, .high = 30 * DAY},
    {.path = "limits.grace_seconds", .low = 0, .high = 600},
    {.path = "limits.silence_seconds", .low = 0.1, .high = DAY},
    {.path = "limits.idle_seconds", .low = 60, .high = 3650 * DAY},
    {.path = "checkpoint_seconds", .low = 0.05, .high = 600},
    {.path = "spans.block_bytes", .low = 4 * KIB, .high = 64 * MIB},
    {.path = "retention.spans_seconds", .low = 60, .high = 3650 * DAY},
    {.path = "retention.rollup_10s_seconds", .low = 600, .high = 3650 * DAY},
    {.path = "retention.full_10s_seconds", .low = 0, .high = 3650 * DAY},
    {.path = "retention.rollup_1m_seconds", .low = 600, .high = 3650 * DAY},
    {.path = "retention.rollup_1h_seconds", .low = 3600, .high = 36500 * DAY},
    {.path = "retention.bytes", .low = 16 * MIB, .high = 1048576 * GIB},
    {.path = "journal.segment_bytes", .low = 64 * KIB, .high = 4 * GIB},
    {.path = "forward.queue_bytes", .low = 64 * KIB, .high = 1024 * GIB},
    {.path = "analyzer.sensitivity", .low = 0.01, .high = 100},
    {.path = "analyzer.minimum_per_minute", .low = 0, .high = 1e9},
};

/* ---- looking keys up ---- */

static const setting_t *setting_named(const char *path) {
    for (size_t i = 0; i < SETTINGS; i++)
        if (strcmp(settings[i].path, path) == 0) return &settings[i];
    return NULL;
}

static const rule_t *rule_of(const setting_t *setting) {
    static const rule_t none = {.high = DBL_MAX};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strcmp(rules[i].path, setting->path) == 0) return &rules[i];
    return &none;
}

/* Insertions, deletions and replacements between two words (Levenshtein), of at most PATH_BYTES_MAX characters. */
static size_t distance(const char *a, const char *b) {
    size_t row[PATH_BYTES_MAX + 1], len = strlen(b);
    for (size_t j = 0; j <= len; j++) row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            size_t shorter = row[j - 1] < row[j] ? row[j - 1] : row[j];
            row[j] = shorter + 1 < replaced ? shorter + 1 : replaced;
        }
    }
    return row[len];
}

/* "names" is near to "limits.names": the section is what people forget. */
static bool is_last_part(const char *path, const char *name) {
    const char *dot = strrchr(path, '.');
    return dot != NULL && strcmp(dot + 1, name) == 0;
}

const char *config_nearest(const char *name) {
    size_t best = strlen(name) / 3 + 1;
    const char *nearest = NULL;
    if (strlen(name) > PATH_BYTES_MAX) return NULL;
    for (size_t i = 0; i < SETTINGS; i++) {
        size_t far = is_last_part(settings[i].path, name) ? 0 : distance(name, settings[i].path);
        if (far > best || (nearest != NULL && far == best)) continue;
        best = far;
        nearest = settings[i].path;
    }
    return nearest;
}

/* "SEISMESH_LIMITS_NAMES" of "limits.names". */
static void variable_of(const char *path, char *variable, size_t size) {
    (void)snprintf(variable, size, "SEISMESH_%s", path);
    for (char *at = variable; *at != '\0'; at++) *at = *at == '.' ? '_' : (char)toupper((unsigned char)*at);
}

static const char *nearest_variable(const char *name, char *variable, size_t size) {
    char path[PATH_BYTES_MAX];
    const char *best = NULL;
    size_t least = strlen(name) / 4 + 1;
    if (strlen(name) > PATH_BYTES_MAX) return NULL;
    for (size_t i = 0; i < SETTINGS; i++) {
        variable_of(settings[i].path, path, sizeof path);
        size_t far = distance(name, path);
        if (far > least || (best != NULL && far == least)) continue;
        least = far;
        best = settings[i].path;
    }
    if (best != NULL) variable_of(best, variable, size);
    return best != NULL ? variable : NULL;
}

/* ---- setting values ---- */

static bool among(const char *choices, const char *value) {
    size_t len = strlen(value);
    for (const char *at = choices; len > 0 && strchr(value, '|') == NULL && at != NULL; at = strchr(at, '|')) {
        if (*at == '|') at++;
        if (strncmp(at, value, len) == 0 && (at[len] == '\0' || at[len] == '|')) return true;
    }
    return false;
}

static bool out_of_range(const setting_t *setting, const char *value, const rule_t *rule, char *why, size_t size) {
    const char *unit = setting->type == TYPE_bytes ? " bytes" : setting->type == TYPE_seconds ? " seconds" : "";
    (void)snprintf(why, size, "%s must be from %.10g to %.10g%s, not %s", setting->path, rule->low, rule->high, unit,
                   value);
    return false;
}

static bool set_text(const setting_t *setting, char **field, const char *value, char *why, size_t size) {
    const rule_t *rule = rule_of(setting);
    char quoted[200];
    address_t address;
    (void)log_quote(quoted, sizeof quoted, slice_text(value));
    if (rule->choices != NULL && !among(rule->choices, value)) {
        (void)snprintf(why, size, "%s must be one of %s, not '%s'", setting->path, rule->choices, quoted);
        return false;
    }
    bool wanted = rule->address || (rule->address_or_empty && value[0] != '\0');
    if (wanted && !address_parse(value, &address)) {
        (void)snprintf(why, size, "%s must be HOST:PORT, such as %s, not '%s'", setting->path, setting->fallback,
                       quoted);
        return false;
    }
    free(*field);
    *field = memory_text(value);
    return true;
}

static bool wrong_type(const setting_t *setting, const char *value, char *why, size_t size) {
    char quoted[200];
    (void)snprintf(why, size, "%s must be %s, not '%s'", setting->path, type_sentences[setting->type],
                   log_quote(quoted, sizeof quoted, slice_text(value)));
    return false;
}

/* Gives a key its value; a sentence when it cannot have it. */
static bool setting_set(config_t *config, const setting_t *setting, const char *value, char *why, size_t size) {
    void *field = (char *)config + setting->offset;
    const rule_t *rule = rule_of(setting);
    uint64_t whole = 0;
    double number = 0;
    switch (setting->type) {
    case TYPE_text:
        return set_text(setting, field, value, why, size);
    case TYPE_flag:
        return config_value_flag(value, field) || wrong_type(setting, value, why, size);
    case TYPE_bytes:
    case TYPE_count:
        if (!(setting->type == TYPE_bytes ? config_value_bytes : config_value_count)(value, &whole))
            return wrong_type(setting, value, why, size);
        if ((double)whole < rule->low || (double)whole > rule->high)
            return out_of_range(setting, value, rule, why, size);
        *(uint64_t *)field = whole;
        return true;
    case TYPE_seconds:
    case TYPE_real:
        if (!(setting->type == TYPE_seconds ? config_value_seconds : config_value_real)(value, &number))
            return wrong_type(setting, value, why, size);
        if (number < rule->low || number > rule->high) return out_of_range(setting, value, rule, why, size);
        *(double *)field = number;
        return true;
    }
    return false;
}

static bool set_defaults(config_t *config, char *why, size_t size) {
    for (size_t i = 0; i < SETTINGS; i++)
        if (!setting_set(config, &settings[i], settings[i].fallback, why, size)) return false;
    return true;
}

/* ---- the file ---- */

static bool set_from_file(void *context, const char *key, const char *value, int line, char *why, size_t size) {
    (void)line;
    const setting_t *setting = setting_named(key);
    if (setting != NULL) return setting_set(context, setting, value, why, size);
    char quoted[200];
    const char *nearest = config_nearest(key);
    (void)log_quote(quoted, sizeof quoted, slice_text(key));
    if (nearest != NULL)
        (void)snprintf(why, size, "there is no setting '%s'; is %s meant?", quoted, nearest);
    else
        (void)snprintf(why, size, "there is no setting '%s'; 'seismesh help config' lists all", quoted);
    return false;
}

/* Sections of a shape of their own, which others read. */
static const char *const kept_sections[] = {"dialects", "scrape", NULL};

static void keep_section(void *context, const char *name, slice_t text, int line) {
    config_t *config = context;
    bool dialects = strcmp(name, "dialects") == 0;
    char *copy = memory_new(1, text.len + 1);
    memcpy(copy, text.data, text.len);
    *(dialects ? &config->dialects_yaml : &config->scrape_yaml) = copy;
    *(dialects ? &config->dialects_line : &config->scrape_line) = line;
}

static err_t read_whole(const char *path, buffer_t *text, char *why, size_t size) {
    FILE *file = fopen(path, "rb");
    size_t got = 0;
    if (file != NULL) {
        do {
            got = fread(buffer_reserve(text, 65536), 1, 65536, file);
            text->len += got;
        } while (got > 0 && text->len <= CONFIG_YAML_BYTES_MAX);
        if (ferror(file) == 0) return fclose(file), ERR_OK;
        (void)fclose(file);
    }
    (void)snprintf(why, size, "the configuration file %s cannot be read: %s", path, strerror(errno));
    return ERR_NOT_FOUND;
}

static err_t read_file(config_t *config, const char *path, char *why, size_t size) {
    buffer_t text = {0};
    char sentence[500];
    const config_yaml_sink_t sink = {config, set_from_file, kept_sections, keep_section};
    err_t err = read_whole(path, &text, why, size);
    if (err == ERR_OK) {
        err = config_yaml_read(buffer_slice(&text), &sink, sentence, sizeof sentence);
        if (err != ERR_OK) (void)snprintf(why, size, "%s:%s", path, sentence);
    }
    buffer_fini(&text);
    return err;
}

/* ---- variables ---- */

static const setting_t *setting_of_variable(const char *name, size_t len) {
    char variable[PATH_BYTES_MAX + 16];
    for (size_t i = 0; i < SETTINGS; i++) {
        variable_of(settings[i].path, variable, sizeof variable);
        if (strlen(variable) == len && memcmp(variable, name, len) == 0) return &settings[i];
    }
    return NULL;
}

static bool set_from_variable(config_t *config, const char *entry, char *why, size_t size) {
    char name[100], near[100], sentence[400];
    const char *equals = strchr(entry, '=');
    size_t len = equals == NULL ? strlen(entry) : (size_t)(equals - entry);
    const char *value = equals == NULL ? "" : equals + 1;
    (void)log_quote(name, sizeof name, slice_of(entry, len));
    if (strcmp(name, "SEISMESH_CONFIG") == 0) return true;
    const setting_t *setting = setting_of_variable(entry, len);
    if (setting == NULL) {
        const char *nearest = nearest_variable(name, near, sizeof near);
        (void)snprintf(why, size, "the variable %s is no setting of seismesh%s%s; unset it or correct its name", name,
                       nearest != NULL ? ", is this meant: " : "", nearest != NULL ? nearest : "");
        return false;
    }
    if (setting_set(config, setting, value, sentence, sizeof sentence)) return true;
    (void)snprintf(why, size, "%s: %s", name, sentence);
    return false;
}

static bool set_from_variables(config_t *config, char *why, size_t size) {
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        if (strncmp(*entry, "SEISMESH_", 9) == 0 && !set_from_variable(config, *entry, why, size)) return false;
    return true;
}

/* ---- flags ---- */

/* Length of the name in "--limits.names=5", without the dashes; 0 when it is no long flag. */
static size_t flag_name(const char *argument, const char **value) {
    if (strncmp(argument, "--", 2) != 0 || argument[2] == '\0') return 0;
    size_t len = strcspn(argument + 2, "=");
    *value = argument[2 + len] == '=' ? argument + 3 + len : NULL;
    return len;
}

static const setting_t *setting_of_flag(const char *argument, size_t len) {
    for (size_t i = 0; i < SETTINGS; i++)
        if (strlen(settings[i].path) == len && memcmp(settings[i].path, argument + 2, len) == 0) return &settings[i];
    return NULL;
}

typedef bool (*flag_taker_t)(void *context, const setting_t *setting, const char *value, char *why, size_t size);

/* Takes out of argv every flag that `config` or a setting has the name of, and gives it to `take` (setting NULL for
 * --config). Everything from "--" on is left alone. */
static bool take_flags(int *argc, char **argv, bool settings_too, flag_taker_t take, void *context, char *why,
                       size_t size) {
    int kept = 1, at = 1;
    bool fine = true;
    for (; fine && at < *argc && strcmp(argv[at], "--") != 0; at++) {
        const char *value = NULL, *argument = argv[at];
        size_t len = flag_name(argument, &value);
        bool file = len == 6 && memcmp(argument + 2, "config", 6) == 0;
        const setting_t *setting = file || !settings_too || len == 0 ? NULL : setting_of_flag(argument, len);
        if (!(file && !settings_too) && setting == NULL) {
            argv[kept++] = argv[at];
            continue;
        }
        if (value == NULL && at + 1 < *argc) value = argv[++at];
        if (value == NULL) (void)snprintf(why, size, "%s needs a value", argument);
        fine = value != NULL && take(context, setting, value, why, size);
    }
    while (at < *argc) argv[kept++] = argv[at++];
    *argc = kept;
    argv[kept] = NULL;
    return fine;
}

static bool take_setting(void *context, const setting_t *setting, const char *value, char *why, size_t size) {
    char sentence[400];
    if (setting_set(context, setting, value, sentence, sizeof sentence)) return true;
    (void)snprintf(why, size, "--%s", sentence);
    return false;
}

static bool take_path(void *context, const setting_t *setting, const char *value, char *why, size_t size) {
    (void)setting;
    (void)why;
    (void)size;
    *(const char **)context = value;
    return true;
}

/* ---- all of it ---- */

err_t config_check_file(config_t *config, const char *path, char *why, size_t why_size) {
    *config = (config_t){0};
    err_t err = set_defaults(config, why, why_size) ? read_file(config, path, why, why_size) : ERR_INVALID;
    if (err != ERR_OK) config_free(config);
    return err;
}

err_t config_load(config_t *config, int *argc, char **argv, char *why, size_t why_size) {
    const char *path = getenv("SEISMESH_CONFIG");
    *config = (config_t){0};
    err_t err = ERR_INVALID;
    if (set_defaults(config, why, why_size) && take_flags(argc, argv, false, take_path, &path, why, why_size))
        err = ERR_OK;
    if (err == ERR_OK && path != NULL && path[0] != '\0') err = read_file(config, path, why, why_size);
    if (err == ERR_OK && (!set_from_variables(config, why, why_size) ||
                          !take_flags(argc, argv, true, take_setting, config, why, why_size)))
        err = ERR_INVALID;
    if (err != ERR_OK) config_free(config);
    return err;
}

void config_free(config_t *config) {
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].type == TYPE_text) free(*(char **)(void *)((char *)config + settings[i].offset));
    free(config->dialects_yaml);
    free(config->scrape_yaml);
    *config = (config_t){0};
}

/* ---- describing ---- */

static void describe_one(FILE *out, const setting_t *setting, const char *indent, const char *name) {
    char variable[PATH_BYTES_MAX + 16];
    variable_of(setting->path, variable, sizeof variable);
    const rule_t *rule = rule_of(setting);
    (void)fprintf(out, "%s# %s. %s\n", indent, setting->help, variable);
    if (rule->high > 0 && rule->high < DBL_MAX)
        (void)fprintf(out, "%s# From %.10g to %.10g.\n", indent, rule->low, rule->high);
    (void)fprintf(out, "%s%s: %s\n", indent, name, setting->fallback[0] != '\0' ? setting->fallback : "\"\"");
}

/* Keys of a section stand together, where its first key is in the list. */
static void describe_section(FILE *out, size_t first) {
    size_t len = strcspn(settings[first].path, ".");
    for (size_t i = 0; i < first; i++)
        if (strncmp(settings[i].path, settings[first].path, len + 1) == 0) return;
    (void)fprintf(out, "\n%.*s:\n", (int)len, settings[first].path);
    for (size_t i = first; i < SETTINGS; i++)
        if (strncmp(settings[i].path, settings[first].path, len + 1) == 0)
            describe_one(out, &settings[i], "  ", settings[i].path + len + 1);
}

static const char scrape_example[] =
    "\n# Proxies to scrape, so that no Collector is needed. The keys are Prometheus' own; all there are: "
    "docs/scraping.md.\n"
    "#scrape:\n"
    "#  scrape_interval: 15s\n"
    "#  scrape_timeout: 10s\n"
    "#  body_size_limit: 32MiB\n"
    "#  scrape_configs:\n"
    "#  - job_name: pods                  # known proxies and annotated pods, with this pod's service account\n"
    "#    kubernetes_sd_configs: [{role: pod}]\n"
    "#  - job_name: files\n"
    "#    file_sd_configs: [{files: [/etc/seismesh/targets/*.yml]}]\n"
    "#  - job_name: these\n"
    "#    metrics_path: /stats/prometheus\n"
    "#    static_configs: [{targets: [\"10.0.0.1:15020\"], labels: {namespace: shop}}]\n";

void config_describe(FILE *out) {
    (void)fprintf(out,
                  "# Every setting of seismesh with its default. A file needs only what differs from it.\n"
                  "# Each setting also has a variable, named here, and a flag: --limits.names 5000.\n"
                  "# Flags win over variables, variables over the file. --config FILE (or SEISMESH_CONFIG) names "
                  "the file.\n"
                  "# Sizes: 4096, 64MiB, 1GB. Times: 45, 10s, 5m, 1h, 2d; a number alone means seconds.\n"
                  "# A section `dialects:` teaches other names for signals and labels; see the manual.\n"
                  "# A section `scrape:` names proxies to scrape, as prometheus.yml does; see the end of this file and "
                  "docs/scraping.md.\n\n");
    for (size_t i = 0; i < SETTINGS; i++) {
        if (strchr(settings[i].path, '.') == NULL) describe_one(out, &settings[i], "", settings[i].path);
    }
    for (size_t i = 0; i < SETTINGS; i++)
        if (strchr(settings[i].path, '.') != NULL) describe_section(out, i);
    (void)fputs(scrape_example, out);
}
