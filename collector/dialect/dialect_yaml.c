/* The YAML document stays in memory as long as the dialects do: their texts are its scalars. */
#include "collector/dialect/dialect_yaml.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

enum { KIND_RESOURCE, KIND_SPAN, KIND_LABEL, KIND_LOG, KIND_METRICS, KIND_CALLS, KINDS };

static const char *const kind_names[KINDS] = {"resource", "span", "label", "log", "metrics", "calls"};

typedef struct {
    dialect_t dialect;
    dialect_attribute_t *rows[KIND_METRICS]; /* owned */
    dialect_metric_t *metrics;               /* owned */
    dialect_call_t *calls;                   /* owned */
} owned_t;

typedef struct {
    yaml_document_t document;
    owned_t owned[DIALECT_EXTRA_MAX];
    uint32_t count;
    uint32_t rows[KINDS]; /* of all dialects together */
    const dialect_t *list[DIALECT_EXTRA_MAX + 1];
    int first_line;
    char *why;
    size_t why_size;
} parser_t;

static bool fail(const parser_t *p, const yaml_node_t *node, const char *format, const char *word) {
    char text[160];
    (void)snprintf(text, sizeof text, format, word);
    size_t line = (size_t)p->first_line + (node == NULL ? 0 : node->start_mark.line);
    if (p->why_size > 0) (void)snprintf(p->why, p->why_size, "line %zu: %s", line, text);
    return false;
}

static yaml_node_t *node_at(parser_t *p, int id) {
    return yaml_document_get_node(&p->document, id);
}

/* The text of a scalar; NULL, and explained, when it is none or holds a NUL. */
static const char *scalar(parser_t *p, const yaml_node_t *node, const char *key) {
    if (node->type != YAML_SCALAR_NODE || strlen((const char *)node->data.scalar.value) != node->data.scalar.length) {
        (void)fail(p, node, "%s must be a plain text", key);
        return NULL;
    }
    return (const char *)node->data.scalar.value;
}

static bool text_of(parser_t *p, const yaml_node_t *node, const char *key, const char **out) {
    *out = scalar(p, node, key);
    if (*out == NULL) return false;
    return **out != '\0' || fail(p, node, "%s is empty", key);
}

static bool word_of(parser_t *p, const yaml_node_t *node, const char *key, const char *const *words, uint32_t count,
                    uint32_t *out) {
    const char *text = scalar(p, node, key);
    if (text == NULL) return false;
    for (*out = 0; *out < count; (*out)++)
        if (strcmp(words[*out], text) == 0) return true;
    char message[128];
    (void)snprintf(message, sizeof message, "\"%.40s\" is no %%s", text);
    return fail(p, node, strchr(text, '%') == NULL ? message : "not a known %s", key);
}

static bool number_of(parser_t *p, const yaml_node_t *node, const char *key, double min, double max, double *out) {
    const char *text = scalar(p, node, key);
    char *end;
    if (text == NULL) return false;
    *out = strtod(text, &end);
    if (*text != '\0' && *end == '\0' && *out >= min && *out <= max) return true;
    return fail(p, node, "%s is not a number in its range", key);
}

static bool flag_of(parser_t *p, const yaml_node_t *node, const char *key, bool *out) {
    static const char *const words[] = {"false", "true"};
    uint32_t value;
    if (!word_of(p, node, key, words, 2, &value)) return false;
    *out = value == 1;
    return true;
}

static bool row_member(parser_t *p, const char *key, const yaml_node_t *value, dialect_attribute_t *row) {
    uint32_t word;
    double rank;
    if (strcmp(key, "key") == 0) return text_of(p, value, key, &row->key);
    if (strcmp(key, "role") == 0) {
        if (!word_of(p, value, key, role_names, ROLES, &word)) return false;
        row->role = (role_t)word;
        return true;
    }
    if (strcmp(key, "form") == 0) {
        if (!word_of(p, value, key, form_names, FORMS, &word)) return false;
        row->form = (form_t)word;
        return true;
    }
    if (strcmp(key, "rank") == 0) {
        if (!number_of(p, value, key, 1, 9, &rank)) return false;
        row->rank = (uint8_t)rank;
        return true;
    }
    return fail(p, value, "unknown key \"%.60s\" of an attribute row", key);
}

static bool metric_member(parser_t *p, const char *key, const yaml_node_t *value, dialect_metric_t *metric) {
    uint32_t word = 0;
    if (strcmp(key, "name") == 0) return text_of(p, value, key, &metric->name);
    if (strcmp(key, "gauge") == 0) return text_of(p, value, key, &metric->gauge);
    if (strcmp(key, "scale") == 0) return number_of(p, value, key, 1e-12, 1e12, &metric->scale);
    const struct {
        const char *key;
        const char *const *words;
        uint32_t count;
    } words[] = {{"signal", signal_names, SIGNALS},
                 {"observer", observer_names, OBSERVERS},
                 {"entity", entity_kind_names, ENTITY_KINDS},
                 {"needs", role_names, ROLES}};
    size_t which = 0;
    while (which < 4 && strcmp(words[which].key, key) != 0) which++;
    if (which == 4) return fail(p, value, "unknown key \"%.60s\" of a metric row", key);
    if (!word_of(p, value, key, words[which].words, words[which].count, &word)) return false;
    if (which == 0) metric->signal = (signal_t)word;
    if (which == 1) metric->observer = (observer_t)word;
    if (which == 2) metric->entity = (entity_kind_t)word;
    if (which == 3) metric->needs = (role_t)word;
    return true;
}

static bool read_row(parser_t *p, const yaml_node_t *node, dialect_attribute_t *row) {
    *row = (dialect_attribute_t){.rank = 9};
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const char *key = scalar(p, node_at(p, pair->key), "a key");
        if (key == NULL || !row_member(p, key, node_at(p, pair->value), row)) return false;
    }
    if (row->key == NULL) return fail(p, node, "a row needs a %s", "key");
    return row->role != ROLE_NONE || fail(p, node, "a row needs a %s", "role");
}

static bool read_metric(parser_t *p, const yaml_node_t *node, dialect_metric_t *metric) {
    *metric = (dialect_metric_t){.signal = SIGNALS};
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const char *key = scalar(p, node_at(p, pair->key), "a key");
        if (key == NULL || !metric_member(p, key, node_at(p, pair->value), metric)) return false;
    }
    if (metric->name == NULL) return fail(p, node, "a metric needs a %s", "name");
    if (metric->signal == SIGNALS) return fail(p, node, "a metric needs a %s", "signal");
    bool unnamed = metric->signal == SIGNAL_GAUGE && metric->gauge == NULL;
    return !unnamed || fail(p, node, "a metric with signal gauge needs a %s", "gauge");
}

static bool read_call(parser_t *p, const yaml_node_t *node, dialect_call_t *call) {
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *value = node_at(p, pair->value);
        const char *key = scalar(p, node_at(p, pair->key), "a key");
        if (key == NULL) return false;
        bool caller = strcmp(key, "caller") == 0;
        if (!caller && strcmp(key, "callee") != 0) return fail(p, value, "unknown key \"%.60s\" of a call", key);
        if (!text_of(p, value, key, caller ? &call->caller : &call->callee)) return false;
    }
    if (call->caller == NULL) return fail(p, node, "a call needs a %s", "caller");
    return call->callee != NULL || fail(p, node, "a call needs a %s", "callee");
}

static bool read_row_of(parser_t *p, const yaml_node_t *node, uint32_t kind, owned_t *owned, uint32_t index) {
    if (kind == KIND_CALLS) return read_call(p, node, &owned->calls[index]);
    if (kind == KIND_METRICS) return read_metric(p, node, &owned->metrics[index]);
    return read_row(p, node, &owned->rows[kind][index]);
}

/* Room for a kind's rows and an end; false when it has been made before. */
static bool make_room(owned_t *owned, uint32_t kind, uint32_t count) {
    if (kind == KIND_CALLS) {
        if (owned->calls != NULL) return false;
        owned->calls = memory_new(count + 1, sizeof *owned->calls);
    } else if (kind == KIND_METRICS) {
        if (owned->metrics != NULL) return false;
        owned->metrics = memory_new(count + 1, sizeof *owned->metrics);
    } else {
        if (owned->rows[kind] != NULL) return false;
        owned->rows[kind] = memory_new(count + 1, sizeof *owned->rows[kind]);
    }
    return true;
}

static bool read_rows(parser_t *p, const yaml_node_t *node, uint32_t kind, owned_t *owned) {
    if (node->type != YAML_SEQUENCE_NODE) return fail(p, node, "%s must be a list", kind_names[kind]);
    uint32_t count = (uint32_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    p->rows[kind] += count;
    if (p->rows[kind] > DIALECT_EXTRA_ROWS_MAX) return fail(p, node, "too many rows of %s", kind_names[kind]);
    if (!make_room(owned, kind, count)) return fail(p, node, "%s is there twice", kind_names[kind]);
    for (uint32_t i = 0; i < count; i++) {
        const yaml_node_t *row = node_at(p, node->data.sequence.items.start[i]);
        if (row->type != YAML_MAPPING_NODE) return fail(p, row, "a row of %s must be a mapping", kind_names[kind]);
        if (!read_row_of(p, row, kind, owned, i)) return false;
    }
    return true;
}

static bool dialect_member(parser_t *p, const char *key, const yaml_node_t *value, owned_t *owned) {
    if (strcmp(key, "name") == 0) return text_of(p, value, key, &owned->dialect.name);
    if (strcmp(key, "strip") == 0) return text_of(p, value, key, &owned->dialect.strip);
    if (strcmp(key, "labels_only") == 0) return flag_of(p, value, key, &owned->dialect.labels_only);
    for (uint32_t kind = 0; kind < KINDS; kind++)
        if (strcmp(key, kind_names[kind]) == 0) return read_rows(p, value, kind, owned);
    return fail(p, value, "unknown key \"%.60s\" of a dialect", key);
}

static bool read_dialect(parser_t *p, const yaml_node_t *node) {
    if (node->type != YAML_MAPPING_NODE) return fail(p, node, "a %s must be a mapping", "dialect");
    if (p->count == DIALECT_EXTRA_MAX) return fail(p, node, "too many %s", "dialects");
    owned_t *owned = &p->owned[p->count++];
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const char *key = scalar(p, node_at(p, pair->key), "a key");
        if (key == NULL || !dialect_member(p, key, node_at(p, pair->value), owned)) return false;
    }
    if (owned->dialect.name == NULL) return fail(p, node, "a dialect needs a %s", "name");
    dialect_t *dialect = &owned->dialect;
    dialect->resource = owned->rows[KIND_RESOURCE];
    dialect->span = owned->rows[KIND_SPAN];
    dialect->label = owned->rows[KIND_LABEL];
    dialect->log = owned->rows[KIND_LOG];
    dialect->metrics = owned->metrics;
    dialect->calls = owned->calls;
    p->list[p->count - 1] = dialect;
    return true;
}

/* The list itself, or the mapping whose only key is `dialects`. */
static bool read_list(parser_t *p) {
    const yaml_node_t *root = yaml_document_get_root_node(&p->document);
    if (root == NULL) return true;
    if (root->type == YAML_MAPPING_NODE) {
        const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
        bool one = root->data.mapping.pairs.top - pair == 1;
        const char *key = one ? scalar(p, node_at(p, pair->key), "a key") : NULL;
        if (key == NULL || strcmp(key, "dialects") != 0) return fail(p, root, "%s must be a list", "dialects");
        root = node_at(p, pair->value);
        if (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0) return true;
    }
    if (root->type != YAML_SEQUENCE_NODE) return fail(p, root, "%s must be a list", "dialects");
    for (yaml_node_item_t *item = root->data.sequence.items.start; item < root->data.sequence.items.top; item++)
        if (!read_dialect(p, node_at(p, *item))) return false;
    return true;
}

static bool load(parser_t *p, const char *yaml) {
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) return fail(p, NULL, "%s", "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml, strlen(yaml));
    bool loaded = yaml_parser_load(&parser, &p->document) != 0;
    if (!loaded && p->why_size > 0)
        (void)snprintf(p->why, p->why_size, "line %zu: %s", (size_t)p->first_line + parser.problem_mark.line,
                       parser.problem == NULL ? "not YAML" : parser.problem);
    yaml_parser_delete(&parser);
    return loaded;
}

err_t dialect_yaml_parse(const char *yaml, int first_line, const dialect_t ***out, char *why, size_t why_size) {
    parser_t *p = memory_new(1, sizeof *p);
    p->first_line = first_line;
    p->why = why;
    p->why_size = why_size;
    *out = NULL;
    if (!load(p, yaml)) {
        free(p);
        return ERR_INVALID;
    }
    if (!read_list(p)) {
        dialect_yaml_free(p->list);
        return ERR_INVALID;
    }
    p->why = NULL; /* the caller's */
    *out = p->list;
    return ERR_OK;
}

void dialect_yaml_free(const dialect_t **list) {
    if (list == NULL) return;
    parser_t *p = (parser_t *)(void *)((char *)(void *)list - offsetof(parser_t, list));
    for (uint32_t i = 0; i < p->count; i++) {
        for (int kind = 0; kind < KIND_METRICS; kind++) free(p->owned[i].rows[kind]);
        free(p->owned[i].metrics);
        free(p->owned[i].calls);
    }
    yaml_document_delete(&p->document);
    free(p);
}
