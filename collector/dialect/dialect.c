/* Compiling dialects into look-up tables. Metric names are compared as Prometheus would spell them: dots, slashes and
 * hyphens are underscores. A name is looked for as it is first, then without the suffixes that Prometheus exporters add
 * and Collectors can take off again; a row's own shortened name never hides another row's full one. */
#include "collector/dialect/dialect.h"

#include "base/memory.h"
#include "base/table.h"

#include <assert.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { METRIC_NAME_MAX = 256, DIALECTS_MAX = 32 };

const char *const role_names[ROLES] = {
    "none",
    "service",
    "namespace",
    "cluster",
    "version",
    "zone",
    "instance",
    "caller",
    "caller_namespace",
    "caller_cluster",
    "callee",
    "callee_namespace",
    "callee_cluster",
    "callee_version",
    "callee_zone",
    "callee_instance",
    "peer",
    "peer_host",
    "peer_host_namespace",
    "operation",
    "route",
    "method",
    "rpc_service",
    "rpc_method",
    "rpc_system",
    "http_status",
    "grpc_status",
    "status_class",
    "response_flags",
    "error",
    "success",
    "request_bytes",
    "response_bytes",
    "retries",
    "database",
    "messaging",
    "protocol",
    "proxy",
    "span_kind",
    "reporter",
    "quantile",
    "statistic",
    "duration_ms",
    "duration_ns",
    "other",
    "other_namespace",
    "other_cluster",
    "caller_identity",
    "evidence",
    "workload",
    "scraped",
    "sender",
    "node_log",
    "node_cluster",
};

const char *const form_names[FORMS] = {
    "text",    "host", "istio_cluster", "istio_node",       "name_namespace",  "known",        "istio_sni",
    "service", "own",  "target",        "linkerd_identity", "traefik_service", "app_mesh_node"};

const char *const mesh_names[MESHES] = {"",         "istio", "linkerd", "consul",  "kuma",
                                        "app_mesh", "osm",   "google",  "traefik", "nsm"};

const char *const signal_names[SIGNALS] = {
    "ignored",           "requests",      "failures",      "latency",        "latency_requests",
    "client_latency",    "retries",       "request_bytes", "response_bytes", "gauge",
    "latency_statistic", "success_ratio", "request_rate",  "request_count",  "routes",
};

/* A metric name in the spelling that names are compared in. */
typedef struct {
    char text[METRIC_NAME_MAX];
    size_t len;
} spelling_t;

typedef struct {
    spelling_t spelling;
    dialect_rule_t rule;
} entry_t;

struct dialect_index {
    entry_t *entries;
    uint32_t count, capacity;
    table_t table;
    const dialect_t *dialects[DIALECTS_MAX];
    dialect_keys_t *labels[DIALECTS_MAX];
    uint32_t dialect_count;
    char **aliases; /* keys spelled with underscores; owned */
    uint32_t alias_count, alias_capacity;
};

static slice_t spelling_slice(const spelling_t *spelling) {
    return slice_of(spelling->text, spelling->len);
}

static bool spell(slice_t name, spelling_t *out) {
    if (name.len == 0 || name.len > sizeof out->text) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = (char)name.data[i];
        out->text[i] = c == '.' || c == '/' || c == '-' ? '_' : c;
    }
    out->len = name.len;
    return true;
}

static bool drop_suffix(spelling_t *name, const char *suffix) {
    size_t len = strlen(suffix);
    if (name->len <= len || memcmp(name->text + name->len - len, suffix, len) != 0) return false;
    name->len -= len;
    return true;
}

static void shorten(spelling_t *name) {
    static const char *const units[] = {"_seconds", "_milliseconds", "_bytes", "_ratio", "_percent", NULL};
    (void)drop_suffix(name, "_total");
    for (const char *const *unit = units; *unit != NULL; unit++)
        if (drop_suffix(name, *unit)) return;
}

static const entry_t *find_entry(const struct dialect_index *index, const spelling_t *name) {
    uint64_t hash = XXH3_64bits(name->text, name->len);
    for (table_probe_t p = table_probe(&index->table, hash); table_next(&index->table, &p);)
        if (slice_equal(spelling_slice(&index->entries[p.index].spelling), spelling_slice(name)))
            return &index->entries[p.index];
    return NULL;
}

static void add_entry(struct dialect_index *index, const spelling_t *name, dialect_rule_t rule) {
    if (find_entry(index, name) != NULL) return;
    if (index->count == index->capacity) {
        index->capacity = index->capacity == 0 ? 256 : index->capacity * 2;
        index->entries = memory_resize(index->entries, index->capacity * sizeof *index->entries);
    }
    index->entries[index->count] = (entry_t){.spelling = *name, .rule = rule};
    table_insert(&index->table, XXH3_64bits(name->text, name->len), index->count++);
}

static void add_metrics(struct dialect_index *index, uint32_t which, bool shortened) {
    const dialect_t *dialect = index->dialects[which];
    if (dialect->before != ROLE_NONE) return; /* endings: found by find_ending */
    for (const dialect_metric_t *metric = dialect->metrics; metric != NULL && metric->name != NULL; metric++) {
        spelling_t name;
        if (!spell(slice_text(metric->name), &name)) continue;
        if (shortened) shorten(&name);
        add_entry(index, &name, (dialect_rule_t){dialect, metric, index->labels[which], {NULL, 0}});
    }
}

static void add_key(dialect_keys_t *keys, slice_t key, const dialect_attribute_t *row) {
    if (key.len == 0 || dialect_find(keys, key) != NULL) return;
    uint32_t at = dialect_slot(key);
    while (keys->slots[at].row != NULL) at = (at + 1) & (DIALECT_SLOTS - 1);
    keys->slots[at] = (dialect_key_t){key, row};
}

/* The key with underscores, when that differs; owned by the index. */
static slice_t alias_of(struct dialect_index *index, const char *key) {
    if (strchr(key, '.') == NULL) return slice_of(NULL, 0);
    char *alias = memory_text(key);
    for (char *c = alias; *c != '\0'; c++)
        if (*c == '.') *c = '_';
    if (index->alias_count == index->alias_capacity) {
        index->alias_capacity = index->alias_capacity == 0 ? 256 : index->alias_capacity * 2;
        index->aliases = memory_resize(index->aliases, index->alias_capacity * sizeof *index->aliases);
    }
    index->aliases[index->alias_count++] = alias;
    return slice_text(alias);
}

static uint32_t add_rows(dialect_keys_t *keys, const dialect_attribute_t *rows) {
    uint32_t count = 0;
    for (; rows != NULL && rows->key != NULL; rows++, count++) add_key(keys, slice_text(rows->key), rows);
    return count;
}

/* Aliases come last, so that they never hide a key; while there is room, so that the table stays at most 3/4 full. */
static void add_aliases(struct dialect_index *index, dialect_keys_t *keys, const dialect_attribute_t *rows,
                        uint32_t *count) {
    for (; rows != NULL && rows->key != NULL && *count < DIALECT_ROWS_MAX; rows++) {
        slice_t alias = alias_of(index, rows->key);
        add_key(keys, alias, rows);
        *count += alias.len > 0;
    }
}

typedef const dialect_attribute_t *(*rows_of_t)(const dialect_t *dialect);
static const dialect_attribute_t *resource_rows(const dialect_t *dialect) {
    return dialect->resource;
}
static const dialect_attribute_t *span_rows(const dialect_t *dialect) {
    return dialect->span;
}
static const dialect_attribute_t *log_rows(const dialect_t *dialect) {
    return dialect->log;
}

static void compile_keys(struct dialect_index *index, dialect_keys_t *keys, rows_of_t rows_of) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < index->dialect_count; i++) count += add_rows(keys, rows_of(index->dialects[i]));
    assert(count <= DIALECT_ROWS_MAX);
    for (uint32_t i = 0; i < index->dialect_count; i++) add_aliases(index, keys, rows_of(index->dialects[i]), &count);
}

static void add_dialect(struct dialect_index *index, const dialect_t *dialect) {
    assert(index->dialect_count < DIALECTS_MAX);
    index->dialects[index->dialect_count++] = dialect;
}

/* Whether the labels of `other` are read on the metrics of `dialect`: its own, and those of the dialects beside it. */
static bool lends_labels(const dialect_t *other, const dialect_t *dialect) {
    return other == dialect || other->beside == dialect;
}

static void compile_labels(struct dialect_index *index, uint32_t which) {
    dialect_keys_t *labels = index->labels[which] = memory_new(1, sizeof *labels);
    uint32_t count = 0;
    for (uint32_t i = 0; i < index->dialect_count; i++)
        if (lends_labels(index->dialects[i], index->dialects[which]))
            count += add_rows(labels, index->dialects[i]->label);
    assert(count <= DIALECT_ROWS_MAX);
    for (uint32_t i = 0; i < index->dialect_count; i++)
        if (lends_labels(index->dialects[i], index->dialects[which]))
            add_aliases(index, labels, index->dialects[i]->label, &count);
}

/* Roles of spans whose keys can tell the mesh. */
static uint64_t evidence_roles(const struct dialect_index *index) {
    uint64_t roles = 0;
    for (uint32_t i = 0; i < index->dialect_count; i++)
        for (const dialect_attribute_t *row = index->dialects[i]->span; row != NULL && row->key != NULL; row++)
            if (row->mesh != MESH_NONE) roles |= UINT64_C(1) << row->role;
    return roles;
}

dialect_set_t *dialect_set_new(const dialect_t *const *extra) {
    dialect_set_t *set = memory_new(1, sizeof *set);
    struct dialect_index *index = set->index = memory_new(1, sizeof *index);
    for (; extra != NULL && *extra != NULL; extra++) add_dialect(index, *extra);
    for (const dialect_t *const *dialect = dialect_list; *dialect != NULL; dialect++) add_dialect(index, *dialect);
    for (uint32_t i = 0; i < index->dialect_count; i++) compile_labels(index, i);
    set->span_evidence = evidence_roles(index);
    compile_keys(index, &set->resource, resource_rows);
    compile_keys(index, &set->span, span_rows);
    compile_keys(index, &set->log, log_rows);
    for (uint32_t i = 0; i < index->dialect_count; i++) add_metrics(index, i, false);
    for (uint32_t i = 0; i < index->dialect_count; i++) add_metrics(index, i, true);
    return set;
}

void dialect_set_free(dialect_set_t *set) {
    if (set == NULL) return;
    struct dialect_index *index = set->index;
    for (uint32_t i = 0; i < index->dialect_count; i++) free(index->labels[i]);
    for (uint32_t i = 0; i < index->alias_count; i++) free(index->aliases[i]);
    free(index->aliases);
    free(index->entries);
    table_fini(&index->table);
    free(index);
    free(set);
}

static const entry_t *find_spelled(const struct dialect_index *index, spelling_t name) {
    const entry_t *entry = find_entry(index, &name);
    if (entry != NULL) return entry;
    size_t len = name.len;
    shorten(&name);
    return name.len < len ? find_entry(index, &name) : NULL;
}

/* The name without the dialect's prefix, if it has it. */
static bool strip(const dialect_t *dialect, const spelling_t *name, spelling_t *out) {
    spelling_t prefix;
    if (dialect->strip == NULL || !spell(slice_text(dialect->strip), &prefix)) return false;
    if (name->len <= prefix.len || memcmp(name->text, prefix.text, prefix.len) != 0) return false;
    out->len = name->len - prefix.len;
    memcpy(out->text, name->text + prefix.len, out->len);
    return true;
}

/* Whether `name` is something, '_' and `ending`; a '_total' that Prometheus adds does not matter. */
static bool ends_with(const spelling_t *name, const char *ending, size_t *before) {
    spelling_t whole = *name, wanted;
    if (!spell(slice_text(ending), &wanted)) return false;
    (void)drop_suffix(&whole, "_total");
    if (whole.len <= wanted.len + 1 || whole.text[whole.len - wanted.len - 1] != '_') return false;
    *before = whole.len - wanted.len - 1;
    return memcmp(whole.text + *before + 1, wanted.text, wanted.len) == 0;
}

/* The rule whose row is the end of the name. */
static dialect_rule_t find_ending(const struct dialect_index *index, const spelling_t *spelled, slice_t name) {
    size_t before;
    for (uint32_t i = 0; i < index->dialect_count; i++) {
        const dialect_t *dialect = index->dialects[i];
        if (dialect->before == ROLE_NONE) continue;
        for (const dialect_metric_t *metric = dialect->metrics; metric->name != NULL; metric++)
            if (ends_with(spelled, metric->name, &before))
                return (dialect_rule_t){dialect, metric, index->labels[i], slice_of(name.data, before)};
    }
    return (dialect_rule_t){0};
}

const dialect_t *dialect_of_scope(const dialect_set_t *set, slice_t scope) {
    for (uint32_t i = 0; i < set->index->dialect_count; i++)
        if (set->index->dialects[i]->scope != NULL && slice_is(scope, set->index->dialects[i]->scope))
            return set->index->dialects[i];
    return NULL;
}

/* The row of a scope's own for a common name; few rows, so they are compared one by one. */
static const dialect_metric_t *find_scoped(const dialect_t *scope, const spelling_t *spelled) {
    if (scope == NULL) return NULL;
    for (const dialect_metric_t *metric = scope->scoped; metric != NULL && metric->name != NULL; metric++) {
        spelling_t name;
        if (spell(slice_text(metric->name), &name) && slice_equal(spelling_slice(&name), spelling_slice(spelled)))
            return metric;
    }
    return NULL;
}

dialect_rule_t dialect_metric(const dialect_set_t *set, const dialect_t *scope, slice_t name) {
    static const dialect_metric_t left_out = {.signal = SIGNAL_IGNORED};
    const struct dialect_index *index = set->index;
    spelling_t spelled, stripped;
    if (!spell(name, &spelled)) return (dialect_rule_t){0};
    const dialect_metric_t *scoped = find_scoped(scope, &spelled);
    if (scoped != NULL) return (dialect_rule_t){.dialect = scope, .metric = scoped};
    const entry_t *entry = find_spelled(index, spelled);
    if (entry != NULL) return entry->rule;
    dialect_rule_t rule = {0};
    for (uint32_t i = 0; i < index->dialect_count; i++) {
        if (!strip(index->dialects[i], &spelled, &stripped)) continue;
        entry = find_spelled(index, stripped);
        if (entry != NULL && entry->rule.dialect == index->dialects[i]) return entry->rule;
        rule = (dialect_rule_t){index->dialects[i], &left_out, index->labels[i], {NULL, 0}};
    }
    return rule.metric != NULL ? rule : find_ending(index, &spelled, name);
}
