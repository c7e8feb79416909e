/* yaml_tree: a YAML or JSON document as a tree, walked by the shape that is expected of it; what differs is a sentence
 * that names the line. Texts stay in the document until yaml_tree_fini.
 *
 *     static bool member(yaml_tree_t *tree, void *context, const char *key, const yaml_node_t *value) {
 *         if (strcmp(key, "job_name") == 0) return yaml_text(tree, value, key, &job->name);
 *         return yaml_unknown(tree, value, key, "a scrape job");
 *     }
 *     if (yaml_tree_load(&tree, text, 1, why, why_size)) fine = yaml_mapping(&tree, yaml_root(&tree), "…", member,
 * job); yaml_tree_fini(&tree); */
#ifndef SEISMESH_BASE_YAML_TREE_H
#define SEISMESH_BASE_YAML_TREE_H

#include "base/slice.h"

#include <yaml.h>

typedef struct {
    yaml_document_t document;
    bool loaded;
    int first_line; /* of the document in its file, from 1 */
    char *why;      /* of the first failure: "line N: …" */
    size_t why_size;
} yaml_tree_t;

/* False: no YAML, or more than `YAML_TREE_BYTES_MAX`; nothing is to be freed then. */
enum { YAML_TREE_BYTES_MAX = 16 << 20 };
bool yaml_tree_load(yaml_tree_t *tree, slice_t text, int first_line, char *why, size_t why_size);
void yaml_tree_fini(yaml_tree_t *tree);

const yaml_node_t *yaml_root(yaml_tree_t *tree); /* NULL when the document is empty */

/* Always false, and the sentence is kept. */
bool yaml_fail(yaml_tree_t *tree, const yaml_node_t *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool yaml_unknown(yaml_tree_t *tree, const yaml_node_t *node, const char *key, const char *what);

/* A scalar's text, borrowed from the document; false when it is none, or holds a NUL. */
bool yaml_text(yaml_tree_t *tree, const yaml_node_t *node, const char *key, const char **out);
bool yaml_flag(yaml_tree_t *tree, const yaml_node_t *node, const char *key, bool *out);

typedef bool (*yaml_member_fn)(yaml_tree_t *tree, void *context, const char *key, const yaml_node_t *value);
typedef bool (*yaml_item_fn)(yaml_tree_t *tree, void *context, size_t index, const yaml_node_t *item);

/* Calls `member` for each key, `item` for each item, until one says false. A key that is there twice is a failure. */
bool yaml_mapping(yaml_tree_t *tree, const yaml_node_t *node, const char *what, yaml_member_fn member, void *context);
bool yaml_sequence(yaml_tree_t *tree, const yaml_node_t *node, const char *what, yaml_item_fn item, void *context);

/* Items of a sequence, pairs of a mapping; 0 of anything else. */
size_t yaml_count(const yaml_node_t *node);

#endif
