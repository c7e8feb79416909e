#include "base/yaml_tree.h"

#include "base/config_value.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

bool yaml_fail(yaml_tree_t *tree, const yaml_node_t *node, const char *format, ...) {
    size_t line = (size_t)tree->first_line + (node == NULL ? 0 : node->start_mark.line);
    int len = snprintf(tree->why, tree->why_size, "line %zu: ", line);
    if (len < 0 || (size_t)len >= tree->why_size) return false;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(tree->why + len, tree->why_size - (size_t)len, format, args);
    va_end(args);
    return false;
}

bool yaml_unknown(yaml_tree_t *tree, const yaml_node_t *node, const char *key, const char *what) {
    char quoted[100];
    return yaml_fail(tree, node, "%s has no '%s'", what, log_quote(quoted, sizeof quoted, slice_text(key)));
}

bool yaml_tree_load(yaml_tree_t *tree, slice_t text, int first_line, char *why, size_t why_size) {
    *tree = (yaml_tree_t){.first_line = first_line, .why = why, .why_size = why_size};
    if (text.len > YAML_TREE_BYTES_MAX) return yaml_fail(tree, NULL, "more than %d bytes", YAML_TREE_BYTES_MAX);
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) != 1) return yaml_fail(tree, NULL, "no memory for reading YAML");
    yaml_parser_set_input_string(&parser, text.len > 0 ? text.data : (const uint8_t *)"", text.len);
    tree->loaded = yaml_parser_load(&parser, &tree->document) == 1;
    if (!tree->loaded)
        (void)snprintf(why, why_size, "line %zu: not YAML: %s", (size_t)first_line + parser.problem_mark.line,
                       parser.problem == NULL ? "unreadable" : parser.problem);
    yaml_parser_delete(&parser);
    return tree->loaded;
}

void yaml_tree_fini(yaml_tree_t *tree) {
    if (tree->loaded) yaml_document_delete(&tree->document);
    tree->loaded = false;
}

const yaml_node_t *yaml_root(yaml_tree_t *tree) {
    return yaml_document_get_root_node(&tree->document);
}

bool yaml_text(yaml_tree_t *tree, const yaml_node_t *node, const char *key, const char **out) {
    *out = "";
    if (node->type != YAML_SCALAR_NODE) return yaml_fail(tree, node, "%s must be a text", key);
    *out = (const char *)node->data.scalar.value;
    if (strlen(*out) == node->data.scalar.length) return true;
    return yaml_fail(tree, node, "%s holds a character that no text may have", key);
}

bool yaml_flag(yaml_tree_t *tree, const yaml_node_t *node, const char *key, bool *out) {
    const char *text;
    if (!yaml_text(tree, node, key, &text)) return false;
    return config_value_flag(text, out) || yaml_fail(tree, node, "%s must be true or false", key);
}

/* Whether the key of `pair` stood before it. */
static bool is_repeated(yaml_tree_t *tree, const yaml_node_t *node, const yaml_node_pair_t *pair, const char *key) {
    for (const yaml_node_pair_t *before = node->data.mapping.pairs.start; before < pair; before++) {
        const yaml_node_t *other = yaml_document_get_node(&tree->document, before->key);
        if (other->type == YAML_SCALAR_NODE && strcmp((const char *)other->data.scalar.value, key) == 0) return true;
    }
    return false;
}

bool yaml_mapping(yaml_tree_t *tree, const yaml_node_t *node, const char *what, yaml_member_fn member, void *context) {
    if (node->type != YAML_MAPPING_NODE) return yaml_fail(tree, node, "%s must be a mapping (KEY: VALUE)", what);
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(&tree->document, pair->key);
        const char *key;
        if (!yaml_text(tree, name, "a key", &key)) return false;
        if (is_repeated(tree, node, pair, key)) return yaml_fail(tree, name, "%s is there twice in %s", key, what);
        if (!member(tree, context, key, yaml_document_get_node(&tree->document, pair->value))) return false;
    }
    return true;
}

bool yaml_sequence(yaml_tree_t *tree, const yaml_node_t *node, const char *what, yaml_item_fn item, void *context) {
    if (node->type != YAML_SEQUENCE_NODE) return yaml_fail(tree, node, "%s must be a list", what);
    size_t index = 0;
    for (yaml_node_item_t *at = node->data.sequence.items.start; at < node->data.sequence.items.top; at++)
        if (!item(tree, context, index++, yaml_document_get_node(&tree->document, *at))) return false;
    return true;
}

size_t yaml_count(const yaml_node_t *node) {
    if (node->type == YAML_SEQUENCE_NODE)
        return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (node->type == YAML_MAPPING_NODE) return (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
    return 0;
}
